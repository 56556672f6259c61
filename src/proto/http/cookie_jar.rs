//! A client's cookies: which are kept of what servers set, which are sent where, and the file they are kept in.
//!
//! The rules are RFC 6265 §5, with what its successor (RFC 6265bis) and browsers have made stricter: cookies over plain HTTP
//! neither are nor replace `Secure` ones, `__Secure-` and `__Host-` mean what they say, a cookie of more than
//! [`Limits::payload`] bytes is none. There is no list of public suffixes: a server may set cookies for any parent domain of
//! its own that has a dot in it.
//!
//! The file is Netscape's (`cookies.txt`), as curl has it. Times are seconds since 1970.

use core::net::IpAddr;
use std::fmt::{self, Write as _};

use ::cookie::{Cookie as Parsed, Expiration};

/// The first line of a cookie file; some programs insist on it.
const MAGIC: &str = "# Netscape HTTP Cookie File\n";

/// What stands before the domain of a cookie that is not for scripts; to older programs it is a comment.
const HTTP_ONLY: &str = "#HttpOnly_";

/// The end of the year 9999: nothing lasts longer.
const LATEST: i64 = 253_402_300_799;

/// Bytes of the cookie header, and cookies in it, at most, as curl has it: servers refuse larger heads.
const MOST_SENT: (usize, usize) = (8190, 150);

/// Bytes of the path that a cookie is for.
const LONGEST_PATH: usize = 4096;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Cookies.
    pub items: usize,
    /// Bytes of all cookies: names, values, domains and paths.
    pub footprint: usize,
    /// Bytes of a cookie's name and value.
    pub payload: usize,
}

/// What RFC 6265 §6.1 wants user agents to be capable of.
impl Default for Limits {
    fn default() -> Self {
        Self { items: 3000, footprint: usize::MAX, payload: 4096 }
    }
}

/// What is asked, as far as cookies care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Name or number of the host, without port and brackets.
    pub host: &'a str,
    /// The path; a query behind it does not matter.
    pub path: &'a str,
    /// TLS is spoken.
    pub secure: bool,
}

/// Why a cookie is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not `name=value`, or not UTF-8, or has control characters in it.
    Malformed,
    /// It has more bytes than are allowed.
    TooLarge,
    /// It is for a domain that the server is no part of, or that has no dot.
    ForeignDomain,
    /// It is `Secure`, or would replace one that is, and did not come over TLS.
    Insecure,
    /// Its name begins with `__Secure-` or `__Host-`, and it is not such a cookie.
    Prefix,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too large",
            Self::ForeignDomain => "for a domain that it may not be set for",
            Self::Insecure => "a Secure cookie, but not over TLS",
            Self::Prefix => "not what the prefix of its name says",
        })
    }
}

/// A line of a cookie file that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// How long a cookie lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasts {
    Until(i64),
    /// As long as the jar. It is not written to files.
    Session,
    /// Somebody wrote it to the file without saying how long it lasts, and there it stays.
    Unsaid,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    /// In lower case, without a dot before it.
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    http_only: bool,
    lasts: Lasts,
}

impl Cookie {
    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.domain == other.domain && self.path == other.path
    }

    fn has_expired(&self, now: i64) -> bool {
        matches!(self.lasts, Lasts::Until(end) if end <= now)
    }

    fn bytes(&self) -> usize {
        self.name.len() + self.value.len() + self.domain.len() + self.path.len()
    }

    fn is_for(&self, host: &str, origin: &Origin<'_>) -> bool {
        (if self.host_only { self.domain == host } else { domain_matches(host, &self.domain) })
            && path_matches(origin.path, &self.path)
            && (origin.secure || !self.secure)
    }
}

/// Cookies.
#[derive(Debug, Default)]
pub struct CookieJar {
    limits: Limits,
    /// In the order of their creation.
    cookies: Vec<Cookie>,
    /// What belongs into the file has changed.
    changed: bool,
}

