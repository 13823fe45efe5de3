// The MLS library without our rules around it, for tests of the rules.
import { utf8 } from "../../static/js/e2ee/bytes.js";
import { encodeCredential } from "../../static/js/e2ee/credential.js";
import * as mls from "../../static/js/vendor/ts-mls.js";

export const SUITE = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";
const NO_EVIDENCE = utf8(JSON.stringify({ words: [], rules: null, nos: [] }));
export const add = (keyPackage) => ({ proposalType: "add", add: { keyPackage: mls.decodeMlsMessage(keyPackage, 0)[0].keyPackage } });

/** A member who keeps none of the rules: the library without our wrapper, signing as this person. */
export class Rogue {
  static async of(person) {
    const rogue = new Rogue();
    const suite = await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName(SUITE));
    rogue.cs = { ...suite, signature: { ...suite.signature, sign: (_, bytes) => person.sign(bytes) } };
    const capabilities = { versions: ["mls10"], ciphersuites: [SUITE], extensions: [], proposals: [], credentials: ["basic"] };
    const credential = { credentialType: "basic", identity: encodeCredential(person.credential) };
    const lifetime = { notBefore: 0n, notAfter: (1n << 63n) - 1n };
    rogue.keys = await mls.generateKeyPackageWithKey(credential, capabilities, lifetime, [], { signKey: new Uint8Array(0), publicKey: person.publicKey }, rogue.cs);
    rogue.person = person;
    return rogue;
  }

  get newcomer() {
    const keyPackage = mls.encodeMlsMessage({ version: "mls10", wireformat: "mls_key_package", keyPackage: this.keys.publicPackage });
    return { participant: this.person.id, keyPackage };
  }

  async create(extensions = []) {
    this.state = await mls.createGroup(new Uint8Array(16), this.keys.publicPackage, this.keys.privatePackage, extensions, this.cs, mls.defaultClientConfig);
  }

  async join(welcome, psks = {}) {
    const { welcome: inner } = mls.decodeMlsMessage(welcome, 0)[0];
    this.state = await mls.joinGroup(inner, this.keys.publicPackage, this.keys.privatePackage, mls.makePskIndex(undefined, psks), this.cs, undefined, undefined, mls.defaultClientConfig);
  }

  async commit(extraProposals, { evidence = NO_EVIDENCE, psks = {} } = {}) {
    const pskIndex = mls.makePskIndex(this.state, psks);
    const made = await mls.createCommit({ state: this.state, cipherSuite: this.cs, pskIndex }, { extraProposals, ratchetTreeExtension: true, authenticatedData: evidence });
    this.next = made.newState;
    const welcome = made.welcome && mls.encodeMlsMessage({ version: "mls10", wireformat: "mls_welcome", welcome: made.welcome });
    return { commit: mls.encodeMlsMessage(made.commit), welcome };
  }
}
