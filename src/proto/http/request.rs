//! The head of a request that a client sends, for both versions.
//!
//! What it is made of comes from the program: nothing of it may end a line, or the head, where the program has not
//! meant it to.

use std::borrow::Cow;
use std::fmt::Write as _;

use ::h2::ext::Protocol;
use ::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING,
};
use ::http::uri::{Authority, PathAndQuery, Scheme};
use ::http::{HeaderMap, Method, Request, Uri, Version};
use percent_encoding::{AsciiSet, percent_encode};

use super::header::is_host;
use super::response::{is_token, list_items, parse_length, trim_blanks};

/// The head of a request, as a program describes it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RequestHead {
    /// Any token: `GET`, `PROPFIND` …; case counts.
    pub method: String,
    /// `http` or `https`; only h2 sends it.
    pub scheme: String,
    /// Host and port, as `Host` has them; IPv6 addresses in brackets. A `Host` among the lines takes its place.
    pub authority: String,
    /// Path and query; a fragment is not sent.
    pub path: Vec<u8>,
    /// Header lines, each `name: value` and CRLF; [`Self::push`] adds one.
    pub lines: Vec<u8>,
    /// The protocol that an extended CONNECT opens (RFC 8441 §4), which only h2 has; `method` is CONNECT then.
    pub connect_protocol: Option<&'static str>,
}

/// Why a request cannot be sent. The text names what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadRequest(pub String);

impl std::fmt::Display for BadRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadRequest {}

impl BadRequest {
    fn header(name: &[u8], why: &str) -> Self {
        Self(format!("header \"{}\": {why}", name.escape_ascii()))
    }
}

