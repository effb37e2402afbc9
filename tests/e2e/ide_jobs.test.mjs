/** The page and jobs: what somebody asks the server to do with a file is seen by everybody, as it goes on. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CHROMIUM, launch, openWindow } from "./lib/browser.mjs";
import { startServer } from "./lib/server.mjs";

const jobs = {
  upper: {
    title: "Upper case",
    command: ["tr", "a-z", "A-Z"],
    input: "file",
    output: "edit",
    paths: ".js .css",
  },
  count: { title: "Count lines", command: ["wc", "-l"], input: "file" },
  tar: {
    title: "Download",
    command: ["tar", "cf", "-", "."],
    input: "project",
    output: "file",
    content_type: "application/x-tar",
  },
  slow: { title: "Wait", command: ["sleep", "600"] },
  bad: { title: "Fail", command: ["false"], tries: 2, retry_ms: 10 },
};

/** @type {import("playwright-core").Browser} */
let browser;

/** Ann and Bob in one file, both with the list of jobs open. @param {any} t */
async function annAndBob(t) {
  const server = await startServer(t, { config: { jobs } });
  const body = JSON.stringify({ id: "demo", template: "vanilla" });
  await fetch(`${server.url}/api/v1/projects`, { method: "POST", body });
  const windows = [];
  for (const name of ["Ann", "Bob"]) {
    const window = await openWindow(t, browser, server, { name });
    await window.openFile("demo", "main.js");
    await window.page.getByRole("button", { name: "Jobs" }).click();
    windows.push(window);
  }
  const [ann, bob] = windows;
  return { server, ann, bob };
}

/** @param {import("./lib/browser.mjs").Window} window @param {string} name */
const press = (window, name) =>
  window.page.locator(".job-kinds").getByRole("button", { name, exact: true }).click();

/** A job in the list. @param {import("./lib/browser.mjs").Window} window @param {string} title */
const row = (window, title) => window.page.locator(".job", { hasText: title }).first();

describe("jobs in the page", { skip: CHROMIUM ? false : "there is no chromium" }, () => {
  before(async () => void (browser = await launch()));
  after(() => browser?.close());

  test("a job changes the text under those who type, and both see it", async (t) => {
    const { ann, bob } = await annAndBob(t);
    await bob.caretBehind("let claps");
    await bob.type(" // bob");
    await ann.sees("// bob");
    await press(ann, "Upper case main.js");
    await row(ann, "Upper case · main.js")
      .getByText(/^done in/)
      .waitFor();
    await row(bob, "Upper case · main.js")
      .getByText(/^done in/)
      .waitFor();
    await bob.sees("LET CLAPS = 0; // BOB");
    await ann.sees("LET CLAPS = 0; // BOB");
    await bob.type("!");
    await ann.sees("// BOB!");
    await ann.page.locator(".status-words", { hasText: "Upper case · main.js: done." }).waitFor();
    for (const window of [ann, bob]) assert.deepEqual(window.complaints, []);
  });

  test("Shift+Alt+F is the first job that rewrites such a file", async (t) => {
    const { ann } = await annAndBob(t);
    await ann.caretBehind("let claps");
    await ann.press("Shift+Alt+KeyF");
    await ann.sees("LET CLAPS");
  });

  test("what a job prints is there, also for who comes later", async (t) => {
    const { server, ann } = await annAndBob(t);
    await press(ann, "Count lines main.js");
    await row(ann, "Count lines")
      .locator(".job-output", { hasText: /^\d+\s*$/ })
      .waitFor();
    const late = await openWindow(t, browser, server, { name: "Late" });
    await late.openFile("demo", "README.md");
    await late.page.getByRole("button", { name: "Jobs" }).click();
    const job = row(late, "Count lines · main.js");
    await job.getByRole("button", { name: "Show what it printed" }).click();
    await job.locator(".job-output", { hasText: /^\d+\s*$/ }).waitFor();
    // What is for other files is not offered.
    const offered = await late.page.locator(".job-kinds button").allTextContents();
    assert.deepEqual(offered.sort(), ["Count lines README.md", "Download", "Fail", "Wait"]);
  });

  test("a job is stopped by anybody; one that fails says why; a file is downloaded", async (t) => {
    const { ann, bob } = await annAndBob(t);
    await press(ann, "Wait");
    await row(bob, "Wait").getByText("running").waitFor();
    await row(bob, "Wait").getByRole("button", { name: "Stop" }).click();
    await row(ann, "Wait").getByText("canceled").waitFor();
    await press(ann, "Fail");
    await row(bob, "Fail").getByText("failed after 2 tries: exit code 1").waitFor();
    await press(ann, "Download");
    const link = row(bob, "Download").getByRole("link", { name: "Download" });
    const [download] = await Promise.all([bob.page.waitForEvent("download"), link.click()]);
    assert.equal(await download.failure(), null);
  });
});
