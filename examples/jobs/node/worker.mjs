// Does jobs of the kind `words`: puts a line behind a file that says how many words it has. Any number of these may run.
import { Redis } from "ioredis";
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";

const QUEUE = "weft:jobs:queue:words";
const GROUP = "workers";
const LEASE_MS = Number(process.env.LEASE_MS ?? 30_000); // longer than any job takes
const WORK_MS = Number(process.env.WORK_MS ?? 0); // to see what happens when it dies meanwhile

const me = `${hostname()}:${process.pid}`;
const redis = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");

/** @param {string} job @param {Record<string, string>} said */
const answer = (job, said) =>
  redis.xadd("weft:jobs:answers", "*", "job", job, ...Object.entries(said).flat());

/** @param {string} text */
async function withCount(text) {
  await setTimeout(WORK_MS);
  return `${text}\n${text.match(/\S+/g)?.length ?? 0} words`;
}

/** @param {[string, string[]]} entry */
async function work([id, fields]) {
  const job = fields[fields.indexOf("job") + 1];
  const { state, input } = await redis.hgetall(`weft:jobs:job:${job}`);
  if (state !== "queued" && state !== "running") return redis.xack(QUEUE, GROUP, id); // canceled, or done by another
  await answer(job, { state: "running" });
  try {
    await answer(job, { state: "done", text: await withCount(input) });
  } catch (error) {
    await answer(job, { state: "failed", problem: String(error) });
  }
}

/** The next one: first what somebody had taken who is silent since, then what is new. */
async function take() {
  const [, left] = await redis.xautoclaim(QUEUE, GROUP, me, LEASE_MS, "0-0", "COUNT", 1);
  if (left.length) return left;
  const how = ["COUNT", 1, "BLOCK", Math.min(LEASE_MS, 1000), "STREAMS", QUEUE, ">"];
  return (await redis.xreadgroup("GROUP", GROUP, me, ...how))?.[0][1] ?? [];
}

await redis.xgroup("CREATE", QUEUE, GROUP, "0", "MKSTREAM").catch((error) => {
  if (!String(error).includes("BUSYGROUP")) throw error; // it is there already
});
for (;;) for (const entry of await take()) await work(entry);
