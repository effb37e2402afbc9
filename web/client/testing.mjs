// For the tests of this folder: seeded randomness, a clock that jumps, and a server of a few lines that follows the rules of
// docs/protocol.md with the change sets of @codemirror/state, behind sockets with random delays. It is the measure the client
// is held against, so it shares no code with it.

import { ChangeSet, Text } from "@codemirror/state";

/** @typedef {any} Json */

/** @param {number} seed @returns {() => number} xorshift32 in [0, 1) */
export function seeded(seed) {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

/** @returns {number} from the environment (WEFT_SEED), or a new one */
export function pickSeed() {
  return Number(process.env.WEFT_SEED) || 1 + Math.floor(Math.random() * 2 ** 31);
}

/** Time that passes only when it is told to. Things due at one time run in the order they were asked for. */
export class VirtualClock {
  constructor() {
    this.time = 1000;
    this.last = 0;
    /** @type {Map<number, {at: number, fn: () => void}>} */
    this.timers = new Map();
  }

  now() {
    return this.time;
  }

  /** @param {() => void} fn @param {number} ms */
  setTimeout(fn, ms) {
    this.timers.set(++this.last, { at: this.time + Math.max(0, ms), fn });
    return this.last;
  }

  /** @param {number} id */
  clearTimeout(id) {
    this.timers.delete(id);
  }

  /** Runs what is due until `ms` have passed, and the microtasks between. @param {number} ms */
  async advance(ms) {
    const end = this.time + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      let first = 0;
      let at = end;
      for (const [id, timer] of this.timers) {
        if (timer.at < at || (timer.at === at && !first)) [first, at] = [id, timer.at];
      }
      if (!first) break;
      const { fn } = /** @type {{fn: () => void}} */ (this.timers.get(first));
      this.timers.delete(first);
      this.time = Math.max(this.time, at);
      fn();
    }
    this.time = end;
  }
}

/** A wire with delays that keeps the order and may be torn. */
class Wire {
  /** @param {World} world */
  constructor(world) {
    this.world = world;
    this.torn = false;
    this.free = 0;
  }

  /** @param {() => void} fn */
  carry(fn) {
    const { clock, delay } = this.world;
    this.free = Math.max(this.free, clock.now() + delay());
    clock.setTimeout(() => this.torn || fn(), this.free - clock.now());
  }
}

/** @typedef {{by: number, n: number, c: ChangeSet, inverse: ChangeSet, sel?: number[]}} Logged */

class RefFile {
  /** @param {number} f @param {string} path @param {string} text */
  constructor(f, path, text) {
    this.f = f;
    this.path = path;
    this.doc = Text.of(text.split("\n"));
    /** @type {Logged[]} */
    this.log = [];
    this.trimmed = 0;
    /** @type {Map<number, number>} */
    this.seen = new Map();
  }

  get v() {
    return this.log.length;
  }
}

/** One connection as the server sees it. */
class Session {
  /** @param {World} world @param {any} socket */
  constructor(world, socket) {
    this.world = world;
    this.socket = socket;
    this.cid = 0;
    this.k = 0;
    this.name = "";
    /** @type {number | undefined} */
    this.color = undefined;
    /** @type {Set<number>} */
    this.open = new Set();
    this.down = new Wire(world);
  }

  get live() {
    return this.world.sessions.get(this.cid) === this && !this.down.torn;
  }

  /** @param {Json} msg */
  send(msg) {
    const data = JSON.stringify(msg);
    this.down.carry(() => this.socket.onmessage?.({ data }));
  }

  /** @param {number} code */
  end(code) {
    this.down.carry(() => this.socket.lost(code));
    this.leave();
  }

  leave() {
    if (this.world.sessions.get(this.cid) !== this) return;
    this.world.sessions.delete(this.cid);
    for (const other of this.world.sessions.values()) {
      other.send({ t: "peer", by: this.cid, on: false });
    }
  }
}

