//! The panic boundary inside every export: a bug of ours must not unwind into C.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::util::cancel;

/// Runs an export's body; a panic is logged at ERR and becomes `on_panic`, the export's own error value.
pub(crate) fn guard<R>(on_panic: R, body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|cause| {
        let text = cause
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| cause.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        crate::log_err!("internal error, call abandoned: {text}");
        on_panic
    })
}

/// As [`guard`], for what waits, opens and closes things, and calls the program: it is not unwound by `pthread_cancel()`,
/// which takes effect when the program has its thread back.
pub(crate) fn guard_whole<R>(on_panic: R, body: impl FnOnce() -> R) -> R {
    cancel::put_off(|| guard(on_panic, body))
}
