//! permessage-deflate (RFC 7692) of WebSocket clients: what is offered, which answers are taken, messages both ways, options
//! that programs set, and servers that send what nobody can inflate, or too much.
//!
//! `tests/c/ws-client.c` is the program. The servers are raw sockets in here, which compress with another implementation's
//! interface; over HTTP/2 it is the library's own.

mod common;

use std::io::{Read as _, Write};
use std::net::TcpStream;

use common::deflate::{COMPRESSED, Deflating, Inflating, deflated, inflated};
use common::ws_client::{Client, answering, drain, start};
use common::ws_peer::{
    BINARY, CLOSE, CONTINUATION, Frame, Head, PING, PONG, TEXT, close, frame, got, raw_frame, serve,
};
use common::{Program, Running, compile, h2, tls};

const FIN: u8 = 0x80;

/// What is offered where it does not matter.
const OFFER: &str = "--offer=permessage-deflate; client_no_context_takeover; client_max_window_bits";

/// Header lines that agree.
fn extensions(answer: &str) -> String {
    format!("Sec-WebSocket-Extensions: {answer}\r\n")
}

/// Takes a client's handshake, and agrees with `answer`.
fn agree(socket: &mut TcpStream, answer: &str) {
    let head = Head::read(socket).expect("a request");
    socket.write_all(head.switch(&extensions(answer)).as_bytes()).expect("a client");
}

/// The message that a client sends next, in one frame, as it is on the wire.
fn compressed(socket: &mut TcpStream, opcode: u8) -> Vec<u8> {
    let frame = Frame::read(socket).expect("a message");
    assert!(frame.fin && frame.mask.is_some(), "{frame:?}");
    assert_eq!((frame.opcode, frame.reserved), (opcode, COMPRESSED));
    frame.payload
}

fn close_with(client: &mut Client, id: usize) {
    client.tell(&format!("close id={id} 1000"));
    client.closes(id, "closed");
}

// ---- what is agreed on ----

#[test]
fn the_table_says_what_is_offered() {
    let (port, heads) = answering(|head| head.switch("").into_bytes());
    let two = "permessage-deflate; server_max_window_bits=9, permessage-deflate";
    let own = "permessage-deflate; client_max_window_bits";
    for (args, more, expected) in [
        ("--deflate", "", Some(own)),
        (OFFER, "", OFFER.strip_prefix("--offer=")),
        (OFFER, "noext=1", None),
        ("--offer=", "", None),
        ("--offer=NULL", "", Some(own)),
        (&format!("--offer={two}"), "", Some(two)),
        ("--spurious", "", None),
    ] {
        let mut client = start(&[args]);
        client.ws(1, port, &format!("then=1000 {more}"));
        client.closes(1, args);
        let head = got(&heads);
        assert_eq!(head.all("sec-websocket-extensions"), Vec::from_iter(expected), "{args} {more}");
        assert_eq!(client.times(1, "EXT_DEFAULTS"), 0, "the server did not answer it");
        client.settle_and_finish();
    }
}

/// The order is that of lws.
#[test]
fn the_program_is_asked_twice() {
    let (port, _) = answering(|head| head.switch(&extensions("permessage-deflate")).into_bytes());
    let mut client = start(&[OFFER]);
    client.ws(1, port, "");
    client.wait(1, "ESTABLISHED");
    let expected = [
        "BIND",
        "CONNECTING",
        "NEW",
        "CREATE",
        "EXT_OK",
        "APPEND",
        "ANSWER 101",
        "EXT_DEFAULTS",
        "FILTER",
        "ESTABLISHED",
    ];
    assert_eq!(client.told(1), expected);
    client.tell("kill id=1");
    client.settle_and_finish();
}

