use proptest::prelude::*;

use super::*;
use crate::proto::http::token::Token;

/// What a connection carried, with each body in one piece.
#[derive(Debug, PartialEq, Default)]
struct Heard {
    interim: Vec<u16>,
    responses: Vec<Response>,
    failed: Option<&'static str>,
    /// Input that was not taken.
    left: usize,
}

#[derive(Debug, PartialEq)]
struct Response {
    info: ResponseInfo,
    line: Vec<u8>,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    ended: bool,
}

const LIMITS: HeaderLimits = HeaderLimits { max_bytes: 200, max_count: 5 };

/// Runs a connection over `pieces`, on which each of `requests` is sent as soon as the one before is answered; after
/// `pieces` it ends, when `eof`.
fn hear<'a>(requests: &[ResponseTo], pieces: impl IntoIterator<Item = &'a [u8]>, eof: bool) -> Heard {
    let mut client = H1Client::new(LIMITS);
    let mut requests = requests.iter();
    let mut input = BytesMut::new();
    let mut heard = Heard::default();
    client.expect(*requests.next().unwrap());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            let event = client.poll(&mut input);
            if matches!(event, Ok(ClientEvent::End))
                && let Some(next) = requests.next()
            {
                client.expect(*next);
            }
            if !heard.take(event) {
                break;
            }
        }
    }
    if eof {
        heard.take(client.eof());
        assert_eq!(matches!(client.poll(&mut input), Ok(ClientEvent::NeedMore)), heard.failed.is_none());
    }
    heard.left = input.len();
    heard
}

impl Heard {
    /// Whether there may be more.
    fn take(&mut self, event: Result<ClientEvent, BadResponse>) -> bool {
        match event {
            Ok(ClientEvent::NeedMore) => return false,
            Ok(ClientEvent::Informational(status)) => self.interim.push(status),
            Ok(ClientEvent::Head(table, info)) => {
                assert_eq!(table.status(), info.status);
                let line = table.value(Token::HTTP).or_else(|| table.value(Token::HTTP1_0)).unwrap();
                let fields =
                    table.headers().iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
                self.responses.push(Response {
                    info,
                    line: line.to_vec(),
                    fields: fields.collect(),
                    body: Vec::new(),
                    ended: false,
                });
            }
            Ok(ClientEvent::Body(content)) => {
                assert!(!content.is_empty());
                self.responses.last_mut().unwrap().body.extend_from_slice(&content);
            }
            Ok(ClientEvent::End) => {
                let response = self.responses.last_mut().unwrap();
                assert!(!response.ended, "one end each");
                response.ended = true;
            }
            Err(bad) => {
                self.failed = Some(bad.0);
                return false;
            }
        }
        true
    }
}

/// What comes of `bytes`, whole and byte by byte, in answer to one request.
fn hear_both(to: ResponseTo, bytes: &[u8], eof: bool) -> Heard {
    let whole = hear(&[to], [bytes], eof);
    let trickled = hear(&[to], bytes.chunks(1), eof);
    let text = bytes.escape_ascii();
    assert_eq!(
        (&whole.interim, &whole.responses, whole.failed),
        (&trickled.interim, &trickled.responses, trickled.failed),
        "{text}"
    );
    whole
}

/// The one response in `bytes`, which must be complete.
fn response_to(to: ResponseTo, bytes: &str) -> Response {
    let mut heard = hear_both(to, bytes.as_bytes(), true);
    assert_eq!((heard.failed, heard.responses.len(), heard.left), (None, 1, 0), "{bytes:?}");
    let response = heard.responses.remove(0);
    assert!(response.ended, "{bytes:?}");
    response
}

fn response(bytes: &str) -> Response {
    response_to(ResponseTo::Other, bytes)
}

fn failure(bytes: &[u8]) -> Option<&'static str> {
    hear_both(ResponseTo::Other, bytes, false).failed
}

/// Why a response with `lines` in its head is not taken.
fn failure_with(lines: &str) -> Option<&'static str> {
    failure(format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n").as_bytes())
}

fn chunked(body: &[u8]) -> Vec<u8> {
    [&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..], body].concat()
}

