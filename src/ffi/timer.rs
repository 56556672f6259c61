//! Timers: the program's own (`lws_sul`), and those of a wsi.

use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::rc::Rc;

use super::guard::guard;
use super::handle::{context, wsi_cx};
use super::types::*;
use crate::engine::context::Context;
use crate::engine::timer::{self, AppTimers, SECOND, Timeout, Usec};
use crate::util::dll2::{Dll2, Dll2Owner};

// The program's nodes are linked where they lie; both names mean the same memory.
const _: () = assert!(
    size_of::<Dll2>() == size_of::<lws_dll2>() && std::mem::offset_of!(lws_sorted_usec_list, list) == 0
);

/// The program's scheduled functions: a sorted list through the program's own memory, of which no reference is kept.
#[derive(Default)]
struct SulList {
    waiting: UnsafeCell<Dll2Owner>,
    /// Due ones that are about to be called; cancelling takes them out of here just as well.
    due: UnsafeCell<Dll2Owner>,
}

/// Gives a new context its list.
pub(super) fn install(cx: &Rc<Context>) {
    cx.timers.set_app(Box::new(SulList::default()));
}

fn due_at(sul: *mut Dll2) -> Usec {
    // SAFETY: nodes of the lists are the first members of live `lws_sorted_usec_list`.
    unsafe { (*sul.cast::<lws_sorted_usec_list>()).us as Usec }
}

impl SulList {
    /// # Safety
    /// `sul` is valid and stays so until it fires or is cancelled.
    unsafe fn insert(&self, sul: *mut lws_sorted_usec_list) {
        let at = due_at(sul.cast());
        // SAFETY: the caller's promise for the node; the lists hold only such nodes.
        unsafe {
            Dll2::remove(sul.cast());
            let _detached =
                Dll2Owner::add_sorted_from_tail(self.waiting.get(), sul.cast(), |other| due_at(other) <= at);
        }
    }
}

impl AppTimers for SulList {
    fn next(&self) -> Option<Usec> {
        // SAFETY: the list's own memory, used on the service thread only.
        let head = unsafe { (*self.waiting.get()).head };
        (!head.is_null()).then(|| due_at(head))
    }

    fn run_due(&self, cx: &Context, now: Usec) {
        // SAFETY: nodes are valid while they are linked; one that a callback frees has been cancelled before.
        unsafe {
            loop {
                let head = (*self.waiting.get()).head;
                if head.is_null() || due_at(head) > now {
                    break;
                }
                Dll2::remove(head);
                let _detached = Dll2Owner::add_tail(self.due.get(), head);
            }
            loop {
                let head = (*self.due.get()).head;
                if head.is_null() {
                    break;
                }
                Dll2::remove(head);
                let sul = head.cast::<lws_sorted_usec_list>();
                if let Some(callback) = (*sul).cb {
                    cx.outside(|| callback(sul));
                }
            }
        }
    }

    fn clear(&self) {
        for list in [&self.waiting, &self.due] {
            // SAFETY: as above.
            unsafe {
                while !(*list.get()).head.is_null() {
                    Dll2::remove((*list.get()).head);
                }
            }
        }
    }
}

/// The list of the context's one service thread.
fn sul_list(cx: &Context) -> Option<*const SulList> {
    cx.timers.app().map(|app| std::ptr::from_ref(app).cast::<SulList>())
}

/// Schedules `cb` to be called on the service thread in `us` microseconds, replacing what `sul` was scheduled for;
/// `LWS_SET_TIMER_USEC_CANCEL` cancels. `sul` must have been zeroed once before its first use, and must be cancelled before
/// its memory goes away. It is not scheduled any more when `cb` is called, so `cb` may schedule it again.
///
/// There is thread 0 only; another `tsi`, and NULL, are ignored.
///
/// # Safety
/// `ctx` is NULL or a context that has not been destroyed; `sul` is NULL or as described. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sul_schedule(
    ctx: *mut lws_context,
    tsi: c_int,
    sul: *mut lws_sorted_usec_list_t,
    _cb: sul_cb_t,
    _us: lws_usec_t,
) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { context(ctx) }) else { return };
        if sul.is_null() || tsi != 0 {
            return;
        }
        // SAFETY: the caller's promise.
        unsafe {
            if _us == LWS_SET_TIMER_USEC_CANCEL {
                lws_sul_cancel(sul);
                return;
            }
            (*sul).cb = _cb;
            (*sul).us = (timer::now() as lws_usec_t).saturating_add(_us);
            insert(&cx, sul);
        }
    });
}

