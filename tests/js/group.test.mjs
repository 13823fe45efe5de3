// The rules of docs/encryption.md section 5, each against somebody who breaks it with the library itself.
import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "../../static/js/e2ee/bytes.js";
import { encodeCredential } from "../../static/js/e2ee/credential.js";
import { Group } from "../../static/js/e2ee/group.js";
import { membersOf } from "../../static/js/e2ee/tree.js";
import * as mls from "../../static/js/vendor/ts-mls.js";
import { admit, DOOR, meeting, Portal } from "./people.mjs";
import { add, Rogue, SUITE } from "./rogue.mjs";
import { hex } from "./support.mjs";

const refused = (code) => ({ name: "GroupError", code });

async function withRogue(row = "listed") {
  const portal = await Portal.make();
  const host = await portal.person("host");
  const guest = await portal.person("listed");
  await meeting(portal, [host, guest]);
  const insider = await portal.person(row);
  const rogue = await Rogue.of(insider);
  const staged = await host.group.stage({ add: [rogue.newcomer], remove: [] });
  await host.group.take(staged.commit);
  await guest.group.take(staged.commit);
  await rogue.join(staged.welcome);
  return { portal, host, guest, rogue, insider };
}

/** Nothing came of it: the epoch stands, and the group goes on. */
async function unmoved({ host, guest }, epoch) {
  assert.equal(guest.group.epoch, epoch);
  await admit(host, [], [guest], ["nobody"]).catch(() => undefined);
  const staged = await host.group.stage({ add: [], remove: [], refresh: true });
  await host.group.take(staged.commit);
  await guest.group.take(staged.commit);
  assert.equal(hex(host.group.authenticator), hex(guest.group.authenticator));
}

test("everybody has the same members, authenticator and media key; who was removed has not", async () => {
  const portal = await Portal.make();
  const people = [await portal.person("host"), await portal.person(), await portal.person(), await portal.person("colleague")];
  await meeting(portal, people);
  const [host, ...others] = people;
  const keys = await Promise.all(people.map(({ group }) => group.mediaKey()));
  assert.equal(new Set(keys.map(hex)).size, 1);
  assert.equal(new Set(people.map(({ group }) => hex(group.authenticator))).size, 1);
  assert.deepEqual(host.group.members.map(({ who }) => who.name), people.map(({ credential }) => credential.name));
  const { steps } = await admit(host, [], others, [others[0].id]);
  assert.deepEqual(steps.map(({ out }) => out), [false, true, false, false]);
  await assert.rejects(others[0].group.mediaKey(), refused("no_group"));
  const after = await Promise.all([host, ...others.slice(1)].map(({ group }) => group.mediaKey()));
  assert.equal(new Set(after.map(hex)).size, 1);
  assert.notEqual(hex(after[0]), hex(keys[0]));
});

test("a message is opened once, says who sent it and of which kind, also after two commits", async () => {
  const portal = await Portal.make();
  const [host, anna, ben] = await meeting(portal, [await portal.person("host"), await portal.person(), await portal.person()]);
  const { message: sealed } = await anna.group.seal("chat", utf8("before"));
  await admit(host, [await portal.person()], [anna, ben]);
  await admit(host, [await portal.person()], [anna, ben]);
  const opened = await ben.group.open(sealed);
  assert.deepEqual([opened.from.who.name, opened.kind, new TextDecoder().decode(opened.content)], [anna.credential.name, "chat", "before"]);
  await assert.rejects(ben.group.open(sealed), refused("message"));
  const changed = (await anna.group.seal("chat", utf8("after"))).message.slice();
  const at = changed.indexOf("c".charCodeAt(0), 20);
  changed[at] ^= 1;
  await assert.rejects(host.group.open(changed), refused("message"));
});

test("a message that came between staging and the commit's return can't be opened again afterwards", async () => {
  const portal = await Portal.make();
  const [host, anna] = await meeting(portal, [await portal.person("host"), await portal.person()]);
  const staged = await host.group.stage({ add: [], remove: [], refresh: true });
  const { message: sealed } = await anna.group.seal("chat", utf8("once"));
  await host.group.open(sealed);
  await host.group.take(staged.commit);
  await assert.rejects(host.group.open(sealed), refused("message"));
});

