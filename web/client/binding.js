// The part of the CodeMirror binding that needs no view: what the state has to know, and the traffic between an editor's
// transactions and a file. Local transactions become edits of the file; what the file says becomes transactions that are
// marked as remote and kept out of the history, so that undo takes back only one's own typing.
//
// A state counts the changes of the file it contains. A state that was set aside and comes back has missed some: it is then
// brought up to date by the difference of the two texts.

import {
  Annotation,
  ChangeSet,
  Compartment,
  EditorState,
  Facet,
  StateField,
  Transaction,
} from "@codemirror/state";
import { clean } from "./clean.js";
import { diff } from "./diff.js";

/** @typedef {import("@codemirror/state").TransactionSpec} TransactionSpec */
/** @typedef {import("@codemirror/state").EditorSelection} EditorSelection */
/** @typedef {import("@codemirror/state").Extension} Extension */
/** @typedef {import("./change.js").Change} Change */
/** @typedef {import("./file.js").ChangeEvent} ChangeEvent */
/** @typedef {import("./file.js").FileSession} FileSession */
/** @typedef {{readonly state: EditorState, dispatch: (spec: TransactionSpec) => void}} Host */

/** On a transaction that brings what the file already has: its number of changes then. */
const fromFile = Annotation.define();

/** The carets of others are to be drawn again. @type {import("@codemirror/state").AnnotationType<boolean>} */
export const redraw = Annotation.define();

/** @type {Facet<FileSession, FileSession>} */
export const fileOf = Facet.define({ combine: (files) => files[0] });

/** @type {StateField<number>} changes of the file in this state */
const contained = StateField.define({
  create(state) {
    if (state.facet(EditorState.lineSeparator) !== undefined) {
      throw new RangeError("weft() and EditorState.lineSeparator exclude each other");
    }
    return state.facet(fileOf).changeCount;
  },
  update(count, tr) {
    return tr.annotation(fromFile) ?? (tr.docChanged ? count + 1 : count);
  },
});

const readOnly = new Compartment();

/** @param {Transaction} tr */
const isLocal = (tr) => tr.docChanged && tr.annotation(fromFile) === undefined;

/** @param {Transaction} tr @returns {TransactionSpec | Transaction} without text that may not go over the wire */
function cleanTransaction(tr) {
  if (!isLocal(tr)) return tr;
  const { doc } = tr.startState;
  const changes = /** @type {Change} */ (tr.changes.toJSON());
  const fixed = clean(changes, (pos) => doc.sliceString(pos, pos + 1).charCodeAt(0) || 0);
  if (fixed === changes) return tr;
  const annotations = [];
  for (const type of /** @type {any[]} */ ([Transaction.userEvent, Transaction.addToHistory])) {
    const value = tr.annotation(type);
    if (value !== undefined) annotations.push(type.of(value));
  }
  const { selection, effects, scrollIntoView } = tr;
  return { changes: ChangeSet.fromJSON(fixed), selection, effects, scrollIntoView, annotations };
}

/** @param {FileSession} file @returns {Extension} */
export function boundState(file) {
  return [
    fileOf.of(file),
    contained,
    readOnly.of(EditorState.readOnly.of(file.readOnly)),
    EditorState.changeFilter.of((tr) => !isLocal(tr) || !file.readOnly),
    EditorState.transactionFilter.of(cleanTransaction),
  ];
}

/** @param {EditorSelection} selection @returns {number[]} as on the wire: main range first */
export function flatten({ main, ranges }) {
  const sel = [main.anchor, main.head];
  for (const range of ranges) if (range !== main) sel.push(range.anchor, range.head);
  return sel;
}

export class Binding {
  /** @type {(() => void)[]} */
  #off;
  #gone = false;
  #readOnly;

  /**
   * @param {Host} host
   * @param {FileSession} file
   */
  constructor(host, file) {
    this.host = host;
    this.file = file;
    this.#readOnly = file.readOnly;
    this.#off = [
      file.on("change", (event) => this.#changed(event)),
      file.on("cursors", () => host.dispatch({ annotations: redraw.of(true) })),
      file.on("status", () => this.#follow()),
    ];
    queueMicrotask(() => this.#follow());
  }

  /**
   * The host's state has taken these.
   * @param {readonly Transaction[]} transactions
   */
  updated(transactions) {
    for (const tr of transactions) {
      if (!isLocal(tr)) continue;
      if (tr.changes.length !== this.file.length) return queueMicrotask(() => this.#follow());
      const changes = /** @type {Change} */ (tr.changes.toJSON());
      this.file.edit(changes, { sel: flatten(tr.newSelection), origin: this });
    }
  }

  destroy() {
    this.#gone = true;
    for (const off of this.#off) off();
  }

  /** @param {ChangeEvent} event */
  #changed({ changes, origin, remote }) {
    if (origin === this) return;
    if (this.#missed(1)) return queueMicrotask(() => this.#follow());
    this.#bring(changes, remote);
  }

  /**
   * @param {number} ahead changes of the file that the state is about to get
   * @returns {boolean} the state lacks others
   */
  #missed(ahead) {
    return this.host.state.field(contained) + ahead !== this.file.changeCount;
  }

  /** @param {Change} changes @param {boolean} remote */
  #bring(changes, remote) {
    this.host.dispatch({
      changes: ChangeSet.fromJSON(changes),
      annotations: [
        fromFile.of(this.file.changeCount),
        Transaction.addToHistory.of(false),
        Transaction.remote.of(remote),
      ],
      filter: false,
    });
  }

  /** Brings the state to what the file is: its text, if it missed something, and whether it may be edited. */
  #follow() {
    if (this.#gone) return;
    const { host, file } = this;
    if (this.#missed(0) || host.state.doc.length !== file.length) {
      this.#bring(diff(host.state.doc.toString(), file.text), true);
    }
    if (this.#readOnly === file.readOnly && host.state.readOnly === file.readOnly) return;
    this.#readOnly = file.readOnly;
    const effects = readOnly.reconfigure(EditorState.readOnly.of(file.readOnly));
    host.dispatch({ effects });
  }
}
