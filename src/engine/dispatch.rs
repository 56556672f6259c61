//! The one way into user code.
//!
//! Every callback, event-loop op and timer function of the program runs inside [`Context::outside`]:
//! it asserts that no core is borrowed (user code may call back into any API), counts the depth, and
//! what must not happen under user code (closing, freeing) waits until the depth is zero again.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;

use super::context::Context;
use super::reason::Reason;
use super::wsi::Wsi;

/// User memory that the engine passes along and never reads.
pub type UserPtr = *mut u8;

/// The `in`/`len` pair of a callback.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// `in` NULL, `len` 0.
    Null,
    /// `in` points at the bytes, which live for the call.
    Bytes(&'a [u8]),
    /// `in` points at a string that is NUL-terminated beyond `len`.
    Text(&'a CStr),
    /// `in` is the number itself: a file descriptor.
    Fd(i32),
    /// `in` is a wsi.
    Wsi(&'a Wsi),
    /// `in` is a pointer of the program's own, passed through.
    Opaque(UserPtr),
    /// `in` describes a change of one fd's poll events.
    Poll {
        /// The descriptor.
        fd: i32,
        /// `POLLIN`/`POLLOUT` from now on.
        events: i16,
        /// Before.
        before: i16,
    },
    /// `in` describes no change of poll events, with a `len` that says something (LOCK_POLL).
    Len(usize),
    /// `in` and `user` NULL, where lws gives its TLS library's objects; `len` is 1.
    Certificate,
    /// `in` offers the request's path and access mask for `CHECK_ACCESS_RIGHTS`.
    Access {
        /// The request path.
        path: &'a CStr,
        /// The mount's `auth_mask`.
        mask: u32,
    },
    /// The peer of a connection that has been accepted and not yet admitted.
    Peer {
        /// Its address, when the kernel told.
        address: Option<&'a rustix::net::SocketAddrAny>,
        /// The accepted descriptor.
        fd: i32,
    },
    /// Room for the program to add response headers in.
    Headers(&'a Cell<HeaderRoom>),
    /// Room for the program to add request headers in: `in` points at the pointer to it.
    Handshake(&'a Cell<HeaderRoom>),
    /// `in` points at a string, `len` is a number that goes with it.
    Numbered(&'a CStr, usize),
    /// `in` NULL, `len` a number.
    Number(usize),
    /// `user` points at an extension's name, `in` at room for a string of options.
    Options {
        /// The extension.
        of: &'a CStr,
        /// The first byte of the room.
        at: UserPtr,
        /// How much there is.
        len: usize,
    },
    /// `in` points at bytes that are the program's to change.
    Payload {
        /// The first of them.
        at: UserPtr,
        /// How many there are.
        len: usize,
    },
}

/// The window that callbacks which add headers write in: `len` of `at..at + room` used afterwards.
#[derive(Clone, Copy, Debug)]
pub struct HeaderRoom {
    /// Where the next header goes.
    pub at: *mut u8,
    /// Bytes available from there.
    pub room: usize,
}

/// One call of a protocol's callback.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The connection, stream, listener, or the context's stand-in when there is none.
    pub wsi: &'a Wsi,
    /// Why.
    pub reason: Reason,
    /// Session memory or NULL.
    pub user: UserPtr,
    /// `in` and `len`.
    pub arg: Arg<'a>,
}

/// A protocol's callback. The C API implements it with the program's function pointer.
pub trait Callback {
    /// Runs user code; the result is the callback's own return value.
    fn call(&self, call: &Call<'_>) -> i32;
}

impl Context {
    /// Runs `user_code`. Nothing of the engine may be borrowed: user code may call any API.
    pub fn outside<R>(&self, user_code: impl FnOnce() -> R) -> R {
        assert_no_core_open();
        self.depth.set(self.depth.get() + 1);
        self.calls.set(self.calls.get().wrapping_add(1));
        let _leave = Leave(self);
        user_code()
    }

    /// Calls the callback of the wsi's own protocol.
    pub fn dispatch(&self, wsi: &Wsi, reason: Reason, arg: Arg<'_>) -> i32 {
        self.dispatch_as(wsi, wsi.protocol.get(), reason, arg)
    }

    /// Calls protocol `index` of the wsi's vhost about the wsi.
    ///
    /// A wsi that is closing hears only of its end. Anything else about it fails: also when the callback itself closed the
    /// wsi, whatever it returned.
    pub fn dispatch_as(&self, wsi: &Wsi, index: usize, reason: Reason, arg: Arg<'_>) -> i32 {
        if !(wsi.is_open() || reason.is_of_the_end()) {
            return -1;
        }
        let Some(vhost) = wsi.vhost() else { return 0 };
        let Some(protocol) = vhost.protocols.get(index) else { return 0 };
        let call = Call { wsi, reason, user: wsi.user.get(), arg };
        let result = self.outside(|| protocol.callback.call(&call));
        if wsi.is_open() || reason.is_of_the_end() { result } else { -1 }
    }
}

/// Leaves user code also when it unwinds.
struct Leave<'a>(&'a Context);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get() - 1);
    }
}

#[cfg(debug_assertions)]
thread_local! {
    static OPEN: Cell<u32> = const { Cell::new(0) };
}

fn assert_no_core_open() {
    #[cfg(debug_assertions)]
    OPEN.with(|open| assert_eq!(open.get(), 0, "user code called with a core open"));
}

/// State that is only reached through a closure which never calls out.
#[derive(Debug, Default)]
pub struct Core<T>(RefCell<T>);

impl<T> Core<T> {
    /// Wraps `state`.
    pub fn new(state: T) -> Self {
        Self(RefCell::new(state))
    }

    /// Opens the core for `work`, which must not call user code (debug builds check).
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(debug_assertions)]
        let _scope = Scope::open();
        work(&mut self.0.borrow_mut())
    }
}

#[cfg(debug_assertions)]
struct Scope;

#[cfg(debug_assertions)]
impl Scope {
    fn open() -> Self {
        OPEN.with(|open| open.set(open.get() + 1));
        Self
    }
}

#[cfg(debug_assertions)]
impl Drop for Scope {
    fn drop(&mut self) {
        OPEN.with(|open| open.set(open.get() - 1));
    }
}
