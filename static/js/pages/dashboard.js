// The dashboard: relative time that stays true while the page is open.
import { $, $$ } from "../lib/dom.js";
import { relative } from "../lib/time.js";

const EVERY_MS = 20_000;

function tick() {
  const now = new Date();
  for (const node of /** @type {HTMLElement[]} */ ($$("[data-relative]"))) {
    node.textContent = relative(new Date(node.dataset.relative ?? ""), now);
  }
}

tick();
setInterval(tick, EVERY_MS);

// A link with something behind the # is opened here: that part is for browsers, and the server must not see it.
$("form.joinbox")?.addEventListener("submit", (event) => {
  const typed = /** @type {HTMLInputElement} */ ($("input[name=code]", /** @type {Element} */ (event.target))).value.trim();
  const url = URL.canParse(typed) ? new URL(typed) : null;
  if (!url?.hash || !/^https?:$/.test(url.protocol)) return;
  event.preventDefault();
  location.assign(url);
});
