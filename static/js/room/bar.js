// The control bar and the small buttons of the top bar: their state, their menus, their counts.
import { byId, h, icon, setAttr, setIcon, setText } from "../lib/h.js";
import { gettext, ngettext } from "../lib/i18n.js";
import { EMOJI } from "../signaling/protocol.js";
import { showMenu } from "../elements/menu.js";
import { whyNot } from "../elements/rights_words.js";
import { keysOf } from "../elements/shortcuts.js";
import { rovingToolbar } from "../elements/toolbar.js";

/** @typedef {import("../elements/menu.js").Entry} Entry */

/**
 * @typedef {{
 *   devices: import("../media/devices.js").Devices,
 *   participation: import("../media/participation.js").Participation,
 *   roster: import("../signaling/roster.js").Roster,
 *   toggleMicrophone: () => void, toggleCamera: () => void, toggleShare: () => void, toggleHand: () => void,
 *   react: (emoji: string) => void, leave: () => void, openSettings: (section: "sound" | "video" | "keyboard") => void,
 *   openPanel: (name: string) => void, setView: (view: "grid" | "speaker") => void, view: () => "grid" | "speaker",
 *   fullScreen: () => void, keys: () => boolean, recording: import("./recording.js").Recording,
 * }} BarParts
 */

/** Which of the bar’s buttons have keys. @type {Record<string, import("../elements/shortcuts.js").Command>} */
const KEYS = { mic: "microphone", camera: "camera", share: "share", hand: "hand", react: "react", people: "people", chat: "chat", host: "host" };

const canShare = () => Boolean(navigator.mediaDevices && "getDisplayMedia" in navigator.mediaDevices);

export class Bar {
  #parts;
  #toolbar = rovingToolbar(byId("toolbar"));
  #peopleBadge = h("span", { class: "badge badge-lamp num", "aria-hidden": "true", hidden: true });
  #chatBadge = h("span", { class: "badge num", "aria-hidden": "true", hidden: true });
  #opens = [["react", gettext("React")], ["people", gettext("People")], ["chat", gettext("Chat")], ["host", gettext("Host controls")]];

