// The room: puts elements, media and signalling together, and says what happens. Lives from the first `room` to the end.
import { byId, h, icon, put, setText } from "../lib/h.js";
import { gettext, ngettext } from "../lib/i18n.js";
import { trackKey } from "../media/subscriber.js";
import { MicrophoneMeter, receivedLevel, SpeechDetector } from "../media/levels.js";
import { Quality } from "../media/quality.js";
import { Hosting } from "../signaling/hosting.js";
import { Banners } from "../elements/banners.js";
import { ChatPanel } from "../elements/chat_panel.js";
import { ask, closeDialogs } from "../elements/dialog.js";
import { DoorQueue } from "../elements/door_queue.js";
import { doorPromise } from "../elements/door_words.js";
import { HostPanel } from "../elements/host_panel.js";
import { DoorRules, encryptionBody, NetworkPanel } from "../elements/info_panels.js";
import { closeMenu } from "../elements/menu.js";
import { Panels } from "../elements/panels.js";
import { PeoplePanel } from "../elements/people_panel.js";
import { Settings } from "../elements/settings.js";
import { listen } from "../elements/shortcuts.js";
import { AudioOut, chime } from "../elements/sounds.js";
import { Stage } from "../elements/stage.js";
import { Bar } from "./bar.js";
import { commands } from "./commands.js";
import { Notices } from "./notices.js";
import { personMenu } from "./person_menu.js";
import { TopBar } from "./top.js";

/**
 * @typedef {import("../signaling/protocol.js").ServerMessage} ServerMessage
 */

const LEVELS_EVERY_MS = 150;
const PILL_MS = 900;
/** After this long without the server a whole panel says so, not only a banner. */
const LONG_CUT_MS = 30_000;

export class Inside {
  #client;
  #roster;
  #call;
  #devices;
  #participation;
  #preferences;
  #announcer;
  #hosting;
  #stage;
  #queue;
  #people;
  #chat;
  #host;
  #network;
  #panels;
  #settings;
  #bar;
  #top;
  #banners = new Banners(byId("stage-notes"));
  #notices;
  #run;
  #audio;
  #quality;
  #speech = new SpeechDetector();
  #ownLevel = 0;
  #meter = new MicrophoneMeter((level) => (this.#ownLevel = level));
  /** @type {MediaStream | null} */
  #ownStream = null;
  #doorRules = new DoorRules();
  #open = false;
  /** @type {any} */
  #levels = null;
  /** @type {any} */
  #longCut = null;
  /** @type {any} */
  #pillTimer = null;
  /** @type {any} */
  #minute = null;
  /** @type {(() => void) | null} */
  #stopKeys = null;
  /** @type {WakeLockSentinel | null} */
  #wakeLock = null;
  #alonePromise = "";

