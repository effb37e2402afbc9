/**
 * weftd with REDIS_URL, as who operates it sees it: what keeps it from starting, health, metrics, the log, the end; and
 * that two of them are one server to those who use it.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { Raw } from "./lib/raw.mjs";
import { NO_REDIS, startRedis } from "./lib/redis.mjs";
import { startServer, WEFTD } from "./lib/server.mjs";
import { until, within } from "./lib/wait.mjs";

const skip = NO_REDIS;
const PAGE = new URL("../../docs/redis.md", import.meta.url);

/** @param {any} t @param {import("./lib/redis.mjs").Redis} redis @param {Record<string, string>} [env] */
const startOver = (t, redis, env = {}) =>
  startServer(t, { env: { REDIS_URL: redis.url, WEFT_DRAIN_IN_MS: "300", ...env } });

/** @param {{url: string}} server @returns {Promise<string>} */
const ready = async ({ url }) => (await fetch(`${url}/readyz`)).text();

/** @param {{url: string}} server @param {string} name with its label, where it has one */
async function metric({ url }, name) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((row) => row.startsWith(`weft_${name} `));
  assert.ok(line, `there is no metric ${name}:\n${text}`);
  return Number(line.split(" ").pop());
}

test("two servers over one Redis are one server", { skip }, async (t) => {
  const redis = await startRedis(t);
  const [a, b] = await Promise.all([startOver(t, redis), startOver(t, redis)]);
  const ann = await Raw.join(a.ws, { project: "demo", template: "blank", name: "Ann" });
  const bob = await Raw.join(b.ws, { project: "demo", name: "Bob" });
  assert.equal(ann.me.store, "redis");
  assert.notEqual(ann.me.inst, bob.me.inst);
  assert.deepEqual(
    bob.me.peers.map((peer) => peer.name),
    ["Ann"],
  );
  ann.send({ t: "create", path: "main.c", text: "hello world", q: 1 });
  const { f } = await ann.next("ok");
  assert.equal((await bob.next("fs")).path, "main.c");
  for (const client of [ann, bob]) {
    client.send({ t: "open", f });
    assert.equal((await client.next("file")).text, "hello world");
  }
  ann.send({ t: "edit", f, at: 5, del: 0, ins: ", big" });
  assert.deepEqual((await bob.next("edit")).c, [5, [0, ", big"], 6]);
  bob.send({ t: "edit", f, v: 1, n: 1, c: [[1, "J"], 15] });
  assert.equal((await bob.next("ack")).v, 2);
  assert.equal((await ann.next((m) => m.t === "edit" && m.v === 2)).by, bob.me.cid);

  assert.ok((await metric(a, "redis_calls_total")) > 0);
  const api = `${b.url}/api/v1/projects/demo`;
  assert.equal(await (await fetch(`${api}/files/main.c`)).text(), "Jello, big world");
  const { sessions, files } = await (await fetch(api)).json();
  assert.equal(sessions, 2);
  assert.deepEqual([files[0].v, files[0].s], [2, 0], "nothing is saved where nothing can be");
  assert.equal(await redis.cli("HGET", "weft:{demo}:file:1", "path"), "main.c");
  assert.ok(!existsSync(a.data) && !existsSync(b.data), "no data folder is made");

  // Whoever comes back to another server is known there.
  ann.terminate();
  const back = await Raw.join(b.ws, { project: "demo", resume: ann.me.resume, k: 2 });
  assert.equal(back.me.cid, ann.me.cid);
});

