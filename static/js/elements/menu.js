// A menu under or over its button: arrows move, Escape and looking elsewhere close it, focus goes back to the button.
import { h, icon } from "../lib/h.js";

/**
 * @typedef {{label: string, icon?: string, run: () => void, checked?: boolean, danger?: boolean, disabled?: boolean, note?: string}} Item
 * @typedef {{heading: string}} Heading
 * @typedef {Item | Heading | null} Entry null entries are left out
 */

/** @type {{close: (focus: boolean) => void, button: HTMLElement} | null} */
let openMenu = null;

/** Closes the menu that is open. @param {boolean} [focus] */
export function closeMenu(focus = false) {
  openMenu?.close(focus);
}

export const menuIsOpen = () => openMenu !== null;

/**
 * @param {HTMLElement} button
 * @param {Entry[]} entries
 * @param {{label?: string, row?: boolean}} [options] `row`: side by side, for emoji
 */
export function showMenu(button, entries, { label, row = false } = {}) {
  const again = openMenu?.button === button;
  closeMenu(again);
  if (again) return;
  const list = h("div", {
    class: row ? "pop pop-row" : "pop",
    role: "menu",
    "aria-label": label ?? button.getAttribute("aria-label") ?? button.textContent?.trim() ?? "",
    onkeydown: (/** @type {KeyboardEvent} */ event) => onKey(event),
  });
  for (const entry of entries) {
    if (!entry) continue;
    if ("heading" in entry) list.append(h("p", { class: "pop-h", role: "presentation" }, entry.heading));
    else list.append(draw(entry));
  }
  const items = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[role^=menuitem]")]);

  /** @param {Item} item */
  function draw(item) {
    const radio = item.checked !== undefined;
    return h(
      "button",
      {
        type: "button",
        role: radio ? "menuitemradio" : "menuitem",
        "aria-checked": radio ? String(item.checked) : null,
        "aria-disabled": item.disabled ? "true" : null,
        tabindex: -1,
        class: item.danger ? "bad" : null,
        onclick: () => {
          if (item.disabled) return;
          close(true);
          item.run();
        },
      },
      radio ? icon("check", item.checked ? "" : "ghost") : item.icon ? icon(item.icon) : null,
      h("span", {}, item.label, item.note ? h("span", { class: "meta" }, item.note) : null),
    );
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const all = items();
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step) all[(at + step + all.length) % all.length].focus();
    else if (event.key === "Home") all[0].focus();
    else if (event.key === "End") all[all.length - 1].focus();
    else if (event.key === "Escape") close(true);
    else if (/^[1-9]$/.test(event.key) && row) all[Number(event.key) - 1]?.click();
    else if (event.key === "Tab") {
      close(true);
      return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Event} event */
  function elsewhere(event) {
    const target = /** @type {Node} */ (event.target);
    if (!list.contains(target) && !button.contains(target)) close(false);
  }

  /** @param {boolean} focus */
  function close(focus) {
    if (openMenu?.close !== close) return;
    openMenu = null;
    list.remove();
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", elsewhere, true);
    removeEventListener("resize", onResize);
    if (focus) button.focus();
  }
  const onResize = () => close(false);

  // In a dialog the menu must be inside it, or it would be inert.
  (button.closest("dialog") ?? document.querySelector("main") ?? document.body).append(list);
  place(list, button);
  openMenu = { close, button };
  button.setAttribute("aria-expanded", "true");
  document.addEventListener("pointerdown", elsewhere, true);
  addEventListener("resize", onResize);
  (items().find((item) => item.getAttribute("aria-checked") === "true") ?? items()[0])?.focus();
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement} button
 */
function place(list, button) {
  const anchor = button.getBoundingClientRect();
  const { width, height } = list.getBoundingClientRect();
  const above = anchor.top > innerHeight / 2;
  const top = above ? anchor.top - height - 6 : anchor.bottom + 6;
  const left = Math.min(Math.max(8, anchor.left + anchor.width / 2 - width / 2), innerWidth - width - 8);
  list.style.setProperty("--x", `${Math.round(left)}px`);
  list.style.setProperty("--y", `${Math.round(Math.max(8, Math.min(top, innerHeight - height - 8)))}px`);
}
