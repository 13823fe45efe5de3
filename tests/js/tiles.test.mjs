// The layout's promises: vectors of the design, pages, corners, strips.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bestGrid, cornerRect, focusRects, gridRects, mayCover, tilesPerPage } from "../../static/js/lib/tiles.js";

// width, height, gap, people, columns, rows, tile width, tile height
const VECTORS = [
  [1400, 748, 12, 1, 1, 1, 1329, 747], [1400, 748, 12, 2, 2, 1, 694, 520], [1400, 748, 12, 4, 2, 2, 654, 368],
  [1400, 748, 12, 6, 3, 2, 458, 344], [1400, 748, 12, 9, 3, 3, 429, 241], [1400, 748, 12, 12, 4, 3, 341, 241],
  [1400, 748, 12, 16, 4, 4, 316, 177], [1400, 748, 12, 25, 5, 5, 248, 140],
  [1008, 748, 12, 2, 1, 2, 654, 368], [1008, 748, 12, 4, 2, 2, 497, 368], [1008, 748, 12, 6, 2, 3, 429, 241],
  [1008, 748, 12, 9, 3, 3, 328, 241],
  [380, 706, 6, 2, 1, 2, 379, 350], [380, 706, 6, 4, 1, 4, 305, 172], [380, 706, 6, 6, 2, 3, 187, 231], [380, 706, 6, 9, 2, 5, 187, 136],
];

for (const [width, height, gap, people, cols, rows, w, h] of VECTORS) {
  test(`${people} tiles on ${width} by ${height} stand in ${cols} columns and ${rows} rows`, () => {
    const grid = bestGrid(people, width, height, gap);
    assert.equal(grid.cols, cols);
    assert.equal(grid.rows, rows);
    assert.ok(Math.abs(grid.w - w) <= 1, `width ${grid.w}, expected ${w}`);
    assert.ok(Math.abs(grid.h - h) <= 1, `height ${grid.h}, expected ${h}`);
  });
}

const overlaps = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

test("no tile overlaps another or leaves the stage, whatever the count and size", () => {
  for (const [width, height, gap] of [[1408, 756, 12], [1016, 756, 12], [388, 714, 6], [700, 320, 12], [320, 480, 6]]) {
    for (let n = 1; n <= 30; n++) {
      const rects = gridRects(n, width, height, gap);
      assert.equal(rects.length, n);
      rects.forEach((rect, index) => {
        assert.ok(rect.x >= 0 && rect.y >= 0 && rect.x + rect.w <= width && rect.y + rect.h <= height, `${n} on ${width}`);
        for (const other of rects.slice(index + 1)) assert.ok(!overlaps(rect, other), `${n} on ${width}`);
      });
    }
  }
});

test("the last row is centred", () => {
  const rects = gridRects(5, 1408, 756, 12);
  const last = rects.filter(({ y }) => y === rects[4].y);
  const left = last[0].x;
  const right = 1408 - (last.at(-1).x + last.at(-1).w);
  assert.ok(Math.abs(left - right) <= 1);
});

test("a page ends before tiles become too narrow", () => {
  const perPage = tilesPerPage(49, 1000, 600, 12, 240);
  assert.ok(bestGrid(perPage, 1000, 600, 12).w >= 240);
  assert.ok(bestGrid(perPage + 1, 1000, 600, 12).w < 240);
  assert.equal(tilesPerPage(3, 200, 200, 6, 240), 1);
});

test("a share takes the rest of the stage beside a strip of 224, or above one on narrow windows", () => {
  const side = focusRects(9, 1400, 748, 12, false);
  assert.equal(side.strip[0].w, 224);
  assert.equal(side.main.w, 1400 - 8 - 224 - 12);
  assert.ok(side.strip.length < 9 && side.strip.every(({ y, h }) => y + h <= 748));
  const below = focusRects(9, 380, 700, 6, true);
  assert.ok(below.strip.every(({ x, w }) => x + w <= 380));
  assert.ok(below.main.h + below.main.y < below.strip[0].y);
  assert.deepEqual(focusRects(0, 400, 300, 12, false).strip, []);
});

test("the own view stands in the lower right corner of what is shown, and sticks out nowhere", () => {
  for (const [width, height, phone] of /** @type {const} */ ([[1408, 756, false], [374, 708, true], [760, 330, true]])) {
    const [other] = gridRects(1, width, height, 12);
    const own = cornerRect([other], phone);
    const inset = phone ? 8 : 16;
    assert.deepEqual([own.x + own.w + inset, own.y + own.h + inset], [other.x + other.w, other.y + other.h]);
  }
  assert.deepEqual(cornerRect([{ x: 4, y: 4, w: 366, h: 488 }], true), { x: 266, y: 356, w: 96, h: 128 });
});

test("a picture fills its tile while less than a quarter is cut off", () => {
  assert.equal(mayCover(1280, 720, { x: 0, y: 0, w: 400, h: 300 }), false);
  assert.equal(mayCover(1280, 720, { x: 0, y: 0, w: 410, h: 300 }), true);
  assert.equal(mayCover(0, 0, { x: 0, y: 0, w: 400, h: 300 }), true);
});
