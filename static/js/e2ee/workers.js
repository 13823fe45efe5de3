// The two workers of an encrypted room, as the page holds them: the group's, which is asked and tells, and the media worker, which
// gets its keys from the group's over a channel of their own.
import { Emitter } from "../lib/emitter.js";
import { Transforms } from "../media/transforms.js";
import { Watchdog } from "../media/watchdog.js";

/**
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {import("./media_worker.js").LineReport} LineReport
 * @typedef {{said: any, lines: LineReport[], leak: Source, broken: null}} WorkersEvents `said`: by the group's worker; `broken`: one of them died
 */

/** @extends {Emitter<WorkersEvents>} */
export class Workers extends Emitter {
  transforms;
  #group;
  /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void}>} */
  #asked = new Map();
  #nextId = 1;

  /** @param {{group: string, media: string}} addresses which only the server's template knows */
  constructor(addresses) {
    super();
    const group = (this.#group = new Worker(addresses.group, { type: "module", name: "group" }));
    const media = new Worker(addresses.media, { type: "module", name: "media" });
    const channel = new MessageChannel();
    group.postMessage({ type: "media" }, [channel.port1]);
    media.postMessage({ type: "group" }, [channel.port2]);
    group.onmessage = ({ data }) => (data.type === "done" ? this.#done(data) : this.emit("said", data));
    for (const worker of [group, media]) worker.onerror = () => this.emit("broken", null);
    this.transforms = new Transforms(media);
    const watchdog = new Watchdog(this.transforms, (question) => media.postMessage({ type: "report", question }));
    watchdog.on("leak", (source) => this.emit("leak", source));
    media.onmessage = ({ data }) => {
      if (data.type !== "lines") return;
      this.emit("lines", data.lines);
      void watchdog.take(data.lines, data.answer);
    };
  }

  /** Something for the group's worker. @param {object} message */
  tell(message) {
    this.#group.postMessage(message);
  }

  /**
   * The same, with an answer. Rejects with a code.
   * @param {object} message
   * @returns {Promise<any>}
   */
  ask(message) {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.tell({ ...message, id });
    });
  }

  /** @param {{id: number, result?: any, error?: string}} answer */
  #done({ id, result, error }) {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (error) asked?.reject(Object.assign(new Error(error), { code: error }));
    else asked?.resolve(result);
  }

  /** They end, and with them every key. */
  close() {
    this.#group.terminate();
    this.transforms.worker.terminate();
    for (const { reject } of this.#asked.values()) reject(new Error("closed"));
    this.#asked.clear();
  }
}
