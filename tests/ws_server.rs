//! WebSockets of a server: over HTTP/1 and HTTP/2, plain and with TLS, with clients that do everything right, and clients that
//! do not. After each the server has nothing left.

mod common;

use std::net::{Shutdown, TcpStream};

use common::deflate::{COMPRESSED, deflated, inflated};
use common::ws::{self, BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, PONG, TEXT, Tunnel, close_payload};
use common::{Program, Running, compile, h1, h2, tls, until};

struct Server {
    running: Running,
    port: u16,
}

fn start(args: &[&str]) -> Server {
    let running = Program::new(compile("ws-server")).args(args).start();
    let port = running.port();
    Server { running, port }
}

fn start_tls(args: &[&str]) -> Server {
    let pair = format!("--tls={}", tls::localhost().pair());
    let mut all = vec![pair.as_str()];
    all.extend_from_slice(args);
    start(&all)
}

impl Server {
    fn h2(&self) -> h2::Client<TcpStream> {
        h2::Client::start(h1::connect(self.port), &[])
    }

    fn open(&self, protocol: &str) -> ws::Client<TcpStream> {
        ws::connect(self.port, protocol)
    }

    fn open_h2(&self, protocol: &str) -> ws::Client<Tunnel<TcpStream>> {
        Tunnel::open(self.h2(), 1, protocol)
    }

    /// The live counts.
    fn stats(&mut self) -> Vec<(String, u64)> {
        let known = self.running.stdout().iter().filter(|line| line.starts_with("stats ")).count();
        self.running.tell("stats");
        let mut seen = 0;
        let line = self.running.wait_line("the statistics", |line| {
            seen += usize::from(line.starts_with("stats "));
            (seen > known).then(|| line.to_owned())
        });
        let words = line.split_whitespace().skip(1);
        words
            .filter_map(|word| {
                let (name, count) = word.split_once('=')?;
                Some((name.to_owned(), count.parse().ok()?))
            })
            .collect()
    }

    fn live(&mut self, kind: &str) -> u64 {
        self.stats().into_iter().find(|(name, _)| name == kind).expect("a kind").1
    }

    /// Only the pipe and the listener are left.
    fn settles(&mut self) {
        until("the connections to go", || {
            (self.live("wsi") == 2 && self.live("session") == 0 && self.live("ah") == 0).then_some(())
        });
    }

    /// What the callbacks of a WebSocket were, without its number.
    fn callbacks(&self) -> Vec<String> {
        let lines = self.running.stdout().into_iter();
        lines.filter(|line| line.contains(" len=")).map(|line| line.trim().to_owned()).collect()
    }

    /// Ends the program, which found nothing wrong.
    fn finish(mut self) -> Vec<String> {
        self.settles();
        let callbacks = self.callbacks();
        self.running.finish();
        callbacks
    }
}

// ---- messages ----

#[test]
fn messages_of_every_size_come_back() {
    let server = start(&[]);
    for protocol in ["echo", "at-once"] {
        let mut h1 = server.open(protocol);
        let mut h2 = server.open_h2(protocol);
        for len in [0, 1, 125, 126, 127, 1024, 1025, 4096, 65535, 65536, 100_000] {
            let payload: Vec<u8> = (0..len).map(|n| (n * 7 % 251) as u8).collect();
            h1.send(FIN | BINARY, &payload);
            assert!(h1.message() == (BINARY, payload.clone()), "{protocol}: {len} bytes over h1");
            h2.send(FIN | BINARY, &payload);
            assert!(h2.message() == (BINARY, payload), "{protocol}: {len} bytes over h2");
        }
        h1.say("Grüße");
        assert_eq!(h1.text(), "Grüße");
        h1.close();
        h2.close();
    }
    server.finish();
}

