/**
 * A private redis-server for a test: a port and a folder of its own, gone with the test.
 *
 *     const redis = await startRedis(t, { keeps: "always" });
 *     redis.url                                        // for REDIS_URL
 *     await redis.cli("HGETALL", "weft:{demo}:meta")   // {name: "Demo", …}
 *     await redis.kill(); await redis.start();         // the same port and folder
 */
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const isThere = spawnSync("redis-server", ["--version"]).status === 0;

/** For `skip` of a test: why it cannot run, or false. In CI everything has to be there, so there it fails instead. */
export const NO_REDIS = !isThere && !process.env.CI && "there is no redis-server";

/** What a restart finds: each command that was answered, all but the last second's, all but the last few, nothing. */
const KEEPS = {
  always: ["--appendonly", "yes", "--appendfsync", "always"],
  everysec: ["--appendonly", "yes", "--appendfsync", "everysec"],
  snapshots: ["--appendonly", "no", "--save", "1 1"],
  nothing: ["--appendonly", "no", "--save", ""],
};

/**
 * @typedef {object} Options
 * @property {keyof KEEPS} [keeps] default "always"
 * @property {string} [also] a further address to listen on
 * @property {string[]} [args] further settings: ["--maxmemory", "1mb"]
 * @property {(folder: string) => Record<string, string>} [env] of the process
 * @property {string[]} [login] how `cli` gets in where the settings need it: ["-a", "secret"]
 */

/** Below the ports that outgoing connections get, so that nobody takes it while Redis is down. */
const somePort = () => 12_000 + Math.floor(Math.random() * 18_000);

export class Redis {
  /** @param {string} folder @param {Options} options */
  constructor(folder, options) {
    this.folder = folder;
    this.data = path.join(folder, "data");
    this.options = options;
    this.port = 0;
    /** @type {import("node:child_process").ChildProcess | null} */
    this.process = null;
    /** What it wrote, all runs. */
    this.log = "";
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid() {
    return this.process?.pid ?? 0;
  }

  /** Starts it, on the port it had before if there was one, and waits until it takes commands. */
  async start() {
    await mkdir(this.data, { recursive: true });
    if (this.port) {
      await this.run(this.port);
      return this;
    }
    for (let tries = 1; ; tries++) {
      const port = somePort();
      try {
        await this.run(port);
        this.port = port;
        return this;
      } catch (error) {
        if (tries === 20 || !String(error).includes("Address already in use")) throw error;
      }
    }
  }

  /** @param {number} port */
  async run(port) {
    const child = spawn(
      "redis-server",
      ["--port", String(port), "--dir", this.data, "--bind", "127.0.0.1"].concat(
        this.options.also ? [this.options.also, "--protected-mode", "no"] : [],
        ["--enable-debug-command", "local"],
        KEEPS[this.options.keeps ?? "always"],
        this.options.args ?? [],
      ),
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, ...this.options.env?.(this.folder) },
      },
    );
    this.process = child;
    const begin = this.log.length;
    await new Promise((resolve, reject) => {
      const hear = (/** @type {Buffer} */ data) => {
        this.log += data;
        if (this.log.includes("Ready to accept connections", begin)) resolve(undefined);
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.once("error", reject);
      child.once("close", () => reject(new Error(`no Redis:\n${this.log.slice(begin)}`)));
    });
  }

  /** The answer of a command as JSON. An error reply throws. @param {...(string | number)} words */
  async cli(...words) {
    return JSON.parse(await this.read("--json", ...words));
  }

  /** The answer of a command that is a page for people: INFO, CLIENT LIST. @param {...(string | number)} words */
  async read(...words) {
    const args = ["-p", String(this.port), ...(this.options.login ?? []), "-e"];
    const run = promisify(execFile);
    const { stdout } = await run("redis-cli", [...args, ...words.map(String)], {
      maxBuffer: 2 ** 28,
    });
    return stdout;
  }

  /** Ends it by a signal and waits. @param {NodeJS.Signals} signal */
  async end(signal) {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    child.kill("SIGCONT");
    await exited;
  }

  kill() {
    return this.end("SIGKILL");
  }

  stop() {
    return this.end("SIGTERM");
  }

  /** Connections stay, and nothing is answered, until `resume`. */
  pause() {
    this.process?.kill("SIGSTOP");
  }

  resume() {
    this.process?.kill("SIGCONT");
  }

  /** Remembers what is on the disk now, for `startFrom`. @returns {Promise<string>} */
  async keep() {
    const kept = await mkdtemp(path.join(this.folder, "kept-"));
    this.pause();
    await cp(this.data, kept, { recursive: true });
    this.resume();
    return kept;
  }

  /** Starts it, once it has ended, with what `keep` gave; null: empty. @param {string | null} kept */
  async startFrom(kept) {
    await rm(this.data, { recursive: true, force: true });
    if (kept) await cp(kept, this.data, { recursive: true });
    return this.start();
  }

  async remove() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * @param {{after: (fn: () => Promise<void>) => void}} t @param {Options} [options]
 * @returns {Promise<Redis>}
 */
export async function startRedis(t, options = {}) {
  const redis = new Redis(await mkdtemp(path.join(tmpdir(), "weft-redis-")), options);
  t.after(() => redis.remove());
  return redis.start();
}
