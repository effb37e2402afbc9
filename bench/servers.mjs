/**
 * Starts and stops the servers that are measured: on the servers' core, in a folder of their own,
 * each known to be ready by the line `ready http://HOST:PORT/`. A server that needs Redis gets one
 * that nobody else uses and that was never used before.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { createServer } from "node:net";
import { cpus, tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SERVERS } from "./plan.mjs";

const bench = dirname(fileURLToPath(import.meta.url));
const top = resolve(bench, "..");
/** Another build than the release one can be measured. */
const build = resolve(process.env.WEFT_BUILD ?? join(top, "build/release"));

const isThere = (/** @type {string} */ program) => spawnSync(program, ["--version"]).status === 0;
const hasRedis = isThere("redis-server");

/** Who runs where; null where there is only one core, or no taskset. */
export const CORES =
  cpus().length >= 2 && isThere("taskset")
    ? { servers: 0, generator: 1, redis: cpus().length > 2 ? 2 : 0 }
    : null;

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

/**
 * @typedef {{process: import("node:child_process").ChildProcess, address: string, log: string}} Program
 * @typedef {{folder: string, instances: Program[], redis: Program | null}} Server
 */

/** Servers that run now, so that an interrupt leaves none behind. @type {Set<Server>} */
const running = new Set();

/**
 * @param {string} name a key of SERVERS
 * @param {string} folder
 */
function commandLine(name, folder) {
  const [kind, ...args] = SERVERS[name].command;
  if (kind === "relay") return [programs.relay, ...args];
  if (kind === "peer") return [process.execPath, join(bench, "peers", `${args[0]}.mjs`)];
  const file = join(folder, "weftd.json");
  fs.writeFileSync(file, JSON.stringify(config));
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
 * Starts a program that says on a line of its output that it is ready. Without that, it throws what
 * the program said, and the program is still the caller's to stop.
 * @param {string} folder
 * @param {{name: string, command: string[], core?: number, env?: Record<string, string>,
 *   ready: RegExp, keep: (program: Program) => void}} how `keep` gets it before it is ready
 * @returns {Promise<RegExpExecArray>} what of the line is `ready`
 */
async function launch(folder, { name, command, core, env, ready, keep }) {
  const log = join(folder, `${name}.log`);
  const pinned = core === undefined ? command : ["taskset", "-c", String(core), ...command];
  const child = spawn(
    "/bin/sh",
    ["-c", 'ulimit -n "$(ulimit -Hn)"; log=$1; shift; exec "$@" 2>"$log"', "sh", log, ...pinned],
    { stdio: ["ignore", "pipe", "inherit"], env: { ...environment(), ...env }, cwd: folder },
  );
  keep({ process: child, address: "", log });
  const said = await lineOf(child, ready);
  if (typeof said !== "string") return said;
  const logged = fs.existsSync(log) ? fs.readFileSync(log, "utf8") : "";
  throw new Error(`${name} did not start:\n${(said + logged).slice(-2000)}`);
}

/**
 * The first line of its output that matches; all of its output where there is none.
 * @param {import("node:child_process").ChildProcess} child
 * @param {RegExp} wanted
 * @returns {Promise<RegExpExecArray | string>}
 */
function lineOf(child, wanted) {
  return new Promise((found) => {
    const lines = createInterface({ input: /** @type {any} */ (child.stdout) });
    const timer = setTimeout(() => found("(not ready in 20 s)\n"), 20000);
    let said = "";
    lines.on("line", (line) => {
      const match = wanted.exec(line);
      said += `${line}\n`;
      if (!match) return;
      clearTimeout(timer);
      lines.removeAllListeners();
      found(match);
    });
    lines.once("close", () => (clearTimeout(timer), found(said)));
  });
}

/** A port that is free now. @returns {Promise<number>} */
async function somePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (probe.address());
  probe.close();
  await once(probe, "close");
  return port;
}

/** What a restart of Redis would find, by the name of the setting in SERVERS. */
const KEEPS = {
  nothing: ["--appendonly", "no"],
  everything: ["--appendonly", "yes", "--appendfsync", "always"],
};

/**
 * @param {Server} server
 * @param {keyof typeof KEEPS} keeps
 */
