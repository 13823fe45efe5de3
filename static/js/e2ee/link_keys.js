// What the keys of a sealed meeting's link prove in its group: whose leaf was made by a holder of the complete link, and which
// pre-shared key a commit or Welcome must be made with. docs/encryption.md section 9. Knows nothing of MLS and of the network.
import { base64url, fromBase64url, fromUtf8, utf8 } from "./bytes.js";
import { checkOf, derive } from "./link_key.js";
import { linkMac } from "./statements.js";

/**
 * @typedef {import("./link_key.js").LinkKey} LinkKey
 * @typedef {import("./credential.js").Credential} Credential
 * @typedef {{key: LinkKey, id: string, psk: Uint8Array<ArrayBuffer>, mac: CryptoKey}} Held `id`: RFC 9420 section 8.4
 */

const KEY_BYTES = 32;

export class LinkKeys {
  #room;
  /** @type {Map<number, Held>} by generation */
  #held = new Map();

  /**
   * @param {string} room
   * @param {LinkKey} key
   */
  static async make(room, key) {
    const keys = new LinkKeys(room);
    await keys.learn(key);
    return keys;
  }

  /** @param {string} room */
  constructor(room) {
    this.#room = room;
  }

  /** The newest that this device has. @returns {LinkKey} */
  get newest() {
    return /** @type {Held} */ (this.#held.get(Math.max(...this.#held.keys()))).key;
  }

  /**
   * Takes a key that a host has stated. One that is known already stays as it is.
   * @param {LinkKey} key
   */
  async learn(key) {
    if (this.#held.has(key.generation)) return;
    const [psk, leaf, check] = await Promise.all([derive(key, this.#room, "psk", KEY_BYTES), derive(key, this.#room, "leaf", KEY_BYTES), checkOf(key)]);
    const mac = await crypto.subtle.importKey("raw", leaf, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
    // The check keeps two keys with one number apart.
    const id = `lintel-e2ee/1 link ${this.#room} ${key.generation} ${check}`;
    if (!this.#held.has(key.generation)) this.#held.set(key.generation, { key, id, psk, mac });
  }

  /**
   * The credential of somebody who has the complete link: this device's own.
   * @param {Credential} who
   * @param {string} identityKey
   * @returns {Promise<Credential>}
   */
  async seal(who, identityKey) {
    const { generation } = this.newest;
    const { mac } = /** @type {Held} */ (this.#held.get(generation));
    const made = await crypto.subtle.sign("HMAC", mac, linkMac(who, identityKey, generation));
    return { ...who, link: { generation, mac: base64url(new Uint8Array(made)) } };
  }

  /**
   * Whether a leaf was made by somebody with the complete link. Of keys from before this device's first it can't be told:
   * whoever built the tree that it stands in has the newer one.
   * @param {Credential} who
   * @param {string} identityKey
   */
  async vouchFor({ link, ...who }, identityKey) {
    if (!link) return false;
    const held = this.#held.get(link.generation);
    if (!held) return link.generation < Math.min(...this.#held.keys());
    const mac = fromBase64url(link.mac);
    return mac !== null && crypto.subtle.verify("HMAC", held.mac, mac, linkMac(who, identityKey, link.generation));
  }

  /** Whether this device has the key that such a proof was made with. @param {Credential} who */
  canCheck({ link }) {
    return link !== undefined && this.#held.has(link.generation);
  }

  /** The id of the pre-shared key of a generation that is known. @param {number} generation */
  pskId(generation) {
    return utf8(/** @type {Held} */ (this.#held.get(generation)).id);
  }

  /**
   * Which key an id asks for; null for every other id.
   * @param {{psktype: string, pskId?: Uint8Array}} asked
   * @returns {{generation: number, psk: Uint8Array<ArrayBuffer>} | null}
   */
  named({ psktype, pskId }) {
    const id = psktype === "external" && pskId ? fromUtf8(pskId) : null;
    const held = [...this.#held.values()].find((one) => one.id === id);
    return held ? { generation: held.key.generation, psk: held.psk } : null;
  }
}

/** The pre-shared keys that MLS may ask for: those of the meeting's link, and no others. */
export class ShownKeys {
  /** @type {number[]} */
  generations = [];
  #link;

  /** @param {LinkKeys | null} link */
  constructor(link) {
    this.#link = link;
  }

  /** @param {import("../vendor/ts-mls.js").PskId} id */
  findPsk(id) {
    const found = this.#link?.named(id);
    if (found) this.generations.push(found.generation);
    return found?.psk;
  }
}
