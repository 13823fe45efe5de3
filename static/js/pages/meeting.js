// The meeting page: personal links are minted and copied in place, questions open as dialogs.
import { $, $$ } from "../lib/dom.js";
import { copy, tell } from "../lib/copy.js";

/** @param {HTMLFormElement} form */
async function mint(form) {
  const button = /** @type {HTMLButtonElement} */ ($("button", form));
  button.setAttribute("aria-disabled", "true");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json" },
      redirect: "error",
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const { url } = await answer.json();
    await copy(url, form.dataset.said ?? "");
  } catch {
    // Signed out, revoked meanwhile, or offline: the plain form says which.
    form.submit();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!("mint" in form.dataset)) return;
  event.preventDefault();
  if ($("button[aria-disabled=true]", form)) return;
  tell("");
  mint(form);
});

document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const ask = /** @type {HTMLElement | null} */ (target.closest("[data-ask]"));
  if (ask) {
    const dialog = /** @type {HTMLDialogElement | null} */ ($(`#${CSS.escape(ask.dataset.ask ?? "")}`));
    if (!dialog) return;
    event.preventDefault();
    dialog.showModal();
    return;
  }
  if (target.closest("[data-close]")) /** @type {HTMLDialogElement} */ (target.closest("dialog")).close();
});

for (const dialog of $$("dialog.ask")) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) /** @type {HTMLDialogElement} */ (dialog).close();
  });
}
