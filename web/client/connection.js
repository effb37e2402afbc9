// The wire of one project: it connects, says hello, comes back after every cut with a growing, jittered pause, and measures
// the round trip. What the messages mean is the owner's business; order and exactly-once are kept above (core.js).
//
// Every attempt raises `k`, so the server can tell a newer connection of this client from a straggler. A socket that was
// given up is never listened to again, whatever it still says.

import { WeftError } from "./events.js";

/**
 * @typedef {object} Clock
 * @property {() => number} now ms
 * @property {(fn: () => void, ms: number) => any} setTimeout
 * @property {(id: any) => void} clearTimeout
 */

/**
 * @typedef {object} Socket what is used of a WebSocket
 * @property {number} bufferedAmount
 * @property {(data: string) => void} send
 * @property {(code?: number, reason?: string) => void} close
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 */

/**
 * @typedef {object} Owner
 * @property {(k: number) => object | Promise<object>} hello
 * @property {(msg: any) => void} welcomed
 * @property {(msg: any) => void} received
 * @property {() => void} dropped the live connection is gone
 * @property {() => void} stateChanged
 * @property {() => void} ticked once a second while live
 */

/** @typedef {"connecting" | "live" | "reconnecting" | "offline" | "closed"} State */

const HELLO_MS = 10_000;
const PING_MS = 10_000;
const DEAD_MS = 20_000;
const TICK_MS = 1_000;
const STABLE_MS = 5_000;
const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 15_000;

/** @type {Record<number, [string, string]>} */
const REASONS = {
  4400: ["bad_hello", "the server did not understand the greeting"],
  4401: ["unauthorized", "the token is not valid"],
  4403: ["forbidden", "no right to this project"],
  4404: ["no_project", "there is no such project"],
  4408: ["bad_hello", "the server did not get the greeting in time"],
  4409: ["replaced", "this client is connected from another place"],
};

export class Connection {
  /** @type {Socket | null} */
  #socket = null;
  #attempts = 0;
  #liveAt = 0;
  #pingAt = 0;
  #heardAt = 0;
  #queued = 0;
  #wasLive = false;
  #isLive = false;
  #isCut = false;
  /** @type {any} */
  #retry = null;
  /** @type {any} */
  #timer = null;
  /** @type {WeftError | null} */
  #said = null;

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {new (url: string, protocol: string) => Socket} options.WebSocket
   * @param {Clock} options.clock
   * @param {() => number} options.random
   * @param {number} options.k of the last connection of this client
   * @param {Owner} owner
   */
  constructor({ url, WebSocket, clock, random, k }, owner) {
    this.url = url;
    this.Socket = WebSocket;
    this.clock = clock;
    this.random = random;
    this.owner = owner;
    /** number of the present connection */
    this.k = k;
    /** @type {number | null} */
    this.rtt = null;
    /** when the newest ping that was answered had been sent */
    this.answeredAt = -1;
    /** @type {number | null} */
    this.retryAt = null;
    this.draining = false;
    /** @type {WeftError | null} */
    this.error = null;
  }

