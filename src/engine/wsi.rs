//! `struct lws`: one listener, pipe, connection or stream.
//!
//! A wsi is an arena slot that never moves; C holds its address. Everything in it is a `Cell` or a core, so
//! that `&Wsi` is all anybody ever needs, also from inside a callback about that very wsi.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::rc::{Rc, Weak};

use bytes::Bytes;

use super::client::Client;
use super::connection::Net;
use super::context::Context;
use super::dispatch::{Core, UserPtr};
use super::file::Transfer;
use super::retry::RetryPolicy;
use super::timer::Deadlines;
use super::vhost::Vhost;
use super::ws::WsCore;
use crate::proto::h2::{H2Stream, StreamWaker};
use crate::proto::http::header::HeaderTable;
use crate::util::slots::Id;
use crate::util::zeroed::Zeroed;

/// Where a slot is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Life {
    /// Not in use; a pointer to it is stale.
    #[default]
    Free,
    /// In use.
    Open,
    /// Will be freed when no user code is on the stack; takes no more work.
    Closing,
}

/// What a wsi is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The stand-in for calls that concern no connection.
    #[default]
    Standin,
    /// The event pipe.
    Pipe,
    /// A listening socket.
    Listen,
    /// A connection: HTTP/1, HTTP/2, or not yet known.
    Connection,
    /// A stream of an HTTP/2 connection.
    Stream,
    /// A socket that races that of a connecting client, which is its parent.
    Attempt,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Between requests.
    #[default]
    Idle,
    /// The program is being asked what to do with the head.
    Action,
    /// The body is being received.
    Body,
    /// All of the request has been received.
    Answer,
}

/// One request and its answer.
#[derive(Default)]
pub struct Transaction {
    /// The header table ("ah").
    pub ah: RefCell<Option<Rc<HeaderTable>>>,
    /// Bytes of it in the ledger.
    pub ah_bytes: Cell<usize>,
    /// How far the request has come.
    pub phase: Cell<Phase>,
    /// The connection may carry another request after this.
    pub keep_alive: Cell<bool>,
    /// The answer has no body, whatever is written (HEAD).
    pub head_only: Cell<bool>,
    /// The program must be told `HTTP_BODY(NULL, 0)`: an explicit content-length of 0.
    pub empty_body: Cell<bool>,
    /// The request needs no body, but its client does not end it, and may never.
    pub never_ends: Cell<bool>,
    /// The client waits for `100 Continue`.
    pub expects_continue: Cell<bool>,
    /// The answer's headers have been written.
    pub headers_sent: Cell<bool>,
    /// A header block that is being written in several pieces.
    pub head: RefCell<Vec<u8>>,
    /// Body bytes that are still to be written, when a content-length was given.
    pub remaining: Cell<Option<u64>>,
    /// The answer has been written to its end.
    pub ended: Cell<bool>,
    /// Bytes of the request's body that nobody wanted.
    pub discarded: Cell<usize>,
    /// The program called `lws_http_transaction_completed`.
    pub completed: Cell<bool>,
    /// A file being sent.
    pub file: RefCell<Option<Transfer>>,
    /// Body bytes that the program would not take yet.
    pub held_body: RefCell<Bytes>,
    /// `LWS_CALLBACK_HTTP_BIND_PROTOCOL` has been raised without its DROP.
    pub bound: Cell<bool>,
}

impl Transaction {
    /// The answer is complete, or a file: what comes of the request's body is thrown away.
    pub fn body_is_unwanted(&self) -> bool {
        self.completed.get() || self.file.borrow().is_some()
    }

    /// Back to the start of a request. The header table is detached before, where it is accounted.
    pub fn reset(&self) {
        debug_assert!(self.ah.borrow().is_none(), "the header table is detached first");
        // Plain cells first, all of them: the compiler resets neighbours together.
        self.phase.set(Phase::Idle);
        self.keep_alive.set(false);
        self.head_only.set(false);
        self.empty_body.set(false);
        self.never_ends.set(false);
        self.expects_continue.set(false);
        self.headers_sent.set(false);
        self.ended.set(false);
        self.completed.set(false);
        self.remaining.set(None);
        self.discarded.set(0);
        self.head.borrow_mut().clear();
        self.file.take();
        self.held_body.take();
    }
}

