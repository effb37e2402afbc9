// Text that may not go over the wire: U+0000 and halves of surrogate pairs. They become U+FFFD, of the same length, in the
// editor and in the change set alike, so that positions stay what they were.

import { Builder } from "./change.js";

/** @typedef {import("./change.js").Change} Change */
/** @typedef {import("./change.js").Edit} Edit */
/** @typedef {import("./change.js").UnitAt} UnitAt */

const UNSAFE = /[\0\uD800-\uDFFF]/;
const UNITS = /[\uD800-\uDBFF][\uDC00-\uDFFF]|[\0\uD800-\uDFFF]/g;

/** @param {string} text @returns {string} the same length, lone surrogates and U+0000 replaced by U+FFFD */
export function cleanText(text) {
  if (!UNSAFE.test(text)) return text;
  return text.replace(UNITS, (units) => (units.length === 2 ? units : "\uFFFD"));
}

/** @param {UnitAt} unitAt @param {number} pos */
function splitsPair(unitAt, pos) {
  return (unitAt(pos) & 0xfc00) === 0xdc00 && pos > 0 && (unitAt(pos - 1) & 0xfc00) === 0xd800;
}

/** @param {Edit} edit */
const inserted = (edit) => edit.slice(1).join("\n");

/**
 * @param {Change} change
 * @param {UnitAt} unitAt
 * @returns {boolean} nothing to do, as nearly always
 */
function isClean(change, unitAt) {
  let pos = 0;
  for (const part of change) {
    if (typeof part === "number") {
      pos += part;
      continue;
    }
    if (splitsPair(unitAt, pos) || splitsPair(unitAt, pos + part[0])) return false;
    const text = inserted(part);
    if (cleanText(text) !== text) return false;
    pos += part[0];
  }
  return true;
}

/**
 * Makes a local change fit for the wire: inserted text has no lone surrogate, and no edit begins or ends inside of a
 * surrogate pair; the half that would stay alone becomes U+FFFD. The result makes a text of the same length.
 * @param {Change} change
 * @param {UnitAt} unitAt of the text before
 * @returns {Change} the same object where there was nothing to do
 */
export function clean(change, unitAt) {
  if (isClean(change, unitAt)) return change;
  const out = new Builder();
  let pos = 0;
  // Units of a keep that the edits beside it took over: its last, its first.
  let taken = 0;
  for (let i = 0; i < change.length; i++) {
    const part = change[i];
    if (typeof part !== "number") {
      const edit = join(change, i);
      const end = pos + edit[0];
      const tail = splitsPair(unitAt, end) ? 1 : 0;
      const head = !taken && splitsPair(unitAt, pos) ? 1 : 0;
      const text = "\uFFFD".repeat(head) + cleanText(inserted(edit)) + "\uFFFD".repeat(tail);
      out.edit(edit[0] + head + tail, text ? [0, ...text.split("\n")] : null);
      while (i + 1 < change.length && typeof change[i + 1] !== "number") i++;
      pos = end;
      taken = tail;
      continue;
    }
    const next = i + 1 < change.length && splitsPair(unitAt, pos + part) ? 1 : 0;
    const kept = part - taken - next;
    // A keep of one unit between two edits may be taken by both: it is the first's.
    if (kept > 0) out.keep(kept);
    pos += part;
    taken = kept < 0 ? 1 : 0;
  }
  return out.parts;
}

/**
 * @param {Change} change
 * @param {number} from
 * @returns {Edit} the edits that touch each other from there on, as one
 */
function join(change, from) {
  let deleted = 0;
  let text = "";
  for (let i = from; i < change.length; i++) {
    const part = change[i];
    if (typeof part === "number") break;
    deleted += part[0];
    text += inserted(part);
  }
  return text ? [deleted, ...text.split("\n")] : [deleted];
}
