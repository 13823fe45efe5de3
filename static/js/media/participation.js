// What this person sends: microphone, camera and screen, switched by them, by a host, or by the browser. Knows no DOM.
import { Emitter } from "../lib/emitter.js";
import { RequestFailed } from "../signaling/protocol.js";

/**
 * @typedef {import("./devices.js").Kind} Kind
 * @typedef {import("../signaling/protocol.js").Capabilities} Capabilities
 * @typedef {{
 *   change: null,
 *   failed: {what: Kind | "screen", error: unknown},
 *   mutedByHost: {source: "microphone" | "camera" | "screen", by: string | null},
 *   shareEnded: null,
 * }} ParticipationEvents
 */

/** @extends {Emitter<ParticipationEvents>} */
export class Participation extends Emitter {
  /** @type {MediaStream | null} */
  screen = null;
  #devices;
  #call;
  #capabilities;
  #suspended;
  /** Held V: a mute by a host while the key is down stays when it is let go. */
  #held = false;

  /**
   * @param {{
   *   devices: import("./devices.js").Devices, call: import("./call.js").Call, capabilities: () => Capabilities,
   *   suspended: () => boolean,
   * }} parts
   */
  constructor({ devices, call, capabilities, suspended }) {
    super();
    this.#devices = devices;
    this.#call = call;
    this.#capabilities = capabilities;
    this.#suspended = suspended;
    call.on("refused", (source) => void this.stopped(source));
    devices.on("track", ({ kind, track }) => void this.#call.send([kind, track]).catch((error) => this.#failed(kind, error)));
    devices.on("lost", (kind) => void this.#tell(kind, false));
    devices.on("change", () => this.emit("change", null));
  }

  get microphone() {
    return this.#call.state.microphone;
  }

  get camera() {
    return this.#call.state.camera;
  }

  get sharing() {
    return this.screen !== null;
  }

  /** What the surface is called: "window", "browser" (a tab) or "monitor"; empty where the browser does not say. */
  get surface() {
    const settings = /** @type {MediaTrackSettings & {displaySurface?: string}} */ (this.screen?.getVideoTracks()[0]?.getSettings() ?? {});
    return { kind: settings.displaySurface ?? "", label: this.screen?.getVideoTracks()[0]?.label ?? "" };
  }

  /**
   * First entry: what the join page left switched on, as far as this person may.
   * @param {{micsStartOff: boolean}} meeting
   */
  async begin({ micsStartOff }) {
    const may = this.#capabilities();
    if ((micsStartOff || !may.speak) && this.#devices.wanted.microphone) await this.#devices.toggle("microphone", false);
    if (!may.show && this.#devices.wanted.camera) await this.#devices.toggle("camera", false);
    for (const kind of /** @type {Kind[]} */ (["microphone", "camera"])) {
      const track = this.#devices.tracks[kind];
      if (track) await this.#call.send([kind, track]);
    }
    this.#call.state = { ...this.#call.state, microphone: this.#devices.live("microphone"), camera: this.#devices.live("camera") };
    this.emit("change", null);
  }

  /**
   * @param {Kind} kind
   * @param {boolean} on
   */
  async turn(kind, on) {
    const may = this.#capabilities();
    if (on && this.#suspended()) {
      this.#failed(kind, new RequestFailed("suspended", "everything is stopped"));
      return;
    }
    if (on && !(kind === "microphone" ? may.speak : may.show)) {
      this.#failed(kind, new RequestFailed("not_allowed", "not allowed"));
      return;
    }
    await this.#devices.toggle(kind, on);
    if (on && !this.#devices.live(kind)) {
      this.#failed(kind, this.#devices.trouble[kind]);
      return;
    }
    await this.#tell(kind, on);
  }

  /** The key goes down. Only does something while the microphone is off. */
  async startTalking() {
    if (this.#held || this.microphone) return;
    this.#held = true;
    await this.turn("microphone", true);
  }

  async stopTalking() {
    if (!this.#held) return;
    this.#held = false;
    await this.turn("microphone", false);
  }

  /** Asks the browser which surface to share. Resolves false when the person changed their mind. */
  async share() {
    if (this.screen) return true;
    /** @type {MediaStream} */
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia(
        /** @type {DisplayMediaStreamOptions} */ ({
          video: { frameRate: { ideal: 15, max: 30 } },
          audio: true,
          selfBrowserSurface: "exclude",
          surfaceSwitching: "include",
          systemAudio: "include",
        }),
      );
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "NotAllowedError")) this.#failed("screen", error);
      return false;
    }
    const [video] = stream.getVideoTracks();
    const [audio] = stream.getAudioTracks();
    video.contentHint = "detail";
    video.onended = () => void this.stopSharing();
    this.screen = stream;
    this.emit("change", null);
    try {
      await this.#call.tell({ screen: true });
      await this.#call.send(["screen", video], ["screen_audio", audio ?? null]);
    } catch (error) {
      await this.stopSharing();
      this.#failed("screen", error);
      return false;
    }
    return true;
  }

  async stopSharing() {
    const stream = this.screen;
    if (!stream) return;
    this.screen = null;
    for (const track of stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    this.emit("change", null);
    this.emit("shareEnded", null);
    await Promise.allSettled([this.#call.send(["screen", null], ["screen_audio", null]), this.#call.tell({ screen: false })]);
  }

  /**
   * A host stopped one of the sources. The server forwards nothing of it already.
   * @param {{source: "microphone" | "camera" | "screen", by: string | null}} muted
   */
  async mutedByHost(muted) {
    await this.stopped(muted.source);
    this.emit("mutedByHost", muted);
  }

  /** The server forwards nothing of this source until it is switched on again. @param {import("../signaling/protocol.js").OwnSource} source */
  async stopped(source) {
    this.#held = false;
    this.#call.state = { ...this.#call.state, [source]: false };
    if (source === "screen") await this.stopSharing();
    else await this.#devices.toggle(source, false);
    this.emit("change", null);
  }

  /** A right was taken away: stop what it allowed. */
  async obey() {
    const may = this.#capabilities();
    if (!may.speak && this.microphone) await this.turn("microphone", false);
    if (!may.show && this.camera) await this.turn("camera", false);
    if (!may.share) await this.stopSharing();
  }

  /**
   * Out of the room. At the door the preview goes on, seen by its owner only; elsewhere nothing is captured any more.
   * @param {{atTheDoor: boolean}} where
   */
  end({ atTheDoor }) {
    for (const track of this.screen?.getTracks() ?? []) track.stop();
    this.screen = null;
    if (!atTheDoor) this.#devices.release();
  }

  /**
   * @param {Kind} kind
   * @param {boolean} on
   */
  async #tell(kind, on) {
    try {
      await this.#call.tell({ [kind]: on });
      if (on && !this.#call.state[kind]) this.#failed(kind, new RequestFailed("not_allowed", "not allowed"));
    } catch (error) {
      this.#call.state = { ...this.#call.state, [kind]: false };
      await this.#devices.toggle(kind, false);
      this.#failed(kind, error);
    }
    this.emit("change", null);
  }

  /**
   * @param {Kind | "screen"} what
   * @param {unknown} error
   */
  #failed(what, error) {
    this.emit("failed", { what, error });
    this.emit("change", null);
  }
}
