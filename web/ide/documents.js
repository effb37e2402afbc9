// The open files of this window, in the order of their tabs, and which one is in front. Events: `list` (tabs changed, or a
// name), `active` (another file is in front), `status` (of that one), `kept` (texts that could not be merged).

import { Emitter } from "../client/events.js";
import { openTabs, rememberTabs } from "./prefs.js";

/** @typedef {import("../client/weft.js").FileSession} FileSession */
/** @typedef {import("../client/project.js").Project} Project */

export class Documents extends Emitter {
  /** @type {Map<FileSession, () => void>} */
  #off = new Map();

  /** @param {Project} project */
  constructor(project) {
    super();
    this.project = project;
    /** @type {FileSession[]} */
    this.list = [];
    /** @type {FileSession | null} */
    this.active = null;
    /** those that were in front, the newest first @type {FileSession[]} */
    this.recent = [];
    project.on("files", (changes) => this.#treeChanged(changes));
  }

  /** @param {string} path @returns {FileSession | undefined} */
  byPath(path) {
    return this.list.find((file) => file.path === path);
  }

  /** The tabs that this window had before a reload, without those whose files are gone. @returns {string} the one in front */
  restore() {
    const { paths, active } = openTabs(this.project.id);
    for (const path of paths) {
      if (this.project.byPath(path) && !this.byPath(path)) this.list.push(this.#hold(path));
    }
    this.emit("list");
    return this.project.byPath(active) ? active : "";
  }

  /** @param {string} path @returns {FileSession} in front now */
  open(path) {
    let file = this.byPath(path);
    if (!file) {
      file = this.#hold(path);
      const after = this.active ? this.list.indexOf(this.active) + 1 : this.list.length;
      this.list.splice(after, 0, file);
      this.#changed();
    }
    this.activate(file);
    return file;
  }

  /** @param {FileSession | null} file */
  activate(file) {
    if (this.active === file) return;
    this.active = file;
    if (file) this.recent = [file, ...this.recent.filter((other) => other !== file)];
    this.#persist();
    this.emit("active", file);
  }

  /** @param {FileSession} file */
  close(file) {
    const at = this.list.indexOf(file);
    if (at < 0) return;
    this.list.splice(at, 1);
    if (this.active === file) this.activate(this.list[at] ?? this.list[at - 1] ?? null);
    this.#release(file);
    this.#changed();
  }

  /** Puts another session in the place of one that ended. @param {FileSession} old */
  replace(old) {
    const at = this.list.indexOf(old);
    const file = this.#hold(old.path);
    this.list[at] = file;
    if (this.active === old) this.activate(file);
    this.#release(old);
    this.#changed();
  }

  closeAll() {
    for (const file of this.list.splice(0)) this.#release(file);
  }

  /** @param {string} path */
  #hold(path) {
    const file = this.project.open(path);
    const off = [
      file.on("path", () => this.#changed()),
      file.on("state", () => this.emit("list")),
      file.on("conflict", () => this.emit("kept")),
      file.on("status", () => this.active === file && this.emit("status")),
    ];
    this.#off.set(file, () => off.forEach((end) => end()));
    return file;
  }

  /** @param {FileSession} file */
  #release(file) {
    this.#off.get(file)?.();
    this.#off.delete(file);
    this.recent = this.recent.filter((other) => other !== file);
    file.close();
  }

  /** A file that was deleted and is there again, by undo here or elsewhere, goes on in its tab. @param {{op: string, path?: string}[]} changes */
  #treeChanged(changes) {
    for (const { op, path } of changes) {
      if (op !== "create" && op !== "list") continue;
      for (const file of [...this.list]) {
        const back = op === "create" ? file.path === path : this.project.byPath(file.path);
        if (back && (file.state === "gone" || file.state === "failed") && !file.kept.length) {
          this.replace(file);
        }
      }
    }
  }

  #changed() {
    this.#persist();
    this.emit("list");
  }

  #persist() {
    const paths = this.list.map(({ path }) => path);
    rememberTabs(this.project.id, { paths, active: this.active?.path ?? "" });
  }
}
