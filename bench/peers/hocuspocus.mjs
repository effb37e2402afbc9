// Hocuspocus in memory, with its defaults.
import { createServer } from "node:http";
import { Hocuspocus } from "@hocuspocus/server";
import { WebSocketServer } from "ws";
import { announce } from "./announce.mjs";

const hocuspocus = new Hocuspocus({ quiet: true });
const http = createServer();
const server = new WebSocketServer({ server: http, perMessageDeflate: false });
server.on("connection", (socket, request) => hocuspocus.handleConnection(socket, request));

announce(http);