#[test]
fn messages_over_tls() {
    let server = start_tls(&[]);
    let options = tls::Options { alpn: &["http/1.1"], ..tls::Options::default() };
    let mut h1 = ws::upgrade(tls::connect(server.port, &options).expect("TLS"), "echo");
    let stream = tls::connect(server.port, &tls::Options::default()).expect("TLS");
    let mut h2 = Tunnel::open(h2::Client::start(stream, &[]), 1, "echo");
    let payload = vec![b'x'; 300_000];
    h1.send(FIN | BINARY, &payload);
    assert_eq!(h1.message(), (BINARY, payload.clone()));
    h2.send(FIN | BINARY, &payload);
    assert_eq!(h2.message(), (BINARY, payload));
    h1.close();
    h2.close();
    drop((h1, h2));
    server.finish();
}

#[test]
fn fragments_keep_their_places_and_let_pings_through() {
    let server = start(&[]);
    let mut client = server.open("echo");
    client.send(TEXT, "a");
    client.send(FIN | PING, "between");
    client.send(CONTINUATION, "b");
    client.send(FIN | CONTINUATION, "c");
    let mut frames: Vec<Frame> = (0..4).map(|_| client.next()).collect();
    let pong = frames.iter().position(|frame| frame.first == FIN | PONG).expect("a PONG");
    assert_eq!(frames.remove(pong).payload, b"between");
    assert_eq!(frames, [Frame::new(TEXT, "a"), Frame::new(CONTINUATION, "b"), Frame::new(FIN, "c")]);
    client.close();
    let callbacks = server.finish();
    let received: Vec<&str> =
        callbacks.iter().filter_map(|line| line.strip_prefix("echo RECEIVE w1 len=1 ")).collect();
    assert_eq!(received, ["F-T rest=0 a", "--T rest=0 b", "-LT rest=0 c"]);
}

/// `rx_buffer_size` is 1024.
#[test]
fn pieces_are_as_large_as_the_protocol_takes() {
    let server = start(&[]);
    let mut client = server.open("echo");
    client.send(FIN | BINARY, [b'x'; 2500]);
    client.message();
    client.close();
    let callbacks = server.finish();
    let received: Vec<&str> =
        callbacks.iter().filter_map(|line| line.strip_prefix("echo RECEIVE w1 ")).collect();
    assert_eq!(received, ["len=1024 F-B rest=1476", "len=1024 --B rest=452", "len=452 -LB rest=0"]);
}

#[test]
fn one_write_of_many_megabytes_arrives() {
    const LEN: usize = 20_000_000;
    let server = start(&[]);
    let mut h1 = server.open("command");
    let mut h2 = server.open_h2("command");
    h1.say(&format!("big {LEN}"));
    h2.say(&format!("big {LEN}"));
    for frame in [h1.next(), h2.next()] {
        assert_eq!((frame.first, frame.payload.len()), (FIN | BINARY, LEN));
        let expected = (b'a'..=b'z').cycle();
        assert!(frame.payload.into_iter().zip(expected).all(|(got, wanted)| got == wanted));
    }
    h1.close();
    h2.close();
    drop((h1, h2));
    server.finish();
}

#[test]
fn programs_fragment_and_ping() {
    let server = start(&[]);
    let mut client = server.open("command");
    client.say("fragments");
    let frames: Vec<Frame> = (0..4).map(|_| client.next()).collect();
    let expected = [
        Frame::new(TEXT, "a"),
        Frame::new(FIN | PING, ""),
        Frame::new(CONTINUATION, "b"),
        Frame::new(FIN | CONTINUATION, "c"),
    ];
    assert_eq!(frames, expected);
    client.say("ping hello");
    assert_eq!(client.next(), Frame::new(FIN | PING, "hello"));
    client.say("pong alone");
    assert_eq!(client.next(), Frame::new(FIN | PONG, "alone"));
    client.send(FIN | PONG, "heard");
    client.send(FIN | PONG, "");
    client.say("peer");
    assert_eq!(client.text(), "127.0.0.1");
    client.close();
    let callbacks = server.finish();
    let pongs: Vec<&String> = callbacks.iter().filter(|line| line.contains("RECEIVE_PONG")).collect();
    assert_eq!(pongs, ["command RECEIVE_PONG w1 len=5 heard"]);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let mut server = start(&[]);
    let mut client = server.open("command");
    for (command, answer) in [
        ("http-mode", "-1"),
        ("no-message", "-1"),
        ("long-ping", "-1"),
        ("headers", "0"),
        ("valid", "confirmed"),
    ] {
        client.say(command);
        assert_eq!(client.text(), answer, "{command}");
    }
    client.close();
    server.settles();
    until("the error in the log", || {
        let errors = server.running.stderr();
        errors.iter().any(|line| line.contains("write protocol 0x3")).then_some(())
    });
    server.finish();
}

