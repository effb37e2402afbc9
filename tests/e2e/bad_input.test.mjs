/**
 * Bad input over a real socket, as tables: each row says what is sent and what must come back; after every row the text and its
 * version are as they were, the neighbour got nothing, and the connection still answers (or was closed with the code that the
 * row names). What needs raw frames is in the transport's own tests.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { Raw } from "./lib/raw.mjs";
import { SHARED, startServer } from "./lib/server.mjs";
import { within } from "./lib/wait.mjs";

const TEXT = "hello 😀 world\n";
const LEN = TEXT.length;
const FAST = { bytes: 1e7, edit: 1e6, cursor: 1e6, fs: 1e6, open: 1e6, check: 1e6, other: 1e6 };

/** Ann, who misbehaves, and Bob, who must not notice; both have the file of TEXT open. */
async function setUp(t, limits = {}) {
  const server = await startServer(t, {
    config: { limits: { rate: FAST, errors: 100000, ...limits } },
  });
  const ann = await Raw.join(server.ws, { project: "demo", template: "blank", name: "Ann" });
  ann.send({ t: "create", path: "a.txt", text: TEXT, q: 1 });
  const { f } = await ann.next("ok");
  const bob = await Raw.join(server.ws, { project: "demo", name: "Bob" });
  ann.send({ t: "open", f });
  bob.send({ t: "open", f });
  await ann.next("file");
  await bob.next("file");
  await ann.settle();
  ann.messages.length = 0;
  return { server, ann, bob, f };
}

/** Ann has the file open again (an error on an edit closes it), and nothing changed. */
async function unchanged({ ann, bob, f }, what) {
  ann.send({ t: "open", f });
  const file = await ann.next("file");
  assert.deepEqual([file.v, file.text], [0, TEXT], what);
  await bob.settle();
  assert.deepEqual(bob.messages, [], what);
}

/** @typedef {[what: any, code: string]} Row what: an edit's fields, or a whole message, or the text of a frame */

const big = "x".repeat(1048577);
const edit = (fields) => ({ t: "edit", f: 1, v: 0, n: 1, ...fields });

/** @type {Row[]} */
const CHANGES = [
  [{ c: [-1, LEN + 1] }, "bad_change"],
  [{ c: [1.5, LEN - 1.5] }, "bad_change"],
  [{ c: [1e15] }, "bad_change"],
  [{ c: [2147483647, 2147483647] }, "bad_change"],
  [{ c: [LEN - 1] }, "bad_change"],
  [{ c: [LEN + 1] }, "bad_change"],
  [{ c: [] }, "bad_change"],
  [{ c: [0, LEN] }, "bad_change"],
  [{ c: [LEN, [0]] }, "bad_change"],
  [{ c: [LEN, [0, ""]] }, "bad_change"],
  [{ c: [LEN, []] }, "bad_change"],
  [{ c: [LEN, [0, 1]] }, "bad_change"],
  [{ c: [LEN, [-1, "x"]] }, "bad_change"],
  [{ c: [LEN, ["x"]] }, "bad_change"],
  [{ c: [LEN, "x"] }, "bad_change"],
  [{ c: [LEN, null] }, "bad_change"],
  [{ c: "x" }, "bad_message"],
  [{ c: {} }, "bad_message"],
  [{ c: [[LEN + 1]] }, "bad_change"],
  [{ c: [LEN, [0, "a\rb"]] }, "bad_text"],
  [{ c: [LEN, [0, "a\r\nb"]] }, "bad_text"],
  [{ c: [7, [0, "x"], LEN - 7] }, "bad_change"], // inside 😀
  [{ c: [6, [1], LEN - 7] }, "bad_change"], // half of it
  [{ c: [7, [1], LEN - 8] }, "bad_change"],
  [{ c: [LEN, [0, big]] }, "too_big"],
  [{ c: Array(1001).fill([0, "x"]).concat(LEN) }, "too_many"],
  [{ cs: Array(65).fill([LEN]), n: 65 }, "too_many"],
  [{ cs: [[LEN], [LEN + 1]], n: 2 }, "bad_change"],
  [
    {
      cs: [
        [LEN, [0, "😀"]],
        [LEN + 1, [0, "x"], 1],
      ],
      n: 2,
    },
    "bad_change",
  ],
  [{ cs: [] }, "bad_message"],
  [{ cs: [[LEN], [LEN]], n: 1 }, "bad_message"],
  [{ c: [LEN], cs: [[LEN]] }, "bad_message"],
  [{}, "bad_message"],
];

