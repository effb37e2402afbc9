import { createServer } from "node:http";
import { greet } from "./greet.js";

const port = process.env.PORT ?? 3000;

createServer((request, response) => {
  const { searchParams } = new URL(request.url, "http://localhost");
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end(`${greet(searchParams.get("name"))}\n`);
}).listen(port, () => console.log(`http://localhost:${port}/?name=Ann`));
