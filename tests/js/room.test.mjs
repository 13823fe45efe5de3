// State folded from messages, links, levels, the network's word, keys, refusals.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Emitter } from "../../static/js/lib/emitter.js";
import { countdown, gettext, initials, listOf, ngettext, useCatalogue, zoneName } from "../../static/js/lib/i18n.js";
import { shownAs, withLinks } from "../../static/js/lib/links.js";
import { litSegments, SpeechDetector } from "../../static/js/media/levels.js";
import { judge } from "../../static/js/media/quality.js";
import { between, counted, ServerView } from "../../static/js/media/server_view.js";
import { cameraEncodings } from "../../static/js/media/publisher.js";
import { CLOSE } from "../../static/js/signaling/protocol.js";
import { triedWords, warningWords } from "../../static/js/elements/turned_away_words.js";
import { Roster } from "../../static/js/signaling/roster.js";
import { commandOf, keysOf } from "../../static/js/elements/shortcuts.js";
import { ordinal } from "../../static/js/elements/tile.js";
import { tellHappenings } from "../../static/js/room/happenings.js";
import { describe, problemWords } from "../../static/js/room/refusals.js";
import { waitsLong } from "../../static/js/room/waiting.js";

const protocol = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");

/** Every JSON example of the protocol document that the server may send. */
const examples = [...protocol.matchAll(/```json server:([\w.]+)\n([\s\S]*?)```/g)].map(([, type, text]) => [type, JSON.parse(text)]);

test("every server message of the protocol document can be folded in", () => {
  assert.ok(examples.length > 10);
  const roster = new Roster();
  for (const [type, message] of examples) {
    assert.equal(message.type, type);
    roster.take(message);
  }
});

test("every close code of the protocol document is known, and asks for what the document says", () => {
  const rows = [...protocol.matchAll(/^\| (\d{4}) \| [^|]+ \| ([^|]+) \|$/gm)];
  assert.ok(rows.length >= 9);
  for (const [, code, back] of rows) {
    assert.ok(CLOSE[code], `close ${code}`);
    assert.equal(CLOSE[code].back, !/^(no|–)/.test(back.trim()), `close ${code}`);
  }
});

const room = examples.find(([type]) => type === "room")[1];
const person = examples.find(([type]) => type === "person")[1].person;

test("the room replaces what was known", () => {
  const roster = new Roster();
  roster.take({ type: "person", person: { ...person, participant: "ghost" } });
  roster.take(room);
  assert.deepEqual([...roster.people.keys()], room.people.map(({ participant }) => participant));
  assert.equal(roster.self.name, "Ingrid Sæther");
});

test("what happens to people is told once", () => {
  const roster = new Roster();
  const told = [];
  for (const name of ["entered", "gone", "hand", "cut", "sharing", "knocked", "answered"]) roster.on(name, () => told.push(name));
  roster.take(room);
  assert.deepEqual(told, ["knocked"]);
  const join = { type: "person", person: { ...person, participant: "x", screen: false, hand: null } };
  roster.take(join);
  roster.take(join);
  roster.take({ type: "person", person: { ...join.person, hand: "2026-11-24T13:33:00Z" } });
  roster.take({ type: "person", person: { ...join.person, connected: false } });
  roster.take({ type: "person", person: { ...join.person, screen: true } });
  roster.take({ type: "gone", participant: "x", why: "left", by: null });
  roster.take({ type: "gone", participant: "x", why: "left", by: null });
  assert.deepEqual(told, ["knocked", "entered", "hand", "cut", "sharing", "gone"]);
});

test("the queue is told once per person, and is empty for whoever is no host any more", () => {
  const roster = new Roster();
  let knocks = 0;
  roster.on("knocked", () => (knocks += 1));
  roster.take(room);
  roster.take({ type: "waiting", waiting: room.waiting, answered: null });
  assert.equal(knocks, 1);
  roster.take({ type: "capabilities", capabilities: { ...room.capabilities, host: false } });
  assert.deepEqual(roster.waiting, []);
});

test("links are http or https, end before punctuation, and hide no host", () => {
  const hrefs = (text) => withLinks(text).filter((piece) => piece.href).map((piece) => piece.href);
  assert.deepEqual(hrefs("See https://medreg.example/annex-3."), ["https://medreg.example/annex-3"]);
  assert.deepEqual(hrefs("(http://a.example/x) and https://b.example"), ["http://a.example/x", "https://b.example/"]);
  assert.deepEqual(hrefs("javascript:alert(1) data:text/html,x ftp://a.example file:///etc/passwd"), []);
  assert.deepEqual(hrefs("https://bank.example@evil.example/"), []);
  assert.deepEqual(withLinks("https://xn--80ak6aa92e.com/").map(({ host }) => host), ["xn--80ak6aa92e.com"]);
});

