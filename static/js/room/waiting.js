// Somebody at the door: since when, who can see it, what comes next, what the hosts say.
import { h, icon, put, setText } from "../lib/h.js";
import { clockTime, gettext, listOf } from "../lib/i18n.js";
import { whenAndWith } from "./question.js";

/**
 * @typedef {import("./door_data.js").DoorData} DoorData
 * @typedef {import("../signaling/protocol.js").DoorMessage} DoorMessage
 */

const STILL_WAITING_MS = 600_000;

export class WaitingCard {
  #root;
  #door;
  #preferences;
  #stopWaiting;
  #heading = h("h2", { class: "wait-h", id: "wait-h" });
  #headingText = h("span");
  #text = h("p", { class: "num" });
  #still = h("p", { class: "num", hidden: true }, gettext("Still waiting. The hosts see your request."));
  #line = h("p", { class: "meta", hidden: true });
  #steps = h("ol", { class: "steps" });
  #message = h("blockquote", { class: "hostmsg", hidden: true });
  #messageText = h("span", { dir: "auto" });
  /** @type {any} */
  #ticking = null;

  /**
   * @param {HTMLElement} root
   * @param {DoorData} door
   * @param {import("../lib/preferences.js").Preferences} preferences
   * @param {() => void} stopWaiting
   */
  constructor(root, door, preferences, stopWaiting) {
    this.#root = root;
    this.#door = door;
    this.#preferences = preferences;
    this.#stopWaiting = stopWaiting;
    this.#heading.append(h("span", { class: "pulse" }), this.#headingText);
    this.#message.append(icon("message-square"), h("span", {}, h("b", {}, gettext("From the hosts")), this.#messageText));
  }

