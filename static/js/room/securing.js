// Whether this meeting is end-to-end encrypted, and what follows from it for the page. The code for it is fetched only where
// it may be needed. Never goes on with less than was promised.
import { canEncrypt } from "../e2ee/identity.js";
import { holdsLinkKey } from "../e2ee/link_key.js";
import { RequestFailed } from "../signaling/protocol.js";
import { CompleteLink } from "./complete_link.js";

/**
 * @typedef {import("../e2ee/encryption.js").Encryption} Encryption
 * @typedef {import("../e2ee/encryption.js").Origin} Origin
 * @typedef {import("../signaling/protocol.js").Meeting} Meeting
 * @typedef {{transforms: import("../media/transforms.js").Transforms | null, originOf: ((receiver: RTCRtpReceiver) => Origin | null) | null}} Sealed
 */

/** What members say to each other. In a room with a group it comes from there, and from the server nothing of it is taken. */
const OF_MEMBERS = new Set(["chat", "reaction", "record.answered", "record.lists"]);

/** Why media can't flow here. `reason` is one of the page's refusals. */
export class NotSecured extends Error {
  /** @param {"cant_encrypt" | "downgraded" | "unsealed" | "not_the_group" | import("./complete_link.js").Trouble} reason */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

export class Securing {
  /** Of an encrypted meeting, once its code has arrived. @type {Encryption | null} */
  encryption = null;
  /** Of a sealed meeting. */
  link;
  #client;
  #roster;
  #door;
  #broken;
  /** The mode with which this stay inside has begun: it never changes. @type {string | null} */
  #mode = null;
  /** Whether members speak by way of the server here: nowhere but in rooms that are encrypted to it. */
  #isPlain = false;
  /** @type {Promise<void> | null} */
  #fetching = null;
  /** @type {ReadonlyMap<string, import("../e2ee/tree.js").Member> | null} */
  #attested = null;

  /**
   * @param {{
   *   client: import("../signaling/client.js").MeetingClient, roster: import("../signaling/roster.js").Roster,
   *   door: import("./door_data.js").DoorData, link?: CompleteLink, broken?: (reason: NotSecured["reason"]) => void,
   * }} parts `broken`: what was promised no longer holds, in the middle of a stay
   */
  constructor({ client, roster, door, link = new CompleteLink(door.code), broken = () => undefined }) {
    this.#client = client;
    this.#roster = roster;
    this.#door = door;
    this.link = link;
    this.#broken = broken;
  }

  /**
   * Why this page can't take part, as far as it was told what the meeting needs.
   * @returns {Promise<NotSecured["reason"] | null>}
   */
  async obstacle() {
    const { encryption: mode, link_key: known } = this.#door;
    if (mode === null) return this.link.wasGiven && !this.link.key ? "link_key_missing" : null;
    return this.#obstacle(mode, known);
  }

  /**
   * The mode of a meeting never changes: a weaker one than was seen before, or than the link is for, is a lie.
   * @param {string} mode
   * @param {import("./complete_link.js").PublicLinkKey | null | undefined} known
   * @returns {Promise<NotSecured["reason"] | null>}
   */
  async #obstacle(mode, known) {
    const promised = this.#promised();
    if (promised === "sealed" && mode !== "sealed") return "unsealed";
    if (promised === "e2ee" && mode === "transport") return "downgraded";
    if (mode !== "transport" && !(await canEncrypt())) return "cant_encrypt";
    return mode === "sealed" ? this.link.trouble(known) : null;
  }

  /** What this browser knows of the mode beside the server's newest word. @returns {string} */
  #promised() {
    const { encryption, code } = this.#door;
    if (this.link.wasGiven || encryption === "sealed") return "sealed";
    const before = remembered(code);
    return before === "sealed" || encryption === null || encryption === "transport" ? before : encryption;
  }

  /** Strangers aren't told what the meeting needs, so theirs is fetched as well. */
  async fetch() {
    if (this.#door.encryption === "transport") return;
    this.#fetching ??= import("../e2ee/encryption.js").then(({ Encryption }) => {
      this.encryption = new Encryption({
        request: (type, fields) => this.#client.request(type, fields), code: this.#door.code,
        account: this.#door.signed_in?.email ?? null, workers: this.#door.workers, link: () => this.link.key,
      });
      this.encryption.on("link", ({ key }) => void this.#renewed(key));
      this.encryption.on("change", () => {
        this.#attest();
        if (this.encryption?.phase === "refused") this.#broken("not_the_group");
      });
    });
    this.#fetching.catch(() => (this.#fetching = null));
    await this.#fetching;
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
    this.encryption?.identify().catch(() => undefined);
  }

  /**
   * Each time `room` arrives. Resolves once media may flow; rejects with NotSecured where they must not.
   * @param {Meeting} meeting
   * @returns {Promise<Sealed>}
   */
  async enter(meeting) {
    const obstacle = await this.#obstacle(meeting.encryption, meeting.link_key);
    if (obstacle !== "unsealed" && obstacle !== "downgraded" && meeting.encryption !== "transport") remember(meeting.code, meeting.encryption);
    if (obstacle) throw new NotSecured(obstacle);
    if (this.#isOtherMode(meeting)) throw new NotSecured("downgraded");
    this.#mode = meeting.encryption;
    if (meeting.encryption === "transport") return { transforms: null, originOf: null };
    const { encryption } = this;
    if (!encryption) throw new NotSecured("cant_encrypt");
    if (meeting.encryption === "sealed" && this.#roster.capabilities?.host) await this.link.keep();
    await encryption.enter(meeting);
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
    if (message.type === "room") this.#isPlain = message.meeting.encryption === "transport" && !["e2ee", "sealed"].includes(this.#promised());
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
    const { encryption } = this;
    if (!encryption?.isOn) return this.#client.request(type, fields);
    if (type === "door.admit") {
      const identity = this.#roster.waiting.find(({ participant }) => participant === fields.participant)?.identity;
      return this.#client.request(type, identity ? { ...fields, word: await encryption.word(fields.participant, identity) } : fields);
    }
    const answer = await this.#client.request(type, fields);
    if (type === "host.remove" || type === "host.to_door") await encryption.refuse(fields.participant);
    if (type === "host.remove") encryption.renewLinkWithout(fields.participant);
    return answer;
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

  close() {
    this.#mode = null;
    this.#isPlain = false;
    this.encryption?.close();
  }
}

const seen = (/** @type {string} */ code) => `lintel:encrypted:${code}`;

/**
 * @param {string} code
 * @param {string} mode
 */
function remember(code, mode) {
  try {
    localStorage.setItem(seen(code), mode);
  } catch {
    // A browser that keeps nothing is told the mode by the door each time.
  }
}

/** @param {string} code @returns {"sealed" | "e2ee" | ""} */
function remembered(code) {
  try {
    const mode = localStorage.getItem(seen(code));
    return mode === "sealed" ? mode : mode ? "e2ee" : "";
  } catch {
    return "";
  }
}
