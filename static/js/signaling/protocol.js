// The words of docs/protocol.md as types, and what each way of ending means. No DOM, no network.

/**
 * @typedef {{used_at: string | null, here: boolean, asks: "" | "yours" | "anothers", until: string | null, sent_to: string}} LinkInUse
 * @typedef {{sent_to: string, state: "sent" | "failed" | "none", sent_at: string | null, expires_at: string | null,
 *   again_at: string | null, tries_left: number}} EmailCode
 * @typedef {"any_address" | "invited_address"} AskedAddress
 * @typedef {{first_network: string, first_at: string | null, second_network: string, second_at: string, asks: boolean, denied: boolean}} LinkUse
 * @typedef {"microphone" | "camera" | "screen" | "screen_audio"} Source
 * @typedef {"microphone" | "camera" | "screen"} OwnSource what people switch; a screen brings its sound
 * @typedef {{microphone: boolean, camera: boolean, screen: boolean}} MediaState
 * @typedef {"admit" | "wait" | "refuse"} Outcome
 * @typedef {{speak: boolean, show: boolean, share: boolean, chat: boolean, record: boolean, host: boolean}} Capabilities
 * @typedef {{preset: string, listed: string, colleagues: string, guests: string, anyone: string}} DoorTable
 * @typedef {{at: string, by: string | null}} Suspended
 * @typedef {"speak" | "show" | "share" | "chat" | "record"} Right
 * @typedef {"everyone" | "signed_in" | "hosts"} Audience
 * @typedef {Record<Right, Audience>} Rights
 * @typedef {{title: string, organisation: string, code: string, starts_at: string, ends_at: string,
 *   started_at: string | null, encryption: string, locked: boolean, suspended: Suspended | null, mics_start_off: boolean, capacity: number,
 *   door: DoorTable, rights: Rights, link_key?: import("../e2ee/link_key.js").PublicLinkKey | null, largest_file?: number}} Meeting
 * @typedef {{participant: string, name: string, kind: string, host: boolean, organiser: boolean, guest: boolean, device?: boolean, provenance: string,
 *   email: string | null, entered_at: string, connected: boolean, microphone: boolean, camera: boolean, screen: boolean,
 *   hand: string | null, recording?: string | null, spotlight?: string | null, cautions?: string[] | null, identity?: string | null, secured?: boolean | null, link?: LinkUse | null,
 *   capabilities?: Capabilities | null, unseen?: UnseenSource[] | null}} Person
 * @typedef {{participant: string, revision: number, name: string, kind: string, device?: boolean, provenance: string, email: string | null,
 *   knocked_at: string, reason: string, place: number | null, cautions: string[], connected: boolean, identity?: string | null, link?: LinkUse | null}} Waiter
 * @typedef {{participant: string, name: string, by: string | null, answer: string}} Answered
 *
 * @typedef {{type: "door", participant: string, reason: string, until: string | null, knocked_at: string | null,
 *   title: string | null, starts_at: string | null, hosts: string[] | null, host_here: boolean, message: string | null,
 *   place: number | null, inside: number | null, capacity: number | null}} DoorMessage
 * @typedef {{type: "refused", reason: string, until?: string | null, note?: string | null, by?: string | null, at?: string | null}} RefusedMessage
 * @typedef {{type: "room", you: string, meeting: Meeting, capabilities: Capabilities, people: Person[],
 *   waiting: Waiter[] | null, now: string}} RoomMessage
 * @typedef {{mid: string, participant: string, source: Source}} OfferedTrack
 * @typedef {{type: "media.offer", offer: number, sdp: string, tracks: OfferedTrack[]}} MediaOffer
 * @typedef {{participant: string, source: "camera" | "screen", codec: string}} UnplayableTrack
 * @typedef {{source: "camera" | "screen", codec: string, people: number}} UnseenSource
 * @typedef {{type: "media.transport", transport: "publish" | "subscribe", state: string}} MediaTransport
 * @typedef {{type: "media.speakers", speakers: string[]}} MediaSpeakers
 * @typedef {{type: "chat", participant: string, name: string, text: string, at: string}} ChatMessage
 * @typedef {{type: "authorization", outcome: "refused" | "lapsed" | "unanswered" | "answered", reason: string | null,
 *   participant: string | null, name: string | null, track: string | null, of: string | null}} AuthorizationMessage
 * @typedef {{link: "meeting" | "former" | "personal" | null, name: string | null, count: number, networks: number, at: string,
 *   warned_at: string | null, replace: string | null}} Tried
 * @typedef {{type: "turned_away", tries: Tried[], history: string}} TurnedAwayMessage
 * @typedef {{type: "without_link", guests: string[], page: string}} WithoutLinkMessage
 * @typedef {{type: "ok", id?: string, sdp?: string, stats?: object[], microphone?: boolean, camera?: boolean, screen?: boolean}} OkMessage
 * @typedef {{type: "error", id?: string, code: string, message: string, field?: string}} ErrorMessage
 * @typedef {DoorMessage | RefusedMessage | RoomMessage | MediaOffer | MediaTransport | MediaSpeakers | ChatMessage | OkMessage | ErrorMessage
 *   | {type: "link.asked", wish: string | null, network: string | null, at: string | null, until: string | null}
 *   | {type: "person", person: Person}
 *   | {type: "gone", participant: string, why: string, by: string | null}
 *   | {type: "waiting", waiting: Waiter[], answered: Answered | null}
 *   | {type: "meeting", meeting: Meeting, by: string | null}
 *   | {type: "capabilities", capabilities: Capabilities, by: string | null}
 *   | {type: "muted", source: "microphone" | "camera" | "screen", by: string | null}
 *   | {type: "host.asked", source: OwnSource, by: string | null}
 *   | AuthorizationMessage
 *   | TurnedAwayMessage
 *   | WithoutLinkMessage
 *   | {type: "media.unplayable", tracks: UnplayableTrack[]}
 *   | {type: "media.unseen", sources: UnseenSource[]}
 *   | {type: "record.answered", participant: string, agrees: boolean}
 *   | {type: "record.lists", participant: string, includesYou: boolean}
 *   | {type: "reaction", participant: string, emoji: string}} ServerMessage
 *
 * @typedef {{outcome: Outcome, reason: string, until: string | null, participant?: string, ticket?: string,
 *   socket?: string, note?: string | null, by?: string | null, at?: string | null, may_tell?: boolean, link?: LinkInUse, email_code?: EmailCode | null,
 *   asks_address?: AskedAddress | null}} Arrival
 */

