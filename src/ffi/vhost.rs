//! Virtual hosts and their protocols.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::rc::Rc;

use super::config::vhost_config;
use super::guard::{guard, guard_whole};
use super::handle::{c_vhost, context, text, vhost, vhost_ptr, wsi, wsi_cx};
use super::types::*;
use crate::engine::vhost::Vhost;
use crate::util::zeroed::Zeroed;

/// Adds a vhost to a context; `info` as for `lws_create_context()`. It listens when the call returns.
///
/// Vhosts may share a port (and `iface`): TLS clients choose by SNI, requests by `Host` or `:authority`, and the first
/// vhost of the port takes the rest.
///
/// Returns NULL after one `LLL_ERR` line that names the field, its value and the reason, and for NULL arguments.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed; `info` is NULL or as for `lws_create_context()`. Service
/// thread only; allowed in callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_create_vhost(
    context: *mut lws_context,
    info: *const lws_context_creation_info,
) -> *mut lws_vhost {
    guard_whole(null_mut(), || {
        // SAFETY: the caller's promise.
        let (Some(cx), Some(info)) = (unsafe { self::context(context) }, unsafe { info.as_ref() }) else {
            return null_mut();
        };
        // SAFETY: the caller's promise.
        let made =
            unsafe { vhost_config(info, Rc::downgrade(&cx)) }.and_then(|config| cx.create_vhost(config));
        cx.settle();
        match made {
            // Not one that its own PROTOCOL_INIT, or an operation of the loop, has destroyed at once.
            Ok(vhost) if vhost.gone.get() => null_mut(),
            Ok(vhost) => vhost_ptr(&vhost),
            Err(error) => {
                crate::log_err!("lws_create_vhost: {error}");
                null_mut()
            }
        }
    })
}

/// Closes everything of a vhost: its listening socket (a vhost on the same port takes it over), its connections. The
/// vhost ends with its last wsi: PROTOCOL_DESTROY, `info.finalize`. NULL is ignored.
///
/// # Safety
/// `vh` is NULL or a vhost of a live context. Service thread only; allowed in callbacks, also of the vhost itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_vhost_destroy(vh: *mut lws_vhost) {
    guard_whole((), || {
        // SAFETY: the caller's promise.
        if let Some(vhost) = unsafe { vhost(vh) }
            && let Some(cx) = c_vhost(&vhost).context.upgrade()
        {
            cx.destroy_vhost(&vhost);
        }
    });
}

/// The vhost of a wsi; NULL for NULL, and for the event pipe, which has none.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_vhost(wsi: *mut lws) -> *mut lws_vhost {
    guard(null_mut(), || {
        // SAFETY: the caller's promise.
        unsafe { self::wsi(wsi) }
            .and_then(crate::engine::wsi::Wsi::vhost)
            .map_or(null_mut(), |vhost| vhost_ptr(&vhost))
    })
}

/// A vhost's name, for its life; NULL for NULL.
///
/// # Safety
/// `vhost` is NULL or a vhost of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_vhost_name(vhost: *mut lws_vhost) -> *const c_char {
    // SAFETY: the caller's promise.
    guard(null(), || unsafe { self::vhost(vhost) }.map_or(null(), |vhost| c_vhost(&vhost).name.as_ptr()))
}

/// The vhost called `name`; NULL when there is none, and for NULL.
///
/// # Safety
/// `context` is NULL or a live context, `name` is NULL or a C string. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_vhost_by_name(
    context: *mut lws_context,
    name: *const c_char,
) -> *mut lws_vhost {
    guard(null_mut(), || {
        // SAFETY: the caller's promise.
        let (Some(cx), Some(name)) = (unsafe { self::context(context) }, unsafe { text(name) }) else {
            return null_mut();
        };
        cx.vhosts().iter().find(|vhost| vhost.name == name).map_or(null_mut(), vhost_ptr)
    })
}