/// Header fields that are about one h1 connection, and have no place on h2 (RFC 9113 §8.2.2).
const HOP_BY_HOP: [&str; 6] =
    ["connection", "http2-settings", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

impl RequestHead {
    /// Adds a header line; refuses what could not be sent as one.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), BadRequest> {
        check_field(name, value)?;
        for part in [name, b": ", trim_blanks(value), b"\r\n"] {
            self.lines.extend_from_slice(part);
        }
        Ok(())
    }

    /// The head as HTTP/1.1 has it, from the request line to the empty line.
    pub fn to_h1(&self) -> Result<Vec<u8>, BadRequest> {
        let checked = self.check()?;
        let target = self.target(checked.authority)?;
        let mut head = String::with_capacity(64 + target.len() + checked.authority.len());
        // To a string, this cannot fail.
        let _ = write!(head, "{} {target} HTTP/1.1\r\n", self.method);
        if !checked.has_host {
            let _ = write!(head, "Host: {}\r\n", checked.authority);
        }
        let mut head = head.into_bytes();
        head.extend_from_slice(&self.lines);
        head.extend_from_slice(b"\r\n");
        Ok(head)
    }

    /// The head as HTTP/2 has it: `Host` becomes `:authority`, names get lower case, and what is about an h1 connection
    /// is left out, with the lines that `Connection` names.
    pub fn to_h2(&self) -> Result<Request<()>, BadRequest> {
        let checked = self.check()?;
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| BadRequest(format!("method \"{}\" is no token", self.method)))?;
        let uri = self.uri(&method, checked.authority)?;
        let mut headers = HeaderMap::new();
        for (name, value) in fields(&self.lines).flatten() {
            let field = HeaderName::from_bytes(name)
                .map_err(|_| BadRequest::header(name, "the name is no token or too long"))?;
            let is_named = checked.connection.iter().any(|option| option.eq_ignore_ascii_case(name));
            let is_te = field == TE && !value.eq_ignore_ascii_case(b"trailers");
            let is_repeated = field == CONTENT_LENGTH && headers.contains_key(CONTENT_LENGTH);
            let is_of_h1 = HOP_BY_HOP.contains(&field.as_str()) || (is_named && field != TE);
            if field == HOST || is_te || is_repeated || is_of_h1 {
                continue;
            }
            let mut value = HeaderValue::from_bytes(value)
                .map_err(|_| BadRequest::header(name, "bad byte in the value"))?;
            // Never in the compression's memory, where others could find it out by guessing (RFC 7541 §7.1.3).
            value.set_sensitive(field == AUTHORIZATION || field == PROXY_AUTHORIZATION);
            headers.try_append(field, value).map_err(|_| BadRequest("too many headers".into()))?;
        }
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = headers;
        if let Some(protocol) = self.connect_protocol {
            request.extensions_mut().insert(Protocol::from_static(protocol));
        }
        Ok(request)
    }

    fn uri(&self, method: &Method, authority: &str) -> Result<Uri, BadRequest> {
        let mut parts = ::http::uri::Parts::default();
        parts.authority = Some(
            Authority::try_from(authority).map_err(|_| BadRequest(format!("bad host \"{authority}\"")))?,
        );
        if *method != Method::CONNECT || self.connect_protocol.is_some() {
            let scheme = Scheme::try_from(self.scheme.as_str())
                .map_err(|_| BadRequest(format!("bad scheme \"{}\"", self.scheme)))?;
            parts.scheme = Some(scheme);
            let target = self.target(authority)?;
            let path = PathAndQuery::try_from(target.as_ref())
                .map_err(|_| BadRequest(format!("bad path \"{target}\"")))?;
            parts.path_and_query = Some(path);
        }
        Uri::from_parts(parts).map_err(|_| BadRequest("method, path and host do not go together".into()))
    }

    /// The request target (RFC 9112 §3.2). What no URI may have, but programs put into paths, is escaped.
    fn target<'a>(&'a self, authority: &'a str) -> Result<Cow<'a, str>, BadRequest> {
        const ESCAPED: &AsciiSet = &AsciiSet::EMPTY.add(b'"').add(b'<').add(b'>').add(b'`');
        if self.method == "CONNECT" && self.connect_protocol.is_none() {
            return Ok(Cow::Borrowed(authority));
        }
        let path = memchr::memchr(b'#', &self.path).map_or(&self.path[..], |at| &self.path[..at]);
        if path.iter().any(|&byte| matches!(byte, 0..=b' ' | 0x7f)) {
            let path = path.escape_ascii();
            return Err(BadRequest(format!(
                "path \"{path}\": it has a space, line end or other control byte"
            )));
        }
        match path.first() {
            Some(b'/') => Ok(percent_encode(path, ESCAPED).into()),
            Some(b'*') if path == b"*" && self.method == "OPTIONS" => Ok(Cow::Borrowed("*")),
            _ => Err(BadRequest(format!("path \"{}\" does not start with /", path.escape_ascii()))),
        }
    }

    /// Checks everything but the path.
    fn check(&self) -> Result<Checked<'_>, BadRequest> {
        if self.method.is_empty() || !self.method.bytes().all(is_token) {
            let method = self.method.escape_debug();
            return Err(BadRequest(format!("method \"{method}\" is no token")));
        }
        let mut host = None;
        let mut length = None;
        let mut has_coding = false;
        let mut connection = Vec::new();
        for field in fields(&self.lines) {
            let (name, value) = field?;
            check_field(name, value)?;
            let is = |known: &HeaderName| name.eq_ignore_ascii_case(known.as_str().as_bytes());
            if is(&HOST) {
                if host.replace(value).is_some() {
                    return Err(BadRequest::header(name, "there is more than one"));
                }
            } else if is(&CONTENT_LENGTH) {
                let number = parse_length(value).ok_or_else(|| BadRequest::header(name, "not a number"))?;
                if length.replace(number).is_some_and(|known| known != number) {
                    return Err(BadRequest::header(name, "there are two different ones"));
                }
            } else if is(&TRANSFER_ENCODING) {
                has_coding = true;
            } else if is(&CONNECTION) {
                connection.extend(list_items(value));
            }
        }
        if has_coding && length.is_some() {
            return Err(BadRequest("both transfer-encoding and content-length".into()));
        }
        let authority = match host {
            Some(host) => std::str::from_utf8(host).unwrap_or_default(),
            None => &self.authority,
        };
        if authority.is_empty() || !is_host(authority.as_bytes()) {
            let shown = host.unwrap_or(self.authority.as_bytes()).escape_ascii();
            return Err(BadRequest(format!("header \"host\": bad host \"{shown}\"")));
        }
        Ok(Checked { authority, has_host: host.is_some(), connection })
    }
}

