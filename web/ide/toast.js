// Short messages at the bottom, with at most one thing to do. They stay while the pointer or the focus is on them.

import { h } from "./dom.js";

const SHOWN_MS = 8000;
const MOST = 3;

/** @type {HTMLElement | null} */
let place = null;

/**
 * @param {string} text
 * @param {{label: string, run: () => void}} [action]
 */
export function toast(text, action) {
  if (!place?.isConnected) {
    place = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
    document.body.append(place);
  }
  const message = h("div", { class: "toast" }, h("span", {}, text));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const leave = () => message.remove();
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(leave, SHOWN_MS);
  };
  const stay = () => clearTimeout(timer);
  if (action) message.append(actionButton(action, leave));
  message.addEventListener("pointerenter", stay);
  message.addEventListener("pointerleave", wait);
  message.addEventListener("focusin", stay);
  message.addEventListener("focusout", wait);
  place.append(message);
  if (place.childElementCount > MOST) place.firstElementChild?.remove();
  wait();
}

/** @param {{label: string, run: () => void}} action @param {() => void} leave */
function actionButton({ label, run }, leave) {
  const onclick = () => {
    leave();
    run();
  };
  return h("button", { type: "button", onclick }, label);
}
