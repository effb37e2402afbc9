// Addresses: `/` is the picker, `/p/<project>/<path>` a file of a project.

/** @typedef {{project: string, path: string}} Place `project` is "" on the picker, `path` is "" where none is named */

/** @param {string} pathname @returns {Place} */
export function parsePlace(pathname) {
  const match = /^\/p\/([^/]+)\/?(.*)$/.exec(pathname);
  if (!match) return { project: "", path: "" };
  try {
    return {
      project: decodeURIComponent(match[1]),
      path: match[2].split("/").map(decodeURIComponent).join("/"),
    };
  } catch {
    return { project: "", path: "" };
  }
}

/** @param {Place} place @returns {string} */
export function addressOf({ project, path }) {
  if (!project) return "/";
  const address = `/p/${encodeURIComponent(project)}`;
  return path ? `${address}/${path.split("/").map(encodeURIComponent).join("/")}` : address;
}

/** @returns {Place} */
export function currentPlace() {
  return parsePlace(location.pathname);
}

/**
 * Changes the address without telling `onPlace`.
 * @param {Place} place
 * @param {boolean} [replace] the present entry of the history instead of a new one
 */
export function showPlace(place, replace = false) {
  const address = addressOf(place);
  if (address === location.pathname) return;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}

/** @param {(place: Place) => void} listener called when people go back and forth */
export function onPlace(listener) {
  addEventListener("popstate", () => listener(currentPlace()));
}

/** Takes over plain clicks on a link, so that modified ones still open windows. @param {(event: MouseEvent) => void} go */
export function onPlainClick(go) {
  return (/** @type {MouseEvent} */ event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(event);
  };
}
