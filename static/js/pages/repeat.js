// How a new meeting repeats: its end is asked only of what repeats, and choices name the weekday or date that was picked.
import { $, $$, say } from "../lib/dom.js";

/**
 * @param {HTMLFormElement} form
 * @param {Record<string, string[]>} rhythms what a choice means: by weekday (Monday first) or by day of the month
 */
export function followRepeat(form, rhythms) {
  /** @param {string} name */
  const field = (name) => /** @type {HTMLInputElement | HTMLSelectElement} */ (form.elements.namedItem(name));

  /** What is hidden isn't sent either. @param {string} name @param {boolean} shown */
  const show = (name, shown) => {
    const one = field(name);
    one.disabled = !shown;
    /** @type {HTMLElement} */ (one.closest(".field")).hidden = !shown;
  };

  const follow = () => {
    const repeats = field("repeat").value !== "";
    const end = field("ends").value;
    show("ends", repeats);
    for (const name of ["until", "times"]) show(name, repeats && end === name);
    /** @type {HTMLElement} */ ($("#repeat-about", form)).hidden = !repeats;

    const first = new Date(`${field("date").value}T00:00:00Z`);
    if (Number.isNaN(first.getTime())) return;
    for (const option of /** @type {HTMLOptionElement[]} */ ($$("[name=repeat] option", form))) {
      const said = rhythms[option.value];
      if (said) say(option, said[said.length === 7 ? (first.getUTCDay() + 6) % 7 : first.getUTCDate() - 1]);
    }
  };

  form.addEventListener("change", follow);
  follow();
}
