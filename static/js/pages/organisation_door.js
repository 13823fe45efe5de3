// The administration's door, live: presets and rows in step, as in the schedule form. The server decides again.
import { $, pageData } from "../lib/dom.js";
import { DoorRows } from "./door_rows.js";

const data = pageData("policy-data");
new DoorRows(/** @type {HTMLFormElement} */ ($("#policy")), data, data.also);
