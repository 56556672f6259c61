//! Requests that wait for the connection of another.

use std::io::Write as _;

use crate::common::DEADLINE;
use crate::program::Outcome::{Error, Whole};
use crate::program::start;
use crate::servers::{Then, accept, answers, drain, end, good, read_head, refused_port, serve};

/// The connection goes from one request to the next: the loop is told of each.
#[test]
fn a_kept_connection_is_handed_over() {
    for args in [&[][..], &["--close-says-1"]] {
        let (port, told) = good(100);
        let mut client = start(args);
        for id in 0..10 {
            client.get(id, port, &format!("path=/{id} flags=pipeline"));
        }
        for id in 0..10 {
            client.expect(id, "queued", Whole(5));
        }
        let asked: Vec<String> = (0..10).map(|_| told.recv_timeout(DEADLINE).expect("a request")).collect();
        assert_eq!(asked, (0..10).map(|id| format!("GET /{id} HTTP/1.1")).collect::<Vec<_>>());
        // one socket for all
        let connected = (0..10).map(|id| client.times(id, "CONNECTING")).sum::<usize>();
        assert_eq!(connected, 1);
        client.settle_and_finish();
    }
}

/// The loop refuses what is handed over: that request fails, those behind it do not.
#[test]
fn a_handover_is_refused() {
    let (port, _) = good(100);
    let mut client = start(&["--refuse=2-3"]);
    for id in 0..4 {
        client.get(id, port, "flags=pipeline");
    }
    client.expect(0, "the first", Whole(5));
    client.expect(1, "the refused", Error("sock accept"));
    client.expect(2, "the next", Whole(5));
    client.expect(3, "the last", Whole(5));
    client.settle_and_finish();
}

/// A server that closes after each answer, with and without saying so; also one that has closed when the next asks.
#[test]
fn a_kept_connection_is_lost_between_requests() {
    for then in [Then::Close, Then::Reset] {
        let port = answers("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", then);
        let mut client = start(&[]);
        for id in 0..6 {
            client.get(id, port, "flags=pipeline");
        }
        for id in 0..6 {
            client.expect(id, "asked again", Whole(5));
        }
        client.settle_and_finish();
    }
    // it answers two, and resets when it has read the third
    for then in [Then::Close, Then::Reset] {
        let (port, _) = serve(move |listener| {
            loop {
                let mut socket = accept(listener);
                for _ in 0..2 {
                    read_head(&mut socket);
                    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
                }
                read_head(&mut socket);
                end(socket, then);
            }
        });
        let mut client = start(&[]);
        for id in 0..6 {
            client.get(id, port, "flags=pipeline");
        }
        for id in 0..6 {
            client.expect(id, "asked again", Whole(5));
        }
        client.settle_and_finish();
    }
}

#[test]
fn the_leader_fails_or_is_closed() {
    // it never connects: nor would those behind it
    let mut client = start(&[]);
    let refused = refused_port();
    for id in 0..3 {
        client.get(id, refused, "flags=pipeline");
    }
    for id in 0..3 {
        client.expect(id, "refused", Error("Connection refused"));
    }
    // its answer is wrong: those behind it ask anew
    let (port, _) = serve(|listener| {
        let mut socket = accept(listener);
        read_head(&mut socket);
        let _ = socket.write_all(b"garbage\r\n\r\n");
        drop(socket);
        let mut socket = accept(listener);
        while !read_head(&mut socket).is_empty() {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
        }
    });
    for id in 10..13 {
        client.get(id, port, "flags=pipeline");
    }
    client.expect(10, "garbage", Error(""));
    client.expect(11, "behind it", Whole(5));
    client.expect(12, "behind it", Whole(5));
    client.settle_and_finish();

    // the program closes it, before and after it is connected, and one that waits
    for kill in ["kill", "kill-sync"] {
        let (port, _) = serve(|listener| {
            let mut socket = accept(listener);
            drain(&mut socket);
            let mut socket = accept(listener);
            while !read_head(&mut socket).is_empty() {
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
            }
        });
        let mut client = start(&[]);
        for id in 0..4 {
            client.get(id, port, "flags=pipeline");
        }
        client.wait(0, "APPEND");
        client.running.tell(&format!("{kill} id=2"));
        client.expect(2, "closed in the queue", Error("closed"));
        client.running.tell(&format!("{kill} id=0"));
        client.expect(0, "closed", Error("closed"));
        client.expect(1, "behind it", Whole(5));
        client.expect(3, "behind it", Whole(5));
        client.settle_and_finish();
    }
}

/// Nothing is connected any more for those that wait when everything ends.
#[test]
fn context_destroyed_with_a_queue() {
    for flags in ["pipeline", "pipeline,h2"] {
        let (port, connections) = serve(|listener| {
            let mut socket = accept(listener);
            drain(&mut socket);
            listener.set_nonblocking(true).expect("nonblocking");
            usize::from(listener.accept().is_ok())
        });
        let mut client = start(&[]);
        for id in 0..4 {
            client.get(id, port, &format!("flags={flags}"));
        }
        client.wait(0, "APPEND");
        client.finish();
        assert_eq!(connections.recv_timeout(DEADLINE), Ok(0), "connected anew while the context ends");
    }
}