/// An HTTP/2 stream's own part.
pub struct StreamCore {
    /// The protocol's side.
    pub h2: H2Stream,
    /// Reports to the connection.
    pub waker: StreamWaker,
}

/// One slot; see the module's text.
#[derive(Default)]
pub struct Wsi {
    id: Cell<Option<Id>>,
    context: Weak<Context>,
    life: Cell<Life>,
    /// What it is.
    pub role: Cell<Role>,
    fd: RefCell<Option<OwnedFd>>,
    raw_fd: Cell<i32>,
    /// The loop admitted the descriptor and has not been told to forget it.
    pub admitted: Cell<bool>,
    /// Its events still interest us: the close has not begun.
    pub watched: Cell<bool>,
    /// The program's own poll table has it (`LWS_CALLBACK_ADD_POLL_FD` did not fail).
    pub polled: Cell<bool>,
    /// `interest` bits the loop was told.
    pub interest: Cell<u8>,
    vhost: RefCell<Option<Rc<Vhost>>>,
    /// Index in the vhost's protocol table.
    pub protocol: Cell<usize>,
    session: RefCell<Option<Zeroed>>,
    /// What callbacks get as `user`: session memory, or what the program set.
    pub user: Cell<UserPtr>,
    /// `lws_set_opaque_user_data`.
    pub opaque: Cell<UserPtr>,
    /// `lws_set_opaque_parent_data`.
    pub opaque_parent: Cell<UserPtr>,
    /// The connection of a stream; for whom an attempt to connect is made.
    pub parent: Cell<Option<Id>>,
    /// The wsi that the program has put above it (`lws_client_connect_info.parent_wsi`).
    pub elder: Cell<Option<Id>>,
    /// Those that the program has put below it, youngest last.
    pub children: RefCell<Vec<Id>>,
    /// WSI_CREATE has been raised: WSI_DESTROY is due.
    pub announced: Cell<bool>,
    /// When to try again after it has failed, when that is not its vhost's policy.
    pub retry: RefCell<Option<Rc<RetryPolicy>>>,
    /// Deadlines.
    pub deadlines: Deadlines,
    /// What a client has beside.
    client: RefCell<Option<Rc<Client>>>,
    /// The connection's transport and protocol.
    net: Core<Option<Box<Net>>>,
    /// The connection's driver is on the stack; a nested service leaves it alone.
    pub driving: Cell<bool>,
    /// It is in the context's run queue.
    pub queued: Cell<bool>,
    /// The stream's protocol part.
    pub stream: Core<Option<StreamCore>>,
    /// Position in the connection's stream list.
    pub stream_at: Cell<usize>,
    /// What it has as a WebSocket, when it is one.
    pub(super) ws: Core<Option<Box<WsCore>>>,
    /// The program asked for a writeable callback.
    pub wants_write: Cell<bool>,
    /// The program takes no body for now (`lws_rx_flow_control`).
    pub rx_paused: Cell<bool>,
    /// The request in progress.
    pub http: Transaction,
    /// Number among the wsi of its kind; part of the tag.
    pub serial: Cell<u64>,
    tag: RefCell<Option<CString>>,
}

impl Wsi {
    /// A free slot of `context`.
    #[must_use]
    pub fn vacant(context: Weak<Context>) -> Self {
        Self { context, raw_fd: Cell::new(-1), ..Self::default() }
    }

    /// Starts a use of the slot.
    pub fn occupy(&self, id: Id, role: Role) {
        debug_assert_eq!(self.life.get(), Life::Free);
        self.id.set(Some(id));
        self.life.set(Life::Open);
        self.role.set(role);
    }

