// Every peer listens on a free port and says where, as weftd does.

/** @param {import("node:http").Server} http */
export function announce(http) {
  http.listen(0, "127.0.0.1", 4096, () => {
    console.log(`ready http://127.0.0.1:${http.address().port}/`);
  });
}
