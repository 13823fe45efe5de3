// Times of forms and of rows, said in the page's language.

/** Plain "en" would mean American dates; ours read "Tuesday 24 November". */
const language = () => (document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang || "en-GB");

/** @param {Date} date midnight in UTC of a calendar day */
export const dayWords = (date) =>
  new Intl.DateTimeFormat(language(), {
    weekday: "long",
    day: "numeric",
    month: "long",
    timeZone: "UTC",
  })
    .format(date)
    .replace(",", "");

/**
 * The day and clock some minutes before a local time, by calendar arithmetic alone: no time zone enters.
 * @param {string} day "2026-11-24"
 * @param {string} clock "14:30"
 * @param {number} minutes
 * @returns {{ day: Date, clock: string } | null}
 */
export function before(day, clock, minutes) {
  const moment = new Date(`${day}T${clock}:00Z`);
  if (Number.isNaN(moment.getTime())) return null;
  moment.setUTCMinutes(moment.getUTCMinutes() - minutes);
  return { day: moment, clock: moment.toISOString().slice(11, 16) };
}

/**
 * How long until or since a moment, in the largest fitting unit: "in 12 minutes".
 * @param {Date} moment
 * @param {Date} now
 */
export function relative(moment, now) {
  const minutes = Math.round((moment.getTime() - now.getTime()) / 60_000);
  const words = new Intl.RelativeTimeFormat(language(), { numeric: "auto" });
  if (Math.abs(minutes) < 60) return words.format(minutes, "minute");
  if (Math.abs(minutes) < 24 * 60) return words.format(Math.round(minutes / 60), "hour");
  return words.format(Math.round(minutes / 1440), "day");
}
