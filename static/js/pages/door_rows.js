// The door's table in a form: presets and rows in step, and "Also changed" where one row moved others.
import { $, $$, say } from "../lib/dom.js";
import { fitting, ordered, ROWS } from "../lib/door.js";
import { fill } from "../lib/words.js";

/** @typedef {import("../lib/door.js").Row} Row */
/** @typedef {import("../lib/door.js").Way} Way */
/**
 * @typedef {{
 *   presets: Record<string, import("../lib/door.js").Preset>,
 *   order: [Row, Row][], ease: Record<Way, number>, rows: Record<Row, string>,
 * }} DoorData
 */

export class DoorRows {
  #form; #data; #also;
  /** @type {HTMLInputElement} */ #verified;
  /** @type {HTMLSelectElement} */ #proof;

  /**
   * @param {HTMLFormElement} form
   * @param {DoorData} data the same rules and names that the server uses
   * @param {string} also "Also changed: {rows}."
   */
  constructor(form, data, also) {
    this.#form = form;
    this.#data = data;
    this.#also = also;
    this.#verified = /** @type {HTMLInputElement} */ ($("[name=guests_verified]", form));
    this.#proof = /** @type {HTMLSelectElement} */ ($("[name=anyone_verified]", form));
    form.addEventListener("change", (event) => {
      const field = /** @type {HTMLInputElement} */ (event.target);
      if (field.name === "preset") this.pick(field.value);
      else if (ROWS.includes(/** @type {Row} */ (field.name))) this.#edited(/** @type {Row} */ (field.name));
      this.show();
    });
    this.show();
  }

  /** @param {string} name */
  value(name) {
    return /** @type {RadioNodeList | HTMLInputElement} */ (this.#form.elements.namedItem(name)).value;
  }

  /** @returns {import("../lib/door.js").Table} */
  get table() {
    return /** @type {any} */ (Object.fromEntries(ROWS.map((row) => [row, this.value(row)])));
  }

  /** Which codes are asked for, and of whom. */
  get codes() {
    return { guests: this.#verified.checked, anyone: this.#proof.value };
  }

  /** Takes a preset's table, unless it is turned off. @param {string} name */
  pick(name) {
    const radio = /** @type {HTMLInputElement} */ ($(`[name=preset][value="${name}"]`, this.#form));
    if (radio.disabled) return;
    const preset = this.#data.presets[name];
    for (const row of ROWS) this.#set(row, preset[row]);
    if (!this.#verified.disabled) this.#verified.checked = preset.guests_verified;
    if (!this.#proof.disabled) this.#proof.value = preset.anyone_verified;
    for (const [option, value] of Object.entries(preset.options ?? {})) {
      const field = this.#option(option);
      if (field.disabled) continue;
      if (field.type === "checkbox") /** @type {HTMLInputElement} */ (field).checked = value === true;
      else field.value = String(value ?? "");
    }
    radio.checked = true;
    say($("#also-changed"), "");
  }

  /** @param {Row} row */
  #edited(row) {
    const { table, moved } = ordered(this.table, row, this.#data.order, this.#data.ease);
    for (const other of moved) this.#set(other, table[other]);
    const rows = moved.map((other) => this.#data.rows[other]).join(", ");
    say($("#also-changed"), rows ? fill(this.#also, { rows }) : "");
  }

  /** @param {Row} row @param {Way} way */
  #set(row, way) {
    /** @type {HTMLInputElement} */ ($(`input[name="${row}"][value="${way}"]`, this.#form)).checked = true;
  }

  /** @param {string} name */
  #option(name) {
    return /** @type {HTMLInputElement | HTMLSelectElement} */ (this.#form.elements.namedItem(name));
  }

  /** Whether the options stand as a template has them. @param {Record<string, string | number | boolean | null>} [options] */
  #stand(options = {}) {
    return Object.entries(options).every(([name, value]) => {
      const field = this.#option(name);
      return field.disabled || (field.type === "checkbox" ? /** @type {HTMLInputElement} */ (field).checked === value : field.value === String(value ?? ""));
    });
  }

  /** Marks the preset that the table is, and offers codes only for people who aren't turned away. */
  show() {
    const away = { guests: this.value("guests") === "turned_away", anyone: this.value("anyone") === "turned_away" };
    /** @type {HTMLElement} */ (this.#verified.closest(".verify")).hidden = away.guests;
    /** @type {HTMLElement} */ (this.#proof.closest(".verify")).hidden = away.anyone;
    if (away.guests && !this.#verified.disabled) this.#verified.checked = false;
    if (away.anyone && !this.#proof.disabled) this.#proof.value = "none";
    const radios = /** @type {HTMLInputElement[]} */ ($$("[name=preset]", this.#form));
    const fits = fitting(this.table, this.codes, this.#data.presets).filter((name) => this.#stand(this.#data.presets[name].options));
    // A template may have the table of a preset: what was picked stays marked while it fits.
    const picked = radios.find((radio) => radio.checked)?.value ?? "";
    const name = fits.includes(picked) ? picked : fits[0];
    for (const radio of radios) radio.checked = radio.value === name;
  }
}
