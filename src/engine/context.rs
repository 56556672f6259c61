//! The context: everything that belongs to one `lws_create_context`, on one service thread.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::{Rc, Weak};

use rustix::event::EventfdFlags;

use super::client::cookies::Cookies;
use super::client::resolve::Resolver;
use super::dispatch::{Arg, UserPtr};
use super::event_loop::{Admit, EventLoop, interest};
use super::ledger::{Kind, Ledger};
use super::random::Random;
use super::reason::Reason;
use super::retry::RetryPolicy;
use super::system::SystemStates;
use super::timer::{self, SECOND, Timers, Usec};
use super::vhost::{Vhost, VhostConfig};
use super::ws::RxBuffer;
use super::wsi::{Role, Wsi};
use crate::proto::http::response::BlockCache;
use crate::util::blocks::Blocks;
use crate::util::byte_queue::Spares;
use crate::util::slots::{Id, Slots};
use crate::util::zeroed::{Zeroed, ZeroedPool};

/// What a context is made of, beside its vhosts.
pub struct ContextConfig {
    /// Seconds of patience with a peer (`info.timeout_secs`), as microseconds.
    pub timeout: Usec,
    /// Header tables that may be in use at once.
    pub max_ah: usize,
    /// Bytes of the buffer that body chunks are delivered through (`info.pt_serv_buf_size`).
    pub service_buffer: usize,
    /// Bytes of private memory the event lib asked for, per service thread.
    pub event_lib_pt: usize,
    /// `info.user`.
    pub user: UserPtr,
    /// Time that a request's head may take to arrive on a connection that was idle (`info.timeout_secs_ah_idle`).
    pub ah_idle: Usec,
    /// Descriptors the context may have at once (`info.fd_limit_per_thread`).
    pub max_fds: usize,
    /// The policy of wsi whose vhost has none.
    pub retry: Rc<RetryPolicy>,
    /// Time that a client has to connect, from the look-up of the name to the end of the TLS handshake
    /// (`info.connect_timeout_secs`).
    pub connect_timeout: Usec,
    /// The origin header of clients has the program's text as it is, without a scheme before it.
    pub raw_origin: bool,
    /// The cookies of clients that want them kept.
    pub cookies: Cookies,
    /// What the C API keeps beside the context.
    pub foreign: Box<dyn Any>,
}

impl Default for ContextConfig {
    fn default() -> Self {
        Self {
            timeout: 15 * SECOND,
            max_ah: usize::MAX,
            service_buffer: 4096,
            event_lib_pt: 0,
            user: std::ptr::null_mut(),
            ah_idle: 10 * SECOND,
            max_fds: usize::MAX,
            retry: Rc::default(),
            connect_timeout: 20 * SECOND,
            raw_origin: false,
            cookies: Cookies::default(),
            foreign: Box::new(()),
        }
    }
}

/// Why a context or vhost could not be made: the field, its value, the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateError {
    /// The C API's name of the field that is to blame.
    pub field: &'static str,
    /// What it held, as far as it may be shown.
    pub value: String,
    /// Why that does not do.
    pub reason: String,
}

impl CreateError {
    /// Names the field, the value and the reason.
    pub fn new(field: &'static str, value: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self { field, value: value.to_string(), reason: reason.to_string() }
    }
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}': {}", self.field, self.value, self.reason)
    }
}

/// How far a context has come to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Not at all.
    #[default]
    No,
    /// Asked for, under user code: it happens when the stack has unwound.
    Requested,
    /// Being taken down.
    Now,
    /// Over.
    Done,
}

/// What is raised when a context has ended.
pub type OnEnd = Box<dyn FnOnce(&Context)>;

