// A server that lies, row by row of docs/encryption.md section 8: what it gains, and how the people in the room notice.
import assert from "node:assert/strict";
import { test } from "node:test";

import { safetyNumber } from "../../static/js/e2ee/code.js";
import { Pins } from "../../static/js/e2ee/pins.js";
import { Securing } from "../../static/js/room/securing.js";
import { Roster } from "../../static/js/signaling/roster.js";
import { Liar, onTheWire } from "./liar.mjs";
import { DOOR, Portal } from "./people.mjs";
import { watched } from "./watched.mjs";

/** Ingrid (a host, who has stated the rules) and Anna, in one group; the portal's key is the liar's to use. */
async function room() {
  const [portal, liar] = [await Portal.make(), new Liar()];
  const [host, anna] = [await liar.met(await portal.person("host", { name: "Ingrid" })), await liar.met(await portal.person("listed", { name: "Anna" }))];
  await liar.create(host);
  await host.session.setDoor(DOOR);
  await liar.admit(host, [anna]);
  await anna.tell({ type: "e2ee.app", seq: 9, from: host.id, ...app(host) });
  return { portal, liar, host, anna };
}

const app = (victim) => {
  const { group, epoch, class: kind, message } = victim.of("e2ee.app").at(-1);
  return { group, epoch, class: kind, message };
};

test("a ghost whom the portal didn't attest is added by nobody", async () => {
  const { liar, host, anna } = await room();
  const ghost = await liar.met(await (await Portal.make()).person("host", { participant: "ghost" }));
  assert.equal(await liar.work(host, [ghost]), null);
  assert.deepEqual(host.of("e2ee.decline").at(-1).offers.map(({ participant }) => participant), ["ghost"]);
  assert.deepEqual(host.roster, anna.roster);
});

test("a guest whom no host let in is added by nobody, whatever the portal attests", async () => {
  const { portal, liar, host, anna } = await room();
  const ghost = await liar.met(await portal.person("guest", { participant: "ghost" }));
  for (const member of [host, anna]) assert.equal(await liar.work(member, [ghost]), null, member.id);
  // Nor on a word that the liar wrote for a host, or that a host gave for somebody else.
  const guest = await portal.person("guest");
  for (const word of [await ghost.person.word(ghost.person), await host.person.word(guest)]) {
    assert.equal(await liar.work(anna, [ghost], { word: onTheWire(word) }), null);
  }
  assert.equal(ghost.session.phase, "coming");
});

test("a ghost who is attested as a host gets in, is announced on every device, and is missed in the server's list", async (t) => {
  const { portal, liar, host, anna } = await room();
  const ghost = await liar.met(await portal.person("host", { participant: "ghost", name: "Nobody" }));
  const at = { host: watched(host, { listed: [host.id, anna.id] }), anna: watched(anna, { listed: [host.id, anna.id] }) };
  await liar.admit(host, [ghost], [anna]);
  for (const victim of [host, anna]) {
    assert.deepEqual(victim.last.added.map(({ who }) => who.name), ["Nobody"]);
    assert.ok(victim.roster.includes("ghost"));
  }
  let now = 0;
  t.mock.method(performance, "now", () => now);
  t.mock.timers.enable({ apis: ["setInterval"] });
  await at.anna.show();
  at.anna.security.start();
  assert.deepEqual(at.anna.security.ghosts, []);
  now = 6000;
  t.mock.timers.tick(1000);
  assert.deepEqual(at.anna.security.ghosts.map(({ who }) => who.name), ["Nobody"]);
  at.anna.security.stop();
});

