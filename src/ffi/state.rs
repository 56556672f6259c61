//! State machines of the C API: a state, and notifiers in the program's memory that are told of changes and may refuse them.
//!
//! Nothing here knows what the states mean. The one of a context (`lws_system_get_state_manager()`) has more to it: see
//! [`super::system`].

use std::ffi::c_int;
use std::ptr::NonNull;
use std::rc::Rc;

use super::guard::guard;
use super::handle::{c_context, context, text};
use super::types::*;
use crate::engine::context::{Context, Ending};
use crate::util::dll2::{Dll2, Dll2Owner};

// The notifiers' nodes are linked where they lie; both names mean the same memory.
const _: () = assert!(
    std::mem::offset_of!(lws_state_notify_link, list) == 0
        && std::mem::offset_of!(lws_state_manager, notify_list) == 0
);

/// A manager in C's memory, of which no reference is kept: notifiers change it.
#[derive(Clone, Copy)]
pub(super) struct Manager<'a> {
    raw: NonNull<lws_state_manager_t>,
    /// The context it belongs to, if that is one that lives.
    context: Option<&'a Rc<Context>>,
}

impl<'a> Manager<'a> {
    /// # Safety
    /// `raw` is valid, and stays so while this is used.
    pub(super) unsafe fn new(raw: NonNull<lws_state_manager_t>, context: Option<&'a Rc<Context>>) -> Self {
        Self { raw, context }
    }

    pub(super) fn state(self) -> c_int {
        // SAFETY: the promise of `new`.
        unsafe { (*self.raw.as_ptr()).state }
    }

    fn nodes(self) -> *mut Dll2Owner {
        self.raw.as_ptr().cast()
    }

    /// The notifiers of this moment, first to last.
    fn notifiers(self) -> Vec<*mut Dll2> {
        let mut nodes = Vec::new();
        // SAFETY: the promise of `new`; the nodes are valid while they are linked.
        unsafe {
            Dll2Owner::any(self.nodes(), |node| {
                nodes.push(node);
                false
            });
        }
        nodes
    }

    fn has(self, node: *mut Dll2) -> bool {
        // SAFETY: as above.
        unsafe { Dll2Owner::any(self.nodes(), |other| other == node) }
    }

    /// Tells the notifiers, the one registered last first, until one refuses. They may register and deregister any.
    fn tell(self, current: c_int, target: c_int) -> bool {
        for node in self.notifiers() {
            // One that another has deregistered may be freed by now.
            if !self.has(node) {
                continue;
            }
            let link = node.cast::<lws_state_notify_link_t>();
            // SAFETY: it is linked, so valid.
            let Some(notify) = (unsafe { (*link).notify_cb }) else { continue };
            let manager = self.raw.as_ptr();
            // SAFETY: the program promised this signature.
            let call = || unsafe { notify(manager, link, current, target) };
            let refused = match self.context {
                Some(cx) => cx.outside(call),
                None => call(),
            } != 0;
            if refused && current != target {
                // SAFETY: a notifier that refuses has not gone meanwhile; its name is a C string.
                let name = if self.has(node) { unsafe { text((*link).name) } } else { None };
                crate::log_info!("{} refuses state {target} after {current}", name.unwrap_or_default());
                return false;
            }
        }
        match self.system() {
            Some((cx, system)) => system.passes(cx, current, target),
            None => true,
        }
    }

    /// The context whose own this is.
    fn system(self) -> Option<(&'a Rc<Context>, &'a super::system::System)> {
        let cx = self.context?;
        let system = &c_context(cx).system;
        (system.manager() == self.raw.as_ptr()).then_some((cx, system))
    }

    /// Goes to `target` if nobody refuses; whether it did.
    fn step(self, target: c_int) -> bool {
        let passed = self.tell(self.state(), target);
        if passed {
            // SAFETY: the promise of `new`.
            unsafe { (*self.raw.as_ptr()).state = target };
            self.tell(target, target);
        }
        passed
    }

    /// Goes straight to `target`.
    pub(super) fn go(self, target: c_int) {
        if self.state() != target {
            self.step(target);
        }
    }

