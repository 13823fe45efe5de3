// Keeps what somebody typed into a form until it was sent: a reload or a wrong click loses nothing.
// Stays in this tab (sessionStorage); what the server sent back after an error always wins.

const NEVER = new Set(["csrfmiddlewaretoken", "was_preset", "was_rows", "changes_seen"]);

export class Draft {
  #key; #form; #sent = false;

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.#form = form;
    this.#key = `lintel-draft:${location.pathname}`;
    form.addEventListener("input", () => this.keep());
    form.addEventListener("change", () => this.keep());
    form.addEventListener("submit", () => {
      this.#sent = true;
      this.#store({ sent: true });
    });
    addEventListener("pageshow", () => (this.#sent = false));
  }

  /** Puts back what was kept. Returns whether there was anything. */
  restore() {
    const kept = this.#read();
    if (this.#form.dataset.draft === "sent") return false;
    if (!kept || kept.sent) {
      this.forget();
      return false;
    }
    /** @type {Record<string, number>} fields of one name have their values in order */
    const taken = {};
    for (const field of this.#fields()) {
      const values = kept.values?.[field.name] ?? [];
      if (field instanceof HTMLInputElement && (field.type === "radio" || field.type === "checkbox")) {
        field.checked = values.includes(field.value);
      } else if (values.length) {
        const index = taken[field.name] ?? 0;
        taken[field.name] = index + 1;
        if (index < values.length) field.value = values[index];
      }
    }
    return true;
  }

  /** How many values of a field were kept: a form may have to grow before they are put back. @param {string} name */
  count(name) {
    return this.#form.dataset.draft === "sent" ? 0 : (this.#read()?.values?.[name]?.length ?? 0);
  }

  keep() {
    if (this.#sent) return;
    /** @type {Record<string, string[]>} */
    const values = {};
    for (const [name, value] of new FormData(this.#form)) {
      if (!NEVER.has(name) && typeof value === "string") (values[name] ??= []).push(value);
    }
    this.#store({ values });
  }

  forget() {
    try {
      sessionStorage.removeItem(this.#key);
    } catch {
      // Storage is off in this browser: there is nothing to forget.
    }
  }

  /** @returns {(HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement)[]} */
  #fields() {
    return /** @type {any[]} */ ([...this.#form.elements]).filter(
      (field) => field.name && field.type !== "submit" && !field.disabled && !NEVER.has(field.name),
    );
  }

  #read() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#key) ?? "null");
    } catch {
      return null;
    }
  }

  /** @param {object} what */
  #store(what) {
    try {
      sessionStorage.setItem(this.#key, JSON.stringify(what));
    } catch {
      // Full or off: the form still works, it only forgets.
    }
  }
}
