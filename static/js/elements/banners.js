// Notes over the stage. Each has a name: showing one again replaces it. Some go by themselves, some stay until taken away.
import { h, icon as draw } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";

/**
 * @typedef {{label: string, run: () => void, danger?: boolean}} Action
 * @typedef {{icon?: string, spin?: boolean, title: string, text?: string, actions?: Action[], media?: HTMLElement, forMs?: number, closable?: boolean}} Banner
 */

export class Banners {
  #root;
  /** @type {Map<string, {node: HTMLElement, timer: any}>} */
  #shown = new Map();

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /**
   * @param {string} name
   * @param {Banner} banner
   */
  show(name, { icon, spin, title, text, actions = [], media, forMs, closable }) {
    this.hide(name);
    const node = h(
      "div",
      { class: "recon", "data-banner": name },
      spin ? h("span", { class: "spin" }) : icon ? draw(icon) : null,
      media ?? null,
      h("span", {}, h("b", {}, title), text ? ` ${text}` : null),
      ...actions.map(({ label, run, danger }) => h("button", { class: `btn btn-sm${danger ? " btn-danger" : ""}`, type: "button", onclick: run }, label)),
      closable && h("button", { class: "btn btn-sm btn-icon", type: "button", "aria-label": gettext("Hide"), onclick: () => this.hide(name) }, draw("x")),
    );
    this.#root.append(node);
    this.#shown.set(name, { node, timer: forMs ? setTimeout(() => this.hide(name), forMs) : null });
  }

  /** @param {string} name */
  hide(name) {
    const shown = this.#shown.get(name);
    if (!shown) return;
    clearTimeout(shown.timer);
    shown.node.remove();
    this.#shown.delete(name);
  }

  clear() {
    for (const name of [...this.#shown.keys()]) this.hide(name);
  }
}