test("a link whose letters only look familiar is shown with the name of where it leads", () => {
  const shown = (text) => withLinks(text).map(shownAs);
  for (const text of ["https://nordhavn.example/x", "HTTPS://Nordhavn.example", "http://nordhavn.example:8080/?x"]) assert.deepEqual(shown(text), [text]);
  const real = "xn--nordhvn-6fg.example";
  for (const text of ["https://nordh\u0430vn.example/", `https://nordh\u0430vn.example/?${real}`, `https://nordh\u0430vn.example/#https://${real}`, "https://nordhavn\u3002example/"]) {
    const { host } = new URL(text);
    assert.deepEqual(shown(text), [`${text} (${host})`]);
  }
});

test("no character of a message is lost between its links", () => {
  for (const text of ["", "plain", "a https://x.example/?q=1, b", "https://x.example https://u:p@y.example!", "\n https://x.example\n"]) {
    assert.equal(withLinks(text).map((piece) => piece.text).join(""), text);
  }
});

test("speech goes on through short pauses and ends after long ones", () => {
  const speech = new SpeechDetector();
  assert.equal(speech.update("a", 0.001, 0), false);
  assert.equal(speech.update("a", 0.2, 100), true);
  assert.equal(speech.update("a", 0, 800), true);
  assert.equal(speech.update("a", 0, 801), false);
  assert.equal(speech.update("b", 0, 801), false);
});

test("a level lights segments on the scale of ears", () => {
  assert.equal(litSegments(0, 14), 0);
  assert.equal(litSegments(1, 14), 14);
  assert.ok(litSegments(0.05, 14) > litSegments(0.005, 14));
});

const fine = { roundTripMs: 20, lostUp: 0, lostDown: 0, sentKbps: 900, receivedKbps: 900, canSendKbps: 2000, limitedBy: "none", cameraOn: true };

const told = (/** @type {number} */ at, /** @type {number} */ packets, /** @type {number} */ lost) => [
  { id: "T-publish", type: "transport", timestamp: at },
  { id: "I-0", type: "inbound-rtp", timestamp: at, packetsReceived: packets, packetsLost: lost, bytesReceived: packets * 1000 },
  { id: "O-1", type: "outbound-rtp", timestamp: at, bytesSent: packets * 2000 },
];

test("what the server says becomes rates between two looks", () => {
  const before = counted(told(1000, 100, 2));
  assert.deepEqual(between(before, counted(told(3000, 190, 12))), { arrivingKbps: 360, missing: 0.1, sendingKbps: 720 });
  assert.equal(between(before, counted(told(3000, 105, 2)))?.missing, null, "too few to say");
  assert.equal(between(before, before), null);
  assert.equal(between(before, counted(told(3000, 5, 0))), null, "a stream has begun anew");
});

test("a server that gives no answer is asked again, and rates begin anew", async () => {
  const answers = [{ stats: told(1000, 100, 0) }, null, { stats: told(5000, 300, 0) }, { stats: told(7000, 400, 0) }];
  const view = new ServerView((type) => {
    assert.equal(type, "media.stats");
    const answer = answers.shift();
    return answer ? Promise.resolve(answer) : Promise.reject(new Error("no_answer"));
  });
  assert.deepEqual([await view.look(), await view.look(), await view.look()], [null, null, null]);
  assert.equal((await view.look())?.arrivingKbps, 400);
});

test("the network's word names the worst cause, and a silent camera is no slow upload", () => {
  assert.deepEqual(judge(fine), { word: "good", cause: "none" });
  assert.deepEqual(judge({ ...fine, lostDown: 0.1, lostUp: 0.05 }), { word: "poor", cause: "download_loss" });
  assert.deepEqual(judge({ ...fine, lostUp: 0.05 }), { word: "unstable", cause: "upload_loss" });
  assert.deepEqual(judge({ ...fine, canSendKbps: 100 }), { word: "poor", cause: "upload" });
  assert.deepEqual(judge({ ...fine, canSendKbps: 100, cameraOn: false }), { word: "good", cause: "none" });
  assert.deepEqual(judge({ ...fine, roundTripMs: 700 }), { word: "poor", cause: "delay" });
  assert.deepEqual(judge({ ...fine, roundTripMs: null, lostUp: null, lostDown: null, canSendKbps: null }), { word: "good", cause: "none" });
});

test("more people mean less for each camera, and each encoding has half the height of the next", () => {
  const budgets = [1, 2, 3, 6, 7, 40].map((people) => cameraEncodings(people).reduce((sum, { maxBitrate }) => sum + maxBitrate, 0));
  assert.deepEqual([...budgets].sort((a, b) => b - a), budgets);
  assert.deepEqual(cameraEncodings(3).map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy]), [["q", 4], ["h", 2], ["f", 1]]);
});

