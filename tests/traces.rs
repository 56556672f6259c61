//! The order of callbacks and event loop ops, compared with recordings of libwebsockets 4.3.5.
//!
//! A trace is first reduced to its *story*: who (pipe, listen, conn1, stream1 …) got what, in which
//! order. The reduction takes out exactly the differences that are meant, each named where it is done.

mod common;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use common::ws::{self, CLOSE, FIN, PING, PONG, TEXT, Tunnel, close_payload};
use common::{Program, Running, Scratch, compile, library, root, tls, tools};

// ---------------------------------------------------------------------------------------------
// Reading a trace
// ---------------------------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Line {
    /// `OP name …`, with the number of the wsi if the op is about one.
    Op { name: String, wsi: Option<i32>, words: Vec<String>, unknown_fd: bool },
    /// `CB protocol wN REASON user=… len=… in=…`.
    Callback { protocol: String, wsi: i32, reason: String, user: String, len: usize, input: String },
    /// `-- text`
    Marker(String),
    /// An indented remark on the line before.
    Remark(String),
}

fn parse(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("OP ") {
            let words: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
            let wsi = words.get(1).and_then(|w| w.strip_prefix('w')?.parse().ok());
            let unknown_fd = rest.contains("(no such fd)");
            lines.push(Line::Op { name: words[0].clone(), wsi, words, unknown_fd });
        } else if let Some(rest) = line.strip_prefix("CB ") {
            lines.push(parse_callback(rest).unwrap_or_else(|| panic!("not a callback: {line}")));
        } else if let Some(rest) = line.strip_prefix("-- ") {
            lines.push(Line::Marker(rest.to_owned()));
        } else if line.trim() == "(no such fd)" {
            if let Some(Line::Op { unknown_fd, .. }) = lines.last_mut() {
                *unknown_fd = true;
            }
        } else if line.starts_with("   ") {
            lines.push(Line::Remark(line.trim().to_owned()));
        } else if is_log(line) {
            // libwebsockets says more than errors in one of the recordings
        } else {
            panic!("not a line of a trace: {line}");
        }
    }
    lines
}

/// `N: text`, as the log of a recording.
fn is_log(line: &str) -> bool {
    matches!(line.as_bytes(), [b'N' | b'W', b':', b' ', ..])
}

fn parse_callback(rest: &str) -> Option<Line> {
    let mut words = rest.split_whitespace();
    let protocol = words.next()?.to_owned();
    let wsi = words.next()?.strip_prefix('w')?.parse().ok()?;
    let reason = words.next()?.to_owned();
    let user = words.next()?.strip_prefix("user=")?.to_owned();
    let len = words.next()?.strip_prefix("len=")?.parse().ok()?;
    let input = rest.split_once(" in=")?.1.to_owned();
    Some(Line::Callback { protocol, wsi, reason, user, len, input })
}

impl Line {
    fn wsi(&self) -> Option<i32> {
        match self {
            Line::Op { wsi, .. } => *wsi,
            Line::Callback { wsi, .. } => Some(*wsi),
            Line::Marker(_) | Line::Remark(_) => None,
        }
    }

    fn is_reason(&self, name: &str) -> bool {
        matches!(self, Line::Callback { reason, .. } if reason == name)
    }

    fn is_op(&self, op: &str) -> bool {
        matches!(self, Line::Op { name, .. } if name == op)
    }
}

/// A line with the name of the wsi it is about.
type Told = (String, Line);

/// Pointers are reused, so numbers say little: names come from what happens to a wsi.
fn name_the_wsi(lines: &[Line]) -> Vec<Told> {
    let mut names: HashMap<i32, String> = HashMap::new();
    let mut connecting: HashSet<i32> = HashSet::new();
    let (mut created, mut conns, mut streams) = (false, 0, 0);
    let mut told = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if matches!(line, Line::Marker(text) if text == "context created") {
            created = true;
        }
        let Some(wsi) = line.wsi().filter(|n| *n >= 0) else {
            told.push((String::new(), line.clone()));
            continue;
        };
        if line.is_reason("CLIENT_HTTP_BIND_PROTOCOL") {
            // a client, long before its WSI_CREATE
            conns += 1;
            names.insert(wsi, format!("conn{conns}"));
            connecting.insert(wsi);
        } else if line.is_reason("WSI_CREATE") && !connecting.remove(&wsi) {
            let next = lines[at + 1..].iter().find(|l| l.wsi() == Some(wsi));
            let has_socket = next.is_some_and(|l| {
                l.is_op("sock_accept")
                    || l.is_reason("LOCK_POLL")
                    || l.is_reason("SERVER_NEW_CLIENT_INSTANTIATED")
            });
            let name = if has_socket {
                conns += 1;
                format!("conn{conns}")
            } else {
                streams += 1;
                format!("stream{streams}")
            };
            names.insert(wsi, name);
        } else if !names.contains_key(&wsi) {
            let name = if line.is_op("sock_accept") && !created {
                if names.values().any(|n| n == "pipe") { "netlink" } else { "pipe" }
            } else if line.is_op("init_vhost_listen_wsi")
                || line.is_reason("FILTER_NETWORK_CONNECTION")
                || (line.is_reason("LOCK_POLL") && !created)
            {
                "listen"
            } else if line.is_op("destroy_pt") {
                ""
            } else {
                "vhost"
            };
            names.insert(wsi, name.to_owned());
        }
        told.push((names[&wsi].clone(), line.clone()));
    }
    told
}

