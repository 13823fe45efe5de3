// The stage: who is drawn, where, and how large. Tiles never leave their list, so playing video is never interrupted.
import { keyed, setText, h, icon } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { seatOrder, Slots } from "../lib/order.js";
import { cornerRect, focusRects, gapFor, gridRects, narrowestTile, tilesPerPage } from "../lib/tiles.js";
import { trackKey } from "../media/subscriber.js";
import { SmallWindow } from "./small_window.js";
import { Tile } from "./tile.js";

/**
 * @typedef {import("../lib/tiles.js").Rect} Rect
 * @typedef {import("../signaling/protocol.js").Person} Person
 * @typedef {"grid" | "speaker"} View
 * @typedef {"auto" | "grid" | "corner" | "hidden"} OwnView
 * @typedef {{key: string, person: Person, source: "camera" | "screen"}} Shown
 */

/** Below this window width the strip lies under the share. */
const STRIP_BELOW_PX = 900;

export class Stage {
  /** @type {View} */
  view = "grid";
  /** @type {OwnView} */
  ownView = "auto";
  /** Whether the cameras of others are asked for and shown: without them a narrow network carries sound and screens. */
  othersCameras = true;
  /** @type {string | null} whom this person pinned */
  pinned = null;
  /** @type {ReadonlySet<string>} */
  speaking = new Set();
  /** Whether pictures are wanted while the page is in the background, too. */
  needsAll = false;
  #list;
  #pager;
  #roster;
  #call;
  #ownStream;
  #openMenu;
  #isUnreadable;
  #volumeOf;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** @type {Map<string, HTMLLIElement>} */
  #nodes = new Map();
  #slots = new Slots();
  #page = 0;
  /** @type {string | null} */
  #lastSpeaker = null;
  #mirrored = true;
  #small;
  #pagerText = h("span", { class: "num", role: "status" });

