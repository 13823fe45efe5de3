// How safe this room is right now, in one word, and what each person's key is to this one. Computed from what the group, the
// media lines and the people here say; words and pictures are made elsewhere. No DOM.
import { Emitter } from "../lib/emitter.js";
import { Pins } from "../e2ee/pins.js";

/**
 * @typedef {import("../e2ee/tree.js").Member} Member
 * @typedef {"transport" | "pending" | "on" | "compared" | "check_key" | "differs" | "stuck" | "leaking"} Status
 * @typedef {"compared" | "vouched" | "not_compared" | "changed"} KeyState
 * @typedef {{at: Date, keys: Set<string>}} Compared
 * @typedef {{change: null, key: Member, ghosts: Member[], overdue: Member[]}} SecurityEvents
 */

/** A member whom the server doesn't list, or whom a host put out, may just be leaving; longer than this it is something else. */
const GHOST_AFTER_MS = 5000;
/** Nobody has read thirty digits aloud in less: whoever says that they are the same speaks of those before. */
const CODE_READ_AFTER_MS = 3000;

/** @extends {Emitter<SecurityEvents>} */
export class Security extends Emitter {
  /** When and with whom the room code was compared. @type {Compared | null} */
  compared = null;
  /** Somebody saw another code. */
  differs = false;
  /** Who came or went with the newest code. @type {{name: string, came: boolean} | null} */
  lastStep = null;
  /** Members whom the server doesn't list. @type {Member[]} */
  ghosts = [];
  /** Members who have keys though a host put them out. @type {Member[]} */
  overdue = [];
  #securing;
  #roster;
  #call;
  #pins;
  #unlisted = new Overstaying();
  #putOut = new Overstaying();
  /** The key that a guest came with first: it lasts for the meeting. @type {Map<string, string>} */
  #guests = new Map();
  /** Guests have no account to remember; what was compared holds on this page. @type {Set<string>} */
  #comparedHere = new Set();
  /** @type {any} */
  #timer = null;

  /**
   * @param {{
   *   securing: import("./securing.js").Securing, roster: import("../signaling/roster.js").Roster,
   *   call: import("../media/call.js").Call, pins?: Pins,
   * }} parts
   */
  constructor({ securing, roster, call, pins = new Pins() }) {
    super();
    this.#securing = securing;
    this.#roster = roster;
    this.#call = call;
    this.#pins = pins;
    securing.encryption?.on("change", () => this.emit("change", null));
    securing.encryption?.on("stepped", ({ added, removed, fresh }) => this.#stepped(added, removed, fresh));
    call.on("tracks", () => this.emit("change", null));
  }

  get #encryption() {
    const { encryption } = this.#securing;
    return encryption?.isOn ? encryption : null;
  }

  /** Whether only people with the complete link can get the keys. */
  get isSealed() {
    return this.#roster.meeting?.encryption === "sealed";
  }

  /** Everybody else in the group, by name. @returns {Member[]} */
  get others() {
    const encryption = this.#encryption;
    if (!encryption) return [];
    return [...encryption.members.values()].filter((member) => member !== encryption.self).sort((a, b) => a.who.name.localeCompare(b.who.name));
  }

