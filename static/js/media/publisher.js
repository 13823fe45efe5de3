// Sending: trackless transceivers from the start, tracks put in and taken out without negotiation. The client offers,
// one offer in flight at a time. Knows no DOM and no devices.
import { prefer } from "./codecs.js";
import { hardened } from "./hardened.js";
import { isAlive, makePeerConnection } from "./peer.js";

/**
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {{rid?: string, active: boolean, maxBitrate: number, scaleResolutionDownBy: number, maxFramerate: number, scalabilityMode?: string}} Encoding
 *   `maxBitrate`: bits per second; `maxFramerate`: pictures per second
 * @typedef {(type: string, fields?: object) => Promise<{sdp?: string, ice_servers?: RTCIceServer[]} & Partial<import("../signaling/protocol.js").MediaState>>} Request
 */

/** As most cameras film, in pixels. */
const USUAL = 1280 * 720;

/**
 * How many encodings libwebrtc makes of a picture (kSimulcastFormats in video/config/simulcast.cc). Of more it leaves out
 * the last ones, without a word: a camera of 640 × 360 that is asked for a quarter, a half and the whole sends no whole.
 * @param {number} pixels
 */
const encodingsOf = (pixels) => (pixels >= 960 * 540 ? 3 : pixels >= 480 * 270 ? 2 : 1);

/**
 * The encodings of a camera, smallest first: the server sends each person the one that fits their tile and their way. More
 * people, smaller tiles: the largest then takes less. A small camera's picture is whole in an encoding before the last, and
 * those after it are not sent. In another codec than VP8 there is the largest alone, in layers where the server knows them.
 * @param {number} people how many are inside
 * @param {import("./codecs.js").Codec} [codec]
 * @param {number} [pixels] of the camera's picture
 * @returns {Encoding[]}
 */
export function cameraEncodings(people, codec = "vp8", pixels = USUAL) {
  const whole = { active: true, maxBitrate: people <= 2 ? 1_700_000 : 1_200_000, scaleResolutionDownBy: 1, maxFramerate: people <= 6 ? 30 : 24 };
  if (codec !== "vp8") return [{ ...whole, ...inLayers(codec) }];
  const made = encodingsOf(pixels);
  return [
    { rid: "q", maxBitrate: 150_000, maxFramerate: 20 },
    { rid: "h", maxBitrate: made === 2 ? 700_000 : 450_000, maxFramerate: whole.maxFramerate },
    { rid: "f", maxBitrate: whole.maxBitrate, maxFramerate: whole.maxFramerate },
  ].map((encoding, index) => ({ ...encoding, active: index < made, scaleResolutionDownBy: 2 ** Math.max(0, made - 1 - index) }));
}

/**
 * The encodings of a shared screen: whole, and half as high for small tiles and narrow ways. Few pictures a second then, as
 * what is read there stands still. A small window's is whole in the first, and there is no other.
 * @param {import("./codecs.js").Codec} [codec]
 * @param {number} [pixels] of what is shared
 * @returns {Encoding[]}
 */
export function screenEncodings(codec = "vp8", pixels = USUAL) {
  const whole = { active: true, maxBitrate: 2_500_000, scaleResolutionDownBy: 1, maxFramerate: 30 };
  if (codec !== "vp8") return [{ ...whole, ...inLayers(codec) }];
  const isSmall = encodingsOf(pixels) === 1;
  const half = isSmall ? whole : { active: true, maxBitrate: 500_000, scaleResolutionDownBy: 2, maxFramerate: 10 };
  return [{ rid: "h", ...half }, { rid: "f", ...whole, active: !isSmall }];
}

/**
 * Three layers, of which the server can leave out two. Of VP8 in several sizes browsers make them by themselves; in AV1 and
 * H.264 the server could not tell them apart.
 * @param {import("./codecs.js").Codec} codec
 */
function inLayers(codec) {
  return codec === "vp9" ? { scalabilityMode: "L1T3" } : {};
}

/** Windows change their size while they are shared, and no event says so. */
const LOOK_AT_SCREEN_MS = 2000;

/** The answer came from a server that does not know this transport. */
class AnotherServer extends Error {}

/** Each transport of the server has a certificate of its own. @param {string | undefined} sdp */
const certificate = (sdp) => /^a=fingerprint:\S+ (\S+)/m.exec(sdp ?? "")?.[1];

export class Publisher {
  /** @type {RTCPeerConnection} */
  connection;
  /** Of its pictures. @type {import("./codecs.js").Codec} */
  codec;
  /** @type {Map<Source, RTCRtpTransceiver>} */
  #lines = new Map();
  #request;
  #transforms;
  /** @type {Promise<void>} the negotiation in flight, and those that wait behind it */
  #turn = Promise.resolve();
  #people = 1;
  /** What each picture was last given, as text. @type {Map<Source, string>} */
  #budgets = new Map();
  /** @type {Promise<void>} the one that is being given, and those behind it: a sender takes one at a time */
  #giving = Promise.resolve();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #looking;

  /**
   * @param {{request: Request, transforms: import("./transforms.js").Transforms | null, codec?: import("./codecs.js").Codec,
   *   onState: (state: RTCPeerConnectionState) => void}} options
   *   `transforms`: of an encrypted room, where pictures are in VP8, whatever `codec` says
   */
  constructor({ request, transforms, codec = "vp8", onState }) {
    this.codec = transforms ? "vp8" : codec;
    this.#request = request;
    this.#transforms = transforms;
    this.connection = makePeerConnection({ encrypted: transforms !== null });
    this.connection.onconnectionstatechange = () => onState(this.connection.connectionState);
    this.#addLine("microphone", "audio");
    this.#addLine("camera", "video");
  }

