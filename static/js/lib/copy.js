// Copies text, says so, and shows it to copy by hand where the browser doesn't allow it.
import { $ } from "./dom.js";

const SAID_MS = 2400;

/**
 * @param {string} text
 * @param {string} said what was copied, for the eye and for screen readers
 */
export async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not allowed, or the page is not in front.
    byHand(text);
    return;
  }
  tell(said);
}

/** @param {string} said */
export function tell(said) {
  const toast = $("#copied");
  if (!toast) return;
  toast.textContent = said;
  setTimeout(() => {
    if (toast.textContent === said) toast.textContent = "";
  }, SAID_MS);
}

/** @param {string} text */
function byHand(text) {
  const dialog = /** @type {HTMLDialogElement | null} */ ($("#copy-by-hand"));
  const field = /** @type {HTMLInputElement | null} */ ($("#copy-by-hand input"));
  if (!dialog || !field) return;
  field.value = text;
  dialog.addEventListener("close", () => (field.value = ""), { once: true });
  dialog.showModal();
  field.select();
}
