// Sealed meetings: whoever has not the key of the complete link gets nothing, whatever the server does. docs/encryption.md section 9.
import assert from "node:assert/strict";
import { test } from "node:test";

import { checkOf, compareLinkKey, fragmentOf, makeLinkKey, takeLinkKey } from "../../static/js/e2ee/link_key.js";
import { LinkKeys } from "../../static/js/e2ee/link_keys.js";
import { CompleteLink } from "../../static/js/room/complete_link.js";
import { Promised } from "../../static/js/room/promised.js";
import { Securing } from "../../static/js/room/securing.js";
import { pathOf } from "../../static/js/lib/qr.js";
import { Roster } from "../../static/js/signaling/roster.js";
import { encode } from "../../static/js/vendor/uqr.js";
import { linkStated } from "../../static/js/e2ee/statements.js";
import { Liar, onTheWire } from "./liar.mjs";
import { DOOR, meeting, Portal } from "./people.mjs";
import { add, Rogue } from "./rogue.mjs";

const refused = (code) => ({ name: "GroupError", code });

/** Ingrid (a host, who has stated the rules) and Anna, with the complete link. The liar has all but its key. */
async function room(link = makeLinkKey(1)) {
  const [portal, liar] = [await Portal.make(), new Liar()];
  const [host, anna] = [await liar.met(await portal.person("host", { name: "Ingrid", link })), await liar.met(await portal.person("listed", { name: "Anna", link }))];
  await liar.create(host);
  await host.session.setDoor(DOOR);
  await liar.admit(host, [anna]);
  await hear(liar, host, [anna]);
  return { portal, liar, link, host, anna };
}

/** Everybody but the author hears the newest sealed message of somebody, in order. */
async function hear(liar, from, others) {
  const { group, epoch, class: kind, message } = from.of("e2ee.app").at(-1);
  for (const other of others) await other.tell({ type: "e2ee.app", seq: ++liar.seq, from: from.id, group, epoch, class: kind, message });
}

const psksOf = (person) => ({ [Buffer.from(person.link.pskId(person.link.newest.generation)).toString("base64")]: person.link.named({ psktype: "external", pskId: person.link.pskId(person.link.newest.generation) }).psk });
const shown = (pskId) => ({ proposalType: "psk", psk: { preSharedKeyId: { psktype: "external", pskId, pskNonce: crypto.getRandomValues(new Uint8Array(32)) } } });

test("a ghost is added by nobody: without the key, with another, or with somebody else's proof", async () => {
  const { portal, liar, host, anna } = await room();
  const stolen = await portal.person("host", { participant: "ghost" });
  stolen.credential = { ...stolen.credential, link: anna.person.credential.link };
  await stolen.restart();
  const ghosts = [undefined, makeLinkKey(1), makeLinkKey(7)].map((link) => portal.person("host", { participant: "ghost", link }));
  for (const person of [...(await Promise.all(ghosts)), stolen]) {
    const ghost = await liar.met(person);
    for (const member of [host, anna]) assert.equal(await liar.work(member, [ghost]), null, member.id);
    assert.equal(ghost.session.phase, "coming");
  }
  assert.deepEqual(host.roster, anna.roster);
});

test("a word or rules of a host who has not the link are nobody's", async () => {
  const { portal, liar, host, anna, link } = await room();
  const fake = await portal.person("host");
  const guest = await liar.met(await portal.person("guest", { link }));
  assert.equal(await anna.person.backing.learnWord(await fake.word(guest.person)), false);
  assert.equal(await anna.person.backing.learnRules(await fake.rules(9, { ...DOOR, guests: "walks_in" })), false);
  assert.equal(await liar.work(anna, [guest]), null);
  assert.equal(await anna.person.backing.learnWord(await host.person.word(guest.person)), true);
  assert.notEqual(await liar.work(anna, [guest]), null);
});

