// How loud somebody is heard here: a slider that holds at once.
import { h, setAttr, setText } from "../lib/h.js";
import { gettext, percent } from "../lib/i18n.js";
import { showDialog } from "./show_dialog.js";

const STEP = 5;

/** Whether a page may say how loud something plays: on iPhones only their buttons do. */
export function canSetVolume() {
  const probe = new Audio();
  probe.volume = 0.5;
  return probe.volume === 0.5;
}

/**
 * Resolves when the dialog is closed.
 * @param {string} name
 * @param {number} volume 0…1
 * @param {(volume: number) => void} set
 */
export async function chooseVolume(name, volume, set) {
  const slider = h("input", { type: "range", id: "volume", min: 0, max: 100, step: STEP, value: Math.round(volume * 100), oninput: () => changed() });
  const said = h("output", { for: "volume", class: "num" });
  const reset = h("button", { class: "btn", type: "button", onclick: () => ((slider.value = "100"), changed(), slider.focus()) }, gettext("Full volume"));
  const done = h("button", { class: "btn btn-primary", type: "button", onclick: () => dialog.close() }, gettext("Done"));
  const tell = () => {
    const words = percent(slider.valueAsNumber / 100);
    setText(said, words);
    setAttr(slider, "aria-valuetext", words);
    reset.disabled = slider.value === "100";
  };
  const changed = () => {
    tell();
    set(slider.valueAsNumber / 100);
  };
  const dialog = h(
    "dialog",
    { class: "ask", "aria-labelledby": "volume-title", "aria-describedby": "volume-about" },
    h("h2", { id: "volume-title" }, gettext("How loud is {name} for you?", { name })),
    h("p", { id: "volume-about", class: "lead" }, gettext("Only you hear the difference, on this device, until one of you leaves. Nobody is told.")),
    h("div", { class: "volume mt-4" }, h("label", { for: "volume" }, gettext("Volume")), said, slider),
    h("div", { class: "row row-wrap" }, reset, done),
  );
  tell();
  await showDialog(dialog, slider);
}
