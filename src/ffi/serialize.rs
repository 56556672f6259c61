//! Integers in network byte order for the C API.

use super::guard::guard;

/// Writes `u` to the 2 bytes at `b`, the most significant first. NULL is ignored.
///
/// # Safety
///
/// `b` is NULL or has room for 2 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ser_wu16be(b: *mut u8, u: u16) {
    // SAFETY: the caller's promise.
    guard((), || unsafe { put(b, u.to_be_bytes()) });
}

/// Writes `u32` to the 4 bytes at `b`, the most significant first. NULL is ignored.
///
/// # Safety
///
/// `b` is NULL or has room for 4 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ser_wu32be(b: *mut u8, u32: u32) {
    // SAFETY: the caller's promise.
    guard((), || unsafe { put(b, u32.to_be_bytes()) });
}

/// Writes `u64` to the 8 bytes at `b`, the most significant first. NULL is ignored.
///
/// # Safety
///
/// `b` is NULL or has room for 8 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ser_wu64be(b: *mut u8, u64: u64) {
    // SAFETY: the caller's promise.
    guard((), || unsafe { put(b, u64.to_be_bytes()) });
}

/// Returns the number in the 2 bytes at `b`, the most significant first; 0 for NULL.
///
/// # Safety
///
/// `b` is NULL or has 2 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ser_ru16be(b: *const u8) -> u16 {
    // SAFETY: the caller's promise.
    guard(0, || u16::from_be_bytes(unsafe { get(b) }))
}

/// Returns the number in the 4 bytes at `b`, the most significant first; 0 for NULL.
///
/// # Safety
///
/// `b` is NULL or has 4 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ser_ru32be(b: *const u8) -> u32 {
    // SAFETY: the caller's promise.
    guard(0, || u32::from_be_bytes(unsafe { get(b) }))
}

/// Returns the number in the 8 bytes at `b`, the most significant first; 0 for NULL.
///
/// # Safety
///
/// `b` is NULL or has 8 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ser_ru64be(b: *const u8) -> u64 {
    // SAFETY: the caller's promise.
    guard(0, || u64::from_be_bytes(unsafe { get(b) }))
}

/// # Safety
///
/// `b` is null or has room for `N` bytes.
unsafe fn put<const N: usize>(b: *mut u8, bytes: [u8; N]) {
    if !b.is_null() {
        // SAFETY: the caller's promise; bytes need no alignment.
        unsafe { b.cast::<[u8; N]>().write(bytes) };
    }
}

/// # Safety
///
/// `b` is null or has `N` bytes.
unsafe fn get<const N: usize>(b: *const u8) -> [u8; N] {
    if b.is_null() {
        return [0; N];
    }
    // SAFETY: the caller's promise; bytes need no alignment.
    unsafe { b.cast::<[u8; N]>().read() }
}