test("of two commits for one epoch the first in order holds, and the other's author follows it (P7)", async () => {
  const portal = await Portal.make();
  const [host, anna, ben] = await meeting(portal, [await portal.person("host"), await portal.person(), await portal.person()]);
  const ours = await host.group.stage({ add: [await (await portal.person()).newcomer()], remove: [] });
  const theirs = await anna.group.stage({ add: [], remove: [ben.id] });
  for (const person of [host, anna, ben]) await person.group.take(theirs.commit);
  assert.equal(hex(host.group.authenticator), hex(anna.group.authenticator));
  for (const person of [host, anna]) await assert.rejects(person.group.take(ours.commit), refused("epoch"));
  assert.equal(host.group.members.length, 2);
});

test("staging alone changes nothing", async () => {
  const portal = await Portal.make();
  const [host, anna] = await meeting(portal, [await portal.person("host"), await portal.person()]);
  const before = hex(host.group.authenticator);
  await host.group.stage({ add: [], remove: [anna.id] });
  assert.equal(hex(host.group.authenticator), before);
  assert.equal(host.group.members.length, 2);
});

test("somebody who reloads is added again as a new leaf without anybody's word, with the same key only", async () => {
  const portal = await Portal.make();
  const host = await portal.person("host");
  const guest = await portal.person("guest");
  const listed = await portal.person();
  await host.backing.learnRules(await host.rules(1));
  await host.backing.learnWord(await host.word(guest));
  await meeting(portal, [host, guest, listed]);
  const before = guest.group.members.find(({ who }) => who.participant === guest.id).leaf;
  listed.backing = guest.backing;
  const fresh = await portal.person("guest", { participant: guest.id, keys: guest.keys, name: guest.credential.name });
  const { steps } = await admit(listed, [fresh], [host]);
  assert.deepEqual(steps[1].added.map(({ who }) => who.participant), [guest.id]);
  assert.deepEqual(steps[1].removed.map(({ who }) => who.participant), [guest.id]);
  assert.equal(host.group.members.length, 3);
  assert.equal(hex(fresh.group.authenticator), hex(host.group.authenticator));
  assert.ok(Number.isInteger(before));
  const other = await portal.person("guest", { participant: guest.id, name: guest.credential.name });
  const { declined, commit } = await host.group.stage({ add: [await other.newcomer()], remove: [] });
  assert.deepEqual([declined, commit], [[guest.id], null]);
});

test("a guest is added on a host's word only, once a host has said what the door does", async () => {
  const portal = await Portal.make();
  const host = await portal.person("host");
  const [, listed] = await meeting(portal, [host, await portal.person()]);
  const guest = await portal.person("guest");
  await host.backing.learnRules(await host.rules(1));
  await listed.backing.learnRules(host.backing.rules);
  assert.deepEqual((await listed.group.stage({ add: [await guest.newcomer()], remove: [] })).declined, [guest.id]);
  assert.equal(await listed.backing.learnWord(await host.word(guest)), true);
  const { steps } = await admit(listed, [guest], [host]);
  assert.deepEqual(steps[1].added.map(({ who }) => who.name), [guest.credential.name]);
});

test("a commit that adds somebody for whom nothing speaks is refused by everybody else", async () => {
  const all = await withRogue();
  const { portal, host, guest, rogue } = all;
  for (const { backing } of [host, guest]) await backing.learnRules(await host.rules(1));
  const ghost = await portal.person("guest");
  const { commit } = await rogue.commit([add((await ghost.newcomer()).keyPackage)]);
  for (const person of [host, guest]) await assert.rejects(person.group.take(commit), refused("not_backed"));
  await unmoved(all, 2);
});

test("words and rules of somebody who is no host, of another room, for another key or from the past back nobody", async () => {
  const portal = await Portal.make();
  const host = await portal.person("host");
  const listed = await portal.person();
  const guest = await portal.person("guest");
  const { backing } = await portal.person();
  assert.equal(await backing.learnWord(await listed.word(guest)), false);
  assert.equal(await backing.learnRules(await listed.rules(9, { ...DOOR, guests: "walks_in" })), false);
  const elsewhere = await Portal.make("room-2");
  assert.equal(await backing.learnWord(await (await elsewhere.person("host")).word(guest)), false);
  assert.equal(await backing.learnWord({ ...(await host.word(guest)), key: listed.key }), false);
  assert.equal(await backing.learnWord(await host.word(guest, { at: 1, until: Math.floor(Date.now() / 1000) - 3 * 24 * 3600 })), false);
  assert.equal(await backing.learnRules(await host.rules(2)), true);
  assert.equal(await backing.learnRules(await host.rules(1, { ...DOOR, guests: "walks_in" })), false);
  assert.equal(backing.backs(guest.member), false);
  for (const wrong of [null, 1, "x", [], {}, { ...(await host.word(guest)), more: 1 }, { ...(await host.rules(3)), door: { listed: "walks_in" } }]) {
    assert.equal(await backing.learnWord(wrong), false);
    assert.equal(await backing.learnRules(wrong), false);
    assert.equal(await backing.learnNo(wrong), false);
  }
});