/// The port of a vhost: the one it listens on, also where `info.port` was 0; `CONTEXT_PORT_NO_LISTEN` if it does not
/// listen, 0 on a unix socket, -1 for NULL.
///
/// # Safety
/// `vhost` is NULL or a vhost of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_vhost_port(vhost: *mut lws_vhost) -> c_int {
    use crate::engine::vhost::Listen;
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some(vhost) = (unsafe { self::vhost(vhost) }) else { return -1 };
        match vhost.listen {
            Listen::Tcp { port, .. } if vhost.port.get() == 0 => port.into(),
            Listen::Tcp { .. } => vhost.port.get().into(),
            Listen::No => CONTEXT_PORT_NO_LISTEN,
            Listen::Unix { .. } => 0,
        }
    })
}

/// The port a vhost really listens on, also where `info.port` was 0; -1 for NULL, 0 where there is none.
///
/// # Safety
/// `vhost` is NULL or a vhost of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_vhost_listen_port(vhost: *mut lws_vhost) -> c_int {
    // SAFETY: the caller's promise.
    guard(-1, || unsafe { self::vhost(vhost) }.map_or(-1, |vhost| vhost.port.get().into()))
}

/// `info.iface` of a vhost, for its life, or NULL.
///
/// # Safety
/// `vhost` is NULL or a vhost of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_vhost_iface(vhost: *mut lws_vhost) -> *const c_char {
    guard(null(), || {
        // SAFETY: the caller's promise.
        unsafe { self::vhost(vhost) }
            .and_then(|vhost| Some(c_vhost(&vhost).iface.as_ref()?.as_ptr()))
            .unwrap_or(null())
    })
}

/// `info.user` of a vhost's creation; NULL for NULL.
///
/// # Safety
/// `vhost` is NULL or a vhost of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_vhost_user(vhost: *mut lws_vhost) -> *mut c_void {
    // SAFETY: the caller's promise.
    guard(null_mut(), || unsafe { self::vhost(vhost) }.map_or(null_mut(), |vhost| vhost.user.cast()))
}

/// The same as `lws_get_vhost_user()`.
///
/// # Safety
/// As `lws_get_vhost_user()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_vhost_user(vhost: *mut lws_vhost) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { lws_get_vhost_user(vhost) }
}

/// A vhost's name for logs, for its life; a placeholder for NULL.
///
/// # Safety
/// `vh` is NULL or a vhost of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_vh_tag(vh: *mut lws_vhost) -> *const c_char {
    guard(c"[null vh]".as_ptr(), || {
        // SAFETY: the caller's promise.
        let Some(vhost) = (unsafe { self::vhost(vh) }) else { return c"[null vh]".as_ptr() };
        let tag = || CString::new(vhost.tag.clone()).unwrap_or_default().into_boxed_c_str();
        c_vhost(&vhost).tag.get_or_init(tag).as_ptr()
    })
}

// ---- protocols ----

/// The index of a protocol in a vhost's table: by address, else by name (a program may hold its own table).
unsafe fn protocol_index(vhost: &Vhost, protocol: *const lws_protocols) -> Option<usize> {
    let table = &c_vhost(vhost).protocols;
    if let Some(index) = table.iter().position(|entry| std::ptr::eq(entry, protocol)) {
        return Some(index);
    }
    // SAFETY: the caller's promise: a protocol with a C string for a name.
    let name = unsafe { text(protocol.as_ref()?.name) }?;
    vhost.protocol(&name)
}

/// The protocol a wsi is bound to, in the vhost's own copy of the table; NULL for NULL and for the event pipe.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_protocol(wsi: *mut lws) -> *const lws_protocols {
    guard(null(), || {
        // SAFETY: the caller's promise.
        let Some(wsi) = (unsafe { self::wsi(wsi) }) else { return null() };
        let Some(vhost) = wsi.vhost() else { return null() };
        c_vhost(&vhost).protocols.get(wsi.protocol.get()).map_or(null(), std::ptr::from_ref)
    })
}

/// The same as `lws_get_protocol()`.
///
/// # Safety
/// As `lws_get_protocol()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_protocol_get(wsi: *mut lws) -> *const lws_protocols {
    // SAFETY: the caller's promise.
    unsafe { lws_get_protocol(wsi) }
}

/// The protocol called `name` in a vhost's table; NULL when there is none, and for NULL.
///
/// # Safety
/// `vh` is NULL or a vhost of a live context, `name` is NULL or a C string. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_vhost_name_to_protocol(
    vh: *mut lws_vhost,
    name: *const c_char,
) -> *const lws_protocols {
    guard(null(), || {
        // SAFETY: the caller's promise.
        let (Some(vhost), Some(name)) = (unsafe { vhost(vh) }, unsafe { text(name) }) else { return null() };
        vhost.protocol(&name).map_or(null(), |index| &raw const c_vhost(&vhost).protocols[index])
    })
}