  get alive() {
    return isAlive(this.connection) && this.connection.signalingState === "stable";
  }

  /** Offers what is there now. Rejects as the server refused. */
  negotiate() {
    const turn = this.#turn.then(() => this.#offer());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Sends these tracks as those sources; null stops sending. Sources without a line yet (a screen) get one, and all new
   * lines are offered at once.
   * @param {[Source, MediaStreamTrack | null][]} tracks
   */
  async setTracks(tracks) {
    let fresh = false;
    for (const [source, track] of tracks) {
      fresh ||= track !== null && !this.#lines.has(source);
      if (track) await this.prepare(source, track);
      else await this.#lines.get(source)?.sender.replaceTrack(null);
      if (source === "screen" && !track) this.#stopLooking();
    }
    if (fresh) await this.negotiate();
  }

  /**
   * Puts a track on its line without offering it: before the first offer, or as part of a larger change.
   * @param {Source} source
   * @param {MediaStreamTrack} track
   */
  async prepare(source, track) {
    const line = this.#lines.get(source) ?? this.#addLine(source, source === "screen_audio" ? "audio" : "video");
    await line.sender.replaceTrack(track);
    if (source === "camera" || source === "screen") await this.#budget(source);
    if (source === "screen") this.#looking ??= setInterval(() => void this.#budget("screen"), LOOK_AT_SCREEN_MS);
  }

  /**
   * Whether the server still has this transport: the same offer again is answered with the same certificate. A server that
   * was started anew answers with another one, and then nothing sent here arrives anywhere.
   */
  async confirm() {
    if (!certificate(this.connection.remoteDescription?.sdp)) return false;
    try {
      await this.negotiate();
    } catch (error) {
      if (error instanceof AnotherServer) return false;
      throw error;
    }
    return true;
  }

  /** Looks for a way to the server anew, from whatever network this is now. What flows goes on until one is found. */
  restartIce() {
    this.connection.restartIce();
    return this.negotiate();
  }

  /** @param {number} people how many are inside */
  fit(people) {
    if (people === this.#people) return;
    this.#people = people;
    void this.#budget("camera");
  }

  close() {
    this.#stopLooking();
    this.connection.onconnectionstatechange = null;
    this.#transforms?.forget(this.connection);
    this.connection.close();
  }

  #stopLooking() {
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  /** As suits what is on the line, and the people inside. @param {"camera" | "screen"} source */
  #budget(source) {
    this.#giving = this.#giving.then(() => this.#give(source));
    return this.#giving;
  }

  /** @param {"camera" | "screen"} source */
  async #give(source) {
    const sender = this.#lines.get(source)?.sender;
    const parameters = sender?.getParameters();
    if (!sender || !parameters?.encodings?.length) return;
    const { width, height } = sender.track?.getSettings() ?? {};
    const pixels = width && height ? width * height : USUAL;
    const wanted = source === "camera" ? cameraEncodings(this.#people, this.codec, pixels) : screenEncodings(this.codec, pixels);
    if (this.#budgets.get(source) === JSON.stringify(wanted)) return;
    this.#budgets.set(source, JSON.stringify(wanted));
    const budgets = new Map(wanted.map((encoding) => [encoding.rid ?? "", encoding]));
    for (const encoding of parameters.encodings) Object.assign(encoding, budgets.get(encoding.rid ?? ""));
    await sender.setParameters(parameters).catch(() => this.#budgets.delete(source)); // a closed sender has no budget to keep
  }

  /**
   * @param {Source} source
   * @param {"audio" | "video"} kind
   */
  #addLine(source, kind) {
    /** @type {RTCRtpTransceiverInit} */
    const init = { direction: "sendonly" };
    if (source === "camera") init.sendEncodings = cameraEncodings(this.#people, this.codec);
    if (source === "screen") init.sendEncodings = screenEncodings(this.codec);
    const line = this.connection.addTransceiver(kind, init);
    this.#transforms?.seal(line.sender, source); // in this very task, and before there is a track
    if (!this.#transforms && kind === "video") prefer(line, this.codec);
    this.#lines.set(source, line);
    return line;
  }

  async #offer() {
    await this.connection.setLocalDescription(await this.connection.createOffer());
    /** @type {Record<string, Source>} */
    const sources = {};
    for (const [source, line] of this.#lines) if (line.mid !== null) sources[line.mid] = source;
    try {
      const { sdp } = await this.#request("media.publish", { sdp: this.connection.localDescription?.sdp, sources });
      const known = certificate(this.connection.remoteDescription?.sdp);
      if (known && known !== certificate(sdp)) throw new AnotherServer("the answer is of another transport");
      await this.connection.setRemoteDescription({ type: "answer", sdp: this.#transforms ? hardened(sdp ?? "") : (sdp ?? "") });
    } catch (error) {
      // Back to what both sides agreed on: the next offer must not build on one that was never answered.
      if (this.connection.signalingState === "have-local-offer") {
        await this.connection.setLocalDescription({ type: "rollback" }).catch(() => undefined);
      }
      throw error;
    }
  }
}
