// Makes ../ts-mls.js: ts-mls and @hpke/core of exactly the versions in package-lock.json, in one file without imports.
//
//   npm ci && node build.mjs            writes the file and its hash
//   npm ci && node build.mjs --check    says whether the file that is there is the one made here
//
// The same versions give the same bytes on every machine.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

import { build } from "esbuild";

const OUTPUT = new URL("../ts-mls.js", import.meta.url);
const RECORDED = new URL("ts-mls.sha256", import.meta.url);

// RFC 9420 section 12.4.3.1: what is unmerged at a node is unmerged at every filled node *between it and the leaf*. The
// package asks it of the nodes above as well, and asks for equal lists, so that joiners refuse trees in which members of
// different halves have committed. tests/js/vendor.test.mjs finds such a tree within a few dozen commits.
const CORRECTIONS = [
  ["&& !dp.includes(toNodeIndex(i))", "|| !dp.includes(toNodeIndex(i))"],
  ["for (const parentIdx of dp) {", "for (const parentIdx of dp.slice(0, dp.indexOf(toNodeIndex(i)))) {"],
  ["!arraysEqual(dpNode.parent.unmergedLeaves, n.parent.unmergedLeaves)", "!dpNode.parent.unmergedLeaves.includes(unmergedLeaf)"],
];

const corrected = {
  name: "corrected",
  setup(builder) {
    builder.onLoad({ filter: /ts-mls\/dist\/src\/clientState\.js$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const [is, ought] of CORRECTIONS) {
        if (contents.split(is).length !== 2) throw new Error(`not the source that is corrected here: ${is}`);
        contents = contents.replace(is, ought);
      }
      return { contents };
    });
  },
};

// Providers of suites that we don't use. The package loads them on demand; a page that did would get this error, not a file.
const absent = {
  name: "absent",
  setup(builder) {
    builder.onResolve({ filter: /^(@noble\/.*|@hpke\/(chacha20poly1305|dhkem-x448|hybridkem-x-wing|ml-kem)|crypto)$/ }, ({ path }) => ({
      path,
      namespace: "absent",
    }));
    builder.onLoad({ filter: /.*/, namespace: "absent" }, ({ path }) => ({ contents: `throw new Error("not in this build: ${path}"); export {};` }));
  },
};

const { outputFiles, metafile } = await build({
  absWorkingDir: new URL(".", import.meta.url).pathname,
  entryPoints: ["entry.mjs"],
  bundle: true,
  write: false,
  metafile: true,
  format: "esm",
  target: "es2022",
  platform: "browser",
  minify: true,
  charset: "ascii",
  legalComments: "none",
  logOverride: { "import-is-undefined": "silent" },
  plugins: [corrected, absent],
  banner: { js: "// ts-mls 1.6.4, @hpke/core 1.9.0 (MIT): see ts-mls.LICENSE.txt and build/. Do not edit.\n// @ts-nocheck" },
});
const [{ text }] = outputFiles;
const left = Object.values(metafile.outputs).flatMap(({ imports }) => imports);
if (left.length) throw new Error(`the file would import ${left.map(({ path }) => path).join(", ")}`);
const hash = createHash("sha256").update(text).digest("hex");

if (process.argv.includes("--check")) {
  if ((await readFile(OUTPUT, "utf8")) !== text) throw new Error(`ts-mls.js is not what these versions make (${hash})`);
  console.log(`ts-mls.js is what these versions make: ${hash}`);
} else {
  await writeFile(OUTPUT, text);
  await writeFile(RECORDED, `${hash}  ts-mls.js\n`);
  console.log(hash);
}
