// Change sets against the 5,000 recorded vectors and, at random, against @codemirror/state itself.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ChangeSet, Text } from "@codemirror/state";
import * as change from "./change.js";
import { clean, cleanText } from "./clean.js";
import { diff } from "./diff.js";
import { split } from "./split.js";
import { crc32, pickSeed, seeded } from "./testing.mjs";
import { Text as Chunks } from "./text.js";

/** @typedef {import("./change.js").Change} Change */

const shared =
  process.env.WEFT_SHARED ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
const vectors = `${shared}/changeset-vectors.jsonl`;
const seed = pickSeed();
const random = seeded(seed);
const pick = (/** @type {number} */ n) => Math.floor(random() * n);
const rounds = Number(process.env.WEFT_ROUNDS) * 1000 || 20_000;

const ATOMS = ["a", "b", " ", "\n", "é", "漢", "😀", "ab\ncd"];

/** @param {number} most */
const randomText = (most) =>
  Array.from({ length: pick(most + 1) }, () => ATOMS[pick(ATOMS.length)]).join("");

/** @param {number} length @returns {Change} touching and separate parts, as the log may hold them */
function randomChange(length) {
  /** @type {any[]} */
  const parts = [];
  for (let left = length; left || !pick(3);) {
    const count = left ? 1 + pick(Math.min(left, 5)) : 0;
    const lines = pick(2) ? randomText(2).split("\n") : [""];
    const deleted = pick(2) ? count : 0;
    if (pick(2) && count && typeof parts[parts.length - 1] !== "number") parts.push(count);
    else if (lines.length > 1 || lines[0]) parts.push([deleted, ...lines]);
    else if (deleted) parts.push([deleted]);
    else continue;
    const last = parts[parts.length - 1];
    left -= typeof last === "number" ? last : last[0];
  }
  return parts;
}

/** @param {Change} c */
const stock = (c) => ChangeSet.fromJSON(c);

test("the recorded vectors", { skip: existsSync(vectors) ? false : "no shared data" }, () => {
  const lines = readFileSync(vectors, "utf8").trim().split("\n");
  assert.equal(lines.length, 5000);
  for (const line of lines) {
    const v = JSON.parse(line);
    assert.deepEqual(change.map(v.a, v.b), v.a_over_b, line);
    assert.deepEqual(change.map(v.b, v.a, true), v.b_over_a_before, line);
    assert.equal(change.apply(change.apply(v.doc, v.a), v.b_over_a_before), v.doc_ab, line);
    assert.deepEqual(change.compose(v.b, v.a_over_b), v.b_then_a, line);
    assert.deepEqual(
      change.invert(v.a, (from, to) => v.doc.slice(from, to)),
      v.inv_a,
      line,
    );
    assert.equal(change.mapPos(v.a, v.pos, -1), v.pos_m1, line);
    assert.equal(change.mapPos(v.a, v.pos, 1), v.pos_p1, line);
  }
});

test("the same as @codemirror/state", (t) => {
  t.diagnostic(`WEFT_SEED=${seed}`);
  for (let i = 0; i < rounds; i++) {
    const text = randomText(9);
    const a = randomChange(text.length);
    const b = randomChange(text.length);
    const c = randomChange(change.lengthAfter(a));
    const where = JSON.stringify({ seed, text, a, b, c });
    for (const before of [false, true]) {
      assert.deepEqual(change.map(a, b, before), stock(a).map(stock(b), before).toJSON(), where);
    }
    assert.deepEqual(change.compose(a, c), stock(a).compose(stock(c)).toJSON(), where);
    const doc = Text.of(text.split("\n"));
    assert.equal(change.apply(text, a), stock(a).apply(doc).toString(), where);
    assert.deepEqual(
      change.invert(a, (x, y) => text.slice(x, y)),
      stock(a).invert(doc).toJSON(),
      where,
    );
    const pos = pick(text.length + 1);
    for (const assoc of [-1, 1]) {
      assert.equal(change.mapPos(a, pos, assoc), stock(a).mapPos(pos, assoc), where);
    }
    const after = change.apply(text, a);
    const at = pick(after.length + 2);
    assert.equal(
      change.unitAfter(a, at, (p) => text.charCodeAt(p) || 0),
      after.charCodeAt(at) || 0,
      where,
    );
  }
});

test("whoever comes first, the text is one", () => {
  for (let i = 0; i < rounds; i++) {
    const text = randomText(9);
    const a = randomChange(text.length);
    const b = randomChange(text.length);
    assert.equal(
      change.apply(change.apply(text, a), change.map(b, a, true)),
      change.apply(change.apply(text, b), change.map(a, b)),
      JSON.stringify({ seed, text, a, b }),
    );
  }
});

test("bad change sets are refused", () => {
  const bad = [
    null,
    {},
    "x",
    [0],
    [-1],
    [1.5],
    ["a"],
    [null],
    [[]],
    [[0]],
    [[0, ""]],
    [[-1, "a"]],
    [[1.5]],
    [[0, 1]],
    [["a"]],
    [[0, "a\r"]],
    [[0, "a", null]],
    [2 ** 53],
    [5, [1]],
  ];
  for (const value of bad)
    assert.throws(() => change.parse(value, 5), RangeError, JSON.stringify(value));
  assert.throws(() => change.map([1], [2]), RangeError);
  assert.throws(() => change.map([[1]], [2]), RangeError);
  assert.throws(() => change.compose([1], [2]), RangeError);
  assert.throws(() => change.apply("ab", [1]), RangeError);
});

