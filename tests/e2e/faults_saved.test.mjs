/** Faults of what is saved, and of loading and unloading it. Rows of docs/faults.md. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { saves } from "./lib/fake_mongo.mjs";
import { Raw } from "./lib/raw.mjs";
import { runRows } from "./lib/rows.mjs";
import { SHARED } from "./lib/server.mjs";
import { p99, turns } from "./lib/turns.mjs";
import { until } from "./lib/wait.mjs";
import { SCALE } from "./lib/world.mjs";

/** @typedef {import("./lib/world.mjs").World} World */
/** @typedef {import("./lib/fake_mongo.mjs").Call} Call */

/** Saved at once, tried again soon; what fails three times is an alarm. */
const SAVE = { after_ms: 100, retry_ms: 50, alarm_tries: 3, rate: { count: 1000, ms: 1000 } };
const SAVED = { saved: true, typists: 1, config: { save: SAVE } };

/** A MongoDB for tests may be a slow program on a busy machine; how long it takes is not ours. */
const SLOW_MS = 240_000;

/** @param {World} world @param {(call: Call) => import("./lib/fake_mongo.mjs").Fault | null} rule */
const obey = (world, rule) => world.stores.forEach((store) => (store.rule = rule));
const comply = () => null;

/** Nothing of the project is in Redis. @param {World} world @param {string} project */
const unloaded = (world, project) =>
  until(
    async () => (await world.redis.cli("KEYS", `weft:{${project}}:*`)).length === 0,
    () => `${project} to be unloaded`,
  );

/** @param {World} world @param {string} project */
const documents = ({ mongo }, project) =>
  mongo.db.collection("files").find({ project }).sort({ file: 1 }).toArray();

/** @param {any} raw @param {string} path @param {string} text */
async function create(raw, path, text) {
  const q = ++raw.questions || (raw.questions = 1);
  raw.send({ t: "create", path, text, q });
  const answer = await raw.next((/** @type {any} */ m) => m.q === q);
  assert.equal(answer.t, "ok", JSON.stringify({ path, answer }));
  return answer.f;
}

/** A project of these files, which nobody has open any more. @param {World} world @param {string} project @param {Record<string, string>} files */
async function makeCold(world, project, files) {
  const raw = await Raw.join(world.cluster.url(), { project, template: "blank" });
  for (const [path, text] of Object.entries(files)) await create(raw, path, text);
  raw.close();
  await unloaded(world, project);
}

/** What a hello brings: welcome, an error, or the end of the connection. @param {string} url @param {any} project */
async function knock(url, project) {
  const raw = await Raw.open(url);
  raw.send({ t: "hello", v: 1, project });
  const isAnswer = (/** @type {any} */ m) => m.t === "welcome" || m.t === "error";
  const answer = await raw.next(isAnswer).catch(() => ({ t: "closed", code: raw.closed?.code }));
  raw.me = answer;
  return { raw, answer };
}

/** Joins, however often it takes. @param {World} world @param {string} project */
const join = (world, project) =>
  until(async () => {
    const { raw, answer } = await knock(world.cluster.url(), project);
    if (answer.t === "welcome") return raw;
    raw.close();
    return null;
  }, `a welcome to ${project}`);

/** @param {any} raw @param {string} path */
async function open(raw, path) {
  raw.send({ t: "open", path });
  return raw.next((/** @type {any} */ m) => m.t === "file" && m.path === path);
}

/** @param {any} raw @param {any} file @param {number} n @param {string} text */
async function append(raw, file, n, text) {
  const { f, v, len } = file;
  raw.send({ t: "edit", f, v, n, c: [...(len ? [len] : []), [0, ...text.split("\n")]] });
  const answer = await raw.next((/** @type {any} */ m) => m.t === "ack" || m.t === "error");
  if (answer.t === "ack") Object.assign(file, { v: answer.v, len: len + text.length });
  return answer;
}

