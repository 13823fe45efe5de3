// The door's two orders, as meetings/door.py keeps them. No DOM; the server decides again whatever happens here.

/** @typedef {"listed" | "colleagues" | "guests" | "anyone"} Row */
/** @typedef {"walks_in" | "knocks" | "turned_away"} Way */
/** @typedef {Record<Row, Way>} Table */
/** @typedef {Table & { guests_verified: boolean, anyone_verified: string, options?: Record<string, string | number | boolean | null> }} Preset */

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
 * Names of the presets that have this table, in their order. A code for people who are turned away is none.
 * @param {Table} table
 * @param {{guests: boolean, anyone: string}} codes whether guests type one, and what others with the link type
 * @param {Record<string, Preset>} presets
 */
export function fitting(table, codes, presets) {
  const guests = codes.guests && table.guests !== "turned_away";
  const anyone = table.anyone === "turned_away" ? "none" : codes.anyone;
  return Object.keys(presets).filter((name) => {
    const preset = presets[name];
    return ROWS.every((row) => preset[row] === table[row]) && preset.guests_verified === guests && preset.anyone_verified === anyone;
  });
}

/**
 * Whether people of a row type a code before their answer holds, as meetings/door.py decides it.
 * @param {Row} row
 * @param {Way} way their answer; an exception may give another one than the table
 * @param {Table} table
 * @param {{guests: boolean, anyone: string}} codes
 * @param {Record<Way, number>} ease
 */
export function afterCode(row, way, table, codes, ease) {
  if (way === "turned_away") return false;
  if (row === "anyone") return codes.anyone !== "none";
  return row === "guests" && codes.guests && !(ease[table.anyone] >= ease[way] && codes.anyone === "none");
}
