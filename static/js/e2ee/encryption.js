// End-to-end encryption as the page sees it: two workers, the identity of this device, who is in the group, and whether every
// line of sound and picture is what it should be. Nothing here can read a key.
import { Emitter } from "../lib/emitter.js";
import { forgetIdentity, loadIdentity } from "./identity.js";
import { Workers } from "./workers.js";

/**
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {import("../signaling/protocol.js").Meeting} Meeting
 * @typedef {import("./session.js").Phase} Phase
 * @typedef {import("./tree.js").Member} Member
 * @typedef {import("./link_key.js").LinkKey} LinkKey
 * @typedef {import("./media_worker.js").LineReport} LineReport
 * @typedef {{participant: string, source: Source}} Origin
 * @typedef {"off" | "pending" | "on" | "broken"} State
 * @typedef {{
 *   change: null,
 *   stepped: {added: Member[], removed: Member[], fresh: boolean, again: boolean},
 *   message: {from: Member, kind: string, content: any, seq: number},
 *   rules: import("./statements.js").DoorTable,
 *   link: {key: LinkKey, own: boolean},
 *   linkFailed: string,
 *   missing: Member,
 *   leak: Source,
 * }} EncryptionEvents `again`: this device has agreed on keys anew while it was here; the rest as `SessionEvents` has it
 */

/** A track that can't be opened for longer than this says so on its tile. */
const WAITING_SHOWS_MS = 1500;

/** @extends {Emitter<EncryptionEvents>} */
export class Encryption extends Emitter {
  /** @type {Phase} */
  phase = "out";
  /** Everybody in the group, by participant: the truth about who can see and hear. @type {Map<string, Member>} */
  members = new Map();
  /** @type {string} 30 digits */
  code = "";
  epoch = -1;
  /** @type {Date | null} when the code became this one */
  codeSince = null;
  /** Sources that went past the worker: taken off the air. @type {Set<Source>} */
  leaks = new Set();
  /** @type {import("./identity.js").Identity | null} */
  identity = null;
  /** People who wait for a host's word. @type {Set<string>} */
  held = new Set();
  /** People who have keys though a host put them out. @type {Set<string>} */
  overdue = new Set();
  /** Everybody who was seen in the group since this page came in. @type {Set<string>} */
  #met = new Set();
  #request;
  #addresses;
  #account;
  #participant;
  #link;
  /** @type {Workers | null} */
  #workers = null;
  /** @type {Map<number, LineReport & {at: number}>} */
  #lines = new Map();
  /** @type {Promise<import("./identity.js").Identity> | null} */
  #identity = null;
  /** Stays are counted, so that what was asked for in one goes on in none of the next. */
  #stay = 0;
  /** Whose it is: an account, or a guest's seat. @type {string | null} */
  #holder = null;
  /** @type {import("./credential.js").Credential | null} */
  #credential = null;

  /**
   * @param {{
   *   request: (type: string, fields?: object) => Promise<any>, account: string | null, participant: () => string | null,
   *   workers: {group: string, media: string}, link?: () => LinkKey | null,
   * }} parts `account`: the id of the one for whom this page was loaded; `participant`: whose seat the door gave; `workers`: their addresses, which only the server's template knows; `link`: the key of the complete link that this page has
   */
  constructor({ request, account, participant, workers, link = () => null }) {
    super();
    this.#link = link;
    this.#request = request;
    this.#account = account;
    this.#participant = participant;
    this.#addresses = workers;
  }

  // ---- coming in

