//! The system: the context's own state machine, which programs wait for ("operational") before they use the network, and
//! what a program can do for the library and for its own parts (`lws_system_ops_t`).
//!
//! A context goes from `CONTEXT_CREATED` to `OPERATIONAL` by itself, from the first turn of the loop on, as far as the notifiers
//! let it. `LWS_CALLBACK_PROTOCOL_INIT` comes before `IFACE_COLDPLUG`. At its end it passes `POLICY_INVALID` when its
//! connections have gone and its vhosts have not, and `CONTEXT_DESTROYING` last of all.

use std::cell::{Cell, OnceCell, UnsafeCell};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{NonNull, null, null_mut};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use parking_lot::Mutex;

use super::guard::guard;
use super::handle::{c_context, context, context_ptr};
use super::state::{Manager, lws_state_reg_notifier_list};
use super::timer::{SulList, schedule};
use super::types::*;
use crate::engine::context::{Context, CreateError, Ending};
use crate::engine::system::SystemStates;
use crate::engine::timer::{AppTimers, Usec};
use crate::util::dll2::{Dll2, Dll2Owner};

const CREATED: c_int = lws_system_states::LWS_SYSTATE_CONTEXT_CREATED as c_int;
const COLDPLUG: c_int = lws_system_states::LWS_SYSTATE_IFACE_COLDPLUG as c_int;
const POLICY_VALID: c_int = lws_system_states::LWS_SYSTATE_POLICY_VALID as c_int;
const OPERATIONAL: c_int = lws_system_states::LWS_SYSTATE_OPERATIONAL as c_int;
const POLICY_INVALID: c_int = lws_system_states::LWS_SYSTATE_POLICY_INVALID as c_int;
const DESTROYING: c_int = lws_system_states::LWS_SYSTATE_CONTEXT_DESTROYING as c_int;

/// Names of the states, by their numbers.
const STATES: [&CStr; 15] = [
    c"undef",
    c"CONTEXT_CREATED",
    c"INITIALIZED",
    c"IFACE_COLDPLUG",
    c"DHCP",
    c"CPD_PRE_TIME",
    c"TIME_VALID",
    c"CPD_POST_TIME",
    c"POLICY_VALID",
    c"REGISTERED",
    c"AUTH1",
    c"AUTH2",
    c"OPERATIONAL",
    c"POLICY_INVALID",
    c"DESTROYING",
];

/// What captive portal detection found, in words.
const PORTAL: [&str; 4] = ["not known", "no captive portal", "a captive portal", "no internet"];

/// The system of one context.
pub(super) struct System {
    /// In C's sight, and changed by the program.
    manager: Box<UnsafeCell<lws_state_manager_t>>,
    names: Box<[*const c_char; STATES.len()]>,
    /// `info.system_ops`, or NULL.
    ops: *const lws_system_ops_t,
    /// When the way up goes on.
    onwards: Box<Alarm>,
    /// When captive portal detection starts.
    detection: Box<Alarm>,
    portal: Cell<enum_lws_cpd_result>,
    attachments: Attachments,
}

/// A scheduled function of the library's own, in the list of the program's.
#[repr(C)]
struct Alarm {
    sul: UnsafeCell<lws_sorted_usec_list_t>,
    context: OnceCell<Weak<Context>>,
}

impl Default for Alarm {
    fn default() -> Self {
        let list = lws_dll2 { prev: null_mut(), next: null_mut(), owner: null_mut() };
        let sul = lws_sorted_usec_list { list, us: 0, cb: None, latency_us: 0 };
        Self { sul: UnsafeCell::new(sul), context: OnceCell::new() }
    }
}

impl Alarm {
    fn set(&self, cx: &Context, callback: unsafe extern "C" fn(*mut lws_sorted_usec_list_t), us: lws_usec_t) {
        // The whole alarm's address: what `owner` gets back from the callback's argument.
        let sul = std::ptr::from_ref(self).cast_mut().cast();
        self.context.get_or_init(|| Rc::downgrade(&cx.handle()));
        // SAFETY: alarms live as long as their context, whose end takes them out of the list.
        unsafe { schedule(cx, sul, Some(callback), us, false) };
    }

    /// The context of an alarm that went off.
    ///
    /// # Safety
    /// `sul` is an alarm's.
    unsafe fn owner(sul: *mut lws_sorted_usec_list_t) -> Option<Rc<Context>> {
        // SAFETY: it is the first member, and the alarm's whole address was scheduled.
        unsafe { (*sul.cast::<Self>()).context.get() }.and_then(Weak::upgrade)
    }
}