// ---------------------------------------------------------------------------------------------
// Reduction to the story
// ---------------------------------------------------------------------------------------------

/// Of what a trace is the record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// libwebsockets 4.3.5, when it was recorded.
    Recording,
    /// The library under test.
    Run,
}

fn story(text: &str, of: Of) -> Vec<String> {
    let told = name_the_wsi(&parse(text));
    let told = without_what_we_do_not_have(told);
    let told = without_calls_for_nobody(told);
    let told = io_only_when_reading_changes(told);
    let told = polls_only_when_the_set_changes(told);
    let told = payload_in_one_piece(bodies_in_one_piece(told));
    let told = match of {
        Of::Recording => {
            let told = with_headers_added_to_streams(without_the_writeable_that_resumes(told));
            let told = with_client_streams_dropped(with_failed_connects_told(told));
            let told = with_protocols_ended_first(with_reading_stopped_at_need(told));
            with_leaks_mended(with_posts_asked_for(told))
        }
        Of::Run => told,
    };
    let told = destroy_by_wsi(told);
    tell(&told)
}

/// No netlink socket; no `SSL_CTX` to load certificates into; certificate ageing is a timer of the host's
/// clock; `GET_THREAD_ID` is asked by internal service only. `EVENT_WAIT_CANCELLED` comes once for what create
/// leaves pending, not for every adoption (checked on its own in [`cancelled_once`]).
fn without_what_we_do_not_have(told: Vec<Told>) -> Vec<Told> {
    const REASONS: [&str; 4] =
        ["EVENT_WAIT_CANCELLED", "VHOST_CERT_AGING", "VHOST_CERT_UPDATE", "GET_THREAD_ID"];
    told.into_iter()
        .filter(|(name, line)| {
            let unwanted = match line {
                Line::Callback { reason, .. } => {
                    reason.starts_with("OPENSSL_LOAD_EXTRA") || REASONS.contains(&reason.as_str())
                }
                Line::Marker(text) => {
                    !["context c", "destroy", "connect", "2nd"].iter().any(|start| text.starts_with(start))
                }
                Line::Remark(text) => {
                    !(text.ends_with("-> 1") || text.starts_with("resp "))
                        || text.starts_with("lws_service_fd")
                }
                Line::Op { .. } => false,
            };
            name != "netlink" && !unwanted
        })
        .collect()
}

/// Ops are not called for a stream, `destroy_wsi` included, nor for an fd that the loop never took.
fn without_calls_for_nobody(told: Vec<Told>) -> Vec<Told> {
    told.into_iter()
        .filter(|(who, line)| match line {
            Line::Op { name, .. } if name == "destroy_wsi" => !who.starts_with("stream"),
            Line::Op { name, unknown_fd, .. } => {
                !(*unknown_fd && (name == "io" || name == "wsi_logical_close"))
                    // kept as the mark of a leak until `with_leaks_mended` has seen it
                    || (name == "wsi_logical_close" && leaks(line))
            }
            _ => true,
        })
        .collect()
}

fn leaks(line: &Line) -> bool {
    matches!(line, Line::Op { name, words, .. }
        if name == "wsi_logical_close" && words.last().is_some_and(|w| w == "1"))
}

/// `io` is called only when the interest changes; writability may be served in the same turn without it,
/// so that only the interest in reading is part of the story. The end of all interest goes without saying
/// before `wsi_logical_close`.
fn io_only_when_reading_changes(told: Vec<Told>) -> Vec<Told> {
    let mut reading: HashMap<String, bool> = HashMap::new();
    let mut kept: Vec<Told> = Vec::new();
    for (name, line) in told {
        match &line {
            Line::Op { name: op, words, .. } if op == "io" => {
                let flags = words.last().map_or("", String::as_str);
                let start = words.iter().any(|w| w == "START");
                if !flags.contains('R') || reading.get(&name) == Some(&start) {
                    continue;
                }
                reading.insert(name.clone(), start);
            }
            Line::Op { name: op, .. } if op == "wsi_logical_close" => {
                reading.remove(&name);
                let last_io = kept.iter().rposition(|(n, l)| *n == name && l.is_op("io"));
                if let Some(at) = last_io
                    && matches!(&kept[at].1, Line::Op { words, .. } if words.iter().any(|w| w == "STOP"))
                {
                    kept.remove(at);
                }
            }
            _ => {}
        }
        kept.push((name, line));
    }
    kept
}

/// External poll: a change that is none is not reported; what stays are additions and removals.
fn polls_only_when_the_set_changes(told: Vec<Told>) -> Vec<Told> {
    let mut kept: Vec<Told> = Vec::new();
    for (name, line) in told {
        match &line {
            Line::Callback { reason, .. }
                if matches!(reason.as_str(), "LOCK_POLL" | "UNLOCK_POLL" | "CHANGE_MODE_POLL_FD") => {}
            _ => kept.push((name, line)),
        }
    }
    kept
}

/// In how many pieces a body arrives depends on the transport.
fn bodies_in_one_piece(told: Vec<Told>) -> Vec<Told> {
    let mut kept: Vec<Told> = Vec::new();
    for (name, line) in told {
        if let Line::Callback { reason, len, .. } = &line
            && reason == "HTTP_BODY"
            && let Some((last, Line::Callback { reason: before, len: sum, .. })) = kept.last_mut()
            && *last == name
            && before == "HTTP_BODY"
        {
            *sum += len;
            continue;
        }
        kept.push((name, line));
    }
    kept
}

