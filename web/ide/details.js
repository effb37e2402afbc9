// What stands behind the chip: version, people, round trip, instance, store; and the switch that cuts the wire.

import { h } from "./dom.js";
import { storeName } from "./words.js";

/** @typedef {import("../client/project.js").Project} Project */
/** @typedef {import("./status.js").StatusLine} StatusLine */

/** @param {Project} project @param {StatusLine} status @returns {HTMLElement} to be put somewhere into the page */
export function details(project, status) {
  const title = h("h2", {});
  const words = h("p", {});
  const facts = h("dl", { class: "facts" });
  const wire = wireSwitch(project);
  const popover = h(
    "div",
    { class: "details", popover: "auto", role: "dialog", "aria-label": "Connection and version" },
    title,
    words,
    facts,
    wire.element,
  );
  const render = () => {
    if (!popover.matches(":popover-open")) return;
    title.textContent = status.chip.textContent;
    words.textContent = EXPLAINED[status.status.phase] ?? "";
    facts.replaceChildren(
      ...factsOf(project, status).flatMap(([term, value]) => [
        h("dt", {}, term),
        h("dd", {}, value),
      ]),
    );
    wire.render();
  };
  for (const name of ["status", "state", "peers", "rtt", "me"]) project.on(name, render);
  status.documents.on("status", render);
  status.documents.on("active", render);
  status.chip.addEventListener("click", () => {
    popover.togglePopover();
    render();
  });
  popover.addEventListener("toggle", () => {
    const open = popover.matches(":popover-open");
    status.chip.setAttribute("aria-expanded", String(open));
  });
  return popover;
}

/** @type {Partial<Record<import("./status.js").Phase, string>>} */
const EXPLAINED = {
  saved: "Everything is stored on the server.",
  stored: "Everything is in Redis, which is the store of this server.",
  saving: "Your typing is on its way to the server.",
  acknowledged: "It is in the server's log and survives a crash; the file is written in a moment.",
  degraded:
    "The server cannot reach its store at this moment. Go on typing; nothing you typed is lost.",
  offline: "Go on typing. It is merged with everybody's when the wire is back.",
  reconnecting: "The connection broke. Go on typing; nothing you typed is lost.",
  connecting: "The server is being asked for the text.",
  readonly: "You may look at this file, but not change it.",
  gone: "Somebody deleted this file; its text is still here.",
};

/** @param {Project} project @param {StatusLine} status @returns {[string, string][]} */
function factsOf({ peers, rtt, info }, { documents }) {
  const file = documents.active?.status;
  /** @type {[string, string][]} */
  const facts = [];
  if (file) {
    const number = new Intl.NumberFormat("en");
    facts.push(["Version", number.format(file.v)]);
    if (file.phase !== "stored") facts.push(["Saved version", number.format(file.savedV)]);
  }
  facts.push(
    ["People", peers.size === 0 ? "only you" : String(peers.size + 1)],
    ["Round trip", rtt === null ? "not measured yet" : `${rtt} ms`],
    ["Instance", info.inst || "unknown"],
    ["Store", storeName(info.store)],
  );
  return facts;
}

/** @param {Project} project */
function wireSwitch(project) {
  let isCut = false;
  const button = h(
    "button",
    { type: "button", class: "wire", role: "switch", "aria-checked": "false" },
    h("b", {}, "Cut the wire"),
    h("small", {}, "Type here and in another window, switch back, and see it merge."),
    h("span", { class: "switch", "aria-hidden": "true" }),
  );
  const render = () => button.setAttribute("aria-checked", String(isCut));
  button.addEventListener("click", () => {
    isCut = !isCut;
    project.cut(isCut);
    render();
  });
  return { element: button, render };
}
