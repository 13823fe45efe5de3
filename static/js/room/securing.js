// Whether this meeting is end-to-end encrypted, and what follows from it for the page. The code for it is fetched only where
// it may be needed. Never goes on with less than was promised.
import { canEncrypt } from "../e2ee/identity.js";

/**
 * @typedef {import("../e2ee/encryption.js").Encryption} Encryption
 * @typedef {import("../e2ee/encryption.js").Origin} Origin
 * @typedef {import("../signaling/protocol.js").Meeting} Meeting
 * @typedef {{transforms: import("../media/transforms.js").Transforms | null, originOf: ((receiver: RTCRtpReceiver) => Origin | null) | null}} Sealed
 */

/** Why media can't flow here. `reason` is one of the page's refusals. */
export class NotSecured extends Error {
  /** @param {"cant_encrypt" | "downgraded"} reason */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

export class Securing {
  /** Of an encrypted meeting, once its code has arrived. @type {Encryption | null} */
  encryption = null;
  #client;
  #roster;
  #door;
  /** @type {Promise<void> | null} */
  #fetching = null;
  /** @type {ReadonlyMap<string, import("../e2ee/tree.js").Member> | null} */
  #attested = null;

  /**
   * @param {{
   *   client: import("../signaling/client.js").MeetingClient, roster: import("../signaling/roster.js").Roster,
   *   door: import("./door_data.js").DoorData,
   * }} parts
   */
  constructor({ client, roster, door }) {
    this.#client = client;
    this.#roster = roster;
    this.#door = door;
  }

  /** Whether this browser can take part, as far as the page was told what the meeting needs. */
  async isPossible() {
    return this.#door.encryption === null || this.#door.encryption === "transport" || (await canEncrypt());
  }

  /** Strangers aren't told what the meeting needs, so theirs is fetched as well. */
  async fetch() {
    if (this.#door.encryption === "transport") return;
    this.#fetching ??= import("../e2ee/encryption.js").then(({ Encryption }) => {
      this.encryption = new Encryption({
        request: (type, fields) => this.#client.request(type, fields), code: this.#door.code,
        account: this.#door.signed_in?.email ?? null, workers: this.#door.workers,
      });
      this.encryption.on("change", () => this.#attest());
    });
    this.#fetching.catch(() => (this.#fetching = null));
    await this.#fetching;
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
    if (meeting.encryption === "transport") {
      if (this.#wasPromisedMore(meeting.code)) throw new NotSecured("downgraded");
      return { transforms: null, originOf: null };
    }
    remember(meeting.code);
    const { encryption } = this;
    if (!encryption || !(await canEncrypt())) throw new NotSecured("cant_encrypt");
    await encryption.enter(meeting);
    return { transforms: encryption.transforms, originOf: (receiver) => encryption.originOf(receiver) };
  }

  /** The mode of a meeting never changes: a weaker one than was seen before is a lie. @param {string} code */
  #wasPromisedMore(code) {
    return (this.#door.encryption !== null && this.#door.encryption !== "transport") || remembers(code);
  }

  /** @param {import("../signaling/protocol.js").ServerMessage} message @returns {boolean} whether it was the group's */
  take(message) {
    if (message.type === "meeting") this.encryption?.setDoor(message.meeting.door);
    return this.encryption?.take(message) ?? false;
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
    const { encryption } = this;
    if (!encryption?.isOn) return this.#client.request(type, fields);
    if (type === "door.admit") {
      const identity = this.#roster.waiting.find(({ participant }) => participant === fields.participant)?.identity;
      return this.#client.request(type, identity ? { ...fields, word: await encryption.word(fields.participant, identity) } : fields);
    }
    const answer = await this.#client.request(type, fields);
    if (type === "host.remove" || type === "host.to_door") await encryption.refuse(fields.participant);
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
    this.encryption?.close();
  }
}

const seen = (/** @type {string} */ code) => `lintel:encrypted:${code}`;

/** @param {string} code */
function remember(code) {
  try {
    localStorage.setItem(seen(code), "yes");
  } catch {
    // A browser that keeps nothing is told the mode by the door each time.
  }
}

/** @param {string} code */
function remembers(code) {
  try {
    return localStorage.getItem(seen(code)) === "yes";
  } catch {
    return false;
  }
}
