//! TLS as clients see it: versions, ALPN, SNI, resumption, and identities that do not work.

mod common;

use std::io::{Read, Write};
use std::sync::Arc;

use common::http_server::{is_error, letters, program, site, start, start_tls};
use common::{Scratch, h1, h2, library, tls, tools};
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};

fn h1_options() -> tls::Options<'static> {
    tls::Options { alpn: &["http/1.1"], ..Default::default() }
}

#[test]
fn alpn_chooses_the_protocol() {
    let server = start_tls(&[]);
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some(&b"h2"[..])),
        (&["http/1.1", "h2"], Some(b"h2")),
        (&["http/1.1"], Some(b"http/1.1")),
        (&["h2"], Some(b"h2")),
        (&[], None),
    ] {
        let options = tls::Options { alpn: offered, ..Default::default() };
        let stream = tls::connect(server.port, &options).expect("TLS");
        assert_eq!(stream.conn.alpn_protocol(), chosen, "offered {offered:?}");
        if chosen == Some(b"h2") {
            let mut client = h2::Client::start(stream, &[]);
            client.get(1, "/cb/dyn");
            assert_eq!(client.response(1).body, b"hello world\n");
        } else {
            assert_eq!(h1::Client::new(stream).get("/cb/dyn").text(), "hello world\n");
        }
    }
    server.finish();
}

#[test]
fn alpn_is_configurable() {
    let server = start_tls(&["--alpn=http/1.1"]);
    let options = tls::Options { alpn: &["h2", "http/1.1"], ..Default::default() };
    let stream = tls::connect(server.port, &options).expect("TLS");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    server.finish();
}

#[test]
fn both_tls_versions() {
    let server = start_tls(&[]);
    for version in [&TLS12, &TLS13] {
        for alpn in ["h2", "http/1.1"] {
            let versions = &[version];
            let options = tls::Options { versions, alpn: &[alpn], ..Default::default() };
            let stream = tls::connect(server.port, &options).expect("TLS");
            assert_eq!(stream.conn.protocol_version(), Some(version.version));
            if alpn == "h2" {
                let mut client = h2::Client::start(stream, &[]);
                client.get(1, "/large.txt");
                assert_eq!(client.response(1).body, letters(300_000));
            } else {
                assert_eq!(h1::Client::new(stream).get("/large.txt").body, letters(300_000));
            }
        }
    }
    for flag in ["--tlsv1.2", "--tlsv1.3"] {
        let reply = tools::curl(&[flag, "--tls-max", &flag[6..], &server.https("/cb/dyn")]);
        assert_eq!((reply.status, reply.version.as_str()), (200, "2"), "{flag}");
    }
    for flag in ["1.0", "1.1"] {
        let reply = tools::curl(&["--tls-max", flag, &server.https("/cb/dyn")]);
        assert_eq!((reply.status, reply.exit), (0, 35), "TLS {flag}");
    }
    server.finish();
}

#[test]
fn sessions_are_resumed() {
    let server = start_tls(&[]);
    for version in [&TLS12, &TLS13] {
        let versions = &[version];
        let config = tls::config(&tls::Options { versions, ..h1_options() });
        let mut kinds = Vec::new();
        for _ in 0..3 {
            let stream = tls::connect_with(server.port, Arc::clone(&config), "localhost").expect("TLS");
            let mut client = h1::Client::new(stream);
            // TLS 1.3 tickets come with the first data
            assert_eq!(client.get("/cb/dyn").status, 200);
            kinds.push(client.stream.conn.handshake_kind());
        }
        let (full, resumed) = (Some(HandshakeKind::Full), Some(HandshakeKind::Resumed));
        assert_eq!(kinds, [full, resumed, resumed], "{version:?}");
    }
    server.finish();
}

#[test]
fn sni_chooses_the_identity_and_the_vhost() {
    let other = Scratch::new();
    other.file("index.html", "other\n");
    let identity = tls::identity("other.example");
    let vhost = format!("--vhost=other.example,{},{}", other.path().display(), identity.pair());
    let server = start_tls(&[&vhost]);
    for (host, cert, text) in [
        ("localhost", tls::localhost().cert, "<html>index</html>\n"),
        ("other.example", identity.cert.clone(), "other\n"),
        ("unknown.example", tls::localhost().cert, "<html>index</html>\n"),
    ] {
        let options = tls::Options { host, ..h1_options() };
        let stream = tls::connect(server.port, &options).expect("TLS");
        let shown = stream.conn.peer_certificates().expect("certificates")[0].to_vec();
        assert!(shown == tls::der_of(&cert), "{host}: not its certificate");
        let mut client = h1::Client::new(stream);
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(client.response().text(), text, "{host}");
    }
    server.finish();
}

