// On every portal page: menus close when one looks elsewhere, an error summary takes the focus.
import { $, $$ } from "../lib/dom.js";

/** @param {Node | null} [except] */
function closeMenus(except = null) {
  for (const menu of /** @type {HTMLDetailsElement[]} */ ($$("details.menu[open]"))) {
    if (!except || !menu.contains(except)) menu.open = false;
  }
}

document.addEventListener("click", (event) => closeMenus(/** @type {Node} */ (event.target)));
document.addEventListener("focusin", (event) => closeMenus(/** @type {Node} */ (event.target)));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = /** @type {HTMLDetailsElement | null} */ ($("details.menu[open]"));
  if (!open) return;
  open.open = false;
  /** @type {HTMLElement | null} */ ($("summary", open))?.focus();
});

/** @type {HTMLElement | null} */ ($(".summary[tabindex]"))?.focus();
