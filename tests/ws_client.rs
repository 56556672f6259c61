//! WebSocket clients: what they ask, what they take for an answer, and what becomes of each when server, loop and callbacks do
//! everything wrong.
//!
//! `tests/c/ws-client.c` is the program, with a loop that returns 1 for descriptors it does not know; it watches the library.
//! The servers are raw sockets in here.

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use common::ws_client::{answering, drain, echoing, start};
use common::ws_peer::{
    BINARY, CLOSE, CONTINUATION, Frame, Head, PING, PONG, TEXT, close, echo, frame, got, raw_frame, serve,
};
use common::{Program, Running, Scratch, compile, h1, h2, tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

// ---------------------------------------------------------------------------------------------
// Servers
// ---------------------------------------------------------------------------------------------

type TlsSocket = StreamOwned<ServerConnection, TcpStream>;

fn tls_config(alpn: &[&str]) -> Arc<ServerConfig> {
    let identity = tls::localhost();
    let cert = CertificateDer::from_pem_file(identity.cert).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(identity.key).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .expect("an identity");
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn accept_tls(socket: TcpStream, config: &Arc<ServerConfig>) -> TlsSocket {
    let session = ServerConnection::new(Arc::clone(config)).expect("a session");
    let mut stream = StreamOwned::new(session, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).expect("a handshake");
    }
    stream
}

fn alpn_of(stream: &TlsSocket) -> String {
    String::from_utf8(stream.conn.alpn_protocol().unwrap_or_default().to_vec()).expect("ASCII")
}

// ---------------------------------------------------------------------------------------------
// What is asked
// ---------------------------------------------------------------------------------------------

#[test]
fn the_request_is_that_of_rfc_6455() {
    let (port, heads) = answering(|head| head.switch("").into_bytes());
    let mut client = start(&[]);
    let more =
        "path=/chat?room=1 host=example.test:81 origin=example.test protocol=chat,super header=x-more:=1";
    client.ws(1, port, more);
    client.wait(1, "ESTABLISHED");
    client.tell("kill id=1");
    client.closes(1, "killed");
    let head = got(&heads);
    assert_eq!(head.target(), "GET /chat?room=1 HTTP/1.1");
    for (name, value) in [
        ("host", "example.test:81"),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat,super"),
        ("origin", "http://example.test"),
        ("x-more", "1"),
    ] {
        assert_eq!(head.one(name), value, "{name}");
    }
    assert!(head.all("sec-websocket-extensions").is_empty());
    assert!(head.all("content-length").is_empty() && head.all("transfer-encoding").is_empty());
    assert_eq!(head.one("sec-websocket-key").len(), 24);

    // A key of its own for each, and nothing that was not asked for.
    client.ws(2, port, "path=chat");
    client.wait(2, "ESTABLISHED");
    client.tell("kill id=2");
    let other = got(&heads);
    assert_eq!(other.target(), "GET /chat HTTP/1.1");
    assert_ne!(other.one("sec-websocket-key"), head.one("sec-websocket-key"));
    assert!(other.all("sec-websocket-protocol").is_empty() && other.all("origin").is_empty());
    client.settle_and_finish();
}

#[test]
fn what_cannot_be_asked_is_refused_at_once() {
    let mut client = start(&[]);
    for (id, more) in ["version=8", "flags=multipart", "port=0"].iter().enumerate() {
        client.ws(id, 1, more);
        assert_eq!(client.end_of(id), "NULL", "{more}");
    }
    client.finish();
}

#[test]
fn subprotocols_are_chosen_among_those_offered() {
    let (port, _) = answering(|head| {
        let chosen = head.target().split(['=', ' ']).nth(2).unwrap_or_default().to_owned();
        head.switch(&format!("sec-websocket-protocol: {chosen}\r\n")).into_bytes()
    });
    let mut client = start(&[]);
    for (id, offered, chosen, good) in [
        (1, "chat", "chat", true),
        (2, "chat,super", "super", true),
        (3, "chat", "super", false),
        (4, "chat,super", "chat,super", false),
        (5, "chat", "Chat", false),
        (6, "", "chat", false),
        (7, "chat", "", false),
    ] {
        let offer = if offered.is_empty() { String::new() } else { format!("protocol={offered}") };
        client.ws(id, port, &format!("path=/?p={chosen} {offer}"));
        if good {
            client.wait(id, "ESTABLISHED");
            client.tell(&format!("kill id={id}"));
            client.closes(id, chosen);
        } else {
            client.fails(id, chosen, "subprotocol");
        }
    }
    client.settle_and_finish();
}

// ---------------------------------------------------------------------------------------------
// What is taken for an answer
// ---------------------------------------------------------------------------------------------

#[test]
fn each_header_of_the_answer_counts() {
    type Change = fn(String) -> String;
    let cases: [(&str, Change, &str); 18] = [
        ("no upgrade", |head| head.replace("Upgrade: websocket\r\n", ""), "no Upgrade to websocket"),
        ("another", |head| head.replace("Upgrade: websocket", "Upgrade: h2c"), "no Upgrade to websocket"),
        ("no connection", |head| head.replace("Connection: Upgrade\r\n", ""), "no Upgrade in Connection"),
        ("close", |head| head.replace("Connection: Upgrade", "Connection: close"), "Upgrade in Connection"),
        ("no accept", |head| head.replace("Sec-WebSocket-Accept", "X"), "no Sec-WebSocket-Accept"),
        ("wrong accept", |head| head.replace("Accept: ", "Accept: x"), "of another key"),
        ("empty accept", |head| head.replace("Accept: ", "Accept:\r\nX: "), "of another key"),
        (
            "two accepts",
            |head| head.replace("\r\n\r\n", "\r\nsec-websocket-accept: x\r\n\r\n"),
            "more than one Sec-WebSocket-Accept",
        ),
        (
            "a protocol",
            |head| head.replace("\r\n\r\n", "\r\nsec-websocket-protocol: x\r\n\r\n"),
            "not offered",
        ),
        (
            "two protocols",
            |head| {
                head.replace("\r\n\r\n", "\r\nsec-websocket-protocol: x\r\nsec-websocket-protocol: x\r\n\r\n")
            },
            "more than one Sec-WebSocket-Protocol",
        ),
        (
            "an extension",
            |head| head.replace("\r\n\r\n", "\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n"),
            "HS: EXT: unknown ext: permessage-deflate was not offered",
        ),
        (
            "no extension",
            |head| head.replace("\r\n\r\n", "\r\nsec-websocket-extensions: a;=\r\n\r\n"),
            "Sec-WebSocket-Extensions",
        ),
        ("200", |head| head.replace("101", "200"), "HS: ws upgrade response not 101: 200"),
        ("401", |head| head.replace("101", "401"), "HS: ws upgrade unauthorized"),
        ("403", |head| head.replace("101", "403"), "HS: ws upgrade response not 101: 403"),
        ("500", |head| head.replace("101", "500"), "HS: ws upgrade response not 101: 500"),
        ("no http", |_| "SSH-2.0-x\r\n\r\n".to_owned(), "not an HTTP/1.x response"),
        ("bad line", |head| head.replace("Upgrade: w", "Upgrade : w"), "header"),
    ];
    let changes: Vec<Change> = cases.iter().map(|case| case.1).collect();
    let (port, _) = answering(move |head| {
        let at: usize = head.target().split(['/', ' ']).nth(2).and_then(|n| n.parse().ok()).expect("a case");
        changes[at](head.switch("")).into_bytes()
    });
    let mut client = start(&[]);
    for (id, (name, _, why)) in cases.iter().enumerate() {
        client.ws(id, port, &format!("path=/{id}"));
        client.fails(id, name, why);
    }
    assert!(client.settle() < 40 * cases.len() as u32);
    client.finish();
}

/// The program may look at any answer before it is judged, and is told of a failure once.
#[test]
fn answers_that_are_none_are_shown_and_fail() {
    let (port, _) = answering(|_| b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone".to_vec());
    let mut client = start(&[]);
    client.ws(1, port, "");
    client.fails(1, "404", "HS: ws upgrade response not 101: 404");
    assert_eq!(client.wait(1, "ANSWER"), "404");
    client.wait(1, "DESTROY");
    let expected = [
        "BIND",
        "CONNECTING",
        "NEW",
        "CREATE",
        "APPEND",
        "ANSWER 404",
        "ERROR HS: ws upgrade response not 101: 404",
        "HTTP_DROP",
        "DESTROY",
    ];
    assert_eq!(client.told(1), expected);
    client.settle_and_finish();
}

#[test]
fn spellings_that_mean_the_same_are_taken() {
    let cases: [fn(String) -> String; 6] = [
        |head| head.to_lowercase().replace("http/1.1", "HTTP/1.1"),
        |head| head.replace("Upgrade: websocket", "UPGRADE:WebSocket  "),
        |head| head.replace("Connection: Upgrade", "Connection: keep-alive, upgrade"),
        |head| head.replace("101 Switching Protocols", "101 "),
        |head| format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n{head}"),
        |head| head.replace("\r\n\r\n", "\r\nserver: x\r\nset-cookie: a=b\r\ndate: never\r\n\r\n"),
    ];
    let (port, _) = answering(move |head| {
        let at: usize = head.target().split(['/', ' ']).nth(2).and_then(|n| n.parse().ok()).expect("a case");
        let answer = cases[at](head.switch(""));
        // the key's case counts
        let accept = head.accept();
        answer.replace(&accept.to_lowercase(), &accept).into_bytes()
    });
    let mut client = start(&[]);
    for id in 0..6 {
        client.ws(id, port, &format!("path=/{id} then=1000"));
        client.closes(id, "spelling");
    }
    client.finish();
}

#[test]
fn redirects_are_followed() {
    let (echo_port, _) = echoing();
    let (port, heads) = answering(move |head| {
        let to = match head.target().split(' ').nth(1).expect("a path") {
            "/ws" => format!("ws://127.0.0.1:{echo_port}/there"),
            "/http" => format!("http://127.0.0.1:{echo_port}/there"),
            "/relative" => "/ws".to_owned(),
            "/ftp" => "ftp://127.0.0.1/".to_owned(),
            "/nowhere" => return b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            loops => loops.to_owned(),
        };
        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes()
    });
    let mut client = start(&[]);
    for (id, path, redirects) in [(1, "/ws", 1), (2, "/http", 1), (3, "/relative", 2)] {
        client.ws(id, port, &format!("path={path} then=1000 protocol=chat"));
        client.closes(id, path);
        assert_eq!(client.times(id, "REDIRECT 302"), redirects, "{path}");
    }
    client.ws(4, port, "path=/loop");
    client.fails(4, "loop", "redirected more than 4 times");
    client.ws(5, port, "path=/ftp");
    client.fails(5, "ftp", "redirected to");
    client.ws(6, port, "path=/nowhere");
    client.fails(6, "no location", "not 101: 302");
    client.ws(7, port, "path=/ws flags=noredirect");
    client.fails(7, "not to be followed", "not 101: 302");
    for _ in 0..4 {
        let head = got(&heads);
        assert_eq!(head.one("upgrade"), "websocket");
    }
    client.settle_and_finish();
}

// ---------------------------------------------------------------------------------------------
// Messages
// ---------------------------------------------------------------------------------------------

#[test]
fn messages_go_both_ways() {
    let (port, closes) = echoing();
    let mut client = start(&[]);
    client.ws(1, port, "");
    client.wait(1, "ESTABLISHED");
    client.tell("send id=1 text hello");
    assert!(client.wait(1, "MESSAGE text 5 ").ends_with(" hello"));
    client.tell("send id=1 binary bytes");
    client.wait(1, "MESSAGE binary 5 ");
    client.tell("send id=1 start one");
    client.tell("send id=1 go-on two");
    client.tell("send id=1 ping between");
    client.tell("send id=1 end three");
    client.wait(1, "MESSAGE text 11 ");
    assert_eq!(client.wait(1, "PONG "), "between");
    client.tell("send id=1 text ");
    client.wait(1, "MESSAGE text 0 ");
    for size in [125, 126, 65_535, 65_536, 1_000_003] {
        client.tell(&format!("bulk id=1 {size}"));
        client.wait(1, &format!("MESSAGE binary {size} "));
    }
    client.tell("close id=1 1000 done");
    client.closes(1, "closed");
    assert_eq!(got(&closes), Some(close(1000, "done")));
    let ends: Vec<String> = client.told(1).into_iter().rev().take(2).collect();
    assert!(ends.contains(&"CLOSED".to_owned()), "{ends:?}");
    client.settle_and_finish();
}

/// Nobody may guess what a frame is masked with (RFC 6455 §10.3).
#[test]
fn every_frame_has_a_mask_of_its_own() {
    let (port, masks) = serve(|mut socket| {
        let head = Head::read(&mut socket).expect("a request");
        socket.write_all(head.switch("").as_bytes()).expect("a client");
        let mut masks = Vec::new();
        while let Some(frame) = Frame::read(&mut socket) {
            masks.push(frame.mask.expect("a mask"));
            if frame.opcode == CLOSE {
                break;
            }
        }
        masks
    });
    let mut client = start(&[]);
    client.ws(1, port, "");
    client.wait(1, "ESTABLISHED");
    for _ in 0..600 {
        client.tell("send id=1 text same");
        // the program holds a few
        client.tell("alive id=1");
    }
    client.tell("close id=1 1000");
    client.closes(1, "closed");
    let mut masks = got(&masks);
    let sent = masks.len();
    assert!(sent > 60, "{sent}");
    masks.sort_unstable();
    masks.dedup();
    // Of 600 among four billion, two are the same once in 20 000 runs, and three never.
    assert!(masks.len() >= sent - 1, "{} of {sent}", masks.len());
    client.settle_and_finish();
}

/// What came with the 101, whole and in every cut.
#[test]
fn frames_may_come_with_the_answer() {
    let (port, _) = serve(|mut socket| {
        let head = Head::read(&mut socket).expect("a request");
        let step: usize =
            head.target().split(['/', ' ']).nth(2).and_then(|n| n.parse().ok()).expect("a step");
        let mut all = head.switch("").into_bytes();
        all.extend(raw_frame(TEXT, b"first "));
        all.extend(frame(PING, b"?"));
        all.extend(raw_frame(0x80 | CONTINUATION, "\u{e4}\u{20ac}".as_bytes()));
        all.extend(frame(CLOSE, &close(1001, "bye")));
        for piece in all.chunks(step) {
            socket.write_all(piece).expect("a client");
        }
        let mut frames = Vec::new();
        while let Some(frame) = Frame::read(&mut socket) {
            frames.push(frame.whole());
        }
        assert_eq!(frames, [(PONG, b"?".to_vec()), (CLOSE, close(1001, "bye"))]);
    });
    let mut client = start(&[]);
    for (id, step) in [1, 7, 64, 10_000].into_iter().enumerate() {
        client.ws(id, port, &format!("path=/{step}"));
        client.wait(id, "MESSAGE text 11 ");
        client.wait(id, "PEER_CLOSE \\03\\e9bye");
        client.closes(id, "with the answer");
    }
    client.settle_and_finish();
}

#[test]
fn pieces_are_as_small_as_the_protocol_says() {
    let (port, _) = answering(|head| {
        let mut all = head.switch("").into_bytes();
        all.extend(frame(BINARY, &[7; 100]));
        all.extend(frame(CLOSE, b""));
        all
    });
    let mut client = start(&[]);
    client.ws(1, port, "local=small echo=1");
    client.wait(1, "MESSAGE binary 100 ");
    client.closes(1, "small pieces");
    client.settle_and_finish();
}

#[test]
fn input_waits_while_it_is_paused() {
    let (port, _) = echoing();
    let mut client = start(&[]);
    client.ws(1, port, "");
    client.wait(1, "ESTABLISHED");
    client.tell("pause id=1");
    client.tell("bulk id=1 300000");
    client.tell("send id=1 ping after");
    client.tell("stats");
    client.running.wait_text("stats ");
    assert_eq!((client.times(1, "MESSAGE"), client.times(1, "PONG")), (0, 0));
    client.tell("resume id=1");
    client.wait(1, "MESSAGE binary 300000");
    client.wait(1, "PONG after");
    client.tell("close id=1 1000");
    client.closes(1, "paused");
    client.settle_and_finish();
}

// ---------------------------------------------------------------------------------------------
// Ends
// ---------------------------------------------------------------------------------------------

/// A server that breaks the protocol is told so with RFC 6455's code, and nothing of it comes to the program.
#[test]
fn servers_that_break_the_protocol_are_told_so() {
    let masked = {
        let mut frame = vec![0x81, 0x80 | 2, 1, 2, 3, 4];
        frame.extend([b'h' ^ 1, b'i' ^ 2]);
        frame
    };
    let mut long_length = vec![0x82, 127];
    long_length.extend((1_u64 << 63).to_be_bytes());
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("masked", masked, 1002),
        ("reserved bit", raw_frame(0xc0 | TEXT, b"x"), 1002),
        ("reserved opcode", frame(3, b"x"), 1002),
        ("reserved control", frame(11, b"x"), 1002),
        ("long control", frame(PING, &[0; 126]), 1002),
        ("fragmented control", raw_frame(PING, b"x"), 1002),
        ("continuation of nothing", frame(CONTINUATION, b"x"), 1002),
        ("message in a message", [raw_frame(TEXT, b"x"), frame(TEXT, b"x")].concat(), 1002),
        ("length with the top bit", long_length, 1002),
        ("length not the shortest", vec![0x82, 126, 0, 5, 1, 2, 3, 4, 5], 1002),
        ("no utf-8", frame(TEXT, b"\xc0\x80"), 1007),
        ("half of utf-8", frame(TEXT, b"\xe2\x82"), 1007),
        ("half a code", frame(CLOSE, b"\x03"), 1002),
        ("forbidden code", frame(CLOSE, &close(1005, "")), 1002),
        ("close without utf-8", frame(CLOSE, b"\x03\xe8\xff"), 1007),
    ];
    let sent: Vec<Vec<u8>> = cases.iter().map(|case| case.1.clone()).collect();
    let (port, codes) = serve(move |mut socket| {
        let head = Head::read(&mut socket).expect("a request");
        let at: usize = head.target().split(['/', ' ']).nth(2).and_then(|n| n.parse().ok()).expect("a case");
        socket.write_all(head.switch("").as_bytes()).expect("a client");
        socket.write_all(&sent[at]).expect("a client");
        let (opcode, payload) = Frame::read(&mut socket).expect("a CLOSE").whole();
        assert_eq!(opcode, CLOSE);
        drain(&mut socket);
        u16::from_be_bytes([payload[0], payload[1]])
    });
    let mut client = start(&[]);
    for (id, (name, _, code)) in cases.iter().enumerate() {
        client.ws(id, port, &format!("path=/{id}"));
        client.closes(id, name);
        assert_eq!(got(&codes), *code, "{name}");
        assert_eq!(client.times(id, "MESSAGE") + client.times(id, "PEER_CLOSE"), 0, "{name}");
    }
    client.settle_and_finish();
}

#[test]
fn the_servers_close_is_told_and_answered() {
    let (port, _) = serve(|mut socket| {
        let head = Head::read(&mut socket).expect("a request");
        socket.write_all(head.switch("").as_bytes()).expect("a client");
        socket.write_all(&frame(CLOSE, &close(3000, "over"))).expect("a client");
        let answer = Frame::read(&mut socket).map(Frame::whole);
        if head.target().starts_with("GET /refuse ") {
            assert_eq!(answer, None);
        } else {
            assert_eq!(answer, Some((CLOSE, close(3000, "over"))));
        }
    });
    let mut client = start(&[]);
    client.ws(1, port, "");
    client.wait(1, "PEER_CLOSE \\0b\\b8over");
    client.closes(1, "the server's");
    // Nonzero from the callback: no answer.
    client.ws(2, port, "path=/refuse strike=fail@PEER_CLOSE");
    client.closes(2, "refused");
    client.settle_and_finish();
}

/// What the program has said in its CLOSE arrives, and the server's answer is waited for; not for ever.
#[test]
fn our_close_waits_for_the_servers() {
    let (port, _) = serve(|mut socket| {
        let head = Head::read(&mut socket).expect("a request");
        socket.write_all(head.switch("").as_bytes()).expect("a client");
        let (opcode, payload) = Frame::read(&mut socket).expect("a CLOSE").whole();
        assert_eq!((opcode, payload), (CLOSE, close(4001, "enough of it")));
        match head.target().split(' ').nth(1).expect("a path") {
            "/silent" => drain(&mut socket),
            "/gone" => {}
            // Not for the program any more, which has left.
            _ => {
                socket.write_all(&frame(TEXT, b"late")).expect("a client");
                socket.write_all(&frame(CLOSE, &close(1000, ""))).expect("a client");
                assert_eq!(Frame::read(&mut socket), None);
            }
        }
    });
    let mut client = start(&[]);
    for (id, path) in ["/answer", "/gone", "/silent"].into_iter().enumerate() {
        client.ws(id, port, &format!("path={path}"));
        client.wait(id, "ESTABLISHED");
        client.tell(&format!("close id={id} 4001 enough of it"));
        client.closes(id, path);
        assert_eq!(client.times(id, "MESSAGE"), 0);
    }
    client.settle_and_finish();
}

#[test]
fn connections_that_are_lost_end_each_websocket_once() {
    let (port, _) = serve(|mut socket| {
        let head = Head::read(&mut socket).expect("a request");
        let (how, when) =
            head.target().split(' ').nth(1).and_then(|path| path[1..].split_once('/')).expect("a case");
        let mut sent = head.switch("").into_bytes();
        match when {
            "before" => sent.clear(),
            "within" => sent.truncate(40),
            "frame" => sent.extend(&frame(TEXT, b"hello")[..4]),
            "message" => sent.extend(raw_frame(TEXT, b"hello")),
            _ => {}
        }
        // The client may have had enough before.
        let _ = socket.write_all(&sent);
        if how == "reset" {
            // What was sent before is not to be lost with the connection: the client has it when it asks again.
            h1::reset_on_close(&socket);
        }
    });
    let mut client = start(&[]);
    let mut id = 0;
    for how in ["close", "reset"] {
        for when in ["before", "within", "after", "frame", "message"] {
            client.ws(id, port, &format!("path=/{how}/{when}"));
            let end = client.end_of(id);
            let failed = end.starts_with("ERROR ") && end.len() > "ERROR ".len() + 5;
            match when {
                "before" | "within" => assert!(failed, "{how} {when}: {end}"),
                // A reset may overtake what was sent.
                _ if how == "reset" => assert!(failed || end == "CLOSED", "{how} {when}: {end}"),
                _ => assert_eq!(end, "CLOSED", "{how} {when}"),
            }
            id += 1;
        }
    }
    client.settle_and_finish();
}

#[test]
fn servers_that_do_not_answer_time_out() {
    let (port, _) = serve(|mut socket| drain(&mut socket));
    let mut client = start(&["--timeout=1"]);
    client.ws(1, port, "");
    client.fails(1, "silent", "imed out");
    client.settle_and_finish();
}

#[test]
fn nobody_listens() {
    let unused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    let mut client = start(&[]);
    client.ws(1, unused.expect("a port").port(), "");
    client.fails(1, "refused", "conn fail: 111");
    client.settle_and_finish();
}

// ---------------------------------------------------------------------------------------------
// Callbacks and loops that strike
// ---------------------------------------------------------------------------------------------

/// Each callback of a WebSocket's life, struck by everything that ends it: one end, told once, and nothing left.
#[test]
fn every_callback_may_end_it() {
    let (port, _) = serve(|mut socket| {
        let head = Head::read(&mut socket)?;
        let answer = if head.target().starts_with("GET /fail ") {
            "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else {
            head.switch("")
        };
        socket.write_all(answer.as_bytes()).ok()?;
        if !head.target().starts_with("GET /quiet ") {
            let _ = socket.write_all(&[frame(PONG, b"p"), frame(TEXT, b"hello"), frame(CLOSE, b"")].concat());
        }
        echo(&mut socket)
    });
    let reasons = [
        "BIND",
        "CONNECTING",
        "NEW",
        "CREATE",
        "APPEND",
        "ANSWER",
        "FILTER",
        "ESTABLISHED",
        "WRITEABLE",
        "PONG",
        "RECEIVE",
        "PEER_CLOSE",
        "WS_DROP",
        "CLOSED",
        "DESTROY",
        "ERROR",
        "HTTP_DROP",
    ];
    for action in ["fail", "close", "kill-sync", "kill-async", "vhost-destroy", "reenter", "write", "destroy"]
    {
        let mut shared = start(&[]);
        for (id, reason) in reasons.iter().enumerate() {
            let more = match *reason {
                "ERROR" | "HTTP_DROP" => "path=/fail",
                "WRITEABLE" => "path=/quiet then=1000",
                _ => "",
            };
            let ask = format!("ws id={id} port={port} {more} strike={action}@{reason}");
            if action.ends_with("destroy") {
                // Vhost or context are gone afterwards.
                let mut client = start(&[]);
                client.tell(&ask);
                client.wait(id, "struck");
                client.end_of(id);
                client.finish();
                continue;
            }
            shared.tell(&ask);
            let end = shared.end_of(id);
            // The first of them come inside the call that connects, which says so itself. kill-async waits for the loop.
            let ends_early = ["fail", "kill-sync", "close"].contains(&action);
            let expected = match *reason {
                _ if !ends_early => None,
                "BIND" | "CONNECTING" => Some("NULL"),
                "APPEND" | "ANSWER" | "FILTER" | "ERROR" | "HTTP_DROP" => Some("ERROR"),
                "ESTABLISHED" if action == "fail" || action == "close" => Some("ERROR"),
                "ESTABLISHED" | "WRITEABLE" | "PONG" | "RECEIVE" | "PEER_CLOSE" | "WS_DROP" | "CLOSED"
                | "DESTROY" => Some("CLOSED"),
                _ => None,
            };
            if let Some(expected) = expected {
                let story = shared.running.transcript();
                assert!(end.starts_with(expected), "{action} in {reason}: {end}, not {expected}\n{story}");
            }
        }
        shared.settle_and_finish();
    }
}

#[test]
fn strange_loops_lose_nothing() {
    for args in [
        &["--close-says-1"][..],
        &["--spurious"],
        &["--one-bit"],
        &["--events-are-revents"],
        &["--spurious", "--one-bit", "--close-says-1", "--events-are-revents"],
    ] {
        let (port, closes) = echoing();
        let mut client = start(args);
        for id in 0..4 {
            client.ws(id, port, "echo=0");
            client.wait(id, "ESTABLISHED");
            client.tell(&format!("bulk id={id} 200000"));
        }
        for id in 0..4 {
            client.wait(id, "MESSAGE binary 200000 ");
            client.tell(&format!("close id={id} 1000"));
            client.closes(id, args[0]);
            assert!(got(&closes).is_some());
        }
        client.settle_and_finish();
    }
}

#[test]
fn ops_may_strike_too() {
    let (port, _) = echoing();
    for op in ["accept", "io", "close", "may-connect", "destroy"] {
        for action in ["kill-sync", "kill-async", "reenter", "destroy", "vhost-destroy"] {
            let mut client = start(&[&format!("--strike-op={action}@{op}")]);
            client.ws(1, port, "then=1000");
            client.end_of(1);
            client.finish();
        }
    }
    let mut client = start(&["--refuse=1-2"]);
    client.ws(1, port, "");
    assert_eq!(client.end_of(1), "NULL");
    client.ws(2, port, "then=1000");
    client.closes(2, "after a refusal");
    client.settle_and_finish();
}

/// Many at once, and the context goes with them in every state.
#[test]
fn a_context_may_go_with_all_of_them() {
    let (port, _) = echoing();
    let (silent, _) = serve(|mut socket| drain(&mut socket));
    let mut client = start(&[]);
    for id in 0..40 {
        let (port, more) = match id % 4 {
            0 => (port, ""),
            1 => (silent, ""),
            2 => (port, "address=nowhere.invalid"),
            _ => (port, "then=1000"),
        };
        client.ws(id, port, more);
    }
    client.wait(36, "ESTABLISHED");
    client.wait(39, "CLOSED");
    client.tell("bulk id=36 3000000");
    client.finish();
}

// ---------------------------------------------------------------------------------------------
// Ways to the server
// ---------------------------------------------------------------------------------------------

#[test]
fn over_tls_http_1_is_offered_unless_the_program_says_otherwise() {
    for (alpn, offered, spoken) in [
        (&["h2", "http/1.1"][..], "", "http/1.1"),
        (&["http/1.1"], "", "http/1.1"),
        (&[], "", ""),
        (&["http/1.1"], "alpn=h2,http/1.1", "http/1.1"),
    ] {
        let config = tls_config(alpn);
        let (port, told) = serve(move |socket| {
            let mut socket = accept_tls(socket, &config);
            let head = Head::read(&mut socket).expect("a request");
            assert_eq!(head.one("origin"), "https://here");
            socket.write_all(head.switch("").as_bytes()).expect("a client");
            echo(&mut socket).expect("a CLOSE");
            alpn_of(&socket)
        });
        let mut client = start(&[]);
        client.ws(1, port, &format!("address=localhost origin=here flags=tls {offered}"));
        client.wait(1, "ESTABLISHED");
        client.tell("bulk id=1 200000");
        client.wait(1, "MESSAGE binary 200000 ");
        client.tell("close id=1 1000");
        client.closes(1, "tls");
        assert_eq!(got(&told), spoken);
        client.settle_and_finish();
    }
}

// ---- over HTTP/2 ----

/// Our own server, over TLS.
fn our_server() -> Running {
    Program::new(compile("ws-server")).arg(format!("--tls={}", tls::localhost().pair())).start()
}

#[test]
fn over_http_2_where_the_server_takes_it() {
    let server = our_server();
    for alpn in ["h2", "h2,http/1.1"] {
        let mut client = start(&[]);
        client.ws(
            1,
            server.port(),
            &format!("address=localhost flags=tls alpn={alpn} protocol=echo local=client"),
        );
        client.wait(1, "ESTABLISHED");
        // That of an upgrade would be 101.
        assert_eq!(client.wait(1, "ANSWER"), "200");
        client.tell("send id=1 text hello");
        client.wait(1, "MESSAGE text 5 ");
        for size in [0, 1, 16_384, 1_000_003] {
            client.tell(&format!("bulk id=1 {size}"));
            client.wait(1, &format!("MESSAGE binary {size} "));
        }
        client.tell("send id=1 ping life");
        assert_eq!(client.wait(1, "PONG "), "life");
        client.tell("close id=1 1000 done");
        client.closes(1, alpn);
        client.settle_and_finish();
    }
}

#[test]
fn several_share_an_http_2_connection() {
    let server = our_server();
    let mut client = start(&[]);
    for id in 1..=5 {
        let more = "address=localhost flags=tls,pipeline alpn=h2 protocol=echo local=client";
        client.ws(id, server.port(), more);
        client.wait(id, "ESTABLISHED");
    }
    // One socket for all of them.
    let connects: usize = (1..=5).map(|id| client.times(id, "CONNECTING")).sum();
    assert_eq!(connects, 1, "{}", client.running.transcript());
    for id in 1..=5 {
        client.tell(&format!("bulk id={id} 100000"));
    }
    for id in 1..=5 {
        client.wait(id, "MESSAGE binary 100000 ");
    }
    client.tell("kill id=3");
    client.closes(3, "killed");
    for id in [1, 2, 4, 5] {
        client.tell(&format!("send id={id} text still"));
        client.wait(id, "MESSAGE text 5 ");
        client.tell(&format!("close id={id} 1000"));
        client.closes(id, "closed");
    }
    client.settle_and_finish();
}

/// The server speaks HTTP/2, but has no WebSockets over it: HTTP/1 is asked for, where the program offers it.
#[test]
fn by_http_1_where_http_2_has_none() {
    let config = tls_config(&["h2", "http/1.1"]);
    let (port, told) = serve(move |socket| {
        let mut socket = accept_tls(socket, &config);
        let alpn = alpn_of(&socket);
        if alpn == "h2" {
            let _ = socket.write_all(&h2::settings(&[]));
            drain(&mut socket);
        } else {
            let head = Head::read(&mut socket).expect("a request");
            socket.write_all(head.switch("").as_bytes()).expect("a client");
            echo(&mut socket);
        }
        alpn
    });
    let mut client = start(&[]);
    client.ws(1, port, "address=localhost flags=tls alpn=h2,http/1.1 then=1000");
    client.closes(1, "by HTTP/1.1");
    assert_eq!(client.wait(1, "ANSWER"), "101");
    client.ws(2, port, "address=localhost flags=tls alpn=h2");
    client.fails(2, "h2 only", "no extended CONNECT");
    client.settle_and_finish();
    let mut spoken = [got(&told), got(&told), got(&told)];
    spoken.sort();
    assert_eq!(spoken, ["h2", "h2", "http/1.1"]);
}

/// What may be wrong with the answer to an extended CONNECT.
#[test]
fn answers_over_http_2_are_checked() {
    let (port, _) = serve(|mut socket| {
        // SETTINGS_ENABLE_CONNECT_PROTOCOL, and in pieces.
        for byte in h2::settings(&[(8, 1)]) {
            socket.write_all(&[byte]).expect("a client");
        }
        let mut peer = h2::Client::silent(socket);
        let mut preface = [0; 24];
        peer.stream.read_exact(&mut preface).expect("a preface");
        let stream = peer.until("a request", |frame| (frame.kind == h2::HEADERS).then_some(frame.stream));
        let head = h2::block(&[(":status", "403")]);
        peer.send(h2::frame(h2::HEADERS, h2::END_HEADERS, stream, &head));
        while peer.next().is_some() {}
    });
    let mut client = start(&[]);
    client.ws(1, port, "flags=h2");
    client.fails(1, "403", "HS: ws upgrade response not 200: 403");
    client.settle_and_finish();
}

/// A stream that is given up before the server has ended it is reset, and a proxy that sees that throws away what it has not
/// passed on. So it is ended, and the server has a while to do the same.
#[test]
fn streams_end_without_a_reset() {
    let mut client = start(&[]);
    for (id, ends, reset) in [(1, true, None), (2, false, Some(h2::CANCEL))] {
        let (port, told) = ending_stream(ends);
        client.ws(id, port, "flags=h2");
        client.closes(id, "over");
        assert_eq!(got(&told), reset);
        assert_eq!(client.times(id, "MESSAGE"), 0);
    }
    client.settle_and_finish();
}

/// Closes the WebSocket over HTTP/2 that it gets, and ends its stream, if it `ends` it, long after the client. Tells with what the
/// client has reset it.
fn ending_stream(ends: bool) -> (u16, Receiver<Option<u32>>) {
    serve(move |mut socket| {
        socket.write_all(&h2::settings(&[(8, 1)])).expect("a client");
        let mut peer = h2::Client::silent(socket);
        let mut preface = [0; 24];
        peer.stream.read_exact(&mut preface).expect("a preface");
        let stream = peer.until("a request", |frame| (frame.kind == h2::HEADERS).then_some(frame.stream));
        peer.send(h2::frame(h2::HEADERS, h2::END_HEADERS, stream, &h2::block(&[(":status", "200")])));
        peer.send(h2::frame(h2::DATA, 0, stream, &frame(CLOSE, &close(1000, ""))));
        peer.until("the end of the client's side", |frame| frame.ends_stream().then_some(()));
        peer.send(h2::frame(h2::PING, 0, 0, b"anything"));
        peer.until("the answer to a PING", |frame| {
            assert_ne!(frame.kind, h2::RST_STREAM, "reset before it was ended");
            (frame.kind == h2::PING && frame.flags & h2::ACK != 0).then_some(())
        });
        if ends {
            peer.send(h2::frame(h2::DATA, 0, stream, b"\x81\x04late"));
            peer.send(h2::frame(h2::DATA, h2::END_STREAM, stream, b""));
        }
        let mut frames = std::iter::from_fn(|| peer.next());
        frames.find_map(|frame| frame.error_code().filter(|_| frame.stream == stream))
    })
}

#[test]
fn unix_sockets_are_connected_to() {
    let dir = Scratch::new();
    let path = dir.path().join("ws");
    let listener = UnixListener::bind(&path).expect("a socket");
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a client");
        let head = Head::read(&mut socket).expect("a request");
        assert_eq!(head.one("host"), "localhost");
        socket.write_all(head.switch("").as_bytes()).expect("a client");
        echo(&mut socket)
    });
    let mut client = start(&[]);
    client.ws(1, 0, &format!("address=+{} then=1000", path.display()));
    client.closes(1, "unix socket");
    assert!(server.join().expect("no panic").is_some());
    client.settle_and_finish();
}

