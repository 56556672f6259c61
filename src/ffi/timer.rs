//! Timers: the program's own (`lws_sul`), and those of a wsi.

use std::cell::UnsafeCell;
use std::ffi::c_int;

use super::guard::guard;
use super::handle::{c_context, context, wsi_cx};
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
pub(super) struct SulList {
    waiting: UnsafeCell<Dll2Owner>,
    /// Those of them that a system which suspends should wake up for.
    waking: UnsafeCell<Dll2Owner>,
    /// Due ones that are about to be called; cancelling takes them out of here just as well.
    due: UnsafeCell<Dll2Owner>,
}

fn due_at(sul: *mut Dll2) -> Usec {
    // SAFETY: nodes of the lists are the first members of live `lws_sorted_usec_list`.
    unsafe { (*sul.cast::<lws_sorted_usec_list>()).us as Usec }
}

impl SulList {
    /// # Safety
    /// `sul` is valid and stays so until it fires or is cancelled.
    unsafe fn insert(&self, sul: *mut lws_sorted_usec_list, wakes: bool) {
        let at = due_at(sul.cast());
        let list = if wakes { &self.waking } else { &self.waiting };
        // SAFETY: the caller's promise for the node; the lists hold only such nodes.
        unsafe {
            Dll2::remove(sul.cast());
            let _detached =
                Dll2Owner::add_sorted_from_tail(list.get(), sul.cast(), |other| due_at(other) <= at);
        }
    }

    /// The one that is due first.
    fn first(&self) -> Option<*mut Dll2> {
        // SAFETY: the lists' own memory, used on the service thread only.
        let heads = unsafe { [(*self.waiting.get()).head, (*self.waking.get()).head] };
        heads.into_iter().filter(|head| !head.is_null()).min_by_key(|&head| due_at(head))
    }

    /// When the first of those is due that a suspended system should wake up for.
    fn first_waking(&self) -> Option<Usec> {
        // SAFETY: as above.
        let head = unsafe { (*self.waking.get()).head };
        (!head.is_null()).then(|| due_at(head))
    }
}

impl AppTimers for SulList {
    fn next(&self) -> Option<Usec> {
        self.first().map(due_at)
    }

    fn run_due(&self, cx: &Context, now: Usec) {
        // SAFETY: nodes are valid while they are linked; one that a callback frees has been cancelled before.
        unsafe {
            while let Some(head) = self.first().filter(|&head| due_at(head) <= now) {
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
        for list in [&self.waiting, &self.waking, &self.due] {
            // SAFETY: as above.
            unsafe {
                while !(*list.get()).head.is_null() {
                    Dll2::remove((*list.get()).head);
                }
            }
        }
    }
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
    cb: sul_cb_t,
    us: lws_usec_t,
) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { context(ctx) }) else { return };
        if sul.is_null() || tsi != 0 {
            return;
        }
        // SAFETY: the caller's promise.
        unsafe { schedule(&cx, sul, cb, us, false) };
    });
}

/// What `lws_sul_schedule()` does; `wakes` is for those that a suspended system should wake up for.
///
/// # Safety
/// As for [`SulList::insert`].
pub(super) unsafe fn schedule(
    cx: &Context,
    sul: *mut lws_sorted_usec_list_t,
    callback: sul_cb_t,
    us: lws_usec_t,
    wakes: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if us == LWS_SET_TIMER_USEC_CANCEL {
            lws_sul_cancel(sul);
            return;
        }
        (*sul).cb = callback;
        (*sul).us = (timer::now() as lws_usec_t).saturating_add(us);
        c_context(cx).suls.insert(sul, wakes);
    }
}

/// As `lws_sul_schedule()`, for something that a system which suspends should wake up for: it counts in
/// `lws_sul_earliest_wakeable_event()`, and is otherwise the same.
///
/// # Safety
/// As `lws_sul_schedule()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sul_schedule_wakesuspend(
    ctx: *mut lws_context,
    tsi: c_int,
    sul: *mut lws_sorted_usec_list_t,
    cb: sul_cb_t,
    us: lws_usec_t,
) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some(cx) = unsafe { context(ctx) }
            && !sul.is_null()
            && tsi == 0
        {
            // SAFETY: the caller's promise.
            unsafe { schedule(&cx, sul, cb, us, true) };
        }
    });
}

/// Sets `*pearliest` to when the first function is due that was scheduled with `lws_sul_schedule_wakesuspend()`, or with
/// `LWSSULLI_WAKE_IF_SUSPENDED`, on the clock of `lws_now_usecs()`: a program that suspends the system sets its alarm to it.
///
/// 0; 1 with `*pearliest` left alone when there is none, and for NULL.
///
/// # Safety
/// `ctx` is NULL or a context that has not been destroyed; `pearliest` is NULL or writable. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sul_earliest_wakeable_event(
    ctx: *mut lws_context,
    pearliest: *mut lws_usec_t,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let (Some(cx), Some(earliest)) = (unsafe { context(ctx) }, unsafe { pearliest.as_mut() }) else {
            return 1;
        };
        match c_context(&cx).suls.first_waking() {
            Some(at) => {
                *earliest = at as lws_usec_t;
                0
            }
            None => 1,
        }
    })
}

/// Schedules `sul` for the absolute time in `sul->us`, on the clock of `lws_now_usecs()`, with `sul->cb`. `flags` is
/// `LWSSULLI_MISS_IF_SUSPENDED` or `LWSSULLI_WAKE_IF_SUSPENDED` (see `lws_sul_schedule_wakesuspend()`).
///
/// # Safety
/// As `lws_sul_schedule()`; `sul->cb` and `sul->us` are set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sul2_schedule(
    context: *mut lws_context,
    tsi: c_int,
    flags: c_int,
    sul: *mut lws_sorted_usec_list_t,
) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some(cx) = unsafe { self::context(context) }
            && !sul.is_null()
            && tsi == 0
        {
            // SAFETY: the caller's promise.
            unsafe { c_context(&cx).suls.insert(sul, flags & LWSSULLI_WAKE_IF_SUSPENDED != 0) };
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
