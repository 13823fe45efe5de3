// A person's own token for the authorization service, and what the service's word looks like to people.
import assert from "node:assert/strict";
import { test } from "node:test";
import { authorizationWords } from "../../static/js/room/authorization_words.js";
import { takeToken } from "../../static/js/room/own_token.js";

test("a token is taken out of the fragment and what else stands there is left as it is", () => {
  assert.deepEqual(takeToken("#authorization=a.b%2Dc"), { token: "a.b-c", rest: "", found: true });
  assert.deepEqual(takeToken("#k=%41&authorization=t&x"), { token: "t", rest: "#k=%41&x", found: true });
  assert.deepEqual(takeToken("#k=secret"), { token: null, rest: "#k=secret", found: false });
  assert.deepEqual(takeToken(""), { token: null, rest: "", found: false });
});

test("what can be no token is none, and leaves the address bar all the same", () => {
  for (const bad of ["", "%", "a%20b", "%C3%A4", "x".repeat(2049)]) {
    assert.deepEqual(takeToken(`#authorization=${bad}`), { token: null, rest: "", found: true });
  }
});

const MESSAGE = { type: "authorization", outcome: "refused", reason: "No cameras.", participant: "p", name: "Peter", track: "camera", of: "p" };
const names = (id) => ({ p: "Peter", i: "Ingrid" })[id] ?? "somebody";
const words = (changes, you = "p") => authorizationWords({ ...MESSAGE, ...changes }, you, names);

test("the person is told about themselves, hosts by name", () => {
  assert.equal(words({}).title, "Your camera is not allowed here.");
  assert.equal(words({}, "h").title, "Peter’s camera is not allowed here.");
  assert.equal(words({ of: "i" }).title, "You may not receive Ingrid’s camera.");
  assert.equal(words({ of: "i" }, "h").title, "Peter may not receive Ingrid’s camera.");
  assert.equal(words({ track: "room" }, "h").title, "Peter may not be here.");
  assert.equal(words({ track: "room", outcome: "lapsed" }, "h").title, "Peter is back at the door.");
  assert.equal(words({}).text, "“No cameras.”");
  assert.equal(words({ reason: null }).text, "The authorization service decided.");
});

test("a service that does not answer stays on screen until it does", () => {
  const none = { participant: null, name: null, track: null, of: null };
  const silent = words({ ...none, outcome: "unanswered", reason: "There was no whole answer within 3 seconds." });
  assert.equal(silent.stays, true);
  assert.match(silent.text, /^There was no whole answer within 3 seconds\. Who is inside stays/);
  assert.equal(words({ ...none, outcome: "answered", reason: null }).stays, false);
});
