//! Both sides, joined in memory.

use super::*;
use crate::util::counting::{counted, live};

#[test]
fn a_request_is_answered() {
    let mut pair = Pair::connected();
    let mut get = get("/path?query");
    get.headers_mut().insert("x-test", HeaderValue::from_static("v"));
    let (mut stream, waker) = pair.open(get, true);
    assert_eq!(stream.id(), 1);
    assert!(stream.is_ended());
    assert!(matches!(stream.poll_response(&waker), Answer::Pending));
    assert!(matches!(stream.poll_body(&waker), Received::Pending));
    pair.settle();
    let (table, mut server) = pair.requests.pop().unwrap();
    assert_eq!(table.host(), Some(&b"host.test"[..]));
    assert_eq!((table.path(), table.query()), (c"/path", Some(&b"query"[..])));
    assert_eq!(table.headers()["x-test"], "v");
    server.send_headers(&head(200, &[("content-length", "5")]), false).unwrap();
    server.send_data(Bytes::from_static(b"hello"), true).unwrap();
    pair.settle();
    // The waker has told, and once is enough.
    let mut woken = Vec::new();
    pair.client.wakes().take(&mut woken);
    assert_eq!(woken.len(), 1);
    let Answer::Head(parts) = stream.poll_response(&waker) else { panic!() };
    assert_eq!((parts.status.as_u16(), &parts.headers["content-length"]), (200, &"5".parse().unwrap()));
    assert!(matches!(stream.poll_body(&waker), Received::Data(data) if data == "hello"));
    stream.release(5);
    for _ in 0..2 {
        assert!(matches!(stream.poll_body(&waker), Received::End));
    }
    assert_eq!(stream.failure(), None);
    assert!(matches!(stream.poll_response(&waker), Answer::Failed { refused: false, .. }));
}

#[test]
fn interim_responses_are_not_the_answer() {
    let mut pair = Pair::connected();
    let (mut stream, waker, mut server) = pair.exchange(request(Method::POST, "/"), false);
    server.send_continue().unwrap();
    server.send_continue().unwrap();
    pair.settle();
    assert!(matches!(stream.poll_response(&waker), Answer::Pending));
    server.send_headers(&head(204, &[]), true).unwrap();
    pair.settle();
    assert_eq!(status_of(&stream.poll_response(&waker)), Some(204));
    assert!(matches!(stream.poll_body(&waker), Received::End));
}

