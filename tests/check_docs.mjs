/**
 * Checks that every file and folder that README.md, CONTRIBUTING.md and docs/ name exists: links to
 * files, and code words that begin with a folder of the project.
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

const all = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...pages("docs")];
const wrong = all.flatMap(missing);
for (const line of wrong) console.error(line);
console.log(`${all.length} pages, ${wrong.length} wrong`);
process.exit(wrong.length > 0 ? 1 : 0);
