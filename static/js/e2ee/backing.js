// Who may be added to the group: nobody on the server's word alone. docs/encryption.md section 4.
//
// A host's word names one participant and key; a host's rules say which kinds of people walk in; a host's no ends both for one
// person. All are signed by a host whose credential the portal attests, and travel beside every commit that needs them, so
// that whoever reads the commit can check it without having been there before. Knows nothing of MLS and of the network.
import { fromBase64url } from "./bytes.js";
import { decodeCredential, isAttested } from "./credential.js";
import { isSignedBy, no as noText, rules as rulesText, word as wordText } from "./statements.js";

/**
 * @typedef {import("./credential.js").Credential} Credential
 * @typedef {import("./statements.js").DoorTable} DoorTable
 * @typedef {{credential: string, key: string, signature: string}} Signed the host's credential and key, both base64url
 * @typedef {{participant: string, key: string, at: number, until: number, by: Signed}} Word
 * @typedef {{participant: string, at: number, by: Signed}} No
 * @typedef {{number: number, door: DoorTable, by: Signed}} Rules
 * @typedef {{words: Word[], rules: Rules | null, nos: No[]}} Evidence
 * @typedef {{who: Credential, key: string}} Candidate
 */

const TABLE_ROW = Object.freeze({ listed: "listed", colleague: "colleagues", guest: "guests", anyone: "anyone" });
const OUTCOMES = new Set(["walks_in", "knocks", "turned_away"]);
/** Clocks differ: a word that has run out for one member must not have for another, or the group would part over it. */
const CLOCK_TOLERANCE_S = 24 * 3600;
const MOST_STATEMENTS = 100;

export class Backing {
  #here;
  #now;
  /** @type {Rules | null} the newest that a host has stated */
  #rules = null;
  /** @type {Map<string, Word>} by participant and key */
  #words = new Map();
  /** The newest no about each participant. @type {Map<string, No>} */
  #nos = new Map();

  /**
   * @param {import("./credential.js").Here} here
   * @param {() => number} [now] milliseconds
   */
  constructor(here, now = Date.now) {
    this.#here = here;
    this.#now = now;
  }

  get rules() {
    return this.#rules;
  }

