// A page reload keeps the seat: what this tab remembers about it until the visit is over. Without storage a reload asks again,
// and the server still knows the seat.

/** @typedef {{name: string | null, who: string | null, microphone?: boolean, camera?: boolean, open?: boolean}} Kept */

export class KeptSeat {
  #key;
  #who;

  /**
   * @param {string} code the meeting's
   * @param {string | null} who whose page this is: an account, a personal link, or "" for neither; null where it wasn't told
   * @param {() => {microphone: boolean, camera: boolean, open: boolean}} devices what was switched on when the page goes
   */
  constructor(code, who, devices) {
    this.#key = `lintel:seat:${code}`;
    this.#who = who;
    addEventListener("pagehide", () => {
      const seat = this.read();
      if (seat) this.#write({ ...seat, ...devices() });
    });
  }

  /** A seat that this tab had as somebody else is not theirs. @returns {Kept | null} */
  read() {
    try {
      /** @type {Kept | null} */
      const kept = JSON.parse(sessionStorage.getItem(this.#key) ?? "null");
      return kept && (this.#who === null || kept.who === this.#who) ? kept : null;
    } catch {
      return null;
    }
  }

  /** @param {string} [name] */
  remember(name) {
    this.#write({ name: name ?? null, who: this.#who });
  }

  forget() {
    try {
      sessionStorage.removeItem(this.#key);
    } catch {
      // Nothing was kept.
    }
  }

  /** @param {Kept} seat */
  #write(seat) {
    try {
      sessionStorage.setItem(this.#key, JSON.stringify(seat));
    } catch {
      // See above.
    }
  }
}
