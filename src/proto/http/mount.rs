//! Mounts: which part of the URL space is served by what.

use std::borrow::Cow;

use super::method::Method;

/// `enum lws_mount_protocols`.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum MountKind {
    /// `LWSMPRO_HTTP`: reverse proxy.
    Http,
    /// `LWSMPRO_HTTPS`: reverse proxy.
    Https,
    /// `LWSMPRO_FILE`
    File,
    /// `LWSMPRO_CGI`
    Cgi,
    /// `LWSMPRO_REDIR_HTTP`
    RedirHttp,
    /// `LWSMPRO_REDIR_HTTPS`
    RedirHttps,
    /// `LWSMPRO_CALLBACK`
    Callback,
}

impl MountKind {
    /// The kind of a number from C.
    #[must_use]
    pub const fn from_index(index: u32) -> Option<Self> {
        Some(match index {
            0 => Self::Http,
            1 => Self::Https,
            2 => Self::File,
            3 => Self::Cgi,
            4 => Self::RedirHttp,
            5 => Self::RedirHttps,
            6 => Self::Callback,
            _ => return None,
        })
    }
}

/// `struct lws_http_mount`, owned.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where in the URL space, e.g. `/` or `/doc`.
    pub mountpoint: String,
    /// What is served there: a directory, a URL without its scheme, the name of a protocol.
    pub origin: String,
    /// The file served for a directory; `None` is `index.html`.
    pub def: Option<String>,
    /// The protocol that gets the callbacks of requests under this mount; `None` is the vhost's first.
    pub protocol: Option<String>,
    /// What kind of thing is served.
    pub kind: MountKind,
    /// Seconds a CGI may run.
    pub cgi_timeout: i32,
    /// Seconds a client may keep its copy.
    pub cache_max_age: i32,
    /// `AUTH_MODE` bits.
    pub auth_mask: u32,
    /// Clients may keep a copy at all.
    pub cache_reusable: bool,
    /// Clients must ask again before they use their copy.
    pub cache_revalidate: bool,
    /// Shared caches may keep a copy.
    pub cache_intermediaries: bool,
    /// `(suffix, type)` pairs for [`mime_type`](super::mime::mime_type).
    pub extra_mimetypes: Vec<(String, String)>,
    /// Password file for basic auth.
    pub basic_auth_login_file: Option<String>,
}

impl Mount {
    /// The protocol that the mount's requests are bound to, if it binds them.
    #[must_use]
    pub fn protocol_name(&self) -> Option<&str> {
        let origin = (self.kind == MountKind::Callback).then_some(self.origin.as_str());
        self.protocol.as_deref().or(origin)
    }

    /// Whether `path` (decoded, without the NUL) is the mountpoint or below it.
    ///
    /// lws takes a mountpoint that ends in `/` for one name and so never matches what is below `/doc/`; here it
    /// does.
    #[must_use]
    pub fn covers(&self, path: &[u8]) -> bool {
        let mountpoint = self.mountpoint.as_bytes();
        let Some(last) = mountpoint.last() else { return false };
        // Most mounts are told apart by these two bytes, without a comparison of the rest.
        path.get(mountpoint.len() - 1) == Some(last)
            && (*last == b'/' || matches!(path.get(mountpoint.len()), None | Some(b'/')))
            && path.starts_with(mountpoint)
    }

    /// What of `path` is below the mountpoint, with its leading slash if it has one.
    ///
    /// The whole path under the root mount, and for a path that is not covered.
    #[must_use]
    pub fn below<'a>(&self, path: &'a [u8]) -> &'a [u8] {
        let mountpoint = self.mountpoint.as_bytes();
        path.strip_prefix(mountpoint.strip_suffix(b"/").unwrap_or(mountpoint)).unwrap_or(path)
    }

    /// Whether a request for `path` is to be redirected to `path` + `/`, so that relative links of the directory
    /// mounted here work.
    #[must_use]
    pub fn wants_slash(&self, path: &[u8]) -> bool {
        let is_directory = matches!(self.kind, MountKind::File | MountKind::Http | MountKind::Https);
        is_directory && path.len() > 1 && path == self.mountpoint.as_bytes() && path.last() != Some(&b'/')
    }

    /// The `cache-control` value of the files under this mount.
    #[must_use]
    pub fn cache_control(&self) -> Cow<'static, str> {
        if !self.cache_reusable || self.cache_max_age <= 0 {
            return Cow::Borrowed("no-store");
        }
        let revalidate = if self.cache_revalidate { "must-revalidate, " } else { "" };
        let scope = if self.cache_intermediaries { "public" } else { "private" };
        Cow::Owned(format!("{revalidate}{scope}, max-age={}", self.cache_max_age))
    }
}

