// Every way of not being in the room, in words: what happened, who decided, what to do. Pure.
import { clockTime, gettext, listOf, ngettext } from "../lib/i18n.js";

/**
 * @typedef {import("../signaling/client.js").Refusal} Refusal
 * @typedef {"again" | "knock" | "sign_in" | "switch" | "calendar" | "leave" | "meetings" | "copy" | "reload" | "move" | "new_link" | "ask_link" | "tell" | "paste_link" | "retry"} Action
 * @typedef {{
 *   kind: "" | "bad" | "ok" | "lamp", icon: string, heading: string, body: string, why?: string, actions: Action[],
 *   state: "refused" | "removed" | "ended" | "left",
 * }} Described
 * @typedef {{organisation: string, title: string | null, hosts: string[] | null, email: string | null, signedIn: boolean}} Known
 */

/**
 * @param {Refusal} refusal
 * @param {Known} known
 * @returns {Described}
 */
export function describe({ reason, by, at, note, until, link, may_tell: mayTell }, { organisation, title, hosts, email, signedIn }) {
  const time = at ? clockTime(at) : null;
  const host = hosts?.length ? listOf(hosts) : gettext("a host");
  const quoted = note ? `“${note}”` : undefined;
  const home = /** @type {Action[]} */ (signedIn ? ["meetings"] : []);
  switch (reason) {
    case "not_let_in":
      return {
        kind: "", icon: "door-closed-locked", state: "refused", heading: gettext("The hosts didn’t let you in"),
        body: answered(by, time), why: quoted, actions: ["knock", "leave"],
      };
    case "blocked":
      return {
        kind: "", icon: "door-closed-locked", state: "refused", heading: gettext("The hosts didn’t let you in"),
        body: gettext("This link can’t be used for this meeting again. Ask the person who invited you."), why: quoted, actions: ["leave"],
      };
    case "removed":
      return {
        kind: "", icon: "user-x", state: "removed", heading: gettext("A host removed you"),
        body: time ? gettext("It happened at {time}. Others can no longer see or hear you.", { time }) : gettext("Others can no longer see or hear you."),
        why: note ? gettext("Reason from the host: {note}", { note }) : undefined, actions: home,
      };
    case "not_authorized":
      return {
        kind: "", icon: "door-closed-locked", state: "refused", heading: gettext("You may not be in this meeting"),
        body: gettext("The authorization service of {org} decided so. Ask {host} if you think that it is wrong.", { org: organisation, host }), why: quoted, actions: ["again", "leave"],
      };
    case "locked":
      return {
        kind: "", icon: "lock", state: "refused", heading: gettext("The door is locked"),
        body: time
          ? gettext("Hosts locked this meeting at {time}. Nobody else can come in, including invited people.", { time })
          : gettext("Hosts locked this meeting. Nobody else can come in, including invited people."),
        actions: mayTell ? ["tell", "leave"] : ["again", "leave"],
      };
    case "not_listed":
      return {
        kind: "", icon: "id-card", state: "refused", heading: gettext("This meeting is for named people"),
        body: email
          ? gettext("You’re signed in as {email}, which isn’t on the list. Ask {host} to add you, or switch account.", { email, host })
          : gettext("You aren’t on the list. Ask {host} to add you.", { host }),
        actions: ["switch"],
      };
    case "sign_in":
      return {
        kind: "", icon: "id-card", state: "refused", heading: gettext("Sign in to come in"),
        body: gettext("This meeting is for named people at {org}. Sign in with the address that was invited.", { org: organisation }), actions: ["sign_in"],
      };
    case "link_in_use":
      return {
        kind: "", icon: "link", state: "refused",
        heading: link?.here ? gettext("Your link is already inside") : gettext("Your link belongs to another device"),
        body: link?.used_at
          ? gettext("It was used on another device at {time}. If that wasn’t you, tell {host}.", { time: clockTime(link.used_at), host })
          : gettext("It was used on another device. If that wasn’t you, tell {host}.", { host }),
        why: until ? gettext("Nobody can ask for it again before {time}.", { time: clockTime(until) }) : undefined,
        actions: link ? ["move", "leave"] : ["again", "leave"],
      };
    case "link_moved":
      return {
        kind: "", icon: "laptop", state: "left", heading: gettext("Your link moved to another device"),
        body: time
          ? gettext("It has been used there since {time}, and this page is out. If that wasn’t you, tell {host}.", { time, host })
          : gettext("It is used there now, and this page is out. If that wasn’t you, tell {host}.", { host }),
        actions: ["again", "leave"],
      };
    case "move_refused":
      return {
        kind: "", icon: "link", state: "refused", heading: gettext("Your link stays where it is"),
        body: until
          ? gettext("Whoever uses it on the other device said no. You can ask again at {time}. If it’s yours, tell {host}.", { time: clockTime(until), host })
          : gettext("Whoever uses it on the other device said no. If it’s yours, tell {host}.", { host }),
        actions: link ? ["move", "leave"] : ["again", "leave"],
      };
    case "link_replaced":
      return {
        kind: "", icon: "link", state: "refused", heading: gettext("This link has been replaced"),
        body: gettext("There is a newer one in your mail. We can send it to you once more."), actions: ["new_link", ...home],
      };
    case "ended":
      return {
        kind: "ok", icon: "door-open", state: "ended", heading: gettext("The meeting has ended"),
        body: by && time
          ? gettext("{name} ended it for everyone at {time}. Nothing was recorded by the server.", { name: by, time })
          : gettext("Nothing was recorded by the server."),
        actions: home,
      };
    case "cancelled":
      return {
        kind: "", icon: "calendar-x", state: "refused", heading: gettext("This meeting was cancelled"),
        body: gettext("The hosts cancelled it. Nobody can come in."), actions: home,
      };
    case "inactive":
      return {
        kind: "", icon: "user-x", state: "refused", heading: gettext("Your account is switched off"),
        body: gettext("An administrator at {org} can switch it on again.", { org: organisation }), actions: [],
      };
    case "left":
      return {
        kind: "", icon: "log-out", state: "left", heading: gettext("You left"),
        body: title ? gettext("Others in {title} no longer see or hear you.", { title }) : gettext("Others no longer see or hear you."), actions: ["again", ...home],
      };
    case "moved":
      return {
        kind: "", icon: "laptop", state: "left", heading: gettext("You’re in this meeting elsewhere"),
        body: gettext("Another tab or window of this browser took your place. You can take it back here."), actions: ["again"],
      };
    case "too_many":
      return {
        kind: "", icon: "hourglass", state: "refused", heading: gettext("Too many tries"),
        body: gettext("More links and codes that open nothing were tried from your network than we look up. Yours was not looked up, so this says nothing about it. Wait until you can try again."),
        actions: ["retry"],
      };
    case "insecure":
      return {
        kind: "bad", icon: "shield-alert", state: "refused", heading: gettext("This address isn’t secure"),
        body: gettext("Browsers give camera and microphone to https pages only. Open the meeting by its https address, or ask the person who invited you for it."), actions: [],
      };
    case "unsupported":
      return {
        kind: "bad", icon: "monitor-x", state: "refused", heading: gettext("This browser can’t join calls"),
        body: gettext("Use a current Chrome, Edge, Firefox or Safari."), actions: ["copy"],
      };
    case "cant_encrypt":
      return {
        kind: "bad", icon: "shield-alert", state: "refused", heading: gettext("This browser can’t keep the meeting encrypted"),
        body: title
          ? gettext("{title} is end-to-end encrypted, and this browser can’t encrypt calls. We won’t let you in unencrypted.", { title })
          : gettext("The meeting is end-to-end encrypted, and this browser can’t encrypt calls. We won’t let you in unencrypted."),
        actions: ["copy"],
      };
    case "downgraded":
      return {
        kind: "bad", icon: "shield-alert", state: "refused", heading: gettext("This meeting was end-to-end encrypted"),
        body: gettext("The server now says that it isn’t, and that never changes for a meeting. Nothing of you was sent. Tell the person who invited you."), actions: [],
      };
    case "unsealed":
      return {
        kind: "bad", icon: "shield-alert", state: "refused", heading: gettext("This meeting should be sealed"),
        body: gettext("Your link has a key that the server never had. The server now says that no key is needed, and that never changes for a meeting. Nothing of you was sent. Tell the person who invited you."), actions: [],
      };
    case "not_the_group":
      return {
        kind: "bad", icon: "shield-alert", state: "refused", heading: gettext("This isn’t the room that your link is for"),
        body: gettext("Whoever gave you keys doesn’t have the key of your link, so somebody may be in between. Nothing of you was sent. Tell {host}, by another way than this meeting.", { host }), actions: [],
      };
    case "link_key_unmade":
      return {
        kind: "", icon: "key-round", state: "refused", heading: gettext("The key of this link isn’t made yet"),
        body: gettext("This meeting is sealed, and the key of its link is made by a host’s browser on the meeting’s page. Hosts: open that page, and pass the complete link on from there."),
        actions: [...home, "again"],
      };
    case "link_key_missing":
      return {
        kind: "", icon: "key-round", state: "refused", heading: gettext("This link is missing its key"),
        body: gettext("This meeting is sealed: only its complete link opens it, and {org}’s server doesn’t have that. Ask {host} for the complete link, then open it or paste it here.", { org: organisation, host }),
        actions: ["paste_link"],
      };
    case "link_key_wrong":
      return {
        kind: "bad", icon: "key-round", state: "refused", heading: gettext("The key in this link doesn’t fit"),
        body: gettext("Part of the link was changed or lost on its way. Nothing of you was sent. Ask {host} for the complete link, then open it or paste it here.", { host }), actions: ["paste_link"],
      };
    case "link_key_replaced":
      return {
        kind: "", icon: "key-round", state: "refused", heading: gettext("This link has a newer key"),
        body: gettext("Hosts gave the link another key since you got it. Ask {host} for the new link, then open it or paste it here.", { host }), actions: ["paste_link"],
      };
    case "other_account":
      return {
        kind: "", icon: "id-card", state: "refused", heading: gettext("The sign-in has changed"),
        body: gettext("Somebody signed in or out in this browser after this page was loaded, so it can’t say any more who you are. Load it again to go on."),
        actions: ["reload"],
      };
    case "other_link":
      return {
        kind: "", icon: "link", state: "refused", heading: gettext("Another personal link was opened"),
        body: gettext("Somebody opened another link to this meeting in this browser after this page was loaded, so you would come in as them. Open your own link again to come as yourself, or load this page again to come by the other one. Two people at one browser need a window each: make one of them private."),
        actions: ["reload", "leave"],
      };
    case "protocol":
      return {
        kind: "bad", icon: "refresh-cw", state: "left", heading: gettext("This page is out of date"),
        body: gettext("The server was updated. Load the page again to go on."), actions: ["reload"],
      };
    default:
      return {
        kind: "", icon: "link", state: "refused", heading: gettext("This link doesn’t open a meeting"),
        body: signedIn
          ? gettext("It may have been replaced, or it is not for this account. Use the newest invitation, or ask the person who invited you.")
          : gettext("It may have been replaced. Use the newest invitation, or ask the person who invited you. If you have an account, signing in may help."),
        actions: signedIn ? home : ["sign_in", "ask_link"],
      };
  }
}

