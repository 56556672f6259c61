//! Threads that are cancelled (`pthread_cancel()`) inside of the library.
//!
//! Cancelling unwinds the stack from a function of the C library that POSIX calls a cancellation point. It must not go
//! through what holds our state, and cannot: the C library ends the process. So it is put off until the program has its
//! thread back, and while the thread only waits for events, is let through so far that the wait ends.

use std::cell::Cell;
use std::ffi::c_int;
use std::ptr;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

const DISABLED: c_int = if cfg!(target_vendor = "apple") { 0 } else { 1 };

thread_local! {
    /// What the program has chosen for this thread; `None` outside of [`put_off`].
    static CHOSEN: Cell<Option<c_int>> = const { Cell::new(None) };
}

/// Runs what must not be unwound; calls of this inside are part of it.
pub fn put_off<R>(body: impl FnOnce() -> R) -> R {
    if CHOSEN.get().is_some() {
        return body();
    }
    let chosen = set(DISABLED);
    CHOSEN.set(Some(chosen));
    let _end = AtEnd(|| {
        CHOSEN.set(None);
        set(chosen);
    });
    body()
}

/// Runs a system call that waits, and that is made without the C library: a signal that cancels ends it with EINTR.
pub fn let_through<R>(wait: impl FnOnce() -> R) -> R {
    let Some(chosen) = CHOSEN.get() else { return wait() };
    set(chosen);
    let _end = AtEnd(|| {
        set(DISABLED);
    });
    wait()
}

/// Done when it is dropped, also by a panic.
struct AtEnd<F: Fn()>(F);

impl<F: Fn()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Returns the state until now.
fn set(state: c_int) -> c_int {
    let mut old = 0;
    // SAFETY: `old` is valid for the call. It fails for other states than the two, and then leaves it.
    unsafe { pthread_setcancelstate(state, ptr::from_mut(&mut old)) };
    old
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> c_int {
        let state = set(DISABLED);
        set(state);
        state
    }

    #[test]
    fn cancelling_is_put_off_but_for_waits() {
        let enabled = now();
        assert_ne!(enabled, DISABLED);
        put_off(|| {
            assert_eq!(now(), DISABLED);
            put_off(|| assert_eq!(now(), DISABLED));
            assert_eq!(now(), DISABLED);
            let_through(|| assert_eq!(now(), enabled));
            assert_eq!(now(), DISABLED);
        });
        assert_eq!(now(), enabled);
    }

    #[test]
    fn what_the_program_has_chosen_stays() {
        let enabled = set(DISABLED);
        put_off(|| let_through(|| assert_eq!(now(), DISABLED)));
        assert_eq!(now(), DISABLED);
        set(enabled);
    }

    #[test]
    fn a_panic_puts_it_back() {
        let enabled = now();
        let result = std::panic::catch_unwind(|| put_off(|| panic!("as it happens")));
        assert!(result.is_err());
        assert_eq!(now(), enabled);
        assert_eq!(CHOSEN.get(), None);
    }
}
