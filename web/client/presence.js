// Carets of the others in one file, in positions of the editor's text. A caret arrives for some version of the log: for an
// older one it is mapped over the entries since, for a newer one it waits until that version is here.

import { mapPos } from "./change.js";

/** @typedef {import("./change.js").Change} Change */
/** @typedef {{v: number, sel: readonly number[]}} Arrived */
/** @typedef {{sel: number[], moved: number}} Caret `moved` counts the moves its owner made */

const RECENT = 200;

export class Presence {
  constructor() {
    /** @type {Map<number, Caret>} */
    this.carets = new Map();
    /** @type {Map<number, Arrived>} */
    this.early = new Map();
    /** @type {{v: number, c: Change}[]} the newest entries of the log, v is the version after them */
    this.recent = [];
  }

  /** @param {number} by @param {readonly number[]} sel in the editor's text */
  place(by, sel) {
    const moved = (this.carets.get(by)?.moved ?? 0) + 1;
    this.carets.set(by, { sel: [...sel], moved });
    this.early.delete(by);
  }

  /** @param {number} by @returns {boolean} it was here */
  remove(by) {
    this.early.delete(by);
    return this.carets.delete(by);
  }

  /** The history broke: versions before do not lead to this one. */
  forget() {
    this.early.clear();
    this.recent = [];
  }

  /** The editor's text changed. @param {Change} changes */
  map(changes) {
    for (const caret of this.carets.values()) {
      caret.sel = caret.sel.map((pos) => mapPos(changes, pos));
    }
  }

  /**
   * @param {number} v version after it
   * @param {Change} c as logged
   */
  logged(v, c) {
    this.recent.push({ v, c });
    if (this.recent.length > RECENT) this.recent.shift();
  }

  /**
   * @param {number} by
   * @param {Arrived} arrived
   * @param {number} v the file's version
   * @returns {number[] | null} positions of version v, or null if it has to wait or came too late
   */
  arrive(by, arrived, v) {
    if (arrived.v > v) {
      this.early.set(by, arrived);
      return null;
    }
    this.early.delete(by);
    const since = this.recent.filter((entry) => entry.v > arrived.v);
    if (since.length !== v - arrived.v) return null;
    return arrived.sel.map((pos) => since.reduce((at, { c }) => mapPos(c, at), pos));
  }

  /** @param {number} v @returns {[number, Arrived][]} what waited for this version */
  due(v) {
    return [...this.early].filter(([, arrived]) => arrived.v <= v);
  }
}
