// The page's words. Whole sentences with named places, translated by a catalogue that the page may carry.

/** @typedef {Record<string, string | [string, string]>} Catalogue English text → translation, or [one, many] */

/** @type {Catalogue} */
let catalogue = {};

/** @param {Catalogue | null} words */
export function useCatalogue(words) {
  catalogue = words ?? {};
}

/**
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? String(values[name]) : place));
}

/**
 * @param {string} text
 * @param {Record<string, string | number>} [values]
 */
export function gettext(text, values = {}) {
  const translated = catalogue[text];
  return fill(typeof translated === "string" ? translated : text, values);
}

/**
 * `{count}` is filled in by itself.
 * @param {string} one
 * @param {string} many
 * @param {number} count
 * @param {Record<string, string | number>} [values]
 */
export function ngettext(one, many, count, values = {}) {
  const translated = catalogue[one];
  const [single, plural] = Array.isArray(translated) ? translated : [one, many];
  return fill(count === 1 ? single : plural, { count, ...values });
}

const language = () => globalThis.document?.documentElement.lang || "en";

/**
 * Clock time in the viewer's zone, 24 hours: "14:17".
 * @param {string | number | Date} at
 */
export function clockTime(at) {
  return new Intl.DateTimeFormat(language(), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(at));
}

/**
 * The zone of a clock time, as people there call it where that is known: "CET", else "GMT+8".
 * @param {string | number | Date} at
 * @param {string} [zone] the viewer's own otherwise
 */
export function zoneName(at, zone) {
  const parts = new Intl.DateTimeFormat(language() === "en" ? "en-GB" : language(), { timeZone: zone, timeZoneName: "short" }).formatToParts(new Date(at));
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
}

/**
 * "Today", "Tomorrow" or "Tuesday 24 November".
 * @param {string | Date} at
 * @param {Date} [now]
 */
export function dayName(at, now = new Date()) {
  const day = new Date(at);
  const midnight = (/** @type {Date} */ date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const days = Math.round((midnight(day) - midnight(now)) / 86_400_000);
  if (days === 0) return gettext("Today");
  if (days === 1) return gettext("Tomorrow");
  return new Intl.DateTimeFormat(language(), { weekday: "long", day: "numeric", month: "long" }).format(day);
}

/**
 * "A", "A and B", "A, B and C" in the page's language.
 * @param {string[]} names
 */
export function listOf(names) {
  return new Intl.ListFormat(language() === "en" ? "en-GB" : language(), { type: "conjunction" }).format(names);
}

/**
 * "60%".
 * @param {number} part 0…1
 */
export function percent(part) {
  return new Intl.NumberFormat(language(), { style: "percent" }).format(part);
}

/**
 * Seconds as "1:42" or "1:02:03".
 * @param {number} seconds
 */
export function countdown(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/**
 * Up to two letters that stand for a person.
 * @param {string} name
 */
export function initials(name) {
  const words = name.split(/[\s·]+/u).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  if (!words.length) return "?";
  const letters = words.length === 1 ? [words[0]] : [words[0], words[words.length - 1]];
  return letters.map((word) => [...word][0].toUpperCase()).join("");
}
