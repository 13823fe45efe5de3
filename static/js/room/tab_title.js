// The tab's title: the meeting's, or while one waits the meeting's and a word by turns.

const ALTERNATES_MS = 2000;

export class TabTitle {
  #title;
  /** @type {any} */
  #timer = null;

  /** @param {string} title the meeting's, as far as this visitor may know it */
  constructor(title) {
    this.#title = title;
  }

  plain() {
    clearInterval(this.#timer);
    document.title = this.#title;
  }

  /** @param {string} words what stands before the title */
  with(words) {
    clearInterval(this.#timer);
    document.title = `${words} · ${this.#title}`;
  }

  /** @param {string} words */
  alternate(words) {
    this.with(words);
    let shown = true;
    this.#timer = setInterval(() => {
      shown = !shown;
      document.title = shown ? `${words} · ${this.#title}` : this.#title;
    }, ALTERNATES_MS);
  }

  /** Somebody else writes the title from now on. */
  release() {
    clearInterval(this.#timer);
  }
}
