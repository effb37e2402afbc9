/**
 * An island: a network namespace for one instance, with a cable to this machine, on which only the way to Redis can be cut.
 * Packets that are cut vanish without a word, as behind a switch that broke; the instance's clients notice nothing.
 *
 *     const island = await startIsland(t);
 *     redis: args ["--bind", "127.0.0.1", island.redis, …]; instance: wrap island.wrap, host island.host
 *     await island.cutOff();  await island.rejoin();
 */
import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const ip = (/** @type {string[]} */ ...words) => run("ip", words);
const inside = (/** @type {string} */ name, /** @type {string[]} */ ...words) =>
  run("ip", ["netns", "exec", name, "ip", ...words]);

/** Nobody has it. */
const NOWHERE = "02:00:00:00:00:99";

const canMake = () => {
  const name = `weft-try-${process.pid}`;
  if (spawnSync("ip", ["netns", "add", name]).status !== 0) return false;
  return spawnSync("ip", ["netns", "delete", name]).status === 0;
};

/** For `skip`: why it cannot run, or false. */
export const NO_NETNS = !canMake() && "no right to make network namespaces";

export class Island {
  constructor() {
    const number = Math.floor(Math.random() * 2 ** 20);
    const net = `10.${128 + (number >> 14)}.${(number >> 6) & 255}.${(number & 63) * 4}`;
    const base = net.slice(0, net.lastIndexOf(".") + 1);
    const first = (number & 63) * 4;
    this.name = `weft-${number}`;
    this.outer = `weft${number}a`;
    this.inner = `weft${number}b`;
    this.redis = `${base}${first + 1}`;
    this.host = `${base}${first + 2}`;
    this.gate = `${base}${first + 3}`;
  }

  /** What runs a command on it. */
  get wrap() {
    return ["ip", "netns", "exec", this.name];
  }

  async start() {
    await ip("netns", "add", this.name);
    await ip("link", "add", this.outer, "type", "veth", "peer", "name", this.inner);
    await ip("link", "set", this.inner, "netns", this.name);
    for (const address of [this.redis, this.gate])
      await ip("address", "add", `${address}/32`, "dev", this.outer);
    await ip("link", "set", this.outer, "up");
    await ip("route", "add", `${this.host}/32`, "dev", this.outer, "src", this.gate);
    await inside(this.name, "link", "set", "lo", "up");
    await inside(this.name, "address", "add", `${this.host}/32`, "dev", this.inner);
    await inside(this.name, "link", "set", this.inner, "up");
    for (const address of [this.redis, this.gate])
      await inside(this.name, "route", "add", `${address}/32`, "dev", this.inner);
    return this;
  }

  /** What it sends to Redis goes nowhere. */
  async cutOff() {
    const { name, redis, inner } = this;
    await inside(name, "neighbour", "replace", redis, "lladdr", NOWHERE, "dev", inner);
  }

  async rejoin() {
    await inside(this.name, "neighbour", "delete", this.redis, "dev", this.inner);
  }

  async remove() {
    await ip("netns", "delete", this.name); // the cable goes with it
  }
}

/** @param {{after: (fn: () => Promise<void>) => void}} t */
export async function startIsland(t) {
  const island = new Island();
  t.after(() => island.remove());
  return island.start();
}
