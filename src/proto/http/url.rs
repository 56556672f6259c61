//! URLs of servers: where a client connects to, what it asks for there, and where a redirect leads.

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

/// An absolute URL, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Url {
    /// `http`, `https`, `ws` or `wss`.
    pub scheme: String,
    /// A name or an IPv4 address, in lower case; an IPv6 address without its brackets; or `+` and the path of a unix
    /// socket, `+@` and the name of an abstract one.
    pub host: String,
    /// The scheme's default when the URL has none.
    pub port: u16,
    /// Path and query; it starts with `/`.
    pub path: String,
}

/// Why a URL cannot be followed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct BadUrl(pub &'static str);

impl std::fmt::Display for BadUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadUrl {}

impl Url {
    /// Takes `scheme://user@host:port/path?query#fragment` apart.
    ///
    /// - User and fragment are dropped: neither is sent.
    /// - A unix socket stands between `+` and a colon, as lws has it: `http://+/run/x.sock:/path`.
    /// - What no URL may have but many do, as spaces and letters beyond ASCII in the path, is escaped.
    pub fn parse(url: &str) -> Result<Self, BadUrl> {
        check_bytes(url)?;
        let (scheme, rest) = split_scheme(url).ok_or(BadUrl("URL without a scheme"))?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port =
            default_port(&scheme).ok_or(BadUrl("scheme is neither http, https, ws nor wss"))?;
        let rest = rest.strip_prefix("//").ok_or(BadUrl("no // behind the scheme"))?;
        let (host, port, rest) =
            if rest.starts_with('+') { split_socket(rest)? } else { split_authority(rest)? };
        let rest = without_fragment(rest);
        let slash = if rest.starts_with('/') { "" } else { "/" };
        Ok(Self { scheme, host, port: port.unwrap_or(default_port), path: escape(&format!("{slash}{rest}")) })
    }

    /// Where `location`, a URL or a part of one, leads from here (RFC 3986 §5.2).
    pub fn join(&self, location: &str) -> Result<Self, BadUrl> {
        check_bytes(location)?;
        let location = location.trim_matches([' ', '\t']);
        let mut target = if split_scheme(location).is_some() {
            Self::parse(location)?
        } else if location.starts_with("//") {
            Self::parse(&format!("{}:{location}", self.scheme))?
        } else {
            Self { path: escape(&self.merged(without_fragment(location))), ..self.clone() }
        };
        let (path, query) = split_query(&target.path);
        target.path = format!("{}{query}", without_dot_segments(path));
        Ok(target)
    }

    /// Whether the connection is to be encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        matches!(self.scheme.as_str(), "https" | "wss")
    }

    /// Whether the host is a unix socket.
    #[must_use]
    pub fn is_unix_socket(&self) -> bool {
        self.host.starts_with('+')
    }

    /// Host and port as `Host` has them: an IPv6 address in brackets, and no port if it is the scheme's own. A unix
    /// socket has no name that a server would know: `localhost`.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.is_unix_socket() {
            return "localhost".into();
        }
        // A zone means something on this machine only (RFC 6874 §4).
        self.with_port(self.host.split('%').next().unwrap_or_default())
    }

    fn with_port(&self, host: &str) -> String {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        if default_port(&self.scheme) == Some(self.port) { host } else { format!("{host}:{}", self.port) }
    }

    /// The path that a relative reference means, its dot segments still in it.
    fn merged(&self, relative: &str) -> String {
        let (base, _) = split_query(&self.path);
        match relative.chars().next() {
            None => self.path.clone(),
            Some('?') => format!("{base}{relative}"),
            Some('/') => relative.to_owned(),
            Some(_) => format!("{}{relative}", &base[..=base.rfind('/').unwrap_or_default()]),
        }
    }
}

/// As it can be parsed again. The scheme's own port is not shown, nor that of a unix socket.
impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_unix_socket() {
            let Self { scheme, host, path, .. } = self;
            return write!(f, "{scheme}://{host}:{path}");
        }
        let host = self.host.replacen('%', "%25", 1);
        write!(f, "{}://{}{}", self.scheme, self.with_port(&host), self.path)
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// Line ends and the like are nobody's mistake.
fn check_bytes(url: &str) -> Result<(), BadUrl> {
    let is_control = |byte: u8| matches!(byte, 0..=8 | 10..=31 | 0x7f);
    if url.bytes().any(is_control) { Err(BadUrl("control byte in the URL")) } else { Ok(()) }
}

