/**
 * Windows of Debian's chromium for tests of the page. Each has a profile of its own, like another person's browser, and
 * notes what the page complains about: a test ends with none of it, or says what it expected.
 */
import { accessSync } from "node:fs";
import { chromium } from "playwright-core";
import { DEADLINE_MS, until } from "./wait.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").Locator} Locator */
/** @typedef {import("./server.mjs").Server} Server */

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

/** @returns {string | undefined} */
function findChromium() {
  return [process.env.CHROMIUM ?? "", ...PLACES].find((file) => {
    try {
      accessSync(file);
      return file !== "";
    } catch {
      return false;
    }
  });
}

/** Where chromium is; without it such tests say that they skip. */
export const CHROMIUM = findChromium();

export function launch() {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS.split(" ") });
}

/** One window with the page in it. */
export class Window {
  /** @param {Page} page @param {Server} server */
  constructor(page, server) {
    this.page = page;
    this.server = server;
    /** @type {string[]} */
    this.complaints = [];
    page.on("pageerror", (error) => this.complaints.push(String(error.stack)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning")
        this.complaints.push(message.text());
    });
    page.setDefaultTimeout(DEADLINE_MS);
  }

  /** @param {string} address below the server's, such as "/p/demo" */
  async go(address) {
    await this.page.goto(this.server.url + address);
  }

  /** Opens a file and waits for its text. @param {string} project @param {string} path */
  async openFile(project, path) {
    await this.go(`/p/${project}/${path}`);
    await this.editor.waitFor();
    await this.chip(/^Live/);
  }

  get editor() {
    return this.page.locator(".cm-content");
  }

  /** @param {string} name of a file or folder in the tree */
  row(name) {
    return this.page.locator(`.tree-row:has(.tree-name:text-is("${name}"))`);
  }

  /** @param {string} name of an open file */
  tab(name) {
    return this.page.getByRole("tab", { name, exact: true });
  }

  /** Waits for the words of the chip. @param {RegExp} words */
  async chip(words) {
    await this.page.locator(".chip").filter({ hasText: words }).waitFor();
  }

  /** @returns {Promise<string>} the text in the editor, which has to be small enough to be drawn whole */
  async text() {
    const lines = await this.page.locator(".cm-content > .cm-line").allTextContents();
    return lines.join("\n");
  }

  /** @param {string | RegExp} words */
  async sees(words) {
    const has = (/** @type {string} */ text) =>
      typeof words === "string" ? text.includes(words) : words.test(text);
    let text = "";
    await until(
      async () => has((text = await this.text())),
      () => `${words} in ${JSON.stringify(text)}`,
    );
  }

  /** Puts the caret at the end of a line. @param {string} words of the line */
  async caretBehind(words) {
    await this.page.locator(".cm-line", { hasText: words }).click();
    await this.page.keyboard.press("End");
  }

  /** @param {string} text */
  type(text) {
    return this.page.keyboard.type(text);
  }

  /** @param {string} keys */
  press(keys) {
    return this.page.keyboard.press(keys);
  }

  /** Cuts the wire, or mends it. */
  async switchWire() {
    await this.page.locator(".chip").click();
    await this.page.getByRole("switch", { name: "Cut the wire" }).click();
    await this.press("Escape");
    await this.page.locator(".details").waitFor({ state: "hidden" });
  }
}

/**
 * @param {{after: (fn: () => Promise<void>) => void}} t
 * @param {import("playwright-core").Browser} browser
 * @param {Server} server
 * @param {{name?: string, width?: number, height?: number, scheme?: "light" | "dark"}} [options]
 */
export async function openWindow(t, browser, server, options = {}) {
  const { name, width = 1100, height = 700, scheme = "light" } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme });
  t.after(() => context.close());
  if (name) {
    await context.addInitScript(
      (own) => localStorage.setItem("weft.name", JSON.stringify(own)),
      name,
    );
  }
  return new Window(await context.newPage(), server);
}
