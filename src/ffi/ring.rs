//! Ring buffers of the C API: one head, any number of tails.
//!
//! A program that sends one message to many connections inserts it once; each connection keeps a tail, and what
//! the slowest of them has sent is destroyed.

use std::ffi::{c_int, c_void};
use std::ptr;

use super::guard::guard;
use super::types::lws_ring;
use crate::util::ring::{Ring, Span};

/// Frees what an element owns, not the element. Called once for each, in the order they were inserted.
type Destroy = unsafe extern "C" fn(element: *mut c_void);

/// What a `struct lws_ring *` points to.
struct Handle {
    ring: Ring,
    destroy: Option<Destroy>,
}

impl Handle {
    /// What the program gave, unless it is NULL.
    ///
    /// # Safety
    ///
    /// `ring` is NULL or of `lws_ring_create()` and not destroyed.
    unsafe fn of<'a>(ring: *mut lws_ring) -> Option<&'a Self> {
        // SAFETY: the caller's promise; the ring changes through its cells.
        unsafe { ring.cast_const().cast::<Self>().as_ref() }
    }

    fn address(&self, at: usize) -> *mut u8 {
        self.ring.memory().wrapping_add(at)
    }

    /// The consumer's tail, or the oldest if it gave none.
    ///
    /// # Safety
    ///
    /// `tail` is NULL or readable.
    unsafe fn tail(&self, tail: *const u32) -> u32 {
        // SAFETY: the caller's promise.
        if tail.is_null() { self.ring.oldest_tail() } else { unsafe { *tail } }
    }

    fn destroy(&self, at: usize) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the program gave the function for the elements of this ring.
            unsafe { destroy(self.address(at).cast()) };
        }
    }

    fn update_oldest_tail(&self, function: &str, tail: u32) {
        let moved = match self.destroy {
            Some(_) => self.ring.retire(tail, |at| self.destroy(at)),
            None => self.ring.skip_to(tail),
        };
        if moved.is_err() {
            crate::log_err!("{function}: there is no element at {tail}");
        }
    }

    /// # Safety
    ///
    /// `src` has the bytes of `span`, which is of this ring.
    unsafe fn copy_in(&self, src: *const u8, span: &Span) {
        let (first, second) = (span.first.clone(), span.second.clone());
        // SAFETY: a span is inside of the ring's memory; the caller's promise.
        unsafe {
            ptr::copy_nonoverlapping(src, self.address(first.start), first.len());
            ptr::copy_nonoverlapping(src.add(first.len()), self.address(second.start), second.len());
        }
    }

    /// # Safety
    ///
    /// `dest` has room for the bytes of `span`, which is of this ring.
    unsafe fn copy_out(&self, dest: *mut u8, span: &Span) {
        let (first, second) = (span.first.clone(), span.second.clone());
        // SAFETY: a span is inside of the ring's memory; the caller's promise.
        unsafe {
            ptr::copy_nonoverlapping(self.address(first.start), dest, first.len());
            ptr::copy_nonoverlapping(self.address(second.start), dest.add(first.len()), second.len());
        }
    }
}

/// Creates a ring buffer with places for `count` elements of `element_len` bytes, of which it can hold
/// `count - 1`.
///
/// `destroy_element`, unless it is NULL, is called with each element that leaves the ring: once the oldest tail has
/// gone past it, and, of those that are still there, when the ring is destroyed. It frees what the element points
/// to. It may look at the ring, but not destroy it.
///
/// The ring belongs to the caller, who frees it with `lws_ring_destroy()`. It is of no context, and has no lock:
/// threads that share one must keep each other out.
///
/// Returns NULL if `element_len` or `count` is 0, there are 4 GiB or more of elements, or no memory for them.
#[unsafe(no_mangle)]
pub extern "C" fn lws_ring_create(
    element_len: usize,
    count: usize,
    destroy_element: Option<unsafe extern "C" fn(element: *mut c_void)>,
) -> *mut lws_ring {
    guard(ptr::null_mut(), || {
        let Some(ring) = Ring::new(element_len, count) else {
            crate::log_err!("lws_ring_create: no ring of {count} elements of {element_len} bytes");
            return ptr::null_mut();
        };
        Box::into_raw(Box::new(Handle { ring, destroy: destroy_element })).cast()
    })
}

