//! The example programs under independent clients: h2load with many connections and streams, curl and
//! nghttp over every transport an example offers, memcheck over one of them.

mod common;

use std::fs;
use std::time::Duration;

use common::example::{CUSTOM_LOOP, CountingServer, Examples, Server, names};
use common::tools::{Reply, curl, h2load, nghttp};
use common::{DEADLINE, Program, Scratch, root, until};

const CONNECTIONS: usize = 100;
const STREAMS: usize = 100;
const REQUESTS: usize = 3 * CONNECTIONS * STREAMS;

const EPOLL_LOOP: &str = "minimal-http-server-eventlib-custom-epoll";

/// A way to run an example, and what can be asked of it then.
struct Setup {
    name: &'static str,
    args: &'static [&'static str],
    serves: Serves,
}

#[derive(Clone, Copy, PartialEq)]
enum Serves {
    /// `mount-origin`.
    Files,
    /// `/dyn/…` of minimal-http-server-dynamic.
    Callback,
}

const SETUPS: &[Setup] = &[
    Setup { name: "minimal-http-server", args: &[], serves: Serves::Files },
    Setup { name: "minimal-http-server-tls", args: &[], serves: Serves::Files },
    Setup { name: "minimal-http-server-dynamic", args: &[], serves: Serves::Callback },
    Setup { name: CUSTOM_LOOP, args: &[], serves: Serves::Files },
    Setup { name: CUSTOM_LOOP, args: &["--no-tls"], serves: Serves::Files },
    Setup { name: CUSTOM_LOOP, args: &["--unguarded"], serves: Serves::Files },
    Setup { name: EPOLL_LOOP, args: &[], serves: Serves::Files },
    Setup { name: EPOLL_LOOP, args: &["--tls"], serves: Serves::Files },
];

/// How a client is told to speak, and the version that then comes about.
struct Dialect {
    curl: &'static [&'static str],
    version: &'static str,
}

const OVER_TLS: &[Dialect] = &[
    Dialect { curl: &["--http2"], version: "2" },
    Dialect { curl: &["--http2", "--tlsv1.3"], version: "2" },
    Dialect { curl: &["--http2", "--tls-max", "1.2"], version: "2" },
    Dialect { curl: &["--http1.1"], version: "1.1" },
    Dialect { curl: &["--http1.1", "--tls-max", "1.2"], version: "1.1" },
    Dialect { curl: &["--no-alpn"], version: "1.1" },
];

const IN_CLEARTEXT: &[Dialect] = &[
    Dialect { curl: &["--http1.1"], version: "1.1" },
    Dialect { curl: &["--http1.0"], version: "1.0 or 1.1" },
    Dialect { curl: &["--http2-prior-knowledge"], version: "2" },
    // Offers an upgrade, which a server may take or leave.
    Dialect { curl: &["--http2"], version: "1.1 or 2" },
];

fn ask(dialect: &Dialect, more: &[&str]) -> Reply {
    let certificate = Examples::built().certificate();
    let mut args = vec!["--no-insecure", "--cacert", &certificate];
    args.extend(dialect.curl);
    args.extend(more);
    let reply = curl(&args);
    assert_eq!(reply.exit, 0, "curl {args:?}: {reply:?}");
    assert!(dialect.version.contains(&reply.version), "curl {args:?}: {reply:?}");
    reply
}

