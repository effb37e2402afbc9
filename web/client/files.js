// The open files of a project on its connection: opens them again after every cut, hands them what arrives, sends what was
// typed as soon as a file has nothing in flight, and notices when the server owes an answer.

import { Core, PASSING } from "./core.js";
import { WeftError } from "./events.js";
import { FileSession } from "./file.js";
import { Bucket } from "./rate.js";

/** @typedef {import("./core.js").Outcome} Outcome */
/** @typedef {import("./project.js").Project} Project */
/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {any} Received */

const CHECK_MS = 60_000;
const WAITING_MS = 5_000;
const BUSY_MS = 250;
const BUSY_MAX_MS = 15_000;

// Errors that are about an edit even where no number says so, and those about a frame that the server could not read.
const EDIT_ERRORS = ["bad_change", "bad_text", "out_of_order", "stale"];
const FRAME_ERRORS = ["bad_json", "bad_message", "too_big", "too_many"];

/** @param {FileSession} file */
const isAlive = ({ state }) => state === "open" || state === "opening";

export class OpenFiles {
  #project;
  #connection;
  #edits = new Bucket(100, 200);
  #opens = new Bucket(50, 500);
  #checks = new Bucket(5, 20);
  #checkedAt = 0;
  /** @type {any} */
  #pumping = null;
  /** @type {Set<any>} timers of files that wait */
  #timers = new Set();
  /** @type {Map<number, FileSession>} by the number of the `open` that is not answered */
  #asked = new Map();

  /**
   * @param {Project} project
   * @param {Connection} connection
   */
  constructor(project, connection) {
    this.#project = project;
    this.#connection = connection;
    /** @type {Set<FileSession>} */
    this.all = new Set();
  }

  get pending() {
    let count = 0;
    for (const file of this.all) if (file.state !== "gone") count += file.core.pending;
    return count;
  }

  /** @param {number} f @returns {FileSession | undefined} */
  byId(f) {
    for (const file of this.all) if (file.f === f && isAlive(file)) return file;
    return undefined;
  }

  /** @param {string | number} which @returns {FileSession} */
  open(which) {
    const { tree } = this.#project;
    const entry = typeof which === "number" ? tree.files.get(which) : tree.byPath(which);
    const path = entry?.path ?? String(which);
    let file = this.#byPath(path);
    if (!file) {
      file = this.adopt(new Core(path, entry?.f ?? 0));
      this.#ask(file);
    }
    file.refs++;
    return file;
  }

  /** @param {Core} core @returns {FileSession} */
  adopt(core) {
    const file = new FileSession(this.#project, core);
    this.all.add(file);
    return file;
  }

  /** @param {FileSession} file whose last user has left */
  closing(file) {
    if (!file.finished || file.refs > 0) return;
    if (file.core.subscribed !== "no") this.#connection.send({ t: "close", f: file.f });
    file.core.unsubscribed();
    this.all.delete(file);
    file.setState("closed");
  }

  /** @param {number} limit edits a second */
  connected(limit) {
    this.#edits = new Bucket(limit, 2 * limit);
    this.#opens = new Bucket(50, 500);
    this.#checkedAt = this.#project.now();
    for (const file of this.all) {
      if (file.state === "open" || file.state === "opening") this.#ask(file);
      file.emitSoon("status", () => file.status);
    }
  }

  disconnected() {
    this.#asked.clear();
    for (const timer of [this.#pumping, ...this.#timers]) this.#project.clock.clearTimeout(timer);
    this.#pumping = null;
    this.#timers.clear();
    for (const file of this.all) file.core.unsubscribed();
  }

  /** @param {FileSession} file */
  #ask(file) {
    if (!this.#connection.live) return;
    const now = this.#project.now();
    const ms = this.#opens.reserve(now);
    if (ms) return this.#after(ms, () => this.#askNow(file));
    this.#askNow(file);
  }

  /** @param {FileSession} file */
  #askNow(file) {
    if (!this.all.has(file)) return;
    const q = this.#project.number();
    this.#asked.set(q, file);
    const entry = file.core.base ? null : this.#project.tree.byPath(file.path);
    if (entry) file.core.f = entry.f;
    this.#connection.send({ ...file.core.open(this.#project.info.ep, this.#project.now()), q });
  }

  /** @param {number} ms @param {() => void} fn */
  #after(ms, fn) {
    const { clock } = this.#project;
    const timer = clock.setTimeout(() => {
      this.#timers.delete(timer);
      fn();
    }, ms);
    this.#timers.add(timer);
  }

  /** @param {FileSession} file edited, or free to send again */
  flush(file) {
    if (!this.#connection.live || this.#connection.draining || !file.core.sendable) return;
    const now = this.#project.now();
    const ms = this.#edits.wait(now);
    if (ms) {
      this.#pumping ??= this.#project.clock.setTimeout(() => this.#pump(), ms);
      return;
    }
    this.#edits.reserve(now);
    this.#connection.send(file.core.next(now, this.#connection.k, this.#project.me.cid));
  }

  #pump() {
    this.#pumping = null;
    for (const file of this.all) this.flush(file);
  }

  /**
   * @param {Received} msg
   * @returns {boolean} it was about open files
   */
  received(msg) {
    if (msg.t === "saved") return this.#saved(msg);
    const asked = this.#asked.get(msg.q);
    const file =
      asked ?? this.byId(msg.f) ?? (msg.t === "file" ? this.#byPath(msg.path) : undefined);
    if (msg.t === "file" || msg.t === "synced") this.#isAnswered(file);
    const { me } = this.#project;
    switch (file && msg.t) {
      case "edit":
        return this.#follow(file, file?.core.edit(msg));
      case "ack":
        return this.#follow(file, file?.core.ack(msg));
      case "synced":
        return this.#follow(file, file?.core.synced(msg, me.cid));
      case "file":
        return this.#follow(file, file?.core.file(msg, me.cid, this.#connection.k));
      case "check":
        return this.#follow(file, file?.core.check(msg));
      case "resync":
        file?.core.unsubscribed();
        return this.#follow(file, { ask: "open" });
      default:
        return ["edit", "ack", "synced", "file", "check", "resync"].includes(msg.t);
    }
  }

  /** @param {FileSession | undefined} file */
  #isAnswered(file) {
    for (const [q, asked] of this.#asked) if (asked === file) this.#asked.delete(q);
  }

  /** @param {string} path */
  #byPath(path) {
    return [...this.all].find((file) => isAlive(file) && file.path === path);
  }

  /**
   * @param {FileSession | undefined} file
   * @param {Outcome | undefined} outcome
   * @returns {true}
   */
  #follow(file, outcome) {
    if (!file || !outcome) return true;
    file.follow(outcome, file.core.v);
    if (outcome.synced) file.retries = 0;
    if (outcome.resend) {
      this.#connection.send(file.core.resend(this.#project.now(), this.#connection.k));
    } else if (outcome.synced) this.flush(file);
    if (file.core.idle) this.#project.caret.idle(file);
    if (outcome.ask === "reconnect") this.#connection.restart();
    if (outcome.ask === "open") this.#ask(file);
    if (outcome.ask === "later") this.#after(this.#pause(file), () => this.#ask(file));
    this.closing(file);
    this.#project.emitSoon("status");
    return true;
  }