/// Allocates `size` zeroed bytes, aligned to 16, for a protocol on a vhost; freed by the library after PROTOCOL_DESTROY.
///
/// A second call for the same pair returns the first allocation. NULL for NULL, for a size below 1, and for a protocol
/// that the vhost does not have.
///
/// # Safety
/// `vhost` is NULL or a vhost of a live context, `prot` is NULL or a protocol. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_protocol_vh_priv_zalloc(
    vhost: *mut lws_vhost,
    prot: *const lws_protocols,
    size: c_int,
) -> *mut c_void {
    guard(null_mut(), || {
        // SAFETY: the caller's promise.
        let Some(vhost) = (unsafe { self::vhost(vhost) }) else { return null_mut() };
        // SAFETY: the caller's promise.
        let Some(index) = (unsafe { protocol_index(&vhost, prot) }) else { return null_mut() };
        let Some(size) = usize::try_from(size).ok().filter(|&size| size > 0) else { return null_mut() };
        let mut private = vhost.protocols[index].private.borrow_mut();
        private.get_or_insert_with(|| Zeroed::new(size)).as_ptr().cast()
    })
}

/// What `lws_protocol_vh_priv_zalloc()` gave for the pair, or NULL.
///
/// # Safety
/// As `lws_protocol_vh_priv_zalloc()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_protocol_vh_priv_get(
    vhost: *mut lws_vhost,
    prot: *const lws_protocols,
) -> *mut c_void {
    guard(null_mut(), || {
        // SAFETY: the caller's promise.
        let Some(vhost) = (unsafe { self::vhost(vhost) }) else { return null_mut() };
        // SAFETY: the caller's promise.
        let Some(index) = (unsafe { protocol_index(&vhost, prot) }) else { return null_mut() };
        vhost.protocols[index].private.borrow().as_ref().map_or(null_mut(), |block| block.as_ptr().cast())
    })
}

/// The memory (`lws_protocol_vh_priv_zalloc()`) of protocol `protname` on the first vhost whose options for that protocol
/// (`info.pvo`) have an option `pvo_name` of value `pvo_value`; NULL when there is none, and for NULL.
///
/// # Safety
/// `cx` is NULL or a live context, the others are NULL or C strings. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_vhd_find_by_pvo(
    cx: *mut lws_context,
    protname: *const c_char,
    pvo_name: *const c_char,
    pvo_value: *const c_char,
) -> *mut c_void {
    guard(null_mut(), || {
        // SAFETY: the caller's promise; options are lists of the program's that live as long as the vhost.
        unsafe {
            let (Some(cx), Some(protocol)) = (context(cx), text(protname)) else { return null_mut() };
            if pvo_value.is_null() {
                return null_mut();
            }
            let wanted = CStr::from_ptr(pvo_value);
            for vhost in cx.vhosts() {
                let Some(index) = vhost.protocol(&protocol) else { continue };
                let protocol = &vhost.protocols[index];
                let option = super::pvo::lws_pvo_search(protocol.options.cast_const().cast(), pvo_name);
                let value = option.as_ref().map_or(null(), |option| option.value);
                if !value.is_null() && CStr::from_ptr(value) == wanted {
                    return protocol
                        .private
                        .borrow()
                        .as_ref()
                        .map_or(null_mut(), |block| block.as_ptr().cast());
                }
            }
            null_mut()
        }
    })
}

/// Changes how much session memory the protocol of `wsi` gets on its vhost, from now on, and returns the wsi's own: what it has
/// if that is large enough, else, if it has none, `new_size` zeroed bytes.
///
/// For a protocol that only knows its size at run time. NULL when the wsi has less memory already (it stays valid), for a size
/// of 0, for a wsi that is no connection (as in PROTOCOL_INIT; the new size counts all the same), and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_adjust_protocol_psds(wsi: *mut lws, new_size: usize) -> *mut c_void {
    guard(null_mut(), || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return null_mut() };
        let Some(vhost) = wsi.vhost() else { return null_mut() };
        let Some(protocol) = vhost.protocols.get(wsi.protocol.get()) else { return null_mut() };
        protocol.session_size.set(new_size);
        if new_size == 0 { null_mut() } else { cx.session_of_size(wsi, new_size).cast() }
    })
}

