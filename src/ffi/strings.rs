//! Strings of the C API: bounded copies, searching, URL encoding, hex, comparison in constant time.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::hint::black_box;
use std::sync::atomic::{Ordering, compiler_fence};
use std::{ptr, slice};

use super::guard::guard;

/// How long `%XX` is.
const URL_ESCAPE_LEN: usize = 3;

/// Copies the string `src` to `dest`, at most `size` bytes with the NUL that is always written.
///
/// The rest of the `size` bytes is filled with NULs, as `strncpy()` does. Returns `dest`. If `src` is NULL,
/// `dest` becomes empty; if `dest` is NULL or `size` is 0, nothing is written.
///
/// # Safety
///
/// `dest` is NULL or has room for `size` bytes; `src` is NULL, or a C string or `size` - 1 bytes; they do
/// not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_strncpy(dest: *mut c_char, src: *const c_char, size: usize) -> *mut c_char {
    guard(dest, || {
        if dest.is_null() || size == 0 {
            return dest;
        }
        let copied = if src.is_null() {
            0
        } else {
            // SAFETY: the caller gives a C string or that many bytes.
            unsafe { libc::strnlen(src, size - 1) }
        };
        // SAFETY: `copied` bytes are there, and less than the `size` that `dest` has room for.
        unsafe {
            if copied > 0 {
                ptr::copy_nonoverlapping(src, dest, copied);
            }
            dest.add(copied).write_bytes(0, size - copied);
        }
        dest
    })
}

/// Finds the `nl` characters at `name` within the `len` characters at `buf`; neither needs a NUL.
///
/// Returns a pointer into `buf` to where they first are; NULL if nowhere, if `nl` is 0, or if either
/// pointer is NULL.
///
/// # Safety
///
/// `buf` is NULL or has `len` characters, `name` is NULL or has `nl`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_nstrstr(
    buf: *const c_char,
    len: usize,
    name: *const c_char,
    nl: usize,
) -> *const c_char {
    guard(ptr::null(), || {
        if nl == 0 {
            return ptr::null();
        }
        // SAFETY: the caller gives that many characters.
        let (Some(text), Some(wanted)) = (unsafe { bytes(buf, len) }, unsafe { bytes(name, nl) }) else {
            return ptr::null();
        };
        // SAFETY: the offset is within the `len` characters.
        memchr::memmem::find(text, wanted).map_or(ptr::null(), |offset| unsafe { buf.add(offset) })
    })
}

/// Compares the `clen` characters at `check` with a pattern of `wlen` characters at `wildcard`, in which
/// each `*` stands for any characters, or none.
///
/// Returns 0 if they match, 1 if not, or if either pointer is NULL. Neither needs a NUL.
///
/// # Safety
///
/// `wildcard` is NULL or has `wlen` characters, `check` is NULL or has `clen`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_strcmp_wildcard(
    wildcard: *const c_char,
    wlen: usize,
    check: *const c_char,
    clen: usize,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller gives that many characters.
        match (unsafe { bytes(wildcard, wlen) }, unsafe { bytes(check, clen) }) {
            (Some(pattern), Some(text)) => c_int::from(!matches_wildcard(pattern, text)),
            _ => 1,
        }
    })
}

/// Writes `string` URL-encoded to `escaped`, which has room for `len` bytes, and returns `escaped`.
///
/// Letters and digits are kept, a space becomes `+`, everything else `%XX`. The result always ends in a NUL;
/// it is cut before what does not fit, never within an escape. They must not overlap. A NULL `string` gives an empty
/// result; if `escaped` is NULL or `len` is not positive, nothing is written.
///
/// # Safety
///
/// `escaped` is NULL or has room for `len` bytes; `string` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_urlencode(
    escaped: *mut c_char,
    string: *const c_char,
    len: c_int,
) -> *const c_char {
    guard(escaped.cast_const(), || {
        // SAFETY: the caller gives that much room.
        let Some(mut out) = (unsafe { Output::new(escaped, usize::try_from(len).unwrap_or(0)) }) else {
            return escaped;
        };
        // SAFETY: the caller gives a C string.
        for &byte in unsafe { c_bytes(string) } {
            let kept = match byte {
                b' ' => Some(b'+'),
                byte => byte.is_ascii_alphanumeric().then_some(byte),
            };
            if out.room() < kept.map_or(URL_ESCAPE_LEN, |_| 1) {
                break;
            }
            if let Some(kept) = kept {
                out.push(kept);
            } else {
                out.push(b'%');
                out.push_hex(byte, b"0123456789ABCDEF");
            }
        }
        escaped
    })
}