  /**
   * @param {DoorMessage} message
   * @param {boolean} moved was inside until a host sent them here
   */
  show(message, moved) {
    const meeting = this.#door.meeting;
    const early = message.reason === "early";
    if (message.reason === "authorization") moved = false; // no host did it
    const full = message.reason === "full";
    const asked = message.reason === "moving";
    setText(this.#headingText, asked ? gettext("You asked for your link") : early ? gettext("You’re early") : full ? gettext("The room is full") : moved ? gettext("A host moved you to the door") : gettext("You’re at the door"));
    setText(this.#text, moved && !full && !asked ? gettext("They can let you in again.") : waitSentence(message));
    this.#message.hidden = !message.message;
    setText(this.#messageText, message.message ?? "");
    if (!this.#heading.isConnected) {
      put(
        this.#root,
        h(
          "div",
          {},
          h("h1", { dir: "auto" }, message.title ?? meeting?.title ?? gettext("A meeting at {org}", { org: this.#door.organisation })),
          meeting && h("p", { class: "num lead" }, whenAndWith(meeting, this.#door.organisation)),
        ),
        h("div", { class: "wait-card", id: "wait-card", role: "status", "aria-labelledby": "wait-h" }, this.#heading, this.#text, this.#still, this.#line, this.#steps),
        this.#message,
        h("p", { class: "lead" }, gettext("No one inside can see or hear you. You join with the camera and microphone set as they are here.")),
        h(
          "div",
          { class: "row row-wrap" },
          h(
            "label",
            { class: "check" },
            h("input", {
              type: "checkbox",
              checked: this.#preferences.get("chimeAdmitted"),
              onchange: (/** @type {Event} */ event) => this.#preferences.set("chimeAdmitted", /** @type {HTMLInputElement} */ (event.target).checked),
            }),
            h("span", {}, gettext("Play a chime when I’m let in")),
          ),
          early && this.#door.urls.calendar ? h("a", { class: "btn push", href: this.#door.urls.calendar, download: true }, icon("calendar-plus"), gettext("Add to calendar")) : null,
          h("button", { class: `btn${early && this.#door.urls.calendar ? "" : " push"}`, type: "button", onclick: () => this.#stopWaiting() }, gettext("Stop waiting")),
        ),
      );
    }
    put(this.#steps, ...waitSteps(message, this.#door.invited_email !== null || this.#door.meeting !== null));
    this.#tick(() => {
      this.#still.hidden = !waitsLong(message, Date.now());
    });
  }

  /** The line is cut while waiting: the place at the door is kept. @param {boolean} cut */
  cut(cut) {
    this.#line.hidden = !cut;
    if (cut) setText(this.#line, gettext("You’re offline. We’ll reconnect by ourselves, and you keep your place."));
  }

  /** The card turns green for a moment. */
  admitted() {
    this.#root.querySelector("#wait-card")?.classList.add("in");
    setText(this.#headingText, gettext("You’re in"));
  }

  /** Something else is shown. */
  rest() {
    clearInterval(this.#ticking);
  }

  /** @param {() => void} draw */
  #tick(draw) {
    this.rest();
    this.#ticking = setInterval(draw, 1000);
    draw();
  }
}

/**
 * Whether to say that they still wait: after ten minutes, and only while somebody who decides is there to see it.
 * @param {Pick<DoorMessage, "reason" | "host_here" | "knocked_at">} message
 * @param {number} now in milliseconds
 */
export function waitsLong({ reason, host_here: hostHere, knocked_at: knockedAt }, now) {
  return reason === "knock" && hostHere && Boolean(knockedAt) && now - Date.parse(knockedAt ?? "") >= STILL_WAITING_MS;
}

/** @param {DoorMessage} message */
export function waitSentence(message) {
  const { reason, until, knocked_at: knockedAt, hosts, host_here: hostHere, starts_at: startsAt } = message;
  if (reason === "moving") return gettext("Whoever uses it on the other device is asked, and so are the hosts. When one of them says yes, you come in here.");
  if (reason === "full") return fullSentence(message);
  if (reason === "early") {
    return until ? gettext("The door opens at {time}. Leave this page open: it continues by itself.", { time: clockTime(until) }) : gettext("Leave this page open: it continues by itself.");
  }
  if (reason === "suspended") return gettext("A host stopped the meeting for now. You wait here until it goes on.");
  if (reason === "authorization") return gettext("The authorization service has not agreed yet. Leave this page open: it continues by itself.");
  if (reason === "no_host" || !hostHere) {
    const starts = startsAt && Date.parse(startsAt) > Date.now() ? clockTime(startsAt) : null;
    if (starts) return gettext("No host is here yet. The meeting starts at {time}.", { time: starts });
    return gettext("No host is here yet. You’ll be seen as soon as one comes.");
  }
  const time = knockedAt ? clockTime(knockedAt) : clockTime(Date.now());
  if (hosts?.length && hosts.length <= 3) return gettext("You knocked at {time}. {hosts} can see that you’re here.", { time, hosts: listOf(hosts) });
  return gettext("You knocked at {time}. The hosts can see that you’re here.", { time });
}

/** @param {DoorMessage} message */
function fullSentence({ inside, capacity, place }) {
  const full = gettext("{inside} of {capacity} people are inside. We’ll let you in when someone leaves, in the order people arrived.", { inside: inside ?? 0, capacity: capacity ?? 0 });
  if (!place) return full;
  return `${full} ${place === 1 ? gettext("You’re next.") : gettext("You’re number {place} in line.", { place })}`;
}

/**
 * @param {DoorMessage} message
 * @param {boolean} invited
 */
function waitSteps({ reason, host_here: hostHere }, invited) {
  if (reason === "moving") return [];
  const steps = [
    { text: invited ? gettext("Your invitation is valid") : gettext("The link is valid"), done: true },
    reason === "suspended"
      ? { text: gettext("The meeting goes on"), done: false }
      : reason === "early"
      ? { text: gettext("The door opens"), done: false }
      : reason === "authorization"
      ? { text: gettext("The authorization service agrees"), done: false }
      : reason === "full"
      ? { text: gettext("A place becomes free"), done: false }
      : { text: hostHere ? gettext("Hosts told you’re here") : gettext("A host comes"), done: hostHere && reason !== "no_host" },
    { text: reason === "knock" ? gettext("A host lets you in") : gettext("You come in"), done: false },
  ];
  const now = steps.findIndex((step) => !step.done);
  return steps.map(({ text, done }, index) =>
    h("li", { class: done ? "done" : index === now ? "now" : null, "aria-current": index === now ? "step" : null }, done ? icon("check") : h("i"), text),
  );
}
