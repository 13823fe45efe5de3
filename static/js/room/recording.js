// Recording on one's own device: asked for, said to everybody, kept here. Nobody is in it who did not agree.
import { gettext } from "../lib/i18n.js";
import { ask } from "../elements/dialog.js";
import { canRecord, Recorder } from "../media/recorder.js";

/**
 * @typedef {import("../signaling/protocol.js").Person} Person
 * @typedef {"agreed" | "refused" | "unanswered"} Answer
 */

export class Recording {
  #roster;
  #talk;
  #stage;
  #call;
  #ownVoice;
  #ticker;
  #banners;
  #announcer;
  #failed;
  /** @type {Recorder | null} */
  #recorder = null;
  #began = 0;
  /** Who agreed to be in the recording that is made here. @type {Set<string>} */
  #agreed = new Set();
  /** What this person said to each who records. @type {Map<string, Answer>} */
  #answers = new Map();
  /** People whose recording has this person in it, as their devices say. @type {Set<string>} */
  #inOf = new Set();
  /** What is shown of whom; drawn anew only when it changes. @type {Map<string, string>} */
  #drawn = new Map();
  /** The same of the own recording. */
  #ownDrawn = "";
  #starting = false;

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster, talk: import("./talk.js").Talk, stage: import("../elements/stage.js").Stage,
   *   call: import("../media/call.js").Call, ownVoice: () => MediaStreamTrack | null, ticker: string,
   *   banners: import("../elements/banners.js").Banners, announcer: import("../elements/announcer.js").Announcer,
   *   failed: (error: unknown) => void,
   * }} parts
   */
  constructor({ roster, talk, stage, call, ownVoice, ticker, banners, announcer, failed }) {
    this.#roster = roster;
    this.#talk = talk;
    this.#stage = stage;
    this.#call = call;
    this.#ownVoice = ownVoice;
    this.#ticker = ticker;
    this.#banners = banners;
    this.#announcer = announcer;
    this.#failed = failed;
    roster.on("gone", ({ person }) => this.#forget(person.participant));
    addEventListener("beforeunload", (event) => {
      if (this.#recorder) event.preventDefault();
    });
  }

  /** Whether something is being recorded here. */
  get isOn() {
    return this.#recorder !== null;
  }

  /** Whether this person may begin, and this browser can. */
  get isPossible() {
    return this.#roster.capabilities.record && canRecord();
  }

  async toggle() {
    await (this.#recorder ? this.stop() : this.#start());
  }

  async #start() {
    if (this.#starting || !this.isPossible) return;
    this.#starting = true;
    try {
      const sure = await ask({
        title: gettext("Record this meeting?"),
        body: gettext("Everybody is told, and so is whoever comes later. Only people who agree are in the recording. It stays on this device; what you do with it is up to you."),
        answers: [{ value: "record", label: gettext("Record"), danger: true }],
      });
      if (!sure || !this.isPossible) return;
      await this.#talk.record(true);
      this.#agreed.clear();
      this.#recorder = new Recorder({ scene: () => this.#scene(), voices: () => this.#voices(), ticker: this.#ticker, onFailed: (error) => (this.#failed(error), void this.stop()) });
      this.#recorder.start();
      this.#stage.needsAll = true;
      this.#began = Date.now();
      this.#announcer.alert(gettext("You’re recording on this device."));
      this.render();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#starting = false;
    }
  }

  /** Ends it, for whatever reason, and gives the file to this person. @param {{isOut?: boolean}} [where] */
  async stop({ isOut = false } = {}) {
    const recorder = this.#recorder;
    if (!recorder) return;
    this.#recorder = null;
    this.#stage.needsAll = false;
    this.#agreed.clear();
    save(await recorder.stop(), this.#roster.meeting?.title ?? "", this.#began);
    this.#announcer.alert(gettext("The recording was saved on this device."));
    if (isOut) return;
    this.#banners.show("recorded", { icon: "circle-check", title: gettext("The recording was saved on this device."), forMs: 8000, closable: true });
    await this.#talk.record(false).catch(this.#failed);
    this.render();
  }

  /** @param {{participant: string, agrees: boolean}} answer from somebody who is in the room */
  answered({ participant, agrees }) {
    const person = this.#roster.people.get(participant);
    if (!this.#recorder || !person || this.#agreed.has(participant) === agrees) return;
    if (agrees) this.#agreed.add(participant);
    else this.#agreed.delete(participant);
    this.#announcer.say(agrees ? gettext("{name} agreed to be recorded.", { name: person.name }) : gettext("{name} isn’t recorded.", { name: person.name }));
    void this.#talk.tellRecorded([...this.#agreed]).catch(() => undefined);
    this.render();
  }

  /** @param {{participant: string, includesYou: boolean}} said by the device of somebody who records */
  listed({ participant, includesYou }) {
    if (includesYou) this.#inOf.add(participant);
    else this.#inOf.delete(participant);
    this.render();
  }

  render() {
    if (this.#recorder && !this.#roster.capabilities.record) void this.stop();
    this.#renderOwn();
    const recorders = this.#roster.recorders.filter(({ participant }) => participant !== this.#roster.you);
    const ids = new Set(recorders.map(({ participant }) => participant));
    for (const id of this.#drawn.keys()) if (!ids.has(id)) this.#over(id);
    for (const person of recorders) this.#renderTheirs(person);
  }

  /** Out of the room. */
  clear() {
    void this.stop({ isOut: true });
    this.#answers.clear();
    this.#inOf.clear();
    this.#drawn.clear();
    this.#ownDrawn = "";
  }

  #renderOwn() {
    const agreed = [...this.#agreed].filter((id) => this.#roster.people.has(id)).length;
    const state = this.#recorder ? `${agreed} ${this.#roster.others.length}` : "";
    if (state === this.#ownDrawn) return;
    this.#ownDrawn = state;
    if (!this.#recorder) {
      this.#banners.hide("recording");
      return;
    }
    this.#banners.show("recording", {
      icon: "circle-dot",
      title: gettext("You’re recording on this device."),
      text: agreedWords(agreed, this.#roster.others.length),
      actions: [{ label: gettext("Stop recording"), danger: true, run: () => void this.stop() }],
    });
  }

  /** @param {Person} person */
  #renderTheirs({ participant, name }) {
    const answer = this.#answers.get(participant) ?? "unanswered";
    // Somebody on the way could keep a no back: it counts as heard when the device that records says so.
    const isHeard = answer === "agreed" || !this.#inOf.has(participant);
    const state = `${answer} ${isHeard}`;
    if (this.#drawn.get(participant) === state) return;
    const isNew = !this.#drawn.has(participant);
    this.#drawn.set(participant, state);
    const title = gettext("{name} is recording on their device.", { name });
    const text = !isHeard
      ? gettext("{name}’s device hasn’t confirmed yet that you’re out. Until it does, you may still be in the recording.", { name })
      : {
          unanswered: gettext("You’re not in the recording unless you agree."),
          agreed: gettext("You agreed to be in the recording."),
          refused: gettext("You’re not in the recording."),
        }[answer];
    const agree = { label: gettext("Agree"), run: () => void this.#answer(participant, true) };
    const refuse = { label: answer === "agreed" ? gettext("Take me out") : gettext("Don’t agree"), run: () => void this.#answer(participant, false) };
    this.#banners.show(`recording-${participant}`, {
      icon: "circle-dot", title, text,
      actions: answer === "unanswered" || !isHeard ? [agree, refuse] : answer === "agreed" ? [refuse] : [agree],
    });
    if (!isNew) return;
    this.#announcer.alert(`${title} ${text}`);
    // A page that was loaded anew shows no answer: an earlier yes must not count any more.
    void this.#talk.answerRecording(participant, false).catch(() => undefined);
  }

  /**
   * @param {string} participant
   * @param {boolean} agrees
   */
  async #answer(participant, agrees) {
    try {
      await this.#talk.answerRecording(participant, agrees);
      this.#answers.set(participant, agrees ? "agreed" : "refused");
      this.render();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Somebody no longer records. Should they begin again, everybody is asked again. @param {string} participant */
  #over(participant) {
    this.#drawn.delete(participant);
    this.#answers.delete(participant);
    this.#inOf.delete(participant);
    this.#banners.hide(`recording-${participant}`);
    const name = this.#roster.people.get(participant)?.name;
    if (name) this.#announcer.say(gettext("{name} stopped recording.", { name }));
  }

  /** @param {string} participant */
  #forget(participant) {
    this.#agreed.delete(participant);
    this.#answers.delete(participant);
  }

  /** @param {string} participant */
  #isIn(participant) {
    return participant === this.#roster.you || this.#agreed.has(participant);
  }

  #scene() {
    const { width, height, pictures } = this.#stage.scene();
    return { width, height, pictures: pictures.map(({ participant, ...picture }) => (this.#isIn(participant) ? picture : { ...picture, video: null, name: "" })) };
  }

  #voices() {
    const heard = [...this.#call.incoming].filter(([, { source, participant }]) => (source === "microphone" || source === "screen_audio") && this.#isIn(participant));
    const voices = new Map(heard.flatMap(([key, { stream }]) => (stream?.getAudioTracks() ?? []).map((track) => /** @type {const} */ ([key, track]))));
    const own = this.#ownVoice();
    if (own) voices.set("own", own);
    return voices;
  }
}

/**
 * @param {number} agreed
 * @param {number} others
 */
function agreedWords(agreed, others) {
  if (!others) return gettext("Nobody else is here.");
  if (others > 1) return gettext("{agreed} of {others} others agreed to be in it.", { agreed, others });
  return agreed ? gettext("The other person agreed to be in it.") : gettext("The other person hasn’t agreed to be in it.");
}

/**
 * @param {Blob} content
 * @param {string} title of the meeting
 * @param {number} began
 */
function save(content, title, began) {
  const moment = new Date(began - new Date(began).getTimezoneOffset() * 60_000).toISOString().slice(0, 16).replace("T", " ").replace(":", ".");
  const ending = content.type.includes("mp4") ? "mp4" : "webm";
  const named = title.replace(/[^\p{L}\p{N} ._-]+/gu, " ").trim().slice(0, 80);
  const url = URL.createObjectURL(content);
  const link = Object.assign(document.createElement("a"), { href: url, download: `${[moment, named].filter(Boolean).join(" ")}.${ending}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