/// The scheme, and what follows its colon (RFC 3986 §3.1).
fn split_scheme(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, rest))
}

type Authority<'a> = (String, Option<u16>, &'a str);

/// Takes `user@host:port` off the front, up to where the path, query or fragment starts.
fn split_authority(rest: &str) -> Result<Authority<'_>, BadUrl> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (user, host_and_port) = authority.rsplit_once('@').unwrap_or(("", authority));
    // Others could see the host's end in such a one.
    if !user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:".contains(&byte)) {
        return Err(BadUrl("bad user"));
    }
    let (host, port) = if let Some(address) = host_and_port.strip_prefix('[') {
        let (address, port) = address.split_once(']').ok_or(BadUrl("bracket without its other"))?;
        if !is_ipv6(address) {
            return Err(BadUrl("bad IPv6 address"));
        }
        // The escape that RFC 6874 wants before a zone.
        (address.replacen("%25", "%", 1), port)
    } else {
        let colon = host_and_port.find(':').unwrap_or(host_and_port.len());
        let (host, port) = host_and_port.split_at(colon);
        if !is_name(host) {
            return Err(BadUrl("bad host"));
        }
        (host.to_owned(), port)
    };
    Ok((host.to_ascii_lowercase(), parse_port(port)?, rest))
}

/// Takes `+/path/of/socket:` off the front; without the colon everything is the socket's path.
fn split_socket(rest: &str) -> Result<Authority<'_>, BadUrl> {
    let (socket, rest) = rest.split_once(':').unwrap_or((rest, ""));
    if socket.len() < 2 {
        return Err(BadUrl("no unix socket behind the +"));
    }
    // A port may be given, and means nothing.
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (port, rest) = rest.split_at(end);
    Ok((socket.to_owned(), parse_port(&format!(":{port}"))?, rest))
}

/// A port behind its colon; neither, or a colon alone, is none (RFC 3986 §3.2.3).
fn parse_port(text: &str) -> Result<Option<u16>, BadUrl> {
    const BAD: BadUrl = BadUrl("bad port");
    let Some(digits) = text.strip_prefix(':') else {
        return if text.is_empty() { Ok(None) } else { Err(BAD) };
    };
    if digits.is_empty() {
        return Ok(None);
    }
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| is_number && *port != 0);
    port.map(Some).ok_or(BAD)
}

