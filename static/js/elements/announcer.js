// The two live regions. Polite things wait their turn, so that one does not wipe out the other.
import { gettext, listOf, ngettext } from "../lib/i18n.js";

/** Comings and goings are gathered for this long. */
const GATHER_MS = 3000;
/** How long one sentence stands before the next may replace it. */
const STANDS_MS = 1200;

export class Announcer {
  #say;
  #alert;
  /** @type {string[]} */
  #queue = [];
  #busy = false;
  /** @type {string[]} */
  #came = [];
  /** @type {string[]} */
  #went = [];
  /** @type {any} */
  #gathering = null;

  /**
   * @param {HTMLElement} say role=status
   * @param {HTMLElement} alert role=alert
   */
  constructor(say, alert) {
    this.#say = say;
    this.#alert = alert;
  }

  /** @param {string} text */
  say(text) {
    this.#queue.push(text);
    if (!this.#busy) this.#next();
  }

  /** @param {string} text */
  alert(text) {
    this.#alert.textContent = "";
    requestAnimationFrame(() => {
      this.#alert.textContent = text;
    });
  }

  /** @param {string} name */
  came(name) {
    this.#gather(this.#came, this.#went, name);
  }

  /** @param {string} name */
  went(name) {
    this.#gather(this.#went, this.#came, name);
  }

  /**
   * @param {string[]} into
   * @param {string[]} outOf somebody who came and went in the same breath is not mentioned twice
   * @param {string} name
   */
  #gather(into, outOf, name) {
    const other = outOf.indexOf(name);
    if (other >= 0) outOf.splice(other, 1);
    else into.push(name);
    this.#gathering ??= setTimeout(() => {
      this.#gathering = null;
      if (this.#came.length) this.say(cameIn(this.#came));
      if (this.#went.length) this.say(wentOut(this.#went));
      this.#came.length = this.#went.length = 0;
    }, GATHER_MS);
  }

  #next() {
    const text = this.#queue.shift();
    if (text === undefined) {
      this.#busy = false;
      return;
    }
    this.#busy = true;
    this.#say.textContent = "";
    requestAnimationFrame(() => {
      this.#say.textContent = text;
    });
    setTimeout(() => this.#next(), STANDS_MS);
  }
}

/** @param {string[]} names */
export function cameIn(names) {
  const others = names.length - 1;
  if (names.length <= 2) return gettext("{names} came in", { names: listOf(names) });
  return ngettext("{name} and {count} other came in", "{name} and {count} others came in", others, { name: names[0] });
}

/** @param {string[]} names */
export function wentOut(names) {
  const others = names.length - 1;
  if (names.length <= 2) return gettext("{names} left", { names: listOf(names) });
  return ngettext("{name} and {count} other left", "{name} and {count} others left", others, { name: names[0] });
}
