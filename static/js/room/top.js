// The top bar: title, encryption, door, elapsed time, network. Never hides.
import { byId, setAttr, setIcon, setText } from "../lib/h.js";
import { clockTime, countdown, gettext } from "../lib/i18n.js";
import { doorSummary } from "../elements/door_words.js";
import { networkWord } from "../elements/info_panels.js";

/** @typedef {import("../signaling/roster.js").Roster} Roster */

export class TopBar {
  #roster;
  /** @type {any} */
  #timer = null;

  /** @param {Roster} roster */
  constructor(roster) {
    this.#roster = roster;
  }

  start() {
    this.#timer ??= setInterval(() => this.tick(), 1000);
    this.tick();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
  }

  render() {
    const { meeting } = this.#roster;
    if (!meeting) return;
    setText(byId("room-title"), meeting.title);
    const door = doorSummary(meeting);
    const chip = byId("chip-door");
    setIcon(chip, door.icon);
    setText(/** @type {Element} */ (chip.querySelector("span")), door.text);
    setAttr(chip, "aria-label", gettext("The door: {state}", { state: door.text }));
    // From what the media path is, never from a wish: this client can only do transport encryption.
    setAttr(byId("chip-encryption"), "data-encryption", "transport");
    setAttr(byId("chip-encryption"), "aria-label", gettext("Encrypted to the server"));
  }

  /** @param {import("../media/quality.js").Verdict["word"]} word */
  network(word) {
    const chip = byId("chip-network");
    const { icon, text } = networkWord(word);
    setIcon(chip, icon);
    setText(/** @type {Element} */ (chip.querySelector("span")), text);
    setAttr(chip, "aria-label", gettext("Your network: {state}", { state: text }));
  }

  tick() {
    const { meeting, aheadMs } = this.#roster;
    if (!meeting) return;
    const now = Date.now() + aheadMs;
    const since = meeting.started_at ? (now - Date.parse(meeting.started_at)) / 1000 : 0;
    setText(byId("elapsed"), countdown(Math.floor(Math.max(0, since))));
    setText(byId("clock"), gettext("{now} · ends {end}", { now: clockTime(now), end: clockTime(meeting.ends_at) }));
  }
}
