//! TLS: certificates, sessions, events.

use std::ffi::{c_char, c_int, c_uint, c_void};

use super::{lws_context, time_t};

/// What to find out about a certificate.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_tls_cert_info {
    /// `time`: from when it is valid.
    LWS_TLS_CERT_INFO_VALIDITY_FROM = 0,
    /// `time`: until when it is valid.
    LWS_TLS_CERT_INFO_VALIDITY_TO = 1,
    /// `ns`: the subject's common name.
    LWS_TLS_CERT_INFO_COMMON_NAME = 2,
    /// `ns`: the issuer's name.
    LWS_TLS_CERT_INFO_ISSUER_NAME = 3,
    /// `usage`: the key usage bits.
    LWS_TLS_CERT_INFO_USAGE = 4,
    /// `verified`: whether the peer's certificate was verified.
    LWS_TLS_CERT_INFO_VERIFIED = 5,
    /// `ns`: the public key.
    LWS_TLS_CERT_INFO_OPAQUE_PUBLIC_KEY = 6,
    /// `ns`: the whole certificate in DER.
    LWS_TLS_CERT_INFO_DER_RAW = 7,
    /// `ns`: the authority key id.
    LWS_TLS_CERT_INFO_AUTHORITY_KEY_ID = 8,
    /// `ns`: the authority key id's issuer.
    LWS_TLS_CERT_INFO_AUTHORITY_KEY_ID_ISSUER = 9,
    /// `ns`: the authority key id's serial number.
    LWS_TLS_CERT_INFO_AUTHORITY_KEY_ID_SERIAL = 10,
    /// `ns`: the subject key id.
    LWS_TLS_CERT_INFO_SUBJECT_KEY_ID = 11,
}
c_enum!(lws_tls_cert_info:
    LWS_TLS_CERT_INFO_VALIDITY_FROM,
    LWS_TLS_CERT_INFO_VALIDITY_TO,
    LWS_TLS_CERT_INFO_COMMON_NAME,
    LWS_TLS_CERT_INFO_ISSUER_NAME,
    LWS_TLS_CERT_INFO_USAGE,
    LWS_TLS_CERT_INFO_VERIFIED,
    LWS_TLS_CERT_INFO_OPAQUE_PUBLIC_KEY,
    LWS_TLS_CERT_INFO_DER_RAW,
    LWS_TLS_CERT_INFO_AUTHORITY_KEY_ID,
    LWS_TLS_CERT_INFO_AUTHORITY_KEY_ID_ISSUER,
    LWS_TLS_CERT_INFO_AUTHORITY_KEY_ID_SERIAL,
    LWS_TLS_CERT_INFO_SUBJECT_KEY_ID,
);

/// A name or bytes from a certificate. The array may be larger than declared: the caller says.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_tls_cert_info_ns {
    /// Length in bytes.
    pub len: c_int,
    /// The bytes.
    pub name: [c_char; 64],
}

/// What was found out about a certificate.
#[repr(C)]
#[derive(Clone, Copy)]
pub union lws_tls_cert_info_results {
    /// Whether it was verified.
    pub verified: c_uint,
    /// A time.
    pub time: time_t,
    /// Key usage bits.
    pub usage: c_uint,
    /// A name or bytes.
    pub ns: lws_tls_cert_info_ns,
}
assert_layout!(lws_tls_cert_info_results, 72, {verified: 0, time: 0, usage: 0, ns: 0});

/// Length of a session's tag.
pub const LWS_SESSION_TAG_LEN: usize = 96;

/// A TLS session to keep or to restore.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_tls_session_dump {
    /// What it belongs to, NUL-terminated.
    pub tag: [c_char; LWS_SESSION_TAG_LEN],
    /// The session's bytes.
    pub blob: *mut c_void,
    /// For the program.
    pub opaque: *mut c_void,
    /// Length of `blob` in bytes.
    pub blob_len: usize,
}
assert_layout!(lws_tls_session_dump, 120, {tag: 0, blob: 96, opaque: 104, blob_len: 112});

/// Keeps or restores a TLS session; 0 on success.
pub type lws_tls_sess_cb_t =
    Option<unsafe extern "C" fn(cx: *mut lws_context, info: *mut lws_tls_session_dump) -> c_int>;

/// What `LWS_CALLBACK_SSL_INFO` gets as `in`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct lws_ssl_info {
    /// The event.
    pub r#where: c_int,
    /// Its result.
    pub ret: c_int,
}
assert_layout!(lws_ssl_info, 8, {r#where: 0, ret: 4});
