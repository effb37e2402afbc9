/** Stock @codemirror/collab clients under random schedules through the real server: all texts end equal. */
import assert from "node:assert/strict";
import test from "node:test";
import { CollabClient } from "./lib/collab_client.mjs";
import { SEED, generator } from "./lib/random.mjs";
import { Raw } from "./lib/raw.mjs";
import { LONG, startServer } from "./lib/server.mjs";

const WORLDS = Number(process.env.WEFT_WORLDS ?? (LONG ? 5000 : 300));
const TEXTS = ["a", "bc", "\n", "x\ny", "é", "😀", "", "def\n"];

/** @param {CollabClient} client @param {() => number} random */
function typeSomething(client, random) {
  const doc = client.state.doc;
  const ranges = [];
  let at = 0;
  for (let i = random() < 0.2 ? 2 : 1; i > 0 && at <= doc.length; i--) {
    const from = at + Math.floor(random() * (doc.length - at + 1));
    const to = Math.min(doc.length, from + (random() < 0.3 ? Math.floor(random() * 4) : 0));
    ranges.push({ from, to, insert: TEXTS[Math.floor(random() * TEXTS.length)] });
    at = to + 1;
  }
  const whole = (pos) => !/[\ud800-\udbff]$/.test(doc.sliceString(Math.max(0, pos - 1), pos));
  if (ranges.every(({ from, to }) => whole(from) && whole(to))) client.type(ranges);
}

async function playWorld(server, project, seed) {
  const random = generator(seed);
  const setup = await Raw.join(server.ws, { project, template: "blank" });
  setup.send({ t: "create", path: "a.txt", text: "hello\nworld 😀", q: 1 });
  await setup.next("ok");
  setup.close();
  const clients = Array.from(
    { length: 2 + Math.floor(random() * 3) },
    () => new CollabClient({ url: () => server.ws, project, path: "a.txt" }),
  );
  for (const client of clients) client.connect();
  for (const client of clients) await client.arriveUntil(() => client.state !== null, "the file");
  for (let step = 0; step < 150; step++) {
    const client = clients[Math.floor(random() * clients.length)];
    const dice = random();
    if (dice < 0.4) typeSomething(client, random);
    else if (dice < 0.9) client.arrive();
    else if (dice < 0.92) client.connect();
    // The network gets a turn.
    else await new Promise((resolve) => setImmediate(resolve));
  }
  const total = () => Math.max(...clients.map((client) => client.version));
  let quiet = false;
  while (!quiet) {
    for (const client of clients)
      await client.arriveUntil(
        () => client.ready && client.pending === 0,
        "its edits to be acknowledged",
      );
    const version = total();
    for (const client of clients)
      await client.arriveUntil(() => client.version >= version, `version ${version}`);
    quiet = version === total() && clients.every((client) => client.pending === 0);
  }
  const reader = await Raw.join(server.ws, { project });
  reader.send({ t: "open", path: "a.txt" });
  const file = await reader.next("file");
  reader.close();
  for (const client of clients) {
    assert.deepEqual(client.errors, [], `seed ${seed}`);
    assert.equal(client.text, file.text, `seed ${seed}`);
    assert.equal(client.version, file.v, `seed ${seed}`);
    client.close();
  }
  return file.v;
}

test(`${WORLDS} random worlds of stock clients`, async (t) => {
  t.diagnostic(`WEFT_SEED=${SEED}`);
  const server = await startServer(t, {
    config: {
      limits: { rate: { bytes: 1e7, edit: 100000, open: 100000, other: 100000, fs: 100000 } },
    },
  });
  let versions = 0;
  for (let i = 0; i < WORLDS; i++) versions += await playWorld(server, `world-${i}`, SEED + i);
  t.diagnostic(`${versions} versions`);
  assert.ok(versions > WORLDS * 10);
});
