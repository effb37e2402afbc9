/** How long the loop of a server is busy at a time, from its histogram in /metrics. */

/** Turns so far: [upper bound in ms, how many]. @param {import("./server.mjs").Server} server */
export async function turns({ url }) {
  const text = await (await fetch(`${url}/metrics`)).text();
  return [...text.matchAll(/^weft_turn_seconds_bucket\{le="(\S+)"\} (\d+)$/gm)].map(
    ([, le, count]) => [le === "+Inf" ? Infinity : 1000 * Number(le), Number(count)],
  );
}

/** What 99 of 100 turns were shorter than, in ms, between two looks. @param {number[][]} begin @param {number[][]} end */
export function p99(begin, end) {
  const counts = end.map(([le, count], i) => [le, count - begin[i][1]]);
  const all = counts[counts.length - 1][1];
  return (counts.find(([, count]) => count >= 0.99 * all) ?? [Infinity])[0];
}
