// How long to wait before the next try. Jitter keeps a room full of people from knocking in the same instant.

const FIRST_MS = 100;
const LONGEST_MS = 5000;

/**
 * Doubles from 0.1 s to 5 s; the real wait is drawn from the upper half of that.
 * @param {number} attempt 0 for the first
 * @param {() => number} [random] between 0 and 1
 */
export function backoff(attempt, random = Math.random) {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling * (0.5 + random() / 2));
}
