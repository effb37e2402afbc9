/**
 * A MongoDB that fails as the test says. It stands before a real one, so that what is stored is really stored, and passes
 * on what no rule holds back:
 *
 *     const fake = await startFakeMongo(t, mongo.port);
 *     fake.rule = ({ name, writes }) => name === "update" && writes ? { hang: true } : null;
 *     fake.rule = saves({ delayMs: 700 });         // only what saves files
 *     fake.maxBson = 1 << 20;                      // what it says of itself to who connects
 *     fake.refusing = true; fake.cut();            // it is away
 *     fake.calls                                   // everything it was asked, with times
 *
 * What a rule may answer is a Fault.
 */
import { once } from "node:events";
import net from "node:net";
import { BSON } from "mongodb";

const [OP_REPLY, OP_MSG] = [1, 2013];
const HEADER = 16;

/**
 * @typedef {object} Call
 * @property {string} name of the command
 * @property {string} on the collection
 * @property {Record<string, any>} body all of it
 * @property {any[]} writes what it updates, inserts or deletes
 * @property {number} bytes
 * @property {number} begin
 * @property {number} end when the answer had gone; Infinity until then
 *
 * @typedef {object} Fault
 * @property {number} [delayMs] the answer comes so much later
 * @property {Promise<unknown>} [until] it is asked for only then, whoever still waits
 * @property {boolean} [hang] it is not done, and nothing comes, ever
 * @property {"before" | "after"} [drop] the connection ends before it was done, or after it was
 * @property {boolean} [half] it is done, and half of the answer comes
 * @property {number} [error] it is not done: this code
 * @property {number} [concern] it is done, but for the write concern: this code
 * @property {Map<number, number>} [writeErrors] these writes are not done: index → code
 */

/** Words that come with a code. @type {Record<number, string>} */
const NAMES = {
  50: "MaxTimeMSExpired",
  64: "WriteConcernFailed",
  91: "ShutdownInProgress",
  10107: "NotWritablePrimary",
  11000: "DuplicateKey",
};

/** A rule for saves of files alone: what is written to `files`. @param {Fault | ((call: Call) => Fault | null)} fault @returns {(call: Call) => Fault | null} */
export const saves = (fault) => (call) => {
  if (call.name !== "update" || call.on !== "files") return null;
  return typeof fault === "function" ? fault(call) : fault;
};

/** Body and sequences of a message as one document. @param {Buffer} data @param {object} [options] @returns {Record<string, any>} */
function readBody(data, options) {
  /** @type {Record<string, any>} */
  const body = {};
  for (let at = HEADER + 4; at < data.length;) {
    const isSequence = data[at++] === 1;
    const end = at + data.readInt32LE(at);
    if (isSequence) {
      const nul = data.indexOf(0, at + 4);
      const list = [];
      for (let next = nul + 1; next < end; next += data.readInt32LE(next))
        list.push(BSON.deserialize(data.subarray(next, next + data.readInt32LE(next)), options));
      body[data.toString("utf8", at + 4, nul)] = list;
    } else Object.assign(body, BSON.deserialize(data.subarray(at, end), options));
    at = end;
  }
  return body;
}

/** @param {number} id @param {number} answersTo @param {object} body @returns {Buffer} */
function printMessage(id, answersTo, body) {
  const document = BSON.serialize(body);
  const head = Buffer.alloc(HEADER + 5);
  [head.length + document.length, id, answersTo, OP_MSG, 0].forEach((word, i) =>
    head.writeInt32LE(word, 4 * i),
  );
  return Buffer.concat([head, document]);
}

/** Takes whole messages off the front of what came. */
class Inbox {
  held = Buffer.alloc(0);

  /** @param {Buffer} data @returns {Generator<Buffer>} */
  *take(data) {
    this.held = Buffer.concat([this.held, data]);
    while (this.held.length >= 4 && this.held.length >= this.held.readInt32LE(0)) {
      const end = this.held.readInt32LE(0);
      yield this.held.subarray(0, end);
      this.held = this.held.subarray(end);
    }
  }
}

/** One connection. */
class Talk {
  /** @param {FakeMongo} fake @param {net.Socket} near @param {net.Socket} far */
  constructor(fake, near, far) {
    this.fake = fake;
    this.near = near;
    this.far = far;
    /** @type {Map<number, {call: Call, fault: Fault}>} what MongoDB was asked, by number */
    this.due = new Map();
    this.isLate = false;
    const [asked, told] = [new Inbox(), new Inbox()];
    for (const socket of [near, far]) {
      socket.on("error", () => {});
      socket.on("close", () => this.end());
    }
    near.on("data", (data) => {
      for (const message of asked.take(data)) this.ask(message);
    });
    far.on("data", (data) => {
      for (const message of told.take(data)) this.tell(message);
    });
  }

