//! Proxies that refuse, or say what they must not.

use std::io::{Read as _, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use crate::common::{DEADLINE, h2};
use crate::program::Outcome::{Error, Null, Whole};
use crate::program::{Client, Outcome, program, start};
use crate::servers::{
    Then, accept, accept_tls, answers, drain, good, good_on, h2_answer, listen, port_of, read_head,
    refused_port, serve, tls_config,
};

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

// ---------------------------------------------------------------------------------------------
// Proxies that do not
// ---------------------------------------------------------------------------------------------

/// Connects to this machine whatever the name is, and passes on; tells what it was asked.
fn tunnels() -> (u16, Receiver<String>) {
    let listener = listen();
    let port = port_of(&listener);
    let (tell, told) = channel();
    std::thread::spawn(move || {
        loop {
            let mut client = accept(&listener);
            let head = String::from_utf8(read_head(&mut client)).expect("a head of ASCII");
            let authority = head.split(' ').nth(1).unwrap_or_default();
            let (name, port) = authority.rsplit_once(':').unwrap_or_default();
            let address: IpAddr =
                if name == "[::1]" { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
            let server = TcpStream::connect((address, port.parse().expect("a port"))).expect("a server");
            let _ = tell.send(head);
            client.write_all(b"HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n").expect("an answer");
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (mut from, mut to) =
                    (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    (port, told)
}

/// Answers with `hello` over HTTP/1 or HTTP/2, by what TLS has negotiated.
fn good_tls(alpn: &'static str) -> u16 {
    let config = tls_config(&[alpn], true);
    serve(move |listener| {
        loop {
            let Some(mut stream) = accept_tls(accept(listener), Arc::clone(&config)) else { continue };
            if stream.conn.alpn_protocol() == Some(b"h2") {
                let mut preface = [0; 24];
                stream.read_exact(&mut preface).expect("a preface");
                let mut peer = h2::Client::silent(stream);
                peer.send(h2::settings(&[]));
                let asked =
                    peer.until("a request", |frame| (frame.kind == h2::HEADERS).then_some(frame.stream));
                peer.send(h2_answer(asked));
                std::thread::spawn(move || drain(&mut peer.stream));
            } else {
                read_head(&mut stream);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
                let _ = stream.flush();
            }
        }
    })
    .0
}

/// Whatever is spoken, and to whom: the proxy is asked for a tunnel, by name, and with its credentials alone.
#[test]
fn requests_go_through_the_proxy() {
    let (plain, heads) = good(1);
    let (h1, h2) = (good_tls("http/1.1"), good_tls("h2"));
    let six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("a port");
    let (six, _) = good_on(six, 1);
    let redirected = answers(
        format!("HTTP/1.1 302 Go\r\nlocation: http://other.example:{plain}/x\r\ncontent-length: 0\r\n\r\n"),
        Then::Wait,
    );
    for (credentials, authorization) in
        [("", None), ("user:secret@", Some("proxy-authorization: basic dXNlcjpzZWNyZXQ="))]
    {
        let (proxy, asked) = tunnels();
        let mut client = start(&[&format!("--proxy={credentials}127.0.0.1:{proxy}")]);
        let requests = [
            (plain, "address=server.example", vec![format!("server.example:{plain}")]),
            (plain, "address=127.0.0.1", vec![format!("127.0.0.1:{plain}")]),
            (six, "address=::1", vec![format!("[::1]:{six}")]),
            (h1, "address=localhost flags=tls", vec![format!("localhost:{h1}")]),
            (h2, "address=localhost flags=tls alpn=h2", vec![format!("localhost:{h2}")]),
            (
                redirected,
                "address=first.example",
                vec![format!("first.example:{redirected}"), format!("other.example:{plain}")],
            ),
        ];
        for (id, (port, more, tunnels)) in requests.into_iter().enumerate() {
            client.get(id, port, &format!("{more} mode=authorized"));
            client.expect(id, more, Whole(5));
            for tunnel in tunnels {
                let head = asked.recv_timeout(DEADLINE).expect("the proxy is asked");
                let mut lines = head.lines();
                assert_eq!(lines.next(), Some(format!("CONNECT {tunnel} HTTP/1.1").as_str()), "{more}");
                assert!(head.contains(&format!("\r\nhost: {tunnel}\r\n")), "{more}: {head}");
                let said = lines.find(|line| line.contains("authorization"));
                assert_eq!(said, authorization, "{more}: what is the server's is not the proxy's");
            }
        }
        client.settle_and_finish();
        assert_eq!(asked.try_iter().count(), 0, "asked for more");
        assert_eq!(heads.try_iter().count(), 3, "the server itself was asked");
    }
}

/// Where the vhost names none, the environment's is used; requests to a unix socket need none.
#[test]
fn the_environment_names_a_proxy() {
    let (port, _) = good(1);
    for (of_vhost, of_environment) in [(false, true), (true, true), (true, false)] {
        let (by_vhost, asked_by_vhost) = tunnels();
        let (by_environment, asked_by_environment) = tunnels();
        let args = if of_vhost { vec![format!("--proxy=127.0.0.1:{by_vhost}")] } else { vec![] };
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let mut program = program(&args);
        if of_environment {
            program = program.env("http_proxy", format!("http://127.0.0.1:{by_environment}/"));
        }
        let mut client = Client::of(program);
        client.get(1, port, "address=server.example");
        client.expect(1, "through a proxy", Whole(5));
        client.get(2, 0, "address=+/nonexistent/socket");
        client.expect(2, "no proxy for a unix socket", Null);
        client.settle_and_finish();
        assert_eq!(asked_by_vhost.try_iter().count(), usize::from(of_vhost));
        assert_eq!(asked_by_environment.try_iter().count(), usize::from(!of_vhost));
    }
}
