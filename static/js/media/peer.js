// The only place where an RTCPeerConnection is made.

/**
 * In an encrypted room every connection carries `encodedInsertableStreams`: Chromium then sends nothing until a frame
 * transform exists, instead of silently sending plaintext. In a room without transforms the same flag would mean that
 * nothing is ever sent, so it is set only there.
 * @param {{encrypted: boolean}} room
 */
export function makePeerConnection({ encrypted }) {
  /** @type {RTCConfiguration & {encodedInsertableStreams?: boolean}} */
  const configuration = { bundlePolicy: "max-bundle", iceServers: [] };
  if (encrypted) configuration.encodedInsertableStreams = true;
  return new RTCPeerConnection(configuration);
}

/**
 * By which relays the server may be reached, from the next gathering on.
 * @param {RTCPeerConnection} connection
 * @param {RTCIceServer[]} iceServers
 */
export function useRelays(connection, iceServers) {
  if (iceServers.length) connection.setConfiguration({ ...connection.getConfiguration(), iceServers });
}

/** @param {RTCPeerConnection | null} connection */
export const isAlive = (connection) =>
  connection !== null && connection.connectionState !== "failed" && connection.connectionState !== "closed";
