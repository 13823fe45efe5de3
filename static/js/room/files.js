// Files that people in an encrypted room pass on: sealed here, stored by the server in chunks that it can't open, fetched and
// opened by whoever wants one. No DOM.
import { base64url, fromBase64url } from "../e2ee/bytes.js";
import { FileSeal, KEY_BYTES, makeFileKey, sealedSize } from "../e2ee/file_seal.js";
import { fileName } from "../lib/plain_text.js";

/**
 * @typedef {{file: string, name: string, size: number, key: Uint8Array<ArrayBuffer>, digest: Uint8Array}} SharedFile
 * @typedef {{onProgress?: (done: number) => void, signal?: AbortSignal}} Watching `done`: bytes of the file; the signal cancels
 */

/** The server takes twenty messages a second of one person; half of them are for everything else. */
const PACE_MS = 100;

/** What passes: a line that comes back, a server that is asked again. The same is then asked for again, about this long. */
const PASSING = new Set(["cut", "no_answer", "try_again"]);
/** The same of the group, which may be agreeing on keys anew. */
const GROUP_PASSING = new Set([...PASSING, "conflict", "no_group"]);
/** A chunk is 90 kB on the wire: seconds on a narrow line that carries pictures too. */
const ANSWER_WITHIN_MS = 30_000;
const MOST_TRIES = 20;
const AGAIN_AFTER_MS = 1000;

export class Files {
  #request;
  #announce;
  #pause;

  /**
   * @param {{
   *   request: (type: string, fields: object, withinMs: number) => Promise<any>, announce: (content: object) => Promise<unknown>,
   *   pause?: (ms: number) => Promise<unknown>,
   * }} parts `announce` seals to the group what opens a file
   */
  constructor({ request, announce, pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms)) }) {
    this.#request = (/** @type {string} */ type, /** @type {object} */ fields) => request(type, fields, ANSWER_WITHIN_MS);
    this.#announce = announce;
    this.#pause = pause;
  }

  /**
   * Passes a file on to everybody who is in the group now. Rejects with an error that has a `code`, or as the signal says; what
   * was stored until then is withdrawn.
   * @param {File} from
   * @param {Watching} [watching]
   * @returns {Promise<SharedFile>}
   */
  async send(from, { onProgress, signal } = {}) {
    const { size } = from;
    const { file } = await this.#insist(() => this.#request("file.begin", { size: sealedSize(size) }), signal);
    try {
      const key = makeFileKey();
      const seal = await FileSeal.make(key, size);
      for (let range = seal.next; range; range = seal.next) {
        signal?.throwIfAborted();
        const chunk = await readable(from.slice(...range));
        const { number } = seal;
        const data = base64url(await seal.seal(chunk));
        await Promise.all([this.#insist(() => this.#request("file.chunk", { file, number, data }), signal), this.#pause(seal.next ? PACE_MS : 0)]);
        onProgress?.(range[1]);
      }
      signal?.throwIfAborted();
      const shared = { file, name: fileName(from.name), size, key, digest: await seal.digest() };
      const said = { t: "file", file, name: shared.name, size, key: base64url(key), digest: base64url(shared.digest) };
      // Whoever hears it twice shows it once.
      await this.#insist(() => this.#announce(said), signal, GROUP_PASSING);
      return shared;
    } catch (error) {
      this.withdraw(file).catch(() => undefined); // who was told nothing of it can't ask for it
      throw error;
    }
  }

  /**
   * Fetches and opens a file. Rejects with an error that has a `code`, or as the signal says; nothing of a file is given that is
   * not wholly its sender's.
   * @param {SharedFile} shared
   * @param {Watching} [watching]
   * @returns {Promise<Blob>}
   */
  async fetch({ file, size, key, digest }, { onProgress, signal } = {}) {
    const seal = await FileSeal.make(key, size);
    const parts = [];
    for (let range = seal.next; range; range = seal.next) {
      signal?.throwIfAborted();
      const { number } = seal;
      const [{ data }] = await Promise.all([this.#insist(() => this.#request("file.read", { file, number }), signal), this.#pause(number ? PACE_MS : 0)]);
      parts.push(await seal.open(fromBase64url(data) ?? new Uint8Array(0)));
      onProgress?.(range[1]);
    }
    await seal.finish(digest);
    // Never shown by this origin, whatever it is: only saved.
    return new Blob(parts, { type: "application/octet-stream" });
  }

  /**
   * Nobody gets it from now on, or this rejects with an error that has a `code`.
   * @param {string} file
   */
  async withdraw(file) {
    await this.#insist(() => this.#request("file.withdraw", { file })).catch((error) => {
      if (error?.code !== "no_such_file") throw error;
    });
  }

  /**
   * Asks again while what is in the way may pass.
   * @template T
   * @param {() => Promise<T>} ask
   * @param {AbortSignal} [signal]
   * @param {Set<string>} [passing] codes
   * @returns {Promise<T>}
   */
  async #insist(ask, signal, passing = PASSING) {
    for (let tries = 1; ; tries++) {
      try {
        return await ask();
      } catch (error) {
        if (tries === MOST_TRIES || !passing.has(/** @type {any} */ (error)?.code)) throw error;
      }
      await this.#pause(AGAIN_AFTER_MS);
      signal?.throwIfAborted();
    }
  }
}

/**
 * What a part of a chosen file holds. Rejects with `unreadable` once the file is another, or gone.
 * @param {Blob} part
 */
async function readable(part) {
  return part.arrayBuffer().catch((error) => {
    throw Object.assign(new Error(String(error)), { code: "unreadable" });
  });
}

/**
 * What a member's message says of a file; null where it says nothing that could be one.
 * @param {any} content every word of it is another client's
 * @returns {SharedFile | null}
 */
export function readSharedFile({ file, name, size, key, digest }) {
  const [opened, sum] = [fromBase64url(key), fromBase64url(digest)];
  if (typeof file !== "string" || !/^[0-9a-f-]{36}$/.test(file) || typeof name !== "string" || !Number.isSafeInteger(size) || size < 0) return null;
  if (opened?.length !== KEY_BYTES || sum?.length !== 32) return null;
  return { file, name: fileName(name), size, key: opened, digest: sum };
}
