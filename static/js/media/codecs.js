// What this browser can send and show pictures in, in the server's words for codecs. Knows no DOM.

/** @typedef {"vp8" | "vp9" | "av1" | "h264"} Codec */

/** How people know them. @type {Record<string, string>} */
export const CODEC_NAMES = { vp8: "VP8", vp9: "VP9", av1: "AV1", h264: "H.264" };

/** Of each the one kind that the server passes on. @type {Record<Codec, (parameters: string) => boolean>} */
const PASSED_ON = {
  vp8: () => true,
  vp9: (parameters) => !/profile-id=[1-9]/.test(parameters),
  av1: (parameters) => !/profile=[1-9]/.test(parameters),
  h264: (parameters) => /packetization-mode=1/.test(parameters),
};
const CODECS = /** @type {Codec[]} */ (Object.keys(PASSED_ON));

/**
 * @param {RTCRtpCodec} listed
 * @param {Codec} codec
 */
const is = ({ mimeType, sdpFmtpLine = "" }, codec) => mimeType.toLowerCase() === `video/${codec}` && PASSED_ON[codec](sdpFmtpLine);

/** @param {"RTCRtpSender" | "RTCRtpReceiver"} end @returns {RTCRtpCodec[] | null} null where the browser doesn’t say */
const listed = (end) => globalThis[end]?.getCapabilities?.("video")?.codecs ?? null;

/** What the server is told. @returns {Codec[] | null} null where the browser doesn’t say */
export function decodable() {
  const codecs = listed("RTCRtpReceiver");
  return codecs && CODECS.filter((codec) => codecs.some((one) => is(one, codec)));
}

/** Those that a connection can be told to send. Browsers take from this list only what they have for both ways. */
function choices() {
  if (!globalThis.RTCRtpTransceiver?.prototype.setCodecPreferences) return [];
  const text = (/** @type {RTCRtpCodec} */ { mimeType, sdpFmtpLine }) => `${mimeType} ${sdpFmtpLine}`.toLowerCase();
  const received = new Set((listed("RTCRtpReceiver") ?? []).map(text));
  return (listed("RTCRtpSender") ?? []).filter((codec) => received.has(text(codec)));
}

/** What a person may choose beside VP8. @returns {Codec[]} */
export function sendable() {
  const codecs = choices();
  return CODECS.filter((codec) => codec !== "vp8" && codecs.some((one) => is(one, codec)));
}

/**
 * What is sent when somebody wants `wanted`, which may be another browser’s word or nobody’s.
 * @param {string} wanted
 * @returns {Codec}
 */
export const orVp8 = (wanted) => sendable().find((codec) => codec === wanted) ?? "vp8";

/**
 * Offers `codec` before all others: the server takes the first that it passes on.
 * @param {RTCRtpTransceiver} line
 * @param {Codec} codec
 */
export function prefer(line, codec) {
  const codecs = choices();
  const first = codecs.filter((one) => is(one, codec));
  if (!first.length || first.includes(codecs[0])) return;
  try {
    line.setCodecPreferences([...first, ...codecs.filter((one) => !first.includes(one))]);
  } catch (error) {
    // One that has it otherwise after all keeps its own order, and something is sent.
    if (!(error instanceof DOMException)) throw error;
  }
}
