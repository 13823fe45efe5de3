// The meeting page: personal links are minted and copied in place, questions open as dialogs.
import { $, el } from "../lib/dom.js";
import { copy, tell } from "../lib/copy.js";
import { complete, isIncomplete } from "./complete_link.js";

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
    await copy(complete(url), (isIncomplete() ? form.dataset.saidIncomplete : null) ?? form.dataset.said ?? "");
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

/**
 * The question of another page, asked here: it is read at this moment, so what it says about who breaks is true.
 * @param {string} url
 */
async function askHere(url) {
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html" }, redirect: "error" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const question = $("main section.card", page);
    if (!answer.ok || !question || !$("form", question)) throw new Error(String(answer.status));
    const heading = el("h2", { id: "asked" }, $("h1", question)?.textContent ?? "");
    const about = el("p", { class: "lead mt-2" }, $(".lead", question)?.textContent ?? "");
    const form = /** @type {HTMLFormElement} */ (document.importNode(/** @type {Node} */ ($("form", question)), true));
    form.action = url;
    const dialog = /** @type {HTMLDialogElement} */ (el("dialog", { class: "ask", "aria-labelledby": "asked" }, heading, about, form));
    const keep = /** @type {HTMLAnchorElement} */ ($("a.btn", form));
    const stay = el("button", { class: "btn", type: "button" }, keep.textContent ?? "");
    stay.addEventListener("click", () => dialog.close());
    keep.remove();
    form.prepend(stay);
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    stay.focus();
  } catch {
    location.assign(url); // signed out, or offline: the page itself says which
  }
}

document.addEventListener("click", (event) => {
  const ask = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-ask-page]"));
  if (!ask) return;
  event.preventDefault();
  const menu = /** @type {HTMLDetailsElement | null} */ (ask.closest("details.menu"));
  if (menu) menu.open = false;
  void askHere(ask instanceof HTMLAnchorElement ? ask.href : /** @type {HTMLButtonElement} */ (ask).form?.action ?? "");
});