impl CookieJar {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Keeps the cookie of a `Set-Cookie` line that `origin` answered with (RFC 6265 §5.3), or removes one that it ends.
    pub fn receive(&mut self, line: &[u8], origin: &Origin<'_>, now: i64) -> Result<(), Refused> {
        let cookie = self.parse(line, origin, now)?;
        self.keep(cookie, now);
        Ok(())
    }

    /// The value of the `Cookie` header of a request (RFC 6265 §5.4).
    #[must_use]
    pub fn header(&self, origin: &Origin<'_>, now: i64) -> Option<String> {
        let host = origin.host.to_ascii_lowercase();
        let mut fitting: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|cookie| !cookie.has_expired(now) && cookie.is_for(&host, origin))
            .collect();
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let (most_bytes, most_cookies) = MOST_SENT;
        let mut header = String::new();
        for cookie in fitting.into_iter().take(most_cookies) {
            let before = header.len();
            let between = if before == 0 { "" } else { "; " };
            let _ = write!(header, "{between}{}={}", cookie.name, cookie.value);
            if header.len() > most_bytes {
                header.truncate(before);
            }
        }
        (!header.is_empty()).then_some(header)
    }

    /// Adds the cookies of a file. Of a cookie that is in it twice the later one counts; what has expired is left away.
    #[must_use]
    pub fn read(&mut self, file: &[u8], now: i64) -> Vec<BadLine> {
        let mut bad = Vec::new();
        for (at, line) in file.split(|&byte| byte == b'\n').enumerate() {
            match read_line(line) {
                Ok(Some(cookie)) => self.put(cookie, now),
                Ok(None) => {}
                Err(why) => bad.push(BadLine { number: at + 1, why }),
            }
        }
        bad
    }

    /// The text of the file.
    #[must_use]
    pub fn write(&self, now: i64) -> String {
        let mut file = MAGIC.to_owned();
        for cookie in self.cookies.iter().filter(|cookie| !cookie.has_expired(now)) {
            let expires = match cookie.lasts {
                Lasts::Until(end) => end,
                Lasts::Unsaid => 0,
                Lasts::Session => continue,
            };
            let _ = writeln!(
                file,
                "{}{}\t{}\t{}\t{}\t{expires}\t{}\t{}",
                if cookie.http_only { HTTP_ONLY } else { "" },
                cookie.domain,
                boolean(!cookie.host_only),
                cookie.path,
                boolean(cookie.secure),
                cookie.name,
                cookie.value
            );
        }
        file
    }

    /// Whether the file is to be written anew since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// How many cookies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cookies.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    fn parse(&self, line: &[u8], origin: &Origin<'_>, now: i64) -> Result<Cookie, Refused> {
        let line = std::str::from_utf8(line).map_err(|_| Refused::Malformed)?;
        let parsed = Parsed::parse(line).map_err(|_| Refused::Malformed)?;
        let (name, value) = parsed.name_value();
        if has_control(name) || has_control(value) {
            return Err(Refused::Malformed);
        }
        if name.len() + value.len() > self.limits.payload {
            return Err(Refused::TooLarge);
        }
        let (domain, host_only) = scope(parsed.domain(), origin.host)?;
        let path = parsed.path().filter(|path| path.starts_with('/') && !has_control(path));
        let cookie = Cookie {
            path: path.unwrap_or_else(|| default_path(origin.path)).to_owned(),
            secure: parsed.secure() == Some(true),
            http_only: parsed.http_only() == Some(true),
            lasts: lasts(&parsed, now),
            name: name.to_owned(),
            value: value.to_owned(),
            domain,
            host_only,
        };
        if cookie.path.len() > LONGEST_PATH {
            return Err(Refused::TooLarge);
        }
        self.check_secure(&cookie, origin)?;
        check_prefix(&cookie, parsed.path(), parsed.domain())?;
        Ok(cookie)
    }

    /// Who listens on the wire can neither set nor replace what is not for the wire (RFC 6265bis §5.7).
    fn check_secure(&self, cookie: &Cookie, origin: &Origin<'_>) -> Result<(), Refused> {
        let replaces_secure = || {
            self.cookies.iter().any(|kept| {
                kept.secure
                    && kept.name == cookie.name
                    && (domain_matches(&kept.domain, &cookie.domain)
                        || domain_matches(&cookie.domain, &kept.domain))
                    && path_matches(&cookie.path, &kept.path)
            })
        };
        if origin.secure || !(cookie.secure || replaces_secure()) { Ok(()) } else { Err(Refused::Insecure) }
    }

    fn keep(&mut self, cookie: Cookie, now: i64) {
        let before = self.cookies.iter().find(|kept| kept.is_same(&cookie));
        if before == Some(&cookie) {
            return;
        }
        let was_written = before.is_some_and(|kept| kept.lasts != Lasts::Session);
        self.changed |= was_written || !(cookie.lasts == Lasts::Session || cookie.has_expired(now));
        self.put(cookie, now);
    }

    /// Puts the cookie in the place of its namesake, or behind all, and throws out what is then too much.
    fn put(&mut self, cookie: Cookie, now: i64) {
        let place = self.cookies.iter().position(|kept| kept.is_same(&cookie));
        match (place, cookie.has_expired(now)) {
            (Some(at), false) => self.cookies[at] = cookie,
            (Some(at), true) => drop(self.cookies.remove(at)),
            (None, false) => self.cookies.push(cookie),
            (None, true) => return,
        }
        let is_too_much = |cookies: &[Cookie]| {
            cookies.len() > self.limits.items
                || cookies.iter().map(Cookie::bytes).sum::<usize>() > self.limits.footprint
        };
        if is_too_much(&self.cookies) {
            self.cookies.retain(|cookie| !cookie.has_expired(now));
        }
        while is_too_much(&self.cookies) {
            self.changed |= self.cookies.remove(0).lasts != Lasts::Session;
        }
    }
}

