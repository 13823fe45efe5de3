// Host controls: the door as it stands, the lock, and what concerns everyone.
import { h, icon, setAttr, setIcon, setText } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { DoorRules } from "./info_panels.js";

export class HostPanel {
  #roster;
  #rules = new DoorRules();
  #lockWord = h("span");
  #lockNote = h("p", { class: "meta", hidden: true }, gettext("Nobody else can come in. People at the door keep waiting."));
  #lock;
  #hands;
  #suspend;
  #suspendWord = h("span");
  body;

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster,
   *   suspend: () => void,
   *   deeds: {resume: (quiet: boolean) => void, lock: () => void, muteEveryone: () => void, lowerHands: () => void, end: () => Promise<void>},
   * }} parts
   */
  constructor({ roster, suspend, deeds }) {
    this.#roster = roster;
    this.#lock = h("button", { class: "btn", type: "button", onclick: () => deeds.lock() }, icon("lock"), this.#lockWord);
    this.#suspend = h("button", { class: "btn", type: "button", onclick: () => (roster.suspended ? deeds.resume(false) : suspend()) }, icon("octagon-pause"), this.#suspendWord);
    this.#hands = h("button", { class: "btn", type: "button", onclick: () => deeds.lowerHands() }, icon("hand"), gettext("Lower all hands"));
    this.body = h(
      "div",
      { class: "body" },
      h("h3", { class: "sub-h" }, gettext("The door")),
      h("div", { class: "stack gap-3" }, this.#rules.node, this.#lock, this.#lockNote),
      h("h3", { class: "sub-h sub-gap" }, gettext("Everyone")),
      h(
        "div",
        { class: "stack gap-2" },
        h("button", { class: "btn", type: "button", onclick: () => deeds.muteEveryone() }, icon("mic-off"), gettext("Mute everyone")),
        this.#hands,
        this.#suspend,
        h("p", { class: "meta" }, gettext("Suspend stops every picture, sound, message and share at once, yours too, and asks you what next.")),
        h("button", { class: "btn btn-quiet-danger", type: "button", onclick: () => void deeds.end() }, icon("phone-off"), gettext("End for everyone…")),
      ),
      h("p", { class: "meta mt-4" }, gettext("What you do here is kept in the meeting’s history.")),
    );
  }

  render() {
    const { meeting } = this.#roster;
    if (!meeting) return;
    this.#rules.show(meeting);
    setText(this.#suspendWord, this.#roster.suspended ? gettext("Resume the meeting") : gettext("Suspend the meeting"));
    setIcon(this.#suspend, this.#roster.suspended ? "play" : "octagon-pause");
    setText(this.#lockWord, meeting.locked ? gettext("Unlock the door") : gettext("Lock the door now"));
    this.#lockNote.hidden = !meeting.locked;
    setAttr(this.#hands, "aria-disabled", this.#roster.hands.length ? null : "true");
  }
}
