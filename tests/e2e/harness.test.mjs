/** The tools of the fault tests do what they say, so that a fault that does not happen is no proof. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import test from "node:test";
import { ChangeSet, Text } from "@codemirror/state";
import { startFakeRedis } from "./lib/fake_redis.mjs";
import { startProxy } from "./lib/proxy.mjs";
import { generator } from "./lib/random.mjs";
import { NO_REDIS, startRedis } from "./lib/redis.mjs";
import { difference } from "./lib/typist.mjs";
import { until } from "./lib/wait.mjs";

const skip = NO_REDIS;

/** A connection that sends words and keeps what comes. @param {number} port */
async function dial(port) {
  const socket = net.connect(port, "127.0.0.1");
  const line = {
    got: "",
    ended: false,
    /** @param {...string} words */
    send: (...words) =>
      socket.write(
        `*${words.length}\r\n${words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join("")}`,
      ),
    /** @param {string} text */
    hears: (text) =>
      until(
        () => line.got === text,
        () => `${JSON.stringify(text)}, not ${JSON.stringify(line.got)}`,
      ),
    ends: () => until(() => line.ended, "the end"),
    close: () => socket.destroy(),
  };
  socket.on("data", (data) => (line.got += data));
  socket.on("error", () => {});
  socket.on("close", () => (line.ended = true));
  await once(socket, "connect");
  return line;
}

test("the proxy holds back, loses and cuts", { skip }, async (t) => {
  const redis = await startRedis(t, { keeps: "nothing" });
  const proxy = await startProxy(t, redis.port);
  const a = await dial(proxy.port);
  a.send("INCR", "x");
  await a.hears(":1\r\n");
  proxy.stall();
  a.send("INCR", "x");
  assert.equal(await redis.cli("GET", "x"), "1");
  proxy.flow();
  await a.hears(":1\r\n:2\r\n");
  const b = await dial(proxy.port);
  b.send("SUBSCRIBE", "news");
  await until(() => b.got.includes("news"), "the subscription");
  const heard = b.got;
  proxy.stall("subscriptions");
  await redis.cli("PUBLISH", "news", "one");
  a.send("INCR", "x");
  await a.hears(":1\r\n:2\r\n:3\r\n");
  assert.equal(b.got, heard);
  proxy.flow();
  await until(() => b.got.includes("one"), "the message");
  proxy.cut("subscriptions");
  await b.ends();
  assert.equal(a.ended, false);
  const reply = proxy.loseReply("INCR");
  a.send("INCR", "x");
  await Promise.all([reply, a.ends()]);
  assert.equal(await redis.cli("GET", "x"), "4");
  const c = await dial(proxy.port);
  const request = proxy.loseRequest("INCR", 3);
  c.send("INCR", "x");
  await Promise.all([request, c.ends()]);
  assert.equal(await redis.cli("GET", "x"), "4");
  proxy.refusing = true;
  const d = await dial(proxy.port).catch(() => null);
  await d?.ends();
  assert.equal(proxy.pairs.size, 0);
});

test("the fake Redis answers in its turn", { skip }, async (t) => {
  const redis = await startRedis(t, { keeps: "nothing" });
  const fake = await startFakeRedis(t, redis.port);
  fake.answer = ([name]) => (name === "EVALSHA" ? "-BUSY\r\n" : null);
  const a = await dial(fake.port);
  a.send("SET", "x", "long\r\ntext");
  a.send("EVALSHA", "abc", "0");
  a.send("GET", "x");
  a.send("LRANGE", "none", "0", "-1");
  a.send("EVALSHA", "abc", "0");
  await a.hears("+OK\r\n-BUSY\r\n$10\r\nlong\r\ntext\r\n*0\r\n-BUSY\r\n");
  assert.equal(fake.answered, 2);
  fake.greeting = "-ERR max number of clients reached\r\n";
  fake.cut();
  await a.ends();
  const b = await dial(fake.port);
  await b.hears(fake.greeting);
  await b.ends();
});

test("Redis comes back as it was kept, or empty", { skip }, async (t) => {
  const redis = await startRedis(t);
  await redis.cli("SET", "x", "old");
  const kept = await redis.keep();
  await redis.cli("SET", "x", "new");
  await redis.kill();
  await redis.start();
  assert.equal(await redis.cli("GET", "x"), "new");
  await redis.kill();
  await redis.startFrom(kept);
  assert.equal(await redis.cli("GET", "x"), "old");
  await redis.kill();
  await redis.startFrom(null);
  assert.equal(await redis.cli("GET", "x"), null);
});

test("a typist finds the difference of two texts of tokens", () => {
  const random = generator(1);
  const token = (/** @type {number} */ i) => `⟨c1:${String(i).padStart(5, "0")}⟩`;
  for (let round = 0; round < 300; round++) {
    const some = () => Array.from({ length: 12 }, (_, i) => i).filter(() => random() < 0.5);
    const [before, after] = [some(), some()].map((list) => list.map(token).join(""));
    const change = difference(before, after);
    assert.ok(change instanceof ChangeSet);
    assert.equal(change.apply(Text.of([before])).toString(), after);
  }
  assert.equal(difference(token(1) + token(2), token(2) + token(1)), null);
  assert.equal(difference(token(1), token(1).slice(1)), null);
});