test("the log says where everything is kept, and no password", { skip }, async (t) => {
  const redis = await startRedis(t, {
    args: ["--requirepass", "open sesame"],
    login: ["-a", "open sesame", "--no-auth-warning"],
  });
  const url = redis.url.replace("//", "//:open%20sesame@");
  const server = await startOver(t, redis, { REDIS_URL: url });
  assert.match(server.log, /msg="what Redis keeps" durability=power-cut/);
  assert.match(server.log, /msg="Redis is the store, .* nothing is unloaded/);
  assert.ok(server.log.includes(`redis=${redis.url}`));
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.doesNotMatch(server.log, /sesame/);
});

test("a user of Redis needs no more than docs/redis.md says", { skip }, async (t) => {
  const [, rules] = /needs no more than `([^`]+)`/.exec(await readFile(PAGE, "utf8")) ?? [];
  const redis = await startRedis(t);
  await redis.cli("ACL", "SETUSER", "weft", "on", ">secret", ...rules.split(" "));
  const server = await startOver(t, redis, {
    REDIS_URL: redis.url.replace("//", "//weft:secret@"),
  });
  const ann = await Raw.join(server.ws, { project: "demo", template: "vanilla" });
  const { f } = ann.me.files[0];
  ann.send({ t: "open", f });
  await ann.next("file");
  ann.send({ t: "edit", f, at: 0, ins: "x" });
  await ann.next("ack");
  await until(async () => (await ready(server)) === "ready\n", "it to be ready");
  assert.deepEqual(await redis.cli("ACL", "LOG"), [], "nothing was refused");
});

test("every key is explained in docs/redis.md", { skip }, async (t) => {
  const page = await readFile(PAGE, "utf8");
  const redis = await startRedis(t);
  const server = await startOver(t, redis);
  const ann = await Raw.join(server.ws, { project: "demo", template: "vanilla", name: "Ann" });
  const { f } = ann.me.files[0];
  ann.send({ t: "open", f });
  await ann.next("file");
  ann.send({ t: "edit", f, at: 0, ins: "x" });
  await ann.next("ack");
  ann.send({ t: "create", path: "new.txt", text: "", q: 1 });
  await ann.next("ok");
  const keys = await redis.cli("KEYS", "*");
  assert.ok(keys.includes(`weft:{demo}:log:${f}`), keys.join(" "));
  for (const key of keys) {
    const form = key.replace("{demo}", "{p}").replace(/:\d+$/, ":<id>");
    assert.ok(page.includes(`\`${form}\``), `docs/redis.md does not explain ${form}`);
    if ((await redis.cli("TYPE", key)) !== "hash" || !/:(meta|file:\d+)$/.test(key)) continue;
    const row = page.split("\n").find((line) => line.includes(`| \`${form}\` |`)) ?? "";
    for (const field of Object.keys(await redis.cli("HGETALL", key)))
      assert.match(row, new RegExp(`\\b${field}\\b`), `${form} has a field ${field}`);
  }
});

/** Runs weftd to its end. @param {Record<string, string>} env */
async function run(env) {
  const child = spawn(WEFTD, ["--port", "0"], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let log = "";
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (log += data));
  const [code] = await within(once(child, "close"), "the end of weftd");
  return { code, out, log };
}

test("what keeps it from starting with Redis is one clear line", { skip }, async (t) => {
  const redis = await startRedis(t, { keeps: "everysec" });
  const closed = await startRedis(t, { args: ["--requirepass", "x"], login: ["-a", "x"] });
  const other = await startRedis(t);
  await other.cli("SET", "weft:protocol", "0");
  const gone = await startRedis(t);
  await gone.kill();
  await startOver(t, redis, { WEFT_INSTANCE: "one" });
  /** @type {[Record<string, string>, number, RegExp][]} */
  const rows = [
    [{ REDIS_URL: "http://h" }, 2, /redis\.url/],
    [{ REDIS_URL: gone.url }, 1, /127\.0\.0\.1:\d+.*refused/],
    [{ REDIS_URL: closed.url }, 1, /NOAUTH|password/],
    [{ REDIS_URL: redis.url, WEFT_INSTANCE: "one" }, 1, /another .*one/],
    [
      { REDIS_URL: redis.url, WEFT_DURABILITY_REQUIRE: "power-cut" },
      1,
      /require is power-cut, and Redis promises restart/,
    ],
    [{ REDIS_URL: other.url }, 1, /weft:protocol in Redis is 0/],
    [{ REDIS_URL: redis.url, MONGODB_URI: "http://h" }, 1, /MONGODB_URI/],
  ];
  await Promise.all(
    rows.map(async ([env, code, line]) => {
      const end = await run(env);
      assert.match(end.log, line);
      assert.equal(end.code, code, end.log);
      assert.equal(end.out, "");
      const errors = end.log.split("\n").filter((row) => row.includes("level=error"));
      assert.equal(errors.length, 1, end.log);
    }),
  );
});

