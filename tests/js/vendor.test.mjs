// The vendored MLS library: it is the file that was reviewed, and it does what RFC 9420 says.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";

import * as mls from "../../static/js/vendor/ts-mls.js";
import { chance, hex, unhex } from "./support.mjs";

const SUITE = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";
const cs = await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName(SUITE));
const vectors = JSON.parse(gunzipSync(readFileSync(new URL("../vectors/mls-passive-client.json.gz", import.meta.url))));

test("the files are the recorded ones, and import nothing", () => {
  for (const name of ["ts-mls", "uqr"]) {
    const file = readFileSync(new URL(`../../static/js/vendor/${name}.js`, import.meta.url));
    const recorded = readFileSync(new URL(`../../static/js/vendor/build/${name}.sha256`, import.meta.url), "utf8");
    assert.equal(`${createHash("sha256").update(file).digest("hex")}  ${name}.js\n`, recorded);
    assert.doesNotMatch(file.toString(), /\bimport\s*\(|\bimport\s*[{*"']|\bfrom\s*["']|\beval\s*\(|\bnew Function\b/);
  }
});

/** The long run takes half a minute: its beginning every time, the whole of it in `./run test --all`. */
const most = process.env.LINTEL_WHOLE_VECTORS ? Infinity : 30;

/** Follows a group as somebody who only listens (mlswg/mls-implementations, test-vectors.md). */
async function follow({ external_psks, key_package, signature_priv, encryption_priv, init_priv, welcome, ratchet_tree, initial_epoch_authenticator, epochs }) {
  const read = (bytes) => mls.decodeMlsMessage(unhex(bytes), 0)[0];
  const keys = { signaturePrivateKey: unhex(signature_priv), hpkePrivateKey: unhex(encryption_priv), initPrivateKey: unhex(init_priv) };
  const psks = Object.fromEntries(external_psks.map(({ psk_id, psk }) => [Buffer.from(psk_id, "hex").toString("base64"), unhex(psk)]));
  const tree = ratchet_tree ? mls.decodeRatchetTree(unhex(ratchet_tree), 0)[0] : undefined;
  const { keyPackage } = read(key_package);
  let state = await mls.joinGroup(read(welcome).welcome, keyPackage, keys, mls.makePskIndex(undefined, psks), cs, tree, undefined, mls.defaultClientConfig);
  assert.equal(hex(state.keySchedule.epochAuthenticator), initial_epoch_authenticator);
  for (const { proposals, commit, epoch_authenticator } of epochs.slice(0, most)) {
    for (const message of [...proposals, commit]) {
      const decoded = read(message);
      const index = mls.makePskIndex(state, psks);
      const accept = () => "accept";
      const result = decoded.privateMessage
        ? await mls.processPrivateMessage(state, decoded.privateMessage, index, cs, accept)
        : await mls.processMessage(decoded, state, index, accept, cs);
      state = result.newState;
    }
    assert.equal(hex(state.keySchedule.epochAuthenticator), epoch_authenticator);
  }
}

for (const [name, count, epochs] of [["welcome", 8, 0], ["handling-commit", 13, 26], ["random", 1, 200]]) {
  test(`the working group's passive-client vectors, ${name}: ${count} groups, ${epochs} epochs`, async () => {
    assert.equal(vectors[name].length, count);
    assert.equal(vectors[name].reduce((sum, vector) => sum + vector.epochs.length, 0), epochs);
    for (const vector of vectors[name]) await follow(vector);
  });
}

test("groups in which anybody commits anything can always be joined", async () => {
  // Without the correction in build.mjs joiners refuse some of these trees: see there.
  const random = chance(1); // the 17th commit here
  const capabilities = { versions: ["mls10"], ciphersuites: [SUITE], extensions: [], proposals: [], credentials: ["basic"] };
  const makePair = () => crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  let number = 0;
  const makePackage = async () => {
    const pair = await makePair();
    const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    const signKey = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
    const credential = { credentialType: "basic", identity: new TextEncoder().encode(`p${number++}`) };
    return mls.generateKeyPackageWithKey(credential, capabilities, { notBefore: 0n, notAfter: (1n << 63n) - 1n }, [], { signKey, publicKey }, cs);
  };
  const first = await makePackage();
  let members = [await mls.createGroup(new Uint8Array(16), first.publicPackage, first.privatePackage, [], cs, mls.defaultClientConfig)];
  let joins = 0;
  for (let step = 0; step < 30; step++) {
    const committer = Math.floor(random() * members.length);
    const newcomers = members.length < 10 && (random() < 0.55 || members.length < 3) ? [await makePackage()] : [];
    const leaver = Math.floor(random() * members.length);
    const leavers = members.length > 2 && random() < 0.45 && leaver !== committer ? [leaver] : [];
    const made = await mls.createCommit(
      { state: members[committer], cipherSuite: cs },
      {
        ratchetTreeExtension: true,
        extraProposals: [
          ...leavers.map((index) => ({ proposalType: "remove", remove: { removed: members[index].privatePath.leafIndex } })),
          ...newcomers.map(({ publicPackage }) => ({ proposalType: "add", add: { keyPackage: publicPackage } })),
        ],
      },
    );
    const next = [];
    for (const [index, state] of members.entries()) {
      if (leavers.includes(index)) continue;
      if (index === committer) next.push(made.newState);
      else next.push((await mls.processPrivateMessage(state, made.commit.privateMessage, mls.emptyPskIndex, cs, () => "accept")).newState);
    }
    for (const { publicPackage, privatePackage } of newcomers) {
      next.push(await mls.joinGroup(made.welcome, publicPackage, privatePackage, mls.emptyPskIndex, cs, undefined, undefined, mls.defaultClientConfig));
      joins += 1;
    }
    members = next;
    assert.equal(new Set(members.map(({ keySchedule }) => hex(keySchedule.epochAuthenticator))).size, 1, `step ${step}`);
  }
  assert.ok(joins > 8);
});
