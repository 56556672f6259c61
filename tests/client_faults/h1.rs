//! HTTP/1 answers that are wrong, or not whole.

use std::io::{Read as _, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use crate::program::Outcome::{Cut, Error, Whole};
use crate::program::{Outcome, start};
use crate::servers::{Then, accept, answers, end, read_head, serve};

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
