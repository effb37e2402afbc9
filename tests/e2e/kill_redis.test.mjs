/**
 * kill -9 under typing where the room is in Redis: of instances, of Redis, of everything at once. Every acknowledged token is
 * there exactly once. A restart of Redis takes seconds of waiting (the instances are asked what they hold), so its worlds
 * run side by side. WEFT_KILL_CYCLES=n sets how often each is killed.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { SEED } from "./lib/random.mjs";
import { NO_REDIS } from "./lib/redis.mjs";
import { readRoom } from "./lib/room.mjs";
import { LONG } from "./lib/server.mjs";
import { SCALE, startWorld } from "./lib/world.mjs";

const CYCLES = Number(process.env.WEFT_KILL_CYCLES ?? (LONG ? 300 : 30));
const LANES = 10;

/** @typedef {import("./lib/world.mjs").World} World */

/** @param {World} world @param {number} cycles */
async function killInstances(world, cycles) {
  const { random, instances } = world;
  for (let cycle = 0; cycle < cycles; cycle++) {
    await world.type(5 + Math.floor(random() * 40));
    if (random() < 0.5) world.typists[Math.floor(random() * world.typists.length)].cut();
    const victim = instances[Math.floor(random() * instances.length)];
    await victim.kill();
    world.typeOnce();
    if (random() < 0.5) await world.type(5);
    await victim.start();
  }
}

/** @param {World} world @param {number} cycles */
async function killRedis(world, cycles) {
  const { random, redis } = world;
  for (let cycle = 0; cycle < cycles; cycle++) {
    await world.type(5 + Math.floor(random() * 60));
    await redis.kill();
    world.typeOnce();
    await redis.start();
  }
  await world.type(10);
}

/** Redis comes back as it was a while ago, and each instance is at another point of what came since. @param {World} world */
async function setRedisBack(world, cycles) {
  const { redis, proxies, typists } = world;
  for (let cycle = 0; cycle < cycles; cycle++) {
    await world.settleAt(world.instances[0], typists.slice(0, 2));
    await world.settleAt(world.instances[1], [typists[2]]);
    await world.settleAt(world.instances[2], [typists[3]]);
    await world.type(20);
    const kept = await redis.keep();
    await world.type(20);
    proxies[2].stall();
    await world.type(20, typists.slice(0, 3));
    proxies[1].stall();
    await world.type(10, typists.slice(0, 2));
    await redis.kill();
    await world.restartFor(() => redis.startFrom(kept), cycle % 2 ? 1 : 2);
    await world.type(20);
    assert.ok(typists.every(({ resets }) => resets > cycle));
  }
}

/**
 * Everything dies at once, so that Redis' disk is all there is.
 * @param {World} world @returns {Promise<{acked: number, lost: number}>}
 */
async function killAll(world) {
  await world.type(60);
  await Promise.all([world.redis, ...world.instances].map((process) => process.kill()));
  await world.redis.start();
  const room = await readRoom(world.redis, world.project);
  const text = room.files["main.c"]?.text ?? "";
  const deleted = new Set(
    world.typists.flatMap(({ sent }) => [...sent.values()].flatMap((each) => each.deleted)),
  );
  let [acked, lost] = [0, 0];
  for (const typist of world.typists)
    for (const n of typist.acked.keys())
      for (const token of typist.sent.get(n)?.typed ?? []) {
        if (deleted.has(token)) continue;
        acked += 1;
        if (!text.includes(token)) lost += 1;
      }
  return { acked, lost };
}

test(
  `${CYCLES} kills of instances and of Redis`,
  { skip: NO_REDIS, concurrency: LANES + 1 },
  (t) => {
    t.diagnostic(`WEFT_SEED=${SEED}`);
    const instances = t.test(`${CYCLES} kills of instances`, async (t) => {
      const world = await startWorld(t, { instances: 3, typists: 6 });
      await killInstances(world, CYCLES);
      const { acked } = await world.judge();
      assert.ok(acked > CYCLES);
    });
    const share = (/** @type {number} */ lane) => Math.floor((CYCLES + lane) / LANES);
    const redis = Array.from({ length: LANES }, (_, lane) =>
      t.test(`${share(lane)} kills of Redis, AOF always`, async (t) => {
        const world = await startWorld(t, { typists: 3, mayReset: true, seed: SEED + lane });
        await killRedis(world, share(lane));
        await world.judge();
      }),
    );
    return Promise.all([instances, ...redis]);
  },
);

test("Redis back at an older state", { skip: NO_REDIS }, async (t) => {
  const world = await startWorld(t, { instances: 3, proxied: true, mayReset: true });
  await setRedisBack(world, SCALE);
  await world.judge();
});

for (const keeps of ["always", "everysec", "snapshots", "nothing"])
  test(`everything killed at once, Redis keeps ${keeps}`, { skip: NO_REDIS }, async (t) => {
    const total = { acked: 0, lost: 0 };
    for (let cycle = 0; cycle < SCALE; cycle++) {
      const world = await startWorld(t, { redis: { keeps }, seed: SEED + cycle });
      const { acked, lost } = await killAll(world);
      total.acked += acked;
      total.lost += lost;
      for (const typist of world.typists) typist.stop();
    }
    t.diagnostic(`Redis keeps ${keeps}: ${total.lost} of ${total.acked} acknowledged tokens lost`);
    if (keeps === "always") assert.equal(total.lost, 0);
  });
