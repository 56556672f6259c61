//! Turns of the loop: what the program's poll loop calls, and what has to happen before it waits again.
//!
//! A turn ends by settling: closes are carried out, connections that were written to from elsewhere are driven,
//! and a context whose destruction was asked for from inside a callback goes. Nothing settles under user code.

use std::rc::Rc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::context::{Context, Ending};
use super::event_loop::interest;
use super::reason::Reason;
use super::timer::{self, NEVER, Timeout, Usec};
use super::wsi::{Life, Role, Wsi};
use crate::util::cancel;
use crate::util::slots::Id;

/// `POLLERR`, `POLLHUP` and `POLLNVAL`: the loop tells them unasked.
const TROUBLE: i16 = 8 | 16 | 32;

/// Service functions that may be on the stack at once. Programs nest one or two to wait for something inside a callback.
const MAX_NESTED: u32 = 24;

/// A service function is on the stack; also when it unwinds.
struct Serving<'a>(&'a Context);

impl<'a> Serving<'a> {
    fn enter(cx: &'a Context) -> Self {
        cx.serving.set(cx.serving.get() + 1);
        Self(cx)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.0.serving.set(self.0.serving.get() - 1);
    }
}

/// What servicing a descriptor came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serviced {
    /// It is none of ours.
    NotOurs,
    /// Done.
    Handled,
    /// Done, and its wsi is no more.
    Died,
    /// The context is on its way out.
    Ending,
}

impl Context {
    /// One turn: `work`, then everything that it made necessary.
    fn turn<R>(&self, work: impl FnOnce() -> R) -> R {
        self.ledger.turn();
        self.clock.set(timer::now());
        let serving = Serving::enter(self);
        let result = work();
        self.reap();
        self.run_queue();
        drop(serving);
        self.settle_turn();
        result
    }

    /// Whether service functions called one another, through callbacks, so often that the stack is in danger.
    fn too_deep(&self) -> bool {
        let deep = self.serving.get() >= MAX_NESTED;
        if deep {
            crate::log_warn!("service called from inside itself {MAX_NESTED} times, not again");
        }
        deep
    }

    /// Services one descriptor with the `revents` that the loop's poll gave.
    pub fn service_fd(&self, fd: i32, revents: i16) -> Serviced {
        if self.ending() != Ending::No {
            return Serviced::Ending;
        }
        let Some(id) = self.wsi_from_fd(fd).map(Wsi::id) else { return Serviced::NotOurs };
        if self.too_deep() {
            return Serviced::Handled;
        }
        self.turn(|| {
            if let Some(wsi) = self.wsi(id) {
                self.service_wsi(wsi, revents);
            }
        });
        match self.wsi(id) {
            _ if self.ending() != Ending::No => Serviced::Ending,
            Some(_) => Serviced::Handled,
            None => Serviced::Died,
        }
    }

    fn service_wsi(&self, wsi: &Wsi, revents: i16) {
        if wsi.life() == Life::Closing && self.in_user_code() {
            // It is freed when the stack has unwound. Until then a nested loop must not be woken by it over and over.
            self.unadmit(wsi);
        }
        let asked = i16::from(wsi.interest.get());
        let revents = revents & (asked | TROUBLE);
        if revents == 0 || wsi.life() != Life::Open {
            return;
        }
        match wsi.role.get() {
            Role::Pipe => self.service_pipe(wsi),
            Role::Listen => self.accept(wsi),
            Role::Connection => self.service_connection(wsi, revents),
            Role::Attempt => self.service_attempt(wsi),
            Role::Stream | Role::Standin => {}
        }
    }

    fn service_pipe(&self, pipe: &Wsi) {
        let mut count = [0; 8];
        // Empty when another turn has read it: nothing to tell then.
        if let Some(Ok(_)) = pipe.with_fd(|fd| rustix::io::read(fd, &mut count)) {
            self.init_protocols();
            self.take_found_addresses();
            self.tell_all_protocols(Reason::EventWaitCancelled);
        }
    }

    fn service_connection(&self, wsi: &Wsi, revents: i16) {
        if wsi.is_client() && self.is_connecting(wsi) {
            self.service_attempt(wsi);
            return;
        }
        if wsi.driving.get() {
            // A callback of this very connection services it again. The drive above will see to it, and asks for events
            // anew at its end; until then they would only spin the nested loop.
            self.set_interest(wsi, wsi.interest.get() & !(revents as u8));
            return;
        }
        let readable = i16::from(interest::READ) & i16::from(wsi.interest.get());
        let mut open = true;
        if revents & (readable | TROUBLE) != 0 {
            open = readable != 0 && self.receive(wsi);
        }
        if open {
            self.drive(wsi);
        } else if wsi.is_client() {
            self.client_lost(wsi);
        } else {
            self.close_lingering(wsi);
        }
    }

