//! HTTP: mounts, header tokens, status codes.

use std::ffi::{c_char, c_int, c_longlong, c_uint, c_ulonglong, c_void};

use super::{
    bit_of_previous, enum_lws_cgi_hdr_state, enum_lws_enum_stdinouterr, lws, lws_protocol_vhost_options,
    mount_cache_bits,
};

/// An amount of bytes or an offset in a file.
pub type lws_filepos_t = c_ulonglong;
/// A distance in a file.
pub type lws_fileofs_t = c_longlong;

/// What a mount serves.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_mount_protocols {
    /// A proxy to http.
    LWSMPRO_HTTP = 0,
    /// A proxy to https.
    LWSMPRO_HTTPS = 1,
    /// Files below the directory `origin`.
    LWSMPRO_FILE = 2,
    /// A CGI program.
    LWSMPRO_CGI = 3,
    /// A redirect to "http://" and `origin`.
    LWSMPRO_REDIR_HTTP = 4,
    /// A redirect to "https://" and `origin`.
    LWSMPRO_REDIR_HTTPS = 5,
    /// The callback of `protocol`.
    LWSMPRO_CALLBACK = 6,
}
c_enum!(lws_mount_protocols: LWSMPRO_HTTP, LWSMPRO_HTTPS, LWSMPRO_FILE, LWSMPRO_CGI, LWSMPRO_REDIR_HTTP, LWSMPRO_REDIR_HTTPS, LWSMPRO_CALLBACK);

/// How a mount authenticates; in the top four bits of `auth_mask`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_authentication_mode {
    /// By `basic_auth_login_file`, if there is one.
    LWSAUTHM_DEFAULT = 0x0,
    /// By `LWS_CALLBACK_VERIFY_BASIC_AUTHORIZATION`.
    LWSAUTHM_BASIC_AUTH_CALLBACK = 0x1000_0000,
}
c_enum!(lws_authentication_mode);

/// The bits of `auth_mask` that hold the `enum lws_authentication_mode`.
pub const AUTH_MODE_MASK: c_uint = 0xF000_0000;

/// Part of the URL space of a vhost and what serves it. Must live as long as the vhost.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_http_mount {
    /// The next mount, or NULL.
    pub mount_next: *const lws_http_mount,
    /// Where in the URL space: "/", "/files".
    pub mountpoint: *const c_char,
    /// What is served: a directory, a host and path to redirect or proxy to.
    pub origin: *const c_char,
    /// File served for a directory; NULL for "index.html".
    pub def: *const c_char,
    /// Name of the protocol for `LWSMPRO_CALLBACK`; else it may be NULL.
    pub protocol: *const c_char,
    /// Environment of the CGI process.
    pub cgienv: *const lws_protocol_vhost_options,
    /// Suffixes (".zip") and their mime types, before the built-in ones; "*" is for any other suffix.
    pub extra_mimetypes: *const lws_protocol_vhost_options,
    /// Suffixes and names of the protocols that interpret such files.
    pub interpret: *const lws_protocol_vhost_options,
    /// Seconds a CGI process may take.
    pub cgi_timeout: c_int,
    /// Seconds that clients may cache files; 0 for no caching.
    pub cache_max_age: c_int,
    /// Access bits that a request needs, and the `enum lws_authentication_mode`.
    pub auth_mask: c_uint,
    /// Whether a client may reuse what it cached.
    /// cbindgen:bitfield=1
    pub cache_reusable: mount_cache_bits,
    /// Whether it must ask before it does.
    /// cbindgen:bitfield=1
    pub cache_revalidate: bit_of_previous,
    /// Whether proxies may cache too.
    /// cbindgen:bitfield=1
    pub cache_intermediaries: bit_of_previous,
    /// `enum lws_mount_protocols`.
    pub origin_protocol: u8,
    /// Length of `mountpoint` in bytes.
    pub mountpoint_len: u8,
    /// File with "user:password" lines that basic authentication checks, or NULL.
    pub basic_auth_login_file: *const c_char,
}
assert_layout!(lws_http_mount, 88, {mount_next: 0, mountpoint: 8, origin: 16, def: 24, protocol: 32, cgienv: 40, extra_mimetypes: 48, interpret: 56, cgi_timeout: 64, cache_max_age: 68, auth_mask: 72, cache_reusable: 76, origin_protocol: 77, mountpoint_len: 78, basic_auth_login_file: 80});