/// Where messages are cut depends on the transport.
fn payload_in_one_piece(mut told: Vec<Told>) -> Vec<Told> {
    told.dedup_by(|(name, line), (before, last)| {
        name == before && line.is_reason("RECEIVE") && last.is_reason("RECEIVE")
    });
    told
}

/// On h2, lws does not let the program add headers to the answer that opens a WebSocket. Ours does, as on h1.
fn with_headers_added_to_streams(told: Vec<Told>) -> Vec<Told> {
    let mut kept: Vec<Told> = Vec::new();
    for (name, line) in told {
        if name.starts_with("stream") && line.is_reason("ESTABLISHED") {
            kept.push((name.clone(), callback("echo", "ADD_HEADERS", "y")));
        }
        kept.push((name, line));
    }
    kept
}

/// When its input flows again, lws needs the socket to be writeable to come back to it, and so the program hears of that,
/// too. Ours comes back by itself.
fn without_the_writeable_that_resumes(mut told: Vec<Told>) -> Vec<Told> {
    if let Some(timer) = told.iter().position(|(_, line)| line.is_reason("TIMER"))
        && let Some(at) = told[timer..].iter().position(|(_, line)| line.is_reason("SERVER_WRITEABLE"))
        && !told[timer..timer + at].iter().any(|(_, line)| line.is_reason("RECEIVE"))
    {
        told.remove(timer + at);
    }
    told
}

/// On h2, lws does not ask for a POST to a callback mount what it asks for everything else:
/// `FILTER_HTTP_CONNECTION` and `CHECK_ACCESS_RIGHTS`. Ours asks on h2 what it asks on h1, so that a program that
/// refuses there refuses on both.
fn with_posts_asked_for(told: Vec<Told>) -> Vec<Told> {
    let mut kept: Vec<Told> = Vec::new();
    for (name, line) in told {
        let is_stream = name.starts_with("stream");
        let asked = |reason: &str| kept.iter().any(|(n, l)| *n == name && l.is_reason(reason));
        let is_http = matches!(&line, Line::Callback { protocol, .. } if protocol == "http");
        if is_stream && is_http && line.is_reason("HTTP_BIND_PROTOCOL") && !asked("FILTER_HTTP_CONNECTION") {
            let filter = Line::Callback {
                protocol: "http".to_owned(),
                wsi: 0,
                reason: "FILTER_HTTP_CONNECTION".to_owned(),
                user: "y".to_owned(),
                len: "/cb/post".len(),
                input: "/cb/post".to_owned(),
            };
            kept.push((name.clone(), filter));
            kept.push((name.clone(), line));
            kept.push((name, callback("http", "CHECK_ACCESS_RIGHTS", "y")));
        } else {
            kept.push((name, line));
        }
    }
    kept
}

/// A wsi whose `wsi_logical_close` answered 1 is never destroyed in the recording, and then neither is its
/// vhost in time. Ours destroys both whatever the op says.
fn with_leaks_mended(told: Vec<Told>) -> Vec<Told> {
    let mut kept: Vec<Told> = Vec::new();
    let mut leaked = false;
    for (name, line) in told {
        if leaks(&line) {
            leaked = true;
            let user = if name.starts_with("stream") { "y" } else { "NULL" };
            kept.push((name, callback("http", "WSI_DESTROY", user)));
        } else {
            kept.push((name, line));
        }
    }
    if leaked {
        kept.retain(|(_, line)| !line.is_reason("PROTOCOL_DESTROY"));
        let listen = kept.iter().rposition(|(n, l)| n == "listen" && l.is_reason("WSI_DESTROY"));
        let at = listen.expect("the listening wsi is destroyed") + 1;
        for protocol in ["echo", "http"] {
            kept.insert(at, (String::new(), callback(protocol, "PROTOCOL_DESTROY", "NULL")));
        }
    }
    kept
}

/// A socket that could not be connected is closed in the recording without telling the loop, which may go on asking
/// about it, and refuses the next that gets its number. Ours tells it; the second connect then fares as the first.
fn with_failed_connects_told(told: Vec<Told>) -> Vec<Told> {
    let mut kept: Vec<Told> = Vec::new();
    let mut failed: HashSet<String> = HashSet::new();
    for (name, line) in told {
        if line.is_reason("CLIENT_CONNECTION_ERROR") {
            failed.insert(name.clone());
            kept.push((name.clone(), op("wsi_logical_close")));
        } else if leaks(&line) && failed.contains(&name) {
            continue;
        }
        kept.push((name, line));
    }
    let marker = |text: &str| {
        kept.iter().position(|(_, line)| matches!(line, Line::Marker(marker) if marker.starts_with(text)))
    };
    if let (Some(second), Some(end)) = (marker("2nd connect"), marker("destroying")) {
        let first = kept.iter().position(|(_, line)| line.is_reason("CLIENT_HTTP_BIND_PROTOCOL"));
        let again: Vec<Told> = kept[first.expect("a first connect")..second]
            .iter()
            .map(|(name, line)| match line {
                Line::Marker(text) => (name.clone(), Line::Marker(format!("2nd {text}"))),
                _ => (name.replace("conn1", "conn2"), line.clone()),
            })
            .collect();
        kept.splice(second + 1..end, again);
    }
    kept
}

