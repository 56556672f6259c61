//! What programs ask about a wsi.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::net::SocketAddr;
use std::ptr::null_mut;

use super::guard::guard;
use super::handle::{wsi, wsi_cx, wsi_ptr};
use super::types::*;
use crate::engine::wsi::{Role, Wsi};

/// The wsi's own descriptor; -1 for an HTTP/2 stream, which has none, after the close, and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_socket_fd(wsi: *mut lws) -> lws_sockfd_type {
    // SAFETY: the caller's promise.
    guard(-1, || unsafe { self::wsi(wsi) }.map_or(-1, Wsi::raw_fd))
}

/// The connection that carries a stream; the wsi itself for anything else; NULL for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_network_wsi(wsi: *mut lws) -> *mut lws {
    guard(null_mut(), || {
        // SAFETY: the caller's promise.
        unsafe { wsi_cx(wsi) }.and_then(|(wsi, cx)| network(wsi, &cx).map(wsi_ptr)).unwrap_or(null_mut())
    })
}

pub(super) fn network<'a>(wsi: &'a Wsi, cx: &'a crate::engine::context::Context) -> Option<&'a Wsi> {
    if wsi.is_stream() { cx.wsi(wsi.parent.get()?) } else { Some(wsi) }
}

/// The wsi that the program has put above this one (`parent_wsi` of `lws_client_connect_info`), which closes when that one
/// does; NULL when there is none.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_parent(wsi: *const lws) -> *mut lws {
    guard(null_mut(), || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return null_mut() };
        wsi.elder.get().and_then(|id| cx.wsi(id)).map_or(null_mut(), wsi_ptr)
    })
}

/// The youngest of the wsi that the program has put below this one; NULL when there is none.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_child(wsi: *const lws) -> *mut lws {
    guard(null_mut(), || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return null_mut() };
        let child = wsi.children.borrow().last().copied();
        child.and_then(|id| cx.wsi(id)).map_or(null_mut(), wsi_ptr)
    })
}

/// The service thread of a wsi: 0; -1 for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_tsi(wsi: *mut lws) -> c_int {
    // SAFETY: the caller's promise.
    guard(-1, || if unsafe { self::wsi(wsi) }.is_some() { 0 } else { -1 })
}

/// The same as `lws_get_tsi()`.
///
/// # Safety
/// As `lws_get_tsi()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_wsi_tsi(wsi: *mut lws) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { lws_get_tsi(wsi) }
}

/// A name for logs, for the life of the wsi; a placeholder for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_wsi_tag(wsi: *mut lws) -> *const c_char {
    guard(c"[null wsi]".as_ptr(), || {
        // SAFETY: the caller's promise.
        unsafe { self::wsi(wsi) }.map_or(c"[null wsi]".as_ptr(), |wsi| wsi.with_tag(CStr::as_ptr))
    })
}

/// What callbacks get as `user`: session memory, what `lws_set_wsi_user()` set, or NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_wsi_user(wsi: *mut lws) -> *mut c_void {
    // SAFETY: the caller's promise.
    guard(null_mut(), || unsafe { self::wsi(wsi) }.map_or(null_mut(), |wsi| wsi.user.get().cast()))
}

/// Replaces what callbacks get as `user`. The library's own session memory, if any, is freed; the program keeps
/// ownership of `user`. NULL `wsi` is ignored.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_set_wsi_user(wsi: *mut lws, user: *mut c_void) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some((wsi, cx)) = unsafe { wsi_cx(wsi) } {
            cx.replace_user(wsi, user.cast());
        }
    });
}

/// The pointer that `lws_set_opaque_user_data()` set, or NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_opaque_user_data(wsi: *const lws) -> *mut c_void {
    // SAFETY: the caller's promise.
    guard(null_mut(), || unsafe { self::wsi(wsi) }.map_or(null_mut(), |wsi| wsi.opaque.get().cast()))
}

