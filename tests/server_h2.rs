//! HTTP/2 as clients see it: flow control, slow peers, prior knowledge, and frames that break the rules.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::http_server::{HttpServer, letters, site, start, start_site, start_tls};
use common::{h1, h2, library, tls, tools, until};

/// Over TLS, as browsers do it.
fn client(server: &HttpServer, settings: &[(u16, u32)]) -> h2::Client<tls::TlsStream> {
    let stream = tls::connect(server.port, &tls::Options::default()).expect("TLS");
    h2::Client::start(stream, settings)
}

fn plain_client(server: &HttpServer) -> h2::Client<TcpStream> {
    h2::Client::start(h1::connect(server.port), &[])
}

fn get<S: Read + Write>(client: &mut h2::Client<S>, stream: u32, path: &str) -> h2::Response {
    client.get(stream, path);
    client.response(stream)
}

// ---------------------------------------------------------------------------------------------
// Prior knowledge
// ---------------------------------------------------------------------------------------------

/// A plain listener tells h2 from h1 by the first bytes.
#[test]
fn h2c_is_recognised() {
    let server = start(&[]);
    let mut client = plain_client(&server);
    assert_eq!(get(&mut client, 1, "/cb/dyn").body, b"hello world\n");
    assert_eq!(server.h1().get("/cb/dyn").text(), "hello world\n");
    let reply = tools::curl(&["--http2-prior-knowledge", &server.http("/cb/dyn")]);
    assert_eq!((reply.status, reply.version.as_str()), (200, "2"));
    let (ok, text) = tools::nghttp(&[&server.http("/cb/dyn")]);
    assert!(ok && text.contains("hello world"), "{text}");

    // the preface in pieces
    for cut in [1, 3, 14, 18, 23] {
        let mut stream = h1::connect(server.port);
        let mut bytes = h2::PREFACE.to_vec();
        bytes.extend(h2::settings(&[(1, 0)]));
        stream.write_all(&bytes[..cut]).expect("sent");
        // only another connection's answer shows that the server has seen the first piece
        assert_eq!(server.h1().get("/cb/dyn").status, 200);
        stream.write_all(&bytes[cut..]).expect("sent");
        let mut client = h2::Client::silent(stream);
        assert_eq!(get(&mut client, 1, "/cb/dyn").status, Some(200), "cut at {cut}");
    }
    // what only begins like the preface
    for request in [
        "PRI * HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let answer = h1::exchange(server.port, request.as_bytes());
        assert!(
            answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.1 5") || answer.is_empty(),
            "{request:?}: {:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    server.finish();
}

#[test]
fn h2c_only() {
    let server = start(&["--h2-prior-knowledge"]);
    assert_eq!(get(&mut plain_client(&server), 1, "/cb/dyn").status, Some(200));
    server.finish();
}

// ---------------------------------------------------------------------------------------------
// Responses
// ---------------------------------------------------------------------------------------------

#[test]
fn every_route() {
    let server = start_tls(&["--header=x-vhost:,yes"]);
    let curl = |path: &str| tools::curl(&["--http2", &server.https(path)]);
    assert_eq!(curl("/cb/dyn").text(), "hello world\n");
    assert_eq!(curl("/").text(), "<html>index</html>\n");
    assert_eq!(curl("/cb/slow").text(), "slow\n");
    let reply = curl("/cb/redirect");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/elsewhere?from=here")));
    for status in [403, 404, 500] {
        let reply = curl(&format!("/cb/status?s={status}"));
        assert!(reply.status == status && reply.text().contains("as you like"), "{reply:?}");
    }
    let reply = curl("/cb/custom");
    assert_eq!((reply.status, reply.text().as_str()), (201, "custom\n"));
    assert_eq!(reply.header("x-mixed-case"), Some("Yes"), "names are lower case on h2");
    assert_eq!(reply.headers.iter().filter(|(name, _)| name == "set-cookie").count(), 2);
    assert_eq!(curl("/cb/dyn").header("x-vhost"), Some("yes"));
    let reply = curl("/cb/file");
    assert_eq!((reply.header("x-served"), reply.text().as_str()), (Some("yes"), "<html>index</html>\n"));
    assert_eq!(curl("/cb/inject").text(), "refused\n");
    assert_eq!(curl("/cb/burst").body.len(), 100_000);
    let reply = curl("/nofile.html");
    assert!(reply.status == 404 && reply.text().contains("<h1>404</h1>"), "{reply:?}");
    // no header that h2 forbids
    for path in ["/cb/dyn", "/", "/cb/size?n=10&length=0", "/cb/status?s=404"] {
        for name in ["connection", "keep-alive", "transfer-encoding", "upgrade"] {
            assert_eq!(curl(path).header(name), None, "{path}");
        }
    }
    server.finish_despite("response header not added");
}

#[test]
fn head_has_no_body() {
    let server = start_tls(&[]);
    for path in ["/", "/large.txt", "/cb/size?n=5000"] {
        let length = tools::curl(&["--http2", &server.https(path)]).body.len();
        let reply = tools::curl(&["--http2", "--head", &server.https(path)]);
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("content-length"), Some(length.to_string().as_str()), "{path}");
    }
    server.finish();
}

#[test]
fn the_header_api_sees_the_request() {
    let server = start_tls(&[]);
    let mut client = client(&server, &[]);
    let more = [("x-test", "custom"), ("cookie", "x=1"), ("cookie", "crumb=cake"), ("user-agent", "me")];
    let block = h2::request_block("GET", "/cb/headers?a=1%2b%26&b=2", &more);
    client.send(h2::frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 1, &block));
    let text = String::from_utf8(client.response(1).body).expect("text");
    for line in [
        "method=0",
        "uri=/cb/headers",
        "authority=localhost (9)",
        "host=localhost (9)",
        "user-agent=me (2)",
        // RFC 9113 8.2.3: crumbs are joined
        "cookie=x=1; crumb=cake (15)",
        "crumb=cake (4)",
        "arg 0=a=1+&",
        "arg 1=b=2",
        "a=1+& (3)",
        "x-test=custom (6)",
        "peer=127.0.0.1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line:?} is not in\n{text}");
    }
    server.finish();
}

