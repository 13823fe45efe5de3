// Both transports of one stay inside: started after each `room`, kept over a cut of the socket, begun again when they died.
import { Emitter } from "../lib/emitter.js";
import { RequestFailed } from "../signaling/protocol.js";
import { decodable, orVp8 } from "./codecs.js";
import { useRelays } from "./peer.js";
import { Publisher } from "./publisher.js";
import { Subscriber, trackKey } from "./subscriber.js";

/**
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {import("../signaling/protocol.js").MediaState} MediaState
 * @typedef {import("../signaling/protocol.js").ServerMessage} ServerMessage
 * @typedef {import("./publisher.js").Request} Request
 * @typedef {Omit<import("./subscriber.js").Incoming, "stream"> & {stream: MediaStream | null}} Incoming
 * @typedef {{participant: string, source: "camera" | "screen", height: number}} Tile a picture on the screen; device pixels
 * @typedef {import("../signaling/protocol.js").UnplayableTrack} UnplayableTrack
 * @typedef {{tracks: null, codecs: null, state: {sending: string, receiving: string}, refused: import("../signaling/protocol.js").OwnSource, failed: unknown}} CallEvents
 *   `refused`: said to be on, and the server keeps it off
 */

/** Tiles change their size many times while a window is dragged. */
const SHOWN_AFTER_MS = 250;
/** After this many failures in a row the page stops trying by itself and says so. */
const MOST_RESTARTS = 5;
const RESTART_AFTER_MS = 1000;
/** A transport that lost the server for so long looks for it from the network that this is now; moments pass by themselves. */
const SEARCH_AFTER_MS = 2000;

/** @extends {Emitter<CallEvents>} */
export class Call extends Emitter {
  /** @type {Publisher | null} */
  publisher = null;
  /** @type {Subscriber | null} */
  subscriber = null;
  /** Of an encrypted room. @type {((receiver: RTCRtpReceiver) => {participant: string, source: Source} | null) | null} */
  originOf = null;
  /** @type {MediaState} */
  state = { microphone: false, camera: false, screen: false };
  /** What others send and this browser can't show. @type {Map<string, UnplayableTrack>} */
  unplayable = new Map();
  /** What is sent from here and others can't show. @type {import("../signaling/protocol.js").UnseenSource[]} */
  unseen = [];
  /** In which codec pictures shall be sent. */
  #wanted = "auto";
  #request;
  /** @type {Map<Source, MediaStreamTrack>} */
  #tracks = new Map();
  /** @type {import("./transforms.js").Transforms | null} */
  #transforms = null;
  #people = 1;
  #restarts = 0;
  #starting = false;
  /** @type {any} */
  #restartTimer = null;
  /** @type {any} */
  #searchTimer = null;
  /** An offer that came before it was known how to reach the server. @type {import("./subscriber.js").MediaOffer | null} */
  #early = null;
  #asking = false;
  /** @type {any} */
  #shownTimer = null;
  /** @type {Tile[]} */
  #shown = [];
  /** What the server was told of it last. */
  #toldShown = "";

  /** @param {{request: Request}} options */
  constructor({ request }) {
    super();
    this.#request = request;
  }

  /**
   * Streams by who sends them and from which source: in an encrypted room by the key that opened them, whatever the server
   * called them. What no key has opened is shown as nobody's: it has no stream, and never takes the place of what was opened.
   * @returns {Map<string, Incoming>}
   */
  get incoming() {
    /** @type {Map<string, import("./subscriber.js").Incoming>} */
    const served = this.subscriber?.incoming ?? new Map();
    const { originOf } = this;
    if (!originOf) return served;
    /** @type {Map<string, Incoming>} */
    const labelled = new Map([...served].map(([key, incoming]) => [key, { ...incoming, stream: null }]));
    for (const incoming of served.values()) {
      const origin = originOf(incoming.receiver);
      if (origin) labelled.set(trackKey(origin.participant, origin.source), { ...incoming, ...origin });
    }
    return labelled;
  }

