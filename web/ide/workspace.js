// A project: the connection, and the parts of the page around it. Parts do not know each other; what one wants from another
// goes through here.

import { connect } from "../client/weft.js";
import { Actions } from "./actions.js";
import { details } from "./details.js";
import { Documents } from "./documents.js";
import { h, hasMod, icon, iconButton, logo, MOD } from "./dom.js";
import { Editor } from "./editor.js";
import { Follow } from "./follow.js";
import { jobsButton, JobsPanel } from "./jobs.js";
import { Layout } from "./layout.js";
import { notices } from "./notices.js";
import { faces, PeopleList } from "./people.js";
import {
  chooseColor,
  chooseName,
  forgetProject,
  ownColor,
  ownName,
  rememberProject,
} from "./prefs.js";
import { quickOpen } from "./quick-open.js";
import { onPlainClick, showPlace } from "./router.js";
import { StatusLine } from "./status.js";
import { Tabs } from "./tabs.js";
import { themeButton } from "./theme.js";
import { toast } from "./toast.js";
import { firstFile } from "./tree-model.js";
import { TreeView } from "./tree.js";
import { baseName, sentence } from "./words.js";

/** @typedef {import("./router.js").Place} Place */
/** @typedef {import("../client/weft.js").FileSession} FileSession */

/**
 * @param {HTMLElement} root
 * @param {Place} place
 * @param {(project: string) => void} leave to another project, or to the picker
 */
export function openWorkspace(root, place, leave) {
  return new Workspace(root, place, leave);
}

export class Workspace {
  #ending = new AbortController();
  #isFirst = true;

  /**
   * @param {HTMLElement} root
   * @param {Place} place
   * @param {(project: string) => void} leave
   */
  constructor(root, place, leave) {
    this.root = root;
    this.id = place.project;
    this.leave = leave;
    this.project = connect({
      project: this.id,
      name: ownName(),
      color: ownColor(),
      storage: sessionStorage,
    });
    this.documents = new Documents(this.project);
    this.actions = new Actions(this.project, this.documents);
    const { signal } = this.#ending;
    this.editor = new Editor(h("div", { class: "editor", hidden: true }), signal);
    this.follow = new Follow(this.project, this.editor, (path) =>
      this.open(path, { focus: false }),
    );
    this.tree = new TreeView(this.project, this.documents, this.actions, (path) =>
      this.openFromTree(path),
    );
    this.status = new StatusLine(this.project, this.documents, this.editor);
    this.people = new PeopleList(this.project, this.follow);
    this.jobs = new JobsPanel(this.project, this.documents, this.status);
    this.blank = h("div", { class: "blank", hidden: true });
    this.layout = this.#makeLayout(signal);
    root.replaceChildren(this.layout.element);
    this.#listen(signal);
    document.title = `${this.id} · Weft`;
    this.#begin(place.path);
  }

  get pending() {
    return this.project.state === "closed" ? 0 : this.project.pending;
  }