#[test]
fn request_bodies() {
    let server = start_tls(&[]);
    let mut client = client(&server, &[]);
    let upload = letters(30_000);
    client.post(1, "/cb/echo", &[]);
    for (n, piece) in upload.chunks(7_001).enumerate() {
        let flags = if (n + 1) * 7_001 >= upload.len() { h2::END_STREAM } else { 0 };
        client.send(h2::frame(h2::DATA, flags, 1, piece));
    }
    assert!(client.response(1).body == upload);

    // padded, and ended by an empty frame
    client.post(3, "/cb/echo", &[("content-length", "4")]);
    client.send(h2::frame(h2::DATA, 8, 3, b"\x03body\0\0\0"));
    client.send(h2::frame(h2::DATA, h2::END_STREAM, 3, b""));
    assert_eq!(client.response(3).body, b"body");

    // ended by trailers
    client.post(5, "/cb/echo", &[]);
    client.send(h2::frame(h2::DATA, 0, 5, b"body"));
    let trailers = h2::block(&[("x-trailer", "1")]);
    client.send(h2::frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 5, &trailers));
    assert_eq!(client.response(5).body, b"body");

    // no body at all
    client.post(7, "/cb/echo", &[("content-length", "0")]);
    client.send(h2::frame(h2::DATA, h2::END_STREAM, 7, b""));
    assert_eq!(client.response(7).body, b"");

    // answered before it was sent
    client.post(9, "/cb/dyn", &[]);
    assert_eq!(client.response(9).body, b"hello world\n");
    let _ = client.try_send(h2::frame(h2::DATA, h2::END_STREAM, 9, b"too late"));
    assert_eq!(get(&mut client, 11, "/cb/dyn").status, Some(200));
    server.finish();
}

/// More or less than the content-length said is the stream's error, not the application's to find.
#[test]
fn a_wrong_content_length_resets_the_stream() {
    let server = start_tls(&[]);
    let mut client = client(&server, &[]);
    for (stream, said) in [(1, "3"), (3, "5")] {
        client.post(stream, "/cb/echo", &[("content-length", said)]);
        client.send(h2::frame(h2::DATA, h2::END_STREAM, stream, b"body"));
        assert_eq!(client.refusal(stream), Some((h2::RST_STREAM, h2::PROTOCOL_ERROR)), "{said}");
    }
    assert!(!server.running.stdout().iter().any(|line| line == "complete"));
    assert_eq!(get(&mut client, 5, "/cb/dyn").status, Some(200));
    server.finish();
}