fn serves_files(url: &str, dialect: &Dialect) {
    let types = [
        ("index.html", "text/html"),
        ("style.css", "text/css"),
        ("page.js", "javascript"),
        ("logo.svg", "image/svg+xml"),
    ];
    for (name, mime) in types {
        let file = fs::read(root().join("c-examples/mount-origin").join(name)).expect("the file");
        let got = ask(dialect, &[&format!("{url}/{name}")]);
        assert_eq!(got.status, 200, "{name}");
        assert!(got.body == file, "{name}: {} bytes for {}", got.body.len(), file.len());
        let sent_as = got.header("content-type").expect("a content type");
        assert!(sent_as.contains(mime), "{name} is sent as {sent_as}");
        let length = got.header("content-length").expect("a content length");
        assert_eq!(length, file.len().to_string(), "{name}");

        let head = ask(dialect, &["--head", &format!("{url}/{name}")]);
        assert_eq!((head.status, head.header("content-length")), (200, Some(length)), "{name}");

        let etag = format!("If-None-Match: {}", got.header("etag").expect("an etag"));
        let again = ask(dialect, &["--header", &etag, &format!("{url}/{name}")]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{name}");
    }

    let index = fs::read(root().join("c-examples/mount-origin/index.html")).expect("the page");
    // A GET may have a body, which means nothing.
    for len in [1, 300_000] {
        let scratch = Scratch::new();
        let body = scratch.file("body", "x".repeat(len));
        let body = format!("@{}", body.to_str().expect("scratch paths are UTF-8"));
        let more = ["--request", "GET", "--data-binary", &body, &format!("{url}/index.html")];
        let got = ask(dialect, &more);
        assert!(got.status == 200 && got.body == index, "{} bytes after {len}", got.body.len());
    }
    assert_eq!(ask(dialect, &[&format!("{url}/")]).body, index, "the default file");
    for missing in ["not-there", "%2e%2e/Makefile", "../Makefile", "..%2fMakefile"] {
        let reply = ask(dialect, &[&format!("{url}/{missing}")]);
        // The document for 404 is one that the client is sent to, as lws does it.
        let refused = matches!(reply.status, 400 | 403 | 404)
            || reply.header("location").is_some_and(|to| to.ends_with("/404.html"));
        assert!(refused, "{missing}: {reply:?}");
        assert!(!reply.text().contains("EXAMPLES"), "{missing}: {reply:?}");
    }
}

fn serves_callbacks(url: &str, dialect: &Dialect) {
    let page = ask(dialect, &[&format!("{url}/dyn/hello")]);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("/dyn/hello"), "{page:?}");

    let lines = ask(dialect, &[&format!("{url}/dyn/lines?count=100000")]).text();
    assert_eq!(lines.lines().count(), 100_000);
    assert!(lines.ends_with("line 0000100000 of many\n"), "{:?}", lines.lines().last());

    let scratch = Scratch::new();
    let sent: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let upload = scratch.file("upload", &sent);
    let upload = format!("@{}", upload.to_str().expect("scratch paths are UTF-8"));
    for header in ["Expect:", "Expect: 100-continue", "Transfer-Encoding: chunked"] {
        let echo = format!("{url}/dyn/echo");
        // HTTP/1.0 has neither, HTTP/2 has no chunks of its own.
        let chunked = header.starts_with("Transfer");
        if dialect.version.contains("1.0") || (chunked && dialect.version != "1.1") {
            continue;
        }
        let reply = ask(dialect, &["--header", header, "--data-binary", &upload, &echo]);
        assert_eq!(reply.status, 200, "{header}");
        assert!(reply.body == sent, "{header}: {} bytes for {}", reply.body.len(), sent.len());
    }

    let refused = ask(dialect, &["--request", "DELETE", &format!("{url}/dyn/hello")]);
    assert_eq!(refused.status, 405);
}

/// One connection serves several requests, one after the other.
fn keeps_the_connection(url: &str, path: &str, dialect: &Dialect) {
    // curl 7.88 fails to use a cleartext h2 connection again, with any server; nghttp does below.
    if dialect.version.contains("1.0") || dialect.curl == ["--http2-prior-knowledge"] {
        return;
    }
    let target = format!("{url}{path}");
    let reply = ask(dialect, &["--write-out", "[%{num_connects}]", &target, &target, &target]);
    let text = reply.text();
    let connects: Vec<_> =
        text.split('[').skip(1).map(|rest| rest.split(']').next().unwrap_or_default()).collect();
    assert_eq!(connects, ["1", "0", "0"], "connections made by curl {:?}", dialect.curl);
}

fn speaks_with_nghttp(url: &str, path: &str) {
    let target = format!("{url}{path}");
    let (success, text) = nghttp(&["--verbose", "--timeout=20", "--no-push", "--multiply=20", &target]);
    assert!(success, "nghttp {target}:\n{text}");
    assert_eq!(text.matches(":status: 200").count(), 20, "nghttp {target}:\n{text}");
    assert!(!text.contains("RST_STREAM"), "nghttp {target}:\n{text}");
}

fn try_clients(setup: &Setup) {
    let Setup { name, args, serves } = setup;
    eprintln!("{name} {args:?}");
    let server = Examples::built().start(name, args);
    let url = server.url().to_owned();
    let path = if *serves == Serves::Files { "/index.html" } else { "/dyn/hello" };
    let dialects = if url.starts_with("https:") { OVER_TLS } else { IN_CLEARTEXT };
    for dialect in dialects {
        eprintln!("  {:?}", dialect.curl);
        match serves {
            Serves::Files => serves_files(&url, dialect),
            Serves::Callback => serves_callbacks(&url, dialect),
        }
        keeps_the_connection(&url, path, dialect);
    }
    speaks_with_nghttp(&url, path);
    server.expect_no_fd_more();
    server.stop();
}

