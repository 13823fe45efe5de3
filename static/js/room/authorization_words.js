// What an authorization service said about somebody, in words for the person and for hosts. Pure.
import { gettext } from "../lib/i18n.js";

/**
 * @typedef {import("../signaling/protocol.js").AuthorizationMessage} AuthorizationMessage
 * @typedef {{title: string, text: string, stays: boolean, isBad: boolean}} Words
 */

/**
 * @param {AuthorizationMessage} message
 * @param {string} you your own participant id
 * @param {(participant: string | null) => string} nameOf
 * @returns {Words}
 */
export function authorizationWords(message, you, nameOf) {
  const { outcome, reason, track } = message;
  if (outcome === "unanswered") {
    return {
      title: gettext("The authorization service did not answer."),
      text: [reason, gettext("Who is inside stays for now. Nobody new comes in until it answers.")].filter(Boolean).join(" "),
      stays: true, isBad: true,
    };
  }
  if (outcome === "answered") return { title: gettext("The authorization service answers again."), text: "", stays: false, isBad: false };
  const text = outcome === "lapsed" ? gettext("The authorization service did not answer in time.") : (reason && `“${reason}”`) || gettext("The authorization service decided.");
  return { title: title(message, you, nameOf), text, stays: false, isBad: track !== "room" || outcome === "lapsed" };
}

/**
 * @param {AuthorizationMessage} message
 * @param {string} you
 * @param {(participant: string | null) => string} nameOf
 */
function title({ outcome, participant, name, track, of }, you, nameOf) {
  const source = { microphone: gettext("microphone"), camera: gettext("camera"), screen: gettext("shared screen") }[track ?? ""];
  const who = name ?? nameOf(participant);
  if (!source) return outcome === "lapsed" ? gettext("{name} is back at the door.", { name: who }) : gettext("{name} may not be here.", { name: who });
  if (of === participant) {
    return participant === you ? gettext("Your {source} is not allowed here.", { source }) : gettext("{name}’s {source} is not allowed here.", { name: who, source });
  }
  const owner = nameOf(of);
  return participant === you ? gettext("You may not receive {owner}’s {source}.", { owner, source }) : gettext("{name} may not receive {owner}’s {source}.", { name: who, owner, source });
}
