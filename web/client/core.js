// The state machine of one file (protocol.md, section 12). No I/O, no timer, no editor: it is told what was typed and what
// arrived, and says what to send and how the editor's text changes. Three texts follow from each other:
//
//     base (version v of the log)  --inflight-->  (sent, not acknowledged)  --buffer-->  what the editor shows
//
// Only `base` is kept as a text; the two changes are small, and a keystroke touches nothing else. A remote change is mapped
// over them one at a time, and what is in the log counts as first.
//
// What was sent on a connection that broke is sent again with the same number n, on a connection that has the old one
// fenced off, so it enters the log at most once. As long as a copy may still be under way on the present connection, nothing
// is decided about an edit: whoever is in doubt asks the driver to reconnect.

import * as change from "./change.js";
import { diff } from "./diff.js";
import { split } from "./split.js";
import { Text } from "./text.js";

/** @typedef {import("./change.js").Change} Change */

/**
 * @typedef {object} Pending
 * @property {Change} c
 * @property {number[] | null} sel the author's selection after it
 * @property {number} count local edits in it
 */

/**
 * @typedef {Pending & {n: number, cid: number, conn: number, copies: number, at: number}} Inflight
 * `conn` is the connection it was sent on last, `copies` how often there less how often it was refused, `at` when.
 */

/**
 * @typedef {object} Doubt typing of which nobody can say whether it should be sent again
 * @property {"identity" | "refused" | "forbidden" | "gone"} reason
 * @property {string} [code] of the server's error
 * @property {string} base
 * @property {string} mine
 * @property {string} theirs
 */

/**
 * @typedef {object} Outcome what a message led to
 * @property {Change} [changes] to the editor's text
 * @property {boolean} [reset] they come from a diff
 * @property {number} [by]
 * @property {number[] | null} [sel] the author's selection, in the editor's text after the changes
 * @property {Change} [logged] the entry as it is in the log; `v` is its version
 * @property {"open" | "later" | "reconnect"} [ask] what to do next: open again, now or after a pause, or reconnect
 * @property {boolean} [synced] it is subscribed now; look what can be sent
 * @property {boolean} [resend] send the edit in flight again
 * @property {Doubt} [kept] typing that was taken out of the text
 */

/** @typedef {{t: string, [key: string]: unknown}} Message */
/** @typedef {any} Received a message from outside: every field is checked where it is used */

// An answer to `open` may be megabytes over a slow line.
const OPEN_MS = 60_000;
const ACK_MS = 10_000;
const SEL_RANGES = 32;

// Errors that say nothing about the edit: the same again, later.
export const PASSING = ["busy", "rate", "internal", "not_open"];

export class Core {
  /**
   * @param {string} path
   * @param {number} [f]
   */
  constructor(path, f = 0) {
    this.path = path;
    this.f = f;
    this.ep = "";
    this.v = 0;
    this.n = 0;
    /** @type {Text | null} */
    this.base = null;
    /** @type {Inflight | null} */
    this.inflight = null;
    /** @type {Pending | null} */
    this.buffer = null;
    /** length of the editor's text */
    this.length = 0;
    this.ackedV = 0;
    this.savedV = 0;
    /** @type {"no" | "file" | "synced" | "yes"} subscribed, or what it waits for */
    this.subscribed = "no";
    this.askedAt = 0;
    this.distrusted = false;
    this.refusals = 0;
    /** @type {(doubt: Doubt) => "keep" | "merge"} */
    this.decide = () => "keep";
  }

  get pending() {
    return (this.inflight?.count ?? 0) + (this.buffer?.count ?? 0);
  }

  /** Nothing of ours is under way, so positions of the editor are positions of version v. */
  get idle() {
    return this.subscribed === "yes" && !this.inflight && !this.buffer;
  }

  /** @returns {string} the editor's text */
  text() {
    let text = this.base ? this.base.toString() : "";
    if (this.inflight) text = change.apply(text, this.inflight.c);
    return this.buffer ? change.apply(text, this.buffer.c) : text;
  }

