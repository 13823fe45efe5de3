// This device's identity key: it signs the leaf in the group, and other people's devices remember it. It can't be read out.
// An account keeps one per browser profile; a guest's lasts for a meeting.
import { base64url } from "./bytes.js";
import { inStore } from "./store.js";

/** A guest who comes again tomorrow is a new device: nothing should link their meetings. */
const GUEST_KEY_LASTS_MS = 24 * 3600 * 1000;

/**
 * @typedef {{keys: CryptoKeyPair, publicKey: Uint8Array<ArrayBuffer>, key: string}} Identity
 * @typedef {{keys: CryptoKeyPair, usedAt: number}} Stored
 */

/** @returns {Promise<CryptoKeyPair>} */
const makeKeys = () => /** @type {Promise<any>} */ (crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]));

/**
 * The key of this account, or of this guest in this meeting, made on first use. Where the browser keeps nothing, a key for
 * this page's life.
 * @param {{account: string | null, code: string}} of
 * @returns {Promise<Identity>}
 */
export async function loadIdentity({ account, code }) {
  const name = account ? `account ${account}` : `guest ${code}`;
  const keys = await stored(name, account ? Infinity : GUEST_KEY_LASTS_MS).catch(makeKeys);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
  return { keys, publicKey, key: base64url(publicKey) };
}

/**
 * Looks and keeps in one transaction: of two tabs that make a key at once, the first one's stays, and is both of theirs.
 * @param {string} name
 * @param {number} lastsMs
 * @returns {Promise<CryptoKeyPair>}
 */
async function stored(name, lastsMs) {
  return (await kept(name, lastsMs, null)) ?? /** @type {CryptoKeyPair} */ (await kept(name, lastsMs, await makeKeys()));
}

/**
 * @param {string} name
 * @param {number} lastsMs
 * @param {CryptoKeyPair | null} made what to keep where there is none
 */
async function kept(name, lastsMs, made) {
  let keys = /** @type {CryptoKeyPair | null} */ (null);
  await inStore("keys", "readwrite", (store) => {
    /** @type {IDBRequest<Stored | undefined>} */
    const found = store.get(name);
    found.onsuccess = () => {
      keys = found.result && Date.now() - found.result.usedAt < lastsMs ? found.result.keys : made;
      if (keys) store.put({ keys, usedAt: Date.now() }, name);
    };
    return found;
  });
  return keys;
}

/** Whether this browser has what an encrypted meeting needs. @returns {Promise<boolean>} */
export async function canEncrypt() {
  if (!("RTCRtpScriptTransform" in globalThis) && !("createEncodedStreams" in (globalThis.RTCRtpSender?.prototype ?? {}))) return false;
  try {
    await Promise.all([makeKeys(), crypto.subtle.generateKey("X25519", false, ["deriveBits"])]);
    return true;
  } catch {
    return false;
  }
}