/** The server, and everything between it and the clients. */
export class World {
  /** @param {() => number} random @param {Record<string, string>} files */
  constructor(random, files) {
    this.random = random;
    this.clock = new VirtualClock();
    this.ep = 1;
    this.e = 1;
    this.cids = 0;
    this.slow = 30;
    this.busy = 0;
    this.logging = 0;
    this.refuseResume = false;
    this.store = "memory";
    this.sockets = new Set();
    /** @type {Map<number, Session>} */
    this.sessions = new Map();
    /** @type {Map<number, number>} */
    this.generations = new Map();
    /** @type {Map<number, RefFile>} */
    this.files = new Map();
    /** @type {Json[]} what clients sent, for tests that look */
    this.heard = [];
    for (const [path, text] of Object.entries(files)) {
      this.files.set(this.files.size + 1, new RefFile(this.files.size + 1, path, text));
    }
    const world = this;
    this.WebSocket = class {
      bufferedAmount = 0;
      /** @type {any} */ onopen = null;
      /** @type {any} */ onmessage = null;
      /** @type {any} */ onclose = null;
      /** @type {any} */ onerror = null;
      constructor() {
        this.up = new Wire(world);
        this.session = new Session(world, this);
        world.sockets.add(this);
        this.up.carry(() => (world.away ? this.lost(1006) : this.onopen?.({})));
      }
      /** @param {string} data */
      send(data) {
        this.up.carry(() => world.away || world.receive(this.session, JSON.parse(data)));
      }
      close() {
        this.lost(1000);
      }
      /** @param {number} code */
      lost(code) {
        if (!world.sockets.delete(this)) return;
        this.up.torn = this.session.down.torn = true;
        this.session.leave();
        this.onclose?.({ code });
      }
    };
    this.away = false;
  }

  delay = () => Math.floor(this.random() * this.slow);

  /** Cuts some or all wires. @param {number} share */
  cutWires(share) {
    for (const socket of [...this.sockets]) if (this.random() < share) socket.lost(1006);
  }

  /** History is lost back to a version. @param {number} share of the log that stays */
  rollBack(share) {
    for (const file of this.files.values()) {
      const keep = Math.floor(file.log.length * share);
      for (const { inverse } of file.log.splice(keep).reverse()) file.doc = inverse.apply(file.doc);
      file.seen.clear();
      for (const { by, n } of file.log) file.seen.set(by, n);
      file.trimmed = 0;
    }
    this.ep++;
    this.cutWires(1);
  }

  /** Tells some clients that they read too slowly. @param {number} share */
  resync(share) {
    for (const session of this.sessions.values()) {
      if (this.random() >= share) continue;
      for (const f of session.open) session.send({ t: "resync", f });
      session.open.clear();
    }
  }

  /** Forgets the history that clients would follow. */
  trim() {
    for (const file of this.files.values()) file.trimmed = file.v;
  }

  /** @param {Session} session @param {Json} msg */
  receive(session, msg) {
    this.heard.push(msg);
    const { t, f, q } = msg;
    if (t === "hello") return this.hello(session, msg);
    if (!session.live) return;
    const file = f ? this.files.get(f) : [...this.files.values()].find((x) => x.path === msg.path);
    if (t === "ping") return session.send({ t: "pong", ts: msg.ts, now: this.clock.now() });
    if (t === "create") return this.create(session, msg);
    if (t === "open") return this.openFile(session, file, msg);
    if (t === "close") return void session.open.delete(f);
    if (t === "cursor") return this.cursor(session, msg);
    if (!file) return session.send({ t: "error", code: "no_file", f, q });
    if (t === "check") {
      const crc = crc32(file.doc.toString());
      session.send({ t: "check", f, v: file.v, len: file.doc.length, crc });
    }
    if (t === "edit") this.edit(session, file, msg);
    if (t === "rename") this.rename(session, file, msg);
  }

  /** @param {Session} session @param {Json} msg */
  hello(session, { resume, k = 0, name, color, ep, e }) {
    const cid = resume && !this.refuseResume ? Number(resume.split(".")[1]) : ++this.cids;
    const newest = this.generations.get(cid) ?? 0;
    session.cid = cid;
    session.k = k;
    session.name = name;
    session.color = color;
    if (resume && !this.refuseResume && k <= newest) return session.end(4409);
    this.generations.set(cid, Math.max(k, newest));
    const old = this.sessions.get(cid);
    if (old) old.end(4409);
    const peers = [...this.sessions.values()].map((s) => ({
      by: s.cid,
      user: `u${s.cid}`,
      name: s.name,
      color: s.color,
      f: 0,
    }));
    for (const other of this.sessions.values()) {
      other.send({ t: "peer", by: cid, on: true, user: `u${cid}`, name, color });
    }
    this.sessions.set(cid, session);
    const files = [...this.files.values()].map((x) => ({
      f: x.f,
      path: x.path,
      v: x.v,
      len: x.doc.length,
    }));
    const known = ep === String(this.ep) && e === this.e;
    session.send({
      t: "welcome",
      v: 1,
      cid,
      resume: `r.${cid}`,
      user: `u${cid}`,
      name,
      role: "edit",
      ep: String(this.ep),
      e: this.e,
      now: this.clock.now(),
      inst: "ref",
      store: this.store,
      peers,
      limits: { edit: 100 },
      ...(!known && { files }),
    });
  }

