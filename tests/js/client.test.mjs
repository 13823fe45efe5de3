// The way through the door and back: every close code, cuts, refusals, stale answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MeetingClient } from "../../static/js/signaling/client.js";
import { backoff } from "../../static/js/signaling/backoff.js";
import { CLOSE } from "../../static/js/signaling/protocol.js";
import { Clock, FakeSocket, settled } from "./support.mjs";

const ADMIT = { outcome: "admit", reason: "walks_in", until: null, participant: "p", ticket: "t", socket: "ws://localhost/ws/room" };
const WAIT = { ...ADMIT, outcome: "wait", reason: "knock" };

const json = (body, status = 200, headers = {}) => new Response(JSON.stringify(body), { status, headers });

function visitor(...answers) {
  return visitorOf({ account: "a" }, ...answers);
}

function visitorOf(who, ...answers) {
  const clock = new Clock();
  const sockets = [];
  const asked = [];
  const states = [];
  const messages = [];
  const client = new MeetingClient({
    code: "7kqx-mwtz-p4xa",
    arriveUrl: "/m/7kqx-mwtz-p4xa/arrive",
    csrf: "token",
    ...who,
    device: { prove: async () => ({ device: { kty: "EC" }, proof: { at: asked.length } }) },
    fetch: async (url, options) => {
      asked.push({ url, headers: options.headers, body: JSON.parse(options.body) });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer instanceof Error) throw answer;
      return answer instanceof Response ? answer.clone() : json(answer);
    },
    createSocket: (url) => {
      sockets.push(new FakeSocket(url));
      return sockets.at(-1);
    },
    setTimer: clock.setTimer,
    clearTimer: clock.clearTimer,
    random: () => 1,
    now: () => clock.now,
  });
  client.on("state", ({ state }) => states.push(state));
  client.on("message", (message) => messages.push([client.state, message.type]));
  return { client, clock, sockets, asked, states, messages };
}

async function inside(...answers) {
  const v = visitor(...(answers.length ? answers : [ADMIT]));
  await v.client.knock({ name: "Peter" });
  v.sockets[0].open();
  v.sockets[0].say({ type: "room", people: [] });
  return v;
}

test("who walks in is inside when the room arrives, not before", async () => {
  const { client, sockets, states, asked, messages } = visitor(ADMIT);
  await client.knock({ name: "Peter", emailCode: "481516" });
  assert.deepEqual(asked[0].body, { device: { kty: "EC" }, proof: { at: 0 }, account: "a", name: "Peter", email_code: "481516" });
  assert.equal(asked[0].headers["X-CSRFToken"], "token");
  assert.equal(client.state, "arriving");
  sockets[0].open();
  sockets[0].say({ type: "room" });
  assert.deepEqual(states, ["arriving", "inside"]);
  assert.deepEqual(messages, [["inside", "room"]]);
});

test("who knocks waits, and is let in on the same socket", async () => {
  const { client, sockets, states } = visitor(WAIT);
  await client.knock({});
  sockets[0].open();
  sockets[0].say({ type: "door" });
  sockets[0].say({ type: "room" });
  assert.deepEqual(states, ["arriving", "waiting", "inside"]);
  assert.equal(sockets.length, 1);
});

test("a refusal opens no socket and keeps its reason", async () => {
  const { client, sockets } = visitor({ outcome: "refuse", reason: "locked", until: null });
  await client.knock({});
  assert.equal(client.state, "refused");
  assert.equal(client.refusal.reason, "locked");
  assert.equal(sockets.length, 0);
});

test("an answer without a ticket is a refusal, whatever it calls itself", async () => {
  const { client, sockets } = visitor({ outcome: "admit", reason: "walks_in" });
  await client.knock({});
  assert.equal(client.state, "refused");
  assert.equal(sockets.length, 0);
});

