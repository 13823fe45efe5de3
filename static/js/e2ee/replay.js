// Which counters of one key were seen. Pure.

/** A frame is taken once, and not when it is older than everything in the window. */
export class ReplayWindow {
  /** The slot of a counter holds the newest counter that fell into it; two counters of one window never share a slot. */
  #seen;
  #newest = -1;

  /** @param {number} size how far behind the newest a frame may come */
  constructor(size) {
    this.#seen = new Float64Array(size).fill(-1);
  }

  /** @param {number} counter */
  isFresh(counter) {
    return counter > this.#newest - this.#seen.length && this.#seen[counter % this.#seen.length] !== counter;
  }

  /**
   * Takes a counter if nobody did. Called after the frame was opened: what is not authentic must not use up a counter.
   * @param {number} counter
   */
  take(counter) {
    if (!this.isFresh(counter)) return false;
    this.#seen[counter % this.#seen.length] = counter;
    this.#newest = Math.max(this.#newest, counter);
    return true;
  }
}
