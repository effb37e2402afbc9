/**
 * A project as it lies in Redis, read with redis-cli like a person would, and held against the invariants of docs/redis.md
 * that can be seen there.
 */
import { ChangeSet, Text } from "@codemirror/state";

/**
 * @typedef {object} File
 * @property {number} f @property {number} version
 * @property {string} text content and the entries of the log after it
 * @property {import("./history.mjs").Entry[]} log
 *
 * @typedef {object} Room
 * @property {string} epoch @property {Record<string, File>} files
 * @property {string[]} faults
 *
 * @param {import("./redis.mjs").Redis} redis @param {string} project @returns {Promise<Room>}
 */
export async function readRoom(redis, project) {
  const [meta, tree, dirty, rows] = await redis.cli("EVAL", READ, 1, `weft:{${project}}:`);
  const { epoch } = pairs(meta);
  /** @type {string[]} */
  const faults = [];
  /** @type {Record<string, File>} */
  const files = {};
  for (const [i, [path, f]] of Object.entries(pairs(tree)).entries()) {
    const hash = pairs(rows[2 * i]);
    const fault = (/** @type {string} */ text) => faults.push(`${path}: ${text}`);
    files[path] = readFile(Number(f), hash, rows[2 * i + 1], fault);
    if (hash.path !== path) fault(`its hash says ${hash.path}`);
    if (Number(hash.rev) > Number(hash.saved_rev ?? 0) && !dirty.includes(String(f)))
      fault("invariant 4: not saved and not dirty");
  }
  return { epoch, files, faults };
}

/** All at one moment. */
const READ = `
  local P, rows = KEYS[1], {}
  local tree = redis.call('HGETALL', P .. 'tree')
  for i = 2, #tree, 2 do
    rows[#rows + 1] = redis.call('HGETALL', P .. 'file:' .. tree[i])
    rows[#rows + 1] = redis.call('XRANGE', P .. 'log:' .. tree[i], '-', '+')
  end
  return { redis.call('HGETALL', P .. 'meta'), tree, redis.call('ZRANGE', P .. 'dirty', 0, -1), rows }`;

/** @param {string[]} list @returns {Record<string, string>} */
const pairs = (list) =>
  Object.fromEntries(list.flatMap((word, i) => (i % 2 ? [] : [[word, list[i + 1]]])));

/**
 * @param {number} f @param {Record<string, string>} hash @param {[string, string[]][]} rows
 * @param {(text: string) => void} fault @returns {File}
 */
function readFile(f, hash, rows, fault) {
  const version = Number(hash.version);
  const content = Number(hash.content_version);
  const log = rows.map(([, [, m]]) => JSON.parse(m));
  const ids = rows.map(([id]) => id);
  const begin = version - ids.length;
  ids.forEach((id, i) => {
    if (id !== `${begin + i + 1}-0`) fault(`invariant 1: ${id} in the place of ${begin + i + 1}-0`);
    if (log[i].v !== begin + i + 1) fault(`invariant 1: ${id} holds version ${log[i].v}`);
  });
  if (begin > content)
    fault(`invariant 5: the log begins after ${begin}, content is of ${content}`);
  const authors = new Set(log.map(({ by, n }) => `${by} ${n}`));
  if (authors.size < log.length) fault("invariant 3: a pair (cid, n) occurs twice");
  let text = Text.of(hash.content.split("\n"));
  for (const { v, c } of log) {
    if (v <= content) continue;
    const change = ChangeSet.fromJSON(c);
    if (change.length === text.length) text = change.apply(text);
    else
      fault(`invariant 2: version ${v} changes ${change.length} units, there are ${text.length}`);
  }
  return { f, version, text: text.toString(), log };
}
