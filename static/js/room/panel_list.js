// Which panels there are, and which buttons open them.
import { byId, h } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";

/**
 * @param {import("../elements/panels.js").Panels} panels
 * @param {{
 *   people: import("../elements/people_panel.js").PeoplePanel, queue: import("../elements/door_queue.js").DoorQueue,
 *   chat: import("../elements/chat_panel.js").ChatPanel, host: import("../elements/host_panel.js").HostPanel,
 *   network: import("../elements/info_panels.js").NetworkPanel, quality: import("../media/quality.js").Quality,
 *   doorRules: import("../elements/info_panels.js").DoorRules, encryption: import("../elements/encryption_panel.js").EncryptionPanel,
 * }} parts
 */
export function addPanels(panels, { people, queue, chat, host, network, quality, doorRules, encryption }) {
  const closeLabel = gettext("Close this panel");
  panels.add(
    "people",
    { title: gettext("People"), closeLabel, body: people.body, opened: () => queue.showIn(people.queueSlot), closed: () => queue.showIn(null) },
    byId("bar-people"),
    byId("small-people"),
  );
  panels.add("chat", { title: gettext("Chat"), closeLabel, body: chat.body, foot: chat.foot, opened: () => chat.opened() }, byId("bar-chat"), byId("small-chat"));
  panels.add("host", { title: gettext("Host controls"), closeLabel, body: host.body }, byId("bar-host"));
  panels.add("encryption", { title: gettext("Encryption"), closeLabel, body: encryption.body, opened: () => encryption.render() }, byId("chip-encryption"));
  panels.add("network", { title: gettext("Your network"), closeLabel, body: network.body, opened: () => network.show(quality.verdict) }, byId("chip-network"));
  panels.add("door", { title: gettext("The door"), closeLabel, body: h("div", { class: "body" }, doorRules.node) }, byId("chip-door"));
}
