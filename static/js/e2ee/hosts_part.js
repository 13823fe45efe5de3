// What a host's device says to the group, and is signed: what the door does, who may be added, who may not. docs/encryption.md
// section 4. No DOM, no MLS.
import { base64url, utf8 } from "./bytes.js";
import { encodeCredential } from "./credential.js";
import { no as noText, rules as rulesText, word as wordText } from "./statements.js";

/**
 * @typedef {import("./statements.js").DoorTable} DoorTable
 * @typedef {import("./backing.js").Signed} Signed
 * @typedef {{credential: import("./credential.js").Credential, key: string, sign: (bytes: Uint8Array) => Promise<Uint8Array>}} Identity
 */

const WORD_LASTS_S = 24 * 3600;

export class HostsPart {
  #identity;
  #backing;
  #link;
  #send;
  #now;
  /** What the portal says the door does; a host states it to the group. @type {DoorTable | null} */
  #door = null;
  /** How often this device spoke to the group. Each time it says all that hosts said. */
  #said = 0;
  /** The last of these that got through: where a later one did not, something is untold. */
  #told = 0;

  /**
   * @param {{
   *   identity: Identity, backing: import("./backing.js").Backing, link?: import("./link_keys.js").LinkKeys | null,
   *   send: (kind: string, content: object) => Promise<unknown>, now: () => number,
   * }} parts `link`: of a sealed meeting; `send`: to everybody in the group
   */
  constructor({ identity, backing, link = null, send, now }) {
    this.#identity = identity;
    this.#backing = backing;
    this.#link = link;
    this.#send = send;
    this.#now = now;
  }

  get isHost() {
    return this.#identity.credential.row === "host";
  }

  get #room() {
    return this.#identity.credential.room;
  }

  /** What the portal says the door does. @param {DoorTable} door */
  setDoor({ listed, colleagues, guests, anyone }) {
    this.#door = { listed, colleagues, guests, anyone };
  }

  /** States the door's rules to the group, where they are news, and what else it has not heard of this device yet. */
  async state() {
    const known = this.#backing.rules;
    let isUntold = this.#told < this.#said;
    if (this.isHost && this.#door && JSON.stringify(known?.door) !== JSON.stringify(this.#door)) {
      const stated = { number: (known?.number ?? 0) + 1, door: this.#door };
      await this.#backing.learnRules({ ...stated, by: await this.sign(rulesText({ room: this.#room, ...stated })) });
      isUntold = true;
    }
    if (isUntold) await this.#tell();
  }

  /**
   * A host's word for somebody, as the wire carries it.
   * @param {string} participant
   * @param {string} key their identity key
   */
  async word(participant, key) {
    const at = this.#secondsAbout(participant);
    const given = { participant, key, at, until: at + WORD_LASTS_S };
    const word = { ...given, by: await this.sign(wordText({ room: this.#room, ...given })) };
    return base64url(utf8(JSON.stringify(word)));
  }

  /**
   * A host puts somebody out: nobody here is to add them again on what was said before.
   * @param {string} participant
   */
  async refuse(participant) {
    const said = { participant, at: this.#secondsAbout(participant) };
    await this.#backing.learnNo({ ...said, by: await this.sign(noText({ room: this.#room, ...said })) });
    await this.#tell();
  }

  /** Who has just come can't have heard what hosts said before. */
  async repeat() {
    const known = this.#backing.evidence([]);
    if (known.rules || known.nos.length) await this.#tell();
  }

  async #tell() {
    const said = ++this.#said;
    await this.#send("control", { t: "door", ...this.#backing.evidence([]) });
    this.#told = Math.max(this.#told, said); // an answer to this may come after a refusal of what was said later
  }

  /** The last to speak about somebody has the last word, whoever's clock is behind. @param {string} participant */
  #secondsAbout(participant) {
    return Math.max(Math.floor(this.#now() / 1000), this.#backing.lastAbout(participant) + 1);
  }

  /** @param {Uint8Array} text @returns {Promise<Signed>} */
  async sign(text) {
    const { key, sign } = this.#identity;
    // With the newest key of the link: who came by it can check no earlier one.
    const credential = this.#link ? await this.#link.seal(this.#identity.credential, key) : this.#identity.credential;
    return { credential: base64url(encodeCredential(credential)), key, signature: base64url(await sign(text)) };
  }
}
