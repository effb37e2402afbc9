/**
 * Several weftd over one Redis, and the load balancer before them: a client that comes gets one that runs, by chance.
 *
 *     const cluster = await startCluster(t, { urls: [redis.url, proxy.url] });
 *     const [a, b] = cluster.instances;                  // Servers: kill, stop, start, pause, resume
 *     const typist = new Typist({ url: () => cluster.url(), … });
 */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Raw } from "./raw.mjs";
import { Server } from "./server.mjs";
import { until } from "./wait.mjs";

/** So fast that a test does not wait for it; the rates of people do not hold for typists. */
const CONFIG = {
  drain: { in_ms: 500, spread_ms: 300 },
  limits: {
    errors: 100_000,
    rate: { bytes: 1e7, edit: 1e6, cursor: 1e6, fs: 1e6, open: 1e6, check: 1e6, other: 1e6 },
  },
};

/** @param {any} base @param {any} more @returns {any} */
const merge = (base, more) => {
  const merged = { ...base };
  for (const [key, value] of Object.entries(more ?? {}))
    merged[key] =
      typeof value === "object" && typeof base[key] === "object" ? merge(base[key], value) : value;
  return merged;
};

export class Cluster {
  /** @param {Server[]} instances @param {() => number} random */
  constructor(instances, random) {
    this.instances = instances;
    this.random = random;
  }

  get running() {
    return this.instances.filter((server) => server.isRunning && !server.isPaused);
  }

  /** Where the load balancer sends who comes now. */
  url() {
    const { running, instances } = this;
    const list = running.length ? running : instances;
    return list[Math.floor(this.random() * list.length)].ws;
  }

  /** Makes a project with one file, whoever is killed meanwhile. @param {string} project @param {string} path @param {string} [text] */
  async makeFile(project, path, text = "") {
    const attempt = async () => {
      const raw = await Raw.join(this.url(), { project, template: "blank" });
      raw.send({ t: "create", path, text, q: 1 });
      const { t, code } = await raw.next((m) => m.q === 1);
      raw.close();
      return t === "ok" || code === "exists";
    };
    await until(() => attempt().catch(() => false), `${project}/${path} to be made`);
  }
}

/**
 * @typedef {object} Options
 * @property {string[]} urls of Redis, one for each instance
 * @property {() => number} random
 * @property {object} [config] over what is set above
 * @property {Record<string, string>} [env]
 * @property {string[]} [stores] MongoDB, one for each instance
 * @property {import("./netns.mjs").Island} [island] where the first one runs
 *
 * @param {{after: (fn: () => Promise<void>) => void}} t @param {Options} options
 */
export async function startCluster(t, { urls, random, config, env, stores, island }) {
  const instances = [];
  for (const [i, url] of urls.entries()) {
    const server = new Server(await mkdtemp(path.join(tmpdir(), "weft-test-")), {
      config: merge(CONFIG, config),
      env: { ...env, REDIS_URL: url, ...(stores && { MONGODB_URI: stores[i] }) },
      ...(i === 0 && island && { wrap: island.wrap, host: island.host }),
    });
    t.after(() => server.remove());
    instances.push(server);
  }
  await Promise.all(instances.map((server) => server.start()));
  return new Cluster(instances, random);
}
