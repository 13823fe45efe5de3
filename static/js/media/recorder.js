// A recording on this device: pictures as they stand on the stage, and voices mixed. Whose they are it is told, and nothing
// leaves the device. Knows neither room nor server.

/**
 * @typedef {{x: number, y: number, w: number, h: number}} Rect
 * @typedef {{rect: Rect, name: string, video: HTMLVideoElement | null, whole: boolean, mirrored: boolean}} Picture
 *   `video`: null where there is none to record; `whole`: nothing of it is cut off
 * @typedef {{width: number, height: number, pictures: Picture[]}} Scene in the stage's own pixels
 */

const WIDTH = 1280;
const HEIGHT = 720;
const FRAMES_PER_SECOND = 15;
const CHUNK_MS = 2000;
const BITS_PER_SECOND = 2_500_000;
const TYPES = ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];
const GROUND = "#14171c";
const TILE = "#232830";
const INK = "#f4f5f7";

/** Whether this browser can record at all. */
export const canRecord = () => "MediaRecorder" in globalThis && "captureStream" in HTMLCanvasElement.prototype && Boolean(type());

const type = () => TYPES.find((one) => MediaRecorder.isTypeSupported(one)) ?? "";

export class Recorder {
  #scene;
  #voices;
  #canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  #ground = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d", { alpha: false }));
  #sound = new AudioContext();
  #mix = this.#sound.createMediaStreamDestination();
  /** @type {Map<string, {track: MediaStreamTrack, node: MediaStreamAudioSourceNode}>} */
  #connected = new Map();
  #ticker;
  #recorder;
  /** Browsers keep these on disk once they are large. @type {Blob[]} */
  #chunks = [];
  /** @type {Promise<void>} */
  #ended;

  /**
   * @param {{
   *   scene: () => Scene, voices: () => Map<string, MediaStreamTrack>, ticker: string, onFailed: (error: unknown) => void,
   * }} parts `scene` and `voices` are asked for each frame; `ticker`: the address of ticker_worker.js
   */
  constructor({ scene, voices, ticker, onFailed }) {
    this.#scene = scene;
    this.#voices = voices;
    // Sound flows from the first moment on, so that voices stand where they belong.
    const silence = new ConstantSourceNode(this.#sound, { offset: 0 });
    silence.connect(this.#mix);
    silence.start();
    const stream = new MediaStream([...this.#canvas.captureStream(FRAMES_PER_SECOND).getVideoTracks(), ...this.#mix.stream.getAudioTracks()]);
    this.#recorder = new MediaRecorder(stream, { mimeType: type(), videoBitsPerSecond: BITS_PER_SECOND });
    this.#recorder.ondataavailable = ({ data }) => {
      if (data.size) this.#chunks.push(data);
    };
    this.#recorder.onerror = (event) => onFailed(/** @type {any} */ (event).error ?? event);
    this.#ended = new Promise((resolve) => (this.#recorder.onstop = () => resolve()));
    this.#ticker = new Worker(ticker);
    this.#ticker.onmessage = () => this.#tick();
  }

  start() {
    void this.#sound.resume().catch(() => undefined);
    this.#tick();
    this.#recorder.start(CHUNK_MS);
    this.#ticker.postMessage(1000 / FRAMES_PER_SECOND);
  }

  /** @returns {Promise<Blob>} everything, as a file's content */
  async stop() {
    this.#ticker.terminate();
    if (this.#recorder.state !== "inactive") {
      this.#recorder.stop();
      await this.#ended;
    }
    for (const track of this.#recorder.stream.getTracks()) track.stop();
    await this.#sound.close();
    return new Blob(this.#chunks, { type: this.#recorder.mimeType });
  }

  #tick() {
    this.#listen();
    this.#draw();
  }

  /** Exactly the voices that may be in it are connected: one that is taken out is silent from this frame on. */
  #listen() {
    const voices = this.#voices();
    for (const [key, { track, node }] of this.#connected) {
      if (voices.get(key) === track) continue;
      node.disconnect();
      this.#connected.delete(key);
    }
    for (const [key, track] of voices) {
      if (this.#connected.has(key)) continue;
      const node = this.#sound.createMediaStreamSource(new MediaStream([track]));
      node.connect(this.#mix);
      this.#connected.set(key, { track, node });
    }
  }

  #draw() {
    const { width, height, pictures } = this.#scene();
    const ground = this.#ground;
    ground.fillStyle = GROUND;
    ground.fillRect(0, 0, WIDTH, HEIGHT);
    const scale = Math.min(WIDTH / Math.max(1, width), HEIGHT / Math.max(1, height));
    const left = (WIDTH - width * scale) / 2;
    const top = (HEIGHT - height * scale) / 2;
    for (const picture of pictures) {
      const { x, y, w, h } = picture.rect;
      this.#drawOne(picture, { x: left + x * scale, y: top + y * scale, w: w * scale, h: h * scale });
    }
  }

  /**
   * @param {Picture} picture
   * @param {Rect} place
   */
  #drawOne({ name, video, whole, mirrored }, place) {
    const ground = this.#ground;
    ground.save();
    ground.beginPath();
    ground.rect(place.x, place.y, place.w, place.h);
    ground.clip();
    ground.fillStyle = TILE;
    ground.fillRect(place.x, place.y, place.w, place.h);
    if (video?.videoWidth) {
      const fits = [place.w / video.videoWidth, place.h / video.videoHeight];
      const scale = whole ? Math.min(...fits) : Math.max(...fits);
      const [w, h] = [video.videoWidth * scale, video.videoHeight * scale];
      ground.translate(place.x + place.w / 2, place.y + place.h / 2);
      if (mirrored) ground.scale(-1, 1);
      ground.drawImage(video, -w / 2, -h / 2, w, h);
      ground.setTransform(1, 0, 0, 1, 0, 0);
    }
    ground.font = "16px system-ui, sans-serif";
    ground.textBaseline = "bottom";
    ground.fillStyle = INK;
    ground.shadowColor = GROUND;
    ground.shadowBlur = 4;
    ground.fillText(name, place.x + 10, place.y + place.h - 8, Math.max(10, place.w - 20));
    ground.restore();
  }
}