test("a known person with a key of the server's is a new device, and the safety number differs", async () => {
  const { portal, liar, host, anna } = await room();
  const real = await portal.person("listed", { account: "marcus", name: "Marcus" });
  const { security, show, known } = watched(anna, { listed: [] });
  await new Pins({ get: async (account) => known.get(account), put: async (account, pins) => known.set(account, pins) }).see("marcus", real.key);
  const told = [];
  security.on("key", ({ who }) => told.push(who.name));
  const fake = await liar.met(await portal.person("listed", { account: "marcus", name: "Marcus" }));
  await liar.admit(host, [fake], [anna]);
  await show();
  assert.deepEqual(told, ["Marcus"]);
  assert.equal(security.status, "check_key");
  const numbers = await Promise.all([real, fake.person].map(({ key }) => safetyNumber({ account: "a", key: bytesOf(anna.person.key) }, { account: "marcus", key: bytesOf(key) })));
  assert.notEqual(numbers[0], numbers[1]);
});

const bytesOf = (text) => new Uint8Array(Buffer.from(text, "base64url"));

test("a host who signs for the key that the server showed lets in that key; whoever knocked is elsewhere, with another code", async () => {
  const { portal, liar, host, anna } = await room();
  const peter = await liar.met(await portal.person("guest", { participant: "peter", name: "Peter" }));
  const false_ = await liar.met(await portal.person("guest", { participant: "peter", name: "Peter" }));
  const word = onTheWire(await host.person.word(false_.person));
  assert.equal(await liar.work(anna, [peter], { word }), null, "the word is for another key");
  await liar.admit(anna, [false_], [host], { word });
  const other = new Liar();
  const stage = await other.met(await portal.person("host", { participant: host.id, name: "Ingrid" }));
  await other.create(stage);
  await other.admit(stage, [peter]);
  assert.equal(peter.session.phase, "in");
  assert.notEqual(peter.last.code, host.last.code);
  assert.notEqual(peter.last.members.find(({ who }) => who.name === "Ingrid").key, host.person.key);
});

test("a group for each of two people, with the server in between: the codes differ, and the keys from before don't fit", async () => {
  const portal = await Portal.make();
  const [ingrid, anna] = [await portal.person("host", { account: "ingrid", name: "Ingrid" }), await portal.person("listed", { account: "anna", name: "Anna" })];
  const sides = [];
  for (const [real, faked] of [[ingrid, { row: "listed", account: "anna", name: "Anna" }], [anna, { row: "host", account: "ingrid", name: "Ingrid" }]]) {
    const liar = new Liar();
    const [victim, fake] = [await liar.met(real), await liar.met(await portal.person(faked.row, faked))];
    await liar.create(fake);
    await liar.admit(fake, [victim]);
    sides.push(victim);
  }
  assert.notEqual(sides[0].last.code, sides[1].last.code);
  const known = new Map([["ingrid", [{ key: ingrid.key, firstSeen: 0, comparedAt: 1, known: true }]]]);
  const { security, show } = watched(sides[1], { listed: [], known });
  await show();
  assert.equal(security.status, "check_key");
  assert.deepEqual(security.changed.map(({ who }) => who.name), ["Ingrid"]);
});

test("two views of one meeting can't be joined again, and can't read each other", async () => {
  const { portal, liar, host, anna } = await room();
  const [ben, cleo] = [await liar.met(await portal.person("listed", { participant: "ben" })), await liar.met(await portal.person("listed", { participant: "cleo" }))];
  const mine = await liar.work(host, [ben]);
  const theirs = await liar.work(anna, [cleo]);
  await liar.pass(host, mine, [], [ben]);
  await liar.pass(anna, theirs, [], [cleo]);
  assert.notEqual(host.last.code, anna.last.code);
  await host.session.send("chat", { t: "chat", text: "do you read me" });
  await anna.tell({ type: "e2ee.app", seq: 20, from: host.id, ...app(host) });
  assert.deepEqual(anna.messages, []);
  const dora = await liar.met(await portal.person("listed"));
  await liar.pass(host, await liar.work(host, [dora]), [ben, anna], [dora]);
  assert.equal(anna.of("e2ee.nack").length, 1);
  assert.equal(anna.session.phase, "coming");
  assert.equal(anna.of("e2ee.hello").length, 2);
});

