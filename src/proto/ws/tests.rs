use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::proto::ws::deflate::{Deflater, Inflater, Params};
use crate::proto::ws::settings::Settings;

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

/// A masked frame of a client; the key is zeros, so the payload stands as it is.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126, "one byte of length");
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

/// What is shown, what arrives at a server, what comes of it, and what was negotiated.
type Case<'a> = (&'a str, Vec<u8>, &'a [&'a str], Option<&'a Params>);

#[test]
fn violations_have_their_code() {
    let deflated = Params { max_inflated: Some(100), ..Params::default() };
    let cases: &[Case<'_>] = &[
        ("unmasked", vec![0x81, 0], &["1002"], None),
        ("RSV1 without compression", masked(0xc1, b""), &["1002"], None),
        ("RSV2", masked(0xa1, b""), &["1002"], Some(&deflated)),
        ("RSV3", masked(0x91, b""), &["1002"], Some(&deflated)),
        ("RSV1 of a ping", masked(0xc9, b""), &["1002"], Some(&deflated)),
        (
            "RSV1 of a continuation",
            [masked(0x41, b""), masked(0xc0, b"")].concat(),
            &["1002"],
            Some(&deflated),
        ),
        ("opcode 3", masked(0x83, b""), &["1002"], None),
        ("opcode 11", masked(0x8b, b""), &["1002"], None),
        ("fragmented ping", masked(0x09, b""), &["1002"], None),
        ("ping of 126", vec![0x89, 0xfe, 0, 126], &["1002"], None),
        ("continuation of nothing", masked(0x80, b""), &["1002"], None),
        (
            "message inside of a message",
            [masked(0x01, b"a"), masked(0x81, b"b")].concat(),
            &["text a…", "1002"],
            None,
        ),
        ("short length in 16 bits", vec![0x82, 0xfe, 0, 125], &["1002"], None),
        ("short length in 64 bits", vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], &["1002"], None),
        ("length with the top bit", vec![0x82, 0xff, 0x80], &["1002"], None),
        ("text", masked(0x81, b"\xff"), &["1007"], None),
        ("text that ends within", masked(0x81, b"\xc3"), &["1007"], None),
        (
            "text over fragments",
            [masked(0x01, b"\xed"), masked(0x80, b"\xa0")].concat(),
            &["text \u{fffd}…", "1007"],
            None,
        ),
        ("close of one byte", masked(0x88, b"a"), &["1002"], None),
        ("close reason", masked(0x88, b"\x03\xe8\xff"), &["1007"], None),
        ("not DEFLATE", masked(0xc2, b"\xff\xff"), &["1007"], Some(&deflated)),
        ("text in DEFLATE", masked(0xc1, b"\x00\x01\x00\xfe\xff\xff\x00"), &["1007"], Some(&deflated)),
        ("a bomb", masked(0xc2, b"\x62\x60\x18\x05\xa3\x60\x14\x8c\x54\x00\x00"), &["1009"], Some(&deflated)),
    ];
    for (what, bytes, expected, params) in cases {
        assert_eq!(received(Side::Server, *params, bytes), *expected, "{what}");
    }
    assert_eq!(received(Side::Client, None, &masked(0x81, b"")), ["1002"]);
}

#[test]
fn close_codes() {
    let taken = |code: u16| received(Side::Server, None, &masked(0x88, &code.to_be_bytes()));
    for code in
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
    {
        assert_eq!(taken(code), [format!("close Some({code})")]);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        assert_eq!(taken(code), ["1002"], "{code}");
    }
    let after = [masked(0x88, b""), masked(0x81, b"late"), vec![0xff; 9]].concat();
    assert_eq!(received(Side::Server, None, &after), ["close None"]);
}

#[test]
fn what_must_not_be_sent_is_not() {
    let mut sender = Sender::new(Side::Server, None);
    let mut out = Vec::new();
    let key = [0; 4];
    assert_eq!(sender.message(&mut out, Opcode::Continuation, true, b"", key), Err(SendError::NoMessage));
    assert_eq!(sender.message(&mut out, Opcode::Ping, true, b"", key), Err(SendError::WrongKind));
    assert_eq!(sender.control(&mut out, Opcode::Close, b"", key), Err(SendError::WrongKind));
    assert_eq!(sender.control(&mut out, Opcode::Pong, &[0; 126], key), Err(SendError::TooLong));
    assert_eq!(sender.close(&mut out, Some(CloseCode::NORMAL), &[b'a'; 124], key), Err(SendError::TooLong));
    for code in [CloseCode::NO_STATUS, CloseCode::ABNORMAL, CloseCode::TLS_FAILURE, CloseCode(5000)] {
        assert_eq!(sender.close(&mut out, Some(code), b"", key), Err(SendError::BadCode));
    }
    assert_eq!((out.len(), sender.is_closed()), (0, false));
    sender.message(&mut out, Opcode::Text, false, b"", key).unwrap();
    assert_eq!(sender.message(&mut out, Opcode::Text, true, b"", key), Err(SendError::InMessage));
    sender.close(&mut out, Some(CloseCode::NORMAL), &[b'a'; 123], key).unwrap();
    assert_eq!(sender.message(&mut out, Opcode::Continuation, true, b"", key), Err(SendError::Closed));
    assert_eq!(received(Side::Client, None, &out), ["text …", "close Some(1000)"]);
}

