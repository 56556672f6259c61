//! The HTTP/2 conformance suite h2spec against the custom-loop example, over TLS and in cleartext with
//! prior knowledge. What does not pass must be listed in `tests/h2spec/exceptions.txt`, and what is
//! listed there must not pass.
//!
//! `./scripts/test` builds h2spec.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use common::example::{CUSTOM_LOOP, CountingServer, Examples};
use common::tools::run;
use common::{Scratch, root, tmp};

/// Fewer mean that h2spec itself did not run as it should.
const CASES: usize = 140;

/// Section and title of a case, as h2spec has them: `http2/5.1`, "idle: Sends a DATA frame".
type Case = (String, String);

fn h2spec() -> PathBuf {
    let program = tmp().parent().expect("target directory").join("h2spec/h2spec");
    assert!(program.is_file(), "h2spec is not built: run ./scripts/test");
    program
}

/// The number of cases, and what each that did not pass had to say.
fn run_h2spec(port: &str, options: &[&str]) -> (usize, BTreeMap<Case, String>) {
    let scratch = Scratch::new();
    let report = scratch.path().join("junit.xml");
    let report = report.to_str().expect("scratch paths are UTF-8");
    let h2spec = h2spec();
    // A case that hangs takes h2spec's own two seconds; if they all did, this limit ends it.
    let mut args = vec!["240", h2spec.to_str().expect("the target directory is UTF-8")];
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

fn results(junit: &str) -> (usize, BTreeMap<Case, String>) {
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
            assert!(matches!(for_listener, "tls" | "h2c"), "no such listener: {line}");
            let (section, rest) = rest.split_once(" \"").unwrap_or_else(wrong);
            let (title, reason) = rest.rsplit_once("\" ").unwrap_or_else(wrong);
            assert!(reason.len() > 20, "that is no reason: {line}");
            (for_listener == listener).then(|| (section.to_owned(), title.to_owned()))
        })
        .collect()
}

fn conforms(listener: &str, server_args: &[&str], h2spec_args: &[&str]) {
    let server = CountingServer::new(Examples::built().start(CUSTOM_LOOP, server_args));
    let (count, failures) = run_h2spec(server.server().port(), h2spec_args);
    assert!(count >= CASES, "h2spec ran {count} cases");

    let expected = exceptions(listener);
    let unexpected: Vec<_> = failures.iter().filter(|(case, _)| !expected.contains(case)).collect();
    let outdated: Vec<_> = expected.iter().filter(|case| !failures.contains_key(case)).collect();
    assert!(
        unexpected.is_empty() && outdated.is_empty(),
        "{listener}: {} of {count} cases fail and are not listed: {unexpected:#?}\nlisted, but they pass: {outdated:#?}\n{}",
        unexpected.len(),
        server.server().program().transcript()
    );

    // Some thousand bad frames later nothing may be left either.
    server.expect_idle();
    server.stop();
}

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