/**
 * @param {string | null | undefined} by
 * @param {string | null} time
 */
function answered(by, time) {
  if (by && time) return gettext("{name} answered at {time}.", { name: by, time });
  if (by) return gettext("{name} answered.", { name: by });
  return gettext("A host answered.");
}

/**
 * Why the door could not be asked.
 * @param {string} code
 * @param {string | null} field
 * @param {string | null} [verdict]
 * @param {{retryAfterMs?: number | null, most?: number | null}} [limit]
 */
export function problemWords(code, field, verdict = null, { retryAfterMs = null, most = null } = {}) {
  if (code === "too_many_meetings") return ngettext("You have {count} other meeting going on, and no more fit. It has to end first.", "You have {count} other meetings going on, and no more fit. One of them has to end first.", most ?? 0);
  if (code === "not_now") return gettext("This meeting can’t begin now. Try again later, or ask whoever invited you.");
  if (code === "offline") return gettext("You’re offline. Check your network, then try again.");
  if (code === "too_many") return tooManyWords(Math.ceil((retryAfterMs ?? 60_000) / 1000));
  if (code === "csrf" || code === "origin") return gettext("This page is too old. Load it again.");
  if (code === "proof") return gettext("The clock of this device is wrong. Set it, then try again.");
  if (field === "email_code") return gettext("That code doesn’t match, or it is too old.");
  if (field === "email" && verdict === "not_taken") return gettext("Guests with an address there aren’t taken here. Use another address.");
  if (field === "email") return gettext("Enter an email address, such as name@example.org.");
  if (field === "name") return gettext("Enter your name with up to 60 characters.");
  return gettext("The server didn’t answer. Try again.");
}

/** @param {number} seconds */
function tooManyWords(seconds) {
  if (seconds > 90) return ngettext("Too many tries. Wait {count} minute, then try again.", "Too many tries. Wait {count} minutes, then try again.", Math.ceil(seconds / 60));
  return ngettext("Too many tries. Wait {count} second, then try again.", "Too many tries. Wait {count} seconds, then try again.", seconds);
}