/// An auto-PONG is followed by a writeable callback that nobody asked for.
#[test]
fn a_ping_brings_a_writeable_callback() {
    let server = start(&[]);
    let mut client = server.open("command");
    client.send(FIN | PING, "one");
    assert_eq!(client.next(), Frame::new(FIN | PONG, "one"));
    client.say("writeables");
    assert_eq!(client.text(), "1");
    client.close();
    server.finish();
}

#[test]
fn what_came_with_the_request_is_not_lost() {
    let server = start(&[]);
    let mut stream = h1::Client::new(h1::connect(server.port));
    stream.send([ws::request("/", "echo", "").into_bytes(), ws::frame(FIN | TEXT, b"early")].concat());
    assert_eq!(stream.response().status, 101);
    let (stream, unread) = stream.into_parts();
    let mut client = ws::Client::over(stream);
    if unread.is_empty() {
        assert_eq!(client.text(), "early");
    } else {
        assert!(unread.ends_with(b"early"));
    }
    client.close();
    server.finish();
}

// ---- compression ----

/// An upgrade that offers compression; its answer.
fn offered(port: u16, protocol: &str, offer: &str) -> (ws::Client<TcpStream>, Option<String>) {
    let mut http = h1::Client::new(h1::connect(port));
    http.send(ws::request("/", protocol, &format!("Sec-WebSocket-Extensions: {offer}\r\n")));
    let response = http.response();
    assert_eq!(response.status, 101, "{response:?}");
    let answer = response.header("sec-websocket-extensions").map(str::to_owned);
    (ws::Client::over(http.into_parts().0), answer)
}

#[test]
fn messages_are_compressed_where_that_is_agreed_on() {
    let server = start(&["--extension"]);
    let (mut client, answer) = offered(
        server.port,
        "at-once",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits",
    );
    assert_eq!(answer.as_deref(), Some("permessage-deflate; server_no_context_takeover"));
    for message in [&b"Hello"[..], b"Hello", &[b'x'; 3000]] {
        client.send(FIN | COMPRESSED | TEXT, deflated(message));
        let frame = client.next();
        assert_eq!(frame.first, FIN | COMPRESSED | TEXT);
        assert_eq!(inflated(&frame.payload), message);
    }
    client.say("plain");
    assert_eq!(inflated(&client.next().payload), b"plain");
    client.send(FIN | COMPRESSED | BINARY, [0xff; 20]);
    assert_eq!(std::iter::from_fn(|| client.try_next()).last().and_then(|f| f.close_code()), Some(1007));
    // the program of this protocol objects, and nobody offers it on the other server
    let (mut objected, answer) = offered(server.port, "command", "permessage-deflate");
    assert_eq!(answer, None);
    objected.send(FIN | COMPRESSED | TEXT, deflated(b"x"));
    assert_eq!(objected.next().close_code(), Some(1002));
    drop((client, objected));
    server.finish();
    let server = start(&[]);
    let (mut none, answer) = offered(server.port, "echo", "permessage-deflate");
    assert_eq!(answer, None);
    none.close();
    server.finish();
}

