//! Logging: levels, emitters and log contexts of the C API, on top of [`crate::util::log`].

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::io::Write as _;
use std::mem::{offset_of, transmute};
use std::ptr;
use std::slice;
use std::sync::atomic::Ordering;

use super::guard::guard;
use super::types::{
    LLL_DEBUG, LLL_ERR, LLL_INFO, LLL_NOTICE, LLL_WARN, LLLF_LOG_CONTEXT_AWARE, lws_log_cx,
    lws_log_emit_cx_t, lws_log_emit_t, lws_log_prepend_cx_t, lws_log_use_cx_t,
};
use crate::util::log::{self, LINE_MAX, Level, Line, PROCESS, Process, Target};

const CONTEXT_AWARE: u32 = LLLF_LOG_CONTEXT_AWARE.cast_unsigned();

/// Bytes of a buffer that one line of a hex dump shows.
const DUMP_COLUMNS: usize = 16;

/// `stg` of a file log context whose file is not open.
const NO_FILE: c_int = -1;

const _: () = {
    assert!(size_of::<Process>() == size_of::<lws_log_cx>());
    assert!(align_of::<Process>() == align_of::<lws_log_cx>());
    assert!(offset_of!(Process, emit) == offset_of!(lws_log_cx, u));
    assert!(offset_of!(Process, refcount_cb) == offset_of!(lws_log_cx, refcount_cb));
    assert!(offset_of!(Process, prepend) == offset_of!(lws_log_cx, prepend));
    assert!(offset_of!(Process, parent) == offset_of!(lws_log_cx, parent));
    assert!(offset_of!(Process, opaque) == offset_of!(lws_log_cx, opaque));
    assert!(offset_of!(Process, stg) == offset_of!(lws_log_cx, stg));
    assert!(offset_of!(Process, flags) == offset_of!(lws_log_cx, lll_flags));
    assert!(offset_of!(Process, refcount) == offset_of!(lws_log_cx, refcount));
};

/// The process-wide log context as the C API names it, for what has no log context of its own.
pub(crate) fn process_cx() -> *mut lws_log_cx {
    // C may set a callback in what it is handed: from here on, lines must pass through it.
    log::set_process_target(&ProcessTarget);
    (&raw const PROCESS).cast_mut().cast()
}

/// The library's process-wide lines, by way of the emitter that C installed.
struct ProcessTarget;

impl Target for ProcessTarget {
    fn enabled(&self, level: Level) -> bool {
        PROCESS.enabled(level)
    }

    fn emit(&self, level: Level, tag: &dyn fmt::Display, text: fmt::Arguments<'_>) {
        let cx = (&raw const PROCESS).cast_mut().cast();
        // SAFETY: the process-wide context is always valid.
        unsafe { emit_text(cx, None, ptr::null_mut(), level as c_int, tag, text) }
    }
}

/// Sets which log levels the process emits, and how.
///
/// `level` is the `LLL_*` bits to emit, or'ed. At the start it is `LLL_ERR | LLL_WARN | LLL_NOTICE`, to
/// stderr, in colour if that is a terminal.
///
/// `log_emit_function` takes each line from now on; NULL leaves it as it is. It gets a NUL-terminated line
/// of at most 254 characters that starts with the time and ends in a newline; the line is only valid during
/// the call. It is called on the thread that logs, from inside any function of the library: it may log,
/// but must not call anything else of the library. With `LLLF_LOG_CONTEXT_AWARE` in `level` the function
/// is called as a `lws_log_emit_cx_t`.
///
/// May be called at any time, before a context exists too, from any thread.
///
/// # Safety
///
/// `log_emit_function` is NULL or may be called from any thread, in the form that `level` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_set_log_level(level: c_int, log_emit_function: lws_log_emit_t) {
    guard((), || {
        let mut flags = level.cast_unsigned();
        if let Some(emit) = log_emit_function {
            PROCESS.emit.store(emit as *mut c_void, Ordering::Relaxed);
            log::set_process_target(&ProcessTarget);
        } else {
            // The form of the emitter that stays is what it was.
            flags = (flags & !CONTEXT_AWARE) | (log::mask() & CONTEXT_AWARE);
        }
        log::set_mask(flags);
    });
}

