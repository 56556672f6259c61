//! HTTP/1.1 as clients see it: correct ones, careless ones and hostile ones.

mod common;

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::time::{Duration, SystemTime};

use common::http_server::{is_error, letters, program, site, start, start_site};
use common::{h1, library, tools};

// ---------------------------------------------------------------------------------------------
// Requests that are wrong
// ---------------------------------------------------------------------------------------------

/// Refused with one of the statuses, then closed; the application hears nothing, and no second request that
/// hides behind the first one is answered.
fn refused(server: &common::http_server::HttpServer, what: &str, bytes: &[u8], statuses: &[u16]) {
    let before = server.app_calls().len();
    let answer = h1::exchange(server.port, bytes);
    let text = String::from_utf8_lossy(&answer);
    let status: u16 = text
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .unwrap_or_else(|| panic!("{what}: no status in {text:?}"));
    assert!(statuses.contains(&status), "{what}: {status}, not one of {statuses:?}");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{what}: answered twice: {text}");
    assert_eq!(server.app_calls().len(), before, "{what}: reached the application");
}

#[test]
fn malformed_requests_are_refused() {
    let server = start(&[]);
    let cases: &[(&str, &[u8], &[u16])] = &[
        ("no version", b"GET /cb/dyn\r\nHost: a\r\n\r\n", &[400, 505]),
        ("version 3.7", b"GET /cb/dyn HTTP/3.7\r\nHost: a\r\n\r\n", &[400, 505]),
        ("lower case protocol", b"GET /cb/dyn http/1.1\r\nHost: a\r\n\r\n", &[400]),
        ("two spaces", b"GET  /cb/dyn HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        ("tab as separator", b"GET\t/cb/dyn\tHTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        ("space in the target", b"GET /cb/ dyn HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        ("control byte in the target", b"GET /cb/\x01dyn HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        ("no method", b" /cb/dyn HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        ("bytes, not text", b"\x80\x81\x82\x83\r\n\r\n", &[400]),
        ("bare LF", b"GET /cb/dyn HTTP/1.1\nHost: a\n\n", &[400]),
        ("bare LF after a header", b"GET /cb/dyn HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", &[400]),
        ("bare CR in a value", b"GET /cb/dyn HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", &[400]),
        ("obs-fold", b"GET /cb/dyn HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", &[400]),
        ("obs-fold, first line", b"GET /cb/dyn HTTP/1.1\r\n Host: a\r\n\r\n", &[400]),
        ("space before the colon", b"GET /cb/dyn HTTP/1.1\r\nHost : a\r\n\r\n", &[400]),
        ("no colon", b"GET /cb/dyn HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n", &[400]),
        ("empty name", b"GET /cb/dyn HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", &[400]),
        ("NUL in a value", b"GET /cb/dyn HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", &[400]),
        ("NUL in a name", b"GET /cb/dyn HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", &[400]),
        ("NUL in the target", b"GET /cb/\0dyn HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        ("encoded NUL in the target", b"GET /cb/dyn%00 HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        ("cut percent encoding", b"GET /cb/dyn%4 HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        ("wrong percent encoding", b"GET /cb/dyn%zz HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        ("no Host", b"GET /cb/dyn HTTP/1.1\r\n\r\n", &[400]),
        ("two Hosts", b"GET /cb/dyn HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", &[400]),
        ("unknown method", b"BREW /cb/dyn HTTP/1.1\r\nHost: a\r\n\r\n", &[400, 405, 501]),
    ];
    for (what, bytes, statuses) in cases {
        refused(&server, what, bytes, statuses);
    }
    assert_eq!(server.h1().get("/cb/dyn").status, 200);
    server.finish();
}

/// Whatever disagrees about where a body ends can hide a second request.
#[test]
fn smuggling_is_refused() {
    let server = start(&[]);
    let hidden = "GET /cb/dyn HTTP/1.1\r\nHost: a\r\n\r\n";
    let cases: &[(&str, &str, &[u16])] = &[
        ("two content-lengths", "Content-Length: 3\r\nContent-Length: 4\r\n", &[400]),
        ("the same twice", "Content-Length: 3\r\nContent-Length: 3\r\n", &[400]),
        ("a list", "Content-Length: 3, 3\r\n", &[400]),
        ("a conflicting list", "Content-Length: 3, 4\r\n", &[400]),
        ("negative", "Content-Length: -1\r\n", &[400]),
        ("plus sign", "Content-Length: +3\r\n", &[400]),
        ("hexadecimal", "Content-Length: 0x3\r\n", &[400]),
        ("empty", "Content-Length:\r\n", &[400]),
        ("words", "Content-Length: three\r\n", &[400]),
        ("overflow", "Content-Length: 99999999999999999999999\r\n", &[400, 413]),
        ("TE and CL", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", &[400]),
        ("CL and TE", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", &[400]),
        ("unknown coding", "Transfer-Encoding: gzip\r\n", &[400, 501]),
        ("chunked not last", "Transfer-Encoding: chunked, gzip\r\n", &[400, 501]),
        ("chunked twice", "Transfer-Encoding: chunked, chunked\r\n", &[400, 501]),
        ("two TE lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", &[400, 501]),
        ("obfuscated", "Transfer-Encoding: xchunked\r\n", &[400, 501]),
        ("vertical tab", "Transfer-Encoding: \x0bchunked\r\n", &[400, 501]),
    ];
    for (what, header, statuses) in cases {
        let bytes = format!("POST /cb/echo HTTP/1.1\r\nHost: a\r\n{header}\r\nabc{hidden}{hidden}");
        refused(&server, what, bytes.as_bytes(), statuses);
    }
    let old = "POST /cb/echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    refused(&server, "chunked in HTTP/1.0", old.as_bytes(), &[400, 501]);
    server.finish();
}

/// The head of these is right, so that the application knows of the request; of the body it gets nothing that
/// comes after the fault, no completion and no second request.
#[test]
fn malformed_chunks_are_refused() {
    let server = start(&[]);
    for (what, body) in [
        ("no size", "\r\nabc\r\n0\r\n\r\n"),
        ("words", "three\r\nabc\r\n0\r\n\r\n"),
        ("negative", "-3\r\nabc\r\n0\r\n\r\n"),
        ("prefix 0x", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("overflow", "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        ("longer than said", "3\r\nabcd\r\n0\r\n\r\n"),
        ("shorter than said", "4\r\nabc\r\n0\r\n\r\n"),
        ("bare LF after the size", "3\nabc\r\n0\r\n\r\n"),
        ("bare LF after the data", "3\r\nabc\n0\r\n\r\n"),
        ("no CRLF after the data", "3\r\nabc0\r\n\r\n"),
        ("NUL in the size", "3\0\r\nabc\r\n0\r\n\r\n"),
        ("space before the size", " 3\r\nabc\r\n0\r\n\r\n"),
        ("malformed trailer", "3\r\nabc\r\n0\r\nno colon\r\n\r\n"),
    ] {
        let before = server.running.stdout().iter().filter(|l| *l == "complete").count();
        let bytes = format!(
            "POST /cb/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}\
             GET /cb/dyn HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let answer = h1::exchange(server.port, bytes.as_bytes());
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 400 "), "{what}: {text}");
        assert!(text.matches("HTTP/1.1 ").count() <= 1, "{what}: answered twice: {text}");
        assert!(server.app_calls().iter().all(|c| c == "app POST /cb/echo"), "{what}: smuggled");
        let after = server.running.stdout().iter().filter(|l| *l == "complete").count();
        assert_eq!(after, before, "{what}: the body was complete");
    }
    server.finish();
}

#[test]
fn headers_over_the_limit_are_refused() {
    let server = start(&[]);
    let request = |header: String| format!("GET /cb/dyn HTTP/1.1\r\nHost: a\r\n{header}\r\n");
    let long_value = request(format!("X: {}\r\n", "v".repeat(20_000)));
    refused(&server, "one long value", long_value.as_bytes(), &[431, 400]);
    let long_name = request(format!("{}: v\r\n", "n".repeat(20_000)));
    refused(&server, "one long name", long_name.as_bytes(), &[431, 400]);
    let many = request("X-Many: more\r\n".repeat(2_000));
    refused(&server, "many headers", many.as_bytes(), &[431, 400]);
    let target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "t".repeat(20_000));
    refused(&server, "a long target", target.as_bytes(), &[414, 431, 400]);
    // and the same without an end
    let endless = format!("GET /cb/dyn HTTP/1.1\r\nX: {}", "v".repeat(200_000));
    refused(&server, "an endless header", endless.as_bytes(), &[431, 400]);
    // below the limit it is fine
    let mut client = server.h1();
    client.send(request(format!("X: {}\r\n", "v".repeat(2_000))));
    assert_eq!(client.response().status, 200);
    server.finish();
}

#[test]
fn the_header_limit_is_configurable() {
    let server = start(&["--max-header=1024"]);
    let request = |n: usize| format!("GET /cb/dyn HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "v".repeat(n));
    let mut client = server.h1();
    client.send(request(500));
    assert_eq!(client.response().status, 200);
    common::wait::until("the application's own word of the first request", || {
        (!server.app_calls().is_empty()).then_some(())
    });
    refused(&server, "over 1024", request(1_200).as_bytes(), &[431]);
    server.finish();
}

/// Nothing that an application puts into a header starts a new one.
#[test]
fn response_headers_cannot_be_injected() {
    let server = start(&[]);
    let response = server.h1().get("/cb/inject");
    assert_eq!(response.text(), "refused\n");
    assert_eq!(response.header("set-cookie"), None);
    server.finish_despite("response header not added");
}

// ---------------------------------------------------------------------------------------------
// Requests that are right
// ---------------------------------------------------------------------------------------------

/// As slowly as a request can come.
#[test]
fn a_request_in_single_bytes_is_served() {
    let server = start(&[]);
    let mut client = server.h1();
    for byte in b"POST /cb/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" {
        client.send([*byte]);
    }
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (200, "abc"));
    server.finish();
}

/// An empty line before the request line, and optional white space around a value.
#[test]
fn tolerated_oddities() {
    let server = start(&[]);
    let mut client = server.h1();
    client.send("\r\nGET /cb/headers HTTP/1.1\r\nHost:a\r\nX-Test: \t  spaced \t \r\n\r\n");
    let text = client.response().text();
    assert!(text.contains("host=a (1)\n") && text.contains("x-test=spaced (6)\n"), "{text}");
    server.finish();
}

#[test]
fn keep_alive_and_close() {
    let server = start(&[]);
    let mut client = server.h1();
    for _ in 0..50 {
        assert_eq!(client.get("/cb/dyn").text(), "hello world\n");
    }
    client.send("GET /cb/dyn HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert_eq!(client.rest(), b"", "closed after Connection: close");

    let mut client = server.h1();
    client.send("GET /cb/dyn HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert_eq!(client.rest(), b"", "closed after HTTP/1.0");
    server.finish();
}

/// A body whose length is not known ends with the connection.
#[test]
fn a_body_without_length_closes() {
    let server = start(&[]);
    let mut client = server.h1();
    client.send("GET /cb/size?n=5000&piece=700&length=0 HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = client.response();
    assert_eq!(response.header("content-length"), None);
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(response.body, letters(5_000));
    server.finish();
}

/// Answers come in the order of the requests, whatever their kind.
#[test]
fn pipelining() {
    let server = start(&[]);
    let mut client = server.h1();
    let mut bytes = String::new();
    for n in 0..20 {
        let n = (100 + n).to_string();
        bytes.extend(["GET /cb/size?n=", &n, " HTTP/1.1\r\nHost: a\r\n\r\n"]);
        bytes += "POST /cb/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
        bytes += "GET /style.css HTTP/1.1\r\nHost: a\r\n\r\n";
        bytes += "POST /cb/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                  2\r\nch\r\n5\r\nunked\r\n0\r\n\r\n";
    }
    client.send(&bytes);
    for n in 0..20 {
        assert_eq!(client.response().body, letters(100 + n));
        assert_eq!(client.response().text(), "body");
        assert_eq!(client.response().text(), "body { }\n");
        assert_eq!(client.response().text(), "chunked");
    }
    server.finish();
}

/// A request that the application did not read is not taken for the next one.
#[test]
fn an_unread_body_is_discarded() {
    let server = start(&[]);
    let mut client = server.h1();
    let body = "GET /cb/close HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(format!(
        "POST /cb/dyn HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}\
         GET /cb/size?n=10 HTTP/1.1\r\nHost: a\r\n\r\n",
        body.len()
    ));
    assert_eq!(client.response().text(), "hello world\n");
    assert_eq!(client.response().body, letters(10));
    assert!(!server.app_calls().iter().any(|c| c.contains("close")));
    server.finish();
}

#[test]
fn chunked_request_bodies() {
    let server = start(&[]);
    let mut client = server.h1();
    client.send("POST /cb/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n");
    for piece in ["1", "\r\na\r", "\n00005;name=value\r\nb", "cdef", "\r\n0\r\nTrailer: x\r\n\r\n"] {
        client.send(piece);
    }
    assert_eq!(client.response().text(), "abcdef");
    // and the connection goes on
    assert_eq!(client.get("/cb/dyn").status, 200);

    let upload = letters(1_000_000);
    client.send("POST /cb/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for chunk in upload.chunks(30_011) {
        client.send(format!("{:X}\r\n", chunk.len()));
        client.send(chunk);
        client.send("\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.response().body, upload);
    server.finish();
}

#[test]
fn bodies_with_a_length() {
    let server = start(&[]);
    let mut client = server.h1();
    for length in [0, 1, 4_095, 4_096, 4_097, 65_536, 1_000_000] {
        let body = letters(length);
        client.send(format!("POST /cb/echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
        client.send(&body);
        let response = client.response();
        assert_eq!((response.status, response.body.len()), (200, length));
        assert!(response.body == body, "the echo of {length} bytes");
    }
    server.finish();
}

#[test]
fn expect_100_continue() {
    let server = start(&[]);
    let mut client = server.h1();
    client.send("POST /cb/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    let interim = client.response();
    assert_eq!(interim.status, 100);
    client.send("body");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (200, "body"));
    // no interim response to one that does not wait
    client.send("POST /cb/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
    let first = client.response();
    let last = if first.status == 100 { client.response() } else { first };
    assert_eq!((last.status, last.text().as_str()), (200, "body"));
    let mut client = server.h1();
    client.send("POST /cb/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: pi\r\n\r\nbody");
    assert_eq!(client.response().status, 417);
    server.finish();
}

#[test]
fn head_has_the_headers_of_get() {
    let server = start(&[]);
    let mut client = server.h1();
    client.send("HEAD /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.response_to_head().status, 200);
    assert_eq!(client.get("/cb/dyn").status, 200);
    assert!(!server.running.stdout().contains(&"file done".to_owned()), "no file was sent");
    for path in ["/", "/large.txt", "/cb/size?n=5000"] {
        let get = server.h1().get(path);
        let mut client = server.h1();
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let head = client.response_to_head();
        assert_eq!((head.status, &head.headers), (get.status, &get.headers), "{path}");
        // no body follows: the next answer starts at once
        assert_eq!(client.get("/cb/dyn").text(), "hello world\n", "{path}");
    }
    server.finish();
}

#[test]
fn the_header_api_sees_the_request() {
    let server = start(&[]);
    let mut client = server.h1();
    client.send(
        "GET /cb/headers?a=1%2b%26&b=2&c HTTP/1.1\r\nHost: some.host:99\r\nUser-Agent: me\r\n\
         Accept: text/*\r\nCookie: x=1; crumb=cake; y=2\r\nX-Test: custom\r\nReferer: there\r\n\r\n",
    );
    let text = client.response().text();
    for line in [
        "method=0",
        "uri=/cb/headers",
        "host=some.host:99 (12)",
        "user-agent=me (2)",
        "accept=text/* (6)",
        "cookie=x=1; crumb=cake; y=2 (20)",
        "referer=there (5)",
        "arg 0=a=1+&",
        "arg 1=b=2",
        "a=1+& (3)",
        "x-test=custom (6)",
        "crumb=cake (4)",
        "peer=127.0.0.1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line:?} is not in\n{text}");
    }
    assert!(!text.contains("cut"), "{text}");
    server.finish();
}

#[test]
fn own_response_headers() {
    let server = start(&["--header=x-vhost:,yes"]);
    let response = server.h1().get("/cb/custom");
    assert_eq!((response.status, response.text().as_str()), (201, "custom\n"));
    assert_eq!(response.header("content-type"), Some("text/custom"));
    assert_eq!(response.header("x-mixed-case"), Some("Yes"));
    let cookies: Vec<_> =
        response.headers.iter().filter(|(n, _)| n == "set-cookie").map(|(_, v)| v.as_str()).collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    // the vhost's own headers come with the common ones
    assert_eq!(server.h1().get("/cb/dyn").header("x-vhost"), Some("yes"));
    assert_eq!(server.h1().get("/").header("x-vhost"), Some("yes"));
    server.finish_despite("response header not added");
}

#[test]
fn redirects_and_statuses() {
    let server = start(&[]);
    let mut client = server.h1();
    let response = client.get("/cb/redirect");
    assert_eq!((response.status, response.header("location")), (303, Some("/elsewhere?from=here")));
    assert_eq!(response.header("content-length"), Some("0"));
    for status in [400, 403, 404, 410, 418, 500, 503] {
        let response = client.get(&format!("/cb/status?s={status}"));
        assert_eq!(response.status, status);
        assert!(response.text().contains("as you like"), "{response:?}");
        assert!(response.text().contains(&format!("<h1>{status}</h1>")), "{response:?}");
    }
    server.finish();
}

#[test]
fn a_callback_that_fails_closes_the_connection() {
    let server = start(&[]);
    assert_eq!(h1::exchange(server.port, b"GET /cb/close HTTP/1.1\r\nHost: a\r\n\r\n"), b"");
    assert_eq!(server.h1().get("/cb/dyn").status, 200);
    server.finish();
}

#[test]
fn writes_of_any_size() {
    let server = start(&[]);
    let mut client = server.h1();
    for (n, piece) in [(1, 0), (4_096, 0), (16_384, 1_000), (100_000, 0), (100_000, 16_000), (10_000_000, 0)]
    {
        let response = client.get(&format!("/cb/size?n={n}&piece={piece}"));
        assert_eq!(response.body.len(), n, "{n} bytes, {piece} a time");
        assert!(response.body == letters(n), "{n} bytes, {piece} a time");
    }
    let response = client.get("/cb/burst");
    assert_eq!(response.body.len(), 100_000);
    for (n, piece) in response.body.chunks(1_000).enumerate() {
        assert!(piece.iter().all(|b| usize::from(*b - b'a') == n % 26), "piece {n}");
    }
    server.finish();
}

#[test]
fn a_slow_writer_with_a_timer() {
    let server = start(&[]);
    assert_eq!(server.h1().get("/cb/slow").text(), "slow\n");
    server.finish();
}

/// A client that does not read must not stop the others, nor make the server buffer more and more.
#[test]
fn slow_readers_do_not_stop_the_others() {
    let server = start(&[]);
    let mut slow = server.h1();
    slow.send("GET /cb/size?n=20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    for _ in 0..20 {
        assert_eq!(server.h1().get("/cb/dyn").status, 200);
    }
    let response = slow.response();
    assert!(response.body == letters(20_000_000));
    server.finish();
}

// ---------------------------------------------------------------------------------------------
// Files
// ---------------------------------------------------------------------------------------------

#[test]
fn files_and_their_types() {
    let server = start(&["--mime=.weird,application/x-weird"]);
    let mut client = server.h1();
    for (path, kind) in [
        ("/", "text/html"),
        ("/index.html", "text/html"),
        ("/style.css", "text/css"),
        ("/script.js", "text/javascript"),
        ("/data.json", "application/json"),
        ("/photo.JPG", "image/jpeg"),
        ("/empty.txt", "text/plain"),
        ("/notes.weird", "application/x-weird"),
    ] {
        let response = client.get(path);
        assert_eq!((response.status, response.header("content-type")), (200, Some(kind)), "{path}");
    }
    assert_eq!(client.get("/empty.txt").body, b"");
    assert_eq!(client.get("/large.txt").body, letters(300_000));
    server.finish();

    let server = start(&[]);
    assert_eq!(server.h1().get("/notes.weird").status, 415);
    server.finish();
}

#[test]
fn files_are_cached_by_etag() {
    let server = start(&["--cache=3600"]);
    let first = server.h1().get("/style.css");
    let etag = first.header("etag").expect("an etag").to_owned();
    let cache = first.header("cache-control").expect("cache-control");
    assert!(cache.contains("max-age=3600"), "{cache}");

    let plain = etag.trim_matches('"').to_owned();
    for matching in [
        etag.clone(),
        plain.clone(),
        format!("\"{plain}\""),
        format!("W/\"{plain}\""),
        format!("\"other\", \"{plain}\""),
        "*".to_owned(),
    ] {
        let mut client = server.h1();
        client.send(format!("GET /style.css HTTP/1.1\r\nHost: a\r\nIf-None-Match: {matching}\r\n\r\n"));
        let response = client.response();
        assert_eq!(response.status, 304, "If-None-Match: {matching}");
        assert_eq!(response.header("etag"), Some(etag.as_str()));
        assert_eq!(client.get("/style.css").status, 200, "304 has no body");
    }
    for other in ["\"other\"", "\"\"", "0"] {
        let mut client = server.h1();
        client.send(format!("GET /style.css HTTP/1.1\r\nHost: a\r\nIf-None-Match: {other}\r\n\r\n"));
        assert_eq!(client.response().status, 200, "If-None-Match: {other}");
    }

    // a changed file has another one
    let path = server.www.file("style.css", "body {x}\n");
    let file = std::fs::File::options().write(true).open(path).expect("the file");
    file.set_modified(SystemTime::now() - Duration::from_secs(1_000)).expect("mtime");
    assert_ne!(server.h1().get("/style.css").header("etag"), Some(etag.as_str()));
    server.finish();

    let server = start(&[]);
    assert_eq!(server.h1().get("/style.css").header("cache-control"), Some("no-store"));
    server.finish();
}

#[test]
fn a_mount_without_its_slash_redirects() {
    let other = site();
    let mount = format!("--file-mount=/files,{}", other.path().display());
    let server = start(&[&mount, "--redirect=/away,example.com/there"]);
    let mut client = server.h1();
    let response = client.get("/files");
    let location = response.header("location").map(str::to_owned);
    assert_eq!((response.status, location.as_deref()), (301, Some("http://localhost/files/")));
    assert_eq!(server.h1().get("/files/style.css").text(), "body { }\n");
    assert_eq!(server.h1().get("/filesystem").status, 404);
    let response = server.h1().get("/away");
    assert_eq!((response.status, response.header("location")), (301, Some("http://example.com/there")));
    server.finish();
}

#[test]
fn missing_files() {
    let server = start(&[]);
    let response = server.h1().get("/nofile.html");
    assert_eq!(response.status, 404);
    assert!(response.text().contains("<h1>404</h1>"), "{}", response.text());
    server.finish();

    let server = start(&["--error-document=/404.html"]);
    let response = server.h1().get("/nofile.html");
    assert_eq!((response.status, response.header("location")), (302, Some("/404.html")));
    server.finish();
}

#[test]
fn no_path_leads_out_of_the_mount() {
    let outside = common::Scratch::new();
    let secret = outside.file("secret.txt", "secret\n");
    let www = site();
    symlink(&secret, www.path().join("link.txt")).expect("link to a file outside");
    symlink(outside.path(), www.path().join("linkdir")).expect("link to a directory outside");
    symlink("style.css", www.path().join("inside.css")).expect("link to a file inside");
    let name = outside.path().file_name().expect("name").to_string_lossy().into_owned();
    let server = start_site(www, &[]);
    for path in [
        format!("/../{name}/secret.txt"),
        format!("/sub/../../{name}/secret.txt"),
        format!("/%2e%2e/{name}/secret.txt"),
        format!("/..%2f{name}/secret.txt"),
        format!("/%2e%2e%2f{name}%2fsecret.txt"),
        format!("/sub/%2E%2E/%2E%2E/{name}/secret.txt"),
        format!("/.%2e/{name}/secret.txt"),
        format!("//../{name}/secret.txt"),
        format!("/..\\{name}\\secret.txt"),
        format!("/..%5c{name}%5csecret.txt"),
        format!("/..;/{name}/secret.txt"),
        "/link.txt".to_owned(),
        "/linkdir/secret.txt".to_owned(),
        format!("/{}", secret.display()),
        "//etc/passwd".to_owned(),
        "/../../../../../../../../etc/passwd".to_owned(),
        "/sub/..%00/../style.css".to_owned(),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = h1::exchange(server.port, request.as_bytes());
        let text = String::from_utf8_lossy(&answer);
        assert!(!text.contains("secret\n") && !text.contains("root:"), "{path}: {text}");
        assert!(!text.starts_with("HTTP/1.1 200"), "{path}: {text}");
    }
    assert_eq!(server.h1().get("/inside.css").text(), "body { }\n");
    assert_eq!(server.h1().get("/sub/../style.css").text(), "body { }\n");
    server.finish();
}

/// 500 MB, of which the server holds a little at a time.
#[test]
fn a_huge_file_is_streamed() {
    const SIZE: u64 = 500_000_000;
    let www = site();
    let path = www.file("huge.txt", "");
    let file = std::fs::File::options().write(true).open(path).expect("the file");
    file.set_len(SIZE).expect("a sparse file");
    let server = start_site(www, &[]);
    assert_eq!(server.h1().get("/large.txt").status, 200);
    let before = server.running.rss();

    let mut stream = h1::connect(server.port);
    stream.write_all(b"GET /huge.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
    let (mut total, mut peak, mut chunk) = (0, 0, vec![0; 1 << 20]);
    loop {
        let n = stream.read(&mut chunk).expect("the file");
        if n == 0 {
            break;
        }
        if total == 0 {
            let head = String::from_utf8_lossy(&chunk[..n.min(300)]).into_owned();
            assert!(head.contains("content-length: 500000000\r\n"), "{head}");
        }
        total += n as u64;
        peak = peak.max(server.running.rss());
    }
    assert!(total > SIZE && total < SIZE + 1_000, "{total} bytes");
    assert!(peak < before + 4_096, "{before} KiB grew to {peak} KiB");
    server.finish();
}

#[test]
fn security_headers() {
    let server = start(&["--security-headers"]);
    for path in ["/", "/cb/dyn"] {
        let response = server.h1().get(path);
        for name in [
            "content-security-policy",
            "x-content-type-options",
            "x-xss-protection",
            "x-frame-options",
            "referrer-policy",
        ] {
            assert!(response.header(name).is_some(), "{path}: {name} in {response:?}");
        }
    }
    server.finish();
}

#[test]
fn a_file_served_by_the_application() {
    let server = start(&[]);
    let mut client = server.h1();
    let response = client.get("/cb/file");
    assert_eq!((response.status, response.text().as_str()), (200, "<html>index</html>\n"));
    assert_eq!(response.header("content-type"), Some("text/x-served"));
    assert_eq!(response.header("x-served"), Some("yes"));
    assert_eq!(client.get("/cb/file").status, 200);
    server.finish();
}

// ---------------------------------------------------------------------------------------------
// Listening
// ---------------------------------------------------------------------------------------------

#[test]
fn listens_on_ipv6() {
    let server = start(&["--ipv6"]);
    let v6 = h1::connect_to(SocketAddr::from((Ipv6Addr::LOCALHOST, server.port)));
    let mut client = h1::Client::new(v6);
    let text = client.get("/cb/headers").text();
    assert!(text.contains("peer=::1\n"), "{text}");
    // and on IPv4 still
    assert_eq!(server.h1().get("/cb/dyn").status, 200);
    server.finish();
}

#[test]
fn listens_on_one_interface_only() {
    let server = start(&["--iface=127.0.0.2"]);
    let there = h1::connect_to(SocketAddr::from(([127, 0, 0, 2], server.port)));
    assert_eq!(h1::Client::new(there).get("/cb/dyn").status, 200);
    let here = std::net::TcpStream::connect(("127.0.0.1", server.port));
    assert!(here.is_err(), "it listens on 127.0.0.1 too");
    server.finish();
    let server = start(&["--iface=lo"]);
    assert_eq!(server.h1().get("/cb/dyn").status, 200);
    server.finish();
}

#[test]
fn listens_on_a_unix_socket() {
    let www = site();
    let path = www.path().join("socket");
    let running = program(www.path(), &[&format!("--unix={}", path.display())]).start();
    running.wait_text("listening on port");
    let mut client = h1::Client::new(UnixStream::connect(&path).expect("the socket"));
    assert_eq!(client.get("/cb/dyn").text(), "hello world\n");
    assert_eq!(client.get("/").status, 200);
    drop(client);
    running.finish();
}

/// Not created, and one error line that names what, which value and why.
fn not_created(args: &[&str], words: &[&str]) {
    let www = site();
    let mut running = program(www.path(), args).start();
    running.close_stdin();
    let status = running.wait();
    let transcript = running.transcript();
    assert_eq!(status.code(), Some(3), "{transcript}");
    if library().foreign {
        return;
    }
    let errors: Vec<_> = running.stderr().into_iter().filter(|l| is_error(l)).collect();
    assert_eq!(errors.len(), 1, "one error line: {transcript}");
    for word in words {
        assert!(errors[0].contains(word), "{word:?} is not in {:?}", errors[0]);
    }
}

#[test]
fn a_port_in_use_fails_the_vhost() {
    let server = start(&["--iface=127.0.0.1"]);
    let port = server.port.to_string();
    // lws sets SO_REUSEPORT only when asked, so that a second server must fail
    not_created(&[&format!("--port={port}"), "--iface=127.0.0.1"], &["port", &port, "in use"]);
    assert_eq!(server.h1().get("/cb/dyn").status, 200);
    server.finish();
}

#[test]
fn an_unknown_interface_fails_the_vhost() {
    // lws keeps the vhost and waits for the interface
    if library().foreign {
        return;
    }
    not_created(&["--iface=nosuchif0"], &["iface", "nosuchif0"]);
}

#[test]
fn an_unknown_protocol_of_a_mount_fails_the_vhost() {
    if library().foreign {
        return;
    }
    not_created(&["--callback-mount=/x,nosuch"], &["mount", "nosuch"]);
}

#[test]
fn vhosts_of_one_port_are_chosen_by_host() {
    let other = common::Scratch::new();
    other.file("index.html", "other\n");
    let vhost = format!("--vhost=other.example,{}", other.path().display());
    let server = start(&[&vhost]);
    let get = |host: &str| {
        let mut client = server.h1();
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        client.response().text()
    };
    assert_eq!(get("other.example"), "other\n");
    assert_eq!(get(&format!("other.example:{}", server.port)), "other\n");
    assert_eq!(get("localhost"), "<html>index</html>\n");
    assert_eq!(get("unknown.example"), "<html>index</html>\n");
    server.finish();
}

/// A vhost that goes takes its connections along, not those of the other one.
#[test]
fn vhosts_of_one_port_are_destroyed_alone() {
    let other = common::Scratch::new();
    other.file("index.html", "other\n");
    let vhost = format!("--vhost=other.example,{}", other.path().display());
    let mut server = start(&[&vhost]);
    let mut staying = server.h1();
    assert_eq!(staying.get("/cb/dyn").status, 200);
    let mut going = server.h1();
    going.send("GET /cb/dyn HTTP/1.1\r\nHost: other.example\r\n\r\n");
    assert_eq!(going.response().status, 200);
    server.running.tell("vhost-destroy");
    server.running.wait_text("vhost destroyed");
    assert_eq!(going.rest(), b"", "closed with its vhost");
    assert_eq!(staying.get("/cb/dyn").status, 200);
    let mut client = server.h1();
    client.send("GET / HTTP/1.1\r\nHost: other.example\r\n\r\n");
    assert_eq!(client.response().text(), "<html>index</html>\n");
    server.finish();
}

// ---------------------------------------------------------------------------------------------
// Time
// ---------------------------------------------------------------------------------------------

/// Connections that say nothing, or half of something, are closed by the server's own clock.
#[test]
fn silent_connections_time_out() {
    let server = start(&["--timeout=1", "--keepalive=1"]);
    let mut silent = h1::connect(server.port);
    let mut half = h1::connect(server.port);
    half.write_all(b"GET /cb/dyn HTTP/1.1\r\nHost:").expect("sent");
    let mut idle = server.h1();
    assert_eq!(idle.get("/cb/dyn").status, 200);
    assert_eq!(idle.rest(), b"");
    for stream in [&mut silent, &mut half] {
        let answer = h1::read_to_end(stream);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408 "));
    }
    server.finish();
}

#[test]
fn real_clients() {
    let server = start(&[]);
    let reply = tools::curl(&[&server.http("/")]);
    assert_eq!(
        (reply.status, reply.version.as_str(), reply.text().as_str()),
        (200, "1.1", "<html>index</html>\n")
    );
    let upload = server.www.file("upload", letters(2_000_000));
    let upload = format!("@{}", upload.display());
    let reply = tools::curl(&["--data-binary", &upload, &server.http("/cb/echo")]);
    assert!(reply.status == 200 && reply.body == letters(2_000_000), "curl's upload");
    let chunked = ["-H", "Transfer-Encoding: chunked", "--data-binary", &upload];
    let reply = tools::curl(&[&chunked[..], &[&server.http("/cb/echo")]].concat());
    assert!(reply.status == 200 && reply.body == letters(2_000_000), "curl's chunked upload");
    tools::h2load(2_000, &["--h1", "-c", "20", &server.http("/cb/dyn")]);
    tools::h2load(500, &["--h1", "-c", "10", &server.http("/large.txt")]);
    server.finish();
}