/// 50 MB in memory if anybody kept it, of which 50 KB were on the wire; then as much that was not compressed.
#[test]
fn large_messages_are_not_held() {
    let server = start(&["--extension", "--quiet"]);
    let (mut client, _) = offered(server.port, "", "permessage-deflate");
    let before = server.running.rss();
    client.send(FIN | COMPRESSED | BINARY, deflated(&vec![0; 50_000_000]));
    client.send(FIN | BINARY, vec![0; 50_000_000]);
    client.send(FIN | PING, "still there");
    assert_eq!(client.next(), Frame::new(FIN | PONG, "still there"));
    let grown = server.running.peak_rss().expect("it runs").saturating_sub(before);
    assert!(grown < 20_000, "{grown} KiB more");
    client.close();
    server.finish();
}

// ---- the end ----

#[test]
fn the_program_closes_with_a_reason() {
    let server = start(&[]);
    let reason = Frame::new(FIN | CLOSE, close_payload(1008, "why not"));
    let mut h1 = server.open("command");
    h1.say("close 1008 why not");
    assert_eq!(h1.next(), reason);
    h1.say("too late");
    h1.send(FIN | CLOSE, &reason.payload);
    h1.ends();
    let mut h2 = server.open_h2("command");
    h2.say("close 1008 why not");
    assert_eq!(h2.next(), reason);
    h2.send(FIN | CLOSE, &reason.payload);
    h2.ends();
    let mut empty = server.open("command");
    empty.say("close 0");
    assert_eq!(empty.next(), Frame::new(FIN | CLOSE, ""));
    empty.send(FIN | CLOSE, "");
    empty.ends();
    drop((h1, h2));
    let callbacks = server.finish();
    assert!(!callbacks.iter().any(|line| line.contains("too late")), "{callbacks:#?}");
    let end: Vec<&String> = callbacks.iter().filter(|line| line.contains(" w1 ")).collect();
    assert_eq!(end[end.len() - 2..], ["command WS_SERVER_DROP_PROTOCOL w1 len=0", "command CLOSED w1 len=0"]);
}

/// The CLOSE is not answered: after 5 seconds the connection ends all the same.
#[test]
fn an_answer_to_the_close_is_not_waited_for_for_ever() {
    let server = start(&[]);
    let mut client = server.open("command");
    client.say("close 1000 bye");
    let sent = std::time::Instant::now();
    assert_eq!(client.next().close_code(), Some(1000));
    client.ends();
    assert!(sent.elapsed() >= std::time::Duration::from_secs(4), "{:?}", sent.elapsed());
    server.finish();
}

#[test]
fn the_program_ends_it_without_a_close() {
    let server = start(&[]);
    let mut h1 = server.open("command");
    h1.say("die");
    h1.ends();
    let mut h2 = server.open_h2("command");
    h2.say("die");
    h2.ends();
    drop((h1, h2));
    server.finish();
}

#[test]
fn the_peers_close_is_told_and_answered_unless_the_program_objects() {
    let server = start(&[]);
    let mut client = server.open("echo");
    client.send(FIN | CLOSE, "");
    assert_eq!(client.next(), Frame::new(FIN | CLOSE, ""));
    client.ends();
    let mut objected = server.open("echo");
    objected.send(FIN | CLOSE, close_payload(4500, "quiet"));
    objected.ends();
    drop(objected);
    let callbacks = server.finish();
    let told: Vec<&String> =
        callbacks.iter().filter(|line| line.contains("WS_PEER_INITIATED_CLOSE")).collect();
    assert_eq!(told, ["echo WS_PEER_INITIATED_CLOSE w1 len=0", "echo WS_PEER_INITIATED_CLOSE w2 len=7 4500"]);
}

