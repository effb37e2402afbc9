// The server that comes with y-websocket, in memory.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { setupWSConnection } from "y-websocket/bin/utils";
import { announce } from "./announce.mjs";

const http = createServer();
const server = new WebSocketServer({ server: http, perMessageDeflate: false });
server.on("connection", (socket, request) => setupWSConnection(socket, request));

announce(http);
