// Keeps the screen from going dark while one is in the room. Browsers take the lock back whenever the page is hidden.

export class Awake {
  /** @type {WakeLockSentinel | null} */
  #lock = null;
  #wanted = false;

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.#wanted) void this.#take();
    });
  }

  start() {
    this.#wanted = true;
    void this.#take();
  }

  stop() {
    this.#wanted = false;
    void this.#lock?.release().catch(() => undefined);
    this.#lock = null;
  }

  async #take() {
    if (this.#lock && !this.#lock.released) return;
    this.#lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    if (!this.#wanted) this.stop();
  }
}
