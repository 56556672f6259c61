//! Validators of a file: its etag, and whether the copy that the client has is still good.

use std::time::{Duration, SystemTime};

/// The etag of a file in lws's form: size and modification time in hexadecimal, without quotes.
#[must_use]
pub fn etag(size: u64, mtime_secs: i64) -> String {
    format!("{size:08X}{:08X}", mtime_secs as u64)
}

/// Whether an `If-None-Match` value names `etag` (as [`etag`] gives it), so that the answer is 304.
///
/// Takes both the bare form that lws sends and compares, and RFC 9110 §13.1.2: `*`, or a list of quoted tags,
/// compared weakly.
#[must_use]
pub fn if_none_match(header: &[u8], etag: &str) -> bool {
    let mut rest = header.trim_ascii();
    if rest == b"*" {
        return true;
    }
    while !rest.is_empty() {
        let (tag, after) = split_tag(rest);
        if tag == etag.as_bytes() {
            return true;
        }
        rest = after.trim_ascii_start();
    }
    false
}

/// Whether a file last changed at `mtime_secs` is not newer than an `If-Modified-Since` date (RFC 9110 §13.1.3).
///
/// A date that cannot be read is as if it were not there. Not to be asked when there is an `If-None-Match`.
#[must_use]
pub fn if_modified_since(header: &[u8], mtime_secs: i64) -> bool {
    let Some(date) =
        std::str::from_utf8(header).ok().and_then(|text| httpdate::parse_http_date(text.trim()).ok())
    else {
        return false;
    };
    let Ok(mtime_secs) = u64::try_from(mtime_secs) else {
        // The date cannot be before 1970, the file is.
        return true;
    };
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(mtime_secs)).is_some_and(|mtime| mtime <= date)
}

/// The first tag of a non-empty list, without `W/` and quotes, and what follows its comma.
fn split_tag(list: &[u8]) -> (&[u8], &[u8]) {
    let unweakened = list.strip_prefix(b"W/").unwrap_or(list);
    let (tag, rest) = match unweakened.strip_prefix(b"\"") {
        // A quoted tag may contain commas.
        Some(quoted) => match memchr::memchr(b'"', quoted) {
            Some(end) => (&quoted[..end], &quoted[end + 1..]),
            None => return (&[], &[]),
        },
        None => (&b""[..], unweakened),
    };
    let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
    let after = rest.get(end + 1..).unwrap_or_default();
    let between = rest[..end].trim_ascii();
    match (unweakened.first(), between) {
        (Some(b'"'), b"") => (tag, after),
        // Something between the closing quote and the comma: not a tag.
        (Some(b'"'), _) => (&[], after),
        (_, bare) => (bare, after),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TAG: &str = "000000056B03A36B";

    #[test]
    fn etag_is_size_and_time_in_hex() {
        assert_eq!(etag(5, 0x6B03_A36B), TAG);
        assert_eq!(etag(0x1_2345_6789, 0), "12345678900000000");
        assert_eq!(etag(0, -1), "00000000FFFFFFFFFFFFFFFF");
    }

    #[test]
    fn bare_quoted_weak_listed_and_star_match() {
        for header in [
            TAG.to_owned(),
            format!(" {TAG} "),
            format!("\"{TAG}\""),
            format!("W/\"{TAG}\""),
            format!("\"x\", \"{TAG}\""),
            format!("\"a,b\" ,W/\"{TAG}\""),
            format!("x, {TAG}"),
            format!(", ,\"{TAG}\""),
            "*".to_owned(),
        ] {
            assert!(if_none_match(header.as_bytes(), TAG), "{header}");
        }
    }

    #[test]
    fn others_do_not_match() {
        for header in [
            String::new(),
            TAG.to_lowercase(),
            format!("\"{TAG}"),
            format!("{TAG}\""),
            format!("\"{TAG}\"x"),
            format!("x{TAG}"),
            format!("\"x, {TAG}\""),
            "\"*\"".to_owned(),
            ",,,".to_owned(),
        ] {
            assert!(!if_none_match(header.as_bytes(), TAG), "{header}");
        }
    }

    #[test]
    fn dates_compare_to_the_second() {
        let at = 784_111_777;
        for date in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", " Sun Nov  6 08:49:37 1994"]
        {
            assert!(if_modified_since(date.as_bytes(), at), "{date}");
            assert!(if_modified_since(date.as_bytes(), at - 1), "{date}");
            assert!(!if_modified_since(date.as_bytes(), at + 1), "{date}");
            assert!(if_modified_since(date.as_bytes(), -1), "{date}");
            assert!(!if_modified_since(date.as_bytes(), i64::MAX), "{date}");
        }
        for bad in [&b""[..], b"yesterday", b"784111777", b"\xff", b"Sun, 06 Nov 1994 08:49:37"] {
            assert!(!if_modified_since(bad, 0), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_list_terminates(header in "[W/\",* a-c]{0,24}") {
            let _ = if_none_match(header.as_bytes(), TAG);
            let with_ours = format!("\"{TAG}\", {header}");
            prop_assert!(if_none_match(with_ours.as_bytes(), TAG));
        }
    }
}
