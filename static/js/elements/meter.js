// A level as lit segments. role=meter, not live: nobody wants it read aloud.
import { h } from "../lib/h.js";
import { litSegments } from "../media/levels.js";

export class Meter {
  #root;
  #segments;
  #lit = -1;

  /**
   * @param {HTMLElement} root role=meter
   * @param {number} segments
   */
  constructor(root, segments) {
    this.#root = root;
    this.#segments = Array.from({ length: segments }, () => h("i"));
    root.setAttribute("aria-valuemax", String(segments));
    root.replaceChildren(...this.#segments);
  }

  /** @param {number} level 0…1 */
  show(level) {
    const lit = litSegments(level, this.#segments.length);
    if (lit === this.#lit) return;
    this.#lit = lit;
    this.#segments.forEach((segment, index) => segment.classList.toggle("on", index < lit));
    this.#root.setAttribute("aria-valuenow", String(lit));
  }
}