/// Writes the URL-encoded `escaped` decoded to `string`: `%XX` and `+` become characters.
///
/// `len` is how many characters are decoded at most; **`string` needs room for a NUL after them**. It may be
/// `escaped` itself, since the result is never longer. An escape that the end of `escaped` cuts short is left
/// out. `%00` gives a NUL like any character: the result may contain what looks like its end.
///
/// Returns 0, or -1 if a `%` is followed by something else than hex digits (`string` then has what came
/// before), if `len` is negative, or a pointer is NULL.
///
/// # Safety
///
/// `string` is NULL or has room for `len` + 1 bytes, or for as many as `escaped` has; `escaped` is NULL or a
/// C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_urldecode(string: *mut c_char, escaped: *const c_char, len: c_int) -> c_int {
    guard(-1, || {
        let Ok(len) = usize::try_from(len) else {
            return -1;
        };
        if string.is_null() || escaped.is_null() {
            return -1;
        }
        let mut from = escaped.cast::<u8>();
        let mut to = string.cast::<u8>();
        // SAFETY: a C string, of which no more than its NUL is read, and that never after something was
        // written there: the output is never ahead of the input.
        let mut next = || unsafe {
            let byte = from.read();
            if byte != 0 {
                from = from.add(1);
            }
            byte
        };
        let mut result = 0;
        for _ in 0..len {
            let decoded = match next() {
                0 => break,
                b'+' => b' ',
                b'%' => {
                    let (high, low) = (next(), next());
                    match (hex_value(high), hex_value(low)) {
                        (Some(high), Some(low)) => high << 4 | low,
                        (Some(_), None) if low == 0 => break,
                        _ if high == 0 => break,
                        _ => {
                            result = -1;
                            break;
                        }
                    }
                }
                byte => byte,
            };
            // SAFETY: there is room for `len` bytes and one more.
            unsafe {
                to.write(decoded);
                to = to.add(1);
            }
        }
        // SAFETY: as above: this may be that one more.
        unsafe { to.write(0) };
        result
    })
}

/// Converts a hex string like "0a1B" at `h` to bytes at `dest`.
///
/// Returns how many bytes it gave; -1 if the string has an odd number of digits or other characters, they
/// are more than `max`, or a pointer is NULL. `dest` is written up to where it went wrong.
///
/// # Safety
///
/// `h` is NULL or a C string; `dest` is NULL or has room for `max` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_hex_to_byte_array(h: *const c_char, dest: *mut u8, max: c_int) -> c_int {
    guard(-1, || {
        if h.is_null() || dest.is_null() {
            return -1;
        }
        // SAFETY: the caller gives a C string.
        let digits = unsafe { c_bytes(h) };
        let max = usize::try_from(max).unwrap_or(0);
        for (index, pair) in digits.chunks(2).take(max).enumerate() {
            let &[high, low] = pair else { return -1 };
            let (Some(high), Some(low)) = (hex_value(high), hex_value(low)) else {
                return -1;
            };
            // SAFETY: `index` is below `max`.
            unsafe { dest.add(index).write(high << 4 | low) };
        }
        let count = digits.len() / 2;
        if count <= max { count as c_int } else { -1 }
    })
}

/// Writes the `slen` bytes at `src` as lower-case hex digits to `dest`, which has room for `len` bytes.
///
/// The result always ends in a NUL, and is cut to fit. If `dest` is NULL or `len` is 0, nothing is written;
/// a NULL `src` gives an empty string.
///
/// # Safety
///
/// `src` is NULL or has `slen` bytes; `dest` is NULL or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_hex_from_byte_array(src: *const u8, slen: usize, dest: *mut c_char, len: usize) {
    guard((), || {
        // SAFETY: the caller gives that much room.
        let Some(mut out) = (unsafe { Output::new(dest, len) }) else {
            return;
        };
        // SAFETY: the caller gives that many bytes.
        for &byte in unsafe { bytes(src.cast(), slen) }.unwrap_or_default() {
            out.push_hex(byte, b"0123456789abcdef");
        }
    });
}

/// Compares `len` bytes at `a` and `b` in a time that does not depend on what they are.
///
/// Returns 0 if they are the same, else nonzero; nonzero also if one is NULL and `len` is not 0.
///
/// # Safety
///
/// `a` and `b` are NULL or have `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_timingsafe_bcmp(a: *const c_void, b: *const c_void, len: u32) -> c_int {
    guard(1, || {
        let len = len as usize;
        if len == 0 {
            return 0;
        }
        // SAFETY: the caller gives that many bytes.
        let (Some(a), Some(b)) = (unsafe { bytes(a.cast(), len) }, unsafe { bytes(b.cast(), len) }) else {
            return 1;
        };
        // The barrier keeps the compiler from seeing that nothing can change once a bit is set.
        let differences = a.iter().zip(b).fold(0, |seen, (a, b)| black_box(seen | (a ^ b)));
        c_int::from(differences)
    })
}

/// Fills `len` bytes at `p` with zeros even if nothing reads them again: for keys and passwords.
///
/// # Safety
///
/// `p` is NULL or `len` bytes are writable there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_explicit_bzero(p: *mut c_void, len: usize) {
    guard((), || {
        if p.is_null() {
            return;
        }
        for offset in 0..len {
            // SAFETY: the caller gives `len` writable bytes. A volatile write is not left out.
            unsafe { p.cast::<u8>().add(offset).write_volatile(0) };
        }
        compiler_fence(Ordering::SeqCst);
    });
}