impl System {
    /// # Errors
    /// An operation that nothing here would call.
    ///
    /// # Safety
    /// `ops` is NULL or valid as long as the context.
    pub(super) unsafe fn new(ops: *const lws_system_ops_t) -> Result<Self, CreateError> {
        // SAFETY: the caller's promise.
        if let Some(ops) = unsafe { ops.as_ref() } {
            if ops.metric_report.is_some() {
                return Err(CreateError::new("system_ops", "metric_report", "there are no metrics"));
            }
            if ops.jit_trust_query.is_some() {
                let why = "certificates are checked against what the vhost was given";
                return Err(CreateError::new("system_ops", "jit_trust_query", why));
            }
        }
        let nobody = lws_dll2_owner { tail: null_mut(), head: null_mut(), count: 0 };
        let manager = lws_state_manager {
            notify_list: nobody,
            context: null_mut(),
            parent: null_mut(),
            smd_class: 0,
            state_names: null_mut(),
            name: c"system".as_ptr(),
            state: CREATED,
        };
        Ok(Self {
            manager: Box::new(UnsafeCell::new(manager)),
            names: Box::new(STATES.map(CStr::as_ptr)),
            ops,
            onwards: Box::default(),
            detection: Box::default(),
            portal: Cell::new(lws_cpd_result::LWS_CPD_UNKNOWN.c()),
            attachments: Attachments::default(),
        })
    }

    /// The state machine, as C has it.
    pub(super) fn manager(&self) -> *mut lws_state_manager_t {
        self.manager.get()
    }

    fn machine<'a>(&self, cx: &'a Rc<Context>) -> Manager<'a> {
        // SAFETY: the context, whose this is, is alive.
        unsafe { Manager::new(NonNull::new_unchecked(self.manager()), Some(cx)) }
    }

    fn ops(&self) -> Option<&lws_system_ops_t> {
        // SAFETY: the promise of `new`.
        unsafe { self.ops.as_ref() }
    }

    /// The library's own say in a change that no notifier refused; `current` is `target` when it has happened.
    pub(super) fn passes(&self, cx: &Rc<Context>, current: c_int, target: c_int) -> bool {
        if current == target {
            self.attachments.state_is(target);
            self.run_attached(cx);
            return true;
        }
        match target {
            // Protocols come first: the same turn of the loop initialises them, and the next one goes on here.
            COLDPLUG if !cx.protocols_are_ready() => {
                self.onwards.set(cx, go_onwards, 1);
                false
            }
            POLICY_VALID => {
                cx.init_protocols();
                true
            }
            _ => true,
        }
    }

    /// Calls what was attached for a state that has been reached.
    fn run_attached(&self, cx: &Rc<Context>) {
        while self.attachments.are_due() {
            let attach = self.ops().and_then(|ops| ops.attach).expect("nothing is attached without it");
            let mut item = null_mut();
            // SAFETY: the program promised this signature.
            let result =
                cx.outside(|| unsafe { attach(context_ptr(cx), 0, None, 0, null_mut(), &raw mut item) });
            if result != 0 {
                crate::log_err!("system_ops->attach failed: {result}");
            }
            if result != 0 || item.is_null() {
                // Until there is another one, or another state.
                self.attachments.pause();
                return;
            }
            // SAFETY: what `__lws_system_attach` gave the operation, which has handed it on.
            let item = unsafe { Box::from_raw(item.cast::<Attachment>()) };
            if let Some(callback) = item.callback {
                // SAFETY: the program promised this signature.
                cx.outside(|| unsafe { callback(context_ptr(cx), 0, item.opaque) });
            }
        }
    }
}

impl SystemStates for Rc<System> {
    fn invalid(&self, cx: &Context) {
        self.machine(&cx.handle()).go(POLICY_INVALID);
    }

    fn destroying(&self, cx: &Context) {
        self.machine(&cx.handle()).go_by_steps(DESTROYING);
        // The notifiers outlive the list.
        // SAFETY: registered notifiers are valid; the list is this one's own.
        unsafe {
            let list = self.manager().cast::<Dll2Owner>();
            while !(*list).head.is_null() {
                Dll2::remove((*list).head);
            }
        }
    }
}

