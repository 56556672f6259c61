use proptest::prelude::*;

use super::*;
use crate::proto::http::method::Method;
use crate::proto::http::token::Token;

/// What a connection carried, with each body in one piece.
#[derive(Debug, PartialEq, Default)]
struct Heard {
    requests: Vec<Heading>,
    /// Of each request, and whether it came to its end.
    bodies: Vec<(Vec<u8>, bool)>,
    refused: Option<Reject>,
    /// Input that was not taken.
    left: usize,
}

#[derive(Debug, PartialEq)]
struct Heading {
    method: Method,
    path: String,
    fields: Vec<(String, Vec<u8>)>,
    info: RequestInfo,
}

/// Runs a connection over `pieces`, calling for the next request as soon as one is complete.
fn hear<'a>(limits: HeaderLimits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let mut server = H1Server::new(limits);
    let mut input = BytesMut::new();
    let mut heard = Heard::default();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match server.poll(&mut input) {
                Ok(Event::NeedMore) => break,
                Ok(Event::Request(table, info)) => {
                    let fields = table
                        .headers()
                        .iter()
                        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
                    heard.requests.push(Heading {
                        method: table.method(),
                        path: table.path().to_str().unwrap().to_owned(),
                        fields: fields.collect(),
                        info,
                    });
                    heard.bodies.push((Vec::new(), info.body == BodyLength::None));
                }
                Ok(Event::Body(content)) => {
                    assert!(!content.is_empty());
                    heard.bodies.last_mut().unwrap().0.extend_from_slice(&content);
                }
                Ok(Event::BodyEnd) => heard.bodies.last_mut().unwrap().1 = true,
                Err(reject) => {
                    heard.refused = Some(reject);
                    break;
                }
            }
            server.next_request();
        }
    }
    heard.left = input.len();
    heard
}

fn hear_whole(bytes: &[u8]) -> Heard {
    hear(HeaderLimits::default(), [bytes])
}

/// The single request in `bytes`.
fn request(bytes: &str) -> Heading {
    let mut heard = hear_whole(bytes.as_bytes());
    assert_eq!((heard.refused, heard.requests.len()), (None, 1), "{bytes:?}");
    heard.requests.remove(0)
}

fn status_of(bytes: &[u8]) -> Option<u32> {
    hear_whole(bytes).refused.map(Reject::status)
}