test("a small camera's picture is sent whole, in as many encodings as browsers make of it", () => {
  const sent = (width, height) => cameraEncodings(3, "vp8", width * height).filter(({ active }) => active).map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy]);
  assert.deepEqual(sent(960, 540), [["q", 4], ["h", 2], ["f", 1]]);
  assert.deepEqual(sent(640, 480), [["q", 2], ["h", 1]]);
  assert.deepEqual(sent(640, 360), [["q", 2], ["h", 1]]);
  assert.deepEqual(sent(320, 240), [["q", 1]]);
});

const key = (code, more = {}) => ({ code, key: code, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });

test("keys are found by their place, and none is AltGr or a plain letter", () => {
  assert.equal(commandOf(key("KeyD", { ctrlKey: true }), false), "microphone");
  assert.equal(commandOf(key("KeyE", { metaKey: true }), true), "camera");
  assert.equal(commandOf(key("KeyA", { altKey: true, shiftKey: true }), true), "door");
  assert.equal(commandOf(key("KeyA", { altKey: true, ctrlKey: true, shiftKey: true }), false), null);
  assert.equal(commandOf(key("KeyD", { ctrlKey: true, altKey: true }), false), null);
  assert.equal(commandOf(key("Slash", { key: "?", shiftKey: true }), false), "keys");
  assert.equal(commandOf(key("Slash", { key: "?", shiftKey: true }), true), null);
  for (const code of ["Space", "Enter", "KeyM", "KeyV", "KeyL"]) assert.equal(commandOf(key(code), false), null);
});

const known = { organisation: "Nordhavn", title: "Board", hosts: ["Ingrid"], email: "j@x.example", signedIn: true };

test("every refusal of the protocol has words of its own, and only unknown ones share the closed door's", () => {
  const reasons = /\| refuse \| (.+) \|/.exec(protocol)[1].match(/`(\w+)`/g).map((word) => word.slice(1, -1)).filter((word) => word !== "until" && !["email_code", "field", "bad_request", "code"].includes(word));
  const closed = describe({ reason: "closed" }, known).heading;
  for (const reason of [...reasons.filter((word) => word !== "closed" && word !== "verify_email"), "other_account", "other_link"]) {
    assert.notEqual(describe({ reason }, known).heading, closed, reason);
  }
  assert.equal(describe({ reason: "something new" }, known).heading, closed);
});

test("a stranger is told nothing about the meeting", () => {
  const { heading, body } = describe({ reason: "closed" }, { ...known, signedIn: false });
  assert.ok(!/Board|Ingrid/.test(heading + body));
});

test("where a meeting can't begin only the one who made it reads how many they have", () => {
  assert.equal(problemWords("not_now", null), "This meeting can’t begin now. Try again later, or ask whoever invited you.");
  assert.match(problemWords("too_many_meetings", null, null, { most: 25 }), /^You have 25 other meetings/);
});

test("a host's words are quoted, and left out when there are none", () => {
  assert.equal(describe({ reason: "not_let_in", note: "For members." }, known).why, "“For members.”");
  assert.equal(describe({ reason: "not_let_in", note: null }, known).why, undefined);
});

test("places, lists, initials and countdowns are said as people say them", () => {
  assert.deepEqual([1, 2, 3, 4, 11, 22].map(ordinal), ["1st", "2nd", "3rd", "4th", "11th", "22nd"]);
  assert.equal(listOf(["A", "B", "C"]), "A, B and C");
  assert.deepEqual(["Ingrid Sæther", "Žofie", "李 小龙", "  ", "Anna-Lena von Berg"].map(initials), ["IS", "Ž", "李小", "?", "AB"]);
  assert.deepEqual([0, 59.2, 102, 3723].map(countdown), ["0:00", "1:00", "1:42", "1:02:03"]);
});

test("a catalogue replaces whole sentences and keeps their places", () => {
  useCatalogue({ "{name} left": "{name} ist gegangen", "{count} more": ["{count} weiterer", "{count} weitere"] });
  assert.equal(gettext("{name} left", { name: "Ana {x}" }), "Ana {x} ist gegangen");
  assert.equal(ngettext("{count} more", "{count} more", 2), "2 weitere");
  useCatalogue(null);
  assert.equal(gettext("{name} left", { name: "Ana" }), "Ana left");
});

