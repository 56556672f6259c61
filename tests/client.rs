//! The client examples against servers that are not ours (nginx, nghttpd), and against ours: what they ask for arrives,
//! byte for byte, over each transport; what does not arrive is not taken for an answer; and nothing is left of either.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use common::example::{CUSTOM_LOOP, Count, Examples, Server, kinds_of, names};
use common::nghttpd::Nghttpd;
use common::nginx::{Access, Nginx, Port, REQUESTS_OF_SHORT};
use common::tools::curl;
use common::wait::{DEADLINE, within};
use common::{Program, Scratch, free_ports, h1, library};

const CLIENT: &str = "minimal-http-client";
const MULTI: &str = "minimal-http-client-multi";
const POST: &str = "minimal-http-client-post";
const CUSTOM_HEADERS: &str = "minimal-http-client-custom-headers";

/// What goes with a request, and must be gone when that is. A connection may be kept, with its session on HTTP/1.
const OF_REQUESTS: [&str; 3] = ["h2_stream", "ah", "buffered"];

/// Every transport: what tells the client to use it, nginx's port for it, and the version that comes about.
struct Dialect {
    args: &'static [&'static str],
    port: Port,
    version: &'static str,
}

const DIALECTS: [Dialect; 4] = [
    Dialect { args: &[], port: Port::Plain, version: "HTTP/1.1" },
    Dialect { args: &["--h2c"], port: Port::H2c, version: "HTTP/2.0" },
    Dialect { args: &["--h1"], port: Port::Tls, version: "HTTP/1.1" },
    Dialect { args: &[], port: Port::Tls, version: "HTTP/2.0" },
];

const H2_TLS: &Dialect = &DIALECTS[3];

/// How a client ended.
struct Outcome {
    success: bool,
    stdout: Vec<String>,
    stderr: Vec<String>,
    /// The most memory it was seen with, in KiB.
    peak: u64,
}

impl Outcome {
    fn text(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout.join("\n"), self.stderr.join("\n"))
    }

    #[track_caller]
    fn expect_line(&self, line: &str) {
        assert!(self.stdout.iter().any(|l| l == line), "no line {line:?}\n{}", self.text());
    }

    /// It got what it wanted, has nothing to complain about, and nothing of a request is left.
    #[track_caller]
    fn expect_ok(&self) {
        assert!(self.success, "{}", self.text());
        self.expect_line("Completed: OK");
        self.expect_silent();
    }

    /// The library has found nothing left over at the end, and nothing else to say.
    #[track_caller]
    fn expect_silent(&self) {
        assert!(self.stderr.is_empty(), "{}", self.text());
        for (kind, count) in self.statistics() {
            let left = OF_REQUESTS.contains(&kind.as_str()) && (count.live, count.bytes) != (0, 0);
            assert!(!left, "{kind}: {count:?}\n{}", self.text());
            assert!(kind != "session" || count.live <= 1, "{count:?}\n{}", self.text());
        }
    }

    /// It failed, and said why: once, on a line that has `why` in it.
    #[track_caller]
    fn expect_failure(&self, why: &[&str]) {
        assert!(!self.success, "{}", self.text());
        self.expect_line("Completed: failed");
        let lines: Vec<_> = self.stderr.iter().filter(|line| !is_log(line)).collect();
        assert!(lines.len() == 1 && why.iter().any(|why| lines[0].contains(why)), "{why:?}\n{}", self.text());
        if !library().foreign {
            let complaints = self.stderr.iter().filter(|line| line.contains(" E: ")).count();
            assert_eq!(complaints, 0, "{}", self.text());
        }
    }

    fn statistics(&self) -> BTreeMap<String, Count> {
        let json = self.stdout.iter().find_map(|line| line.strip_prefix("statistics: "));
        json.map(kinds_of).unwrap_or_default()
    }
}

/// A line of the library's log.
fn is_log(line: &str) -> bool {
    line.starts_with('[')
}

fn run(name: &str, args: &[&str]) -> Outcome {
    run_for(DEADLINE, name, args)
}

/// Runs a client to its end. It trusts the certificate of the servers here unless it is told otherwise.
fn run_for(limit: Duration, name: &str, args: &[&str]) -> Outcome {
    let mut client = Program::new(Examples::built().program(name)).args(args).start();
    let mut peak = 0;
    within(limit, || {
        peak = client.peak_rss().unwrap_or(peak).max(peak);
        client.has_ended().then_some(())
    });
    let success = client.wait().success();
    Outcome { success, stdout: client.stdout(), stderr: client.stderr(), peak }
}

