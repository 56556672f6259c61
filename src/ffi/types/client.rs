//! Client connections.

use std::ffi::{c_char, c_int, c_void};

use super::{lws, lws_context, lws_log_cx_t, lws_retry_bo_t, lws_sequencer, lws_vhost};

/// Flags of `lws_client_connect_info.ssl_connection`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_client_connect_ssl_connection_flags {
    /// Use TLS.
    LCCSCF_USE_SSL = 0x1,
    /// Accept a certificate that is self-signed or comes with a self-signed one above it, without being trusted. Nothing else: one
    /// whose issuer is not there needs `LCCSCF_ALLOW_INSECURE`, an expired one `LCCSCF_ALLOW_EXPIRED`, and so on.
    LCCSCF_ALLOW_SELFSIGNED = 0x2,
    /// Accept a certificate that is for another host.
    LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK = 0x4,
    /// Accept a certificate that has expired or is not valid yet, or has one above it of which that is true.
    LCCSCF_ALLOW_EXPIRED = 0x8,
    /// Accept a certificate whose issuer, or that of the last above it, is neither trusted nor sent. Not any certificate: a
    /// self-signed one still needs `LCCSCF_ALLOW_SELFSIGNED`. A wrong purpose, a signature that its issuer did not make, or an issuer
    /// that is no authority are never accepted, whatever the flags.
    LCCSCF_ALLOW_INSECURE = 0x10,
    /// h2: send `END_STREAM` the way older nghttp2 servers need it.
    LCCSCF_H2_QUIRK_NGHTTP2_END_STREAM = 0x20,
    /// h2: ignore the initial window of a server that announces the largest there is.
    LCCSCF_H2_QUIRK_OVERFLOWS_TXCR = 0x40,
    /// h2: send the token as bearer authorization.
    LCCSCF_H2_AUTH_BEARER = 0x80,
    /// h2: send the token in hex.
    LCCSCF_H2_HEXIFY_AUTH_TOKEN = 0x100,
    /// h2: the program opens the window itself.
    LCCSCF_H2_MANUAL_RXFLOW = 0x200,
    /// The body is multipart/form-data.
    LCCSCF_HTTP_MULTIPART_MIME = 0x400,
    /// The body is application/x-www-form-urlencoded.
    LCCSCF_HTTP_X_WWW_FORM_URLENCODED = 0x800,
    /// Do not follow redirects.
    LCCSCF_HTTP_NO_FOLLOW_REDIRECT = 0x1000,
    /// Share a connection to the same server.
    LCCSCF_PIPELINE = 0x0001_0000,
    /// The transaction may be one of several streams.
    LCCSCF_MUXABLE_STREAM = 0x0002_0000,
    /// h2 without negotiation.
    LCCSCF_H2_PRIOR_KNOWLEDGE = 0x0004_0000,
    /// Liveness checks wake the system.
    LCCSCF_WAKE_SUSPEND__VALIDITY = 0x0008_0000,
    /// Read as long as there is something before writing.
    LCCSCF_PRIORITIZE_READS = 0x0010_0000,
    /// Secure streams: client.
    LCCSCF_SECSTREAM_CLIENT = 0x0020_0000,
    /// Secure streams: link to the proxy.
    LCCSCF_SECSTREAM_PROXY_LINK = 0x0040_0000,
    /// Secure streams: the proxy's onward connection.
    LCCSCF_SECSTREAM_PROXY_ONWARD = 0x0080_0000,
    /// IP type of service: low delay.
    LCCSCF_IP_LOW_LATENCY = 0x0100_0000,
    /// IP type of service: high throughput.
    LCCSCF_IP_HIGH_THROUGHPUT = 0x0200_0000,
    /// IP type of service: high reliability.
    LCCSCF_IP_HIGH_RELIABILITY = 0x0400_0000,
    /// IP type of service: low cost.
    LCCSCF_IP_LOW_COST = 0x0800_0000,
    /// Keep connection measurements.
    LCCSCF_CONMON = 0x1000_0000,
    /// Follow redirects from https to http.
    LCCSCF_ACCEPT_TLS_DOWNGRADE_REDIRECTS = 0x2000_0000,
    /// Keep the cookies that answers set, those of redirects too, and send those that fit: RFC 6265. Without it the request
    /// neither gets nor gives any. They are the context's, see its `http_nsc_filepath`; without that they last as long as
    /// the context. A `cookie` header that the program adds is sent instead of them.
    LCCSCF_CACHE_COOKIES = 0x4000_0000,
}
c_enum!(lws_client_connect_ssl_connection_flags);