/// Attaches a pointer of the program's to a wsi, for `lws_get_opaque_user_data()`; the library never looks at it. NULL `wsi` is
/// ignored.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_set_opaque_user_data(wsi: *mut lws, data: *mut c_void) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some(wsi) = unsafe { self::wsi(wsi) } {
            wsi.opaque.set(data.cast());
        }
    });
}

/// The pointer that `lws_set_opaque_parent_data()` set, or NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_opaque_parent_data(wsi: *const lws) -> *mut c_void {
    // SAFETY: the caller's promise.
    guard(null_mut(), || unsafe { self::wsi(wsi) }.map_or(null_mut(), |wsi| wsi.opaque_parent.get().cast()))
}

/// Attaches a pointer of the program's to a wsi, for `lws_get_opaque_parent_data()`; the library never looks at it. NULL `wsi` is
/// ignored.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_set_opaque_parent_data(wsi: *mut lws, data: *mut c_void) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some(wsi) = unsafe { self::wsi(wsi) } {
            wsi.opaque_parent.set(data.cast());
        }
    });
}

/// Whether the bytes on the wire are TLS: 1 or 0; 0 for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_is_ssl(wsi: *mut lws) -> c_int {
    guard(0, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return 0 };
        let Some(network) = network(wsi, &cx) else { return 0 };
        match network.role.get() {
            Role::Listen => network.vhost().is_some_and(|vhost| vhost.tls.is_some()).into(),
            _ => (network.with_net(|net| net.tls.is_some()) == Some(true)).into(),
        }
    })
}

/// NULL: TLS is not OpenSSL here, there is no `SSL`.
///
/// # Safety
/// None is needed; `wsi` is not looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_ssl(_wsi: *mut lws) -> *mut ssl_st {
    null_mut()
}

/// Asks for one writeable callback, as soon as there is room for output. Asking again before it came changes nothing.
/// 1; 0 when the wsi is closing; -1 for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only; allowed in every callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_callback_on_writable(wsi: *mut lws) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return -1 };
        if !wsi.is_open() {
            return 0;
        }
        cx.callback_on_writable(wsi);
        1
    })
}

/// Stops (0) or continues (1) the delivery of body data to the program. What has been received already is kept, and the
/// peer is slowed down; it is delivered when flow is allowed again. On HTTP/2 too, unlike in lws. 0; -1 for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_rx_flow_control(wsi: *mut lws, enable: c_int) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return -1 };
        cx.rx_flow_control(wsi, enable & 1 != 0);
        0
    })
}

/// Lets body data flow again (see `lws_rx_flow_control()`) to every wsi that is bound to `protocol`, on every vhost that has a
/// protocol of that name. NULL is ignored.
///
/// # Safety
/// `context` is NULL or a live context, `protocol` is NULL or a protocol. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_rx_flow_allow_all_protocol(
    context: *const lws_context,
    protocol: *const lws_protocols,
) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { super::handle::context(context) }) else { return };
        for vhost in cx.vhosts() {
            // SAFETY: the caller's promise.
            unsafe { super::vhost::each_bound(&vhost, protocol, |wsi| cx.rx_flow_control(wsi, true)) };
        }
    });
}

/// How many bytes the peer lets us send: -1, without limit, because `lws_write()` takes any number and keeps what the peer
/// does not take yet. Writeable callbacks come when the peer takes more. -1 for NULL too.
///
/// # Safety
/// None is needed; `wsi` is not looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_peer_write_allowance(_wsi: *mut lws) -> lws_fileofs_t {
    -1
}

/// Whether a CGI process answers: 0, there is no CGI, as in Debian's build.
///
/// # Safety
/// None is needed; `wsi` is not looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_is_cgi(_wsi: *mut lws) -> c_int {
    0
}

/// Closes a wsi; it is freed when no callback is on the stack any more. `reason` and `caller` are for the log.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context, `caller` is NULL or a C string. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_close_free_wsi(
    wsi: *mut lws,
    reason: enum_lws_close_status,
    caller: *const c_char,
) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return };
        // SAFETY: the caller's promise.
        let caller = unsafe { super::handle::text(caller) }.unwrap_or_default();
        crate::log_info!("{}: closed by {caller} ({reason})", wsi.tag());
        cx.close_by_program(wsi);
    });
}

