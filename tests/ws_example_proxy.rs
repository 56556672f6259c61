//! minimal-ws-proxy: pairs of WebSockets, whatever way they come in and go out, with peers that are slow, that are not there,
//! and that go in the middle of something. Little is held for a pair, and nothing after it.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use common::example::{CountingServer, Examples, LOOPS};
use common::peers::peer;
use common::ws::{self, Client, FIN, Tunnel};
use common::ws_peer::{
    BINARY, CLOSE, CONTINUATION, Frame, TEXT, accept, close, echo, frame, got, message, raw_frame, serve,
    serve_on,
};
use common::{free_ports, h1, h2, tls, until};

/// Less than it takes to give up a WebSocket whose CLOSE is not answered.
const SETTLING: Duration = Duration::from_secs(4);

const PROXY: &str = "minimal-ws-proxy";
const PROTOCOL: &str = "lws-minimal-proxy";

fn start(kind: &str, upstream: &str, more: &[&str]) -> CountingServer {
    let args = [&["--eventlib", kind, "--upstream", upstream], more].concat();
    CountingServer::new(Examples::built().start(PROXY, &args))
}

/// In front of an upstream on this port, in the clear, on each loop in turn. What happens must leave nothing, and no complaint.
fn on_every_loop(upstream: u16, mut pairs: impl FnMut(&CountingServer)) {
    for kind in LOOPS {
        let proxy = start(kind, &format!("ws://localhost:{upstream}/"), &[]);
        pairs(&proxy);
        proxy.expect_idle_within(SETTLING);
        let complaints = proxy.stop();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

fn near(proxy: &CountingServer) -> Client<TcpStream> {
    ws::connect(proxy.server().port_number(), PROTOCOL)
}

/// An upstream that sends back what comes, and tells each CLOSE.
fn echoing() -> (u16, mpsc::Receiver<Option<Vec<u8>>>) {
    serve(|mut socket| {
        accept(&mut socket)?;
        echo(&mut socket)
    })
}

fn long(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 % 251) as u8).collect()
}

// ---------------------------------------------------------------------------------------------
// Pairs that get on
// ---------------------------------------------------------------------------------------------

/// A chat through the proxy: each that comes in is one more in it.
fn chats<S: Read + Write, T: Read + Write>(mut one: Client<S>, mut other: Client<T>) {
    for text in ["hello", "", "grüß dich", &"x".repeat(4096)] {
        // Both are in the chat when both have got it: until then it may be said too early.
        one.say(text);
        assert_eq!(one.text(), text);
        assert_eq!(other.text(), text);
        other.say(text);
        assert_eq!(one.text(), text);
        assert_eq!(other.text(), text);
    }
    other.close();
    one.close();
}

/// Waits until upstream has so many WebSockets.
fn joined(upstream: &CountingServer, sockets: u64) {
    until("the pairs", || (upstream.statistics().of("session").live == sockets).then_some(()));
}

#[test]
fn in_the_clear_and_over_http2() {
    let upstream = CountingServer::new(Examples::built().start("minimal-ws-server-ring", &[]));
    on_every_loop(upstream.server().port_number(), |proxy| {
        let one = near(proxy);
        let http = h2::Client::start(h1::connect(proxy.server().port_number()), &[]);
        let other = Tunnel::open(http, 1, PROTOCOL);
        joined(&upstream, 2);
        chats(one, other);
        upstream.expect_idle_within(SETTLING);
    });
    upstream.stop();
}

