// Whom a host pins for everyone is said to all, with who did it, and to the one whom it is about in words of their own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Emitter } from "../../static/js/lib/emitter.js";
import { tellHappenings } from "../../static/js/room/happenings.js";
import { Roster } from "../../static/js/signaling/roster.js";

const person = (name, spotlight = null) => ({ participant: name.toLowerCase(), name, hand: null, connected: true, screen: false, spotlight });
const NOTHING = { speak: true, show: true, share: true, chat: true, record: false, host: false };

function inside(name) {
  const [noted, said] = [[], []];
  const roster = new Roster();
  const silent = () => new Emitter();
  tellHappenings({
    roster, call: silent(), devices: silent(), participation: silent(), securing: {}, preferences: { get: () => false }, banners: {}, notices: {},
    announcer: { say: (text) => said.push(text) }, chat: { note: (text) => noted.push(text) },
  });
  const people = ["Ingrid", "Marcus", "Peter"].map((one) => person(one));
  roster.take({ type: "room", you: name.toLowerCase(), meeting: { rights: {} }, capabilities: NOTHING, people, waiting: null, now: new Date().toISOString() });
  const tell = (...told) => {
    for (const one of told) roster.take({ type: "person", person: one });
    assert.deepEqual(noted, said);
    noted.length = 0;
    return said.splice(0);
  };
  return { tell };
}

test("everybody reads and hears who pinned whom, and that it is over", () => {
  for (const [name, begins, ends] of [
    ["Marcus", "Ingrid pinned Peter for everyone.", "Peter is no longer pinned for everyone."],
    ["Ingrid", "You pinned Peter for everyone.", "Peter is no longer pinned for everyone."],
    ["Peter", "Ingrid pinned you for everyone.", "You’re no longer pinned for everyone."],
  ]) {
    const { tell } = inside(name);
    assert.deepEqual(tell(person("Peter", "Ingrid")), [begins]);
    assert.deepEqual(tell(person("Peter", "Ingrid")), [], "told once");
    assert.deepEqual(tell(person("Peter")), [ends]);
  }
  assert.deepEqual(inside("Ingrid").tell(person("Ingrid", "Ingrid")), ["You pinned yourself for everyone."]);
});
