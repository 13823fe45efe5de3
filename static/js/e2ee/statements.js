// What people and the portal put their names to, as the exact bytes that are signed. docs/encryption.md section 3. Pure.
//
// A statement is its label and its fields, each behind its length in two bytes: no two statements have the same bytes.
import { fromBase64url, joined, utf8 } from "./bytes.js";

/**
 * @param {string} label
 * @param {(string | number)[]} fields
 */
function statement(label, fields) {
  const parts = [label, ...fields].flatMap((field) => {
    const bytes = utf8(String(field));
    if (bytes.length > 0xffff) throw new RangeError("a field of a statement is too long");
    return [Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes];
  });
  return joined(...parts);
}

/** How somebody came to stand where they stand. @typedef {"host" | "listed" | "colleague" | "guest" | "anyone"} Row */
/** @type {readonly Row[]} */
export const ROWS = Object.freeze(["host", "listed", "colleague", "guest", "anyone"]);

/** The door's table. @typedef {{listed: string, colleagues: string, guests: string, anyone: string}} DoorTable */

/**
 * The portal says: in this room, whoever holds this key is this participant, of this account (or none), of this kind and name.
 * @param {{room: string, participant: string, account: string | null, row: string, name: string}} who
 * @param {string} key the identity key, base64url
 */
export const attestation = ({ room, participant, account, row, name }, key) =>
  statement("lintel-e2ee/1 attestation", [room, participant, account ?? "", row, name, key]);

/**
 * A host says: this participant with this key may be added, and added again, until then.
 * @param {{room: string, participant: string, key: string, at: number, until: number}} word both in whole seconds since 1970
 */
export const word = ({ room, participant, key, at, until }) => statement("lintel-e2ee/1 word", [room, participant, key, at, until]);

/**
 * A host says: this participant may not be added, by whatever was said until now.
 * @param {{room: string, participant: string, at: number}} no
 */
export const no = ({ room, participant, at }) => statement("lintel-e2ee/1 no", [room, participant, at]);

/**
 * A host says what the door does. The higher number holds.
 * @param {{room: string, number: number, door: DoorTable}} rules
 */
export const rules = ({ room, number, door }) =>
  statement("lintel-e2ee/1 rules", [room, number, door.listed, door.colleagues, door.guests, door.anyone]);

/**
 * A host says: this is the key of the link from now on.
 * @param {{room: string, key: string}} link the key as a fragment has it
 */
export const linkStated = ({ room, key }) => statement("lintel-e2ee/1 link", [room, key]);

/**
 * Whoever has the complete link says, under its key: this leaf is mine.
 * @param {{room: string, participant: string, account: string | null, row: string, name: string}} who
 * @param {string} key the identity key, base64url
 * @param {number} generation
 */
export const linkMac = ({ room, participant, account, row, name }, key, generation) =>
  statement("lintel-e2ee/1 leaf", [room, generation, participant, account ?? "", row, name, key]);

/**
 * @param {unknown} key raw Ed25519 public key, base64url
 * @param {unknown} signature base64url
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<boolean>}
 */
export async function isSignedBy(key, signature, bytes) {
  const raw = fromBase64url(key);
  const signed = fromBase64url(signature);
  if (raw?.length !== 32 || signed?.length !== 64) return false;
  try {
    const imported = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, signed, bytes);
  } catch {
    return false; // no point of the curve
  }
}
