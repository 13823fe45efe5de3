// The schedule form, live: chips, presets and rows in step, and the four people of "What will happen".
import { $, $$, el, icon, pageData, say } from "../lib/dom.js";
import { afterCode, ROWS } from "../lib/door.js";
import { before, dayWords } from "../lib/time.js";
import { fill, initials, names } from "../lib/words.js";
import { Chips } from "./chips.js";
import { DoorRows } from "./door_rows.js";
import { Draft } from "./draft.js";
import { followRepeat } from "./repeat.js";

/** @typedef {import("../lib/door.js").Row} Row */
/** @typedef {import("../lib/door.js").Way} Way */

const LOOKS = { walks_in: ["in", "door-open"], knocks: ["wait", "bell"], turned_away: ["no", "door-closed-locked"] };

const data = pageData("schedule-data");
const words = data.words;
const form = /** @type {HTMLFormElement} */ ($("#schedule"));
/** @type {Chips | undefined} */ let hosts;
/** @type {Chips | undefined} */ let people;

/** @type {DoorRows} */ let door;

/** @param {string} name */
const value = (name) => door.value(name);

/** @param {Way} way @param {string} said */
function wayChip(way, said) {
  const [look, glyph] = LOOKS[way];
  return el("span", { class: `way way-${look}` }, icon(glyph), said);
}

function listed() {
  const hosting = new Set(hosts?.chips.map((chip) => chip.value));
  return (people?.chips ?? []).filter((chip) => chip.kind === "account" && !hosting.has(chip.value) && chip.value !== data.me.email);
}

/** Groups and domains that are typed. */
const together = () => (people?.chips ?? []).filter((chip) => chip.kind === "list");

/** Addresses of accounts that they stand for, as far as the page knows them. */
function listedTogether() {
  const domains = together().map((chip) => chip.value).filter((value) => value.startsWith("@"));
  const names = new Set(together().map((chip) => chip.value));
  const groups = data.groups.flatMap((/** @type {{ name: string }} */ group, /** @type {number} */ number) => (names.has(group.name) ? [number] : []));
  const on = data.people.filter(
    (/** @type {{ email: string, groups: number[] }} */ person) =>
      domains.some((domain) => person.email.toLowerCase().endsWith(domain)) || person.groups.some((number) => groups.includes(number)),
  );
  return new Set(on.map((/** @type {{ email: string }} */ person) => person.email));
}

/** Everybody on the list, hosts left out. */
function onTheList() {
  const found = new Set([...listed().map((chip) => chip.value), ...listedTogether()]);
  for (const host of [data.me.email, ...(hosts?.chips ?? []).map((chip) => chip.value)]) found.delete(host);
  return found;
}

const guests = () => (people?.chips ?? []).filter((chip) => chip.kind === "guest");

/** @param {string} selector @param {string} text */
const rowAbout = (selector, text) => say($(selector, form), text);

function showPeople() {
  const hostNames = (hosts?.chips ?? []).filter((chip) => chip.kind !== "wrong").map((chip) => chip.name);
  const others = unlisted();
  const links = guests().length;
  rowAbout("#row-hosts", names([words.you, ...hostNames], words));
  rowAbout("#row-listed legend span", names([...listed(), ...together()].map((chip) => chip.name), words) || words.nobody);
  rowAbout("#row-colleagues legend span", others === 1 ? words.onePerson : fill(words.persons, { count: others }));
  rowAbout("#row-guests legend > span", !links ? words.nobody : links === 1 ? words.oneLink : fill(words.links, { count: links }));
}

const unlisted = () => Math.max(0, data.total - 1 - (hosts?.chips ?? []).filter((chip) => chip.kind === "account").length - onTheList().size);

function colleague() {
  const known = new Set([data.me.email, ...(hosts?.chips ?? []).map((chip) => chip.value), ...onTheList()]);
  return data.people.find((/** @type {{ email: string }} */ person) => !known.has(person.email))?.name || words.colleague;
}

