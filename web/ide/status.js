// The status line: the one chip that says the truth about the text, a place for short words, where the caret is.

import { describe } from "../client/weft.js";
import { h, setText } from "./dom.js";
import { languageOf } from "./languages.js";

/** @typedef {import("../client/project.js").Project} Project */
/** @typedef {import("../client/weft.js").Status} Status */
/** @typedef {import("./documents.js").Documents} Documents */
/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {Status["phase"]} Phase */

const WORDS_MS = 5000;
// How long a state is shown at least before a better one: while somebody types, the chip does not flicker with every
// answer of the server. A worse state shows at once, so the chip never promises more than is true.
const HOLD_MS = 400;
/** @type {Phase[]} the best last */
const ORDER = [
  "gone",
  "offline",
  "reconnecting",
  "degraded",
  "connecting",
  "readonly",
  "saving",
  "acknowledged",
  "stored",
  "saved",
];

export class StatusLine {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #wordsTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #holdTimer;
  #heldUntil = 0;
  /** @type {Phase} */
  #shown = "connecting";
  #sayWhenSaved = false;

  /**
   * @param {Project} project
   * @param {Documents} documents
   * @param {Editor} editor
   */
  constructor(project, documents, editor) {
    this.project = project;
    this.documents = documents;
    this.editor = editor;
    this.chip = h("button", {
      type: "button",
      class: "chip",
      "aria-haspopup": "dialog",
      "aria-expanded": "false",
      title: "Connection and version",
    });
    this.chip.dataset.phase = this.#shown;
    this.words = h("div", { class: "status-words" });
    this.spoken = h("div", { class: "unseen", role: "status" });
    this.place = h("button", {
      type: "button",
      class: "status-button",
      title: "Go to a line",
      onclick: () => editor.goToLine(),
    });
    this.language = h("span", { class: "status-language" });
    this.element = h(
      "footer",
      { class: "status" },
      this.chip,
      this.words,
      this.spoken,
      this.place,
      this.language,
    );
    for (const name of ["status", "state"]) project.on(name, () => this.render());
    documents.on("status", () => this.render());
    documents.on("active", () => {
      this.#heldUntil = 0;
      this.render();
    });
    documents.on("list", () => this.#showPlace());
    editor.on("cursor", () => this.#showPlace());
    project.on("peers", () => this.#showHint());
    project.on("state", () => this.#showHint());
    this.render();
    this.#showPlace();
    this.#showHint();
  }

  /** @returns {Pick<Status, "phase" | "pending">} of the file in front, or of the project where none is */
  get status() {
    const { active } = this.documents;
    if (active) return active.status;
    const { state, pending, info, degraded } = this.project;
    const live = degraded ? "degraded" : info.store === "redis" ? "stored" : "saved";
    const phase = state === "live" ? live : state === "closed" ? "offline" : state;
    return { phase, pending };
  }

  render() {
    const { phase, pending } = this.status;
    const now = performance.now();
    clearTimeout(this.#holdTimer);
    if (ORDER.indexOf(phase) > ORDER.indexOf(this.#shown) && now < this.#heldUntil) {
      this.#holdTimer = setTimeout(() => this.render(), this.#heldUntil - now);
      return;
    }
    if (this.#sayWhenSaved && (phase === "saved" || phase === "stored")) {
      this.#sayWhenSaved = false;
      this.say("Saved.");
    }
    const text = describe({ phase, pending });
    setText(this.chip, text);
    if (this.#shown === "saving" || phase !== this.#shown) this.#heldUntil = now + HOLD_MS;
    if (phase === this.#shown) return;
    this.#announce(phase, text);
    this.#shown = phase;
    this.chip.dataset.phase = phase;
  }

  /** A screen reader hears of the connection, not of every key. @param {Phase} phase @param {string} text */
  #announce(phase, text) {
    const away = ["offline", "reconnecting", "degraded", "readonly", "gone"];
    if (away.includes(phase) || away.includes(this.#shown)) this.spoken.textContent = text;
  }

  #showPlace() {
    const at = this.editor.position();
    this.place.hidden = at === null;
    const selected = at?.selected ? ` (${at.selected} selected)` : "";
    setText(this.place, at ? `Ln ${at.line}, Col ${at.column}${selected}` : "");
    const { active } = this.documents;
    setText(this.language, active ? (languageOf(active.path)?.name ?? "Plain text") : "");
  }

  /** Shows words for a while, in the place of the hint. @param {string} text */
  say(text) {
    this.words.replaceChildren(text);
    this.spoken.textContent = text;
    clearTimeout(this.#wordsTimer);
    this.#wordsTimer = setTimeout(() => {
      this.#wordsTimer = undefined;
      this.#showHint();
    }, WORDS_MS);
  }

  /** As long as somebody is alone, how to see two. */
  #showHint() {
    if (this.#wordsTimer) return;
    const alone = this.project.state === "live" && this.project.peers.size === 0;
    if (!alone) return this.words.replaceChildren();
    if (this.words.querySelector("a")) return;
    const link = h(
      "a",
      { href: location.href, target: "_blank", rel: "noopener" },
      "Open a second window",
    );
    link.addEventListener("pointerdown", () => (link.href = location.href));
    link.addEventListener("focus", () => (link.href = location.href));
    this.words.replaceChildren(link, " to see two people type at once.");
  }

  /** What Ctrl+S says. */
  saved() {
    const { phase } = this.status;
    if (phase === "saved" || phase === "stored")
      return this.say("Saved. Weft saves by itself while you type.");
    if (phase === "offline" || phase === "reconnecting" || phase === "degraded") {
      return this.say("Kept here; it is saved by itself once the connection is back.");
    }
    this.say("Being saved…");
    this.#sayWhenSaved = true;
  }
}
