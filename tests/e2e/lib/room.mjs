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
 * @property {string} epoch @property {Record<string, string>} meta @property {Record<string, File>} files
 * @property {string[]} faults
 *
 * @param {import("./redis.mjs").Redis} redis @param {string} project @returns {Promise<Room>}
 */
export async function readRoom(redis, project) {
  const key = (/** @type {string} */ name) => `weft:{${project}}:${name}`;
  const meta = await redis.cli("HGETALL", key("meta"));
  const tree = await redis.cli("HGETALL", key("tree"));
  const dirty = await redis.cli("ZRANGE", key("dirty"), 0, -1);
  /** @type {string[]} */
  const faults = [];
  /** @type {Record<string, File>} */
  const files = {};
  for (const [path, f] of Object.entries(tree)) {
    const hash = await redis.cli("HGETALL", key(`file:${f}`));
    const rows = await redis.cli("XRANGE", key(`log:${f}`), "-", "+");
    const fault = (/** @type {string} */ text) => faults.push(`${path}: ${text}`);
    files[path] = readFile(Number(f), hash, rows, fault);
    if (hash.path !== path) fault(`its hash says ${hash.path}`);
    if (Number(hash.rev) > Number(hash.saved_rev ?? 0) && !dirty.includes(String(f)))
      fault("invariant 4: not saved and not dirty");
  }
  return { epoch: meta.epoch, meta, files, faults };
}

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
  const pairs = new Set(log.map(({ by, n }) => `${by} ${n}`));
  if (pairs.size < log.length) fault("invariant 3: a pair (cid, n) occurs twice");
  let text = Text.of(hash.content.split("\n"));
  for (const { v, c } of log) if (v > content) text = ChangeSet.fromJSON(c).apply(text);
  return { f, version, text: text.toString(), log };
}
