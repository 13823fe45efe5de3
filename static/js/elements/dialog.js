// Questions in a native <dialog>: focus on the safest control, given back on close.
import { gettext } from "../lib/i18n.js";
import { h } from "../lib/h.js";
import { showDialog } from "./show_dialog.js";

/**
 * @typedef {{id: string, label: string, longest?: number, hint?: string}} TextField
 * @typedef {{id: string, legend: string, options: [value: string, label: string][]}} ChoiceField
 * @typedef {{id: string, label: string, checked: boolean}} TickField
 * @typedef {{value: string, label: string, danger?: boolean, primary?: boolean}} Answer
 */

let count = 0;

/**
 * @param {{
 *   title: string, body?: string, answers: Answer[], cancel?: string,
 *   text?: TextField, choice?: ChoiceField, ticks?: TickField[],
 * }} question
 * @returns {Promise<{answer: string, text: string, choice: string, ticks: Record<string, boolean>} | null>} null: nothing was decided
 */
export async function ask({ title, body, answers, cancel, text, choice, ticks = [] }) {
  const id = `ask-${++count}`;
  const area = text
    ? h("textarea", { class: "input", id: `${id}-text`, rows: 3, maxlength: text.longest ?? 300, "aria-describedby": text.hint ? `${id}-hint` : null })
    : null;
  const boxes = ticks.map(({ id: name, checked }) => h("input", { type: "checkbox", name, checked }));
  const radios = (choice?.options ?? []).map(([value, label], index) =>
    h("label", { class: "check" }, h("input", { type: "radio", name: `${id}-choice`, value, checked: index === 0 }), h("span", {}, label)),
  );
  const cancelButton = h("button", { class: "btn", type: "button", value: "" }, cancel ?? gettext("Cancel"));
  const buttons = answers.map(({ value, label, danger, primary }) =>
    h("button", { class: `btn ${danger ? "btn-danger" : primary ? "btn-primary" : ""}`, type: "button", value }, label),
  );
  const dialog = h(
    "dialog",
    { class: "ask", "aria-labelledby": `${id}-title`, "aria-describedby": body ? `${id}-body` : null },
    h("h2", { id: `${id}-title` }, title),
    body ? h("p", { id: `${id}-body`, class: "lead" }, body) : null,
    choice ? h("fieldset", { class: "stack gap-2 mt-4" }, h("legend", { class: "label" }, choice.legend), ...radios) : null,
    text
      ? h("div", { class: "field mt-4" }, h("label", { for: `${id}-text` }, text.label), text.hint ? h("p", { class: "hint", id: `${id}-hint` }, text.hint) : null, area)
      : null,
    ticks.length ? h("div", { class: "stack gap-2 mt-4" }, ...ticks.map(({ label }, index) => h("label", { class: "check" }, boxes[index], h("span", {}, label)))) : null,
    h("div", { class: "row row-wrap" }, cancelButton, ...buttons),
  );
  for (const button of [cancelButton, ...buttons]) button.onclick = () => dialog.close(button.value);
  // A choice comes before words: on a phone, words bring the keyboard over the question.
  const answer = await showDialog(dialog, radios[0]?.querySelector("input") ?? area ?? cancelButton);
  if (!answer) return null;
  const checked = /** @type {HTMLInputElement | null} */ (dialog.querySelector(`[name="${id}-choice"]:checked`));
  const ticked = Object.fromEntries(boxes.map((box) => [box.name, box.checked]));
  return { answer, text: area?.value.trim() ?? "", choice: checked?.value ?? "", ticks: ticked };
}

/** Closes every question, because what it was about is over. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close("");
}
