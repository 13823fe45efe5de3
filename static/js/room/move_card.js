// A personal link that another device holds: who can say yes to moving it here. Holding the link is not enough.
import { h, icon, put } from "../lib/h.js";
import { clockTime, gettext } from "../lib/i18n.js";
import { CodeField } from "./code_field.js";

/**
 * @typedef {import("../signaling/protocol.js").LinkInUse} LinkInUse
 * @typedef {import("../signaling/protocol.js").EmailCode} EmailCode
 */

export class MoveCard {
  #root;
  #act;
  /** @type {CodeField | null} */
  #code = null;
  /** @type {LinkInUse | null} */
  #link = null;

  /**
   * @param {HTMLElement} root
   * @param {{
   *   move: (how: {move: "ask" | "code", emailCode?: string, newCode?: boolean}) => void, again: () => void, leave: () => void,
   * }} act
   */
  constructor(root, act) {
    this.#root = root;
    this.#act = act;
  }

  /** The ways there are, once more. @param {string} problem */
  again(problem) {
    if (this.#link) this.ways(this.#link, problem);
  }

  /** The ways there are. @param {LinkInUse} link @param {string} [problem] */
  ways(link, problem = "") {
    this.rest();
    this.#link = link;
    const others = link.asks === "anothers";
    const wait = link.until ? clockTime(link.until) : null;
    const asked = link.here
      ? gettext("Whoever uses it there is asked on that page, and so are the hosts. You wait at the door until one of them says yes.")
      : gettext("It isn’t open on the other device now, so a host decides. You wait at the door.");
    const ask = h(
      "button",
      { class: "btn btn-primary btn-block", type: "button", "aria-disabled": others ? "true" : null, onclick: () => !others && this.#act.move({ move: "ask" }) },
      link.here ? gettext("Ask on the other device") : gettext("Ask the hosts"),
    );
    this.#show(
      gettext("Move your link here"),
      [
        h("p", {}, gettext("Nobody gets in by holding a link. Choose how to show that it’s yours.")),
        problem && h("p", { class: "error", role: "alert" }, icon("circle-alert"), h("span", {}, problem)),
        h("div", { class: "stack gap-2" }, ask, h("p", { class: "hint num" }, others ? gettext("Another device is asking already. Try again at {time}, or use the email.", { time: wait ?? "" }) : asked)),
        h(
          "div",
          { class: "stack gap-2" },
          h("button", { class: "btn btn-block", type: "button", onclick: () => this.#act.move({ move: "code" }) }, gettext("Send a code to {address}", { address: link.sent_to })),
          h("p", { class: "hint" }, gettext("Type it here, and the link is yours at once.")),
        ),
      ],
      gettext("Leave"),
      () => this.#act.leave(),
    );
  }

  /**
   * The mailed code, for a move.
   * @param {EmailCode | null} code
   * @param {{problem?: string, busy?: boolean}} [how]
   */
  code(code, { problem = "", busy = false } = {}) {
    this.rest();
    const field = (this.#code = new CodeField(code, { invalid: problem !== "", sendAgain: () => this.#act.move({ move: "code", newCode: true }) }));
    const form = h(
      "form",
      {
        class: "stack",
        novalidate: true,
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          if (busy) return;
          if (field.value) this.#act.move({ move: "code", emailCode: field.value });
          else this.code(code, { problem: gettext("Enter the code from the email.") });
        },
      },
      problem && h("p", { class: "error", role: "alert" }, icon("circle-alert"), h("span", {}, problem)),
      field.node,
      h("button", { class: "btn btn-primary btn-block", type: "submit", "aria-disabled": busy ? "true" : null }, gettext("Move here")),
    );
    this.#show(gettext("Move your link here"), [form], gettext("Back"), () => this.#act.again());
    field.focus();
  }

  /** Something else is shown. */
  rest() {
    this.#code?.rest();
    this.#code = null;
  }

  /**
   * @param {string} title
   * @param {(Node | string | false)[]} body
   * @param {string} back
   * @param {() => void} goBack
   */
  #show(title, body, back, goBack) {
    const heading = h("h1", { tabindex: -1 }, title);
    put(
      this.#root,
      h("article", { class: "card state" }, h("span", { class: "glyph" }, icon("laptop")), heading, ...body, h("div", { class: "row" }, h("button", { class: "btn btn-quiet", type: "button", onclick: goBack }, back))),
    );
    heading.focus({ preventScroll: true });
  }
}
