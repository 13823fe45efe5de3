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

// What stands behind a # is for browsers, and the key of a sealed link among it. It stays out of the form, and goes along behind
// the form's own address: a browser carries it over to where the answer leads.
const joining = /** @type {HTMLFormElement | null} */ ($("form.joinbox"));
const typed = /** @type {HTMLInputElement | null} */ (joining && $("input[name=code]", joining));
if (location.hash.includes("sealed=")) history.replaceState(history.state, "", location.pathname + location.search);
typed?.removeAttribute("pattern");
joining?.addEventListener("submit", () => {
  const [code, fragment] = /** @type {HTMLInputElement} */ (typed).value.split(/#(.*)/s);
  if (fragment === undefined) return;
  /** @type {HTMLInputElement} */ (typed).value = code.trim();
  joining.action = `${joining.action.split("#")[0]}#${fragment.trim()}`;
});