/** The writes of `files` in a bulk that a rule lets fail. @param {string} id @param {number} code */
const refuse = (id, code) =>
  saves(({ writes }) => {
    const index = writes.findIndex(({ q }) => q._id === id);
    return index < 0 ? null : { writeErrors: new Map([[index, code]]) };
  });

/** @param {World} world */
const failing = async (world) =>
  (
    await Promise.all(world.instances.map((server) => world.metric(server, "projects_failing")))
  ).some((count) => count > 0);

/** Documents that no program should have written. @type {[name: string, change: object, files?: object[]][]} */
const MALFORMED = [
  ["no text", { $unset: { text: 1 } }],
  ["a text that is a number", { $set: { text: 7 } }],
  ["a text with U+0000", { $set: { text: "a\0b" } }],
  ["a text of 9 MB", { $set: { text: "x".repeat(9 << 20) } }],
  ["no version", { $unset: { version: 1 } }],
  ["a version below 0", { $set: { version: -1 } }],
  ["a version that is no whole number", { $set: { version: 1.5 } }],
  ["a rev that is a text", { $set: { rev: "7" } }],
  ["a path that leaves the project", { $set: { path: "../../etc/passwd" } }],
  ["a path that is a document", { $set: { path: { $ne: null } } }],
  ["the path of another", { $set: { path: "b.txt" } }],
  ["seen that is no list", { $set: { seen: "all" } }],
];

/** Names that mean something to MongoDB, to BSON, to JavaScript or to a shell. */
const NAMES = [
  ..."$set $where .hidden.x a.b.c $ne.x {} [] () ; ' \" ` & | * ? ! # % + = ~ @ ^ , é 漢字 😀".split(
    " ",
  ),
  ..."__proto__ constructor null undefined true NaN 0 -1 1e9 _id ObjectId()".split(" "),
  "with space.txt",
  "deep/$or/{$gt:1}/x.js",
  "'; DROP TABLE files; --",
  "<script>alert(1)<",
];
/** And the Big List of Naughty Strings, where it is at hand. @type {string[]} */
const NAUGHTY = SHARED ? JSON.parse(readFileSync(path.join(SHARED, "blns.json"), "utf8")) : [];

