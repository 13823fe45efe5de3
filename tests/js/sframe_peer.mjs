// The page's SFrame for tests in Python: one JSON object per line in, one out.
import { createInterface } from "node:readline";

import { openFrame, parseFrame, sealFrame } from "../../static/js/e2ee/frames.js";
import { deriveKey, importBaseKey, SFrameError } from "../../static/js/e2ee/sframe.js";
import { hex, unhex } from "./support.mjs";

for await (const line of createInterface({ input: process.stdin })) {
  const { base_key, kid, ctr, kind, frame, sealed } = JSON.parse(line);
  const key = await deriveKey(await importBaseKey(unhex(base_key)), BigInt(kid));
  let answer;
  try {
    const made = frame === undefined ? await openFrame(key, parseFrame(kind, unhex(sealed).buffer)) : await sealFrame(key, ctr, kind, unhex(frame).buffer);
    answer = hex(new Uint8Array(made));
  } catch (error) {
    if (!(error instanceof SFrameError)) throw error;
    answer = null;
  }
  console.log(JSON.stringify(answer));
}
