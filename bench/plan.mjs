/**
 * What is measured, against what, how often, and what the figures should be.
 *
 * @typedef {{p50: number, p99: number, max: number}} Latency
 * @typedef {Record<string, any>} Figures one line of weft-bench
 * @typedef {{figures: Record<string, Figures[]>}} Results by server, one per round
 * @typedef {{name: string, load?: string, instances?: number, servers: string[], peers: string[],
 *   rounds: number, seconds?: number, quick: {rounds: number, seconds?: number} | null}} Workload
 *   load: weft-bench's name of it, where that is another; instances: of servers that have Redis
 * @typedef {{value: number, shown: string, met: boolean}} Judged
 * @typedef {{text: string, judge: (results: Record<string, Results>) => Judged | null}} Goal
 */

/** The floor of every ratio, and the server that is measured. */
export const FLOOR = "bare epoll";
export const TICK = "bare epoll, per tick";
export const WEFT = "weftd";
export const REDIS = "weftd, Redis";
/** Nothing that was acknowledged is lost by a power cut. */
export const ALWAYS = "weftd, Redis, AOF always";

/**
 * How each server is started, and spoken to; of those that keep their state in Redis, what a restart
 * of Redis would find.
 * @type {Record<string, {command: string[], dialect: string, redis?: "nothing" | "everything"}>}
 */
export const SERVERS = {
  [FLOOR]: { command: ["relay"], dialect: "relay" },
  [TICK]: { command: ["relay", "--tick"], dialect: "relay" },
  "bare epoll + ack": { command: ["relay", "--ack"], dialect: "relay" },
  [WEFT]: { command: ["weftd"], dialect: "weft" },
  ws: { command: ["peer", "ws"], dialect: "relay" },
  "socket.io": { command: ["peer", "socketio"], dialect: "socketio" },
  "y-websocket": { command: ["peer", "y-websocket"], dialect: "yjs" },
  hocuspocus: { command: ["peer", "hocuspocus"], dialect: "hocuspocus" },
  [REDIS]: { command: ["weftd"], dialect: "weft", redis: "nothing" },
  [ALWAYS]: { command: ["weftd"], dialect: "weft", redis: "everything" },
  "ws, Redis": { command: ["peer", "ws-redis"], dialect: "relay", redis: "nothing" },
  "socket.io, Redis": {
    command: ["peer", "socketio-redis"],
    dialect: "socketio",
    redis: "nothing",
  },
  "socket.io, HSET of all": {
    command: ["peer", "socketio-hset"],
    dialect: "wholefile",
    redis: "nothing",
  },
  "hocuspocus, Redis": {
    command: ["peer", "hocuspocus-redis"],
    dialect: "hocuspocus",
    redis: "nothing",
  },
};

const PEERS = ["ws", "socket.io", "y-websocket", "hocuspocus"];
export const REDIS_PEERS = [
  "ws, Redis",
  "socket.io, Redis",
  "socket.io, HSET of all",
  "hocuspocus, Redis",
];

