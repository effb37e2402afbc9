// CodeMirror writes its styles into <style> elements, which a strict Content-Security-Policy forbids; only in shadow roots
// does style-mod use constructed sheets, which it allows. This makes it do so for the document too. `mount` and `getRules`
// are its public interface; the order is its own: what is mounted in one call keeps its order, later calls come first.

import { StyleModule } from "style-mod";

/** @type {StyleModule[]} */
let mounted = [];
const sheet = new CSSStyleSheet();

export function useConstructedSheets() {
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  StyleModule.mount = (_root, modules) => {
    const list = Array.isArray(modules) ? modules : [modules];
    if (list.every((module) => mounted.includes(module))) return;
    mounted = [...list, ...mounted.filter((module) => !list.includes(module))];
    sheet.replaceSync(mounted.map((module) => module.getRules()).join("\n"));
  };
}
