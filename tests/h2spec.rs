//! The HTTP/2 conformance suite h2spec against the custom-loop example, and its other half, h2specd, whose cases are servers,
//! against the client example: over TLS and in cleartext with prior knowledge. What does not pass must be listed in
//! `tests/h2spec/exceptions.txt`, and what is listed there must not pass.
//!
//! `./scripts/test` builds both.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};

use common::example::{CUSTOM_LOOP, CountingServer, Examples};
use common::tools::run;
use common::{Scratch, root, tmp};

/// Fewer mean that h2spec itself did not run as it should.
const CASES: usize = 140;

/// And that h2specd did not.
const CLIENT_CASES: usize = 57;

/// Section and title of a case, as h2spec has them: `http2/5.1`, "idle: Sends a DATA frame".
type Case = (String, String);

/// The number of cases, and what each that did not pass had to say.
type Results = (usize, BTreeMap<Case, String>);

fn built(name: &str) -> String {
    let program: PathBuf = tmp().parent().expect("target directory").join("h2spec").join(name);
    assert!(program.is_file(), "{name} is not built: run ./scripts/test");
    program.to_str().expect("the target directory is UTF-8").to_owned()
}

fn run_h2spec(port: &str, options: &[&str]) -> Results {
    let scratch = Scratch::new();
    let report = scratch.path().join("junit.xml");
    let report = report.to_str().expect("scratch paths are UTF-8");
    let h2spec = built("h2spec");
    // A case that hangs takes h2spec's own two seconds; if they all did, this limit ends it.
    let mut args = vec!["240", h2spec.as_str()];
    args.extend(["-h", "localhost", "-p", port, "-o", "2", "--strict", "-j", report]);
    args.extend(options);
    let output = run("timeout", "coreutils", &args);
    let xml = fs::read_to_string(report).unwrap_or_else(|e| {
        panic!(
            "h2spec {options:?} left no report ({e}), {}:\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    results(&xml)
}

fn results(junit: &str) -> Results {
    let document = roxmltree::Document::parse(junit).expect("h2spec's report is XML");
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let mut count = 0;
    let mut failures = BTreeMap::new();
    for case in cases {
        count += 1;
        let name = |attribute| case.attribute(attribute).expect("a case has a name").to_owned();
        // A passed case is empty. A skipped one has not shown what it is for, so it has not passed.
        if let Some(bad) = case.children().find(roxmltree::Node::is_element) {
            let message = format!("{}: {}", bad.tag_name().name(), bad.text().unwrap_or_default());
            failures.insert((name("package"), name("classname")), message);
        }
    }
    (count, failures)
}

/// The cases listed for a listener: lines of `LISTENER SECTION "TITLE" REASON`.
fn exceptions(listener: &str) -> BTreeSet<Case> {
    let path = root().join("tests/h2spec/exceptions.txt");
    let text = fs::read_to_string(path).expect("the list of exceptions");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let wrong = || panic!("not LISTENER SECTION \"TITLE\" REASON: {line}");
            let (for_listener, rest) = line.split_once(' ').unwrap_or_else(wrong);
            let known = ["tls", "h2c", "client-tls", "client-h2c"].contains(&for_listener);
            assert!(known, "no such listener: {line}");
            let (section, rest) = rest.split_once(" \"").unwrap_or_else(wrong);
            let (title, reason) = rest.rsplit_once("\" ").unwrap_or_else(wrong);
            assert!(reason.len() > 20, "that is no reason: {line}");
            (for_listener == listener).then(|| (section.to_owned(), title.to_owned()))
        })
        .collect()
}

/// Only what is listed fails, and all of that does.
fn expect_failures(listener: &str, (count, failures): &Results, transcript: &str) {
    let expected = exceptions(listener);
    let unexpected: Vec<_> = failures.iter().filter(|(case, _)| !expected.contains(case)).collect();
    let outdated: Vec<_> = expected.iter().filter(|case| !failures.contains_key(case)).collect();
    assert!(
        unexpected.is_empty() && outdated.is_empty(),
        "{listener}: {} of {count} cases fail and are not listed: {unexpected:#?}\nlisted, but they pass: {outdated:#?}\n{transcript}",
        unexpected.len(),
    );
}

fn conforms(listener: &str, server_args: &[&str], h2spec_args: &[&str]) {
    let server = CountingServer::new(Examples::built().start(CUSTOM_LOOP, server_args));
    let results = run_h2spec(server.server().port(), h2spec_args);
    assert!(results.0 >= CASES, "h2spec ran {} cases", results.0);
    expect_failures(listener, &results, &server.server().program().transcript());

    // Some thousand bad frames later nothing may be left either.
    server.expect_idle();
    server.stop();
}

// ---------------------------------------------------------------------------------------------
// Clients
// ---------------------------------------------------------------------------------------------

/// The first of as many ports in a row as h2specd wants, one for each case. It binds them itself, so that somebody may be
/// faster: below those that the kernel gives to connections, nobody but another of these is likely to.
fn ports_in_a_row() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const ROW: u16 = CLIENT_CASES as u16;
    for _ in 0..1000 {
        let at = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id() as u16);
        let first = 10_000 + at % 300 * ROW;
        let free = (first..first + ROW).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
        if free {
            return first;
        }
    }
    panic!("no {ROW} free ports in a row");
}