#[test]
fn answers_must_fit_the_offer() {
    let unknown = "HS: EXT: unknown ext: ";
    let options = "HS: EXT: failed parsing options: ";
    let rejects = "HS: EXT: Rejects server options";
    let grammar = "HS: Sec-WebSocket-Extensions that is not a list of extensions";
    let cases: Vec<(&str, &str, Option<&str>)> = vec![
        ("", "permessage-deflate", None),
        ("", "permessage-deflate; client_max_window_bits=10", None),
        ("", "permessage-deflate; client_max_window_bits=\"8\"", None),
        ("", "permessage-deflate; server_max_window_bits=8; server_no_context_takeover", None),
        ("", "permessage-deflate; client_no_context_takeover", None),
        ("", "permessage-deflate; client_max_window_bits", Some(options)),
        ("", "permessage-deflate; client_max_window_bits=16", Some(options)),
        ("", "permessage-deflate; client_max_window_bits=7", Some(options)),
        ("", "permessage-deflate; client_max_window_bits=010", Some(options)),
        ("", "permessage-deflate; server_max_window_bits", Some(options)),
        ("", "permessage-deflate; server_no_context_takeover=1", Some(options)),
        ("", "permessage-deflate; server_no_context_takeover; server_no_context_takeover", Some(options)),
        ("", "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9", Some(options)),
        ("", "permessage-deflate; rx_buf_size=10", Some(options)),
        ("", "permessage-deflate; x", Some(options)),
        ("", "x-webkit-deflate-frame", Some(unknown)),
        ("", "Permessage-Deflate", Some(unknown)),
        ("", "permessage-deflate, permessage-deflate", Some(unknown)),
        ("", "permessage-deflate\r\nsec-websocket-extensions: permessage-deflate", Some(unknown)),
        ("", "permessage-deflate;", Some(grammar)),
        ("", "permessage deflate", Some(grammar)),
        ("noext=1", "permessage-deflate", Some("permessage-deflate was not offered")),
    ];
    let answers: Vec<String> = cases.iter().map(|case| case.1.to_owned()).collect();
    let (port, _) = answering(move |head| {
        let at: usize = head.target().split(['/', ' ']).nth(2).and_then(|n| n.parse().ok()).expect("a case");
        head.switch(&extensions(&answers[at])).into_bytes()
    });
    let mut client = start(&[OFFER]);
    for (id, (more, answer, wrong)) in cases.iter().enumerate() {
        client.ws(id, port, &format!("path=/{id} then=0 {more}"));
        match wrong {
            Some(why) => client.fails(id, answer, why),
            None => client.closes(id, answer),
        }
    }
    client.settle_and_finish();

    let (port, _) = answering(|head| head.switch(&extensions("permessage-deflate")).into_bytes());
    for offer in
        ["permessage-deflate; server_no_context_takeover", "permessage-deflate; server_max_window_bits=9"]
    {
        let mut client = start(&[&format!("--offer={offer}")]);
        client.ws(1, port, "");
        client.fails(1, offer, rejects);
        client.settle_and_finish();
    }
}

#[test]
fn answers_over_http_2_must_fit_too() {
    for (answer, wrong) in [
        ("permessage-deflate; client_max_window_bits=9", None),
        (
            "permessage-deflate; client_max_window_bits=16",
            Some("HS: EXT: failed parsing options: window bits"),
        ),
        ("mux", Some("HS: EXT: unknown ext: mux was not offered")),
    ] {
        let (port, _) = serve(move |mut socket| {
            socket.write_all(&h2::settings(&[(8, 1)])).expect("a client");
            let mut peer = h2::Client::silent(socket);
            let mut preface = [0; 24];
            peer.stream.read_exact(&mut preface).expect("a preface");
            let stream = peer.until("a request", |frame| (frame.kind == h2::HEADERS).then_some(frame.stream));
            let head = h2::block(&[(":status", "200"), ("sec-websocket-extensions", answer)]);
            peer.send(h2::frame(h2::HEADERS, h2::END_HEADERS, stream, &head));
            // Compressed and binary, the one thing that tells whether it was agreed on.
            let message = raw_frame(FIN | COMPRESSED | BINARY, &deflated(&[7; 1000]));
            let _ = peer.try_send(h2::frame(h2::DATA, h2::END_STREAM, stream, &message));
            while peer.next().is_some() {}
        });
        let mut client = start(&[OFFER]);
        client.ws(1, port, "flags=h2");
        if let Some(why) = wrong {
            client.fails(1, answer, why);
        } else {
            client.wait(1, "MESSAGE binary 1000 ");
            client.closes(1, answer);
        }
        client.settle_and_finish();
    }
}

// ---- messages ----