test("a group of somebody who has not the key of the link is refused for good, and nothing is said into it", async () => {
  const link = makeLinkKey(1);
  const other = makeLinkKey(1);
  for (const [name, key, proposals, psks] of [
    ["no key is asked for", undefined, () => [], () => ({})],
    ["a leaf that has it, and no key is asked for", link, () => [], () => ({})],
    ["another key", other, (fake) => [shown(fake.link.pskId(1))], (fake) => psksOf(fake)],
    ["the right name, and another key behind it", other, (fake, victim) => [shown(victim.link.pskId(1))], (fake, victim) => ({ [Object.keys(psksOf(victim))[0]]: new Uint8Array(32) })],
  ]) {
    const [portal, liar] = [await Portal.make(), new Liar()];
    const [fake, victim] = [await portal.person("host", { link: key }), await liar.met(await portal.person("listed", { link }))];
    const rogue = await Rogue.of(fake);
    await rogue.create();
    const keyPackage = Buffer.from(victim.keyPackage, "base64url");
    const { welcome } = await rogue.commit([add(new Uint8Array(keyPackage)), ...proposals(fake, victim.person)], { psks: psks(fake, victim.person) });
    const group = Buffer.from(new Uint8Array(16)).toString("base64url");
    await victim.tell({ type: "e2ee.welcome", seq: 1, group, epoch: 1, welcome: Buffer.from(welcome).toString("base64url") });
    assert.equal(victim.session.phase, "refused", name);
    assert.deepEqual([victim.of("e2ee.nack")[0].code, victim.steps.length, victim.of("e2ee.hello").length], ["link_key", 0, 1], name);
    await assert.rejects(victim.session.send("chat", { t: "chat", text: "x" }));
    await victim.tell({ type: "e2ee.create" });
    assert.deepEqual(victim.of("e2ee.created"), [], name);
  }
});

test("a server in between two people gets neither of them into a group", async () => {
  const [portal, link] = [await Portal.make(), makeLinkKey(1)];
  for (const [row, faked] of [["host", "listed"], ["listed", "host"]]) {
    const liar = new Liar();
    const [victim, fake] = [await liar.met(await portal.person(row, { link })), await liar.met(await portal.person(faked))];
    await liar.create(victim);
    assert.equal(await liar.work(victim, [fake]), null);
    assert.deepEqual(victim.roster, [victim.id]);
  }
});

test("a member's commit that adds somebody shows the newest key once, and no other commit shows one (P3)", async () => {
  const { portal, host, anna, link } = await room();
  const insider = await portal.person("listed", { link });
  const rogue = await Rogue.of(insider);
  const commit = await host.person.group.stage({ add: [rogue.newcomer], remove: [] });
  for (const { person } of [host, anna]) await person.group.take(commit.commit);
  await rogue.join(commit.welcome, psksOf(insider));
  const ben = await portal.person("listed", { link });
  const adds = add((await ben.newcomer()).keyPackage);
  const id = insider.link.pskId(1);
  const psks = psksOf(insider);
  for (const [name, proposals, all] of [
    ["none", [adds], {}],
    ["twice", [adds, shown(id), shown(id)], psks],
    ["without an addition", [shown(id)], psks],
    ["another", [adds, shown(new TextEncoder().encode("other"))], { [Buffer.from("other").toString("base64")]: new Uint8Array(32) }],
  ]) {
    const { commit: bad } = await rogue.commit(proposals, { psks: all });
    await assert.rejects(anna.person.group.take(bad), (error) => ["proposals", "commit"].includes(error.code), name);
  }
  const { commit: good } = await rogue.commit([adds, shown(id)], { psks, evidence: new TextEncoder().encode(JSON.stringify(anna.person.backing.evidence([]))) });
  assert.equal((await anna.person.group.take(good)).added.length, 1);
});

test("a sealed group and one that isn't don't mix (P4)", async () => {
  const [portal, link] = [await Portal.make(), makeLinkKey(1)];
  const [host] = await meeting(portal, [await portal.person("host")]);
  const guest = await portal.person("listed");
  const sealed = await portal.person("listed", { link });
  assert.deepEqual((await host.group.stage({ add: [await sealed.newcomer()], remove: [] })).declined, [sealed.id]);
  const [one] = await meeting(portal, [await portal.person("host", { link }), sealed]);
  assert.deepEqual((await one.group.stage({ add: [await guest.newcomer()], remove: [] })).declined, [guest.id]);
});

