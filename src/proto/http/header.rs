//! The header table ("ah"): what a request said, found by token.

use std::borrow::Cow;
use std::ffi::CStr;

use ::http::HeaderMap;
use ::http::request::Parts;

use super::method::Method;
use super::token::Token;
use crate::proto::h1::Reject;

/// The protocol version of a request.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

/// Bounds on the head of a request.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct HeaderLimits {
    /// Bytes of header values (`max_http_header_data`).
    pub max_bytes: usize,
    /// Number of header lines.
    pub max_count: usize,
}

impl Default for HeaderLimits {
    fn default() -> Self {
        Self {
            max_bytes: 4096,
            max_count: 100,
        }
    }
}

/// The head of one request.
#[derive(Debug)]
pub struct HeaderTable {
    method: Method,
    version: Version,
    headers: HeaderMap,
}

impl HeaderTable {
    /// The table of an h2 request.
    pub fn from_h2(_parts: Parts, _limits: &HeaderLimits) -> Result<Self, Reject> {
        todo!()
    }

    /// The request's method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The decoded, normalised path.
    #[must_use]
    pub fn path(&self) -> &CStr {
        todo!()
    }

    /// What follows the `?` of the target, as sent.
    #[must_use]
    pub fn query(&self) -> Option<&[u8]> {
        todo!()
    }

    /// `Host`, or `:authority`.
    #[must_use]
    pub fn host(&self) -> Option<&[u8]> {
        todo!()
    }

    /// `:protocol` of an extended CONNECT (RFC 8441).
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        todo!()
    }

    /// The request's version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// All header fields.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// `lws_hdr_total_length`: 0 when absent.
    #[must_use]
    pub fn total_length(&self, _token: Token) -> usize {
        todo!()
    }

    /// The whole value of a token, repeated headers joined.
    #[must_use]
    pub fn value(&self, _token: Token) -> Option<Cow<'_, [u8]>> {
        todo!()
    }

    /// Appends the whole value of a token to `out`; `false` when absent.
    pub fn copy(&self, _token: Token, _out: &mut Vec<u8>) -> bool {
        todo!()
    }

    /// The `index`-th fragment of a token.
    #[must_use]
    pub fn fragment(&self, _token: Token, _index: usize) -> Option<Cow<'_, [u8]>> {
        todo!()
    }

    /// `lws_hdr_custom_copy`: by name, a trailing `:` is tolerated.
    #[must_use]
    pub fn custom(&self, _name: &[u8]) -> Option<Cow<'_, [u8]>> {
        todo!()
    }

    /// `lws_hdr_custom_name_foreach`: names that lws has no token for.
    pub fn for_each_custom(&self, _prefix: &[u8], _each: impl FnMut(&str, &[u8])) {
        todo!()
    }

    /// Approximate bytes held, for the ledger.
    #[must_use]
    pub fn memory(&self) -> usize {
        todo!()
    }
}