#[test]
fn messages_are_compressed_both_ways() {
    let (port, done) = serve(|mut socket| {
        agree(&mut socket, "permessage-deflate");
        let mut window = Deflating::new();
        for text in ["hello, hello", "hello, hello", "something else"] {
            // As was offered, the client begins each of its messages anew.
            assert_eq!(inflated(&compressed(&mut socket, TEXT)), text.as_bytes());
            socket
                .write_all(&raw_frame(FIN | COMPRESSED | TEXT, &window.message(text.as_bytes())))
                .expect("a client");
        }
        let bulk = compressed(&mut socket, BINARY);
        assert!(bulk.len() < 5000, "{}", bulk.len());
        let bulk = inflated(&bulk);
        assert_eq!(bulk.len(), 300_000);
        // In fragments, of which the first says that it is compressed, with a PING between, and cut anywhere.
        let payload = window.message(&bulk);
        let (first, rest) = payload.split_at(payload.len() / 3);
        let mut all = raw_frame(COMPRESSED | BINARY, first);
        all.extend(frame(PING, b"between"));
        all.extend(raw_frame(CONTINUATION, b""));
        all.extend(raw_frame(FIN | CONTINUATION, rest));
        socket.write_all(&all).expect("a client");
        assert_eq!(Frame::read(&mut socket).expect("a PONG").whole(), (PONG, b"between".to_vec()));
        // What is not compressed may come all the same.
        socket.write_all(&frame(TEXT, b"plain")).expect("a client");
        assert_eq!(Frame::read(&mut socket).expect("a CLOSE").whole().0, CLOSE);
    });
    let mut client = start(&[OFFER]);
    client.ws(1, port, "");
    client.wait(1, "ESTABLISHED");
    for text in ["hello, hello", "hello, hello", "something else"] {
        client.tell(&format!("send id=1 text {text}"));
    }
    client.wait(1, "MESSAGE text 14 ");
    client.tell("bulk id=1 300000");
    client.wait(1, "MESSAGE binary 300000 ");
    client.wait(1, "MESSAGE text 5 ");
    assert_eq!(client.times(1, "MESSAGE text 12 "), 2);
    client.tell("close id=1 1000");
    client.closes(1, "both ways");
    got(&done);
    client.settle_and_finish();
}

/// What was agreed on of the window decides how far back a client refers, and whether to earlier messages: the bytes of "bulk"
/// repeat after 251.
#[test]
fn the_window_is_that_which_was_agreed_on() {
    for (offer, answer, alone, small) in [
        ("permessage-deflate; client_max_window_bits", "permessage-deflate", false, true),
        (
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=9",
            false,
            false,
        ),
        ("permessage-deflate; client_max_window_bits=8", "permessage-deflate", false, false),
        ("permessage-deflate", "permessage-deflate; client_no_context_takeover", true, true),
        ("permessage-deflate; client_no_context_takeover", "permessage-deflate", true, true),
    ] {
        let (port, lens) = serve(move |mut socket| {
            agree(&mut socket, answer);
            let mut window = Inflating::new();
            let payloads = [(); 2].map(|()| compressed(&mut socket, BINARY));
            for payload in &payloads {
                let mut fresh = Inflating::new();
                assert_eq!(if alone { &mut fresh } else { &mut window }.message(payload).len(), 250);
            }
            let large = compressed(&mut socket, BINARY).len();
            drain(&mut socket);
            (payloads.map(|payload| payload.len()), large)
        });
        let mut client = start(&[&format!("--offer={offer}")]);
        client.ws(1, port, "");
        client.wait(1, "ESTABLISHED");
        client.tell("bulk id=1 250");
        client.tell("bulk id=1 250");
        client.tell("bulk id=1 60000");
        client.tell("close id=1 0");
        client.closes(1, offer);
        let ([first, second], large) = got(&lens);
        assert_eq!(first == second, alone, "{offer} -> {answer}: {first} {second}");
        assert_eq!(large < 5000, small, "{offer} -> {answer}: {large}");
        client.settle_and_finish();
    }
}

#[test]
fn over_http_2_too() {
    let server: Running = Program::new(compile("ws-server"))
        .arg(format!("--tls={}", tls::localhost().pair()))
        .arg("--extension")
        .start();
    let mut client = start(&[OFFER]);
    client.ws(1, server.port(), "address=localhost flags=tls alpn=h2 protocol=echo local=client");
    client.wait(1, "ESTABLISHED");
    assert_eq!(client.wait(1, "ANSWER"), "200");
    assert_eq!((client.times(1, "EXT_OK"), client.times(1, "EXT_DEFAULTS")), (1, 1));
    for size in [0, 1, 16_384, 1_000_003] {
        client.tell(&format!("bulk id=1 {size}"));
        client.wait(1, &format!("MESSAGE binary {size} "));
    }
    // An option of a compressor is only taken where there is one.
    client.tell("option id=1 compression_level 9");
    assert_eq!(client.wait(1, "OPTION"), "0");
    close_with(&mut client, 1);
    client.ws(2, server.port(), "address=localhost flags=tls alpn=h2 protocol=echo local=client noext=1");
    client.wait(2, "ESTABLISHED");
    client.tell("option id=2 compression_level 9");
    assert_eq!(client.wait(2, "OPTION"), "-1");
    close_with(&mut client, 2);
    client.settle_and_finish();
}

