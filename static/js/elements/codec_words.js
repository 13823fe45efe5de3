// What is said about pictures that a browser can't show.
import { gettext, ngettext } from "../lib/i18n.js";
import { CODEC_NAMES } from "../media/codecs.js";

/**
 * @typedef {{name: string, device: boolean, source: "camera" | "screen", codec: string}} Unshown
 */

/** @param {string} codec */
export const codecName = (codec) => CODEC_NAMES[codec] ?? codec.toUpperCase();

/** To whoever doesn’t see it. @param {Unshown} unshown */
export function unplayableWords({ name, device, source, codec }) {
  const values = { name, codec: codecName(codec) };
  return {
    short: gettext("Can’t show {codec}", values),
    title: source === "screen" ? gettext("Your browser can’t show {name}’s screen: it is sent as {codec}.", values) : gettext("Your browser can’t show {name}’s picture: it is sent as {codec}.", values),
    advice: device ? deviceAdvice(codec) : gettext("Ask {name} to choose Automatic in the settings, under Video.", values),
  };
}

/** To hosts, of a device. @param {import("../signaling/protocol.js").UnseenSource} unseen */
export function deviceUnseenWords({ codec, people }) {
  const told = ngettext("{count} person can’t see its picture ({codec}).", "{count} people can’t see its picture ({codec}).", people, { codec: codecName(codec) });
  return `${told} ${deviceAdvice(codec)}`;
}

/** Encoders have H.264 more often than VP8. @param {string} codec */
const deviceAdvice = (codec) => (codec === "h264" ? gettext("Whoever set it up can have it send VP8.") : gettext("Whoever set it up can have it send VP8 or H.264."));

/** To whoever sends it. @param {import("../signaling/protocol.js").UnseenSource} unseen */
export function unseenWords({ source, codec, people }) {
  const values = { codec: codecName(codec) };
  return source === "screen"
    ? ngettext("{count} person can’t see your screen ({codec}).", "{count} people can’t see your screen ({codec}).", people, values)
    : ngettext("{count} person can’t see your picture ({codec}).", "{count} people can’t see your picture ({codec}).", people, values);
}
