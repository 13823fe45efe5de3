// From the knock on: the line to the server, the wait at the door, the room with its media, cuts, and the way out. Nobody needs any
// of it before they touch the join page: its code is fetched then.
import { byId } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { Call } from "../media/call.js";
import { Participation } from "../media/participation.js";
import { MeetingClient } from "../signaling/client.js";
import { Roster } from "../signaling/roster.js";
import { LinkAsked } from "../elements/link_asked.js";
import { chime } from "../elements/sounds.js";
import { OwnDevices } from "./own_devices.js";
import { ownToken } from "./own_token.js";
import { NotSecured, Securing } from "./securing.js";
import { WaitingCard } from "./waiting.js";

const ADMITTED_SHOWS_MS = 600;
/** After these nobody comes back to their seat. */
const FOR_GOOD = new Set(["ended", "cancelled"]);

/**
 * @typedef {import("../signaling/protocol.js").ServerMessage} ServerMessage
 * @typedef {import("../signaling/client.js").Refusal} Refusal
 * @typedef {{
 *   setState: (state: import("./main.js").CallState) => void, refused: (refusal: Refusal) => void,
 *   card: import("./door_card.js").DoorCard, ownView: import("./own_view.js").OwnView, tab: import("./tab_title.js").TabTitle,
 * }} Page what shows where the visitor is
 */

export class Visit {
  #page;
  #devices;
  #preferences;
  #client;
  #roster = new Roster();
  #call;
  #participation;
  #securing;
  #waiting;
  #linkAsked;
  #inside;
  /** Whether this stay inside has begun sending: a return after a cut must not switch anything. */
  #begun = false;
  /** Stays inside are counted: what began in one is nothing to the next. */
  #stay = 0;
  #waited = false;
  /** A host sent them from inside to the door. */
  #moved = false;
  /** A page reload kept the seat: what was switched on stays on. */
  #resumed = false;