/** @type {Row[]} */
const VERSIONS = [
  [{ c: [LEN], v: 1 }, "stale"],
  [{ c: [LEN], v: 9007199254740991 }, "stale"],
  [{ c: [LEN], v: -1 }, "bad_message"],
  [{ c: [LEN], v: "0" }, "bad_message"],
  [{ c: [LEN], v: 0.5 }, "bad_message"],
  [{ c: [LEN], v: null }, "bad_message"],
  [{ c: [LEN], v: 9007199254740992 }, "bad_message"],
  [{ c: [LEN], n: 0 }, "bad_message"],
  [{ c: [LEN], n: -1 }, "bad_message"],
  [{ c: [LEN], n: "1" }, "bad_message"],
  [{ c: [LEN], f: 2 }, "no_file"],
  [{ c: [LEN], f: 0 }, "bad_message"],
  [{ c: [LEN], f: "1" }, "bad_message"],
  [{ at: LEN + 1, ins: "x", v: undefined, n: undefined }, "bad_change"],
  [{ at: 0, del: LEN + 1, v: undefined, n: undefined }, "bad_change"],
  [{ at: 7, ins: "x", v: undefined, n: undefined }, "bad_change"],
  [{ at: -1, ins: "x", v: undefined, n: undefined }, "bad_message"],
];

for (const [name, rows] of Object.entries({
  "change sets": CHANGES,
  "versions and numbers": VERSIONS,
}))
  test(`bad ${name} are refused and change nothing`, async (t) => {
    const world = await setUp(t);
    for (const [fields, code] of rows) {
      const message = edit({ f: world.f, ...fields });
      const what = JSON.stringify(message).slice(0, 200);
      world.ann.send(message);
      const error = await world.ann.next("error");
      assert.equal(error.code, code, `${what} → ${error.msg}`);
      assert.equal(error.fatal, false, what);
      await unchanged(world, what);
    }
  });

/** @type {Row[]} */
const FRAMES = [
  ["", "bad_json"],
  ["null", "bad_json"],
  ["1", "bad_json"],
  ['"x"', "bad_json"],
  ["[[]]", "bad_message"],
  ["[1]", "bad_message"],
  ["{}", "bad_message"],
  ['{"t":1}', "bad_message"],
  ['{"t":"nonsense"}', "unknown_type"],
  ['{"t":"ping","ts":1}x', "bad_json"],
  ['{"t":"ping","t":"ping"}', "bad_json"],
  ['\ufeff{"t":"ping","ts":1}', "bad_json"],
  ['{"t":"ping","ts":1e999}', "bad_json"],
  ['{"t":"ping","ts":1e3}', "bad_message"],
  ['{"t":"ping","ts":1.0}', "bad_message"],
  ['{"t":"ping","ts":9223372036854775808}', "bad_json"],
  ['{"t":"ping","ts":-0.5}', "bad_message"],
  [`{"t":"edit","f":1,"v":0,"n":1,"c":[${LEN},[0,"\\ud83d"]]}`, "bad_json"],
  [`{"t":"edit","f":1,"v":0,"n":1,"c":[${LEN},[0,"\\u0000"]]}`, "bad_json"],
  ["[".repeat(100000) + "]".repeat(100000), "bad_json"],
  [`{"t":"ping",${Array.from({ length: 2001 }, (_, i) => `"k${i}":1`)}}`, "too_big"],
  [`{"t":"ping","x":[${Array(200001).fill(0)}]}`, "too_big"],
  [JSON.stringify(Array(65).fill({ t: "ping", ts: 1 })), "too_many"],
];

test("bad frames are answered, and the connection lives", async (t) => {
  const world = await setUp(t);
  for (const [frame, code] of FRAMES) {
    world.ann.send(frame);
    const error = await world.ann.next("error");
    const what = `${frame.slice(0, 80)} → ${error.code} ${error.msg}`;
    // Too deep is told from too many by the limit that is met first.
    assert.ok(error.code === code || (code === "bad_json" && error.code === "too_big"), what);
    await unchanged(world, what);
  }
});

const FIELDS = {
  open: { f: 1 },
  create: { path: "b.txt", text: "" },
  rename: { f: 1, path: "b.txt" },
  delete: { f: 1 },
  edit: { f: 1, v: 0, n: 1, c: [LEN] },
  cursor: { f: 1, v: 0, sel: [0, 0] },
  check: { f: 1 },
  close: { f: 1 },
  ping: { ts: 1 },
};
const WRONG = [null, true, -1, 0.5, 2 ** 53, "x\u0001", [], {}, [1], { a: 1 }, "é".repeat(300)];

