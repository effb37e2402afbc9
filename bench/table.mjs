/**
 * What is printed of the results: a table for the servers that need nothing else, one for those that
 * keep their state in Redis, and the goals.
 */
import { cpus, release } from "node:os";
import { FLOOR, GOALS, SERVERS, TICK, figure, ratio } from "./plan.mjs";
import { CORES } from "./servers.mjs";

/** @typedef {Record<string, import("./plan.mjs").Results>} All by workload */

/** @param {number} value @param {number} digits */
function cell(value, digits) {
  if (!Number.isFinite(value)) return "";
  return digits > 0 ? value.toFixed(digits) : Math.round(value).toLocaleString("en");
}

/** What is compared with the floor's: of the ramp what it reached, of the idle what they cost. */
const MEASURES = /** @type {Record<string, string>} */ ({
  ramp: "max_deliveries_per_s",
  w3: "per_connection.cpu_us",
  w3pairs: "per_connection.cpu_us",
});

/**
 * The columns: what stands above, digits, and the figures that may stand there.
 * @type {[string, number, ...string[]][]}
 */
const COLUMNS = [
  ["µs/dlv", 2, "cpu_us_per_delivery", "best.cpu_us_per_delivery"],
  ["× floor", 2],
  ["µs/edit", 1, "cpu_us_per_edit", "best.cpu_us_per_edit"],
  ["Redis µs/edit", 1, "redis.cpu_us_per_edit", "best.redis.cpu_us_per_edit"],
  ["appends/edit", 3, "counted.appends_per_edit"],
  ["scripts/edit", 3, "redis.scripts_per_edit", "best.redis.scripts_per_edit"],
  ["p50 ms", 2, "latency_ms.p50", "join_ms.p50", "best.latency_ms.p50"],
  ["p99 ms", 2, "latency_ms.p99", "join_ms.p99", "best.latency_ms.p99"],
  ["max ms", 1, "latency_ms.max", "join_ms.max", "best.latency_ms.max"],
  ["dlv/s", 0, "max_deliveries_per_s", "deliveries_per_s"],
  ["µs/conn", 1, "per_connection.cpu_us"],
  ["B/conn", 0, "per_connection.rss_bytes"],
  ["server %", 1, "server_cpu_percent", "idle_cpu_percent", "best.server_cpu_percent"],
  ["Redis %", 1, "redis.cpu_percent", "best.redis.cpu_percent"],
  ["generator %", 0, "generator_busy_percent", "best.generator_busy_percent"],
];

/**
 * One line of the table: what all rounds of a server on a workload come to.
 * @param {All} results
 * @param {string} workload
 * @param {string} server
 */
function row(results, workload, server) {
  const base = workload === "ramp" ? TICK : FLOOR;
  const measure = MEASURES[workload] ?? "cpu_us_per_delivery";
  const cells = COLUMNS.map(([head, digits, ...paths]) => {
    const values = paths.map((path) => figure(results, workload, server, path));
    if (head === "× floor") values.push(ratio(results, workload, server, base, measure));
    return cell(values.find(Number.isFinite) ?? NaN, digits);
  });
  return [workload, server, ...cells];
}

/**
 * Columns that are empty in all rows are left out; the first two are text.
 * @param {string[][]} rows
 */
function table(rows) {
  const head = ["load", "server", ...COLUMNS.map(([text]) => text)];
  const kept = head.map((_, i) => i).filter((i) => rows.some((each) => each[i] !== ""));
  const all = [head, ...rows].map((each) => kept.map((i) => each[i]));
  const widths = kept.map((_, i) => Math.max(...all.map((each) => each[i].length)));
  const line = (/** @type {string[]} */ each) =>
    each.map((text, i) => (i < 2 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join("  ");
  return [line(all[0]), widths.map((width) => "-".repeat(width)).join("  ")]
    .concat(all.slice(1).map(line))
    .join("\n");
}

/** @param {import("./plan.mjs").Results} results */
const needsRedis = ({ figures }) => Object.keys(figures).some((server) => SERVERS[server].redis);

/** @param {All} results @param {boolean} withRedis */
function printTable(results, withRedis) {
  const rows = Object.keys(results)
    .filter((workload) => needsRedis(results[workload]) === withRedis)
    .flatMap((workload) =>
      Object.keys(results[workload].figures).map((server) => row(results, workload, server)),
    );
  if (rows.length > 0) console.log(`\n${table(rows)}`);
  if (rows.length > 0 && withRedis)
    console.log(
      "w5, w5ramp: two instances; Redis keeps nothing on disk, but for AOF always: appendfsync always",
    );
}

function printMachine() {
  console.log(
    `\n${cpus()[0].model}, ${cpus().length} cores, Linux ${release()}, node ${process.version}`,
  );
  console.log(
    CORES
      ? `servers on core ${CORES.servers}, Redis on ${CORES.redis}, generator on ${CORES.generator}`
      : "nothing pinned: one core",
  );
  console.log("medians over the rounds; × floor is the median of the ratios within each round");
}

/** @param {All} results */
function printGoals(results) {
  console.log("");
  for (const { text, judge } of GOALS) {
    const judged = judge(results);
    if (judged)
      console.log(`${judged.met ? "ok    " : "MISSED"}  ${text.padEnd(50)} ${judged.shown}`);
  }
}

/**
 * @param {All} results
 * @param {(figures: import("./plan.mjs").Figures) => number | null} disturbed
 */
export function print(results, disturbed) {
  const runs = Object.values(results).flatMap(({ figures }) => Object.values(figures).flat());
  const doubtful = runs.filter((figures) => disturbed(figures) !== null).length;
  printMachine();
  printTable(results, false);
  printTable(results, true);
  if (doubtful > 0)
    console.log(
      `\nDISTURBED: in ${doubtful} of ${runs.length} runs other programs took the generator's core;\n` +
        "latencies and rates are worse than on a machine of one's own",
    );
  printGoals(results);
}
