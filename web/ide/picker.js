// The first page: one click on a template makes a project of the name that is filled in.

import { createProject, listTemplates } from "./api.js";
import { h, logo } from "./dom.js";
import { projectId, projectName } from "./names.js";
import { recentProjects } from "./prefs.js";
import { addressOf, onPlainClick } from "./router.js";
import { themeButton } from "./theme.js";
import { sentence } from "./words.js";

/** @typedef {import("./api.js").Template} Template */

/**
 * @param {HTMLElement} root
 * @param {(project: string) => void} open
 * @returns {() => void} ends it
 */
export function openPicker(root, open) {
  const ending = new AbortController();
  document.title = "Weft";
  const name = h("input", {
    class: "field",
    id: "project-name",
    value: new URLSearchParams(location.search).get("name") || projectName(),
    maxlength: 64,
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    "aria-describedby": "project-note",
  });
  const note = h("p", { class: "picker-note quiet", id: "project-note", role: "status" });
  const cards = h("ul", { class: "cards" });
  const form = { name, note, cards, open };
  name.addEventListener("input", () => showAddress(form));
  showAddress(form);
  root.replaceChildren(
    h(
      "div",
      { class: "picker" },
      h("header", { class: "picker-top" }, logo(), "Weft", themeButton(ending.signal)),
      h(
        "main",
        { class: "picker-main" },
        h("h1", {}, "Start a project"),
        h(
          "p",
          { class: "picker-lead" },
          "Several people type into the same files, and see each other do it.",
        ),
        h(
          "div",
          { class: "picker-section picker-name" },
          h("label", { class: "heading picker-label", for: "project-name" }, "Name"),
          name,
          note,
        ),
        h(
          "section",
          { class: "picker-section" },
          h("h2", { class: "heading" }, "Start from"),
          cards,
        ),
        recentSection(open),
        openSection(open),
      ),
    ),
  );
  showTemplates(form);
  return () => ending.abort();
}

/** @typedef {{name: HTMLInputElement, note: HTMLElement, cards: HTMLElement, open: (project: string) => void}} Form */

/** @param {Form} form */
function showAddress({ name, note }) {
  const id = projectId(name.value);
  name.removeAttribute("aria-invalid");
  note.className = "picker-note quiet";
  note.textContent = id
    ? `Its address will be ${location.host}${addressOf({ project: id, path: "" })}`
    : "";
}

/** @param {Form} form @param {unknown} error */
function showProblem({ name, note, open }, error) {
  const { code } = /** @type {any} */ (error);
  const id = projectId(name.value);
  note.className = "picker-note problem";
  note.textContent =
    code === "exists" ? "A project of this name is there already. " : sentence(error);
  if (code === "exists") note.append(projectLink(id, "Open it", open), " or choose another name.");
  name.setAttribute("aria-invalid", "true");
  name.focus();
}

/** @param {Form} form */
async function showTemplates(form) {
  try {
    const templates = await listTemplates();
    form.cards.replaceChildren(...templates.map((template, i) => card(form, template, i)));
  } catch (error) {
    const again = h(
      "button",
      { type: "button", class: "button", onclick: () => showTemplates(form) },
      "Try again",
    );
    form.cards.replaceChildren(
      h("li", {}, h("p", { class: "problem picker-note" }, sentence(error)), again),
    );
  }
}

/** @param {Form} form @param {Template} template @param {number} i */
function card(form, template, i) {
  const { name, title, description } = template;
  const sign = h(
    "span",
    { class: "card-sign", "aria-hidden": "true", "data-color": i % 10 },
    signOf(title || name),
  );
  const button = h(
    "button",
    { type: "button", class: "card", "data-template": name },
    sign,
    h("span", { class: "card-title" }, title || name),
    h("span", { class: "card-line" }, description ?? ""),
  );
  button.addEventListener("click", () => create(form, button, name));
  return h("li", {}, button);
}

/** @param {string} title */
function signOf(title) {
  return [...title.replace(/[^\p{L}\p{N}]/gu, "")].slice(0, 2).join("");
}

/** @param {Form} form @param {HTMLButtonElement} button @param {string} template */
async function create(form, button, template) {
  const id = projectId(form.name.value);
  if (!id) return showProblem(form, { code: "name" });
  if (form.cards.querySelector("[aria-busy]")) return;
  button.setAttribute("aria-busy", "true");
  try {
    await createProject({ id, template, name: form.name.value.trim() });
    form.open(id);
  } catch (error) {
    button.removeAttribute("aria-busy");
    showProblem(form, error);
  }
}

/** @param {string} id @param {string} label @param {(project: string) => void} open */
function projectLink(id, label, open) {
  const onclick = onPlainClick(() => open(id));
  return h("a", { href: addressOf({ project: id, path: "" }), onclick }, label);
}

/** @param {(project: string) => void} open */
function recentSection(open) {
  const ids = recentProjects();
  if (!ids.length) return h("div", { hidden: true });
  const links = ids.map((id) => {
    const link = projectLink(id, id, open);
    link.className = "button";
    return h("li", {}, link);
  });
  return h(
    "section",
    { class: "picker-section" },
    h("h2", { class: "heading" }, "Opened here before"),
    h("ul", { class: "recent" }, ...links),
  );
}

/** @param {(project: string) => void} open */
function openSection(open) {
  const input = h("input", {
    class: "field",
    id: "open-name",
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    maxlength: 64,
  });
  const onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const id = input.value.trim();
    if (id) open(id);
  };
  return h(
    "form",
    { class: "picker-section", onsubmit },
    h("label", { class: "heading picker-label", for: "open-name" }, "Open one by its name"),
    h("div", { class: "open-form" }, input, h("button", { class: "button" }, "Open")),
  );
}
