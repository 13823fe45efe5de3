// Receiving: answers the server's offers in order and says which track is whose. Streams stay the same objects for as
// long as somebody sends, so that elements that play them need not start again.
import { hardened } from "./hardened.js";
import { isAlive, makePeerConnection } from "./peer.js";

/**
 * @typedef {import("../signaling/protocol.js").MediaOffer} MediaOffer
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {{participant: string, source: Source, stream: MediaStream, receiver: RTCRtpReceiver}} Incoming
 */

/**
 * @param {string} participant
 * @param {Source} source
 */
export const trackKey = (participant, source) => `${participant}:${source}`;

export class Subscriber {
  /** @type {RTCPeerConnection} */
  connection;
  /** @type {Map<string, Incoming>} */
  incoming = new Map();
  #request;
  #transforms;
  #onTracks;
  /** @type {Promise<void>} */
  #turn = Promise.resolve();

  /**
   * @param {{request: import("./publisher.js").Request, transforms: import("./transforms.js").Transforms | null, onTracks: () => void,
   *   onState: (state: RTCPeerConnectionState) => void, onFailed: (error: unknown) => void}} options
   */
  constructor({ request, transforms, onTracks, onState, onFailed }) {
    this.#request = request;
    this.#transforms = transforms;
    this.#onTracks = onTracks;
    this.onFailed = onFailed;
    this.connection = makePeerConnection({ encrypted: transforms !== null });
    this.connection.onconnectionstatechange = () => onState(this.connection.connectionState);
    if (transforms) this.connection.ontrack = ({ receiver }) => transforms.open(receiver);
  }

  get alive() {
    return isAlive(this.connection) && this.connection.signalingState === "stable";
  }

  /** @param {MediaOffer} offer */
  take(offer) {
    this.#turn = this.#turn
      .then(() => this.#answer(offer))
      .catch((error) => {
        if (this.connection.signalingState !== "closed") this.onFailed(error);
      });
  }

  close() {
    this.connection.onconnectionstatechange = null;
    this.#transforms?.forget(this.connection);
    this.connection.close();
    this.incoming.clear();
  }

  /** @param {MediaOffer} offer */
  async #answer(offer) {
    if (this.connection.signalingState === "closed") return;
    await this.connection.setRemoteDescription({ type: "offer", sdp: this.#transforms ? hardened(offer.sdp) : offer.sdp });
    await this.connection.setLocalDescription(await this.connection.createAnswer());
    this.#map(offer.tracks);
    await this.#request("media.answer", { offer: offer.offer, sdp: this.connection.localDescription?.sdp });
  }

  /** @param {MediaOffer["tracks"]} tracks the complete map of the active lines */
  #map(tracks) {
    const receivers = new Map(this.connection.getTransceivers().map((line) => [line.mid, line.receiver]));
    /** @type {Map<string, Incoming>} */
    const next = new Map();
    for (const { mid, participant, source } of tracks) {
      const receiver = receivers.get(mid);
      if (!receiver) continue;
      const key = trackKey(participant, source);
      const stream = this.incoming.get(key)?.stream ?? new MediaStream();
      for (const track of stream.getTracks()) if (track !== receiver.track) stream.removeTrack(track);
      stream.addTrack(receiver.track);
      next.set(key, { participant, source, stream, receiver });
    }
    this.incoming = next;
    this.#onTracks();
  }
}
