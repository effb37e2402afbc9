// One editor view for all files: each has a state of its own that is set aside, with its scroll position and its undo
// history, while another file is in front.

import { openSearchPanel, gotoLine } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { caretOf, weft } from "../client/codemirror.js";
import { Emitter } from "../client/events.js";
import { indentationOf, setup } from "./editor-setup.js";
import { languageOf } from "./languages.js";
import { useConstructedSheets } from "./style-sheets.js";
import { isDark, onTheme } from "./theme.js";
import { baseName } from "./words.js";

/** @typedef {import("../client/weft.js").FileSession} FileSession */
/** @typedef {{state: EditorState, scroll: import("@codemirror/state").StateEffect<any>}} Aside */

useConstructedSheets();

const theme = new Compartment();
const language = new Compartment();

const shade = () => theme.reconfigure(EditorView.darkTheme.of(isDark()));

/** Events: `cursor` (the own selection or the file's text changed), `touched` (a key or the pointer was used in it). */
export class Editor extends Emitter {
  /** @type {WeakMap<FileSession, Aside>} */
  #aside = new WeakMap();
  /** @type {FileSession | null} */
  #file = null;
  /** @type {EditorView | null} */
  #view = null;
  /** path whose language the state has @type {WeakMap<FileSession, string>} */
  #spoken = new WeakMap();

  /**
   * @param {HTMLElement} parent
   * @param {AbortSignal} signal
   */
  constructor(parent, signal) {
    super();
    this.parent = parent;
    onTheme(() => this.#view?.dispatch({ effects: shade() }), signal);
    for (const name of ["keydown", "pointerdown", "wheel"]) {
      parent.addEventListener(name, () => this.emit("touched"), { passive: true, capture: true });
    }
  }

  get view() {
    return this.#view;
  }

  get file() {
    return this.#file;
  }

  /** @param {FileSession} file that is ready */
  show(file) {
    if (this.#file === file) return;
    this.#setAside();
    const { state, scroll } = this.#aside.get(file) ?? {
      state: this.#stateFor(file),
      scroll: null,
    };
    this.#file = file;
    if (this.#view) this.#view.setState(state);
    else this.#view = new EditorView({ state, parent: this.parent });
    this.#view.dispatch({ effects: scroll ? [scroll, shade()] : shade() });
    this.parent.hidden = false;
    this.speak(file);
    const { anchor, head } = this.#view.state.selection.main;
    file.cursor([anchor, head]);
    this.emit("cursor");
  }

  hide() {
    this.#setAside();
    this.#file = null;
    this.#view?.destroy();
    this.#view = null;
    this.parent.hidden = true;
    this.emit("cursor");
  }

  #setAside() {
    const [view, file] = [this.#view, this.#file];
    if (view && file) this.#aside.set(file, { state: view.state, scroll: view.scrollSnapshot() });
  }

  /** @param {FileSession} file */
  #stateFor(file) {
    return EditorState.create({
      doc: file.text,
      extensions: [
        setup(),
        indentationOf(file.text),
        theme.of(EditorView.darkTheme.of(isDark())),
        language.of([]),
        EditorView.contentAttributes.of({ "aria-label": `Text of ${baseName(file.path)}` }),
        EditorView.updateListener.of(({ selectionSet, docChanged }) => {
          if (selectionSet || docChanged) this.emit("cursor");
        }),
        weft(file),
      ],
    });
  }

  /** Loads the language of a file that is shown, if it is another than before. @param {FileSession} file */
  async speak(file) {
    const { path } = file;
    if (this.#spoken.get(file) === path) return;
    this.#spoken.set(file, path);
    try {
      const extension = (await languageOf(path)?.load()) ?? [];
      if (this.#file === file) this.#view?.dispatch({ effects: language.reconfigure(extension) });
      else this.#spoken.delete(file);
    } catch {
      // Not to be had at this moment: the text is shown without colours, and the next time it is tried again.
      this.#spoken.delete(file);
    }
  }

  focus() {
    this.#view?.focus();
  }

  search() {
    if (this.#view) openSearchPanel(this.#view);
  }

  goToLine() {
    if (this.#view) gotoLine(this.#view);
  }

  /** @returns {{line: number, column: number, selected: number} | null} where the own caret is, from 1 */
  position() {
    if (!this.#view) return null;
    const { doc, selection } = this.#view.state;
    const line = doc.lineAt(selection.main.head);
    const selected = selection.ranges.reduce((sum, { from, to }) => sum + to - from, 0);
    return { line: line.number, column: selection.main.head - line.from + 1, selected };
  }

  /** @param {number} f @param {number} by @returns {number | null} the line somebody is in, of the file in front */
  lineOf(f, by) {
    const view = this.#view;
    const at = view && this.#file?.f === f ? caretOf(view, { by }) : null;
    return view && at !== null ? view.state.doc.lineAt(at).number : null;
  }

  /** @param {{by: number}} peer @returns {boolean} it is in the file in front, and in sight now */
  reveal(peer) {
    const view = this.#view;
    const at = view && caretOf(view, peer);
    if (!view || at === null) return false;
    view.dispatch({ effects: EditorView.scrollIntoView(at, { y: "nearest", yMargin: 80 }) });
    return true;
  }
}
