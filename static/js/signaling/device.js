// This browser profile's key. It cannot be read out, only used: a copied link or cookie is worth nothing without it.

const DATABASE = "lintel";
const STORE = "keys";
const NAME = "device";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };

/** @param {ArrayBuffer | Uint8Array} bytes */
export function base64url(bytes) {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @template T
 * @param {IDBDatabase} database
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} use
 * @returns {Promise<T>}
 */
function inStore(database, mode, use) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode);
    const request = use(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
    transaction.onerror = () => reject(transaction.error);
  });
}

/** @returns {Promise<CryptoKeyPair>} */
const makePair = () => crypto.subtle.generateKey(ALGORITHM, false, ["sign"]);

/**
 * The stored key, made on first use. Where the browser keeps nothing (some private windows), a key for this page's life.
 * @returns {Promise<CryptoKeyPair>}
 */
async function loadPair() {
  try {
    const database = await openDatabase();
    try {
      const stored = await inStore(database, "readonly", (store) => store.get(NAME));
      if (stored) return stored;
      const made = await makePair();
      // add, not put: of two tabs that make a key at once, the first one's stays.
      await inStore(database, "readwrite", (store) => store.add(made, NAME)).catch(() => undefined);
      return (await inStore(database, "readonly", (store) => store.get(NAME))) ?? made;
    } finally {
      database.close();
    }
  } catch {
    return makePair();
  }
}

/**
 * @typedef {{device: {kty: string, crv: string, x: string, y: string}, proof: {at: number, nonce: string, signature: string}}} DeviceProof
 */

export class Device {
  /** @type {Promise<CryptoKeyPair> | null} */
  #pair = null;

  /** Whether this browser was at a door before: asking makes no key. */
  async isKnown() {
    try {
      const database = await openDatabase();
      try {
        return Boolean(await inStore(database, "readonly", (store) => store.get(NAME)));
      } finally {
        database.close();
      }
    } catch {
      return false;
    }
  }

  /**
   * Signs that this device arrives at this meeting now (protocol section 1.1).
   * @param {string} code the meeting's
   * @returns {Promise<DeviceProof>}
   */
  async prove(code) {
    this.#pair ??= loadPair();
    const { publicKey, privateKey } = await this.#pair;
    const jwk = await crypto.subtle.exportKey("jwk", publicKey);
    const at = Math.floor(Date.now() / 1000);
    const nonce = base64url(crypto.getRandomValues(new Uint8Array(18)));
    const text = new TextEncoder().encode(`lintel-arrive-1\n${code}\n${at}\n${nonce}`);
    const signature = base64url(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, text));
    return {
      device: { kty: "EC", crv: "P-256", x: String(jwk.x), y: String(jwk.y) },
      proof: { at, nonce, signature },
    };
  }
}
