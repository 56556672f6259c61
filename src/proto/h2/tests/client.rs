//! The client against frames written by hand.

use proptest::prelude::*;

use super::*;

#[test]
fn the_first_poll_sends_preface_and_settings() {
    let mut client = H2Client::new(&H2ClientSettings::default(), &Spares::default());
    assert!(matches!(client.poll(), ClientEvent::Ready));
    assert!(matches!(client.poll(), ClientEvent::Idle));
    let sent = client.output(take_all);
    assert_eq!(&sent[..PREFACE.len()], PREFACE);
    let frames = raw::frames(&sent[PREFACE.len()..]);
    assert_eq!(frames[0].kind, raw::SETTINGS);
    let settings: Vec<(u16, u32)> = frames[0]
        .payload
        .chunks(6)
        .map(|entry| {
            (u16::from_be_bytes([entry[0], entry[1]]), u32::from_be_bytes(entry[2..].try_into().unwrap()))
        })
        .collect();
    // No push; window, frame and header list as announced.
    assert_eq!(settings, [(2, 0), (4, 8 << 20), (5, 1 << 16), (6, 1 << 14)]);
    // The connection's window goes from 65535 to what the settings say.
    assert_eq!(frames[1].kind, raw::WINDOW_UPDATE);
    assert_eq!(frames[1].payload, ((16 << 20) - 65_535_u32).to_be_bytes());
    assert_eq!(frames.len(), 2);
}

#[test]
fn a_server_may_take_no_streams_for_a_while() {
    let mut wire = raw::Wire::with_settings(&[(3, 0)]);
    assert_eq!(wire.client.open(get("/"), true).unwrap_err(), OpenError::Full);
    wire.settle();
    assert_eq!(wire.client.open(get("/"), true).unwrap_err(), OpenError::Full);
    wire.send(&raw::settings(&[(3, 2)]));
    assert_eq!(wire.readies, 2);
    assert!(wire.client.open(get("/"), true).is_ok());
}

#[test]
fn a_dropped_stream_says_cancel() {
    let mut wire = raw::Wire::open();
    let (stream, _) = wire.request(get("/"));
    drop(stream);
    wire.settle();
    let resets: Vec<_> = wire.sent.iter().filter(|frame| frame.kind == raw::RST_STREAM).collect();
    assert_eq!(resets.len(), 1);
    assert_eq!((resets[0].stream, resets[0].payload.as_slice()), (1, &8_u32.to_be_bytes()[..]));
}

#[test]
fn goaway_lets_streams_below_it_end() {
    let mut wire = raw::Wire::open();
    let (mut first, first_waker) = wire.request(get("/1"));
    let (mut second, second_waker) = wire.request(get("/2"));
    let readies = wire.readies;
    wire.send(&raw::goaway(1, 0));
    assert_eq!(refused(&second.poll_response(&second_waker)), Some(true));
    assert!(matches!(first.poll_response(&first_waker), Answer::Pending));
    assert!(matches!(wire.client.open(get("/"), true), Err(OpenError::Closed(_))));
    assert_eq!(wire.readies, readies);
    wire.send(&[raw::headers(1, &raw::status(200)), raw::data(1, b"late", true)].concat());
    assert_eq!(status_of(&first.poll_response(&first_waker)), Some(200));
    assert!(matches!(first.poll_body(&first_waker), Received::Data(data) if data == "late"));
    assert!(matches!(first.poll_body(&first_waker), Received::End));
    drop((first, second));
    wire.settle();
    assert_eq!(wire.closed[0], None, "an orderly end, when the last stream is over");
    assert!(matches!(wire.client.open(get("/"), true), Err(OpenError::Closed(_))));
}

#[test]
fn who_waits_for_room_is_told_that_there_will_be_none() {
    let mut wire = raw::Wire::with_settings(&[(3, 1)]);
    wire.settle();
    let (_stream, _) = wire.request(get("/"));
    assert_eq!(wire.client.open(get("/"), true).unwrap_err(), OpenError::Full);
    let readies = wire.readies;
    wire.send(&raw::goaway(1, 0));
    assert_eq!(wire.readies, readies + 1);
    assert!(matches!(wire.client.open(get("/"), true), Err(OpenError::Closed(_))));
    assert!(wire.closed.is_empty());
}

