//! Output that waits for the peer, and work that must not be forgotten.

use super::*;
use crate::engine::ledger::Kind;
use crate::engine::timer::{SECOND, pass};

/// More than any socket buffers take.
const LARGE: usize = 24 * 1024 * 1024;

/// A program that answers with `size` bytes, written at once.
fn at_once(size: usize) -> impl Fn(&Context, &Call<'_>) -> i32 {
    let body = vec![b'x'; size];
    move |cx, call| if call.reason == Reason::Http { respond(cx, call.wsi, &body) } else { 0 }
}

/// A program that answers with `size` bytes, a piece for each time that it may write.
fn in_pieces(size: usize) -> impl Fn(&Context, &Call<'_>) -> i32 {
    let left = Cell::new(size);
    move |cx, call| match call.reason {
        Reason::Http => {
            left.set(size);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n");
            let sent = cx.write(call.wsi, head.as_bytes(), Mode::HEADERS).is_ok();
            cx.callback_on_writable(call.wsi);
            if sent { 0 } else { -1 }
        }
        Reason::HttpWriteable => {
            let n = left.get().min(100_000);
            left.set(left.get() - n);
            let mode = if left.get() == 0 { Mode::FINAL } else { Mode::BODY };
            if cx.write(call.wsi, &vec![b'x'; n], mode).is_err() {
                return -1;
            }
            if left.get() > 0 {
                cx.callback_on_writable(call.wsi);
            } else if cx.complete_transaction(call.wsi) {
                return -1;
            }
            0
        }
        _ => 0,
    }
}

/// `answer`, on sockets that take a few kilobytes.
fn with_small_buffer(answer: impl Fn(&Context, &Call<'_>) -> i32) -> impl Fn(&Context, &Call<'_>) -> i32 {
    move |cx, call| {
        if call.reason == Reason::ServerNewClientInstantiated {
            let small = call.wsi.with_fd(|fd| rustix::net::sockopt::set_socket_send_buffer_size(fd, 1));
            small.expect("a descriptor").expect("a small buffer");
        }
        answer(cx, call)
    }
}

/// A peer that takes half a megabyte each 4 seconds does not empty the socket's buffer within the timeout of a stalled
/// one, and moves.
fn slowly(fixture: &Fixture, client: &mut Client, size: usize) {
    for _ in 0..20 {
        pass(4 * SECOND);
        client.take(512 * 1024);
        fixture.turn();
        fixture.turn();
    }
    assert_ne!(fixture.busy(), 0, "closed");
    fixture.until("everything", || {
        client.take(1024 * 1024);
        assert!(!client.eof, "cut off at {}", client.got.len());
        client.got.len() > size
    });
}

#[test]
fn a_slow_peer_gets_everything_on_h1() {
    let fixture = Fixture::new();
    fixture.on_call(at_once(LARGE));
    let mut client = fixture.connect();
    client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    slowly(&fixture, &mut client, LARGE);
}

#[test]
fn a_slow_peer_gets_everything_before_the_close() {
    let fixture = Fixture::new();
    fixture.on_call(at_once(LARGE));
    let mut client = fixture.connect();
    client.send(b"GET / HTTP/1.0\r\n\r\n");
    slowly(&fixture, &mut client, LARGE);
    fixture.until("the end", || client.is_cut_off());
}

#[test]
fn a_slow_peer_gets_everything_on_h2() {
    let fixture = Fixture::new();
    fixture.on_call(at_once(LARGE));
    let mut client = fixture.connect();
    client.send(&[frames::hello(0x3fff_ffff), frames::request(1, "GET", true)].concat());
    slowly(&fixture, &mut client, LARGE);
}

#[test]
fn a_slow_peer_gets_every_piece() {
    for hello in [b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), {
        [frames::hello(0x3fff_ffff), frames::request(1, "GET", true)].concat()
    }] {
        let fixture = Fixture::new();
        fixture.on_call(in_pieces(LARGE));
        let mut client = fixture.connect();
        client.send(&hello);
        slowly(&fixture, &mut client, LARGE);
    }
}

