//! A C program's own loop, through its `struct lws_event_loop_ops`.
//!
//! The table is used where it lies (programs patch it), any op may be NULL, and no result but that of the admitting ops
//! means anything: `wsi_logical_close` may return what it likes.

use std::ffi::{CStr, c_int, c_uint, c_void};

use crate::engine::context::Context;
use crate::engine::event_loop::{Admit, EventLoop, Refused, interest};
use crate::engine::wsi::Wsi;
use crate::ffi::types::{
    LWS_EV_READ, LWS_EV_START, LWS_EV_STOP, LWS_EV_WRITE, lws, lws_context, lws_context_creation_info,
    lws_event_loop_ops,
};

/// The one service thread there is.
const TSI: c_int = 0;

/// See the module's text.
pub struct OpsTable {
    ops: *const lws_event_loop_ops,
    foreign_loop: *mut c_void,
    info: *const lws_context_creation_info,
}

impl OpsTable {
    /// Adapts `ops`.
    ///
    /// # Safety
    /// `ops` is not NULL, its members are NULL or functions of their types, and it stays where it is until the context
    /// has ended. `info` is valid until the context has been created.
    #[must_use]
    pub unsafe fn new(
        ops: *const lws_event_loop_ops,
        foreign_loop: *mut c_void,
        info: *const lws_context_creation_info,
    ) -> Self {
        Self { ops, foreign_loop, info }
    }

    /// The table as it is now.
    fn ops(&self) -> lws_event_loop_ops {
        // SAFETY: the contract of `new`.
        unsafe { *self.ops }
    }
}

fn wsi_ptr(wsi: &Wsi) -> *mut lws {
    std::ptr::from_ref(wsi).cast_mut().cast()
}

fn context_ptr(cx: &Context) -> *mut lws_context {
    std::rc::Rc::as_ptr(&cx.handle()).cast_mut().cast()
}

fn admitted(result: c_int) -> Result<(), Refused> {
    if result == 0 { Ok(()) } else { Err(Refused) }
}

impl EventLoop for OpsTable {
    fn name(&self) -> String {
        let name = self.ops().name;
        if name.is_null() {
            return "custom".to_owned();
        }
        // SAFETY: a name that is not NULL is a C string.
        unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
    }

    fn init_context(&self, cx: &Context) -> Result<(), Refused> {
        // SAFETY: the contract of `new`; `info` is still valid during creation.
        self.ops().init_context.map_or(Ok(()), |op| admitted(unsafe { op(context_ptr(cx), self.info) }))
    }

    fn init_thread(&self, cx: &Context) -> Result<(), Refused> {
        // SAFETY: the contract of `new`.
        self.ops()
            .init_pt
            .map_or(Ok(()), |op| admitted(unsafe { op(context_ptr(cx), self.foreign_loop, TSI) }))
    }

    fn may_connect(&self, _cx: &Context, wsi: &Wsi) -> Result<(), Refused> {
        // SAFETY: the contract of `new`.
        self.ops().check_client_connect_ok.map_or(Ok(()), |op| admitted(unsafe { op(wsi_ptr(wsi)) }))
    }

    fn admit(&self, _cx: &Context, wsi: &Wsi, what: Admit) -> Result<(), Refused> {
        let op = match what {
            Admit::Listen => self.ops().init_vhost_listen_wsi,
            Admit::Socket => self.ops().sock_accept,
        };
        // SAFETY: the contract of `new`.
        op.map_or(Ok(()), |op| admitted(unsafe { op(wsi_ptr(wsi)) }))
    }

    fn interest(&self, _cx: &Context, wsi: &Wsi, start: u8, stop: u8) {
        let Some(io) = self.ops().io else { return };
        for direction in [LWS_EV_STOP, LWS_EV_START] {
            // The first call may change the interest again, which is told at once: what is stale by then is not told.
            let now = wsi.interest.get();
            let bits = if direction == LWS_EV_STOP { stop & !now } else { start & now };
            let flags = event_bits(bits);
            if flags != 0 {
                // SAFETY: the contract of `new`.
                unsafe { io(wsi_ptr(wsi), flags | direction) };
            }
        }
    }

    fn remove(&self, _cx: &Context, wsi: &Wsi) {
        if let Some(op) = self.ops().wsi_logical_close {
            // SAFETY: the contract of `new`. The result would ask us to keep our own state; we do not.
            unsafe { op(wsi_ptr(wsi)) };
        }
    }

    fn destroyed(&self, _cx: &Context, wsi: &Wsi) {
        if let Some(op) = self.ops().destroy_wsi {
            // SAFETY: the contract of `new`.
            unsafe { op(wsi_ptr(wsi)) };
        }
    }

    fn run(&self, cx: &Context, _timeout_ms: i32) -> Option<i32> {
        let op = self.ops().run_pt?;
        // SAFETY: the contract of `new`.
        unsafe { op(context_ptr(cx), TSI) };
        Some(1)
    }

    fn destroy_thread(&self, cx: &Context) {
        if let Some(op) = self.ops().destroy_pt {
            // SAFETY: the contract of `new`.
            unsafe { op(context_ptr(cx), TSI) };
        }
    }

    fn destroy_context(&self, cx: &Context, half: u8) {
        let ops = self.ops();
        let op = if half == 1 { ops.destroy_context1 } else { ops.destroy_context2 };
        if let Some(op) = op {
            // SAFETY: the contract of `new`.
            unsafe { op(context_ptr(cx)) };
        }
    }
}

fn event_bits(bits: u8) -> c_uint {
    let mut flags = 0;
    if bits & interest::READ != 0 {
        flags |= LWS_EV_READ;
    }
    if bits & interest::WRITE != 0 {
        flags |= LWS_EV_WRITE;
    }
    flags
}
