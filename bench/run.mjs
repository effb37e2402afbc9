/**
 * ./dev bench: runs the workloads of weft-bench on weftd and on the floor beside it, in turns, so
 * that whatever the machine does meanwhile happens to both, and prints one table.
 *
 *     bench/run [--quick] [--peers] [workloads…]
 *
 * Exit codes: 0 measured (goals may be missed, the table says so), 1 something was lost or failed.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { GOALS, PEER_ROUNDS, SERVERS, WORKLOADS } from "./plan.mjs";
import {
  CORES,
  installPeers,
  missing,
  programs,
  start,
  stop,
  stopAll,
  whereabouts,
} from "./servers.mjs";
import { print } from "./table.mjs";

const output = resolve(dirname(fileURLToPath(import.meta.url)), "../build/bench");
const began = Date.now();

/** @param {string} text */
const note = (text) => process.stderr.write(`${text}\n`);
const elapsed = () => `${Math.round((Date.now() - began) / 1000)} s`.padStart(5);

/**
 * What weftd's instances counted together, by the names of /metrics.
 * @param {import("./servers.mjs").Server} server
 */
async function counted({ instances }) {
  /** @type {Record<string, number>} */
  const sums = {};
  for (const { address } of instances) {
    const text = await (await fetch(`http://${address}/metrics`)).text();
    for (const [, name, value] of text.matchAll(/^weft_(\w+_total) (\d+)$/gm))
      sums[name] = (sums[name] ?? 0) + Number(value);
  }
  return { ...sums, appends_per_edit: sums.batches_total / sums.edits_total };
}

/**
 * Of a ramp's steps that were kept, the one that delivered most.
 * @param {import("./plan.mjs").Figures[]} steps
 */
const fastest = (steps) =>
  steps
    .filter((step) => step.kept)
    .reduce((best, step) => (step.deliveries_per_s > best.deliveries_per_s ? step : best), {
      deliveries_per_s: 0,
    });

/**
 * One run of the generator.
 * @param {import("./plan.mjs").Workload} workload
 * @param {string} name
 * @param {string[]} flags
 * @returns {Promise<import("./plan.mjs").Figures>}
 */
async function measure(workload, name, flags) {
  const server = await start(name, workload.instances);
  const args = [...whereabouts(server), "--dialect", SERVERS[name].dialect, ...flags];
  args.push(workload.load ?? workload.name);
  if (CORES) args.unshift("--core", String(CORES.generator));
  let text = "";
  const child = spawn(programs.generator, args, { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.on("data", (data) => (text += data));
  const [status] = await new Promise((done) => child.on("close", (...result) => done(result)));
  const counts = SERVERS[name].command[0] === "weftd" && status === 0 && (await counted(server));
  const logs = join(output, `${workload.name}-${name.replace(/\W+/g, "-")}-logs`);
  const fault = await stop(server, logs, status !== 0);
  const figures = text ? JSON.parse(text) : {};
  if (figures.steps) figures.best = fastest(figures.steps);
  if (counts) figures.counted = counts;
  if (fault) figures.fault = fault;
  if (status !== 0) figures.failure ??= `weft-bench ended with ${status}`;
  if (fault || status !== 0)
    note(
      `        ${workload.name} on ${name} FAILED: ${figures.failure ?? fault}; its log: ${logs}`,
    );
  return figures;
}

/**
 * A pinned generator never sleeps: what it lacks of its core, somebody else's work took.
 * @param {import("./plan.mjs").Figures} figures
 */
function disturbed(figures) {
  const shares = (figures.steps ?? [figures.per_connection ?? figures]).map(
    (/** @type {any} */ part) => part.generator_cpu_percent ?? 100,
  );
  return CORES && Math.min(...shares) < 90 ? Math.min(...shares) : null;
}

/** @param {import("./plan.mjs").Figures} figures */
function summary(figures) {
  if (figures.failure) return figures.failure;
  if (figures.max_deliveries_per_s)
    return `${Math.round(figures.max_deliveries_per_s).toLocaleString("en")} deliveries/s`;
  if (figures.per_connection)
    return `${figures.per_connection.cpu_us.toFixed(1)} µs, ${Math.round(figures.per_connection.rss_bytes)} B a connection`;
  if (figures.join_ms) return `p50 ${figures.join_ms.p50.toFixed(0)} ms`;
  if (figures.cpu_us_per_delivery)
    return `${figures.cpu_us_per_delivery.toFixed(2)} µs a delivery, p99 ${figures.latency_ms.p99.toFixed(2)} ms`;
  return `${figures.server_cpu_percent.toFixed(1)} % of a core`;
}

/**
 * All rounds of one workload, A B A B.
 * @param {import("./plan.mjs").Workload} workload
 * @param {{quick: boolean, peers: boolean}} options
 * @returns {Promise<import("./plan.mjs").Results>}
 */
async function runWorkload(workload, options) {
  const size = options.quick && workload.quick ? workload.quick : workload;
  const flags = size.seconds ? ["--seconds", String(size.seconds)] : [];
  /** @type {Record<string, import("./plan.mjs").Figures[]>} */
  const figures = {};
  for (let round = 0; round < size.rounds; round++) {
    const peers = options.peers && round < PEER_ROUNDS ? workload.peers : [];
    for (const name of [...workload.servers, ...peers].filter((each) => !missing(each))) {
      const result = await measure(workload, name, flags);
      (figures[name] ??= []).push(result);
      const place = `${workload.name.padEnd(9)} ${round + 1}/${size.rounds}  ${name.padEnd(24)}`;
      const share = disturbed(result);
      const doubt =
        share === null ? "" : `  (DISTURBED: the generator had ${share.toFixed(0)} % of its core)`;
      note(`${elapsed()}  ${place} ${summary(result)}${doubt}`);
    }
  }
  return { figures };
}

/** @param {Record<string, import("./plan.mjs").Results>} results */
function save(results) {
  const goals = GOALS.map(({ text, judge }) => ({ text, ...judge(results) }));
  const when = new Date(began).toISOString();
  const text = JSON.stringify({ when, cpu: cpus()[0].model, loadavg: loadavg(), goals, results });
  const file = join(output, `${when.replace(/[:.]/g, "-")}.json`);
  writeFileSync(file, text);
  note(`\n${elapsed()}, all figures: ${file}`);
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: "boolean" }, peers: { type: "boolean" } },
  });
  const options = { quick: values.quick ?? false, peers: values.peers ?? false };
  const names = WORKLOADS.map((workload) => workload.name);
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown) throw new Error(`no workload ${unknown}; there are ${names.join(" ")}`);
  const chosen = WORKLOADS.filter((workload) =>
    positionals.length ? positionals.includes(workload.name) : !options.quick || workload.quick,
  );
  mkdirSync(output, { recursive: true });
  if (options.peers) installPeers();
  for (const name of Object.keys(SERVERS).filter(missing))
    note(`without ${name}: ${missing(name)}`);

  /** @type {Record<string, import("./plan.mjs").Results>} */
  const results = {};
  for (const workload of chosen) results[workload.name] = await runWorkload(workload, options);
  print(results, disturbed);
  save(results);
  const all = Object.values(results).flatMap(({ figures }) => Object.values(figures).flat());
  return all.some((figures) => figures.failure || figures.fault) ? 1 : 0;
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await stopAll();
    process.exit(1);
  });
}

main().then(
  (status) => process.exit(status),
  async (error) => {
    note(`bench: ${error.message}`);
    await stopAll();
    process.exit(2);
  },
);