#[test]
fn violations_have_their_close_codes() {
    let server = start(&[]);
    let cases: [(&str, Vec<u8>, u16); 14] = [
        ("unmasked", ws::unmasked(FIN | TEXT, b"hello"), 1002),
        ("reserved bit", ws::frame(FIN | 0x40 | TEXT, b"x"), 1002),
        ("reserved opcode", ws::frame(FIN + 3, b"x"), 1002),
        ("reserved control opcode", ws::frame(FIN + 11, b"x"), 1002),
        ("fragmented control frame", ws::frame(PING, b"x"), 1002),
        ("long control frame", ws::frame(FIN | PING, &[b'x'; 126]), 1002),
        ("continuation of nothing", ws::frame(FIN | CONTINUATION, b"x"), 1002),
        ("message in a message", [ws::frame(TEXT, b"x"), ws::frame(TEXT, b"y")].concat(), 1002),
        ("bad UTF-8", ws::frame(FIN | TEXT, b"\xc0\xaf"), 1007),
        ("cut UTF-8", ws::frame(FIN | TEXT, b"\xe2\x82"), 1007),
        ("close of one byte", ws::frame(FIN | CLOSE, b"\x03"), 1002),
        ("close code", ws::frame(FIN | CLOSE, &close_payload(1005, "")), 1002),
        ("bad UTF-8 in a close", ws::frame(FIN | CLOSE, b"\x03\xe8\xff"), 1007),
        ("length with the top bit", vec![FIN | BINARY, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 1], 1002),
    ];
    for (what, bytes, code) in cases {
        let mut h1 = server.open("echo");
        h1.send_raw(&bytes);
        let close = std::iter::from_fn(|| h1.try_next()).last();
        assert_eq!(close.as_ref().and_then(Frame::close_code), Some(code), "{what} over h1: {close:?}");
        let mut h2 = server.open_h2("echo");
        h2.send_raw(&bytes);
        let close = std::iter::from_fn(|| h2.try_next()).last();
        assert_eq!(close.as_ref().and_then(Frame::close_code), Some(code), "{what} over h2: {close:?}");
    }
    server.finish();
}

#[test]
fn what_came_before_a_violation_is_answered() {
    let server = start(&[]);
    let bytes = [ws::frame(FIN | TEXT, b"hello"), ws::frame(FIN | 0x40 | TEXT, b"x")].concat();
    for (over, frames) in [
        ("h1", {
            let mut h1 = server.open("echo");
            h1.send_raw(&bytes);
            std::iter::from_fn(|| h1.try_next()).collect::<Vec<_>>()
        }),
        ("h2", {
            let mut h2 = server.open_h2("echo");
            h2.send_raw(&bytes);
            std::iter::from_fn(|| h2.try_next()).collect()
        }),
    ] {
        let [echo, close] = &frames[..] else { panic!("over {over}: {frames:?}") };
        assert_eq!(echo, &Frame::new(FIN | TEXT, b"hello"), "over {over}");
        assert_eq!(close.close_code(), Some(1002), "over {over}");
    }
    server.finish();
}

#[test]
fn peers_that_go_are_told_of() {
    let mut server = start(&[]);
    let half = &ws::frame(FIN | BINARY, &[b'x'; 5000])[..3000];
    let mut reset = server.open("echo");
    reset.send_raw(half);
    h1::reset_on_close(&reset.stream);
    drop(reset);
    let mut gone = server.open("echo");
    gone.send_raw(half);
    drop(gone);
    let mut closed = server.open("echo");
    closed.stream.shutdown(Shutdown::Write).expect("a half-close");
    closed.ends();
    drop(closed);
    // with three streams open, one of them in the middle of a frame
    let mut h2 = server.open_h2("echo");
    for id in [3, 5] {
        let lines = [("sec-websocket-version", "13"), ("sec-websocket-protocol", "echo")];
        assert_eq!(ws::extended_connect(&mut h2.stream.http, id, &lines), Some(200));
    }
    h2.send_raw(half);
    h1::reset_on_close(&h2.stream.http.stream);
    drop(h2);
    until("six ends", || {
        let ends = server.callbacks().iter().filter(|line| line.contains(" CLOSED ")).count();
        (ends == 6).then_some(())
    });
    server.settles();
    server.finish();
}

