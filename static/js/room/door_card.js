// The right column of the join page: the question, and the door's answers. One is shown at a time; the wait draws itself.
import { copyButton } from "../elements/copy_button.js";
import { h, icon, put, setAttr, setText } from "../lib/h.js";
import { countdown, gettext } from "../lib/i18n.js";
import { MoveCard } from "./move_card.js";
import { Question } from "./question.js";
import { describe } from "./refusals.js";

/**
 * @typedef {import("./door_data.js").DoorData} DoorData
 * @typedef {import("../signaling/client.js").Refusal} Refusal
 * @typedef {import("./refusals.js").Action} Action
 */

export class DoorCard {
  #root;
  #door;
  #act;
  #question;
  #move;
  /** What somebody else shows here. @type {{rest: () => void} | null} */
  #other = null;
  /** @type {any} */
  #ticking = null;

  /**
   * @param {HTMLElement} root
   * @param {DoorData} door
   * @param {import("../lib/preferences.js").Preferences} preferences
   * @param {{
   *   knock: (who: import("../signaling/client.js").Who) => Promise<void>, named: (name: string) => void,
   *   again: () => void, tell: () => void, leave: () => void, sendNewLink: () => Promise<string>,
   *   move: (how: {move: "ask" | "code", emailCode?: string, newCode?: boolean}) => void,
   *   paste: (link: string) => string, address: () => string,
   * }} act `paste` says what is wrong with a link; `address`: of this page, as another browser needs it
   */
  constructor(root, door, preferences, act) {
    this.#root = root;
    this.#door = door;
    this.#act = act;
    this.#question = new Question(root, door, preferences, act);
    this.#move = new MoveCard(root, act);
  }

  get name() {
    return this.#question.name;
  }

  /** @param {Parameters<Question["ask"]>[0]} [options] */
  question(options) {
    this.#still();
    this.#question.ask(options);
  }

  /** Another card is drawn here now. @param {{rest: () => void}} other `rest`: something else is shown */
  cede(other) {
    this.#still();
    this.#other = other;
  }

  /** The ways to move a link here, once more. @param {string} problem */
  moveWays(problem) {
    this.#still();
    this.#move.again(problem);
  }

  /**
   * The mailed code that moves a link here.
   * @param {import("../signaling/protocol.js").EmailCode | null} code
   * @param {{problem?: string, busy?: boolean}} [how]
   */
  moveCode(code, how) {
    this.#still();
    this.#move.code(code, how);
  }

  /**
   * @param {Refusal} refusal
   * @returns {import("./refusals.js").Described}
   */
  refused(refusal) {
    this.#still();
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
      case "copy":
        return copyButton(() => this.#act.address(), gettext("Copy link for another browser"), look);
      case "reload":
        return h("button", { class: look, type: "button", onclick: () => location.reload() }, gettext("Load again"));
      case "move": {
        const link = refusal.link;
        return link ? h("button", { class: look, type: "button", onclick: () => (this.#still(), this.#move.ways(link)) }, gettext("Move here")) : null;
      }
      case "tell":
        return h("button", { class: look, type: "button", onclick: () => this.#act.tell() }, gettext("Tell the hosts I’m here"));
      case "ask_link":
        return h("a", { class: look, href: urls.ask_link }, gettext("Send me a new link"));
      case "new_link":
        return this.#newLink(look);
      case "paste_link":
        return this.#pasteLink();
      case "knock":
        return this.#whenItIsTime(look, refusal, { ready: gettext("Knock again"), before: (time) => gettext("Knock again in {time}", { time }), then: () => this.#act.again() });
      case "retry": // the page was made without looking anything up, so another one has to be
        return this.#whenItIsTime(look, refusal, { ready: gettext("Try again"), before: (time) => gettext("Try again in {time}", { time }), then: () => location.reload() });
      default:
        return h("button", { class: look, type: "button", onclick: () => this.#act.again() }, refusal.reason === "left" ? gettext("Join again") : refusal.reason === "moved" ? gettext("Move here") : gettext("Try again"));
    }
  }

  /**
   * A button that does nothing before a moment comes, and says how long that is.
   * @param {string} look
   * @param {Refusal} refusal
   * @param {{ready: string, before: (time: string) => string, then: () => void}} how
   */
  #whenItIsTime(look, { until }, { ready, before, then }) {
    const button = h("button", { class: look, type: "button" });
    const left = () => (until ? (Date.parse(until) - Date.now()) / 1000 : 0);
    button.onclick = () => {
      if (left() <= 0) then();
    };
    this.#tick(() => {
      const seconds = left();
      if (seconds > 0) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
      setText(button, seconds > 0 ? before(countdown(seconds)) : ready);
      if (seconds <= 0) this.#still();
    });
    return button;
  }

  /** Where the complete link of a sealed meeting goes. What is typed here stays in this browser. */
  #pasteLink() {
    const problem = h("p", { class: "error", role: "alert", id: "pasted-problem" });
    const input = h("input", { class: "input", id: "pasted-link", type: "url", autocomplete: "off", spellcheck: false, required: true, "aria-describedby": "pasted-problem" });
    return h(
      "form",
      {
        class: "stack", novalidate: true,
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          const wrong = this.#act.paste(input.value);
          put(problem, ...(wrong ? [icon("circle-alert"), h("span", {}, wrong)] : []));
          setAttr(input, "aria-invalid", wrong ? "true" : null);
          if (wrong) input.focus();
        },
      },
      h("div", { class: "field" }, h("label", { for: "pasted-link" }, gettext("Complete link")), problem, input),
      h("button", { class: "btn btn-primary", type: "submit" }, gettext("Use this link")),
    );
  }

  /** @param {string} look */
  #newLink(look) {
    const said = h("p", { role: "status" });
    const button = h("button", { class: look, type: "button" }, gettext("Send me a new link"));
    button.onclick = async () => {
      if (button.getAttribute("aria-disabled") === "true") return;
      button.setAttribute("aria-disabled", "true");
      setText(said, await this.#act.sendNewLink());
    };
    return h("div", { class: "stack gap-2" }, button, said);
  }

  /** @param {() => void} draw */
  #tick(draw) {
    this.#still();
    this.#ticking = setInterval(draw, 1000);
    draw();
  }

  #still() {
    clearInterval(this.#ticking);
    this.#other?.rest();
    this.#other = null;
    this.#question.rest();
    this.#move.rest();
  }
}
