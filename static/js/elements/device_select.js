// Lists of cameras, microphones and speakers as native selects that follow the devices.
import { h, keyed } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";

/**
 * @typedef {import("../media/devices.js").Devices} Devices
 */

/**
 * @param {HTMLSelectElement} select
 * @param {MediaDeviceInfo[]} devices
 * @param {string} current
 * @param {string} nothing what stands there when the list is empty
 */
function fill(select, devices, current, nothing) {
  const options = devices.length ? devices.map(({ deviceId, label }) => ({ value: deviceId, label })) : [{ value: "", label: nothing }];
  /** @type {Map<string, HTMLOptionElement>} */
  const kept = new Map([...select.options].map((option) => [option.value, option]));
  keyed(select, kept, options, ({ value }) => value, ({ value }) => h("option", { value }), (option, { label }) => (option.textContent = label || gettext("Unnamed device")));
  if (options.some(({ value }) => value === current)) select.value = current;
  select.disabled = !devices.length;
}

/**
 * @param {Devices} devices
 * @param {{camera?: HTMLElement, microphone?: HTMLElement, speaker?: HTMLElement}} selects
 * @returns {() => void} draws them anew
 */
export function deviceSelects(devices, selects) {
  const camera = /** @type {HTMLSelectElement | undefined} */ (selects.camera);
  const microphone = /** @type {HTMLSelectElement | undefined} */ (selects.microphone);
  const speaker = /** @type {HTMLSelectElement | undefined} */ (selects.speaker);
  camera?.addEventListener("change", () => void devices.choose("camera", camera.value));
  microphone?.addEventListener("change", () => void devices.choose("microphone", microphone.value));
  speaker?.addEventListener("change", () => devices.chooseSpeaker(speaker.value));
  return () => {
    if (camera) fill(camera, devices.of("camera"), devices.current("camera"), gettext("No camera"));
    if (microphone) fill(microphone, devices.of("microphone"), devices.current("microphone"), gettext("No microphone"));
    if (speaker) fill(speaker, devices.speakers, devices.speaker || "default", gettext("The system’s speaker"));
  };
}

/**
 * What went wrong with a device, and what to do.
 * @param {"microphone" | "camera"} kind
 * @param {import("../media/devices.js").Trouble} trouble
 * @returns {{title: string, text: string}}
 */
export function troubleWords(kind, trouble) {
  const camera = kind === "camera";
  if (trouble === "blocked")
    return camera
      ? { title: gettext("The browser is blocking your camera"), text: gettext("Open the camera symbol in the address bar, choose Allow, then try again.") }
      : { title: gettext("The browser is blocking your microphone"), text: gettext("Open the microphone symbol in the address bar, choose Allow, then try again.") };
  if (trouble === "blocked_by_system")
    return {
      title: camera ? gettext("The system is blocking your camera") : gettext("The system is blocking your microphone"),
      text: gettext("Open the privacy settings of this computer, allow this browser, then try again."),
    };
  if (trouble === "in_use")
    return camera
      ? { title: gettext("Your camera is used by another app"), text: gettext("Close the call in the other app or pick another camera.") }
      : { title: gettext("Your microphone is used by another app"), text: gettext("Close the call in the other app or pick another microphone.") };
  if (trouble === "unplugged")
    return {
      title: camera ? gettext("Your camera was unplugged") : gettext("Your microphone was unplugged"),
      text: gettext("Plug it in again or pick another one."),
    };
  return {
    title: camera ? gettext("No camera found") : gettext("No microphone found"),
    text: camera ? gettext("You can join without one.") : gettext("You can join and listen."),
  };
}
