// What encrypted meetings keep in this browser: identity keys, the keys of others that were seen before, and hosts' links.

const DATABASE = "lintel-identity";
const VERSION = 2;
const STORES = /** @type {const} */ (["keys", "pins", "links"]);

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => {
      for (const store of STORES) if (!request.result.objectStoreNames.contains(store)) request.result.createObjectStore(store);
    };
    // A page of an older release holds it open: better nothing kept than a room that waits.
    request.onblocked = () => reject(new Error("blocked"));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * One transaction. Rejects where the browser keeps nothing.
 * @template T
 * @param {typeof STORES[number]} name
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} use
 * @returns {Promise<T>}
 */
export async function inStore(name, mode, use) {
  const database = await openDatabase();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(name, mode);
      const request = use(transaction.objectStore(name));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}
