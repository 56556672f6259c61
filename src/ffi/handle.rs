//! Between C's pointers and the engine's handles.
//!
//! `struct lws *` is the address of an arena slot ([`Wsi`]), valid as long as its context: a stale one reads a slot that
//! says it is free. `struct lws_context *` and `struct lws_vhost *` are addresses inside counted allocations; each API
//! call holds a count of its own, so that a callback may destroy what the call is about. A context that is over, and a vhost
//! that is gone, are recognised, because they may end by themselves while the program still holds their pointers.

use std::ffi::{CStr, c_char};
use std::ops::Deref;
use std::rc::{Rc, Weak};

use parking_lot::Mutex;

use super::blob::Blobs;
use super::privileges::Privileges;
use super::system::System;
use super::timer::SulList;
use super::types::{lws, lws_context, lws_log_cx, lws_protocols, lws_vhost};
use crate::engine::context::Context;
use crate::engine::vhost::Vhost;
use crate::engine::wsi::{Life, Wsi};

/// What the C API keeps beside a vhost.
pub(super) struct CVhost {
    /// The context, for calls that get only the vhost.
    pub(super) context: Weak<Context>,
    /// The program's table, copied: `lws_get_protocol` points into it.
    pub(super) protocols: Box<[lws_protocols]>,
    /// `info.log_cx`, or NULL.
    pub(super) log_cx: LogCx,
    /// `iface`, for `lws_get_vhost_iface`.
    pub(super) iface: Option<Box<CStr>>,
    /// The name, for `lws_get_vhost_name`.
    pub(super) name: Box<CStr>,
    /// The tag, for `lws_vh_tag`.
    pub(super) tag: std::cell::OnceCell<Box<CStr>>,
}

/// The wsi behind a pointer; `None` for NULL and for a slot that is not in use any more.
///
/// # Safety
/// `wsi` is NULL or a pointer this library gave out, whose context has not been destroyed.
pub(super) unsafe fn wsi<'a>(wsi: *const lws) -> Option<&'a Wsi> {
    // SAFETY: slots are never moved or freed while their context lives, and everything in them is a cell.
    let wsi = unsafe { wsi.cast::<Wsi>().as_ref() }?;
    (wsi.life() != Life::Free).then_some(wsi)
}

/// The wsi and its context.
///
/// # Safety
/// As [`wsi`].
pub(super) unsafe fn wsi_cx<'a>(raw: *const lws) -> Option<(&'a Wsi, Held<'a>)> {
    // SAFETY: the caller's promise.
    let wsi = unsafe { wsi(raw) }?;
    Some((wsi, Held { cx: wsi.context()?, wsi: Some(wsi) }))
}

/// The context behind a pointer, counted; `None` for NULL, and for one that has been destroyed.
///
/// # Safety
/// `cx` is NULL or a context of this library, destroyed or not.
pub(super) unsafe fn context(cx: *const lws_context) -> Option<Held<'static>> {
    if cx.is_null() || !LIVE.lock().contains(&cx.addr()) {
        return None;
    }
    let cx = cx.cast::<Context>();
    // SAFETY: it lives; contexts are given out as `Rc::into_raw`, and the program's count is dropped at its end only.
    let cx = unsafe {
        Rc::increment_strong_count(cx);
        Rc::from_raw(cx)
    };
    Some(Held { cx, wsi: None })
}

/// Addresses of the contexts that are not over.
static LIVE: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A context exists: programs see its address from here on, in the operations of their loops.
pub(super) fn context_begins(cx: &Rc<Context>) {
    LIVE.lock().push(Rc::as_ptr(cx).addr());
}

/// A context is over; calls about it find nothing.
pub(super) fn context_ends(cx: *const Context) {
    LIVE.lock().retain(|&live| live != cx.addr());
}

