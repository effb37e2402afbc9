/**
 * Checks the arrows between the layers of the C sources:
 *
 * - a file of src/<layer> or include/weft/<layer> includes public headers of its own layer and of
 *   those below it only, and private headers only from beside itself;
 * - a library is used only where the table below says so;
 * - every public header compiles alone.
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const top = join(dirname(fileURLToPath(import.meta.url)), "..");
const layers = ["base", "text", "protocol", "core", "io", "server"];

/** Who may include the headers of a library; nobody else may. @type {[RegExp, RegExp][]} */
const libraries = [
  [/^jansson\.h$/, /^src\/protocol\//],
  [/^libwebsockets\.h$/, /^src\/io\/(lws|ws|http|transport)/],
  [/^uv\.h$/, /^(src|include\/weft)\/(io|server)\//],
  [/^sqlite3\.h$/, /^src\/io\/\w*(sqlite|state|repository|store|journal)/],
  [/^openssl\//, /^src\/io\//],
  [/^utf8proc\.h$/, /^src\/text\//],
  [/^zlib\.h$/, /^src\/text\//],
  [/^pthread\.h$/, /^src\/(base|io)\//],
  [/^(hiredis|mongoc|bson)/, /^src\/io\//],
];

/** @param {string} folder @returns {string[]} its .c and .h files, from the top of the project */
function sources(folder) {
  return readdirSync(join(top, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sources(path);
    return /\.[ch]$/.test(path) ? [path] : [];
  });
}

/** @param {string} path @param {string} header @returns {string | null} what is wrong */
function judge(path, header) {
  const layer = layers.indexOf(path.replace("include/weft/", "src/").split("/")[1]);
  const weft = /^weft\/(\w+)\//.exec(header);
  if (weft) {
    const other = layers.indexOf(weft[1]);
    if (other < 0) return "there is no such layer";
    return other > layer
      ? `${layers[layer]} may not use ${layers[other]}, which is above it`
      : null;
  }
  if (header.includes("..")) return "a private header stands beside the file that includes it";
  const rule = libraries.find(([library]) => library.test(header));
  return rule && !rule[1].test(path) ? "this file may not use this library" : null;
}

/** @param {string} path @returns {string[]} */
function badIncludes(path) {
  const text = readFileSync(join(top, path), "utf8");
  return [...text.matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm)].flatMap(([, header]) => {
    const wrong = judge(path, header);
    return wrong ? [`${path} includes ${header}: ${wrong}`] : [];
  });
}

/** @param {string} path @returns {Promise<string[]>} */
async function compileAlone(path) {
  const flags = "-std=gnu11 -fsyntax-only -Wall -Wextra -Werror -Wstrict-prototypes -Iinclude";
  const source = ["-include", path, "-x", "c", "/dev/null"];
  const run = promisify(execFile)(process.env.CC ?? "cc", [...flags.split(" "), ...source], {
    cwd: top,
  });
  return run.then(
    () => [],
    (error) => [`${path} does not compile alone:\n${error.stderr}`],
  );
}

/** @param {string[]} paths @returns {Promise<string[]>} */
async function compileAll(paths) {
  const queue = [...paths];
  /** @type {string[]} */
  const wrong = [];
  const worker = async () => {
    for (let path = queue.pop(); path; path = queue.pop())
      wrong.push(...(await compileAlone(path)));
  };
  await Promise.all(cpus().map(worker));
  return wrong;
}

const headers = sources("include/weft");
const all = [...sources("src"), ...headers];
const wrong = [...all.flatMap(badIncludes), ...(await compileAll(headers))];
for (const line of wrong) console.error(line);
console.log(`${all.length} files, ${headers.length} public headers, ${wrong.length} wrong`);
process.exit(wrong.length > 0 ? 1 : 0);
