// Whether everything arrives that members say: each numbers its own messages, inside of what is sealed, from 1 in each stay in
// the group. A server can keep one back; the next that it lets through then tells. docs/encryption.md section 4. Pure.

export class Counts {
  #own = 0;
  /** The newest number of each member who was heard, or who was seen to come. @type {Map<string, number>} */
  #newest = new Map();

  /** This device has just come in: what the others have said before is not for it. */
  clear() {
    this.#own = 0;
    this.#newest.clear();
  }

  /** A member has just come, or comes again, and begins with 1. @param {string} participant */
  begin(participant) {
    this.#newest.set(participant, 0);
  }

  /** The number of this device's next message. */
  next() {
    return ++this.#own;
  }

  /** The newest message was not sent after all. @param {number} number */
  takeBack(number) {
    if (number === this.#own) this.#own -= 1;
  }

  /**
   * Notes a message that arrived.
   * @param {string} participant whose it is
   * @param {unknown} number as it says
   * @returns {boolean} whether one before it is missing
   */
  isGap(participant, number) {
    if (!Number.isSafeInteger(number)) return false;
    const newest = this.#newest.get(participant);
    this.#newest.set(participant, Math.max(newest ?? 0, Number(number)));
    return newest !== undefined && Number(number) > newest + 1;
  }
}
