//! Contexts: creation, destruction, and what they tell about themselves.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::rc::Rc;

use super::clock::LIBRARY_VERSION;
use super::config::{context_config, vhost_config};
use super::guard::{guard, guard_whole};
use super::handle::{c_context, context, context_begins, context_ends, context_ptr};
use super::types::*;
use crate::engine::context::{Context, CreateError, Ending};
use crate::engine::event_loop::EventLoop;
use crate::event_loop::epoll::Epoll;
use crate::event_loop::ops_table::OpsTable;

/// Creates a context: the library's state, its service thread's event pipe, and, unless
/// `LWS_SERVER_OPTION_EXPLICIT_VHOSTS` is given, one vhost made from the same `info`.
///
/// `info` is only read during the call; what its members point to (protocol callbacks, mounts, option lists, the event
/// loop's operations) must live as long as the context.
///
/// Returns NULL after one line at `LLL_ERR` that names the field, its value and the reason: a file that cannot be read,
/// a certificate and key that do not belong together, a port in use, an event loop that refuses, a field or option that
/// this library does not honour. NULL for a NULL `info`.
///
/// The calling thread becomes the context's service thread; only `lws_cancel_service()` may be called from others.
///
/// # Safety
/// `info` is NULL or points to a structure as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_create_context(info: *const lws_context_creation_info) -> *mut lws_context {
    guard_whole(null_mut(), || {
        // SAFETY: the caller's promise.
        let Some(info) = (unsafe { info.as_ref() }) else { return null_mut() };
        // SAFETY: the caller's promise.
        match unsafe { create(info) } {
            Ok(cx) => Rc::into_raw(cx).cast_mut().cast(),
            Err(error) => {
                crate::log_err!("lws_create_context: {error}");
                null_mut()
            }
        }
    })
}

/// # Safety
/// `info` obeys the contract of `lws_create_context`.
unsafe fn create(info: &lws_context_creation_info) -> Result<Rc<Context>, CreateError> {
    // SAFETY: programs' descriptors of an event lib outlive the context.
    let custom = unsafe { info.event_lib_custom.as_ref() };
    if custom.is_some_and(|custom| custom.ops.is_null()) {
        return Err(CreateError::new("event_lib_custom", "ops NULL", "an event lib needs its operations"));
    }
    if info.count_threads > 1 {
        crate::log_warn!("count_threads {}: there is one service thread", info.count_threads);
    }
    if info.rlimit_nofile > 0 {
        raise_fd_limit(info.rlimit_nofile as u64)?;
    }
    // SAFETY: checked above; the table is valid by contract.
    let event_lib_pt = custom.map_or(0, |custom| unsafe { (*custom.ops).evlib_size_pt }.into());
    let event_loop: Box<dyn EventLoop> = match custom {
        Some(custom) => {
            let foreign =
                // SAFETY: `foreign_loops` has an element per thread, and there is one.
                if info.foreign_loops.is_null() { null_mut() } else { unsafe { *info.foreign_loops } };
            // SAFETY: the table is not NULL, and valid as long as the context by contract.
            Box::new(unsafe { OpsTable::new(custom.ops, foreign, info) })
        }
        None => Box::new(Epoll::new().map_err(|error| CreateError::new("event loop", "epoll", error))?),
    };
    // SAFETY: the caller's promise.
    let config = unsafe { context_config(info, event_lib_pt) }?;
    ignore_sigpipe();
    let cx = Context::new(config, event_loop)?;
    context_begins(&cx);
    // SAFETY: the caller's promise.
    unsafe { super::system::install(&cx, info.register_notifier_list) };
    // SAFETY: the caller's promise.
    let made = unsafe { populate(&cx, info) };
    if let Err(error) = made {
        cx.destroy();
        context_ends(Rc::as_ptr(&cx));
        return Err(error);
    }
    let end = ContextEnd {
        context: Rc::as_ptr(&cx),
        pcontext: info.pcontext,
        baggage: info.external_baggage_free_on_destroy,
    };
    super::system::begin(&cx);
    *cx.on_end.borrow_mut() = Some(Box::new(move |_| end.run()));
    crate::log_notice!("ferrows {}, as lws {}", env!("CARGO_PKG_VERSION"), LIBRARY_VERSION.to_string_lossy());
    Ok(cx)
}

