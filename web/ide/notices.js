// What is said over the editor about the file in front: that it was deleted, or that some typing could not be merged.

import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { baseName } from "./words.js";

/** @typedef {import("../client/weft.js").FileSession} FileSession */
/** @typedef {import("../client/weft.js").Kept} Kept */
/** @typedef {import("./documents.js").Documents} Documents */
/** @typedef {import("./actions.js").Actions} Actions */

/** @type {Record<string, string>} */
const REASONS = {
  identity:
    "The server no longer knew this window after the connection broke, so what you typed meanwhile was not merged",
  refused: "The server did not take some of your typing",
  forbidden: "Your right to change this file ended while you typed",
  gone: "The file was deleted while you typed",
};

/** @param {Documents} documents @param {Actions} actions @returns {HTMLElement} */
export function notices(documents, actions) {
  const place = h("div", { role: "status" });
  /** @type {unknown} */
  let shown = null;
  const render = () => {
    const { active } = documents;
    const about = active?.kept[0] ?? (active?.state === "gone" ? active : null);
    if (about === shown) return;
    shown = about;
    place.replaceChildren();
    if (active && active.kept[0]) place.append(keptNotice(active, active.kept[0]));
    else if (active && about) place.append(goneNotice(active, documents, actions));
  };
  for (const name of ["active", "list", "kept"]) documents.on(name, render);
  return place;
}

/** @param {string} words @param {...Node} buttons */
function notice(words, ...buttons) {
  return h(
    "div",
    { class: "notice" },
    h("p", {}, words),
    h("div", { class: "buttons" }, ...buttons),
  );
}

/** @param {string} label @param {() => void} onclick @param {string} [kind] */
function button(label, onclick, kind = "") {
  return h("button", { type: "button", class: `button ${kind}`, onclick }, label);
}

/** @param {FileSession} file @param {Documents} documents @param {Actions} actions */
function goneNotice(file, documents, actions) {
  return notice(
    `${baseName(file.path)} was deleted by somebody; its text is still here.`,
    button("Close", () => documents.close(file)),
    button("Put it back", () => actions.putBack(file.path, file.text), "primary"),
  );
}

/** @param {FileSession} file @param {Kept} kept */
function keptNotice(file, kept) {
  return notice(
    `${REASONS[kept.reason] ?? "Some typing could not be merged"}; your text is kept.`,
    button("Compare", () => showKept(file, kept), "primary"),
  );
}

/** @param {FileSession} file @param {Kept} kept */
async function showKept(file, kept) {
  const text = h("textarea", {
    class: "kept-text",
    readonly: true,
    "aria-label": "Your text",
    spellcheck: "false",
  });
  text.value = kept.mine;
  const takes = file.readOnly
    ? null
    : h("button", { class: "button primary", value: "mine" }, "Use my text");
  const dialog = h(
    "dialog",
    { "aria-label": "Your text" },
    h(
      "form",
      { method: "dialog", class: "question wide" },
      h("h2", {}, `Your text of ${baseName(kept.path)}`),
      h(
        "p",
        {},
        "The editor shows what the server has. Copy from here what is missing there, or put your whole text in its place.",
      ),
      text,
      h(
        "div",
        { class: "buttons" },
        h("button", { class: "button", value: "" }, "Decide later"),
        h("button", { class: "button", value: "drop" }, "Throw my text away"),
        takes,
      ),
    ),
  );
  const answer = await ask(dialog);
  if (answer === "mine") file.setText(kept.mine);
  if (answer) file.drop(kept);
}
