// The Encryption panel: what protects this room, the code that people compare, and whose key is whose.
import { h, icon, put } from "../lib/h.js";
import { clockTime, gettext, initials } from "../lib/i18n.js";
import { keyWords, newKeyWords, overdueWords, securityWords, serverLearns } from "../room/security_words.js";
import { completeLink } from "./complete_link.js";
import { askSafetyNumber } from "./safety_number.js";

/** @typedef {import("../e2ee/tree.js").Member} Member */

const DIGITS = 5;

export class EncryptionPanel {
  #security;
  #securing;
  #organisation;
  #act;
  #drawn = "";
  /** The code about which somebody said "same" when it was too new to have been read. */
  #tooSoon = "";
  body = h("div", { class: "body" });

  /**
   * @param {{
   *   security: import("../room/security.js").Security, securing: import("../room/securing.js").Securing, organisation: string,
   *   act: {retry: () => void, leave: () => void, switchOff: () => void, renewLink: () => (() => Promise<void>) | null},
   * }} parts `renewLink`: how this person gives the link a new key, if they may
   */
  constructor({ security, securing, organisation, act }) {
    this.#security = security;
    this.#securing = securing;
    this.#organisation = organisation;
    this.#act = act;
  }

  render() {
    const { status, others, compared, lastStep, ghosts, overdue, changed } = this.#security;
    const { encryption } = this.#securing;
    const code = status === "transport" || status === "pending" || status === "stuck" ? "" : (encryption?.code ?? "");
    const { isSealed: sealed } = this.#security;
    const renew = this.#act.renewLink();
    const state = JSON.stringify([status, sealed, renew !== null, code, compared?.at, lastStep, encryption?.codeSince, ghosts.map(({ key }) => key), overdue.map(({ key }) => key), code === this.#tooSoon, others.map((member) => [member.who, member.key, this.#security.keyState(member)])]);
    if (state === this.#drawn) return;
    this.#drawn = state;
    const focused = this.body.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.does : null;
    const words = securityWords(status, { organisation: this.#organisation, comparedAt: compared?.at ?? null, changed: changed.map(({ who }) => who.name), sealed });
    put(
      this.body,
      h("div", { class: `seal seal-${words.tone}` }, h("span", { class: "glyph" }, icon(words.icon)), h("b", {}, words.short), h("p", {}, words.text)),
      this.#remedies(status),
      code ? this.#code(code, status) : null,
      code && lastStep && encryption?.codeSince ? h("p", { class: "meta num mt-2" }, this.#since(encryption.codeSince, lastStep)) : null,
      ...ghosts.map(({ who }) => h("p", { class: "note note-danger mt-4" }, icon("triangle-alert"), h("span", {}, gettext("{name} has the keys of this room, but the server doesn’t list them.", { name: who.name })))),
      ...overdue.map(({ who }) => h("p", { class: "note note-danger mt-4" }, icon("triangle-alert"), h("span", {}, overdueWords(who.name)))),
      code ? this.#keys(others) : null,
      code && sealed ? completeLink({ link: this.#securing.link, renew }) : null,
      ...this.#limits(status),
      h("p", { class: "mt-4" }, h("a", { href: "/help/encryption/", target: "_blank", rel: "noopener" }, gettext("More about encryption"))),
    );
    if (!focused) return;
    // What had the focus may be gone by what it did: then it is with what there is to do now.
    const next = this.body.querySelector(`[data-does="${focused}"]`) ?? this.body.querySelector("button");
    /** @type {HTMLElement | null} */ (next)?.focus();
  }

  /** @param {import("../room/security.js").Status} status */
  #remedies(status) {
    if (status === "stuck") return h("div", { class: "row row-wrap mb-4" }, button("retry", gettext("Reconnect securely"), this.#act.retry, "btn-primary"), button("leave", gettext("Leave"), this.#act.leave));
    if (status === "leaking") return h("div", { class: "row row-wrap mb-4" }, button("leave", gettext("Leave"), this.#act.leave, "btn-danger"));
    if (status !== "differs") return null;
    return h("div", { class: "stack gap-3 mb-4" }, button("off", gettext("Turn off microphone and camera"), this.#act.switchOff), button("leave", gettext("Leave"), this.#act.leave, "btn-danger"));
  }

  /**
   * @param {string} code
   * @param {import("../room/security.js").Status} status
   */
  #code(code, status) {
    const groups = code.match(new RegExp(`\\d{${DIGITS}}`, "g")) ?? [];
    return h(
      "div",
      { class: "roomcode", "data-room-code": code },
      h("p", { class: "meta" }, gettext("Room code")),
      h("ol", { "aria-label": gettext("Room code, six groups of five digits") }, ...groups.map((group) => h("li", {}, group))),
      h("p", { class: "meta" }, gettext("Read it aloud. If someone sees a different code, somebody is in between.")),
      // Where a slip costs nothing: leaving stands above, with what else is done about a code that differs.
      h(
        "div",
        { class: "acts" },
        ...(status === "differs"
          ? [button("again", gettext("I misread it"), () => this.#security.setDiffers(false))]
          : [button("same", gettext("Same for all"), () => void this.#same(code)), button("differs", gettext("It differs"), () => this.#security.setDiffers(true))]),
      ),
      code === this.#tooSoon ? h("p", { class: "note note-danger", role: "alert" }, icon("triangle-alert"), h("span", {}, gettext("The code has just changed, because somebody came or left. Compare the new one."))) : null,
    );
  }

  /** @param {string} shown the code that was on the screen when it was pressed */
  async #same(shown) {
    const isCompared = await this.#security.same(shown);
    this.#tooSoon = isCompared ? "" : (this.#securing.encryption?.code ?? "");
    this.render();
  }

  /**
   * @param {Date} at
   * @param {{name: string, came: boolean}} step
   */
  #since(at, { name, came }) {
    const values = { time: clockTime(at), name };
    return came ? gettext("New code at {time}, when {name} came in.", values) : gettext("New code at {time}, when {name} left.", values);
  }

  /** @param {Member[]} others */
  #keys(others) {
    if (!others.length) return null;
    return h("div", {}, h("h3", { class: "sub-h" }, gettext("Whose key is whose")), h("ul", { class: "plist whose" }, ...others.map((member) => this.#row(member))));
  }

  /** @param {Member} member */
  #row(member) {
    const { name, account } = member.who;
    const state = this.#security.keyState(member);
    const { text, tag, icon: glyph } = keyWords(state, this.#organisation);
    return h(
      "li",
      {},
      h(
        "span",
        { class: "who" },
        h("span", { class: `av${account === null ? " av-guest" : ""}`, "aria-hidden": "true" }, initials(name)),
        h("span", {}, h("b", { dir: "auto" }, name), h("span", { class: "meta" }, account === null ? gettext("Guest") : gettext("Signed in · {org}", { org: this.#organisation }))),
      ),
      h("span", { class: `tag ${tag}` }, glyph ? icon(glyph) : null, text),
      h("button", { class: "btn btn-sm", type: "button", "aria-label": gettext("Compare with {name}", { name }), "data-does": `compare-${member.leaf}`, onclick: () => void this.#compareWith(member) }, gettext("Compare")),
      state === "changed"
        ? h("p", { class: "caution" }, icon("key-round"), h("span", {}, newKeyWords(name)), h("button", { class: "btn btn-sm", type: "button", "data-does": `accept-${member.leaf}`, onclick: () => void this.#security.accept(member) }, gettext("I know about it")))
        : null,
    );
  }

  /** @param {Member} member */
  async #compareWith(member) {
    const self = this.#securing.encryption?.self;
    if (self && (await askSafetyNumber(self, member))) await this.#security.comparedWith(member);
  }

  /** @param {import("../room/security.js").Status} status */
  #limits(status) {
    if (status === "transport") {
      return [h("p", { class: "note" }, icon("info"), h("span", {}, gettext("The server passes everything on to the people inside, and keeps nothing of it. Someone in the meeting could still film their own screen.")))];
    }
    return [
      h("p", { class: "note mt-4" }, icon("circle-dot"), h("span", {}, gettext("The server can’t record this meeting, because it never has the keys. Someone in it could still film their own screen."))),
      h(
        "details",
        { class: "more mt-4" },
        h("summary", {}, gettext("What {org}’s server still learns", { org: this.#organisation })),
        h("ul", { class: "meta bullets" }, ...serverLearns().map((text) => h("li", {}, text))),
        h("p", { class: "meta" }, gettext("The pages come from this server too: whoever runs it could serve other ones. Messages at the door are readable by it.")),
      ),
    ];
  }
}

/**
 * @param {string} does what it does, by which the panel finds it again when it is drawn anew
 * @param {string} label
 * @param {() => void} run
 */
function button(does, label, run, extra = "") {
  return h("button", { class: `btn ${extra}`, type: "button", "data-does": does, onclick: run }, label);
}
