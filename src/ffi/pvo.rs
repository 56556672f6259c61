//! Named option lists of the C API: `struct lws_protocol_vhost_options`.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use super::guard::guard;
use super::types::lws_protocol_vhost_options;

/// Finds the option called `name` in the list that starts at `pvo`.
///
/// Returns NULL if there is none, or `pvo` or `name` is NULL. Options of options are not looked at.
///
/// # Safety
///
/// `pvo` is NULL or a list whose names are NULL or C strings; `name` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_pvo_search(
    pvo: *const lws_protocol_vhost_options,
    name: *const c_char,
) -> *const lws_protocol_vhost_options {
    guard(ptr::null(), || {
        if name.is_null() {
            return ptr::null();
        }
        // SAFETY: the caller gives a C string.
        let wanted = unsafe { CStr::from_ptr(name) };
        let mut at = pvo;
        while !at.is_null() {
            // SAFETY: the caller gives a list, whose names are null or C strings.
            let named = unsafe { !(*at).name.is_null() && CStr::from_ptr((*at).name) == wanted };
            if named {
                return at;
            }
            // SAFETY: as above.
            at = unsafe { (*at).next };
        }
        ptr::null()
    })
}

/// Sets `*result` to the value of the option called `name` in the list `in`, which is what
/// `LWS_CALLBACK_PROTOCOL_INIT` passes as `in`. The value belongs to the list.
///
/// Returns 0, or 1 if there is no such option or a pointer is NULL; `*result` is left alone then.
///
/// # Safety
///
/// As for `lws_pvo_search()`; `result` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_pvo_get_str(
    r#in: *mut c_void,
    name: *const c_char,
    result: *mut *const c_char,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let option = unsafe { lws_pvo_search(r#in.cast_const().cast(), name) };
        if option.is_null() || result.is_null() {
            return 1;
        }
        // SAFETY: an option of the caller's list, and the caller's place for its value.
        unsafe { result.write((*option).value) };
        0
    })
}
