//! Extended CONNECT from the client's side (RFC 8441), against frames written by hand.

use ::h2::ext::Protocol;
use bytes::Bytes;

use super::*;

/// `SETTINGS_ENABLE_CONNECT_PROTOCOL`.
const ENABLE: u16 = 8;

fn connect() -> Request<()> {
    let mut request = request(Method::CONNECT, "/chat");
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request
}

#[test]
fn whether_the_server_takes_it_is_known_with_its_settings() {
    let mut client = H2Client::new(&H2ClientSettings::default(), &Spares::default());
    while matches!(client.poll(), ClientEvent::Ready) {}
    assert_eq!(client.takes_extended_connect(), None);
    // The number of streams, whichever it is, is no sign of anything.
    for streams in [None, Some(0), Some(1), Some(u32::MAX - 1), Some(u32::MAX)] {
        for (enabled, takes) in [(None, false), (Some(0), false), (Some(1), true)] {
            let mut settings: Vec<(u16, u32)> = enabled.map(|value| (ENABLE, value)).into_iter().collect();
            settings.extend(streams.map(|value| (3, value)));
            let wire = raw::Wire::with_settings(&settings);
            assert_eq!(wire.client.takes_extended_connect(), Some(takes), "{settings:?}");
        }
    }
}

#[test]
fn settings_that_come_in_pieces_are_unknown_until_the_last() {
    let mut client = H2Client::new(&H2ClientSettings::default(), &Spares::default());
    let settings = raw::settings(&[(ENABLE, 1)]);
    for byte in &settings[..settings.len() - 1] {
        client.receive(|input| input.extend_from_slice(&[*byte]));
        while matches!(client.poll(), ClientEvent::Ready) {}
        assert_eq!(client.takes_extended_connect(), None);
    }
    client.receive(|input| input.extend_from_slice(&settings[settings.len() - 1..]));
    while matches!(client.poll(), ClientEvent::Ready) {}
    assert_eq!(client.takes_extended_connect(), Some(true));
}

#[test]
fn a_server_may_begin_to_take_it_later() {
    let mut wire = raw::Wire::with_settings(&[]);
    assert_eq!(wire.client.takes_extended_connect(), Some(false));
    wire.send(&raw::settings(&[(ENABLE, 1)]));
    assert_eq!(wire.client.takes_extended_connect(), Some(true));
    // Not any more: no stream would be opened that it does not want.
    wire.send(&raw::goaway(0, 0));
    wire.client.receive_eof();
    wire.settle();
    assert_eq!(wire.client.takes_extended_connect(), Some(false));
}

#[test]
fn both_directions_stay_open_behind_the_head() {
    let mut wire = raw::Wire::with_settings(&[(ENABLE, 1)]);
    wire.settle();
    let stream = wire.client.open(connect(), false).unwrap();
    let (mut stream, waker) = wire.with_waker(stream);
    let head = wire.sent.iter().find(|frame| frame.kind == raw::HEADERS).unwrap();
    assert_eq!(head.stream, stream.id());
    assert!(!stream.is_ended());

    wire.send(&raw::headers(stream.id(), &raw::status(200)));
    let answer = stream.poll_response(&waker);
    assert_eq!(status_of(&answer), Some(200));
    wire.send(&raw::data(stream.id(), b"from the server", false));
    assert!(matches!(stream.poll_body(&waker), Received::Data(data) if data == "from the server"));
    stream.release(b"from the server".len());
    stream.send_data(Bytes::from_static(b"from the client"), false).unwrap();
    wire.settle();
    let sent: Vec<_> = wire.sent.iter().filter(|frame| frame.kind == raw::DATA).collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].payload, b"from the client");

    stream.send_data(Bytes::new(), true).unwrap();
    wire.send(&raw::data(stream.id(), b"", true));
    // The frame that ends it has no bytes, and is a piece all the same.
    assert!(matches!(stream.poll_body(&waker), Received::Data(data) if data.is_empty()));
    assert!(matches!(stream.poll_body(&waker), Received::End));
    assert!(stream.is_ended());
    assert!(wire.closed.is_empty());
}
