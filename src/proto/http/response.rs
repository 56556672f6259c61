//! The text form of a response's header block: written by the app's calls, read back at `lws_write`.
//!
//! On h1 the block goes out as it is and is only scanned for what frames the body; on h2 it is parsed and handed
//! to the h2 connection. Nothing that an app passes as a name or value can end a line early.

use ::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION, SERVER,
    TRANSFER_ENCODING, UPGRADE,
};
use ::http::{HeaderMap, StatusCode};
use bytes::Bytes;

use super::header::Version;
use super::status::reason_phrase;

/// Why a line was not written. Nothing was: not even a part of it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum HeaderError {
    /// The buffer is too small.
    NoRoom,
    /// Not a field name (RFC 9110 §5.1).
    BadName,
    /// A control byte (CR, LF, NUL …) in the value, or a status code outside 100–999.
    BadValue,
}

/// Writes the status line at the start of `buf`; returns its length.
///
/// h2 has no status line; its block starts with the one of HTTP/1.1, for [`parse_block`].
pub fn put_status(buf: &mut [u8], version: Version, code: u32) -> Result<usize, HeaderError> {
    if !(100..1000).contains(&code) {
        return Err(HeaderError::BadValue);
    }
    let version = match version {
        Version::Http10 => "HTTP/1.0 ",
        Version::Http11 | Version::Http2 => "HTTP/1.1 ",
    };
    let digits = [code / 100, code / 10 % 10, code % 10].map(|digit| b'0' + digit as u8);
    put(buf, [version.as_bytes(), &digits, b" ", reason_phrase(code).as_bytes(), b"\r\n"])
}

/// Writes one header line at the start of `buf`; returns its length.
///
/// `name` may end with the colon that lws's names have. It is written as it came: lws does not change its case
/// either.
pub fn put_header(buf: &mut [u8], name: &[u8], value: &[u8]) -> Result<usize, HeaderError> {
    let name = name.strip_suffix(b":").unwrap_or(name);
    // Without early exits: what is checked is nearly always good, and short.
    if name.is_empty() || !name.iter().fold(true, |good, &byte| good & is_token(byte)) {
        return Err(HeaderError::BadName);
    }
    put_line(buf, name, value)
}

/// [`put_header`] for a name that is known to be good.
pub fn put_value(buf: &mut [u8], name: &'static str, value: &[u8]) -> Result<usize, HeaderError> {
    debug_assert!(name.bytes().all(is_token));
    put_line(buf, name.as_bytes(), value)
}

fn put_line(buf: &mut [u8], name: &[u8], value: &[u8]) -> Result<usize, HeaderError> {
    if value.iter().fold(false, |bad, &byte| bad | matches!(byte, 0..=8 | 10..=31 | 0x7f)) {
        return Err(HeaderError::BadValue);
    }
    put(buf, [name, b": ", value, b"\r\n"])
}

/// Writes a `content-length` line at the start of `buf`; returns its length.
pub fn put_content_length(buf: &mut [u8], length: u64) -> Result<usize, HeaderError> {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut left = length;
    loop {
        start -= 1;
        digits[start] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    put(buf, [b"content-length: ", &digits[start..], b"\r\n"])
}

/// Writes the empty line that ends the block at the start of `buf`; returns its length, 2.
pub fn put_end(buf: &mut [u8]) -> Result<usize, HeaderError> {
    put(buf, [b"\r\n"])
}

/// A header block, parsed for h2.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// From the status line.
    pub status: StatusCode,
    /// Everything that h2 may carry: what belongs to an h1 connection is left out (RFC 9113 §8.2.2).
    pub headers: HeaderMap,
    /// The value of `content-length`, which is still in `headers` too.
    pub content_length: Option<u64>,
    /// Bytes of the block up to and with its empty line; what follows them is body.
    pub len: usize,
}

/// Why a header block cannot be sent.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct BadBlock(pub &'static str);

