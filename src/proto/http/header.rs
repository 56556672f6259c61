//! The header table ("ah"): what the head of a request or response said, found by token as the C API asks for it.
//!
//! One type serves both versions: h1 builds it in `proto::h1`, h2 from the request or response that the h2 connection
//! yields. Unlike lws's table it has no fixed pool and keeps every header, known to lws or not.

use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::rc::Rc;

use ::http::header::{COOKIE, HOST, HeaderName, HeaderValue, SET_COOKIE};
use ::http::request::Parts;
use ::http::{HeaderMap, StatusCode, Uri};

use super::cookie::cookie;
use super::method::Method;
use super::token::Token;
use super::uri::{Target, decode_arg, fragments, parse_target, urlarg};
use crate::proto::h1::Reject;

/// The protocol version of a request or response.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

/// Bounds on the head of a request or response.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct HeaderLimits {
    /// Bytes of header content, as `max_http_header_data` says it: 4096 by default. Also the longest first line.
    pub max_bytes: usize,
    /// Number of header lines; never more than [`Self::MOST_HEADERS`].
    pub max_count: usize,
}

impl HeaderLimits {
    /// The upper bound of `max_count`.
    pub const MOST_HEADERS: usize = 128;

    /// Bytes that any whole head may have; what one of so many lines may have is [`Self::max_head_of`].
    #[must_use]
    pub const fn max_head(&self) -> usize {
        self.max_head_of(self.max_lines())
    }

    /// Bytes that a head of `lines` lines may have.
    ///
    /// lws counts only contents, not the names it knows nor what separates them; some 40 bytes a line for
    /// those accept at least every head that lws accepts.
    #[must_use]
    pub const fn max_head_of(&self, lines: usize) -> usize {
        self.max_bytes.saturating_add(lines.saturating_mul(40))
    }

    /// Number of header lines that a head may have.
    #[must_use]
    pub const fn max_lines(&self) -> usize {
        if self.max_count < Self::MOST_HEADERS { self.max_count } else { Self::MOST_HEADERS }
    }
}

impl Default for HeaderLimits {
    fn default() -> Self {
        Self { max_bytes: 4096, max_count: 100 }
    }
}

/// The head of one request or response.
#[derive(Debug)]
pub struct HeaderTable {
    start: Start,
    version: Version,
    path: CString,
    query: Option<Vec<u8>>,
    /// The target's scheme (on h2) and authority are read from it; its path is [`Self::path`], decoded.
    uri: Uri,
    protocol: Option<h2::ext::Protocol>,
    headers: HeaderMap,
    /// Bytes of text that `headers` holds: names and values on h2, the whole head on h1.
    content: usize,
}

/// What the head is of.
#[derive(Debug)]
enum Start {
    Request(Method),
    /// With what follows the version in the status line, e.g. `200 OK`; on h2 only the code.
    Response(StatusCode, Vec<u8>),
}

