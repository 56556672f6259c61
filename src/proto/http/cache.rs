//! Validators of a file: its etag, and whether the copy that the client has is still good.

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

    proptest! {
        #[test]
        fn any_list_terminates(header in "[W/\",* a-c]{0,24}") {
            let _ = if_none_match(header.as_bytes(), TAG);
            let with_ours = format!("\"{TAG}\", {header}");
            prop_assert!(if_none_match(with_ours.as_bytes(), TAG));
        }
    }
}