#[test]
fn proxies_are_asked_for_a_tunnel() {
    let (port, _) = echoing();
    let (proxy, told) = serve(move |mut socket| {
        let head = Head::read(&mut socket).expect("a request");
        let target = head.target().to_owned();
        if !target.contains(&format!(":{port} ")) {
            socket.write_all(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n").expect("a client");
            return target;
        }
        let mut server = h1::connect(port);
        socket.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").expect("a client");
        let (mut from, mut to) =
            (socket.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let _ = std::io::copy(&mut server, &mut socket);
        target
    });
    let mut client = start(&[&format!("--proxy=127.0.0.1:{proxy}")]);
    client.ws(1, port, "then=1000");
    client.closes(1, "through the proxy");
    assert_eq!(got(&told), format!("CONNECT 127.0.0.1:{port} HTTP/1.1"));
    client.ws(2, 1, "");
    client.fails(2, "refused by the proxy", "the proxy refuses: status 403");
    client.settle_and_finish();
}

/// `lws_retry_sul_schedule_retry_wsi`, from `CLIENT_CONNECTION_ERROR` and from `CLIENT_CLOSED`.
#[test]
fn clients_try_again() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let (port, _) = serve(move |mut socket| {
        let head = Head::read(&mut socket)?;
        match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => {
                socket.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").ok()?;
                None
            }
            1 => {
                socket.write_all(head.switch("").as_bytes()).ok()?;
                socket.write_all(&frame(CLOSE, &close(1012, "restart"))).ok()?;
                echo(&mut socket)
            }
            _ => {
                socket.write_all(head.switch("").as_bytes()).ok()?;
                socket.write_all(&frame(TEXT, b"there")).ok()?;
                echo(&mut socket)
            }
        }
    });
    let mut client = start(&[]);
    client.ws(1, port, "retries=5");
    client.wait(1, "MESSAGE text 5 ");
    assert_eq!((client.times(1, "ERROR"), client.times(1, "CLOSED"), client.times(1, "BIND")), (1, 1, 3));
    client.finish();
}

/// `secs_since_valid_ping` and `secs_since_valid_hangup` of the connection's own policy.
#[test]
fn silent_servers_are_asked_and_given_up() {
    let (port, told) = serve(|mut socket| {
        let head = Head::read(&mut socket).expect("a request");
        socket.write_all(head.switch("").as_bytes()).expect("a client");
        let (opcode, _) = Frame::read(&mut socket).expect("a PING").whole();
        if head.target().starts_with("GET /lives ") {
            socket.write_all(&frame(PONG, b"")).expect("a client");
            let (again, _) = Frame::read(&mut socket).expect("another PING").whole();
            assert_eq!(again, PING);
            return (opcode, echo(&mut socket).is_some());
        }
        (opcode, Frame::read(&mut socket).is_some())
    });
    let mut client = start(&[]);
    client.ws(1, port, "policy=1:2");
    client.closes(1, "silent");
    assert_eq!(got(&told), (PING, false));
    client.ws(2, port, "path=/lives policy=1:3");
    client.wait(2, "PONG");
    client.wait(2, "ESTABLISHED");
    client.closes(2, "silent later");
    client.settle_and_finish();
}
