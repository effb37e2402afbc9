// Which language a file is in, by its name. Each comes as a chunk of its own when a file first needs it.

/** @typedef {import("@codemirror/state").Extension} Extension */
/** @typedef {{name: string, load: () => Promise<Extension>}} Language */

/** @param {string} name @param {() => Promise<Extension>} load @returns {Language} */
const language = (name, load) => ({ name, load });

/** @param {{jsx?: boolean, typescript?: boolean}} options */
const javascript = (options) => async () =>
  (await import("@codemirror/lang-javascript")).javascript(options);

/** @param {() => Promise<import("@codemirror/language").StreamParser<any>>} parser */
const legacy = (parser) => async () => {
  const { StreamLanguage } = await import("@codemirror/language");
  return StreamLanguage.define(await parser());
};

const js = language("JavaScript", javascript({ jsx: true }));
const ts = language("TypeScript", javascript({ typescript: true }));
const tsx = language("TypeScript JSX", javascript({ typescript: true, jsx: true }));
const html = language("HTML", async () => (await import("@codemirror/lang-html")).html());
const css = language("CSS", async () => (await import("@codemirror/lang-css")).css());
const json = language("JSON", async () => (await import("@codemirror/lang-json")).json());
const markdown = language("Markdown", async () =>
  (await import("@codemirror/lang-markdown")).markdown(),
);
const c = language("C", async () => (await import("@codemirror/lang-cpp")).cpp());
const cpp = language("C++", async () => (await import("@codemirror/lang-cpp")).cpp());
const python = language("Python", async () => (await import("@codemirror/lang-python")).python());
const rust = language("Rust", async () => (await import("@codemirror/lang-rust")).rust());
const go = language("Go", async () => (await import("@codemirror/lang-go")).go());
const java = language("Java", async () => (await import("@codemirror/lang-java")).java());
const php = language("PHP", async () => (await import("@codemirror/lang-php")).php());
const sql = language("SQL", async () => (await import("@codemirror/lang-sql")).sql());
const xml = language("XML", async () => (await import("@codemirror/lang-xml")).xml());
const yaml = language("YAML", async () => (await import("@codemirror/lang-yaml")).yaml());
const shell = language(
  "Shell",
  legacy(async () => (await import("@codemirror/legacy-modes/mode/shell")).shell),
);
const toml = language(
  "TOML",
  legacy(async () => (await import("@codemirror/legacy-modes/mode/toml")).toml),
);
const ruby = language(
  "Ruby",
  legacy(async () => (await import("@codemirror/legacy-modes/mode/ruby")).ruby),
);
const lua = language(
  "Lua",
  legacy(async () => (await import("@codemirror/legacy-modes/mode/lua")).lua),
);
const cmake = language(
  "CMake",
  legacy(async () => (await import("@codemirror/legacy-modes/mode/cmake")).cmake),
);
const dockerfile = language(
  "Dockerfile",
  legacy(async () => (await import("@codemirror/legacy-modes/mode/dockerfile")).dockerFile),
);

/** @type {Record<string, Language>} by the end of the name, or the whole of it */
const BY_NAME = {
  js,
  mjs: js,
  cjs: js,
  jsx: js,
  ts,
  mts: ts,
  cts: ts,
  tsx,
  html,
  htm: html,
  vue: html,
  svelte: html,
  css,
  scss: css,
  less: css,
  json,
  jsonc: json,
  map: json,
  webmanifest: json,
  md: markdown,
  markdown,
  c,
  h: c,
  cc: cpp,
  cpp,
  cxx: cpp,
  hpp: cpp,
  hh: cpp,
  ino: cpp,
  py: python,
  pyi: python,
  rs: rust,
  go,
  java,
  kt: java,
  php,
  sql,
  xml,
  svg: xml,
  yaml,
  yml: yaml,
  sh: shell,
  bash: shell,
  zsh: shell,
  toml,
  rb: ruby,
  lua,
  cmake,
  dockerfile,
  "cmakelists.txt": cmake,
  ".prettierrc": json,
  ".eslintrc": json,
};

/** @param {string} path @returns {Language | null} null: plain text */
export function languageOf(path) {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  const end = name.slice(name.lastIndexOf(".") + 1);
  return Object.hasOwn(BY_NAME, name)
    ? BY_NAME[name]
    : Object.hasOwn(BY_NAME, end)
      ? BY_NAME[end]
      : null;
}
