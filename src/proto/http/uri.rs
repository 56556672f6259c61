//! The request target: its path for matching and serving, its query and the arguments in it.
//!
//! What lws's own parser does to targets is part of the API, so it is done here as measured: the path is
//! percent-decoded first and normalised after (so `%2e%2e%2f` cannot climb), runs of slashes collapse, `+` is
//! a space in path and arguments, and arguments are separated by `&` or `;`.

use std::borrow::Cow;

use ::http::uri::Authority;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, percent_encode};

/// A request target, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Percent-decoded and normalised: it starts with `/` (or is `*`), has no `//`, `/./` or `/../`, and no NUL
    /// but the one that ends it for C.
    pub path: Vec<u8>,
    /// What follows the first `?`, as sent; `None` without a `?`.
    pub query: Option<Vec<u8>>,
    /// The authority of the absolute-form, which takes the place of `Host` (RFC 9112 §3.2.2).
    pub authority: Option<Authority>,
}

/// Why a request target is refused.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct BadTarget(pub &'static str);

/// Takes a request target in origin-form, absolute-form (`http`, `https`) or asterisk-form apart.
///
/// A fragment (`#…`), which no client may send, is dropped. Escapes in the path must be well-formed and not
/// `%00`; the query is kept as it came.
pub fn parse_target(target: &[u8]) -> Result<Target, BadTarget> {
    if is_plain(target) {
        return Ok(Target { path: with_nul(target), query: None, authority: None });
    }
    if target.iter().fold(false, |bad, &byte| bad | matches!(byte, 0..=b' ' | 0x7f)) {
        return Err(BadTarget("control byte or space in the target"));
    }
    if target == b"*" {
        return Ok(Target { path: b"*\0".to_vec(), query: None, authority: None });
    }
    let (authority, rest) = match target.first() {
        Some(b'/') => (None, target),
        Some(_) => split_absolute(target)?,
        None => return Err(BadTarget("empty target")),
    };
    let end = rest.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(rest.len());
    let (path, rest) = rest.split_at(end);
    let query = rest.strip_prefix(b"?").map(|query| {
        let end = memchr::memchr(b'#', query).unwrap_or(query.len());
        query[..end].to_vec()
    });
    Ok(Target { path: decode_path(path)?, query, authority })
}

/// The pieces between the separators of a query, as sent. `None` and an empty query have no pieces in lws;
/// an empty piece (`a&&b`) is one.
pub fn fragments(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    let query = Some(query).filter(|query| !query.is_empty());
    query.into_iter().flat_map(|query| query.split(|&byte| byte == b'&' || byte == b';'))
}

/// Decodes one piece of a query. A malformed escape is kept literally, so this cannot fail.
#[must_use]
pub fn decode_arg(arg: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'+', arg).is_none() {
        return percent_decode(arg).into();
    }
    let spaced: Vec<u8> = arg.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

/// The decoded value of the first argument called `name`, as `lws_get_urlarg_by_name_safe` finds it.
///
/// `name` may end with the `=` that the C API asks for. With it, only `name=…` matches; without it, a bare
/// `name` in the query matches too, with an empty value.
#[must_use]
pub fn urlarg<'a>(query: &'a [u8], name: &[u8]) -> Option<Cow<'a, [u8]>> {
    let (name, bare_matches) = match name.strip_suffix(b"=") {
        Some(name) => (name, false),
        None => (name, true),
    };
    fragments(query).find_map(|fragment| match memchr::memchr(b'=', fragment) {
        Some(at) => (*decode_arg(&fragment[..at]) == *name).then(|| decode_arg(&fragment[at + 1..])),
        None => (bare_matches && !fragment.is_empty() && *decode_arg(fragment) == *name)
            .then_some(Cow::Borrowed(&b""[..])),
    })
}

/// A decoded path in the form it may have in a `Location` (RFC 3986 §3.3), so that [`parse_target`] reads the
/// same path back.
#[must_use]
pub fn encode_path(path: &[u8]) -> String {
    /// `+` is escaped because [`parse_target`] takes it for a space.
    const ESCAPED: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'+')
        .add(b'<')
        .add(b'>')
        .add(b'?')
        .add(b'[')
        .add(b'\\')
        .add(b']')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    percent_encode(path, ESCAPED).to_string()
}

/// Splits `http://authority/path?query`; what follows the authority may be empty.
fn split_absolute(target: &[u8]) -> Result<(Option<Authority>, &[u8]), BadTarget> {
    let scheme = |name: &[u8]| {
        target
            .get(..name.len())
            .filter(|start| start.eq_ignore_ascii_case(name))
            .map(|_| &target[name.len()..])
    };
    let rest = scheme(b"http://")
        .or_else(|| scheme(b"https://"))
        .ok_or(BadTarget("target is neither a path nor an http URL"))?;
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    // User information in a request is an error (RFC 9110 §4.2.4).
    if authority.is_empty() || authority.contains(&b'@') {
        return Err(BadTarget("bad authority in the target"));
    }
    let authority = Authority::try_from(authority).map_err(|_| BadTarget("bad authority in the target"))?;
    Ok((Some(authority), rest))
}

