// The left column of the join page: what the camera shows, and whether camera and microphone are on.
import { byId, setAttr, setIcon, setText } from "../lib/h.js";
import { initials } from "../lib/i18n.js";

/** @typedef {import("../media/devices.js").Devices} Devices */

export class OwnView {
  #devices;
  #video = /** @type {HTMLVideoElement} */ (byId("preview"));
  /** @type {import("./own_devices.js").OwnDevices | null} */
  #below = null;
  #shown = true;
  #name = "";

  /** @param {Devices} devices */
  constructor(devices) {
    this.#devices = devices;
    byId("allow").onclick = () => void devices.allow();
    byId("without").onclick = () => devices.decline();
    byId("pre-mic").onclick = () => void devices.toggle("microphone", !devices.wanted.microphone);
    byId("pre-camera").onclick = () => void devices.toggle("camera", !devices.wanted.camera);
    devices.on("change", () => this.render());
  }

  /** What stands under the picture. @param {import("./own_devices.js").OwnDevices} below its code arrives with the room's */
  addBelow(below) {
    this.#below = below;
    this.render();
  }

  /** @param {string} name whose initials stand in for the picture */
  setName(name) {
    this.#name = name;
    this.render();
  }

  /** The room has its own view: this one lets go of stream and microphone. */
  hide() {
    this.#shown = false;
    this.#below?.rest();
    this.#video.srcObject = null;
  }

  show() {
    this.#shown = true;
    this.render();
  }

  render() {
    if (!this.#shown) return;
    const devices = this.#devices;
    const asking = devices.asked === "idle" || devices.asked === "asking";
    byId("ask-devices").hidden = !asking;
    byId("preview-plate").hidden = asking;
    setAttr(byId("allow"), "aria-disabled", devices.asked === "asking" ? "true" : null);
    byId("preview-ctl").hidden = asking;
    this.#toggle("pre-mic", "microphone", "mic", "mic-off");
    this.#toggle("pre-camera", "camera", "video", "video-off");
    this.#preview(asking);
    this.#below?.render();
  }

  /**
   * @param {string} id
   * @param {"microphone" | "camera"} kind
   * @param {string} onIcon
   * @param {string} offIcon
   */
  #toggle(id, kind, onIcon, offIcon) {
    const button = byId(id);
    const on = this.#devices.live(kind) ?? false;
    setAttr(button, "aria-pressed", String(on));
    setIcon(button, on ? onIcon : offIcon);
  }

  /** @param {boolean} asking */
  #preview(asking) {
    const track = this.#devices.live("camera") ? this.#devices.tracks.camera : null;
    const current = /** @type {MediaStream | null} */ (this.#video.srcObject);
    if (current?.getVideoTracks()[0] !== (track ?? undefined)) this.#video.srcObject = track ? new MediaStream([track]) : null;
    this.#video.hidden = !track;
    this.#video.classList.toggle("mirrored", this.#devices.facing !== "environment");
    const avatar = byId("preview-initials");
    avatar.hidden = Boolean(track) || asking;
    setText(avatar, initials(this.#name));
  }
}
