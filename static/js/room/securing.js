// Whether this meeting is end-to-end encrypted, and what follows from it for the page. Never goes on with less than was promised.
import { holdsLinkKey } from "../e2ee/link_key.js";
import { RequestFailed } from "../signaling/protocol.js";
import { CompleteLink } from "./complete_link.js";
import { Promised } from "./promised.js";

/**
 * @typedef {import("../e2ee/encryption.js").Encryption} Encryption
 * @typedef {import("../e2ee/encryption.js").Origin} Origin
 * @typedef {import("../signaling/protocol.js").Meeting} Meeting
 * @typedef {{transforms: import("../media/transforms.js").Transforms | null, originOf: ((receiver: RTCRtpReceiver) => Origin | null) | null}} Sealed
 */

/** What members say to each other. In a room with a group it comes from there, and from the server nothing of it is taken. */
const OF_MEMBERS = new Set(["chat", "reaction", "record.answered", "record.lists"]);

/** A host's *Let in* speaks for the key that somebody's device shows within this time of it; after that a host looks again. */
const WORD_OWED_MS = 30_000;

/** Why media can't flow here. `reason` is one of the page's refusals. */
export class NotSecured extends Error {
  /** @param {import("./promised.js").Obstacle | "not_the_group" | "other_account"} reason */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** Somebody else has signed in here, or out, since this page was loaded: its device key is not theirs. @param {any} error */
const isOtherAccount = (error) => error?.code === "other_account";

export class Securing {
  /** Of an encrypted meeting, or where this may be one. @type {Encryption | null} */
  encryption = null;
  /** Of a sealed meeting. */
  link;
  #client;
  #roster;
  #promised;
  #broken;
  /** The mode with which this stay inside has begun: it never changes. @type {string | null} */
  #mode = null;
  /** Whether members speak by way of the server here: nowhere but in rooms that are encrypted to it. */
  #isPlain = false;
  /** @type {ReadonlyMap<string, import("../e2ee/tree.js").Member> | null} */
  #attested = null;
  /** Whom this host let in before there was a key to sign, or before this device could sign, and until when that counts. @type {Map<string, number>} */
  #owed = new Map();
  #now;

