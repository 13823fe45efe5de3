// The room: puts elements, media and signalling together. Lives from the first `room` to the end.
import { byId, put, setText } from "../lib/h.js";
import { gettext, ngettext } from "../lib/i18n.js";
import { sendable } from "../media/codecs.js";
import { Quality } from "../media/quality.js";
import { ServerView } from "../media/server_view.js";
import { Volumes } from "../media/volumes.js";
import { Hosting } from "../signaling/hosting.js";
import { Banners } from "../elements/banners.js";
import { ChatPanel } from "../elements/chat_panel.js";
import { closeDialogs } from "../elements/dialog.js";
import { DoorQueue } from "../elements/door_queue.js";
import { EncryptionPanel } from "../elements/encryption_panel.js";
import { HostPanel } from "../elements/host_panel.js";
import { DoorRules, NetworkPanel } from "../elements/info_panels.js";
import { closeMenu } from "../elements/menu.js";
import { Panels } from "../elements/panels.js";
import { PeoplePanel } from "../elements/people_panel.js";
import { Settings } from "../elements/settings.js";
import { listen } from "../elements/shortcuts.js";
import { AudioOut } from "../elements/sounds.js";
import { Stage } from "../elements/stage.js";
import { Files } from "./files.js";
import { Awake } from "./awake.js";
import { Bar } from "./bar.js";
import { tellCodecs } from "./codec_notes.js";
import { commands } from "./commands.js";
import { Cut } from "./cut.js";
import { Deeds } from "./deeds.js";
import { tellHappenings } from "./happenings.js";
import { Hearing } from "./hearing.js";
import { Notices } from "./notices.js";
import { addPanels } from "./panel_list.js";
import { personMenu } from "./person_menu.js";
import { PlannedEnd } from "./planned_end.js";
import { Recording } from "./recording.js";
import { AloneCard, SharingNote } from "./stage_notes.js";
import { SuspendedCard } from "./suspended_card.js";
import { Security } from "./security.js";
import { tellSecurity } from "./security_notes.js";
import { Talk } from "./talk.js";
import { TopBar } from "./top.js";

/**
 * @typedef {import("../signaling/protocol.js").AuthorizationMessage} AuthorizationMessage
 * @typedef {import("../signaling/protocol.js").ServerMessage} ServerMessage
 */

const PILL_MS = 900;
const TICK_MS = 15_000;

export class Inside {
  #roster;
  #address;
  #call;
  #devices;
  #participation;
  #preferences;
  #announcer;
  #hosting;
  #deeds;
  #stage;
  #queue;
  #people;
  #chat;
  #host;
  #network;
  #server;
  #panels;
  #settings;
  #bar;
  #top;
  #banners = new Banners(byId("stage-notes"));
  #notices;
  #run;
  #audio;
  #volumes;
  #quality;
  #hearing;
  #cut;
  /** @type {MediaStream | null} */
  #ownStream = null;
  #doorRules = new DoorRules();
  #open = false;
  /** @type {any} */
  #pillTimer = null;
  /** @type {any} */
  #minute = null;
  /** @type {(() => void) | null} */
  #stopKeys = null;
  #plannedEnd;
  #awake = new Awake();
  #aloneCard = new AloneCard();
  #sharingNote;
  #suspended;
  #security;
  #encryption;
  #recording;

