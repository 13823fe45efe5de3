// Says whether the own microphone speaks, where packets must not and the server has to choose whose voices it passes on.
// Knows no DOM.
import { RequestFailed } from "../signaling/protocol.js";

/** The server passes on so many microphones whatever they carry. Only where more are on does anybody say who speaks. */
export const ALWAYS_HEARD = 8;
const AGAIN_AFTER_MS = 1000;
/** A word holds for half a minute at the server: so nobody is silenced whose page sleeps. */
const REPEATED_AFTER_MS = 10_000;

export class OwnSpeech {
  #request;
  /** What the server was told last; null: nothing. @type {boolean | null} */
  #said = null;
  #asking = false;
  #again = -Infinity;
  #saidAt = -Infinity;

  /** @param {(type: string, fields: object) => Promise<unknown>} request */
  constructor(request) {
    this.#request = request;
  }

  /** The server knows nothing any more of what was said: the microphone was off, or the line was cut. */
  forget() {
    this.#said = null;
  }

  /**
   * Says it if it is something else than before, and now and then. What is refused is said again a second later, if it still holds then.
   * @param {boolean | null} speaking null: it is nobody's business
   * @param {number} now milliseconds
   */
  async say(speaking, now) {
    const isNews = speaking !== this.#said || (speaking !== null && now - this.#saidAt >= REPEATED_AFTER_MS);
    if (!isNews || this.#asking || now < this.#again) return;
    this.#asking = true;
    try {
      await this.#request("media.speaking", { speaking });
      this.#said = speaking;
      this.#saidAt = now;
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      this.#again = now + AGAIN_AFTER_MS;
    } finally {
      this.#asking = false;
    }
  }
}
