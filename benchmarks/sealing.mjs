// What end-to-end encryption costs a device: sealing and opening frames, and coming into a group. Processor time beside wall
// time, because wall time tells more of the machine's other work. Run: node benchmarks/sealing.mjs
import { openFrame, parseFrame, sealFrame } from "../static/js/e2ee/frames.js";
import { packKeyId } from "../static/js/e2ee/key_id.js";
import { deriveKey, importBaseKey } from "../static/js/e2ee/sframe.js";
import { Portal } from "../tests/js/people.mjs";

const FRAMES = 2000;
const SIZES = [120, 1200, 25_000];
const PEOPLE = [3, 10, 50];

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Wall times in ms, sorted, and the mean processor time of `run`. */
async function timed(times, run) {
  const walls = [];
  const before = cpuMs();
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    await run(i);
    walls.push(performance.now() - start);
  }
  const cpu = (cpuMs() - before) / times;
  walls.sort((a, b) => a - b);
  return { median: walls[Math.floor(times / 2)], p95: walls[Math.floor(times * 0.95)], cpu };
}

const row = (name, { median, p95, cpu }) => console.log(`| ${name} | ${median.toFixed(3)} | ${p95.toFixed(3)} | ${cpu.toFixed(3)} |`);

console.log("| what | median ms | p95 ms | processor ms |\n| --- | ---: | ---: | ---: |");
const base = await importBaseKey(crypto.getRandomValues(new Uint8Array(16)));
const key = await deriveKey(base, BigInt(packKeyId({ context: 1, leaf: 0, epoch: 1 })));
for (const size of SIZES) {
  const kind = size < 1000 ? "audio" : "video";
  const sealed = [];
  const plain = crypto.getRandomValues(new Uint8Array(size));
  plain[0] |= 1;
  row(`seal ${size} bytes`, await timed(FRAMES, async (i) => sealed.push(await sealFrame(key, i, kind, plain.slice().buffer))));
  row(`open ${size} bytes`, await timed(FRAMES, async (i) => openFrame(key, parseFrame(kind, sealed[i]))));
}
for (const count of PEOPLE) {
  const portal = await Portal.make();
  const [host, ...others] = await Promise.all(Array.from({ length: count }, (_, i) => portal.person(i ? "listed" : "host")));
  await host.group.create(crypto.getRandomValues(new Uint8Array(16)));
  const first = await host.group.stage({ add: await Promise.all(others.map((one) => one.newcomer())), remove: [] });
  await host.group.take(first.commit);
  const [member] = others; // the rest have leaves, which is all that the others' work depends on
  await member.group.join(first.welcome);
  const costs = { stage: [], follow: [], join: [] };
  const measure = async (into, run) => {
    const [start, before] = [performance.now(), cpuMs()];
    const result = await run();
    into.push({ wall: performance.now() - start, cpu: cpuMs() - before });
    return result;
  };
  for (let i = 0; i < 10; i++) {
    const newcomer = await portal.person();
    const offer = await newcomer.newcomer();
    const staged = await measure(costs.stage, () => host.group.stage({ add: [offer], remove: [] }));
    await host.group.take(staged.commit);
    await measure(costs.follow, () => member.group.take(staged.commit));
    await measure(costs.join, () => newcomer.group.join(staged.welcome));
    const { commit } = await host.group.stage({ add: [], remove: [newcomer.id] });
    for (const one of [host, member]) await one.group.take(commit);
  }
  for (const [what, of] of Object.entries(costs)) {
    const walls = of.map(({ wall }) => wall).sort((a, b) => a - b);
    row(`${{ stage: "add one to", join: "join", follow: "follow an addition in" }[what]} a group of ${count}`, { median: walls[5], p95: walls[9], cpu: of.reduce((sum, { cpu }) => sum + cpu, 0) / of.length });
  }
}
