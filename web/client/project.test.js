// What a program sees of a project: states, closes, reloads, people, errors, and the pace of sending, against the reference
// server and a clock that jumps.

import assert from "node:assert/strict";
import { test } from "node:test";
import { World, seeded } from "./testing.mjs";
import { PALETTE, colorOfPeer, connect, describe } from "./weft.js";

/** @typedef {import("./weft.js").Options} Options */

/** @param {World} world @param {Partial<Options>} [options] */
const join = (world, options) =>
  connect({
    url: "ws://reference/",
    project: "p",
    WebSocket: world.WebSocket,
    clock: world.clock,
    random: world.random,
    ...options,
  });

/** @param {Record<string, string>} [files] */
const makeWorld = (files = { "a.txt": "hello" }) => new World(seeded(5), files);

class Storage {
  /** @type {Map<string, string>} */
  map = new Map();
  /** @param {string} key */
  getItem(key) {
    return this.map.get(key) ?? null;
  }
  /** @param {string} key @param {string} value */
  setItem(key, value) {
    this.map.set(key, value);
  }
  /** @param {string} key */
  removeItem(key) {
    this.map.delete(key);
  }
}

/** @param {World} world @param {string} t */
const heard = (world, t) => world.heard.filter((msg) => msg.t === t);

/** @param {World} world */
const serverText = (world) => world.files.get(1)?.doc.toString();

test("where Redis is the store, what is acknowledged is where it will stay", async () => {
  const world = makeWorld();
  world.store = "redis";
  const file = join(world, { name: "Ann" }).open("a.txt");
  await world.clock.advance(500);
  assert.equal(describe(file.status), "Live · in Redis");
  file.edit({ from: 0, insert: "x" });
  assert.equal(describe(file.status), "Live · saving");
  await world.clock.advance(500);
  assert.deepEqual(file.status, { phase: "stored", pending: 0, v: 1, ackedV: 1, savedV: 0 });
  assert.equal(describe(file.status), "Live · in Redis");
});

test("while the server cannot reach its store, nothing it owes is late", async () => {
  const world = makeWorld();
  const file = join(world, { name: "Ann" }).open("a.txt");
  await world.clock.advance(500);
  const tell = (/** @type {boolean} */ on) => {
    for (const session of world.sessions.values()) session.send({ t: "degraded", on });
  };
  world.logging = 1e9; // no acknowledgement comes
  tell(true);
  await world.clock.advance(100);
  assert.equal(describe(file.status), "Store away");
  file.edit({ from: 0, insert: "x" });
  await world.clock.advance(15_000);
  assert.equal(describe(file.status), "Store away, 1 edit kept here");
  assert.equal(heard(world, "hello").length, 1);
  tell(false);
  await world.clock.advance(5_000);
  assert.equal(describe(file.status), "Live · saving");
  assert.equal(heard(world, "hello").length, 1);
  await world.clock.advance(15_000);
  assert.equal(heard(world, "hello").length, 2, "what does not come in time is asked for anew");
});

test("the status says no more than is true", async () => {
  const world = makeWorld();
  const project = join(world, { name: "Ann" });
  const file = project.open("a.txt");
  /** @type {string[]} */
  const seen = [];
  file.on("status", (status) => seen.push(describe(status)));
  assert.equal(describe(file.status), "Connecting");
  await world.clock.advance(500);
  assert.equal(project.state, "live");
  assert.equal(project.me.name, "Ann");
  assert.equal(describe(file.status), "Live · saved");
  file.edit({ from: 0, insert: "x" });
  assert.deepEqual(file.status, { phase: "saving", pending: 1, v: 0, ackedV: 0, savedV: 0 });
  await world.clock.advance(500);
  assert.equal(describe(file.status), "Live · acknowledged, not yet saved");
  for (const session of world.sessions.values()) session.send({ t: "saved", files: [[1, 1]] });
  await world.clock.advance(500);
  assert.deepEqual(file.status, { phase: "saved", pending: 0, v: 1, ackedV: 1, savedV: 1 });
  project.cut(true);
  assert.equal(describe(file.status), "Offline");
  for (let i = 0; i < 12; i++) file.edit({ from: 0, insert: "y" });
  assert.equal(describe(file.status), "Offline, 12 edits kept here");
  await world.clock.advance(0);
  assert.equal(project.pending, 12);
  world.away = true;
  project.cut(false);
  await world.clock.advance(5000);
  assert.equal(describe(file.status), "Reconnecting, 12 edits kept here");
  world.away = false;
  await world.clock.advance(20_000);
  assert.equal(serverText(world), "y".repeat(12) + "xhello");
  assert.ok(seen.includes("Live · saving") && seen.includes("Offline, 12 edits kept here"));
  project.close();
});

