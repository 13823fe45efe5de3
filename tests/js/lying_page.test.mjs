// A server that lies to the page: what is shown, heard and claimed comes from the keys, and what changes is said.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Encryption } from "../../static/js/e2ee/encryption.js";
import { Pins } from "../../static/js/e2ee/pins.js";
import { Call } from "../../static/js/media/call.js";
import { hardened } from "../../static/js/media/hardened.js";
import { Recording } from "../../static/js/room/recording.js";
import { Securing } from "../../static/js/room/securing.js";
import { RequestFailed } from "../../static/js/signaling/protocol.js";
import { Roster } from "../../static/js/signaling/roster.js";
import { Liar } from "./liar.mjs";
import { DOOR, Portal } from "./people.mjs";
import { watched } from "./watched.mjs";

const plain = { getItem: () => null, setItem: () => undefined };
Object.defineProperty(globalThis, "localStorage", { configurable: true, value: plain });
globalThis.RTCRtpScriptTransform = class {};

const securing = (encryption, more = {}) => new Securing({ client: {}, roster: new Roster(), door: { encryption, code: "abc", link_key: null }, ...more });
const roomOf = (encryption) => ({ type: "room", meeting: { code: "abc", encryption } });
const OF_MEMBERS = [
  { type: "chat", participant: "anna", name: "Anna", text: "I never said that" }, { type: "reaction", participant: "anna", emoji: "👏" },
  { type: "record.answered", participant: "anna", agrees: true }, { type: "record.lists", participant: "anna", includesYou: false },
];

test("what members say to each other is not taken from the server, but where the room is encrypted to it", () => {
  for (const [promised, served, isTaken] of [["transport", "transport", true], [null, "transport", true], ["e2ee", "e2ee", false], ["sealed", "sealed", false], ["e2ee", "transport", false], ["sealed", "transport", false]]) {
    const page = securing(promised);
    for (const message of OF_MEMBERS) assert.equal(page.take(message), true, "before there is a room");
    page.take(roomOf(served));
    for (const message of OF_MEMBERS) assert.equal(!page.take(message), isTaken, `${promised} ${served} ${message.type}`);
  }
});

test("a mode that changes in the middle of a stay ends it, whether it sounds weaker or stronger", async () => {
  for (const [mode, other, reason] of [["e2ee", "transport", "downgraded"], ["e2ee", "sealed", "downgraded"]]) {
    const broken = [];
    const page = securing(mode, { broken: (why) => broken.push(why) });
    page.encryption = { enter: async () => undefined, phase: "in", transforms: {}, setMeeting: () => undefined, take: () => false };
    // Node has what meetings need, but for transforms, which are put in above.
    await page.enter({ code: "abc", encryption: mode });
    assert.equal(page.take({ type: "meeting", meeting: { encryption: mode } }), false);
    assert.equal(page.take({ type: "meeting", meeting: { encryption: other } }), true);
    assert.deepEqual(broken, [reason]);
    page.link.key = { generation: 1, secret: new Uint8Array(32) };
    await assert.rejects(page.enter({ code: "abc", encryption: other, link_key: null }), { name: "Error" });
  }
});

/** Workers that a test speaks for, as they are started from now on. */
function fakeWorkers() {
  const workers = [];
  globalThis.Worker = class {
    constructor(address) {
      workers.push(Object.assign(this, { address }));
    }
    posted = [];
    postMessage(message) {
      this.posted.push(message);
    }
    terminate() {
      this.ended = true;
    }
  };
  return workers;
}

