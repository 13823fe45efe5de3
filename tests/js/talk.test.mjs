// Chat, reactions and hands in an encrypted room: what members say is taken as far as it makes sense, and nothing of the server's.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Emitter } from "../../static/js/lib/emitter.js";
import { plainText } from "../../static/js/lib/plain_text.js";
import { Talk } from "../../static/js/room/talk.js";
import { Roster } from "../../static/js/signaling/roster.js";

const person = (participant, more = {}) => ({ participant, name: `${participant} as the server says`, guest: false, connected: true, screen: false, hand: null, ...more });
const member = (participant, row = "listed") => ({ leaf: 0, key: "k", who: { participant, name: participant, row, account: row === "guest" ? null : "u", room: "r", attestation: "a" } });

function room() {
  const roster = new Roster();
  roster.take({ type: "room", you: "me", meeting: {}, capabilities: {}, people: [person("me"), person("anna"), person("gast")], waiting: null, now: "2026-01-01T00:00:00Z" });
  const members = new Map([["me", member("me")], ["anna", member("anna", "host")], ["gast", member("gast", "guest")]]);
  roster.attest(members);
  const encryption = Object.assign(new Emitter(), { isOn: true, sent: [], send: async (kind, content) => encryption.sent.push([kind, content]) });
  const client = { requests: [], request: async (type, fields) => client.requests.push([type, fields]) };
  const talk = new Talk({ client, roster, securing: { encryption } });
  const told = [];
  talk.on("message", (message) => told.push(message));
  const say = (who, kind, content) => encryption.emit("message", { from: members.get(who), kind, content, seq: 1 });
  return { roster, encryption, client, talk, told, say, members };
}

test("names come from the group, and who is not in it is known", () => {
  const { roster, members } = room();
  assert.deepEqual([...roster.people.values()].map(({ name, guest, secured }) => [name, guest, secured]), [["me", false, true], ["anna", false, true], ["gast", true, true]]);
  roster.take({ type: "person", person: person("eve") });
  assert.equal(roster.people.get("eve").secured, false);
  members.delete("anna");
  roster.attest(members);
  assert.equal(roster.people.get("anna").secured, false);
  roster.attest(null);
  assert.equal(roster.people.get("anna").secured, null);
});

test("what is said is sealed, shown to oneself, and the server gets no word", async () => {
  const { encryption, client, talk, told, roster } = room();
  await talk.chat("hello");
  await talk.react("👏");
  await talk.raiseHand(true);
  assert.deepEqual(encryption.sent, [["chat", { t: "chat", text: "hello" }], ["reaction", { t: "react", emoji: "👏" }], ["reaction", { t: "hand", raised: true }]]);
  assert.deepEqual(told.map(({ type, participant }) => [type, participant]), [["chat", "me"], ["reaction", "me"]]);
  assert.ok(roster.self.hand);
  assert.deepEqual(client.requests, []);
  encryption.isOn = false;
  await talk.chat("plain");
  assert.deepEqual(client.requests, [["chat", { text: "plain" }]]);
});

test("whoever comes later is told whose hand is up", async () => {
  const { encryption, talk } = room();
  await talk.raiseHand(true);
  encryption.emit("stepped", { added: [member("new")], removed: [], fresh: false });
  assert.deepEqual(encryption.sent.at(-1), ["reaction", { t: "hand", raised: true }]);
  await talk.raiseHand(false);
  const before = encryption.sent.length;
  encryption.emit("stepped", { added: [member("new")], removed: [], fresh: false });
  assert.equal(encryption.sent.length, before);
});

test("only a host lowers another's hand", async () => {
  const { roster, say } = room();
  say("gast", "reaction", { t: "hand", raised: true });
  assert.ok(roster.people.get("gast").hand);
  roster.take({ type: "person", person: person("gast", { screen: true }) });
  assert.ok(roster.people.get("gast").hand, "what the server says of hands is nothing here");
  say("gast", "control", { t: "lower_hand", participant: "gast" });
  assert.ok(roster.people.get("gast").hand);
  say("anna", "control", { t: "lower_hand", participant: "gast" });
  assert.equal(roster.people.get("gast").hand, null);
});

