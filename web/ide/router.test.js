import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, parsePlace } from "./router.js";

const places = [
  { address: "/", place: { project: "", path: "" } },
  { address: "/p/demo", place: { project: "demo", path: "" } },
  { address: "/p/demo/src/a.c", place: { project: "demo", path: "src/a.c" } },
  { address: "/p/demo/a%20b/%C3%BC%3F%23.txt", place: { project: "demo", path: "a b/ü?#.txt" } },
];

for (const { address, place } of places) {
  test(`${address} is a place, and back`, () => {
    assert.deepEqual(parsePlace(address), place);
    assert.equal(addressOf(place), address);
  });
}

test("an address that is none leads to the picker", () => {
  for (const address of ["/p/", "/x", "/p/demo/%ff"]) {
    assert.deepEqual(parsePlace(address), { project: "", path: "" });
  }
});