  /**
   * @param {{
   *   list: HTMLElement, pager: HTMLElement,
   *   roster: import("../signaling/roster.js").Roster, call: import("../media/call.js").Call,
   *   ownStream: () => MediaStream | null,
   *   openMenu: (person: Person, button: HTMLElement, source: "camera" | "screen") => void,
   *   isUnreadable: (receiver: RTCRtpReceiver) => boolean, volumeOf: (participant: string) => number,
   * }} parts
   */
  constructor({ list, pager, roster, call, ownStream, openMenu, isUnreadable, volumeOf }) {
    this.#list = list;
    this.#pager = pager;
    this.#roster = roster;
    this.#call = call;
    this.#ownStream = ownStream;
    this.#openMenu = openMenu;
    this.#isUnreadable = isUnreadable;
    this.#volumeOf = volumeOf;
    this.#small = new SmallWindow(list, () => this.layOut());
    pager.append(
      h("button", { class: "btn btn-icon", type: "button", "aria-label": gettext("Previous page"), onclick: () => this.#turn(-1) }, icon("chevron-left")),
      this.#pagerText,
      h("button", { class: "btn btn-icon", type: "button", "aria-label": gettext("Next page"), onclick: () => this.#turn(1) }, icon("chevron-right")),
    );
    list.addEventListener("keydown", (event) => this.#onKey(event));
    list.addEventListener("focusin", (event) => this.#onFocus(event));
    list.addEventListener("dblclick", (event) => this.#onTwice(event));
    new ResizeObserver(() => this.layOut()).observe(list);
    document.addEventListener("visibilitychange", () => this.layOut());
    document.addEventListener("fullscreenchange", () => {
      for (const tile of this.#tiles.values()) tile.tellFullScreen();
      this.layOut();
    });
  }

  /** @param {boolean} mirrored whether the own camera faces this person */
  setMirrored(mirrored) {
    this.#mirrored = mirrored;
  }

  /** Draws everybody anew; cheap when nothing changed. */
  render() {
    const shown = this.#shown();
    const hands = this.#roster.hands.map((person) => person.participant);
    const incomings = this.#call.incoming;
    keyed(
      this.#list,
      this.#nodes,
      shown,
      (item) => item.key,
      (item) => this.#create(item),
      (_, item) => {
        const { person, source } = item;
        const self = person.participant === this.#roster.you;
        const sends = source === "screen" ? person.screen : person.camera;
        const hidden = !self && source === "camera" && !this.othersCameras;
        const incoming = self ? null : incomings.get(trackKey(person.participant, source));
        const stream = self ? this.#ownStream() : (incoming?.stream ?? null);
        this.#tiles.get(item.key)?.update({
          participant: person.participant,
          source,
          name: person.name,
          self,
          guest: person.guest,
          device: Boolean(person.device),
          host: person.host,
          speaking: this.speaking.has(person.participant),
          microphone: person.microphone,
          hand: hands.indexOf(person.participant) + 1,
          lost: !person.connected && !self,
          hiddenByYou: sends && hidden,
          unreadable: Boolean(incoming && sends && !hidden && this.#isUnreadable(incoming.receiver)),
          unplayable: sends && !self && !hidden ? (this.#call.unplayable.get(trackKey(person.participant, source))?.codec ?? "") : "",
          volume: this.#volumeOf(person.participant),
          pinned: this.pinned === person.participant,
          spotlight: Boolean(person.spotlight) && source === "camera",
          mirrored: this.#mirrored,
          stream: self || (sends && !hidden) ? stream : null,
        });
      },
    );
    for (const key of this.#tiles.keys()) if (!this.#nodes.has(key)) this.#tiles.delete(key);
    this.#small.closeEmpty();
    this.layOut();
  }

  /**
   * @param {ReadonlySet<string>} speaking
   * @param {number} now
   */
  hear(speaking, now) {
    const changed = speaking.size !== this.speaking.size || [...speaking].some((id) => !this.speaking.has(id));
    this.speaking = speaking;
    for (const person of this.#roster.people.values()) this.#slots.heard(person.participant, speaking.has(person.participant), now);
    const other = [...speaking].find((id) => id !== this.#roster.you);
    if (other && !speaking.has(this.#lastSpeaker ?? "")) this.#lastSpeaker = other;
    if (changed) this.render();
    else if (speaking.size) this.layOut();
  }

  /**
   * @param {string} participant
   * @param {string} emoji
   */
  react(participant, emoji) {
    this.#tiles.get(trackKey(participant, "camera"))?.react(emoji);
  }

  /** @param {string} participant */
  pin(participant) {
    this.pinned = this.pinned === participant ? null : participant;
    this.#page = 0;
    this.render();
  }

  /** Who is large: whom this person pinned, or else whom a host pinned for everyone. Nobody is it for themselves by a host. */
  get #large() {
    const { people, you } = this.#roster;
    if (this.pinned && people.has(this.pinned)) return this.pinned;
    return [...people.values()].find(({ participant, spotlight }) => spotlight && participant !== you)?.participant ?? null;
  }

  layOut() {
    const { clientWidth: width, clientHeight: height } = this.#list;
    if (!width || !height) return;
    const places = this.#places(width, height);
    const corner = this.#cornerKey();
    if (corner) places.set(corner, cornerRect([...places.values()], innerWidth < 640 || innerHeight < 480));
    for (const [key, tile] of this.#tiles) {
      tile.place(places.get(key) ?? null);
      tile.node.classList.toggle("pip", key === corner);
    }
    this.#call.show(this.#tilesOf(places));
    const focusable = [...this.#tiles.values()].filter((tile) => !tile.node.hidden);
    if (!focusable.some((tile) => tile.node.tabIndex === 0)) for (const [index, tile] of focusable.entries()) tile.node.tabIndex = index === 0 ? 0 : -1;
  }

  /**
   * Which pictures of others are seen, and how large, in device pixels; what matters most first, as not everything may fit
   * this person's network. Of a page that is hidden, none but what has a window of its own.
   * @param {Map<string, Rect>} places
   */
  #tilesOf(places) {
    const seen = new Map(document.hidden && !this.needsAll ? [] : [...places].map(([key, rect]) => [key, rect.h]));
    const small = this.#smallKey();
    if (small) seen.set(small, Math.max(seen.get(small) ?? 0, this.#small.height));
    const tiles = [...seen].flatMap(([key, h]) => {
      const colon = key.lastIndexOf(":");
      const participant = key.slice(0, colon);
      const source = /** @type {"camera" | "screen"} */ (key.slice(colon + 1));
      const full = document.fullscreenElement && this.#tiles.get(key)?.node.contains(document.fullscreenElement) ? screen.height : 0;
      const height = Math.min(8192, Math.max(1, Math.round(Math.max(full, h) * devicePixelRatio)));
      const wanted = participant !== this.#roster.you && (source === "screen" || this.othersCameras);
      return wanted ? [{ participant, source, height }] : [];
    });
    const large = this.#large;
    const place = (/** @type {import("../media/call.js").Tile} */ { participant, source }) =>
      ["screen", large, this.#lastSpeaker].indexOf(source === "screen" ? source : participant) + 1 || 4;
    return tiles.sort((a, b) => place(a) - place(b) || b.height - a.height);
  }

  #smallKey() {
    return [...this.#tiles].find(([, { video }]) => this.#small.has(video))?.[0];
  }

  /**
   * Whether a picture may have a window of its own, and has it.
   * @param {string} participant
   * @param {"camera" | "screen"} source
   * @returns {{isOpen: boolean, toggle: () => void} | null}
   */
  smallWindow(participant, source) {
    const video = this.#tiles.get(trackKey(participant, source))?.video;
    if (!video || participant === this.#roster.you || !this.#small.mayHave(video)) return null;
    return { isOpen: this.#small.has(video), toggle: () => void this.#small.toggle(video) };
  }

  /**
   * What is on the stage now, whoever lies over others last, in its own pixels.
   * @returns {{width: number, height: number, pictures: (import("../media/recorder.js").Picture & {participant: string})[]}}
   */
  scene() {
    const tiles = [...this.#tiles.values()].filter(({ node, rect }) => !node.hidden && rect);
    tiles.sort((a, b) => Number(a.node.classList.contains("pip")) - Number(b.node.classList.contains("pip")));
    return { width: this.#list.clientWidth, height: this.#list.clientHeight, pictures: tiles.map((tile) => tile.picture()) };
  }

  clear() {
    void this.#small.close();
    for (const tile of this.#tiles.values()) tile.video.srcObject = null;
    this.#list.replaceChildren();
    this.#tiles.clear();
    this.#nodes.clear();
    this.pinned = null;
    this.speaking = new Set();
  }

  /** @returns {Shown[]} */
  #shown() {
    const people = [...this.#roster.people.values()];
    const large = this.#large;
    const order = seatOrder(
      people.map((person) => ({
        id: person.participant,
        pinned: large === person.participant,
        sharing: person.screen,
        hand: person.hand,
        entered: person.entered_at,
      })),
    );
    const cameras = order.map((id) => /** @type {Shown} */ ({ key: trackKey(id, "camera"), person: this.#roster.people.get(id), source: "camera" }));
    const screens = order
      .map((id) => /** @type {Person} */ (this.#roster.people.get(id)))
      .filter((person) => person.screen && person.participant !== this.#roster.you)
      .map((person) => /** @type {Shown} */ ({ key: trackKey(person.participant, "screen"), person, source: "screen" }));
    return [...screens, ...cameras];
  }

  /** @param {Shown} item */
  #create({ key, person, source }) {
    const { participant } = person;
    const tile = new Tile(
      { participant, source, self: participant === this.#roster.you },
      { openMenu: (button) => this.#openMenu(this.#roster.people.get(participant) ?? person, button, source) },
    );
    this.#tiles.set(key, tile);
    return tile.node;
  }

  #cornerKey() {
    const count = this.#roster.people.size;
    const own = this.ownView === "auto" ? (count === 2 && this.view === "grid" && !this.#screens().length ? "corner" : "grid") : this.ownView;
    return own === "corner" && count > 1 ? trackKey(this.#roster.you, "camera") : null;
  }

  #screens() {
    return [...this.#nodes.keys()].filter((key) => key.endsWith(":screen"));
  }

  /**
   * @param {number} width
   * @param {number} height
   * @returns {Map<string, Rect>}
   */
  #places(width, height) {
    const gap = gapFor(innerWidth);
    const own = trackKey(this.#roster.you, "camera");
    const corner = this.#cornerKey();
    const alone = this.#roster.people.size === 1;
    const screens = this.#screens();
    const cameras = [...this.#nodes.keys()].filter(
      (key) => key.endsWith(":camera") && key !== corner && (alone || key !== own || this.ownView !== "hidden"),
    );
    /** @type {Map<string, Rect>} */
    const places = new Map();
    const now = performance.now();
    const large = this.#large;
    const isFocused = this.view === "speaker" || (large && cameras.includes(trackKey(large, "camera")));
    if (screens.length || (isFocused && cameras.length > 1)) {
      const main = this.#main(screens, cameras, own);
      const rest = [...screens, ...cameras].filter((key) => key !== main);
      const below = innerWidth < STRIP_BELOW_PX;
      const { main: rect, strip } = focusRects(rest.length, width, height, gap, below);
      places.set(main, rect);
      this.#fill(places, rest, strip, now);
      return places;
    }
    const perPage = tilesPerPage(cameras.length, width - 8, height - 8, gap, narrowestTile(innerWidth));
    const pages = Math.max(1, Math.ceil(cameras.length / perPage));
    this.#page = Math.min(this.#page, pages - 1);
    const onPage = Math.min(perPage, cameras.length - this.#page * perPage);
    // The last page keeps the size of the others: the grid is laid out for a full page.
    const rects = gridRects(pages > 1 ? perPage : cameras.length, width, height, gap).slice(0, onPage);
    this.#fill(places, cameras, rects, now, perPage);
    return places;
  }

  /**
   * @param {string[]} screens
   * @param {string[]} cameras
   * @param {string} own
   */
  #main(screens, cameras, own) {
    const large = this.#large;
    const pinned = large && trackKey(large, "camera");
    if (screens.length) return screens.find((key) => large && key === trackKey(large, "screen")) ?? screens[0];
    const speaker = this.#lastSpeaker && trackKey(this.#lastSpeaker, "camera");
    return [pinned, speaker].find((key) => key && cameras.includes(key)) || (cameras.find((key) => key !== own) ?? cameras[0]);
  }

  /**
   * Gives the rectangles to the shown page of `keys`, speakers first if they would not be on it.
   * @param {Map<string, Rect>} places
   * @param {string[]} keys
   * @param {Rect[]} rects
   * @param {number} now
   * @param {number} [perPage]
   */
  #fill(places, keys, rects, now, perPage = rects.length) {
    const pages = Math.max(1, Math.ceil(keys.length / Math.max(1, perPage)));
    this.#page = Math.min(this.#page, pages - 1);
    const from = this.#page * perPage;
    const ids = keys.map((key) => key.slice(0, key.lastIndexOf(":")));
    const unique = new Set(ids).size === ids.length;
    const large = this.#large;
    const seated = unique ? this.#slots.arrange(ids, perPage, from, new Set(large ? [large] : []), now) : ids;
    const ordered = unique ? seated.map((id) => keys[ids.indexOf(id)]) : keys;
    ordered.slice(from, from + rects.length).forEach((key, index) => places.set(key, rects[index]));
    this.#pager.hidden = pages < 2;
    setText(this.#pagerText, gettext("Page {page} of {pages}", { page: this.#page + 1, pages }));
    const [previous, next] = this.#pager.querySelectorAll("button");
    previous.disabled = this.#page === 0;
    next.disabled = this.#page >= pages - 1;
  }

  /** @param {number} step */
  #turn(step) {
    this.#page = Math.max(0, this.#page + step);
    this.layOut();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !(/** @type {Element} */ (event.target).matches(".tile"))) return;
    const tiles = [...this.#list.querySelectorAll(".tile")].filter((node) => !(/** @type {HTMLElement} */ (node).hidden));
    const at = tiles.indexOf(/** @type {Element} */ (event.target));
    /** @type {HTMLElement} */ (tiles[(at + step + tiles.length) % tiles.length]).focus();
    event.preventDefault();
  }

  /** As other meetings have it: a person twice pins, a screen twice fills one's own. @param {MouseEvent} event */
  #onTwice(event) {
    const target = /** @type {Element} */ (event.target);
    const tile = [...this.#tiles.values()].find(({ node }) => node.contains(target));
    if (!tile || target.closest("button")) return;
    if (tile.node.dataset.source === "screen") void tile.fullScreen();
    else this.pin(String(tile.node.dataset.participant));
  }

  /** @param {FocusEvent} event */
  #onFocus(event) {
    const tile = /** @type {Element} */ (event.target).closest(".tile");
    for (const other of this.#tiles.values()) other.node.tabIndex = other.node === tile ? 0 : -1;
  }
}
