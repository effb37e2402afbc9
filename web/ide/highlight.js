// How the editor looks. All colours are custom properties of tokens.css, so a change of theme touches no editor state.

import { HighlightStyle } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags as t } from "@lezer/highlight";

/** @param {string} name */
const color = (name) => `var(--syntax-${name})`;

export const colors = HighlightStyle.define([
  { tag: [t.keyword, t.modifier, t.operatorKeyword], color: color("keyword") },
  { tag: [t.string, t.special(t.string), t.inserted], color: color("string") },
  { tag: [t.number, t.bool, t.null, t.atom, t.unit, t.color], color: color("number") },
  {
    tag: [t.function(t.variableName), t.function(t.propertyName), t.labelName],
    color: color("function"),
  },
  { tag: [t.typeName, t.className, t.namespace, t.definition(t.typeName)], color: color("type") },
  { tag: [t.tagName, t.standard(t.tagName), t.deleted], color: color("tag") },
  { tag: [t.attributeName, t.propertyName, t.macroName], color: color("attribute") },
  { tag: [t.meta, t.processingInstruction], color: color("comment") },
  { tag: t.comment, color: color("comment"), fontStyle: "italic" },
  { tag: [t.regexp, t.escape], color: color("regexp") },
  { tag: [t.link, t.url], color: color("function"), textDecoration: "underline" },
  { tag: t.heading, color: color("keyword"), fontWeight: "600" },
  { tag: t.strong, fontWeight: "600" },
  { tag: t.emphasis, fontStyle: "italic" },
  { tag: t.strikethrough, textDecoration: "line-through" },
  { tag: t.invalid, color: color("invalid") },
]);

const panelField = {
  minHeight: "26px",
  margin: "0 4px 0 0",
  padding: "0 8px",
  border: "1px solid var(--border-strong)",
  borderRadius: "5px",
  backgroundColor: "var(--surface)",
  color: "var(--text)",
  fontSize: "12.5px",
};

export const look = EditorView.theme({
  "&": { backgroundColor: "var(--surface)", color: "var(--text)", fontSize: "13.5px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6" },
  ".cm-content": { padding: "10px 0 40vh", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 16px 0 8px" },
  ".cm-cursor": { borderLeft: "2px solid var(--text)", marginLeft: "-1px" },
  ".cm-dropCursor": { borderLeft: "2px solid var(--accent)" },
  "&:not(.cm-focused) .cm-cursor": { display: "none" },
  "& > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "var(--code-selection)",
  },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "var(--code-selection)",
  },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": {
    backgroundColor: "color-mix(in srgb, var(--text) 4%, transparent)",
  },
  ".cm-gutters": {
    border: "0",
    backgroundColor: "var(--surface)",
    color: "var(--code-gutter)",
  },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "44px", padding: "0 6px 0 12px" },
  ".cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLineGutter": { color: "var(--text)" },
  ".cm-foldGutter .cm-gutterElement": { width: "14px", cursor: "pointer" },
  ".cm-foldPlaceholder": {
    margin: "0 2px",
    padding: "0 5px",
    border: "0",
    backgroundColor: "var(--hover)",
    color: "var(--muted)",
  },
  "&.cm-focused .cm-matchingBracket": {
    backgroundColor: "transparent",
    outline: "1px solid var(--border-strong)",
    borderRadius: "2px",
  },
  ".cm-selectionMatch": { backgroundColor: "color-mix(in srgb, var(--accent) 14%, transparent)" },
  ".cm-searchMatch": { backgroundColor: "var(--code-match)", outline: "0" },
  ".cm-searchMatch-selected": { boxShadow: "0 0 0 1px var(--busy)" },
  ".cm-panels": { backgroundColor: "var(--chrome)", color: "var(--text)" },
  ".cm-panels-top": { borderBottom: "1px solid var(--border)" },
  ".cm-panels-bottom": { borderTop: "1px solid var(--border)" },
  ".cm-panel": { padding: "8px 36px 8px 12px", fontFamily: "var(--font)" },
  ".cm-panel .cm-textfield": panelField,
  ".cm-panel .cm-button": {
    ...panelField,
    border: "1px solid var(--border)",
    backgroundColor: "var(--raised)",
    backgroundImage: "none",
    cursor: "pointer",
  },
  ".cm-panel .cm-button:hover": { backgroundColor: "var(--hover)" },
  ".cm-panel.cm-search label": {
    display: "inline-flex",
    alignItems: "center",
    gap: "5px",
    margin: "0 6px 0 4px",
    fontSize: "12.5px",
  },
  ".cm-panel.cm-search input[type=checkbox]": { margin: "0" },
  ".cm-panel.cm-gotoLine label": { fontSize: "12.5px" },
  ".cm-panel.cm-search [name=close], .cm-panel.cm-gotoLine [name=close]": {
    top: "8px",
    right: "10px",
    width: "24px",
    height: "24px",
    color: "var(--muted)",
  },
  ".cm-tooltip": {
    border: "1px solid var(--border)",
    borderRadius: "8px",
    backgroundColor: "var(--raised)",
    color: "var(--text)",
    boxShadow: "var(--shadow)",
    overflow: "hidden",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12.5px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 10px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--accent-soft)",
    color: "var(--text)",
  },
  "@media (pointer: coarse)": { "&": { fontSize: "16px" } },
});