/// What the check of a head found.
struct Checked<'a> {
    authority: &'a str,
    /// It stands in the lines.
    has_host: bool,
    /// The options of `Connection`.
    connection: Vec<&'a [u8]>,
}

/// The fields in a block of lines; an error for what is not a line.
fn fields(mut lines: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), BadRequest>> {
    std::iter::from_fn(move || {
        if lines.is_empty() {
            return None;
        }
        let found = split_line(lines);
        lines = found.as_ref().map_or(&[], |(_, rest)| rest);
        Some(found.map(|(field, _)| field))
    })
}

type Split<'a> = ((&'a [u8], &'a [u8]), &'a [u8]);

/// Splits the first line off, into name and value.
fn split_line(lines: &[u8]) -> Result<Split<'_>, BadRequest> {
    let shown = || lines[..lines.len().min(40)].escape_ascii();
    let lf = memchr::memchr(b'\n', lines)
        .ok_or_else(|| BadRequest(format!("header line \"{}\" without CRLF at its end", shown())))?;
    let line = lines[..lf].strip_suffix(b"\r");
    let colon = line.and_then(|line| memchr::memchr(b':', line));
    match (line, colon) {
        (Some([]), _) => Err(BadRequest("empty line among the headers".into())),
        (Some(line), Some(colon)) => {
            Ok(((&line[..colon], trim_blanks(&line[colon + 1..])), &lines[lf + 1..]))
        }
        (None, _) => Err(BadRequest(format!("header line \"{}\" ends without CR", shown()))),
        (_, None) => Err(BadRequest(format!("header line \"{}\" without a colon", shown()))),
    }
}

