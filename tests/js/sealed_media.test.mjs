// What an encrypted room takes of a description, and how a browser that sends past its transform is noticed.
import assert from "node:assert/strict";
import { test } from "node:test";

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

test("no codec is taken but Opus and VP8, and its repair stream goes with it", () => {
  const sdp = hardened(ANSWER);
  assert.match(sdp, /m=audio 9 UDP\/TLS\/RTP\/SAVPF 111\r\n/);
  assert.match(sdp, /m=video 9 UDP\/TLS\/RTP\/SAVPF 96 97\r\n/);
  assert.doesNotMatch(sdp, /red\/|H264|AV1|CN\/8000|:102|:103|:63 /);
  assert.match(sdp, /m=video 0 UDP\/TLS\/RTP\/SAVPF 45\r\n/, "a line with nothing left is refused");
  assert.ok(sdp.endsWith("\r\n"));
});

test("what is hard already stays as it is", () => {
  const once = hardened(ANSWER);
  assert.equal(hardened(once), once);
});

const count = (made, seen, sealed = seen) => ({ made, seen, sealed });

test("frames that never reached the worker are suspicious, those on their way are not", () => {
  assert.equal(wentPast("video", count(0, 0), count(60, 58)), false);
  assert.equal(wentPast("video", count(0, 0), count(60, 0)), true);
  assert.equal(wentPast("video", count(100, 100), count(160, 130)), true);
  assert.equal(wentPast("audio", count(0, 0), count(100, 70)), false, "Firefox sends more packets than it has frames");
  assert.equal(wentPast("audio", count(0, 0), count(100, 0)), true);
  assert.equal(wentPast("audio", count(0, 0), count(6, 0)), false);
  assert.equal(wentPast("audio", count(0, 0), count(100, 100, 0)), false, "dropped for want of a key is not past the worker");
});

test("after the second suspicion the line is taken off the air and said", async () => {
  const taken = [];
  let encoded = 0;
  const sender = { replaceTrack: async (track) => taken.push(track), getStats: async () => new Map([["a", { type: "outbound-rtp", framesEncoded: encoded }]]) };
  const watchdog = new Watchdog({ endOf: () => sender });
  const leaks = [];
  watchdog.on("leak", (source) => leaks.push(source));
  const report = async (seen) => watchdog.take([{ id: 1, side: "out", source: "camera", seen, sealed: seen, opened: 0, dropped: 0 }]);
  for (const [made, seen] of [[0, 0], [30, 30], [60, 40], [90, 70], [120, 70]]) {
    encoded = made;
    await report(seen);
  }
  assert.deepEqual(leaks, [], "one suspicion between good counts is none");
  encoded = 150;
  await report(70);
  assert.deepEqual([leaks, taken], [["camera"], [null]]);
});
