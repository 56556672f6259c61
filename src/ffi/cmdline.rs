//! Command line options, as the C API's example programs take them.
#![expect(clippy::similar_names, reason = "argc and argv are what C calls them")]

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use super::guard::guard;
use super::log::lws_set_log_level;
use super::types::{LLL_ERR, LLL_NOTICE, LLL_USER, LLL_WARN, lws_context_creation_info};

/// An option's argument that is longer than this is not one.
const ARGUMENT_MAX: usize = 1024;

/// Options of the library that this build has nothing behind.
const FAULT_INJECTION: [&CStr; 2] = [c"--fault-injection", c"--fault-seed"];

/// Looks for option `val` among the arguments, the last of them first, `argv[0]` excepted.
///
/// Returns NULL if no argument starts with `val`; else a pointer into `argv` to what belongs to it: for the
/// argument `val` itself the next one, whatever it looks like, or, at the end, an empty string; for
/// `val=x` and `valx` the `x`. So `-d 15`, `-d15` and `-d=15` all give "15".
///
/// NULL also if `argv` or `val` is NULL, or the next argument is longer than 1024 characters.
///
/// # Safety
///
/// `argv` is NULL or has `argc` C strings (or NULLs); `val` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_cmdline_option(
    argc: c_int,
    argv: *mut *const c_char,
    val: *const c_char,
) -> *const c_char {
    guard(ptr::null(), || {
        if argv.is_null() || val.is_null() {
            return ptr::null();
        }
        // SAFETY: the caller gives a C string.
        let wanted = unsafe { CStr::from_ptr(val) };
        // SAFETY: the caller gives `argc` strings.
        unsafe { find(argc, argv, wanted) }
    })
}

/// Applies the options that all programs have in common; they may set more of `info` afterwards.
///
/// `-d <n>` sets the log levels to the `LLL_*` bits `n`, decimal; without it they are errors, warnings,
/// notices and the program's own (`LLL_USER`). `--ignore-sigterm` makes SIGTERM do nothing.
/// `--fault-injection` and `--fault-seed` are refused with an error line: there is none in this library.
///
/// `info` may be NULL; no option needs it at present.
///
/// # Safety
///
/// `argv` is NULL or has `argc` C strings (or NULLs); `info` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_cmdline_option_handle_builtin(
    argc: c_int,
    argv: *mut *const c_char,
    info: *mut lws_context_creation_info,
) {
    guard((), || {
        let _ = info;
        let option = |name: &CStr| {
            // SAFETY: the caller gives `argc` strings.
            let found = unsafe { lws_cmdline_option(argc, argv, name.as_ptr()) };
            (!found.is_null()).then_some(found)
        };
        let levels = match option(c"-d") {
            // SAFETY: a C string out of `argv`.
            Some(text) => unsafe { libc::atoi(text) },
            None => LLL_USER | LLL_ERR | LLL_WARN | LLL_NOTICE,
        };
        // SAFETY: no emitter is passed.
        unsafe { lws_set_log_level(levels, None) };
        if option(c"--ignore-sigterm").is_some() {
            ignore_sigterm();
        }
        for name in FAULT_INJECTION.into_iter().filter(|name| option(name).is_some()) {
            crate::log_err!(
                "command line: {}: fault injection is not part of this library",
                name.to_string_lossy()
            );
        }
    });
}

/// What belongs to option `wanted`, or null.
///
/// # Safety
///
/// `argv` has `argc` C strings (or nulls).
unsafe fn find(argc: c_int, argv: *mut *const c_char, wanted: &CStr) -> *const c_char {
    let count = usize::try_from(argc).unwrap_or(0);
    // SAFETY: the caller gives `argc` strings, and the index is below that.
    let argument = |index: usize| unsafe { argv.add(index).read() };
    let len = wanted.count_bytes();
    for index in (1..count).rev() {
        let candidate = argument(index);
        if candidate.is_null() {
            continue;
        }
        // SAFETY: a C string, of the caller.
        let text = unsafe { CStr::from_ptr(candidate) }.to_bytes_with_nul();
        if !text.starts_with(wanted.to_bytes()) {
            continue;
        }
        return match text[len] {
            0 if index + 1 < count => {
                let next = argument(index + 1);
                // SAFETY: null or a C string, of the caller.
                let usable = !next.is_null() && unsafe { CStr::from_ptr(next) }.count_bytes() <= ARGUMENT_MAX;
                if usable { next } else { ptr::null() }
            }
            // SAFETY: the terminating NUL is at or after the place that is pointed to.
            b'=' => unsafe { candidate.add(len + 1) },
            // SAFETY: as above.
            _ => unsafe { candidate.add(len) },
        };
    }
    ptr::null()
}

/// Installs a handler that does nothing: unlike `SIG_IGN`, a program that is executed does not inherit it.
fn ignore_sigterm() {
    extern "C" fn nothing(_signal: c_int) {}
    // SAFETY: the handler touches nothing.
    unsafe { libc::signal(libc::SIGTERM, nothing as extern "C" fn(c_int) as libc::sighandler_t) };
}