/// An API call's hold on the context it is about.
///
/// When it is the outermost call, what user code asked for meanwhile (closes, the context's destruction) is carried out at
/// its end. When the call dies of an internal error, the wsi that it was about is closed.
pub(super) struct Held<'a> {
    cx: Rc<Context>,
    wsi: Option<&'a Wsi>,
}

impl Deref for Held<'_> {
    type Target = Rc<Context>;

    fn deref(&self) -> &Rc<Context> {
        &self.cx
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.cx.settle();
        } else if let Some(wsi) = self.wsi {
            self.cx.close_after_panic(wsi);
        }
    }
}

/// The vhost behind a pointer, counted; `None` for NULL, and for one that ended so long ago that it is gone.
///
/// # Safety
/// `vhost` is NULL or a vhost of this library, destroyed or not.
pub(super) unsafe fn vhost(vhost: *const lws_vhost) -> Option<Rc<Vhost>> {
    let vhost = vhost.cast::<Vhost>();
    if !Vhost::exists(vhost) {
        return None;
    }
    // SAFETY: it exists; vhosts are given out as `Rc::as_ptr`, and only this thread drops its own.
    unsafe {
        Rc::increment_strong_count(vhost);
        Some(Rc::from_raw(vhost))
    }
}

/// What C gets for a wsi.
pub(crate) fn wsi_ptr(wsi: &Wsi) -> *mut lws {
    std::ptr::from_ref(wsi).cast_mut().cast()
}

/// What C gets for a context.
pub(crate) fn context_ptr(cx: &Context) -> *mut lws_context {
    Rc::as_ptr(&cx.handle()).cast_mut().cast()
}

/// What C gets for a vhost.
pub(super) fn vhost_ptr(vhost: &Rc<Vhost>) -> *mut lws_vhost {
    Rc::as_ptr(vhost).cast_mut().cast()
}

/// The C side of a vhost.
pub(super) fn c_vhost(vhost: &Vhost) -> &CVhost {
    vhost.foreign.downcast_ref().expect("vhosts are made by the C API")
}

/// What the C API keeps beside a context.
pub(super) struct CContext {
    /// `info.log_cx`, or NULL.
    pub(super) log_cx: LogCx,
    /// The program's scheduled functions.
    pub(super) suls: Rc<SulList>,
    /// The state of the system, and what the program does for it.
    pub(super) system: Rc<System>,
    /// Bytes that the parts of the program share.
    pub(super) blobs: Blobs,
    /// `LWS_SERVER_OPTION_EXPLICIT_VHOSTS` was given.
    pub(super) explicit_vhosts: bool,
    /// What the process is to become.
    pub(super) privileges: Privileges,
}

/// The C side of a context.
pub(super) fn c_context(cx: &Context) -> &CContext {
    cx.config.foreign.downcast_ref().expect("contexts are made by the C API")
}

/// The log context that a context or vhost was given, counted as in use while it lives (a context that logs to a file
/// opens it for its first user).
pub(super) struct LogCx(*mut lws_log_cx);

impl LogCx {
    /// Counts a use of `cx`.
    ///
    /// # Safety
    /// `cx` is NULL or a log context that outlives this.
    pub(super) unsafe fn new(cx: *mut lws_log_cx) -> Self {
        // SAFETY: the caller's promise; NULL is ignored.
        unsafe { super::log::lwsl_refcount_cx(cx, 1) };
        Self(cx)
    }

    /// The log context, or the process's own when none was given.
    pub(super) fn as_ptr(&self) -> *mut lws_log_cx {
        if self.0.is_null() { super::log::process_cx() } else { self.0 }
    }
}

impl Drop for LogCx {
    fn drop(&mut self) {
        // SAFETY: the contract of `new`.
        unsafe { super::log::lwsl_refcount_cx(self.0, -1) };
    }
}

/// A C string as text: `None` for NULL, and for bytes that are not UTF-8 the nearest there is.
///
/// # Safety
/// `text` is NULL or NUL-terminated and stays as it is during the call.
pub(super) unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
