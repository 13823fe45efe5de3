// Where tiles go. Pure geometry: sizes in, rectangles out. Lengths are CSS pixels.

/**
 * @typedef {{area: number, cols: number, rows: number, w: number, h: number}} Grid
 * @typedef {{x: number, y: number, w: number, h: number}} Rect
 * @typedef {{rects: Rect[], perPage: number}} Placed
 */

/** Below this width the stage counts as a phone's: smaller gaps and smaller tiles are allowed. */
const PHONE_PX = 640;
const STAGE_PADDING_PX = 4;
const STRIP_SIDE_PX = 224;
const STRIP_BOTTOM_TILE_PX = 150;

/** @param {number} width the window's */
export const gapFor = (width) => (width < PHONE_PX ? 6 : 12);

/** @param {number} width the window's */
export const narrowestTile = (width) => (width < PHONE_PX ? 150 : 240);

/**
 * The column count that gives the largest tile, letting tiles stretch between 4:3 and 16:9 (3:4 to 16:9 when the stage is
 * taller than wide) before anything is cropped or letterboxed. Each empty cell costs 2 % of the area.
 * @param {number} n
 * @param {number} width
 * @param {number} height
 * @param {number} gap
 * @returns {Grid}
 */
export function bestGrid(n, width, height, gap) {
  const widest = 16 / 9;
  const tallest = width < height ? 3 / 4 : 4 / 3;
  /** @type {Grid} */
  let best = { area: 0, cols: 1, rows: 1, w: 0, h: 0 };
  for (let cols = 1; cols <= n; cols++) {
    const rows = Math.ceil(n / cols);
    const cellWidth = (width - gap * (cols - 1)) / cols;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const ratio = Math.min(widest, Math.max(tallest, cellWidth / cellHeight));
    const w = Math.min(cellWidth, cellHeight * ratio);
    const h = w / ratio;
    const area = w * h * (1 - 0.02 * (cols * rows - n));
    if (area > best.area) best = { area, cols, rows, w: Math.floor(w), h: Math.floor(h) };
  }
  return best;
}

/**
 * How many tiles fit on one page without becoming narrower than `narrowest`. At least one.
 * @param {number} n
 * @param {number} width
 * @param {number} height
 * @param {number} gap
 * @param {number} narrowest
 */
export function tilesPerPage(n, width, height, gap, narrowest) {
  for (let count = n; count > 1; count--) {
    if (bestGrid(count, width, height, gap).w >= narrowest) return count;
  }
  return 1;
}

/**
 * A grid whose rows are centred, the last one too.
 * @param {number} n
 * @param {number} width
 * @param {number} height
 * @param {number} gap
 * @returns {Rect[]}
 */
export function gridRects(n, width, height, gap) {
  const innerWidth = width - 2 * STAGE_PADDING_PX;
  const innerHeight = height - 2 * STAGE_PADDING_PX;
  const { cols, rows, w, h } = bestGrid(n, innerWidth, innerHeight, gap);
  const top = (height - rows * h - (rows - 1) * gap) / 2;
  return Array.from({ length: n }, (_, index) => {
    const row = Math.floor(index / cols);
    const inRow = row === rows - 1 ? n - cols * (rows - 1) : cols;
    const left = (width - inRow * w - (inRow - 1) * gap) / 2;
    return { x: Math.round(left + (index % cols) * (w + gap)), y: Math.round(top + row * (h + gap)), w, h };
  });
}

/**
 * One large picture and a strip: at the side, or below on narrow windows.
 * @param {number} strip how many tiles would like to be in the strip
 * @param {number} width
 * @param {number} height
 * @param {number} gap
 * @param {boolean} below
 * @returns {{main: Rect, strip: Rect[]}} `strip` holds as many rectangles as fit
 */
export function focusRects(strip, width, height, gap, below) {
  const innerWidth = width - 2 * STAGE_PADDING_PX;
  const innerHeight = height - 2 * STAGE_PADDING_PX;
  if (!strip) return { main: { x: STAGE_PADDING_PX, y: STAGE_PADDING_PX, w: innerWidth, h: innerHeight }, strip: [] };
  if (below) {
    const w = Math.min(STRIP_BOTTOM_TILE_PX, Math.floor((innerWidth - gap) / 2));
    const h = Math.floor((w * 9) / 16);
    const fits = Math.min(strip, Math.max(1, Math.floor((innerWidth + gap) / (w + gap))));
    const y = STAGE_PADDING_PX + innerHeight - h;
    return {
      main: { x: STAGE_PADDING_PX, y: STAGE_PADDING_PX, w: innerWidth, h: innerHeight - h - gap },
      strip: Array.from({ length: fits }, (_, i) => ({ x: STAGE_PADDING_PX + i * (w + gap), y, w, h })),
    };
  }
  const w = Math.min(STRIP_SIDE_PX, Math.floor(innerWidth / 3));
  const h = Math.floor((w * 9) / 16);
  const fits = Math.min(strip, Math.max(1, Math.floor((innerHeight + gap) / (h + gap))));
  const x = STAGE_PADDING_PX + innerWidth - w;
  return {
    main: { x: STAGE_PADDING_PX, y: STAGE_PADDING_PX, w: innerWidth - w - gap, h: innerHeight },
    strip: Array.from({ length: fits }, (_, i) => ({ x, y: STAGE_PADDING_PX + i * (h + gap), w, h })),
  };
}

/**
 * The own view in the lower right corner of what is shown, which may be less than the stage.
 * @param {Rect[]} shown
 * @param {boolean} phone
 * @returns {Rect}
 */
export function cornerRect(shown, phone) {
  const [left, top] = [Math.min(...shown.map(({ x }) => x)), Math.min(...shown.map(({ y }) => y))];
  const [right, bottom] = [Math.max(...shown.map(({ x, w }) => x + w)), Math.max(...shown.map(({ y, h }) => y + h))];
  const [w, h, inset] = !phone ? [232, 130, 16] : right - left < bottom - top ? [96, 128, 8] : [142, 80, 8];
  return { x: right - w - inset, y: bottom - h - inset, w, h };
}

/**
 * Whether a picture may fill its tile: yes while less than a quarter of it would be cut off.
 * @param {number} videoWidth
 * @param {number} videoHeight
 * @param {Rect} rect
 */
export function mayCover(videoWidth, videoHeight, rect) {
  if (!videoWidth || !videoHeight || !rect.w || !rect.h) return true;
  const video = videoWidth / videoHeight;
  const tile = rect.w / rect.h;
  return Math.min(video / tile, tile / video) > 0.75;
}
