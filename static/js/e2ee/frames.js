// What an encrypted frame looks like between encoder and packetizer.
//
//   video: clear[0..L) ‖ SFrame(header ‖ ciphertext ‖ tag) ‖ u8(L)     authenticated beside the header: clear ‖ u8(L)
//   audio: SFrame(header ‖ ciphertext ‖ tag)
//
// Packetizers and servers read a VP8 frame's first bytes to tell key frames from others, so these stay readable: 10 of a
// key frame, 1 of another (RFC 6386 section 9.1). They say size and kind of the picture and nothing of what is in it.
import { decodeHeader, open, seal, SFrameError, TAG_BYTES } from "./sframe.js";

/**
 * @typedef {import("./sframe.js").SFrameKey} SFrameKey
 * @typedef {"audio" | "video"} Kind
 * @typedef {{kid: number, counter: number, header: import("./sframe.js").Header, metadata: Uint8Array, sealed: Uint8Array<ArrayBuffer>}} Parsed
 */

const KEY_FRAME_CLEAR = 10;
const DELTA_CLEAR = 1;
const NOTHING = new Uint8Array(0);
/** Our own keys never get this far; a longer KID or CTR is nobody's. 2^48 frames are a hundred thousand years. */
const LARGEST_KID = 0xffffn;
const LARGEST_COUNTER = (1n << 48n) - 1n;

/**
 * How many bytes of a VP8 frame stay readable.
 * @param {number} first the frame's first byte; its lowest bit is 0 in key frames
 */
const clearBytes = (first) => (first & 1 ? DELTA_CLEAR : KEY_FRAME_CLEAR);

/**
 * @param {SFrameKey} key
 * @param {number} counter never the same twice under one key
 * @param {Kind} kind
 * @param {ArrayBuffer} frame as the encoder made it, not empty
 * @returns {Promise<ArrayBuffer>}
 */
export async function sealFrame(key, counter, kind, frame) {
  const bytes = new Uint8Array(frame);
  if (kind === "audio") return (await seal(key, BigInt(counter), NOTHING, bytes)).buffer;
  const length = clearBytes(bytes[0]);
  if (bytes.length < length) throw new SFrameError("short");
  const metadata = new Uint8Array(length + 1);
  metadata.set(bytes.subarray(0, length));
  metadata[length] = length;
  const sealed = await seal(key, BigInt(counter), metadata, bytes.subarray(length));
  const whole = new Uint8Array(length + sealed.length + 1);
  whole.set(bytes.subarray(0, length));
  whole.set(sealed, length);
  whole[whole.length - 1] = length;
  return whole.buffer;
}

/**
 * Takes a frame apart without any key. Throws SFrameError for what no sender of ours has made.
 * @param {Kind} kind
 * @param {ArrayBuffer} frame not empty
 * @returns {Parsed}
 */
export function parseFrame(kind, frame) {
  const bytes = new Uint8Array(frame);
  let metadata = NOTHING;
  let sealed = bytes;
  if (kind === "video") {
    const length = bytes[bytes.length - 1];
    if (length !== clearBytes(bytes[0]) || bytes.length < length + 2) throw new SFrameError("short");
    metadata = new Uint8Array(length + 1);
    metadata.set(bytes.subarray(0, length));
    metadata[length] = length;
    sealed = bytes.subarray(length, bytes.length - 1);
  }
  const header = decodeHeader(sealed);
  if (header.kid > LARGEST_KID) throw new SFrameError("header");
  if (header.ctr > LARGEST_COUNTER) throw new SFrameError("counter");
  if (sealed.length < header.length + TAG_BYTES) throw new SFrameError("short");
  return { kid: Number(header.kid), counter: Number(header.ctr), header, metadata, sealed };
}

/**
 * The frame as its sender's encoder made it.
 * @param {SFrameKey} key of the parsed KID
 * @param {Parsed} parsed
 * @returns {Promise<ArrayBuffer>}
 */
export async function openFrame(key, { header, metadata, sealed }) {
  const inner = new Uint8Array(await open(key, header, metadata, sealed));
  if (metadata.length === 0) return inner.buffer;
  const clear = metadata.subarray(0, metadata.length - 1);
  const frame = new Uint8Array(clear.length + inner.length);
  frame.set(clear);
  frame.set(inner, clear.length);
  return frame.buffer;
}
