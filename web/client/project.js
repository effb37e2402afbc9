// A project: who is here, which files there are, the connection and what is asked over it. The open files are in files.js.

import { Caret } from "./caret.js";
import { Connection } from "./connection.js";
import { Emitter, WeftError } from "./events.js";
import { OpenFiles } from "./files.js";
import { Jobs } from "./jobs.js";
import { listenToPage, pageUrl } from "./page.js";
import { Requests } from "./requests.js";
import { freeze, put, take, thaw } from "./storage.js";
import { Tree } from "./tree.js";
import { asColor } from "./words.js";

/** @typedef {import("./connection.js").Clock} Clock */
/** @typedef {import("./connection.js").State} State */
/** @typedef {import("./core.js").Doubt} Doubt */
/** @typedef {import("./file.js").FileSession} FileSession */
/** @typedef {import("./file.js").Kept} Kept */
/** @typedef {import("./tree.js").Entry} Entry */
/** @typedef {import("./storage.js").Saved} Saved */
/** @typedef {{by: number, user: string, name: string, color: number | null, f: number, sel: readonly number[] | null, v: number}} Peer */
/** @typedef {{name: string, color: number | null}} Self */
/** @typedef {{cid: number, user: string, name: string, color: number | null, role: "view" | "edit" | "admin"}} Me */
/** @typedef {any} Received */

/**
 * @typedef {object} Options
 * @property {string} [url]
 * @property {string} project
 * @property {string} [template]
 * @property {string | (() => string | Promise<string>)} [token]
 * @property {string} [name]
 * @property {number | null} [color] 0–9 of the palette
 * @property {any} [WebSocket] a class with the interface of the browser's
 * @property {Clock} [clock]
 * @property {() => number} [random]
 * @property {import("./storage.js").Storage} [storage] of this tab alone
 * @property {(doubt: Doubt & {file: FileSession}) => "keep" | "merge"} [onReset]
 */

/** @type {Clock} */
const CLOCK = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => globalThis.setTimeout(fn, ms),
  clearTimeout: (id) => globalThis.clearTimeout(id),
};

/** @param {string} folder */
const asFolder = (folder) => (folder.endsWith("/") ? folder : `${folder}/`);

export class Project extends Emitter {
  #options;
  /** @type {Self} */
  #self;
  /** as the last greeting said it @type {Self} */
  #greeted;
  #connection;
  #requests;
  #open;
  #resume = "";
  #e = 0;
  // The events missed follow the welcome; only after them is its number ours.
  #welcomeE = 0;
  /** @type {State} */
  #lastState = "connecting";
  #key;
  #nonce = "";
  #unlisten = () => {};
  /** @type {{resolve: () => void, reject: (error: WeftError) => void}} */
  #settle = { resolve: () => {}, reject: () => {} };

  /** @param {Options} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#self = { name: options.name ?? "", color: asColor(options.color) };
    this.#greeted = this.#self;
    this.id = options.project;
    this.clock = options.clock ?? CLOCK;
    this.random = options.random ?? Math.random;
    this.tree = new Tree();
    this.jobs = new Jobs();
    const { name, color } = this.#self;
    /** @type {Map<number, Peer>} */
    this.peers = new Map();
    /** @type {Me} */
    this.me = { cid: 0, user: "", name, color, role: "edit" };
    /** @type {{inst: string, store: string, ep: string, limits: Record<string, number>}} */
    this.info = { inst: "", store: "", ep: "", limits: {} };
    /** The server says that it cannot write at this moment. */
    this.degraded = false;
    /** @type {Promise<void>} */
    this.ready = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.ready.catch(() => {});
    const url = options.url ?? pageUrl();
    this.#key = `weft:${url}:${this.id}`;
    const saved = take(options.storage, this.#key);
    this.#connection = this.#makeConnection(url, saved?.k ?? 0);
    /** @param {object} msg */
    const send = (msg) => {
      this.#connection.send(msg);
      return this.#connection.live;
    };
    this.#requests = new Requests(this.clock, send);
    this.caret = new Caret(this.clock, send);
    this.#open = new OpenFiles(this, this.#connection);
    if (saved) this.#restore(saved);
  }

