// What an encrypted room takes of a description, and how a browser that sends past its transform is noticed.
import assert from "node:assert/strict";
import { test } from "node:test";

import { canEncrypt } from "../../static/js/e2ee/identity.js";
import { hardened } from "../../static/js/media/hardened.js";
import { Watchdog, wentPast } from "../../static/js/media/watchdog.js";

const ANSWER = [
  "v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0 1 2",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 13", "a=mid:0", "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on", "a=extmap:2/sendonly urn:ietf:params:rtp-hdrext:csrc-audio-level",
  "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1;cbr=0", "a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111",
  "a=rtpmap:13 CN/8000",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 45", "a=mid:1", "a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack pli", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=rtpmap:102 H264/90000",
  "a=rtcp-fb:102 nack pli", "a=fmtp:102 profile-level-id=42001f", "a=rtpmap:103 rtx/90000", "a=fmtp:103 apt=102", "a=rtpmap:45 AV1/90000",
  "m=video 9 UDP/TLS/RTP/SAVPF 45", "a=mid:2", "a=rtpmap:45 AV1/90000", "",
].join("\r\n");

test("sound goes at a constant rate without pauses, and no packet says how loud it is", () => {
  const sdp = hardened(ANSWER);
  assert.match(sdp, /a=fmtp:111 minptime=10;useinbandfec=1;cbr=1;usedtx=0\r\n/);
  assert.doesNotMatch(sdp, /audio-level/);
  assert.match(sdp, /a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid/);
  assert.match(hardened(ANSWER.replace(/a=fmtp:111.*\r\n/, "")), /a=rtpmap:111 opus\/48000\/2\r\na=fmtp:111 cbr=1;usedtx=0\r\n/);
});

test("received pictures wait for what is lost as in other rooms", () => {
  const offer = ["v=0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0", "a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay", "a=rtpmap:96 VP8/90000", ""].join("\r\n");
  assert.equal(hardened(offer), offer);
});

test("no codec is taken but Opus and VP8, and its repair stream goes with it", () => {
  const sdp = hardened(ANSWER);
  assert.match(sdp, /m=audio 9 UDP\/TLS\/RTP\/SAVPF 111\r\n/);
  assert.match(sdp, /m=video 9 UDP\/TLS\/RTP\/SAVPF 96 97\r\n/);
  assert.doesNotMatch(sdp, /red\/|H264|AV1|CN\/8000|:102|:103|:63 /);
  assert.match(sdp, /m=video 0 UDP\/TLS\/RTP\/SAVPF 45\r\n/, "a line with nothing left is refused");
  assert.ok(sdp.endsWith("\r\n"));
});

test("when packets come, and how long pictures wait for what was lost, tells of no contents and may be said", () => {
  const said = ["http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"];
  const sdp = hardened(ANSWER.replace("a=mid:1", `a=mid:1\r\n${said.map((uri, index) => `a=extmap:${index + 5} ${uri}`).join("\r\n")}`));
  for (const uri of said) assert.ok(sdp.includes(uri));
});

test("what is hard already stays as it is", () => {
  const once = hardened(ANSWER);
  assert.equal(hardened(once), once);
});

test("more that left than the worker gave is suspicious; headers, padding and what is under way are not", () => {
  const nothing = { sent: 0, sealed: 0 };
  assert.equal(wentPast("audio", nothing, { sent: 5000, sealed: 0 }), true);
  assert.equal(wentPast("audio", nothing, { sent: 3000, sealed: 0 }), false, "a moment's sound");
  assert.equal(wentPast("audio", nothing, { sent: 90_000, sealed: 90_000 }), false);
  assert.equal(wentPast("video", nothing, { sent: 140_000, sealed: 60_000 }), false, "the network was probed with padding");
  assert.equal(wentPast("video", nothing, { sent: 400_000, sealed: 100_000 }), true, "the largest of three layers went past");
  assert.equal(wentPast("video", { sent: 9e6, sealed: 9e6 }, { sent: 9.2e6, sealed: 9e6 }), true, "after an hour too");
  const counted = (sent, sealed, framesSent, framesSealed) => ({ sent, sealed, framesSent, framesSealed });
  assert.equal(wentPast("video", nothing, counted(500_000, 90_000, 27, 25)), false, "a busy machine made few pictures, and much padding");
  assert.equal(wentPast("video", nothing, counted(500_000, 490_000, 90, 30)), false, "a slow worker still has them");
  assert.equal(wentPast("video", nothing, counted(500_000, 100_000, 90, 60)), true, "the largest of three layers went past");
  assert.equal(wentPast("video", nothing, counted(500_000, 0, 30, 0)), true);
  assert.equal(wentPast("video", counted(9e6, 9e6, 900, 900), counted(9.2e6, 9e6, 920, 900)), true, "after an hour too");
  assert.equal(wentPast("audio", nothing, counted(5000, 0, 0, 0)), true, "sound has no pictures");
});

