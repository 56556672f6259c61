//! TLS: the client side of a vhost, certificates, resumed sessions.

use std::ffi::{c_char, c_int, c_void};
use std::time::{SystemTime, UNIX_EPOCH};

use super::config::client_tls;
use super::guard::guard;
use super::handle::{vhost, wsi_cx};
use super::types::*;
use crate::proto::tls::CertificateInfo;

/// Turns on TLS for the client connections of a vhost that was created without `LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT`. Of
/// `info`, the option itself and the members for TLS clients are used; without the option, and when the vhost has it
/// already, the call does nothing. 0; 1 after one `LLL_ERR` line that names the member, its value and the reason, and for
/// NULL arguments.
///
/// # Safety
/// `info` is NULL or as for `lws_create_vhost()`; `vhost` is NULL or a vhost of a live context. Service thread only; allowed in
/// callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_init_vhost_client_ssl(
    info: *const lws_context_creation_info,
    vhost: *mut lws_vhost,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let (Some(info), Some(vhost)) = (unsafe { info.as_ref() }, unsafe { self::vhost(vhost) }) else {
            return 1;
        };
        if vhost.client_tls.get().is_some() {
            return 0;
        }
        let info = lws_context_creation_info { port: CONTEXT_PORT_NO_LISTEN, ..*info };
        // SAFETY: the caller's promise.
        match unsafe { client_tls(&info) } {
            Ok(Some(tls)) => {
                // It was empty, and nobody else has been asked since.
                let _ = vhost.client_tls.set(tls);
                0
            }
            Ok(None) => 0,
            Err(error) => {
                crate::log_err!("lws_init_vhost_client_ssl: {error}");
                1
            }
        }
    })
}

/// Adds a certificate (DER, `der_len` bytes, copied) to what the client connections of a vhost verify servers with, from the next
/// connection on: a self-signed one is an issuer to trust, another stands between a trusted issuer and servers that do not
/// send it. 0; 1 if it is no certificate, if the vhost has no TLS for clients, and for NULL.
///
/// # Safety
/// `vh` is NULL or a vhost of a live context, `der` is NULL or `der_len` bytes. Service thread only; allowed in callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_tls_client_vhost_extra_cert_mem(
    vh: *mut lws_vhost,
    der: *const u8,
    der_len: usize,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some(vhost) = (unsafe { vhost(vh) }) else { return 1 };
        let Some(tls) = vhost.client_tls.get().filter(|_| !der.is_null()) else { return 1 };
        // SAFETY: the caller's promise.
        let der = unsafe { std::slice::from_raw_parts(der, der_len) };
        match tls.add_certificate(der) {
            Ok(()) => 0,
            Err(error) => {
                crate::log_err!("lws_tls_client_vhost_extra_cert_mem: {}", error.reason);
                1
            }
        }
    })
}

/// Whether the TLS session of the wsi's connection is an earlier one that was resumed: 1 or 0; 0 without TLS and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only; allowed in callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_tls_session_is_reused(wsi: *mut lws) -> c_int {
    guard(0, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return 0 };
        let Some(network) = super::wsi::network(wsi, &cx) else { return 0 };
        let resumed = network.with_net(|net| net.tls.as_ref().is_some_and(|tls| tls.resumed()));
        (resumed == Some(true)).into()
    })
}

/// Finds out something about the certificate of the peer of the wsi's connection; see `lws_tls_vhost_cert_info()`. Also
/// `LWS_TLS_CERT_INFO_VERIFIED`: 1 when the certificate is good, 0 when something had to be forgiven it (`LCCSCF_ALLOW_...`).
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `buf` as for `lws_tls_vhost_cert_info()`. Service thread only; allowed in callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_tls_peer_cert_info(
    wsi: *mut lws,
    r#type: enum_lws_tls_cert_info,
    buf: *mut lws_tls_cert_info_results,
    len: usize,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return -1 };
        let Some(network) = super::wsi::network(wsi, &cx) else { return -1 };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let found = network.with_net(|net| {
            let tls = net.tls.as_ref()?;
            Some((tls.peer_certificate()?.to_vec(), tls.is_verified(now)))
        });
        let Some(Some((der, verified))) = found else { return -1 };
        if r#type == lws_tls_cert_info::LWS_TLS_CERT_INFO_VERIFIED.c() {
            if buf.is_null() {
                return -1;
            }
            // SAFETY: the caller's promise.
            unsafe { (&raw mut (*buf).verified).write(verified.into()) };
            return 0;
        }
        // SAFETY: the caller's promise.
        unsafe { answer(&der, r#type, buf, len) }
    })
}

