// A button that copies a link, says so, and is then again what it was. Where the browser doesn't let a page copy, the link is
// shown, to be copied by hand.
import { h, icon, setText } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { showDialog } from "./show_dialog.js";

const SAID_MS = 2400;

/**
 * @param {() => string} href of this moment
 * @param {string} label
 * @param {string} [look]
 */
export function copyButton(href, label, look = "btn") {
  const word = h("span", {}, label);
  /** @type {any} */
  let back = null;
  const press = async () => {
    if (!(await copyLink(href(), button))) return;
    setText(word, gettext("Copied"));
    clearTimeout(back);
    back = setTimeout(() => setText(word, label), SAID_MS);
  };
  const button = h("button", { class: look, type: "button", "data-does": "copy-link", onclick: () => void press() }, icon("copy"), word);
  return button;
}

/**
 * What was done bubbles up as an event `said`, to whoever speaks for the page.
 * @param {string} href
 * @param {EventTarget} where it was asked for
 * @returns {Promise<boolean>} whether it is in the clipboard
 */
export async function copyLink(href, where = document) {
  try {
    await navigator.clipboard.writeText(href);
  } catch {
    showToCopy(href);
    return false;
  }
  where.dispatchEvent(new CustomEvent("said", { bubbles: true, detail: gettext("Link copied") }));
  return true;
}

/** @param {string} href */
function showToCopy(href) {
  const field = h("input", { class: "input", readonly: true, value: href, "aria-labelledby": "copy-title" });
  const dialog = h(
    "dialog",
    { class: "ask", "aria-labelledby": "copy-title" },
    h("h2", { id: "copy-title" }, gettext("Copy the link")),
    h("p", { class: "lead" }, gettext("Your browser doesn’t let this page copy. Copy it from here.")),
    field,
    h("div", { class: "row" }, h("button", { class: "btn btn-primary", type: "button", onclick: () => dialog.close() }, gettext("Close"))),
  );
  void showDialog(dialog);
  field.select();
}
