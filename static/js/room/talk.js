// Chat, reactions, hands, and who records: plain where the server may read them, sealed where it may not. What arrives sealed is told to the
// page in the same shape as the server's own messages.
import { Emitter } from "../lib/emitter.js";
import { plainText } from "../lib/plain_text.js";
import { EMOJI, LONGEST_CHAT } from "../signaling/protocol.js";
import { readSharedFile } from "./files.js";

/**
 * @typedef {import("../signaling/protocol.js").ServerMessage} ServerMessage
 * @typedef {import("../e2ee/tree.js").Member} Member
 */

/** @extends {Emitter<{message: ServerMessage, file: {participant: string, name: string, at: string, shared: import("./files.js").SharedFile}}>} */
export class Talk extends Emitter {
  #client;
  #roster;
  #securing;
  /** Who is in the recording that is made here. @type {string[]} */
  #recorded = [];

  /**
   * @param {{
   *   client: import("../signaling/client.js").MeetingClient, roster: import("../signaling/roster.js").Roster,
   *   securing: import("./securing.js").Securing,
   * }} parts
   */
  constructor({ client, roster, securing }) {
    super();
    this.#client = client;
    this.#roster = roster;
    this.#securing = securing;
    securing.encryption?.on("message", (message) => this.#heard(message));
    securing.encryption?.on("stepped", ({ added, removed, fresh, again }) => {
      for (const { who } of removed) this.#roster.forget(who.participant);
      // Who has just come can't know whose hands are up, nor who records; whoever comes again may have been forgotten.
      if (fresh || !(added.length || again)) return;
      // Whoever came anew, also on a page that was loaded again, has not agreed to anything.
      for (const { who } of added) this.emit("message", { type: "record.answered", participant: who.participant, agrees: false });
      if (this.#roster.self?.hand) void this.#seal("reaction", { t: "hand", raised: true }).catch(() => undefined);
      if (this.#roster.self?.recording) void this.#seal("control", { t: "record", on: true, people: this.#recorded }).catch(() => undefined);
    });
  }

  get #sealed() {
    const { encryption } = this.#securing;
    return encryption?.isOn ? encryption : null;
  }

  /** @param {string} text */
  async chat(text) {
    if (!this.#sealed) {
      await this.#client.request("chat", { text });
      return;
    }
    await this.#seal("chat", { t: "chat", text });
    this.#tellChat(this.#roster.you, this.#roster.self?.name ?? "", text);
  }

  /** What opens a file, to everybody in the group. @param {object} content */
  async tellOfFile(content) {
    if (!this.#sealed) throw Object.assign(new Error("no_group"), { code: "no_group" });
    await this.#seal("file", content);
  }

  /** @param {string} emoji */
  async react(emoji) {
    if (!this.#sealed) {
      await this.#client.request("reaction", { emoji });
      return;
    }
    await this.#seal("reaction", { t: "react", emoji });
    this.emit("message", { type: "reaction", participant: this.#roster.you, emoji });
  }

  /** @param {boolean} raised */
  async raiseHand(raised) {
    if (!this.#sealed) {
      await this.#client.request("hand", { raised });
      return;
    }
    await this.#seal("reaction", { t: "hand", raised });
    this.#roster.setHand(this.#roster.you, raised ? new Date().toISOString() : null);
  }

  /** As a host. @param {string} participant */
  async lowerHand(participant) {
    if (!this.#sealed) {
      await this.#client.request("host.lower_hand", { participant });
      return;
    }
    await this.#seal("control", { t: "lower_hand", participant });
    this.#roster.setHand(participant, null);
  }

  /**
   * Says that this person records on their own device, or no longer does. The server is told in any case, for whoever
   * comes later; in an encrypted room a signed notice goes to all, which nobody on the way can hold back unnoticed.
   * @param {boolean} on
   */
  async record(on) {
    await this.#client.request("record", { on });
    this.#recorded = [];
    if (!this.#sealed) return;
    await this.#seal("control", { t: "record", on, people: [] });
    this.#roster.setRecording(this.#roster.you, on ? new Date().toISOString() : null);
  }

  /**
   * Says again that this person records, and who is in it: whoever took a yes back sees that it was heard.
   * @param {string[]} people
   */
  async tellRecorded(people) {
    this.#recorded = people;
    await this.#seal("control", { t: "record", on: true, people });
  }

  /**
   * Whether one agrees to be in somebody's recording.
   * @param {string} participant who records
   * @param {boolean} agrees
   */
  async answerRecording(participant, agrees) {
    if (!this.#sealed) await this.#client.request("record.answer", { participant, agrees });
    else await this.#seal("control", { t: "record_answer", participant, agrees });
  }

  /**
   * @param {string} kind
   * @param {object} content
   */
  async #seal(kind, content) {
    await this.#sealed?.send(kind, content);
  }

  /** @param {{from: Member, kind: string, content: any}} message every word of it is another client's */
  #heard({ from, kind, content }) {
    const { participant, name } = from.who;
    if (kind === "chat" && content.t === "chat" && typeof content.text === "string") {
      const text = plainText(content.text, LONGEST_CHAT);
      if (text) this.#tellChat(participant, name, text);
    } else if (kind === "file" && content.t === "file") {
      const shared = readSharedFile(content);
      if (shared) this.emit("file", { participant, name, at: new Date().toISOString(), shared });
    } else if (kind === "reaction" && content.t === "react" && EMOJI.includes(content.emoji)) {
      this.emit("message", { type: "reaction", participant, emoji: content.emoji });
    } else if (kind === "reaction" && content.t === "hand" && typeof content.raised === "boolean") {
      this.#roster.setHand(participant, content.raised ? new Date().toISOString() : null);
    } else if (kind === "control" && content.t === "record" && typeof content.on === "boolean") {
      this.#roster.setRecording(participant, content.on ? new Date().toISOString() : null);
      const includesYou = content.on && Array.isArray(content.people) && content.people.includes(this.#roster.you);
      this.emit("message", { type: "record.lists", participant, includesYou });
    } else if (kind === "control" && content.t === "record_answer" && typeof content.agrees === "boolean") {
      if (content.participant === this.#roster.you) this.emit("message", { type: "record.answered", participant, agrees: content.agrees });
    } else if (kind === "control" && content.t === "lower_hand" && from.who.row === "host" && typeof content.participant === "string") {
      this.#roster.setHand(content.participant, null);
    }
  }

  /**
   * @param {string} participant
   * @param {string} name
   * @param {string} text
   */
  #tellChat(participant, name, text) {
    this.emit("message", { type: "chat", participant, name, text, at: new Date().toISOString() });
  }
}
