// What the group, the keys and the people say becomes words: a banner, a note between the messages, and an alert.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Emitter } from "../../static/js/lib/emitter.js";
import { tellSecurity } from "../../static/js/room/security_notes.js";

const member = (name, account = null) => ({ leaf: 0, key: "k", who: { participant: name, name, account, row: "guest", room: "r", attestation: "a" } });

function room() {
  const said = [];
  const shown = new Map();
  const encryption = Object.assign(new Emitter(), { held: new Set(), renewed: 0, renewLink: async () => (encryption.renewed += 1), retried: 0, retry: () => (encryption.retried += 1) });
  const security = Object.assign(new Emitter(), { status: "on", isSealed: true });
  const note = (kind) => (text) => said.push(`${kind}: ${text}`);
  tellSecurity({
    securing: { encryption, link: { href: "" } }, security, roster: { people: new Map() },
    banners: { show: (name, { title, text = "", actions = [] }) => shown.set(name, { title, text, actions }), hide: (name) => shown.delete(name) },
    announcer: { alert: note("alert"), say: note("say"), came: note("came"), went: note("went") }, chat: { note: note("note") },
    openPanel: () => said.push("panel"), failed: assert.fail,
  });
  return { encryption, security, said, shown };
}

test("whoever comes, goes, or comes with another key is said, and a group that began anew too", () => {
  const { encryption, security, said } = room();
  encryption.emit("stepped", { added: [member("Anna")], removed: [], fresh: true, again: false });
  assert.deepEqual(said, [], "whoever comes in sees the list");
  encryption.emit("stepped", { added: [member("Anna", "u1"), member("Peter")], removed: [member("Ben")], fresh: false, again: true });
  for (const text of ["agreed on keys with the others anew", "note: Anna came in. New room code.", "came: Peter (guest, not compared)", "note: Ben left. New room code."]) {
    assert.ok(said.some((one) => one.includes(text)), text);
  }
  security.emit("key", member("Marcus", "u2"));
  assert.deepEqual(said.slice(-2), ["alert", "note"].map((kind) => `${kind}: Marcus is using a new device, browser or account. Compare with them before relying on it.`));
});

test("what a server keeps back, hides or doesn't carry out is said over the stage and aloud", async () => {
  const { encryption, security, said, shown } = room();
  encryption.emit("missing", member("Anna"));
  security.emit("ghosts", [member("Eve")]);
  security.emit("overdue", [member("Ben")]);
  encryption.emit("linkFailed", "failed");
  encryption.emit("leak", "camera");
  const titles = [
    "Something that Anna sent never arrived here.", "Eve has the keys of this room, but the server doesn’t list them.", "A host put Ben out, but they still have the keys of this room.",
    "The link still has its old key.", "Your camera was stopped.",
  ];
  assert.deepEqual([...shown.values()].map(({ title }) => title), titles);
  for (const title of titles) assert.ok(said.includes(`alert: ${title}`), title);
  shown.get("link").actions[0].run();
  assert.equal(encryption.renewed, 1);
  security.emit("ghosts", []);
  security.emit("overdue", []);
  assert.deepEqual([...shown.keys()], ["missing", "link", "leak"]);
});

test("a room that is no longer secure says so until it is, and offers what helps", () => {
  const { encryption, security, said, shown } = room();
  const turn = (status) => {
    security.status = status;
    security.emit("change", null);
  };
  turn("stuck");
  assert.deepEqual([shown.get("secure").title, said.pop()], ["You’re not connected securely.", "alert: You’re not connected securely."]);
  shown.get("secure").actions[0].run();
  assert.equal(encryption.retried, 1);
  turn("pending");
  assert.equal(shown.has("secure"), false);
  turn("on");
  assert.equal(said.pop(), "say: End-to-end encrypted");
  turn("differs");
  assert.match(shown.get("secure").text, /leave and start a new meeting/);
});
