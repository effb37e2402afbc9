// What the browser remembers for this person. Storage may be full or forbidden; then nothing is remembered.

import { personName } from "./names.js";

const RECENT = 8;

/** @param {() => Storage} storage @param {string} key @returns {any} */
function read(storage, key) {
  try {
    return JSON.parse(storage().getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** @param {() => Storage} storage @param {string} key @param {unknown} value */
function write(storage, key, value) {
  try {
    storage().setItem(key, JSON.stringify(value));
  } catch {
    // Not remembered, nothing else.
  }
}

const local = () => localStorage;
const tab = () => sessionStorage;

/** @returns {string} chosen once for all windows, else one of this window's own, so that two windows can be told apart */
export function ownName() {
  const chosen = read(local, "weft.name");
  if (typeof chosen === "string" && chosen) return chosen;
  const given = read(tab, "weft.name");
  if (typeof given === "string" && given) return given;
  const name = personName();
  write(tab, "weft.name", name);
  return name;
}

/** @param {string} name */
export function chooseName(name) {
  write(local, "weft.name", name);
}

/** @returns {number | null} the colour that was chosen for all windows */
export function ownColor() {
  const chosen = read(local, "weft.color");
  return typeof chosen === "number" ? chosen : null;
}

/** @param {number} color */
export function chooseColor(color) {
  write(local, "weft.color", color);
}

/** @returns {"light" | "dark" | "system"} */
export function themeChoice() {
  const choice = read(local, "weft.theme");
  return choice === "light" || choice === "dark" ? choice : "system";
}

/** @param {"light" | "dark" | "system"} choice */
export function chooseTheme(choice) {
  write(local, "weft.theme", choice);
}

/** @returns {string[]} projects, the newest first */
export function recentProjects() {
  const list = read(local, "weft.recent");
  return Array.isArray(list) ? list.filter((id) => typeof id === "string").slice(0, RECENT) : [];
}

/** @param {string} id */
export function rememberProject(id) {
  write(
    local,
    "weft.recent",
    [id, ...recentProjects().filter((other) => other !== id)].slice(0, RECENT),
  );
}

/** @param {string} id */
export function forgetProject(id) {
  write(
    local,
    "weft.recent",
    recentProjects().filter((other) => other !== id),
  );
}

/** @param {string} project @returns {{paths: string[], active: string}} tabs of this window */
export function openTabs(project) {
  const saved = read(tab, `weft.tabs.${project}`);
  const paths = Array.isArray(saved?.paths)
    ? saved.paths.filter((/** @type {any} */ p) => typeof p === "string")
    : [];
  return { paths, active: typeof saved?.active === "string" ? saved.active : "" };
}

/** @param {string} project @param {{paths: string[], active: string}} tabs */
export function rememberTabs(project, tabs) {
  write(tab, `weft.tabs.${project}`, tabs);
}

/** @returns {boolean} the column of files is wanted */
export function filesAreShown() {
  return read(tab, "weft.files") !== false;
}

/** @param {boolean} shown */
export function rememberFilesShown(shown) {
  write(tab, "weft.files", shown);
}
