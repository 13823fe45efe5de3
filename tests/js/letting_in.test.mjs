// A host lets somebody into an encrypted room, in every order in which press, key and entry can come: each ends with a word for
// the key that was shown, and with one.
import assert from "node:assert/strict";
import { test } from "node:test";

import { fromBase64url, fromUtf8 } from "../../static/js/e2ee/bytes.js";
import { Encryption } from "../../static/js/e2ee/encryption.js";
import { HostsPart } from "../../static/js/e2ee/hosts_part.js";
import { Securing } from "../../static/js/room/securing.js";
import { Roster } from "../../static/js/signaling/roster.js";
import { settled } from "./order.mjs";
import { DOOR, Portal } from "./people.mjs";

Object.defineProperty(globalThis, "localStorage", { configurable: true, value: { getItem: () => null, setItem: () => undefined } });
globalThis.RTCRtpScriptTransform = class {};

const MEETING = { code: "abc", encryption: "e2ee", link_key: null, door: DOOR };

/** A host's page whose group's worker signs for the host; what it asks of the server is noted, and `answers` when a test says so. */
async function hostsPage(t) {
  const [portal, clock] = [await Portal.make(), { now: 0 }];
  const host = await portal.person("host");
  const part = new HostsPart({ identity: host, backing: host.backing, send: async () => undefined, now: Date.now });
  const worker = { isBegun: true };
  globalThis.Worker = class {
    postMessage({ type, id, participant, key }) {
      const done = (result) => this.onmessage({ data: { type: "done", id, ...result } });
      if (type === "begin") this.onmessage({ data: { type: "phase", phase: "in" } });
      if (type === "refuse") done({});
      if (type === "word" && !worker.isBegun) done({ error: "failed" });
      else if (type === "word") void part.word(participant, key).then((result) => done({ result }));
    }
    terminate() {}
  };
  const said = [];
  const request = async (type, fields) => {
    if (type === "e2ee.identify") return { credential: host.credential, portal_key: portal.here.portalKey };
    said.push({ type, ...fields });
    return null;
  };
  const roster = new Roster();
  const door = { encryption: "e2ee", code: "abc", signed_in: { id: host.credential.account }, workers: { group: "group", media: "media" } };
  const securing = new Securing({ client: { request, participant: host.id }, roster, door, Encryption, now: () => clock.now });
  t.after(() => securing.close());
  roster.take({ type: "room", you: host.id, meeting: MEETING, people: [], waiting: [], capabilities: { host: true }, now: new Date().toISOString() });
  const words = () => said.filter(({ word }) => word).map(({ type, word }) => [type, JSON.parse(fromUtf8(fromBase64url(word))).key]);
  return {
    securing, roster, said, words, worker, clock,
    comesIn: () => securing.enter(MEETING),
    letIn: () => securing.asHost("door.admit", { participant: "peter", revision: 0 }),
    atTheDoor: (identity) => {
      roster.take({ type: "gone", participant: "peter", why: "refused", by: null });
      roster.take({ type: "waiting", waiting: [{ participant: "peter", name: "Peter", reason: "knock", identity }], answered: null });
    },
    inside: async (identity) => {
      roster.take({ type: "waiting", waiting: [], answered: null });
      roster.take({ type: "person", person: { participant: "peter", name: "Peter", identity } });
      await settled();
    },
  };
}

test("who has shown a key at the door is let in with a word for it", async (t) => {
  const page = await hostsPage(t);
  await page.comesIn();
  page.atTheDoor("peters key");
  await page.letIn();
  await page.inside("peters key");
  assert.deepEqual(page.words(), [["door.admit", "peters key"]]);
});

test("who is let in before they have shown a key gets the word as soon as they have, once, and for no other", async (t) => {
  const page = await hostsPage(t);
  await page.comesIn();
  page.atTheDoor(null);
  await page.letIn();
  page.atTheDoor("peters key");
  await settled();
  assert.deepEqual(page.said, [{ type: "door.admit", participant: "peter", revision: 0 }], "the server takes none for people outside");
  await page.inside(null);
  assert.deepEqual(page.words(), []);
  for (const identity of ["peters key", "peters key", "another key"]) await page.inside(identity);
  assert.deepEqual(page.words(), [["e2ee.word", "peters key"]]);
});

