// A page reload keeps the seat: what this tab remembers about it until the visit is over. Without storage a reload asks again,
// and the server still knows the seat.

/** @typedef {{name: string | null, microphone?: boolean, camera?: boolean, open?: boolean}} Kept */

export class KeptSeat {
  #key;

  /**
   * @param {string} code the meeting's
   * @param {() => {microphone: boolean, camera: boolean, open: boolean}} devices what was switched on when the page goes
   */
  constructor(code, devices) {
    this.#key = `lintel:seat:${code}`;
    addEventListener("pagehide", () => {
      const seat = this.read();
      if (seat) this.#write({ ...seat, ...devices() });
    });
  }

  /** @returns {Kept | null} */
  read() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#key) ?? "null");
    } catch {
      return null;
    }
  }

  /** @param {string} [name] */
  remember(name) {
    this.#write({ name: name ?? null });
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
