// Random worlds: clients type at once over slow wires that break, to a server that is busy, forgets its history, or the
// identity of a client. When everything has settled, all texts are equal, and each token that was typed is there once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "./weft.js";
import { World, pickSeed, seeded } from "./testing.mjs";

const ROUNDS = Number(process.env.WEFT_ROUNDS) || 60;
const seed = pickSeed();

/** @typedef {import("./weft.js").FileSession} FileSession */
/** @typedef {import("./weft.js").Project} Project */
/** @typedef {{project: Project, file: FileSession, mirror: {text: string}}} Client */

/** @param {World} world @param {number} i @returns {Client} */
function join(world, i) {
  const project = connect({
    url: "ws://reference/",
    project: "p",
    name: `client ${i}`,
    WebSocket: world.WebSocket,
    clock: world.clock,
    random: world.random,
  });
  const file = project.open("a.txt");
  const mirror = { text: "" };
  file.ready.then(() => (mirror.text = file.text));
  // A second copy, kept up by the events alone, as an editor would.
  file.on("change", ({ changes }) => (mirror.text = applyPlain(mirror.text, changes)));
  file.on("conflict", () => {});
  return { project, file, mirror };
}

/** @param {string} text @param {import("./change.js").Change} changes */
function applyPlain(text, changes) {
  let out = "";
  let pos = 0;
  for (const part of changes) {
    const count = typeof part === "number" ? part : part[0];
    out += typeof part === "number" ? text.slice(pos, pos + count) : part.slice(1).join("\n");
    pos += count;
  }
  assert.equal(pos, text.length, "the change fits the text");
  return out;
}

/** @param {World} world @param {Client[]} clients */
async function settle(world, clients) {
  world.busy = 0;
  world.refuseResume = false;
  world.away = false;
  for (const { project } of clients) project.cut(false);
  for (let i = 0; i < 200; i++) {
    await world.clock.advance(1000);
    const quiet = clients.every(
      ({ project, file }) =>
        project.state === "live" && file.core.idle && file.v === world.files.get(1)?.v,
    );
    if (quiet) return;
  }
  assert.fail("it does not settle");
}

/** @param {World} world @param {Client[]} clients @param {(tokens: string) => void} typed */
function typeSomething(world, clients, typed) {
  const { random } = world;
  const pick = (/** @type {number} */ n) => Math.floor(random() * n);
  const { file } = clients[pick(clients.length)];
  if (file.readOnly) return;
  const from = pick(file.length + 1);
  const token = `<${pick(1e9).toString(36)}>${pick(4) ? "" : "\n"}${pick(6) ? "" : "😀"}`;
  if (pick(3)) {
    file.edit({ from, insert: token }, { sel: [from + token.length, from + token.length] });
    typed(token);
  } else {
    const splices = [];
    for (let pos = from; pos < file.length && splices.length < 3; pos += 1 + pick(9)) {
      const to = Math.min(file.length, pos + pick(3));
      splices.push({ from: pos, to, insert: pick(2) ? "" : "xy" });
      pos = to;
    }
    const useful = splices.filter((s) => s.to > s.from || s.insert);
    if (useful.length) file.edit(useful);
  }
}

/** @param {number} worldSeed @param {(world: World, step: number) => void} disturb @param {boolean} deletes */
async function live(worldSeed, disturb, deletes) {
  const world = new World(seeded(worldSeed), { "a.txt": "one\ntwo\nthree\n" });
  const clients = [0, 1, 2].map((i) => join(world, i));
  await world.clock.advance(500);
  /** @type {string[]} */
  const tokens = [];
  for (let step = 0; step < 80; step++) {
    const text = () => tokens.push("");
    if (deletes) typeSomething(world, clients, text);
    else typeToken(world, clients, tokens, step);
    disturb(world, step);
    if (world.random() < 0.1) clients[step % 3].project.cut(world.random() < 0.5);
    await world.clock.advance(Math.floor(world.random() * 60));
  }
  await settle(world, clients);
  const server = world.files.get(1)?.doc.toString() ?? "";
  for (const { file, mirror } of clients) {
    assert.equal(file.text, server);
    assert.equal(mirror.text, server);
    assert.equal(file.length, server.length);
    assert.equal(file.core.pending, 0);
  }
  for (const { project } of clients) project.close();
  return { world, clients, tokens, server };
}

/** @param {World} world @param {Client[]} clients @param {string[]} tokens @param {number} step */
function typeToken(world, clients, tokens, step) {
  const { file } = clients[Math.floor(world.random() * clients.length)];
  if (file.readOnly) return;
  const token = `<${step}>`;
  // Between tokens, so that they stay whole.
  const at = [0, file.length, ...[...file.text.matchAll(/>/g)].map((m) => m.index + 1)];
  file.edit({ from: at[Math.floor(world.random() * at.length)], insert: token });
  tokens.push(token);
}

/** @param {string} text @param {string} token */
const count = (text, token) => text.split(token).length - 1;

/** @param {string} name @param {(world: World, step: number) => void} disturb @param {{deletes?: boolean, rounds?: number}} [options] */
function worlds(name, disturb, { deletes = true, rounds = ROUNDS } = {}) {
  test(name, async (t) => {
    t.diagnostic(`WEFT_SEED=${seed}`);
    for (let round = 0; round < rounds; round++) {
      const worldSeed = (seed + round * 7919) | 0;
      try {
        const { tokens, server, clients } = await live(worldSeed, disturb, deletes);
        if (deletes) continue;
        const kept = clients.flatMap(({ file }) => file.kept);
        for (const token of tokens) {
          const times = count(server, token);
          const saved = kept.some(({ mine }) => count(mine, token) > 0);
          assert.ok(times === 1 || (times === 0 && saved), `${token} is there ${times} times`);
        }
      } catch (error) {
        throw new Error(`world ${worldSeed} of seed ${seed}`, { cause: error });
      }
    }
  });
}

/** @param {World} world */
const breakWires = (world) => {
  if (world.random() < 0.08) world.cutWires(world.random());
  world.slow = world.random() < 0.1 ? 400 : 40;
};

/** @param {World} world */
const restart = (world) => {
  world.away = world.random() < 0.15;
  if (world.away) world.cutWires(1);
};

worlds("concurrent typing converges over slow wires", () => {});
worlds("it converges over wires that break", breakWires);
worlds("each token is there once, whatever breaks", breakWires, { deletes: false });
worlds("it converges through restarts of the server", restart, { deletes: false });
worlds(
  "a busy server is asked again",
  (world) => {
    world.busy = 0.2;
    breakWires(world);
  },
  { deletes: false },
);
worlds(
  "without history it is merged by a diff",
  (world) => {
    breakWires(world);
    if (world.random() < 0.1) world.trim();
  },
  { deletes: false },
);
worlds(
  "a slow reader opens again and sends nothing twice",
  (world) => {
    world.slow = 60;
    world.logging = 300;
    if (world.random() < 0.3) world.resync(0.7);
    if (world.random() < 0.3) world.trim();
  },
  { deletes: false },
);
worlds("a lost history converges", (world) => {
  breakWires(world);
  if (world.random() < 0.03) world.rollBack(0.5 + world.random() / 2);
});
worlds(
  "a lost identity loses no typing",
  (world, step) => {
    breakWires(world);
    world.refuseResume = step % 20 > 10;
    if (world.random() < 0.2) world.trim();
  },
  { deletes: false },
);
