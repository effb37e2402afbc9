/**
 * A world for faults: a Redis, instances over it, typists who move between them, and the judgement at the end: nothing
 * that was acknowledged is lost or doubled, everybody and everything has the same text.
 *
 *     const world = await startWorld(t, { instances: 3, typists: 6, proxied: true });
 *     await world.type(50);                 // until 50 edits more are acknowledged
 *     await world.instances[0].kill();
 *     await world.judge();
 */
import assert from "node:assert/strict";
import { startCluster } from "./cluster.mjs";
import { checkHistory } from "./history.mjs";
import { startFakeMongo } from "./fake_mongo.mjs";
import { startFakeRedis } from "./fake_redis.mjs";
import { startMongo } from "./mongo.mjs";
import { startIsland } from "./netns.mjs";
import { startProxy } from "./proxy.mjs";
import { SEED, generator } from "./random.mjs";
import { startRedis } from "./redis.mjs";
import { readRoom } from "./room.mjs";
import { LONG } from "./server.mjs";
import { Typist } from "./typist.mjs";
import { until } from "./wait.mjs";

/** How much of everything: 1 in each run, more with --long or WEFT_FAULT_SCALE=n. */
export const SCALE = Number(process.env.WEFT_FAULT_SCALE ?? (LONG ? 10 : 1));

const PATH = "main.c";

/**
 * @typedef {object} Options
 * @property {number} [instances] default 2
 * @property {number} [typists] default 4
 * @property {boolean} [proxied] a proxy stands between each instance and Redis
 * @property {boolean} [fakes] or a fake Redis
 * @property {boolean} [saved] to MongoDB; a fake one stands before it, for each instance
 * @property {string} [mongoQuery] options of its URI
 * @property {boolean} [islanded] instance 0 is on a network of its own
 * @property {string[]} [passing] errors after which typists try again
 * @property {boolean} [mayReset] history may be lost: another epoch is no fault
 * @property {import("./redis.mjs").Options} [redis]
 * @property {object} [config] of the instances
 * @property {Record<string, string>} [env]
 * @property {typeof Typist} [Typist] the kind of typist
 * @property {number} [seed]
 */

export class World {
  /** @param {import("node:test").TestContext} t @param {Options} options */
  constructor(t, options) {
    this.t = t;
    this.options = options;
    this.project = "demo";
    this.random = generator(options.seed ?? SEED);
    /** @type {import("./proxy.mjs").Proxy[]} */
    this.proxies = [];
    /** @type {import("./fake_redis.mjs").FakeRedis[]} */
    this.fakes = [];
    /** @type {import("./fake_mongo.mjs").FakeMongo[]} */
    this.stores = [];
    /** What MongoDB had of the file, in this epoch: version → text. @type {Map<number, string>} */
    this.shelf = new Map();
    /** @type {string[]} */
    this.storeFaults = [];
    /** @type {Typist[]} */
    this.typists = [];
  }

  /** The instances. */
  get instances() {
    return this.cluster.instances;
  }

  async start() {
    const { instances = 2, typists = 4, proxied, fakes, saved, islanded } = this.options;
    const { config, env } = this.options;
    const { t, random } = this;
    this.island = islanded ? await startIsland(t) : undefined;
    this.redis = await startRedis(t, { ...this.options.redis, also: this.island?.redis });
    const { port } = this.redis;
    for (let i = 0; i < instances && proxied; i++) this.proxies.push(await startProxy(t, port));
    for (let i = 0; i < instances && fakes; i++) this.fakes.push(await startFakeRedis(t, port));
    const at = (/** @type {number} */ i) => this.proxies[i] ?? this.fakes[i] ?? this.redis;
    const urls = Array.from({ length: instances }, (_, i) => at(i).url);
    if (this.island) urls[0] = `redis://${this.island.redis}:${port}`;
    if (saved) this.mongo = await startMongo(t);
    for (let i = 0; i < instances && saved; i++)
      this.stores.push(await startFakeMongo(t, this.mongo.port));
    const stores = saved
      ? this.stores.map(({ uri }) => `${uri}?${this.options.mongoQuery ?? ""}`)
      : undefined;
    const { island } = this;
    this.cluster = await startCluster(t, { urls, random, config, env, stores, island });
    await this.cluster.makeFile(this.project, PATH);
    if (saved) this.watchStore();
    this.t.after(() => this.typists.forEach((typist) => typist.stop()));
    for (let i = 0; i < typists; i++) this.addTypist();
    await this.allOpen();
    return this;
  }

