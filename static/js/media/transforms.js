// Puts frame transforms on senders and receivers of an encrypted room, and knows which line is which. One per sender and
// receiver, set in the task in which they appear, never taken off again.

/**
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {import("../e2ee/media_worker.js").LineReport} LineReport
 */

export class Transforms {
  /** @type {Worker} */
  worker;
  /** @type {Map<number, RTCRtpSender | RTCRtpReceiver>} */
  #ends = new Map();
  /** @type {WeakMap<RTCRtpSender | RTCRtpReceiver, number>} */
  #ids = new WeakMap();
  #nextId = 1;

  /** @param {Worker} worker the media worker */
  constructor(worker) {
    this.worker = worker;
  }

  /**
   * Nothing leaves this sender from now on but what the worker sealed.
   * @param {RTCRtpSender} sender
   * @param {Source} source
   */
  seal(sender, source) {
    this.#attach(sender, { side: "out", source });
  }

  /**
   * Nothing of this receiver is played from now on but what the worker opened.
   * @param {RTCRtpReceiver} receiver
   */
  open(receiver) {
    this.#attach(receiver, { side: "in", kind: receiver.track.kind });
  }

  /** @param {RTCRtpSender | RTCRtpReceiver} end */
  idOf(end) {
    return this.#ids.get(end);
  }

  /** @param {number} id */
  endOf(id) {
    return this.#ends.get(id);
  }

  /** Ends of a closed connection. @param {RTCPeerConnection} connection */
  forget(connection) {
    const ends = new Set([...connection.getSenders(), ...connection.getReceivers()]);
    for (const [id, end] of this.#ends) if (ends.has(end)) this.#ends.delete(id);
  }

  /**
   * @param {any} end
   * @param {object} how
   */
  #attach(end, how) {
    if (this.#ids.has(end)) return;
    const line = { id: this.#nextId++, ...how };
    this.#ids.set(end, line.id);
    this.#ends.set(line.id, end);
    if ("RTCRtpScriptTransform" in globalThis) {
      end.transform = new RTCRtpScriptTransform(this.worker, line);
      return;
    }
    // Chromium before 141: the streams themselves go to the worker. The call works once for each end.
    const { readable, writable } = end.createEncodedStreams();
    this.worker.postMessage({ type: "streams", line, readable, writable }, [readable, writable]);
  }
}