/// Frees a ring buffer, after `destroy_element` was called for each element in it. NULL is ignored.
///
/// # Safety
///
/// `ring` is NULL or of `lws_ring_create()`; it is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ring_destroy(ring: *mut lws_ring) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some(handle) = (unsafe { Handle::of(ring) }) else {
            return;
        };
        handle.ring.retire_all(|at| handle.destroy(at));
        // SAFETY: `lws_ring_create()` made it so, and this is its end.
        drop(unsafe { Box::from_raw(ring.cast::<Handle>()) });
    });
}

/// How many more elements the ring can take; 0 for NULL.
///
/// A ring whose elements are single bytes may say 0 when there is room for one.
///
/// # Safety
///
/// `ring` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ring_get_count_free_elements(ring: *mut lws_ring) -> usize {
    // SAFETY: the caller's promise.
    guard(0, || unsafe { Handle::of(ring) }.map_or(0, |handle| handle.ring.free()))
}

/// How many elements are there for the consumer with this `tail`; with NULL, for the only one. 0 if `ring` is NULL.
///
/// # Safety
///
/// `ring` is NULL or valid; `tail` is NULL or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ring_get_count_waiting_elements(ring: *mut lws_ring, tail: *mut u32) -> usize {
    guard(0, || {
        // SAFETY: the caller's promise.
        let handle = unsafe { Handle::of(ring) };
        // SAFETY: the caller's promise.
        handle.map_or(0, |handle| handle.ring.waiting(unsafe { handle.tail(tail) }))
    })
}

/// Copies up to `max_count` elements from `src` into the ring: as many as there is room for.
///
/// Returns how many. What these own belongs to the ring from then on, of the others still to the caller. 0 if a
/// pointer is NULL.
///
/// # Safety
///
/// `ring` is NULL or valid; `src` is NULL or has `max_count` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ring_insert(ring: *mut lws_ring, src: *const c_void, max_count: usize) -> usize {
    guard(0, || {
        // SAFETY: the caller's promise.
        let Some(handle) = (unsafe { Handle::of(ring) }).filter(|_| !src.is_null()) else {
            return 0;
        };
        let span = handle.ring.insertable(max_count);
        // SAFETY: the caller's promise; no more elements than that.
        unsafe { handle.copy_in(src.cast(), &span) };
        let fits = handle.ring.advance_head(span.len());
        debug_assert!(fits, "there was room for what is insertable");
        span.len() / handle.ring.element() as usize
    })
}

/// Moves `tail` past up to `max_count` elements, as many as there are, after they have been copied to `dest`.
///
/// With a NULL `dest` nothing is copied: that goes with `lws_ring_get_element()`. With a NULL `tail` the oldest
/// tail is moved, and `destroy_element` called for what it leaves behind: a ring with one consumer needs no other.
/// With several, each gives its own tail, and the slowest is told to `lws_ring_update_oldest_tail()`.
///
/// Returns how many; 0 if `ring` is NULL.
///
/// # Safety
///
/// `ring` is NULL or valid; `tail` is NULL or may be changed; `dest` is NULL or has room for `max_count` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ring_consume(
    ring: *mut lws_ring,
    tail: *mut u32,
    dest: *mut c_void,
    max_count: usize,
) -> usize {
    guard(0, || {
        // SAFETY: the caller's promise.
        let Some(handle) = (unsafe { Handle::of(ring) }) else {
            return 0;
        };
        // SAFETY: the caller's promise.
        let from = unsafe { handle.tail(tail) };
        let span = handle.ring.consumable(from, max_count);
        if !dest.is_null() {
            // SAFETY: the caller's promise; no more elements than that.
            unsafe { handle.copy_out(dest.cast(), &span) };
        }
        if !span.is_empty() {
            let to = handle.ring.after(from, span.len());
            if tail.is_null() {
                handle.update_oldest_tail("lws_ring_consume", to);
            } else {
                // SAFETY: the caller's promise.
                unsafe { *tail = to };
            }
        }
        span.len() / handle.ring.element() as usize
    })
}

