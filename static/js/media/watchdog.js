// Whether what a browser sends has gone through the worker. A browser that goes past a transform does so without a
// word; this is where it is noticed, and the line is taken off the air.
import { Emitter } from "../lib/emitter.js";

/**
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {import("../e2ee/media_worker.js").LineReport} LineReport
 * @typedef {{sent: number, sealed: number, framesSent?: number, framesSealed?: number}} Count bytes: payloads that left, first
 *   time; frames that the worker gave. And pictures, where the browser counts them
 */

/** A picture's packets have headers of their own, and padding repeats payloads; sound has neither. */
const SLACK = Object.freeze({ audio: 4000, video: 50_000 });
const SHARE = 2;
/** Pictures that the encoders have made and the worker has not had yet. */
const FRAMES_UNDER_WAY = 15;
const SUSPICIONS = 2;
/** Counting begins anew after so many looks, so that a line that was good for an hour is not trusted for another. */
const LOOKS = 10;

/**
 * Whether more left between two counts than the worker can account for. Pure. Bytes alone would not do for pictures: a busy
 * machine makes few of them, and the browser fills the way with padding until it knows how much passes. Nor would pictures alone:
 * they are counted before the worker has them.
 * @param {"audio" | "video"} kind
 * @param {Count} before
 * @param {Count} now
 */
export function wentPast(kind, before, now) {
  const tooManyBytes = now.sent - before.sent > SHARE * (now.sealed - before.sealed) + SLACK[kind];
  if (kind === "audio" || now.framesSent === undefined) return tooManyBytes;
  const frames = now.framesSent - (before.framesSent ?? 0) - ((now.framesSealed ?? 0) - (before.framesSealed ?? 0));
  return tooManyBytes && frames > FRAMES_UNDER_WAY;
}

/** @extends {Emitter<{leak: Source}>} */
export class Watchdog extends Emitter {
  #transforms;
  #ask;
  /** What had left when the worker was asked: it counts later than we do, so a slow worker never looks like a leak. @type {Map<number, {bytes: number, frames: number | undefined}>} */
  #sent = new Map();
  #question = 0;
  #isLooking = false;
  /** @type {Map<number, {count: Count, looks: number, suspicions: number}>} */
  #lines = new Map();

  /**
   * @param {import("./transforms.js").Transforms} transforms
   * @param {(question: number) => void} ask for a report that the worker makes from now on
   */
  constructor(transforms, ask) {
    super();
    this.#transforms = transforms;
    this.#ask = ask;
  }

  /**
   * What the worker counted; begins the next look when none is under way.
   * @param {LineReport[]} lines
   * @param {number} [answer] to which question
   */
  async take(lines, answer) {
    if (answer === this.#question) {
      this.#isLooking = false;
      for (const line of lines) await this.#compare(line);
    } else if (!this.#isLooking) {
      this.#isLooking = true;
      this.#sent.clear();
      for (const { id, side } of lines) {
        const sender = this.#transforms.endOf(id);
        if (side === "out" && sender && "replaceTrack" in sender) this.#sent.set(id, await sentBy(sender));
      }
      this.#ask(++this.#question);
    }
  }

  /** @param {LineReport} line */
  async #compare({ id, source, sealedBytes, sealed: framesSealed }) {
    const sent = this.#sent.get(id);
    const sender = this.#transforms.endOf(id);
    if (sent === undefined || !sender || !("replaceTrack" in sender)) return;
    const kind = source === "camera" || source === "screen" ? "video" : "audio";
    const count = { sent: sent.bytes, sealed: sealedBytes, framesSent: sent.frames, framesSealed };
    const before = this.#lines.get(id) ?? { count: { sent: 0, sealed: 0 }, looks: 0, suspicions: 0 };
    const suspicions = wentPast(kind, before.count, count) ? before.suspicions + 1 : 0;
    const isOver = !suspicions && before.looks >= LOOKS;
    this.#lines.set(id, isOver ? { count, looks: 0, suspicions } : { ...before, looks: before.looks + 1, suspicions });
    if (suspicions < SUSPICIONS) return;
    this.#lines.set(id, { count, looks: 0, suspicions: 0 });
    await sender.replaceTrack(null);
    this.emit("leak", /** @type {Source} */ (source));
  }
}

/** @param {RTCRtpSender} sender @returns {Promise<{bytes: number, frames: number | undefined}>} over all its encodings */
async function sentBy(sender) {
  let bytes = 0;
  /** @type {number | undefined} */
  let frames;
  for (const report of (await sender.getStats()).values()) {
    if (report.type !== "outbound-rtp") continue;
    bytes += (report.bytesSent ?? 0) - (report.retransmittedBytesSent ?? 0);
    if (report.framesEncoded !== undefined) frames = (frames ?? 0) + report.framesEncoded;
  }
  return { bytes, frames };
}
