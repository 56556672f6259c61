//! Base64 of the C API (RFC 4648).

use std::ffi::{c_char, c_int};

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, Engine};

use super::guard::guard;
use super::strings::bytes;

/// Takes what is left of the input once everything that is no digit is out: no padding, any last bits.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Characters that make one group of bytes.
const GROUP: usize = 4;

/// Encodes the `in_len` bytes at `in` into `out`, which has room for `out_size` bytes, with padding.
///
/// Returns the length of the result, without the NUL that ends it; -1 if that and the NUL do not fit, a
/// pointer is NULL or a length negative; nothing is written then.
///
/// # Safety
///
/// `in` is NULL or has `in_len` bytes; `out` is NULL or has room for `out_size` bytes; they do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_b64_encode_string(
    r#in: *const c_char,
    in_len: c_int,
    out: *mut c_char,
    out_size: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(-1, || unsafe { encode(&STANDARD, r#in, in_len, out, out_size) })
}

/// As `lws_b64_encode_string()`, with `-` and `_` in the place of `+` and `/`.
///
/// # Safety
///
/// As for `lws_b64_encode_string()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_b64_encode_string_url(
    r#in: *const c_char,
    in_len: c_int,
    out: *mut c_char,
    out_size: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(-1, || unsafe { encode(&URL_SAFE, r#in, in_len, out, out_size) })
}

/// Decodes the string `in` into `out`, which has room for `out_size` bytes.
///
/// Both alphabets are understood, padding is not needed, and characters that are no digits are passed over.
///
/// Returns how many bytes it gave; a NUL follows them if there is room. -1 if they do not fit, a pointer is
/// NULL or `out_size` negative; nothing is written then.
///
/// # Safety
///
/// `in` is NULL or a C string; `out` is NULL or has room for `out_size` bytes; they do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_b64_decode_string(
    r#in: *const c_char,
    out: *mut c_char,
    out_size: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { lws_b64_decode_string_len(r#in, -1, out, out_size) }
}

/// As `lws_b64_decode_string()`, of at most `in_len` characters at `in`; with -1, up to the NUL.
///
/// # Safety
///
/// As for `lws_b64_decode_string()`; `in` has `in_len` characters, or a NUL before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_b64_decode_string_len(
    r#in: *const c_char,
    in_len: c_int,
    out: *mut c_char,
    out_size: c_int,
) -> c_int {
    guard(-1, || {
        if r#in.is_null() {
            return -1;
        }
        // SAFETY: the caller gives that many characters, or a NUL.
        let text = unsafe {
            let len = libc::strnlen(r#in, usize::try_from(in_len).unwrap_or(usize::MAX));
            bytes(r#in, len)
        };
        let Some(decoded) = text.and_then(decode) else {
            return -1;
        };
        // SAFETY: the caller gives that much room.
        unsafe { put(&decoded, out, out_size) }
    })
}

/// The encoding of both alphabets.
///
/// # Safety
///
/// As for [`lws_b64_encode_string`].
unsafe fn encode(
    engine: &impl Engine,
    from: *const c_char,
    len: c_int,
    out: *mut c_char,
    out_size: c_int,
) -> c_int {
    let Ok(len) = usize::try_from(len) else {
        return -1;
    };
    // SAFETY: the caller's promise.
    let Some(input) = (unsafe { bytes(from, len) }) else {
        return -1;
    };
    let encoded = engine.encode(input);
    if usize::try_from(out_size).is_ok_and(|size| size > encoded.len()) {
        // SAFETY: the caller's promise.
        unsafe { put(encoded.as_bytes(), out, out_size) }
    } else {
        -1
    }
}

/// Decodes what digits of either alphabet there are in `text`.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut digits: Vec<u8> = text
        .iter()
        .filter_map(|&character| match character {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            b'+' | b'/' => Some(character),
            _ => character.is_ascii_alphanumeric().then_some(character),
        })
        .collect();
    // A single digit in the last group has fewer bits than a byte.
    if digits.len() % GROUP == 1 {
        digits.pop();
    }
    LENIENT.decode(digits).ok()
}

/// Puts `result` into a buffer of `size` bytes, with a NUL if there is room; -1 if it does not fit.
///
/// # Safety
///
/// `out` is null or has room for `size` bytes, and does not overlap `result`.
unsafe fn put(result: &[u8], out: *mut c_char, size: c_int) -> c_int {
    let room = usize::try_from(size).unwrap_or(0);
    let (false, true, Ok(len)) = (out.is_null(), result.len() <= room, c_int::try_from(result.len())) else {
        return -1;
    };
    // SAFETY: it fits.
    unsafe {
        out.copy_from_nonoverlapping(result.as_ptr().cast(), result.len());
        if result.len() < room {
            out.add(result.len()).write(0);
        }
    }
    len
}