#[test]
fn a_slow_peer_gets_a_short_answer() {
    // Less than what makes a connection count as full: between its requests, as far as its parser knows.
    const SHORT: usize = 200_000;
    for hello in [
        b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        [frames::hello(0x3fff_ffff), frames::request(1, "GET", true)].concat(),
    ] {
        let fixture = Fixture::new();
        fixture.on_call(with_small_buffer(at_once(SHORT)));
        let mut client = fixture.connect_with_small_window();
        client.send(&hello);
        fixture.until("the request", || fixture.program.count(Reason::Http) == 1);
        assert!(fixture.cx.ledger.account(Kind::Buffered).bytes > 100_000, "the test needs small buffers");
        for _ in 0..20 {
            pass(4 * SECOND);
            client.take(2_000);
            fixture.turn();
            fixture.turn();
        }
        fixture.until("everything", || {
            client.take(64 * 1024);
            assert!(!client.eof, "cut off at {}", client.got.len());
            client.got.len() > SHORT
        });
        // Idle from now on.
        fixture.turn();
        pass(40 * SECOND);
        fixture.until("the end", || client.is_cut_off());
    }
}

#[test]
fn a_peer_that_takes_nothing_is_given_up() {
    for (hello, pieces) in [
        (b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), false),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), true),
        ([frames::hello(0x3fff_ffff), frames::request(1, "GET", true)].concat(), true),
        // Room in the socket, and no credit for the stream.
        ([frames::hello(100), frames::request(1, "GET", true)].concat(), true),
    ] {
        let fixture = Fixture::new();
        if pieces {
            fixture.on_call(in_pieces(LARGE));
        } else {
            fixture.on_call(at_once(LARGE));
        }
        let mut client = fixture.connect();
        client.send(&hello);
        fixture.until("the request", || fixture.program.count(Reason::Http) == 1);
        for _ in 0..20 {
            fixture.turn();
        }
        pass(14 * SECOND);
        fixture.turn();
        assert_eq!(fixture.program.count(Reason::ClosedHttp), 0, "before its time");
        pass(2 * SECOND);
        // Once or twice the kernel finds that its buffers may grow.
        for _ in 0..4 {
            fixture.turn();
            pass(15 * SECOND);
        }
        assert!(fixture.program.count(Reason::ClosedHttp) > 0, "{hello:?}");
        let account = fixture.cx.ledger.account(Kind::Ah);
        assert_eq!(account.live, 0);
    }
}

#[test]
fn one_write_larger_than_everything_arrives_without_a_sign_from_the_peer() {
    // All windows are open, so the peer has nothing to say while it receives: only our own books bring the rest.
    for size in [300_000, 1_000_000, LARGE] {
        let fixture = Fixture::new();
        fixture.on_call(at_once(size));
        let mut client = fixture.connect();
        client.send(&[frames::hello(0x3fff_ffff), frames::request(1, "GET", true)].concat());
        fixture.until("everything", || {
            client.take(256 * 1024);
            client.got.len() > size && frames::data(&client.got, 1) == (size, true)
        });
    }
}

#[test]
fn answers_that_nobody_takes_are_not_piled_up() {
    const ANSWER: usize = 20_000;
    let fixture = Fixture::new();
    fixture.on_call(with_small_buffer(at_once(ANSWER)));
    let mut client = fixture.connect_with_small_window();
    // Forty requests in one go, none of the answers read.
    client.send(&b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(40));
    for _ in 0..20 {
        fixture.turn();
    }
    let buffered = fixture.cx.ledger.account(Kind::Buffered).bytes;
    assert!((200_000..400_000).contains(&buffered), "{buffered} bytes of answers in memory");
    fixture.until("all answers", || {
        client.take(1024 * 1024);
        client.got.len() > 40 * ANSWER
    });
}

