// Clients of the npm package ws against an echo server that obeys orders (tests/c/ws-echo.c --deflate --orders).
//
//   node ws_client.mjs MODULES URL [CA]
//
// MODULES is where package-lock.json of this folder is installed. Ends with 1 at the first thing that is not as it should be.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, url, ca] = process.argv.slice(2);
const WebSocket = createRequire(`${modules}/`)("ws");
const tls = ca ? { ca: readFileSync(ca) } : {};

async function open(options = {}, protocols = []) {
  const ws = new WebSocket(url, protocols, { ...tls, ...options });
  ws.queue = [];
  ws.on("message", (data, isBinary) => {
    ws.queue.push({ data, isBinary });
    ws.emit("queued");
  });
  await once(ws, "open");
  return ws;
}

async function receive(ws) {
  if (!ws.queue.length) await once(ws, "queued");
  return ws.queue.shift();
}

async function echoes(ws, message, options = {}) {
  const bytes = Buffer.from(message);
  ws.send(message, options);
  const { data, isBinary } = await receive(ws);
  assert.equal(isBinary, typeof message !== "string");
  assert.ok(bytes.equals(data), `echo of ${bytes.length} bytes`);
}

async function close(ws, code, reason) {
  ws.close(code, reason);
  return once(ws, "close");
}

async function messages(perMessageDeflate) {
  const ws = await open({ perMessageDeflate });
  assert.equal(ws.extensions, perMessageDeflate ? "permessage-deflate" : "");
  for (const size of [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 1_500_000]) {
    await echoes(ws, randomBytes(size));
    await echoes(ws, "Grüße 🦀 ".repeat(size / 12));
    await echoes(ws, "not compressed", { compress: false });
  }
  await close(ws, 1000);
}

async function parameters() {
  for (const offer of [
    { serverNoContextTakeover: true },
    { clientNoContextTakeover: true },
    { serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
    { serverMaxWindowBits: 15, clientMaxWindowBits: true },
  ]) {
    const ws = await open({ perMessageDeflate: { threshold: 0, ...offer } });
    assert.match(ws.extensions, /^permessage-deflate/);
    for (let n = 0; n < 3; n++)
      for (const message of ["again and again ".repeat(5000), randomBytes(50_000), "", "x"]) await echoes(ws, message);
    await close(ws, 1000);
  }
}

async function fragments() {
  for (const compress of [true, false]) {
    const ws = await open({ perMessageDeflate: { threshold: 0 } });
    ws.send("a", { fin: false, compress });
    ws.ping("between");
    ws.send("", { fin: false, compress });
    ws.send("b".repeat(100_000), { fin: false, compress });
    ws.send("c", { fin: true, compress });
    const [pong] = await once(ws, "pong");
    assert.equal(pong.toString(), "between");
    assert.equal((await receive(ws)).data.toString(), `a${"b".repeat(100_000)}c`);
    await close(ws, 1000);
  }
}

async function subprotocols() {
  const ws = await open({}, ["nobody", "other", "echo"]);
  assert.equal(ws.protocol, "other");
  await close(ws, 1000);
  const refused = new WebSocket(url, ["nobody"], tls);
  const [error] = await once(refused, "error");
  assert.match(error.message, /400/);
}

async function pings() {
  const ws = await open();
  ws.send("ping hello ws");
  const [payload] = await once(ws, "ping");
  assert.equal(payload.toString(), "hello ws");
  await echoes(ws, "after it");
  await close(ws, 1000);
}

async function closing() {
  for (const [code, reason] of [[1000, ""], [1001, "going"], [3001, "tschüß"], [4999, "x".repeat(120)]]) {
    const [answered, why] = await close(await open(), code, reason);
    assert.deepEqual([answered, why.toString()], [code, reason]);
  }
  const unsaid = await open();
  unsaid.close();
  assert.equal((await once(unsaid, "close"))[0], 1005);
  for (const code of [1000, 1011, 4000]) {
    const ws = await open();
    ws.send(`close ${code} because of that`);
    const [told, why] = await once(ws, "close");
    assert.deepEqual([told, why.toString()], [code, "because of that"]);
  }
  const dropped = await open();
  dropped.send("drop");
  assert.equal((await once(dropped, "close"))[0], 1006);
}

async function many() {
  const clients = await Promise.all(Array.from({ length: 40 }, () => open()));
  await Promise.all(clients.map((ws, n) => echoes(ws, randomBytes(10_000 * n))));
  await Promise.all(clients.map((ws) => close(ws, 1000)));
}

await messages(true);
await messages(false);
await parameters();
await fragments();
await subprotocols();
await pings();
await closing();
await many();
console.log("done");
