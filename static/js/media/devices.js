// This person's camera, microphone and speaker: asked for on a press, chosen, lost and found again. Knows no DOM.
import { Emitter } from "../lib/emitter.js";

/**
 * @typedef {"idle" | "asking" | "ready" | "none_wanted"} Asked
 * @typedef {"blocked" | "blocked_by_system" | "in_use" | "none" | "unplugged"} Trouble
 * @typedef {"microphone" | "camera"} Kind
 * @typedef {{change: null, track: {kind: Kind, track: MediaStreamTrack | null}, fellBack: {kind: Kind, label: string}, lost: Kind}} DeviceEvents
 */

const CHOICES = "lintel:devices";
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const MICROPHONE = { echoCancellation: true, autoGainControl: true, noiseSuppression: true };

/**
 * Why the browser gave no device. Chromium names the system in the message, Safari and Firefox do not.
 * @param {unknown} error
 * @returns {Trouble}
 */
export function troubleOf(error) {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  const message = error instanceof Error || error instanceof DOMException ? error.message : "";
  if (name === "NotAllowedError" || name === "SecurityError") return /system/i.test(message) ? "blocked_by_system" : "blocked";
  if (name === "NotReadableError" || name === "AbortError") return "in_use";
  return "none";
}

/** @extends {Emitter<DeviceEvents>} */
export class Devices extends Emitter {
  /** @type {Asked} */
  asked = "idle";
  /** @type {Record<Kind, boolean>} whether the person wants it on */
  wanted = { microphone: true, camera: true };
  /** @type {Record<Kind, MediaStreamTrack | null>} */
  tracks = { microphone: null, camera: null };
  /** @type {Record<Kind, Trouble | null>} */
  trouble = { microphone: null, camera: null };
  /** @type {MediaDeviceInfo[]} */
  list = [];
  speaker = "";
  /** @type {"user" | "environment" | null} */
  facing = null;
  #choices = readChoices();
  /** @type {Record<Kind, number>} counts openings, so that a late answer of the browser is dropped */
  #round = { microphone: 0, camera: 0 };