/// Decodes and normalises a path, and ends it with a NUL.
fn decode_path(path: &[u8]) -> Result<Vec<u8>, BadTarget> {
    if is_plain(path) {
        return Ok(with_nul(path));
    }
    check_escapes(path)?;
    let mut out = Vec::with_capacity(path.len() + 1);
    normalise(&decode_arg(path), &mut out);
    if memchr::memchr(0, &out).is_some() {
        return Err(BadTarget("NUL in the path"));
    }
    out.push(0);
    Ok(out)
}

/// Whether this is nothing but a path, and already what decoding and normalising would make of it: true of nearly all
/// requests. One loop without a branch, because most are short too.
fn is_plain(target: &[u8]) -> bool {
    let mut before = 0;
    let bad = target.iter().fold(0, |bad, &byte| {
        let class = CLASSES[usize::from(byte)];
        let unwanted = if before == SLASH { SLASH | DOT | SPECIAL } else { SPECIAL };
        before = class;
        bad | (class & unwanted)
    });
    target.first() == Some(&b'/') && bad == 0
}

const SLASH: u8 = 1;
const DOT: u8 = 2;
const SPECIAL: u8 = 4;

/// What [`is_plain`] looks at: at the slash and the dot, and at what means something else than itself or is not allowed.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = match byte as u8 {
            b'/' => SLASH,
            b'.' => DOT,
            0..=b' ' | b'#' | b'%' | b'+' | b'?' | 0x7f => SPECIAL,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// A copy with a NUL behind it, in no more memory than that takes: it becomes a C string as it is.
fn with_nul(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len() + 1);
    out.extend_from_slice(path);
    out.push(0);
    out
}

