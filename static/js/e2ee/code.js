// Numbers that people compare. docs/encryption.md section 7.
import { joined, utf8 } from "./bytes.js";

const GROUPS = 6;
const DIGITS = 5;

/** @param {Uint8Array} bytes five of them make five digits */
function digits(bytes) {
  let text = "";
  for (let group = 0; group < bytes.length / DIGITS; group++) {
    let value = 0;
    for (const byte of bytes.subarray(group * DIGITS, (group + 1) * DIGITS)) value = value * 256 + byte;
    text += String(value % 10 ** DIGITS).padStart(DIGITS, "0");
  }
  return text;
}

/**
 * The room code: 30 digits that are the same for everybody in one group and epoch. A hundred bits, so that nobody in between
 * can try commits until two groups show the same.
 * @param {Uint8Array<ArrayBuffer>} authenticator of the epoch
 * @param {Uint8Array<ArrayBuffer>} group its id
 */
export async function roomCode(authenticator, group) {
  const key = await crypto.subtle.importKey("raw", authenticator, "HKDF", false, ["deriveBits"]);
  const info = utf8("lintel-e2ee/1 code");
  return digits(new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: group, info }, key, GROUPS * DIGITS * 8)));
}

/**
 * The safety number of two people: 60 digits that depend on both keys and accounts, and are the same on both sides. Slow on
 * purpose: a key that shows the same number must not be cheap to look for.
 * @param {{account: string, key: Uint8Array}} one
 * @param {{account: string, key: Uint8Array}} other
 */
export async function safetyNumber(one, other) {
  const sides = [one, other].map(({ account, key }) => {
    const name = utf8(account);
    return joined(Uint8Array.of(0, 1), key, Uint8Array.of(name.length >> 8, name.length & 0xff), name);
  });
  sides.sort((a, b) => compare(a, b));
  const key = await crypto.subtle.importKey("raw", joined(...sides), "PBKDF2", false, ["deriveBits"]);
  const salt = utf8("lintel-e2ee/1 safety");
  const bits = await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt, iterations: 100_000 }, key, 12 * DIGITS * 8);
  return digits(new Uint8Array(bits));
}

/**
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 */
function compare(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}
