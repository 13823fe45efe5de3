// One visitor's way through the door and back after every cut. States and their transitions are all in this file:
//
//   idle ──knock──▶ arriving ──▶ waiting ⇄ inside      (the socket says which)
//                      │            └──cut──▶ returning ──▶ waiting | inside
//                      └──▶ refused   (the door, a host, a removal)     any ──▶ over (left, ended, moved, protocol)
//
// No DOM. The network, clock and chance come from outside, so that tests can hold them.
import { Emitter } from "../lib/emitter.js";
import { ArrivalFailed, askDoor } from "./arrive.js";
import { backoff } from "./backoff.js";
import { Connection, GAVE_UP } from "./connection.js";
import { closeMeaning, RequestFailed } from "./protocol.js";

/**
 * @typedef {import("./protocol.js").ServerMessage} ServerMessage
 * @typedef {import("./protocol.js").Arrival} Arrival
 * @typedef {"idle" | "arriving" | "waiting" | "inside" | "returning" | "refused" | "over"} State
 * @typedef {{reason: string, until?: string | null, note?: string | null, by?: string | null, at?: string | null, may_tell?: boolean,
 *   link?: import("./protocol.js").LinkInUse, email_code?: import("./protocol.js").EmailCode | null,
 *   asks_address?: import("./protocol.js").AskedAddress | null}} Refusal
 * @typedef {{name?: string, email?: string, emailCode?: string, newCode?: boolean, move?: "ask" | "code", tell?: boolean}} Who
 * @typedef {{
 *   state: {state: State, was: State},
 *   message: ServerMessage,
 *   retry: {attempt: number, inMs: number},
 * }} ClientEvents
 * @typedef {{
 *   code: string,
 *   arriveUrl: string,
 *   csrf: string,
 *   account?: string | null,
 *   invitation?: string | null,
 *   device: {prove: (code: string) => Promise<object>},
 *   token?: () => string | null,
 *   fetch?: typeof fetch,
 *   createSocket?: (url: string) => WebSocket,
 *   setTimer?: (run: () => void, ms: number) => any,
 *   clearTimer?: (timer: any) => void,
 *   random?: () => number,
 *   now?: () => number,
 * }} ClientOptions
 */

/** @extends {Emitter<ClientEvents>} */
export class MeetingClient extends Emitter {
  /** @type {State} */
  state = "idle";
  /** @type {Refusal | null} why the visitor is `refused` or `over` */
  refusal = null;
  /** @type {string | null} whose seat the door gave last */
  participant = null;
  /** @type {number | null} when the line was cut, in the clock's milliseconds */
  cutAt = null;

  /** @type {ClientOptions} */
  #options;
  /** @type {Connection | null} */
  #connection = null;
  /** @type {string | undefined} */
  #name;
  #attempt = 0;
  /** @type {any} */
  #retryTimer = null;
  /** Counts arrivals; an answer to an older one is stale and dropped. */
  #round = 0;

  /** @param {ClientOptions} options */
  constructor(options) {
    super();
    this.#options = options;
  }

  /**
   * The press of Join or Knock to join. Resolves once the door has answered; rejects with ArrivalFailed when it could
   * not be asked, and the state is `idle` again.
   * @param {Who} who
   * @returns {Promise<Arrival>}
   */
  async knock(who = {}) {
    this.#name = who.name;
    this.refusal = null;
    this.#enter("arriving");
    try {
      return await this.#arrive(who);
    } catch (error) {
      this.#enter("idle");
      throw error;
    }
  }