/// lws forgets to tell a client's stream that its protocol lets go of it; and it asks each for a body, also one that
/// has announced none. Its user data comes to the stream after its WSI_CREATE; ours has it from the beginning. The user data
/// of the certificate's callback is an `SSL *` with lws, and NULL with us.
fn with_client_streams_dropped(told: Vec<Told>) -> Vec<Told> {
    let is_stream = |name: &str| name.starts_with("stream");
    let clients: HashSet<String> = told
        .iter()
        .filter(|(name, line)| is_stream(name) && line.is_reason("CLIENT_APPEND_HANDSHAKE_HEADER"))
        .map(|(name, _)| name.clone())
        .collect();
    let mut kept: Vec<Told> = Vec::new();
    for (name, mut line) in told {
        if let Line::Callback { reason, user, .. } = &mut line
            && reason == "OPENSSL_PERFORM_SERVER_CERT_VERIFICATION"
        {
            "NULL".clone_into(user);
        }
        if !clients.contains(&name) {
            kept.push((name, line));
            continue;
        }
        if line.is_reason("CLOSED_CLIENT_HTTP") {
            kept.push((name.clone(), callback("http", "CLIENT_HTTP_DROP_PROTOCOL", "y")));
        }
        if let Line::Callback { reason, user, .. } = &mut line
            && reason == "WSI_CREATE"
        {
            "y".clone_into(user);
        }
        if !line.is_reason("CLIENT_HTTP_WRITEABLE") {
            kept.push((name, line));
        }
    }
    kept
}

/// lws takes its interest in reading back before it tells a client of a body, until that is read. Ours does so only where
/// the program leaves the body unread.
fn with_reading_stopped_at_need(mut told: Vec<Told>) -> Vec<Told> {
    while let Some(at) = told.windows(3).position(|three| {
        let io = |line: &Line, way: &str| {
            matches!(line, Line::Op { name, words, .. } if name == "io" && words.iter().any(|word| word == way))
        };
        three.iter().all(|(name, _)| *name == three[0].0)
            && io(&three[0].1, "STOP")
            && three[1].1.is_reason("RECEIVE_CLIENT_HTTP")
            && io(&three[2].1, "START")
    }) {
        told.remove(at + 2);
        told.remove(at);
    }
    told
}

/// A vhost that listens ends its protocols before the loop ends; one that does not, in lws, after it. In ours every one
/// before.
fn with_protocols_ended_first(mut told: Vec<Told>) -> Vec<Told> {
    let position = |told: &[Told], what: &dyn Fn(&Line) -> bool| told.iter().position(|(_, line)| what(line));
    let Some(end) = position(&told, &|line| line.is_op("destroy_pt")) else { return told };
    let (protocols, rest): (Vec<Told>, Vec<Told>) =
        told.drain(end..).partition(|(_, line)| line.is_reason("PROTOCOL_DESTROY"));
    told.extend(protocols);
    told.extend(rest);
    told.dedup_by(|(_, a), (_, b)| a.is_op("destroy_context2") && b.is_op("destroy_context2"));
    told
}

fn op(name: &str) -> Line {
    Line::Op { name: name.to_owned(), wsi: Some(0), words: vec![name.to_owned()], unknown_fd: false }
}

fn callback(protocol: &str, reason: &str, user: &str) -> Line {
    Line::Callback {
        protocol: protocol.to_owned(),
        wsi: 0,
        reason: reason.to_owned(),
        user: user.to_owned(),
        len: 0,
        input: "NULL".to_owned(),
    }
}

/// In which order context destroy takes the sockets is no contract, only that each is told its own end in
/// order and that protocols go last; `destroy_wsi` may be on either side of the protocols' end.
/// `destroy_context2` is called once or twice.
fn destroy_by_wsi(mut told: Vec<Told>) -> Vec<Told> {
    let destroying = |(_, line): &Told| matches!(line, Line::Marker(t) if t.starts_with("destroying"));
    let Some(start) = told.iter().position(destroying) else {
        return told;
    };
    let (freed, rest): (Vec<Told>, Vec<Told>) =
        told.drain(start + 1..).partition(|(_, line)| line.is_op("destroy_wsi"));
    told.extend(freed);
    told.extend(rest);
    let end = told[start..]
        .iter()
        .position(|(_, line)| line.is_reason("PROTOCOL_DESTROY") || line.is_op("destroy_pt"))
        .map_or(told.len(), |n| start + n);
    let key = |(name, line): &Told| (name.clone(), line.is_op("destroy_wsi"));
    told[start + 1..end].sort_by_key(key);
    told.dedup_by(|(_, a), (_, b)| a.is_op("destroy_context2") && b.is_op("destroy_context2"));
    told
}

