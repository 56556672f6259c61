//! Linked lists of the C API: `lws_dll2`, and the singly linked `lws_list_ptr`.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::offset_of;
use std::{ptr, slice};

use super::guard::guard;
use super::types::{lws_dll2, lws_dll2_foreach_cb_t, lws_dll2_owner};
use crate::util::dll2::{Dll2, Dll2Owner};

const _: () = {
    assert!(size_of::<Dll2>() == size_of::<lws_dll2>());
    assert!(offset_of!(Dll2, prev) == offset_of!(lws_dll2, prev));
    assert!(offset_of!(Dll2, next) == offset_of!(lws_dll2, next));
    assert!(offset_of!(Dll2, owner) == offset_of!(lws_dll2, owner));
    assert!(size_of::<Dll2Owner>() == size_of::<lws_dll2_owner>());
    assert!(offset_of!(Dll2Owner, tail) == offset_of!(lws_dll2_owner, tail));
    assert!(offset_of!(Dll2Owner, head) == offset_of!(lws_dll2_owner, head));
    assert!(offset_of!(Dll2Owner, count) == offset_of!(lws_dll2_owner, count));
};

/// An element of a singly linked list: points to the "next" member of the following structure, or NULL.
pub type lws_list_ptr = *mut c_void;

/// Compares two elements of a singly linked list: positive if `a` belongs behind `b`.
pub type lws_list_ptr_sort_func_t = Option<unsafe extern "C" fn(a: lws_list_ptr, b: lws_list_ptr) -> c_int>;

/// Returns 1 if `d` is in no list, or is NULL; else 0.
///
/// # Safety
///
/// `d` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_dll2_is_detached(d: *const lws_dll2) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        c_int::from(d.is_null() || unsafe { Dll2::is_detached(d.cast()) })
    })
}

/// Makes `d` the first node of the list `owner`.
///
/// `d` must be in no list (zero it before the first use): otherwise nothing changes and an error is
/// logged, as when either is NULL. The list refers to `d` until it is removed.
///
/// # Safety
///
/// `d` and `owner` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_dll2_add_head(d: *mut lws_dll2, owner: *mut lws_dll2_owner) {
    guard((), || {
        let usable = !d.is_null() && !owner.is_null();
        // SAFETY: the caller's promise.
        report_refusal("lws_dll2_add_head", usable && unsafe { Dll2Owner::add_head(owner.cast(), d.cast()) });
    });
}

/// Makes `d` the last node of the list `owner`.
///
/// `d` must be in no list (zero it before the first use): otherwise nothing changes and an error is
/// logged, as when either is NULL. The list refers to `d` until it is removed.
///
/// # Safety
///
/// `d` and `owner` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_dll2_add_tail(d: *mut lws_dll2, owner: *mut lws_dll2_owner) {
    guard((), || {
        let usable = !d.is_null() && !owner.is_null();
        // SAFETY: the caller's promise.
        report_refusal("lws_dll2_add_tail", usable && unsafe { Dll2Owner::add_tail(owner.cast(), d.cast()) });
    });
}

/// Makes `d` the node before `after`, in the list of `after`.
///
/// `d` must be in no list and `after` in one: otherwise nothing changes and an error is logged, as when
/// either is NULL.
///
/// # Safety
///
/// `d` and `after` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_dll2_add_before(d: *mut lws_dll2, after: *mut lws_dll2) {
    guard((), || {
        let usable = !d.is_null() && !after.is_null();
        // SAFETY: the caller's promise.
        report_refusal("lws_dll2_add_before", usable && unsafe { Dll2::add_before(d.cast(), after.cast()) });
    });
}

/// Inserts `d` into the sorted list `own`: before the first node `i` for which `compare(i, d)` is not
/// negative, else at the end.
///
/// `d` must be in no list: otherwise nothing changes and an error is logged, as when anything is NULL.
/// `compare` must not change the list.
///
/// # Safety
///
/// `d` and `own` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_dll2_add_sorted(
    d: *mut lws_dll2,
    own: *mut lws_dll2_owner,
    compare: Option<unsafe extern "C" fn(d: *const lws_dll2, i: *const lws_dll2) -> c_int>,
) {
    guard((), || {
        // SAFETY: the comparison belongs to this list's nodes.
        let not_before = compare.map(|compare| move |i: *mut Dll2| unsafe { compare(i.cast(), d) } >= 0);
        // SAFETY: the caller's promise.
        report_refusal("lws_dll2_add_sorted", unsafe { add_sorted(d, own, not_before) });
    });
}