/// Returns 1 if a process-wide line of `level` (`LLL_*`, or several or'ed) would be emitted, else 0.
///
/// Worth asking before composing something costly. Any thread.
///
/// # Safety
///
/// None: callable at any time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_visible(level: c_int) -> c_int {
    c_int::from(log::mask() & level.cast_unsigned() != 0)
}

/// Writes what a log line of `level` starts with now, `"[2018/11/13 07:41:57:3989] N: "`, local time with
/// four decimals of the second, into the `len` bytes at `p`, NUL-terminated.
///
/// Returns the characters written, at most `len`; 0 and an empty string if `level` is not exactly one of
/// `LLL_*`, or if `p` is NULL or `len` is 0.
///
/// # Safety
///
/// `p` is NULL or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_timestamp(level: c_int, p: *mut c_char, len: usize) -> c_int {
    guard(0, || {
        if p.is_null() || len == 0 {
            return 0;
        }
        let (stamp, stamp_len) = log::timestamp(level.cast_unsigned());
        let copied = stamp_len.min(len - 1);
        // SAFETY: the caller gives room for `len` bytes, and `copied` is less.
        unsafe {
            ptr::copy_nonoverlapping(stamp.as_ptr().cast(), p, copied);
            p.add(copied).write(0);
        }
        stamp_len.min(len) as c_int
    })
}

/// An emitter for `lws_set_log_level()`: stderr, in colour if that is a terminal.
///
/// `line` is written as it is, without a newline added; NULL writes nothing. The time is already part of the
/// lines that the library passes.
///
/// # Safety
///
/// `line` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_emit_stderr(level: c_int, line: *const c_char) {
    guard((), || {
        if !line.is_null() {
            // SAFETY: the caller gives a C string.
            let line = unsafe { CStr::from_ptr(line) };
            log::write_stderr(level.cast_unsigned(), line.to_bytes());
        }
    });
}

/// The same as `lwsl_emit_stderr()`: neither adds a time to `line`.
///
/// # Safety
///
/// `line` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_emit_stderr_notimestamp(level: c_int, line: *const c_char) {
    // SAFETY: the caller's promise is that function's.
    unsafe { lwsl_emit_stderr(level, line) }
}

/// An emitter for `lws_set_log_level()`: the system log.
///
/// Errors, warnings, notices and infos have the priorities of these names, everything else is
/// `LOG_DEBUG`. `line` may be NULL, which logs nothing.
///
/// # Safety
///
/// `line` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_emit_syslog(level: c_int, line: *const c_char) {
    guard((), || {
        if line.is_null() {
            return;
        }
        let priority = match level {
            LLL_ERR => libc::LOG_ERR,
            LLL_WARN => libc::LOG_WARNING,
            LLL_NOTICE => libc::LOG_NOTICE,
            LLL_INFO => libc::LOG_INFO,
            _ => libc::LOG_DEBUG,
        };
        // SAFETY: the format takes one string, and the caller gives a C string.
        unsafe { libc::syslog(priority, c"%s".as_ptr(), line) };
    });
}

/// Logs `len` bytes at `vbuf` as a hex dump, process-wide, if `level` (`LLL_*`) is visible.
///
/// A NULL `vbuf` or a zero `len` is logged as that.
///
/// # Safety
///
/// `vbuf` is NULL or `len` bytes are readable there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_hexdump_level(level: c_int, vbuf: *const c_void, len: usize) {
    // SAFETY: the caller's promise is that function's; a null context is the process-wide one.
    unsafe { lwsl_hexdump_level_cx(ptr::null_mut(), None, ptr::null_mut(), level, vbuf, len) }
}

/// Logs `len` bytes at `buf` as a hex dump at `LLL_DEBUG`, process-wide.
///
/// # Safety
///
/// `buf` is NULL or `len` bytes are readable there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_hexdump(buf: *const c_void, len: usize) {
    // SAFETY: the caller's promise is that function's.
    unsafe { lwsl_hexdump_level(LLL_DEBUG, buf, len) }
}

