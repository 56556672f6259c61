//! Real browsers: Chromium and Firefox load the page of the custom-loop example over h2 and are then
//! closed, or killed in the middle of downloads. A second later the server holds what it held before
//! the first of them. This is the scenario in which libwebsockets leaks with a loop whose
//! `wsi_logical_close` does not know descriptors of streams (`--unguarded`).
//!
//! `./scripts/test` installs the browsers and the driver's modules.

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use common::example::{CUSTOM_LOOP, CountingServer, Examples};
use common::wait::within;
use common::{Program, Running, Scratch, root, tmp, until};

/// Browsers are heavy and what they leave is timed: one at a time.
static ONE_BROWSER: Mutex<()> = Mutex::new(());

const LOADS: usize = 5;
const STALLED_DOWNLOADS: u64 = 6;

#[derive(Clone, Copy)]
enum Kind {
    Chromium,
    Firefox,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
        }
    }

    /// Debian's command, which is also its package.
    fn command(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox-esr",
        }
    }

    fn executable(self) -> PathBuf {
        let path = std::env::var_os("PATH").expect("PATH");
        std::env::split_paths(&path)
            .map(|dir| dir.join(self.command()))
            .find(|file| file.is_file())
            .unwrap_or_else(|| panic!("{} is not installed: run ./scripts/test", self.command()))
    }
}

/// The server's files: those of the examples, and one too big for any buffer on the way.
fn examples() -> &'static Examples {
    static EXAMPLES: OnceLock<Examples> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        let www = tmp().join("browser-www");
        fs::create_dir_all(&www).expect("directory of the site");
        for file in fs::read_dir(root().join("c-examples/mount-origin")).expect("mount-origin") {
            let file = file.expect("directory entry");
            fs::copy(file.path(), www.join(file.file_name())).expect("copy of the site");
        }
        let big = File::create(www.join("big.txt")).expect("big file");
        big.set_len(256 << 20).expect("sparse file");
        Examples::serving("browser-examples", &www)
    })
}

/// A browser and the driver that talks to it; nothing of them survives the value.
struct Browser {
    driver: Running,
    group: Option<Pid>,
    next_line: usize,
    _home: Scratch,
}

impl Browser {
    fn start(kind: Kind, scenario: &str, url: &str, screenshot: &Path) -> Self {
        let modules = tmp().parent().expect("target directory").join("browser-modules");
        assert!(
            modules.join("node_modules/puppeteer-core").is_dir(),
            "puppeteer-core is not installed: run ./scripts/test"
        );
        let home = Scratch::new();
        let driver = Program::new("node")
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .arg(root().join("tests/browsers/driver.mjs"))
            .arg(modules)
            .arg(kind.name())
            .arg(kind.executable())
            .args([scenario, url])
            .arg(screenshot)
            .start();
        let mut browser = Self { driver, group: None, next_line: 0, _home: home };
        let pid = browser.wait("launched")["pid"].as_i64().expect("pid of the browser");
        browser.group = Pid::from_raw(i32::try_from(pid).expect("a pid"));
        browser
    }

    /// Waits for the driver's next report of this event.
    fn wait(&mut self, event: &str) -> Value {
        let (next, report) = self.driver.wait_line_from(self.next_line, event, |line| {
            let report: Value = serde_json::from_str(line).ok()?;
            (report["event"] == event).then_some(report)
        });
        self.next_line = next;
        report
    }

    fn kill(&self) {
        kill_process_group(self.group.expect("the browser was launched"), Signal::KILL)
            .expect("the browser is there to be killed");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver takes the browser with it when asked to end; only then may it be killed itself.
        if !self.driver.has_ended() {
            self.driver.signal(Signal::TERM);
            within(Duration::from_secs(10), || self.driver.has_ended().then_some(()));
        }
    }
}

fn start_server(args: &[&str]) -> CountingServer {
    CountingServer::new(examples().start(CUSTOM_LOOP, args))
}

