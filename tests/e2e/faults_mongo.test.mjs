/** Faults of MongoDB, and of the way to it, under typing. Rows of docs/faults.md. */
import assert from "node:assert/strict";
import { saves } from "./lib/fake_mongo.mjs";
import { Raw } from "./lib/raw.mjs";
import { runRows } from "./lib/rows.mjs";
import { p99, turns } from "./lib/turns.mjs";
import { until } from "./lib/wait.mjs";
import { SCALE } from "./lib/world.mjs";

/** @typedef {import("./lib/world.mjs").World} World */
/** @typedef {import("./lib/fake_mongo.mjs").Fault} Fault */

/** Saved at once, tried again soon, and so often that no limit is met. */
const EAGER = {
  save: { after_ms: 100, retry_ms: 100, lease_ms: 2000, rate: { count: 1000, ms: 1000 } },
};
const SAVED = { saved: true, config: EAGER };

/** What of a flush failed, over all instances. @param {World} world @param {string} name */
const sum = async (world, name) => {
  const running = world.instances.filter(({ isRunning }) => isRunning);
  const numbers = await Promise.all(running.map((server) => world.metric(server, name)));
  return numbers.reduce((a, b) => a + b, 0);
};

/** All stores do so from now on. @param {World} world @param {(call: import("./lib/fake_mongo.mjs").Call) => Fault | null} rule */
const obey = (world, rule) => world.stores.forEach((store) => (store.rule = rule));

/** They fail as told for so many saves, and then no more. @param {number} times @param {Fault} fault */
const forSaves = (times, fault) => saves(() => (times-- > 0 ? fault : null));

/** Everything is saved again after the fault, while people type on. @param {World} world @param {Fault} fault @param {number} [failures] */
async function typeUnder(world, fault, failures = 3) {
  obey(world, saves(fault));
  const before = await sum(world, "flush_failures_total");
  await world.type(20);
  let failed = before;
  const looks = setInterval(() => {
    sum(world, "flush_failures_total").then(
      (now) => (failed = now),
      () => {},
    );
  }, 50);
  try {
    await world.type(() => failed >= before + failures);
  } finally {
    clearInterval(looks);
  }
  const dirty = await world.redis.cli("ZRANGE", `weft:{${world.project}}:dirty`, 0, -1);
  assert.deepEqual(dirty, ["1"]);
  obey(world, () => null);
  await world.type(10);
}

/** The same typing without and with the fault: the loop must not notice. @param {World} world @param {() => Promise<unknown>} fault */
async function unnoticed(world, fault) {
  const [server] = world.instances;
  const begin = await turns(server);
  await world.type(150);
  const quiet = await turns(server);
  await fault();
  await world.type(150);
  const end = await turns(server);
  const [before, after] = [p99(begin, quiet), p99(quiet, end)];
  world.note(`turns of the loop, p99: below ${before} ms, with the fault below ${after} ms`);
  assert.ok(after <= Math.max(10, 4 * before), `${after} ms, ${before} ms without`);
}

/** Instance 0 dies at a failpoint, again and again. @param {string} place */
const dieAt = (place) => async (/** @type {World} */ world) => {
  const [victim] = world.instances;
  const some = world.typists.slice(0, 2);
  await victim.kill();
  for (let cycle = 0; cycle < 3 * SCALE; cycle++) {
    const count = 1 + Math.floor(world.random() * 4);
    victim.options.env = { ...victim.options.env, WEFT_FAILPOINT: `${place}:kill:${count}` };
    await victim.start();
    for (const typist of some) {
      typist.options.home = victim;
      typist.cut();
    }
    await world.type(() => !victim.isRunning);
    assert.equal(victim.process?.signalCode, "SIGKILL");
  }
};

/** @type {[name: string, fault: Fault][]} */
const FAULTS = [
  ["slow", { delayMs: 700 }],
  ["hangs", { hang: true }],
  ["drops the connection before", { drop: "before" }],
  ["drops it after applying", { drop: "after" }],
  ["answers half", { half: true }],
];

/** @type {[name: string, fault: Fault][]} */
const ERRORS = [
  ["10107, not primary", { error: 10107 }],
  ["50, took too long", { error: 50 }],
  ["91, shutting down", { error: 91 }],
  ["64, write concern not met: nobody knows", { concern: 64 }],
];