/// Logs `len` bytes at `vbuf` as a hex dump in log context `cx` (NULL: process-wide), if it emits
/// `hexdump_level`.
///
/// `prep` may be NULL; else it writes what comes before each line, given `obj`.
///
/// # Safety
///
/// `cx` is NULL or a valid log context; `prep` accepts `obj`; `vbuf` is NULL or `len` bytes are readable
/// there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_hexdump_level_cx(
    cx: *mut lws_log_cx,
    prep: lws_log_prepend_cx_t,
    obj: *mut c_void,
    hexdump_level: c_int,
    vbuf: *const c_void,
    len: usize,
) {
    guard((), || {
        // SAFETY: the caller gives a valid context.
        if !unsafe { visible(cx, hexdump_level) } {
            return;
        }
        let say = |text: fmt::Arguments<'_>| {
            // SAFETY: the caller gives a valid context, and an object that fits its callback.
            unsafe { emit_text(cx, prep, obj, hexdump_level, &"", text) }
        };
        if len == 0 {
            return say(format_args!("(hexdump: zero length)"));
        }
        if vbuf.is_null() {
            return say(format_args!("(hexdump: NULL ptr)"));
        }
        // SAFETY: the caller gives `len` readable bytes.
        let bytes = unsafe { slice::from_raw_parts(vbuf.cast::<u8>(), len) };
        say(format_args!("\n"));
        for (row, chunk) in bytes.chunks(DUMP_COLUMNS).enumerate() {
            say(format_args!("{:04X}:{}", row * DUMP_COLUMNS, DumpRow(chunk)));
        }
        say(format_args!("\n"));
    });
}

/// Counts a user of log context `cx` in (`change` is 1) or out (-1), and tells its `refcount_cb`.
///
/// NULL `cx` is ignored, and so is a user going out where none is counted, which is logged as an error.
/// Not thread-safe: one thread for one log context.
///
/// # Safety
///
/// `cx` is NULL or a valid log context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwsl_refcount_cx(cx: *mut lws_log_cx, change: c_int) {
    guard((), || {
        if cx.is_null() {
            return;
        }
        // SAFETY: the caller gives a valid context; nothing refers to its field beyond this block.
        let callback = unsafe {
            let count = &mut (*cx).refcount;
            if change > 0 {
                *count += 1;
            } else if *count > 0 {
                *count -= 1;
            } else {
                crate::log_err!("lwsl_refcount_cx: released more often than taken");
                return;
            }
            (*cx).refcount_cb
        };
        if let Some(callback) = callback {
            // SAFETY: the callback belongs to this context.
            unsafe { callback(cx, change) };
        }
    });
}

/// An emitter for a log context with `LLLF_LOG_CONTEXT_AWARE`: the file that `lws_log_use_cx_file()`
/// keeps open.
///
/// Lines are lost while the file is not open; a failing write is reported on stderr.
///
/// # Safety
///
/// `cx` is NULL or a valid log context whose `refcount_cb` is `lws_log_use_cx_file()`; `line` is NULL or
/// has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_log_emit_cx_file(
    cx: *mut lws_log_cx,
    _level: c_int,
    line: *const c_char,
    len: usize,
) {
    guard((), || {
        if cx.is_null() || line.is_null() {
            return;
        }
        // SAFETY: the caller gives a valid context.
        let fd = unsafe { file_of(cx) };
        if fd < 0 {
            return;
        }
        // SAFETY: the caller gives `len` bytes at `line`.
        let written = unsafe { libc::write(fd, line.cast(), len) };
        if usize::try_from(written) != Ok(len) {
            // A log that cannot be written cannot take the complaint; stderr may be gone too.
            let _ = writeln!(std::io::stderr(), "Unable to write log to file");
        }
    });
}

