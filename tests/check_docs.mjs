/**
 * Checks the pages against the project: every file and folder that README.md, CONTRIBUTING.md and
 * docs/ name exists (links to files, and code words that begin with a folder of the project), and
 * docs/protocol.md has every limit with its default, and every error code; README.md has every setting, and
 * config/weftd.json the defaults of both. A page that a source names exists as well.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const top = join(dirname(fileURLToPath(import.meta.url)), "..");
const code = /`((?:src|include|tests|web|templates|bench|config|docs|cmake|\.ci)\/[\w./-]*)`/g;
const link = /\]\(([^)#\s]+)(?:#[^)]*)?\)/g;

/** @param {string} folder @returns {string[]} the pages in it */
function pages(folder) {
  return readdirSync(join(top, folder), { recursive: false, withFileTypes: true }).flatMap(
    (entry) =>
      entry.isDirectory()
        ? pages(join(folder, entry.name))
        : entry.name.endsWith(".md")
          ? [join(folder, entry.name)]
          : [],
  );
}

/** @param {string} page @returns {string[]} what it names and does not exist */
function missing(page) {
  const text = readFileSync(join(top, page), "utf8");
  const named = [...text.matchAll(code)].map(([, path]) => path);
  const linked = [...text.matchAll(link)]
    .filter(([, path]) => !/^[a-z]+:/.test(path))
    .map(([, path]) => join(dirname(page), path));
  return [...named, ...linked]
    .filter((path) => !existsSync(join(top, path)))
    .map((path) => `${page} names ${path}, which does not exist`);
}

/** @param {string} folder @returns {string[]} pages that sources in it name and that do not exist */
function badReferences(folder) {
  return readdirSync(join(top, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : badReferences(path);
    if (!/\.(c|h|js|mjs|cmake)$/.test(path)) return [];
    return [...readFileSync(join(top, path), "utf8").matchAll(/\bdocs\/[\w./-]+\.md/g)]
      .filter(([page]) => !existsSync(join(top, page)))
      .map(([page]) => `${path} names ${page}, which does not exist`);
  });
}

/** @param {string} digits @returns {string} "1048576" as "1,048,576" */
const grouped = (digits) => Number(digits).toLocaleString("en-US");

const limits = readFileSync(join(top, "include/weft/protocol/limits.h"), "utf8");
const limitRows = [...limits.matchAll(/X\((\w+), (\d+), \d+, \d+,[\s\\]*"/g)];
const rateRows = [...limits.matchAll(/X\((\w+), (\d+), (\d+)\)/g)];

/** @returns {string[]} rows of the C tables that docs/protocol.md does not have */
function undocumented() {
  const page = readFileSync(join(top, "docs/protocol.md"), "utf8");
  const errors = readFileSync(join(top, "include/weft/base/err.h"), "utf8");
  const codes = [...errors.matchAll(/X\(ERR_\w+, "(\w+)"/g)].map(([, name]) => name);
  const rows = [
    ...limitRows.map(([, name, value]) => `| \`${name}\` | ${grouped(value)} |`),
    ...rateRows.map(([, name, ...both]) => `| \`${name}\` | ${both.map(grouped).join(" | ")} |`),
    ...codes.filter((name) => name !== "ok").map((name) => `\`${name}\``),
  ];
  return rows.filter((row) => !page.includes(row)).map((row) => `docs/protocol.md lacks ${row}`);
}

const config = readFileSync(join(top, "src/server/config.c"), "utf8");
const settings = [...config.matchAll(/\{"([\w.]+)", (?:NULL|"--\w+"), "(\w+)", "(.*)",\n/g)].map(
  ([, name, variable, value]) => ({ name, variable, value }),
);

/** @returns {string[]} settings that README.md lacks, and defaults that config/weftd.json does not repeat */
function unsettled() {
  const page = readFileSync(join(top, "README.md"), "utf8");
  const file = JSON.parse(readFileSync(join(top, "config/weftd.json"), "utf8"));
  /** @param {string} name */
  const inFile = (name) => name.split(".").reduce((node, part) => node?.[part], file);
  const lacking = settings.filter(({ variable }) => !page.includes(`\`${variable}\``));
  const different = settings.filter(({ name, value }) => {
    const found = name === "durability" ? file.durability.journal : inFile(name);
    return value !== "" && String(found) !== value;
  });
  return [
    ...lacking.map(({ variable }) => `README.md lacks ${variable}`),
    ...different.map(({ name }) => `config/weftd.json has not the default of ${name}`),
  ];
}

/** @returns {string[]} limits that config/weftd.json does not repeat */
function unconfigured() {
  const file = JSON.parse(readFileSync(join(top, "config/weftd.json"), "utf8")).limits;
  return [
    ...limitRows.filter(([, name, value]) => file[name] !== Number(value)),
    ...rateRows.filter(
      ([, name, perSecond, burst]) =>
        file.rate[name]?.per_s !== Number(perSecond) || file.rate[name]?.burst !== Number(burst),
    ),
  ].map(([, name]) => `config/weftd.json has not the default of ${name}`);
}

const all = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...pages("docs")];
const folders = ["src", "include", "tests", "web", "bench", "cmake"];
const wrong = [
  ...all.flatMap(missing),
  ...folders.flatMap(badReferences),
  ...undocumented(),
  ...unconfigured(),
  ...unsettled(),
];
for (const line of wrong) console.error(line);
console.log(`${all.length} pages, ${settings.length} settings, ${wrong.length} wrong`);
process.exit(wrong.length > 0 ? 1 : 0);