test("44xx ends it with a reason, everything else comes back", async () => {
  for (const [code, name] of /** @type {[number, string][]} */ ([
    [4400, "bad_hello"],
    [4401, "unauthorized"],
    [4403, "forbidden"],
    [4404, "no_project"],
    [4408, "bad_hello"],
    [4409, "replaced"],
    [4499, "closed"],
  ])) {
    const world = makeWorld();
    const project = join(world);
    await world.clock.advance(500);
    for (const session of world.sessions.values()) session.end(code);
    await world.clock.advance(60_000);
    assert.equal(project.state, "closed", String(code));
    assert.equal(project.error?.code, name);
    await assert.rejects(project.create("x"), { code: "closed" });
    assert.equal(world.sockets.size, 0);
  }
  for (const code of [1000, 1001, 1006, 1009, 1011, 1012, 4503, 4508, 4529]) {
    const world = makeWorld();
    const project = join(world);
    await world.clock.advance(500);
    for (const session of world.sessions.values()) session.end(code);
    await world.clock.advance(100);
    assert.equal(project.state, "reconnecting", String(code));
    await world.clock.advance(2000);
    assert.equal(project.state, "live", String(code));
    project.close();
  }
});

test("the pause doubles to 15 s and is spread by half", async () => {
  const world = makeWorld();
  world.away = true;
  world.slow = 1;
  /** @type {number[]} */
  const attempts = [];
  const project = join(world, {
    WebSocket: class extends world.WebSocket {
      constructor() {
        super();
        attempts.push(world.clock.now());
      }
    },
  });
  await world.clock.advance(120_000);
  const pauses = attempts.slice(1).map((at, i) => at - attempts[i]);
  pauses.forEach((ms, i) => {
    const middle = Math.min(15_000, 250 * 2 ** i);
    assert.ok(ms >= middle * 0.5 - 1 && ms <= middle * 1.5 + 1, `pause ${i}: ${ms} ms`);
  });
  assert.ok(pauses.length > 8);
  project.close();
  assert.equal(world.clock.timers.size, 0, "no timer stays behind");
});

test("a server that does not acknowledge is left for a newer connection", async () => {
  const world = makeWorld();
  const project = join(world);
  const file = project.open("a.txt");
  await world.clock.advance(500);
  const { edit } = world;
  world.edit = () => {};
  file.edit({ from: 5, insert: "!" });
  await world.clock.advance(9000);
  assert.equal(project.state, "live");
  world.edit = edit;
  await world.clock.advance(15_000);
  assert.equal(serverText(world), "hello!");
  assert.deepEqual(
    heard(world, "hello").map(({ k, resume }) => [k, resume]),
    [
      [undefined, undefined],
      [2, "r.1"],
    ],
  );
  assert.deepEqual(
    heard(world, "edit").map(({ n }) => n),
    [1, 1],
  );
  project.close();
});

test("a server that says nothing is given up", async () => {
  const world = makeWorld();
  const project = join(world);
  await world.clock.advance(500);
  const { receive } = world;
  world.receive = () => {};
  await world.clock.advance(40_000);
  assert.notEqual(project.state, "live");
  world.receive = receive;
  await world.clock.advance(30_000);
  assert.equal(project.state, "live");
  assert.ok(project.rtt !== null && project.rtt >= 0);
  project.close();
});

test("a drain moves the client without a loss", async () => {
  const world = makeWorld();
  const project = join(world);
  const file = project.open("a.txt");
  await world.clock.advance(500);
  for (const session of world.sessions.values())
    session.send({ t: "drain", in: 5000, spread: 2000 });
  await world.clock.advance(50);
  file.edit({ from: 0, insert: "x" });
  await world.clock.advance(6000);
  assert.equal(heard(world, "hello").length, 2);
  assert.equal(serverText(world), "xhello");
  project.close();
});