/// Arguments: what the dialect needs, `more`, and the URL.
fn args<'a>(dialect: &Dialect, certificate: &'a str, more: &[&'a str], url: &'a str) -> Vec<&'a str> {
    let mut args = vec!["--ca", certificate];
    args.extend(dialect.args);
    args.extend(more);
    args.push(url);
    args
}

/// Runs `minimal-http-client`, keeping the body.
fn get(dialect: &Dialect, more: &[&str], url: &str) -> (Outcome, Vec<u8>) {
    let place = Scratch::new();
    let output = place.path().join("body");
    let output = output.to_str().expect("scratch paths are UTF-8");
    let more = [&["--statistics", "-o", output], more].concat();
    let outcome = run(CLIENT, &args(dialect, &Examples::built().certificate(), &more, url));
    assert!(library().foreign || !outcome.statistics().is_empty(), "no statistics\n{}", outcome.text());
    let body = fs::read(output).unwrap_or_default();
    (outcome, body)
}

/// Runs another client.
fn ask(name: &str, dialect: &Dialect, more: &[&str], url: &str) -> Outcome {
    run(name, &args(dialect, &Examples::built().certificate(), more, url))
}

/// Bytes that do not repeat in step with any buffer.
fn letters(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251) as u8).collect()
}

// ---------------------------------------------------------------------------------------------
// Downloads
// ---------------------------------------------------------------------------------------------

#[test]
fn every_client_is_tested() {
    let mut clients = names();
    clients.retain(|name| name.starts_with("minimal-http-client"));
    assert_eq!(clients, [CLIENT, MULTI, POST, CUSTOM_HEADERS]);
}

#[test]
fn files_of_nginx() {
    let nginx = Nginx::start();
    let large = letters(300_000);
    nginx.file("large.bin", &large);
    for dialect in &DIALECTS {
        for (path, expected) in
            [("/hello.txt", b"hello world\n".as_slice()), ("/empty.txt", b""), ("/large.bin", &large)]
        {
            let (outcome, body) = get(dialect, &[], &nginx.url(dialect.port, path));
            outcome.expect_ok();
            assert!(
                body == expected,
                "{path}: {} bytes for {}\n{}",
                body.len(),
                expected.len(),
                outcome.text()
            );
            outcome.expect_line("status 200");
            outcome.expect_line(&format!("content-length: {}", expected.len()));
            outcome.expect_line(&format!("received {0} bytes of {0}", expected.len()));
            let said = outcome.stdout.iter().any(|line| line.starts_with("server: nginx"));
            assert!(said, "{}", outcome.text());
        }
        let (outcome, _) = get(dialect, &[], &nginx.url(dialect.port, "/missing"));
        assert!(!outcome.success, "{}", outcome.text());
        outcome.expect_line("status 404");
        outcome.expect_silent();
        for access in nginx.accesses(4) {
            assert_eq!(access.version, dialect.version, "{access:?}");
        }
    }
}

#[test]
fn files_of_nghttpd() {
    for (dialect, with_tls) in [(&DIALECTS[1], false), (H2_TLS, true)] {
        let server = Nghttpd::start(with_tls);
        let (outcome, body) = get(dialect, &[], &server.url("/hello.txt"));
        outcome.expect_ok();
        assert_eq!(body, b"hello world\n");
        outcome.expect_line("status 200");

        let many =
            ask(MULTI, dialect, &["-n", "1000", "-c", "150", "--statistics"], &server.url("/hello.txt"));
        many.expect_ok();
        let summary = "1000 requests, 0 failed, 12000 bytes";
        assert!(many.stdout.iter().any(|line| line.starts_with(summary)), "{}", many.text());
    }
}

#[test]
fn files_and_callbacks_of_our_own_server() {
    let page = fs::read(common::root().join("c-examples/mount-origin/index.html")).expect("the page");
    for dialect in &DIALECTS {
        let no_tls: &[&str] = if matches!(dialect.port, Port::Tls) { &[] } else { &["--no-tls"] };
        let server = Examples::built().start(CUSTOM_LOOP, no_tls);
        let (outcome, body) = get(dialect, &[], &format!("{}/", server.url()));
        outcome.expect_ok();
        assert!(body == page, "{}", outcome.text());
        let (outcome, body) = get(dialect, &[], &format!("{}/live", server.url()));
        outcome.expect_ok();
        assert!(body.starts_with(b"{\"requests\":1,"), "{}", String::from_utf8_lossy(&body));
        let many = ask(MULTI, dialect, &["-n", "500", "-c", "120"], &format!("{}/live", server.url()));
        many.expect_ok();
        server.expect_no_fd_more();
        server.stop();
    }
}

