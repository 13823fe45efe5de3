// Chat: kept nowhere but on this page, said once at the top. Text is text; links show their host in full.
import { h, icon, put, setText } from "../lib/h.js";
import { clockTime, gettext, listOf, ngettext } from "../lib/i18n.js";
import { shownAs, withLinks } from "../lib/links.js";
import { LONGEST_CHAT } from "../signaling/protocol.js";
import { onDrop, onPaste } from "./carried_files.js";
import { ask } from "./dialog.js";
import { whyNot } from "./rights_words.js";
import { SharedFiles } from "./shared_files.js";

/** @typedef {import("../signaling/protocol.js").ChatMessage} ChatMessage */

/** Older messages leave the page, so that a long meeting does not fill its memory. */
const MOST_SHOWN = 500;
const NEAR_THE_END_PX = 80;

export class ChatPanel {
  unread = 0;
  #roster;
  #send;
  #onUnread;
  #isSealed;
  #shared;
  #kept = h("span");
  #empty = h("p", { class: "empty" }, gettext("No messages yet."));
  #log = h("div", { class: "chat", role: "log", "aria-label": gettext("Chat messages"), tabindex: 0 });
  #text = h("textarea", { class: "input", id: "chat-text", rows: 1, maxlength: LONGEST_CHAT, placeholder: gettext("Message everyone") });
  #off = h("p", { class: "meta", hidden: true });
  /** Where the button for files goes. */
  #attach = h("span");
  #dropWords = h("span");
  /** Lies over the whole panel while files are dragged over it. */
  #drop = h("p", { class: "drop", hidden: true }, icon("paperclip"), this.#dropWords);
  /** For who reads further up. */
  #newer = h("button", { class: "btn btn-sm newer", type: "button", hidden: true, onclick: () => (this.#log.focus({ preventScroll: true }), this.#toEnd()) }, icon("chevron-down"), gettext("New messages"));
  body = h("div", { class: "body", onscroll: () => this.#isAtEnd && (this.#newer.hidden = true) }, this.#log, this.#newer);
  foot = h(
    "form",
    { class: "foot", onsubmit: (/** @type {Event} */ event) => this.#submit(event) },
    h(
      "div",
      { class: "compose" },
      h("label", { class: "vh", for: "chat-text" }, gettext("Message")),
      this.#text,
      this.#attach,
      h("button", { class: "btn btn-primary btn-send", type: "submit", "aria-label": gettext("Send") }, icon("send")),
    ),
    this.#off,
    this.#drop,
  );

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster, isSealed: () => boolean, send: (text: string) => Promise<unknown>, onUnread: () => void,
   *   files: import("../room/files.js").Files,
   * }} parts
   */
  constructor({ roster, isSealed, send, onUnread, files }) {
    this.#roster = roster;
    this.#isSealed = isSealed;
    this.#send = send;
    this.#onUnread = onUnread;
    this.#shared = new SharedFiles({ roster, files, append: (sender, row) => this.#addEntry(sender, row) });
    this.#attach.replaceWith(this.#shared.node);
    onDrop({
      isOver: (node) => this.body.contains(node) || this.foot.contains(node),
      show: (over) => this.#showDrop(over),
      take: (files) => this.#shared.take(files),
    });
    for (const part of [this.body, this.foot]) onPaste(part, (files) => void this.#pasted(files));
    put(this.#log, h("p", { class: "note" }, icon("lock"), this.#kept), this.#empty);
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.foot.requestSubmit();
    });
    this.#text.addEventListener("input", () => {
      this.#text.rows = Math.min(5, this.#text.value.split("\n").length);
    });
  }

  opened() {
    this.unread = 0;
    this.#onUnread();
    this.#toEnd();
  }

  render() {
    setText(
      this.#kept,
      this.#isSealed()
        ? gettext("End-to-end encrypted like the call, and not kept. Gone when you leave. People who join later can’t read it. Files stay on the server, sealed, until the meeting is over.")
        : gettext("Not kept. Gone when you leave. People who join later can’t read it."),
    );
    const { suspended } = this.#roster;
    const may = this.#roster.capabilities.chat && !suspended;
    setText(this.#off, suspended ? gettext("Nobody can write while the meeting is suspended.") : whyNot(this.#roster, "chat"));
    this.#text.disabled = !may;
    this.#shared.render(may);
    this.#off.hidden = may;
  }

  /** @param {boolean} over */
  #showDrop(over) {
    const { whyNone } = this.#shared;
    this.#drop.hidden = !over;
    this.#drop.classList.toggle("refused", Boolean(whyNone));
    setText(this.#dropWords, whyNone || gettext("Let go to pass it on to everybody here"));
  }

  /**
   * A clipboard may hold another thing than its owner thinks, so they are asked.
   * @param {import("./carried_files.js").Carried[]} files
   */
  async #pasted(files) {
    const question = {
      title: ngettext("Pass on what you copied?", "Pass on the {count} files that you copied?", files.length),
      body: gettext("{files}: everybody here can save it.", { files: listOf(files.map(({ name }) => name)) }),
      answers: [{ value: "pass", label: gettext("Pass on"), primary: true }],
    };
    if (this.#shared.whyNone || (await ask(question))) this.#shared.take(files);
  }

  /** @param {ChatMessage} message */
  add(message) {
    this.#addEntry(message, h("p", { dir: "auto" }, ...linked(message.text)));
  }

  /**
   * Somebody passed a file on.
   * @param {import("./shared_files.js").Sender} sender
   * @param {import("../room/files.js").SharedFile} shared
   */
  addFile(sender, shared) {
    this.#shared.show(sender, shared);
  }

  /**
   * @param {import("./shared_files.js").Sender} by
   * @param {HTMLElement} content
   */
  #addEntry(by, content) {
    const own = by.participant === this.#roster.you;
    const sender = this.#roster.people.get(by.participant);
    this.#append(
      h(
        "div",
        { class: "msg" },
        h(
          "header",
          {},
          h("b", { dir: "auto" }, own ? gettext("You") : by.name),
          sender?.guest && !own ? h("span", { class: "tag" }, gettext("Guest")) : sender?.host && !own ? h("span", { class: "tag" }, gettext("Host")) : null,
          h("time", { class: "num", datetime: by.at }, clockTime(by.at)),
        ),
        content,
      ),
      own,
    );
    if (!own && !this.body.isConnected) {
      this.unread += 1;
      this.#onUnread();
    }
  }

  /**
   * What happened in the room, between the messages.
   * @param {string} text
   * @param {string} [glyph]
   */
  note(text, glyph = "door-open") {
    this.#append(h("p", { class: "sys num" }, icon(glyph), text));
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    const text = this.#text.value.trim();
    if (!text) return;
    this.#text.value = "";
    this.#text.rows = 1;
    await this.#deliver(text, null);
  }

  /**
   * @param {string} text
   * @param {HTMLElement | null} failed the message as it stands there unsent
   */
  async #deliver(text, failed) {
    /** @type {HTMLElement} */
    let next = this.#text;
    try {
      await this.#send(text);
    } catch {
      const unsent = this.#unsent(text);
      this.#append(unsent, true);
      next = unsent.querySelector("button") ?? next;
    }
    if (failed?.contains(document.activeElement)) next.focus();
    failed?.remove();
  }

  /** @param {string} text */
  #unsent(text) {
    const again = h("button", { class: "btn btn-sm", type: "button" }, gettext("Try again"));
    const node = h("div", { class: "msg unsent" }, h("header", {}, h("b", {}, gettext("You")), h("span", { class: "error" }, icon("circle-alert"), gettext("Not sent."))), h("p", {}, text), again);
    again.onclick = () => {
      if (again.getAttribute("aria-disabled")) return; // or two presses would send it twice
      again.setAttribute("aria-disabled", "true");
      void this.#deliver(text, node);
    };
    return node;
  }

  get #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.body;
    return scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX;
  }

  /**
   * @param {HTMLElement} node
   * @param {boolean} own one’s own is always shown
   */
  #append(node, own = false) {
    const follows = own || this.#isAtEnd;
    this.#empty.remove();
    this.#log.append(node);
    const entries = this.#log.querySelectorAll(".msg, .sys");
    for (let extra = 0; extra < entries.length - MOST_SHOWN; extra++) entries[extra].remove();
    if (follows) this.#toEnd();
    else if (node.matches(".msg")) this.#newer.hidden = false;
  }

  #toEnd() {
    this.body.scrollTop = this.body.scrollHeight;
  }
}

/** @param {string} text */
function linked(text) {
  return withLinks(text).map((piece) => {
    if (!("href" in piece)) return piece.text;
    const link = h("a", { href: piece.href, target: "_blank", rel: "noopener noreferrer" });
    setText(link, shownAs(piece));
    return link;
  });
}