test("a problem leaves the question on the page", async () => {
  const { client } = visitor(json({ code: "bad_request", field: "name" }, 400));
  await assert.rejects(client.knock({}), { code: "bad_request", field: "name" });
  assert.equal(client.state, "idle");
});

test("whoever signed in since the page was loaded comes in by no older page, neither at first nor after a cut", async () => {
  for (const tooOld of [json({ code: "csrf" }, 403), json({ code: "other_account" }, 409)]) {
    const { client, sockets, asked } = visitor(tooOld);
    await client.knock({});
    assert.deepEqual([client.state, client.refusal.reason, sockets.length], ["refused", "other_account", 0]);
    assert.equal(asked[0].body.account, "a");
    const later = await inside(ADMIT, tooOld);
    later.sockets[0].drop();
    await later.clock.pass(0);
    await settled();
    assert.deepEqual([later.client.state, later.client.refusal.reason], ["refused", "other_account"]);
  }
});

test("a tab that was loaded with one personal link comes back by no other one", async () => {
  const other = json({ code: "other_link" }, 409);
  for (const invitation of ["", "peter"]) {
    const { client, sockets, asked, clock } = visitorOf({ invitation }, ADMIT, other);
    await client.knock({ name: "Peter" });
    sockets[0].open();
    sockets[0].say({ type: "room", people: [] });
    sockets[0].drop();
    await clock.pass(0);
    await settled();
    assert.deepEqual(asked.map((one) => one.body.invitation), [invitation, invitation]);
    assert.deepEqual([client.state, client.refusal.reason, sockets.length], ["refused", "other_link", 1]);
  }
  const { client, asked } = visitorOf({ invitation: null }, ADMIT);
  await client.knock({ name: "Peter" });
  assert.ok(!("invitation" in asked[0].body));
});

test("no network is said as offline", async () => {
  const { client } = visitor(new TypeError("failed"));
  await assert.rejects(client.knock({}), { code: "offline" });
});

test("a cut brings the visitor back at once, with the same name and a new proof", async () => {
  const { client, clock, sockets, asked, states } = await inside();
  sockets[0].drop();
  assert.equal(client.state, "returning");
  await clock.pass(0);
  await settled();
  assert.equal(asked.length, 2);
  assert.equal(asked[1].body.name, "Peter");
  assert.notDeepEqual(asked[1].body.proof, asked[0].body.proof);
  sockets[1].open();
  sockets[1].say({ type: "room" });
  assert.deepEqual(states, ["arriving", "inside", "returning", "inside"]);
  assert.equal(client.cutAt, null);
});

test("tries become rarer, up to one in 5 s, and never stop", async () => {
  const { clock, sockets, asked } = await inside(ADMIT, new TypeError("offline"));
  sockets[0].drop();
  await clock.pass(60_000);
  assert.ok(asked.length > 12 && asked.length < 30, `${asked.length} tries in a minute`);
  const before = asked.length;
  await clock.pass(10_000);
  assert.equal(asked.length - before, 2);
});

test("the email code is not sent again on return", async () => {
  const v = visitor(ADMIT);
  await v.client.knock({ emailCode: "481516" });
  v.sockets[0].open();
  v.sockets[0].say({ type: "room" });
  v.sockets[0].drop();
  await v.clock.pass(0);
  await settled();
  assert.equal(v.asked[1].body.email_code, undefined);
});

test("Retry-After is kept", async () => {
  const { clock, sockets, asked } = await inside(ADMIT, json({ code: "too_many" }, 429, { "Retry-After": "30" }));
  sockets[0].drop();
  await clock.pass(29_000);
  assert.equal(asked.length, 2);
  await clock.pass(1500);
  assert.equal(asked.length, 3);
});

test("pressing Try now does not wait", async () => {
  const { client, clock, sockets, asked } = await inside(ADMIT, new TypeError("offline"), new TypeError("offline"), ADMIT);
  sockets[0].drop();
  await clock.pass(0);
  await settled();
  const before = asked.length;
  client.tryNow();
  await settled();
  assert.equal(asked.length, before + 1);
});

