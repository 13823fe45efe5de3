// What this person does in the room, each with the words that belong to it. Hosts' questions are asked here too.
import { gettext, ngettext } from "../lib/i18n.js";
import { RequestFailed } from "../signaling/protocol.js";
import { ask } from "../elements/dialog.js";
import { RIGHT_OF, whyNot } from "../elements/rights_words.js";

/** @typedef {import("../signaling/protocol.js").OwnSource} OwnSource */

export class Deeds {
  #client;
  #talk;
  #roster;
  #participation;
  #hosting;
  #banners;
  #announcer;
  /** @param {unknown} error */
  #failed;

  /**
   * @param {{
   *   client: import("../signaling/client.js").MeetingClient, talk: import("./talk.js").Talk, roster: import("../signaling/roster.js").Roster,
   *   participation: import("../media/participation.js").Participation, hosting: import("../signaling/hosting.js").Hosting,
   *   banners: import("../elements/banners.js").Banners, announcer: import("../elements/announcer.js").Announcer,
   *   failed: (error: unknown) => void,
   * }} parts
   */
  constructor({ client, talk, roster, participation, hosting, banners, announcer, failed }) {
    this.#client = client;
    this.#talk = talk;
    this.#roster = roster;
    this.#participation = participation;
    this.#hosting = hosting;
    this.#banners = banners;
    this.#announcer = announcer;
    this.#failed = failed;
  }

  /** @param {"microphone" | "camera"} kind */
  async turn(kind) {
    const on = !this.#participation[kind];
    if (on && !this.#may(kind)) return;
    const words = kind === "microphone" ? [gettext("Microphone off"), gettext("Microphone on")] : [gettext("Camera off"), gettext("Camera on")];
    await this.#participation.turn(kind, on);
    const is = this.#participation[kind];
    if (is === on) this.#announcer.say(words[Number(on)]);
    if (kind === "microphone" && is) this.#banners.hide("muted");
  }

  async share() {
    if (this.#participation.sharing) await this.#participation.stopSharing();
    else if (this.#may("screen")) await this.#participation.share();
  }

  /**
   * Whether this source may be switched on now. Where not, it is said why, and the raised hand is the way.
   * @param {OwnSource} source
   */
  #may(source) {
    const { suspended, capabilities, self } = this.#roster;
    if (suspended) {
      this.#failed(new RequestFailed("suspended", "suspended"));
      return false;
    }
    const right = RIGHT_OF[source];
    if (capabilities[right]) return true;
    const title = whyNot(this.#roster, right);
    const actions = self?.hand ? [] : [{ label: gettext("Raise hand"), run: () => (this.#banners.hide("rights"), void this.raiseHand(true)) }];
    this.#banners.show("rights", { icon: "lock", title, text: self?.hand ? gettext("Your hand is raised.") : gettext("Raise your hand to ask."), actions, forMs: 10_000, closable: true });
    this.#announcer.alert(title);
    return false;
  }

  /**
   * A host asked for it, and it was accepted: what the raised hand was for.
   * @param {OwnSource} source
   */
  async accept(source) {
    if (source === "screen") await this.share();
    else if (!this.#participation[source]) await this.turn(source);
    if (this.#roster.self?.hand) await this.raiseHand(false);
  }

  /** @param {boolean} raised */
  async raiseHand(raised) {
    try {
      await this.#talk.raiseHand(raised);
      this.#announcer.say(raised ? gettext("Hand raised") : gettext("Hand lowered"));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {string} emoji */
  react(emoji) {
    void this.#talk.react(emoji).catch(this.#failed);
  }

  async leave() {
    const { capabilities, others, waiting } = this.#roster;
    const lastHost = capabilities.host && !others.some((person) => person.host) && (others.length > 0 || waiting.length > 0);
    if (!lastHost) {
      await this.#client.leave();
      return;
    }
    const given = await ask({
      title: gettext("Leave the meeting?"),
      body: gettext("You’re the only host inside. If you leave, others stay, and nobody can answer the door."),
      cancel: gettext("Stay"),
      answers: [{ value: "leave", label: gettext("Leave") }, { value: "end", label: gettext("End for everyone"), danger: true }],
    });
    if (given?.answer === "leave") await this.#client.leave();
    if (given?.answer === "end") await this.#hosting.end().catch(this.#failed);
  }

  // ---- as a host

  async end() {
    const count = this.#roster.others.length;
    const given = await ask({
      title: gettext("End the meeting for everyone?"),
      body: count ? ngettext("{count} other person leaves with you.", "{count} other people leave with you.", count) : gettext("Nobody else is inside."),
      answers: [{ value: "end", label: gettext("End for everyone"), danger: true }],
    });
    if (given) await this.#hosting.end().catch(this.#failed);
  }

  /** One press, nothing asked: what next is asked afterwards. */
  async suspend() {
    await this.#hosting.suspend().catch(this.#failed);
  }

  /** @param {boolean} quiet with everybody's microphone and camera off */
  resume(quiet) {
    void this.#hosting.resume(quiet).catch(this.#failed);
  }

  /** Both own devices, while nobody sees or hears them. */
  async switchOff() {
    for (const kind of /** @type {const} */ (["microphone", "camera"])) if (this.#participation[kind]) await this.#participation.turn(kind, false);
  }

  lock() {
    void this.#hosting.lock(!this.#roster.meeting?.locked).catch(this.#failed);
  }

  async muteEveryone() {
    const onlyHosts = this.#roster.meeting?.rights.speak === "hosts";
    const given = await ask({
      title: gettext("Mute everyone?"),
      body: gettext("Every microphone but yours is switched off. People are told that you did it."),
      ticks: onlyHosts ? [] : [{ id: "unmute", label: gettext("Let people unmute themselves"), checked: true }],
      answers: [{ value: "mute", label: gettext("Mute everyone"), primary: true }],
    });
    if (!given) return;
    await this.#hosting.muteEveryone(onlyHosts || given.ticks.unmute).then(() => this.#announcer.say(gettext("Everyone is muted")), this.#failed);
  }

  /** @param {Partial<import("../signaling/protocol.js").Rights>} rights whom the meeting lets, from now on */
  async give(rights) {
    await this.#hosting.give(rights).catch(this.#failed);
  }

  /**
   * What the door does with one kind of people. Whoever would have to go is named in number first.
   * @param {import("../lib/door.js").Row} row
   * @param {import("../lib/door.js").Way} way
   */
  async setWay(row, way) {
    const kind = { listed: "listed", colleagues: "colleague", guests: "guest", anyone: "anyone" }[row];
    const inside = [...this.#roster.people.values()].filter((person) => person.kind === kind && !person.host).length;
    if (way === "turned_away" && inside) {
      const sure = await ask({
        title: ngettext("Turn away the {count} who is inside?", "Turn away the {count} who are inside?", inside),
        body: gettext("Whoever came in without a host letting them in is out at once, and nobody of that kind comes in any more."),
        answers: [{ value: "away", label: gettext("Turn away"), danger: true }],
      });
      if (!sure) return;
    }
    await this.#hosting.setWay(row, way).catch(this.#failed);
  }

  lowerHands() {
    for (const person of this.#roster.hands) void this.#talk.lowerHand(person.participant).catch(this.#failed);
  }
}
