// What the page knows of the room: the server's messages folded into one state. In an encrypted room names come from the
// group, and so do raised hands: the server's word for them is not taken. No DOM, no network.
import { Emitter } from "../lib/emitter.js";

/**
 * @typedef {import("./protocol.js").Person} Person
 * @typedef {import("./protocol.js").Waiter} Waiter
 * @typedef {import("./protocol.js").Meeting} Meeting
 * @typedef {import("./protocol.js").Capabilities} Capabilities
 * @typedef {import("./protocol.js").Answered} Answered
 * @typedef {import("./protocol.js").ServerMessage} ServerMessage
 * @typedef {{
 *   change: null,
 *   entered: Person,
 *   gone: {person: Person, why: string, by: string | null},
 *   hand: Person,
 *   cut: Person,
 *   sharing: {person: Person, on: boolean},
 *   spotlight: {person: Person, by: string | null},
 *   knocked: Waiter,
 *   answered: Answered,
 *   meeting: {meeting: Meeting, was: Meeting, by: string | null},
 *   rights: {capabilities: Capabilities, was: Capabilities, by: string | null},
 *   tried: import("./protocol.js").Tried,
 *   withoutLink: import("./protocol.js").WithoutLinkMessage,
 *   whole: null,
 * }} RosterEvents
 */

/** How long hosts who come are still told that a link is being tried from many networks. */
const WARNING_IS_NEWS_MS = 30 * 60_000;

/** @type {import("./protocol.js").WithoutLinkMessage} */
const EVERYBODY_HAS_A_LINK = { type: "without_link", guests: [], page: "" };

/** @type {Capabilities} */
const NOTHING = { speak: false, show: false, share: false, chat: false, record: false, host: false };

/** @extends {Emitter<RosterEvents>} */
export class Roster extends Emitter {
  you = "";
  /** @type {Meeting | null} */
  meeting = null;
  /** @type {Capabilities} */
  capabilities = NOTHING;
  /** @type {Map<string, Person>} */
  people = new Map();
  /** As the server sent them. @type {Map<string, Person>} */
  #served = new Map();
  /** Everybody in the group of an encrypted room. @type {ReadonlyMap<string, import("../e2ee/tree.js").Member> | null} */
  #members = null;
  /** Hands that members said they raised. @type {Map<string, string>} */
  #hands = new Map();
  /** Members who said that they record, and since when. @type {Map<string, string>} */
  #recording = new Map();
  /** @type {Waiter[]} */
  waiting = [];
  /** For hosts: what was turned away at this meeting. @type {import("./protocol.js").TurnedAwayMessage | null} */
  turnedAway = null;
  /** How far the server's clock is ahead of ours. */
  aheadMs = 0;

  /** @returns {Person | undefined} */
  get self() {
    return this.people.get(this.you);
  }

  /** This person as the server has them, whatever the group says. @returns {Person | undefined} */
  get servedSelf() {
    return this.#served.get(this.you);
  }

  get others() {
    return [...this.people.values()].filter((person) => person.participant !== this.you);
  }

  /** People who say that they record on their own device, longest first. */
  get recorders() {
    return [...this.people.values()]
      .filter((person) => person.recording)
      .sort((a, b) => String(a.recording).localeCompare(String(b.recording)));
  }

  /** Whether a host has stopped everything. */
  get suspended() {
    return Boolean(this.meeting?.suspended);
  }

  /** People with raised hands, first raised first. */
  get hands() {
    return [...this.people.values()]
      .filter((person) => person.hand)
      .sort((a, b) => String(a.hand).localeCompare(String(b.hand)));
  }

