// Who speaks: by their sound, by the server's word where none arrives, and what the page says of its own microphone.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Emitter } from "../../static/js/lib/emitter.js";
import { VoiceDetector } from "../../static/js/media/levels.js";
import { OwnSpeech } from "../../static/js/media/own_speech.js";
import { Hearing } from "../../static/js/room/hearing.js";
import { RequestFailed } from "../../static/js/signaling/protocol.js";

let loud = 0;
let state = "running";
let stop = () => undefined;
let tick = () => undefined;
const later = () => new Promise((done) => setImmediate(done));

globalThis.AudioContext = class {
  get state() {
    return state;
  }
  resume = async () => undefined;
  createMediaStreamSource = () => ({ connect: () => undefined, disconnect: () => undefined });
};
globalThis.AnalyserNode = class {
  getFloatTimeDomainData = (samples) => samples.fill(loud);
};
globalThis.MediaStream = class {};
globalThis.Worker = class {
  postMessage() {
    tick = async () => {
      this.onmessage();
      await later();
    };
  }
  terminate() {}
};

/** A page of "you" and others. `sound` is what arrives of them: a level, or null for nothing. */
function page(encrypted, ...others) {
  const roster = new Emitter();
  const sound = new Map();
  const person = (participant) => [participant, { participant, microphone: true, secured: encrypted }];
  Object.assign(roster, { you: "you", people: new Map(["you", ...others].map(person)) });
  const receiver = (id) => ({
    track: { id },
    getSynchronizationSources: () => (sound.get(id) == null ? [] : [{ timestamp: performance.timeOrigin + performance.now(), audioLevel: sound.get(id) }]),
  });
  const packets = new Map(others.map((id) => [id, 0]));
  const reports = () => others.map((id) => {
    packets.set(id, packets.get(id) + (sound.get(id) == null ? 0 : 20));
    return [id, { type: "inbound-rtp", kind: "audio", id, trackIdentifier: id, packetsReceived: packets.get(id), audioLevel: sound.get(id) ?? 0 }];
  });
  const call = {
    originOf: encrypted ? () => null : null,
    incoming: new Map(others.map((id) => [`${id}:microphone`, { receiver: receiver(id) }])),
    subscriber: { connection: { getStats: async () => new Map(reports()) } },
  };
  const participation = { microphone: true };
  const said = [];
  let speaking = new Set();
  const hearing = new Hearing({
    roster, call, participation, ticker: "ticker.js",
    request: async (type, fields) => said.push([type, fields.speaking]),
    heard: (now) => (speaking = now),
  });
  stop = () => hearing.stop();
  hearing.start();
  hearing.watch({ enabled: true });
  return { roster, sound, participation, hearing, said, speaking: () => [...speaking].sort().join(" ") };
}

afterEach(() => stop());

const eight = ["a", "b", "c", "d", "e", "f", "g", "h"];

test("whose sound arrives speaks by that sound, whatever the server says", async () => {
  const { sound, hearing, speaking } = page(false, "a", "b");
  sound.set("a", 0.3).set("b", 0);
  hearing.named(["b"]);
  await tick();
  assert.equal(speaking(), "a");
});

test("of whom no sound arrives the server's word is taken, until the room is told anew", async () => {
  const { roster, sound, hearing, speaking } = page(false, "a", "b");
  sound.set("a", 0);
  hearing.named(["a", "b", "gone"]);
  await tick();
  assert.equal(speaking(), "b");
  roster.people.get("b").microphone = false;
  await tick();
  assert.equal(speaking(), "");
  roster.people.get("b").microphone = true;
  roster.emit("whole", null);
  await tick();
  assert.equal(speaking(), "");
});

test("in an encrypted room of few microphones the server is told nothing of who speaks, and not believed", async () => {
  const { sound, hearing, said, speaking } = page(true, ...eight.slice(0, 7));
  for (const id of eight) sound.set(id, 0);
  sound.set("a", null);
  loud = 0.3;
  hearing.named(["a"]);
  await tick();
  await tick();
  assert.equal(speaking(), "you");
  assert.deepEqual(said, []);
});

test("where more are on than are passed on anyway, the page says when its microphone speaks, and stops saying it", async () => {
  const { roster, sound, participation, hearing, said, speaking } = page(true, ...eight);
  loud = 0;
  sound.set("a", null);
  hearing.named(["a"]);
  await tick();
  await tick();
  assert.equal(speaking(), "a");
  loud = 0.3;
  await tick();
  await tick();
  assert.deepEqual(said, [["media.speaking", false], ["media.speaking", true]]);

  participation.microphone = false;
  await tick();
  participation.microphone = true;
  await tick();
  assert.deepEqual(said.slice(2), [["media.speaking", true]], "the server has forgotten what was said before");
  roster.emit("whole", null);
  await tick();
  assert.deepEqual(said.slice(3), [["media.speaking", true]]);

  roster.people.get("h").microphone = false;
  await tick();
  assert.deepEqual(said.slice(4), [["media.speaking", null]]);
});

test("people whom the server lists beside the group make no crowd", async () => {
  const { roster, said } = page(true, ...eight);
  roster.people.get("a").secured = false;
  loud = 0.3;
  await tick();
  await tick();
  assert.deepEqual(said, []);
});

test("whose browser can't tell whether they speak says nothing, and so is always heard", async () => {
  const { said } = page(true, ...eight);
  loud = 0.3;
  state = "suspended";
  await tick();
  await tick();
  assert.deepEqual(said, []);
  state = "running";
  await tick();
  assert.deepEqual(said, [["media.speaking", true]]);
});

test("a quiet voice is speech by how far it is above its silence, and what is loud always is", () => {
  const voice = new VoiceDetector();
  const says = (level, from, until) => {
    let speaks = false;
    for (let now = from; now < until; now += 150) speaks = voice.update(level, now);
    return speaks;
  };
  assert.equal(says(0.001, 0, 3000), false);
  assert.equal(voice.update(0.004, 3000), true);
  assert.equal(says(0.001, 3150, 3700), true, "a pause");
  assert.equal(says(0.001, 3700, 4500), false);
  assert.equal(says(0.004, 4500, 120_000), false, "for minutes: it is a fan");
  assert.equal(voice.update(0.015, 120_000), true, "somebody beside the fan");
  assert.equal(says(0.3, 121_000, 600_000), true, "music");
});

test("what is refused is said again a second later, and one word is under way at a time", async () => {
  let refuse = true;
  const said = [];
  const own = new OwnSpeech(async (_, { speaking }) => {
    said.push(speaking);
    if (refuse) throw new RequestFailed("too_many", "slower");
  });
  await Promise.all([own.say(true, 0), own.say(true, 0)]);
  await own.say(true, 500);
  assert.deepEqual(said, [true]);
  refuse = false;
  await own.say(true, 1000);
  await own.say(true, 1150);
  assert.deepEqual(said, [true, true]);
  await own.say(false, 1300);
  assert.deepEqual(said, [true, true, false]);
  await own.say(false, 11_200);
  assert.deepEqual(said, [true, true, false]);
  await own.say(false, 11_300);
  assert.deepEqual(said, [true, true, false, false], "the server forgets what was said long ago");
  await own.say(null, 12_000);
  await own.say(null, 60_000);
  assert.deepEqual(said, [true, true, false, false, null]);
});
