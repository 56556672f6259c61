use std::rc::Rc;

use ::http::{HeaderMap, HeaderValue, Request, StatusCode};

use super::*;
use crate::proto::http::header::HeaderLimits;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The lines of RFC 6455's example.
const LINES: [(&str, &str); 7] = [
    ("host", "server.example.com"),
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-key", KEY),
    ("origin", "http://example.com"),
    ("sec-websocket-protocol", "chat, superchat"),
    ("sec-websocket-version", "13"),
];

fn map<'a>(lines: impl IntoIterator<Item = (&'a str, &'a str)>) -> HeaderMap {
    let lines = lines.into_iter();
    lines
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn request(method: Method, version: Version, lines: &[(&str, &str)]) -> Rc<HeaderTable> {
    HeaderTable::from_h1(method, version, b"/chat", map(lines.iter().copied()), 0).unwrap()
}

/// The example with the line called `name` replaced by `values`: left away when there are none.
fn with(name: &'static str, values: &[&'static str]) -> Rc<HeaderTable> {
    let mut lines: Vec<_> = LINES.into_iter().filter(|(other, _)| *other != name).collect();
    lines.extend(values.iter().map(|value| (name, *value)));
    request(Method::Get, Version::Http11, &lines)
}

/// An extended CONNECT to `protocol`.
fn connect(protocol: &'static str, lines: &[(&str, &str)]) -> Rc<HeaderTable> {
    let (mut parts, ()) = Request::connect("https://server.example.com/chat").body(()).unwrap().into_parts();
    parts.headers = map(lines.iter().copied());
    parts.extensions.insert(h2::ext::Protocol::from_static(protocol));
    HeaderTable::from_h2(parts, &HeaderLimits::default()).unwrap()
}

