// The files of a project: a list when the connection is made, and the events that change it.

/** @typedef {{f: number, path: string, v: number, len: number}} Entry */
/** @typedef {{op: "create" | "rename" | "delete" | "list", f?: number, path?: string, from?: string, by?: number}} TreeChange */

export class Tree {
  constructor() {
    /** @type {Map<number, Entry>} */
    this.files = new Map();
    // The list holds what happened until this event; the events until then come again after a reconnect.
    this.until = 0;
  }

  /**
   * @param {any[]} list
   * @param {number} e
   * @returns {TreeChange[]}
   */
  list(list, e) {
    this.files.clear();
    for (const { f, path, v = 0, len = 0 } of list) this.files.set(f, { f, path, v, len });
    this.until = e;
    return [{ op: "list" }];
  }

  /** @param {string} path @returns {Entry | undefined} */
  byPath(path) {
    for (const entry of this.files.values()) if (entry.path === path) return entry;
    return undefined;
  }

  /**
   * @param {any} msg an `fs` message
   * @returns {TreeChange[]}
   */
  follow(msg) {
    if (msg.e <= this.until) return [];
    this.until = Math.max(this.until, Number(msg.e) || 0);
    const list = Array.isArray(msg.list) ? msg.list : [[msg.f, msg.path]];
    return list.flatMap((/** @type {any} */ item) => {
      const [f, path] = Array.isArray(item) ? item : [item];
      return this.#change(msg.op, f, path, msg.by);
    });
  }

  /**
   * @param {string} op
   * @param {number} f
   * @param {string} path
   * @param {number} by
   * @returns {TreeChange[]}
   */
  #change(op, f, path, by) {
    const entry = this.files.get(f);
    if (op === "create") {
      this.files.set(f, { f, path, v: 0, len: 0 });
      return [{ op, f, path, by }];
    }
    if (!entry) return [];
    if (op === "delete") {
      this.files.delete(f);
      return [{ op, f, path: entry.path, by }];
    }
    if (op !== "rename") return [];
    this.files.set(f, { ...entry, path });
    return [{ op, f, path, from: entry.path, by }];
  }
}