#[test]
fn requests_that_are_wrong_are_refused() {
    let server = start_tls(&[]);
    let good = [(":method", "GET"), (":scheme", "https"), (":path", "/cb/dyn"), (":authority", "a")];
    let with = |name: &'static str, value: &'static str| {
        let mut all = good.to_vec();
        all.push((name, value));
        all
    };
    let without =
        |name: &str| -> Vec<(&str, &str)> { good.iter().copied().filter(|(n, _)| *n != name).collect() };
    let mut late = vec![("x", "1")];
    late.extend(good);
    let cases = [
        ("no method", without(":method")),
        ("no scheme", without(":scheme")),
        ("no path", without(":path")),
        ("empty path", [without(":path"), vec![(":path", "")]].concat()),
        ("two methods", with(":method", "GET")),
        ("two paths", with(":path", "/")),
        ("response pseudo header", with(":status", "200")),
        ("unknown pseudo header", with(":what", "1")),
        ("late pseudo header", late),
        ("upper case name", with("X-Upper", "1")),
        ("connection", with("connection", "close")),
        ("keep-alive", with("keep-alive", "1")),
        ("transfer-encoding", with("transfer-encoding", "chunked")),
        ("te", with("te", "gzip")),
        ("CR LF in a value", with("x", "a\r\nb: c")),
        ("NUL in a value", with("x", "a\0b")),
        ("LF in the path", [without(":path"), vec![(":path", "/cb/dyn\nx")]].concat()),
        ("space in the path", [without(":path"), vec![(":path", "/cb/ dyn")]].concat()),
        ("NUL in the path", [without(":path"), vec![(":path", "/cb/dyn%00")]].concat()),
    ];
    for (what, headers) in cases {
        let mut client = client(&server, &[]);
        let block = h2::block(&headers);
        client.send(h2::frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 1, &block));
        let refused = loop {
            let Some(frame) = client.next() else { break true };
            match frame.kind {
                h2::HEADERS => break frame.status() == Some(400),
                h2::RST_STREAM | h2::GOAWAY => break true,
                _ => {}
            }
        };
        assert!(refused, "{what} was served");
    }
    assert!(server.app_calls().is_empty(), "{:?}", server.app_calls());
    server.finish();
}

// ---------------------------------------------------------------------------------------------
// Flow control and slow peers
// ---------------------------------------------------------------------------------------------

/// One `lws_write` of a megabyte, to peers whose windows are small.
#[test]
fn one_large_write_respects_small_windows() {
    let server = start_tls(&[]);
    for window in [1, 100, 16_384, 65_535, 1 << 20] {
        let size = if window == 1 { 300 } else { window.min(10_000) * 100 };
        let mut client = client(&server, &[(h2::SETTINGS_INITIAL_WINDOW_SIZE, window)]);
        client.get(1, &format!("/cb/size?n={size}"));
        let mut credit = u64::from(window);
        let mut connection = 65_535_u64;
        let mut body: Vec<u8> = Vec::new();
        loop {
            let frame = client.next().expect("a frame");
            if frame.stream != 1 {
                continue;
            }
            if frame.kind == h2::DATA {
                let length = frame.payload.len() as u64;
                assert!(length <= credit && length <= connection, "{length} bytes for a credit of {credit}");
                assert!(length <= 16_384, "a frame of {length} bytes");
                credit -= length;
                connection -= length;
                body.extend(&frame.payload);
                if frame.ends_stream() {
                    break;
                }
                let more = u32::try_from(length).expect("a frame's length");
                if more > 0 {
                    client.window_update(0, more);
                    client.window_update(1, more);
                    credit += length;
                    connection += length;
                }
            }
        }
        assert!(body == letters(size as usize), "window {window}: {} bytes", body.len());
    }
    server.finish();
}

/// A stream without credit holds back neither the others nor the application.
#[test]
fn a_stalled_stream_stalls_alone() {
    let server = start_tls(&[]);
    let mut client = client(&server, &[(h2::SETTINGS_INITIAL_WINDOW_SIZE, 0)]);
    client.get(1, "/cb/size?n=1000000");
    client.get(3, "/large.txt");
    for stream in (5..45).step_by(2) {
        client.get(stream, "/cb/dyn");
        client.until("headers", |f| (f.kind == h2::HEADERS && f.stream == stream).then_some(()));
        client.window_update(stream, 12);
        let body = client.until("data", |f| (f.kind == h2::DATA && f.stream == stream).then(|| f.clone()));
        assert_eq!(body.payload, b"hello world\n");
    }
    // the first ones go on when they may
    client.window_update(0, 2_000_000);
    client.window_update(1, 1_000_000);
    assert!(client.response(1).body == letters(1_000_000));
    client.window_update(3, 300_000);
    assert!(client.response(3).body == letters(300_000));
    server.finish();
}