  /** @param {number} pos @returns {number} the UTF-16 unit of the editor's text */
  unitAt(pos) {
    /** @param {number} at */
    const base = (at) => (this.base ? this.base.unitAt(at) : 0);
    const { inflight, buffer } = this;
    /** @type {(at: number) => number} */
    const sent = inflight ? (at) => change.unitAfter(inflight.c, at, base) : base;
    return buffer ? change.unitAfter(buffer.c, pos, sent) : sent(pos);
  }

  /**
   * Positions of version v in the editor's text.
   * @param {readonly number[]} sel
   * @returns {number[]}
   */
  toEditor(sel) {
    const most = this.base ? this.base.length : 0;
    return sel.map((pos) => {
      let at = Math.min(pos, most);
      if (this.inflight) at = change.mapPos(this.inflight.c, at);
      return this.buffer ? change.mapPos(this.buffer.c, at) : at;
    });
  }

  /**
   * Something was typed.
   * @param {Change} c clean, for a text of `length`
   * @param {readonly number[] | null} sel
   */
  local(c, sel) {
    const { buffer } = this;
    this.length += change.lengthAfter(c) - change.lengthBefore(c);
    this.buffer = {
      c: buffer ? change.compose(buffer.c, c) : c,
      sel: sel ? sel.slice(0, 2 * SEL_RANGES) : null,
      count: (buffer?.count ?? 0) + 1,
    };
  }

  get sendable() {
    return this.subscribed === "yes" && !this.inflight && this.buffer !== null;
  }

  /**
   * Moves what is typed, or as much as one message may hold, into flight. Only when `sendable`.
   * @param {number} now
   * @param {number} conn
   * @param {number} cid
   * @returns {Message}
   */
  next(now, conn, cid) {
    const { c, sel, count } = /** @type {Pending} */ (this.buffer);
    const [front, rest] = split(c);
    this.buffer = rest ? { c: rest, sel, count } : null;
    const own = rest ? { sel: null, count: 0 } : { sel, count };
    this.inflight = { ...own, c: front, n: ++this.n, cid, conn, at: now, copies: 0 };
    return this.resend(now, conn);
  }

  /**
   * @param {number} now
   * @param {number} conn
   * @returns {Message} the edit in flight
   */
  resend(now, conn) {
    const inflight = /** @type {Inflight} */ (this.inflight);
    inflight.copies = inflight.conn === conn ? inflight.copies + 1 : 1;
    inflight.conn = conn;
    inflight.at = now;
    const { n, c, sel } = inflight;
    return { t: "edit", f: this.f, v: this.v, n, c, ...(sel && { sel }) };
  }

  /**
   * @param {string} ep the project's epoch; file ids and versions belong to it
   * @param {number} now
   * @returns {Message} the `open` that fits
   */
  open(ep, now) {
    const known = this.f > 0 && (this.ep === ep || !this.base);
    const resume = known && this.base !== null && !this.distrusted;
    this.subscribed = resume ? "synced" : "file";
    this.askedAt = now;
    if (!known) return { t: "open", path: this.path };
    return resume ? { t: "open", f: this.f, v: this.v, ep } : { t: "open", f: this.f };
  }

  /** The connection broke, or the server stopped sending: everything is kept. */
  unsubscribed() {
    this.subscribed = "no";
  }

  /**
   * @param {number} now
   * @param {number} heard when the newest ping that was answered had been sent
   * @returns {boolean} the server lives, but what it owes does not come
   */
  late(now, heard) {
    if (this.subscribed === "file" || this.subscribed === "synced") {
      return now - this.askedAt > OPEN_MS;
    }
    const { inflight } = this;
    if (!inflight || this.subscribed === "no") return false;
    return now - inflight.at > ACK_MS && heard >= inflight.at;
  }

  /**
   * An entry of the log. Our own means that it is acknowledged: after a reconnect it comes in this form.
   * @param {Received} msg
   * @returns {Outcome}
   */
  edit(msg) {
    if (this.subscribed === "no" || this.subscribed === "file" || msg.v <= this.v) return {};
    if (msg.v !== this.v + 1) return { ask: "reconnect" };
    const { inflight } = this;
    if (inflight && msg.by === inflight.cid && msg.n === inflight.n) return this.#confirm();
    try {
      return this.#remote(change.parse(msg.c, this.base?.length), msg);
    } catch {
      return this.#distrust();
    }
  }

