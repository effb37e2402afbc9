// The CodeMirror 6 binding: `weft(file)` is an extension that keeps an editor and a file of the SDK the same, and shows where
// the others are. The text goes through binding.js; this file is what can be seen.
//
// Carets and selections are drawn in layers above and below the text. They put nothing into the text's DOM, so they cost
// nothing while typing, and do not disturb an input method. No inline style sheets and no style attributes are written.

import { EditorSelection } from "@codemirror/state";
import { EditorView, RectangleMarker, ViewPlugin, layer } from "@codemirror/view";
import { Binding, boundState, fileOf, flatten, redraw } from "./binding.js";
import { PALETTE, colorOfPeer } from "./words.js";

/** @typedef {import("@codemirror/state").Extension} Extension */
/** @typedef {import("@codemirror/view").ViewUpdate} ViewUpdate */
/** @typedef {import("@codemirror/view").LayerMarker} LayerMarker */
/** @typedef {import("./file.js").FileSession} FileSession */
/** @typedef {import("./file.js").Cursor} Cursor */
/** @typedef {(peer: Cursor) => number} ColorOf */

const NEAR_PX = 8;

/**
 * @param {FileSession} file whose text is the document of the state
 * @param {{color?: ColorOf, cursors?: boolean}} [options]
 * @returns {Extension}
 */
export function weft(file, { color = colorOfPeer, cursors = true } = {}) {
  return [boundState(file), bound(file), cursors ? [carets(color), selections(color), theme] : []];
}

/**
 * @param {EditorView} view
 * @param {{by: number}} peer
 * @returns {number | null} where the caret of a peer is
 */
export function caretOf(view, { by }) {
  const cursor = view.state.facet(fileOf)?.cursors.get(by);
  return cursor ? Math.min(cursor.sel[1] ?? cursor.sel[0], view.state.doc.length) : null;
}

/** @param {FileSession} file */
function bound(file) {
  return ViewPlugin.define(
    (view) => {
      const binding = new Binding(view, file);
      return {
        /** @param {ViewUpdate} update */
        update({ transactions, selectionSet, docChanged, focusChanged, state }) {
          binding.updated(transactions);
          const moved = (selectionSet && !docChanged) || (focusChanged && view.hasFocus);
          if (moved) file.cursor(flatten(state.selection));
        },
        destroy: () => binding.destroy(),
      };
    },
    { eventHandlers: { mousemove: showNear } },
  );
}

/** Shows the names at the carets near the pointer. @param {MouseEvent} event @param {EditorView} view */
function showNear({ clientX, clientY }, view) {
  for (const caret of view.dom.querySelectorAll(".cm-weft-caret")) {
    const { left, right, top, bottom } = caret.getBoundingClientRect();
    const near =
      clientX > left - NEAR_PX && clientX < right + NEAR_PX && clientY > top && clientY < bottom;
    caret.classList.toggle("cm-weft-near", near);
  }
}

/** @param {ViewUpdate} update */
const isStale = ({ docChanged, viewportChanged, geometryChanged, transactions }) =>
  docChanged ||
  viewportChanged ||
  geometryChanged ||
  transactions.some((tr) => tr.annotation(redraw));

/** A caret with its owner's name. A move draws it anew, which starts the fading of the name again. */
class CaretMarker {
  /**
   * @param {RectangleMarker} place
   * @param {string} color class
   * @param {string} name empty: none
   * @param {string} key equal as long as its owner has not moved it
   */
  constructor(place, color, name, key) {
    this.place = place;
    this.color = color;
    this.name = name;
    this.key = key;
  }

  /** @param {CaretMarker} other */
  eq(other) {
    const same = this.key === other.key && this.name === other.name && this.color === other.color;
    return same && this.place.eq(other.place);
  }

  draw() {
    const caret = document.createElement("div");
    if (this.name) {
      const flag = caret.appendChild(document.createElement("div"));
      flag.className = "cm-weft-flag";
      flag.textContent = this.name;
    }
    this.#put(caret);
    return caret;
  }

