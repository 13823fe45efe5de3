// One WebSocket's life: hello, requests with ids and deadlines, a watchdog for silence. Protocol section 2.
// Knows nothing of meetings, people or the document; the socket and the timers come from outside.
import { PROTOCOL, RequestFailed } from "./protocol.js";

/** @typedef {import("./protocol.js").ServerMessage} ServerMessage */
/** @typedef {import("./protocol.js").OkMessage} OkMessage */

const ANSWER_WITHIN_MS = 10_000;
/** Silence after which the other side is asked whether it is there, and how long it has to say so. */
const SILENCE_MS = 15_000;
const PONG_WITHIN_MS = 5_000;

/** Given as the close code when this side gave up on a line that the browser still calls open. */
export const GAVE_UP = 1006;

/**
 * @typedef {{
 *   url: string,
 *   ticket: string,
 *   onMessage: (message: ServerMessage) => void,
 *   onClose: (code: number) => void,
 *   createSocket?: (url: string) => WebSocket,
 *   setTimer?: (run: () => void, ms: number) => any,
 *   clearTimer?: (timer: any) => void,
 * }} ConnectionOptions
 */

export class Connection {
  /** @type {WebSocket} */
  #socket;
  /** @type {Map<string, {resolve: (answer: OkMessage) => void, reject: (error: Error) => void, timer: any}>} */
  #asked = new Map();
  #nextId = 1;
  #closed = false;
  /** @type {any} */
  #watchdog = null;
  #onMessage;
  #onClose;
  #setTimer;
  #clearTimer;

  /** @param {ConnectionOptions} options */
  constructor({ url, ticket, onMessage, onClose, createSocket, setTimer, clearTimer }) {
    this.#onMessage = onMessage;
    this.#onClose = onClose;
    this.#setTimer = setTimer ?? ((run, ms) => setTimeout(run, ms));
    this.#clearTimer = clearTimer ?? ((timer) => clearTimeout(timer));
    this.#socket = (createSocket ?? ((address) => new WebSocket(address)))(url);
    this.#socket.onopen = () => {
      this.#socket.send(JSON.stringify({ type: "hello", protocol: PROTOCOL, ticket }));
      this.#listenForSilence();
    };
    this.#socket.onmessage = (event) => this.#received(event.data);
    this.#socket.onclose = (event) => this.#ended(event.code);
    this.#listenForSilence(); // a handshake that never ends is silence too
  }

  get open() {
    return !this.#closed && this.#socket.readyState === 1;
  }

  /**
   * Sends a message and waits for its `ok`. Rejects with RequestFailed: the server's code, `no_answer` or `cut`.
   * @param {string} type
   * @param {object} [fields]
   * @param {number} [withinMs] how long its answer may take: what is large is long on its way
   * @returns {Promise<OkMessage>}
   */
  request(type, fields = {}, withinMs = ANSWER_WITHIN_MS) {
    if (!this.open) return Promise.reject(new RequestFailed("cut", "not connected"));
    const id = String(this.#nextId++);
    return new Promise((resolve, reject) => {
      const timer = this.#setTimer(() => {
        this.#asked.delete(id);
        reject(new RequestFailed("no_answer", `no answer to ${type}`));
      }, withinMs);
      this.#asked.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ type, id, ...fields }));
    });
  }

  /** Closes for good; `onClose` is not called. */
  close() {
    this.#finish();
    this.#socket.close(1000);
  }

  /** The line is known to be dead (the browser went offline): report it now instead of after the watchdog. */
  giveUp() {
    if (this.#closed) return;
    this.#finish();
    this.#socket.close();
    this.#onClose(GAVE_UP);
  }

  #listenForSilence() {
    this.#clearTimer(this.#watchdog);
    this.#watchdog = this.#setTimer(() => {
      if (this.open) this.#socket.send(JSON.stringify({ type: "ping", id: String(this.#nextId++) }));
      this.#watchdog = this.#setTimer(() => this.giveUp(), PONG_WITHIN_MS);
    }, SILENCE_MS);
  }

  /** @param {unknown} data */
  #received(data) {
    if (this.#closed) return;
    this.#listenForSilence();
    /** @type {ServerMessage} */
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return;
    }
    if (typeof message?.type !== "string") return;
    if (message.type !== "ok" && message.type !== "error") {
      this.#onMessage(message);
      return;
    }
    const asked = message.id === undefined ? undefined : this.#asked.get(message.id);
    if (!asked || message.id === undefined) return;
    this.#asked.delete(message.id);
    this.#clearTimer(asked.timer);
    if (message.type === "ok") asked.resolve(message);
    else asked.reject(new RequestFailed(message.code, message.message, message.field ?? null));
  }

  /** @param {number} code */
  #ended(code) {
    if (this.#closed) return;
    this.#finish();
    this.#onClose(code);
  }

  #finish() {
    this.#closed = true;
    this.#clearTimer(this.#watchdog);
    for (const { reject, timer } of this.#asked.values()) {
      this.#clearTimer(timer);
      reject(new RequestFailed("cut", "the connection ended"));
    }
    this.#asked.clear();
  }
}
