/** One server with a data folder whose projects are saved to MongoDB: the same documents as with Redis. */
import assert from "node:assert/strict";
import { rename, rm } from "node:fs/promises";
import { test } from "node:test";
import { NO_MONGO, startMongo } from "./lib/mongo.mjs";
import { Raw } from "./lib/raw.mjs";
import { startServer } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const skip = NO_MONGO;
const config = { save: { after_ms: 200, retry_ms: 50 } };

/** @param {any} t @param {{env?: Record<string, string>}} [more] */
async function start(t, more = {}) {
  const mongo = await startMongo(t);
  const env = { MONGODB_URI: mongo.uri, ...more.env };
  const server = await startServer(t, { config, env });
  return { mongo, server, files: mongo.db.collection("files"), db: mongo.db };
}

/** @param {any} server @param {string} [project] */
const join = (server, project = "demo") => Raw.join(server.ws, { project, template: "blank" });

/** A new file, open. @param {Raw} raw @param {string} path @param {string} text */
async function make(raw, path, text) {
  raw.send({ t: "create", path, text, q: 1 });
  const { f } = await raw.next("ok");
  raw.send({ t: "open", f });
  return raw.next("file");
}

/** Types words at the start of a file, one edit each. @param {Raw} raw @param {number} f @param {string[]} words */
async function type(raw, f, words) {
  let v = 0;
  for (const ins of words) {
    raw.send({ t: "edit", f, at: 0, ins });
    v = (await raw.next("ack")).v;
  }
  return v;
}

/** Waits until a file is told to be saved at that version. @param {Raw} raw @param {number} f @param {number} v */
async function hearSaved(raw, f, v) {
  for (;;) {
    const { files } = await raw.next("saved", 20_000);
    if (files.some((/** @type {number[]} */ [file, at]) => file === f && at >= v)) return;
  }
}

/** What people see of a project, by path, as HTTP gives it. @param {any} server @param {string} [project] */
async function shown(server, project = "demo") {
  const url = `${server.url}/api/v1/projects/${project}`;
  const { files } = await (await fetch(url)).json();
  const texts = {};
  for (const { path } of files) texts[path] = await (await fetch(`${url}/files/${path}`)).text();
  return texts;
}

/** The same of MongoDB. @param {any} files @param {string} [project] */
async function stored(files, project = "demo") {
  const found = await files.find({ project, deleted: { $ne: true } }).toArray();
  return Object.fromEntries(found.map((/** @type {any} */ { path, text }) => [path, text]));
}

/** Waits until MongoDB has what people see. @param {any} server @param {any} files @param {string} [project] */
async function untilSaved(server, files, project = "demo") {
  const want = await shown(server, project);
  const isSame = async () => {
    const have = await stored(files, project);
    return (
      Object.keys(have).length === Object.keys(want).length &&
      Object.entries(want).every(([path, text]) => have[path]?.replaceAll("\r\n", "\n") === text)
    );
  };
  await until(isSame, () => `MongoDB to have ${JSON.stringify(want)}`);
  return want;
}

test("edits while MongoDB is away are saved when it is back", { skip }, async (t) => {
  const { mongo, server, files, db } = await start(t);
  const ann = await join(server);
  assert.equal(ann.me.store, "mongodb");
  const { f } = await make(ann, "src/a.txt", "ä😀\n");
  await hearSaved(ann, f, await type(ann, f, ["one "]));
  assert.deepEqual(await stored(files), { "src/a.txt": "one ä😀\n" });
  const before = await files.findOne({ path: "src/a.txt" });

  await mongo.kill();
  const v = await type(ann, f, ["two ", "three "]);
  await until(() => /"save failed" project=demo/.test(server.log), "a save to fail");
  await ann.settle();
  assert.deepEqual(
    ann.messages.filter((m) => m.t === "saved"),
    [],
  );
  const { files: listed } = await (await fetch(`${server.url}/api/v1/projects/demo`)).json();
  assert.equal(listed[0].s, Number(before?.version));

  await mongo.start();
  await hearSaved(ann, f, v);
  const after = await files.findOne({ path: "src/a.txt" });
  assert.ok(Buffer.from(after?.text).equals(Buffer.from("three two one ä😀\n")));
  assert.deepEqual(await shown(server), { "src/a.txt": after?.text });
  assert.equal(Number(after?.version), v);
  assert.ok(Number(after?.rev) > Number(before?.rev));
  assert.deepEqual(
    after?.seen.map((/** @type {any} */ { n }) => Number(n)),
    [3],
  );
  const project = await db.collection("projects").findOne({});
  assert.equal(project?.epoch, ann.me.ep);
  assert.ok(project?.live);
  ann.close();
});

