// People keep their places; an off-page speaker takes the quietest one's slot, rarely.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seatOrder, Slots } from "../../static/js/lib/order.js";

const sitter = (id, more = {}) => ({ id, pinned: false, sharing: false, hand: null, entered: `2026-01-01T00:00:0${id}Z`, ...more });

test("order is pinned, sharing, hands as raised, then arrival", () => {
  const order = seatOrder([
    sitter("1"),
    sitter("2", { hand: "2026-01-01T01:00:05Z" }),
    sitter("3", { hand: "2026-01-01T01:00:01Z" }),
    sitter("4", { sharing: true }),
    sitter("5", { pinned: true }),
    sitter("6"),
  ]);
  assert.deepEqual(order, ["5", "4", "3", "2", "1", "6"]);
});

const order = ["a", "b", "c", "d", "e"];
const none = new Set();

test("a visible speaker does not move", () => {
  const slots = new Slots();
  for (let now = 0; now < 5000; now += 150) {
    slots.heard("b", true, now);
    assert.deepEqual(slots.arrange(order, 3, 0, none, now), order);
  }
});

test("an off-page speaker takes the slot of the one who spoke least recently, after 1.5 s", () => {
  const slots = new Slots();
  slots.heard("a", true, 0);
  slots.heard("a", false, 100);
  slots.heard("c", true, 200);
  slots.heard("c", false, 300);
  slots.heard("e", true, 1000);
  assert.deepEqual(slots.arrange(order, 3, 0, none, 2499), order);
  assert.deepEqual(slots.arrange(order, 3, 0, none, 2500), ["a", "e", "c", "d", "b"]);
});

test("slots change at most once in 3 s", () => {
  const slots = new Slots();
  slots.heard("e", true, 0);
  slots.heard("d", true, 0);
  const first = slots.arrange(order, 3, 0, none, 2000);
  assert.deepEqual(slots.arrange(order, 3, 0, none, 4999), first);
  assert.notDeepEqual(slots.arrange(order, 3, 0, none, 5000), first);
});

test("a pinned person's slot is not taken", () => {
  const slots = new Slots();
  slots.heard("e", true, 0);
  assert.equal(slots.arrange(order, 1, 0, new Set(["a"]), 5000)[0], "a");
});

test("a swap ends when one of the two is gone", () => {
  const slots = new Slots();
  slots.heard("e", true, 0);
  slots.arrange(order, 3, 0, none, 2000);
  assert.deepEqual(slots.arrange(["a", "b", "c", "d"], 3, 0, none, 2100), ["a", "b", "c", "d"]);
});