/// The domain of a cookie, and whether it is for that host alone.
fn scope(said: Option<&str>, host: &str) -> Result<(String, bool), Refused> {
    let host = host.to_ascii_lowercase();
    let said = said.map(|domain| domain.trim_start_matches('.').to_ascii_lowercase());
    match said {
        None => Ok((host, true)),
        Some(domain) if domain.is_empty() => Ok((host, true)),
        Some(domain) if domain == host => {
            let host_only = !is_widening(&host);
            Ok((host, host_only))
        }
        Some(domain) if domain.contains('.') && domain_matches(&host, &domain) => Ok((domain, false)),
        Some(_) => Err(Refused::ForeignDomain),
    }
}

/// Whether a domain may have hosts below it that get its cookies: it is a name, and not just one label.
fn is_widening(domain: &str) -> bool {
    domain.contains('.') && !is_address(domain)
}

fn is_address(host: &str) -> bool {
    host.contains(':') || host.parse::<IpAddr>().is_ok()
}

/// RFC 6265 §5.1.3.
fn domain_matches(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.')) && !is_address(host)
}

/// RFC 6265 §5.1.4; a query behind the path is no part of it.
fn path_matches(path: &str, cookies: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let path = if path.starts_with('/') { path } else { "/" };
    path.strip_prefix(cookies)
        .is_some_and(|rest| rest.is_empty() || cookies.ends_with('/') || rest.starts_with('/'))
}

/// The path of a cookie that says none: the folder of what was asked for (RFC 6265 §5.1.4).
fn default_path(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or_default();
    match path.rfind('/') {
        Some(at) if at > 0 && path.starts_with('/') => &path[..at],
        _ => "/",
    }
}

/// Max-Age counts, or else Expires.
fn lasts(parsed: &Parsed<'_>, now: i64) -> Lasts {
    match (parsed.max_age(), parsed.expires()) {
        (Some(age), _) if age.is_zero() => Lasts::Until(i64::MIN),
        (Some(age), _) => Lasts::Until(now.saturating_add(age.whole_seconds()).min(LATEST)),
        (None, Some(Expiration::DateTime(end))) => Lasts::Until(end.unix_timestamp().min(LATEST)),
        (None, _) => Lasts::Session,
    }
}

