/** Real editing sessions, typed again through the real server, give the texts that they ended with. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import { ChangeSet } from "@codemirror/state";
import { CollabClient } from "./lib/collab_client.mjs";
import { Raw } from "./lib/raw.mjs";
import { SHARED, startServer } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const SKIP = SHARED && existsSync(path.join(SHARED, "traces")) ? false : "no shared test data";

const read = (name) =>
  JSON.parse(String(gunzipSync(readFileSync(path.join(SHARED, "traces", `${name}.json.gz`)))));

const CONFIG = {
  config: { limits: { rate: { bytes: 1e7, edit: 1000000, open: 1000000, other: 1000000 } } },
};

async function createFile(server, text) {
  const raw = await Raw.join(server.ws, { project: "demo", template: "blank" });
  raw.send({ t: "create", path: "a.txt", text, q: 1 });
  await raw.next("ok");
  return raw;
}

const textOf = async (server) =>
  (await fetch(`${server.url}/api/v1/projects/demo/files/a.txt`)).text();

for (const name of ["sveltecomponent", "json-crdt-patch", "rustcode"])
  test(`the sequential trace ${name}`, { skip: SKIP }, async (t) => {
    const trace = read(name);
    const server = await startServer(t, CONFIG);
    await createFile(server, trace.startContent);
    const writer = new CollabClient({ url: () => server.ws, project: "demo", path: "a.txt" });
    writer.connect();
    await writer.arriveUntil(() => writer.state !== null, "the file");
    for (const { patches } of trace.txns) {
      for (const [from, del, insert] of patches) writer.type({ from, to: from + del, insert });
      await writer.arriveUntil(() => writer.pending < 512, "the server to keep up");
    }
    await writer.arriveUntil(() => writer.pending === 0, "everything to be acknowledged");
    assert.deepEqual(writer.errors, []);
    assert.equal(writer.text, trace.endContent);
    assert.equal(await textOf(server), trace.endContent);
    writer.close();
  });

/** For each transaction, how many of each agent's transactions it knew. */
function knowledge(trace) {
  const known = [];
  const counts = Array(trace.numAgents).fill(0);
  for (const { agent, parents } of trace.txns) {
    const knew = Array(trace.numAgents).fill(0);
    for (const parent of parents) {
      known[parent].forEach((count, i) => (knew[i] = Math.max(knew[i], count)));
      const by = trace.txns[parent].agent;
      knew[by] = Math.max(knew[by], known[parent].own);
    }
    counts[agent] += 1;
    known.push(Object.assign(knew, { own: counts[agent] }));
  }
  return known;
}

/**
 * Somebody behind a client, who sees what others typed only when the trace says so: what the client has and the person
 * has not seen is a list of changes between the two texts, over which the person's typing is mapped.
 */
class Person {
  /** @param {CollabClient} client */
  constructor(client) {
    this.client = client;
    this.length = client.state.doc.length;
    /** @type {{by: number, changes: ChangeSet}[]} */
    this.unseen = [];
    /** @type {Map<number, number>} */
    this.seen = new Map();
    client.heard = (by, changes) => this.unseen.push({ by, changes });
  }

  look() {
    const next = this.unseen.shift();
    if (!next) return false;
    this.length = next.changes.newLength;
    this.seen.set(next.by, (this.seen.get(next.by) ?? 0) + 1);
    return true;
  }

  /** @param {[number, number, string][]} patches each on the text that the one before left */
  type(patches) {
    let typed = ChangeSet.empty(this.length);
    for (const [from, del, insert] of patches)
      typed = typed.compose(ChangeSet.of({ from, to: from + del, insert }, typed.newLength));
    this.length = typed.newLength;
    for (const item of this.unseen) {
      const { changes } = item;
      item.changes = changes.map(typed, true);
      typed = typed.map(changes);
    }
    this.client.type(typed);
  }
}

test("the concurrent trace clownschool", { skip: SKIP }, async (t) => {
  const trace = read("clownschool-concurrent");
  const server = await startServer(t, CONFIG);
  const reader = await createFile(server, "");
  const clients = Array.from(
    { length: trace.numAgents },
    () => new CollabClient({ url: () => server.ws, project: "demo", path: "a.txt" }),
  );
  for (const client of clients) {
    client.connect();
    await client.arriveUntil(() => client.state !== null, "the file");
  }
  const people = clients.map((client) => new Person(client));
  const drain = () =>
    clients.forEach((client) => {
      while (client.arrive());
    });
  const known = knowledge(trace);
  for (const [i, { agent, patches }] of trace.txns.entries()) {
    const person = people[agent];
    const knows = () =>
      clients.every((other, j) => j === agent || (person.seen.get(other.cid) ?? 0) >= known[i][j]);
    while (!knows())
      if (!person.look()) {
        drain();
        await new Promise((resolve) => setImmediate(resolve));
      }
    person.type(patches);
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    drain();
  }
  await until(
    () => {
      drain();
      return clients.every((c) => c.pending === 0 && c.version === trace.txns.length);
    },
    () => `everybody to have everything: ${clients.map((c) => `v${c.version} ${c.errors}`)}`,
  );
  for (const client of clients) {
    assert.deepEqual(client.errors, []);
    assert.equal(client.text, trace.endContent);
    client.close();
  }
  assert.equal(await textOf(server), trace.endContent);
  reader.close();
});