test("they may show it before the answer to the host is there", async (t) => {
  const page = await hostsPage(t);
  await page.comesIn();
  page.atTheDoor(null);
  const pressed = page.letIn();
  await page.inside("peters key");
  await pressed;
  await settled();
  assert.deepEqual(page.words(), [["e2ee.word", "peters key"]]);
});

test("a host who has only just come in speaks for them once their own device can sign", async (t) => {
  const page = await hostsPage(t);
  page.worker.isBegun = false;
  page.atTheDoor("peters key");
  await page.letIn();
  await page.inside("peters key");
  await page.comesIn();
  await settled();
  assert.deepEqual(page.words(), [], "its worker has not begun");
  page.worker.isBegun = true;
  await page.inside("peters key");
  assert.deepEqual(page.words(), [["e2ee.word", "peters key"]]);
});

test("a press on Let in is no word for whoever shows a key much later, was put out again, or was let in by somebody else", async (t) => {
  const page = await hostsPage(t);
  await page.comesIn();
  page.atTheDoor(null);
  await page.inside("a key that no host of this page let in");
  page.atTheDoor(null);
  await page.letIn();
  page.clock.now += 30_001;
  await page.inside("late");
  page.atTheDoor(null);
  await page.letIn();
  await page.securing.asHost("host.to_door", { participant: "peter" });
  await page.inside("put out");
  assert.deepEqual(page.words(), []);
});

test("who was put out before the host's own device could sign gets no word from it afterwards", async (t) => {
  const page = await hostsPage(t);
  page.atTheDoor("peters key");
  await page.letIn();
  await page.securing.asHost("host.to_door", { participant: "peter" });
  await page.comesIn();
  await page.inside("peters key");
  assert.deepEqual(page.words(), []);
});

test("who was put out gets no word while the server still has to say that they are out", async (t) => {
  const page = await hostsPage(t);
  await page.comesIn();
  page.atTheDoor(null);
  await page.letIn();
  const putOut = page.securing.asHost("host.to_door", { participant: "peter" });
  await page.inside("peters key");
  await putOut;
  assert.deepEqual(page.words(), []);
});

test("a host's no that isn't taken is said again, also where something that was said before gets through meanwhile", async () => {
  const portal = await Portal.make();
  const [identity, peter] = [await portal.person("host"), await portal.person("guest")];
  const answers = [];
  const send = () => new Promise((taken, refused) => answers.push({ taken, refused }));
  const host = new HostsPart({ identity, backing: identity.backing, send, now: Date.now });
  host.setDoor(DOOR);
  const stated = host.state();
  while (answers.length < 1) await settled();
  const put = host.refuse(peter.id);
  while (answers.length < 2) await settled();
  answers[0].taken();
  await stated;
  answers[1].refused(new Error("conflict"));
  await assert.rejects(put);
  const again = host.state();
  await settled();
  assert.equal(answers.length, 3);
  answers[2].taken();
  await again;
  await host.state();
  assert.equal(answers.length, 3, "and no more often");
});

test("of two hosts whose clocks differ the last to speak about somebody has the last word", async () => {
  const portal = await Portal.make();
  const peter = await portal.person("guest");
  const { backing } = await portal.person();
  const hosts = [];
  for (const ahead of [0, 300_000]) {
    const identity = await portal.person("host");
    hosts.push(new HostsPart({ identity, backing: identity.backing, send: (_, said) => Promise.all([backing, ...hosts.map(({ knows }) => knows)].map((one) => one.learn(said))), now: () => Date.now() + ahead }));
    hosts.at(-1).knows = identity.backing;
  }
  const [slow, fast] = hosts;
  const lets = async (host) => {
    const word = JSON.parse(fromUtf8(fromBase64url(await host.word(peter.id, peter.key))));
    for (const one of [backing, slow.knows, fast.knows]) assert.ok(await one.learnWord(word));
  };
  await lets(fast);
  assert.equal(backing.backs(peter.member), true);
  await slow.refuse(peter.id);
  assert.equal(backing.backs(peter.member), false, "put out for good, although the other clock is ahead");
  await fast.refuse(peter.id);
  await lets(slow);
  assert.equal(backing.backs(peter.member), true, "let in again");
  await slow.refuse(peter.id);
  assert.equal(backing.backs(peter.member), false, "in the same second");
});