/// RFC 6265bis §4.1.3.
fn check_prefix(cookie: &Cookie, path: Option<&str>, domain: Option<&str>) -> Result<(), Refused> {
    let begins = |prefix: &str| {
        cookie.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let is_bad = begins("__Secure-") && !cookie.secure
        || begins("__Host-") && !(cookie.secure && path == Some("/") && domain.is_none());
    if is_bad { Err(Refused::Prefix) } else { Ok(()) }
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_control())
}

/// The cookie of a line of a file; `None` for a comment or nothing.
fn read_line(line: &[u8]) -> Result<Option<Cookie>, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let unprefixed = line.strip_prefix(HTTP_ONLY);
    let http_only = unprefixed.is_some();
    let line = unprefixed.unwrap_or(line);
    if line.trim().is_empty() || line.starts_with('#') && !http_only {
        return Ok(None);
    }
    let mut fields = line.split('\t');
    let mut field = || fields.next().ok_or("fewer than seven fields with tabs between them");
    let (domain, subdomains, path, secure, expires, name) =
        (field()?, field()?, field()?, field()?, field()?, field()?);
    // Editors take away a tab at the end of a line.
    let value = fields.next().unwrap_or_default();
    if fields.next().is_some() {
        return Err("more than seven fields");
    }
    if has_control(&line.replace('\t', "")) {
        return Err("control characters");
    }
    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
    if domain.is_empty() {
        return Err("no domain");
    }
    if name.is_empty() {
        return Err("no name");
    }
    if !path.starts_with('/') {
        return Err("the path does not begin with a slash");
    }
    if [name, value, path, &domain].iter().any(|field| field.contains(';')) || name.contains('=') {
        return Err("; or = where they cannot be");
    }
    let expires: i64 = expires.parse().map_err(|_| "the time of expiry is no number")?;
    Ok(Some(Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        host_only: !truth(subdomains)? || !is_widening(&domain),
        domain,
        path: path.to_owned(),
        secure: truth(secure)?,
        http_only,
        lasts: if expires == 0 { Lasts::Unsaid } else { Lasts::Until(expires.min(LATEST)) },
    }))
}

fn truth(field: &str) -> Result<bool, &'static str> {
    match field {
        _ if field.eq_ignore_ascii_case("TRUE") => Ok(true),
        _ if field.eq_ignore_ascii_case("FALSE") => Ok(false),
        _ => Err("neither TRUE nor FALSE"),
    }
}