/// The window may be taken back below zero (RFC 9113 6.9.2).
#[test]
fn a_window_that_shrinks() {
    let server = start_tls(&[]);
    let mut client = client(&server, &[(h2::SETTINGS_INITIAL_WINDOW_SIZE, 1_000)]);
    client.get(1, "/cb/size?n=3000");
    let mut received = 0;
    while received < 1_000 {
        received += client.until("data", |f| (f.kind == h2::DATA).then_some(f.payload.len()));
    }
    client.send(h2::settings(&[(h2::SETTINGS_INITIAL_WINDOW_SIZE, 500)]));
    client.until("the acknowledgement", |f| (f.kind == h2::SETTINGS && f.flags & h2::ACK != 0).then_some(()));
    // back to exactly nothing: no byte may come
    client.window_update(1, 500);
    client.send(h2::frame(h2::PING, 0, 0, b"12345678"));
    client.until("the ping's answer", |f| {
        assert_ne!(f.kind, h2::DATA, "data without credit");
        (f.kind == h2::PING && f.flags & h2::ACK != 0).then_some(())
    });
    client.window_update(1, 2_000);
    while received < 3_000 {
        received += client.until("data", |f| (f.kind == h2::DATA).then_some(f.payload.len()));
    }
    server.finish();
}

/// A peer that gives credit and does not read: what the server holds for it is bounded, and others are served.
#[test]
fn a_peer_that_does_not_read() {
    const SIZE: u64 = 200_000_000;
    let www = site();
    let path = www.file("huge.txt", "");
    std::fs::File::options().write(true).open(path).expect("file").set_len(SIZE).expect("sparse");
    let tls_arg = format!("--tls={}", tls::localhost().pair());
    let server = start_site(www, &[&tls_arg]);
    assert_eq!(get(&mut client(&server, &[]), 1, "/large.txt").status, Some(200));
    let before = server.running.rss();
    let window = (1 << 31) - 1;
    let mut stalled: Vec<_> = (0..5)
        .map(|_| {
            let mut client = client(&server, &[(h2::SETTINGS_INITIAL_WINDOW_SIZE, window)]);
            client.window_update(0, window - 65_535);
            for n in 0..10 {
                client.get(2 * n + 1, "/huge.txt");
            }
            client
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(get(&mut client(&server, &[]), 1, "/large.txt").status, Some(200));
    }
    let after = server.running.rss();
    assert!(after < before + 20_000, "{before} KiB grew to {after} KiB for five who do not read");
    // one of them wakes up
    let woken = stalled.first_mut().expect("one");
    let mut total = 0;
    while total < 50_000_000 {
        total += woken.until("data", |f| (f.kind == h2::DATA).then_some(f.payload.len()));
    }
    drop(stalled);
    server.finish();
}

#[test]
fn many_streams_at_once() {
    let server = start_tls(&[]);
    let mut client = client(&server, &[]);
    let limit = client.until("the settings", |frame| {
        let values = frame
            .payload
            .chunks(6)
            .map(|v| (u16::from_be_bytes([v[0], v[1]]), u32::from_be_bytes([v[2], v[3], v[4], v[5]])));
        (frame.kind == h2::SETTINGS).then(|| values.clone().find(|(id, _)| *id == 3).map(|(_, n)| n))
    });
    let limit = limit.expect("MAX_CONCURRENT_STREAMS");
    if !library().foreign {
        assert_eq!(limit, 100);
    }
    for n in 0..limit {
        client.get(2 * n + 1, "/cb/hang");
    }
    client.get(2 * limit + 1, "/cb/dyn");
    let (kind, code) = client.refusal(2 * limit + 1).expect("a refusal");
    assert_eq!((kind, code), (h2::RST_STREAM, h2::REFUSED_STREAM));
    // a place is free again
    client.send(h2::frame(h2::RST_STREAM, 0, 1, &h2::CANCEL.to_be_bytes()));
    assert_eq!(get(&mut client, 2 * limit + 3, "/cb/dyn").status, Some(200));
    server.finish();
}

#[test]
fn a_callback_that_fails_resets_its_stream_only() {
    let server = start_tls(&[]);
    let mut client = client(&server, &[]);
    client.get(1, "/cb/size?n=10000");
    client.get(3, "/cb/close");
    let (kind, _) = client.refusal(3).expect("a refusal");
    assert_eq!(kind, h2::RST_STREAM);
    assert_eq!(get(&mut client, 5, "/cb/dyn").status, Some(200));
    server.finish();
}

// ---------------------------------------------------------------------------------------------
// Violations and floods
// ---------------------------------------------------------------------------------------------

#[test]
fn violations_end_the_connection_with_their_code() {
    let server = start_tls(&[]);
    let block = h2::request_block("GET", "/cb/dyn", &[]);
    let headers = |stream, flags| h2::frame(h2::HEADERS, flags, stream, &block);
    let done = h2::END_HEADERS | h2::END_STREAM;
    let cases: Vec<(&str, Vec<u8>, &[u32])> = vec![
        (
            "a frame over the maximum",
            h2::frame(h2::DATA, 0, 1, &[0; 20_000]),
            &[h2::FRAME_SIZE_ERROR, h2::PROTOCOL_ERROR],
        ),
        ("HEADERS on stream 0", headers(0, done), &[h2::PROTOCOL_ERROR]),
        ("HEADERS on an even stream", headers(2, done), &[h2::PROTOCOL_ERROR]),
        ("DATA on stream 0", h2::frame(h2::DATA, 0, 0, b"x"), &[h2::PROTOCOL_ERROR]),
        ("DATA on an idle stream", h2::frame(h2::DATA, 0, 1, b"x"), &[h2::PROTOCOL_ERROR, h2::STREAM_CLOSED]),
        (
            "PUSH_PROMISE from a client",
            h2::frame(h2::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2]),
            &[h2::PROTOCOL_ERROR],
        ),
        ("a CONTINUATION alone", h2::frame(h2::CONTINUATION, 4, 1, &block), &[h2::PROTOCOL_ERROR]),
        (
            "HEADERS, then no CONTINUATION",
            [headers(1, h2::END_STREAM), h2::frame(h2::PING, 0, 0, &[0; 8])].concat(),
            &[h2::PROTOCOL_ERROR],
        ),
        ("SETTINGS on a stream", h2::frame(h2::SETTINGS, 0, 1, &[]), &[h2::PROTOCOL_ERROR]),
        ("SETTINGS of five bytes", h2::frame(h2::SETTINGS, 0, 0, &[0; 5]), &[h2::FRAME_SIZE_ERROR]),
        (
            "a window over the maximum",
            h2::settings(&[(4, 1 << 31)]),
            &[h2::FLOW_CONTROL_ERROR, h2::PROTOCOL_ERROR],
        ),
        ("a frame size below the minimum", h2::settings(&[(5, 100)]), &[h2::PROTOCOL_ERROR]),
        ("ENABLE_PUSH of 2", h2::settings(&[(2, 2)]), &[h2::PROTOCOL_ERROR]),
        ("PING of seven bytes", h2::frame(h2::PING, 0, 0, &[0; 7]), &[h2::FRAME_SIZE_ERROR]),
        ("PING on a stream", h2::frame(h2::PING, 0, 1, &[0; 8]), &[h2::PROTOCOL_ERROR]),
        ("WINDOW_UPDATE of nothing", h2::frame(h2::WINDOW_UPDATE, 0, 0, &[0; 4]), &[h2::PROTOCOL_ERROR]),
        (
            "WINDOW_UPDATE over the maximum",
            h2::frame(h2::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
            &[h2::FLOW_CONTROL_ERROR],
        ),
        ("RST_STREAM of an idle stream", h2::frame(h2::RST_STREAM, 0, 1, &[0; 4]), &[h2::PROTOCOL_ERROR]),
        ("RST_STREAM of three bytes", h2::frame(h2::RST_STREAM, 0, 1, &[0; 3]), &[h2::FRAME_SIZE_ERROR]),
        (
            "a header block that is none",
            h2::frame(h2::HEADERS, done, 1, &[0xff; 40]),
            &[h2::COMPRESSION_ERROR, h2::PROTOCOL_ERROR],
        ),
        (
            "an index of nothing",
            h2::frame(h2::HEADERS, done, 1, &[0x80]),
            &[h2::COMPRESSION_ERROR, h2::PROTOCOL_ERROR],
        ),
        (
            "a stream number that goes back",
            [headers(3, done), headers(1, done)].concat(),
            &[h2::PROTOCOL_ERROR, h2::STREAM_CLOSED],
        ),
        (
            "padding longer than the frame",
            h2::frame(h2::HEADERS, done | 8, 1, &[200, 1, 2]),
            &[h2::PROTOCOL_ERROR],
        ),
    ];
    for (what, bytes, codes) in cases {
        let mut client = client(&server, &[]);
        let _ = client.try_send(bytes);
        let code = client.goaway_then_end();
        // the h2 crate calls some wrong lengths a protocol error, and the cases that list it beside another
        let known = codes.contains(&h2::FRAME_SIZE_ERROR) && code == Some(h2::PROTOCOL_ERROR);
        let right = code.is_some_and(|code| codes.contains(&code));
        assert!(known || right, "{what}: GOAWAY {code:?}");
    }
    // something else than the preface after ALPN chose h2
    let mut stream = tls::connect(server.port, &tls::Options::default()).expect("TLS");
    stream.write_all(b"GET /cb/dyn HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    let mut rest = h2::Client::silent(stream);
    let _ = rest.goaway_then_end();
    server.finish();
}

/// Writes this many bytes of frames without reading; whether the server has ended the connection over it.
fn flood<S: Read + Write>(
    client: &mut h2::Client<S>,
    bytes: usize,
    mut frame: impl FnMut(u32) -> Vec<u8>,
) -> bool {
    let (mut sent, mut n) = (0, 0);
    while sent < bytes {
        let mut batch = Vec::new();
        for _ in 0..100 {
            batch.extend(frame(n));
            n += 1;
        }
        if client.try_send(&batch).is_err() {
            return true;
        }
        sent += batch.len();
    }
    if client.try_send(h2::frame(h2::PING, 0, 0, b"enough??")).is_err() {
        return true;
    }
    while let Some(frame) = client.next() {
        if frame.kind == h2::GOAWAY {
            return true;
        }
        if frame.kind == h2::PING && frame.payload == b"enough??" {
            return false;
        }
    }
    true
}

/// What costs the server more than its sender is bounded: the memory stays, and others are served.
#[test]
fn floods_are_bounded() {
    let server = start_tls(&[]);
    assert_eq!(get(&mut client(&server, &[]), 1, "/large.txt").status, Some(200));
    let before = server.running.rss();
    let block = h2::request_block("GET", "/cb/dyn", &[]);

    // CVE-2023-44487: open and reset
    let mut rapid = client(&server, &[]);
    let cut_off = flood(&mut rapid, 3_000_000, |n| {
        let stream = 2 * n + 1;
        let mut bytes = h2::frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, stream, &block);
        bytes.extend(h2::frame(h2::RST_STREAM, 0, stream, &h2::CANCEL.to_be_bytes()));
        bytes
    });
    assert!(cut_off, "rapid resets went on for ever");

    // CVE-2024-27316 and others: a header block without an end
    let mut endless = client(&server, &[]);
    endless.send(h2::frame(h2::HEADERS, h2::END_STREAM, 1, &block));
    let piece = h2::block(&[("x-more", &"v".repeat(8_000))]);
    let cut_off = flood(&mut endless, 20_000_000, |_| h2::frame(h2::CONTINUATION, 0, 1, &piece));
    assert!(cut_off, "a header block went on for ever");

    // empty CONTINUATION frames cost their sender nine bytes
    let mut empty = client(&server, &[]);
    empty.send(h2::frame(h2::HEADERS, h2::END_STREAM, 1, &block));
    let cut_off = flood(&mut empty, 3_000_000, |_| h2::frame(h2::CONTINUATION, 0, 1, &[]));
    assert!(cut_off, "empty CONTINUATION frames went on for ever");

    // answers that nobody reads
    let mut pings = client(&server, &[]);
    let _ = flood(&mut pings, 3_000_000, |_| h2::frame(h2::PING, 0, 0, &[0; 8]));
    let mut settings = client(&server, &[]);
    let _ = flood(&mut settings, 3_000_000, |_| h2::settings(&[(4, 65_535)]));

    assert_eq!(get(&mut client(&server, &[]), 1, "/cb/dyn").status, Some(200));
    let after = server.running.rss();
    assert!(after < before + 20_000, "{before} KiB grew to {after} KiB under floods");
    server.finish();
}

/// A header list over the limit is refused, and the connection lives.
#[test]
fn headers_over_the_limit_are_refused() {
    let server = start_tls(&[]);
    let mut client = client(&server, &[]);
    let long = "v".repeat(12_000);
    let block = h2::request_block("GET", "/cb/dyn", &[("x-long", &long)]);
    client.send(h2::frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 1, &block));
    let refused = client.until("a refusal", |frame| match frame.kind {
        h2::HEADERS => Some(frame.status() == Some(431)),
        h2::RST_STREAM | h2::GOAWAY => Some(true),
        _ => None,
    });
    assert!(refused && server.app_calls().is_empty());
    server.finish();
}

