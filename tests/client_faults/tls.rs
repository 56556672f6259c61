//! TLS that fails.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};

use crate::program::Outcome::{Cut, Error, Whole};
use crate::program::{Outcome, start};
use crate::servers::{Then, accept, accept_tls, drain, end, read_head, serve, tls_config};

/// What a TLS server does with a fresh connection.
type Sabotage = Box<dyn FnOnce(TcpStream) + Send>;

/// The server's first flight to the client whose hello is read from the socket.
fn server_flight(socket: &mut TcpStream, config: Arc<ServerConfig>) -> (ServerConnection, Vec<u8>) {
    let mut session = ServerConnection::new(config).expect("a session");
    let mut flight = Vec::new();
    while flight.is_empty() {
        session.read_tls(socket).expect("a hello");
        session.process_new_packets().expect("a proper hello");
        while session.wants_write() {
            session.write_tls(&mut flight).expect("memory");
        }
    }
    (session, flight)
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn tls_sabotages() -> Vec<(String, Sabotage, Outcome)> {
    fn case(
        name: impl Into<String>,
        sabotage: impl FnOnce(TcpStream) + Send + 'static,
        outcome: Outcome,
    ) -> (String, Sabotage, Outcome) {
        (name.into(), Box::new(sabotage), outcome)
    }
    let mut cases = vec![
        case("close at once", |socket| end(socket, Then::Close), Error("TLS handshake")),
        case("reset at once", |socket| end(socket, Then::Reset), Error("")),
        case(
            "close after the hello",
            |mut socket| {
                let _ = socket.read(&mut [0; 4096]);
            },
            Error("TLS handshake"),
        ),
        case(
            "reset after the hello",
            |mut socket| {
                let _ = socket.read(&mut [0; 4096]);
                end(socket, Then::Reset);
            },
            Error("reset"),
        ),
        case(
            "not TLS",
            |mut socket| {
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                end(socket, Then::Wait);
            },
            Error("TLS"),
        ),
        case(
            "an alert",
            |mut socket| {
                let _ = socket.read(&mut [0; 4096]);
                let _ = socket.write_all(&[21, 3, 3, 0, 2, 2, 40]);
                end(socket, Then::Wait);
            },
            Error("TLS"),
        ),
    ];
    for tls13 in [true, false] {
        for then in [Then::Close, Then::Reset] {
            for percent in [2, 30, 90] {
                cases.push(case(
                    format!("{then:?} after {percent} % of the server's flight, TLS 1.3: {tls13}"),
                    move |mut socket| {
                        let (_, flight) = server_flight(&mut socket, tls_config(&[], tls13));
                        let _ = socket.write_all(&flight[..flight.len() * percent / 100]);
                        end(socket, then);
                    },
                    Error(""),
                ));
            }
            cases.push(case(
                format!("{then:?} after the client's flight, TLS 1.3: {tls13}"),
                move |mut socket| {
                    let (mut session, flight) = server_flight(&mut socket, tls_config(&[], tls13));
                    let _ = socket.write_all(&flight);
                    let _ = session.read_tls(&mut socket);
                    end(socket, then);
                },
                Error(""),
            ));
        }
        cases.push(case(
            format!("a flipped bit, TLS 1.3: {tls13}"),
            move |mut socket| {
                let (_, mut flight) = server_flight(&mut socket, tls_config(&[], tls13));
                let middle = flight.len() / 2;
                flight[middle] ^= 1;
                let _ = socket.write_all(&flight);
                end(socket, Then::Wait);
            },
            Error("TLS"),
        ));
        cases.push(case(
            format!("close after the handshake, TLS 1.3: {tls13}"),
            move |socket| {
                accept_tls(socket, tls_config(&[], tls13));
            },
            Error(""),
        ));
        cases.push(case(
            format!("close inside of the head, TLS 1.3: {tls13}"),
            move |socket| {
                if let Some(mut stream) = accept_tls(socket, tls_config(&[], tls13)) {
                    read_head(&mut stream);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncont");
                }
            },
            Error("head"),
        ));
        cases.push(case(
            format!("an unencrypted byte after the head, TLS 1.3: {tls13}"),
            move |socket| {
                if let Some(mut stream) = accept_tls(socket, tls_config(&[], tls13)) {
                    read_head(&mut stream);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello");
                    let _ = stream.flush();
                    let _ = stream.sock.write_all(b"GET / HTTP/1.1\r\n\r\n");
                    end(stream.sock, Then::Wait);
                }
            },
            Cut(5),
        ));
    }
    cases
}

#[test]
fn tls_fails_at_each_flight() {
    let mut client = start(&["--connect-timeout=20"]);
    let mut all = Vec::new();
    for (id, (name, sabotage, outcome)) in tls_sabotages().into_iter().enumerate() {
        let (port, _) = serve(move |listener| sabotage(accept(listener)));
        client.get(id, port, "address=localhost flags=tls");
        all.push((id, name, outcome));
    }
    for (id, name, outcome) in all {
        client.expect(id, &name, outcome);
    }
    client.settle_and_finish();
}

#[test]
fn tls_that_stalls_times_out() {
    let mut client = start(&["--connect-timeout=1", "--timeout=1"]);
    for id in 0..3 {
        let (port, _) = serve(move |listener| {
            let mut socket = accept(listener);
            if id == 1 {
                let (_, flight) = server_flight(&mut socket, tls_config(&[], true));
                let _ = socket.write_all(&flight[..flight.len() / 2]);
            } else if id == 2 {
                if let Some(mut stream) = accept_tls(socket, tls_config(&[], true)) {
                    drain(&mut stream);
                }
                return;
            }
            end(socket, Then::Wait);
        });
        client.get(id, port, "address=localhost flags=tls");
    }
    client.expect(0, "nothing", Error("Timed out waiting SSL"));
    client.expect(1, "half a flight", Error("Timed out waiting SSL"));
    client.expect(2, "no answer", Error("Timed out waiting server reply"));
    assert!(client.settle() < 60);
    client.finish();
}

#[test]
fn certificates_that_are_not_trusted() {
    let (port, _) = serve(|listener| {
        loop {
            accept_tls(accept(listener), tls_config(&[], true));
        }
    });
    let mut client = start(&[]);
    // known, but not by this name
    client.get(1, port, "address=127.0.0.1 host=other.example flags=tls");
    client.expect(1, "another host", Error("TLS"));
    client.settle_and_finish();
}

/// A body that ends with the connection has its end only if TLS says so: anybody can close a connection.
#[test]
fn a_body_until_close_is_cut_off_without_close_notify() {
    let serve_body = |notify: bool| {
        serve(move |listener| {
            let Some(mut stream) = accept_tls(accept(listener), tls_config(&[], true)) else { return };
            read_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello");
            if notify {
                stream.conn.send_close_notify();
            }
            let _ = stream.flush();
        })
        .0
    };
    let mut client = start(&[]);
    client.get(1, serve_body(true), "address=localhost flags=tls");
    client.get(2, serve_body(false), "address=localhost flags=tls");
    client.expect(1, "with", Whole(5));
    client.expect(2, "without", Cut(5));
    client.settle_and_finish();
}
