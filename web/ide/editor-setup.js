// What every editor state has, whatever its file: keys, gutters, search, completion, indentation.

import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import {
  bracketMatching,
  foldGutter,
  foldKeymap,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import {
  EditorView,
  crosshairCursor,
  drawSelection,
  dropCursor,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  rectangularSelection,
} from "@codemirror/view";
import { colors, look } from "./highlight.js";

const keys = [
  ...closeBracketsKeymap,
  ...defaultKeymap,
  ...searchKeymap,
  ...historyKeymap,
  ...foldKeymap,
  ...completionKeymap,
  // Ctrl-M, or Escape and then Tab, leaves the editor by keyboard; CodeMirror sees to both.
  indentWithTab,
];

/** @returns {import("@codemirror/state").Extension[]} */
export function setup() {
  return [
    lineNumbers(),
    highlightActiveLineGutter(),
    highlightSpecialChars(),
    history(),
    foldGutter({ openText: "⌄", closedText: "›" }),
    drawSelection(),
    dropCursor(),
    EditorState.allowMultipleSelections.of(true),
    indentOnInput(),
    syntaxHighlighting(colors),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ icons: false }),
    rectangularSelection(),
    crosshairCursor(),
    highlightActiveLine(),
    highlightSelectionMatches(),
    search({ top: true }),
    keymap.of(keys),
    look,
    EditorView.contentAttributes.of({
      spellcheck: "false",
      autocorrect: "off",
      autocapitalize: "off",
    }),
  ];
}

const FIRST_LINES = 400;

/** @param {string} text @returns {import("@codemirror/state").Extension} as the file is indented already */
export function indentationOf(text) {
  const lines = text.split("\n", FIRST_LINES);
  if (lines.some((line) => line.startsWith("\t")))
    return [indentUnit.of("\t"), EditorState.tabSize.of(4)];
  const widths = lines
    .map((line) => line.length - line.trimStart().length)
    .filter((width) => width > 1);
  const narrow = widths.length === 0 || widths.some((width) => width % 4 !== 0);
  return indentUnit.of(narrow ? "  " : "    ");
}