// ---------------------------------------------------------------------------------------------
// Time
// ---------------------------------------------------------------------------------------------

/// Connections, streams and peers that do not move are ended by the server's own clock, and leave nothing open.
#[test]
fn what_does_not_move_times_out() {
    if library().foreign {
        return;
    }
    let server = start_tls(&["--timeout=1", "--keepalive=1"]);
    assert_eq!(get(&mut client(&server, &[]), 1, "/cb/dyn").status, Some(200));
    let idle_fds = until("the first connection to close", || {
        let fds = server.running.open_fds();
        server.running.stdout().iter().any(|line| line == "closed").then_some(fds)
    });

    let idle = client(&server, &[]);
    let mut half_body = client(&server, &[]);
    half_body.post(1, "/cb/echo", &[("content-length", "10")]);
    half_body.send(h2::frame(h2::DATA, 0, 1, b"half"));
    let mut half_headers = client(&server, &[]);
    let block = h2::request_block("GET", "/cb/dyn", &[]);
    half_headers.send(h2::frame(h2::HEADERS, h2::END_STREAM, 1, &block));
    let mut no_credit = client(&server, &[(h2::SETTINGS_INITIAL_WINDOW_SIZE, 0)]);
    no_credit.get(1, "/large.txt");
    let window = (1 << 31) - 1;
    let mut no_reading = client(&server, &[(h2::SETTINGS_INITIAL_WINDOW_SIZE, window)]);
    no_reading.window_update(0, window - 65_535);
    for n in 0..90 {
        no_reading.get(2 * n + 1, "/large.txt");
    }
    let silent = h1::connect(server.port);
    let config = tls::config(&tls::Options::default());
    let half_hello = tls::half_handshake(server.port, config).expect("sent");

    let open = "idle, half a body, half a header block, no credit, no reading, silent, half a handshake";
    until(&format!("{open}: to be closed"), || (server.running.open_fds() <= idle_fds).then_some(()));
    drop((idle, half_body, half_headers, no_credit, no_reading, silent, half_hello));
    server.finish();
}

