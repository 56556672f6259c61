//! The content type of a file by its suffix.

/// What lws serves files as. The two odd ones (`.otf`, `.ttf`) are as measured: a program that wants others says so
/// in its mount.
const BUILT_IN: [(&str, &str); 19] = [
    (".html", "text/html"),
    (".htm", "text/html"),
    (".js", "text/javascript"),
    (".css", "text/css"),
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".ico", "image/x-icon"),
    (".gif", "image/gif"),
    (".svg", "image/svg+xml"),
    (".ttf", "application/x-font-ttf"),
    (".otf", "application/font-woff"),
    (".woff", "application/font-woff"),
    (".woff2", "application/font-woff2"),
    (".gz", "application/gzip"),
    (".txt", "text/plain"),
    (".xml", "application/xml"),
    (".json", "application/json"),
    (".mjs", "text/javascript"),
];

/// The content type of `filename` (`lws_get_mimetype`); `None` is not served (415).
///
/// The mount's own `(suffix, type)` pairs are looked at first, in order, then the built-in ones; a pair with the
/// suffix `*` is taken when nothing else fits. A suffix is compared without case and must leave something in
/// front of it.
#[must_use]
pub fn mime_type<'a>(filename: &str, extra: &'a [(String, String)]) -> Option<&'a str> {
    let has_suffix = |suffix: &str| {
        let (name, suffix) = (filename.as_bytes(), suffix.as_bytes());
        name.len() > suffix.len() && name[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
    };
    let own = extra.iter().filter(|(suffix, _)| suffix != "*").find(|(suffix, _)| has_suffix(suffix));
    if let Some((_, mime)) = own {
        return Some(mime);
    }
    if let Some((_, mime)) = BUILT_IN.iter().find(|(suffix, _)| has_suffix(suffix)) {
        return Some(mime);
    }
    extra.iter().find(|(suffix, _)| suffix == "*").map(|(_, mime)| mime.as_str())
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
