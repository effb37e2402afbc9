import assert from "node:assert/strict";
import { test } from "node:test";
import { find, match } from "./fuzzy.js";

const paths = ["src/app/main.js", "src/manual/a.js", "README.md", "main.css"];

test("a few letters in order find a file, its name before its folders", () => {
  assert.deepEqual(
    find(paths, "main", 9).map(({ path }) => path),
    ["main.css", "src/app/main.js"],
  );
  assert.equal(find(paths, "sama", 9)[0].path, "src/app/main.js");
});

test("letters that are missing or in another order find nothing", () => {
  assert.equal(match("main.js", "jsm"), null);
  assert.equal(match("main.js", "x"), null);
});

test("nothing asked for gives all, in the given order, up to the limit", () => {
  assert.deepEqual(
    find(paths, "", 2).map(({ path }) => path),
    paths.slice(0, 2),
  );
});

test("the places of the letters are told, for marking them", () => {
  assert.deepEqual(match("src/a10.js", "a1")?.at, [4, 5]);
});
