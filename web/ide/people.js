// Who is here: a small pile of faces in the bar, and the list with names, places, the own name and colour.

import { colorOfPeer } from "../client/weft.js";
import { Emitter } from "../client/events.js";
import { arrange, h, oncePerFrame, setText } from "./dom.js";
import { swatches } from "./swatches.js";
import { toast } from "./toast.js";
import { initials } from "./words.js";

/** @typedef {import("../client/project.js").Project} Project */
/** @typedef {import("../client/project.js").Peer} Peer */
/** @typedef {import("./follow.js").Follow} Follow */
/** @typedef {{by: number, user: string, name: string, color: number | null}} Person */

const SHOWN_FACES = 4;
const NAME_BYTES = 64;

/** @param {Person} person */
function face(person) {
  const { name } = person;
  return h(
    "span",
    { class: "face", "data-color": colorOfPeer(person), "aria-hidden": "true" },
    initials(name),
  );
}

/** @param {Project} project @returns {Peer[]} in an order that does not change when somebody moves */
function others(project) {
  return [...project.peers.values()].sort((a, b) => a.by - b.by);
}

/** @param {Project} project @returns {Person} */
function self({ me }) {
  return { by: me.cid, user: me.user, name: me.name, color: me.color };
}

/** @param {Project} project @param {() => void} open the list */
export function faces(project, open) {
  const pile = h("span", { class: "faces-pile" });
  const more = h("span", { class: "faces-more", "aria-hidden": "true" });
  const label = h("span", { class: "unseen" });
  const button = h(
    "button",
    { type: "button", class: "faces", "data-panel": "people", onclick: open },
    pile,
    more,
    label,
  );
  const render = () => {
    const people = [self(project), ...others(project)];
    pile.replaceChildren(...people.slice(0, SHOWN_FACES).map(face));
    more.textContent = people.length > SHOWN_FACES ? `+${people.length - SHOWN_FACES}` : "";
    label.textContent = people.length === 1 ? "People: only you" : `People: ${people.length}`;
    button.title = label.textContent;
  };
  const soon = oncePerFrame(render);
  project.on("peers", soon);
  project.on("me", soon);
  render();
  return button;
}

/** Events: `renamed` with the new own name, `recolored` with the new own colour. */
export class PeopleList extends Emitter {
  /** @type {Map<number, HTMLElement>} */
  #rows = new Map();
  #editing = false;

  /**
   * @param {Project} project
   * @param {Follow} follow
   */
  constructor(project, follow) {
    super();
    this.project = project;
    this.follow = follow;
    /** @type {HTMLElement} */
    this.own = h("div", { class: "person" });
    this.swatches = swatches((color) => this.emit("recolored", color));
    this.list = h("ul", { "aria-label": "People" });
    this.alone = h("p", {}, "Nobody else is here yet.");
    this.link = h(
      "a",
      { class: "button", target: "_blank", rel: "noopener" },
      "Open a second window",
    );
    this.element = h("div", {}, this.own, this.swatches.element, this.list, this.#invite());
    // While it is not shown, others' typing costs nothing here.
    const soon = oncePerFrame(() => this.element.isConnected && this.render());
    for (const name of ["peers", "me", "files"]) project.on(name, soon);
    follow.editor.on("cursor", soon);
    follow.on("change", () => this.render());
    this.#showOwn();
    project.on("me", () => this.#showOwn());
  }

  #invite() {
    const copy = h(
      "button",
      { type: "button", class: "button", onclick: copyAddress },
      "Copy the address",
    );
    const words = "Whoever has the address of this page can type along.";
    return h(
      "div",
      { class: "invite" },
      this.alone,
      h("p", {}, words),
      h("div", { class: "buttons" }, this.link, copy),
    );
  }

  render() {
    const people = others(this.project);
    const before = this.#rows;
    this.#rows = new Map(
      people.map((peer) => [peer.by, before.get(peer.by) ?? this.#makeRow(peer.by)]),
    );
    for (const peer of people) this.#fill(peer);
    arrange(this.list, [...this.#rows.values()]);
    this.alone.hidden = people.length > 0;
    this.link.setAttribute("href", location.href);
  }

  /** @param {number} by */
  #makeRow(by) {
    const toggle = () => (this.follow.by === by ? this.follow.stop() : this.follow.start(by));
    const words = h(
      "span",
      { class: "person-words" },
      h("span", { class: "person-name" }),
      h("span", { class: "person-place" }),
    );
    return h(
      "li",
      {},
      h("button", { type: "button", class: "person", onclick: toggle }, h("span"), words),
    );
  }

  /** @param {Peer} peer */
  #fill(peer) {
    const row = /** @type {HTMLElement} */ (this.#rows.get(peer.by));
    const button = /** @type {HTMLElement} */ (row.firstElementChild);
    button.setAttribute("aria-pressed", String(this.follow.by === peer.by));
    button.title = `Follow ${peer.name}`;
    const [sign, words] = button.children;
    const now = face(peer);
    if (!sign.isEqualNode(now)) sign.replaceWith(now);
    setText(words.children[0], peer.name);
    setText(words.children[1], this.#place(peer));
  }

  /** @param {Peer} peer @returns {string} such as "src/main.c, line 12" */
  #place({ by, f }) {
    const path = this.project.files.get(f)?.path;
    if (!path) return "in no file";
    const line = this.follow.editor.lineOf(f, by);
    return line ? `${path}, line ${line}` : path;
  }

  #showOwn() {
    const me = self(this.project);
    this.swatches.show(colorOfPeer(me));
    if (this.#editing) return;
    const place = h("span", { class: "person-place" }, "you · change name");
    const words = h(
      "span",
      { class: "person-words" },
      h("span", { class: "person-name" }, me.name),
      place,
    );
    const button = h("button", { type: "button", class: "person" }, face(me), words);
    button.addEventListener("click", () => this.#editOwn(me));
    const focused = this.own === document.activeElement;
    this.own.replaceWith(button);
    this.own = button;
    if (focused) button.focus();
  }

  /** @param {Person} me */
  #editOwn(me) {
    const input = h("input", {
      class: "field",
      value: me.name,
      "aria-label": "Your name",
      maxlength: 40,
    });
    this.#editing = true;
    const finish = (/** @type {boolean} */ take) => {
      if (!this.#editing) return;
      this.#editing = false;
      const name = fitting(input.value);
      this.#showOwn();
      this.own.focus();
      if (take && name && name !== me.name) this.emit("renamed", name);
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) finish(true);
      if (event.key === "Escape") finish(false);
    });
    input.addEventListener("blur", () => finish(true));
    const row = h(
      "div",
      { class: "person" },
      face(me),
      h("span", { class: "person-words" }, input),
    );
    this.own.replaceWith(row);
    this.own = row;
    input.select();
  }
}

/** @param {string} typed @returns {string} at most what the protocol takes */
function fitting(typed) {
  let name = typed.trim();
  while (new TextEncoder().encode(name).length > NAME_BYTES) name = [...name].slice(0, -1).join("");
  return name;
}

async function copyAddress() {
  try {
    await navigator.clipboard.writeText(location.href);
    toast("The address is copied.");
  } catch {
    toast(`The address is ${location.href}`);
  }
}
