// What the page says around a device: its people, and how safe it calls the room.
import { Pins } from "../../static/js/e2ee/pins.js";
import { Emitter } from "../../static/js/lib/emitter.js";
import { Security } from "../../static/js/room/security.js";

/** The people of a page around somebody's device: what `Security` would say there. */
export function watched(victim, { listed, known = new Map() }) {
  const encryption = Object.assign(new Emitter(), { isOn: true, phase: "in", state: () => "on", self: null, members: new Map(), overdue: new Set(), code: "", codeSince: null });
  const roster = { you: victim.id, people: new Map(listed.map((id) => [id, {}])), meeting: { encryption: "e2ee" } };
  const pins = new Pins({ get: async (account) => known.get(account), put: async (account, pins) => known.set(account, pins) });
  const security = new Security({ securing: { encryption }, roster, call: new Emitter(), pins });
  const show = async (step = {}) => {
    encryption.members = new Map(victim.last.members.map((member) => [member.who.participant, member]));
    encryption.self = encryption.members.get(victim.id);
    encryption.overdue = new Set(victim.overdue);
    encryption.code = victim.last.code;
    encryption.emit("stepped", { ...victim.last, ...step });
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { security, roster, encryption, show, known };
}
