/** The SDK through the real server: random typing, cut wires, kills and restarts. All texts end equal, each token once. */
import assert from "node:assert/strict";
import test from "node:test";
import WebSocket from "ws";
import { connect } from "../../web/client/weft.js";
import { SEED, generator } from "./lib/random.mjs";
import { LONG, startServer } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const CLIENTS = 4;
const FILES = ["a.txt", "lib/b.txt"];
const STEPS = LONG ? 4000 : 400;

/** @typedef {import("./lib/server.mjs").Server} Server */

/** @param {Server} server @param {string} project @param {object} [more] */
const join = (server, project, more) =>
  connect({ url: server.ws, project, template: "blank", WebSocket, ...more });

/** @param {Server} server @param {string} project @param {Record<string, string>} files */
async function makeProject(server, project, files) {
  const maker = join(server, project);
  await maker.ready;
  for (const [path, text] of Object.entries(files)) await maker.create(path, text);
  maker.close();
}

/** Types a token between others, so that they stay whole; returns it. */
function typeToken(file, random, token) {
  const ends = [0, file.length, ...[...file.text.matchAll(/>/g)].map(({ index }) => index + 1)];
  const from = ends[Math.floor(random() * ends.length)];
  file.edit({ from, insert: token }, { sel: [from + token.length, from + token.length] });
  return token;
}

async function settle(projects, files) {
  for (const project of projects) project.cut(false);
  const settled = () =>
    projects.every(({ state, pending }) => state === "live" && pending === 0) &&
    FILES.every((_, i) => new Set(files.map((list) => list[i].v)).size === 1);
  const show = () =>
    JSON.stringify(files.map((list) => list.map(({ v, status }) => [v, status.phase])));
  await until(settled, () => `all to settle: ${show()}`);
}

/** @param {import("node:test").TestContext} t @param {object} options @param {(random: () => number, step: number, server: Server) => unknown} disturb */
async function play(t, options, disturb) {
  t.diagnostic(`WEFT_SEED=${SEED}`);
  const random = generator(SEED);
  const server = await startServer(t, options);
  await makeProject(server, "p", { [FILES[0]]: "one\ntwo\n", [FILES[1]]: "" });
  const projects = Array.from({ length: CLIENTS }, (_, i) =>
    join(server, "p", { name: `client ${i}` }),
  );
  t.after(() => projects.forEach((project) => project.close()));
  const files = projects.map((project) => FILES.map((path) => project.open(path)));
  for (const file of files.flat()) await file.ready;
  const tokens = FILES.map(() => /** @type {string[]} */ ([]));
  for (let step = 0; step < STEPS; step++) {
    const who = Math.floor(random() * CLIENTS);
    const which = random() < 0.7 ? 0 : 1;
    tokens[which].push(typeToken(files[who][which], random, `${step % 7 ? "" : "\n"}<${step}😀é>`));
    if (random() < 0.05) projects[who].cut(random() < 0.6);
    await disturb(random, step, server);
    if (random() < 0.3) {
      const done = () => projects[who].state !== "live" || files[who][which].core.idle;
      await until(done, "an acknowledgement");
    } else if (random() < 0.7) await new Promise((resolve) => setImmediate(resolve));
  }
  await settle(projects, files);
  FILES.forEach((path, i) => {
    const [text, ...others] = files.map((list) => list[i].text);
    for (const other of others) assert.equal(other, text, path);
    for (const token of tokens[i]) assert.equal(text.split(token).length, 2, `${token} in ${path}`);
    for (const list of files) assert.deepEqual(list[i].kept, []);
  });
  const texts = FILES.map((path) => fetch(`${server.url}/api/v1/projects/p/files/${path}`));
  for (const [i, answer] of (await Promise.all(texts)).entries()) {
    assert.equal(await answer.text(), files[0][i].text);
  }
}

test("the SDK converges while wires are cut", (t) => play(t, {}, () => {}));

for (const durability of ["restart", "power-cut"]) {
  test(`no typing is lost or doubled by kills (durability ${durability})`, (t) =>
    play(t, { env: { WEFT_DURABILITY: durability } }, async (_random, step, server) => {
      if (step % 80 !== 79) return;
      await server.kill();
      await server.start();
    }));
}

test("no typing is lost or doubled by orderly restarts", (t) =>
  play(t, {}, async (_random, step, server) => {
    if (step % 100 !== 99) return;
    await server.stop();
    await server.start();
  }));

test("large pastes and replacements everywhere arrive in pieces", async (t) => {
  const server = await startServer(t);
  const before = "line of text\n".repeat(3000);
  await makeProject(server, "p", { "a.txt": before });
  const [ann, bob] = [join(server, "p"), join(server, "p")];
  t.after(() => [ann, bob].forEach((project) => project.close()));
  const [a, b] = [ann.open("a.txt"), bob.open("a.txt")];
  await Promise.all([a.ready, b.ready]);
  a.edit(
    [...before.matchAll(/text/g)].map(({ index }) => ({
      from: index,
      to: index + 4,
      insert: "word",
    })),
  );
  a.edit({ from: 5, insert: "pasted 漢字\n".repeat(60_000) });
  b.edit({ from: b.length, insert: "at the end" });
  await until(() => !ann.pending && !bob.pending && a.v === b.v, "all to be acknowledged");
  assert.equal(a.text, b.text);
  assert.equal(a.text.split("word").length, 3001);
  assert.equal(a.text.split("pasted").length, 60_001);
  assert.ok(a.text.endsWith("at the end"));
});

test("people, files and saved marks", async (t) => {
  const server = await startServer(t);
  await makeProject(server, "p", { "a.txt": "hello" });
  const ann = join(server, "p", { name: "Ann" });
  const bob = join(server, "p", { name: "Bob", color: 3 });
  t.after(() => [ann, bob].forEach((project) => project.close()));
  const [a, b] = [ann.open("a.txt"), bob.open("a.txt")];
  await Promise.all([a.ready, b.ready]);
  await until(() => ann.peers.get(bob.me.cid)?.name === "Bob", "Ann to see Bob");
  assert.equal(ann.peers.get(bob.me.cid)?.color, 3);
  b.cursor([1, 4]);
  await until(() => String(a.cursors.get(bob.me.cid)?.sel) === "1,4", "Bob's selection");
  a.edit({ from: 0, insert: ">>" }, { sel: [2, 2] });
  assert.deepEqual(a.cursors.get(bob.me.cid)?.sel, [3, 6]);
  await until(() => String(b.cursors.get(ann.me.cid)?.sel) === "2,2", "Ann's caret with her edit");
  assert.notEqual(a.status.phase, "saved");
  await until(() => a.status.phase === "saved" && b.status.phase === "saved", "saved");
  const f = await ann.create("src/c.txt", "c");
  await until(() => bob.byPath("src/c.txt")?.f === f, "the file");
  await bob.renameFolder("src", "lib");
  await until(() => ann.byPath("lib/c.txt")?.f === f, "the new name");
  await assert.rejects(ann.create("lib/c.txt"), { code: "exists" });
  await assert.rejects(ann.create("../x"), { code: "bad_path" });
  const c = ann.open("lib/c.txt");
  await c.ready;
  await bob.removeFolder("lib/");
  await until(() => c.state === "gone", "the deletion");
  assert.equal(c.text, "c");
  await assert.rejects(ann.open("none").ready, { code: "no_file" });
  bob.close();
  await until(() => !ann.peers.size && !a.cursors.size, "Bob to be gone");
  const none = connect({ url: server.ws, project: "none", WebSocket });
  await assert.rejects(none.ready, { code: "no_project" });
  assert.equal(none.state, "closed");
});