  /** @param {BarParts} parts */
  constructor(parts) {
    this.#parts = parts;
    byId("bar-mic").onclick = () => parts.toggleMicrophone();
    byId("bar-camera").onclick = () => parts.toggleCamera();
    byId("bar-share").onclick = () => parts.toggleShare();
    byId("bar-hand").onclick = () => parts.toggleHand();
    byId("bar-leave").onclick = () => parts.leave();
    byId("bar-mic-menu").onclick = () => showMenu(byId("bar-mic-menu"), this.#soundEntries());
    byId("bar-camera-menu").onclick = () => showMenu(byId("bar-camera-menu"), this.#cameraEntries());
    byId("bar-react").onclick = () => this.openReactions();
    byId("bar-more").onclick = () => showMenu(byId("bar-more"), this.#moreEntries(), { label: gettext("More") });
    byId("chip-view").onclick = () => showMenu(byId("chip-view"), this.#viewEntries(), { label: gettext("View") });
    byId("bar-people").append(this.#peopleBadge);
    byId("bar-chat").append(this.#chatBadge);
    byId("bar-share").hidden = !canShare();
  }

  openReactions() {
    const button = byId("bar-react").offsetParent ? byId("bar-react") : byId("bar-more");
    showMenu(button, EMOJI.map((emoji, index) => ({ label: emoji, note: String(index + 1), run: () => this.#parts.react(emoji) })), { label: gettext("Reactions"), row: true });
  }

  /** @param {number} unread */
  render(unread) {
    const { participation, roster, devices } = this.#parts;
    const { capabilities, people, waiting } = roster;
    this.#device("mic", participation.microphone, "mic", "mic-off", capabilities.speak && (participation.microphone || !roster.suspended), devices.trouble.microphone);
    this.#device("camera", participation.camera, "video", "video-off", capabilities.show && (participation.camera || !roster.suspended), devices.trouble.camera);
    const mic = participation.microphone ? gettext("Turn off microphone") : gettext("Turn on microphone");
    const camera = participation.camera ? gettext("Turn off camera") : gettext("Turn on camera");
    this.#may("mic", "speak", mic);
    this.#may("camera", "show", camera);
    this.#may("share", "share", participation.sharing ? gettext("Stop sharing") : gettext("Share your screen"));
    this.#hint("hand", roster.self?.hand ? gettext("Lower your hand") : gettext("Raise your hand"));
    for (const [name, text] of this.#opens) this.#hint(name, text);
    setAttr(byId("bar-share"), "aria-pressed", String(participation.sharing));
    setAttr(byId("bar-share"), "aria-disabled", capabilities.share && !roster.suspended ? null : "true");
    setAttr(byId("bar-hand"), "aria-pressed", String(Boolean(roster.self?.hand)));
    setAttr(byId("bar-react"), "aria-disabled", roster.suspended ? "true" : null);
    byId("bar-host").hidden = !capabilities.host;
    this.#peopleBadge.hidden = !waiting.length;
    setText(this.#peopleBadge, String(waiting.length));
    setAttr(byId("bar-people"), "aria-label", waiting.length ? gettext("People, {count} at the door", { count: waiting.length }) : gettext("People"));
    this.#chatBadge.hidden = !unread;
    setText(this.#chatBadge, unread > 99 ? "99+" : String(unread));
    setAttr(byId("bar-chat"), "aria-label", unread ? ngettext("Chat, {count} unread", "Chat, {count} unread", unread) : gettext("Chat"));
    setAttr(byId("small-chat"), "aria-label", unread ? ngettext("Chat, {count} unread", "Chat, {count} unread", unread) : gettext("Chat"));
    setText(/** @type {Element} */ (byId("small-chat").querySelector(".num")), unread ? String(unread) : "");
    byId("small-people").classList.toggle("warn", waiting.length > 0);
    setAttr(
      byId("small-people"),
      "aria-label",
      waiting.length ? gettext("People, {count} at the door", { count: waiting.length }) : ngettext("People, {count} inside", "People, {count} inside", people.size),
    );
    setText(/** @type {Element} */ (byId("small-people").querySelector(".num")), String(waiting.length || people.size));
    const speaker = this.#parts.view() === "speaker";
    setText(/** @type {Element} */ (byId("chip-view").querySelector(".lbl")), speaker ? gettext("Speaker") : gettext("Grid"));
    setAttr(byId("chip-view"), "aria-label", speaker ? gettext("View: speaker") : gettext("View: grid"));
    setIcon(byId("chip-view"), speaker ? "square-user" : "layout-grid");
    this.#toolbar.settle();
  }

  /**
   * @param {"mic" | "camera"} name
   * @param {boolean} on
   * @param {string} onIcon
   * @param {string} offIcon
   * @param {boolean} may
   * @param {unknown} trouble
   */
  #device(name, on, onIcon, offIcon, may, trouble) {
    const button = byId(`bar-${name}`);
    setAttr(button, "aria-pressed", String(on));
    setAttr(button, "aria-disabled", may ? null : "true");
    button.classList.toggle("troubled", Boolean(trouble));
    setIcon(button, on ? onIcon : offIcon);
    byId(`bar-${name}-menu`).classList.toggle("is-off", !on);
  }

  /**
   * The name of a button never changes: what stands in its way is a lock on it, and said with it.
   * @param {"mic" | "camera" | "share"} name
   * @param {import("../signaling/protocol.js").Right} right
   * @param {string} title where nothing does
   */
  #may(name, right, title) {
    const { roster } = this.#parts;
    const button = byId(`bar-${name}`);
    const why = roster.capabilities[right] ? "" : `${whyNot(roster, right)} ${gettext("Raise your hand to ask.")}`;
    this.#hint(name, title);
    if (why) setAttr(button, "title", why);
    setAttr(button, "aria-description", why || null);
    let lock = button.querySelector(".badge");
    if (!why) lock?.remove();
    else if (!lock) button.append((lock = h("span", { class: "badge", "aria-hidden": "true" }, icon("lock"))));
  }

  /**
   * What a button does, and what to press instead while keys are on.
   * @param {string} name
   * @param {string} text
   */
  #hint(name, text) {
    const { words, keys } = keysOf(KEYS[name]);
    const on = this.#parts.keys();
    setAttr(byId(`bar-${name}`), "title", on ? `${text} (${words})` : text);
    setAttr(byId(`bar-${name}`), "aria-keyshortcuts", on ? keys : null);
  }

  /** @returns {Entry[]} */
  #soundEntries() {
    const { devices, openSettings } = this.#parts;
    const microphone = devices.current("microphone");
    return [
      { heading: gettext("Microphone") },
      ...devices.of("microphone").map((device) => ({ label: device.label || gettext("Unnamed device"), checked: device.deviceId === microphone, run: () => void devices.choose("microphone", device.deviceId) })),
      ...(devices.speakers.length ? [{ heading: gettext("Speaker") }] : []),
      ...devices.speakers.map((device) => ({ label: device.label || gettext("Unnamed device"), checked: device.deviceId === (devices.speaker || "default"), run: () => devices.chooseSpeaker(device.deviceId) })),
      { label: gettext("Sound settings…"), icon: "sliders-horizontal", run: () => openSettings("sound") },
    ];
  }

  /** @returns {Entry[]} */
  #cameraEntries() {
    const { devices, openSettings } = this.#parts;
    const camera = devices.current("camera");
    return [
      { heading: gettext("Camera") },
      ...devices.of("camera").map((device) => ({ label: device.label || gettext("Unnamed device"), checked: device.deviceId === camera, run: () => void devices.choose("camera", device.deviceId) })),
      { label: gettext("Video settings…"), icon: "sliders-horizontal", run: () => openSettings("video") },
    ];
  }

  /** @returns {Entry[]} */
  #viewEntries() {
    const { setView, view } = this.#parts;
    return [
      { label: gettext("Grid"), checked: view() === "grid", run: () => setView("grid") },
      { label: gettext("Speaker"), checked: view() === "speaker", run: () => setView("speaker") },
    ];
  }

  /** @returns {Entry[]} what has no place in the bar at this width is here */
  #moreEntries() {
    const { devices, openSettings, openPanel, toggleShare, participation, roster, fullScreen, setView, view, recording } = this.#parts;
    const narrow = innerWidth < 900;
    const phone = innerWidth <= 640;
    return [
      phone && canShare()
        ? { label: participation.sharing ? gettext("Stop sharing") : gettext("Share"), icon: participation.sharing ? "monitor-x" : "monitor-up", run: toggleShare }
        : null,
      phone ? { label: gettext("React"), icon: "smile", run: () => this.openReactions() } : null,
      phone && roster.capabilities.host ? { label: gettext("Host controls"), icon: "sliders-horizontal", run: () => openPanel("host") } : null,
      phone && devices.of("camera").length > 1 ? { label: gettext("Turn camera around"), icon: "switch-camera", run: () => void devices.turnCamera() } : null,
      phone
        ? view() === "grid"
          ? { label: gettext("Speaker view"), icon: "square-user", run: () => setView("speaker") }
          : { label: gettext("Grid view"), icon: "layout-grid", run: () => setView("grid") }
        : null,
      phone ? { label: gettext("Network"), icon: "signal", run: () => openPanel("network") } : null,
      narrow ? { label: gettext("Microphone and speaker"), icon: "headphones", run: () => openSettings("sound") } : null,
      recording.isOn || recording.isPossible
        ? { label: recording.isOn ? gettext("Stop recording") : gettext("Record on this device…"), icon: "circle-dot", run: () => void recording.toggle() }
        : null,
      { label: gettext("Settings"), icon: "sliders-horizontal", run: () => openSettings("sound") },
      { label: gettext("Keys"), icon: "keyboard", note: "Shift + ?", run: () => openSettings("keyboard") },
      document.fullscreenEnabled ? { label: document.fullscreenElement ? gettext("Leave full screen") : gettext("Full screen"), icon: "maximize", run: fullScreen } : null,
    ];
  }
}