/// Gives a new context its timers and its system.
///
/// # Safety
/// `notifiers` is NULL or a list that ends with NULL, of notifiers that stay.
pub(super) unsafe fn install(cx: &Rc<Context>, notifiers: *const *mut lws_state_notify_link_t) {
    let (system, suls) = (&c_context(cx).system, &c_context(cx).suls);
    cx.timers.set_app(Box::new(Due { suls: Rc::clone(suls), system: Rc::clone(system) }));
    let manager = system.manager();
    // SAFETY: the manager is the system's own; for the notifiers, the caller's promise.
    unsafe {
        (*manager).context = context_ptr(cx);
        (*manager).parent = context_ptr(cx).cast();
        (*manager).state_names = system.names.as_ptr().cast_mut();
        lws_state_reg_notifier_list(manager, notifiers);
    }
    assert!(cx.system.set(Box::new(Rc::clone(system))).is_ok(), "a context gets its system once");
}

/// The context is made: the next turn of the loop starts its way up.
pub(super) fn begin(cx: &Context) {
    c_context(cx).system.onwards.set(cx, go_onwards, 1);
}

unsafe extern "C" fn go_onwards(sul: *mut lws_sorted_usec_list_t) {
    guard((), || {
        // SAFETY: only the alarm is scheduled with this.
        if let Some(cx) = unsafe { Alarm::owner(sul) }.filter(|cx| cx.ending() == Ending::No) {
            c_context(&cx).system.machine(&cx).go_by_steps(OPERATIONAL);
        }
    });
}

/// What is due by time in a turn: the program's scheduled functions, and what it attached.
struct Due {
    suls: Rc<SulList>,
    system: Rc<System>,
}

impl AppTimers for Due {
    fn next(&self) -> Option<Usec> {
        if self.system.attachments.are_due() { Some(0) } else { self.suls.next() }
    }

    fn run_due(&self, cx: &Context, now: Usec) {
        self.system.run_attached(&cx.handle());
        self.suls.run_due(cx, now);
    }

    fn clear(&self) {
        self.suls.clear();
    }
}

// ---- attachments ----

/// A function to be called on the service thread. C's `struct lws_attach_item *` is its address while the program's
/// operation has it.
struct Attachment {
    callback: lws_attach_cb_t,
    state: c_int,
    opaque: *mut c_void,
}

// SAFETY: `opaque` is handed through to the service thread, which is what the program gave it for.
unsafe impl Send for Attachment {}

/// What waits for its state. Filled from any thread.
#[derive(Default)]
struct Attachments {
    waiting: Mutex<Vec<Attachment>>,
    /// The state of the system, for threads that cannot look at it.
    state: AtomicI32,
    /// One was added, or the state has changed, since they were looked through.
    news: AtomicBool,
}

impl Attachments {
    fn add(&self, attachment: Attachment) {
        self.waiting.lock().push(attachment);
        self.news.store(true, Ordering::Release);
    }

    /// The youngest that waits for no more than the state of now.
    fn take(&self) -> Option<Attachment> {
        let mut waiting = self.waiting.lock();
        let state = self.state.load(Ordering::Relaxed);
        let at = waiting.iter().rposition(|attachment| attachment.state <= state)?;
        Some(waiting.remove(at))
    }

    fn are_due(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        self.news.load(Ordering::Acquire)
            && self.waiting.lock().iter().any(|attachment| attachment.state <= state)
    }

    fn state_is(&self, state: c_int) {
        self.state.store(state, Ordering::Relaxed);
        self.news.store(true, Ordering::Release);
    }

    fn pause(&self) {
        self.news.store(false, Ordering::Release);
    }
}

/// The core of a program's `system_ops->attach`, which calls it with a lock of its own held.
///
/// With `get` NULL: has `cb` called on the service thread, with the context, 0 and `opaque`, as soon as the system is in
/// `state` or past it. With `get`: sets `*get` to one that may be called now, which the operation hands on to who called
/// it, or to NULL.
///
/// 0; 1 for another `tsi` than 0, when the context has no `system_ops->attach` (an error is logged), and for NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed, and is not destroyed during the call; `get` is NULL or
/// writable. May be called from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __lws_system_attach(
    context: *mut lws_context,
    tsi: c_int,
    cb: lws_attach_cb_t,
    state: enum_lws_system_states,
    opaque: *mut c_void,
    get: *mut *mut lws_attach_item,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise. Only what never changes, and what is made for several threads, is looked at;
        // nothing is counted, because counts are not atomic.
        let Some(cx) = (unsafe { context.cast::<Context>().as_ref() }).filter(|_| tsi == 0) else { return 1 };
        let system = &c_context(cx).system;
        // SAFETY: the caller's promise.
        if let Some(get) = unsafe { get.as_mut() } {
            *get = system.attachments.take().map_or(null_mut(), |item| Box::into_raw(Box::new(item)).cast());
            return 0;
        }
        if system.ops().is_none_or(|ops| ops.attach.is_none()) {
            crate::log_err!("__lws_system_attach: info.system_ops has no attach");
            return 1;
        }
        let state = c_int::try_from(state).unwrap_or(c_int::MAX);
        system.attachments.add(Attachment { callback: cb, state, opaque });
        cx.wake();
        0
    })
}