/// Memory does not grow with what is received.
#[test]
fn a_large_download_takes_little_memory() {
    let size: u64 = 1 << 30;
    let nginx = Nginx::start();
    nginx.sparse_file("large", size);
    for dialect in &DIALECTS {
        let url = nginx.url(dialect.port, "/large");
        let args = args(dialect, &Examples::built().certificate(), &["--statistics"], &url)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let begin = std::time::Instant::now();
        let outcome = run_for(3 * DEADLINE, CLIENT, &args);
        outcome.expect_ok();
        outcome.expect_line(&format!("received {size} bytes of {size}"));
        eprintln!(
            "{} {:?}: {} KiB at most, {:?}",
            dialect.version,
            dialect.port,
            outcome.peak,
            begin.elapsed()
        );
        assert!((1000..MOST_MEMORY).contains(&outcome.peak), "{} KiB\n{}", outcome.peak, outcome.text());
    }
}

/// KiB. What is mapped of the library itself is most of it.
const MOST_MEMORY: u64 = 24 * 1024;

// ---------------------------------------------------------------------------------------------
// Many requests
// ---------------------------------------------------------------------------------------------

/// All of them were answered, over one connection.
fn expect_one_connection(nginx: &Nginx, dialect: &Dialect, requests: usize) {
    let accesses = nginx.accesses(requests);
    assert_eq!(accesses.len(), requests);
    for access in &accesses {
        let expected = Access { connection: accesses[0].connection, ..access.clone() };
        assert_eq!(*access, expected, "more than one connection");
        assert_eq!((access.status, access.version.as_str()), (200, dialect.version));
    }
}

#[test]
fn ten_thousand_requests_over_one_connection() {
    let nginx = Nginx::start();
    let url = nginx.url(Port::Tls, "/hello.txt");
    let outcome = ask(MULTI, H2_TLS, &["-n", "10000", "-c", "100", "--statistics"], &url);
    outcome.expect_ok();
    let summary =
        outcome.stdout.iter().find(|line| line.starts_with("10000 requests, 0 failed, 120000 bytes"));
    eprintln!("{}", summary.unwrap_or_else(|| panic!("{}", outcome.text())));
    expect_one_connection(&nginx, H2_TLS, 10_000);
}

/// More at once than the server takes: the others wait.
#[test]
fn requests_wait_for_streams_or_for_their_turn() {
    let nginx = Nginx::start();
    for dialect in &DIALECTS {
        let outcome = ask(
            MULTI,
            dialect,
            &["-n", "1000", "-c", "1000", "--statistics"],
            &nginx.url(dialect.port, "/hello.txt"),
        );
        outcome.expect_ok();
        expect_one_connection(&nginx, dialect, 1000);
    }
}

/// The server ends connections; what it has not begun goes over the next, and nothing is asked twice.
#[test]
fn requests_go_on_when_the_server_ends_connections() {
    let nginx = Nginx::start();
    for dialect in &DIALECTS[2..] {
        let outcome = ask(
            MULTI,
            dialect,
            &["-n", "1000", "-c", "30", "--statistics"],
            &nginx.url(Port::Short, "/hello.txt"),
        );
        outcome.expect_ok();
        let mut of_each = BTreeMap::<u64, usize>::new();
        for access in nginx.accesses(1000) {
            *of_each.entry(access.connection).or_default() += 1;
        }
        assert_eq!(of_each.values().sum::<usize>(), 1000);
        assert!(of_each.values().all(|&n| n <= REQUESTS_OF_SHORT), "{of_each:?}");
        assert!(of_each.len() <= 2 * 1000 / REQUESTS_OF_SHORT, "{of_each:?}");
    }
}

#[test]
fn a_connection_each_if_it_is_asked_for() {
    let nginx = Nginx::start();
    for dialect in &DIALECTS {
        let outcome = ask(
            MULTI,
            dialect,
            &["-n", "20", "-c", "5", "--separate"],
            &nginx.url(dialect.port, "/hello.txt"),
        );
        outcome.expect_ok();
        let mut connections: Vec<_> = nginx.accesses(20).iter().map(|access| access.connection).collect();
        connections.sort_unstable();
        connections.dedup();
        assert_eq!(connections.len(), 20);
    }
}

