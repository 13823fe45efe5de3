// What the server told this page about the visitor and the door, read once. Nulls mean: you may not know.
import { pageData } from "../lib/dom.js";

/**
 * @typedef {{
 *   outcome: "admit" | "wait" | "refuse", reason: string, until: string | null, at?: string | null, may_tell?: boolean, link?: import("../signaling/protocol.js").LinkInUse,
 * }} Look
 * @typedef {{
 *   code: string, csrf: string, organisation: string, look: Look, row: string | null,
 *   meeting: {title: string, starts_at: string, ends_at: string, hosts: string[]} | null,
 *   signed_in: {id: string, name: string, email: string} | null, needs_name: boolean, invitation: string | null, suggested_name: string,
 *   asks_address: import("../signaling/protocol.js").AskedAddress | null, invited_email: string | null, sign_in_url: string, sign_in_helps: boolean, encryption: string | null,
 *   link_key: import("../e2ee/link_key.js").PublicLinkKey | null,
 *   mics_start_off: boolean, urls: {arrive: string, look: string, new_link: string, ask_link: string, calendar: string | null},
 *   workers: {group: string, media: string, ticker: string},
 * }} DoorData
 */

/** @returns {DoorData} */
export function readDoor() {
  const data = pageData("door-data");
  return { row: null, asks_address: null, invited_email: null, invitation: null, suggested_name: "", ...data };
}

/** Whether the table lets this visitor walk in, knock, or neither, as far as anybody said. @param {DoorData} door */
export function wayOf({ look, row }) {
  if (look.outcome === "admit") return "walks_in";
  if (look.reason === "knock") return "knocks";
  if (row) return row;
  return look.outcome === "wait" || look.reason === "verify_email" ? "walks_in" : "turned_away";
}