/** Somebody as the rows of "Exceptions" may name them: by address, in lower case. @param {string} typed */
function addressOf(typed) {
  const wanted = typed.trim().toLowerCase();
  const named = data.people.filter((/** @type {{ name: string, email: string }} */ one) => [one.email.toLowerCase(), one.name.toLowerCase()].includes(wanted));
  return named.length === 1 ? named[0].email.toLowerCase() : wanted;
}

/** What is settled for single people. @returns {Map<string, Way>} by address */
function exceptions() {
  const people = /** @type {HTMLInputElement[]} */ ($$("[name=exception_person]", form));
  const ways = /** @type {HTMLSelectElement[]} */ ($$("[name=exception_way]", form));
  const named = people.map((field, index) => /** @type {[string, Way]} */ ([addressOf(field.value), ways[index].value]));
  return new Map(named.filter(([who]) => who));
}

function showPreview() {
  const examples = { listed: listed()[0]?.name || words.somebody, colleagues: colleague(), guests: guests()[0]?.name || words.guest };
  const alone = exceptions();
  for (const item of /** @type {HTMLElement[]} */ ($$("#preview li"))) {
    const row = /** @type {Row} */ (item.dataset.row);
    const own = row === "anyone" ? undefined : alone.get(addressOf(examples[row]));
    const way = own ?? /** @type {Way} */ (value(row));
    const asked = afterCode(row, way, door.table, door.codes, data.ease);
    const said = asked ? words.afterCode[way] : words.ways[way];
    const why = row === "anyone" ? data.whys.proofs[door.codes.anyone] : data.whys.code;
    const chip = /** @type {HTMLElement} */ ($(".way", item));
    if (chip.textContent !== said) chip.replaceWith(wayChip(way, said));
    say($(".why > span", item), own ? data.whys.alone[own] : asked ? why : data.whys.rows[row][way]);
    if (row === "anyone") continue;
    const name = examples[row];
    const known = ![words.somebody, words.colleague, words.guest].includes(name);
    say($("b", item), name);
    if (known) say($(".av", item), initials(name));
    else $(".av", item)?.replaceChildren(icon("user"));
  }
}

function showExposure() {
  const note = /** @type {HTMLElement} */ ($("#exposure"));
  const others = unlisted();
  let text = "";
  if (value("anyone") === "walks_in") text = words.anybodyWalks;
  else if (value("colleagues") === "walks_in" && others) {
    text = others === 1 ? words.oneWalks : fill(words.manyWalk, { count: others });
  }
  note.hidden = !text;
  say($("b", note), text);
}

function showWhen() {
  const opens = value("opens");
  const moment = before(value("date"), value("starts"), opens === "any" ? 0 : Number(opens));
  if (!moment) return;
  const parts = { day: dayWords(moment.day), clock: moment.clock };
  say($("#preview-when"), fill(opens === "any" ? words.whenAny : words.when, parts));
}

