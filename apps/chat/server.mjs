// A chat: what somebody says reaches everybody, through Redis, whichever colour each is connected to.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createClient } from "redis";
import { WebSocketServer } from "ws";

const SAID = "chat:said";
const KEPT = 50;
const ca = process.env.REDIS_CA_FILE ? readFileSync(process.env.REDIS_CA_FILE) : undefined;
const page = readFileSync("page.html");
const redis = createClient({ url: process.env.REDIS_URL, socket: ca ? { tls: true, ca } : {}, disableOfflineQueue: true });
const listener = redis.duplicate();
for (const client of [redis, listener]) {
  // Without a listener for errors Node would end; the client connects again by itself.
  client.on("error", (error) => console.error(`redis: ${error.message}`));
}

let inFlight = 0;

const server = createServer((request, response) => {
  const path = new URL(request.url, "http://chat").pathname;
  if (path === "/ready") {
    const status = redis.isReady && listener.isReady ? 200 : 503;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ status: status === 200 ? "ready" : "redis is away" }));
  } else if (path === "/in-flight") {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ in_flight: inFlight }));
  } else if (path === "/") {
    inFlight += 1;
    response.on("close", () => (inFlight -= 1));
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
  } else {
    response.writeHead(404).end();
  }
});
// Longer than the edge keeps an idle connection (60 s): what it uses again is never one that is being closed.
server.keepAliveTimeout = 120_000;

const sockets = new WebSocketServer({ server, path: "/socket", maxPayload: 4096 });
sockets.on("connection", async (socket) => {
  socket.on("message", async (data) => {
    try {
      const text = String(JSON.parse(data).text).slice(0, 500);
      const line = JSON.stringify({ text });
      await redis.multi().rPush(SAID, line).lTrim(SAID, -KEPT, -1).publish(SAID, line).exec();
    } catch (error) {
      socket.close(1011, "try again");
    }
  });
  try {
    for (const line of await redis.lRange(SAID, 0, -1)) socket.send(line);
  } catch (error) {
    socket.close(1013, "try again");
  }
});
// It listens first: while Redis is away it says so at /ready.
server.listen(8080);
await redis.connect();
await listener.connect();
await listener.subscribe(SAID, (line) => {
  for (const socket of sockets.clients) socket.send(line);
});

process.on("SIGTERM", () => {
  for (const socket of sockets.clients) socket.close(1012, "a new release");
  server.close(() => process.exit(0));
  setTimeout(() => process.exit(0), 10_000).unref();
});