/** The page's encryption with such workers. */
async function page({ before = async () => undefined, account = null, participant = () => "me" } = {}) {
  const workers = fakeWorkers();
  const request = async () => ({ credential: { room: "r", participant: "me", account: null, row: "guest", name: "Me", attestation: "a" }, portal_key: "k" });
  const encryption = new Encryption({ request, account, participant, workers: { group: "group", media: "media" } });
  await before(encryption, workers);
  const group = () => workers.find(({ address, ended }) => address === "group" && !ended);
  const entering = encryption.enter({ encryption: "e2ee", door: DOOR });
  while (!group()?.posted.some(({ type }) => type === "begin")) await new Promise((resolve) => setImmediate(resolve));
  const say = (data) => group().onmessage({ data });
  say({ type: "phase", phase: "in" });
  await entering;
  const steps = [];
  encryption.on("stepped", ({ added, removed, fresh, again }) => steps.push([added.map(({ who }) => who.participant), removed.map(({ who }) => who.participant), fresh, again]));
  const changed = (members, { added = [], removed = [], fresh = false } = {}) => say({ type: "changed", changed: { epoch: 1, members, added, removed, code: "1", fresh } });
  const told = (type) => group().posted.filter((message) => message.type === type);
  return { encryption, steps, changed, told, say };
}

test("this device's key is shown as of the account that the page was loaded for, and a page of somebody else's goes", async (t) => {
  fakeWorkers();
  for (const signedIn of [{ id: "u1", name: "Anna", email: "anna@lintel.example" }, null]) {
    const asked = [];
    const request = async (type, fields) => {
      asked.push([type, fields.account]);
      throw new RequestFailed("other_account", "this seat is another's");
    };
    const broken = [];
    const door = { encryption: "e2ee", code: "abc", link_key: null, signed_in: signedIn, workers: { group: "group", media: "media" } };
    const page = new Securing({ client: { request }, roster: new Roster(), door, Encryption, broken: (why) => broken.push(why) });
    t.after(() => page.close());
    page.atTheDoor();
    for (let looks = 0; looks < 10_000 && !broken.length; looks += 1) await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(page.enter({ code: "abc", encryption: "e2ee", door: DOOR }), { reason: "other_account" });
    assert.deepEqual([broken, page.encryption.isOn], [["other_account"], false]);
    assert.deepEqual(asked, [["e2ee.identify", signedIn?.id], ["e2ee.identify", signedIn?.id]]);
  }
});

test("workers that come before the room are its workers, and ones that don't come are no obstacle to it", async () => {
  for (const comes of [true, false]) {
    let seen = [];
    const { encryption } = await page({
      before: async (encryption, workers) => {
        encryption.prepare();
        encryption.prepare();
        assert.equal(workers.length, 2);
        if (!comes) workers[0].onerror();
        assert.equal(encryption.phase, "out");
        assert.equal(encryption.isOn, false);
        seen = workers;
      },
    });
    assert.equal(encryption.phase, "in");
    assert.deepEqual(seen.map(({ ended }) => Boolean(ended)), comes ? [false, false] : [true, true, false, false]);
    seen.at(-1).onerror();
    assert.equal(encryption.phase, "stuck");
    encryption.close();
  }
});

