// Compares what encoders made with what the media worker saw. A browser that sends past its transform does so without a
// word; this is where it is noticed, and the line is taken off the air.
import { Emitter } from "../lib/emitter.js";

/**
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {import("../e2ee/media_worker.js").LineReport} LineReport
 * @typedef {{made: number, seen: number, sealed: number}} Count
 */

/** Frames on their way between encoder and worker while both are counted. */
const ON_THE_WAY = 5;
/** Firefox sends up to a third more packets of sound than it has frames; half of them missing is something else. */
const SOUND_SHARE = 0.5;
const SUSPICIONS = 2;

/**
 * Whether frames went past the worker between two counts. Pure.
 * @param {"audio" | "video"} kind
 * @param {Count} before
 * @param {Count} now `made`: frames encoded, or packets of sound sent
 */
export function wentPast(kind, before, now) {
  const made = now.made - before.made;
  const seen = now.seen - before.seen;
  if (kind === "video") return made - seen > Math.max(ON_THE_WAY, made / 5);
  return made > 2 * ON_THE_WAY && now.sealed - before.sealed < made * SOUND_SHARE && seen < made * SOUND_SHARE;
}

/** @extends {Emitter<{leak: Source}>} */
export class Watchdog extends Emitter {
  #transforms;
  /** @type {Map<number, {count: Count, suspicions: number}>} */
  #lines = new Map();

  /** @param {import("./transforms.js").Transforms} transforms */
  constructor(transforms) {
    super();
    this.#transforms = transforms;
  }

  /** @param {LineReport[]} lines what the worker counted just now */
  async take(lines) {
    for (const line of lines) {
      const sender = this.#transforms.endOf(line.id);
      if (line.side === "out" && sender && "replaceTrack" in sender) await this.#compare(line, sender);
    }
  }

  /**
   * @param {LineReport} line
   * @param {RTCRtpSender} sender
   */
  async #compare(line, sender) {
    const kind = line.source === "camera" || line.source === "screen" ? "video" : "audio";
    const count = { made: await made(sender, kind), seen: line.seen, sealed: line.sealed };
    const before = this.#lines.get(line.id);
    const suspicions = before && wentPast(kind, before.count, count) ? before.suspicions + 1 : 0;
    this.#lines.set(line.id, { count, suspicions });
    if (suspicions < SUSPICIONS) return;
    await sender.replaceTrack(null);
    this.emit("leak", /** @type {Source} */ (line.source));
  }
}

/**
 * @param {RTCRtpSender} sender
 * @param {"audio" | "video"} kind
 */
async function made(sender, kind) {
  let count = 0;
  for (const report of (await sender.getStats()).values()) {
    if (report.type === "outbound-rtp") count += (kind === "video" ? report.framesEncoded : report.packetsSent) ?? 0;
  }
  return count;
}