/// Whether a field may be sent (RFC 9110 §5.1, §5.5).
pub(super) fn check_field(name: &[u8], value: &[u8]) -> Result<(), BadRequest> {
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return Err(BadRequest::header(name, "the name is no token"));
    }
    if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(BadRequest::header(name, "CR, LF or NUL in the value"));
    }
    if value.iter().any(|&byte| (byte < b' ' && byte != b'\t') || byte == 0x7f) {
        return Err(BadRequest::header(name, "control byte in the value"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proto::h1::{Event, H1Server};
    use crate::proto::http::header::HeaderLimits;

    fn head(method: &str, path: &str, lines: &str) -> RequestHead {
        RequestHead {
            method: method.into(),
            scheme: "https".into(),
            authority: "host.test:8080".into(),
            path: path.into(),
            lines: lines.into(),
            connect_protocol: None,
        }
    }

    fn h1(head: &RequestHead) -> String {
        String::from_utf8(head.to_h1().unwrap()).unwrap()
    }

    fn h2(head: &RequestHead) -> (String, String, Vec<(String, String)>) {
        let request = head.to_h2().unwrap();
        assert_eq!(request.version(), Version::HTTP_2);
        let headers = request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        (request.method().to_string(), request.uri().to_string(), headers)
    }

    #[test]
    fn both_versions_of_a_request() {
        let mut head = head("GET", "/a/b?c=d", "X-One: 1\r\nx-two:2 \r\nx-Empty:\r\n");
        head.push(b"X-Three", b" 3 ").unwrap();
        assert_eq!(
            h1(&head),
            "GET /a/b?c=d HTTP/1.1\r\nHost: host.test:8080\r\nX-One: 1\r\nx-two:2 \r\nx-Empty:\r\nX-Three: 3\r\n\r\n"
        );
        let (method, uri, headers) = h2(&head);
        assert_eq!((method.as_str(), uri.as_str()), ("GET", "https://host.test:8080/a/b?c=d"));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(headers, [("x-one", "1"), ("x-two", "2"), ("x-empty", ""), ("x-three", "3")]);
    }

    #[test]
    fn a_host_line_takes_the_place_of_the_authority() {
        let head = head("GET", "/", "hOST: other:1\r\n");
        assert_eq!(h1(&head), "GET / HTTP/1.1\r\nhOST: other:1\r\n\r\n");
        assert_eq!(h2(&head).1, "https://other:1/");
        assert_eq!(h2(&head).2, []);
        let address = RequestHead { authority: "[::1]:80".into(), lines: Vec::new(), ..head };
        assert_eq!(h1(&address), "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
        assert_eq!(h2(&address).1, "https://[::1]:80/");
    }

    #[test]
    fn what_is_about_an_h1_connection_is_not_sent_on_h2() {
        let lines = "Connection: keep-alive, X-Hop , te\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTransfer-Encoding: chunked\r\n\
                     Upgrade: h2c\r\nHTTP2-Settings: x\r\nx-hop: 1\r\nTE: trailers\r\nx: y\r\n";
        let head_ = head("POST", "/", lines);
        let (_, _, headers) = h2(&head_);
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["te", "x"]);
        assert!(h1(&head_).ends_with(&format!("{lines}\r\n")));
        assert_eq!(h2(&head("GET", "/", "te: gzip\r\n")).2, []);
        let twice = head("POST", "/", "content-length: 5\r\nContent-Length: 5\r\n");
        assert_eq!(h2(&twice).2, [("content-length".to_owned(), "5".to_owned())]);
        let secret = head("GET", "/", "authorization: Basic eDp5\r\nx: y\r\n").to_h2().unwrap();
        assert!(secret.headers()["authorization"].is_sensitive() && !secret.headers()["x"].is_sensitive());
    }

    #[test]
    fn targets() {
        for (method, path, target) in [
            ("GET", "/", "/"),
            ("GET", "/a?b#c", "/a?b"),
            ("GET", "/%20/../b//c", "/%20/../b//c"),
            ("GET", "/\u{e4}<\">`", "/%C3%A4%3C%22%3E%60"),
            ("PROPFIND", "/a", "/a"),
            ("OPTIONS", "*", "*"),
            ("CONNECT", "ignored", "host.test:8080"),
        ] {
            let head = head(method, path, "");
            assert!(h1(&head).starts_with(&format!("{method} {target} HTTP/1.1\r\n")), "{method} {path}");
            let uri = head.to_h2().unwrap().into_parts().0.uri;
            match method {
                "CONNECT" => assert_eq!((uri.scheme(), uri.path_and_query()), (None, None)),
                _ => assert_eq!(uri.path_and_query().unwrap().as_str(), target),
            }
            assert_eq!(uri.authority().unwrap(), "host.test:8080");
        }
    }

    #[test]
    fn an_extended_connect_has_everything_that_a_get_has() {
        let head = RequestHead { connect_protocol: Some("websocket"), ..head("CONNECT", "/chat?a", "") };
        let request = head.to_h2().unwrap();
        assert_eq!(request.extensions().get::<Protocol>().map(Protocol::as_str), Some("websocket"));
        assert_eq!(
            (request.method(), request.uri().to_string()),
            (&Method::CONNECT, "https://host.test:8080/chat?a".to_owned())
        );
        assert!(RequestHead { path: b"chat".into(), ..head }.to_h2().is_err());
    }

    #[test]
    fn what_could_be_understood_otherwise_is_refused() {
        let with = |change: fn(&mut RequestHead)| {
            let mut head = head("GET", "/", "");
            change(&mut head);
            head
        };
        for (what, head) in [
            ("method \"\"", with(|head| head.method.clear())),
            ("method \"GE T\"", with(|head| head.method = "GE T".into())),
            ("method \"GET / HTTP/1.1\\r\\n", with(|head| head.method = "GET / HTTP/1.1\r\nX:".into())),
            ("path \"\" does not", with(|head| head.path.clear())),
            ("path \"a\" does not", with(|head| head.path = b"a".into())),
            ("path \"*\" does not", with(|head| head.path = b"*".into())),
            ("path \"/ HTTP/1.1\\r\\nX: y\"", with(|head| head.path = b"/ HTTP/1.1\r\nX: y".into())),
            ("path \"/\\x00\"", with(|head| head.path = b"/\0".into())),
            ("bad host \"\"", with(|head| head.authority.clear())),
            ("bad host \"h\\r\\nX: y\"", with(|head| head.authority = "h\r\nX: y".into())),
            ("bad host \"a@b\"", with(|head| head.authority = "a@b".into())),
            ("bad host \"a/b\"", with(|head| head.lines = b"Host: a/b\r\n".into())),
            ("bad host \"\\xff\"", with(|head| head.lines = b"Host: \xff\r\n".into())),
            ("header \"Host\": there is more", with(|head| head.lines = b"host: a\r\nHost: a\r\n".into())),
            ("\"X: y\" without CRLF", with(|head| head.lines = b"X: y".into())),
            ("\"X: y\\n\" ends without CR", with(|head| head.lines = b"X: y\n".into())),
            ("\"X\\r\\n\" without a colon", with(|head| head.lines = b"X\r\n".into())),
            ("empty line", with(|head| head.lines = b"X: y\r\n\r\nGET / HTTP/1.1\r\n".into())),
            ("header \"X\": CR, LF or NUL", with(|head| head.lines = b"X: y\rz\r\n".into())),
            ("header \"X\": CR, LF or NUL", with(|head| head.lines = b"X: y\0\r\n".into())),
            ("header \"X\": control", with(|head| head.lines = b"X: \x7f\r\n".into())),
            ("header \"X \": the name", with(|head| head.lines = b"X : y\r\n".into())),
            ("header \" y\": the name", with(|head| head.lines = b"X: y\r\n y: z\r\n".into())),
            ("header \"\": the name", with(|head| head.lines = b": y\r\n".into())),
            ("header \"Content-Length\": not", with(|head| head.lines = b"Content-Length: +5\r\n".into())),
            (
                "header \"content-length\": there are two",
                with(|head| head.lines = b"content-length: 5\r\ncontent-length: 6\r\n".into()),
            ),
            (
                "both transfer-encoding",
                with(|head| head.lines = b"content-length: 5\r\nTransfer-Encoding: chunked\r\n".into()),
            ),
        ] {
            for error in [head.to_h1().unwrap_err(), head.to_h2().unwrap_err()] {
                assert!(error.0.contains(what), "{what:?}: {error}");
            }
        }
        let mut head = head("GET", "/", "");
        for (name, value, what) in [
            (&b"X"[..], &b"y\r\nEvil: z"[..], "header \"X\": CR, LF or NUL"),
            (b"X", b"y\nz", "header \"X\": CR, LF or NUL"),
            (b"X", b"\0", "header \"X\": CR, LF or NUL"),
            (b"X", b"\x1b", "header \"X\": control"),
            (b"X\r\nY", b"", "header \"X\\r\\nY\": the name"),
            (b"X:", b"", "header \"X:\": the name"),
            (b"", b"", "header \"\": the name"),
        ] {
            assert!(head.push(name, value).unwrap_err().0.contains(what), "{what}");
        }
        assert!(head.lines.is_empty(), "nothing of what was refused stays");
    }

    proptest! {
        /// Whatever a program gives, what is sent is one request, and says on h1 what it says on h2.
        #[test]
        fn what_is_sent_is_one_request(
            method in "GET|POST|[A-Z \r\n]{1,6}",
            path in prop::collection::vec(prop::sample::select(&b"/a?#%\r\n \0*\xc3\xa4<"[..]), 0..12),
            lines in prop::collection::vec(prop::sample::select(&b"ab:: \r\n\r\n\t\0\x80"[..]), 0..24),
            pushed in prop::collection::vec(any::<u8>(), 0..8),
        ) {
            let mut head = RequestHead { method, path, lines, ..head("", "", "") };
            let _ = head.push(b"x-pushed", &pushed);
            let Ok(bytes) = head.to_h1() else {
                prop_assert!(head.to_h2().is_err());
                return Ok(());
            };
            let request = head.to_h2().unwrap();
            prop_assert_eq!(bytes.windows(4).filter(|window| window == b"\r\n\r\n").count(), 1);
            let mut server = H1Server::new(HeaderLimits::default());
            match server.poll(&mut bytes[..].into()) {
                Ok(Event::Request(table, _)) => {
                    prop_assert_eq!(table.method().as_str(), request.method().as_str());
                    let read: Vec<_> = table.headers().iter().filter(|(name, _)| *name != HOST).collect();
                    let sent: Vec<_> = request.headers().iter().collect();
                    prop_assert_eq!(read, sent);
                }
                // Methods and escapes that our server has no use for.
                Err(reject) => prop_assert!(
                    reject.status() == 501 || reject.reason().contains("escape") || reject.reason().contains("path"),
                    "{}", reject.reason()
                ),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