#[test]
fn asking_from_outside_a_turn_reaches_the_loop() {
    let fixture = Fixture::new();
    fixture.on_call(|_, _| 0);
    let mut client = fixture.connect();
    client.send(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 8\r\n\r\nhalf");
    fixture.until("half a body", || fixture.program.count(Reason::HttpBody) == 1);
    let wsi = fixture.connection();
    let loop_alone = || {
        // A loop that never calls `adjust_timeout`.
        poll_table(&fixture.table, &fixture.cx, 5);
    };
    fixture.cx.rx_flow_control(wsi, false);
    client.send(b"more");
    loop_alone();
    assert_eq!(fixture.program.count(Reason::HttpBody), 1, "paused");
    fixture.cx.rx_flow_control(wsi, true);
    assert_ne!(fixture.table.interest(wsi.raw_fd()) & 4, 0, "the loop is asked to come back");
    let end = Instant::now() + PATIENCE;
    while fixture.program.count(Reason::HttpBodyCompletion) == 0 {
        assert!(Instant::now() < end, "the body is delivered");
        loop_alone();
    }
    fixture.cx.callback_on_writable(wsi);
    while fixture.program.count(Reason::HttpWriteable) == 0 {
        assert!(Instant::now() < end, "the writeable callback comes");
        loop_alone();
    }
    assert_eq!(fixture.table.interest(wsi.raw_fd()) & 4, 0, "and the interest goes");
}

#[test]
fn paused_and_resumed_bodies_arrive_whole() {
    for hello in [
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 12000\r\n\r\n".to_vec(),
        [frames::hello(65535), frames::request(1, "POST", false)].concat(),
    ] {
        let h2 = hello.starts_with(b"PRI");
        let fixture = Fixture::new();
        let got = Rc::new(Cell::new(0));
        let sum = Rc::clone(&got);
        fixture.on_call(move |cx, call| {
            if let (Reason::HttpBody, crate::engine::dispatch::Arg::Bytes(bytes)) = (call.reason, call.arg) {
                sum.set(sum.get() + bytes.len());
                cx.rx_flow_control(call.wsi, false);
                cx.set_timer(call.wsi, Some(0));
            }
            if call.reason == Reason::Timer {
                cx.rx_flow_control(call.wsi, true);
            }
            answer(cx, call)
        });
        let mut client = fixture.connect();
        client.send(&hello);
        let body = vec![b'b'; 12_000];
        client.send(&if h2 { frames::frame(0, 1, 1, &body) } else { body });
        fixture.until("the answer", || client.has("ok"));
        assert_eq!(got.get(), 12_000);
    }
}

#[test]
fn a_header_table_goes_to_who_can_use_it() {
    let config = ContextConfig { max_ah: 1, ..ContextConfig::default() };
    let fixture = Fixture::with(config, |_| {});
    let held = Rc::new(Cell::new(true));
    let silent = Rc::clone(&held);
    fixture.on_call(move |cx, call| if silent.get() { 0 } else { answer(cx, call) });
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut first = fixture.connect();
    first.send(request);
    fixture.until("the first request", || fixture.program.count(Reason::Http) == 1);
    // These wait for the table: some that leave, one that has sent only half, one that is ready.
    let leave: Vec<Client> = (0..5)
        .map(|_| {
            let mut client = fixture.connect();
            client.send(request);
            client
        })
        .collect();
    for _ in 0..4 {
        fixture.turn();
    }
    let mut half = fixture.connect();
    half.send(b"GET / HTTP/1.1\r\n");
    for _ in 0..4 {
        fixture.turn();
    }
    let mut ready = fixture.connect();
    ready.send(request);
    for _ in 0..4 {
        fixture.turn();
    }
    drop(leave);
    for _ in 0..4 {
        fixture.turn();
    }
    held.set(false);
    let wsi = fixture
        .cx
        .all_wsi()
        .into_iter()
        .filter_map(|id| fixture.cx.wsi(id))
        .find(|wsi| wsi.ah().is_some())
        .expect("the first");
    respond(&fixture.cx, wsi, b"ok");
    fixture.until("the first answer", || first.has("\r\n\r\nok"));
    fixture.until("the answer to the one that is ready", || ready.has("\r\n\r\nok"));
    half.send(b"host: localhost\r\n\r\n");
    fixture.until("the answer to the slow one", || half.has("\r\n\r\nok"));
}

#[test]
fn streams_that_wait_for_header_tables_are_all_served() {
    let config = ContextConfig { max_ah: 2, ..ContextConfig::default() };
    let fixture = Fixture::with(config, |_| {});
    let mut client = fixture.connect();
    let mut bytes = frames::hello(65535);
    for stream in (1..=59).step_by(2) {
        bytes.extend(frames::request(stream, "GET", true));
    }
    client.send(&bytes);
    fixture.until("thirty answers", || {
        client.take(64 * 1024);
        (1..=59).step_by(2).all(|stream| frames::data(&client.got, stream) == (2, true))
    });
}

#[test]
fn an_answer_before_the_body_resets_the_stream_of_a_peer_that_goes_on() {
    // A modest rest of the body is thrown away, because many clients lose the answer over a reset; not any rest.
    let fixture = Fixture::new();
    fixture.on_call(|cx, call| if call.reason == Reason::Http { respond(cx, call.wsi, b"no") } else { 0 });
    let mut client = fixture.connect();
    client.send(&[frames::hello(65535), frames::request(1, "POST", false)].concat());
    fixture.until("the answer", || {
        client.take(64 * 1024);
        frames::data(&client.got, 1) == (2, true)
    });
    let is_reset = |got: &[u8]| frames::parse(got).iter().any(|frame| (frame.0, frame.2) == (3, 1));
    assert!(!is_reset(&client.got), "not at once");
    // The server's window counts from the acknowledgement of its SETTINGS.
    client.send(&frames::frame(4, 1, 0, &[]));
    let mut sent = 0;
    fixture.until("the reset", || {
        if sent < 512 * 1024 {
            client.send(&frames::frame(0, 0, 1, &[b'x'; 8 * 1024]));
            sent += 8 * 1024;
        }
        client.take(64 * 1024);
        is_reset(&client.got)
    });
    assert!(sent >= 256 * 1024, "a modest rest is taken: {sent}");
}

#[test]
fn a_body_that_nobody_wants_is_not_waited_for_forever() {
    // The answer comes at once. The reset does when the timeout passes, not with the next thing that the peer sends.
    let fixture = Fixture::new();
    fixture.on_call(|cx, call| if call.reason == Reason::Http { respond(cx, call.wsi, b"no") } else { 0 });
    let mut client = fixture.connect();
    client.send(&[frames::hello(65535), frames::request(1, "POST", false)].concat());
    fixture.until("the answer", || {
        client.take(64 * 1024);
        frames::data(&client.got, 1) == (2, true)
    });
    pass(16 * SECOND);
    fixture.until("the reset", || {
        client.take(64 * 1024);
        frames::parse(&client.got).iter().any(|frame| (frame.0, frame.2) == (3, 1))
    });
}

#[test]
fn writes_without_a_request_are_refused() {
    let fixture = Fixture::new();
    fixture.on_call(|cx, call| {
        if call.reason == Reason::ServerNewClientInstantiated {
            assert!(cx.write(call.wsi, b"hello", Mode::BODY).is_err());
            assert!(cx.complete_transaction(call.wsi));
        }
        answer(cx, call)
    });
    let mut client = fixture.connect();
    client.get(&fixture);
    client.get(&fixture);
}

#[test]
fn a_connection_that_we_close_hears_goaway() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.send(&[frames::hello(65535), frames::request(1, "GET", true)].concat());
    fixture.until("the answer", || {
        client.take(64 * 1024);
        frames::data(&client.got, 1).1
    });
    fixture.cx.destroy();
    while !client.eof {
        client.take(64 * 1024);
    }
    let goaway = frames::parse(&client.got).into_iter().filter(|frame| frame.0 == 7).count();
    assert_eq!(goaway, 1, "the peer is told that the end is meant");
}
