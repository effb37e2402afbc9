/**
 * Prints change-set vectors made with @codemirror/state, one JSON object a line, for
 * tests/unit/test_vectors.c: `node tests/vectors/generate.mjs SEED COUNT`.
 *
 * Beside pairs as an editor makes them there are pairs as mapping makes them, and pairs as anybody may
 * send them: with neighbouring parts of one kind, and with every order of insertion and deletion.
 */
import { ChangeSet, Text } from "@codemirror/state";

const ALPHABET = [
  "a",
  "b",
  "c",
  " ",
  "\n",
  "\n",
  "\\",
  '"',
  "\t",
  "é",
  "漢",
  "😀",
  "\u2028",
  "\u0000",
];

/** @param {bigint} seed */
function splitmix64(seed) {
  let state = BigInt.asUintN(64, seed);
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return Number((z ^ (z >> 31n)) & 0x1fffffffffffffn);
  };
}

const [seed = "1", count = "1000"] = process.argv.slice(2);
const random = splitmix64(BigInt(seed));
/** A whole number below n. @param {number} n */
const below = (n) => random() % n;

/** @param {number} most */
function randomText(most) {
  let text = "";
  for (let i = below(most + 1); i > 0; i--) text += ALPHABET[below(ALPHABET.length)];
  return text;
}

/** Does `at` lie between the halves of a pair? @param {string} doc @param {number} at */
const splits = (doc, at) =>
  /[\ud800-\udbff]/.test(doc[at - 1] ?? "") && /[\udc00-\udfff]/.test(doc[at] ?? "");

/** Any parts that fit, joined or not. @param {string} doc */
function anyParts(doc) {
  const parts = [];
  let at = 0;
  for (let i = below(7); i > 0; i--) {
    let end = at + below(Math.min(doc.length - at, 4) + 1);
    if (splits(doc, end)) end++;
    const units = end - at;
    const lines = randomText(2).split("\n");
    const kind = below(4);
    if (kind < 2 && units > 0) parts.push(units);
    else if (kind === 2 && units > 0) parts.push([units]);
    else if (units > 0 || lines.length > 1 || lines[0] !== "")
      parts.push(lines.join("") === "" && lines.length === 1 ? [units] : [units, ...lines]);
    else continue;
    at = end;
  }
  if (at < doc.length) parts.push(doc.length - at);
  return parts;
}

/** As an editor with several cursors makes them. @param {string} doc */
function editorChange(doc) {
  const changes = [];
  for (let i = below(3); i >= 0; i--) {
    let from = below(doc.length + 1);
    let to = below(3) ? from : Math.min(doc.length, from + below(5));
    if (splits(doc, from)) from--;
    if (splits(doc, to)) to++;
    changes.push({ from, to, insert: Text.of(randomText(3).split("\n")) });
  }
  try {
    return ChangeSet.of(changes, doc.length);
  } catch {
    return ChangeSet.of(changes.slice(0, 1), doc.length); // ranges that overlap
  }
}

/** @param {string} doc */
function randomChange(doc) {
  return below(2) ? editorChange(doc) : ChangeSet.fromJSON(anyParts(doc));
}

/** @param {ChangeSet} change @param {string} doc */
const after = (change, doc) => change.apply(Text.of(doc.split("\n"))).toString();

function vector() {
  let doc = randomText(below(4) ? 9 : 30);
  let a = randomChange(doc);
  let b = randomChange(doc);
  for (let i = below(3); i > 0; i--) {
    const c = randomChange(doc);
    a = a.map(c, below(2) === 1);
    b = b.map(c, below(2) === 1);
    doc = after(c, doc);
  }
  const ab = a.map(b);
  const pos = below(doc.length + 1);
  return {
    doc,
    a,
    b,
    a_over_b: ab,
    b_over_a_before: b.map(a, true),
    doc_ab: after(ab, after(b, doc)),
    b_then_a: b.compose(ab),
    pos,
    pos_m1: a.mapPos(pos, -1),
    pos_p1: a.mapPos(pos, 1),
  };
}

let out = "";
for (let i = Number(count); i > 0; i--) {
  out += JSON.stringify(vector()) + "\n";
  if (out.length > 65536 || i === 1) {
    if (!process.stdout.write(out))
      await new Promise((resolve) => process.stdout.once("drain", resolve));
    out = "";
  }
}