fn boolean(truth: bool) -> &'static str {
    if truth { "TRUE" } else { "FALSE" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn origin(url: &str) -> Origin<'_> {
        let (scheme, rest) = url.split_once("://").unwrap();
        let at = rest.find('/').unwrap();
        Origin { host: &rest[..at], path: &rest[at..], secure: scheme == "https" }
    }

    fn sent(jar: &CookieJar, url: &str) -> String {
        jar.header(&origin(url), NOW).unwrap_or_default()
    }

    fn jar(set: &[(&str, &str)]) -> CookieJar {
        let mut jar = CookieJar::default();
        for (url, line) in set {
            jar.receive(line.as_bytes(), &origin(url), NOW).unwrap();
        }
        jar
    }

    #[test]
    fn cookies_go_where_they_belong() {
        for (from, line, to, header) in [
            ("http://a.example/x/y", "n=v", "http://a.example/x/z", "n=v"),
            ("http://a.example/x/y", "n=v", "http://a.example/x?q=/", "n=v"),
            ("http://a.example/x/y", "n=v", "http://a.example/", ""),
            ("http://a.example/x/y", "n=v", "http://a.example/xx/", ""),
            ("http://a.example/x", "n=v", "http://a.example/", "n=v"),
            ("http://a.example/?/x/y", "n=v", "http://a.example/", "n=v"),
            ("http://a.example/x", "n=v", "http://b.a.example/", ""),
            ("http://a.example/x", "n=v", "https://A.Example/", "n=v"),
            ("http://a.example/", "n=v; Path=/p", "http://a.example/p", "n=v"),
            ("http://a.example/", "n=v; Path=/p", "http://a.example/p/q?r", "n=v"),
            ("http://a.example/", "n=v; Path=/p", "http://a.example/pq", ""),
            ("http://a.example/", "n=v; Path=/p/", "http://a.example/p", ""),
            ("http://a.example/x/y", "n=v; Path=p", "http://a.example/x/", "n=v"),
            ("http://a.example/x/y", "n=v; path=", "http://a.example/", ""),
            ("http://b.a.example/", "n=v; Domain=a.example", "http://a.example/", "n=v"),
            ("http://b.a.example/", "n=v; domain=.A.EXAMPLE", "http://c.a.example/", "n=v"),
            ("http://b.a.example/", "n=v; Domain=a.example", "http://ba.example/", ""),
            ("http://b.a.example/", "n=v; Domain=", "http://c.b.a.example/", ""),
            ("http://localhost/", "n=v; Domain=localhost", "http://localhost/", "n=v"),
            ("http://localhost/", "n=v; Domain=localhost", "http://a.localhost/", ""),
            ("http://127.0.0.1/", "n=v; Domain=127.0.0.1", "http://127.0.0.1/", "n=v"),
            ("http://127.0.0.1/", "n=v", "http://2.127.0.0.1/", ""),
            ("https://a.example/", "n=v; Secure", "https://a.example/", "n=v"),
            ("https://a.example/", "n=v; Secure", "http://a.example/", ""),
            ("https://a.example/", "n=v", "http://a.example/", "n=v"),
            ("http://a.example/", "n=v; HttpOnly", "http://a.example/", "n=v"),
            ("http://a.example/", "n=\"v w\" ; x", "http://a.example/", "n=\"v w\""),
            ("http://a.example/", " n = a=b ", "http://a.example/", "n=a=b"),
            ("http://a.example/", "n=", "http://a.example/", "n="),
            ("http://a.example/", "n=\u{fc}", "http://a.example/", "n=\u{fc}"),
            ("http://a.example/", "n=v; Max-Age=1", "http://a.example/", "n=v"),
            ("http://a.example/", "n=v; Max-Age=0", "http://a.example/", ""),
            ("http://a.example/", "n=v; Max-Age=-5", "http://a.example/", ""),
            ("http://a.example/", "n=v; Max-Age=99999999999999999999", "http://a.example/", "n=v"),
            ("http://a.example/", "n=v; Max-Age=x", "http://a.example/", "n=v"),
            ("http://a.example/", "n=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://a.example/", ""),
            ("http://a.example/", "n=v; Expires=Thu, 01-Jan-1970 00:00:00 GMT", "http://a.example/", ""),
            ("http://a.example/", "n=v; Expires=Thu, 01-Jan-70 00:00:00 GMT", "http://a.example/", ""),
            ("http://a.example/", "n=v; Expires=Fri, 15 May 2037 00:00:00 GMT", "http://a.example/", "n=v"),
            ("http://a.example/", "n=v; Expires=never", "http://a.example/", "n=v"),
            (
                "http://a.example/",
                "n=v; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                "http://a.example/",
                "n=v",
            ),
            ("https://a.example/", "__Host-n=v; Secure; Path=/", "https://a.example/", "__Host-n=v"),
            ("https://a.example/", "__Secure-n=v; Secure", "https://a.example/", "__Secure-n=v"),
        ] {
            assert_eq!(sent(&jar(&[(from, line)]), to), header, "{line} of {from} to {to}");
        }
    }

    #[test]
    fn what_is_no_cookie_for_this_server_is_refused() {
        let large = format!("n={}", "v".repeat(4096));
        for (from, line, why) in [
            ("http://a.example/", &b"n"[..], Refused::Malformed),
            ("http://a.example/", b"=v", Refused::Malformed),
            ("http://a.example/", b"", Refused::Malformed),
            ("http://a.example/", b"n=\xff", Refused::Malformed),
            ("http://a.example/", b"n=a\tb", Refused::Malformed),
            ("http://a.example/", b"n\x01=a", Refused::Malformed),
            ("http://a.example/", large.as_bytes(), Refused::TooLarge),
            ("http://a.example/", b"n=v; Domain=b.example", Refused::ForeignDomain),
            ("http://a.example/", b"n=v; Domain=b.a.example", Refused::ForeignDomain),
            ("http://a.example/", b"n=v; Domain=example", Refused::ForeignDomain),
            ("http://ba.example/", b"n=v; Domain=a.example", Refused::ForeignDomain),
            ("http://127.0.0.1/", b"n=v; Domain=0.0.1", Refused::ForeignDomain),
            ("http://a.example/", b"n=v; Secure", Refused::Insecure),
            ("https://a.example/", b"__Secure-n=v", Refused::Prefix),
            ("https://a.example/", b"__Host-n=v; Secure", Refused::Prefix),
            ("https://a.example/", b"__host-n=v; Secure; Path=/; Domain=a.example", Refused::Prefix),
        ] {
            let mut jar = CookieJar::default();
            let shown = String::from_utf8_lossy(line);
            assert_eq!(jar.receive(line, &origin(from), NOW), Err(why), "{shown}");
            assert!(jar.is_empty() && !jar.take_changed(), "{shown}");
        }
    }

    #[test]
    fn longer_paths_come_first_then_older_cookies() {
        let at = "http://a.example/x/y";
        let mut jar = jar(&[
            (at, "a=1; Path=/"),
            (at, "b=2; Path=/x"),
            (at, "c=3; Path=/"),
            (at, "d=4; Path=/x"),
            // Takes the place of the first.
            (at, "a=5; Path=/"),
            // Another one.
            (at, "a=6; Path=/x"),
        ]);
        assert_eq!(sent(&jar, at), "b=2; d=4; a=6; a=5; c=3");
        jar.receive(b"b=; Path=/x; Max-Age=0", &origin(at), NOW).unwrap();
        assert_eq!(sent(&jar, at), "d=4; a=6; a=5; c=3");
    }

    #[test]
    fn a_secure_cookie_is_not_replaced_in_the_clear() {
        let mut jar = jar(&[("https://a.example/", "n=1; Secure; Path=/x")]);
        let plain = |path| Origin { host: "a.example", path, secure: false };
        assert_eq!(jar.receive(b"n=2; Path=/x", &plain("/"), NOW), Err(Refused::Insecure));
        assert_eq!(jar.receive(b"n=2; Path=/x/y", &plain("/"), NOW), Err(Refused::Insecure));
        assert_eq!(jar.receive(b"n=3; Path=/", &plain("/"), NOW), Ok(()));
        assert_eq!(sent(&jar, "https://a.example/x"), "n=1; n=3");
    }

    #[test]
    fn cookies_end() {
        let jar = jar(&[("http://a.example/", "n=1; Max-Age=10"), ("http://a.example/", "s=2")]);
        let at = |now| jar.header(&origin("http://a.example/"), now).unwrap();
        assert_eq!(at(NOW + 9), "n=1; s=2");
        assert_eq!(at(NOW + 10), "s=2");
        assert!(jar.write(NOW + 9).contains("\tn\t1\n"));
        assert_eq!(jar.write(NOW + 10), MAGIC);
    }

    #[test]
    fn limits_throw_out_what_expired_and_then_the_oldest() {
        let at = origin("http://a.example/");
        let mut jar = CookieJar::new(Limits { items: 3, ..Limits::default() });
        for line in ["a=1", "b=2; Max-Age=5", "c=3"] {
            jar.receive(line.as_bytes(), &at, NOW).unwrap();
        }
        jar.receive(b"d=4", &at, NOW + 5).unwrap();
        assert_eq!(jar.header(&at, NOW + 5).unwrap(), "a=1; c=3; d=4");
        jar.receive(b"e=5", &at, NOW + 5).unwrap();
        assert_eq!(jar.header(&at, NOW + 5).unwrap(), "c=3; d=4; e=5");

        // Name, value, domain and path of each: 14 bytes.
        let mut jar = CookieJar::new(Limits { footprint: 25, ..Limits::default() });
        for line in ["a=1", "b=2", "c=3"] {
            jar.receive(line.as_bytes(), &at, NOW).unwrap();
        }
        assert_eq!((jar.header(&at, NOW).unwrap().as_str(), jar.len()), ("b=2; c=3", 2));

        let mut jar = CookieJar::new(Limits { payload: 20, ..Limits::default() });
        assert_eq!(jar.receive(b"name=0123456789abcdef", &at, NOW), Ok(()));
        assert_eq!(jar.receive(b"name=0123456789abcdefg", &at, NOW), Err(Refused::TooLarge));
    }

    #[test]
    fn a_request_is_not_made_too_large() {
        let at = origin("http://a.example/");
        let mut jar = CookieJar::default();
        for n in 0..200 {
            jar.receive(format!("n{n}=v").as_bytes(), &at, NOW).unwrap();
        }
        assert_eq!(jar.header(&at, NOW).unwrap().split("; ").count(), 150);
        let mut jar = CookieJar::default();
        for n in 0..3 {
            jar.receive(format!("n{n}={}", "v".repeat(4000)).as_bytes(), &at, NOW).unwrap();
        }
        jar.receive(b"n3=v", &at, NOW).unwrap();
        let header = jar.header(&at, NOW).unwrap();
        assert!(header.len() <= 8190 && header.ends_with("; n3=v"), "{header}");
    }

    #[test]
    fn the_file_is_netscapes() {
        let mut jar = jar(&[
            ("http://b.a.example/x/y", "one=1; Max-Age=10"),
            ("http://b.a.example/", "two=2 2; Domain=a.example; HttpOnly; Max-Age=20"),
            ("https://a.example/", "three=; Secure; Expires=Fri, 15 May 2037 00:00:00 GMT"),
            ("https://a.example/", "session=4"),
        ]);
        let file = "# Netscape HTTP Cookie File\n\
            b.a.example\tFALSE\t/x\tFALSE\t1800000010\tone\t1\n\
            #HttpOnly_a.example\tTRUE\t/\tFALSE\t1800000020\ttwo\t2 2\n\
            a.example\tFALSE\t/\tTRUE\t2125958400\tthree\t\n";
        assert_eq!(jar.write(NOW), file);
        assert!(jar.take_changed() && !jar.take_changed());
        let mut read = CookieJar::default();
        assert_eq!(read.read(file.as_bytes(), NOW), []);
        assert!(!read.take_changed(), "nothing that the file does not know");
        assert_eq!(read.write(NOW), file);
        assert_eq!(read.read(file.as_bytes(), NOW), []);
        assert_eq!(read.len(), 3, "each once");
    }

    #[test]
    fn files_of_others_are_read() {
        let mut jar = CookieJar::default();
        let file = "# http://curl.se/docs/http-cookies.html\r\n\r\n  \n\
            .a.example\tTRUE\t/\tFALSE\t1900000000\tdotted\t1\r\n\
            b.example\tfalse\t/\ttrue\t0\tunsaid\t2\n\
            #HttpOnly_localhost\tTRUE\t/\tFALSE\t1900000000\tlocal\t3\n\
            old.example\tTRUE\t/\tFALSE\t1500000000\told\t3\n\
            A.EXAMPLE\tFALSE\t/\tFALSE\t1900000000\tbare";
        assert_eq!(jar.read(file.as_bytes(), NOW), []);
        assert_eq!(sent(&jar, "http://x.a.example/"), "dotted=1");
        assert_eq!(sent(&jar, "http://a.example/"), "dotted=1; bare=");
        assert_eq!(sent(&jar, "https://b.example/"), "unsaid=2");
        assert_eq!(sent(&jar, "http://b.example/"), "");
        assert_eq!(sent(&jar, "http://localhost/"), "local=3");
        assert_eq!(sent(&jar, "http://a.localhost/"), "");
        assert!(jar.write(NOW).contains("b.example\tFALSE\t/\tTRUE\t0\tunsaid\t2\n"));
        assert!(!jar.write(NOW).contains("old"));
    }

    #[test]
    fn bad_lines_are_named_and_nothing_is_kept_of_them() {
        let good = "a.example\tTRUE\t/\tFALSE\t0\tn\tv\n";
        for (line, why) in [
            ("hello", "fewer than seven fields with tabs between them"),
            ("a.example TRUE / FALSE 0 n v", "fewer than seven fields with tabs between them"),
            ("a.example\tTRUE\t/\tFALSE\t0\tm\tv\tw", "more than seven fields"),
            ("a.example\tTRUE\t/\tFALSE\t0\tm\tv\x01", "control characters"),
            (".\tTRUE\t/\tFALSE\t0\tm\tv", "no domain"),
            ("#HttpOnly_\tTRUE\t/\tFALSE\t0\tm\tv", "no domain"),
            ("a.example\tTRUE\t/\tFALSE\t0\t\tv", "no name"),
            ("a.example\tTRUE\tx\tFALSE\t0\tm\tv", "the path does not begin with a slash"),
            ("a.example\tTRUE\t/\tFALSE\tsoon\tm\tv", "the time of expiry is no number"),
            ("a.example\tYES\t/\tFALSE\t0\tm\tv", "neither TRUE nor FALSE"),
            ("a.example\tTRUE\t/\t0\t0\tm\tv", "neither TRUE nor FALSE"),
            ("a.example\tTRUE\t/\tFALSE\t0\tm\tv; x=y", "; or = where they cannot be"),
        ] {
            let mut jar = CookieJar::default();
            let bad = jar.read(format!("{MAGIC}{good}{line}\n{good}").as_bytes(), NOW);
            assert_eq!(bad, [BadLine { number: 3, why }], "{line:?}");
            assert_eq!(jar.write(NOW), format!("{MAGIC}{good}"), "{line:?}");
        }
        let mut jar = CookieJar::default();
        assert_eq!(jar.read(b"a\xff\n", NOW), [BadLine { number: 1, why: "not UTF-8" }]);
    }

    #[test]
    fn the_file_changes_only_by_what_is_in_it() {
        let at = origin("http://a.example/");
        let mut jar = CookieJar::default();
        for (line, changes) in [
            ("s=1", false),
            ("s=2", false),
            ("n=1; Expires=Fri, 15 May 2037 00:00:00 GMT", true),
            ("n=1; Expires=Fri, 15 May 2037 00:00:00 GMT", false),
            ("n=2; Expires=Fri, 15 May 2037 00:00:00 GMT", true),
            ("x=; Max-Age=0", false),
            ("n=3", true),
            ("n=; Max-Age=0", false),
        ] {
            jar.receive(line.as_bytes(), &at, NOW).unwrap();
            assert_eq!(jar.take_changed(), changes, "{line}");
        }
    }

    mod properties {
        use proptest::prelude::*;

        use super::super::*;
        use super::{NOW, origin};

        proptest! {
            #[test]
            fn nothing_that_a_server_sends_spoils_the_file(
                lines in proptest::collection::vec("[ -~\u{e4}\t]{0,12}=[ -~\t]{0,12}(; ?(Path=/[ -~]{0,4}|Max-Age=[0-9]{1,12}|HttpOnly|Domain=[a-z.]{0,9}))*", 0..8),
            ) {
                let mut jar = CookieJar::default();
                for line in &lines {
                    let _ = jar.receive(line.as_bytes(), &origin("http://b.a.example/x/"), NOW);
                }
                let file = jar.write(NOW);
                let mut read = CookieJar::default();
                prop_assert_eq!(read.read(file.as_bytes(), NOW), []);
                prop_assert_eq!(read.write(NOW), file);
            }

            #[test]
            fn any_file_can_be_read(file in proptest::collection::vec(any::<u8>(), 0..200)) {
                let _ = CookieJar::default().read(&file, NOW);
            }
        }
    }
}