test("after a removal the host's device gives the link a new key: the old one opens nothing, members follow, newcomers hear of it", async () => {
  const { portal, liar, link, host, anna } = await room();
  const ben = await liar.met(await portal.person("listed", { name: "Ben", link }));
  await liar.admit(host, [ben], [anna]);
  await host.session.renewLinkWithout(ben.id);
  assert.deepEqual(host.of("e2ee.link"), [], "not while they could hear it");
  const out = await liar.work(host, [], { remove: [ben.id] });
  await liar.pass(host, out, [anna, ben], []);
  const [{ generation, check }] = host.of("e2ee.link");
  const [{ key, own }] = host.links;
  assert.deepEqual([generation, own, check], [2, true, await checkOf(key)]);
  await hear(liar, host, [anna, ben]);
  assert.deepEqual(anna.links.map(({ key: heard, own: mine }) => [fragmentOf(heard), mine]), [[fragmentOf(key), false]]);
  assert.deepEqual(ben.links, [], "who was removed can't read it");

  const late = await liar.met(await portal.person("listed", { link }));
  for (const member of [host, anna]) assert.equal(await liar.work(member, [late]), null, "the old link");
  const cleo = await liar.met(await portal.person("listed", { link: key }));
  await liar.admit(anna, [cleo], [host]);
  assert.equal(cleo.last.code, host.last.code);
  // Cleo never had the first key; whom she adds, the others accept, and what hosts said before holds for her.
  const dora = await liar.met(await portal.person("listed", { link: key }));
  await liar.admit(cleo, [dora], [host, anna]);
  assert.equal(dora.last.code, anna.last.code);
});

test("a device that heard of the new key and has to come again comes by it", async () => {
  const { liar, host, anna } = await room();
  await host.session.renewLink();
  await hear(liar, host, [anna]);
  await anna.tell({ type: "e2ee.reset", reason: "refused" });
  assert.equal(anna.session.phase, "coming");
  await liar.admit(host, [anna]);
  assert.deepEqual(anna.last.members.map(({ who }) => [who.name, who.link.generation]), [["Ingrid", 1], ["Anna", 2]]);
});

test("a new key that somebody else's client states is taken from hosts alone", async () => {
  const { liar, link, host, anna } = await room();
  const forged = { t: "link", key: fragmentOf(makeLinkKey(2)).slice("sealed=".length) };
  const by = (await anna.person.rules(1)).by;
  await anna.session.send("control", { ...forged, by });
  await hear(liar, anna, [host]);
  assert.deepEqual(host.links, []);
  assert.equal(host.person.link.newest, link);
});

test("whoever was removed and works together with the server can't bring a device back under the key of before", async () => {
  const { portal, liar, link, host, anna } = await room();
  await host.session.renewLink();
  await hear(liar, host, [anna]);
  await anna.tell({ type: "e2ee.reset", reason: "refused" });
  const rogue = await Rogue.of(await portal.person("host", { link }));
  await rogue.create();
  const { welcome } = await rogue.commit([add(new Uint8Array(Buffer.from(anna.keyPackage, "base64url"))), shown(rogue.person.link.pskId(1))], { psks: psksOf(rogue.person) });
  const steps = anna.steps.length;
  await anna.tell({ type: "e2ee.welcome", seq: 50, group: Buffer.from(new Uint8Array(16)).toString("base64url"), epoch: 1, welcome: Buffer.from(welcome).toString("base64url") });
  assert.deepEqual([anna.session.phase, anna.of("e2ee.nack").at(-1).code, anna.steps.length], ["refused", "link_key", steps]);
});

