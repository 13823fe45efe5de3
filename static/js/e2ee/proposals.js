// What a commit may consist of (P2, P3), and what may stand beside it. Pure; knows proposals as data and nothing of secrets.
import { readEvidence } from "./backing.js";
import { fromUtf8 } from "./bytes.js";
import { GroupError } from "./tree.js";

/**
 * @typedef {import("../vendor/ts-mls.js").IncomingCommit} IncomingCommit
 * @typedef {import("./link_keys.js").LinkKeys} LinkKeys
 */

const MOST_EVIDENCE_BYTES = 128 * 1024;

/**
 * P2: a member's commit, with nothing in it but people who come and go. P3: where the meeting is sealed, whoever adds somebody
 * shows the link's key, once; elsewhere, and for nothing else, there is a key.
 * @param {IncomingCommit} incoming
 * @param {LinkKeys | null} link
 * @param {number} generation the oldest key that is taken
 */
export function isPermitted({ kind, senderLeafIndex, proposals }, link, generation) {
  if (kind !== "commit" || senderLeafIndex === undefined) return false;
  if (!proposals.every(({ senderLeafIndex: proposer }) => proposer === senderLeafIndex)) return false;
  const kinds = proposals.map(({ proposal }) => String(proposal.proposalType));
  if (!kinds.every((one) => ["add", "remove", "psk"].includes(one))) return false;
  const shown = proposals.flatMap(({ proposal }) => (proposal.psk ? [proposal.psk.preSharedKeyId] : []));
  if (!link || !kinds.includes("add")) return !kinds.includes("psk");
  return shown.length === 1 && kinds.filter((one) => one === "psk").length === 1 && (link.named(shown[0])?.generation ?? 0) >= generation;
}

/**
 * What hosts said, as a commit carries it. Throws GroupError for everything else.
 * @param {Uint8Array} beside
 */
export function evidenceOf(beside) {
  if (beside.length > MOST_EVIDENCE_BYTES) throw new GroupError("evidence");
  try {
    const evidence = readEvidence(JSON.parse(fromUtf8(beside) ?? ""));
    if (evidence) return evidence;
  } catch {
    // told below
  }
  throw new GroupError("evidence");
}
