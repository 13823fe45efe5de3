// Relays: both connections have a pass of the moment before they look for a way to the server, also anew.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Call } from "../../static/js/media/call.js";

/** What has happened, in its order. */
let log = [];

class Connection {
  connectionState = "connected";
  signalingState = "stable";
  remoteDescription = null;
  iceServers = [];

  addTransceiver() {
    return { mid: "0", sender: { replaceTrack: async () => undefined } };
  }

  createOffer = async () => ({});
  getTransceivers = () => [];
  setLocalDescription = async () => {
    log.push(`gathers with ${this.iceServers.map(({ username }) => username)}`);
    this.localDescription = { sdp: "offer" };
  };
  setRemoteDescription = async (description) => (this.remoteDescription = description);
  getConfiguration = () => ({});
  setConfiguration({ iceServers }) {
    this.iceServers = iceServers;
    log.push(`has ${iceServers[0].username}`);
  }
  restartIce() {
    log.push("looks anew");
  }
  close() {}
}

test("whoever looks for a way to the server has a pass that is good then, the first time and each time anew", async () => {
  globalThis.RTCPeerConnection = Connection;
  let passes = 0;
  const request = async (type) => {
    if (type === "media.start") return { ice_servers: [{ urls: "turn:turn.example.org", username: `pass ${(passes += 1)}`, credential: "secret" }] };
    return { sdp: "a=fingerprint:sha-256 AA" };
  };
  const call = new Call({ request });
  await call.enter({ transforms: null, originOf: null });
  assert.deepEqual(log, ["has pass 1", "has pass 1", "gathers with pass 1"]);
  log = [];
  await call.enter({ transforms: null, originOf: null }); // back from a cut, perhaps on another network
  assert.deepEqual(log.slice(log.indexOf("has pass 2")), ["has pass 2", "has pass 2", "looks anew", "gathers with pass 2"]);
  call.close();
});
