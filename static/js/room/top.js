// The top bar: title, encryption, door, elapsed time, network. Never hides.
import { byId, setAttr, setIcon, setText } from "../lib/h.js";
import { clockTime, countdown, gettext } from "../lib/i18n.js";
import { doorSummary } from "../elements/door_words.js";
import { networkWord } from "../elements/info_panels.js";
import { attributeOf, securityWords } from "./security_words.js";

/** @typedef {import("../signaling/roster.js").Roster} Roster */

export class TopBar {
  #roster;
  #security;
  #organisation;
  /** @type {any} */
  #timer = null;

  /** @param {{roster: Roster, security: import("./security.js").Security, organisation: string}} parts */
  constructor({ roster, security, organisation }) {
    this.#roster = roster;
    this.#security = security;
    this.#organisation = organisation;
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
    this.#encryption();
  }

  /** From what every line of media is, never from a wish. */
  #encryption() {
    const { status, compared, changed, isSealed: sealed } = this.#security;
    const words = securityWords(status, { organisation: this.#organisation, comparedAt: compared?.at ?? null, changed: changed.map(({ who }) => who.name), sealed });
    const chip = byId("chip-encryption");
    setIcon(chip, words.icon);
    setAttr(chip, "data-encryption", attributeOf(status, sealed));
    setAttr(chip, "aria-label", words.short);
    chip.classList.toggle("chip-danger", words.tone === "danger");
    setText(/** @type {Element} */ (chip.querySelector("span")), words.short);
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