  /**
   * Each time `room` arrives. Transports that survived are kept; otherwise both begin again.
   * @param {{transforms: import("./transforms.js").Transforms | null, originOf: Call["originOf"]}} room both of an encrypted room
   */
  async enter({ transforms, originOf }) {
    this.originOf = originOf;
    if (this.#transforms !== transforms) this.#end(); // keys of another stay open nothing here
    this.#transforms = transforms;
    await this.#start();
  }

  /** @param {ServerMessage} message */
  take(message) {
    if (message.type === "media.offer") {
      if (this.#asking) this.#early = message;
      else this.subscriber?.take(message);
    }
    // In an encrypted room everything is in VP8, and the server has no say in what is shown.
    if (message.type === "media.unplayable" && !this.#transforms) {
      this.#tellCodecs(new Map(message.tracks.map((track) => [trackKey(track.participant, track.source), track])), this.unseen);
    }
    if (message.type === "media.unseen" && !this.#transforms) this.#tellCodecs(this.unplayable, message.sources);
    if (message.type !== "media.transport") return;
    if (message.state === "connected") this.#restarts = 0;
    if (message.state === "closed" && !this.#starting) this.#restart();
  }

  /**
   * Puts tracks in place of sources, or takes them out (null). Does not say that a source is on: `tell` does.
   * @param {...[Source, MediaStreamTrack | null]} tracks
   */
  async send(...tracks) {
    for (const [source, track] of tracks) {
      if (track) this.#tracks.set(source, track);
      else this.#tracks.delete(source);
    }
    await this.publisher?.setTracks(tracks);
  }

  /**
   * Says which sources are on. What cannot be said now is said on return.
   * @param {Partial<MediaState>} change
   */
  async tell(change) {
    this.state = { ...this.state, ...change };
    await this.#tell().catch(unlessCut);
  }

  /** Says what is on, and takes the server's word for what may be. */
  async #tell() {
    const told = this.state;
    const answer = await this.#request("media.state", told);
    for (const source of /** @type {const} */ (["microphone", "camera", "screen"])) {
      if (!told[source] || answer?.[source] !== false || !this.state[source]) continue;
      this.state = { ...this.state, [source]: false };
      this.emit("refused", source);
    }
  }

  /**
   * Which pictures are on the screen. Of others none come.
   * @param {Tile[]} tiles
   */
  show(tiles) {
    this.#shown = tiles;
    this.#shownTimer ??= setTimeout(() => void this.#tellShown(), SHOWN_AFTER_MS);
  }

  /** A server that is not told sends pictures larger than need be; what was refused is said again with the next change. */
  async #tellShown() {
    clearTimeout(this.#shownTimer);
    this.#shownTimer = null;
    const told = JSON.stringify(this.#shown);
    if (!this.subscriber || this.#starting || told === this.#toldShown) return;
    this.#toldShown = told;
    try {
      await this.#request("media.show", { tiles: this.#shown });
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      this.#toldShown = "";
    }
  }

  /** @param {number} people how many are inside */
  fit(people) {
    this.#people = people;
    this.publisher?.fit(people);
  }

  /**
   * In which codec pictures are sent from now on, where the room isn't encrypted: by a transport of its own.
   * @param {string} wanted "auto", or what this browser can send
   */
  async sendAs(wanted) {
    this.#wanted = wanted;
    const { publisher } = this;
    if (!publisher || this.#starting || this.#transforms || publisher.codec === orVp8(wanted)) return;
    publisher.close();
    const next = (this.publisher = this.#makePublisher());
    try {
      await next.negotiate();
    } catch (error) {
      if (next !== this.publisher || (error instanceof RequestFailed && error.code === "cut")) return;
      this.emit("failed", error);
      this.#restart();
    }
  }

  /** Ends both transports; nothing is heard or seen afterwards. */
  close() {
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#searchTimer);
    clearTimeout(this.#shownTimer);
    this.#shownTimer = null;
    this.#end();
    this.#tellCodecs(new Map(), []);
    this.emit("tracks", null);
  }

  /**
   * @param {Call["unplayable"]} unplayable
   * @param {Call["unseen"]} unseen
   */
  #tellCodecs(unplayable, unseen) {
    this.unplayable = unplayable;
    this.unseen = unseen;
    this.emit("codecs", null);
  }

  #end() {
    this.publisher?.close();
    this.subscriber?.close();
    this.publisher = null;
    this.subscriber = null;
  }

  async #start() {
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#searchTimer);
    this.#starting = true;
    let kept = Boolean(this.publisher?.alive && this.subscriber?.alive);
    if (!kept) this.#make();
    let publisher = this.publisher;
    try {
      if (kept && !(await publisher?.confirm())) {
        kept = false;
        this.#make();
        publisher = this.publisher;
      }
      await this.#ask(!kept);
      await this.#tell();
      // Whoever was cut off may have come back from another network.
      await (kept ? publisher?.restartIce() : publisher?.negotiate());
      this.#toldShown = "";
    } catch (error) {
      if (publisher !== this.publisher || (error instanceof RequestFailed && error.code === "cut")) return;
      this.emit("failed", error);
      this.#restart();
    } finally {
      this.#starting = false;
    }
    await this.#tellShown();
    await this.sendAs(this.#wanted); // chosen meanwhile
  }

  /** Lets the server begin, with relays that are good now. @param {boolean} fresh */
  async #ask(fresh) {
    this.#early = null;
    this.#asking = true;
    try {
      const decodes = decodable();
      this.#tellCodecs(new Map(), []); // what there is of that, the server says anew
      const { ice_servers: relays = [] } = await this.#request("media.start", { fresh, ...(decodes && { decodes }) });
      for (const end of [this.publisher, this.subscriber]) if (end) useRelays(end.connection, relays);
    } finally {
      this.#asking = false;
    }
    if (this.#early) this.subscriber?.take(this.#early);
  }

  #make() {
    this.publisher?.close();
    this.subscriber?.close();
    const told = () => this.#told();
    this.publisher = this.#makePublisher();
    this.subscriber = new Subscriber({
      request: this.#request,
      transforms: this.#transforms,
      onTracks: () => this.emit("tracks", null),
      onState: told,
      onFailed: (error) => {
        if (error instanceof RequestFailed && error.code === "cut") return;
        this.emit("failed", error);
        this.#restart();
      },
    });
    this.emit("tracks", null);
  }

  #makePublisher() {
    const publisher = new Publisher({ request: this.#request, transforms: this.#transforms, codec: orVp8(this.#wanted), onState: () => this.#told() });
    publisher.fit(this.#people);
    for (const [source, track] of this.#tracks) {
      // Lines for a running screen share are added before the first offer, so one negotiation is enough.
      void publisher.prepare(source, track);
    }
    return publisher;
  }

  #told() {
    const sending = this.publisher?.connection.connectionState ?? "closed";
    const receiving = this.subscriber?.connection.connectionState ?? "closed";
    this.emit("state", { sending, receiving });
    clearTimeout(this.#searchTimer);
    if (sending === "failed" || receiving === "failed") this.#restart();
    else if (sending === "disconnected" || receiving === "disconnected") {
      this.#searchTimer = setTimeout(() => void (this.#starting || this.#start()), SEARCH_AFTER_MS);
    }
  }

  #restart() {
    if (!this.publisher || this.#restarts >= MOST_RESTARTS) return;
    clearTimeout(this.#restartTimer);
    this.#restarts += 1;
    this.#restartTimer = setTimeout(() => {
      this.publisher?.close();
      void this.#start();
    }, RESTART_AFTER_MS * this.#restarts);
  }
}

/** @param {unknown} error */
function unlessCut(error) {
  if (!(error instanceof RequestFailed && (error.code === "cut" || error.code === "no_answer"))) throw error;
}
