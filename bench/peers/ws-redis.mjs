// ws.mjs with Redis between the instances: at once to the room's others here, by a channel to those
// elsewhere.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { announce } from "./announce.mjs";
import { commands, subscriptions } from "./redis.mjs";

const instance = randomUUID();
const rooms = new Map();
const http = createServer();
const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });

function send(room, data, author) {
  for (const other of room) {
    if (other !== author) other.send(data, { binary: false });
  }
}

subscriptions.on("messageBuffer", (channel, message) => {
  if (message.toString("latin1", 0, instance.length) !== instance)
    send(rooms.get(channel.toString()), message.subarray(instance.length));
});

function enter(socket, name) {
  const room = rooms.get(name);
  room.add(socket);
  socket.on("message", (data) => {
    send(room, data, socket);
    commands.publish(name, Buffer.concat([Buffer.from(instance), data]));
  });
  socket.on("close", () => room.delete(socket));
}

// Whoever is let in hears everything.
http.on("upgrade", async (request, tcp, head) => {
  const name = request.url;
  if (!rooms.has(name)) rooms.set(name, new Set());
  await subscriptions.subscribe(name);
  server.handleUpgrade(request, tcp, head, (socket) => enter(socket, name));
});

announce(http);
