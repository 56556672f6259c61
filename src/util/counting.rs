//! The tests' allocator: the system's, which counts what one thread allocates and frees when it is asked to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNTING: Cell<bool> = const { Cell::new(false) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// Counts within [`counted`].
struct Counter;

fn count(bytes: isize) {
    if COUNTING.get() {
        LIVE.set(LIVE.get() + bytes);
    }
}

// SAFETY: every call goes to `System` unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counter = Counter;

/// Counts what `body` allocates and frees on this thread.
pub(crate) fn counted<R>(body: impl FnOnce() -> R) -> R {
    COUNTING.set(true);
    let result = body();
    COUNTING.set(false);
    result
}

/// Bytes that this thread has allocated and not freed, within [`counted`].
pub(crate) fn live() -> isize {
    LIVE.get()
}
