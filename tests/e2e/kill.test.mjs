/**
 * kill -9 while people type: the server is killed and started again and again, and every acknowledged token is there
 * exactly once. WEFT_KILL_CYCLES=n sets how often; WEFT_SEED repeats the random choices (not the timing).
 */
import assert from "node:assert/strict";
import test from "node:test";
import { checkHistory } from "./lib/history.mjs";
import { SEED, generator } from "./lib/random.mjs";
import { Raw } from "./lib/raw.mjs";
import { LONG, startServer } from "./lib/server.mjs";
import { Typist } from "./lib/typist.mjs";
import { until, within } from "./lib/wait.mjs";

const CYCLES = Number(process.env.WEFT_KILL_CYCLES ?? (LONG ? 300 : 30));
const TYPISTS = 6;

const faultsOf = (typists) => typists.flatMap((typist) => typist.faults);

/** Lets everybody type until so many edits more are acknowledged. */
async function typeFor(typists, random, edits) {
  const total = () => typists.reduce((sum, typist) => sum + typist.acked.size, 0);
  const goal = total() + edits;
  while (total() < goal) {
    assert.deepEqual(faultsOf(typists), []);
    for (const typist of typists) if (random() < 0.5) typist.type();
    await within(
      Promise.race([
        ...typists.map((typist) => typist.changed()),
        new Promise((r) => setTimeout(r, 20)),
      ]),
      "an answer",
    );
  }
}

/** The whole log of a file, as a reader who was away since its beginning gets it. */
async function readLog(server, project, path) {
  const raw = await Raw.join(server.ws, { project });
  raw.send({ t: "open", path });
  const { f, ep } = await raw.next("file");
  raw.send({ t: "close", f });
  raw.send({ t: "open", f, v: 0, ep });
  const log = [];
  for (;;) {
    const message = await raw.next((m) => m.f === f && ["edit", "synced", "file"].includes(m.t));
    if (message.t === "file") assert.fail(`the log is not whole: reset ${message.reset}`);
    if (message.t === "synced") break;
    log.push(message);
  }
  raw.send({ t: "check", f });
  const { v } = await raw.next("check");
  assert.equal(v, log.length);
  raw.close();
  return log;
}

const readText = async (server, project, path) => {
  const response = await fetch(`${server.url}/api/v1/projects/${project}/files/${path}`);
  assert.equal(response.status, 200);
  return response.text();
};

for (const durability of ["restart", "power-cut"])
  test(`${CYCLES} kills under typing, durability ${durability}`, async (t) => {
    t.diagnostic(`WEFT_SEED=${SEED}`);
    const random = generator(SEED);
    const server = await startServer(t, {
      config: {
        durability,
        limits: { rate: { bytes: 1e7, edit: 100000, open: 100000, other: 100000 } },
      },
    });
    const first = await Raw.join(server.ws, { project: "demo", template: "blank" });
    first.send({ t: "create", path: "main.c", q: 1 });
    await first.next("ok");
    first.close();
    const typists = Array.from(
      { length: TYPISTS },
      (_, id) => new Typist({ url: () => server.ws, project: "demo", path: "main.c", id, random }),
    );
    t.after(() => typists.forEach((typist) => typist.stop()));
    await until(() => typists.every((typist) => typist.open), "everybody to have the file");
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      await typeFor(typists, random, 5 + Math.floor(random() * 60));
      if (random() < 0.5) typists[Math.floor(random() * TYPISTS)].cut();
      await server.kill();
      for (const typist of typists) if (random() < 0.5) typist.type();
      await server.start();
    }
    await until(
      () =>
        faultsOf(typists).length > 0 ||
        (typists.every((typist) => typist.open && !typist.pending) &&
          new Set(typists.map((typist) => typist.v)).size === 1),
      () =>
        `everything to be acknowledged: ${typists.map((x) => `v${x.v} ${x.open} ${x.pending}`)}`,
    );
    assert.deepEqual(faultsOf(typists), []);
    const log = await readLog(server, "demo", "main.c");
    /** @type {Record<string, string>} */
    const texts = { memory: await readText(server, "demo", "main.c") };
    for (const typist of typists) texts[`typist ${typist.options.id}`] = typist.doc.toString();
    typists.forEach((typist) => typist.stop());
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    await server.start();
    texts.disk = await readText(server, "demo", "main.c");
    const { faults, acked, tokens } = checkHistory({
      typists,
      log,
      first: { v: 0, text: "" },
      texts,
    });
    t.diagnostic(
      `${log.length} versions, ${tokens} tokens sent, ${acked} acknowledged, ${CYCLES} kills`,
    );
    assert.deepEqual(faults, []);
    assert.ok(acked > CYCLES);
  });
