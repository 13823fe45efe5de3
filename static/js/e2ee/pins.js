// The keys of other people's devices that this browser has seen, and which of them were compared. The first key of an account
// is taken as it comes; every other one is news, until somebody compared it or said that they know. So is the first key of an
// account that comes with a name by which another account is known here: the server says which account somebody is of.
import { inStore } from "./store.js";

/**
 * @typedef {{key: string, firstSeen: number, comparedAt: number | null, known: boolean}} Pin
 * @typedef {{get: (place: string) => Promise<any>, put: (place: string, value: any) => Promise<unknown>}} PinStore by account its
 *   pins; by `name …` the accounts that came with it
 * @typedef {"compared" | "known" | "new" | "new_after_compared"} PinState
 */

const MOST_KEYS = 20;
const MOST_NAMESAKES = 20;

/** @type {PinStore} */
const inBrowser = {
  get: (account) => inStore("pins", "readonly", (store) => store.get(account)),
  put: (account, pins) => inStore("pins", "readwrite", (store) => store.put(pins, account)),
};

export class Pins {
  #store;
  #now;
  /** What was read or written on this page: a browser that keeps nothing still knows it until the page goes. @type {Map<string, Pin[]>} */
  #accounts = new Map();
  /** @type {Map<string, string[]>} */
  #names = new Map();

  /**
   * @param {PinStore} [store]
   * @param {() => number} [now]
   */
  constructor(store = inBrowser, now = Date.now) {
    this.#store = store;
    this.#now = now;
  }

  /**
   * Notes that this account showed this key here.
   * @param {string} account
   * @param {string} key
   * @param {string} [name] that it came with
   * @returns {Promise<PinState>}
   */
  async see(account, key, name = "") {
    const pins = await this.#of(account);
    const isNamesake = name !== "" && (await this.#isNamesake(account, name));
    if (!pins.some((pin) => pin.key === key)) {
      pins.push({ key, firstSeen: this.#now(), comparedAt: null, known: pins.length === 0 && !isNamesake });
      await this.#keep(account, pins.slice(-MOST_KEYS));
    }
    return this.state(account, key);
  }

  /**
   * Whether this name is news for the account, and another one's here already.
   * @param {string} account
   * @param {string} name
   */
  async #isNamesake(account, name) {
    const place = `name ${name.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "")}`;
    /** @type {string[]} */
    const accounts = this.#names.get(place) ?? (await this.#store.get(place).catch(() => undefined)) ?? [];
    if (accounts.includes(account)) return false;
    const all = [...accounts, account].slice(-MOST_NAMESAKES);
    this.#names.set(place, all);
    await this.#store.put(place, all).catch(() => undefined);
    return accounts.length > 0;
  }

  /**
   * What is known of a key that was seen.
   * @param {string} account
   * @param {string} key
   * @returns {PinState}
   */
  state(account, key) {
    const pins = this.#accounts.get(account) ?? [];
    const pin = pins.find((one) => one.key === key);
    if (pin?.comparedAt) return "compared";
    if (pin?.known || !pins.length) return "known";
    return pins.some(({ comparedAt }) => comparedAt) ? "new_after_compared" : "new";
  }

  /**
   * Somebody compared a code that this key is part of.
   * @param {string} account
   * @param {string} key
   */
  async compare(account, key) {
    await this.#change(account, key, { comparedAt: this.#now(), known: true });
  }

  /**
   * Somebody knows that this account has a new device.
   * @param {string} account
   * @param {string} key
   */
  async accept(account, key) {
    await this.#change(account, key, { known: true });
  }

  /**
   * @param {string} account
   * @param {string} key
   * @param {Partial<Pin>} change
   */
  async #change(account, key, change) {
    await this.see(account, key);
    await this.#keep(account, (await this.#of(account)).map((pin) => (pin.key === key ? { ...pin, ...change } : pin)));
  }

  /** @param {string} account @returns {Promise<Pin[]>} */
  async #of(account) {
    /** @type {Pin[]} */
    const held = this.#accounts.get(account) ?? (await this.#store.get(account).catch(() => undefined)) ?? [];
    this.#accounts.set(account, held);
    return held;
  }

  /**
   * @param {string} account
   * @param {Pin[]} pins
   */
  async #keep(account, pins) {
    this.#accounts.set(account, pins);
    await this.#store.put(account, pins).catch(() => undefined);
  }
}