impl lws_http_mount {
    /// The bit field `cache_reusable`.
    #[must_use]
    pub fn is_cache_reusable(&self) -> bool {
        self.cache_reusable & 1 != 0
    }

    /// The bit field `cache_revalidate`.
    #[must_use]
    pub fn is_cache_revalidate(&self) -> bool {
        self.cache_reusable & 2 != 0
    }

    /// The bit field `cache_intermediaries`.
    #[must_use]
    pub fn is_cache_intermediaries(&self) -> bool {
        self.cache_reusable & 4 != 0
    }
}

/// What header callbacks and HTML interpretation get as `in`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct lws_process_html_args {
    /// Where to write; advance it.
    pub p: *mut c_char,
    /// Bytes there are.
    pub len: c_int,
    /// Bytes of room.
    pub max_len: c_int,
    /// Whether this is the last piece.
    pub r#final: c_int,
    /// Whether the response is chunked.
    pub chunked: c_int,
}
assert_layout!(lws_process_html_args, 24, {p: 0, len: 8, max_len: 12, r#final: 16, chunked: 20});

/// Gives the value of a variable of `lws_chunked_html_process()` by its index, or NULL.
pub type lws_process_html_state_cb =
    Option<unsafe extern "C" fn(data: *mut c_void, index: c_int) -> *const c_char>;

/// State of `lws_chunked_html_process()`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_process_html_state {
    /// Where a variable that is not complete begins.
    pub start: *mut c_char,
    /// What was taken of it so far.
    pub swallow: [c_char; 16],
    /// How much that is, in bytes.
    pub pos: c_int,
    /// First argument of `replace`.
    pub data: *mut c_void,
    /// Names of the variables.
    pub vars: *const *const c_char,
    /// How many variables.
    pub count_vars: c_int,
    /// Gives their values.
    pub replace: lws_process_html_state_cb,
}

/// Called per custom header of a request: `nlen` bytes of name, not terminated.
pub type lws_hdr_custom_fe_cb_t =
    Option<unsafe extern "C" fn(name: *const c_char, nlen: c_int, opaque: *mut c_void)>;

/// HTTP status codes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum http_status {
    /// 100 Continue.
    HTTP_STATUS_CONTINUE = 100,
    /// 200 OK.
    HTTP_STATUS_OK = 200,
    /// 204 No content.
    HTTP_STATUS_NO_CONTENT = 204,
    /// 206 Partial content.
    HTTP_STATUS_PARTIAL_CONTENT = 206,
    /// 301 Moved permanently.
    HTTP_STATUS_MOVED_PERMANENTLY = 301,
    /// 302 Found.
    HTTP_STATUS_FOUND = 302,
    /// 303 See other.
    HTTP_STATUS_SEE_OTHER = 303,
    /// 304 Not modified.
    HTTP_STATUS_NOT_MODIFIED = 304,
    /// 400 Bad request.
    HTTP_STATUS_BAD_REQUEST = 400,
    /// 401 Unauthorized.
    HTTP_STATUS_UNAUTHORIZED = 401,
    /// 402 Payment required.
    HTTP_STATUS_PAYMENT_REQUIRED = 402,
    /// 403 Forbidden.
    HTTP_STATUS_FORBIDDEN = 403,
    /// 404 Not found.
    HTTP_STATUS_NOT_FOUND = 404,
    /// 405 Method not allowed.
    HTTP_STATUS_METHOD_NOT_ALLOWED = 405,
    /// 406 Not acceptable.
    HTTP_STATUS_NOT_ACCEPTABLE = 406,
    /// 407 Proxy auth required.
    HTTP_STATUS_PROXY_AUTH_REQUIRED = 407,
    /// 408 Request timeout.
    HTTP_STATUS_REQUEST_TIMEOUT = 408,
    /// 409 Conflict.
    HTTP_STATUS_CONFLICT = 409,
    /// 410 Gone.
    HTTP_STATUS_GONE = 410,
    /// 411 Length required.
    HTTP_STATUS_LENGTH_REQUIRED = 411,
    /// 412 Precondition failed.
    HTTP_STATUS_PRECONDITION_FAILED = 412,
    /// 413 Req entity too large.
    HTTP_STATUS_REQ_ENTITY_TOO_LARGE = 413,
    /// 414 Req URI too long.
    HTTP_STATUS_REQ_URI_TOO_LONG = 414,
    /// 415 Unsupported media type.
    HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE = 415,
    /// 416 Req range not satisfiable.
    HTTP_STATUS_REQ_RANGE_NOT_SATISFIABLE = 416,
    /// 417 Expectation failed.
    HTTP_STATUS_EXPECTATION_FAILED = 417,
    /// 500 Internal server error.
    HTTP_STATUS_INTERNAL_SERVER_ERROR = 500,
    /// 501 Not implemented.
    HTTP_STATUS_NOT_IMPLEMENTED = 501,
    /// 502 Bad gateway.
    HTTP_STATUS_BAD_GATEWAY = 502,
    /// 503 Service unavailable.
    HTTP_STATUS_SERVICE_UNAVAILABLE = 503,
    /// 504 Gateway timeout.
    HTTP_STATUS_GATEWAY_TIMEOUT = 504,
    /// 505 Http version not supported.
    HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED = 505,
}
c_enum!(http_status);

