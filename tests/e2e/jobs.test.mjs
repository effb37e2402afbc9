// Jobs on one server, which runs their commands itself.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { jobsUrl, look, makeFiles, over, reached, run, textOf, weftd } from "./lib/jobs.mjs";
import { generator, SEED } from "./lib/random.mjs";
import { startServer } from "./lib/server.mjs";
import { Typist } from "./lib/typist.mjs";
import { until } from "./lib/wait.mjs";

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const PRETTIER = path.join(top, "node_modules/.bin/prettier");

/** As config/weftd.json has them, but prettier by its whole path. */
const { format, count, zip } = JSON.parse(
  readFileSync(path.join(top, "config/weftd.json"), "utf8"),
).jobs;
const JOBS = {
  format: { ...format, command: [PRETTIER, ...format.command.slice(1)] },
  count,
  zip,
  fail: { command: ["sh", "-c", "echo trying >&2; exit 7"], tries: 2, retry_ms: 10 },
  sleep: { command: ["sh", "-c", "echo begun; sleep 1000"], time_ms: 600_000 },
  short: { command: ["sleep", "1000"], time_ms: 200, tries: 1 },
  words: { input: "file", output: "edit" },
};
/** Programs of a project that a command must not run. */
const TRAPS = Object.fromEntries(
  ["zipfile", "struct", "shutil"].map((name) => [`${name}.py`, "raise SystemExit(9)"]),
);
const RATES = { run: 10_000, edit: 1e6, other: 1e6, fs: 1e6 };

/** @param {{after: (fn: () => Promise<void>) => void}} t */
const serve = async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "weft-test-runs-"));
  /** @type {import("./lib/server.mjs").Server | null} */
  let server = null;
  t.after(async () => {
    await server?.stop();
    const left = await readdir(folder);
    rmSync(folder, { recursive: true });
    assert.deepEqual(left, [], "commands have left something behind");
  });
  server = await startServer(t, {
    config: { jobs: JOBS, limits: { rate: RATES }, drain: { in_ms: 300, spread_ms: 100 } },
    env: { WEFT_WORKER_FOLDER: folder },
  });
  return server;
};

test("what can be asked for stands in welcome", async (t) => {
  const server = await serve(t);
  const raw = await makeFiles(server, "p", {});
  const { kind, title, input, output, paths } = raw.me.jobs.find((k) => k.kind === "format");
  assert.deepEqual([kind, title, input, output], ["format", "Format", "file", "edit"]);
  assert.match(paths, /\.js /);
  raw.close();
});

test("a file is formatted while somebody types in it", async (t) => {
  const server = await serve(t);
  const raw = await makeFiles(server, "p", { "a.js": "const  a   = {b:1}\n// " });
  const typist = new Typist({
    url: () => server.ws,
    project: "p",
    path: "a.js",
    id: 1,
    random: generator(SEED),
    home: server,
  });
  t.after(() => typist.stop());
  const typing = setInterval(() => typist.open && typist.type(), 5);
  t.after(() => clearInterval(typing));
  await until(() => typist.acked.size > 5, "some tokens");
  raw.send({ t: "open", path: "a.js" });
  const { f } = await raw.next("file");
  raw.send({ t: "run", q: 9, kind: "format", f });
  const { job } = await raw.next((m) => m.t === "ok" && m.q === 9);
  const edit = await raw.next((m) => m.t === "edit" && m.user !== undefined);
  const done = await raw.next((m) => m.t === "job" && m.job === job && m.state === "done");
  assert.equal(done.code, 0);
  assert.notEqual(edit.by, raw.me.cid);
  await until(() => typist.acked.size > 20, "more tokens");
  clearInterval(typing);
  await until(() => !typist.pending, "everything to be acknowledged");
  assert.deepEqual(typist.faults, []);
  const text = await textOf(server, "p", "a.js");
  assert.ok(text.startsWith("const a = { b: 1 };\n//"), text);
  const deleted = new Set([...typist.sent.values()].flatMap((sent) => sent.deleted));
  for (const token of [...typist.sent.values()].flatMap((sent) => sent.typed))
    assert.equal(text.includes(token), !deleted.has(token), token);
  assert.equal(text, typist.doc.toString());
  raw.close();
});

test("lines are counted", async (t) => {
  const server = await serve(t);
  (await makeFiles(server, "p", { "a.txt": "1\n2\n3\n" })).close();
  const job = await run(server, "p", { kind: "count", path: "a.txt" });
  const { state, code, output, tries } = await over(server, "p", job);
  assert.deepEqual(
    { state, code, output, tries },
    { state: "done", code: 0, output: "3\n", tries: 1 },
  );
});

