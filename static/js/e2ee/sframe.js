// SFrame (RFC 9605) with AES-GCM: header, key derivation, sealing and opening. Knows no media, no epochs and no people.
// Runs wherever WebCrypto does: the media worker, Node's tests.

/** What is not SFrame, or not under this key. Says nothing of the content. */
export class SFrameError extends Error {
  /** @param {"header" | "counter" | "short" | "sealed"} code */
  constructor(code) {
    super(`not an SFrame ciphertext: ${code}`);
    this.name = "SFrameError";
    this.code = code;
  }
}

/**
 * @typedef {{id: number, keyBytes: number, hash: "SHA-256" | "SHA-512"}} Suite
 * @typedef {{kid: bigint, key: CryptoKey, salt: Uint8Array<ArrayBuffer>}} SFrameKey
 * @typedef {{kid: bigint, ctr: bigint, length: number}} Header `length` in bytes
 */

/** RFC 9605 section 4.5: the suites with a whole 16-byte tag. Meetings use the first. */
/** @type {Readonly<Suite>} */
export const AES_128_GCM = Object.freeze({ id: 4, keyBytes: 16, hash: "SHA-256" });
/** @type {Readonly<Suite>} */
export const AES_256_GCM = Object.freeze({ id: 5, keyBytes: 32, hash: "SHA-512" });

export const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const LARGEST = (1n << 64n) - 1n;
const text = new TextEncoder();

// ---- header (section 4.3): X KKK Y CCC, then KID and CTR where X and Y are set

/**
 * @param {bigint} value
 * @returns {number} bytes it takes, at least one
 */
function width(value) {
  let bytes = 1;
  for (let rest = value >> 8n; rest > 0n; rest >>= 8n) bytes += 1;
  return bytes;
}

/**
 * @param {Uint8Array} into
 * @param {number} at
 * @param {bigint} value
 * @param {number} bytes
 */
function write(into, at, value, bytes) {
  for (let i = bytes - 1; i >= 0; i--) {
    into[at + i] = Number(value & 0xffn);
    value >>= 8n;
  }
}

/**
 * @param {Uint8Array} from
 * @param {number} at
 * @param {number} bytes
 */
function read(from, at, bytes) {
  let value = 0n;
  for (let i = 0; i < bytes; i++) value = (value << 8n) | BigInt(from[at + i]);
  return value;
}

/**
 * @param {bigint} kid
 * @param {bigint} ctr
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encodeHeader(kid, ctr) {
  if (kid < 0n || ctr < 0n || kid > LARGEST || ctr > LARGEST) throw new RangeError("KID and CTR are 64 bits");
  const kidBytes = kid < 8n ? 0 : width(kid);
  const ctrBytes = ctr < 8n ? 0 : width(ctr);
  const header = new Uint8Array(1 + kidBytes + ctrBytes);
  const kidField = kidBytes ? 0x8 | (kidBytes - 1) : Number(kid);
  const ctrField = ctrBytes ? 0x8 | (ctrBytes - 1) : Number(ctr);
  header[0] = (kidField << 4) | ctrField;
  write(header, 1, kid, kidBytes);
  write(header, 1 + kidBytes, ctr, ctrBytes);
  return header;
}

/**
 * Reads the header at the start of `bytes`. A number written longer than it has to be is refused (section 4.3): two
 * spellings of one header would be two ciphertexts of one frame.
 * @param {Uint8Array} bytes
 * @returns {Header}
 */
export function decodeHeader(bytes) {
  if (bytes.length < 1) throw new SFrameError("short");
  const kidField = bytes[0] >> 4;
  const ctrField = bytes[0] & 0xf;
  const kidBytes = kidField & 0x8 ? (kidField & 0x7) + 1 : 0;
  const ctrBytes = ctrField & 0x8 ? (ctrField & 0x7) + 1 : 0;
  const length = 1 + kidBytes + ctrBytes;
  if (bytes.length < length) throw new SFrameError("short");
  const kid = kidBytes ? read(bytes, 1, kidBytes) : BigInt(kidField);
  const ctr = ctrBytes ? read(bytes, 1 + kidBytes, ctrBytes) : BigInt(ctrField);
  if (kidBytes && (kid < 8n || width(kid) !== kidBytes)) throw new SFrameError("header");
  if (ctrBytes && (ctr < 8n || width(ctr) !== ctrBytes)) throw new SFrameError("header");
  return { kid, ctr, length };
}

