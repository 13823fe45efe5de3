// Who a leaf of the group is: the identity of its MLS basic credential, attested by the portal. docs/encryption.md section 3.
import { fromUtf8, sameBytes, utf8 } from "./bytes.js";
import { attestation, isSignedBy, ROWS } from "./statements.js";

/**
 * @typedef {{room: string, participant: string, account: string | null, row: import("./statements.js").Row, name: string, attestation: string,
 *   link?: {generation: number, mac: string}}} Credential `link`: of a sealed meeting, made with the key of its link
 * @typedef {{room: string, portalKey: string, link?: import("./link_keys.js").LinkKeys | null}} Here
 */

const MOST_BYTES = 768;

/**
 * @param {Credential} who
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encodeCredential({ room, participant, account, row, name, attestation, link }) {
  const made = link && { generation: link.generation, mac: link.mac };
  const bytes = utf8(JSON.stringify({ v: 1, room, participant, account, row, name, attestation, link: made }));
  if (bytes.length > MOST_BYTES) throw new RangeError("a credential is too long");
  return bytes;
}

/**
 * @param {Uint8Array} bytes
 * @returns {Credential | null} null for everything that `encodeCredential` would not have written
 */
export function decodeCredential(bytes) {
  if (bytes.length > MOST_BYTES) return null;
  let value;
  try {
    value = JSON.parse(fromUtf8(bytes) ?? "");
  } catch {
    return null;
  }
  if (value === null || typeof value !== "object" || value.v !== 1 || !ROWS.includes(value.row)) return null;
  if (![value.room, value.participant, value.name, value.attestation].every((text) => typeof text === "string" && text !== "")) return null;
  if (value.account !== null && typeof value.account !== "string") return null;
  if (value.link !== undefined && !(Number.isSafeInteger(value.link?.generation) && value.link.generation > 0 && typeof value.link.mac === "string")) return null;
  return sameBytes(encodeCredential(value), bytes) ? value : null;
}

/**
 * Whether the portal says that this key is this person's, here; and in a sealed meeting, whether they had the complete link.
 * @param {Credential} who
 * @param {string} key base64url
 * @param {Here} here
 */
export async function isAttested(who, key, { room, portalKey, link = null }) {
  if (who.room !== room || !(await isSignedBy(portalKey, who.attestation, attestation(who, key)))) return false;
  return link ? link.vouchFor(who, key) : who.link === undefined;
}
