//! What programs that were written for lws rely on and no other test says: calls that few programs make, and what the
//! comparison with lws (`tests/differential.rs`) once found.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::tools::curl;
use common::{Program, Running, Scratch, compile, h1, h2, tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::HandshakeKind;

#[test]
fn calls_that_few_programs_make() {
    let mut running = Program::new(compile("exports")).start();
    let status = running.wait();
    assert!(status.success() && running.stdout() == ["exports: ok"], "{}", running.transcript());
    assert!(running.stderr().is_empty(), "{}", running.transcript());
}

/// Every member of `struct lws_context_creation_info` is honoured or refused: by name, with its value and the reason.
#[test]
fn what_is_not_honoured_is_refused() {
    let lines = info_fields(&["refused"]);
    let refusals = lines.iter().filter(|line| line.contains(" E: lws_create_context: ")).count();
    assert!(refusals >= 70, "{refusals} refusals:\n{}", lines.join("\n"));
}

/// And so is every member and flag of `struct lws_client_connect_info`.
#[test]
fn what_a_client_asks_for_in_vain_is_refused() {
    let mut running = Program::new(compile("client-fields")).start();
    let status = running.wait();
    let lines = running.stdout();
    assert!(
        status.success() && lines.last().is_some_and(|line| line == "client-fields: ok"),
        "{}",
        running.transcript()
    );
    let refusals = lines.iter().filter(|line| line.contains(" E: lws_client_connect_via_info: ")).count();
    assert_eq!(refusals, 26, "{}", lines.join("\n"));
}

#[test]
fn what_is_honoured_has_an_effect() {
    info_fields(&["effects"]);
}

#[test]
fn privileges_are_dropped() {
    let place = Scratch::new();
    info_fields(&["privileges", place.path().to_str().unwrap()]);
}

fn info_fields(args: &[&str]) -> Vec<String> {
    let mut running = Program::new(compile("info-fields")).args(args).start();
    let status = running.wait();
    let lines = running.stdout();
    assert!(
        status.success() && lines.last().is_some_and(|line| line == "info-fields: ok"),
        "{}",
        running.transcript()
    );
    lines
}

struct Server {
    running: Running,
    port: u16,
    _www: Scratch,
}

fn start(args: &[&str]) -> Server {
    let www = Scratch::new();
    www.file("index.html", "<html>index</html>\n");
    www.file("page.html", "<html>page</html>\n");
    www.file("large.txt", vec![b'x'; 300_000]);
    let program = Program::new(compile("compat-server")).arg(format!("--www={}", www.path().display()));
    let running = program.args(args).start();
    let port = running.port();
    Server { running, port, _www: www }
}

impl Server {
    fn finish(mut self) {
        self.running.close_stdin();
        let status = self.running.wait();
        assert!(status.success() && self.running.stderr().is_empty(), "{}", self.running.transcript());
    }
}

#[test]
fn a_file_answers_a_request_with_a_body_once() {
    let server = start(&[]);
    for (method, path, length) in [
        ("POST", "/page.html", 18),
        ("PUT", "/large.txt", 300_000),
        ("PATCH", "/fp/page.html", 18),
        ("POST", "/cb/servefile", 18),
    ] {
        let mut client = h1::Client::new(h1::connect(server.port));
        // The body arrives with the head, and in two pieces while the file is on its way.
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"));
        let response = client.response();
        assert_eq!((response.status, response.body.len()), (200, length), "{method} {path}");
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello"));
        let response = client.response();
        assert_eq!((response.status, response.body.len()), (200, length), "{method} {path}, body late");
        client.send("there");
        let next = client.get("/index.html");
        assert_eq!((next.status, next.text().as_str()), (200, "<html>index</html>\n"), "{method} {path}");
    }
    server.finish();
}

/// Many clients lose an answer when the server resets the stream that they are still sending on.
#[test]
fn a_stream_that_is_answered_early_is_not_reset() {
    let server = start(&[]);
    for (path, status, length) in
        [("/none.html", 404, 173), ("/cb/status403", 403, 173), ("/cb/redirect301", 301, 0)]
    {
        let mut client = h2::Client::start(h1::connect(server.port), &[]);
        client.post(1, path, &[]);
        let response = client.response(1);
        assert_eq!(
            (response.status, response.body.len(), response.reset),
            (Some(status), length, None),
            "{path}"
        );
        for piece in [&b"hello"[..], b"there"] {
            client.send(h2::frame(h2::DATA, 0, 1, piece));
        }
        // What the server does about the stream, it does before it answers this.
        client.send(h2::frame(h2::PING, 0, 0, b"sequence"));
        let acknowledged = |frame: &h2::Frame| {
            assert_ne!((frame.kind, frame.stream), (h2::RST_STREAM, 1), "{path}: {frame:?}");
            (frame.kind == h2::PING).then_some(())
        };
        client.until("the end of a round trip", acknowledged);
        client.send(h2::frame(h2::DATA, h2::END_STREAM, 1, b"!"));
        client.get(3, "/index.html");
        assert_eq!(client.response(3).body, b"<html>index</html>\n", "{path}");
    }
    server.finish();
}

#[test]
fn a_stream_that_is_answered_and_goes_on_and_on_is_reset() {
    let server = start(&[]);
    let mut client = h2::Client::start(h1::connect(server.port), &[]);
    client.post(1, "/none.html", &[]);
    assert_eq!(client.response(1).status, Some(404));
    let reset = |frame: &h2::Frame| {
        assert!(frame.kind != h2::GOAWAY, "{frame:?}");
        (frame.kind == h2::RST_STREAM && frame.stream == 1).then(|| frame.error_code())
    };
    for _ in 0..32 {
        client.send(h2::frame(h2::DATA, 0, 1, &[b'x'; 16_000]));
        client.send(h2::frame(h2::PING, 0, 0, b"sequence"));
        let news = client.until("a reset or the end of a round trip", |frame| {
            reset(frame).map(Some).or_else(|| (frame.kind == h2::PING).then_some(None))
        });
        if let Some(code) = news {
            assert_eq!(code, Some(0), "NO_ERROR: the answer stands");
            client.get(3, "/index.html");
            assert_eq!(client.response(3).body, b"<html>index</html>\n");
            server.finish();
            return;
        }
    }
    panic!("half a megabyte, and still not reset");
}

#[test]
fn a_file_that_the_program_serves_is_cached_as_its_mount_says() {
    let server = start(&[]);
    let mut client = h1::Client::new(h1::connect(server.port));
    let response = client.get("/cb/servefile");
    let names: Vec<_> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "content-length", "cache-control"]);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    drop(client);
    server.finish();
}

