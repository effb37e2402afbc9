// What a tab leaves for itself when it is reloaded: who it was, and what was typed and not acknowledged.
//
// Two tabs must never be one client. The browser copies the storage when a tab is duplicated, so nothing lies in it while a
// page lives: it is taken out at the start and written at the end. A page that comes back out of the browser's
// back-forward cache may go on only if what it wrote is still there; else another page has taken its place.

import { Core } from "./core.js";
import { Text } from "./text.js";

/** @typedef {{getItem(key: string): string | null, setItem(key: string, value: string): void, removeItem(key: string): void}} Storage */

/**
 * @typedef {object} Saved
 * @property {string} nonce
 * @property {string} resume
 * @property {number} k
 * @property {string} ep
 * @property {number} e
 * @property {number} cid
 * @property {{core: object, kept: object[]}[]} files
 */

/** @typedef {import("./file.js").FileSession} FileSession */

/** @param {FileSession} file */
export function freeze({ core, kept }) {
  const { path, f, ep, v, n, inflight, buffer, ackedV, savedV } = core;
  const base = core.base?.toString() ?? "";
  const list = kept.map(({ file: _file, ...rest }) => rest);
  return { core: { path, f, ep, v, n, inflight, buffer, ackedV, savedV, base }, kept: list };
}

/** @param {any} saved @returns {Core} */
export function thaw({ base, ...fields }) {
  const core = Object.assign(new Core(fields.path, fields.f), fields);
  core.base = new Text(base);
  if (core.inflight) core.inflight.conn = -1;
  core.length = core.text().length;
  return core;
}

/**
 * Takes the entry out.
 * @param {Storage | undefined} storage
 * @param {string} key
 * @returns {Saved | null}
 */
export function take(storage, key) {
  try {
    const text = storage?.getItem(key);
    storage?.removeItem(key);
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/**
 * @param {Storage | undefined} storage
 * @param {string} key
 * @param {Saved} saved
 * @returns {boolean} false: no room for the texts
 */
export function put(storage, key, saved) {
  for (const entry of [saved, { ...saved, files: [] }]) {
    try {
      storage?.setItem(key, JSON.stringify(entry));
      return entry === saved;
    } catch (error) {
      console.warn(error);
    }
  }
  return false;
}
