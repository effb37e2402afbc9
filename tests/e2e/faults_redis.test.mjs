/** Faults of Redis itself, and of the way to it, under typing. Rows of docs/faults.md. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { NO_NETNS } from "./lib/netns.mjs";
import { startRedis } from "./lib/redis.mjs";
import { runRows } from "./lib/rows.mjs";
import { until } from "./lib/wait.mjs";
import { SCALE } from "./lib/world.mjs";

/** @typedef {import("./lib/world.mjs").World} World */

/** So short that a Redis which does not answer is noticed soon. */
const HASTY = { redis: { timeout_ms: 300 } };

/** What of a command shows that it is an append: nothing else holds an edit. */
const APPEND = '{"t":"edit"';

/** Clients were told that Redis is away: so often more than before. @param {World} world */
function toldAgain(world) {
  const before = world.typists.map(({ degradations }) => degradations);
  return () => world.typists.every(({ degradations }, i) => degradations > before[i]);
}

/** Everything goes on under the epoch that it had. @param {World} world @param {() => Promise<unknown>} fault */
async function inOneEpoch(world, fault) {
  const { ep } = world.typists[0];
  await fault();
  await world.type(20);
  assert.equal(world.typists[0].ep, ep);
}

/**
 * The error replies of row 32, and what is no reply at all of row 34: what is answered in the place of an append.
 * @type {[row: string, name: string, answer: string | Buffer][]}
 */
const ANSWERS = [
  ["32", "LOADING", "-LOADING Redis is loading the dataset in memory\r\n"],
  ["32", "BUSY", "-BUSY Redis is busy running a script. You can only call SCRIPT KILL\r\n"],
  ["32", "MISCONF", "-MISCONF Redis is configured to save RDB snapshots, but cannot\r\n"],
  ["32", "NOAUTH", "-NOAUTH Authentication required.\r\n"],
  ["32", "WRONGTYPE", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"],
  ["32", "an unknown error", "-ERR something that nobody has heard of\r\n"],
  ["34", "garbage", Buffer.from([0, 255, 254, 13, 10, 1, 2, 3])],
  ["34", "a bulk of 700 MB", Buffer.concat([Buffer.from("$734003200\r\n"), Buffer.alloc(65536)])],
  ["34", "a line that never ends", Buffer.alloc(1 << 20, "+")],
  ["34", "arrays 1,000 deep", "*1\r\n".repeat(1000)],
  ["34", "an answer of another shape", "*2\r\n:1\r\n$-1\r\n"],
];

/** @param {import("./lib/server.mjs").Server} server @returns {number} bytes in memory */
const residentBytes = (server) =>
  1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]);

/** The rows of 32 and 34: instance 1 stands behind a Redis that answers its appends wrongly for a while. */
const answerRows = ANSWERS.map(([row, name, answer]) => ({
  row,
  name: `${name} in the place of an answer → nothing acknowledged, then all goes on`,
  world: { config: HASTY, fakes: true, passing: ["busy", "internal"] },
  run: async (/** @type {World} */ world) => {
    const [a, b] = world.instances;
    const [, fake] = world.fakes;
    await world.settleAt(b, world.typists);
    await world.type(10);
    const memory = residentBytes(b);
    const lines = b.log.length;
    const begin = performance.now();
    await world.settle();
    fake.answer = (words) => (words.some((word) => word.startsWith(APPEND)) ? answer : null);
    await world.standsStill(() =>
      world.typeUntil(() => fake.answered >= 5 * SCALE, "an append to be answered wrongly"),
    );
    const seconds = (performance.now() - begin) / 1000;
    const complaints = b.log.slice(lines).match(/level=(warn|error)/g) ?? [];
    assert.ok(complaints.length < 5 + 5 * seconds, `${complaints.length} in ${seconds} s`);
    assert.ok(residentBytes(b) < memory + (256 << 20), "memory is bounded");
    fake.answer = () => null;
    await world.type(20);
    assert.ok(a.isRunning && b.isRunning);
  },
}));

/**
 * Instance 0 cannot reach Redis, instance 1 can.
 * @param {World} world @param {{cutOff: () => unknown, rejoin: () => unknown}} wire
 */
