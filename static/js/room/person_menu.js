// What can be done about one person: for everyone "Pin for me", for hosts what the server lets hosts do.
import { gettext } from "../lib/i18n.js";
import { LONGEST_NOTE } from "../signaling/protocol.js";
import { ask } from "../elements/dialog.js";
import { showMenu } from "../elements/menu.js";

/** @typedef {import("../signaling/protocol.js").Person} Person */

/**
 * @param {{
 *   roster: import("../signaling/roster.js").Roster, hosting: import("../signaling/hosting.js").Hosting, talk: import("./talk.js").Talk,
 *   stage: import("../elements/stage.js").Stage, failed: (error: unknown) => void, lowerOwnHand: () => void,
 * }} parts
 */
export function personMenu({ roster, hosting, talk, stage, failed, lowerOwnHand }) {
  /**
   * @param {Person} person
   * @param {HTMLElement} button
   */
  return (person, button) => {
    const { participant, name } = person;
    const self = participant === roster.you;
    const host = roster.capabilities.host && !self;
    const run = (/** @type {Promise<unknown>} */ request) => void request.catch(failed);
    showMenu(
      button,
      [
        { label: stage.pinned === participant ? gettext("Unpin") : gettext("Pin for me"), icon: stage.pinned === participant ? "pin-off" : "pin", run: () => stage.pin(participant) },
        self && person.hand ? { label: gettext("Lower hand"), icon: "hand", run: lowerOwnHand } : null,
        host && person.microphone ? { label: gettext("Mute"), icon: "mic-off", run: () => run(hosting.stop(participant, "microphone")) } : null,
        host && person.camera ? { label: gettext("Stop video"), icon: "video-off", run: () => run(hosting.stop(participant, "camera")) } : null,
        host && person.screen ? { label: gettext("Stop sharing"), icon: "monitor-x", run: () => run(hosting.stop(participant, "screen")) } : null,
        host && person.hand ? { label: gettext("Lower hand"), icon: "hand", run: () => run(talk.lowerHand(participant)) } : null,
        host && !person.host ? { label: gettext("Move back to the door"), icon: "door-closed-locked", run: () => run(hosting.toDoor(participant)) } : null,
        host ? { label: gettext("Remove…"), icon: "user-x", danger: true, run: () => void remove(person) } : null,
      ],
      { label: gettext("Actions for {name}", { name }) },
    );
  };

  /** @param {Person} person */
  async function remove({ participant, name }) {
    const given = await ask({
      title: gettext("Remove {name}?", { name }),
      body: gettext("They leave at once. They are told that a host removed them."),
      choice: {
        id: "reason",
        legend: gettext("Reason"),
        options: [
          [gettext("wrong meeting"), gettext("Wrong meeting")],
          [gettext("disruptive"), gettext("Disruptive")],
          ["", gettext("Other")],
        ],
      },
      text: { id: "note", label: gettext("In your words (optional)"), longest: LONGEST_NOTE },
      tick: { id: "block", label: gettext("Block their link, so that they can’t come back"), checked: true },
      answers: [{ value: "remove", label: gettext("Remove {name}", { name }), danger: true }],
    });
    if (given) await hosting.remove(participant, { block: given.tick, note: given.text || given.choice }).catch(failed);
  }
}
