// What an encrypted room takes of a description, whatever the server wrote into it. Pure.
//
// Sizes and levels tell of what is said: Opus goes at a constant rate and without pauses, and no packet says how loud it is.
// No codec is taken whose frames the transforms don't know.

const LOUDNESS = /^urn:ietf:params:rtp-hdrext:(ssrc|csrc)-audio-level$|^urn:ietf:params:rtp-hdrext:(client-to-mixer|mixer-to-client)-audio-level$/i;
const CODECS = /^(opus|vp8|rtx)\//i;

/**
 * @param {string} sdp
 * @returns {string}
 */
export function hardened(sdp) {
  const [session, ...media] = sdp.split(/\r\n(?=m=)/);
  return [session, ...media.map(hardenedMedia)].join("\r\n");
}

/** @param {string} section */
function hardenedMedia(section) {
  const lines = section.split("\r\n").filter((line) => !LOUDNESS.test(/^a=extmap:\S+ (\S+)/.exec(line)?.[1] ?? ""));
  const maps = new Map(lines.flatMap((line) => [...line.matchAll(/^a=rtpmap:(\d+) (\S+)/g)].map(([, type, codec]) => [type, codec])));
  const banned = new Set([...maps].filter(([, codec]) => !CODECS.test(codec)).map(([type]) => type));
  // A repair stream of something banned goes with it.
  for (const line of lines) {
    const repair = /^a=fmtp:(\d+) apt=(\d+)/.exec(line);
    if (repair && banned.has(repair[2])) banned.add(repair[1]);
  }
  const opus = [...maps].find(([, codec]) => /^opus\//i.test(codec))?.[0];
  const kept = lines.filter((line) => !banned.has(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/.exec(line)?.[1] ?? ""));
  kept[0] = withoutTypes(kept[0], banned);
  return opus ? constantRate(kept, opus).join("\r\n") : kept.join("\r\n");
}

/**
 * @param {string} line `m=audio 9 UDP/TLS/RTP/SAVPF 111 63`
 * @param {Set<string>} banned
 */
function withoutTypes(line, banned) {
  const [media, port, protocol, ...types] = line.split(" ");
  const left = types.filter((type) => !banned.has(type));
  return left.length ? [media, port, protocol, ...left].join(" ") : [media, "0", protocol, ...types].join(" ");
}

/**
 * @param {string[]} lines
 * @param {string} type
 */
function constantRate(lines, type) {
  const wanted = ["cbr=1", "usedtx=0"];
  const at = lines.findIndex((line) => line.startsWith(`a=fmtp:${type} `));
  if (at < 0) {
    const map = lines.findIndex((line) => line.startsWith(`a=rtpmap:${type} `));
    return [...lines.slice(0, map + 1), `a=fmtp:${type} ${wanted.join(";")}`, ...lines.slice(map + 1)];
  }
  const [head, parameters] = [lines[at].slice(0, lines[at].indexOf(" ")), lines[at].slice(lines[at].indexOf(" ") + 1)];
  const others = parameters.split(";").map((text) => text.trim()).filter((text) => text && !/^(cbr|usedtx)=/i.test(text));
  return lines.with(at, `${head} ${[...others, ...wanted].join(";")}`);
}