// ---------------------------------------------------------------------------------------------
// Uploads and headers
// ---------------------------------------------------------------------------------------------

fn as_file(place: &Scratch, name: &str, content: &[u8]) -> String {
    let path = place.file(name, content);
    path.to_str().expect("scratch paths are UTF-8").to_owned()
}

#[test]
fn uploads_arrive() {
    let nginx = Nginx::start();
    let place = Scratch::new();
    for dialect in &DIALECTS {
        for len in [1, 4096, 100_000, 3_000_000] {
            let sent = letters(len);
            let upload = as_file(&place, "upload", &sent);
            let (outcome, body) = get(dialect, &["--post", &upload], &nginx.url(dialect.port, "/upload"));
            outcome.expect_ok();
            assert_eq!(body, b"uploaded\n");
            let came = nginx.uploads();
            assert!(
                came.len() == 1 && came[0] == sent,
                "{len}: {:?}",
                came.iter().map(Vec::len).collect::<Vec<_>>()
            );
            let access = &nginx.accesses(1)[0];
            assert_eq!(
                (access.method.as_str(), access.version.as_str(), access.content_type.as_str()),
                ("POST", dialect.version, "application/octet-stream")
            );
        }
    }
}

#[test]
fn uploads_come_back() {
    let place = Scratch::new();
    for (dialect, with_tls) in [(&DIALECTS[1], false), (H2_TLS, true)] {
        let server = Nghttpd::start(with_tls);
        for len in [1, 3_000_000] {
            let sent = letters(len);
            let upload = as_file(&place, "upload", &sent);
            let (outcome, body) = get(dialect, &["--post", &upload], &server.url("/echo"));
            outcome.expect_ok();
            assert!(body == sent, "{} bytes of {len}\n{}", body.len(), outcome.text());
        }
    }
    let server = Examples::built().start("minimal-http-server-dynamic", &[]);
    for dialect in &DIALECTS[..2] {
        let sent = letters(900_000);
        let upload = as_file(&place, "upload", &sent);
        let (outcome, body) = get(dialect, &["--post", &upload], &format!("{}/dyn/echo", server.url()));
        outcome.expect_ok();
        assert!(body == sent, "{} bytes\n{}", body.len(), outcome.text());
    }
    server.expect_no_fd_more();
    server.stop();
}

/// The parts of a multipart body: the lines of the head, and the content.
fn parts(body: &[u8], boundary: &str) -> Vec<(String, Vec<u8>)> {
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    let first = format!("--{boundary}\r\n");
    let between = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes()).expect("a boundary at the start");
    let mut parts = Vec::new();
    loop {
        let end = find(rest, between.as_bytes()).expect("a boundary after each part");
        let head = find(&rest[..end], b"\r\n\r\n").expect("a head of the part");
        parts.push((String::from_utf8_lossy(&rest[..head]).into_owned(), rest[head + 4..end].to_vec()));
        rest = &rest[end + between.len()..];
        match rest.strip_prefix(b"\r\n") {
            Some(next) => rest = next,
            None => break,
        }
    }
    assert_eq!(rest, b"--\r\n", "the end");
    parts
}

#[test]
fn a_form_with_a_file_arrives() {
    let nginx = Nginx::start();
    let place = Scratch::new();
    for dialect in &DIALECTS {
        for len in [0, 10, 1_000_000] {
            let sent = letters(len);
            let file = as_file(&place, "cat \"picture\".bin", &sent);
            let url = nginx.url(dialect.port, "/upload");
            let outcome = ask(POST, dialect, &["--text", "my cat", "--file", &file], &url);
            outcome.expect_ok();
            outcome.expect_line("uploaded");
            let access = &nginx.accesses(1)[0];
            assert_eq!((access.method.as_str(), access.version.as_str()), ("POST", dialect.version));
            let boundary =
                access.content_type.strip_prefix("multipart/form-data; boundary=").expect("a boundary");
            // nginx writes quotes as \x22
            let boundary = boundary.trim_matches('"').trim_start_matches("\\x22").trim_end_matches("\\x22");
            let came = nginx.uploads();
            assert_eq!(came.len(), 1);
            let parts = parts(&came[0], boundary);
            assert_eq!(parts.len(), 2);
            assert_eq!(
                parts[0],
                ("Content-Disposition: form-data; name=\"text\"".to_owned(), b"my cat".to_vec())
            );
            assert!(parts[1].0.contains("name=\"file\""), "{}", parts[1].0);
            assert!(
                library().foreign || parts[1].0.contains("filename=\"cat %22picture%22.bin\""),
                "{}",
                parts[1].0
            );
            assert!(parts[1].1 == sent, "{} bytes of {len}", parts[1].1.len());
        }
    }
}

