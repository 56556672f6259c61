//! The WebSocket servers among the examples, each on lws's own loop and on the application's, also where its `wsi_logical_close`
//! does not know streams: with clients over HTTP/1.1 and HTTP/2 at the same time. After each, the server holds what it held before.

mod common;

use std::net::TcpStream;

use common::example::{CountingServer, Examples, LOOPS, Server, names};
use common::ws::{self, BINARY, CLOSE, CONTINUATION, FIN, TEXT, Tunnel};
use common::{h1, h2, tls, until};

/// The programs of these tests.
const TESTED: [&str; 8] = [
    "minimal-ws-server",
    "minimal-ws-server-ring",
    "minimal-ws-server-echo",
    "minimal-ws-server-pmd",
    "minimal-ws-server-pmd-bulk",
    "minimal-ws-server-threads",
    "minimal-ws-server-timer",
    "minimal-ws-broker",
];

#[test]
fn every_server_is_tested() {
    let is_server = |name: &String| name.starts_with("minimal-ws-server") || name == "minimal-ws-broker";
    let built: Vec<_> = names().into_iter().filter(is_server).collect();
    assert_eq!(built, TESTED);
}

/// An example on each of the loops in turn; what the clients do must leave nothing.
fn on_every_loop(name: &str, more: &[&str], mut clients: impl FnMut(&Server)) {
    for kind in LOOPS {
        let mut args = vec!["--eventlib", kind];
        args.extend_from_slice(more);
        let server = CountingServer::new(Examples::built().start(name, &args));
        clients(server.server());
        server.expect_idle();
        let errors = server.stop();
        assert!(errors.is_empty(), "{name} on the {kind} loop: {errors:#?}");
    }
}

fn over_h1(server: &Server, protocol: &str) -> ws::Client<TcpStream> {
    ws::connect(server.port_number(), protocol)
}

fn over_h2(server: &Server, protocol: &str) -> ws::Client<Tunnel<TcpStream>> {
    Tunnel::open(h2::Client::start(h1::connect(server.port_number()), &[]), 1, protocol)
}

/// On another path than `/`.
fn at(server: &Server, path: &str, protocol: &str) -> ws::Client<TcpStream> {
    let mut http = h1::Client::new(h1::connect(server.port_number()));
    http.send(ws::request(path, protocol, ""));
    assert_eq!(http.response().status, 101);
    let (stream, unread) = http.into_parts();
    assert!(unread.is_empty());
    ws::Client::over(stream)
}

/// Both kinds of chat: what one client says, all get, the longest message too, and a longer one is refused.
fn chats(server: &Server) {
    let mut one = over_h1(server, "lws-minimal");
    let mut other = over_h2(server, "lws-minimal");
    for text in ["hello", "", "grüß dich", &"x".repeat(4096)] {
        one.say(text);
        assert_eq!((one.text(), other.text()), (text.to_owned(), text.to_owned()));
        other.say(text);
        assert_eq!((one.text(), other.text()), (text.to_owned(), text.to_owned()));
    }

    other.send(TEXT, "in ");
    other.send(CONTINUATION, "three ");
    other.send(FIN | CONTINUATION, "pieces");
    assert_eq!(one.text(), "in three pieces");
    assert_eq!(other.text(), "in three pieces");

    one.say(&"x".repeat(4097));
    assert_eq!(one.next().close_code(), Some(1009));
    other.close();
}

#[test]
fn minimal_ws_server() {
    on_every_loop("minimal-ws-server", &[], chats);
}

#[test]
fn minimal_ws_server_over_tls() {
    on_every_loop("minimal-ws-server", &["-s"], |server| {
        let options = tls::Options { alpn: &["http/1.1"], ..tls::Options::default() };
        let mut one = ws::upgrade(tls::connect(server.port_number(), &options).expect("TLS"), "lws-minimal");
        let stream = tls::connect(server.port_number(), &tls::Options::default()).expect("TLS");
        let mut other = Tunnel::open(h2::Client::start(stream, &[]), 1, "lws-minimal");
        one.say("hello");
        assert_eq!((one.text(), other.text()), ("hello".to_owned(), "hello".to_owned()));
        other.close();
        one.close();
    });
}

#[test]
fn minimal_ws_server_ring() {
    on_every_loop("minimal-ws-server-ring", &[], |server| {
        chats(server);
        let mut talker = over_h1(server, "lws-minimal");
        let mut listener = over_h2(server, "lws-minimal");
        for n in 0..50 {
            talker.say(&n.to_string());
        }
        for n in 0..50 {
            assert_eq!((talker.text(), listener.text()), (n.to_string(), n.to_string()));
        }
        talker.close();
        listener.close();
    });
}

