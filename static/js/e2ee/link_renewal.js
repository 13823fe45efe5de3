// A new key for the link of a sealed meeting, while people are inside: a host's device makes it, has the portal count it, and
// tells the group. Whoever has only the old link can't be added any more. docs/encryption.md section 9. No DOM, no MLS.
import { checkOf, linkKeyText, makeLinkKey, MOST_GENERATIONS, readLinkKey } from "./link_key.js";
import { isSigned } from "./backing.js";
import { linkStated } from "./statements.js";

/**
 * @typedef {import("./link_key.js").LinkKey} LinkKey
 * @typedef {{t: "link", key: string, by: import("./backing.js").Signed}} Stated
 */

export class LinkRenewal {
  #link;
  #backing;
  #room;
  #sign;
  #request;
  #send;
  #renewed;
  #failed;
  /** What a host stated last; it is repeated to whoever comes. @type {Stated | null} */
  #stated = null;
  /** Made and counted, but not told to the group yet. @type {LinkKey | null} */
  #untold = null;
  /** A new key is due once none of these is in the group. @type {Set<string>} */
  #after = new Set();
  /** It was said that a key which is due can't be made. */
  #hasFailed = false;
  #counted = 0;

  /**
   * @param {{
   *   link: import("./link_keys.js").LinkKeys, backing: import("./backing.js").Backing, room: string,
   *   sign: (text: Uint8Array<ArrayBuffer>) => Promise<import("./backing.js").Signed>,
   *   request: (type: string, fields: object) => Promise<any>, send: (kind: string, content: object) => Promise<number>,
   *   renewed: (key: LinkKey, own: boolean) => void, failed: (code: string) => void,
   * }} parts `failed`: a key that was due could not be made
   */
  constructor({ link, backing, room, sign, request, send, renewed, failed }) {
    this.#link = link;
    this.#backing = backing;
    this.#room = room;
    this.#sign = sign;
    this.#request = request;
    this.#send = send;
    this.#renewed = renewed;
    this.#failed = failed;
  }

  /** What the portal counts: a key that is made here comes after it. @param {number} generation */
  counted(generation) {
    if (Number.isSafeInteger(generation)) this.#counted = Math.max(this.#counted, generation);
  }

  /** Somebody was removed: once their leaf is gone, their link has to lead nowhere. @param {string} participant */
  dueWithout(participant) {
    this.#after.add(participant);
  }

  /**
   * The portal says so, of people who were removed since it counted this key: by another way than this page, or while no host
   * was here.
   * @param {number} generation
   * @param {string[]} participants
   */
  dueSince(generation, participants) {
    if (generation >= this.#link.newest.generation) for (const participant of participants) this.#after.add(participant);
  }

  /**
   * Makes the key that is due, when nobody is in the group who must not hear it.
   * @param {string[]} members
   */
  async look(members) {
    if (this.#untold) await this.#tell(this.#untold);
    if (!this.#after.size || members.some((participant) => this.#after.has(participant))) return;
    const due = [...this.#after];
    this.#after.clear();
    try {
      await this.renew();
      this.#hasFailed = false;
    } catch (/** @type {any} */ error) {
      const code = error?.code ?? "failed";
      if (code === "conflict") return; // another host's device was first, and tells the group
      for (const participant of due) this.#after.add(participant);
      if (!this.#hasFailed && code !== "cut" && code !== "no_answer") {
        this.#hasFailed = true;
        this.#failed(code);
      }
    }
  }

  /** Rejects with a code; what was made then is nobody's key. */
  async renew() {
    const key = makeLinkKey(Math.max(this.#link.newest.generation, this.#counted) + 1);
    // Members would not read it, and the old key would go on opening the door of the group.
    if (key.generation > MOST_GENERATIONS) throw Object.assign(new Error("too many keys"), { code: "exhausted" });
    await this.#request("e2ee.link", { generation: key.generation, check: await checkOf(key) });
    this.#counted = key.generation;
    this.#untold = key;
    await this.#tell(key);
  }

  /** @param {LinkKey} key */
  async #tell(key) {
    const text = linkKeyText(key);
    /** @type {Stated} */
    const stated = { t: "link", key: text, by: await this.#sign(linkStated({ room: this.#room, key: text })) };
    await this.#send("control", stated);
    this.#untold = null;
    await this.#take(stated, key, true);
  }

  /** Who has just come with an older link can't follow the next who comes with a newer one. */
  async repeat() {
    if (this.#stated) await this.#send("control", this.#stated);
  }

  /**
   * What a member says of the key: it holds if a host of this room said it.
   * @param {any} content
   */
  async hear(content) {
    const key = readLinkKey(content.key);
    if (!key || !isSigned(content.by) || key.generation <= this.#link.newest.generation) return;
    if (!(await this.#backing.isByHost(content.by, linkStated({ room: this.#room, key: content.key }), { checked: true }))) return;
    await this.#take({ t: "link", key: content.key, by: content.by }, key, false);
  }

  /**
   * @param {Stated} stated
   * @param {LinkKey} key
   * @param {boolean} own
   */
  async #take(stated, key, own) {
    await this.#link.learn(key);
    this.#counted = Math.max(this.#counted, key.generation);
    this.#stated = stated;
    this.#renewed(key, own);
  }
}
