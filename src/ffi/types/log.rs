//! Logging: levels, emitters, log contexts.

use std::ffi::{c_char, c_int, c_void};

/// Log level: something failed.
pub const LLL_ERR: c_int = 1 << 0;
/// Log level: unexpected, survived.
pub const LLL_WARN: c_int = 1 << 1;
/// Log level: worth a line in normal operation.
pub const LLL_NOTICE: c_int = 1 << 2;
/// Log level: detail.
pub const LLL_INFO: c_int = 1 << 3;
/// Log level: detail for developers.
pub const LLL_DEBUG: c_int = 1 << 4;
/// Log level: the parsers.
pub const LLL_PARSER: c_int = 1 << 5;
/// Log level: headers.
pub const LLL_HEADER: c_int = 1 << 6;
/// Log level: extensions.
pub const LLL_EXT: c_int = 1 << 7;
/// Log level: client connections.
pub const LLL_CLIENT: c_int = 1 << 8;
/// Log level: latency.
pub const LLL_LATENCY: c_int = 1 << 9;
/// Log level: the program's own lines, `lwsl_user()`.
pub const LLL_USER: c_int = 1 << 10;
/// Log level: threads.
pub const LLL_THREAD: c_int = 1 << 11;
/// How many log levels there are.
pub const LLL_COUNT: c_int = 12;
/// Log flag: the line may hold personal data.
pub const LLLF_SECRECY_PII: c_int = 1 << 16;
/// Log flag: the line may hold credentials.
pub const LLLF_SECRECY_BEARER: c_int = 1 << 17;
/// Log flag: the emitter wants the time in the line.
pub const LLLF_LOG_TIMESTAMP: c_int = 1 << 18;
/// Log flag: `u.emit_cx` of the log context is set, not `u.emit`.
pub const LLLF_LOG_CONTEXT_AWARE: c_int = 1 << 30;

/// Takes a complete log line, NUL-terminated; called on the thread that logs.
pub type lws_log_emit_t = Option<unsafe extern "C" fn(level: c_int, line: *const c_char)>;
/// Takes a complete log line of `len` bytes with its log context.
pub type lws_log_emit_cx_t =
    Option<unsafe extern "C" fn(cx: *mut lws_log_cx, level: c_int, line: *const c_char, len: usize)>;
/// Writes what comes before a log line about `obj`: at `*p`, up to `e`, advancing `*p`.
pub type lws_log_prepend_cx_t =
    Option<unsafe extern "C" fn(cx: *mut lws_log_cx, obj: *mut c_void, p: *mut *mut c_char, e: *mut c_char)>;
/// Something begins (`_new` is 1) or ceases (-1) to use the log context.
pub type lws_log_use_cx_t = Option<unsafe extern "C" fn(cx: *mut lws_log_cx, _new: c_int)>;

/// The emitter of a log context: `emit_cx` if `lll_flags` has `LLLF_LOG_CONTEXT_AWARE`, else `emit`.
#[repr(C)]
#[derive(Clone, Copy)]
pub union lws_log_cx_emit {
    /// Takes lines.
    pub emit: lws_log_emit_t,
    /// Takes lines with their log context.
    pub emit_cx: lws_log_emit_cx_t,
}

/// A log context: levels and destination of what concerns one context, vhost or connection. It must
/// outlive whatever it is given to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_log_cx {
    /// The emitter.
    pub u: lws_log_cx_emit,
    /// Told when a user comes or goes; may be NULL.
    pub refcount_cb: lws_log_use_cx_t,
    /// What comes before each line; may be NULL.
    pub prepend: lws_log_prepend_cx_t,
    /// The log context whose `prepend` comes before; may be NULL.
    pub parent: *mut lws_log_cx,
    /// For the program.
    pub opaque: *mut c_void,
    /// For the emitter: `lws_log_emit_cx_file()` keeps its fd here.
    pub stg: *mut c_void,
    /// `LLL_*` and `LLLF_*`.
    pub lll_flags: u32,
    /// How many users there are; the library counts.
    pub refcount: i32,
}
assert_layout!(lws_log_cx, 56, {u: 0, refcount_cb: 8, prepend: 16, parent: 24, opaque: 32, stg: 40, lll_flags: 48, refcount: 52});
/// A log context.
pub type lws_log_cx_t = lws_log_cx;