/// What to connect to, and how. Zero it first. Strings are copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_client_connect_info {
    /// The context.
    pub context: *mut lws_context,
    /// Host name or address to connect to.
    pub address: *const c_char,
    /// Port.
    pub port: c_int,
    /// `LCCSCF_*`.
    pub ssl_connection: c_int,
    /// Path of the request, with arguments.
    pub path: *const c_char,
    /// Value of the host header; NULL for none.
    pub host: *const c_char,
    /// Value of the origin header; NULL for none.
    pub origin: *const c_char,
    /// WebSocket subprotocols offered, comma separated; NULL for none.
    pub protocol: *const c_char,
    /// WebSocket version, or -1 for the one there is.
    pub ietf_version_or_minus_one: c_int,
    /// Becomes `user` of the wsi; not freed by the library. NULL: allocated.
    pub userdata: *mut c_void,
    /// Not used.
    pub client_exts: *const c_void,
    /// HTTP method, "RAW" for a raw socket, NULL for WebSocket.
    pub method: *const c_char,
    /// The parent wsi, or NULL.
    pub parent_wsi: *mut lws,
    /// Proxying: replace this in HTML.
    pub uri_replace_from: *const c_char,
    /// Proxying: by this.
    pub uri_replace_to: *const c_char,
    /// The vhost to use; NULL for the default.
    pub vhost: *mut lws_vhost,
    /// Where to store the wsi before callbacks begin; set to NULL when it fails. May be NULL.
    pub pwsi: *mut *mut lws,
    /// Interface or address to bind, or NULL.
    pub iface: *const c_char,
    /// Name of the local protocol to bind; NULL for `protocol`.
    pub local_protocol_name: *const c_char,
    /// Protocols offered by ALPN, comma separated; NULL for the vhost's.
    pub alpn: *const c_char,
    /// Not used.
    pub seq: *mut lws_sequencer,
    /// The opaque user data of the wsi.
    pub opaque_user_data: *mut c_void,
    /// Retry and liveness policy; NULL for the vhost's.
    pub retry_and_idle_policy: *const lws_retry_bo_t,
    /// With `LCCSCF_H2_MANUAL_RXFLOW`: initial window in bytes.
    pub manual_initial_tx_credit: c_int,
    /// Which system client certificate to use.
    pub sys_tls_client_cert: u8,
    /// IP priority, 0 to 6.
    pub priority: u8,
    /// Not used.
    pub mqtt_cp: *mut c_void,
    /// What injected faults would call it: changes nothing, as in Debian's build, because there are none.
    pub fi_wsi_name: *const c_char,
    /// Seconds an idle connection is kept for reuse; 0 for 5.
    pub keep_warm_secs: u16,
    /// Log context of the wsi; NULL for the vhost's.
    pub log_cx: *mut lws_log_cx_t,
    /// Room for more; zero.
    #[allow(clippy::pub_underscore_fields, reason = "the C API's name")]
    pub _unused: [*mut c_void; 4],
}
assert_layout!(lws_client_connect_info, 248, {context: 0, address: 8, port: 16, ssl_connection: 20, path: 24, host: 32, origin: 40, protocol: 48, ietf_version_or_minus_one: 56, userdata: 64, client_exts: 72, method: 80, parent_wsi: 88, uri_replace_from: 96, uri_replace_to: 104, vhost: 112, pwsi: 120, iface: 128, local_protocol_name: 136, alpn: 144, seq: 152, opaque_user_data: 160, retry_and_idle_policy: 168, manual_initial_tx_credit: 176, sys_tls_client_cert: 180, priority: 181, mqtt_cp: 184, fi_wsi_name: 192, keep_warm_secs: 200, log_cx: 208, _unused: 216});