test("where a proof of an earlier key can't be checked, no word of a host that the server brings counts, nor a key that they state", async () => {
  const { portal, liar, host, anna } = await room();
  await host.session.renewLink();
  await hear(liar, host, [anna]);
  const { key } = host.links[0];
  const dora = await liar.met(await portal.person("listed", { link: key }));
  await liar.admit(host, [dora], [anna]);
  // The server has no key at all, and calls a proof of its own one of the first key.
  const fake = await portal.person("host", { link: key });
  fake.credential = { ...fake.credential, link: { generation: 1, mac: "A".repeat(43) } };
  const guest = await liar.met(await portal.person("guest", { link: key }));
  await host.session.setDoor(DOOR);
  for (const one of [await host.person.rules(3, DOOR)]) await dora.person.backing.learnRules(one);
  assert.equal(await liar.work(dora, [guest], { word: onTheWire(await fake.word(guest.person)) }), null);
  const stated = { t: "link", key: fragmentOf(makeLinkKey(7)).slice("sealed=".length) };
  const signature = await fake.sign(linkStated({ room: "room-1", key: stated.key }));
  const by = { ...(await fake.word(guest.person)).by, signature: Buffer.from(signature).toString("base64url") };
  await anna.session.send("control", { ...stated, by });
  await hear(liar, anna, [dora]);
  assert.deepEqual(dora.links, []);
  // A true host signs with the newest key, and is believed.
  assert.notEqual(await liar.work(dora, [guest], { word: await host.session.word(guest.id, guest.person.key) }), null);
});

test("the portal says who was removed by another way: a host's device makes the next key once, a member's none", async () => {
  const { portal, liar, link, host, anna } = await room();
  const ben = await liar.met(await portal.person("listed", { name: "Ben", link }));
  await liar.admit(host, [ben], [anna]);
  await anna.session.linkCounted(1, [ben.id]);
  await host.session.linkCounted(1, [ben.id]);
  assert.deepEqual([host.of("e2ee.link"), anna.of("e2ee.link")], [[], []], "not while they could hear it");
  await liar.pass(host, await liar.work(host, [], { remove: [ben.id] }), [anna, ben], []);
  await host.session.linkCounted(1, [ben.id]);
  assert.deepEqual(host.of("e2ee.link").map(({ generation }) => generation), [2], "an older word of the portal asks for nothing more");
  assert.deepEqual(anna.of("e2ee.link"), []);
});

test("a server that takes no new key is told of, once, and asked again", async () => {
  const { host } = await room();
  const failed = [];
  host.session.on("linkFailed", (code) => failed.push(code));
  host.isAnswered = false;
  host.refusal = "failed";
  await host.session.renewLinkWithout("gone");
  await host.session.renewLinkWithout("gone");
  assert.deepEqual(failed, ["failed"]);
  host.isAnswered = true;
  await host.session.renewLinkWithout("gone");
  assert.equal(host.links.length, 1);
  // Another host's device that was first is no failure: its key comes by the group.
  host.isAnswered = false;
  host.refusal = "conflict";
  await host.session.renewLinkWithout("another");
  assert.deepEqual(failed, ["failed"]);
});

test("a portal that counts further than keys go makes a host's device fail aloud, not give out a key that nobody reads", async () => {
  const { host, anna, liar } = await room();
  host.session.linkCounted(NaN);
  host.session.linkCounted("7");
  host.session.linkCounted(999_999);
  await host.session.renewLink();
  await hear(liar, host, [anna]);
  assert.equal(anna.links[0].key.generation, 1_000_000);
  await assert.rejects(host.session.renewLink(), { code: "exhausted" });
  assert.equal(host.links.length, 1);
});

test("what a portal counts comes before a new key, and a key that it doesn't count is nobody's", async () => {
  const { host, anna } = await room();
  host.session.linkCounted(4);
  await host.session.renewLink();
  assert.equal(host.links[0].key.generation, 5);
  host.isAnswered = false;
  await assert.rejects(host.session.renewLink());
  assert.equal(host.person.link.newest.generation, 5);
  assert.deepEqual(anna.links, []);
});

// ---- the link itself

test("a fragment is read strictly, and leaves others' parts alone", () => {
  const key = makeLinkKey(12);
  const text = fragmentOf(key);
  assert.deepEqual(takeLinkKey(`#${text}`), { key, rest: "", found: true });
  assert.deepEqual(takeLinkKey(`#authorization=x&${text}&y`), { key, rest: "#authorization=x&y", found: true });
  assert.deepEqual(takeLinkKey("#other=1"), { key: null, rest: "#other=1", found: false });
  for (const broken of [text.slice(0, -1), `${text}A`, text.replace("=1.", "=2."), text.replace(".12.", ".0."), text.replace(".12.", ".012."), `${text.slice(0, -1)}~`, "sealed="]) {
    assert.deepEqual(takeLinkKey(`#${broken}`), { key: null, rest: "", found: true }, broken);
  }
});