/// One that reads nothing is closed when the ring is full of what it has yet to get; the others miss nothing.
#[test]
fn minimal_ws_server_ring_closes_those_who_lag() {
    const MESSAGES: usize = 4000;
    on_every_loop("minimal-ws-server-ring", &[], |server| {
        let mut talker = over_h1(server, "lws-minimal");
        let mut lagging = over_h1(server, "lws-minimal");
        let text = "x".repeat(4096);
        for _ in 0..MESSAGES {
            talker.say(&text);
            assert_eq!(talker.text().len(), text.len());
        }
        let mut got = 0;
        while lagging.try_next().is_some_and(|frame| frame.first & 0xf != CLOSE) {
            got += 1;
        }
        assert!(got < MESSAGES, "the client that lagged has got all of {MESSAGES} messages");
        talker.close();
    });
}

fn echoes<S: std::io::Read + std::io::Write>(client: &mut ws::Client<S>) {
    let long: Vec<u8> = (0..300_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    client.say("hello");
    assert_eq!(client.text(), "hello");
    client.send(FIN | BINARY, &long);
    assert!(client.message() == (BINARY, long), "another message came back");
    client.send(TEXT, "a");
    client.send(FIN | CONTINUATION, "b");
    assert_eq!(client.text(), "ab");
    client.send(FIN | TEXT, "");
    assert_eq!(client.text(), "");
}

#[test]
fn minimal_ws_server_echo() {
    on_every_loop("minimal-ws-server-echo", &[], |server| {
        let mut one = over_h1(server, "lws-minimal-server-echo");
        echoes(&mut one);
        let mut other = over_h2(server, "lws-minimal-server-echo");
        echoes(&mut other);
        one.close();
        other.close();

        let mut broken = over_h1(server, "lws-minimal-server-echo");
        broken.send(FIN | TEXT, b"\xff");
        assert_eq!(broken.next().close_code(), Some(1007));
    });
}

#[test]
fn minimal_ws_server_echo_for_one_client() {
    for kind in LOOPS {
        let server = Examples::built().start("minimal-ws-server-echo", &["-o", "--eventlib", kind]);
        over_h1(&server, "").close();
        until("the server's end", || {
            server.program().stdout().iter().any(|line| line == "Completed: OK").then_some(())
        });
    }
}

/// What compresses offers it; these clients do not, and are served all the same.
#[test]
fn minimal_ws_server_pmd() {
    on_every_loop("minimal-ws-server-pmd", &[], chats);
}

#[test]
fn minimal_ws_server_pmd_bulk() {
    for more in [&["-c"][..], &["-b"], &["-n"]] {
        on_every_loop("minimal-ws-server-pmd-bulk", more, |server| {
            let mut client = over_h1(server, "lws-minimal-pmd-bulk");
            let (opcode, message) = client.message();
            assert_eq!((opcode, message.len()), (BINARY, 128 * 1024 + 7));
            client.send(FIN | BINARY, &message);
            server
                .program()
                .wait_line("what came back", |line| (line == "the same message came back").then_some(()));
            client.close();
        });
    }
}

#[test]
fn minimal_ws_server_threads() {
    on_every_loop("minimal-ws-server-threads", &[], |server| {
        let mut one = over_h1(server, "lws-minimal");
        let mut other = over_h2(server, "lws-minimal");
        for thread in ["thread 1", "thread 2"] {
            while !one.text().starts_with(thread) {}
            while !other.text().starts_with(thread) {}
        }
        // What the threads still send is in front of the answers.
        drop(one);
        drop(other);
    });
}

#[test]
fn minimal_ws_server_timer() {
    on_every_loop("minimal-ws-server-timer", &["--interval", "20"], |server| {
        let mut one = over_h1(server, "timer");
        let mut other = over_h2(server, "timer");
        for tick in 1..5 {
            assert_eq!(one.text(), format!("tick {tick}"));
            assert_eq!(other.text(), format!("tick {tick}"));
        }
    });
}

#[test]
fn minimal_ws_broker() {
    on_every_loop("minimal-ws-broker", &[], |server| {
        let mut publisher = at(server, "/publisher", "lws-minimal-broker");
        let mut one = over_h1(server, "lws-minimal-broker");
        let mut other = over_h2(server, "lws-minimal-broker");
        for n in 0..100 {
            publisher.say(&n.to_string());
            // A subscriber has nothing to say.
            one.say("not published");
            assert_eq!((one.text(), other.text()), (n.to_string(), n.to_string()));
        }
        publisher.close();
        one.close();
        other.close();
    });
}
