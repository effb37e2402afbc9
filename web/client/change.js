// Change sets in CodeMirror's JSON form: an array of parts that walk the text from its start to its end. A number keeps so
// many units, `[d]` deletes d units, `[d, "l0", "l1", …]` deletes d units and inserts the lines joined by a line break.
// Units are UTF-16 code units, a line break is one. Kept and deleted units add up to the length of the text before.
//
// This form is kept as it is: it is what goes over the wire, and what an editor takes. Two rules decide whether replicas
// stay equal. A change is mapped over others one at a time, never over a composed one. And parts have meaning: `[3], [0, "x"]`
// and `[3, "x"]` are mapped differently, so what comes from the log is never tidied up.
//
// Change sets are values: no function here alters one that it was given.

/** @typedef {number | [number, ...string[]]} Part */
/** @typedef {readonly Part[]} Change */
/** @typedef {[number, ...string[]]} Edit a part that is not a keep */
/** @typedef {(pos: number) => number} UnitAt the UTF-16 unit at a position, 0 outside of the text */

/** @param {Part} part @returns {part is number} */
const keeps = (part) => typeof part === "number";

/** @param {Edit} edit @returns {number} the units it inserts */
export function insertLength(edit) {
  let length = Math.max(0, edit.length - 2);
  for (let i = 1; i < edit.length; i++) length += /** @type {string} */ (edit[i]).length;
  return length;
}

/** @param {Change} change @returns {number} the length of the text it applies to */
export function lengthBefore(change) {
  let length = 0;
  for (const part of change) length += keeps(part) ? part : part[0];
  return length;
}

/** @param {Change} change @returns {number} the length of the text it makes */
export function lengthAfter(change) {
  let length = 0;
  for (const part of change) length += keeps(part) ? part : insertLength(part);
  return length;
}

/** @param {Change} change */
export const isIdentity = (change) => change.every(keeps);

/** @param {Change} change @returns {boolean} it is the canonical form of no change */
const isEmpty = (change) => change.length === 0 || (change.length === 1 && keeps(change[0]));

/** Builds a change set, joining only what map and compose are defined to join. */
export class Builder {
  constructor() {
    /** @type {Part[]} */
    this.parts = [];
    this.owned = false;
  }

  /** @param {number} count */
  keep(count) {
    if (!count) return;
    const last = this.parts.length - 1;
    const part = this.parts[last];
    if (last >= 0 && keeps(part)) this.parts[last] = part + count;
    else this.parts.push(count);
  }

  /**
   * @param {number} deleted
   * @param {Edit | null} source its lines are inserted; it may be shared
   */
  edit(deleted, source) {
    const inserts = source !== null && source.length > 1;
    if (!deleted && !inserts) return;
    const part = this.parts[this.parts.length - 1];
    if (part !== undefined && !keeps(part)) {
      if (!inserts && part.length === 1) return this.#join(deleted, null);
      if (!deleted && part[0] === 0) return this.#join(0, source);
    }
    this.owned = !(inserts && source[0] === deleted);
    this.parts.push(
      this.owned
        ? /** @type {Edit} */ (inserts ? [deleted, ...source.slice(1)] : [deleted])
        : /** @type {Edit} */ (source),
    );
  }

  /**
   * Like `edit`, but what comes belongs to the edit that was written last.
   * @param {number} deleted
   * @param {Edit | null} source
   */
  extend(deleted, source) {
    const part = this.parts[this.parts.length - 1];
    if (part === undefined || keeps(part)) this.edit(deleted, source);
    else this.#join(deleted, source);
  }

  /**
   * @param {number} deleted
   * @param {Edit | null} source
   */
  #join(deleted, source) {
    const last = this.parts.length - 1;
    if (!this.owned)
      this.parts[last] = /** @type {Edit} */ (/** @type {Edit} */ (this.parts[last]).slice());
    this.owned = true;
    const part = /** @type {Edit} */ (this.parts[last]);
    part[0] += deleted;
    if (source === null || source.length < 2) return;
    let i = 1;
    if (part.length > 1) part[part.length - 1] += /** @type {string} */ (source[i++]);
    for (; i < source.length; i++) part.push(/** @type {string} */ (source[i]));
  }
}

/** Walks the units that a change set reads (`left`) and remembers whether the insertion of an edit was dealt with. */
class Reader {
  /** @param {Change} change */
  constructor(change) {
    this.change = change;
    this.index = -1;
    this.left = 0;
    /** @type {Edit | null} the edit it stands on, null on a keep or at the end */
    this.edit = null;
    this.done = false;
    this.untouched = true;
    this.written = false;
    this.next();
  }

  next() {
    const part = this.change[++this.index];
    this.untouched = true;
    this.written = false;
    this.done = part === undefined;
    this.edit = part === undefined || keeps(part) ? null : part;
    this.left = part === undefined ? 0 : keeps(part) ? part : part[0];
  }

