// On every portal page: menus close when one looks elsewhere, an error summary takes the focus, links get copied, and
// what is typed as a password can be seen.
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
  const said = /** @type {HTMLElement | null} */ ($("#copied"));
  copy(link.dataset.copy ?? "", said?.dataset.done ?? "");
});

/** @param {HTMLElement} button @param {boolean} shown whether its password is readable */
function reveal(button, shown) {
  /** @type {HTMLInputElement | null} */ ($(`#${button.dataset.reveal}`))?.setAttribute("type", shown ? "text" : "password");
  button.setAttribute("aria-pressed", String(shown));
}

document.addEventListener("click", (event) => {
  const button = within(event, "[data-reveal]");
  if (button) reveal(button, button.getAttribute("aria-pressed") === "false");
});
// Browsers remember what was sent from a field of text, and offer it to whoever types there next.
document.addEventListener("submit", (event) => {
  for (const button of /** @type {HTMLElement[]} */ ($$("[data-reveal]", /** @type {HTMLFormElement} */ (event.target)))) reveal(button, false);
});
document.addEventListener("focusin", (event) => {
  closeMenus(/** @type {Node} */ (event.target));
  // On a narrow screen the rail lies over the page: whoever tabs out of it must see where they are.
  if (!within(event, "#rail, [popovertarget=rail]")) /** @type {HTMLElement | null} */ ($("#rail:popover-open"))?.hidePopover();
});
document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const menu = within(event, "details.menu[open]");
  if (!step || !menu || within(event, "input, select, textarea")) return;
  const stops = /** @type {HTMLElement[]} */ ($$("summary, a, button, input, select, textarea", menu)).filter((stop) => stop.checkVisibility());
  stops.at((stops.indexOf(/** @type {HTMLElement} */ (event.target)) + step) % stops.length)?.focus();
  event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = /** @type {HTMLDetailsElement | null} */ ($("details.menu[open]"));
  if (!open) return;
  event.preventDefault(); // or what it lies on would close, too
  open.open = false;
  /** @type {HTMLElement | null} */ ($("summary", open))?.focus();
});

/** Tells the server where the clocks of this browser are, for accounts that chose no time zone. */
function noteZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || document.cookie.includes(`lintel_zone=${zone}`)) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `lintel_zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

noteZone();
for (const node of /** @type {HTMLElement[]} */ ($$("[data-needs-script]"))) node.hidden = false;
for (const link of $$("a[data-copy]")) link.setAttribute("role", "button");
/** @type {HTMLElement | null} */ ($(".summary[tabindex]"))?.focus();
