// What happens to one encoded frame on its way out and on its way in. Runs in the media worker; frames, keys and controllers
// are given, so that tests can give others. Whatever goes wrong, a frame is dropped: nothing passes as it is.
import { openFrame, parseFrame, sealFrame } from "./frames.js";
import { kindOf } from "./keyring.js";

/**
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {{data: ArrayBuffer}} Frame
 * @typedef {{enqueue: (frame: any) => void}} Controller
 * @typedef {{seen: number, sealed: number, sealedBytes: number, opened: number, dropped: number}} Counts
 */

const MOST_WAITING = 25;
const WAIT_MS = 500;
const ASK_AGAIN_MS = 1000;

/** @returns {Counts} */
export const noCounts = () => ({ seen: 0, sealed: 0, sealedBytes: 0, opened: 0, dropped: 0 });

/** One sender's way out: all layers of one source. */
export class Sealing {
  counts = noCounts();
  #ring;
  #source;

  /**
   * @param {import("./keyring.js").Keyring} ring
   * @param {Source} source
   */
  constructor(ring, source) {
    this.#ring = ring;
    this.#source = source;
  }

  /**
   * @param {Frame} frame
   * @param {Controller} controller
   */
  async take(frame, controller) {
    this.counts.seen += 1;
    if (frame.data.byteLength === 0) return;
    const sealing = this.#ring.sealing(this.#source);
    try {
      if (!sealing) throw new Error("no key");
      frame.data = await sealFrame(await sealing.key, sealing.counter, kindOf(this.#source), frame.data);
    } catch {
      this.counts.dropped += 1;
      return;
    }
    const size = frame.data.byteLength; // which is gone once the frame is
    controller.enqueue(frame);
    this.counts.sealed += 1;
    this.counts.sealedBytes += size;
  }
}

/** One receiver's way in. Says whose media these are: the label comes from the key, never from the server. */
export class Opening {
  counts = noCounts();
  /** Whose media came last, and which. @type {{participant: string, source: Source} | null} */
  from = null;
  /** Since when nothing could be opened for want of a key; null while things open. @type {number | null} */
  waitingSince = null;
  #ring;
  #kind;
  #now;
  #changed;
  #askForKeyFrame;
  #missed = false;
  #askedAt = -Infinity;
  /** Sound that came before its key. @type {{frame: Frame, at: number}[]} */
  #early = [];

  /**
   * @param {import("./keyring.js").Keyring} ring
   * @param {{kind: "audio" | "video", now: () => number, changed: () => void, askForKeyFrame: () => void}} options
   */
  constructor(ring, { kind, now, changed, askForKeyFrame }) {
    this.#ring = ring;
    this.#kind = kind;
    this.#now = now;
    this.#changed = changed;
    this.#askForKeyFrame = askForKeyFrame;
  }

  /**
   * @param {Frame} frame
   * @param {Controller} controller
   */
  async take(frame, controller) {
    if (frame.data.byteLength === 0) return; // browsers deliver some, and they say nothing
    this.counts.seen += 1;
    const oldest = this.#now() - WAIT_MS;
    const early = this.#early.filter(({ at }) => at > oldest);
    this.counts.dropped += this.#early.length - early.length;
    this.#early = [];
    for (const { frame: before, at } of [...early, { frame, at: this.#now() }]) {
      if (await this.#open(before, controller)) continue;
      if (this.#kind === "audio" && this.waitingSince !== null && this.#early.length < MOST_WAITING) this.#early.push({ frame: before, at });
      else this.#drop();
    }
  }

  #drop() {
    this.counts.dropped += 1;
    this.#missed = true;
  }

  /**
   * @param {Frame} frame
   * @param {Controller} controller
   * @returns {Promise<boolean>} false where it could not be opened; `waitingSince` then says whether a key may still come
   */
  async #open(frame, controller) {
    let parsed;
    try {
      parsed = parseFrame(this.#kind, frame.data);
    } catch {
      return false;
    }
    const opening = this.#ring.opening(parsed.kid);
    if (!opening) {
      if (this.waitingSince === null) {
        this.waitingSince = this.#now();
        this.#changed();
      }
      return false;
    }
    if (kindOf(opening.source) !== this.#kind || !opening.window.isFresh(parsed.counter)) return false;
    try {
      frame.data = await openFrame(await opening.key, parsed);
    } catch {
      return false;
    }
    if (!opening.window.take(parsed.counter)) return false;
    controller.enqueue(frame);
    this.counts.opened += 1;
    this.#opened(opening);
    return true;
  }

  /** @param {{participant: string, source: Source}} by */
  #opened({ participant, source }) {
    const was = this.from;
    if (this.waitingSince !== null || was?.participant !== participant || was.source !== source) {
      this.waitingSince = null;
      this.from = { participant, source };
      this.#changed();
    }
    // A decoder that missed a frame shows nothing until a whole picture comes, and not every browser asks by itself.
    if (this.#kind === "video" && this.#missed && this.#now() - this.#askedAt >= ASK_AGAIN_MS) {
      this.#missed = false;
      this.#askedAt = this.#now();
      this.#askForKeyFrame();
    }
  }
}
