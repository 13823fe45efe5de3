// What the server says about our media (`media.stats`), as rates between two looks. The counting is pure.

/**
 * @typedef {{arrivingKbps: number, missing: number | null, sendingKbps: number}} ServerSample shares 0…1
 * @typedef {{at: number, bytesUp: number, packetsUp: number, lostUp: number, bytesDown: number}} Counts
 * @typedef {{type: string, timestamp: number, bytesReceived?: number, packetsReceived?: number, packetsLost?: number, bytesSent?: number}} Entry of webrtc-stats
 */

const FEWEST_PACKETS = 20;

/**
 * @param {Entry[]} stats
 * @returns {Counts}
 */
export function counted(stats) {
  const counts = { at: 0, bytesUp: 0, packetsUp: 0, lostUp: 0, bytesDown: 0 };
  for (const entry of stats) {
    counts.at = Math.max(counts.at, entry.timestamp);
    if (entry.type === "inbound-rtp") {
      counts.bytesUp += entry.bytesReceived ?? 0;
      counts.packetsUp += entry.packetsReceived ?? 0;
      counts.lostUp += entry.packetsLost ?? 0;
    } else if (entry.type === "outbound-rtp") counts.bytesDown += entry.bytesSent ?? 0;
  }
  return counts;
}

/**
 * Null when the two say nothing together: no time has passed, or a stream began anew in between.
 * @param {Counts} before
 * @param {Counts} now
 * @returns {ServerSample | null}
 */
export function between(before, now) {
  const seconds = (now.at - before.at) / 1000;
  if (seconds <= 0 || now.bytesUp < before.bytesUp || now.bytesDown < before.bytesDown) return null;
  const received = now.packetsUp - before.packetsUp;
  const lost = Math.max(0, now.lostUp - before.lostUp);
  return {
    arrivingKbps: Math.round(((now.bytesUp - before.bytesUp) * 8) / 1000 / seconds),
    missing: received + lost > FEWEST_PACKETS ? lost / (received + lost) : null,
    sendingKbps: Math.round(((now.bytesDown - before.bytesDown) * 8) / 1000 / seconds),
  };
}

export class ServerView {
  #request;
  /** @type {Counts | null} */
  #before = null;

  /** @param {(type: string) => Promise<{stats?: unknown}>} request */
  constructor(request) {
    this.#request = request;
  }

  /** Asks the server. Null at the first look, and when it does not answer. @returns {Promise<ServerSample | null>} */
  async look() {
    try {
      const { stats } = await this.#request("media.stats");
      const now = counted(/** @type {Entry[]} */ (stats ?? []));
      const before = this.#before;
      this.#before = now;
      return before && between(before, now);
    } catch {
      this.#before = null;
      return null;
    }
  }
}