    /// Before the loop waits: timers, what is runnable. Returns how many milliseconds it may wait, at most
    /// `timeout_ms` (negative: as long as it likes, told as `i32::MAX` or the next timer).
    pub fn adjust_timeout(&self, timeout_ms: i32) -> i32 {
        self.before_waiting(timeout_ms, || {
            self.init_protocols();
            self.run_timers();
        })
    }

    fn before_waiting(&self, timeout_ms: i32, work: impl FnOnce()) -> i32 {
        if self.ending() != Ending::No || self.too_deep() {
            return timeout_ms;
        }
        self.turn(work);
        if self.can_go_on() {
            return 0;
        }
        let limit = if timeout_ms < 0 { i32::MAX } else { timeout_ms };
        let next = self.next_timer();
        if next == NEVER {
            return limit;
        }
        // Rounded up: waking a millisecond early would only spin until the timer is due.
        let wait = next.saturating_sub(timer::now()).div_ceil(1000);
        limit.min(i32::try_from(wait).unwrap_or(i32::MAX))
    }

    /// `lws_service`: waits for events and services them; negative when the context is going.
    pub fn service(&self, timeout_ms: i32) -> i32 {
        if self.ending() != Ending::No {
            return -1;
        }
        // The handle keeps the context's memory while one of its own callbacks destroys it.
        let this = self.handle();
        let before = this.calls.get();
        // Programs without a loop of their own have seen the system on its way before the protocols are initialised.
        let wait = this.before_waiting(if timeout_ms < 0 { 0 } else { i32::MAX }, || {
            this.run_timers();
            this.init_protocols();
        });
        // A program that waits for one of its callbacks gets to see that it ran.
        let wait = if this.calls.get() == before { wait } else { 0 };
        let ran = if this.ending() == Ending::No { this.event_loop.run(&this, wait) } else { None };
        let result = match ran {
            Some(result) => result,
            None => this.poll_own_table(wait),
        };
        if this.ending() == Ending::No { result } else { -1 }
    }

    /// `lws_service_tsi(-1)` and its like: what can be done without waiting.
    pub fn service_forced(&self) {
        self.adjust_timeout(0);
    }

    /// poll(2) over every descriptor, for event libs that do not wait by themselves.
    fn poll_own_table(&self, timeout_ms: i32) -> i32 {
        if self.ending() != Ending::No {
            return -1;
        }
        let table: Vec<(Id, i32, u8)> = self
            .all_wsi()
            .into_iter()
            .filter_map(|id| {
                let wsi = self.wsi(id)?;
                wsi.admitted.get().then(|| (id, wsi.raw_fd(), wsi.interest.get()))
            })
            .collect();
        let ready = self.poll_fds(&table, timeout_ms);
        for (id, revents) in ready {
            if let Some(fd) = self.wsi(id).map(Wsi::raw_fd)
                && self.service_fd(fd, revents) == Serviced::Ending
            {
                return -1;
            }
        }
        0
    }

