/**
 * Jobs of people by HTTP, weftd's commands, and its workers.
 *
 *     const job = await run(server, "demo", { kind: "format", path: "a.js" });
 *     const { state, output } = await over(server, "demo", job);
 *     const worker = await startWorker(t, redis, { jobs });       // `weftd worker`, ended with the test
 *     const { code, out } = await weftd(["jobs", "list", "--server", server.url]);
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { WEFTD } from "./server.mjs";
import { until, within } from "./wait.mjs";

/** @typedef {import("./server.mjs").Server} Server */

/** @param {Server} server @param {string} project @param {string} [rest] */
export const jobsUrl = (server, project, rest = "") =>
  `${server.url}/api/v1/projects/${project}/jobs${rest}`;

/** Asks for a job and returns its id. @param {Server} server @param {string} project @param {object} what @returns {Promise<string>} */
export async function run(server, project, what) {
  const answer = await fetch(jobsUrl(server, project), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(what),
  });
  const body = await answer.json();
  if (answer.status !== 202) throw new Error(`${answer.status} ${JSON.stringify(body)}`);
  return body.job;
}

/** @param {Server} server @param {string} project @param {string} job @returns {Promise<any>} */
export async function look(server, project, job) {
  const answer = await fetch(jobsUrl(server, project, `/${job}`));
  return answer.json();
}

/** @param {Server} server @param {string} project @param {string} job @param {string} state @returns {Promise<any>} */
export const reached = (server, project, job, state) =>
  until(async () => {
    const now = await look(server, project, job);
    return now.state === state && now;
  }, `job ${job} to be ${state}`);

/** Waits for its end. @param {Server} server @param {string} project @param {string} job @returns {Promise<any>} */
export const over = (server, project, job) =>
  until(async () => {
    const now = await look(server, project, job);
    return ["done", "failed", "canceled"].includes(now.state) && now;
  }, `job ${job} to be over`);

/** Makes a file in a project, which is made if need be. @param {Server} server @param {string} project @param {Record<string, string>} files @returns {Promise<import("./raw.mjs").Raw>} */
export async function makeFiles(server, project, files) {
  const { Raw } = await import("./raw.mjs");
  const raw = await Raw.join(server.ws, { project, template: "blank", name: "Anna" });
  let q = 0;
  for (const [name, text] of Object.entries(files)) {
    raw.send({ t: "create", path: name, text, q: ++q });
    const said = await raw.next((m) => m.q === q);
    if (said.t !== "ok") throw new Error(JSON.stringify(said));
  }
  return raw;
}

/** @param {Server} server @param {string} project @param {string} file */
export async function textOf(server, project, file) {
  const answer = await fetch(`${server.url}/api/v1/projects/${project}/files/${file}`);
  return answer.text();
}

/**
 * Runs weftd to its end.
 * @param {string[]} args @param {Record<string, string>} [env]
 * @returns {Promise<{code: number, out: string, err: string}>}
 */
export async function weftd(args, env = {}) {
  const child = spawn(WEFTD, args, { cwd: tmpdir(), env: { ...process.env, ...env } });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (err += data));
  const [code] = await within(once(child, "close"), `weftd ${args.join(" ")}`);
  return { code, out, err };
}

export class Worker {
  /** @param {string} folder @param {Record<string, string>} env */
  constructor(folder, env) {
    this.folder = folder;
    this.env = env;
    this.log = "";
    this.name = "";
    /** @type {import("node:child_process").ChildProcess | null} */
    this.process = null;
  }

  async start() {
    const args = ["worker", "--config", path.join(this.folder, "weftd.json")];
    const child = spawn(WEFTD, args, {
      cwd: this.folder,
      env: { ...process.env, ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    child.stderr?.on("data", (data) => (this.log += data));
    const line = await within(
      new Promise((resolve, reject) => {
        child.stdout?.once("data", (data) => resolve(String(data)));
        child.once("exit", () => reject(new Error(`the worker ended:\n${this.log}`)));
      }),
      "the worker to be ready",
    );
    this.name = /^worker ready (\S+)\n$/.exec(String(line))?.[1] ?? "";
    if (!this.name) throw new Error(`the worker said ${line}`);
    return this;
  }

  get pid() {
    return this.process?.pid ?? 0;
  }

  /** @param {NodeJS.Signals} signal @returns {Promise<{code: number | null, signal: string | null}>} */
  async end(signal) {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null)
      return { code: child?.exitCode ?? null, signal: child?.signalCode ?? null };
    const exited = once(child, "exit");
    child.kill(signal);
    const [code, by] = await within(exited, "the worker to end");
    return { code, signal: by };
  }

  kill() {
    return this.end("SIGKILL");
  }
}

/**
 * @param {{after: (fn: () => Promise<void>) => void}} t @param {{url: string}} redis @param {object} config
 * @param {Record<string, string>} [env]
 */
export async function startWorker(t, redis, config, env = {}) {
  const folder = await mkdtemp(path.join(tmpdir(), "weft-test-worker-"));
  const worker = new Worker(folder, { REDIS_URL: redis.url, WEFT_WORKER_FOLDER: folder, ...env });
  t.after(async () => {
    await worker.kill();
    await rm(folder, { recursive: true, force: true });
  });
  await writeFile(path.join(folder, "weftd.json"), JSON.stringify(config));
  return worker.start();
}
