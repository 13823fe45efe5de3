// How loud things are: the own microphone by an analyser, others by what their receivers report. Knows no DOM.

/** Speech is on above this level (0…1) and stays on through pauses this long. */
const SPEECH_LEVEL = 0.02;
const PAUSE_MS = 700;
/** So many times above what a microphone gives in silence is speech too, where that is more than next to nothing. */
const ABOVE_SILENCE = 3;
const LEAST_SPEECH_LEVEL = 0.003;
/** How much of the way to a higher level the silence goes with each look: half a minute for most of it. */
const SILENCE_RISES = 0.005;
/** A microphone that is on and gives less than this for so long is probably not the one people speak into. */
const SILENCE_LEVEL = 0.0008;
const SILENT_AFTER_MS = 8000;
const EVERY_MS = 120;
/** What is looked at each time, nothing between two looks left out: 171 ms, in moments of 11 ms, at 48 kHz. */
const SAMPLES = 8192;
const MOMENT = 512;
const LOOK_EVERY_MS = 400;

/** Turns levels into "speaks" and "does not", without flicker. Pure: time is a parameter. */
export class SpeechDetector {
  /** @type {Map<string, number>} */
  #heard = new Map();

  /**
   * @param {string} id
   * @param {number} level 0…1
   * @param {number} now milliseconds
   */
  update(id, level, now) {
    if (level >= SPEECH_LEVEL) this.#heard.set(id, now);
    const last = this.#heard.get(id);
    if (last === undefined) return false;
    if (now - last <= PAUSE_MS) return true;
    this.#heard.delete(id);
    return false;
  }

  /** @param {string} id */
  forget(id) {
    this.#heard.delete(id);
  }
}

/**
 * Whether somebody speaks into the own microphone. On it hangs who is heard in large encrypted meetings, so a quiet voice counts
 * as well: by how far it is above the silence between its words. Pure: time is a parameter.
 */
export class VoiceDetector {
  #silence = SPEECH_LEVEL;
  #spokeAt = -Infinity;

  /**
   * @param {number} level 0…1, the loudest since the last look
   * @param {number} now milliseconds
   */
  update(level, now) {
    this.#silence += (level - this.#silence) * (level < this.#silence ? 0.5 : SILENCE_RISES);
    const speech = Math.min(SPEECH_LEVEL, Math.max(LEAST_SPEECH_LEVEL, ABOVE_SILENCE * this.#silence));
    if (level >= speech) this.#spokeAt = now;
    return now - this.#spokeAt <= PAUSE_MS;
  }
}

/** Watches one microphone track. */
export class MicrophoneMeter {
  level = 0;
  silent = false;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {AnalyserNode | null} */
  #analyser = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #samples = new Float32Array(SAMPLES);
  #quietSince = 0;
  /** @type {any} */
  #timer = null;
  #onLevel;

  /** @param {(level: number, silent: boolean) => void} onLevel */
  constructor(onLevel) {
    this.#onLevel = onLevel;
  }

  /** @param {MediaStreamTrack | null} track */
  watch(track) {
    if (track === this.#track) return;
    this.#source?.disconnect();
    this.#source = null;
    this.#track = track;
    this.#quietSince = performance.now();
    this.silent = false;
    this.level = 0;
    if (!track) {
      clearInterval(this.#timer);
      this.#timer = null;
      this.#onLevel(0, false);
      return;
    }
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") void this.#context.resume();
    this.#analyser ??= new AnalyserNode(this.#context, { fftSize: SAMPLES });
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
    this.#timer ??= setInterval(() => this.measure(), EVERY_MS);
  }

  close() {
    this.watch(null);
    void this.#context?.close();
    this.#context = null;
    this.#analyser = null;
  }

  /**
   * The loudest moment of the last sixth of a second, 0…1; null while the browser measures nothing. Timers of a page in the
   * background nearly stop; whoever needs it there asks.
   */
  measure() {
    if (!this.#analyser || !this.#track) return null;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    this.level = loudest(this.#samples);
    const now = performance.now();
    const measures = this.#context?.state === "running";
    const listening = this.#track.enabled && measures;
    if (!listening || this.level > SILENCE_LEVEL) this.#quietSince = now;
    this.silent = now - this.#quietSince > SILENT_AFTER_MS;
    this.#onLevel(this.level, this.silent);
    return measures ? this.level : null;
  }
}

/** @param {Float32Array} samples */
function loudest(samples) {
  let most = 0;
  for (let start = 0; start < samples.length; start += MOMENT) {
    let sum = 0;
    for (let at = start; at < start + MOMENT; at++) sum += samples[at] * samples[at];
    most = Math.max(most, sum / MOMENT);
  }
  return Math.sqrt(most);
}

/**
 * The level that a receiver played last, 0…1; null while nothing arrives.
 * @param {RTCRtpReceiver} receiver
 */
export function receivedLevel(receiver) {
  const newest = receiver.getSynchronizationSources()[0];
  if (!newest || performance.timeOrigin + performance.now() - newest.timestamp > 500) return null;
  return newest.audioLevel ?? 0;
}

/** What receivers of an encrypted room play: no packet there says how loud it is, but the decoder knows. */
export class PlayedLevels {
  /** @type {Map<string, number | null>} by the receiver's track */
  #levels = new Map();
  /** @type {Map<string, number>} received before, by report */
  #packets = new Map();
  #lookedAt = -Infinity;

  /**
   * Statistics cost more than a level is worth, so that most calls do nothing.
   * @param {RTCPeerConnection | null | undefined} connection
   * @param {number} now milliseconds
   */
  async look(connection, now) {
    if (!connection || now - this.#lookedAt < LOOK_EVERY_MS || this.#lookedAt === Infinity) return;
    this.#lookedAt = Infinity;
    try {
      for (const report of (await connection.getStats()).values()) {
        if (report.type !== "inbound-rtp" || report.kind !== "audio") continue;
        const arrives = report.packetsReceived > (this.#packets.get(report.id) ?? 0);
        this.#packets.set(report.id, report.packetsReceived);
        this.#levels.set(report.trackIdentifier, arrives ? (report.audioLevel ?? 0) : null);
      }
    } finally {
      this.#lookedAt = now;
    }
  }

  /** 0…1; null while nothing arrives. @param {RTCRtpReceiver} receiver */
  of(receiver) {
    return this.#levels.get(receiver.track.id) ?? null;
  }
}

/**
 * A level as 0…`steps` lit segments, on the scale that ears use.
 * @param {number} level
 * @param {number} steps
 */
export function litSegments(level, steps) {
  if (level <= 0.001) return 0;
  const decibels = 20 * Math.log10(level);
  return Math.max(0, Math.min(steps, Math.round(((decibels + 60) / 54) * steps)));
}
