// A file that members of a room pass on: cut into chunks, each sealed, under a key that only a message in the group carries.
// docs/encryption.md section 10. Pure.
import { joined, sameBytes } from "./bytes.js";

/** What a chunk holds, but the last, which holds what is left. */
export const CHUNK_BYTES = 64 * 1024;
export const TAG_BYTES = 16;
export const KEY_BYTES = 32;
const NONCE_BYTES = 12;

export class FileError extends Error {
  /** @param {"changed" | "short"} code */
  constructor(code) {
    super(`refused: ${code}`);
    this.name = "FileError";
    this.code = code;
  }
}

/** @param {number} size of the file */
export const chunksOf = (size) => Math.max(1, Math.ceil(size / CHUNK_BYTES));

/** As the server stores it. @param {number} size of the file */
export const sealedSize = (size) => size + chunksOf(size) * TAG_BYTES;

export const makeFileKey = () => crypto.getRandomValues(new Uint8Array(KEY_BYTES));

/**
 * One file's chunks, sealed or opened one after the other. A key is used for one file, so a chunk's number is its nonce; the
 * last is marked, so that an end that was cut off is noticed.
 */
export class FileSeal {
  #key;
  #size;
  #next = 0;
  /** @type {Uint8Array[]} */
  #digests = [];

  /**
   * @param {Uint8Array<ArrayBuffer>} key
   * @param {number} size of the file
   */
  static async make(key, size) {
    return new FileSeal(await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]), size);
  }

  /**
   * @param {CryptoKey} key
   * @param {number} size
   */
  constructor(key, size) {
    this.#key = key;
    this.#size = size;
  }

  /** Where the next chunk of the file begins and ends; null behind the last. @returns {[number, number] | null} */
  get next() {
    if (this.#next >= chunksOf(this.#size)) return null;
    return [this.#next * CHUNK_BYTES, Math.min(this.#size, (this.#next + 1) * CHUNK_BYTES)];
  }

  get number() {
    return this.#next;
  }

  #parameters() {
    const iv = new Uint8Array(NONCE_BYTES);
    iv[7] = Number(this.#next === chunksOf(this.#size) - 1);
    new DataView(iv.buffer).setUint32(8, this.#next);
    return { name: "AES-GCM", iv, tagLength: TAG_BYTES * 8 };
  }

  /**
   * @param {BufferSource} chunk
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  async seal(chunk) {
    const sealed = new Uint8Array(await crypto.subtle.encrypt(this.#parameters(), this.#key, chunk));
    await this.#count(sealed);
    return sealed;
  }

  /**
   * Throws FileError for what isn't this file's next chunk.
   * @param {Uint8Array<ArrayBuffer>} sealed
   * @returns {Promise<ArrayBuffer>}
   */
  async open(sealed) {
    const [from, to] = this.next ?? [0, -1];
    if (sealed.length !== to - from + TAG_BYTES) throw new FileError("short");
    const chunk = await crypto.subtle.decrypt(this.#parameters(), this.#key, sealed).catch(() => {
      throw new FileError("changed");
    });
    await this.#count(sealed);
    return chunk;
  }

  /** @param {Uint8Array<ArrayBuffer>} sealed */
  async #count(sealed) {
    this.#digests.push(new Uint8Array(await crypto.subtle.digest("SHA-256", sealed)));
    this.#next += 1;
  }

  /**
   * Of everything that was sealed or opened. It stands in the sender's signed message: another member has the key as well, and
   * could make other chunks.
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  async digest() {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...this.#digests)));
  }

  /** Throws FileError unless this is the whole file that its sender meant. @param {Uint8Array} digest */
  async finish(digest) {
    if (this.next !== null) throw new FileError("short");
    if (!sameBytes(await this.digest(), digest)) throw new FileError("changed");
  }
}
