// The people of a group as chips. Without this script the field takes names and addresses as they are.
import { $, pageData } from "../lib/dom.js";
import { Chips } from "./chips.js";

const data = pageData("group-data");
const chips = new Chips(/** @type {HTMLTextAreaElement} */ ($("#id_members")), {
  people: data.people,
  complete: data.complete,
  words: data.words,
  accountsOnly: true,
  placeholder: data.words.addPeople,
  said: /** @type {HTMLElement} */ ($("#chips-said")),
  changed: () => {},
});
$("#group")?.addEventListener("submit", () => chips.settle());
