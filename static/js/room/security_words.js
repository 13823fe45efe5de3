// The words for how safe the room is: on the chip, at the top of the panel, and beside each person. Never claims more than is true.
import { clockTime, gettext } from "../lib/i18n.js";

/**
 * @typedef {import("./security.js").Status} Status
 * @typedef {import("./security.js").KeyState} KeyState
 * @typedef {{icon: string, tone: "ok" | "plain" | "danger", short: string, text: string}} Words
 */

/** @type {Record<Status, string>} */
const ATTRIBUTE = {
  transport: "transport", pending: "pending", on: "e2ee", compared: "e2ee", check_key: "e2ee", differs: "broken", stuck: "broken", leaking: "broken",
};

/**
 * What scripts and style sheets read: `[data-encryption]`.
 * @param {Status} status
 * @param {boolean} sealed
 */
export const attributeOf = (status, sealed) => (sealed && ATTRIBUTE[status] === "e2ee" ? "sealed" : ATTRIBUTE[status]);

/**
 * @param {Status} status
 * @param {{organisation: string, comparedAt: Date | null, changed: string[], sealed?: boolean}} about `changed`: names of people with a new key
 * @returns {Words}
 */
export function securityWords(status, { organisation, comparedAt, changed, sealed = false }) {
  const org = organisation;
  switch (status) {
    case "transport":
      return { icon: "lock", tone: "plain", short: gettext("Encrypted to the server"), text: gettext("Video and sound are encrypted on the way. {org}’s server can open them.", { org }) };
    case "pending":
      return { icon: "hourglass", tone: "plain", short: gettext("Connecting securely…"), text: gettext("The devices in this room are agreeing on keys. Nothing of you is sent before.") };
    case "on":
      if (sealed) {
        return {
          icon: "shield-check", tone: "ok", short: gettext("Sealed, end-to-end encrypted"),
          text: gettext("Keys are made on the devices in this room, and only people with the complete link can get them. {org}’s server never had it, and forwards what it can’t read.", { org }),
        };
      }
      return {
        icon: "shield-check", tone: "ok", short: gettext("End-to-end encrypted"),
        text: gettext("Keys are made on the devices in this room. {org}’s server forwards what it can’t read. Compare the code to be sure that nobody is in between.", { org }),
      };
    case "compared":
      return {
        icon: "shield-check", tone: "ok", short: sealed ? gettext("Sealed, compared") : gettext("End-to-end encrypted, compared"),
        text: gettext("You compared the room code at {time}. It changes when someone comes in or leaves.", { time: clockTime(comparedAt ?? new Date()) }),
      };
    case "check_key":
      return {
        icon: "key-round", tone: "plain", short: gettext("Check {name}’s key", { name: changed[0] ?? "" }),
        text: newKeyWords(changed[0] ?? ""),
      };
    case "differs":
      return {
        icon: "shield-alert", tone: "danger", short: gettext("Code differs"),
        text: gettext("The room code doesn’t match. Someone may be listening in between. Stop sharing anything sensitive, then leave and start a new meeting."),
      };
    case "stuck":
      return {
        icon: "shield-alert", tone: "danger", short: gettext("Not connected securely"),
        text: gettext("This device couldn’t agree on keys with the others. Nothing of you is sent, and nothing of them is shown."),
      };
    case "leaking":
      return {
        icon: "shield-alert", tone: "danger", short: gettext("Not encrypted"),
        text: gettext("This browser sent something past the encryption, so it was stopped. Leave, and come back with another browser."),
      };
  }
}

/** @param {string} name of somebody whose key is news here */
export const newKeyWords = (name) =>
  gettext("{name} is using a new device, browser or account. Compare with them before relying on it.", { name });

/** @param {string} name of somebody whom a host put out, and who still has keys */
export const overdueWords = (name) => gettext("A host put {name} out, but they still have the keys of this room.", { name });

/**
 * @param {KeyState} state
 * @param {string} organisation
 * @returns {{text: string, tag: string, icon: string | null}}
 */
export function keyWords(state, organisation) {
  return {
    compared: { text: gettext("Compared by you"), tag: "tag-ok", icon: "check" },
    vouched: { text: gettext("Vouched by {org}", { org: organisation }), tag: "tag-accent", icon: null },
    not_compared: { text: gettext("Not compared"), tag: "tag-line", icon: null },
    changed: { text: gettext("New device"), tag: "tag-danger", icon: "key-round" },
  }[state];
}

/** What the server of an encrypted meeting still learns. True sentences only; docs/threat-model.md says the same. */
export const serverLearns = () => [
  gettext("who is here, by account or typed name, from which network, and when"),
  gettext("who has their microphone or camera on or shares, and how much data that is"),
  gettext("while more than eight microphones are on, also who speaks when, because it passes on eight at a time"),
  gettext("when messages and files are sent, how long they are, and who fetches files"),
];