test("a host's no ends earlier words and the rules for one person, and a later word ends the no", async () => {
  const portal = await Portal.make();
  const host = await portal.person("host");
  const listed = await portal.person();
  const { backing } = await portal.person();
  await backing.learnRules(await host.rules(1));
  await backing.learnWord(await host.word(listed, { at: 100, until: 2 ** 40 }));
  assert.equal(backing.backs(listed.member), true);
  assert.equal(await backing.learnNo(await listed.no(listed, 200)), false, "said by somebody who is no host");
  assert.equal(await backing.learnNo(await host.no(listed, 200)), true);
  assert.equal(backing.backs(listed.member), false);
  await backing.learnWord(await host.word(listed, { at: 150, until: 2 ** 40 }));
  assert.equal(backing.backs(listed.member), false);
  await backing.learnWord(await host.word(listed, { at: 300, until: 2 ** 40 }));
  assert.equal(backing.backs(listed.member), true);
  await backing.learnNo(await host.no(listed, 250));
  assert.equal(backing.backs(listed.member), true);
  await backing.learnNo(await host.no(listed, 400));
  assert.equal(backing.forbids(listed.member), true);
  const later = (await portal.person()).backing;
  await later.learn(backing.evidence([listed.member]));
  assert.equal(later.backs(listed.member), false);
});

test("whoever was put out doesn't come back in the commit that should remove them", async () => {
  const portal = await Portal.make();
  const [host, anna, ben] = await meeting(portal, [await portal.person("host"), await portal.person(), await portal.person()]);
  for (const { backing } of [host, ben]) await backing.learnNo(await host.no(anna));
  const again = await portal.person("listed", { participant: anna.id, keys: anna.keys, name: anna.credential.name });
  assert.deepEqual((await ben.group.stage({ add: [await again.newcomer()], remove: [] })).declined, [anna.id]);
  const forgetful = await portal.person("listed", { participant: ben.id, keys: ben.keys, name: ben.credential.name });
  await admit(host, [forgetful], [anna]);
  const staged = await forgetful.group.stage({ add: [await again.newcomer()], remove: [] });
  await assert.rejects(host.group.take(staged.commit), refused("not_backed"));
});

test("of two hosts who speak at once everybody takes the same", async () => {
  const portal = await Portal.make();
  const [one, other] = [await portal.person("host"), await portal.person("host")];
  const [a, b] = [await one.rules(5), await other.rules(5, { ...DOOR, guests: "walks_in" })];
  const backings = [[a, b], [b, a]].map((order) => ({ order, backing: null }));
  for (const entry of backings) {
    entry.backing = (await portal.person()).backing;
    for (const stated of entry.order) await entry.backing.learnRules(stated);
  }
  assert.deepEqual(backings[0].backing.rules, backings[1].backing.rules);
});

test("a credential without the portal's attestation is refused, by whom it is added to and by whom it invites (P4)", async () => {
  const all = await withRogue();
  const { portal, guest, rogue, insider } = all;
  const forged = await portal.person("listed");
  for (const [name, broken] of [
    ["no signature", { ...forged.credential, attestation: "A".repeat(86) }],
    ["another name", { ...forged.credential, name: "Ingrid Sæther" }],
    ["another row", { ...forged.credential, row: "host" }],
    ["another room", { ...forged.credential, room: "room-2" }],
    ["another's attestation", { ...forged.credential, attestation: insider.credential.attestation }],
  ]) {
    const ghost = await Rogue.of(Object.assign(Object.create(Object.getPrototypeOf(forged)), forged, { credential: broken }));
    const { commit } = await rogue.commit([add(ghost.newcomer.keyPackage)]);
    await assert.rejects(guest.group.take(commit), refused("commit"), name);
    assert.deepEqual((await guest.group.stage({ add: [{ ...ghost.newcomer, participant: broken.participant }], remove: [] })).declined, [forged.id], name);
    await ghost.create();
    const invited = await portal.person("listed");
    const { welcome } = await ghost.commit([add((await invited.newcomer()).keyPackage)]);
    await assert.rejects(invited.group.join(welcome), refused("welcome"), name);
  }
  await unmoved(all, 2);
});

