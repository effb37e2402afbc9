// What a program sees of jobs: the events of the room, what is printed, what was missed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isOver, Jobs, suits } from "./jobs.js";

/** @param {Jobs} jobs @param {...object} messages */
const receive = (jobs, ...messages) => {
  for (const message of messages) jobs.received({ t: "job", job: "j1", ...message });
  return /** @type {import("./jobs.js").Job} */ (jobs.all.get("j1"));
};

test("a job is followed from the queue to its end", () => {
  const jobs = new Jobs();
  /** @type {string[]} */
  const seen = [];
  jobs.on("change", ({ state }) => seen.push(state));
  const about = { kind: "count", by: 31, user: "u12", f: 3, path: "main.c" };
  const job = receive(
    jobs,
    { e: 1, ...about, state: "queued" },
    { e: 2, ...about, state: "running", tries: 1, worker: "w1" },
    { i: 0, out: "12 main" },
    { i: 1, out: ".c\n" },
    { e: 3, ...about, state: "done", code: 0, ms: 812 },
  );
  assert.deepEqual(seen, ["queued", "running", "running", "running", "done"]);
  const { output, partial, ms, code, f, by } = job;
  assert.deepEqual([output, partial, ms, code, f, by], ["12 main.c\n", false, 812, 0, 3, 31]);
  assert.ok(isOver(job.state));
});

test("a try that failed is told; the next one prints from its beginning", () => {
  const job = receive(
    new Jobs(),
    { e: 1, kind: "build", state: "running", tries: 1 },
    { i: 0, out: "half a line" },
    { e: 2, kind: "build", state: "queued", tries: 1, problem: "exit code 2", again_ms: 900 },
  );
  assert.deepEqual([job.again, job.problem, job.output], [true, "exit code 2", "half a line"]);
  const jobs = new Jobs();
  const again = receive(jobs, { i: 0, out: "a" }, { i: 1, out: "b" }, { i: 0, out: "c" });
  assert.deepEqual([again.output, again.partial], ["c", false]);
});

test("who missed some of the output is told so, until the server gives all of it", () => {
  const jobs = new Jobs();
  const job = receive(jobs, { e: 1, kind: "build", state: "running" }, { i: 2, out: "…" });
  assert.equal(job.partial, true);
  jobs.told({ job: "j1", kind: "build", state: "running", output: "all of it" });
  assert.deepEqual([job.output, job.partial], ["all of it", false]);
  jobs.dropped();
  assert.equal(job.partial, true);
  receive(jobs, { i: 0, out: "x".repeat(300_000) });
  assert.deepEqual([job.output.length, job.partial], [262_144, true]);
});

test("the server's list puts what ran before this client came before what it knows", () => {
  const jobs = new Jobs();
  receive(jobs, { e: 5, kind: "count", state: "done" });
  jobs.listed([
    { job: "j1", kind: "count", state: "running" },
    { job: "j0", kind: "zip", state: "done", ms: 4 },
  ]);
  assert.deepEqual([...jobs.all.keys()], ["j0", "j1"]);
  assert.equal(jobs.all.get("j1")?.state, "done"); // an older answer does not wake it
  assert.deepEqual([jobs.all.get("j0")?.partial, jobs.all.get("j1")?.partial], [true, false]);
});

test("only so many are kept, and never one that runs is forgotten", () => {
  const jobs = new Jobs();
  receive(jobs, { e: 1, kind: "build", state: "running" });
  for (let i = 0; i < 150; i++)
    jobs.received({ t: "job", job: `k${i}`, e: i + 2, kind: "count", state: "done" });
  assert.equal(jobs.all.size, 100);
  assert.ok(jobs.all.has("j1") && jobs.all.has("k149") && !jobs.all.has("k0"));
});

test("a kind says for which files it is", () => {
  const jobs = new Jobs();
  jobs.welcomed([
    { kind: "format", title: "Format", input: "file", output: "edit", paths: ".js .ts" },
    { kind: "zip", input: "project", output: "file" },
    { kind: "count", input: "file" },
  ]);
  const [format, zip, count] = jobs.kinds;
  assert.equal(zip.title, "zip");
  assert.deepEqual(
    ["a.js", "a.md", ""].map((path) => suits(format, path)),
    [true, false, false],
  );
  assert.deepEqual(
    ["a.js", ""].map((path) => suits(zip, path)),
    [true, true],
  );
  assert.deepEqual(
    ["a.md", ""].map((path) => suits(count, path)),
    [true, false],
  );
});
