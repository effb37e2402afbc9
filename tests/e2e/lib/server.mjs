/**
 * Starts the real weftd for a test: a free port, a data folder of its own, gone with the test.
 *
 *     const server = await startServer(t);            // t: node:test's context, ends the server
 *     server.url, server.ws, server.data
 *     await server.kill();                            // SIGKILL; then server.start() again, same port and data
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { within } from "./wait.mjs";

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");

/** The program under test. */
export const WEFTD = process.env.WEFTD ?? path.join(top, "build/release/weftd");

/** Where the shared test data is, or null: such tests say that they skip. */
export const SHARED = process.env.WEFT_SHARED ?? null;

export const LONG = Boolean(process.env.WEFT_LONG);

/**
 * @typedef {object} Options
 * @property {object} [config] contents of the configuration file
 * @property {string[]} [args] further flags
 * @property {Record<string, string>} [env]
 * @property {string} [host] where it listens, if not on the loopback
 * @property {string[]} [wrap] a command that runs weftd: ["setarch", "-R"]
 */

export class Server {
  /** @param {string} folder @param {Options} options */
  constructor(folder, options) {
    this.folder = folder;
    this.data = path.join(folder, "data");
    this.options = options;
    this.port = 0;
    /** @type {import("node:child_process").ChildProcess | null} */
    this.process = null;
    this.isPaused = false;
    /** What it wrote to standard error, all runs. */
    this.log = "";
  }

  get host() {
    return this.options.host ?? "127.0.0.1";
  }

  get url() {
    return `http://${this.host}:${this.port}`;
  }

  get ws() {
    return `ws://${this.host}:${this.port}/`;
  }

  get pid() {
    return this.process?.pid ?? 0;
  }

  get isRunning() {
    const { process: child } = this;
    return child !== null && this.port > 0 && child.exitCode === null && child.signalCode === null;
  }

  /** Starts it, on the port it had before if there was one, and waits for the line `ready …`. */
  async start() {
    const args = ["--host", this.host, "--port", String(this.port), "--data", this.data];
    if (this.options.config) {
      const file = path.join(this.folder, "weftd.json");
      await writeFile(file, JSON.stringify(this.options.config));
      args.push("--config", file);
    }
    args.push(...(this.options.args ?? []));
    const [command, ...rest] = [...(this.options.wrap ?? []), WEFTD, ...args];
    const child = spawn(command, rest, {
      cwd: this.folder,
      env: { ...process.env, ...this.options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    child.stderr?.on("data", (data) => (this.log += data));
    const line = await firstLine(child, () => this.log);
    const match = /^ready http:\/\/[^:]+:(\d+)\/$/.exec(line);
    if (!match) throw new Error(`weftd said ${JSON.stringify(line)} on standard output`);
    this.port = Number(match[1]);
    return this;
  }

  /** Ends it with a signal and waits; returns {code, signal}. @param {NodeJS.Signals} signal */
  async end(signal) {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null)
      return { code: child?.exitCode, signal: child?.signalCode };
    const exited = once(child, "exit");
    child.kill(signal);
    this.resume();
    try {
      const [code, by] = await within(exited, () => `weftd to end: ${this.log.slice(-500)}`);
      return { code, signal: by };
    } catch (error) {
      child.kill("SIGKILL"); // what hangs does not keep the test as well
      throw error;
    }
  }

  /** It does nothing, and does not know that it does nothing, until `resume`. */
  pause() {
    this.process?.kill("SIGSTOP");
    this.isPaused = true;
  }

  resume() {
    this.process?.kill("SIGCONT");
    this.isPaused = false;
  }

  kill() {
    return this.end("SIGKILL");
  }

  stop() {
    return this.end("SIGTERM");
  }

  async remove() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** @param {import("node:child_process").ChildProcess} child @param {() => string} log @returns {Promise<string>} */
function firstLine(child, log) {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (data) => {
      text += data;
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
    });
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      reject(new Error(`weftd ended with ${code ?? signal} before it was ready:\n${log()}`)),
    );
  });
}

/**
 * @param {{after: (fn: () => Promise<void>) => void}} t @param {Options} [options]
 * @returns {Promise<Server>}
 */
export async function startServer(t, options = {}) {
  const server = new Server(await mkdtemp(path.join(tmpdir(), "weft-test-")), options);
  t.after(() => server.remove());
  return server.start();
}