#[test]
fn lengths_in_their_shortest_form() {
    for (len, head) in [(0_usize, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)] {
        let mut out = Vec::new();
        let payload = vec![b'a'; len];
        Sender::new(Side::Server, None).message(&mut out, Opcode::Binary, true, &payload, [0; 4]).unwrap();
        assert_eq!(out.len(), head + len);
        let mut receiver = Receiver::new(Side::Client, None);
        let mut rx = BytesMut::from(&out[..]);
        match receiver.poll(&mut rx, usize::MAX).unwrap() {
            Event::Data(piece) => assert_eq!((&piece.data[..], piece.last), (&payload[..], true)),
            other => panic!("{other:?}"),
        }
    }
}

/// A deflated message of `len` zeros, in a frame of a server.
fn bomb(len: usize) -> Vec<u8> {
    let params = Params::default();
    let mut sender = Sender::new(Side::Server, Some(Deflater::new(Side::Server, &params)));
    let mut out = Vec::new();
    sender.message(&mut out, Opcode::Binary, true, &vec![0; len], [0; 4]).unwrap();
    out
}

#[test]
fn a_bomb_comes_in_pieces() {
    let bytes = bomb(10_000_000);
    assert!(bytes.len() < 100_000);
    for chunk in [1 << 20, 5000, 4096] {
        let mut receiver = Receiver::new(Side::Client, Some(Inflater::new(Side::Client, &Params::default())));
        let mut rx = BytesMut::from(&bytes[..]);
        let mut sum = 0;
        loop {
            match receiver.poll(&mut rx, chunk).unwrap() {
                Event::Data(piece) => {
                    assert!(!piece.data.is_empty() && piece.data.len() <= chunk);
                    assert_eq!(piece.first, sum == 0);
                    sum += piece.data.len();
                    assert_eq!(piece.last, sum == 10_000_000);
                }
                Event::NeedMore => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(sum, 10_000_000);
    }
}

#[test]
fn a_limit_is_of_each_message_and_exact() {
    for (limit, expected) in [(1000, None), (999, Some(CloseCode::TOO_LARGE))] {
        let params = Params { max_inflated: Some(limit), ..Params::default() };
        let mut receiver = Receiver::new(Side::Client, Some(Inflater::new(Side::Client, &params)));
        let mut rx = BytesMut::from(&bomb(1000)[..]);
        // The second message refers to nothing of the first, so the same bytes are good again.
        rx.extend_from_slice(&bomb(1000));
        let failed = loop {
            match receiver.poll(&mut rx, 64) {
                Ok(Event::NeedMore) => break None,
                Ok(_) => {}
                Err(violation) => break Some(violation.code),
            }
        };
        assert_eq!(failed, expected);
    }
}

/// A frame of a server that is a compressed message.
fn compressed(payload: &[u8]) -> Vec<u8> {
    let (header, len) = frame::Header {
        fin: true,
        rsv: frame::RSV1,
        opcode: Opcode::Binary,
        mask: None,
        len: payload.len() as u64,
    }
    .encode();
    [&header[..len], payload].concat()
}

/// The block that is `data` itself, and with BFINAL the last of its stream.
fn stored(last: bool, data: &[u8]) -> Vec<u8> {
    let len = data.len() as u16;
    [&[u8::from(last)][..], &len.to_le_bytes(), &(!len).to_le_bytes(), data].concat()
}

#[test]
fn the_window_outlives_a_stream_that_ends() {
    let copy_of_the_last_five = b"\xf2\x00\x11\x00\x00";
    let hello = [&stored(true, b"Hello")[..], b"\0"].concat();
    let two = [compressed(&hello), compressed(copy_of_the_last_five)].concat();
    let one = compressed(&[&stored(true, b"Hello")[..], copy_of_the_last_five].concat());
    let kept = Params::default();
    assert_eq!(received(Side::Client, Some(&kept), &two), ["binary Hello.", "binary Hello."]);
    assert_eq!(received(Side::Client, Some(&kept), &one), ["binary HelloHello."]);
    let fresh = Params { server_no_context_takeover: true, ..Params::default() };
    assert_eq!(received(Side::Client, Some(&fresh), &two), ["binary Hello.", "1007"]);
    assert_eq!(received(Side::Client, Some(&fresh), &one), ["binary HelloHello."]);
    assert_eq!(received(Side::Client, Some(&kept), &compressed(copy_of_the_last_five)), ["1007"]);

    // As far back as the window reaches, over the ends of several streams, in pieces of any size.
    let data = noise(50_000);
    let mut deflate = zlib_rs::Deflate::new(6, false, 15);
    deflate.set_dictionary(&data[50_000 - 32_768..]).unwrap();
    let again = &data[50_000 - 32_000..][..20_000];
    let mut tail = vec![0; 1000];
    deflate.compress(again, &mut tail, zlib_rs::DeflateFlush::SyncFlush).unwrap();
    tail.truncate(deflate.total_out() as usize - 4);
    assert!(tail.len() < 900, "it refers to what was before");
    let first: Vec<u8> = data.chunks(7_001).flat_map(|part| stored(true, part)).chain([0]).collect();
    let bytes = [compressed(&first), compressed(&tail)].concat();
    for chunk in [1 << 20, 5000, 17] {
        let all = heard(receiver(Side::Client, Some(&kept)), &bytes, 999, chunk);
        let message = |data: &[u8]| Heard::Data { binary: true, data: data.to_vec(), ended: true };
        assert!(all == [message(&data), message(again)], "chunk {chunk}");
    }
}

#[test]
fn settings_count_from_the_next_message_on() {
    let message = b"all work and no play makes jack a dull boy ".repeat(40);
    let settings = Settings::new(Side::Client, Params { level: 9, ..Params::default() });
    let mut sender = Sender::new(Side::Client, Some(settings.deflater()));
    let mut receiver = receiver(Side::Server, Some(&Params::default()));
    let mut lengths = Vec::new();
    for change in [
        "",
        "compression_level=0",
        "",
        "compression_level=9; client_max_window_bits=9; mem_level=1",
        "",
        "client_no_context_takeover",
        "",
    ] {
        let mut out = Vec::new();
        sender.message(&mut out, Opcode::Text, false, &message[..100], [0; 4]).unwrap();
        settings.set_all(change.as_bytes()).unwrap();
        sender.message(&mut out, Opcode::Continuation, true, &message[100..], [0; 4]).unwrap();
        lengths.push(out.len());
        let mut rx = BytesMut::from(&out[..]);
        let mut data = Vec::new();
        while let Event::Data(piece) = receiver.poll(&mut rx, 1 << 20).unwrap() {
            data.extend_from_slice(&piece.data);
        }
        assert!(data == message, "after {change}");
    }
    let [first, before, stored, _, anew, _, alone] = lengths[..] else { panic!("{lengths:?}") };
    assert!(before < first, "a window that is kept makes the second smaller: {lengths:?}");
    assert!(stored > message.len(), "level 0 compresses nothing: {lengths:?}");
    assert!(anew < message.len() / 4 && alone < message.len() / 4 && alone > before, "{lengths:?}");
}

#[test]
fn inflated_pieces_are_as_large_as_was_set() {
    let settings = Settings::new(Side::Client, Params::default());
    settings.set("rx_buf_size", Some("7")).unwrap();
    let mut receiver = Receiver::new(Side::Client, Some(settings.inflater()));
    let mut rx = BytesMut::from(&bomb(1000)[..]);
    rx.extend_from_slice(b"\x82\x7e\x03\xe8");
    rx.extend_from_slice(&[7; 1000]);
    let mut sizes = Vec::new();
    while let Event::Data(piece) = receiver.poll(&mut rx, 4096).unwrap() {
        sizes.push(piece.data.len());
    }
    assert_eq!(sizes, [128, 128, 128, 128, 128, 128, 128, 104, 1000], "what is not compressed is not cut");
}

/// Bytes that no compressor makes smaller.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// A window of 8 bits is served by zlib's smallest, of 9: no match may be further away than 256 bytes, so what repeats
/// only after that stays as long as it is.
#[test]
fn a_window_of_8_bits_is_not_looked_beyond() {
    for level in 0..=9 {
        for (period, matches) in [(200, level > 0), (257, false), (300, false), (400, false), (511, false)] {
            let params = Params { server_max_window_bits: 8, level, ..Params::default() };
            let message = noise(period).repeat(20);
            let mut out = Vec::new();
            let mut deflater = Deflater::new(Side::Server, &params);
            for piece in message.chunks(700) {
                deflater.deflate(piece, false, &mut out);
            }
            deflater.deflate(b"", true, &mut out);
            assert_eq!(
                out.len() < message.len() / 2,
                matches,
                "level {level}, period {period}: {}",
                out.len()
            );
            assert!(matches || out.len() >= message.len(), "level {level}, period {period}: {}", out.len());
        }
    }
}

#[test]
fn contexts_live_as_long_as_was_agreed() {
    for no_takeover in [false, true] {
        let params = Params {
            server_no_context_takeover: no_takeover,
            client_no_context_takeover: no_takeover,
            ..Params::default()
        };
        let mut sender = Sender::new(Side::Server, Some(Deflater::new(Side::Server, &params)));
        let mut lens = [0; 2];
        for len in &mut lens {
            let mut out = Vec::new();
            sender.message(&mut out, Opcode::Binary, true, &noise(500), [0; 4]).unwrap();
            *len = out.len();
        }
        assert_eq!(lens[0] == lens[1], no_takeover);
        assert!(no_takeover || lens[1] < 30);
    }
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Receiver>() <= 200, "{}", size_of::<Receiver>());
    assert!(size_of::<Sender>() <= 200, "{}", size_of::<Sender>());
    let params = Params::default();
    let (before, held) = crate::util::counting::counted(|| {
        let before = crate::util::counting::live();
        let settings = Settings::new(Side::Server, params);
        let receiver = Receiver::new(Side::Server, Some(settings.inflater()));
        let sender = Sender::new(Side::Server, Some(settings.deflater()));
        let held = crate::util::counting::live();
        drop((settings, receiver, sender));
        (before, held)
    });
    assert!(held - before <= 32, "contexts are made at the first use, {} bytes are held", held - before);
}

/// What happened, without how it was cut into pieces.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Heard {
    Data { binary: bool, data: Vec<u8>, ended: bool },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseCode>, Vec<u8>),
    Failed(CloseCode),
}

