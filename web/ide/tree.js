// The tree of files: one tab stop, arrow keys, F2 renames in place, Delete asks, rows can be dragged into folders.
// Rows are kept by their path when the list changes, so focus and an input that is being typed into survive what others do.

import { colorOfPeer } from "../client/weft.js";
import { typedPath } from "./actions.js";
import { showMenu } from "./dialog.js";
import { arrange, h, icon, iconButton, oncePerFrame, setProps } from "./dom.js";
import { nameEditor } from "./tree-edit.js";
import { DragToMove } from "./tree-drag.js";
import { foldersAbove, rowsOf } from "./tree-model.js";
import { baseName, folderOf } from "./words.js";

/** @typedef {import("./tree-model.js").Row} Row */
/** @typedef {import("./actions.js").Actions} Actions */
/** @typedef {import("./documents.js").Documents} Documents */
/** @typedef {import("../client/project.js").Project} Project */
/** @typedef {{kind: "rename" | "create", path: string, element: HTMLElement}} Editing `path` is the folder of a new file */

const OPEN_AT_FIRST = 60;

export class TreeView {
  /** @type {Map<string, boolean>} folders that somebody opened or closed */
  #expanded = new Map();
  /** @type {Map<string, HTMLLIElement>} by path */
  #elements = new Map();
  /** @type {Row[]} */
  #rows = [];
  /** @type {Editing | null} */
  #editing = null;
  #focused = "";

  /**
   * @param {Project} project
   * @param {Documents} documents
   * @param {Actions} actions
   * @param {(path: string) => void} open
   */
  constructor(project, documents, actions, open) {
    this.project = project;
    this.documents = documents;
    this.actions = actions;
    this.open = open;
    this.list = h("ul", { class: "tree", role: "tree", "aria-label": "Files" });
    this.list.addEventListener("click", (event) => this.#clicked(event));
    this.list.addEventListener("contextmenu", (event) => this.#menuAt(event));
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("focusin", (event) => this.#focusMoved(event));
    new DragToMove(
      this.list,
      (target) => this.#rowAt(target),
      (row, to) => actions.move(row, to),
    );
    this.empty = h("p", { class: "tree-empty", hidden: true }, "No files yet.");
    this.element = h("div", { class: "tree-wrap" }, this.empty, this.list);
    project.on("files", () => this.render());
    project.on(
      "peers",
      oncePerFrame(() => this.#showPeople()),
    );
    documents.on("active", (file) => this.#reveal(file?.path ?? ""));
  }

  /** Starts a new file. @param {string} [folder] */
  create(folder = "") {
    if (folder) this.#expanded.set(folder, true);
    this.#edit("create", folder, "", async (typed) => {
      const path = typedPath(typed, folder);
      if (path && path !== folder) await this.actions.create(path);
    });
  }

  /** @param {Row} row */
  rename(row) {
    this.#edit("rename", row.path, row.name, async (typed) => {
      const path = typedPath(typed, folderOf(row.path));
      await this.actions.rename(row, path);
      this.#focused = path;
    });
  }

  render() {
    const paths = [...this.project.files.values()].map(({ path }) => path);
    const small = paths.length <= OPEN_AT_FIRST;
    this.#rows = rowsOf(paths, (folder) => this.#expanded.get(folder) ?? small);
    if (!this.#rows.some(({ path }) => path === this.#focused)) {
      this.#focused = this.documents.active?.path ?? this.#rows[0]?.path ?? "";
    }
    const before = this.#elements;
    this.#elements = new Map(
      this.#rows.map((row) => [row.path, before.get(row.path) ?? makeRow()]),
    );
    for (const row of this.#rows) this.#fill(row);
    this.#place();
    this.empty.hidden = this.#rows.length > 0 || this.#editing !== null;
    this.#showPeople();
  }

  #place() {
    const wanted = /** @type {HTMLElement[]} */ ([...this.#elements.values()]);
    const { kind, path, element } = this.#editing ?? {};
    const at = this.#rows.findIndex((row) => row.path === path);
    if (element) wanted.splice(kind === "rename" ? at : at + 1, kind === "rename" ? 1 : 0, element);
    arrange(this.list, wanted);
  }

  /** @param {Row} row */
  #fill({ kind, path, name, depth, expanded, position, siblings }) {
    const element = /** @type {HTMLLIElement} */ (this.#elements.get(path));
    const active = this.documents.active?.path === path;
    setProps(element, {
      "data-path": path,
      "data-kind": kind,
      style: { "--depth": depth },
      tabindex: path === this.#focused ? 0 : -1,
      "aria-level": depth + 1,
      "aria-posinset": position,
      "aria-setsize": siblings,
      "aria-selected": active,
      "aria-expanded": kind === "folder" ? expanded : null,
      title: path,
    });
    const [sign, label] = element.children;
    label.textContent = name;
    if (sign.getAttribute("data-kind") === kind) return;
    const next = kind === "folder" ? icon("chevron", "chevron") : icon("file");
    next.setAttribute("data-kind", kind);
    sign.replaceWith(next);
  }

  /** Dots in the colours of those who are in a file. */
  #showPeople() {
    /** @type {Map<string, Node[]>} */
    const dots = new Map();
    for (const peer of this.project.peers.values()) {
      const path = this.project.files.get(peer.f)?.path;
      if (!path) continue;
      const dot = h("span", { class: "dot", "data-color": colorOfPeer(peer), title: peer.name });
      dots.set(path, [...(dots.get(path) ?? []), dot]);
    }
    for (const [path, element] of this.#elements) {
      const [, , place] = element.children;
      if (place.childElementCount || dots.has(path)) {
        place.replaceChildren(...(dots.get(path) ?? []).slice(0, 4));
      }
    }
  }

  /** @param {string} path of the file in front */
  #reveal(path) {
    for (const folder of foldersAbove(path)) this.#expanded.set(folder, true);
    if (path) this.#focused = path;
    this.render();
    this.#elements.get(path)?.scrollIntoView({ block: "nearest" });
  }

