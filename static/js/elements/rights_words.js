// Who may speak, show video, share, chat and record, in words: whom a meeting lets, why somebody may not, and what changed.
import { gettext, listOf } from "../lib/i18n.js";

/**
 * @typedef {import("../signaling/protocol.js").Right} Right
 * @typedef {import("../signaling/protocol.js").Audience} Audience
 * @typedef {import("../signaling/protocol.js").Capabilities} Capabilities
 * @typedef {import("../signaling/roster.js").Roster} Roster
 */

/** @type {readonly Right[]} */
export const RIGHTS = ["speak", "show", "share", "chat", "record"];

/** @type {Readonly<Record<"microphone" | "camera" | "screen", Right>>} */
export const RIGHT_OF = { microphone: "speak", camera: "show", screen: "share" };

/** @returns {Record<Right, string>} */
export const rightNames = () => ({ speak: gettext("Speak"), show: gettext("Show video"), share: gettext("Share a screen"), chat: gettext("Write in the chat"), record: gettext("Record") });

/** @returns {[Audience, string][]} */
export const audienceNames = () => [
  ["everyone", gettext("Everyone")],
  ["signed_in", gettext("People who are signed in")],
  ["hosts", gettext("Hosts only")],
];

/** @param {readonly Right[]} rights "speak and share a screen" */
function listed(rights) {
  const verbs = { speak: gettext("speak"), show: gettext("show video"), share: gettext("share a screen"), chat: gettext("write in the chat"), record: gettext("record") };
  return listOf(rights.map((right) => verbs[right]));
}

/**
 * Why this person may not, as one sentence.
 * @param {Roster} roster
 * @param {Right} right
 */
export function whyNot({ meeting, self }, right) {
  const hostsOnly = {
    speak: gettext("Only hosts can speak in this meeting."),
    show: gettext("Only hosts can show video in this meeting."),
    share: gettext("Only hosts can share in this meeting."),
    chat: gettext("Only hosts can write in this chat."),
    record: gettext("Only hosts can record this meeting."),
  };
  const signedIn = {
    speak: gettext("Only people who are signed in can speak in this meeting."),
    show: gettext("Only people who are signed in can show video in this meeting."),
    share: gettext("Only people who are signed in can share in this meeting."),
    chat: gettext("Only people who are signed in can write in this chat."),
    record: gettext("Only people who are signed in can record this meeting."),
  };
  const toYou = {
    speak: gettext("A host has switched speaking off for you."),
    show: gettext("A host has switched video off for you."),
    share: gettext("A host has switched sharing off for you."),
    chat: gettext("A host has switched chat off for you."),
    record: gettext("A host has switched recording off for you."),
  };
  const audience = meeting?.rights[right];
  if (audience === "hosts") return hostsOnly[right];
  if (audience === "signed_in" && self?.guest) return signedIn[right];
  return toYou[right];
}

/**
 * What somebody is told when their rights change; null where nothing they would notice did.
 * @param {Roster} roster as it is now
 * @param {{was: Capabilities, capabilities: Capabilities, by: string | null}} change
 * @returns {{title: string, text: string, lost: boolean} | null}
 */
export function changeWords(roster, { was, capabilities: now, by }) {
  const decided = by ? gettext("By {name}.", { name: by }) : "";
  if (now.host && !was.host) {
    return { title: by ? gettext("{name} made you a host.", { name: by }) : gettext("You’re a host now."), text: gettext("You answer the door, and can mute, remove and lock."), lost: false };
  }
  const lost = RIGHTS.filter((right) => was[right] && !now[right]);
  const gained = RIGHTS.filter((right) => !was[right] && now[right]);
  if (was.host && !now.host) {
    const text = lost.length ? gettext("You can’t {rights} now.", { rights: listed(lost) }) : gettext("You stay inside.");
    return { title: by ? gettext("{name} took the host’s role back.", { name: by }) : gettext("You’re no longer a host."), text, lost: true };
  }
  if (lost.length) {
    const why = lost.length === 1 ? whyNot(roster, lost[0]) : "";
    return { title: gettext("You can’t {rights} now.", { rights: listed(lost) }), text: [why, decided].filter(Boolean).join(" "), lost: true };
  }
  if (gained.length) return { title: gettext("You can {rights} now.", { rights: listed(gained) }), text: decided, lost: false };
  return null;
}