  /** The worst thing first. @returns {Status} */
  get status() {
    const encryption = this.#encryption;
    if (!encryption) return this.#roster.meeting?.encryption === "transport" ? "transport" : "pending";
    const connections = { publish: this.#call.publisher?.connection ?? null, subscribe: this.#call.subscriber?.connection ?? null };
    const state = encryption.state(connections);
    if (state === "broken") return encryption.phase === "stuck" ? "stuck" : "leaking";
    if (this.differs) return "differs";
    if (state !== "on") return "pending";
    if (this.changed.length) return "check_key";
    return this.isCompared ? "compared" : "on";
  }

  /** Whether everybody who is here now was here when the code was compared. */
  get isCompared() {
    const { compared } = this;
    return compared !== null && this.others.every((member) => compared.keys.has(keyOf(member)));
  }

  /** People who are known with another key. @returns {Member[]} */
  get changed() {
    return this.others.filter((member) => this.keyState(member) === "changed");
  }

  /** @param {Member} member @returns {KeyState} */
  keyState(member) {
    const { account } = member.who;
    if (this.#comparedHere.has(keyOf(member))) return "compared";
    if (account === null) return (this.#guests.get(member.who.participant) ?? member.key) === member.key ? "not_compared" : "changed";
    const state = this.#pins.state(account, member.key);
    return state === "compared" ? "compared" : state === "known" ? "vouched" : "changed";
  }

  // ---- what people say about the code

  /**
   * "Same for all".
   * @param {string} [code] the one that was shown when it was pressed
   * @returns {Promise<boolean>} false where that isn't the code any more, or only just: then nothing was compared
   */
  async same(code = this.#encryption?.code) {
    const { code: now, codeSince } = this.#encryption ?? {};
    if (code !== now || (codeSince && Date.now() - codeSince.getTime() < CODE_READ_AFTER_MS)) return false;
    this.differs = false;
    this.compared = { at: new Date(), keys: new Set(this.others.map(keyOf)) };
    for (const member of this.others) await this.#compare(member);
    this.emit("change", null);
    return true;
  }

  /** "It differs", or taken back. @param {boolean} differs */
  setDiffers(differs) {
    this.differs = differs;
    if (differs) this.compared = null;
    this.emit("change", null);
  }

  /** Two people compared their safety number. @param {Member} member */
  async comparedWith(member) {
    await this.#compare(member);
    this.emit("change", null);
  }

  /** "I know about it". @param {Member} member */
  async accept({ who: { account, participant }, key }) {
    if (account !== null) await this.#pins.accept(account, key);
    else this.#guests.set(participant, key);
    this.emit("change", null);
  }

  /** @param {Member} member */
  async #compare(member) {
    this.#comparedHere.add(keyOf(member));
    if (member.who.account !== null) await this.#pins.compare(member.who.account, member.key);
  }

  // ---- what the group does

  /**
   * @param {Member[]} added
   * @param {Member[]} removed
   * @param {boolean} fresh
   */
  #stepped(added, removed, fresh) {
    const newest = added.at(-1) ?? removed.at(-1);
    if (newest && !fresh) this.lastStep = { name: newest.who.name, came: added.length > 0 };
    for (const member of added) void this.#see(member);
    this.#look();
  }

  /** @param {Member} member */
  async #see(member) {
    const { account, participant, name } = member.who;
    if (participant === this.#roster.you) return;
    if (account !== null) {
      const own = this.#encryption?.self;
      // The own account's key is known here: another one is somebody's who was given our name.
      if (own?.who.account) await this.#pins.see(own.who.account, own.key, own.who.name);
      await this.#pins.see(account, member.key, name);
    } else if (!this.#guests.has(participant)) this.#guests.set(participant, member.key);
    if (this.keyState(member) === "changed") this.emit("key", member);
    this.emit("change", null);
  }

  /** Compares the group with the server's list and with what hosts said; `start` does it again and again. */
  #look() {
    const now = performance.now();
    const ghosts = this.#unlisted.look(this.others.filter(({ who }) => !this.#roster.people.has(who.participant)), now);
    const overdue = this.#putOut.look(this.others.filter(({ who }) => this.#encryption?.overdue?.has(who.participant)), now);
    const isNews = (/** @type {Member[]} */ found, /** @type {Member[]} */ before) => found.map(keyOf).join() !== before.map(keyOf).join();
    const [newGhosts, newOverdue] = [isNews(ghosts, this.ghosts), isNews(overdue, this.overdue)];
    this.ghosts = ghosts;
    this.overdue = overdue;
    if (newGhosts) this.emit("ghosts", ghosts);
    if (newOverdue) this.emit("overdue", overdue);
    if (newGhosts || newOverdue) this.emit("change", null);
  }

  start() {
    this.#timer ??= setInterval(() => this.#look(), 1000);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.compared = null;
    this.differs = false;
    this.lastStep = null;
    this.ghosts = [];
    this.overdue = [];
    this.#unlisted = new Overstaying();
    this.#putOut = new Overstaying();
    this.#guests.clear();
    this.#comparedHere.clear();
  }
}

/** @param {Member} member */
const keyOf = ({ who, key }) => `${who.participant} ${key}`;

/** Who is in the group for longer than it takes to leave, and shouldn't be. */
class Overstaying {
  /** @type {Map<string, number>} */
  #since = new Map();

  /**
   * @param {Member[]} members who shouldn't be there now
   * @param {number} now
   */
  look(members, now) {
    const here = new Set(members.map(keyOf));
    for (const place of this.#since.keys()) if (!here.has(place)) this.#since.delete(place);
    for (const place of here) if (!this.#since.has(place)) this.#since.set(place, now);
    return members.filter((member) => now - (this.#since.get(keyOf(member)) ?? now) > GHOST_AFTER_MS);
  }
}
