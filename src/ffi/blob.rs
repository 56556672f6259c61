//! Blobs: bytes that a program keeps with its context for whatever part of it needs them.

use std::cell::RefCell;
use std::ffi::c_int;
use std::ptr::null_mut;

use super::guard::guard;
use super::handle::{c_context, context};
use super::types::*;

/// How many a context has.
const COUNT: usize = lws_system_blob_item::LWS_SYSBLOB_TYPE_COUNT as usize;

/// Those of a context. C's `lws_system_blob_t *` is the address of one.
#[derive(Default)]
pub(super) struct Blobs([Blob; COUNT]);

#[derive(Default)]
struct Blob(RefCell<Content>);

enum Content {
    /// Appended by pieces, each where it was first put.
    Pieces(Vec<Box<[u8]>>),
    /// The program's own memory.
    Direct(*const u8, usize),
}

impl Default for Content {
    fn default() -> Self {
        Self::Pieces(Vec::new())
    }
}

impl Content {
    fn len(&self) -> usize {
        match self {
            Self::Pieces(pieces) => pieces.iter().map(|piece| piece.len()).sum(),
            Self::Direct(_, len) => *len,
        }
    }
}

/// The blob behind a pointer.
///
/// # Safety
/// `b` is NULL or from `lws_system_get_blob()`, of a context that lives.
unsafe fn blob<'a>(b: *mut lws_system_blob_t) -> Option<&'a RefCell<Content>> {
    // SAFETY: the caller's promise; blobs stay where they are as long as their context.
    unsafe { b.cast::<Blob>().as_ref() }.map(|blob| &blob.0)
}

/// The blob of `r#type`, and for a type that has several, number `idx` of them: `LWS_SYSBLOB_TYPE_AUTH` has two. Valid as
/// long as the context. NULL when there is no such blob, and for NULL.
///
/// What is in a blob is for the program only: the library does not read it.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_get_blob(
    context: *mut lws_context,
    r#type: enum_lws_system_blob_item,
    idx: c_int,
) -> *mut lws_system_blob_t {
    guard(null_mut(), || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { self::context(context) }) else { return null_mut() };
        let index = usize::try_from(idx).ok().and_then(|idx| idx.checked_add(r#type as usize));
        let blob = index.and_then(|index| c_context(&cx).blobs.0.get(index));
        blob.map_or(null_mut(), |blob| std::ptr::from_ref(blob).cast_mut().cast())
    })
}

/// Has the blob refer to the `len` bytes at `ptr`, which must stay there as long as it does. What it held before is freed.
/// NULL for `b` is ignored.
///
/// # Safety
/// `b` is NULL or from `lws_system_get_blob()`, of a context that lives; `ptr` has `len` bytes, or is NULL with 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_blob_direct_set(b: *mut lws_system_blob_t, ptr: *const u8, len: usize) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some(blob) = unsafe { blob(b) } {
            blob.replace(Content::Direct(ptr, if ptr.is_null() { 0 } else { len }));
        }
    });
}

/// Empties the blob. NULL is ignored.
///
/// # Safety
/// `b` is NULL or from `lws_system_get_blob()`, of a context that lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_blob_heap_empty(b: *mut lws_system_blob_t) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some(blob) = unsafe { blob(b) } {
            blob.take();
        }
    });
}

/// As `lws_system_blob_heap_empty()`: the blob itself belongs to its context, which empties it at its end.
///
/// # Safety
/// As `lws_system_blob_heap_empty()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_blob_destroy(b: *mut lws_system_blob_t) {
    // SAFETY: the caller's promise.
    unsafe { lws_system_blob_heap_empty(b) };
}

/// Appends a copy of the `len` bytes at `ptr`. 0; -1 when the blob refers to memory of the program's (empty it first), and
/// for NULL.
///
/// # Safety
/// `b` is NULL or from `lws_system_get_blob()`, of a context that lives; `ptr` is NULL or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_blob_heap_append(
    b: *mut lws_system_blob_t,
    ptr: *const u8,
    len: usize,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some(blob) = (unsafe { blob(b) }) else { return -1 };
        match &mut *blob.borrow_mut() {
            Content::Pieces(pieces) if !ptr.is_null() => {
                if len > 0 {
                    // SAFETY: the caller's promise.
                    pieces.push(unsafe { std::slice::from_raw_parts(ptr, len) }.into());
                }
                0
            }
            Content::Pieces(_) => -1,
            Content::Direct(..) => {
                crate::log_err!("lws_system_blob_heap_append: the blob refers to memory of the program's");
                -1
            }
        }
    })
}

/// How many bytes the blob has; 0 for NULL.
///
/// # Safety
/// `b` is NULL or from `lws_system_get_blob()`, of a context that lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_blob_get_size(b: *mut lws_system_blob_t) -> usize {
    // SAFETY: the caller's promise.
    guard(0, || unsafe { blob(b) }.map_or(0, |blob| blob.borrow().len()))
}

/// Sets `*ptr` to the blob's bytes, where they all lie together: it refers to memory of the program's, or has been appended
/// to once. Valid until the blob is changed. 0; -1 with `*ptr` left alone when they do not, when there are none, and for
/// NULL.
///
/// # Safety
/// `b` is NULL or from `lws_system_get_blob()`, of a context that lives; `ptr` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_blob_get_single_ptr(
    b: *mut lws_system_blob_t,
    ptr: *mut *const u8,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let (Some(blob), Some(ptr)) = (unsafe { blob(b) }, unsafe { ptr.as_mut() }) else { return -1 };
        match &*blob.borrow() {
            Content::Direct(direct, _) => *ptr = *direct,
            Content::Pieces(pieces) => match pieces.as_slice() {
                [piece] => *ptr = piece.as_ptr(),
                _ => return -1,
            },
        }
        0
    })
}

/// Copies bytes of the blob, from number `ofs` on, to `ptr`: at most `*len`, which becomes how many there were.
///
/// 0, also when appended bytes end before `ofs`; 1 when memory of the program's does (`*len` is 0 both times); -1 for NULL.
///
/// # Safety
/// `b` is NULL or from `lws_system_get_blob()`, of a context that lives; `len` is NULL or writable; `ptr` is NULL or has room
/// for `*len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_blob_get(
    b: *mut lws_system_blob_t,
    ptr: *mut u8,
    len: *mut usize,
    ofs: usize,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let (Some(blob), Some(len)) = (unsafe { blob(b) }, unsafe { len.as_mut() }) else { return -1 };
        if ptr.is_null() {
            return -1;
        }
        let room = std::mem::take(len);
        let content = blob.borrow();
        let mut skipped = ofs;
        let mut copy = |from: *const u8, size: usize| {
            let skip = skipped.min(size);
            skipped -= skip;
            let count = (size - skip).min(room - *len);
            // SAFETY: `size` bytes are there, and there is room for `room`.
            unsafe { ptr.add(*len).copy_from(from.add(skip), count) };
            *len += count;
        };
        match &*content {
            Content::Direct(_, size) if ofs >= *size => return 1,
            Content::Direct(direct, size) => copy(*direct, *size),
            Content::Pieces(pieces) => pieces.iter().for_each(|piece| copy(piece.as_ptr(), piece.len())),
        }
        0
    })
}