/// A request with `lines` in its head.
fn get_with(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n")
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn a_plain_request() {
    let heading = request(
        "GET /a%20b?c=d HTTP/1.1\r\nHost: example.org:8080\r\nX-Foo:  1\t \r\nx-foo:2\r\nEmpty:\r\n\r\n",
    );
    assert_eq!((heading.method, heading.path.as_str()), (Method::Get, "/a b"));
    let fields: Vec<(&str, &[u8])> =
        heading.fields.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
    assert_eq!(
        fields,
        [("host", &b"example.org:8080"[..]), ("x-foo", b"1"), ("x-foo", b"2"), ("empty", b"")]
    );
    let info =
        RequestInfo { keep_alive: true, body: BodyLength::None, expect_continue: false, upgrade: None };
    assert_eq!(heading.info, info);
}

#[test]
fn the_table_owns_what_it_says() {
    const HEAD: &[u8] = b"GET /x?q HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n";
    for (behind, spare) in [(0, 0), (1, 0), (0, 1000)] {
        let mut server = H1Server::new(HeaderLimits::default());
        let mut input = BytesMut::with_capacity(HEAD.len() + behind + spare);
        input.extend_from_slice(HEAD);
        input.extend_from_slice(&b"G"[..behind]);
        let Ok(Event::Request(table, _)) = server.poll(&mut input) else { panic!("no request") };
        assert_eq!(input.len(), behind);
        // A head that fills the connection's buffer takes it along. Otherwise nothing of the table keeps the buffer, which
        // may be much larger, from being used again.
        let has_taken_all = behind + spare == 0;
        assert_eq!(input.capacity() == 0, has_taken_all);
        assert!(has_taken_all || input.try_reclaim(16));
        input.extend_from_slice(&[b'#'; 16]);
        assert_eq!(table.value(Token::GET_URI).as_deref(), Some(&b"/x"[..]));
        assert_eq!(table.custom(b"x:").as_deref(), Some(&b"y"[..]));
        assert_eq!(table.value(Token::HTTP_URI_ARGS).as_deref(), Some(&b"q"[..]));
    }
}

#[test]
fn the_next_request_waits_to_be_asked_for() {
    let mut server = H1Server::new(HeaderLimits::default());
    let mut input = BytesMut::from(
        "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    assert!(matches!(server.poll(&mut input), Ok(Event::Request(..))));
    assert_eq!(server.body_remaining(), Some(3));
    // A body is not skipped by asking for the next request.
    server.next_request();
    let Ok(Event::Body(content)) = server.poll(&mut input) else { panic!("no body") };
    assert_eq!(content, "abc");
    assert_eq!(server.body_remaining(), Some(0));
    assert!(matches!(server.poll(&mut input), Ok(Event::BodyEnd)));
    for _ in 0..2 {
        assert!(matches!(server.poll(&mut input), Ok(Event::NeedMore)));
        assert!(input.starts_with(b"GET /2"));
    }
    server.next_request();
    let Ok(Event::Request(table, _)) = server.poll(&mut input) else { panic!("no second request") };
    assert_eq!(table.path(), c"/2");
    assert!(matches!(server.poll(&mut input), Ok(Event::NeedMore)));
}

#[test]
fn an_explicit_empty_body_ends() {
    let heard = hear_whole(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(heard.requests[0].info.body, BodyLength::Length(0));
    assert_eq!(heard.bodies, [(vec![], true)]);
}

#[test]
fn chunked_bodies() {
    for (body, content) in [
        (&b"0\r\n\r\n"[..], &b""[..]),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"3;x=\"y z\";w\r\nabc\r\n00A\r\n0123456789\r\n000;last\r\n\r\n", b"abc0123456789"),
        (b"1\r\n\r\r\n1\r\n\n\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n", b"\r\n"),
    ] {
        let heard = hear_whole(&chunked(body));
        assert_eq!(heard.refused, None, "{body:?}");
        assert_eq!(heard.requests[0].info.body, BodyLength::Chunked);
        assert_eq!(heard.bodies, [(content.to_vec(), true)]);
        assert_eq!(heard.left, 0);
    }
}

#[test]
fn broken_chunks_are_refused() {
    let extension = format!("1;{}\r\na", "x".repeat(5000));
    let spread_extensions = format!("1;{}\r\na\r\n", "x".repeat(100)).repeat(50);
    for body in [
        &b"\r\n"[..],
        b";\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x1\r\n",
        b" 1\r\n",
        b"1 \r\n",
        b"1\n",
        b"1\rx",
        b"1;x\ny",
        b"1;\0\r\n",
        b"1;x\rabc",
        b"1\r\nab",
        b"1\r\na\n",
        b"1\r\na\rx",
        b"10000000000000000\r\n",
        b"00000000000000000\r\n",
        b"0\r\n\n",
        b"0\r\n x: y\r\n\r\n",
        b"0\r\nx : y\r\n\r\n",
        b"0\r\nx\r\n\r\n",
        b"0\r\nx: y\r\n z\r\n\r\n",
        b"0\r\nx: \0\r\n\r\n",
        b"0\r\nx: y\n\r\n",
        extension.as_bytes(),
        spread_extensions.as_bytes(),
    ] {
        assert_eq!(status_of(&chunked(body)), Some(400), "{:?}", String::from_utf8_lossy(body));
    }
    let trailers = format!("0\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    assert_eq!(status_of(&chunked(trailers.as_bytes())), Some(431));
    let many_trailers = format!("0\r\n{}\r\n", "x: y\r\n".repeat(101));
    assert_eq!(status_of(&chunked(many_trailers.as_bytes())), Some(431));
}

#[test]
fn a_huge_length_neither_overflows_nor_allocates() {
    let heard = hear_whole(format!("{}abc", get_with("Content-Length: 18446744073709551615")).as_bytes());
    assert_eq!(heard.bodies, [(b"abc".to_vec(), false)]);
    let heard = hear_whole(&chunked(b"ffffffffffffffff\r\nabc"));
    assert_eq!((heard.refused, heard.bodies), (None, vec![(b"abc".to_vec(), false)]));
}

#[test]
fn what_smuggles_is_refused() {
    for lines in [
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: 1, 1",
        "Content-Length: +1",
        "Content-Length: -1",
        "Content-Length: 1 2",
        "Content-Length: 0x1",
        "Content-Length:",
        "Content-Length: 18446744073709551616",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 1",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding:",
        "Transfer-Encoding: ,",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        "X: y\r\n folded",
        "X: y\r\n\tfolded",
        " X: y",
        "X: y\nContent-Length: 1",
        "X: y\rContent-Length: 1",
        "X: y\r\r",
        "X: \0",
        "X: \u{1}",
        "X: \u{7f}",
        "X",
        ": y",
        "X y: z",
        "X\u{e9}: z",
        "Host: h",
        "Host: other",
    ] {
        assert_eq!(status_of(get_with(lines).as_bytes()), Some(400), "{lines:?}");
    }
    assert_eq!(status_of(get_with("Transfer-Encoding: gzip, chunked").as_bytes()), Some(501));
    assert_eq!(
        status_of(get_with("Transfer-Encoding: gzip\r\nTransfer-Encoding: Chunked").as_bytes()),
        Some(501)
    );
    assert_eq!(status_of(b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), Some(400));
    assert_eq!(request(&get_with("X: caf\u{e9}")).fields[1].1, "caf\u{e9}".as_bytes());
}

#[test]
fn hosts() {
    assert_eq!(status_of(b"GET / HTTP/1.1\r\n\r\n"), Some(400));
    assert_eq!(status_of(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), Some(400));
    for host in ["a b", "a/b", "a@b", "a?b", "a\"b", "h\u{e9}"] {
        assert_eq!(
            status_of(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()),
            Some(400),
            "{host}"
        );
    }
    for host in ["", "h", "h:80", "[::1]:80", "xn--bcher-kva.example", "%41", "a_b"] {
        request(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    }
    request("GET / HTTP/1.0\r\n\r\n");
}

#[test]
fn request_lines() {
    for (line, status) in [
        ("GET /  HTTP/1.1", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
        (" GET / HTTP/1.1", 400),
        ("GET /a b HTTP/1.1", 400),
        ("GET /", 400),
        ("GET", 400),
        ("GET / http/1.1", 400),
        ("GET / HTTP/1", 400),
        ("GET / HTTP/11", 400),
        ("GET / HTTP/1.1x", 400),
        ("GET / HTTP/1.2", 505),
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/0.9", 505),
        ("get / HTTP/1.1", 501),
        ("TRACE / HTTP/1.1", 501),
        ("G@T / HTTP/1.1", 400),
        ("CONNECT h:80 HTTP/1.1", 501),
        ("GET * HTTP/1.1", 400),
        ("GET a HTTP/1.1", 400),
        ("GET ../a HTTP/1.1", 400),
        ("GET /%00 HTTP/1.1", 400),
        ("GET /% HTTP/1.1", 400),
        ("GET /\u{1} HTTP/1.1", 400),
        ("GET /\0 HTTP/1.1", 400),
        ("GET\t/ HTTP/1.1", 400),
    ] {
        let bytes = format!("{line}\r\nHost: h\r\n\r\n");
        assert_eq!(status_of(bytes.as_bytes()), Some(status), "{line:?}");
    }
    assert_eq!(request("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").path, "*");
    assert_eq!(request("GET http://h/a/../b HTTP/1.1\r\nHost: other\r\n\r\n").path, "/b");
    for garbage in [&b"\x16\x03\x01"[..], b"\n", b"\rG", b"\0", b"\x80"] {
        assert_eq!(status_of(garbage), Some(400), "{garbage:?}");
    }
}

#[test]
fn blank_lines_before_a_request_are_few() {
    let bytes = |count| format!("{}{}", "\r\n".repeat(count), get_with("X: y"));
    assert_eq!(hear_whole(bytes(4).as_bytes()).requests.len(), 1);
    assert_eq!(status_of(bytes(5).as_bytes()), Some(400));
    // The bound is for one request, not for the connection.
    assert_eq!(hear_whole(bytes(4).repeat(3).as_bytes()).requests.len(), 3);
}

#[test]
fn keep_alive_rules() {
    let keeps = |version: &str, connection: &str| {
        request(&format!("GET / HTTP/{version}\r\nHost: h\r\n{connection}\r\n")).info.keep_alive
    };
    assert!(keeps("1.1", ""));
    assert!(!keeps("1.1", "Connection: close\r\n"));
    assert!(!keeps("1.1", "Connection: x, CLOSE ,y\r\n"));
    assert!(!keeps("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    assert!(keeps("1.1", "Connection: closed\r\n"));
    assert!(!keeps("1.0", ""));
    assert!(keeps("1.0", "Connection: Keep-Alive\r\n"));
    assert!(!keeps("1.0", "Connection: keep-alive, close\r\n"));
}

#[test]
fn expectations() {
    let post = |version: &str, lines: &str| format!("POST / HTTP/{version}\r\nHost: h\r\n{lines}\r\n\r\n");
    assert!(request(&post("1.1", "Expect: 100-Continue\r\nContent-Length: 1")).info.expect_continue);
    assert!(request(&post("1.1", "Expect: 100-continue\r\nTransfer-Encoding: chunked")).info.expect_continue);
    assert!(!request(&post("1.1", "Expect: 100-continue\r\nContent-Length: 0")).info.expect_continue);
    assert!(!request(&post("1.1", "Expect: 100-continue")).info.expect_continue);
    assert!(!request(&post("1.0", "Expect: 100-continue\r\nContent-Length: 1")).info.expect_continue);
    assert_eq!(status_of(post("1.1", "Expect: cake").as_bytes()), Some(417));
    assert_eq!(status_of(post("1.0", "Expect: cake").as_bytes()), None);
}

#[test]
fn upgrades() {
    let asked = |lines: &str| request(&get_with(lines)).info.upgrade;
    assert_eq!(asked("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket"), Some(Upgrade::WebSocket));
    assert_eq!(asked("Upgrade: h2c, websocket\r\nConnection: upgrade"), Some(Upgrade::WebSocket));
    assert_eq!(asked("Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c"), Some(Upgrade::WebSocket));
    assert_eq!(asked("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c"), Some(Upgrade::Other));
    assert_eq!(asked("Upgrade: websocket"), Some(Upgrade::WebSocket), "to be told what is missing");
    assert_eq!(asked("Connection: upgrade"), None);
    let old = request("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(old.info.upgrade, None);
}

#[test]
fn what_follows_an_upgrade_is_left_alone() {
    let mut server = H1Server::new(HeaderLimits::default());
    let mut input = BytesMut::from(get_with("Connection: upgrade\r\nUpgrade: websocket").as_str());
    input.extend_from_slice(b"\x81\x80GET ");
    assert!(matches!(server.poll(&mut input), Ok(Event::Request(..))));
    assert!(matches!(server.poll(&mut input), Ok(Event::NeedMore)));
    assert_eq!(&input[..], b"\x81\x80GET ");
}

#[test]
fn limits() {
    let limits = HeaderLimits { max_bytes: 200, max_count: 5 };
    let status = |bytes: &str| hear(limits, [bytes.as_bytes()]).refused.map(Reject::status);
    let target = |len: usize| {
        format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(len - "GET / HTTP/1.1\r\n".len()))
    };
    assert_eq!(status(&target(200)), None);
    assert_eq!(status(&target(201)), Some(414));
    // Refused when the limit is passed, not when the line is complete.
    assert_eq!(status(&target(300)[..201]), Some(414));
    assert_eq!(status(&target(300)[..200]), None);
    assert_eq!(status(&get_with(&["X: y"; 4].join("\r\n"))), None);
    assert_eq!(status(&get_with(&["X: y"; 5].join("\r\n"))), Some(431));
    let unfinished = get_with(&["X: y"; 5].join("\r\n"));
    assert_eq!(status(unfinished.strip_suffix("\r\n").unwrap()), Some(431));
    let value = |len: usize| get_with(&format!("X: {}", "v".repeat(len)));
    let others = value(0).len();
    assert_eq!(status(&value(limits.max_head_of(3) - others)), None);
    assert_eq!(status(&value(limits.max_head_of(3) - others + 1)), Some(431));
    assert_eq!(status(&value(9999)[..=limits.max_head()]), Some(431));
    // Contents up to the limit always fit, as they do in lws.
    assert_eq!(status(&value(200)), None);
    // More lines than the parser has room for are refused like any others.
    let unlimited = HeaderLimits { max_bytes: usize::MAX, max_count: usize::MAX };
    let many = get_with(&["X: y"; 200].join("\r\n"));
    assert_eq!(hear(unlimited, [many.as_bytes()]).refused, Some(Reject::HeadersTooLarge));
}

#[test]
fn a_refusal_is_final() {
    let mut server = H1Server::new(HeaderLimits::default());
    let mut input = BytesMut::from(&b"GET / HTTP/1.1\r\n\r\n"[..]);
    let first = server.poll(&mut input).unwrap_err();
    input = BytesMut::from(get_with("X: y").as_str());
    server.next_request();
    assert_eq!(server.poll(&mut input).unwrap_err(), first);
    assert_eq!(first.to_string(), "no Host (400)");
}

#[test]
fn the_end_of_the_stream() {
    for (bytes, cut_off) in [
        (&b""[..], false),
        (b"\r\n", false),
        (b"G", true),
        (b"GET / HTTP/1.1\r\nHost: h\r\n", true),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na", true),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", false),
    ] {
        let mut server = H1Server::new(HeaderLimits::default());
        let mut input = BytesMut::from(bytes);
        while !matches!(server.poll(&mut input), Ok(Event::NeedMore)) {}
        assert_eq!(server.is_cut_off_by_eof(&input), cut_off, "{bytes:?}");
    }
    let complete = chunked(b"1\r\na\r\n0\r\n\r\n");
    let head = chunked(b"").len();
    for len in head..=complete.len() {
        let mut server = H1Server::new(HeaderLimits::default());
        let mut input = BytesMut::from(&complete[..len]);
        while !matches!(server.poll(&mut input), Ok(Event::NeedMore)) {}
        assert_eq!(server.is_cut_off_by_eof(&input), len < complete.len(), "{len}");
    }
}

#[test]
fn no_byte_of_a_head_is_searched_twice() {
    let mut server = H1Server::new(HeaderLimits::default());
    let mut input = BytesMut::from("GET / HTTP/1.1\r\nHost: h\r\nX: 0123456789");
    assert!(matches!(server.poll(&mut input), Ok(Event::NeedMore)));
    // What was searched is changed to an end of the head: a search that started over would find it.
    let searched = input.len();
    input[searched - 10..searched - 6].copy_from_slice(b"\r\n\r\n");
    input.extend_from_slice(b"01");
    assert!(matches!(server.poll(&mut input), Ok(Event::NeedMore)));
    input[searched - 10..searched - 6].copy_from_slice(b"0123");
    input.extend_from_slice(b"\r\n\r\n");
    let Ok(Event::Request(table, _)) = server.poll(&mut input) else { panic!("no request") };
    assert_eq!(table.custom(b"x").as_deref(), Some(&b"012345678901"[..]));
}

/// Cuts `bytes` at `cuts`, which are taken modulo what is left.
fn pieces<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = bytes.split_at(cut % (bytes.len() + 1));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

/// Bytes that look like a connection, mostly valid.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => Just("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        4 => Just("POST /p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"),
        4 => Just("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
        4 => Just("5;x=y\r\nhello\r\n"),
        4 => Just("0\r\n\r\n"),
        2 => Just("0\r\nX: trailer\r\n\r\n"),
        1 => Just("\r\n"),
        1 => Just("GET / HTTP/1.0\r\n\r\n"),
        1 => Just("Content-Length: 3\r\n"),
        1 => Just("\n"),
        1 => Just("\0"),
        1 => Just("GET "),
    ];
    proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #[test]
    fn pieces_do_not_matter(bytes in traffic(), cuts in proptest::collection::vec(any::<usize>(), 0..12)) {
        let limits = HeaderLimits { max_bytes: 300, max_count: 8 };
        let whole = hear(limits, [&bytes[..]]);
        let mut cut = hear(limits, pieces(&bytes, &cuts));
        let mut single = hear(limits, bytes.chunks(1));
        if whole.refused.is_some() {
            // What was behind the refused bytes may or may not have been received yet.
            cut.left = whole.left;
            single.left = whole.left;
        }
        prop_assert_eq!(&whole, &cut);
        prop_assert_eq!(&whole, &single);
    }

    #[test]
    fn anything_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), cuts in proptest::collection::vec(any::<usize>(), 0..4)) {
        hear(HeaderLimits::default(), pieces(&bytes, &cuts));
        fuzz(&bytes);
    }

    #[test]
    fn damaged_traffic_is_survived(mut bytes in traffic(), at in any::<usize>(), with in any::<u8>()) {
        if !bytes.is_empty() {
            let at = at % bytes.len();
            bytes[at] = with;
        }
        let heard = hear_whole(&bytes);
        prop_assert!(heard.left <= bytes.len());
        bytes.insert(0, with);
        fuzz(&bytes);
    }

    #[test]
    fn a_body_arrives_whole(body in proptest::collection::vec(any::<u8>(), 0..600), sizes in proptest::collection::vec(1_usize..80, 1..12), cuts in proptest::collection::vec(any::<usize>(), 0..6)) {
        let mut encoded = Vec::new();
        let mut rest = &body[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, after) = rest.split_at((*size).min(rest.len()));
            encoded.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
            encoded.extend_from_slice(chunk);
            encoded.extend_from_slice(b"\r\n");
            rest = after;
        }
        encoded.extend_from_slice(b"0\r\n\r\n");
        let by_chunks = chunked(&encoded);
        let mut by_length = get_with(&format!("Content-Length: {}", body.len())).into_bytes();
        by_length.extend_from_slice(&body);
        for bytes in [by_chunks, by_length] {
            let heard = hear(HeaderLimits::default(), pieces(&bytes, &cuts));
            prop_assert_eq!(heard.refused, None);
            prop_assert_eq!(&heard.bodies, &vec![(body.clone(), true)]);
            prop_assert_eq!(heard.left, 0);
        }
    }

    /// Every head that is accepted is one that a lenient parser understands the same way.
    #[test]
    fn accepted_heads_are_unambiguous(lines in proptest::collection::vec("[XY]: ?[a-z ]{0,4}|[a-z]?[ \t:\r\n\0]{1,3}[a-z]?|Content-Length: ?[0-9+]{0,2}", 0..4)) {
        let bytes = get_with(&lines.join("\r\n"));
        let heard = hear_whole(bytes.as_bytes());
        if let Some(heading) = heard.requests.first() {
            let head = &bytes[..bytes.find("\r\n\r\n").unwrap()];
            let mut plain: Vec<(String, Vec<u8>)> = head
                .split("\r\n")
                .skip(1)
                .map(|line| line.split_once(':').unwrap())
                .map(|(name, value)| (name.to_lowercase(), value.trim_matches([' ', '\t']).as_bytes().to_vec()))
                .collect();
            prop_assert!(!head.contains(['\0']) && !head.replace("\r\n", "").contains(['\r', '\n']));
            // The order of lines with one name matters, that of different names does not.
            let mut fields = heading.fields.clone();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            plain.sort_by(|a, b| a.0.cmp(&b.0));
            prop_assert_eq!(fields, plain);
        }
    }
}