fn tell(told: &[Told]) -> Vec<String> {
    told.iter()
        .map(|(name, line)| match line {
            Line::Op { name: op, wsi, words, .. } => {
                let mut text = format!("OP {op}");
                if wsi.is_some() {
                    write!(text, " {name}").expect("writing to a string");
                }
                if op == "io" {
                    let start = words.iter().any(|w| w == "START");
                    text.push_str(if start { " START R" } else { " STOP R" });
                }
                text
            }
            Line::Callback { protocol, reason, user, len, input, .. } => {
                let mut text = format!("CB {protocol} {name} {reason} user={user}");
                if reason == "HTTP_BODY" {
                    write!(text, " len={len}").expect("writing to a string");
                }
                if reason == "HTTP" || reason == "FILTER_HTTP_CONNECTION" {
                    write!(text, " len={len} in={input}").expect("writing to a string");
                }
                text
            }
            Line::Marker(text) => {
                // how many fds the loop had then includes netlink in the recording
                format!("-- {}", text.split(',').next().unwrap_or_default())
            }
            Line::Remark(text) => format!("   {text}"),
        })
        .collect()
}

// ---------------------------------------------------------------------------------------------
// Running and comparing
// ---------------------------------------------------------------------------------------------

struct Server {
    running: Running,
    port: u16,
    www: Scratch,
}

fn start(args: &[&str]) -> Server {
    let www = Scratch::new();
    www.file("index.html", "<html>index</html>\n");
    www.file("404.html", "<html>not found</html>\n");
    www.file("big.txt", vec![b'x'; 40_000]);
    let running = Program::new(compile("trace-server"))
        .arg(format!("--www={}", www.path().display()))
        .args(args)
        .start();
    let port = running.port();
    Server { running, port, www }
}

fn start_tls(args: &[&str]) -> Server {
    let tls = format!("--tls={}", tls::localhost().pair());
    let mut all = vec![tls.as_str()];
    all.extend_from_slice(args);
    start(&all)
}

impl Server {
    fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://localhost:{}{path}", self.port)
    }

    /// A file with this many bytes, as curl wants it named.
    fn upload(&self, len: usize) -> String {
        format!("@{}", self.www.file("upload.bin", vec![b'a'; len]).display())
    }

    /// Waits until this many connections and streams have been closed, then ends the program.
    fn end_after(self, closed: usize) -> String {
        let mut seen = 0;
        self.running.wait_line("the connections to close", |line| {
            seen += usize::from(line.contains(" CLOSED_HTTP "));
            (seen == closed).then_some(())
        });
        self.end()
    }

    fn end(self) -> String {
        let mut lines = self.running.finish();
        lines.retain(|line| !line.contains("listening on"));
        lines.join("\n")
    }
}