/// A stream that the application answers late, or never, is the application's matter: no clock ends it.
#[test]
fn a_slow_application_is_not_timed_out() {
    let server = start_tls(&["--timeout=1", "--keepalive=1"]);
    let mut client = client(&server, &[]);
    client.get(1, "/cb/hang");
    let begin = std::time::Instant::now();
    // a connection that is alive for longer than all of its timeouts
    while begin.elapsed() < std::time::Duration::from_secs(3) {
        client.send(h2::frame(h2::PING, 0, 0, b"12345678"));
        client.until("the ping's answer", |f| (f.kind == h2::PING).then_some(()));
    }
    assert_eq!(get(&mut client, 3, "/cb/dyn").status, Some(200));
    server.finish();
}

/// Clients of libwebsockets acknowledge the acknowledgement of their SETTINGS, and do not end a GET.
#[test]
fn clients_of_libwebsockets_are_served() {
    let server = start(&[]);
    let mut client = plain_client(&server);
    for _ in 0..3 {
        client.send(h2::frame(h2::SETTINGS, h2::ACK, 0, &[]));
    }
    for (stream, path) in [(1, "/"), (3, "/cb/dyn"), (5, "/")] {
        let block = h2::request_block("GET", path, &[]);
        client.send(h2::frame(h2::HEADERS, h2::END_HEADERS, stream, &block));
        let response = client.response(stream);
        assert_eq!((response.status, response.body.is_empty()), (Some(200), false), "{path}");
    }
    assert_eq!(get(&mut client, 7, "/").status, Some(200));
    server.finish();
}

