// The difference of two texts as a change set: what happened to a text whose history is not known, so that typing can be
// mapped over it. Lines are compared first, then the words inside of what differs. It is exact in every case and near the
// smallest in the common ones; where two texts have little in common, the whole middle is replaced.

import { fromSplices } from "./change.js";

/** @typedef {import("./change.js").Change} Change */
/** @typedef {import("./change.js").Splice} Splice */
/** @typedef {{from: number, to: number, start: number, end: number}} Hunk ranges of tokens in the old and the new */

// Edits the search looks for before it gives up; it keeps this number squared of integers.
const LINES = 800;
const WORDS = 200;

/**
 * @param {string} before
 * @param {string} after
 * @returns {Change}
 */
export function diff(before, after) {
  /** @type {Splice[]} */
  const splices = [];
  refine(before, after, 0, splices, LINE, LINES, (from, a, b) => {
    refine(a, b, from, splices, WORD, WORDS, (at, x, y) => splice(splices, at, x, y));
  });
  return fromSplices(splices, before.length);
}

const LINE = /[^\n]*\n|[^\n]+/g;
const WORD = /[\p{L}\p{N}_]+|\s|./gsu;

/** @param {Splice[]} splices @param {number} from @param {string} a @param {string} b */
function splice(splices, from, a, b) {
  if (a || b) splices.push({ from, to: from + a.length, insert: b });
}

/**
 * @param {string} before
 * @param {string} after
 * @param {number} offset of `before` in the whole
 * @param {Splice[]} splices
 * @param {RegExp} token
 * @param {number} limit
 * @param {(from: number, a: string, b: string) => void} found is told every pair of differing pieces
 */
function refine(before, after, offset, splices, token, limit, found) {
  const head = commonStart(before, after);
  const tail = commonEnd(before.slice(head), after.slice(head));
  const a = before.slice(head, before.length - tail);
  const b = after.slice(head, after.length - tail);
  if (!a || !b) return splice(splices, offset + head, a, b);
  const x = a.match(token) ?? [];
  const y = b.match(token) ?? [];
  const hunks = compare(x, y, limit);
  if (!hunks) return splice(splices, offset + head, a, b);
  const atX = offsets(x);
  const atY = offsets(y);
  for (const { from, to, start, end } of hunks) {
    found(offset + head + atX[from], a.slice(atX[from], atX[to]), b.slice(atY[start], atY[end]));
  }
}

/** @param {string[]} tokens @returns {number[]} */
function offsets(tokens) {
  const at = [0];
  for (const token of tokens) at.push(at[at.length - 1] + token.length);
  return at;
}

/** @param {string} a @param {string} b @returns {number} units, never the half of a pair */
function commonStart(a, b) {
  const most = Math.min(a.length, b.length);
  let count = 0;
  while (count < most && a.charCodeAt(count) === b.charCodeAt(count)) count++;
  return count && (a.charCodeAt(count - 1) & 0xfc00) === 0xd800 ? count - 1 : count;
}

/** @param {string} a @param {string} b @returns {number} */
function commonEnd(a, b) {
  const most = Math.min(a.length, b.length);
  let count = 0;
  while (
    count < most &&
    a.charCodeAt(a.length - 1 - count) === b.charCodeAt(b.length - 1 - count)
  ) {
    count++;
  }
  return count && (a.charCodeAt(a.length - count) & 0xfc00) === 0xdc00 ? count - 1 : count;
}

/**
 * The greedy search of Myers ("An O(ND) Difference Algorithm", 1986): the furthest reach on every diagonal for 0, 1, 2 …
 * edits. The reaches of every round are kept, to walk back along them.
 * @param {string[]} a
 * @param {string[]} b
 * @param {number} limit of edits
 * @returns {Hunk[] | null} null: too different
 */
function compare(a, b, limit) {
  const most = Math.min(limit, a.length + b.length);
  const reach = new Int32Array(2 * most + 3);
  /** @type {Int32Array[]} */
  const rounds = [];
  for (let edits = 0; edits <= most; edits++) {
    rounds.push(reach.slice(most - edits, most + edits + 3));
    for (let k = -edits; k <= edits; k += 2) {
      const at = k + most + 1;
      const down = k === -edits || (k !== edits && reach[at - 1] < reach[at + 1]);
      let x = down ? reach[at + 1] : reach[at - 1] + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach[at] = x;
      if (x >= a.length && x - k >= b.length) return walkBack(rounds, a.length, b.length);
    }
  }
  return null;
}

/**
 * @param {Int32Array[]} rounds
 * @param {number} x
 * @param {number} y
 * @returns {Hunk[]}
 */
function walkBack(rounds, x, y) {
  /** @type {Hunk[]} */
  const hunks = [];
  for (let edits = rounds.length - 1; edits > 0; edits--) {
    const round = rounds[edits];
    const at = x - y + edits + 1;
    const down = x - y === -edits || (x - y !== edits && round[at - 1] < round[at + 1]);
    const fromX = down ? round[at + 1] : round[at - 1];
    const fromY = fromX - (down ? x - y + 1 : x - y - 1);
    const toX = down ? fromX : fromX + 1;
    const toY = down ? fromY + 1 : fromY;
    const last = hunks[hunks.length - 1];
    if (last && last.from === toX && last.start === toY) {
      last.from = fromX;
      last.start = fromY;
    } else hunks.push({ from: fromX, to: toX, start: fromY, end: toY });
    x = fromX;
    y = fromY;
  }
  return hunks.reverse();
}
