// How good the network is, in one word and one cause. `judge` is pure; `Quality` reads getStats of both transports.
import { Emitter } from "../lib/emitter.js";

/**
 * @typedef {"good" | "unstable" | "poor" | "offline"} Word
 * @typedef {{
 *   roundTripMs: number | null,
 *   lostUp: number | null, lostDown: number | null,
 *   sentKbps: number | null, receivedKbps: number | null, canSendKbps: number | null,
 *   limitedBy: string, cameraOn: boolean,
 * }} Sample shares 0…1, rates in kbit/s
 * @typedef {{word: Word, cause: "none" | "upload" | "upload_loss" | "download_loss" | "delay" | "computer" | "offline"}} Verdict
 */

const EVERY_MS = 2000;

/**
 * The worst thing first.
 * @param {Sample} sample
 * @returns {Verdict}
 */
export function judge({ roundTripMs, lostUp, lostDown, canSendKbps, limitedBy, cameraOn }) {
  if ((lostDown ?? 0) > 0.08) return { word: "poor", cause: "download_loss" };
  if ((lostUp ?? 0) > 0.08) return { word: "poor", cause: "upload_loss" };
  if (cameraOn && canSendKbps !== null && canSendKbps < 150) return { word: "poor", cause: "upload" };
  if ((roundTripMs ?? 0) > 600) return { word: "poor", cause: "delay" };
  if ((lostDown ?? 0) > 0.03) return { word: "unstable", cause: "download_loss" };
  if ((lostUp ?? 0) > 0.03) return { word: "unstable", cause: "upload_loss" };
  if (cameraOn && limitedBy === "bandwidth" && canSendKbps !== null && canSendKbps < 350) return { word: "unstable", cause: "upload" };
  if ((roundTripMs ?? 0) > 300) return { word: "unstable", cause: "delay" };
  return { word: "good", cause: "none" };
}

/**
 * @typedef {{bytesUp: number, bytesDown: number, packetsDown: number, lostDown: number, at: number}} Counters
 */

/** @extends {Emitter<{verdict: Verdict & {sample: Sample | null}, people: Map<string, boolean>}>} */
export class Quality extends Emitter {
  /** @type {Verdict & {sample: Sample | null}} */
  verdict = { word: "good", cause: "none", sample: null };
  /** @type {Counters | null} */
  #before = null;
  /** @type {any} */
  #timer = null;
  #connections;
  #cameraOn;
  /** @type {Verdict[]} */
  #recent = [];

  /**
   * @param {() => {publish: RTCPeerConnection | null, subscribe: RTCPeerConnection | null}} connections
   * @param {() => boolean} cameraOn
   */
  constructor(connections, cameraOn) {
    super();
    this.#connections = connections;
    this.#cameraOn = cameraOn;
  }

  start() {
    this.#timer ??= setInterval(() => void this.#look(), EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#before = null;
    this.#recent = [];
  }

  /** @param {boolean} offline */
  setOffline(offline) {
    if (offline) this.#say({ word: "offline", cause: "offline" }, null);
    else if (this.verdict.word === "offline") this.#say({ word: "good", cause: "none" }, null);
  }

  async #look() {
    if (this.verdict.word === "offline") return;
    const sample = await this.#sample();
    if (!sample) return;
    this.#recent = [...this.#recent.slice(-1), judge(sample)];
    // Two looks in a row must agree that something is wrong: one lost burst is no news.
    const [first, second] = this.#recent;
    const shown = second && first.word !== "good" && second.word !== "good" ? second : { word: /** @type {Word} */ ("good"), cause: /** @type {const} */ ("none") };
    this.#say(shown, sample);
  }

  /** @returns {Promise<Sample | null>} */
  async #sample() {
    const { publish, subscribe } = this.#connections();
    /** @type {Sample} */
    const sample = {
      roundTripMs: null, lostUp: null, lostDown: null, sentKbps: null, receivedKbps: null, canSendKbps: null,
      limitedBy: "none", cameraOn: this.#cameraOn(),
    };
    /** @type {Counters} */
    const now = { bytesUp: 0, bytesDown: 0, packetsDown: 0, lostDown: 0, at: performance.now() };
    for (const connection of [publish, subscribe]) {
      if (!connection || connection.connectionState !== "connected") continue;
      for (const report of (await connection.getStats()).values()) {
        if (report.type === "candidate-pair" && report.nominated) {
          if (report.currentRoundTripTime !== undefined) sample.roundTripMs = Math.round(report.currentRoundTripTime * 1000);
          if (connection === publish && report.availableOutgoingBitrate) sample.canSendKbps = Math.round(report.availableOutgoingBitrate / 1000);
        } else if (report.type === "outbound-rtp") {
          now.bytesUp += report.bytesSent ?? 0;
          if (report.kind === "video" && report.qualityLimitationReason) sample.limitedBy = report.qualityLimitationReason;
        } else if (report.type === "remote-inbound-rtp") {
          sample.lostUp = Math.max(sample.lostUp ?? 0, report.fractionLost ?? 0);
        } else if (report.type === "inbound-rtp") {
          now.bytesDown += report.bytesReceived ?? 0;
          now.packetsDown += report.packetsReceived ?? 0;
          now.lostDown += report.packetsLost ?? 0;
        }
      }
    }
    const before = this.#before;
    this.#before = now;
    if (!before) return null;
    const seconds = (now.at - before.at) / 1000;
    const rate = (/** @type {number} */ bytes) => Math.max(0, Math.round((bytes * 8) / 1000 / seconds));
    sample.sentKbps = rate(now.bytesUp - before.bytesUp);
    sample.receivedKbps = rate(now.bytesDown - before.bytesDown);
    const received = now.packetsDown - before.packetsDown;
    const lost = Math.max(0, now.lostDown - before.lostDown);
    sample.lostDown = received + lost > 20 ? lost / (received + lost) : null;
    return sample;
  }

  /**
   * @param {Verdict} verdict
   * @param {Sample | null} sample
   */
  #say(verdict, sample) {
    this.verdict = { ...verdict, sample };
    this.emit("verdict", this.verdict);
  }
}
