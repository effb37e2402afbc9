/** The page in real browsers against the real server: what a person at the keyboard was promised. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CHROMIUM, launch, openWindow } from "./lib/browser.mjs";
import { NO_REDIS, startRedis } from "./lib/redis.mjs";
import { startServer } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

/** @typedef {import("./lib/browser.mjs").Window} Window */
/** @typedef {import("./lib/server.mjs").Server} Server */

/** @type {import("playwright-core").Browser} */
let browser;
let projects = 0;

/** Makes a project with one file. @param {Server} server @param {string} template @returns {Promise<string>} */
async function makeProject(server, template = "vanilla") {
  const id = `test-${++projects}`;
  const body = JSON.stringify({ id, template, name: id });
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`${server.url}/api/v1/projects`, { method: "POST", headers, body });
  assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
  return id;
}

/** @param {Server} server @param {string} project @param {string} path */
async function storedText(server, project, path) {
  const answer = await fetch(`${server.url}/api/v1/projects/${project}/files/${path}`);
  return answer.ok ? answer.text() : null;
}

/** Makes a file by the page itself, as people do. @param {Window} window @param {string} path */
async function makeFile(window, path) {
  await window.page.getByRole("button", { name: "New file" }).click();
  await window.type(path);
  await window.press("Enter");
  await window.tab(/** @type {string} */ (path.split("/").pop())).waitFor();
  await window.page.locator(".cm-focused").waitFor();
}

/** Two windows of two people in a new file. @param {any} t */
async function twoInOneFile(t) {
  const server = await startServer(t);
  const project = await makeProject(server, "blank");
  const ann = await openWindow(t, browser, server, { name: "Ann" });
  const bob = await openWindow(t, browser, server, { name: "Bob" });
  await ann.go(`/p/${project}`);
  await makeFile(ann, "a.txt");
  await bob.openFile(project, "a.txt");
  return { server, project, ann, bob };
}

/** @param {Window[]} windows @returns {Promise<string>} the text that all of them came to show, all of it acknowledged */
async function agreed(...windows) {
  let texts = [""];
  await Promise.all(windows.map((window) => window.chip(/^Live · (saved|acknowledged)/)));
  await until(
    async () => {
      texts = await Promise.all(windows.map((window) => window.text()));
      return texts.every((text) => text === texts[0]);
    },
    () => `equal texts: ${JSON.stringify(texts)}`,
  );
  return texts[0];
}

/** @param {Window[]} windows */
function contented(...windows) {
  for (const { complaints } of windows) assert.deepEqual(complaints, []);
}

