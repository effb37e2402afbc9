/**
 * A stock @codemirror/collab client behind weft.v1: the package's own receiveUpdates and sendableUpdates, one
 * receiveUpdates per update (rule R1), and twenty lines between them and the wire. What the server sends waits in a
 * queue until the test lets it arrive, so that a schedule decides who knows what.
 */
import { ChangeSet, EditorState } from "@codemirror/state";
import { collab, getSyncedVersion, receiveUpdates, sendableUpdates } from "@codemirror/collab";
import WebSocket from "ws";
import { within } from "./wait.mjs";

export class CollabClient {
  /**
   * @param {{url: () => string, project: string, path: string, mayReset?: boolean}} options
   *   mayReset: where the log does not reach back it begins anew, without what it had not sent
   */
  constructor(options) {
    this.options = options;
    this.k = 0;
    this.resume = "";
    this.ep = "";
    this.cid = 0;
    this.f = 0;
    this.n = 0;
    /** Updates of the message in flight. */
    this.inflight = 0;
    this.ready = false;
    /** @type {any[]} what has come and did not arrive yet */
    this.queue = [];
    /** @type {EditorState | null} */
    this.state = null;
    /** @type {Set<() => void>} */
    this.waiting = new Set();
    /** @type {string[]} */
    this.errors = [];
    /** Called with each remote change as it moved this client's text. @type {((by: number, changes: ChangeSet) => void) | null} */
    this.heard = null;
  }

  get text() {
    return this.state?.doc.toString();
  }

  get version() {
    return this.state ? getSyncedVersion(this.state) : 0;
  }

  get pending() {
    return this.state ? sendableUpdates(this.state).length : 0;
  }

  /** Connects, or comes back; the answers wait in the queue. */
  connect() {
    this.socket?.terminate();
    this.queue = [];
    this.ready = false;
    this.k += 1;
    const socket = new WebSocket(this.options.url(), "weft.v1", { perMessageDeflate: false });
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("close", () => socket === this.socket && this.wake());
    socket.on("message", (data) => {
      if (socket !== this.socket) return;
      const frame = JSON.parse(String(data));
      this.queue.push(...(Array.isArray(frame) ? frame : [frame]));
      this.wake();
    });
    socket.on("open", () => {
      const { project } = this.options;
      const back = this.resume ? { resume: this.resume, k: this.k } : { template: "blank" };
      this.send({ t: "hello", v: 1, project, ...back });
    });
  }

  wake() {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }

  /** @param {object} message */
  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** Lets the next message arrive; false where none has come. */
  arrive() {
    const message = this.queue.shift();
    if (message) this.receive(message);
    return message !== undefined;
  }

  /** Lets messages arrive, waiting for them, until the condition holds. @param {() => boolean} condition @param {string} what */
  async arriveUntil(condition, what) {
    const run = async () => {
      while (!condition())
        if (!this.arrive())
          await new Promise((resolve) => this.waiting.add(() => resolve(undefined)));
    };
    await within(run(), () => `${what}: ${this.describe()}`);
  }

  /** @param {any} message */
  receive(message) {
    switch (message.t) {
      case "welcome":
        this.cid = message.cid;
        this.resume = message.resume;
        this.ep = message.ep;
        if (this.state) this.reopen();
        else this.send({ t: "open", path: this.options.path });
        break;
      case "file":
        if (this.state && !this.options.mayReset)
          throw new Error(`a snapshot in the place of a resume: ${message.reset}`);
        this.f = message.f;
        this.n = Math.max(this.n, message.n);
        this.inflight = 0;
        this.state = EditorState.create({
          doc: message.text,
          extensions: [collab({ startVersion: message.v, clientID: String(this.cid) })],
        });
        this.synced();
        break;
      case "synced":
        this.synced();
        break;
      case "ack":
        this.update({ clientID: String(this.cid), changes: this.own()[0].changes });
        break;
      case "edit":
        this.update({ clientID: String(message.by), changes: ChangeSet.fromJSON(message.c) });
        break;
      case "resync":
        this.reopen();
        break;
      case "error":
        this.errors.push(`${message.code}: ${message.msg}`);
        this.ready = false; // the file is not open any more
        break;
    }
  }

  reopen() {
    this.ready = false;
    this.send({ t: "open", f: this.f, v: this.version, ep: this.ep });
  }

  describe() {
    const { version, pending, inflight, n, ready, errors, socket } = this;
    return JSON.stringify({
      version,
      pending,
      inflight,
      n,
      ready,
      errors,
      socket: socket?.readyState,
    });
  }

  own() {
    return sendableUpdates(/** @type {EditorState} */ (this.state));
  }

  /** @param {{clientID: string, changes: ChangeSet}} update */
  update(update) {
    const state = /** @type {EditorState} */ (this.state);
    const transaction = receiveUpdates(state, [update]);
    this.state = transaction.state;
    if (update.clientID === String(this.cid)) this.inflight -= 1;
    else this.heard?.(Number(update.clientID), transaction.changes);
    this.push();
  }

  synced() {
    this.ready = true;
    // What was in flight goes again with the same numbers: all of a list is in the log, or nothing.
    if (this.inflight > 0) this.sendList(this.inflight);
    this.push();
  }

  /** @param {{from: number, to?: number, insert?: string} | {from: number, to?: number, insert?: string}[]} changes */
  type(changes) {
    const state = /** @type {EditorState} */ (this.state);
    this.state = state.update({ changes }).state;
    this.push();
  }

  /** Sends what there is, one message at a time. */
  push() {
    if (!this.ready || this.inflight > 0) return;
    const count = Math.min(this.own().length, 64);
    if (count === 0) return;
    this.n += count;
    this.inflight = count;
    this.sendList(count);
  }

  /** @param {number} count */
  sendList(count) {
    const cs = this.own()
      .slice(0, count)
      .map((update) => update.changes.toJSON());
    this.send({ t: "edit", f: this.f, v: this.version, n: this.n, cs });
  }

  close() {
    this.socket?.terminate();
  }
}
