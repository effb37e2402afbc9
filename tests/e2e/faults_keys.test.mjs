/** What others do to the keys in Redis, what users type that could become one, and Redis' clock. Rows of docs/faults.md. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Raw } from "./lib/raw.mjs";
import { runRows } from "./lib/rows.mjs";
import { SHARED } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";
import { SCALE } from "./lib/world.mjs";

/** @typedef {import("./lib/world.mjs").World} World */

const KEY = /^weft:(\{[A-Za-z0-9._-]{1,64}\}(:[a-z]+(:\d+)?)?|[a-z]+(:[A-Za-z0-9._-]+)*)$/;
const PROJECT_ID = /^[A-Za-z0-9._-]{1,64}$/;

const NAUGHTY = [
  ...[
    "",
    ":",
    "*",
    "{",
    "}",
    "{}",
    "{a}",
    "a:b",
    "a}b",
    "a*",
    "a?",
    "[ab]",
    "a b",
    "\\",
    "é",
    "😀",
  ],
  ...[
    "a\r\nb",
    "a\nSET x 1\n",
    "\r\n*1\r\n$8\r\nFLUSHALL\r\n",
    "a\u0000b",
    "\u202e",
    "%2e%2e",
    "$1",
  ],
  ...["../../etc/passwd", "' or 1=1 --", "x".repeat(65), "x".repeat(2000)],
];
const STRINGS = SHARED
  ? NAUGHTY.concat(JSON.parse(readFileSync(path.join(SHARED, "blns.json"), "utf8")))
  : NAUGHTY;

/** Says hello for a project, and returns the answer, or how it was closed. @param {string} url @param {object} hello */
async function knock(url, hello) {
  const raw = await Raw.open(url);
  raw.send({ t: "hello", v: 1, ...hello });
  const answer = await raw
    .next((m) => m.t === "welcome" || m.t === "error")
    .catch(() => ({ t: "closed", ...raw.closed }));
  return { raw, answer };
}

/** Every key in Redis has the form of the documented ones. @param {World} world */
async function keysAreOurs(world) {
  const keys = await world.redis.cli("KEYS", "*");
  assert.deepEqual(
    keys.filter((key) => !KEY.test(key)),
    [],
  );
  return keys;
}

/** A clock of its own for a redis-server: seconds to add, in the file `time`. @param {string} folder */
function ownClock(folder) {
  const source = fileURLToPath(new URL("./lib/clock.c", import.meta.url));
  const library = path.join(folder, "clock.so");
  execFileSync("cc", ["-shared", "-fPIC", "-o", library, source, "-ldl"]);
  return { LD_PRELOAD: library, WEFT_CLOCK: path.join(folder, "time") };
}