  /** @param {AbortSignal} signal */
  #makeLayout(signal) {
    const home = h(
      "a",
      {
        class: "project-link",
        href: "/",
        title: "All projects",
        onclick: onPlainClick(() => this.leave("")),
      },
      logo(),
      h("span", {}, this.id),
    );
    const add = iconButton("New file", icon("plus"), { onclick: () => this.tree.create() });
    /** @type {Layout} */
    const layout = new Layout({
      title: this.id,
      files: [h("div", { class: "files-top" }, home, add), this.tree.element],
      tabs: new Tabs(this.documents, (path) => this.open(path)).element,
      tools: [
        iconButton(`Open a file (${MOD}P)`, icon("search"), {
          class: "search-button",
          onclick: () => this.quickOpen(),
        }),
        jobsButton(this.project, () => layout.toggleSide("jobs")),
        themeButton(signal),
        faces(this.project, () => layout.toggleSide("people")),
      ],
      stage: [this.editor.parent, this.blank, notices(this.documents, this.actions)],
      panels: [
        { name: "people", title: "People", element: this.people.element },
        { name: "jobs", title: "Jobs", element: this.jobs.element },
      ],
      status: [this.status.element, details(this.project, this.status)],
      signal,
    });
    layout.onPanel = (name) => (name === "jobs" ? this.jobs.show() : this.people.render());
    return layout;
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    this.documents.on("active", (file) => this.#show(file));
    this.documents.on("list", () => this.#renamed());
    this.project.on("files", (changes) => this.#tellDeleted(changes));
    // What ends the connection for good is said in the place of the editor.
    this.project.on("error", (error) => error.fatal || toast(sentence(error)));
    this.project.on("state", () => this.project.error && this.#ended());
    this.people.on("renamed", (name) => this.#takeName(name));
    this.people.on("recolored", (color) => this.#takeColor(color));
    addEventListener("keydown", (event) => this.#key(event), { signal, capture: true });
  }

  /** @param {string} path named by the address */
  async #begin(path) {
    this.#say("Opening…", "");
    try {
      await this.project.ready;
    } catch {
      return;
    }
    rememberProject(this.id);
    const before = this.documents.restore();
    const paths = [...this.project.files.values()].map((file) => file.path);
    const first = path || before || firstFile(paths);
    if (first) this.open(first, { replace: true });
    else this.#sayNothingOpen();
  }

  /** The address changed by the browser's buttons. @param {string} path */
  go(path) {
    if (path) this.open(path, { address: false });
    else if (this.documents.active)
      showPlace({ project: this.id, path: this.documents.active.path }, true);
  }

  /**
   * @param {string} path
   * @param {{replace?: boolean, address?: boolean, focus?: boolean}} [how]
   */
  open(path, { replace = false, address = true, focus = true } = {}) {
    if (address) showPlace({ project: this.id, path }, replace);
    this.focusNext = focus;
    const before = this.documents.active;
    const file = this.documents.open(path);
    if (file === before && focus) this.editor.focus();
  }

  /** @param {string} path */
  openFromTree(path) {
    this.layout.closeSheets();
    this.open(path);
  }

  /** @param {FileSession | null} file in front now */
  async #show(file) {
    const path = file?.path ?? "";
    if (this.#isFirst) this.#isFirst = false;
    else showPlace({ project: this.id, path });
    document.title = file ? `${baseName(path)} · ${this.id} · Weft` : `${this.id} · Weft`;
    if (!file) {
      this.editor.hide();
      return this.#sayNothingOpen();
    }
    const focus = this.focusNext ?? true;
    if (file.state === "opening") {
      this.editor.hide();
      this.#say(`Opening ${baseName(path)}…`, "");
    }
    try {
      await file.ready;
      if (this.documents.active !== file) return;
      this.blank.hidden = true;
      this.editor.show(file);
      if (focus) this.editor.focus();
    } catch (error) {
      if (this.documents.active === file) this.#sayNotThere(file, error);
    }
  }

  /** The file in front may have another name now. */
  #renamed() {
    const { active } = this.documents;
    if (!active || active !== this.editor.file) return;
    showPlace({ project: this.id, path: active.path }, true);
    document.title = `${baseName(active.path)} · ${this.id} · Weft`;
    this.editor.speak(active);
  }

  /** @param {{op: string, path?: string, by?: number}[]} changes */
  #tellDeleted(changes) {
    for (const { op, path = "", by } of changes) {
      const peer = by === undefined ? undefined : this.project.peers.get(by);
      if (op === "delete" && peer) this.status.say(`${peer.name} deleted ${baseName(path)}.`);
    }
  }

  quickOpen() {
    const [current = "", ...before] = this.documents.recent.map(({ path }) => path);
    const paths = [...this.project.files.values()].map(({ path }) => path).sort();
    const rest = paths.filter((path) => path !== current && !before.includes(path));
    quickOpen([...before, ...rest, current].filter(Boolean), {
      open: (path) => this.open(path),
      create: (path) => this.actions.create(path).catch((error) => toast(sentence(error))),
    });
  }

  /** @param {string} name */
  #takeName(name) {
    chooseName(name);
    this.project.setName(name);
  }

  /** @param {number} color */
  #takeColor(color) {
    chooseColor(color);
    this.project.setColor(color);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // A key on a person's button is a click, which starts or stops by itself.
    const onPerson = /** @type {Element} */ (event.target).closest(".person");
    if (!onPerson || ![" ", "Enter"].includes(event.key)) this.follow.stop();
    if (event.shiftKey && event.altKey && event.code === "KeyF" && this.jobs.format()) {
      event.preventDefault();
      return;
    }
    if (!hasMod(event) || event.shiftKey) return;
    const key = event.key.toLowerCase();
    if (key === "s") this.status.saved();
    else if (key === "p") this.quickOpen();
    else if (key === "b") this.layout.toggleFiles();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // In the place of the editor.

  /** @param {string} title @param {string} text @param {...Node} more */
  #say(title, text, ...more) {
    this.blank.replaceChildren(h("h2", {}, title), h("p", {}, text), ...more);
    this.blank.hidden = false;
  }

  #sayNothingOpen() {
    const keys = [
      [`${MOD}P`, "Open a file"],
      ["F2", "Rename a file in the list"],
      [`${MOD}B`, "Show or hide the files"],
      [`${MOD}F`, "Find in a file"],
    ];
    const list = keys.flatMap(([key, words]) => [
      h("dt", {}, h("kbd", {}, key)),
      h("dd", {}, words),
    ]);
    if (this.project.files.size)
      return this.#say(
        "No file is open",
        "Choose one on the left.",
        h("dl", { class: "keys" }, ...list),
      );
    const make = h(
      "button",
      { class: "button primary", onclick: () => this.#makeFirst() },
      "Make a file",
    );
    this.#say(
      "This project is empty",
      "Make its first file; everybody here sees it at once.",
      make,
    );
  }

  #makeFirst() {
    this.layout.showFiles();
    this.tree.create();
  }

  /** @param {FileSession} file @param {unknown} error */
  #sayNotThere(file, error) {
    this.editor.hide();
    const { code } = /** @type {any} */ (error);
    const close = h(
      "button",
      { class: "button", onclick: () => this.documents.close(file) },
      "Close",
    );
    const make = h(
      "button",
      { class: "button primary", onclick: () => this.#make(file.path) },
      "Make it",
    );
    const text =
      code === "no_file" ? `There is no file ${file.path} in this project.` : sentence(error);
    const buttons = code === "no_file" ? [close, make] : [close];
    this.#say(baseName(file.path), text, h("div", { class: "buttons" }, ...buttons));
  }

  /** @param {string} path */
  #make(path) {
    this.actions.create(path).catch((error) => toast(sentence(error)));
  }

  /** The connection ended for good. */
  #ended() {
    const { error } = this.project;
    if (!error) return;
    this.editor.hide();
    this.layout.element.classList.add("ended");
    const all = h(
      "a",
      { class: "button", href: "/", onclick: onPlainClick(() => this.leave("")) },
      "All projects",
    );
    const again = h("button", { class: "button", onclick: () => location.reload() }, "Reload");
    if (error.code !== "no_project") {
      return this.#say(this.id, sentence(error), h("div", { class: "buttons" }, all, again));
    }
    forgetProject(this.id);
    const text = "Its name may be written another way; or make it now.";
    const address = `/?name=${encodeURIComponent(this.id)}`;
    const make = h("a", { class: "button primary", href: address }, "Make it");
    this.#say(`There is no project “${this.id}”`, text, h("div", { class: "buttons" }, all, make));
  }

  close() {
    this.#ending.abort();
    this.follow.stop();
    this.editor.hide();
    this.documents.closeAll();
    this.project.close();
  }
}