  /**
   * @param {{
   *   client: import("../signaling/client.js").MeetingClient, roster: import("../signaling/roster.js").Roster,
   *   door: import("./door_data.js").DoorData, link?: CompleteLink, promised?: Promised,
   *   Encryption?: typeof import("../e2ee/encryption.js").Encryption | null, broken?: (reason: NotSecured["reason"]) => void, now?: () => number,
   * }} parts `Encryption`: null where the door says that nothing is encrypted; its code is fetched nowhere else.
   *   `broken`: what was promised no longer holds, in the middle of a stay
   */
  constructor({ client, roster, door, link = new CompleteLink(door.code), promised = new Promised(door, link), Encryption = null, broken = () => undefined, now = () => performance.now() }) {
    this.#client = client;
    this.#roster = roster;
    this.#now = now;
    this.link = link;
    this.#promised = promised;
    this.#broken = broken;
    if (Encryption) this.encryption = this.#watched(new Encryption({
      request: (type, fields) => client.request(type, fields),
      account: door.signed_in?.id ?? null, participant: () => client.participant, workers: door.workers, link: () => link.key,
    }));
    if (door.encryption && door.encryption !== "transport") this.encryption?.prepare();
    roster.on("change", () => this.#payOwed());
  }

  /** @param {Encryption} encryption */
  #watched(encryption) {
    encryption.on("link", ({ key }) => void this.#renewed(key));
    encryption.on("change", () => {
      this.#attest();
      this.#payOwed();
      if (encryption.phase === "refused") this.#broken("not_the_group");
    });
    return encryption;
  }

  /** @param {import("../e2ee/link_key.js").LinkKey} key */
  async #renewed(key) {
    this.link.renew(key);
    if (this.#roster.capabilities?.host) await this.link.keep();
  }

  /** Says who is in the group, when that is news: much else changes every second. */
  #attest() {
    const members = this.encryption?.isOn ? this.encryption.members : null;
    if (members === this.#attested) return;
    this.#attested = members;
    this.#roster.attest(members);
  }

  /** At the door, whoever lets this person in signs this device's key; where nothing is encrypted the server says so. */
  atTheDoor() {
    this.encryption?.identify().catch((error) => {
      if (isOtherAccount(error)) this.#broken("other_account");
    });
  }

  /**
   * Each time `room` arrives. Resolves once media may flow; rejects with NotSecured where they must not.
   * @param {Meeting} meeting
   * @returns {Promise<Sealed>}
   */
  async enter(meeting) {
    const obstacle = await this.#promised.obstacleTo(meeting);
    if (obstacle !== "unsealed" && obstacle !== "downgraded" && meeting.encryption !== "transport") this.#promised.remember(meeting.encryption);
    if (obstacle) throw new NotSecured(obstacle);
    if (this.#isOtherMode(meeting)) throw new NotSecured("downgraded");
    this.#mode = meeting.encryption;
    if (meeting.encryption === "transport") return { transforms: null, originOf: null };
    const { encryption } = this;
    if (!encryption) throw new NotSecured("cant_encrypt");
    if (meeting.encryption === "sealed" && this.#roster.capabilities?.host) await this.link.keep();
    await encryption.enter(meeting).catch((error) => {
      throw isOtherAccount(error) ? new NotSecured("other_account") : error;
    });
    if (encryption.phase === "refused") throw new NotSecured("not_the_group");
    // Closed meanwhile: connections that are made without transforms would send what is seen and heard as it is.
    if (!encryption.transforms) throw new NotSecured("cant_encrypt");
    return { transforms: encryption.transforms, originOf: (receiver) => encryption.originOf(receiver) };
  }

  /**
   * @param {import("../signaling/protocol.js").ServerMessage} message
   * @returns {boolean} whether nobody else has to hear of it: it was the group's, or is nothing that the server could say here
   */
  take(message) {
    if (message.type === "room") this.#isPlain = message.meeting.encryption === "transport" && !["e2ee", "sealed"].includes(this.#promised.mode);
    if (OF_MEMBERS.has(message.type)) return !this.#isPlain;
    if (message.type === "meeting") {
      if (this.#isOtherMode(message.meeting)) {
        this.#broken(this.#mode === "sealed" ? "unsealed" : "downgraded");
        return true;
      }
      this.encryption?.setMeeting(message.meeting);
    }
    return this.encryption?.take(message) ?? false;
  }

  /** @param {Meeting} meeting as the server has it now */
  #isOtherMode({ encryption }) {
    return this.#mode !== null && encryption !== this.#mode;
  }

  /** The name or the row of this person is another than their key is attested for. */
  isOutdated() {
    const { servedSelf } = this.#roster;
    return Boolean(servedSelf && this.encryption?.isOn && this.encryption.isAttestedOtherwise(servedSelf));
  }

  /**
   * What hosts ask of the server, with what the group needs to know beside it.
   * @param {string} type
   * @param {any} [fields]
   */
  async asHost(type, fields = {}) {
    // Words for people at the door are the server's to read.
    if (Object.values(fields).some((field) => typeof field === "string" && holdsLinkKey(field))) throw new RequestFailed("link_key", "the key of a link stays here");
    if (type === "door.admit") return this.#letIn(fields);
    const isOut = type === "host.remove" || type === "host.to_door";
    // Before it is asked for: no key that is shown meanwhile gets a word, nor where this device can't sign yet.
    if (isOut) this.#owed.delete(fields.participant);
    const { encryption } = this;
    if (!encryption?.isOn) return this.#client.request(type, fields);
    const answer = await this.#client.request(type, fields);
    if (isOut) await encryption.refuse(fields.participant);
    if (type === "host.remove") encryption.renewLinkWithout(fields.participant);
    return answer;
  }

  /**
   * With a word for their key. Whoever knocked this moment has shown none, and whoever came in this moment can't sign: then it follows.
   * @param {any} fields
   */
  async #letIn(fields) {
    const { participant } = fields;
    const shown = this.#roster.waiting.find((waiter) => waiter.participant === participant)?.identity;
    const word = await this.#wordFor(participant, shown);
    const answer = await this.#client.request("door.admit", word ? { ...fields, word } : fields);
    if (!word && this.encryption && this.#roster.meeting?.encryption !== "transport") {
      this.#owed.set(participant, this.#now() + WORD_OWED_MS);
      this.#payOwed();
    }
    return answer;
  }

  /** The server takes a word alone for people who are inside. */
  #payOwed() {
    for (const [participant, until] of this.#owed) {
      const key = this.#roster.people.get(participant)?.identity;
      if (this.#now() > until) this.#owed.delete(participant);
      else if (key && this.encryption?.isOn) {
        this.#owed.delete(participant);
        void this.#pay(participant, key, until);
      }
    }
  }

  /**
   * @param {string} participant
   * @param {string} key
   * @param {number} until
   */
  async #pay(participant, key, until) {
    const word = await this.#wordFor(participant, key);
    if (!word) this.#owed.set(participant, until);
    // Where it isn't taken, hosts are told that somebody is inside without the keys.
    else await this.#client.request("e2ee.word", { participant, word }).catch(() => undefined);
  }

  /**
   * Null while there is no key, or nothing here that signs.
   * @param {string} participant
   * @param {string | null | undefined} key
   * @returns {Promise<string | null>}
   */
  async #wordFor(participant, key) {
    const { encryption } = this;
    return key && encryption?.isOn ? encryption.word(participant, key).catch(() => null) : null;
  }

  /**
   * A host confirms somebody who is inside and for whom nothing speaks.
   * @param {string} participant
   */
  async confirm(participant) {
    const identity = this.#roster.people.get(participant)?.identity;
    if (!identity || !this.encryption) return;
    await this.#client.request("e2ee.word", { participant, word: await this.encryption.word(participant, identity) });
  }

  /** The meeting is over for whoever is here. */
  forget() {
    void this.encryption?.forget();
  }

  close() {
    this.#mode = null;
    this.#isPlain = false;
    this.#owed.clear();
    this.encryption?.close();
  }
}