/// A caller's buffer that text is written to; it is a C string at every moment.
pub(super) struct Output {
    at: *mut u8,
    room: usize,
}

impl Output {
    /// `None`, and nothing is written, if there is no room even for the NUL.
    ///
    /// # Safety
    ///
    /// `start` is null or has room for `len` bytes, for as long as the result is used.
    pub(super) unsafe fn new(start: *mut c_char, len: usize) -> Option<Self> {
        let room = len.checked_sub(1)?;
        if start.is_null() {
            return None;
        }
        // SAFETY: there is room for at least the NUL.
        unsafe { start.write(0) };
        Some(Self { at: start.cast(), room })
    }

    /// How many characters fit before the NUL.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Appends a character if it fits.
    pub(super) fn push(&mut self, byte: u8) {
        if let Some(room) = self.room.checked_sub(1) {
            self.room = room;
            // SAFETY: `new` was promised that room, and the NUL's.
            unsafe {
                self.at.write(byte);
                self.at = self.at.add(1);
                self.at.write(0);
            }
        }
    }

    /// Appends as much of `text` as fits.
    pub(super) fn push_all(&mut self, text: &[u8]) {
        for &byte in text {
            self.push(byte);
        }
    }

    /// Appends two hex digits, as far as they fit.
    pub(super) fn push_hex(&mut self, byte: u8, digits: &[u8; 16]) {
        self.push(digits[usize::from(byte >> 4)]);
        self.push(digits[usize::from(byte & 0xf)]);
    }
}

/// The characters of a C string; none of null.
///
/// # Safety
///
/// `text` is null or a C string, which nobody changes while the result is used.
pub(super) unsafe fn c_bytes<'a>(text: *const c_char) -> &'a [u8] {
    if text.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

/// `len` characters; `None` of null.
///
/// # Safety
///
/// `text` is null or has `len` characters, which nobody changes while the result is used.
pub(super) unsafe fn bytes<'a>(text: *const c_char, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!text.is_null()).then(|| unsafe { slice::from_raw_parts(text.cast(), len) })
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Whether `pattern`, in which each `*` stands for anything, describes the whole `text`.
fn matches_wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when a mismatch makes the last star take one character more.
    let mut retry = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((after_star, taken)) = retry {
            p = after_star;
            t = taken + 1;
            retry = Some((p, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&rest| rest == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, without cleverness.
    fn matches_by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|taken| matches_by_definition(rest, &text[taken..])),
            [first, rest @ ..] => text.first() == Some(first) && matches_by_definition(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn wildcards_match_as_defined(pattern in "[ab*]{0,7}", text in "[ab]{0,9}") {
            prop_assert_eq!(
                matches_wildcard(pattern.as_bytes(), text.as_bytes()),
                matches_by_definition(pattern.as_bytes(), text.as_bytes())
            );
        }

        #[test]
        fn url_encoding_decodes_to_itself(text in proptest::collection::vec(1..=255u8, 0..60)) {
            let mut input = text.clone();
            input.push(0);
            let mut buf = vec![0x55u8; 3 * text.len() + 2];
            let encoded = buf.as_mut_ptr().cast::<c_char>();
            // SAFETY: the input is a C string, and the buffer is large enough for both directions.
            unsafe {
                lws_urlencode(encoded, input.as_ptr().cast(), buf.len() as c_int);
                prop_assert!(c_bytes(encoded).is_ascii());
                prop_assert_eq!(lws_urldecode(encoded, encoded, buf.len() as c_int), 0);
                prop_assert_eq!(c_bytes(encoded), &text[..]);
            }
        }

        #[test]
        fn url_encoding_stays_in_its_buffer(text in "[ -~]{0,20}", len in 0usize..30) {
            let mut input = text.into_bytes();
            input.push(0);
            let mut buf = vec![0x55u8; 40];
            // SAFETY: the input is a C string, and the buffer larger than `len`.
            unsafe { lws_urlencode(buf.as_mut_ptr().cast(), input.as_ptr().cast(), len as c_int) };
            prop_assert!(buf[len..].iter().all(|&byte| byte == 0x55));
            prop_assert!(len == 0 || buf[..len].contains(&0));
        }

        #[test]
        fn hex_goes_both_ways(data in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut text = vec![0 as c_char; 2 * data.len() + 1];
            let mut back = vec![0u8; data.len()];
            // SAFETY: both buffers have the sizes that are passed.
            unsafe {
                lws_hex_from_byte_array(data.as_ptr(), data.len(), text.as_mut_ptr(), text.len());
                let count = lws_hex_to_byte_array(text.as_ptr(), back.as_mut_ptr(), back.len() as c_int);
                prop_assert_eq!(count, data.len() as c_int);
            }
            prop_assert_eq!(&back[..data.len()], &data[..]);
        }
    }
}