/** @type {Workload[]} */
export const WORKLOADS = [
  { name: "w1", servers: [FLOOR, WEFT], peers: PEERS, rounds: 5, quick: { rounds: 2, seconds: 1 } },
  { name: "w1x3", servers: [FLOOR, WEFT], peers: [], rounds: 3, quick: { rounds: 1, seconds: 1 } },
  {
    name: "w2",
    servers: [FLOOR, "bare epoll + ack", WEFT],
    peers: PEERS,
    rounds: 5,
    quick: { rounds: 2, seconds: 1 },
  },
  { name: "w3", servers: [FLOOR, WEFT], peers: PEERS, rounds: 2, quick: { rounds: 1, seconds: 1 } },
  { name: "w3pairs", servers: [FLOOR, WEFT], peers: [], rounds: 1, quick: null },
  { name: "w4", servers: [FLOOR, WEFT], peers: [], rounds: 3, quick: null },
  {
    name: "ramp",
    servers: [TICK, WEFT],
    peers: PEERS,
    rounds: 1,
    quick: { rounds: 1, seconds: 0.5 },
  },
  {
    name: "presence",
    servers: [WEFT],
    peers: [],
    rounds: 2,
    quick: { rounds: 1, seconds: 2 },
  },
  { name: "storm", servers: [WEFT], peers: [], rounds: 3, quick: { rounds: 1 } },
  {
    name: "w1redis",
    load: "w1",
    servers: [FLOOR, REDIS, ALWAYS],
    peers: REDIS_PEERS,
    rounds: 3,
    quick: { rounds: 1, seconds: 1 },
  },
  {
    name: "w2redis",
    load: "w2",
    servers: [FLOOR, REDIS],
    peers: REDIS_PEERS,
    rounds: 3,
    quick: { rounds: 1, seconds: 1 },
  },
  {
    name: "w5",
    load: "w1",
    instances: 2,
    servers: [REDIS, ALWAYS],
    peers: REDIS_PEERS,
    rounds: 3,
    quick: { rounds: 1, seconds: 1 },
  },
  {
    name: "w5ramp",
    load: "ramp",
    instances: 2,
    servers: [REDIS],
    peers: REDIS_PEERS,
    rounds: 1,
    quick: { rounds: 1, seconds: 0.5 },
  },
];

/** Peers take part in fewer rounds: their ratios are large, and patience is not. */
export const PEER_ROUNDS = 2;

/** @param {number[]} values */
export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The median over the rounds of one figure, which is named by its path.
 * @param {Record<string, Results>} results
 * @param {string} workload
 * @param {string} server
 * @param {string} path
 */
export function figure(results, workload, server, path) {
  const rounds = results[workload]?.figures[server] ?? [];
  return median(rounds.map((round) => pick(round, path)));
}

/**
 * The median of the ratios of what ran one after the other in the same round.
 * @param {Record<string, Results>} results
 * @param {string} workload
 * @param {string} server
 * @param {string} base
 * @param {string} path
 */
export function ratio(results, workload, server, base, path) {
  const ours = results[workload]?.figures[server] ?? [];
  const theirs = results[workload]?.figures[base] ?? [];
  return median(ours.map((round, i) => pick(round, path) / pick(theirs[i], path)));
}

/**
 * A round that failed has no figures.
 * @param {Figures | undefined} figures
 * @param {string} path
 * @returns {number}
 */
function pick(figures, path) {
  if (figures?.failure) return NaN;
  return path.split(".").reduce((value, key) => value?.[key], /** @type {any} */ (figures)) ?? NaN;
}

/**
 * @param {string} text
 * @param {(results: Record<string, Results>) => number} measure
 * @param {"<" | "<=" | ">" | ">="} sign
 * @param {number | ((results: Record<string, Results>) => number)} wanted
 * @param {(value: number) => string} show
 * @returns {Goal}
 */
function goal(text, measure, sign, wanted, show) {
  const judge = (/** @type {Record<string, Results>} */ results) => {
    const value = measure(results);
    const bound = typeof wanted === "number" ? wanted : wanted(results);
    if (!Number.isFinite(value)) return null;
    const met = {
      "<": value < bound,
      "<=": value <= bound,
      ">": value > bound,
      ">=": value >= bound,
    };
    return { value, shown: show(value), met: met[sign] };
  };
  return { text, judge };
}

const times = (/** @type {number} */ value) => `${value.toFixed(2)} ×`;
const count = (/** @type {number} */ value) => Math.round(value).toLocaleString("en");
const cpu = "cpu_us_per_delivery";
const most = "max_deliveries_per_s";

/** A snapshot is kept once however many ask for it; the joiners themselves take what any does. */
const snapshot = (/** @type {Record<string, Results>} */ results) =>
  figure(results, "storm", WEFT, "file_bytes") + 150 * 3000;

/**
 * The ratio to the peer with Redis that comes nearest.
 * @param {Record<string, Results>} results
 */
const nearestPeer = (results) =>
  Math.max(
    ...REDIS_PEERS.map((peer) => ratio(results, "w2redis", REDIS, peer, cpu)).filter(
      Number.isFinite,
    ),
  );

