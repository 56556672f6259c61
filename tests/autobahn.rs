//! The WebSocket conformance suite Autobahn|Testsuite against programs of ours on a custom loop: server and client, by
//! themselves, with TLS, and through HTTP/2 (RFC 8441) by nghttpx. "Non-strict" does not pass. What does not pass must be listed in
//! `tests/autobahn/exceptions.txt`, and what is listed there must not pass.
//!
//! Sections 12 and 13, permessage-deflate, take minutes: each run has 15 of their 216 cases, others than the other runs, unless
//! `FERROWS_TEST_AUTOBAHN=all`. `./scripts/test` installs the suite.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use common::nghttpx::Nghttpx;
use common::wait::within;
use common::ws_echo::EchoServer;
use common::{Program, Running, Scratch, compile, free_ports, root, tls, tmp, until};

/// Cases that go through one after the other, and beside those of other parts.
struct Part {
    name: &'static str,
    cases: Vec<String>,
    /// How many cases the patterns stand for in the release that is installed.
    count: usize,
    /// When the suite must have come to its end.
    limit: Duration,
}

/// How a case went: behaviour and closing, as the suite says it.
type Outcome = (String, String);

fn core() -> Part {
    let sections = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"];
    Part {
        name: "core",
        cases: sections.map(str::to_owned).into(),
        count: 247,
        limit: Duration::from_mins(4),
    }
}

/// Large messages, and many of them.
fn big() -> Part {
    Part { name: "big", cases: vec!["9.*".to_owned()], count: 54, limit: Duration::from_mins(10) }
}

/// Of the 18 cases in each group of those sections, which are the same but for what was negotiated: those that do not take long,
const QUICK: [usize; 13] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14];

/// and those with a thousand messages of 128 KiB, whole and in frames, which are three quarters of the time.
const SLOW: [usize; 5] = [10, 15, 16, 17, 18];

/// The `share` of the cases is one of four, which have none in common: one of each group, and a slow one of every fourth.
fn deflate(share: usize) -> Part {
    let all = std::env::var("FERROWS_TEST_AUTOBAHN").is_ok_and(|which| which == "all");
    let groups = (1..=5).map(|group| format!("12.{group}")).chain((1..=7).map(|group| format!("13.{group}")));
    let cases: Vec<String> = if all {
        groups.map(|group| format!("{group}.*")).collect()
    } else {
        groups
            .enumerate()
            .flat_map(|(n, group)| {
                let quick = QUICK[(5 * n + 3 * share) % QUICK.len()];
                let slow = (n % 4 == share).then(|| SLOW[(n / 4 + 2 * share) % SLOW.len()]);
                [Some(quick), slow].into_iter().flatten().map(move |case| format!("{group}.{case}"))
            })
            .collect()
    };
    let count = if all { 216 } else { cases.len() };
    Part { name: "deflate", cases, count, limit: Duration::from_mins(if all { 60 } else { 10 }) }
}

fn wstest() -> PathBuf {
    let program = tmp().parent().expect("target directory").join("autobahn/wstest");
    assert!(program.is_file(), "Autobahn|Testsuite is not installed: run ./scripts/test");
    program
}

