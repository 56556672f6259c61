//! The servers: sockets that listen, refuse or hang, and what is said over them in HTTP/1, TLS and HTTP/2.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::common::{DEADLINE, h1, h2, tls};

pub(super) fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
}

pub(super) fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("an address").port()
}

/// A port on which nobody listens, nor will.
pub(super) fn refused_port() -> u16 {
    let (port, socket) = bound();
    std::mem::forget(socket);
    port
}

/// Runs `script` with the listening socket in a thread of its own; what it returns can be waited for.
pub(super) fn serve<T: Send + 'static>(
    script: impl FnOnce(&TcpListener) -> T + Send + 'static,
) -> (u16, Receiver<T>) {
    serve_on(listen(), script)
}

pub(super) fn serve_on<T: Send + 'static>(
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

pub(super) fn accept(listener: &TcpListener) -> TcpStream {
    let (socket, _) = listener.accept().expect("a client");
    socket.set_read_timeout(Some(DEADLINE)).expect("read deadline");
    socket.set_write_timeout(Some(DEADLINE)).expect("write deadline");
    socket.set_nodelay(true).expect("no delay");
    socket
}

/// Reads a request's head; empty when the client has gone.
pub(super) fn read_head(stream: &mut impl Read) -> Vec<u8> {
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
pub(super) fn drain(stream: &mut impl Read) {
    let mut chunk = [0; 4096];
    while matches!(stream.read(&mut chunk), Ok(1..)) {}
}

/// How a server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// FIN.
    Close,
    /// RST.
    Reset,
    /// Not: it waits for the client to go.
    Wait,
}

pub(super) fn end(mut socket: TcpStream, then: Then) {
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
pub(super) fn answers(bytes: impl Into<Vec<u8>>, then: Then) -> u16 {
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
pub(super) fn good(most: usize) -> (u16, Receiver<String>) {
    good_on(listen(), most)
}

pub(super) fn good_on(listener: TcpListener, most: usize) -> (u16, Receiver<String>) {
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

pub(super) type TlsSocket = StreamOwned<ServerConnection, TcpStream>;

pub(super) fn tls_config(alpn: &[&str], tls13: bool) -> Arc<ServerConfig> {
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

pub(super) fn accept_tls(socket: TcpStream, config: Arc<ServerConfig>) -> Option<TlsSocket> {
    let mut stream = StreamOwned::new(ServerConnection::new(config).expect("a session"), socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).ok()?;
    }
    Some(stream)
}

/// Has the bound socket listen with a queue that is full: connects to it hang.
pub(super) fn black_hole(socket: OwnedFd) -> BlackHole {
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

pub(super) struct BlackHole {
    _held: Vec<OwnedFd>,
}

pub(super) fn tcp_socket(address: SocketAddr, flags: SocketFlags) -> OwnedFd {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    socket_with(family, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None).expect("a socket")
}

/// Bound, and not listening: refuses, and keeps the port.
pub(super) fn bound_to(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let socket = tcp_socket(address, SocketFlags::empty());
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

pub(super) fn bound() -> (u16, OwnedFd) {
    let socket = bound_to(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    let address = rustix::net::getsockname(&socket).expect("an address");
    (SocketAddr::try_from(address).expect("an IP address").port(), socket)
}

/// Sockets bound to both loopback addresses, with one port: it, that of IPv4, that of IPv6.
pub(super) fn both_loopbacks() -> (u16, OwnedFd, OwnedFd) {
    for _ in 0..100 {
        let (port, four) = bound();
        if let Ok(six) = bound_to(SocketAddr::from((Ipv6Addr::LOCALHOST, port))) {
            return (port, four, six);
        }
    }
    panic!("no port is free on both loopback addresses");
}

pub(super) fn listening(socket: OwnedFd) -> TcpListener {
    rustix::net::listen(&socket, 64).expect("listening");
    TcpListener::from(socket)
}

// ---- HTTP/2 ----

pub(super) type Peer = h2::Client<TcpStream>;

/// The server's side of an HTTP/2 connection whose preface and SETTINGS have been exchanged.
pub(super) fn accept_h2(listener: &TcpListener, settings: &[(u16, u32)]) -> Option<Peer> {
    let mut socket = accept(listener);
    let mut preface = [0; 24];
    socket.read_exact(&mut preface).ok()?;
    let mut peer = h2::Client::silent(socket);
    peer.try_send(h2::settings(settings)).ok()?;
    Some(peer)
}

/// The next request: its stream. `None` when the client has gone.
pub(super) fn next_request(peer: &mut Peer) -> Option<u32> {
    next_head(peer).map(|(stream, _)| stream)
}

/// The next request: its stream, and whether its head is all of it.
pub(super) fn next_head(peer: &mut Peer) -> Option<(u32, bool)> {
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
pub(super) fn body_of(peer: &mut Peer, stream: u32) -> usize {
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

pub(super) fn h2_head(stream: u32, flags: u8, more: &[(&str, &str)]) -> Vec<u8> {
    let mut headers = vec![(":status", "200")];
    headers.extend_from_slice(more);
    h2::frame(h2::HEADERS, h2::END_HEADERS | flags, stream, &h2::block(&headers))
}

pub(super) fn h2_answer(stream: u32) -> Vec<u8> {
    [h2_head(stream, 0, &[("content-length", "5")]), h2::frame(h2::DATA, h2::END_STREAM, stream, b"hello")]
        .concat()
}

pub(super) fn rst(stream: u32, code: u32) -> Vec<u8> {
    h2::frame(h2::RST_STREAM, 0, stream, &code.to_be_bytes())
}

pub(super) fn goaway(last: u32, code: u32) -> Vec<u8> {
    h2::frame(h2::GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// Answers the first request of the first connection with the bytes, then ends; what comes after is answered well.
pub(super) fn answers_h2(bytes: Vec<u8>, then: Then) -> u16 {
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
