// Questions, as modal dialogs of the browser: focus is kept inside, Escape says no.

import { h } from "./dom.js";

/**
 * @param {HTMLDialogElement} dialog
 * @returns {Promise<string>} its return value, "" when it was left
 */
export function ask(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    dialog.addEventListener("mousedown", (event) => {
      if (event.target === dialog) dialog.close("");
    });
  });
}

/**
 * @param {{title: string, text: string, yes: string, danger?: boolean}} question
 * @returns {Promise<boolean>}
 */
export async function confirm({ title, text, yes, danger = true }) {
  const dialog = h(
    "dialog",
    { "aria-label": title },
    h(
      "form",
      { method: "dialog", class: "question" },
      h("h2", {}, title),
      h("p", {}, text),
      h(
        "div",
        { class: "buttons" },
        h("button", { class: "button", value: "", formnovalidate: true }, "Cancel"),
        h(
          "button",
          { class: `button ${danger ? "danger" : "primary"}`, value: "yes", autofocus: true },
          yes,
        ),
      ),
    ),
  );
  return (await ask(dialog)) === "yes";
}

/** @typedef {{label: string, key?: string, run: () => void}} MenuItem */

/**
 * A menu at a place on the page; arrow keys move in it.
 * @param {MenuItem[]} items
 * @param {{x: number, y: number}} at
 * @param {HTMLElement} [opener] which is marked as expanded
 */
export function showMenu(items, { x, y }, opener) {
  const back = /** @type {HTMLElement | null} */ (document.activeElement);
  const menu = h("div", { class: "menu", role: "menu", popover: "auto" });
  const buttons = items.map(({ label, key, run }) => {
    const click = () => {
      menu.hidePopover();
      run();
    };
    const props = { type: "button", role: "menuitem", tabindex: -1, onclick: click };
    return h("button", props, label, key && h("kbd", {}, key));
  });
  menu.append(...buttons);
  menu.addEventListener("keydown", (event) => moveFocus(event, buttons));
  menu.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "open") return;
    opener?.setAttribute("aria-expanded", "false");
    if (menu.contains(document.activeElement)) back?.focus();
    menu.remove();
  });
  document.body.append(menu);
  menu.showPopover();
  opener?.setAttribute("aria-expanded", "true");
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 4))}px`;
  menu.style.top = `${Math.max(4, Math.min(y, innerHeight - height - 4))}px`;
  buttons[0]?.focus();
}

/** @param {KeyboardEvent} event @param {HTMLElement[]} items */
function moveFocus(event, items) {
  const step = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 })[event.key];
  if (!step) return;
  event.preventDefault();
  const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  items[(at + step + items.length) % items.length]?.focus();
}
