// Finds web addresses in a text. Only http and https; pure.

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]+/giu;
/** Punctuation that ends a sentence rather than an address. */
const TRAILING = /[.,;:!?)\]}»”’]+$/u;

/**
 * @typedef {{text: string} | {text: string, href: string, host: string}} Piece
 */

/**
 * @param {string} text
 * @returns {Piece[]}
 */
export function withLinks(text) {
  /** @type {Piece[]} */
  const pieces = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const shown = match[0].replace(TRAILING, "");
    let url;
    try {
      url = new URL(shown);
    } catch {
      continue;
    }
    // user:password@host hides where a link leads; such an address stays plain text.
    if ((url.protocol !== "http:" && url.protocol !== "https:") || url.username || url.password) continue;
    if (match.index > from) pieces.push({ text: text.slice(from, match.index) });
    pieces.push({ text: shown, href: url.href, host: url.host });
    from = match.index + shown.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from) });
  return pieces;
}

/**
 * How a link is shown: with the name of where it leads, unless that is how it begins. Letters of other scripts look familiar, and
 * whoever writes the real name somewhere behind them has not shown where it leads.
 * @param {{text: string, href: string, host: string}} piece
 */
export function shownAs({ text, href, host }) {
  return text.toLowerCase().startsWith(`${new URL(href).protocol}//${host}`) ? text : `${text} (${host})`;
}
