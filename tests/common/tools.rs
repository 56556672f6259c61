//! Independent clients: curl, nghttp, h2load. A missing one fails the test and names its package.

use std::path::Path;
use std::process::{Command, Output};

/// Runs a tool to its end. `package` is the Debian package that has it.
pub(crate) fn run(tool: &str, package: &str, args: &[&str]) -> Output {
    Command::new(tool)
        .args(args)
        .env_remove("http_proxy")
        .env_remove("https_proxy")
        .env_remove("ALL_PROXY")
        .output()
        .unwrap_or_else(|e| panic!("cannot run {tool} ({e}): install the Debian package {package}"))
}

/// What curl brought back.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The last response's status, 0 if there was none.
    pub(crate) status: u16,
    /// "1.1", "2".
    pub(crate) version: String,
    /// Header lines of the last response: name in lower case, value.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// curl's own exit code: 0, 22, 28 (timeout), 52 (empty reply), 56 (reset) …
    pub(crate) exit: i32,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One transfer by curl, insecure certificates accepted, 30 s at most.
pub(crate) fn curl(args: &[&str]) -> Reply {
    let headers = super::Scratch::new();
    let dump = headers.path().join("headers");
    let dump = dump.to_str().expect("scratch paths are UTF-8");
    let mut all = vec![
        "--silent",
        "--insecure",
        "--max-time",
        "30",
        "--noproxy",
        "*",
        "--path-as-is",
        "--dump-header",
        dump,
    ];
    all.extend_from_slice(args);
    let output = run("curl", "curl", &all);
    let text = std::fs::read_to_string(dump).unwrap_or_default();
    let (version, status, headers) = parse_head(&text);
    Reply { status, version, headers, body: output.stdout, exit: output.status.code().unwrap_or(-1) }
}

fn parse_head(text: &str) -> (String, u16, Vec<(String, String)>) {
    let last = text.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default();
    let mut lines = last.lines();
    let mut status_line = lines.next().unwrap_or_default().split(' ');
    let version = status_line.next().unwrap_or_default().trim_start_matches("HTTP/").to_owned();
    let status = status_line.next().and_then(|s| s.parse().ok()).unwrap_or(0);
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    (version, status, headers)
}

/// Runs h2load and returns its report; panics unless every request got a 2xx answer.
pub(crate) fn h2load(requests: usize, args: &[&str]) -> String {
    let n = requests.to_string();
    let mut all = vec!["-n", n.as_str()];
    all.extend_from_slice(args);
    let output = run("h2load", "nghttp2-client", &all);
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let wanted = format!("status codes: {requests} 2xx, 0 3xx, 0 4xx, 0 5xx");
    assert!(
        report.contains(&wanted),
        "h2load {all:?} did not say {wanted:?}:\n{report}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    report
}

/// Runs nghttp and returns (success, what it printed).
pub(crate) fn nghttp(args: &[&str]) -> (bool, String) {
    let output = run("nghttp", "nghttp2-client", args);
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// Runs openssl and expects success.
pub(crate) fn openssl(args: &[&str], dir: &Path) {
    let output = Command::new("openssl")
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap_or_else(|e| panic!("cannot run openssl ({e}): install the Debian package openssl"));
    assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