test("commits that are repeated, relabelled, changed or told of otherwise are not followed", async () => {
  const { portal, liar, host, anna } = await room();
  const ben = await liar.met(await portal.person("listed"));
  const commit = await liar.work(host, [ben]);
  const told = liar.told(host, commit);
  await anna.tell(told);
  const steps = anna.steps.length;
  await anna.tell(told);
  assert.equal(anna.steps.length, steps, "a repetition changes nothing");
  assert.deepEqual(anna.of("e2ee.nack"), []);
  await anna.tell({ ...told, epoch: told.epoch + 1 });
  assert.equal(anna.of("e2ee.nack").length, 1, "nor is it the next epoch's");
  assert.equal(anna.session.phase, "coming");
  for (const [lies, code] of [
    [{ add: [] }, "declared"],
    [{ add: ["somebody"] }, "declared"],
    [{ remove: [host.id] }, "declared"],
    [(commit) => ({ commit: `${commit.slice(0, -4)}AAAA` }), null],
  ]) {
    const other = await room();
    const eve = await other.liar.met(await other.portal.person("listed"));
    const made = await other.liar.work(other.host, [eve]);
    await other.anna.tell(other.liar.told(other.host, made, typeof lies === "function" ? lies(made.commit) : lies));
    assert.equal(other.anna.of("e2ee.nack").length, 1);
    if (code) assert.equal(other.anna.of("e2ee.nack")[0].code, code);
    assert.equal(other.anna.session.phase, "coming");
  }
});

test("a device that is made to come again and again stops and says so, instead of going on", async () => {
  const { anna } = await room();
  for (let times = 0; times < 4; times++) await anna.tell({ type: "e2ee.reset", reason: "refused" });
  assert.equal(anna.session.phase, "stuck");
  await assert.rejects(anna.session.send("chat", { t: "chat", text: "x" }));
});

test("messages that are repeated, or under another author or class, are not shown", async () => {
  const { host, anna } = await room();
  await host.session.send("chat", { t: "chat", text: "once" });
  const message = { type: "e2ee.app", seq: 20, from: host.id, ...app(host) };
  const { messages } = anna;
  await anna.tell({ ...message, class: "reaction" });
  assert.equal(messages.length, 0);
  await host.session.send("chat", { t: "chat", text: "twice" });
  await anna.tell({ ...message, from: anna.id, ...app(host) });
  assert.equal(messages.length, 0);
  await host.session.send("chat", { t: "chat", text: "thrice" });
  const third = { ...message, ...app(host) };
  for (let times = 0; times < 3; times++) await anna.tell(third);
  assert.deepEqual(messages.map(({ content }) => content.text), ["thrice"]);
});

test("whoever was removed says nothing more, though keys of before are kept for what is late", async () => {
  const { portal, liar, host, anna } = await room();
  const ben = await liar.met(await portal.person("listed"));
  await liar.admit(host, [ben], [anna]);
  await ben.session.send("chat", { t: "chat", text: "before" });
  await anna.tell({ type: "e2ee.app", seq: 30, from: ben.id, ...app(ben) });
  await liar.pass(host, await liar.work(host, [], { remove: [ben.id] }), [anna], []);
  await ben.session.send("chat", { t: "chat", text: "after" });
  await anna.tell({ type: "e2ee.app", seq: 40, from: ben.id, ...app(ben) });
  assert.deepEqual(anna.messages.map(({ content }) => content.text), ["before"]);
});

