// The page at /m/<code> before the room: the question, the own view, and whatever else the door answers. What lives from the knock
// on is a Visit. One function, `setState`, says where the visitor is; scripts and style sheets read it from <main data-call-state>.
import { byId, setAttr, setText } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { forgetOldGuests } from "../e2ee/identity.js";
import { Preferences } from "../lib/preferences.js";
import { Devices } from "../media/devices.js";
import { ArrivalFailed, askDoor, askForNewLink } from "../signaling/arrive.js";
import { Device } from "../signaling/device.js";
import { Announcer } from "../elements/announcer.js";
import { verdictWords } from "./code_field.js";
import { CompleteLink } from "./complete_link.js";
import { DoorCard } from "./door_card.js";
import { readDoor } from "./door_data.js";
import { KeptSeat } from "./kept_seat.js";
import { ownToken } from "./own_token.js";
import { OwnView } from "./own_view.js";
import { Promised } from "./promised.js";
import { problemWords } from "./refusals.js";
import { TabTitle } from "./tab_title.js";

/** @typedef {"prejoin" | "waiting" | "refused" | "joining" | "connected" | "reconnecting" | "removed" | "ended" | "left"} CallState */

/** After these pauses the page looks whether the code could be mailed. */
const MAIL_LOOKS_MS = [4_000, 20_000];

const door = readDoor();
const preferences = new Preferences();
const announcer = new Announcer(byId("say"), byId("alert"));
addEventListener("said", (event) => announcer.say(/** @type {CustomEvent<string>} */ (event).detail));
const device = new Device();
const devices = new Devices();
const ownView = new OwnView(devices);
const title = door.meeting?.title ?? gettext("Meeting");
const tab = new TabTitle(title);
const link = new CompleteLink(door.code);
const promised = new Promised(door, link);
const kept = new KeptSeat(door.code, door.signed_in?.id ?? door.invitation, () => ({ ...devices.wanted, open: devices.asked === "ready" }));

const card = new DoorCard(byId("door"), door, preferences, {
  knock,
  move: (how) => void move(how),
  sendNewLink,
  named: (name) => ownView.setName(name),
  again: () => void again(),
  tell: () => tell(),
  leave: () => showRefusal({ reason: "left" }),
  paste,
  address: () => (link.key ? link.href : location.href),
});

/** @type {import("./visit.js").Visit | null} */
let visit = null;
/** @type {Promise<import("./visit.js").Visit> | null} */
let fetching = null;

let askedForCode = false;
/** Which address the door asks for, where the invited one isn’t known. */
let asksAddress = door.asks_address;
/** @type {import("../signaling/protocol.js").EmailCode | null} where the mailed code stands */
let emailCode = null;
/** Moving a personal link here by the mailed code. */
let movingByCode = false;
/** Pressed Allow on this page: coming again needs no second press. */
let allowedHere = false;

/**
 * @param {CallState} state
 * @param {string | null} [reason]
 */
function setState(state, reason = null) {
  setAttr(byId("main"), "data-call-state", state);
  setAttr(byId("main"), "data-reason", reason);
  byId("quiet-sign-in").hidden = state !== "prejoin" || Boolean(door.signed_in) || !door.sign_in_helps;
  byId("own").hidden = ["refused", "removed", "ended", "left"].includes(state);
  byId("join").classList.toggle("alone-card", byId("own").hidden);
}

/** @param {import("../signaling/client.js").Refusal} refusal */
function showRefusal(refusal) {
  if (refusal.reason !== "too_many") kept.forget();
  letGo();
  const told = card.refused(refusal);
  setState(told.state, told.state === "left" && refusal.reason === "left" ? null : refusal.reason);
  tab.with(told.heading);
  if (told.state === "removed" || told.state === "ended") announcer.alert(told.heading);
}

/** @param {Parameters<DoorCard["question"]>[0]} [options] */
function showQuestion(options) {
  tab.plain();
  setState("prejoin");
  card.question({ askAddress: asksAddress, askCode: askedForCode, code: emailCode, ...options });
  // Whoever touches the page means to come in: the room arrives while they choose devices. Who only looks doesn’t pay for it.
  // What is dictated, pasted or filled in for them is a touch as well.
  for (const touch of ["pointerdown", "keydown", "input"]) addEventListener(touch, fetchVisit, { once: true });
}