test("this device's key comes ahead of the room, and is one however often it is asked for", async (t) => {
  const { encryption } = await page({
    account: "u1",
    before: async (encryption) => {
      encryption.prepare();
      const [first, second] = [encryption.identify(), encryption.identify()];
      await Promise.all([first, second]);
      ahead = encryption.identity;
    },
  });
  t.after(() => encryption.close());
  assert.equal(encryption.identity, ahead);
  const alone = new Encryption({ request: async () => ({}), account: "u2", participant: () => null, workers: { group: "group", media: "media" } });
  t.after(() => alone.close());
  alone.prepare();
  for (let looks = 0; looks < 10_000 && !alone.identity; looks += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.notEqual(alone.identity.key, ahead.key);
});
let ahead;

const CREDENTIAL = { room: "r", participant: "me", account: null, row: "guest", name: "Me", attestation: "a" };
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function until(is) {
  for (let turns = 0; turns < 10_000 && !is(); turns += 1) await turn();
  assert.ok(is());
}

test("whoever leaves while they come in begins nothing any more", async () => {
  const workers = fakeWorkers();
  let answer = null;
  const request = () => new Promise((resolve) => (answer = () => resolve({ credential: CREDENTIAL, portal_key: "k" })));
  const encryption = new Encryption({ request, account: null, participant: () => "me", workers: { group: "group", media: "media" } });
  let ended = null;
  void encryption.enter({ encryption: "e2ee", door: DOOR }).catch(({ code }) => (ended = code));
  await until(() => answer);
  encryption.close();
  answer();
  await until(() => ended ?? workers.length);
  assert.deepEqual([ended, workers.length, encryption.isOn], ["closed", 0, false]);
});

test("each stay has workers and answers of its own, and hears nothing of those before", async (t) => {
  const workers = fakeWorkers();
  const groups = () => workers.filter(({ address }) => address === "group");
  const [say, late] = [(group, data) => group.onmessage({ data }), []];
  let seat = "monday";
  const identified = () => ({ credential: { ...CREDENTIAL, participant: seat }, portal_key: "k" });
  const request = async (type) => (type === "e2ee.identify" ? identified() : new Promise((resolve) => late.push(resolve)));
  const encryption = new Encryption({ request, account: null, participant: () => seat, workers: { group: "group", media: "media" } });
  t.after(() => encryption.close());
  const enter = async (number) => {
    const stay = { isIn: false };
    void encryption.enter({ encryption: "e2ee", door: DOOR }).then(() => (stay.isIn = true));
    await until(() => groups()[number]?.posted.some(({ type }) => type === "begin"));
    return stay;
  };
  const monday = await enter(0);
  const [first] = groups();
  const goesOn = () => {
    say(first, { type: "phase", phase: "in" });
    say(first, { type: "changed", changed: { epoch: 1, members: [member("monday")], added: [], removed: [], code: "1", fresh: true } });
    say(first, { type: "request", id: 1, message: { type: "e2ee.app", fields: {} } });
  };
  goesOn();
  await until(() => monday.isIn);
  // A computer that slept comes back after the cut, and into the next occurrence.
  seat = "tuesday";
  const stay = await enter(1);
  assert.equal(first.ended, true);
  const isNew = () => assert.deepEqual([encryption.phase, encryption.members.size, encryption.code, stay.isIn], ["out", 0, "", false]);
  isNew();
  goesOn();
  first.onerror();
  for (const answer of late) answer({ seq: 1 });
  await turn();
  isNew();
  assert.equal(late.length, 1);
  assert.deepEqual(groups()[1].posted.filter(({ type }) => type === "answer"), []);
});

test("a guest's key is of one seat: kept for who comes again, of nobody in the next occurrence; an account's is kept", async () => {
  let seat = "monday";
  const keys = async (account) => {
    const shown = [];
    const request = async (_, { key }) => shown.push(key);
    const encryption = new Encryption({ request, account, participant: () => seat, workers: { group: "group", media: "media" } });
    for (const next of ["monday", "monday", "tuesday"]) {
      seat = next;
      await encryption.identify();
      if (next === "monday") encryption.close();
    }
    seat = "monday";
    await encryption.forget();
    await encryption.identify();
    return shown;
  };
  const [first, again, tuesday, forgotten] = await keys(null);
  assert.equal(again, first);
  assert.equal(new Set([first, tuesday, forgotten]).size, 3);
  assert.equal(new Set(await keys("u1")).size, 1);
});

test("the words End-to-end encrypted stand there only while everything that is sent and received goes through the worker", async (t) => {
  const { encryption, say } = await page();
  t.after(() => encryption.close());
  const [sender, receiver, late] = [{ track: {} }, { track: { kind: "audio" } }, { track: { kind: "video" } }];
  const publish = { getSenders: () => [sender, { track: null }] };
  const subscribe = { getTransceivers: () => [{ receiver, direction: "recvonly", currentDirection: null }, { receiver: late, direction: late.direction, currentDirection: null }] };
  const state = () => encryption.state({ publish, subscribe });
  assert.equal(state(), "broken", "a track that is sent as it is");
  encryption.transforms.seal(sender, "camera");
  assert.equal(state(), "broken", "and one that is received as it is");
  encryption.transforms.open(receiver);
  assert.equal(state(), "on", "an idle line is none");
  late.direction = "recvonly";
  assert.equal(state(), "broken");
  encryption.transforms.open(late);
  for (const [phase, is] of [["coming", "pending"], ["stuck", "broken"], ["refused", "broken"], ["in", "on"]]) {
    say({ type: "phase", phase });
    assert.equal(state(), is);
  }
  assert.equal(encryption.take({ type: "e2ee.unsealed", source: "camera" }), true);
  assert.equal(state(), "broken", "the engine saw something that isn't sealed");
});

test("a sealed meeting is never begun without the key of its link", async () => {
  let begun = 0;
  globalThis.Worker = class {
    constructor() {
      begun += 1;
    }
    postMessage() {}
    terminate() {}
  };
  const request = async () => ({ credential: { room: "r", participant: "me" }, portal_key: "k" });
  const encryption = new Encryption({ request, account: null, participant: () => "me", workers: { group: "group", media: "media" } });
  await assert.rejects(encryption.enter({ encryption: "sealed", door: DOOR }), { code: "link_key" });
  assert.deepEqual([begun, encryption.isOn], [0, false]);
});

test("the group's worker hears whose key of the link is out", async (t) => {
  const { encryption, told } = await page();
  t.after(() => encryption.close());
  encryption.setMeeting({ door: DOOR, link_key: { generation: 3, check: "c", due: ["ben"] } });
  assert.deepEqual(told("linkCounted"), [{ type: "linkCounted", generation: 3, due: ["ben"] }]);
});

const member = (participant, key = `${participant}'s key`, account = null) => ({ leaf: 0, key, who: { room: "r", participant, account, row: "guest", name: participant, attestation: "a" } });

test("a group that begins anew hides nobody whom it brings along, nor a key that is another's", async (t) => {
  const { encryption, steps, changed } = await page();
  t.after(() => encryption.close());
  const [me, anna, ghost] = ["me", "anna", "ghost"].map((who) => member(who));
  changed([me, anna], { added: [me, anna], fresh: true });
  assert.deepEqual(steps.pop(), [["me", "anna"], [], true, false], "whoever comes in sees the list");
  changed([me, anna, ghost], { added: [me, anna, ghost], fresh: true });
  assert.deepEqual(steps.pop(), [["ghost"], [], false, true]);
  const other = member("anna", "a key of the server's");
  changed([me, other], { added: [me, other], fresh: true });
  assert.deepEqual(steps.pop(), [["anna"], [], false, true]);
  changed([me, anna], { added: [me, anna], fresh: true });
  assert.deepEqual(steps.pop(), [[], [], false, true]);
});

test("whoever takes a member's place with another key, account or name has come, and the one who was there is gone", async (t) => {
  const { encryption, steps, changed } = await page();
  t.after(() => encryption.close());
  const [me, anna] = [member("me"), member("anna", "key", "u1")];
  changed([me, anna], { added: [me, anna], fresh: true });
  changed([me, anna], { added: [anna], removed: [anna] });
  assert.deepEqual(steps.pop(), [[], [], false, false], "a page that was loaded anew");
  const others = [member("anna", "another", "u1"), member("anna", "key", "u2"), { ...anna, who: { ...anna.who, name: "Ingrid" } }];
  for (const other of others) {
    changed([me, other], { added: [other], removed: [anna] });
    assert.deepEqual(steps.pop(), [["anna"], ["anna"], false, false]);
  }
  // And a key that nobody looked at yet is not one that is known.
  const pins = new Pins({ get: async () => undefined, put: async () => undefined });
  await pins.see("u1", "key");
  assert.equal(pins.state("u1", "another"), "new");
  await pins.compare("u1", "key");
  assert.equal(pins.state("u1", "another"), "new_after_compared");
});

test("no connection is made without transforms, also where the encryption was closed on the way", async () => {
  const page = securing("e2ee");
  page.encryption = { enter: async () => undefined, phase: "out", transforms: null };
  await assert.rejects(page.enter({ code: "abc", encryption: "e2ee" }), { reason: "cant_encrypt" });
});

test("a guest who is somebody else's key now is said, until somebody knows", async () => {
  const [portal, liar] = [await Portal.make(), new Liar()];
  const anna = await liar.met(await portal.person("host", { name: "Anna" }));
  await liar.create(anna);
  const { security, encryption } = watched(anna, { listed: [] });
  const told = [];
  security.on("key", ({ key }) => told.push(key));
  const show = async (peter) => {
    encryption.members = new Map([["peter", peter]]);
    encryption.emit("stepped", { added: [peter], removed: [], fresh: false });
    await new Promise((resolve) => setImmediate(resolve));
  };
  await show(member("peter", "one"));
  assert.deepEqual([told, security.status], [[], "on"]);
  await show(member("peter", "another"));
  assert.deepEqual([told, security.status], [["another"], "check_key"]);
  await security.accept(member("peter", "another"));
  assert.equal(security.status, "on");
});

test("another account with the name of one that is known, or the own account's second key, is news", async () => {
  const kept = new Map();
  const pins = () => new Pins({ get: async (place) => kept.get(place), put: async (place, value) => kept.set(place, value) });
  assert.equal(await pins().see("u1", "key 1", "Ingrid Sæther"), "known");
  assert.equal(await pins().see("u1", "key 1", "Ingrid Sæther"), "known");
  assert.equal(await pins().see("u2", "key 2", "ingrid  sæther"), "new");
  assert.equal(await pins().see("u3", "key 3", "Marcus Bell"), "known");
  const known = pins();
  await known.see("u2", "key 2", "Ingrid Sæther");
  await known.accept("u2", "key 2");
  assert.equal(await pins().see("u2", "key 2", "Ingrid Sæther"), "known", "once somebody knows, it stays so");

  const [portal, liar] = [await Portal.make(), new Liar()];
  const anna = await liar.met(await portal.person("listed", { account: "anna", name: "Anna" }));
  const double = await liar.met(await portal.person("listed", { account: "anna", name: "Anna" }));
  await liar.create(anna);
  const { security, show } = watched(anna, { listed: [] });
  await liar.admit(anna, [double]);
  await show();
  assert.equal(security.status, "check_key");
});

test("nobody who came between reading the code and pressing is marked as compared", async () => {
  const [portal, liar] = [await Portal.make(), new Liar()];
  const [host, anna] = [await liar.met(await portal.person("host", { account: "ingrid" })), await liar.met(await portal.person("listed", { account: "anna" }))];
  await liar.create(host);
  const { security, encryption, show } = watched(host, { listed: [] });
  await show();
  const read = encryption.code;
  await liar.admit(host, [anna]);
  await show();
  assert.equal(await security.same(read), false);
  encryption.codeSince = new Date();
  assert.equal(await security.same(encryption.code), false, "nobody has read it yet");
  assert.equal(security.status, "on");
  encryption.codeSince = new Date(Date.now() - 10_000);
  assert.equal(await security.same(encryption.code), true);
  assert.equal(security.status, "compared");
});

test("what no key has opened is played and shown for nobody, and takes nobody's place", () => {
  const call = new Call({ request: async () => ({}) });
  const [first, second] = [{ name: "first" }, { name: "second" }];
  const incoming = (participant, receiver) => [`${participant}:camera`, { participant, source: "camera", stream: { of: receiver.name }, receiver }];
  call.subscriber = { incoming: new Map([incoming("anna", first), incoming("ben", second)]) };
  const seen = () => [...call.incoming].map(([key, { stream }]) => [key, stream?.of ?? null]);
  assert.deepEqual(seen(), [["anna:camera", "first"], ["ben:camera", "second"]], "where nothing is encrypted the server's word is all there is");
  call.originOf = () => null;
  assert.deepEqual(seen(), [["anna:camera", null], ["ben:camera", null]]);
  // Ben's key opened what the server calls Anna's; what it calls Ben's is nobody's.
  call.originOf = (receiver) => (receiver === first ? { participant: "ben", source: "camera" } : null);
  assert.deepEqual(seen(), [["anna:camera", null], ["ben:camera", "first"]]);
});

test("a no to a recording counts as heard when the device that records says so, and not before", async () => {
  globalThis.addEventListener = () => undefined;
  const shown = new Map();
  const banners = { show: (name, { text, actions }) => shown.set(name, [text, actions]), hide: (name) => shown.delete(name) };
  const anna = { participant: "anna", name: "Anna", recording: "2026-01-01T00:00:00Z" };
  const roster = { you: "me", on: () => undefined, capabilities: {}, recorders: [anna], others: [anna], people: new Map([["anna", anna]]) };
  const answers = [];
  const talk = { answerRecording: async (_, agrees) => answers.push(agrees) };
  const recording = new Recording({ roster, talk, stage: {}, call: {}, ownVoice: () => null, ticker: "", banners, announcer: { alert: () => undefined, say: () => undefined }, failed: assert.fail });
  const text = () => shown.get("recording-anna")[0];
  const press = async (label) => {
    shown.get("recording-anna")[1].find((action) => action.label === label).run();
    await new Promise((resolve) => setImmediate(resolve));
  };
  recording.render();
  assert.match(text(), /unless you agree/);
  await press("Agree");
  recording.listed({ participant: "anna", includesYou: true });
  assert.match(text(), /You agreed/);
  await press("Take me out");
  assert.match(text(), /hasn’t confirmed yet that you’re out/);
  await press("Don’t agree");
  assert.deepEqual(answers, [false, true, false, false], "and it can be said again");
  recording.listed({ participant: "anna", includesYou: false });
  assert.equal(text(), "You’re not in the recording.");
  // A page that was loaded anew knows no answer, and hears that the device still has this person in it.
  recording.clear();
  recording.listed({ participant: "anna", includesYou: true });
  assert.match(text(), /hasn’t confirmed/);
});

const SECTION = ["m=audio 9 UDP/TLS/RTP/SAVPF 111 0 96", "a=mid:0", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;cbr=0", "a=fmtp:111 usedtx=1", "a=rtpmap:96 VP8/90000", "a=rtpmap:96 H264/90000"];
const LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

test("no way to write a description gets past what an encrypted room takes", () => {
  for (const end of ["\r\n", "\n", "\r"]) {
    const sdp = hardened(["v=0", `a=extmap:1 ${LEVEL}`, ...SECTION, `a=extmap:1 ${LEVEL}`, `a=extmap:2  ${LEVEL}`, `a=extmap:3/sendonly urn:ietf:params:rtp-hdrext:encrypt ${LEVEL}`, "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", ""].join(end));
    assert.doesNotMatch(sdp, /level/);
    assert.match(sdp, /extmap:4 /);
    assert.match(sdp, /^m=audio 9 UDP\/TLS\/RTP\/SAVPF 111$/m, "a static type has no name, and one with two names is neither");
    assert.equal(sdp.match(/usedtx=0/g).length, 2);
    assert.doesNotMatch(sdp, /usedtx=1|cbr=0|VP8|H264/);
    assert.equal(hardened(sdp), sdp);
  }
  assert.match(hardened(["v=0", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", ""].join("\r\n")), /m=application 0 /);
});
