// One open file, as a program or an editor sees it: a text that can be edited at once, events for what others do, and the
// truth about what is acknowledged and saved. The rules are in core.js, the wire belongs to the project.

import { fromSplices, isIdentity, mapPos, parse } from "./change.js";
import { clean, cleanText } from "./clean.js";
import { diff } from "./diff.js";
import { Emitter, WeftError } from "./events.js";
import { Presence } from "./presence.js";

/** @typedef {import("./change.js").Change} Change */
/** @typedef {import("./change.js").Splice} Splice */
/** @typedef {import("./core.js").Core} Core */
/** @typedef {import("./core.js").Outcome} Outcome */
/** @typedef {import("./core.js").Doubt} Doubt */
/** @typedef {import("./project.js").Project} Project */

/**
 * @typedef {object} ChangeEvent
 * @property {Change} changes in positions of the text before
 * @property {boolean} remote
 * @property {boolean} reset the server's text replaced ours, this is the difference
 * @property {number} [by] cid of the author
 * @property {unknown} [origin] what was given to `edit`
 */

/**
 * @typedef {object} Status
 * @property {"connecting" | "saved" | "stored" | "saving" | "acknowledged" | "degraded" | "offline" | "reconnecting" | "readonly" | "gone"} phase
 * @property {number} pending local edits that are not acknowledged
 * @property {number} v
 * @property {number} ackedV version of our newest acknowledged edit
 * @property {number} savedV
 */

/** @typedef {Doubt & {file: FileSession, path: string, at: number}} Kept */
/** @typedef {{by: number, user: string, name: string, color: number | null, sel: readonly number[], moved: number}} Cursor */
/** @typedef {"opening" | "open" | "gone" | "failed" | "closed"} FileState */

export class FileSession extends Emitter {
  #project;
  /** @type {string | null} */
  #text = null;
  /** @type {{resolve: (file: FileSession) => void, reject: (error: WeftError) => void}} */
  #settle = { resolve: () => {}, reject: () => {} };

  /**
   * @param {Project} project
   * @param {Core} core
   */
  constructor(project, core) {
    super();
    this.#project = project;
    /** the state machine; for the project and tests */
    this.core = core;
    this.presence = new Presence();
    /** how often it is open */
    this.refs = 0;
    /** @type {FileState} */
    this.state = core.base ? "open" : "opening";
    /** @type {WeftError | null} */
    this.error = null;
    /** @type {Kept[]} */
    this.kept = [];
    /** own selection, not yet told to the others if `cursorDue` @type {readonly number[] | null} */
    this.sel = null;
    this.cursorDue = false;
    /** changes of the text so far; tells a view that was away whether it missed one */
    this.changeCount = 0;
    /** pauses after `busy` */
    this.retries = 0;
    /** @type {Promise<FileSession>} */
    this.ready = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.ready.catch(() => {});
    if (core.base) this.#settle.resolve(this);
    core.decide = (doubt) => project.decide(this, doubt);
  }

  get f() {
    return this.core.f;
  }

  get path() {
    return this.core.path;
  }

  get v() {
    return this.core.v;
  }

  get length() {
    return this.core.length;
  }

  get text() {
    this.#text ??= this.core.text();
    return this.#text;
  }

  get readOnly() {
    return this.state !== "open" || this.#project.me.role === "view";
  }