/// As browsers are told apart by it: a name that the certificate of the connection does not serve.
#[test]
fn identities_of_every_kind() {
    let rsa = tls::rsa_identity("localhost");
    let dir = Scratch::new();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (cert, key) = (rsa.cert.display().to_string(), rsa.key.display().to_string());
    tools::openssl(&["x509", "-in", &cert, "-outform", "DER", "-out", &path("cert.der")], dir.path());
    tools::openssl(&["pkey", "-in", &key, "-outform", "DER", "-out", &path("key.der")], dir.path());
    tools::openssl(&["rsa", "-in", &key, "-traditional", "-out", &path("pkcs1.pem")], dir.path());
    let encrypt = ["pkcs8", "-topk8", "-in", &key, "-passout", "pass:secret", "-out", &path("locked.pem")];
    tools::openssl(&encrypt, dir.path());
    let ec = tls::localhost();
    let (ec_cert, ec_key) = (ec.cert.display().to_string(), ec.key.display().to_string());
    tools::openssl(&["ec", "-in", &ec_key, "-out", &path("sec1.pem")], dir.path());

    let cases: &[(&str, String, &[&str])] = &[
        ("RSA, PKCS#8, PEM", rsa.pair(), &[]),
        ("RSA, PKCS#1, PEM", format!("{cert},{}", path("pkcs1.pem")), &[]),
        ("RSA, DER files", format!("{},{}", path("cert.der"), path("key.der")), &[]),
        ("P-256, SEC1, PEM", format!("{ec_cert},{}", path("sec1.pem")), &[]),
        ("P-256, PEM in memory", ec.pair(), &["--tls-memory"]),
        ("DER in memory", format!("{},{}", path("cert.der"), path("key.der")), &["--tls-memory"]),
        ("encrypted key", format!("{cert},{}", path("locked.pem")), &["--key-password=secret"]),
    ];
    for (what, pair, more) in cases {
        // lws takes no DER files
        if library().foreign && what.contains("DER") {
            continue;
        }
        let tls_arg = format!("--tls={pair}");
        let mut args = vec![tls_arg.as_str()];
        args.extend_from_slice(more);
        let server = start(&args);
        let stream = tls::connect(server.port, &h1_options());
        let stream = stream.unwrap_or_else(|e| panic!("{what}: {e}\n{}", server.running.transcript()));
        assert_eq!(h1::Client::new(stream).get("/cb/dyn").status, 200, "{what}");
        server.finish();
    }
}

/// Not created, and one error line that names the field, the value and the reason.
#[test]
fn identities_that_do_not_work() {
    let identity = tls::localhost();
    let (cert, key) = (identity.cert.display().to_string(), identity.key.display().to_string());
    let other_key = tls::identity("other.example").key.display().to_string();
    let dir = Scratch::new();
    let text = dir.file("text.pem", "this is no PEM\n").display().to_string();
    let empty = dir.file("empty.pem", "").display().to_string();
    let directory = dir.path().display().to_string();
    let whole = std::fs::read_to_string(&identity.cert).expect("certificate");
    let cut = dir.file("cut.pem", &whole[..whole.len() / 2]).display().to_string();
    let locked = dir.path().join("locked.pem").display().to_string();
    let encrypt = ["pkcs8", "-topk8", "-in", &key, "-passout", "pass:secret", "-out", &locked];
    tools::openssl(&encrypt, dir.path());

    let (cert_field, key_field) = ("ssl_cert_filepath", "ssl_private_key_filepath");
    let cases: &[(&str, String, &[&str], &[&str])] = &[
        (
            "missing certificate",
            format!("/nonexistent.pem,{key}"),
            &[],
            &[cert_field, "/nonexistent.pem", "No such file"],
        ),
        (
            "missing key",
            format!("{cert},/nonexistent.pem"),
            &[],
            &[key_field, "/nonexistent.pem", "No such file"],
        ),
        ("a directory", format!("{directory},{key}"), &[], &[cert_field, &directory]),
        ("text as certificate", format!("{text},{key}"), &[], &[cert_field, &text]),
        ("text as key", format!("{cert},{text}"), &[], &[key_field, &text]),
        ("empty certificate", format!("{empty},{key}"), &[], &[cert_field, &empty]),
        ("half a certificate", format!("{cut},{key}"), &[], &[cert_field, &cut]),
        ("mismatch", format!("{cert},{other_key}"), &[], &[key_field, &other_key, "belong"]),
        ("wrong password", format!("{cert},{locked}"), &["--key-password=hunter2"], &["password"]),
        ("no password", format!("{cert},{locked}"), &[], &["ssl_private_key", "password"]),
        ("no key", format!("{cert},"), &[], &[key_field]),
    ];
    for (what, pair, more, words) in cases {
        let www = site();
        let tls_arg = format!("--tls={pair}");
        let mut args = vec![tls_arg.as_str()];
        args.extend_from_slice(more);
        let mut running = program(www.path(), &args).start();
        running.close_stdin();
        let status = running.wait();
        let transcript = running.transcript();
        assert_eq!(status.code(), Some(3), "{what}: {transcript}");
        if library().foreign {
            continue;
        }
        let errors: Vec<_> = running.stderr().into_iter().filter(|l| is_error(l)).collect();
        assert_eq!(errors.len(), 1, "{what}: one error line\n{transcript}");
        for word in *words {
            assert!(errors[0].contains(word), "{what}: {word:?} is not in {:?}", errors[0]);
        }
        assert!(!errors[0].contains("hunter2"), "{what}: the password is in the log");
    }
}

