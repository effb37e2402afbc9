// A token bucket per kind of message, somewhat stricter than the server's: it is never to say `error rate` to this client.

// Of the server's rate and burst; the rest is for messages that a slow network delivers at once.
const RATE = 0.8;
const BURST = 0.5;

export class Bucket {
  /**
   * @param {number} perSecond what the server allows
   * @param {number} burst
   */
  constructor(perSecond, burst) {
    this.perMs = (perSecond * RATE) / 1000;
    this.most = Math.max(1, burst * BURST);
    this.tokens = this.most;
    this.at = 0;
  }

  /** @param {number} now @returns {number} ms until a message may go, 0 for now */
  wait(now) {
    this.tokens = Math.min(this.most, this.tokens + Math.max(0, now - this.at) * this.perMs);
    this.at = now;
    return this.tokens >= 1 ? 0 : Math.ceil((1 - this.tokens) / this.perMs);
  }

  /** Takes a place in the line. @param {number} now @returns {number} ms until it is this message's turn */
  reserve(now) {
    const ms = this.wait(now);
    this.tokens--;
    return ms;
  }
}
