//! Proxies that refuse, or say what they must not.

use std::io::Write as _;
use std::sync::Arc;

use crate::program::Outcome::Error;
use crate::program::{Outcome, start};
use crate::servers::{Then, accept, accept_tls, answers, read_head, refused_port, serve, tls_config};

#[test]
fn proxies_that_refuse() {
    let cases: [(&str, &[u8], Then, Outcome); 10] = [
        ("nothing", b"", Then::Close, Error("proxy")),
        ("nothing, reset", b"", Then::Reset, Error("")),
        ("403", b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", Then::Wait, Error("status 403")),
        ("407", b"HTTP/1.1 407 Who\r\nproxy-authenticate: basic\r\n\r\n", Then::Close, Error("status 407")),
        ("garbage", b"\x16\x03\x01garbage\r\n\r\n", Then::Wait, Error("proxy")),
        ("half a head", b"HTTP/1.1 200 OK\r\nx: ", Then::Close, Error("proxy")),
        ("an interim answer and no more", b"HTTP/1.1 100 Wait\r\n\r\n", Then::Close, Error("proxy")),
        (
            "302",
            b"HTTP/1.1 302 Found\r\nlocation: http://localhost/\r\n\r\n",
            Then::Wait,
            Error("status 302"),
        ),
        ("200, then close", b"HTTP/1.1 200 OK\r\n\r\n", Then::Close, Error("")),
        ("200, then reset", b"HTTP/1.1 200 OK\r\n\r\n", Then::Reset, Error("")),
    ];
    for (name, bytes, then, outcome) in cases {
        let proxy = format!("--proxy=127.0.0.1:{}", answers(bytes, then));
        let mut client = start(&[&proxy]);
        client.get(1, 80, "address=server.example");
        client.get(2, 443, "address=server.example flags=tls");
        client.expect(1, name, outcome);
        client.expect(2, name, outcome);
        client.settle_and_finish();
    }
    let refused = format!("--proxy=127.0.0.1:{}", refused_port());
    let mut client = start(&[&refused]);
    client.get(1, 80, "address=server.example");
    client.expect(1, "refused", Error("Connection refused"));
    client.settle_and_finish();

    let silent = format!("--proxy=127.0.0.1:{}", answers("", Then::Wait));
    let mut client = start(&[&silent, "--connect-timeout=1"]);
    client.get(1, 80, "address=server.example");
    client.expect(1, "silent", Error("Timed out waiting for the proxy"));
    client.settle_and_finish();
}

/// What a proxy says after it has opened the tunnel must not pass for what the server says inside of TLS.
#[test]
fn a_proxy_cannot_answer_for_the_server() {
    let config = tls_config(&[], true);
    let (port, _) = serve(move |listener| {
        loop {
            let mut socket = accept(listener);
            read_head(&mut socket);
            let evil = "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
            let _ = socket.write_all(evil.as_bytes());
            if let Some(mut stream) = accept_tls(socket, Arc::clone(&config)) {
                read_head(&mut stream);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
            }
        }
    });
    let proxy = format!("--proxy=127.0.0.1:{port}");
    let mut client = start(&[&proxy]);
    client.get(1, 443, "address=localhost flags=tls");
    client.expect(1, "injected", Error("proxy"));
    client.settle_and_finish();
}
