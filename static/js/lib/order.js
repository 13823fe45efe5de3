// Who sits where. Order is stable: people do not move when they speak. Pure: time is a parameter.

/** An off-page speaker needs this much speech before taking a slot, and slots change at most this often. */
const SPEECH_BEFORE_SWAP_MS = 1500;
const BETWEEN_SWAPS_MS = 3000;

/**
 * @typedef {{id: string, pinned: boolean, sharing: boolean, hand: string | null, entered: string}} Sitter
 */

/**
 * Pinned, sharing, hands in the order they were raised, the rest by arrival.
 * @param {Sitter[]} sitters
 * @returns {string[]}
 */
export function seatOrder(sitters) {
  const rank = (/** @type {Sitter} */ s) => (s.pinned ? 0 : s.sharing ? 1 : s.hand ? 2 : 3);
  const when = (/** @type {Sitter} */ s) => (rank(s) === 2 && s.hand ? s.hand : s.entered);
  return [...sitters]
    .sort((a, b) => rank(a) - rank(b) || when(a).localeCompare(when(b)) || a.id.localeCompare(b.id))
    .map((s) => s.id);
}

/** Remembers swaps between pages, and who spoke when. */
export class Slots {
  /** @type {Map<string, number>} since when somebody has been speaking without a pause */
  #speakingSince = new Map();
  /** @type {Map<string, number>} when somebody last spoke */
  #spoke = new Map();
  /** @type {[string, string][]} pairs that sit in each other's place */
  #swaps = [];
  #lastSwapAt = -Infinity;

  /**
   * @param {string} id
   * @param {boolean} speaking
   * @param {number} now milliseconds
   */
  heard(id, speaking, now) {
    if (speaking) {
      if (!this.#speakingSince.has(id)) this.#speakingSince.set(id, now);
      this.#spoke.set(id, now);
    } else this.#speakingSince.delete(id);
  }

  /**
   * @param {string[]} order as `seatOrder` gives it
   * @param {number} visible how many slots the shown page has, counted from `from`
   * @param {number} from index of the shown page's first slot
   * @param {ReadonlySet<string>} fixed people whose slot nobody may take (pinned)
   * @param {number} now milliseconds
   * @returns {string[]} the order to draw
   */
  arrange(order, visible, from, fixed, now) {
    this.#swaps = this.#swaps.filter(([a, b]) => order.includes(a) && order.includes(b));
    const seated = this.#apply(order);
    const page = seated.slice(from, from + visible);
    if (page.length === seated.length || now - this.#lastSwapAt < BETWEEN_SWAPS_MS) return seated;
    const speaker = seated.find(
      (id) => !page.includes(id) && now - (this.#speakingSince.get(id) ?? Infinity) >= SPEECH_BEFORE_SWAP_MS,
    );
    if (!speaker) return seated;
    const quietest = page
      .filter((id) => !fixed.has(id) && !this.#speakingSince.has(id))
      .sort((a, b) => (this.#spoke.get(a) ?? -1) - (this.#spoke.get(b) ?? -1))[0];
    if (!quietest) return seated;
    this.#swaps.push([speaker, quietest]);
    this.#lastSwapAt = now;
    return this.#apply(order);
  }

  /** @param {string[]} order */
  #apply(order) {
    const seated = [...order];
    for (const [a, b] of this.#swaps) {
      const i = seated.indexOf(a);
      const j = seated.indexOf(b);
      [seated[i], seated[j]] = [seated[j], seated[i]];
    }
    return seated;
  }
}
