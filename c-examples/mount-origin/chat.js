"use strict";

// The protocols of all examples that serve this page: each server takes its own.
const protocols = [
  "lws-minimal",
  "lws-minimal-broker",
  "lws-minimal-proxy",
  "lws-minimal-pmd-bulk",
  "timer",
];
const SHOWN = 100;

const byId = (id) => document.getElementById(id);
const names = { h2: "HTTP/2", "http/1.1": "HTTP/1.1" };
const [page] = performance.getEntriesByType("navigation");
byId("protocol").textContent = names[page.nextHopProtocol] || page.nextHopProtocol;

// wss: where the page came over TLS.
const socket = new WebSocket(location.href.replace(/^http/, "ws"), protocols);
socket.binaryType = "arraybuffer";

function show(text) {
  const list = byId("messages");
  const item = document.createElement("li");
  item.textContent = text;
  item.dataset.time = new Date().toLocaleTimeString();
  list.append(item);
  if (list.children.length > SHOWN) list.firstChild.remove();
  item.scrollIntoView({ block: "nearest" });
}

function showState(state, open) {
  byId("state").textContent = state;
  byId("text").disabled = byId("send").disabled = !open;
  document.documentElement.classList.toggle("open", open);
  document.documentElement.classList.toggle("closed", !open);
}

socket.addEventListener("open", () => {
  byId("subprotocol").textContent = socket.protocol;
  byId("compression").textContent = socket.extensions.includes("permessage-deflate") ? "deflate" : "none";
  byId("compression").title = socket.extensions;
  showState("open", true);
  byId("text").focus();
});
socket.addEventListener("close", ({ code, reason }) => {
  showState(`closed, ${code}${reason && `: ${reason}`}`, false);
});
socket.addEventListener("message", ({ data }) => {
  show(typeof data === "string" ? data : `${data.byteLength} bytes`);
});

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  socket.send(byId("text").value);
  byId("text").value = "";
  byId("text").focus();
});