test("every field of every type with every wrong value", async (t) => {
  const world = await setUp(t);
  let refused = 0;
  for (const [type, fields] of Object.entries(FIELDS))
    for (const field of Object.keys(fields))
      for (const wrong of WRONG) {
        // These are well-formed: an empty list of files' changes is judged elsewhere, any text is a text.
        if (field === "text" && typeof wrong === "string") continue;
        world.ann.send({
          t: type,
          ...fields,
          f: "f" in fields ? world.f : undefined,
          [field]: wrong,
        });
        const what = `${type}.${field} = ${JSON.stringify(wrong).slice(0, 40)}`;
        const error = await world.ann.next("error");
        assert.match(error.code, /^(bad_message|bad_change|bad_path|too_big)$/, what);
        refused += 1;
        await unchanged(world, what);
      }
  t.diagnostic(`${refused} refused`);
});

const PATHS = [
  "",
  "/",
  "..",
  ".",
  "../x",
  "/etc/passwd",
  "a/../b",
  "a/./b",
  "a//b",
  "a/",
  "C:\\x",
  "C:/x",
  "\\\\host\\x",
  "a\\b",
  "a\u0000",
  "a\u0007b",
  "a\nb",
  "a\u202eb",
  "a\u2066b",
  "a.",
  "a ",
  "a/b.",
  "a./b",
  "e\u0301",
  "a/" + "b".repeat(256),
  Array(33).fill("a").join("/"),
  "x".repeat(513),
  "\u007f",
  "\u0085",
];

test("bad paths are refused", async (t) => {
  const world = await setUp(t);
  for (const bad of PATHS) {
    const what = JSON.stringify(bad);
    for (const message of [
      { t: "create", path: bad },
      { t: "rename", f: world.f, path: bad },
      { t: "open", path: bad },
    ]) {
      world.ann.send(message);
      const error = await world.ann.next("error");
      assert.ok(
        error.code === "bad_path" || (bad.includes("\u0000") && error.code === "bad_json"),
        `${message.t} ${what} → ${error.code}`,
      );
    }
    await unchanged(world, what);
  }
});

test(
  "naughty strings are names, texts and paths like any other",
  { skip: !SHARED && "no shared test data" },
  async (t) => {
    const { server, ann, bob, f } = await setUp(t, { files: 20000 });
    const strings = JSON.parse(String(readFileSync(path.join(SHARED, "blns.json"))));
    let length = LEN;
    let text = TEXT;
    const made = new Set(["a.txt"]);
    for (const [i, string] of strings.entries()) {
      const clean = string.replace(/\r\n?/g, "\n");
      if (clean !== "") {
        ann.send(edit({ f, v: undefined, n: undefined, at: length, ins: clean }));
        await ann.next("ack");
        text += clean;
        length += clean.length;
      }
      ann.send({ t: "create", path: string, text: string, q: i });
      const answer = await ann.next((m) => m.q === i);
      assert.match(answer.code ?? "ok", /^(ok|exists|bad_path)$/, JSON.stringify(string));
      if (answer.t === "ok") made.add(string);
    }
    bob.send({ t: "list" });
    const { files } = await bob.next("files");
    assert.deepEqual(new Set(files.map((file) => file.path)), made);
    const got = await fetch(`${server.url}/api/v1/projects/demo/files/a.txt`);
    assert.equal(await got.text(), text);
    for (const name of strings) {
      const raw = await Raw.open(server.ws);
      raw.send({ t: "hello", v: 1, project: "demo", name });
      const answer = await raw.next((m) => m.t === "welcome" || m.t === "error");
      if (answer.t === "welcome") assert.equal(answer.name, name === "" ? "Guest" : name);
      else assert.match(answer.code, /^(bad_message|bad_json|bad_text|too_big)$/);
      raw.terminate();
    }
    // No raw control byte of a stranger is in the log.
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(server.log, /[\u0000-\u0009\u000b-\u001f\u007f]/);
  },
);

test("the JSON test suite as messages", { skip: !SHARED && "no shared test data" }, async (t) => {
  const folder = path.join(SHARED, "json_suite/test_parsing");
  assert.ok(existsSync(folder));
  const world = await setUp(t);
  let files = 0;
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(path.join(folder, name));
    const isUtf8 = Buffer.compare(Buffer.from(bytes.toString("utf8")), bytes) === 0;
    files += 1;
    if (!isUtf8) {
      const raw = await Raw.join(world.server.ws, { project: "demo" });
      raw.socket.send(bytes, { binary: false });
      assert.equal((await raw.end()).code, 1007, name);
      continue;
    }
    world.ann.send(bytes.toString("utf8"));
    await world.ann.settle();
    world.ann.messages.length = 0;
  }
  await unchanged(world, "after the suite");
  t.diagnostic(`${files} files`);
  assert.ok(files > 300);
});