fn start_tls(args: &[&str]) -> Server {
    let pair = format!("--tls={}", tls::localhost().pair());
    start(&[&[pair.as_str()], args].concat())
}

#[test]
fn hsts_is_sent_over_tls_and_not_in_clear_text() {
    let server = start_tls(&["--dress"]);
    let reply = curl(&[&format!("https://localhost:{}/page.html", server.port)]);
    assert_eq!(reply.header("strict-transport-security"), Some("max-age=15768000 ; includeSubDomains"));
    server.finish();
    let server = start(&["--dress"]);
    let reply = curl(&[&format!("http://localhost:{}/page.html", server.port)]);
    assert_eq!((reply.status, reply.header("strict-transport-security")), (200, None));
    server.finish();
}

#[test]
fn clear_text_on_a_tls_port_is_served_or_redirected_where_the_program_says_so() {
    for (option, status, location) in
        [("--serve-plain", 200, None), ("--redirect-plain", 301, Some("https://localhost:PORT/page.html"))]
    {
        let server = start_tls(&[option]);
        let reply = curl(&[&format!("http://localhost:{}/page.html", server.port)]);
        let location = location.map(|text| text.replace("PORT", &server.port.to_string()));
        assert_eq!((reply.status, reply.header("location")), (status, location.as_deref()), "{option}");
        let reply = curl(&[&format!("https://localhost:{}/page.html", server.port)]);
        assert_eq!((reply.status, reply.version.as_str()), (200, "2"), "{option}");
        server.finish();
    }
}

#[test]
fn sessions_are_not_resumed_when_the_program_says_so() {
    let server = start_tls(&["--no-sessions"]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let options = tls::Options { alpn: &["http/1.1"], versions: &[version], ..tls::Options::default() };
        let config = tls::config(&options);
        for _ in 0..3 {
            let stream = tls::connect_with(server.port, Arc::clone(&config), "localhost").expect("TLS");
            let mut client = h1::Client::new(stream);
            assert_eq!(client.get("/page.html").status, 200);
            assert_eq!(client.stream.conn.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
        }
    }
    server.finish();
}

/// Writes a certificate authority `ca.pem` and a client's `client.pem` and `client.key` that it has signed.
fn make_client_identity(at: &Scratch) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    at.file("ca.pem", authority.self_signed(&authority_key).unwrap().pem());
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let client = CertificateParams::new(vec!["client".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    at.file("client.pem", client.pem());
    at.file("client.key", key.serialize_pem());
}

#[test]
fn client_certificates_are_asked_for() {
    let (trusted, strange) = (Scratch::new(), Scratch::new());
    make_client_identity(&trusted);
    make_client_identity(&strange);
    let path = |dir: &Scratch, name: &str| Path::new(dir.path()).join(name).display().to_string();
    let authority = format!("--client-ca={}", path(&trusted, "ca.pem"));
    for (option, without) in [(&[][..], 0), (&["--client-cert-optional"], 200)] {
        let server = start_tls(&[&[authority.as_str()], option].concat());
        let url = format!("https://localhost:{}/page.html", server.port);
        let with = |dir: &Scratch| {
            curl(&["--cert", &path(dir, "client.pem"), "--key", &path(dir, "client.key"), &url])
        };
        assert_eq!(with(&trusted).status, 200, "{option:?}");
        assert_eq!(with(&strange).status, 0, "{option:?}");
        assert_eq!(curl(&[&url]).status, without, "{option:?}");
        server.finish();
    }
}
