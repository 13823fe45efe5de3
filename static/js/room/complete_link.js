// The complete link of a sealed meeting, as far as this page has it: /m/<code>#sealed=… . The key leaves the address bar at once;
// a reload and a sign-in in this tab keep it, and browsers of hosts keep it for longer.
import { keepLinkKey, keptLinkKey } from "../e2ee/kept_links.js";
import { compareLinkKey, fragmentOf, linkKeyText, readLinkKey, takeLinkKey } from "../e2ee/link_key.js";

/**
 * @typedef {import("../e2ee/link_key.js").LinkKey} LinkKey
 * @typedef {import("../e2ee/link_key.js").PublicLinkKey} PublicLinkKey
 * @typedef {"link_key_missing" | "link_key_unmade" | "link_key_wrong" | "link_key_replaced"} Trouble
 */

export class CompleteLink {
  /** @type {LinkKey | null} */
  key = null;
  /** The address had a key, or what is left of one: whoever made it knows that the meeting is sealed. */
  wasGiven = false;
  #code;
  #storage;

  /**
   * @param {string} code the meeting's
   * @param {() => Storage} storage of this tab; a browser that keeps nothing throws
   */
  constructor(code, storage = () => sessionStorage) {
    this.#code = code;
    this.#storage = storage;
  }

  get #name() {
    return `lintel:sealed:${this.#code}`;
  }

  /** Takes the key out of the address bar, or the one of before. */
  take() {
    const { key, rest, found } = takeLinkKey(location.hash);
    if (found) history.replaceState(history.state, "", `${location.pathname}${location.search}${rest}`);
    this.wasGiven ||= found;
    if (key) this.#hold(key);
    else if (!found) this.key ??= this.#kept();
    this.wasGiven ||= this.key !== null;
  }

  #kept() {
    try {
      return readLinkKey(this.#storage().getItem(this.#name));
    } catch {
      return null;
    }
  }

  /** @param {LinkKey} key */
  #hold(key) {
    this.key = key;
    try {
      this.#storage().setItem(this.#name, linkKeyText(key));
    } catch {
      // It lasts as long as the page.
    }
  }

  /**
   * What is wrong with the key that this page has, by what the portal knows of the newest. Null: nothing that can be told.
   * @param {PublicLinkKey | null | undefined} known
   * @returns {Promise<Trouble | null>}
   */
  async trouble(known) {
    // A newer one that is kept here is taken; a key that the address brought is never exchanged for one of the same number.
    if (known && (!this.key || (await compareLinkKey(this.key, known)) === "replaced")) {
      const kept = await keptLinkKey(known.check);
      if (kept) this.#hold(kept);
    }
    if (!this.key) return known ? "link_key_missing" : "link_key_unmade";
    if (!known) return null;
    const told = await compareLinkKey(this.key, known);
    return told === "fits" ? null : `link_key_${told}`;
  }

  /**
   * The link has a new key.
   * @param {LinkKey} key
   */
  renew(key) {
    this.#hold(key);
  }

  /** In this browser, beyond this tab: for hosts, who share the link. */
  async keep() {
    if (this.key) await keepLinkKey(this.key);
  }

  /** What people share: whoever has it can get the keys, once the door lets them in. */
  get href() {
    return `${location.origin}/m/${this.#code}${this.key ? `#${fragmentOf(this.key)}` : ""}`;
  }

  /**
   * Takes a link that was pasted. One for another page is where to go instead.
   * @param {string} text
   * @returns {"taken" | "no_key" | URL}
   */
  paste(text) {
    let url;
    try {
      url = new URL(text.trim());
    } catch {
      return "no_key";
    }
    const { key } = takeLinkKey(url.hash);
    if (!key) return "no_key";
    if (url.origin !== location.origin || url.pathname !== location.pathname) return url;
    this.#hold(key);
    return "taken";
  }
}