// ---- peers ----

/// The peer's address as a number, into `name`, NUL-terminated; for a stream, the peer of its connection. Returns `name`,
/// holding an empty string when there is no address; NULL for NULL pointers.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `name` is NULL or has room for `namelen` bytes. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_peer_simple(
    wsi: *mut lws,
    name: *mut c_char,
    namelen: usize,
) -> *const c_char {
    guard(std::ptr::null(), || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return std::ptr::null() };
        let peer = network(wsi, &cx)
            .and_then(|network| network.with_fd(|fd| rustix::net::getpeername(fd).ok().flatten()).flatten());
        // SAFETY: the caller's promise.
        unsafe { put_address(peer, name, namelen) }
    })
}

/// As `lws_get_peer_simple()`, for any connected socket.
///
/// # Safety
/// `fd` is a socket that stays open during the call; `name` is NULL or has room for `namelen` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_peer_simple_fd(
    fd: lws_sockfd_type,
    name: *mut c_char,
    namelen: usize,
) -> *const c_char {
    guard(std::ptr::null(), || {
        if fd < 0 {
            return std::ptr::null();
        }
        // SAFETY: open by the caller's promise.
        let peer =
            rustix::net::getpeername(unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) }).ok().flatten();
        // SAFETY: the caller's promise.
        unsafe { put_address(peer, name, namelen) }
    })
}

/// The peer's address twice: as a number in `rip` and, since no names are looked up, as the same number in `name`.
///
/// # Safety
/// As `lws_get_peer_simple()`; `rip` is NULL or has room for `rip_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_peer_addresses(
    wsi: *mut lws,
    _fd: lws_sockfd_type,
    name: *mut c_char,
    name_len: c_int,
    rip: *mut c_char,
    rip_len: c_int,
) {
    // SAFETY: the caller's promise.
    unsafe {
        lws_get_peer_simple(wsi, name, usize::try_from(name_len).unwrap_or(0));
        lws_get_peer_simple(wsi, rip, usize::try_from(rip_len).unwrap_or(0));
    }
}

/// # Safety
/// `name` is NULL or has room for `len` bytes.
unsafe fn put_address(
    peer: Option<rustix::net::SocketAddrAny>,
    name: *mut c_char,
    len: usize,
) -> *const c_char {
    if name.is_null() || len == 0 {
        return std::ptr::null();
    }
    let text = match peer.map(SocketAddr::try_from) {
        Some(Ok(address)) => address.ip().to_canonical().to_string(),
        Some(Err(_)) => "unix socket".to_owned(),
        None => String::new(),
    };
    let shown = text.len().min(len - 1);
    // SAFETY: `shown` + 1 bytes fit.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), name.cast::<u8>(), shown);
        *name.add(shown) = 0;
    }
    name
}

// ---- log contexts ----

/// The log context that lines about a wsi go to.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_wsi_get_cx(wsi: *mut lws) -> *mut lws_log_cx {
    guard(super::log::process_cx(), || {
        // SAFETY: the caller's promise.
        unsafe { self::wsi(wsi) }
            .and_then(Wsi::vhost)
            .map_or(super::log::process_cx(), |vhost| super::vhost::log_cx(&vhost))
    })
}

/// Puts a wsi's tag before a log line; for `lwsl_wsi_*`.
///
/// # Safety
/// `obj` is NULL or a wsi of a live context; `*p` up to `e` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_log_prepend_wsi(
    _cx: *mut lws_log_cx,
    obj: *mut c_void,
    p: *mut *mut c_char,
    e: *mut c_char,
) {
    guard((), || {
        // SAFETY: the caller's promise.
        unsafe {
            let tag = CStr::from_ptr(lws_wsi_tag(obj.cast()));
            super::log::append_prefix(p, e, tag.to_bytes());
            super::log::append_prefix(p, e, b": ");
        }
    });
}
