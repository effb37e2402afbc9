import assert from "node:assert/strict";
import { test } from "node:test";
import { firstFile, foldersAbove, rowsOf } from "./tree-model.js";

const paths = ["b.txt", "src/a10.js", "src/a2.js", "src/lib/x.js", "A.txt", "src.txt"];
const shown = (/** @type {(folder: string) => boolean} */ isExpanded) =>
  rowsOf(paths, isExpanded).map(({ depth, name }) => "  ".repeat(depth) + name);

test("folders come first, numbers count as numbers, case does not matter", () => {
  const all = ["src", "  lib", "    x.js", "  a2.js", "  a10.js", "A.txt", "b.txt", "src.txt"];
  assert.deepEqual(
    shown(() => true),
    all,
  );
});

test("what is in a closed folder is not shown", () => {
  assert.deepEqual(
    shown((folder) => folder === "src"),
    ["src", "  lib", "  a2.js", "  a10.js", "A.txt", "b.txt", "src.txt"],
  );
});

test("a row knows its place among its siblings", () => {
  const [, , , a2] = rowsOf(paths, () => true);
  assert.deepEqual([a2.path, a2.position, a2.siblings, a2.depth], ["src/a2.js", 2, 3, 1]);
});

test("the folders above a file, outermost first", () => {
  assert.deepEqual(foldersAbove("a/b/c.txt"), ["a", "a/b"]);
  assert.deepEqual(foldersAbove("c.txt"), []);
});

test("the file that a newcomer sees first", () => {
  assert.equal(firstFile(["style.css", "index.html", "main.js"]), "index.html");
  assert.equal(firstFile(["index.html", "src/main.jsx", "src/App.jsx"]), "src/App.jsx");
  assert.equal(firstFile(["z.c", "a.c"]), "a.c");
  assert.equal(firstFile([]), "");
});
