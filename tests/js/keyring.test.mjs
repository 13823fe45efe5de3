// Keys by epoch, and frames on their way out and in. Two keyrings with one base key stand for two members.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Keyring } from "../../static/js/e2ee/keyring.js";
import { Opening, Sealing } from "../../static/js/e2ee/pipeline.js";
import { importBaseKey } from "../../static/js/e2ee/sframe.js";

const MEMBERS = [[0, "anna"], [1, "ben"], [2, "carl"]];
const base = (n) => importBaseKey(new Uint8Array(16).fill(n));
const entry = async (epoch, more = {}) => ({ group: "g", epoch, base: await base(epoch), leaf: 0, members: MEMBERS, removal: false, fresh: false, ...more });

async function pair(epoch = 1) {
  const [anna, ben] = [new Keyring(), new Keyring()];
  anna.enter(await entry(epoch, { fresh: true }), 0);
  ben.enter(await entry(epoch, { leaf: 1, fresh: true }), 0);
  return { anna, ben };
}

const frameOf = (first, length = 60, filler = 7) => ({ data: new Uint8Array([first, ...Array(length - 1).fill(filler)]).buffer });
const KEY_FRAME = 0x10;
const DELTA = 0x11;
const bytes = ({ data }) => [...new Uint8Array(data)];

async function sealed(ring, source, frame = frameOf(DELTA)) {
  const out = [];
  const sealing = new Sealing(ring, source);
  await sealing.take(frame, { enqueue: (one) => out.push(one) });
  return out[0] ?? null;
}

function receiver(ring, kind, clock = { now: 0 }) {
  const got = [];
  const told = { asked: 0, changed: 0 };
  const opening = new Opening(ring, {
    kind, now: () => clock.now, changed: () => (told.changed += 1), askForKeyFrame: () => (told.asked += 1),
  });
  return { got, told, opening, take: (frame) => opening.take(frame, { enqueue: (one) => got.push(one) }) };
}

test("what one member seals another opens, and knows whose it is", async () => {
  const { anna, ben } = await pair();
  for (const [source, kind] of [["microphone", "audio"], ["camera", "video"], ["screen", "video"], ["screen_audio", "audio"]]) {
    const { got, opening, take } = receiver(ben, kind);
    const before = bytes(frameOf(KEY_FRAME));
    const frame = await sealed(anna, source, frameOf(KEY_FRAME));
    assert.notDeepEqual(bytes(frame), before);
    await take(frame);
    assert.deepEqual(bytes(got[0]), before);
    assert.deepEqual(opening.from, { participant: "anna", source });
  }
});

test("without a key nothing is sent", async () => {
  const ring = new Keyring();
  const sealing = new Sealing(ring, "camera");
  await sealing.take(frameOf(DELTA), { enqueue: () => assert.fail("a frame left") });
  assert.deepEqual(sealing.counts, { seen: 1, sealed: 0, sealedBytes: 0, opened: 0, dropped: 1 });
  ring.enter(await entry(1, { fresh: true }), 0);
  assert.ok(await sealed(ring, "camera"));
  ring.leave();
  assert.equal(await sealed(ring, "camera"), null);
});

test("no counter is used twice under a key, over all layers and sources", async () => {
  const { anna } = await pair();
  const seen = new Set();
  for (let i = 0; i < 50; i++) {
    for (const source of ["camera", "microphone"]) {
      const { counter } = anna.sealing(source);
      assert.ok(!seen.has(`${source} ${counter}`));
      seen.add(`${source} ${counter}`);
    }
  }
  anna.enter(await entry(1, { fresh: true }), 1);
  assert.equal(anna.sealing("camera").counter, 50, "an epoch that is told again begins no new counters");
});

test("plaintext, and whatever else is not ours, never reaches the decoder", async () => {
  const { anna, ben } = await pair();
  const { got, opening, take } = receiver(ben, "video");
  const other = new Keyring();
  other.enter(await entry(1, { base: await base(99), fresh: true }), 0);
  for (const frame of [frameOf(KEY_FRAME), frameOf(DELTA), { data: new Uint8Array([1]).buffer }, await sealed(other, "camera"), await sealed(anna, "microphone")]) await take(frame);
  await take({ data: new ArrayBuffer(0) });
  assert.deepEqual([got.length, opening.counts.opened, opening.counts.dropped], [0, 0, 5]);
  const sound = receiver(ben, "audio");
  await sound.take(await sealed(anna, "camera"));
  assert.equal(sound.got.length, 0, "a picture is not taken for sound");
});

test("a frame is taken once", async () => {
  const { anna, ben } = await pair();
  const { got, take } = receiver(ben, "video");
  const frame = await sealed(anna, "camera");
  const again = { data: frame.data.slice(0) };
  await take(frame);
  await take(again);
  const elsewhere = receiver(ben, "video");
  await elsewhere.take({ data: again.data.slice(0) });
  assert.deepEqual([got.length, elsewhere.got.length], [1, 0]);
});

