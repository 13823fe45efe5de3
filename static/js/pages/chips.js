// A field of names and addresses as chips. The textarea stays what the form sends; this only draws and edits it.
import { $, $$, el, icon } from "../lib/dom.js";
import { fill, initials } from "../lib/words.js";

const SEPARATORS = /[,;\n\r\t]+/;
const ADDRESS = /^[^\s@<>,;"]+@[^\s@<>,;"]+\.[^\s@<>,;".]{2,}$/;
const DOMAIN = /^@([a-z0-9-]+(?:\.[a-z0-9-]+)+)$/;
const SUGGESTIONS = 6;

/** @typedef {{ name: string, email: string }} Person */
/** @typedef {{ name: string, count: number }} Group */
/** @typedef {{ value: string, name: string, kind: "account" | "guest" | "list" | "unknown" | "wrong", why?: string }} Chip */

export class Chips {
  /** @type {Chip[]} */ chips = [];
  #text; #entry; #box; #list; #options;

  /**
   * @param {HTMLTextAreaElement} text
   * @param {{ people: Person[], complete: boolean, words: Record<string, string>, accountsOnly?: boolean,
   *   groups?: Group[], domains?: Record<string, number>, takes?: (address: string) => boolean, fixed?: Person, placeholder: string, said: HTMLElement, changed: () => void }} options
   *   `groups` and `domains` may be typed, too. `takes`: whether a guest may have an address. `complete`: `people` holds every account, so a name that isn't among them fits nobody.
   */
  constructor(text, options) {
    this.#text = text;
    this.#options = options;
    const id = text.id;
    const hint = text.getAttribute("aria-describedby");
    this.#entry = /** @type {HTMLInputElement} */ (
      el("input", { id, type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false" })
    );
    this.#entry.placeholder = options.placeholder;
    if (hint) this.#entry.setAttribute("aria-describedby", hint);
    if (text.getAttribute("aria-invalid")) this.#entry.setAttribute("aria-invalid", "true");
    text.id = `${id}_value`;
    text.hidden = true;
    this.#box = el("div", { class: "chips" }, this.#entry);
    this.#list = el("ul", { class: "suggest", hidden: true });
    text.after(this.#box, this.#list);
    this.add(text.value, false);
    this.#listen();
  }

  /** What stands in the entry and is no chip yet. */
  get pending() {
    return this.#entry.value.trim();
  }

  /**
   * Adds every entry of a text.
   * @param {string} text
   * @param {boolean} [told]
   */
  add(text, told = true) {
    for (const part of text.split(SEPARATORS)) {
      const chip = this.#read(part.trim().replace(/\s+/g, " "));
      if (!chip || this.chips.some((other) => other.value.toLowerCase() === chip.value.toLowerCase())) continue;
      this.chips.push(chip);
      if (told) this.#say(chip.kind === "wrong" ? this.#wrongWords(chip) : fill(this.#options.words.added, chip));
    }
    this.#draw();
  }

  /** Takes over what is still being typed, so that nothing is lost when the form is sent. */
  settle() {
    if (!this.pending) return;
    const typed = this.pending;
    this.#entry.value = "";
    this.add(typed);
  }

  /** @param {string} typed @returns {Chip | null} */
  #read(typed) {
    if (!typed) return null;
    const inBrackets = /<([^<>]+)>\s*$/.exec(typed);
    const value = inBrackets ? inBrackets[1].trim() : typed;
    const wanted = value.toLowerCase();
    const { people, fixed, complete, accountsOnly } = this.#options;
    if (fixed && [fixed.email.toLowerCase(), fixed.name.toLowerCase()].includes(wanted)) return null;
    const matches = people.filter((person) => [person.email.toLowerCase(), person.name.toLowerCase()].includes(wanted));
    if (matches.length === 1) return { value: matches[0].email, name: matches[0].name, kind: "account" };
    const list = this.#together(value);
    if (list && !matches.length) return list;
    if (ADDRESS.test(value) && this.#options.takes?.(wanted) === false) {
      return { value: wanted, name: wanted, kind: "wrong", why: this.#options.words.unwanted };
    }
    if (ADDRESS.test(value)) {
      const kind = !accountsOnly ? "guest" : complete ? "wrong" : "unknown";
      return { value: wanted, name: wanted, kind };
    }
    return { value, name: value, kind: complete || matches.length ? "wrong" : "unknown" };
  }

  /** A group by its name, or a domain as "@name". @param {string} typed @returns {Chip | null} */
  #together(typed) {
    const { groups, domains, words } = this.#options;
    if (!groups || !domains) return null;
    const counted = (/** @type {string} */ name, /** @type {number} */ count) => fill(count === 1 ? words.countedOne : words.counted, { name, count });
    const domain = DOMAIN.exec(typed.toLowerCase())?.[1];
    if (domain) return { value: `@${domain}`, name: counted(`@${domain}`, domains[domain] ?? 0), kind: "list" };
    const group = groups.find(({ name }) => name.toLowerCase() === typed.toLowerCase());
    return group ? { value: group.name, name: counted(group.name, group.count), kind: "list" } : null;
  }

  /** @param {Chip} chip */
  #wrongWords(chip) {
    return chip.why ? fill(chip.why, chip) : fill(this.#options.accountsOnly ? this.#options.words.hostWrong : this.#options.words.wrong, chip);
  }

  #draw() {
    for (const chip of $$(".chip", this.#box)) chip.remove();
    const { fixed, words } = this.#options;
    if (fixed) this.#entry.before(this.#chip({ value: fixed.email, name: fill(words.youTag, fixed), kind: "account" }, null));
    for (const chip of this.chips) this.#entry.before(this.#chip(chip, () => this.#remove(chip)));
    this.#text.value = this.chips.map((chip) => chip.value).join(", ");
    this.#entry.placeholder = this.chips.length ? "" : this.#options.placeholder;
    this.#options.changed();
  }

  /** @param {Chip} chip @param {(() => void) | null} remove */
  #chip(chip, remove) {
    const look = chip.kind === "wrong" ? "chip chip-wrong" : "chip";
    const disc = el("span", { class: chip.kind === "account" || chip.kind === "list" ? "av" : "av av-guest", "aria-hidden": "true" });
    disc.append(chip.kind === "wrong" ? icon("circle-alert") : chip.kind === "list" ? icon("users") : initials(chip.name));
    const node = el("span", { class: look, title: chip.kind === "wrong" ? this.#wrongWords(chip) : chip.value });
    node.append(disc, chip.name);
    if (remove) {
      const button = el("button", { type: "button", "aria-label": fill(this.#options.words.remove, chip) }, icon("x"));
      button.addEventListener("click", remove);
      node.append(button);
    }
    return node;
  }

  /** @param {Chip} chip */
  #remove(chip) {
    this.chips = this.chips.filter((other) => other !== chip);
    this.#say(fill(this.#options.words.removed, chip));
    this.#draw();
    this.#entry.focus();
  }

  /** @param {string} words */
  #say(words) {
    this.#options.said.textContent = words;
  }

  #listen() {
    this.#entry.addEventListener("keydown", (event) => this.#key(event));
    this.#entry.addEventListener("input", () => {
      if (SEPARATORS.test(this.#entry.value)) this.settle();
      this.#suggest();
    });
    this.#entry.addEventListener("paste", (event) => {
      const text = event.clipboardData?.getData("text") ?? "";
      if (!SEPARATORS.test(text)) return;
      event.preventDefault();
      this.settle();
      this.add(text);
    });
    this.#entry.addEventListener("blur", (event) => {
      if (event.relatedTarget instanceof Node && this.#list.contains(event.relatedTarget)) return;
      this.#list.hidden = true;
      this.settle();
    });
    this.#box.addEventListener("click", (event) => {
      if (event.target === this.#box) this.#entry.focus();
    });
    this.#list.addEventListener("keydown", (event) => this.#listKey(event));
    this.#list.addEventListener("focusout", (event) => {
      const next = event.relatedTarget;
      if (next === this.#entry || (next instanceof Node && this.#list.contains(next))) return;
      this.#list.hidden = true;
    });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Enter") {
      // Never sends the form: Enter here means "this one, and the next".
      event.preventDefault();
      this.settle();
      this.#suggest();
    } else if (event.key === "Backspace" && !this.#entry.value && this.chips.length) {
      this.#remove(this.chips[this.chips.length - 1]);
    } else if (event.key === "ArrowDown" && !this.#list.hidden) {
      event.preventDefault();
      /** @type {HTMLElement | null} */ ($("button", this.#list))?.focus();
    } else if (event.key === "Escape") {
      this.#list.hidden = true;
    }
  }

  /** @param {KeyboardEvent} event */
  #listKey(event) {
    const buttons = /** @type {HTMLElement[]} */ ($$("button", this.#list));
    const at = buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (event.key === "ArrowDown") buttons[Math.min(at + 1, buttons.length - 1)].focus();
    else if (event.key === "ArrowUp") (buttons[at - 1] ?? this.#entry).focus();
    else if (event.key === "Escape") this.#entry.focus();
    else return;
    event.preventDefault();
  }

  #suggest() {
    const typed = this.pending.toLowerCase();
    const taken = new Set(this.chips.map((chip) => chip.value.toLowerCase()));
    const { people, fixed, words, groups = [] } = this.#options;
    const named = typed.length < 2 ? [] : groups.filter(({ name }) => name.toLowerCase().includes(typed) && !taken.has(name.toLowerCase()));
    const lists = named.map(({ name }) => ({ name, email: this.#together(name)?.name ?? "" }));
    const found = typed.length < 2 ? [] : [...lists, ...people
      .filter((person) => person !== fixed && person.email !== fixed?.email && !taken.has(person.email.toLowerCase()))
      .filter((person) => `${person.name} ${person.email}`.toLowerCase().includes(typed))].slice(0, SUGGESTIONS);
    const wasHidden = this.#list.hidden;
    this.#list.replaceChildren(...found.map((person) => this.#suggestion(person, lists.includes(person) ? person.name : person.email)));
    this.#list.hidden = !found.length;
    this.#list.scrollIntoView({ block: "nearest" });
    if (found.length && wasHidden) this.#say(fill(words.suggested, { count: found.length }));
  }

  /** @param {Person} person @param {string} value what is added */
  #suggestion(person, value) {
    const button = el("button", { type: "button" }, el("b", {}, person.name), el("span", { class: "meta" }, person.email));
    button.addEventListener("click", () => {
      this.#entry.value = "";
      this.#list.hidden = true;
      this.add(value);
      this.#entry.focus();
    });
    return el("li", {}, button);
  }
}
