// Choices that this browser remembers. Never anything about a meeting or a person.
import { Emitter } from "./emitter.js";

const KEY = "lintel:preferences";

/**
 * @typedef {{
 *   chimeKnock: boolean, chimeEnter: boolean, chimeAdmitted: boolean, sayChat: boolean, notify: boolean,
 *   shortcuts: boolean, holdToTalk: boolean, ownView: "auto" | "grid" | "corner" | "hidden", lessMotion: boolean, name: string, othersCameras: boolean,
 *   codec: "auto" | import("../media/codecs.js").Codec,
 * }} Choices
 */

/** @type {Choices} */
const DEFAULTS = {
  chimeKnock: true, chimeEnter: false, chimeAdmitted: true, sayChat: true, notify: false,
  shortcuts: true, holdToTalk: true, ownView: "auto", lessMotion: false, name: "", othersCameras: true, codec: "auto",
};

/** @extends {Emitter<{change: null}>} */
export class Preferences extends Emitter {
  /** @type {Choices} */
  #choices = { ...DEFAULTS };

  constructor() {
    super();
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
      for (const name of /** @type {(keyof Choices)[]} */ (Object.keys(DEFAULTS))) {
        if (typeof kept?.[name] === typeof DEFAULTS[name]) Object.assign(this.#choices, { [name]: kept[name] });
      }
    } catch {
      // A browser that keeps nothing has the defaults.
    }
  }

  /**
   * @template {keyof Choices} Name
   * @param {Name} name
   * @returns {Choices[Name]}
   */
  get(name) {
    return this.#choices[name];
  }

  /**
   * @template {keyof Choices} Name
   * @param {Name} name
   * @param {Choices[Name]} value
   */
  set(name, value) {
    this.#choices[name] = value;
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#choices));
    } catch {
      // It holds for this page at least.
    }
    this.emit("change", null);
  }
}
