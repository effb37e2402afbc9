// Jobs over Redis: any server takes the request, `weftd worker` runs the command, everybody hears of it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { startCluster } from "./lib/cluster.mjs";
import { jobsUrl, look, makeFiles, over, run, startWorker, textOf, weftd } from "./lib/jobs.mjs";
import { generator, SEED } from "./lib/random.mjs";
import { Raw } from "./lib/raw.mjs";
import { NO_REDIS, startRedis } from "./lib/redis.mjs";
import { LONG } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const JOB_COUNT = Number(process.env.WEFT_JOBS ?? (LONG ? 3000 : 300));
const KILLS = Number(process.env.WEFT_JOB_KILLS ?? JOB_COUNT / 10);

/** @param {{after: (fn: () => void) => void}} t */
const makeFolder = (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "weft-test-flags-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
};

/** Commands that say `begun`, wait for a file that the test makes, and go on. @param {string} flag */
const jobsFor = (flag) => {
  const wait = `while [ ! -e '${flag}' ]; do sleep 0.01; done`;
  return {
    wait: { command: ["sh", "-c", `echo begun; ${wait}; echo ended`], concurrency: 1 },
    append: {
      command: ["sh", "-c", `echo begun >&2; ${wait}; cat; echo appended`],
      input: "file",
      output: "edit",
    },
    // Each adds a line of its own.
    line: {
      command: ["sh", "-c", 'sleep 0.02; cat; echo "$1"', "sh", "{args}"],
      input: "file",
      output: "edit",
      tries: 100,
      concurrency: 64,
      retry_ms: 10,
    },
    bytes: { command: ["sh", "-c", "printf '\\0\\1\\377'"], output: "file", content_type: "a/b" },
  };
};

/**
 * Two servers, and workers with the same settings.
 * @param {import("node:test").TestContext} t @param {number} workerCount
 */
async function startAll(t, workerCount) {
  const flag = path.join(makeFolder(t), "go-on");
  const config = {
    jobs: jobsFor(flag),
    worker: { lease_ms: 1000, concurrency: 4 },
    limits: { jobs: 10_000, rate: { run: 1e6, fs: 1e6, edit: 1e6, other: 1e6 } },
    drain: { in_ms: 500, spread_ms: 300 },
  };
  const redis = await startRedis(t, { keeps: "nothing" });
  const random = generator(SEED);
  const cluster = await startCluster(t, { urls: [redis.url, redis.url], random, config });
  const workers = await Promise.all(
    Array.from({ length: workerCount }, () => startWorker(t, redis, config)),
  );
  const [a, b] = cluster.instances;
  return { flag, config, redis, random, a, b, workers, goOn: () => writeFileSync(flag, "") };
}

/** Waits for a state of a job, as people hear it. @param {Raw} raw @param {string} job @param {string} state */
const hears = (raw, job, state) =>
  raw.next((m) => m.t === "job" && m.job === job && m.state === state);

test("a worker needs Redis", async () => {
  const { code, err } = await weftd(["worker"], { REDIS_URL: "" });
  assert.equal(code, 2);
  assert.match(err, /REDIS_URL/);
});

test(
  "people on both servers hear of a job, and of what it prints",
  { skip: NO_REDIS },
  async (t) => {
    const { a, b, goOn } = await startAll(t, 2);
    const anna = await makeFiles(a, "p", { "a.txt": "text\n" });
    const bert = await Raw.join(b.ws, { project: "p", name: "Bert" });
    const job = await run(b, "p", { kind: "wait", path: "a.txt" });
    for (const raw of [anna, bert]) {
      await hears(raw, job, "running");
      await raw.next((m) => m.t === "job" && m.job === job && m.out === "begun\n");
    }
    goOn();
    for (const raw of [anna, bert]) {
      assert.equal((await hears(raw, job, "done")).code, 0);
      raw.close();
    }
    const later = await look(a, "p", job);
    assert.deepEqual([later.output, later.tries], ["begun\nended\n", 1]);
  },
);

test("the bytes that a job made are fetched from any server", { skip: NO_REDIS }, async (t) => {
  const { a, b } = await startAll(t, 1);
  (await makeFiles(a, "p", {})).close();
  const job = await run(a, "p", { kind: "bytes" });
  await over(b, "p", job);
  for (const server of [a, b]) {
    const answer = await fetch(jobsUrl(server, "p", `/${job}/result`));
    assert.equal(answer.headers.get("content-type"), "a/b");
    assert.deepEqual([...new Uint8Array(await answer.arrayBuffer())], [0, 1, 255]);
  }
});

