// How loud this person hears each of the others: on this page only, and only while they are in the meeting. No DOM.
import { Emitter } from "../lib/emitter.js";

/** @extends {Emitter<{change: null}>} */
export class Volumes extends Emitter {
  /** Of those who aren't as loud as they send. @type {Map<string, number>} */
  #lowered = new Map();

  /** @param {import("../signaling/roster.js").Roster} roster */
  constructor(roster) {
    super();
    roster.on("gone", ({ person }) => this.set(person.participant, 1));
  }

  /** @param {string} participant 0…1 */
  of(participant) {
    return this.#lowered.get(participant) ?? 1;
  }

  /**
   * @param {string} participant
   * @param {number} volume 0…1
   */
  set(participant, volume) {
    if (volume === this.of(participant)) return;
    if (volume < 1) this.#lowered.set(participant, volume);
    else this.#lowered.delete(participant);
    this.emit("change", null);
  }
}
