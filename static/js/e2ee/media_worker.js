// The media worker: seals what encoders give and opens what arrives, between encoder and packetizer. Keys come over a port
// from the group's worker and go nowhere else.
import { Keyring } from "./keyring.js";
import { Opening, Sealing } from "./pipeline.js";

/**
 * @typedef {import("../signaling/protocol.js").Source} Source
 * @typedef {{id: number, side: "out", source: Source} | {id: number, side: "in", kind: "audio" | "video"}} Line
 * @typedef {{id: number, side: "out" | "in", source: Source | null, participant: string | null, waitingSince: number | null,
 *   seen: number, sealed: number, sealedBytes: number, opened: number, dropped: number}} LineReport
 */

const REPORT_MS = 1000;

const ring = new Keyring();
/** @type {Map<number, {line: Line, way: Sealing | Opening}>} */
const lines = new Map();
/** @type {any} */
let timer = null;

/**
 * @param {Line} line
 * @param {ReadableStream} readable
 * @param {WritableStream} writable
 * @param {() => void} askForKeyFrame
 */
function begin(line, readable, writable, askForKeyFrame) {
  const now = () => performance.now();
  const way =
    line.side === "out"
      ? new Sealing(ring, line.source)
      : new Opening(ring, { kind: line.kind, now, changed: () => report({ only: line.id }), askForKeyFrame });
  lines.set(line.id, { line, way });
  const transform = new TransformStream({ transform: (frame, controller) => way.take(frame, controller) });
  // A stream ends with its connection, and that is no error.
  readable.pipeThrough(transform).pipeTo(writable).catch(() => undefined).finally(() => lines.delete(line.id));
}

/** @param {{only?: number, answer?: number}} [to] one line only; the question that this answers */
function report({ only, answer } = {}) {
  /** @type {LineReport[]} */
  const reports = [];
  for (const [id, { line, way }] of lines) {
    if (only !== undefined && only !== id) continue;
    const from = way instanceof Opening ? way.from : null;
    reports.push({
      id, side: line.side, ...way.counts,
      source: line.side === "out" ? line.source : (from?.source ?? null),
      participant: from?.participant ?? null,
      waitingSince: way instanceof Opening ? way.waitingSince : null,
    });
  }
  if (reports.length || answer !== undefined) postMessage({ type: "lines", lines: reports, answer });
}

function arm() {
  clearTimeout(timer);
  const due = ring.nextAt();
  if (due === Infinity) return;
  timer = setTimeout(() => {
    ring.tick(performance.now());
    arm();
  }, Math.max(0, due - performance.now()));
}

/** What the group's worker says. @param {MessageEvent} event */
function onGroup({ data }) {
  if (data.type === "enter") ring.enter(data.entry, performance.now());
  else if (data.type === "activate") ring.activate(data.epoch);
  else if (data.type === "leave") ring.leave();
  arm();
}

/** @type {any} */ (globalThis).onrtctransform = (/** @type {any} */ { transformer }) => {
  const line = transformer.options;
  // Firefox and Safari ask the sender; where the method is missing the decoder has to ask by itself.
  begin(line, transformer.readable, transformer.writable, () => transformer.sendKeyFrameRequest?.().catch?.(() => undefined));
};

onmessage = ({ data, ports }) => {
  if (data.type === "group") ports[0].onmessage = onGroup;
  else if (data.type === "streams") begin(data.line, data.readable, data.writable, () => postMessage({ type: "ask", id: data.line.id }));
  else if (data.type === "report") report({ answer: data.question });
};

setInterval(() => report(), REPORT_MS);

