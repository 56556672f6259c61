// The echo server of websockets_server.py, by the npm package ws.
//
//   node ws_server.mjs MODULES [CERT KEY]
//
// MODULES is where package-lock.json of this folder is installed.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createRequire } from "node:module";

const [modules, cert, key] = process.argv.slice(2);
const { WebSocketServer } = createRequire(`${modules}/`)("ws");

const say = (...words) => process.stdout.write(`${words.join(" ")}\n`);
const http = cert ? createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }) : createServer();

function chosen(offered) {
  return ["chat", "superchat"].find((name) => offered.has(name)) ?? false;
}

function sendPieces(ws) {
  const pieces = ["a", "", "b".repeat(70_000), "c"];
  pieces.forEach((piece, n) => ws.send(piece, { fin: n === pieces.length - 1 }));
}

function obeyOrEcho(ws, data, isBinary) {
  const text = isBinary ? "" : data.toString();
  const [order] = text.split(" ", 1);
  const rest = text.slice(order.length + 1);
  if (order === "close") ws.close(Number(rest.split(" ", 1)[0]), rest.replace(/^\d+ ?/, ""));
  else if (order === "ping") ws.ping(rest);
  else if (order === "pieces") sendPieces(ws);
  else if (order === "send") ws.send(Buffer.from(Array.from({ length: Number(rest) }, (_, n) => n % 251)));
  else ws.send(data, { binary: isBinary });
}

const server = new WebSocketServer({
  server: http,
  handleProtocols: chosen,
  perMessageDeflate: { threshold: 0 },
  maxPayload: 0,
});
server.on("connection", (ws, request) => {
  say("open", request.url, ws.protocol || "-", ws.extensions || "-");
  ws.on("message", (data, isBinary) => obeyOrEcho(ws, data, isBinary));
  ws.on("pong", (payload) => say("pong", payload));
  ws.on("close", (code, reason) => say("closed", ...(code === 1006 ? ["without a CLOSE"] : [code, reason])));
});
http.listen(0, "127.0.0.1", () => say("listening on", http.address().port));
process.stdin.resume().on("end", () => process.exit(0));
