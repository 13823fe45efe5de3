// Many devices and one delivery service in a time of their own: real sessions and groups, the server's real rules (in
// Python), and a network that is slow, repeats itself and breaks.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { Session } from "../../static/js/e2ee/session.js";

// ---- the server

export class DeliveryPeer {
  #process = spawn("python3", [new URL("../support/delivery_peer.py", import.meta.url).pathname], { stdio: ["pipe", "pipe", "inherit"] });
  #lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();

  async call(what, fields, now) {
    this.#process.stdin.write(`${JSON.stringify({ do: what, with: fields, now })}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the delivery service died of ${what}`);
    return JSON.parse(value);
  }

  close() {
    this.#process.stdin.end();
  }
}

// ---- knowing when nothing happens any more

let busy = 0;
for (const name of ["decrypt", "deriveBits", "deriveKey", "digest", "encrypt", "exportKey", "generateKey", "importKey", "sign", "verify"]) {
  const real = crypto.subtle[name].bind(crypto.subtle);
  crypto.subtle[name] = (...args) => {
    busy += 1;
    const doing = real(...args);
    const done = () => (busy -= 1);
    doing.then(done, done);
    return doing;
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Every computation that was begun has ended; only the network can start another. */
export async function settled() {
  for (let calm = 0; calm < 4; calm++) {
    await turn();
    if (busy) calm = -1;
  }
}

// ---- devices and lines

const REFUSED = Object.assign(new Error("refused"), { code: "conflict" });
const CUT = Object.assign(new Error("cut"), { code: "cut" });

/** One page: a session over a line that delivers in order, late, and until it is cut. */
export class Page {
  constructor(world, person) {
    this.world = world;
    this.person = person;
    this.line = null;
    this.session = new Session({
      identity: person, group: person.group, backing: person.backing, link: person.link, now: () => Date.now() + world.now * 1000,
      request: (type, fields) => this.#request(type, fields),
      log: (what, error) => world.log?.(`${person.id} ${what}: ${error?.code ?? error}`),
    });
    this.messages = [];
    this.session.on("message", (message) => this.messages.push(message));
    this.session.on("link", ({ key, own }) => own && (world.link = key));
  }

  connect() {
    this.line = { open: true, upAt: 0, downAt: 0, waiting: new Set() };
  }

  cut() {
    const { line } = this;
    if (!line) return;
    this.line = null;
    line.open = false;
    for (const reject of line.waiting) reject(CUT);
  }

  #request(type, fields) {
    const { line, world } = this;
    if (!line) return Promise.reject(CUT);
    return new Promise((resolve, reject) => {
      line.waiting.add(reject);
      const done = (how, what) => line.waiting.delete(reject) && how(what);
      line.upAt = Math.max(line.upAt, world.now + world.delay());
      world.at(line.upAt, async () => {
        if (!line.open) return;
        const { error, result } = await world.serve(this, type, fields);
        this.tell(() => (error ? done(reject, REFUSED) : done(resolve, { seq: result })));
      });
    });
  }

  /** Something of the server on its way down this line. */
  tell(deliver) {
    const { line, world } = this;
    if (!line) return;
    line.downAt = Math.max(line.downAt, world.now + world.delay());
    world.at(line.downAt, () => line.open && deliver());
  }

  hear(message) {
    this.tell(() => {
      void this.session.take(message);
      if (this.world.repeats()) void this.session.take(message);
    });
  }
}

export class World {
  now = 0;
  #events = [];
  #count = 0;

  constructor({ random, slow = 0.4, repeating = 0 }) {
    this.random = random;
    this.delivery = new DeliveryPeer();
    this.delay = () => (random() < 0.05 ? slow * 6 * random() : slow * random() * 0.3);
    this.repeats = () => random() < repeating;
    /** Participant → the page that has their socket, or null while it is away. */
    this.seats = new Map();
    /** Every commit that was told: `group epoch` → commit. */
    this.commits = new Map();
    /** Of a sealed meeting: the newest complete link that a host was shown, and how many keys the portal has counted. */
    this.link = null;
    this.counted = 1;
    this.twice = [];
    this.nextAt = null;
  }

  at(time, run) {
    this.#events.push({ time, order: this.#count++, run });
  }

  async #do(what, fields) {
    const answer = await this.delivery.call(what, fields, this.now);
    this.nextAt = answer.next_at;
    this.state = answer;
    for (const [participant, message] of answer.outbox) {
      if (message.type === "e2ee.commit") {
        const key = `${message.group} ${message.epoch}`;
        const told = this.commits.get(key);
        if (told !== undefined && told !== message.commit) this.twice.push(key);
        this.commits.set(key, message.commit);
      }
      this.seats.get(participant)?.hear(message);
    }
    return answer;
  }

  async serve(page, type, fields) {
    const participant = page.person.id;
    const offers = (list) => (list ?? []).map(({ participant: who, offer }) => [who, offer]);
    if (this.seats.get(participant) !== page) return { error: "another socket" };
    const { group, epoch } = fields;
    switch (type) {
      case "e2ee.hello": return this.#do("hello", { participant, key_package: fields.key_package });
      case "e2ee.created": return this.#do("created", { participant, group });
      case "e2ee.resume": return this.#do("resume", { participant, group, seq: fields.seq });
      case "e2ee.applied": return this.#do("applied", { participant, group, epoch });
      case "e2ee.nack": return this.#do("nack", { participant, group, epoch });
      case "e2ee.decline": return this.#do("decline", { participant, offers: offers(fields.offers), more: fields.more });
      case "e2ee.commit":
        return this.#do("commit", { participant, group, epoch, commit: fields.commit, welcome: fields.welcome ?? null, add: offers(fields.add), remove: fields.remove });
      case "e2ee.link":
        if (fields.generation !== this.counted + 1) return { error: "another was first" };
        this.counted = fields.generation;
        return { result: null };
      case "e2ee.app": return this.#do("message", { participant, group, epoch, kind: fields.class, content: fields.message });
      default: throw new Error(type);
    }
  }

  async #present() {
    await this.#do("present", { inside: Object.fromEntries([...this.seats].map(([participant, page]) => [participant, page !== null])) });
  }

  word(participant, word) {
    return this.#do("word", { participant, word });
  }

  /** This page takes the seat, as after Join, a reload or a cut. */
  async enter(page) {
    this.seats.get(page.person.id)?.cut();
    page.connect();
    this.seats.set(page.person.id, page);
    await this.#present();
  }

  /** The socket is gone; the seat is kept. */
  async lose(page) {
    if (this.seats.get(page.person.id) !== page) return;
    page.cut();
    this.seats.set(page.person.id, null);
    await this.#present();
  }

  /** The seat is gone too: left, removed, or lost for too long. */
  async leave(person) {
    this.seats.get(person.id)?.cut();
    this.seats.delete(person.id);
    await this.#present();
  }

  /** Lets things happen until `end`, one after the other. */
  async run(end) {
    for (;;) {
      await settled();
      this.#events.sort((a, b) => a.time - b.time || a.order - b.order);
      const next = this.#events[0];
      const tick = this.nextAt ?? Infinity;
      const time = Math.min(next?.time ?? Infinity, tick);
      if (time > end) break;
      this.now = Math.max(this.now, time);
      if (next && next.time <= tick) {
        this.#events.shift();
        await next.run();
      } else await this.#do("tick", {});
    }
    this.now = end;
  }
}