  /** @param {number} count at most `left` */
  skip(count) {
    if (count === this.left) this.next();
    else if (count > 0) {
      this.left -= count;
      this.untouched = false;
    }
  }
}

/** @returns {never} */
function mismatch() {
  throw new RangeError("the change sets are for texts of different lengths");
}

/**
 * Rewrites `a` to apply after `b`; both were made for the same text. Where both begin at one place, the one that deletes
 * less goes first; where they delete the same, `b` does, unless `before`. Over no change, `a` stays part for part.
 * @param {Change} a
 * @param {Change} b
 * @param {boolean} [before]
 * @returns {Change}
 */
export function map(a, b, before = false) {
  if (isEmpty(b) && lengthBefore(a) === lengthBefore(b)) return a;
  const out = new Builder();
  const mine = new Reader(a);
  const other = new Reader(b);
  while (!mine.done || !other.done) {
    if ((mine.done && other.left) || (other.done && mine.left)) mismatch();
    if (other.edit && (!mine.edit || mine.written || otherIsFirst(mine, other, before))) {
      stepOver(mine, other, out);
    } else if (mine.edit) {
      writeEdit(mine, other, out);
    } else {
      const count = Math.min(mine.left, other.left);
      out.keep(count);
      mine.skip(count);
      other.skip(count);
    }
  }
  return out.parts;
}

/** @param {Reader} mine @param {Reader} other @param {boolean} before */
function otherIsFirst(mine, other, before) {
  return mine.untouched && (other.left < mine.left || (other.left === mine.left && !before));
}

/**
 * The other's edit happened: what it inserted is text to keep, what it deleted of mine is not to be deleted again. An
 * insertion of mine that ends inside its range stays, behind what the other inserted.
 * @param {Reader} mine
 * @param {Reader} other
 * @param {Builder} out
 */
function stepOver(mine, other, out) {
  out.keep(insertLength(/** @type {Edit} */ (other.edit)));
  let left = other.left;
  while (left) {
    if (mine.done) mismatch();
    const count = Math.min(mine.left, left);
    if (mine.edit && !mine.written && mine.left <= count) {
      out.edit(0, mine.edit);
      mine.written = true;
    }
    left -= count;
    mine.skip(count);
  }
  other.next();
}

/**
 * Writes my edit as far as the next edit of the other that inserts something or reaches beyond mine; whole deletions of
 * the other inside it only make it shorter.
 * @param {Reader} mine
 * @param {Reader} other
 * @param {Builder} out
 */
function writeEdit(mine, other, out) {
  let deleted = 0;
  let left = mine.left;
  while (left) {
    if (other.done) mismatch();
    if (!other.edit) {
      const count = Math.min(left, other.left);
      deleted += count;
      left -= count;
      other.skip(count);
    } else if (other.edit.length === 1 && other.left < left) {
      left -= other.left;
      other.next();
    } else break;
  }
  out.edit(deleted, mine.written ? null : mine.edit);
  mine.written = true;
  mine.skip(mine.left - left);
}

/**
 * Cuts units out of the lines of an edit.
 * @param {Edit} edit
 * @param {number} from
 * @param {number} to
 * @returns {Edit} deletes nothing
 */
export function cutLines(edit, from, to) {
  /** @type {Edit} */
  const cut = [0];
  let start = 0;
  for (let i = 1; i < edit.length && start <= to; i++) {
    const line = /** @type {string} */ (edit[i]);
    const end = start + line.length;
    if (end >= from) cut.push(line.slice(Math.max(0, from - start), to - start));
    start = end + 1;
  }
  return cut.length === 2 && cut[1] === "" ? [0] : cut;
}

/**
 * One change set that does `a` and then `b`. Only for what was not sent yet: others cannot map over the result as they
 * would over the two.
 * @param {Change} a
 * @param {Change} b made for the text that `a` makes
 * @returns {Change}
 */
export function compose(a, b) {
  if (isEmpty(b) && lengthAfter(a) === lengthBefore(b)) return a;
  if (isEmpty(a) && lengthAfter(a) === lengthBefore(b)) return b;
  const out = new Builder();
  const second = new Reader(b);
  let open = false;
  /** @param {number} deleted @param {Edit | null} source */
  const write = (deleted, source) =>
    open ? out.extend(deleted, source) : out.edit(deleted, source);

  for (const part of a) {
    const edit = keeps(part) ? null : part;
    const made = edit ? insertLength(edit) : /** @type {number} */ (part);
    if (edit && !made) {
      write(edit[0], null);
      continue;
    }
    for (let at = 0; at < made;) {
      while (second.edit && !second.left) {
        write(0, second.edit);
        second.next();
      }
      if (second.done) mismatch();
      const count = Math.min(made - at, second.left);
      const size = out.parts.length;
      const inserted = second.edit && second.untouched ? second.edit : null;
      if (!edit && !second.edit) out.keep(count);
      else if (!edit) write(count, inserted);
      else {
        const kept = second.edit ? inserted : cutLines(edit, at, at + count);
        write(at ? 0 : edit[0], kept);
      }
      const unfinished = (edit && made - at > count) || (second.edit && second.left > count);
      open = Boolean(unfinished) && (open || out.parts.length > size);
      at += count;
      second.skip(count);
    }
  }
  for (; !second.done; second.next()) {
    if (second.left) mismatch();
    write(0, second.edit);
  }
  return out.parts;
}