test("unsaved edits of a killed server are saved by its next start", { skip }, async (t) => {
  const { mongo, server, files } = await start(t);
  const ann = await join(server);
  const a = await make(ann, "a.txt", "");
  const b = await make(ann, "b.txt", "b");
  await hearSaved(ann, a.f, await type(ann, a.f, ["1 "]));
  await untilSaved(server, files);
  await mongo.kill();
  const v = await type(ann, a.f, ["2 ", "3 ", "4 "]);
  const c = await make(ann, "c.txt", "made while it was away");
  ann.send({ t: "rename", f: b.f, path: "d.txt", q: 7 });
  await ann.next("ok");
  await server.kill();
  await mongo.start();
  await server.start();
  // Nobody comes, and it is saved all the same: the texts, and each once.
  const want = { "a.txt": "4 3 2 1 ", "c.txt": "made while it was away", "d.txt": "b" };
  const isThere = async () => {
    const have = await stored(files);
    return JSON.stringify(Object.entries(have).sort()) === JSON.stringify(Object.entries(want));
  };
  await until(isThere, "what was not saved");
  assert.deepEqual(await shown(server), want);
  assert.equal(Number((await files.findOne({ path: "a.txt" }))?.version), v);
  const again = await Raw.join(server.ws, { project: "demo" });
  assert.equal(again.me.ep, ann.me.ep);
  again.send({ t: "open", f: c.f });
  await again.next("file");
  await hearSaved(again, c.f, await type(again, c.f, ["and "]));
  assert.equal((await stored(files))["c.txt"], "and made while it was away");
  again.close();
});

test("renames and deletions reach MongoDB, also over a restart", { skip }, async (t) => {
  const { mongo, server, files } = await start(t);
  const ann = await join(server);
  const a = await make(ann, "src/a.txt", "a");
  await make(ann, "src/b.txt", "b");
  await make(ann, "old/c.txt", "c");
  await make(ann, "old/d.txt", "d");
  await untilSaved(server, files);
  ann.send({ t: "rename", f: a.f, path: "main.txt", q: 2 });
  await ann.next("ok");
  ann.send({ t: "delete", from: "old/", q: 3 });
  await ann.next("ok");
  const want = { "main.txt": "a", "src/b.txt": "b" };
  assert.deepEqual(await untilSaved(server, files), want);
  assert.equal(await files.countDocuments({ project: "demo", deleted: true }), 2);

  await mongo.kill();
  ann.send({ t: "delete", f: a.f, q: 4 });
  await ann.next("ok");
  await server.kill();
  await mongo.start();
  await server.start();
  assert.deepEqual(await untilSaved(server, files), { "src/b.txt": "b" });
  const gone = await files.findOne({ file: a.f });
  assert.deepEqual([gone?.deleted, gone?.text], [true, undefined]);
});

