// The key in the complete link of a sealed meeting: made in a host's browser, and carried behind the #, which browsers send to
// no server. What is told of it is a check that says whether a link is whole. docs/encryption.md section 9. Pure.
import { base64url, fromBase64url, utf8 } from "./bytes.js";

/**
 * @typedef {{generation: number, secret: Uint8Array<ArrayBuffer>}} LinkKey `generation` counts the keys that the meeting's links have had
 * @typedef {{generation: number, check: string, due?: string[]}} PublicLinkKey what the portal knows of it; `due`: inside, the
 *   participants who were removed since it was made
 */

const NAME = "sealed";
const VERSION = "1";
const SECRET_BYTES = 32;
const CHECK_BYTES = 8;
export const MOST_GENERATIONS = 1_000_000;

/** @param {number} generation @returns {LinkKey} */
export const makeLinkKey = (generation) => ({ generation, secret: crypto.getRandomValues(new Uint8Array(SECRET_BYTES)) });

/** What stands behind the # of the link, without it. @param {LinkKey} key */
export const fragmentOf = ({ generation, secret }) => `${NAME}=${VERSION}.${generation}.${base64url(secret)}`;

/**
 * What the fragment of an address holds for us, and what of it is somebody else's.
 * @param {string} hash with its #
 * @returns {{key: LinkKey | null, rest: string, found: boolean}} `found` without a key: one that was cut or mistyped
 */
export function takeLinkKey(hash) {
  const parts = hash.replace(/^#/, "").split("&");
  const own = parts.find((part) => part.startsWith(`${NAME}=`));
  const rest = parts.filter((part) => part && part !== own).join("&");
  return { key: own ? readLinkKey(own.slice(NAME.length + 1)) : null, rest: rest ? `#${rest}` : "", found: own !== undefined };
}

/**
 * @param {unknown} text as in a fragment, behind its name
 * @returns {LinkKey | null}
 */
export function readLinkKey(text) {
  const [, generation, encoded] = /^1\.([1-9]\d{0,6})\.([\w-]{43})$/.exec(String(text)) ?? [];
  const secret = fromBase64url(encoded ?? null);
  if (secret?.length !== SECRET_BYTES || Number(generation) > MOST_GENERATIONS) return null;
  return { generation: Number(generation), secret };
}

/** Whether somebody is about to hand a key to the server, in words of theirs. @param {string} text */
export const holdsLinkKey = (text) => /sealed=1\.\d{1,7}\.[\w-]{43}/.test(text);

/** The key as text, for places that hold texts. @param {LinkKey} key */
export const linkKeyText = (key) => fragmentOf(key).slice(NAME.length + 1);

/**
 * Bytes that follow from a link's key and lead nowhere back.
 * @param {LinkKey} key
 * @param {string} room "" for what is the same in every room
 * @param {string} what
 * @param {number} bytes
 */
export async function derive({ secret }, room, what, bytes) {
  const key = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const info = utf8(`lintel-e2ee/1 link ${what}`);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: utf8(room), info }, key, bytes * 8));
}

/** What the portal may know: it tells a whole link from a cut one, and nothing of the key. @param {LinkKey} key */
export const checkOf = async (key) => base64url(await derive(key, "", "check", CHECK_BYTES));

/**
 * Whether a key is the one that the portal speaks of.
 * @param {LinkKey} key
 * @param {PublicLinkKey} known
 * @returns {Promise<"fits" | "replaced" | "wrong">}
 */
export async function compareLinkKey(key, { generation, check }) {
  if (key.generation < generation) return "replaced";
  return key.generation === generation && (await checkOf(key)) === check ? "fits" : "wrong";
}
