// Which keys seal and open frames at this moment. docs/encryption.md section 6. Knows no frames and no timers: time is a
// parameter, and `nextAt` says when to call `tick`.
import { CONTEXTS, EPOCHS, packKeyId, unpackKeyId } from "./key_id.js";
import { ReplayWindow } from "./replay.js";
import { deriveKey } from "./sframe.js";

/**
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {import("./sframe.js").SFrameKey} SFrameKey
 * @typedef {{group: string, epoch: number, base: CryptoKey, leaf: number, members: [number, string][], removal: boolean, fresh: boolean}} Entry
 *   what an epoch brings: `members` are leaf and participant; `removal` when somebody is gone, `fresh` when this device just came in
 * @typedef {{participant: string, source: Source, key: Promise<SFrameKey>, window: ReplayWindow}} Opening
 */

const SWITCH_AFTER_MS = 1000;
const OLD_KEYS_MS = 10_000;
const OLD_KEYS_AFTER_REMOVAL_MS = 3000;
const MOST_OLD_EPOCHS = 3;
const WINDOWS = Object.freeze({ audio: 128, video: 1024 });

/** @param {Source} source @returns {"audio" | "video"} */
export const kindOf = (source) => (source === "camera" || source === "screen" ? "video" : "audio");

class Epoch {
  until = Infinity;
  /** @type {Map<number, {key: Promise<SFrameKey>, window: ReplayWindow}>} */
  #keys = new Map();

  /** @param {Entry} entry */
  constructor({ group, epoch, base, leaf, members }) {
    this.group = group;
    this.epoch = epoch;
    this.base = base;
    this.leaf = leaf;
    this.members = new Map(members);
  }

  /**
   * @param {number} kid
   * @param {Source} source
   */
  keyOf(kid, source) {
    let held = this.#keys.get(kid);
    if (!held) {
      held = { key: deriveKey(this.base, BigInt(kid)), window: new ReplayWindow(WINDOWS[kindOf(source)]) };
      this.#keys.set(kid, held);
    }
    return held;
  }
}

export class Keyring {
  /** By the low bits of their number, as frames name them. @type {Map<number, Epoch>} */
  #slots = new Map();
  /** @type {Epoch | null} */
  #newest = null;
  /** @type {Epoch | null} */
  #sending = null;
  #switchAt = Infinity;
  /** Frames sealed under the sending epoch, by source: a counter is never used twice under one key. @type {Map<Source, number>} */
  #counters = new Map();

  get canSeal() {
    return this.#sending !== null;
  }

  /** The epoch that frames are sealed under, or -1. */
  get sendingEpoch() {
    return this.#sending?.epoch ?? -1;
  }

  /**
   * An epoch has begun for this device: what comes under it can be opened from now on.
   * @param {Entry} entry
   * @param {number} now milliseconds
   */
  enter(entry, now) {
    if (this.#newest?.group === entry.group && entry.epoch <= this.#newest.epoch) return; // else counters would begin again under known keys
    const changes = entry.fresh || this.#newest?.group !== entry.group;
    if (changes) this.leave();
    const epoch = new Epoch(entry);
    const here = new Set(epoch.members.values());
    for (const old of this.#slots.values()) {
      old.until = Math.min(old.until, now + (entry.removal ? OLD_KEYS_AFTER_REMOVAL_MS : OLD_KEYS_MS));
      // Whoever is gone is not heard any more, whatever still arrives of them.
      for (const [leaf, participant] of old.members) if (!here.has(participant)) old.members.delete(leaf);
    }
    this.#slots.set(entry.epoch % EPOCHS, epoch);
    this.#newest = epoch;
    const oldest = [...this.#slots.values()].sort((a, b) => b.epoch - a.epoch).slice(1 + MOST_OLD_EPOCHS);
    for (const { epoch: number } of oldest) this.#slots.delete(number % EPOCHS);
    if (changes || entry.removal) this.#switch();
    else if (this.#switchAt === Infinity) this.#switchAt = now + SWITCH_AFTER_MS;
  }

  /**
   * Everybody can open what comes under this epoch.
   * @param {number} epoch
   */
  activate(epoch) {
    if (this.#newest?.epoch === epoch) this.#switch();
  }

  /** Out of the group: nothing is sealed and nothing opened. */
  leave() {
    this.#slots.clear();
    this.#newest = this.#sending = null;
    this.#switchAt = Infinity;
    this.#counters.clear();
  }

  /** @param {number} now */
  tick(now) {
    if (now >= this.#switchAt) this.#switch();
    for (const [slot, { until }] of this.#slots) if (now >= until) this.#slots.delete(slot);
  }

  /** When `tick` has something to do. */
  nextAt() {
    return Math.min(this.#switchAt, ...[...this.#slots.values()].map(({ until }) => until));
  }

  #switch() {
    this.#switchAt = Infinity;
    if (this.#sending === this.#newest) return;
    this.#sending = this.#newest;
    this.#counters.clear();
  }

  /**
   * A key and a counter that was never used with it; null when nothing may be sent.
   * @param {Source} source
   * @returns {{key: Promise<SFrameKey>, counter: number} | null}
   */
  sealing(source) {
    const epoch = this.#sending;
    if (!epoch) return null;
    const counter = this.#counters.get(source) ?? 0;
    this.#counters.set(source, counter + 1);
    const kid = packKeyId({ context: CONTEXTS.indexOf(source), leaf: epoch.leaf, epoch: epoch.epoch });
    return { key: epoch.keyOf(kid, source).key, counter };
  }

  /**
   * Whose frame this is and what opens it; null where nobody here has such a key.
   * @param {number} kid
   * @returns {Opening | null}
   */
  opening(kid) {
    const named = unpackKeyId(kid);
    if (!named) return null;
    const epoch = this.#slots.get(named.slot);
    const participant = epoch?.members.get(named.leaf);
    if (!epoch || participant === undefined || named.leaf === epoch.leaf) return null;
    return { participant, source: named.source, ...epoch.keyOf(kid, named.source) };
  }
}