test("what was turned away is told in words, and a warning once and only while it is news", () => {
  const roster = new Roster();
  const warned = [];
  roster.on("tried", (tried) => warned.push(warningWords(tried)));
  const at = Date.parse("2026-11-24T13:30:10Z");
  roster.take({ ...room, now: "2026-11-24T13:30:10Z" }, at);
  const tried = { link: "meeting", name: null, count: 3, networks: 2, at: "2026-11-24T13:30:00Z", warned_at: null, replace: "/x" };
  const told = (/** @type {object} */ changes) => roster.take({ type: "turned_away", tries: [{ ...tried, ...changes }], history: "/h" }, at);
  told({});
  assert.equal(triedWords(roster.turnedAway.tries[0]), "3 tries with the meeting’s link were turned away, from 2 networks.");
  assert.deepEqual(warned, []);
  told({ warned_at: "2026-11-24T13:30:05Z" });
  told({ warned_at: "2026-11-24T13:30:05Z", count: 4 });
  assert.deepEqual(warned, ["The meeting’s link is being tried from many networks."]);
  told({ link: "personal", name: "Leila", warned_at: "2026-11-24T12:30:05Z" });
  assert.equal(warned.length, 1);
  assert.equal(triedWords({ ...tried, link: "personal", name: "Leila", count: 1, networks: 1 }), "1 try with the personal link of Leila was turned away.");
  assert.equal(triedWords({ ...tried, link: null, count: 2, networks: 1 }), "2 tries were turned away.");
  roster.take({ type: "capabilities", capabilities: { speak: true, show: true, share: true, chat: true, host: false } });
  assert.equal(roster.turnedAway, null);
});

test("hosts read who needs a new link while that is so, and no longer than they host or hear of it", () => {
  const [roster, shown, said] = [new Roster(), new Map(), []];
  const banners = { show: (name, banner) => shown.set(name, banner), hide: (name) => shown.delete(name) };
  const announcer = { alert: (text) => said.push(text), say: () => undefined, came: () => undefined };
  const [call, devices, participation] = [new Emitter(), new Emitter(), new Emitter()];
  tellHappenings({ roster, banners, announcer, call, devices, participation, preferences: { get: () => false }, notices: {}, chat: {}, securing: {} });
  const tell = (...guests) => roster.take({ type: "without_link", guests, page: "/meetings/1/#invitations" });
  const capabilities = { speak: true, show: true, share: true, chat: true, record: false, host: false };
  for (const [end, gone] of [[() => tell(), true], [() => roster.take(room), true], [() => roster.take({ type: "capabilities", capabilities, by: null }), true], [() => tell("Leila"), false]]) {
    tell("Leila", "Peter");
    assert.equal(shown.get("without-link").title, "Leila and Peter need new personal links.");
    end();
    assert.equal(!shown.has("without-link"), gone);
  }
  assert.equal(said.at(-1), "Leila needs a new personal link.");
});

test("a locked door says since when, and lets whoever may tell the hosts do so", () => {
  const known = { organisation: "Nordhavn", title: "Board", hosts: ["Ingrid"], email: null, signedIn: true };
  const told = describe({ reason: "locked", at: "2026-11-24T13:40:00Z", may_tell: true }, known);
  assert.match(told.body, /^Hosts locked this meeting at \d\d?:40/);
  assert.deepEqual(told.actions, ["tell", "leave"]);
  assert.deepEqual(describe({ reason: "locked", may_tell: false }, known).actions, ["again", "leave"]);
});

test("after ten minutes it is said that they still wait, while a host is there to see it", () => {
  const knocked = "2026-11-24T13:17:00Z";
  const at = (/** @type {number} */ minutes) => Date.parse(knocked) + minutes * 60_000;
  const waits = { reason: "knock", host_here: true, knocked_at: knocked };
  assert.equal(waitsLong(waits, at(9.9)), false);
  assert.equal(waitsLong(waits, at(10)), true);
  assert.equal(waitsLong(waits, at(600)), true);
  for (const other of [{ host_here: false }, { reason: "no_host" }, { reason: "full" }, { reason: "early" }, { knocked_at: null }]) assert.equal(waitsLong({ ...waits, ...other }, at(60)), false);
});

test("a zone is called as people there call it, in summer and in winter", () => {
  assert.deepEqual([zoneName("2026-01-15T12:00Z", "Europe/Oslo"), zoneName("2026-07-15T12:00Z", "Europe/Oslo")], ["CET", "CEST"]);
  assert.deepEqual([zoneName("2026-01-15T12:00Z", "UTC"), zoneName("2026-01-15T12:00Z", "Asia/Shanghai")], ["UTC", "GMT+8"]);
});

test("a button's hint names the keys that do the same", () => {
  for (const command of ["share", "hand", "react", "people", "chat", "host"]) {
    const { words } = keysOf(command);
    assert.equal(commandOf({ code: `Key${words.slice(-1)}`, key: "", ctrlKey: false, metaKey: false, altKey: true, shiftKey: true }, false), command);
  }
});
