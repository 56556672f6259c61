//! The request target: path, query, query arguments.

/// A request target, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Percent-decoded, normalised, without NUL inside, followed by exactly one NUL byte for C.
    pub path: Vec<u8>,
    /// What follows the first `?`, as sent; `None` without a `?`.
    pub query: Option<Vec<u8>>,
}

/// Why a request target is refused.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct BadTarget(pub &'static str);

/// Takes a request target apart.
pub fn parse_target(_target: &[u8]) -> Result<Target, BadTarget> {
    todo!()
}

/// `lws_get_urlarg_by_name_safe`.
#[must_use]
pub fn urlarg<'a>(_query: &'a [u8], _name: &[u8]) -> Option<&'a [u8]> {
    todo!()
}

/// The fragments of a query: what stands between its `&`s.
pub fn fragments(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    query.split(|&b| b == b'&')
}

/// Percent-encodes what may not stand in a `Location` path.
#[must_use]
pub fn encode_path(_path: &[u8]) -> String {
    todo!()
}
