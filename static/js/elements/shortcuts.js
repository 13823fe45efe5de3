// Keys of the room. By `code`, so that every keyboard layout has them in the same place; no Ctrl+Alt, which is AltGr.
import { h } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";

/**
 * @typedef {"microphone" | "camera" | "door" | "people" | "chat" | "host" | "encryption" | "hand" | "react" | "share"
 *   | "view" | "whoSpeaks" | "myState" | "controls" | "nextRegion" | "previousRegion" | "keys" | "escape"} Command
 */

/** @type {Record<string, Command>} */
const WITH_ALT_SHIFT = {
  KeyA: "door", KeyP: "people", KeyC: "chat", KeyO: "host", KeyX: "encryption", KeyH: "hand",
  KeyR: "react", KeyS: "share", KeyG: "view", KeyW: "whoSpeaks", KeyI: "myState",
};

/**
 * @param {{code: string, key: string, ctrlKey: boolean, metaKey: boolean, altKey: boolean, shiftKey: boolean}} event
 * @param {boolean} inText whether the focus is where text is typed
 * @returns {Command | null}
 */
export function commandOf({ code, key, ctrlKey, metaKey, altKey, shiftKey }, inText) {
  if ((ctrlKey || metaKey) && !altKey && !shiftKey) return code === "KeyD" ? "microphone" : code === "KeyE" ? "camera" : null;
  if (altKey && shiftKey && !ctrlKey && !metaKey) return WITH_ALT_SHIFT[code] ?? null;
  if (ctrlKey || metaKey || altKey) return null;
  if (key === "F2") return "controls";
  if (key === "F6") return shiftKey ? "previousRegion" : "nextRegion";
  if (key === "?" && !inText) return "keys";
  if (key === "Escape") return "escape";
  return null;
}

const apple = () => /Mac|iPhone|iPad/.test(navigator.platform);

/** Which letter a command has with Alt and Shift. @param {Command} command */
const letterOf = (command) => Object.entries(WITH_ALT_SHIFT).find(([, one]) => one === command)?.[0].slice(-1);

/**
 * What to press for a command, to read and as `aria-keyshortcuts` has it.
 * @param {Command} command one with keys of its own
 * @returns {{words: string, keys: string}}
 */
export function keysOf(command) {
  const plain = { microphone: "D", camera: "E" }[/** @type {string} */ (command)];
  if (!plain) return { words: `Alt+Shift+${letterOf(command)}`, keys: `Alt+Shift+${letterOf(command)}` };
  return apple() ? { words: `⌘${plain}`, keys: `Meta+${plain}` } : { words: `Ctrl+${plain}`, keys: `Control+${plain}` };
}

/** What to press, and what it does. @returns {[string, string][]} */
export function keyList() {
  const control = apple() ? "⌘" : "Ctrl";
  return [
    [`${control} + D`, gettext("Microphone")],
    [`${control} + E`, gettext("Camera")],
    [gettext("hold V"), gettext("Talk while held, when the microphone is off")],
    ["Alt + Shift + A", gettext("Go to who is at the door")],
    ["Alt + Shift + P", gettext("People")],
    ["Alt + Shift + C", gettext("Chat")],
    ["Alt + Shift + O", gettext("Host controls")],
    ["Alt + Shift + X", gettext("Encryption")],
    ["Alt + Shift + H", gettext("Raise or lower your hand")],
    ["Alt + Shift + R", gettext("Reactions; then 1 to 6")],
    ["Alt + Shift + S", gettext("Share or stop sharing")],
    ["Alt + Shift + G", gettext("Switch view")],
    ["Alt + Shift + W", gettext("Say who is speaking")],
    ["Alt + Shift + I", gettext("Say my state")],
    ["F2", gettext("Go to the control bar")],
    ["F6", gettext("Next part of the page; with Shift the previous one")],
    ["Shift + ?", gettext("This list")],
    ["Esc", gettext("Close what is on top")],
  ];
}

export function keyTable() {
  return h("dl", { class: "keys" }, ...keyList().flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]));
}

/** @param {EventTarget | null} target */
export function isTextField(target) {
  return target instanceof Element && target.matches("input:not([type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable]");
}

/**
 * @param {{
 *   enabled: () => boolean, holdToTalk: () => boolean,
 *   run: (command: Command) => void, talk: (held: boolean) => void,
 * }} parts
 * @returns {() => void} stop listening
 */
export function listen({ enabled, holdToTalk, run, talk }) {
  let held = false;
  const letGo = () => {
    if (!held) return;
    held = false;
    talk(false);
  };
  /** @param {KeyboardEvent} event */
  const down = (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const command = commandOf(event, isTextField(event.target));
    if (command) {
      if (command === "escape" || enabled()) {
        if (command !== "escape") event.preventDefault();
        if (!event.repeat) run(command);
      }
      return;
    }
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (event.code !== "KeyV" || !plain || event.repeat || held || isTextField(event.target) || !enabled() || !holdToTalk()) return;
    held = true;
    talk(true);
  };
  /** @param {KeyboardEvent} event */
  const up = (event) => {
    if (event.code === "KeyV") letGo();
  };
  addEventListener("keydown", down);
  addEventListener("keyup", up);
  addEventListener("blur", letGo);
  return () => {
    removeEventListener("keydown", down);
    removeEventListener("keyup", up);
    removeEventListener("blur", letGo);
  };
}
