// The panel beside the stage: one at a time, labelled by its heading, closed by button, Escape or a swipe down.
import { h, icon, put } from "../lib/h.js";

/**
 * @typedef {{
 *   title: string, closeLabel: string, body: HTMLElement, foot?: HTMLElement,
 *   opened?: () => void, closed?: () => void,
 * }} Panel
 */

const SWIPE_PX = 80;

export class Panels {
  /** @type {string | null} */
  current = null;
  #root;
  /** @type {Map<string, Panel>} */
  #panels = new Map();
  /** @type {Map<string, HTMLElement[]>} */
  #buttons = new Map();
  /** @type {HTMLElement | null} */
  #openedBy = null;
  #onChange;

  /**
   * @param {HTMLElement} root
   * @param {() => void} onChange
   */
  constructor(root, onChange) {
    this.#root = root;
    this.#onChange = onChange;
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      this.close();
    });
    document.addEventListener("focusin", ({ target }) => this.#giveWay(/** @type {Element} */ (target)));
    let startedAt = 0;
    root.addEventListener("touchstart", (event) => (startedAt = event.touches[0].clientY), { passive: true });
    root.addEventListener(
      "touchend",
      (event) => {
        const header = /** @type {Element} */ (event.target).closest(".panel > header");
        if (header && event.changedTouches[0].clientY - startedAt > SWIPE_PX) this.close();
      },
      { passive: true },
    );
  }

  /**
   * @param {string} name
   * @param {Panel} panel
   * @param {...HTMLElement} buttons that open and close it
   */
  add(name, panel, ...buttons) {
    this.#panels.set(name, panel);
    this.#buttons.set(name, buttons);
    for (const button of buttons) button.onclick = () => this.toggle(name, button);
  }

  /**
   * @param {string} name
   * @param {HTMLElement | null} [by]
   */
  toggle(name, by = null) {
    if (this.current === name) this.close();
    else this.open(name, by);
  }

  /**
   * Opened by the person: the heading takes the focus.
   * @param {string} name
   * @param {HTMLElement | null} [by]
   */
  open(name, by = null) {
    const panel = this.#panels.get(name);
    if (!panel) return;
    if (this.current && this.current !== name) this.#panels.get(this.current)?.closed?.();
    // On a phone some panels have no button of their own: a menu opens them, and the focus is where that was opened.
    const button = by ?? this.#buttons.get(name)?.find((one) => one.offsetParent !== null);
    if (button) this.#openedBy = button;
    else if (!this.#root.contains(document.activeElement)) this.#openedBy = /** @type {HTMLElement} */ (document.activeElement);
    this.current = name;
    const heading = h("h2", { id: "panel-title", tabindex: -1 }, panel.title);
    put(
      this.#root,
      h("header", {}, heading, h("button", { class: "btn btn-icon", type: "button", "aria-label": panel.closeLabel, onclick: () => this.close() }, icon("x"))),
      panel.body,
      panel.foot ?? null,
    );
    this.#root.dataset.panel = name;
    this.#root.hidden = false;
    this.#mark();
    panel.opened?.();
    heading.focus({ preventScroll: true });
    this.#onChange();
  }

  /** In a narrow window the panel lies over the control bar: what has the focus must be seen. @param {Element} focused */
  #giveWay(focused) {
    if (!this.current || this.#root.contains(focused)) return;
    const { x, y, width, height } = focused.getBoundingClientRect();
    if (this.#root.contains(document.elementFromPoint(x + width / 2, y + height / 2))) this.close();
  }

  close() {
    if (!this.current) return;
    const had = this.#root.contains(document.activeElement);
    this.#panels.get(this.current)?.closed?.();
    this.current = null;
    this.#root.hidden = true;
    put(this.#root);
    this.#mark();
    if (had) this.#openedBy?.focus();
    this.#onChange();
  }

  #mark() {
    for (const [name, buttons] of this.#buttons) for (const button of buttons) button.setAttribute("aria-expanded", String(name === this.current));
  }
}
