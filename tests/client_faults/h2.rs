//! HTTP/2 servers that break it, refuse, leave or say nothing.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use crate::common::{DEADLINE, h2};
use crate::program::Outcome::{Cut, Error, Whole, Within};
use crate::program::{Outcome, start};
use crate::servers::{
    Then, accept, accept_h2, accept_tls, answers_h2, body_of, drain, end, goaway, h2_answer, h2_head, listen,
    next_head, next_request, port_of, rst, serve, tls_config,
};

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