test("the check tells a whole link, a cut one and one of before; keys of one room prove nothing in another", async () => {
  const key = makeLinkKey(2);
  const known = { generation: 2, check: await checkOf(key) };
  assert.equal(await compareLinkKey(key, known), "fits");
  assert.equal(await compareLinkKey(makeLinkKey(2), known), "wrong");
  assert.equal(await compareLinkKey(makeLinkKey(3), known), "wrong");
  assert.equal(await compareLinkKey(makeLinkKey(1), known), "replaced");
  const [here, there] = await Promise.all(["room-1", "room-2"].map((name) => LinkKeys.make(name, key)));
  assert.equal(there.named({ psktype: "external", pskId: here.pskId(2) }), null);
  const who = { room: "room-1", participant: "p", account: null, row: "guest", name: "n", attestation: "a" };
  const sealed = await here.seal(who, "key");
  assert.equal(await here.vouchFor(sealed, "key"), true);
  for (const [other, theirKey] of [[{ ...sealed, name: "m" }, "key"], [sealed, "other"], [who, "key"], [{ ...sealed, link: { ...sealed.link, generation: 3 } }, "key"]]) {
    assert.equal(await here.vouchFor(other, theirKey), false);
  }
  assert.equal(await there.vouchFor(sealed, "key"), false);
});

const page = (hash) => {
  const storage = new Map();
  const moved = [];
  globalThis.location = { hash, origin: "https://meet.example", pathname: "/m/abc", search: "" };
  globalThis.history = { state: null, replaceState: (_state, _title, url) => moved.push(url) };
  return { link: new CompleteLink("abc", () => ({ getItem: (name) => storage.get(name) ?? null, setItem: (name, value) => storage.set(name, value) })), moved, storage };
};

test("the key leaves the address bar, outlives a sign-in in the tab, and a pasted link is taken or followed", async () => {
  const key = makeLinkKey(1);
  const first = page(`#${fragmentOf(key)}`);
  first.link.take();
  assert.deepEqual([first.moved, first.link.key, first.link.wasGiven], [["/m/abc"], key, true]);
  assert.equal(first.link.href, `https://meet.example/m/abc#${fragmentOf(key)}`);
  const again = page("");
  for (const [name, value] of first.storage) again.storage.set(name, value);
  again.link.take();
  assert.deepEqual(again.link.key, key);
  const without = page("#sealed=1.1.cut");
  without.link.take();
  assert.deepEqual([without.link.key, without.link.wasGiven, await without.link.trouble(null)], [null, true, "link_key_unmade"]);
  assert.equal(await without.link.trouble({ generation: 1, check: await checkOf(key) }), "link_key_missing");
  assert.equal(without.link.paste("https://meet.example/m/abc"), "no_key");
  assert.equal(without.link.paste("nonsense"), "no_key");
  assert.equal(String(without.link.paste(`https://meet.example/i/token#${fragmentOf(key)}`)), `https://meet.example/i/token#${fragmentOf(key)}`);
  assert.equal(without.link.paste(`https://meet.example/m/abc#${fragmentOf(key)}`), "taken");
  assert.equal(await without.link.trouble({ generation: 1, check: await checkOf(key) }), null);
  assert.equal(await without.link.trouble({ generation: 2, check: "x" }), "link_key_replaced");
  assert.equal(await without.link.trouble({ generation: 1, check: "x" }), "link_key_wrong");
});

/** As much of IndexedDB as one transaction needs. @param {Map<string, unknown>} links */
const storeOf = (links) => ({
  open() {
    const transaction = { objectStore: () => ({ get: (name) => ({ result: links.get(name) }) }) };
    const request = { result: { transaction: () => (setImmediate(() => transaction.oncomplete()), transaction), close: () => undefined } };
    setImmediate(() => request.onsuccess());
    return request;
  },
});