test("what makes no sense is dropped, whatever its class says", () => {
  const { told, say, roster } = room();
  for (const content of [{}, { t: "chat" }, { t: "chat", text: 5 }, { t: "chat", text: " \u202e " }, { t: "react", emoji: "👏" }]) say("anna", "chat", content);
  for (const content of [{ t: "react", emoji: "💣" }, { t: "hand", raised: "yes" }, { t: "chat", text: "x" }]) say("anna", "reaction", content);
  assert.deepEqual(told, []);
  assert.equal(roster.people.get("anna").hand, null);
});

test("text of others is shown without what hides or turns it", () => {
  assert.equal(plainText("  a\u202eb\u0000\nc\u2066 ", 100), "ab\nc");
  assert.equal(plainText("x".repeat(50), 10).length, 10);
  assert.equal(plainText("👩‍💻", 100), "👩‍💻");
});

test("a notice of recording is sealed for all, kept though the server hides it, and said again to whoever comes later", async () => {
  const { encryption, client, talk, roster, say, told } = room();
  await talk.record(true);
  assert.deepEqual([client.requests.at(-1), encryption.sent.at(-1)], [["record", { on: true }], ["control", { t: "record", on: true, people: [] }]]);
  assert.deepEqual(roster.recorders.map(({ participant }) => participant), ["me"]);
  encryption.sent.length = 0;
  encryption.emit("stepped", { added: [member("gast")], removed: [], fresh: false });
  assert.deepEqual(encryption.sent, [["control", { t: "record", on: true, people: [] }]]);
  assert.deepEqual(told, [{ type: "record.answered", participant: "gast", agrees: false }], "whoever came again has not agreed yet");
  say("anna", "control", { t: "record", on: true });
  roster.take({ type: "person", person: person("anna", { recording: null }) });
  assert.ok(roster.people.get("anna").recording, "the server takes no notice back");
  say("anna", "control", { t: "record", on: false });
  assert.equal(roster.people.get("anna").recording, null);
  roster.take({ type: "person", person: person("gast", { recording: "2026-01-01T00:00:00Z" }) });
  assert.ok(roster.people.get("gast").recording, "and may add one");
});

test("only a sealed answer to oneself is an agreement", async () => {
  const { encryption, client, talk, told, say } = room();
  await talk.answerRecording("anna", true);
  assert.deepEqual([encryption.sent, client.requests], [[["control", { t: "record_answer", participant: "anna", agrees: true }]], []]);
  for (const wrong of [{ t: "record_answer", participant: "anna", agrees: true }, { t: "record_answer", participant: "me", agrees: "yes" }, { t: "record_answer", agrees: true }]) say("gast", "control", wrong);
  say("gast", "reaction", { t: "record_answer", participant: "me", agrees: true });
  assert.deepEqual(told, []);
  say("gast", "control", { t: "record_answer", participant: "me", agrees: true });
  assert.deepEqual(told, [{ type: "record.answered", participant: "gast", agrees: true }]);
});

test("no word of the server hides who records: not that they left, nor that it doesn't list them, nor a group that begins anew", async () => {
  const { encryption, talk, roster, say, members } = room();
  say("anna", "control", { t: "record", on: true });
  roster.take({ type: "gone", participant: "anna", why: "left", by: null });
  roster.take({ type: "person", person: person("anna") });
  assert.ok(roster.people.get("anna").recording);
  members.set("eve", member("eve"));
  roster.attest(members);
  say("eve", "control", { t: "record", on: true });
  roster.take({ type: "person", person: person("eve") });
  assert.ok(roster.people.get("eve").recording);
  encryption.emit("stepped", { added: [], removed: [member("eve")], fresh: false });
  assert.equal(roster.people.get("eve").recording, null, "whoever left the group has ended it");
  await talk.record(true);
  await talk.tellRecorded(["gast"]);
  encryption.sent.length = 0;
  encryption.emit("stepped", { added: [], removed: [], fresh: false, again: true });
  assert.deepEqual(encryption.sent, [["control", { t: "record", on: true, people: ["gast"] }]], "a device that came again says it again");
});

test("whoever records says who is in it, so that nobody on the way can keep a no back unnoticed", () => {
  const { told, say } = room();
  for (const people of [["me", "gast"], ["gast"], "me", undefined]) say("anna", "control", { t: "record", on: true, people });
  say("anna", "control", { t: "record", on: false, people: ["me"] });
  assert.deepEqual(told, [true, false, false, false, false].map((includesYou) => ({ type: "record.lists", participant: "anna", includesYou })));
});
