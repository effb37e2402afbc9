/** The life of a project that lives in Redis while it is open, and in MongoDB always. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startCluster } from "./lib/cluster.mjs";
import { NO_MONGO, startMongo } from "./lib/mongo.mjs";
import { Raw } from "./lib/raw.mjs";
import { NO_REDIS, startRedis } from "./lib/redis.mjs";
import { Typist } from "./lib/typist.mjs";
import { until } from "./lib/wait.mjs";
import { SCALE, startWorld } from "./lib/world.mjs";

const skip = NO_REDIS || NO_MONGO;

/** @param {any} t @param {number} instances */
async function startAll(t, instances) {
  const [redis, mongo] = await Promise.all([startRedis(t, { keeps: "always" }), startMongo(t)]);
  const cluster = await startCluster(t, {
    urls: Array(instances).fill(redis.url),
    random: Math.random,
    config: { save: { after_ms: 200 } },
    env: { MONGODB_URI: mongo.uri },
  });
  return { redis, mongo, cluster, files: mongo.db.collection("files"), db: mongo.db };
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

/** Everybody types on every file, until so much is acknowledged of each. @param {Typist[]} typists @param {number} most */
async function typeAll(typists, most) {
  const isDone = () =>
    typists.every(({ v, pending, open }) => open && !pending && v >= most) &&
    new Set(typists.map(({ v, f }) => `${f} ${v}`)).size ===
      new Set(typists.map(({ f }) => f)).size;
  await until(() => {
    for (const typist of typists) {
      assert.deepEqual(typist.faults, []);
      if (typist.open && !typist.pending && typist.v < most) typist.type();
    }
    return isDone();
  }, "everybody to have typed and to see the same");
}

test("the life of a project, as people see it", { skip }, async (t) => {
  const { redis, cluster, files, db } = await startAll(t, 2);
  const [one, two] = cluster.instances;
  const made = await fetch(`${one.url}/api/v1/projects`, {
    method: "POST",
    body: JSON.stringify({ id: "demo", template: "vanilla", name: "A demo" }),
  });
  assert.equal(made.status, 201);
  const look = async () => (await fetch(`${two.url}/api/v1/projects/demo`)).json();
  const { ep, files: tree } = await look();
  assert.ok(tree.length >= 3);

  // Three people on two instances have every file open and type at once.
  const places = [one.ws, two.ws, one.ws];
  const typists = tree.flatMap(({ path }) =>
    places.map(
      (url, id) => new Typist({ url: () => url, project: "demo", path, id, random: Math.random }),
    ),
  );
  t.after(() => typists.forEach((typist) => typist.stop()));
  await until(() => typists.every(({ open }) => open), "everybody to have everything open");
  await typeAll(typists, 30);
  const shown = new Map(typists.map(({ options, doc, f, v }) => [options.path, { f, v, doc }]));
  for (const { options, doc } of typists)
    assert.equal(doc.toString(), shown.get(options.path)?.doc.toString());
  for (const typist of typists) typist.stop();

  // All have left: nothing is in Redis, and MongoDB has every byte that they saw.
  await until(async () => (await keys(redis)).length === 0, "the keys to go from Redis");
  const stored = await files.find({ project: "demo" }).toArray();
  assert.deepEqual(stored.map(({ path }) => path).sort(), [...shown.keys()].sort());
  for (const { path, file, text, size, version } of stored) {
    const seen = shown.get(path);
    assert.deepEqual([Number(file), Number(version)], [seen?.f, seen?.v], path);
    assert.ok(Buffer.from(text).equals(Buffer.from(seen?.doc.toString() ?? "")), path);
    assert.equal(Number(size), Buffer.byteLength(text));
  }
  const atRest = async () => db.collection("projects").findOne({ live: { $exists: false } });
  const project = await until(atRest, "the project to be at rest");
  assert.equal(project.name, "A demo");
  assert.ok(project.last_sync_timestamp instanceof Date);

  // Who comes again goes on at the same versions, under the same epoch.
  const again = await Raw.join(two.ws, { project: "demo" });
  assert.equal(again.me.ep, ep);
  for (const [path, { f, v }] of shown) {
    again.send({ t: "open", f, v, ep });
    const isAnswer = (/** @type {any} */ m) => m.f === f && (m.t === "synced" || m.t === "file");
    const { t: kind, v: now } = await again.next(isAnswer);
    assert.deepEqual([kind, now], ["synced", v], path);
    again.send({ t: "edit", f, at: 0, del: 0, ins: "again " });
    assert.equal((await again.next("ack")).v, v + 1);
  }
  again.close();
  await until(async () => (await keys(redis)).length === 0, "the keys to go again");
  for (const { path, text, version } of await files.find({ project: "demo" }).toArray()) {
    const seen = shown.get(path);
    assert.deepEqual([text, Number(version)], [`again ${seen?.doc}`, (seen?.v ?? 0) + 1]);
  }
});

test("line endings are those of the file, in MongoDB too", { skip }, async (t) => {
  const { redis, cluster, files } = await startAll(t, 1);
  await cluster.makeFile("demo", "a.txt", "base\r\n");
  const { raw } = await type(cluster.instances[0].ws, "word\n");
  raw.close();
  await until(async () => (await keys(redis)).length === 0, "the keys to go from Redis");
  assert.equal((await files.findOne({ path: "a.txt" }))?.text, "base\r\nword\r\n");
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

test("MongoDB is killed and restarted under typing", { skip }, async (t) => {
  const world = await startWorld(t, {
    saved: true,
    config: { save: { after_ms: 50, retry_ms: 50 } },
  });
  const { mongo, typists } = world;
  const saves = () => world.stores.reduce((sum, store) => sum + store.saves.length, 0);
  for (let cycle = 0; cycle < 4 * SCALE; cycle++) {
    const before = saves();
    await world.type(() => saves() > before + 2);
    await mongo.kill();
    await world.type(50);
    await mongo.start();
    const behind = typists[0].v;
    await world.type(async () => Number((await world.stored())?.version) >= behind);
  }
  await world.judge();
});