// ---- options ----

#[test]
fn programs_set_options_when_it_is_agreed_on() {
    let (port, lens) = serve(|mut socket| {
        agree(&mut socket, "permessage-deflate; server_max_window_bits=10");
        let payload = Frame::read(&mut socket).filter(|frame| frame.opcode == BINARY)?.payload;
        assert_eq!(inflated(&payload).len(), 60_000);
        drain(&mut socket);
        Some(payload.len())
    });
    let mut client = start(&[OFFER]);
    let text = "HS: EXT: failed parsing defaults: ";
    for (id, (defaults, expected)) in [
        ("", Ok(1..5000)),
        ("compression_level=0", Ok(60_000..70_000)),
        ("compression_level=9;+mem_level=9;+rx_buf_size=12;+tx_buf_size=12", Ok(1..1000)),
        ("client_max_window_bits=9;client_no_context_takeover", Ok(10_000..70_000)),
        ("client_max_window_bits=15;+server_max_window_bits=12", Ok(1..5000)),
        ("none", Err("HS: EXT: failed setting defaults")),
        ("compression_level=10", Err(text)),
        ("compression_level", Err(text)),
        ("x=1", Err(text)),
        ("server_max_window_bits=9", Err(text)),
        ("server_no_context_takeover", Err(text)),
    ]
    .into_iter()
    .enumerate()
    {
        client.ws(id, port, &format!("defaults={defaults}"));
        match expected {
            Ok(expected) => {
                client.wait(id, "ESTABLISHED");
                client.tell(&format!("bulk id={id} 60000"));
                client.tell(&format!("close id={id} 0"));
                client.closes(id, defaults);
                let len = got(&lens).expect("a message");
                assert!(expected.contains(&len), "{defaults}: {len} bytes");
            }
            Err(why) => {
                client.fails(id, defaults, why);
                assert_eq!(got(&lens), None);
            }
        }
    }
    client.settle_and_finish();
}

/// What `lws_set_extension_option` says.
fn option(client: &mut Client, id: usize, text: &str) -> i32 {
    let first = client.running.stdout().len();
    client.tell(&format!("option id={id} {text}"));
    let prefix = format!("{id} OPTION ");
    client.running.wait_line_from(first, "an answer", |line| line.strip_prefix(&prefix)?.parse().ok()).1
}

/// What is set counts from the next message on, and what cannot be set changes nothing.
#[test]
fn programs_set_options_later() {
    let steps = [
        ("", 1..5000),
        ("compression_level 0", 60_000..70_000),
        ("compression_level 9", 1..1000),
        ("client_max_window_bits 9", 10_000..70_000),
        ("client_max_window_bits 15", 1..1000),
        ("mem_level 1", 1..5000),
        ("client_no_context_takeover", 1..5000),
        ("client_no_context_takeover 0", 1..5000),
        ("tx_buf_size 7", 1..5000),
    ];
    let count = steps.len();
    let (port, done) = serve(move |mut socket| {
        agree(&mut socket, "permessage-deflate");
        let mut window = Inflating::new();
        let mut lens = Vec::new();
        for n in 1..=count {
            let payload = compressed(&mut socket, BINARY);
            assert_eq!(window.message(&payload).len(), 60_000);
            lens.push(payload.len());
            socket.write_all(&frame(BINARY, &vec![1; n])).expect("a client");
        }
        drain(&mut socket);
        lens
    });
    let mut client = start(&["--offer=permessage-deflate; client_max_window_bits"]);
    client.ws(1, port, "");
    client.wait(1, "ESTABLISHED");
    for (n, (set, _)) in steps.iter().enumerate() {
        assert!(set.is_empty() || option(&mut client, 1, set) == 0, "{set}");
        client.tell("bulk id=1 60000");
        client.wait(1, &format!("MESSAGE binary {} ", n + 1));
    }
    for refused in [
        "compression_level 10",
        "compression_level",
        "client_max_window_bits 16",
        "server_max_window_bits 9",
        "server_no_context_takeover",
        "mem_level 0",
        "rx_buf_size 31",
        "colour 1",
    ] {
        assert_eq!(option(&mut client, 1, refused), -1, "{refused}");
    }
    client.tell("close id=1 0");
    client.closes(1, "options");
    for ((set, expected), len) in steps.iter().zip(got(&done)) {
        assert!(expected.contains(&len), "{set}: {len} bytes");
    }
    client.settle_and_finish();
}

