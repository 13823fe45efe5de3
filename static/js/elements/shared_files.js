// Files in the chat of an encrypted room: a button to pass one on, and a row for each, with what is happening to it.
import { h, icon, put, setAttr, setText } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { sizeText } from "../lib/words.js";
import { codeOf, words } from "./file_words.js";

/**
 * @typedef {import("../room/files.js").SharedFile} SharedFile
 * @typedef {{participant: string, name: string, at: string}} Sender
 */

export class SharedFiles {
  #roster;
  #files;
  #append;
  /** Files of others that have a row: their senders say it again where they can't know whether it was heard. @type {Set<string>} */
  #shown = new Set();
  #input = h("input", { type: "file", class: "vh", id: "chat-file", multiple: true, tabindex: -1, "aria-hidden": "true" });
  button = h("button", { class: "btn btn-icon", type: "button", "aria-label": gettext("Pass on a file"), title: gettext("Pass on a file") }, icon("paperclip"));
  node = h("span", { class: "attach", hidden: true }, this.button, this.#input);

  /**
   * @param {{
   *   roster: import("../signaling/roster.js").Roster, files: import("../room/files.js").Files,
   *   append: (sender: Sender, row: HTMLElement) => void,
   * }} parts `append` puts a row into the chat, under its sender
   */
  constructor({ roster, files, append }) {
    this.#roster = roster;
    this.#files = files;
    this.#append = append;
    this.button.onclick = () => this.#input.click();
    this.#input.onchange = () => {
      for (const file of this.#input.files ?? []) this.send(file);
      this.#input.value = "";
    };
  }

  /** @param {boolean} may write in the chat now */
  render(may) {
    this.node.hidden = !this.#roster.meeting?.largest_file;
    this.button.disabled = !may;
  }

  get #largest() {
    return this.#roster.meeting?.largest_file ?? 0;
  }

  /** @param {File} file */
  send(file) {
    const row = new Row(file.name, file.size);
    this.#append({ participant: this.#roster.you, name: "", at: new Date().toISOString() }, row.node);
    const begin = async () => {
      if (file.size > this.#largest) {
        row.failed(words("too_large", this.#largest), null);
        return;
      }
      const cancel = new AbortController();
      row.working(gettext("Passing on…"), () => cancel.abort());
      try {
        const shared = await this.#files.send(file, { onProgress: (done) => row.progress(done), signal: cancel.signal });
        row.done(gettext("Passed on, end-to-end encrypted."), gettext("Withdraw"), () => void this.#withdraw(row, shared));
      } catch (error) {
        if (cancel.signal.aborted) row.over(gettext("Cancelled. Nobody got it."));
        else this.#failed(row, error, begin);
      }
    };
    void begin();
  }

  /**
   * @param {Row} row
   * @param {unknown} error
   * @param {() => void} again
   */
  #failed(row, error, again) {
    console.debug("file", codeOf(error), error);
    row.failed(words(codeOf(error), this.#largest), again);
  }

  /**
   * @param {Row} row
   * @param {SharedFile} shared
   */
  async #withdraw(row, shared) {
    await this.#files.withdraw(shared.file);
    row.over(gettext("Withdrawn. Who has saved it keeps it."));
  }

  /**
   * Somebody passed a file on.
   * @param {Sender} sender
   * @param {SharedFile} shared
   */
  show(sender, shared) {
    if (this.#shown.has(shared.file)) return;
    this.#shown.add(shared.file);
    const row = new Row(shared.name, shared.size);
    this.#append(sender, row.node);
    const fetchIt = async () => {
      const cancel = new AbortController();
      row.working(gettext("Fetching…"), () => cancel.abort());
      try {
        save(await this.#files.fetch(shared, { onProgress: (done) => row.progress(done), signal: cancel.signal }), shared.name);
        row.done(gettext("Saved by your browser. Open it only if you trust its sender."), gettext("Save again"), fetchIt);
      } catch (error) {
        if (cancel.signal.aborted) row.done(gettext("Not saved."), gettext("Save"), fetchIt);
        else this.#failed(row, error, fetchIt);
      }
    };
    row.done("", gettext("Save"), fetchIt);
  }
}

/** One file, and what is happening to it. */
class Row {
  #said = h("span", { class: "meta", role: "status" });
  #bar;
  #acts = h("span", { class: "row" });
  #size;
  node;

  /**
   * @param {string} name
   * @param {number} size
   */
  constructor(name, size) {
    this.#size = size;
    this.#bar = h("progress", { max: Math.max(1, size), value: 0, hidden: true, "aria-label": name });
    this.node = h(
      "div",
      { class: "file" },
      icon("file"),
      h("div", { class: "stack gap-2" }, h("span", {}, h("b", { dir: "auto" }, name), " ", h("span", { class: "meta num" }, sizeText(size))), this.#bar, this.#said, this.#acts),
    );
  }

  /** @param {number} done bytes */
  progress(done) {
    this.#bar.value = this.#size ? done : 1;
  }

  /**
   * @param {string} text
   * @param {() => void} cancel
   */
  working(text, cancel) {
    this.#bar.value = 0;
    this.#show(text, true, h("button", { class: "btn btn-sm", type: "button", onclick: cancel }, gettext("Cancel")));
  }

  /**
   * @param {string} text
   * @param {string} label
   * @param {() => void} run
   */
  done(text, label, run) {
    this.#show(text, false, h("button", { class: "btn btn-sm", type: "button", onclick: run }, label));
  }

  /** @param {string} text */
  over(text) {
    this.#show(text, false, null);
  }

  /**
   * @param {string} text
   * @param {(() => void) | null} again
   */
  failed(text, again) {
    this.#show(text, false, again && h("button", { class: "btn btn-sm", type: "button", onclick: again }, gettext("Try again")));
    this.#said.classList.add("error");
  }

  /**
   * @param {string} text
   * @param {boolean} working
   * @param {HTMLElement | null} act
   */
  #show(text, working, act) {
    this.#said.classList.remove("error");
    setText(this.#said, text);
    this.#bar.hidden = !working;
    setAttr(this.node, "aria-busy", working ? "true" : null);
    put(this.#acts, act);
  }
}

/**
 * @param {Blob} content
 * @param {string} name
 */
function save(content, name) {
  const url = URL.createObjectURL(content);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
