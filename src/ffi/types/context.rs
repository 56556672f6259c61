//! How contexts and virtual hosts are made.

use std::ffi::{c_char, c_int, c_long, c_uint, c_void};

use super::{
    gid_t, lws_context, lws_extension, lws_http_mount, lws_log_cx_t, lws_plat_file_ops, lws_plugin_evlib,
    lws_protocol_vhost_options, lws_protocols, lws_retry_bo_t, lws_smd_class_t, lws_smd_notification_cb_t,
    lws_state_notify_link_t, lws_system_ops_t, lws_token_limits, lws_usec_t, lws_vhost, ssl_ctx_st, uid_t,
};

/// `port`: do not listen.
pub const CONTEXT_PORT_NO_LISTEN: c_int = -1;
/// `port`: do not listen, but be a server for adopted sockets.
pub const CONTEXT_PORT_NO_LISTEN_SERVER: c_int = -2;

/// (vhost) Clients must show a certificate that an authority of the vhost signed.
pub const LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT: u64 = (1_u64 << 1) | (1_u64 << 12);
/// (vhost) Do not look up the machine's name.
pub const LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME: u64 = 1_u64 << 2;
/// (vhost) Speak plain HTTP to peers that do not begin with TLS.
pub const LWS_SERVER_OPTION_ALLOW_NON_SSL_ON_SSL_PORT: u64 = (1_u64 << 3) | (1_u64 << 12);
/// Use libev; not provided.
pub const LWS_SERVER_OPTION_LIBEV: u64 = 1_u64 << 4;
/// (vhost) Listen on IPv4 only.
pub const LWS_SERVER_OPTION_DISABLE_IPV6: u64 = 1_u64 << 5;
/// (vhost) Do not trust the system's authorities.
pub const LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS: u64 = 1_u64 << 6;
/// (vhost) Accept clients without a certificate.
pub const LWS_SERVER_OPTION_PEER_CERT_NOT_REQUIRED: u64 = 1_u64 << 7;
/// (vhost) Check that WebSocket text is UTF-8.
pub const LWS_SERVER_OPTION_VALIDATE_UTF8: u64 = 1_u64 << 8;
/// (vhost) Use elliptic curve key exchange; always on.
pub const LWS_SERVER_OPTION_SSL_ECDH: u64 = (1_u64 << 9) | (1_u64 << 12);
/// Use libuv; not provided.
pub const LWS_SERVER_OPTION_LIBUV: u64 = 1_u64 << 10;
/// (vhost) Redirect peers that do not begin with TLS to https.
pub const LWS_SERVER_OPTION_REDIRECT_HTTP_TO_HTTPS: u64 = (1_u64 << 11) | (1_u64 << 12);
/// Initialize TLS; nothing to do here.
pub const LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT: u64 = 1_u64 << 12;
/// `lws_create_context()` makes no vhost.
pub const LWS_SERVER_OPTION_EXPLICIT_VHOSTS: u64 = 1_u64 << 13;
/// (vhost) `iface` is the path of a unix socket.
pub const LWS_SERVER_OPTION_UNIX_SOCK: u64 = 1_u64 << 14;
/// (vhost) Send strict-transport-security.
pub const LWS_SERVER_OPTION_STS: u64 = 1_u64 << 15;
/// (vhost) `LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE` says whether IPv6 sockets take IPv4.
pub const LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY: u64 = 1_u64 << 16;
/// (vhost) With `LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY`: IPv6 only.
pub const LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE: u64 = 1_u64 << 17;
/// libuv only.
pub const LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN: u64 = 1_u64 << 18;
/// (vhost) Proxies use the mount's origin as it is.
pub const LWS_SERVER_OPTION_JUST_USE_RAW_ORIGIN: u64 = 1_u64 << 19;
/// (vhost) The former name of `LWS_SERVER_OPTION_FALLBACK_TO_APPLY_LISTEN_ACCEPT_CONFIG`.
pub const LWS_SERVER_OPTION_FALLBACK_TO_RAW: u64 = 1_u64 << 20;
/// (vhost) Peers that do not speak HTTP get `listen_accept_role` and `listen_accept_protocol`.
pub const LWS_SERVER_OPTION_FALLBACK_TO_APPLY_LISTEN_ACCEPT_CONFIG: u64 = 1_u64 << 20;
/// Use libevent; not provided.
pub const LWS_SERVER_OPTION_LIBEVENT: u64 = 1_u64 << 21;
/// (vhost) The former name of `LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG`.
pub const LWS_SERVER_OPTION_ONLY_RAW: u64 = 1_u64 << 22;
/// (vhost) All peers get `listen_accept_role` and `listen_accept_protocol`.
pub const LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG: u64 = 1_u64 << 22;
/// (vhost) Other processes may listen on the port too.
pub const LWS_SERVER_OPTION_ALLOW_LISTEN_SHARE: u64 = 1_u64 << 23;
/// (vhost) Prepare TLS without a certificate.
pub const LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX: u64 = 1_u64 << 24;
/// (vhost) Do not send `LWS_CALLBACK_PROTOCOL_INIT`.
pub const LWS_SERVER_OPTION_SKIP_PROTOCOL_INIT: u64 = 1_u64 << 25;
/// (vhost) If there is no certificate, listen anyway.
pub const LWS_SERVER_OPTION_IGNORE_MISSING_CERT: u64 = 1_u64 << 26;
/// (vhost) Upgrades must name the vhost in the host header.
pub const LWS_SERVER_OPTION_VHOST_UPG_STRICT_HOST_CHECK: u64 = 1_u64 << 27;
/// (vhost) Send the usual security headers with each response.
pub const LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE: u64 = 1_u64 << 28;
/// (vhost) Speak plain HTTP to peers that do not begin with TLS, with redirects if asked for.
pub const LWS_SERVER_OPTION_ALLOW_HTTP_ON_HTTPS_LISTENER: u64 = 1_u64 << 29;
/// (vhost) Fail if the port cannot be bound.
pub const LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND: u64 = 1_u64 << 30;
/// (vhost) Tolerate h2 peers that overflow the window.
pub const LWS_SERVER_OPTION_H2_JUST_FIX_WINDOW_UPDATE_OVERFLOW: u64 = 1_u64 << 31;
/// (vhost) Keep half closed h2 streams without a timeout.
pub const LWS_SERVER_OPTION_VH_H2_HALF_CLOSED_LONG_POLL: u64 = 1_u64 << 32;
/// Use glib; not provided.
pub const LWS_SERVER_OPTION_GLIB: u64 = 1_u64 << 33;
/// (vhost) Peers on plain sockets speak h2 without negotiation.
pub const LWS_SERVER_OPTION_H2_PRIOR_KNOWLEDGE: u64 = 1_u64 << 34;
/// Do not run the system state machine.
pub const LWS_SERVER_OPTION_NO_LWS_SYSTEM_STATES: u64 = 1_u64 << 35;
/// Secure streams proxy; not provided.
pub const LWS_SERVER_OPTION_SS_PROXY: u64 = 1_u64 << 36;
/// Use sd-event; not provided.
pub const LWS_SERVER_OPTION_SDEVENT: u64 = 1_u64 << 37;
/// Use uloop; not provided.
pub const LWS_SERVER_OPTION_ULOOP: u64 = 1_u64 << 38;
/// (vhost) Do not keep TLS sessions.
pub const LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE: u64 = 1_u64 << 39;