/// Whether this can be looked up: the letters of names, and nothing that a reader of URLs could take for a separator.
fn is_name(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// Roughly; the resolver knows better. A zone may follow a `%`.
fn is_ipv6(address: &str) -> bool {
    let (address, zone) =
        address.split_once('%').map_or((address, None), |(address, zone)| (address, Some(zone)));
    address.contains(':')
        && address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        && zone.is_none_or(is_name)
}

fn without_fragment(text: &str) -> &str {
    text.split_once('#').map_or(text, |(text, _)| text)
}

/// The path, and the query with its `?`.
fn split_query(path: &str) -> (&str, &str) {
    path.split_at(path.find('?').unwrap_or(path.len()))
}

fn escape(path: &str) -> String {
    const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');
    percent_encode(path.as_bytes(), ESCAPED).to_string()
}

/// RFC 3986 §5.2.4, for a path that starts with `/`.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                // What they name is a folder.
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(scheme: &str, host: &str, port: u16, path: &str) -> Url {
        Url { scheme: scheme.into(), host: host.into(), port, path: path.into() }
    }

    #[test]
    fn urls_are_taken_apart() {
        for (text, expected, shown) in [
            ("http://host", url("http", "host", 80, "/"), "http://host/"),
            ("HTTPS://Host.Test/", url("https", "host.test", 443, "/"), "https://host.test/"),
            ("ws://h/chat?room=1", url("ws", "h", 80, "/chat?room=1"), "ws://h/chat?room=1"),
            ("wss://h:8443/a/../b", url("wss", "h", 8443, "/a/../b"), "wss://h:8443/a/../b"),
            ("https://h:443/", url("https", "h", 443, "/"), "https://h/"),
            ("https://h:80/", url("https", "h", 80, "/"), "https://h:80/"),
            ("http://h:/", url("http", "h", 80, "/"), "http://h/"),
            ("http://h:00081", url("http", "h", 81, "/"), "http://h:81/"),
            ("http://h?a/b", url("http", "h", 80, "/?a/b"), "http://h/?a/b"),
            ("http://h#f", url("http", "h", 80, "/"), "http://h/"),
            ("http://h/a#f?g", url("http", "h", 80, "/a"), "http://h/a"),
            ("http://h/a?b#c#d", url("http", "h", 80, "/a?b"), "http://h/a?b"),
            ("https://user@h:1/p?x", url("https", "h", 1, "/p?x"), "https://h:1/p?x"),
            ("https://user:pass@h/", url("https", "h", 443, "/"), "https://h/"),
            ("https://good.test@evil.test/", url("https", "evil.test", 443, "/"), "https://evil.test/"),
            ("http://h/a@b:c", url("http", "h", 80, "/a@b:c"), "http://h/a@b:c"),
            ("http://127.0.0.1:7681/", url("http", "127.0.0.1", 7681, "/"), "http://127.0.0.1:7681/"),
            ("http://[::1]/", url("http", "::1", 80, "/"), "http://[::1]/"),
            ("http://u@[FE80::1]:81", url("http", "fe80::1", 81, "/"), "http://[fe80::1]:81/"),
            (
                "http://[::ffff:1.2.3.4]/x",
                url("http", "::ffff:1.2.3.4", 80, "/x"),
                "http://[::ffff:1.2.3.4]/x",
            ),
            (
                "http://h/a b\u{e4}<\">`?c d",
                url("http", "h", 80, "/a%20b%C3%A4%3C%22%3E%60?c%20d"),
                "http://h/a%20b%C3%A4%3C%22%3E%60?c%20d",
            ),
            ("http://h/%2e%zz", url("http", "h", 80, "/%2e%zz"), "http://h/%2e%zz"),
            (
                "http://+/run/x.sock:/p/q?r",
                url("http", "+/run/x.sock", 80, "/p/q?r"),
                "http://+/run/x.sock:/p/q?r",
            ),
            ("https://+@Name:", url("https", "+@Name", 443, "/"), "https://+@Name:/"),
            ("http://+/run/x.sock", url("http", "+/run/x.sock", 80, "/"), "http://+/run/x.sock:/"),
            ("http://+/run/x:8080/p", url("http", "+/run/x", 8080, "/p"), "http://+/run/x:/p"),
        ] {
            let parsed = Url::parse(text);
            assert_eq!(parsed.as_ref(), Ok(&expected), "{text}");
            assert_eq!(expected.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for (text, why) in [
            ("", "URL without a scheme"),
            ("host/path", "URL without a scheme"),
            ("//host/path", "URL without a scheme"),
            ("1http://h", "URL without a scheme"),
            (" http://h", "URL without a scheme"),
            ("h\u{e4}://h", "URL without a scheme"),
            ("ftp://h", "scheme is neither http, https, ws nor wss"),
            ("javascript:alert(1)", "scheme is neither http, https, ws nor wss"),
            ("http:host", "no // behind the scheme"),
            ("http:/host", "no // behind the scheme"),
            ("http:///path", "bad host"),
            ("http://", "bad host"),
            ("http://:80/", "bad host"),
            ("http://user@/", "bad host"),
            ("http://a b/", "bad host"),
            ("http://a%41/", "bad host"),
            ("http://h\u{e4}/", "bad host"),
            ("http://good\\@evil/x", "bad user"),
            ("http://a@b@h/", "bad user"),
            ("http://a\\b/", "bad host"),
            ("http://[::1/", "bracket without its other"),
            ("http://[1.2.3.4]/", "bad IPv6 address"),
            ("http://[::g]/", "bad IPv6 address"),
            ("http://[::1%]/", "bad IPv6 address"),
            ("http://[::1]x/", "bad port"),
            ("http://::1/", "bad host"),
            ("http://h:0/", "bad port"),
            ("http://h:65536/", "bad port"),
            ("http://h:+80/", "bad port"),
            ("http://h:8 0/", "bad port"),
            ("http://h:80:81/", "bad port"),
            ("http://+:/", "no unix socket behind the +"),
            ("http://+/x:y/", "bad port"),
            ("http://h/\r\nX: y", "control byte in the URL"),
            ("http://h\0/", "control byte in the URL"),
        ] {
            assert_eq!(Url::parse(text), Err(BadUrl(why)), "{text}");
        }
    }

    #[test]
    fn authorities() {
        for (text, authority, secure) in [
            ("http://h", "h", false),
            ("https://h:80", "h:80", true),
            ("wss://[::1]:444", "[::1]:444", true),
            ("ws://[::1]", "[::1]", false),
            ("http://[fe80::1%25eth0]:81/", "[fe80::1]:81", false),
            ("http://+/run/x:/", "localhost", false),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.authority().as_str(), url.is_secure()), (authority, secure), "{text}");
        }
        let zoned = Url::parse("http://[fe80::1%25eth0]/").unwrap();
        assert_eq!(
            (zoned.host.as_str(), zoned.to_string().as_str()),
            ("fe80::1%eth0", "http://[fe80::1%25eth0]/")
        );
    }

    /// RFC 3986 §5.4, but for its fragments, its parameters' scheme `g:h`, and `http:g`.
    #[test]
    fn references_are_resolved_as_the_rfc_says() {
        let base = Url::parse("http://a/b/c/d;p?q").unwrap();
        for (location, target) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("g;x", "http://a/b/c/g;x"),
            ("g;x?y#s", "http://a/b/c/g;x?y"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("../../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            (".g", "http://a/b/c/.g"),
            ("g..", "http://a/b/c/g.."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("g#s/../x", "http://a/b/c/g"),
            // Beyond its examples.
            ("https://h:8/x/../y?z", "https://h:8/y?z"),
            ("HTTP://H", "http://h/"),
            ("//h:81/x", "http://h:81/x"),
            ("  /g \t", "http://a/g"),
            ("/a b\u{e4}", "http://a/a%20b%C3%A4"),
            ("/a//b/..//c", "http://a/a///c"),
            ("?a?b", "http://a/b/c/d;p?a?b"),
            ("./g:h", "http://a/b/c/g:h"),
            ("/g:h", "http://a/g:h"),
            ("?u=http://x/../y", "http://a/b/c/d;p?u=http://x/../y"),
        ] {
            assert_eq!(base.join(location).unwrap().to_string(), target, "{location:?}");
        }
        for bad in ["g:h", "http:g", "//", "///g", "javascript:x", "/a\r\nX: y", "http://", "/\0"] {
            assert!(base.join(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn references_keep_what_they_do_not_say() {
        for (base, location, target) in [
            ("https://h:8443", "x", "https://h:8443/x"),
            ("https://h?q", "x", "https://h/x"),
            ("https://h/?q/r", "x", "https://h/x"),
            ("https://[::1]:1/a", "/b", "https://[::1]:1/b"),
            ("wss://h/a", "//g:1/b", "wss://g:1/b"),
            ("http://+/run/x:/a/b", "../c", "http://+/run/x:/c"),
            ("https://user@h/a", "b", "https://h/b"),
        ] {
            assert_eq!(
                Url::parse(base).unwrap().join(location).unwrap().to_string(),
                target,
                "{base} {location}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_parsed_the_same(text in "(https?|wss?)://[+@\\[\\]:a-f0-9./?# %\u{e4}]{0,20}") {
            if let Ok(url) = Url::parse(&text) {
                let again = Url::parse(&url.to_string()).unwrap();
                let port = if url.is_unix_socket() { again.port } else { url.port };
                prop_assert_eq!(&again, &Url { port, ..url.clone() });
                prop_assert!(url.path.starts_with('/') && !url.path.contains([' ', '#']));
            }
        }

        #[test]
        fn what_is_joined_has_no_dots(location in "[/.a?#:%]{0,16}") {
            let base = Url::parse("http://h/a/./b/../c?d").unwrap();
            if let Ok(url) = base.join(&location) {
                let (path, _) = split_query(&url.path);
                prop_assert!(path.starts_with('/'));
                prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."), "{}", path);
                prop_assert_eq!(url.join("").unwrap(), url);
            }
        }
    }
}
