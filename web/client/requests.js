// Questions to the server that have an answer: each has a number `q` that comes back, and a promise. Kinds with a rate wait
// their turn here, so the server never has to refuse them.

import { WeftError } from "./events.js";
import { Bucket } from "./rate.js";

/** @typedef {import("./connection.js").Clock} Clock */

/** @type {Record<string, [number, number]>} messages a second and burst that the server allows */
const RATES = { fs: [20, 100], chat: [2, 10], clap: [10, 20], run: [1, 5], other: [20, 100] };

/** @type {Record<string, string>} */
const KINDS = { create: "fs", rename: "fs", delete: "fs", chat: "chat", clap: "clap", run: "run" };

export class Requests {
  #last = 0;
  /** @type {Map<number, {t: string, fields: object, sent: boolean, resolve: (msg: any) => void, reject: (e: Error) => void}>} */
  #open = new Map();
  /** @type {Map<string, Bucket>} */
  #buckets = new Map();

  /**
   * @param {Clock} clock
   * @param {(msg: object) => boolean} send false: not connected now
   */
  constructor(clock, send) {
    this.clock = clock;
    this.send = send;
    for (const [kind, [rate, burst]] of Object.entries(RATES)) {
      this.#buckets.set(kind, new Bucket(rate, burst));
    }
  }

  /** @returns {number} a number for a question whose answer is looked for elsewhere */
  number() {
    return ++this.#last;
  }

  /**
   * @param {string} t
   * @param {object} fields
   * @returns {Promise<any>} the answer
   */
  ask(t, fields) {
    const q = this.number();
    return new Promise((resolve, reject) => {
      this.#open.set(q, { t, fields, sent: false, resolve, reject });
      const bucket = /** @type {Bucket} */ (this.#buckets.get(KINDS[t] ?? "other"));
      const ms = bucket.reserve(this.clock.now());
      if (ms) this.clock.setTimeout(() => this.#go(q), ms);
      else this.#go(q);
    });
  }

  /** @param {number} q */
  #go(q) {
    const question = this.#open.get(q);
    if (!question || question.sent) return;
    question.sent = this.send({ t: question.t, q, ...question.fields });
  }

  /** Connected: sends what waited. */
  resume() {
    for (const q of [...this.#open.keys()]) this.#go(q);
  }

  /**
   * @param {any} msg
   * @returns {boolean} it was the answer to a question of ours
   */
  answered(msg) {
    const question = this.#open.get(msg.q);
    if (!question) return false;
    this.#open.delete(msg.q);
    if (msg.t === "error") question.reject(new WeftError(msg.code, msg.msg, msg.fatal === true));
    else question.resolve(msg);
    return true;
  }

  /**
   * The wire is cut: nobody knows about those that were sent.
   * @param {WeftError} error
   * @param {boolean} all those that were not sent as well
   */
  fail(error, all) {
    for (const [q, question] of [...this.#open]) {
      if (!question.sent && !all) continue;
      this.#open.delete(q);
      question.reject(error);
    }
  }
}