test("a removal says why, and the close that follows changes nothing", async () => {
  const { client, sockets, clock, asked } = await inside();
  sockets[0].say({ type: "refused", reason: "removed", by: "Ingrid", note: "Wrong meeting", at: "2026-11-24T13:19:00Z" });
  sockets[0].drop(4403);
  await clock.pass(60_000);
  assert.equal(client.state, "refused");
  assert.equal(client.refusal.reason, "removed");
  assert.equal(client.refusal.note, "Wrong meeting");
  assert.equal(asked.length, 1);
});

test("a seat that is gone on return is a refusal", async () => {
  const { client, sockets, clock } = await inside(ADMIT, { outcome: "refuse", reason: "ended" });
  sockets[0].drop();
  await clock.pass(1000);
  assert.equal(client.state, "refused");
  assert.equal(client.refusal.reason, "ended");
});

for (const [code, meaning] of Object.entries(CLOSE)) {
  test(`close ${code} ${meaning.back ? `comes back after ${meaning.afterMs} ms` : `ends as ${meaning.reason}`}`, async () => {
    const { client, clock, sockets, asked } = await inside();
    sockets[0].drop(Number(code));
    if (!meaning.back) {
      await clock.pass(60_000);
      assert.equal(asked.length, 1);
      assert.equal(client.state, code === "4403" ? "refused" : "over");
      assert.equal(client.refusal.reason, meaning.reason);
      return;
    }
    assert.equal(client.state, "returning");
    await clock.pass(Math.max(0, meaning.afterMs - 1));
    if (meaning.afterMs) assert.equal(asked.length, 1);
    await clock.pass(200);
    await settled();
    assert.equal(asked.length, 2);
  });
}

test("leaving tells the server and stays out", async () => {
  const { client, sockets, clock, asked } = await inside();
  const left = client.leave();
  assert.equal(client.state, "over");
  assert.equal(client.refusal.reason, "left");
  assert.equal(sockets[0].sent.at(-1).type, "leave");
  sockets[0].say({ type: "ok", id: sockets[0].sent.at(-1).id });
  await left;
  assert.equal(sockets[0].closedWith, 1000);
  await clock.pass(60_000);
  assert.equal(asked.length, 1);
});

test("leaving while offline is leaving", async () => {
  const { client, sockets, clock, asked } = await inside(ADMIT, new TypeError("offline"));
  sockets[0].drop();
  await clock.pass(100);
  await client.leave();
  const before = asked.length;
  await clock.pass(60_000);
  assert.equal(client.state, "over");
  assert.equal(asked.length, before);
});

test("an answer that comes after leaving opens nothing", async () => {
  const { client, sockets } = visitor(ADMIT);
  const knocking = client.knock({});
  void client.leave();
  await knocking;
  assert.equal(sockets.length, 0);
  assert.equal(client.state, "over");
});

test("the pause doubles from 0.1 s to 5 s and has jitter", () => {
  assert.equal(backoff(0, () => 1), 100);
  assert.equal(backoff(3, () => 1), 800);
  assert.equal(backoff(50, () => 1), 5000);
  assert.equal(backoff(50, () => 0), 2500);
});

test("a person's own token goes along with every arrival, as it is then", async () => {
  const asked = [];
  let token = null;
  const client = new MeetingClient({
    code: "7kqx-mwtz-p4xa", arriveUrl: "/arrive", csrf: "token", device: { prove: async () => ({}) }, token: () => token,
    fetch: async (url, options) => {
      asked.push(JSON.parse(options.body));
      return json({ outcome: "refuse", reason: "locked", until: null });
    },
  });
  await client.knock();
  token = "ticket-7";
  await client.knock();
  assert.deepEqual(asked, [{}, { authorization: "ticket-7" }]);
});