runRows("faults of keys", [
  {
    row: "33",
    name: "a key of another type → that project refuses, the others live",
    run: async (world) => {
      const { redis } = world;
      const [a, b] = world.instances;
      await redis.cli("SET", "weft:{bad}:meta", "not a hash");
      const { raw, answer } = await knock(a.ws, { project: "bad", template: "blank" });
      assert.notEqual(answer.t, "welcome");
      raw.terminate();
      assert.equal(await redis.cli("GET", "weft:{bad}:meta"), "not a hash");
      const live = await Raw.join(b.ws, { project: "live", template: "blank" });
      live.send({ t: "create", path: "x.txt", text: "x", q: 1 });
      const { f } = await live.next("ok");
      live.send({ t: "open", f });
      await live.next("file");
      await redis.cli("SET", `weft:{live}:file:${f}`, "not a hash");
      live.send({ t: "edit", f, v: 0, n: 1, c: [1, [0, "y"]] });
      const refused = await live
        .next((m) => m.t === "ack" || m.t === "error")
        .catch(() => ({ t: "closed" }));
      assert.notEqual(refused.t, "ack");
      live.terminate();
      assert.equal(await redis.cli("GET", `weft:{live}:file:${f}`), "not a hash");
      await world.type(20);
    },
  },
  {
    row: "35",
    name: "a log trimmed below a client's version → a reset that keeps what it typed",
    world: { typists: 3, mayReset: true },
    run: async (world) => {
      const { redis, project } = world;
      const [lost, ...others] = world.typists;
      await world.type(20);
      await world.settle();
      lost.leave();
      const { v, f, ep } = lost;
      await world.type(30, others);
      for (let i = 0; i < 5; i++) lost.type();
      const hash = `weft:{${project}}:file:${f}`;
      const content = () => redis.cli("HGET", hash, "content_version");
      await until(async () => Number(await content()) > v, "a checkpoint beyond it");
      await redis.cli("XTRIM", `weft:{${project}}:log:${f}`, "MINID", `${await content()}-0`);
      for (const server of world.instances) {
        await server.kill(); // what was trimmed is in no memory either
        await server.start();
      }
      lost.comeBack();
      await world.until(() => lost.open, "it to be back");
      assert.deepEqual([lost.resets, lost.ep], [1, ep]);
      await world.type(20);
    },
  },
  {
    row: "41",
    name: "Redis' clock jumps by an hour, both ways → nobody's text or number hangs on it",
    world: { redis: { env: ownClock } },
    run: async (world) => {
      const { redis } = world;
      const { ep } = world.typists[0];
      const seconds = async () => Number((await redis.cli("TIME"))[0]);
      for (const offset of [3600, -3600, 0]) {
        const before = await seconds();
        await writeFile(path.join(redis.folder, "time"), String(offset));
        await until(async () => Math.abs((await seconds()) - before) > 3000, "the clock to jump");
        await world.type(30);
        await world.settle();
      }
      assert.equal(world.typists[0].ep, ep);
      const guest = await Raw.join(world.instances[0].ws, { project: world.project });
      const seen = new Set(guest.me.peers.map(({ by }) => by));
      while (seen.size > world.typists.length) {
        const peer = await guest.next("peer"); // who made the file is shown for a moment more
        if (peer.on) seen.add(peer.by);
        else seen.delete(peer.by);
      }
      assert.equal(seen.size, world.typists.length);
      guest.close();
    },
  },
  {
    row: "42",
    name: "naughty strings as ids of projects, paths, names → no key, no command is made of them",
    run: async (world) => {
      const [a, b] = world.instances;
      const ann = await Raw.join(a.ws, { project: "paths", template: "blank" });
      let made = 0;
      const tryOut = async (/** @type {string} */ string, /** @type {number} */ i) => {
        const server = i % 2 ? a : b;
        const { raw, answer } = await knock(server.ws, { project: string, template: "blank" });
        if (!PROJECT_ID.test(string))
          assert.notEqual(answer.t, "welcome", JSON.stringify(string).slice(0, 80));
        raw.terminate();
        const named = await knock(server.ws, { project: "paths", name: string });
        named.raw.terminate();
      };
      for (let i = 0; i < STRINGS.length; i += 16)
        await Promise.all(STRINGS.slice(i, i + 16).map(tryOut));
      for (const [i, string] of STRINGS.entries()) {
        ann.send({ t: "create", path: string, text: string.replace(/\r\n?/g, "\n"), q: i });
        const { t } = await ann.next((m) => m.q === i || m.code === "bad_json");
        if (t === "ok") made++;
      }
      ann.send({ t: "list", q: "list" });
      const { files } = await ann.next("files");
      assert.equal(files.length, made);
      assert.equal(await world.redis.cli("HLEN", "weft:{paths}:tree"), made);
      await keysAreOurs(world);
      ann.close();
      await world.type(10);
    },
  },
  {
    row: "43",
    name: "patterns as projects → refused, never a PSUBSCRIBE",
    run: async (world) => {
      const [a] = world.instances;
      for (const project of ["*", "d*", "[d]emo", "dem?", "demo*", "{demo}", "weft:{demo}"]) {
        const { raw, answer } = await knock(a.ws, { project, template: "blank" });
        assert.notEqual(answer.t, "welcome", project);
        await world.type(3);
        assert.deepEqual(
          raw.messages.filter(({ t }) => t === "edit"),
          [],
        );
        raw.terminate();
      }
      assert.equal(await world.redis.cli("PUBSUB", "NUMPAT"), 0);
      assert.doesNotMatch(await world.redis.read("INFO", "commandstats"), /cmdstat_psubscribe/i);
    },
  },
  {
    row: "44",
    name: "people come to many rooms and leave → as many subscriptions as rooms that live",
    run: async (world) => {
      const { redis, random } = world;
      const channels = async () =>
        (await redis.cli("PUBSUB", "CHANNELS", "weft:{*")).filter((name) => name !== "weft:{demo}");
      const rooms = 100 * SCALE;
      const visit = async (/** @type {number} */ i) => {
        const server = world.instances[Math.floor(random() * 2)];
        const raw = await Raw.join(server.ws, { project: `room-${i}`, template: "blank" });
        await raw.settle();
        return raw;
      };
      /** @type {Raw[]} */
      let here = [];
      for (let i = 0; i < rooms; i += 20) {
        const came = await Promise.all(Array.from({ length: 20 }, (_, j) => visit(i + j)));
        for (const raw of here) raw.terminate();
        here = came;
      }
      const last = here.map((_, i) => `weft:{room-${rooms - 20 + i}}`).sort();
      await until(
        async () => String((await channels()).sort()) === String(last),
        "the subscriptions of the rooms that were left to end",
      );
      for (const raw of here) raw.terminate();
      await until(async () => (await channels()).length === 0, "the last to end");
      for (const server of world.instances)
        await until(async () => (await world.metric(server, "rooms")) <= 1, "the rooms to end");
      const clients = (await redis.read("CLIENT", "LIST", "TYPE", "pubsub")).trim().split("\n");
      assert.equal(clients.length, world.instances.length);
      await keysAreOurs(world);
      await world.type(10);
    },
  },
]);
