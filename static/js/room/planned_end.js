// Says a few minutes before the planned end that it comes, and what happens then. No DOM.
import { clockTime, gettext, ngettext } from "../lib/i18n.js";

const BEFORE_MS = 5 * 60_000;
const SHOWN_MS = 45_000;

export class PlannedEnd {
  #roster;
  #banners;
  #announcer;
  /** The end that was said. */
  #said = "";

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster, banners: import("../elements/banners.js").Banners,
   *   announcer: import("../elements/announcer.js").Announcer,
   * }} parts
   */
  constructor({ roster, banners, announcer }) {
    this.#roster = roster;
    this.#banners = banners;
    this.#announcer = announcer;
  }

  /** Now and then while somebody is inside. @param {number} now by this device’s clock */
  tick(now) {
    const end = this.#roster.meeting?.ends_at ?? "";
    const leftMs = Date.parse(end) - (now + this.#roster.aheadMs);
    if (end === this.#said || !(leftMs > 0 && leftMs <= BEFORE_MS)) return;
    this.#said = end;
    const minutes = Math.ceil(leftMs / 60_000);
    const title = ngettext("The planned time is over in {count} minute, at {end}.", "The planned time is over in {count} minutes, at {end}.", minutes, { end: clockTime(end) });
    // Meetings end by a host, or once everybody has left.
    const text = gettext("Nothing ends by itself: the meeting goes on for as long as people stay.");
    this.#banners.show("planned-end", { icon: "clock", title, text, forMs: SHOWN_MS, closable: true });
    this.#announcer.say(`${title} ${text}`);
  }
}