test("however fast a program edits, the server's rates hold", async () => {
  const world = makeWorld();
  world.slow = 1;
  const project = join(world);
  const file = project.open("a.txt");
  await world.clock.advance(100);
  const start = world.clock.now();
  /** @type {number[]} */
  const times = [];
  const { edit } = world;
  world.edit = function (...args) {
    times.push(this.clock.now());
    return edit.apply(this, args);
  };
  for (let i = 0; i < 5000; i++) {
    file.edit({ from: file.length, insert: "z" });
    file.cursor([i, i]);
    await world.clock.advance(1);
  }
  await world.clock.advance(1000);
  const seconds = (world.clock.now() - start) / 1000;
  assert.ok(times.length <= 200 + 100 * seconds, `${times.length} edits in ${seconds} s`);
  assert.ok(times.length > 50 * seconds);
  assert.equal(serverText(world), "hello" + "z".repeat(5000));
  assert.ok(heard(world, "cursor").length <= 40 + 20 * seconds);
  await Promise.all(
    Array.from({ length: 150 }, (_, i) => project.create(`f${i}`)).concat(
      world.clock.advance(20_000).then(() => 0),
    ),
  );
  assert.equal(project.files.size, 151);
  project.close();
});

test("a reload of the tab goes on as the same client with its typing", async () => {
  const world = makeWorld();
  const storage = new Storage();
  const before = join(world, { storage });
  const file = before.open("a.txt");
  await world.clock.advance(500);
  before.cut(true);
  file.edit({ from: 5, insert: " there" });
  assert.equal(before.persist(), true);
  const other = join(world, { storage: new Storage() });
  const typist = other.open("a.txt");
  await world.clock.advance(500);
  typist.edit({ from: 0, insert: "Oh, " });
  await world.clock.advance(500);

  const after = join(world, { storage });
  assert.equal(storage.map.size, 0, "a copy of this tab must not find it");
  const again = after.open("a.txt");
  assert.equal(again.text, "hello there", "without waiting for the server");
  await world.clock.advance(1000);
  assert.equal(after.me.cid, before.me.cid);
  assert.equal(serverText(world), "Oh, hello there");
  assert.equal(again.text, "Oh, hello there");
  for (const project of [after, other]) project.close();
});

test("a reload between sending and acknowledgement sends nothing twice", async () => {
  for (const arrived of [true, false]) {
    const world = makeWorld();
    const storage = new Storage();
    const before = join(world, { storage });
    const file = before.open("a.txt");
    await world.clock.advance(500);
    const [session] = world.sessions.values();
    file.edit({ from: 0, insert: "x" });
    file.edit({ from: 1, insert: "y" });
    before.persist();
    if (arrived) world.receive(session, { t: "edit", f: 1, v: 0, n: 1, c: [[0, "x"], 5] });
    session.down.torn = true;
    await world.clock.advance(500);
    assert.equal(serverText(world), arrived ? "xhello" : "hello");
    before.cut(true);
    const after = join(world, { storage });
    await world.clock.advance(2000);
    assert.equal(serverText(world), "xyhello");
    assert.equal(after.pending, 0);
    after.close();
  }
});

test("people come, point and go", async () => {
  const world = makeWorld();
  const ann = join(world, { name: "Ann" });
  const bob = join(world, { name: "Bob" });
  const [a, b] = [ann, bob].map((project) => project.open("a.txt"));
  await world.clock.advance(500);
  assert.deepEqual(
    [...ann.peers.values()].map(({ name }) => name),
    ["Bob"],
  );
  b.cursor([1, 3]);
  await world.clock.advance(500);
  const { cid } = bob.me;
  assert.deepEqual(a.cursors.get(cid), {
    by: cid,
    user: `u${cid}`,
    name: "Bob",
    color: null,
    sel: [1, 3],
    moved: 1,
  });
  a.edit({ from: 0, insert: ">>" });
  assert.deepEqual(a.cursors.get(cid)?.sel, [3, 5]);
  b.edit({ from: 2, insert: "in" }, { sel: [4, 4] });
  a.edit({ from: 0, insert: "at once " });
  await world.clock.advance(500);
  assert.equal(a.text, "at once >>heinllo");
  assert.deepEqual(a.cursors.get(cid)?.sel, [14, 14], "an edit moves its author's caret");
  b.cursor([0, 0]);
  await world.clock.advance(500);
  assert.deepEqual(a.cursors.get(cid)?.sel, [0, 0]);
  assert.equal(ann.peers.get(cid)?.f, 1);
  b.close();
  await world.clock.advance(500);
  assert.equal(a.cursors.size, 0);
  bob.close();
  await world.clock.advance(500);
  assert.equal(ann.peers.size, 0);
  ann.close();
});

