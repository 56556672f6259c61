//! Escaping of untrusted text in the C API: SQL, JSON, file names.

use std::ffi::{c_char, c_int};

use super::guard::guard;
use super::strings::{Output, c_bytes};

/// How long `\u0000` is.
const JSON_UNICODE_LEN: usize = 6;

/// Writes `string` to `escaped`, which has room for `len` bytes, with each `'` doubled for use in a quoted
/// SQL literal, and returns `escaped`.
///
/// The result always ends in a NUL; it is cut before what does not fit, never between two quotes. They must
/// not overlap. A NULL `string` gives an empty result; if `escaped` is NULL or `len` is 0, nothing is written.
///
/// # Safety
///
/// `escaped` is NULL or has room for `len` bytes; `string` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sql_purify(
    escaped: *mut c_char,
    string: *const c_char,
    len: usize,
) -> *const c_char {
    guard(escaped.cast_const(), || {
        // SAFETY: the caller gives that much room.
        if let Some(mut out) = unsafe { Output::new(escaped, len) } {
            // SAFETY: the caller gives a C string.
            for &byte in unsafe { c_bytes(string) } {
                let escaped = if byte == b'\'' { &[byte; 2][..] } else { &[byte; 1][..] };
                if out.room() < escaped.len() {
                    break;
                }
                out.push_all(escaped);
            }
        }
        escaped
    })
}

/// Writes `string` to `escaped`, which has room for `len` bytes, escaped for use in a JSON string, and
/// returns `escaped`.
///
/// Control characters, `"`, `\` and everything that is not ASCII are escaped: the bytes of UTF-8 one by one,
/// so they come back as Latin-1. The result always ends in a NUL; it is cut before what does not fit, never
/// within an escape. `in_used`, unless NULL, is set to how many bytes of `string` it covers. They must not
/// overlap. A NULL `string` gives an empty result and leaves `in_used` alone; if `escaped` is NULL or `len` is not
/// positive, nothing is written but a 0 to `in_used`.
///
/// # Safety
///
/// `escaped` is NULL or has room for `len` bytes; `string` is NULL or a C string; `in_used` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_json_purify(
    escaped: *mut c_char,
    string: *const c_char,
    len: c_int,
    in_used: *mut c_int,
) -> *const c_char {
    guard(escaped.cast_const(), || {
        let mut used = 0;
        // SAFETY: the caller gives that much room.
        if let Some(mut out) = unsafe { Output::new(escaped, usize::try_from(len).unwrap_or(0)) } {
            // SAFETY: the caller gives a C string.
            for &byte in unsafe { c_bytes(string) } {
                if out.room() < json_escape(byte).len() {
                    break;
                }
                push_json(&mut out, byte);
                used += 1;
            }
        }
        if !in_used.is_null() && !string.is_null() {
            // SAFETY: the caller gives a place for it.
            unsafe { in_used.write(used) };
        }
        escaped
    })
}

/// Returns how long `string` is when `lws_json_purify()` has escaped it, without the NUL; 0 for NULL.
///
/// # Safety
///
/// `string` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_json_purify_len(string: *const c_char) -> c_int {
    guard(0, || {
        // SAFETY: the caller gives a C string.
        let text = unsafe { c_bytes(string) };
        let len: usize = text.iter().map(|&byte| json_escape(byte).len()).sum();
        c_int::try_from(len).unwrap_or(c_int::MAX)
    })
}

/// Replaces what is dangerous in a file name by `_`: `..` by two of them, and each `$`, `%`, `:`, `\`.
///
/// Slashes stay: what is passed should be a name, not a path. NULL is ignored.
///
/// # Safety
///
/// `filename` is NULL or a writable C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_filename_purify_inplace(filename: *mut c_char) {
    guard((), || {
        if filename.is_null() {
            return;
        }
        // SAFETY: a C string: what follows a character that is not its NUL is there too.
        unsafe {
            let mut at = filename.cast::<u8>();
            while *at != 0 {
                if *at == b'.' && *at.add(1) == b'.' {
                    at.write(b'_');
                    at = at.add(1);
                    at.write(b'_');
                } else if matches!(*at, b'$' | b'%' | b':' | b'\\') {
                    at.write(b'_');
                }
                at = at.add(1);
            }
        }
    });
}

/// How a byte appears in a JSON string.
enum JsonEscape {
    Itself,
    Short(u8),
    Unicode,
}

impl JsonEscape {
    fn len(&self) -> usize {
        match self {
            Self::Itself => 1,
            Self::Short(_) => 2,
            Self::Unicode => JSON_UNICODE_LEN,
        }
    }
}

fn json_escape(byte: u8) -> JsonEscape {
    match byte {
        b'\t' => JsonEscape::Short(b't'),
        b'\n' => JsonEscape::Short(b'n'),
        b'\r' => JsonEscape::Short(b'r'),
        b'\\' => JsonEscape::Short(b'\\'),
        b'"' | ..0x20 | 0x80.. => JsonEscape::Unicode,
        _ => JsonEscape::Itself,
    }
}

fn push_json(out: &mut Output, byte: u8) {
    match json_escape(byte) {
        JsonEscape::Itself => out.push(byte),
        JsonEscape::Short(letter) => out.push_all(&[b'\\', letter]),
        JsonEscape::Unicode => {
            out.push_all(b"\\u00");
            out.push_hex(byte, b"0123456789ABCDEF");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escaping_stays_in_its_buffer(text in proptest::collection::vec(1..=255u8, 0..40), len in 0usize..80) {
            let mut input = text.clone();
            input.push(0);
            let input = input.as_ptr().cast();
            let mut json = vec![0x55u8; 100];
            let mut sql = json.clone();
            let mut used = -1;
            // SAFETY: the input is a C string, and the buffers larger than `len`.
            let whole = unsafe {
                lws_json_purify(json.as_mut_ptr().cast(), input, len as c_int, &raw mut used);
                lws_sql_purify(sql.as_mut_ptr().cast(), input, len);
                usize::try_from(lws_json_purify_len(input)).expect("a length")
            };
            for buf in [&json, &sql] {
                prop_assert!(buf[len..].iter().all(|&byte| byte == 0x55));
                prop_assert!(len == 0 || buf[..len].contains(&0));
            }
            prop_assert!((0..=text.len() as c_int).contains(&used));
            if whole < len {
                prop_assert_eq!(used as usize, text.len());
                prop_assert_eq!(json.iter().position(|&byte| byte == 0), Some(whole));
            }
        }
    }
}