/// Room to leave for a header block, in bytes.
pub const LWS_RECOMMENDED_MIN_HEADER_SPACE: c_int = 2048;

/// `lws_add_http_common_headers()`: the bits of `code` that are the status.
pub const LWSAHH_CODE_MASK: c_uint = (1 << 16) - 1;
/// `lws_add_http_common_headers()`: leave out the server header.
pub const LWSAHH_FLAG_NO_SERVER_NAME: c_uint = 1 << 30;

/// Headers and request parts that the library keeps.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_token_indexes {
    /// Path of a GET request, without arguments.
    WSI_TOKEN_GET_URI = 0,
    /// Path of a POST request.
    WSI_TOKEN_POST_URI = 1,
    /// Path of an OPTIONS request.
    WSI_TOKEN_OPTIONS_URI = 2,
    /// `host:`
    WSI_TOKEN_HOST = 3,
    /// `connection:`
    WSI_TOKEN_CONNECTION = 4,
    /// `upgrade:`
    WSI_TOKEN_UPGRADE = 5,
    /// `origin:`
    WSI_TOKEN_ORIGIN = 6,
    /// `sec-websocket-draft:`
    WSI_TOKEN_DRAFT = 7,
    /// The body of an old WebSocket handshake; not used.
    WSI_TOKEN_CHALLENGE = 8,
    /// `sec-websocket-extensions:`
    WSI_TOKEN_EXTENSIONS = 9,
    /// `sec-websocket-key1:`
    WSI_TOKEN_KEY1 = 10,
    /// `sec-websocket-key2:`
    WSI_TOKEN_KEY2 = 11,
    /// `sec-websocket-protocol:`
    WSI_TOKEN_PROTOCOL = 12,
    /// `sec-websocket-accept:`
    WSI_TOKEN_ACCEPT = 13,
    /// `sec-websocket-nonce:`
    WSI_TOKEN_NONCE = 14,
    /// The status line of a response.
    WSI_TOKEN_HTTP = 15,
    /// `http2-settings:`
    WSI_TOKEN_HTTP2_SETTINGS = 16,
    /// `accept:`
    WSI_TOKEN_HTTP_ACCEPT = 17,
    /// `access-control-request-headers:`
    WSI_TOKEN_HTTP_AC_REQUEST_HEADERS = 18,
    /// `if-modified-since:`
    WSI_TOKEN_HTTP_IF_MODIFIED_SINCE = 19,
    /// `if-none-match:`
    WSI_TOKEN_HTTP_IF_NONE_MATCH = 20,
    /// `accept-encoding:`
    WSI_TOKEN_HTTP_ACCEPT_ENCODING = 21,
    /// `accept-language:`
    WSI_TOKEN_HTTP_ACCEPT_LANGUAGE = 22,
    /// `pragma:`
    WSI_TOKEN_HTTP_PRAGMA = 23,
    /// `cache-control:`
    WSI_TOKEN_HTTP_CACHE_CONTROL = 24,
    /// `authorization:`
    WSI_TOKEN_HTTP_AUTHORIZATION = 25,
    /// `cookie:`
    WSI_TOKEN_HTTP_COOKIE = 26,
    /// `content-length:`
    WSI_TOKEN_HTTP_CONTENT_LENGTH = 27,
    /// `content-type:`
    WSI_TOKEN_HTTP_CONTENT_TYPE = 28,
    /// `date:`
    WSI_TOKEN_HTTP_DATE = 29,
    /// `range:`
    WSI_TOKEN_HTTP_RANGE = 30,
    /// `referer:`
    WSI_TOKEN_HTTP_REFERER = 31,
    /// `sec-websocket-key:`
    WSI_TOKEN_KEY = 32,
    /// `sec-websocket-version:`
    WSI_TOKEN_VERSION = 33,
    /// `sec-websocket-origin:`
    WSI_TOKEN_SWORIGIN = 34,
    /// `:authority` (h2 pseudo-header).
    WSI_TOKEN_HTTP_COLON_AUTHORITY = 35,
    /// `:method` (h2 pseudo-header).
    WSI_TOKEN_HTTP_COLON_METHOD = 36,
    /// `:path` (h2 pseudo-header).
    WSI_TOKEN_HTTP_COLON_PATH = 37,
    /// `:scheme` (h2 pseudo-header).
    WSI_TOKEN_HTTP_COLON_SCHEME = 38,
    /// `:status` (h2 pseudo-header).
    WSI_TOKEN_HTTP_COLON_STATUS = 39,
    /// `accept-charset:`
    WSI_TOKEN_HTTP_ACCEPT_CHARSET = 40,
    /// `accept-ranges:`
    WSI_TOKEN_HTTP_ACCEPT_RANGES = 41,
    /// `access-control-allow-origin:`
    WSI_TOKEN_HTTP_ACCESS_CONTROL_ALLOW_ORIGIN = 42,
    /// `age:`
    WSI_TOKEN_HTTP_AGE = 43,
    /// `allow:`
    WSI_TOKEN_HTTP_ALLOW = 44,
    /// `content-disposition:`
    WSI_TOKEN_HTTP_CONTENT_DISPOSITION = 45,
    /// `content-encoding:`
    WSI_TOKEN_HTTP_CONTENT_ENCODING = 46,
    /// `content-language:`
    WSI_TOKEN_HTTP_CONTENT_LANGUAGE = 47,
    /// `content-location:`
    WSI_TOKEN_HTTP_CONTENT_LOCATION = 48,
    /// `content-range:`
    WSI_TOKEN_HTTP_CONTENT_RANGE = 49,
    /// `etag:`
    WSI_TOKEN_HTTP_ETAG = 50,
    /// `expect:`
    WSI_TOKEN_HTTP_EXPECT = 51,
    /// `expires:`
    WSI_TOKEN_HTTP_EXPIRES = 52,
    /// `from:`
    WSI_TOKEN_HTTP_FROM = 53,
    /// `if-match:`
    WSI_TOKEN_HTTP_IF_MATCH = 54,
    /// `if-range:`
    WSI_TOKEN_HTTP_IF_RANGE = 55,
    /// `if-unmodified-since:`
    WSI_TOKEN_HTTP_IF_UNMODIFIED_SINCE = 56,
    /// `last-modified:`
    WSI_TOKEN_HTTP_LAST_MODIFIED = 57,
    /// `link:`
    WSI_TOKEN_HTTP_LINK = 58,
    /// `location:`
    WSI_TOKEN_HTTP_LOCATION = 59,
    /// `max-forwards:`
    WSI_TOKEN_HTTP_MAX_FORWARDS = 60,
    /// `proxy-authenticate:`
    WSI_TOKEN_HTTP_PROXY_AUTHENTICATE = 61,
    /// `proxy-authorization:`
    WSI_TOKEN_HTTP_PROXY_AUTHORIZATION = 62,
    /// `refresh:`
    WSI_TOKEN_HTTP_REFRESH = 63,
    /// `retry-after:`
    WSI_TOKEN_HTTP_RETRY_AFTER = 64,
    /// `server:`
    WSI_TOKEN_HTTP_SERVER = 65,
    /// `set-cookie:`
    WSI_TOKEN_HTTP_SET_COOKIE = 66,
    /// `strict-transport-security:`
    WSI_TOKEN_HTTP_STRICT_TRANSPORT_SECURITY = 67,
    /// `transfer-encoding:`
    WSI_TOKEN_HTTP_TRANSFER_ENCODING = 68,
    /// `user-agent:`
    WSI_TOKEN_HTTP_USER_AGENT = 69,
    /// `vary:`
    WSI_TOKEN_HTTP_VARY = 70,
    /// `via:`
    WSI_TOKEN_HTTP_VIA = 71,
    /// `www-authenticate:`
    WSI_TOKEN_HTTP_WWW_AUTHENTICATE = 72,
    /// Path of a PATCH request.
    WSI_TOKEN_PATCH_URI = 73,
    /// Path of a PUT request.
    WSI_TOKEN_PUT_URI = 74,
    /// Path of a DELETE request.
    WSI_TOKEN_DELETE_URI = 75,
    /// Arguments of the request, one fragment for each.
    WSI_TOKEN_HTTP_URI_ARGS = 76,
    /// The first line sent through a proxy.
    WSI_TOKEN_PROXY = 77,
    /// `x-real-ip:`
    WSI_TOKEN_HTTP_X_REAL_IP = 78,
    /// The status line of an HTTP/1.0 response.
    WSI_TOKEN_HTTP1_0 = 79,
    /// `x-forwarded-for:`
    WSI_TOKEN_X_FORWARDED_FOR = 80,
    /// Target of a CONNECT request.
    WSI_TOKEN_CONNECT = 81,
    /// Path of a HEAD request.
    WSI_TOKEN_HEAD_URI = 82,
    /// `te:`
    WSI_TOKEN_TE = 83,
    /// `replay-nonce:`
    WSI_TOKEN_REPLAY_NONCE = 84,
    /// `:protocol` (h2 pseudo-header).
    WSI_TOKEN_COLON_PROTOCOL = 85,
    /// `x-auth-token:`
    WSI_TOKEN_X_AUTH_TOKEN = 86,
    /// `dss-signature:`
    WSI_TOKEN_DSS_SIGNATURE = 87,
    /// Client: subprotocols offered.
    _WSI_TOKEN_CLIENT_SENT_PROTOCOLS = 88,
    /// Client: address to connect to.
    _WSI_TOKEN_CLIENT_PEER_ADDRESS = 89,
    /// Client: path asked for.
    _WSI_TOKEN_CLIENT_URI = 90,
    /// Client: host header.
    _WSI_TOKEN_CLIENT_HOST = 91,
    /// Client: origin header.
    _WSI_TOKEN_CLIENT_ORIGIN = 92,
    /// Client: method.
    _WSI_TOKEN_CLIENT_METHOD = 93,
    /// Client: interface to bind.
    _WSI_TOKEN_CLIENT_IFACE = 94,
    /// Client: ALPN offered.
    _WSI_TOKEN_CLIENT_ALPN = 95,
    /// How many tokens there are.
    WSI_TOKEN_COUNT = 96,
    /// Parser state: in a name.
    WSI_TOKEN_NAME_PART = 97,
    /// Parser state: in the value of an unknown header.
    WSI_TOKEN_UNKNOWN_VALUE_PART = 98,
    /// Parser state: skipping.
    WSI_TOKEN_SKIPPING = 99,
    /// Parser state: skipping, CR seen.
    WSI_TOKEN_SKIPPING_SAW_CR = 100,
}
c_enum!(lws_token_indexes);

