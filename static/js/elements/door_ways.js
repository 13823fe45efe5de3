// The door's table in Host controls: what happens to each kind of people, changed while the meeting is on.
import { h, setAttr, setText } from "../lib/h.js";
import { ROWS } from "../lib/door.js";
import { gettext, listOf } from "../lib/i18n.js";
import { doorRows } from "./door_words.js";

/**
 * @typedef {import("../lib/door.js").Row} Row
 * @typedef {import("../lib/door.js").Way} Way
 */

/** @returns {[Way, string, string][]} what it is, how it looks, what it is called */
const ways = () => [
  ["walks_in", "in", gettext("Walk in")],
  ["knocks", "wait", gettext("Knock")],
  ["turned_away", "no", gettext("Turn away")],
];

export class DoorWays {
  #roster;
  #change;
  #say;
  /** @type {Map<Row, {legend: HTMLElement, buttons: Map<Way, HTMLButtonElement>}>} */
  #rows = new Map();
  #also = h("p", { class: "meta", hidden: true });
  #busy = false;
  node;

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster, say: (text: string) => void,
   *   change: (row: Row, way: Way) => Promise<void>,
   * }} parts change: resolves when the server has answered, whatever it said
   */
  constructor({ roster, say, change }) {
    this.#roster = roster;
    this.#change = change;
    this.#say = say;
    this.node = h("div", { class: "stack gap-2 door-ways" }, ...ROWS.map((row) => this.#row(row)), this.#also);
  }

  /** @param {Row} row */
  #row(row) {
    const id = `door-${row}`;
    const legend = h("span", { id });
    const buttons = new Map(
      ways().map(([way, look, word]) => [way, h("button", { class: look, type: "button", "aria-pressed": "false", onclick: () => void this.#chosen(row, way) }, word)]),
    );
    this.#rows.set(row, { legend, buttons });
    return h("div", { role: "group", "aria-labelledby": id }, legend, h("div", { class: "seg" }, ...buttons.values()));
  }

  render() {
    const { meeting } = this.#roster;
    if (!meeting) return;
    doorRows(meeting).forEach(([label, stands], index) => {
      const row = this.#rows.get(ROWS[index]);
      if (!row) return;
      setText(row.legend, label);
      for (const [way, button] of row.buttons) setAttr(button, "aria-pressed", String(way === stands));
    });
  }

  /**
   * @param {Row} row
   * @param {Way} way
   */
  async #chosen(row, way) {
    const before = this.#roster.meeting?.door;
    if (this.#busy || !before || before[row] === way) return;
    this.#busy = true;
    await this.#change(row, way);
    this.#busy = false;
    this.render();
    const { meeting } = this.#roster;
    if (!meeting) return;
    const moved = doorRows(meeting).filter((_, index) => ROWS[index] !== row && meeting.door[ROWS[index]] !== before[ROWS[index]]);
    const text = moved.length ? gettext("Also changed: {rows}.", { rows: listOf(moved.map(([label]) => label)) }) : "";
    setText(this.#also, text);
    this.#also.hidden = !text;
    if (text) this.#say(text);
  }
}
