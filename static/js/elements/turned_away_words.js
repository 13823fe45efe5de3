// Tries that were turned away, in words for hosts. Pure.
import { gettext, ngettext } from "../lib/i18n.js";

/** @typedef {import("../signaling/protocol.js").Tried} Tried */

/** "3 tries with the meeting’s link were turned away, from 2 networks." @param {Tried} tried */
export function triedWords({ link, name, count, networks }) {
  /** @type {Record<string, string>} */
  const links = { meeting: gettext("the meeting’s link"), former: gettext("a replaced link of the meeting"), personal: gettext("the personal link of {name}", { name: name ?? "" }) };
  const which = links[link ?? ""];
  const tries = which
    ? ngettext("{count} try with {link} was turned away", "{count} tries with {link} were turned away", count, { link: which })
    : ngettext("{count} try was turned away", "{count} tries were turned away", count);
  return networks > 1 ? gettext("{tries}, from {count} networks.", { tries, count: networks }) : gettext("{tries}.", { tries });
}

/** The same where a link is being tried from many networks. @param {Tried} tried */
export function warningWords({ link, name }) {
  return link === "personal" && name
    ? gettext("The personal link of {name} is being tried from many networks.", { name })
    : gettext("The meeting’s link is being tried from many networks.");
}