test("no word of the portal exchanges the key that the address brought for one of another meeting that is kept here", async (t) => {
  const [brought, other, newer] = [makeLinkKey(1), makeLinkKey(1), makeLinkKey(2)];
  const kept = new Map(await Promise.all([other, newer].map(async (key) => [await checkOf(key), fragmentOf(key).slice("sealed=".length)])));
  globalThis.indexedDB = storeOf(kept);
  t.after(() => delete globalThis.indexedDB);
  const { link } = page(`#${fragmentOf(brought)}`);
  link.take();
  assert.equal(await link.trouble({ generation: 1, check: await checkOf(other) }), "link_key_wrong");
  assert.deepEqual(link.key, brought);
  assert.equal(await link.trouble({ generation: 2, check: await checkOf(newer) }), null, "a host's browser knows the next");
  assert.deepEqual(link.key, newer);
});

test("a meeting whose link has a key is entered sealed or not at all", async () => {
  globalThis.RTCRtpScriptTransform = class {};
  const kept = new Map();
  Object.defineProperty(globalThis, "localStorage", { configurable: true, value: { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) } });
  const key = makeLinkKey(1);
  const at = (encryption, hash) => {
    const { link } = page(hash);
    link.take();
    return { door: { encryption, code: "abc", link_key: null }, link };
  };
  const securing = (encryption, hash) => new Securing({ client: {}, roster: new Roster(), ...at(encryption, hash) });
  const obstacle = (encryption, hash) => {
    const { door, link } = at(encryption, hash);
    return new Promised(door, link).obstacle();
  };
  const whole = `#${fragmentOf(key)}`;
  for (const mode of ["e2ee", "transport"]) {
    assert.equal(await obstacle(mode, whole), "unsealed");
    await assert.rejects(securing(null, whole).enter({ code: "abc", encryption: mode }), { reason: "unsealed" });
    await assert.rejects(securing("sealed", "").enter({ code: "abc", encryption: mode }), { reason: "unsealed" });
    // Even where only a part of the key came.
    await assert.rejects(securing(mode, "#sealed=1.1.cut").enter({ code: "abc", encryption: mode }), { reason: "unsealed" });
  }
  assert.equal(await obstacle("sealed", ""), "link_key_unmade");
  assert.equal(await obstacle(null, "#sealed=1.1.cut"), "link_key_missing");
  assert.equal(await obstacle("sealed", whole), null);
  await assert.rejects(securing(null, "").enter({ code: "abc", encryption: "sealed", link_key: null }), { reason: "link_key_unmade" });
  // This browser has heard that it is sealed: another page of it knows, whatever the door says now.
  await assert.rejects(securing("transport", "").enter({ code: "abc", encryption: "e2ee" }), { reason: "unsealed" });
  const fits = { code: "abc", encryption: "sealed", link_key: { generation: 1, check: await checkOf(key) } };
  const group = securing("sealed", whole);
  group.encryption = { enter: async () => undefined, phase: "refused" };
  await assert.rejects(group.enter(fits), { reason: "not_the_group" });
});

test("the key of a link is sent to nobody at the door, for the server reads what is", async () => {
  const sent = [];
  const securing = new Securing({ client: { request: async (type) => sent.push(type) }, roster: new Roster(), door: { encryption: "sealed", code: "abc" }, link: page("").link });
  const text = `Come by https://meet.example/m/abc#${fragmentOf(makeLinkKey(3))}, please`;
  for (const fields of [{ text }, { note: text, block: false }]) await assert.rejects(securing.asHost("door.message", fields), { code: "link_key" });
  await securing.asHost("door.message", { text: "Come by the link that you were given" });
  assert.deepEqual(sent, ["door.message"]);
});

test("a QR code of a complete link is black and white squares", () => {
  const { size, data } = encode(`https://meet.example/m/7kqm-wtzp-4xab#${fragmentOf(makeLinkKey(1))}`, { ecc: "M", border: 4 });
  assert.ok(size > 40 && data.length === size && data[4].slice(4, 11).every(Boolean), "a finder pattern behind a quiet zone");
  assert.match(pathOf(data), /^(M\d+ \d+h1v1h-1z)+$/);
});