/// Has h2specd run `minimal-http-client` with these arguments once for each case of the sections (all, when none is named), and
/// what the clients said.
fn run_h2specd(client_args: &[&str], options: &[&str], sections: &[&str]) -> (Results, String) {
    let scratch = Scratch::new();
    let examples = Examples::built();
    let log = scratch.path().join("log");
    // h2specd takes the command apart at spaces, and throws away what it says.
    let command = format!(
        "#!/bin/sh\necho \"== $1\" >>'{log}'\nexec '{client}' {args} --ca '{ca}' \"$1\" >>'{log}' 2>&1\n",
        log = log.display(),
        client = examples.program("minimal-http-client").display(),
        args = client_args.join(" "),
        ca = examples.certificate(),
    );
    let command = scratch.file("client", command);
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).expect("an executable script");
    let command = command.to_str().expect("scratch paths are UTF-8");
    let h2specd = built("h2specd");
    loop {
        let port = ports_in_a_row().to_string();
        let mut args =
            vec!["120", h2specd.as_str(), "-h", "localhost", "-f", &port, "--strict", "-e", command];
        args.extend(options);
        args.extend(sections);
        let output = run("timeout", "coreutils", &args);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if said.contains("address already in use") {
            continue;
        }
        let complaint = said.lines().find(|line| line.starts_with("Error:"));
        let clients = fs::read_to_string(&log).unwrap_or_default();
        assert!(output.status.success() && complaint.is_none(), "h2specd {options:?}: {said}\n{clients}");
        return (client_results(&said), clients);
    }
}

/// Reads what h2specd prints: groups by their number, and cases, those that passed with a tick.
fn client_results(said: &str) -> Results {
    let mut count = 0;
    let mut failures = BTreeMap::new();
    let mut section = String::new();
    let mut failed: Option<Case> = None;
    // Then come the failed ones again.
    for line in said.lines().take_while(|line| !line.starts_with("Failures:")) {
        let line = line.trim();
        let numbered = |line: &str, end: &str| {
            let (number, title) = line.split_once(end)?;
            let is_number = number.starts_with(|c: char| c.is_ascii_digit())
                && number.chars().all(|c| c.is_ascii_digit() || c == '.');
            is_number.then(|| (number.to_owned(), title.to_owned()))
        };
        let (mark, case) = match line.chars().next() {
            Some(mark @ ('✔' | '×')) => (Some(mark), line[mark.len_utf8()..].trim_start()),
            _ => (None, line),
        };
        if let Some((_, title)) = numbered(case, ": ") {
            count += 1;
            // One without a mark is skipped: it has not shown what it is for.
            failed = (mark != Some('✔')).then(|| (section.clone(), title));
            failures.extend(failed.clone().map(|case| (case, String::new())));
        } else if let Some((number, _)) = numbered(line, ". ") {
            section = format!("client/{number}");
        } else if !line.is_empty()
            && let Some(message) = failed.as_ref().and_then(|case| failures.get_mut(case))
        {
            message.push_str(line);
            message.push('\n');
        }
    }
    (count, failures)
}

/// What h2specd says of a connection that was reset. It means to take that for closed, and does not know the error since Go
/// wraps it.
const WAS_RESET: &str = "connection reset by peer";

fn client_conforms(listener: &str, client_args: &[&str], h2specd_args: &[&str]) {
    let ((count, mut failures), mut clients) = run_h2specd(client_args, h2specd_args, &[]);
    assert_eq!(count, CLIENT_CASES, "as many cases as there are");
    failures.retain(|_, message| !(message.contains(WAS_RESET) && message.contains("Connection closed")));
    // The client has its answer and ends while h2specd is still sending, so that what it has sent last is thrown away.
    for _ in 0..20 {
        let overtaken = failures.iter().find(|(_, message)| message.contains(WAS_RESET));
        let Some(case) = overtaken.map(|(case, _)| case.clone()) else { break };
        let ((_, again), more) = run_h2specd(client_args, h2specd_args, &[&case.0]);
        failures.remove(&case);
        failures.extend(again.get_key_value(&case).map(|(case, message)| (case.clone(), message.clone())));
        clients.push_str(&more);
    }
    expect_failures(listener, &(count, failures), &clients);
    expect_no_complaints(&clients);
}