// ---- what a context tells ----

/// The state machine of the context, for `lws_state_…()`: from `LWS_SYSTATE_CONTEXT_CREATED` to
/// `LWS_SYSTATE_OPERATIONAL`. Valid as long as the context. NULL for NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_get_state_manager(context: *mut lws_context) -> *mut lws_state_manager_t {
    guard(null_mut(), || {
        // SAFETY: the caller's promise.
        unsafe { self::context(context) }.map_or(null_mut(), |cx| c_context(&cx).system.manager())
    })
}

/// `info.system_ops`, which may be NULL; NULL for NULL.
///
/// The library itself calls `attach` and `captive_portal_detect_request`; the others are there for the program's own parts.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_get_ops(context: *mut lws_context) -> *const lws_system_ops_t {
    // SAFETY: the caller's promise.
    guard(null(), || unsafe { self::context(context) }.map_or(null(), |cx| c_context(&cx).system.ops))
}

// ---- captive portal detection ----

/// Forgets what captive portal detection found, and starts it anew: `system_ops->captive_portal_detect_request`, whose
/// result is returned. 0 when there is no such operation; 1 for NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_cpd_start(context: *mut lws_context) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        unsafe { self::context(context) }.map_or(1, |cx| start_detection(&cx))
    })
}

fn start_detection(cx: &Rc<Context>) -> c_int {
    let system = &c_context(cx).system;
    system.portal.set(lws_cpd_result::LWS_CPD_UNKNOWN.c());
    match system.ops().and_then(|ops| ops.captive_portal_detect_request) {
        // SAFETY: the program promised this signature.
        Some(request) => cx.outside(|| unsafe { request(context_ptr(cx)) }),
        None => 0,
    }
}

/// `lws_system_cpd_start()` in `defer_us` microseconds; a later call replaces an earlier one. NULL is ignored.
///
/// # Safety
/// `cx` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_cpd_start_defer(cx: *mut lws_context, defer_us: lws_usec_t) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some(cx) = unsafe { context(cx) } {
            c_context(&cx).system.detection.set(&cx, detect, defer_us);
        }
    });
}

unsafe extern "C" fn detect(sul: *mut lws_sorted_usec_list_t) {
    guard((), || {
        // SAFETY: only the alarm is scheduled with this.
        if let Some(cx) = unsafe { Alarm::owner(sul) } {
            start_detection(&cx);
        }
    });
}

/// Reports what captive portal detection found, once after each `lws_system_cpd_start()`. The system goes on towards
/// `LWS_SYSTATE_OPERATIONAL` if something waited for this. NULL, and what is none of `LWS_CPD_…`, are ignored.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_cpd_set(context: *mut lws_context, result: enum_lws_cpd_result) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { self::context(context) }) else { return };
        let system = &c_context(&cx).system;
        let Some(words) = PORTAL.get(result as usize) else { return };
        if system.portal.get() != lws_cpd_result::LWS_CPD_UNKNOWN.c() {
            return;
        }
        crate::log_notice!("captive portal detection: {words}");
        system.portal.set(result);
        let machine = system.machine(&cx);
        if machine.state() != POLICY_INVALID {
            machine.go_by_steps(OPERATIONAL);
        }
    });
}

/// What captive portal detection found, `LWS_CPD_UNKNOWN` as long as it has not; that for NULL, too.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_cpd_state_get(context: *mut lws_context) -> enum_lws_cpd_result {
    let unknown = lws_cpd_result::LWS_CPD_UNKNOWN.c();
    guard(unknown, || {
        // SAFETY: the caller's promise.
        unsafe { self::context(context) }.map_or(unknown, |cx| c_context(&cx).system.portal.get())
    })
}
