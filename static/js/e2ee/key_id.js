// Whose key a frame is under: context, leaf and epoch in one number (RFC 9605 section 5.2). Pure.

/** @typedef {import("../signaling/protocol.js").Source} Source */

/** Low bits for the epoch, then bits for the leaf; the context is above. Fixed, so that a KID never needs a third byte. */
const LAYOUT = Object.freeze({ epoch: 4, leaf: 8 });
export const EPOCHS = 1 << LAYOUT.epoch;
export const MOST_LEAVES = 1 << LAYOUT.leaf;

/** @type {readonly Source[]} the index is the context; all layers of one camera share one */
export const CONTEXTS = Object.freeze(["microphone", "camera", "screen", "screen_audio"]);

/**
 * @param {{context: number, leaf: number, epoch: number}} parts `epoch` may be whole: its low bits are taken
 * @param {{epoch: number, leaf: number}} [bits]
 */
export function packKeyId({ context, leaf, epoch }, bits = LAYOUT) {
  if (leaf < 0 || leaf >= 1 << bits.leaf) throw new RangeError("no such leaf");
  return context * 2 ** (bits.leaf + bits.epoch) + leaf * 2 ** bits.epoch + (epoch % 2 ** bits.epoch);
}

/**
 * @param {number} kid
 * @returns {{source: Source, leaf: number, slot: number} | null} `slot` is the epoch's low bits; null for a context that does not exist
 */
export function unpackKeyId(kid) {
  const source = CONTEXTS[Math.floor(kid / 2 ** (LAYOUT.leaf + LAYOUT.epoch))];
  return source ? { source, leaf: (kid >> LAYOUT.epoch) & (MOST_LEAVES - 1), slot: kid & (EPOCHS - 1) } : null;
}
