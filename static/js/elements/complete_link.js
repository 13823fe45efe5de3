// The complete link of a sealed meeting, inside the room: to copy, as a QR code, and for hosts a new key.
import { h, icon, put } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { copyButton } from "./copy_button.js";
import { showDialog } from "./show_dialog.js";

/** @param {string} href */
export async function showLinkAsQr(href) {
  const { qrCode } = await import("../lib/qr.js"); // few ever look at one
  const title = gettext("Complete link as a QR code");
  const dialog = h(
    "dialog",
    { class: "ask", "aria-labelledby": "qr-title" },
    h("h2", { id: "qr-title" }, title),
    qrCode(href, title),
    h("div", { class: "row" }, h("button", { class: "btn btn-primary", type: "button", onclick: () => dialog.close() }, gettext("Close"))),
  );
  void showDialog(dialog);
}

/**
 * Part of the Encryption panel.
 * @param {{link: import("../room/complete_link.js").CompleteLink, renew: (() => Promise<void>) | null}} parts `renew`: for hosts
 */
export function completeLink({ link, renew }) {
  const said = h("p", { class: "meta", role: "status" });
  const again = renew && h("button", { class: "btn", type: "button", "data-does": "renew-link" }, icon("key-round"), gettext("New key for the link"));
  if (again) {
    again.onclick = async () => {
      again.setAttribute("aria-disabled", "true");
      try {
        await renew();
      } catch {
        put(said, gettext("The link keeps its key: it couldn’t be changed. Try again."));
      }
      again.removeAttribute("aria-disabled");
    };
  }
  return h(
    "div",
    { class: "stack gap-3 mt-4" },
    h("h3", { class: "sub-h" }, gettext("Complete link")),
    h("p", { class: "meta" }, gettext("Whoever should come in needs it, and meets the door as well. Pass it on by a way that you trust.")),
    h(
      "div",
      { class: "row row-wrap" },
      copyButton(() => link.href, gettext("Copy complete link")),
      h("button", { class: "btn", type: "button", "data-does": "qr", onclick: () => void showLinkAsQr(link.href) }, icon("qr-code"), gettext("QR code")),
      again || null,
    ),
    said,
  );
}
