// The group's worker: one device's session, its group and what hosts said, away from the page's work and from its media.
// Speaks with the page in messages; the media keys go straight to the media worker.
import { Backing } from "./backing.js";
import { base64url } from "./bytes.js";
import { Group } from "./group.js";
import { LinkKeys } from "./link_keys.js";
import { Session } from "./session.js";
import { importBaseKey } from "./sframe.js";

/**
 * @typedef {{room: string, portalKey: string, credential: import("./credential.js").Credential, keys: CryptoKeyPair,
 *   publicKey: Uint8Array<ArrayBuffer>, link: import("./link_key.js").LinkKey | null}} Start `link`: of a sealed meeting
 */

/** @type {Session | null} */
let session = null;
/** @type {Backing | null} what hosts said outlives a session: they said it of the room */
let backing = null;
/** @type {LinkKeys | null} and so does what is known of the link */
let link = null;
/** @type {MessagePort | null} */
let media = null;
/** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
const asked = new Map();
let nextId = 1;

/**
 * A message to the server, by way of the page. @param {string} type @param {object} fields @returns {Promise<any>}
 */
function request(type, fields) {
  const id = nextId++;
  return new Promise((resolve, reject) => {
    asked.set(id, { resolve, reject });
    postMessage({ type: "request", id, message: { type, fields } });
  });
}

/** @param {Start} start */
async function begin({ room, portalKey, credential, keys, publicKey, link: linkKey }) {
  if (linkKey && link) await link.learn(linkKey);
  else link = linkKey && (await LinkKeys.make(room, linkKey));
  const here = { room, portalKey, link };
  const sign = async (/** @type {Uint8Array} */ bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", keys.privateKey, /** @type {Uint8Array<ArrayBuffer>} */ (bytes)));
  const key = base64url(publicKey);
  const identity = { credential: link ? await link.seal(credential, key) : { ...credential, link: undefined }, publicKey, key, sign };
  backing ??= new Backing(here);
  const group = await Group.make({ here, identity, backing });
  session = new Session({ identity, group, backing, link, request, log: (what, error) => postMessage({ type: "log", what, error: String(error) }) });
  session.on("phase", (phase) => {
    if (phase !== "in") media?.postMessage({ type: "leave" });
    postMessage({ type: "phase", phase });
  });
  session.on("changed", (changed) => void tell(changed, base64url(group.id ?? new Uint8Array(0))));
  session.on("activated", (epoch) => media?.postMessage({ type: "activate", epoch }));
  session.on("message", (message) => postMessage({ type: "message", message }));
  session.on("rules", (door) => postMessage({ type: "rules", door }));
  session.on("link", (link) => postMessage({ type: "link", ...link }));
  session.on("linkFailed", (code) => postMessage({ type: "linkFailed", code }));
  session.on("missing", (from) => postMessage({ type: "missing", from }));
  session.on("overdue", (participants) => postMessage({ type: "overdue", participants }));
  await session.begin();
}

/** @type {Promise<void>} keys reach the media worker in the order of their epochs */
let telling = Promise.resolve();

/**
 * @param {import("./session.js").SessionEvents["changed"]} changed
 * @param {string} group
 */
function tell({ epoch, leaf, members, added, removed, code, key, fresh }, group) {
  telling = telling.then(async () => {
    const base = await importBaseKey(key);
    const holders = members.map(({ leaf: index, who }) => [index, who.participant]);
    const here = new Set(members.map(({ who }) => who.participant));
    const removal = removed.some(({ who }) => !here.has(who.participant));
    media?.postMessage({ type: "enter", entry: { group, epoch, base, leaf, members: holders, removal, fresh } });
    postMessage({ type: "changed", changed: { epoch, leaf, members, added, removed, code, fresh } });
  });
  return telling;
}

/** @type {Record<string, (data: any) => unknown>} what the page may ask for */
const DOES = {
  begin: ({ start }) => begin(start),
  take: ({ message }) => void session?.take(message),
  resume: () => void session?.resume(),
  retry: () => void session?.retry(),
  door: ({ door }) => void session?.setDoor(door),
  send: ({ kind, content }) => needed().send(kind, content),
  word: ({ participant, key }) => needed().word(participant, key),
  refuse: ({ participant }) => needed().refuse(participant),
  renewLink: () => needed().renewLink(),
  renewLinkWithout: ({ participant }) => void session?.renewLinkWithout(participant),
  linkCounted: ({ generation, due }) => void session?.linkCounted(generation, due),
};

function needed() {
  if (!session) throw new Error("not begun");
  return session;
}

onmessage = async ({ data, ports }) => {
  if (data.type === "media") media = ports[0];
  else if (data.type === "answer") {
    const waiting = asked.get(data.id);
    asked.delete(data.id);
    if (data.error) waiting?.reject(Object.assign(new Error(data.error), { code: data.error }));
    else waiting?.resolve(data.answer);
  } else if (Object.hasOwn(DOES, data.type)) {
    try {
      const result = await DOES[data.type](data);
      if (data.id !== undefined) postMessage({ type: "done", id: data.id, result });
    } catch (error) {
      const code = /** @type {any} */ (error)?.code ?? "failed";
      if (data.id !== undefined) postMessage({ type: "done", id: data.id, error: code });
    }
  }
};