/// The page with all that belongs to it comes over h2, and the browser's end is the end of it.
fn loads_over_h2_and_leaves_nothing(kind: Kind, args: &[&str]) {
    let _alone = ONE_BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let server = start_server(args);
    let before = server.statistics();
    let screenshots = tmp().join("screenshots");
    fs::create_dir_all(&screenshots).expect("directory of screenshots");
    let screenshot = screenshots.join(format!("{}{}.png", kind.name(), args.concat()));
    let _ = fs::remove_file(&screenshot);

    let url = format!("{}/", server.server().url());
    let mut browser = Browser::start(kind, "page", &url, &screenshot);
    for load in 0..LOADS {
        let loaded = browser.wait("loaded");
        let resources = loaded["resources"].as_array().expect("resources");
        for name in ["", "style.css", "logo.svg", "page.js", "live"] {
            let full = format!("{url}{name}");
            let found = resources.iter().find(|resource| resource["name"] == full.as_str());
            let found = found.unwrap_or_else(|| panic!("load {load}: no {full} in {loaded}"));
            assert_eq!(found["protocol"], "h2", "load {load}: {found}");
            assert_eq!(found["status"], 200, "load {load}: {found}");
        }
        let text = loaded["text"].as_str().expect("text of the page");
        assert!(text.contains("HTTP/2"), "load {load}: the page's script saw {text:?}");
    }
    browser.wait("gone");
    server.expect_idle();

    let streams = server.statistics().of("h2_stream").total - before.of("h2_stream").total;
    assert!(streams >= LOADS as u64, "{LOADS} loads took {streams} streams only");
    let image = fs::read(&screenshot).expect("the screenshot");
    assert!(image.starts_with(b"\x89PNG") && image.len() > 10_000, "{} bytes", image.len());
    server.stop();
}

/// Downloads are in flight, stopped by flow control, when the browser vanishes.
fn killed_in_downloads_leaves_nothing(kind: Kind, args: &[&str]) {
    let _alone = ONE_BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let server = start_server(args);

    let url = format!("{}/", server.server().url());
    let mut browser = Browser::start(kind, "stall", &url, Path::new(""));
    browser.wait("stalled");
    until("the downloads to be in flight", || {
        (server.statistics().of("h2_stream").live >= STALLED_DOWNLOADS).then_some(())
    });
    browser.kill();
    server.expect_idle();
    browser.wait("gone");
    server.stop();
}

#[test]
fn chromium_loads_the_page() {
    loads_over_h2_and_leaves_nothing(Kind::Chromium, &[]);
}

#[test]
fn chromium_loads_the_page_from_an_unguarded_loop() {
    loads_over_h2_and_leaves_nothing(Kind::Chromium, &["--unguarded"]);
}

#[test]
fn chromium_is_killed() {
    killed_in_downloads_leaves_nothing(Kind::Chromium, &[]);
}

#[test]
fn chromium_is_killed_with_an_unguarded_loop() {
    killed_in_downloads_leaves_nothing(Kind::Chromium, &["--unguarded"]);
}

#[test]
fn firefox_loads_the_page() {
    loads_over_h2_and_leaves_nothing(Kind::Firefox, &[]);
}

#[test]
fn firefox_loads_the_page_from_an_unguarded_loop() {
    loads_over_h2_and_leaves_nothing(Kind::Firefox, &["--unguarded"]);
}

#[test]
fn firefox_is_killed() {
    killed_in_downloads_leaves_nothing(Kind::Firefox, &[]);
}

#[test]
fn firefox_is_killed_with_an_unguarded_loop() {
    killed_in_downloads_leaves_nothing(Kind::Firefox, &["--unguarded"]);
}

/// A browser that has the chat open.
struct Chatter {
    browser: Browser,
    name: &'static str,
}