  /** @returns {State} */
  get state() {
    if (this.error) return "closed";
    if (this.#isCut) return "offline";
    if (this.#isLive) return "live";
    if (!this.#wasLive) return "connecting";
    return globalThis.navigator?.onLine === false ? "offline" : "reconnecting";
  }

  get live() {
    return this.#isLive;
  }

  start() {
    this.#clearRetry();
    if (this.error || this.#isCut || this.#socket) return;
    const k = ++this.k;
    this.#timer = this.clock.setTimeout(() => this.#lost(k), HELLO_MS);
    this.#hello(k);
  }

  /** @param {number} k */
  async #hello(k) {
    try {
      const hello = await this.owner.hello(k);
      if (k !== this.k || this.#timer === null) return;
      const socket = new this.Socket(this.url, "weft.v1");
      this.#socket = socket;
      socket.onopen = () => socket.send(JSON.stringify(hello));
      socket.onmessage = (event) => this.#arrived(socket, event.data);
      socket.onclose = (event) => this.#closed(socket, event.code);
      socket.onerror = () => {};
    } catch (error) {
      if (k === this.k) this.#lost(k);
      console.warn(error);
    }
  }

  /** @param {object} message */
  send(message) {
    if (this.#isLive) this.#socket?.send(JSON.stringify(message));
  }

  /** Gives the connection up and makes a new one, after a pause if that happens again and again. */
  restart() {
    this.#lost(this.k);
  }

  /** Tries now instead of after the pause. */
  retry() {
    if (this.#retry !== null) this.start();
  }

  /** @param {boolean} on */
  cut(on) {
    if (this.#isCut === on || this.error) return;
    this.#isCut = on;
    if (on) {
      this.#drop();
      this.#clearRetry();
    } else {
      this.#attempts = 0;
      this.start();
    }
    this.owner.stateChanged();
  }

  /** For good. @param {WeftError} error */
  end(error) {
    if (this.error) return;
    this.error = error;
    this.#drop();
    this.#clearRetry();
    this.owner.stateChanged();
  }

  /** @param {WeftError} error that the server said and may close for */
  remember(error) {
    this.#said = error;
  }

  /** The server goes away soon. @param {number} spread ms */
  drain(spread) {
    if (this.draining || !this.#isLive) return;
    this.draining = true;
    const { k } = this;
    this.clock.setTimeout(
      () => {
        if (k === this.k && this.#isLive) this.#lost(k, 0);
      },
      Math.floor(this.random() * spread),
    );
  }

  ping() {
    if (!this.#isLive || this.#pingAt > this.answeredAt) return;
    this.#pingAt = Math.round(this.clock.now());
    this.send({ t: "ping", ts: this.#pingAt });
  }

  /**
   * @param {Socket} socket
   * @param {unknown} data
   */
  #arrived(socket, data) {
    if (socket !== this.#socket) return;
    this.#heardAt = this.clock.now();
    let messages;
    try {
      messages = JSON.parse(String(data));
    } catch {
      return this.restart();
    }
    for (const msg of Array.isArray(messages) ? messages : [messages]) {
      if (socket !== this.#socket) return;
      if (msg?.t === "welcome" && !this.#isLive) this.#welcomed(msg);
      else if (msg?.t === "pong") this.#answered(msg);
      else if (typeof msg?.t === "string") this.owner.received(msg);
    }
  }

  /** @param {any} msg */
  #welcomed(msg) {
    this.clock.clearTimeout(this.#timer);
    this.#wasLive = this.#isLive = true;
    this.draining = false;
    this.#said = null;
    this.#liveAt = this.#heardAt;
    this.#pingAt = this.answeredAt = -1;
    this.owner.welcomed(msg);
    this.owner.stateChanged();
    this.ping();
    if (this.#isLive) this.#timer = this.clock.setTimeout(() => this.#tick(), TICK_MS);
  }

  /** @param {any} msg */
  #answered(msg) {
    if (msg.ts !== this.#pingAt) return;
    this.answeredAt = this.#pingAt;
    this.rtt = Math.max(0, Math.round(this.clock.now()) - this.#pingAt);
    this.owner.received(msg);
  }

  #tick() {
    this.#timer = this.clock.setTimeout(() => this.#tick(), TICK_MS);
    const now = this.clock.now();
    const queued = this.#socket?.bufferedAmount ?? 0;
    if (queued < this.#queued) this.#heardAt = now;
    this.#queued = queued;
    if (now - this.#liveAt > STABLE_MS) this.#attempts = 0;
    const unanswered = this.#pingAt > this.answeredAt && this.#pingAt >= this.#heardAt;
    if (unanswered && now - this.#pingAt > DEAD_MS) return this.restart();
    if (now - Math.max(this.answeredAt, this.#pingAt) >= PING_MS) this.ping();
    this.owner.ticked();
  }

  /**
   * @param {Socket} socket
   * @param {number} code
   */
  #closed(socket, code) {
    if (socket !== this.#socket) return;
    if (code >= 4400 && code < 4500) {
      const [name, text] = REASONS[code] ?? ["closed", `closed by the server (${code})`];
      const said = this.#said;
      return this.end(new WeftError(said?.code ?? name, said?.message ?? text, true));
    }
    this.#lost(this.k);
  }

  /** @param {number} k @param {number} [pause] ms; absent: it grows */
  #lost(k, pause) {
    if (k !== this.k || this.error || this.#isCut) return;
    this.#drop();
    const backoff = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(this.#attempts++, 10));
    const ms = pause ?? Math.round(backoff * (0.5 + this.random()));
    this.#clearRetry();
    this.retryAt = this.clock.now() + ms;
    this.#retry = this.clock.setTimeout(() => this.start(), ms);
    this.owner.stateChanged();
  }

  /** Lets go of the socket. */
  #drop() {
    const socket = this.#socket;
    const wasLive = this.#isLive;
    this.#socket = null;
    this.#isLive = this.draining = false;
    this.#queued = 0;
    this.clock.clearTimeout(this.#timer);
    this.#timer = null;
    socket?.close(1000);
    if (wasLive) this.owner.dropped();
  }

  #clearRetry() {
    this.clock.clearTimeout(this.#retry);
    this.#retry = null;
    this.retryAt = null;
  }
}
