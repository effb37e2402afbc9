// What people do with files: make, rename, move, delete, and take a deletion back. Every one answers with a promise that is
// rejected with the server's error; who asked says it in words where it was asked.

import { confirm } from "./dialog.js";
import { toast } from "./toast.js";
import { baseName, join, sentence } from "./words.js";

/** @typedef {import("../client/project.js").Project} Project */
/** @typedef {import("./documents.js").Documents} Documents */
/** @typedef {{kind: "file" | "folder", path: string}} Item */
/** @typedef {{path: string, text: string}} Text */

const ONE_MESSAGE = 256 * 1024;

export class Actions {
  /** @param {Project} project @param {Documents} documents */
  constructor(project, documents) {
    this.project = project;
    this.documents = documents;
  }

  /** @param {string} path */
  async create(path) {
    await this.project.create(path);
    this.documents.open(path);
  }

  /** @param {Item} item @param {string} path the new one */
  async rename({ kind, path: from }, path) {
    if (path === from) return;
    if (kind === "folder") return this.project.renameFolder(from, path);
    await this.project.rename(this.#id(from), path);
  }

  /** @param {Item} item @param {string} folder "" for the top */
  async move(item, folder) {
    const path = join(folder, baseName(item.path));
    if (path === item.path || `${folder}/`.startsWith(`${item.path}/`)) return;
    await this.rename(item, path).catch((error) => toast(sentence(error)));
  }

  /** Asks once, deletes, and offers to take it back. @param {Item} item */
  async remove(item) {
    const name = baseName(item.path);
    const inside = this.#inside(item);
    const title =
      item.kind === "file" ? `Delete ${name}?` : `Delete ${name} and its ${count(inside.length)}?`;
    const text = "It goes away for everybody. You can undo this.";
    if (!(await confirm({ title, text, yes: "Delete" }))) return;
    if (this.project.state === "offline") return toast(sentence({ code: "offline" }));
    const shown = this.documents.active?.path ?? "";
    try {
      const texts = await this.#removeAll(item, inside);
      for (const { path } of inside) this.#closeTab(path);
      toast(`Deleted ${name}.`, { label: "Undo", run: () => this.#putBack(texts, shown) });
    } catch (error) {
      toast(sentence(error));
    }
  }

  /**
   * Holds the files open meanwhile, so that the texts are the last there were.
   * @param {Item} item
   * @param {{path: string}[]} inside
   * @returns {Promise<Text[]>}
   */
  async #removeAll({ kind, path }, inside) {
    const held = inside.map((file) => this.project.open(file.path));
    try {
      await Promise.all(held.map((file) => file.ready));
      if (kind === "folder") await this.project.removeFolder(path);
      else await this.project.remove(this.#id(path));
      return held.map((file) => ({ path: file.path, text: file.text }));
    } finally {
      for (const file of held) file.close();
    }
  }

  /** @param {string} path @param {string} text */
  async putBack(path, text) {
    await this.#putBack([{ path, text }], path);
  }

  /** @param {Text[]} texts @param {string} shown the file to have in front again */
  async #putBack(texts, shown) {
    try {
      for (const text of texts) await this.#make(text);
      if (texts.some(({ path }) => path === shown)) this.documents.open(shown);
    } catch (error) {
      toast(sentence(error));
    }
  }

  /** A text that is too large for one message is typed into an empty file instead. @param {Text} text */
  async #make({ path, text }) {
    if (text.length < ONE_MESSAGE) return void (await this.project.create(path, text));
    const file = this.project.open(await this.project.create(path));
    await file.ready;
    file.setText(text);
    file.close();
  }

  /** @param {string} path */
  #closeTab(path) {
    const file = this.documents.byPath(path);
    if (file) this.documents.close(file);
  }

  /** @param {string} path @returns {number} */
  #id(path) {
    return this.project.byPath(path)?.f ?? 0;
  }

  /** @param {Item} item */
  #inside({ kind, path }) {
    const files = [...this.project.files.values()];
    return files.filter((file) =>
      kind === "file" ? file.path === path : file.path.startsWith(`${path}/`),
    );
  }
}

/** @param {number} files */
function count(files) {
  return files === 1 ? "1 file" : `${files} files`;
}

/** @param {string} typed @param {string} folder @returns {string} the path that is meant, "a//b/" cleaned */
export function typedPath(typed, folder) {
  const parts = typed.split("/").map((part) => part.trim());
  return join(folder, parts.filter(Boolean).join("/"));
}