/// Inserts `d` into the sorted list `own`: before the first node `i` for which `compare3(priv, i, d)` is
/// not negative, else at the end.
///
/// `d` must be in no list: otherwise nothing changes and an error is logged, as when `d`, `own` or
/// `compare3` is NULL. `compare3` must not change the list; `priv` is only passed to it.
///
/// # Safety
///
/// `d` and `own` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_dll2_add_sorted_priv(
    d: *mut lws_dll2,
    own: *mut lws_dll2_owner,
    r#priv: *mut c_void,
    compare3: Option<
        unsafe extern "C" fn(r#priv: *mut c_void, d: *const lws_dll2, i: *const lws_dll2) -> c_int,
    >,
) {
    guard((), || {
        // SAFETY: the comparison belongs to this list's nodes.
        let not_before =
            compare3.map(|compare| move |i: *mut Dll2| unsafe { compare(r#priv, i.cast(), d) } >= 0);
        // SAFETY: the caller's promise.
        report_refusal("lws_dll2_add_sorted_priv", unsafe { add_sorted(d, own, not_before) });
    });
}

/// Takes `d` out of the list it is in; does nothing if it is in none, or NULL.
///
/// # Safety
///
/// `d` is NULL or valid, and so is the list it is in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_dll2_remove(d: *mut lws_dll2) {
    guard((), || {
        if !d.is_null() {
            // SAFETY: the caller's promise.
            unsafe { Dll2::remove(d.cast()) };
        }
    });
}

/// Zeroes `d` without taking it out of a list it may be in; for a node whose list is gone. NULL is ignored.
///
/// # Safety
///
/// `d` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_dll2_clear(d: *mut lws_dll2) {
    guard((), || {
        if !d.is_null() {
            // SAFETY: the caller's promise.
            unsafe { Dll2::clear(d.cast()) };
        }
    });
}

/// Makes the list `d` empty without touching the nodes that were in it. NULL is ignored.
///
/// # Safety
///
/// `d` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_dll2_owner_clear(d: *mut lws_dll2_owner) {
    guard((), || {
        if !d.is_null() {
            // SAFETY: the caller's promise.
            unsafe { Dll2Owner::clear(d.cast()) };
        }
    });
}

/// Calls `cb` with each node of `owner` from the head, and `user`, until it returns nonzero.
///
/// `cb` may remove or free the node that it is called with, but not the one after it.
///
/// Returns 1 if `cb` ended the walk, else 0; 0 also if `owner` or `cb` is NULL.
///
/// # Safety
///
/// `owner` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_dll2_foreach_safe(
    owner: *mut lws_dll2_owner,
    user: *mut c_void,
    cb: lws_dll2_foreach_cb_t,
) -> c_int {
    guard(0, || {
        let (false, Some(cb)) = (owner.is_null(), cb) else {
            return 0;
        };
        // SAFETY: the callback belongs to this list's nodes, and keeps to what is documented.
        let visit = |node: *mut Dll2| unsafe { cb(node.cast(), user) } != 0;
        // SAFETY: the caller's promise.
        c_int::from(unsafe { Dll2Owner::any(owner.cast(), visit) })
    })
}

/// For `lws_dll2_search_sz_pl()`: the first structure in list `own` whose C string is the `namelen`
/// characters at `name`.
///
/// The node is at `dll2_ofs` in each structure, and a `const char *` at `ptr_ofs`. NULL if there is none,
/// or if `own` or `name` is NULL; structures whose string is NULL are passed over.
///
/// # Safety
///
/// `own` is NULL or valid; `name` is NULL or has `namelen` characters; the offsets are those of its nodes'
/// structures.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _lws_dll2_search_sz_pl(
    own: *mut lws_dll2_owner,
    name: *const c_char,
    namelen: usize,
    dll2_ofs: usize,
    ptr_ofs: usize,
) -> *mut c_void {
    guard(ptr::null_mut(), || {
        if own.is_null() || name.is_null() {
            return ptr::null_mut();
        }
        // SAFETY: the caller gives that many characters.
        let wanted = unsafe { slice::from_raw_parts(name.cast::<u8>(), namelen) };
        let mut found = ptr::null_mut();
        let matches = |node: *mut Dll2| {
            // SAFETY: the node is this far into its structure, and the string pointer that far.
            let (structure, text) = unsafe {
                let structure = node.cast::<u8>().sub(dll2_ofs);
                let text: *const *const c_char = structure.add(ptr_ofs).cast_const().cast();
                (structure, text.read_unaligned())
            };
            // SAFETY: a string of the application's, or null.
            let matched = !text.is_null() && unsafe { CStr::from_ptr(text) }.to_bytes() == wanted;
            if matched {
                found = structure.cast();
            }
            matched
        };
        // SAFETY: the caller's promise.
        unsafe { Dll2Owner::any(own.cast(), matches) };
        found
    })
}

/// Inserts into a singly linked list, of which `*phead` is the first.
///
/// `add` is the "next" member of the new structure: the list's pointers go from member to member. It is
/// inserted before the first `i` for which `sort(add, i)` is not positive, else at the end; with a NULL
/// `sort`, at the start. Nothing happens if `phead` or `add` is NULL.
///
/// # Safety
///
/// `phead` and `add` are NULL or valid, and the list ends in NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_list_ptr_insert(
    phead: *mut lws_list_ptr,
    add: *mut lws_list_ptr,
    sort: lws_list_ptr_sort_func_t,
) {
    guard((), || {
        if phead.is_null() || add.is_null() {
            return;
        }
        let mut at = phead;
        // SAFETY: the caller gives a valid list: each pointer is null or leads to the next one.
        unsafe {
            if let Some(sort) = sort {
                while !(*at).is_null() && sort(add.cast(), *at) > 0 {
                    at = (*at).cast();
                }
            }
            *add = *at;
            *at = add.cast();
        }
    });
}

/// The sorted insertion of both C forms.
///
/// # Safety
///
/// `d` and `own` are null or valid.
unsafe fn add_sorted(
    d: *mut lws_dll2,
    own: *mut lws_dll2_owner,
    follows: Option<impl FnMut(*mut Dll2) -> bool>,
) -> bool {
    match follows {
        Some(follows) if !d.is_null() && !own.is_null() => {
            // SAFETY: the caller's promise.
            unsafe { Dll2Owner::add_sorted(own.cast(), d.cast(), follows) }
        }
        _ => false,
    }
}

fn report_refusal(function: &str, done: bool) {
    if !done {
        crate::log_err!("{function}: refused: NULL, or linked already, or a neighbour that is not");
    }
}
