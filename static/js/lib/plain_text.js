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

const LONGEST_NAME = 120;

/**
 * The name of somebody's file as one may save it: no way through folders, nothing hidden, nothing that turns it around.
 * @param {string} name
 */
export function fileName(name) {
  const last = plainText(name, 4096).replace(/[\n\t]/g, " ").split(/[/\\]/).at(-1)?.replace(/^[.\s]+/, "").trim() ?? "";
  if (last.length <= LONGEST_NAME) return last || "file";
  const ending = /\.[^.]{1,10}$/.exec(last)?.[0] ?? "";
  return last.slice(0, LONGEST_NAME - ending.length) + ending;
}
