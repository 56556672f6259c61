//! Time: the clock, the wsi's own deadlines, and the program's scheduled functions (`lws_sul`).
//!
//! Deadlines of wsi are lazy: a wsi that moves its deadline later (the common case, each request does)
//! only writes a cell; the heap entry that comes due early finds out and goes back in.

use std::cell::{Cell, OnceCell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::close::OnPanic;
use super::context::Context;
use super::ledger::Kind;
use super::reason::Reason;
use super::wsi::{Life, Role, Wsi};
use crate::engine::dispatch::Arg;
use crate::util::slots::Id;

/// Microseconds of the monotonic clock, as `lws_now_usecs` gives.
pub type Usec = u64;

/// No deadline.
pub const NEVER: Usec = Usec::MAX;

/// Microseconds in a second.
pub const SECOND: Usec = 1_000_000;

/// Microseconds of the monotonic clock since an arbitrary start.
#[must_use]
pub fn now() -> Usec {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let now = t.tv_sec as Usec * SECOND + t.tv_nsec as Usec / 1000;
    #[cfg(test)]
    let now = now + AHEAD.get();
    now
}

#[cfg(test)]
thread_local! {
    static AHEAD: Cell<Usec> = const { Cell::new(0) };
}

/// Lets `time` pass for this thread's test.
#[cfg(test)]
pub(super) fn pass(time: Usec) {
    AHEAD.set(AHEAD.get() + time);
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
    /// The peer's CLOSE is waited for (WebSocket).
    CloseAck,
    /// The program wants no timeout on it.
    Never,
    /// A client is looking its server up, connecting, or making TLS.
    Connect,
    /// The program's own (`lws_set_timeout`), with its `enum pending_timeout` value.
    User(u32),
    /// The program wants it closed as soon as the loop is reached (`LWS_TO_KILL_ASYNC`): nothing revokes that.
    Killed,
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
    /// Taken from the heap and about to run.
    due: RefCell<VecDeque<Id>>,
    app: OnceCell<Box<dyn AppTimers>>,
}

impl Timers {
    /// Installs the C API's timers; once per context.
    ///
    /// # Panics
    /// The second time.
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

    /// Heap entries, for tests: more than a few for each wsi would be a leak.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.heap.borrow().len()
    }

    fn pop_expired(&self, now: Usec) -> Option<(Usec, Id)> {
        let mut heap = self.heap.borrow_mut();
        (heap.peek()?.0.0 <= now).then(|| heap.pop().expect("just peeked").0)
    }

    fn next_due(&self) -> Option<Id> {
        self.due.borrow_mut().pop_front()
    }
}

/// The deadlines of one wsi.
#[derive(Debug)]
pub struct Deadlines {
    /// What the timeout is for.
    pub timeout: Cell<Timeout>,
    timeout_at: Cell<Usec>,
    timer_at: Cell<Usec>,
    /// When output that the peer does not take is given up.
    stall_at: Cell<Usec>,
    /// When a client's connect attempts get company.
    race_at: Cell<Usec>,
    /// When to look how long the peer has been silent.
    doubt_at: Cell<Usec>,
    /// When something of the peer arrived last.
    pub heard_at: Cell<Usec>,
    /// The earliest heap entry of this wsi.
    armed: Cell<Usec>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            timeout: Cell::default(),
            timeout_at: Cell::new(NEVER),
            timer_at: Cell::new(NEVER),
            stall_at: Cell::new(NEVER),
            race_at: Cell::new(NEVER),
            doubt_at: Cell::new(NEVER),
            heard_at: Cell::new(0),
            armed: Cell::new(NEVER),
        }
    }
}

impl Deadlines {
    fn next(&self) -> Usec {
        let deadlines = [&self.timeout_at, &self.timer_at, &self.stall_at, &self.race_at, &self.doubt_at];
        deadlines.into_iter().map(Cell::get).min().unwrap_or(NEVER)
    }