// ---- keys (section 4.4.2)

/**
 * A base key that can be used to derive, and never be read again.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<CryptoKey>}
 */
export function importBaseKey(bytes) {
  return crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey", "deriveBits"]);
}

/**
 * @param {string} label
 * @param {bigint} kid
 * @param {Suite} suite
 */
function derivation(label, kid, suite) {
  const words = text.encode(label);
  const info = new Uint8Array(words.length + 10);
  info.set(words);
  write(info, words.length, kid, 8);
  write(info, words.length + 8, BigInt(suite.id), 2);
  return { name: "HKDF", hash: suite.hash, salt: new Uint8Array(0), info };
}

/**
 * @param {CryptoKey} base from importBaseKey
 * @param {bigint} kid
 * @param {Suite} [suite]
 * @returns {Promise<SFrameKey>}
 */
export async function deriveKey(base, kid, suite = AES_128_GCM) {
  const aes = { name: "AES-GCM", length: suite.keyBytes * 8 };
  const [key, salt] = await Promise.all([
    crypto.subtle.deriveKey(derivation("SFrame 1.0 Secret key ", kid, suite), base, aes, false, ["encrypt", "decrypt"]),
    crypto.subtle.deriveBits(derivation("SFrame 1.0 Secret salt ", kid, suite), base, NONCE_BYTES * 8),
  ]);
  return { kid, key, salt: new Uint8Array(salt) };
}

// ---- sealing and opening (section 4.4.3)

/**
 * @param {SFrameKey} key
 * @param {bigint} ctr
 * @param {Uint8Array} header
 * @param {Uint8Array} metadata
 * @returns {AesGcmParams}
 */
function parameters(key, ctr, header, metadata) {
  const iv = key.salt.slice();
  for (let i = NONCE_BYTES - 1; ctr > 0n; i--) {
    iv[i] ^= Number(ctr & 0xffn);
    ctr >>= 8n;
  }
  const additionalData = new Uint8Array(header.length + metadata.length);
  additionalData.set(header);
  additionalData.set(metadata, header.length);
  return { name: "AES-GCM", iv, additionalData, tagLength: TAG_BYTES * 8 };
}

/**
 * Returns header and ciphertext. The caller never gives the same `ctr` to one key twice: that would give away both frames.
 * @param {SFrameKey} key
 * @param {bigint} ctr
 * @param {Uint8Array} metadata authenticated, not carried
 * @param {Uint8Array<ArrayBuffer>} plaintext
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function seal(key, ctr, metadata, plaintext) {
  const header = encodeHeader(key.kid, ctr);
  const sealed = await crypto.subtle.encrypt(parameters(key, ctr, header, metadata), key.key, plaintext);
  const whole = new Uint8Array(header.length + sealed.byteLength);
  whole.set(header);
  whole.set(new Uint8Array(sealed), header.length);
  return whole;
}

/**
 * Returns the plaintext of header and ciphertext. Rejects with SFrameError when one bit of them or of the metadata differs.
 * @param {SFrameKey} key the key of the header's KID
 * @param {Header} header what decodeHeader read from `bytes`
 * @param {Uint8Array} metadata
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<ArrayBuffer>}
 */
export async function open(key, header, metadata, bytes) {
  if (header.kid !== key.kid) throw new SFrameError("header");
  if (bytes.length < header.length + TAG_BYTES) throw new SFrameError("short");
  try {
    return await crypto.subtle.decrypt(
      parameters(key, header.ctr, bytes.subarray(0, header.length), metadata),
      key.key,
      bytes.subarray(header.length),
    );
  } catch {
    throw new SFrameError("sealed");
  }
}