export const PROTOCOL = 1;
export const EMOJI = /** @type {const} */ (["👍", "👏", "😂", "😮", "❤️", "🎉"]);
export const LONGEST_CHAT = 4000;
export const LONGEST_NOTE = 300;
export const LONGEST_NAME = 60;

/**
 * What a close code asks of the client: come back (after at least `afterMs`), or stop because of `reason`.
 * Codes that are not here (1006: the line was cut) mean: come back.
 * @type {Readonly<Record<number, {back: true, afterMs: number} | {back: false, reason: string}>>}
 */
export const CLOSE = {
  1000: { back: false, reason: "left" },
  1012: { back: true, afterMs: 500 },
  1013: { back: true, afterMs: 1000 },
  4400: { back: false, reason: "protocol" },
  4401: { back: true, afterMs: 0 },
  4403: { back: false, reason: "closed" },
  4404: { back: false, reason: "ended" },
  4408: { back: true, afterMs: 0 },
  4409: { back: false, reason: "moved" },
  4413: { back: false, reason: "protocol" },
  4429: { back: true, afterMs: 10_000 },
};

/** @param {number} code */
export const closeMeaning = (code) => CLOSE[code] ?? { back: /** @type {const} */ (true), afterMs: 0 };

/** An answer `error`, a time-out (`no_answer`) or a cut line (`cut`). */
export class RequestFailed extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {string | null} [field]
   */
  constructor(code, message, field = null) {
    super(message);
    this.name = "RequestFailed";
    this.code = code;
    this.field = field;
  }
}
