// The question at the door: who are you, and the one button whose text is the truth. Above it what, when and with whom.
import { h, icon, put } from "../lib/h.js";
import { clockTime, dayName, gettext, listOf } from "../lib/i18n.js";
import { LONGEST_NAME } from "../signaling/protocol.js";
import { wayOf } from "./door_data.js";

/** @typedef {import("./door_data.js").DoorData} DoorData */

export class Question {
  #root;
  #door;
  #preferences;
  #act;
  #typedName;

  /**
   * @param {HTMLElement} root
   * @param {DoorData} door
   * @param {import("../lib/preferences.js").Preferences} preferences
   * @param {{knock: (who: {name?: string, emailCode?: string}) => Promise<void>, named: (name: string) => void}} act
   */
  constructor(root, door, preferences, act) {
    this.#root = root;
    this.#door = door;
    this.#preferences = preferences;
    this.#act = act;
    this.#typedName = door.suggested_name || preferences.get("name");
  }

  get name() {
    return this.#door.signed_in?.name ?? this.#typedName;
  }

  /**
   * @param {{askCode?: boolean, problem?: string, busy?: boolean, field?: string | null}} [options]
   */
  ask({ askCode = false, problem = "", busy = false, field = null } = {}) {
    const door = this.#door;
    const way = wayOf(door);
    const nameInput = door.needs_name
      ? h("input", {
          class: "input", id: "your-name", value: this.#typedName, autocomplete: "name", maxlength: LONGEST_NAME, required: true, "aria-describedby": "name-hint",
          "aria-invalid": field === "name" ? "true" : null,
          oninput: (/** @type {Event} */ event) => {
            this.#typedName = /** @type {HTMLInputElement} */ (event.target).value;
            this.#act.named(this.#typedName);
          },
        })
      : null;
    const codeInput = askCode
      ? h("input", {
          class: "input code", id: "email-code", inputmode: "numeric", autocomplete: "one-time-code", maxlength: 12, required: true, "aria-describedby": "code-hint",
          "aria-invalid": field === "email_code" ? "true" : null,
        })
      : null;
    const button = h(
      "button",
      { class: "btn btn-primary btn-lg btn-block", type: "submit", "aria-disabled": busy ? "true" : null },
      way === "knocks" ? gettext("Knock to join") : gettext("Join"),
    );
    const form = h(
      "form",
      {
        class: "stack",
        novalidate: true,
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          if (button.getAttribute("aria-disabled") === "true") return;
          const name = nameInput?.value.trim();
          if (nameInput && !name) {
            this.ask({ askCode, problem: gettext("Enter your name."), field: "name" });
            return;
          }
          if (codeInput && !codeInput.value.trim()) {
            this.ask({ askCode, problem: gettext("Enter the code from the email."), field: "email_code" });
            return;
          }
          if (name) this.#preferences.set("name", name);
          void this.#act.knock({ name, emailCode: codeInput?.value.trim() || undefined });
        },
      },
      problem && h("p", { class: "error", role: "alert", id: "join-problem" }, icon("circle-alert"), h("span", {}, problem)),
      nameInput &&
        h("div", { class: "field" }, h("label", { for: "your-name" }, gettext("Your name")), h("p", { class: "hint", id: "name-hint" }, gettext("Everyone sees it, marked “guest”.")), nameInput),
      codeInput &&
        h(
          "div",
          { class: "field" },
          h("label", { for: "email-code" }, gettext("Code from the email")),
          h(
            "p",
            { class: "hint", id: "code-hint" },
            door.invited_email ? gettext("We sent it to {email}. It shows that the invitation is yours.", { email: door.invited_email }) : gettext("We sent it to the invited address. It shows that the invitation is yours."),
          ),
          codeInput,
        ),
      button,
    );
    put(this.#root, pageHead(this.#door), form, this.#facts(way));
    const focus = field === "name" ? nameInput : askCode ? codeInput : null;
    focus?.focus();
  }

  /** @param {string} way */
  #facts(way) {
    const { signed_in: signedIn, invited_email: email, look, organisation, encryption, mics_start_off: micsOff } = this.#door;
    /** @type {[string, string, string][]} */
    const facts = [];
    if (look.reason === "early" && look.until) {
      facts.push(["clock", gettext("You’re early."), gettext("The door opens at {time}. You can wait here: it continues by itself.", { time: clockTime(look.until) })]);
    }
    if (look.reason === "full") facts.push(["users", gettext("The room is full."), gettext("You can wait at the door: places go to people in the order they came.")]);
    if (look.reason === "no_host") facts.push(["clock", gettext("No host is here yet."), gettext("You wait at the door until one comes.")]);
    if (way === "knocks") {
      facts.push([
        "bell",
        gettext("A host lets you in."),
        signedIn
          ? gettext("They see your name and that you’re signed in.")
          : email
            ? gettext("They see your name and where the invitation was sent: {email}.", { email })
            : gettext("They see your name and how you came."),
      ]);
    } else facts.push(["door-open", gettext("You walk in."), gettext("Nobody has to let you in.")]);
    if (micsOff) facts.push(["mic-off", gettext("Microphones start off in this meeting."), gettext("Turn yours on when you want to speak.")]);
    if (encryption) facts.push(["lock", gettext("Encrypted to the server."), gettext("Video and sound are encrypted on the way. {org}’s server can open them.", { org: organisation })]);
    return h("ul", { class: "facts-v" }, ...facts.map(([glyph, title, text]) => h("li", {}, icon(glyph), h("span", {}, h("b", {}, title), ` ${text}`))));
  }
}

/** @param {DoorData} door */
function pageHead({ meeting, organisation }) {
  if (!meeting) return h("div", {}, h("h1", {}, gettext("A meeting at {org}", { org: organisation })), h("p", { class: "lead" }, gettext("You see more once you’re inside.")));
  return h("div", {}, h("h1", { dir: "auto" }, meeting.title), h("p", { class: "num lead" }, whenAndWith(meeting, organisation)));
}

/**
 * @param {NonNullable<DoorData["meeting"]>} meeting
 * @param {string} organisation
 */
export function whenAndWith({ starts_at: startsAt, ends_at: endsAt, hosts }, organisation) {
  const values = { day: dayName(startsAt), start: clockTime(startsAt), end: clockTime(endsAt), hosts: listOf(hosts), org: organisation };
  return hosts.length ? gettext("{day}, {start} to {end}. Hosted by {hosts}, {org}.", values) : gettext("{day}, {start} to {end}. {org}.", values);
}