/// What a receiver hears of `bytes` that arrive `step` by `step`, at most `chunk` a piece. Of a connection that fails,
/// what was heard of the message before depends on the pieces and is left away.
fn heard(mut receiver: Receiver, bytes: &[u8], step: usize, chunk: usize) -> Vec<Heard> {
    let mut rx = BytesMut::new();
    let mut all: Vec<Heard> = Vec::new();
    let mut in_message = false;
    for piece in bytes.chunks(step) {
        rx.extend_from_slice(piece);
        loop {
            let next = match receiver.poll(&mut rx, chunk) {
                Ok(Event::NeedMore) => break,
                Ok(Event::Data(piece)) => {
                    assert!(piece.data.len() <= chunk, "no more than was asked for");
                    assert_eq!(piece.first, !in_message, "a message begins once");
                    in_message = !piece.last;
                    assert_eq!(receiver.is_in_message(), in_message);
                    if let Some(Heard::Data { data, ended, .. }) = all.last_mut().filter(|_| !piece.first) {
                        data.extend_from_slice(&piece.data);
                        *ended = piece.last;
                        continue;
                    }
                    Heard::Data { binary: piece.binary, data: piece.data.to_vec(), ended: piece.last }
                }
                Ok(Event::Ping(payload)) => Heard::Ping(payload.to_vec()),
                Ok(Event::Pong(payload)) => Heard::Pong(payload.to_vec()),
                Ok(Event::Close(close)) => Heard::Close(close.code, close.payload.to_vec()),
                Err(violation) => {
                    assert_eq!(receiver.poll(&mut rx, chunk).unwrap_err(), violation);
                    while matches!(all.last(), Some(Heard::Data { ended: false, .. })) {
                        all.pop();
                    }
                    all.push(Heard::Failed(violation.code));
                    return all;
                }
            };
            all.push(next);
        }
    }
    all
}

