//! A client and a server joined in memory, and a client against frames written by hand.

use std::rc::Rc;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version};
use proptest::prelude::*;

mod connect;

use super::*;
use crate::proto::http::header::{HeaderLimits, HeaderTable};
use crate::proto::http::response::ResponseHead;
use crate::util::byte_queue::Spares;
use crate::util::counting::{counted, live};
use crate::util::slots::{Id, Slots};

fn request(method: Method, path: &str) -> Request<()> {
    let uri = format!("https://host.test{path}");
    Request::builder().method(method).uri(uri).version(Version::HTTP_2).body(()).unwrap()
}

fn get(path: &str) -> Request<()> {
    request(Method::GET, path)
}

fn head(status: u16, lines: &[(&'static str, &str)]) -> ResponseHead {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    ResponseHead { status: StatusCode::from_u16(status).unwrap(), headers, content_length: None, len: 0 }
}

/// The body that `name` stands for, `len` bytes of it.
fn pattern(name: u32, len: usize) -> Vec<u8> {
    (0..len).map(|at| ((at / 7) as u32 * 31 + at as u32 + name) as u8).collect()
}

/// Streams' wakers, as the engine makes them.
#[derive(Default)]
struct Wakers(Slots<()>);

impl Wakers {
    fn make(&self, queue: &std::sync::Arc<WakeQueue>) -> StreamWaker {
        StreamWaker::new(self.id(), queue.clone())
    }

    fn id(&self) -> Id {
        self.0.take(|| ()).0
    }
}

/// A client and a server whose outputs are the other's input.
struct Pair {
    client: H2Client,
    server: H2Server,
    wakers: Wakers,
    /// Requests that have come to the server.
    requests: Vec<(Rc<HeaderTable>, H2Stream)>,
    /// How often the client said that a stream may be opened.
    readies: usize,
    /// How the client's connection ended, when it has.
    closed: Vec<Option<String>>,
}

impl Pair {
    fn new(client: &H2ClientSettings, server: &H2Settings) -> Self {
        let spares = Spares::default();
        Self {
            client: H2Client::new(client, &spares),
            server: H2Server::new(server, HeaderLimits::default(), &spares),
            wakers: Wakers::default(),
            requests: Vec::new(),
            readies: 0,
            closed: Vec::new(),
        }
    }

    /// A pair that has exchanged its SETTINGS.
    fn connected() -> Self {
        let mut pair = Self::new(&H2ClientSettings::default(), &H2Settings::default());
        pair.settle();
        assert_eq!(pair.readies, 1);
        pair
    }

    /// Moves frames until both sides are idle.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            loop {
                match self.client.poll() {
                    ClientEvent::Ready => self.readies += 1,
                    ClientEvent::Idle => break,
                    ClientEvent::Closed(why) => {
                        self.closed.push(why);
                        break;
                    }
                }
            }
            let sent = self.client.output(take_all);
            moved |= !sent.is_empty();
            self.server.receive(|input| input.extend_from_slice(&sent));
            while let Event::Request(head, stream) = self.server.poll(true) {
                self.requests.push((head.expect("a good request"), stream));
            }
            let sent = self.server.output(take_all);
            moved |= !sent.is_empty();
            self.client.receive(|input| input.extend_from_slice(&sent));
            if !moved {
                return;
            }
        }
    }

    fn open(&mut self, request: Request<()>, end: bool) -> (H2ClientStream, StreamWaker) {
        let stream = self.client.open(request, end).unwrap();
        (stream, self.wakers.make(&self.client.wakes()))
    }

    /// Opens a stream and brings it to the server.
    fn exchange(&mut self, request: Request<()>, end: bool) -> (H2ClientStream, StreamWaker, H2Stream) {
        let (stream, waker) = self.open(request, end);
        self.settle();
        let (_, server) = self.requests.pop().expect("the request has come");
        (stream, waker, server)
    }

    /// The server's stream sends `data` at the pace of the client, which releases what it reads; what came of it.
    fn transfer(
        &mut self,
        from: &mut H2Stream,
        to: &mut H2ClientStream,
        waker: &StreamWaker,
        data: &[u8],
    ) -> Vec<u8> {
        from.send_data(Bytes::copy_from_slice(data), true).unwrap();
        self.settle();
        let mut body = Vec::new();
        loop {
            match to.poll_body(waker) {
                Received::Data(data) => {
                    to.release(data.len());
                    body.extend_from_slice(&data);
                }
                Received::End => return body,
                Received::Reset => panic!("{:?}", to.failure()),
                Received::Pending => {
                    let before = body.len();
                    self.settle();
                    if let Received::Data(data) = to.poll_body(waker) {
                        to.release(data.len());
                        body.extend_from_slice(&data);
                    }
                    assert!(body.len() > before, "stuck after {before}");
                }
            }
        }
    }
}