/// Finds out something about a vhost's own certificate, that of a TLS server.
///
/// `buf->time` gets seconds since 1970, `buf->usage` OpenSSL's bits (all when the certificate does not say), `buf->ns` texts and
/// bytes: `len` is the room in `buf->ns.name`, which may go beyond the declared array, or 0 for just the array. Texts are
/// cut to fit and end with NUL; of bytes that do not fit, `buf->ns.len` gets the number.
///
/// 0; 1 when the certificate has no such thing; -1 when it does not fit, for an unknown type, without a certificate, and for NULL.
///
/// # Safety
/// `vhost` is NULL or a vhost of a live context; `buf` is NULL or has as much room as `len` says. Service thread only; allowed in
/// callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_tls_vhost_cert_info(
    vhost: *mut lws_vhost,
    r#type: enum_lws_tls_cert_info,
    buf: *mut lws_tls_cert_info_results,
    len: usize,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some(vhost) = (unsafe { self::vhost(vhost) }) else { return -1 };
        let Some(tls) = &vhost.tls else { return -1 };
        // SAFETY: the caller's promise.
        unsafe { answer(tls.config.certificate(), r#type, buf, len) }
    })
}

/// # Safety
/// `buf` is NULL or has room for the union and, in `ns.name`, `len` bytes (0: the declared array).
unsafe fn answer(
    der: &[u8],
    kind: enum_lws_tls_cert_info,
    buf: *mut lws_tls_cert_info_results,
    len: usize,
) -> c_int {
    use lws_tls_cert_info as Kind;
    if buf.is_null() {
        return -1;
    }
    let Some(info) = CertificateInfo::read(der) else { return -1 };
    // SAFETY: the caller's promise; members are written through pointers, because the array may go on behind the union.
    unsafe {
        let room = if len == 0 { size_of::<[c_char; 64]>() } else { len };
        let time = |time: u64| {
            (&raw mut (*buf).time).write(time as time_t);
            0
        };
        let bytes = |bytes: &[u8]| {
            (&raw mut (*buf).ns.len).write(bytes.len() as c_int);
            if bytes.len() > room {
                return -1;
            }
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut (*buf).ns.name).cast(), bytes.len());
            0
        };
        let optional = |found: Option<Vec<u8>>| {
            if let Some(found) = found {
                return bytes(&found);
            }
            (&raw mut (*buf).ns.len).write(0);
            1
        };
        let line = |line: &str| {
            let end = line.floor_char_boundary(room - 1);
            bytes(&line.as_bytes()[..end]);
            (&raw mut (*buf).ns.name).cast::<u8>().add(end).write(0);
            0
        };
        match Kind::from_c(kind) {
            Some(Kind::LWS_TLS_CERT_INFO_VALIDITY_FROM) => time(info.valid_from),
            Some(Kind::LWS_TLS_CERT_INFO_VALIDITY_TO) => time(info.valid_to),
            Some(Kind::LWS_TLS_CERT_INFO_COMMON_NAME) => line(&info.common_name),
            Some(Kind::LWS_TLS_CERT_INFO_ISSUER_NAME) => line(&info.issuer),
            Some(Kind::LWS_TLS_CERT_INFO_USAGE) => {
                (&raw mut (*buf).usage).write(info.usage);
                0
            }
            Some(Kind::LWS_TLS_CERT_INFO_OPAQUE_PUBLIC_KEY) => bytes(&info.public_key),
            Some(Kind::LWS_TLS_CERT_INFO_DER_RAW) => bytes(der),
            Some(Kind::LWS_TLS_CERT_INFO_AUTHORITY_KEY_ID) => optional(info.authority_key_id),
            Some(Kind::LWS_TLS_CERT_INFO_AUTHORITY_KEY_ID_ISSUER) => match info.authority_key_issuer {
                Some(issuer) => line(&issuer),
                None => optional(None),
            },
            Some(Kind::LWS_TLS_CERT_INFO_AUTHORITY_KEY_ID_SERIAL) => optional(info.authority_key_serial),
            Some(Kind::LWS_TLS_CERT_INFO_SUBJECT_KEY_ID) => optional(info.subject_key_id),
            Some(Kind::LWS_TLS_CERT_INFO_VERIFIED) | None => -1,
        }
    }
}

/// Would have `cb_save` keep the TLS session of a server. The sessions here cannot leave the process: nothing is saved, which
/// is logged. Returns 1.
///
/// # Safety
/// Nothing is looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_tls_session_dump_save(
    _vh: *mut lws_vhost,
    _host: *const c_char,
    _port: u16,
    _cb_save: lws_tls_sess_cb_t,
    _opq: *mut c_void,
) -> c_int {
    crate::log_err!("lws_tls_session_dump_save: TLS sessions cannot leave the process");
    1
}

/// Would take a TLS session from `cb_load`. The sessions here cannot come from elsewhere: nothing is loaded, which is logged.
/// Returns 1.
///
/// # Safety
/// Nothing is looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_tls_session_dump_load(
    _vh: *mut lws_vhost,
    _host: *const c_char,
    _port: u16,
    _cb_load: lws_tls_sess_cb_t,
    _opq: *mut c_void,
) -> c_int {
    crate::log_err!("lws_tls_session_dump_load: TLS sessions cannot come from elsewhere");
    1
}
