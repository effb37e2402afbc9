/**
 * One server in two processes over one Redis, as bench/run starts it: members on both get every
 * edit, and what Redis did for it is in the figures.
 *     WEFT_BUILD=build/release node --test bench/tests/redis.test.mjs
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import { REDIS } from "../plan.mjs";
import { missing, start, stop, whereabouts, programs } from "../servers.mjs";

test("members on two instances", { skip: missing(REDIS) || false, timeout: 60000 }, async (t) => {
  const server = await start(REDIS, 2);
  t.after(() => stop(server));
  const args = ["--rooms", "3", "--members", "5", "--rate", "40", "--seconds", "0.5"];
  const { stdout } = await promisify(execFile)(programs.generator, [
    ...whereabouts(server),
    ...args,
    "w1",
  ]);
  const figures = JSON.parse(stdout);
  assert.equal(figures.servers, 2);
  assert.equal(figures.lost, 0);
  assert.ok(figures.deliveries >= 3 * 4 * 15, stdout);
  assert.ok(figures.redis.cpu_us_per_edit > 0, stdout);
  // One append an edit, and beside them what rooms ask once a second.
  assert.ok(figures.redis.scripts_per_edit > 0.2, stdout);
  assert.ok(figures.redis.scripts_per_edit < 2, stdout);
  assert.equal(await stop(server), "");
  assert.equal(existsSync(server.folder), false);
});