test("a project is downloaded as a zip", async (t) => {
  const server = await serve(t);
  const files = { "a.txt": "A\n", "src/deep/ü b.txt": "ünï\n", "src/empty": "", ...TRAPS };
  (await makeFiles(server, "p", files)).close();
  const job = await run(server, "p", { kind: "zip" });
  assert.equal((await over(server, "p", job)).state, "done");
  const answer = await fetch(jobsUrl(server, "p", `/${job}/result`));
  assert.equal(answer.headers.get("content-type"), "application/zip");
  const folder = mkdtempSync(path.join(tmpdir(), "weft-test-zip-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, "p.zip"), Buffer.from(await answer.arrayBuffer()));
  const script = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
  execFileSync("python3", ["-c", script, path.join(folder, "p.zip"), path.join(folder, "out")]);
  const found = Object.fromEntries(
    (await readdir(path.join(folder, "out"), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
      .map((name) => [path.relative(path.join(folder, "out"), name), readFileSync(name, "utf8")]),
  );
  assert.deepEqual(found, files);
});

test("a job is canceled while it waits to run, and while it runs", async (t) => {
  const server = await serve(t);
  const raw = await makeFiles(server, "p", {});
  const job = await run(server, "p", { kind: "sleep" });
  await raw.next((m) => m.t === "job" && m.job === job && m.out === "begun\n");
  raw.send({ t: "cancel", job });
  await raw.next((m) => m.t === "job" && m.job === job && m.state === "canceled");
  const { state, output } = await look(server, "p", job);
  assert.deepEqual([state, output], ["canceled", "begun\n"]);
  raw.close();
});

test("a command that takes too long is killed", async (t) => {
  const server = await serve(t);
  (await makeFiles(server, "p", {})).close();
  const { state, problem } = await over(server, "p", await run(server, "p", { kind: "short" }));
  assert.equal(state, "failed");
  assert.match(problem, /not done after 200 ms/);
});

test("what fails is tried again, is a dead letter, and is seen to by the operator", async (t) => {
  const server = await serve(t);
  (await makeFiles(server, "p", {})).close();
  const job = await run(server, "p", { kind: "fail" });
  const failed = await over(server, "p", job);
  assert.deepEqual([failed.state, failed.tries, failed.code], ["failed", 2, 7]);
  assert.match(failed.problem, /exit code 7/);

  const [host, port] = ["127.0.0.1", String(server.port)];
  const list = await weftd(["jobs", "list", "--failed"], { WEFT_HOST: host, WEFT_PORT: port });
  assert.equal(list.code, 0, list.err);
  assert.match(list.out, new RegExp(`^${job} +fail +failed +2 .* p  .*exit code 7`, "m"));
  const server_ = ["--server", server.url];
  const shown = await weftd(["jobs", "show", job, ...server_]);
  assert.match(shown.out, /^problem +.*exit code 7$/m);
  assert.match(shown.out, /\n\ntrying\n/);
  const json = await weftd(["jobs", "list", "--project", "p", "--json", ...server_]);
  assert.equal(JSON.parse(json.out).jobs[0].job, job);

  assert.equal((await weftd(["jobs", "retry", job, ...server_])).code, 0);
  const { queued_at } = failed;
  const again = await until(async () => {
    const now = await look(server, "p", job);
    return now.state === "failed" && now.ended_at !== failed.ended_at && now;
  }, "it to be tried anew");
  assert.deepEqual([again.tries, again.queued_at >= queued_at], [2, true]);
  assert.equal((await weftd(["jobs", "drop", job, ...server_])).code, 0);
  const gone = await weftd(["jobs", "show", job, ...server_]);
  assert.equal(gone.code, 1);
  assert.match(gone.err, /404/);
});

test("jobs: wrong words and a server that is not there are told", async () => {
  for (const words of [
    [],
    ["lst"],
    ["show"],
    ["show", "../x"],
    ["list", "j1"],
    ["retry", "j1", "--failed"],
  ]) {
    const { code, err } = await weftd(["jobs", ...words]);
    assert.equal(code, 2, words.join(" "));
    assert.match(err, /level=error/);
  }
  const away = await weftd(["jobs", "list", "--server", "http://127.0.0.1:1"]);
  assert.equal(away.code, 1);
  assert.match(away.err, /127\.0\.0\.1:1/);
  assert.match((await weftd(["jobs", "--help"])).out, /weftd jobs retry ID/);
});

test("a server that is killed runs its jobs when it is back", async (t) => {
  const server = await serve(t);
  const raw = await makeFiles(server, "p", {});
  const job = await run(server, "p", { kind: "sleep" });
  await raw.next((m) => m.t === "job" && m.out === "begun\n");
  await server.kill();
  await server.start();
  const again = await until(async () => {
    const now = await look(server, "p", job);
    return now.state === "running" && now;
  }, "the job to run again");
  assert.equal(again.tries, 2);
  assert.equal((await weftd(["jobs", "cancel", job, "--server", server.url])).code, 0);
  await reached(server, "p", job, "canceled");
});
