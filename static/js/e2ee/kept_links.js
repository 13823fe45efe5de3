// The keys of sealed meetings' links that this browser keeps, so that hosts can share the complete link again. By what the portal
// knows of a key: its check. A browser that keeps nothing forgets them.
import { checkOf, linkKeyText, readLinkKey } from "./link_key.js";
import { inStore } from "./store.js";

/** @typedef {import("./link_key.js").LinkKey} LinkKey */

/** @param {LinkKey} key */
export async function keepLinkKey(key) {
  const check = await checkOf(key);
  await inStore("links", "readwrite", (store) => store.put(linkKeyText(key), check)).catch(() => undefined);
}

/**
 * @param {string} check
 * @returns {Promise<LinkKey | null>}
 */
export async function keptLinkKey(check) {
  return readLinkKey(await inStore("links", "readonly", (store) => store.get(check)).catch(() => null));
}
