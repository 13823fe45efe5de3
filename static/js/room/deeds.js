// What this person does in the room, each with the words that belong to it. Hosts' questions are asked here too.
import { gettext, ngettext } from "../lib/i18n.js";
import { RequestFailed } from "../signaling/protocol.js";
import { ask } from "../elements/dialog.js";

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
    const words = kind === "microphone" ? [gettext("Microphone off"), gettext("Microphone on")] : [gettext("Camera off"), gettext("Camera on")];
    await this.#participation.turn(kind, on);
    const is = this.#participation[kind];
    if (is === on) this.#announcer.say(words[Number(on)]);
    if (kind === "microphone" && is) this.#banners.hide("muted");
  }

  async share() {
    if (this.#roster.suspended) {
      this.#failed(new RequestFailed("suspended", "suspended"));
      return;
    }
    if (!this.#roster.capabilities.share) {
      this.#banners.show("device", { icon: "info", title: gettext("Only hosts can share in this meeting."), forMs: 5000 });
      return;
    }
    if (this.#participation.sharing) await this.#participation.stopSharing();
    else await this.#participation.share();
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

  muteEveryone() {
    void this.#hosting.muteEveryone().then(() => this.#announcer.say(gettext("Everyone is muted")), this.#failed);
  }

  lowerHands() {
    for (const person of this.#roster.hands) void this.#talk.lowerHand(person.participant).catch(this.#failed);
  }
}
