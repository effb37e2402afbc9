/**
 * Plants bugs, one after the other, and sees that a test finds each: a harness that cannot fail
 * proves nothing. `WEFT_MUTANT=<n>` compiles the bug in wherever a source says `#if WEFT_MUTANT == n`
 * (or a script's line ends with `-- mutant n`); each is built into a folder of its own, and only what
 * its tests need.
 *
 *     node tests/mutants.mjs [n…]
 */
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const top = join(dirname(fileURLToPath(import.meta.url)), "..");
const jobs = String(cpus().length);
const TEST_MS = 10 * 60_000;

/** Worlds without end, but for the time: the first that fails ends it. */
const worlds = ["weft_sim", "--seed", "1", "--stop", "--seconds", "120"];

/** @typedef {{n: number, bug: string, tests: string[][]}} Mutant each of the tests must fail */
/** @type {Mutant[]} */
const mutants = [
  { n: 1, bug: "an edit is acknowledged before it is stored", tests: [["test_storage_commit"]] },
  { n: 2, bug: "what was missed is composed before an edit is mapped over it", tests: [worlds] },
  { n: 3, bug: "a hint that was lost is not noticed by a poll", tests: [worlds] },
  {
    n: 4,
    bug: "a number of a client is accepted twice",
    tests: [worlds, ["test_state_port", "redis_a_number_is_never_used_twice"]],
  },
  {
    n: 5,
    bug: "what was changed while it was saved counts as saved",
    tests: [worlds, ["test_state_shared"]],
  },
  {
    n: 6,
    bug: "the epoch of a call is not looked at",
    tests: [worlds, ["test_state_port", "redis_another_epoch_is_told"]],
  },
  { n: 7, bug: "UTF-16 units are counted as bytes", tests: [worlds, ["test_utf"]] },
  { n: 8, bug: "the queue of a slow reader has no limit", tests: [["test_core"]] },
  {
    n: 9,
    bug: "a signature is not verified (of resume: there are no tokens of others yet)",
    tests: [["test_resume"]],
  },
  {
    n: 10,
    bug: "a project is unloaded while somebody is there",
    tests: [worlds, ["test_state_shared"]],
  },
  {
    n: 11,
    bug: "an older save overwrites a newer one",
    tests: [worlds, ["test_repository_mongo"]],
  },
];

/**
 * @param {string} command
 * @param {string[]} args
 * @param {number} [timeout]
 * @returns {Promise<{failed: boolean, output: string}>}
 */
async function attempt(command, args, timeout) {
  const options = { cwd: top, timeout, maxBuffer: 1 << 28 };
  try {
    const { stdout, stderr } = await run(command, args, options);
    return { failed: false, output: stdout + stderr };
  } catch (error) {
    const { stdout = "", stderr = "", killed = false } = /** @type {any} */ (error);
    if (killed) throw new Error(`${command} ${args.join(" ")} takes too long`);
    return { failed: true, output: stdout + stderr };
  }
}

/** @param {string} command @param {string[]} args */
async function must(command, args) {
  const { failed, output } = await attempt(command, args);
  if (failed) throw new Error(`${command} ${args.join(" ")}:\n${output.slice(-4000)}`);
}

/** @param {number} n @param {string[][]} tests @returns {Promise<string>} the folder of the programs */
async function build(n, tests) {
  const folder = join(top, "build", "mutants", String(n));
  mkdirSync(folder, { recursive: true });
  const flags = ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", `-DWEFT_MUTANT=${n || ""}`];
  await must("cmake", ["-S", top, "-B", folder, ...flags]);
  await must("ninja", ["-j", jobs, "-C", folder, ...new Set(tests.map(([name]) => name))]);
  return join(folder, "tests");
}

/** @param {string} output @returns {string} the first line that says what was found */
const finding = (output) =>
  output.split("\n").find((line) => /^seed |: test_|\.[ch]:\d+: |assert|aborted/i.test(line)) ?? "";

/** @param {Mutant} mutant @returns {Promise<boolean>} caught by all of its tests */
async function judge({ n, bug, tests }) {
  const folder = await build(n, tests);
  let caught = true;
  for (const [name, ...args] of tests) {
    const { failed, output } = await attempt(join(folder, name), args, TEST_MS);
    const verdict = failed
      ? `caught by ${name}: ${finding(output).slice(0, 160)}`
      : `NOT CAUGHT by ${name}`;
    console.log(`mutant ${n}, ${bug}: ${verdict}`);
    caught &&= failed;
  }
  return caught;
}

const asked = process.argv.slice(2).map(Number);
const chosen = mutants.filter(({ n }) => asked.length === 0 || asked.includes(n));
let caught = 0;
for (const mutant of chosen) caught += Number(await judge(mutant));
console.log(`${caught} of ${chosen.length} mutants caught`);
process.exitCode = caught === chosen.length ? 0 : 1;