test("parts are kept as they are, lines are split", () => {
  const log = [3, [0, "x"], [1], [0, "y"]];
  assert.deepEqual(change.parse(log, 4), log);
  assert.deepEqual(change.parse([3, [0, "a\nb"], [1, ""]], 4), [3, [0, "a", "b"], [1]]);
});

test("replacements in any order", () => {
  const splices = [
    { from: 4, to: 5 },
    { from: 1, insert: "x\r\ny" },
  ];
  assert.deepEqual(change.fromSplices(splices, 6), [1, [0, "x", "y"], 3, [1], 1]);
  assert.throws(() => change.fromSplices([{ from: 0, to: 3 }, { from: 2 }], 5), RangeError);
  assert.throws(() => change.fromSplices({ from: 6 }, 5), RangeError);
});

test("text that may not go over the wire becomes U+FFFD of the same length", () => {
  const pieces = ["", "x", "\ud83d", "\ude00", "😀", "\0", "a\nb"];
  for (let i = 0; i < rounds; i++) {
    const text = randomText(6);
    const c = randomChange(text.length).map((part) => {
      if (typeof part === "number") return part;
      const insert = pieces[pick(pieces.length)];
      return insert || !part[0] ? [part[0], ...(insert || "x").split("\n")] : [part[0]];
    });
    const typed = /** @type {Change} */ (c);
    const fit = clean(typed, (pos) => text.charCodeAt(pos) || 0);
    const made = change.apply(text, fit);
    const where = JSON.stringify({ seed, text, c, fit });
    assert.equal(made.length, change.lengthAfter(typed), where);
    assert.equal(made, cleanText(made), where);
    let pos = 0;
    for (const part of fit) {
      assert.ok(
        !/^[\uD800-\uDBFF][\uDC00-\uDFFF]/.test(text.slice(Math.max(0, pos - 1), pos + 1)) || !pos,
        where,
      );
      pos += typeof part === "number" ? part : part[0];
    }
  }
});

test("a difference leads from one text to the other", () => {
  for (let i = 0; i < rounds / 4; i++) {
    const a = randomText(60);
    const at = pick(a.length);
    const b = pick(2) ? randomText(60) : a.slice(0, at) + randomText(5) + a.slice(at + pick(9));
    assert.equal(change.apply(a, diff(a, b)), b, JSON.stringify({ seed, a, b }));
  }
  const before = "int main() {\n  return 0;\n}\n";
  const after = "#include <x>\nint main(void) {\n  return 1;\n}\n";
  assert.deepEqual(diff(before, after), [[0, "#include <x>", ""], 9, [0, "void"], 13, [1, "1"], 4]);
});

test("a text in chunks is the text", () => {
  let flat = "";
  const text = new Chunks("");
  for (let i = 0; i < 3000; i++) {
    const at = pick(flat.length + 1);
    const gone = Math.min(flat.length - at, pick(10) ? pick(20) : pick(20_000));
    const insert = pick(8) ? randomText(4) : randomText(4).repeat(pick(4000));
    if (!gone && !insert) continue;
    const c = change.fromSplices({ from: at, to: at + gone, insert }, flat.length);
    text.apply(c);
    flat = change.apply(flat, c);
    const x = pick(flat.length + 1);
    const y = x + pick(9000);
    assert.equal(text.length, flat.length);
    assert.equal(text.slice(x, y), flat.slice(x, y));
    assert.equal(text.unitAt(x), flat.charCodeAt(x) || 0);
    assert.ok(text.chunks.length < 50 + flat.length / 200, "chunks do not crumble");
  }
  assert.equal(text.toString(), flat);
  assert.equal(new Chunks("123456789").crc32(), "cbf43926");
  const pairs = "x" + "😀漢é".repeat(5000);
  assert.equal(new Chunks(pairs).crc32(), crc32(pairs));
});

test("what is too large for one message is sent in pieces", () => {
  const lines = `${"x".repeat(30)}😀\n`.repeat(20_000);
  /** @type {Change[]} */
  const large = [
    [10, [5, ...lines.split("\n")], 20],
    Array.from({ length: 5000 }, (_, i) => (i % 2 ? [1, "yz"] : 2)),
    [[0, ..."\n".repeat(500_000).split("\n")]],
  ];
  for (const whole of large) {
    const text = "ab"
      .repeat(change.lengthBefore(whole) / 2 + 1)
      .slice(0, change.lengthBefore(whole));
    let made = text;
    let pieces = 0;
    for (let rest = /** @type {Change | null} */ (whole); rest; pieces++) {
      const [front, behind] = split(rest);
      assert.ok(front.length <= 1000 && JSON.stringify(front).length < 1024 * 1024);
      const elements = front.map((part) => (typeof part === "number" ? 1 : part.length + 1));
      assert.ok(elements.reduce((sum, count) => sum + count, 0) < 200_000);
      made = change.apply(made, front);
      assert.equal(made, cleanText(made), "no pair is cut");
      rest = behind;
    }
    assert.ok(pieces > 1);
    assert.equal(made, change.apply(text, whole));
  }
});