    /// Ends it: back to what [`Wsi::vacant`] made, but for what the closer has already taken down.
    pub fn vacate(&self) {
        self.life.set(Life::Free);
        self.role.set(Role::Standin);
        self.admitted.set(false);
        self.watched.set(false);
        self.polled.set(false);
        self.interest.set(0);
        self.announced.set(false);
        self.driving.set(false);
        self.queued.set(false);
        self.wants_write.set(false);
        self.rx_paused.set(false);
        self.id.set(None);
        self.raw_fd.set(-1);
        self.parent.set(None);
        self.elder.set(None);
        self.protocol.set(0);
        self.user.set(std::ptr::null_mut());
        self.opaque.set(std::ptr::null_mut());
        self.opaque_parent.set(std::ptr::null_mut());
        self.deadlines.reset();
        self.http.bound.set(false);
        self.http.reset();
        self.fd.take();
        self.vhost.take();
        self.session.take();
        self.children.take();
        self.retry.take();
        self.client.take();
        self.net.with(Option::take);
        self.stream.with(Option::take);
        self.ws.with(Option::take);
        self.tag.take();
    }

    /// The use's name.
    ///
    /// # Panics
    /// When the slot is free: nobody inside the engine holds such a wsi.
    pub fn id(&self) -> Id {
        self.id.get().expect("a wsi in use has an id")
    }

    /// Where it is in its life.
    pub fn life(&self) -> Life {
        self.life.get()
    }

    /// Whether it is in use and takes work.
    pub fn is_open(&self) -> bool {
        self.life.get() == Life::Open
    }

    /// Marks it as closing; `false` if it already was, or is free.
    pub fn begin_close(&self) -> bool {
        let open = self.is_open();
        if open {
            self.life.set(Life::Closing);
        }
        open
    }

    /// Its context, while that lives and the slot is in use.
    pub fn context(&self) -> Option<Rc<Context>> {
        (self.life.get() != Life::Free).then(|| self.context.upgrade()).flatten()
    }

    /// Gives it the descriptor it owns from now on.
    pub fn set_fd(&self, fd: OwnedFd) {
        self.raw_fd.set(fd.as_raw_fd());
        *self.fd.borrow_mut() = Some(fd);
    }

    /// Its own descriptor; -1 for a stream and after the close.
    pub fn raw_fd(&self) -> i32 {
        self.raw_fd.get()
    }

    /// Takes the descriptor away, to be closed.
    pub fn take_fd(&self) -> Option<OwnedFd> {
        self.raw_fd.set(-1);
        self.fd.take()
    }

