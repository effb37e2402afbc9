// The own colour: a row of ten, one of which is chosen. Radio buttons, so the browser knows their keys and says their names.

import { h } from "./dom.js";
import { COLORS } from "./words.js";

/**
 * @param {(color: number) => void} choose
 * @returns {{element: HTMLElement, show: (color: number) => void}} `show` marks the one that the others see
 */
export function swatches(choose) {
  const inputs = COLORS.map((name, i) =>
    h("input", {
      type: "radio",
      name: "own-color",
      class: "swatch",
      "data-color": i,
      "aria-label": name,
      title: name,
      onchange: () => choose(i),
    }),
  );
  const label = { role: "radiogroup", "aria-label": "Your colour" };
  const element = h("div", { class: "swatches", ...label }, ...inputs);
  return { element, show: (color) => void (inputs[color].checked = true) };
}
