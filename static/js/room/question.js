// The question at the door: who are you, and the one button whose text is the truth. Above it what, when and with whom.
import { h, icon, put } from "../lib/h.js";
import { clockTime, dayName, gettext, listOf, zoneName } from "../lib/i18n.js";
import { LONGEST_NAME } from "../signaling/protocol.js";
import { CodeField } from "./code_field.js";
import { wayOf } from "./door_data.js";

/**
 * @typedef {import("./door_data.js").DoorData} DoorData
 * @typedef {{
 *   askAddress?: import("../signaling/protocol.js").AskedAddress | null, askCode?: boolean, code?: import("../signaling/protocol.js").EmailCode | null,
 *   problem?: string, busy?: boolean, field?: string | null, tell?: boolean,
 * }} Asking
 */

export class Question {
  #root;
  #door;
  #preferences;
  #act;
  #typedName;
  #typedAddress = "";
  /** @type {CodeField | null} */
  #code = null;

  /**
   * @param {HTMLElement} root
   * @param {DoorData} door
   * @param {import("../lib/preferences.js").Preferences} preferences
   * @param {{knock: (who: import("../signaling/client.js").Who) => Promise<void>, named: (name: string) => void}} act
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
   * @param {Asking} [options] askCode: the door asks for the mailed code; `code` says where it stands. askAddress: it goes to an address that is given here.
   * tell: it is locked, and hosts should know
   */
  ask(options = {}) {
    const { askAddress = null, askCode = false, code = null, problem = "", busy = false, field = null, tell = false } = options;
    this.rest();
    const door = this.#door;
    const way = tell ? "knocks" : wayOf(door);
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
    const name = () => nameInput?.value.trim();
    const address = askAddress && !code ? addressField(this.#typedAddress, askAddress, field === "email") : null;
    const codeField = (this.#code =
      askCode && !address
        ? new CodeField(code, {
            invalid: field === "email_code",
            sendAgain: () => void this.#act.knock({ name: name(), newCode: true, email: askAddress ? code?.sent_to : undefined }),
            change: askAddress ? () => this.ask({ ...options, code: null, problem: "", field: "email" }) : null,
          })
        : null);
    const button = h(
      "button",
      { class: "btn btn-primary btn-lg btn-block", type: "submit", "aria-disabled": busy ? "true" : null },
      address ? gettext("Send me a code") : tell ? gettext("Tell the hosts I’m here") : way === "knocks" ? gettext("Knock to join") : gettext("Join"),
    );
    const form = h(
      "form",
      {
        class: "stack",
        novalidate: true,
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          if (button.getAttribute("aria-disabled") === "true") return;
          const typed = name();
          if (nameInput && !typed) {
            this.ask({ ...options, problem: gettext("Enter your name."), field: "name" });
            return;
          }
          if (address) {
            this.#typedAddress = address.input.value.trim();
            if (!address.input.validity.valid) {
              this.ask({ ...options, problem: gettext("Enter an email address, such as name@example.org."), field: "email" });
              return;
            }
          }
          if (codeField && !codeField.value) {
            this.ask({ ...options, problem: gettext("Enter the code from the email."), field: "email_code" });
            return;
          }
          if (typed) this.#preferences.set("name", typed);
          void this.#act.knock({ name: typed, email: address ? this.#typedAddress : undefined, emailCode: codeField?.value || undefined, tell: tell || undefined });
        },
      },
      problem && h("p", { class: "error", role: "alert", id: "join-problem" }, icon("circle-alert"), h("span", {}, problem)),
      nameInput &&
        h("div", { class: "field" }, h("label", { for: "your-name" }, gettext("Your name")), h("p", { class: "hint", id: "name-hint" }, gettext("Everyone sees it, marked “guest”.")), nameInput),
      address?.node,
      codeField?.node,
      button,
    );
    put(this.#root, pageHead(this.#door), form, this.#facts(way));
    if (field === "name") nameInput?.focus();
    else if (field === "email") address?.input.focus();
    else codeField?.focus();
  }

  /** Something else is shown. */
  rest() {
    this.#code?.rest();
    this.#code = null;
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
    if (encryption === "transport") facts.push(["lock", gettext("Encrypted to the server."), gettext("Video and sound are encrypted on the way. {org}’s server can open them.", { org: organisation })]);
    else if (encryption === "sealed") facts.push(["key-round", gettext("Sealed."), gettext("End-to-end encrypted, and only people with the complete link can get the keys. {org}’s server never had it.", { org: organisation })]);
    else if (encryption) facts.push(["shield-check", gettext("End-to-end encrypted."), gettext("Keys are made on the devices in the room. {org}’s server forwards what it can’t read.", { org: organisation })]);
    return h("ul", { class: "facts-v" }, ...facts.map(([glyph, title, text]) => h("li", {}, icon(glyph), h("span", {}, h("b", {}, title), ` ${text}`))));
  }
}

/**
 * Where the code goes. Whether an address is invited is told by the mail alone.
 * @param {string} value
 * @param {import("../signaling/protocol.js").AskedAddress} asked
 * @param {boolean} invalid
 */
function addressField(value, asked, invalid) {
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input", id: "your-address", type: "email", value, autocomplete: "email", maxlength: 254, required: true, spellcheck: false,
      "aria-describedby": "address-hint", "aria-invalid": invalid ? "true" : null,
    })
  );
  const hint = asked === "invited_address" ? gettext("Use the one that was invited. If it is, a code goes there.") : gettext("A code goes there. Hosts see the address.");
  return { input, node: h("div", { class: "field" }, h("label", { for: "your-address" }, gettext("Your email address")), h("p", { class: "hint", id: "address-hint" }, hint), input) };
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
  const values = { day: dayName(startsAt), start: clockTime(startsAt), end: clockTime(endsAt), zone: zoneName(startsAt), hosts: listOf(hosts), org: organisation };
  return hosts.length ? gettext("{day}, {start} to {end} {zone}. Hosted by {hosts}, {org}.", values) : gettext("{day}, {start} to {end} {zone}. {org}.", values);
}