#[test]
fn goaway_with_an_error_is_told() {
    let mut wire = raw::Wire::open();
    let (mut stream, waker) = wire.request(get("/"));
    wire.send(&raw::goaway(0, 11));
    let Answer::Failed { text, refused: true } = stream.poll_response(&waker) else { panic!() };
    drop(stream);
    wire.settle();
    let why = wire.closed.swap_remove(0).expect("not an orderly end");
    for text in [text, why] {
        assert!(text.contains("excessive load"), "{text}");
    }
}

#[test]
fn an_answer_is_whole_even_if_the_server_leaves_before_it_was_asked_in_full() {
    let body = |lines: &[u8], sent: &[u8]| {
        let mut wire = raw::Wire::open();
        let stream = wire.client.open(request(Method::POST, "/"), false).unwrap();
        let (mut stream, waker) = wire.with_waker(stream);
        let head = raw::headers(1, &[raw::status(413), lines.to_vec()].concat());
        wire.client.receive(|input| input.extend_from_slice(&[head, sent.to_vec()].concat()));
        wire.client.receive_eof();
        wire.settle();
        assert_eq!(status_of(&stream.poll_response(&waker)), Some(413));
        let mut received = Vec::new();
        loop {
            match stream.poll_body(&waker) {
                Received::Data(data) => received.extend_from_slice(&data),
                Received::End => break (received, true),
                Received::Reset => break (received, false),
                Received::Pending => panic!("stuck"),
            }
        }
    };
    let length = raw::line("content-length", "4");
    assert_eq!(body(&length, &raw::data(1, b"body", true)), (b"body".to_vec(), true));
    assert_eq!(body(&length, &raw::data(1, b"bod", false)), (b"bod".to_vec(), false));
    // Told in another way, there is no end to be seen.
    assert_eq!(body(&[], &raw::data(1, b"body", false)), (b"body".to_vec(), false));
}

#[test]
fn floods_end_the_connection_or_are_held_back() {
    let endless_head = {
        let mut bytes = raw::frame(raw::HEADERS, 0, 1, &raw::status(200));
        for _ in 0..2_000 {
            bytes.extend(raw::frame(9, 0, 1, &raw::line("x", &"v".repeat(10_000))));
        }
        bytes
    };
    let empty_continuations =
        [raw::frame(raw::HEADERS, 0, 1, &raw::status(200)), raw::frame(9, 0, 1, &[]).repeat(100_000)]
            .concat();
    let empty_data = [raw::headers(1, &raw::status(200)), raw::data(1, b"", false).repeat(10_000)].concat();
    let small_data = [raw::headers(1, &raw::status(200)), raw::data(1, b"x", false).repeat(100_000)].concat();
    for (name, flood) in [
        ("a head without end", endless_head),
        ("empty continuations", empty_continuations),
        ("empty DATA", empty_data),
        ("small DATA", small_data),
    ] {
        let mut wire = raw::Wire::open();
        let (_stream, _) = wire.request(get("/"));
        wire.send(&flood);
        assert!(matches!(wire.closed.first(), Some(Some(_))), "{name}: {:?}", wire.closed);
    }
    for (name, frame) in [("PING", raw::frame(6, 0, 0, &[0; 8])), ("SETTINGS", raw::settings(&[(4, 70_000)]))]
    {
        let mut client = H2Client::new(&H2ClientSettings::default(), &Spares::default());
        client.receive(|input| input.extend_from_slice(&raw::settings(&[])));
        client.poll();
        client.receive(|input| input.extend_from_slice(&frame.repeat(100_000)));
        while !matches!(client.poll(), ClientEvent::Idle | ClientEvent::Closed(_)) {}
        // What the peer sends waits: its frames ask for more output.
        assert!(client.input_len() > 0, "{name}");
        assert!(client.output_len() < 2 * HIGH_WATER, "{name}: {}", client.output_len());
    }
}

