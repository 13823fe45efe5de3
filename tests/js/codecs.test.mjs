// Pictures in other codecs than VP8: what is offered and asked for, and what is said of those that can't be shown.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { deviceUnseenWords, unplayableWords } from "../../static/js/elements/codec_words.js";
import { Emitter } from "../../static/js/lib/emitter.js";
import { Call } from "../../static/js/media/call.js";
import { decodable, orVp8, sendable } from "../../static/js/media/codecs.js";
import { Publisher } from "../../static/js/media/publisher.js";
import { tellCodecs } from "../../static/js/room/codec_notes.js";
import { settled } from "./support.mjs";

const codec = (name, sdpFmtpLine) => ({ mimeType: `video/${name}`, clockRate: 90000, sdpFmtpLine });
const H264 = codec("H264", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f");
const [VP8, VP9, VP9_2, AV1, AV1_1, RTX] = [codec("VP8"), codec("VP9", "profile-id=0"), codec("VP9", "profile-id=2"), codec("AV1", "level-idx=5;profile=0;tier=0"), codec("AV1", "profile=1"), codec("rtx")];

/** What each connection of a page was told. */
let made = [];

class Connection {
  connectionState = "new";
  signalingState = "stable";
  remoteDescription = null;

  constructor() {
    this.lines = [];
    made.push(this);
  }

  addTransceiver(kind, init) {
    const line = new globalThis.RTCRtpTransceiver();
    Object.assign(line, { kind, init, mid: String(this.lines.length), sender: { replaceTrack: async () => undefined, getParameters: () => ({ encodings: init.sendEncodings ?? [] }), setParameters: async () => undefined } });
    this.lines.push(line);
    return line;
  }

  getTransceivers() {
    return this.lines;
  }

  createOffer = async () => ({});
  createAnswer = async () => ({});
  setLocalDescription = async () => (this.localDescription = { sdp: "offer" });
  setRemoteDescription = async (description) => (this.remoteDescription = description);
  getConfiguration = () => ({});
  setConfiguration() {}
  restartIce() {}
  close() {
    this.connectionState = this.signalingState = "closed";
  }
}

/** A browser that sends and shows these. */
function browser({ sends, shows }) {
  made = [];
  globalThis.RTCPeerConnection = Connection;
  globalThis.RTCRtpTransceiver = class {
    preferences = null;
    setCodecPreferences(codecs) {
      this.preferences = codecs;
    }
  };
  globalThis.RTCRtpSender = { getCapabilities: () => ({ codecs: sends }) };
  globalThis.RTCRtpReceiver = { getCapabilities: () => ({ codecs: shows }) };
}

beforeEach(() => browser({ sends: [VP8, RTX, H264, VP9, VP9_2, AV1_1, AV1], shows: [VP8, RTX, H264, VP9, VP9_2, AV1, AV1_1] }));

test("of each codec the kind counts that the server passes on, and of what is sent what goes both ways", () => {
  assert.deepEqual(decodable(), ["vp8", "vp9", "av1"], "H.264 in one packet a picture is not passed on");
  assert.deepEqual(sendable(), ["vp9", "av1"]);
  assert.deepEqual(["auto", "vp9", "h264", "nonsense", "vp8"].map(orVp8), ["vp8", "vp9", "vp8", "vp8", "vp8"]);
  browser({ sends: [VP8, AV1], shows: [VP8, VP9_2, AV1_1] });
  assert.deepEqual([decodable(), sendable()], [["vp8"], []]);
  delete globalThis.RTCRtpReceiver;
  assert.deepEqual([decodable(), sendable()], [null, []], "a browser that doesn't say");
});

const transforms = { seal: () => undefined, open: () => undefined, forget: () => undefined };
const publisher = (options) => new Publisher({ request: async () => ({ sdp: "" }), transforms: null, onState: () => undefined, ...options });

test("VP8 comes in three sizes and is named first, another codec comes in one; in an encrypted room it is VP8 whatever was chosen", () => {
  browser({ sends: [H264, VP8, RTX, VP9], shows: [H264, VP8, RTX, VP9] });
  const camera = (made) => made.connection.lines[1];
  const automatic = camera(publisher({}));
  assert.deepEqual(automatic.init.sendEncodings.map(({ rid }) => rid), ["q", "h", "f"]);
  assert.deepEqual(automatic.preferences, [VP8, H264, RTX, VP9], "Safari names H.264 first");
  const chosen = camera(publisher({ codec: "vp9" }));
  assert.deepEqual(chosen.init.sendEncodings.map(({ rid, scalabilityMode }) => [rid, scalabilityMode]), [[undefined, "L1T3"]]);
  assert.deepEqual(camera(publisher({ codec: "av1" })).init.sendEncodings.map(({ scalabilityMode }) => scalabilityMode), [undefined]);
  assert.deepEqual(chosen.preferences, [VP9, H264, VP8, RTX], "VP8 stays, for a server that takes nothing else");
  const sealed = publisher({ codec: "vp9", transforms });
  assert.equal(sealed.codec, "vp8");
  assert.equal(camera(sealed).init.sendEncodings.length, 3);
  assert.equal(camera(sealed).preferences, null);
});

test("a shared screen comes in two sizes in VP8, in another codec in one", async () => {
  for (const [options, rids] of [[{}, ["h", "f"]], [{ codec: "vp9" }, [undefined]], [{ codec: "vp9", transforms }, ["h", "f"]]]) {
    const made = publisher(options);
    await made.prepare("screen", {});
    assert.deepEqual(made.connection.lines.at(-1).init.sendEncodings.map(({ rid }) => rid), rids);
    made.close();
  }
});

test("of a small window's screen browsers make one size, which is the whole; when it grows, there are two", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const made = publisher({});
  await made.prepare("screen", {});
  const { sender } = made.connection.lines.at(-1);
  const sent = () => sender.getParameters().encodings.filter(({ active }) => active).map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy]);
  for (const [width, height, sizes] of [[400, 240, [["h", 1]]], [1280, 720, [["h", 2], ["f", 1]]]]) {
    sender.track = { getSettings: () => ({ width, height }) };
    t.mock.timers.tick(2000);
    await settled();
    assert.deepEqual(sent(), sizes);
  }
  await made.setTracks([["screen", null]]);
  sender.track = { getSettings: () => assert.fail("nobody looks at a screen that is shared no more") };
  t.mock.timers.tick(2000);
  await settled();
  made.close();
});