/// See the module's text. C's `struct lws_context *` is its address.
pub struct Context {
    this: Weak<Context>,
    /// What it was made with.
    pub config: ContextConfig,
    slots: Slots<Wsi>,
    fds: RefCell<Vec<Option<Id>>>,
    vhosts: RefCell<Vec<Rc<Vhost>>>,
    /// Vhosts ever made; part of the tag.
    vhosts_made: Cell<usize>,
    /// The vhosts that ended last: a program that still has a pointer to one finds it, and not another in its place.
    graveyard: RefCell<VecDeque<Rc<Vhost>>>,
    /// The loop that owns the descriptors.
    pub event_loop: Box<dyn EventLoop>,
    /// The event lib's private memory of the service thread.
    pub event_lib_pt: Zeroed,
    /// User code on the stack.
    pub(super) depth: Cell<u32>,
    /// Calls of user code up to now, wrapping.
    pub(super) calls: Cell<u32>,
    /// Service functions on the stack.
    pub(super) serving: Cell<u32>,
    /// Timers.
    pub timers: Timers,
    /// The clock, read once a turn.
    pub(super) clock: Cell<Usec>,
    /// The ledger.
    pub ledger: Ledger,
    pub(super) closing: RefCell<VecDeque<Id>>,
    pub(super) runnable: RefCell<VecDeque<Id>>,
    pub(super) waiting_for_ah: RefCell<VecDeque<Id>>,
    /// Listeners that look away until there may be another descriptor.
    pub(super) waiting_for_fd: RefCell<Vec<Id>>,
    buffers: RefCell<Vec<Box<[u8]>>>,
    /// Output buffers that no connection uses.
    pub(super) spares: Spares,
    /// Memory of bodies that wait for credit.
    pub(super) blocks: Blocks,
    /// Where what WebSockets have received is parsed.
    pub(super) ws_rx: RxBuffer,
    /// Session memory that was given back.
    pub(super) sessions: ZeroedPool,
    /// Response heads of HTTP/2 that were parsed lately.
    pub(super) heads: RefCell<BlockCache>,
    /// Names being looked up for clients.
    pub(super) resolver: Resolver,
    /// Unpredictable bytes: keys and masks of WebSocket clients.
    pub(super) random: RefCell<Random>,
    /// Client connections that other requests may share.
    pub(super) shared: RefCell<Vec<Id>>,
    pub(super) protocols_ready: Cell<bool>,
    ending: Cell<Ending>,
    wake: OwnedFd,
    standin: Id,
    /// The states of the system, as far as the program is told of them.
    pub system: OnceCell<Box<dyn SystemStates>>,
    serials: [Cell<u64>; 6],
    /// Raised once when the context is over, before its memory goes.
    pub on_end: RefCell<Option<OnEnd>>,
}

/// Vhosts kept after their end.
const GRAVES: usize = 64;

/// Bytes read from a socket at a time.
const READ_BUFFER: usize = 64 * 1024;