/// Something to send: a message in fragments, with a ping before each but the first where asked for.
#[derive(Clone, Debug)]
struct Said {
    text: bool,
    fragments: Vec<Vec<u8>>,
    pings: bool,
}

fn said() -> impl Strategy<Value = Said> {
    let fragment = prop_oneof![
        "[a-d]{0,40}".prop_map(String::into_bytes),
        "\\PC{0,20}".prop_map(String::into_bytes),
        (0_usize..3000).prop_map(|len| b"all work and no play ".iter().copied().cycle().take(len).collect()),
    ];
    (any::<bool>(), prop::collection::vec(fragment, 1..4), any::<bool>())
        .prop_map(|(text, fragments, pings)| Said { text, fragments, pings })
}

fn params() -> impl Strategy<Value = Option<Params>> {
    let some = (any::<[bool; 2]>(), 8_u8..16, 8_u8..16, (0_u8..10, 1_u8..10)).prop_map(
        |(fresh, server, client, (level, mem_level))| Params {
            server_no_context_takeover: fresh[0],
            client_no_context_takeover: fresh[1],
            server_max_window_bits: server,
            client_max_window_bits: client,
            level,
            mem_level,
            max_inflated: None,
        },
    );
    prop::option::of(some)
}

fn receiver(side: Side, params: Option<&Params>) -> Receiver {
    Receiver::new(side, params.map(|params| Inflater::new(side, params)))
}

