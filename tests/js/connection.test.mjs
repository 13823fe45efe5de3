// One socket's life.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection, GAVE_UP } from "../../static/js/signaling/connection.js";
import { Clock, FakeSocket, settled } from "./support.mjs";

function connect() {
  const clock = new Clock();
  const got = [];
  const closed = [];
  let socket;
  const connection = new Connection({
    url: "ws://localhost/ws/room",
    ticket: "t1",
    onMessage: (message) => got.push(message),
    onClose: (code) => closed.push(code),
    createSocket: (url) => (socket = new FakeSocket(url)),
    setTimer: clock.setTimer,
    clearTimer: clock.clearTimer,
  });
  return { clock, got, closed, connection, socket };
}

test("the first message is hello, and the ticket is in it and not in the address", () => {
  const { socket } = connect();
  socket.open();
  assert.deepEqual(socket.sent, [{ type: "hello", protocol: 1, ticket: "t1" }]);
  assert.ok(!socket.url.includes("t1"));
});

test("each request has an id of its own and gets its own answer", async () => {
  const { socket, connection } = connect();
  socket.open();
  const first = connection.request("hand", { raised: true });
  const second = connection.request("leave");
  const [, a, b] = socket.sent;
  assert.notEqual(a.id, b.id);
  socket.say({ type: "error", id: b.id, code: "wrong_state", message: "no", field: "x" });
  socket.say({ type: "ok", id: a.id });
  assert.equal((await first).type, "ok");
  await assert.rejects(second, { code: "wrong_state", field: "x" });
});

test("a request without an answer fails after 10 s", async () => {
  const { socket, connection, clock } = connect();
  socket.open();
  const request = connection.request("chat", { text: "hello" });
  const failed = assert.rejects(request, { code: "no_answer" });
  let hasFailed = false;
  const large = assert.rejects(connection.request("file.chunk", {}, 30_000), { code: "no_answer" }).then(() => (hasFailed = true));
  await clock.pass(10_000);
  await failed;
  socket.say({ type: "gone", participant: "x", why: "left", by: null });
  await clock.pass(19_999);
  assert.ok(!hasFailed, "what is large is waited for as long as was said");
  await clock.pass(1);
  await large;
});

test("a cut fails what was asked, and tells the code once", async () => {
  const { socket, connection, closed } = connect();
  socket.open();
  const failed = assert.rejects(connection.request("leave"), { code: "cut" });
  socket.drop(1012);
  socket.drop(1006);
  await failed;
  assert.deepEqual(closed, [1012]);
  await assert.rejects(connection.request("leave"), { code: "cut" });
});

test("15 s of silence ask for a sign of life, and 5 s more give up", async () => {
  const { socket, clock, closed } = connect();
  socket.open();
  await clock.pass(14_999);
  assert.equal(socket.sent.length, 1);
  await clock.pass(1);
  assert.equal(socket.sent[1].type, "ping");
  await clock.pass(5000);
  assert.deepEqual(closed, [GAVE_UP]);
});

test("any message is a sign of life", async () => {
  const { socket, clock, closed } = connect();
  socket.open();
  for (let i = 0; i < 6; i++) {
    await clock.pass(14_000);
    socket.say({ type: "gone", participant: "x", why: "left", by: null });
  }
  assert.deepEqual(closed, []);
});

test("a handshake that never ends is given up", async () => {
  const { clock, closed } = connect();
  await clock.pass(20_000);
  assert.deepEqual(closed, [GAVE_UP]);
});

test("what is not a message of the protocol is dropped", async () => {
  const { socket, got } = connect();
  socket.open();
  for (const text of ["", "not json", "null", "[]", "3", '{"type": 5}', "{}"]) socket.say(text);
  await settled();
  assert.deepEqual(got, []);
});

test("after closing nothing is told any more", () => {
  const { socket, connection, got, closed } = connect();
  socket.open();
  connection.close();
  socket.say({ type: "door" });
  socket.drop(4403);
  assert.equal(socket.closedWith, 1000);
  assert.deepEqual([got, closed], [[], []]);
});