/// What is not TLS at all on a TLS port.
#[test]
fn plain_text_on_a_tls_port_is_refused() {
    let server = start_tls(&[]);
    for bytes in [
        &b"GET /cb/dyn HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        h2::PREFACE,
        &[0; 600],
        &[0xff; 600],
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x01\x00\x05hello",
        b"\x80\x2e\x01\x03\x01",
    ] {
        let mut stream = h1::connect(server.port);
        let _ = stream.write_all(bytes);
        // what waits for more of its record is not refused before its time
        stream.shutdown(std::net::Shutdown::Write).expect("shutdown");
        let answer = h1::read_to_end(&mut stream);
        assert!(answer.len() <= 7, "{:?}", String::from_utf8_lossy(&answer));
    }
    assert!(server.app_calls().is_empty());
    assert_eq!(tools::curl(&[&server.https("/cb/dyn")]).status, 200);
    server.finish();
}

/// A client that comes byte by byte, as slowly as TLS allows.
#[test]
fn a_handshake_in_single_bytes() {
    let server = start_tls(&[]);
    let mut socket = Dribble(h1::connect(server.port));
    let config = tls::config(&h1_options());
    let name = "localhost".try_into().expect("a name");
    let mut session = rustls::ClientConnection::new(config, name).expect("a session");
    while session.is_handshaking() {
        session.complete_io(&mut socket).expect("handshake");
    }
    let mut client = h1::Client::new(rustls::StreamOwned::new(session, socket));
    assert_eq!(client.get("/cb/dyn").text(), "hello world\n");
    server.finish();
}

/// Writes a byte at a time.
struct Dribble(std::net::TcpStream);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Dribble {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// The end of the body is told by `close_notify`, not by a cut.
#[test]
fn connections_end_with_close_notify() {
    let server = start_tls(&[]);
    let stream = tls::connect(server.port, &h1_options()).expect("TLS");
    let mut client = h1::Client::new(stream);
    client.send("GET /cb/size?n=100000&length=0 HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = client.response();
    assert_eq!(response.body, letters(100_000));
    // rustls reports a cut as an error, which the client takes for an end: ask it again
    let end = client.stream.read(&mut [0; 16]);
    assert_eq!(end.expect("close_notify"), 0);
    server.finish();
}

/// The server says 0-RTT is not on offer.
#[test]
fn no_early_data() {
    let server = start_tls(&[]);
    let mut config = Arc::unwrap_or_clone(tls::config(&h1_options()));
    config.enable_early_data = true;
    let config = Arc::new(config);
    for _ in 0..2 {
        let stream = tls::connect_with(server.port, Arc::clone(&config), "localhost").expect("TLS");
        assert!(!stream.conn.is_early_data_accepted());
        assert_eq!(h1::Client::new(stream).get("/cb/dyn").status, 200);
    }
    server.finish();
}

#[test]
fn large_transfers_both_ways() {
    let server = start_tls(&[]);
    let upload = server.www.file("upload", letters(5_000_000));
    let upload = format!("@{}", upload.display());
    for version in ["--http1.1", "--http2"] {
        let url = server.https("/cb/echo");
        let reply = tools::curl(&[version, "-H", "Expect:", "--data-binary", &upload, &url]);
        assert!(reply.status == 200 && reply.body == letters(5_000_000), "{version}: {}", reply.exit);
        let reply = tools::curl(&[version, &server.https("/large.txt")]);
        assert!(reply.status == 200 && reply.body == letters(300_000), "{version}: {}", reply.exit);
    }
    tools::h2load(2_000, &["--h1", "-c", "20", &server.https("/cb/dyn")]);
    tools::h2load(5_000, &["-c", "20", "-m", "10", &server.https("/cb/dyn")]);
    server.finish();
}