test("proposals that this group does not know are refused (P2)", async () => {
  const all = await withRogue();
  const { guest, rogue } = all;
  const extension = { proposalType: "group_context_extensions", groupContextExtensions: { extensions: [] } };
  const reinit = { proposalType: "reinit", reinit: { groupId: new Uint8Array(16), version: "mls10", cipherSuite: SUITE, extensions: [] } };
  for (const proposal of [extension, reinit]) {
    const { commit } = await rogue.commit([proposal]);
    await assert.rejects(guest.group.take(commit), refused("proposals"));
  }
  await unmoved(all, 2);
});

test("a PSK is refused where the mode has none, in commits and in Welcomes (P3, P5)", async () => {
  const all = await withRogue();
  const { portal, guest, rogue } = all;
  const pskId = utf8("link");
  const psks = { [Buffer.from(pskId).toString("base64")]: new Uint8Array(32) };
  const psk = { proposalType: "psk", psk: { preSharedKeyId: { psktype: "external", pskId, pskNonce: new Uint8Array(32) } } };
  const { commit } = await rogue.commit([psk], { psks });
  await assert.rejects(guest.group.take(commit), refused("commit"));
  const invited = await portal.person();
  const { welcome } = await rogue.commit([psk, add((await invited.newcomer()).keyPackage)], { psks });
  await assert.rejects(invited.group.join(welcome), refused("welcome"));
  await unmoved(all, 2);
});

test("nobody is in the group twice, and no two share a key (P6)", async () => {
  const all = await withRogue();
  const { portal, guest, rogue, insider } = all;
  const twin = await portal.person("listed", { participant: guest.id });
  const twice = await rogue.commit([add((await twin.newcomer()).keyPackage)]);
  await assert.rejects(guest.group.take(twice.commit), refused("twice"));
  const sharer = await portal.person("listed", { keys: insider.keys });
  const never = { compareKeyPackages: () => false, compareKeyPackageToLeafNode: () => false };
  rogue.state.clientConfig = { ...rogue.state.clientConfig, keyPackageEqualityConfig: never };
  const shared = await rogue.commit([add((await sharer.newcomer()).keyPackage)]);
  await assert.rejects(guest.group.take(shared.commit), (error) => ["shared_key", "commit"].includes(error.code));
  await unmoved(all, 2);
});

test("a tree is read strictly: two people of one id, shared keys, unknown extensions and credentials are refused (P6)", async () => {
  const portal = await Portal.make();
  const leaf = async (person, hpke) => ({
    nodeType: "leaf",
    leaf: { credential: { credentialType: "basic", identity: encodeCredential(person.credential) }, signaturePublicKey: person.publicKey, hpkePublicKey: Uint8Array.of(hpke), extensions: [] },
  });
  const [anna, ben] = [await portal.person(), await portal.person()];
  const [a, b] = [await leaf(anna, 1), await leaf(ben, 2)];
  assert.deepEqual(membersOf([a, undefined, undefined, undefined, b]).map(({ leaf: index }) => index), [0, 2]);
  const broken = (change) => ({ nodeType: "leaf", leaf: { ...b.leaf, ...change } });
  const blank = Array(511).fill(undefined);
  for (const [code, tree] of [
    ["twice", [a, undefined, await leaf(await portal.person("listed", { participant: anna.id }), 3)]],
    ["shared_key", [a, undefined, await leaf(ben, 1)]],
    ["shared_key", [a, undefined, broken({ signaturePublicKey: anna.publicKey })]],
    ["extensions", [a, undefined, broken({ extensions: [{ extensionType: 1, extensionData: new Uint8Array(0) }] })]],
    ["credential", [a, undefined, broken({ credential: { credentialType: "x509", certificates: [] } })]],
    ["credential", [a, undefined, broken({ credential: { credentialType: "basic", identity: utf8("{}") } })]],
    ["too_many", [...blank, undefined, b]],
  ]) {
    assert.throws(() => membersOf(tree), refused(code), code);
  }
});

