// This device's identity key: it signs the leaf in the group, and other people's devices remember it. It can't be read out.
// An account keeps one per browser profile. A guest's is of one seat, so of one occurrence, and goes with it.
import { base64url } from "./bytes.js";
import { inStore } from "./store.js";

/** A guest whose page never heard how the meeting ended leaves a key behind: nobody comes back for it after so long. */
const GUEST_KEY_LASTS_MS = 24 * 3600 * 1000;
const GUEST = "guest ";

/**
 * @typedef {{account: string | null, participant: string | null}} Holder by their ids; a guest is known by the seat alone
 * @typedef {{keys: CryptoKeyPair, publicKey: Uint8Array<ArrayBuffer>, key: string}} Identity
 * @typedef {{keys: CryptoKeyPair, usedAt: number}} Stored
 */

/** @returns {Promise<CryptoKeyPair>} */
const makeKeys = () => /** @type {Promise<any>} */ (crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]));

/** Of a browser that keeps nothing: keys for this page's life. @type {Map<string, Promise<CryptoKeyPair>>} */
const unkept = new Map();

/** @param {Holder} holder */
const nameOf = ({ account, participant }) => (account ? `account ${account}` : `${GUEST}${participant}`);

/**
 * The key of this account, or of this guest, made on first use.
 * @param {Holder} holder
 * @returns {Promise<Identity>}
 */
export async function loadIdentity(holder) {
  const name = nameOf(holder);
  const keys = await stored(name).catch(() => {
    const made = unkept.get(name) ?? makeKeys();
    unkept.set(name, made);
    return made;
  });
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
  return { keys, publicKey, key: base64url(publicKey) };
}

/**
 * The meeting is over for this seat: a guest's key is of no more use here. An account's stays, or its next meeting would
 * tell everybody of a new device.
 * @param {Holder} holder
 */
export async function forgetIdentity(holder) {
  if (holder.account) return;
  unkept.delete(nameOf(holder));
  await inStore("keys", "readwrite", (store) => store.delete(nameOf(holder))).catch(() => undefined);
}

/** Keys of guests that were left behind in this browser, in whichever meeting. Every page of a door looks for them. */
export async function forgetOldGuests() {
  await inStore("keys", "readwrite", (store) => {
    const looking = store.openCursor(IDBKeyRange.bound(GUEST, `${GUEST}\uffff`));
    looking.onsuccess = () => {
      const found = looking.result;
      if (!found) return;
      if (isOld(found.value)) found.delete();
      found.continue();
    };
    return looking;
  }).catch(() => undefined);
}

/** @param {Stored} stored */
const isOld = ({ usedAt }) => Date.now() - usedAt >= GUEST_KEY_LASTS_MS;

/**
 * Looks and keeps in one transaction: of two tabs that make a key at once, the first one's stays, and is both of theirs.
 * @param {string} name
 * @returns {Promise<CryptoKeyPair>}
 */
async function stored(name) {
  return (await kept(name, null)) ?? /** @type {CryptoKeyPair} */ (await kept(name, await makeKeys()));
}

/**
 * @param {string} name
 * @param {CryptoKeyPair | null} made what to keep where there is none
 */
async function kept(name, made) {
  let keys = /** @type {CryptoKeyPair | null} */ (null);
  await inStore("keys", "readwrite", (store) => {
    /** @type {IDBRequest<Stored | undefined>} */
    const found = store.get(name);
    found.onsuccess = () => {
      keys = found.result?.keys ?? made;
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