#[test]
fn our_own_goaway_ends_everything() {
    let mut pair = Pair::connected();
    let (mut stream, waker, mut server) = pair.exchange(request(Method::POST, "/"), false);
    let (mut other, _, _held) = pair.exchange(request(Method::POST, "/"), false);
    // Bulk in the output: the frame must not land inside of another.
    stream.send_data(Bytes::from(pattern(4, 400_000)), true).unwrap();
    other.send_data(Bytes::from(pattern(5, 400_000)), true).unwrap();
    pair.client.poll();
    pair.client.go_away();
    let sent = pair.client.output(take_all);
    let frames = raw::frames(&sent);
    let last = frames.last().unwrap();
    assert_eq!((last.kind, last.stream, last.payload.as_slice()), (raw::GOAWAY, 0, &[0; 8][..]));
    assert!(frames.iter().any(|frame| frame.kind == raw::DATA));
    assert!(matches!(stream.poll_response(&waker), Answer::Failed { refused: false, .. }));
    assert!(matches!(pair.client.poll(), ClientEvent::Closed(None)));
    pair.client.go_away();
    assert_eq!(pair.client.output_len(), 0, "once is enough");
    pair.server.receive(|input| input.extend_from_slice(&sent));
    pair.server.receive_eof();
    pair.settle();
    assert!(server.poll_reset(&pair.wakers.make(&pair.server.wakes())));
}

