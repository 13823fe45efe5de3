// What a ratchet tree says about people, and what a commit did to it. Pure; knows trees as data and nothing of secrets.
import { base64url, sameBytes } from "./bytes.js";
import { decodeCredential } from "./credential.js";
import { MOST_LEAVES } from "./key_id.js";

/**
 * @typedef {import("../vendor/ts-mls.js").Node} Node
 * @typedef {import("../vendor/ts-mls.js").LeafNode} LeafNode
 * @typedef {import("./credential.js").Credential} Credential
 * @typedef {{leaf: number, who: Credential, key: string}} Member `key` is the identity key, base64url
 */

/** What the group refuses, by the rule that it breaks. */
export class GroupError extends Error {
  /** @param {string} code */
  constructor(code) {
    super(`refused: ${code}`);
    this.name = "GroupError";
    this.code = code;
  }
}

/**
 * The filled leaves by index (RFC 9420 appendix C: leaf i is node 2i).
 * @param {Node[]} tree
 * @returns {Map<number, LeafNode>}
 */
export function leavesOf(tree) {
  const leaves = new Map();
  for (let node = 0; node < tree.length; node += 2) {
    const held = tree[node];
    if (held?.nodeType === "leaf") leaves.set(node / 2, held.leaf);
  }
  return leaves;
}

/**
 * Everybody in the tree. Throws GroupError where two leaves are one person, or share a key, or a leaf is nobody.
 * @param {Node[]} tree
 * @returns {Member[]}
 */
export function membersOf(tree) {
  const members = [];
  const people = new Set();
  const keys = new Set();
  for (const [leaf, node] of leavesOf(tree)) {
    const who = node.credential.credentialType === "basic" ? decodeCredential(node.credential.identity) : null;
    if (!who) throw new GroupError("credential");
    if (node.extensions.length) throw new GroupError("extensions");
    if (leaf >= MOST_LEAVES) throw new GroupError("too_many");
    const key = base64url(node.signaturePublicKey);
    const own = [key, base64url(node.hpkePublicKey)];
    if (people.has(who.participant)) throw new GroupError("twice");
    if (own.some((one) => keys.has(one))) throw new GroupError("shared_key");
    people.add(who.participant);
    for (const one of own) keys.add(one);
    members.push({ leaf, who, key });
  }
  return members;
}

/**
 * What became of the people of `before`. Throws GroupError where somebody who stayed is no longer who they were, or somebody
 * is there whom no proposal added.
 * @param {Node[]} before
 * @param {Node[]} after
 * @param {{added: LeafNode[], removed: number[]}} proposed leaf nodes of the Adds, leaf indices of the Removes
 * @returns {{added: Member[], removed: Member[]}} `added` in the order of the tree
 */
export function differenceOf(before, after, { added, removed }) {
  const old = leavesOf(before);
  const members = membersOf(after);
  const gone = new Set(removed);
  const fresh = [];
  const leaves = leavesOf(after);
  for (const member of members) {
    const leaf = /** @type {LeafNode} */ (leaves.get(member.leaf));
    const was = gone.has(member.leaf) ? undefined : old.get(member.leaf);
    if (!was) fresh.push({ member, leaf });
    else if (!isSamePerson(was, leaf)) throw new GroupError("changed_leaf");
  }
  if (fresh.length !== added.length) throw new GroupError("not_proposed");
  for (const { leaf } of fresh) {
    const proposal = added.find((one) => sameBytes(one.hpkePublicKey, leaf.hpkePublicKey));
    if (!proposal || !isSamePerson(proposal, leaf)) throw new GroupError("not_proposed");
  }
  for (const index of old.keys()) if (!gone.has(index) && !leaves.has(index)) throw new GroupError("not_proposed");
  const were = new Map(membersOf(before).map((member) => [member.leaf, member]));
  return {
    added: fresh.map(({ member }) => member),
    removed: removed.flatMap((index) => were.get(index) ?? []),
  };
}

/**
 * @param {LeafNode} a
 * @param {LeafNode} b
 */
const isSamePerson = (a, b) =>
  sameBytes(a.credential.identity, b.credential.identity) && sameBytes(a.signaturePublicKey, b.signaturePublicKey);
