/** The life of a project that lives in Redis while it is open, and in MongoDB always. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MongoClient } from "mongodb";
import { startCluster } from "./lib/cluster.mjs";
import { NO_MONGO, startMongo } from "./lib/mongo.mjs";
import { Raw } from "./lib/raw.mjs";
import { NO_REDIS, startRedis } from "./lib/redis.mjs";
import { until } from "./lib/wait.mjs";

const skip = NO_REDIS || NO_MONGO;

/** @param {any} t @param {number} instances */
async function startAll(t, instances) {
  const [redis, mongo] = await Promise.all([startRedis(t, { keeps: "always" }), startMongo(t)]);
  const reader = new MongoClient(mongo.uri, { serverSelectionTimeoutMS: 2000 });
  t.after(() => reader.close());
  const cluster = await startCluster(t, {
    urls: Array(instances).fill(redis.url),
    random: Math.random,
    config: { save: { after_ms: 200 } },
    env: { MONGODB_URI: mongo.uri },
  });
  return { redis, mongo, cluster, files: reader.db().collection("files"), db: reader.db() };
}

/** Keys of the project in Redis. @param {any} redis */
const keys = (redis) => redis.cli("KEYS", "weft:{demo}:*");

/** Joins, opens the file, and types at its end. @param {string} url @param {string} word */
async function type(url, word) {
  const raw = await Raw.join(url, { project: "demo", template: "blank" });
  raw.send({ t: "open", path: "a.txt" });
  const file = await raw.next("file");
  raw.send({ t: "edit", f: file.f, at: file.len, del: 0, ins: word });
  const ack = await raw.next("ack");
  return { raw, file, ack };
}

test("the life of a project", { skip }, async (t) => {
  const { redis, cluster, files, db } = await startAll(t, 2);
  const [one, two] = cluster.instances;
  await cluster.makeFile("demo", "a.txt", "base\r\n");
  const typists = [];
  for (const [i, url] of [one.ws, two.ws, one.ws].entries())
    typists.push((await type(url, `word ${i}\n`)).raw);
  const reader = await Raw.join(two.ws, { project: "demo" });
  reader.send({ t: "open", path: "a.txt" });
  const seen = await reader.next("file");
  assert.deepEqual(seen.text.split("\n").sort(), ["", "base", "word 0", "word 1", "word 2"]);
  await reader.next((/** @type {any} */ m) => m.t === "saved" && m.files[0][1] === seen.v);
  for (const raw of [...typists, reader]) raw.close();

  await until(async () => (await keys(redis)).length === 0, "the keys to go from Redis");
  const stored = await files.findOne({ project: "demo", path: "a.txt" });
  assert.equal(stored?.text, seen.text.replaceAll("\n", "\r\n"));
  assert.equal(stored?.version, seen.v);
  await until(
    async () => !("live" in ((await db.collection("projects").findOne({})) ?? { live: 1 })),
    "the project to be at rest in MongoDB",
  );

  const again = await Raw.join(one.ws, { project: "demo" });
  assert.equal(again.me.ep, reader.me.ep);
  again.send({ t: "open", f: seen.f, v: seen.v, ep: reader.me.ep });
  const synced = await again.next((/** @type {any} */ m) => m.t === "synced" || m.t === "file");
  assert.equal(synced.t, "synced");
  assert.equal(synced.v, seen.v);
  again.close();
});

test("a project that was killed with its server is saved by another", { skip }, async (t) => {
  const { redis, cluster, files } = await startAll(t, 2);
  const [one] = cluster.instances;
  await cluster.makeFile("demo", "a.txt", "");
  const { ack } = await type(one.ws, "the last word");
  await one.kill();
  await until(
    async () => (await files.findOne({ path: "a.txt" }))?.text === "the last word",
    "the other one to save it",
  );
  assert.equal((await files.findOne({ path: "a.txt" }))?.version, ack.v);
  await until(async () => (await keys(redis)).length === 0, "the keys to go from Redis");
});

test("edits go on while MongoDB is away, and are saved when it is back", { skip }, async (t) => {
  const { mongo, cluster, files } = await startAll(t, 1);
  const [one] = cluster.instances;
  await cluster.makeFile("demo", "a.txt", "");
  const { raw } = await type(one.ws, "before ");
  await until(async () => (await files.findOne({ path: "a.txt" }))?.text === "before ", "a save");
  await mongo.kill();
  for (let i = 0; i < 50; i++) {
    raw.send({ t: "edit", f: 1, at: 7, del: 0, ins: "x" });
    await raw.next("ack");
  }
  await mongo.start();
  await until(
    async () => (await files.findOne({ path: "a.txt" }))?.text === `before ${"x".repeat(50)}`,
    "MongoDB to catch up",
  );
  raw.close();
});
