// Files in an encrypted room: what one seals another opens, whole or not at all. docs/encryption.md section 10.
import assert from "node:assert/strict";
import { test } from "node:test";

import { base64url, fromBase64url } from "../../static/js/e2ee/bytes.js";
import { CHUNK_BYTES, FileSeal, makeFileKey, sealedSize } from "../../static/js/e2ee/file_seal.js";
import { codeOf, words } from "../../static/js/elements/file_words.js";
import { fileName } from "../../static/js/lib/plain_text.js";
import { sizeText } from "../../static/js/lib/words.js";
import { Files, readSharedFile } from "../../static/js/room/files.js";

const ID = "7b0e8f2c-93a8-4a53-9a0b-4f9f1c0f0a01";
const failure = (code) => Object.assign(new Error(code), { code });
const random = (size) => {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65536)));
  return bytes;
};

/** What a server keeps, and what members say to each other. */
class Store {
  chunks = [];
  asked = [];
  told = [];
  waited = 0;

  files(change = {}) {
    const does = {
      "file.begin": () => ({ file: ID }),
      "file.chunk": ({ number, data }) => void (this.chunks[number] = data),
      announce: (content) => this.told.push(content),
      "file.read": ({ number }) => ({ data: this.chunks[number] }),
      "file.withdraw": () => undefined,
      ...change,
    };
    return new Files({
      request: async (type, fields) => {
        this.asked.push([type, fields]);
        return does[type](fields);
      },
      announce: async (content) => does.announce(content),
      pause: async (ms) => void (this.waited += ms),
    });
  }
}

test("a file of any length arrives as it was, with its name and its progress", async () => {
  for (const size of [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]) {
    const store = new Store();
    const content = random(size);
    const seen = [];
    await store.files().send(new File([content], "Minutes.pdf", { type: "text/html" }), { onProgress: (done) => seen.push(done) });
    assert.equal(seen.at(-1), size);
    assert.equal(store.asked[0][1].size, sealedSize(size));
    assert.equal(store.chunks.reduce((sum, text) => sum + fromBase64url(text).length, 0), sealedSize(size));
    const shared = readSharedFile(store.told[0]);
    assert.deepEqual([shared.name, shared.size], ["Minutes.pdf", size]);
    const fetched = await store.files().fetch(shared);
    assert.deepEqual([fetched.type, new Uint8Array(await fetched.arrayBuffer())], ["application/octet-stream", content]);
  }
});

test("nothing that goes to the server holds name, key, digest or content", async () => {
  const store = new Store();
  const content = new TextEncoder().encode("the very words of it ".repeat(40));
  await store.files().send(new File([content], "Salaries 2027.xlsx"));
  const said = JSON.stringify(store.asked);
  const { key, digest } = store.told[0];
  for (const secret of ["Salaries", key, digest]) assert.ok(!said.includes(secret), secret);
  for (const text of store.chunks) assert.ok(!Buffer.from(text, "base64url").includes("the very words"));
});

test("what was changed, exchanged, repeated or cut off is not given to anybody", async () => {
  const store = new Store();
  await store.files().send(new File([random(2 * CHUNK_BYTES + 5)], "a"));
  const shared = readSharedFile(store.told[0]);
  const whole = [...store.chunks];
  const flipped = (text) => {
    const bytes = fromBase64url(text);
    bytes[9] ^= 1;
    return base64url(bytes);
  };
  for (const [name, chunks, size] of [
    ["changed", [whole[0], flipped(whole[1]), whole[2]], shared.size],
    ["in another order", [whole[1], whole[0], whole[2]], shared.size],
    ["repeated", [whole[0], whole[0], whole[2]], shared.size],
    ["cut off, as if it ended there", [whole[0], whole[1]], 2 * CHUNK_BYTES],
    ["nothing", [], shared.size],
    ["no text", [null, null, null], shared.size],
  ]) {
    store.chunks = chunks;
    await assert.rejects(store.files().fetch({ ...shared, size }), ({ code }) => ["changed", "short"].includes(code), name);
  }
});

test("another member, who has the key too, can't put a file of theirs in its place", async () => {
  const store = new Store();
  await store.files().send(new File([random(100)], "a"));
  const shared = readSharedFile(store.told[0]);
  const forged = await FileSeal.make(shared.key, 100);
  store.chunks = [base64url(await forged.seal(random(100)))];
  await assert.rejects(store.files().fetch(shared), { code: "changed" });
});

test("a file that is cancelled or fails is withdrawn, and nobody hears of it", async () => {
  const cancelled = new Store();
  const stop = new AbortController();
  await assert.rejects(cancelled.files().send(new File([random(3 * CHUNK_BYTES)], "a"), { signal: stop.signal, onProgress: () => stop.abort() }), { name: "AbortError" });
  assert.deepEqual([cancelled.chunks.length, cancelled.told, cancelled.asked.at(-1)], [1, [], ["file.withdraw", { file: ID }]]);
  const failed = new Store();
  const full = () => Promise.reject(failure("full"));
  await assert.rejects(failed.files({ "file.chunk": full }).send(new File([random(10)], "a")), { code: "full" });
  assert.deepEqual([failed.told, failed.asked.at(-1)], [[], ["file.withdraw", { file: ID }]]);
  const refused = new Store();
  await assert.rejects(refused.files({ "file.begin": full }).send(new File([random(10)], "a")), { code: "full" });
  assert.equal(refused.asked.length, 1);
});