  /** @param {FileSession} file */
  #pause(file) {
    const ms = Math.min(BUSY_MAX_MS, BUSY_MS * 2 ** Math.min(file.retries++, 10));
    return ms * (0.5 + this.#project.random());
  }

  /** @param {Received} msg @returns {true} */
  #saved(msg) {
    for (const [f, v] of Array.isArray(msg.files) ? msg.files : []) {
      const file = this.byId(f);
      if (!file || file.core.subscribed === "no") continue;
      file.core.savedV = Math.max(file.core.savedV, v);
      file.emitSoon("status", () => file.status);
    }
    return true;
  }

  /**
   * @param {Received} msg an error
   * @returns {boolean} it was about open files
   */
  failed(msg) {
    const asked = this.#asked.get(msg.q);
    if (asked) {
      this.#asked.delete(msg.q);
      this.#openFailed(asked, msg);
      return true;
    }
    if (!msg.f && msg.q === undefined && FRAME_ERRORS.includes(msg.code)) {
      for (const file of this.all) file.core.suspected();
      if (this.pending) this.#connection.restart();
      return false;
    }
    const file = this.byId(msg.f);
    if (!file || (msg.n === undefined && !EDIT_ERRORS.includes(msg.code))) return false;
    if (msg.code === "gone" || msg.code === "no_file") this.gone(file);
    else if (msg.n === undefined || msg.n === file.core.inflight?.n) {
      this.#follow(file, file.core.refused(msg.code));
    }
    return true;
  }

  /**
   * @param {FileSession} file
   * @param {Received} msg
   */
  #openFailed(file, msg) {
    file.core.unsubscribed();
    if (PASSING.includes(msg.code)) {
      this.#after(this.#pause(file), () => this.#ask(file));
    } else if (file.core.base) {
      if (msg.code === "gone" || msg.code === "no_file") this.gone(file);
      else file.fail(new WeftError(msg.code, msg.msg));
    } else {
      this.all.delete(file);
      file.fail(new WeftError(msg.code, msg.msg));
    }
  }

  /** @param {FileSession} file that was deleted */
  gone(file) {
    if (file.state === "gone") return;
    const outcome = file.core.gone();
    if (!file.core.base) {
      this.all.delete(file);
      return file.fail(new WeftError("no_file", `${file.path} was deleted`));
    }
    file.setState("gone");
    file.follow(outcome, file.core.v);
    this.closing(file);
  }

  /** The tree was read anew in the same epoch. */
  compareWithTree() {
    const { files } = this.#project.tree;
    for (const file of [...this.all]) {
      if (!file.f || file.state === "gone" || file.core.ep !== this.#project.info.ep) continue;
      const entry = files.get(file.f);
      if (entry) file.renamed(entry.path);
      else this.gone(file);
    }
  }

  /** What the server owes is owed from now on. @param {number} now */
  waitAgain(now) {
    for (const { core } of this.all) {
      core.askedAt = now;
      if (core.inflight) core.inflight.at = now;
    }
  }

  /** Once a second while live. @param {number} now */
  ticked(now) {
    const { answeredAt } = this.#connection;
    for (const { core } of this.all) {
      if (core.late(now, answeredAt)) return this.#connection.restart();
      const { inflight } = core;
      if (inflight && now - inflight.at > WAITING_MS) this.#connection.ping();
    }
    if (now - this.#checkedAt < CHECK_MS) return;
    this.#checkedAt = now;
    for (const { core } of this.all) {
      if (!core.idle) continue;
      const ms = this.#checks.reserve(now);
      this.#after(ms, () => core.idle && this.#connection.send({ t: "check", f: core.f }));
    }
  }
}