impl Context {
    /// A context with its event pipe registered and no vhost.
    pub fn new(config: ContextConfig, event_loop: Box<dyn EventLoop>) -> Result<Rc<Self>, CreateError> {
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| CreateError::new("event pipe", "eventfd", error))?;
        let cx = Rc::new_cyclic(|this: &Weak<Self>| {
            let slots = Slots::default();
            let (standin, wsi) = slots.take(|| Wsi::vacant(this.clone()));
            wsi.occupy(standin, Role::Standin);
            Self {
                this: this.clone(),
                event_lib_pt: Zeroed::new(config.event_lib_pt),
                config,
                slots,
                fds: RefCell::default(),
                vhosts: RefCell::default(),
                vhosts_made: Cell::new(0),
                graveyard: RefCell::default(),
                event_loop,
                depth: Cell::new(0),
                calls: Cell::new(0),
                serving: Cell::new(0),
                timers: Timers::default(),
                clock: Cell::new(timer::now()),
                ledger: Ledger::default(),
                closing: RefCell::default(),
                runnable: RefCell::default(),
                waiting_for_ah: RefCell::default(),
                waiting_for_fd: RefCell::default(),
                buffers: RefCell::default(),
                sessions: ZeroedPool::default(),
                heads: RefCell::default(),
                spares: Spares::default(),
                blocks: Blocks::default(),
                ws_rx: RxBuffer::default(),
                resolver: Resolver::default(),
                random: RefCell::default(),
                shared: RefCell::default(),
                protocols_ready: Cell::new(false),
                ending: Cell::new(Ending::No),
                wake,
                standin,
                serials: Default::default(),
                system: OnceCell::new(),
                on_end: RefCell::default(),
            }
        });
        cx.ledger.made(Kind::Context, size_of::<Self>());
        Ok(cx)
    }

    /// Shows the context to its loop: `init_context`, `init_pt`, then the event pipe.
    pub fn start(&self) -> Result<(), CreateError> {
        let name = self.event_loop.name();
        let refused = |op: &'static str| {
            move |_| CreateError::new("event_lib_custom", op, "the event lib returned nonzero")
        };
        self.outside(|| self.event_loop.init_context(self)).map_err(refused("init_context"))?;
        self.outside(|| self.event_loop.init_thread(self)).map_err(refused("init_pt"))?;
        let pipe = self.new_wsi(Role::Pipe);
        let fd = self.wake.try_clone().map_err(|error| CreateError::new("event pipe", "eventfd", error))?;
        pipe.set_fd(fd);
        if !self.admit(pipe, Admit::Socket) {
            self.close(pipe);
            self.settle();
            return Err(CreateError::new("event_lib_custom", name, "sock_accept refused the event pipe"));
        }
        // The first turn of the loop tells every protocol EVENT_WAIT_CANCELLED, as programs have come to expect.
        self.wake();
        crate::log_info!("event loop: {name}");
        Ok(())
    }

    /// An owning handle to itself.
    ///
    /// # Panics
    /// Never: whoever calls holds the context.
    pub fn handle(&self) -> Rc<Self> {
        self.this.upgrade().expect("self is alive")
    }

    /// Makes the loop come back soon. The only call that is safe from any thread.
    pub fn wake(&self) {
        // A full counter is as good as a written one.
        let _ = rustix::io::write(self.wake.as_fd(), &1_u64.to_ne_bytes());
    }

    /// The descriptor that [`Context::wake`] writes to.
    pub fn wake_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// The time, as of the turn.
    pub fn now(&self) -> Usec {
        if self.serving.get() == 0 {
            self.clock.set(timer::now());
        }
        self.clock.get()
    }

    /// How far it has come to its end.
    pub fn ending(&self) -> Ending {
        self.ending.get()
    }

    pub(super) fn set_ending(&self, ending: Ending) {
        self.ending.set(ending);
    }

    /// Whether user code is on the stack.
    pub fn in_user_code(&self) -> bool {
        self.depth.get() > 0
    }

    // ---- wsi ----

    /// The wsi that `id` names, while that use lasts.
    pub fn wsi(&self, id: Id) -> Option<&Wsi> {
        self.slots.get(id)
    }

    /// Takes a slot for a new wsi.
    pub(super) fn new_wsi(&self, role: Role) -> &Wsi {
        let (id, wsi) = self.slots.take(|| Wsi::vacant(self.this.clone()));
        wsi.occupy(id, role);
        let serial = &self.serials[role as usize];
        wsi.serial.set(serial.get());
        serial.set(serial.get() + 1);
        self.ledger.made(Kind::Wsi, size_of::<Wsi>());
        wsi
    }

    /// Gives the slot back; whoever closes has taken everything else down.
    pub(super) fn free_wsi(&self, wsi: &Wsi) {
        let id = wsi.id();
        wsi.vacate();
        self.slots.release(id);
        self.ledger.freed(Kind::Wsi, size_of::<Wsi>());
    }

    /// All wsi in use but the stand-in, as a snapshot.
    pub fn all_wsi(&self) -> Vec<Id> {
        let mut all = self.slots.snapshot();
        all.retain(|&id| id != self.standin);
        all
    }

    /// The wsi that stands in where a callback concerns none.
    ///
    /// # Panics
    /// Never: the stand-in lives as long as the context.
    pub fn standin(&self) -> &Wsi {
        self.slots.get(self.standin).expect("the stand-in lives as long as the context")
    }

    /// The wsi that owns descriptor `fd`.
    pub fn wsi_from_fd(&self, fd: i32) -> Option<&Wsi> {
        let id = (*self.fds.borrow().get(usize::try_from(fd).ok()?)?)?;
        self.wsi(id)
    }

    /// Shows the wsi's descriptor to the loop and asks for what can be read from it; `false` when it must go: the
    /// loop refuses it, or has closed it.
    pub(super) fn admit(&self, wsi: &Wsi, what: Admit) -> bool {
        if self.outside(|| self.event_loop.admit(self, wsi, what)).is_err() {
            return false;
        }
        // Also when the op has closed what it was being shown: it will be told to forget it.
        let index = usize::try_from(wsi.raw_fd()).expect("admitted descriptors are valid");
        let mut fds = self.fds.borrow_mut();
        if fds.len() <= index {
            fds.resize(index + 1, None);
        }
        fds[index] = Some(wsi.id());
        drop(fds);
        wsi.admitted.set(true);
        wsi.watched.set(true);
        self.ledger.made(Kind::Fd, 0);
        if wsi.is_open() {
            self.set_interest_unchecked(wsi, interest::READ);
        }
        let added = self.external_poll(wsi, Reason::AddPollFd, 0);
        wsi.polled.set(added);
        added && wsi.is_open()
    }

    /// Nothing on the wsi's descriptor interests us any more; its close has begun.
    pub(super) fn stop_watching(&self, wsi: &Wsi) {
        if wsi.admitted.get() && wsi.watched.replace(false) {
            let before = wsi.interest.get();
            self.set_interest_unchecked(wsi, 0);
            if wsi.polled.replace(false) {
                self.external_poll(wsi, Reason::DelPollFd, before);
            }
        }
    }

    /// Makes the loop forget the wsi's descriptor, once, before it is closed.
    pub(super) fn unadmit(&self, wsi: &Wsi) {
        self.stop_watching(wsi);
        if !wsi.admitted.replace(false) {
            return;
        }
        if let Some(slot) = usize::try_from(wsi.raw_fd())
            .ok()
            .and_then(|fd| self.fds.borrow_mut().get_mut(fd).map(Option::take))
        {
            debug_assert_eq!(slot, Some(wsi.id()));
        }
        self.ledger.freed(Kind::Fd, 0);
        self.outside(|| self.event_loop.remove(self, wsi));
        let listeners = self.waiting_for_fd.take();
        for listener in
            listeners.into_iter().filter_map(|id| self.wsi(id)).filter(|listener| listener.is_open())
        {
            self.set_interest(listener, interest::READ);
        }
    }

    /// Sets what the loop waits for on the wsi's descriptor.
    pub(super) fn set_interest(&self, wsi: &Wsi, want: u8) {
        if wsi.watched.get() {
            let before = wsi.interest.get();
            if before != want {
                self.set_interest_unchecked(wsi, want);
                if wsi.polled.get() {
                    self.external_poll(wsi, Reason::ChangeModePollFd, before);
                }
            }
        }
    }

    fn set_interest_unchecked(&self, wsi: &Wsi, want: u8) {
        let before = wsi.interest.replace(want);
        let (start, stop) = (want & !before, before & !want);
        if start | stop != 0 {
            self.outside(|| self.event_loop.interest(self, wsi, start, stop));
        }
    }

    /// The poll callbacks of programs that keep their own table without an event lib.
    fn external_poll(&self, wsi: &Wsi, reason: Reason, before: u8) -> bool {
        if wsi.vhost().is_none() {
            return true;
        }
        let lock = Arg::Len(usize::from(reason != Reason::ChangeModePollFd));
        self.dispatch_as(wsi, 0, Reason::LockPoll, lock);
        // As it is now: the loop's op or the LOCK callback may have changed it again, and told so in between.
        let events = wsi.interest.get();
        let arg = Arg::Poll { fd: wsi.raw_fd(), events: events.into(), before: before.into() };
        let result = self.dispatch_as(wsi, 0, reason, arg);
        self.dispatch_as(wsi, 0, Reason::UnlockPoll, lock);
        result == 0
    }

    // ---- buffers ----

    /// A read buffer; a nested service takes another.
    pub(super) fn take_buffer(&self) -> Box<[u8]> {
        self.buffers.borrow_mut().pop().unwrap_or_else(|| vec![0; READ_BUFFER].into_boxed_slice())
    }

    pub(super) fn give_buffer(&self, buffer: Box<[u8]>) {
        let mut buffers = self.buffers.borrow_mut();
        if buffers.len() < 2 {
            buffers.push(buffer);
        }
    }

    // ---- vhosts ----

    /// The vhosts, in order of creation, as a snapshot.
    pub fn vhosts(&self) -> Vec<Rc<Vhost>> {
        self.vhosts.borrow().clone()
    }

    /// Whether there is no choice of vhosts.
    pub(super) fn has_one_vhost(&self) -> bool {
        self.vhosts.borrow().len() == 1
    }

    /// Makes a vhost and has it listen.
    pub fn create_vhost(&self, config: VhostConfig) -> Result<Rc<Vhost>, CreateError> {
        if self.ending() != Ending::No {
            return Err(CreateError::new("vhost_name", &config.name, "the context is being destroyed"));
        }
        let serial = self.vhosts_made.get();
        self.vhosts_made.set(serial + 1);
        let tag = format!("[vh|{serial}|{}]", config.name);
        let vhost = Vhost::new(config, tag);
        self.vhosts.borrow_mut().push(Rc::clone(&vhost));
        self.ledger.made(Kind::Vhost, size_of::<Vhost>());
        if let Err(error) = self.listen(&vhost) {
            self.bury(&vhost);
            return Err(error);
        }
        if self.protocols_ready.get() {
            self.init_protocols_of(&vhost);
        }
        Ok(vhost)
    }

    /// Closes everything of the vhost; it ends with its last wsi.
    pub fn destroy_vhost(&self, vhost: &Rc<Vhost>) {
        if vhost.going.replace(true) {
            return;
        }
        self.stop_listening(vhost);
        for id in self.all_wsi() {
            if let Some(wsi) = self.wsi(id)
                && wsi.vhost().is_some_and(|of| Rc::ptr_eq(&of, vhost))
            {
                self.close(wsi);
            }
        }
        self.end_vhost_if_unused(vhost);
        self.settle();
    }

    /// A vhost that is going ends when nothing refers to it any more.
    pub(super) fn end_vhost_if_unused(&self, vhost: &Rc<Vhost>) {
        if !vhost.going.get() || vhost.gone.get() || vhost.bound.get() > 0 {
            return;
        }
        vhost.gone.set(true);
        for index in 0..vhost.protocols.len() {
            if vhost.protocols[index].initialised.replace(false) {
                self.tell_protocol(vhost, index, Reason::ProtocolDestroy, Arg::Null);
            }
        }
        for protocol in &vhost.protocols {
            protocol.private.take();
        }
        if let Some(finalize) = &vhost.finalize {
            self.outside(|| finalize(vhost));
        }
        self.bury(vhost);
    }

    fn bury(&self, vhost: &Rc<Vhost>) {
        vhost.going.set(true);
        vhost.gone.set(true);
        let mut vhosts = self.vhosts.borrow_mut();
        let Some(at) = vhosts.iter().position(|other| Rc::ptr_eq(other, vhost)) else { return };
        let vhost = vhosts.remove(at);
        drop(vhosts);
        self.ledger.freed(Kind::Vhost, size_of::<Vhost>());
        let mut graveyard = self.graveyard.borrow_mut();
        graveyard.push_back(vhost);
        let oldest = if graveyard.len() > GRAVES { graveyard.pop_front() } else { None };
        drop(graveyard);
        // The program may be told that its log context has one user less.
        self.outside(|| drop(oldest));
    }

    /// The vhost of the same port as `listening` that is called `name`: whole name, then `*.name`.
    pub(super) fn vhost_named(&self, listening: &Rc<Vhost>, name: &[u8]) -> Option<Rc<Vhost>> {
        let name = name.split(|&byte| byte == b':').next().unwrap_or(name);
        let vhosts = self.vhosts.borrow();
        let mut here =
            vhosts.iter().filter(|vhost| !vhost.going.get() && vhost.port.get() == listening.port.get());
        let wildcard = |vhost: &&Rc<Vhost>| {
            vhost.name.strip_prefix("*.").is_some_and(|domain| {
                name.len() > domain.len() + 1
                    && name[name.len() - domain.len() - 1] == b'.'
                    && name[name.len() - domain.len()..].eq_ignore_ascii_case(domain.as_bytes())
            })
        };
        here.clone()
            .find(|vhost| vhost.name.as_bytes().eq_ignore_ascii_case(name))
            .or_else(|| here.find(wildcard))
            .cloned()
    }

    // ---- protocols ----

    /// Whether LWS_CALLBACK_PROTOCOL_INIT has been raised.
    pub fn protocols_are_ready(&self) -> bool {
        self.protocols_ready.get()
    }

    /// Raises LWS_CALLBACK_PROTOCOL_INIT where it has not been raised yet.
    pub fn init_protocols(&self) {
        if self.protocols_ready.replace(true) {
            return;
        }
        for vhost in self.vhosts() {
            self.init_protocols_of(&vhost);
        }
    }

    fn init_protocols_of(&self, vhost: &Rc<Vhost>) {
        for (index, protocol) in vhost.protocols.iter().enumerate() {
            if protocol.wants_init && !vhost.going.get() && !protocol.initialised.replace(true) {
                let arg = if protocol.options.is_null() { Arg::Null } else { Arg::Opaque(protocol.options) };
                if self.tell_protocol(vhost, index, Reason::ProtocolInit, arg) != 0 {
                    crate::log_err!("{}: protocol {} failed init", vhost.tag, protocol.name);
                }
            }
        }
    }

    /// Tells one protocol something that concerns no connection, through the stand-in.
    pub fn tell_protocol(&self, vhost: &Rc<Vhost>, index: usize, reason: Reason, arg: Arg<'_>) -> i32 {
        self.stand_in(vhost, index, |standin| self.dispatch(standin, reason, arg))
    }

    /// Runs `tell` with the stand-in bound to a protocol of `vhost`.
    pub fn stand_in<R>(&self, vhost: &Rc<Vhost>, index: usize, tell: impl FnOnce(&Wsi) -> R) -> R {
        let lent = Lent::new(self.standin(), vhost, index);
        let result = tell(lent.standin);
        drop(lent);
        // The callback may have been the last thing that kept a destroyed vhost.
        self.end_vhost_if_unused(vhost);
        result
    }

    /// Tells every protocol of every vhost.
    pub fn tell_all_protocols(&self, reason: Reason) {
        for vhost in self.vhosts() {
            for index in 0..vhost.protocols.len() {
                if !vhost.gone.get() {
                    self.tell_protocol(&vhost, index, reason, Arg::Null);
                }
            }
        }
    }
}

/// The stand-in while it stands for a protocol; what it was before when dropped, also by a panic.
struct Lent<'a> {
    standin: &'a Wsi,
    vhost: &'a Vhost,
    before: Cell<Option<Rc<Vhost>>>,
    protocol_before: usize,
}

impl<'a> Lent<'a> {
    fn new(standin: &'a Wsi, vhost: &'a Rc<Vhost>, protocol: usize) -> Self {
        // Once more than the stand-in counts: it may be lent again meanwhile.
        vhost.bound.set(vhost.bound.get() + 1);
        let before = Cell::new(standin.bind_vhost(Some(Rc::clone(vhost))));
        let protocol_before = standin.protocol.replace(protocol);
        Self { standin, vhost, before, protocol_before }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.standin.bind_vhost(self.before.take());
        self.standin.protocol.set(self.protocol_before);
        self.standin.user.set(std::ptr::null_mut());
        self.vhost.bound.set(self.vhost.bound.get() - 1);
    }
}
