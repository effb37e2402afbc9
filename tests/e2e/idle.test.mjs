/** Who says nothing, but answers the server's pings as every WebSocket client does, stays. It takes a minute to see. */
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { Raw } from "./lib/raw.mjs";
import { startServer } from "./lib/server.mjs";
import { within } from "./lib/wait.mjs";

test("a client that only answers pings is not taken for dead", async (t) => {
  const server = await startServer(t);
  const ann = await Raw.join(server.ws, { project: "demo", template: "blank" });
  const ended = once(ann.socket, "close").then(([code, reason]) => {
    throw new Error(`closed ${code} ${reason}`);
  });
  for (let pings = 1; pings <= 3; pings++)
    await Promise.race([within(once(ann.socket, "ping"), `ping ${pings}`), ended]);
  ended.catch(() => {});
  await ann.settle();
  assert.equal(ann.closed, null);
});
