// Who was removed opens nothing that is sealed afterwards, who comes opens nothing from before: real groups, real frames.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Keyring } from "../../static/js/e2ee/keyring.js";
import { Opening, Sealing } from "../../static/js/e2ee/pipeline.js";
import { importBaseKey } from "../../static/js/e2ee/sframe.js";
import { Liar } from "./liar.mjs";
import { Portal } from "./people.mjs";
import { hex } from "./support.mjs";

const SOUND = new Uint8Array(60).fill(7);

/** A device with its media worker: what its session tells goes to its keyring, as `group_worker.js` does it. */
async function device(liar, person, clock) {
  const victim = await liar.met(person);
  const ring = new Keyring();
  const entries = [];
  victim.session.on("changed", ({ epoch, leaf, members, added, removed, key, fresh }) => {
    entries.push((async () => {
      const here = new Set(members.map(({ who }) => who.participant));
      ring.enter({
        group: hex(person.group.id), epoch, base: await importBaseKey(key), leaf, fresh, members: members.map(({ leaf: index, who }) => [index, who.participant]),
        removal: removed.some(({ who }) => !here.has(who.participant)),
      }, clock.now);
    })());
  });
  victim.session.on("phase", (phase) => phase !== "in" && ring.leave());
  return {
    victim, ring, settled: () => Promise.all(entries),
    async seal() {
      const out = [];
      await new Sealing(ring, "microphone").take({ data: SOUND.slice().buffer }, { enqueue: (frame) => out.push(frame.data) });
      return out;
    },
    /** How many of these frames can be opened. */
    async opens(frames) {
      const got = [];
      const opening = new Opening(ring, { kind: "audio", now: () => clock.now, changed: () => undefined, askForKeyFrame: () => undefined });
      for (const data of frames) await opening.take({ data: data.slice(0) }, { enqueue: (frame) => got.push(frame) });
      return got.length;
    },
  };
}

async function room(rows) {
  const [portal, liar, clock] = [await Portal.make(), new Liar(), { now: 0 }];
  const devices = [];
  for (const row of rows) devices.push(await device(liar, await portal.person(row), clock));
  const [host, ...others] = devices;
  await liar.create(host.victim);
  await liar.admit(host.victim, others.map(({ victim }) => victim));
  await Promise.all(devices.map(({ settled }) => settled()));
  const pass = (ms) => {
    clock.now += ms;
    for (const { ring } of devices) ring.tick(clock.now);
  };
  pass(1000); // everybody has switched
  return { portal, liar, clock, devices, pass };
}

test("nothing that is sealed once a removal is applied opens with the keys of whoever was removed", async () => {
  const { liar, devices: [host, anna, ben], pass } = await room(["host", "listed", "listed"]);
  assert.equal(await ben.opens(await anna.seal()), 1);
  const commit = await liar.work(host.victim, [], { remove: [ben.victim.id] });
  const told = liar.told(host.victim, commit);
  // The removed device doesn't even hear of it: a server on its side keeps it as it was.
  await Promise.all([host, anna].map(({ victim }) => victim.tell(told)));
  await Promise.all([host, anna].map(({ settled }) => settled()));
  const after = [...(await anna.seal()), ...(await host.seal())];
  assert.equal(after.length, 2);
  assert.equal(await ben.opens(after), 0, "without a millisecond in between");
  assert.equal(await host.opens(after.slice(0, 1)), 1);
  assert.equal(await anna.opens(await ben.seal()), 0, "and nobody takes what the removed device still sends");
  // Told of it, it has no keys at all.
  await ben.victim.tell(told);
  pass(1000);
  assert.equal(await ben.opens(after), 0);
  assert.deepEqual(await ben.seal(), []);
});

test("nothing that was sealed before opens with the keys of whoever comes", async () => {
  const { portal, liar, clock, devices: [host, anna], pass } = await room(["host", "listed"]);
  const captured = [...(await host.seal()), ...(await anna.seal())];
  assert.equal(captured.length, 2);
  const carl = await device(liar, await portal.person("listed"), clock);
  await liar.admit(host.victim, [carl.victim], [anna.victim]);
  await Promise.all([host, anna, carl].map(({ settled }) => settled()));
  const between = await anna.seal(); // before anna switches: carl may miss a second, and gets no older key for it
  pass(1000);
  assert.equal(await carl.opens([...captured, ...between]), 0);
  assert.equal(await carl.opens(await anna.seal()), 1);
});
