// What the server can do with the file in front or with the project, and what became of it: buttons, and a list of the jobs
// with what they print as it comes.

import { isOver, suits } from "../client/jobs.js";
import { jobOf, jobsOf, resultAddress } from "./api.js";
import { arrange, h, icon, iconButton, oncePerFrame, setText } from "./dom.js";
import { toast } from "./toast.js";
import { baseName, sentence } from "./words.js";

/** @typedef {import("../client/project.js").Project} Project */
/** @typedef {import("../client/jobs.js").Job} Job */
/** @typedef {import("../client/jobs.js").JobKind} JobKind */
/** @typedef {import("./documents.js").Documents} Documents */

/** The button that opens the list; there only where the server has something to offer. @param {Project} project @param {() => void} open */
export function jobsButton(project, open) {
  const button = iconButton("Jobs", icon("play"), {
    "data-panel": "jobs",
    hidden: true,
    onclick: open,
  });
  project.jobs.on("kinds", () => (button.hidden = project.jobs.kinds.length === 0));
  return button;
}

export class JobsPanel {
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();

  /**
   * @param {Project} project
   * @param {Documents} documents
   * @param {{say: (text: string) => void}} status
   */
  constructor(project, documents, status) {
    this.project = project;
    this.documents = documents;
    this.status = status;
    this.choices = h("div", { class: "job-kinds" });
    this.list = h("ul", { class: "jobs", "aria-label": "Jobs" });
    this.none = h(
      "p",
      { class: "job-none" },
      "Nothing was run yet. Everybody here sees what runs.",
    );
    this.element = h("div", {}, this.choices, this.none, this.list);
    const soon = oncePerFrame(() => this.element.isConnected && this.render());
    project.jobs.on("kinds", soon);
    project.jobs.on("change", (job) => {
      this.#tell(job);
      soon();
    });
    documents.on("active", soon);
    documents.on("list", soon);
  }

  /** Shown: what ran before this window came is asked for. */
  async show() {
    this.render();
    try {
      this.project.jobs.listed(await jobsOf(this.project.id));
    } catch {
      return; // the list is what is known here
    }
    this.render();
  }

  render() {
    const path = this.documents.active?.path ?? "";
    const kinds = this.project.jobs.kinds.filter((kind) => suits(kind, path));
    this.choices.replaceChildren(...kinds.map((kind) => this.#choice(kind, path)));
    const jobs = [...this.project.jobs.all.values()].reverse();
    const before = this.#rows;
    this.#rows = new Map(jobs.map((job) => [job.id, before.get(job.id) ?? this.#makeRow(job)]));
    for (const job of jobs) this.#fill(job);
    arrange(this.list, [...this.#rows.values()]);
    this.none.hidden = jobs.length > 0;
  }

  /** @param {JobKind} kind @param {string} path */
  #choice(kind, path) {
    const words = kind.input === "file" ? `${kind.title} ${baseName(path)}` : kind.title;
    return h("button", { type: "button", class: "button", onclick: () => this.run(kind) }, words);
  }

  /** @param {JobKind} kind */
  async run({ kind, input }) {
    const f = input === "file" ? this.documents.active?.f : undefined;
    try {
      await this.project.run(kind, { f });
    } catch (error) {
      toast(sentence(error));
    }
  }

  /** Shift+Alt+F: the first kind that rewrites the file in front. @returns {boolean} there is one */
  format() {
    const path = this.documents.active?.path ?? "";
    const { kinds } = this.project.jobs;
    const kind = kinds.find((each) => each.output === "edit" && path && suits(each, path));
    if (kind) this.run(kind);
    return kind !== undefined;
  }

  /** The end of one's own job is said where the eyes are. @param {Job} job */
  #tell(job) {
    if (job.by !== this.project.me.cid || !isOver(job.state)) return;
    const words = job.problem ? `${this.#title(job)}: ${job.problem}` : this.#title(job);
    if (job.state === "failed") toast(`Failed. ${words}.`);
    else this.status.say(`${words}: ${job.state}.`);
  }

  /** @param {Job} job */
  #title({ kind, f, path }) {
    const known = this.project.jobs.kinds.find((each) => each.kind === kind);
    const name = this.project.files.get(f)?.path ?? path;
    return name ? `${known?.title ?? kind} · ${baseName(name)}` : (known?.title ?? kind);
  }

  /** @param {Job} job */
  #makeRow({ id }) {
    const title = h("span", { class: "job-title" });
    const state = h("span", { class: "job-state" });
    const stop = h(
      "button",
      { type: "button", class: "button", onclick: () => this.#cancel(id) },
      "Stop",
    );
    const address = resultAddress(this.project.id, id);
    const get = h("a", { class: "button", href: address, download: "" }, "Download");
    const more = h(
      "button",
      { type: "button", class: "button", onclick: () => this.#complete(id) },
      "Show what it printed",
    );
    const output = h("pre", { class: "job-output", tabindex: "0", "aria-label": "Output" });
    return h(
      "li",
      { class: "job" },
      h("div", { class: "job-top" }, h("span", { class: "job-words" }, title, state), stop, get),
      output,
      more,
    );
  }

  /** @param {Job} job */
  #fill(job) {
    const row = /** @type {HTMLElement} */ (this.#rows.get(job.id));
    const [top, output, more] = /** @type {HTMLElement[]} */ ([...row.children]);
    const [words, stop, get] = /** @type {HTMLElement[]} */ ([...top.children]);
    row.dataset.state = job.state;
    setText(words.children[0], this.#title(job));
    setText(words.children[1], stateWords(job));
    stop.hidden = isOver(job.state);
    const kind = this.project.jobs.kinds.find((each) => each.kind === job.kind);
    get.hidden = !(job.state === "done" && kind?.output === "file");
    output.hidden = job.output === "";
    const atEnd = output.scrollTop + output.clientHeight >= output.scrollHeight - 4;
    setText(output, job.output);
    if (atEnd) output.scrollTop = output.scrollHeight;
    more.hidden = !(job.partial && isOver(job.state));
  }

  /** @param {string} id */
  async #cancel(id) {
    try {
      await this.project.cancel(id);
    } catch (error) {
      toast(sentence(error));
    }
  }

  /** @param {string} id */
  async #complete(id) {
    try {
      this.project.jobs.told(await jobOf(this.project.id, id));
    } catch (error) {
      toast(sentence(error));
    }
    this.render();
  }
}

/** @param {Job} job @returns {string} such as "failed after 3 tries: exit code 2" */
function stateWords({ state, tries, again, problem, ms }) {
  const because = problem ? `: ${problem}` : "";
  if (again) return `waits to be tried again${because}`;
  if (state === "failed") return `failed${tries > 1 ? ` after ${tries} tries` : ""}${because}`;
  if (state === "done" && ms !== null)
    return `done in ${ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`}`;
  return state;
}