  constructor() {
    super();
    this.speaker = this.#choices.speaker ?? "";
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.refresh());
  }

  /** Whether this person pressed Allow here before: then the camera may open without asking again. */
  get allowedBefore() {
    return this.#choices.allowed === "yes";
  }

  /** @param {Kind} kind */
  of(kind) {
    const wanted = kind === "camera" ? "videoinput" : "audioinput";
    return this.list.filter((device) => device.kind === wanted && device.deviceId);
  }

  get speakers() {
    return this.list.filter((device) => device.kind === "audiooutput" && device.deviceId);
  }

  /** @param {Kind} kind the device in use */
  current(kind) {
    return this.tracks[kind]?.getSettings().deviceId ?? this.#choices[kind] ?? "";
  }

  /** @param {Kind} kind */
  live(kind) {
    return this.wanted[kind] && this.tracks[kind]?.readyState === "live";
  }

  /** The press of "Allow camera and microphone": both with one question, then each alone where both can't be had. */
  async allow() {
    this.asked = "asking";
    this.emit("change", null);
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: this.#constraints("microphone"),
        video: this.#constraints("camera"),
      });
      this.#adopt("microphone", stream.getAudioTracks()[0] ?? null);
      this.#adopt("camera", stream.getVideoTracks()[0] ?? null);
    } catch {
      await this.#open("microphone");
      await this.#open("camera");
    }
    for (const kind of /** @type {Kind[]} */ (["microphone", "camera"])) if (!this.tracks[kind]) this.wanted[kind] = false;
    this.asked = "ready";
    if (this.tracks.microphone || this.tracks.camera) this.#keep({ allowed: "yes" });
    await this.refresh();
  }

  /** "Continue without". */
  decline() {
    this.asked = "none_wanted";
    this.wanted = { microphone: false, camera: false };
    this.emit("change", null);
  }

  /**
   * Switches a device on or off. A camera that is off is let go, so that its light goes out; a microphone is only
   * silenced, because opening it takes too long to answer a question.
   * @param {Kind} kind
   * @param {boolean} on
   */
  async toggle(kind, on) {
    this.wanted[kind] = on;
    const track = this.tracks[kind];
    if (!on && kind === "camera") {
      this.#round.camera += 1;
      track?.stop();
      this.#adopt("camera", null);
    } else if (on && (!track || track.readyState !== "live")) {
      this.emit("change", null);
      await this.#open(kind);
      if (!this.tracks[kind]) this.wanted[kind] = false;
      if (this.asked !== "ready") this.asked = "ready";
      await this.refresh();
      return;
    }
    if (track && kind === "microphone") track.enabled = on;
    this.emit("change", null);
  }

  /**
   * @param {Kind} kind
   * @param {string} deviceId
   */
  async choose(kind, deviceId) {
    this.#keep({ [kind]: deviceId });
    if (kind === "camera") this.facing = null;
    if (kind === "camera" && !this.wanted.camera) {
      this.emit("change", null);
      return;
    }
    await this.#open(kind);
    this.emit("change", null);
  }

  /** @param {string} deviceId */
  chooseSpeaker(deviceId) {
    this.speaker = deviceId;
    this.#keep({ speaker: deviceId });
    this.emit("change", null);
  }

  /** Phones: the camera on the other side. */
  async turnCamera() {
    this.facing = this.facing === "environment" ? "user" : "environment";
    await this.#open("camera");
  }

  /** Reads the list again; what was unplugged is replaced and said. */
  async refresh() {
    const before = this.list;
    this.list = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
    if (before.length && this.speaker && !this.speakers.some((device) => device.deviceId === this.speaker)) this.speaker = "";
    this.emit("change", null);
  }

  /** Lets everything go: no light stays on. */
  release() {
    for (const kind of /** @type {Kind[]} */ (["microphone", "camera"])) {
      this.#round[kind] += 1;
      const track = this.tracks[kind];
      if (track) {
        track.onended = null;
        track.stop();
      }
      this.tracks[kind] = null;
    }
    this.emit("change", null);
  }

  /** @param {Kind} kind */
  async #open(kind) {
    const round = ++this.#round[kind];
    const field = kind === "camera" ? "video" : "audio";
    if (kind === "camera") this.tracks.camera?.stop(); // phones open one camera at a time
    let track = null;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ [field]: this.#constraints(kind) });
      track = stream.getTracks()[0] ?? null;
      this.trouble[kind] = null;
    } catch (error) {
      this.trouble[kind] = troubleOf(error);
    }
    if (round !== this.#round[kind]) {
      track?.stop();
      return;
    }
    this.#adopt(kind, track);
  }

  /**
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  #adopt(kind, track) {
    const old = this.tracks[kind];
    if (old && old !== track) {
      old.onended = null;
      old.stop();
    }
    this.tracks[kind] = track;
    if (track) {
      this.trouble[kind] = null;
      if (kind === "microphone") track.enabled = this.wanted.microphone;
      track.contentHint = kind === "camera" ? "motion" : "speech";
      track.onended = () => void this.#ended(kind, track);
    }
    this.emit("track", { kind, track });
    this.emit("change", null);
  }

  /**
   * Unplugged, or taken by the system: go on with another one, and say which.
   * @param {Kind} kind
   * @param {MediaStreamTrack} track
   */
  async #ended(kind, track) {
    if (this.tracks[kind] !== track) return;
    this.#keep({ [kind]: "" });
    await this.#open(kind);
    const next = this.tracks[kind];
    if (next) this.emit("fellBack", { kind, label: next.label });
    else {
      this.trouble[kind] = "unplugged";
      this.wanted[kind] = false;
      this.emit("lost", kind);
    }
    await this.refresh();
  }

  /**
   * @param {Kind} kind
   * @returns {MediaTrackConstraints}
   */
  #constraints(kind) {
    const deviceId = this.#choices[kind];
    const chosen = deviceId ? { deviceId: { ideal: deviceId } } : {};
    if (kind === "microphone") return { ...MICROPHONE, ...chosen };
    return this.facing ? { ...CAMERA, facingMode: { ideal: this.facing } } : { ...CAMERA, ...chosen };
  }

  /** @param {Record<string, string>} choices */
  #keep(choices) {
    Object.assign(this.#choices, choices);
    try {
      localStorage.setItem(CHOICES, JSON.stringify(this.#choices));
    } catch {
      // A browser that keeps nothing still works for this page.
    }
  }
}

/** @returns {Record<string, string>} */
function readChoices() {
  try {
    const kept = JSON.parse(localStorage.getItem(CHOICES) ?? "{}");
    return kept && typeof kept === "object" ? kept : {};
  } catch {
    return {};
  }
}