test("it can be stopped while it waits for Redis", { skip }, async (t) => {
  const redis = await startRedis(t);
  redis.pause();
  const child = spawn(WEFTD, ["--port", "0"], {
    env: { ...process.env, REDIS_URL: redis.url, WEFT_REDIS_TIMEOUT_MS: "100" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit");
  let log = "";
  child.stderr.on("data", (data) => (log += data));
  await until(() => log.includes("redis is away"), "it to wait");
  child.kill("SIGTERM");
  assert.deepEqual(await within(exited, "the end", 5000), [0, null]);
});

test("a stop does not wait for a Redis that is away", { skip }, async (t) => {
  const redis = await startRedis(t);
  const server = await startOver(t, redis);
  const ann = await Raw.join(server.ws, { project: "demo", template: "vanilla" });
  const { f } = ann.me.files[0];
  ann.send({ t: "open", f });
  await ann.next("file");
  await redis.kill();
  ann.send({ t: "edit", f, at: 0, ins: "not acknowledged" });
  await ann.next("degraded");
  assert.deepEqual(await within(server.stop(), "the end", 9000), { code: 0, signal: null });
});

test("/readyz and /metrics say how Redis is", { skip }, async (t) => {
  const redis = await startRedis(t, { keeps: "everysec" });
  const server = await startOver(t, redis, { WEFT_REDIS_TIMEOUT_MS: "500" });
  await until(async () => (await ready(server)) === "ready\n", "it to be ready");
  assert.equal(await metric(server, "redis_up"), 1);
  assert.equal(await metric(server, "redis_heard"), 1);
  assert.equal(await metric(server, 'redis_durability{promise="restart"}'), 1);
  assert.equal(await metric(server, 'redis_durability{promise="power-cut"}'), 0);

  redis.pause();
  await until(async () => (await ready(server)) !== "ready\n", "Redis to be missed");
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  await until(async () => (await metric(server, "redis_timeouts_total")) > 0, "a timeout");
  redis.resume();
  await until(async () => (await ready(server)) === "ready\n", "Redis to be back");

  await redis.kill();
  await until(async () => (await ready(server)) === "Redis does not answer\n", "Redis to be gone");
  assert.equal(await metric(server, "redis_up"), 0);
  assert.equal(await metric(server, 'redis_durability{promise="restart"}'), 0);
  redis.options.keeps = "nothing";
  await redis.start();
  await until(async () => (await ready(server)) === "ready\n", "the new Redis");
  assert.equal(await metric(server, 'redis_durability{promise="none"}'), 1);
  assert.ok((await metric(server, "redis_reconnects_total")) >= 2);

  const before = await metric(server, "redis_reconnects_total");
  await redis.cli("CLIENT", "KILL", "TYPE", "pubsub");
  const anew = async () => (await metric(server, "redis_reconnects_total")) > before;
  await until(anew, "the subscriptions to be made anew");
  await until(async () => (await ready(server)) === "ready\n", "them to be heard");
});

test("SIGTERM sends everybody elsewhere, and gives the name back", { skip }, async (t) => {
  const redis = await startRedis(t);
  const a = await startOver(t, redis, { WEFT_INSTANCE: "one" });
  const b = await startOver(t, redis);
  const ann = await Raw.join(a.ws, { project: "demo", template: "blank", name: "Ann" });
  ann.send({ t: "create", path: "a.txt", text: "kept", q: 1 });
  await ann.next("ok");
  const stopped = a.stop();
  await ann.next("drain");
  assert.equal((await ann.end())?.code, 1012);
  assert.deepEqual(await stopped, { code: 0, signal: null });
  const there = await Raw.join(b.ws, { project: "demo", resume: ann.me.resume, k: 2 });
  assert.equal(there.me.cid, ann.me.cid);
  assert.equal(there.me.files[0].path, "a.txt");
  await a.start();
  const back = await Raw.join(a.ws, { project: "demo", name: "Bob" });
  assert.equal(back.me.inst, "one");
});
