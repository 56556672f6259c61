//! Ends: of wsi, and of the context.
//!
//! [`Context::close`] only marks; `reap` does the work when no user code is on the stack. Whatever the
//! loop's ops return, everything a wsi holds is given back here, once, in one order.

use super::context::{Context, Ending};
use super::dispatch::{Arg, Call};
use super::ledger::Kind;
use super::reason::Reason;
use super::wsi::{Role, Wsi};
use crate::proto::h2::STREAM_STATE;
use crate::util::slots::Id;

/// Does what it holds when it is dropped by a panic: an internal error must neither lose a wsi nor keep it.
pub(super) struct OnPanic<'a, F: Fn()>(pub(super) &'a Context, pub(super) F);

impl<F: Fn()> Drop for OnPanic<'_, F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.1)();
            // Nobody may be on the stack to carry it out.
            self.0.wake();
        }
    }
}

impl Context {
    /// The program's own wish to close `wsi`. What is not a connection's, a stream's or a listener's is ours to keep.
    pub fn close_by_program(&self, wsi: &Wsi) {
        if matches!(wsi.role.get(), Role::Standin | Role::Pipe) {
            crate::log_err!("{}: cannot be closed", wsi.tag());
            return;
        }
        self.close(wsi);
        self.settle();
    }

    /// Closes `wsi`: it takes no more work, and is freed as soon as no user code is on the stack.
    pub fn close(&self, wsi: &Wsi) {
        if wsi.begin_close() {
            self.closing.borrow_mut().push_back(wsi.id());
        }
    }

    /// An internal error cut short what was being done for `wsi`: nobody knows in what state it is, so it goes.
    pub fn close_after_panic(&self, wsi: &Wsi) {
        if !matches!(wsi.role.get(), Role::Standin | Role::Pipe) {
            self.close(wsi);
        }
        self.wake();
    }

    /// Carries out the closes that are due.
    pub(super) fn reap(&self) {
        if self.in_user_code() {
            return;
        }
        while let Some(id) = self.next_closing() {
            if let Some(wsi) = self.wsi(id) {
                self.finish_close(wsi);
            }
        }
    }

    /// Whether the driver of the wsi, or of a child that closes with it, is on the stack.
    fn is_driven(&self, wsi: &Wsi) -> bool {
        wsi.driving.get()
            || wsi.children.borrow().iter().any(|&id| self.wsi(id).is_some_and(|child| self.is_driven(child)))
    }

    /// The next one due; a connection whose driver is on the stack stays until that returns.
    fn next_closing(&self) -> Option<Id> {
        let mut closing = self.closing.borrow_mut();
        match closing.iter().position(|&id| self.wsi(id).is_none_or(|wsi| !self.is_driven(wsi)))? {
            0 => closing.pop_front(),
            at => closing.remove(at),
        }
    }

    /// At the context's end: whether it was open, or a close of it was cut short by an internal error.
    fn close_now(&self, wsi: &Wsi) {
        wsi.begin_close();
        self.finish_close(wsi);
    }

    /// Takes a wsi down: callbacks in the recorded order, then the loop, the descriptor, the memory.
    fn finish_close(&self, wsi: &Wsi) {
        let _retried = OnPanic(self, || self.closing.borrow_mut().push_back(wsi.id()));
        // The program has made them depend on this one.
        let children = wsi.children.take();
        for child in children.into_iter().rev().filter_map(|id| self.wsi(id)) {
            child.begin_close();
            self.finish_close(child);
        }
        match wsi.role.get() {
            Role::Connection => {
                if let Some(client) = wsi.client() {
                    self.blame_connection(wsi, &client);
                }
                let streams = wsi.with_net(|net| std::mem::take(&mut net.streams)).unwrap_or_default();
                for id in streams {
                    if let Some(stream) = self.wsi(id) {
                        stream.begin_close();
                        self.finish_close(stream);
                    }
                }
            }
            Role::Stream => self.leave_connection(wsi),
            _ => {}
        }
        let client = wsi.client();
        if let Some(client) = &client {
            self.end_sharing(wsi, client);
            self.tell_of_failure(wsi, client);
        }
        let ends = self.ends_of(wsi, client.is_some());
        if wsi.http.bound.replace(false) {
            self.dispatch(wsi, ends.0, Arg::Null);
        }
        if wsi.announced.get() {
            self.stop_watching(wsi);
            let is_told = match &client {
                None => wsi.role.get() != Role::Listen,
                Some(client) => client.established.get(),
            };
            if is_told {
                let closed = ends.1;
                self.dispatch(wsi, closed, Arg::Null);
            }
        }
        self.tell_elder(wsi);
        if !wsi.is_stream() {
            let now = self.now();
            wsi.with_fd(|fd| wsi.with_net(|net| net.last_words(fd, now)));
            self.unadmit(wsi);
            wsi.take_fd();
        }
        if wsi.announced.replace(false) {
            self.dispatch_as(wsi, 0, Reason::WsiDestroy, Arg::Null);
        }
        self.discard(wsi);
    }

    /// Tells the protocol of the wsi above `wsi`, in the program's own hierarchy, that this one ends.
    fn tell_elder(&self, wsi: &Wsi) {
        let Some(elder) = wsi.elder.get().and_then(|id| self.wsi(id)) else { return };
        let (user, index, vhost) = (elder.user.get(), elder.protocol.get(), elder.vhost());
        if let Some(protocol) = vhost.as_ref().and_then(|vhost| vhost.protocols.get(index)) {
            let call = Call { wsi, reason: Reason::ChildClosing, user, arg: Arg::Wsi(wsi) };
            self.outside(|| protocol.callback.call(&call));
        }
        self.leave_elder(wsi);
    }

