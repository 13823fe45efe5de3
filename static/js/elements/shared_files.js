// Files in the chat of an encrypted room: a button to pass one on, and a row for each, with what is happening to it.
import { h, icon, put, setAttr, setText } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { sizeText } from "../lib/words.js";
import { ask } from "./dialog.js";
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
  /** The row that waits for the file which is chosen next. @type {Row | null} */
  #waiting = null;
  /** Buttons under files of others that only hosts have. @type {Set<HTMLElement>} */
  #forHosts = new Set();
  #may = false;
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
    this.button.onclick = () => this.#choose(null);
    this.#input.onchange = () => {
      const rows = [this.#waiting];
      this.#waiting = null;
      for (const file of this.#input.files ?? []) this.#send(file, rows.shift() ?? this.#own());
      this.#input.value = "";
    };
  }

  /** @param {boolean} may write in the chat now */
  render(may) {
    this.#may = may;
    this.node.hidden = !this.#roster.meeting?.largest_file;
    this.button.disabled = !may;
    for (const button of this.#forHosts) button.hidden = !this.#roster.capabilities.host;
  }

  get #largest() {
    return this.#roster.meeting?.largest_file ?? 0;
  }

  /** Why no file can be passed on now; empty where one can. */
  get whyNone() {
    return this.#closed && words(this.#closed, 0);
  }

  /** The same as the server would call it. */
  get #closed() {
    if (!this.#largest) return "none_here";
    if (this.#may) return "";
    return this.#roster.suspended ? "suspended" : "not_allowed";
  }

  /**
   * What was dropped or pasted goes the way of what is chosen.
   * @param {import("./carried_files.js").Carried[]} carried
   */
  take(carried) {
    for (const { name, file } of carried) {
      const row = this.#own();
      const refused = this.#closed || (file ? "" : "folder");
      if (file && !refused) void this.#send(file, row);
      else {
        row.of(name, file?.size);
        row.failed(words(refused, this.#largest), null);
      }
    }
  }

  /** @param {Row | null} row where the chosen file is shown; without one it gets a row of its own */
  #choose(row) {
    this.#waiting = row;
    this.#input.click();
  }

  /** A row of one’s own, at the end. */
  #own() {
    const row = new Row();
    this.#append({ participant: this.#roster.you, name: "", at: new Date().toISOString() }, row.node);
    return row;
  }

  /**
   * @param {File} file
   * @param {Row} row
   */
  async #send(file, row) {
    row.of(file.name, file.size);
    const choose = act(gettext("Choose a file…"), () => this.#choose(row));
    if (file.size > this.#largest) {
      row.failed(words("too_large", this.#largest), choose);
      return;
    }
    const cancel = new AbortController();
    row.working(gettext("Passing on…"), act(gettext("Cancel"), () => cancel.abort()));
    try {
      const shared = await this.#files.send(file, { onProgress: (done) => row.progress(done), signal: cancel.signal });
      const withdraw = act(gettext("Withdraw"), () => void this.#withdraw(row, shared));
      row.done(gettext("Passed on, end-to-end encrypted."), withdraw);
    } catch (error) {
      if (cancel.signal.aborted) row.done(gettext("Cancelled. Nobody got it."));
      else this.#failed(row, error, codeOf(error) === "unreadable" ? choose : act(gettext("Try again"), () => void this.#send(file, row)));
    }
  }

  /**
   * @param {Row} row
   * @param {unknown} error
   * @param {HTMLElement | null} way out of it
   */
  #failed(row, error, way) {
    console.debug("file", codeOf(error), error);
    row.failed(words(codeOf(error), this.#largest), way);
  }

  /**
   * Hosts withdraw what others passed on, too, after they were asked: only its sender can pass it on again.
   * @param {Row} row
   * @param {Sender} sender
   * @param {SharedFile} shared
   */
  #offerToHosts(row, { name }, shared) {
    const question = {
      title: gettext("Withdraw {file}?", { file: shared.name }),
      body: gettext("{name} passed it on. Nobody can save it any more; who has saved it keeps it.", { name }),
      answers: [{ value: "withdraw", label: gettext("Withdraw"), danger: true }],
    };
    const button = act(gettext("Withdraw…"), async () => {
      if (!(await ask(question))) return;
      this.#forHosts.delete(button);
      void this.#withdraw(row, shared);
      button.remove();
    });
    button.dataset.does = "withdraw";
    button.hidden = !this.#roster.capabilities.host;
    this.#forHosts.add(button);
    row.offers(button);
  }

  /**
   * @param {Row} row
   * @param {SharedFile} shared
   */
  async #withdraw(row, shared) {
    row.working(gettext("Withdrawing…"));
    try {
      await this.#files.withdraw(shared.file);
      row.done(gettext("Withdrawn. Who has saved it keeps it."));
    } catch (error) {
      console.debug("file", codeOf(error), error);
      row.failed(gettext("Not withdrawn: others can still save it."), act(gettext("Try again"), () => void this.#withdraw(row, shared)));
    }
  }

  /**
   * Somebody passed a file on.
   * @param {Sender} sender
   * @param {SharedFile} shared
   */
  show(sender, shared) {
    if (this.#shown.has(shared.file)) return;
    this.#shown.add(shared.file);
    const row = new Row();
    row.of(shared.name, shared.size);
    this.#append(sender, row.node);
    /** @param {string} label */
    const saving = (label) => act(label, () => void fetchIt());
    const fetchIt = async () => {
      const cancel = new AbortController();
      row.working(gettext("Fetching…"), act(gettext("Cancel"), () => cancel.abort()));
      try {
        save(await this.#files.fetch(shared, { onProgress: (done) => row.progress(done), signal: cancel.signal }), shared.name);
        row.done(gettext("Saved by your browser. Open it only if you trust its sender."), saving(gettext("Save again")));
      } catch (error) {
        if (cancel.signal.aborted) row.done(gettext("Not saved."), saving(gettext("Save")));
        else this.#failed(row, error, codeOf(error) === "no_such_file" ? null : saving(gettext("Try again")));
      }
    };
    row.done("", saving(gettext("Save")));
    this.#offerToHosts(row, sender, shared);
  }
}

/**
 * A button of a row.
 * @param {string} label
 * @param {() => void} onclick
 */
const act = (label, onclick) => h("button", { class: "btn btn-sm", type: "button", onclick }, label);

/** One file, and what is happening to it. */
class Row {
  #name = h("b", { dir: "auto" });
  #weight = h("span", { class: "meta num" });
  #said = h("span", { class: "meta", role: "status" });
  #bar = h("progress", { value: 0, hidden: true });
  #acts = h("span", { class: "row" });
  #foot = h("span", { class: "row row-wrap" }, this.#acts);
  #size = 0;
  node = h(
    "div",
    { class: "file" },
    icon("file"),
    h("div", { class: "stack gap-2" }, h("span", {}, this.#name, " ", this.#weight), this.#bar, this.#said, this.#foot),
  );

  /** @param {HTMLElement} button there whatever happens to the file */
  offers(button) {
    this.#foot.append(button);
  }

  /**
   * Which file it is, from now on.
   * @param {string} name
   * @param {number} [size] a folder has none
   */
  of(name, size) {
    this.#size = size ?? 0;
    setText(this.#name, name);
    setText(this.#weight, size === undefined ? "" : sizeText(size));
    this.#bar.max = Math.max(1, this.#size);
    setAttr(this.#bar, "aria-label", name);
  }

  /** @param {number} done bytes */
  progress(done) {
    this.#bar.value = this.#size ? done : 1;
  }

  /**
   * @param {string} text
   * @param {HTMLElement} [cancel] without it nothing tells how far this is
   */
  working(text, cancel) {
    this.#bar.value = 0;
    this.#show(text, { busy: true, measured: Boolean(cancel), way: cancel });
  }

  /**
   * @param {string} text
   * @param {HTMLElement} [way] what can be done now
   */
  done(text, way) {
    this.#show(text, { way });
  }

  /**
   * @param {string} text
   * @param {HTMLElement | null} way out of it
   */
  failed(text, way) {
    this.#show(text, { way });
    this.#said.classList.add("error");
  }

  /**
   * The focus stays in the row when the button that had it goes.
   * @param {string} text
   * @param {{busy?: boolean, measured?: boolean, way?: HTMLElement | null}} how
   */
  #show(text, { busy = false, measured = false, way = null }) {
    const focused = this.node.contains(document.activeElement);
    this.#said.classList.remove("error");
    setText(this.#said, text);
    this.#bar.hidden = !measured;
    setAttr(this.node, "aria-busy", busy ? "true" : null);
    put(this.#acts, way);
    if (focused) this.#focus(way);
  }

  /** @param {HTMLElement | null} way */
  #focus(way) {
    setAttr(this.node, "tabindex", way ? null : "-1");
    (way ?? this.node).focus();
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
