// Makes ../ts-mls.js (ts-mls and @hpke/core) and ../uqr.js, of exactly the versions in package-lock.json, each in one file
// without imports.
//
//   npm ci && node build.mjs            writes the files and their hashes
//   npm ci && node build.mjs --check    says whether the files that are there are the ones made here
//
// The same versions give the same bytes on every machine.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

import { build } from "esbuild";

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

const FILES = [
  { name: "ts-mls", entry: "entry.mjs", what: "ts-mls 1.6.4, @hpke/core 1.9.0", plugins: [corrected, absent] },
  { name: "uqr", entry: "uqr.mjs", what: "uqr 0.1.3", plugins: [] },
];

for (const { name, entry, what, plugins } of FILES) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: new URL(".", import.meta.url).pathname,
    entryPoints: [entry],
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
    plugins,
    banner: { js: `// ${what} (MIT): see ${name}.LICENSE.txt and build/. Do not edit.\n// @ts-nocheck` },
  });
  const [{ text }] = outputFiles;
  const left = Object.values(metafile.outputs).flatMap(({ imports }) => imports);
  if (left.length) throw new Error(`the file would import ${left.map(({ path }) => path).join(", ")}`);
  const hash = createHash("sha256").update(text).digest("hex");
  const output = new URL(`../${name}.js`, import.meta.url);

  if (process.argv.includes("--check")) {
    if ((await readFile(output, "utf8")) !== text) throw new Error(`${name}.js is not what these versions make (${hash})`);
    console.log(`${name}.js is what these versions make: ${hash}`);
  } else {
    await writeFile(output, text);
    await writeFile(new URL(`${name}.sha256`, import.meta.url), `${hash}  ${name}.js\n`);
    console.log(hash);
  }
}
