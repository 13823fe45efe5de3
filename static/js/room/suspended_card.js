// While a host has stopped everything: the same plain words for everybody, over a stage that shows nobody. Hosts are asked what next.
import { byId, h, icon, put } from "../lib/h.js";
import { clockTime, gettext } from "../lib/i18n.js";

/** @typedef {import("../signaling/protocol.js").Suspended} Suspended */

export class SuspendedCard {
  #root = byId("stage-suspended");
  #roster;
  #participation;
  #act;
  #drawn = "";

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster, participation: import("../media/participation.js").Participation,
   *   act: {resume: (quiet: boolean) => void, end: () => void, lock: () => void, openPanel: (name: string) => void, switchOff: () => void},
   * }} parts
   */
  constructor({ roster, participation, act }) {
    this.#roster = roster;
    this.#participation = participation;
    this.#act = act;
  }

  render() {
    const { meeting, capabilities } = this.#roster;
    const suspended = meeting?.suspended ?? null;
    byId("stage").classList.toggle("held", suspended !== null);
    const { microphone, camera } = this.#participation;
    const state = suspended ? JSON.stringify([suspended, capabilities.host, meeting?.locked, microphone, camera]) : "";
    if (state === this.#drawn) return;
    this.#drawn = state;
    if (!suspended) {
      put(this.#root);
      return;
    }
    const focused = document.activeElement?.closest("#stage-suspended button")?.textContent ?? null;
    put(this.#root, this.#card(suspended, capabilities.host, Boolean(meeting?.locked), microphone, camera));
    if (focused !== null) [...this.#root.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
  }

  /** The host who stopped it goes on here. */
  focus() {
    /** @type {HTMLElement | null} */ (this.#root.querySelector("h2"))?.focus({ preventScroll: true });
  }

  clear() {
    this.#drawn = "";
    byId("stage").classList.remove("held");
    put(this.#root);
  }

  /**
   * @param {Suspended} suspended
   * @param {boolean} host
   * @param {boolean} locked
   * @param {boolean} microphone
   * @param {boolean} camera
   */
  #card({ at, by }, host, locked, microphone, camera) {
    const who = { name: by ?? gettext("A host"), time: clockTime(at) };
    return h(
      "section",
      { class: "alone held-card stack gap-3", "aria-labelledby": "suspended-title" },
      h("h2", { id: "suspended-title", tabindex: -1 }, icon("octagon-pause"), gettext("The meeting is suspended")),
      h("p", {}, gettext("{name} stopped everything at {time}. Nobody sees or hears anybody, nobody can write, and nobody new comes in.", who)),
      host ? this.#whatNext(locked) : h("p", { class: "meta" }, gettext("It goes on when a host resumes it. You can leave, or wait here.")),
      ...(microphone || camera ? this.#ownDevices(microphone, camera) : []),
    );
  }

  /** @param {boolean} locked */
  #whatNext(locked) {
    const act = this.#act;
    const button = (/** @type {string} */ label, /** @type {string} */ glyph, /** @type {() => void} */ run, look = "") =>
      h("button", { class: `btn ${look}`, type: "button", onclick: run }, icon(glyph), label);
    return h(
      "div",
      { class: "stack gap-2", role: "group", "aria-label": gettext("What next?") },
      button(gettext("Resume"), "play", () => act.resume(false), "btn-primary"),
      button(gettext("Resume with everyone’s microphone and camera off"), "mic-off", () => act.resume(true)),
      h(
        "div",
        { class: "row row-wrap" },
        button(gettext("Remove someone…"), "user-x", () => act.openPanel("people")),
        button(gettext("Who may do what…"), "sliders-horizontal", () => act.openPanel("host")),
        button(locked ? gettext("Unlock the door") : gettext("Lock the door"), locked ? "lock-open" : "lock", () => act.lock()),
        button(gettext("End for everyone…"), "phone-off", () => act.end(), "btn-quiet-danger"),
      ),
    );
  }

  /**
   * @param {boolean} microphone
   * @param {boolean} camera
   */
  #ownDevices(microphone, camera) {
    const text =
      microphone && camera
        ? gettext("Your microphone and camera come back on when it goes on.")
        : microphone
          ? gettext("Your microphone comes back on when it goes on.")
          : gettext("Your camera comes back on when it goes on.");
    return [
      h("p", { class: "note" }, icon(microphone ? "mic" : "video"), h("span", {}, text, " ", h("button", { class: "btn btn-sm push", type: "button", onclick: () => this.#act.switchOff() }, microphone && camera ? gettext("Turn both off") : gettext("Turn it off")))),
    ];
  }
}