  /** @param {Session} session @param {Json} msg */
  create(session, { path, text, q }) {
    const f = this.files.size + 1;
    this.files.set(f, new RefFile(f, path, text));
    this.e++;
    for (const s of this.sessions.values())
      s.send({ t: "fs", e: this.e, by: session.cid, op: "create", f, path });
    session.send({ t: "ok", q, f });
  }

  /** @param {Session} session @param {RefFile} file @param {Json} msg */
  rename(session, file, { path, q }) {
    file.path = path;
    this.e++;
    for (const s of this.sessions.values())
      s.send({ t: "fs", e: this.e, by: session.cid, op: "rename", f: file.f, path });
    session.send({ t: "ok", q, e: this.e });
  }

  /** @param {Session} session @param {RefFile | undefined} file @param {Json} msg */
  openFile(session, file, { v, ep, q, f }) {
    if (!file) return session.send({ t: "error", code: "no_file", q, f });
    session.open.add(file.f);
    const n = file.seen.get(session.cid) ?? 0;
    const base = { f: file.f, v: file.v, n, s: 0, q };
    const resumed = v !== undefined && ep === String(this.ep) && v <= file.v;
    if (resumed && v >= file.trimmed) {
      for (let i = v; i < file.v; i++) session.send(entry(file, i));
      return session.send({ t: "synced", ...base });
    }
    const reset =
      v === undefined
        ? {}
        : { reset: ep !== String(this.ep) ? "epoch" : v > file.v ? "ahead" : "trimmed" };
    session.send({
      t: "file",
      ...base,
      path: file.path,
      ep: String(this.ep),
      len: file.doc.length,
      text: file.doc.toString(),
      ...reset,
    });
  }

  /** @param {Session} session @param {Json} msg */
  cursor(session, msg) {
    for (const s of this.sessions.values()) {
      if (s !== session && (s.open.has(msg.f) || msg.f === 0)) s.send({ ...msg, by: session.cid });
    }
  }

  /** @param {Session} session @param {RefFile} file @param {Json} msg */
  edit(session, file, msg) {
    const { f, v, n, c, sel } = msg;
    const refuse = (/** @type {string} */ code) => {
      session.open.delete(f);
      session.send({ t: "error", code, f, n });
    };
    if (!session.open.has(f)) return refuse("not_open");
    if (this.random() < this.busy) return refuse("busy");
    if (v > file.v) return refuse("stale");
    let change = ChangeSet.fromJSON(c);
    const ep = this.ep;
    let at = v;
    const length = v < file.v ? file.log[v].c.length : file.doc.length;
    if (change.length !== length) return refuse("bad_change");
    // It waits for the log; meanwhile others get there first, or the client comes back on a newer connection.
    this.clock.setTimeout(
      () => {
        if (ep !== this.ep || session.k < (this.generations.get(session.cid) ?? 0)) return;
        if (n <= (file.seen.get(session.cid) ?? 0)) return;
        let carets = sel;
        for (; at < file.v; at++) {
          const over = file.log[at].c.map(change, true);
          carets = carets?.map((/** @type {number} */ pos) => over.mapPos(pos));
          change = change.map(file.log[at].c);
        }
        const inverse = change.invert(file.doc);
        file.doc = change.apply(file.doc);
        file.log.push({ by: session.cid, n, c: change, inverse, sel: carets });
        file.seen.set(session.cid, n);
        for (const s of this.sessions.values()) {
          if (!s.open.has(f)) continue;
          s.send(s === session ? { t: "ack", f, v: file.v, n } : entry(file, file.v - 1));
        }
      },
      this.delay() + this.random() * this.logging,
    );
  }
}

/** @param {string} text @returns {string} bit by bit, to have nothing in common with the client's */
export function crc32(text) {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}

/** @param {RefFile} file @param {number} index */
function entry(file, index) {
  const { by, n, c, sel } = file.log[index];
  return { t: "edit", f: file.f, v: index + 1, by, n, c: c.toJSON(), sel };
}