runRows(
  "faults of MongoDB",
  [
    {
      row: "4",
      name: "killed before a save → another saves",
      world: SAVED,
      run: dieAt("before_save"),
    },
    {
      row: "4",
      name: "killed within a save → another saves",
      world: SAVED,
      run: dieAt("mid_save"),
    },
    {
      row: "61",
      name: "killed when the log was trimmed, before the save → nothing is lost",
      world: SAVED,
      run: dieAt("after_checkpoint"),
    },
    {
      row: "15",
      name: "every thread hangs → edits go on, what waits is bounded, and it recovers",
      world: { ...SAVED, mongoQuery: "socketTimeoutMS=2000" },
      run: async (world) => {
        obey(world, () => ({ hang: true }));
        const [a] = world.instances;
        const cold = [];
        for (let i = 0; i < 100; i++)
          cold.push(await Raw.open(a.ws).then((raw) => (raw.send(hello(`cold-${i}`)), raw)));
        await unnoticed(world, () =>
          world.until(async () => (await world.metric(a, "mongodb_waiting")) > 3, "a queue"),
        );
        assert.ok((await world.metric(a, "mongodb_waiting")) <= 64);
        obey(world, () => null);
        for (const raw of cold) raw.close();
        await world.type(10);
      },
    },
    ...FAULTS.map(([name, fault]) => ({
      row: "46",
      name: `${name} → tried again, the loop does not notice, all is saved`,
      world: { ...SAVED, mongoQuery: "socketTimeoutMS=1500" },
      run: async (/** @type {World} */ world) => {
        await unnoticed(world, async () => {
          const made = world.stores.map((store) => store.saves.length);
          obey(world, saves(fault));
          await world.type(() => world.stores.some((store, i) => store.saves.length > made[i] + 1));
        });
        if (fault.delayMs) return obey(world, () => null);
        await typeUnder(world, fault, 2);
      },
    })),
    ...ERRORS.map(([name, fault]) => ({
      row: "47",
      name: `${name} → stays dirty, is tried again, all is saved`,
      world: SAVED,
      run: (/** @type {World} */ world) => typeUnder(world, fault),
    })),
    {
      row: "48",
      name: "duplicate key, and an older pair is stored → stays dirty until it is saved",
      world: SAVED,
      run: (world) => typeUnder(world, { writeErrors: new Map([[0, 11000]]) }),
    },
    {
      row: "48",
      name: "duplicate key, and its own pair is stored → clean",
      world: SAVED,
      run: async (world) => {
        await world.settle();
        await world.isSaved();
        obey(world, forSaves(1, { drop: "after" }));
        const [typist] = world.typists;
        typist.type();
        await world.settle();
        await world.isSaved();
        const dirty = `weft:{${world.project}}:dirty`;
        await world.until(async () => (await world.redis.cli("ZCARD", dirty)) === 0, "it clean");
        const made = world.stores.flatMap((store) => store.saves);
        assert.ok(made.length >= 2);
      },
    },
    {
      row: "49",
      name: "of two flushers the older is late → the store never goes back",
      world: { ...SAVED, mongoQuery: "socketTimeoutMS=1000" },
      run: async (world) => {
        for (let cycle = 0; cycle < 2 * SCALE; cycle++) {
          const { stores } = world;
          /** @type {(value?: unknown) => void} */
          let letGo = () => {};
          const late = new Promise((resolve) => (letGo = resolve));
          stores[0].rule = saves({ until: late });
          const held = stores[0].saves.length;
          await world.type(() => stores[0].saves.length > held);
          await world.type(5);
          await world.settle();
          await world.isSaved();
          const [{ writes }] = stores[0].saves.slice(held);
          const stored = await world.stored();
          assert.ok(Number(writes[0].u.$set.rev) < stored?.rev);
          letGo();
          stores[0].rule = () => null;
          await world.until(
            () => [...stores[0].talks].every(({ isLate }) => !isLate),
            "the late one",
          );
          await world.type(10);
        }
      },
    },
    {
      row: "45",
      name: "away for a long time → edits go on, what is dirty is a file, it catches up",
      world: SAVED,
      run: async (world) => {
        await world.mongo.kill();
        await world.type(400 * SCALE);
        const dirty = await world.redis.cli("ZRANGE", `weft:{${world.project}}:dirty`, 0, -1);
        assert.deepEqual(dirty, ["1"]);
        await world.mongo.start();
        await world.type(10);
      },
    },
    {
      row: "55",
      name: "one write of a bulk fails → it stays dirty, the others are saved",
      world: SAVED,
      run: async (world) => {
        const { stores, mongo } = world;
        const files = mongo.db.collection("files");
        const raw = await Raw.join(world.cluster.url(), { project: "bulk", template: "blank" });
        obey(
          world,
          saves(({ writes }) => {
            const index = writes.findIndex(({ q }) => q._id === "bulk/2");
            return index < 0 ? null : { writeErrors: new Map([[index, 50]]) };
          }),
        );
        for (let i = 1; i <= 4; i++)
          raw.send({ t: "create", path: `${i}.txt`, text: `text ${i}`, q: i });
        await raw.next((m) => m.q === 4);
        const isFailed = () =>
          stores.some(({ saves: made }) =>
            made.some(({ writes, end }) => writes.length > 1 && end < Infinity),
          );
        await until(isFailed, "a bulk write");
        await until(
          async () => (await files.countDocuments({ project: "bulk" })) === 3,
          "the others",
        );
        const dirty = () => world.redis.cli("ZRANGE", "weft:{bulk}:dirty", 0, -1);
        await until(async () => String(await dirty()) === "2", "only it to be dirty");
        obey(world, () => null);
        await until(async () => await files.findOne({ _id: /** @type {any} */ ("bulk/2") }), "it");
        raw.close();
      },
    },
  ],
  4,
);

/** @param {string} project */
const hello = (project) => ({ t: "hello", v: 1, project });
