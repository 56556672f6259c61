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
    /// What is served there: a directory, a URL, a protocol name.
    pub origin: String,
    /// The file for a directory; `None` is `index.html`.
    pub def: Option<String>,
    /// The protocol that handles it.
    pub protocol: Option<String>,
    /// What kind of thing is served.
    pub kind: MountKind,
    /// Seconds.
    pub cgi_timeout: i32,
    /// Seconds.
    pub cache_max_age: i32,
    /// `AUTH_*` bits.
    pub auth_mask: u32,
    /// Clients may keep a copy at all.
    pub cache_reusable: bool,
    /// Clients must ask again before using their copy.
    pub cache_revalidate: bool,
    /// Shared caches may keep a copy.
    pub cache_intermediaries: bool,
    /// `(suffix, type)`.
    pub extra_mimetypes: Vec<(String, String)>,
    /// Password file for basic auth.
    pub basic_auth_login_file: Option<String>,
}

/// The mount that serves `path`.
#[must_use]
pub fn find<'a>(
    _mounts: &'a [Mount],
    _path: &[u8],
    _method: Method,
    _is_h2: bool,
) -> Option<&'a Mount> {
    todo!()
}

/// The `cache-control` value of files under a mount.
#[must_use]
pub fn cache_control(_mount: &Mount) -> Cow<'static, str> {
    todo!()
}

/// Names and values that the security best practices option adds, in order.
#[must_use]
pub fn security_headers() -> &'static [(&'static str, &'static str)] {
    todo!()
}