#[test]
fn headers_without_a_number_go_both_ways() {
    let nginx = Nginx::start();
    for dialect in &DIALECTS {
        let more = ["-H", "X-Colour: dark red", "-H", "x-size:3", "--ask", "x-late"];
        let outcome = ask(CUSTOM_HEADERS, dialect, &more, &nginx.url(dialect.port, "/headers"));
        outcome.expect_ok();
        outcome.expect_line("status 200");
        if library().foreign && dialect.version == "HTTP/2.0" {
            continue;
        }
        outcome.expect_line("x-echo: dark red");
        outcome.expect_line("x-late: 3");
        outcome.expect_line("x-late is \"3\"");
        let outcome =
            ask(CUSTOM_HEADERS, dialect, &["--ask", "x-late"], &nginx.url(dialect.port, "/hello.txt"));
        outcome.expect_ok();
        outcome.expect_line("no x-late");
    }
}

// ---------------------------------------------------------------------------------------------
// Redirects
// ---------------------------------------------------------------------------------------------

#[test]
fn redirects_are_followed() {
    let nginx = Nginx::start();
    for dialect in &DIALECTS {
        for path in ["/r301", "/r302", "/r303", "/r307", "/r308", "/relative"] {
            let (outcome, body) = get(dialect, &[], &nginx.url(dialect.port, path));
            outcome.expect_ok();
            let (target, content) =
                if path == "/relative" { ("/hello.txt", "hello world\n") } else { ("/upload", "uploaded\n") };
            assert_eq!(String::from_utf8_lossy(&body), content, "{path}");
            let asked: Vec<_> =
                nginx.accesses(2).into_iter().map(|access| (access.method, access.path)).collect();
            let get = |path: &str| ("GET".to_owned(), path.to_owned());
            assert_eq!(asked, [get(path), get(target)]);
        }
    }
}