impl Chatter {
    fn enter(kind: Kind, url: &str, protocol: &str, screenshot: &Path) -> Self {
        let _ = fs::remove_file(screenshot);
        let mut browser = Browser::start(kind, "chat", url, screenshot);
        let open = browser.wait("open");
        assert_eq!(open["page"], "HTTP/2", "{open}");
        assert_eq!(open["state"], "open", "{open}");
        assert_eq!(open["subprotocol"], protocol, "{open}");
        Self { browser, name: kind.name() }
    }

    fn order(&mut self, order: &Value) {
        self.browser.driver.tell(&order.to_string());
    }

    fn says(&mut self, text: &str) {
        self.order(&serde_json::json!({ "say": text }));
    }

    fn sees(&mut self, texts: &[&str]) {
        let last = texts.last().expect("something to see");
        self.order(&serde_json::json!({ "wait": last }));
        let shown = self.browser.wait("shown");
        assert_eq!(shown["messages"], serde_json::json!(texts), "in {}", self.name);
    }

    fn leaves(mut self) {
        self.order(&serde_json::json!({ "end": true }));
        self.browser.wait("gone");
    }
}

/// Both browsers carry their WebSocket over the HTTP/2 connection that the page came over (RFC 8441): the server has
/// accepted one connection of each, and has a WebSocket on each.
fn browsers_chat(example: &str, protocol: &str, args: &[&str]) {
    let server = CountingServer::new(Examples::built().start(example, &[&["-s"], args].concat()));
    let url = format!("{}/", server.server().url());
    let screenshots = tmp().join("screenshots");
    fs::create_dir_all(&screenshots).expect("directory of screenshots");
    let picture = |browser: Kind| screenshots.join(format!("{example}-{}.png", browser.name()));

    let enter = |browser: Kind| Chatter::enter(browser, &url, protocol, &picture(browser));
    let mut one = enter(Kind::Chromium);
    let mut other = enter(Kind::Firefox);
    let open = server.statistics();
    assert!(open.of("h2_stream").live >= 2, "two WebSockets are streams: {open:?}");

    one.says("Hello from Chromium");
    one.sees(&["Hello from Chromium"]);
    other.sees(&["Hello from Chromium"]);
    other.says("Grüße aus Firefox ☕");
    for chatter in [&mut one, &mut other] {
        chatter.sees(&["Hello from Chromium", "Grüße aus Firefox ☕"]);
    }
    one.leaves();
    other.says("Alone");
    other.sees(&["Hello from Chromium", "Grüße aus Firefox ☕", "Alone"]);
    other.leaves();

    server.expect_idle();
    let errors = server.stop();
    assert!(errors.is_empty(), "{errors:#?}");
    for browser in [Kind::Chromium, Kind::Firefox] {
        let image = fs::read(picture(browser)).expect("the screenshot");
        assert!(image.starts_with(b"\x89PNG") && image.len() > 10_000, "{} bytes", image.len());
    }
}

#[test]
fn browsers_chat_on_the_default_loop() {
    let _alone = ONE_BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    browsers_chat("minimal-ws-server", "lws-minimal", &["--eventlib", "default"]);
}

#[test]
fn browsers_chat_on_an_unguarded_loop() {
    let _alone = ONE_BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    browsers_chat("minimal-ws-server-ring", "lws-minimal", &["--eventlib", "unguarded"]);
}

/// The page and its WebSockets are the proxy's, the chat is in another server.
#[test]
fn browsers_chat_through_the_proxy() {
    let _alone = ONE_BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let upstream = CountingServer::new(Examples::built().start("minimal-ws-server", &["-s"]));
    let url = format!("wss://localhost:{}/", upstream.server().port());
    let args = ["--upstream", &url, "--ca", &Examples::built().certificate(), "--eventlib", "custom"];
    browsers_chat("minimal-ws-proxy", "lws-minimal-proxy", &args);
    upstream.expect_idle();
    let errors = upstream.stop();
    assert!(errors.is_empty(), "{errors:#?}");
}
