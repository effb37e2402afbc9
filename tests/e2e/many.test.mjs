/**
 * One room on three instances, six clients of three kinds (the SDK, stock @codemirror/collab, and one that knows nothing
 * but to send letters), random schedules; instances are killed, wires cut, messages between instances late, doubled and lost,
 * their subscriptions killed, logs trimmed: all texts end equal. One seed is one world (not its timing).
 */
import assert from "node:assert/strict";
import test from "node:test";
import { Text, ChangeSet } from "@codemirror/state";
import WebSocket from "ws";
import { connect } from "../../web/client/weft.js";
import { CollabClient } from "./lib/collab_client.mjs";
import { startCluster } from "./lib/cluster.mjs";
import { startFakeRedis } from "./lib/fake_redis.mjs";
import { SEED, generator } from "./lib/random.mjs";
import { NO_REDIS, startRedis } from "./lib/redis.mjs";
import { readRoom } from "./lib/room.mjs";
import { LONG } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const WORLDS = Number(process.env.WEFT_WORLDS ?? (LONG ? 1000 : 24));
const LANES = 4;
const STEPS = 300;
const PATH = "a.txt";
const TEXTS = ["a", "bc", "\n", "x\ny", "é", "😀", "", "def\n"];

/** @typedef {import("./lib/cluster.mjs").Cluster} Cluster */

/** One or two random changes of a text, none of which parts a surrogate pair. @param {string} text @param {() => number} random */
function someChanges(text, random) {
  const changes = [];
  let at = 0;
  for (let i = random() < 0.2 ? 2 : 1; i > 0 && at <= text.length; i--) {
    const from = at + Math.floor(random() * (text.length - at + 1));
    const to = Math.min(text.length, from + (random() < 0.4 ? Math.floor(random() * 5) : 0));
    changes.push({ from, to, insert: TEXTS[Math.floor(random() * TEXTS.length)] });
    at = to + 1;
  }
  const isWhole = (/** @type {number} */ pos) => !/[\ud800-\udbff]/.test(text[pos - 1] ?? "");
  return changes.every(({ from, to }) => isWhole(from) && isWhole(to)) ? changes : [];
}

/** The SDK. */
class Sdk {
  /** @param {Cluster} cluster @param {string} project @param {() => number} random */
  constructor(cluster, project, random) {
    class Balanced extends WebSocket {
      /** @param {string} _url @param {string} protocol */
      constructor(_url, protocol) {
        super(cluster.url(), protocol, { perMessageDeflate: false });
      }
    }
    this.project = connect({ url: cluster.url(), project, WebSocket: Balanced, random });
    this.file = this.project.open(PATH);
  }

  get isOpen() {
    return this.file.state === "open";
  }

  /** It has all, and all of it is acknowledged. */
  get isQuiet() {
    this.project.cut(false);
    this.project.retry();
    return this.project.state === "live" && this.file.core.idle;
  }

  get version() {
    return this.file.v;
  }

  get text() {
    return this.file.text;
  }

  /** @param {() => number} random */
  type(random) {
    const changes = someChanges(this.text, random);
    if (changes.length) this.file.edit(changes);
  }

  /** @param {() => number} random */
  cut(random) {
    this.project.cut(random() < 0.5);
  }

  close() {
    this.project.close();
  }
}

/** The stock client; what has come arrives when the schedule says so. */
class Stock {
  /** @param {Cluster} cluster @param {string} project */
  constructor(cluster, project) {
    this.client = new CollabClient({
      url: () => cluster.url(),
      project,
      path: PATH,
      mayReset: true,
    });
    this.client.connect();
  }

  /** All that has come arrives, and it comes back where it was cut. */
  catchUp() {
    const { client } = this;
    while (client.arrive());
    if (client.socket?.readyState === WebSocket.CLOSED || client.errors.length) this.cut();
    return client;
  }

  get isOpen() {
    return this.catchUp().state !== null;
  }

  get isQuiet() {
    const { ready, pending } = this.catchUp();
    return ready && pending === 0;
  }

  get version() {
    return this.client.version;
  }

  get text() {
    return this.client.text ?? "";
  }

