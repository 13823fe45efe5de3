// The question to whoever uses a personal link: another device asks for it. Stays until it is answered or withdrawn.
import { h, icon, put } from "../lib/h.js";
import { clockTime, gettext } from "../lib/i18n.js";

/** @typedef {{type: "link.asked", wish: string | null, network: string | null, at: string | null, until: string | null}} LinkAskedMessage */

export class LinkAsked {
  #root;
  #answer;
  #alert;
  /** @type {string | null} */
  #wish = null;

  /**
   * @param {HTMLElement} root
   * @param {(wish: string, allow: boolean) => Promise<unknown>} answer
   * @param {(text: string) => void} alert
   */
  constructor(root, answer, alert) {
    this.#root = root;
    this.#answer = answer;
    this.#alert = alert;
  }

  /** @param {LinkAskedMessage} message */
  take({ wish, network, at }) {
    if (wish === this.#wish) return;
    this.#wish = wish;
    if (wish === null) {
      this.clear();
      return;
    }
    const title = gettext("Another device asks for your link");
    const facts = gettext("It asked at {time} from the network {network}. Is that you?", { time: clockTime(at ?? Date.now()), network: network ?? gettext("unknown") });
    put(
      this.#root,
      h(
        "section",
        { class: "card asked", "aria-labelledby": "asked-h" },
        icon("laptop"),
        h("div", { class: "stack gap-2" }, h("h2", { id: "asked-h" }, title), h("p", { class: "num" }, facts), h("p", { class: "hint" }, gettext("If you say yes, you come in there, and this page is out."))),
        h(
          "div",
          { class: "row row-wrap" },
          h("button", { class: "btn", type: "button", onclick: () => void this.#say(wish, false) }, gettext("No, that isn’t me")),
          h("button", { class: "btn", type: "button", onclick: () => void this.#say(wish, true) }, gettext("Yes, move there")),
        ),
      ),
    );
    this.#root.hidden = false;
    this.#alert(`${title}. ${facts}`);
  }

  /** Nobody asks any more, or this page is out. */
  clear() {
    this.#wish = null;
    this.#root.hidden = true;
    put(this.#root);
  }

  /**
   * @param {string} wish
   * @param {boolean} allow
   */
  async #say(wish, allow) {
    for (const button of this.#root.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
    // Whatever the answer led to, the server says what is asked now; a wish that is over is no question any more.
    await this.#answer(wish, allow).catch(() => undefined);
    if (this.#wish === wish) this.clear();
  }
}
