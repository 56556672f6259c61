//! Names that the header generator must not read: each stands for a C spelling that it could not
//! produce. The spellings are in `build.rs`.

use std::ffi::{c_int, c_uint, c_void};

use super::{
    LWS_PRE, lws, lws_context, lws_extension, lws_filefd_type, lws_filepos_t, lws_sockfd_type, lws_usec_t,
    lws_write_protocol,
};

/// `enum lws_callback_reasons` as C passes it: any value.
pub type enum_lws_callback_reasons = c_uint;
/// `enum lws_write_protocol` as C passes it: a mode in the low five bits, flags above.
pub type enum_lws_write_protocol = c_uint;
/// `enum lws_token_indexes` as C passes it: any value.
pub type enum_lws_token_indexes = c_uint;
/// `enum pending_timeout` as C passes it: any value.
pub type enum_pending_timeout = c_uint;
/// `enum lws_close_status` as C passes it: any value.
pub type enum_lws_close_status = c_uint;
/// `enum lws_extension_callback_reasons` as C passes it: any value.
pub type enum_lws_extension_callback_reasons = c_uint;
/// `enum lws_ext_options_types` as C passes it: any value.
pub type enum_lws_ext_options_types = c_uint;
/// `enum lws_spa_fileupload_states` as C passes it: any value.
pub type enum_lws_spa_fileupload_states = c_uint;
/// `enum lws_tls_cert_info` as C passes it: any value.
pub type enum_lws_tls_cert_info = c_uint;
/// `enum lws_enum_stdinouterr` as C passes it: any value.
pub type enum_lws_enum_stdinouterr = c_uint;
/// `enum lws_cgi_hdr_state` as C passes it: any value.
pub type enum_lws_cgi_hdr_state = c_uint;
/// `lws_adoption_type` as C passes it: or'ed flags.
pub type enum_lws_adoption_type = c_uint;
/// `lws_system_states_t` as C passes it: any value.
pub type enum_lws_system_states = c_uint;
/// `lws_system_blob_item_t` as C passes it: any value.
pub type enum_lws_system_blob_item = c_uint;
/// `lws_cpd_result_t` as C passes it: any value.
pub type enum_lws_cpd_result = c_uint;
/// `lws_tokenize_elem` as C passes it: any value; negative ones are errors.
pub type enum_lws_tokenize_elem = c_int;

/// `struct lws_pollfd`, which is the system's `struct pollfd` under another name.
pub type lws_pollfd = libc::pollfd;
/// `struct sockaddr_storage`.
pub type sockaddr_storage = libc::sockaddr_storage;
/// `struct sockaddr_in`.
pub type sockaddr_in = libc::sockaddr_in;
/// `struct sockaddr_in6`.
pub type sockaddr_in6 = libc::sockaddr_in6;
/// `struct addrinfo`.
pub type addrinfo = libc::addrinfo;
/// `socklen_t`.
pub type socklen_t = libc::socklen_t;
/// `uid_t`.
pub type uid_t = libc::uid_t;
/// `gid_t`.
pub type gid_t = libc::gid_t;
/// `time_t`.
pub type time_t = libc::time_t;

/// A protocol callback. C declares it as a function type, hence members are pointers to it.
///
/// Called on the service thread only. `wsi` is NULL or a placeholder for events that concern no
/// connection; `user` is the per-session memory (`per_session_data_size` bytes, zeroed) or NULL;
/// what `in` and `len` mean depends on the reason. Nonzero closes the connection, unless the reason
/// says otherwise.
pub type lws_callback_function = Option<
    unsafe extern "C" fn(
        wsi: *mut lws,
        reason: enum_lws_callback_reasons,
        user: *mut c_void,
        r#in: *mut c_void,
        len: usize,
    ) -> c_int,
>;

/// An extension's callback; a function type in C as well.
pub type lws_extension_callback_function = Option<
    unsafe extern "C" fn(
        context: *mut lws_context,
        ext: *const lws_extension,
        wsi: *mut lws,
        reason: enum_lws_extension_callback_reasons,
        user: *mut c_void,
        r#in: *mut c_void,
        len: usize,
    ) -> c_int,
>;

/// The byte that holds the bit fields `cache_reusable` (1), `cache_revalidate` (2) and
/// `cache_intermediaries` (4) of `struct lws_http_mount`.
pub type mount_cache_bits = u8;

/// A C bit field that lives in the byte of the field before it: no storage of its own here.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct bit_of_previous([u8; 0]);

/// Events that mean the end of a descriptor.
pub const LWS_POLLHUP: c_int = (libc::POLLHUP | libc::POLLERR) as c_int;
/// Event: readable.
pub const LWS_POLLIN: c_int = libc::POLLIN as c_int;
/// Event: writable.
pub const LWS_POLLOUT: c_int = libc::POLLOUT as c_int;
/// No socket.
pub const LWS_SOCK_INVALID: lws_sockfd_type = -1;
/// No file.
pub const LWS_INVALID_FILE: lws_filefd_type = -1;
/// Microseconds in a second.
pub const LWS_US_PER_SEC: lws_usec_t = 1_000_000;
/// Microseconds in a second.
pub const LWS_USEC_PER_SEC: lws_usec_t = LWS_US_PER_SEC;
/// Milliseconds in a second.
pub const LWS_MS_PER_SEC: lws_usec_t = 1000;
/// Microseconds in a millisecond.
pub const LWS_US_PER_MS: lws_usec_t = 1000;
/// Nanoseconds in a microsecond.
pub const LWS_NS_PER_US: lws_usec_t = 1000;
/// Timer calls: cancel instead.
pub const LWS_SET_TIMER_USEC_CANCEL: lws_usec_t = -1;
/// There is no content-length.
pub const LWS_ILLEGAL_HTTP_CONTENT_LEN: lws_filepos_t = lws_filepos_t::MAX;
/// The former name of `LWS_PRE`.
pub const LWS_SEND_BUFFER_PRE_PADDING: usize = LWS_PRE;
/// What raw roles write.
pub const LWS_WRITE_RAW: enum_lws_write_protocol = lws_write_protocol::LWS_WRITE_HTTP.c();
