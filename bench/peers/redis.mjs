// What the servers beside this file need of Redis: one connection for commands, one for channels.
import { Redis } from "ioredis";
import { once } from "node:events";

const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";

export const commands = new Redis(url);
export const subscriptions = new Redis(url);

/** Whether other instances share this Redis. */
export const isShared = process.env.INSTANCES !== "1";

await Promise.all([once(commands, "ready"), once(subscriptions, "ready")]);
