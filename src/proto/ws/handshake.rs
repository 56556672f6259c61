//! The opening handshake (RFC 6455 §4, over HTTP/2 RFC 8441): a server's check of the request, a client's lines of it and
//! its check of the response.

use std::fmt;

use ::http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

use super::extensions::{self, Extension, token};
use crate::proto::http::header::{HeaderTable, Version};
use crate::proto::http::lines::RequestLines;
use crate::proto::http::method::Method;
use crate::proto::http::response::{list_items, trim_blanks};

/// The version of the protocol, the only one there is.
pub const VERSION: &str = "13";

/// What every server appends to the key (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// `Sec-WebSocket-Accept` for this `Sec-WebSocket-Key`.
#[must_use]
pub fn accept_key(key: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// `Sec-WebSocket-Key` of these random bytes.
#[must_use]
pub fn client_key(random: [u8; 16]) -> String {
    BASE64_STANDARD.encode(random)
}

/// What a valid request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upgrade<'a> {
    /// For [`accept_key`]; `None` on HTTP/2, which needs none.
    pub key: Option<&'a [u8]>,
    /// The subprotocols, in the client's order of preference.
    pub protocols: Vec<&'a str>,
    /// The extensions, in the client's order of preference.
    pub extensions: Vec<Extension<'a>>,
}

/// Why a request is refused.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The status to answer with. 426 needs `Sec-WebSocket-Version` with [`VERSION`], and on HTTP/1.1 also
    /// `Upgrade: websocket` (RFC 6455 §4.4, RFC 9110 §15.5.22).
    pub status: u16,
    /// For the log.
    pub why: &'static str,
}

impl Refusal {
    const fn bad(why: &'static str) -> Self {
        Self { status: 400, why }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.why, self.status)
    }
}

impl std::error::Error for Refusal {}

/// The server's check of a request that wants a WebSocket: with `over_h2` an extended CONNECT, without an upgrade.
pub fn check(request: &HeaderTable, over_h2: bool) -> Result<Upgrade<'_>, Refusal> {
    let key = if over_h2 {
        check_connect(request)?;
        None
    } else {
        check_upgrade(request)?;
        Some(key_of(request)?)
    };
    match only(request, &SEC_WEBSOCKET_VERSION) {
        Line::Once(version) if version == VERSION.as_bytes() => {}
        Line::Once(_) => return Err(Refusal { status: 426, why: "another version of WebSocket" }),
        Line::None => return Err(Refusal::bad("no Sec-WebSocket-Version")),
        Line::Repeated => return Err(Refusal::bad("more than one Sec-WebSocket-Version")),
    }
    Ok(Upgrade { key, protocols: protocols_of(request)?, extensions: extensions_of(request)? })
}

/// An upgrade as RFC 6455 §4.2.1 wants it.
fn check_upgrade(request: &HeaderTable) -> Result<(), Refusal> {
    if request.method() != Method::Get {
        return Err(Refusal::bad("upgrade by another method than GET"));
    }
    if request.version() != Version::Http11 {
        return Err(Refusal::bad("upgrade in another version than HTTP/1.1"));
    }
    if !request.headers().contains_key(HOST) {
        return Err(Refusal::bad("no Host"));
    }
    if !has_item(request, &UPGRADE, "websocket") {
        return Err(Refusal::bad("no upgrade to websocket"));
    }
    if !has_item(request, &CONNECTION, "upgrade") {
        return Err(Refusal::bad("no upgrade in Connection"));
    }
    // Its bytes would be taken for frames.
    let length = request.headers().get(CONTENT_LENGTH);
    if request.headers().contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0") {
        return Err(Refusal::bad("upgrade with a body"));
    }
    Ok(())
}

/// An extended CONNECT as RFC 8441 §5 wants it; what every HTTP/2 request needs was checked before.
fn check_connect(request: &HeaderTable) -> Result<(), Refusal> {
    if request.method() != Method::Connect || request.protocol() != Some(b"websocket") {
        return Err(Refusal::bad("not a CONNECT to websocket"));
    }
    if !matches!(request.scheme(), Some(b"http" | b"https")) {
        return Err(Refusal::bad("neither http nor https"));
    }
    if request.host().is_none() {
        return Err(Refusal::bad("no authority"));
    }
    Ok(())
}

/// The key: 16 bytes in base64.
fn key_of(request: &HeaderTable) -> Result<&[u8], Refusal> {
    match only(request, &SEC_WEBSOCKET_KEY) {
        Line::None => Err(Refusal::bad("no Sec-WebSocket-Key")),
        Line::Repeated => Err(Refusal::bad("more than one Sec-WebSocket-Key")),
        Line::Once(key) => {
            let mut nonce = [0; 18];
            match BASE64_STANDARD.decode_slice(key, &mut nonce) {
                Ok(16) => Ok(key),
                Ok(_) | Err(_) => Err(Refusal::bad("Sec-WebSocket-Key that is not 16 bytes in base64")),
            }
        }
    }
}

