// socketio.mjs with its adapter for Redis, as its documentation shows it.
import { createAdapter } from "@socket.io/redis-adapter";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { announce } from "./announce.mjs";
import { commands, subscriptions } from "./redis.mjs";

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  serveClient: false,
  adapter: createAdapter(commands, subscriptions),
});

io.on("connection", (socket) => {
  let room = "";
  socket.on("join", (name, joined) => {
    room = name;
    socket.join(room);
    joined();
  });
  socket.on("edit", (edit) => socket.to(room).emit("edit", edit));
});

announce(http);
