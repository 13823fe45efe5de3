// What each key of the room does. Which key is which is in elements/shortcuts.js.
import { byId } from "../lib/h.js";
import { gettext, listOf, ngettext } from "../lib/i18n.js";
import { networkWord } from "../elements/info_panels.js";
import { menuIsOpen } from "../elements/menu.js";
import { securityWords } from "./security_words.js";

/**
 * @param {{
 *   roster: import("../signaling/roster.js").Roster, participation: import("../media/participation.js").Participation,
 *   security: import("./security.js").Security, organisation: string,
 *   quality: import("../media/quality.js").Quality, panels: import("../elements/panels.js").Panels,
 *   stage: import("../elements/stage.js").Stage, queue: import("../elements/door_queue.js").DoorQueue,
 *   settings: import("../elements/settings.js").Settings, announcer: import("../elements/announcer.js").Announcer,
 *   turn: (kind: "microphone" | "camera") => Promise<void>, share: () => Promise<void>, raiseHand: (raised: boolean) => Promise<void>,
 *   setView: (view: "grid" | "speaker") => void, openReactions: () => void, pill: (text: string) => void,
 * }} parts
 * @returns {(command: import("../elements/shortcuts.js").Command) => void}
 */
export function commands({ roster, participation, security, organisation, quality, panels, stage, queue, settings, announcer, turn, share, raiseHand, setView, openReactions, pill }) {
  return run;

  /** @param {import("../elements/shortcuts.js").Command} command */
  function run(command) {
    const named = /** @type {Record<string, string>} */ ({ people: "people", chat: "chat", encryption: "encryption" });
    if (named[command]) panels.toggle(named[command]);
    else if (command === "host" && roster.capabilities.host) panels.toggle("host");
    else if (command === "microphone") void turn("microphone").then(() => pill(participation.microphone ? gettext("Microphone on") : gettext("Microphone off")));
    else if (command === "camera") void turn("camera").then(() => pill(participation.camera ? gettext("Camera on") : gettext("Camera off")));
    else if (command === "door") goToDoor();
    else if (command === "hand") {
      pill(roster.self?.hand ? gettext("Hand lowered") : gettext("Hand raised"));
      void raiseHand(!roster.self?.hand);
    } else if (command === "react") openReactions();
    else if (command === "share") void share();
    else if (command === "view") setView(stage.view === "grid" ? "speaker" : "grid");
    else if (command === "whoSpeaks") sayWhoSpeaks();
    else if (command === "myState") sayMyState();
    else if (command === "controls") /** @type {HTMLElement | null} */ (byId("toolbar").querySelector("button[tabindex='0']"))?.focus();
    else if (command === "nextRegion") region(1);
    else if (command === "previousRegion") region(-1);
    else if (command === "keys") settings.open("keyboard");
    else if (command === "escape" && !menuIsOpen() && !document.querySelector("dialog[open]")) panels.close();
  }

  function goToDoor() {
    if (!queue.focus()) announcer.say(gettext("Nobody is at the door"));
  }

  function sayWhoSpeaks() {
    const names = [...stage.speaking].map((id) => roster.people.get(id)?.name ?? "").filter(Boolean);
    announcer.say(names.length ? gettext("Speaking: {names}", { names: listOf(names) }) : gettext("Nobody is speaking"));
  }

  function sayMyState() {
    announcer.say(
      [
        participation.microphone ? gettext("Microphone on") : gettext("Microphone off"),
        participation.camera ? gettext("camera on") : gettext("camera off"),
        roster.self?.hand ? gettext("hand raised") : gettext("hand down"),
        gettext("network {state}", { state: networkWord(quality.verdict.word).text.toLowerCase() }),
        ngettext("{count} person inside", "{count} people inside", roster.people.size),
        securityWords(security.status, { organisation, comparedAt: null, changed: security.changed.map(({ who }) => who.name), sealed: security.isSealed }).short,
      ].join(", "),
    );
  }

  /** @param {number} step */
  function region(step) {
    const regions = [byId("room-top"), byId("main"), byId("panel"), byId("room-bar")].filter((region) => !region.hidden);
    const at = regions.findIndex((region) => region.contains(document.activeElement));
    const region = regions[(at + step + regions.length) % regions.length];
    const target = region.querySelector("h2[tabindex], button[tabindex='0'], .tile[tabindex='0'], button") ?? region;
    /** @type {HTMLElement} */ (target).focus();
  }
}