#[test]
fn a_plain_response() {
    let heard = response(
        "HTTP/1.1 200 OK\r\nServer:  s\t \r\nX-Foo:1\r\nx-foo: 2\r\nEmpty:\r\nContent-Length: 5\r\n\r\nhello",
    );
    let fields: Vec<(&str, &[u8])> =
        heard.fields.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
    assert_eq!(
        fields,
        [("server", &b"s"[..]), ("x-foo", b"1"), ("x-foo", b"2"), ("empty", b""), ("content-length", b"5")]
    );
    let info = ResponseInfo { status: 200, keep_alive: true, body: ResponseBody::Length(5), upgrade: None };
    assert_eq!(
        (heard.info, heard.line.as_slice(), heard.body.as_slice()),
        (info, &b"200 OK"[..], &b"hello"[..])
    );
}

#[test]
fn the_table_owns_what_it_says() {
    let mut client = H1Client::new(LIMITS);
    client.expect(ResponseTo::Other);
    let mut input = BytesMut::from(&b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"[..]);
    let Ok(ClientEvent::Head(table, _)) = client.poll(&mut input) else { panic!("no response") };
    assert!(
        input.try_reclaim(16),
        "nothing of the table keeps the connection's buffer from being used again"
    );
    input.extend_from_slice(&[b'#'; 16]);
    assert_eq!(table.custom(b"x:").as_deref(), Some(&b"y"[..]));
    assert_eq!(table.value(Token::HTTP).as_deref(), Some(&b"200 OK"[..]));
}

#[test]
fn status_lines() {
    for (line, text, status) in [
        ("HTTP/1.1 200 OK", "200 OK", 200),
        ("HTTP/1.0 200 OK", "200 OK", 200),
        ("HTTP/1.1 404 Not Found at all", "404 Not Found at all", 404),
        ("HTTP/1.1 200", "200", 200),
        ("HTTP/1.1 200 ", "200", 200),
        ("HTTP/1.1 500 \u{e4}", "500 \u{e4}", 500),
        ("HTTP/1.1 999 x", "999 x", 999),
    ] {
        let heard = response(&format!("{line}\r\n\r\n"));
        assert_eq!((heard.line.as_slice(), heard.info.status), (text.as_bytes(), status), "{line}");
    }
    for (line, why) in [
        ("", "not an HTTP/1.x response"),
        (" HTTP/1.1 200 OK", "not an HTTP/1.x response"),
        ("http/1.1 200 OK", "not an HTTP/1.x response"),
        ("ICY 200 OK", "not an HTTP/1.x response"),
        ("220 ftp.test ready", "not an HTTP/1.x response"),
        ("GET / HTTP/1.1", "not an HTTP/1.x response"),
        ("HTTP/2.0 200 OK", "neither HTTP/1.0 nor HTTP/1.1"),
        ("HTTP/1.2 200 OK", "neither HTTP/1.0 nor HTTP/1.1"),
        ("HTTP/1.1", "neither HTTP/1.0 nor HTTP/1.1"),
        ("HTTP/1.1200 OK", "neither HTTP/1.0 nor HTTP/1.1"),
        ("HTTP/1.1  200 OK", "bad status line"),
        ("HTTP/1.1 20 OK", "bad status line"),
        ("HTTP/1.1 2000 OK", "bad status line"),
        ("HTTP/1.1 +20 OK", "bad status line"),
        ("HTTP/1.1 200\tOK", "bad status line"),
        ("HTTP/1.1 200 O\0K", "bad status line"),
        ("HTTP/1.1 099 OK", "bad status code"),
    ] {
        assert_eq!(failure(format!("{line}\r\n\r\n").as_bytes()), Some(why), "{line:?}");
    }
    // Seen at the first bytes, however long the line may get.
    for start in [&b"\0\0\x12\x04"[..], b"SSH-2.0", b"HTTQ", b"\r\nHTTP/1.1 200 OK"] {
        assert_eq!(failure(start), Some("not an HTTP/1.x response"));
    }
    for start in [&b"H"[..], b"HTTP", b"HTTP/", b"HTTP/1.1 200 OK\r\n\r"] {
        assert_eq!(failure(start), None);
    }
}

#[test]
fn heads_that_are_not_understood_alike_by_all_are_refused() {
    for (lines, why) in [
        ("A: b\r\n c", "bad header name, or white space around it"),
        ("A: b\r\n\tc", "bad header name, or white space around it"),
        ("A : b", "bad header name, or white space around it"),
        (" A: b", "bad header name, or white space around it"),
        (": b", "bad header name, or white space around it"),
        ("A b", "bad header name, or white space around it"),
        ("A: \u{0}", "bad byte in a header value"),
        ("A: \u{7f}", "bad byte in a header value"),
        ("A: b\nC: d", "line ended by a bare LF"),
        ("A: b\rC: d", "bad byte in a header value"),
        ("Content-Length: x", "bad content-length"),
        ("Content-Length: -1", "bad content-length"),
        ("Content-Length: +1", "bad content-length"),
        ("Content-Length: 1 1", "bad content-length"),
        ("Content-Length: 0x1", "bad content-length"),
        ("Content-Length:", "bad content-length"),
        ("Content-Length: ,", "bad content-length"),
        ("Content-Length: 1,", "bad content-length"),
        ("Content-Length: 18446744073709551616", "bad content-length"),
        ("Content-Length: 1\r\nContent-Length: 2", "two different content-lengths"),
        ("Content-Length: 1, 2", "two different content-lengths"),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked", "both transfer-encoding and content-length"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0", "both transfer-encoding and content-length"),
        ("Transfer-Encoding: gzip, chunked", "transfer coding other than chunked"),
        ("Transfer-Encoding: gzip", "transfer coding other than chunked"),
        ("Transfer-Encoding: identity", "transfer coding other than chunked"),
        ("Transfer-Encoding:", "transfer coding other than chunked"),
        ("Transfer-Encoding: xchunked", "transfer coding other than chunked"),
        ("Transfer-Encoding: chunked, gzip", "chunked is not the last transfer coding"),
        ("Transfer-Encoding: chunked, chunked", "chunked is not the last transfer coding"),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "chunked is not the last transfer coding",
        ),
    ] {
        assert_eq!(failure_with(lines), Some(why), "{lines:?}");
    }
    let old = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(failure(old), Some("transfer-encoding in HTTP/1.0"));
    assert_eq!(failure(b"HTTP/1.1 200 OK\n\n"), Some("line ended by a bare LF"));
    // Where there is no body, too.
    let none = b"HTTP/1.1 204 No\r\nContent-Length: 1, 2\r\n\r\n";
    assert_eq!(failure(none), Some("two different content-lengths"));
}

