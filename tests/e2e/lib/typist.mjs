/**
 * A typist: a client of weft.v1 with the state machine of the protocol over CodeMirror's own change sets, which types
 * tokens that occur nowhere else (⟨c7:00042⟩), deletes some again, keeps a history of what it sent and what was
 * acknowledged, and comes back as often as it is cut. It is written for the checker in history.mjs, not for people.
 */
import { ChangeSet, Text } from "@codemirror/state";
import WebSocket from "ws";

const TOKEN = /⟨c\d+:\d+⟩/g;

export class Typist {
  /** @param {{url: () => string, project: string, path: string, id: number, random: () => number}} options */
  constructor(options) {
    this.options = options;
    this.doc = Text.empty;
    this.v = 0;
    this.ep = "";
    this.f = 0;
    this.n = 0;
    this.k = 0;
    this.cid = 0;
    this.resume = "";
    /** @type {{n: number, c: ChangeSet} | null} */
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
    /** @type {Map<number, number>} n → version of its acknowledgement */
    this.acked = new Map();
    /** @type {Map<number, string>} version → the text that was shown at it, while nothing was pending */
    this.seen = new Map();
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
    if (!this.running) return;
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
    socket.on("close", () => {
      if (socket === this.socket) setTimeout(() => this.connect(), 5 + 20 * this.options.random());
    });
  }

  /** Cuts the wire; it comes back by itself. */
  cut() {
    this.socket?.terminate();
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
      case "error":
        if (message.code !== "busy") this.faults.push(`error ${message.code}: ${message.msg}`);
        this.cut();
        break;
    }
    for (const watcher of this.watchers.splice(0)) watcher();
  }

  /** @param {boolean} holds @param {string} what */
  expect(holds, what) {
    if (!holds) this.faults.push(`typist ${this.options.id}: ${what}`);
  }

  /** @param {any} message */
  welcome(message) {
    this.connects += 1;
    this.expect(!this.cid || message.cid === this.cid, "a resume gave another cid");
    this.expect(
      !this.ep || message.ep === this.ep,
      `the epoch went from ${this.ep} to ${message.ep}`,
    );
    this.cid = message.cid;
    this.resume = message.resume;
    const first = !this.ep;
    this.ep = message.ep;
    if (first) this.send({ t: "open", path: this.options.path });
    else this.send({ t: "open", f: this.f, v: this.v, ep: this.ep });
  }

  /** @param {any} message */
  file(message) {
    this.expect(!message.reset, `reset: ${message.reset}`);
    if (this.f && (this.v > 0 || this.n > 0))
      this.expect(false, "a snapshot in the place of a resume");
    this.f = message.f;
    this.v = message.v;
    this.doc = Text.of(message.text.split("\n"));
    this.ready();
  }

  ready() {
    this.open = true;
    if (this.inflight) this.sendInflight();
    else this.launch();
  }

  sendInflight() {
    const { n, c } = /** @type {{n: number, c: ChangeSet}} */ (this.inflight);
    this.send({ t: "edit", f: this.f, v: this.v, n, c: c.toJSON() });
  }

  launch() {
    if (this.inflight || !this.buffer || !this.open) return;
    this.n += 1;
    this.inflight = { n: this.n, c: this.buffer };
    this.buffer = null;
    this.sent.set(this.n, this.unsent);
    this.unsent = { typed: [], deleted: [] };
    this.sendInflight();
  }

  /** @param {number} n */
  confirm(n) {
    this.v += 1;
    this.acked.set(n, this.v);
    this.inflight = null;
    this.note();
    this.launch();
  }

  /** @param {ChangeSet} x */
  remote(x) {
    if (this.inflight) {
      const c = this.inflight.c;
      this.inflight = { n: this.inflight.n, c: c.map(x) };
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