#[test]
fn pieces_of_compressed_messages_are_as_large_as_was_set() {
    let (port, frames) = serve(|mut socket| {
        agree(&mut socket, "permessage-deflate");
        let mut all = raw_frame(FIN | COMPRESSED | BINARY, &deflated(&[7; 1000]));
        all.extend(frame(BINARY, &[7; 1000]));
        socket.write_all(&all).expect("a client");
        // Each piece comes back as a frame.
        let mut counts = [0; 2];
        for count in &mut counts {
            loop {
                *count += 1;
                if Frame::read(&mut socket).expect("a fragment").fin {
                    break;
                }
            }
        }
        drain(&mut socket);
        counts
    });
    let mut client = start(&[OFFER]);
    client.ws(1, port, "echo=1 defaults=rx_buf_size=7");
    let two = || (client.times(1, "MESSAGE binary 1000 ") == 2).then_some(());
    common::until("both messages", two);
    client.tell("close id=1 0");
    client.closes(1, "echoed");
    assert_eq!(got(&frames), [8, 1]);
    client.settle_and_finish();
}

// ---- what is wrong ----

/// Each is told so with its code, and nothing is left.
#[test]
fn servers_that_send_what_nobody_can_inflate_are_told_so() {
    let bad_block = b"\xff\xff\xff";
    let beyond_the_window = b"\xf2\x00\x11\x00\x00";
    let text = deflated(b"\xc3\x28");
    let hello = deflated(b"Hello");
    let cases: Vec<(&str, &str, Vec<u8>, u16)> = vec![
        ("not DEFLATE", "permessage-deflate", raw_frame(FIN | COMPRESSED | BINARY, bad_block), 1007),
        (
            "a reference to nothing",
            "permessage-deflate",
            raw_frame(FIN | COMPRESSED | BINARY, beyond_the_window),
            1007,
        ),
        (
            "a reference to a message that was not kept",
            "permessage-deflate; server_no_context_takeover",
            [
                raw_frame(FIN | COMPRESSED | BINARY, &hello),
                raw_frame(FIN | COMPRESSED | BINARY, beyond_the_window),
            ]
            .concat(),
            1007,
        ),
        ("text that is none", "permessage-deflate", raw_frame(FIN | COMPRESSED | TEXT, &text), 1007),
        (
            "a continuation that says so",
            "permessage-deflate",
            [raw_frame(COMPRESSED | BINARY, b""), raw_frame(FIN | COMPRESSED | CONTINUATION, &hello)]
                .concat(),
            1002,
        ),
        ("a compressed PING", "permessage-deflate", raw_frame(FIN | COMPRESSED | PING, b""), 1002),
        ("RSV2", "permessage-deflate", raw_frame(FIN | 0x20 | BINARY, b""), 1002),
        ("RSV1 that was not agreed on", "", raw_frame(FIN | COMPRESSED | BINARY, &hello), 1002),
    ];
    let sent: Vec<_> = cases.iter().map(|case| (case.1.to_owned(), case.2.clone())).collect();
    let (port, codes) = serve(move |mut socket| {
        let head = Head::read(&mut socket).expect("a request");
        let at: usize = head.target().split(['/', ' ']).nth(2).and_then(|n| n.parse().ok()).expect("a case");
        let (answer, frames) = &sent[at];
        let lines = if answer.is_empty() { String::new() } else { extensions(answer) };
        socket.write_all(head.switch(&lines).as_bytes()).expect("a client");
        socket.write_all(frames).expect("a client");
        let (opcode, payload) = Frame::read(&mut socket).expect("a CLOSE").whole();
        assert_eq!(opcode, CLOSE);
        drain(&mut socket);
        u16::from_be_bytes([payload[0], payload[1]])
    });
    let mut client = start(&[OFFER]);
    for (id, (name, _, _, code)) in cases.iter().enumerate() {
        client.ws(id, port, &format!("path=/{id}"));
        client.closes(id, name);
        assert_eq!(got(&codes), *code, "{name}");
    }
    client.settle_and_finish();
}

