"use strict";

// Browsers name the protocol that each resource came over.
const protocolNames = { h2: "HTTP/2", "http/1.1": "HTTP/1.1", "http/1.0": "HTTP/1.0" };
const nameOf = (protocol) => protocolNames[protocol] || protocol || "?";

function addRow(tbody, cells) {
  const row = document.getElementById(tbody).insertRow();
  for (const cell of cells) row.insertCell().textContent = cell;
}

function showResources() {
  const [page] = performance.getEntriesByType("navigation");
  document.getElementById("protocol").textContent = nameOf(page.nextHopProtocol);

  for (const entry of [page, ...performance.getEntriesByType("resource")]) {
    addRow("resources", [
      new URL(entry.name).pathname,
      nameOf(entry.nextHopProtocol),
      entry.encodedBodySize,
      `${entry.duration.toFixed(1)} ms`,
    ]);
  }
}

// Only some of the servers have the dynamic resource, and only ferrows counts.
async function showStatistics() {
  const answer = await fetch("live");
  if (!answer.ok || answer.redirected) return;

  const { requests, statistics } = await answer.json();
  if (!statistics) return;

  document.getElementById("requests").textContent = requests;
  for (const [kind, counts] of Object.entries(statistics)) {
    if (typeof counts !== "object") continue;
    addRow("statistics", [kind, counts.live, counts.peak, counts.total]);
  }
  document.getElementById("ledger").hidden = false;
}

addEventListener("load", () => {
  // The page's own entry is complete only once the load event is over.
  setTimeout(() => {
    showResources();
    showStatistics().finally(() => document.documentElement.classList.add("ready"));
  });
});