  /**
   * @param {{
   *   client: import("../signaling/client.js").MeetingClient, roster: import("../signaling/roster.js").Roster,
   *   call: import("../media/call.js").Call, devices: import("../media/devices.js").Devices,
   *   participation: import("../media/participation.js").Participation,
   *   preferences: import("../lib/preferences.js").Preferences, announcer: import("../elements/announcer.js").Announcer,
   *   organisation: string,
   * }} parts
   */
  constructor({ client, roster, call, devices, participation, preferences, announcer, organisation }) {
    this.#client = client;
    this.#roster = roster;
    this.#call = call;
    this.#devices = devices;
    this.#participation = participation;
    this.#preferences = preferences;
    this.#announcer = announcer;
    this.#notices = new Notices({ roster, devices, preferences, banners: this.#banners, announcer });
    const failed = (/** @type {unknown} */ error) => this.#notices.failed(error);
    this.#hosting = new Hosting((type, fields) => client.request(type, fields));
    this.#stage = new Stage({
      stage: byId("stage"), list: byId("tiles"), pager: byId("pager"), roster, call,
      ownStream: () => this.#ownStream, openMenu: (person, button) => openMenu(person, button),
    });
    const openMenu = personMenu({ roster, hosting: this.#hosting, stage: this.#stage, failed, lowerOwnHand: () => void this.#raiseHand(false) });
    this.#panels = new Panels(byId("panel"), () => this.#render());
    this.#queue = new DoorQueue({ roster, hosting: this.#hosting, toast: byId("toast"), openPeople: () => this.#panels.open("people"), failed });
    this.#people = new PeoplePanel({ roster, openMenu, lock: () => this.#lock(), muteEveryone: () => this.#muteEveryone() });
    this.#chat = new ChatPanel({ roster, send: (text) => client.request("chat", { text }), onUnread: () => this.#render() });
    this.#host = new HostPanel({
      roster, lock: () => this.#lock(), muteEveryone: () => this.#muteEveryone(), lowerHands: () => this.#lowerHands(), end: () => void this.#end(),
    });
    this.#network = new NetworkPanel({ turnOffCamera: () => void participation.turn("camera", false) });
    this.#settings = new Settings({ devices, preferences });
    this.#top = new TopBar(roster);
    this.#audio = new AudioOut(byId("sounds"), () => this.#notices.soundBlocked(() => this.#audio.resume()));
    this.#quality = new Quality(
      () => ({ publish: call.publisher?.connection ?? null, subscribe: call.subscriber?.connection ?? null }),
      () => participation.camera,
    );
    this.#bar = new Bar({
      devices, participation, roster,
      toggleMicrophone: () => void this.#turn("microphone"), toggleCamera: () => void this.#turn("camera"), toggleShare: () => void this.#share(),
      toggleHand: () => void this.#raiseHand(!roster.self?.hand), react: (emoji) => void client.request("reaction", { emoji }).catch(failed),
      leave: () => void this.#leave(), openSettings: (section) => this.#settings.open(section), openPanel: (name) => this.#panels.open(name),
      setView: (view) => this.#setView(view), view: () => this.#stage.view,
      fullScreen: () => void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => undefined),
    });
    this.#run = commands({
      roster, participation, quality: this.#quality, panels: this.#panels, stage: this.#stage, queue: this.#queue, settings: this.#settings, announcer,
      turn: (kind) => this.#turn(kind), share: () => this.#share(), raiseHand: (raised) => this.#raiseHand(raised),
      setView: (view) => this.#setView(view), openReactions: () => this.#bar.openReactions(), pill: (text) => this.#pill(text),
    });
    this.#addPanels(organisation);
    this.#listen();
  }

  /** The first `room`: the stage appears, and the focus goes to its title. */
  open() {
    if (this.#open) return;
    this.#open = true;
    document.body.classList.replace("join", "room");
    for (const id of ["room-top", "stage", "room-bar"]) byId(id).hidden = false;
    for (const id of ["join-top", "join"]) byId(id).hidden = true;
    this.#top.start();
    this.#top.network(this.#quality.verdict.word);
    this.#quality.start();
    this.#levels = setInterval(() => this.#listenToLevels(), LEVELS_EVERY_MS);
    this.#minute = setInterval(() => this.#queue.tick(), 15_000);
    this.#stopKeys = listen({
      enabled: () => this.#preferences.get("shortcuts"),
      holdToTalk: () => this.#preferences.get("holdToTalk"),
      run: this.#run,
      talk: (held) => {
        this.#pill(held ? gettext("Microphone on") : gettext("Microphone off"));
        void (held ? this.#participation.startTalking() : this.#participation.stopTalking());
      },
    });
    void this.#stayAwake();
    this.#ownTracks();
    this.#stage.ownView = this.#preferences.get("ownView");
    this.#render();
    byId("room-title").focus({ preventScroll: true });
    const count = this.#roster.people.size;
    const mic = this.#participation.microphone ? gettext("Your microphone is on.") : gettext("Your microphone is off.");
    this.#announcer.say(`${ngettext("You’re in. {count} person.", "You’re in. {count} people.", count)} ${mic}`);
  }

  /** Out: the page is the door's again. Media were stopped before. */
  close() {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#levels);
    clearInterval(this.#minute);
    clearTimeout(this.#longCut);
    this.#stopKeys?.();
    this.#top.stop();
    this.#quality.stop();
    this.#meter.watch(null);
    this.#audio.close();
    this.#notices.clear();
    closeMenu();
    closeDialogs();
    this.#panels.close();
    this.#stage.clear();
    put(byId("stage-alone"));
    put(byId("toast"));
    void this.#wakeLock?.release().catch(() => undefined);
    this.#wakeLock = null;
    if (document.fullscreenElement) void document.exitFullscreen().catch(() => undefined);
    document.body.classList.replace("room", "join");
    for (const id of ["room-top", "stage", "room-bar"]) byId(id).hidden = true;
    for (const id of ["join-top", "join"]) byId(id).hidden = false;
  }

  /** The line is cut, or back. @param {boolean} cut */
  reconnecting(cut) {
    if (!this.#open) return;
    byId("stage").classList.toggle("frozen", cut);
    this.#quality.setOffline(cut);
    clearTimeout(this.#longCut);
    if (!cut) {
      this.#banners.hide("cut");
      this.#banners.hide("offline");
      return;
    }
    const leave = { label: gettext("Leave"), run: () => void this.#client.leave() };
    this.#banners.show("cut", { spin: true, title: gettext("Reconnecting."), text: gettext("Others may not hear you right now."), actions: [leave] });
    this.#announcer.alert(gettext("Connection lost. Reconnecting."));
    this.#longCut = setTimeout(() => {
      this.#banners.hide("cut");
      this.#banners.show("offline", {
        icon: "wifi-off", title: gettext("You’re offline."), text: gettext("We’ll reconnect by ourselves. You keep your place for 2 minutes."),
        actions: [{ label: gettext("Try now"), run: () => this.#client.tryNow() }, leave],
      });
    }, LONG_CUT_MS);
  }

  /** @param {ServerMessage} message */
  take(message) {
    if (message.type === "chat") {
      this.#chat.add(message);
      if (message.participant !== this.#roster.you && this.#panels.current !== "chat" && this.#preferences.get("sayChat")) {
        this.#announcer.say(gettext("Message from {name}: {text}", { name: message.name, text: message.text.slice(0, 200) }));
      }
    } else if (message.type === "reaction") this.#stage.react(message.participant, message.emoji);
    else if (message.type === "muted") void this.#participation.mutedByHost(message);
  }

  // ---- wiring

  /** @param {string} organisation */
  #addPanels(organisation) {
    const people = { title: gettext("People"), closeLabel: gettext("Close this panel"), body: this.#people.body, opened: () => this.#queue.showIn(this.#people.queueSlot), closed: () => this.#queue.showIn(null) };
    this.#panels.add("people", people, byId("bar-people"), byId("small-people"));
    this.#panels.add("chat", { title: gettext("Chat"), closeLabel: gettext("Close this panel"), body: this.#chat.body, foot: this.#chat.foot, opened: () => this.#chat.opened() }, byId("bar-chat"), byId("small-chat"));
    this.#panels.add("host", { title: gettext("Host controls"), closeLabel: gettext("Close this panel"), body: this.#host.body }, byId("bar-host"));
    this.#panels.add("encryption", { title: gettext("Encryption"), closeLabel: gettext("Close this panel"), body: encryptionBody(organisation) }, byId("chip-encryption"));
    this.#panels.add(
      "network",
      { title: gettext("Your network"), closeLabel: gettext("Close this panel"), body: this.#network.body, opened: () => this.#network.show(this.#quality.verdict) },
      byId("chip-network"),
    );
    this.#panels.add("door", { title: gettext("The door"), closeLabel: gettext("Close this panel"), body: h("div", { class: "body" }, this.#doorRules.node) }, byId("chip-door"));
  }

  #listen() {
    const roster = this.#roster;
    roster.on("change", () => this.#render());
    roster.on("entered", (person) => {
      if (person.participant === roster.you) return;
      this.#announcer.came(person.name);
      if (this.#preferences.get("chimeEnter")) void chime("came", this.#devices.speaker);
    });
    roster.on("gone", ({ person, why, by }) => {
      this.#speech.forget(person.participant);
      if (why === "removed") this.#chat.note(by ? gettext("{name} was removed by {host}", { name: person.name, host: by }) : gettext("{name} was removed", { name: person.name }), "user-x");
      this.#announcer.went(person.name);
    });
    roster.on("hand", (person) => {
      if (person.participant !== roster.you) this.#announcer.say(gettext("{name} raised a hand", { name: person.name }));
    });
    roster.on("cut", (person) => this.#announcer.say(gettext("{name} lost connection", { name: person.name })));
    roster.on("sharing", ({ person, on }) => {
      if (person.participant === roster.you) return;
      this.#announcer.say(on ? gettext("{name} is sharing a screen", { name: person.name }) : gettext("{name} stopped sharing", { name: person.name }));
    });
    roster.on("knocked", (waiter) => this.#notices.knocked(waiter));
    roster.on("answered", ({ name, by, answer }) => {
      const own = by === roster.self?.name;
      const who = { name, by: by ?? gettext("A host") };
      if (answer === "let_in") this.#chat.note(own ? gettext("{name} was let in by you", { name }) : gettext("{name} was let in by {by}", who));
      const text = { let_in: gettext("{by} let {name} in.", who), turned_away: gettext("{by} turned {name} away.", who), blocked: gettext("{by} turned {name} away and blocked the link.", who) }[answer];
      if (!text || own) return;
      this.#announcer.say(text);
      this.#banners.show("answered", { icon: "door-open", title: text, forMs: 6000 });
    });
    roster.on("meeting", ({ meeting, was, by }) => {
      if (meeting.locked === was.locked) return;
      const text = meeting.locked ? gettext("The door is locked.") : gettext("The door is no longer locked.");
      this.#banners.show("lock", { icon: meeting.locked ? "lock" : "lock-open", title: text, text: by ? gettext("By {name}.", { name: by }) : "", forMs: 6000 });
      this.#announcer.say(text);
    });
    this.#call.on("tracks", () => {
      this.#audio.play(this.#call.incoming);
      this.#render();
    });
    this.#call.on("state", ({ sending, receiving }) => {
      const broken = [sending, receiving].some((state) => state === "failed" || state === "disconnected");
      if (broken) this.#banners.show("media", { spin: true, title: gettext("Video and sound are interrupted."), text: gettext("Trying again by itself.") });
      else this.#banners.hide("media");
    });
    this.#participation.on("change", () => {
      this.#ownTracks();
      this.#render();
    });
    this.#participation.on("failed", ({ what, error }) => this.#notices.deviceFailed(what, error));
    this.#participation.on("mutedByHost", ({ source, by }) => this.#notices.wasMuted(source, by));
    this.#participation.on("shareEnded", () => this.#announcer.say(gettext("You stopped sharing")));
    this.#devices.on("fellBack", ({ label }) => {
      this.#banners.show("device", { icon: "info", title: gettext("A device was unplugged."), text: gettext("Now using {device}.", { device: label }), forMs: 8000, closable: true });
      this.#announcer.alert(gettext("A device was unplugged. Now using {device}.", { device: label }));
    });
    this.#devices.on("change", () => this.#audio.through(this.#devices.speaker));
    this.#quality.on("verdict", (verdict) => {
      this.#top.network(verdict.word);
      if (this.#panels.current === "network") this.#network.show(verdict);
    });
    this.#preferences.on("change", () => {
      this.#stage.ownView = this.#preferences.get("ownView");
      if (this.#open) this.#stage.render();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.#open) void this.#stayAwake();
    });
  }

  // ---- drawing

  #render() {
    if (!this.#open) return;
    const { meeting } = this.#roster;
    this.#top.render();
    this.#stage.render();
    this.#queue.render();
    this.#people.render();
    this.#chat.render();
    this.#host.render();
    if (meeting) this.#doorRules.show(meeting);
    this.#bar.render(this.#chat.unread);
    this.#call.fit(this.#roster.people.size);
    this.#alone();
    this.#sharing();
    if (!this.#roster.capabilities.host && this.#panels.current === "host") this.#panels.close();
    const waiting = this.#roster.waiting.length;
    document.title = waiting ? gettext("({count} at the door) {title}", { count: waiting, title: meeting?.title ?? "" }) : (meeting?.title ?? "");
  }

  #ownTracks() {
    const track = this.#devices.live("camera") ? this.#devices.tracks.camera : null;
    if (this.#ownStream?.getVideoTracks()[0] !== (track ?? undefined)) this.#ownStream = track ? new MediaStream([track]) : null;
    this.#stage.setMirrored(this.#devices.facing !== "environment");
    if (this.#open) this.#meter.watch(this.#participation.microphone ? this.#devices.tracks.microphone : null);
  }

  #alone() {
    const root = byId("stage-alone");
    const { meeting, people } = this.#roster;
    const promise = people.size === 1 && meeting ? doorPromise(meeting) : "";
    if (promise === this.#alonePromise && Boolean(promise) === root.hasChildNodes()) return;
    this.#alonePromise = promise;
    if (!promise || !meeting) {
      put(root);
      return;
    }
    const link = `${location.origin}/m/${meeting.code}`;
    const word = h("span", {}, gettext("Copy link"));
    put(
      root,
      h(
        "div",
        { class: "alone stack gap-3" },
        h("div", {}, h("h2", {}, gettext("You’re the only one here")), h("p", { class: "meta" }, promise)),
        h(
          "div",
          { class: "row" },
          h("code", { class: "code copyline" }, link.replace(/^https?:\/\//, "")),
          h("button", { class: "btn", type: "button", onclick: () => void navigator.clipboard?.writeText(link).then(() => setText(word, gettext("Copied"))) }, icon("copy"), word),
        ),
      ),
    );
  }

  #sharingDrawn = false;

  #sharing() {
    if (this.#participation.sharing === this.#sharingDrawn) return;
    this.#sharingDrawn = this.#participation.sharing;
    if (!this.#sharingDrawn) {
      this.#banners.hide("sharing");
      return;
    }
    const { kind, label } = this.#participation.surface;
    const what = { window: gettext("You’re sharing a window"), browser: gettext("You’re sharing a tab"), monitor: gettext("You’re sharing a whole screen") }[kind] ?? gettext("You’re sharing your screen");
    const media = h("video", { class: "share-thumb", autoplay: true, playsinline: true, "aria-hidden": "true", tabindex: -1 });
    media.muted = true;
    media.srcObject = this.#participation.screen;
    // Browsers often give an id instead of a name; only a name helps.
    const named = /^[\w-]+:[\w:-]+$/.test(label) ? "" : label;
    this.#banners.show("sharing", {
      icon: "monitor-up", media, title: named ? `${what}:` : what, text: named,
      actions: [{ label: gettext("Stop sharing"), danger: true, run: () => void this.#participation.stopSharing() }],
    });
    this.#announcer.say(what);
  }

  #listenToLevels() {
    const now = performance.now();
    /** @type {Set<string>} */
    const speaking = new Set();
    for (const person of this.#roster.people.values()) {
      const id = person.participant;
      const own = id === this.#roster.you;
      const receiver = this.#call.incoming.get(trackKey(id, "microphone"))?.receiver;
      const level = own ? (this.#participation.microphone ? this.#ownLevel : 0) : person.microphone && receiver ? receivedLevel(receiver) : 0;
      if (this.#speech.update(id, level, now)) speaking.add(id);
    }
    this.#stage.hear(speaking, now);
    this.#people.hear(speaking);
  }

  // ---- what this person does

  /** @param {"microphone" | "camera"} kind */
  async #turn(kind) {
    const on = !(kind === "microphone" ? this.#participation.microphone : this.#participation.camera);
    const words = kind === "microphone" ? [gettext("Microphone off"), gettext("Microphone on")] : [gettext("Camera off"), gettext("Camera on")];
    await this.#participation.turn(kind, on);
    const is = kind === "microphone" ? this.#participation.microphone : this.#participation.camera;
    if (is === on) this.#announcer.say(words[Number(on)]);
    if (kind === "microphone" && is) this.#banners.hide("muted");
  }

  async #share() {
    if (!this.#roster.capabilities.share) {
      this.#banners.show("device", { icon: "info", title: gettext("Only hosts can share in this meeting."), forMs: 5000 });
      return;
    }
    if (this.#participation.sharing) await this.#participation.stopSharing();
    else await this.#participation.share();
  }

  /** @param {boolean} raised */
  async #raiseHand(raised) {
    try {
      await this.#client.request("hand", { raised });
      this.#announcer.say(raised ? gettext("Hand raised") : gettext("Hand lowered"));
    } catch (error) {
      this.#notices.failed(error);
    }
  }

  async #leave() {
    const { capabilities, others, waiting } = this.#roster;
    const lastHost = capabilities.host && !others.some((person) => person.host) && (others.length > 0 || waiting.length > 0);
    if (!lastHost) {
      await this.#client.leave();
      return;
    }
    const given = await ask({
      title: gettext("Leave the meeting?"),
      body: gettext("You’re the only host inside. If you leave, others stay, and nobody can answer the door."),
      cancel: gettext("Stay"),
      answers: [{ value: "leave", label: gettext("Leave") }, { value: "end", label: gettext("End for everyone"), danger: true }],
    });
    if (given?.answer === "leave") await this.#client.leave();
    if (given?.answer === "end") await this.#hosting.end().catch((error) => this.#notices.failed(error));
  }

  async #end() {
    const count = this.#roster.others.length;
    const given = await ask({
      title: gettext("End the meeting for everyone?"),
      body: count ? ngettext("{count} other person leaves with you.", "{count} other people leave with you.", count) : gettext("Nobody else is inside."),
      answers: [{ value: "end", label: gettext("End for everyone"), danger: true }],
    });
    if (given) await this.#hosting.end().catch((error) => this.#notices.failed(error));
  }

  #lock() {
    void this.#hosting.lock(!this.#roster.meeting?.locked).catch((error) => this.#notices.failed(error));
  }

  #muteEveryone() {
    void this.#hosting.muteEveryone().then(
      () => this.#announcer.say(gettext("Everyone is muted")),
      (error) => this.#notices.failed(error),
    );
  }

  #lowerHands() {
    for (const person of this.#roster.hands) void this.#hosting.lowerHand(person.participant).catch((error) => this.#notices.failed(error));
  }

  /** @param {"grid" | "speaker"} view */
  #setView(view) {
    this.#stage.view = view;
    this.#render();
    this.#announcer.say(view === "speaker" ? gettext("Speaker view") : gettext("Grid view"));
  }

  // ---- small things

  /** @param {string} text */
  #pill(text) {
    const pill = byId("pill");
    clearTimeout(this.#pillTimer);
    setText(pill, text);
    pill.hidden = false;
    this.#pillTimer = setTimeout(() => (pill.hidden = true), PILL_MS);
  }

  async #stayAwake() {
    if (this.#wakeLock && !this.#wakeLock.released) return;
    this.#wakeLock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
  }
}
