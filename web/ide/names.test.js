import assert from "node:assert/strict";
import { test } from "node:test";
import { personName, projectId, projectName } from "./names.js";
import { initials, sentence } from "./words.js";

test("what is typed becomes a project id", () => {
  assert.equal(projectId("  My Größe Project! "), "my-groe-project");
  assert.equal(projectId("../.."), "");
  assert.equal(projectId("v1.2_x"), "v1.2_x");
  assert.equal(projectId("a".repeat(100)).length, 64);
});

test("names that are given are valid", () => {
  for (let i = 0; i < 200; i++) {
    const name = projectName();
    assert.equal(projectId(name), name);
    assert.ok(personName().length <= 64);
  }
});

test("a face shows at most two letters, whole characters", () => {
  assert.equal(initials("Quiet Grey Heron"), "QH");
  assert.equal(initials("ann"), "A");
  assert.equal(initials("😀 x"), "😀X");
  assert.equal(initials(" "), "?");
});

test("an error is a sentence, also one that nobody knows", () => {
  assert.match(sentence({ code: "exists" }), /already there/);
  assert.equal(
    sentence({ code: "new_one", message: "the moon is full" }),
    "That did not work: the moon is full.",
  );
  assert.equal(sentence(undefined), "That did not work; try again.");
});
