//! HTTP clients whose servers, proxies, loops and callbacks do everything wrong: each request comes to one end that is told
//! once, the loop is told before any descriptor closes, and nothing is left.
//!
//! `tests/c/client-faults.c` is the program, with a loop that returns 1 for descriptors it does not know; it watches the
//! library. The servers are raw sockets in here.

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use common::{DEADLINE, Program, Running, compile, h1, h2, tls};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

// ---------------------------------------------------------------------------------------------
// The program
// ---------------------------------------------------------------------------------------------

struct Client {
    running: Running,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// `CLIENT_CONNECTION_ERROR` with this in its text.
    Error(&'static str),
    /// ESTABLISHED, so many bytes, CLOSED; not COMPLETED.
    Cut(u64),
    /// The same, perhaps with fewer bytes: what waits when an HTTP/2 stream is reset is thrown away.
    Within(u64),
    /// ESTABLISHED, so many bytes, COMPLETED, CLOSED.
    Whole(u64),
    /// NULL, and nothing more.
    Null,
}

use Outcome::{Cut, Error, Null, Whole, Within};

fn program(args: &[&str]) -> Program {
    Program::new(compile("client-faults")).arg(format!("--ca={}", tls::localhost().cert.display())).args(args)
}

fn start(args: &[&str]) -> Client {
    let running = program(args).start();
    running.wait_text("ready");
    Client { running }
}

impl Client {
    /// A request; `more` as the program takes it.
    fn get(&mut self, id: usize, port: u16, more: &str) {
        self.running.tell(&format!("get id={id} port={port} {more}"));
    }

    /// Waits until the request has come to its end and says what became of it.
    fn end_of(&self, id: usize) -> (String, Vec<String>) {
        let prefix = format!("{id} ");
        let end = self.running.wait_line(&format!("the end of request {id}"), |line| {
            let rest = line.strip_prefix(&prefix)?;
            let over = ["ERROR", "CLOSED", "NULL"].iter().any(|end| rest.starts_with(end));
            over.then(|| rest.to_owned())
        });
        (end, self.told(id))
    }

    /// Waits until the request has failed, or been answered: its connection may be kept for a while.
    fn answer_of(&self, id: usize) {
        let prefix = format!("{id} ");
        self.running.wait_line(&format!("an answer to request {id}"), |line| {
            let rest = line.strip_prefix(&prefix)?;
            let over = ["ERROR", "COMPLETED", "CLOSED", "NULL"].iter().any(|end| rest.starts_with(end));
            over.then_some(())
        });
    }

    /// What the callbacks of the request have said up to now.
    fn told(&self, id: usize) -> Vec<String> {
        let prefix = format!("{id} ");
        self.running.stdout().iter().filter_map(|line| Some(line.strip_prefix(&prefix)?.to_owned())).collect()
    }

    fn times(&self, id: usize, what: &str) -> usize {
        self.told(id).iter().filter(|line| line.starts_with(what)).count()
    }

    fn wait(&self, id: usize, what: &str) {
        let line = format!("{id} {what}");
        self.running.wait_line(&line, |said| said.starts_with(&line).then_some(()));
    }

    fn expect(&self, id: usize, name: &str, outcome: Outcome) {
        let (end, told) = self.end_of(id);
        let completed = told.iter().any(|line| line.starts_with("COMPLETED"));
        let right = match outcome {
            Error(why) => end.starts_with("ERROR") && end.contains(why),
            Cut(bytes) => end == format!("CLOSED {bytes}") && !completed,
            Within(bytes) => {
                let got = end.strip_prefix("CLOSED ").and_then(|n| n.parse::<u64>().ok());
                got.is_some_and(|got| got <= bytes) && !completed
            }
            Whole(bytes) => end == format!("CLOSED {bytes}") && completed,
            Null => end == "NULL",
        };
        assert!(right, "{name}: {outcome:?} expected\n{}", self.running.transcript());
    }

    /// Waits until nothing lives any more; the loop's turns until then.
    fn settle(&mut self) -> u32 {
        let first = self.running.stdout().len();
        self.running.tell("settle");
        let (_, turns) = self.running.wait_line_from(first, "an idle loop", |line| {
            line.strip_prefix("settled after ")?.strip_suffix(" turns")?.parse().ok()
        });
        turns
    }

    /// Ends the program and expects that it found nothing wrong.
    fn finish(mut self) {
        self.running.close_stdin();
        self.finish_by_itself();
    }

    fn finish_by_itself(&mut self) {
        let status = self.running.wait();
        assert!(status.success(), "{}\n{}", common::process::describe(status), self.running.transcript());
    }

    /// As [`Self::finish`], after everything is over.
    fn settle_and_finish(mut self) {
        self.settle();
        self.finish();
    }
}

// ---------------------------------------------------------------------------------------------
// Servers
// ---------------------------------------------------------------------------------------------

fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("an address").port()
}

/// A port on which nobody listens, nor will.
fn refused_port() -> u16 {
    let (port, socket) = bound();
    std::mem::forget(socket);
    port
}

/// Runs `script` with the listening socket in a thread of its own; what it returns can be waited for.
fn serve<T: Send + 'static>(script: impl FnOnce(&TcpListener) -> T + Send + 'static) -> (u16, Receiver<T>) {
    serve_on(listen(), script)
}

fn serve_on<T: Send + 'static>(
    listener: TcpListener,
    script: impl FnOnce(&TcpListener) -> T + Send + 'static,
) -> (u16, Receiver<T>) {
    let port = port_of(&listener);
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let result = script(&listener);
        // its port stays its own: clients keep connections to it
        std::mem::forget(listener);
        // nobody need be interested
        let _ = tell.send(result);
    });
    (port, told)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (socket, _) = listener.accept().expect("a client");
    socket.set_read_timeout(Some(DEADLINE)).expect("read deadline");
    socket.set_write_timeout(Some(DEADLINE)).expect("write deadline");
    socket.set_nodelay(true).expect("no delay");
    socket
}

/// Reads a request's head; empty when the client has gone.
fn read_head(stream: &mut impl Read) -> Vec<u8> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return Vec::new(),
        }
    }
    head
}

/// Reads what comes until the peer goes, in whatever way.
fn drain(stream: &mut impl Read) {
    let mut chunk = [0; 4096];
    while matches!(stream.read(&mut chunk), Ok(1..)) {}
}

/// How a server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// FIN.
    Close,
    /// RST.
    Reset,
    /// Not: it waits for the client to go.
    Wait,
}

fn end(mut socket: TcpStream, then: Then) {
    match then {
        Then::Close => drop(socket),
        Then::Reset => {
            h1::reset_on_close(&socket);
            drop(socket);
        }
        Then::Wait => drain(&mut socket),
    }
}

/// Answers every request of every connection with the bytes, one connection after the other.
fn answers(bytes: impl Into<Vec<u8>>, then: Then) -> u16 {
    let bytes = bytes.into();
    serve(move |listener| {
        loop {
            let mut socket = accept(listener);
            read_head(&mut socket);
            // the client may have had enough before
            let _ = socket.write_all(&bytes);
            end(socket, then);
        }
    })
    .0
}

/// Keeps answering: 200 with `hello`, on as many connections as come, `most` requests on each.
fn good(most: usize) -> (u16, Receiver<String>) {
    good_on(listen(), most)
}

fn good_on(listener: TcpListener, most: usize) -> (u16, Receiver<String>) {
    let (tell, told) = channel();
    let port = port_of(&listener);
    std::thread::spawn(move || {
        loop {
            let mut socket = accept(&listener);
            let tell = tell.clone();
            std::thread::spawn(move || {
                for n in 1..=most {
                    let head = String::from_utf8(read_head(&mut socket)).expect("a head of ASCII");
                    if head.is_empty() {
                        return;
                    }
                    let _ = tell.send(head.lines().next().unwrap_or_default().to_owned());
                    let last = if n == most { "connection: close\r\n" } else { "" };
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n{last}\r\nhello");
                    let _ = socket.write_all(answer.as_bytes());
                }
            });
        }
    });
    (port, told)
}

type TlsSocket = StreamOwned<ServerConnection, TcpStream>;

fn tls_config(alpn: &[&str], tls13: bool) -> Arc<ServerConfig> {
    let identity = tls::localhost();
    let cert = CertificateDer::from_pem_file(identity.cert).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(identity.key).expect("a key");
    let versions = if tls13 { &[&rustls::version::TLS13] } else { &[&rustls::version::TLS12] };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .expect("an identity");
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn accept_tls(socket: TcpStream, config: Arc<ServerConfig>) -> Option<TlsSocket> {
    let mut stream = StreamOwned::new(ServerConnection::new(config).expect("a session"), socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).ok()?;
    }
    Some(stream)
}

