/**
 * A TCP proxy for faults of the network between an instance and Redis: what nobody can do to a loopback.
 *
 *     const proxy = await startProxy(t, redis.port);
 *     proxy.stall();  proxy.flow();              // nothing passes, connections stay; later all of it arrives
 *     proxy.stall("subscriptions");              // only the connection that subscribes (or "commands")
 *     proxy.cut();                               // all connections end with a reset
 *     proxy.refusing = true;                     // and no new one is taken
 *     proxy.delayMs = 20;                        // each way
 *     await proxy.loseReply("EVALSHA");          // the next such request is done, its answer never comes
 *     await proxy.loseRequest("EVALSHA", 40);    // only 40 bytes of it arrive
 */
import { once } from "node:events";
import net from "node:net";

/** @typedef {"commands" | "subscriptions"} Kind */

/**
 * Ends it with a reset. Where its end was sent already a reset is refused, and node (20) then waits for the handle for ever
 * when it exits; so that one is only closed.
 * @param {net.Socket} socket
 */
function reset(socket) {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** One connection through it: two sockets, and what is held back on the way. */
class Pair {
  /** @param {Proxy} proxy @param {net.Socket} near @param {net.Socket} far */
  constructor(proxy, near, far) {
    this.proxy = proxy;
    this.near = near;
    this.far = far;
    /** @type {Kind} */
    this.kind = "commands";
    /** @type {(() => void) | null} told when the first answer is thrown away */
    this.losing = null;
    /** @type {{to: net.Socket, data: Buffer}[]} */
    this.held = [];
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => this.end());
    }
    near.on("data", (data) => this.request(data));
    far.on("data", (data) => this.answer(data));
  }

  /** @param {Buffer} data */
  request(data) {
    if (/subscribe\r\n/i.test(data.toString("latin1"))) this.kind = "subscriptions";
    const trap = this.proxy.trapFor(data);
    if (!trap) return this.pass(this.far, data);
    if (trap.bytes === null) {
      this.losing = trap.sprung;
      return this.pass(this.far, data);
    }
    this.far.write(data.subarray(0, data.indexOf(trap.pattern) + trap.bytes), () => {
      this.end();
      trap.sprung();
    });
  }

  /** @param {Buffer} data */
  answer(data) {
    if (!this.losing) return this.pass(this.near, data);
    this.end();
    this.losing();
  }

  /** @param {net.Socket} to @param {Buffer} data */
  pass(to, data) {
    this.held.push({ to, data });
    if (this.proxy.isStalled(this.kind)) for (const socket of [this.near, this.far]) socket.pause();
    else if (this.proxy.delayMs > 0) setTimeout(() => this.release(1), this.proxy.delayMs);
    else this.release();
  }

  /** @param {number} [count] */
  release(count = this.held.length) {
    if (this.proxy.isStalled(this.kind)) return;
    for (const { to, data } of this.held.splice(0, count)) to.write(data);
    this.near.resume();
    this.far.resume();
  }

  end() {
    this.proxy.pairs.delete(this);
    for (const socket of [this.near, this.far]) reset(socket);
  }
}

export class Proxy {
  /** @param {number} target port on this machine */
  constructor(target) {
    this.target = target;
    this.port = 0;
    this.delayMs = 0;
    this.refusing = false;
    /** Connections it took, ever. */
    this.taken = 0;
    /** @type {Set<Pair>} */
    this.pairs = new Set();
    /** @type {Set<Kind>} */
    this.stalled = new Set();
    /** @type {{pattern: string, bytes: number | null, sprung: () => void}[]} */
    this.traps = [];
    this.server = net.createServer((near) => this.take(near));
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start() {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.port = /** @type {net.AddressInfo} */ (this.server.address()).port;
    return this;
  }

  /** @param {net.Socket} near */
  take(near) {
    this.taken += 1;
    if (this.refusing) return near.resetAndDestroy();
    this.pairs.add(new Pair(this, near, net.connect(this.target, "127.0.0.1")));
  }

  /** @param {Kind} kind */
  isStalled(kind) {
    return this.stalled.has(kind);
  }

  /** @param {Kind[]} kinds */
  stall(...kinds) {
    for (const kind of kinds.length ? kinds : /** @type {Kind[]} */ (["commands", "subscriptions"]))
      this.stalled.add(kind);
  }

  /** What was held back goes on its way. */
  flow() {
    this.stalled.clear();
    for (const pair of this.pairs) pair.release();
  }

  /** @param {Kind} [kind] */
  cut(kind) {
    for (const pair of this.pairs) if (!kind || pair.kind === kind) pair.end();
  }

  /** @param {Buffer} data */
  trapFor(data) {
    const at = this.traps.findIndex(({ pattern }) => data.includes(pattern));
    return at < 0 ? null : this.traps.splice(at, 1)[0];
  }

  /** @param {string} pattern @param {number | null} bytes @returns {Promise<void>} */
  trap(pattern, bytes) {
    return new Promise((sprung) => this.traps.push({ pattern, bytes, sprung }));
  }

  /** @param {string} pattern */
  loseReply(pattern) {
    return this.trap(pattern, null);
  }

  /** @param {string} pattern @param {number} bytes that arrive, counted from the pattern */
  loseRequest(pattern, bytes) {
    return this.trap(pattern, bytes);
  }

  /** To another Redis from now on. @param {number} target */
  turnTo(target) {
    this.target = target;
    this.cut();
  }

  async close() {
    this.cut();
    this.server.close();
  }
}

/** @param {{after: (fn: () => Promise<void>) => void}} t @param {number} target */
export async function startProxy(t, target) {
  const proxy = await new Proxy(target).start();
  t.after(() => proxy.close());
  return proxy;
}