  /**
   * Takes a statement of the rules, if a host made it and it is newer than what is known.
   * @param {unknown} stated
   * @returns {Promise<boolean>} whether these rules hold now
   */
  async learnRules(stated) {
    const rules = readRules(stated);
    if (!rules || !(await this.isByHost(rules.by, rulesText({ room: this.#here.room, ...rules })))) return false;
    if (this.#rules && !isNewer(rules, this.#rules)) return sameRules(rules, this.#rules);
    this.#rules = rules;
    return true;
  }

  /**
   * Takes a host's word for somebody.
   * @param {unknown} given
   * @param {{checked?: boolean}} [how] as `isByHost` has it: of a word that no member handed on
   * @returns {Promise<boolean>}
   */
  async learnWord(given, { checked = false } = {}) {
    const word = readWord(given);
    if (!word || word.until + CLOCK_TOLERANCE_S < this.#now() / 1000) return false;
    if (!(await this.isByHost(word.by, wordText({ room: this.#here.room, ...word }), { checked }))) return false;
    const known = this.#words.get(place(word));
    if (!known || word.at > known.at) this.#words.set(place(word), word);
    return true;
  }

  /**
   * Takes a host's no about somebody.
   * @param {unknown} said
   * @returns {Promise<boolean>}
   */
  async learnNo(said) {
    const no = readNo(said);
    if (!no || !(await this.isByHost(no.by, noText({ room: this.#here.room, ...no })))) return false;
    const known = this.#nos.get(no.participant);
    if (!known || no.at > known.at) this.#nos.set(no.participant, no);
    return true;
  }

  /**
   * What a commit that adds these people must carry.
   * @param {Candidate[]} candidates
   * @returns {Evidence}
   */
  evidence(candidates) {
    const words = candidates.flatMap(({ who, key }) => this.#words.get(place({ participant: who.participant, key })) ?? []);
    return { words, rules: this.#rules, nos: [...this.#nos.values()].slice(-MOST_STATEMENTS) };
  }

  /**
   * Takes what came beside a commit. What doesn't hold is not taken, and then backs nobody.
   * @param {Evidence} evidence
   */
  async learn({ words, rules, nos }) {
    if (rules) await this.learnRules(rules);
    for (const word of words) await this.learnWord(word);
    for (const no of nos) await this.learnNo(no);
  }

  /** When a host last said yes or no about somebody, by that host's clock; 0: never. @param {string} participant */
  lastAbout(participant) {
    const words = [...this.#words.values()].filter((word) => word.participant === participant);
    return Math.max(0, this.#nos.get(participant)?.at ?? 0, ...words.map(({ at }) => at));
  }

  /**
   * Whether a host's no about this candidate stands.
   * @param {Candidate} candidate
   */
  forbids({ who, key }) {
    const no = this.#nos.get(who.participant);
    const word = this.#words.get(place({ participant: who.participant, key }));
    return no !== undefined && !(word && word.at > no.at);
  }

  /**
   * Whether this candidate may be added, by what is known now. The candidate's credential was found to be attested before.
   * @param {Candidate} candidate
   */
  backs({ who, key }) {
    if (this.forbids({ who, key })) return false;
    if (who.row === "host" || this.#words.has(place({ participant: who.participant, key }))) return true;
    // Before any host has come there is nobody who could have said anything: the door's own answer, attested by the portal, holds.
    if (!this.#rules) return true;
    return this.#rules.door[/** @type {keyof DoorTable} */ (TABLE_ROW[who.row])] === "walks_in";
  }

  /**
   * Whether a host of this room put their name to this.
   * @param {Signed} by
   * @param {Uint8Array<ArrayBuffer>} text
   * @param {{checked?: boolean}} [how] `checked`: in a sealed meeting, only where this device can check the proof of the link itself
   */
  async isByHost(by, text, { checked = false } = {}) {
    const bytes = fromBase64url(by.credential);
    const host = bytes && decodeCredential(bytes);
    if (host?.row !== "host" || !(await isAttested(host, by.key, this.#here))) return false;
    if (checked && this.#here.link && !this.#here.link.canCheck(host)) return false;
    return isSignedBy(by.key, by.signature, text);
  }
}

/** @param {{participant: string, key: string}} of */
const place = ({ participant, key }) => `${participant} ${key}`;

/**
 * @param {Rules} a
 * @param {Rules} b
 */
const sameRules = (a, b) => a.number === b.number && a.by.signature === b.by.signature;

/**
 * Of two hosts who spoke at once, everybody takes the same one.
 * @param {Rules} a
 * @param {Rules} b
 */
const isNewer = (a, b) => a.number > b.number || (a.number === b.number && a.by.signature > b.by.signature);

// ---- reading what others wrote

/**
 * @param {unknown} value
 * @param {string[]} names
 * @returns {value is Record<string, any>}
 */
const hasExactly = (value, names) =>
  value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).sort().join() === [...names].sort().join();

/**
 * @param {unknown} value
 * @param {number} most
 */
const isText = (value, most) => typeof value === "string" && value.length > 0 && value.length <= most;

/** @param {unknown} value */
const isCount = (value) => Number.isSafeInteger(value) && Number(value) >= 0;

/** @param {unknown} value @returns {value is Signed} */
export const isSigned = (value) =>
  hasExactly(value, ["credential", "key", "signature"]) && isText(value.credential, 1024) && isText(value.key, 43) && isText(value.signature, 86);

/**
 * @param {unknown} value
 * @returns {Word | null}
 */
export function readWord(value) {
  if (!hasExactly(value, ["participant", "key", "at", "until", "by"]) || !isSigned(value.by)) return null;
  if (!isText(value.participant, 64) || !isText(value.key, 43) || !isCount(value.at) || !isCount(value.until)) return null;
  return /** @type {Word} */ (value);
}

/**
 * @param {unknown} value
 * @returns {No | null}
 */
export function readNo(value) {
  if (!hasExactly(value, ["participant", "at", "by"]) || !isSigned(value.by)) return null;
  return isText(value.participant, 64) && isCount(value.at) ? /** @type {No} */ (value) : null;
}

/**
 * @param {unknown} value
 * @returns {Rules | null}
 */
export function readRules(value) {
  if (!hasExactly(value, ["number", "door", "by"]) || !isSigned(value.by) || !isCount(value.number)) return null;
  if (!hasExactly(value.door, ["listed", "colleagues", "guests", "anyone"])) return null;
  if (!Object.values(value.door).every((outcome) => OUTCOMES.has(outcome))) return null;
  return /** @type {Rules} */ (value);
}

/**
 * @param {unknown} value
 * @returns {Evidence | null}
 */
export function readEvidence(value) {
  if (!hasExactly(value, ["words", "rules", "nos"]) || !Array.isArray(value.words) || !Array.isArray(value.nos)) return null;
  if (value.words.length > MOST_STATEMENTS || value.nos.length > MOST_STATEMENTS) return null;
  const words = value.words.map(readWord);
  const nos = value.nos.map(readNo);
  const rules = value.rules === null ? null : readRules(value.rules);
  if (words.includes(null) || nos.includes(null) || (value.rules !== null && !rules)) return null;
  return { words: /** @type {Word[]} */ (words), rules, nos: /** @type {No[]} */ (nos) };
}
