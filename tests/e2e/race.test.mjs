/**
 * Row 36: two writers on two instances race for every version of one file. Both keep one edit in flight all the time, so
 * that an append often finds the log further than it expected.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { NO_REDIS } from "./lib/redis.mjs";
import { LONG } from "./lib/server.mjs";
import { Typist } from "./lib/typist.mjs";
import { startWorld } from "./lib/world.mjs";

const EDITS = Number(process.env.WEFT_RACE_EDITS ?? (LONG ? 100_000 : 3000));

/** Types and deletes single letters anywhere in a text that stays short; the next as soon as one is acknowledged. */
class Writer extends Typist {
  left = 0;

  type() {
    if (this.left === 0) return;
    this.left -= 1;
    const { random } = this.options;
    const at = Math.floor(random() * this.doc.length);
    const isFull = this.doc.length > 1000 + 1000 * random();
    this.edit(isFull ? { from: at, to: at + 1 } : { from: at, insert: "abcdefgh"[this.left % 8] });
  }

  /** @param {number} n */
  confirm(n) {
    super.confirm(n);
    this.type();
  }
}

/** @param {number[]} sorted @param {number} share */
const quantile = (sorted, share) => sorted[Math.floor(sorted.length * share)];

test(`${EDITS} edits by two writers on two instances`, { skip: NO_REDIS }, async (t) => {
  const world = await startWorld(t, {
    typists: 0,
    Typist: Writer,
    config: { limits: { history: 100_000 } },
  });
  const writers = world.instances.map((server) => world.addTypist(server));
  await world.allOpen();
  const begin = performance.now();
  for (const writer of writers) {
    writer.left = EDITS / 2;
    writer.type();
  }
  await world.until(() => writers.every(({ left }) => left === 0), "all to be typed", 3_600_000);
  await world.settle();
  const seconds = (performance.now() - begin) / 1000;
  let [conflicts, batches] = [0, 0];
  for (const server of world.instances) {
    conflicts += await world.metric(server, "conflicts_total");
    batches += await world.metric(server, "batches_total");
  }
  await world.judge();
  const waits = writers.flatMap((writer) => writer.waits).sort((a, b) => a - b);
  const ms = (/** @type {number} */ share) => quantile(waits, share).toFixed(1);
  t.diagnostic(
    `${Math.round(EDITS / seconds)} edits a second, ${conflicts} conflicts in ${batches} appends, ` +
      `acknowledged after p50 ${ms(0.5)} p99 ${ms(0.99)} max ${waits.at(-1)?.toFixed(1)} ms`,
  );
  assert.equal(waits.length, EDITS);
  assert.ok(conflicts > EDITS / 100, "they did race");
});
