/**
 * Plain HTTP on the real server: the page and its caching, health, metrics, the API; and the life of
 * the process as who starts it sees it: signals, exit codes, the one line on standard output.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import { Raw } from "./lib/raw.mjs";
import { startServer, WEFTD } from "./lib/server.mjs";
import { until, within } from "./lib/wait.mjs";

/** Sends bytes as they are and returns all that comes back. @param {number} port @param {string} text */
async function exchange(port, text) {
  const socket = net.connect(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (data) => (answer += data.toString("latin1")));
  socket.on("error", () => {});
  socket.write(text);
  await within(once(socket, "close"), `an end after ${JSON.stringify(text)}`);
  return answer;
}

/** @param {string} url @param {any} body */
const post = (url, body) =>
  fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

test("the page is served under its own rules, and asked for anew by its tag", async (t) => {
  const { url, port } = await startServer(t);
  for (const address of ["/", "/p/demo", "/p/demo/src/a%20b.c"]) {
    const answer = await fetch(url + address);
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /^<!doctype html>/);
    const policy = answer.headers.get("content-security-policy") ?? "";
    assert.match(policy, /script-src 'self';.*connect-src 'self' ws: wss:;/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    const etag = answer.headers.get("etag") ?? "";
    const again = await fetch(url + address, { headers: { "If-None-Match": `"x", W/${etag}` } });
    assert.equal(again.status, 304);
    assert.equal(await again.text(), "");
  }
  const packed = await exchange(
    port,
    "GET /main.js HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br, gzip\r\nConnection: close\r\n\r\n",
  );
  assert.match(packed, /Content-Encoding: gzip/i);
  const body = Buffer.from(packed.slice(packed.indexOf("\r\n\r\n") + 4), "latin1");
  const plain = await (await fetch(`${url}/main.js`)).text();
  assert.equal(gunzipSync(body).toString(), plain);
  assert.match(await (await fetch(`${url}/sdk/weft.js`)).text(), /export/);
  assert.equal((await fetch(`${url}/`, { method: "HEAD" })).status, 200);
  assert.equal((await fetch(`${url}/`, { method: "POST", body: "" })).status, 405);
});

