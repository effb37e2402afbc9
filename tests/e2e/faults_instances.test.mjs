/** Faults of processes: instances die, stop, wake and are replaced under typing. Rows of docs/faults.md. */
import assert from "node:assert/strict";
import { Raw } from "./lib/raw.mjs";
import { runRows } from "./lib/rows.mjs";
import { until } from "./lib/wait.mjs";
import { SCALE } from "./lib/world.mjs";

/** The shortest lease there is, so that a test need not wait for the usual one. */
const SHORT_LEASE = { redis: { lease_ms: 4000, timeout_ms: 1000 } };

/** Instance 0 dies at a failpoint, again and again, while people type on it. @param {string} place */
const dieAt = (place) => async (/** @type {import("./lib/world.mjs").World} */ world) => {
  const [victim] = world.instances;
  const some = world.typists.slice(0, 3);
  await victim.kill();
  for (let cycle = 0; cycle < 5 * SCALE; cycle++) {
    const count = 1 + Math.floor(world.random() * 20);
    victim.options.env = { ...victim.options.env, WEFT_FAILPOINT: `${place}:kill:${count}` };
    await victim.start();
    for (const typist of some) {
      typist.options.home = victim;
      typist.cut();
    }
    await world.type(() => !victim.isRunning);
    assert.equal(victim.process?.signalCode, "SIGKILL");
  }
};

/** Who is in the room, as a client is told. */
class Watcher {
  /** @param {import("./lib/server.mjs").Server} server @param {string} project */
  static async join(server, project) {
    const watcher = new Watcher();
    watcher.raw = await Raw.join(server.ws, { project });
    watcher.raw.socket.on("message", () => watcher.look());
    watcher.here = new Set(watcher.raw.me.peers.map(({ by }) => by));
    return watcher;
  }

  look() {
    for (const { t, by, on } of this.raw.messages.splice(0))
      if (t === "peer") on ? this.here.add(by) : this.here.delete(by);
  }
}

