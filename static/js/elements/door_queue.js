// The people at the door, for hosts: one region "At the door", either in the People panel or as a toast, never both.
import { h, icon, keyed, put, setText } from "../lib/h.js";
import { gettext, initials, ngettext } from "../lib/i18n.js";
import { LONGEST_NOTE, RequestFailed } from "../signaling/protocol.js";
import { ask } from "./dialog.js";
import { cautionWords } from "./door_words.js";
import { showMenu } from "./menu.js";

/** @typedef {import("../signaling/protocol.js").Waiter} Waiter */

export class DoorQueue {
  #roster;
  #hosting;
  #toast;
  #openPeople;
  #failed;
  /** @type {HTMLElement | null} where the People panel shows the queue, while it is open */
  #slot = null;
  /** @type {Map<string, HTMLLIElement>} */
  #rows = new Map();
  /** @type {Set<string>} requests that are being answered */
  #busy = new Set();
  /** @type {Set<string>} hidden from the toast, by knock: a new knock of the same person shows again */
  #hidden = new Set();
  #list = h("ul");
  #panelTitle = h("span");
  #bulk = h("button", { class: "btn btn-sm push", type: "button", onclick: () => this.#letInUnflagged() });
  #inPanel = h("section", { class: "atdoor", "aria-label": gettext("At the door") }, h("p", { class: "sub-h" }, h("span", { class: "pulse" }), this.#panelTitle, this.#bulk), this.#list);
  #shownInToast = "";

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster, hosting: import("../signaling/hosting.js").Hosting,
   *   toast: HTMLElement, openPeople: () => void, failed: (error: unknown) => void,
   * }} parts
   */
  constructor({ roster, hosting, toast, openPeople, failed }) {
    this.#roster = roster;
    this.#hosting = hosting;
    this.#toast = toast;
    this.#openPeople = openPeople;
    this.#failed = failed;
  }

  /** @param {HTMLElement | null} slot */
  showIn(slot) {
    this.#slot = slot;
    this.render();
  }

  /** Puts the focus on the first answer. */
  focus() {
    const button = /** @type {HTMLElement | null} */ ((this.#slot ?? this.#toast).querySelector("[data-answer]"));
    button?.focus();
    return button !== null;
  }

  render() {
    const waiting = this.#roster.waiting;
    for (const id of this.#busy) if (!waiting.some((waiter) => waiter.participant === id)) this.#busy.delete(id);
    if (this.#slot) {
      put(this.#toast);
      this.#shownInToast = "";
      this.#renderPanel(waiting);
      if (waiting.length && this.#inPanel.parentElement !== this.#slot) put(this.#slot, this.#inPanel);
      if (!waiting.length) put(this.#slot);
      return;
    }
    this.#inPanel.remove();
    // Who waits for a place only needs no answer, so nothing asks for one.
    this.#renderToast(waiting.filter((waiter) => !waitsForPlace(waiter) && !this.#hidden.has(knockKey(waiter))));
  }

  /** Minutes pass. */
  tick() {
    for (const waiter of this.#roster.waiting) {
      const since = this.#rows.get(waiter.participant)?.querySelector(".since");
      if (since) setText(since, this.#since(waiter));
    }
  }

  /** @param {Waiter[]} waiting */
  #renderPanel(waiting) {
    setText(this.#panelTitle, gettext("At the door, {count}", { count: waiting.length }));
    const unflagged = waiting.filter(mayComeAtOnce);
    this.#bulk.hidden = unflagged.length < 2 || this.#roster.suspended;
    setText(
      this.#bulk,
      unflagged.length === waiting.filter((waiter) => !waitsForPlace(waiter)).length
        ? gettext("Let in all {count}", { count: unflagged.length })
        : ngettext("Let in {count} unflagged", "Let in {count} unflagged", unflagged.length),
    );
    keyed(
      this.#list,
      this.#rows,
      waiting,
      (waiter) => waiter.participant,
      () => h("li"),
      (row, waiter) => {
        const state = `${waiter.revision}|${waiter.name}|${waiter.cautions.join()}|${JSON.stringify(waiter.link)}|${waiter.connected}|${waiter.provenance}|${waiter.reason}|${waiter.place}|${this.#busy.has(waiter.participant)}|${this.#roster.suspended}`;
        if (row.dataset.drawn === state) return;
        row.dataset.drawn = state;
        const focused = row.contains(document.activeElement);
        put(
          row,
          this.#who(waiter, 32),
          h("span", { class: "meta num since" }, this.#since(waiter)),
          ...waiter.cautions.map((caution) => h("p", { class: "caution num" }, icon("triangle-alert"), cautionWords(caution, waiter.link))),
          waitsForPlace(waiter) && h("p", { class: "meta num" }, placeWords(waiter)),
          this.#answers(waiter, true),
        );
        if (focused) /** @type {HTMLElement | null} */ (row.querySelector("[data-answer]"))?.focus();
      },
    );
  }

  /** @param {Waiter[]} waiting */
  #renderToast(waiting) {
    const [first] = waiting;
    if (!first) {
      put(this.#toast);
      this.#shownInToast = "";
      return;
    }
    const more = this.#roster.waiting.filter((waiter) => !waitsForPlace(waiter)).length - 1;
    const state = JSON.stringify([first, more, this.#busy.has(first.participant), this.#roster.suspended]);
    if (state === this.#shownInToast) return;
    this.#shownInToast = state;
    const focused = this.#toast.contains(document.activeElement);
    put(
      this.#toast,
      h(
        "section",
        { class: "toast", "aria-label": gettext("At the door") },
        h(
          "header",
          {},
          h("span", { class: "pulse" }),
          gettext("At the door"),
          h(
            "span",
            { class: "push row" },
            more > 0 && h("button", { class: "btn btn-sm", type: "button", onclick: () => this.#openPeople() }, ngettext("{count} more", "{count} more", more)),
            h(
              "button",
              { class: "btn btn-sm btn-icon", type: "button", "aria-label": gettext("Hide this request"), onclick: () => this.#hide(waiting) },
              icon("x"),
            ),
          ),
        ),
        h(
          "div",
          { class: "in" },
          this.#who(first, 44),
          ...first.cautions.map((caution) => h("p", { class: "caution num" }, icon("triangle-alert"), cautionWords(caution, first.link))),
          this.#answers(first, false),
        ),
      ),
    );
    if (focused) this.focus();
  }

  /**
   * @param {Waiter} waiter
   * @param {32 | 44} size
   */
  #who({ name, provenance, kind, connected }, size) {
    const guest = kind === "guest" || kind === "anyone";
    return h(
      "div",
      { class: "who" },
      h("span", { class: `av${guest ? " av-guest" : ""}${size === 44 ? " av-44" : ""}`, "aria-hidden": "true" }, initials(name)),
      h("div", {}, h("b", { dir: "auto" }, name), h("span", { class: "meta" }, connected ? provenance : gettext("{provenance}. Lost connection.", { provenance }))),
    );
  }

  /**
   * @param {Waiter} waiter
   * @param {boolean} small
   */
  #answers(waiter, small) {
    const { name, participant, cautions } = waiter;
    const flagged = cautions.length > 0;
    const busy = this.#busy.has(participant) ? "true" : null;
    const stopped = this.#roster.suspended;
    const size = small ? " btn-sm" : "";
    const letIn = h(
      "button",
      {
        class: `btn${flagged ? "" : " btn-primary"}${size}`,
        type: "button",
        "data-answer": true,
        "aria-label": flagged ? gettext("Let in {name}, let in anyway…", { name }) : gettext("Let in {name}", { name }),
        "aria-disabled": stopped ? "true" : busy,
        onclick: () => (stopped ? this.#failed(new RequestFailed("suspended", "suspended")) : flagged ? this.#letInAnyway(waiter) : this.#letIn(waiter)),
      },
      flagged ? gettext("Let in anyway…") : gettext("Let in"),
    );
    const notNow = h(
      "button",
      {
        class: `btn${size}`,
        type: "button",
        "aria-label": gettext("Not now {name}", { name }),
        "aria-haspopup": "menu",
        "aria-expanded": "false",
        "aria-disabled": busy,
        onclick: () => this.#notNow(waiter, notNow),
      },
      gettext("Not now…"),
    );
    return h("div", { class: "acts" }, waitsForPlace(waiter) ? null : letIn, notNow);
  }

  /** @param {Waiter} waiter */
  #since({ knocked_at: knockedAt }) {
    const minutes = Math.floor((Date.now() + this.#roster.aheadMs - Date.parse(knockedAt)) / 60_000);
    return minutes < 1 ? gettext("now") : ngettext("{count} min", "{count} min", minutes);
  }

  /** @param {Waiter[]} waiting */
  #hide(waiting) {
    for (const waiter of waiting) this.#hidden.add(knockKey(waiter));
    this.render();
  }

  /**
   * @param {Waiter} waiter
   * @param {() => Promise<unknown>} request
   */
  async #answer({ participant }, request) {
    if (this.#busy.has(participant)) return;
    this.#busy.add(participant);
    this.render();
    try {
      await request();
    } catch (error) {
      this.#busy.delete(participant);
      this.render();
      this.#failed(error);
    }
  }

  /** @param {Waiter} waiter */
  #letIn(waiter) {
    return this.#answer(waiter, () => this.#hosting.letIn(waiter));
  }

  #letInUnflagged() {
    for (const waiter of this.#roster.waiting.filter(mayComeAtOnce)) void this.#answer(waiter, () => this.#hosting.letIn(waiter, { bulk: true }));
  }

  /** @param {Waiter} waiter */
  async #letInAnyway(waiter) {
    const sure = await ask({
      title: gettext("Let in {name} anyway?", { name: waiter.name }),
      body: waiter.cautions.map((caution) => cautionWords(caution, waiter.link)).join(" "),
      answers: [{ value: "in", label: gettext("Let in {name}", { name: waiter.name }) }],
    });
    if (sure) await this.#letIn(waiter);
  }

  /**
   * @param {Waiter} waiter
   * @param {HTMLElement} button
   */
  #notNow(waiter, button) {
    if (this.#busy.has(waiter.participant)) return;
    showMenu(button, [
      { label: gettext("Keep waiting, with a message…"), icon: "message-square", run: () => void this.#message(waiter) },
      { label: gettext("Turn away…"), icon: "door-closed-locked", run: () => void this.#turnAway(waiter, false) },
      { label: gettext("Turn away and block this link…"), icon: "user-x", danger: true, run: () => void this.#turnAway(waiter, true) },
    ]);
  }

  /** @param {Waiter} waiter */
  async #message(waiter) {
    const given = await ask({
      title: gettext("Message to {name}", { name: waiter.name }),
      body: gettext("They keep waiting and read this at the door."),
      text: { id: "text", label: gettext("Your message"), longest: LONGEST_NOTE },
      answers: [{ value: "send", label: gettext("Send and keep waiting"), primary: true }],
    });
    if (given?.text) await this.#hosting.tell(waiter.participant, given.text).catch(this.#failed);
  }

  /**
   * @param {Waiter} waiter
   * @param {boolean} block
   */
  async #turnAway(waiter, block) {
    const { name } = waiter;
    const given = await ask({
      title: gettext("Turn away {name}?", { name }),
      body: block ? gettext("Their link can’t be used for this meeting again.") : gettext("They can knock again after two minutes."),
      text: { id: "note", label: gettext("Reason (optional)"), longest: LONGEST_NOTE, hint: gettext("They read it word for word.") },
      answers: [{ value: "away", label: block ? gettext("Turn away and block {name}", { name }) : gettext("Turn away {name}", { name }), danger: true }],
    });
    if (given) await this.#answer(waiter, () => this.#hosting.turnAway(waiter.participant, { block, note: given.text }));
  }
}

/** May come in and finds no place: nobody has to decide. @param {Waiter} waiter */
const waitsForPlace = ({ reason }) => reason === "full";

/** @param {Waiter} waiter */
const mayComeAtOnce = (waiter) => !waiter.cautions.length && !waitsForPlace(waiter);

/** @param {Waiter} waiter */
const placeWords = ({ place }) =>
  place === 1 ? gettext("The room is full. First in line for a place.") : gettext("The room is full. Number {place} in line for a place.", { place: place ?? 0 });

/** @param {Waiter} waiter */
const knockKey = ({ participant, knocked_at: knockedAt }) => `${participant} ${knockedAt}`;
