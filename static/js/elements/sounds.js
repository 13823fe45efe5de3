// Chimes, made here rather than fetched; and the audio of others, played through the chosen speaker.
import { h } from "../lib/h.js";

/** @typedef {import("../media/call.js").Incoming} Incoming */

/** Frequencies in hertz. */
const TUNES = { knock: [659, 784], admitted: [523, 659, 784], came: [587], test: [523, 659, 784, 1047] };
const NOTE_S = 0.14;

/** @type {AudioContext | null} */
let context = null;

/**
 * @param {keyof typeof TUNES} tune
 * @param {string} [speaker] device id
 * @returns {Promise<void>} when it has been played
 */
export async function chime(tune, speaker = "") {
  try {
    context ??= new AudioContext();
    const output = /** @type {AudioContext & {setSinkId?: (id: string) => Promise<void>}} */ (context);
    await output.setSinkId?.(speaker).catch(() => undefined);
    if (context.state === "suspended") await context.resume();
    const start = context.currentTime + 0.02;
    TUNES[tune].forEach((frequency, index) => {
      if (!context) return;
      const at = start + index * NOTE_S;
      const gain = new GainNode(context, { gain: 0 });
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(0.16, at + 0.015);
      gain.gain.exponentialRampToValueAtTime(0.001, at + NOTE_S * 2.2);
      const tone = new OscillatorNode(context, { frequency, type: "sine" });
      tone.connect(gain).connect(context.destination);
      tone.start(at);
      tone.stop(at + NOTE_S * 2.4);
    });
    await new Promise((resolve) => setTimeout(resolve, (TUNES[tune].length + 1) * NOTE_S * 1000));
  } catch {
    // A browser that may not play yet stays silent; the words on screen say the same.
  }
}

/** One <audio> per remote microphone or shared sound. */
export class AudioOut {
  #root;
  /** @type {Map<string, HTMLAudioElement>} */
  #elements = new Map();
  #speaker = "";
  #volumeOf;
  #onBlocked;

  /**
   * @param {HTMLElement} root
   * @param {{volumeOf: (participant: string) => number, onBlocked: () => void}} parts `onBlocked`: the browser wants a press
   *   before it plays
   */
  constructor(root, { volumeOf, onBlocked }) {
    this.#root = root;
    this.#volumeOf = volumeOf;
    this.#onBlocked = onBlocked;
  }

  /** @param {Map<string, Incoming>} incoming */
  play(incoming) {
    for (const [key, element] of this.#elements) {
      if (incoming.get(key)?.stream) continue;
      element.srcObject = null;
      element.remove();
      this.#elements.delete(key);
    }
    for (const [key, { stream, source, participant }] of incoming) {
      if (!stream || (source !== "microphone" && source !== "screen_audio")) continue;
      let element = this.#elements.get(key);
      if (!element) {
        element = h("audio", { autoplay: true, "data-of": participant, "data-source": source });
        this.#elements.set(key, element);
        this.#root.append(element);
        this.#route(element);
      }
      if (element.srcObject !== stream) element.srcObject = stream;
      element.volume = this.#volumeOf(participant);
      this.#start(element);
    }
  }

  /** @param {string} speaker device id */
  through(speaker) {
    if (speaker === this.#speaker) return;
    this.#speaker = speaker;
    for (const element of this.#elements.values()) this.#route(element);
  }

  /** After a press: everything that was held back. */
  resume() {
    for (const element of this.#elements.values()) this.#start(element);
  }

  close() {
    this.play(new Map());
  }

  /** @param {HTMLAudioElement} element */
  #start(element) {
    element.play().catch((error) => {
      if (error?.name === "NotAllowedError") this.#onBlocked();
    });
  }

  /** @param {HTMLAudioElement} element */
  #route(element) {
    if (this.#speaker || "setSinkId" in element) void element.setSinkId?.(this.#speaker).catch(() => undefined);
  }
}
