/**
 * The history checker: given what each typist sent and saw, and the log as the server tells it, finds what was lost,
 * doubled, reordered or seen differently. The numbers are those of the promises in docs/protocol.md's test plan:
 *
 * I1 each acknowledged (cid, n) is in the log exactly once      I2 versions are contiguous
 * I3 what anybody saw at a version is the fold of the log       I4 all texts are equal, memory and disk
 * I5 each author's numbers rise in the log                      I7 what was not acknowledged is there at most once
 * I8 an acknowledged token is missing only if a deletion covers it, and one whose deletion was acknowledged is gone
 *
 * Where the epoch changed the log is that of the last one, and what was typed in those before is judged by the text.
 */
import { ChangeSet, Text } from "@codemirror/state";

/**
 * @typedef {object} Entry one entry of the log
 * @property {number} v @property {number} by @property {number} n @property {any} c
 *
 * @typedef {object} History
 * @property {import("./typist.mjs").Typist[]} typists
 * @property {Entry[]} log of the present epoch, as far back as it goes
 * @property {{v: number, text: string}} first a text from which on it is folded
 * @property {Record<string, string>} texts final texts by where they were read
 * @property {Map<number, string>} [stored] version → text, as a store had it meanwhile
 *
 * @param {History} history
 * @returns {{faults: string[], acked: number, tokens: number}}
 */
export function checkHistory({ typists, log, first, texts, stored = new Map() }) {
  const faults = typists.flatMap((typist) => typist.faults);
  const fault = (/** @type {string} */ text) => faults.push(text);
  const fold = foldLog(log, first, stored, fault);
  checkNumbers(typists, log, fault);
  for (const typist of typists)
    for (const [v, text] of typist.seen)
      if (fold.at.get(v) !== undefined && fold.at.get(v) !== text)
        fault(`I3: typist ${typist.options.id} saw another text at version ${v}`);
  for (const [v, text] of stored)
    if (fold.at.has(v) && fold.at.get(v) !== text)
      fault(`I3: the store had another text at version ${v}`);
  comparePast(typists, fault);
  for (const [where, text] of Object.entries(texts))
    if (text !== fold.text) fault(`I4: the text of ${where} is not the fold of the log`);
  return { faults, ...checkTokens(typists, fold.text, fault) };
}

/** @param {Entry[]} log @param {{v: number, text: string}} first @param {Map<number, string>} stored @param {(text: string) => void} fault */
function foldLog(log, first, stored, fault) {
  let text = Text.of(first.text.split("\n"));
  /** @type {Map<number, string>} */
  const at = new Map();
  const begin = log[0]?.v ?? first.v + 1;
  if (begin > first.v + 1) fault(`I2: the log begins at ${begin}, the text known is of ${first.v}`);
  log.forEach((entry, i) => {
    if (entry.v !== begin + i)
      fault(`I2: the entry of version ${begin + i} in the log has version ${entry.v}`);
    if (entry.v <= first.v) return;
    text = ChangeSet.fromJSON(entry.c).apply(text);
    if (entry.v % 16 === 0 || stored.has(entry.v)) at.set(entry.v, text.toString());
  });
  return { text: text.toString(), at };
}

/** The log of an epoch before is gone: what typists saw of it must agree. @param {import("./typist.mjs").Typist[]} typists @param {(text: string) => void} fault */
function comparePast(typists, fault) {
  /** @type {Map<string, string>} */
  const texts = new Map();
  for (const typist of typists)
    for (const { ep, seen } of typist.past)
      for (const [v, text] of seen) {
        const key = `version ${v} of epoch ${ep}`;
        if ((texts.get(key) ?? text) !== text)
          fault(`I3: typist ${typist.options.id} saw another text at ${key}`);
        texts.set(key, text);
      }
}

/** @param {import("./typist.mjs").Typist[]} typists @param {Entry[]} log @param {(text: string) => void} fault */
function checkNumbers(typists, log, fault) {
  /** @type {Map<number, Map<number, number>>} cid → n → version */
  const logged = new Map();
  for (const { by, n, v } of log) {
    const numbers = logged.get(by) ?? new Map();
    logged.set(by, numbers);
    if (numbers.has(n)) fault(`I7: (${by}, ${n}) is in the log at ${numbers.get(n)} and at ${v}`);
    if (n <= Math.max(0, ...[...numbers.keys()].slice(-1))) fault(`I5: n ${n} of ${by} comes late`);
    numbers.set(n, v);
  }
  for (const typist of typists)
    for (const [n, v] of typist.acked)
      if (v >= (log[0]?.v ?? 0) && logged.get(typist.cid)?.get(n) !== v)
        fault(
          `I1: (${typist.cid}, ${n}) was acknowledged at ${v}, the log has it at ${logged.get(typist.cid)?.get(n)}`,
        );
}

/** @param {import("./typist.mjs").Typist[]} typists @param {string} text @param {(text: string) => void} fault */
function checkTokens(typists, text, fault) {
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const [token] of text.matchAll(/⟨c\d+:\d+⟩/g)) found.set(token, (found.get(token) ?? 0) + 1);
  const deleted = new Set();
  for (const typist of typists)
    for (const sent of typist.sent.values()) for (const token of sent.deleted) deleted.add(token);
  let acked = 0;
  let tokens = 0;
  for (const typist of typists)
    for (const [n, sent] of typist.sent) {
      const isAcked = typist.acked.has(n) || typist.settled.has(n);
      tokens += sent.typed.length;
      if (isAcked) acked += sent.typed.length;
      for (const token of sent.typed) {
        if ((found.get(token) ?? 0) > 1) fault(`I7: ${token} is there ${found.get(token)} times`);
        if (isAcked && !found.has(token) && !deleted.has(token))
          fault(`I8: ${token}, acknowledged, is gone`);
      }
      for (const token of sent.deleted)
        if (isAcked && found.has(token)) fault(`I8: ${token}, deleted, is back`);
    }
  const typed = typists.reduce((sum, typist) => sum + typist.count, 0);
  if (found.size > typed) fault("there are tokens that nobody typed");
  return { acked, tokens };
}