test("files are made, renamed and listed", async () => {
  const world = makeWorld();
  const [ann, bob] = [join(world), join(world)];
  const file = bob.open("a.txt");
  /** @type {any[]} */
  const changes = [];
  bob.on("files", (list) => changes.push(...list));
  const made = ann.create("src/b.txt", "b");
  await world.clock.advance(500);
  assert.equal(await made, 2);
  await Promise.all([ann.rename(1, "c.txt"), world.clock.advance(500)]);
  assert.equal(file.path, "c.txt");
  assert.equal(bob.byPath("src/b.txt")?.f, 2);
  assert.deepEqual(
    changes.map(({ op }) => op),
    ["list", "create", "rename"],
  );
  const none = bob.open("none.txt");
  await world.clock.advance(500);
  assert.equal(none.state, "failed");
  await assert.rejects(none.ready, { code: "no_file" });
  for (const session of world.sessions.values())
    session.send({ t: "fs", e: 9, op: "delete", f: 1, path: "c.txt" });
  await world.clock.advance(500);
  assert.equal(file.state, "gone");
  assert.equal(file.text, "hello");
  ann.cut(true);
  await assert.rejects(ann.create("x"), { code: "offline" });
  for (const project of [ann, bob]) project.close();
});

test("typing that is refused twice is kept and announced", async () => {
  const world = makeWorld();
  const project = join(world);
  const file = project.open("a.txt");
  /** @type {any[]} */
  const conflicts = [];
  project.on("conflict", (kept) => conflicts.push(kept));
  await world.clock.advance(500);
  world.edit = (session, { f }, { n }) => {
    session.open.delete(f);
    session.send({ t: "error", code: "too_big", f, n });
  };
  file.edit({ from: 0, insert: "huge " });
  await world.clock.advance(5000);
  assert.equal(file.text, "hello");
  assert.equal(heard(world, "edit").length, 2);
  assert.deepEqual(
    conflicts.map(({ reason, code, mine, theirs }) => [reason, code, mine, theirs]),
    [["refused", "too_big", "huge hello", "hello"]],
  );
  assert.equal(file.kept.length, 1);
  file.drop(file.kept[0]);
  assert.equal(file.kept.length, 0);
  project.close();
});

test("a replica that differs is noticed and made right", async () => {
  const world = makeWorld();
  const project = join(world);
  const file = project.open("a.txt");
  await world.clock.advance(500);
  file.core.base?.apply([[1, "J"], 4]);
  assert.equal(file.core.text(), "Jello");
  await world.clock.advance(70_000);
  assert.equal(heard(world, "check").length > 0, true);
  assert.equal(file.text, "hello");
  assert.equal(file.core.text(), "hello");
  project.close();
});

test("whatever a server says, nothing throws", async () => {
  const world = makeWorld();
  const project = join(world);
  const file = project.open("a.txt");
  await world.clock.advance(500);
  const odd = [
    null,
    1,
    "x",
    [],
    {},
    { t: 1 },
    { t: "later" },
    { t: "edit", f: 1 },
    { t: "edit", f: 1, v: 1, c: [1] },
    { t: "edit", f: 1, v: 1, c: [[0, "a\r"], 5] },
    { t: "edit", f: 1, v: 7, c: [5] },
    { t: "ack", f: 1, v: 1, n: 1 },
    { t: "ack", f: 99, v: 1, n: 1 },
    { t: "file", f: 1 },
    { t: "synced", f: 1, v: 99 },
    { t: "saved" },
    { t: "error" },
    { t: "error", code: "bad_json" },
    { t: "fs", op: "create" },
    { t: "peer" },
    { t: "cursor", by: 1, f: 1, v: 99, sel: [999] },
    { t: "check", f: 1, v: 0, crc: "0" },
    { t: "role" },
  ];
  for (const msg of odd) {
    for (const session of world.sessions.values()) session.send(msg);
    await world.clock.advance(20_000);
    assert.equal(project.state, "live", JSON.stringify(msg));
  }
  file.edit({ from: 0, insert: "still " });
  await world.clock.advance(20_000);
  assert.equal(serverText(world), "still hello");
  project.close();
});

test("the own caret moves with the others' typing, and is told as it stands after a cut", async () => {
  const world = makeWorld();
  const ann = join(world);
  const bob = join(world);
  await world.clock.advance(500);
  const [of, at] = [ann.open("a.txt"), bob.open("a.txt")];
  await world.clock.advance(500);
  bob.cut(true);
  at.edit({ from: 5, insert: "!" }, { sel: [6, 6] });
  at.edit({ from: 6, insert: "?" }, { sel: [7, 7] });
  of.edit({ from: 0, insert: "well, " }, { sel: [6, 6] });
  await world.clock.advance(500);
  bob.cut(false);
  await world.clock.advance(5000);
  assert.equal(serverText(world), "well, hello!?");
  assert.deepEqual(at.sel, [13, 13]);
  assert.deepEqual(of.cursors.get(bob.me.cid)?.sel, [13, 13]);
});

