// Text that may not go over the wire: U+0000 and halves of surrogate pairs. They become U+FFFD, of the same length, in the
// editor and in the change set alike, so that positions stay what they were.

import { Builder } from "./change.js";

/** @typedef {import("./change.js").Change} Change */
/** @typedef {import("./change.js").UnitAt} UnitAt */

const UNSAFE = /[\0\uD800-\uDFFF]/;
const UNITS = /[\uD800-\uDBFF][\uDC00-\uDFFF]|[\0\uD800-\uDFFF]/g;

/** @param {string} text @returns {string} the same length, lone surrogates and U+0000 replaced by U+FFFD */
export function cleanText(text) {
  if (!UNSAFE.test(text)) return text;
  return text.replace(UNITS, (units) => (units.length === 2 ? units : "\uFFFD"));
}

/**
 * Makes a local change fit for the wire: inserted text has no lone surrogate, and no edit begins or ends inside of a
 * surrogate pair; the half that would stay alone becomes U+FFFD. The result makes a text of the same length.
 * @param {Change} change
 * @param {UnitAt} unitAt of the text before
 * @returns {Change} the same object where there was nothing to do
 */
export function clean(change, unitAt) {
  let same = true;
  let pos = 0;
  let taken = 0;
  const out = new Builder();
  for (const part of change) {
    if (typeof part === "number") {
      out.keep(part - taken);
      pos += part;
      taken = 0;
      continue;
    }
    const head = !taken && splitsPair(unitAt, pos) ? 1 : 0;
    const tail = splitsPair(unitAt, pos + part[0]) ? 1 : 0;
    const text = cleanText(part.slice(1).join("\n"));
    pos += part[0];
    if (head || tail || taken || text !== part.slice(1).join("\n")) {
      same = false;
      shorten(out, head);
      const whole = "\uFFFD".repeat(head) + text + "\uFFFD".repeat(tail);
      out.edit(part[0] - taken + head + tail, whole ? [0, ...whole.split("\n")] : null);
    } else out.edit(part[0], part);
    taken = tail;
  }
  return same ? change : out.parts;
}

/** @param {UnitAt} unitAt @param {number} pos */
function splitsPair(unitAt, pos) {
  return (unitAt(pos) & 0xfc00) === 0xdc00 && pos > 0 && (unitAt(pos - 1) & 0xfc00) === 0xd800;
}

/** @param {Builder} out @param {number} count units to take back from the keep at its end */
function shorten(out, count) {
  const last = out.parts.length - 1;
  if (!count || last < 0) return;
  const kept = /** @type {number} */ (out.parts[last]) - count;
  if (kept) out.parts[last] = kept;
  else out.parts.pop();
}