test("a worker is killed in the middle: the other does it, once", { skip: NO_REDIS }, async (t) => {
  const { a, b, workers, goOn } = await startAll(t, 2);
  const anna = await makeFiles(a, "p", { "a.txt": "text\n" });
  const job = await run(a, "p", { kind: "append", path: "a.txt" });
  await anna.next((m) => m.t === "job" && m.job === job && m.out === "begun\n");
  const { worker } = await look(b, "p", job);
  const victim = workers.find(({ name }) => worker.startsWith(name));
  assert.ok(victim, `${worker} is one of them`);
  await victim.kill();
  await anna.next((m) => m.t === "job" && m.job === job && m.out === "begun\n");
  goOn();
  await hears(anna, job, "done");
  const { tries, worker: other } = await look(b, "p", job);
  assert.equal(tries, 2);
  assert.notEqual(other, worker);
  assert.equal(await textOf(b, "p", "a.txt"), "text\nappended\n");
  anna.close();
});

for (const place of ["before_append", "after_append", "before_settle"])
  test(`a worker dies at ${place}: the edit is there once`, { skip: NO_REDIS }, async (t) => {
    const { a, b, redis, config, goOn } = await startAll(t, 0);
    goOn();
    const anna = await makeFiles(a, "p", { "a.txt": "text\n" });
    const victim = await startWorker(t, redis, config, { WEFT_FAILPOINT: `${place}:kill:1` });
    const job = await run(a, "p", { kind: "append", path: "a.txt" });
    await until(() => victim.process?.signalCode === "SIGKILL", "the worker to die");
    await startWorker(t, redis, config);
    await hears(anna, job, "done");
    assert.equal((await look(b, "p", job)).tries, 2);
    assert.equal(await textOf(b, "p", "a.txt"), "text\nappended\n");
    anna.close();
  });

test(
  "a worker that is told to stop finishes and takes nothing new",
  { skip: NO_REDIS },
  async (t) => {
    const { a, redis, config, workers, goOn } = await startAll(t, 1);
    const anna = await makeFiles(a, "p", {});
    const [first, second] = [
      await run(a, "p", { kind: "wait" }),
      await run(a, "p", { kind: "wait" }),
    ];
    await anna.next((m) => m.t === "job" && m.job === first && m.out === "begun\n");
    const ended = workers[0].end("SIGTERM");
    await until(() => workers[0].log.includes("stopping"), "it to hear that");
    goOn();
    await hears(anna, first, "done");
    assert.deepEqual(await ended, { code: 0, signal: null });
    assert.equal((await look(a, "p", second)).state, "queued");
    await startWorker(t, redis, config);
    await hears(anna, second, "done");
    assert.equal((await look(a, "p", first)).tries, 1);
    anna.close();
  },
);

test(
  `${JOB_COUNT} jobs and ${KILLS} kills: each has its effect once`,
  { skip: NO_REDIS },
  async (t) => {
    const { a, b, workers, random } = await startAll(t, 3);
    const anna = await makeFiles(a, "p", { "a.txt": "" });
    const bert = await Raw.join(b.ws, { project: "p", name: "Bert" });
    /** @type {Set<string>[]} what each heard the end of */
    const heard = [new Set(), new Set()];
    const listening = [anna, bert].map(async (raw, i) => {
      while (heard[i].size < JOB_COUNT)
        heard[i].add((await raw.next((m) => m.t === "job" && m.state === "done", 600_000)).job);
    });
    const jobs = [];
    for (let i = 0; i < JOB_COUNT; i++)
      jobs.push(await run([a, b][i % 2], "p", { kind: "line", path: "a.txt", args: { line: i } }));
    for (let kill = 1; kill <= KILLS; kill++) {
      const due = Math.floor(((kill - 1) * JOB_COUNT) / (KILLS + 1));
      await until(
        () => heard[0].size >= due,
        () => `${due} of ${JOB_COUNT}, are ${heard[0].size}`,
      );
      const victim = workers[Math.floor(random() * workers.length)];
      await victim.kill();
      await victim.start();
    }
    await Promise.all(listening);
    const lines = (await textOf(b, "p", "a.txt")).trimEnd().split("\n");
    const wanted = jobs.map((_, i) => JSON.stringify({ line: i }));
    assert.deepEqual(lines.sort(), wanted.sort());
    const ends = await Promise.all(workers.map((worker) => worker.end("SIGTERM")));
    assert.deepEqual(
      ends.map(({ code }) => code),
      workers.map(() => 0),
    );
    for (const { folder } of workers) assert.deepEqual(await readdir(folder), ["weftd.json"]);
    const tries = await Promise.all(jobs.map(async (job) => (await look(a, "p", job)).tries));
    t.diagnostic(`${tries.reduce((sum, n) => sum + n, 0)} tries of ${JOB_COUNT} jobs`);
    anna.close();
    bert.close();
  },
);