/// The bytes of what is said, and what must be heard of it.
fn spoken(from: Side, params: Option<&Params>, all: &[Said]) -> (Vec<u8>, Vec<Heard>) {
    let mut sender = Sender::new(from, params.map(|params| Deflater::new(from, params)));
    let (mut out, mut expected) = (Vec::new(), Vec::new());
    for said in all {
        let mut opcode = if said.text { Opcode::Text } else { Opcode::Binary };
        for (at, fragment) in said.fragments.iter().enumerate() {
            if at > 0 && said.pings {
                sender.control(&mut out, Opcode::Ping, b"there?", [7, 0, 255, 1]).unwrap();
            }
            let fin = at + 1 == said.fragments.len();
            let key = [at as u8, 1, 2, fragment.len() as u8];
            sender.message(&mut out, opcode, fin, fragment, key).unwrap();
            opcode = Opcode::Continuation;
        }
        if said.pings {
            expected.extend(std::iter::repeat_n(Heard::Ping(b"there?".to_vec()), said.fragments.len() - 1));
        }
        expected.push(Heard::Data { binary: !said.text, data: said.fragments.concat(), ended: true });
    }
    sender.close(&mut out, Some(CloseCode::GOING_AWAY), b"bye", [9; 4]).unwrap();
    expected.push(Heard::Close(Some(CloseCode::GOING_AWAY), b"\x03\xe9bye".to_vec()));
    (out, expected)
}

/// Messages whole, with what came between their fragments before them.
fn whole(all: Vec<Heard>) -> Vec<Heard> {
    let mut begun: Option<Vec<u8>> = None;
    let mut result = Vec::new();
    for heard in all {
        match heard {
            Heard::Data { binary, data, ended } => {
                let joined = begun.take().unwrap_or_default().into_iter().chain(data).collect();
                if ended {
                    result.push(Heard::Data { binary, data: joined, ended });
                } else {
                    begun = Some(joined);
                }
            }
            other => result.push(other),
        }
    }
    result
}

proptest! {
    #[test]
    fn what_is_said_is_heard(
        all in prop::collection::vec(said(), 0..5),
        params in params(),
        to_server: bool,
        step in prop_oneof![1_usize..20, 1_usize..5000],
        chunk in prop_oneof![1_usize..20, 1_usize..5000],
    ) {
        let (from, to) = if to_server { (Side::Client, Side::Server) } else { (Side::Server, Side::Client) };
        let (bytes, expected) = spoken(from, params.as_ref(), &all);
        prop_assert_eq!(whole(heard(receiver(to, params.as_ref()), &bytes, step, chunk)), expected);
    }

    #[test]
    fn pieces_change_nothing(
        all in prop::collection::vec(said(), 0..5),
        params in params(),
        at: prop::sample::Index,
        bits: u8,
        step in 1_usize..50,
        chunk in 1_usize..50,
    ) {
        let (mut bytes, _) = spoken(Side::Client, params.as_ref(), &all);
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        let at_once = heard(receiver(Side::Server, params.as_ref()), &bytes, bytes.len(), 1 << 20);
        let by_pieces = heard(receiver(Side::Server, params.as_ref()), &bytes, step, chunk);
        prop_assert_eq!(whole(by_pieces), whole(at_once));
    }

    #[test]
    fn nothing_that_arrives_is_fatal(bytes: Vec<u8>, frames in prop::collection::vec((0_u8..16, any::<Vec<u8>>()), 0..9)) {
        fuzz(&bytes);
        let mut framed = bytes.iter().copied().take(2).collect::<Vec<_>>();
        for (first, payload) in frames {
            let compressed = if bytes.first().is_some_and(|first| first & 2 != 0) { 0xc0 } else { 0x80 };
            framed.extend(masked(compressed | first, &payload[..payload.len().min(125)]));
        }
        fuzz(&framed);
    }
}
