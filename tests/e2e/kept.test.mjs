/** The history of a file over HTTP: what saves keep of it, in the data folder and in MongoDB. */
import assert from "node:assert/strict";
import test from "node:test";
import { NO_MONGO, startMongo } from "./lib/mongo.mjs";
import { Raw } from "./lib/raw.mjs";
import { NO_REDIS, startRedis } from "./lib/redis.mjs";
import { startServer } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const KEEPS = { WEFT_HISTORY_EVERY_MS: "1", WEFT_HISTORY_KEEP: "2", WEFT_SAVE_AFTER_MS: "10" };

/** Three versions are saved; the newest two are kept. @param {any} t @param {Record<string, string>} env */
async function tryHistory(t, env) {
  const server = await startServer(t, { env: { ...KEEPS, ...env } });
  const ann = await Raw.join(server.ws, { project: "demo", template: "blank" });
  ann.send({ t: "create", path: "src/a.txt", text: "one\n", q: 1 });
  const { f } = await ann.next("ok");
  ann.send({ t: "open", f });
  await ann.next("file");
  for (let n = 1; n <= 3; n++) {
    ann.send({ t: "edit", f, at: 0, ins: `${n} ` });
    await ann.next("ack", 5000);
    for (;;) {
      const { files } = await ann.next("saved", 5000);
      if (files.some(([file, version]) => file === f && version === n)) break;
    }
  }
  const history = `${server.url}/api/v1/projects/demo/history/src/a.txt`;
  const list = async () => (await (await fetch(history)).json()).points;
  /** @type {any[]} */
  let points = [];
  await until(
    async () => (points = await list()).length === 2 && points[0].v === 3,
    () => `two points, not ${JSON.stringify(points)}`,
  );
  assert.equal(points[1].v, 2);
  assert.equal(points[0].size, "3 2 1 one\n".length);
  assert.equal(points[0].by, ann.me.cid);
  const text = await fetch(`${history}?v=2`);
  assert.equal(text.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(await text.text(), "2 1 one\n");
  assert.equal((await fetch(`${history}?v=1`)).status, 410);
  assert.equal((await fetch(`${history}?v=x`)).status, 400);
  assert.equal((await fetch(history.replace("a.txt", "b.txt"))).status, 404);
  assert.equal((await fetch(history, { method: "POST", body: "{}" })).status, 405);
  ann.close();
}

test("the history of a file, in the data folder", (t) => tryHistory(t, {}));

test("the history of a file, in MongoDB", { skip: NO_REDIS || NO_MONGO }, async (t) => {
  const [redis, mongo] = await Promise.all([startRedis(t), startMongo(t)]);
  await tryHistory(t, { REDIS_URL: redis.url, MONGODB_URI: mongo.uri });
});