/// 307 and 308 keep the method and the body; the others make a GET of it (RFC 9110 §15.4).
#[test]
fn redirects_of_uploads() {
    let nginx = Nginx::start();
    let place = Scratch::new();
    let sent = letters(100_000);
    let upload = as_file(&place, "upload", &sent);
    for dialect in &DIALECTS {
        for status in [301, 302, 303] {
            let (outcome, body) =
                get(dialect, &["--post", &upload], &nginx.url(dialect.port, &format!("/r{status}")));
            outcome.expect_ok();
            assert_eq!(body, b"uploaded\n");
            let methods: Vec<_> = nginx.accesses(2).into_iter().map(|access| access.method).collect();
            assert_eq!(methods, ["POST", "GET"], "{status}");
            assert!(nginx.uploads().iter().all(Vec::is_empty), "{status}");
        }
        for status in [307, 308] {
            let (outcome, body) =
                get(dialect, &["--post", &upload], &nginx.url(dialect.port, &format!("/r{status}")));
            outcome.expect_ok();
            assert_eq!(body, b"uploaded\n");
            let methods: Vec<_> = nginx.accesses(2).into_iter().map(|access| access.method).collect();
            assert_eq!(methods, ["POST", "POST"], "{status}");
            let came = nginx.uploads();
            assert!(
                came.len() == 1 && came[0] == sent,
                "{status}: {:?}",
                came.iter().map(Vec::len).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn redirects_between_transports() {
    let nginx = Nginx::start();
    let (outcome, body) = get(&DIALECTS[0], &[], &nginx.url(Port::Plain, "/to-tls"));
    outcome.expect_ok();
    assert_eq!(body, b"hello world\n");
    let versions: Vec<_> = nginx.accesses(2).into_iter().map(|access| access.version).collect();
    assert_eq!(versions, ["HTTP/1.1", "HTTP/2.0"]);

    // What was asked for in confidence is not asked for in the open.
    for dialect in &DIALECTS[2..] {
        let (outcome, body) = get(dialect, &[], &nginx.url(Port::Tls, "/to-plain"));
        outcome.expect_failure(&["edirect"]);
        assert_eq!(body, b"");
        assert_eq!(nginx.accesses(1).len(), 1);
    }
}

#[test]
fn a_loop_of_redirects_ends() {
    let nginx = Nginx::start();
    for dialect in &DIALECTS {
        let (outcome, body) = get(dialect, &[], &nginx.url(dialect.port, "/loop"));
        outcome.expect_failure(&["edirect"]);
        assert_eq!(body, b"");
        let asked = nginx.accesses(4).len();
        assert!((4..=5).contains(&asked), "asked {asked} times");
    }
}

// ---------------------------------------------------------------------------------------------
// Failures
// ---------------------------------------------------------------------------------------------

#[test]
fn nobody_listens() {
    let [port] = free_ports();
    for (args, scheme) in [(&["--h1"][..], "http"), (&["--h2c"], "http"), (&["-k"], "https")] {
        let url = format!("{scheme}://localhost:{port}/");
        let outcome = run(CLIENT, &[args, &["--statistics", &url]].concat());
        outcome.expect_failure(&["connection failed: conn fail: 111", "refused"]);
        let outcome = run(MULTI, &[args, &["-n", "1", &url]].concat());
        outcome.expect_failure(&["connection failed: "]);
    }
}

#[test]
fn certificates_must_be_good_unless_anything_goes() {
    let nginx = Nginx::start();
    let url = nginx.url(Port::Tls, "/hello.txt");
    let other_name = nginx.url_by_another_name("/hello.txt");
    let certificate = Examples::built().certificate();
    for version in [&["--h1"][..], &[]] {
        let client = |more: &[&str]| run(CLIENT, &[version, more].concat());
        client(&["--ca", &certificate, &url]).expect_ok();
        client(&["-k", &url]).expect_ok();
        client(&["-k", &other_name]).expect_ok();
        client(&["--ca", &certificate, "-k", &other_name]).expect_ok();
        // Nobody answers for it.
        client(&[&url]).expect_failure(&["certificate", "cert"]);
        // It is for somebody else.
        client(&["--ca", &certificate, &other_name]).expect_failure(&["certificate", "hostname", "cert"]);
    }
    // No request went to a server that was not trusted.
    assert_eq!(nginx.accesses(8).len(), 8);
}

#[test]
fn a_certificate_file_that_is_none() {
    let place = Scratch::new();
    let file = as_file(&place, "ca.pem", b"not a certificate\n");
    for ca in [file.as_str(), "/nonexistent/ca.pem"] {
        let outcome = run(CLIENT, &["--ca", ca, "https://localhost:1/"]);
        assert!(!outcome.success, "{}", outcome.text());
        assert!(
            outcome.stderr.iter().any(|line| line.contains("lws_create_context failed")),
            "{}",
            outcome.text()
        );
    }
}

/// A server that answers whatever it is asked with these bytes, once, and closes.
fn answers_with(bytes: &'static [u8]) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(DEADLINE)).expect("read deadline");
        let mut request = Vec::new();
        while !request.windows(4).any(|window| window == b"\r\n\r\n") {
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk) {
                Ok(n @ 1..) => request.extend_from_slice(&chunk[..n]),
                end => panic!("{end:?} after {:?}", String::from_utf8_lossy(&request)),
            }
        }
        stream.write_all(bytes).expect("the client reads");
        stream.shutdown(std::net::Shutdown::Write).expect("an end");
        h1::read_to_end(&mut stream);
    });
    (port, server)
}

/// No part of an answer is taken for all of it.
#[test]
fn answers_that_are_broken_or_cut_off() {
    for (bytes, came) in [
        (b"".as_slice(), ""),
        (b"HTTP/1.1 200 OK\r\ncontent-le", ""),
        (b"nonsense\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\ncontent-length: 11\r\n\r\n0123456789", ""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "half"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n", "hello"),
    ] {
        if library().foreign {
            continue;
        }
        let (port, server) = answers_with(bytes);
        let (outcome, body) = get(&DIALECTS[0], &[], &format!("http://localhost:{port}/"));
        outcome.expect_failure(&["connection failed: ", "closed before the end"]);
        assert_eq!(String::from_utf8_lossy(&body), came, "{}", outcome.text());
        server.join().expect("the server");
    }
    // Without a length the end of the connection is the end of the answer.
    let (port, server) = answers_with(b"HTTP/1.1 200 OK\r\n\r\nall of it");
    let (outcome, body) = get(&DIALECTS[0], &[], &format!("http://localhost:{port}/"));
    outcome.expect_ok();
    assert_eq!(body, b"all of it");
    server.join().expect("the server");
}

/// Neither errors nor lost memory: a redirected upload, requests beyond the server's streams, a refusal.
#[test]
fn memcheck_finds_nothing() {
    let nginx = Nginx::start();
    let place = Scratch::new();
    let upload = as_file(&place, "upload", &letters(100_000));
    let (redirect, file) = (nginx.url(Port::Tls, "/r307"), nginx.url(Port::Short, "/hello.txt"));
    let nobody = format!("http://localhost:{}/", free_ports::<1>()[0]);
    for (name, more, success) in [
        (CLIENT, &["--post", &upload, &redirect][..], true),
        (MULTI, &["-n", "300", "-c", "200", &file], true),
        (CLIENT, &[&nobody], false),
    ] {
        let mut client = Program::new("valgrind")
            .args(["-q", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"])
            // what hand-written cipher code defines, valgrind does not know
            .arg("--undef-value-errors=no")
            .arg(Examples::built().program(name))
            .args(["--ca", &Examples::built().certificate()])
            .args(more)
            .start();
        // Valgrind takes a hundred times as long.
        within(10 * DEADLINE, || client.has_ended().then_some(()));
        let status = client.wait();
        assert_eq!(status.code(), Some(i32::from(!success)), "{}", client.transcript());
        let clean = !client.stderr().iter().any(|line| line.starts_with("=="));
        assert!(clean, "{}", client.transcript());
    }
}

// ---------------------------------------------------------------------------------------------
// On the loop of a server
// ---------------------------------------------------------------------------------------------

/// The custom-loop server, which asks for `url` once it runs; stops when it has said what came of it.
fn serves_and_asks(url: &str, expected: &[&str]) {
    let certificate = Examples::built().certificate();
    for more in [&[][..], &["--no-tls"], &["--unguarded"]] {
        let args = [more, &["--ca", &certificate, "--client", url]].concat();
        let server = Examples::built().start(CUSTOM_LOOP, &args);
        let said = server
            .program()
            .wait_line("what came of it", |line| line.strip_prefix("client: ").map(str::to_owned));
        assert!(expected.iter().any(|text| said.contains(text)), "{said}\n{}", server.program().transcript());
        is_as_if_it_had_not_asked(&server, more);
        // It still serves.
        let reply = curl(&[&format!("{}/live", server.url())]);
        assert_eq!(reply.status, 200, "{reply:?}");
        // It complains if the loop has descriptors that should have gone.
        let complaints = server.stop();
        assert!(complaints.is_empty(), "{complaints:?}");
    }
}

/// An HTTP/2 connection is kept for a second, in case it is of use again; then nothing is left of the client.
fn is_as_if_it_had_not_asked(server: &Server, args: &[&str]) {
    if library().foreign {
        return;
    }
    let other = Examples::built().start(CUSTOM_LOOP, args);
    let idle = common::example::ask(other.program());
    let mut now = None;
    let settled = within(Duration::from_secs(10), || {
        let statistics = common::example::ask(server.program());
        let is_idle = statistics.held() == idle.held();
        now = Some(statistics);
        is_idle.then_some(())
    });
    assert!(settled.is_some(), "left: {now:?}\nwithout a client: {idle:?}");
    other.stop();
}

#[test]
fn a_client_on_the_loop_of_a_server() {
    let nginx = Nginx::start();
    nginx.file("large.bin", letters(2_000_000));
    for port in [Port::Plain, Port::Tls] {
        serves_and_asks(&nginx.url(port, "/large.bin"), &["status 200, 2000000 bytes"]);
    }
    let peer = Examples::built().start(CUSTOM_LOOP, &[]);
    serves_and_asks(&format!("{}/style.css", peer.url()), &["status 200, "]);
    peer.stop();
}

#[test]
fn a_client_that_fails_on_the_loop_of_a_server() {
    let nginx = Nginx::start();
    let [port] = free_ports();
    serves_and_asks(&format!("http://localhost:{port}/"), &["failed: "]);
    serves_and_asks(&nginx.url_by_another_name("/"), &["failed: "]);
    serves_and_asks(&nginx.url(Port::Tls, "/loop"), &["failed: "]);
}