async function partition(world, wire) {
  const [a, b] = world.instances;
  const [cut, well] = [world.typists.slice(0, 2), world.typists.slice(2)];
  for (let cycle = 0; cycle < SCALE; cycle++) {
    await world.settleAt(a, cut);
    await world.settleAt(b, well);
    await world.type(20);
    await world.settle();
    const begin = cut.map(({ acked }) => acked.size);
    await wire.cutOff();
    for (const typist of cut) typist.closes.length = 0;
    for (const typist of cut) typist.type();
    await world.type(() => cut.every(({ closes }) => closes.includes(4503)), well);
    assert.deepEqual(
      cut.map(({ acked }) => acked.size),
      begin,
    );
    assert.ok(cut.every(({ degradations }) => degradations > cycle));
    for (const typist of cut) typist.options.home = b;
    await world.type(20);
    await wire.rejoin();
    await world.type(20);
  }
}

runRows("faults of Redis", [
  {
    row: "18",
    name: "Redis killed and started again, with all it had → another epoch, nothing lost",
    world: { mayReset: true },
    run: async (world) => {
      for (let cycle = 0; cycle < 2 * SCALE; cycle++) {
        const { ep } = world.typists[0];
        await world.type(30);
        await world.redis.kill();
        world.typeOnce();
        await world.redis.start();
        await world.type(30);
        assert.ok(world.typists.some((typist) => typist.ep !== ep));
      }
    },
  },
  {
    row: "18",
    name: "the same where an operator vouches for restarts → the epoch stays",
    world: { config: { redis: { trust_restarts: "true" } } },
    run: (world) =>
      inOneEpoch(world, async () => {
        for (let cycle = 0; cycle < 3 * SCALE; cycle++) {
          await world.type(20);
          await world.redis.kill();
          world.typeOnce();
          await world.redis.start();
        }
      }),
  },
  {
    row: "19",
    name: "Redis restarted empty, instances' replicas of different ages → the newest wins",
    world: { instances: 3, proxied: true, mayReset: true, redis: { keeps: "nothing" } },
    run: async (world) => {
      const { instances, proxies, typists } = world;
      for (let cycle = 0; cycle < SCALE; cycle++) {
        await world.settleAt(instances[0], typists.slice(0, 2));
        await world.settleAt(instances[1], [typists[2]]);
        await world.settleAt(instances[2], [typists[3]]);
        await world.type(20);
        proxies[2].stall(); // instance 2 keeps what it has, and knows nothing of what follows
        await world.type(20, typists.slice(0, 3));
        proxies[1].stall("subscriptions");
        await world.type(10, typists.slice(0, 2));
        await world.redis.kill();
        await world.restartFor(() => world.redis.start(), 2); // who knows least
        await world.type(20);
        assert.ok(typists.every(({ resets }) => resets > cycle));
      }
    },
  },
  {
    row: "20",
    name: "Redis down → degraded is told, then closed with 4503; all is there on return",
    world: { config: { degraded_ms: 2000 }, mayReset: true },
    run: async (world) => {
      await world.type(20);
      await world.redis.kill();
      const acked = world.acked;
      await world.typeUntil(toldAgain(world), "everybody to be told");
      const closed = () => world.typists.every(({ closes }) => closes.includes(4503));
      await world.typeUntil(closed, "everybody to be closed");
      assert.ok(world.acked <= acked + world.typists.length);
      await world.redis.start();
      await world.allOpen();
      await world.type(20);
    },
  },
  {
    row: "21",
    name: "Redis stopped, connections open → unknown outcomes, asked again, once each",
    world: { config: HASTY },
    run: (world) =>
      inOneEpoch(world, async () => {
        for (let cycle = 0; cycle < 2 * SCALE; cycle++) {
          await world.type(20);
          world.redis.pause();
          await world.typeUntil(toldAgain(world), "everybody to be told");
          world.redis.resume();
          await world.type(20);
        }
      }),
  },
  {
    row: "22",
    name: "CLIENT PAUSE and DEBUG SLEEP beyond the timeout → as if it were away",
    world: { config: HASTY },
    run: (world) =>
      inOneEpoch(world, async () => {
        await world.type(20);
        await world.redis.cli("CLIENT", "PAUSE", 1500, "ALL");
        await world.typeUntil(toldAgain(world), "everybody to be told");
        await world.type(20);
        const told = toldAgain(world);
        await Promise.all([
          world.redis.cli("DEBUG", "SLEEP", 2),
          world.typeUntil(told, "everybody to be told"),
        ]);
      }),
  },
  {
    row: "23",
    name: "CLIENT KILL again and again, of commands and of subscriptions → rebuilt alone, nothing lost",
    run: (world) =>
      inOneEpoch(world, async () => {
        for (let cycle = 0; cycle < 10 * SCALE; cycle++)
          for (const type of ["normal", "pubsub"]) {
            await world.redis.cli("CLIENT", "KILL", "TYPE", type);
            await world.type(3);
          }
      }),
  },
  {
    row: "24",
    name: "the last message lost → found by the poll",
    world: { fakes: true },
    run: async (world) => {
      const [a, b] = world.instances;
      const [ann, bob] = world.typists;
      await world.settleAt(a, [ann]);
      await world.settleAt(b, [bob]);
      world.fakes[1].deliver = () => [];
      for (let cycle = 0; cycle < 3 * SCALE; cycle++) {
        ann.type();
        await world.until(() => !ann.pending, "Ann's edit");
        const begin = performance.now();
        await world.until(() => bob.v === ann.v, "Bob to get it although no message comes");
        const took = performance.now() - begin;
        assert.ok(took < 5000, `${took} ms`);
      }
      world.fakes[1].deliver = (message) => [message];
    },
  },
  {
    row: "24",
    name: "CLIENT KILL TYPE pubsub, an edit while it subscribes again, none after it → found",
    world: { proxied: true },
    run: async (world) => {
      const [a, b] = world.instances;
      const [ann, bob] = world.typists;
      await world.settleAt(a, [ann]);
      await world.settleAt(b, [bob]);
      for (let cycle = 0; cycle < 5 * SCALE; cycle++) {
        world.proxies[1].stall("subscriptions");
        world.proxies[1].cut("subscriptions");
        ann.type();
        await world.until(() => !ann.pending, "Ann's edit");
        world.proxies[1].flow();
        await world.until(() => bob.v === ann.v, "Bob to get it");
      }
    },
  },
  {
    row: "25",
    name: "messages twice, out of order, or never → applied once, in order",
    world: { instances: 3, typists: 6, fakes: true },
    run: async (world) => {
      const { random } = world;
      let changed = 0;
      for (const fake of world.fakes) {
        /** @type {Buffer[]} */
        let late = [];
        fake.deliver = (message) => {
          const dice = random();
          changed += dice < 0.6 ? 1 : 0;
          if (dice < 0.2) return [message, message];
          if (dice < 0.3) return [];
          if (dice < 0.6) return void late.push(message) ?? [];
          const all = [message, ...late.reverse()];
          late = [];
          return all;
        };
      }
      await inOneEpoch(world, () => world.type(150 * SCALE));
      assert.ok(changed > 50);
      for (const fake of world.fakes) fake.deliver = (message) => [message];
    },
  },
  {
    row: "26",
    name: "Redis cuts a subscriber that does not read → it subscribes again and catches up",
    run: async (world) => {
      const { redis, project } = world;
      const [a, b] = world.instances;
      await world.settleAt(a, world.typists);
      const home = world.typists[3];
      await world.settleAt(b, [home]);
      await redis.cli("CONFIG", "SET", "client-output-buffer-limit", "pubsub 256kb 64kb 1");
      const subscribers = async () =>
        (await redis.read("CLIENT", "LIST", "TYPE", "pubsub")).trim().split("\n").length;
      assert.equal(await subscribers(), 2);
      b.pause();
      home.leave();
      const junk = "x".repeat(60_000);
      await until(async () => {
        await redis.cli("PUBLISH", `weft:{${project}}`, junk);
        return (await subscribers()) < 2;
      }, "Redis to cut the one that does not read");
      await world.type(30, world.typists.slice(0, 3));
      b.resume();
      home.comeBack();
      await world.until(() => home.open, "the typist to be back there");
      await until(async () => (await subscribers()) === 2, "it to subscribe again");
      await world.type(20);
    },
  },
  {
    row: "27",
    name: "the answer lost after the script ran, or half of the request → each edit once",
    world: { proxied: true },
    run: (world) =>
      inOneEpoch(world, async () => {
        for (let cycle = 0; cycle < 10 * SCALE; cycle++) {
          const proxy = world.proxies[cycle % 2];
          const some = world.typists.filter((_, i) => i % 2 === cycle % 2);
          if (cycle < 2) await world.settleAt(world.instances[cycle], some);
          let sprung = 0;
          proxy.loseReply(APPEND).then(() => sprung++);
          await world.type(() => sprung === 1);
          proxy.loseRequest(APPEND, 20).then(() => sprung++);
          await world.type(() => sprung === 2);
        }
      }),
  },
  {
    row: "28",
    name: "maxmemory reached → nothing acknowledged, nothing half written; goes on with room",
    run: (world) =>
      inOneEpoch(world, async () => {
        const oom = async () => {
          const stats = await world.redis.read("INFO", "errorstats");
          return Number(/errorstat_OOM:count=(\d+)/.exec(stats)?.[1] ?? 0);
        };
        for (let cycle = 0; cycle < 2 * SCALE; cycle++) {
          await world.type(20);
          await world.settle();
          await world.redis.cli("CONFIG", "SET", "maxmemory", 1);
          await world.standsStill(async () => {
            const before = await oom();
            await world.typeUntil(async () => (await oom()) > before + 3, "Redis to refuse");
          });
          await world.redis.cli("CONFIG", "SET", "maxmemory", 0);
        }
      }),
  },
  {
    row: "29",
    name: "an eviction policy that deletes live files → said at start, refused where durability is required",
    run: async (world) => {
      const [a, b] = world.instances;
      await world.redis.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
      await b.stop();
      const said = b.log.length;
      await b.start();
      assert.match(b.log.slice(said), /level=error.*allkeys-lru/);
      await b.stop();
      b.options.env = { ...b.options.env, WEFT_DURABILITY_REQUIRE: "restart" };
      await assert.rejects(b.start(), /allkeys-lru/);
      await world.redis.cli("CONFIG", "SET", "maxmemory-policy", "noeviction");
      await b.start();
      assert.ok(a.isRunning);
      await world.type(10);
    },
  },
  {
    row: "30",
    name: "READONLY after a demotion → nothing acknowledged, no write taken for done",
    run: (world) =>
      inOneEpoch(world, async () => {
        for (let cycle = 0; cycle < SCALE; cycle++) {
          await world.type(20);
          await world.settle();
          await world.redis.cli("REPLICAOF", "127.0.0.1", 1);
          await world.standsStill(() => world.typeUntil(toldAgain(world), "everybody to be told"));
          await world.redis.cli("REPLICAOF", "NO", "ONE");
        }
      }),
  },
  {
    row: "31",
    name: "SCRIPT FLUSH all the time → each call again with its source, once",
    run: (world) =>
      inOneEpoch(world, async () => {
        let isDone = false;
        const flushing = (async () => {
          while (!isDone) await world.redis.cli("SCRIPT", "FLUSH");
        })();
        try {
          await world.type(150 * SCALE);
        } finally {
          isDone = true;
        }
        await flushing;
      }),
  },
  ...answerRows,
  {
    row: "32",
    name: "max number of clients → tried again, nothing lost",
    world: { config: HASTY, fakes: true },
    run: async (world) => {
      const [, b] = world.instances;
      const [, fake] = world.fakes;
      await world.settleAt(b, world.typists);
      await world.type(10);
      await world.settle();
      fake.greeting = "-ERR max number of clients reached\r\n";
      fake.cut();
      await world.standsStill(() =>
        world.typeUntil(() => fake.answered >= 6 * SCALE, "it to try again"),
      );
      fake.greeting = "";
      await world.type(20);
    },
  },
  {
    row: "37",
    name: "an instance cut from Redis, another not → it acknowledges nothing, its people move, no fork",
    world: { proxied: true, config: { ...HASTY, degraded_ms: 1500 } },
    run: (world) =>
      inOneEpoch(world, () =>
        partition(world, {
          cutOff: () => world.proxies[0].stall(),
          rejoin: () => world.proxies[0].flow(), // what it had sent arrives only now
        }),
      ),
  },
  {
    row: "37",
    name: "the same with a cable that is cut: packets vanish",
    skip: NO_NETNS,
    world: { islanded: true, config: { ...HASTY, degraded_ms: 1500 } },
    run: (world) =>
      inOneEpoch(world, () =>
        partition(world, {
          cutOff: () => world.island?.cutOff(),
          rejoin: () => world.island?.rejoin(),
        }),
      ),
  },
  {
    row: "40",
    name: "failover to a replica that lacks the last writes → another epoch, nothing lost",
    world: { proxied: true, mayReset: true },
    run: async (world) => {
      const replica = await startRedis(world.t, {
        args: ["--replicaof", "127.0.0.1", String(world.redis.port)],
      });
      const role = async () =>
        (await replica.read("INFO", "replication")).includes("link_status:up");
      await until(role, "the replica to follow");
      await world.type(20);
      replica.pause();
      await world.type(30);
      const { ep } = world.typists[0];
      await world.redis.kill();
      replica.resume();
      await replica.cli("REPLICAOF", "NO", "ONE");
      world.redis = replica;
      for (const proxy of world.proxies) proxy.turnTo(replica.port);
      await world.type(30);
      assert.ok(world.typists.some((typist) => typist.ep !== ep));
    },
  },
]);
