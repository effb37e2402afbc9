/**
 * A private server of MongoDB's protocol for a test: mongod where it is on the PATH, else SecantusDB from build/mongodb, which
 * ./dev test puts there. What is stored is read by a small program of the test's, as any other program would.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { MongoClient } from "mongodb";
import { until } from "./wait.mjs";

const top = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const secantus = path.join(top, "build/mongodb/bin/secantusd-py");
const hasMongod = spawnSync("mongod", ["--version"]).status === 0;

/** For `skip` of a test: why it cannot run, or false. In CI everything has to be there, so there it fails instead. */
export const NO_MONGO =
  !hasMongod && !existsSync(secantus) && !process.env.CI && "there is no MongoDB server";

/** @param {number} port @returns {Promise<boolean>} */
const answers = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true) || socket.destroy());
    socket.on("error", () => resolve(false));
  });

/** Below the ports that outgoing connections get, so that nobody takes it while the server is down. */
const somePort = () => 12_000 + Math.floor(Math.random() * 18_000);

export class Mongo {
  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
    this.port = somePort();
    /** @type {import("node:child_process").ChildProcess | null} */
    this.process = null;
  }

  /** For MONGODB_URI. */
  get uri() {
    return `mongodb://127.0.0.1:${this.port}/weft`;
  }

  async start() {
    const port = String(this.port);
    this.process = hasMongod
      ? spawn("mongod", ["--port", port, "--dbpath", this.folder, "--bind_ip", "127.0.0.1"])
      : spawn(secantus, [
          ...["--port", port, "--storage-path", this.folder],
          ...["--sync-on-commit", "--enable-test-commands"],
        ]);
    await until(() => answers(this.port), "MongoDB to answer");
  }

  /** The database, as any other program reads it. */
  get db() {
    this.client ??= new MongoClient(this.uri, { serverSelectionTimeoutMS: 2000 });
    return this.client.db();
  }

  async kill() {
    const { process: child } = this;
    this.process = null;
    if (!child || child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async remove() {
    await this.client?.close();
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** @param {{after: (fn: () => Promise<void>) => void}} t */
export async function startMongo(t) {
  const mongo = new Mongo(await mkdtemp(path.join(tmpdir(), "weft-mongo-")));
  t.after(() => mongo.remove());
  await mongo.start();
  return mongo;
}
