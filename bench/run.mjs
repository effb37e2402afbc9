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
import { cpus, loadavg, release } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { FLOOR, GOALS, PEER_ROUNDS, SERVERS, TICK, WORKLOADS, figure, ratio } from "./plan.mjs";
import { CORES, installPeers, missing, programs, start, stop, stopAll } from "./servers.mjs";

const output = resolve(dirname(fileURLToPath(import.meta.url)), "../build/bench");
const began = Date.now();

/** @param {string} text */
const note = (text) => process.stderr.write(`${text}\n`);
const elapsed = () => `${Math.round((Date.now() - began) / 1000)} s`.padStart(5);

/**
 * One run of the generator.
 * @param {string} workload
 * @param {string} name
 * @param {string[]} flags
 * @returns {Promise<import("./plan.mjs").Figures>}
 */
async function measure(workload, name, flags) {
  const server = await start(name);
  const args = ["--server", server.address, "--pid", String(server.process.pid)];
  args.push("--dialect", SERVERS[name].dialect, ...flags, workload);
  if (CORES) args.unshift("--core", String(CORES[1]));
  let text = "";
  const child = spawn(programs.generator, args, { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.on("data", (data) => (text += data));
  const [status] = await new Promise((done) => child.on("close", (...result) => done(result)));
  const log = join(output, `${workload}-${SERVERS[name].command.join("-")}.log`);
  const fault = await stop(server, log, status !== 0);
  const figures = text ? JSON.parse(text) : {};
  if (fault) figures.fault = fault;
  if (status !== 0) figures.failure ??= `weft-bench ended with ${status}`;
  if (fault || status !== 0)
    note(`        ${workload} on ${name} FAILED: ${figures.failure ?? fault}; its log: ${log}`);
  return figures;
}

/** A pinned generator never sleeps: what it lacks of its core, somebody else's work took. */
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
      const result = await measure(workload.name, name, flags);
      (figures[name] ??= []).push(result);
      const place = `${workload.name.padEnd(9)} ${round + 1}/${size.rounds}  ${name.padEnd(21)}`;
      const share = disturbed(result);
      const doubt =
        share === null ? "" : `  (DISTURBED: the generator had ${share.toFixed(0)} % of its core)`;
      note(`${elapsed()}  ${place} ${summary(result)}${doubt}`);
    }
  }
  return { figures };
}

/** @param {number} value @param {number} digits */
function cell(value, digits) {
  if (!Number.isFinite(value)) return "";
  return digits > 0 ? value.toFixed(digits) : Math.round(value).toLocaleString("en");
}

/** One line of the table: what all rounds of a server on a workload come to. */
function row(results, workload, server) {
  const of = (/** @type {string} */ path) => figure(results, workload, server, path);
  const base = workload === "ramp" ? TICK : FLOOR;
  const measure = {
    ramp: "max_deliveries_per_s",
    w3: "per_connection.cpu_us",
    w3pairs: "per_connection.cpu_us",
  }[workload];
  const times = ratio(results, workload, server, base, measure ?? "cpu_us_per_delivery");
  return [
    workload,
    server,
    cell(of("cpu_us_per_delivery"), 2),
    cell(times, 2),
    cell(of("latency_ms.p50"), 2) || cell(of("join_ms.p50"), 0),
    cell(of("latency_ms.p99"), 2) || cell(of("join_ms.p99"), 0),
    cell(of("latency_ms.max"), 1) || cell(of("join_ms.max"), 0),
    cell(of("max_deliveries_per_s"), 0) || cell(of("deliveries_per_s"), 0),
    cell(of("per_connection.cpu_us"), 1),
    cell(of("per_connection.rss_bytes"), 0),
    cell(of("server_cpu_percent"), 1) || cell(of("idle_cpu_percent"), 1),
    cell(of("generator_busy_percent"), 0),
  ];
}

/** @param {string[][]} rows the first is the head; the first two columns are text */
function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((each) => each[i].length)));
  const line = (/** @type {string[]} */ each) =>
    each.map((text, i) => (i < 2 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join("  ");
  return [line(rows[0]), widths.map((width) => "-".repeat(width)).join("  ")]
    .concat(rows.slice(1).map(line))
    .join("\n");
}

const HEAD =
  "load|server|µs/dlv|× floor|p50 ms|p99 ms|max ms|dlv/s|µs/conn|B/conn|server %|generator %";

/** @param {Record<string, import("./plan.mjs").Results>} results */
function print(results) {
  const rows = Object.keys(results).flatMap((workload) =>
    Object.keys(results[workload].figures).map((server) => row(results, workload, server)),
  );
  const machine = `${cpus()[0].model}, ${cpus().length} cores, Linux ${release()}, node ${process.version}`;
  console.log(`\n${machine}`);
  console.log(
    CORES
      ? `server on core ${CORES[0]}, generator on core ${CORES[1]}`
      : "nothing pinned: one core",
  );
  console.log("medians over the rounds; × floor is the median of the ratios within each round\n");
  console.log(table([HEAD.split("|"), ...rows]));
  const runs = Object.values(results).flatMap(({ figures }) => Object.values(figures).flat());
  const doubtful = runs.filter((figures) => disturbed(figures) !== null).length;
  if (doubtful > 0)
    console.log(
      `\nDISTURBED: in ${doubtful} of ${runs.length} runs other programs took the generator's core;`,
    );
  if (doubtful > 0) console.log("latencies and rates are worse than on a machine of one's own");
  printGoals(results);
}

/** @param {Record<string, import("./plan.mjs").Results>} results */
function printGoals(results) {
  console.log("");
  for (const { text, judge } of GOALS) {
    const judged = judge(results);
    if (judged)
      console.log(`${judged.met ? "ok    " : "MISSED"}  ${text.padEnd(50)} ${judged.shown}`);
  }
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
  print(results);
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