test("one's own frames are not taken for another's", async () => {
  const { anna } = await pair();
  const { got, take } = receiver(anna, "video");
  await take(await sealed(anna, "camera"));
  assert.equal(got.length, 0);
});

test("when somebody came, one switches once everybody can follow, or after a second", async () => {
  const { anna, ben } = await pair();
  for (const ring of [anna, ben]) ring.enter(await entry(2, { leaf: ring === anna ? 0 : 1, base: await base(2) }), 100);
  assert.equal(anna.sendingEpoch, 1);
  assert.equal(anna.nextAt(), 1100);
  anna.tick(1099);
  assert.equal(anna.sendingEpoch, 1);
  anna.tick(1100);
  assert.equal(anna.sendingEpoch, 2);
  assert.equal(ben.sendingEpoch, 1);
  ben.activate(1);
  assert.equal(ben.sendingEpoch, 1);
  ben.activate(2);
  assert.equal(ben.sendingEpoch, 2);
  const { got, take } = receiver(ben, "video");
  await take(await sealed(anna, "camera"));
  assert.equal(got.length, 1);
});

test("when somebody is gone, one switches at once; they are heard no more, and old keys last three seconds", async () => {
  const { anna, ben } = await pair();
  const carl = new Keyring();
  carl.enter(await entry(1, { leaf: 2, fresh: true }), 0);
  const [late, old] = [await sealed(carl, "microphone"), await sealed(ben, "microphone")];
  anna.enter(await entry(2, { members: MEMBERS.slice(0, 2), removal: true }), 100);
  assert.equal(anna.sendingEpoch, 2);
  const { got, take } = receiver(anna, "audio");
  await take(late);
  assert.equal(got.length, 0);
  await take({ data: old.data.slice(0) });
  assert.equal(got.length, 1);
  anna.tick(3100);
  const after = receiver(anna, "audio");
  await after.take(await sealed(ben, "microphone"));
  assert.equal(after.got.length, 0);
});

test("old keys last ten seconds, and no more than three epochs", async () => {
  const ring = new Keyring();
  const sender = new Keyring();
  const frames = [];
  for (let epoch = 1; epoch <= 6; epoch++) {
    ring.enter(await entry(epoch, { leaf: 1, fresh: epoch === 1 }), epoch);
    sender.enter(await entry(epoch, { fresh: epoch === 1 }), epoch);
    sender.activate(epoch);
    frames.push(await sealed(sender, "microphone"));
  }
  const opened = async () => {
    const { got, take } = receiver(ring, "audio");
    for (const frame of frames) await take({ data: frame.data.slice(0) });
    return got.length;
  };
  assert.equal(await opened(), 4);
  ring.tick(20_000);
  frames.push(await sealed(sender, "microphone"));
  assert.equal(await opened(), 1);
});

test("sound that comes before its key waits for it, half a second and no longer", async () => {
  const { anna, ben } = await pair();
  anna.enter(await entry(2, { removal: true, base: await base(2) }), 0);
  const clock = { now: 0 };
  const { got, told, opening, take } = receiver(ben, "audio", clock);
  await take(await sealed(anna, "microphone", frameOf(1)));
  clock.now = 20;
  await take(await sealed(anna, "microphone", frameOf(2)));
  assert.deepEqual([got.length, opening.waitingSince, told.changed], [0, 0, 1]);
  ben.enter(await entry(2, { leaf: 1, removal: true, base: await base(2) }), 30);
  clock.now = 40;
  await take(await sealed(anna, "microphone", frameOf(3)));
  assert.deepEqual(got.map((frame) => bytes(frame)[0]), [1, 2, 3]);
  assert.equal(opening.waitingSince, null);
  anna.enter(await entry(3, { removal: true, base: await base(3) }), 50);
  for (clock.now = 100; clock.now < 2000; clock.now += 20) await take(await sealed(anna, "microphone", frameOf(4)));
  assert.equal(opening.counts.opened, 3);
  ben.enter(await entry(3, { leaf: 1, removal: true, base: await base(3) }), 2000);
  await take(await sealed(anna, "microphone", frameOf(5)));
  assert.ok(opening.counts.opened > 10 && opening.counts.opened < 3 + 30, "only the newest waited");
});

test("after missed pictures a whole one is asked for, not more than once a second", async () => {
  const { anna, ben } = await pair();
  const clock = { now: 0 };
  const { told, take } = receiver(ben, "video", clock);
  const other = new Keyring();
  other.enter(await entry(9, { fresh: true }), 0);
  for (const wait of [0, 100, 100, 1000]) {
    clock.now += wait;
    await take(await sealed(other, "camera"));
    await take(await sealed(anna, "camera"));
  }
  assert.equal(told.asked, 2);
});

test("a track that suddenly carries somebody else's media says so", async () => {
  const { anna, ben } = await pair();
  const carl = new Keyring();
  carl.enter(await entry(1, { leaf: 2, fresh: true }), 0);
  const { opening, told, take } = receiver(ben, "video");
  await take(await sealed(anna, "camera"));
  await take(await sealed(carl, "camera"));
  assert.deepEqual([opening.from.participant, told.changed], ["carl", 2]);
});
