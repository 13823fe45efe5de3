// One tile: a person's camera, or a screen. Draws what it is told; decides nothing about places.
import { h, icon, setAttr, setIcon, setText } from "../lib/h.js";
import { gettext, initials, percent } from "../lib/i18n.js";
import { mayCover } from "../lib/tiles.js";
import { codecName, unplayableWords } from "./codec_words.js";

/**
 * @typedef {import("../lib/tiles.js").Rect} Rect
 * @typedef {{
 *   participant: string, source: "camera" | "screen", name: string, self: boolean, guest: boolean, device: boolean, host: boolean,
 *   speaking: boolean, microphone: boolean, hand: number, lost: boolean, hiddenByYou: boolean, unreadable: boolean, pinned: boolean, mirrored: boolean,
 *   stream: MediaStream | null, unplayable: string, volume: number, spotlight: boolean,
 * }} TileState
 *
 * `unplayable`: the codec of a picture that is sent and that this browser can't show; empty for others.
 * `volume`: how loud they are heard here, 0…1. `pinned`: by this person; `spotlight`: by a host, for everyone.
 */

const REACTION_MS = 3000;
const MOST_REACTIONS = 3;

export class Tile {
  node;
  video;
  /** @type {Rect | null} */
  rect = null;
  #avatar;
  #plateIcon;
  #plateName;
  #guestTag;
  #corner;
  #handPill;
  #handRank;
  #lostPill;
  #hiddenPill = h("span", { class: "pill", hidden: true }, icon("video-off"), gettext("Hidden by you"));
  #unreadablePill;
  #pinPill;
  #pinWord = h("span");
  #volumeWord = h("span");
  #volumePill = h("span", { class: "pill", hidden: true }, icon("volume-2"), this.#volumeWord);
  #fullWord = h("span");
  #note;
  #noteShort;
  #noteTitle;
  #noteAdvice;

