/** `weftd doctor`, before real servers in good and in bad health: what it finds, what it says to do, and how it exits. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { NO_MONGO, startMongo } from "./lib/mongo.mjs";
import { NO_REDIS, startRedis } from "./lib/redis.mjs";
import { startServer, WEFTD } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

/**
 * @typedef {{finding: "ok" | "warn" | "bad", about: string, words: string}} Finding
 * @param {any} t @param {Record<string, string>} env @param {string[]} words
 */
async function runDoctor(t, env, words = []) {
  const folder = await mkdtemp(path.join(tmpdir(), "weft-doctor-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const child = spawn(WEFTD, ["doctor", ...words], {
    cwd: folder,
    env: { ...process.env, WEFT_DATA: path.join(folder, "data"), WEFT_PORT: "0", ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let out = "";
  child.stdout.on("data", (data) => (out += data));
  const [code] = await once(child, "close");
  return { out, code, folder };
}

/** @param {any} t @param {Record<string, string>} env */
async function examine(t, env) {
  const { out, code } = await runDoctor(t, env, ["--json"]);
  /** @type {Finding[]} */
  const findings = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const of = (/** @type {string} */ about) =>
    findings.filter((it) => it.about === about).map(({ finding, words }) => `${finding}: ${words}`);
  assert.equal(code, findings.some(({ finding }) => finding === "bad") ? 1 : 0, out);
  return { out, code, of };
}

test("with nothing set, the data folder is looked at, and not made", async (t) => {
  const { out, code } = await runDoctor(t, {});
  assert.equal(code, 0, out);
  assert.match(out, /^ok {4}settings +they can be read$/m);
  assert.match(out, /^ok {4}data\.folder +\S+\/data can be written, with \d+ MiB of room$/m);
  assert.match(out, /^ok {4}machine\.port +127\.0\.0\.1:0 is free$/m);
});

test("wrong settings, and a folder that cannot be, are bad", async (t) => {
  const wrong = await examine(t, { WEFT_SAVE_AFTER_MS: "soon" });
  assert.match(wrong.of("settings")[0], /^bad: WEFT_SAVE_AFTER_MS: .* not soon$/);
  const folder = await examine(t, { WEFT_DATA: "/proc/weft/data" });
  assert.match(folder.of("data.folder")[0], /^bad: \/proc\/weft cannot be written/);
});

test("a port that somebody listens on is said", async (t) => {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = /** @type {net.AddressInfo} */ (server.address());
  const { of, code } = await examine(t, { WEFT_PORT: String(address.port) });
  assert.match(of("machine.port")[0], /^warn: somebody listens on 127\.0\.0\.1:\d+ already/);
  assert.equal(code, 0);
});

test("a healthy Redis, and one for each setting that is not", { skip: NO_REDIS }, async (t) => {
  const redis = await startRedis(t, { keeps: "always" });
  const good = await examine(t, { REDIS_URL: redis.url });
  assert.equal(good.code, 0, good.out);
  for (const about of ["reach", "version", "promise", "script", "clock", "pubsub", "latency"])
    assert.match(good.of(`redis.${about}`).join(), /^ok: /, good.out);
  assert.match(good.of("redis.promise")[0], /the promise is: power-cut$/);
  assert.match(
    good.of("redis.latency")[0],
    /^ok: 100 PINGs took \d+\.\d+ ms \(p50\) and \d+\.\d+ ms/,
  );
  assert.match(good.of("mongodb")[0], /^warn: there is no MONGODB_URI/);
  assert.deepEqual(await redis.cli("KEYS", "*"), []);

  await redis.cli("CONFIG", "SET", "appendfsync", "everysec");
  const second = await examine(t, { REDIS_URL: redis.url });
  assert.match(second.of("redis.promise")[0], /^warn: .*the promise is: restart; for more/);
  await redis.cli("CONFIG", "SET", "appendonly", "no");
  const require = { WEFT_DURABILITY_REQUIRE: "restart" };
  const none = await examine(t, { REDIS_URL: redis.url, ...require });
  assert.match(none.of("redis.promise")[0], /^bad: .*asks for restart; set appendonly yes/);
  await redis.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
  const evicting = await examine(t, { REDIS_URL: redis.url });
  assert.match(evicting.of("redis.promise")[0], /^bad: .*set maxmemory-policy noeviction$/);
});

test(
  "a Redis that lets nobody in, one that allows too little, one that is a replica",
  { skip: NO_REDIS },
  async (t) => {
    const redis = await startRedis(t, {
      args: ["--requirepass", "right"],
      login: ["-a", "right", "--no-auth-warning"],
    });
    const at = (/** @type {string} */ who) => redis.url.replace("//", `//${who}@`);
    const wrong = await examine(t, { REDIS_URL: at(":hush-hush") });
    assert.match(wrong.of("redis.reach")[0], /^bad: .*WRONGPASS.*check REDIS_URL/, wrong.out);
    assert.doesNotMatch(wrong.out, /hush/);
    const right = await examine(t, { REDIS_URL: at(":right") });
    assert.match(right.of("redis.reach")[0], /^ok/, right.out);
    assert.doesNotMatch(right.out, /:right/);

    await redis.cli("ACL", "SETUSER", "weak", "on", ">weak", "~*", "+@all", "-eval", "&none");
    const weak = await examine(t, { REDIS_URL: at("weak:weak") });
    assert.match(weak.of("redis.script")[0], /^bad: .*NOPERM.*let this user run EVAL/, weak.out);
    assert.match(weak.of("redis.pubsub")[0], /^bad: .*SUBSCRIBE and PUBLISH/, weak.out);

    await redis.cli("REPLICAOF", "127.0.0.1", "1");
    const replica = await examine(t, { REDIS_URL: at(":right") });
    assert.match(replica.of("redis.reach")[0], /^bad: .*replica/, replica.out);
  },
);

test("nobody there", async (t) => {
  const { of, out } = await examine(t, {
    REDIS_URL: "redis://:hush@127.0.0.1:1",
    MONGODB_URI: "mongodb://ann:hush@127.0.0.1:1/weft",
  });
  assert.match(of("redis.reach")[0], /^bad: .*refused.*that Redis runs$/i);
  assert.match(of("mongodb.reach")[0], /^bad: .*refused.*that MongoDB runs$/i);
  assert.doesNotMatch(out, /hush/);
});

test(
  "MongoDB: before the first start, after it, and with a URI that cannot be read",
  { skip: NO_MONGO || NO_REDIS },
  async (t) => {
    const [redis, mongo] = await Promise.all([startRedis(t), startMongo(t)]);
    const env = { REDIS_URL: redis.url, MONGODB_URI: mongo.uri };
    const before = await examine(t, env);
    assert.equal(before.code, 0, before.out);
    for (const about of ["uri", "reach", "version", "write", "latency"])
      assert.match(before.of(`mongodb.${about}`)[0], /^ok: /, before.out);
    assert.match(before.of("mongodb.indexes")[0], /^warn: .*weftd makes it when it starts/);
    assert.deepEqual(await mongo.db.listCollections().toArray(), []);

    await startServer(t, { env });
    /** @type {string} */
    let indexes;
    await until(
      async () => (indexes = (await examine(t, env)).of("mongodb.indexes")[0]).startsWith("ok"),
      () => `the indexes, not ${indexes}`,
    );
    const alone = await examine(t, { MONGODB_URI: mongo.uri });
    assert.match(alone.of("mongodb")[0], /^ok: projects of the data folder are saved to it/);
    const wrong = await examine(t, { ...env, MONGODB_URI: "mongodb://ann:hu:sh@h:1:2/x" });
    assert.match(wrong.of("mongodb.uri")[0], /^bad: MONGODB_URI cannot be read/);
    assert.doesNotMatch(wrong.out, /hu:sh/);
  },
);
