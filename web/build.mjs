/**
 * Builds the page of web/ide into build/web, which weftd carries inside: the bundle (languages as
 * chunks that load when a file needs them), the HTML and CSS, and a .gz beside each that is worth it.
 *
 *     node web/build.mjs [folder]
 *
 * A file is written only when its bytes changed, so that an unchanged page does not relink weftd.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import esbuild from "esbuild";

const top = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const source = join(top, "web/ide");
const target = resolve(process.argv[2] ?? join(top, "build/web"));
const packed = /\.(js|css|html|svg|json|map|txt)$/;
const copied = /\.(html|svg|ico|png|json|txt|webmanifest)$/;

/** @returns {Promise<Map<string, Uint8Array>>} the files of the page, by path below the target */
async function bundle() {
  const names = await readdir(source);
  const result = await esbuild.build({
    entryPoints: names.filter((name) => name === "main.js" || name.endsWith(".css")),
    absWorkingDir: source,
    outdir: target,
    bundle: true,
    splitting: true,
    format: "esm",
    target: ["es2022"],
    minify: true,
    charset: "utf8",
    legalComments: "none",
    chunkNames: "chunk-[hash]",
    logLevel: "warning",
    write: false,
  });
  const files = new Map();
  for (const file of result.outputFiles) files.set(relative(target, file.path), file.contents);
  for (const name of names.filter((name) => copied.test(name)))
    files.set(name, await readFile(join(source, name)));
  return files;
}

/** @param {Map<string, Uint8Array>} files */
function addPacked(files) {
  for (const [path, bytes] of [...files]) {
    if (!packed.test(path)) continue;
    const gz = gzipSync(bytes, { level: 9 });
    if (gz.length < bytes.length * 0.9) files.set(`${path}.gz`, gz);
  }
}

/**
 * @param {string} path
 * @param {Uint8Array} bytes
 */
async function writeChanged(path, bytes) {
  const old = await readFile(path).catch(() => null);
  if (old && old.equals(bytes)) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

/** @param {Map<string, Uint8Array>} files */
async function removeOthers(files) {
  for (const name of await readdir(target).catch(() => []))
    if (!files.has(name)) await rm(join(target, name), { recursive: true });
}

const files = await bundle();
addPacked(files);
await removeOthers(files);
for (const [path, bytes] of files) await writeChanged(join(target, path), bytes);
