// Finds files by a few letters of their path, in order. Letters at the start of a part and runs of letters count more, the
// name more than the folders.

/** @typedef {{path: string, score: number, at: number[]}} Match `at` are the places of the letters in the path */

/**
 * @param {string} path
 * @param {string} query
 * @returns {Match | null}
 */
export function match(path, query) {
  const name = path.lastIndexOf("/") + 1;
  const wanted = query.toLowerCase().replace(/\s+/g, "");
  return attempt(path, wanted, name) ?? attempt(path, wanted, 0);
}

/**
 * @param {string} path
 * @param {string} wanted
 * @param {number} from
 * @returns {Match | null}
 */
function attempt(path, wanted, from) {
  const text = path.toLowerCase();
  const at = [];
  let score = from > 0 || !path.includes("/") ? 10 : 0;
  let pos = from;
  for (const letter of wanted) {
    const next = text.indexOf(letter, pos);
    if (next < 0) return null;
    if (next === pos && at.length) score += 4;
    if (next === 0 || /[/._\- ]/.test(text[next - 1])) score += 3;
    at.push(next);
    pos = next + letter.length;
  }
  return { path, score: score - path.length / 100, at };
}

/**
 * @param {Iterable<string>} paths
 * @param {string} query
 * @param {number} limit
 * @returns {Match[]} the best first; in the given order where nothing is asked
 */
export function find(paths, query, limit) {
  const found = [];
  for (const path of paths) {
    const hit = match(path, query);
    if (hit) found.push(hit);
  }
  if (query) found.sort((a, b) => b.score - a.score);
  return found.slice(0, limit);
}
