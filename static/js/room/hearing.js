// Who is speaking: by their sound where it arrives, by the server's word where none does.
//
// Of an encrypted room the server knows who speaks only where its members say so, and they say it only where more
// microphones are on than it passes on anyway. What it says elsewhere is made up, and is not taken.
import { trackKey } from "../media/subscriber.js";
import { MicrophoneMeter, PlayedLevels, receivedLevel, SpeechDetector, VoiceDetector } from "../media/levels.js";
import { ALWAYS_HEARD, OwnSpeech } from "../media/own_speech.js";

const LEVELS_EVERY_MS = 150;

export class Hearing {
  #roster;
  #call;
  #participation;
  #heard;
  #ticksAt;
  #own;
  #speech = new SpeechDetector();
  #voice = new VoiceDetector();
  #played = new PlayedLevels();
  #meter = new MicrophoneMeter(() => undefined);
  /** Whom the server says to speak. @type {ReadonlySet<string>} */
  #named = new Set();
  /** @type {Worker | null} */
  #ticker = null;

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster, call: import("../media/call.js").Call,
   *   participation: import("../media/participation.js").Participation, ticker: string,
   *   request: (type: string, fields: object) => Promise<unknown>,
   *   heard: (speaking: ReadonlySet<string>, now: number) => void,
   * }} parts `ticker`: the address of ticker_worker.js
   */
  constructor({ roster, call, participation, ticker, request, heard }) {
    this.#roster = roster;
    this.#call = call;
    this.#participation = participation;
    this.#ticksAt = ticker;
    this.#own = new OwnSpeech(request);
    this.#heard = heard;
    roster.on("gone", ({ person }) => this.#speech.forget(person.participant));
    roster.on("whole", () => {
      this.#named = new Set();
      this.#own.forget();
    });
  }

  start() {
    if (this.#ticker) return;
    this.#ticker = new Worker(this.#ticksAt); // who speaks from a page in the background is heard as well
    this.#ticker.onmessage = () => this.#listen(performance.now());
    this.#ticker.postMessage(LEVELS_EVERY_MS);
  }

  stop() {
    this.#ticker?.terminate();
    this.#ticker = null;
    this.#meter.watch(null);
  }

  /** @param {MediaStreamTrack | null} track the own microphone while it is on */
  watch(track) {
    this.#meter.watch(track);
  }

  /** @param {string[]} speakers by the server's word */
  named(speakers) {
    this.#named = new Set(speakers);
  }

  /** @param {number} now milliseconds */
  #listen(now) {
    /** @type {Set<string>} */
    const speaking = new Set();
    const { you, people } = this.#roster;
    const { originOf } = this.#call;
    if (originOf) void this.#played.look(this.#call.subscriber?.connection, now);
    const open = [...people.values()].filter(({ participant, microphone }) => (participant === you ? this.#participation.microphone : microphone));
    // Whom the server lists beside the group makes no crowd.
    const isCrowded = open.filter(({ secured }) => secured || !originOf).length > ALWAYS_HEARD;
    const on = new Set(open.map(({ participant }) => participant));
    const own = this.#participation.microphone ? this.#meter.measure() : null;
    if (own !== null && this.#voice.update(own, now)) speaking.add(you);
    for (const id of people.keys()) {
      if (id === you) continue;
      const level = on.has(id) ? this.#level(id) : 0;
      const isNamed = level === null && (!originOf || isCrowded) && this.#named.has(id);
      if (this.#speech.update(id, level ?? 0, now) || isNamed) speaking.add(id);
    }
    if (!this.#participation.microphone) this.#own.forget();
    // Whose page can't tell whether they speak says nothing, and is always heard.
    else if (originOf) void this.#own.say(isCrowded && own !== null ? speaking.has(you) : null, now);
    this.#heard(speaking, now);
  }

  /** How loud somebody's sound is, 0…1; null while none of it arrives. @param {string} id */
  #level(id) {
    const { originOf, incoming } = this.#call;
    const receiver = incoming.get(trackKey(id, "microphone"))?.receiver;
    if (!receiver) return null;
    return originOf ? this.#played.of(receiver) : receivedLevel(receiver);
  }
}
