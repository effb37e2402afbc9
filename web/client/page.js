// What a browser's page knows: where it came from, when the network is back, and when it goes away. In Node, nothing.

/**
 * @typedef {object} PageEvents
 * @property {() => void} awake the page is looked at again, or the network is there: worth an attempt
 * @property {() => void} changed the browser's idea of the network
 * @property {() => void} leaving for good, or into the back-forward cache
 * @property {() => void} back out of that cache
 */

/** @returns {string} the server that the page came from */
export function pageUrl() {
  const { protocol, host } = globalThis.location ?? {};
  if (!host) throw new TypeError("connect needs a url");
  return `${protocol === "https:" ? "wss:" : "ws:"}//${host}/`;
}

/**
 * @param {PageEvents} events
 * @returns {() => void} stops
 */
export function listenToPage({ awake, changed, leaving, back }) {
  const page = /** @type {any} */ (globalThis);
  if (!page.document || !page.addEventListener) return () => {};
  /** @type {[EventTarget, string, (event: any) => void][]} */
  const listeners = [
    [page, "online", awake],
    [page, "offline", changed],
    [page.document, "visibilitychange", awake],
    [page, "pagehide", leaving],
    [page, "pageshow", (event) => event.persisted && back()],
  ];
  for (const [target, name, fn] of listeners) target.addEventListener(name, fn);
  return () => {
    for (const [target, name, fn] of listeners) target.removeEventListener(name, fn);
  };
}
