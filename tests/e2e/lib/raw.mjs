/**
 * A client without opinions: sends any frame, keeps every message in order.
 *
 *     const raw = await Raw.open(server.ws);
 *     raw.send({ t: "hello", v: 1, project: "demo", template: "blank" });
 *     const welcome = await raw.next("welcome");
 */
import WebSocket from "ws";
import { within } from "./wait.mjs";

export class Raw {
  /** @param {WebSocket} socket */
  constructor(socket) {
    this.socket = socket;
    /** @type {any[]} messages that nobody asked for yet */
    this.messages = [];
    /** @type {{code: number, reason: string} | null} */
    this.closed = null;
    /** @type {Set<() => void>} */
    this.waiting = new Set();
    socket.on("message", (data, binary) => {
      if (binary) throw new Error("the server sent a binary frame");
      const frame = JSON.parse(String(data));
      this.messages.push(...(Array.isArray(frame) ? frame : [frame]));
      this.wake();
    });
    socket.on("close", (code, reason) => {
      this.closed = { code, reason: String(reason) };
      this.wake();
    });
    socket.on("error", () => {});
  }

  wake() {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }

  /** @param {string} url @param {object} [options] @returns {Promise<Raw>} */
  static open(url, options = {}) {
    const socket = new WebSocket(url, "weft.v1", { perMessageDeflate: false, ...options });
    const raw = new Raw(socket);
    return within(
      new Promise((resolve, reject) => {
        socket.once("open", () => resolve(raw));
        socket.once("error", reject);
      }),
      "the socket to open",
    );
  }

  /** Opens, says hello, and waits for welcome, which is in .me. @param {string} url @param {object} hello */
  static async join(url, hello) {
    const raw = await Raw.open(url);
    raw.send({ t: "hello", v: 1, ...hello });
    raw.me = await raw.next("welcome");
    return raw;
  }

  /** @param {any} message an object, an array, or text that goes as it is */
  send(message) {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /**
   * The next message for which the test holds (a type, or a function), in order of arrival; those before it are
   * dropped unless they are kept by `keep`.
   * @param {string | ((message: any) => boolean)} test @param {number} [ms]
   */
  async next(test, ms) {
    const fits = typeof test === "function" ? test : (/** @type {any} */ m) => m.t === test;
    const search = async () => {
      for (;;) {
        while (this.messages.length) {
          const message = this.messages.shift();
          if (fits(message)) return message;
        }
        if (this.closed)
          throw new Error(`closed ${this.closed.code} ${this.closed.reason}, no ${test} came`);
        await new Promise((resolve) => this.waiting.add(() => resolve(undefined)));
      }
    };
    return within(search(), String(test), ms);
  }

  /** Waits for the end of the connection: {code, reason}. */
  async end() {
    const ended = async () => {
      while (!this.closed)
        await new Promise((resolve) => this.waiting.add(() => resolve(undefined)));
      return this.closed;
    };
    return within(ended(), "the connection to be closed");
  }

  /** A question that is answered behind everything before it. */
  async settle() {
    const ts = Math.floor(Math.random() * 2 ** 40);
    this.send({ t: "ping", ts });
    await this.next((m) => m.t === "pong" && m.ts === ts);
  }

  close() {
    this.socket.close();
  }

  /** Ends without a word. */
  terminate() {
    this.socket.terminate();
  }
}