/**
 * Everything from the knock on is most of this page's code. It comes at once, not one module behind the other: each would be a
 * round trip. Strangers aren't told what the meeting needs, so for them what encrypts it is fetched as well.
 */
function fetchVisit() {
  fetching ??= Promise.all([import("./visit.js"), import("./inside.js"), door.encryption === "transport" ? null : import("../e2ee/encryption.js")]).then(
    ([{ Visit }, { Inside }, encryption]) =>
      (visit = new Visit({ page: { setState, refused, card, ownView, tab }, door, preferences, announcer, device, devices, link, promised, Inside, Encryption: encryption?.Encryption ?? null })),
  );
  fetching.catch(() => (fetching = null)); // it did not arrive: the next touch or press tries again
  return fetching;
}

/** @param {import("../signaling/client.js").Who} who @param {{resumed?: boolean}} [how] */
async function knock(who, { resumed = false } = {}) {
  setState("joining");
  // Whoever gives another address has no code yet: what is typed into the field of an earlier one would be lost with it.
  const isAnotherAddress = who.email !== undefined && !who.newCode;
  if (!who.move) card.question({ askAddress: asksAddress, askCode: askedForCode, code: isAnotherAddress ? null : emailCode, busy: true, tell: who.tell });
  else if (who.emailCode) card.moveCode(emailCode, { busy: true });
  movingByCode = who.move === "code";
  try {
    const arrival = await (await fetchVisit()).knock(who, { resumed });
    if (arrival.outcome !== "refuse") kept.remember(who.name);
  } catch (error) {
    cameNowhere(error instanceof ArrivalFailed ? error : new ArrivalFailed(""), who);
  }
}

/**
 * The door could not be asked, or not with what was typed.
 * @param {ArrivalFailed} failed
 * @param {import("../signaling/client.js").Who} who
 */
function cameNowhere({ code, field, verdict, retryAfterMs, emailCode: stands, most }, who) {
  const aboutCode = field === "email_code";
  if (aboutCode) emailCode = stands;
  const problem = aboutCode && verdict ? verdictWords(verdict, stands) : problemWords(code, field, verdict, { retryAfterMs, most });
  if (!who.move) {
    askedForCode ||= aboutCode;
    showQuestion({ problem, field, tell: who.tell });
    return;
  }
  setState("refused", "link_in_use");
  if (movingByCode && emailCode) card.moveCode(emailCode, { problem });
  else card.moveWays(problem);
}

/** Another device holds this link: what its holder chose to show that it is theirs. @param {import("../signaling/client.js").Who} how */
async function move(how) {
  await knock({ name: card.name || undefined, ...how });
}

/** @param {import("../signaling/client.js").Refusal} refusal */
function refused(refusal) {
  if (refusal.reason === "verify_email") askForCode(refusal);
  else showRefusal(refusal);
}

/** The door asks for the mailed code. @param {import("../signaling/client.js").Refusal} refusal */
function askForCode({ email_code: stands, asks_address: asked }) {
  emailCode = stands ?? null;
  asksAddress = asked ?? null;
  if (movingByCode) {
    setState("refused", "link_in_use");
    card.moveCode(emailCode);
    return;
  }
  askedForCode = true;
  showQuestion();
  if (!asksAddress) for (const pause of MAIL_LOOKS_MS) setTimeout(() => void lookForMail(), pause);
}

/** Where the code can’t be mailed, the door says something else by now. */
async function lookForMail() {
  if (!askedForCode || !visit?.isRefused) return;
  await lookAgain();
  if (door.look.reason === "verify_email" || !askedForCode) return;
  const address = emailCode?.sent_to ?? "";
  askedForCode = false;
  emailCode = null;
  showQuestion({ problem: gettext("The email to {address} couldn’t be sent. You can knock instead: a host decides.", { address }) });
}

/** @returns {Promise<string>} what to say */
async function sendNewLink() {
  try {
    const { sent_to: address } = await askForNewLink(door.urls.new_link, door.csrf, await device.prove(door.code));
    return gettext("A new link is on its way to {address}. This page can be closed.", { address });
  } catch (error) {
    const { code, retryAfterMs } = error instanceof ArrivalFailed ? error : { code: "", retryAfterMs: null };
    if (code === "too_many") return gettext("A link was sent a moment ago. Wait {count} minutes before you ask again.", { count: Math.ceil((retryAfterMs ?? 60_000) / 60_000) });
    return problemWords(code, null);
  }
}

