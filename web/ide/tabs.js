// Tabs of the open files: arrow keys move, Delete or a middle click closes. A tablist has nothing but tabs for a screen
// reader, so the crosses are for the pointer only.

import { arrange, h, icon, iconButton } from "./dom.js";
import { baseName, folderOf } from "./words.js";

/** @typedef {import("./documents.js").Documents} Documents */
/** @typedef {import("./documents.js").FileSession} FileSession */

export class Tabs {
  /** @type {Map<FileSession, HTMLElement>} */
  #tabs = new Map();

  /**
   * @param {Documents} documents
   * @param {(path: string) => void} open
   */
  constructor(documents, open) {
    this.documents = documents;
    this.open = open;
    this.element = h("div", { class: "tabs", role: "tablist", "aria-label": "Open files" });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    documents.on("list", () => this.render());
    documents.on("active", () => this.render());
  }

  render() {
    const { list, active } = this.documents;
    const before = this.#tabs;
    this.#tabs = new Map(list.map((file) => [file, before.get(file) ?? this.#make(file)]));
    const names = list.map(({ path }) => baseName(path));
    for (const [file, tab] of this.#tabs) {
      const name = baseName(file.path);
      const shared = names.filter((other) => other === name).length > 1;
      fill(tab, file, name, shared ? folderOf(file.path) : "", file === active);
    }
    arrange(this.element, [...this.#tabs.values()]);
    const tab = active && this.#tabs.get(active);
    if (tab) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** @param {FileSession} file */
  #make(file) {
    const name = h(
      "button",
      {
        type: "button",
        class: "tab-name",
        role: "tab",
        "aria-keyshortcuts": "Delete",
        onclick: () => this.open(file.path),
      },
      h("span"),
      h("span", { class: "tab-folder" }),
    );
    const close = iconButton("Close", icon("close"), {
      class: "tab-close",
      tabindex: -1,
      "aria-hidden": "true",
      onclick: () => this.documents.close(file),
    });
    const onauxclick = (/** @type {MouseEvent} */ event) =>
      event.button === 1 && this.documents.close(file);
    return h("div", { class: "tab", role: "presentation", onauxclick }, name, close);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowLeft: -1 })[
      event.key
    ];
    const { list } = this.documents;
    const at = [...this.element.children].findIndex((tab) =>
      tab.contains(/** @type {Node} */ (event.target)),
    );
    if (at < 0 || (!step && event.key !== "Delete")) return;
    event.preventDefault();
    if (step) this.open(list[(at + step + list.length) % list.length].path);
    else this.documents.close(list[at]);
    const { active } = this.documents;
    const tab = active && this.#tabs.get(active)?.querySelector("button");
    if (tab) tab.focus();
  }
}

/**
 * @param {HTMLElement} tab
 * @param {FileSession} file
 * @param {string} name
 * @param {string} folder where the name alone does not tell
 * @param {boolean} active
 */
function fill(tab, file, name, folder, active) {
  tab.classList.toggle("active", active);
  tab.classList.toggle("gone", file.state === "gone");
  const button = /** @type {HTMLElement} */ (tab.firstElementChild);
  button.setAttribute("aria-selected", String(active));
  button.tabIndex = active ? 0 : -1;
  button.title = file.path;
  button.children[0].textContent = name;
  button.children[1].textContent = folder;
}
