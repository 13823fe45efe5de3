// The left column of the join page: what the camera shows, what the microphone hears, and which devices are used.
import { byId, h, icon, put, setAttr, setIcon, setText } from "../lib/h.js";
import { gettext, initials } from "../lib/i18n.js";
import { MicrophoneMeter } from "../media/levels.js";
import { deviceSelects, troubleWords } from "../elements/device_select.js";
import { Meter } from "../elements/meter.js";
import { chime } from "../elements/sounds.js";

/** @typedef {import("../media/devices.js").Devices} Devices */

export class OwnView {
  #devices;
  #announce;
  #video = /** @type {HTMLVideoElement} */ (byId("preview"));
  #meter = new Meter(byId("pre-meter"), 14);
  #listening = new MicrophoneMeter((level, silent) => this.#heard(level, silent));
  #silent = false;
  #drawSelects;
  #fellBack = "";
  #shown = true;
  #name = "";
  #drawnTrouble = "";

  /**
   * @param {{devices: Devices, announce: (text: string) => void}} parts
   */
  constructor({ devices, announce }) {
    this.#devices = devices;
    this.#announce = announce;
    byId("allow").onclick = () => void devices.allow();
    byId("without").onclick = () => devices.decline();
    byId("pre-mic").onclick = () => void devices.toggle("microphone", !devices.wanted.microphone);
    byId("pre-camera").onclick = () => void devices.toggle("camera", !devices.wanted.camera);
    const open = byId("devices-open");
    open.onclick = () => open.setAttribute("aria-expanded", String(byId("devices").classList.toggle("open")));
    const test = byId("pre-test");
    test.onclick = async () => {
      test.setAttribute("aria-disabled", "true");
      await chime("test", devices.speaker);
      test.removeAttribute("aria-disabled");
    };
    this.#drawSelects = deviceSelects(devices, { camera: byId("pre-camera-list"), microphone: byId("pre-mic-list"), speaker: byId("pre-speaker-list") });
    devices.on("change", () => this.render());
    devices.on("fellBack", ({ kind, label }) => {
      this.#fellBack = kind === "camera" ? gettext("Your camera was unplugged. Now using {device}.", { device: label }) : gettext("Your microphone was unplugged. Now using {device}.", { device: label });
      this.render();
    });
  }

  /** @param {string} name whose initials stand in for the picture */
  setName(name) {
    this.#name = name;
    this.render();
  }

  /** The room has its own view: this one lets go of stream and microphone. */
  hide() {
    this.#shown = false;
    this.#listening.watch(null);
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
    byId("devices").hidden = devices.asked !== "ready";
    byId("devices-open").hidden = devices.asked !== "ready";
    this.#toggle("pre-mic", "microphone", "mic", "mic-off");
    this.#toggle("pre-camera", "camera", "video", "video-off");
    this.#preview(asking);
    this.#listening.watch(devices.live("microphone") ? devices.tracks.microphone : null);
    this.#drawSelects();
    this.#trouble();
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

  /**
   * @param {number} level
   * @param {boolean} silent
   */
  #heard(level, silent) {
    this.#meter.show(level);
    if (silent === this.#silent) return;
    this.#silent = silent;
    this.#trouble();
  }

  #trouble() {
    const { trouble, tracks } = this.#devices;
    const lines = /** @type {{title: string, text: string, retry: ("microphone" | "camera") | null}[]} */ ([]);
    for (const kind of /** @type {const} */ (["camera", "microphone"])) {
      const wrong = trouble[kind];
      if (wrong) lines.push({ ...troubleWords(kind, wrong), retry: kind });
    }
    if (this.#silent && tracks.microphone) {
      lines.push({ title: gettext("We can’t hear anything from {device}", { device: tracks.microphone.label }), text: gettext("Speak up, or pick another microphone."), retry: null });
    }
    if (this.#fellBack && !lines.length) lines.push({ title: this.#fellBack, text: "", retry: null });
    const drawn = JSON.stringify(lines);
    if (drawn === this.#drawnTrouble) return;
    this.#drawnTrouble = drawn;
    put(
      byId("device-trouble"),
      ...lines.map(({ title, text, retry }) =>
        h(
          "div",
          { class: retry ? "note note-danger" : "note" },
          icon(retry ? "circle-alert" : "info"),
          h("span", {}, h("b", {}, title), text ? ` ${text}` : null),
          retry && h("button", { class: "btn btn-sm push", type: "button", onclick: () => void this.#devices.toggle(retry, true) }, gettext("Try again")),
        ),
      ),
    );
    if (lines.length) this.#announce(lines.map(({ title }) => title).join(". "));
  }
}
