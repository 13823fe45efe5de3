// A device's way through the group of one meeting: says hello, commits when asked, follows what comes in order, and comes
// again when it can't. Protocol section 6. Knows the group and the wire; no DOM, no media, no worker.
import { Emitter } from "../lib/emitter.js";
import { readEvidence } from "./backing.js";
import { base64url, fromBase64url, fromUtf8, utf8 } from "./bytes.js";
import { roomCode } from "./code.js";
import { Counts } from "./counts.js";
import { HostsPart } from "./hosts_part.js";
import { LinkRenewal } from "./link_renewal.js";
import { GroupError } from "./tree.js";

/**
 * @typedef {import("./tree.js").Member} Member
 * @typedef {import("./statements.js").DoorTable} DoorTable
 * @typedef {"out" | "coming" | "in" | "stuck" | "refused"} Phase "refused": what was offered is not the group that the link is for
 * @typedef {{
 *   phase: Phase,
 *   changed: {epoch: number, leaf: number, members: Member[], added: Member[], removed: Member[], code: string, key: Uint8Array<ArrayBuffer>, fresh: boolean},
 *   activated: number,
 *   message: {from: Member, kind: string, content: any, seq: number},
 *   rules: DoorTable,
 *   link: {key: import("./link_key.js").LinkKey, own: boolean},
 *   linkFailed: string,
 *   missing: Member,
 *   overdue: string[],
 * }} SessionEvents `fresh` when this device has just come in; `link`: the meeting's link has a new key, made here or not;
 *   `linkFailed`: a key that was due could not be made, by code; `missing`: something that this member said never arrived here;
 *   `overdue`: participants who have keys though a host put them out
 * @typedef {{
 *   identity: import("./hosts_part.js").Identity,
 *   group: import("./group.js").Group,
 *   backing: import("./backing.js").Backing,
 *   link?: import("./link_keys.js").LinkKeys | null,
 *   request: (type: string, fields: object) => Promise<any>,
 *   now?: () => number,
 *   log?: (what: string, error: unknown) => void,
 * }} SessionParts `request` rejects with an error that has a `code`; `link`: of a sealed meeting
 */

/** A device that has to come again more often than this has a trouble that coming again doesn't cure. */
const MOST_RETURNS = 3;
const RETURNS_WITHIN_MS = 15_000;
/** How often a message is sealed, where the group has gone on before it arrived. */
const MOST_SEALINGS = 3;

/** @extends {Emitter<SessionEvents>} */
export class Session extends Emitter {
  /** @type {Phase} */
  phase = "out";
  #group;
  #backing;
  #request;
  #now;
  #log;
  /** The group's id as the wire has it. @type {string | null} */
  #id = null;
  #seq = 0;
  /** @type {Promise<void>} */
  #turn = Promise.resolve();
  /** @type {number[]} */
  #returns = [];
  #host;
  /** @type {LinkRenewal | null} */
  #link = null;
  #counts = new Counts();
  /** What this device says goes out one after the other, so that its numbers have no gaps but true ones. @type {Promise<unknown>} */
  #saying = Promise.resolve();
  #overdue = "";