/** @param {Record<string, Results>} results */
const mostAppends = (results) =>
  Math.max(
    ...["w1redis", "w2redis", "w5"]
      .map((workload) => figure(results, workload, REDIS, "counted.appends_per_edit"))
      .filter(Number.isFinite),
  );

/** @type {Goal[]} */
export const GOALS = [
  goal(
    "W1 CPU per delivery ≤ 1.25 × bare epoll",
    (r) => ratio(r, "w1", WEFT, FLOOR, cpu),
    "<=",
    1.25,
    times,
  ),
  goal("W1 CPU per delivery ≤ 0.7 × ws", (r) => ratio(r, "w1", WEFT, "ws", cpu), "<=", 0.7, times),
  goal(
    "W1 CPU per delivery ≤ 0.4 × Hocuspocus",
    (r) => ratio(r, "w1", WEFT, "hocuspocus", cpu),
    "<=",
    0.4,
    times,
  ),
  goal(
    "W2 CPU per delivery ≤ 1.5 × bare epoll",
    (r) => ratio(r, "w2", WEFT, FLOOR, cpu),
    "<=",
    1.5,
    times,
  ),
  goal(
    "ramp on one core > 1,000,000 deliveries/s",
    (r) => figure(r, "ramp", WEFT, most),
    ">",
    1e6,
    count,
  ),
  goal("ramp ≥ 3 × Hocuspocus", (r) => ratio(r, "ramp", WEFT, "hocuspocus", most), ">=", 3, times),
  goal("ramp ≥ 8 × Socket.IO", (r) => ratio(r, "ramp", WEFT, "socket.io", most), ">=", 8, times),
  goal(
    "p99 at 57,600 deliveries/s < 1 ms",
    (r) => figure(r, "w1x3", WEFT, "latency_ms.p99"),
    "<",
    1,
    (v) => `${v.toFixed(2)} ms`,
  ),
  goal(
    "idle joined connection < 3 kB RSS",
    (r) => figure(r, "w3", WEFT, "per_connection.rss_bytes"),
    "<",
    3000,
    (v) => `${count(v)} B`,
  ),
  goal(
    "connect and join < 40 µs CPU",
    (r) => figure(r, "w3", WEFT, "per_connection.cpu_us"),
    "<",
    40,
    (v) => `${v.toFixed(1)} µs`,
  ),
  goal(
    "presence, 1,500 people at 1 Hz, < 10 % of a core",
    (r) => figure(r, "presence", WEFT, "server_cpu_percent"),
    "<",
    10,
    (v) => `${v.toFixed(1)} %`,
  ),
  goal(
    "join storm on 4 MB: p50 < 0.5 s",
    (r) => figure(r, "storm", WEFT, "join_ms.p50"),
    "<",
    500,
    (v) => `${(v / 1000).toFixed(3)} s`,
  ),
  goal(
    "join storm: RSS grows by at most one snapshot",
    (r) => figure(r, "storm", WEFT, "rss_growth"),
    "<=",
    snapshot,
    (v) => `${(v / 1e6).toFixed(1)} MB`,
  ),
  goal(
    "W1 with Redis, CPU per delivery ≤ 1.5 × bare epoll",
    (r) => ratio(r, "w1redis", REDIS, FLOOR, cpu),
    "<=",
    1.5,
    times,
  ),
  goal("W2 with Redis ≤ 0.5 × any peer with Redis", nearestPeer, "<=", 0.5, times),
  goal(
    "two instances through Redis > 600,000 deliveries/s",
    (r) => figure(r, "w5ramp", REDIS, most),
    ">",
    6e5,
    count,
  ),
  goal(
    "W5: p99 ≤ 1 ms",
    (r) => figure(r, "w5", REDIS, "latency_ms.p99"),
    "<=",
    1,
    (v) => `${v.toFixed(2)} ms`,
  ),
  goal("at most one append per edit", mostAppends, "<=", 1, (v) => v.toFixed(3)),
];