test("messages that are kept back are missed, as soon as their author is heard again", async () => {
  const { portal, liar, host, anna } = await room();
  const say = async (who, text) => {
    await who.session.send("chat", { t: "chat", text });
    return { type: "e2ee.app", seq: ++liar.seq, from: who.id, ...app(who) };
  };
  await anna.tell(await say(host, "one"));
  await say(host, "kept back");
  assert.deepEqual(anna.missing, [], "nobody can know yet");
  await anna.tell(await say(host, "three"));
  assert.deepEqual(anna.missing, [host.id]);
  await anna.tell(await say(host, "four"));
  assert.deepEqual(anna.missing, [host.id], "said once");
  // Whom one saw come begins with the first; what was said before one came is not missed; nor is what the server refused.
  const ben = await liar.met(await portal.person("listed"));
  await liar.admit(host, [ben], [anna]);
  await ben.tell(await say(host, "five"));
  ben.isAnswered = false;
  await assert.rejects(ben.session.send("chat", { t: "chat", text: "refused" }));
  ben.isAnswered = true;
  await anna.tell(await say(ben, "first"));
  assert.deepEqual([ben.missing, anna.missing], [[], [host.id]]);
  await say(ben, "kept back");
  await anna.tell(await say(ben, "third"));
  assert.deepEqual(anna.missing, [host.id, ben.id]);
});

test("a removal that the server doesn't carry out is said on every device, whatever its list says", async (t) => {
  const { portal, liar, host, anna } = await room();
  const ben = await liar.met(await portal.person("listed", { name: "Ben" }));
  await liar.admit(host, [ben], [anna]);
  await host.session.refuse(ben.id);
  await anna.tell({ type: "e2ee.app", seq: 30, from: host.id, ...app(host) });
  let now = 0;
  t.mock.method(performance, "now", () => now);
  for (const victim of [host, anna]) {
    now = 0;
    assert.deepEqual(victim.overdue, [ben.id]);
    const { security, show } = watched(victim, { listed: [host.id, anna.id, ben.id] });
    const told = [];
    security.on("overdue", (overdue) => told.push(overdue.map(({ who }) => who.name)));
    await show();
    assert.deepEqual(security.overdue, [], "it takes a moment");
    now = 6000;
    await show();
    assert.deepEqual([told, security.ghosts], [[["Ben"]], []]);
  }
  await liar.pass(host, await liar.work(host, [], { remove: [ben.id] }), [anna], []);
  assert.deepEqual([host.overdue, anna.overdue], [[], []]);
});

test("a host's no that the server doesn't take, or that is said outside of the group, is said again", async () => {
  const { portal, liar, host, anna } = await room();
  const ben = await liar.met(await portal.person("listed", { name: "Ben" }));
  await liar.admit(host, [ben], [anna]);
  host.isAnswered = false;
  await host.session.refuse(ben.id);
  assert.deepEqual([host.overdue, anna.overdue], [[ben.id], []]);
  host.isAnswered = true;
  const refused = host.of("e2ee.app").length;
  for (let times = 0; times < 3; times += 1) await host.session.setDoor(DOOR);
  assert.equal(host.of("e2ee.app").length, refused + 1, "once more, and no more often");
  await anna.tell({ type: "e2ee.app", seq: 30, from: host.id, ...app(host) });
  assert.deepEqual(anna.overdue, [ben.id]);
});

test("a meeting that was encrypted is not entered when the server says that it isn't", async () => {
  const kept = new Map();
  Object.defineProperty(globalThis, "localStorage", { configurable: true, value: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) } });
  const parts = (encryption) => ({ client: {}, roster: new Roster(), door: { encryption, code: "abc" } });
  const meeting = { code: "abc", encryption: "transport" };
  await assert.rejects(new Securing(parts("e2ee")).enter(meeting), { reason: "downgraded" });
  assert.deepEqual(await new Securing(parts("transport")).enter(meeting), { transforms: null, originOf: null });
  // Once it was seen encrypted, another page of the same browser knows, whatever the door says now.
  await assert.rejects(new Securing(parts("e2ee")).enter({ code: "abc", encryption: "e2ee" }), { reason: "cant_encrypt" });
  await assert.rejects(new Securing(parts("transport")).enter(meeting), { reason: "downgraded" });
});
