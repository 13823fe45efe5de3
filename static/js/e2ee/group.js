// One device's membership in the group of a meeting: MLS (RFC 9420) behind the rules that make it ours. Nothing else imports
// the library. docs/encryption.md section 5 states the rules; their numbers stand beside the lines that keep them.
//
// A state is a value: what is refused leaves the old one, and whoever refused must come again as a new leaf. States are never
// stored, so none comes back from the past. Runs in a worker of its own; one operation at a time (P9).
import {
  createApplicationMessage, createCommit, createGroup, decodeMlsMessage, defaultClientConfig, encodeMlsMessage,
  generateKeyPackageWithKey, getCiphersuiteFromName, getCiphersuiteImpl, joinGroup, makeKeyPackageRef, mlsExporter, processPrivateMessage,
  unprotectPrivateMessage, zeroOutUint8Array,
} from "../vendor/ts-mls.js";
import { base64url, fromUtf8, sameBytes, utf8 } from "./bytes.js";
import { decodeCredential, encodeCredential, isAttested } from "./credential.js";
import { ShownKeys } from "./link_keys.js";
import { evidenceOf, isPermitted } from "./proposals.js";
import { differenceOf, GroupError, leavesOf, membersOf } from "./tree.js";

/**
 * @typedef {import("../vendor/ts-mls.js").ClientState} State
 * @typedef {import("./tree.js").Member} Member
 * @typedef {{participant: string, keyPackage: Uint8Array}} Newcomer
 * @typedef {{epoch: number, members: Member[], added: Member[], removed: Member[], by: Member, own: boolean, out: boolean}} Step
 *   what one commit did; `out` when this device is no longer in, and then `members` is empty
 * @typedef {{epoch: number, commit: Uint8Array, welcome: Uint8Array | null, add: string[], remove: string[], declined: string[]}} Staged
 * @typedef {{from: Member, epoch: number, kind: string, content: Uint8Array}} Opened
 */

const SUITE = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";
const CAPABILITIES = { versions: ["mls10"], ciphersuites: [SUITE], extensions: [], proposals: [], credentials: ["basic"] };
/** A KeyPackage is used within seconds and then forgotten; nobody's clock should keep anybody out. */
const ALWAYS = { notBefore: 0n, notAfter: (1n << 63n) - 1n };
const MOST_MEMBERS = 100;
const PSK_NONCE_BYTES = 32;
/** RFC 9605 section 5.2. */
const MEDIA_LABEL = "SFrame 1.0 Base Key";
const MEDIA_KEY_BYTES = 16;

export class Group {
  #cs;
  #config;
  #here;
  #credential;
  #publicKey;
  #backing;
  /** @type {State | null} */
  #state = null;
  /**
   * What this device has committed and the order of things has not confirmed.
   * @type {{commit: Uint8Array, state: State, step: Step, consumed: Uint8Array[]} | null}
   */
  #staged = null;
  /** @type {{publicPackage: import("../vendor/ts-mls.js").KeyPackage, privatePackage: import("../vendor/ts-mls.js").PrivateKeyPackage} | null} */
  #package = null;
  /** Of a sealed meeting: the oldest key of the link with which people are added from now on. */
  #generation = 0;
  /** The newest that was known when this epoch began. */
  #known = 0;
  #turn = Promise.resolve();

  /**
   * @param {{
   *   here: import("./credential.js").Here,
   *   identity: {credential: import("./credential.js").Credential, publicKey: Uint8Array, sign: (bytes: Uint8Array) => Promise<Uint8Array>},
   *   backing: import("./backing.js").Backing,
   * }} parts `sign` with a key that never leaves its holder
   */
  static async make({ here, identity, backing }) {
    const suite = await getCiphersuiteImpl(getCiphersuiteFromName(SUITE));
    // The library asks for key bytes to sign with. There are none: the device's key signs, whatever it is given.
    const cs = { ...suite, signature: { ...suite.signature, sign: (/** @type {Uint8Array} */ _, /** @type {Uint8Array} */ bytes) => identity.sign(bytes) } };
    return new Group(cs, { here, identity, backing });
  }