fn take_all(queue: &mut crate::util::byte_queue::ByteQueue) -> Vec<u8> {
    let bytes = queue.to_vec();
    queue.advance(bytes.len());
    bytes
}

fn status_of(answer: &Answer) -> Option<u16> {
    match answer {
        Answer::Head(parts) => Some(parts.status.as_u16()),
        Answer::Pending | Answer::Failed { .. } => None,
    }
}

fn refused(answer: &Answer) -> Option<bool> {
    match answer {
        Answer::Failed { refused, text } => {
            assert!(!text.is_empty());
            Some(*refused)
        }
        Answer::Pending | Answer::Head(_) => None,
    }
}

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

/// A server of hand-written frames (RFC 9113 §6), its header blocks without compression.
mod raw {
    use super::*;

    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PUSH_PROMISE: u8 = 5;
    pub(super) const GOAWAY: u8 = 7;
    pub(super) const WINDOW_UPDATE: u8 = 8;

    pub(super) const END_STREAM: u8 = 1;
    pub(super) const END_HEADERS: u8 = 4;

    pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    pub(super) fn headers(stream: u32, block: &[u8]) -> Vec<u8> {
        frame(HEADERS, END_HEADERS, stream, block)
    }

    pub(super) fn data(stream: u32, data: &[u8], end: bool) -> Vec<u8> {
        frame(DATA, u8::from(end), stream, data)
    }

    pub(super) fn goaway(last: u32, code: u32) -> Vec<u8> {
        frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
    }

    pub(super) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
        let entry = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
        frame(SETTINGS, 0, 0, &values.iter().flat_map(entry).collect::<Vec<u8>>())
    }

    pub(super) fn status(code: u16) -> Vec<u8> {
        line(":status", &code.to_string())
    }

    /// A literal field that is not indexed (RFC 7541 §6.2.2).
    pub(super) fn line(name: &str, value: &str) -> Vec<u8> {
        let mut line = vec![0];
        for text in [name, value] {
            if text.len() < 127 {
                line.push(text.len() as u8);
            } else {
                line.push(127);
                let mut rest = text.len() - 127;
                while rest >= 128 {
                    line.push(rest as u8 | 128);
                    rest >>= 7;
                }
                line.push(rest as u8);
            }
            line.extend(text.as_bytes());
        }
        line
    }

    #[derive(Debug)]
    pub(super) struct Frame {
        pub(super) kind: u8,
        pub(super) stream: u32,
        pub(super) payload: Vec<u8>,
    }

    /// Takes whole frames apart; there must be nothing else.
    pub(super) fn frames(mut bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at(9);
            let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (payload, rest) = rest.split_at(len);
            frames.push(Frame {
                kind: head[3],
                stream: u32::from_be_bytes(head[5..].try_into().unwrap()),
                payload: payload.to_vec(),
            });
            bytes = rest;
        }
        frames
    }

    /// A client on a server that sends what it is told.
    pub(super) struct Wire {
        pub(super) client: H2Client,
        pub(super) sent: Vec<Frame>,
        pub(super) readies: usize,
        pub(super) closed: Vec<Option<String>>,
        wakers: Wakers,
        preface_seen: bool,
    }

    impl Wire {
        /// With SETTINGS that say nothing.
        pub(super) fn open() -> Self {
            let mut wire = Self::with_settings(&[]);
            wire.settle();
            wire
        }

        pub(super) fn with_settings(values: &[(u16, u32)]) -> Self {
            let mut wire = Self {
                client: H2Client::new(&H2ClientSettings::default(), &Spares::default()),
                sent: Vec::new(),
                readies: 0,
                closed: Vec::new(),
                wakers: Wakers::default(),
                preface_seen: false,
            };
            wire.settle();
            wire.send(&settings(values));
            wire
        }

        /// The server sends `bytes`.
        pub(super) fn send(&mut self, bytes: &[u8]) {
            self.client.receive(|input| input.extend_from_slice(bytes));
            self.settle();
        }

        pub(super) fn settle(&mut self) {
            loop {
                match self.client.poll() {
                    ClientEvent::Ready => self.readies += 1,
                    ClientEvent::Idle => break,
                    ClientEvent::Closed(why) => {
                        self.closed.push(why);
                        break;
                    }
                }
            }
            let mut sent = self.client.output(take_all);
            if !self.preface_seen {
                self.preface_seen = true;
                sent.drain(..PREFACE.len());
            }
            self.sent.extend(frames(&sent));
        }

        /// Sends a request of head only.
        pub(super) fn request(&mut self, request: Request<()>) -> (H2ClientStream, StreamWaker) {
            let stream = self.client.open(request, true).unwrap();
            self.with_waker(stream)
        }

        /// The stream's request leaves.
        pub(super) fn with_waker(&mut self, stream: H2ClientStream) -> (H2ClientStream, StreamWaker) {
            self.settle();
            (stream, self.wakers.make(&self.client.wakes()))
        }
    }
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