    /// Forgets everything: the wsi starts or ends.
    pub fn reset(&self) {
        self.timeout.set(Timeout::None);
        self.timeout_at.set(NEVER);
        self.timer_at.set(NEVER);
        self.stall_at.set(NEVER);
        self.race_at.set(NEVER);
        self.doubt_at.set(NEVER);
        self.heard_at.set(0);
        self.armed.set(NEVER);
    }

    /// When the peer's silence is looked at next.
    pub(super) fn doubted_at(&self) -> Usec {
        self.doubt_at.get()
    }

    /// Whether the program set the timeout that runs.
    fn is_programs(&self) -> bool {
        matches!(self.timeout.get(), Timeout::User(_) | Timeout::Killed | Timeout::Never)
    }
}

impl Context {
    /// Starts, replaces or (with [`Timeout::None`]) ends the wsi's timeout, `after` from now.
    pub fn set_timeout(&self, wsi: &Wsi, why: Timeout, after: Usec) {
        let revoked = wsi.deadlines.timeout.get() == Timeout::Killed;
        if revoked || !(can_be_timed(wsi) || why == Timeout::None) {
            return;
        }
        wsi.deadlines.timeout.set(why);
        let at = if matches!(why, Timeout::None | Timeout::Never) {
            NEVER
        } else {
            self.now().saturating_add(after)
        };
        self.account_deadline(wsi, || wsi.deadlines.timeout_at.set(at));
    }

    /// [`Context::set_timeout`] for the library's own purposes: one of the program's goes before.
    pub(super) fn set_own_timeout(&self, wsi: &Wsi, why: Timeout, after: Usec) {
        if !wsi.deadlines.is_programs() {
            self.set_timeout(wsi, why, after);
        }
    }

    /// The peer has done what it was given time for.
    pub(super) fn end_own_timeout(&self, wsi: &Wsi) {
        if wsi.deadlines.timeout.get() != Timeout::None {
            self.set_own_timeout(wsi, Timeout::None, 0);
        }
    }

    /// Starts or (with `None`) ends the wsi's one-shot `LWS_CALLBACK_TIMER`.
    pub fn set_timer(&self, wsi: &Wsi, after: Option<Usec>) {
        if after.is_some() && !can_be_timed(wsi) {
            return;
        }
        let at = after.map_or(NEVER, |after| now().saturating_add(after));
        self.account_deadline(wsi, || wsi.deadlines.timer_at.set(at));
    }

    /// Output waits for the peer, or (`false`) does not any more. Runs beside the timeouts: whatever else the wsi does, a
    /// peer that takes nothing is given up after `config.timeout`.
    pub(super) fn time_output(&self, wsi: &Wsi, waits: bool) {
        let timed = wsi.deadlines.stall_at.get() != NEVER;
        if waits == timed || (waits && !can_be_timed(wsi)) {
            return;
        }
        let at = if waits { self.now().saturating_add(self.config.timeout) } else { NEVER };
        self.account_deadline(wsi, || wsi.deadlines.stall_at.set(at));
    }

    /// Sets or (with `None`) ends the time after which a client tries another address beside those it is trying, and a
    /// server's stream does not wait for the end of its request any more.
    pub(super) fn set_race_deadline(&self, wsi: &Wsi, after: Option<Usec>) {
        let at = after.map_or(NEVER, |after| self.now().saturating_add(after));
        self.account_deadline(wsi, || wsi.deadlines.race_at.set(at));
    }

    /// Sets when the peer's silence is looked at; [`NEVER`] ends it.
    pub(super) fn set_doubt(&self, wsi: &Wsi, at: Usec) {
        if at == NEVER || can_be_timed(wsi) {
            self.account_deadline(wsi, || wsi.deadlines.doubt_at.set(at));
        }
    }