/// Parses a header block, from its status line to its empty line, for h2.
pub fn parse_block(block: &[u8]) -> Result<ResponseHead, BadBlock> {
    // One copy for all values instead of one each.
    let shared = Bytes::copy_from_slice(block);
    let mut lines = Lines::new(&shared);
    let status = lines.next().and_then(status_code).ok_or(BadBlock("no status line"))?;
    let status = StatusCode::from_u16(status).map_err(|_| BadBlock("bad status code"))?;
    let mut headers = HeaderMap::with_capacity(4 + block.len() / 64);
    let mut content_length = None;
    loop {
        let line = lines.next().ok_or(BadBlock("the empty line is missing"))?;
        if line.is_empty() {
            return Ok(ResponseHead { status, headers, content_length, len: lines.at });
        }
        let Some((name, text)) = split_field(line) else {
            return Err(BadBlock("header line without a colon"));
        };
        let Some(name) = sendable_name(name)? else {
            continue;
        };
        let text = trim_blanks(text);
        let value = HeaderValue::from_maybe_shared(shared.slice_ref(text))
            .map_err(|_| BadBlock("bad header value"))?;
        if name == CONTENT_LENGTH {
            let length = parse_length(text).ok_or(BadBlock("bad content-length"))?;
            match content_length.replace(length) {
                None => {}
                Some(same) if same == length => continue,
                Some(_) => return Err(BadBlock("two different content-lengths")),
            }
        }
        headers.try_append(name, value).map_err(|_| BadBlock("too many headers"))?;
    }
}

/// Blocks that were parsed lately, because servers send the same few over and over: copying a parsed head takes a
/// quarter of the instructions of parsing it. One of these serves a whole service thread.
#[derive(Debug, Default)]
pub struct BlockCache {
    /// A block's place is decided by its length.
    slots: [Option<(Box<[u8]>, ResponseHead)>; Self::SLOTS],
    /// What was parsed last and has no place.
    other: Option<ResponseHead>,
}

impl BlockCache {
    const SLOTS: usize = 8;
    /// Longer blocks are likely to have something unique in them.
    const LONGEST: usize = 512;

    /// [`parse_block`], from memory where possible.
    ///
    /// # Panics
    /// Never: a slot that does not match is filled.
    pub fn parse(&mut self, block: &[u8]) -> Result<&ResponseHead, BadBlock> {
        let slot = &mut self.slots[block.len() % Self::SLOTS];
        if slot.as_ref().is_none_or(|(known, _)| **known != *block) {
            let head = parse_block(block)?;
            // What follows the empty line is body, and not likely to come again.
            if block.len() > Self::LONGEST || head.len < block.len() {
                return Ok(self.other.insert(head));
            }
            *slot = Some((block.into(), head));
        }
        Ok(slot.as_ref().map(|(_, head)| head).expect("it was just filled"))
    }
}

/// What the h1 engine needs to know of a header block that goes out as it is.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct BlockInfo {
    /// Status code; 0 if the block does not start with a status line (it continues an earlier one).
    pub status: u16,
    /// The value of `content-length`, if it is a number.
    pub content_length: Option<u64>,
    /// `transfer-encoding` ends in `chunked`.
    pub chunked: bool,
    /// `connection` has `close`.
    pub connection_close: bool,
    /// The empty line was seen.
    pub complete: bool,
    /// Bytes up to and with the empty line, or the whole block without one; what follows them is body.
    pub len: usize,
}

/// Scans a header block, or a part of one that is cut at a line's end, without building anything.
#[must_use]
pub fn scan_block(block: &[u8]) -> BlockInfo {
    let mut info = BlockInfo::default();
    let mut lines = Lines::new(block);
    let mut first = true;
    while let Some(line) = lines.next() {
        if line.is_empty() {
            info.complete = true;
            info.len = lines.at;
            return info;
        }
        if first {
            first = false;
            if let Some(code) = status_code(line) {
                info.status = code;
                continue;
            }
        }
        if let Some(value) = value_of(line, b"content-length") {
            info.content_length = parse_length(value);
        } else if let Some(value) = value_of(line, b"transfer-encoding") {
            info.chunked = list_items(value).last().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
        } else if let Some(value) = value_of(line, b"connection") {
            info.connection_close |= list_items(value).any(|item| item.eq_ignore_ascii_case(b"close"));
        }
    }
    info.len = block.len();
    info
}

/// Whether a byte may stand in a token (RFC 9110 §5.6.2).
pub(crate) const fn is_token(byte: u8) -> bool {
    TOKEN_BYTES[byte as usize]
}

/// A table, because every byte of every name is looked up.
const TOKEN_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