/// Limits per token; not honoured.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_token_limits {
    /// Largest length in bytes by token; 0 for no limit.
    pub token_limit: [u16; 96],
}
assert_layout!(lws_token_limits, 192, {token_limit: 0});

/// Index of an h2 setting (RFC 9113 section 6.5.2) in `http2_settings`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_h2_settings {
    /// `SETTINGS_HEADER_TABLE_SIZE`.
    H2SET_HEADER_TABLE_SIZE = 1,
    /// `SETTINGS_ENABLE_PUSH`.
    H2SET_ENABLE_PUSH = 2,
    /// `SETTINGS_MAX_CONCURRENT_STREAMS`.
    H2SET_MAX_CONCURRENT_STREAMS = 3,
    /// `SETTINGS_INITIAL_WINDOW_SIZE`.
    H2SET_INITIAL_WINDOW_SIZE = 4,
    /// `SETTINGS_MAX_FRAME_SIZE`.
    H2SET_MAX_FRAME_SIZE = 5,
    /// `SETTINGS_MAX_HEADER_LIST_SIZE`.
    H2SET_MAX_HEADER_LIST_SIZE = 6,
    /// Not assigned.
    H2SET_RESERVED7 = 7,
    /// `SETTINGS_ENABLE_CONNECT_PROTOCOL` (RFC 8441).
    H2SET_ENABLE_CONNECT_PROTOCOL = 8,
    /// How many there are.
    H2SET_COUNT = 9,
}
c_enum!(lws_h2_settings);

