// What hosts may ask of the server. One line each: the server decides.

/** @typedef {(type: string, fields?: object) => Promise<unknown>} Request */

export class Hosting {
  #request;

  /** @param {Request} request */
  constructor(request) {
    this.#request = request;
  }

  /**
   * @param {import("./protocol.js").Waiter} seen as the host saw them: whoever has another name by now stays outside
   * @param {{bulk?: boolean}} [how] bulk: one of several, without a look at each; the server leaves out whoever needs one
   */
  letIn({ participant, revision }, { bulk = false } = {}) {
    return this.#request("door.admit", { participant, revision, ...(bulk && { bulk }) });
  }

  /**
   * @param {string} participant
   * @param {{block: boolean, note: string}} how
   */
  turnAway(participant, { block, note }) {
    return this.#request("door.refuse", { participant, block, ...(note && { note }) });
  }

  /**
   * @param {string} participant
   * @param {string} text
   */
  tell(participant, text) {
    return this.#request("door.message", { participant, text });
  }

  /** @param {boolean} locked */
  lock(locked) {
    return this.#request("door.lock", { locked });
  }

  /**
   * @param {string} participant
   * @param {"microphone" | "camera" | "screen"} source
   */
  stop(participant, source) {
    return this.#request("host.mute", { participant, source });
  }

  /** @param {boolean} unmute people may switch theirs on again themselves */
  muteEveryone(unmute) {
    return this.#request("host.mute_all", { unmute });
  }

  /**
   * @param {string} participant
   * @param {"microphone" | "camera" | "screen"} source
   */
  ask(participant, source) {
    return this.#request("host.ask", { participant, source });
  }

  /**
   * @param {import("../lib/door.js").Row} row
   * @param {import("../lib/door.js").Way} way
   */
  setWay(row, way) {
    return this.#request("host.door", { row, way });
  }

  /** @param {Partial<import("./protocol.js").Rights>} rights */
  give(rights) {
    return this.#request("host.rights", rights);
  }

  /**
   * @param {string} participant
   * @param {Partial<Record<import("./protocol.js").Right, boolean | null>>} words null: the meeting's rule
   */
  giveOne(participant, words) {
    return this.#request("host.person_rights", { participant, ...words });
  }

  /**
   * @param {string} participant
   * @param {boolean} host
   */
  setHost(participant, host) {
    return this.#request("host.role", { participant, host });
  }

  /**
   * @param {string} participant
   * @param {{block: boolean, note: string}} how
   */
  remove(participant, { block, note }) {
    return this.#request("host.remove", { participant, block, ...(note && { note }) });
  }

  /** @param {string} participant */
  toDoor(participant) {
    return this.#request("host.to_door", { participant });
  }

  /**
   * @param {string} participant
   * @param {boolean} on large for everybody who pinned nobody themselves
   */
  spotlight(participant, on) {
    return this.#request("host.spotlight", { participant, on });
  }

  suspend() {
    return this.#request("host.suspend");
  }

  /** @param {boolean} quiet with everybody's microphone and camera off */
  resume(quiet) {
    return this.#request("host.resume", { quiet });
  }

  end() {
    return this.#request("host.end");
  }
}
