// hocuspocus.mjs with its extension for Redis, with its defaults.
import { createServer } from "node:http";
import { Redis } from "@hocuspocus/extension-redis";
import { Hocuspocus } from "@hocuspocus/server";
import { WebSocketServer } from "ws";
import { announce } from "./announce.mjs";

const { hostname, port } = new URL(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
const hocuspocus = new Hocuspocus({
  quiet: true,
  extensions: [new Redis({ host: hostname, port: Number(port) })],
});
const http = createServer();
const server = new WebSocketServer({ server: http, perMessageDeflate: false });
server.on("connection", (socket, request) => hocuspocus.handleConnection(socket, request));

announce(http);