/// A `refcount_cb` for a log context that logs to a file: `opaque` is the path, a C string.
///
/// The file is created or emptied (mode 0600) when the first user comes, and closed when the last one
/// goes; its fd is kept in `stg`. That it cannot be opened is reported on stderr.
///
/// # Safety
///
/// `cx` is NULL or a valid log context whose `opaque` is NULL or a C string, and whose `stg` is its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_log_use_cx_file(cx: *mut lws_log_cx, change: c_int) {
    guard((), || {
        if cx.is_null() {
            return;
        }
        // SAFETY: the caller gives a valid context.
        let (refcount, path) = unsafe { ((*cx).refcount, (*cx).opaque.cast_const().cast::<c_char>()) };
        if change > 0 && refcount == 1 {
            // SAFETY: `opaque` is null or a C string.
            let fd = unsafe { open_log_file(path) };
            // SAFETY: the caller gives a valid context, whose `stg` is ours.
            unsafe { (*cx).stg = ptr::without_provenance_mut(fd as isize as usize) };
        } else if change <= 0 && refcount == 0 {
            // SAFETY: the caller gives a valid context.
            let fd = unsafe { file_of(cx) };
            if fd >= 0 {
                // SAFETY: the fd was opened here for this context, and `stg` forgets it.
                unsafe { libc::close(fd) };
            }
            // SAFETY: as above.
            unsafe { (*cx).stg = ptr::without_provenance_mut(NO_FILE as isize as usize) };
        }
    });
}

/// For the `lws_log_prepend_*()` functions: appends `text` at `*p`, as far as it fits before `e`, and advances
/// `*p`.
///
/// # Safety
///
/// `p` is null, or `*p..e` is writable, and so is the byte at `e`.
pub(crate) unsafe fn append_prefix(p: *mut *mut c_char, e: *mut c_char, text: &[u8]) {
    if p.is_null() {
        return;
    }
    // SAFETY: not null, so the caller gives a valid cursor.
    let at = unsafe { p.read() };
    let Some(room) = (e as usize).checked_sub(at as usize) else { return };
    if at.is_null() {
        return;
    }
    let taken = text.len().min(room);
    // SAFETY: `taken` bytes are before `e`, and the byte there is writable as well.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr().cast(), at, taken);
        at.add(taken).write(0);
        p.write(at.add(taken));
    }
}

/// For `variadic.c`: whether `cx` emits `filter`.
pub(super) unsafe extern "C" fn visible_to_c(cx: *mut lws_log_cx, filter: c_int) -> c_int {
    // SAFETY: `_lws_log_cx` demands a valid context.
    guard(0, || c_int::from(unsafe { visible(cx, filter) }))
}

/// For `variadic.c`: writes what comes before a line's text into `buf`, of `LINE_MAX` bytes, and returns its
/// length, less than `LINE_MAX`.
pub(super) unsafe extern "C" fn begin_for_c(
    cx: *mut lws_log_cx,
    prep: lws_log_prepend_cx_t,
    obj: *mut c_void,
    filter: c_int,
    fun: *const c_char,
    buf: *mut [u8; LINE_MAX],
) -> usize {
    // SAFETY: `variadic.c` gives a buffer of that size, which it does not touch meanwhile.
    let buf = unsafe { &mut *buf };
    buf[0] = 0;
    guard(0, || {
        // SAFETY: `_lws_log_cx` demands a valid context and an object that fits `prep`.
        let mut line = unsafe { begin(buf, cx, prep, obj, filter) };
        if !fun.is_null() {
            // SAFETY: `_lws_log_cx` demands a C string.
            line.prefix(unsafe { CStr::from_ptr(fun) }.to_bytes());
            line.prefix(b": ");
        }
        line.as_bytes().len()
    })
}

/// For `variadic.c`: ends and emits a line of which `begun` bytes were begun, and whose text wanted
/// `wanted` bytes more.
pub(super) unsafe extern "C" fn end_for_c(
    cx: *mut lws_log_cx,
    filter: c_int,
    buf: *mut [u8; LINE_MAX],
    begun: usize,
    wanted: usize,
) {
    // SAFETY: `variadic.c` gives a buffer of that size, which it does not touch meanwhile.
    let buf = unsafe { &mut *buf };
    guard((), || {
        let mut line = Line::resume_with_text(buf, begun, wanted);
        // SAFETY: `_lws_log_cx` demands a valid context.
        unsafe { emit_line(cx, filter, &mut line) };
    });
}

