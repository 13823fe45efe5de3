// Devices, the delivery service's rules and a bad network, together: one commit per epoch, and everybody ends up in one group.
import assert from "node:assert/strict";
import { test } from "node:test";

import { makeLinkKey } from "../../static/js/e2ee/link_key.js";
import { World, Page } from "./order.mjs";
import { Portal } from "./people.mjs";
import { chance, hex } from "./support.mjs";

async function world(options) {
  const portal = await Portal.make();
  return { portal, world: new World({ random: chance(1), ...options }) };
}

async function join(world, person) {
  const page = new Page(world, person);
  await world.enter(page);
  void page.session.begin();
  return page;
}

function converged(world, pages) {
  const people = pages.map(({ person }) => person.id).sort();
  for (const { person, session } of pages) {
    assert.equal(session.phase, "in", `${person.id} is ${session.phase}`);
    assert.deepEqual(person.group.members.map(({ who }) => who.participant).sort(), people, `as ${person.id} sees it`);
  }
  assert.equal(new Set(pages.map(({ person }) => hex(person.group.authenticator))).size, 1);
  assert.equal(new Set(pages.map(({ person }) => person.group.epoch)).size, 1);
  assert.deepEqual(world.twice, []);
}

test("three come, one leaves: everybody agrees, within seconds", async () => {
  const { portal, world: w } = await world();
  const pages = [];
  for (const row of ["host", "listed", "colleague"]) pages.push(await join(w, await portal.person(row)));
  await w.run(5);
  converged(w, pages);
  await w.leave(pages[0].person);
  await w.run(8);
  converged(w, pages.slice(1));
  w.delivery.close();
});

test("a page that is loaded anew is a new leaf; a cut is not", async () => {
  const { portal, world: w } = await world();
  const [host, anna] = [await join(w, await portal.person("host")), await join(w, await portal.person())];
  await w.run(5);
  const epoch = host.session.epoch;
  await w.lose(anna);
  void host.session.send("chat", { text: "missed" });
  await w.run(7);
  await w.enter(anna);
  void anna.session.resume();
  await w.run(12);
  assert.equal(anna.session.epoch, epoch);
  assert.deepEqual(anna.messages.map(({ content, from }) => [content.text, from.who.name]), [["missed", host.person.credential.name]]);
  const fresh = await join(w, await portal.person("listed", { participant: anna.person.id, keys: anna.person.keys, name: anna.person.credential.name }));
  await w.run(20);
  converged(w, [host, fresh]);
  assert.ok(host.session.epoch > epoch);
  w.delivery.close();
});

test("somebody for whom nothing speaks waits, and comes in on a host's word", async () => {
  const { portal, world: w } = await world();
  const host = await join(w, await portal.person("host"));
  void host.session.setDoor({ listed: "walks_in", colleagues: "walks_in", guests: "knocks", anyone: "turned_away" });
  const anna = await join(w, await portal.person());
  await w.run(5);
  const guest = await join(w, await portal.person("guest"));
  await w.run(15);
  converged(w, [host, anna]);
  assert.equal(guest.session.phase, "coming");
  assert.deepEqual(w.state.held, [guest.person.id]);
  await w.word(guest.person.id, await host.session.word(guest.person.id, guest.person.key));
  await w.leave(host.person);
  await w.run(25);
  converged(w, [anna, guest]);
  w.delivery.close();
});

test("a message that comes too late, for the group has gone on, is sealed anew for who is in it then", async (t) => {
  const { portal, world: w } = await world();
  t.after(() => w.delivery.close());
  const [host, anna] = [await join(w, await portal.person("host")), await join(w, await portal.person())];
  await w.run(5);
  anna.line.downAt = 20; // hears nothing until then: not that others come, nor any answer
  for (const at of [6.5, 8, 10, 12, 14, 16]) {
    await join(w, await portal.person());
    await w.run(at);
  }
  const late = anna.session.epoch;
  assert.ok(host.session.epoch > late + 4, "no server takes a message of that epoch any more");
  const said = anna.session.send("chat", { text: "still here" });
  await w.run(19);
  assert.deepEqual(host.messages, []);
  await w.run(25);
  assert.ok((await said) > 0);
  assert.deepEqual(host.messages.map(({ content }) => content.text), ["still here"]);
  assert.equal(anna.session.epoch, host.session.epoch);
});

