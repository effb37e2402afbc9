// Names that are filled in until somebody chooses their own.

const COLORS =
  "amber azure cobalt coral indigo ivory madder mauve ochre olive russet sepia teal umber woad".split(
    " ",
  );
const THREADS =
  "bobbin heddle knot loom needle ribbon selvage shuttle spindle tassel thread twill warp yarn".split(
    " ",
  );
const MOODS =
  "Bright Brisk Calm Clever Gentle Keen Kind Merry Nimble Patient Quiet Swift Warm Wise".split(" ");
const ANIMALS =
  "Badger Crane Finch Fox Hare Heron Ibis Lark Lynx Marten Otter Owl Robin Seal Stork Wren".split(
    " ",
  );

/** @template T @param {readonly T[]} list @returns {T} */
const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** @returns {string} such as "cobalt-shuttle-417" */
export function projectName() {
  return `${pick(COLORS)}-${pick(THREADS)}-${100 + Math.floor(Math.random() * 900)}`;
}

/** @returns {string} such as "Quiet Heron" */
export function personName() {
  return `${pick(MOODS)} ${pick(ANIMALS)}`;
}

/** @param {string} typed @returns {string} as it stands in the address, "" if nothing is left of it */
export function projectId(typed) {
  const plain = typed.normalize("NFKD").replace(/\p{M}/gu, "");
  return plain
    .trim()
    .toLowerCase()
    .replace(/\s+/g, "-")
    .replace(/[^a-z0-9._-]/g, "")
    .replace(/^[.-]+/, "")
    .slice(0, 64);
}