  /**
   * @param {Received} msg
   * @returns {Outcome}
   */
  ack(msg) {
    if (this.subscribed !== "yes" || msg.v <= this.v) return {};
    if (msg.v !== this.v + 1 || msg.n !== this.inflight?.n) return { ask: "reconnect" };
    return this.#confirm();
  }

  /**
   * Everything missed has arrived.
   * @param {Received} msg
   * @param {number} cid
   * @returns {Outcome}
   */
  synced(msg, cid) {
    if (this.subscribed !== "synced") return {};
    if (msg.v !== this.v) return this.#distrust();
    this.subscribed = "yes";
    this.n = Math.max(this.n, Number(msg.n) || 0);
    if (Number.isSafeInteger(msg.s)) this.savedV = msg.s;
    const { inflight } = this;
    if (!inflight) return { synced: true };
    if (inflight.cid === cid && msg.n >= inflight.n) return this.#distrust();
    if (inflight.cid !== cid && !inflight.copies) this.#unsend();
    else if (inflight.cid !== cid) return { ...this.#doubt("identity"), synced: true };
    else if (this.refusals > 1) return { ...this.#doubt("refused", "bad_json"), synced: true };
    return { synced: true, resend: this.inflight !== null };
  }

  /**
   * A snapshot: the first text, or what is there instead of a history that can be followed.
   * @param {Received} msg
   * @param {number} cid
   * @param {number} conn
   * @returns {Outcome}
   */
  file(msg, cid, conn) {
    if (typeof msg.text !== "string" || !Number.isSafeInteger(msg.v)) return { ask: "reconnect" };
    const { inflight } = this;
    const underWay = inflight && inflight.cid === cid && inflight.conn === conn && inflight.copies;
    if (underWay && !(msg.n >= inflight.n)) return { ask: "reconnect" };
    const outcome = this.base ? this.#rebase(msg, cid) : {};
    this.base = new Text(msg.text);
    if (!outcome.changes) this.length = msg.text.length;
    Object.assign(this, { f: msg.f, v: msg.v, ep: msg.ep ?? this.ep, path: msg.path ?? this.path });
    this.n = Math.max(this.n, Number(msg.n) || 0);
    this.savedV = Number.isSafeInteger(msg.s) ? msg.s : 0;
    this.ackedV = Math.min(this.ackedV, this.v);
    this.subscribed = "yes";
    this.distrusted = false;
    return { ...outcome, synced: true };
  }

  /**
   * The server refused our edit; it has unsubscribed us.
   * @param {string} code
   * @returns {Outcome}
   */
  refused(code) {
    const { inflight } = this;
    if (inflight && inflight.copies) inflight.copies--;
    const asked = this.subscribed === "file" || this.subscribed === "synced";
    if (asked && code === "not_open") return {};
    this.subscribed = "no";
    if (!inflight) return { ask: "open" };
    if (PASSING.includes(code)) return { ask: "later" };
    if (inflight.copies) return { ask: "reconnect" };
    if (code === "forbidden") return { ...this.#doubt("forbidden", code), ask: "open" };
    if (++this.refusals > 1) return { ...this.#doubt("refused", code), ask: "open" };
    this.distrusted = code !== "stale" && code !== "out_of_order";
    return { ask: "open" };
  }

  /** The server could not read a frame, perhaps ours. Once it is looked up and sent again, twice is a doubt. */
  suspected() {
    if (this.inflight) this.refusals++;
  }

  /**
   * The file is deleted: nothing of ours can be sent any more.
   * @returns {Outcome}
   */
  gone() {
    this.subscribed = "no";
    if (!this.inflight && !this.buffer) return {};
    const mine = this.text();
    const base = this.base?.toString() ?? "";
    this.inflight = this.buffer = null;
    this.base = new Text(mine);
    return { kept: { reason: "gone", base, mine, theirs: base } };
  }

  /**
   * The answer to `check`.
   * @param {Received} msg
   * @returns {Outcome}
   */
  check(msg) {
    if (this.subscribed !== "yes" || msg.v !== this.v || !this.base) return {};
    return msg.crc === this.base.crc32() ? {} : this.#distrust();
  }

  /** @returns {Outcome} */
  #distrust() {
    this.distrusted = true;
    return { ask: "reconnect" };
  }

  /** @returns {Outcome} */
  #confirm() {
    const { c } = /** @type {Inflight} */ (this.inflight);
    /** @type {Text} */ (this.base).apply(c);
    this.ackedV = ++this.v;
    this.inflight = null;
    this.refusals = 0;
    return { logged: c, synced: this.subscribed === "yes" };
  }

  /**
   * @param {Change} logged
   * @param {Received} msg
   * @returns {Outcome}
   */
  #remote(logged, msg) {
    /** @type {Text} */ (this.base).apply(logged);
    this.v++;
    let changes = logged;
    for (const own of [this.inflight, this.buffer]) {
      if (!own) continue;
      const { c } = own;
      own.c = change.map(c, changes);
      changes = change.map(changes, c, true);
      own.sel = own.sel && own.sel.map((pos) => change.mapPos(changes, pos));
    }
    this.length += change.lengthAfter(changes) - change.lengthBefore(changes);
    const sel = Array.isArray(msg.sel) ? this.toEditor(msg.sel) : null;
    return { changes, by: msg.by, sel, logged };
  }

  /** What is in flight did not and cannot arrive: it is typing that was not sent yet. */
  #unsend() {
    const { inflight, buffer } = this;
    if (!inflight) return;
    this.buffer = {
      c: buffer ? change.compose(inflight.c, buffer.c) : inflight.c,
      sel: buffer ? buffer.sel : inflight.sel,
      count: this.pending,
    };
    this.inflight = null;
  }

