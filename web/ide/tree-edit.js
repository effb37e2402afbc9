// A name that is typed in its place in the tree. What the server says against it stands right below, and the input stays.

import { h, setProps } from "./dom.js";
import { sentence } from "./words.js";

/**
 * @param {object} options
 * @param {string} options.value
 * @param {string} options.label
 * @param {number} options.depth
 * @param {(typed: string) => Promise<void>} options.commit
 * @param {(back: boolean) => void} options.done `back`: it ended by a key
 * @returns {{element: HTMLLIElement, focus: () => void}}
 */
export function nameEditor({ value, label, depth, commit, done }) {
  const input = h("input", {
    class: "field",
    type: "text",
    value,
    "aria-label": label,
    placeholder: "name or folder/name",
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
  });
  const problem = h("p", { class: "problem", role: "alert" });
  const element = h(
    "li",
    { class: "tree-edit", role: "treeitem", style: { "--depth": depth } },
    input,
    problem,
  );
  let state = "open";

  /** @param {boolean} back */
  const end = (back) => {
    if (state === "done") return;
    state = "done";
    done(back);
  };
  /** @param {boolean} back */
  const finish = async (back) => {
    if (state !== "open") return;
    const typed = input.value.trim();
    if (!typed || typed === value) return end(back);
    state = "busy";
    try {
      await commit(typed);
      end(back);
    } catch (error) {
      state = "open";
      problem.textContent = sentence(error);
      setProps(input, { "aria-invalid": "true" });
    }
  };
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" && !event.isComposing) finish(true);
    if (event.key === "Escape") end(true);
  });
  input.addEventListener("input", () => {
    problem.textContent = "";
    setProps(input, { "aria-invalid": null });
  });
  input.addEventListener("blur", () => (problem.textContent ? end(false) : finish(false)));
  const focus = () => {
    input.focus();
    const dot = value.lastIndexOf(".");
    input.setSelectionRange(0, dot > 0 ? dot : value.length);
  };
  return { element, focus };
}
