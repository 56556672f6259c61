//! The WebSocket clients among the examples, each on lws's own loop and on the application's, in the clear, over TLS, and over
//! HTTP/2: with servers of ours, with others, and with some that do wrong. None leaves anything, in itself or at a server.

mod common;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use common::example::{CountingServer, Examples, LOOPS, Server, ask, names};
use common::nghttpx::Nghttpx;
use common::peers::{installed, on_free_port, peer};
use common::ws_peer::{
    BINARY, CLOSE, CONTINUATION, Frame, PING, TEXT, accept, close, frame, got, message, raw_frame, serve,
    serve_on,
};
use common::{Program, Running, free_ports, tls, until};

/// Less than it takes to give up a WebSocket whose CLOSE is not answered.
const SETTLING: Duration = Duration::from_secs(4);

/// The programs of these tests.
const TESTED: [&str; 6] = [
    "minimal-ws-client",
    "minimal-ws-client-echo",
    "minimal-ws-client-ping",
    "minimal-ws-client-tx",
    "minimal-ws-client-rx",
    "minimal-ws-client-spam",
];

#[test]
fn every_client_is_tested() {
    let built: Vec<_> = names().into_iter().filter(|name| name.starts_with("minimal-ws-client")).collect();
    assert_eq!(built, TESTED);
}

// ---------------------------------------------------------------------------------------------
// Running them
// ---------------------------------------------------------------------------------------------

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Clear,
    Tls,
    Http2,
}

/// How a client gets to a server, and on which loop.
struct Caller {
    way: Way,
    kind: &'static str,
    ca: String,
}

/// Each loop in turn.
fn callers(way: Way, ca: &str) -> impl Iterator<Item = Caller> {
    LOOPS.into_iter().map(move |kind| Caller { way, kind, ca: ca.to_owned() })
}

impl Caller {
    fn start(&self, example: &str, port: u16, more: &[&str]) -> Running {
        let way: &[&str] = match self.way {
            Way::Clear => &["-n"],
            Way::Tls => &["--ca", &self.ca],
            Way::Http2 => &["--ca", &self.ca, "--h2"],
        };
        Program::new(Examples::built().program(example))
            .args(["--eventlib", self.kind, "-p", &port.to_string()])
            .args(way)
            .args(more)
            .start()
    }

    /// Its first line, when it is there.
    fn established(&self) -> &'static str {
        if self.way == Way::Http2 { "established, over HTTP/2" } else { "established, over HTTP/1.1" }
    }
}