/// A decimal number and nothing else: no sign, no blanks, no list (RFC 9110 §8.6).
pub(crate) fn parse_length(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { sum.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

/// The members of a comma-separated list that are not empty (RFC 9110 §5.6.1).
pub(crate) fn list_items(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').map(trim_blanks).filter(|item| !item.is_empty())
}

/// Without the spaces and tabs around it (OWS).
pub(crate) fn trim_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The lines of a block, each ended by CRLF; a last piece without one is not a line.
struct Lines<'a> {
    block: &'a [u8],
    /// Where the next line starts.
    at: usize,
}

impl<'a> Lines<'a> {
    fn new(block: &'a [u8]) -> Self {
        Self { block, at: 0 }
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = &self.block[self.at..];
        let end = memchr::memchr(b'\n', rest)?;
        self.at += end + 1;
        // A bare LF stays in the line, where no name or value may have it.
        Some(rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..=end]))
    }
}

/// The code of a status line.
fn status_code(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let (code, phrase) = rest[rest.iter().position(|&byte| byte == b' ')? + 1..].split_first_chunk::<3>()?;
    let phrase_is_apart = matches!(phrase.first(), None | Some(b' '));
    let is_code = code[0] != b'0' && code.iter().all(u8::is_ascii_digit);
    // A line that was ended by a bare LF still has it.
    let is_line = phrase.last() != Some(&b'\n');
    (phrase_is_apart && is_code && is_line)
        .then(|| code.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
}

/// Name and untrimmed value of a header line. Names are too short for a vectorised search to pay.
fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    Some((&line[..colon], &line[colon + 1..]))
}

/// The value of a header line, if it is of this name.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    // The colon first: it tells nearly all lines apart.
    if line.get(name.len()) != Some(&b':') {
        return None;
    }
    let (start, value) = line.split_at(name.len());
    start.eq_ignore_ascii_case(name).then(|| trim_blanks(&value[1..]))
}

/// The name of a header as h2 sends it; `None` for what is about the h1 connection (RFC 9113 §8.2.2).
fn sendable_name(name: &[u8]) -> Result<Option<HeaderName>, BadBlock> {
    static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
    // What lws itself writes into nearly every response, past the general lookup.
    let name = match name {
        b"content-type" => CONTENT_TYPE,
        b"content-length" => CONTENT_LENGTH,
        b"cache-control" => CACHE_CONTROL,
        b"etag" => ETAG,
        b"location" => LOCATION,
        b"server" => SERVER,
        _ => {
            let name = HeaderName::from_bytes(name).map_err(|_| BadBlock("bad header name"))?;
            let about_the_connection =
                [&CONNECTION, &TRANSFER_ENCODING, &UPGRADE, &KEEP_ALIVE, &PROXY_CONNECTION];
            if about_the_connection.contains(&&name) {
                return Ok(None);
            }
            name
        }
    };
    Ok(Some(name))
}