  /**
   * @param {string} type
   * @param {object} [fields]
   * @param {number} [withinMs] how long its answer may take
   */
  request(type, fields, withinMs) {
    if (!this.#connection) return Promise.reject(new RequestFailed("cut", "not connected"));
    return this.#connection.request(type, fields, withinMs);
  }

  /** Leaves for good, or stops waiting. The server is told when it can be; the page need not wait for it. */
  async leave() {
    const connection = this.#connection;
    this.#stop({ reason: "left" }, "over", false);
    await connection?.request("leave").catch(() => undefined);
    connection?.close();
  }

  /** Try again at once: the person pressed the button, or the browser came back online. */
  tryNow() {
    if (this.state !== "returning") return;
    this.#clear();
    void this.#return();
  }

  /** The browser says that the network is gone. */
  lost() {
    this.#connection?.giveUp();
  }

  /** @param {Who} [who] */
  async #arrive({ email, emailCode, newCode, move, tell } = {}) {
    const round = ++this.#round;
    const { code, arriveUrl, csrf, account, invitation, device, token } = this.#options;
    /** @type {Record<string, unknown>} */
    const body = { ...(await device.prove(code)) };
    if (this.#name) body.name = this.#name;
    if (account) body.account = account;
    if (invitation != null) body.invitation = invitation;
    if (email) body.email = email;
    if (emailCode) body.email_code = emailCode;
    const own = token?.();
    if (own) body.authorization = own;
    if (newCode) body.new_code = true;
    if (move) body.move = move;
    if (tell) body.tell_hosts = true;
    const arrival = await askDoor(arriveUrl, csrf, body, this.#options.fetch).catch((error) => {
      if (error instanceof ArrivalFailed && error.code === "other_link") return /** @type {Arrival} */ ({ outcome: "refuse", reason: "other_link" });
      // Whoever signs in voids the tokens of all pages that were loaded before, whoever signs out doesn't. Asking again helps with neither.
      if (error instanceof ArrivalFailed && ["csrf", "other_account"].includes(error.code)) return /** @type {Arrival} */ ({ outcome: "refuse", reason: "other_account" });
      throw error;
    });
    if (round !== this.#round) return arrival;
    if (arrival.outcome === "refuse" || !arrival.socket || !arrival.ticket) {
      this.#stop({ ...arrival, reason: arrival.reason }, "refused");
      return arrival;
    }
    this.participant = arrival.participant ?? null;
    this.#connection = new Connection({
      url: arrival.socket,
      ticket: arrival.ticket,
      onMessage: (message) => this.#received(round, message),
      onClose: (closed) => this.#closed(round, closed),
      createSocket: this.#options.createSocket,
      setTimer: this.#options.setTimer,
      clearTimer: this.#options.clearTimer,
    });
    return arrival;
  }

  /**
   * @param {number} round
   * @param {ServerMessage} message
   */
  #received(round, message) {
    if (round !== this.#round) return;
    if (message.type === "refused") {
      this.#stop(message, "refused");
      return;
    }
    if (message.type === "door" || message.type === "room") {
      this.#attempt = 0;
      this.cutAt = null;
      // The state changes before the message is told, so that a listener finds both in agreement.
      this.#enter(message.type === "door" ? "waiting" : "inside");
    }
    this.emit("message", message);
  }

  /**
   * @param {number} round
   * @param {number} code
   */
  #closed(round, code) {
    if (round !== this.#round) return;
    this.#connection = null;
    const meaning = closeMeaning(code);
    if (!meaning.back) {
      this.#stop({ reason: meaning.reason }, code === 4403 ? "refused" : "over");
      return;
    }
    this.cutAt ??= this.#now();
    this.#enter("returning");
    this.#later(Math.max(meaning.afterMs, code === GAVE_UP && this.#attempt === 0 ? 0 : this.#pause()));
  }

  async #return() {
    try {
      await this.#arrive();
    } catch (error) {
      if (this.state !== "returning") return;
      const retryAfterMs = error instanceof ArrivalFailed ? error.retryAfterMs : null;
      this.#later(Math.max(retryAfterMs ?? 0, this.#pause()));
    }
  }

  #pause() {
    return backoff(this.#attempt, this.#options.random);
  }

  /** @param {number} ms */
  #later(ms) {
    this.#clear();
    this.#attempt += 1;
    this.emit("retry", { attempt: this.#attempt, inMs: ms });
    this.#retryTimer = (this.#options.setTimer ?? setTimeout)(() => void this.#return(), ms);
  }

  #clear() {
    (this.#options.clearTimer ?? clearTimeout)(this.#retryTimer);
    this.#retryTimer = null;
  }

  #now() {
    return (this.#options.now ?? Date.now)();
  }

  /**
   * @param {Refusal} refusal
   * @param {"refused" | "over"} state
   * @param {boolean} [close]
   */
  #stop(refusal, state, close = true) {
    this.#round += 1;
    this.#clear();
    if (close) this.#connection?.close();
    this.#connection = null;
    this.#attempt = 0;
    this.cutAt = null;
    this.refusal = refusal;
    this.#enter(state);
  }

  /** @param {State} state */
  #enter(state) {
    const was = this.state;
    if (was === state) return;
    this.state = state;
    this.emit("state", { state, was });
  }
}
