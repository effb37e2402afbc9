/**
 * Runs a table of faults, several at a time because most of them wait: each in a world of its own, with the judgement of
 * the history checker at the end. WEFT_ROW=24 runs one row.
 */
import test from "node:test";
import { NO_MONGO } from "./mongo.mjs";
import { SEED } from "./random.mjs";
import { NO_REDIS } from "./redis.mjs";
import { startWorld } from "./world.mjs";

const ONLY = process.env.WEFT_ROW;

/**
 * @typedef {object} Row
 * @property {string} row of the table in docs/faults.md
 * @property {string} name what happens → what must come of it
 * @property {import("./world.mjs").Options} [world]
 * @property {string | false} [skip] why it cannot run here
 * @property {(world: import("./world.mjs").World) => Promise<void>} run the fault
 *
 * @param {string} area @param {Row[]} rows @param {number} [width] how many at a time
 */
export function runRows(area, rows, width = 8) {
  test(area, { skip: NO_REDIS, concurrency: width }, async (t) => {
    t.diagnostic(`WEFT_SEED=${SEED}`);
    const wanted = rows.filter(({ row }) => !ONLY || row === ONLY);
    await Promise.all(wanted.map((row, i) => t.test(...asTest(row, SEED + i))));
  });
}

/** @param {Row} row @param {number} seed @returns {[string, object, (t: any) => Promise<void>]} */
function asTest({ row, name, world: options, run, ...more }, seed) {
  const skip = more.skip || (options?.saved ? NO_MONGO : false);
  const play = async (/** @type {any} */ t) => {
    const world = await startWorld(t, { seed, ...options });
    await run(world);
    await world.judge();
  };
  return [`row ${row}: ${name}`, { skip }, play];
}
