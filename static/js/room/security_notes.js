// What happens to the encryption of the room, put into words at the moment: over the stage, between the messages, and said.
import { showLinkAsQr } from "../elements/complete_link.js";
import { copyLink } from "../elements/copy_button.js";
import { gettext } from "../lib/i18n.js";
import { newKeyWords, overdueWords } from "./security_words.js";

/**
 * @typedef {{
 *   securing: import("./securing.js").Securing, security: import("./security.js").Security,
 *   roster: import("../signaling/roster.js").Roster, banners: import("../elements/banners.js").Banners,
 *   announcer: import("../elements/announcer.js").Announcer, chat: import("../elements/chat_panel.js").ChatPanel,
 *   openPanel: () => void, failed: (error: unknown) => void,
 * }} Parts
 */

/** @param {Parts} parts */
export function tellSecurity(parts) {
  tellWhoCame(parts);
  tellTroubles(parts);
  tellWhoWaitsForAWord(parts);
  tellNewLink(parts);
}

/** The link of a sealed meeting has a new key: whoever gave it that is shown what to pass on now. @param {Parts} parts */
function tellNewLink({ securing, banners, announcer, chat, failed }) {
  securing.encryption?.on("link", ({ own }) => {
    chat.note(gettext("The link has a new key. Who comes from now on needs the new complete link."), "key-round");
    if (!own) return;
    const title = gettext("The link has a new key.");
    banners.show("link", {
      icon: "key-round", title, text: gettext("Earlier complete links open nothing any more. Pass the new one on to whoever still has to come."), closable: true,
      actions: [
        { label: gettext("Copy complete link"), run: () => void copyLink(securing.link.href) },
        { label: gettext("QR code"), run: () => void showLinkAsQr(securing.link.href) },
      ],
    });
    announcer.alert(title);
  });
  securing.encryption?.on("linkFailed", () => {
    const title = gettext("The link still has its old key.");
    banners.show("link", {
      icon: "triangle-alert", title, text: gettext("Somebody was removed, and the server didn’t take a new key. They may come back with the link that they have."), closable: true,
      actions: [{ label: gettext("Try again"), run: () => void securing.encryption?.renewLink().catch(failed) }],
    });
    announcer.alert(title);
  });
}

/** Who comes and goes is told from the group, not from the server's word. @param {Parts} parts */
function tellWhoCame({ securing, security, banners, announcer, chat }) {
  securing.encryption?.on("stepped", ({ added, removed, fresh, again }) => {
    if (fresh) return;
    if (again) chat.note(gettext("This device agreed on keys with the others anew. New room code."), "key-round");
    for (const member of added) {
      const { name, account } = member.who;
      if (account === null) announcer.came(gettext("{name} (guest, not compared)", { name }));
      else announcer.came(name);
      chat.note(account === null ? gettext("{name} came in (guest). New room code.", { name }) : gettext("{name} came in. New room code.", { name }), "key-round");
    }
    for (const { who } of removed) {
      announcer.went(who.name);
      chat.note(gettext("{name} left. New room code.", { name: who.name }), "key-round");
    }
  });
  security.on("key", ({ who: { name } }) => {
    const text = newKeyWords(name);
    announcer.alert(text);
    chat.note(text, "key-round");
  });
  securing.encryption?.on("missing", ({ who: { name } }) => {
    const title = gettext("Something that {name} sent never arrived here.", { name });
    banners.show("missing", { icon: "triangle-alert", title, text: gettext("Ask them what it was. If it happens again, somebody on the way may be keeping messages back."), closable: true });
    announcer.alert(title);
    chat.note(title, "triangle-alert");
  });
}

/** @param {Parts} parts */
function tellTroubles({ securing, security, banners, announcer, openPanel }) {
  let was = security.status;
  security.on("change", () => {
    const { status } = security;
    if (status === was) return;
    if (status === "stuck") {
      const title = gettext("You’re not connected securely.");
      banners.show("secure", {
        icon: "shield-alert", title, text: gettext("Nothing of you is sent, and nothing of the others is shown."),
        actions: [{ label: gettext("Reconnect securely"), run: () => securing.encryption?.retry() }],
      });
      announcer.alert(title);
    } else if (status === "differs") {
      const title = gettext("The room code doesn’t match.");
      banners.show("secure", {
        icon: "shield-alert", title, text: gettext("Someone may be listening in between. Stop sharing anything sensitive, then leave and start a new meeting."),
        actions: [{ label: gettext("Open Encryption"), run: openPanel }],
      });
      announcer.alert(title);
    } else if (was === "stuck" || was === "differs") banners.hide("secure");
    if (status === "on" && was === "pending") announcer.say(gettext("End-to-end encrypted"));
    was = status;
  });
  securing.encryption?.on("leak", (source) => {
    const title = { microphone: gettext("Your microphone was stopped."), camera: gettext("Your camera was stopped."), screen: gettext("Your sharing was stopped."), screen_audio: gettext("Your sharing was stopped.") }[source];
    banners.show("leak", { icon: "shield-alert", title, text: gettext("This browser sent it past the encryption. Leave, and come back with another browser.") });
    announcer.alert(title);
  });
  security.on("ghosts", (ghosts) => {
    const names = ghosts.map(({ who }) => who.name);
    if (!names.length) {
      banners.hide("ghost");
      return;
    }
    const title = gettext("{name} has the keys of this room, but the server doesn’t list them.", { name: names[0] });
    banners.show("ghost", { icon: "triangle-alert", title, actions: [{ label: gettext("Open Encryption"), run: openPanel }] });
    announcer.alert(title);
  });
  security.on("overdue", (overdue) => {
    const [first] = overdue;
    if (!first) {
      banners.hide("overdue");
      return;
    }
    const title = overdueWords(first.who.name);
    banners.show("overdue", { icon: "triangle-alert", title, text: gettext("The server doesn’t let the devices here change the keys."), actions: [{ label: gettext("Open Encryption"), run: openPanel }] });
    announcer.alert(title);
  });
}

/** Hosts only: the server says it to nobody else. @param {Parts} parts */
function tellWhoWaitsForAWord({ securing, security, roster, banners, announcer, failed }) {
  let shown = "";
  const { encryption } = securing;
  encryption?.on("change", () => {
    const waiting = [...encryption.held].flatMap((participant) => roster.people.get(participant) ?? []).filter(({ identity }) => identity);
    const now = waiting.map(({ participant }) => participant).join();
    if (now === shown) return;
    shown = now;
    const [first] = waiting;
    if (!first) {
      banners.hide("held");
      return;
    }
    const { participant, name } = first;
    const title = gettext("{name} is inside without the keys.", { name });
    banners.show("held", {
      icon: "key-round", title,
      text: security.isSealed
        ? gettext("They came in by another way than a host’s device, or don’t have the complete link. Without it confirming doesn’t help.")
        : gettext("They came in by another way than a host’s device, so no device here lets them in by itself."),
      actions: [{ label: gettext("Confirm {name}", { name }), run: () => void securing.confirm(participant).catch(failed) }],
    });
    announcer.alert(title);
  });
}