test("frames before welcome are small, and hello comes first", async (t) => {
  const { server } = await setUp(t);
  const rows = [
    [{ t: "open", f: 1 }, 4400],
    ["x", 4400],
    [{ t: "hello", v: 1, project: "demo", name: "x".repeat(10000) }, 1009],
    [{ t: "hello", v: 1, project: "../x" }, 4400],
    [{ t: "hello", v: 1, project: "x".repeat(65) }, 4400],
    [{ t: "hello", v: 9, project: "demo" }, 4400],
    [{ t: "hello", v: 1, project: "not-there" }, 4404],
    [{ t: "hello", v: 1, project: "not-there", template: "nothing" }, 4404],
    [{ t: "hello", v: 1, project: "*" }, 4400],
    [{ t: "hello", v: 1, project: { $ne: null } }, 4400],
  ];
  for (const [message, code] of rows) {
    const raw = await Raw.open(server.ws);
    raw.send(message);
    assert.equal((await raw.end()).code, code, JSON.stringify(message).slice(0, 80));
  }
});

test("a forged or foreign resume gives a new cid", async (t) => {
  const { server, ann } = await setUp(t);
  const other = await Raw.join(server.ws, { project: "other", template: "blank" });
  const { cid, resume } = ann.me;
  for (const forged of [
    resume.replace(/^\d+/, "1"),
    resume.slice(0, -1) + (resume.endsWith("A") ? "B" : "A"),
    other.me.resume,
    "x",
    "1.2.3",
    "...",
    "1.u.9999999999999.",
    "",
  ]) {
    const raw = await Raw.join(server.ws, { project: "demo", resume: forged, k: 9 });
    assert.notEqual(raw.me.cid, cid);
    assert.notEqual(raw.me.cid, other.me.cid);
    assert.notEqual(raw.me.cid, 1);
    raw.close();
  }
  await ann.settle();
});

test("one frame in 500 segments, and many frames in one", async (t) => {
  const { server } = await setUp(t);
  const socket = net.connect(server.port, "127.0.0.1");
  socket.setNoDelay(true);
  socket.write(
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  let got = "";
  let arrived = () => {};
  socket.on("data", (data) => {
    got += data;
    arrived();
  });
  const has = (text, what) =>
    within(
      (async () => {
        while (!got.includes(text)) await new Promise((resolve) => (arrived = resolve));
      })(),
      what,
    );
  await has("\r\n\r\n", "the handshake");
  const frame = (text) => {
    const body = Buffer.from(text);
    const head =
      body.length < 126
        ? [0x81, 0x80 | body.length]
        : [0x81, 0xfe, body.length >> 8, body.length & 255];
    return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), body]);
  };
  const hello = frame(JSON.stringify({ t: "hello", v: 1, project: "demo", pad: "x".repeat(400) }));
  for (const byte of hello) {
    socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await has('"welcome"', "welcome");
  socket.write(
    Buffer.concat(
      Array.from({ length: 200 }, (_, i) =>
        frame(
          JSON.stringify(Array.from({ length: 50 }, (_, j) => ({ t: "ping", ts: 50 * i + j }))),
        ),
      ),
    ),
  );
  await has('"ts":9999', "ten thousand answers");
  for (let i = 0, at = 0; i < 10000; i++) {
    at = got.indexOf(`"ts":${i},`, at);
    assert.ok(at >= 0, `answer ${i}, in order`);
  }
  socket.destroy();
});

test("too much of everything is refused by name, and others do not feel it", async (t) => {
  const server = await startServer(t, { config: { limits: { text: 4096, files: 5, errors: 50 } } });
  const ann = await Raw.join(server.ws, { project: "demo", template: "blank" });
  ann.send({ t: "create", path: "a", text: "x".repeat(4097), q: 0 });
  assert.equal((await ann.next("error")).code, "too_big");
  for (let i = 1; i <= 5; i++)
    ann.send({ t: "create", path: `f${i}`, text: "x".repeat(4000), q: i });
  await ann.next((m) => m.q === 5);
  ann.send({ t: "create", path: "f6", q: 6 });
  assert.equal((await ann.next("error")).code, "too_many");
  ann.send({ t: "open", path: "f1" });
  const { f } = await ann.next("file");
  ann.send({ t: "edit", f, at: 0, ins: "y".repeat(97) });
  assert.equal((await ann.next("error")).code, "too_big");
  ann.send({ t: "open", f });
  for (let i = 0; i < 300; i++) ann.send({ t: "edit", f, at: 0, del: 1, ins: "z" });
  assert.equal((await ann.next("error")).code, "rate");
  // Every refusal counts; who goes on is closed.
  assert.equal((await ann.end()).code, 4529);
  const bob = await Raw.join(server.ws, { project: "demo" });
  await bob.settle();
});