runRows("faults of instances", [
  {
    row: "1",
    name: "killed before the append → sent again, applied once",
    run: dieAt("before_append"),
  },
  {
    row: "2",
    name: "killed after the append, before the ack → met again in the log, applied once",
    run: dieAt("after_append"),
  },
  {
    row: "3",
    name: "killed after the ack → others know it",
    run: dieAt("after_ack"),
  },
  {
    row: "5",
    name: "all killed at once → everything acknowledged is there, nobody is shown",
    world: { instances: 2, config: SHORT_LEASE },
    run: async (world) => {
      for (let cycle = 0; cycle < 3 * SCALE; cycle++) {
        await world.type(20);
        await Promise.all(world.instances.map((server) => server.kill()));
        world.typeOnce();
        await Promise.all(world.instances.map((server) => server.start()));
      }
      await world.allOpen();
      await world.type(10);
      await world.settle();
      for (const typist of world.typists) typist.isAway = true;
      await Promise.all(world.instances.map((server) => server.kill()));
      await Promise.all(world.instances.map((server) => server.start()));
      const watcher = await Watcher.join(world.instances[0], world.project);
      assert.equal(watcher.here.size, world.typists.length);
      await until(() => watcher.here.size === 0, "the people of killed instances to be gone");
      watcher.raw.close();
      for (const typist of world.typists) typist.comeBack();
    },
  },
  {
    row: "6",
    name: "a killed instance's people → gone everywhere within 15 s",
    run: async (world) => {
      const [a, b] = world.instances;
      await world.settleAt(a, world.typists);
      const watcher = await Watcher.join(a, world.project);
      const ghosts = [];
      for (let i = 0; i < 3; i++) ghosts.push(await Raw.join(b.ws, { project: world.project }));
      const cids = ghosts.map(({ me }) => me.cid);
      await until(() => cids.every((cid) => watcher.here.has(cid)), "them to be shown");
      await b.kill();
      const begin = performance.now();
      await until(() => !cids.some((cid) => watcher.here.has(cid)), "them to vanish");
      const took = performance.now() - begin;
      world.note(`gone after ${Math.round(took)} ms`);
      // Ten seconds of lease, three until somebody looks, two until it is told; and what this machine takes.
      assert.ok(took < 15_500, `${took} ms`);
      const members = await world.redis.cli("ZRANGE", `weft:{${world.project}}:members`, 0, -1);
      for (const cid of cids) assert.ok(!members.includes(String(cid)));
      watcher.raw.close();
    },
  },
  {
    row: "7",
    name: "stopped longer than its leases, then awake → writes nothing of old, catches up",
    world: { instances: 2, typists: 4, config: SHORT_LEASE },
    run: async (world) => {
      const [a, b] = world.instances;
      const guest = await Raw.join(b.ws, { project: world.project });
      const watcher = await Watcher.join(a, world.project);
      const movers = world.typists.slice(0, 2);
      for (let cycle = 0; cycle < 2 * SCALE; cycle++) {
        await world.settleAt(b, movers);
        await world.type(20);
        b.pause();
        // Edits lie in its sockets while their authors go on elsewhere, under the next generation.
        for (const typist of movers) typist.type();
        await new Promise((resolve) => setImmediate(resolve));
        for (const typist of movers) {
          typist.options.home = a;
          typist.cut();
        }
        await world.type(20);
        if (cycle === 0)
          await until(() => !watcher.here.has(guest.me.cid), "the stopped one's people to vanish");
        b.resume();
        await world.type(20);
      }
      await world.settleAt(b, movers);
      await world.type(20);
      guest.terminate();
      watcher.raw.close();
    },
  },
  {
    row: "7",
    name: "stopped with an edit unread, its author elsewhere told that it is not there → it never comes",
    run: async (world) => {
      const [a, b] = world.instances;
      const { project } = world;
      await world.settleAt(a, world.typists);
      for (let cycle = 0; cycle < 5 * SCALE; cycle++) {
        const old = await Raw.join(b.ws, { project });
        old.send({ t: "open", path: "main.c" });
        const { f, v, text } = await old.next("file");
        b.pause();
        old.send({ t: "edit", f, v, n: 1, c: [...(text ? [text.length] : []), [0, "late"]] });
        await until(() => old.socket.bufferedAmount === 0, "the edit to be sent");
        const back = await Raw.join(a.ws, { project, resume: old.me.resume, k: 2 });
        assert.equal(back.me.cid, old.me.cid);
        back.send({ t: "open", f });
        assert.equal((await back.next("file")).n, 0);
        b.resume();
        old.close();
        await old.end();
        await until(async () => (await world.metric(b, "sessions")) === 0, "its end there");
        await world.type(3);
        for (const { doc } of world.typists) assert.ok(!doc.toString().includes("late"));
        back.close();
      }
    },
  },
  {
    row: "11",
    name: "a rolling restart of three → exit 0, each client back within 3 s",
    world: { instances: 3, typists: 6 },
    run: async (world) => {
      for (const typist of world.typists) typist.gaps.length = 0;
      let isDone = false;
      const typing = world.type(() => isDone);
      try {
        for (let round = 0; round < SCALE; round++)
          for (const server of world.instances) {
            assert.deepEqual(await server.stop(), { code: 0, signal: null });
            await server.start();
          }
      } finally {
        isDone = true;
      }
      await typing;
      await world.settle();
      const longest = Math.max(0, ...world.typists.flatMap(({ gaps }) => gaps));
      world.note(`the longest gap: ${Math.round(longest)} ms`);
      assert.ok(longest > 0 && longest < 3000, `${longest} ms`);
    },
  },
  {
    row: "13",
    name: "two instances of one name → the second refuses to start, until the first has left or died",
    world: { instances: 2, config: SHORT_LEASE },
    run: async (world) => {
      const [a, b] = world.instances;
      const name = (server) =>
        (server.options.env = { ...server.options.env, WEFT_INSTANCE: "twin" });
      await b.stop();
      await a.stop();
      name(a);
      name(b);
      await a.start();
      await assert.rejects(b.start(), /twin/);
      assert.notEqual(b.process?.exitCode, 0);
      await world.type(10);
      await a.stop();
      await b.start();
      await world.type(10);
      await b.kill();
      await until(
        () =>
          a.start().then(
            () => true,
            () => false,
          ),
        "the lease of the one that died to end",
      );
      await world.type(10);
    },
  },
]);
