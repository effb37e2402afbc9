/** The history checker finds what it is there to find: each history has one thing wrong. */
import assert from "node:assert/strict";
import test from "node:test";
import { checkHistory } from "./lib/history.mjs";

/** Ann typed two tokens, the second of which was not acknowledged; Bob typed one and deleted Ann's first. */
function sound() {
  const [one, two, three] = ["⟨c1:00000⟩", "⟨c1:00001⟩", "⟨c2:00000⟩"];
  const typist = (id, cid, sent, acked) => ({
    options: { id },
    cid,
    count: sent.reduce((sum, { typed }) => sum + typed.length, 0),
    faults: [],
    seen: new Map(),
    past: [],
    settled: new Set(),
    sent: new Map(sent.map((message, i) => [i + 1, message])),
    acked: new Map(acked),
  });
  const message = (typed, deleted) => ({ typed, deleted });
  return {
    typists: [
      typist(1, 11, [message([one], []), message([two], [])], [[1, 1]]),
      typist(
        2,
        22,
        [message([three], []), message([], [one])],
        [
          [1, 2],
          [2, 3],
        ],
      ),
    ],
    log: [
      { v: 1, by: 11, n: 1, c: [[0, one]] },
      { v: 2, by: 22, n: 1, c: [10, [0, three]] },
      { v: 3, by: 22, n: 2, c: [[10], 10] },
    ],
    first: { v: 0, text: "" },
    texts: { memory: three, disk: three },
  };
}

const WRONG = [
  ["I1", (h) => h.typists[0].acked.set(2, 4), "an acknowledgement that the log does not have"],
  ["I1", (h) => h.typists[0].acked.set(1, 2), "an acknowledgement at another version"],
  ["I2", (h) => (h.log[2].v = 5), "a gap in the log"],
  ["I3", (h) => h.typists[0].seen.set(16, "x") && pad(h), "another text at a version"],
  ["I4", (h) => (h.texts.disk = ""), "another text on the disk"],
  ["I5", (h) => ([h.log[1].n, h.log[2].n] = [2, 1]), "numbers that go down"],
  ["I7", (h) => again(h), "an edit that is in the log twice"],
  ["I3", (h) => rewrite(h), "another text at a version of an epoch that is over"],
  ["I8", (h) => h.typists[1].sent.get(2).deleted.pop(), "a token that nobody deleted is gone"],
  ["I8", (h) => forget(h), "what was acknowledged in an epoch before is gone"],
  ["I8", (h) => (h.log[2].c = [20]), "a deletion that was acknowledged did not happen"],
];

/** Goes on to version 16 with edits that change nothing. */
function pad(h) {
  for (let v = 4; v <= 16; v++) h.log.push({ v, by: 33, n: v, c: [10] });
}

/** Ann and Bob saw different texts before the epoch changed. */
function rewrite(h) {
  for (const [i, typist] of h.typists.entries())
    typist.past.push({ ep: "1.a", seen: new Map([[16, `text ${i}`]]) });
}

/** The epoch changed after Ann's second edit, of which the snapshot has nothing. */
function forget(h) {
  h.typists[0].settled.add(2);
}

/** Bob's first edit comes a second time. */
function again(h) {
  h.log.push({ v: 4, by: 22, n: 1, c: h.log[1].c });
  h.texts.memory = h.texts.disk += "⟨c2:00000⟩";
}

test("a sound history has no fault", () => {
  const { faults, acked, tokens } = checkHistory(sound());
  assert.deepEqual(faults, []);
  assert.deepEqual([acked, tokens], [2, 3]);
});

for (const [rule, spoil, what] of WRONG)
  test(`${rule} finds ${what}`, () => {
    const history = sound();
    spoil(history);
    const { faults } = checkHistory(history);
    assert.ok(
      faults.some((fault) => fault.startsWith(rule)),
      JSON.stringify(faults),
    );
  });