/// As a browser comes in, over TLS and HTTP/2; upstream over TLS, too, whose certificate is checked.
#[test]
fn over_tls() {
    let upstream = CountingServer::new(Examples::built().start("minimal-ws-server-ring", &["-s"]));
    let url = format!("wss://localhost:{}/", upstream.server().port());
    for kind in LOOPS {
        let proxy = start(kind, &url, &["-s", "--ca", &Examples::built().certificate()]);
        let port = proxy.server().port_number();
        let options = tls::Options { alpn: &["http/1.1"], ..tls::Options::default() };
        let one = ws::upgrade(tls::connect(port, &options).expect("TLS"), PROTOCOL);
        let stream = tls::connect(port, &tls::Options::default()).expect("TLS");
        let other = Tunnel::open(h2::Client::start(stream, &[]), 1, PROTOCOL);
        joined(&upstream, 2);
        chats(one, other);
        upstream.expect_idle_within(SETTLING);
        proxy.expect_idle_within(SETTLING);
        let complaints = proxy.stop();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
    upstream.stop();
}

#[test]
fn messages_of_any_kind_and_length() {
    let (upstream, told) = echoing();
    on_every_loop(upstream, |proxy| {
        let mut client = near(proxy);
        // Before upstream is there.
        client.say("at once");
        assert_eq!(client.text(), "at once");
        for len in [0, 1, 4096, 4097, 70_000, 3_000_000] {
            let sent = long(len);
            let mut writer = client.stream.try_clone().expect("another handle");
            let bytes = ws::frame(FIN | BINARY, &sent);
            // Read at the same time: the proxy reads no more than is taken back.
            let writing = std::thread::spawn(move || writer.write_all(&bytes).expect("the proxy reads"));
            assert!(client.message() == (BINARY, sent), "another message of {len} bytes came back");
            writing.join().expect("all is sent");
        }
        client.send(TEXT, "in ");
        client.send(FIN | ws::PING, "!");
        client.send(CONTINUATION, "three ");
        client.send(FIN | CONTINUATION, "pieces");
        assert_eq!(client.next().first, FIN | ws::PONG);
        assert_eq!(client.text(), "in three pieces");
        client.close();
        assert_eq!(got(&told), Some(close(1000, "bye")));
    });
}

/// An upstream that nobody here wrote, over TLS. It says how it is asked to.
#[test]
fn to_python_websockets() {
    let identity = tls::localhost();
    let upstream = peer("websockets_server.py").arg("threads").arg(&identity.cert).arg(&identity.key).start();
    let url = format!("wss://localhost:{}/a/b?c=d", upstream.port());
    let ca = identity.cert.to_str().expect("a path in UTF-8");
    for kind in LOOPS {
        let first = upstream.stdout().len();
        let proxy = start(kind, &url, &["--protocol", "chat", "--ca", ca]);
        let mut client = near(&proxy);
        for text in ["hello", "", "grüß dich"] {
            client.say(text);
            assert_eq!(client.text(), text);
        }
        let opened = "open /a/b?c=d chat ";
        upstream.wait_line_from(first, opened, |line| line.starts_with(opened).then_some(()));
        client.say("send 2000000");
        let expected: Vec<u8> = (0..2_000_000).map(|n| (n % 251) as u8).collect();
        assert!(client.message() == (BINARY, expected), "another message");
        client.say("pieces");
        assert_eq!(client.text(), format!("a{}c", "b".repeat(70_000)));
        client.say("close 4000 enough");
        assert_eq!(client.next(), ws::Frame::new(FIN | CLOSE, close(4000, "enough")));
        client.send(FIN | CLOSE, close(4000, "enough"));
        client.ends();
        proxy.expect_idle_within(SETTLING);
        let complaints = proxy.stop();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
    upstream.finish();
}

#[test]
fn many_pairs() {
    let (upstream, _told) = echoing();
    on_every_loop(upstream, |proxy| {
        let mut clients: Vec<_> = (0..100).map(|_| near(proxy)).collect();
        for (n, client) in clients.iter_mut().enumerate() {
            client.say(&n.to_string());
        }
        for (n, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.text(), n.to_string());
        }
        for mut client in clients {
            client.close();
        }
    });
}

// ---------------------------------------------------------------------------------------------
// Their ends
// ---------------------------------------------------------------------------------------------

/// Status and text go through, in both directions, behind what was said before.
#[test]
fn closes_go_through() {
    let (upstream, told) = serve(|mut socket| {
        accept(&mut socket)?;
        // From here on it is a pair.
        socket.write_all(&frame(TEXT, b"welcome")).ok()?;
        let (opcode, payload) = message(&mut socket)?;
        if opcode == BINARY {
            // How to end.
            socket.write_all(&frame(TEXT, b"before")).ok()?;
        }
        socket.write_all(&frame(CLOSE, &payload)).ok()?;
        if opcode == CLOSE { Some(payload) } else { Some(message(&mut socket)?.1) }
    });
    let near = |proxy: &CountingServer| {
        let mut client = near(proxy);
        assert_eq!(client.text(), "welcome");
        client
    };
    on_every_loop(upstream, |proxy| {
        for (code, text) in [(1000, ""), (1001, "elsewhere"), (4999, &*"x".repeat(123))] {
            let payload = close(code, text);
            let mut client = near(proxy);
            client.send(FIN | CLOSE, &payload);
            assert_eq!(client.next(), ws::Frame::new(FIN | CLOSE, &payload));
            client.ends();
            assert_eq!(got(&told).as_ref(), Some(&payload));

            let mut client = near(proxy);
            client.send(FIN | BINARY, &payload);
            assert_eq!(client.text(), "before");
            assert_eq!(client.next(), ws::Frame::new(FIN | CLOSE, &payload));
            client.send(FIN | CLOSE, &payload);
            client.ends();
            assert_eq!(got(&told), Some(payload));
        }

        let mut client = near(proxy);
        client.send(FIN | CLOSE, "");
        assert_eq!(client.next(), ws::Frame::new(FIN | CLOSE, ""));
        client.ends();
        assert_eq!(got(&told), Some(close(1000, "")));
    });
}

/// The message that has lost its end is not made to look complete.
#[test]
fn upstream_goes_in_the_middle_of_a_message() {
    for reset in [false, true] {
        let (upstream, _told) = serve(move |mut socket| {
            accept(&mut socket)?;
            let (_, unfinished) = message(&mut socket)?;
            socket.write_all(&unfinished).ok()?;
            // Not before it has gone through: what a reset overtakes is lost.
            message(&mut socket)?;
            if reset {
                h1::reset_on_close(&socket);
            }
            Some(())
        });
        let fragment = raw_frame(TEXT, b"half of it");
        // The head says that more comes.
        let mut piece = frame(BINARY, &long(70_000));
        piece.truncate(10 + 3000);
        on_every_loop(upstream, |proxy| {
            for (sent, opcode, expected) in
                [(&fragment, TEXT, b"half of it".to_vec()), (&piece, BINARY, long(3000))]
            {
                let mut client = near(proxy);
                client.send(FIN | BINARY, sent);
                let mut frame = client.next();
                assert_eq!(frame.first, opcode, "{frame:?}");
                let mut received = Vec::new();
                received.append(&mut frame.payload);
                while received.len() < expected.len() {
                    frame = client.next();
                    assert_eq!(frame.first, CONTINUATION, "{frame:?}");
                    received.append(&mut frame.payload);
                }
                assert!(received == expected);
                client.say("go");
                assert_eq!(client.next().close_code(), Some(1011));
            }
        });
    }
}

#[test]
fn a_client_goes_in_the_middle_of_a_message() {
    let (upstream, told) = serve(|mut socket| {
        accept(&mut socket)?;
        socket.write_all(&frame(TEXT, b"welcome")).ok()?;
        let half = Frame::read(&mut socket)?;
        let (opcode, payload) = message(&mut socket)?;
        Some((half.fin, half.payload, opcode, payload))
    });
    on_every_loop(upstream, |proxy| {
        let mut client = near(proxy);
        assert_eq!(client.text(), "welcome");
        client.send(TEXT, "half of it");
        drop(client);
        let expected = (false, b"half of it".to_vec(), CLOSE, close(1001, ""));
        assert_eq!(got(&told), Some(expected));
    });
}

// ---------------------------------------------------------------------------------------------
// Upstreams that are not there
// ---------------------------------------------------------------------------------------------

#[test]
fn upstream_is_down() {
    let [nobody] = free_ports();
    let url = format!("ws://localhost:{nobody}/");
    // All at once: they wait for time to pass.
    let proxies = LOOPS.map(|kind| start(kind, &url, &[]));
    let clients = proxies.each_ref().map(|proxy| {
        let mut client = near(proxy);
        client.say("is somebody there?");
        client
    });
    for (proxy, mut client) in proxies.into_iter().zip(clients) {
        assert_eq!(client.next().close_code(), Some(1011));
        client.send(FIN | CLOSE, close(1011, ""));
        client.ends();
        proxy.expect_idle_within(SETTLING);
        let complaints = proxy.stop();
        assert_eq!(complaints.len(), 1, "{complaints:#?}");
        assert!(complaints[0].starts_with("upstream: conn fail: 111"), "{complaints:#?}");
    }
}

/// It is tried again, and what was said meanwhile arrives.
#[test]
fn upstream_is_late() {
    for kind in LOOPS {
        let [late] = free_ports();
        let proxy = start(kind, &format!("ws://localhost:{late}/"), &[]);
        let before = proxy.statistics().of("fd").total;
        let mut client = near(&proxy);
        client.say("early");
        // The client's, and the first that failed.
        until("the first try", || (proxy.statistics().of("fd").total >= before + 2).then_some(()));
        let (_, told) = serve_on(late, |mut socket| {
            accept(&mut socket)?;
            echo(&mut socket)
        });
        assert_eq!(client.text(), "early");
        client.close();
        assert_eq!(got(&told), Some(close(1000, "bye")));
        proxy.expect_idle_within(SETTLING);
        let complaints = proxy.stop();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

/// Nobody answers, or nobody is there and it is tried again: a client that leaves ends that.
#[test]
fn a_client_goes_before_upstream_is_there() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let [nobody] = free_ports();
    for upstream in [silent.local_addr().expect("its address").port(), nobody] {
        on_every_loop(upstream, |proxy| {
            let mut client = near(proxy);
            client.say("hello");
            client.close();
            proxy.expect_idle_within(SETTLING);

            let mut client = near(proxy);
            client.send(TEXT, "half");
            drop(client);
        });
    }
}

// ---------------------------------------------------------------------------------------------
// Slow ones
// ---------------------------------------------------------------------------------------------

/// More than fits into all the sockets on the way.
const FLOOD: usize = 32 << 20;
const MESSAGE: usize = 1 << 16;
/// What a pair may hold that does not go on: the library keeps 256 KiB that a peer has not taken.
const BUFFERED: u64 = 300_000;
/// The process in KiB: beside that a ring of 32 pieces of 4 KiB, and what the allocator makes of it.
const RESIDENT: u64 = 8 * 1024;

/// The pair that is there holds little; `idle` is what the process had before.
fn holds_little(proxy: &CountingServer, idle: u64) {
    let now = proxy.server().program().rss();
    let buffered = proxy.statistics().of("buffered").bytes;
    assert!(
        now < idle + RESIDENT && buffered < BUFFERED,
        "{idle} KiB before, {now} now; {buffered} bytes buffered"
    );
}

/// Writes the message again and again, until the socket takes nothing for a second: then `stuck` is called, once. Nobody
/// reads until then, so that it must be.
fn pour(mut socket: TcpStream, message: &[u8], len: usize, stuck: impl FnOnce()) {
    socket.set_write_timeout(Some(Duration::from_secs(1))).expect("write deadline");
    let mut stuck = Some(stuck);
    for _ in 0..len / MESSAGE {
        let mut rest = message;
        while !rest.is_empty() {
            match socket.write(rest) {
                Ok(n) => rest = &rest[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let stuck = stuck.take().unwrap_or_else(|| panic!("it does not go on"));
                    stuck();
                    socket.set_write_timeout(Some(common::DEADLINE)).expect("write deadline");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(stuck.is_none(), "all of it was taken, and nobody has read");
}

/// An upstream that floods each pair; says when it is stuck.
fn flooding(len: usize) -> (u16, mpsc::Receiver<()>) {
    let (tell, stuck) = mpsc::channel();
    let (port, _told) = serve(move |mut socket| {
        accept(&mut socket)?;
        let message = frame(BINARY, &long(MESSAGE));
        let writer = socket.try_clone().expect("another handle");
        pour(writer, &message, len, || tell.send(()).expect("the test waits"));
        let (_, payload) = self::message(&mut socket)?;
        socket.write_all(&frame(CLOSE, &payload)).ok()
    });
    (port, stuck)
}

/// Upstream floods clients that do not read: one leaves, the other reads on.
fn slow_clients<S: Read + Write>(len: usize, enter: impl Fn(&CountingServer) -> Client<S>) {
    let (upstream, stuck) = flooding(len);
    on_every_loop(upstream, |proxy| {
        let idle = proxy.server().program().rss();
        let mut leaving = enter(proxy);
        stuck.recv_timeout(common::DEADLINE).expect("upstream is stuck");
        holds_little(proxy, idle);
        assert_eq!(leaving.message().0, BINARY);
        drop(leaving);
        // It waits for upstream's CLOSE, which is behind the flood.
        proxy.expect_idle_within(common::DEADLINE);

        let mut client = enter(proxy);
        stuck.recv_timeout(common::DEADLINE).expect("upstream is stuck");
        holds_little(proxy, idle);
        let expected = long(MESSAGE);
        for n in 0..len / MESSAGE {
            assert!(client.message() == (BINARY, expected.clone()), "message {n} is another");
        }
        client.close();
    });
}

#[test]
fn a_client_that_does_not_read() {
    slow_clients(FLOOD, near);
}

/// Its sockets hold little: it is the stream's window that is full.
#[test]
fn a_client_over_http2_that_does_not_read() {
    slow_clients(FLOOD / 2, |proxy| {
        let http = h2::Client::start(h1::connect(proxy.server().port_number()), &[]);
        Tunnel::open(http, 1, PROTOCOL)
    });
}

#[test]
fn an_upstream_that_does_not_read() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let read = Arc::new(AtomicU64::new(0));
    let reading = Arc::clone(&read);
    let (upstream, told) = serve(move |mut socket| {
        accept(&mut socket)?;
        wait.lock().expect("one at a time").recv_timeout(common::DEADLINE).expect("the client is stuck");
        let expected = long(MESSAGE);
        loop {
            let (opcode, payload) = message(&mut socket)?;
            if opcode == CLOSE {
                socket.write_all(&frame(CLOSE, &payload)).ok()?;
                return Some(payload);
            }
            assert!(opcode == BINARY && payload == expected, "another message");
            reading.fetch_add(payload.len() as u64, Ordering::Relaxed);
        }
    });
    on_every_loop(upstream, |proxy| {
        let idle = proxy.server().program().rss();
        read.store(0, Ordering::Relaxed);
        let mut client = near(proxy);
        let writer = client.stream.try_clone().expect("another handle");
        pour(writer, &ws::frame(FIN | BINARY, &long(MESSAGE)), FLOOD, || {
            holds_little(proxy, idle);
            go.send(()).expect("upstream waits");
        });
        client.close();
        assert_eq!(got(&told), Some(close(1000, "bye")));
        assert_eq!(read.load(Ordering::Relaxed), FLOOD as u64);
    });
}

#[test]
fn what_is_no_url_of_a_websocket() {
    for url in ["http://localhost/", "localhost:7681", ""] {
        let program = Examples::built().program(PROXY);
        let mut proxy = common::Program::new(program).args(["-p", "0", "--upstream", url]).start();
        assert_eq!(proxy.wait().code(), Some(1), "{url}");
        assert_eq!(proxy.stderr(), ["upstream: not the URL of a WebSocket"], "{url}");
    }
}
