import assert from "node:assert/strict";
import { test } from "node:test";
import { greet } from "../greet.js";

test("greets by name", () => assert.equal(greet("Ann"), "Hello, Ann!"));
test("greets the world without one", () => assert.equal(greet(null), "Hello, world!"));