test("whoever stays can't become somebody else by a commit of their own (P6)", async () => {
  const all = await withRogue();
  const { portal, host, guest, rogue, insider } = all;
  // The library takes the committer's credential from its own leaf; a rogue changes the leaf that it starts from.
  const other = await portal.attest({ ...insider.credential, name: "Ingrid Sæther" }, insider.key);
  const leaf = rogue.state.privatePath.leafIndex * 2;
  const node = rogue.state.ratchetTree[leaf];
  rogue.state.ratchetTree[leaf] = { ...node, leaf: { ...node.leaf, credential: { ...node.leaf.credential, identity: encodeCredential(other) } } };
  const { commit } = await rogue.commit([]);
  for (const person of [host, guest]) await assert.rejects(person.group.take(commit), (error) => ["changed_leaf", "commit"].includes(error.code));
  await unmoved(all, 2);
});

test("a Welcome into a group with unknown context, or for another KeyPackage, is refused (P5)", async () => {
  const portal = await Portal.make();
  const rogue = await Rogue.of(await portal.person("host"));
  const invited = await portal.person();
  const first = await invited.newcomer();
  await rogue.create([{ extensionType: "required_capabilities", extensionData: new Uint8Array([0, 0, 0]) }]);
  const odd = await rogue.commit([add(first.keyPackage)]);
  await assert.rejects(invited.group.join(odd.welcome), (error) => ["context", "welcome"].includes(error.code));
  await rogue.create();
  const stale = await rogue.commit([add(first.keyPackage)]);
  await invited.newcomer();
  await assert.rejects(invited.group.join(stale.welcome), refused("welcome"));
  await assert.rejects(invited.group.join(stale.welcome), refused("welcome"), "a Welcome is tried once");
});

test("commits out of order, of other groups, changed, repeated or made public are refused", async () => {
  const portal = await Portal.make();
  const [host, anna] = await meeting(portal, [await portal.person("host"), await portal.person()]);
  const [stranger] = await meeting(portal, [await portal.person("host"), await portal.person()]);
  const foreign = await stranger.group.stage({ add: [], remove: [], refresh: true });
  await assert.rejects(anna.group.take(foreign.commit), refused("group"));
  const staged = await host.group.stage({ add: [], remove: [], refresh: true });
  const changed = staged.commit.slice();
  changed[changed.length - 1] ^= 1;
  await assert.rejects(anna.group.take(changed), refused("commit"));
  await anna.group.take(staged.commit);
  await assert.rejects(anna.group.take(staged.commit), refused("epoch"));
  for (const bytes of [new Uint8Array(0), utf8("nothing"), staged.commit.slice(0, 40), new Uint8Array([...staged.commit, 0])]) {
    await assert.rejects(anna.group.take(bytes), refused("message"));
    await assert.rejects(anna.group.open(bytes), refused("message"));
    await assert.rejects(anna.group.join(bytes), (error) => error.code === "message" || error.code === "welcome");
  }
  await host.group.take(staged.commit);
  await assert.rejects(anna.group.take((await host.group.seal("chat", utf8("x"))).message), refused("commit"));
  const next = await host.group.stage({ add: [], remove: [], refresh: true });
  await assert.rejects(anna.group.open(next.commit), refused("message"));
});

test("operations that are started together are done one after the other (P9)", async () => {
  const portal = await Portal.make();
  const [host, anna] = await meeting(portal, [await portal.person("host"), await portal.person()]);
  const sealed = await Promise.all(Array.from({ length: 20 }, (_, i) => host.group.seal("chat", utf8(String(i)))));
  const opened = await Promise.all(sealed.map(({ message }) => anna.group.open(message)));
  assert.deepEqual(opened.map(({ content }) => new TextDecoder().decode(content)), Array.from({ length: 20 }, (_, i) => String(i)));
});

test("the device's key signs and is never given to the library", async () => {
  const portal = await Portal.make();
  const person = await portal.person("host");
  const seen = [];
  const identity = { ...person, sign: (bytes) => (seen.push(bytes.length), person.sign(bytes)) };
  const group = await Group.make({ here: portal.here, identity: Object.assign(identity, { publicKey: person.publicKey, credential: person.credential }), backing: person.backing });
  await group.create(new Uint8Array(16));
  assert.equal(person.keys.privateKey.extractable, false);
  assert.ok(seen.length >= 2);
});
