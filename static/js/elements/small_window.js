// One picture in a window of its own that stays over other programs, where the browser has that (picture-in-picture).

export class SmallWindow {
  /** @type {PictureInPictureWindow | null} */
  #window = null;

  /**
   * @param {HTMLElement} root of all videos that may be in it
   * @param {() => void} onChange it opened, closed, or has another size: also by the browser's own buttons
   */
  constructor(root, onChange) {
    root.addEventListener("enterpictureinpicture", (event) => {
      this.#window = /** @type {PictureInPictureEvent} */ (event).pictureInPictureWindow;
      this.#window.onresize = onChange;
      onChange();
    });
    root.addEventListener("leavepictureinpicture", () => {
      if (!document.pictureInPictureElement) this.#window = null;
      onChange();
    });
  }

  /** In the page's pixels. */
  get height() {
    return this.#window?.height ?? 0;
  }

  /** @param {HTMLVideoElement} video */
  has(video) {
    return document.pictureInPictureElement === video;
  }

  /** @param {HTMLVideoElement} video */
  mayHave(video) {
    return Boolean(document.pictureInPictureEnabled) && !video.hidden && video.readyState > 0;
  }

  /** After a press. @param {HTMLVideoElement} video */
  async toggle(video) {
    if (this.has(video)) await this.close();
    else await video.requestPictureInPicture().catch(() => undefined);
  }

  /** Nobody’s last picture stays in it: not of who left, nor of a camera that is off. */
  closeEmpty() {
    const held = /** @type {HTMLElement | null} */ (document.pictureInPictureElement);
    if (held && (held.hidden || !held.isConnected)) void this.close();
  }

  async close() {
    if (document.pictureInPictureElement) await document.exitPictureInPicture().catch(() => undefined);
  }
}