impl HeaderTable {
    /// The table of an h2 request.
    pub fn from_h2(parts: Parts, limits: &HeaderLimits) -> Result<Rc<Self>, Reject> {
        let Parts { method, uri, headers, mut extensions, .. } = parts;
        let method = Method::from_bytes(method.as_str().as_bytes())
            .ok_or(Reject::NotImplemented("method that lws does not know"))?;
        let protocol = extensions.remove::<h2::ext::Protocol>();
        if method == Method::Connect && protocol.is_none() {
            return Err(Reject::NotImplemented("CONNECT without :protocol"));
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        if target.len() > limits.max_bytes {
            return Err(Reject::UriTooLong);
        }
        let Target { path, query, .. } = checked_target(target.as_bytes(), method)?;
        let content = checked_fields(&uri, &headers)?;
        let lines = headers.len();
        if lines > limits.max_lines() || content + target.len() > limits.max_head_of(lines + 1) {
            return Err(Reject::HeadersTooLarge);
        }
        // Made where it stays: it is too large to be handed on by value.
        Ok(Rc::new(Self {
            start: Start::Request(method),
            version: Version::Http2,
            path: c_path(path)?,
            query,
            uri,
            protocol,
            headers,
            content,
        }))
    }

    /// The table of an h1 request whose head, of `content` bytes, was checked by the h1 parser.
    pub(in crate::proto) fn from_h1(
        method: Method,
        version: Version,
        target: &[u8],
        headers: HeaderMap,
        content: usize,
    ) -> Result<Rc<Self>, Reject> {
        if method == Method::Connect {
            return Err(Reject::NotImplemented("CONNECT"));
        }
        let Target { path, query, authority } = checked_target(target, method)?;
        Ok(Rc::new(Self {
            start: Start::Request(method),
            version,
            path: c_path(path)?,
            query,
            uri: authority.map(Uri::from).unwrap_or_default(),
            protocol: None,
            headers,
            content,
        }))
    }

    /// The table of a response, whose header fields are `content` bytes of text. It has no path.
    #[must_use]
    pub fn from_response(version: Version, status: StatusCode, headers: HeaderMap, content: usize) -> Self {
        Self::from_status_line(version, status, status.as_str().as_bytes(), headers, content)
    }

    /// The table of a response whose status line says `text` behind the version.
    pub(in crate::proto) fn from_status_line(
        version: Version,
        status: StatusCode,
        text: &[u8],
        headers: HeaderMap,
        content: usize,
    ) -> Self {
        Self {
            start: Start::Response(status, text.to_vec()),
            version,
            path: CString::default(),
            query: None,
            uri: Uri::default(),
            protocol: None,
            headers,
            content,
        }
    }

    /// The request's method; `GET` for a response, which has none.
    #[must_use]
    pub fn method(&self) -> Method {
        match self.start {
            Start::Request(method) => method,
            Start::Response(..) => Method::Get,
        }
    }

    /// The response's status code; 0 for a request.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.start {
            Start::Request(_) => 0,
            Start::Response(status, _) => status.as_u16(),
        }
    }

    /// The decoded, normalised path; empty for a response.
    #[must_use]
    pub fn path(&self) -> &CStr {
        &self.path
    }

    /// What follows the `?` of the target, as sent; `None` without a `?`.
    #[must_use]
    pub fn query(&self) -> Option<&[u8]> {
        self.query.as_deref()
    }

    /// The authority of the target (`:authority`, or an absolute-form h1 target), or else `Host`.
    #[must_use]
    pub fn host(&self) -> Option<&[u8]> {
        match self.uri.authority() {
            Some(authority) => Some(authority.as_str().as_bytes()),
            None => self.headers.get(HOST).map(HeaderValue::as_bytes),
        }
    }

    /// `:protocol` of an extended CONNECT (RFC 8441), e.g. `websocket`.
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        self.protocol.as_ref().map(|protocol| protocol.as_str().as_bytes())
    }

    /// `:scheme`; `None` on h1.
    #[must_use]
    pub fn scheme(&self) -> Option<&[u8]> {
        self.uri.scheme_str().map(str::as_bytes)
    }

    /// The version it came in.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// All header fields.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Length of [`Self::value`]; 0 when absent, so that an empty value cannot be told from none (as in
    /// `lws_hdr_total_length`).
    #[must_use]
    pub fn total_length(&self, token: Token) -> usize {
        match token.header_name() {
            Some(name) if token != Token::HOST && self.headers.contains_key(name) => {
                let (count, bytes) = self
                    .headers
                    .get_all(name)
                    .iter()
                    .fold((0, 0), |(count, bytes), value| (count + 1, bytes + value.len()));
                bytes + (count - 1) * separator(name).len()
            }
            _ => self.value(token).map_or(0, |value| value.len()),
        }
    }

    /// The whole value of a token; `None` when absent.
    ///
    /// - Repeated headers are joined in order, by `, ` (RFC 9110 §5.3) or, for cookies, `; ` (RFC 9113 §8.2.3).
    /// - `HOST` is [`Self::host`]: h2 has it too.
    /// - The token of the request's method (`GET_URI` …) is the path on both versions, `HTTP` the version on h1,
    ///   the `HTTP_COLON_…` tokens are there on h2.
    /// - Of a response, `HTTP` or `HTTP1_0` is the status line without its version (`200 OK`) on h1, and
    ///   `HTTP_COLON_STATUS` the code on h2.
    /// - `HTTP_URI_ARGS` is the decoded query, its pieces joined by `&`; absent when empty.
    #[must_use]
    pub fn value(&self, token: Token) -> Option<Cow<'_, [u8]>> {
        if token == Token::HTTP_URI_ARGS {
            return self.args();
        }
        if let Some(value) = self.first_line(token) {
            return Some(Cow::Borrowed(value));
        }
        let name = token.header_name()?;
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?.as_bytes();
        let Some(second) = values.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut joined = first.to_vec();
        for value in std::iter::once(second).chain(values) {
            joined.extend_from_slice(separator(name));
            joined.extend_from_slice(value.as_bytes());
        }
        Some(Cow::Owned(joined))
    }

    /// Appends [`Self::value`] to `out`; `false` when absent.
    pub fn copy(&self, token: Token, out: &mut Vec<u8>) -> bool {
        let value = self.value(token);
        out.extend_from_slice(value.as_deref().unwrap_or_default());
        value.is_some()
    }

    /// The `index`-th fragment of a token: of `HTTP_URI_ARGS` a decoded argument (`name=value`), of a header one
    /// of its lines, of anything else the whole value at index 0.
    #[must_use]
    pub fn fragment(&self, token: Token, index: usize) -> Option<Cow<'_, [u8]>> {
        if token == Token::HTTP_URI_ARGS {
            return fragments(self.query()?).nth(index).map(decode_arg);
        }
        if let Some(value) = self.first_line(token) {
            return (index == 0).then_some(Cow::Borrowed(value));
        }
        let value = self.headers.get_all(token.header_name()?).iter().nth(index)?;
        Some(Cow::Borrowed(value.as_bytes()))
    }

    /// The decoded value of a query argument, see [`urlarg`].
    #[must_use]
    pub fn urlarg(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        urlarg(self.query()?, name)
    }

    /// The value of a cookie, see [`cookie()`].
    #[must_use]
    pub fn cookie(&self, name: &[u8]) -> Option<&[u8]> {
        self.headers.get_all(COOKIE).iter().find_map(|line| cookie(line.as_bytes(), name))
    }

    /// The values of the set-cookie lines, one by one: they cannot be joined (RFC 6265 §3).
    pub fn set_cookies(&self) -> impl Iterator<Item = &[u8]> {
        self.headers.get_all(SET_COOKIE).iter().map(HeaderValue::as_bytes)
    }

    /// A header by its name in any case, with or without the trailing colon that lws wants.
    ///
    /// lws finds only names that it has no token for, of which it gives the first line; that is kept. Names with a
    /// token are found too, and are given as [`Self::value`] gives them.
    #[must_use]
    pub fn custom(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let name = std::str::from_utf8(name.strip_suffix(b":").unwrap_or(name)).ok()?;
        match Token::from_name(name.as_bytes()) {
            Some(token) => token.header_name().and_then(|_| self.value(token)),
            None => self.headers.get(name).map(|value| Cow::Borrowed(value.as_bytes())),
        }
    }

    /// Calls `each` with name (lower case, no colon) and value of every header line that lws has no token for and
    /// whose name starts with `prefix`; an empty prefix means all.
    pub fn for_each_custom(&self, prefix: &[u8], mut each: impl FnMut(&str, &[u8])) {
        for (name, value) in &self.headers {
            let name = name.as_str();
            if name.as_bytes().starts_with(prefix) && Token::from_name(name.as_bytes()).is_none() {
                each(name, value.as_bytes());
            }
        }
    }

    /// Approximate bytes held, for the ledger.
    #[must_use]
    pub fn memory(&self) -> usize {
        /// What one entry of the map takes beside its text: hash, links, name and value handles.
        const ENTRY: usize = size_of::<HeaderName>() + size_of::<HeaderValue>() + 40;
        let query = self.query.as_ref().map_or(0, Vec::capacity);
        let status_line = match &self.start {
            Start::Request(_) => 0,
            Start::Response(_, text) => text.capacity(),
        };
        size_of::<Self>()
            + self.path.as_bytes_with_nul().len()
            + query
            + status_line
            + self.headers.capacity() * ENTRY
            + self.content
    }

    /// The value of a token that is not, or not only, a header line.
    fn first_line(&self, token: Token) -> Option<&[u8]> {
        let method = match &self.start {
            Start::Request(method) => *method,
            Start::Response(_, text) => {
                let holder = match self.version {
                    Version::Http10 => Token::HTTP1_0,
                    Version::Http11 => Token::HTTP,
                    Version::Http2 => Token::HTTP_COLON_STATUS,
                };
                return (token == holder).then_some(text);
            }
        };
        let on_h2 = self.version == Version::Http2;
        match token {
            Token::HOST => self.host(),
            Token::HTTP_COLON_PATH if on_h2 => Some(self.path.as_bytes()),
            Token::HTTP_COLON_METHOD if on_h2 => Some(method.as_str().as_bytes()),
            Token::HTTP_COLON_AUTHORITY if on_h2 => self.host(),
            Token::HTTP_COLON_SCHEME => self.scheme(),
            Token::COLON_PROTOCOL => self.protocol(),
            Token::HTTP => match self.version {
                Version::Http10 => Some(b"HTTP/1.0"),
                Version::Http11 => Some(b"HTTP/1.1"),
                Version::Http2 => None,
            },
            token if token == method.uri_token() => Some(self.path.as_bytes()),
            _ => None,
        }
    }

    /// The decoded query as one value.
    fn args(&self) -> Option<Cow<'_, [u8]>> {
        let query = self.query().filter(|query| !query.is_empty())?;
        if !query.iter().any(|byte| b"%+;".contains(byte)) {
            return Some(Cow::Borrowed(query));
        }
        let mut joined = Vec::with_capacity(query.len());
        for (index, fragment) in fragments(query).enumerate() {
            if index > 0 {
                joined.push(b'&');
            }
            joined.extend_from_slice(&decode_arg(fragment));
        }
        Some(Cow::Owned(joined))
    }
}

