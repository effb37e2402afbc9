// The programs of examples/jobs do what docs/jobs.md says, beside each other and after each other.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { look, makeFiles, over, reached, run, textOf } from "./lib/jobs.mjs";
import { NO_REDIS, startRedis } from "./lib/redis.mjs";
import { startServer } from "./lib/server.mjs";

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** With redis-py in it: ./dev test makes one. */
const PYTHON = [path.join(top, "build/python/bin/python3"), "python3"].find(
  (name) =>
    (name === "python3" || existsSync(name)) &&
    spawnSync(name, ["-c", "import redis"]).status === 0,
);
const PROGRAMS = {
  node: [process.execPath, path.join(top, "examples/jobs/node/worker.mjs")],
  python: [PYTHON ?? "python3", path.join(top, "examples/jobs/python/worker.py")],
};

/** Why a program cannot run, or false. @param {(keyof PROGRAMS)[]} names */
const missing = (...names) =>
  NO_REDIS || (names.includes("python") && !PYTHON && !process.env.CI && "there is no redis-py");

const CONFIG = {
  jobs: { words: { input: "file", output: "edit" } },
  limits: { rate: { run: 1e6, fs: 1e6 } },
};

/** @param {import("node:test").TestContext} t @param {{url: string}} redis @param {keyof PROGRAMS} name @param {Record<string, string>} env */
function startProgram(t, redis, name, env) {
  const [command, ...args] = PROGRAMS[name];
  const child = spawn(command, args, {
    env: { ...process.env, REDIS_URL: redis.url, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said = { log: "" };
  child.stderr.on("data", (data) => (said.log += data));
  const exited = once(child, "exit");
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  t.after(async () => {
    assert.equal(child.exitCode, null, said.log); // it did not end by itself
    await kill();
  });
  return { kill };
}

for (const name of /** @type {const} */ (["node", "python"]))
  test(`${name}: jobs are done, and an empty file too`, { skip: missing(name) }, async (t) => {
    const redis = await startRedis(t, { keeps: "nothing" });
    const server = await startServer(t, { config: CONFIG, env: { REDIS_URL: redis.url } });
    (await makeFiles(server, "p", { "a.txt": "eins zwei\ndrei ü", "empty.txt": "" })).close();
    startProgram(t, redis, name, {});
    const jobs = [
      await run(server, "p", { kind: "words", path: "a.txt" }),
      await run(server, "p", { kind: "words", path: "empty.txt" }),
    ];
    for (const job of jobs) assert.equal((await over(server, "p", job)).state, "done");
    assert.equal(await textOf(server, "p", "a.txt"), "eins zwei\ndrei ü\n4 words");
    assert.equal(await textOf(server, "p", "empty.txt"), "\n0 words");
    assert.equal(await redis.cli("XLEN", "weft:jobs:queue:words"), 0);
    assert.equal(await redis.cli("XLEN", "weft:jobs:answers"), 0);
  });

for (const [victim, heir] of /** @type {const} */ ([
  ["node", "python"],
  ["python", "node"],
]))
  test(
    `${victim} is killed in the middle: ${heir} does it, once`,
    { skip: missing(victim, heir) },
    async (t) => {
      const redis = await startRedis(t, { keeps: "nothing" });
      const server = await startServer(t, { config: CONFIG, env: { REDIS_URL: redis.url } });
      (await makeFiles(server, "p", { "a.txt": "eins zwei" })).close();
      const first = startProgram(t, redis, victim, { WORK_MS: "600000" });
      const job = await run(server, "p", { kind: "words", path: "a.txt" });
      await reached(server, "p", job, "running");
      await first.kill();
      startProgram(t, redis, heir, { LEASE_MS: "300" });
      assert.equal((await over(server, "p", job)).state, "done");
      assert.equal(await textOf(server, "p", "a.txt"), "eins zwei\n2 words");
      assert.equal((await look(server, "p", job)).code, 0);
    },
  );
