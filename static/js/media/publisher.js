// Sending: trackless transceivers from the start, tracks put in and taken out without negotiation. The client offers,
// one offer in flight at a time. Knows no DOM and no devices.
import { prefer } from "./codecs.js";
import { hardened } from "./hardened.js";
import { isAlive, makePeerConnection } from "./peer.js";

/**
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {(type: string, fields?: object) => Promise<{sdp?: string, ice_servers?: RTCIceServer[]} & Partial<import("../signaling/protocol.js").MediaState>>} Request
 */

/**
 * The encodings of a camera, smallest first: the server sends each person the one that fits their tile and their way. More
 * people, smaller tiles: the largest then takes less. In another codec than VP8 there is the largest alone.
 * @param {number} people how many are inside
 * @param {import("./codecs.js").Codec} [codec]
 * @returns {{rid?: string, maxBitrate: number, scaleResolutionDownBy: number, maxFramerate: number}[]} bits per second
 */
export function cameraEncodings(people, codec = "vp8") {
  const whole = { maxBitrate: people <= 2 ? 1_700_000 : 1_200_000, scaleResolutionDownBy: 1, maxFramerate: people <= 6 ? 30 : 24 };
  if (codec !== "vp8") return [whole];
  return [
    { rid: "q", maxBitrate: 150_000, scaleResolutionDownBy: 4, maxFramerate: 20 },
    { rid: "h", maxBitrate: 450_000, scaleResolutionDownBy: 2, maxFramerate: people <= 6 ? 30 : 24 },
    { rid: "f", ...whole },
  ];
}

const SCREEN_BUDGET = { maxBitrate: 2_500_000 };

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
    const sender = this.#lines.get("camera")?.sender;
    const parameters = sender?.getParameters();
    if (!sender || !parameters?.encodings?.length) return;
    const budgets = new Map(cameraEncodings(people, this.codec).map((encoding) => [encoding.rid ?? "", encoding]));
    for (const encoding of parameters.encodings) Object.assign(encoding, budgets.get(encoding.rid ?? ""));
    sender.setParameters(parameters).catch(() => undefined); // a closed sender has no budget to keep
  }

  close() {
    this.connection.onconnectionstatechange = null;
    this.#transforms?.forget(this.connection);
    this.connection.close();
  }

  /**
   * @param {Source} source
   * @param {"audio" | "video"} kind
   */
  #addLine(source, kind) {
    /** @type {RTCRtpTransceiverInit} */
    const init = { direction: "sendonly" };
    if (source === "camera") init.sendEncodings = cameraEncodings(this.#people, this.codec);
    if (source === "screen") init.sendEncodings = [SCREEN_BUDGET];
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
