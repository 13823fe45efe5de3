// The People panel: the queue's place, then everybody inside with where they come from and what they have switched on.
import { h, icon, keyed, put, setText } from "../lib/h.js";
import { gettext, initials } from "../lib/i18n.js";
import { deviceUnseenWords } from "./codec_words.js";
import { copyButton } from "./copy_button.js";
import { cautionWords } from "./door_words.js";

/** @typedef {import("../signaling/protocol.js").Person} Person */

const SEARCH_ABOVE = 12;

export class PeoplePanel {
  queueSlot = h("div");
  #roster;
  #openMenu;
  #lock;
  #mute;
  #address;
  /** @type {HTMLElement | null} */
  #copy = null;
  /** @type {Map<string, HTMLLIElement>} */
  #rows = new Map();
  /** They stay while their rows are drawn anew, or whoever reaches for one would miss it. @type {WeakMap<HTMLLIElement, HTMLElement>} */
  #buttons = new WeakMap();
  #list = h("ul", { class: "plist" });
  #count = h("p", { class: "sub-h" });
  #search = h("input", { class: "input", type: "search", "aria-label": gettext("Search people"), placeholder: gettext("Search people"), oninput: () => this.render() });
  #lockWord = h("span");
  #lockButton = h("button", { class: "btn btn-sm", type: "button", onclick: () => this.#lock() }, icon("lock"), this.#lockWord);
  #muteButton = h("button", { class: "btn btn-sm", type: "button", onclick: () => this.#mute() }, icon("mic-off"), gettext("Mute everyone"));
  #quick = h("div", { class: "quick" }, this.#muteButton, this.#lockButton);
  body = h("div", { class: "body" }, this.queueSlot, this.#count, this.#quick, this.#search, this.#list);
  /** @type {ReadonlySet<string>} */
  #speaking = new Set();

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster, openMenu: (person: Person, button: HTMLElement) => void,
   *   lock: () => void, muteEveryone: () => void, address: () => string,
   * }} parts `address` of the meeting, as it is passed on
   */
  constructor({ roster, openMenu, lock, muteEveryone, address }) {
    this.#roster = roster;
    this.#openMenu = openMenu;
    this.#lock = lock;
    this.#mute = muteEveryone;
    this.#address = address;
  }

  /** @param {ReadonlySet<string>} speaking */
  hear(speaking) {
    const changed = speaking.size !== this.#speaking.size || [...speaking].some((id) => !this.#speaking.has(id));
    this.#speaking = speaking;
    if (changed && this.body.isConnected) this.render();
  }

  render() {
    const { people, capabilities, meeting } = this.#roster;
    setText(this.#count, gettext("Inside, {count}", { count: people.size }));
    for (const button of [this.#muteButton, this.#lockButton]) button.hidden = !capabilities.host;
    setText(this.#lockWord, meeting?.locked ? gettext("Unlock the door") : gettext("Lock the door"));
    if (meeting && !this.#copy) this.#quick.append((this.#copy = copyButton(this.#address, meeting.encryption === "sealed" ? gettext("Copy complete link") : gettext("Copy link"), "btn btn-sm")));
    this.#search.hidden = people.size <= SEARCH_ABOVE;
    const wanted = this.#search.hidden ? "" : this.#search.value.trim().toLocaleLowerCase();
    keyed(
      this.#list,
      this.#rows,
      this.#ordered().filter((person) => person.name.toLocaleLowerCase().includes(wanted)),
      (person) => person.participant,
      () => h("li"),
      (row, person) => this.#draw(row, person),
    );
  }

  /** You, raised hands in order, who speaks, then A to Z. */
  #ordered() {
    const hands = this.#roster.hands.map((person) => person.participant);
    const rank = (/** @type {Person} */ person) =>
      person.participant === this.#roster.you ? 0 : person.hand ? 1 + hands.indexOf(person.participant) / 1000 : this.#speaking.has(person.participant) ? 2 : 3;
    return [...this.#roster.people.values()].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  }

  /**
   * @param {HTMLLIElement} row
   * @param {Person} person
   */
  #draw(row, person) {
    const self = person.participant === this.#roster.you;
    const speaking = this.#speaking.has(person.participant) && person.microphone;
    const state = JSON.stringify([person, self, speaking, this.#roster.capabilities.host]);
    if (row.dataset.drawn === state) return;
    row.dataset.drawn = state;
    const focused = row.contains(document.activeElement);
    const about = [person.host && gettext("Host"), person.secured === false && gettext("Connecting securely…"), person.provenance].filter(Boolean).join(" · ");
    const actions = this.#buttons.get(row) ?? this.#button(person.participant);
    this.#buttons.set(row, actions);
    actions.setAttribute("aria-label", gettext("Actions for {name}", { name: person.name }));
    put(
      row,
      h(
        "span",
        { class: "who" },
        h("span", { class: `av${person.guest ? " av-guest" : ""}`, "aria-hidden": "true" }, initials(person.name)),
        h(
          "span",
          {},
          h("b", { dir: "auto" }, self ? gettext("{name} (you)", { name: person.name }) : person.name),
          h("span", { class: "meta" }, ...(person.connected ? breakable(about) : [gettext("Lost connection")])),
        ),
      ),
      h(
        "span",
        { class: "st" },
        person.guest && h("span", { class: "tag" }, person.device ? gettext("Device") : gettext("Guest")),
        person.hand && spoken("hand", gettext("Hand raised")),
        person.screen && spoken("monitor-up", gettext("Sharing")),
        person.microphone ? spoken("mic", speaking ? gettext("Speaking") : gettext("Microphone on"), speaking ? "on" : "") : spoken("mic-off", gettext("Microphone off"), "off"),
        actions,
      ),
      ...(person.cautions ?? []).map((caution) => h("p", { class: "caution num" }, icon("triangle-alert"), cautionWords(caution, person.link))),
      ...(person.unseen ?? []).map((unseen) => h("p", { class: "caution num" }, icon("video-off"), deviceUnseenWords(unseen))),
    );
    if (focused) actions.focus();
  }

  /** @param {string} participant */
  #button(participant) {
    const open = () => {
      const person = this.#roster.people.get(participant);
      if (person) this.#openMenu(person, button);
    };
    const button = h("button", { class: "btn btn-icon btn-sm", type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: open }, icon("ellipsis"));
    return button;
  }
}

/** Lets a line end behind the @ of an address before it ends within a name. @param {string} text */
const breakable = (text) => text.split(/(?<=@)/).flatMap((part, at) => (at ? [h("wbr"), part] : [part]));

/**
 * @param {string} name
 * @param {string} word
 * @param {string} [extra]
 */
function spoken(name, word, extra = "") {
  return h("span", { title: word }, icon(name, extra), h("span", { class: "vh" }, word));
}
