/**
 * A typist: a client of weft.v1 with the state machine of the protocol over CodeMirror's own change sets, which types
 * tokens that occur nowhere else (⟨c7:00042⟩), deletes some again, keeps a history of what it sent and what was
 * acknowledged, and comes back as often as it is cut. It is written for the checker in history.mjs, not for people.
 *
 * Where the room may lose its history (mayReset) it goes on under another epoch as docs/protocol.md says; since the text
 * is nothing but tokens, the difference to a snapshot is exact.
 */
import { ChangeSet, Text } from "@codemirror/state";
import WebSocket from "ws";

const TOKEN = /⟨c\d+:\d+⟩/g;

/** The longest pause before it comes back. */
const BACKOFF_MAX_MS = 400;

/** With which a server may end a connection, and 1006: it was killed, or the wire was cut. */
const CLOSE_CODES = [1000, 1001, 1006, 1012, 4503, 4508, 4529];

/** @param {string} text @returns {string[]} */
const tokensOf = (text) => text.match(TOKEN) ?? [];

/**
 * The change from one text of tokens to another; null where tokens changed places or are broken.
 * @param {string} before @param {string} after @returns {ChangeSet | null}
 */
export function difference(before, after) {
  const [old, now] = [tokensOf(before), tokensOf(after)];
  if (old.join("") !== before || now.join("") !== after) return null;
  const [wasThere, isThere] = [new Set(old), new Set(now)];
  const changes = [];
  let [at, next] = [0, 0];
  for (const token of [...old, null]) {
    if (token && !isThere.has(token)) changes.push({ from: at, to: at + token.length });
    else {
      const begin = next;
      while (next < now.length && now[next] !== token && !wasThere.has(now[next])) next++;
      if (next > begin) changes.push({ from: at, insert: now.slice(begin, next).join("") });
      if (token !== (now[next] ?? null)) return null;
      next++;
    }
    at += token?.length ?? 0;
  }
  return ChangeSet.of(changes, before.length);
}

/**
 * @typedef {object} Options
 * @property {() => string} url of the server to connect to, asked each time
 * @property {string} project @property {string} path @property {number} id @property {() => number} random
 * @property {string[]} [passing] errors after which it tries again; default ["busy"]
 * @property {boolean} [mayReset] another epoch is no fault
 * @property {import("./server.mjs").Server} [home] where url leads, if to one place; for the test
 */

