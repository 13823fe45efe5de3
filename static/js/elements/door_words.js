// How the room says what the door does: the same three answers, words and icons as everywhere else.
import { h, icon } from "../lib/h.js";
import { clockTime, gettext } from "../lib/i18n.js";

/** @typedef {import("../signaling/protocol.js").Meeting} Meeting */

/** @param {string} way */
export function wayChip(way) {
  const [look, glyph, word] =
    {
      walks_in: ["in", "door-open", gettext("walk in")],
      knocks: ["wait", "bell", gettext("knock")],
    }[way] ?? ["no", "door-closed-locked", gettext("turned away")];
  return h("span", { class: `way way-${look}` }, icon(look === "in" ? "door-open" : glyph), word);
}

/** @param {Meeting} meeting */
export function doorRows(meeting) {
  const { door, organisation } = meeting;
  return /** @type {[string, string][]} */ ([
    [gettext("People on the list, signed in"), door.listed],
    [gettext("Others signed in at {org}", { org: organisation }), door.colleagues],
    [gettext("Guests you invited"), door.guests],
    [gettext("Anyone else with the link"), door.anyone],
  ]);
}

/** The door in two words, for the top bar. @param {Meeting} meeting */
export function doorSummary({ locked, suspended, door }) {
  if (suspended) return { icon: "octagon-pause", text: gettext("Suspended") };
  if (locked) return { icon: "lock", text: gettext("Locked") };
  const known = {
    named_people: { icon: "door-closed-locked", text: gettext("Named people only") },
    guests_knock: { icon: "bell", text: gettext("Guests knock") },
    everyone_knocks: { icon: "bell", text: gettext("Everyone knocks") },
    anyone_with_link: { icon: "door-open", text: gettext("Anyone walks in") },
  };
  return known[/** @type {keyof typeof known} */ (door.preset)] ?? { icon: "door-open", text: gettext("Custom door") };
}

/** What will happen to whoever comes now, as one sentence. @param {Meeting} meeting */
export function doorPromise({ locked, suspended, door }) {
  if (suspended) return gettext("Nobody new comes in until a host resumes the meeting.");
  if (locked) return gettext("The door is locked. Nobody else can come in.");
  if (door.anyone === "walks_in") return gettext("Anyone with the link walks in.");
  if (door.listed === "knocks") return gettext("Everyone knocks, and you’ll hear a chime.");
  if (door.guests === "knocks") return gettext("Listed people walk in. Guests knock, and you’ll hear a chime.");
  return gettext("Listed people walk in.");
}

/**
 * @param {string} caution
 * @param {import("../signaling/protocol.js").LinkUse | null} [link]
 */
export function cautionWords(caution, link = null) {
  if (caution === "link_in_use" && link) return linkWords(link);
  return (
    {
      name_in_use: gettext("Somebody with this name, or one that looks like it, is already inside."),
      link_in_use: gettext("This personal link is being used on another device too."),
      name_at_door: gettext("Somebody else at the door has this name, or one that looks like it."),
      name_expected: gettext("Somebody else who is invited has this name, or one that looks like it."),
      renamed: gettext("They gave another name before, at this door."),
      not_verified: gettext("The code that proves their address couldn’t be mailed."),
      two_networks: gettext("This personal link was opened from two networks."),
    }[caution] ?? gettext("Something about this request is unusual.")
  );
}

/** Who came with one link on two devices, when, and from where. @param {import("../signaling/protocol.js").LinkUse} link */
function linkWords({ first_network: first, first_at: firstAt, second_network: second, second_at: secondAt, asks, denied }) {
  const where = {
    first: first || gettext("an unknown network"), firstAt: firstAt ? clockTime(firstAt) : "", second: second || gettext("an unknown network"), secondAt: clockTime(secondAt),
  };
  const used = gettext("This personal link was used at {firstAt} from {first}, and at {secondAt} on a second device from {second}.", where);
  const more = denied ? gettext("Whoever uses the first device says that it isn’t them.") : asks ? gettext("The second device asks to take it over.") : "";
  return more ? `${used} ${more}` : used;
}