  /** @param {() => number} random */
  type(random) {
    this.client.arrive();
    const changes = someChanges(this.text, random);
    if (changes.length) this.client.type(changes);
  }

  /* An error ends the subscription: what was on its way behind it is answered not_open. */
  cut() {
    assert.deepEqual(
      this.client.errors.filter((error) => !/^(busy|stale|not_open)/.test(error)),
      [],
    );
    this.client.errors = [];
    this.client.connect();
  }

  close() {
    this.client.close();
  }
}

/**
 * It says "put this at the start", cannot know where that went, and so asks for the text again after each acknowledgement;
 * what others do it follows. Each connection is a new client.
 */
class Plain {
  /** @param {Cluster} cluster @param {string} project */
  constructor(cluster, project) {
    this.cluster = cluster;
    this.project = project;
    this.connect();
  }

  connect() {
    /** Edits sent, and not acknowledged. */
    this.sent = 0;
    /** @type {Text | null} */
    this.doc = null;
    this.version = 0;
    this.socket?.terminate();
    const socket = new WebSocket(this.cluster.url(), "weft.v1", { perMessageDeflate: false });
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("close", () => socket === this.socket && setTimeout(() => this.connect(), 20));
    socket.on("open", () => this.send({ t: "hello", v: 1, project: this.project }));
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      for (const message of Array.isArray(frame) ? frame : [frame])
        if (socket === this.socket) this.receive(message);
    });
  }

  /** @param {object} message */
  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** @param {any} message */
  receive(message) {
    switch (message.t) {
      case "welcome":
        this.send({ t: "open", path: PATH });
        break;
      case "error":
        this.socket?.terminate();
        break;
      case "file":
        this.f = message.f;
        this.doc = Text.of(message.text.split("\n"));
        this.version = message.v;
        break;
      case "resync":
        this.ask();
        break;
      case "edit":
      case "ack":
        this.logged(message);
    }
  }

  /** @param {any} message */
  logged(message) {
    if (message.t === "ack") this.sent -= 1;
    if (!this.doc) return; // it is in the text that was asked for, or comes again behind it
    assert.equal(message.v, this.version + 1);
    this.version += 1;
    if (message.t === "edit") this.doc = ChangeSet.fromJSON(message.c).apply(this.doc);
    else this.ask();
  }

  ask() {
    this.doc = null;
    this.send({ t: "open", f: this.f });
  }

  get isOpen() {
    return this.doc !== null;
  }

  get isQuiet() {
    return this.isOpen && this.sent === 0;
  }

  get text() {
    return String(this.doc);
  }

  /** @param {() => number} random */
  type(random) {
    const ins = TEXTS[Math.floor(random() * TEXTS.length)] || "z";
    if (!this.isOpen) return;
    this.sent += 1;
    this.send({ t: "edit", f: this.f, at: 0, ins });
  }

  cut() {
    this.socket?.terminate();
  }

  close() {
    const { socket } = this;
    this.socket = undefined;
    socket?.terminate();
  }
}

/** Messages between instances come late, twice, in another order, or never. @param {import("./lib/fake_redis.mjs").FakeRedis} fake @param {() => number} random */
function disturb(fake, random) {
  /** @type {Buffer[]} */
  let late = [];
  fake.deliver = (message) => {
    const dice = random();
    if (dice < 0.05) return [];
    if (dice < 0.15) return [message, message];
    if (dice < 0.3) return void late.push(message) ?? [];
    const all = [message, ...late];
    late = [];
    return all;
  };
}

