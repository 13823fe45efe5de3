// The door's two orders, as meetings/door.py keeps them. No DOM; the server decides again whatever happens here.

/** @typedef {"listed" | "colleagues" | "guests" | "anyone"} Row */
/** @typedef {"walks_in" | "knocks" | "turned_away"} Way */
/** @typedef {Record<Row, Way>} Table */
/** @typedef {Table & { guests_verified: boolean, options?: Record<string, string | number | boolean | null> }} Preset */

/** @type {Row[]} */
export const ROWS = ["listed", "colleagues", "guests", "anyone"];

/**
 * Keeps both orders after one row was edited: raises what must be above it, lowers what must be below.
 * @param {Table} table
 * @param {Row} changed
 * @param {[Row, Row][]} order pairs (better known, less known)
 * @param {Record<Way, number>} ease how easily an answer lets somebody in
 * @returns {{ table: Table, moved: Row[] }}
 */
export function ordered(table, changed, order, ease) {
  const next = { ...table };
  /** @type {Row[]} */
  const moved = [];
  for (let settled = false; !settled; ) {
    settled = true;
    for (const [better, lesser] of order) {
      if (ease[next[better]] >= ease[next[lesser]]) continue;
      // Of a pair that contradicts, the row that stands nearer to the edit keeps its answer.
      const betterStays = better === changed || (moved.includes(better) && lesser !== changed);
      const [keep, give] = betterStays ? [better, lesser] : [lesser, better];
      next[give] = next[keep];
      if (!moved.includes(give)) moved.push(give);
      settled = false;
    }
  }
  return { table: next, moved: ROWS.filter((row) => moved.includes(row)) };
}

/**
 * Names of the presets that have this table, in their order. A code for guests who don't walk in is none.
 * @param {Table} table
 * @param {boolean} verified
 * @param {Record<string, Preset>} presets
 */
export function fitting(table, verified, presets) {
  const asked = verified && table.guests === "walks_in";
  return Object.keys(presets).filter((name) => ROWS.every((row) => presets[name][row] === table[row]) && presets[name].guests_verified === asked);
}
