// The complete link of a sealed meeting, on its page for hosts: its key is made here, kept in this browser and shown to be passed
// on. The server hears the key's check and nothing else of it.
import { $, $$, el } from "../lib/dom.js";
import { qrCode } from "../lib/qr.js";
import { keepLinkKey, keptLinkKey } from "../e2ee/kept_links.js";
import { checkOf, compareLinkKey, fragmentOf, makeLinkKey, takeLinkKey } from "../e2ee/link_key.js";

/**
 * @typedef {import("../e2ee/link_key.js").LinkKey} LinkKey
 * @typedef {import("../e2ee/link_key.js").PublicLinkKey} PublicLinkKey
 */

const root = /** @type {HTMLElement | null} */ ($("#complete-link"));
/** @type {LinkKey | null} */
let key = null;

/**
 * A link as it is passed on: with the key behind it, where this meeting has one and this browser knows it.
 * @param {string} url
 */
export const complete = (url) => (key ? `${url}#${fragmentOf(key)}` : url);

/** Whether links of this page need a key that isn't here. */
export const isIncomplete = () => root !== null && key === null;

/** @param {"ready" | "elsewhere" | "failed"} state */
function show(state) {
  for (const node of /** @type {HTMLElement[]} */ ($$("[data-when]", root ?? undefined))) node.hidden = node.dataset.when !== state;
  if (state !== "ready" || !root) return;
  const link = complete(root.dataset.link ?? "");
  const shown = $("[data-shown]", root);
  if (shown) shown.textContent = link.replace(/^https?:\/\//, "");
  /** @type {HTMLElement} */ ($("[data-copy]", root)).dataset.copy = link;
  /** @type {HTMLAnchorElement} */ ($("[data-mail]", root)).href = `mailto:?subject=${encodeURIComponent(root.dataset.title ?? "")}&body=${encodeURIComponent(link)}`;
}

/**
 * @param {PublicLinkKey | null} known
 * @returns {Promise<"made" | "conflict" | "failed">}
 */
async function make(known) {
  if (!root) return "failed";
  const made = makeLinkKey((known?.generation ?? 0) + 1);
  // Kept first: a key that the server counts and that nobody has would lock everybody out.
  await keepLinkKey(made);
  const body = new FormData();
  body.set("csrfmiddlewaretoken", root.dataset.csrf ?? "");
  body.set("generation", String(made.generation));
  body.set("check", await checkOf(made));
  try {
    const answer = await fetch(root.dataset.url ?? "", { method: "POST", body, headers: { Accept: "application/json" }, redirect: "error" });
    if (answer.status === 409) return "conflict";
    if (!answer.ok) return "failed";
  } catch {
    return "failed";
  }
  key = made;
  return "made";
}

/** @returns {PublicLinkKey | null} */
function known() {
  const { generation, check } = root?.dataset ?? {};
  return generation && check ? { generation: Number(generation), check } : null;
}

async function begin() {
  const now = known();
  const { key: brought, rest, found } = takeLinkKey(location.hash);
  if (found) history.replaceState(history.state, "", `${location.pathname}${location.search}${rest}`);
  if (!now) {
    const done = await make(null);
    // Another host's browser was first: its check comes with the page.
    if (done === "conflict") location.reload();
    else show(done === "made" ? "ready" : "failed");
    return;
  }
  key = await keptLinkKey(now.check);
  if (!key && brought && (await compareLinkKey(brought, now)) === "fits") await take(brought);
  show(key ? "ready" : "elsewhere");
}

/** @param {LinkKey} given */
async function take(given) {
  key = given;
  await keepLinkKey(given);
}

/**
 * @param {HTMLInputElement} input
 */
async function paste(input) {
  const now = known();
  const at = input.value.indexOf("#");
  const given = takeLinkKey(at < 0 ? "" : input.value.slice(at).trim()).key;
  const wrong = !given ? "none" : !now || (await compareLinkKey(given, now)) !== "fits" ? "other" : null;
  for (const problem of /** @type {HTMLElement[]} */ ($$("[data-wrong]", root ?? undefined))) problem.hidden = problem.dataset.wrong !== wrong;
  if (wrong || !given) {
    input.setAttribute("aria-invalid", "true");
    input.focus();
    return;
  }
  await take(given);
  input.value = "";
  show("ready");
  /** @type {HTMLElement | null} */ ($("[data-copy]", root ?? undefined))?.focus();
}

function showQr() {
  if (!root) return;
  const close = el("button", { class: "btn", type: "button" }, root.dataset.close ?? "");
  const title = el("h2", { id: "qr-title" }, root.dataset.qr ?? "");
  const dialog = /** @type {HTMLDialogElement} */ (el("dialog", { class: "ask", "aria-labelledby": "qr-title" }, title, qrCode(complete(root.dataset.link ?? ""), root.dataset.qr ?? ""), el("div", { class: "row" }, close)));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

if (root) {
  $("form[data-paste]", root)?.addEventListener("submit", (event) => {
    event.preventDefault();
    void paste(/** @type {HTMLInputElement} */ ($("input", /** @type {Element} */ (event.target))));
  });
  $("[data-show-qr]", root)?.addEventListener("click", showQr);
  for (const button of $$("[data-make]", root)) {
    button.addEventListener("click", async () => {
      const done = await make(known());
      if (done === "made") location.reload();
      else show("failed");
    });
  }
  const begun = begin();
  // Whoever goes to the room from here brings the key along, also where the browser keeps nothing.
  const door = /** @type {HTMLFormElement | null} */ ($("form[data-door]"));
  door?.addEventListener("submit", (event) => {
    event.preventDefault();
    void begun.then(() => location.assign(complete(door.action)));
  });
}
