// A portal that attests, and people with devices of their own, for tests of the group.
import { Backing } from "../../static/js/e2ee/backing.js";
import { base64url } from "../../static/js/e2ee/bytes.js";
import { encodeCredential } from "../../static/js/e2ee/credential.js";
import { Group } from "../../static/js/e2ee/group.js";
import { LinkKeys } from "../../static/js/e2ee/link_keys.js";
import { attestation, no, rules, word } from "../../static/js/e2ee/statements.js";

const makeKeys = () => crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
const signer = ({ privateKey }) => async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, bytes));
const publicKeyOf = async ({ publicKey }) => new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));

export const DOOR = { listed: "walks_in", colleagues: "walks_in", guests: "knocks", anyone: "turned_away" };

export class Portal {
  static async make(room = "room-1") {
    const portal = new Portal();
    const keys = await makeKeys();
    portal.sign = signer(keys);
    portal.here = { room, portalKey: base64url(await publicKeyOf(keys)) };
    portal.count = 0;
    return portal;
  }

  async attest(who, key) {
    return { ...who, attestation: base64url(await this.sign(attestation(who, key))) };
  }

  /** Somebody with a device, attested as the portal knows them; with a `link`, they came by that complete link. */
  async person(row = "listed", { participant, name, account, keys, now, key, link = null } = {}) {
    const number = ++this.count;
    const pair = keys ?? (await makeKeys());
    const publicKey = await publicKeyOf(pair);
    const who = {
      room: this.here.room, participant: participant ?? `p${number}`, row, name: name ?? `Person ${number}`,
      account: account === undefined ? (["guest", "anyone"].includes(row) ? null : `u${number}`) : account,
    };
    const person = new Person();
    person.link = link && (await LinkKeys.make(this.here.room, link));
    Object.assign(person, { here: { ...this.here, link: person.link }, keys: pair, publicKey, key: base64url(publicKey), sign: signer(pair) });
    const attested = await this.attest(who, key ?? person.key);
    person.credential = person.link ? await person.link.seal(attested, person.key) : attested;
    person.backing = new Backing(person.here, now);
    await person.restart();
    return person;
  }
}

export class Person {
  get id() {
    return this.credential.participant;
  }

  get member() {
    return { who: this.credential, key: this.key };
  }

  /** A new page of the same person on the same device. */
  async restart() {
    this.group = await Group.make({ here: this.here, identity: this, backing: this.backing });
    return this;
  }

  async newcomer() {
    return { participant: this.id, keyPackage: await this.group.keyPackage() };
  }

  async #signed(text) {
    return { credential: base64url(encodeCredential(this.credential)), key: this.key, signature: base64url(await this.sign(text)) };
  }

  async word(person, { at = Math.floor(Date.now() / 1000), until = at + 3600 } = {}) {
    const given = { participant: person.id, key: person.key, at, until };
    return { ...given, by: await this.#signed(word({ room: this.here.room, ...given })) };
  }

  async no(person, at = Math.floor(Date.now() / 1000)) {
    const said = { participant: person.id, at };
    return { ...said, by: await this.#signed(no({ room: this.here.room, ...said })) };
  }

  async rules(number, door = DOOR) {
    return { number, door, by: await this.#signed(rules({ room: this.here.room, number, door })) };
  }
}

/** One group with these people, in order; the first begins it. */
export async function meeting(portal, people) {
  const [first, ...others] = people;
  await first.group.create(crypto.getRandomValues(new Uint8Array(16)));
  for (const [index, person] of others.entries()) await admit(first, [person], others.slice(0, index));
  return people;
}

/** `by` adds and removes; everybody in `members` follows; newcomers join. */
export async function admit(by, newcomers, members, remove = []) {
  const staged = await by.group.stage({ add: await Promise.all(newcomers.map((person) => person.newcomer())), remove });
  const steps = await Promise.all([by, ...members].map((person) => person.group.take(staged.commit)));
  if (staged.welcome) await Promise.all(newcomers.map((person) => person.group.join(staged.welcome)));
  return { staged, steps };
}
