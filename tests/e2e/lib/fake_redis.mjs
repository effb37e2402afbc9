/**
 * A Redis that answers as the test says. It stands before a real one and passes commands on, except those that a rule
 * answers instead: with an error, with what is no RESP at all, or with a reply that never ends.
 *
 *     const fake = await startFakeRedis(t, redis.port);
 *     fake.answer = ([name]) => name === "EVALSHA" ? "-BUSY Redis is busy running a script.\r\n" : null;
 *     fake.deliver = (message) => [message, message];     // of a subscription: twice, late, or never
 *     fake.greeting = "-ERR max number of clients reached\r\n";    // to whom connects, and that is all
 *     fake.answered                                                // how many it answered itself
 */
import { once } from "node:events";
import net from "node:net";

/** The end of the reply at `at`, or -1 where it is not all there. @param {Buffer} data @param {number} at @returns {number} */
function replyEnd(data, at) {
  const line = data.indexOf("\r\n", at);
  if (line < 0) return -1;
  const count = Number(data.toString("latin1", at + 1, line));
  switch (String.fromCharCode(data[at])) {
    case "$": {
      const end = count < 0 ? line + 2 : line + 2 + count + 2;
      return end <= data.length ? end : -1;
    }
    case "*": {
      let end = line + 2;
      for (let i = 0; i < count && end >= 0; i++) end = replyEnd(data, end);
      return end;
    }
    default:
      return line + 2;
  }
}

/** The words of a command. @param {Buffer} data one array of bulk strings, whole @returns {string[]} */
function wordsOf(data) {
  const words = [];
  for (let at = data.indexOf("\r\n") + 2; at < data.length;) {
    const line = data.indexOf("\r\n", at);
    const length = Number(data.toString("latin1", at + 1, line));
    words.push(data.toString("utf8", line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
  return words;
}

/** One connection: answers leave in the order of the commands, whoever gives them. */
class Talk {
  /** @param {FakeRedis} fake @param {net.Socket} near @param {net.Socket} far */
  constructor(fake, near, far) {
    this.fake = fake;
    this.near = near;
    this.far = far;
    this.asked = Buffer.alloc(0);
    this.told = Buffer.alloc(0);
    /** @type {(Buffer | null)[]} own answers; null: Redis gives it */
    this.due = [];
    this.subscribes = false;
    for (const socket of [near, far]) {
      socket.on("error", () => {});
      socket.on("close", () => this.end());
    }
    near.on("data", (data) => this.ask(data));
    far.on("data", (data) => this.tell(data));
  }

  /** @param {Buffer} data */
  ask(data) {
    this.asked = Buffer.concat([this.asked, data]);
    for (let end; (end = replyEnd(this.asked, 0)) > 0; this.asked = this.asked.subarray(end)) {
      const command = this.asked.subarray(0, end);
      const words = wordsOf(command);
      const answer = this.fake.answer(words);
      if (answer === null) {
        this.subscribes ||= /^p?subscribe$/i.test(words[0]);
        this.far.write(command);
      } else this.fake.answered += 1;
      this.due.push(answer === null ? null : Buffer.from(answer));
    }
    this.settle();
  }

  /** @param {Buffer} data */
  tell(data) {
    this.told = Buffer.concat([this.told, data]);
    if (this.subscribes) this.deliver();
    else this.settle();
  }

  /** Answers and messages come as they come: nothing is counted. */
  deliver() {
    for (let end; (end = replyEnd(this.told, 0)) > 0; this.told = this.told.subarray(end)) {
      const frame = this.told.subarray(0, end);
      const isMessage = frame.includes("\r\nmessage\r\n");
      for (const each of isMessage ? this.fake.deliver(frame) : [frame]) this.near.write(each);
    }
  }

  settle() {
    while (this.due.length > 0) {
      const own = this.due[0];
      const end = own ? 0 : replyEnd(this.told, 0);
      if (!own && end <= 0) return;
      this.near.write(own ?? this.told.subarray(0, end));
      this.told = this.told.subarray(end);
      this.due.shift();
    }
  }

  end() {
    this.fake.talks.delete(this);
    this.near.destroy();
    this.far.destroy();
  }
}

export class FakeRedis {
  /** @param {number} target */
  constructor(target) {
    this.target = target;
    this.port = 0;
    this.greeting = "";
    this.answered = 0;
    /** @type {Set<Talk>} */
    this.talks = new Set();
    /** @type {(words: string[]) => string | Buffer | null} */
    this.answer = () => null;
    /** @type {(message: Buffer) => Buffer[]} */
    this.deliver = (message) => [message];
    this.server = net.createServer((near) => {
      if (!this.greeting)
        return void this.talks.add(new Talk(this, near, net.connect(target, "127.0.0.1")));
      this.answered += 1;
      near.on("error", () => {});
      near.end(this.greeting);
    });
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Ends every connection, so that clients meet `greeting` or what `answer` says to theirs. */
  cut() {
    for (const talk of this.talks) talk.end();
  }
}

/** @param {{after: (fn: () => Promise<void>) => void}} t @param {number} target port of a real Redis */
export async function startFakeRedis(t, target) {
  const fake = new FakeRedis(target);
  fake.server.listen(0, "127.0.0.1");
  await once(fake.server, "listening");
  fake.port = /** @type {net.AddressInfo} */ (fake.server.address()).port;
  t.after(async () => {
    fake.cut();
    fake.server.close();
  });
  return fake;
}
