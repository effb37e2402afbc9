// The flat list of files as the rows of a tree: folders first, each level in the order that people expect (a2 before a10).

import { baseName, folderOf } from "./words.js";

/**
 * @typedef {object} Row
 * @property {"file" | "folder"} kind
 * @property {string} path
 * @property {string} name
 * @property {number} depth from 0
 * @property {boolean} expanded of a folder
 * @property {number} position among its siblings, from 1
 * @property {number} siblings
 */

/** @typedef {{name: string, path: string, folders: Map<string, Folder>, files: string[]}} Folder */

const { compare } = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** @param {Iterable<string>} paths @returns {Folder} */
function nest(paths) {
  /** @type {Folder} */
  const top = { name: "", path: "", folders: new Map(), files: [] };
  for (const path of paths) {
    let folder = top;
    for (const name of folderOf(path).split("/").filter(Boolean)) {
      const at = folder.path ? `${folder.path}/${name}` : name;
      const next = folder.folders.get(name) ?? { name, path: at, folders: new Map(), files: [] };
      folder.folders.set(name, next);
      folder = next;
    }
    folder.files.push(path);
  }
  return top;
}

/**
 * @param {Iterable<string>} paths of all files
 * @param {(folder: string) => boolean} isExpanded
 * @returns {Row[]} those that can be seen
 */
export function rowsOf(paths, isExpanded) {
  /** @type {Row[]} */
  const rows = [];
  /** @param {Folder} folder @param {number} depth */
  const walk = (folder, depth) => {
    const folders = [...folder.folders.values()].sort((a, b) => compare(a.name, b.name));
    const files = [...folder.files].sort((a, b) => compare(baseName(a), baseName(b)));
    const siblings = folders.length + files.length;
    folders.forEach((child, i) => {
      const expanded = isExpanded(child.path);
      const { path, name } = child;
      rows.push({ kind: "folder", path, name, depth, expanded, position: i + 1, siblings });
      if (expanded) walk(child, depth + 1);
    });
    files.forEach((path, i) => {
      const position = folders.length + i + 1;
      rows.push({
        kind: "file",
        path,
        name: baseName(path),
        depth,
        expanded: false,
        position,
        siblings,
      });
    });
  };
  walk(nest(paths), 0);
  return rows;
}

/** @param {string} path @returns {string[]} the folders it is in, outermost first */
export function foldersAbove(path) {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}

const ENTRIES = [
  /^src\/app\.\w+$/i,
  /^index\.html$/,
  /^(src\/)?main\.\w+$/i,
  /^readme\.md$/i,
  /^(src\/)?(index|app)\.\w+$/i,
];

/** @param {string[]} paths @returns {string} the file that a newcomer wants to see first, "" if there is none */
export function firstFile(paths) {
  const sorted = [...paths].sort(compare);
  for (const entry of ENTRIES) {
    const path = sorted.find((candidate) => entry.test(candidate));
    if (path) return path;
  }
  return sorted[0] ?? "";
}