/// What stands between the lines of a header that came more than once.
fn separator(name: &HeaderName) -> &'static [u8] {
    if *name == COOKIE { b"; " } else { b", " }
}

/// Takes the target apart; `*` is for OPTIONS only (RFC 9112 §3.2.4).
fn checked_target(target: &[u8], method: Method) -> Result<Target, Reject> {
    if target == b"*" && method != Method::Options {
        return Err(Reject::BadRequest("target * is for OPTIONS only"));
    }
    parse_target(target).map_err(|bad| Reject::BadRequest(bad.0))
}

fn c_path(path: Vec<u8>) -> Result<CString, Reject> {
    CString::from_vec_with_nul(path).map_err(|_| Reject::BadRequest("NUL in the path"))
}

/// Counts the bytes of an h2 request's fields, and sees that it names its host once, or twice the same (RFC 9113 §8.3.1).
fn checked_fields(uri: &Uri, headers: &HeaderMap) -> Result<usize, Reject> {
    // One pass, because a look-up costs more than the few fields there are.
    let (mut content, mut hosts, mut host) = (0, 0, None);
    for (name, value) in headers {
        content += name.as_str().len() + value.len();
        if *name == HOST {
            hosts += 1;
            host = Some(value.as_bytes());
        }
    }
    if hosts > 1 {
        return Err(Reject::BadRequest("more than one Host"));
    }
    match (uri.authority().map(|authority| authority.as_str().as_bytes()), host) {
        (None, None) => Err(Reject::BadRequest("neither :authority nor Host")),
        // Without early exit: it is nearly always good, and short.
        (Some(authority), _) if authority.iter().fold(false, |bad, &byte| bad | matches!(byte, b'@')) => {
            Err(Reject::BadRequest("user in :authority"))
        }
        (Some(authority), Some(host)) if !host.eq_ignore_ascii_case(authority) => {
            Err(Reject::BadRequest("Host is not :authority"))
        }
        (None, Some(host)) if !is_host(host) => Err(Reject::BadRequest("bad Host")),
        _ => Ok(content),
    }
}