/// One row of a hex dump after its offset: the bytes, then the characters.
struct DumpRow<'a>(&'a [u8]);

impl fmt::Display for DumpRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, " {byte:02X}")?;
        }
        let missing = DUMP_COLUMNS - self.0.len();
        write!(f, "{:width$}", "", width = missing * 3 + 4)?;
        for &byte in self.0 {
            let shown = if (0x20..0x7f).contains(&byte) { byte as char } else { '.' };
            write!(f, "{shown}")?;
        }
        write!(f, "{:missing$}", "")
    }
}

/// Whether `cx` emits a line of `filter`. Its parents are not asked, as in lws.
///
/// # Safety
///
/// `cx` is null (process-wide) or valid.
unsafe fn visible(cx: *mut lws_log_cx, filter: c_int) -> bool {
    // SAFETY: the caller gives a valid context.
    unsafe { flags(cx) & filter.cast_unsigned() != 0 }
}

/// The `lll_flags` of `cx`.
///
/// # Safety
///
/// `cx` is null (process-wide) or valid.
unsafe fn flags(cx: *mut lws_log_cx) -> u32 {
    if is_process(cx) {
        log::mask()
    } else {
        // SAFETY: the caller gives a valid context.
        unsafe { (*cx).lll_flags }
    }
}

fn is_process(cx: *mut lws_log_cx) -> bool {
    cx.is_null() || ptr::addr_eq(cx, &raw const PROCESS)
}

/// Builds and emits one line of the library's own.
///
/// # Safety
///
/// `cx` is null (process-wide) or valid; `prep` accepts `obj`.
unsafe fn emit_text(
    cx: *mut lws_log_cx,
    prep: lws_log_prepend_cx_t,
    obj: *mut c_void,
    level: c_int,
    tag: &dyn fmt::Display,
    text: fmt::Arguments<'_>,
) {
    let mut buf = [0; LINE_MAX];
    // SAFETY: the caller's promise.
    let mut line = unsafe { begin(&mut buf, cx, prep, obj, level) };
    line.tag_and_text(tag, text);
    // SAFETY: the caller's promise.
    unsafe { emit_line(cx, level, &mut line) };
}

/// Begins a line: the time, what the context's ancestors prepend (the eldest first), what `prep` does.
///
/// A context's own `prepend` counts only if it has no parent, and `prep` is told the context whose turn was
/// last: so it is in lws.
///
/// # Safety
///
/// `cx` is null (process-wide) or valid, and so are its ancestors; `prep` accepts `obj`.
unsafe fn begin(
    buf: &mut [u8; LINE_MAX],
    cx: *mut lws_log_cx,
    prep: lws_log_prepend_cx_t,
    obj: *mut c_void,
    level: c_int,
) -> Line<'_> {
    let cx = if cx.is_null() { (&raw const PROCESS).cast_mut().cast() } else { cx };
    let mut line = Line::begin(buf, level.cast_unsigned());
    // SAFETY: the caller gives valid contexts.
    let ancestor = |distance: usize| (0..distance).fold(cx, |at, _| unsafe { (*at).parent });
    let mut depth = 0;
    while !ancestor(depth + 1).is_null() {
        depth += 1;
    }
    let mut turn = cx;
    for distance in (depth.min(1)..=depth).rev() {
        turn = ancestor(distance);
        // SAFETY: the caller gives valid contexts.
        let own: lws_log_prepend_cx_t = unsafe { (*turn).prepend };
        // SAFETY: the callback belongs to this context; lws passes no object to it either.
        line = unsafe { call_prepend(line, own, turn, ptr::null_mut()) };
    }
    // SAFETY: the caller gives an object that fits.
    unsafe { call_prepend(line, prep, turn, obj) }
}