// ---- telling many ----

/// Every wsi that is bound to `protocol` on `vhost`.
///
/// # Safety
/// `protocol` is NULL or a protocol.
pub(super) unsafe fn each_bound(
    vhost: &Rc<Vhost>,
    protocol: *const lws_protocols,
    mut each: impl FnMut(&crate::engine::wsi::Wsi),
) {
    let Some(cx) = c_vhost(vhost).context.upgrade() else { return };
    // SAFETY: the caller's promise.
    let Some(index) = (unsafe { protocol_index(vhost, protocol) }) else { return };
    for id in cx.all_wsi() {
        if let Some(wsi) = cx.wsi(id)
            && wsi.is_open()
            && wsi.announced.get()
            && wsi.protocol.get() == index
            && wsi.vhost().is_some_and(|of| Rc::ptr_eq(&of, vhost))
        {
            each(wsi);
        }
    }
}

/// Asks for a writeable callback on every connection and stream that is bound to `protocol` on `vhost`. 0; -1 for NULL.
///
/// # Safety
/// `vhost` is NULL or a vhost of a live context, `protocol` is NULL or a protocol. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_callback_on_writable_all_protocol_vhost(
    vhost: *const lws_vhost,
    protocol: *const lws_protocols,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some(vhost) = (unsafe { self::vhost(vhost) }) else { return -1 };
        let Some(cx) = c_vhost(&vhost).context.upgrade() else { return -1 };
        // SAFETY: the caller's promise.
        unsafe { each_bound(&vhost, protocol, |wsi| cx.callback_on_writable(wsi)) };
        0
    })
}

/// As `lws_callback_on_writable_all_protocol_vhost()`, on every vhost that has a protocol of that name.
///
/// # Safety
/// `context` is NULL or a live context, `protocol` is NULL or a protocol. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_callback_on_writable_all_protocol(
    context: *const lws_context,
    protocol: *const lws_protocols,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { self::context(context) }) else { return -1 };
        for vhost in cx.vhosts() {
            // SAFETY: the caller's promise.
            unsafe { lws_callback_on_writable_all_protocol_vhost(vhost_ptr(&vhost), protocol) };
        }
        0
    })
}

/// Calls `protocol`'s callback with `reason`, `argp` and `len` for every wsi bound to it on `vh`. A callback that
/// returns nonzero closes its wsi. 0; 1 for NULL.
///
/// # Safety
/// `vh` is NULL or a vhost of a live context, `protocol` is NULL or a protocol; `argp` is what the callback expects.
/// Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_callback_all_protocol_vhost_args(
    vh: *mut lws_vhost,
    protocol: *const lws_protocols,
    reason: c_int,
    argp: *mut c_void,
    len: usize,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some(vhost) = (unsafe { vhost(vh) }) else { return 1 };
        let Some(cx) = c_vhost(&vhost).context.upgrade() else { return 1 };
        let tell = |wsi: &crate::engine::wsi::Wsi| {
            let Some(callback) = c_vhost(&vhost).protocols[wsi.protocol.get()].callback else { return };
            // SAFETY: the program promised the callback's signature.
            let result = cx.outside(|| unsafe {
                callback(super::handle::wsi_ptr(wsi), reason as u32, wsi.user.get().cast(), argp, len)
            });
            if result != 0 {
                cx.close(wsi);
            }
        };
        // SAFETY: the caller's promise.
        unsafe { each_bound(&vhost, protocol, tell) };
        cx.settle();
        0
    })
}

/// As `lws_callback_all_protocol_vhost_args()`, with NULL and 0.
///
/// # Safety
/// As `lws_callback_all_protocol_vhost_args()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_callback_all_protocol_vhost(
    vh: *mut lws_vhost,
    protocol: *const lws_protocols,
    reason: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { lws_callback_all_protocol_vhost_args(vh, protocol, reason, null_mut(), 0) }
}