function watched() {
  const taken = [];
  const sender = { sent: 0, replaceTrack: async (track) => taken.push(track), getStats: async () => new Map([["a", { type: "outbound-rtp", bytesSent: sender.sent + 700, retransmittedBytesSent: 700 }]]) };
  const questions = [];
  const watchdog = new Watchdog({ endOf: () => sender }, (question) => questions.push(question));
  const leaks = [];
  watchdog.on("leak", (source) => leaks.push(source));
  const report = (sealedBytes, answer) => watchdog.take([{ id: 1, side: "out", source: "camera", seen: 0, sealed: 0, sealedBytes, opened: 0, dropped: 0 }], answer);
  /** One look: what had left when the worker was asked, what it counts when it answers. */
  const look = async (sent, sealedBytes) => {
    sender.sent = sent;
    await report(0);
    await report(sealedBytes, questions.at(-1));
  };
  return { taken, leaks, questions, report, look, sender };
}

test("after the second suspicion the line is taken off the air and said", async () => {
  const { taken, leaks, look } = watched();
  for (const [sent, sealed] of [[0, 0], [90_000, 90_000], [300_000, 110_000], [310_000, 300_000]]) await look(sent, sealed);
  assert.deepEqual(leaks, [], "one suspicion between good counts is none");
  await look(800_000, 300_000);
  await look(900_000, 300_000);
  assert.deepEqual([leaks, taken], [["camera"], [null]]);
});

test("a page or a worker that is slow is no leak: the worker counts after what had left", async () => {
  const { leaks, questions, report, sender } = watched();
  for (let second = 1; second < 20; second++) {
    sender.sent = second * 100_000;
    await report(0); // old news, from before
    await report((second - 1) * 100_000); // and more of it, while the question is under way
    assert.equal(questions.length, second);
    await report(second * 100_000, questions.at(-1));
  }
  assert.deepEqual(leaks, []);
});

test("a line that was good for long is noticed as soon as another", async () => {
  const { leaks, look } = watched();
  for (let second = 1; second <= 60; second++) await look(second * 100_000, second * 100_000);
  for (let second = 61; second <= 75 && !leaks.length; second++) await look(second * 100_000, 6_000_000);
  assert.deepEqual(leaks, ["camera"]);
});

test("a browser takes part only with transforms of one kind or the other, and both kinds of keys", async (t) => {
  const generate = crypto.subtle.generateKey.bind(crypto.subtle);
  const without = (/** @type {string} */ missing) => t.mock.method(crypto.subtle, "generateKey", async (how, ...rest) => {
    if ((how.name ?? how) === missing) throw new DOMException("", "NotSupportedError");
    return generate(how, ...rest);
  });
  assert.equal(await canEncrypt(), false, "no transforms");
  globalThis.RTCRtpSender = class { createEncodedStreams() {} };
  assert.equal(await canEncrypt(), true, "Chromium before 141");
  delete globalThis.RTCRtpSender;
  globalThis.RTCRtpScriptTransform = class {};
  assert.equal(await canEncrypt(), true);
  for (const missing of ["Ed25519", "X25519"]) {
    without(missing);
    assert.equal(await canEncrypt(), false, missing);
    t.mock.restoreAll();
  }
  delete globalThis.RTCRtpScriptTransform;
});