#[test]
fn heads_have_limits() {
    let line = |len: usize| format!("A: {}", "v".repeat(len));
    assert_eq!(failure_with(&line(200)), None);
    assert_eq!(failure_with(&line(2_000)), Some("headers over the limit"));
    assert_eq!(failure_with(&["A: b"; 5].join("\r\n")), None);
    assert_eq!(failure_with(&["A: b"; 6].join("\r\n")), Some("headers over the limit"));
    // While they come, not only at their end.
    assert_eq!(failure(&[b'H'; 1]), None);
    let endless = format!("HTTP/1.1 200 {}", "x".repeat(200));
    assert_eq!(failure(endless.as_bytes()), Some("status line over the limit"));
    let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(450));
    assert_eq!(failure(endless.as_bytes()), Some("headers over the limit"));
}

#[test]
fn who_says_what_ends_a_body() {
    use ResponseBody::{Chunked, Length, None, Tunnel, UntilClose};
    use ResponseTo::{Connect, Head, Other};
    let length = "Content-Length: 0";
    let coding = "Transfer-Encoding: chunked";
    for (to, status, line, body) in [
        (Other, 200, "", UntilClose),
        (Other, 200, length, Length(0)),
        (Other, 200, "Content-Length: 0\r\ncontent-length: 0", Length(0)),
        (Other, 200, "Content-Length: 0, 00", Length(0)),
        (Other, 200, coding, Chunked),
        (Other, 200, "Transfer-Encoding: , CHUNKED", Chunked),
        (Other, 404, "", UntilClose),
        (Other, 204, "", None),
        (Other, 204, "Content-Length: 5", None),
        (Other, 304, "Content-Length: 5", None),
        (Other, 304, coding, None),
        (Head, 200, "", None),
        (Head, 200, "Content-Length: 5", None),
        (Head, 200, coding, None),
        (Head, 404, "Content-Length: 5", None),
        (Connect, 200, "", Tunnel),
        (Connect, 204, "", None),
        (Connect, 299, "Content-Length: 5", Tunnel),
        (Connect, 407, length, Length(0)),
        (Connect, 300, "", UntilClose),
        (Other, 101, "Connection: upgrade\r\nUpgrade: websocket", Tunnel),
    ] {
        let separator = if line.is_empty() { "" } else { "\r\n" };
        let bytes = format!("HTTP/1.1 {status} X\r\n{line}{separator}\r\n");
        let heard = hear_both(to, bytes.as_bytes(), false);
        assert_eq!((heard.failed, heard.responses.len()), (Option::None, 1), "{bytes:?}");
        assert_eq!(heard.responses[0].info.body, body, "{to:?} {bytes:?}");
        let at_once = matches!(body, None | Length(0));
        assert_eq!(heard.responses[0].ended, at_once, "{to:?} {bytes:?}");
        assert_eq!(heard.responses[0].info.keep_alive, !matches!(body, Tunnel | UntilClose));
    }
}