  /** @param {Buffer} message */
  ask(message) {
    const id = message.readInt32LE(4);
    if (message.readInt32LE(12) !== OP_MSG) return void this.far.write(message);
    const body = readBody(message);
    const name = Object.keys(body)[0];
    const writes = body.updates ?? body.documents ?? body.deletes ?? [];
    const [on, begin] = [String(body[name]), performance.now()];
    const call = { name, on, body, writes, bytes: message.length, begin, end: Infinity };
    const fault = this.fake.rule(call) ?? {};
    this.fake.calls.push(call);
    if (fault.hang) return;
    if (fault.drop === "before") return this.end();
    if (fault.error) {
      const words = { code: fault.error, codeName: NAMES[fault.error], errmsg: "as the test says" };
      return this.answer(call, printMessage(id, id, { ok: 0, ...words }), fault);
    }
    if (writes.length > 0 && fault.writeErrors?.size === writes.length) {
      const nothing = { ok: 1, n: 0, nModified: 0 };
      addWriteErrors(nothing, fault.writeErrors, writes.length);
      return this.answer(call, printMessage(id, id, nothing), fault);
    }
    this.due.set(id, { call, fault });
    const asked = fault.writeErrors ? withoutWrites(message, fault.writeErrors) : message;
    if (fault.until) this.late(asked, fault.until);
    else this.far.write(asked);
  }

  /** What its sender gave up arrives nevertheless. @param {Buffer} message @param {Promise<unknown>} until */
  late(message, until) {
    this.isLate = true;
    const copy = Buffer.from(message);
    until.then(() => {
      this.far.write(copy);
      this.isLate = false;
    });
  }

  /** @param {Buffer} message */
  tell(message) {
    const number = message.readInt32LE(8);
    const { call, fault } = this.due.get(number) ?? {};
    this.due.delete(number);
    if (!call || !fault) return void this.near.write(this.fake.greet(message));
    if (fault.drop) return this.end();
    if (fault.half) return void this.near.write(message.subarray(0, message.length >> 1));
    this.answer(call, this.fake.change(message, call, fault), fault);
  }

  /** @param {Call} call @param {Buffer} message @param {Fault} fault */
  answer(call, message, { delayMs = 0 }) {
    const go = () => {
      call.end = performance.now();
      this.near.write(message);
    };
    if (delayMs) setTimeout(go, delayMs);
    else go();
  }

  end() {
    this.near.destroy();
    if (this.isLate) return;
    this.fake.talks.delete(this);
    this.far.destroy();
  }
}

/** @param {Buffer} message @param {Map<number, number>} errors */
function withoutWrites(message, errors) {
  const body = readBody(message, { promoteValues: false });
  body.updates = body.updates.filter((_, /** @type {number} */ i) => !errors.has(i));
  return printMessage(message.readInt32LE(4), 0, body);
}

export class FakeMongo {
  /** @param {number} target */
  constructor(target) {
    this.target = target;
    this.port = 0;
    this.maxBson = 0;
    this.refusing = false;
    /** @type {(call: Call) => Fault | null} */
    this.rule = () => null;
    /** @type {Call[]} */
    this.calls = [];
    /** @type {Set<Talk>} */
    this.talks = new Set();
    this.server = net.createServer((near) => {
      if (this.refusing) near.destroy();
      else this.talks.add(new Talk(this, near, net.connect(this.target, "127.0.0.1")));
    });
  }

  /** For MONGODB_URI. */
  get uri() {
    return `mongodb://127.0.0.1:${this.port}/weft`;
  }

  /** Bulk writes of files. */
  get saves() {
    return this.calls.filter((call) => saves({})(call));
  }

  cut() {
    for (const talk of this.talks) talk.end();
  }

  /** The first greeting is in the old form, one document behind 36 bytes. @param {Buffer} message */
  greet(message) {
    if (!this.maxBson || message.readInt32LE(12) !== OP_REPLY) return message;
    const body = BSON.deserialize(message.subarray(36), { promoteValues: false });
    const document = BSON.serialize({ ...body, maxBsonObjectSize: new BSON.Int32(this.maxBson) });
    const head = Buffer.from(message.subarray(0, 36));
    head.writeInt32LE(head.length + document.length, 0);
    return Buffer.concat([head, document]);
  }

  /** What MongoDB answered, as the fault wants it. @param {Buffer} message @param {Call} call @param {Fault} fault @returns {Buffer} */
  change(message, { name, writes }, { concern, writeErrors }) {
    const greets = /^(hello|ismaster)$/i.test(name) && this.maxBson > 0;
    if (!greets && !concern && !writeErrors) return message;
    const body = readBody(message, { promoteValues: false });
    if (greets) body.maxBsonObjectSize = new BSON.Int32(this.maxBson);
    if (concern)
      body.writeConcernError = { code: concern, codeName: NAMES[concern], errmsg: "not in time" };
    if (writeErrors) addWriteErrors(body, writeErrors, writes.length);
    return printMessage(message.readInt32LE(4), message.readInt32LE(8), body);
  }
}

/** The numbers of what was done are those of the writes as they were asked for. @param {Record<string, any>} body @param {Map<number, number>} errors @param {number} count */
function addWriteErrors(body, errors, count) {
  const places = Array.from({ length: count }, (_, i) => i).filter((i) => !errors.has(i));
  const renumber = (/** @type {any[]} */ list = []) =>
    list.map((each) => ({ ...each, index: places[Number(each.index)] }));
  body.upserted = renumber(body.upserted);
  body.writeErrors = [
    ...renumber(body.writeErrors),
    ...[...errors].map(([index, code]) => ({ index, code, errmsg: "as the test says" })),
  ];
}

/** @param {{after: (fn: () => Promise<void>) => void}} t @param {number} target port of a real one */
export async function startFakeMongo(t, target) {
  const fake = new FakeMongo(target);
  fake.server.listen(0, "127.0.0.1");
  await once(fake.server, "listening");
  fake.port = /** @type {net.AddressInfo} */ (fake.server.address()).port;
  t.after(async () => {
    fake.cut();
    fake.server.close();
  });
  return fake;
}