// ---------------------------------------------------------------------------------------------
// No connection
// ---------------------------------------------------------------------------------------------

#[test]
fn refused_ports_are_told_once_and_leave_nothing() {
    for args in [&[][..], &["--close-says-1"]] {
        let mut client = start(args);
        for round in 0..3 {
            for n in 0..4 {
                client.get(10 * round + n, refused_port(), "");
            }
            for n in 0..4 {
                client.expect(10 * round + n, "refused", Error("Connection refused"));
            }
            assert!(client.settle() < 40);
        }
        // both addresses of a name
        client.get(99, refused_port(), "address=localhost");
        client.expect(99, "refused twice", Error("Connection refused"));
        client.settle_and_finish();
    }
}

#[test]
fn names_that_cannot_be_resolved() {
    let mut client = start(&["--connect-timeout=20"]);
    client.get(1, 80, "address=nowhere.invalid");
    client.get(2, 80, "address=nowhere.invalid flags=tls,pipeline");
    client.get(3, 80, "address=nowhere.invalid flags=tls,pipeline");
    client.expect(1, "unresolvable", Error("nowhere.invalid"));
    client.expect(2, "unresolvable", Error("nowhere.invalid"));
    client.expect(3, "behind it", Error("nowhere.invalid"));
    client.settle_and_finish();
}

#[test]
fn context_destroyed_with_lookups_outstanding() {
    let mut client = start(&[]);
    for id in 1..=20 {
        client.get(id, 80, &format!("address=nowhere{id}.invalid"));
    }
    client.wait(20, "NEW");
    client.finish();
}

/// Has the bound socket listen with a queue that is full: connects to it hang.
fn black_hole(socket: OwnedFd) -> BlackHole {
    rustix::net::listen(&socket, 0).expect("listening");
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().expect("an address");
    let mut held = vec![OwnedFd::from(listener)];
    // more than the queue takes: the last of them hang themselves
    for _ in 0..4 {
        let fd = tcp_socket(address, SocketFlags::NONBLOCK);
        let _ = rustix::net::connect(&fd, &address);
        held.push(fd);
    }
    BlackHole { _held: held }
}

struct BlackHole {
    _held: Vec<OwnedFd>,
}

fn tcp_socket(address: SocketAddr, flags: SocketFlags) -> OwnedFd {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    socket_with(family, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None).expect("a socket")
}