  /** @param {HTMLElement} caret @param {CaretMarker} before */
  update(caret, before) {
    if (this.key !== before.key || this.name !== before.name) return false;
    this.#put(caret);
    return true;
  }

  /** @param {HTMLElement} caret */
  #put(caret) {
    const { left, top, height } = this.place;
    caret.className = `cm-weft-caret ${this.color}${top < height ? " cm-weft-first" : ""}`;
    caret.style.left = `${left}px`;
    caret.style.top = `${top}px`;
    caret.style.height = `${height}px`;
  }
}

/**
 * @param {EditorView} view
 * @param {ColorOf} color
 * @param {(cursor: Cursor, anchor: number, head: number, color: string, index: number) => readonly LayerMarker[]} mark
 * @returns {LayerMarker[]}
 */
function marks(view, color, mark) {
  const all = [];
  const { length } = view.state.doc;
  for (const cursor of view.state.facet(fileOf).cursors.values()) {
    const { sel } = cursor;
    for (let i = 0; i + 1 < sel.length; i += 2) {
      const at = [Math.min(sel[i], length), Math.min(sel[i + 1], length)];
      all.push(...mark(cursor, at[0], at[1], `cm-weft-c${color(cursor)}`, i));
    }
  }
  return all;
}

/** @param {ColorOf} color */
function carets(color) {
  return layer({
    above: true,
    class: "cm-weft-carets",
    update: isStale,
    markers: (view) =>
      marks(view, color, ({ by, name, moved }, _anchor, head, colorClass, index) =>
        RectangleMarker.forRange(view, "", EditorSelection.cursor(head)).map(
          (place) =>
            new CaretMarker(place, colorClass, index ? "" : name, `${by} ${index} ${moved}`),
        ),
      ),
  });
}

/** @param {ColorOf} color */
function selections(color) {
  return layer({
    above: false,
    class: "cm-weft-selections",
    update: isStale,
    markers: (view) =>
      marks(view, color, (_cursor, anchor, head, colorClass) => {
        if (anchor === head) return [];
        const range = EditorSelection.range(anchor, head);
        return RectangleMarker.forRange(view, `cm-weft-selection ${colorClass}`, range);
      }),
  });
}

/** @param {"light" | "dark"} mode */
function colors(mode) {
  return PALETTE[mode].map((value, i) => [
    `&${mode} .cm-weft-c${i}`,
    { "--weft-color": `var(--weft-c${i}, ${value})` },
  ]);
}

const theme = EditorView.baseTheme({
  ...Object.fromEntries([...colors("light"), ...colors("dark")]),
  ".cm-weft-carets": { pointerEvents: "none" },
  ".cm-weft-caret": {
    position: "absolute",
    width: "0",
    borderLeft: "2px solid var(--weft-color)",
    marginLeft: "-1px",
  },
  ".cm-weft-flag": {
    position: "absolute",
    bottom: "100%",
    left: "-2px",
    padding: "0 4px",
    borderRadius: "3px 3px 3px 0",
    font: "500 11px/16px system-ui, sans-serif",
    whiteSpace: "nowrap",
    backgroundColor: "var(--weft-color)",
    opacity: "0",
    animation: "cm-weft-fade 2.3s ease-in",
  },
  "&light .cm-weft-flag": { color: `var(--weft-flag-text, ${PALETTE.textOn.light})` },
  "&dark .cm-weft-flag": { color: `var(--weft-flag-text, ${PALETTE.textOn.dark})` },
  ".cm-weft-first .cm-weft-flag": { bottom: "auto", top: "100%", borderRadius: "0 3px 3px 3px" },
  ".cm-weft-near .cm-weft-flag": { opacity: "1", animation: "none" },
  ".cm-weft-selection": { backgroundColor: "var(--weft-color)", opacity: "0.22" },
  "@keyframes cm-weft-fade": { "0%, 87%": { opacity: "1" }, "100%": { opacity: "0" } },
  "@media (prefers-reduced-motion: reduce)": {
    ".cm-weft-flag": { animationTimingFunction: "steps(1, end)" },
  },
});