/** @param {{cluster: Cluster, redis: import("./lib/redis.mjs").Redis}} ground @param {string} project @param {number} seed */
async function playWorld({ cluster, redis }, project, seed) {
  const random = generator(seed);
  const clients = [Sdk, Sdk, Stock, Stock, Plain, Plain].map(
    (Kind) => new Kind(cluster, project, random),
  );
  try {
    await until(() => clients.every(({ isOpen }) => isOpen), `seed ${seed}: all to have the file`);
    for (let step = 0; step < STEPS; step++) {
      const client = clients[Math.floor(random() * clients.length)];
      const dice = random();
      if (dice < 0.4) client.type(random);
      else if (dice < 0.43) client.cut(random);
      else if (dice < 0.44) await redis.cli("CLIENT", "KILL", "TYPE", "pubsub");
      else await new Promise((resolve) => setTimeout(resolve, 12 * random()));
    }
    let views = /** @type {View[]} */ ([]);
    const isSettled = async () => {
      views = await look({ cluster, redis }, project, clients);
      return new Set(views.map(({ v }) => v)).size === 1;
    };
    const show = () => views.map(({ where, v }) => `${where} ${v}`).join(", ");
    await until(isSettled, () => `seed ${seed}: all to have one version: ${show()}`);
    for (const { where, text } of views)
      assert.equal(text, views[0].text, `${where}, seed ${seed}`);
    for (const client of clients)
      if (client instanceof Sdk) assert.deepEqual(client.file.kept, [], `seed ${seed}`);
    return clients[0].version;
  } finally {
    for (const client of clients) client.close();
  }
}

/**
 * What everybody has: clients (-1: it has something that is not acknowledged, or is away), Redis, instances by HTTP.
 * An edit whose author was cut off may still come, so that only views of one version say anything.
 * @typedef {{where: string, v: number, text: string}} View
 * @param {{cluster: Cluster, redis: import("./lib/redis.mjs").Redis}} ground @param {string} project
 * @param {(Sdk | Stock | Plain)[]} clients @returns {Promise<View[]>}
 */
async function look({ cluster, redis }, project, clients) {
  const views = clients.map((client) => ({
    where: client.constructor.name,
    v: client.isQuiet ? client.version : -1,
    text: client.text,
  }));
  const { files, faults } = await readRoom(redis, project);
  assert.deepEqual(faults, [], project);
  views.push({ where: "Redis", v: files[PATH].version, text: files[PATH].text });
  for (const { url } of cluster.instances) {
    const answer = await fetch(`${url}/api/v1/projects/${project}/files/${PATH}`).catch(() => null);
    const v = Number(/-(\d+)"$/.exec(answer?.headers.get("etag") ?? "")?.[1] ?? -1);
    views.push({ where: url, v, text: (await answer?.text()) ?? "" });
  }
  return views;
}

test(`${WORLDS} random worlds on three instances`, { skip: NO_REDIS }, async (t) => {
  t.diagnostic(`WEFT_SEED=${SEED}`);
  const random = generator(SEED);
  const redis = await startRedis(t);
  const fakes = [];
  for (let i = 0; i < 3; i++) fakes.push(await startFakeRedis(t, redis.port));
  for (const fake of fakes) disturb(fake, random);
  const cluster = await startCluster(t, {
    urls: fakes.map(({ url }) => url),
    random,
    config: { limits: { history: 16 } },
  });
  // Before anybody is killed: who dies while a new project is loaded leaves a lease of a quarter of a minute.
  for (let i = 0; i < WORLDS; i += 24)
    await Promise.all(
      Array.from({ length: Math.min(24, WORLDS - i) }, (_, j) =>
        cluster.makeFile(`world-${i + j}`, PATH, "hello\nworld 😀"),
      ),
    );
  let [next, versions, kills, lanes] = [0, 0, 0, LANES];
  const lane = async () => {
    try {
      while (next < WORLDS) {
        const i = next++;
        versions += await playWorld({ cluster, redis }, `world-${i}`, SEED + i);
      }
    } finally {
      next = WORLDS; // one that fails ends all
      lanes -= 1;
    }
  };
  const killing = async () => {
    for (let last = 0; lanes > 0;) {
      await until(() => lanes === 0 || next >= last + 2, "the worlds after the next");
      last = next;
      const victim = cluster.instances[Math.floor(random() * 3)];
      await victim.kill();
      await victim.start();
      kills += 1;
    }
  };
  const ends = await Promise.allSettled([killing(), ...Array.from({ length: LANES }, lane)]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  t.diagnostic(`${versions} versions, ${kills} kills of an instance`);
  assert.ok(versions > WORLDS * 5);
});
