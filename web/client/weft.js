// The entry of the SDK; README.md has the interface.

import { Project } from "./project.js";

export { WeftError } from "./events.js";
export { Project } from "./project.js";
export { PALETTE, colorOf, colorOfPeer, describe } from "./words.js";

/** @typedef {import("./project.js").Options} Options */
/** @typedef {import("./project.js").Peer} Peer */
/** @typedef {import("./project.js").Me} Me */
/** @typedef {import("./file.js").FileSession} FileSession */
/** @typedef {import("./file.js").Status} Status */
/** @typedef {import("./file.js").Kept} Kept */
/** @typedef {import("./file.js").Cursor} Cursor */
/** @typedef {import("./file.js").ChangeEvent} ChangeEvent */

/**
 * Begins to connect, and goes on doing so until `close`.
 * @param {Options} options
 * @returns {Project}
 */
export function connect(options) {
  const project = new Project(options);
  project.start();
  return project;
}
