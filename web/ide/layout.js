// What stands where. The columns at the sides are beside the editor on wide windows, and sheets over it on narrow ones;
// at most one sheet is open, Escape closes it, and what is behind cannot be reached meanwhile.

import { h, icon, iconButton } from "./dom.js";
import { filesAreShown, rememberFilesShown } from "./prefs.js";

/** @typedef {{name: string, title: string, element: HTMLElement}} Panel */

const narrow = matchMedia("(max-width: 699px)");

export class Layout {
  /** @type {(name: string) => void} called when a panel is shown */
  onPanel = () => {};

  /**
   * @param {object} parts
   * @param {string} parts.title
   * @param {Node[]} parts.files
   * @param {HTMLElement} parts.tabs
   * @param {Node[]} parts.tools at the end of the bar
   * @param {Node[]} parts.stage
   * @param {Panel[]} parts.panels of the right side, of which one is shown
   * @param {Node[]} parts.status
   * @param {AbortSignal} parts.signal
   */
  constructor({ title, files, tabs, tools, stage, panels, status, signal }) {
    this.panels = panels;
    this.panel = "";
    this.filesButton = iconButton("Files", icon("files"), { onclick: () => this.toggleFiles() });
    this.bar = h("header", { class: "bar" }, this.filesButton, tabs, ...tools);
    this.stage = h("main", { class: "stage" }, h("h1", { class: "unseen" }, title), ...stage);
    this.files = h("nav", { class: "files", "aria-label": "Project" }, ...files);
    this.sideTitle = h("span");
    this.sideBody = h("div", { class: "side-body" });
    const close = iconButton("Close", icon("close"), { onclick: () => this.toggleSide("") });
    this.side = h(
      "aside",
      { class: "side" },
      h("div", { class: "side-top" }, this.sideTitle, close),
      this.sideBody,
    );
    const scrim = h("button", {
      type: "button",
      class: "scrim",
      "aria-label": "Close",
      tabindex: -1,
    });
    scrim.addEventListener("click", () => this.closeSheets());
    this.element = h(
      "div",
      { class: "workspace" },
      this.files,
      this.bar,
      this.stage,
      this.side,
      scrim,
      ...status,
    );
    narrow.addEventListener("change", () => this.#fit(), { signal });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && narrow.matches) this.closeSheets();
    });
    this.filesOpen = false;
    this.#fit();
  }

  /** The window became wide or narrow. */
  #fit() {
    this.filesOpen = !narrow.matches && filesAreShown();
    if (narrow.matches) this.panel = "";
    this.#apply();
  }

  toggleFiles() {
    this.filesOpen = !this.filesOpen;
    if (!narrow.matches) rememberFilesShown(this.filesOpen);
    else this.panel = "";
    this.#apply();
    if (narrow.matches && this.filesOpen) focusInside(this.files);
  }

  showFiles() {
    if (!this.filesOpen) this.toggleFiles();
  }

  /** @param {string} name of a panel; the one that is shown, or "", closes the side */
  toggleSide(name) {
    this.panel = this.panel === name ? "" : name;
    if (narrow.matches && this.panel) this.filesOpen = false;
    const panel = this.panels.find((other) => other.name === this.panel);
    if (panel) {
      this.sideTitle.textContent = panel.title;
      this.side.setAttribute("aria-label", panel.title);
      this.sideBody.replaceChildren(panel.element);
      this.onPanel(panel.name);
    }
    this.#apply();
    if (narrow.matches && panel) focusInside(this.side);
  }

  closeSheets() {
    if (!narrow.matches || !(this.filesOpen || this.panel)) return;
    this.filesOpen = false;
    this.panel = "";
    this.#apply();
    this.filesButton.focus();
  }

  #apply() {
    const { dataset } = this.element;
    dataset.files = this.filesOpen ? "open" : "closed";
    dataset.side = this.panel ? "open" : "closed";
    this.filesButton.setAttribute("aria-expanded", String(this.filesOpen));
    for (const button of this.bar.querySelectorAll("[data-panel]")) {
      const { panel } = /** @type {HTMLElement} */ (button).dataset;
      button.setAttribute("aria-expanded", String(this.panel === panel));
    }
    const covered = narrow.matches && (this.filesOpen || this.panel !== "");
    for (const part of [this.bar, this.stage]) part.inert = covered;
  }
}

/** @param {HTMLElement} element */
function focusInside(element) {
  const target = element.querySelector("[tabindex='0'], button, a, input");
  /** @type {HTMLElement | null} */ (target)?.focus();
}