  /**
   * @param {{participant: string, source: "camera" | "screen", self: boolean}} who
   * @param {{openMenu: (button: HTMLElement) => void}} options
   */
  constructor({ participant, source, self }, { openMenu }) {
    this.video = h("video", { autoplay: true, playsinline: true, muted: true, hidden: true, tabindex: -1 });
    this.video.muted = true; // the attribute alone does not mute an element made by script
    this.video.addEventListener("resize", () => this.#fit());
    this.video.addEventListener("playing", () => this.node.classList.add("playing"));
    this.#avatar = h("span", { class: "av", "aria-hidden": "true" });
    this.#plateIcon = icon(source === "screen" ? "monitor-up" : "mic-off");
    this.#plateName = h("span", { dir: "auto" });
    this.#guestTag = h("span", { class: "g", hidden: true });
    this.#handRank = h("span");
    this.#handPill = h("span", { class: "pill pill-hand", hidden: true }, icon("hand"), this.#handRank);
    this.#lostPill = h("span", { class: "pill", hidden: true }, icon("wifi-off"), gettext("Lost connection"));
    this.#unreadablePill = h("span", { class: "pill", hidden: true }, icon("key-round"), gettext("Can’t be opened yet"));
    this.#pinPill = h("span", { class: "pill", hidden: true }, icon("pin"), this.#pinWord);
    this.#noteShort = h("b", { class: "brief" });
    this.#noteTitle = h("b", { class: "full" });
    this.#noteAdvice = h("span", { class: "full" });
    this.#note = h("div", { class: "tile-note", hidden: true }, h("p", {}, icon("video-off"), this.#noteShort, this.#noteTitle, this.#noteAdvice));
    const actions = h(
      "button",
      { class: "pill pill-btn tile-actions", type: "button", tabindex: -1, onclick: () => openMenu(actions) },
      icon("ellipsis"),
    );
    this.#corner = h("span", { class: "corner" }, this.#pinPill, this.#lostPill, this.#hiddenPill, this.#unreadablePill, this.#volumePill, this.#handPill);
    if (source === "screen") {
      this.#corner.append(h("button", { class: "pill pill-btn", type: "button", onclick: () => void this.fullScreen() }, icon("maximize"), this.#fullWord));
      this.tellFullScreen();
    }
    this.#corner.prepend(actions);
    this.actions = actions;
    this.node = h(
      "li",
      { class: "tile", "data-participant": participant, "data-self": String(self), "data-source": source, tabindex: -1 },
      this.video,
      source === "camera" ? this.#avatar : null,
      this.#note,
      this.#corner,
      h("span", { class: "plate", "aria-hidden": "true" }, h("span", { class: "bars" }, h("i"), h("i"), h("i")), this.#plateIcon, self && h("span", { class: "you" }, gettext("You")), this.#plateName, this.#guestTag),
    );
    this.node.addEventListener("keydown", (event) => {
      if (event.target === this.node && event.key === "Enter") {
        event.preventDefault();
        openMenu(this.node);
      }
    });
  }

  /** @param {TileState} state */
  update(state) {
    const { node } = this;
    const screen = state.source === "screen";
    setAttr(node, "aria-label", label(state));
    setAttr(node, "data-speaking", state.speaking && !screen ? "true" : "false");
    node.classList.toggle("speaking", state.speaking && !screen);
    node.classList.toggle("self", state.self && state.mirrored);
    node.classList.toggle("lost", state.lost);
    setText(this.#plateName, screen ? gettext("{name} is sharing", { name: state.name }) : state.self ? gettext("{name} (you)", { name: state.name }) : state.name);
    this.#guestTag.hidden = !state.guest || screen;
    setText(this.#guestTag, state.device ? gettext("Device") : gettext("Guest"));
    this.#plateIcon.classList.toggle("ghost-icon", !screen && (state.speaking || state.microphone));
    setText(this.#avatar, initials(state.name));
    this.#avatar.classList.toggle("av-guest", state.guest);
    this.#handPill.hidden = !state.hand || screen;
    setText(this.#handRank, state.hand ? ordinal(state.hand) : "");
    this.#lostPill.hidden = !state.lost;
    this.#unreadablePill.hidden = !state.unreadable || state.lost;
    this.#pinPill.hidden = !pinnedWords(state);
    setText(this.#pinWord, pinnedWords(state));
    this.#volumePill.hidden = state.volume === 1 || screen;
    setIcon(this.#volumePill, state.volume ? "volume-2" : "volume-x");
    setText(this.#volumeWord, percent(state.volume));
    this.#hiddenPill.hidden = !state.hiddenByYou || state.lost;
    setAttr(this.actions, "aria-label", screen ? gettext("Actions for the screen of {name}", { name: state.name }) : gettext("Actions for {name}", { name: state.name }));
    this.#tellUnplayable(state);
    this.#show(state.unplayable ? null : state.stream);
    this.#avatar.hidden ||= Boolean(state.unplayable);
  }

  /** @param {Rect | null} rect null hides the tile: it is on another page */
  place(rect) {
    this.node.hidden = !rect;
    if (!rect) return;
    this.rect = rect;
    for (const side of /** @type {const} */ (["x", "y", "w", "h"])) this.node.style.setProperty(`--${side}`, `${rect[side]}px`);
    this.#fit();
  }

  /** As it stands on the stage. @returns {import("../media/recorder.js").Picture & {participant: string}} */
  picture() {
    const { node, video } = this;
    return {
      participant: String(node.dataset.participant),
      rect: this.rect ?? { x: 0, y: 0, w: 0, h: 0 },
      name: this.#plateName.textContent ?? "",
      video: video.hidden ? null : video,
      whole: video.classList.contains("contain"),
      mirrored: node.classList.contains("self"),
    };
  }

  /** @param {string} emoji */
  react(emoji) {
    if (this.node.querySelectorAll(".reaction").length >= MOST_REACTIONS) this.node.querySelector(".reaction")?.remove();
    const bubble = h("span", { class: "reaction", "aria-hidden": "true" }, emoji);
    this.node.append(bubble);
    setTimeout(() => bubble.remove(), REACTION_MS);
  }

  /** What its button does now. */
  tellFullScreen() {
    setText(this.#fullWord, document.fullscreenElement === this.node ? gettext("Leave full screen") : gettext("Full screen"));
  }

  async fullScreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await this.node.requestFullscreen().catch(() => undefined);
  }

  /** @param {TileState} state */
  #tellUnplayable({ name, device, source, unplayable }) {
    this.#note.hidden = !unplayable;
    if (!unplayable) return;
    const { short, title, advice } = unplayableWords({ name, device, source, codec: unplayable });
    setText(this.#noteShort, short);
    setText(this.#noteTitle, title);
    setText(this.#noteAdvice, advice);
  }

  /** @param {MediaStream | null} stream */
  #show(stream) {
    if (this.video.srcObject !== stream) {
      this.node.classList.remove("playing");
      this.video.srcObject = stream;
    }
    this.video.hidden = !stream;
    if (stream && this.video.paused) this.video.play().catch(() => undefined);
    this.#avatar.hidden = Boolean(stream);
  }

  #fit() {
    const { videoWidth, videoHeight } = this.video;
    const screen = this.node.dataset.source === "screen";
    this.video.classList.toggle("contain", screen || (this.rect !== null && !mayCover(videoWidth, videoHeight, this.rect)));
  }
}

/** @param {TileState} state */
const pinnedWords = ({ pinned, spotlight }) => (pinned ? gettext("Pinned") : spotlight ? gettext("For all") : "");

/** @param {TileState} state */
function label(state) {
  const unplayable = state.unplayable && gettext("can’t be shown, sent as {codec}", { codec: codecName(state.unplayable) });
  if (state.source === "screen") return [gettext("{name}, shared screen", { name: state.name }), unplayable].filter(Boolean).join(", ");
  return [
    state.name,
    state.self && gettext("you"),
    state.guest && (state.device ? gettext("device") : gettext("guest")),
    state.lost && gettext("lost connection"),
    state.unreadable && gettext("can’t be opened yet"),
    !state.microphone && gettext("microphone off"),
    state.volume < 1 && gettext("volume {percent}", { percent: percent(state.volume) }),
    unplayable || (state.hiddenByYou ? gettext("camera hidden by you") : !state.stream && gettext("camera off")),
    state.hand && gettext("hand raised {place}", { place: placeWord(state.hand) }),
    state.pinned ? gettext("pinned") : state.spotlight && gettext("pinned for everyone"),
  ]
    .filter(Boolean)
    .join(", ");
}

/** @param {number} place */
function placeWord(place) {
  return [gettext("first"), gettext("second"), gettext("third")][place - 1] ?? ordinal(place);
}

/** @param {number} place */
export function ordinal(place) {
  const rule = new Intl.PluralRules("en", { type: "ordinal" }).select(place);
  const words = { one: gettext("{place}st", { place }), two: gettext("{place}nd", { place }), few: gettext("{place}rd", { place }) };
  return words[/** @type {keyof typeof words} */ (rule)] ?? gettext("{place}th", { place });
}