/// Bound, and not listening: refuses, and keeps the port.
fn bound_to(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let socket = tcp_socket(address, SocketFlags::empty());
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

fn bound() -> (u16, OwnedFd) {
    let socket = bound_to(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    let address = rustix::net::getsockname(&socket).expect("an address");
    (SocketAddr::try_from(address).expect("an IP address").port(), socket)
}

/// Sockets bound to both loopback addresses, with one port: it, that of IPv4, that of IPv6.
fn both_loopbacks() -> (u16, OwnedFd, OwnedFd) {
    for _ in 0..100 {
        let (port, four) = bound();
        if let Ok(six) = bound_to(SocketAddr::from((Ipv6Addr::LOCALHOST, port))) {
            return (port, four, six);
        }
    }
    panic!("no port is free on both loopback addresses");
}

fn listening(socket: OwnedFd) -> TcpListener {
    rustix::net::listen(&socket, 64).expect("listening");
    TcpListener::from(socket)
}

#[test]
fn connects_that_hang_time_out() {
    let (port, socket) = bound();
    let _hole = black_hole(socket);
    let mut client = start(&["--connect-timeout=1"]);
    client.get(1, port, "");
    client.get(2, port, "flags=pipeline");
    client.get(3, port, "flags=pipeline");
    client.expect(1, "black hole", Error("Timed out waiting for the connection"));
    client.expect(2, "black hole", Error("Timed out waiting for the connection"));
    client.expect(3, "behind it", Error("Timed out waiting for the connection"));
    assert!(client.settle() < 40);
    client.finish();
}

#[test]
fn the_second_address_is_used_when_the_first_refuses() {
    let (port, _four, six) = both_loopbacks();
    good_on(listening(six), 1);
    let mut client = start(&[]);
    client.get(1, port, "address=localhost");
    client.expect(1, "the second", Whole(5));
    assert_eq!(client.times(1, "CONNECTING"), 2);
    client.settle_and_finish();
}

#[test]
fn the_second_address_wins_when_the_first_hangs() {
    for (args, expected) in [
        (&[][..], Whole(5)),
        (&["--close-says-1"], Whole(5)),
        // the loop takes neither the one that races nor, when it has won, its handover
        (&["--refuse=2-3", "--connect-timeout=1"], Error("sock accept")),
        (&["--refuse=3-4"], Error("sock accept")),
    ] {
        let (port, four, six) = both_loopbacks();
        let _hole = black_hole(four);
        good_on(listening(six), 1);
        let mut client = start(args);
        client.get(1, port, "address=localhost");
        client.expect(1, "the second", expected);
        client.settle_and_finish();
    }
}

#[test]
fn both_addresses_hang_or_the_second_refuses() {
    let (port, four, six) = both_loopbacks();
    let _hole = black_hole(four);
    let mut client = start(&["--connect-timeout=1"]);
    client.get(1, port, "address=localhost");
    client.expect(1, "the second refuses", Error("Timed out waiting for the connection"));
    let _other = black_hole(six);
    client.get(2, port, "address=localhost");
    client.expect(2, "both hang", Error("Timed out waiting for the connection"));
    assert!(client.settle() < 60);
    // destroyed in the middle of the race
    client.get(3, port, "address=localhost");
    let mut under_way = 0;
    client.running.wait_line("both under way", |line| {
        under_way += i32::from(line == "3 CONNECTING");
        (under_way == 2).then_some(())
    });
    client.finish();
}

/// The loop has no room; later it has.
#[test]
fn sock_accept_refuses() {
    let (port, _) = good(1);
    let mut client = start(&["--refuse=1-3"]);
    client.get(1, port, "");
    client.expect(1, "refused", Null);
    client.get(2, port, "");
    client.expect(2, "refused", Null);
    client.get(3, port, "");
    client.expect(3, "taken", Whole(5));
    client.settle_and_finish();

    let (port, _) = good(1);
    let mut client = start(&["--refuse=1-2"]);
    client.get(1, port, "address=localhost");
    client.expect(1, "the first refused by the loop, the second by the peer", Error("Connection refused"));
    client.settle_and_finish();
}

#[test]
fn what_cannot_be_connected_is_null() {
    let (port, _) = good(1);
    let mut client = start(&[]);
    client.get(1, port, "iface=no-such-interface");
    client.get(2, port, "iface=192.0.2.1");
    client.get(3, 1, "address=+/nonexistent/socket");
    for id in 1..=3 {
        client.expect(id, "at once", Null);
    }
    client.settle_and_finish();
}

// ---------------------------------------------------------------------------------------------
// TLS that fails
// ---------------------------------------------------------------------------------------------

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

// ---------------------------------------------------------------------------------------------
// HTTP/1 answers that are wrong, or not whole
// ---------------------------------------------------------------------------------------------

fn bad_answers() -> Vec<(&'static str, Vec<u8>, Then, Outcome)> {
    let head = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n").into_bytes();
    let with = |lines: &str, body: &str| [head(lines), body.as_bytes().to_vec()].concat();
    let many = |count: usize| head(&"x-filler: 0123456789012345678901234567890123456789\r\n".repeat(count));
    let chunked = |body: &str| with("transfer-encoding: chunked\r\n", body);
    let mut cases = vec![
        ("nothing", vec![], Then::Close, Error("before the response")),
        ("nothing, reset", vec![], Then::Reset, Error("reset")),
        ("part of the status line", b"HTTP/1.1 20".to_vec(), Then::Close, Error("head")),
        ("part of the head", b"HTTP/1.1 200 OK\r\ncontent-le".to_vec(), Then::Close, Error("head")),
        ("only an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), Then::Close, Error("response")),
        ("100 Continue for ever", b"HTTP/1.1 100 C\r\n\r\n".repeat(100), Then::Wait, Error("")),
        ("not HTTP", b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(), Then::Wait, Error("")),
        ("HTTP/2", b"HTTP/2.0 200 OK\r\n\r\n".to_vec(), Then::Wait, Error("")),
        ("HTTP/0.9", b"<html>hello</html>".to_vec(), Then::Close, Error("")),
        ("a TLS alert", vec![21, 3, 1, 0, 2, 2, 70], Then::Close, Error("")),
        ("zeros", vec![0; 5000], Then::Wait, Error("")),
        ("status of two digits", b"HTTP/1.1 20 OK\r\n\r\n".to_vec(), Then::Wait, Error("")),
        ("status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n".to_vec(), Then::Wait, Error("")),
        ("status 099", b"HTTP/1.1 099 OK\r\n\r\n".to_vec(), Then::Wait, Error("")),
        ("no status", b"HTTP/1.1 OK\r\n\r\n".to_vec(), Then::Wait, Error("")),
        ("a NUL in the head", head("x: a\0b\r\n"), Then::Wait, Error("")),
        ("a line without a colon", head("nocolon\r\n"), Then::Wait, Error("")),
        ("a folded line", head("x: a\r\n b\r\n"), Then::Wait, Error("")),
        ("a blank before the colon", head("content-length : 5\r\n"), Then::Wait, Error("")),
        (
            "an endless status line",
            [b"HTTP/1.1 200 ".as_slice(), &vec![b'x'; 200_000]].concat(),
            Then::Wait,
            Error(""),
        ),
        ("an endless header", with("x: ", &"y".repeat(200_000)), Then::Wait, Error("")),
        ("a megabyte of headers", many(20_000), Then::Wait, Error("")),
        ("content-length: -1", with("content-length: -1\r\n", "hello"), Then::Wait, Error("")),
        ("content-length: 5x", with("content-length: 5x\r\n", "hello"), Then::Wait, Error("")),
        ("content-length: 0x5", with("content-length: 0x5\r\n", "hello"), Then::Wait, Error("")),
        ("content-length: 2^64", with("content-length: 18446744073709551616\r\n", ""), Then::Wait, Error("")),
        (
            "two content-lengths",
            with("content-length: 5\r\ncontent-length: 6\r\n", "hello!"),
            Then::Wait,
            Error(""),
        ),
        (
            "content-length and chunked",
            with("content-length: 5\r\ntransfer-encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
            Then::Wait,
            Error(""),
        ),
        ("another coding", with("transfer-encoding: gzip\r\n", "hello"), Then::Wait, Error("")),
        (
            "101 that nobody asked for",
            b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n".to_vec(),
            Then::Wait,
            Error(""),
        ),
        ("half of the content-length", with("content-length: 10\r\n", "hello"), Then::Close, Cut(5)),
        ("half of it, reset", with("content-length: 10\r\n", "hello"), Then::Reset, Cut(5)),
        ("none of the content-length", with("content-length: 10\r\n", ""), Then::Close, Cut(0)),
        ("no last chunk", chunked("5\r\nhello\r\n"), Then::Close, Cut(5)),
        ("within a chunk", chunked("a\r\nhello"), Then::Close, Cut(5)),
        ("within a chunk's size", chunked("5\r\nhello\r\n1"), Then::Close, Cut(5)),
        ("within the trailers", chunked("5\r\nhello\r\n0\r\nx: y\r\n"), Then::Close, Cut(5)),
        ("a chunk's size that is none", chunked("5\r\nhello\r\nxyz\r\n"), Then::Wait, Cut(5)),
        ("a chunk of 2^64", chunked("5\r\nhello\r\n10000000000000000\r\n"), Then::Wait, Cut(5)),
        ("a chunk longer than its size", chunked("5\r\nhello!\r\n0\r\n\r\n"), Then::Wait, Cut(5)),
        ("a negative chunk", chunked("5\r\nhello\r\n-1\r\n"), Then::Wait, Cut(5)),
        ("chunks that end in LF", chunked("5\nhello\n0\n\n"), Then::Wait, Cut(0)),
        ("an endless chunk extension", chunked(&format!("5;{}", "x".repeat(200_000))), Then::Wait, Cut(0)),
        ("endless trailers", chunked(&format!("0\r\n{}", "x: y\r\n".repeat(50_000))), Then::Wait, Cut(0)),
        ("until close", with("", "hello"), Then::Close, Whole(5)),
        ("until close, but reset", with("", "hello"), Then::Reset, Cut(5)),
        ("more than the content-length", with("content-length: 5\r\n", "hello, world"), Then::Wait, Whole(5)),
        (
            "204 with a body",
            b"HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\nhello".to_vec(),
            Then::Wait,
            Whole(0),
        ),
        ("HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nhello".to_vec(), Then::Close, Whole(5)),
    ];
    // whatever the head says, a redirect's must be understood as well
    for (name, location) in [
        ("redirected to a scheme that is not spoken", "gopher://localhost/"),
        ("redirected to what is no URL", "http://[::1/"),
        ("redirected to no port", "http://localhost:99999/"),
    ] {
        let lines = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        cases.push((name, lines.into_bytes(), Then::Wait, Error("redirected")));
    }
    cases
}

#[test]
fn bad_answers_are_never_whole() {
    let mut client = start(&[]);
    for (id, (_, bytes, then, _)) in bad_answers().into_iter().enumerate() {
        client.get(id, answers(bytes, then), "");
    }
    for (id, (name, _, _, outcome)) in bad_answers().into_iter().enumerate() {
        client.expect(id, name, outcome);
    }
    client.settle_and_finish();
}

/// The same, byte by byte and over a connection that others wait for.
#[test]
fn bad_answers_in_pieces_do_not_harm_the_next() {
    let mut client = start(&[]);
    let mut cases = bad_answers();
    // a reset throws away what has not left yet: nobody knows how many pieces
    cases.retain(|(_, bytes, then, _)| bytes.len() < 300 && (bytes.is_empty() || *then != Then::Reset));
    for (id, (_, bytes, then, _)) in cases.iter().cloned().enumerate() {
        let (port, _) = serve(move |listener| {
            let mut socket = accept(listener);
            read_head(&mut socket);
            for byte in bytes {
                if socket.write_all(&[byte]).is_err() {
                    break;
                }
            }
            let (then, other) = (then, accept_after(socket, listener, then));
            let mut socket = other;
            read_head(&mut socket);
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
            end(socket, then);
        });
        client.get(2 * id, port, "flags=pipeline");
        client.get(2 * id + 1, port, "flags=pipeline");
    }
    for (id, (name, _, _, outcome)) in cases.iter().enumerate() {
        client.expect(2 * id, name, *outcome);
        client.expect(2 * id + 1, &format!("after {name}"), Whole(5));
    }
    client.settle_and_finish();
}

/// Ends one connection and accepts the next.
fn accept_after(socket: TcpStream, listener: &TcpListener, then: Then) -> TcpStream {
    end(socket, then);
    accept(listener)
}

/// A server may answer before it has the whole request, and stop reading it: the answer counts.
#[test]
fn an_early_answer_is_heard_although_the_body_cannot_be_sent() {
    for then in [Then::Close, Then::Reset] {
        let (port, _) = serve(move |listener| {
            let mut socket = accept(listener);
            read_head(&mut socket);
            let _ = socket
                .write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig");
            let _ = socket.shutdown(Shutdown::Write);
            // it reads some, then no more
            let _ = socket.read_exact(&mut vec![0; 20_000]);
            end(socket, then);
        });
        let mut client = start(&[]);
        client.get(1, port, "method=POST body=50000000");
        client.expect(1, "413", Whole(3));
        client.settle_and_finish();
    }
}

#[test]
fn a_server_that_takes_no_body_times_out() {
    let (port, _) = serve(|listener| {
        let mut socket = accept(listener);
        read_head(&mut socket);
        let _client = socket.try_clone();
        // until the client goes
        while socket.peek(&mut [0; 1]).is_ok() && !is_closed(&socket) {
            std::thread::yield_now();
        }
    });
    let mut client = start(&["--timeout=1"]);
    client.get(1, port, "method=POST body=50000000");
    client.expect(1, "stalled", Error(""));
    assert!(client.settle() < 200);
    client.finish();
}

fn is_closed(socket: &TcpStream) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut fds = [PollFd::new(socket, PollFlags::RDHUP)];
    poll(&mut fds, None).expect("poll");
    true
}

#[test]
fn a_body_that_stalls_times_out() {
    let mut client = start(&["--timeout=1"]);
    let cases = [
        ("no answer", "", Error("Timed out waiting server reply")),
        ("half a head", "HTTP/1.1 200 OK\r\n", Error("Timed out waiting server reply")),
        ("half a body", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", Cut(5)),
        ("a body without end", "HTTP/1.1 200 OK\r\n\r\nhello", Cut(5)),
        ("half a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhello", Cut(5)),
    ];
    for (id, (_, bytes, _)) in cases.iter().enumerate() {
        client.get(id, answers(*bytes, Then::Wait), "");
    }
    for (id, (name, _, outcome)) in cases.iter().enumerate() {
        client.expect(id, name, *outcome);
    }
    assert!(client.settle() < 60);
    client.finish();
}

// ---------------------------------------------------------------------------------------------
// Flow of what is received
// ---------------------------------------------------------------------------------------------

/// The program does not read when it is told of a body, and does so later.
#[test]
fn a_body_that_is_read_later() {
    let body = vec![b'x'; 3_000_000];
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let bytes = [head.as_bytes(), &body].concat();
    for (then, more) in [(Then::Wait, ""), (Then::Close, ""), (Then::Close, "flags=pipeline")] {
        let port = answers(bytes.clone(), then);
        // longer than a timeout of a server that says nothing
        let mut client = start(&["--timeout=1"]);
        client.get(1, port, &format!("mode=noread {more}"));
        client.wait(1, "UNREAD");
        let (other, _) = good(1);
        client.get(2, other, "");
        client.expect(2, "another meanwhile", Whole(5));
        assert_eq!(client.times(1, "UNREAD"), 1, "told once until it reads");
        client.running.tell("read id=1");
        client.expect(1, "read later", Whole(3_000_000));
        client.settle_and_finish();
    }
}

/// What a program reads when no callback is on the stack counts for the server's windows, too.
#[test]
fn a_body_is_read_outside_of_callbacks() {
    const FRAMES: u64 = 1500;
    let (port, _) = serve(|listener| {
        while let Some(mut peer) = accept_h2(listener, &[]) {
            let stream = next_request(&mut peer).expect("a request");
            peer.send(h2_head(stream, 0, &[]));
            // as much as the client's SETTINGS allow, and a third of all
            let mut window = 8_u32 << 20;
            for n in 1..=FRAMES {
                while window < 16_384 {
                    let frame = peer.next().expect("room for more");
                    let increment = frame.payload.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
                    if frame.kind == h2::WINDOW_UPDATE && frame.stream == stream {
                        window += increment;
                    }
                }
                let flags = if n == FRAMES { h2::END_STREAM } else { 0 };
                if peer.try_send(h2::frame(h2::DATA, flags, stream, &[b'x'; 16_384])).is_err() {
                    break;
                }
                window -= 16_384;
            }
            std::thread::spawn(move || drain(&mut peer.stream));
        }
    });
    let mut client = start(&["--timeout=5"]);
    client.get(1, port, "flags=h2 mode=pull");
    client.expect(1, "pulled", Whole(FRAMES * 16_384));
    client.settle_and_finish();
}

/// Where no callback can return that it has had enough, the connection goes all the same.
#[test]
fn a_body_is_refused_outside_of_callbacks() {
    let port = answers(*b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhello", Then::Wait);
    let mut client = start(&["--timeout=60"]);
    client.get(1, port, "mode=noread strike=fail@READ");
    client.wait(1, "UNREAD");
    client.running.tell("read id=1");
    client.expect(1, "refused", Cut(5));
    client.settle_and_finish();
}

#[test]
fn a_body_is_unread_at_the_end() {
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    for then in [Then::Wait, Then::Close, Then::Reset] {
        let mut client = start(&[]);
        client.get(1, answers(*bytes, then), "mode=noread");
        client.wait(1, "UNREAD");
        client.get(2, answers(*bytes, then), "mode=noread");
        client.wait(2, "UNREAD");
        client.running.tell("kill id=2");
        client.expect(2, "killed", Cut(0));
        client.finish();
    }
}

#[test]
fn rx_is_paused_and_resumed() {
    let body = vec![b'x'; 2_000_000];
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let (port, _) = serve(move |listener| {
        let mut socket = accept(listener);
        read_head(&mut socket);
        let _ = socket.write_all(head.as_bytes());
        let _ = socket.write_all(&body);
    });
    let mut client = start(&[]);
    client.get(1, port, "");
    client.wait(1, "ESTABLISHED");
    client.running.tell("pause id=1");
    client.running.tell("resume id=1");
    client.expect(1, "resumed", Whole(2_000_000));
    client.settle_and_finish();
}

// ---------------------------------------------------------------------------------------------
// Requests in a queue
// ---------------------------------------------------------------------------------------------

/// The connection goes from one request to the next: the loop is told of each.
#[test]
fn a_kept_connection_is_handed_over() {
    for args in [&[][..], &["--close-says-1"]] {
        let (port, told) = good(100);
        let mut client = start(args);
        for id in 0..10 {
            client.get(id, port, &format!("path=/{id} flags=pipeline"));
        }
        for id in 0..10 {
            client.expect(id, "queued", Whole(5));
        }
        let asked: Vec<String> = (0..10).map(|_| told.recv_timeout(DEADLINE).expect("a request")).collect();
        assert_eq!(asked, (0..10).map(|id| format!("GET /{id} HTTP/1.1")).collect::<Vec<_>>());
        // one socket for all
        let connected = (0..10).map(|id| client.times(id, "CONNECTING")).sum::<usize>();
        assert_eq!(connected, 1);
        client.settle_and_finish();
    }
}

/// The loop refuses what is handed over: that request fails, those behind it do not.
#[test]
fn a_handover_is_refused() {
    let (port, _) = good(100);
    let mut client = start(&["--refuse=2-3"]);
    for id in 0..4 {
        client.get(id, port, "flags=pipeline");
    }
    client.expect(0, "the first", Whole(5));
    client.expect(1, "the refused", Error("sock accept"));
    client.expect(2, "the next", Whole(5));
    client.expect(3, "the last", Whole(5));
    client.settle_and_finish();
}

/// A server that closes after each answer, with and without saying so; also one that has closed when the next asks.
#[test]
fn a_kept_connection_is_lost_between_requests() {
    for then in [Then::Close, Then::Reset] {
        let port = answers("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", then);
        let mut client = start(&[]);
        for id in 0..6 {
            client.get(id, port, "flags=pipeline");
        }
        for id in 0..6 {
            client.expect(id, "asked again", Whole(5));
        }
        client.settle_and_finish();
    }
    // it answers two, and resets when it has read the third
    for then in [Then::Close, Then::Reset] {
        let (port, _) = serve(move |listener| {
            loop {
                let mut socket = accept(listener);
                for _ in 0..2 {
                    read_head(&mut socket);
                    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
                }
                read_head(&mut socket);
                end(socket, then);
            }
        });
        let mut client = start(&[]);
        for id in 0..6 {
            client.get(id, port, "flags=pipeline");
        }
        for id in 0..6 {
            client.expect(id, "asked again", Whole(5));
        }
        client.settle_and_finish();
    }
}

#[test]
fn the_leader_fails_or_is_closed() {
    // it never connects: nor would those behind it
    let mut client = start(&[]);
    let refused = refused_port();
    for id in 0..3 {
        client.get(id, refused, "flags=pipeline");
    }
    for id in 0..3 {
        client.expect(id, "refused", Error("Connection refused"));
    }
    // its answer is wrong: those behind it ask anew
    let (port, _) = serve(|listener| {
        let mut socket = accept(listener);
        read_head(&mut socket);
        let _ = socket.write_all(b"garbage\r\n\r\n");
        drop(socket);
        let mut socket = accept(listener);
        while !read_head(&mut socket).is_empty() {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
        }
    });
    for id in 10..13 {
        client.get(id, port, "flags=pipeline");
    }
    client.expect(10, "garbage", Error(""));
    client.expect(11, "behind it", Whole(5));
    client.expect(12, "behind it", Whole(5));
    client.settle_and_finish();

    // the program closes it, before and after it is connected, and one that waits
    for kill in ["kill", "kill-sync"] {
        let (port, _) = serve(|listener| {
            let mut socket = accept(listener);
            drain(&mut socket);
            let mut socket = accept(listener);
            while !read_head(&mut socket).is_empty() {
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
            }
        });
        let mut client = start(&[]);
        for id in 0..4 {
            client.get(id, port, "flags=pipeline");
        }
        client.wait(0, "APPEND");
        client.running.tell(&format!("{kill} id=2"));
        client.expect(2, "closed in the queue", Error("closed"));
        client.running.tell(&format!("{kill} id=0"));
        client.expect(0, "closed", Error("closed"));
        client.expect(1, "behind it", Whole(5));
        client.expect(3, "behind it", Whole(5));
        client.settle_and_finish();
    }
}

/// Nothing is connected any more for those that wait when everything ends.
#[test]
fn context_destroyed_with_a_queue() {
    for flags in ["pipeline", "pipeline,h2"] {
        let (port, connections) = serve(|listener| {
            let mut socket = accept(listener);
            drain(&mut socket);
            listener.set_nonblocking(true).expect("nonblocking");
            usize::from(listener.accept().is_ok())
        });
        let mut client = start(&[]);
        for id in 0..4 {
            client.get(id, port, &format!("flags={flags}"));
        }
        client.wait(0, "APPEND");
        client.finish();
        assert_eq!(connections.recv_timeout(DEADLINE), Ok(0), "connected anew while the context ends");
    }
}

// ---------------------------------------------------------------------------------------------
// Redirects
// ---------------------------------------------------------------------------------------------

#[test]
fn redirects_end_after_four() {
    let (port, _) = serve(|listener| {
        loop {
            let mut socket = accept(listener);
            read_head(&mut socket);
            let _ = socket.write_all(b"HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let mut client = start(&[]);
    client.get(1, port, "");
    client.get(2, port, "flags=pipeline");
    client.expect(1, "a circle", Error("redirected more than 4 times"));
    client.expect(2, "a circle", Error("redirected more than 4 times"));
    assert_eq!(client.times(1, "REDIRECT"), 4);
    assert_eq!(client.times(1, "CONNECTING"), 5);
    client.settle_and_finish();
}

#[test]
fn redirects_lead_nowhere() {
    let nowhere = refused_port();
    let to = |location: String| {
        answers(
            format!("HTTP/1.1 307 Go\r\nlocation: {location}\r\ncontent-length: 9\r\n\r\nelsewhere"),
            Then::Wait,
        )
    };
    let mut client = start(&["--refuse=9-10"]);
    client.get(1, to(format!("http://127.0.0.1:{nowhere}/")), "");
    client.get(2, to(format!("http://127.0.0.1:{nowhere}/")), "flags=pipeline");
    client.get(3, to("http://nowhere.invalid/".to_owned()), "");
    client.expect(1, "refused", Error("Connection refused"));
    client.expect(2, "refused", Error("Connection refused"));
    client.expect(3, "unknown", Error("nowhere.invalid"));
    let (good, _) = good(1);
    client.get(4, to(format!("http://127.0.0.1:{good}/")), "");
    client.expect(4, "found", Whole(5));
    client.settle_and_finish();
}

// ---------------------------------------------------------------------------------------------
// HTTP/2
// ---------------------------------------------------------------------------------------------

type Peer = h2::Client<TcpStream>;

/// The server's side of an HTTP/2 connection whose preface and SETTINGS have been exchanged.
fn accept_h2(listener: &TcpListener, settings: &[(u16, u32)]) -> Option<Peer> {
    let mut socket = accept(listener);
    let mut preface = [0; 24];
    socket.read_exact(&mut preface).ok()?;
    let mut peer = h2::Client::silent(socket);
    peer.try_send(h2::settings(settings)).ok()?;
    Some(peer)
}

/// The next request: its stream. `None` when the client has gone.
fn next_request(peer: &mut Peer) -> Option<u32> {
    next_head(peer).map(|(stream, _)| stream)
}

/// The next request: its stream, and whether its head is all of it.
fn next_head(peer: &mut Peer) -> Option<(u32, bool)> {
    loop {
        let frame = peer.next()?;
        if frame.flags & h2::ACK == 0 && matches!(frame.kind, h2::SETTINGS | h2::PING) {
            let payload = if frame.kind == h2::PING { frame.payload.as_slice() } else { &[] };
            let _ = peer.try_send(h2::frame(frame.kind, h2::ACK, 0, payload));
        }
        if frame.kind == h2::HEADERS {
            return Some((frame.stream, frame.flags & h2::END_STREAM != 0));
        }
    }
}

/// Reads the body of the request up to its end, or to the client's; its bytes.
fn body_of(peer: &mut Peer, stream: u32) -> usize {
    let mut bytes = 0;
    while let Some(frame) = peer.next() {
        if frame.kind == h2::DATA && frame.stream == stream {
            bytes += frame.payload.len();
            if frame.flags & h2::END_STREAM != 0 {
                break;
            }
        }
    }
    bytes
}

fn h2_head(stream: u32, flags: u8, more: &[(&str, &str)]) -> Vec<u8> {
    let mut headers = vec![(":status", "200")];
    headers.extend_from_slice(more);
    h2::frame(h2::HEADERS, h2::END_HEADERS | flags, stream, &h2::block(&headers))
}

fn h2_answer(stream: u32) -> Vec<u8> {
    [h2_head(stream, 0, &[("content-length", "5")]), h2::frame(h2::DATA, h2::END_STREAM, stream, b"hello")]
        .concat()
}

fn rst(stream: u32, code: u32) -> Vec<u8> {
    h2::frame(h2::RST_STREAM, 0, stream, &code.to_be_bytes())
}

fn goaway(last: u32, code: u32) -> Vec<u8> {
    h2::frame(h2::GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// Answers the first request of the first connection with the bytes, then ends; what comes after is answered well.
fn answers_h2(bytes: Vec<u8>, then: Then) -> u16 {
    serve(move |listener| {
        if let Some(mut peer) = accept_h2(listener, &[]) {
            if next_request(&mut peer).is_some() {
                let _ = peer.try_send(bytes);
            }
            end(peer.stream, then);
        }
        while let Some(mut peer) = accept_h2(listener, &[]) {
            while let Some(stream) = next_request(&mut peer) {
                let _ = peer.try_send(h2_answer(stream));
            }
        }
    })
    .0
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn bad_h2_answers() -> Vec<(&'static str, Vec<u8>, Then, Outcome)> {
    let data = |flags, bytes: &[u8]| h2::frame(h2::DATA, flags, 1, bytes);
    let with = |head: Vec<u8>, rest: &[Vec<u8>]| [head, rest.concat()].concat();
    let plain = |flags| h2_head(1, flags, &[]);
    let length = |flags, length| h2_head(1, flags, &[("content-length", length)]);
    let half = || with(length(0, "10"), &[data(0, b"hello")]);
    let status = |text: &str| h2::frame(h2::HEADERS, 5, 1, &h2::block(&[(":status", text)]));
    vec![
        ("nothing", vec![], Then::Close, Error("")),
        ("nothing, reset", vec![], Then::Reset, Error("")),
        ("HTTP/1", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), Then::Wait, Error("HTTP/2")),
        ("an unknown stream", h2::frame(h2::DATA, 0, 7, b"x"), Then::Wait, Error("HTTP/2")),
        ("DATA before the head", data(0, b"hello"), Then::Wait, Error("HTTP/2")),
        (
            "HEADERS on stream 0",
            h2::frame(h2::HEADERS, 5, 0, &h2::block(&[(":status", "200")])),
            Then::Wait,
            Error("HTTP/2"),
        ),
        (
            "HEADERS on an even stream",
            h2::frame(h2::HEADERS, 5, 2, &h2::block(&[(":status", "200")])),
            Then::Wait,
            Error("HTTP/2"),
        ),
        ("a frame over the size", h2::frame(h2::DATA, 0, 1, &vec![0; 70_000]), Then::Wait, Error("HTTP/2")),
        ("SETTINGS of five bytes", h2::frame(h2::SETTINGS, 0, 0, &[0; 5]), Then::Wait, Error("HTTP/2")),
        ("a window update of 0", h2::frame(h2::WINDOW_UPDATE, 0, 0, &[0; 4]), Then::Wait, Error("HTTP/2")),
        (
            "a window over the limit",
            h2::frame(h2::WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()),
            Then::Wait,
            Error("HTTP/2"),
        ),
        ("an initial window over the limit", h2::settings(&[(4, 0x8000_0000)]), Then::Wait, Error("HTTP/2")),
        ("PUSH_PROMISE", h2::frame(h2::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2, 0x88]), Then::Wait, Error("HTTP/2")),
        (
            "headers that do not decode",
            h2::frame(h2::HEADERS, 5, 1, &[0xff; 20]),
            Then::Wait,
            Error("HTTP/2"),
        ),
        ("CONTINUATION of nothing", h2::frame(h2::CONTINUATION, 4, 1, &[0x88]), Then::Wait, Error("HTTP/2")),
        (
            "headers without end, then DATA",
            [h2::frame(h2::HEADERS, 0, 1, &[0x88]), data(0, b"x")].concat(),
            Then::Wait,
            Error("HTTP/2"),
        ),
        ("no status", h2::frame(h2::HEADERS, 5, 1, &h2::block(&[("x", "y")])), Then::Wait, Error("HTTP/2")),
        ("a status of letters", status("abc"), Then::Wait, Error("HTTP/2")),
        ("a header in capitals", h2_head(1, 1, &[("X-Y", "z")]), Then::Wait, Error("HTTP/2")),
        (
            "connection: keep-alive",
            h2_head(1, 1, &[("connection", "keep-alive")]),
            Then::Wait,
            Error("HTTP/2"),
        ),
        ("headers over the limit", h2_head(1, 1, &[("x", &"y".repeat(60_000))]), Then::Wait, Error("HTTP/2")),
        ("RST_STREAM before the head", rst(1, 2), Then::Wait, Error("HTTP/2")),
        ("GOAWAY with an error", goaway(1, 2), Then::Close, Error("HTTP/2")),
        (
            "only an interim answer",
            h2::frame(h2::HEADERS, 5, 1, &h2::block(&[(":status", "103")])),
            Then::Wait,
            Error("HTTP/2"),
        ),
        ("RST_STREAM after the head", with(plain(0), &[rst(1, 2)]), Then::Wait, Cut(0)),
        ("RST_STREAM with NO_ERROR in the body", with(half(), &[rst(1, 0)]), Then::Wait, Within(5)),
        ("close after the head", plain(0), Then::Close, Cut(0)),
        ("close in the body", half(), Then::Close, Within(5)),
        ("close in the body of no length", with(plain(0), &[data(0, b"hello")]), Then::Close, Within(5)),
        ("reset in the body", half(), Then::Reset, Within(5)),
        ("GOAWAY in the body, and close", with(half(), &[goaway(1, 0)]), Then::Close, Within(5)),
        ("GOAWAY with an error in the body", with(half(), &[goaway(1, 2)]), Then::Close, Within(5)),
        ("a frame cut off", with(half(), &[vec![0, 0, 5, 0]]), Then::Close, Within(5)),
        (
            "the end before the content-length",
            with(length(0, "10"), &[data(1, b"hello")]),
            Then::Wait,
            Within(5),
        ),
        ("DATA over the content-length", with(length(0, "3"), &[data(1, b"hello")]), Then::Wait, Cut(0)),
        ("no DATA, but a content-length", length(1, "5"), Then::Wait, Error("")),
        (
            "trailers before the content-length",
            with(half(), &[h2::frame(h2::HEADERS, 5, 1, &h2::block(&[("x", "y")]))]),
            Then::Wait,
            Within(5),
        ),
        (
            "DATA with more padding than it has",
            with(plain(0), &[h2::frame(h2::DATA, 8, 1, &[9, 0])]),
            Then::Wait,
            Cut(0),
        ),
        (
            "a second head that does not end",
            with(plain(0), &[h2::frame(h2::HEADERS, 4, 1, &h2::block(&[("x", "y")]))]),
            Then::Wait,
            Cut(0),
        ),
        (
            "two content-lengths",
            h2_head(1, 1, &[("content-length", "5"), ("content-length", "6")]),
            Then::Wait,
            Error(""),
        ),
    ]
}

#[test]
fn bad_h2_answers_are_never_whole() {
    let mut client = start(&["--timeout=10"]);
    for (id, (_, bytes, then, _)) in bad_h2_answers().into_iter().enumerate() {
        client.get(id, answers_h2(bytes, then), "flags=h2");
    }
    for (id, (name, _, _, outcome)) in bad_h2_answers().into_iter().enumerate() {
        client.expect(id, name, outcome);
    }
    client.settle_and_finish();
}

/// The same on a connection that others wait for; they ask anew where the connection is lost.
#[test]
fn bad_h2_answers_do_not_harm_the_next() {
    let mut client = start(&["--timeout=10"]);
    let lost: Vec<_> = bad_h2_answers().into_iter().filter(|(_, _, then, _)| *then != Then::Wait).collect();
    for (id, (_, bytes, then, _)) in lost.iter().cloned().enumerate() {
        // the first connection takes one request at a time
        let (port, _) = serve(move |listener| {
            if let Some(mut peer) = accept_h2(listener, &[(3, 1)]) {
                if next_request(&mut peer).is_some() {
                    let _ = peer.try_send(bytes);
                }
                end(peer.stream, then);
            }
            while let Some(mut peer) = accept_h2(listener, &[]) {
                while let Some(stream) = next_request(&mut peer) {
                    let _ = peer.try_send(h2_answer(stream));
                }
            }
        });
        for n in 0..3 {
            client.get(10 * id + n, port, "flags=h2,pipeline");
        }
    }
    for (id, (name, _, _, outcome)) in lost.iter().enumerate() {
        client.expect(10 * id, name, *outcome);
        client.expect(10 * id + 1, &format!("after {name}"), Whole(5));
        client.expect(10 * id + 2, &format!("after {name}"), Whole(5));
    }
    client.settle_and_finish();
}

#[test]
fn a_server_that_overflows_its_window_is_cut_off() {
    /// What the client announces for a stream.
    const WINDOW: usize = 8 * 1024 * 1024;
    const FRAME: usize = 16_384;
    let (port, refusal) = serve(|listener| {
        let mut peer = accept_h2(listener, &[])?;
        next_request(&mut peer)?;
        peer.send(h2_head(1, 0, &[]));
        let frame = h2::frame(h2::DATA, 0, 1, &[b'x'; FRAME]);
        for _ in 0..=WINDOW / FRAME {
            peer.send(&frame);
        }
        let refusal = peer.refusal(1);
        std::thread::spawn(move || end(peer.stream, Then::Wait));
        refusal
    });
    let mut client = start(&[]);
    // the program takes nothing at first, so that nothing is given back
    client.get(1, port, "flags=h2,manual credit=10");
    let refusal = refusal.recv_timeout(DEADLINE).expect("the client refuses");
    assert_eq!(refusal, Some((h2::RST_STREAM, h2::FLOW_CONTROL_ERROR)));
    client.running.tell("grant id=1");
    client.expect(1, "overflow", Within((WINDOW + FRAME) as u64));
    client.settle_and_finish();
}

/// Refuses its first request, on each of as many connections as `refusals` says, and before its body unless `body_first`;
/// answers the others. Tells of each request's connection, and how many bytes of body it had.
fn refuses(refusal: Vec<u8>, refusals: usize, body_first: bool) -> (u16, Receiver<(usize, usize)>) {
    let listener = listen();
    let port = port_of(&listener);
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for connection in 0.. {
            let Some(mut peer) = accept_h2(&listener, &[]) else { continue };
            let (refusal, tell) = (refusal.clone(), tell.clone());
            std::thread::spawn(move || {
                let mut refuse = connection < refusals;
                while let Some((stream, ended)) = next_head(&mut peer) {
                    let mut bytes = 0;
                    if !ended && (!refuse || body_first) {
                        bytes = body_of(&mut peer, stream);
                    }
                    let _ = tell.send((connection, bytes));
                    let answer = if refuse { refusal.clone() } else { h2_answer(stream) };
                    refuse = false;
                    let _ = peer.try_send(answer);
                }
            });
        }
    });
    (port, told)
}

/// The server has done nothing with a request that it refuses: that is asked again, once, elsewhere, whatever its method.
#[test]
fn refused_streams_are_asked_again_once() {
    const REQUESTS: [(&str, usize); 4] =
        [("", 0), ("method=POST", 0), ("method=POST body=10000 mode=late", 10_000), ("method=DELETE", 0)];
    for refusal in [rst(1, 7), goaway(0, 0), goaway(0, 2)] {
        for pipeline in ["", ",pipeline"] {
            let mut client = start(&["--timeout=5"]);
            let mut servers = Vec::new();
            for (more, body) in REQUESTS {
                let id = servers.len();
                let (port, asked) = refuses(refusal.clone(), 1, false);
                client.get(id, port, &format!("flags=h2{pipeline} {more}"));
                servers.push((Whole(5), asked, vec![(0, 0), (1, body)]));
                let (port, asked) = refuses(refusal.clone(), 2, false);
                client.get(id + 1, port, &format!("flags=h2{pipeline} {more}"));
                servers.push((Error("HTTP/2: refused: "), asked, vec![(0, 0), (1, 0)]));
            }
            for (id, (outcome, _, _)) in servers.iter().enumerate() {
                client.expect(id, &format!("{refusal:?} {pipeline} {id}"), *outcome);
            }
            client.settle_and_finish();
            for (id, (_, asked, expected)) in servers.into_iter().enumerate() {
                assert_eq!(asked.try_iter().collect::<Vec<_>>(), expected, "{refusal:?} {pipeline} {id}");
            }
        }
    }
}

/// What the program has written of a body, it need not have for a second time.
#[test]
fn refused_bodies_are_not_asked_for_again() {
    for refusal in [rst(1, 7), goaway(0, 0)] {
        let (port, asked) = refuses(refusal, 1, true);
        let mut client = start(&["--timeout=5"]);
        client.get(1, port, "flags=h2 method=POST body=10000");
        client.expect(1, "begun", Error("the request's body has begun"));
        client.settle_and_finish();
        assert_eq!(asked.try_iter().collect::<Vec<_>>(), [(0, 10_000)]);
    }
}

/// A server that leaves may have acted on what its GOAWAY does not refuse.
#[test]
fn requests_that_are_not_refused_are_not_asked_again() {
    for left in [goaway(1, 0), goaway(1, 2), goaway(3, 0), goaway(0x7fff_ffff, 0), rst(1, 8), vec![]] {
        for more in ["", "method=POST"] {
            let (port, told) = serve({
                let left = left.clone();
                move |listener| {
                    let mut peer = accept_h2(listener, &[]).expect("a connection");
                    next_request(&mut peer).expect("a request");
                    let _ = peer.try_send(left);
                    drop(peer);
                    // the last of it: another connection would be next
                    accept_h2(listener, &[]).and_then(|mut peer| next_head(&mut peer))
                }
            });
            let mut client = start(&["--timeout=5"]);
            client.get(1, port, &format!("flags=h2 {more}"));
            client.expect(1, &format!("{left:?} {more}"), Error(""));
            client.settle_and_finish();
            let mut nothing = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
            let _ = nothing.write_all(h2::PREFACE);
            drop(nothing);
            assert_eq!(told.recv_timeout(DEADLINE).expect("no more requests"), None);
        }
    }
}

/// Told to go before the request could be sent: another connection is tried, not one after the other for ever.
#[test]
fn goaway_as_the_first_thing_the_server_says() {
    let config = tls_config(&["h2"], true);
    let (port, _) = serve(move |listener| {
        loop {
            let Some(mut stream) = accept_tls(accept(listener), Arc::clone(&config)) else { continue };
            let _ = stream.write_all(&[h2::settings(&[]), goaway(0, 0)].concat());
            let _ = stream.flush();
            std::thread::spawn(move || drain(&mut stream));
        }
    });
    let mut client = start(&[]);
    for (id, flags) in ["tls", "tls,pipeline", "tls,pipeline"].iter().enumerate() {
        client.get(id, port, &format!("address=localhost alpn=h2 flags={flags}"));
    }
    for id in 0..3 {
        client.expect(id, "GOAWAY", Error("HTTP/2"));
        assert!(client.times(id, "CONNECTING") <= 3, "{}", client.running.transcript());
    }
    client.settle_and_finish();
}

/// A connection that has been told to go takes no new requests; what it has goes on.
#[test]
fn requests_after_a_goaway_go_elsewhere() {
    let (port, _) = serve(|listener| {
        let mut first = accept_h2(listener, &[]).expect("a connection");
        next_request(&mut first).expect("the first");
        first.send([h2_head(1, 0, &[]), goaway(1, 0)].concat());
        let mut second = accept_h2(listener, &[]).expect("another connection");
        while let Some(stream) = next_request(&mut second) {
            let _ = second.try_send(h2_answer(stream));
            if stream == 5 {
                first.send(h2::frame(h2::DATA, h2::END_STREAM, 1, b"hello"));
            }
        }
    });
    let mut client = start(&["--timeout=10"]);
    client.get(1, port, "flags=h2,pipeline");
    client.wait(1, "ESTABLISHED");
    for id in 2..5 {
        client.get(id, port, "flags=h2,pipeline");
    }
    for id in 1..5 {
        client.expect(id, "GOAWAY", Whole(5));
    }
    client.settle_and_finish();
}

/// Those that wait behind a server that takes no streams do not wait for ever.
#[test]
fn a_server_without_streams_times_out() {
    let (port, _) = serve(|listener| {
        while let Some(peer) = accept_h2(listener, &[(3, 0)]) {
            std::thread::spawn(move || end(peer.stream, Then::Wait));
        }
    });
    let mut client = start(&["--timeout=1", "--connect-timeout=1"]);
    client.get(1, port, "flags=h2,pipeline");
    client.get(2, port, "flags=h2,pipeline");
    client.expect(1, "no stream", Error("Timed out"));
    client.expect(2, "no stream", Error("Timed out"));
    client.settle_and_finish();
}

#[test]
fn h2_answers_that_stall_time_out() {
    let cases = [
        ("no answer", vec![], Error("Timed out waiting server reply")),
        ("no body", h2_head(1, 0, &[]), Cut(0)),
        ("half a body", [h2_head(1, 0, &[]), h2::frame(h2::DATA, 0, 1, b"hello")].concat(), Cut(5)),
    ];
    let mut client = start(&["--timeout=1"]);
    for (id, (_, bytes, _)) in cases.iter().cloned().enumerate() {
        client.get(id, answers_h2(bytes, Then::Wait), "flags=h2");
    }
    for (id, (name, _, outcome)) in cases.iter().enumerate() {
        client.expect(id, name, *outcome);
    }
    assert!(client.settle() < 60);
    client.finish();
}

#[test]
fn h2_redirects_end_after_four_and_leave_nothing() {
    for flags in ["h2", "h2,pipeline"] {
        let (port, _) = serve(|listener| {
            while let Some(mut peer) = accept_h2(listener, &[]) {
                std::thread::spawn(move || {
                    while let Some(stream) = next_request(&mut peer) {
                        let block = h2::block(&[(":status", "302"), ("location", "/again")]);
                        let _ = peer.try_send(h2::frame(h2::HEADERS, 5, stream, &block));
                    }
                });
            }
        });
        let mut client = start(&[]);
        client.get(1, port, &format!("flags={flags}"));
        client.expect(1, "a circle", Error("redirected more than 4 times"));
        assert_eq!(client.times(1, "REDIRECT"), 4);
        client.settle_and_finish();
    }
}

/// The connection is the program's to close as well.
#[test]
fn h2_streams_and_their_connection_are_closed_by_the_program() {
    let (port, _) = serve(|listener| {
        while let Some(mut peer) = accept_h2(listener, &[]) {
            std::thread::spawn(move || while next_request(&mut peer).is_some() {});
        }
    });
    for kill in ["kill", "kill-sync"] {
        let mut client = start(&[]);
        for id in 0..4 {
            client.get(id, port, "flags=h2,pipeline");
            client.wait(id, "APPEND");
        }
        for id in [2, 0, 3, 1] {
            client.running.tell(&format!("{kill} id={id}"));
            client.expect(id, "closed", Error("closed"));
        }
        client.settle_and_finish();
    }
}

// ---------------------------------------------------------------------------------------------
// Proxies
// ---------------------------------------------------------------------------------------------

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
// Callbacks and ops that close, kill, destroy and connect
// ---------------------------------------------------------------------------------------------

/// Traffic that reaches every reason.
struct Traffic {
    plain: u16,
    secure: u16,
    h2: u16,
    refused: u16,
    redirect: u16,
}

fn traffic() -> Traffic {
    let (plain, _) = serve_posts(Some);
    let config = tls_config(&["http/1.1"], true);
    let (secure, _) = serve_posts(move |socket| accept_tls(socket, Arc::clone(&config)));
    let (h2, _) = serve(|listener| {
        loop {
            let Some(mut peer) = accept_h2(listener, &[]) else { continue };
            std::thread::spawn(move || {
                while let Some(stream) = next_request(&mut peer) {
                    let _ = peer.try_send(h2_answer(stream));
                }
            });
        }
    });
    let location =
        format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{plain}/\r\ncontent-length: 0\r\n\r\n");
    Traffic { plain, secure, h2, refused: refused_port(), redirect: answers(location, Then::Wait) }
}

/// Answers requests with a body in two chunks, whatever is asked.
fn serve_posts<S: Read + Write + 'static>(
    wrap: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
) -> (u16, Receiver<()>) {
    let wrap = Arc::new(wrap);
    serve(move |listener| {
        loop {
            let (socket, wrap) = (accept(listener), Arc::clone(&wrap));
            std::thread::spawn(move || {
                let Some(mut stream) = wrap(socket) else { return };
                loop {
                    let head = String::from_utf8(read_head(&mut stream)).unwrap_or_default();
                    if head.is_empty() {
                        return;
                    }
                    if head.starts_with("POST") && stream.read_exact(&mut [0; 10_000]).is_err() {
                        return;
                    }
                    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                                  3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    })
}

impl Traffic {
    /// Requests of every kind, each with `more`.
    fn send(&self, client: &mut Client, first: usize, more: &str) -> Vec<usize> {
        let requests = [
            (self.plain, ""),
            (self.plain, "method=POST body=10000"),
            (self.plain, "flags=pipeline"),
            (self.plain, "flags=pipeline"),
            (self.secure, "address=localhost flags=tls"),
            (self.h2, "flags=h2"),
            (self.h2, "flags=h2,pipeline"),
            (self.h2, "flags=h2,pipeline"),
            (self.h2, "flags=h2 method=POST body=10000"),
            (self.refused, ""),
            (self.refused, "flags=pipeline"),
            (self.refused, "flags=pipeline"),
            (self.redirect, ""),
            (self.redirect, "flags=pipeline"),
        ];
        let ids: Vec<_> = (first..first + requests.len()).collect();
        for (id, (port, own)) in ids.iter().zip(requests) {
            client.get(*id, port, &format!("{own} {more}"));
        }
        ids
    }
}

const REASONS: [&str; 17] = [
    "BIND",
    "DROP",
    "CONNECTING",
    "NEW",
    "CREATE",
    "DESTROY",
    "VERIFY",
    "APPEND",
    "FILTER",
    "ESTABLISHED",
    "RECEIVE",
    "READ",
    "WRITEABLE",
    "COMPLETED",
    "REDIRECT",
    "CLOSED",
    "ERROR",
];

/// Requests of every kind do `action` in every callback; each comes to one end, and nothing is left.
fn strikes_everywhere(action: &str, args: &[&str], more: &str) {
    let traffic = traffic();
    let mut client = start(args);
    let mut ids = Vec::new();
    for (n, reason) in REASONS.iter().enumerate() {
        ids.extend(traffic.send(&mut client, 100 * n, &format!("strike={action}@{reason} {more}")));
    }
    for id in ids {
        client.end_of(id);
    }
    client.settle();
    let said = client.running.stdout();
    for (n, reason) in REASONS.iter().enumerate() {
        let is_struck = |line: &String| {
            let id = line.strip_suffix(" struck").and_then(|id| id.parse::<usize>().ok());
            id.is_some_and(|id| id / 100 == n)
        };
        assert!(said.iter().any(is_struck), "{reason} was never reached\n{}", client.running.transcript());
    }
    client.finish();
}

#[test]
fn callbacks_fail() {
    strikes_everywhere("fail", &[], "");
}

/// What nonzero from a callback, or a close in it, comes to.
#[test]
fn callbacks_that_fail_have_a_say() {
    let traffic = traffic();
    let mut client = start(&[]);
    let mut expected = Vec::new();
    let kinds = [
        ("h1", traffic.plain, ""),
        ("h2", traffic.h2, "flags=h2"),
        ("TLS", traffic.secure, "address=localhost flags=tls"),
        ("redirect", traffic.redirect, ""),
    ];
    for (kind, port, own) in kinds {
        for (reason, failed, killed) in [
            ("BIND", Null, Null),
            ("CONNECTING", Null, Null),
            // these are told, not asked
            ("NEW", Whole(5), Null),
            ("CREATE", Whole(5), Error("closed")),
            ("VERIFY", Error("certificate"), Error("certificate")),
            ("APPEND", Error("APPEND_HANDSHAKE"), Error("APPEND_HANDSHAKE")),
            ("REDIRECT", Error("redirect"), Error("redirect")),
            ("FILTER", Error("FILTER_PRE"), Error("FILTER_PRE")),
            ("ESTABLISHED", Error("refused ESTABLISHED"), Cut(0)),
            ("RECEIVE", Within(3), Within(3)),
            ("READ", Within(5), Within(5)),
            ("COMPLETED", Whole(5), Whole(5)),
        ] {
            let reached = match reason {
                "VERIFY" => kind == "TLS",
                "REDIRECT" => kind == "redirect",
                "RECEIVE" => kind != "h2",
                _ => true,
            };
            if !reached {
                continue;
            }
            for (action, outcome) in [("fail", failed), ("kill-sync", killed)] {
                let id = expected.len();
                client.get(id, port, &format!("{own} strike={action}@{reason}"));
                expected.push((format!("{action}@{reason}, {kind}"), outcome));
            }
        }
    }
    for (id, (name, outcome)) in expected.iter().enumerate() {
        client.expect(id, name, *outcome);
    }
    client.settle_and_finish();
}

#[test]
fn callbacks_kill_their_wsi() {
    strikes_everywhere("kill-sync", &[], "");
    strikes_everywhere("kill-async", &["--close-says-1"], "");
}

#[test]
fn callbacks_service_the_loop_again() {
    strikes_everywhere("reenter", &[], "");
}

#[test]
fn callbacks_connect() {
    let (port, _) = good(1);
    for then in
        [format!("port={port}"), format!("port={port};flags=pipeline"), format!("port={}", refused_port())]
    {
        strikes_everywhere("connect", &[], &format!("then={then}"));
    }
}

/// The vhost or the context goes in a callback; everything else with it.
#[test]
fn callbacks_destroy() {
    let traffic = traffic();
    for reason in REASONS {
        for action in ["vhost-destroy", "destroy"] {
            println!("{action}@{reason}");
            let mut client = start(&[]);
            let strike = format!("strike={action}@{reason}");
            if action == "destroy" {
                // the program ends at the first; what it has not read of its input by then is not made
                let input: String = [
                    format!("get id=0 port={} {strike}\n", traffic.plain),
                    format!("get id=1 port={} flags=pipeline {strike}\n", traffic.plain),
                    format!("get id=2 port={} flags=pipeline {strike}\n", traffic.plain),
                    format!("get id=3 port={} address=localhost flags=tls {strike}\n", traffic.secure),
                    format!("get id=4 port={} flags=h2,pipeline {strike}\n", traffic.h2),
                    format!("get id=5 port={} flags=h2,pipeline {strike}\n", traffic.h2),
                    format!("get id=6 port={} method=POST body=10000 {strike}\n", traffic.plain),
                    format!("get id=7 port={} {strike}\n", traffic.refused),
                    format!("get id=8 port={} {strike}", traffic.redirect),
                ]
                .concat();
                client.running.tell(&input);
                client.finish_by_itself();
            } else {
                for id in traffic.send(&mut client, 0, &strike) {
                    client.answer_of(id);
                }
                client.finish();
            }
        }
    }
}

#[test]
fn ops_strike() {
    let traffic = traffic();
    for action in ["kill-sync", "kill-async", "reenter", "vhost-destroy", "destroy"] {
        for op in ["accept", "io", "close", "may-connect", "destroy"] {
            println!("{action}@{op}");
            let mut client = start(&[&format!("--strike-op={action}@{op}")]);
            if action == "destroy" {
                let requests = format!(
                    "get id=0 port={}\nget id=1 port={} flags=pipeline\nget id=2 port={} flags=pipeline\n\
                     get id=3 port={} flags=h2",
                    traffic.plain, traffic.plain, traffic.plain, traffic.h2
                );
                client.running.tell(&requests);
                client.finish_by_itself();
                continue;
            }
            for id in traffic.send(&mut client, 0, "") {
                client.answer_of(id);
            }
            client.finish();
        }
    }
}

/// Nothing wrong anywhere, many at a time, on loops that are only strange: the sum of all is nothing.
#[test]
fn all_of_it_again_and_again() {
    for args in [
        &[][..],
        &["--close-says-1"],
        &["--spurious"],
        &["--one-bit", "--events-are-revents"],
        &["--spurious", "--one-bit", "--events-are-revents", "--close-says-1"],
    ] {
        println!("{args:?}");
        many_requests(start(args));
    }
}

fn many_requests(mut client: Client) {
    let traffic = traffic();
    let kinds = [
        (traffic.plain, "flags=pipeline"),
        (traffic.h2, "flags=h2,pipeline"),
        (traffic.secure, "address=localhost flags=tls,pipeline"),
        (traffic.plain, "method=POST body=10000"),
        (traffic.redirect, ""),
        (traffic.refused, ""),
    ];
    for at in 0..20 {
        for (n, (port, own)) in kinds.into_iter().enumerate() {
            client.get(10 * at + n, port, own);
        }
    }
    for at in 0..20 {
        for (n, (port, own)) in kinds.into_iter().enumerate() {
            let expected = if port == traffic.refused { Error("refused") } else { Whole(5) };
            client.expect(10 * at + n, own, expected);
        }
    }
    client.settle();
    client.finish();
}