#[test]
fn a_repeated_length_is_given_once() {
    let heard = response("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(heard.fields, [("content-length".to_owned(), b"1".to_vec())]);
}

#[test]
fn bodies() {
    for (bytes, body) in [
        ("Content-Length: 4\r\n\r\nbody", "body"),
        ("Content-Length: 0\r\n\r\n", ""),
        ("X: y\r\n\r\n", ""),
        ("X: y\r\n\r\nbody\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "body\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""),
        ("Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nbod\r\n01\r\ny\r\n0\r\nX-Trailer: z\r\n\r\n", "body"),
    ] {
        let heard = response(&format!("HTTP/1.1 200 OK\r\n{bytes}"));
        assert_eq!(heard.body, body.as_bytes(), "{bytes:?}");
    }
    for body in
        [&b"x"[..], b"1\rx", b"1\r\nxy", b"1\nx", b"-1\r\n", b"0\r\nA : b\r\n\r\n", b"11111111111111111\r\n"]
    {
        assert!(failure(&chunked(body)).is_some(), "{}", body.escape_ascii());
    }
}

#[test]
fn an_end_that_comes_too_early_is_named() {
    for (bytes, why) in [
        (&b""[..], "connection closed before the response"),
        (b"H", "connection closed inside of the response's head"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", "connection closed inside of the response's head"),
        (b"HTTP/1.1 100 C\r\n\r\n", "connection closed inside of the response's head"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
            "connection closed before the end of the content-length",
        ),
        (&chunked(b"5\r\nx"), "connection closed inside of a chunked body"),
        (&chunked(b"1\r\nx\r\n0\r\n"), "connection closed inside of a chunked body"),
    ] {
        let heard = hear_both(ResponseTo::Other, bytes, true);
        assert_eq!(heard.failed, Some(why), "{}", bytes.escape_ascii());
        assert!(heard.responses.iter().all(|response| !response.ended));
    }
    let mut client = H1Client::new(LIMITS);
    assert!(matches!(client.eof(), Ok(ClientEvent::NeedMore)), "nothing was expected");
    let mut client = H1Client::new(LIMITS);
    assert!(!client.has_begun());
    client.expect(ResponseTo::Other);
    let mut input = BytesMut::new();
    assert!(matches!(client.poll(&mut input), Ok(ClientEvent::NeedMore)));
    assert!(!client.has_begun(), "it may be tried again");
    input.extend_from_slice(b"H");
    assert!(matches!(client.poll(&mut input), Ok(ClientEvent::NeedMore)));
    assert!(client.has_begun());
}

#[test]
fn how_long_a_connection_lasts() {
    for (version, lines, keeps) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: x, CLOSE\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let heard = response(&format!("HTTP/{version} 200 OK\r\n{lines}Content-Length: 0\r\n\r\n"));
        assert_eq!(heard.info.keep_alive, keeps, "{version} {lines:?}");
    }
}

#[test]
fn interim_responses_are_told_apart() {
    let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\nContent-Length: 5\r\n\r\n\
                  HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    let heard = hear_both(ResponseTo::Other, bytes, true);
    assert_eq!((heard.interim, heard.failed), (vec![100, 103], None));
    assert_eq!((heard.responses.len(), heard.responses[0].body.as_slice()), (1, &b"x"[..]));
    let endless = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(40);
    assert_eq!(failure(&endless), Some("too many interim responses"));
}

#[test]
fn what_follows_an_upgrade_is_left_alone() {
    let bytes =
        b"HTTP/1.1 101 Switching\r\nUpgrade: x, WebSocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello";
    let heard = hear(&[ResponseTo::Other], [&bytes[..]], true);
    assert_eq!((heard.failed, heard.left), (None, 7));
    assert_eq!(heard.responses[0].info.upgrade, Some(Upgrade::WebSocket));
    assert!(heard.responses[0].ended, "by the end of the connection");
    let heard = hear(&[ResponseTo::Connect], [&b"HTTP/1.1 200 OK\r\nUpgrade: x\r\n\r\nHTTP/1.1 "[..]], false);
    assert_eq!((heard.failed, heard.left, heard.responses[0].info.upgrade), (None, 9, None));
    for lines in ["", "Upgrade: x\r\n", "Connection: upgrade\r\n"] {
        let bytes = format!("HTTP/1.1 101 X\r\n{lines}\r\n");
        assert_eq!(failure(bytes.as_bytes()), Some("101 that does not say what it switches to"));
    }
}

#[test]
fn one_response_after_the_other() {
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let requests = [ResponseTo::Head, ResponseTo::Other, ResponseTo::Other];
    for step in [1, 7, bytes.len()] {
        let heard = hear(&requests, bytes.chunks(step), false);
        assert_eq!((heard.failed, heard.responses.len()), (None, 3));
        assert_eq!(heard.responses[2].body, b"hi");
    }
    // An answer that nobody asked for is somebody's, but not ours.
    let heard = hear(&requests[..2], [&bytes[..]], false);
    assert_eq!((heard.failed, heard.responses.len()), (Some("response without a request"), 2));
    let mut client = H1Client::new(LIMITS);
    let mut early = BytesMut::from(&b"H"[..]);
    assert_eq!(client.poll(&mut early).unwrap_err().0, "response without a request");
    client.expect(ResponseTo::Other);
    assert_eq!(client.poll(&mut early).unwrap_err().0, "response without a request", "an error stays");
    assert_eq!(client.eof().unwrap_err().0, "response without a request");
}

#[test]
fn a_response_is_read_to_its_end_before_the_next() {
    let mut client = H1Client::new(LIMITS);
    client.expect(ResponseTo::Other);
    let mut input = BytesMut::from(&b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/"[..]);
    assert!(matches!(client.poll(&mut input), Ok(ClientEvent::Head(..))));
    client.expect(ResponseTo::Head);
    assert!(matches!(client.poll(&mut input), Ok(ClientEvent::Body(data)) if data == "HTTP/"));
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        bodies in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..50), any::<bool>()), 1..4),
        cuts in prop::collection::vec(1_usize..30, 1..20),
    ) {
        let mut bytes = Vec::new();
        for (body, is_chunked) in &bodies {
            if *is_chunked {
                bytes.extend_from_slice(&chunked(b""));
                for chunk in body.chunks(7) {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            } else {
                bytes.extend_from_slice(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
                bytes.extend_from_slice(body);
            }
        }
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            let (piece, more) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
        let heard = hear(&vec![ResponseTo::Other; bodies.len()], pieces, true);
        prop_assert_eq!((heard.failed, heard.left), (None, 0));
        let read: Vec<_> = heard.responses.iter().map(|response| (&response.body, response.ended)).collect();
        let sent: Vec<_> = bodies.iter().map(|(body, _)| (body, true)).collect();
        prop_assert_eq!(read, sent);
    }

    #[test]
    fn noise_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz(&bytes);
    }

    #[test]
    fn words_in_any_order_do_no_harm(
        step in any::<u8>(),
        to in 0_u8..3,
        words in prop::collection::vec(
            prop::sample::select(vec![
                "HTTP/1.1 ", "HTTP/1.0 ", "200", " OK", "101", "100", "204", "\r\n", "\r\n\r\n", "Content-Length: ", "0", "5",
                "Transfer-Encoding: ", "chunked", ", ", "Connection: ", "close", "upgrade", "Upgrade: websocket\r\n", "\n", " ", ":",
            ]),
            0..24,
        ),
    ) {
        let mut bytes = vec![step, to];
        bytes.extend_from_slice(words.concat().as_bytes());
        fuzz(&bytes);
        let to = [ResponseTo::Other, ResponseTo::Head, ResponseTo::Connect][usize::from(to)];
        let after = [to; 8];
        let whole = hear(&after, [&bytes[2..]], true);
        let trickled = hear(&after, bytes[2..].chunks(1), true);
        prop_assert_eq!((whole.interim, whole.responses, whole.failed), (trickled.interim, trickled.responses, trickled.failed));
    }
}
