// The dashboard: relative time that stays true while the page is open.
import { $$ } from "../lib/dom.js";
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