describe("the page", { skip: CHROMIUM ? false : "there is no chromium" }, () => {
  before(async () => void (browser = await launch()));
  after(() => browser?.close());

  test("one click makes a project; a file is open with the caret in it", async (t) => {
    const server = await startServer(t);
    const window = await openWindow(t, browser, server);
    const { page } = window;
    await window.go("/");
    const name = page.getByLabel("Name", { exact: true });
    const id = await name.inputValue();
    assert.match(id, /^[a-z]+-[a-z]+-\d+$/);
    await page.locator('.card[data-template="vanilla"]').click();
    await page.locator(".cm-focused").waitFor();
    await window.chip(/^Live · saved$/);
    await page.waitForURL(new RegExp(`/p/${id}/.+`));
    await window.type("typed at once ");
    await window.sees("typed at once ");
    const second = page.getByRole("link", { name: "Open a second window" }).first();
    const [opened] = await Promise.all([page.waitForEvent("popup"), second.click()]);
    await opened.locator(".cm-line", { hasText: "typed at once" }).waitFor();
    assert.equal(opened.url(), page.url());
    contented(window);
  });

  test("a name that is taken is said where it was typed, with the way in", async (t) => {
    const server = await startServer(t);
    const project = await makeProject(server);
    const window = await openWindow(t, browser, server);
    await window.go("/");
    await window.page.getByLabel("Name", { exact: true }).fill(project);
    await window.page.locator('.card[data-template="vanilla"]').click();
    await window.page.getByRole("link", { name: "Open it" }).click();
    await window.editor.waitFor();
    await window.page.waitForURL(new RegExp(`/p/${project}/`));
  });

  test("a project that is not there is said, and can be made", async (t) => {
    const server = await startServer(t);
    const window = await openWindow(t, browser, server);
    await window.go("/p/nowhere");
    await window.page.getByRole("heading", { name: "There is no project “nowhere”" }).waitFor();
    await window.page.getByRole("link", { name: "Make it" }).click();
    await window.page.locator('.card[data-template="blank"]').click();
    await window.page.getByRole("heading", { name: "This project is empty" }).waitFor();
    await window.page.waitForURL(/\/p\/nowhere$/);
  });

  test("two windows type at once into one file and show the same text", async (t) => {
    const { server, project, ann, bob } = await twoInOneFile(t);
    const words = { ann: "the quick brown fox jumps", bob: "OVER A LAZY DOG AND BACK" };
    await bob.editor.click();
    await Promise.all([ann.type(words.ann), bob.type(words.bob)]);
    const text = await agreed(ann, bob);
    assert.equal(text.length, words.ann.length + words.bob.length);
    assert.equal(text.replace(/[A-Z]/g, "").replace(/ /g, ""), words.ann.replace(/ /g, ""));
    assert.equal(text.replace(/[a-z]/g, "").replace(/ /g, ""), words.bob.replace(/ /g, ""));
    assert.equal(await storedText(server, project, "a.txt"), text);
    contented(ann, bob);
  });

  test("the others' carets stand where they are, with their names", async (t) => {
    const { ann, bob } = await twoInOneFile(t);
    await ann.type("one\ntwo\nthree");
    await bob.sees("three");
    const flag = bob.page.locator(".cm-weft-caret .cm-weft-flag");
    assert.equal(await flag.textContent(), "Ann");
    await ann.caretBehind("two");
    const line = await bob.page.locator(".cm-line", { hasText: "two" }).boundingBox();
    await until(async () => {
      const caret = await bob.page.locator(".cm-weft-caret").boundingBox();
      return caret && line && Math.abs(caret.y - line.y) < line.height / 2 && caret.x > line.x;
    }, "Ann's caret in the line “two”");
    await ann.press("Shift+Home");
    await bob.page.locator(".cm-weft-selection").waitFor();
    await bob.page.locator(".faces").click();
    await bob.page.getByRole("button", { name: "Ann a.txt, line 2" }).waitFor();
    await ann.page.close();
    await bob.page.locator(".cm-weft-caret").waitFor({ state: "detached" });
  });

  test("typing behind a cut wire is kept, said, and merged", async (t) => {
    const { server, project, ann, bob } = await twoInOneFile(t);
    await ann.type("shared\n");
    await bob.sees("shared");
    await ann.switchWire();
    await ann.chip(/^Offline$/);
    await ann.editor.click();
    await ann.press("Control+End");
    await ann.type("from ann");
    await ann.chip(/^Offline, 8 edits kept here$/);
    await bob.editor.click();
    await bob.press("Control+Home");
    await bob.type("from bob\n");
    await bob.chip(/^Live · saved$/);
    assert.equal(await bob.text(), "from bob\nshared\n");
    assert.equal(await ann.text(), "shared\nfrom ann");
    await ann.switchWire();
    assert.equal(await agreed(ann, bob), "from bob\nshared\nfrom ann");
    assert.equal(await storedText(server, project, "a.txt"), "from bob\nshared\nfrom ann");
    contented(ann, bob);
  });

  test("the chip goes from saving over acknowledged to saved, and never ahead of the server", async (t) => {
    const { server, project, ann } = await twoInOneFile(t);
    await ann.chip(/^Live · saved$/);
    await ann.page.evaluate(() => {
      const chip = /** @type {HTMLElement} */ (document.querySelector(".chip"));
      const seen = /** @type {any} */ (window.seen = [chip.textContent]);
      new MutationObserver(() => seen.push(chip.textContent)).observe(chip, {
        childList: true,
        characterData: true,
        subtree: true,
      });
    });
    await ann.editor.click();
    await ann.type("x");
    await ann.chip(/^Live · acknowledged, not yet saved$/);
    await ann.chip(/^Live · saved$/);
    const answer = await (await fetch(`${server.url}/api/v1/projects/${project}`)).json();
    const file = answer.files.find((/** @type {any} */ entry) => entry.path === "a.txt");
    assert.deepEqual([file.v, file.s], [1, 1]);
    const seen = await ann.page.evaluate(() => /** @type {any} */ (window).seen);
    assert.deepEqual(seen, [
      "Live · saved",
      "Live · saving",
      "Live · acknowledged, not yet saved",
      "Live · saved",
    ]);
    await ann.press("Control+s");
    await ann.page.locator(".status-words", { hasText: /^Saved/ }).waitFor();
  });

  test(
    "where Redis is the store, the chip says so, and when it is away",
    { skip: NO_REDIS },
    async (t) => {
      const redis = await startRedis(t);
      const env = { REDIS_URL: redis.url, WEFT_REDIS_TIMEOUT_MS: "500" };
      const server = await startServer(t, { env });
      const project = await makeProject(server, "blank");
      const ann = await openWindow(t, browser, server, { name: "Ann" });
      await ann.go(`/p/${project}`);
      await makeFile(ann, "a.txt");
      await ann.type("one");
      await ann.chip(/^Live · in Redis$/);
      await ann.press("Control+s");
      await ann.page.locator(".status-words", { hasText: /^Saved/ }).waitFor();
      redis.pause();
      await ann.type(" two");
      await ann.chip(/^Store away, \d edits? kept here$/);
      redis.resume();
      await ann.chip(/^Live · in Redis$/);
      assert.equal(await storedText(server, project, "a.txt"), "one two");
      contented(ann);
    },
  );

  test("files that are made, renamed, moved and deleted change in the other window", async (t) => {
    const { ann, bob } = await twoInOneFile(t);
    await makeFile(ann, "src/lib/b.js");
    await bob.row("b.js").waitFor();
    await ann.type("let b;");
    await ann.row("b.js").focus();
    await ann.press("F2");
    await ann.type("c");
    await ann.press("Enter");
    await bob.row("c.js").waitFor();
    await bob.row("b.js").waitFor({ state: "detached" });
    await ann.page.waitForURL(/src\/lib\/c\.js$/);
    await ann.row("a.txt").dragTo(ann.row("src"));
    await bob.page.locator('.tree-row[data-path="src/a.txt"]').waitFor();
    await bob.page.waitForURL(/src\/a\.txt$/);
    await bob.row("lib").focus();
    await bob.press("F2");
    await bob.type("core");
    await bob.press("Enter");
    await ann.page.locator('.tree-row[data-path="src/core/c.js"]').waitFor();
    await ann.chip(/^Live · saved$/);
    assert.equal(await ann.text(), "let b;");
    contented(ann, bob);
  });

  test("a name that is taken is said below it, and the name can be changed", async (t) => {
    const { ann } = await twoInOneFile(t);
    await makeFile(ann, "b.txt");
    await ann.row("b.txt").focus();
    await ann.press("F2");
    await ann.press("Control+a");
    await ann.type("a.txt");
    await ann.press("Enter");
    await ann.page.getByRole("alert").filter({ hasText: "already there" }).waitFor();
    await ann.press("Escape");
    await ann.row("b.txt").waitFor();
  });

  test("a deleted folder goes away for everybody and comes back by undo, with its text", async (t) => {
    const { server, project, ann, bob } = await twoInOneFile(t);
    await makeFile(ann, "src/b.txt");
    await ann.type("text of b");
    await ann.chip(/^Live · saved$/);
    await bob.row("b.txt").click();
    await bob.sees("text of b");
    await ann.row("src").focus();
    await ann.press("Delete");
    await ann.page.getByRole("dialog", { name: "Delete src and its 1 file?" }).waitFor();
    await ann.page.getByRole("button", { name: "Delete", exact: true }).click();
    await bob.row("b.txt").waitFor({ state: "detached" });
    await bob.chip(/^Deleted$/);
    await bob.page.getByText("b.txt was deleted by somebody; its text is still here.").waitFor();
    assert.equal(await bob.text(), "text of b");
    assert.equal(await storedText(server, project, "src/b.txt"), null);
    await ann.page.getByRole("button", { name: "Undo" }).click();
    await bob.row("b.txt").waitFor();
    await bob.chip(/^Live · saved$/);
    await bob.editor.click();
    await bob.press("Control+End");
    await bob.type(" again");
    await ann.sees("text of b again");
  });

  test("undo takes back only one's own typing", async (t) => {
    const { ann, bob } = await twoInOneFile(t);
    await ann.type("ann ");
    await bob.sees("ann ");
    await bob.editor.click();
    await bob.press("Control+End");
    await bob.type("bob");
    await ann.sees("ann bob");
    await ann.press("Control+z");
    assert.equal(await agreed(ann, bob), "bob");
    await ann.press("Control+Shift+z");
    assert.equal(await agreed(ann, bob), "ann bob");
    await bob.press("Control+z");
    assert.equal(await agreed(ann, bob), "ann ");
  });

  test("a reload keeps the text, the tabs and the file in front", async (t) => {
    const { ann, bob } = await twoInOneFile(t);
    await ann.type("stays");
    await makeFile(ann, "b.txt");
    await ann.tab("a.txt").click();
    await ann.chip(/^Live · saved$/);
    await ann.page.reload();
    await ann.sees("stays");
    await ann.tab("b.txt").waitFor();
    await ann.page.locator(".cm-focused").waitFor();
    await ann.press("Control+End");
    await ann.type(" and goes on");
    await bob.sees("stays and goes on");
    contented(ann, bob);
  });

  test("a tab that is closed with typing not acknowledged warns; one without does not", async (t) => {
    const { ann } = await twoInOneFile(t);
    await ann.type("sent");
    await ann.chip(/^Live · saved$/);
    await ann.switchWire();
    await ann.editor.click();
    await ann.type("not sent");
    await ann.chip(/^Offline, 8 edits kept here$/);
    const asked = ann.page.waitForEvent("dialog");
    await ann.page.close({ runBeforeUnload: true });
    const dialog = await asked;
    assert.equal(dialog.type(), "beforeunload");
    await dialog.dismiss();
    await ann.switchWire();
    await ann.chip(/^Live · saved$/);
    const closed = ann.page.waitForEvent("close");
    await ann.page.close({ runBeforeUnload: true });
    await closed;
  });

  test("after kill -9 the windows come back, and nothing acknowledged is lost", async (t) => {
    const { server, project, ann, bob } = await twoInOneFile(t);
    await ann.type("acknowledged ");
    await ann.chip(/acknowledged|saved/);
    await bob.sees("acknowledged ");
    await server.kill();
    await ann.chip(/^Reconnecting/);
    await ann.type("typed while it was dead ");
    await ann.chip(/^Reconnecting, 24 edits kept here$/);
    await bob.editor.click();
    await bob.press("Control+Home");
    await bob.type("bob too ");
    await server.start();
    const text = await agreed(ann, bob);
    assert.equal(text, "bob too acknowledged typed while it was dead ");
    assert.equal(await storedText(server, project, "a.txt"), text);
    for (const { complaints } of [ann, bob]) {
      const others = complaints.filter((line) => !/WebSocket connection|ERR_CONNECTION/.test(line));
      assert.deepEqual(others, []);
    }
  });

  test("quick open, the back button and the tabs lead to files", async (t) => {
    const server = await startServer(t);
    const project = await makeProject(server, "blank");
    const window = await openWindow(t, browser, server);
    await window.go(`/p/${project}`);
    for (const path of ["one.js", "two.css", "lib/three.md"]) {
      await makeFile(window, path);
      await window.type(path);
    }
    await window.press("Control+p");
    await window.type("onejs");
    await window.press("Enter");
    await window.sees("one.js");
    await window.page.waitForURL(/one\.js$/);
    await window.page.goBack();
    await window.sees("lib/three.md");
    await window.page.waitForURL(/lib\/three\.md$/);
    await window.page.goForward();
    await window.sees("one.js");
    await window.tab("two.css").click();
    await window.sees("two.css");
    await window.page.locator(".tab.active .tab-close").click();
    await window.tab("two.css").waitFor({ state: "detached" });
    contented(window);
  });

  test("a click follows somebody into another file; any key stops", async (t) => {
    const { ann, bob } = await twoInOneFile(t);
    await bob.page.locator(".faces").click();
    await bob.page.locator("button.person", { hasText: "Ann" }).click();
    await bob.page.getByText("Following Ann; any key stops").waitFor();
    await makeFile(ann, "b.txt");
    await ann.type("line\n".repeat(60) + "here");
    await bob.sees("here");
    await bob.page.locator(".cm-weft-caret").waitFor();
    await bob.page.waitForURL(/b\.txt$/);
    await bob.press("Shift");
    await bob.page.getByText("Following Ann").waitFor({ state: "detached" });
  });

  test("a name is changed in place, and is text whatever is in it", async (t) => {
    const { ann, bob } = await twoInOneFile(t);
    const name = "<img src=x onerror=alert(1)>";
    await ann.page.locator(".faces").click();
    await ann.page.getByRole("button", { name: "Ann you · change name" }).click();
    await ann.press("Control+a");
    await ann.type(name);
    await ann.press("Enter");
    await bob.page.locator(".faces").click();
    await bob.page.locator(".person-name").filter({ hasText: name }).waitFor();
    await ann.editor.click();
    await ann.type("x");
    await bob.page.locator(".cm-weft-flag").filter({ hasText: name }).waitFor();
    assert.equal(await bob.page.locator("img").count(), 0);
    contented(ann, bob);
  });

  test("a colour is chosen by key, is seen by the others, and stays", async (t) => {
    const { ann, bob } = await twoInOneFile(t);
    await ann.page.locator(".faces").click();
    await bob.page.locator(".faces").click();
    const colors = ann.page.getByRole("radiogroup", { name: "Your colour" });
    await colors.getByRole("radio", { name: "Green" }).click();
    await bob.page.locator('li .face[data-color="2"]').waitFor();
    await ann.press("ArrowRight");
    await ann.press("ArrowRight");
    await bob.page.locator('li .face[data-color="4"]').waitFor();
    await ann.editor.click();
    await ann.type("x");
    await bob.page.locator(".cm-weft-caret.cm-weft-c4").waitFor();
    await ann.page.reload();
    await ann.page.locator(".faces").click();
    assert.ok(await colors.getByRole("radio", { name: "Amber" }).isChecked());
    assert.equal(await bob.page.locator("li .face").count(), 1);
    contented(ann, bob);
  });

  test("on a narrow window the sides are sheets that Escape closes", async (t) => {
    const server = await startServer(t);
    const project = await makeProject(server);
    const window = await openWindow(t, browser, server, {
      width: 400,
      height: 700,
      scheme: "dark",
    });
    await window.go(`/p/${project}`);
    await window.editor.waitFor();
    const { page } = window;
    const tree = page.getByRole("tree");
    assert.equal(await tree.isVisible(), false);
    await page.getByRole("button", { name: "Files", exact: true }).click();
    await tree.waitFor();
    assert.equal(
      await page.locator(".stage").evaluate((stage) => /** @type {any} */ (stage).inert),
      true,
    );
    await window.press("Escape");
    await tree.waitFor({ state: "hidden" });
    await page.locator(".faces").click();
    await page.getByRole("complementary", { name: "People" }).waitFor();
    await window.press("Escape");
    await window.editor.click();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 400, `${wide} pixels wide`);
    assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
    contented(window);
  });

  test("the first page is light and keeps to a strict policy", async (t) => {
    const server = await startServer(t);
    const project = await makeProject(server);
    const window = await openWindow(t, browser, server);
    const policies = /** @type {string[]} */ ([]);
    let bytes = 0;
    window.page.on("response", async (response) => {
      if (response.url().endsWith(`/p/${project}`))
        policies.push(response.headers()["content-security-policy"] ?? "");
    });
    window.page.on("requestfinished", async (request) => {
      bytes += (await request.sizes()).responseBodySize;
    });
    await window.go(`/p/${project}`);
    await window.editor.waitFor();
    await window.chip(/^Live · saved$/);
    assert.equal(policies.length, 1);
    assert.match(policies[0], /script-src 'self'(;|$)/);
    assert.match(policies[0], /style-src 'self'(;|$)/);
    assert.doesNotMatch(policies[0], /unsafe/);
    assert.ok(bytes > 10_000 && bytes < 250_000, `${bytes} bytes`);
    contented(window);
  });
});