/// A stream id that h2 does not have.
pub const LWS_H2_STREAM_SID: c_int = -1;

/// `lws_http_get_uri_and_method()`: GET.
pub const LWSHUMETH_GET: c_int = 0;
/// `lws_http_get_uri_and_method()`: POST.
pub const LWSHUMETH_POST: c_int = 1;
/// `lws_http_get_uri_and_method()`: OPTIONS.
pub const LWSHUMETH_OPTIONS: c_int = 2;
/// `lws_http_get_uri_and_method()`: PUT.
pub const LWSHUMETH_PUT: c_int = 3;
/// `lws_http_get_uri_and_method()`: PATCH.
pub const LWSHUMETH_PATCH: c_int = 4;
/// `lws_http_get_uri_and_method()`: DELETE.
pub const LWSHUMETH_DELETE: c_int = 5;
/// `lws_http_get_uri_and_method()`: CONNECT.
pub const LWSHUMETH_CONNECT: c_int = 6;
/// `lws_http_get_uri_and_method()`: HEAD.
pub const LWSHUMETH_HEAD: c_int = 7;
/// `lws_http_get_uri_and_method()`: an h2 request of another method.
pub const LWSHUMETH_COLON_PATH: c_int = 8;

/// Step of a CGI response's header parser.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_cgi_hdr_state {
    /// In a header.
    LCHS_HEADER = 0,
    /// A CR was seen.
    LCHS_CR1 = 1,
    /// A line has ended.
    LCHS_LF1 = 2,
    /// A second CR was seen.
    LCHS_CR2 = 3,
    /// The headers have ended.
    LCHS_LF2 = 4,
    /// The response is built.
    LHCS_RESPONSE = 5,
    /// Headers are sent.
    LHCS_DUMP_HEADERS = 6,
    /// The body is sent.
    LHCS_PAYLOAD = 7,
    /// A bare LF was seen.
    LCHS_SINGLE_0A = 8,
}
c_enum!(lws_cgi_hdr_state);

/// Which pipe of a CGI process.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_enum_stdinouterr {
    /// Standard input.
    LWS_STDIN = 0,
    /// Standard output.
    LWS_STDOUT = 1,
    /// Standard error.
    LWS_STDERR = 2,
}
c_enum!(lws_enum_stdinouterr);

/// What the CGI callbacks get as `in`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_cgi_args {
    /// The wsi of the three pipes.
    pub stdwsi: *mut *mut lws,
    /// Which pipe.
    pub ch: enum_lws_enum_stdinouterr,
    /// Data for the process.
    pub data: *mut u8,
    /// Where the response's headers are.
    pub hdr_state: enum_lws_cgi_hdr_state,
    /// Length of `data` in bytes.
    pub len: c_int,
}
assert_layout!(lws_cgi_args, 32, {stdwsi: 0, ch: 8, data: 16, hdr_state: 24, len: 28});