test("a sender is given one budget after another, as browsers refuse the second of two at once", async () => {
  const made = publisher({});
  const { sender } = made.connection.lines[1];
  sender.track = { getSettings: () => ({ width: 640, height: 480 }) };
  let [given, most] = [0, 0];
  sender.setParameters = async () => {
    most = Math.max(most, ++given);
    await settled();
    given--;
  };
  const both = made.prepare("camera", sender.track);
  await settled();
  made.fit(7);
  await both;
  await settled();
  assert.deepEqual(sender.getParameters().encodings.map(({ active, maxFramerate }) => [active, maxFramerate]), [[true, 20], [true, 24], [false, 24]]);
  assert.equal(most, 1);
});

/** A call that is inside; `said` is what the server was told. */
async function inside({ transforms = null } = {}) {
  const said = [];
  const call = new Call({ request: async (type, fields) => (said.push([type, fields]), { sdp: "answer" }) });
  await call.enter({ transforms, originOf: null });
  return { call, said };
}

test("the server hears what can be shown, and another choice makes another transport for what is sent", async () => {
  const { call, said } = await inside();
  assert.deepEqual(said.find(([type]) => type === "media.start")[1].decodes, ["vp8", "vp9", "av1"]);
  const [first, { subscriber }] = [call.publisher, call];
  await call.sendAs("auto");
  assert.equal(call.publisher, first);
  await call.sendAs("av1");
  assert.notEqual(call.publisher, first);
  assert.equal(first.connection.connectionState, "closed");
  assert.equal(call.publisher.codec, "av1");
  assert.equal(call.subscriber, subscriber);
  assert.equal(said.filter(([type]) => type === "media.publish").length, 2);

  const sealed = (await inside({ transforms })).call;
  const only = sealed.publisher;
  await sealed.sendAs("av1");
  assert.equal(sealed.publisher, only);
});

const ANNA = { participant: "anna", source: "camera", codec: "av1" };

test("an encrypted room takes no word of the server about what can't be shown", async () => {
  const { call } = await inside({ transforms });
  call.take({ type: "media.unplayable", tracks: [ANNA] });
  call.take({ type: "media.unseen", sources: [{ source: "camera", codec: "av1", people: 1 }] });
  assert.deepEqual([call.unplayable.size, call.unseen], [0, []]);
});

test("of a device it is said what whoever set it up can do", () => {
  const device = { name: "Hall", device: true, source: "camera" };
  assert.match(unplayableWords({ ...device, codec: "av1" }).advice, /send VP8 or H\.264\.$/);
  assert.match(unplayableWords({ ...device, codec: "h264" }).advice, /send VP8\.$/);
  assert.equal(deviceUnseenWords({ source: "camera", codec: "av1", people: 3 }), "3 people can’t see its picture (AV1). Whoever set it up can have it send VP8 or H.264.");
});

test("what can't be shown is said once, while it is sent; what isn't seen stands there until it is", async () => {
  const { call } = await inside();
  const roster = Object.assign(new Emitter(), { people: new Map([["anna", { name: "Anna", device: false, camera: false, screen: false }]]) });
  const participation = Object.assign(new Emitter(), { camera: true, sharing: false });
  const [said, shown, preferences] = [[], new Map(), new Map()];
  tellCodecs({ roster, call, participation, preferences, announcer: { say: (text) => said.push(text) }, banners: { show: (name, banner) => shown.set(name, banner), hide: (name) => shown.delete(name) } });

  call.take({ type: "media.unplayable", tracks: [ANNA] });
  assert.equal(call.unplayable.get("anna:camera").codec, "av1");
  assert.deepEqual(said, [], "her camera is off");
  roster.people.get("anna").camera = true;
  roster.emit("change", null);
  roster.emit("change", null);
  assert.deepEqual(said.splice(0), ["Your browser can’t show Anna’s picture: it is sent as AV1. Ask Anna to choose Automatic in the settings, under Video."]);

  const unseen = (people) => call.take({ type: "media.unseen", sources: people ? [{ source: "camera", codec: "vp9", people }] : [] });
  unseen(2);
  assert.equal(shown.get("unseen").title, "2 people can’t see your picture (VP9).");
  assert.deepEqual(said.splice(0), ["2 people can’t see your picture (VP9)."]);
  shown.delete("unseen"); // by hand
  unseen(2);
  assert.equal(shown.size, 0);
  unseen(1);
  shown.get("unseen").actions[0].run();
  assert.deepEqual([preferences.get("codec"), shown.size], ["auto", 0]);
  unseen(1);
  participation.camera = false;
  participation.emit("change", null);
  assert.equal(shown.size, 0, "nobody sees a camera that is off");
  participation.camera = true;
  unseen(1);
  assert.equal(shown.size, 1);
  call.close();
  await settled();
  assert.deepEqual([shown.size, call.unplayable.size], [0, 0]);
});