/**
 * @param {string} text
 * @param {Change} change
 * @returns {string}
 */
export function apply(text, change) {
  if (lengthBefore(change) !== text.length) mismatch();
  const pieces = [];
  let pos = 0;
  for (const part of change) {
    if (keeps(part)) pieces.push(text.slice(pos, pos + part));
    else if (part.length > 1) pieces.push(part.slice(1).join("\n"));
    pos += keeps(part) ? part : part[0];
  }
  return pieces.join("");
}

/**
 * Where a position is after the change. At an insertion `assoc` decides: below 0 before it, else after it.
 * @param {Change} change
 * @param {number} pos
 * @param {number} [assoc]
 * @returns {number}
 */
export function mapPos(change, pos, assoc = -1) {
  let start = 0;
  let made = 0;
  for (const part of change) {
    if (keeps(part)) {
      if (pos < start + part) return made + pos - start;
      start += part;
      made += part;
      continue;
    }
    const inserted = insertLength(part);
    const end = start + part[0];
    if (pos < end || (pos === end && !part[0] && assoc < 0)) {
      return assoc < 0 || pos === start ? made : made + inserted;
    }
    start = end;
    made += inserted;
  }
  return made;
}

/**
 * One unit of the text that a change makes.
 * @param {Change} change
 * @param {number} pos
 * @param {UnitAt} below of the text before
 * @returns {number}
 */
export function unitAfter(change, pos, below) {
  let start = 0;
  let made = 0;
  for (const part of change) {
    const count = keeps(part) ? part : insertLength(part);
    if (pos < made + count) {
      if (keeps(part)) return below(start + pos - made);
      return part
        .slice(1)
        .join("\n")
        .charCodeAt(pos - made);
    }
    made += count;
    start += keeps(part) ? part : part[0];
  }
  return 0;
}

/**
 * The change that takes `change` back.
 * @param {Change} change
 * @param {(from: number, to: number) => string} slice of the text before the change
 * @returns {Change}
 */
export function invert(change, slice) {
  let pos = 0;
  return change.map((part) => {
    const start = pos;
    pos += keeps(part) ? part : part[0];
    if (keeps(part)) return part;
    const gone = slice(start, pos);
    return gone ? [insertLength(part), ...gone.split("\n")] : [insertLength(part)];
  });
}

/**
 * Checks a change set from outside, strictly. A line break inside of a line splits it; nothing else is altered, above all
 * no parts are joined.
 * @param {unknown} value
 * @param {number} [length] of the text that it must be for
 * @returns {Change}
 * @throws {RangeError}
 */
export function parse(value, length) {
  if (!Array.isArray(value)) throw new RangeError("a change set is an array");
  const change = value.map((part) => (Array.isArray(part) ? parseEdit(part) : parseKeep(part)));
  const before = lengthBefore(change);
  if (length !== undefined && before !== length) {
    throw new RangeError(`a change set for ${before} units, the text has ${length}`);
  }
  return change;
}

/** @param {unknown} part @returns {number} */
function parseKeep(part) {
  if (!Number.isSafeInteger(part) || Number(part) < 1) throw new RangeError("a bad keep");
  return /** @type {number} */ (part);
}

/** @param {unknown[]} part @returns {Edit} */
function parseEdit(part) {
  const [deleted, ...lines] = part;
  if (!Number.isSafeInteger(deleted) || Number(deleted) < 0) throw new RangeError("a bad deletion");
  for (const line of lines) {
    if (typeof line !== "string" || line.includes("\r")) throw new RangeError("a bad line");
  }
  const text = lines.join("\n");
  if (!deleted && !text) throw new RangeError("an edit that does nothing");
  return /** @type {Edit} */ (text ? [deleted, ...text.split("\n")] : [deleted]);
}

/**
 * @typedef {object} Splice `to` and `insert` may be left out
 * @property {number} from
 * @property {number} [to]
 * @property {string} [insert]
 */

/**
 * A change set from replacements in positions of the text before, in any order, not overlapping.
 * @param {Splice | readonly Splice[]} splices
 * @param {number} length of the text
 * @returns {Change}
 */
export function fromSplices(splices, length) {
  const list = Array.isArray(splices) ? [...splices] : [splices];
  list.sort((x, y) => x.from - y.from);
  const out = new Builder();
  let pos = 0;
  for (const { from, to = from, insert = "" } of list) {
    if (!(from >= pos && to >= from && to <= length)) throw new RangeError("a bad range");
    out.keep(from - pos);
    out.edit(to - from, insert ? [0, ...insert.split(/\r\n?|\n/)] : null);
    pos = to;
  }
  out.keep(length - pos);
  return out.parts;
}