    /// Uses the descriptor for a system call.
    pub fn with_fd<R>(&self, call: impl FnOnce(BorrowedFd<'_>) -> R) -> Option<R> {
        self.fd.borrow().as_ref().map(|fd| call(fd.as_fd()))
    }

    /// Makes it a connection.
    pub fn set_net(&self, net: Net) {
        self.put_net(Box::new(net));
    }

    /// Makes it the connection that another wsi was.
    pub fn put_net(&self, net: Box<Net>) {
        self.net.with(|slot| *slot = Some(net));
    }

    /// Takes the connection away, to be dropped or to be another wsi's.
    pub fn take_net(&self) -> Option<Box<Net>> {
        self.net.with(Option::take)
    }

    /// Makes it a client.
    pub fn set_client(&self, client: Option<Rc<Client>>) {
        self.client.replace(client);
    }

    /// What it has as a client; `None` for what was accepted.
    pub fn client(&self) -> Option<Rc<Client>> {
        self.client.borrow().clone()
    }

    /// Whether it was made, not accepted.
    pub fn is_client(&self) -> bool {
        self.client.borrow().is_some()
    }

    /// Opens a connection's core; `None` for anything else.
    pub fn with_net<R>(&self, work: impl FnOnce(&mut Net) -> R) -> Option<R> {
        self.net.with(|net| net.as_deref_mut().map(work))
    }

    /// The vhost, if it has one (the event pipe has none).
    pub fn vhost(&self) -> Option<Rc<Vhost>> {
        self.vhost.borrow().clone()
    }

    /// Looks at the vhost, for no longer than `work` takes.
    pub fn with_vhost<R>(&self, work: impl FnOnce(&Vhost) -> R) -> Option<R> {
        self.vhost.borrow().as_deref().map(work)
    }

    /// Refers to `vhost` from now on; the counts of both are kept.
    pub fn bind_vhost(&self, vhost: Option<Rc<Vhost>>) -> Option<Rc<Vhost>> {
        if let Some(vhost) = &vhost {
            vhost.bound.set(vhost.bound.get() + 1);
        }
        let before = self.vhost.replace(vhost);
        if let Some(vhost) = &before {
            vhost.bound.set(vhost.bound.get() - 1);
        }
        before
    }

    /// Gives it session memory, or takes it away; returns what it had.
    pub fn set_session(&self, session: Option<Zeroed>) -> Option<Zeroed> {
        self.user.set(session.as_ref().map_or(std::ptr::null_mut(), Zeroed::as_ptr));
        self.session.replace(session)
    }

    /// Another wsi goes on with what the program has bound to this one.
    pub fn move_session_to(&self, heir: &Self) {
        heir.session.replace(self.session.take());
        heir.user.set(self.user.replace(std::ptr::null_mut()));
        heir.opaque.set(self.opaque.get());
        heir.retry.replace(self.retry.borrow().clone());
        heir.http.bound.set(self.http.bound.replace(false));
    }

    /// Puts it below `elder`.
    pub fn become_child_of(&self, elder: &Self) {
        self.elder.set(Some(elder.id()));
        elder.children.borrow_mut().push(self.id());
    }

    /// Whether it has session memory.
    pub fn has_session(&self) -> bool {
        self.session.borrow().is_some()
    }

    /// Bytes of its session memory; 0 when it has none, or a pointer of the program's own.
    pub fn session_len(&self) -> usize {
        self.session.borrow().as_ref().map_or(0, Zeroed::len)
    }

    /// The header table of the request in progress.
    pub fn ah(&self) -> Option<Rc<HeaderTable>> {
        self.http.ah.borrow().clone()
    }

    /// Whether a request is in progress, which can be answered.
    pub fn has_request(&self) -> bool {
        match self.role.get() {
            Role::Stream => !self.is_ws(),
            Role::Connection => self.http.phase.get() != Phase::Idle,
            _ => false,
        }
    }

    /// Whether it is an HTTP/2 stream.
    pub fn is_stream(&self) -> bool {
        self.role.get() == Role::Stream
    }

    /// The name used in logs (`lws_wsi_tag`), made when first asked for; its address lasts as long as the use.
    pub fn with_tag<R>(&self, show: impl FnOnce(&CStr) -> R) -> R {
        if self.tag.borrow().is_none() {
            let serial = self.serial.get();
            let text = match self.role.get() {
                Role::Standin => "[wsi|standin]".to_owned(),
                Role::Pipe => "[pipe]".to_owned(),
                Role::Listen => {
                    let vhost = self.vhost();
                    format!(
                        "[listen|{serial}|{}]",
                        vhost.map_or_else(String::new, |vhost| vhost.name.clone())
                    )
                }
                Role::Attempt => format!("[wsicli|{serial}|attempt]"),
                Role::Connection | Role::Stream if self.is_client() => self.client_tag(),
                Role::Connection => format!("[wsisrv|{serial}|adopted]"),
                Role::Stream => {
                    let stream = self.stream.with(|core| core.as_ref().map_or(0, |core| core.h2.id()));
                    format!("[mux|{serial}|h2_sid{stream}]")
                }
            };
            *self.tag.borrow_mut() = CString::new(text.replace('\0', "")).ok();
        }
        show(self.tag.borrow().as_deref().unwrap_or(c"[wsi]"))
    }

    fn client_tag(&self) -> String {
        let serial = self.serial.get();
        let vhost = self.vhost().map_or_else(String::new, |vhost| vhost.name.clone());
        let version = if self.is_stream() { "h2" } else { "h1" };
        let client = self.client();
        let is_websocket = client.as_ref().is_some_and(|client| client.options.websocket.is_some());
        let target = client.map(|client| client.target.borrow().clone());
        target.map_or_else(String::new, |target| {
            let method = if is_websocket { "WS" } else { &target.method };
            format!("[wsicli|{serial}|{method}/{version}/{vhost}/{}]", target.address)
        })
    }

    /// [`Wsi::with_tag`] as text.
    pub fn tag(&self) -> String {
        self.with_tag(|tag| tag.to_string_lossy().into_owned())
    }
}

impl std::fmt::Debug for Wsi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wsi({:?} {:?} fd {})", self.role.get(), self.life.get(), self.raw_fd())
    }
}
