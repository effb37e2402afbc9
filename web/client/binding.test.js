// The CodeMirror binding without a DOM: real editor states, histories and files, through the reference server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { history, redo, undo } from "@codemirror/commands";
import { EditorState } from "@codemirror/state";
import { Binding, boundState } from "./binding.js";
import { connect } from "./weft.js";
import { World, pickSeed, seeded } from "./testing.mjs";

/** @typedef {import("@codemirror/state").TransactionSpec} TransactionSpec */
/** @typedef {import("./weft.js").FileSession} FileSession */

/** What a view does with its state, without what can be seen. */
class Editor {
  /** @param {FileSession} file @param {EditorState} [state] */
  constructor(file, state) {
    this.state =
      state ?? EditorState.create({ doc: file.text, extensions: [history(), boundState(file)] });
    this.binding = new Binding(this, file);
  }

  get text() {
    return this.state.doc.toString();
  }

  /** @param {TransactionSpec} spec */
  dispatch(spec) {
    const tr = this.state.update(spec);
    this.state = tr.state;
    this.binding.updated([tr]);
  }

  /** @param {number} from @param {string} insert @param {number} [to] */
  type(from, insert, to) {
    this.dispatch({
      changes: { from, to, insert },
      selection: { anchor: from + insert.length },
      userEvent: "input.type",
    });
  }

  /** @param {import("@codemirror/state").StateCommand} command */
  run(command) {
    return command({
      state: this.state,
      dispatch: (tr) => {
        this.state = tr.state;
        this.binding.updated([tr]);
      },
    });
  }
}

/** @param {string} text @param {number} [seed] */
async function pair(text, seed = 1) {
  const world = new World(seeded(seed), { "a.txt": text });
  const projects = ["Ann", "Bob"].map((name) =>
    connect({
      url: "ws://reference/",
      project: "p",
      name,
      WebSocket: world.WebSocket,
      clock: world.clock,
      random: world.random,
    }),
  );
  const files = projects.map((project) => project.open("a.txt"));
  await world.clock.advance(1000);
  const [ann, bob] = files.map((file) => new Editor(file));
  return { world, projects, files, ann, bob };
}

test("undo takes back only one's own typing", async () => {
  const { world, ann, bob } = await pair("hello world");
  ann.type(0, "A1 ");
  await world.clock.advance(1000);
  bob.type(bob.text.length, " B1");
  await world.clock.advance(1000);
  ann.type(ann.text.length, " A2");
  bob.type(0, "B2 ");
  await world.clock.advance(1000);
  assert.equal(ann.text, "B2 A1 hello world B1 A2");
  while (ann.run(undo));
  await world.clock.advance(1000);
  assert.equal(ann.text, "B2 hello world B1");
  assert.equal(bob.text, ann.text);
  while (ann.run(redo));
  while (bob.run(undo));
  await world.clock.advance(1000);
  assert.equal(ann.text, "A1 hello world A2");
  assert.equal(bob.text, ann.text);
});

test("undo of a deletion puts it back beside what another wrote there", async () => {
  const { world, ann, bob } = await pair("one two three");
  ann.type(4, "", 8);
  bob.type(7, "!");
  await world.clock.advance(1000);
  assert.equal(ann.text, "one !three");
  ann.run(undo);
  await world.clock.advance(1000);
  assert.match(ann.text, /^one (two !|!two )three$/);
  assert.equal(bob.text, ann.text);
  bob.run(undo);
  await world.clock.advance(1000);
  assert.equal(ann.text, "one two three");
  assert.equal(bob.text, ann.text);
});

test("random typing, undo and redo converge", async (t) => {
  const seed = pickSeed();
  t.diagnostic(`WEFT_SEED=${seed}`);
  for (let round = 0; round < (Number(process.env.WEFT_ROUNDS) || 40); round++) {
    const { world, projects, files, ann, bob } = await pair(
      "first text\nof two lines\n",
      seed + round,
    );
    const pick = (/** @type {number} */ n) => Math.floor(world.random() * n);
    for (let i = 0; i < 60; i++) {
      const editor = pick(2) ? ann : bob;
      const from = pick(editor.text.length + 1);
      const kind = pick(6);
      if (kind === 0) editor.run(undo);
      else if (kind === 1) editor.run(redo);
      else if (kind === 2) editor.type(from, "", Math.min(editor.text.length, from + pick(4)));
      else editor.type(from, ["x", "yz", "\n", "😀"][pick(4)]);
      if (!pick(10)) world.cutWires(0.5);
      await world.clock.advance(pick(80));
    }
    await world.clock.advance(60_000);
    const where = `seed ${seed + round}`;
    for (const editor of [ann, bob]) assert.equal(editor.text, files[0].text, where);
    assert.equal(world.files.get(1)?.doc.toString(), ann.text, where);
    for (const project of projects) project.close();
  }
});

test("lone surrogates and U+0000 become U+FFFD in the editor and for all", async () => {
  const { world, ann, bob } = await pair("a😀b");
  ann.type(1, "", 2);
  assert.equal(ann.text, "a\uFFFDb");
  ann.type(0, "\0\ud83d");
  await world.clock.advance(1000);
  assert.equal(ann.text, "\uFFFD\uFFFDa\uFFFDb");
  assert.equal(bob.text, ann.text);
  ann.run(undo);
  ann.run(undo);
  await world.clock.advance(1000);
  assert.equal(bob.text, "a😀b");
});

test("a state that was away is brought up to date", async () => {
  const { world, files, ann, bob } = await pair("one\ntwo\n");
  ann.type(0, "A");
  await world.clock.advance(1000);
  const { state } = ann;
  ann.binding.destroy();
  bob.type(bob.text.length, "three\n");
  await world.clock.advance(1000);
  const again = new Editor(files[0], state);
  await world.clock.advance(1000);
  assert.equal(again.text, "Aone\ntwo\nthree\n");
  again.run(undo);
  await world.clock.advance(1000);
  assert.equal(bob.text, "one\ntwo\nthree\n");
});

test("two editors of one client show one text", async () => {
  const { world, files, ann, bob } = await pair("x");
  const other = new Editor(files[0]);
  ann.type(1, "1");
  other.type(2, "2");
  await world.clock.advance(1000);
  for (const editor of [ann, other, bob]) assert.equal(editor.text, "x12");
  ann.run(undo);
  assert.equal(other.text, "x2");
});

test("a line separator is refused, and so is typing without the right", async () => {
  const { world, projects, files, ann } = await pair("x");
  const extensions = [EditorState.lineSeparator.of("\r\n"), boundState(files[0])];
  assert.throws(() => EditorState.create({ doc: "x", extensions }), RangeError);
  for (const session of world.sessions.values()) session.send({ t: "role", role: "view" });
  await world.clock.advance(1000);
  assert.equal(projects[0].me.role, "view");
  assert.equal(ann.state.readOnly, true);
  ann.type(0, "no");
  assert.equal(ann.text, "x");
  assert.equal(files[0].text, "x");
  assert.equal(files[0].status.phase, "readonly");
  assert.throws(() => files[0].edit({ from: 0, insert: "no" }), { code: "forbidden" });
});