#[test]
fn a_thousand_requests_over_one_connection() {
    let mut pair = Pair::connected();
    let mut waiting: Vec<(usize, H2ClientStream, StreamWaker)> = Vec::new();
    let (mut opened, mut answered) = (0, 0);
    while answered < 1000 {
        while opened < 1000 {
            match pair.client.open(get(&format!("/{opened}")), true) {
                Ok(stream) => {
                    waiting.push((opened, stream, pair.wakers.make(&pair.client.wakes())));
                    opened += 1;
                }
                Err(OpenError::Full) => break,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(waiting.len(), 100.min(1000 - answered), "as many as the server allows");
        pair.settle();
        for (table, mut server) in std::mem::take(&mut pair.requests) {
            server.send_headers(&head(200, &[]), false).unwrap();
            server.send_data(Bytes::copy_from_slice(table.path().to_bytes()), true).unwrap();
        }
        pair.settle();
        for (number, mut stream, waker) in waiting.drain(..) {
            assert_eq!(status_of(&stream.poll_response(&waker)), Some(200));
            let Received::Data(data) = stream.poll_body(&waker) else { panic!() };
            assert_eq!(data, format!("/{number}"));
            stream.release(data.len());
            assert!(matches!(stream.poll_body(&waker), Received::End));
            answered += 1;
        }
        let before = pair.readies;
        pair.settle();
        if opened < 1000 {
            assert_eq!(pair.readies, before + 1, "told once that there is room again");
        }
    }
    assert!(pair.closed.is_empty());
}

#[test]
fn streams_wait_for_the_settings() {
    let settings = H2Settings { max_concurrent_streams: 3, ..H2Settings::default() };
    let mut pair = Pair::new(&H2ClientSettings::default(), &settings);
    let first = pair.client.open(get("/"), true).unwrap();
    assert_eq!(pair.client.open(get("/"), true).unwrap_err(), OpenError::Full);
    // Polled, but nothing has come: still only one. (The first poll says ready for the stream that was opened.)
    while matches!(pair.client.poll(), ClientEvent::Ready) {}
    assert_eq!(pair.client.open(get("/"), true).unwrap_err(), OpenError::Full);
    pair.settle();
    let more = [0; 2].map(|_| pair.client.open(get("/"), true).unwrap());
    assert_eq!(pair.client.open(get("/"), true).unwrap_err(), OpenError::Full);
    pair.settle();
    let before = pair.readies;
    assert_eq!(pair.requests.len(), 3);
    drop((first, more));
    pair.settle();
    assert_eq!(pair.readies, before + 1);
    assert!(pair.client.open(get("/"), true).is_ok());
}

#[test]
fn downloads_follow_the_credit() {
    let settings = H2ClientSettings { initial_window: 1 << 20, ..H2ClientSettings::default() };
    let mut pair = Pair::new(&settings, &H2Settings::default());
    pair.settle();
    let (mut stream, waker, mut server) = pair.exchange(get("/"), true);
    server.send_headers(&head(200, &[("content-length", "3000000")]), false).unwrap();
    let body = pattern(1, 3_000_000);
    let (first, rest) = body.split_at(2_000_000);
    server.send_data(Bytes::copy_from_slice(first), false).unwrap();
    pair.settle();
    assert_eq!(status_of(&stream.poll_response(&waker)), Some(200));
    // Unreleased, no more than the window comes.
    let mut received = Vec::new();
    while let Received::Data(data) = stream.poll_body(&waker) {
        received.extend_from_slice(&data);
        pair.settle();
    }
    assert_eq!(received.len(), 1 << 20);
    stream.release(received.len());
    received.extend(pair.transfer(&mut server, &mut stream, &waker, rest));
    assert!(received == body);
}

#[test]
fn streams_that_end_give_the_connection_its_credit_back() {
    let mut pair = Pair::connected();
    let body = pattern(7, 900_000);
    // More than the connection's window in all, none of it released stream by stream.
    for _ in 0..8 {
        let (mut stream, waker, mut server) = pair.exchange(get("/"), true);
        server.send_headers(&head(200, &[]), false).unwrap();
        server.send_data(Bytes::copy_from_slice(&body), true).unwrap();
        pair.settle();
        assert_eq!(status_of(&stream.poll_response(&waker)), Some(200));
        let mut received = 0;
        while let Received::Data(data) = stream.poll_body(&waker) {
            received += data.len();
            pair.settle();
        }
        assert_eq!(received, body.len());
        drop(stream);
        pair.settle();
    }
}

#[test]
fn uploads_follow_the_credit() {
    let settings = H2Settings { initial_window: 100_000, ..H2Settings::default() };
    let mut pair = Pair::new(&H2ClientSettings::default(), &settings);
    pair.settle();
    let (mut stream, waker, mut server) = pair.exchange(request(Method::POST, "/"), false);
    assert!(!stream.is_ended());
    assert_eq!(stream.tx_credit(), 100_000);
    assert!(stream.poll_writeable(&waker));
    let body = pattern(2, 300_000);
    stream.send_data(Bytes::copy_from_slice(&body[..60_000]), false).unwrap();
    assert_eq!(stream.tx_credit(), 40_000);
    assert!(stream.poll_writeable(&waker));
    stream.send_data(Bytes::copy_from_slice(&body[60_000..150_000]), false).unwrap();
    assert_eq!(stream.tx_credit(), 0);
    assert!(!stream.poll_writeable(&waker), "50000 bytes wait for credit");
    pair.settle();
    pair.client.wakes().take(&mut Vec::new());
    let mut received = Vec::new();
    let server_waker = pair.wakers.make(&pair.server.wakes());
    let mut woken = Vec::new();
    while received.len() < 150_000 {
        let Received::Data(data) = server.poll_body(&server_waker) else { panic!("{}", received.len()) };
        server.release(data.len());
        received.extend_from_slice(&data);
        pair.settle();
        pair.client.wakes().take(&mut woken);
    }
    assert_eq!(woken.len(), 1, "the waker tells that there is credit");
    assert!(stream.poll_writeable(&waker));
    assert_eq!(stream.tx_credit(), 100_000);
    stream.send_data(Bytes::copy_from_slice(&body[150_000..]), true).unwrap();
    assert!(stream.is_ended());
    assert_eq!(stream.tx_credit(), 0);
    assert!(stream.send_data(Bytes::new(), true).is_err());
    pair.settle();
    loop {
        match server.poll_body(&server_waker) {
            Received::Data(data) => {
                server.release(data.len());
                received.extend_from_slice(&data);
            }
            Received::Pending => pair.settle(),
            Received::End => break,
            Received::Reset => panic!(),
        }
    }
    assert!(received == body);
}

#[test]
fn asking_for_the_credit_takes_none_from_others() {
    let mut pair = Pair::connected();
    let mut streams = [0; 4].map(|_| pair.exchange(request(Method::POST, "/"), false));
    for _ in 0..2 {
        for (stream, ..) in &mut streams {
            assert_eq!(stream.tx_credit(), 256 * 1024);
        }
    }
}

#[test]
fn a_response_may_come_before_the_request_is_complete() {
    let mut pair = Pair::connected();
    let (mut stream, waker, mut server) = pair.exchange(request(Method::POST, "/"), false);
    stream.send_data(Bytes::from(pattern(3, 1000)), false).unwrap();
    pair.settle();
    server.send_headers(&head(413, &[]), false).unwrap();
    server.send_data(Bytes::from_static(b"too large"), true).unwrap();
    drop(server);
    pair.settle();
    assert!(stream.poll_reset(&waker), "the rest of the request is not wanted");
    assert_eq!(status_of(&stream.poll_response(&waker)), Some(413));
    assert!(matches!(stream.poll_body(&waker), Received::Data(data) if data == "too large"));
    assert!(matches!(stream.poll_body(&waker), Received::End));
}

#[test]
fn a_dropped_stream_is_cancelled() {
    let mut pair = Pair::connected();
    let (stream, _, mut server) = pair.exchange(get("/"), true);
    let waker = pair.wakers.make(&pair.server.wakes());
    assert!(!server.poll_reset(&waker));
    drop(stream);
    pair.settle();
    assert!(server.poll_reset(&waker));
    // Dropped when the response is half there, too.
    let (mut stream, client_waker, mut server) = pair.exchange(get("/"), true);
    server.send_headers(&head(200, &[]), false).unwrap();
    pair.settle();
    assert_eq!(status_of(&stream.poll_response(&client_waker)), Some(200));
    drop(stream);
    pair.settle();
    assert!(server.poll_reset(&waker));
    assert!(pair.closed.is_empty());
}

#[test]
fn a_refused_stream_may_be_tried_again() {
    let mut pair = Pair::connected();
    for (reason, safe) in
        [(Reason::REFUSED_STREAM, true), (Reason::CANCEL, false), (Reason::INTERNAL_ERROR, false)]
    {
        let (mut stream, waker, mut server) = pair.exchange(get("/"), true);
        server.reset(reason);
        pair.settle();
        assert_eq!(refused(&stream.poll_response(&waker)), Some(safe), "{reason:?}");
        assert!(matches!(stream.poll_body(&waker), Received::Reset));
        assert!(stream.poll_reset(&waker));
        assert!(stream.failure().is_some());
    }
    assert!(pair.closed.is_empty());
    assert!(pair.client.open(get("/"), true).is_ok());
}

#[test]
fn a_connection_that_breaks_fails_its_streams() {
    let mut pair = Pair::connected();
    let (mut waiting, waiting_waker, _held) = pair.exchange(get("/"), true);
    let (mut stream, waker, mut server) = pair.exchange(get("/"), true);
    server.send_headers(&head(200, &[]), false).unwrap();
    server.send_data(Bytes::from_static(b"half"), false).unwrap();
    pair.settle();
    pair.client.receive_eof();
    pair.settle();
    assert_eq!(pair.closed[0], None);
    // It may have been done: not safe to repeat.
    assert_eq!(refused(&waiting.poll_response(&waiting_waker)), Some(false));
    assert_eq!(status_of(&stream.poll_response(&waker)), Some(200));
    assert!(matches!(stream.poll_body(&waker), Received::Data(data) if data == "half"));
    assert!(matches!(stream.poll_body(&waker), Received::Reset), "a cut-off body is not a complete one");
    assert!(matches!(pair.client.open(get("/"), true), Err(OpenError::Closed(_))));
    assert!(matches!(pair.client.poll(), ClientEvent::Closed(None)));
}

#[test]
fn what_the_socket_does_not_take_is_not_produced() {
    let mut pair = Pair::new(
        &H2ClientSettings::default(),
        &H2Settings { initial_window: 1 << 30, connection_window: 1 << 30, ..H2Settings::default() },
    );
    pair.settle();
    let (mut stream, _, mut server) = pair.exchange(request(Method::POST, "/"), false);
    let body = pattern(6, 2_000_000);
    stream.send_data(Bytes::copy_from_slice(&body), true).unwrap();
    for _ in 0..3 {
        pair.client.poll();
        assert!(
            (HIGH_WATER..2 * HIGH_WATER).contains(&pair.client.output_len()),
            "{}",
            pair.client.output_len()
        );
    }
    pair.settle();
    assert_eq!((pair.client.output_len(), pair.client.input_len()), (0, 0));
    pair.client.shrink();
    let waker = pair.wakers.make(&pair.server.wakes());
    let mut received = Vec::new();
    while let Received::Data(data) = server.poll_body(&waker) {
        received.extend_from_slice(&data);
    }
    assert!(received == body);
}

#[test]
fn a_request_that_h2_cannot_carry_is_refused() {
    let mut pair = Pair::connected();
    let relative = Request::builder().uri("/").version(Version::HTTP_2).body(()).unwrap();
    let mut hop_by_hop = get("/");
    hop_by_hop.headers_mut().insert("connection", HeaderValue::from_static("close"));
    for bad in [relative, hop_by_hop] {
        assert!(matches!(pair.client.open(bad, true), Err(OpenError::BadRequest(_))));
    }
    let (_, _, _) = pair.exchange(get("/"), true);
}

/// What [`STREAM_STATE`] says, an open stream takes at either end, with no head or body waiting.
#[test]
fn a_stream_takes_as_much_memory_as_is_counted() {
    const STREAMS: usize = 256;
    let settings = H2Settings { max_concurrent_streams: STREAMS as u32, ..H2Settings::default() };
    let mut pair = Pair::new(&H2ClientSettings::default(), &settings);
    pair.settle();
    pair.requests.reserve(STREAMS);
    let mut asked = Vec::with_capacity(STREAMS);
    let mut answering = Vec::with_capacity(STREAMS);
    let before = live();
    counted(|| {
        for _ in 0..STREAMS {
            asked.push(pair.client.open(get("/"), false).unwrap());
            pair.settle();
        }
        answering.extend(pair.requests.drain(..).map(|(_head, stream)| stream));
    });
    let both = usize::try_from(live() - before).unwrap() / STREAMS;
    assert_eq!(answering.len(), STREAMS);
    assert!(both.abs_diff(2 * STREAM_STATE) <= STREAM_STATE / 8, "{both} bytes at both ends");
}
