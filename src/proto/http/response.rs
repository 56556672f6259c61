//! The text form of a response's header block: written by the app's calls, read back at `lws_write`.

use ::http::{HeaderMap, StatusCode};

use super::header::Version;

/// Why a line was not written.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum HeaderError {
    /// The buffer is too small; nothing was written.
    NoRoom,
    /// Not a header name (RFC 9110 §5.1).
    BadName,
    /// CR, LF or NUL in the value.
    BadValue,
}

/// Writes the status line at the start of `buf`; returns its length.
pub fn put_status(_buf: &mut [u8], _version: Version, _code: u32) -> Result<usize, HeaderError> {
    todo!()
}

/// Writes one header line at the start of `buf`; returns its length.
pub fn put_header(_buf: &mut [u8], _name: &[u8], _value: &[u8]) -> Result<usize, HeaderError> {
    todo!()
}

/// Writes the empty line at the start of `buf`; returns its length.
pub fn put_end(_buf: &mut [u8]) -> Result<usize, HeaderError> {
    todo!()
}

/// A header block, parsed for h2.
#[derive(Debug)]
pub struct ResponseHead {
    /// From the status line.
    pub status: StatusCode,
    /// Everything that h2 may carry.
    pub headers: HeaderMap,
    /// `content-length`, also still in `headers`.
    pub content_length: Option<u64>,
}

/// Why a header block cannot be sent.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct BadBlock(pub &'static str);

/// Parses a complete header block for h2.
pub fn parse_block(_block: &[u8]) -> Result<ResponseHead, BadBlock> {
    todo!()
}

/// What the h1 engine needs to know of a header block that goes out as it is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct BlockInfo {
    /// Status code; 0 if the block starts with no status line.
    pub status: u16,
    /// `content-length`.
    pub content_length: Option<u64>,
    /// `transfer-encoding` ends in `chunked`.
    pub chunked: bool,
    /// `connection` has `close`.
    pub connection_close: bool,
    /// The empty line was seen.
    pub complete: bool,
}

/// Scans a header block without building anything.
#[must_use]
pub fn scan_block(_block: &[u8]) -> BlockInfo {
    todo!()
}