test("an empty folder gets its projects from MongoDB, under a new epoch", { skip }, async (t) => {
  const { server, files, db } = await start(t);
  const made = await fetch(`${server.url}/api/v1/projects`, {
    method: "POST",
    body: JSON.stringify({ id: "demo", template: "vanilla", name: "A demo" }),
  });
  assert.equal(made.status, 201);
  const ann = await join(server);
  const { f } = await make(ann, "a.txt", "kept\n");
  const v = await type(ann, f, ["is "]);
  await hearSaved(ann, f, v);
  const before = await untilSaved(server, files);
  assert.ok(Object.keys(before).length >= 4);
  await server.stop();
  await rename(server.data, `${server.folder}/lost`);
  await server.start();

  const again = await Raw.join(server.ws, { project: "demo" });
  assert.notEqual(again.me.ep, ann.me.ep);
  assert.ok(parseInt(again.me.ep, 10) > parseInt(ann.me.ep, 10));
  const { name } = await (await fetch(`${server.url}/api/v1/projects/demo`)).json();
  assert.equal(name, "A demo");
  assert.deepEqual(await shown(server), before);
  again.send({ t: "open", f, v, ep: ann.me.ep });
  assert.equal((await again.next("file")).v, v);
  await hearSaved(again, f, await type(again, f, ["this "]));
  assert.equal((await stored(files))["a.txt"], "this is kept\n");
  const epochs = await files.distinct("epoch", { project: "demo" });
  assert.deepEqual(epochs.map(Number), [parseInt(again.me.ep, 10)]);
  const project = await db.collection("projects").findOne({});
  assert.equal(project?.epoch, again.me.ep);
  again.close();

  // The folder that was lost comes back: what it had is over, and it says so instead of saving.
  const was = await stored(files);
  await server.stop();
  await rm(server.data, { recursive: true });
  await rename(`${server.folder}/lost`, server.data);
  await server.start();
  const bob = await Raw.join(server.ws, { project: "demo" });
  bob.send({ t: "open", f });
  await bob.next("file");
  await type(bob, f, ["not "]);
  await until(
    () => /"save failed" project=demo .*another server has this project/.test(server.log),
    "the alarm",
  );
  assert.deepEqual(await stored(files), was);
  bob.close();
});

test("a folder that had no MongoDB saves all it has", { skip }, async (t) => {
  const server = await startServer(t, { config });
  for (const project of ["one", "two"]) {
    const ann = await join(server, project);
    const { f } = await make(ann, "a.txt", "text\r\n");
    await make(ann, "b.txt", "");
    await hearSaved(ann, f, await type(ann, f, [`${project} `]));
    ann.close();
  }
  await server.stop();
  const mongo = await startMongo(t);
  server.options.env = { MONGODB_URI: mongo.uri };
  await server.start();
  const files = mongo.db.collection("files");
  for (const project of ["one", "two"])
    await until(
      async () => (await stored(files, project))["a.txt"] === `${project} text\r\n`,
      "what was there before",
    );
  await untilSaved(server, files, "two");
  const projects = await mongo.db.collection("projects").find().toArray();
  assert.deepEqual(projects.map(({ _id }) => String(_id)).sort(), ["one", "two"]);
  assert.ok(projects.every(({ live }) => live === projects[0].live));
});

test("what another server has in MongoDB is not written over", { skip }, async (t) => {
  const { mongo, server, files } = await start(t);
  const ann = await join(server);
  await make(ann, "a.txt", "hers");
  await untilSaved(server, files);
  const other = await startServer(t, { config });
  const bob = await join(other);
  const { f } = await make(bob, "a.txt", "his");
  await hearSaved(bob, f, await type(bob, f, ["newer ", "by ", "its ", "numbers "]));
  bob.close();
  await other.stop();
  other.options.env = { MONGODB_URI: mongo.uri };
  await other.start();
  await until(
    () => /"save failed" project=demo .*another server has this project/.test(other.log),
    "the alarm",
  );
  assert.deepEqual(await stored(files), { "a.txt": "hers" });
  assert.deepEqual(await shown(other), { "a.txt": "numbers its by newer his" });
  ann.close();
});

test("MongoDB away at the start: what the folder has is there", { skip }, async (t) => {
  const { mongo, server, files } = await start(t);
  const ann = await join(server);
  const { f } = await make(ann, "a.txt", "here");
  await untilSaved(server, files);
  ann.close();
  await server.stop();
  await mongo.kill();
  await server.start();
  assert.deepEqual(await shown(server), { "a.txt": "here" });
  const again = await join(server);
  again.send({ t: "open", f });
  await again.next("file");
  const v = await type(again, f, ["still "]);
  // Of what it does not have it cannot tell whether it is there.
  const bob = await Raw.open(server.ws);
  bob.send({ t: "hello", v: 1, project: "other", template: "blank" });
  assert.equal((await bob.next("error", 30_000)).code, "busy");
  await mongo.start();
  await hearSaved(again, f, v);
  assert.deepEqual(await stored(files), { "a.txt": "still here" });
  again.close();
});