/// How to make a context, and how to make a virtual host. Zero it first.
///
/// Members marked (vhost) concern the virtual host: the one that `lws_create_context()` makes, or
/// the one of `lws_create_vhost()`. The others are for the context only. Protocols, mounts, options
/// and strings that they point to must live as long as the vhost, except where "copied" is said.
///
/// A member that is set and that the library does not honour is named in a log line at ERR; where
/// ignoring it would weaken security, the creation fails.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_context_creation_info {
    /// (vhost) Interface or address to listen on, or path of a unix socket ("@" first: abstract).
    /// NULL for all interfaces.
    pub iface: *const c_char,
    /// (vhost) The protocols; copied, not what they point to. NULL: HTTP files only.
    pub protocols: *const lws_protocols,
    /// (vhost) WebSocket extensions, or NULL.
    pub extensions: *const lws_extension,
    /// Limits per header; not honoured.
    pub token_limits: *const lws_token_limits,
    /// (vhost) HTTP proxy of clients: host or host:port. NULL: none.
    pub http_proxy_address: *const c_char,
    /// (vhost) Headers that each response gets: names with colon, and values.
    pub headers: *const lws_protocol_vhost_options,
    /// (vhost) Header values that make a request refused.
    pub reject_service_keywords: *const lws_protocol_vhost_options,
    /// (vhost) Per-vhost options of the protocols, by protocol name.
    pub pvo: *const lws_protocol_vhost_options,
    /// (vhost) Access log; not honoured.
    pub log_filepath: *const c_char,
    /// (vhost) The mounts.
    pub mounts: *const lws_http_mount,
    /// (vhost) Value of the server header; NULL for the default.
    pub server_string: *const c_char,
    /// (vhost) Path that a missing file redirects to; NULL for a built-in 404 page.
    pub error_document_404: *const c_char,
    /// (vhost) Port to listen on, `CONTEXT_PORT_NO_LISTEN…`, or 0 for any free one.
    pub port: c_int,
    /// (vhost) Port of the HTTP proxy of clients.
    pub http_proxy_port: c_uint,
    /// Bytes of headers per transaction; 0 for `max_http_header_data`.
    pub max_http_header_data2: c_uint,
    /// How many header tables there are at most; 0 for `max_http_header_pool`.
    pub max_http_header_pool2: c_uint,
    /// (vhost) Seconds an idle kept connection lives; 0 for 5 on h1, 31 on h2.
    pub keepalive_timeout: c_int,
    /// (vhost) h2 settings by index 1 to 6 (`H2SET_*`), used if index 0 is nonzero.
    pub http2_settings: [u32; 7],
    /// Bytes of headers per transaction; 0 for 4096.
    pub max_http_header_data: u16,
    /// How many header tables there are at most; 0 for one per fd.
    pub max_http_header_pool: u16,
    /// (vhost) Passphrase of the private key, or NULL.
    pub ssl_private_key_password: *const c_char,
    /// (vhost) File with the certificate chain, PEM or DER. TLS is on if there is a certificate.
    pub ssl_cert_filepath: *const c_char,
    /// (vhost) File with the private key.
    pub ssl_private_key_filepath: *const c_char,
    /// (vhost) File with the authorities that client certificates are checked against.
    pub ssl_ca_filepath: *const c_char,
    /// (vhost) OpenSSL cipher list up to TLS 1.2; not honoured.
    pub ssl_cipher_list: *const c_char,
    /// (vhost) Curves; not honoured.
    pub ecdh_curve: *const c_char,
    /// (vhost) OpenSSL cipher suites of TLS 1.3; not honoured.
    pub tls1_3_plus_cipher_list: *const c_char,
    /// (vhost) The certificate chain in memory, PEM or DER; used if there is no file.
    pub server_ssl_cert_mem: *const c_void,
    /// (vhost) The private key in memory, PEM or DER.
    pub server_ssl_private_key_mem: *const c_void,
    /// (vhost) The authorities in memory, PEM or DER.
    pub server_ssl_ca_mem: *const c_void,
    /// (vhost) OpenSSL options; not honoured.
    pub ssl_options_set: c_long,
    /// (vhost) OpenSSL options; not honoured.
    pub ssl_options_clear: c_long,
    /// How many TLS connections there are at most at a time; 0 for no limit.
    pub simultaneous_ssl_restriction: c_int,
    /// How many TLS handshakes there are at most at a time; 0 for no limit.
    pub simultaneous_ssl_handshake_restriction: c_int,
    /// (vhost) Which TLS events are reported; not honoured.
    pub ssl_info_event_mask: c_int,
    /// (vhost) Length of `server_ssl_cert_mem` in bytes.
    pub server_ssl_cert_mem_len: c_uint,
    /// (vhost) Length of `server_ssl_private_key_mem` in bytes.
    pub server_ssl_private_key_mem_len: c_uint,
    /// (vhost) Length of `server_ssl_ca_mem` in bytes.
    pub server_ssl_ca_mem_len: c_uint,
    /// (vhost) Protocols for ALPN, comma separated, preferred first; NULL for "h2,http/1.1".
    pub alpn: *const c_char,
    /// (vhost) Client: passphrase of the private key.
    pub client_ssl_private_key_password: *const c_char,
    /// (vhost) Client: file with the certificate.
    pub client_ssl_cert_filepath: *const c_char,
    /// (vhost) Client: the certificate in memory.
    pub client_ssl_cert_mem: *const c_void,
    /// (vhost) Client: length of `client_ssl_cert_mem` in bytes.
    pub client_ssl_cert_mem_len: c_uint,
    /// (vhost) Client: file with the private key.
    pub client_ssl_private_key_filepath: *const c_char,
    /// (vhost) Client: the private key in memory.
    pub client_ssl_key_mem: *const c_void,
    /// (vhost) Client: file with the authorities that servers are checked against.
    pub client_ssl_ca_filepath: *const c_char,
    /// (vhost) Client: the authorities in memory.
    pub client_ssl_ca_mem: *const c_void,
    /// (vhost) Client: OpenSSL cipher list; not honoured.
    pub client_ssl_cipher_list: *const c_char,
    /// (vhost) Client: OpenSSL cipher suites of TLS 1.3; not honoured.
    pub client_tls_1_3_plus_cipher_list: *const c_char,
    /// (vhost) Client: OpenSSL options; not honoured.
    pub ssl_client_options_set: c_long,
    /// (vhost) Client: OpenSSL options; not honoured.
    pub ssl_client_options_clear: c_long,
    /// (vhost) Client: length of `client_ssl_ca_mem` in bytes.
    pub client_ssl_ca_mem_len: c_uint,
    /// (vhost) Client: length of `client_ssl_key_mem` in bytes.
    pub client_ssl_key_mem_len: c_uint,
    /// (vhost) Client: an OpenSSL context; refused, TLS is not OpenSSL here.
    pub provided_client_ssl_ctx: *mut ssl_ctx_st,
    /// (vhost) Seconds before the first TCP keepalive probe; 0 for no keepalive.
    pub ka_time: c_int,
    /// (vhost) How many TCP keepalive probes may go unanswered.
    pub ka_probes: c_int,
    /// (vhost) Seconds between TCP keepalive probes.
    pub ka_interval: c_int,
    /// (vhost) Seconds that steps of the protocols may take; 0 for 15.
    pub timeout_secs: c_uint,
    /// (vhost) Seconds a client connection may take; 0 for 20.
    pub connect_timeout_secs: c_uint,
    /// (vhost) Bind the socket to the interface, not only to its address.
    pub bind_iface: c_int,
    /// (vhost) Seconds that a header table may be held without progress; 0 for 10.
    pub timeout_secs_ah_idle: c_uint,
    /// (vhost) Seconds that a TLS session may be resumed; 0 for the default.
    pub tls_session_timeout: u32,
    /// (vhost) How many client TLS sessions are kept; 0 for the default.
    pub tls_session_cache_max: u32,
    /// Group to change to after the sockets are bound, or 0.
    pub gid: gid_t,
    /// User to change to after the sockets are bound, or 0.
    pub uid: uid_t,
    /// (both) `LWS_SERVER_OPTION_*`.
    pub options: u64,
    /// (both) For the program: `lws_context_user()`, `lws_vhost_user()`.
    pub user: *mut c_void,
    /// Service threads; 0 for 1, which is the most there can be.
    pub count_threads: c_uint,
    /// Descriptors per service thread; 0 for the process's limit.
    pub fd_limit_per_thread: c_uint,
    /// (vhost) Name: what the host header and SNI are compared with; copied. NULL for "default".
    pub vhost_name: *const c_char,
    /// Memory that is given to `free()` when the context is destroyed, or NULL.
    pub external_baggage_free_on_destroy: *mut c_void,
    /// Bytes of the service thread's buffer; 0 for 4096.
    pub pt_serv_buf_size: c_uint,
    /// File operations besides the built-in ones, or NULL.
    pub fops: *const lws_plat_file_ops,
    /// Capabilities to keep after changing user.
    pub caps: [c_int; 4],
    /// How many of `caps` are used.
    pub count_caps: c_char,
    /// The program's loops, one per service thread: what the loop's `init_pt` gets.
    pub foreign_loops: *mut *mut c_void,
    /// Called by event libraries that watch for signals; not used.
    pub signal_cb: Option<unsafe extern "C" fn(event_lib_handle: *mut c_void, signum: c_int)>,
    /// Where the program keeps the context; set to NULL when the context is gone.
    pub pcontext: *mut *mut lws_context,
    /// (vhost) Called when the vhost is gone, with `finalize_arg`.
    pub finalize: Option<unsafe extern "C" fn(vh: *mut lws_vhost, arg: *mut c_void)>,
    /// (vhost) Second argument of `finalize`.
    pub finalize_arg: *mut c_void,
    /// (vhost) Role of accepted connections, or NULL for HTTP.
    pub listen_accept_role: *const c_char,
    /// (vhost) Protocol of accepted connections that are not HTTP, or NULL.
    pub listen_accept_protocol: *const c_char,
    /// (vhost) The protocols as an array of pointers that ends with NULL; instead of `protocols`.
    pub pprotocols: *mut *const lws_protocols,
    /// Name of the user to change to, or NULL.
    pub username: *const c_char,
    /// Name of the group to change to, or NULL.
    pub groupname: *const c_char,
    /// (vhost) Owner of the unix socket, "user:group", or NULL.
    pub unix_socket_perms: *const c_char,
    /// What the system can do for the library, or NULL.
    pub system_ops: *const lws_system_ops_t,
    /// (vhost) Retry and liveness policy, or NULL for the default.
    pub retry_and_idle_policy: *const lws_retry_bo_t,
    /// Who wants to know about system states: pointers that end with NULL, or NULL.
    pub register_notifier_list: *const *mut lws_state_notify_link_t,
    /// Raise the process's limit of descriptors to this; 0 to leave it.
    pub rlimit_nofile: c_int,
    /// Takes system messages from the start, or NULL.
    pub early_smd_cb: lws_smd_notification_cb_t,
    /// First argument of `early_smd_cb`.
    pub early_smd_opaque: *mut c_void,
    /// Which classes of messages it takes.
    pub early_smd_class_filter: lws_smd_class_t,
    /// Microseconds that system messages are kept; 0 for the default.
    pub smd_ttl_us: lws_usec_t,
    /// How many system messages are kept; 0 for the default.
    pub smd_queue_depth: u16,
    /// (vhost) TCP fast open queue length; 0 for off.
    pub fo_listen_queue: c_int,
    /// The program's event loop, or NULL for the built-in one.
    pub event_lib_custom: *const lws_plugin_evlib,
    /// (both) Log context, or NULL for the process's.
    pub log_cx: *mut lws_log_cx_t,
    /// Client: the file of the cookies of requests with `LCCSCF_CACHE_COOKIES`, in Netscape's format as curl reads and
    /// writes it (`-b`, `-c`); NULL keeps them in memory. Read here if it exists, and written when its cookies have changed:
    /// a new file with mode 0600 takes its place. Cookies without an expiry of their own are not written.
    pub http_nsc_filepath: *const c_char,
    /// Client: bytes of all cookies, those in the file too; 0 for no limit but the other two. Expired and then the oldest
    /// cookies make room.
    pub http_nsc_heap_max_footprint: usize,
    /// Client: how many cookies are kept; 0 for 3000.
    pub http_nsc_heap_max_items: usize,
    /// Client: bytes of the largest cookie, name and value, that is kept; 0 for 4096.
    pub http_nsc_heap_max_payload: usize,
    /// Room for more; zero.
    #[allow(clippy::pub_underscore_fields, reason = "the C API's name")]
    pub _unused: [*mut c_void; 2],
}
assert_layout!(lws_context_creation_info, 744, {iface: 0, protocols: 8, extensions: 16, token_limits: 24, http_proxy_address: 32, headers: 40, reject_service_keywords: 48, pvo: 56, log_filepath: 64, mounts: 72, server_string: 80, error_document_404: 88, port: 96, http_proxy_port: 100, max_http_header_data2: 104, max_http_header_pool2: 108, keepalive_timeout: 112, http2_settings: 116, max_http_header_data: 144, max_http_header_pool: 146, ssl_private_key_password: 152, ssl_cert_filepath: 160, ssl_private_key_filepath: 168, ssl_ca_filepath: 176, ssl_cipher_list: 184, ecdh_curve: 192, tls1_3_plus_cipher_list: 200, server_ssl_cert_mem: 208, server_ssl_private_key_mem: 216, server_ssl_ca_mem: 224, ssl_options_set: 232, ssl_options_clear: 240, simultaneous_ssl_restriction: 248, simultaneous_ssl_handshake_restriction: 252, ssl_info_event_mask: 256, server_ssl_cert_mem_len: 260, server_ssl_private_key_mem_len: 264, server_ssl_ca_mem_len: 268, alpn: 272, client_ssl_private_key_password: 280, client_ssl_cert_filepath: 288, client_ssl_cert_mem: 296, client_ssl_cert_mem_len: 304, client_ssl_private_key_filepath: 312, client_ssl_key_mem: 320, client_ssl_ca_filepath: 328, client_ssl_ca_mem: 336, client_ssl_cipher_list: 344, client_tls_1_3_plus_cipher_list: 352, ssl_client_options_set: 360, ssl_client_options_clear: 368, client_ssl_ca_mem_len: 376, client_ssl_key_mem_len: 380, provided_client_ssl_ctx: 384, ka_time: 392, ka_probes: 396, ka_interval: 400, timeout_secs: 404, connect_timeout_secs: 408, bind_iface: 412, timeout_secs_ah_idle: 416, tls_session_timeout: 420, tls_session_cache_max: 424, gid: 428, uid: 432, options: 440, user: 448, count_threads: 456, fd_limit_per_thread: 460, vhost_name: 464, external_baggage_free_on_destroy: 472, pt_serv_buf_size: 480, fops: 488, caps: 496, count_caps: 512, foreign_loops: 520, signal_cb: 528, pcontext: 536, finalize: 544, finalize_arg: 552, listen_accept_role: 560, listen_accept_protocol: 568, pprotocols: 576, username: 584, groupname: 592, unix_socket_perms: 600, system_ops: 608, retry_and_idle_policy: 616, register_notifier_list: 624, rlimit_nofile: 632, early_smd_cb: 640, early_smd_opaque: 648, early_smd_class_filter: 656, smd_ttl_us: 664, smd_queue_depth: 672, fo_listen_queue: 676, event_lib_custom: 680, log_cx: 688, http_nsc_filepath: 696, http_nsc_heap_max_footprint: 704, http_nsc_heap_max_items: 712, http_nsc_heap_max_payload: 720, _unused: 728});