  /** @returns {Status} */
  get status() {
    const { pending, v, ackedV, savedV } = this.core;
    return { phase: this.#phase(), pending, v, ackedV, savedV };
  }

  /** @returns {Status["phase"]} */
  #phase() {
    const { state } = this.#project;
    if (this.state === "gone") return "gone";
    if (state === "connecting") return "connecting";
    if (state === "reconnecting") return "reconnecting";
    if (state !== "live") return "offline";
    if (this.#project.degraded) return "degraded";
    if (this.state === "opening") return "connecting";
    if (this.readOnly) return "readonly";
    if (this.core.pending) return "saving";
    if (this.core.subscribed !== "yes") return "reconnecting";
    if (this.#project.info.store === "redis") return "stored"; // nothing comes after the log there
    return this.core.v > this.core.savedV ? "acknowledged" : "saved";
  }

  /** @returns {Map<number, Cursor>} */
  get cursors() {
    /** @type {Map<number, Cursor>} */
    const cursors = new Map();
    for (const [by, { sel, moved }] of this.presence.carets) {
      const { user = "", name = "", color = null } = this.#project.peers.get(by) ?? {};
      cursors.set(by, { by, user, name, color, sel, moved });
    }
    return cursors;
  }

  /**
   * @param {Change | Splice | readonly Splice[]} changes
   * @param {{sel?: readonly number[], origin?: unknown}} [options] `sel` is the selection after it
   * @returns {Change} as it was applied
   */
  edit(changes, { sel, origin } = {}) {
    if (this.readOnly) throw new WeftError("forbidden", `${this.path} cannot be edited`);
    const { core } = this;
    const c = clean(this.#parse(changes), (pos) => core.unitAt(pos));
    if (isIdentity(c)) return c;
    core.local(c, sel ?? null);
    this.sel = sel ?? this.#mapped(c);
    this.cursorDue = false;
    this.#changed({ changes: c, remote: false, reset: false, origin });
    this.#project.edited(this);
    return c;
  }

  /** @param {Change} changes @returns {number[] | null} own selection after them */
  #mapped(changes) {
    return this.sel && this.sel.map((pos) => mapPos(changes, pos));
  }

  /** @param {Change | Splice | readonly Splice[]} changes @returns {Change} */
  #parse(changes) {
    const list = /** @type {readonly unknown[]} */ (Array.isArray(changes) ? changes : [changes]);
    const [first] = list;
    const splices = typeof first === "object" && first !== null && !Array.isArray(first);
    if (!splices) return parse(changes, this.core.length);
    return fromSplices(/** @type {readonly Splice[]} */ (list), this.core.length);
  }

  /** @param {string} text @returns {Change} */
  setText(text) {
    return this.edit(diff(this.text, cleanText(text.replace(/\r\n?/g, "\n"))));
  }

  /** @param {readonly number[] | null} sel own selection, null for "not in this file" */
  cursor(sel) {
    if (String(sel) === String(this.sel) && this.#project.active === this) return;
    this.sel = sel;
    this.cursorDue = true;
    this.#project.caret.moved(this);
  }

  /** @param {Kept} kept */
  drop(kept) {
    this.kept = this.kept.filter((other) => other !== kept);
    this.emitSoon("conflict");
  }

  close() {
    if (this.refs > 0 && --this.refs === 0) this.#project.closing(this);
  }

  // What follows is for the project.

  /**
   * @param {Outcome} outcome of a message
   * @param {number} v the file's version after it
   */
  follow(outcome, v) {
    if (outcome.logged) this.presence.logged(v, outcome.logged);
    if (outcome.reset) this.presence.forget();
    if (outcome.changes && !(outcome.reset && isIdentity(outcome.changes))) {
      const { changes, by, sel, reset = false } = outcome;
      const author = sel && by !== undefined && this.#project.wrote(by, this, sel);
      this.#changed({ changes, remote: true, reset, by }, () => {
        if (author) this.presence.place(by, sel);
      });
    }
    if (outcome.synced && this.state === "opening") this.#opened();
    if (outcome.kept) this.keep(outcome.kept);
    for (const [by, arrived] of this.presence.due(v)) this.peerMoved(by, arrived.v, arrived.sel);
    this.emitSoon("status", () => this.status);
  }

  #opened() {
    this.setState("open");
    this.#text = null;
    this.#settle.resolve(this);
  }

  /**
   * @param {ChangeEvent} event
   * @param {() => void} [before] the handlers are called
   */
  #changed(event, before) {
    this.#text = null;
    this.changeCount++;
    this.presence.map(event.changes);
    if (event.remote) this.sel = this.#mapped(event.changes);
    before?.();
    this.emit("change", event);
    if (event.remote) this.emit("remote", event);
    this.emitSoon("status", () => this.status);
  }

  /** @param {number} by @param {number} v @param {readonly number[]} sel positions of version v */
  peerMoved(by, v, sel) {
    const at = this.presence.arrive(by, { v, sel }, this.core.v);
    if (!at) return;
    this.presence.place(by, this.core.toEditor(at));
    this.emitSoon("cursors");
  }

  /** Their name or colour is another. @param {number} by */
  peerChanged(by) {
    if (this.presence.carets.has(by)) this.emitSoon("cursors");
  }

  /** @param {number} by */
  peerLeft(by) {
    if (this.presence.remove(by)) this.emitSoon("cursors");
  }

  /** @param {Doubt} doubt */
  keep(doubt) {
    const kept = { ...doubt, file: this, path: this.path, at: Date.now() };
    this.kept = [...this.kept, kept];
    this.#project.kept(kept);
    this.emit("conflict", kept);
  }

  /** @param {FileState} state */
  setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.emitSoon("state", () => this.state);
    this.emitSoon("status", () => this.status);
  }

  /** @param {WeftError} error */
  fail(error) {
    this.error = error;
    this.setState("failed");
    this.#settle.reject(error);
  }

  /** @param {string} path */
  renamed(path) {
    if (this.core.path === path) return;
    this.core.path = path;
    this.emitSoon("path", () => this.path);
  }

  /** @returns {boolean} nothing of it is left to do */
  get finished() {
    return this.refs === 0 && (this.core.pending === 0 || this.state === "gone");
  }
}
