// What an encrypted room takes of a description, whatever the server wrote into it, and however it wrote it. Pure.
//
// Sizes and levels tell of what is said: Opus goes at a constant rate and without pauses, and no packet says how loud it is.
// Only what is named here is taken: no codec whose frames the transforms don't know, no header extension that tells of contents.

const EXTENSIONS = new Set([
  "urn:ietf:params:rtp-hdrext:sdes:mid",
  "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
  "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
  "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay", // how long received pictures are to wait for what is lost
  "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
]);
const CODEC = /^(opus|vp8)\//i;
const REPAIR = /^rtx\//i;

/**
 * @param {string} sdp
 * @returns {string}
 */
export function hardened(sdp) {
  // Browsers take other ends of lines than the RFC's, and extensions that stand before the first medium.
  const lines = sdp.split(/\r\n|\r|\n/).filter((line) => !/^\s*a=extmap:/i.test(line) || EXTENSIONS.has(/^a=extmap:\S+ (\S+)/.exec(line)?.[1] ?? ""));
  const [session, ...media] = lines.join("\r\n").split(/\r\n(?=m=)/);
  return [session, ...media.map(hardenedMedia)].join("\r\n");
}

/** @param {string} section */
function hardenedMedia(section) {
  const lines = section.split("\r\n");
  const taken = takenTypes(lines);
  const kept = lines.filter((line) => {
    const type = /^\s*a=(?:rtpmap|fmtp|rtcp-fb):\s*(\d+)/i.exec(line)?.[1];
    return type === undefined || taken.has(type);
  });
  kept[0] = withTypes(kept[0], taken);
  return constantRate(kept).join("\r\n");
}

/**
 * The payload types that are taken: of what has another name somewhere, or none, nothing is.
 * @param {string[]} lines
 */
function takenTypes(lines) {
  /** @type {Map<string, string[]>} */
  const named = new Map();
  for (const line of lines) {
    const [, type, codec] = /^a=rtpmap:(\d+) (\S+)/.exec(line) ?? [];
    if (type) named.set(type, [...(named.get(type) ?? []), codec]);
  }
  const all = (/** @type {RegExp} */ kind) => [...named].filter(([, codecs]) => codecs.every((codec) => kind.test(codec))).map(([type]) => type);
  const taken = new Set(all(CODEC));
  const repairs = lines.flatMap((line) => {
    const [, type, repaired] = /^a=fmtp:(\d+) apt=(\d+)/.exec(line) ?? [];
    return type ? [{ type, repaired }] : [];
  });
  for (const type of all(REPAIR)) {
    const own = repairs.filter((one) => one.type === type);
    if (own.length && own.every(({ repaired }) => taken.has(repaired))) taken.add(type);
  }
  return taken;
}

/**
 * @param {string} line `m=audio 9 UDP/TLS/RTP/SAVPF 111 63`
 * @param {Set<string>} taken
 */
function withTypes(line, taken) {
  const [media, port, protocol, ...types] = line.split(" ");
  const left = types.filter((type) => taken.has(type));
  return left.length ? [media, port, protocol, ...left].join(" ") : [media, "0", protocol, ...types].join(" ");
}

/** @param {string[]} lines */
function constantRate(lines) {
  const wanted = ["cbr=1", "usedtx=0"];
  return lines.flatMap((line) => {
    const opus = /^a=rtpmap:(\d+) opus\//i.exec(line)?.[1];
    if (opus) return lines.some((other) => other.startsWith(`a=fmtp:${opus} `)) ? [line] : [line, `a=fmtp:${opus} ${wanted.join(";")}`];
    const [, head, type, parameters] = /^(a=fmtp:(\d+)) (.*)$/.exec(line) ?? [];
    if (!type || !lines.some((other) => RegExp(`^a=rtpmap:${type} opus/`, "i").test(other))) return [line];
    const others = parameters.split(";").map((text) => text.trim()).filter((text) => text && !/^(cbr|usedtx)\s*=/i.test(text));
    return [`${head} ${[...others, ...wanted].join(";")}`];
  });
}