/// # Safety
/// As [`create`].
unsafe fn populate(cx: &Rc<Context>, info: &lws_context_creation_info) -> Result<(), CreateError> {
    cx.start()?;
    // With explicit vhosts, those may want ports that only the privileged get: the program says when it has them.
    if info.options & LWS_SERVER_OPTION_EXPLICIT_VHOSTS == 0 {
        // SAFETY: the caller's promise.
        cx.create_vhost(unsafe { vhost_config(info, Rc::downgrade(cx)) }?)?;
        c_context(cx).privileges.drop_to()?;
    }
    cx.settle();
    match cx.ending() {
        Ending::No => Ok(()),
        _ => Err(CreateError::new(
            "event_lib_custom",
            "lws_context_destroy",
            "called while the context was created",
        )),
    }
}

/// For programs with `LWS_SERVER_OPTION_EXPLICIT_VHOSTS`, once they have created their vhosts: the process becomes the
/// user and group that `info` asked for. Without that option `lws_create_context()` has done so already.
///
/// 0; 1 after an `LLL_ERR` line when the kernel refuses, and for NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_finalize_startup(context: *mut lws_context) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { self::context(context) }) else { return 1 };
        let cx = c_context(&cx);
        if !cx.explicit_vhosts {
            return 0;
        }
        match cx.privileges.drop_to() {
            Ok(()) => 0,
            Err(error) => {
                crate::log_err!("lws_finalize_startup: {error}");
                1
            }
        }
    })
}

/// A peer that has gone must not kill the program; lws has always done this for it.
fn ignore_sigpipe() {
    // SAFETY: a plain system call that installs no handler of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// The log context that lines about a context go to.
///
/// # Safety
/// `cx` is NULL or a context that has not been destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_context_get_cx(cx: *mut lws_context) -> *mut lws_log_cx {
    guard(super::log::process_cx(), || {
        // SAFETY: the caller's promise.
        let cx = unsafe { context(cx) };
        cx.map_or(super::log::process_cx(), |cx| c_context(&cx).log_cx.as_ptr())
    })
}

/// Puts the context's name before a log line; for `lwsl_cx_*`.
///
/// # Safety
/// `*p` up to `e` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_log_prepend_context(
    _cx: *mut lws_log_cx,
    _obj: *mut c_void,
    p: *mut *mut c_char,
    e: *mut c_char,
) {
    // SAFETY: the caller's promise.
    guard((), || unsafe { super::log::append_prefix(p, e, b"cx: ") });
}

/// What happens when a context is over: the program's count, its pointer and its baggage go.
struct ContextEnd {
    context: *const Context,
    pcontext: *mut *mut lws_context,
    baggage: *mut c_void,
}

impl ContextEnd {
    fn run(&self) {
        context_ends(self.context);
        // SAFETY: by contract `pcontext` is NULL or stays writable, and `baggage` is NULL or from malloc; the program's
        // count of the context is dropped here and only here.
        unsafe {
            if let Some(pcontext) = self.pcontext.as_mut() {
                *pcontext = null_mut();
            }
            libc::free(self.baggage);
            Rc::decrement_strong_count(self.context);
        }
    }
}

fn raise_fd_limit(limit: u64) -> Result<(), CreateError> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: Some(limit), maximum: now.maximum.map(|maximum| maximum.max(limit)) };
    setrlimit(Resource::Nofile, wanted).map_err(|error| CreateError::new("rlimit_nofile", limit, error))
}

/// Destroys a context: closes everything, tells the protocols, frees. Called from inside a callback or an event loop
/// operation, it completes by itself when the outermost call into the library returns; until then service calls do
/// nothing. The pointer is invalid from then on. NULL is ignored.
///
/// At the end the ledger is checked: anything not freed is named at `LLL_ERR`. `*info.pcontext` becomes NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_context_destroy(context: *mut lws_context) {
    guard_whole((), || {
        // SAFETY: the caller's promise.
        if let Some(cx) = unsafe { self::context(context) } {
            cx.destroy();
        }
    });
}

/// Whether the context's destruction has been asked for: 1 or 0; 1 for NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_context_is_being_destroyed(context: *mut lws_context) -> c_int {
    // SAFETY: the caller's promise.
    guard(1, || unsafe { self::context(context) }.is_none_or(|cx| cx.ending() != Ending::No).into())
}

/// `info.user` of the context's creation; NULL for NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_context_user(context: *mut lws_context) -> *mut c_void {
    // SAFETY: the caller's promise.
    guard(null_mut(), || unsafe { self::context(context) }.map_or(null_mut(), |cx| cx.config.user.cast()))
}

