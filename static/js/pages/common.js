// On every portal page: menus close when one looks elsewhere, an error summary takes the focus, links get copied.
import { $, $$ } from "../lib/dom.js";
import { copy } from "../lib/copy.js";

/** @param {Node | null} [except] */
function closeMenus(except = null) {
  for (const menu of /** @type {HTMLDetailsElement[]} */ ($$("details.menu[open]"))) {
    if (!except || !menu.contains(except)) menu.open = false;
  }
}

/** @param {Event} event @param {string} selector @returns {HTMLElement | null} */
const within = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);

document.addEventListener("click", (event) => {
  closeMenus(/** @type {Node} */ (event.target));
  const link = within(event, "[data-copy]");
  if (!link) return;
  event.preventDefault();
  copy(link.dataset.copy ?? "", $("#copied")?.dataset.done ?? "");
});
document.addEventListener("focusin", (event) => closeMenus(/** @type {Node} */ (event.target)));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = /** @type {HTMLDetailsElement | null} */ ($("details.menu[open]"));
  if (!open) return;
  open.open = false;
  /** @type {HTMLElement | null} */ ($("summary", open))?.focus();
});

for (const node of /** @type {HTMLElement[]} */ ($$("[data-needs-script]"))) node.hidden = false;
for (const link of $$("a[data-copy]")) link.setAttribute("role", "button");
/** @type {HTMLElement | null} */ ($(".summary[tabindex]"))?.focus();