/// Whether a `Host` value has only what a host and a port may have (RFC 9110 §7.2). It may be empty.
pub(in crate::proto) fn is_host(host: &[u8]) -> bool {
    host.iter().all(|&byte| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&'
                    ..=b',' | b';' | b'=' | b':' | b'%' | b'[' | b']'
            )
    })
}

#[cfg(test)]
mod tests {
    use ::http::Request;
    use proptest::prelude::*;

    use super::*;

    fn h2_parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn h2(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Rc<HeaderTable>, Reject> {
        HeaderTable::from_h2(h2_parts(method, uri, headers), &HeaderLimits::default())
    }

    fn h1(method: Method, target: &str, headers: &[(&str, &str)]) -> Rc<HeaderTable> {
        let content = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let headers = h2_parts("GET", "/", headers).headers;
        HeaderTable::from_h1(method, Version::Http11, target.as_bytes(), headers, content).unwrap()
    }

    /// What three ways of asking for a token agree on.
    fn bytes(table: &HeaderTable, token: Token) -> Option<Vec<u8>> {
        let value = table.value(token).map(Cow::into_owned);
        let mut copied = b"-".to_vec();
        assert_eq!(table.copy(token, &mut copied), value.is_some());
        assert_eq!(copied[1..], *value.as_deref().unwrap_or_default());
        assert_eq!(table.total_length(token), copied.len() - 1);
        value
    }

    fn text(table: &HeaderTable, token: Token) -> Option<String> {
        bytes(table, token).map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn an_h2_request_is_found_by_token() {
        let table = h2(
            "GET",
            "https://h:1/p%20q/../r?a=1&b=%26x+y;c",
            &[
                ("accept", "q"),
                ("accept", "r"),
                ("cookie", "a=1; b=2"),
                ("cookie", "c=3"),
                ("x-foo", "1"),
                ("x-foo", "2"),
            ],
        )
        .unwrap();
        for (token, value) in [
            (Token::GET_URI, Some("/r")),
            (Token::POST_URI, None),
            (Token::HOST, Some("h:1")),
            (Token::HTTP_ACCEPT, Some("q, r")),
            (Token::HTTP_COOKIE, Some("a=1; b=2; c=3")),
            (Token::HTTP_COLON_AUTHORITY, Some("h:1")),
            (Token::HTTP_COLON_METHOD, Some("GET")),
            (Token::HTTP_COLON_PATH, Some("/r")),
            (Token::HTTP_COLON_SCHEME, Some("https")),
            (Token::HTTP_COLON_STATUS, None),
            (Token::HTTP_URI_ARGS, Some("a=1&b=&x y&c")),
            (Token::HTTP, None),
            (Token::COLON_PROTOCOL, None),
            (Token::HTTP_USER_AGENT, None),
            (Token::CLIENT_URI, None),
        ] {
            assert_eq!(text(&table, token).as_deref(), value, "{token:?}");
        }
        assert_eq!(table.path(), c"/r");
        assert_eq!(table.query(), Some(&b"a=1&b=%26x+y;c"[..]));
        assert_eq!(*table.urlarg(b"b=").unwrap(), *b"&x y");
        assert_eq!(table.cookie(b"b"), Some(&b"2"[..]));
        assert_eq!(table.cookie(b"c"), Some(&b"3"[..]));
    }

    #[test]
    fn an_h1_request_is_found_by_token() {
        let table = h1(Method::Post, "/a?x=1", &[("host", "h"), ("user-agent", "")]);
        for (token, value) in [
            (Token::POST_URI, Some("/a")),
            (Token::GET_URI, None),
            (Token::HOST, Some("h")),
            (Token::HTTP, Some("HTTP/1.1")),
            (Token::HTTP_URI_ARGS, Some("x=1")),
            (Token::HTTP_USER_AGENT, Some("")),
            (Token::HTTP_COLON_PATH, None),
            (Token::HTTP_COLON_METHOD, None),
            (Token::HTTP_COLON_AUTHORITY, None),
            (Token::HTTP_COLON_SCHEME, None),
        ] {
            assert_eq!(text(&table, token).as_deref(), value, "{token:?}");
        }
        for method in Method::ALL.into_iter().filter(|method| *method != Method::Connect) {
            assert_eq!(text(&h1(method, "/p", &[]), method.uri_token()).as_deref(), Some("/p"));
        }
        assert_eq!(text(&h1(Method::Get, "/p?", &[]), Token::HTTP_URI_ARGS), None);
        assert_eq!(text(&h1(Method::Get, "/p?q", &[]), Token::HTTP_URI_ARGS).as_deref(), Some("q"));
        let absolute = h1(Method::Get, "http://t/p", &[("host", "other")]);
        assert_eq!(text(&absolute, Token::HOST).as_deref(), Some("t"));
    }

    #[test]
    fn fragments_are_lines_or_arguments() {
        let table = h1(Method::Get, "/a?b=%26&&c;d", &[("accept", "a/b, c"), ("accept", "d")]);
        let all = |token| {
            (0..)
                .map_while(|index| table.fragment(token, index))
                .map(|value| String::from_utf8(value.into_owned()).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(all(Token::HTTP_ACCEPT), ["a/b, c", "d"]);
        assert_eq!(all(Token::HTTP_URI_ARGS), ["b=&", "", "c", "d"]);
        assert_eq!(all(Token::GET_URI), ["/a"]);
        assert_eq!(all(Token::HTTP_RANGE).len(), 0);
        assert_eq!(table.fragment(Token::HTTP_ACCEPT, usize::MAX), None);
    }

    #[test]
    fn custom_headers_by_name() {
        let table = h1(
            Method::Get,
            "/",
            &[
                ("host", "h"),
                ("x-foo", "1"),
                ("x-bar", "q"),
                ("x-foo", "2"),
                ("accept", "a"),
                ("accept", "b"),
            ],
        );
        for (name, value) in [
            ("x-foo:", Some("1")),
            ("x-foo", Some("1")),
            ("X-Bar:", Some("q")),
            ("accept:", Some("a, b")),
            ("host:", Some("h")),
            ("x-none:", None),
            (":path", None),
            ("", None),
            (":", None),
            ("x foo", None),
            ("get ", None),
        ] {
            let found = table.custom(name.as_bytes());
            assert_eq!(found.as_deref(), value.map(str::as_bytes), "{name}");
        }
        assert_eq!(table.custom(b"\xff"), None);
        let mut seen = Vec::new();
        table.for_each_custom(b"x-", |name, value| {
            seen.push((name.to_owned(), value.to_vec()));
        });
        table.for_each_custom(b"", |name, _| seen.push((name.to_owned(), Vec::new())));
        let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-foo", "x-foo", "x-bar", "x-foo", "x-foo", "x-bar"]);
        assert_eq!(seen[1].1, b"2");
    }

    #[test]
    fn h2_requests_name_their_host_once() {
        assert_eq!(h2("GET", "/", &[("host", "h")]).unwrap().host(), Some(&b"h"[..]));
        assert!(h2("GET", "https://H/", &[("host", "h")]).is_ok());
        for (uri, headers) in [
            ("/", &[][..]),
            ("https://a/", &[("host", "b")]),
            ("https://u@a/", &[]),
            ("/", &[("host", "a/b")]),
            ("/", &[("host", "a"), ("host", "a")]),
            ("https://a/", &[("host", "a"), ("host", "b")]),
        ] {
            assert!(matches!(h2("GET", uri, headers), Err(Reject::BadRequest(_))), "{uri} {headers:?}");
        }
    }

    #[test]
    fn extended_connect_has_its_protocol() {
        let mut parts = h2_parts("CONNECT", "https://h/chat", &[]);
        parts.extensions.insert(h2::ext::Protocol::from_static("websocket"));
        let table = HeaderTable::from_h2(parts, &HeaderLimits::default()).unwrap();
        assert_eq!(table.protocol(), Some(&b"websocket"[..]));
        assert_eq!(text(&table, Token::COLON_PROTOCOL).as_deref(), Some("websocket"));
        assert_eq!(text(&table, Token::HTTP_COLON_PATH).as_deref(), Some("/chat"));
        assert_eq!(h2("CONNECT", "h:80", &[]).unwrap_err().status(), 501);
    }

    #[test]
    fn limits_and_odd_requests_are_refused() {
        assert_eq!(h2("TRACE", "https://h/", &[]).unwrap_err().status(), 501);
        assert_eq!(h2("GET", "https://h/%00", &[]).unwrap_err().status(), 400);
        assert_eq!(h2("GET", "https://h/%", &[]).unwrap_err().status(), 400);
        assert_eq!(h2("GET", &format!("https://h/{}", "a".repeat(4096)), &[]).unwrap_err().status(), 414);
        assert_eq!(h2("OPTIONS", "https://h", &[]).unwrap().path(), c"/");
        let long = "v".repeat(9000);
        assert_eq!(h2("GET", "https://h/", &[("x", &long)]).unwrap_err().status(), 431);
        assert!(h2("GET", "https://h/", &[("x", &long[..4096])]).is_ok());
        let many = [("x", "y"); 101];
        assert_eq!(h2("GET", "https://h/", &many).unwrap_err().status(), 431);
        assert!(h2("GET", "https://h/", &many[1..]).is_ok());
    }

    #[test]
    fn a_response_is_found_by_token() {
        let headers = h2_parts("GET", "/", &[("server", "s"), ("set-cookie", "a=1"), ("x-foo", "1")]).headers;
        let status = StatusCode::from_u16(404).unwrap();
        let line = b"404 No Such Thing";
        for (table, holder, value) in [
            (
                HeaderTable::from_response(Version::Http2, status, headers.clone(), 21),
                Token::HTTP_COLON_STATUS,
                "404",
            ),
            (
                HeaderTable::from_status_line(Version::Http11, status, line, headers.clone(), 21),
                Token::HTTP,
                "404 No Such Thing",
            ),
            (
                HeaderTable::from_status_line(Version::Http10, status, line, headers, 21),
                Token::HTTP1_0,
                "404 No Such Thing",
            ),
        ] {
            assert_eq!(table.status(), 404);
            assert_eq!(table.path(), c"");
            for index in 0..Token::COUNT {
                let token = Token::from_index(index).unwrap();
                let expected = match token {
                    token if token == holder => Some(value),
                    Token::HTTP_SERVER => Some("s"),
                    Token::HTTP_SET_COOKIE => Some("a=1"),
                    _ => None,
                };
                assert_eq!(text(&table, token).as_deref(), expected, "{token:?}");
            }
            assert_eq!(table.custom(b"x-foo:").as_deref(), Some(&b"1"[..]));
            assert!(table.memory() >= 21);
        }
        assert_eq!(h1(Method::Get, "/", &[]).status(), 0);
    }

    #[test]
    fn memory_follows_the_content() {
        let small = h1(Method::Get, "/", &[("host", "h")]);
        let large = h1(Method::Get, "/", &[("host", "h"), ("x-foo", &"v".repeat(1000))]);
        assert!(large.memory() >= small.memory() + 1000);
        assert!(small.memory() < 1024);
    }

    proptest! {
        #[test]
        fn every_token_can_be_asked(index in 0..Token::COUNT, fragment in 0_usize..4, query in "[a-c&;=%+0-9]{0,12}") {
            let token = Token::from_index(index).unwrap();
            for table in [
                h1(Method::Get, &format!("/?{query}"), &[("host", "h"), ("cookie", "a"), ("cookie", "b")]),
                h2("GET", &format!("https://h/?{query}"), &[("te", "trailers")]).unwrap(),
            ] {
                let value = bytes(&table, token).unwrap_or_default();
                if let Some(fragment) = table.fragment(token, fragment) {
                    prop_assert!(value.len() >= fragment.len());
                }
            }
        }
    }
}
