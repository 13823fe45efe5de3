// SFrame against the RFC's own vectors, and our frames against what the second implementation (tests/support/sframe.py) made.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { openFrame, parseFrame, sealFrame } from "../../static/js/e2ee/frames.js";
import { CONTEXTS, packKeyId, unpackKeyId } from "../../static/js/e2ee/key_id.js";
import { ReplayWindow } from "../../static/js/e2ee/replay.js";
import {
  AES_128_GCM, AES_256_GCM, decodeHeader, deriveKey, encodeHeader, importBaseKey, open, seal, SFrameError,
} from "../../static/js/e2ee/sframe.js";
import { chance, hex, unhex } from "./support.mjs";

const vectors = JSON.parse(readFileSync(new URL("../vectors/sframe.json", import.meta.url)));
const frames = JSON.parse(readFileSync(new URL("../vectors/frames.json", import.meta.url)));

test("every header of RFC 9605 appendix C is written and read as it stands there", () => {
  assert.equal(vectors.header.length, 289);
  for (const { kid, ctr, encoded } of vectors.header) {
    assert.equal(hex(encodeHeader(BigInt(kid), BigInt(ctr))), encoded);
    const read = decodeHeader(unhex(encoded + "ff"));
    assert.deepEqual(read, { kid: BigInt(kid), ctr: BigInt(ctr), length: encoded.length / 2 });
  }
});

test("both GCM suites of appendix C seal and open as they stand there", async () => {
  const suites = { 4: AES_128_GCM, 5: AES_256_GCM };
  assert.equal(vectors.sframe.length, 2);
  for (const vector of vectors.sframe) {
    const key = await deriveKey(await importBaseKey(unhex(vector.base_key)), BigInt(vector.kid), suites[vector.cipher_suite]);
    assert.equal(hex(key.salt), vector.sframe_salt);
    const sealed = await seal(key, BigInt(vector.ctr), unhex(vector.metadata), unhex(vector.pt));
    assert.equal(hex(sealed), vector.ct);
    assert.equal(hex(new Uint8Array(await open(key, decodeHeader(sealed), unhex(vector.metadata), sealed))), vector.pt);
  }
});

test("a number written longer than it has to be is refused", () => {
  for (const spelled of ["8007", "0807", "8000", "900001", "0900ff", "09000100".slice(0, 6), "f00000000000000001", "ff00000000000000010000000000000001"]) {
    assert.throws(() => decodeHeader(unhex(spelled)), SFrameError, spelled);
  }
});

test("whatever header can be read is written back to the same bytes, and nothing else throws", () => {
  const random = chance(9605);
  let read = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from({ length: Math.floor(random() * 20) }, () => (random() < 0.3 ? 0 : Math.floor(random() * 256)));
    try {
      const header = decodeHeader(bytes);
      assert.equal(hex(encodeHeader(header.kid, header.ctr)), hex(bytes.subarray(0, header.length)));
      read += 1;
    } catch (error) {
      assert.ok(error instanceof SFrameError, `${hex(bytes)}: ${error}`);
    }
  }
  assert.ok(read > 1000);
});

test("numbers beyond 64 bits are refused when written", () => {
  assert.throws(() => encodeHeader(1n << 64n, 0n), RangeError);
  assert.throws(() => encodeHeader(0n, -1n), RangeError);
});

test("key ids are packed as in RFC 9605 section 5.2", () => {
  const bits = { epoch: 4, leaf: 6 };
  assert.equal(packKeyId({ context: 0, leaf: 3, epoch: 14 }, bits), 0x3e);
  assert.equal(packKeyId({ context: 0, leaf: 51, epoch: 17 }, bits), 0x331);
});

test("a key id says source, leaf and slot, and none is shared", () => {
  const seen = new Set();
  for (let context = 0; context < CONTEXTS.length; context++) {
    for (const leaf of [0, 1, 99, 255]) {
      for (let epoch = 0; epoch < 16; epoch++) {
        const kid = packKeyId({ context, leaf, epoch: epoch + 32 });
        assert.deepEqual(unpackKeyId(kid), { source: CONTEXTS[context], leaf, slot: epoch });
        seen.add(kid);
        assert.ok(kid <= 0xffff);
      }
    }
  }
  assert.equal(seen.size, 4 * 4 * 16);
  assert.equal(unpackKeyId(4 << 12), null);
  assert.throws(() => packKeyId({ context: 0, leaf: 256, epoch: 0 }), RangeError);
});

test("a counter is taken once, in any order, and not from behind the window", () => {
  const random = chance(7);
  for (const size of [1, 8, 128]) {
    const window = new ReplayWindow(size);
    const taken = new Set();
    let newest = -1;
    for (let i = 0; i < 5000; i++) {
      const counter = Math.max(0, newest + Math.floor((random() - 0.6) * size * 2.2));
      const expected = !taken.has(counter) && counter > newest - size;
      assert.equal(window.isFresh(counter), expected);
      assert.equal(window.take(counter), expected);
      taken.add(counter);
      newest = Math.max(newest, counter);
    }
  }
});

test("frames are sealed and opened as the second implementation does it", async () => {
  for (const { base_key, kid, ctr, kind, frame, sealed } of frames) {
    const key = await deriveKey(await importBaseKey(unhex(base_key)), BigInt(kid));
    assert.equal(hex(new Uint8Array(await sealFrame(key, ctr, kind, unhex(frame).buffer))), sealed);
    const parsed = parseFrame(kind, unhex(sealed).buffer);
    assert.deepEqual([parsed.kid, parsed.counter], [kid, ctr]);
    assert.equal(hex(new Uint8Array(await openFrame(key, parsed))), frame);
  }
});

test("a frame with one bit changed, anywhere, is not opened", async () => {
  for (const { base_key, kid, kind, sealed } of frames.slice(0, 4)) {
    const key = await deriveKey(await importBaseKey(unhex(base_key)), BigInt(kid));
    for (let bit = 0; bit < sealed.length * 4; bit++) {
      const bytes = unhex(sealed);
      bytes[bit >> 3] ^= 1 << (bit & 7);
      await assert.rejects(async () => openFrame(key, parseFrame(kind, bytes.buffer)), SFrameError, `bit ${bit}`);
    }
  }
});

test("no bytes make the parser throw anything but SFrameError, or read beyond a frame", () => {
  const random = chance(5);
  for (let i = 0; i < 20_000; i++) {
    const kind = random() < 0.5 ? "audio" : "video";
    const bytes = Uint8Array.from({ length: 1 + Math.floor(random() * 40) }, () => Math.floor(random() * 256));
    if (kind === "video" && random() < 0.8) bytes[bytes.length - 1] = bytes[0] & 1 ? 1 : 10;
    try {
      const { sealed, metadata, header } = parseFrame(kind, bytes.buffer);
      const around = kind === "video" ? metadata.length : 0;
      assert.equal(sealed.length + around, bytes.length);
      assert.ok(sealed.length >= header.length + 16);
    } catch (error) {
      assert.ok(error instanceof SFrameError, `${kind} ${hex(bytes)}: ${error}`);
    }
  }
});