/// The element that the consumer with this `tail` reads next; with NULL, the only one.
///
/// It is in the ring itself, and stays until the oldest tail goes past it. `lws_ring_consume()` with a NULL `dest`
/// is what follows.
///
/// Returns NULL if none waits, or `ring` is NULL.
///
/// # Safety
///
/// `ring` is NULL or valid; `tail` is NULL or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ring_get_element(ring: *mut lws_ring, tail: *mut u32) -> *const c_void {
    guard(ptr::null(), || {
        // SAFETY: the caller's promise.
        let Some(handle) = (unsafe { Handle::of(ring) }) else {
            return ptr::null();
        };
        // SAFETY: the caller's promise.
        let at = handle.ring.next(unsafe { handle.tail(tail) });
        at.map_or(ptr::null(), |at| handle.address(at).cast_const().cast())
    })
}

/// Says that no consumer needs elements before `tail` any more: `destroy_element` is called for each of them, and
/// their places are free.
///
/// A ring with a `destroy_element` refuses a tail that is not one of an element in it, and logs an error. NULL is
/// ignored.
///
/// # Safety
///
/// `ring` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ring_update_oldest_tail(ring: *mut lws_ring, tail: u32) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some(handle) = unsafe { Handle::of(ring) } {
            handle.update_oldest_tail("lws_ring_update_oldest_tail", tail);
        }
    });
}

/// The oldest tail: a new consumer that starts with it gets all that is still there. 0 for NULL.
///
/// # Safety
///
/// `ring` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ring_get_oldest_tail(ring: *mut lws_ring) -> u32 {
    // SAFETY: the caller's promise.
    guard(0, || unsafe { Handle::of(ring) }.map_or(0, |handle| handle.ring.oldest_tail()))
}

/// Where bytes may be written into the ring directly, by `read()` for example: `*bytes` of them at `*start`.
///
/// That is up to where the ring wraps at most. `lws_ring_bump_head()` then says how many were written.
///
/// Returns 0; 1, and nothing is changed, if the ring is full or a pointer is NULL.
///
/// # Safety
///
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ring_next_linear_insert_range(
    ring: *mut lws_ring,
    start: *mut *mut c_void,
    bytes: *mut usize,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some(handle) = (unsafe { Handle::of(ring) }).filter(|_| !start.is_null() && !bytes.is_null())
        else {
            return 1;
        };
        let span = handle.ring.insertable(usize::MAX);
        if span.is_empty() {
            return 1;
        }
        // SAFETY: the caller's promise.
        unsafe {
            *start = handle.address(span.first.start).cast();
            *bytes = span.first.len();
        }
        0
    })
}

/// Says that `bytes` were written where `lws_ring_next_linear_insert_range()` showed: they are inserted, whole
/// elements or not.
///
/// More than there is room for is refused, with an error in the log. NULL is ignored.
///
/// # Safety
///
/// `ring` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ring_bump_head(ring: *mut lws_ring, bytes: usize) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some(handle) = (unsafe { Handle::of(ring) }) else {
            return;
        };
        if !handle.ring.advance_head(bytes) {
            crate::log_err!("lws_ring_bump_head: there is no room for {bytes} bytes");
        }
    });
}

/// Logs at NOTICE what the ring is, and what waits for the consumer with this `tail`; with NULL, for the only one.
///
/// # Safety
///
/// `ring` is NULL or valid; `tail` is NULL or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ring_dump(ring: *mut lws_ring, tail: *mut u32) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some(handle) = (unsafe { Handle::of(ring) }) else {
            return;
        };
        // SAFETY: the caller's promise.
        let tail = unsafe { handle.tail(tail) };
        let Handle { ring: held, .. } = handle;
        crate::log_notice!(
            "ring {ring:p}: buflen {}, elem_len {}, head {}, oldest_tail {}\n     free_elems: {}; for tail {tail}, waiting elements: {}",
            held.size(),
            held.element(),
            held.head(),
            held.oldest_tail(),
            held.free(),
            held.waiting(tail),
        );
    });
}