/// After each violation the client comes to an end, with one reason or an answer, and finds nothing left.
fn expect_no_complaints(clients: &str) {
    for client in clients.split("== ").skip(1) {
        let lines: Vec<_> = client.lines().skip(1).collect();
        let complete = lines.last().is_some_and(|line| *line == "Completed: OK");
        let failed = lines.last().is_some_and(|line| *line == "Completed: failed");
        let reasons = lines.iter().filter(|line| {
            ["connection failed: ", "closed before the end"].iter().any(|why| line.starts_with(why))
        });
        let reasons = reasons.count();
        assert!(complete && reasons == 0 || failed && reasons == 1, "{client}");
        assert!(!lines.iter().any(|line| line.starts_with('[')), "the library logs: {client}");
    }
}

#[test]
fn a_client_over_tls() {
    let examples = Examples::built();
    let (certificate, key) = (examples.certificate(), examples.key());
    client_conforms("client-tls", &[], &["-t", "-c", &certificate, "-k", &key]);
}

#[test]
fn a_client_in_cleartext_with_prior_knowledge() {
    client_conforms("client-h2c", &["--h2c"], &[]);
}

/// The windows of a request that is still being sent are watched: what is excepted for requests without a body. h2specd runs
/// the cases of the section above as well, and takes bytes that are on their way when the client ends for a failure of those.
#[test]
fn a_client_that_sends_a_body() {
    const SECTION: &str = "client/6.9.1";
    let place = Scratch::new();
    let upload = place.file("upload", vec![b'x'; 1_000_000]);
    let upload = upload.to_str().expect("scratch paths are UTF-8");
    let ((count, failures), clients) = run_h2specd(&["--h2c", "--post", upload], &[], &[SECTION]);
    assert_eq!(count, 5, "two cases, and three of the section above");
    let failed: Vec<_> = failures.iter().filter(|((section, _), _)| section == SECTION).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{clients}");
    expect_no_complaints(&clients);
}

#[test]
fn failures_are_found_in_what_h2specd_prints() {
    let said = "Generic tests for HTTP/2 client\n  1. Starting HTTP/2\n\r    ✔ 1: Sends a server connection preface\n\n  \
                6. Frame Definitions\n    6.9. WINDOW_UPDATE\n\r      ✔ 1: Sends this\n      6.9.1. The Window\n\
                \r        × 2: Sends that\n          -> MUST\n             Expected: RST_STREAM\n\r        3: Sends nothing\n\n\n\
                Failures: \n\n      6.9.1. The Window\n        × 2: Sends that\n\nFinished in 2.2 seconds\n";
    let (count, failures) = client_results(said);
    assert_eq!(count, 4);
    let case = |title: &str| ("client/6.9.1".to_owned(), title.to_owned());
    let expected = [
        (case("Sends nothing"), String::new()),
        (case("Sends that"), "-> MUST\nExpected: RST_STREAM\n".to_owned()),
    ];
    assert_eq!(failures, BTreeMap::from(expected));
}

// ---------------------------------------------------------------------------------------------
// Servers
// ---------------------------------------------------------------------------------------------

#[test]
fn over_tls() {
    conforms("tls", &[], &["-t", "-k"]);
}

#[test]
fn in_cleartext_with_prior_knowledge() {
    conforms("h2c", &["--no-tls"], &[]);
}

#[test]
fn failures_are_found_in_the_report() {
    let report = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="3.5" package="http2/3.5" id="3.5" tests="3" skipped="1" failures="1" errors="0">
    <testcase package="http2/3.5" classname="Sends client connection preface" time="0.0003"></testcase>
    <testcase package="http2/3.5" classname="Sends invalid connection preface" time="0.0001">
      <error>Connection closed
Timeout</error>
    </testcase>
    <testcase package="http2/3.5" classname="Is skipped" time="0.0"><skipped></skipped></testcase>
  </testsuite>
</testsuites>"#;
    let (count, failures) = results(report);
    assert_eq!(count, 3);
    let failures: Vec<_> =
        failures.iter().map(|((_, title), message)| (title.as_str(), message.as_str())).collect();
    assert_eq!(
        failures,
        [
            ("Is skipped", "skipped: "),
            ("Sends invalid connection preface", "error: Connection closed\nTimeout"),
        ]
    );
}