#[test]
fn a_reset_stream_leaves_the_others_alone() {
    let server = start(&[]);
    let mut client = server.open_h2("echo");
    let lines = [("sec-websocket-version", "13"), ("sec-websocket-protocol", "echo")];
    assert_eq!(ws::extended_connect(&mut client.stream.http, 3, &lines), Some(200));
    client.stream.http.send(h2::frame(h2::RST_STREAM, 0, 3, &h2::CANCEL.to_be_bytes()));
    client.say("still here");
    assert_eq!(client.text(), "still here");
    client.close();
    drop(client);
    server.finish();
}

// ---- the handshake ----

#[test]
fn the_first_subprotocol_that_is_known_is_chosen() {
    let server = start(&["--default=command"]);
    let chosen = |line: &str| {
        let mut client = h1::Client::new(h1::connect(server.port));
        client.send(ws::request("/mounted/", "", line));
        let response = client.response();
        (response.status, response.header("sec-websocket-protocol").map(str::to_owned))
    };
    let two = "Sec-WebSocket-Protocol: none, at-once\r\nSec-WebSocket-Protocol: echo\r\n";
    assert_eq!(chosen(two), (101, Some("at-once".to_owned())));
    assert_eq!(chosen("Sec-WebSocket-Protocol: none\r\n"), (400, None));
    assert_eq!(chosen(""), (101, None));
    server.running.wait_text("command ESTABLISHED");
    server.finish();
}

#[test]
fn programs_add_headers_on_both_versions() {
    let server = start(&[]);
    let mut h1 = h1::Client::new(h1::connect(server.port));
    h1.send(ws::request("/", "echo", ""));
    assert_eq!(h1.response().header("x-added"), Some("echo"));
    let mut http = server.h2();
    let lines = [("sec-websocket-version", "13"), ("sec-websocket-protocol", "echo")];
    let headers = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/"),
        (":authority", "localhost"),
    ];
    http.send(h2::frame(h2::HEADERS, h2::END_HEADERS, 1, &h2::block(&[&headers[..], &lines[..]].concat())));
    let block = http.until("headers", |frame| (frame.kind == h2::HEADERS).then(|| frame.payload.clone()));
    let says = |text: &[u8]| block.windows(text.len()).any(|window| window == text);
    // Names and values are Huffman-coded, so only their presence shows: three fields.
    assert!(says(&[0x88]), "{block:?}");
    assert!(block.len() > 20, "{block:?}");
    drop((h1, http));
    let callbacks = server.finish();
    assert_eq!(callbacks.iter().filter(|line| *line == "echo ADD_HEADERS w0 len=0").count(), 2);
}

#[test]
fn bad_requests_have_their_status() {
    let server = start(&[]);
    let good = ws::request("/", "echo", "");
    let without = |name: &str| {
        let lines: Vec<&str> = good.split("\r\n").filter(|line| !line.starts_with(name)).collect();
        lines.join("\r\n")
    };
    let with = |from: &str, to: &str| good.replace(from, to);
    for (what, request, status) in [
        ("no key", without("Sec-WebSocket-Key"), 400),
        ("bad key", with(ws::KEY, "short"), 400),
        ("no version", without("Sec-WebSocket-Version"), 400),
        ("old version", with("Version: 13", "Version: 8"), 426),
        ("no host", without("Host"), 400),
        ("no connection", without("Connection"), 400),
        ("POST", with("GET ", "POST "), 400),
        ("body", with("Host:", "Content-Length: 5\r\nHost:"), 400),
        ("bad subprotocols", with("Protocol: echo", "Protocol: e/cho"), 400),
        ("unknown subprotocol", with("Protocol: echo", "Protocol: unknown"), 400),
        ("refused by the program", with("Protocol: echo", "Protocol: refuse"), 403),
        ("no upgrade", without("Upgrade"), 404),
    ] {
        let mut client = h1::Client::new(h1::connect(server.port));
        client.send(&request);
        let response = client.response();
        assert_eq!(response.status, status, "{what}: {response:?}");
        if status == 426 {
            assert_eq!(response.header("sec-websocket-version"), Some("13"));
            assert_eq!(response.header("upgrade"), Some("websocket"));
        }
    }
    for (what, lines, status) in [
        ("no version", &[][..], 400),
        ("old version", &[("sec-websocket-version", "8")], 426),
        ("unknown", &[("sec-websocket-version", "13"), ("sec-websocket-protocol", "unknown")], 400),
        ("refused", &[("sec-websocket-version", "13"), ("sec-websocket-protocol", "refuse")], 403),
    ] {
        assert_eq!(ws::extended_connect(&mut server.h2(), 1, lines), Some(status), "{what} over h2");
    }
    let mut other = server.h2();
    let headers = [
        (":method", "CONNECT"),
        (":protocol", "connect-udp"),
        (":scheme", "https"),
        (":path", "/"),
        (":authority", "localhost"),
    ];
    other.send(h2::frame(h2::HEADERS, h2::END_HEADERS, 1, &h2::block(&headers)));
    assert_eq!(other.until("a status", h2::Frame::status), 501);
    drop(other);
    server.finish();
}