/// The suite as a client of the `server` on that port, with its reports in `place`.
fn start_client(part: &Part, server: u16, place: &Scratch) -> Running {
    let spec = json!({
        "outdir": place.path().join(part.name),
        "servers": [{ "agent": part.name, "url": format!("ws://127.0.0.1:{server}") }],
        "cases": part.cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    let spec = place.file(&format!("{}.json", part.name), spec.to_string());
    Program::independent(wstest()).args(["-m", "fuzzingclient", "-s"]).arg(spec).in_dir(place.path()).start()
}

/// How a client of ours reaches the suite.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Way {
    Http1,
    /// The suite has TLS of its own. Messages go back piece by piece.
    TlsStreaming,
    /// nghttpx makes HTTP/1 upgrades for the suite of the extended CONNECT requests that it gets on HTTP/2 and TLS.
    Http2,
}

/// The suite as a server, and `tests/c/ws-testee-client.c` going through its cases.
struct ClientRun {
    client: Running,
    _bridge: Option<Nghttpx>,
    _suite: Running,
}

impl ClientRun {
    fn start(part: &Part, way: Way, place: &Scratch) -> Self {
        // Another process may take the port between our look and the suite's.
        let (suite, number) =
            (0..5).find_map(|_| start_server(part, way, place)).expect("the suite finds its ports taken");
        let bridge = (way == Way::Http2).then(|| Nghttpx::with_tls_in_front(&tls::localhost(), number));
        let front = bridge.as_ref().map_or(number, |bridge| bridge.port);
        let transport = match way {
            Way::Http1 => None,
            // No message is ever there as a whole.
            Way::TlsStreaming => Some(&["--tls", "--stream"][..]),
            Way::Http2 => Some(&["--h2"][..]),
        };
        let client = Program::new(compile("ws-testee-client"))
            .args([format!("--port={front}"), format!("--host=127.0.0.1:{number}")])
            .args([format!("--agent={}", part.name), "--deflate".to_owned()])
            .args(transport.unwrap_or_default())
            .start();
        Self { client, _bridge: bridge, _suite: suite }
    }
}

/// The suite as a server, with its reports in `place`; `None` when it did not get its port.
fn start_server(part: &Part, way: Way, place: &Scratch) -> Option<(Running, u16)> {
    let [number] = free_ports();
    let identity = tls::localhost();
    let mut spec = json!({
        "outdir": place.path().join(part.name),
        "cases": part.cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    if way == Way::TlsStreaming {
        spec["url"] = json!(format!("wss://127.0.0.1:{number}"));
        spec["key"] = json!(identity.key);
        spec["cert"] = json!(identity.cert);
    } else {
        spec["url"] = json!(format!("ws://127.0.0.1:{number}"));
    }
    let spec = place.file(&format!("{}.json", part.name), spec.to_string());
    let suite = Program::independent(wstest()).args(["-m", "fuzzingserver", "--webport=0", "-s"]).arg(spec);
    let mut suite = suite.in_dir(place.path()).start();
    let listens = until("the suite", || {
        if suite.has_ended() {
            return Some(false);
        }
        TcpStream::connect((Ipv4Addr::LOCALHOST, number)).is_ok().then_some(true)
    });
    listens.then_some((suite, number))
}

/// Has a client of ours go through each of the parts, beside each other, to their ends.
fn run_clients(run: &str, parts: &[Part], way: Way) {
    run_all(run, parts, |parts, place| {
        let mut runs: Vec<_> = parts.iter().map(|part| ClientRun::start(part, way, place)).collect();
        for (part, ClientRun { client, .. }) in parts.iter().zip(&mut runs) {
            wait_for_end(run, part, client);
            assert!(client.wait().success(), "{run} {}\n{}", part.name, client.transcript());
            let errors: BTreeSet<_> = client.stderr().into_iter().filter(|l| l.contains(" E: ")).collect();
            assert!(errors.is_empty(), "{run} {}: {errors:#?}", part.name);
        }
    });
}

/// Runs the parts with the server on that port, beside each other, to their ends.
fn run_parts(run: &str, parts: &[Part], port: u16) {
    run_all(run, parts, |parts, place| {
        let mut clients: Vec<_> = parts.iter().map(|part| start_client(part, port, place)).collect();
        for (part, client) in parts.iter().zip(&mut clients) {
            wait_for_end(run, part, client);
        }
    });
}

fn wait_for_end(run: &str, part: &Part, program: &mut Running) {
    let ended = within(part.limit, || program.has_ended().then_some(()));
    let story = program.transcript();
    assert!(ended.is_some(), "{run} {}: not done in {:?}\n{story}", part.name, part.limit);
}

/// These look after a second at what has come until then, which is little on a loaded machine: alone, they have another try.
const HASTY: &str = "6.4.*";

/// Goes through the parts, and judges them.
fn run_all(run: &str, parts: &[Part], go: impl Fn(&[Part], &Scratch)) {
    let place = Scratch::new();
    go(parts, &place);
    let failed = parts.iter().flat_map(|part| judge(run, part, &place.path().join(part.name)));
    let (again, failed): (Vec<_>, Vec<_>) = failed.partition(|(case, _)| is_meant(HASTY, case));
    assert!(failed.is_empty(), "{run}:\n{}", told(&failed));
    if !again.is_empty() {
        let cases: Vec<String> = again.into_iter().map(|(case, _)| case).collect();
        let part = Part { name: "again", count: cases.len(), cases, limit: Duration::from_mins(4) };
        go(std::slice::from_ref(&part), &place);
        let failed = judge(run, &part, &place.path().join(part.name));
        assert!(failed.is_empty(), "{run}, again:\n{}", told(&failed));
    }
}

/// What is to be told of cases that failed.
fn told(failed: &[(String, String)]) -> String {
    failed.iter().map(|(_, story)| story.as_str()).collect()
}

/// Compares a report with what is expected: the cases of which it is not true, and what is to be told of them.
fn judge(run: &str, part: &Part, reports: &Path) -> Vec<(String, String)> {
    let index = read(&reports.join("index.json"));
    let cases = index[part.name].as_object().expect("the report has the agent's cases");
    assert_eq!(cases.len(), part.count, "{run} {}: cases in the report", part.name);

    let expected = exceptions(run);
    let mut failed = Vec::new();
    let mut counts = BTreeMap::new();
    for (case, result) in cases {
        let outcome = outcome(result);
        *counts.entry(outcome.clone()).or_insert(0) += 1;
        let listed = expected.iter().find(|(pattern, _)| is_meant(pattern, case)).map(|(_, outcome)| outcome);
        if passed(&outcome) {
            if listed.is_some() {
                failed.push((case.clone(), format!("{case} is listed, but passes\n")));
            }
        } else if listed != Some(&outcome) {
            let details = result["reportfile"].as_str().expect("name of the case's report");
            failed.push((case.clone(), story(case, &outcome, &read(&reports.join(details)))));
        }
    }
    println!("{run} {}: {counts:?}", part.name);
    failed
}

/// Whether a case is of a section `12.*`, or the one that is named.
fn is_meant(pattern: &str, case: &str) -> bool {
    pattern.strip_suffix('*').map_or(case == pattern, |section| case.starts_with(section))
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn outcome(result: &Value) -> Outcome {
    let text = |name| result[name].as_str().expect("an outcome").to_owned();
    (text("behavior"), text("behaviorClose"))
}

/// INFORMATIONAL is what the suite says where the RFC leaves the choice.
fn passed((behaviour, close): &Outcome) -> bool {
    [behaviour, close].iter().all(|said| matches!(said.as_str(), "OK" | "INFORMATIONAL"))
}

/// What somebody needs who is to find out why.
fn story(case: &str, (behaviour, close): &Outcome, report: &Value) -> String {
    let field = |name: &str| {
        let mut text = report[name].to_string();
        if let Some((end, _)) = text.char_indices().nth(500) {
            text.truncate(end);
        }
        text
    };
    format!(
        "{case}: {behaviour}, closing: {close}\n  {}\n  expected: {}\n  received: {}\n  {} {}\n",
        field("description"),
        field("expected"),
        field("received"),
        field("result"),
        field("resultClose"),
    )
}

/// The cases listed for a run: lines of `RUN CASE BEHAVIOUR/CLOSE REASON`.
fn exceptions(run: &str) -> BTreeMap<String, Outcome> {
    let path = root().join("tests/autobahn/exceptions.txt");
    let text = fs::read_to_string(path).expect("the list of exceptions");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let wrong = || panic!("not RUN CASE BEHAVIOUR/CLOSE REASON: {line}");
            let (of_run, rest) = line.split_once(' ').unwrap_or_else(wrong);
            assert!(RUNS.contains(&of_run), "no such run: {line}");
            let (case, rest) = rest.split_once(' ').unwrap_or_else(wrong);
            let (behaviour, rest) = rest.split_once('/').unwrap_or_else(wrong);
            let (close, reason) = rest.split_once(' ').unwrap_or_else(wrong);
            assert!(reason.len() > 20, "that is no reason: {line}");
            (of_run == run).then(|| (case.to_owned(), (behaviour.to_owned(), close.to_owned())))
        })
        .collect()
}

/// Names of the runs.
const RUNS: [&str; 6] =
    ["server-h1", "server-h1-streaming", "server-h2", "client-h1", "client-tls-streaming", "client-h2"];

#[test]
fn server_over_http1() {
    let server = EchoServer::start(&["--deflate"]);
    run_parts("server-h1", &[core(), big(), deflate(0)], server.port);
    server.finish();
}

/// No message is ever there as a whole.
#[test]
fn server_that_streams() {
    let server = EchoServer::start(&["--deflate", "--stream", "--rx=4096"]);
    run_parts("server-h1-streaming", &[core()], server.port);
    server.finish();
}

/// nghttpx takes the suite's HTTP/1 upgrades and makes extended CONNECT requests of them, on HTTP/2 and TLS.
#[test]
fn server_over_http2() {
    let pair = format!("--tls={}", tls::localhost().pair());
    let server = EchoServer::start(&["--deflate", &pair]);
    let bridge = Nghttpx::with_http2_behind(server.port);
    run_parts("server-h2", &[core(), big(), deflate(1)], bridge.port);
    drop(bridge);
    server.finish();
}

#[test]
fn client_over_http1() {
    run_clients("client-h1", &[core(), big(), deflate(2)], Way::Http1);
}

#[test]
fn client_over_tls_that_streams() {
    run_clients("client-tls-streaming", &[core()], Way::TlsStreaming);
}

#[test]
fn client_over_http2() {
    run_clients("client-h2", &[core(), big(), deflate(3)], Way::Http2);
}

#[test]
fn outcomes_that_do_not_pass() {
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert!(passed(&pair("OK", "OK")));
    assert!(passed(&pair("INFORMATIONAL", "INFORMATIONAL")));
    for (behaviour, close) in [
        ("NON-STRICT", "OK"),
        ("FAILED", "OK"),
        ("UNIMPLEMENTED", "OK"),
        ("OK", "UNCLEAN"),
        ("OK", "WRONG CODE"),
        ("OK", "FAILED BY CLIENT"),
    ] {
        assert!(!passed(&pair(behaviour, close)), "{behaviour} {close}");
    }
}
