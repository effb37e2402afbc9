// Jobs: what the server does on request with a file or with the whole project (format, count, export), and how far each is.
// What a job prints comes in pieces that are not kept in the room's log: who was away meanwhile asks the server by HTTP.

import { Emitter } from "./events.js";

/** @typedef {{kind: string, title: string, input: "none" | "file" | "project", output: "text" | "edit" | "file", paths: string}} JobKind */
/** @typedef {"queued" | "running" | "done" | "failed" | "canceled"} JobState */
/**
 * `output` is the end of what it printed, at most OUTPUT_UNITS; `partial`: some of it is missing here. `again`: it failed, and
 * is tried again.
 * @typedef {{id: string, kind: string, by: number, user: string, f: number, path: string, state: JobState, tries: number, again: boolean,
 *   code: number | null, ms: number | null, problem: string, output: string, partial: boolean}} Job
 */
/** @typedef {any} Received */

const OUTPUT_UNITS = 262_144;
const KEPT = 100;

/** @param {JobState} state */
export const isOver = (state) => state === "done" || state === "failed" || state === "canceled";

/** Is a kind for this file? One whose input is not a file is for none, and always there. @param {JobKind} kind @param {string} path */
export function suits({ input, paths }, path) {
  if (input !== "file") return true;
  const ends = paths.split(" ").filter(Boolean);
  return path !== "" && (ends.length === 0 || ends.some((end) => path.endsWith(end)));
}

/** Events: `kinds`; `change` with a Job whose state or output is another. */
export class Jobs extends Emitter {
  /** @type {JobKind[]} what can be asked for */
  kinds = [];
  /** @type {Map<string, Job>} oldest first */
  all = new Map();
  /** @type {Map<string, number>} the piece of output that comes next */
  #next = new Map();

  /** @param {Received} list of a welcome */
  welcomed(list) {
    this.kinds = (Array.isArray(list) ? list : []).map(
      ({ kind, title = "", input = "none", output = "text", paths = "" }) => ({
        kind,
        title: title || kind,
        input,
        output,
        paths,
      }),
    );
    this.emitSoon("kinds");
  }

  /** The wire was cut: what was printed meanwhile is not sent again. */
  dropped() {
    for (const job of this.all.values()) if (!isOver(job.state)) job.partial = true;
  }

  /** @param {Received} msg a job event, or a piece of output */
  received(msg) {
    const job = this.all.get(msg.job) ?? this.#make(msg.job);
    if (typeof msg.out === "string") this.#printed(job, msg);
    else this.#moved(job, msg);
    this.emit("change", job);
  }

  /** The server's list, the newest first: those not known here come before those that are. @param {Received[]} list */
  listed(list) {
    const known = this.all;
    this.all = new Map();
    for (const one of [...list].reverse()) {
      const job = known.get(one.job);
      if (job) this.all.set(job.id, job);
      this.told(one);
    }
    for (const [id, job] of known) this.all.set(id, job);
    this.#trim();
  }

  /** What the server tells of one by HTTP, maybe with all that it printed. @param {Received} one */
  told(one) {
    const known = this.all.get(one.job);
    const job = known ?? this.#make(one.job);
    if (!known || !isOver(known.state)) this.#moved(job, one);
    if (!known) job.partial = true; // what it printed is told only where one job is asked for
    if (typeof one.output === "string") {
      job.output = one.output.slice(-OUTPUT_UNITS);
      job.partial = one.output.length > OUTPUT_UNITS;
    }
    this.emit("change", job);
  }

  /** @param {string} id @returns {Job} */
  #make(id) {
    /** @type {Job} */
    const job = {
      id,
      kind: "",
      by: 0,
      user: "",
      f: 0,
      path: "",
      state: "queued",
      tries: 0,
      again: false,
      code: null,
      ms: null,
      problem: "",
      output: "",
      partial: false,
    };
    this.all.set(id, job);
    this.#next.set(id, 0);
    this.#trim();
    return job;
  }

  #trim() {
    for (const { id, state } of this.all.values()) {
      if (this.all.size <= KEPT) return;
      if (isOver(state)) this.#forget(id);
    }
  }

  /** @param {string} id */
  #forget(id) {
    this.all.delete(id);
    this.#next.delete(id);
  }

  /** @param {Job} job @param {Received} msg */
  #moved(job, msg) {
    const { kind, by = 0, user = "", f = 0, path = "", state, code, ms, problem = "", tries } = msg;
    const known = { kind: kind ?? job.kind, by: by || job.by, user: user || job.user };
    Object.assign(job, known, { f: f || job.f, path: path || job.path, state, problem });
    job.tries = tries ?? job.tries;
    job.again = state === "queued" && job.tries > 0;
    if (!isOver(state)) return;
    job.code = code ?? 0;
    job.ms = ms ?? null;
  }

  /** Each try prints from piece 0 on. @param {Job} job @param {Received} msg */
  #printed(job, { i, out }) {
    if (i === 0) Object.assign(job, { output: "", partial: false });
    else if (i !== this.#next.get(job.id)) job.partial = true;
    this.#next.set(job.id, i + 1);
    job.output = (job.output + out).slice(-OUTPUT_UNITS);
    if (job.output.length === OUTPUT_UNITS) job.partial = true;
  }
}