  /**
   * Folds one message in, tells `change` once, and what happened beside it.
   * @param {ServerMessage} message
   * @param {number} [now] our clock, milliseconds
   */
  take(message, now = Date.now()) {
    switch (message.type) {
      case "room":
        this.you = message.you;
        this.meeting = message.meeting;
        this.#served = new Map(message.people.map((person) => [person.participant, person]));
        this.people = new Map(message.people.map((person) => [person.participant, this.#shown(person)]));
        this.#may(message.capabilities, null);
        this.#queue(message.waiting ?? []);
        if (!message.capabilities.host) this.turnedAway = null;
        this.aheadMs = Date.parse(message.now) - now || 0;
        this.emit("withoutLink", EVERYBODY_HAS_A_LINK); // or the server says so next
        this.emit("whole", null);
        break;
      case "person":
        this.#person(message.person);
        break;
      case "gone": {
        const person = this.people.get(message.participant);
        if (!person) return;
        this.people.delete(message.participant);
        this.#served.delete(message.participant);
        // Who is still in the group has said what they said, whatever the server says of them.
        if (!this.#members?.has(message.participant)) {
          this.#hands.delete(message.participant);
          this.#recording.delete(message.participant);
        }
        this.emit("gone", { person, why: message.why, by: message.by });
        break;
      }
      case "waiting":
        this.#queue(message.waiting);
        if (message.answered) this.emit("answered", message.answered);
        break;
      case "meeting": {
        const was = this.meeting;
        this.meeting = message.meeting;
        if (was) this.emit("meeting", { meeting: message.meeting, was, by: message.by });
        break;
      }
      case "capabilities":
        if (!message.capabilities.host) {
          this.waiting = [];
          this.turnedAway = null;
          this.emit("withoutLink", EVERYBODY_HAS_A_LINK);
        }
        this.#may(message.capabilities, message.by);
        break;
      case "turned_away": {
        const was = this.turnedAway?.tries ?? [];
        this.turnedAway = message;
        // Told when it is found, not to a host who comes hours later.
        for (const tried of message.tries) {
          const before = was.find(({ link, name }) => link === tried.link && name === tried.name);
          const isNew = tried.warned_at && tried.warned_at !== before?.warned_at;
          if (isNew && now + this.aheadMs - Date.parse(tried.warned_at ?? "") < WARNING_IS_NEWS_MS) this.emit("tried", tried);
        }
        break;
      }
      case "without_link":
        this.emit("withoutLink", message);
        return;
      default:
        return;
    }
    this.emit("change", null);
  }

  /**
   * Who is in the group now; null in a room without one.
   * @param {ReadonlyMap<string, import("../e2ee/tree.js").Member> | null} members
   */
  attest(members) {
    if (!members) {
      this.#hands.clear();
      this.#recording.clear();
    }
    this.#members = members;
    for (const person of this.#served.values()) this.people.set(person.participant, this.#shown(person));
    this.emit("change", null);
  }

  /**
   * A member raised or lowered a hand.
   * @param {string} participant
   * @param {string | null} at
   */
  setHand(participant, at) {
    if (at) this.#hands.set(participant, this.#hands.get(participant) ?? at);
    else this.#hands.delete(participant);
    this.#said(participant);
  }

  /**
   * A member said that they record, or no longer do. The server can add to what members say, and hide nothing of it.
   * @param {string} participant
   * @param {string | null} at
   */
  setRecording(participant, at) {
    if (at) this.#recording.set(participant, this.#recording.get(participant) ?? at);
    else this.#recording.delete(participant);
    this.#said(participant);
  }

  /** They left the group: what they said there was for as long as they were in it. @param {string} participant */
  forget(participant) {
    this.#hands.delete(participant);
    this.#recording.delete(participant);
    this.#said(participant);
  }

  /** It is kept where the server doesn't list them yet, too. @param {string} participant */
  #said(participant) {
    const served = this.#served.get(participant);
    if (served) this.#person(served);
    this.emit("change", null);
  }

  /** @param {Person} served @returns {Person} */
  #shown(served) {
    if (!this.#members) return { ...served, secured: null };
    const member = this.#members.get(served.participant);
    const hand = this.#hands.get(served.participant) ?? null;
    const recording = this.#recording.get(served.participant) ?? served.recording ?? null;
    if (!member) return { ...served, hand, recording, secured: false };
    return { ...served, name: member.who.name, guest: member.who.account === null, hand, recording, secured: true };
  }

  /** @param {Person} served */
  #person(served) {
    const was = this.people.get(served.participant);
    const person = this.#shown(served);
    this.#served.set(served.participant, served);
    this.people.set(served.participant, person);
    if (!was) {
      this.emit("entered", person);
      if (person.screen) this.emit("sharing", { person, on: true });
      return;
    }
    if (person.hand && !was.hand) this.emit("hand", person);
    const by = person.spotlight ?? null;
    if (by !== (was.spotlight ?? null)) this.emit("spotlight", { person, by });
    if (was.connected && !person.connected) this.emit("cut", person);
    if (person.screen !== was.screen) this.emit("sharing", { person, on: person.screen });
  }

  /**
   * What one may oneself. Told when it changes; on the first entry nothing was before.
   * @param {Capabilities} capabilities
   * @param {string | null} by
   */
  #may(capabilities, by) {
    const was = this.capabilities;
    this.capabilities = capabilities;
    const differs = Object.entries(capabilities).some(([right, may]) => was[/** @type {keyof Capabilities} */ (right)] !== may);
    if (was !== NOTHING && differs) this.emit("rights", { capabilities, was, by });
  }

  /** @param {Waiter[]} waiting */
  #queue(waiting) {
    const known = new Set(this.waiting.map((waiter) => waiter.participant));
    this.waiting = waiting;
    for (const waiter of waiting) {
      // Who comes in by themselves as soon as there is a place asks nothing of a host.
      if (!known.has(waiter.participant) && waiter.reason !== "full") this.emit("knocked", waiter);
    }
  }
}