test("a new name is told to the others, who see the same client", async () => {
  const world = makeWorld();
  const ann = join(world, { name: "Ann" });
  const bob = join(world, { name: "Bob" });
  await world.clock.advance(500);
  const { cid } = ann.me;
  assert.equal(bob.peers.get(cid)?.name, "Ann");
  const file = ann.open("a.txt");
  await world.clock.advance(500);
  file.edit({ from: 0, insert: "x" });
  ann.setName("Anna");
  assert.equal(ann.me.name, "Anna");
  await world.clock.advance(5000);
  assert.equal(ann.state, "live");
  assert.equal(ann.me.cid, cid);
  assert.equal(bob.peers.get(cid)?.name, "Anna");
  assert.equal(bob.peers.size, 1);
  assert.equal(serverText(world), "xhello");
});

test("a colour is told to the others, at the first greeting and when it changes", async () => {
  const world = makeWorld();
  const ann = join(world, { name: "Ann", color: 0 });
  const bob = join(world, { name: "Bob" });
  await world.clock.advance(500);
  const { cid } = ann.me;
  assert.equal(ann.me.color, 0);
  assert.equal(ann.peers.get(bob.me.cid)?.color, null);
  const [of, at] = [ann.open("a.txt"), bob.open("a.txt")];
  await world.clock.advance(500);
  of.cursor([1, 1]);
  await world.clock.advance(500);
  assert.equal(colorOfPeer(bob.peers.get(cid) ?? assert.fail()), 0);
  assert.equal(at.cursors.get(cid)?.color, 0);
  let redrawn = 0;
  at.on("cursors", () => redrawn++);
  ann.setColor(7);
  assert.equal(ann.me.color, 7);
  await world.clock.advance(5000);
  assert.equal(bob.peers.get(cid)?.color, 7);
  assert.equal(at.cursors.get(cid)?.color, 7);
  assert.ok(redrawn > 0);
  ann.setColor(null);
  await world.clock.advance(5000);
  assert.equal(bob.peers.get(cid)?.color, null);
  assert.equal(bob.peers.size, 1);
});

test("what is chosen while a greeting is under way is said in another one", async () => {
  const world = makeWorld();
  const ann = join(world, { name: "Ann" });
  const bob = join(world, { name: "Bob" });
  await world.clock.advance(500);
  const { cid } = ann.me;
  ann.setColor(1);
  while (ann.state === "live") await world.clock.advance(1);
  await world.clock.advance(1);
  assert.notEqual(ann.state, "live", "the greeting is under way");
  ann.setColor(2);
  ann.setName("Anna");
  await world.clock.advance(5000);
  assert.equal(ann.me.cid, cid);
  assert.deepEqual([ann.me.name, ann.me.color], ["Anna", 2]);
  assert.deepEqual([bob.peers.get(cid)?.name, bob.peers.get(cid)?.color], ["Anna", 2]);
});

test("only a colour of the palette is told", async () => {
  const world = makeWorld();
  const ann = join(world, { name: "Ann", color: 10 });
  const bob = join(world, { name: "Bob" });
  await world.clock.advance(500);
  for (const wrong of [-1, 10, 1.5, Number.NaN]) {
    ann.setColor(wrong);
    await world.clock.advance(5000);
    assert.equal(ann.state, "live");
    assert.equal(bob.peers.get(ann.me.cid)?.color, null);
  }
});

test("colours can be read", () => {
  /** @param {string} hex */
  const luminance = (hex) => {
    const [r, g, b] = [1, 3, 5]
      .map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
      .map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  /** @param {string} a @param {string} b */
  const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  for (const [mode, ground] of /** @type {["light" | "dark", string][]} */ ([
    ["light", "#ffffff"],
    ["dark", "#1e1e1e"],
  ])) {
    for (const color of PALETTE[mode]) {
      assert.ok(contrast(color, ground) >= 4.5, `${color} on ${ground}`);
      assert.ok(contrast(color, PALETTE.textOn[mode]) >= 4.5, `text on ${color}`);
    }
  }
});
