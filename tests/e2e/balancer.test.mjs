/** A real load balancer with config/haproxy.cfg before two servers: nobody sticks, and nobody notices which one serves. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { Raw } from "./lib/raw.mjs";
import { NO_REDIS, startRedis } from "./lib/redis.mjs";
import { startServer } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const CONFIG = fileURLToPath(new URL("../../config/haproxy.cfg", import.meta.url));
const NO_HAPROXY =
  spawnSync("haproxy", ["-v"]).status !== 0 && !process.env.CI && "there is no haproxy";
const skip = NO_REDIS || NO_HAPROXY;

/** @param {any} t @param {import("./lib/server.mjs").Server[]} servers @returns {Promise<string>} its address */
async function startBalancer(t, [a, b]) {
  for (let tries = 1; ; tries++) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    const env = { WEFT_A: `127.0.0.1:${a.port}`, WEFT_B: `127.0.0.1:${b.port}` };
    const child = spawn("haproxy", ["-db", "-f", CONFIG], {
      env: { ...process.env, ...env, WEFT_BIND: `127.0.0.1:${port}` },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let log = "";
    child.stderr.on("data", (data) => (log += data));
    t.after(async () => {
      if (child.exitCode === null && child.kill("SIGTERM")) await once(child, "exit");
    });
    const address = `127.0.0.1:${port}`;
    const answers = () =>
      fetch(`http://${address}/readyz`).then(
        ({ status }) => status === 200,
        () => false,
      );
    await until(async () => child.exitCode !== null || (await answers()), "the load balancer");
    if (child.exitCode === null) return address;
    if (tries === 20 || !log.includes("cannot bind")) throw new Error(log);
  }
}

test("behind a load balancer without sticky sessions two servers are one", { skip }, async (t) => {
  const redis = await startRedis(t);
  const env = { REDIS_URL: redis.url, WEFT_DRAIN_IN_MS: "600000" };
  const servers = await Promise.all([startServer(t, { env }), startServer(t, { env })]);
  const address = await startBalancer(t, servers);
  const hello = { project: "demo", template: "blank" };
  const clients = [];
  for (let i = 0; i < 6; i++)
    clients.push(await Raw.join(`ws://${address}/`, { ...hello, name: `P${i}` }));
  const [ann] = clients;
  assert.equal(new Set(clients.map((client) => client.me.inst)).size, 2, "both have somebody");

  ann.send({ t: "create", path: "a.txt", text: "", q: 1 });
  const { f } = await ann.next("ok");
  for (const client of clients.slice(1)) await client.next("fs");
  for (const client of clients) client.send({ t: "open", f });
  for (const client of clients) await client.next("file");
  for (const client of clients) client.send({ t: "edit", f, at: 0, ins: client.me.name });
  for (const client of clients)
    await client.next((m) => (m.t === "edit" || m.t === "ack") && m.v === clients.length);
  const read = () => fetch(`http://${address}/api/v1/projects/demo/files/a.txt`);
  const text = await (await read()).text();
  for (const client of clients) assert.ok(text.includes(client.me.name), text);

  // One dies: who was there comes back by the same address.
  const [dead] = servers;
  await dead.kill();
  const lost = await until(() => {
    const gone = clients.filter((client) => client.closed);
    return gone.length > 0 && gone;
  }, "the connections of the one that was killed to break");
  for (const { me } of lost) {
    const back = await Raw.join(`ws://${address}/`, { ...hello, resume: me.resume, k: 2 });
    assert.equal(back.me.cid, me.cid);
  }
  assert.equal(await (await read()).text(), text);

  // It is back, and the other stops in peace: nobody new goes there any more.
  await dead.start();
  const [, leaving] = servers;
  leaving.process?.kill("SIGTERM");
  await until(
    async () => (await fetch(`${leaving.url}/readyz`).catch(() => null))?.status !== 200,
    "it to be no longer ready",
  );
  const fresh = await Raw.join(`ws://${address}/`, hello);
  const older = clients.find((client) => !client.closed);
  assert.notEqual(fresh.me.inst, older?.me.inst);
});
