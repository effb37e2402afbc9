// What one writes first with the ws package: rooms by path, and a message goes to the room's others.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { announce } from "./announce.mjs";

const rooms = new Map();
const http = createServer();
const server = new WebSocketServer({ server: http, perMessageDeflate: false });

server.on("connection", (socket, request) => {
  const room = rooms.get(request.url) ?? new Set();
  rooms.set(request.url, room.add(socket));
  socket.on("message", (data, isBinary) => {
    for (const other of room) {
      if (other !== socket) other.send(data, { binary: isBinary });
    }
  });
  socket.on("close", () => room.delete(socket));
});

announce(http);