#[test]
fn every_example_serves_curl_and_nghttp() {
    // The clients among them are in tests/client.rs.
    for name in names().iter().filter(|name| name.starts_with("minimal-http-server")) {
        let setups: Vec<_> = SETUPS.iter().filter(|setup| setup.name == *name).collect();
        assert!(!setups.is_empty(), "SETUPS does not say how to try {name}");
        for setup in setups {
            try_clients(setup);
        }
    }
}

/// Everything that h2load asks for arrives, and then nothing is left of it.
fn survives_h2load(args: &[&str], path: &str) {
    let server = CountingServer::new(Examples::built().start(CUSTOM_LOOP, args));
    let before = server.statistics();
    let target = format!("{}{path}", server.server().url());
    let (clients, streams) = (CONNECTIONS.to_string(), STREAMS.to_string());
    h2load(REQUESTS, &["-c", &clients, "-m", &streams, "-T", "60", "-N", "60", target.as_str()]);
    server.expect_idle_within(DEADLINE);

    let streams = server.statistics().of("h2_stream").total - before.of("h2_stream").total;
    assert_eq!(streams, REQUESTS as u64, "streams that the server counted");
    server.stop();
}

#[test]
fn h2load_files_over_tls() {
    survives_h2load(&[], "/index.html");
}

#[test]
fn h2load_callback_over_tls_with_an_unguarded_loop() {
    survives_h2load(&["--unguarded"], "/live");
}

#[test]
fn h2load_in_cleartext() {
    survives_h2load(&["--no-tls"], "/index.html");
}

/// Starts h2load and kills it once the server has served `streams` to it, with many more open.
fn kill_h2load_midway(server: &CountingServer, path: &str, streams: u64, options: &[&str]) {
    let before = server.statistics().of("h2_stream").total;
    let target = format!("{}{path}", server.server().url());
    let load = Program::new("h2load")
        .args(["-n", "100000000", "-c", "20", "-m", "100"])
        .args(options)
        .arg(target)
        .start();
    until("streams to be served", || {
        (server.statistics().of("h2_stream").total > before + streams).then_some(())
    });
    drop(load);
}

#[test]
fn h2load_is_killed() {
    let server = CountingServer::new(Examples::built().start(CUSTOM_LOOP, &["--unguarded"]));
    for _ in 0..5 {
        for path in ["/index.html", "/live"] {
            kill_h2load_midway(&server, path, 1000, &[]);
            server.expect_idle_within(DEADLINE);
        }
    }
    server.stop();
}

/// Under valgrind only: its view of the AES-GCM assembly in ring is that tags depend on memory that was
/// never written, which a server made of rustls alone shows as well.
const CHACHA: &str = "TLS_CHACHA20_POLY1305_SHA256";

/// Neither errors nor lost memory, whatever the client does.
fn memcheck_finds_nothing(args: &[&str], dialects: &[Dialect], h2load_options: &[&str]) {
    let program = Program::new("valgrind")
        .args([
            "--error-exitcode=99",
            "--leak-check=full",
            "--show-leak-kinds=definite,possible",
            "--errors-for-leak-kinds=definite",
            "--num-callers=40",
        ])
        .arg(Examples::built().program(CUSTOM_LOOP))
        .args(["-p", "0"])
        .args(args)
        .start();
    let server = CountingServer::new(Server::new(program));
    let url = server.server().url().to_owned();

    for dialect in dialects {
        for path in ["/", "/live", "/not-there"] {
            ask(dialect, &[&format!("{url}{path}")]);
        }
        keeps_the_connection(&url, "/style.css", dialect);
    }
    let target = format!("{url}/live");
    // Everything takes many times longer in there.
    let options = [h2load_options, &["-c", "5", "-m", "10"]].concat();
    h2load(100, &[options.as_slice(), &[target.as_str()]].concat());
    kill_h2load_midway(&server, "/live", 100, &options);
    server.expect_idle_within(Duration::from_secs(20));
    let stderr = server.stop();
    assert!(stderr.iter().any(|line| line.contains("ERROR SUMMARY: 0 errors")), "{}", stderr.join("\n"));
}

#[test]
fn memcheck_over_tls() {
    let dialects = [
        Dialect { curl: &["--http2", "--tls13-ciphers", CHACHA], version: "2" },
        Dialect { curl: &["--http1.1", "--tls13-ciphers", CHACHA], version: "1.1" },
        Dialect { curl: &["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305"], version: "2" },
    ];
    memcheck_finds_nothing(&["--unguarded"], &dialects, &["--tls13-ciphers", CHACHA]);
}

#[test]
fn memcheck_in_cleartext() {
    memcheck_finds_nothing(&["--no-tls"], IN_CLEARTEXT, &[]);
}