#[test]
fn the_program_may_answer_an_upgrade_by_itself() {
    let server = start(&[]);
    let mut client = h1::Client::new(h1::connect(server.port));
    client.send(ws::request("/confirm1", "echo", ""));
    let response = client.response();
    assert_eq!((response.status, response.header("location")), (302, Some("/elsewhere")));
    drop(client);
    let refused = h1::exchange(server.port, ws::request("/confirm-1", "echo", "").as_bytes());
    assert_eq!(refused, b"");
    server.finish();
}

// ---- flow ----

#[test]
fn what_is_not_wanted_stays_with_the_peer() {
    let server = start(&[]);
    let mut h1 = server.open("command");
    let mut h2 = server.open_h2("command");
    h1.say("pause");
    h1.say("writeables");
    h2.say("pause");
    h2.say("writeables");
    assert_eq!((h1.text(), h2.text()), ("0".to_owned(), "0".to_owned()));
    h1.close();
    h2.close();
    drop((h1, h2));
    let callbacks = server.finish();
    let order: Vec<&str> = callbacks
        .iter()
        .filter(|line| line.contains(" w1 ") && (line.contains("TIMER") || line.contains("writeables")))
        .map(|line| line.split(' ').nth(1).expect("a reason"))
        .collect();
    assert_eq!(order, ["TIMER", "RECEIVE"]);
}

/// A peer that sends and sends and takes nothing back: what is echoed waits in memory, but not without bound.
#[test]
fn a_peer_that_takes_nothing_does_not_fill_the_memory() {
    let mut server = start(&["--quiet"]);
    for protocol in ["at-once", "echo"] {
        let mut client = server.open(protocol);
        client.stream.set_write_timeout(Some(std::time::Duration::from_millis(500))).expect("a deadline");
        let piece = [ws::frame(CONTINUATION, &[b'x'; 8192]), ws::frame(FIN | PING, &[b'p'; 100])].concat();
        client.send(BINARY, "begin");
        let mut sent = 0;
        while std::io::Write::write_all(&mut client.stream, &piece).is_ok() {
            sent += piece.len();
            assert!(sent < 200_000_000, "{protocol}: the server takes everything");
        }
        let waiting = server.live("buffered_bytes");
        assert!(waiting < 2_000_000, "{protocol}: {waiting} bytes wait");
    }
    server.settles();
    server.finish();
}

#[test]
fn silent_peers_are_asked_and_given_up() {
    let server = start(&["--ping=1", "--hangup=3"]);
    let mut silent = server.open("echo");
    let mut alive = server.open("echo");
    for _ in 0..3 {
        assert_eq!(alive.next(), Frame::new(FIN | PING, ""));
        alive.send(FIN | PONG, "");
    }
    assert_eq!(silent.next(), Frame::new(FIN | PING, ""));
    silent.ends();
    alive.say("here");
    let answer = std::iter::from_fn(|| alive.try_next()).find(|frame| frame.first == FIN | TEXT);
    assert_eq!(answer.expect("an echo").payload, b"here");
    drop(alive);
    server.finish();
}

