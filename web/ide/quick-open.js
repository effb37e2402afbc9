// Ctrl+P: a few letters find a file; a name that is not there can be made.

import { typedPath } from "./actions.js";
import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { find } from "./fuzzy.js";
import { baseName, folderOf } from "./words.js";

/** @typedef {{path: string, create: boolean, at: number[]}} Choice */

const SHOWN = 60;

/** @type {HTMLDialogElement | null} */
let shown = null;

/**
 * @param {string[]} paths those used last first
 * @param {{open: (path: string) => void, create: (path: string) => void}} use
 */
export async function quickOpen(paths, use) {
  if (shown) return;
  const list = h("ul", {
    class: "quick-list",
    id: "quick-list",
    role: "listbox",
    "aria-label": "Files",
  });
  const input = h("input", {
    type: "text",
    role: "combobox",
    placeholder: "Open a file, or name a new one",
    "aria-label": "Open a file, or name a new one",
    "aria-expanded": "true",
    "aria-controls": "quick-list",
    spellcheck: "false",
    autocomplete: "off",
  });
  const dialog = h("dialog", { class: "quick", "aria-label": "Open a file" }, input, list);
  /** @type {Choice[]} */
  let choices = [];
  let chosen = 0;
  const mark = () => {
    [...list.children].forEach((item, i) =>
      item.setAttribute("aria-selected", String(i === chosen)),
    );
    const item = list.children[chosen];
    if (item) item.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", item?.id ?? "");
  };
  const render = () => {
    choices = choicesFor(paths, input.value);
    chosen = 0;
    const rows = choices.map((choice, i) => row(choice, i, () => dialog.close(String(i))));
    list.replaceChildren(
      ...(rows.length ? rows : [h("li", { class: "quick-none" }, "No files yet.")]),
    );
    mark();
  };
  input.addEventListener("input", render);
  input.addEventListener("keydown", (event) => {
    const step = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 })[event.key];
    if (event.key === "Enter" && !event.isComposing) dialog.close(String(chosen));
    else if (!step || !choices.length) return;
    else chosen = (chosen + step + choices.length) % choices.length;
    event.preventDefault();
    mark();
  });
  render();
  shown = dialog;
  const answer = await ask(dialog);
  shown = null;
  const choice = answer === "" ? undefined : choices[Number(answer)];
  if (choice) (choice.create ? use.create : use.open)(choice.path);
}

/** @param {string[]} paths @param {string} typed @returns {Choice[]} */
function choicesFor(paths, typed) {
  const found = find(paths, typed, SHOWN).map(({ path, at }) => ({ path, at, create: false }));
  const path = typedPath(typed, "");
  if (path && !paths.includes(path)) found.push({ path, at: [], create: true });
  return found;
}

/** @param {Choice} choice @param {number} i @param {() => void} use */
function row({ path, create, at }, i, use) {
  const start = path.length - baseName(path).length;
  const folder = h("span", { class: "quick-folder" }, ...marked(folderOf(path), at, 0));
  const label = create ? [`Make “${path}”`] : marked(path.slice(start), at, start);
  const item = h(
    "li",
    { class: "quick-item", id: `quick-${i}`, role: "option" },
    h("span", {}, ...label),
  );
  if (!create) item.append(folder);
  item.addEventListener("mousedown", (event) => event.preventDefault());
  item.addEventListener("click", use);
  return item;
}

/** @param {string} text @param {number[]} at @param {number} offset of the text in the path */
function marked(text, at, offset) {
  return [...text].map((letter, i) => (at.includes(i + offset) ? h("mark", {}, letter) : letter));
}