    /// Ends all, when the wsi is freed.
    pub fn clear_deadlines(&self, wsi: &Wsi) {
        // Few streams live long enough to be timed.
        if wsi.deadlines.next() != NEVER {
            self.account_deadline(wsi, || wsi.deadlines.reset());
        }
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
        self.arm(wsi, after);
    }

    /// Makes sure that `next`, the earliest deadline of `wsi`, is noticed.
    fn arm(&self, wsi: &Wsi, next: Usec) {
        if next < wsi.deadlines.armed.get() {
            wsi.deadlines.armed.set(next);
            self.timers.heap.borrow_mut().push(Reverse((next, wsi.id())));
        }
    }

    /// When something is due next. What was noted of wsi that have nothing due any more is struck off first, so that no loop
    /// wakes up for it; of those that have, a deadline that was put off is found out when it is due.
    pub(super) fn next_timer(&self) -> Usec {
        loop {
            let earliest = self.timers.heap.borrow().peek().copied();
            let Some(Reverse((at, id))) = earliest else { break };
            let armed = self.wsi(id).filter(|wsi| wsi.deadlines.armed.get() == at);
            if armed.is_some_and(|wsi| wsi.deadlines.next() != NEVER) {
                break;
            }
            self.timers.heap.borrow_mut().pop();
            if let Some(wsi) = armed {
                wsi.deadlines.armed.set(NEVER);
            }
        }
        self.timers.next()
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
        while let Some((at, id)) = self.timers.pop_expired(now) {
            // Another entry, left behind when the deadline was moved forward, does not count: the armed one does.
            if let Some(wsi) = self.wsi(id).filter(|wsi| wsi.deadlines.armed.get() == at) {
                wsi.deadlines.armed.set(NEVER);
                self.timers.due.borrow_mut().push_back(id);
            }
        }
        while let Some(id) = self.timers.next_due() {
            if let Some(wsi) = self.wsi(id) {
                self.run_deadlines(wsi, now);
            }
        }
    }

    fn run_deadlines(&self, wsi: &Wsi, now: Usec) {
        let _lost = OnPanic(self, || self.close_after_panic(wsi));
        let deadlines = &wsi.deadlines;
        if deadlines.timer_at.get() <= now {
            self.set_timer(wsi, None);
            if wsi.is_open() && self.dispatch(wsi, Reason::Timer, Arg::Null) != 0 {
                self.close(wsi);
            }
        }
        if wsi.is_open() && deadlines.race_at.get() <= now {
            self.set_race_deadline(wsi, None);
            if wsi.is_client() {
                self.race(wsi);
            } else {
                self.give_up_on_end(wsi);
            }
        }
        if wsi.is_open() && deadlines.stall_at.get() <= now {
            self.stalled(wsi, now);
        }
        if wsi.is_open() && deadlines.doubt_at.get() <= now {
            self.doubt(wsi, now);
        }
        if wsi.is_open() && deadlines.timeout_at.get() <= now {
            let why = deadlines.timeout.replace(Timeout::None);
            self.set_timeout(wsi, Timeout::None, 0);
            self.timed_out(wsi, why);
        }
        if wsi.life() != Life::Free {
            self.arm(wsi, deadlines.next());
        }
    }

    /// Output has waited long: for a peer that takes nothing, or just for its turn with one that is slow.
    fn stalled(&self, wsi: &Wsi, now: Usec) {
        self.output_moves(wsi);
        let moved = self.output_moved_at(wsi).saturating_add(self.config.timeout);
        if moved > now {
            self.account_deadline(wsi, || wsi.deadlines.stall_at.set(moved));
            return;
        }
        self.time_output(wsi, false);
        crate::log_info!("{}: the peer takes no output", wsi.tag());
        self.close(wsi);
    }
}

/// What is being freed is not timed, nobody would clear it again; nor is what lives as long as the context.
fn can_be_timed(wsi: &Wsi) -> bool {
    wsi.is_open() && !matches!(wsi.role.get(), Role::Standin | Role::Pipe)
}