  /**
   * @param {import("../vendor/ts-mls.js").CiphersuiteImpl} cs
   * @param {Parameters<typeof Group.make>[0]} parts
   */
  constructor(cs, { here, identity, backing }) {
    this.#cs = cs;
    this.#here = here;
    this.#backing = backing;
    this.#credential = { credentialType: "basic", identity: encodeCredential(identity.credential) };
    this.#publicKey = identity.publicKey;
    this.#config = {
      ...defaultClientConfig,
      authService: {
        // P4: every leaf, of newcomers and of the tree one joins, is of this room and attested.
        validateCredential: async (/** @type {{credentialType: string, identity: Uint8Array}} */ credential, /** @type {Uint8Array} */ key) => {
          const who = credential.credentialType === "basic" ? decodeCredential(credential.identity) : null;
          return who !== null && (await isAttested(who, base64url(key), here));
        },
      },
    };
  }

  /** The current epoch, or -1 outside of any group. */
  get epoch() {
    return this.#state ? Number(this.#state.groupContext.epoch) : -1;
  }

  /** @returns {Uint8Array | null} */
  get id() {
    return this.#state?.groupContext.groupId ?? null;
  }

  /** @returns {number} this device's own leaf */
  get leaf() {
    return this.#active().privatePath.leafIndex;
  }

  get members() {
    return membersOf(this.#active().ratchetTree);
  }

  /** Same for everybody who sees the same group, and for nobody else (RFC 9420 section 8.7). */
  get authenticator() {
    return this.#active().keySchedule.epochAuthenticator;
  }

  /**
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  #alone(work) {
    const turn = this.#turn.then(work);
    this.#turn = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  #active() {
    if (this.#state?.groupActiveState.kind !== "active") throw new GroupError("no_group");
    return this.#state;
  }

  /** Out of the group, as if there had been none. */
  forget() {
    return this.#alone(async () => {
      this.#state = this.#staged = this.#package = null;
    });
  }

  /** A fresh KeyPackage. Only the Welcome for the newest one is answered. @returns {Promise<Uint8Array>} */
  keyPackage() {
    return this.#alone(async () => {
      this.#package = await this.#makePackage();
      return encodeMlsMessage({ version: "mls10", wireformat: "mls_key_package", keyPackage: this.#package.publicPackage });
    });
  }

  async #makePackage() {
    // The link may have got another key since this device came in: whoever comes again comes by the newest.
    if (this.#link) this.#credential.identity = encodeCredential(await this.#link.seal(this.#own, base64url(this.#publicKey)));
    const keys = { signKey: new Uint8Array(0), publicKey: this.#publicKey };
    return generateKeyPackageWithKey(this.#credential, CAPABILITIES, ALWAYS, [], keys, this.#cs);
  }

  /**
   * Begins a group with this device alone in it.
   * @param {Uint8Array} id 16 random bytes
   */
  create(id) {
    return this.#alone(async () => {
      const { publicPackage, privatePackage } = await this.#makePackage();
      this.#state = await createGroup(id, publicPackage, privatePackage, [], this.#cs, this.#config);
      this.#staged = this.#package = null;
      this.#generation = this.#known = this.#newest;
    });
  }

  /**
   * Enters the group that a Welcome opens.
   * @param {Uint8Array} welcome
   */
  join(welcome) {
    return this.#alone(async () => {
      const message = read(welcome);
      const own = this.#package;
      if (message.wireformat !== "mls_welcome" || !own) throw new GroupError("welcome");
      this.#package = null; // used once, whatever comes of it
      const shown = new ShownKeys(this.#link);
      // P3, P5: whoever opens a sealed group for this very KeyPackage has the complete link, or it isn't the group that the link is for.
      const code = this.#link && (await this.#isFor(message.welcome, own.publicPackage)) ? "link_key" : "welcome";
      const state = await refusing(code, () => joinGroup(message.welcome, own.publicPackage, own.privatePackage, shown, this.#cs, undefined, undefined, this.#config));
      // With the key that its own leaf shows, and none of before: whoever was removed still has those.
      if (this.#link && shown.generations.join() !== String(this.#own.link?.generation)) throw new GroupError("link_key");
      // P5: nothing of the group's context that we don't know, and the leaf that is said to be ours is ours.
      if (state.groupContext.cipherSuite !== SUITE || state.groupContext.extensions.length) throw new GroupError("context");
      const members = membersOf(state.ratchetTree);
      if (members.length > MOST_MEMBERS) throw new GroupError("too_many");
      const leaf = leavesOf(state.ratchetTree).get(state.privatePath.leafIndex);
      if (!leaf || !sameBytes(leaf.credential.identity, this.#credential.identity) || !sameBytes(leaf.signaturePublicKey, this.#publicKey)) {
        throw new GroupError("not_me");
      }
      this.#state = state;
      this.#staged = null;
      this.#generation = shown.generations[0] ?? 0;
      this.#known = this.#newest;
      return { epoch: Number(state.groupContext.epoch), members };
    });
  }

  /**
   * @param {{secrets: {newMember: Uint8Array}[]}} welcome
   * @param {import("../vendor/ts-mls.js").KeyPackage} keyPackage
   */
  async #isFor({ secrets }, keyPackage) {
    const own = await makeKeyPackageRef(keyPackage, this.#cs.hash);
    return secrets.some(({ newMember }) => sameBytes(newMember, own));
  }

  /**
   * Prepares a commit. It holds from the moment at which it comes back in order (P7): until then the group is as it was.
   * People for whom nothing speaks are left out and named in `declined`; with nothing left to do the result is null.
   * @param {{add: Newcomer[], remove: string[], refresh?: boolean}} work `refresh` commits fresh keys of this device's own
   * @returns {Promise<Staged | {declined: string[], commit: null}>}
   */
  stage({ add, remove, refresh = false }) {
    return this.#alone(async () => {
      const state = this.#active();
      const present = membersOf(state.ratchetTree);
      const known = new Map(present.map((member) => [member.who.participant, member]));
      /** @type {string[]} */
      const declined = [];
      const candidates = [];
      for (const { participant, keyPackage } of add) {
        const candidate = await this.#candidate(keyPackage).catch(() => null);
        const before = known.get(participant);
        // With the newest link only: all of them are added with one key.
        const speaksFor = candidate && (candidate.who.link?.generation ?? 0) === this.#newest && this.#speaksFor(candidate, before);
        if (!candidate || candidate.who.participant !== participant || !speaksFor) declined.push(participant);
        else candidates.push(candidate);
      }
      const adding = new Set(candidates.map(({ who }) => who.participant));
      const going = new Set([...remove, ...adding]);
      const removed = present.filter(({ leaf, who }) => going.has(who.participant) && leaf !== state.privatePath.leafIndex);
      if (adding.has(this.#own.participant) || present.length - removed.length + candidates.length > MOST_MEMBERS) throw new GroupError("work");
      if (!candidates.length && !removed.length && !refresh) return { declined, commit: null };
      const evidence = this.#backing.evidence(candidates);
      const made = await createCommit(
        { state, cipherSuite: this.#cs, pskIndex: new ShownKeys(this.#link) },
        {
          ratchetTreeExtension: true,
          authenticatedData: utf8(JSON.stringify(evidence)),
          extraProposals: [
            ...removed.map(({ leaf }) => ({ proposalType: "remove", remove: { removed: leaf } })),
            ...candidates.map(({ keyPackage }) => ({ proposalType: "add", add: { keyPackage } })),
            ...(candidates.length ? this.#shownKey() : []),
          ],
        },
      );
      const members = membersOf(made.newState.ratchetTree);
      const commit = encodeMlsMessage(made.commit);
      const welcome = made.welcome ? encodeMlsMessage({ version: "mls10", wireformat: "mls_welcome", welcome: made.welcome }) : null;
      const by = /** @type {Member} */ (members.find(({ leaf }) => leaf === state.privatePath.leafIndex));
      const added = members.filter(({ who }) => adding.has(who.participant));
      const epoch = Number(made.newState.groupContext.epoch);
      const step = { epoch, members, added, removed, by, own: true, out: false };
      this.#staged = { commit, state: made.newState, step, consumed: made.consumed };
      return {
        epoch: epoch - 1, commit, welcome, declined,
        add: [...adding], remove: removed.map(({ who }) => who.participant).filter((participant) => !adding.has(participant)),
      };
    });
  }

  /** P3: what every commit shows that adds somebody. */
  #shownKey() {
    if (!this.#link) return [];
    const pskNonce = crypto.getRandomValues(new Uint8Array(PSK_NONCE_BYTES));
    return [{ proposalType: "psk", psk: { preSharedKeyId: { psktype: "external", pskId: this.#link.pskId(this.#newest), pskNonce } } }];
  }

  get #link() {
    return this.#here.link ?? null;
  }

  get #newest() {
    return this.#link?.newest.generation ?? 0;
  }

  /**
   * A new key is taken from the moment at which it is known, and the old one until the end of that epoch: whoever committed
   * just before could not have known it.
   */
  #nextEpoch() {
    this.#generation = Math.max(this.#generation, this.#known);
    this.#known = this.#newest;
  }

  get #own() {
    return /** @type {import("./credential.js").Credential} */ (decodeCredential(this.#credential.identity));
  }

  /**
   * Whoever takes their own old leaf's place is the same device as before; for everybody else something must speak.
   * @param {import("./backing.js").Candidate} candidate
   * @param {Member | undefined} before
   */
  #speaksFor(candidate, before) {
    if (this.#link && (candidate.who.link?.generation ?? 0) < this.#generation) return false;
    return before?.key === candidate.key ? !this.#backing.forbids(candidate) : this.#backing.backs(candidate);
  }

  /** @param {Uint8Array} bytes */
  async #candidate(bytes) {
    const message = read(bytes);
    if (message.wireformat !== "mls_key_package") throw new GroupError("key_package");
    const { keyPackage } = message;
    const { credential, signaturePublicKey } = keyPackage.leafNode;
    const who = decodeCredential(credential.identity);
    const key = base64url(signaturePublicKey);
    if (!who || !(await isAttested(who, key, this.#here))) throw new GroupError("credential");
    return { who, key, keyPackage };
  }

  /**
   * Takes the commit that comes next in order, this device's own or another's. Throws GroupError for one that breaks a rule;
   * the group is then as before, and can't be followed any further (P8).
   * @param {Uint8Array} commit
   * @returns {Promise<Step>}
   */
  take(commit) {
    return this.#alone(async () => {
      const state = this.#active();
      if (this.#staged && sameBytes(this.#staged.commit, commit)) return this.#adopt(state, this.#staged);
      const message = read(commit);
      if (message.wireformat !== "mls_private_message" || message.privateMessage.contentType !== "commit") throw new GroupError("commit");
      const { privateMessage } = message;
      if (!sameBytes(privateMessage.groupId, state.groupContext.groupId)) throw new GroupError("group");
      if (privateMessage.epoch !== state.groupContext.epoch) throw new GroupError("epoch");
      /** @type {import("../vendor/ts-mls.js").IncomingCommit | null} */
      let seen = null;
      // P1: processPrivateMessage, because processMessage would lose the PSKs of a private message.
      const result = await refusing("commit", () =>
        processPrivateMessage(state, privateMessage, new ShownKeys(this.#link), this.#cs, (incoming) => {
          seen = incoming;
          return isPermitted(incoming, this.#link, this.#generation) ? "accept" : "reject";
        }),
      );
      if (result.actionTaken !== "accept" || !seen) throw new GroupError("proposals");
      const step = await this.#judge(state, result.newState, seen, privateMessage.authenticatedData);
      this.#state = result.newState;
      this.#staged = null;
      this.#nextEpoch();
      result.consumed.forEach(zeroOutUint8Array);
      return step;
    });
  }

  /**
   * @param {State} state
   * @param {{state: State, step: Step, consumed: Uint8Array[]}} staged
   */
  #adopt(state, { state: next, step, consumed }) {
    // Messages of the old epoch that came after staging were taken out of the old state's ratchets: without this they could be taken again.
    const epoch = state.groupContext.epoch;
    const data = next.historicalReceiverData.get(epoch);
    const kept = new Map(next.historicalReceiverData);
    for (const [old, was] of state.historicalReceiverData) if (kept.has(old)) kept.set(old, was);
    if (data) kept.set(epoch, { ...data, secretTree: state.secretTree });
    this.#state = { ...next, historicalReceiverData: kept };
    this.#staged = null;
    this.#nextEpoch();
    consumed.forEach(zeroOutUint8Array);
    return step;
  }

  /**
   * P6, and who may add whom.
   * @param {State} before
   * @param {State} after
   * @param {import("../vendor/ts-mls.js").IncomingCommit} incoming
   * @param {Uint8Array} beside
   * @returns {Promise<Step>}
   */
  async #judge(before, after, incoming, beside) {
    const proposals = incoming.proposals.map(({ proposal }) => proposal);
    const added = proposals.flatMap(({ add }) => (add ? [add.keyPackage.leafNode] : []));
    const removed = proposals.flatMap(({ remove }) => (remove ? [remove.removed] : []));
    const by = membersOf(before.ratchetTree).find(({ leaf }) => leaf === incoming.senderLeafIndex);
    if (!by) throw new GroupError("sender");
    const epoch = Number(before.groupContext.epoch) + 1;
    if (removed.includes(before.privatePath.leafIndex)) return { epoch, members: [], added: [], removed: [], by, own: false, out: true };
    const difference = differenceOf(before.ratchetTree, after.ratchetTree, { added, removed });
    const members = membersOf(after.ratchetTree);
    if (members.length > MOST_MEMBERS) throw new GroupError("too_many");
    await this.#backing.learn(evidenceOf(beside));
    for (const { who, key } of difference.added) {
      const before = difference.removed.find((old) => old.who.participant === who.participant);
      if (!this.#speaksFor({ who, key }, before)) throw new GroupError("not_backed");
    }
    return { epoch, members, ...difference, by, own: false, out: false };
  }

  /**
   * The base key of this epoch's media. @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  mediaKey() {
    return this.#alone(() => mlsExporter(this.#active().keySchedule.exporterSecret, MEDIA_LABEL, new Uint8Array(0), MEDIA_KEY_BYTES, this.#cs));
  }

  /**
   * Seals a message to everybody in the group. `kind` stays readable beside it, and is authenticated.
   * @param {string} kind
   * @param {Uint8Array} content
   */
  seal(kind, content) {
    return this.#alone(async () => {
      const made = await createApplicationMessage(this.#active(), content, this.#cs, utf8(kind));
      this.#state = made.newState;
      made.consumed.forEach(zeroOutUint8Array);
      const message = encodeMlsMessage({ version: "mls10", wireformat: "mls_private_message", privateMessage: made.privateMessage });
      return { epoch: Number(made.privateMessage.epoch), message };
    });
  }

  /**
   * Opens a message of this epoch or one of the last few, once. Throws GroupError.
   * @param {Uint8Array} sealed
   * @returns {Promise<Opened>}
   */
  open(sealed) {
    return this.#alone(async () => {
      const state = this.#active();
      const message = read(sealed);
      if (message.wireformat !== "mls_private_message" || message.privateMessage.contentType !== "application") throw new GroupError("message");
      const { privateMessage } = message;
      const epoch = privateMessage.epoch;
      if (!sameBytes(privateMessage.groupId, state.groupContext.groupId)) throw new GroupError("group");
      const old = state.historicalReceiverData.get(epoch);
      const data = epoch === state.groupContext.epoch ? { ...state, senderDataSecret: state.keySchedule.senderDataSecret } : old;
      if (!data) throw new GroupError("epoch");
      const { keyRetentionConfig } = state.clientConfig;
      const { tree, content, consumed } = await refusing("message", () =>
        unprotectPrivateMessage(data.senderDataSecret, privateMessage, data.secretTree, data.ratchetTree, data.groupContext, keyRetentionConfig, this.#cs),
      );
      this.#state = old
        ? { ...state, historicalReceiverData: new Map(state.historicalReceiverData).set(epoch, { ...old, secretTree: tree }) }
        : { ...state, secretTree: tree };
      consumed.forEach(zeroOutUint8Array);
      const { contentType, sender, authenticatedData, applicationData } = content.content;
      const from = sender.senderType === "member" ? membersOf(data.ratchetTree).find(({ leaf }) => leaf === sender.leafIndex) : undefined;
      if (contentType !== "application" || !applicationData || !from) throw new GroupError("message");
      // An old epoch still opens for a while, and whoever is gone had its keys.
      if (!membersOf(state.ratchetTree).some(({ who, key }) => who.participant === from.who.participant && key === from.key)) throw new GroupError("gone");
      return { from, epoch: Number(epoch), kind: fromUtf8(authenticatedData) ?? "", content: applicationData };
    });
  }
}

/** @param {Uint8Array} bytes */
function read(bytes) {
  let decoded;
  try {
    decoded = decodeMlsMessage(bytes, 0);
  } catch {
    decoded = undefined;
  }
  if (!decoded || decoded[1] !== bytes.length) throw new GroupError("message");
  return decoded[0];
}

/**
 * @template T
 * @param {string} code
 * @param {() => Promise<T>} work of the library, whose errors are many and mean one thing to us
 */
async function refusing(code, work) {
  try {
    return await work();
  } catch (error) {
    throw error instanceof GroupError ? error : new GroupError(code);
  }
}