    /// Takes `wsi` out of the program's hierarchy; the one above it.
    pub(super) fn leave_elder(&self, wsi: &Wsi) -> Option<&Wsi> {
        let elder = wsi.elder.take().and_then(|id| self.wsi(id))?;
        elder.children.borrow_mut().retain(|&id| id != wsi.id());
        Some(elder)
    }

    /// What the program is told when the wsi leaves its protocol, and when it is over.
    fn ends_of(&self, wsi: &Wsi, is_client: bool) -> (Reason, Reason) {
        self.ends_of_ws(wsi).unwrap_or(if is_client {
            (Reason::ClientHttpDropProtocol, Reason::ClosedClientHttp)
        } else {
            (Reason::HttpDropProtocol, Reason::ClosedHttp)
        })
    }

    /// Gives back everything a wsi holds that no callback needs to hear of.
    pub(super) fn discard(&self, wsi: &Wsi) {
        debug_assert!(!wsi.admitted.get(), "the loop is told before");
        // User code for the last time; what follows finds everything that it may have left.
        if !wsi.is_stream() {
            self.outside(|| self.event_loop.destroyed(self, wsi));
        }
        self.detach_ah(wsi);
        self.drop_session(wsi);
        self.forget_output(wsi);
        self.clear_deadlines(wsi);
        if wsi.is_stream() {
            self.ledger.freed(Kind::H2Stream, STREAM_STATE);
        }
        if let Some(vhost) = wsi.bind_vhost(None) {
            self.end_vhost_if_unused(&vhost);
        }
        self.free_wsi(wsi);
    }

    /// Takes a stream off its connection's list.
    pub(super) fn leave_connection(&self, stream: &Wsi) {
        let Some(connection) = stream.parent.get().and_then(|id| self.wsi(id)) else { return };
        let at = stream.stream_at.get();
        let moved = connection.with_net(|net| {
            if net.streams.get(at) != Some(&stream.id()) {
                return None;
            }
            net.streams.swap_remove(at);
            net.streams.get(at).copied()
        });
        if let Some(moved) = moved.flatten().and_then(|id| self.wsi(id)) {
            moved.stream_at.set(at);
        }
        // Dropping the h2 side may have a RST_STREAM to send.
        let reset = stream
            .stream
            .with(|core| core.take().is_some_and(|core| !core.h2.is_ended() || core.h2.expects_body()));
        if let Some(client) = stream.client() {
            // One stream less may be one for the next in the queue.
            client.stream.with(Option::take);
            connection.with_net(|net| net.reset_due = true);
            self.schedule(connection);
        }
        if reset {
            connection.with_net(|net| net.reset_due = true);
            self.schedule(connection);
        }
    }

    /// Frees the session memory.
    pub(super) fn drop_session(&self, wsi: &Wsi) {
        if wsi.has_session()
            && let Some(session) = wsi.set_session(None)
        {
            self.ledger.freed(Kind::Session, session.len());
            self.sessions.give(session);
        }
    }

    /// Frees the header table and lets a connection go on that waits for one.
    pub(super) fn detach_ah(&self, wsi: &Wsi) {
        if wsi.http.ah.take().is_none() {
            return;
        }
        self.ledger.freed(Kind::Ah, wsi.http.ah_bytes.take());
        self.offer_ah();
    }

    /// Lets the next connection that waits for a header table go on, if there is one to be had.
    pub(super) fn offer_ah(&self) {
        while self.ah_is_free() {
            let next = self.waiting_for_ah.borrow_mut().pop_front();
            let Some(next) = next else { return };
            // One that has gone meanwhile passes its turn on.
            if let Some(next) = self.wsi(next).filter(|next| next.is_open()) {
                self.schedule(next);
                return;
            }
        }
    }

    /// The context's end, with no user code on the stack.
    pub(super) fn end(&self) {
        if self.ending() >= Ending::Now {
            return;
        }
        self.set_ending(Ending::Now);
        let this = self.handle();
        // All at once: nothing begins anew with what another leaves.
        for id in this.all_wsi() {
            this.wsi(id).map(Wsi::begin_close);
        }
        // The pipe first, then in order of age, as programs have seen it.
        for id in this.all_wsi() {
            if let Some(wsi) = this.wsi(id).filter(|wsi| !wsi.is_stream()) {
                this.close_now(wsi);
            }
        }
        // Streams whose connection went without them: only after an internal error.
        for id in this.all_wsi() {
            if let Some(wsi) = this.wsi(id) {
                this.close_now(wsi);
            }
        }
        this.config.cookies.save_again();
        if let Some(system) = this.system.get() {
            system.invalid(&this);
        }
        for vhost in this.vhosts() {
            vhost.going.set(true);
            this.end_vhost_if_unused(&vhost);
        }
        this.outside(|| this.event_loop.destroy_thread(&this));
        for half in [1, 2] {
            this.outside(|| this.event_loop.destroy_context(&this, half));
        }
        if let Some(system) = this.system.get() {
            system.destroying(&this);
        }
        if let Some(app) = this.timers.app() {
            app.clear();
        }
        this.ledger.freed(Kind::Context, size_of::<Self>());
        for (kind, account) in this.ledger.outstanding() {
            crate::log_err!("leaked at context destroy: {} {kind} ({} bytes)", account.live, account.bytes);
        }
        this.set_ending(Ending::Done);
        let on_end = this.on_end.take();
        if let Some(on_end) = on_end {
            on_end(&this);
        }
    }
}