  /** @param {SessionParts} parts */
  constructor({ identity, group, backing, link = null, request, now = Date.now, log = () => undefined }) {
    super();
    this.#group = group;
    this.#backing = backing;
    this.#request = request;
    this.#now = now;
    this.#log = log;
    const send = (/** @type {string} */ kind, /** @type {object} */ content) => this.#send(kind, content);
    this.#host = new HostsPart({ identity, backing, link, send, now });
    if (link) {
      this.#link = new LinkRenewal({
        link, backing, room: identity.credential.room, request, sign: (text) => this.#host.sign(text), send,
        renewed: (key, isOwn) => this.emit("link", { key, own: isOwn }), failed: (code) => this.emit("linkFailed", code),
      });
    }
  }

  get epoch() {
    return this.#group.epoch;
  }

  // ---- coming and going

  /** Comes into the group, for the first time or as a new leaf. */
  begin() {
    return this.#then(() => this.#hello());
  }

  /** After a cut of the socket: hears what it missed, or comes again. */
  resume() {
    return this.#then(async () => {
      if (this.phase !== "in" || !this.#id) return this.#hello();
      try {
        await this.#request("e2ee.resume", { group: this.#id, epoch: this.#group.epoch, seq: this.#seq });
        await this.#lookAtLink();
      } catch (error) {
        if (isCut(error)) return;
        await this.#hello();
      }
    });
  }

  /** The person pressed "Reconnect securely". */
  retry() {
    this.#returns = [];
    return this.begin();
  }

  async #hello() {
    this.#id = null;
    await this.#group.forget();
    this.#enter("coming");
    const keyPackage = await this.#group.keyPackage();
    await this.#ask("e2ee.hello", { version: 1, key_package: base64url(keyPackage) });
  }

  async #comeAgain() {
    const now = this.#now();
    this.#returns = [...this.#returns.filter((at) => now - at < RETURNS_WITHIN_MS), now];
    if (this.#returns.length > MOST_RETURNS) {
      this.#id = null;
      await this.#group.forget();
      this.#enter("stuck");
      return;
    }
    await this.#hello();
  }

  /** @param {Phase} phase */
  #enter(phase) {
    if (this.phase === phase) return;
    this.phase = phase;
    this.emit("phase", phase);
  }

  // ---- what the server says

  /** Takes a message of the server, in the order in which it came. @param {any} message */
  take(message) {
    return this.#then(() => this.#take(message));
  }

  /** @param {any} message */
  async #take(message) {
    if (message.type === "e2ee.create") await this.#create();
    else if (message.type === "e2ee.reset") await this.#comeAgain();
    else if (message.type === "e2ee.welcome") await this.#join(message);
    else if (message.group !== this.#id) return;
    else if (message.type === "e2ee.work") await this.#work(message);
    else if (message.type === "e2ee.commit") await this.#commit(message);
    else if (message.type === "e2ee.activate") this.emit("activated", Number(message.epoch));
    else if (message.type === "e2ee.app") await this.#open(message);
  }

  async #create() {
    if (this.phase !== "coming" || this.#id) return;
    const group = crypto.getRandomValues(new Uint8Array(16));
    await this.#group.create(group);
    this.#id = base64url(group);
    try {
      await this.#request("e2ee.created", { group: this.#id });
    } catch (error) {
      this.#log("created", error);
      if (!isCut(error)) await this.#comeAgain();
      return;
    }
    await this.#entered(this.#group.members);
  }

  /** @param {{group: string, epoch: number, seq: number, welcome: string}} message */
  async #join({ group, epoch, seq, welcome }) {
    if (this.phase !== "coming" || this.#id) return;
    try {
      const joined = await this.#group.join(bytes(welcome));
      if (joined.epoch !== epoch || base64url(this.#group.id ?? new Uint8Array(0)) !== group) throw new GroupError("welcome");
      this.#id = group;
      this.#seq = seq;
      await this.#ask("e2ee.applied", { group, epoch });
      await this.#entered(joined.members);
    } catch (error) {
      await this.#lost(group, epoch, error);
    }
  }

  /** @param {Member[]} members */
  async #entered(members) {
    this.#enter("in");
    await this.#tell({ added: members, removed: [] }, true);
    await this.#state();
    await this.#lookAtLink();
  }

  /** @param {{group: string, epoch: number, seq: number, commit: string, add: string[], remove: string[]}} message */
  async #commit({ group, epoch, seq, commit, add, remove }) {
    if (epoch <= this.#group.epoch) return; // heard before the cut
    try {
      const step = await this.#group.take(bytes(commit));
      if (step.out) {
        await this.#comeAgain();
        return;
      }
      // What the server was told of a commit, and passed on, is what the commit does: or its author lied to one of us.
      if (step.epoch !== epoch || !isWhatWasSaid(step, add, remove)) throw new GroupError("declared");
      this.#seq = seq;
      await this.#ask("e2ee.applied", { group, epoch });
      await this.#tell(step, false);
      if (step.own && step.added.length) await this.#tellNewcomers();
      await this.#state();
      await this.#lookAtLink();
    } catch (error) {
      await this.#lost(group, epoch, error);
    }
  }

  async #tellNewcomers() {
    await this.#host.repeat();
    await this.#link?.repeat();
  }

  /**
   * This device can't follow any further: says so and comes again as a new leaf.
   * @param {string} group
   * @param {number} epoch
   * @param {unknown} error
   */
  async #lost(group, epoch, error) {
    this.#log("lost", error);
    const code = error instanceof GroupError ? error.code : "failed";
    await this.#ask("e2ee.nack", { group, epoch, code });
    if (code !== "link_key") {
      await this.#comeAgain();
      return;
    }
    // Whoever opened this group has not the complete link: there is nothing to come again to.
    this.#id = null;
    await this.#group.forget();
    this.#enter("refused");
  }

  /**
   * @param {{added: Member[], removed: Member[]}} step
   * @param {boolean} fresh
   */
  async #tell({ added, removed }, fresh) {
    const group = this.#group;
    if (fresh) this.#counts.clear();
    else for (const { who } of added) this.#counts.begin(who.participant);
    const [key, code] = [await group.mediaKey(), await roomCode(own(group.authenticator), own(group.id ?? new Uint8Array(0)))];
    this.emit("changed", { epoch: group.epoch, leaf: group.leaf, members: group.members, added, removed, code, key, fresh });
    this.#lookForOverdue();
  }

  /** A host's no that the server doesn't have carried out is said: it could wait for ever. */
  #lookForOverdue() {
    const overdue = this.phase === "in" ? this.#group.members.filter((member) => this.#backing.forbids(member)).map(({ who }) => who.participant) : [];
    if (overdue.join() === this.#overdue) return;
    this.#overdue = overdue.join();
    this.emit("overdue", overdue);
  }

  // ---- committing

  /** @param {any} message */
  async #work({ group, epoch, add, remove, refresh }) {
    if (epoch !== this.#group.epoch) return;
    /** @type {Map<string, number>} */
    const offers = new Map();
    const newcomers = [];
    for (const { participant, offer, key_package: keyPackage, word } of add) {
      offers.set(participant, offer);
      newcomers.push({ participant, keyPackage: bytes(keyPackage) });
      if (word) await this.#backing.learnWord(readWord(word), { checked: true });
    }
    const named = (/** @type {string[]} */ people) => people.map((participant) => ({ participant, offer: offers.get(participant) }));
    try {
      const staged = await this.#group.stage({ add: newcomers, remove, refresh });
      if (staged.declined.length) await this.#ask("e2ee.decline", { offers: named(staged.declined), more: staged.commit !== null });
      if (!staged.commit) return;
      await this.#request("e2ee.commit", {
        group, epoch, commit: base64url(staged.commit), ...(staged.welcome ? { welcome: base64url(staged.welcome) } : {}),
        add: named(staged.add), remove: staged.remove,
      });
    } catch (error) {
      // Somebody else was first, or is asked next. What was staged is forgotten with the next commit.
      this.#log("commit", error);
    }
  }

  // ---- messages

  /**
   * Seals and sends a message to everybody in the group. Resolves to its place in the order. Rejects with a code. A message that
   * the server refuses because the group has gone on is sealed anew, once this device has gone on as well.
   * @param {string} kind its class: the server enforces rights by it, and members see that it is the true one
   * @param {object} content
   * @returns {Promise<number>}
   */
  async send(kind, content) {
    for (let sealings = 1; ; sealings++) {
      try {
        return await this.#send(kind, content);
      } catch (error) {
        if (/** @type {any} */ (error)?.code !== "conflict" || sealings === MOST_SEALINGS) throw error;
      }
      await this.#turn; // what the server had said before
    }
  }

  /**
   * The same, once: what is said in a turn can't wait for the turn's end.
   * @param {string} kind
   * @param {object} content
   * @returns {Promise<number>}
   */
  #send(kind, content) {
    const saying = this.#saying.then(() => this.#say(kind, content));
    this.#saying = saying.catch(() => undefined);
    return saying;
  }

  /**
   * @param {string} kind
   * @param {object} content
   */
  async #say(kind, content) {
    if (this.phase !== "in" || !this.#id) throw new GroupError("no_group");
    const group = this.#id;
    const n = this.#counts.next();
    const { epoch, message } = await this.#group.seal(kind, utf8(JSON.stringify({ ...content, n })));
    try {
      const { seq } = await this.#request("e2ee.app", { group, epoch, class: kind, message: base64url(message) });
      return Number(seq);
    } catch (error) {
      if (!isCut(error)) this.#counts.takeBack(n); // it was refused, so nobody misses it
      throw error;
    }
  }

  /** @param {{seq: number, from: string, class: string, message: string}} message */
  async #open(message) {
    this.#seq = Math.max(this.#seq, message.seq);
    let opened;
    try {
      opened = await this.#group.open(bytes(message.message));
    } catch (error) {
      this.#log("message", error);
      return;
    }
    const { from, kind } = opened;
    if (kind !== message.class || from.who.participant !== message.from) return; // the server says what the sender did not
    const content = parse(opened.content);
    if (content === null) return;
    if (this.#counts.isGap(from.who.participant, content.n)) this.emit("missing", from);
    if (kind === "control" && content.t === "door") {
      await this.#learn(content);
      return;
    }
    if (kind === "control" && content.t === "link") {
      await this.#link?.hear(content);
      return;
    }
    this.emit("message", { from, kind, content, seq: message.seq });
  }

  /** @param {any} content what hosts said about the door, each statement signed by one */
  async #learn({ words, rules, nos }) {
    const said = readEvidence({ words, rules, nos });
    if (!said) return;
    const before = this.#backing.rules;
    await this.#backing.learn(said);
    const after = this.#backing.rules;
    if (after && before !== after) this.emit("rules", after.door);
    this.#lookForOverdue();
  }

  // ---- a host's part

  /**
   * What the portal says the door does. Where this device is a host's, it states it to the group.
   * @param {DoorTable} door
   */
  setDoor(door) {
    this.#host.setDoor(door);
    return this.#then(() => this.#state());
  }

  async #state() {
    if (this.phase === "in") await this.#host.state().catch((error) => this.#log("state", error));
  }

  /**
   * A host's word for somebody, as the wire carries it.
   * @param {string} participant
   * @param {string} key their identity key
   */
  word(participant, key) {
    return this.#host.word(participant, key);
  }

  /** A host puts somebody out of the group. Where it can't be said now, it is said later. @param {string} participant */
  async refuse(participant) {
    await this.#host.refuse(participant).catch((error) => this.#log("refuse", error));
    this.#lookForOverdue();
  }

  /** Once somebody who was removed has no leaf any more, the link gets a new key. @param {string} participant */
  renewLinkWithout(participant) {
    this.#link?.dueWithout(participant);
    return this.#then(() => this.#lookAtLink());
  }

  /** A host wants another key for the link. Rejects with a code. */
  async renewLink() {
    if (!this.#link || this.phase !== "in") throw new GroupError("no_group");
    await this.#link.renew();
  }

  /**
   * Which key of the link the portal counts as the newest, and who was removed since: a host's device then makes the next.
   * @param {number} generation
   * @param {string[]} [due] participants
   */
  linkCounted(generation, due = []) {
    this.#link?.counted(generation);
    if (this.#host.isHost) this.#link?.dueSince(generation, due);
    return this.#then(() => this.#lookAtLink());
  }

  async #lookAtLink() {
    if (this.phase !== "in") return;
    await this.#link?.look(this.#group.members.map(({ who }) => who.participant)).catch((error) => this.#log("link", error));
  }

  // ---- one thing after the other

  /** @param {() => Promise<void>} work */
  #then(work) {
    this.#turn = this.#turn.then(work).catch((error) => this.#log("session", error));
    return this.#turn;
  }

  /**
   * A request whose failure changes nothing: a cut is noticed elsewhere.
   * @param {string} type
   * @param {object} fields
   */
  async #ask(type, fields) {
    await this.#request(type, fields).catch((error) => this.#log(type, error));
  }
}

/** @param {any} error */
const isCut = (error) => error?.code === "cut" || error?.code === "no_answer";

/** @param {string} text */
const bytes = (text) => fromBase64url(text) ?? new Uint8Array(0);

/** A copy with a buffer of its own. @param {Uint8Array} bytes */
const own = (bytes) => new Uint8Array(bytes);

/** @param {Uint8Array} content */
function parse(content) {
  try {
    const value = JSON.parse(fromUtf8(content) ?? "");
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** @param {string} text */
const readWord = (text) => parse(bytes(text));

/**
 * @param {{added: Member[], removed: Member[]}} step
 * @param {string[]} add
 * @param {string[]} remove
 */
function isWhatWasSaid({ added, removed }, add, remove) {
  const came = added.map(({ who }) => who.participant).sort();
  const went = removed.map(({ who }) => who.participant).filter((participant) => !came.includes(participant)).sort();
  return came.join() === [...add].sort().join() && went.join() === [...remove].sort().join();
}
