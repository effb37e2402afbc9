/**
 * Starts and stops the servers that are measured: on one core, in a folder of their own, known to
 * be ready by the line `ready http://HOST:PORT/`.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SERVERS } from "./plan.mjs";

const bench = dirname(fileURLToPath(import.meta.url));
const top = resolve(bench, "..");
/** Another build than the release one can be measured. */
const build = resolve(process.env.WEFT_BUILD ?? join(top, "build/release"));

/** The server's core and the generator's; null where there is only one, or no taskset. */
export const CORES =
  cpus().length >= 2 && spawnSync("taskset", ["--version"]).status === 0 ? [0, 1] : null;

export const programs = {
  weftd: join(build, "weftd"),
  relay: join(build, "bench/relay"),
  generator: join(build, "bench/weft-bench"),
};

/** Rates above what one person types are the point of a benchmark. */
const config = {
  limits: {
    rate: Object.fromEntries(
      ["edit", "cursor", "open", "check"].map((name) => [name, { per_s: 1e6, burst: 1e6 }]),
    ),
  },
};

/** Servers that run now, so that an interrupt leaves none behind. @type {Set<Server>} */
const running = new Set();

/** @typedef {{process: import("node:child_process").ChildProcess, address: string, folder: string}} Server */

/**
 * @param {string} name a key of SERVERS
 * @param {string} folder
 */
function commandLine(name, folder) {
  const [kind, ...args] = SERVERS[name].command;
  if (kind === "relay") return [programs.relay, ...args];
  if (kind === "peer") return [process.execPath, join(bench, "peers", `${args[0]}.mjs`)];
  const file = join(folder, "weftd.json");
  writeFileSync(file, JSON.stringify(config));
  return [programs.weftd, "--port", "0", "--data", join(folder, "data"), "--config", file];
}

/** Nothing of the caller's own weft settings reaches a server. */
function environment() {
  const kept = Object.entries(process.env).filter(
    ([key]) => !key.startsWith("WEFT") && !["REDIS_URL", "MONGODB_URI"].includes(key),
  );
  return Object.fromEntries(kept);
}

/**
 * @param {string} name a key of SERVERS
 * @returns {Promise<Server>}
 */
export async function start(name) {
  const folder = mkdtempSync(join(tmpdir(), "weft-bench-"));
  const command = commandLine(name, folder);
  if (CORES) command.unshift("taskset", "-c", String(CORES[0]));
  const log = join(folder, "log");
  const child = spawn(
    "/bin/sh",
    ["-c", 'ulimit -n "$(ulimit -Hn)"; log=$1; shift; exec "$@" 2>"$log"', "sh", log, ...command],
    { stdio: ["ignore", "pipe", "inherit"], env: environment(), cwd: folder },
  );
  const server = { process: child, address: "", folder };
  running.add(server);
  const line = await firstLine(child);
  const ready = /^ready http:\/\/(.+)\/$/.exec(line);
  if (!ready) {
    const said = existsSync(log) ? readFileSync(log, "utf8").slice(-2000) : "";
    await stop(server);
    throw new Error(`${name} did not start: ${line}\n${said}`);
  }
  server.address = ready[1];
  return server;
}

/** @param {import("node:child_process").ChildProcess} child */
function firstLine(child) {
  return new Promise((found) => {
    const lines = createInterface({ input: /** @type {any} */ (child.stdout) });
    const timer = setTimeout(() => found("(nothing in 20 s)"), 20000);
    const done = (/** @type {string} */ line) => (clearTimeout(timer), found(line));
    lines.once("line", done);
    lines.once("close", () => done(""));
  });
}

/**
 * Asks it to stop, and makes it after ten seconds. Returns how it ended, if not as asked: a peer
 * dies of the signal, ours exit with 0.
 * @param {Server} server
 * @param {string} log where its log goes if it is to be kept
 * @param {boolean} [failed] keep it in any case
 */
export async function stop(server, log = "", failed = false) {
  const { process: child, folder } = server;
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 10000);
    await gone;
    clearTimeout(timer);
  }
  const end = child.signalCode ?? `exit ${child.exitCode}`;
  const fault = end === "exit 0" || end === "SIGTERM" ? "" : `the server ended with ${end}`;
  if (log && (fault || failed) && existsSync(join(folder, "log"))) cpSync(join(folder, "log"), log);
  rmSync(folder, { recursive: true, force: true });
  running.delete(server);
  return fault;
}

export async function stopAll() {
  await Promise.all([...running].map((server) => stop(server)));
}

/** Why a server cannot run here, or an empty string. @param {string} name */
export function missing(name) {
  const kind = SERVERS[name].command[0];
  const program = kind === "relay" ? programs.relay : programs.weftd;
  return kind === "peer" || existsSync(program) ? "" : `there is no ${program}`;
}

/** Installs the peers' packages where they are not there yet. */
export function installPeers() {
  const folder = join(bench, "peers");
  const lock = readFileSync(join(folder, "package-lock.json"), "utf8");
  const mark = join(folder, "node_modules/.weft-lock");
  if (existsSync(mark) && readFileSync(mark, "utf8") === lock) return;
  const args = ["ci", "--omit=optional", "--no-audit", "--no-fund", "--no-progress"];
  const done = spawnSync("npm", args, { cwd: folder, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) throw new Error("npm could not install the peers");
  writeFileSync(mark, lock);
}
