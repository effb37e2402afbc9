// A text in chunks, so that an edit in a large file costs the chunk it touches and a walk over the list of chunks (256 for
// 1 MiB), not a copy of the file. It is changed in place; whoever needs a value of its own takes `toString()`.

import { lengthBefore } from "./change.js";

/** @typedef {import("./change.js").Change} Change */

const CHUNK = 4096;

/** @param {string} text @returns {string[]} */
function cut(text) {
  const chunks = [];
  for (let at = 0; at < text.length; at += CHUNK) chunks.push(text.slice(at, at + CHUNK));
  return chunks;
}

export class Text {
  /** @param {string} text */
  constructor(text) {
    this.chunks = cut(text);
    this.length = text.length;
  }

  toString() {
    return this.chunks.join("");
  }

  /**
   * @param {number} pos
   * @returns {{index: number, start: number}} the chunk that holds the unit at pos; the last one at the end
   */
  #find(pos) {
    let index = 0;
    let start = 0;
    const last = this.chunks.length - 1;
    while (index < last && start + this.chunks[index].length <= pos) {
      start += this.chunks[index++].length;
    }
    return { index, start };
  }

  /** @param {number} pos @returns {number} the unit, 0 outside */
  unitAt(pos) {
    if (pos < 0 || pos >= this.length) return 0;
    const { index, start } = this.#find(pos);
    return this.chunks[index].charCodeAt(pos - start);
  }

  /** @param {number} from @param {number} to @returns {string} */
  slice(from, to) {
    if (from >= to || from >= this.length) return "";
    let { index, start } = this.#find(from);
    let out = "";
    for (; index < this.chunks.length && start < to; index++) {
      const chunk = this.chunks[index];
      out += chunk.slice(Math.max(0, from - start), to - start);
      start += chunk.length;
    }
    return out;
  }

  /** @param {number} from @param {number} to @param {string} insert */
  #replace(from, to, insert) {
    const { index, start } = this.#find(from);
    let end = index;
    let stop = start + (this.chunks[end] ?? "").length;
    while (stop < to) stop += this.chunks[++end].length;
    const head = (this.chunks[index] ?? "").slice(0, from - start);
    const tail = (this.chunks[end] ?? "").slice((this.chunks[end] ?? "").length - (stop - to));
    let middle = head + insert + (stop > to ? tail : "");
    const next = this.chunks[end + 1];
    if (next !== undefined && middle.length + next.length < CHUNK / 2) {
      middle += next;
      end++;
    }
    const pieces = middle.length > 2 * CHUNK ? cut(middle) : middle ? [middle] : [];
    this.chunks.splice(index, end - index + 1, ...pieces);
    this.length += insert.length - (to - from);
  }

  /** @param {Change} change @throws {RangeError} when it is for another length; nothing is changed then */
  apply(change) {
    if (lengthBefore(change) !== this.length)
      throw new RangeError("the change is for another text");
    let pos = 0;
    for (const part of change) {
      if (typeof part === "number") pos += part;
      else {
        const insert = part.length > 1 ? part.slice(1).join("\n") : "";
        this.#replace(pos, pos + part[0], insert);
        pos += insert.length;
      }
    }
  }

  /** @returns {string} CRC-32 of the UTF-8 form, 8 hex digits */
  crc32() {
    let crc = ~0;
    const encoder = new TextEncoder();
    let high = "";
    for (const chunk of this.chunks) {
      let text = high + chunk;
      const last = text.charCodeAt(text.length - 1);
      high = (last & 0xfc00) === 0xd800 ? text.slice(-1) : "";
      if (high) text = text.slice(0, -1);
      for (const byte of encoder.encode(text)) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
    }
    return (~crc >>> 0).toString(16).padStart(8, "0");
  }
}

const TABLE = new Int32Array(256).map((_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});
