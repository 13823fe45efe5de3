// Who is speaking, from the levels of what arrives and of the own microphone.
import { trackKey } from "../media/subscriber.js";
import { MicrophoneMeter, PlayedLevels, receivedLevel, SpeechDetector } from "../media/levels.js";

const LEVELS_EVERY_MS = 150;

export class Hearing {
  #roster;
  #call;
  #participation;
  #heard;
  #speech = new SpeechDetector();
  #played = new PlayedLevels();
  #ownLevel = 0;
  #meter = new MicrophoneMeter((level) => (this.#ownLevel = level));
  /** @type {any} */
  #timer = null;

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster, call: import("../media/call.js").Call,
   *   participation: import("../media/participation.js").Participation,
   *   heard: (speaking: ReadonlySet<string>, now: number) => void,
   * }} parts
   */
  constructor({ roster, call, participation, heard }) {
    this.#roster = roster;
    this.#call = call;
    this.#participation = participation;
    this.#heard = heard;
    roster.on("gone", ({ person }) => this.#speech.forget(person.participant));
  }

  start() {
    this.#timer ??= setInterval(() => this.#listen(), LEVELS_EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#meter.watch(null);
  }

  /** @param {MediaStreamTrack | null} track the own microphone while it is on */
  watch(track) {
    this.#meter.watch(track);
  }

  #listen() {
    const now = performance.now();
    /** @type {Set<string>} */
    const speaking = new Set();
    const { originOf, incoming } = this.#call;
    if (originOf) void this.#played.look(this.#call.subscriber?.connection, now);
    for (const person of this.#roster.people.values()) {
      const id = person.participant;
      const own = id === this.#roster.you;
      const receiver = incoming.get(trackKey(id, "microphone"))?.receiver;
      const level = own ? (this.#participation.microphone ? this.#ownLevel : 0) : person.microphone && receiver ? (originOf ? this.#played.of(receiver) : receivedLevel(receiver)) : 0;
      if (this.#speech.update(id, level, now)) speaking.add(id);
    }
    this.#heard(speaking, now);
  }
}