test("a server that loses everything begins a new group with the same people", async () => {
  const { portal, world: w } = await world();
  const pages = [];
  for (let i = 0; i < 4; i++) pages.push(await join(w, await portal.person(i ? "listed" : "host")));
  await w.run(6);
  converged(w, pages);
  const before = hex(pages[0].person.group.authenticator);
  w.delivery.close();
  w.delivery = new (w.delivery.constructor)();
  for (const page of pages) await w.lose(page);
  for (const page of pages) {
    await w.enter(page);
    void page.session.resume();
  }
  await w.run(15);
  converged(w, pages);
  assert.notEqual(hex(pages[0].person.group.authenticator), before);
  w.delivery.close();
});

/** Even ones are sealed: the link gets new keys on the way, and who comes has the newest that a host was shown. */
for (const seed of process.env.LINTEL_WALKS ? Array.from({ length: Number(process.env.LINTEL_WALKS) }, (_, i) => i + 1) : [1, 4]) {
  const sealed = seed % 2 === 0;
  test(`a random walk ends with everybody in one ${sealed ? "sealed " : ""}group (${seed})`, async (t) => {
    const random = chance(seed);
    const portal = await Portal.make();
    const w = new World({ random, repeating: 0.05 });
    t.after(() => w.delivery.close());
    w.link = sealed ? makeLinkKey(1) : null;
    /** @type {Map<string, Page>} */
    const here = new Map();
    const away = new Map();
    const pick = (map) => [...map.values()][Math.floor(random() * map.size)];
    const actions = {
      async join() {
        if (here.size + away.size >= 8) return;
        const page = await join(w, await portal.person(here.size ? "listed" : "host", { link: w.link }));
        here.set(page.person.id, page);
      },
      async leave() {
        const page = pick(here);
        if (!page || here.size < 2) return;
        here.delete(page.person.id);
        await w.leave(page.person);
      },
      async reload(page = pick(here), link = page?.person.link?.newest) {
        if (!page) return;
        const { credential, keys } = page.person;
        const fresh = await join(w, await portal.person(credential.row, { participant: credential.participant, keys, name: credential.name, link }));
        here.set(fresh.person.id, fresh);
      },
      async renew() {
        const host = [...here.values()].find(({ person, session }) => person.credential.row === "host" && session.phase === "in");
        if (!sealed || !host) return;
        host.session.linkCounted(w.counted);
        host.session.renewLink().catch(() => undefined);
      },
      async cut() {
        const page = pick(here);
        if (!page) return;
        here.delete(page.person.id);
        away.set(page.person.id, page);
        await w.lose(page);
        w.at(w.now + random() * 15, async () => {
          if (!away.delete(page.person.id)) return;
          here.set(page.person.id, page);
          await w.enter(page);
          void page.session.resume();
        });
      },
      async chat() {
        const page = pick(here);
        if (page?.session.phase === "in") page.session.send("chat", { text: String(w.now) }).catch(() => undefined);
      },
    };
    const names = ["join", "join", "join", "leave", "reload", "cut", "chat", "chat", ...(sealed ? ["renew"] : [])];
    for (let step = 0; step < 30; step++) {
      await actions[names[Math.floor(random() * names.length)]]();
      await w.run(w.now + random() * (random() < 0.3 ? 3 : 0.3));
    }
    await w.run(w.now + 45);
    // Who wasn't there to hear of a new key is told at the door, and comes again with the complete link of now.
    const behind = [...here.values()].filter(({ person }) => sealed && person.link.newest.generation < w.link.generation);
    for (const page of behind) await actions.reload(page, w.link);
    if (behind.length) await w.run(w.now + 30);
    converged(w, [...here.values()]);
  });
}
