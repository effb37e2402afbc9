// Elements made in one call. What people wrote becomes text nodes only, so it can never be HTML.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | null | undefined | false} Child */
/** @typedef {Record<string, any>} Props */

/**
 * `on…` is a listener, `style` an object of custom properties (a `style` attribute would break the
 * Content-Security-Policy), a boolean an attribute that is there or not; `aria-…` is always written out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  setProps(element, props);
  element.append(...present(children));
  return element;
}

/** @param {Child[]} children @returns {(Node | string)[]} */
export function present(children) {
  return /** @type {(Node | string)[]} */ (
    children.filter((child) => child !== null && child !== undefined && child !== false)
  );
}

/**
 * Makes `wanted` the children of an element, moving only what stands elsewhere, so that focus stays where it is.
 * @param {Element} parent
 * @param {readonly Element[]} wanted
 */
export function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, i) => {
    const here = parent.children[i] ?? null;
    if (child !== here) parent.insertBefore(child, here);
  });
}

/** @param {HTMLElement | SVGElement} element @param {Props} props */
export function setProps(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") setVariables(element, value);
    else if (name === "value") /** @type {any} */ (element).value = value;
    else if (value === null || value === undefined) element.removeAttribute(name);
    else if (typeof value === "boolean" && !name.startsWith("aria-")) {
      element.toggleAttribute(name, value);
    } else element.setAttribute(name, String(value));
  }
}

/** @param {HTMLElement | SVGElement} element @param {Record<string, string | number>} variables */
function setVariables(element, variables) {
  for (const [name, value] of Object.entries(variables)) {
    element.style.setProperty(name, String(value));
  }
}

/** Paths of 16 × 16 icons, drawn as lines. @type {Record<string, string>} */
const ICONS = {
  files: "M2.5 3.5h11v9h-11zM6.5 3.5v9",
  file: "M4.5 2h4.6l2.9 2.9V14H4.5zM9 2v3h3",
  chevron: "M6 4l4 4-4 4",
  plus: "M8 3v10M3 8h10",
  close: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  people:
    "M6 7.5a2.3 2.3 0 100-4.6 2.3 2.3 0 000 4.6M2 13.200c0-2.3 1.700-3.700 4-3.700s4 1.400 4 3.700M10.5 3.200a2.3 2.3 0 010 4.100M11.700 9.800c1.5.5 2.3 1.700 2.3 3.400",
  play: "M5 3.200v9.600l7.500-4.800z",
  search: "M7 11.5a4.5 4.5 0 100-9 4.5 4.5 0 000 9M10.3 10.3L14 14",
  light:
    "M8 11a3 3 0 100-6 3 3 0 000 6M8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.400 3.400l.7.7M11.900 11.900l.7.7M12.6 3.400l-.7.7M4.100 11.900l-.7.7",
  dark: "M13.3 9.6A5.6 5.6 0 016.400 2.700a5.6 5.6 0 106.900 6.900z",
  system: "M2 3h12v8H2zM6 14h4M8 11v3",
};

/** @param {keyof typeof ICONS} name @param {string} [className] */
export function icon(name, className = "") {
  const svg = document.createElementNS(SVG, "svg");
  setProps(svg, { class: `icon ${className}`, viewBox: "0 0 16 16", "aria-hidden": "true" });
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** The mark of Weft: warp and weft threads. */
export function logo() {
  const svg = document.createElementNS(SVG, "svg");
  setProps(svg, { class: "logo", viewBox: "0 0 32 32", "aria-hidden": "true" });
  /** @type {[string, number, number, number, number][]} */
  const threads = [
    ["warp", 5, 2, 5, 28],
    ["warp", 22, 2, 5, 28],
    ["warp", 13.5, 2, 5, 5],
    ["warp", 13.5, 16, 5, 14],
    ["weft", 12, 9, 8, 5],
    ["weft", 2, 9, 1.5, 5],
    ["weft", 28.5, 9, 1.5, 5],
    ["weft", 2, 19, 9.5, 5],
    ["weft", 20.5, 19, 9.5, 5],
  ];
  for (const [kind, x, y, width, height] of threads) {
    const rect = document.createElementNS(SVG, "rect");
    setProps(rect, { class: kind, x, y, width, height, rx: Math.min(width, 5) / 2 });
    svg.append(rect);
  }
  return svg;
}

/** @param {string} label @param {SVGElement} sign @param {Props} props */
export function iconButton(label, sign, props) {
  const { class: className = "", ...rest } = props;
  return h(
    "button",
    {
      type: "button",
      class: `icon-button ${className}`,
      "aria-label": label,
      title: label,
      ...rest,
    },
    sign,
  );
}

/** The key that starts shortcuts here, as people read it. */
export const MOD = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl+";

/** @param {KeyboardEvent} event */
export function hasMod(event) {
  const mac = MOD === "⌘";
  return (mac ? event.metaKey : event.ctrlKey) && !event.altKey;
}

/** Writes a text only where it is another: writing costs a layout. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** For what may happen many times while a frame is drawn. @param {() => void} fn @returns {() => void} at most once a frame */
export function oncePerFrame(fn) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      fn();
    });
  };
}