#[test]
fn everybody_is_asked_to_write() {
    let mut server = start(&[]);
    let clients: Vec<_> = (0..5).map(|_| server.open("echo")).collect();
    let streams: Vec<_> = (0..3).map(|_| server.open_h2("echo")).collect();
    until("eight sessions", || {
        let established = server.callbacks().iter().filter(|line| line.contains("ESTABLISHED")).count();
        (established == 8).then_some(())
    });
    server.running.tell("wake");
    until("eight writeable callbacks", || {
        let asked = server.callbacks().iter().filter(|line| line.contains("SERVER_WRITEABLE")).count();
        (asked == 8).then_some(())
    });
    drop((clients, streams));
    server.settles();
    server.finish();
}

// ---- faults ----

/// Whatever a callback does to its wsi, its vhost or its context, nothing is left.
#[test]
fn callbacks_do_their_worst() {
    for at in [
        "HTTP_CONFIRM_UPGRADE",
        "HTTP_BIND_PROTOCOL",
        "FILTER_PROTOCOL_CONNECTION",
        "ADD_HEADERS",
        "ESTABLISHED",
        "RECEIVE",
        "RECEIVE_PONG",
        "SERVER_WRITEABLE",
        "WS_PEER_INITIATED_CLOSE",
        "WS_SERVER_DROP_PROTOCOL",
        "CLOSED",
    ] {
        for what in ["fail", "close", "kill-sync", "kill-async", "destroy", "vhost-destroy"] {
            for over_h2 in [false, true] {
                if over_h2 && at == "HTTP_CONFIRM_UPGRADE" {
                    continue;
                }
                strike(at, what, over_h2);
            }
        }
    }
}

fn strike(at: &str, what: &str, over_h2: bool) {
    let server = start(&[&format!("--at={at}"), &format!("--do={what}")]);
    let mut frames = vec![ws::frame(FIN | TEXT, b"hello"), ws::frame(FIN | PONG, b"pong")];
    // What has come is received before the program is asked to write.
    if at != "SERVER_WRITEABLE" {
        frames.push(ws::frame(FIN | CLOSE, &close_payload(1000, "bye")));
    }
    let mut stream = h1::connect(server.port);
    let sent = if over_h2 {
        let headers = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":path", "/"),
            (":authority", "localhost"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "echo"),
        ];
        let head = h2::frame(h2::HEADERS, h2::END_HEADERS, 1, &h2::block(&headers));
        let data = h2::frame(h2::DATA, 0, 1, &frames.concat());
        [h2::PREFACE, &h2::settings(&[]), &head, &data].concat()
    } else {
        [ws::request("/", "echo", "").into_bytes(), frames.concat()].concat()
    };
    std::io::Write::write_all(&mut stream, &sent).expect("the server reads");
    server.running.wait_text("strike");
    drop(stream);
    let mut running = server.running;
    if what == "destroy" {
        let status = running.wait();
        assert!(status.success(), "{what} in {at}, h2: {over_h2}\n{}", running.transcript());
    } else if what == "vhost-destroy" {
        running.finish();
    } else {
        Server { running, port: server.port }.finish();
    }
}

/// The loop has no room for the connection.
#[test]
fn refused_connections_leave_nothing() {
    let mut server = start(&["--slots=3"]);
    let mut first = server.open("echo");
    for _ in 0..5 {
        assert_eq!(h1::exchange(server.port, ws::request("/", "echo", "").as_bytes()), b"");
    }
    first.say("there is room for one");
    assert_eq!(first.text(), "there is room for one");
    first.close();
    server.settles();
    server.finish();
}
