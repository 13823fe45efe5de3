// What this browser was promised of a meeting's encryption: by the door, by the link, and by what it saw before. Never takes less.
import { canEncrypt } from "../e2ee/identity.js";

/**
 * @typedef {import("../e2ee/link_key.js").PublicLinkKey} PublicLinkKey
 * @typedef {"cant_encrypt" | "downgraded" | "unsealed" | import("./complete_link.js").Trouble} Obstacle why this page can't take part; one of its refusals
 */

export class Promised {
  #door;
  #link;

  /**
   * @param {Pick<import("./door_data.js").DoorData, "code" | "encryption" | "link_key">} door
   * @param {import("./complete_link.js").CompleteLink} link
   */
  constructor(door, link) {
    this.#door = door;
    this.#link = link;
  }

  /** What this browser knows of the mode beside the server's newest word. @returns {string} */
  get mode() {
    const { encryption, code } = this.#door;
    if (this.#link.wasGiven || encryption === "sealed") return "sealed";
    const before = remembered(code);
    return before === "sealed" || encryption === null || encryption === "transport" ? before : encryption;
  }

  /**
   * Why this page can't take part, as far as it was told what the meeting needs.
   * @returns {Promise<Obstacle | null>}
   */
  async obstacle() {
    const { encryption, link_key } = this.#door;
    if (encryption === null) return this.#link.wasGiven && !this.#link.key ? "link_key_missing" : null;
    return this.obstacleTo({ encryption, link_key });
  }

  /**
   * The mode of a meeting never changes: a weaker one than was seen before, or than the link is for, is a lie.
   * @param {{encryption: string, link_key?: PublicLinkKey | null}} meeting
   * @returns {Promise<Obstacle | null>}
   */
  async obstacleTo({ encryption: mode, link_key: known }) {
    const promised = this.mode;
    if (promised === "sealed" && mode !== "sealed") return "unsealed";
    if (promised === "e2ee" && mode === "transport") return "downgraded";
    if (mode !== "transport" && !(await canEncrypt())) return "cant_encrypt";
    return mode === "sealed" ? this.#link.trouble(known) : null;
  }

  /** For other pages of this browser, and for later. @param {string} mode */
  remember(mode) {
    try {
      localStorage.setItem(seen(this.#door.code), mode);
    } catch {
      // A browser that keeps nothing is told the mode by the door each time.
    }
  }
}

const seen = (/** @type {string} */ code) => `lintel:encrypted:${code}`;

/** @param {string} code @returns {"sealed" | "e2ee" | ""} */
function remembered(code) {
  try {
    const mode = localStorage.getItem(seen(code));
    return mode === "sealed" ? mode : mode ? "e2ee" : "";
  } catch {
    return "";
  }
}