/// The status, the body, and whether it ends well; `None` when there is no answer.
type Outcome = Option<(u16, &'static [u8], bool)>;

/// What a server may send on stream 1 in answer to a GET, and what must come of it.
#[test]
fn answers_by_hand() {
    let length = |n: &str| [raw::status(200), raw::line("content-length", n)].concat();
    let trailers = raw::line("x-trailer", "1");
    let end = |block: &[u8]| raw::frame(raw::HEADERS, raw::END_HEADERS | raw::END_STREAM, 1, block);
    let text = b"body".as_slice();
    let whole = Some((200, text, true));
    let cases: [(&str, Vec<Vec<u8>>, Outcome); 22] = [
        ("as announced", vec![raw::headers(1, &length("4")), raw::data(1, text, true)], whole),
        (
            "in pieces",
            vec![raw::headers(1, &length("4")), raw::data(1, b"bo", false), raw::data(1, b"dy", true)],
            whole,
        ),
        ("no length", vec![raw::headers(1, &raw::status(200)), raw::data(1, text, true)], whole),
        ("no body", vec![end(&raw::status(200))], Some((200, b"", true))),
        ("no body, length 0", vec![end(&length("0"))], Some((200, b"", true))),
        (
            "an empty end",
            vec![raw::headers(1, &length("4")), raw::data(1, text, false), raw::data(1, b"", true)],
            whole,
        ),
        ("shorter", vec![raw::headers(1, &length("5")), raw::data(1, text, true)], Some((200, b"", false))),
        ("longer", vec![raw::headers(1, &length("3")), raw::data(1, text, true)], Some((200, b"", false))),
        (
            "shorter, with trailers",
            vec![raw::headers(1, &length("5")), raw::data(1, text, false), end(&trailers)],
            Some((200, text, false)),
        ),
        ("no body, length 5", vec![end(&length("5"))], None),
        ("bad length", vec![raw::headers(1, &length("4x")), raw::data(1, text, true)], None),
        (
            "two lengths",
            vec![
                raw::headers(1, &[length("4"), raw::line("content-length", "5")].concat()),
                raw::data(1, text, true),
            ],
            None,
        ),
        (
            "trailers",
            vec![raw::headers(1, &raw::status(200)), raw::data(1, text, false), end(&trailers)],
            whole,
        ),
        (
            "interim",
            vec![
                raw::headers(1, &raw::status(100)),
                raw::headers(1, &raw::status(103)),
                raw::headers(1, &raw::status(200)),
                raw::data(1, text, true),
            ],
            whole,
        ),
        ("interim at the end", vec![end(&raw::status(100))], None),
        ("no status", vec![end(&raw::line("x-y", "z"))], None),
        ("two statuses", vec![end(&[raw::status(200), raw::status(204)].concat())], None),
        ("status after a field", vec![end(&[raw::line("x-y", "z"), raw::status(200)].concat())], None),
        ("an upper-case name", vec![end(&[raw::status(200), raw::line("X-Y", "z")].concat())], None),
        ("connection", vec![end(&[raw::status(200), raw::line("connection", "close")].concat())], None),
        (
            "a head over the limit",
            vec![end(&[raw::status(200), raw::line("x", &"v".repeat(17_000))].concat())],
            None,
        ),
        ("body before head", vec![raw::data(1, text, true)], None),
    ];
    for (name, frames, outcome) in cases {
        for at_once in [false, true] {
            let mut wire = raw::Wire::open();
            let (mut stream, waker) = wire.request(get("/"));
            if at_once {
                wire.send(&frames.concat());
            } else {
                for byte in frames.concat() {
                    wire.send(&[byte]);
                }
            }
            let Some((status, body, well)) = outcome else {
                assert_eq!(refused(&stream.poll_response(&waker)), Some(false), "{name}");
                continue;
            };
            assert_eq!(status_of(&stream.poll_response(&waker)), Some(status), "{name}");
            let mut received = Vec::new();
            let ended = loop {
                match stream.poll_body(&waker) {
                    Received::Data(data) => received.extend_from_slice(&data),
                    Received::End => break true,
                    Received::Reset => break false,
                    Received::Pending => panic!("{name}: stuck"),
                }
            };
            assert_eq!((received.as_slice(), ended), (body, well), "{name}");
            assert_eq!(stream.failure().is_none(), well, "{name}");
        }
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    for (frames, well) in [
        (
            raw::frame(
                raw::HEADERS,
                raw::END_HEADERS | raw::END_STREAM,
                1,
                &[raw::status(200), raw::line("content-length", "5")].concat(),
            ),
            true,
        ),
        ([raw::headers(1, &raw::status(200)), raw::data(1, b"body", true)].concat(), false),
    ] {
        let mut wire = raw::Wire::open();
        let (mut stream, waker) = wire.request(request(Method::HEAD, "/"));
        wire.send(&frames);
        assert_eq!(status_of(&stream.poll_response(&waker)), Some(200));
        assert_eq!(matches!(stream.poll_body(&waker), Received::End), well);
    }
}

#[test]
fn what_a_server_must_not_send_ends_the_connection() {
    for (name, frames) in [
        ("push", raw::frame(raw::PUSH_PROMISE, raw::END_HEADERS, 1, &[0, 0, 0, 2, 0x82])),
        ("a stream of its own", raw::headers(2, &raw::status(200))),
        ("a stream we have not opened", raw::headers(5, &raw::status(200))),
        ("a frame over the size", raw::data(1, &vec![0; 65_537], false)),
        ("GOAWAY that takes more", [raw::goaway(1, 0), raw::goaway(3, 0)].concat()),
        ("window over the maximum", raw::frame(raw::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ("more than the window", {
            let mut bytes = raw::headers(1, &raw::status(200));
            for _ in 0..17 {
                bytes.extend(raw::data(1, &vec![0; 65_536], false));
            }
            bytes
        }),
        ("no HTTP/2", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
    ] {
        let mut wire = raw::Wire::open();
        let (mut stream, waker) = wire.request(get("/"));
        wire.send(&frames);
        if name == "more than the window" {
            // A stream's window is the stream's matter, or the connection's.
            while let Answer::Head(_) = stream.poll_response(&waker) {}
            while let Received::Data(_) = stream.poll_body(&waker) {}
        }
        assert!(matches!(stream.poll_response(&waker), Answer::Failed { .. }), "{name}");
        drop(stream);
        wire.settle();
        let ended = wire.closed.first().is_some_and(Option::is_some)
            || wire.sent.iter().any(|frame| frame.kind == raw::RST_STREAM);
        assert!(ended, "{name}: {:?}", wire.closed);
    }
}

proptest! {
    /// Whatever a server sends, nothing panics and every stream comes to an end.
    #[test]
    fn noise_is_survived(
        pieces in prop::collection::vec((0_u8..12, any::<u8>(), 0_u32..6, prop::collection::vec(any::<u8>(), 0..40)), 0..20),
    ) {
        let mut wire = raw::Wire::open();
        let mut streams = [wire.request(get("/a")), wire.request(request(Method::POST, "/b"))];
        for (kind, flags, stream, payload) in pieces {
            wire.send(&raw::frame(kind, flags, stream, &payload));
            for (stream, waker) in &mut streams {
                stream.poll_response(waker);
                stream.tx_credit();
                while let Received::Data(data) = stream.poll_body(waker) {
                    stream.release(data.len());
                }
            }
        }
        wire.client.receive_eof();
        wire.settle();
        prop_assert!(!wire.closed.is_empty());
        for (stream, waker) in &mut streams {
            if !matches!(stream.poll_response(waker), Answer::Failed { .. }) {
                while let Received::Data(_) = stream.poll_body(waker) {}
                prop_assert!(!matches!(stream.poll_body(waker), Received::Pending));
            }
        }
    }
}