/** Out of a refusal: ask the door what it says now. */
async function again() {
  setState("joining");
  await lookAgain();
  const obstacle = await promised.obstacle();
  if (door.look.outcome === "refuse" && door.look.reason !== "verify_email") showRefusal(door.look);
  else if (obstacle) showRefusal({ reason: obstacle });
  else {
    showQuestion();
    ownView.show();
    if (allowedHere) void devices.allow();
  }
}

/** The door is locked, and hosts should see that somebody stands before it. */
function tell() {
  ownView.show();
  if (allowedHere) void devices.allow();
  if (door.needs_name && !card.name) showQuestion({ tell: true });
  else void knock({ name: door.needs_name ? card.name : undefined, tell: true });
}

/** The page was rendered without knowing this device; the door may answer it differently. */
async function lookAgain() {
  try {
    const { outcome, reason, until, link, at, may_tell, asks_address: asked } = await askDoor(door.urls.look, door.csrf, await device.prove(door.code));
    door.look = { outcome, reason, until, link, at, may_tell };
    asksAddress = asked ?? null;
  } catch (error) {
    // What the page was told stands; Join asks again in any case. But that a link opens nothing isn’t said where it may be another.
    if (!(error instanceof ArrivalFailed) || error.code !== "too_many" || door.look.reason !== "closed") return;
    door.look = { outcome: "refuse", reason: "too_many", until: new Date(Date.now() + (error.retryAfterMs ?? 60_000)).toISOString() };
  }
}

/**
 * Somebody pasted the complete link of a sealed meeting.
 * @param {string} text
 * @returns {string} what is wrong with it
 */
function paste(text) {
  const taken = link.paste(text);
  if (taken === "no_key") return gettext("This isn’t a complete link: it has no key behind the #.");
  if (taken === "taken") void again();
  else location.assign(taken);
  return "";
}

/** Whoever is out has no light burning. */
function letGo() {
  if (devices.asked === "ready") {
    allowedHere = true;
    devices.asked = "idle";
  }
  devices.release();
  ownView.hide();
}

/** A page reload keeps the seat. @param {import("./kept_seat.js").Kept} seat */
async function resume(seat) {
  void fetchVisit();
  setState("joining");
  card.question({ busy: true });
  devices.wanted = { microphone: Boolean(seat.microphone), camera: Boolean(seat.camera) };
  if (seat.open && (seat.microphone || seat.camera)) {
    for (const kind of /** @type {const} */ (["microphone", "camera"])) if (devices.wanted[kind]) await devices.toggle(kind, true);
  } else if (seat.open) devices.decline();
  await knock({ name: seat.name ?? undefined }, { resumed: true });
}

// ---- the address and the look

addEventListener("hashchange", () => {
  ownToken(door.code);
  link.take();
});
preferences.on("change", () => document.documentElement.toggleAttribute("data-less-motion", preferences.get("lessMotion")));
document.documentElement.toggleAttribute("data-less-motion", preferences.get("lessMotion"));

async function start() {
  ownToken(door.code);
  link.take();
  void forgetOldGuests();
  byId("join").hidden = false;
  /** @type {HTMLAnchorElement} */ (byId("quiet-sign-in")).href = door.sign_in_url;
  setText(byId("room-title"), title);
  if (!globalThis.isSecureContext) {
    showRefusal({ reason: "insecure" });
    return;
  }
  if (!("RTCPeerConnection" in globalThis) || !navigator.mediaDevices || !globalThis.indexedDB) {
    showRefusal({ reason: "unsupported" });
    return;
  }
  const obstacle = await promised.obstacle();
  if (obstacle && door.look.outcome !== "refuse") {
    showRefusal({ reason: obstacle });
    return;
  }
  if (door.look.reason === "too_many") {
    showRefusal(door.look);
    return;
  }
  const seat = kept.read();
  if (seat) {
    await resume(seat);
    return;
  }
  // Strangers get the one answer at once; for everybody else the device may change it.
  // So it may for whoever was here before: their link may have been replaced by a newer one.
  const mayDiffer = door.look.reason === "closed" ? await device.isKnown() : door.look.reason !== "sign_in";
  if (mayDiffer) await lookAgain();
  if (door.look.outcome === "refuse" && door.look.reason !== "verify_email") {
    showRefusal(door.look);
    return;
  }
  if (obstacle) {
    showRefusal({ reason: obstacle });
    return;
  }
  showQuestion();
  ownView.setName(card.name);
}

void start();
