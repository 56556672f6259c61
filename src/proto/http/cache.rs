//! Validators: etag, `If-None-Match`, `If-Modified-Since`.

/// The etag of a file, without quotes, as lws writes it.
#[must_use]
pub fn etag(_size: u64, _mtime_secs: i64) -> String {
    todo!()
}

/// Whether an `If-None-Match` value names `etag` (unquoted).
#[must_use]
pub fn if_none_match(_header: &[u8], _etag: &str) -> bool {
    todo!()
}

/// Whether a file of `mtime_secs` is unchanged for an `If-Modified-Since` value (so: 304).
#[must_use]
pub fn if_modified_since(_header: &[u8], _mtime_secs: i64) -> bool {
    todo!()
}
