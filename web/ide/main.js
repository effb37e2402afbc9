// The page: the picker at `/`, a project at `/p/<project>/<path>`. The workspace with its editor is a chunk of its own, so the
// picker is there at once; it is asked for while somebody still chooses.

import { h } from "./dom.js";
import { openPicker } from "./picker.js";
import { currentPlace, onPlace, showPlace } from "./router.js";
import { startTheme } from "./theme.js";
import { confirm } from "./dialog.js";

/** @typedef {import("./router.js").Place} Place */
/** @typedef {import("./workspace.js").Workspace} Workspace */

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
/** @type {Workspace | null} */
let workspace = null;
let endPicker = () => {};
let shown = 0;

const loadWorkspace = () => import("./workspace.js");

/** @param {string} project "" for the picker */
async function go(project) {
  if (workspace && !(await mayLeave(workspace))) return;
  showPlace({ project, path: "" });
  await show(currentPlace());
}

/** @param {Place} place */
async function show(place) {
  const turn = ++shown;
  if (workspace && place.project === workspace.id) return workspace.go(place.path);
  workspace?.close();
  workspace = null;
  endPicker();
  endPicker = () => {};
  if (!place.project) {
    endPicker = openPicker(root, go);
    loadWorkspace().catch(() => {});
    return;
  }
  try {
    const { openWorkspace } = await loadWorkspace();
    if (turn === shown) workspace = openWorkspace(root, place, go);
  } catch (error) {
    console.error(error);
    if (turn === shown) root.replaceChildren(notLoaded());
  }
}

/** @param {Workspace} leaving */
async function mayLeave(leaving) {
  const { pending } = leaving;
  if (!pending) return true;
  const title =
    pending === 1 ? "Leave with an edit not sent?" : `Leave with ${pending} edits not sent?`;
  return confirm({
    title,
    text: "They are only in this window, and are lost if you leave.",
    yes: "Leave",
  });
}

function notLoaded() {
  const again = h("button", { class: "button", onclick: () => location.reload() }, "Reload");
  const words = "The editor could not be loaded; check that the server runs, and reload.";
  return h("main", { class: "blank" }, h("h2", {}, "No editor"), h("p", {}, words), again);
}

startTheme();
onPlace(show);
addEventListener("beforeunload", (event) => {
  if (workspace?.pending) event.preventDefault();
});
show(currentPlace());
