// What the room says when something happened: a note over the stage, and the same words for screen readers.
import { gettext } from "../lib/i18n.js";
import { RequestFailed } from "../signaling/protocol.js";
import { chime } from "../elements/sounds.js";
import { RIGHT_OF, changeWords, whyNot } from "../elements/rights_words.js";
import { authorizationWords } from "./authorization_words.js";

/**
 * @typedef {import("../signaling/protocol.js").Waiter} Waiter
 * @typedef {import("../signaling/protocol.js").OwnSource} OwnSource
 * @typedef {import("../signaling/protocol.js").Capabilities} Capabilities
 */

const KNOCK_AGAIN_AFTER_MS = 60_000;

export class Notices {
  #roster;
  #devices;
  #preferences;
  #banners;
  #announcer;
  /** @type {any} */
  #knockTimer = null;

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster, devices: import("../media/devices.js").Devices,
   *   preferences: import("../lib/preferences.js").Preferences, banners: import("../elements/banners.js").Banners,
   *   announcer: import("../elements/announcer.js").Announcer,
   * }} parts
   */
  constructor({ roster, devices, preferences, banners, announcer }) {
    this.#roster = roster;
    this.#devices = devices;
    this.#preferences = preferences;
    this.#banners = banners;
    this.#announcer = announcer;
  }

  clear() {
    clearTimeout(this.#knockTimer);
    this.#banners.clear();
  }

  /** @param {Waiter} waiter */
  knocked(waiter) {
    this.#announcer.alert(
      waiter.kind === "guest" || waiter.kind === "anyone"
        ? gettext("{name}, guest, is at the door. Alt Shift A to answer.", { name: waiter.name })
        : gettext("{name} is at the door. Alt Shift A to answer.", { name: waiter.name }),
    );
    const ring = () => {
      if (this.#preferences.get("chimeKnock")) void chime("knock", this.#devices.speaker);
    };
    ring();
    clearTimeout(this.#knockTimer);
    this.#knockTimer = setTimeout(() => {
      if (this.#roster.waiting.some(({ participant }) => participant === waiter.participant)) ring();
    }, KNOCK_AGAIN_AFTER_MS);
    if (document.hidden && this.#preferences.get("notify") && "Notification" in globalThis && Notification.permission === "granted") {
      const notice = new Notification(gettext("{name} is at the door", { name: waiter.name }), { body: this.#roster.meeting?.title ?? "", tag: "lintel-door" });
      notice.onclick = () => globalThis.focus();
    }
  }

  /**
   * @param {"microphone" | "camera" | "screen"} source
   * @param {string | null} by
   */
  wasMuted(source, by) {
    const who = { name: by ?? gettext("A host") };
    const title = { microphone: gettext("{name} muted you.", who), camera: gettext("{name} stopped your video.", who), screen: gettext("{name} stopped your sharing.", who) }[source];
    const mayAgain = this.#roster.capabilities[RIGHT_OF[source]];
    const text = source === "microphone" && mayAgain ? gettext("Turn your microphone on when you want to speak.") : "";
    const icon = { microphone: "mic-off", camera: "video-off", screen: "monitor-x" }[source];
    this.#banners.show("muted", { icon, title, text, forMs: 10_000, closable: true });
    this.#announcer.alert(title);
  }

  /**
   * A host can ask, never switch on.
   * @param {OwnSource} source
   * @param {string | null} by
   * @param {() => void} accept
   */
  asked(source, by, accept) {
    const who = { name: by ?? gettext("A host") };
    const title = { microphone: gettext("{name} asks you to speak", who), camera: gettext("{name} asks you to turn on your camera", who), screen: gettext("{name} asks you to share your screen", who) }[source];
    const yes = { microphone: gettext("Turn on microphone"), camera: gettext("Turn on camera"), screen: gettext("Share") }[source];
    const over = () => this.#banners.hide("asked");
    this.#banners.hide("rights");
    this.#banners.hide("muted");
    this.#banners.show("asked", {
      icon: { microphone: "mic", camera: "video", screen: "monitor-up" }[source], title,
      actions: [{ label: yes, run: () => (over(), accept()) }, { label: gettext("Not now"), run: over }],
    });
    this.#announcer.alert(title);
  }

  /** @param {{was: Capabilities, capabilities: Capabilities, by: string | null}} change of one's own rights */
  rightsChanged(change) {
    const words = changeWords(this.#roster, change);
    if (!words) return;
    if (!change.capabilities.speak) this.#banners.hide("muted"); // one note about it, and this one says more
    const icon = change.capabilities.host !== change.was.host ? "key-round" : words.lost ? "lock" : "lock-open";
    this.#banners.show("rights", { icon, title: words.title, text: words.text, forMs: words.lost ? 15_000 : 8000, closable: true });
    this.#announcer.alert(`${words.title} ${words.text}`.trim());
  }

  /** @param {import("../signaling/protocol.js").AuthorizationMessage} message */
  authorization(message) {
    const nameOf = (/** @type {string | null} */ participant) => this.#roster.people.get(participant ?? "")?.name ?? gettext("somebody");
    const { title, text, stays, isBad } = authorizationWords(message, this.#roster.you, nameOf);
    this.#banners.show("authorization", { icon: isBad ? "circle-alert" : "info", title, text, forMs: stays ? undefined : 10_000, closable: true });
    this.#announcer.alert(`${title} ${text}`.trim());
  }

  /**
   * @param {"microphone" | "camera" | "screen"} what
   * @param {unknown} error
   */
  deviceFailed(what, error) {
    if (error instanceof RequestFailed && error.code === "suspended") {
      this.failed(error);
      return;
    }
    const allowed = !(error instanceof RequestFailed && error.code === "not_allowed");
    const title = !allowed
      ? whyNot(this.#roster, RIGHT_OF[what])
      : {
          microphone: gettext("Your microphone didn’t start."),
          camera: gettext("Your camera didn’t start."),
          screen: gettext("Sharing didn’t start."),
        }[what];
    const text = !allowed || what === "screen" ? "" : error === "blocked" || error === "blocked_by_system" ? gettext("Allow it in the browser’s address bar, then try again.") : error === "in_use" ? gettext("Another app is using it.") : gettext("Try again or pick another one.");
    this.#banners.show("device", { icon: "circle-alert", title, text, forMs: 8000, closable: true });
    this.#announcer.alert(title);
  }

  /** @param {() => void} play what a press allows */
  soundBlocked(play) {
    this.#banners.show("sound", {
      icon: "volume-x", title: gettext("The browser holds the sound back."),
      actions: [{ label: gettext("Play sound"), run: () => (play(), this.#banners.hide("sound")) }],
    });
  }

  /** @param {unknown} error */
  failed(error) {
    const code = error instanceof RequestFailed ? error.code : "";
    const title =
      {
        cut: gettext("You’re offline, so that didn’t happen."),
        no_answer: gettext("The server didn’t answer. Try again."),
        not_a_host: gettext("Only hosts can do that."),
        not_allowed: gettext("That isn’t allowed in this meeting."),
        limited: gettext("Your administrator has settled that for every meeting."),
        organiser: gettext("They made this meeting, so they keep the host’s role."),
        suspended: gettext("The meeting is suspended. Wait until a host resumes it."),
        no_such_participant: gettext("They aren’t here any more."),
        flagged: gettext("Somebody at the door needs a look of their own first."),
        changed: gettext("They gave another name since. Look who it is now."),
        link_key: gettext("That has the key of a sealed link in it, and the server would read it. It wasn’t sent."),
        too_many: gettext("Too fast. Wait a moment."),
      }[code] ?? gettext("That didn’t work. Try again.");
    this.#banners.show("failed", { icon: "circle-alert", title, forMs: 6000, closable: true });
    this.#announcer.alert(title);
  }
}
