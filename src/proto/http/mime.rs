//! The content type of a file by its suffix.

use std::ffi::CStr;

/// What lws serves files as. The two odd ones (`.otf`, `.ttf`) are as measured: a program that wants others says so
/// in its mount.
const BUILT_IN: [(&str, &CStr); 19] = [
    (".html", c"text/html"),
    (".htm", c"text/html"),
    (".js", c"text/javascript"),
    (".css", c"text/css"),
    (".png", c"image/png"),
    (".jpg", c"image/jpeg"),
    (".jpeg", c"image/jpeg"),
    (".ico", c"image/x-icon"),
    (".gif", c"image/gif"),
    (".svg", c"image/svg+xml"),
    (".ttf", c"application/x-font-ttf"),
    (".otf", c"application/font-woff"),
    (".woff", c"application/font-woff"),
    (".woff2", c"application/font-woff2"),
    (".gz", c"application/gzip"),
    (".txt", c"text/plain"),
    (".xml", c"application/xml"),
    (".json", c"application/json"),
    (".mjs", c"text/javascript"),
];

/// The content type of `filename` (`lws_get_mimetype`); `None` is not served (415).
///
/// The mount's own `(suffix, type)` pairs are looked at first, in order, then the built-in ones; a pair with the
/// suffix `*` is taken when nothing else fits. A suffix is compared without case and must leave something in
/// front of it.
#[must_use]
pub fn mime_type<'a>(filename: &str, extra: &'a [(String, String)]) -> Option<&'a str> {
    let suffixes = extra.iter().map(|(suffix, _)| suffix.as_bytes());
    Some(match choose(filename.as_bytes(), suffixes)? {
        Choice::Own(index) => &extra[index].1,
        Choice::BuiltIn(mime) => mime.to_str().unwrap_or_default(),
    })
}

/// Where a content type comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The mount's own pair of this index.
    Own(usize),
    /// The built-in table.
    BuiltIn(&'static CStr),
}

/// [`mime_type`], given the suffixes of the mount's own pairs only.
#[must_use]
pub fn choose<'a>(filename: &[u8], own: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Choice> {
    let has_suffix = |suffix: &[u8]| {
        filename.len() > suffix.len()
            && filename[filename.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
    };
    if let Some(index) = own.clone().position(|suffix| suffix != b"*" && has_suffix(suffix)) {
        return Some(Choice::Own(index));
    }
    if let Some((_, mime)) = BUILT_IN.iter().find(|(suffix, _)| has_suffix(suffix.as_bytes())) {
        return Some(Choice::BuiltIn(mime));
    }
    let mut own = own;
    own.position(|suffix| suffix == b"*").map(Choice::Own)
}

#[cfg(test)]
mod tests {
    use super::mime_type;

    #[test]
    fn suffixes_are_compared_without_case() {
        for (name, mime) in [
            ("a.html", Some("text/html")),
            ("a.HTML", Some("text/html")),
            ("dir.d/a.min.JS", Some("text/javascript")),
            ("a.tar.gz", Some("application/gzip")),
            ("a.otf", Some("application/font-woff")),
            ("a.woff2", Some("application/font-woff2")),
            (".html", None),
            ("html", None),
            ("ahtml", None),
            ("dir.html/x", None),
            ("a.pdf", None),
            ("ü.html", Some("text/html")),
            ("aü", None),
            ("", None),
        ] {
            assert_eq!(mime_type(name, &[]), mime, "{name}");
        }
    }

    #[test]
    fn the_mounts_own_types_go_first_and_star_last() {
        let extra =
            [("*", "x/star"), (".css", "x/css"), ("bar", "x/bar")].map(|(s, m)| (s.to_owned(), m.to_owned()));
        for (name, mime) in [
            ("a.css", "x/css"),
            ("a.CSS", "x/css"),
            ("x.bar", "x/bar"),
            ("a.html", "text/html"),
            ("bar", "x/star"),
            (".css", "x/star"),
            ("", "x/star"),
        ] {
            assert_eq!(mime_type(name, &extra), Some(mime), "{name}");
        }
    }
}