  /**
   * Maps what is not in the snapshot over the difference of the last common text to it.
   * @param {Received} msg
   * @param {number} cid
   * @returns {Outcome}
   */
  #rebase(msg, cid) {
    const { inflight } = this;
    let before = /** @type {Text} */ (this.base).toString();
    // Numbers are per file: of another one that has the path now, n says nothing of ours.
    if (inflight && inflight.cid === cid && msg.f === this.f && msg.n >= inflight.n) {
      before = change.apply(before, inflight.c);
      this.inflight = null;
      this.refusals = 0;
    } else if (inflight && (inflight.cid === cid || !inflight.copies)) {
      this.#unsend();
    } else if (inflight) {
      const outcome = this.#doubt("identity", undefined, msg.text);
      if (outcome.kept) return outcome;
    }
    let changes = diff(before, msg.text);
    if (this.buffer) {
      const { c } = this.buffer;
      this.buffer.c = change.map(c, changes);
      changes = change.map(changes, c, true);
      this.buffer.sel = null;
    }
    this.length = change.lengthAfter(changes);
    return { changes, reset: true };
  }

  /**
   * Asks what to do with typing that may or may not be in the log. "merge": send it again. "keep": the text becomes
   * `theirs`, and the typing is handed out.
   * @param {"identity" | "refused" | "forbidden"} reason
   * @param {string} [code]
   * @param {string} [theirs] the base if absent
   * @returns {Outcome}
   */
  #doubt(reason, code, theirs) {
    const base = /** @type {Text} */ (this.base).toString();
    const doubt = { reason, code, base, mine: this.text(), theirs: theirs ?? base };
    const choice = this.decide(doubt);
    this.#unsend();
    this.refusals = 0;
    if (choice === "merge" && reason === "identity") return {};
    const { c } = /** @type {Pending} */ (this.buffer);
    const undo = change.invert(c, (from, to) => base.slice(from, to));
    const changes = change.compose(undo, diff(base, doubt.theirs));
    this.buffer = null;
    this.length = doubt.theirs.length;
    return { changes, reset: true, kept: doubt };
  }
}