test("no address reaches the disk", async (t) => {
  const { port } = await startServer(t);
  for (const address of [
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "/sdk/../../etc/passwd",
    "/web/index.html",
    "/templates/react/package.json",
    "/main.js.gz",
    "//etc/passwd",
    "/etc/passwd",
    "/index.html/",
    `/${"a".repeat(5000)}`,
  ]) {
    const answer = await exchange(
      port,
      `GET ${address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 404 /, address.slice(0, 60));
    assert.doesNotMatch(answer, /root:/);
  }
});

test("health, metrics and templates", async (t) => {
  const { url } = await startServer(t);
  assert.equal(await (await fetch(`${url}/healthz`)).text(), "ok\n");
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /^weft_sessions 0$/m);
  assert.match(metrics, /^weft_loop_lag_seconds [\d.]+$/m);
  assert.match(metrics, /^weft_commit_seconds_bucket\{le="\+Inf"\} \d+$/m);
  for (const line of metrics.trim().split("\n"))
    assert.match(line, /^(# (HELP|TYPE) weft_\w+ .+|weft_\w+(\{\w+="[^"]+"\})? [\d.e+-]+)$/);
  const { templates } = await (await fetch(`${url}/api/v1/templates`)).json();
  const names = templates.map((template) => template.name);
  assert.deepEqual(names, ["vanilla", "react", "node", "python", "blank"]);
  for (const template of templates) assert.ok(template.title && template.description);
});

test("a server that was stopped for a while is not ready, until it has been in time for a while", async (t) => {
  const server = await startServer(t);
  const ready = async () => (await fetch(`${server.url}/readyz`)).text();
  assert.equal(await ready(), "ready\n");
  process.kill(server.pid, "SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 2000)); // the fault itself
  process.kill(server.pid, "SIGCONT");
  assert.equal(await ready(), "the loop is late\n");
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  await until(async () => (await ready()) === "ready\n", "it to be ready again");
});

test("a project is made, read and kept from being made again", async (t) => {
  const { url, ws } = await startServer(t);
  const api = `${url}/api/v1/projects`;
  const made = await post(api, { id: "demo", template: "vanilla", name: "Démo" });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get("location"), "/api/v1/projects/demo");
  const again = await post(api, { id: "demo" });
  assert.equal(again.status, 409);
  assert.equal((await again.json()).error.code, "exists");
  const project = await (await fetch(`${api}/demo`)).json();
  assert.equal(project.name, "Démo");
  const page = project.files.find((file) => file.path === "index.html");
  assert.ok(page && !project.files.some((file) => file.path === "template.json"));

  const file = await fetch(`${api}/demo/files/index.html`);
  assert.equal(file.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(file.headers.get("etag"), `"${project.ep}-${page.f}-0"`);
  const text = await file.text();
  assert.equal(text.length, page.len);
  const tag = { "If-None-Match": file.headers.get("etag") ?? "" };
  assert.equal((await fetch(`${api}/demo/files/index.html`, { headers: tag })).status, 304);

  const ann = await Raw.join(ws, { project: "demo" });
  ann.send({ t: "open", f: page.f });
  await ann.next("file");
  ann.send({ t: "edit", f: page.f, at: 0, del: 0, ins: "<!-- é -->" });
  await ann.next("ack");
  const json = { Accept: "application/json" };
  const now = await (await fetch(`${api}/demo/files/index.html`, { headers: json })).json();
  assert.deepEqual([now.f, now.v, now.path, now.eol], [page.f, 1, "index.html", "\n"]);
  assert.equal(now.text, `<!-- é -->${text}`);
  assert.equal((await fetch(`${api}/demo/files/index.html`, { headers: tag })).status, 200);
  ann.socket.close();
});

test("what cannot be done is answered as JSON with its code", async (t) => {
  const { url } = await startServer(t);
  const api = `${url}/api/v1`;
  await post(`${api}/projects`, { id: "demo" });
  const rows = [
    ["GET", "/projects/none", "", 404, "no_project"],
    ["GET", "/projects/a%20b", "", 404, "no_project"],
    ["GET", "/projects/%2e%2e%2fx", "", 404, "no_file"],
    ["GET", "/projects/none/files/a.txt", "", 404, "no_project"],
    ["GET", "/projects/demo/files/a.txt", "", 404, "no_file"],
    ["GET", "/projects/demo/files/a%5Cb", "", 400, "bad_path"],
    ["GET", "/projects/demo/files/", "", 400, "bad_path"],
    ["GET", "/projects/demo/else", "", 404, "no_file"],
    ["GET", "/nothing", "", 404, "no_file"],
    ["GET", "/projects", "", 405, "bad_message"],
    ["DELETE", "/projects/demo", "", 405, "bad_message"],
    ["PUT", "/templates", "x", 405, "bad_message"],
    ["POST", "/projects", "not json", 400, "bad_json"],
    ["POST", "/projects", "[]", 400, "bad_message"],
    ["POST", "/projects", "{}", 400, "bad_message"],
    ["POST", "/projects", '{"id":"a/b"}', 400, "bad_message"],
    ["POST", "/projects", '{"id":"a","id":"b"}', 400, "bad_json"],
    ["POST", "/projects", '{"id":7}', 400, "bad_message"],
    ["POST", "/projects", '{"id":"x","name":"a\\u0007"}', 400, "bad_text"],
    ["POST", "/projects", `{"id":"x","name":"${"n".repeat(65)}"}`, 413, "too_big"],
    ["POST", "/projects", '{"id":"x","template":"none"}', 404, "no_file"],
  ];
  for (const [method, address, body, status, code] of rows) {
    const answer = await fetch(api + address, { method, body: body || undefined });
    assert.equal(answer.status, status, `${method} ${address} ${body}`);
    assert.equal((await answer.json()).error.code, code, `${method} ${address} ${body}`);
  }
});

test("SIGTERM says goodbye, saves and exits with 0; a second one does not wait", async (t) => {
  const server = await startServer(t, { env: { WEFT_DRAIN_IN_MS: "300" } });
  const ann = await Raw.join(server.ws, { project: "demo", template: "vanilla" });
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGPIPE"]) process.kill(server.pid, signal);
  const stopped = server.stop();
  assert.equal((await ann.next("drain")).in, 300);
  assert.deepEqual(await stopped, { code: 0, signal: null });
  await until(() => ann.closed, "the close");
  assert.equal(ann.closed?.code, 1012);
  assert.match(server.log, /SIGHUP is ignored/);

  server.options.env = { WEFT_DRAIN_IN_MS: "600000" };
  await server.start();
  const bob = await Raw.join(server.ws, { project: "demo" });
  const ended = once(server.process, "exit");
  process.kill(server.pid, "SIGTERM");
  await bob.next("drain");
  process.kill(server.pid, "SIGINT");
  assert.deepEqual(await within(ended, "the exit"), [0, null]);
});

/** Runs weftd to its end. @param {string[]} args @param {object} [options] */
async function run(args, options = {}) {
  const child = spawn(WEFTD, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  let out = "";
  let log = "";
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (log += data));
  const [code] = await within(once(child, "close"), `weftd ${args.join(" ")}`);
  return { code, out, log };
}

test("what keeps it from starting is one clear line", async (t) => {
  const server = await startServer(t);
  const config = path.join(server.folder, "bad.json");
  await writeFile(config, '{"prot": 1}');
  const other = ["--data", path.join(server.folder, "other")];
  // A program of another test that was killed may have left the counters of libmongoc under the number of this one.
  const quiet = { MONGOC_DISABLE_SHM: "1" };
  const env = (more) => ({ env: { ...process.env, ...quiet, ...more }, cwd: server.folder });
  const rows = [
    [["--port", String(server.port), ...other], {}, 1, /Address already in use/],
    [["--port", "0", "--data", server.data], {}, 1, /in use by process/],
    [["--port", "0", "--data", "/dev/null/x"], {}, 1, /cannot make the data folder/],
    [["--host", "nowhere", ...other], {}, 1, /nowhere is not an address/],
    [["--config", config], {}, 2, /there is no setting prot/],
    [["--config", path.join(server.folder, "none")], {}, 2, /No such file/],
    [["--check-config", "--port", "99999"], {}, 2, /port is a whole number/],
    [["wrker"], {}, 2, /no flag or command wrker/],
    [["worker"], { REDIS_URL: "" }, 2, /a worker needs REDIS_URL/],
    [[], { REDIS_URL: "redis://:x" }, 2, /redis\.url: /],
  ];
  for (const [args, variables, code, line] of rows) {
    const end = await run(args, env(variables));
    assert.equal(end.code, code, args.join(" "));
    assert.equal(end.out, "");
    assert.match(end.log, line);
    assert.equal(end.log.trim().split("\n").length, 1, end.log);
  }
  assert.equal((await run(["--check-config"], env({}))).code, 0);
  assert.match((await run(["--version"], env({}))).out, /^weftd \d+\.\d+\.\d+\n$/);
  assert.match((await run(["--help"], env({}))).out, /limits\.rate\.bytes +bytes a second/);
});

test("out of descriptors it waits, without spinning, and goes on", async (t) => {
  const server = await startServer(t, { wrap: ["prlimit", "--nofile=64"] });
  const ann = await Raw.join(server.ws, { project: "demo", template: "blank" });
  const idle = Array.from({ length: 100 }, () => net.connect(server.port, "127.0.0.1"));
  for (const socket of idle) socket.on("error", () => {});
  await until(() => server.log.includes("no descriptor"), "the listener to pause");
  const before = process.hrtime.bigint();
  ann.send({ t: "ping", ts: 1 });
  await ann.next("pong");
  for (const socket of idle) socket.destroy();
  const bob = await Raw.join(server.ws, { project: "demo" });
  bob.send({ t: "ping", ts: 2 });
  await bob.next("pong");
  const seconds = Number(process.hrtime.bigint() - before) / 1e9;
  const pauses = server.log.split("no descriptor").length - 1;
  assert.ok(pauses <= 10 + 5 * seconds, `${pauses} pauses in ${seconds} s`);
});

test("half a request is cut, and holds nobody else up", async (t) => {
  const server = await startServer(t);
  const halves = Array.from({ length: 200 }, () => net.connect(server.port, "127.0.0.1"));
  let ended = 0;
  for (const socket of halves) {
    socket.on("error", () => {});
    socket.on("close", () => ended++);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
  }
  const ann = await Raw.join(server.ws, { project: "demo", template: "blank" });
  ann.send({ t: "ping", ts: 1 });
  await ann.next("pong");
  await until(
    () => ended === 200,
    () => `the end of ${200 - ended} half requests`,
    60_000,
  );
});

test("a server that is killed leaves nothing in shared memory", async (t) => {
  const server = await startServer(t);
  const left = `/dev/shm/mongoc-${server.pid}`;
  await server.kill();
  assert.equal(existsSync(left), false);
});
