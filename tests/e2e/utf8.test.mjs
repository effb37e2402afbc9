/**
 * The UTF-8 sequences of Autobahn's sections 6.x as messages, whole and a byte a fragment: what is well-formed is taken
 * (and answered as the bad JSON that it is), what is not ends the connection with 1007.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { SHARED, startServer } from "./lib/server.mjs";
import { within } from "./lib/wait.mjs";

const FILE = SHARED && path.join(SHARED, "utf8/autobahn_utf8_sequences.json");
const HANDSHAKE =
  "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const MASK = [0x0f, 0x1e, 0x2d, 0x3c];

/** @param {number} first @param {Buffer} payload */
function frame(first, payload) {
  const masked = payload.map((byte, i) => byte ^ MASK[i % 4]);
  return Buffer.concat([Buffer.from([first, 0x80 | payload.length, ...MASK]), masked]);
}

/** @param {Buffer} payload */
function fragments(payload) {
  const frames = [];
  for (let i = 0; i < payload.length; i++) {
    const opcode = i === 0 ? 1 : 0;
    const final = i === payload.length - 1 ? 0x80 : 0;
    frames.push(frame(final | opcode, payload.subarray(i, i + 1)));
  }
  return Buffer.concat(frames);
}

/** What the server says to these bytes: "text" of a message, or the code it closes with. */
async function answer(port, bytes) {
  const socket = net.connect(port, "127.0.0.1");
  let got = Buffer.alloc(0);
  const more = () =>
    new Promise((resolve, reject) => {
      socket.once("data", (data) => resolve((got = Buffer.concat([got, data]))));
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("closed without a frame")));
    });
  try {
    socket.write(HANDSHAKE);
    while (!got.includes("\r\n\r\n")) await more();
    got = got.subarray(got.indexOf("\r\n\r\n") + 4);
    socket.write(bytes);
    while (got.length < 4) await more();
    return got[0] === 0x88 ? got.readUInt16BE(2) : "text";
  } finally {
    socket.removeAllListeners("close");
    socket.destroy();
  }
}

test(
  "UTF-8 is judged as RFC 3629 says, whole and in pieces",
  { skip: !(FILE && existsSync(FILE)) && "no shared test data" },
  async (t) => {
    const server = await startServer(t);
    const groups = JSON.parse(readFileSync(FILE, "utf8"));
    let judged = 0;
    for (const [group, rows] of groups)
      for (const [valid, hex] of rows) {
        const payload = Buffer.from(hex, "hex");
        for (const bytes of [frame(0x81, payload), fragments(payload)]) {
          const got = await within(answer(server.port, bytes), `an answer to ${hex}`);
          assert.equal(got, valid ? "text" : 1007, `${group}: ${hex}`);
          judged += 1;
        }
      }
    t.diagnostic(`${judged} judged`);
    assert.ok(judged > 200);
  },
);