fn recording(name: &str) -> String {
    let path = root().join("tests/data/traces").join(format!("{name}.txt"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn assert_same(what: &str, run: &str, expected: &[String]) {
    let got = story(run, Of::Run);
    if got != expected {
        let common = got.iter().zip(expected).take_while(|(a, b)| a == b).count();
        panic!(
            "{what}: the story differs at step {common}\nexpected: {:?}\ngot:      {:?}\n\
             --- expected\n{}\n--- got\n{}\n--- trace\n{run}",
            expected.get(common),
            got.get(common),
            expected.join("\n"),
            got.join("\n")
        );
    }
}

/// The run tells the recorded story, and breaks none of the rules that are stricter than lws's.
fn assert_as_recorded(name: &str, run: &str) {
    let of = if library().foreign { Of::Run } else { Of::Recording };
    assert_same(name, run, &story(&recording(name), of));
    if !library().foreign {
        assert_op_contract(run);
        cancelled_once(run);
    }
}

/// Every fd that the loop took is closed once, before it is used otherwise; no op is called for an fd that it
/// did not take, or for none; what is locked is unlocked.
fn assert_op_contract(run: &str) {
    let mut taken: HashMap<String, u32> = HashMap::new();
    let mut locked = false;
    let lines = parse(run);
    for (at, line) in lines.iter().enumerate() {
        match line {
            Line::Op { name, words, unknown_fd, .. } => {
                let key = words.iter().take(3).skip(1).cloned().collect::<Vec<_>>().join(" ");
                assert!(!unknown_fd, "{words:?} for an fd that the loop does not have\n{run}");
                let refused = matches!(lines.get(at + 1), Some(Line::Remark(r)) if r.ends_with("-> 1"));
                match name.as_str() {
                    "sock_accept" | "init_vhost_listen_wsi" if !refused => {
                        *taken.entry(key).or_default() += 1;
                    }
                    "wsi_logical_close" => {
                        let count = taken.entry(key).or_default();
                        assert_eq!(*count, 1, "{words:?} must match one sock_accept\n{run}");
                        *count -= 1;
                    }
                    "io" => assert_eq!(taken.get(&key), Some(&1), "{words:?} out of its life\n{run}"),
                    _ => {}
                }
            }
            Line::Callback { reason, .. } if reason == "LOCK_POLL" => {
                assert!(!locked, "LOCK_POLL twice\n{run}");
                locked = true;
            }
            Line::Callback { reason, .. } if reason == "UNLOCK_POLL" => {
                assert!(locked, "UNLOCK_POLL without LOCK_POLL\n{run}");
                locked = false;
            }
            _ => {}
        }
    }
    assert!(taken.values().all(|n| *n == 0), "the loop was not told to let go of {taken:?}\n{run}");
    assert!(!locked, "LOCK_POLL without UNLOCK_POLL\n{run}");
}

/// `lws_create_context` leaves one wakeup pending; nothing else in these scenarios wakes the loop.
fn cancelled_once(run: &str) {
    for protocol in ["http", "echo"] {
        let times = parse(run)
            .iter()
            .filter(|line| {
                matches!(line, Line::Callback { protocol: p, reason, .. }
                if p == protocol && reason == "EVENT_WAIT_CANCELLED")
            })
            .count();
        assert_eq!(times, 1, "EVENT_WAIT_CANCELLED for {protocol}\n{run}");
    }
}

fn curl_ok(args: &[&str], body: &str) {
    let reply = tools::curl(args);
    assert_eq!((reply.status, reply.text().as_str()), (200, body), "{args:?}: {reply:?}");
}

// ---------------------------------------------------------------------------------------------
// Scenarios
// ---------------------------------------------------------------------------------------------

#[test]
fn h1_get_file() {
    let server = start(&[]);
    curl_ok(&[&server.url("http", "/")], "<html>index</html>\n");
    assert_as_recorded("h1-get-file", &server.end_after(1));
}

#[test]
fn h1_dyn() {
    let server = start(&[]);
    curl_ok(&[&server.url("http", "/cb/dyn")], "hello world\n");
    assert_as_recorded("h1-dyn", &server.end_after(1));
}

#[test]
fn h1_post() {
    let server = start(&[]);
    curl_ok(&["-d", "abc", &server.url("http", "/cb/post")], "got 3\n");
    assert_as_recorded("h1-post", &server.end_after(1));
}

#[test]
fn h1_404() {
    let server = start(&[]);
    let reply = tools::curl(&[&server.url("http", "/nofile.html")]);
    assert_eq!((reply.status, reply.header("location")), (302, Some("/404.html")));
    assert_as_recorded("h1-404", &server.end_after(1));
}

#[test]
fn h1_keepalive2() {
    let server = start(&[]);
    let url = server.url("http", "/cb/dyn");
    curl_ok(&[&url, &url], "hello world\nhello world\n");
    assert_as_recorded("h1-keepalive2", &server.end_after(1));
}

#[test]
fn h2_get_file() {
    let server = start_tls(&[]);
    curl_ok(&["--http2", &server.url("https", "/")], "<html>index</html>\n");
    assert_as_recorded("h2-get-file", &server.end_after(2));
}

#[test]
fn h2_dyn() {
    let server = start_tls(&[]);
    curl_ok(&["--http2", &server.url("https", "/cb/dyn")], "hello world\n");
    assert_as_recorded("h2-dyn", &server.end_after(2));
}

#[test]
fn h2_post() {
    let server = start_tls(&[]);
    curl_ok(&["--http2", "-d", "abc", &server.url("https", "/cb/post")], "got 3\n");
    assert_as_recorded("h2-post", &server.end_after(2));
}

#[test]
fn h2_404() {
    let server = start_tls(&[]);
    let reply = tools::curl(&["--http2", &server.url("https", "/nofile")]);
    assert_eq!((reply.status, reply.header("location")), (302, Some("/404.html")));
    assert_as_recorded("h2-404", &server.end_after(2));
}

#[test]
fn h2_tls_post12k_custom() {
    let server = start_tls(&[]);
    let body = server.upload(12_000);
    curl_ok(&["--http2", "--data-binary", &body, &server.url("https", "/cb/post")], "got 12000\n");
    assert_as_recorded("h2-tls-post12k-custom", &server.end_after(2));
}

#[test]
fn h1_tls_post12k_poll() {
    let server = start_tls(&["--mode=poll"]);
    let body = server.upload(12_000);
    curl_ok(&["--http1.1", "--data-binary", &body, &server.url("https", "/cb/post")], "got 12000\n");
    assert_as_recorded("h1-tls-post12k-poll", &end_by_signal(server));
}

/// lws never delivers the tail of this body (its loop spins until the client gives up). Expected is the story
/// of the built-in loop, told with the ops of a custom one.
#[test]
fn h1_tls_post12k_custom() {
    if library().foreign {
        return;
    }
    let server = start_tls(&[]);
    let body = server.upload(12_000);
    curl_ok(&["--http1.1", "--data-binary", &body, &server.url("https", "/cb/post")], "got 12000\n");
    let run = server.end_after(1);
    assert!(!run.contains("returned 0 1000 times"), "the loop spins\n{run}");
    assert_op_contract(&run);
    let callbacks = |story: Vec<String>| -> Vec<String> {
        story.into_iter().filter(|step| step.starts_with("CB")).collect()
    };
    let expected = callbacks(story(&recording("h1-tls-post12k-poll"), Of::Recording));
    assert_eq!(callbacks(story(&run, Of::Run)), expected, "\n{run}");
    // the ops beside them are those of the stalled recording
    let ops = |story: Vec<String>| -> Vec<String> {
        story.into_iter().filter(|step| step.starts_with("OP")).collect()
    };
    let expected = ops(story(&recording("h1-tls-post12k-custom"), Of::Recording));
    assert_eq!(ops(story(&run, Of::Run)), expected, "\n{run}");
}

#[test]
fn extpoll_h1_dyn() {
    let server = start(&["--mode=extpoll"]);
    curl_ok(&[&server.url("http", "/cb/dyn")], "hello world\n");
    assert_as_recorded("extpoll-h1-dyn", &end_by_signal(server));
}

/// Every connection finds the table full, is closed at once, and leaves nothing behind.
#[test]
fn accept_full() {
    // pipe and listening socket; lws has its netlink socket too
    let slots = if library().foreign { "--slots=3" } else { "--slots=2" };
    let server = start(&[slots, "--unguarded"]);
    for n in 1..=5 {
        let mut socket = common::h1::connect(server.port);
        if !library().foreign {
            assert_eq!(common::h1::read_to_end(&mut socket), b"", "refused connection {n}");
        }
        let mut seen = 0;
        server.running.wait_line("the refusal", |line| {
            seen += usize::from(line.contains(" CLOSED_HTTP "));
            (seen == n).then_some(())
        });
    }
    assert_as_recorded("accept-full", &server.end());
}

/// The context is destroyed while an h2 connection is open.
#[test]
fn destroy_active() {
    let server = start_tls(&["--destroy-wsi"]);
    let stream = tls::connect(server.port, &tls::Options::default()).expect("TLS");
    let mut client = common::h2::Client::start(stream, &[]);
    client.get(1, "/big.txt");
    let response = client.response(1);
    assert_eq!((response.status, response.body.len()), (Some(200), 40_000));
    let run = server.end_after(1);

    let mut expected = recording("destroy-active");
    // the recorder's probe of the port, closed before it spoke
    let probe = expected.find("-- service fd=6 ").expect("the probe");
    let real = expected.rfind("-- service fd=6 ").expect("the connection");
    expected.replace_range(probe..real, "");
    let of = if library().foreign { Of::Run } else { Of::Recording };
    assert_same("destroy-active", &run, &story(&expected, of));
    if !library().foreign {
        assert_op_contract(&run);
        assert!(matches!(client.goaway_then_end(), None | Some(0)), "an end without an error");
    }
}

/// With `destroy_context1`, lws stops half way through the destruction and must be called again. The
/// story up to there is the same; ours goes on to the end.
#[test]
fn destroy_context1() {
    let server = start(&["--context1"]);
    server.running.wait_text("EVENT_WAIT_CANCELLED");
    let run = server.end();
    let until_context1 = |story: Vec<String>| -> Vec<String> {
        let at = story.iter().position(|step| step == "OP destroy_context1");
        story[..=at.expect("destroy_context1 is called")].to_vec()
    };
    let expected = until_context1(story(&recording("destroy-context1"), Of::Recording));
    assert_eq!(until_context1(story(&run, Of::Run)), expected, "\n{run}");
    assert_eq!(run.matches("OP destroy_context1").count(), 1, "\n{run}");
}

/// The bug that this library is for: an op that answers 1 for a stream, which has no fd. In the recording the
/// streams are never destroyed; ours destroys each where lws should have, and never calls the op for one.
#[test]
fn h2_leak() {
    let server = start_tls(&["--unguarded"]);
    let (dynamic, file) = (server.url("https", "/cb/dyn"), server.url("https", "/"));
    curl_ok(&["--http2", &dynamic, &file], "hello world\n<html>index</html>\n");
    assert_as_recorded("h2-leak", &server.end_after(3));
}

/// The same with three header tables: lws hangs at the third request. Expected is the recorded story of one
/// request, ten times.
#[test]
fn h2_leak_pool3() {
    if library().foreign {
        return;
    }
    let server = start_tls(&["--unguarded", "--pool=3"]);
    let url = server.url("https", "/cb/dyn");
    for n in 1..=10 {
        curl_ok(&["--http2", &url], "hello world\n");
        let mut seen = 0;
        server.running.wait_line("the connection to close", |line| {
            seen += usize::from(line.contains(" CLOSED_HTTP "));
            (seen == 2 * n).then_some(())
        });
    }
    let run = server.end();
    assert_op_contract(&run);

    let one = story(&recording("h2-dyn"), Of::Recording);
    let first = one.iter().position(|s| s.contains("FILTER_NETWORK_CONNECTION")).expect("accept");
    let last = one.iter().position(|s| s == "-- destroying").expect("end");
    let mut expected = one[..first].to_vec();
    for n in 1..=10 {
        let numbered = |step: &String| {
            step.replace("conn1", &format!("conn{n}")).replace("stream1", &format!("stream{n}"))
        };
        expected.extend(one[first..last].iter().map(numbered));
    }
    expected.extend_from_slice(&one[last..]);
    assert_same("h2-leak-pool3", &run, &expected);
}

// ---------------------------------------------------------------------------------------------
// WebSockets
// ---------------------------------------------------------------------------------------------

/// A TLS connection without HTTP/2.
fn tls_h1(server: &Server) -> tls::TlsStream {
    let options = tls::Options { alpn: &["http/1.1"], ..tls::Options::default() };
    tls::connect(server.port, &options).expect("TLS")
}

/// Waits until a WebSocket is closed.
fn end_after_ws(server: Server) -> String {
    server.running.wait_text(" CLOSED user");
    server.running.wait_text(" WSI_DESTROY ");
    server.end()
}

#[test]
fn ws_h1_close() {
    let server = start(&[]);
    let mut client = ws::connect(server.port, "echo");
    client.say("hi");
    assert_eq!(client.text(), "hi");
    client.send(FIN | PING, "there");
    assert_eq!(client.next().first, FIN | PONG);
    // the writeable callback after the PONG has been, or the CLOSE would come before it
    let mut seen = 0;
    server.running.wait_line("the writeable callback", |line| {
        seen += usize::from(line.contains(" SERVER_WRITEABLE "));
        (seen == 2).then_some(())
    });
    client.close();
    assert_as_recorded("ws-h1-close", &end_after_ws(server));
}

#[test]
fn ws_h1_drop() {
    let server = start(&[]);
    let mut client = ws::connect(server.port, "echo");
    client.say("hi");
    assert_eq!(client.text(), "hi");
    client.send(FIN | PING, "there");
    assert_eq!(client.next().first, FIN | PONG);
    let mut seen = 0;
    server.running.wait_line("the writeable callback", |line| {
        seen += usize::from(line.contains(" SERVER_WRITEABLE "));
        (seen == 2).then_some(())
    });
    common::h1::reset_on_close(&client.stream);
    drop(client);
    assert_as_recorded("ws-h1-drop", &end_after_ws(server));
}

#[test]
fn ws_h2_rfc8441() {
    let server = start_tls(&[]);
    let stream = tls::connect(server.port, &tls::Options::default()).expect("TLS");
    let mut client = Tunnel::open(common::h2::Client::start(stream, &[]), 1, "echo");
    client.say("hello");
    assert_eq!(client.text(), "hello");
    let bye = close_payload(1000, "");
    client.send(FIN | CLOSE, &bye);
    assert_eq!(client.next().payload, bye);
    client.ends();
    assert!(client.stream.ended, "END_STREAM after the CLOSE");
    drop(client);
    assert_as_recorded("ws-h2-rfc8441", &server.end_after(1));
}

/// Three messages; the first stops the flow until a timer lets it go on.
fn ws_rxflow<S: std::io::Read + std::io::Write>(server: &Server, client: &mut ws::Client<S>) {
    client.say("message1");
    assert_eq!(client.text(), "message1");
    server.running.wait_text("disabling rx");
    client.send_raw([ws::frame(FIN | TEXT, b"message-02"), ws::frame(FIN | TEXT, b"message-03")].concat());
    assert_eq!(client.text(), "message-03");
}

#[test]
fn ws_rxflow_custom() {
    let server = start(&["--rxflow"]);
    let mut client = ws::connect(server.port, "echo");
    ws_rxflow(&server, &mut client);
    drop(client);
    assert_as_recorded("ws-rxflow-custom", &end_after_ws(server));
}

#[test]
fn ws_rxflow_custom_tls() {
    let server = start_tls(&["--rxflow"]);
    let mut client = ws::upgrade(tls_h1(&server), "echo");
    ws_rxflow(&server, &mut client);
    common::h1::reset_on_close(&client.stream.sock);
    drop(client);
    assert_as_recorded("ws-rxflow-custom-tls", &end_after_ws(server));
}

/// One TLS record with more in it than a read of lws takes.
fn ws_tls_pending(server: &Server) {
    let mut client = ws::upgrade(tls_h1(server), "echo");
    client.send_raw(vec![ws::frame(FIN | TEXT, &[b'x'; 1040]); 10].concat());
    client.text();
    common::h1::reset_on_close(&client.stream.sock);
}

#[test]
fn ws_tls_pending_custom() {
    let server = start_tls(&[]);
    ws_tls_pending(&server);
    assert_as_recorded("ws-tls-pending-custom", &end_after_ws(server));
}

#[test]
fn ws_tls_pending_poll() {
    let server = start_tls(&["--mode=poll"]);
    ws_tls_pending(&server);
    assert_as_recorded("ws-tls-pending-poll", &end_by_signal_after(server, " CLOSED user"));
}

fn end_by_signal(server: Server) -> String {
    end_by_signal_after(server, " CLOSED_HTTP ")
}

fn end_by_signal_after(mut server: Server, closed: &str) -> String {
    server.running.wait_text(closed);
    server.running.signal(rustix::process::Signal::TERM);
    let status = server.running.wait();
    assert!(status.success(), "{status}\n{}", server.running.transcript());
    server.end()
}

// ---------------------------------------------------------------------------------------------
// Clients
// ---------------------------------------------------------------------------------------------

/// Asks the server at `port`, and ends when `end` has been said `times` times.
fn ask(client: &str, port: u16, (end, times): (&str, usize)) -> String {
    let running = Program::new(compile("trace-server"))
        .args([format!("--client={client}"), format!("--port={port}")])
        .arg("--unguarded")
        .start();
    let mut seen = 0;
    running.wait_line("the client to end", |line| {
        seen += usize::from(line.contains(end));
        (seen == times).then_some(())
    });
    running.finish().join("\n")
}

#[test]
fn client_h1_get() {
    let server = start(&[]);
    let run = ask("h1", server.port, (" WSI_DESTROY ", 1));
    assert_as_recorded("cli-h1-get", &run);
}

#[test]
fn client_h2_get() {
    let server = start_tls(&[]);
    let run = ask("h2", server.port, (" WSI_DESTROY ", 1));
    assert_as_recorded("cli-h2-get", &run);
}

/// Nobody listens at the port. The loop has the first socket no more when the second gets its number.
#[test]
fn client_refused_again() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let run = ask("twice", unused.expect("a port").port(), (" CLIENT_HTTP_DROP_PROTOCOL ", 2));
    assert_as_recorded("cli-refused-again", &run);
    assert_eq!(run.matches("in=conn fail: 111").count(), 2, "{run}");
}

#[test]
fn client_ws_h1() {
    let server = start(&[]);
    let run = ask("ws", server.port, (" WSI_DESTROY ", 1));
    assert_as_recorded("cli-ws-h1", &run);
}