  // Events.

  /** @param {EventTarget | null} target @returns {Row | undefined} */
  #rowAt(target) {
    const element = /** @type {Element} */ (target)?.closest(".tree-row");
    const path = element?.getAttribute("data-path");
    return this.#rows.find((row) => row.path === path);
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const row = this.#rowAt(event.target);
    if (!row) return;
    const more = /** @type {Element} */ (event.target).closest(".tree-more");
    if (!more) return this.#use(row);
    const { left, bottom } = more.getBoundingClientRect();
    this.#menu(row, { x: left, y: bottom + 4 }, /** @type {HTMLElement} */ (more));
  }

  /** @param {MouseEvent} event */
  #menuAt(event) {
    const row = this.#rowAt(event.target);
    if (!row) return;
    event.preventDefault();
    this.#focus(row.path);
    this.#menu(row, { x: event.clientX, y: event.clientY });
  }

  /** @param {Row} row @param {{x: number, y: number}} at @param {HTMLElement} [opener] */
  #menu(row, at, opener) {
    const folder = row.kind === "folder" ? row.path : folderOf(row.path);
    showMenu(
      [
        {
          label: folder ? `New file in ${baseName(folder)}` : "New file",
          run: () => this.create(folder),
        },
        { label: "Rename", key: "F2", run: () => this.rename(row) },
        { label: "Delete", key: "Del", run: () => this.#remove(row) },
      ],
      at,
      opener,
    );
  }

  /** @param {Row} row */
  #use(row) {
    if (row.kind === "file") return this.open(row.path);
    this.#expanded.set(row.path, !row.expanded);
    this.render();
  }

  /** @param {Row} row */
  async #remove(row) {
    await this.actions.remove(row);
    // The row that had the focus is gone.
    if (document.activeElement === document.body) this.#focus(this.#focused);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const row = event.target === event.currentTarget ? undefined : this.#rowAt(event.target);
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!this.#act(event.key, row)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {string} key @param {Row} row @returns {boolean} it was a key of the tree */
  #act(key, row) {
    const at = this.#rows.indexOf(row);
    const rows = this.#rows;
    switch (key) {
      case "ArrowDown":
        return this.#focus(rows[Math.min(at + 1, rows.length - 1)].path);
      case "ArrowUp":
        return this.#focus(rows[Math.max(at - 1, 0)].path);
      case "Home":
        return this.#focus(rows[0].path);
      case "End":
        return this.#focus(rows[rows.length - 1].path);
      case "ArrowRight":
        if (row.kind === "folder" && !row.expanded) this.#use(row);
        else if (row.kind === "folder" && rows[at + 1]?.depth > row.depth)
          this.#focus(rows[at + 1].path);
        return true;
      case "ArrowLeft":
        if (row.kind === "folder" && row.expanded) this.#use(row);
        else if (row.depth > 0) this.#focus(folderOf(row.path));
        return true;
      case "Enter":
      case " ":
        this.#use(row);
        return true;
      case "F2":
        this.rename(row);
        return true;
      case "Delete":
        this.#remove(row);
        return true;
      default:
        return this.#typeAhead(key, at);
    }
  }

  /** @param {string} key @param {number} from @returns {boolean} */
  #typeAhead(key, from) {
    if (key.length !== 1) return false;
    const after = [...this.#rows.slice(from + 1), ...this.#rows.slice(0, from + 1)];
    const row = after.find(({ name }) => name.toLowerCase().startsWith(key.toLowerCase()));
    return row ? this.#focus(row.path) : false;
  }

  /** @param {FocusEvent} event */
  #focusMoved(event) {
    const row = this.#rowAt(event.target);
    if (!row || row.path === this.#focused) return;
    this.#elements.get(this.#focused)?.setAttribute("tabindex", "-1");
    this.#focused = row.path;
    this.#elements.get(row.path)?.setAttribute("tabindex", "0");
  }

  /** @param {string} path @returns {true} */
  #focus(path) {
    this.#elements.get(path)?.focus();
    return true;
  }

  /**
   * @param {"rename" | "create"} kind
   * @param {string} path
   * @param {string} value
   * @param {(typed: string) => Promise<void>} commit
   */
  #edit(kind, path, value, commit) {
    const row = this.#rows.find((other) => other.path === path);
    const depth = (row?.depth ?? (path ? 0 : -1)) + (kind === "create" ? 1 : 0);
    const label = kind === "create" ? "Name of the new file" : `New name of ${value}`;
    const { element, focus } = nameEditor({
      value,
      label,
      depth,
      commit,
      done: (back) => this.#edited(back),
    });
    this.#editing = { kind, path, element };
    this.render();
    focus();
  }

  /** @param {boolean} back the focus belongs to the tree again */
  #edited(back) {
    this.#editing = null;
    this.render();
    if (back) this.#focus(this.#focused);
  }
}

function makeRow() {
  const more = iconButton("More", icon("more"), {
    class: "tree-more",
    tabindex: -1,
    "aria-haspopup": "menu",
  });
  return h(
    "li",
    { class: "tree-row", role: "treeitem", draggable: "true" },
    h("span"),
    h("span", { class: "tree-name" }),
    h("span", { class: "dots" }),
    more,
  );
}