/// The mount that serves `path`, or `None`: then the vhost's first protocol gets the request.
///
/// The longest mountpoint wins, the first of equals. A callback mount wins over everything listed before it,
/// whatever the lengths, and is in turn beaten only by a longer one (or another callback) listed after it.
/// Methods that file serving does not know (OPTIONS, CONNECT on h1) reach only callback and CGI mounts and those
/// that name a protocol. All of this is lws's rule, as measured.
#[must_use]
pub fn find<'a>(mounts: &'a [Mount], path: &[u8], method: Method, is_h2: bool) -> Option<&'a Mount> {
    let any_mount = is_h2 || !matches!(method, Method::Options | Method::Connect);
    let mut hit: Option<&Mount> = None;
    for mount in mounts.iter().filter(|mount| mount.covers(path)) {
        let longer = hit.is_none_or(|hit| mount.mountpoint.len() > hit.mountpoint.len());
        let eligible = any_mount || mount.kind == MountKind::Cgi || mount.protocol.is_some();
        if mount.kind == MountKind::Callback || (eligible && longer) {
            hit = Some(mount);
        }
    }
    hit
}

/// See [`Mount::cache_control`].
#[must_use]
pub fn cache_control(mount: &Mount) -> Cow<'static, str> {
    mount.cache_control()
}

