// Whoever is inside learns once, in words that are true, that the planned end is near.
import assert from "node:assert/strict";
import { test } from "node:test";
import { clockTime } from "../../static/js/lib/i18n.js";
import { PlannedEnd } from "../../static/js/room/planned_end.js";

const END = "2026-11-24T14:30:00Z";
const minutesBefore = (minutes) => Date.parse(END) - minutes * 60_000;

function room(aheadMs = 0) {
  const [shown, said] = [[], []];
  const roster = { meeting: { ends_at: END }, aheadMs };
  const end = new PlannedEnd({ roster, banners: { show: (name, { title }) => shown.push(title) }, announcer: { say: (text) => said.push(text) } });
  return { end, shown, said, roster };
}

test("it is shown and said once, five minutes before", () => {
  const { end, shown, said } = room();
  end.tick(minutesBefore(5) - 1);
  assert.deepEqual(shown, []);
  for (const minutes of [5, 4, 1, 0, -1]) end.tick(minutesBefore(minutes));
  assert.deepEqual(shown, [`The planned time is over in 5 minutes, at ${clockTime(END)}.`]);
  assert.deepEqual(said, [`${shown[0]} Nothing ends by itself: the meeting goes on for as long as people stay.`]);
});

test("who comes later reads how much is left, and who comes after it nothing", () => {
  const late = room();
  late.end.tick(minutesBefore(0.5));
  assert.match(late.shown[0], /over in 1 minute, at/);
  const after = room();
  after.end.tick(minutesBefore(0));
  assert.deepEqual(after.shown, []);
});

test("the server’s clock counts, and a plan that is another is said anew", () => {
  const { end, shown, roster } = room(120_000);
  end.tick(minutesBefore(7) + 1);
  assert.equal(shown.length, 1);
  roster.meeting.ends_at = "2026-11-24T15:30:00Z";
  end.tick(minutesBefore(0));
  assert.equal(shown.length, 1);
  end.tick(minutesBefore(-55));
  assert.equal(shown.length, 2);
});

test("nothing is said before the room is known", () => {
  const { end, shown, roster } = room();
  roster.meeting = null;
  end.tick(minutesBefore(3));
  assert.deepEqual(shown, []);
});
