// Two things drawn over the stage: that nobody else is here, and that this person's screen is being shared.
import { byId, h, put } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { copyButton } from "../elements/copy_button.js";
import { doorPromise } from "../elements/door_words.js";

/** What the door will do and the link to copy, while one is alone. */
export class AloneCard {
  #root = byId("stage-alone");
  #promise = "";

  /**
   * @param {import("../signaling/roster.js").Roster} roster
   * @param {() => string} address of the meeting, as it is passed on
   */
  render({ meeting, people }, address) {
    const promise = people.size === 1 && meeting && !meeting.suspended ? doorPromise(meeting) : "";
    if (promise === this.#promise && Boolean(promise) === this.#root.hasChildNodes()) return;
    this.#promise = promise;
    if (!promise || !meeting) {
      put(this.#root);
      return;
    }
    const link = `${location.host}/m/${meeting.code}`;
    put(
      this.#root,
      h(
        "div",
        { class: "alone stack gap-3" },
        h("div", {}, h("h2", {}, gettext("You’re the only one here")), h("p", { class: "meta" }, promise)),
        h(
          "div",
          { class: "row" },
          h("code", { class: "code copyline" }, link),
          copyButton(address, meeting.encryption === "sealed" ? gettext("Copy complete link") : gettext("Copy link")),
        ),
      ),
    );
  }

  clear() {
    put(this.#root);
  }
}

/** The banner with the name of what is shared and the one button that ends it. */
export class SharingNote {
  #participation;
  #banners;
  #say;
  #drawn = false;

  /**
   * @param {{
   *   participation: import("../media/participation.js").Participation, banners: import("../elements/banners.js").Banners,
   *   say: (text: string) => void,
   * }} parts
   */
  constructor({ participation, banners, say }) {
    this.#participation = participation;
    this.#banners = banners;
    this.#say = say;
  }

  render() {
    if (this.#participation.sharing === this.#drawn) return;
    this.#drawn = this.#participation.sharing;
    if (!this.#drawn) {
      this.#banners.hide("sharing");
      return;
    }
    const { kind, label } = this.#participation.surface;
    const what = { window: gettext("You’re sharing a window"), browser: gettext("You’re sharing a tab"), monitor: gettext("You’re sharing a whole screen") }[kind] ?? gettext("You’re sharing your screen");
    const media = h("video", { class: "share-thumb", autoplay: true, playsinline: true, "aria-hidden": "true", tabindex: -1 });
    media.muted = true;
    media.srcObject = this.#participation.screen;
    // Browsers often give an id instead of a name; only a name helps.
    const named = /^[\w-]+:[\w:-]+$/.test(label) ? "" : label;
    this.#banners.show("sharing", {
      icon: "monitor-up", media, title: named ? `${what}:` : what, text: named,
      actions: [{ label: gettext("Stop sharing"), danger: true, run: () => void this.#participation.stopSharing() }],
    });
    this.#say(what);
  }
}
