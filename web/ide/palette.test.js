// Colours that carry words keep a contrast of 4.5 : 1 (WCAG 2 AA) in both themes, measured from tokens.css itself;
// and a colour that has a name is what it is called.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { COLORS } from "./words.js";

const css = await readFile(new URL("./styles/tokens.css", import.meta.url), "utf8");

/** @param {string} theme @returns {(name: string) => string} */
function tokens(theme) {
  const block = css.split(`:root[data-theme="${theme}"] {`)[1].split("\n}")[0];
  const found = new Map(
    [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1], m[2]]),
  );
  return (name) => found.get(name) ?? assert.fail(`no colour --${name} in ${theme}`);
}

/** @param {string} hex */
function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const value = parseInt(hex.slice(i, i + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {string} a @param {string} b */
function contrast(a, b) {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

/** @param {string} hex @returns {number} degrees */
function hue(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const degrees = (Math.atan2(Math.sqrt(3) * (g - b), 2 * r - g - b) * 180) / Math.PI;
  return (degrees + 360) % 360;
}

/** @param {number} a @param {number} b degrees */
const apart = (a, b) => Math.min(Math.abs(a - b), 360 - Math.abs(a - b));

/** @type {Record<string, number>} */
const HUES = {
  ...{ Red: 0, Orange: 25, Amber: 38, Olive: 80, Green: 140 },
  ...{ Teal: 182, Blue: 213, Indigo: 238, Purple: 268, Pink: 330 },
};

const people = Array.from({ length: 10 }, (_, i) => `weft-c${i}`);
const syntax = [...css.matchAll(/--(syntax-\w+):/g)].map((m) => m[1]);
/** @type {[string[], string[]][]} words, and what they stand on */
const pairs = [
  [people, ["surface", "chrome", "weft-flag-text"]],
  [[...new Set(syntax)], ["surface"]],
  [["text"], ["surface", "chrome", "raised", "hover", "pressed", "accent-soft", "away-soft"]],
  [["muted"], ["surface", "chrome", "raised", "hover"]],
  [
    ["accent", "away"],
    ["surface", "chrome", "raised"],
  ],
  [["on-accent"], ["accent"]],
  [["weft-flag-text"], ["away"]],
  [["code-gutter"], ["surface"]],
];

for (const theme of ["light", "dark"]) {
  test(`words can be read in the ${theme} theme`, () => {
    const color = tokens(theme);
    for (const [words, grounds] of pairs) {
      for (const word of words) {
        for (const ground of grounds) {
          const ratio = contrast(color(word), color(ground));
          assert.ok(ratio >= 4.5, `--${word} on --${ground}: ${ratio.toFixed(2)}`);
        }
      }
    }
  });

  test(`people's colours are what they are called in the ${theme} theme`, () => {
    const color = tokens(theme);
    assert.equal(COLORS.length, people.length);
    COLORS.forEach((name, i) => {
      const at = hue(color(people[i]));
      const nearest = Object.keys(HUES).sort((a, b) => apart(HUES[a], at) - apart(HUES[b], at))[0];
      assert.equal(name, nearest, `${people[i]} has hue ${at.toFixed(0)}`);
    });
  });

  test(`edges of fields can be seen in the ${theme} theme`, () => {
    const color = tokens(theme);
    assert.ok(contrast(color("border-strong"), color("surface")) >= 3);
  });
}
