// Light, dark, or what the system says. The choice is kept; the resolved theme stands as data-theme on the root.

import { h, icon, setProps } from "./dom.js";
import { chooseTheme, themeChoice } from "./prefs.js";

const ORDER = /** @type {const} */ (["system", "light", "dark"]);
const dark = matchMedia("(prefers-color-scheme: dark)");
/** @type {Set<() => void>} */
const listeners = new Set();

/** @returns {boolean} */
export function isDark() {
  const choice = themeChoice();
  return choice === "system" ? dark.matches : choice === "dark";
}

function apply() {
  const theme = isDark() ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
  document.documentElement.style.colorScheme = theme;
  for (const listener of [...listeners]) listener();
}

export function startTheme() {
  dark.addEventListener("change", apply);
  addEventListener("storage", (event) => event.key === "weft.theme" && apply());
  apply();
}

/** @param {() => void} listener @param {AbortSignal} signal */
export function onTheme(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
}

/** The one switch. @param {AbortSignal} signal */
export function themeButton(signal) {
  const button = h("button", { type: "button", class: "icon-button theme-button" });
  button.addEventListener("click", () => {
    chooseTheme(ORDER[(ORDER.indexOf(themeChoice()) + 1) % ORDER.length]);
    apply();
  });
  const show = () => {
    const choice = themeChoice();
    setProps(button, { "aria-label": `Theme: ${choice}`, title: `Theme: ${choice}` });
    button.replaceChildren(icon(choice));
  };
  onTheme(show, signal);
  show();
  return button;
}
