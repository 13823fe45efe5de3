// The mailed code: where it went, until when it works, what was wrong with it, and when another may be sent.
import { h, setText } from "../lib/h.js";
import { clockTime, countdown, gettext, ngettext } from "../lib/i18n.js";

/** @typedef {import("../signaling/protocol.js").EmailCode} EmailCode */

export class CodeField {
  #input;
  #again;
  #wait;
  /** @type {any} */
  #ticking = null;

  /**
   * @param {EmailCode | null} code null: the server has not said where it stands
   * @param {{invalid: boolean, sendAgain: () => void, change?: (() => void) | null}} how change: another address may be given
   */
  constructor(code, { invalid, sendAgain, change = null }) {
    this.#wait = code?.again_at ? Date.parse(code.again_at) : 0;
    this.#input = h("input", {
      class: "input code digits", id: "email-code", inputmode: "numeric", autocomplete: "one-time-code", maxlength: 20, required: true, spellcheck: false,
      "aria-describedby": "code-hint", "aria-invalid": invalid ? "true" : null,
    });
    this.#again = h("button", { class: "btn btn-sm btn-quiet", type: "button", onclick: () => this.#again.getAttribute("aria-disabled") !== "true" && sendAgain() });
    this.node = h(
      "div",
      { class: "field" },
      h("label", { for: "email-code" }, gettext("Code from the email")),
      h("p", { class: "hint num", id: "code-hint" }, sentWords(code, change !== null)),
      h("div", { class: "row row-wrap" }, this.#input, this.#again),
      change && h("p", {}, h("button", { class: "btn btn-sm btn-quiet", type: "button", onclick: change }, gettext("Use another address"))),
    );
    this.#ticking = setInterval(() => this.#tick(), 1000);
    this.#tick();
  }

  /** The digits, however they were pasted or typed. */
  get value() {
    return this.#input.value.replace(/[\s\u2010-\u2013-]/g, "");
  }

  focus() {
    this.#input.focus();
  }

  /** Something else is shown. */
  rest() {
    clearInterval(this.#ticking);
  }

  #tick() {
    if (!this.node.isConnected && this.#again.textContent) this.rest();
    const seconds = (this.#wait - Date.now()) / 1000;
    if (seconds > 0) this.#again.setAttribute("aria-disabled", "true");
    else this.#again.removeAttribute("aria-disabled");
    setText(this.#again, seconds > 0 ? gettext("Send a new code in {time}", { time: countdown(seconds) }) : gettext("Send a new code"));
  }
}

/**
 * @param {EmailCode | null} code
 * @param {boolean} given the address was given here, so that it may be a wrong one
 */
function sentWords(code, given) {
  if (!code) return gettext("We sent it to the invited address. It shows that the invitation is yours.");
  const { sent_to: address, state, sent_at: sentAt, expires_at: expiresAt } = code;
  if (state === "failed") return gettext("The email to {address} couldn’t be sent. Try again, or ask the person who invited you.", { address });
  if (state === "none" || !sentAt || !expiresAt) return gettext("Too many codes were sent to {address}. Use the last one, or wait.", { address });
  if (given) return gettext("If {address} can be used here, six digits are on their way. They work until {until}, on this device.", { address, until: clockTime(expiresAt) });
  return gettext("We sent six digits to {address} at {time}. They work until {until}, on this device.", { address, time: clockTime(sentAt), until: clockTime(expiresAt) });
}

/**
 * What was wrong with what was typed.
 * @param {string} verdict
 * @param {EmailCode | null} code
 */
export function verdictWords(verdict, code) {
  const left = code?.tries_left ?? 0;
  switch (verdict) {
    case "wrong":
      return ngettext("That code doesn’t match. {count} try left.", "That code doesn’t match. {count} tries left.", left);
    case "expired":
      return gettext("This code is too old: it worked for ten minutes. Send a new one.");
    case "used":
      return gettext("This code was used already. Send a new one.");
    case "spent":
      return gettext("Five tries didn’t match, so this code is over. Send a new one.");
    case "none":
      return gettext("No code was sent to this device yet. Send one.");
    default:
      return gettext("That code doesn’t match, or it is too old.");
  }
}