/// # Safety
/// As for [`SulList::insert`].
unsafe fn insert(cx: &Context, sul: *mut lws_sorted_usec_list) {
    if let Some(list) = sul_list(cx) {
        // SAFETY: the list lives as long as the context, and is a `SulList` because `install` made it; the node is valid by
        // the caller's promise.
        unsafe { (*list).insert(sul) };
    }
}

/// As `lws_sul_schedule()`, for systems that suspend; the same here.
///
/// # Safety
/// As `lws_sul_schedule()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sul_schedule_wakesuspend(
    ctx: *mut lws_context,
    tsi: c_int,
    sul: *mut lws_sorted_usec_list_t,
    _cb: sul_cb_t,
    _us: lws_usec_t,
) {
    // SAFETY: the caller's promise.
    unsafe { lws_sul_schedule(ctx, tsi, sul, _cb, _us) }
}

/// Schedules `sul` for the absolute time in `sul->us`, on the clock of `lws_now_usecs()`, with `sul->cb`.
///
/// # Safety
/// As `lws_sul_schedule()`; `sul->cb` and `sul->us` are set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sul2_schedule(
    context: *mut lws_context,
    tsi: c_int,
    _flags: c_int,
    sul: *mut lws_sorted_usec_list_t,
) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some(cx) = unsafe { self::context(context) }
            && !sul.is_null()
            && tsi == 0
        {
            // SAFETY: the caller's promise.
            unsafe { insert(&cx, sul) };
        }
    });
}

/// Cancels `sul`; nothing happens if it is not scheduled, or NULL.
///
/// # Safety
/// `sul` is NULL, zeroed, or was scheduled on a context that lives. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sul_cancel(sul: *mut lws_sorted_usec_list_t) {
    if !sul.is_null() {
        // SAFETY: the caller's promise.
        unsafe {
            Dll2::remove(sul.cast());
            (*sul).us = 0;
        }
    }
}

/// Raises `LWS_CALLBACK_TIMER` on the wsi's protocol once, `usecs` microseconds from now;
/// `LWS_SET_TIMER_USEC_CANCEL` cancels. NULL is ignored.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_set_timer_usecs(wsi: *mut lws, usecs: lws_usec_t) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some((wsi, cx)) = unsafe { wsi_cx(wsi) } {
            cx.set_timer(wsi, Usec::try_from(usecs).ok());
        }
    });
}

/// Closes the wsi in `secs` seconds unless another call replaces or (`NO_PENDING_TIMEOUT`, or 0 seconds) clears the
/// timeout. `LWS_TO_KILL_ASYNC` closes it when the loop is reached next; `LWS_TO_KILL_SYNC` before the call returns, or,
/// inside a callback, when that has returned. NULL is ignored.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_set_timeout(wsi: *mut lws, reason: enum_pending_timeout, secs: c_int) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return };
        match secs {
            LWS_TO_KILL_SYNC => {
                cx.close_by_program(wsi);
            }
            LWS_TO_KILL_ASYNC => {
                cx.set_timeout(wsi, Timeout::Killed, 0);
                cx.wake();
            }
            secs if secs <= 0 || reason == pending_timeout::NO_PENDING_TIMEOUT.c() => {
                cx.set_timeout(wsi, Timeout::None, 0);
            }
            secs => cx.set_timeout(wsi, Timeout::User(reason), secs as Usec * SECOND),
        }
    });
}