/// Service threads of the context: 1; 0 for NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_count_threads(context: *mut lws_context) -> c_int {
    // SAFETY: the caller's promise.
    guard(0, || unsafe { self::context(context) }.is_some().into())
}

/// Raises `LWS_CALLBACK_PROTOCOL_INIT` where it has not been raised yet, as the first turn of the loop would; 0, or 1
/// for NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_protocol_init(context: *mut lws_context) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { self::context(context) }) else { return 1 };
        cx.init_protocols();
        cx.settle();
        0
    })
}

/// The process's user and group, as set by `info.uid`, `info.gid`, `info.username` or `info.groupname`.
///
/// # Safety
/// `context` is NULL or a live context; `uid` and `gid` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_effective_uid_gid(
    _context: *mut lws_context,
    uid: *mut uid_t,
    gid: *mut gid_t,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(uid) = uid.as_mut() {
            *uid = libc::geteuid();
        }
        if let Some(gid) = gid.as_mut() {
            *gid = libc::getegid();
        }
    }
}

/// The context's first service thread's area for the event lib (`evlib_size_pt` bytes, zeroed, aligned to 16); NULL when
/// it asked for none, for another `tsi` than 0, and for NULL.
///
/// # Safety
/// `ctx` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_evlib_tsi_to_evlib_pt(ctx: *mut lws_context, tsi: c_int) -> *mut c_void {
    // SAFETY: the caller's promise.
    guard(null_mut(), || match unsafe { self::context(ctx) } {
        Some(cx) if tsi == 0 => cx.event_lib_pt.as_ptr().cast(),
        _ => null_mut(),
    })
}

/// As `lws_evlib_tsi_to_evlib_pt()`, for the thread that serves `wsi`.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_evlib_wsi_to_evlib_pt(wsi: *mut lws) -> *mut c_void {
    guard(null_mut(), || {
        // SAFETY: the caller's promise.
        unsafe { super::handle::wsi_cx(wsi) }.map_or(null_mut(), |(_, cx)| cx.event_lib_pt.as_ptr().cast())
    })
}

/// The context of a wsi; NULL for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_context(wsi: *const lws) -> *mut lws_context {
    // SAFETY: the caller's promise.
    guard(null_mut(), || unsafe { super::handle::wsi_cx(wsi) }.map_or(null_mut(), |(_, cx)| context_ptr(&cx)))
}

/// Fills `buf` with `len` bytes from the kernel's random source; the number of bytes filled.
///
/// # Safety
/// `buf` is NULL or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_random(_context: *mut lws_context, buf: *mut c_void, len: usize) -> usize {
    if buf.is_null() {
        return 0;
    }
    let mut filled = 0;
    while filled < len {
        // SAFETY: the rest of the caller's buffer.
        let n = unsafe { libc::getrandom(buf.byte_add(filled), len - filled, 0) };
        match usize::try_from(n) {
            Ok(n) => filled += n,
            Err(_) if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    filled
}

/// Fills `dest` with `len - 1` random lower-case hex digits and a NUL: `len` bytes in all. 0; 1 when `dest` is NULL, `len` is 0,
/// or there is no randomness, with an empty string in `dest` where there is room for one.
///
/// # Safety
/// `dest` is NULL or has room for `len` bytes; `context` is not looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_hex_random(context: *mut lws_context, dest: *mut c_char, len: usize) -> c_int {
    if dest.is_null() || len == 0 {
        return 1;
    }
    let digits = len - 1;
    let random = digits.div_ceil(2);
    // SAFETY: `len` bytes are the caller's. Each random byte is read before the two digits made of it are written, which
    // are never beyond it: the random bytes lie at the end.
    unsafe {
        let bytes = dest.cast::<u8>().add(len - random);
        if lws_get_random(context, bytes.cast(), random) != random {
            *dest = 0;
            return 1;
        }
        for at in 0..digits {
            let byte = bytes.add(at / 2).read();
            let digit = if at % 2 == 0 { byte >> 4 } else { byte & 15 };
            dest.add(at).write(HEX_DIGITS[usize::from(digit)] as c_char);
        }
        dest.add(digits).write(0);
    }
    0
}

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The host's name, NUL-terminated, for the life of the process.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_canonical_hostname(_context: *mut lws_context) -> *const c_char {
    static NAME: std::sync::OnceLock<std::ffi::CString> = std::sync::OnceLock::new();
    guard(c"unknown".as_ptr(), || NAME.get_or_init(|| rustix::system::uname().nodename().to_owned()).as_ptr())
}