    fn poll_fds(&self, table: &[(Id, i32, u8)], timeout_ms: i32) -> Vec<(Id, i16)> {
        // Duplicates, so that no descriptor is borrowed while user code may close it.
        let owned: Vec<_> = table
            .iter()
            .filter_map(|&(id, _, want)| {
                let fd = self.wsi(id)?.with_fd(|fd| fd.try_clone_to_owned())?.ok()?;
                Some((id, fd, want))
            })
            .collect();
        let mut fds: Vec<PollFd<'_>> = owned
            .iter()
            .map(|(_, fd, want)| PollFd::new(fd, PollFlags::from_bits_retain(u16::from(*want))))
            .collect();
        let timeout = Timespec::try_from(Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0))).ok();
        if cancel::let_through(|| rustix::event::poll(&mut fds, timeout.as_ref())).is_err() {
            return Vec::new();
        }
        let revents: Vec<u16> = fds.iter().map(|fd| fd.revents().bits()).collect();
        owned
            .iter()
            .zip(revents)
            .filter(|(_, revents)| *revents != 0)
            .map(|((id, _, _), revents)| (*id, revents as i16))
            .collect()
    }

    // ---- the run queue ----

    /// The connection of `wsi` (itself, or its parent's when it is a stream).
    pub(super) fn connection_of<'a>(&'a self, wsi: &'a Wsi) -> Option<&'a Wsi> {
        match wsi.role.get() {
            Role::Connection => Some(wsi),
            Role::Stream => self.wsi(wsi.parent.get()?),
            _ => None,
        }
    }

    /// Has the connection driven: by the turn that is on the stack, or else by the loop as soon as it is writeable.
    pub(super) fn schedule(&self, connection: &Wsi) {
        let idle = connection.is_open() && !connection.driving.get();
        if !idle || connection.role.get() != Role::Connection {
            return;
        }
        if !connection.queued.replace(true) {
            self.runnable.borrow_mut().push_back(connection.id());
        }
        if self.serving.get() == 0 {
            let want = connection.interest.get() | interest::WRITE;
            self.set_interest(connection, want);
        }
    }

    /// Drives the connections that were given something to do from elsewhere, also in a turn that a callback runs: it may be
    /// waiting for just that. Those whose own callback is on the stack stay queued.
    fn run_queue(&self) {
        // What these make runnable waits for the next turn, so that two connections cannot keep it from ending. One by
        // one, so that a panic loses none.
        let count = self.runnable.borrow().len();
        for _ in 0..count {
            let Some(id) = self.next_runnable() else { break };
            let Some(wsi) = self.wsi(id) else { continue };
            if wsi.driving.get() {
                self.runnable.borrow_mut().push_back(id);
            } else if wsi.queued.replace(false) && wsi.life() == Life::Open {
                self.drive(wsi);
            }
        }
    }

    fn next_runnable(&self) -> Option<Id> {
        self.runnable.borrow_mut().pop_front()
    }

    /// Whether another turn would find something to do without an event.
    fn can_go_on(&self) -> bool {
        self.runnable
            .borrow()
            .iter()
            .any(|&id| self.wsi(id).is_some_and(|wsi| wsi.life() == Life::Open && !wsi.driving.get()))
    }

    /// The end of a turn, with no service function on the stack any more.
    fn settle_turn(&self) {
        if self.in_user_code() || self.serving.get() > 0 {
            return;
        }
        self.config.cookies.save();
        // Loops need not ask what is runnable: a writeable socket brings them back.
        let left: Vec<Id> = self.runnable.borrow().iter().copied().collect();
        for id in left {
            if let Some(wsi) = self.wsi(id) {
                let want = wsi.interest.get() | interest::WRITE;
                self.set_interest(wsi, want);
            }
        }
        self.settle();
    }

    /// Carries out what waited for user code to be off the stack. Every API call ends with it, nearly always under user
    /// code.
    #[inline]
    pub fn settle(&self) {
        if !self.in_user_code() && self.serving.get() == 0 {
            self.settle_now();
        }
    }

    #[cold]
    fn settle_now(&self) {
        self.reap();
        if self.ending() == Ending::Requested {
            self.end();
        }
    }

    /// A wsi's timeout has passed.
    pub(super) fn timed_out(&self, wsi: &Wsi, why: Timeout) {
        if let Some(client) = wsi
            .client()
            .filter(|_| !matches!(why, Timeout::FlushBeforeClose | Timeout::Linger | Timeout::CloseAck))
        {
            self.client_timed_out(wsi, &client, why);
            return;
        }
        match why {
            Timeout::None => {}
            Timeout::AcceptPause => self.set_interest(wsi, interest::READ),
            Timeout::FlushBeforeClose if self.output_moves(wsi) => self.close_gently(wsi),
            Timeout::FlushBeforeClose | Timeout::Linger => {
                wsi.with_net(|net| net.dead = true);
                self.close(wsi);
            }
            _ => {
                crate::log_info!("{}: timed out ({why:?})", wsi.tag());
                self.close(wsi);
            }
        }
    }

    /// Microseconds after which an idle keep-alive connection closes.
    pub(super) fn keepalive_of(&self, wsi: &Wsi, default: Usec) -> Usec {
        wsi.vhost().and_then(|vhost| vhost.keepalive).unwrap_or(default)
    }

    /// `lws_context_destroy`: now, or when the stack has unwound.
    pub fn destroy(self: &Rc<Self>) {
        if self.ending() >= Ending::Now {
            return;
        }
        self.set_ending(Ending::Requested);
        self.settle();
    }
}