/// What a program wrote, a client sends and a frame says, with some bytes changed: whatever comes of it, the
/// server goes on and has no error to report.
#[test]
fn garbage_harms_nobody() {
    let server = start(&[]);
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 33).expect("31 bits") % below
    };
    let block = h2::request_block("POST", "/cb/echo", &[("content-length", "8"), ("x-test", "v")]);
    let mut frames = h2::PREFACE.to_vec();
    frames.extend(h2::settings(&[(4, 100_000), (5, 20_000)]));
    frames.extend(h2::frame(h2::HEADERS, h2::END_HEADERS, 1, &block));
    frames.extend(h2::frame(h2::PRIORITY, 0, 3, &[0, 0, 0, 1, 7]));
    frames.extend(h2::frame(h2::DATA, 0, 1, b"body"));
    frames.extend(h2::frame(h2::WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0]));
    frames.extend(h2::frame(h2::DATA, h2::END_STREAM, 1, b"body"));
    frames.extend(h2::frame(h2::HEADERS, h2::END_STREAM, 3, &block[..10]));
    frames.extend(h2::frame(h2::CONTINUATION, h2::END_HEADERS, 3, &block[10..]));
    frames.extend(h2::frame(h2::RST_STREAM, 0, 3, &[0, 0, 0, 8]));
    frames.extend(h2::frame(h2::GOAWAY, 0, 0, &[0; 8]));
    let text = b"POST /cb/echo?a=b%20c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
        4\r\nbody\r\n0\r\n\r\nGET /style.css HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"x\"\r\nCookie: a=b; c\r\n\r\n\
        POST /cb/count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345";
    for n in 0..3_000 {
        let mut bytes = if n % 2 == 0 { frames.clone() } else { text.to_vec() };
        // most keep the preface, so that what comes after is read
        let spared = if n % 2 == 0 && n % 20 != 0 { h2::PREFACE.len() } else { 0 };
        for _ in 0..=next(4) {
            let at = spared + next(bytes.len() - spared);
            match next(4) {
                0 => bytes[at] = u8::try_from(next(256)).expect("a byte"),
                1 => bytes[at] ^= 1 << next(8),
                2 => drop(bytes.drain(at..(at + next(20)).min(bytes.len()))),
                _ => bytes.insert(at, b"\0\r\n \xff:%,"[next(8)]),
            }
        }
        let mut socket = h1::connect(server.port);
        let _ = socket.write_all(&bytes);
        if next(3) == 0 {
            h1::reset_on_close(&socket);
        } else {
            let _ = socket.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = socket.read_to_end(&mut answer);
        }
    }
    assert_eq!(server.h1().get("/cb/dyn").status, 200);
    server.finish();
}