  /** @param {import("./server.mjs").Server} [home] the only instance it goes to */
  addTypist(home) {
    const options = {
      home,
      project: this.project,
      path: PATH,
      id: this.typists.length,
      random: this.random,
      mayReset: this.options.mayReset,
      passing: this.options.passing,
      url: () => (options.home?.isRunning ? options.home.ws : this.cluster.url()),
    };
    const typist = new (this.options.Typist ?? Typist)(options);
    this.typists.push(typist);
    return typist;
  }

  /** Sends typists to one instance, for as long as it runs. @param {import("./server.mjs").Server} server @param {Typist[]} typists */
  async settleAt(server, typists) {
    for (const typist of typists) {
      typist.options.home = server;
      typist.cut();
    }
    await until(() => typists.every((typist) => !typist.open), "them to leave");
    await this.allOpen(typists);
  }

  get faults() {
    return this.typists.flatMap((typist) => typist.faults);
  }

  /** Edits acknowledged so far. */
  get acked() {
    return this.typists.reduce((sum, { acked, settled }) => sum + acked.size + settled.size, 0);
  }

  describe() {
    return this.typists
      .map((x) => `v${x.v}${x.open ? "" : " away"}${x.pending ? " pending" : ""}`)
      .join(", ");
  }

  /** @template T @param {() => T | Promise<T>} condition @param {string} what @param {number} [ms] */
  async until(condition, what, ms) {
    await until(
      async () => this.faults.length > 0 || (await condition()),
      () => `${what}: ${this.describe()}`,
      ms,
    );
    assert.deepEqual(this.faults, []);
  }

  allOpen(typists = this.typists) {
    return this.until(() => typists.every((typist) => typist.open), "everybody to have the file");
  }

  /** Some type something, whoever is there. */
  typeOnce() {
    for (const typist of this.typists) if (this.random() < 0.5) typist.type();
  }

  /**
   * Lets them type until so many edits more are acknowledged, or until something else has happened.
   * @param {number | (() => unknown)} goal @param {Typist[]} [typists]
   */
  async type(goal, typists = this.typists) {
    const most = typeof goal === "number" ? this.acked + goal : 0;
    const isDone = typeof goal === "number" ? () => this.acked >= most : goal;
    await this.until(async () => {
      const done = await isDone();
      if (!done)
        for (const typist of typists) if (!typist.buffer && this.random() < 0.5) typist.type();
      return done;
    }, "what is typed to be acknowledged");
  }

  /** Everything is acknowledged and everybody has the same version. */
  async settle() {
    await this.until(
      () =>
        this.typists.every((typist) => typist.open && !typist.pending) &&
        new Set(this.typists.map(({ v, ep }) => `${v} ${ep}`)).size === 1,
      "everything to be acknowledged everywhere",
    );
  }

  /**
   * Redis is started, and one instance finds it before the others do: it loads, and they come while it asks what they have.
   * @param {() => Promise<unknown>} start @param {number} loader
   */
  async restartFor(start, loader) {
    const others = this.proxies.filter((_, i) => i !== loader);
    for (const proxy of others) proxy.refusing = true;
    for (const proxy of this.proxies) {
      proxy.cut(); // what was held back never arrives
      proxy.flow();
    }
    const begin = this.instances[loader].log.length;
    await start();
    const loads = () => this.instances[loader].log.includes("load begins", begin);
    await this.until(loads, "the load to begin");
    for (const proxy of others) proxy.refusing = false;
  }

  /** The text, as an instance tells it by HTTP. @param {import("./server.mjs").Server} server */
  async readText(server) {
    const response = await fetch(`${server.url}/api/v1/projects/${this.project}/files/${PATH}`);
    assert.equal(response.status, 200);
    return response.text();
  }