fn check_escapes(path: &[u8]) -> Result<(), BadTarget> {
    for at in memchr::memchr_iter(b'%', path) {
        match path.get(at + 1..at + 3) {
            Some(b"00") => return Err(BadTarget("NUL in the path")),
            Some([high, low]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {}
            _ => return Err(BadTarget("malformed escape in the path")),
        }
    }
    Ok(())
}

/// Resolves `.` and `..` and collapses slashes. As in lws, `/a/b/..` is `/a` and `/a/.` is `/a/`.
fn normalise(path: &[u8], out: &mut Vec<u8>) {
    let mut ends_in_slash = false;
    for segment in path.split(|&byte| byte == b'/') {
        ends_in_slash = matches!(segment, b"" | b".");
        match segment {
            b"" | b"." => {}
            b".." => out.truncate(memchr::memrchr(b'/', out).unwrap_or(0)),
            _ => {
                out.push(b'/');
                out.extend_from_slice(segment);
            }
        }
    }
    if ends_in_slash || out.is_empty() {
        out.push(b'/');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path_of(target: &str) -> String {
        let mut path = parse_target(target.as_bytes()).unwrap_or_else(|bad| panic!("{target}: {bad:?}")).path;
        assert_eq!(path.pop(), Some(0));
        String::from_utf8(path).unwrap()
    }

    /// Each pair was measured against the original library.
    #[test]
    fn paths_are_decoded_then_normalised() {
        for (target, path) in [
            ("/", "/"),
            ("/a", "/a"),
            ("//a", "/a"),
            ("/a//b", "/a/b"),
            ("/a///b", "/a/b"),
            ("///", "/"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/../../b", "/b"),
            ("/a/b/../../../c", "/c"),
            ("/a/..", "/"),
            ("/a/b/..", "/a"),
            ("/a/.", "/a/"),
            ("/a/./", "/a/"),
            ("/a/../", "/"),
            ("/.", "/"),
            ("/..", "/"),
            ("/...", "/..."),
            ("/a/...", "/a/..."),
            ("/a/.b", "/a/.b"),
            ("/a/..b", "/a/..b"),
            ("/a/b./c", "/a/b./c"),
            ("/a/../..//x", "/x"),
            ("/a/b/.././c", "/a/c"),
            ("/./.././x", "/x"),
            ("/a%2fb", "/a/b"),
            ("/a%2f%2fb", "/a/b"),
            ("/a%2f%2e%2e%2fb", "/b"),
            ("/%2e%2e/b", "/b"),
            ("/a%2F..%2fb", "/b"),
            ("/a/%2e", "/a/"),
            ("/a/%2e%2e", "/"),
            ("/a/%2e./b", "/b"),
            ("/a%20b", "/a b"),
            ("/a+b", "/a b"),
            ("/a%252e", "/a%2e"),
            ("/a%3fb=1", "/a?b=1"),
            ("/a%23b", "/a#b"),
            ("/a%5cb", "/a\\b"),
            ("/http://x/y", "/http:/x/y"),
            ("/\"<>^`{|}", "/\"<>^`{|}"),
        ] {
            assert_eq!(path_of(target), path, "{target}");
        }
        assert_eq!(parse_target(b"/a%ffb").unwrap().path, b"/a\xffb\0");
        assert_eq!(parse_target(b"/a\xffb").unwrap().path, b"/a\xffb\0");
    }

    #[test]
    fn bad_targets_are_refused() {
        for target in [
            &b""[..],
            b"a",
            b"/a%",
            b"/a%4",
            b"/a%zz",
            b"/a%+1",
            b"/a%00",
            b"/%00/../b",
            b"/a b",
            b"/a\0",
            b"/a\r",
            b"/a\x7f",
            b"ftp://h/x",
            b"http:/h",
            b"http://",
            b"http:///x",
            b"http://u@h/x",
            b"http://h:x:y/",
            b"**",
            b"?a",
            b"../a",
        ] {
            assert!(parse_target(target).is_err(), "{target:?}");
        }
    }

    #[test]
    fn query_is_kept_as_sent_and_the_fragment_is_not() {
        let query = |target: &[u8]| parse_target(target).unwrap().query;
        assert_eq!(query(b"/a"), None);
        assert_eq!(query(b"/a?"), Some(vec![]));
        assert_eq!(query(b"/a?b=%41+&c=/../x?#f?g"), Some(b"b=%41+&c=/../x?".to_vec()));
        assert_eq!(query(b"/a#f?g"), None);
        assert_eq!(query(b"/a?b=%zz"), Some(b"b=%zz".to_vec()));
        assert_eq!(path_of("/a#/../f"), "/a");
    }

    #[test]
    fn absolute_form_yields_its_authority() {
        let target = parse_target(b"http://h:80/x/../y?z=1").unwrap();
        assert_eq!(target.authority.unwrap(), "h:80");
        assert_eq!((target.path, target.query), (b"/y\0".to_vec(), Some(b"z=1".to_vec())));
        assert_eq!(path_of("HTTPS://[::1]:443"), "/");
        let target = parse_target(b"http://h?x").unwrap();
        assert_eq!((target.path, target.query), (b"/\0".to_vec(), Some(b"x".to_vec())));
        assert_eq!(path_of("*"), "*");
    }

    #[test]
    fn args_are_found_and_decoded() {
        let arg = |query: &'static str, name: &str| {
            urlarg(query.as_bytes(), name.as_bytes())
                .map(|value| String::from_utf8(value.into_owned()).unwrap())
        };
        let query = "a=1&b=%41%20+x&&c&ab=3&a=5;d==%26&%65=6&f=%zz";
        for (name, value) in [
            ("a", Some("1")),
            ("a=", Some("1")),
            ("b=", Some("A  x")),
            ("ab=", Some("3")),
            ("c", Some("")),
            ("c=", None),
            ("d=", Some("=&")),
            ("e=", Some("6")),
            ("f", Some("%zz")),
            ("x", None),
            ("A", None),
            ("", None),
        ] {
            assert_eq!(arg(query, name).as_deref(), value, "{name}");
        }
        assert_eq!(arg("ab=3", "a"), None);
        assert_eq!(arg("=x", "=").as_deref(), Some("x"));
        assert_eq!(arg("", ""), None);
        assert_eq!(*urlarg(b"a=%00x", b"a=").unwrap(), *b"\0x");
    }

    #[test]
    fn fragments_keep_empty_pieces() {
        let all = |query: &'static [u8]| fragments(query).collect::<Vec<_>>();
        assert_eq!(all(b"a=1&&c;d"), [&b"a=1"[..], b"", b"c", b"d"]);
        assert_eq!(all(b"&a"), [&b""[..], b"a"]);
        assert_eq!(all(b"q"), [b"q"]);
        assert_eq!(all(b"").len(), 0);
    }

    proptest! {
        #[test]
        fn no_target_escapes_or_panics(target in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse_target(&target);
        }

        #[test]
        fn a_path_stays_below_the_root(
            pieces in proptest::collection::vec(
                prop_oneof!["\\.", "/", "%2e", "%2F", "\\.\\.", "a", "%41", "\\+", "%25"], 0..24)
        ) {
            let target = format!("/{}", pieces.concat());
            let path = parse_target(target.as_bytes()).unwrap().path;
            let (nul, path) = path.split_last().unwrap();
            prop_assert_eq!(*nul, 0);
            prop_assert_eq!(path.first(), Some(&b'/'));
            prop_assert!(!path.contains(&0));
            let segments: Vec<&[u8]> = path[1..].split(|&b| b == b'/').collect();
            let (_, inner) = segments.split_last().unwrap();
            prop_assert!(inner.iter().all(|segment| !segment.is_empty()));
            prop_assert!(segments.iter().all(|segment| *segment != b"." && *segment != b".."));
            // What the path decodes to is settled: encoding it and reading it again changes nothing.
            let again = parse_target(encode_path(path).as_bytes()).unwrap().path;
            prop_assert_eq!(&again[..again.len() - 1], path);
        }

        #[test]
        fn encoding_is_safe_in_a_header(path in proptest::collection::vec(any::<u8>(), 0..32)) {
            let encoded = encode_path(&path);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(percent_decode(encoded.as_bytes()).collect::<Vec<u8>>(), path);
        }
    }
}
