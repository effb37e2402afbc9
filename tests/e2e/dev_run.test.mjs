/** `./dev run --redis` and `--all`, as they are typed: two servers, one room, and nothing left when it ends. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { MongoClient } from "mongodb";
import { NO_MONGO } from "./lib/mongo.mjs";
import { Raw } from "./lib/raw.mjs";
import { NO_REDIS } from "./lib/redis.mjs";
import { WEFTD } from "./lib/server.mjs";
import { until, within } from "./lib/wait.mjs";

const DEV = fileURLToPath(new URL("../../dev", import.meta.url));

/**
 * The processes of a run: its mark is in their environment, which Redis overwrites, but that one works in the folder.
 * @param {string} folder @returns {Promise<string[]>} their names
 */
async function living(folder) {
  const found = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => "");
    if (environment.includes(`WEFT_TEST_RUN=${folder}`) || cwd.startsWith(folder))
      found.push((await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trim());
  }
  return found.filter((name) => name !== "").sort();
}

/** @param {any} t @param {"--redis" | "--all"} what @param {string[]} flags */
async function run(t, what, ...flags) {
  const folder = await mkdtemp(path.join(tmpdir(), "weft-dev-"));
  const child = spawn(DEV, ["run", what, "--port", "0", `--data=${folder}/data`, ...flags], {
    env: { ...process.env, WEFTD, WEFT_DRAIN_IN_MS: "300", WEFT_TEST_RUN: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  const it = { child, folder, exited, out: "", log: "" };
  child.stdout.on("data", (data) => (it.out += data));
  child.stderr.on("data", (data) => (it.log += data));
  t.after(async () => {
    child.kill("SIGTERM");
    await exited;
    await rm(folder, { recursive: true });
  });
  return it;
}

test(
  "./dev run --redis: what is typed at one address is seen at the other",
  { skip: NO_REDIS },
  async (t) => {
    const it = await run(t, "--redis", "--host", "127.0.0.1");
    const addresses = () => [...it.out.matchAll(/^ready http:(\/\/127\.0\.0\.1:\d+\/)$/gm)];
    await until(
      () => addresses().length === 2,
      () => `two addresses, not ${it.out}\n${it.log}`,
    );
    assert.match(it.log, /^Redis: redis:\/\/127\.0\.0\.1:\d+, its journal in /m);
    const [a, b] = addresses().map(([, address]) => `ws:${address}`);
    const ann = await Raw.join(a, { project: "demo", template: "blank", name: "Ann" });
    ann.send({ t: "create", path: "a.txt", text: "one", q: 1 });
    const { f } = await ann.next("ok");
    const bob = await Raw.join(b, { project: "demo", name: "Bob" });
    assert.notEqual(bob.me.inst, ann.me.inst);
    for (const client of [ann, bob]) {
      client.send({ t: "open", f });
      await client.next("file");
    }
    ann.send({ t: "edit", f, at: 3, ins: " two" });
    assert.deepEqual((await bob.next("edit")).c, [3, [0, " two"]]);

    it.child.kill("SIGTERM");
    assert.deepEqual(await within(it.exited, "the end"), [0, null]);
    assert.deepEqual(await living(it.folder), []);
  },
);

test("./dev run --redis ends when one of its servers does", { skip: NO_REDIS }, async (t) => {
  const it = await run(t, "--redis", "--host", "nowhere");
  assert.deepEqual(await within(it.exited, "the end"), [1, null]);
  assert.match(it.log, /nowhere is not an address/);
  assert.deepEqual(await living(it.folder), []);
});

test(
  "./dev run --all: what is typed is in MongoDB, a worker waits for jobs, and all end together",
  { skip: NO_REDIS || NO_MONGO },
  async (t) => {
    const it = await run(t, "--all", "--host", "127.0.0.1");
    const addresses = () => [...it.out.matchAll(/^ready http:(\/\/127\.0\.0\.1:\d+\/)$/gm)];
    await until(
      () => addresses().length === 2 && /^worker ready worker$/m.test(it.out),
      () => `two addresses and a worker, not ${it.out}\n${it.log}`,
    );
    const uri = it.log.match(/^MongoDB: (mongodb:\/\/127\.0\.0\.1:\d+\/weft), its files in /m)?.[1];
    assert.ok(uri, it.log);
    const ann = await Raw.join(`ws:${addresses()[1][1]}`, { project: "demo", template: "blank" });
    ann.send({ t: "create", path: "a.txt", text: "one", q: 1 });
    const { f } = await ann.next("ok");
    ann.send({ t: "open", f });
    await ann.next("file");
    ann.send({ t: "edit", f, at: 3, ins: " two" });
    await ann.next("saved");
    const client = new MongoClient(uri);
    t.after(() => client.close());
    const stored = await client.db().collection("files").findOne({ project: "demo" });
    assert.equal(stored?.text, "one two");
    await client.close();

    it.child.kill("SIGINT");
    assert.deepEqual(await within(it.exited, "the end"), [0, null]);
    assert.deepEqual(await living(it.folder), []);
  },
);
