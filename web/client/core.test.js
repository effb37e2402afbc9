import assert from "node:assert/strict";
import test from "node:test";

import { Core } from "./core.js";

const ANN = 7;

/** A file that Ann has typed "x" into, sent on connection 1 as n 1. */
function typed() {
  const core = new Core("a.txt", 3);
  core.file({ f: 3, path: "a.txt", ep: "1.x", v: 0, n: 0, text: "" }, ANN, 1);
  core.local([[0, "x"]], null);
  core.next(0, 1, ANN);
  core.unsubscribed();
  core.open("2.y", 0);
  return core;
}

test("under a new epoch, what is in the snapshot of the file is not sent again", () => {
  const core = typed();
  core.file({ f: 3, path: "a.txt", ep: "2.y", v: 5, n: 1, text: "x!" }, ANN, 2);
  assert.equal(core.pending, 0);
  assert.equal(core.text(), "x!");
});

test("under a new epoch, another file may have the path: its n says nothing of ours", () => {
  const core = typed();
  core.file({ f: 2, path: "a.txt", ep: "2.y", v: 5, n: 1, text: "other" }, ANN, 2);
  assert.equal(core.pending, 1);
  assert.equal([...core.text()].sort().join(""), "ehortx");
  assert.equal(core.next(0, 2, ANN).n, 2);
});
