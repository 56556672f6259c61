// Drives one real browser for tests/browsers.rs, which starts it as
//
//   node driver.mjs MODULES BROWSER EXECUTABLE SCENARIO URL [SCREENSHOT]
//
// MODULES is the directory that npm installed puppeteer-core into, BROWSER is
// `chromium` (driven over its DevTools protocol) or `firefox` (WebDriver BiDi).
//
//   page   loads URL several times past the cache, notes over which protocol
//          each resource came, takes SCREENSHOT, closes the browser
//   chat   opens the chat page at URL, and does what stdin says, a JSON object a line: {"say":TEXT} sends, {"wait":TEXT}
//          waits until the page shows it and reports, {"end":true} takes SCREENSHOT and closes the browser
//   stall  opens URL, starts downloads that are never read, and then waits for
//          the test to kill the browser
//
// Reports on stdout, one JSON object a line, each with an `event`:
//   {"event":"launched","pid":…}    pid leads the browser's process group
//   {"event":"loaded","resources":[{"name":…,"protocol":…,"status":…}],"text":…}
//   {"event":"stalled"}             the downloads have been answered
//   {"event":"open","page":…,"state":…,"subprotocol":…}     the chat's WebSocket is open
//   {"event":"shown","messages":[…]}        what a chat was told to wait for is there
//   {"event":"gone"}                no process of the browser is left
// It fails with a message on stderr and a nonzero exit status.

import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [modules, browserName, executablePath, scenario, url, screenshot] = process.argv.slice(2);
const puppeteer = createRequire(`${modules}/`)("puppeteer-core");

const LOADS = 5;
const STALLED_DOWNLOADS = 6;

const report = (event, fields = {}) => console.log(JSON.stringify({ event, ...fields }));

// A test talks to its own server only: everything a browser would ask the
// world in the background is off.
const quietChromium = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-dev-shm-usage",
  "--disable-domain-reliability",
  "--disable-extensions",
  "--disable-gpu",
  "--disable-sync",
  "--metrics-recording-only",
  "--no-default-browser-check",
  "--no-first-run",
  "--no-pings",
  "--no-proxy-server",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
];
const quietFirefox = {
  "app.normandy.enabled": false,
  "app.update.enabled": false,
  "browser.newtabpage.activity-stream.feeds.topsites": false,
  "browser.safebrowsing.downloads.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.search.update": false,
  "captivedetect.canonicalURL": "",
  "datareporting.healthreport.uploadEnabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "dom.push.connection.enabled": false,
  "extensions.getAddons.cache.enabled": false,
  "extensions.systemAddon.update.enabled": false,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "network.dns.disablePrefetch": true,
  "network.proxy.type": 0,
  "network.trr.mode": 5,
  "security.OCSP.enabled": 0,
  "security.remote_settings.crlite_filters.enabled": false,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "toolkit.telemetry.enabled": false,
  "toolkit.telemetry.server": "",
};

function launch() {
  return puppeteer.launch({
    browser: browserName === "firefox" ? "firefox" : "chrome",
    executablePath,
    headless: true,
    acceptInsecureCerts: true,
    args: browserName === "firefox" ? [] : quietChromium,
    extraPrefsFirefox: quietFirefox,
    defaultViewport: { width: 900, height: 700 },
    timeout: 60_000,
    protocolTimeout: 60_000,
  });
}

// Runs in the page: what was fetched, and over which protocol.
function timings() {
  const entries = [
    ...performance.getEntriesByType("navigation"),
    ...performance.getEntriesByType("resource"),
  ];
  return entries.map(({ name, nextHopProtocol, responseStatus }) => ({
    name,
    protocol: nextHopProtocol,
    status: responseStatus,
  }));
}

// Runs in the page: answers whose bodies nobody reads, so that they fill the
// flow-control windows and stay open for as long as the page lives.
async function stall(count) {
  globalThis.unread = await Promise.all(
    Array.from({ length: count }, (_, n) => fetch(`big.txt?${n}`, { cache: "no-store" })),
  );
  return globalThis.unread.map(({ status }) => status);
}

async function loadPage(browser) {
  const page = await browser.newPage();
  const failures = [];
  page.on("requestfailed", (request) => {
    failures.push(`${request.url()}: ${request.failure()?.errorText}`);
  });
  for (let load = 0; load < LOADS; load++) {
    await page.setCacheEnabled(false);
    await page.goto(url, { waitUntil: "load", timeout: 30_000 });
    // The page's script says so when it has shown what the server told it.
    await page.waitForSelector("html.ready", { timeout: 30_000 });
    const text = await page.evaluate(() => document.body.innerText);
    report("loaded", { resources: await page.evaluate(timings), text });
    if (failures.length > 0) {
      throw new Error(`load ${load}: ${failures.join(", ")}`);
    }
  }
  await page.screenshot({ path: screenshot, fullPage: true });
  await browser.close();
  report("gone");
}

async function chatPage(browser) {
  const page = await browser.newPage();
  await page.goto(url, { waitUntil: "load", timeout: 30_000 });
  await page.waitForSelector("html.open", { timeout: 30_000 });
  const text = (id) => page.evaluate((id) => document.getElementById(id).textContent, id);
  report("open", {
    page: await text("protocol"),
    state: await text("state"),
    subprotocol: await text("subprotocol"),
  });

  const shown = (wanted) =>
    [...document.querySelectorAll("#messages li")].some((item) => item.textContent === wanted);
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    if (order.say !== undefined) {
      await page.type("#text", order.say);
      await page.click("#send");
    }
    if (order.wait !== undefined) {
      await page.waitForFunction(shown, { timeout: 30_000 }, order.wait);
      const messages = await page.$$eval("#messages li", (items) =>
        items.map((item) => item.textContent),
      );
      report("shown", { messages });
    }
    if (order.end) break;
  }
  await page.screenshot({ path: screenshot, fullPage: true });
  await browser.close();
  report("gone");
}

async function stallPage(browser, exited) {
  const page = await browser.newPage();
  await page.goto(url, { waitUntil: "load", timeout: 30_000 });
  const statuses = await page.evaluate(stall, STALLED_DOWNLOADS);
  if (statuses.some((status) => status !== 200)) {
    throw new Error(`downloads answered ${statuses}`);
  }
  report("stalled");
  await exited;
  report("gone");
}

const browser = await launch();
const exited = once(browser.process(), "exit");
try {
  report("launched", { pid: browser.process().pid, version: await browser.version() });
  const scenarios = { page: loadPage, chat: chatPage, stall: stallPage };
  await scenarios[scenario](browser, exited);
} finally {
  if (browser.process().exitCode === null && browser.process().signalCode === null) {
    process.kill(-browser.process().pid, "SIGKILL");
    await exited;
  }
}
