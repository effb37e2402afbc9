// What every page shows of Weft is said in the same words, and a person has the same colour everywhere.

/** @typedef {import("./file.js").Status} Status */

/** @param {string} lead @param {number} pending */
function kept(lead, pending) {
  return pending ? `${lead}, ${pending} ${pending === 1 ? "edit" : "edits"} kept here` : lead;
}

/** @param {Pick<Status, "phase" | "pending">} status @returns {string} */
export function describe({ phase, pending }) {
  switch (phase) {
    case "saved":
      return "Live · saved";
    case "saving":
      return "Live · saving";
    case "acknowledged":
      return "Live · acknowledged, not yet saved";
    case "offline":
      return kept("Offline", pending);
    case "reconnecting":
      return kept("Reconnecting", pending);
    case "readonly":
      return "Read only";
    case "gone":
      return "Deleted";
    default:
      return kept("Connecting", pending);
  }
}

const COLORS = 10;

/** @param {string | number} key a person @returns {number} 0–9 */
export function colorOf(key) {
  let hash = 2166136261;
  for (const char of String(key)) {
    hash = Math.imul(hash ^ /** @type {number} */ (char.codePointAt(0)), 16777619);
  }
  return ((hash ^ (hash >>> 15)) >>> 0) % COLORS;
}
