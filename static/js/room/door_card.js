// The right column of the join page: the question, the wait, and every other answer of the door.
import { h, icon, put, setText } from "../lib/h.js";
import { clockTime, countdown, dayName, gettext, listOf } from "../lib/i18n.js";
import { LONGEST_NAME } from "../signaling/protocol.js";
import { wayOf } from "./door_data.js";
import { describe } from "./refusals.js";

/**
 * @typedef {import("./door_data.js").DoorData} DoorData
 * @typedef {import("../signaling/protocol.js").DoorMessage} DoorMessage
 * @typedef {import("../signaling/client.js").Refusal} Refusal
 * @typedef {import("./refusals.js").Action} Action
 */

const STILL_WAITING_MS = 600_000;

export class DoorCard {
  #root;
  #door;
  #act;
  #preferences;
  #typedName;
  /** @type {any} */
  #ticking = null;
  #wait = {
    heading: h("h2", { class: "wait-h", id: "wait-h" }),
    headingText: h("span"),
    text: h("p", { class: "num" }),
    still: h("p", { class: "num", hidden: true }, gettext("Still waiting. The hosts see your request.")),
    line: h("p", { class: "meta", hidden: true }),
    steps: h("ol", { class: "steps" }),
    message: h("blockquote", { class: "hostmsg", hidden: true }),
    messageText: h("span", { dir: "auto" }),
  };

  /**
   * @param {HTMLElement} root
   * @param {DoorData} door
   * @param {import("../lib/preferences.js").Preferences} preferences
   * @param {{
   *   knock: (who: {name?: string, emailCode?: string}) => Promise<void>, stopWaiting: () => void, named: (name: string) => void,
   *   again: () => void, leave: () => void,
   * }} act
   */
  constructor(root, door, preferences, act) {
    this.#root = root;
    this.#door = door;
    this.#preferences = preferences;
    this.#act = act;
    this.#typedName = door.suggested_name || preferences.get("name");
    const { heading, headingText, message, messageText } = this.#wait;
    heading.append(h("span", { class: "pulse" }), headingText);
    message.append(icon("message-square"), h("span", {}, h("b", {}, gettext("From the hosts")), messageText));
  }

  get name() {
    return this.#door.signed_in?.name ?? this.#typedName;
  }

  // ---- before

  /**
   * @param {{askCode?: boolean, problem?: string, busy?: boolean, field?: string | null}} [options]
   */
  question({ askCode = false, problem = "", busy = false, field = null } = {}) {
    this.#still();
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
            this.question({ askCode, problem: gettext("Enter your name."), field: "name" });
            return;
          }
          if (codeInput && !codeInput.value.trim()) {
            this.question({ askCode, problem: gettext("Enter the code from the email."), field: "email_code" });
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
    put(this.#root, this.#head(), form, this.#facts(way));
    const focus = field === "name" ? nameInput : askCode ? codeInput : null;
    focus?.focus();
  }

  #head() {
    const { meeting, organisation } = this.#door;
    if (!meeting) return h("div", {}, h("h1", {}, gettext("A meeting at {org}", { org: organisation })), h("p", { class: "lead" }, gettext("You see more once you’re inside.")));
    return h("div", {}, h("h1", { dir: "auto" }, meeting.title), h("p", { class: "num lead" }, this.#when(meeting)));
  }

  /** @param {NonNullable<DoorData["meeting"]>} meeting */
  #when({ starts_at: startsAt, ends_at: endsAt, hosts }) {
    const values = { day: dayName(startsAt), start: clockTime(startsAt), end: clockTime(endsAt), hosts: listOf(hosts), org: this.#door.organisation };
    return hosts.length ? gettext("{day}, {start} to {end}. Hosted by {hosts}, {org}.", values) : gettext("{day}, {start} to {end}. {org}.", values);
  }

  /** @param {string} way */
  #facts(way) {
    const { signed_in: signedIn, invited_email: email, look, organisation, encryption, mics_start_off: micsOff } = this.#door;
    /** @type {[string, string, string][]} */
    const facts = [];
    if (look.reason === "early" && look.until) {
      facts.push(["clock", gettext("You’re early."), gettext("The door opens at {time}. You can wait here: it continues by itself.", { time: clockTime(look.until) })]);
    }
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

  // ---- waiting

  /**
   * @param {DoorMessage} message
   * @param {boolean} moved was inside until a host sent them here
   */
  waiting(message, moved) {
    const w = this.#wait;
    const meeting = this.#door.meeting;
    const early = message.reason === "early";
    setText(w.headingText, early ? gettext("You’re early") : moved ? gettext("A host moved you to the door") : gettext("You’re at the door"));
    setText(w.text, moved ? gettext("They can let you in again.") : waitSentence(message));
    w.message.hidden = !message.message;
    setText(w.messageText, message.message ?? "");
    if (!w.heading.isConnected) {
      put(
        this.#root,
        h(
          "div",
          {},
          h("h1", { dir: "auto" }, message.title ?? meeting?.title ?? gettext("A meeting at {org}", { org: this.#door.organisation })),
          meeting && h("p", { class: "num lead" }, this.#when(meeting)),
        ),
        h("div", { class: "wait-card", id: "wait-card", role: "status", "aria-labelledby": "wait-h" }, w.heading, w.text, w.still, w.line, w.steps),
        w.message,
        h("p", { class: "lead" }, gettext("No one inside can see or hear you. You join with the camera and microphone set as they are here.")),
        h(
          "div",
          { class: "row row-wrap" },
          h(
            "label",
            { class: "check" },
            h("input", {
              type: "checkbox",
              checked: this.#preferences.get("chimeAdmitted"),
              onchange: (/** @type {Event} */ event) => this.#preferences.set("chimeAdmitted", /** @type {HTMLInputElement} */ (event.target).checked),
            }),
            h("span", {}, gettext("Play a chime when I’m let in")),
          ),
          early && this.#door.urls.calendar ? h("a", { class: "btn push", href: this.#door.urls.calendar, download: true }, icon("calendar-plus"), gettext("Add to calendar")) : null,
          h("button", { class: `btn${early && this.#door.urls.calendar ? "" : " push"}`, type: "button", onclick: () => this.#act.stopWaiting() }, gettext("Stop waiting")),
        ),
      );
    }
    put(w.steps, ...waitSteps(message, this.#door.invited_email !== null || this.#door.meeting !== null));
    this.#tick(() => {
      const since = message.knocked_at ? Date.now() - Date.parse(message.knocked_at) : 0;
      w.still.hidden = early || since < STILL_WAITING_MS;
    });
  }

  /** The line is cut while waiting: the place at the door is kept. @param {boolean} cut */
  waitingCut(cut) {
    this.#wait.line.hidden = !cut;
    if (cut) setText(this.#wait.line, gettext("You’re offline. We’ll reconnect by ourselves, and you keep your place."));
  }

  /** The card turns green for a moment. */
  admitted() {
    this.#root.querySelector("#wait-card")?.classList.add("in");
    setText(this.#wait.headingText, gettext("You’re in"));
  }

  // ---- refused, removed, ended, left

  /**
   * @param {Refusal} refusal
   * @returns {import("./refusals.js").Described}
   */
  refused(refusal) {
    const { signed_in: signedIn, organisation, meeting } = this.#door;
    const told = describe(refusal, { organisation, title: meeting?.title ?? null, hosts: meeting?.hosts ?? null, email: signedIn?.email ?? null, signedIn: signedIn !== null });
    const heading = h("h1", { tabindex: -1 }, told.heading);
    put(
      this.#root,
      h(
        "article",
        { class: `card state ${told.kind}` },
        h("span", { class: "glyph" }, icon(told.icon)),
        heading,
        h("p", {}, told.body),
        told.why ? h("p", { class: "why", dir: "auto" }, told.why) : null,
        told.actions.length ? h("div", { class: "row row-wrap" }, ...told.actions.map((action, index) => this.#action(action, index === 0, refusal))) : null,
      ),
    );
    heading.focus({ preventScroll: true });
    return told;
  }

  /**
   * @param {Action} action
   * @param {boolean} first
   * @param {Refusal} refusal
   */
  #action(action, first, refusal) {
    const look = `btn${first ? " btn-primary" : " btn-quiet"}`;
    const { sign_in_url: signInUrl, urls } = this.#door;
    switch (action) {
      case "sign_in":
        return h("a", { class: look, href: signInUrl }, gettext("Sign in to join"));
      case "switch":
        return h("a", { class: look, href: signInUrl }, gettext("Switch account"));
      case "meetings":
        return h("a", { class: look, href: "/meetings/" }, gettext("Back to meetings"));
      case "calendar":
        return urls.calendar ? h("a", { class: look, href: urls.calendar, download: true }, gettext("Add to calendar")) : null;
      case "leave":
        return h("button", { class: look, type: "button", onclick: () => this.#act.leave() }, gettext("Leave"));
      case "copy": {
        const copy = h("button", { class: look, type: "button" }, gettext("Copy link for another browser"));
        copy.onclick = () => void navigator.clipboard?.writeText(location.href).then(() => setText(copy, gettext("Copied")));
        return copy;
      }
      case "reload":
        return h("button", { class: look, type: "button", onclick: () => location.reload() }, gettext("Load again"));
      case "knock":
        return this.#knockAgain(look, refusal);
      default:
        return h("button", { class: look, type: "button", onclick: () => this.#act.again() }, refusal.reason === "left" ? gettext("Join again") : refusal.reason === "moved" ? gettext("Move here") : gettext("Try again"));
    }
  }

  /**
   * @param {string} look
   * @param {Refusal} refusal
   */
  #knockAgain(look, { until }) {
    const button = h("button", { class: look, type: "button" });
    const left = () => (until ? (Date.parse(until) - Date.now()) / 1000 : 0);
    button.onclick = () => {
      if (left() <= 0) this.#act.again();
    };
    this.#tick(() => {
      const seconds = left();
      if (seconds > 0) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
      setText(button, seconds > 0 ? gettext("Knock again in {time}", { time: countdown(seconds) }) : gettext("Knock again"));
      if (seconds <= 0) this.#still();
    });
    return button;
  }

  /** @param {() => void} draw */
  #tick(draw) {
    this.#still();
    this.#ticking = setInterval(draw, 1000);
    draw();
  }

  #still() {
    clearInterval(this.#ticking);
  }
}

/** @param {DoorMessage} message */
export function waitSentence({ reason, until, knocked_at: knockedAt, hosts, host_here: hostHere, starts_at: startsAt }) {
  if (reason === "early") {
    return until ? gettext("The door opens at {time}. Leave this page open: it continues by itself.", { time: clockTime(until) }) : gettext("Leave this page open: it continues by itself.");
  }
  if (reason === "no_host" || !hostHere) {
    const starts = startsAt && Date.parse(startsAt) > Date.now() ? clockTime(startsAt) : null;
    if (starts) return gettext("No host is here yet. The meeting starts at {time}.", { time: starts });
    return gettext("No host is here yet. You’ll be seen as soon as one comes.");
  }
  const time = knockedAt ? clockTime(knockedAt) : clockTime(Date.now());
  if (hosts?.length && hosts.length <= 3) return gettext("You knocked at {time}. {hosts} can see that you’re here.", { time, hosts: listOf(hosts) });
  return gettext("You knocked at {time}. The hosts can see that you’re here.", { time });
}

/**
 * @param {DoorMessage} message
 * @param {boolean} invited
 */
function waitSteps({ reason, host_here: hostHere }, invited) {
  const steps = [
    { text: invited ? gettext("Your invitation is valid") : gettext("The link is valid"), done: true },
    reason === "early"
      ? { text: gettext("The door opens"), done: false }
      : { text: hostHere ? gettext("Hosts told you’re here") : gettext("A host comes"), done: hostHere && reason !== "no_host" },
    { text: reason === "knock" ? gettext("A host lets you in") : gettext("You come in"), done: false },
  ];
  const now = steps.findIndex((step) => !step.done);
  return steps.map(({ text, done }, index) =>
    h("li", { class: done ? "done" : index === now ? "now" : null, "aria-current": index === now ? "step" : null }, done ? icon("check") : h("i"), text),
  );
}
