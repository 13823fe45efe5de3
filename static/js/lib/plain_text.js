// Text of other people as it can be shown: what the server does to plain messages, done here to sealed ones. Pure.

// Controls but tab and line break, and format characters that turn the direction of what stands around them or hide in it.
// The two joiners stay: scripts and emoji need them.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}]/gu;
const KEPT = new Set(["\n", "\t", "\u200c", "\u200d"]);

/**
 * @param {string} text
 * @param {number} most characters
 */
export function plainText(text, most) {
  return text.replace(HIDDEN, (letter) => (KEPT.has(letter) ? letter : "")).trim().slice(0, most);
}
