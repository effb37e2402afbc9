// Tells the others where the own caret is: at most every 50 ms, the newest position only. While an edit is under way no
// message is needed, its `sel` moves the caret; what is due then waits for the acknowledgement.

import { Bucket } from "./rate.js";

/** @typedef {import("./file.js").FileSession} FileSession */
/** @typedef {import("./connection.js").Clock} Clock */

const PAUSE_MS = 50;
const RANGES = 32;

export class Caret {
  #bucket = new Bucket(20, 40);
  /** @type {any} */
  #timer = null;

  /**
   * @param {Clock} clock
   * @param {(msg: object) => boolean} send
   */
  constructor(clock, send) {
    this.clock = clock;
    this.send = send;
    /** the file the caret is in @type {FileSession | null} */
    this.file = null;
  }

  /** @param {FileSession} file */
  moved(file) {
    if (file.sel === null && this.file !== file) return;
    this.file = file;
    this.#soon(PAUSE_MS);
  }

  /** The edit has told it. @param {FileSession} file */
  told(file) {
    if (file.sel) this.file = file;
  }

  /** A file may have become idle. @param {FileSession} file */
  idle(file) {
    if (this.file === file && file.cursorDue) this.#soon(0);
  }

  /** The server has forgotten it. */
  again() {
    if (!this.file) return;
    this.file.cursorDue = true;
    this.#soon(0);
  }

  /** @param {FileSession} file that is closed */
  left(file) {
    if (this.file !== file) return;
    file.sel = null;
    file.cursorDue = true;
    this.#soon(0);
  }

  stop() {
    this.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** @param {number} pause */
  #soon(pause) {
    if (this.#timer !== null) return;
    const ms = Math.max(pause, this.#bucket.wait(this.clock.now()));
    this.#timer = this.clock.setTimeout(() => {
      this.#timer = null;
      this.#tell();
    }, ms);
  }

  #tell() {
    const { file } = this;
    if (!file?.cursorDue) return;
    const { core, sel } = file;
    if (sel === null) {
      if (!this.send({ t: "cursor", f: 0 })) return;
      this.file = null;
    } else if (core.idle) {
      const inside = sel.slice(0, 2 * RANGES).map((pos) => Math.min(pos, core.length));
      if (!this.send({ t: "cursor", f: core.f, v: core.v, sel: inside })) return;
    } else return;
    file.cursorDue = false;
    this.#bucket.reserve(this.clock.now());
  }
}
