use bytes::BytesMut;

use super::*;
use crate::proto::ws::deflate::{Deflater, Inflater, Params};

/// What a receiver makes of `bytes`, in words.
fn received(side: Side, params: Option<&Params>, bytes: &[u8]) -> Vec<String> {
    let mut receiver = Receiver::new(side, params.map(|params| Inflater::new(side, params)));
    let mut rx = BytesMut::from(bytes);
    let mut events = Vec::new();
    loop {
        events.push(match receiver.poll(&mut rx, 4096) {
            Ok(Event::NeedMore) => return events,
            Ok(Event::Data(piece)) => {
                let kind = if piece.binary { "binary" } else { "text" };
                let end = if piece.last { "." } else { "…" };
                format!("{kind} {}{end}", String::from_utf8_lossy(&piece.data))
            }
            Ok(Event::Ping(payload)) => format!("ping {}", String::from_utf8_lossy(&payload)),
            Ok(Event::Pong(payload)) => format!("pong {}", String::from_utf8_lossy(&payload)),
            Ok(Event::Close(close)) => format!("close {:?}", close.code.map(|code| code.0)),
            Err(violation) => {
                events.push(violation.code.0.to_string());
                return events;
            }
        });
    }
}

#[test]
fn examples_of_rfc_6455_5_7() {
    let server = |bytes| received(Side::Server, None, bytes);
    let client = |bytes| received(Side::Client, None, bytes);
    assert_eq!(client(b"\x81\x05Hello"), ["text Hello."]);
    assert_eq!(server(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), ["text Hello."]);
    assert_eq!(client(b"\x01\x03Hel\x80\x02lo"), ["text Hel…", "text lo."]);
    assert_eq!(client(b"\x89\x05Hello"), ["ping Hello"]);
    assert_eq!(server(b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), ["pong Hello"]);
}

#[test]
fn examples_of_rfc_7692_7_2_3() {
    let params = Params::default();
    let client = |bytes| received(Side::Client, Some(&params), bytes);
    assert_eq!(client(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"), ["text Hello."]);
    assert_eq!(
        client(b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00").concat().replace("…text ", ""),
        "text Hello."
    );
    let twice = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00";
    assert_eq!(client(twice), ["text Hello.", "text Hello."]);
    assert_eq!(client(b"\xc1\x0b\x00\x05\x00\xfa\xffHello\x00"), ["text Hello."]);
    assert_eq!(client(b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), ["text Hello."]);
    assert_eq!(client(b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), ["text Hello."]);
    assert_eq!(client(b"\xc1\x01\x00"), ["text ."]);
}

#[test]
fn what_is_sent_arrives() {
    for params in [None, Some(Params::default())] {
        for (from, to) in [(Side::Server, Side::Client), (Side::Client, Side::Server)] {
            let mut sender = Sender::new(from, params.as_ref().map(|params| Deflater::new(from, params)));
            let mut out = Vec::new();
            let key = [1, 2, 3, 4];
            sender.message(&mut out, Opcode::Text, true, b"Hello", key).unwrap();
            sender.message(&mut out, Opcode::Binary, false, b"", key).unwrap();
            sender.control(&mut out, Opcode::Ping, b"?", key).unwrap();
            sender.message(&mut out, Opcode::Continuation, true, b"", key).unwrap();
            sender.close(&mut out, Some(CloseCode::NORMAL), b"bye", key).unwrap();
            assert_eq!(sender.control(&mut out, Opcode::Ping, b"", key), Err(SendError::Closed));
            let all = received(to, params.as_ref(), &out);
            let expected = ["text Hello.", "binary …", "ping ?", "binary .", "close Some(1000)"];
            assert_eq!(
                all,
                expected
                    .into_iter()
                    .filter(|event| params.is_none() || *event != "binary …")
                    .collect::<Vec<_>>()
            );
        }
    }
}
