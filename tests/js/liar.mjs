// A server that does what it likes: it hears what devices say, and tells each of them whatever a test wants.
import { base64url } from "../../static/js/e2ee/bytes.js";
import { Session } from "../../static/js/e2ee/session.js";

/** One device, and what it has said and come to believe. */
export class Victim {
  said = [];
  steps = [];
  messages = [];
  links = [];
  missing = [];
  overdue = [];
  keyPackage = null;
  isAnswered = true;
  refusal = "conflict";

  constructor(person) {
    this.person = person;
    this.session = new Session({
      identity: person, group: person.group, backing: person.backing, link: person.link,
      request: async (type, fields) => {
        this.said.push({ type, ...fields });
        if (type === "e2ee.hello") this.keyPackage = fields.key_package;
        if (!this.isAnswered) throw Object.assign(new Error("refused"), { code: this.refusal });
        return { seq: this.said.length };
      },
    });
    this.session.on("changed", (step) => this.steps.push(step));
    this.session.on("message", (message) => this.messages.push(message));
    this.session.on("link", (link) => this.links.push(link));
    this.session.on("missing", ({ who }) => this.missing.push(who.participant));
    this.session.on("overdue", (participants) => (this.overdue = participants));
  }

  get id() {
    return this.person.id;
  }

  get last() {
    return this.steps.at(-1);
  }

  /** Who is inside, as this device sees it. */
  get roster() {
    return this.last.members.map(({ who }) => who.participant).sort();
  }

  /** What this device said of one kind, newest last. */
  of(type) {
    return this.said.filter((one) => one.type === type);
  }

  /** Tells this device something; resolves when it has acted on it. */
  tell(message) {
    return this.session.take(message);
  }
}

export class Liar {
  seq = 1;

  /** A device comes: it has said hello and waits. */
  async met(person) {
    const victim = new Victim(person);
    await victim.session.begin();
    return victim;
  }

  /** This device begins a group. */
  async create(victim) {
    await victim.tell({ type: "e2ee.create" });
    this.group = victim.of("e2ee.created").at(-1).group;
    return this.group;
  }

  /** Asks a member to add these devices. Returns the commit, or null where it declined. */
  async work(by, add, { word = null, remove = [], group = this.group } = {}) {
    const before = by.of("e2ee.commit").length;
    const offers = add.map((one, offer) => ({ participant: one.id, offer, key_package: one.keyPackage, word }));
    await by.tell({ type: "e2ee.work", group, epoch: by.session.epoch, add: offers, remove, refresh: false });
    return by.of("e2ee.commit").slice(before).at(-1) ?? null;
  }

  /** A commit as members are told of it; `lies` are put in place of what is true. */
  told(by, commit, lies = {}) {
    return {
      type: "e2ee.commit", seq: ++this.seq, group: commit.group, epoch: commit.epoch + 1, from: by.id, commit: commit.commit,
      add: commit.add.map(({ participant }) => participant), remove: commit.remove, ...lies,
    };
  }

  welcome(commit, lies = {}) {
    return { type: "e2ee.welcome", seq: ++this.seq, group: commit.group, epoch: commit.epoch + 1, welcome: commit.welcome, ...lies };
  }

  /** What an honest server does: everybody hears the commit, newcomers their welcome. */
  async pass(by, commit, members, newcomers) {
    const told = this.told(by, commit);
    await Promise.all([by, ...members].map((member) => member.tell(told)));
    await Promise.all(newcomers.map((one) => one.tell(this.welcome(commit))));
  }

  async admit(by, newcomers, members = [], options = {}) {
    const commit = await this.work(by, newcomers, options);
    if (!commit) throw new Error(`${by.id} declined`);
    await this.pass(by, commit, members, newcomers);
    return commit;
  }
}

/** A word as the wire carries it. */
export const onTheWire = (word) => base64url(new TextEncoder().encode(JSON.stringify(word)));