/// Calls for every loop, in every way, to an example that must hold nothing afterwards.
fn in_every_way(server: &str, calls: impl Fn(&Caller, &Server)) {
    for (way, args) in [(Way::Clear, &[][..]), (Way::Tls, &["-s"]), (Way::Http2, &["-s"])] {
        let server = CountingServer::new(Examples::built().start(server, args));
        for caller in callers(way, &Examples::built().certificate()) {
            calls(&caller, server.server());
            server.expect_idle_within(SETTLING);
        }
        let errors = server.stop();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

/// The client ends by itself, with all that it wanted, and nothing to complain about; what it said before that.
fn ends_well(mut client: Running) -> Vec<String> {
    let status = client.wait();
    let mut said = client.stdout();
    assert!(status.success() && client.stderr().is_empty(), "{status}\n{}", client.transcript());
    assert_eq!(said.pop().as_deref(), Some("Completed: OK"));
    said
}

/// It is told to end.
fn stops_well(client: Running) -> Vec<String> {
    client.signal(Signal::TERM);
    ends_well(client)
}

/// It fails by itself; what it complained about.
fn fails(mut client: Running) -> Vec<String> {
    let status = client.wait();
    assert_eq!(status.code(), Some(1), "{}", client.transcript());
    assert_eq!(client.stdout().last().map(String::as_str), Some("Completed: failed"));
    client.stderr()
}

/// Waits for a complaint.
fn complains(client: &Running, about: &str) {
    until(about, || client.stderr().iter().any(|line| line.contains(about)).then_some(()));
}

// ---------------------------------------------------------------------------------------------
// With servers of ours
// ---------------------------------------------------------------------------------------------

#[test]
fn minimal_ws_client() {
    in_every_way("minimal-ws-server", |caller, server| {
        let client =
            caller.start("minimal-ws-client", server.port_number(), &["--say", "grüß dich", "--count", "1"]);
        assert_eq!(ends_well(client), [caller.established(), "grüß dich"]);

        let listener = caller.start("minimal-ws-client", server.port_number(), &[]);
        listener.wait_text(caller.established());
        let talker = caller.start("minimal-ws-client", server.port_number(), &["--say", "hello"]);
        for client in [listener, talker] {
            client.wait_text("hello");
            assert_eq!(stops_well(client), [caller.established(), "hello"]);
        }
    });
}

#[test]
fn minimal_ws_client_gets_a_large_message() {
    in_every_way("minimal-ws-server-pmd-bulk", |caller, server| {
        let protocol = ["--protocol", "lws-minimal-pmd-bulk", "--count", "1"];
        let client = caller.start("minimal-ws-client", server.port_number(), &protocol);
        assert_eq!(ends_well(client), [caller.established(), "131079 bytes"]);
    });
}

#[test]
fn minimal_ws_client_echo() {
    in_every_way("minimal-ws-server-pmd-bulk", |caller, server| {
        let first = server.program().stdout().len();
        let protocol = ["--protocol", "lws-minimal-pmd-bulk"];
        let client = caller.start("minimal-ws-client-echo", server.port_number(), &protocol);
        server.program().wait_line_from(first, "what came back", |line| {
            (line == "the same message came back").then_some(())
        });
        assert_eq!(stops_well(client), [caller.established()]);
    });
}

#[test]
fn minimal_ws_client_ping() {
    in_every_way("minimal-ws-server", |caller, server| {
        let own = ["--interval", "10", "--count", "5"];
        let said = ends_well(caller.start("minimal-ws-client-ping", server.port_number(), &own));
        assert_eq!(said[0], caller.established());
        let is_pong = |line: &String| line.starts_with("PONG after ") && line.ends_with(" us");
        assert!(said.len() == 6 && said[1..].iter().all(is_pong), "{said:#?}");

        let empty = ["--interval", "10", "--count", "2", "-z"];
        let said = ends_well(caller.start("minimal-ws-client-ping", server.port_number(), &empty));
        assert_eq!(said, [caller.established(), "PONG of 0 bytes", "PONG of 0 bytes"]);
    });
}

#[test]
fn minimal_ws_client_tx_and_rx() {
    in_every_way("minimal-ws-broker", |caller, server| {
        let receiver = caller.start("minimal-ws-client-rx", server.port_number(), &["--count", "100"]);
        receiver.wait_text(caller.established());
        let more = ["--interval", "1", "--count", "100"];
        let said = ends_well(caller.start("minimal-ws-client-tx", server.port_number(), &more));
        assert_eq!(said, [caller.established(), "100 messages sent"]);
        let said = ends_well(receiver);
        assert!(said.last().is_some_and(|line| line.starts_with("100 messages, ")), "{said:#?}");
    });
}

#[test]
fn minimal_ws_client_spam() {
    in_every_way("minimal-ws-server-echo", |caller, server| {
        let before = ask(server.program());
        let more = ["-l", "200", "-c", "20", "--size", "5000"];
        let said = ends_well(caller.start("minimal-ws-client-spam", server.port_number(), &more));
        assert_eq!(said, ["200 tried, 200 established, 200 came back, 0 failed"]);
        let connections = ask(server.program()).of("fd").total - before.of("fd").total;
        // Those that begin together do not know yet that there is HTTP/2 to share.
        assert!(
            if caller.way == Way::Http2 { connections <= 20 } else { connections == 200 },
            "{connections}"
        );
    });
}

// ---------------------------------------------------------------------------------------------
// With servers of others
// ---------------------------------------------------------------------------------------------

/// A server of Autobahn|Testsuite, in the clear.
fn autobahn(mode: &str) -> (Running, u16) {
    on_free_port("Autobahn|Testsuite", |port| {
        let uri = format!("ws://127.0.0.1:{port}");
        Program::independent(installed("autobahn/wstest")).args(["-m", mode, "-w", &uri, "-u", "0"]).start()
    })
}

#[test]
fn autobahns_echo_server() {
    let (_server, port) = autobahn("echoserver");
    for caller in callers(Way::Clear, "") {
        echo_server(&caller, port, &[]);
    }
}

/// What can be had from a server that echoes.
fn echo_server(caller: &Caller, port: u16, more: &[&str]) {
    one_at_a_time(caller, port, more);
    let many = [&["-l", "30", "-c", "5", "--size", "70000"], more].concat();
    let said = ends_well(caller.start("minimal-ws-client-spam", port, &many));
    assert_eq!(said, ["30 tried, 30 established, 30 came back, 0 failed"]);
}

fn one_at_a_time(caller: &Caller, port: u16, more: &[&str]) {
    let start = |example: &str, args: &[&str]| caller.start(example, port, &[args, more].concat());
    let said = ends_well(start("minimal-ws-client", &["--say", "hello", "--count", "1"]));
    assert_eq!(said, [caller.established(), "hello"]);
    let said = ends_well(start("minimal-ws-client-ping", &["--interval", "10", "--count", "3"]));
    assert_eq!(said.len(), 4, "{said:#?}");
}

const CHAT: &[&str] = &["--protocol", "chat"];

/// In the clear, over TLS, and over HTTP/2 with nghttpx in front.
#[test]
fn server_of_python_websockets() {
    let identity = tls::localhost();
    let ca = identity.cert.to_str().expect("a path in UTF-8");
    let clear = peer("websockets_server.py").arg("threads").start();
    let over_tls = peer("websockets_server.py").arg("asyncio").arg(&identity.cert).arg(&identity.key).start();
    let front = Nghttpx::with_tls_in_front(&identity, clear.port());
    for (way, port) in [(Way::Clear, clear.port()), (Way::Tls, over_tls.port()), (Way::Http2, front.port)] {
        for caller in callers(way, ca) {
            echo_server(&caller, port, CHAT);
        }
    }
    for server in [clear, over_tls] {
        server.finish();
    }
}

/// It speaks HTTP/2 itself. Not for several WebSockets on a connection: it drops that when it is told the end of a stream which
/// it has ended before (a `KeyError` in its log).
#[test]
fn server_of_hypercorn() {
    let identity = tls::localhost();
    let ca = identity.cert.to_str().expect("a path in UTF-8");
    let server = peer("hypercorn_server.py").arg(&identity.cert).arg(&identity.key).start();
    for way in [Way::Tls, Way::Http2] {
        for caller in callers(way, ca) {
            one_at_a_time(&caller, server.port(), CHAT);
        }
    }
    server.finish();
}

/// It sends to all what one says.
#[test]
fn autobahns_broadcast_server() {
    let (_server, port) = autobahn("broadcastserver");
    for caller in callers(Way::Clear, "") {
        let receiver = caller.start("minimal-ws-client-rx", port, &["--count", "50"]);
        receiver.wait_text(caller.established());
        let said =
            ends_well(caller.start("minimal-ws-client-tx", port, &["--interval", "1", "--count", "50"]));
        assert_eq!(said, [caller.established(), "50 messages sent"]);
        ends_well(receiver);
    }
}

// ---------------------------------------------------------------------------------------------
// With servers that fail them
// ---------------------------------------------------------------------------------------------

/// All loops at once: these wait for time to pass.
fn on_every_loop(example: &str, port: u16, more: &[&str]) -> Vec<Running> {
    callers(Way::Clear, "").map(|caller| caller.start(example, port, more)).collect()
}

#[test]
fn nobody_listens() {
    let [port] = free_ports();
    let clients: Vec<_> = TESTED.iter().flat_map(|name| on_every_loop(name, port, &[])).collect();
    for (n, client) in clients.into_iter().enumerate() {
        let complaints = fails(client);
        assert!(complaints[0].starts_with("conn fail: 111"), "{complaints:#?}");
        if TESTED[n / LOOPS.len()] == "minimal-ws-client-spam" {
            assert_eq!(complaints.len(), 100);
        } else {
            assert_eq!(complaints.len(), 7, "{complaints:#?}");
            assert_eq!(complaints[6], "giving up after 6 tries");
        }
    }
}

#[test]
fn a_server_that_is_late() {
    for kind in LOOPS {
        let [port] = free_ports();
        let caller = Caller { way: Way::Clear, kind, ca: String::new() };
        let client = caller.start("minimal-ws-client", port, &["--count", "1"]);
        complains(&client, "conn fail");
        let (_, told) = serve_on(port, |mut socket| {
            accept(&mut socket)?;
            socket.write_all(&frame(TEXT, b"at last")).ok()?;
            let closed = Frame::read(&mut socket)?;
            socket.write_all(&frame(CLOSE, &closed.payload)).ok()?;
            Some(closed.whole())
        });
        client.wait_text("at last");
        assert_eq!(got(&told), Some((CLOSE, close(1000, ""))));
        let mut client = client;
        assert!(client.wait().success(), "{}", client.transcript());
    }
}

/// A server that closes is connected to again.
#[test]
fn a_server_that_closes() {
    for name in &TESTED[..5] {
        let (port, told) = serve(|mut socket| {
            accept(&mut socket)?;
            socket.write_all(&frame(CLOSE, &close(1001, "later"))).ok()?;
            // Messages may be on their way.
            loop {
                let frame = Frame::read(&mut socket)?;
                if frame.opcode == CLOSE {
                    return Some(frame.payload);
                }
            }
        });
        for client in on_every_loop(name, port, &[]) {
            assert_eq!(got(&told), Some(close(1001, "later")));
            until("the second connection", || {
                (client.stdout().iter().filter(|line| line.starts_with("established")).count() > 1)
                    .then_some(())
            });
            client.signal(Signal::TERM);
            let mut client = client;
            assert!(client.wait().success(), "{}", client.transcript());
            assert!(client.stderr().iter().all(|line| line.starts_with("closed")), "{}", client.transcript());
        }
    }
}

#[test]
fn a_certificate_that_is_not_trusted() {
    let server = CountingServer::new(Examples::built().start("minimal-ws-server", &["-s"]));
    let ca: PathBuf = tls::identity("elsewhere").cert;
    let ca = ca.to_str().expect("a path in UTF-8");
    let port = server.server().port_number();
    let clients: Vec<_> =
        callers(Way::Tls, ca).map(|caller| caller.start("minimal-ws-client", port, &[])).collect();
    for client in clients {
        let complaints = fails(client);
        assert!(complaints[0].contains("invalidca"), "{complaints:#?}");
    }
    for caller in callers(Way::Tls, ca) {
        let said = ends_well(caller.start(
            "minimal-ws-client-ping",
            port,
            &["-k", "--interval", "10", "--count", "1"],
        ));
        assert_eq!(said.len(), 2);
    }
    server.expect_idle_within(SETTLING);
    server.stop();
}

#[test]
fn a_subprotocol_that_the_server_does_not_have() {
    let server = CountingServer::new(Examples::built().start("minimal-ws-server", &[]));
    let port = server.server().port_number();
    for client in on_every_loop("minimal-ws-client", port, &["--protocol", "nonsense"]) {
        let complaints = fails(client);
        assert!(complaints[0].starts_with("HS: ws upgrade response not 101"), "{complaints:#?}");
    }
    server.expect_idle_within(SETTLING);
    server.stop();
}

/// With `-o` the end of the connection is the end of the program. Messages come back as they were, whatever their pieces.
#[test]
fn minimal_ws_client_echo_for_one_connection() {
    for caller in callers(Way::Clear, "") {
        let (port, told) = serve(|mut socket| {
            let head = accept(&mut socket)?;
            assert!(head.one("sec-websocket-extensions").starts_with("permessage-deflate"), "{head:?}");
            let mut writer = socket.try_clone().expect("another handle");
            let sent = [
                frame(TEXT, b"whole"),
                raw_frame(TEXT, b"in "),
                frame(PING, b"!"),
                raw_frame(CONTINUATION, b"three "),
                frame(CONTINUATION, b"pieces"),
                frame(BINARY, &long()),
                frame(TEXT, b""),
            ];
            // Read at the same time: the client reads no more than is taken back.
            let writing =
                std::thread::spawn(move || writer.write_all(&sent.concat()).expect("the client reads"));
            let back: Option<Vec<_>> = (0..4).map(|_| message(&mut socket)).collect();
            writing.join().expect("all is sent");
            socket.write_all(&frame(CLOSE, &close(1000, ""))).ok()?;
            message(&mut socket)?;
            back
        });
        let said = ends_well(caller.start("minimal-ws-client-echo", port, &["-o"]));
        assert_eq!(said, [caller.established()]);
        let back = got(&told).expect("four messages");
        let expected = [
            (TEXT, b"whole".to_vec()),
            (TEXT, b"in three pieces".to_vec()),
            (BINARY, long()),
            (TEXT, Vec::new()),
        ];
        assert!(back == expected, "others came back");
    }
}

fn long() -> Vec<u8> {
    (0..1_000_000_u32).map(|n| (n * 7 % 251) as u8).collect()
}

/// lws asks a server that says nothing, gives it up, and the program connects again.
#[test]
fn minimal_ws_client_ping_gives_a_silent_server_up() {
    let (port, told) = serve(|mut socket| {
        accept(&mut socket)?;
        let asked = Frame::read(&mut socket)?.whole().0;
        // That is the sign of life it gets: none.
        while Frame::read(&mut socket).is_some() {}
        Some(asked)
    });
    let clients = on_every_loop(
        "minimal-ws-client-ping",
        port,
        &["--interval", "0", "--silence", "1", "--hangup", "2"],
    );
    for _ in &clients {
        assert_eq!(got(&told), Some(PING));
    }
    for mut client in clients {
        complains(&client, "closed");
        until("the second connection", || {
            (client.stdout().iter().filter(|line| line.starts_with("established")).count() > 1).then_some(())
        });
        client.signal(Signal::TERM);
        assert!(client.wait().success(), "{}", client.transcript());
    }
}

/// All that the server has is there at once, and still it is not read faster than it was told.
#[test]
fn minimal_ws_client_rx_at_a_rate() {
    let (port, _told) = serve(|mut socket| {
        accept(&mut socket)?;
        let messages: Vec<u8> = (0..25).flat_map(|_| frame(TEXT, b"0123456789")).collect();
        socket.write_all(&messages).ok()?;
        let (_, payload) = message(&mut socket)?;
        socket.write_all(&frame(CLOSE, &payload)).ok()
    });
    for client in on_every_loop("minimal-ws-client-rx", port, &["--rate", "10", "--count", "25"]) {
        let counted = ["10 messages, 100 bytes", "20 messages, 200 bytes", "25 messages, 250 bytes"];
        assert_eq!(ends_well(client)[1..], counted);
    }
}

/// The numbers of a thread's messages, of which none comes twice or out of order.
fn in_order(messages: &[String]) {
    for thread in ["thread 1, message ", "thread 2, message "] {
        let numbers: Vec<u32> = messages
            .iter()
            .filter_map(|text| text.strip_prefix(thread))
            .map(|number| number.parse().expect("a number"))
            .collect();
        assert!(!numbers.is_empty() && numbers.is_sorted_by(|a, b| a < b), "{thread}{numbers:?}");
    }
}

/// The server goes without a word, and on the next connection reads nothing at first: the threads wait for it.
#[test]
fn minimal_ws_client_tx_goes_on() {
    const COUNT: usize = 20_000;
    for caller in callers(Way::Clear, "") {
        let (port, told) = serve(|mut socket| {
            accept(&mut socket)?;
            let mut messages = Vec::new();
            loop {
                let (opcode, payload) = message(&mut socket)?;
                if opcode == CLOSE {
                    socket.write_all(&frame(CLOSE, &payload)).ok()?;
                    return Some(messages);
                }
                messages.push(String::from_utf8(payload).expect("UTF-8"));
                if messages.len() == 50 && messages[0].ends_with("message 1") {
                    // The first connection.
                    return Some(messages);
                }
            }
        });
        let count = COUNT.to_string();
        let mut client = caller.start("minimal-ws-client-tx", port, &["--interval", "0", "--count", &count]);
        let mut messages = got(&told).expect("the first connection's messages");
        assert_eq!(messages.len(), 50);
        let rest = got(&told).expect("the second connection's");
        // Some were on their way to the server that went.
        assert!(rest.len() > COUNT / 2, "{} messages", rest.len());
        messages.extend(rest);
        in_order(&messages);
        assert!(client.wait().success(), "{}", client.transcript());
        assert!(client.stdout().contains(&format!("{COUNT} messages sent")), "{}", client.transcript());
        assert!(client.stderr().iter().all(|line| line == "closed by the server"), "{}", client.transcript());
    }
}

/// What comes back must be what was sent.
#[test]
fn minimal_ws_client_spam_gets_something_else() {
    let (port, _told) = serve(|mut socket| {
        accept(&mut socket)?;
        message(&mut socket)?;
        socket.write_all(&frame(TEXT, b"something else")).ok()?;
        message(&mut socket)
    });
    for client in on_every_loop("minimal-ws-client-spam", port, &["-l", "3"]) {
        let line = "3 tried, 3 established, 0 came back, 3 failed";
        client.wait_text(line);
        assert_eq!(fails(client), ["another message came back"; 3]);
    }
}