/// Blocks that end their stream are taken, and what follows may refer to what was before them (RFC 7692 §7.2.3.4).
#[test]
fn the_window_outlives_a_stream_that_ends() {
    let (port, _) = serve(|mut socket| {
        agree(&mut socket, "permessage-deflate");
        let hello = [b"\x01\x05\x00\xfa\xffHello", &b"\0"[..]].concat();
        let mut all = raw_frame(FIN | COMPRESSED | TEXT, &hello);
        all.extend(raw_frame(FIN | COMPRESSED | TEXT, b"\xf2\x00\x11\x00\x00"));
        all.extend(frame(CLOSE, &close(1000, "")));
        socket.write_all(&all).expect("a client");
        drain(&mut socket);
    });
    let mut client = start(&[OFFER]);
    client.ws(1, port, "");
    client.closes(1, "BFINAL");
    let messages: Vec<String> = client
        .told(1)
        .into_iter()
        .filter(|line| line.starts_with("MESSAGE text 5 ") && line.ends_with(" Hello"))
        .collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    client.settle_and_finish();
}

/// 64 MB in each message, and little of it in memory at any time, compressed or not.
#[test]
fn no_message_is_held_as_a_whole() {
    const SIZE: usize = 64_000_000;
    let (port, _) = serve(|mut socket| {
        agree(&mut socket, "permessage-deflate");
        socket.write_all(&raw_frame(FIN | COMPRESSED | BINARY, &deflated(&vec![0; SIZE]))).expect("a client");
        let chunk = vec![1; 1 << 20];
        socket.write_all(&raw_frame(BINARY, &[0])).expect("a client");
        for _ in 0..SIZE / chunk.len() {
            socket.write_all(&raw_frame(CONTINUATION, &chunk)).expect("a client");
        }
        socket.write_all(&frame(CONTINUATION, b"")).expect("a client");
        drain(&mut socket);
    });
    let mut client = start(&[OFFER]);
    let before = client.running.rss();
    client.ws(1, port, "");
    client.wait(1, &format!("MESSAGE binary {SIZE} "));
    client.wait(1, &format!("MESSAGE binary {} ", 1 + (SIZE >> 20 << 20)));
    let grown = client.running.peak_rss().expect("it runs").saturating_sub(before);
    assert!(grown < 20_000, "{grown} KiB more");
    client.tell("kill id=1");
    client.closes(1, "large");
    client.settle_and_finish();
}

/// A megabyte that would be more than a gigabyte.
#[test]
fn a_bomb_is_refused() {
    let (port, code) = serve(|mut socket| {
        agree(&mut socket, "permessage-deflate");
        let piece = deflated(&vec![0; 1 << 20]);
        // The end that `deflated` has taken off belongs between pieces.
        let piece = [&piece[..], &[0, 0, 0xff, 0xff]].concat();
        for n in 0..=1024 {
            let first = if n == 0 { COMPRESSED | BINARY } else { CONTINUATION };
            // It may have had enough.
            if socket.write_all(&raw_frame(first, &piece)).is_err() {
                break;
            }
        }
        let (opcode, payload) = Frame::read(&mut socket).expect("a CLOSE").whole();
        drain(&mut socket);
        (opcode, u16::from_be_bytes([payload[0], payload[1]]))
    });
    let mut client = start(&[OFFER]);
    client.ws(1, port, "");
    client.closes(1, "a bomb");
    assert_eq!(got(&code), (CLOSE, 1009));
    assert_eq!(client.times(1, "MESSAGE"), 0);
    client.settle_and_finish();
}

// ---- callbacks that strike ----

#[test]
fn the_callbacks_of_extensions_may_end_it() {
    let (port, _) = serve(|mut socket| {
        agree(&mut socket, "permessage-deflate");
        drain(&mut socket);
    });
    for reason in ["EXT_OK", "EXT_DEFAULTS"] {
        for action in ["kill-sync", "kill-async", "vhost-destroy", "reenter", "write", "destroy"] {
            let mut client = start(&[OFFER]);
            client.ws(1, port, &format!("then=0 strike={action}@{reason}"));
            client.wait(1, "struck");
            let end = client.end_of(1);
            if action == "kill-sync" {
                assert!(end.starts_with("ERROR"), "{reason}: {end}");
            }
            client.finish();
        }
    }
}