  /** The workers' code and an account's key come while somebody chooses devices or waits at the door, and no longer when they are let in. */
  prepare() {
    this.#workers ??= this.#start();
    if (this.#account) this.#loadIdentity().catch(() => undefined); // whoever shows it asks again, and is told
  }

  /**
   * Shows this device's key, at the door or inside: a host signs it when letting somebody in. Once per socket. Rejects with
   * `other_account` where the seat isn't of the account that this page was loaded for.
   */
  async identify() {
    const { key } = await this.#loadIdentity();
    return this.#request("e2ee.identify", { key, account: this.#account ?? undefined });
  }

  /**
   * Once for each holder: two at a time could make two keys. A page that was left open, or a computer that slept, may find
   * itself in the next occurrence, where a guest has another seat and nothing should link the two.
   */
  #loadIdentity() {
    const holder = this.#account ?? this.#participant();
    if (this.#identity && this.#holder === holder) return this.#identity;
    const loading = loadIdentity({ account: this.#account, participant: this.#participant() });
    [this.#identity, this.#holder, this.identity] = [loading, holder, null];
    const isLoading = () => this.#identity === loading;
    loading.then(
      (identity) => isLoading() && (this.identity = identity),
      () => isLoading() && (this.#identity = null),
    );
    return loading;
  }

  /** Nobody comes back to this meeting: what a guest's device kept for it goes. */
  async forget() {
    this.#identity = this.identity = null;
    await forgetIdentity({ account: this.#account, participant: this.#participant() });
  }

  /**
   * Each time `room` arrives: begins, or makes up for a cut. Resolves once this device is in the group, for then media may flow.
   * Rejects with `closed` where the stay ended on the way.
   * @param {Meeting} meeting
   */
  async enter(meeting) {
    // Back from a cut that was longer than the meeting: what was agreed on and said there holds in no other.
    if (this.#credential && this.#credential.participant !== this.#participant()) this.close();
    const stay = this.#stay;
    const { credential, portal_key: portalKey } = await this.identify();
    this.#mustStillBe(stay);
    const same = JSON.stringify({ ...credential, attestation: "" }) === JSON.stringify({ ...this.#credential, attestation: "" });
    const link = meeting.encryption === "sealed" ? this.#link() : null;
    // Without the key it would be a group like any other, under the name of a sealed one.
    if (meeting.encryption === "sealed" && !link) throw Object.assign(new Error("no key of the link"), { code: "link_key" });
    this.#credential = credential;
    if (this.#workers && same) this.#tell({ type: "resume" });
    else this.#begin(credential, portalKey, link);
    this.setMeeting(meeting);
    await this.#in();
    this.#mustStillBe(stay);
  }

  /** @param {number} stay */
  #mustStillBe(stay) {
    if (stay !== this.#stay) throw Object.assign(new Error("closed"), { code: "closed" });
  }

  /**
   * @param {import("./credential.js").Credential} credential
   * @param {string} portalKey
   * @param {LinkKey | null} link
   */
  #begin(credential, portalKey, link) {
    const { keys, publicKey } = /** @type {import("./identity.js").Identity} */ (this.identity);
    this.#workers ??= this.#start();
    this.#tell({ type: "begin", start: { room: credential.room, portalKey, credential, keys, publicKey, link } });
  }

  #start() {
    const workers = new Workers(this.#addresses);
    // What they had said when they were ended may still arrive, and is of another stay.
    const areOurs = () => this.#workers === workers;
    workers.on("said", (data) => areOurs() && this.#heard(workers, data));
    workers.on("lines", (lines) => areOurs() && this.#report(lines));
    workers.on("leak", (source) => areOurs() && this.#leak(source));
    workers.on("broken", () => {
      if (!areOurs()) return;
      if (this.isOn) this.#enter("stuck");
      else {
        // Nobody needs them yet: coming in starts others.
        workers.close();
        this.#workers = null;
      }
    });
    return workers;
  }

  get transforms() {
    return this.#workers?.transforms ?? null;
  }

  /** @param {Source} source */
  #leak(source) {
    this.leaks.add(source);
    this.emit("leak", source);
    this.emit("change", null);
  }

  /** Settles with the next phase that isn't a way to another. @returns {Promise<void>} */
  #in() {
    if (this.phase === "in") return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.on("change", () => {
        if (!["in", "out", "refused"].includes(this.phase)) return;
        stop();
        resolve();
      });
    });
  }

  /** Out of the room: workers, keys and everything that was known of others go. */
  close() {
    this.#stay += 1;
    this.#workers?.close();
    this.#workers = this.#credential = this.codeSince = null;
    this.members = new Map();
    this.#lines.clear();
    this.leaks.clear();
    this.held.clear();
    this.overdue.clear();
    this.#met.clear();
    this.code = "";
    this.epoch = -1;
    this.#enter("out");
  }

  /** "Reconnect securely". */
  retry() {
    this.#tell({ type: "retry" });
  }

  // ---- what the server and the worker say

  /** @param {any} message of the server @returns {boolean} whether it was the group's */
  take(message) {
    if (!message.type.startsWith("e2ee.")) return false;
    if (message.type === "e2ee.held") {
      this.held = new Set(message.held);
      this.emit("change", null);
    } else if (message.type === "e2ee.unsealed") this.#leak(message.source);
    else this.#tell({ type: "take", message });
    return true;
  }

  /**
   * @param {Workers} workers whom an answer is for: others may be here by then, whose questions have the same numbers
   * @param {any} data
   */
  #heard(workers, data) {
    switch (data.type) {
      case "request":
        this.#request(data.message.type, data.message.fields).then(
          (answer) => workers.tell({ type: "answer", id: data.id, answer }),
          (error) => workers.tell({ type: "answer", id: data.id, error: error?.code ?? "failed" }),
        );
        break;
      case "log":
        console.debug("group", data.what, data.error);
        break;
      case "phase":
        this.#enter(data.phase);
        break;
      case "changed":
        this.#changed(data.changed);
        break;
      case "message":
        this.emit("message", data.message);
        break;
      case "rules":
        this.emit("rules", data.door);
        break;
      case "link":
        this.emit("link", { key: data.key, own: data.own });
        break;
      case "linkFailed":
        this.emit("linkFailed", data.code);
        break;
      case "missing":
        this.emit("missing", data.from);
        break;
      case "overdue":
        this.overdue = new Set(data.participants);
        this.emit("change", null);
        break;
    }
  }

  /** @param {Phase} phase */
  #enter(phase) {
    if (this.phase === phase) return;
    this.phase = phase;
    this.emit("change", null);
  }

  /** @param {{epoch: number, members: Member[], added: Member[], removed: Member[], code: string, fresh: boolean}} changed */
  #changed({ epoch, members, added, removed, code, fresh }) {
    this.epoch = epoch;
    this.code = code;
    this.codeSince = new Date();
    this.members = new Map(members.map((member) => [member.who.participant, member]));
    const before = new Set(removed.map(placeOf));
    const after = new Set(added.map(placeOf));
    const again = fresh && this.#met.size > 0;
    const unmet = members.filter((member) => !this.#met.has(placeOf(member)));
    for (const member of members) this.#met.add(placeOf(member));
    this.emit("stepped", {
      // Whoever loaded the page anew is neither gone nor new, as long as they are who they were; and a group that began anew
      // must not hide whom it brought along.
      added: again ? unmet : added.filter((member) => !before.has(placeOf(member))),
      removed: again ? [] : removed.filter((member) => !after.has(placeOf(member))),
      fresh: fresh && !again, again,
    });
    this.emit("change", null);
  }

  /** @param {LineReport[]} lines */
  #report(lines) {
    let changed = false;
    for (const line of lines) {
      const before = this.#lines.get(line.id);
      changed ||= !before || before.participant !== line.participant || before.source !== line.source || (before.waitingSince === null) !== (line.waitingSince === null);
      this.#lines.set(line.id, { ...line, at: performance.now() });
    }
    if (changed) this.emit("change", null);
  }

  // ---- what the page asks

  /** @param {object} message */
  #tell(message) {
    this.#workers?.tell(message);
  }

  /**
   * @param {object} message
   * @returns {Promise<any>}
   */
  #ask(message) {
    return this.#workers?.ask(message) ?? Promise.reject(Object.assign(new Error("no_group"), { code: "no_group" }));
  }

  /**
   * @param {string} kind
   * @param {object} content
   * @returns {Promise<number>} its place in the order
   */
  send(kind, content) {
    return this.#ask({ type: "send", kind, content });
  }

  /**
   * A host's word for somebody's key, as `door.admit` and `e2ee.word` carry it.
   * @param {string} participant
   * @param {string} key
   * @returns {Promise<string>}
   */
  word(participant, key) {
    return this.#ask({ type: "word", participant, key });
  }

  /** A host puts somebody out of the group. @param {string} participant */
  refuse(participant) {
    return this.#ask({ type: "refuse", participant });
  }

  /** A host wants another key for the link of a sealed meeting. @returns {Promise<void>} */
  renewLink() {
    return this.#ask({ type: "renewLink" });
  }

  /** … and gets one as soon as this participant, who was removed, has no leaf any more. @param {string} participant */
  renewLinkWithout(participant) {
    this.#tell({ type: "renewLinkWithout", participant });
  }

  /** @param {Meeting} meeting what the portal says now: what the door does, and how many keys the link has had */
  setMeeting({ door: { listed, colleagues, guests, anyone }, link_key: link }) {
    this.#tell({ type: "door", door: { listed, colleagues, guests, anyone } });
    if (link) this.#tell({ type: "linkCounted", generation: link.generation, due: link.due ?? [] });
  }

  // ---- what is true

  /** Whether this stay inside is end-to-end encrypted, whatever its state is now. */
  get isOn() {
    return this.#credential !== null;
  }

  /**
   * @param {{name: string, kind: string}} person as the server has this person now
   */
  isAttestedOtherwise({ name, kind }) {
    return this.#credential !== null && (this.#credential.name !== name || this.#credential.row !== kind);
  }

  /** This device's own member. */
  get self() {
    return this.#credential ? (this.members.get(this.#credential.participant) ?? null) : null;
  }

  /**
   * From what every line is, not from a wish: "on" only while this device is in the group, everything sent went through the
   * worker, and everything received must.
   * @param {{publish: RTCPeerConnection | null, subscribe: RTCPeerConnection | null}} connections
   * @returns {State}
   */
  state({ publish, subscribe }) {
    if (this.leaks.size || this.phase === "stuck" || this.phase === "refused") return "broken";
    const ends = [
      ...(publish?.getSenders().filter(({ track }) => track) ?? []),
      ...(subscribe?.getTransceivers().filter(({ currentDirection, direction }) => currentDirection === "recvonly" || direction === "recvonly").map(({ receiver }) => receiver) ?? []),
    ];
    if (ends.some((end) => this.transforms?.idOf(end) === undefined)) return "broken";
    return this.phase === "in" ? "on" : "pending";
  }

  /**
   * Whose media a receiver plays, by the key they were opened with; null while nothing was opened.
   * @param {RTCRtpReceiver} receiver
   * @returns {Origin | null}
   */
  originOf(receiver) {
    const line = this.#lines.get(this.transforms?.idOf(receiver) ?? -1);
    return line?.participant && line.source ? { participant: line.participant, source: line.source } : null;
  }

  /**
   * Whether what arrives at a receiver can't be opened: the key is missing, or it is no frame of the group.
   * @param {RTCRtpReceiver} receiver
   */
  isUnreadable(receiver) {
    const line = this.#lines.get(this.transforms?.idOf(receiver) ?? -1);
    return Boolean(line && line.waitingSince !== null && line.at - line.waitingSince > WAITING_SHOWS_MS);
  }
}

/** What makes somebody the same person for the others: another key, account or name in an old place is news. @param {Member} member */
const placeOf = ({ who: { participant, account, name }, key }) => JSON.stringify([participant, account, name, key]);