runRows(
  "faults of what is saved",
  [
    {
      row: "4",
      name: "killed between claim and save → another saves, when the lease is over",
      world: { ...SAVED, config: { save: { ...SAVE, lease_ms: 3000 } } },
      run: async (world) => {
        const [a] = world.instances;
        const [store, other] = world.stores;
        for (let cycle = 0; cycle < SCALE; cycle++) {
          store.rule = saves({ hang: true });
          const held = store.saves.length;
          await world.type(() => store.saves.length > held);
          await a.kill();
          const begin = performance.now();
          const made = other.saves.length;
          await until(() => other.saves.slice(made).some(({ end }) => end < Infinity), "a save");
          const took = performance.now() - begin;
          world.note(
            `saved by another ${Math.round(took)} ms after the end of a lease of 3,000 ms`,
          );
          assert.ok(took < 3000 + 2500, `${took} ms`); // and what it takes to ask, twice a second
          store.rule = comply;
          await a.start();
        }
      },
    },
    {
      row: "16",
      name: "a save and a load end after their room was closed → nothing is touched that is gone",
      world: { ...SAVED, mongoQuery: "socketTimeoutMS=30000" },
      run: async (world) => {
        /** @type {(value?: unknown) => void} */
        let letGo = () => {};
        const late = new Promise((resolve) => (letGo = resolve));
        const [{ ws }] = world.instances;
        await makeCold(world, "cold", { "a.txt": "cold" });
        obey(world, ({ name, on, body, writes }) =>
          writes.some(({ q }) => q?._id === "left/1") ||
          (name === "find" && on === "projects" && body.filter._id === "cold")
            ? { until: late }
            : null,
        );
        const raw = await Raw.join(ws, { project: "left", template: "blank" });
        await create(raw, "a.txt", "left");
        const isHeld = (/** @type {RegExp} */ pattern) => () =>
          world.stores.some(({ calls }) =>
            calls.some(({ end, body }) => end === Infinity && pattern.test(JSON.stringify(body))),
          );
        await until(isHeld(/"left\/1"/), "the save");
        raw.close();
        const guest = await Raw.open(ws);
        guest.send({ t: "hello", v: 1, project: "cold" });
        await until(isHeld(/"_id":"cold"/), "the load");
        guest.terminate();
        const rooms = async () => (await world.metric(world.instances[0], "rooms")) <= 1;
        await until(rooms, "the rooms to be closed");
        letGo();
        obey(world, comply);
        await unloaded(world, "left");
        assert.equal((await documents(world, "left"))[0].text, "left");
        (await join(world, "cold")).close();
      },
    },
    {
      row: "50",
      name: "a text at its limit is saved, one unit more is refused to who types it",
      world: SAVED,
      run: async (world) => {
        const limit = 4 << 20;
        const raw = await Raw.join(world.cluster.url(), { project: "big", template: "blank" });
        await create(raw, "a.txt", "");
        const file = await open(raw, "a.txt");
        for (let n = 1; n <= 4; n++)
          assert.equal((await append(raw, file, n, "x".repeat(limit / 4))).t, "ack");
        const refused = await append(raw, file, 5, "y");
        assert.deepEqual([refused.t, refused.code], ["error", "too_big"]);
        const isThere = async () => (await documents(world, "big"))[0]?.size === limit;
        await until(isThere, "the text to be saved");
        raw.close();
        await unloaded(world, "big");
        const again = await join(world, "big");
        assert.equal((await open(again, "a.txt")).text, "x".repeat(limit));
        again.close();
      },
    },
    {
      row: "50",
      name: "MongoDB takes only smaller documents → an alarm for that file, the others are saved",
      world: SAVED,
      run: async (world) => {
        for (const store of world.stores) {
          store.maxBson = 1 << 20;
          store.cut();
        }
        const raw = await Raw.join(world.cluster.url(), { project: "big", template: "blank" });
        await create(raw, "big.txt", "x".repeat(1.2e6));
        for (let i = 0; i < 10; i++) await create(raw, `${i}.txt`, `small ${i}`);
        await until(async () => (await documents(world, "big")).length === 10, "the others");
        await until(() => failing(world), "the alarm");
        await create(raw, "later.txt", "later");
        await until(async () => (await documents(world, "big")).length === 11, "the next");
        const dirty = () => world.redis.cli("ZRANGE", "weft:{big}:dirty", 0, -1);
        await until(async () => String(await dirty()) === "1", "only it to be dirty");
        for (const store of world.stores) {
          store.maxBson = 0;
          store.cut();
        }
        await until(async () => (await documents(world, "big"))[0].size === 1.2e6, "it too");
        raw.close();
      },
    },
    {
      row: "51",
      name: "one file always fails → the others go on, an alarm, the project stays loaded, for ever tried",
      world: { ...SAVED, instances: 1 },
      run: async (world) => {
        obey(world, refuse("bad/1", 50));
        const raw = await Raw.join(world.cluster.url(), { project: "bad", template: "blank" });
        await create(raw, "bad.txt", "bad");
        await create(raw, "good.txt", "");
        const file = await open(raw, "good.txt");
        for (let n = 1; n <= 5; n++) {
          await append(raw, file, n, `${n}`);
          const isSaved = async () => (await documents(world, "bad"))[0]?.version === file.v;
          await until(isSaved, "the other to be saved");
        }
        await until(() => failing(world), "the alarm");
        assert.match(
          world.instances.map(({ log }) => log).join(""),
          /level=error msg="save failed" project=bad tries=3/,
        );
        raw.close();
        const tries = () => world.stores.flatMap((store) => store.saves).length;
        const before = tries();
        await until(() => tries() > before + 2, "it to be tried again");
        assert.ok((await world.redis.cli("KEYS", "weft:{bad}:*")).length > 0);
        obey(world, comply);
        await unloaded(world, "bad");
        assert.deepEqual(
          (await documents(world, "bad")).map(({ text }) => text),
          ["bad", "12345"],
        );
        await until(async () => !(await failing(world)), "the alarm to end");
      },
    },
    {
      row: "52",
      name: "names that are operators, numbers, code → values, never keys; the same after a load",
      world: SAVED,
      run: async (world) => {
        const maker = await Raw.join(world.cluster.url(), { project: "names", template: "blank" });
        /** @type {[path: string, text: string][]} */
        const files = NAMES.map((name, i) => [name, `text ${i}`]);
        for (const [path, text] of files) await create(maker, path, text);
        for (const path of NAUGHTY) {
          maker.send({ t: "create", path, text: "naughty", q: "n" });
          const { t, code } = await maker.next((/** @type {any} */ m) => m.q === "n");
          if (t === "ok") files.push([path, "naughty"]);
          else assert.match(code, /^(bad_path|exists|bad_message)$/, path);
        }
        maker.close();
        await unloaded(world, "names");
        const stored = await documents(world, "names");
        assert.deepEqual(
          stored.map(({ path, text }) => [path, text]),
          files,
        );
        world.note(`${files.length} names, ${NAUGHTY.length} strings tried`);
        const keys = new Set(stored.flatMap((document) => Object.keys(document)));
        for (const key of keys) assert.match(key, /^[a-z_]+$/);
        const raw = await join(world, "names");
        for (const [path, text] of files) {
          const file = await open(raw, path);
          assert.equal(file.text, text);
          raw.send({ t: "close", f: file.f });
        }
        raw.close();
      },
    },
    {
      row: "53",
      name: "an operator in the place of an id → refused, MongoDB is never asked",
      world: SAVED,
      run: async (world) => {
        const [{ ws, url }] = world.instances;
        const ids = [{ $ne: null }, { $gt: "" }, ["demo"], { $where: "1" }, 7, true, null, "$ne"];
        for (const id of ids) {
          const { raw, answer } = await knock(ws, id);
          assert.notEqual(answer.t, "welcome", JSON.stringify(id));
          raw.close();
          const body = JSON.stringify({ id, template: "blank" });
          const posted = await fetch(`${url}/api/v1/projects`, { method: "POST", body });
          assert.ok(posted.status >= 400 && posted.status < 500, `${posted.status}`);
        }
        const asked = world.stores.flatMap(({ calls }) => calls);
        for (const { body } of asked.filter(({ name }) => name === "find"))
          assert.equal(typeof (body.filter._id ?? body.filter.project), "string");
      },
    },
    {
      row: "54",
      name: "stored documents that cannot be understood → refused in words, never written over",
      world: SAVED,
      run: async (world) => {
        const files = world.mongo.db.collection("files");
        await makeCold(world, "broken", { "a.txt": "a", "b.txt": "b" });
        const [good] = await documents(world, "broken");
        for (const [name, change] of MALFORMED) {
          await files.updateOne({ _id: good._id }, change);
          const [before] = await documents(world, "broken");
          const [{ ws }] = world.instances;
          const { raw, answer } = await knock(ws, "broken");
          assert.notEqual(answer.t, "welcome", name);
          raw.close();
          assert.deepEqual((await documents(world, "broken"))[0], before, name);
          await files.replaceOne({ _id: good._id }, good);
        }
        const raw = await join(world, "broken");
        assert.equal((await open(raw, "a.txt")).text, "a");
        raw.close();
      },
    },
    {
      row: "62",
      name: "1,000 files of one project changed at once → a few bulk writes, little memory, a quick loop",
      world: { ...SAVED, config: { save: { ...SAVE, after_ms: 3000 } } },
      run: async (world) => {
        const [server] = world.instances;
        const raw = await Raw.join(server.ws, { project: "many", template: "blank" });
        for (let i = 1; i <= 1000; i++)
          raw.send({ t: "create", path: `${i}.txt`, text: `${i} `.repeat(1000), q: i });
        await raw.next((/** @type {any} */ m) => m.q === 1000);
        const [begin, made] = [
          await turns(server),
          world.stores.map(({ saves: { length } }) => length),
        ];
        const before = residentBytes(server);
        let most = 0;
        const isSaved = () => {
          most = Math.max(most, residentBytes(server));
          return written(world, /^many/) === 1000;
        };
        await until(isSaved, "all of it to be saved", SLOW_MS);
        const bulks = world.stores.flatMap((store, i) => store.saves.slice(made[i]));
        const writes = bulks.flatMap((bulk) => bulk.writes.filter(({ q }) => /^many/.test(q._id)));
        const busy = p99(begin, await turns(server));
        world.note(
          `${bulks.length} bulk writes, ${writes.length} files, ${(most - before) >> 20} MB more, ` +
            `p99 of turns below ${busy} ms`,
        );
        assert.ok(writes.length <= 1100 && bulks.every((bulk) => bulk.writes.length <= 64));
        assert.ok(most - before < 100 << 20, `${most - before} bytes`);
        assert.ok(busy <= 10, `${busy} ms`);
        raw.close();
      },
    },
    {
      row: "62",
      name: "1,000 files of 40 projects changed at once → never more at once, and in any stretch, than is set",
      world: {
        ...SAVED,
        instances: 1,
        config: {
          save: { ...SAVE, after_ms: 2000, concurrency: 2, rate: { count: 10, ms: 2000 } },
        },
      },
      run: async (world) => {
        const [server] = world.instances;
        const [store] = world.stores;
        const raws = [];
        store.rule = saves({ delayMs: 100 });
        const begin = await turns(server);
        for (let i = 0; i < 40; i++) {
          const raw = await Raw.join(server.ws, { project: `p${i}`, template: "blank" });
          for (let f = 1; f <= 25; f++) raw.send({ t: "create", path: `${f}`, text: "x", q: f });
          await raw.next((/** @type {any} */ m) => m.q === 25);
          raws.push(raw);
        }
        await until(() => written(world, /^p/) === 1000, "all of it to be saved", SLOW_MS);
        const { saves: made } = store;
        const atOnce = Math.max(
          ...made.map((a) => made.filter((b) => b.begin <= a.begin && a.begin < b.end).length),
        );
        const stretches = made.map(
          (a) => made.filter((b) => b.begin >= a.begin && b.begin < a.begin + 1900).length,
        );
        const busy = p99(begin, await turns(server));
        world.note(
          `${made.length} jobs, ${atOnce} at once, ${Math.max(...stretches)} in any 1.9 s, ` +
            `p99 of turns below ${busy} ms`,
        );
        assert.ok(atOnce <= 2);
        assert.ok(Math.max(...stretches) <= 10);
        assert.ok(made.length >= 40 && busy <= 10);
        for (const raw of raws) raw.close();
      },
    },
    {
      row: "63",
      name: "a last leave races a first join → it has what was typed before, or waits for it",
      world: SAVED,
      run: async (world) => {
        let races = 0;
        const race = async (/** @type {number} */ i) => {
          const project = `race-${i}`;
          let expected = "";
          await makeCold(world, project, { "a.txt": "" });
          for (let round = 0; round < 5 * SCALE; round++) {
            const raw = await join(world, project);
            const file = await open(raw, "a.txt");
            assert.equal(file.text, expected, project);
            const word = `<${round}>`;
            assert.equal((await append(raw, file, 1, word)).t, "ack");
            expected += word;
            raw.close();
            races += 1;
            // An unload comes some 1.6 s after the last save: around it is where it is narrow.
            const pause = 1200 + 900 * world.random();
            await new Promise((resolve) => setTimeout(resolve, pause));
          }
          await unloaded(world, project);
          assert.equal((await documents(world, project))[0].text, expected);
        };
        await Promise.all(Array.from({ length: 30 }, (_, i) => race(i)));
        const unloads = await Promise.all(
          world.instances.map((s) => world.metric(s, "unloads_total")),
        );
        world.note(`${races} joins, ${unloads.reduce((a, b) => a + b)} unloads`);
      },
    },
    {
      row: "64",
      name: "50 joins at once to a cold project → one load, and where it fails all hear it",
      world: SAVED,
      run: async (world) => {
        await makeCold(world, "cold", { "a.txt": "cold" });
        const finds = (/** @type {string} */ on) =>
          world.stores.flatMap(({ calls }) =>
            calls.filter(
              ({ name, on: where, body }) =>
                name === "find" && where === on && Object.values(body.filter).includes("cold"),
            ),
          ).length;
        const [projects, files] = [finds("projects"), finds("files")];
        obey(world, ({ name }) => (name === "find" ? { delayMs: 300 } : null));
        const guests = await Promise.all(
          Array.from({ length: 50 }, (_, i) => knock(world.instances[i % 2].ws, "cold")),
        );
        assert.deepEqual([...new Set(guests.map(({ answer }) => answer.t))], ["welcome"]);
        assert.deepEqual([finds("projects") - projects, finds("files") - files], [1, 1]);
        for (const { raw } of guests) raw.close();
        obey(world, comply);
        await unloaded(world, "cold");
        await world.mongo.db
          .collection("files")
          .updateOne({ project: "cold" }, { $set: { rev: -1 } });
        const refused = await Promise.all(
          Array.from({ length: 50 }, (_, i) => knock(world.instances[i % 2].ws, "cold")),
        );
        assert.ok(refused.every(({ answer }) => answer.t !== "welcome"));
        for (const { raw } of refused) raw.close();
      },
    },
    {
      row: "65",
      name: "a load fails, and then not → who waited hears it or is let in, nothing is left half built",
      world: SAVED,
      run: async (world) => {
        await makeCold(world, "cold", { "a.txt": "cold" });
        obey(world, ({ name }) => (name === "find" ? { error: 50 } : null));
        const [{ ws }] = world.instances;
        const { raw, answer } = await knock(ws, "cold");
        assert.notEqual(answer.t, "welcome");
        raw.close();
        obey(world, comply);
        const guest = await join(world, "cold");
        const file = await open(guest, "a.txt");
        assert.equal(file.text, "cold");
        assert.equal((await append(guest, file, 1, "er")).t, "ack");
        guest.close();
        await unloaded(world, "cold");
        assert.equal((await documents(world, "cold"))[0].text, "colder");
      },
    },
    {
      row: "66",
      name: "a version ahead of the head, or another epoch → the text, and the epoch stays",
      world: SAVED,
      run: async (world) => {
        await makeCold(world, "cold", { "a.txt": "cold" });
        const raw = await join(world, "cold");
        const { ep } = raw.me;
        const isFile = (/** @type {any} */ m) => m.t === "file" || m.t === "synced";
        /** @type {[v: number, ep: string, reset: string][]} */
        const table = [
          [1000, ep, "ahead"],
          [2 ** 52, ep, "ahead"],
          [0, "99.other", "epoch"],
          [1000, "0.older", "epoch"],
        ];
        for (const [v, of, reset] of table) {
          raw.send({ t: "open", f: 1, v, ep: of });
          const { t, ep: now, text, reset: why } = await raw.next(isFile);
          assert.deepEqual([t, now, text, why], ["file", ep, "cold", reset]);
          raw.send({ t: "close", f: 1 });
        }
        raw.send({ t: "open", f: 1, v: -1, ep });
        assert.equal((await raw.next("error")).code, "bad_message");
        raw.close();
      },
    },
  ],
  4,
);

/** Files that were written and acknowledged, as the stores saw it. @param {World} world @param {RegExp} ids */
function written({ stores }, ids) {
  const done = stores.flatMap((store) => store.saves.filter(({ end }) => end < Infinity));
  const all = done.flatMap(({ writes }) => writes.map(({ q }) => q._id));
  return new Set(all.filter((id) => ids.test(id))).size;
}

/** @param {import("./lib/server.mjs").Server} server @returns {number} bytes in memory */
function residentBytes(server) {
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}
