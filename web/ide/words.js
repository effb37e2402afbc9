// What the page says when something goes wrong: what happened, what was kept, what to do, in one sentence.

/** How people are told what --weft-c0 to --weft-c9 of tokens.css look like. */
export const COLORS = "Blue Red Green Purple Amber Teal Pink Olive Indigo Orange".split(" ");

/** @type {Record<string, string>} */
const SENTENCES = {
  exists: "Something of this name is already there; choose another name.",
  bad_path:
    "A name cannot be empty, end in a dot or a space, or contain “\\” or control characters.",
  bad_text: "The text holds characters that cannot be stored, so it was not sent.",
  too_big: "This is larger than the server allows, so it was not taken; nothing was changed.",
  too_many: "The project holds as many files as the server allows; delete some first.",
  no_file: "This file was deleted; its text can no longer be read here.",
  gone: "This file was deleted by somebody.",
  forbidden: "You may look at this project, but not change it.",
  unauthorized: "Your right to this project has ended; open it again to go on.",
  no_project: "There is no project of this name.",
  rate: "That was too much at once for the server; wait a moment and try again.",
  busy: "The server cannot write at this moment; your typing is kept here and sent again.",
  internal: "The server could not do this; nothing was changed, so it can be tried again.",
  offline:
    "You are offline: typing goes on, but files can be changed only when the connection is back.",
  disconnected:
    "The connection broke before the answer came; look whether it happened, and try again.",
  closed: "This project was closed here; open it again to go on.",
  replaced: "The same tab was opened a second time and goes on there; what you typed went with it.",
  moved: "This tab goes on in another page; what you typed went with it.",
  bad_hello: "The server did not understand this page; reload it to get the newest one.",
  name: "A name may have letters, digits, “.”, “_” and “-”, at most 64 of them.",
  unreachable: "The server does not answer; check that it runs, and try again.",
};

/** @param {unknown} error @returns {string} */
export function sentence(error) {
  const { code = "", message = "" } = /** @type {any} */ (error) ?? {};
  if (SENTENCES[code]) return SENTENCES[code];
  return message ? `That did not work: ${message}.` : "That did not work; try again.";
}

/** @param {string} path @returns {string} the last part */
export function baseName(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** @param {string} path @returns {string} "src/lib" of "src/lib/a.js", "" at the top */
export function folderOf(path) {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** @param {string} folder @param {string} name */
export function join(folder, name) {
  return folder ? `${folder}/${name}` : name;
}

/** @param {string} name @returns {string} at most two letters for a face */
export function initials(name) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
  return (
    letters
      .map((word) => [...word][0] ?? "")
      .join("")
      .toUpperCase() || "?"
  );
}

const STORES = /** @type {Record<string, string>} */ ({
  sqlite: "SQLite, built in",
  mongodb: "MongoDB",
  redis: "Redis",
});

/** @param {string} store */
export function storeName(store) {
  return STORES[store] ?? (store || "unknown");
}
