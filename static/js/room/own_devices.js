// Under the own view of the join page: which devices are used, what the microphone hears, and what is wrong with them.
import { byId, h, icon, put } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { MicrophoneMeter } from "../media/levels.js";
import { deviceSelects, troubleWords } from "../elements/device_select.js";
import { Meter } from "../elements/meter.js";
import { chime } from "../elements/sounds.js";

/** @typedef {import("../media/devices.js").Devices} Devices */

export class OwnDevices {
  #devices;
  #announce;
  #meter = new Meter(byId("pre-meter"), 14);
  #listening = new MicrophoneMeter((level, silent) => this.#heard(level, silent));
  #silent = false;
  #drawSelects;
  #fellBack = "";
  #drawnTrouble = "";

  /**
   * @param {{devices: Devices, announce: (text: string) => void}} parts
   */
  constructor({ devices, announce }) {
    this.#devices = devices;
    this.#announce = announce;
    const open = byId("devices-open");
    open.onclick = () => open.setAttribute("aria-expanded", String(byId("devices").classList.toggle("open")));
    const test = byId("pre-test");
    test.onclick = async () => {
      test.setAttribute("aria-disabled", "true");
      await chime("test", devices.speaker);
      test.removeAttribute("aria-disabled");
    };
    this.#drawSelects = deviceSelects(devices, { camera: byId("pre-camera-list"), microphone: byId("pre-mic-list"), speaker: byId("pre-speaker-list") });
    devices.on("fellBack", ({ kind, label }) => {
      this.#fellBack = kind === "camera" ? gettext("Your camera was unplugged. Now using {device}.", { device: label }) : gettext("Your microphone was unplugged. Now using {device}.", { device: label });
    });
  }

  /** The room has its own: this one lets go of the microphone. */
  rest() {
    this.#listening.watch(null);
  }

  render() {
    const devices = this.#devices;
    byId("devices").hidden = devices.asked !== "ready";
    byId("devices-open").hidden = devices.asked !== "ready";
    this.#listening.watch(devices.live("microphone") ? devices.tracks.microphone : null);
    this.#drawSelects();
    this.#trouble();
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