    /// Goes to `target` state by state, as far as it may. A context that is to be destroyed goes up no further.
    pub(super) fn go_by_steps(self, target: c_int) {
        let ending = || self.system().map_or(Ending::No, |(cx, _)| cx.ending());
        let start = ending();
        while self.state() < target && ending() == start && self.step(self.state() + 1) {}
    }
}

/// Runs `work` with the manager and the context it names; nothing for NULL.
///
/// # Safety
/// `mgr` is NULL or valid.
unsafe fn with(mgr: *mut lws_state_manager_t, work: impl FnOnce(Manager<'_>)) {
    guard((), || {
        let Some(raw) = NonNull::new(mgr) else { return };
        // SAFETY: the caller's promise.
        let cx = unsafe { context((*mgr).context) };
        // SAFETY: the caller's promise.
        work(unsafe { Manager::new(raw, cx.as_deref()) });
    });
}

/// Has `nl` told of the manager's changes: first that it is asked for one (`target` is the new state, `current` the one of
/// now), when a nonzero result refuses it, and again when it has happened (both are the new state). The one that was
/// registered last is asked first.
///
/// A notifier may call anything, also register and deregister itself and others, and destroy the context. It must stay
/// where it is until it is deregistered, and must be in no list (zero it before the first use): otherwise nothing happens
/// but an error in the log. NULL is ignored.
///
/// # Safety
/// `mgr` and `nl` are NULL or as described. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_state_reg_notifier(
    mgr: *mut lws_state_manager_t,
    nl: *mut lws_state_notify_link_t,
) {
    guard((), || {
        if mgr.is_null() || nl.is_null() {
            return;
        }
        // SAFETY: the caller's promise; the list is the manager's first member, the node the notifier's.
        if !unsafe { Dll2Owner::add_head(mgr.cast(), nl.cast()) } {
            crate::log_err!("lws_state_reg_notifier: the notifier is registered already");
        }
    });
}

/// `lws_state_reg_notifier()` for each of a list of pointers that ends with NULL, in its order. NULL is ignored.
///
/// # Safety
/// As `lws_state_reg_notifier()`; `nl` is NULL or such a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_state_reg_notifier_list(
    mgr: *mut lws_state_manager_t,
    nl: *const *mut lws_state_notify_link_t,
) {
    if nl.is_null() {
        return;
    }
    let mut next = nl;
    // SAFETY: the list ends with NULL.
    unsafe {
        while !(*next).is_null() {
            lws_state_reg_notifier(mgr, *next);
            next = next.add(1);
        }
    }
}

/// Has `nl` told of nothing any more; nothing happens if it is not registered, or NULL.
///
/// # Safety
/// `nl` is NULL or valid, zeroed or registered with a manager that lives. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_state_reg_deregister(nl: *mut lws_state_notify_link_t) {
    if !nl.is_null() {
        // SAFETY: the caller's promise.
        unsafe { Dll2::remove(nl.cast()) };
    }
}

/// Goes to state `target` at once, past all between, unless a notifier refuses. Always 0: `mgr->state` says what came of it.
///
/// # Safety
/// `mgr` is NULL or valid, with its `context` NULL or one that has not been destroyed, and stays so. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_state_transition(mgr: *mut lws_state_manager_t, target: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { with(mgr, |manager| manager.go(target)) };
    0
}

/// Goes to state `target` by one state after another, up to the first that a notifier refuses: who does, calls this again
/// when there is no reason any more. Never goes back. Always 0: `mgr->state` says how far it went.
///
/// # Safety
/// As `lws_state_transition()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_state_transition_steps(mgr: *mut lws_state_manager_t, target: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { with(mgr, |manager| manager.go_by_steps(target)) };
    0
}

/// The context of a manager that `lws_system_get_state_manager()` gave: what notifiers have. NULL for NULL.
///
/// # Safety
/// `mgr` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_system_context_from_system_mgr(
    mgr: *mut lws_state_manager_t,
) -> *mut lws_context {
    // SAFETY: the caller's promise.
    if mgr.is_null() { std::ptr::null_mut() } else { unsafe { (*mgr).context } }
}
