// The settings dialog: sound, video, keyboard, notices and motion. What is changed here holds at once.
import { h, icon, put } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { MicrophoneMeter } from "../media/levels.js";
import { CODEC_NAMES } from "../media/codecs.js";
import { deviceSelects } from "./device_select.js";
import { Meter } from "./meter.js";
import { keyTable } from "./shortcuts.js";
import { chime } from "./sounds.js";

/**
 * @typedef {import("../lib/preferences.js").Preferences} Preferences
 * @typedef {import("../media/devices.js").Devices} Devices
 * @typedef {"sound" | "video" | "keyboard" | "motion"} Section
 * @typedef {"auto" | import("../media/codecs.js").Codec} Codec
 */

export class Settings {
  #devices;
  #preferences;
  #codecs;
  /** @type {HTMLDialogElement | null} */
  #dialog = null;

  /**
   * @param {{devices: Devices, preferences: Preferences, codecs: () => import("../media/codecs.js").Codec[]}} parts `codecs`: what there is
   *   to choose from in this meeting beside Automatic
   */
  constructor({ devices, preferences, codecs }) {
    this.#devices = devices;
    this.#preferences = preferences;
    this.#codecs = codecs;
  }

  /** @param {Section} section */
  open(section = "sound") {
    if (this.#dialog) return;
    const back = /** @type {HTMLElement | null} */ (document.activeElement);
    const body = h("div", { class: "dlg-b stack gap-5" });
    const sections = /** @type {[Section, string, string, () => (Node | null)[]][]} */ ([
      ["sound", gettext("Sound"), "headphones", () => this.#sound()],
      ["video", gettext("Video"), "video", () => this.#video()],
      ["keyboard", gettext("Keyboard"), "keyboard", () => this.#keyboard()],
      ["motion", gettext("Notices and motion"), "sliders-horizontal", () => this.#motion()],
    ]);
    /** @type {(() => void)[]} */
    this.#undo = [];
    const close = h("button", { class: "btn btn-icon push", type: "button", "aria-label": gettext("Close settings"), onclick: () => dialog.close() }, icon("x"));
    const buttons = sections.map(([name, title, glyph]) => h("button", { type: "button", onclick: () => show(name) }, icon(glyph), title));
    const show = (/** @type {Section} */ wanted) => {
      this.#undo.forEach((undo) => undo());
      this.#undo = [];
      sections.forEach(([name, title, , draw], index) => {
        if (name === wanted) {
          buttons[index].setAttribute("aria-current", "true");
          put(body, h("div", { class: "row" }, h("h3", { class: "dlg-h" }, title), close), ...draw());
        } else buttons[index].removeAttribute("aria-current");
      });
    };
    const dialog = h(
      "dialog",
      { class: "dlg", "aria-labelledby": "settings-title" },
      h("nav", { "aria-label": gettext("Settings sections") }, h("h2", { id: "settings-title" }, gettext("Settings")), h("ul", {}, ...buttons.map((button) => h("li", {}, button)))),
      body,
    );
    this.#dialog = dialog;
    dialog.onclose = () => {
      this.#undo.forEach((undo) => undo());
      dialog.remove();
      this.#dialog = null;
      if (back?.isConnected) back.focus();
    };
    document.body.append(dialog);
    show(section);
    dialog.showModal();
    close.focus();
  }

  /** @type {(() => void)[]} what the shown section has to give back */
  #undo = [];

  #sound() {
    const microphone = h("select", { class: "input", id: "set-mic" });
    const speaker = h("select", { class: "input", id: "set-speaker" });
    const meterRoot = h("div", { class: "meter", role: "meter", "aria-label": gettext("Microphone level"), "aria-valuemin": 0, "aria-valuenow": 0 });
    const meter = new Meter(meterRoot, 24);
    const listening = new MicrophoneMeter((level) => meter.show(this.#devices.live("microphone") ? level : 0));
    const draw = deviceSelects(this.#devices, { microphone, speaker });
    const update = () => {
      draw();
      listening.watch(this.#devices.tracks.microphone);
    };
    update();
    this.#undo.push(this.#devices.on("change", update), () => listening.close());
    return [
      h("div", { class: "field" }, h("label", { for: "set-mic" }, gettext("Microphone")), microphone, meterRoot),
      h(
        "div",
        { class: "field" },
        h("label", { for: "set-speaker" }, gettext("Speaker")),
        h("div", { class: "row" }, speaker, h("button", { class: "btn btn-tall", type: "button", onclick: () => void chime("test", this.#devices.speaker) }, icon("volume-2"), gettext("Test"))),
      ),
      h(
        "div",
        { class: "stack gap-3" },
        this.#tick("chimeKnock", gettext("Chime when someone knocks")),
        this.#tick("chimeEnter", gettext("Chime when someone comes in")),
        this.#tick("holdToTalk", gettext("Hold V to talk while muted")),
      ),
    ];
  }

  #video() {
    const camera = h("select", { class: "input", id: "set-camera" });
    const draw = deviceSelects(this.#devices, { camera });
    draw();
    this.#undo.push(this.#devices.on("change", draw));
    const views = /** @type {["auto" | "grid" | "corner" | "hidden", string][]} */ ([
      ["auto", gettext("Choose for me")],
      ["grid", gettext("In the grid")],
      ["corner", gettext("In a corner")],
      ["hidden", gettext("Hidden")],
    ]);
    return [
      h("div", { class: "field" }, h("label", { for: "set-camera" }, gettext("Camera")), camera),
      h(
        "fieldset",
        { class: "stack gap-2" },
        h("legend", { class: "label" }, gettext("My view")),
        ...views.map(([value, label]) =>
          h(
            "label",
            { class: "check" },
            h("input", { type: "radio", name: "own-view", value, checked: this.#preferences.get("ownView") === value, onchange: () => this.#preferences.set("ownView", value) }),
            h("span", {}, label),
          ),
        ),
      ),
      this.#tick("othersCameras", gettext("Show other people’s cameras")),
      this.#codec(),
    ];
  }

  /** Where everybody gets VP8 anyway, or the browser has nothing else, there is nothing to choose. */
  #codec() {
    const codecs = this.#codecs();
    if (!codecs.length) return null;
    const chosen = this.#preferences.get("codec");
    const option = (/** @type {Codec} */ value, /** @type {string} */ label) => h("option", { value, selected: value === chosen }, label);
    return h(
      "div",
      { class: "field" },
      h("label", { for: "set-codec" }, gettext("Send my picture as")),
      h("p", { class: "hint", id: "set-codec-hint" }, gettext("Automatic suits nearly everybody: each person gets the size that fits their screen and network. The others come in one size, some work this device harder, and not every browser shows them.")),
      h(
        "select",
        { class: "input", id: "set-codec", "aria-describedby": "set-codec-hint", onchange: (/** @type {Event} */ event) => this.#preferences.set("codec", /** @type {Codec} */ (/** @type {HTMLSelectElement} */ (event.target).value)) },
        option("auto", gettext("Automatic")),
        ...codecs.map((codec) => option(codec, CODEC_NAMES[codec])),
      ),
    );
  }

  #keyboard() {
    return [this.#tick("shortcuts", gettext("Use these keys")), keyTable()];
  }

  #motion() {
    const notify = this.#tick("notify", gettext("Notify me when someone knocks and this tab is hidden"));
    notify.querySelector("input")?.addEventListener("change", async (event) => {
      const box = /** @type {HTMLInputElement} */ (event.target);
      if (!box.checked || !("Notification" in globalThis)) return;
      if ((await Notification.requestPermission()) !== "granted") {
        box.checked = false;
        this.#preferences.set("notify", false);
      }
    });
    return [
      h(
        "div",
        { class: "stack gap-3" },
        notify,
        this.#tick("sayChat", gettext("Read out new messages while chat is closed")),
        this.#tick("lessMotion", gettext("Less motion")),
      ),
    ];
  }

  /**
   * @param {"chimeKnock" | "chimeEnter" | "holdToTalk" | "shortcuts" | "notify" | "sayChat" | "lessMotion" | "othersCameras"} name
   * @param {string} label
   */
  #tick(name, label) {
    return h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", checked: this.#preferences.get(name), onchange: (/** @type {Event} */ event) => this.#preferences.set(name, /** @type {HTMLInputElement} */ (event.target).checked) }),
      h("span", {}, label),
    );
  }
}
