// What can be done about one person: for everyone what changes on this page only, for hosts what the server lets hosts do.
import { gettext, percent } from "../lib/i18n.js";
import { LONGEST_NOTE } from "../signaling/protocol.js";
import { ask } from "../elements/dialog.js";
import { showMenu } from "../elements/menu.js";
import { RIGHTS, rightNames } from "../elements/rights_words.js";
import { canSetVolume, chooseVolume } from "../elements/volume_dialog.js";

/**
 * @typedef {import("../signaling/protocol.js").Person} Person
 * @typedef {import("../elements/menu.js").Entry} Entry
 */

/**
 * @param {{
 *   roster: import("../signaling/roster.js").Roster, hosting: import("../signaling/hosting.js").Hosting, talk: import("./talk.js").Talk,
 *   stage: import("../elements/stage.js").Stage, failed: (error: unknown) => void, say: (text: string) => void, lowerOwnHand: () => void,
 *   volumes: import("../media/volumes.js").Volumes,
 * }} parts
 */
export function personMenu({ roster, hosting, talk, stage, failed, say, lowerOwnHand, volumes }) {
  /**
   * @param {Person} person
   * @param {HTMLElement} button
   * @param {"camera" | "screen"} [source] of the picture that it is about
   */
  return (person, button, source = "camera") => {
    const { participant, name } = person;
    const self = participant === roster.you;
    const pinned = stage.pinned === participant;
    const small = stage.smallWindow(participant, source);
    showMenu(
      button,
      [
        { label: pinned ? gettext("Unpin") : gettext("Pin for me"), icon: pinned ? "pin-off" : "pin", run: () => stage.pin(participant) },
        roster.capabilities.host ? spotlight(person) : null,
        small && { label: small.isOpen ? gettext("Leave picture-in-picture") : gettext("Picture-in-picture"), icon: "picture-in-picture-2", run: small.toggle },
        self || !canSetVolume() ? null : volume(person),
        self && person.hand ? { label: gettext("Lower hand"), icon: "hand", run: lowerOwnHand } : null,
        ...(roster.capabilities.host && !self ? forHosts(person) : []),
      ],
      { label: gettext("Actions for {name}", { name }) },
    );
  };

  /** @param {Person} person @returns {Entry} */
  function spotlight({ participant, spotlight: on }) {
    const run = () => void hosting.spotlight(participant, !on).catch(failed);
    return on ? { label: gettext("Unpin for everyone"), icon: "pin-off", run } : { label: gettext("Pin for everyone"), icon: "pin", run };
  }

  /** @param {Person} person @returns {Entry} */
  function volume({ participant, name }) {
    const now = volumes.of(participant);
    const choose = () => void chooseVolume(name, now, (chosen) => volumes.set(participant, chosen));
    return { label: gettext("Volume…"), icon: now ? "volume-2" : "volume-x", note: now < 1 ? percent(now) : "", run: choose };
  }

  /** @param {Person} person @returns {Entry[]} */
  function forHosts(person) {
    const { participant, name } = person;
    const run = (/** @type {Promise<unknown>} */ request) => void request.catch(failed);
    const asked = (/** @type {"microphone" | "camera"} */ source) => void hosting.ask(participant, source).then(() => say(gettext("{name} was asked.", { name })), failed);
    return [
      person.hand ? { label: gettext("Lower hand"), icon: "hand", run: () => run(talk.lowerHand(participant)) } : null,
      person.microphone
        ? { label: gettext("Mute"), icon: "mic-off", run: () => run(hosting.stop(participant, "microphone")) }
        : { label: gettext("Ask to unmute"), icon: "mic", disabled: roster.suspended, run: () => asked("microphone") },
      person.camera
        ? { label: gettext("Stop video"), icon: "video-off", run: () => run(hosting.stop(participant, "camera")) }
        : { label: gettext("Ask to turn on the camera"), icon: "video", disabled: roster.suspended, run: () => asked("camera") },
      person.screen ? { label: gettext("Stop sharing"), icon: "monitor-x", run: () => run(hosting.stop(participant, "screen")) } : null,
      person.host ? null : { label: gettext("What they may do…"), icon: "sliders-horizontal", run: () => void rights(person) },
      person.host || person.guest ? null : { label: gettext("Make host…"), icon: "key-round", run: () => void makeHost(person) },
      person.host && !person.organiser ? { label: gettext("Take back the host’s role"), icon: "key-round", run: () => run(hosting.setHost(participant, false)) } : null,
      person.host ? null : { label: gettext("Move back to the door"), icon: "door-closed-locked", run: () => run(hosting.toDoor(participant)) },
      person.organiser ? null : { label: gettext("Remove…"), icon: "user-x", danger: true, run: () => void remove(person) },
    ];
  }

  /** @param {Person} person */
  async function rights({ participant, name, capabilities }) {
    const was = capabilities ?? roster.capabilities;
    const names = rightNames();
    const given = await ask({
      title: gettext("What may {name} do?", { name }),
      body: gettext("It holds until this meeting ends, whatever everybody else may do. What you take away stops at once."),
      ticks: RIGHTS.map((right) => ({ id: right, label: names[right], checked: was[right] })),
      answers: [
        { value: "as_all", label: gettext("Same as everybody") },
        { value: "save", label: gettext("Save"), primary: true },
      ],
    });
    if (!given) return;
    const words = RIGHTS.filter((right) => given.answer === "as_all" || given.ticks[right] !== was[right]).map((right) => [right, given.answer === "as_all" ? null : given.ticks[right]]);
    if (words.length) await hosting.giveOne(participant, Object.fromEntries(words)).catch(failed);
  }

  /** @param {Person} person */
  async function makeHost({ participant, name }) {
    const given = await ask({
      title: gettext("Make {name} a host?", { name }),
      body: gettext("Hosts answer the door, mute, remove and lock, here and on the meeting’s page. You can take the role back."),
      answers: [{ value: "host", label: gettext("Make {name} a host", { name }), primary: true }],
    });
    if (given) await hosting.setHost(participant, true).catch(failed);
  }

  /** @param {Person} person */
  async function remove({ participant, name, host }) {
    const given = await ask({
      title: gettext("Remove {name}?", { name }),
      body: host
        ? gettext("They leave at once and are no longer a host. They are told that a host removed them.")
        : gettext("They leave at once. They are told that a host removed them."),
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
      ticks: [{ id: "block", label: gettext("Block their link, so that they can’t come back"), checked: true }],
      answers: [{ value: "remove", label: gettext("Remove {name}", { name }), danger: true }],
    });
    if (given) await hosting.remove(participant, { block: given.ticks.block, note: given.text || given.choice }).catch(failed);
  }
}
