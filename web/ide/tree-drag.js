// Files and folders are moved by dragging them onto a folder, or onto the empty part of the tree for the top.

import { folderOf } from "./words.js";

/** @typedef {import("./tree-model.js").Row} Row */

export class DragToMove {
  /** @type {Row | undefined} */
  #dragged;
  /** @type {Element | null} */
  #target = null;

  /**
   * @param {HTMLElement} list
   * @param {(target: EventTarget | null) => Row | undefined} rowAt
   * @param {(row: Row, folder: string) => void} move
   */
  constructor(list, rowAt, move) {
    this.list = list;
    this.rowAt = rowAt;
    list.addEventListener("dragstart", (event) => this.#start(event));
    list.addEventListener("dragend", () => this.#end());
    list.addEventListener("dragleave", (event) => {
      if (!list.contains(/** @type {Node | null} */ (event.relatedTarget))) this.#mark(null);
    });
    list.addEventListener("dragover", (event) => {
      if (!this.#allowed(event.target)) return this.#mark(null);
      event.preventDefault();
      this.#mark(this.#elementOf(this.#folderAt(event.target)));
    });
    list.addEventListener("drop", (event) => {
      const row = this.#dragged;
      if (!row || !this.#allowed(event.target)) return;
      event.preventDefault();
      move(row, this.#folderAt(event.target));
      this.#end();
    });
  }

  /** @param {DragEvent} event */
  #start(event) {
    this.#dragged = this.rowAt(event.target);
    if (!this.#dragged || !event.dataTransfer) return;
    event.dataTransfer.setData("text/plain", this.#dragged.path);
    event.dataTransfer.effectAllowed = "move";
    /** @type {Element} */ (event.target).classList.add("dragged");
  }

  #end() {
    this.#dragged = undefined;
    this.#mark(null);
    for (const element of this.list.querySelectorAll(".dragged"))
      element.classList.remove("dragged");
  }

  /** @param {EventTarget | null} target @returns {string} */
  #folderAt(target) {
    const row = this.rowAt(target);
    return !row ? "" : row.kind === "folder" ? row.path : folderOf(row.path);
  }

  /** @param {EventTarget | null} target */
  #allowed(target) {
    const row = this.#dragged;
    if (!row) return false;
    const folder = this.#folderAt(target);
    return folder !== folderOf(row.path) && !`${folder}/`.startsWith(`${row.path}/`);
  }

  /** @param {string} folder @returns {Element} */
  #elementOf(folder) {
    const rows = [...this.list.children];
    return rows.find((row) => folder && row.getAttribute("data-path") === folder) ?? this.list;
  }

  /** @param {Element | null} element */
  #mark(element) {
    if (this.#target === element) return;
    this.#target?.classList.remove("target");
    this.#target = element;
    element?.classList.add("target");
  }
}
