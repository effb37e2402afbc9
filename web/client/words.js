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
    case "stored":
      return "Live · in Redis";
    case "saving":
      return "Live · saving";
    case "acknowledged":
      return "Live · acknowledged, not yet saved";
    case "degraded":
      return kept("Store away", pending);
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

/**
 * Ten colours that have a contrast of at least 4.5 to 1 on a white or near-black ground, and to the text on them.
 * @type {{light: string[], dark: string[], textOn: {light: string, dark: string}}}
 */
export const PALETTE = {
  light: "#b3261e #8e4a00 #6b5b00 #2e6b1f #00696b #00629d #4354b9 #7b3fa8 #a0296f #5f5e62".split(
    " ",
  ),
  dark: "#ffb4ab #ffb77c #e2c54b #8fd97a #4fd8da #94ccff #bcc3ff #e5b3ff #ffafd5 #c8c6ca".split(
    " ",
  ),
  textOn: { light: "#ffffff", dark: "#1b1b1f" },
};

/** @param {unknown} given @returns {number | null} 0–9, or null for anything else */
export function asColor(given) {
  const inside = Number.isInteger(given) && PALETTE.light[Number(given)] !== undefined;
  return inside ? Number(given) : null;
}

/**
 * The colour a person chose, else one that is the same for everybody who looks.
 * @param {{by: number, user: string, color: number | null}} person
 * @returns {number} 0–9
 */
export function colorOfPeer({ by, user, color }) {
  return color ?? colorOf(user || by);
}

/** @param {string | number} key a person @returns {number} 0–9 */
export function colorOf(key) {
  let hash = 2166136261;
  for (const char of String(key)) {
    hash = Math.imul(hash ^ /** @type {number} */ (char.codePointAt(0)), 16777619);
  }
  return ((hash ^ (hash >>> 15)) >>> 0) % PALETTE.light.length;
}