#[test]
fn the_key_of_the_rfc() {
    assert_eq!(accept_key(KEY.as_bytes()), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(client_key(*b"the sample nonce"), KEY);
}

#[test]
fn the_request_of_the_rfc_is_taken() {
    let request = request(Method::Get, Version::Http11, &LINES);
    let upgrade = check(&request, false).unwrap();
    assert_eq!(upgrade.key, Some(KEY.as_bytes()));
    assert_eq!(upgrade.protocols, ["chat", "superchat"]);
    assert_eq!(upgrade.extensions, []);
}

#[test]
fn a_request_is_refused_for_each_line() {
    let bad = Err(400);
    for (name, values, expected) in [
        ("host", &[][..], bad),
        ("upgrade", &[], bad),
        ("upgrade", &["h2c"], bad),
        ("upgrade", &["websockets"], bad),
        ("upgrade", &["h2c, WebSocket"], Ok(())),
        ("connection", &[], bad),
        ("connection", &["keep-alive"], bad),
        ("connection", &["keep-alive, Upgrade"], Ok(())),
        ("connection", &["keep-alive", "UPGRADE"], Ok(())),
        ("sec-websocket-key", &[], bad),
        ("sec-websocket-key", &[""], bad),
        ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ"], bad),
        ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25j"], bad),
        ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZSEh"], bad),
        ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZSEhISEh"], bad),
        ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZ@=="], bad),
        ("sec-websocket-key", &[KEY, KEY], bad),
        ("sec-websocket-version", &[], bad),
        ("sec-websocket-version", &["13", "13"], bad),
        ("sec-websocket-version", &["8"], Err(426)),
        ("sec-websocket-version", &["13, 8"], Err(426)),
        ("sec-websocket-version", &[""], Err(426)),
        ("sec-websocket-version", &["013"], Err(426)),
        ("sec-websocket-protocol", &[], Ok(())),
        ("sec-websocket-protocol", &["a b"], bad),
        ("sec-websocket-protocol", &["a", "b;c"], bad),
        ("sec-websocket-extensions", &["permessage-deflate; client_max_window_bits", "x;y=1"], Ok(())),
        ("sec-websocket-extensions", &["permessage-deflate;"], bad),
        ("origin", &[], Ok(())),
        ("content-length", &["0"], Ok(())),
        ("content-length", &["1"], bad),
        ("transfer-encoding", &["chunked"], bad),
    ] {
        let request = with(name, values);
        let checked = check(&request, false).map(drop).map_err(|refusal| refusal.status);
        assert_eq!(checked, expected, "{name}: {values:?}");
    }
    for (method, version) in [(Method::Post, Version::Http11), (Method::Get, Version::Http10)] {
        assert_eq!(check(&request(method, version, &LINES), false).unwrap_err().status, 400);
    }
}

#[test]
fn lists_go_on_over_lines() {
    let request = with("sec-websocket-protocol", &["c, a", "", " b ,"]);
    assert_eq!(check(&request, false).unwrap().protocols, ["c", "a", "b"]);
    let request = with("sec-websocket-extensions", &["a;b=1", "c, d"]);
    let upgrade = check(&request, false).unwrap();
    assert_eq!(
        upgrade.extensions.iter().map(|extension| extension.name).collect::<Vec<_>>(),
        ["a", "c", "d"]
    );
}

#[test]
fn an_extended_connect_needs_no_key() {
    let lines = [("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat")];
    let request = connect("websocket", &lines);
    let upgrade = check(&request, true).unwrap();
    assert_eq!((upgrade.key, upgrade.protocols), (None, vec!["chat"]));
    for (protocol, lines, status) in [
        ("connect-udp", &lines[..], 400),
        ("websocket", &lines[1..], 400),
        ("websocket", &[("sec-websocket-version", "14")], 426),
    ] {
        assert_eq!(check(&connect(protocol, lines), true).unwrap_err().status, status);
    }
    let get = super::tests::request(Method::Get, Version::Http11, &LINES);
    assert_eq!(check(&get, true).unwrap_err().status, 400);
}

#[test]
fn what_a_client_asks_a_server_takes() {
    let mut lines = RequestLines::default();
    add_request_lines(&mut lines, Some(KEY), "chat", "permessage-deflate");
    let text = String::from_utf8(lines.into_bytes().unwrap()).unwrap();
    let mut all: Vec<_> = text.lines().map(|line| line.split_once(": ").unwrap()).collect();
    all.push(("Host", "h"));
    let asked = request(Method::Get, Version::Http11, &all);
    let upgrade = check(&asked, false).unwrap();
    assert_eq!((upgrade.protocols, upgrade.extensions.len()), (vec!["chat"], 1));

    let mut lines = RequestLines::default();
    add_request_lines(&mut lines, None, "", "");
    assert_eq!(lines.into_bytes().unwrap(), b"Sec-WebSocket-Version: 13\r\n");
}

#[test]
fn a_response_is_checked() {
    let good = [
        ("upgrade", "WebSocket"),
        ("connection", "upgrade"),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];
    let response = |status, lines: &[(&str, &str)]| {
        let lines = map(good.iter().chain(lines).copied().filter(|(_, value)| !value.is_empty()));
        HeaderTable::from_response(Version::Http11, StatusCode::from_u16(status).unwrap(), lines, 0)
    };
    let checked = |table: &HeaderTable| {
        check_response(table, Some(KEY), "chat, superchat")
            .map(|accepted| accepted.protocol.map(str::to_owned))
    };
    assert_eq!(checked(&response(101, &[])), Ok(None));
    assert_eq!(
        checked(&response(101, &[("sec-websocket-protocol", "superchat")])),
        Ok(Some("superchat".to_owned()))
    );
    for (status, lines) in [
        (200, &[][..]),
        (101, &[("sec-websocket-protocol", "Chat")]),
        (101, &[("sec-websocket-protocol", "chat, superchat")]),
        (101, &[("sec-websocket-protocol", "chat"), ("sec-websocket-protocol", "chat")]),
        (101, &[("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")]),
        (101, &[("sec-websocket-extensions", "a;")]),
    ] {
        assert!(checked(&response(status, lines)).is_err(), "{status} {lines:?}");
    }
    for (name, value) in [
        ("upgrade", None),
        ("upgrade", Some("h2c")),
        ("connection", None),
        ("connection", Some("close")),
        ("sec-websocket-accept", None),
        ("sec-websocket-accept", Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo")),
    ] {
        let lines = good.iter().copied().filter(|(other, _)| *other != name);
        let lines = map(lines.chain(value.map(|value| (name, value))));
        let table = HeaderTable::from_response(Version::Http11, StatusCode::SWITCHING_PROTOCOLS, lines, 0);
        assert!(checked(&table).is_err(), "{name}: {value:?}");
    }
    for (status, good) in [(200, true), (204, true), (101, false), (400, false)] {
        let status = StatusCode::from_u16(status).unwrap();
        let table = HeaderTable::from_response(Version::Http2, status, HeaderMap::new(), 0);
        assert_eq!(check_response(&table, None, "").is_ok(), good);
    }
}