// ---------------------------------------------------------------------------------------------
// Load
// ---------------------------------------------------------------------------------------------

#[test]
fn a_hundred_connections_with_a_hundred_streams() {
    let server = start_tls(&[]);
    tools::h2load(20_000, &["-c", "100", "-m", "100", &server.https("/cb/dyn")]);
    tools::h2load(2_000, &["-c", "20", "-m", "10", &server.https("/large.txt")]);
    let fds = server.running.open_fds();
    until("the connections to be closed", || (server.running.open_fds() <= fds).then_some(()));
    server.finish();
}

#[test]
fn a_huge_file_is_streamed() {
    const SIZE: u64 = 500_000_000;
    let www = site();
    let path = www.file("huge.txt", "");
    std::fs::File::options().write(true).open(path).expect("file").set_len(SIZE).expect("sparse");
    let tls_arg = format!("--tls={}", tls::localhost().pair());
    let server = start_site(www, &[&tls_arg]);
    assert_eq!(get(&mut client(&server, &[]), 1, "/large.txt").status, Some(200));
    let before = server.running.rss();
    let url = server.https("/huge.txt");
    let peak = std::thread::scope(|scope| {
        let transfer = scope.spawn(|| {
            let reply = tools::run(
                "curl",
                "curl",
                &["-sk", "--http2", "--max-time", "100", "-o", "/dev/null", "-w", "%{size_download}", &url],
            );
            String::from_utf8_lossy(&reply.stdout).into_owned()
        });
        let mut peak = 0;
        while !transfer.is_finished() {
            peak = peak.max(server.running.rss());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(transfer.join().expect("curl"), SIZE.to_string());
        peak
    });
    assert!(peak < before + 8_192, "{before} KiB grew to {peak} KiB");
    server.finish();
}