  /**
   * @param {{
   *   page: Page, door: import("./door_data.js").DoorData, preferences: import("../lib/preferences.js").Preferences,
   *   announcer: import("../elements/announcer.js").Announcer, device: import("../signaling/device.js").Device,
   *   devices: import("../media/devices.js").Devices, link: import("./complete_link.js").CompleteLink, promised: import("./promised.js").Promised,
   *   Inside: typeof import("./inside.js").Inside, Encryption: typeof import("../e2ee/encryption.js").Encryption | null,
   * }} parts `Inside`, `Encryption`: fetched beside this module, not behind it. `Encryption`: null where the door says that nothing is encrypted
   */
  constructor({ page, door, preferences, announcer, device, devices, link, promised, Inside, Encryption }) {
    this.#page = page;
    this.#devices = devices;
    this.#preferences = preferences;
    const roster = this.#roster;
    const client = (this.#client = new MeetingClient({ code: door.code, arriveUrl: door.urls.arrive, csrf: door.csrf, account: door.signed_in?.id, invitation: door.invitation, device, token: () => ownToken(door.code) }));
    const call = (this.#call = new Call({ request: (type, fields) => client.request(type, fields) }));
    const participation = (this.#participation = new Participation({ devices, call, capabilities: () => roster.capabilities, suspended: () => roster.suspended }));
    const securing = (this.#securing = new Securing({ client, roster, door, link, promised, Encryption, broken: (reason) => void this.#notSecured(reason) }));
    this.#waiting = new WaitingCard(byId("door"), door, preferences, () => void client.leave());
    this.#linkAsked = new LinkAsked(byId("link-asked"), (wish, allow) => client.request("link.answer", { wish, allow }), (text) => announcer.alert(text));
    this.#inside = new Inside({ client, roster, call, devices, participation, preferences, announcer, securing, organisation: door.organisation, ticker: door.workers.ticker });
    page.ownView.addBelow(new OwnDevices({ devices, announce: (text) => announcer.alert(text) }));
    this.#listen();
  }

  /** Whether the door, or a host, has said no since the last knock. */
  get isRefused() {
    return this.#client.state === "refused";
  }

  /**
   * Resolves once the door has answered; rejects with ArrivalFailed where it could not be asked.
   * @param {import("../signaling/client.js").Who} who
   * @param {{resumed: boolean}} how resumed: the seat was kept over a reload of the page
   */
  knock(who, { resumed }) {
    this.#resumed ||= resumed;
    return this.#client.knock(who);
  }

  #listen() {
    this.#client.on("state", ({ state, was }) => this.#went(state, was));
    this.#client.on("message", (message) => this.#take(message));
    this.#client.on("retry", () => {
      // On the way to the door: it is crowded, or the line was cut before it answered.
      if (!this.#waited && !this.#begun) this.#page.card.question({ busy: true, problem: gettext("The door can’t take you just now. Leave this page open: it tries again by itself.") });
    });
    addEventListener("offline", () => this.#client.lost());
    addEventListener("online", () => this.#client.tryNow());
    const sendAs = () => void this.#call.sendAs(this.#preferences.get("codec"));
    this.#preferences.on("change", sendAs);
    sendAs();
  }

  /**
   * @param {import("../signaling/client.js").State} state
   * @param {import("../signaling/client.js").State} was
   */
  #went(state, was) {
    if (state === "returning") {
      if (this.#begun) {
        this.#page.setState("reconnecting");
        this.#inside.reconnecting(true);
      } else this.#waiting.cut(true);
      return;
    }
    if (was === "returning") this.#inside.reconnecting(false);
    if (state === "waiting") {
      if (this.#begun) {
        this.#out({ atTheDoor: true });
        this.#moved = true;
      }
      this.#waited = true;
      this.#securing.atTheDoor();
      this.#waiting.cut(false);
      this.#page.setState("waiting");
      this.#page.ownView.show();
      this.#page.tab.alternate(gettext("At the door"));
    }
    if (state === "refused" || state === "over") {
      const refusal = this.#client.refusal ?? { reason: "closed" };
      this.#out();
      if (FOR_GOOD.has(refusal.reason)) this.#securing.forget();
      this.#linkAsked.clear();
      this.#page.refused(refusal);
    }
  }

  /** @param {ServerMessage} message */
  #take(message) {
    if (message.type === "door") {
      this.#page.card.cede(this.#waiting);
      this.#waiting.show(message, this.#moved);
      return;
    }
    if (message.type === "link.asked") {
      this.#linkAsked.take(message);
      return;
    }
    if (this.#securing.take(message)) return;
    const roster = this.#roster;
    roster.take(message);
    // Made host, or renamed: the key of this device is attested for somebody else, so it comes into the group anew.
    if (message.type !== "room" && this.#begun && roster.meeting && this.#securing.isOutdated()) void this.#startMedia(roster.meeting);
    if (message.type === "room") void this.#enter(message);
    else if (message.type === "capabilities") void this.#participation.obey();
    this.#call.take(message);
    this.#inside.take(message);
  }

  /** @param {import("../signaling/protocol.js").RoomMessage} room */
  async #enter({ meeting }) {
    if (this.#begun) {
      this.#page.setState("connected");
      await this.#startMedia(meeting);
      return;
    }
    this.#begun = true;
    this.#moved = false;
    this.#page.tab.release();
    if (this.#waited) this.#letIn(meeting);
    // Media start now; the card only stays for the eye.
    const started = this.#participation.begin({ micsStartOff: meeting.mics_start_off && !this.#resumed }).then(() => this.#startMedia(meeting));
    if (this.#waited) await new Promise((resolve) => setTimeout(resolve, ADMITTED_SHOWS_MS));
    this.#waited = false;
    if (!this.#begun) return;
    this.#page.ownView.hide();
    this.#inside.open();
    this.#page.setState(this.#client.state === "inside" ? "connected" : "reconnecting");
    await started;
  }

  /** @param {import("../signaling/protocol.js").Meeting} meeting */
  #letIn({ title }) {
    const words = gettext("You’re in · {title}", { title });
    this.#waiting.admitted();
    document.title = words;
    if (this.#preferences.get("chimeAdmitted")) void chime("admitted", this.#devices.speaker);
    if (document.hidden && "Notification" in globalThis && Notification.permission === "granted") new Notification(words);
  }

  /**
   * Media flow once they are sealed as the meeting asks for, and not a frame earlier.
   * @param {import("../signaling/protocol.js").Meeting} meeting
   */
  async #startMedia(meeting) {
    const stay = this.#stay;
    const isOver = () => stay !== this.#stay;
    try {
      const sealed = await this.#securing.enter(meeting);
      if (this.#begun && !isOver()) await this.#call.enter(sealed);
    } catch (error) {
      if (isOver() || /** @type {any} */ (error)?.code === "closed") return;
      if (!(error instanceof NotSecured)) throw error;
      await this.#notSecured(error.reason);
    }
  }

  /** Out at once: nothing goes on with less than was promised. @param {NotSecured["reason"]} reason */
  async #notSecured(reason) {
    if (!this.#begun && !this.#waited) return;
    await this.#client.leave();
    this.#page.refused({ reason });
  }

  /** Out of the room. Media first, words afterwards. */
  #out({ atTheDoor = false } = {}) {
    this.#waited = false;
    if (!this.#begun) return;
    this.#begun = false;
    this.#stay += 1;
    this.#resumed = false;
    this.#call.close();
    this.#securing.close();
    this.#call.state = { microphone: false, camera: false, screen: false };
    this.#participation.end({ atTheDoor });
    this.#inside.close();
  }
}
