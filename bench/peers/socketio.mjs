// Socket.IO's rooms, WebSocket only, as its documentation shows them.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { announce } from "./announce.mjs";

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });

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
