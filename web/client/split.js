// The server bounds one change set in parts and in inserted text. What was typed offline, a replace-all, or the paste of a
// whole file may be above that: it is sent in pieces, each a change set of its own that applies after the one before.

import { cutLines, insertLength, lengthAfter, lengthBefore } from "./change.js";

/** @typedef {import("./change.js").Change} Change */
/** @typedef {import("./change.js").Edit} Edit */
/** @typedef {import("./change.js").Part} Part */

// Of 1,000 parts, half of the room is left: another's edits may cut ours while it waits to be sent again. 128 Ki units stay
// below 1 MiB of UTF-8, 2 MiB of JSON with every unit escaped, and 200,000 lines.
const PARTS = 500;
const UNITS = 128 * 1024;

/**
 * @param {Change} change
 * @returns {[Change, Change | null]} what may be sent now, and the rest, for the text after it
 */
export function split(change) {
  /** @type {Part[]} */
  const front = [];
  let units = 0;
  for (let i = 0; i < change.length; i++) {
    const part = change[i];
    if (front.length >= PARTS) return divide(change, front, i, null);
    const inserted = typeof part === "number" ? 0 : insertLength(part);
    if (typeof part !== "number" && units + inserted > UNITS) {
      const room = pairSafe(part, UNITS - units);
      const piece = cutLines(part, 0, room);
      piece[0] = part[0];
      if (piece.length > 1 || piece[0] > 0) front.push(piece);
      return divide(change, front, i + 1, cutLines(part, room, inserted));
    }
    units += inserted;
    front.push(part);
  }
  return [change, null];
}

/**
 * @param {Change} change
 * @param {Part[]} front the first parts of it
 * @param {number} next the first part that is not in front
 * @param {Edit | null} cut what is left of the part before
 * @returns {[Change, Change]}
 */
function divide(change, front, next, cut) {
  const behind = change.slice(next);
  const passed = lengthAfter(front);
  const untouched = lengthBefore(behind);
  return [
    untouched ? [...front, untouched] : front,
    [...(passed ? [passed] : []), ...(cut ? [cut] : []), ...behind],
  ];
}

/**
 * @param {Edit} edit
 * @param {number} at a place in its inserted text
 * @returns {number} the place, not inside of a surrogate pair
 */
function pairSafe(edit, at) {
  const [, around = ""] = cutLines(edit, Math.max(0, at - 1), at + 1);
  return /^[\uD800-\uDBFF][\uDC00-\uDFFF]/.test(String(around)) ? at - 1 : at;
}