/// Names and values that `LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE` adds right after the
/// status line, in this order.
#[must_use]
pub fn security_headers() -> &'static [(&'static str, &'static str)] {
    &[
        (
            "content-security-policy",
            "default-src 'none'; img-src 'self' data: ; script-src 'self'; font-src 'self'; style-src 'self'; \
             connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none';form-action 'self';",
        ),
        ("x-content-type-options", "nosniff"),
        ("x-xss-protection", "1; mode=block"),
        ("x-frame-options", "deny"),
        ("referrer-policy", "no-referrer"),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mount(mountpoint: &str, kind: MountKind) -> Mount {
        Mount {
            mountpoint: mountpoint.to_owned(),
            origin: String::new(),
            def: None,
            protocol: None,
            kind,
            cgi_timeout: 0,
            cache_max_age: 0,
            auth_mask: 0,
            cache_reusable: false,
            cache_revalidate: false,
            cache_intermediaries: false,
            extra_mimetypes: Vec::new(),
            basic_auth_login_file: None,
        }
    }

    fn hit<'a>(mounts: &'a [Mount], path: &str) -> Option<(&'a str, MountKind)> {
        find(mounts, path.as_bytes(), Method::Get, false).map(|mount| (mount.mountpoint.as_str(), mount.kind))
    }

    /// The list and what it does to each path were measured against the original library.
    #[test]
    fn longest_mountpoint_on_a_name_boundary_wins() {
        use MountKind::{Callback, File, RedirHttp};
        let mounts = [
            mount("/", File),
            mount("/cb", Callback),
            mount("/cb/file", File),
            mount("/dir", File),
            mount("/long/er", File),
            mount("/red", RedirHttp),
            mount("/file/cb", Callback),
            mount("/file", File),
        ];
        for (path, expected) in [
            ("/", ("/", File)),
            ("/a.txt", ("/", File)),
            ("/cb", ("/cb", Callback)),
            ("/cb/x", ("/cb", Callback)),
            ("/cbx", ("/", File)),
            ("/cb/file/a.txt", ("/cb/file", File)),
            ("/cb/filex", ("/cb", Callback)),
            ("/dir", ("/dir", File)),
            ("/dirx", ("/", File)),
            ("/dir x", ("/", File)),
            ("/long", ("/", File)),
            ("/long/er/x", ("/long/er", File)),
            ("/red/y", ("/red", RedirHttp)),
            ("/file", ("/file", File)),
            ("/file/cb/x", ("/file/cb", Callback)),
        ] {
            assert_eq!(hit(&mounts, path), Some(expected), "{path}");
        }
        assert_eq!(hit(&mounts[1..], "/other"), None);
        assert_eq!(hit(&mounts, "*"), None);
    }

    #[test]
    fn a_callback_mount_beats_longer_ones_before_it() {
        use MountKind::{Callback, File};
        let mounts = [mount("/a/b", File), mount("/a", Callback), mount("/", File)];
        for path in ["/a/b/", "/a/b/a.txt", "/a/c", "/a"] {
            assert_eq!(hit(&mounts, path), Some(("/a", Callback)), "{path}");
        }
        assert_eq!(hit(&mounts, "/ab"), Some(("/", File)));
    }

    #[test]
    fn first_of_equals_wins() {
        let mut mounts = [mount("/dup", MountKind::File), mount("/dup", MountKind::File)];
        mounts[0].origin = "first".to_owned();
        assert_eq!(find(&mounts, b"/dup/", Method::Get, false).unwrap().origin, "first");
    }

    #[test]
    fn options_reaches_callbacks_cgi_and_named_protocols_on_h1() {
        let mut named = mount("/named", MountKind::File);
        named.protocol = Some("p".to_owned());
        let mounts = [
            mount("/", MountKind::File),
            mount("/cb", MountKind::Callback),
            mount("/cgi", MountKind::Cgi),
            named,
        ];
        let found = |path: &str, is_h2| {
            find(&mounts, path.as_bytes(), Method::Options, is_h2).map(|mount| mount.mountpoint.as_str())
        };
        assert_eq!(found("/x", false), None);
        assert_eq!(found("/x", true), Some("/"));
        assert_eq!(found("/cb/x", false), Some("/cb"));
        assert_eq!(found("/cgi", false), Some("/cgi"));
        assert_eq!(found("/named/x", false), Some("/named"));
        for method in Method::ALL {
            let reaches_files = !matches!(method, Method::Options | Method::Connect);
            assert_eq!(find(&mounts, b"/x", method, false).is_some(), reaches_files, "{method:?}");
        }
    }

    #[test]
    fn paths_below_the_mountpoint() {
        let root = mount("/", MountKind::File);
        let doc = mount("/doc", MountKind::File);
        let slash = mount("/doc/", MountKind::File);
        assert_eq!(root.below(b"/a/b"), b"/a/b");
        assert_eq!(doc.below(b"/doc/a"), b"/a");
        assert_eq!(doc.below(b"/doc"), b"");
        assert_eq!(slash.below(b"/doc/a"), b"/a");
        assert!(slash.covers(b"/doc/a") && slash.covers(b"/doc/") && !slash.covers(b"/doc"));
        assert!(doc.wants_slash(b"/doc") && !doc.wants_slash(b"/doc/") && !doc.wants_slash(b"/doc/a"));
        assert!(!root.wants_slash(b"/") && !slash.wants_slash(b"/doc/"));
        assert!(!mount("/doc", MountKind::Callback).wants_slash(b"/doc"));
        assert!(!mount("", MountKind::File).covers(b"/"));
    }

    #[test]
    fn cache_control_follows_the_flags() {
        let value = |max_age, reusable, revalidate, intermediaries| {
            let mut mount = mount("/", MountKind::File);
            mount.cache_max_age = max_age;
            mount.cache_reusable = reusable;
            mount.cache_revalidate = revalidate;
            mount.cache_intermediaries = intermediaries;
            cache_control(&mount)
        };
        assert_eq!(value(77, true, false, false), "private, max-age=77");
        assert_eq!(value(77, true, true, false), "must-revalidate, private, max-age=77");
        assert_eq!(value(77, true, false, true), "public, max-age=77");
        assert_eq!(value(77, true, true, true), "must-revalidate, public, max-age=77");
        for (max_age, reusable) in [(0, true), (77, false), (-1, true)] {
            assert_eq!(value(max_age, reusable, true, true), "no-store");
        }
    }

    #[test]
    fn kinds_are_numbered_as_in_c() {
        for (number, kind) in
            [(0, MountKind::Http), (2, MountKind::File), (3, MountKind::Cgi), (6, MountKind::Callback)]
        {
            assert_eq!(MountKind::from_index(number), Some(kind));
            assert_eq!(kind as u32, number);
        }
        assert_eq!(MountKind::from_index(7), None);
    }

    #[test]
    fn security_headers_can_be_sent() {
        for (name, value) in security_headers() {
            let mut line = [0; 300];
            super::super::response::put_header(&mut line, name.as_bytes(), value.as_bytes()).unwrap();
        }
    }

    proptest! {
        #[test]
        fn a_hit_covers_the_path(path in "(/[ab]{0,2}){1,4}", points in proptest::collection::vec(("(/[ab]{0,2}){1,3}", 0_u32..7), 0..6)) {
            let mounts: Vec<Mount> =
                points.iter().map(|(point, kind)| mount(point, MountKind::from_index(*kind).unwrap())).collect();
            let hit = find(&mounts, path.as_bytes(), Method::Get, false);
            prop_assert_eq!(hit.is_some(), mounts.iter().any(|mount| mount.covers(path.as_bytes())));
            prop_assert!(hit.is_none_or(|hit| path.starts_with(&hit.mountpoint)));
        }
    }
}
