//! Time: the clock, the wsi's own deadlines, and the program's scheduled functions (`lws_sul`).
//!
//! Deadlines of wsi are lazy: a wsi that moves its deadline later (the common case, each request does)
//! only writes a cell; the heap entry that comes due early finds out and goes back in.

use std::cell::{Cell, OnceCell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::context::Context;
use super::ledger::Kind;
use super::reason::Reason;
use super::wsi::{Life, Wsi};
use crate::engine::dispatch::Arg;
use crate::util::slots::Id;

/// Microseconds of the monotonic clock, as `lws_now_usecs` gives.
pub type Usec = u64;

/// No deadline.
pub const NEVER: Usec = Usec::MAX;

/// Microseconds in a second.
pub const SECOND: Usec = 1_000_000;

/// Microseconds of the monotonic clock since an arbitrary start.
pub fn now() -> Usec {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    t.tv_sec as Usec * SECOND + t.tv_nsec as Usec / 1000
}

/// Why a wsi has a timeout; decides what happens when it passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timeout {
    /// None is running.
    #[default]
    None,
    /// The TLS handshake or the first bytes of a request.
    Establish,
    /// A request is being received or answered.
    HttpContent,
    /// An idle keep-alive connection.
    KeepAlive,
    /// Output is being flushed before a close.
    FlushBeforeClose,
    /// The peer is reading our last words.
    Linger,
    /// A header table is held by a peer that sends nothing.
    HoldingAh,
    /// The program's own (`lws_set_timeout`), with its `enum pending_timeout` value.
    User(u32),
    /// Listening was paused because the process ran out of descriptors.
    AcceptPause,
}

/// The program's scheduled functions, kept by the C API in the program's own memory.
pub trait AppTimers {
    /// When the earliest is due.
    fn next(&self) -> Option<Usec>;
    /// Runs all that are due at `now`; each by [`Context::outside`].
    fn run_due(&self, cx: &Context, now: Usec);
    /// Unlinks all: the context is going, the program's memory stays.
    fn clear(&self);
}

/// The timers of one service thread.
#[derive(Default)]
pub struct Timers {
    heap: RefCell<BinaryHeap<Reverse<(Usec, Id)>>>,
    app: OnceCell<Box<dyn AppTimers>>,
}

impl Timers {
    /// Installs the C API's timers; once per context.
    pub fn set_app(&self, app: Box<dyn AppTimers>) {
        assert!(self.app.set(app).is_ok(), "the program's timers are installed once");
    }

    /// The C API's timers.
    pub fn app(&self) -> Option<&dyn AppTimers> {
        self.app.get().map(AsRef::as_ref)
    }

    /// When something may be due next.
    pub fn next(&self) -> Usec {
        let ours = self.heap.borrow().peek().map_or(NEVER, |Reverse((at, _))| *at);
        self.app().and_then(AppTimers::next).map_or(ours, |app| app.min(ours))
    }

    fn pop_due(&self, now: Usec) -> Option<Id> {
        let mut heap = self.heap.borrow_mut();
        (heap.peek()?.0.0 <= now).then(|| heap.pop().expect("just peeked").0.1)
    }
}

/// The deadlines of one wsi.
#[derive(Debug)]
pub struct Deadlines {
    /// What the timeout is for.
    pub timeout: Cell<Timeout>,
    timeout_at: Cell<Usec>,
    timer_at: Cell<Usec>,
    /// The earliest heap entry of this wsi.
    armed: Cell<Usec>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            timeout: Cell::default(),
            timeout_at: Cell::new(NEVER),
            timer_at: Cell::new(NEVER),
            armed: Cell::new(NEVER),
        }
    }
}

impl Deadlines {
    fn next(&self) -> Usec {
        self.timeout_at.get().min(self.timer_at.get())
    }

    /// Forgets everything: the wsi starts or ends.
    pub fn reset(&self) {
        self.timeout.set(Timeout::None);
        self.timeout_at.set(NEVER);
        self.timer_at.set(NEVER);
        self.armed.set(NEVER);
    }
}

impl Context {
    /// Starts, replaces or (with [`Timeout::None`]) ends the wsi's timeout, `after` from now.
    pub fn set_timeout(&self, wsi: &Wsi, why: Timeout, after: Usec) {
        wsi.deadlines.timeout.set(why);
        let at = if why == Timeout::None { NEVER } else { self.now().saturating_add(after) };
        self.account_deadline(wsi, || wsi.deadlines.timeout_at.set(at));
    }

    /// Starts or (with `None`) ends the wsi's one-shot `LWS_CALLBACK_TIMER`.
    pub fn set_timer(&self, wsi: &Wsi, after: Option<Usec>) {
        let at = after.map_or(NEVER, |after| now().saturating_add(after));
        self.account_deadline(wsi, || wsi.deadlines.timer_at.set(at));
    }

    /// Ends both, when the wsi is freed.
    pub fn clear_deadlines(&self, wsi: &Wsi) {
        self.account_deadline(wsi, || wsi.deadlines.reset());
    }

    fn account_deadline(&self, wsi: &Wsi, change: impl FnOnce()) {
        let before = wsi.deadlines.next();
        change();
        let after = wsi.deadlines.next();
        match (before == NEVER, after == NEVER) {
            (true, false) => self.ledger.made(Kind::Timer, 0),
            (false, true) => self.ledger.freed(Kind::Timer, 0),
            _ => {}
        }
        self.arm(wsi);
    }

    fn arm(&self, wsi: &Wsi) {
        let next = wsi.deadlines.next();
        if next < wsi.deadlines.armed.get() {
            wsi.deadlines.armed.set(next);
            self.timers.heap.borrow_mut().push(Reverse((next, wsi.id())));
        }
    }

    /// Runs everything due: the program's scheduled functions, then the wsi's deadlines.
    pub fn run_timers(&self) {
        let now = now();
        self.clock.set(now);
        if let Some(app) = self.timers.app()
            && app.next().is_some_and(|at| at <= now)
        {
            app.run_due(self, now);
        }
        // Taken out before any runs, so that what a callback re-arms waits for the next turn.
        let mut due = Vec::new();
        while let Some(id) = self.timers.pop_due(now) {
            due.push(id);
        }
        for id in due {
            if let Some(wsi) = self.wsi(id) {
                wsi.deadlines.armed.set(NEVER);
                self.run_deadlines(wsi, now);
            }
        }
    }

    fn run_deadlines(&self, wsi: &Wsi, now: Usec) {
        if wsi.deadlines.timer_at.get() <= now {
            self.set_timer(wsi, None);
            if wsi.life() == Life::Open && self.dispatch(wsi, Reason::Timer, Arg::Null) != 0 {
                self.close(wsi);
            }
        }
        if wsi.life() != Life::Free && wsi.deadlines.timeout_at.get() <= now {
            let why = wsi.deadlines.timeout.get();
            self.set_timeout(wsi, Timeout::None, 0);
            self.timed_out(wsi, why);
        }
        if wsi.life() != Life::Free {
            self.arm(wsi);
        }
    }
}
