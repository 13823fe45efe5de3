// Host controls: the door as it stands, the lock, and what concerns everyone.
import { h, icon, put, setAttr, setIcon, setText } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { DoorWays } from "./door_ways.js";
import { RIGHTS, audienceNames, rightNames } from "./rights_words.js";
import { triedWords } from "./turned_away_words.js";

export class HostPanel {
  #roster;
  #door;
  #lockWord = h("span");
  #lockNote = h("p", { class: "meta", hidden: true }, gettext("Nobody else can come in. People at the door keep waiting."));
  #lock;
  #hands;
  #suspend;
  #suspendWord = h("span");
  /** @type {Map<import("../signaling/protocol.js").Right, HTMLSelectElement>} */
  #audiences = new Map();
  #tries = h("ul", { class: "stack gap-2" });
  #history = h("a", { target: "_blank", rel: "noopener" }, gettext("See them in the history"));
  #turnedAway = h("section", { hidden: true, "aria-labelledby": "turned-away-title" }, h("h3", { class: "sub-h sub-gap", id: "turned-away-title" }, gettext("Turned away")), this.#tries, h("p", { class: "meta mt-2" }, this.#history));
  /** @type {import("../signaling/protocol.js").TurnedAwayMessage | null} */
  #told = null;
  body;

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster,
   *   say: (text: string) => void, suspend: () => void, give: (rights: Partial<import("../signaling/protocol.js").Rights>) => Promise<void>,
   *   setWay: (row: import("../lib/door.js").Row, way: import("../lib/door.js").Way) => Promise<void>,
   *   deeds: {resume: (quiet: boolean) => void, lock: () => void, muteEveryone: () => Promise<void>, lowerHands: () => void, end: () => Promise<void>},
   * }} parts
   */
  constructor({ roster, say, suspend, give, setWay, deeds }) {
    this.#roster = roster;
    this.#door = new DoorWays({ roster, say, change: setWay });
    this.#lock = h("button", { class: "btn", type: "button", onclick: () => deeds.lock() }, icon("lock"), this.#lockWord);
    this.#suspend = h("button", { class: "btn", type: "button", onclick: () => (roster.suspended ? deeds.resume(false) : suspend()) }, icon("octagon-pause"), this.#suspendWord);
    this.#hands = h("button", { class: "btn", type: "button", onclick: () => deeds.lowerHands() }, icon("hand"), gettext("Lower all hands"));
    this.body = h(
      "div",
      { class: "body" },
      // First, because whoever needs it needs it at once.
      h(
        "div",
        { class: "stack gap-2" },
        this.#suspend,
        h("p", { class: "meta" }, gettext("Suspend stops every picture, sound, message and share at once, yours too, and asks you what next.")),
      ),
      h("h3", { class: "sub-h" }, gettext("The door")),
      h("div", { class: "stack gap-3" }, this.#door.node, this.#lock, this.#lockNote),
      this.#whoMay(give),
      h("h3", { class: "sub-h sub-gap" }, gettext("Everyone")),
      h(
        "div",
        { class: "stack gap-2" },
        h("button", { class: "btn", type: "button", onclick: () => void deeds.muteEveryone() }, icon("mic-off"), gettext("Mute everyone")),
        this.#hands,
        h("button", { class: "btn btn-quiet-danger", type: "button", onclick: () => void deeds.end() }, icon("phone-off"), gettext("End for everyone…")),
      ),
      this.#turnedAway,
      h("p", { class: "meta mt-4" }, gettext("What you do here is kept in the meeting’s history.")),
    );
  }

  render() {
    const { meeting } = this.#roster;
    if (!meeting) return;
    this.#door.render();
    setText(this.#suspendWord, this.#roster.suspended ? gettext("Resume the meeting") : gettext("Suspend the meeting"));
    setIcon(this.#suspend, this.#roster.suspended ? "play" : "octagon-pause");
    setText(this.#lockWord, meeting.locked ? gettext("Unlock the door") : gettext("Lock the door now"));
    this.#lockNote.hidden = !meeting.locked;
    this.#tell(this.#roster.turnedAway);
    setAttr(this.#hands, "aria-disabled", this.#roster.hands.length ? null : "true");
    for (const [right, select] of this.#audiences) if (!select.disabled) select.value = meeting.rights[right];
  }

  /** @param {(rights: Partial<import("../signaling/protocol.js").Rights>) => Promise<void>} give */
  #whoMay(give) {
    const rows = RIGHTS.map((right) => {
      const id = `may-${right}`;
      /** The list says what the meeting says: until that is answered, nothing else is chosen. */
      const chosen = async () => {
        select.disabled = true;
        await give({ [right]: select.value });
        select.disabled = false;
        this.render();
        select.focus();
      };
      const select = h("select", { class: "input", id, onchange: () => void chosen() }, ...audienceNames().map(([value, label]) => h("option", { value }, label)));
      this.#audiences.set(right, /** @type {HTMLSelectElement} */ (select));
      return h("div", { class: "may-row" }, h("label", { for: id }, rightNames()[right]), select);
    });
    return h(
      "section",
      { "aria-labelledby": "who-may" },
      h("h3", { class: "sub-h sub-gap", id: "who-may" }, gettext("Who may")),
      h("div", { class: "stack gap-2" }, ...rows),
      h("p", { class: "meta mt-2" }, gettext("Hosts always may. For one person: the menu behind their name, under People.")),
    );
  }

  /** @param {import("../signaling/protocol.js").TurnedAwayMessage | null} message */
  #tell(message) {
    if (message === this.#told) return;
    this.#told = message;
    this.#turnedAway.hidden = !message?.tries.length;
    if (!message) return;
    this.#history.href = message.history;
    put(
      this.#tries,
      ...message.tries.map((tried) => {
        const helps = tried.warned_at && tried.replace ? h("a", { href: tried.replace, target: "_blank", rel: "noopener" }, gettext("Replace link")) : null;
        return h("li", {}, triedWords(tried), " ", helps);
      }),
    );
  }
}