/// Writes the pieces one after another, or nothing.
fn put<const N: usize>(buf: &mut [u8], pieces: [&[u8]; N]) -> Result<usize, HeaderError> {
    let len = pieces.iter().map(|piece| piece.len()).sum();
    let mut room = buf.get_mut(..len).ok_or(HeaderError::NoRoom)?;
    for piece in pieces {
        let (here, rest) = room.split_at_mut(piece.len());
        here.copy_from_slice(piece);
        room = rest;
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(name: &[u8], value: &[u8]) -> Result<String, HeaderError> {
        let mut buf = [0; 200];
        put_header(&mut buf, name, value).map(|len| String::from_utf8(buf[..len].to_vec()).unwrap())
    }

    #[test]
    fn status_lines_are_those_of_lws() {
        let mut buf = [0; 64];
        let mut line = |version, code| {
            put_status(&mut buf, version, code).map(|len| String::from_utf8(buf[..len].to_vec()).unwrap())
        };
        assert_eq!(line(Version::Http11, 200).unwrap(), "HTTP/1.1 200 OK\r\n");
        assert_eq!(line(Version::Http2, 404).unwrap(), "HTTP/1.1 404 Not Found\r\n");
        assert_eq!(line(Version::Http10, 301).unwrap(), "HTTP/1.0 301 Redirect\r\n");
        assert_eq!(line(Version::Http11, 206).unwrap(), "HTTP/1.1 206 \r\n");
        for code in [0, 99, 1000, u32::MAX] {
            assert_eq!(line(Version::Http11, code), Err(HeaderError::BadValue));
        }
    }

    #[test]
    fn content_lengths_are_decimal() {
        for length in [0, 9, 10, 12, 100_000, u64::MAX] {
            let mut buf = [0; 64];
            let len = put_content_length(&mut buf, length).unwrap();
            assert_eq!(buf[..len], *format!("content-length: {length}\r\n").as_bytes());
        }
    }

    #[test]
    fn header_lines_keep_the_name_and_lose_its_colon() {
        assert_eq!(header(b"content-type:", b"text/html").unwrap(), "content-type: text/html\r\n");
        assert_eq!(header(b"X-Foo", b" v ").unwrap(), "X-Foo:  v \r\n");
        assert_eq!(header(b"x:", b"").unwrap(), "x: \r\n");
        assert_eq!(header(b"x", b"a\tb").unwrap(), "x: a\tb\r\n");
    }

    #[test]
    fn nothing_can_be_injected() {
        for name in [
            &b""[..],
            b":",
            b"a b",
            b"a b:",
            b"a\r\n",
            b"a::",
            b":path",
            b"get ",
            b"\r\n",
            b"a\0",
            b"\xff",
            b"a: ",
        ] {
            assert_eq!(header(name, b"v"), Err(HeaderError::BadName), "{name:?}");
        }
        for value in [&b"a\r\nb: c"[..], b"\r", b"\n", b"a\0", b"\x1b[0m", b"\x7f"] {
            assert_eq!(header(b"x", value), Err(HeaderError::BadValue), "{value:?}");
        }
    }

    #[test]
    fn room_is_used_to_the_last_byte_and_never_exceeded() {
        for size in 0..20 {
            let mut buf = [b'.'; 20];
            let put = put_header(&mut buf[..size], b"x-foo:", b"v");
            assert_eq!(put, if size < 10 { Err(HeaderError::NoRoom) } else { Ok(10) });
            let written = if size < 10 { 0 } else { 10 };
            assert!(buf[written..].iter().all(|&byte| byte == b'.'));
        }
        assert_eq!(put_status(&mut [0; 16], Version::Http11, 200), Err(HeaderError::NoRoom));
        assert_eq!(put_status(&mut [0; 17], Version::Http11, 200), Ok(17));
        assert_eq!(put_end(&mut [0; 1]), Err(HeaderError::NoRoom));
        assert_eq!(put_end(&mut [0; 2]), Ok(2));
        assert_eq!(put_content_length(&mut [0; 18], 0), Err(HeaderError::NoRoom));
        assert_eq!(put_content_length(&mut [0; 19], 9), Ok(19));
    }

    #[test]
    fn a_block_is_parsed_for_h2() {
        let block =
            b"HTTP/1.1 200 OK\r\nContent-Type:text/html \r\ncontent-length: 12\r\nConnection: close\r\n\
            keep-alive: timeout=5\r\ntransfer-encoding: chunked\r\nupgrade: x\r\nproxy-connection: y\r\n\
            set-cookie: a=1\r\nset-cookie: b=2\r\nx: \r\n\r\nbody";
        let head = parse_block(block).unwrap();
        assert_eq!(head.status, 200);
        assert_eq!(head.content_length, Some(12));
        assert_eq!(&block[head.len..], b"body");
        let lines: Vec<(&str, &[u8])> =
            head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(
            lines,
            [
                ("content-type", &b"text/html"[..]),
                ("content-length", b"12"),
                ("set-cookie", b"a=1"),
                ("set-cookie", b"b=2"),
                ("x", b""),
            ]
        );
    }

    #[test]
    fn the_cache_gives_what_parsing_gives() {
        let mut cache = BlockCache::default();
        let blocks = ["a: 1", "a: 2", "a: 12", "content-length: 7", "a: 1"]
            .map(|line| format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n").into_bytes());
        for block in blocks.iter().chain(&blocks) {
            let (cached, parsed) = (cache.parse(block).unwrap(), parse_block(block).unwrap());
            assert_eq!(cached.headers, parsed.headers);
            assert_eq!(
                (cached.status, cached.content_length, cached.len),
                (parsed.status, parsed.content_length, parsed.len)
            );
        }
        // Same length as a known block, but not a block.
        assert!(cache.parse(b"HTTP/1.1 200 OK\r\na\n 1\r\n\r\n").is_err());
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "v".repeat(BlockCache::LONGEST));
        for block in [long.as_bytes(), b"HTTP/1.1 204 \r\n\r\nsome body"] {
            assert!(cache.parse(block).is_ok());
            assert!(cache.slots.iter().flatten().all(|(known, _)| **known != *block));
        }
    }

    #[test]
    fn bad_blocks_are_refused() {
        let in_block = |line: &str| parse_block(format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n").as_bytes());
        assert!(in_block("a: b").is_ok());
        assert!(in_block("content-length: 1\r\ncontent-length: 1").is_ok_and(|head| head.headers.len() == 1));
        for line in [
            "a",
            ": b",
            ":status: 200",
            "a b: c",
            "a : b",
            "a: b\nc: d",
            "a: b\rc",
            "a: \0",
            "a\n: b",
            " a: b",
            "content-length: -1",
            "content-length: 1x",
            "content-length:",
            "content-length: 99999999999999999999",
            "content-length: 1\r\ncontent-length: 2",
        ] {
            assert!(in_block(line).is_err(), "{line:?}");
        }
        for block in [
            "",
            "\r\n",
            "HTTP/1.1 200 OK",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n",
            "a: b\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099\r\n\r\n",
            "HTTP/1.1200\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\n\n",
            "HTTP/1.1 200 OK\n\r\n\r\n",
        ] {
            assert!(parse_block(block.as_bytes()).is_err(), "{block:?}");
        }
    }

    #[test]
    fn the_scan_sees_what_frames_the_body() {
        let scan = |block: &str| scan_block(block.as_bytes());
        assert_eq!(
            scan("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nbody\r\n\r\n"),
            BlockInfo {
                status: 200,
                content_length: Some(12),
                complete: true,
                len: 39,
                ..BlockInfo::default()
            }
        );
        let info =
            scan("HTTP/1.0 404 Not Found\r\nConnection: x, Close\r\nTRANSFER-ENCODING: gzip , chunked\r\n");
        assert_eq!(
            (info.status, info.chunked, info.connection_close, info.complete),
            (404, true, true, false)
        );
        assert!(!scan("HTTP/1.1 200\r\ntransfer-encoding: chunked, gzip\r\n\r\n").chunked);
        let continued = scan("x: y\r\ncontent-length: 7\r\n\r\n");
        assert_eq!((continued.status, continued.content_length, continued.complete), (0, Some(7), true));
        assert_eq!(scan("content-length: no\r\n").content_length, None);
        assert_eq!(scan("\r\n"), BlockInfo { complete: true, len: 2, ..BlockInfo::default() });
        assert_eq!(scan(""), BlockInfo::default());
    }

    proptest! {
        #[test]
        fn what_is_put_is_what_is_parsed(
            code in 100_u32..1000,
            fields in proptest::collection::vec(("x-[a-zA-Z0-9!#$]{0,6}", "[ -~\t\u{a1}]{0,12}"), 0..8)
        ) {
            let mut buf = vec![0; 2048];
            let mut at = put_status(&mut buf, Version::Http2, code).unwrap();
            for (name, value) in &fields {
                at += put_header(&mut buf[at..], name.as_bytes(), value.as_bytes()).unwrap();
            }
            at += put_end(&mut buf[at..]).unwrap();
            let head = parse_block(&buf[..at]).unwrap();
            prop_assert_eq!(u32::from(head.status.as_u16()), code);
            prop_assert_eq!(head.len, at);
            prop_assert_eq!(head.headers.len(), fields.len());
            let info = scan_block(&buf[..at]);
            prop_assert_eq!((u32::from(info.status), info.complete, info.len), (code, true, at));
            for (name, value) in &fields {
                let expected = trim_blanks(value.as_bytes());
                prop_assert!(head.headers.get_all(name.as_str()).iter().any(|got| got.as_bytes() == expected));
            }
        }

        #[test]
        fn arbitrary_blocks_do_not_panic(block in "(HTTP/1.1 200 OK\r\n)?([a-c:, \r\n]|content-length:|\r\n){0,24}") {
            let parsed = parse_block(block.as_bytes());
            let info = scan_block(block.as_bytes());
            // What h2 accepts, h1 sees as complete, and of the same length.
            if let Ok(head) = parsed {
                prop_assert!(info.complete);
                prop_assert_eq!(info.len, head.len);
            }
        }
    }
}