/// As `lws_callback_all_protocol_vhost()`, on the vhost whose copy of the protocol this is (what `lws_get_protocol()`
/// returns); with the program's own table, on every vhost that has a protocol of that name.
///
/// # Safety
/// `context` is NULL or a live context, `protocol` is NULL or a protocol. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_callback_all_protocol(
    context: *mut lws_context,
    protocol: *const lws_protocols,
    reason: c_int,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { self::context(context) }) else { return 1 };
        let vhosts = cx.vhosts();
        let owns = |vhost: &&Rc<Vhost>| c_vhost(vhost).protocols.iter().any(|p| std::ptr::eq(p, protocol));
        let told = match vhosts.iter().find(owns) {
            Some(owner) => std::slice::from_ref(owner),
            None => &vhosts,
        };
        for vhost in told {
            // SAFETY: the caller's promise.
            unsafe { lws_callback_all_protocol_vhost(vhost_ptr(vhost), protocol, reason) };
        }
        0
    })
}

/// Calls every protocol of the wsi's vhost once, with the wsi; nonzero if one of them returned nonzero.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `in` is what the callbacks expect. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_callback_vhost_protocols(
    wsi: *mut lws,
    reason: c_int,
    r#in: *mut c_void,
    len: usize,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return 1 };
        let Some(vhost) = wsi.vhost() else { return 1 };
        for protocol in &c_vhost(&vhost).protocols {
            // SAFETY: the program promised the callback's signature.
            let tell = |callback: &unsafe extern "C" fn(_, _, _, _, _) -> c_int| unsafe {
                callback(super::handle::wsi_ptr(wsi), reason as u32, null_mut(), r#in, len)
            };
            if protocol.callback.as_ref().is_some_and(|callback| cx.outside(|| tell(callback)) != 0) {
                cx.settle();
                return 1;
            }
        }
        cx.settle();
        0
    })
}

/// Calls every protocol of `vh` once, with a wsi that stands for the vhost and is no connection; nonzero if one of them
/// returned nonzero, which ends the round, and for NULL.
///
/// # Safety
/// `vh` is NULL or a vhost of a live context; `in` is what the callbacks expect. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_callback_vhost_protocols_vhost(
    vh: *mut lws_vhost,
    reason: c_int,
    r#in: *mut c_void,
    len: usize,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some(vhost) = (unsafe { vhost(vh) }) else { return 1 };
        let Some(cx) = c_vhost(&vhost).context.upgrade() else { return 1 };
        let refused = (0..vhost.protocols.len()).any(|index| {
            cx.stand_in(&vhost, index, |standin| {
                let Some(callback) = c_vhost(&vhost).protocols[index].callback else { return false };
                // SAFETY: the program promised the callback's signature.
                let tell = || unsafe {
                    callback(super::handle::wsi_ptr(standin), reason as u32, null_mut(), r#in, len)
                };
                cx.outside(tell) != 0
            })
        });
        cx.settle();
        refused.into()
    })
}

// ---- log contexts ----

/// The log context of a vhost: its own, else the process's.
pub(super) fn log_cx(vhost: &Vhost) -> *mut lws_log_cx {
    c_vhost(vhost).log_cx.as_ptr()
}

/// The log context that lines about a vhost go to.
///
/// # Safety
/// `vh` is NULL or a vhost of a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_vhost_get_cx(vh: *mut lws_vhost) -> *mut lws_log_cx {
    guard(super::log::process_cx(), || {
        // SAFETY: the caller's promise.
        unsafe { vhost(vh) }.map_or(super::log::process_cx(), |vhost| log_cx(&vhost))
    })
}

/// Puts a vhost's tag before a log line; for `lwsl_vhost_*`.
///
/// # Safety
/// `obj` is NULL or a vhost of a live context; `*p` up to `e` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_log_prepend_vhost(
    _cx: *mut lws_log_cx,
    obj: *mut c_void,
    p: *mut *mut c_char,
    e: *mut c_char,
) {
    guard((), || {
        // SAFETY: the caller's promise.
        unsafe {
            let tag = std::ffi::CStr::from_ptr(lws_vh_tag(obj.cast()));
            super::log::append_prefix(p, e, tag.to_bytes());
            super::log::append_prefix(p, e, b": ");
        }
    });
}
