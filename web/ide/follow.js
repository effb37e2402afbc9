// Following somebody: their file is in front, their caret in sight, until any key or the pointer says otherwise.

import { colorOfPeer } from "../client/weft.js";
import { Emitter } from "../client/events.js";
import { h, setText } from "./dom.js";

/** @typedef {import("../client/project.js").Project} Project */
/** @typedef {import("../client/project.js").Peer} Peer */
/** @typedef {import("./editor.js").Editor} Editor */

/** Event: `change`. */
export class Follow extends Emitter {
  #frame = 0;
  #flag = h("div", { class: "followed-name", role: "status" });

  /**
   * @param {Project} project
   * @param {Editor} editor
   * @param {(path: string) => void} open brings a file to the front without moving the focus
   */
  constructor(project, editor, open) {
    super();
    this.project = project;
    this.editor = editor;
    this.open = open;
    /** cid of the one who is followed, 0 for nobody */
    this.by = 0;
    project.on("peers", () => this.#soon());
    editor.on("cursor", () => this.#soon());
    editor.on("touched", () => this.stop());
  }

  /** @param {number} by */
  start(by) {
    this.by = by;
    this.#step();
    this.emit("change");
  }

  stop() {
    if (!this.by) return;
    this.by = 0;
    this.#step();
    this.emit("change");
  }

  /** Several moves of one turn are one step, after the editor has drawn. */
  #soon() {
    if (!this.by || this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#step();
    });
  }

  #step() {
    const peer = this.project.peers.get(this.by);
    this.#mark(peer);
    if (!peer) return this.stop();
    const path = this.project.files.get(peer.f)?.path;
    if (path && this.editor.file?.f !== peer.f) this.open(path);
    else if (path) this.editor.reveal(peer);
  }

  /** @param {Peer | undefined} peer */
  #mark(peer) {
    const { parent } = this.editor;
    parent.classList.toggle("followed", peer !== undefined);
    if (!peer) return this.#flag.remove();
    parent.dataset.color = String(colorOfPeer(peer));
    const words = `Following ${peer.name}; any key stops`;
    setText(this.#flag, words);
    if (!this.#flag.isConnected) parent.append(this.#flag);
  }
}
