/** Waiting for what must happen, with a deadline; never for time to pass. */

/** How long anything may take before the test says what it waited for. Sanitizers on two busy cores are slow. */
export const DEADLINE_MS = Number(process.env.WEFT_DEADLINE_MS ?? 60_000);

/** @param {string | (() => string)} what @param {number} ms */
const late = (what, ms) =>
  new Error(`waited ${ms} ms for ${typeof what === "function" ? what() : what}`);

/**
 * Polls until the condition holds and returns its value.
 * @template T
 * @param {() => T | Promise<T>} condition @param {string | (() => string)} what @param {number} [ms]
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(condition, what, ms = DEADLINE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw late(what, ms);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * @template T
 * @param {Promise<T>} promise @param {string | (() => string)} what @param {number} [ms]
 * @returns {Promise<T>}
 */
export async function within(promise, what, ms = DEADLINE_MS) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(late(what, ms)), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