export class Typist {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    /** The text at v, and with what is pending. */
    this.base = Text.empty;
    this.doc = Text.empty;
    this.v = 0;
    this.ep = "";
    this.f = 0;
    this.n = 0;
    this.k = 0;
    this.cid = 0;
    this.resume = "";
    /** k: the connection it went over last. @type {{n: number, c: ChangeSet, k: number} | null} */
    this.inflight = null;
    /** @type {ChangeSet | null} */
    this.buffer = null;
    this.count = 0;
    this.open = false;
    this.running = true;
    /** Tokens and deletions by the number of the message that they went in; null = not sent yet. */
    this.unsent = { typed: /** @type {string[]} */ ([]), deleted: /** @type {string[]} */ ([]) };
    /** @type {Map<number, {typed: string[], deleted: string[]}>} */
    this.sent = new Map();
    /** @type {Map<number, number>} n → version of its acknowledgement, in this epoch */
    this.acked = new Map();
    /** @type {Set<number>} n acknowledged in epochs before, or by a snapshot */
    this.settled = new Set();
    /** @type {Map<number, string>} version → the text that was shown at it, while nothing was pending */
    this.seen = new Map();
    /** @type {{ep: string, seen: Map<number, string>}[]} of epochs before */
    this.past = [];
    /** The snapshot that this epoch began with. */
    this.snapshot = { v: 0, text: "" };
    this.resets = 0;
    /** Said by the server: Redis is away; and how often it was. */
    this.degraded = false;
    this.degradations = 0;
    /** @type {number[]} the codes its connections ended with */
    this.closes = [];
    this.isAway = false;
    /** How long it was without the file, each time, in ms. @type {number[]} */
    this.gaps = [];
    this.lostAt = 0;
    /** From sending to acknowledgement, each, in ms. @type {number[]} */
    this.waits = [];
    this.sentAt = 0;
    this.attempts = 0;
    /** @type {string[]} what must not happen */
    this.faults = [];
    this.connects = 0;
    /** @type {(() => void)[]} */
    this.watchers = [];
    this.connect();
  }

  get pending() {
    return this.inflight !== null || this.buffer !== null;
  }

  connect() {
    if (!this.running || this.isAway) return;
    this.open = false;
    this.k += 1;
    const socket = new WebSocket(this.options.url(), "weft.v1", { perMessageDeflate: false });
    this.socket = socket;
    socket.on("open", () => {
      const { project } = this.options;
      const hello = this.resume
        ? { t: "hello", v: 1, project, resume: this.resume, k: this.k, ep: this.ep }
        : { t: "hello", v: 1, project };
      this.send(hello);
    });
    socket.on("message", (data) => {
      if (socket !== this.socket) return;
      const frame = JSON.parse(String(data));
      for (const message of Array.isArray(frame) ? frame : [frame]) this.receive(message);
    });
    socket.on("error", () => {});
    socket.on("close", (code) => {
      if (socket !== this.socket) return;
      this.closes.push(code);
      this.expect(CLOSE_CODES.includes(code), `I9: closed with ${code}`);
      this.lose();
      const pause = Math.min(BACKOFF_MAX_MS, 25 * 2 ** this.attempts++);
      setTimeout(() => this.connect(), pause * (0.2 + 0.8 * this.options.random()));
    });
  }

  /** The file is not open any more. */
  lose() {
    if (this.open) this.lostAt = performance.now();
    this.open = false;
  }

  /** Cuts the wire; it comes back by itself. */
  cut() {
    this.socket?.terminate();
  }

  /** Cuts the wire, and stays away until `comeBack`; what it types waits. */
  leave() {
    this.isAway = true;
    this.lose();
    this.cut();
  }

  comeBack() {
    this.isAway = false;
    this.connect();
  }

  stop() {
    this.running = false;
    this.socket?.terminate();
  }

  /** @param {object} message */
  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** @param {any} message */
  receive(message) {
    if (this.faults.length > 0) return; // what follows a fault says nothing
    switch (message.t) {
      case "welcome":
        this.welcome(message);
        break;
      case "file":
        this.file(message);
        break;
      case "synced":
        this.expect(message.v === this.v, `synced at ${message.v}, not ${this.v}`);
        this.ready();
        break;
      case "ack":
        this.expect(message.v === this.v + 1, `ack of ${message.v} at ${this.v}`);
        this.expect(
          message.n === this.inflight?.n,
          `ack of n ${message.n}, not ${this.inflight?.n}`,
        );
        this.confirm(message.n);
        break;
      case "edit":
        this.expect(message.v === this.v + 1, `edit ${message.v} at ${this.v}`);
        if (message.by === this.cid) this.confirm(message.n);
        else this.remote(ChangeSet.fromJSON(message.c));
        break;
      case "resync":
        this.lose();
        this.askFile();
        break;
      case "drain":
        setTimeout(() => this.cut(), message.spread * this.options.random());
        break;
      case "degraded":
        this.degraded = message.on;
        if (message.on) this.degradations += 1;
        break;
      case "error":
        if (!(this.options.passing ?? ["busy"]).includes(message.code))
          this.faults.push(`error ${message.code}: ${message.msg}`);
        this.cut();
        break;
    }
    for (const watcher of this.watchers.splice(0)) watcher();
  }

  /** @param {boolean} holds @param {string} what */
  expect(holds, what) {
    if (!holds) this.faults.push(`typist ${this.options.id}: ${what}`);
    return holds;
  }

  /** @param {any} message */
  welcome(message) {
    this.connects += 1;
    this.degraded = false;
    this.expect(!this.cid || message.cid === this.cid, "a resume gave another cid");
    this.expect(
      !this.ep || message.ep === this.ep || this.options.mayReset === true,
      `the epoch went from ${this.ep} to ${message.ep}`,
    );
    this.cid = message.cid;
    this.resume = message.resume;
    this.askFile(message.ep);
  }

  /** @param {string} [ep] the project's now */
  askFile(ep = this.ep) {
    if (this.ep && ep === this.ep) this.send({ t: "open", f: this.f, v: this.v, ep });
    else this.send({ t: "open", path: this.options.path });
  }

  /** @param {any} message */
  file(message) {
    if (!this.ep) this.begin(message);
    else if (!this.expect(this.options.mayReset === true, `reset: ${message.reset}`)) return;
    // What is under way on this very connection may still arrive: only another one is fenced off from it.
    else if (this.inflight?.k === this.k && message.n < this.inflight.n) return this.cut();
    else if (!this.rebase(message)) return;
    this.ready();
  }

  /** @param {any} message the snapshot */
  begin({ f, v, ep, n, text }) {
    if (ep !== this.ep && this.ep) {
      this.past.push({ ep: this.ep, seen: this.seen });
      for (const number of this.acked.keys()) this.settled.add(number);
      this.acked.clear();
      this.seen = new Map();
    }
    if (ep !== this.ep) this.snapshot = { v, text };
    Object.assign(this, { f, v, ep, n: Math.max(this.n, n) });
    this.base = Text.of(text.split("\n"));
    if (!this.pending) this.doc = this.base;
  }

  /** What is not acknowledged goes on top of the snapshot, unless it is in it. @param {any} message */
  rebase(message) {
    this.resets += 1;
    if (this.inflight) this.takeBack(message.n >= this.inflight.n);
    const x = difference(this.base.toString(), message.text);
    if (!x) return this.expect(false, `the snapshot at ${message.v} is no text of these tokens`);
    this.buffer = this.buffer && this.buffer.map(x);
    this.begin(message);
    this.doc = this.buffer ? this.buffer.apply(this.base) : this.base;
    return true;
  }

  /** What was in flight is in the log, or is to be sent under a new number. @param {boolean} isLogged */
  takeBack(isLogged) {
    const { n, c } = /** @type {{n: number, c: ChangeSet}} */ (this.inflight);
    this.inflight = null;
    if (isLogged) {
      this.settled.add(n);
      this.base = c.apply(this.base);
      return;
    }
    const sent = this.sent.get(n);
    this.sent.delete(n);
    if (sent) for (const key of ["typed", "deleted"]) this.unsent[key].unshift(...sent[key]);
    this.buffer = this.buffer ? c.compose(this.buffer) : c;
  }

  ready() {
    this.open = true;
    this.attempts = 0;
    if (this.lostAt) this.gaps.push(performance.now() - this.lostAt);
    this.lostAt = 0;
    if (this.inflight) this.sendInflight();
    else this.launch();
  }

  sendInflight() {
    const inflight = /** @type {{n: number, c: ChangeSet, k: number}} */ (this.inflight);
    inflight.k = this.k;
    this.send({ t: "edit", f: this.f, v: this.v, n: inflight.n, c: inflight.c.toJSON() });
  }

  launch() {
    if (this.inflight || !this.buffer || !this.open) return;
    this.n += 1;
    this.inflight = { n: this.n, c: this.buffer, k: this.k };
    this.buffer = null;
    this.sent.set(this.n, this.unsent);
    this.unsent = { typed: [], deleted: [] };
    this.sentAt = performance.now();
    this.sendInflight();
  }

  /** @param {number} n */
  confirm(n) {
    this.v += 1;
    this.acked.set(n, this.v);
    this.waits.push(performance.now() - this.sentAt);
    this.base = /** @type {{c: ChangeSet}} */ (this.inflight).c.apply(this.base);
    this.inflight = null;
    this.note();
    this.launch();
  }

  /** @param {ChangeSet} x */
  remote(x) {
    this.base = x.apply(this.base);
    if (this.inflight) {
      const c = this.inflight.c;
      this.inflight = { ...this.inflight, c: c.map(x) };
      x = x.map(c, true);
    }
    if (this.buffer) {
      const c = this.buffer;
      this.buffer = c.map(x);
      x = x.map(c, true);
    }
    this.v += 1;
    this.doc = x.apply(this.doc);
    this.note();
  }

  note() {
    if (!this.pending && this.v % 16 === 0) this.seen.set(this.v, this.doc.toString());
  }

  /** @param {{from: number, to?: number, insert?: string}} change */
  edit(change) {
    const c = ChangeSet.of([change], this.doc.length);
    this.doc = c.apply(this.doc);
    this.buffer = this.buffer ? this.buffer.compose(c) : c;
    this.launch();
  }

  /** Types a token between two others, or deletes one. */
  type() {
    const { random, id } = this.options;
    const tokens = [...this.doc.toString().matchAll(TOKEN)];
    if (tokens.length > 20 && random() < 0.2) {
      const victim = tokens[Math.floor(random() * tokens.length)];
      this.unsent.deleted.push(victim[0]);
      this.edit({ from: victim.index, to: victim.index + victim[0].length });
      return;
    }
    const token = `⟨c${id}:${String(this.count++).padStart(5, "0")}⟩`;
    const place = Math.floor(random() * (tokens.length + 1));
    this.unsent.typed.push(token);
    this.edit({
      from: place < tokens.length ? tokens[place].index : this.doc.length,
      insert: token,
    });
  }

  /** Resolves when something was received. */
  changed() {
    return new Promise((resolve) => this.watchers.push(() => resolve(undefined)));
  }
}
