//! Bodies that the program takes when it likes.

use std::io::Write as _;

use crate::common::h2;
use crate::program::Outcome::{Cut, Whole};
use crate::program::start;
use crate::servers::{
    Then, accept, accept_h2, answers, drain, good, h2_head, next_request, read_head, serve,
};

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