/** Does what is asked, every other time without saying so. */
function withoutAnswer(code, does) {
  let times = 0;
  return async (...asked) => {
    const done = does?.(...asked);
    if (times++ % 2 === 0) throw failure(code);
    return done;
  };
}

test("what got no answer is sent again, until it has come, and so is what the group could not take yet", async () => {
  const content = random(2 * CHUNK_BYTES + 5);
  for (const code of ["cut", "no_answer", "try_again"]) {
    const store = new Store();
    const files = store.files({
      "file.begin": withoutAnswer(code, () => ({ file: ID })),
      "file.chunk": withoutAnswer(code, ({ number, data }) => void (store.chunks[number] = data)),
      "file.read": withoutAnswer(code, ({ number }) => ({ data: store.chunks[number] })),
      announce: withoutAnswer(code, (told) => store.told.push(told)),
    });
    await files.send(new File([content], "a"));
    const numbers = store.asked.filter(([type]) => type === "file.chunk").map(([, { number }]) => number);
    assert.deepEqual(numbers, [0, 0, 1, 1, 2, 2], code);
    assert.equal(new Set(store.told.map(({ file, key }) => `${file} ${key}`)).size, 1);
    assert.deepEqual(new Uint8Array(await (await files.fetch(readSharedFile(store.told[0]))).arrayBuffer()), content);
  }
  for (const code of ["conflict", "no_group"]) {
    const store = new Store();
    await store.files({ announce: withoutAnswer(code) }).send(new File([content], "a"));
    assert.equal(store.chunks.length, 3, code);
    const refused = new Store();
    await assert.rejects(refused.files({ "file.chunk": () => Promise.reject(failure("conflict")) }).send(new File([content], "a")), { code: "conflict" });
    assert.equal(refused.asked.filter(([type]) => type === "file.chunk").length, 1);
  }
});

test("what doesn't pass is not waited for without end, and nobody waits for what was cancelled", async () => {
  const store = new Store();
  await assert.rejects(store.files({ "file.begin": () => Promise.reject(failure("cut")) }).send(new File(["x"], "a")), { code: "cut" });
  assert.ok(store.waited >= 10_000 && store.waited <= 60_000, String(store.waited));
  const cancelled = new Store();
  const stop = new AbortController();
  const chunk = () => (stop.abort(), Promise.reject(failure("cut")));
  await assert.rejects(cancelled.files({ "file.chunk": chunk }).send(new File(["x"], "a"), { signal: stop.signal }), { name: "AbortError" });
  assert.equal(cancelled.asked.filter(([type]) => type === "file.chunk").length, 1);
});

test("a file that is another by now, or gone, is said to be so", async () => {
  const store = new Store();
  const gone = new File(["x"], "a");
  gone.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException("changed on the disk", "NotReadableError")) });
  await assert.rejects(store.files().send(gone), { code: "unreadable" });
  assert.deepEqual(store.asked.at(-1), ["file.withdraw", { file: ID }]);
});

test("a chunk may be long on its way", async () => {
  const within = [];
  const request = async (type, fields, ms) => (within.push(ms), { file: ID });
  await new Files({ request, announce: async () => undefined, pause: async () => undefined }).send(new File(["x"], "a"));
  assert.deepEqual(within, [30_000, 30_000]);
});

test("what a member says of a file is read strictly", () => {
  const good = { t: "file", file: ID, name: "a.txt", size: 5, key: base64url(makeFileKey()), digest: base64url(random(32)) };
  assert.equal(readSharedFile(good).size, 5);
  for (const bad of [{ file: "x" }, { file: `../${ID}` }, { name: 5 }, { size: -1 }, { size: 1.5 }, { size: "5" }, { key: "AA" }, { key: null }, { digest: good.key.slice(1) }]) {
    assert.equal(readSharedFile({ ...good, ...bad }), null, JSON.stringify(bad));
  }
});

test("nobody reads another reason than the true one", () => {
  const said = (error) => words(codeOf(error), 1000);
  assert.match(said(failure("cut")), /line was cut/);
  const others = ["no_answer", "try_again", "conflict", "no_group", "unreadable", "full"].map((code) => said(failure(code)));
  const mistakes = [new TypeError("ours"), new DOMException("gone", "NotFoundError"), undefined].map(said);
  for (const text of [...others, ...mistakes]) assert.doesNotMatch(text, /line was cut/);
  assert.equal(new Set(others).size, others.length);
});

test("a name is only a name, and a size is said in words", () => {
  assert.equal(fileName("../../etc/passwd"), "passwd");
  assert.equal(fileName("C:\\Users\\x\\report.docx"), "report.docx");
  assert.equal(fileName("invoice\u202efdp.exe"), "invoicefdp.exe");
  assert.equal(fileName(".bashrc"), "bashrc");
  assert.equal(fileName(" \n "), "file");
  assert.equal(fileName(`${"a".repeat(300)}.pdf`).length, 120);
  assert.ok(fileName(`${"a".repeat(300)}.pdf`).endsWith(".pdf"));
  assert.deepEqual([0, 999, 1500, 25 * 1024 * 1024].map(sizeText), ["0 B", "999 B", "1.5 kB", "26.2 MB"]);
});

test("who withdraws a file hears when it could not be, and not when it was gone already", async () => {
  const answering = (code) => new Store().files({ "file.withdraw": () => Promise.reject(failure(code)) });
  await assert.rejects(answering("not_allowed").withdraw(ID), { code: "not_allowed" });
  await answering("no_such_file").withdraw(ID);
});