/// Lets a C callback append to the line.
///
/// # Safety
///
/// `prepend`, if any, accepts `cx` and `obj`.
unsafe fn call_prepend(
    mut line: Line<'_>,
    prepend: lws_log_prepend_cx_t,
    cx: *mut lws_log_cx,
    obj: *mut c_void,
) -> Line<'_> {
    let Some(prepend) = prepend else { return line };
    let begun = line.as_bytes().len();
    let start: *mut c_char = line.buffer().as_mut_ptr().cast();
    // SAFETY: both are inside of the line's buffer, whose last byte is beyond `begun`.
    let (mut at, end) = unsafe { (start.add(begun), start.add(LINE_MAX - 1)) };
    // SAFETY: the callback gets what the C API promises: `at..end` is writable.
    unsafe { prepend(cx, obj, &raw mut at, end) };
    let reached = (at as usize).clamp(start as usize + begun, end as usize) - start as usize;
    line.extend_to(reached);
    line
}

/// Hands a finished line to the emitter of `cx`.
///
/// # Safety
///
/// `cx` is null (process-wide) or valid.
unsafe fn emit_line(cx: *mut lws_log_cx, level: c_int, line: &mut Line<'_>) {
    let cx: *mut lws_log_cx = if cx.is_null() { (&raw const PROCESS).cast_mut().cast() } else { cx };
    let emitter = if is_process(cx) {
        PROCESS.emit.load(Ordering::Relaxed)
    } else {
        // SAFETY: both members are nullable function pointers, which are as large as any pointer.
        unsafe { (*cx).u.emit.map_or(ptr::null_mut(), |emit| emit as *mut c_void) }
    };
    let text: *const c_char = line.as_bytes_with_nul().as_ptr().cast();
    if emitter.is_null() {
        log::write_stderr(level.cast_unsigned(), line.as_bytes());
    // SAFETY: the caller gives a valid context.
    } else if unsafe { flags(cx) } & CONTEXT_AWARE != 0 {
        // SAFETY: the flag says which of the two forms the function that the application gave has.
        let emit: lws_log_emit_cx_t = unsafe { transmute::<*mut c_void, lws_log_emit_cx_t>(emitter) };
        if let Some(emit) = emit {
            // SAFETY: the line is a C string of that length.
            unsafe { emit(cx, level, text, line.as_bytes().len()) };
        }
    } else {
        // SAFETY: as above.
        let emit: lws_log_emit_t = unsafe { transmute::<*mut c_void, lws_log_emit_t>(emitter) };
        if let Some(emit) = emit {
            // SAFETY: the line is a C string.
            unsafe { emit(level, text) };
        }
    }
}

/// The fd that `lws_log_use_cx_file()` keeps, or negative.
///
/// # Safety
///
/// `cx` is valid.
unsafe fn file_of(cx: *mut lws_log_cx) -> c_int {
    // SAFETY: the caller's promise.
    match unsafe { (*cx).stg }.addr() {
        // Zeroed, as the application makes it: nothing was opened yet. Our fds are never 0.
        0 => NO_FILE,
        fd => fd as c_int,
    }
}

/// Opens a log file anew; says so on stderr if it cannot.
///
/// # Safety
///
/// `path` is null or a C string.
unsafe fn open_log_file(path: *const c_char) -> c_int {
    if path.is_null() {
        return NO_FILE;
    }
    let flags = libc::O_CREAT | libc::O_TRUNC | libc::O_WRONLY | libc::O_CLOEXEC;
    // SAFETY: a C string, and the mode that O_CREAT needs.
    let mut fd = unsafe { libc::open(path, flags, 0o600 as libc::c_uint) };
    if fd == 0 {
        // 0 says "nothing opened" in a zeroed context.
        // SAFETY: the fd is ours, and replaced.
        fd = unsafe {
            let moved = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3);
            libc::close(fd);
            moved
        };
    }
    if fd < 0 {
        let cause = std::io::Error::last_os_error();
        // SAFETY: a C string.
        let path = unsafe { CStr::from_ptr(path) }.to_string_lossy();
        // Stderr may be gone; there is nowhere else.
        let _ = writeln!(
            std::io::stderr(),
            "Unable to open log {path}: errno {}",
            cause.raw_os_error().unwrap_or_default()
        );
    }
    fd
}

const _: lws_log_use_cx_t = Some(lws_log_use_cx_file);
const _: lws_log_emit_cx_t = Some(lws_log_emit_cx_file);
