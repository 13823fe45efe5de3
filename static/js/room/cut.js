// While the line to the server is cut: a banner at once, a whole panel after half a minute.
import { byId } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";

const LONG_CUT_MS = 30_000;

export class Cut {
  #client;
  #banners;
  #announcer;
  /** @type {any} */
  #long = null;

  /**
   * @param {{
   *   client: import("../signaling/client.js").MeetingClient, banners: import("../elements/banners.js").Banners,
   *   announcer: import("../elements/announcer.js").Announcer,
   * }} parts
   */
  constructor({ client, banners, announcer }) {
    this.#client = client;
    this.#banners = banners;
    this.#announcer = announcer;
  }

  /** @param {boolean} cut or back again */
  show(cut) {
    byId("stage").classList.toggle("frozen", cut);
    this.clear();
    if (!cut) {
      this.#banners.hide("cut");
      this.#banners.hide("offline");
      return;
    }
    const leave = { label: gettext("Leave"), run: () => void this.#client.leave() };
    this.#banners.show("cut", { spin: true, title: gettext("Reconnecting."), text: gettext("Others may not hear you right now."), actions: [leave] });
    this.#announcer.alert(gettext("Connection lost. Reconnecting."));
    this.#long = setTimeout(() => {
      this.#banners.hide("cut");
      this.#banners.show("offline", {
        icon: "wifi-off", title: gettext("You’re offline."), text: gettext("We’ll reconnect by ourselves. You keep your place for 2 minutes."),
        actions: [{ label: gettext("Try now"), run: () => this.#client.tryNow() }, leave],
      });
    }, LONG_CUT_MS);
  }

  clear() {
    clearTimeout(this.#long);
  }
}
