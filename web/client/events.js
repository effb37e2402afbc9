// Events for objects of the SDK. What a handler throws is the handler's fault: it is reported and disturbs nobody else.

/** Something to listen to. */
export class Emitter {
  /** @type {Map<string, Set<(arg: any) => void>>} */
  #handlers = new Map();
  /** @type {Set<string>} */
  #due = new Set();

  /**
   * @param {string} name
   * @param {(arg: any) => void} handler
   * @returns {() => void} unsubscribes
   */
  on(name, handler) {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers);
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  /** @param {string} name @returns {boolean} somebody listens */
  heard(name) {
    return (this.#handlers.get(name)?.size ?? 0) > 0;
  }

  /**
   * Calls the handlers now. For the owner of the object.
   * @param {string} name
   * @param {unknown} [arg]
   */
  emit(name, arg) {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) {
      try {
        handler(arg);
      } catch (error) {
        console.error(error);
      }
    }
  }

  /**
   * Calls them in a later microtask, once however often this is called until then.
   * @param {string} name
   * @param {() => unknown} [arg]
   */
  emitSoon(name, arg) {
    if (this.#due.has(name)) return;
    this.#due.add(name);
    queueMicrotask(() => {
      this.#due.delete(name);
      this.emit(name, arg?.());
    });
  }
}

/** What the server, or the client itself, refuses. `code` is stable, `message` is for people. */
export class WeftError extends Error {
  /**
   * @param {string} code
   * @param {string} [message]
   * @param {boolean} [fatal]
   */
  constructor(code, message, fatal = false) {
    super(message || code);
    this.name = "WeftError";
    this.code = code;
    this.fatal = fatal;
  }
}
