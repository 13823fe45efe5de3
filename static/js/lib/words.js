// Sentences that the page fills in. The words themselves come from the server, in the visitor's language.

/**
 * @param {string} text with places like `{name}`
 * @param {Record<string, any>} values
 */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? String(values[name]) : place));

/**
 * Up to two letters that stand for a person: first and last word of a name, or the first letter of an address.
 * @param {string} name
 */
export function initials(name) {
  const words = name
    .split("@")[0]
    .replaceAll("·", " ")
    .split(/\s+/)
    .filter((word) => /^[\p{L}\p{N}]/u.test(word));
  if (!words.length) return "?";
  if (name.includes("@") || words.length === 1) return words[0][0].toUpperCase();
  return (words[0][0] + words[words.length - 1][0]).toUpperCase();
}

/**
 * Names as a sentence holds them: "You, Marcus Bell and 4 others".
 * @param {string[]} people
 * @param {Record<string, any>} words
 * @param {number} [most]
 */
export function names(people, words, most = 4) {
  if (people.length <= 1) return people[0] ?? "";
  const rest = people.length - (most - 1);
  const shown = people.length > most ? [...people.slice(0, most - 1), fill(words.others, { count: rest })] : people;
  return fill(words.and, { first: shown.slice(0, -1).join(", "), last: shown[shown.length - 1] });
}

/**
 * How large something is, as file managers say it.
 * @param {number} bytes
 */
export function sizeText(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
}