/// The subprotocols of all lines.
fn protocols_of(request: &HeaderTable) -> Result<Vec<&str>, Refusal> {
    let mut protocols = Vec::new();
    for line in request.headers().get_all(SEC_WEBSOCKET_PROTOCOL) {
        for item in list_items(line.as_bytes()) {
            protocols.push(
                token(item).ok_or(Refusal::bad("Sec-WebSocket-Protocol that is not a list of tokens"))?,
            );
        }
    }
    Ok(protocols)
}

/// The extensions of all lines.
fn extensions_of(request: &HeaderTable) -> Result<Vec<Extension<'_>>, Refusal> {
    let mut all = Vec::new();
    for line in request.headers().get_all(SEC_WEBSOCKET_EXTENSIONS) {
        let line = extensions::parse(line.as_bytes());
        all.append(
            &mut line.ok_or(Refusal::bad("Sec-WebSocket-Extensions that is not a list of extensions"))?,
        );
    }
    Ok(all)
}

/// Adds the lines of a client's request. With `key` (see [`client_key`]) they are of an upgrade on HTTP/1.1, without of
/// an extended CONNECT on HTTP/2, whose `:protocol` is `websocket`.
///
/// `protocols` and `extensions` are lists as they stand in the header, empty for none.
pub fn add_request_lines(lines: &mut RequestLines, key: Option<&str>, protocols: &str, extensions: &str) {
    if let Some(key) = key {
        lines.add("Upgrade", "websocket");
        lines.add("Connection", "Upgrade");
        lines.add("Sec-WebSocket-Key", key);
    }
    if !protocols.is_empty() {
        lines.add("Sec-WebSocket-Protocol", protocols);
    }
    if !extensions.is_empty() {
        lines.add("Sec-WebSocket-Extensions", extensions);
    }
    lines.add("Sec-WebSocket-Version", VERSION);
}

/// What the server's response agreed to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted<'a> {
    /// The subprotocol, one of the offered; `None` when the server chose none.
    pub protocol: Option<&'a str>,
    /// The extensions, for whoever offered them to check.
    pub extensions: Vec<Extension<'a>>,
}

/// The client's check of a response (RFC 6455 §4.1): on HTTP/1.1 the answer to `key`, on HTTP/2 (no key) any 2xx.
///
/// `protocols` is the list that was offered. Extensions that were not offered must fail the connection: that is for who
/// knows them, see [`super::deflate`].
pub fn check_response<'a>(
    response: &'a HeaderTable,
    key: Option<&str>,
    protocols: &str,
) -> Result<Accepted<'a>, String> {
    match key {
        Some(key) => check_switched(response, key)?,
        None if !(200..300).contains(&response.status()) => {
            return Err(format!("status {}", response.status()));
        }
        None => {}
    }
    let protocol = match only(response, &SEC_WEBSOCKET_PROTOCOL) {
        Line::None => None,
        Line::Repeated => return Err("more than one Sec-WebSocket-Protocol".to_owned()),
        Line::Once(chosen) => match token(chosen) {
            Some(protocol) if list_items(protocols.as_bytes()).any(|offered| offered == chosen) => {
                Some(protocol)
            }
            _ => return Err(format!("subprotocol {:?} was not offered", String::from_utf8_lossy(chosen))),
        },
    };
    let extensions = extensions_of(response).map_err(|refusal| refusal.why.to_owned())?;
    Ok(Accepted { protocol, extensions })
}

/// The answer to an upgrade.
fn check_switched(response: &HeaderTable, key: &str) -> Result<(), String> {
    if response.status() != 101 {
        return Err(format!("status {}", response.status()));
    }
    if !has_item(response, &UPGRADE, "websocket") {
        return Err("no Upgrade to websocket".to_owned());
    }
    if !has_item(response, &CONNECTION, "upgrade") {
        return Err("no Upgrade in Connection".to_owned());
    }
    match only(response, &SEC_WEBSOCKET_ACCEPT) {
        Line::Once(accept) if accept == accept_key(key.as_bytes()).as_bytes() => Ok(()),
        Line::Once(_) => Err("Sec-WebSocket-Accept of another key".to_owned()),
        Line::None => Err("no Sec-WebSocket-Accept".to_owned()),
        Line::Repeated => Err("more than one Sec-WebSocket-Accept".to_owned()),
    }
}

/// A header that may stand once.
enum Line<'a> {
    None,
    Once(&'a [u8]),
    Repeated,
}

fn only<'a>(table: &'a HeaderTable, name: &HeaderName) -> Line<'a> {
    let mut values = table.headers().get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Line::None,
        (Some(value), None) => Line::Once(trim_blanks(value.as_bytes())),
        (Some(_), Some(_)) => Line::Repeated,
    }
}

/// Whether one of the lines called `name` has `item`, in any case.
fn has_item(table: &HeaderTable, name: &HeaderName, item: &str) -> bool {
    let mut lines = table.headers().get_all(name).iter();
    lines.any(|line| list_items(line.as_bytes()).any(|found| found.eq_ignore_ascii_case(item.as_bytes())))
}

#[cfg(test)]
mod tests;
