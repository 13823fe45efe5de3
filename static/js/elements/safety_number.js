// Two people compare their keys: sixty digits that both see, whatever room they are in.
import { fromBase64url } from "../e2ee/bytes.js";
import { safetyNumber } from "../e2ee/code.js";
import { h } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { showDialog } from "./show_dialog.js";

/** @typedef {import("../e2ee/tree.js").Member} Member */

/** @param {Member} member a guest has no account: their place in this meeting stands for it */
const sideOf = ({ who, key }) => ({ account: who.account ?? who.participant, key: fromBase64url(key) ?? new Uint8Array(0) });

/**
 * @param {Member} self
 * @param {Member} other
 * @returns {Promise<boolean>} whether both saw the same
 */
export async function askSafetyNumber(self, other) {
  const { name } = other.who;
  const digits = await safetyNumber(sideOf(self), sideOf(other));
  const groups = digits.match(/\d{5}/g) ?? [];
  const close = (/** @type {string} */ value) => () => dialog.close(value);
  const same = h("button", { class: "btn btn-primary", type: "button", onclick: close("same") }, gettext("Same for both"));
  const dialog = h(
    "dialog",
    { class: "ask", "aria-labelledby": "safety-title", "aria-describedby": "safety-body" },
    h("h2", { id: "safety-title" }, gettext("Compare with {name}", { name })),
    h("p", { id: "safety-body", class: "lead" }, gettext("{name} opens Encryption, then Compare beside your name. If both see these digits, nobody is between the two of you: read them to each other, best by phone or side by side.", { name })),
    h("div", { class: "roomcode mt-4" }, h("ol", { class: "long", "aria-label": gettext("Safety number, twelve groups of five digits") }, ...groups.map((group) => h("li", {}, group)))),
    h("div", { class: "row row-wrap" }, h("button", { class: "btn", type: "button", onclick: close("") }, gettext("Cancel")), same),
  );
  return (await showDialog(dialog, same)) === "same";
}
