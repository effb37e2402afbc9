// What people start with: each edit brings the whole file, which goes into a hash of Redis and to the
// room's others. Several instances need Socket.IO's adapter between them.
import { createAdapter } from "@socket.io/redis-adapter";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { announce } from "./announce.mjs";
import { commands, isShared, subscriptions } from "./redis.mjs";

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  serveClient: false,
  ...(isShared && { adapter: createAdapter(commands, subscriptions) }),
});

io.on("connection", (socket) => {
  let room = "";
  socket.on("join", (name, joined) => {
    room = name;
    socket.join(room);
    joined();
  });
  socket.on("edit", (edit) => {
    commands.hset(`project:${room}`, edit.path, edit.content);
    socket.to(room).emit("edit", edit);
  });
});

announce(http);