async function startRedis(server, keeps) {
  const port = await somePort();
  const folder = join(server.folder, "redis");
  fs.mkdirSync(folder);
  await launch(server.folder, {
    name: "redis",
    command: [
      "redis-server",
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--dir",
      folder,
    ].concat(["--save", ""], KEEPS[keeps]),
    core: CORES?.redis,
    ready: /Ready to accept connections/,
    keep: (program) => (server.redis = { ...program, address: `127.0.0.1:${port}` }),
  });
}

/**
 * @param {Server} server
 * @param {string} name a key of SERVERS
 * @param {number} of how many instances there will be
 */
async function startInstance(server, name, of) {
  const ready = await launch(server.folder, {
    name: `${SERVERS[name].command.join("-")}-${server.instances.length + 1}`,
    command: commandLine(name, server.folder),
    core: CORES?.servers,
    env: server.redis ? { REDIS_URL: `redis://${server.redis.address}`, INSTANCES: `${of}` } : {},
    ready: /^ready http:\/\/(.+)\/$/,
    keep: (program) => server.instances.push(program),
  });
  server.instances[server.instances.length - 1].address = ready[1];
}

/**
 * @param {string} name a key of SERVERS
 * @param {number} [instances] of a server that can be several
 * @returns {Promise<Server>}
 */
export async function start(name, instances = 1) {
  const { redis } = SERVERS[name];
  /** @type {Server} */
  const server = {
    folder: fs.mkdtempSync(join(tmpdir(), "weft-bench-")),
    instances: [],
    redis: null,
  };
  running.add(server);
  try {
    if (redis) await startRedis(server, redis);
    for (let i = 0; i < (redis ? instances : 1); i++) await startInstance(server, name, instances);
  } catch (error) {
    await stop(server);
    throw error;
  }
  return server;
}

/**
 * What weft-bench has to know of a server.
 * @param {Server} server
 */
export function whereabouts({ instances, redis }) {
  const args = ["--server", instances.map(({ address }) => address).join(",")];
  args.push("--pid", instances.map(({ process: { pid } }) => pid).join(","));
  if (redis) args.push("--redis", redis.address, "--redis-pid", String(redis.process.pid));
  return args;
}

/**
 * Asks it to stop, and makes it after ten seconds. Returns how it ended, if not as asked: a peer
 * dies of the signal, ours and Redis exit with 0.
 * @param {Program} program
 */
async function stopProgram({ process: child }) {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 10000);
    await gone;
    clearTimeout(timer);
  }
  const end = child.signalCode ?? `exit ${child.exitCode}`;
  return end === "exit 0" || end === "SIGTERM" ? "" : `the server ended with ${end}`;
}

/**
 * Stops the instances, then Redis. Returns how one of them ended, if not as asked.
 * @param {Server} server
 * @param {string} logs the folder where their logs go if they are to be kept
 * @param {boolean} [failed] keep them in any case
 */
export async function stop(server, logs = "", failed = false) {
  const faults = await Promise.all(server.instances.map(stopProgram));
  if (server.redis) faults.push(await stopProgram(server.redis));
  const fault = faults.find((each) => each !== "") ?? "";
  if (logs && (fault || failed)) {
    fs.rmSync(logs, { recursive: true, force: true });
    for (const { log } of server.instances) fs.cpSync(log, join(logs, basename(log)));
  }
  fs.rmSync(server.folder, { recursive: true, force: true });
  running.delete(server);
  return fault;
}

export async function stopAll() {
  await Promise.all([...running].map((server) => stop(server)));
}

/** Why a server cannot run here, or an empty string. @param {string} name */
export function missing(name) {
  const { command, redis } = SERVERS[name];
  const program = { relay: programs.relay, weftd: programs.weftd }[command[0]];
  if (program && !fs.existsSync(program)) return `there is no ${program}`;
  return redis && !hasRedis ? "there is no redis-server" : "";
}

/** Installs the peers' packages where they are not there yet. */
export function installPeers() {
  const folder = join(bench, "peers");
  const lock = fs.readFileSync(join(folder, "package-lock.json"), "utf8");
  const mark = join(folder, "node_modules/.weft-lock");
  if (fs.existsSync(mark) && fs.readFileSync(mark, "utf8") === lock) return;
  const args = ["ci", "--omit=optional", "--no-audit", "--no-fund", "--no-progress"];
  const done = spawnSync("npm", args, { cwd: folder, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) throw new Error("npm could not install the peers");
  fs.writeFileSync(mark, lock);
}
