// What happens in the room, put into words: in a note over the stage, between the messages of the chat, and said.
import { warningWords } from "../elements/turned_away_words.js";
import { doorPromise } from "../elements/door_words.js";
import { gettext, listOf, ngettext } from "../lib/i18n.js";
import { chime } from "../elements/sounds.js";

/**
 * @typedef {{
 *   roster: import("../signaling/roster.js").Roster, call: import("../media/call.js").Call,
 *   devices: import("../media/devices.js").Devices, participation: import("../media/participation.js").Participation,
 *   preferences: import("../lib/preferences.js").Preferences, announcer: import("../elements/announcer.js").Announcer,
 *   banners: import("../elements/banners.js").Banners, notices: import("./notices.js").Notices,
 *   chat: import("../elements/chat_panel.js").ChatPanel, securing: import("./securing.js").Securing,
 * }} Parts
 */

/** @param {Parts} parts */
export function tellHappenings(parts) {
  tellOfPeople(parts);
  tellOfTheDoor(parts);
  tellOfMedia(parts);
}

/** @param {Parts} parts */
function tellOfPeople({ roster, announcer, preferences, devices, chat, securing }) {
  roster.on("entered", (person) => {
    if (person.participant === roster.you) return;
    if (!securing.encryption?.isOn) announcer.came(person.name); // in an encrypted room the group says who came
    if (preferences.get("chimeEnter")) void chime("came", devices.speaker);
  });
  roster.on("gone", ({ person, why, by }) => {
    if (why === "removed") chat.note(by ? gettext("{name} was removed by {host}", { name: person.name, host: by }) : gettext("{name} was removed", { name: person.name }), "user-x");
    if (why !== "moved" && !securing.encryption?.isOn) announcer.went(person.name);
  });
  roster.on("hand", (person) => {
    if (person.participant !== roster.you) announcer.say(gettext("{name} raised a hand", { name: person.name }));
  });
  roster.on("spotlight", ({ person, by }) => {
    const text = spotlightWords(person, by, roster);
    chat.note(text, by ? "pin" : "pin-off");
    announcer.say(text);
  });
  roster.on("cut", (person) => announcer.say(gettext("{name} lost connection", { name: person.name })));
  roster.on("sharing", ({ person, on }) => {
    if (person.participant === roster.you) return;
    announcer.say(on ? gettext("{name} is sharing a screen", { name: person.name }) : gettext("{name} stopped sharing", { name: person.name }));
  });
}

/**
 * @param {import("../signaling/protocol.js").Person} person
 * @param {string | null} by the host who pinned them for everyone; null: they are no longer
 * @param {import("../signaling/roster.js").Roster} roster
 */
function spotlightWords({ participant, name }, by, { you, self }) {
  const isYou = participant === you;
  if (!by) return isYou ? gettext("You’re no longer pinned for everyone.") : gettext("{name} is no longer pinned for everyone.", { name });
  if (by === self?.name) return isYou ? gettext("You pinned yourself for everyone.") : gettext("You pinned {name} for everyone.", { name });
  return isYou ? gettext("{by} pinned you for everyone.", { by }) : gettext("{by} pinned {name} for everyone.", { by, name });
}

/** @param {Parts} parts */
function tellOfTheDoor({ roster, announcer, banners, notices, chat }) {
  roster.on("knocked", (waiter) => notices.knocked(waiter));
  roster.on("answered", ({ name, by, answer }) => {
    const own = by === roster.self?.name;
    const who = { name, by: by ?? gettext("A host") };
    if (answer === "let_in") chat.note(own ? gettext("{name} was let in by you", { name }) : gettext("{name} was let in by {by}", who));
    const text = { let_in: gettext("{by} let {name} in.", who), turned_away: gettext("{by} turned {name} away.", who), blocked: gettext("{by} turned {name} away and blocked the link.", who) }[answer];
    if (!text || own) return;
    announcer.say(text);
    banners.show("answered", { icon: "door-open", title: text, forMs: 6000 });
  });
  roster.on("tried", (tried) => {
    const title = warningWords(tried);
    const { replace } = tried;
    const actions = replace ? [{ label: gettext("Replace link"), run: () => void open(replace, "_blank", "noopener") }] : [];
    banners.show("tried", { icon: "shield-alert", title, text: gettext("Somebody may have passed it on. None of them is inside."), actions, closable: true });
    announcer.alert(title);
  });
  roster.on("withoutLink", ({ guests, page }) => {
    if (!guests.length) {
      banners.hide("without-link");
      return;
    }
    const title = ngettext("{names} needs a new personal link.", "{names} need new personal links.", guests.length, { names: listOf(guests) });
    const actions = [{ label: gettext("Open the meeting’s page"), run: () => void open(page, "_blank", "noopener") }];
    banners.show("without-link", { icon: "link", title, text: gettext("Theirs was copied by somebody who hosts no more, and nobody had used it."), actions, closable: true });
    announcer.alert(title);
  });
  roster.on("meeting", ({ meeting, was, by }) => {
    if (Boolean(meeting.suspended) !== Boolean(was.suspended)) {
      const who = { name: by ?? gettext("A host") };
      // The card over the stage says it for as long as it lasts; that it is over is a note.
      if (meeting.suspended) announcer.alert(gettext("{name} suspended the meeting. Nobody sees or hears anybody until a host resumes it.", who));
      else {
        const text = gettext("{name} resumed the meeting.", who);
        announcer.alert(text);
        banners.show("resumed", { icon: "play", title: text, forMs: 6000 });
      }
    }
    if (roster.capabilities.host && by !== roster.self?.name && JSON.stringify(meeting.door) !== JSON.stringify(was.door)) {
      const title = by ? gettext("{name} changed the door.", { name: by }) : gettext("The door was changed.");
      banners.show("door", { icon: "door-open", title, text: doorPromise(meeting), forMs: 8000, closable: true });
      announcer.say(title);
    }
    if (meeting.locked === was.locked) return;
    const text = meeting.locked ? gettext("The door is locked.") : gettext("The door is no longer locked.");
    banners.show("lock", { icon: meeting.locked ? "lock" : "lock-open", title: text, text: by ? gettext("By {name}.", { name: by }) : "", forMs: 6000 });
    announcer.say(text);
  });
}

/** @param {Parts} parts */
function tellOfMedia({ roster, call, devices, participation, announcer, banners, notices }) {
  call.on("state", ({ sending, receiving }) => {
    const broken = [sending, receiving].some((state) => state === "failed" || state === "disconnected");
    if (broken) banners.show("media", { spin: true, title: gettext("Video and sound are interrupted."), text: gettext("Trying again by itself.") });
    else banners.hide("media");
  });
  participation.on("failed", ({ what, error }) => notices.deviceFailed(what, error));
  participation.on("mutedByHost", ({ source, by }) => notices.wasMuted(source, by));
  roster.on("rights", (change) => notices.rightsChanged(change));
  participation.on("shareEnded", () => announcer.say(gettext("You stopped sharing")));
  devices.on("fellBack", ({ label }) => {
    banners.show("device", { icon: "info", title: gettext("A device was unplugged."), text: gettext("Now using {device}.", { device: label }), forMs: 8000, closable: true });
    announcer.alert(gettext("A device was unplugged. Now using {device}.", { device: label }));
  });
}
