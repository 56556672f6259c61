//! The C API's variadic functions.
//!
//! Their bodies are in `variadic.c`, on `vsnprintf`. A cdylib exports only what Rust defines, so each is
//! exported as a naked function that jumps there: the arguments, wherever the calling convention put
//! them, are those that the caller left. In the other direction, C reaches the Rust functions that it
//! needs through symbols which no library exports.
//!
//! The header's prototypes and their documentation are in the header's prelude: `...` and the `format`
//! attribute are what the generator cannot say.

use std::arch::{global_asm, naked_asm};

use super::log;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the variadic functions need a tail jump for this architecture");

unsafe extern "C" {
    fn ferrows_log();
    fn ferrows_logv();
    fn ferrows_log_cx();
    fn ferrows_snprintf();
    fn ferrows_open();
}

/// Exports a function of `variadic.c` under its name in the C API.
macro_rules! export_variadic {
    ($(#[$doc:meta])* $name:ident => $body:ident) => {
        $(#[$doc])*
        ///
        /// cbindgen:ignore
        ///
        /// # Safety
        ///
        /// As of the C prototype, which this is not: call it from C.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            #[cfg(target_arch = "x86_64")]
            naked_asm!("jmp {}", sym $body);
            #[cfg(target_arch = "aarch64")]
            naked_asm!("b {}", sym $body);
        }
    };
}

export_variadic! {
    /// `void _lws_log(int filter, const char *format, ...)`: logs a line process-wide.
    _lws_log => ferrows_log
}
export_variadic! {
    /// `void _lws_logv(int filter, const char *format, va_list vl)`: logs a line process-wide.
    _lws_logv => ferrows_logv
}
export_variadic! {
    /// `void _lws_log_cx(lws_log_cx_t *cx, lws_log_prepend_cx_t prep, void *obj, int filter, const char
    /// *_fun, const char *format, ...)`: logs a line in a log context.
    _lws_log_cx => ferrows_log_cx
}
export_variadic! {
    /// `int lws_snprintf(char *str, size_t size, const char *format, ...)`: `snprintf()` that returns at
    /// most `size`.
    lws_snprintf => ferrows_snprintf
}
export_variadic! {
    /// `int lws_open(const char *path, int oflag, ...)`: `open()` with close-on-exec.
    lws_open => ferrows_open
}

/// Defines the symbol that `variadic.c` calls a Rust function by.
macro_rules! import_into_c {
    ($symbol:literal => $function:path) => {
        #[cfg(target_arch = "x86_64")]
        global_asm!(
            concat!(".globl ", $symbol),
            concat!(".hidden ", $symbol),
            concat!($symbol, ":"),
            "jmp {}",
            sym $function
        );
        #[cfg(target_arch = "aarch64")]
        global_asm!(
            concat!(".globl ", $symbol),
            concat!(".hidden ", $symbol),
            concat!($symbol, ":"),
            "b {}",
            sym $function
        );
    };
}

import_into_c!("ferrows_log_visible" => log::visible_to_c);
import_into_c!("ferrows_log_begin" => log::begin_for_c);
import_into_c!("ferrows_log_end" => log::end_for_c);

const _: () = assert!(crate::util::log::LINE_MAX == 256, "LINE_MAX_BYTES of variadic.c");