  /** Everybody types, whatever is acknowledged, until the condition holds. @param {() => unknown} condition @param {string} what */
  async typeUntil(condition, what) {
    await this.until(() => {
      for (const typist of this.typists) if (!typist.buffer) typist.type();
      return condition();
    }, what);
  }

  /**
   * Something happens, once all is acknowledged, under which no edit may be: the log stands still, and so does everybody.
   * @param {() => Promise<unknown>} during
   */
  async standsStill(during) {
    const look = async () => (await readRoom(this.redis, this.project)).files[PATH].version;
    const begin = await look();
    await during();
    assert.equal(await look(), begin);
    for (const { v } of this.typists) assert.equal(v, begin);
  }

  /** A number of /metrics. @param {import("./server.mjs").Server} server @param {string} name */
  async metric(server, name) {
    const response = await fetch(`${server.url}/metrics`);
    const match = new RegExp(`^weft_${name} (\\S+)$`, "m").exec(await response.text());
    assert.ok(match, `weft_${name} is in /metrics`);
    return Number(match[1]);
  }

  /** The project's file in MongoDB. */
  stored(path = PATH) {
    return this.mongo.db.collection("files").findOne({ project: this.project, path });
  }

  /** Looks, as long as the test runs, that what is stored only goes forward. */
  async watchStore() {
    let last = { epoch: 0, rev: 0 };
    let isOver = false;
    this.t.after(() => void (isOver = true));
    while (!isOver) {
      const now = await this.stored().catch(() => null);
      if (now && (now.epoch < last.epoch || (now.epoch === last.epoch && now.rev < last.rev)))
        this.storeFaults.push(`${last.epoch}/${last.rev} was stored, then ${now.epoch}/${now.rev}`);
      if (now && now.epoch > last.epoch) this.shelf.clear();
      if (now) {
        last = /** @type {any} */ (now);
        this.shelf.set(now.version, now.text);
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  /** Until MongoDB has what everybody has. @param {number} [ms] */
  async isSaved(ms) {
    const [{ doc }] = this.typists;
    const isThere = async () => (await this.stored())?.text === doc.toString();
    await this.until(isThere, "it to be saved to MongoDB", ms);
  }

  /** What a test must not leave: a fault by the history checker, a text that differs, a broken invariant in Redis. */
  async judge() {
    await this.settle();
    if (this.mongo) await this.isSaved();
    const room = await readRoom(this.redis, this.project);
    const { log, text, version } = room.files[PATH];
    const { ep } = this.typists[0];
    assert.deepEqual(room.faults, []);
    assert.deepEqual([room.epoch, version], [ep, this.typists[0].v]);
    /** @type {Record<string, string>} */
    const texts = { Redis: text };
    for (const [i, server] of this.instances.entries())
      if (server.isRunning) texts[`instance ${i}`] = await this.readText(server);
    for (const { options, doc } of this.typists) texts[`typist ${options.id}`] = doc.toString();
    const first = earliest(this.typists, (log[0]?.v ?? version + 1) - 1);
    const history = checkHistory({ typists: this.typists, log, first, texts, stored: this.shelf });
    assert.deepEqual([...history.faults, ...this.storeFaults], []);
    this.note(
      `${log.length} versions in ${ep}, ${history.tokens} tokens sent, ${history.acked} acknowledged`,
    );
    return history;
  }

  /** @param {string} text */
  note(text) {
    this.t.diagnostic(`${this.t.name}: ${text}`);
  }
}

/** The oldest text of the present epoch that a typist knows, of a version not below v. @param {Typist[]} typists @param {number} least */
function earliest(typists, least) {
  const known = typists.flatMap(({ snapshot, seen }) => [
    snapshot,
    ...[...seen].map(([v, text]) => ({ v, text })),
  ]);
  return known.filter(({ v }) => v >= least).reduce((a, b) => (a.v <= b.v ? a : b));
}

/** @param {import("node:test").TestContext} t @param {Options} [options] */
export async function startWorld(t, options = {}) {
  const world = new World(t, options);
  return world.start();
}