  /** @param {string} url @param {number} k */
  #makeConnection(url, k) {
    const WebSocket = this.#options.WebSocket ?? globalThis.WebSocket;
    if (!WebSocket) throw new TypeError("connect needs a WebSocket class here");
    return new Connection(
      { url, k, WebSocket, clock: this.clock, random: this.random },
      {
        hello: (attempt) => this.#hello(attempt),
        welcomed: (msg) => this.#welcomed(msg),
        received: (msg) => this.#received(msg),
        dropped: () => this.#dropped(),
        stateChanged: () => this.#stateChanged(),
        ticked: () => this.degraded || this.#open.ticked(this.now()),
      },
    );
  }

  start() {
    this.#listenToPage();
    this.#connection.start();
  }

  // What it is and knows.

  get state() {
    return this.#connection.state;
  }

  get error() {
    return this.#connection.error;
  }

  get retryAt() {
    return this.#connection.retryAt;
  }

  get rtt() {
    return this.#connection.rtt;
  }

  get files() {
    return this.tree.files;
  }

  get pending() {
    return this.#open.pending;
  }

  get active() {
    return this.caret.file;
  }

  now() {
    return this.clock.now();
  }

  /** @returns {number} of a request whose answer is looked for by the caller */
  number() {
    return this.#requests.number();
  }

  // What can be done.

  /** @param {string | number} which path or f @returns {FileSession} */
  open(which) {
    return this.#open.open(which);
  }

  /** @param {string} path @returns {Entry | undefined} */
  byPath(path) {
    return this.tree.byPath(path);
  }

  /**
   * @param {string} t
   * @param {object} [fields]
   * @returns {Promise<any>}
   */
  request(t, fields = {}) {
    if (this.state === "closed") {
      return Promise.reject(new WeftError("closed", "the project is closed"));
    }
    if (this.state === "offline") return Promise.reject(new WeftError("offline", "not connected"));
    return this.#requests.ask(t, fields);
  }

  /** @param {string} path @param {string} [text] @returns {Promise<number>} f */
  async create(path, text = "") {
    return (await this.request("create", { path, text })).f;
  }

  /** @param {number} f @param {string} path */
  async rename(f, path) {
    await this.request("rename", { f, path });
  }

  /** @param {string} from @param {string} path */
  async renameFolder(from, path) {
    await this.request("rename", { from: asFolder(from), path: asFolder(path) });
  }

  /** @param {number} f */
  async remove(f) {
    await this.request("delete", { f });
  }

  /** @param {string} from */
  async removeFolder(from) {
    await this.request("delete", { from: asFolder(from) });
  }

  /** @returns {Promise<Map<number, Entry>>} */
  async list() {
    const { files, e } = await this.request("list");
    this.#listed(files, e);
    return this.files;
  }

  /**
   * Asks for a job; how far it is comes as events of `jobs`.
   * @param {string} kind
   * @param {{f?: number, args?: object}} [about]
   * @returns {Promise<string>} its id
   */
  async run(kind, { f, args } = {}) {
    return (await this.request("run", { kind, ...(f && { f }), ...(args && { args }) })).job;
  }

  /** @param {string} job its id */
  async cancel(job) {
    await this.request("cancel", { job });
  }

  /** @param {boolean} on */
  cut(on) {
    this.#connection.cut(on);
  }

  retry() {
    this.#connection.retry();
  }

  /** @param {string} name */
  setName(name) {
    this.#change({ name });
  }

  /** @param {number | null} color 0–9 of the palette, or null for the one that is given */
  setColor(color) {
    this.#change({ color: asColor(color) });
  }

  /** Who somebody is, is said in the greeting: it says it again, as the same client. @param {Partial<Self>} change */
  #change(change) {
    this.#self = { ...this.#self, ...change };
    this.me = { ...this.me, ...change };
    this.emitSoon("me", () => this.me);
    this.#connection.drain(0);
  }

  close() {
    this.#connection.end(new WeftError("closed", "closed by the page", true));
  }

  // For the files.

  /** @param {FileSession} file */
  edited(file) {
    this.caret.told(file);
    this.#open.flush(file);
    this.emitSoon("status");
  }

  /** @param {FileSession} file */
  closing(file) {
    this.caret.left(file);
    this.#open.closing(file);
  }

  /** @param {FileSession} file @param {Doubt} doubt @returns {"keep" | "merge"} */
  decide(file, doubt) {
    return this.#options.onReset?.({ ...doubt, file }) === "merge" ? "merge" : "keep";
  }

  /** @param {Kept} kept */
  kept(kept) {
    if (!this.heard("conflict") && !kept.file.heard("conflict")) {
      console.warn(
        `${kept.path}: typing that could not be merged is in file.kept (${kept.reason})`,
      );
    }
    this.emit("conflict", kept);
  }

  // The connection.

  /** @param {number} k */
  async #hello(k) {
    const { project, template, token } = this.#options;
    const known = this.#e > 0 && { ep: this.info.ep, e: this.#e };
    const resume = this.#resume && { resume: this.#resume, k, ...known };
    const create = template && !this.info.ep && { template };
    const proof = token && { token: typeof token === "function" ? await token() : token };
    this.#greeted = this.#self;
    const { name, color } = this.#self;
    const self = { ...(name && { name }), ...(color !== null && { color }) };
    return { t: "hello", v: 1, project, ...proof, ...self, ...create, ...resume };
  }

  /** @param {Received} msg */
  #welcomed(msg) {
    const { cid, user = "", role = "edit", limits = {} } = msg;
    const sameEpoch = msg.ep === this.info.ep;
    this.me = { cid, user, ...this.#self, role };
    if (this.#greeted !== this.#self) this.#connection.drain(0);
    else if (msg.name) this.me.name = msg.name;
    this.info = { inst: msg.inst ?? "", store: msg.store ?? "", ep: msg.ep ?? "", limits };
    this.#resume = msg.resume ?? "";
    this.#welcomeE = Number(msg.e) || 0;
    if (!sameEpoch) this.#e = this.tree.until = 0;
    if (Array.isArray(msg.files)) this.#listed(msg.files, this.#welcomeE);
    this.#met(Array.isArray(msg.peers) ? msg.peers : []);
    this.jobs.welcomed(msg.jobs);
    this.#open.connected(limits.edit ?? 100);
    this.#requests.resume();
    this.caret.again();
    this.#settle.resolve();
    this.emitSoon("me", () => this.me);
  }

  /** @param {Received[]} list */
  #met(list) {
    const here = new Set(list.map(({ by }) => by));
    for (const by of this.peers.keys()) if (!here.has(by)) this.#left(by);
    for (const { by, user = "", name = "", color, f = 0 } of list) {
      if (by === this.me.cid) continue;
      const { sel = null, v = 0 } = this.peers.get(by) ?? {};
      this.peers.set(by, { by, user, name, color: asColor(color), f, sel, v });
      for (const file of this.#open.all) file.peerChanged(by);
    }
    this.emitSoon("peers");
  }

  /** @param {number} by */
  #left(by) {
    this.peers.delete(by);
    for (const file of this.#open.all) file.peerLeft(by);
    this.emitSoon("peers");
  }

  /** @param {Received[]} files @param {number} e */
  #listed(files, e) {
    const changes = this.tree.list(files, e);
    this.#open.compareWithTree();
    this.emit("files", changes);
  }

  #dropped() {
    this.degraded = false;
    this.jobs.dropped();
    this.#open.disconnected();
    this.caret.stop();
    this.#requests.fail(
      new WeftError("disconnected", "the connection broke before the answer"),
      false,
    );
  }

  #stateChanged() {
    const { state, error } = this;
    if (state === this.#lastState) return;
    this.#lastState = state;
    if (state === "offline") this.#requests.fail(new WeftError("offline", "not connected"), true);
    if (error) {
      this.#requests.fail(error, true);
      this.#settle.reject(error);
      this.#unlisten();
    }
    for (const file of this.#open.all) file.emitSoon("status", () => file.status);
    this.emitSoon("status");
    this.emit("state", state);
  }

  /** @param {Received} msg */
  #received(msg) {
    if (Number.isSafeInteger(msg.e) && msg.t !== "files") this.#e = Math.max(this.#e, msg.e);
    else if (msg.t !== "peer" && msg.t !== "cursor") this.#e = Math.max(this.#e, this.#welcomeE);
    if (msg.t === "error" && this.#failed(msg)) return;
    if (this.#open.received(msg) && msg.t !== "saved") return;
    switch (msg.t) {
      case "fs":
        this.#treeChanged(msg);
        break;
      case "cursor":
        this.#pointed(msg);
        break;
      case "peer":
        this.#peer(msg);
        break;
      case "degraded":
        this.#degraded(msg.on === true);
        break;
      case "role":
        this.me = { ...this.me, role: msg.role };
        this.emitSoon("me", () => this.me);
        for (const file of this.#open.all) file.emitSoon("status", () => file.status);
        break;
      case "drain":
        this.#connection.drain(Number(msg.spread) || 0);
        break;
      case "pong":
        this.emit("rtt", this.rtt);
        break;
      case "job":
        this.jobs.received(msg);
        this.emit("job", msg);
        break;
      case "chat":
      case "clap":
      case "event":
      case "saved":
        this.emit(msg.t, msg);
    }
    this.#requests.answered(msg);
  }

  /** @param {Received} msg @returns {boolean} it was dealt with */
  #failed(msg) {
    const error = new WeftError(msg.code, msg.msg, msg.fatal === true);
    if (error.fatal) this.#connection.remember(error);
    if (this.#open.failed(msg) || this.#requests.answered(msg)) return true;
    if (msg.code === "unauthorized" && typeof this.#options.token === "function") this.#refresh();
    this.emit("error", error);
    return true;
  }

  /** The server cannot reach its store, or can again: what it owes is not late meanwhile. @param {boolean} on */
  #degraded(on) {
    this.degraded = on;
    if (!on) this.#open.waitAgain(this.now());
    for (const file of this.#open.all) file.emitSoon("status", () => file.status);
    this.emitSoon("status");
  }

  async #refresh() {
    const { token } = this.#options;
    if (typeof token !== "function") return;
    try {
      await this.request("refresh", { token: await token() });
    } catch (error) {
      this.emit("error", error);
    }
  }

  /** @param {Received} msg */
  #treeChanged(msg) {
    const changes = this.tree.follow(msg);
    for (const { op, f = 0, path = "" } of changes) {
      const file = this.#open.byId(f);
      if (file && op === "delete") this.#open.gone(file);
      if (file && op === "rename") file.renamed(path);
    }
    if (changes.length) this.emit("files", changes);
  }

  /** @param {Received} msg */
  #peer({ by, on, user = "", name = "", color }) {
    if (by === this.me.cid) return;
    if (!on) return this.#left(by);
    const self = { by, user, name, color: asColor(color) };
    this.peers.set(by, { f: 0, sel: null, v: 0, ...this.peers.get(by), ...self });
    for (const file of this.#open.all) file.peerChanged(by);
    this.emitSoon("peers");
  }

  /** @param {Received} msg */
  #pointed({ by, f, v = 0, sel }) {
    const peer = this.peers.get(by);
    if (!peer) return;
    const place = { f, v, sel: Array.isArray(sel) ? sel : null };
    this.peers.set(by, { ...peer, ...place });
    for (const file of this.#open.all) {
      if (file.f === f && place.sel) file.peerMoved(by, v, place.sel);
      else file.peerLeft(by);
    }
    this.emitSoon("peers");
  }

  /**
   * @param {number} by
   * @param {FileSession} file that this peer has edited
   * @param {readonly number[]} sel
   * @returns {boolean} it is somebody who is here
   */
  wrote(by, file, sel) {
    const peer = this.peers.get(by);
    if (!peer) return false;
    this.peers.set(by, { ...peer, f: file.f, v: file.v, sel });
    this.emitSoon("peers");
    return true;
  }

  // The page, and what it leaves for the next one.

  #listenToPage() {
    this.#unlisten = listenToPage({
      awake: () => this.retry(),
      changed: () => this.#stateChanged(),
      leaving: () => this.persist(),
      back: () => this.#reclaim(),
    });
  }

  /** @returns {boolean} all of it is stored */
  persist() {
    const { storage } = this.#options;
    if (!storage || !this.#resume || this.state === "closed") return false;
    this.#nonce = `${this.now()}.${this.random()}`;
    const files = [...this.#open.all].filter(
      ({ core, kept, state }) => state === "open" && (core.pending || kept.length),
    );
    return put(storage, this.#key, {
      nonce: this.#nonce,
      resume: this.#resume,
      k: this.#connection.k,
      ep: this.info.ep,
      e: this.#e,
      cid: this.me.cid,
      files: files.map(freeze),
    });
  }

  /** The page was shown again without a reload. */
  #reclaim() {
    if (!this.#nonce || !this.#options.storage) return;
    if (take(this.#options.storage, this.#key)?.nonce === this.#nonce) return this.retry();
    this.#connection.end(new WeftError("moved", "this client went on in another page", true));
  }

  /** @param {Saved} saved */
  #restore(saved) {
    this.#resume = saved.resume;
    this.info.ep = saved.ep;
    this.me = { ...this.me, cid: saved.cid };
    for (const { core, kept } of saved.files) {
      const file = this.#open.adopt(thaw(core));
      for (const doubt of kept) queueMicrotask(() => file.keep(/** @type {any} */ (doubt)));
    }
  }
}