/** In the form of a meeting that exists: what its door was and will be, who is no longer invited, and who is again. */
function showChanges() {
  const box = /** @type {HTMLElement | null} */ ($("#changes"));
  if (!box) return;
  const was = /** @type {HTMLInputElement} */ (form.elements.namedItem("was_rows")).value.split(",");
  const all = ROWS.map((row, index) => ({ row, was: /** @type {Way} */ (was[index]), now: /** @type {Way} */ (value(row)) }));
  const door = all.filter((change) => change.was !== change.now);
  const kept = new Set((people?.chips ?? []).map((chip) => chip.value.toLowerCase()));
  const gone = [...data.invited, ...data.listed].filter((/** @type {{ email: string }} */ one) => !kept.has(one.email));
  const said = door.map((change) => `${change.row}:${change.now}`).join(",");
  const left = gone.map((/** @type {{ email: string }} */ one) => one.email).sort().join(",");
  const before = new Map(data.exceptions.map((/** @type {{ person: string, way: Way }} */ one) => [one.person.toLowerCase(), one.way]));
  const after = exceptions();
  const alone = [...new Set([...before.keys(), ...after.keys()])].sort().filter((who) => before.get(who) !== after.get(who));
  const others = alone.map((who) => `${who}:${after.get(who) ?? ""}`).join(",");
  const back = data.revoked.filter((/** @type {{ email: string }} */ one) => kept.has(one.email));
  const again = back.map((/** @type {{ email: string }} */ one) => one.email).sort().join(",");
  const seen = said || left || others || again ? [said, left, others, ...(again ? [again] : [])].join("|") : "";
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("changes_seen"));
  if (field.value === seen && box.hidden === !seen) return;
  field.value = seen;
  box.hidden = !seen;
  const items = door.map((change) =>
    el("li", {}, el("b", {}, data.rows[change.row]), wayChip(change.was, words.ways[change.was]), icon("arrow-right"), wayChip(change.now, words.ways[change.now])),
  );
  const chip = (/** @type {Way | undefined} */ way) => (way ? wayChip(way, words.ways[way]) : el("span", { class: "meta" }, words.asRow));
  for (const who of alone) items.push(el("li", {}, el("b", {}, who), chip(before.get(who)), icon("arrow-right"), chip(after.get(who))));
  if (gone.length) {
    const list = gone.map((/** @type {{ name: string }} */ one) => one.name);
    items.push(el("li", {}, el("b", {}, words.gone), names(list, words, 12)));
  }
  if (back.length) {
    const list = back.map((/** @type {{ name: string }} */ one) => one.name);
    items.push(el("li", {}, el("b", {}, words.back), names(list, words, 12)));
  }
  $("ul", box)?.replaceChildren(...items);
}

function show() {
  showPeople();
  showPreview();
  showExposure();
  showWhen();
  showChanges();
}

/** One more row of "Exceptions", empty. */
function addException() {
  const rows = $$(".pair", form);
  const row = /** @type {HTMLElement} */ (rows[rows.length - 1].cloneNode(true));
  $(".error", row)?.remove();
  for (const field of /** @type {HTMLInputElement[]} */ ($$("input, select", row))) {
    field.removeAttribute("aria-invalid");
    field.setAttribute("aria-label", (field.getAttribute("aria-label") ?? "").replace(/\d+/, String(rows.length + 1)));
  }
  const entry = /** @type {HTMLInputElement} */ ($("input", row));
  entry.value = "";
  rows[rows.length - 1].after(row);
  return entry;
}

/** Whether the organisation takes guests with this address. @param {string} address */
function takes(address) {
  const { rule, domains } = data.unwanted;
  if (rule === "any") return true;
  const domain = address.slice(address.lastIndexOf("@") + 1);
  const within = domains.some((/** @type {string} */ one) => domain === one || domain.endsWith(`.${one}`));
  return within === (rule === "only");
}

function start() {
  const draft = new Draft(form);
  while ($$("[name=exception_person]", form).length < draft.count("exception_person")) addException();
  const restored = draft.restore();
  const shared = { people: data.people, complete: data.total <= data.people.length, words, said: /** @type {HTMLElement} */ ($("#chips-said")) };
  let ready = false;
  const changed = () => {
    if (!ready) return;
    show();
    draft.keep();
  };
  const hostsField = /** @type {HTMLTextAreaElement} */ ($("#id_hosts"));
  const peopleField = /** @type {HTMLTextAreaElement} */ ($("#id_people"));
  hosts = new Chips(hostsField, { ...shared, fixed: data.me, accountsOnly: true, placeholder: words.addHost, changed });
  const lists = { groups: data.groups, domains: data.domains, takes };
  people = new Chips(peopleField, { ...shared, ...lists, placeholder: words.addPeople, changed });
  door = new DoorRows(form, data, words.also);
  if ($("#repeat")) followRepeat(form, data.rhythms);
  ready = true;

  form.addEventListener("change", show);
  $("#more-exceptions")?.addEventListener("click", () => addException().focus());
  form.addEventListener("submit", () => {
    hosts?.settle();
    people?.settle();
  });
  $("#exposure a")?.addEventListener("click", () => {
    door.pick("named_people");
    door.show();
    show();
    draft.keep();
  });
  const note = /** @type {HTMLElement} */ ($("#draft-note"));
  note.hidden = !restored;
  $("button", note)?.addEventListener("click", () => {
    draft.forget();
    location.reload();
  });
  show();
}

start();