  /**
   * @param {{
   *   client: import("../signaling/client.js").MeetingClient, roster: import("../signaling/roster.js").Roster,
   *   call: import("../media/call.js").Call, devices: import("../media/devices.js").Devices,
   *   participation: import("../media/participation.js").Participation,
   *   preferences: import("../lib/preferences.js").Preferences, announcer: import("../elements/announcer.js").Announcer,
   *   securing: import("./securing.js").Securing, organisation: string, ticker: string,
   * }} parts
   */
  constructor({ client, roster, call, devices, participation, preferences, announcer, securing, organisation, ticker }) {
    this.#roster = roster;
    this.#address = () => (securing.link.key ? securing.link.href : `${location.origin}/m/${roster.meeting?.code}`);
    this.#call = call;
    this.#devices = devices;
    this.#participation = participation;
    this.#preferences = preferences;
    this.#announcer = announcer;
    this.#notices = new Notices({ roster, devices, preferences, banners: this.#banners, announcer });
    const failed = (/** @type {unknown} */ error) => this.#notices.failed(error);
    this.#hosting = new Hosting((type, fields) => securing.asHost(type, fields));
    this.#security = new Security({ securing, roster, call });
    const talk = new Talk({ client, roster, securing });
    talk.on("message", (message) => this.take(message));
    talk.on("file", (told) => this.#tellFile(told));
    this.#volumes = new Volumes(roster);
    this.#stage = new Stage({
      list: byId("tiles"), pager: byId("pager"), roster, call,
      ownStream: () => this.#ownStream, isUnreadable: (receiver) => securing.encryption?.isUnreadable(receiver) ?? false, openMenu: (...of) => openMenu(...of),
      volumeOf: (participant) => this.#volumes.of(participant),
    });
    this.#recording = new Recording({
      roster, talk, stage: this.#stage, call, ticker, banners: this.#banners, announcer, failed,
      ownVoice: () => (participation.microphone ? devices.tracks.microphone : null),
    });
    const deeds = (this.#deeds = new Deeds({ client, talk, roster, participation, hosting: this.#hosting, banners: this.#banners, announcer, failed }));
    const openMenu = personMenu({ roster, hosting: this.#hosting, talk, stage: this.#stage, failed, say: (text) => announcer.say(text), lowerOwnHand: () => void deeds.raiseHand(false), volumes: this.#volumes });
    this.#panels = new Panels(byId("panel"), () => this.#render());
    this.#queue = new DoorQueue({ roster, hosting: this.#hosting, toast: byId("toast"), openPeople: () => this.#panels.open("people"), failed });
    this.#people = new PeoplePanel({ roster, openMenu, lock: () => deeds.lock(), muteEveryone: () => void deeds.muteEveryone(), address: () => this.#address() });
    this.#chat = new ChatPanel({ roster, isSealed: () => Boolean(securing.encryption?.isOn), send: (text) => talk.chat(text), onUnread: () => this.#render(), files: new Files({ request: (type, fields, withinMs) => client.request(type, fields, withinMs), announce: (content) => talk.tellOfFile(content) }) });
    this.#suspended = new SuspendedCard({
      roster, participation,
      act: {
        resume: (quiet) => deeds.resume(quiet), end: () => void deeds.end(), lock: () => deeds.lock(),
        openPanel: (name) => this.#panels.open(name), switchOff: () => void deeds.switchOff(),
      },
    });
    this.#host = new HostPanel({
      roster, deeds, say: (text) => announcer.say(text), give: (rights) => deeds.give(rights), setWay: (row, way) => deeds.setWay(row, way),
      suspend: () => void deeds.suspend().then(() => this.#askWhatNext()),
    });
    this.#sharingNote = new SharingNote({ participation, banners: this.#banners, say: (text) => announcer.say(text) });
    this.#plannedEnd = new PlannedEnd({ roster, banners: this.#banners, announcer });
    this.#cut = new Cut({ client, banners: this.#banners, announcer });
    this.#hearing = new Hearing({
      roster, call, participation, ticker, request: (type, fields) => client.request(type, fields),
      heard: (speaking, now) => {
        this.#stage.hear(speaking, now);
        this.#people.hear(speaking);
      },
    });
    this.#network = new NetworkPanel({ turnOffCamera: () => void participation.turn("camera", false), showCameras: (shown) => preferences.set("othersCameras", shown) });
    this.#settings = new Settings({ devices, preferences, codecs: () => (roster.meeting?.encryption === "transport" ? sendable() : []) });
    this.#top = new TopBar({ roster, security: this.#security, organisation });
    this.#audio = new AudioOut(byId("sounds"), { volumeOf: (participant) => this.#volumes.of(participant), onBlocked: () => this.#notices.soundBlocked(() => this.#audio.resume()) });
    this.#quality = new Quality(
      () => ({ publish: call.publisher?.connection ?? null, subscribe: call.subscriber?.connection ?? null }),
      () => participation.camera,
    );
    this.#server = new ServerView((type) => client.request(type));
    this.#bar = new Bar({
      devices, participation, roster, recording: this.#recording,
      toggleMicrophone: () => void deeds.turn("microphone"), toggleCamera: () => void deeds.turn("camera"), toggleShare: () => void deeds.share(),
      toggleHand: () => void deeds.raiseHand(!roster.self?.hand), react: (emoji) => deeds.react(emoji),
      leave: () => void deeds.leave(), openSettings: (section) => this.#settings.open(section), openPanel: (name) => this.#panels.open(name),
      setView: (view) => this.#setView(view), view: () => this.#stage.view,
      keys: () => preferences.get("shortcuts"),
      fullScreen: () => void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => undefined),
    });
    this.#run = commands({
      roster, participation, security: this.#security, organisation, quality: this.#quality, panels: this.#panels, stage: this.#stage, queue: this.#queue, settings: this.#settings, announcer,
      turn: (kind) => deeds.turn(kind), share: () => deeds.share(), raiseHand: (raised) => deeds.raiseHand(raised),
      setView: (view) => this.#setView(view), openReactions: () => this.#bar.openReactions(), pill: (text) => this.#pill(text),
    });
    this.#encryption = new EncryptionPanel({
      security: this.#security, securing, organisation,
      act: { retry: () => securing.encryption?.retry(), leave: () => void deeds.leave(), switchOff: () => void deeds.switchOff(), renewLink: () => (roster.capabilities.host ? () => securing.encryption?.renewLink() ?? Promise.reject() : null) },
    });
    addPanels(this.#panels, {
      people: this.#people, queue: this.#queue, chat: this.#chat, host: this.#host, network: this.#network, quality: this.#quality,
      doorRules: this.#doorRules, encryption: this.#encryption,
    });
    const told = { roster, call, devices, participation, preferences, announcer, securing, banners: this.#banners, notices: this.#notices, chat: this.#chat };
    tellHappenings(told);
    tellCodecs(told);
    tellSecurity({ ...told, security: this.#security, openPanel: () => this.#panels.open("encryption"), failed });
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
    this.#hearing.start();
    this.#security.start();
    this.#minute = setInterval(() => this.#tick(), TICK_MS);
    this.#stopKeys = listen({
      enabled: () => this.#preferences.get("shortcuts"),
      holdToTalk: () => this.#preferences.get("holdToTalk"),
      run: this.#run,
      talk: (held) => {
        this.#pill(held ? gettext("Microphone on") : gettext("Microphone off"));
        void (held ? this.#participation.startTalking() : this.#participation.stopTalking());
      },
    });
    this.#awake.start();
    this.#ownTracks();
    this.#takePreferences();
    this.#render();
    byId("room-title").focus({ preventScroll: true });
    const count = this.#roster.people.size;
    const mic = this.#participation.microphone ? gettext("Your microphone is on.") : gettext("Your microphone is off.");
    this.#announcer.say(`${ngettext("You’re in. {count} person.", "You’re in. {count} people.", count)} ${mic}`);
    this.#plannedEnd.tick(Date.now());
  }

  #tick() {
    this.#queue.tick();
    this.#plannedEnd.tick(Date.now());
  }

  /** Out: the page is the door's again. Media were stopped before. */
  close() {
    if (!this.#open) return;
    this.#open = false;
    this.#hearing.stop();
    this.#security.stop();
    this.#cut.clear();
    clearInterval(this.#minute);
    this.#stopKeys?.();
    this.#top.stop();
    this.#quality.stop();
    this.#audio.close();
    this.#recording.clear();
    this.#notices.clear();
    closeMenu();
    closeDialogs();
    this.#panels.close();
    this.#stage.clear();
    this.#aloneCard.clear();
    this.#suspended.clear();
    put(byId("toast"));
    this.#awake.stop();
    if (document.fullscreenElement) void document.exitFullscreen().catch(() => undefined);
    document.body.classList.replace("room", "join");
    for (const id of ["room-top", "stage", "room-bar"]) byId(id).hidden = true;
    for (const id of ["join-top", "join"]) byId(id).hidden = false;
  }

  /** The line is cut, or back. @param {boolean} cut */
  reconnecting(cut) {
    if (!this.#open) return;
    this.#cut.show(cut);
    this.#quality.setOffline(cut);
  }

  /** @param {ServerMessage} message */
  take(message) {
    if (message.type === "chat") {
      this.#chat.add(message);
      if (message.participant !== this.#roster.you && this.#panels.current !== "chat" && this.#preferences.get("sayChat")) {
        this.#announcer.say(gettext("Message from {name}: {text}", { name: message.name, text: message.text.slice(0, 200) }));
      }
    } else if (message.type === "media.speakers") this.#hearing.named(message.speakers);
    else if (message.type === "reaction") this.#stage.react(message.participant, message.emoji);
    else if (message.type === "record.answered") this.#recording.answered(message);
    else if (message.type === "record.lists") this.#recording.listed(message);
    else if (message.type === "muted") void this.#participation.mutedByHost(message);
    else if (message.type === "host.asked") this.#notices.asked(message.source, message.by, () => void this.#deeds.accept(message.source));
    else if (message.type === "authorization") this.#authorized(message);
  }

  /** @param {{participant: string, name: string, at: string, shared: import("./files.js").SharedFile}} told */
  #tellFile(told) {
    this.#chat.addFile(told, told.shared);
    if (this.#panels.current !== "chat" && this.#preferences.get("sayChat")) this.#announcer.say(gettext("{name} passed on a file: {file}", { name: told.name, file: told.shared.name }));
  }

  /** A service's no to a source of one's own is like a host's: it is off, and the server forwards nothing of it already. @param {AuthorizationMessage} message */
  #authorized(message) {
    const { participant, of, track } = message;
    if (participant === this.#roster.you && of === participant && track && track !== "room") {
      void this.#participation.stopped(/** @type {import("../signaling/protocol.js").OwnSource} */ (track));
    }
    this.#notices.authorization(message);
  }

  // ---- wiring

  #listen() {
    const roster = this.#roster;
    roster.on("change", () => this.#render());
    this.#security.on("change", () => {
      this.#audio.play(this.#call.incoming);
      this.#render();
    });
    this.#call.on("tracks", () => {
      this.#audio.play(this.#call.incoming);
      this.#render();
    });
    this.#volumes.on("change", () => {
      this.#audio.play(this.#call.incoming);
      this.#render();
    });
    this.#call.on("codecs", () => this.#render());
    this.#participation.on("change", () => {
      this.#ownTracks();
      this.#render();
    });
    this.#devices.on("change", () => this.#audio.through(this.#devices.speaker));
    this.#quality.on("verdict", (verdict) => {
      this.#top.network(verdict.word);
      if (this.#panels.current === "network") void this.#server.look().then((server) => this.#network.show(verdict, server));
    });
    this.#preferences.on("change", () => {
      this.#takePreferences();
      this.#render();
    });
  }

  #takePreferences() {
    this.#stage.ownView = this.#preferences.get("ownView");
    this.#stage.othersCameras = this.#preferences.get("othersCameras");
    this.#network.camerasShown(this.#stage.othersCameras);
  }

  // ---- drawing

  #render() {
    if (!this.#open) return;
    const { meeting } = this.#roster;
    this.#top.render();
    if (this.#panels.current === "encryption") this.#encryption.render();
    this.#stage.render();
    this.#queue.render();
    this.#people.render();
    this.#chat.render();
    this.#host.render();
    if (meeting) this.#doorRules.show(meeting);
    this.#bar.render(this.#chat.unread);
    this.#call.fit(this.#roster.people.size);
    this.#aloneCard.render(this.#roster, this.#address);
    this.#sharingNote.render();
    this.#recording.render();
    this.#suspended.render();
    if (!this.#roster.capabilities.host && this.#panels.current === "host") this.#panels.close();
    const waiting = this.#roster.waiting.length;
    document.title = waiting ? gettext("({count} at the door) {title}", { count: waiting, title: meeting?.title ?? "" }) : (meeting?.title ?? "");
  }

  #ownTracks() {
    const track = this.#devices.live("camera") ? this.#devices.tracks.camera : null;
    if (this.#ownStream?.getVideoTracks()[0] !== (track ?? undefined)) this.#ownStream = track ? new MediaStream([track]) : null;
    this.#stage.setMirrored(this.#devices.facing !== "environment");
    if (this.#open) this.#hearing.watch(this.#participation.microphone ? this.#devices.tracks.microphone : null);
  }

  /** @param {"grid" | "speaker"} view */
  #setView(view) {
    this.#stage.view = view;
    this.#render();
    this.#announcer.say(view === "speaker" ? gettext("Speaker view") : gettext("Grid view"));
  }

  /** The host who stopped everything sees what there is to do next: where panels lie over the stage, theirs goes. */
  #askWhatNext() {
    if (!this.#roster.suspended) return;
    if (innerWidth <= 640) this.#panels.close();
    this.#suspended.focus();
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
}
