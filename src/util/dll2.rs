//! Intrusive doubly linked lists over nodes that C owns: `struct lws_dll2` and its owner.
//!
//! The nodes are embedded in structures of the application (a timer, a notification) and linked through
//! raw pointers; both sides may walk the list, C with its own macros. Nothing here allocates, and nothing
//! keeps a reference to a node: each function reads and writes links through the pointers, so nodes may be
//! changed by C between any two calls.
//!
//! All zero is a valid state of both structures: a node in no list, an empty list.

use std::ptr;

/// A node, embedded in some structure. `owner` is null while it is in no list.
#[derive(Debug)]
#[repr(C)]
pub struct Dll2 {
    /// The node towards the head, or null.
    pub prev: *mut Dll2,
    /// The node towards the tail, or null.
    pub next: *mut Dll2,
    /// The list that the node is in, or null.
    pub owner: *mut Dll2Owner,
}

/// A list.
#[derive(Debug)]
#[repr(C)]
pub struct Dll2Owner {
    /// The last node, or null.
    pub tail: *mut Dll2,
    /// The first node, or null.
    pub head: *mut Dll2,
    /// How many nodes there are.
    pub count: u32,
}

impl Dll2 {
    /// A node in no list.
    #[must_use]
    pub const fn new() -> Self {
        Self { prev: ptr::null_mut(), next: ptr::null_mut(), owner: ptr::null_mut() }
    }

    /// Whether `node` is in no list.
    ///
    /// # Safety
    ///
    /// `node` is valid.
    #[must_use]
    pub unsafe fn is_detached(node: *const Self) -> bool {
        // SAFETY: the caller gives a valid node.
        unsafe { (*node).owner.is_null() }
    }

    /// Makes `node` the one before `next` in the list of `next`.
    ///
    /// Does nothing and returns `false` if `node` is in a list already, or `next` in none.
    ///
    /// # Safety
    ///
    /// Both nodes and the list are valid, and no others hold references to them. `node` stays where it
    /// is until it is removed.
    #[must_use]
    pub unsafe fn add_before(node: *mut Self, next: *mut Self) -> bool {
        // SAFETY: the caller gives valid nodes; the links of a list lead to valid nodes.
        unsafe {
            let owner = (*next).owner;
            if owner.is_null() || !Self::is_detached(node) {
                return false;
            }
            Self::link(node, owner, (*next).prev, next);
        }
        true
    }

    /// Takes `node` out of its list; does nothing and returns `false` if it is in none.
    ///
    /// # Safety
    ///
    /// `node`, and if it is in a list, that and its neighbours are valid.
    pub unsafe fn remove(node: *mut Self) -> bool {
        // SAFETY: the caller gives a valid node; the links of a list lead to valid nodes.
        unsafe {
            let Self { prev, next, owner } = ptr::read(node);
            if owner.is_null() {
                return false;
            }
            if prev.is_null() {
                (*owner).head = next;
            } else {
                (*prev).next = next;
            }
            if next.is_null() {
                (*owner).tail = prev;
            } else {
                (*next).prev = prev;
            }
            (*owner).count = (*owner).count.saturating_sub(1);
            Self::clear(node);
        }
        true
    }

    /// Makes `node` one that is in no list, without looking at a list it may have been in.
    ///
    /// # Safety
    ///
    /// `node` may be written; its content does not matter.
    pub unsafe fn clear(node: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe { node.write(Self::new()) };
    }

    /// Puts a detached `node` between two neighbours, either of which may be null for the list's end.
    ///
    /// # Safety
    ///
    /// All of them are valid or null, and `prev` and `next` are adjacent in `owner`.
    unsafe fn link(node: *mut Self, owner: *mut Dll2Owner, prev: *mut Self, next: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe {
            node.write(Self { prev, next, owner });
            if prev.is_null() {
                (*owner).head = node;
            } else {
                (*prev).next = node;
            }
            if next.is_null() {
                (*owner).tail = node;
            } else {
                (*next).prev = node;
            }
            (*owner).count += 1;
        }
    }
}

impl Default for Dll2 {
    fn default() -> Self {
        Self::new()
    }
}

impl Dll2Owner {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { tail: ptr::null_mut(), head: ptr::null_mut(), count: 0 }
    }

    /// Makes `node` the first of the list; `false` if it is in a list already.
    ///
    /// # Safety
    ///
    /// As of [`Dll2::add_before`].
    #[must_use]
    pub unsafe fn add_head(owner: *mut Self, node: *mut Dll2) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            let detached = Dll2::is_detached(node);
            if detached {
                Dll2::link(node, owner, ptr::null_mut(), (*owner).head);
            }
            detached
        }
    }

    /// Makes `node` the last of the list; `false` if it is in a list already.
    ///
    /// # Safety
    ///
    /// As of [`Dll2::add_before`].
    #[must_use]
    pub unsafe fn add_tail(owner: *mut Self, node: *mut Dll2) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            let detached = Dll2::is_detached(node);
            if detached {
                Dll2::link(node, owner, (*owner).tail, ptr::null_mut());
            }
            detached
        }
    }

    /// Inserts `node` before the first node for which `follows` says that it comes after the new one,
    /// else at the end; `false` if it is in a list already.
    ///
    /// Looks from the head: `follows` is asked about each node that stays before the new one, and one more.
    ///
    /// # Safety
    ///
    /// As of [`Dll2::add_before`]. `follows` may read the nodes, but not change the list.
    #[must_use]
    pub unsafe fn add_sorted(
        owner: *mut Self,
        node: *mut Dll2,
        mut follows: impl FnMut(*mut Dll2) -> bool,
    ) -> bool {
        // SAFETY: the caller's promise; the links of a list lead to valid nodes.
        unsafe {
            if !Dll2::is_detached(node) {
                return false;
            }
            let mut next = (*owner).head;
            while !next.is_null() && !follows(next) {
                next = (*next).next;
            }
            let prev = if next.is_null() { (*owner).tail } else { (*next).prev };
            Dll2::link(node, owner, prev, next);
        }
        true
    }

    /// Inserts `node` after the last node for which `precedes` says that it comes before the new one, else
    /// at the start; `false` if it is in a list already.
    ///
    /// Looks from the tail: the cheaper way where most new nodes belong near the end, as timers do.
    ///
    /// # Safety
    ///
    /// As of [`Dll2::add_before`]. `precedes` may read the nodes, but not change the list.
    #[must_use]
    pub unsafe fn add_sorted_from_tail(
        owner: *mut Self,
        node: *mut Dll2,
        mut precedes: impl FnMut(*mut Dll2) -> bool,
    ) -> bool {
        // SAFETY: the caller's promise; the links of a list lead to valid nodes.
        unsafe {
            if !Dll2::is_detached(node) {
                return false;
            }
            let mut prev = (*owner).tail;
            while !prev.is_null() && !precedes(prev) {
                prev = (*prev).prev;
            }
            let next = if prev.is_null() { (*owner).head } else { (*prev).next };
            Dll2::link(node, owner, prev, next);
        }
        true
    }

    /// Calls `visit` with each node from the head until it returns `true`; whether it did.
    ///
    /// `visit` may remove or free the node that it is called with, but not the one after it.
    ///
    /// # Safety
    ///
    /// The list and its nodes are valid, the ones that `visit` freed excepted.
    pub unsafe fn any(owner: *mut Self, mut visit: impl FnMut(*mut Dll2) -> bool) -> bool {
        // SAFETY: the caller's promise; the next node is looked up while this one is still there.
        unsafe {
            let mut node = (*owner).head;
            while !node.is_null() {
                let next = (*node).next;
                if visit(node) {
                    return true;
                }
                node = next;
            }
        }
        false
    }

    /// Makes the list empty without touching the nodes that were in it.
    ///
    /// # Safety
    ///
    /// `owner` may be written; its content does not matter.
    pub unsafe fn clear(owner: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe { owner.write(Self::new()) };
    }
}

impl Default for Dll2Owner {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A structure of the application: the node is not its first member.
    #[repr(C)]
    struct Item {
        value: i32,
        node: Dll2,
    }

    impl Item {
        fn boxed(value: i32) -> *mut Self {
            Box::into_raw(Box::new(Self { value, node: Dll2::new() }))
        }

        fn node(this: *mut Self) -> *mut Dll2 {
            // SAFETY: every item of these tests lives until `free`.
            unsafe { &raw mut (*this).node }
        }

        fn of(node: *mut Dll2) -> *mut Self {
            node.cast::<u8>().wrapping_sub(std::mem::offset_of!(Self, node)).cast()
        }

        fn value_of(node: *mut Dll2) -> i32 {
            // SAFETY: every node of these tests is in an item.
            unsafe { (*Self::of(node)).value }
        }

        fn free(this: *mut Self) {
            // SAFETY: `boxed` made it, and each test frees once.
            drop(unsafe { Box::from_raw(this) });
        }
    }

    /// The values from head to tail, after checking every link, back link, owner and the count.
    fn values(owner: *mut Dll2Owner) -> Vec<i32> {
        let mut found = Vec::new();
        // SAFETY: the lists of these tests are valid.
        unsafe {
            let mut prev = ptr::null_mut();
            let mut node = (*owner).head;
            while !node.is_null() {
                assert_eq!((*node).prev, prev);
                assert_eq!((*node).owner, owner);
                found.push(Item::value_of(node));
                prev = node;
                node = (*node).next;
            }
            assert_eq!((*owner).tail, prev);
            assert_eq!((*owner).count as usize, found.len());
        }
        found
    }

    #[test]
    fn nodes_go_to_the_end_that_was_asked_for() {
        let owner = &raw mut *Box::leak(Box::new(Dll2Owner::new()));
        let [a, b, c, d] = [1, 2, 3, 4].map(Item::boxed);
        // SAFETY: the items and the list live until the end of the test.
        unsafe {
            assert!(Dll2Owner::add_tail(owner, Item::node(a)));
            assert!(Dll2Owner::add_tail(owner, Item::node(b)));
            assert!(Dll2Owner::add_head(owner, Item::node(c)));
            assert!(Dll2::add_before(Item::node(d), Item::node(b)));
            assert_eq!(values(owner), [3, 1, 4, 2]);
            for item in [a, c, b, d] {
                assert!(Dll2::remove(Item::node(item)));
                assert!(Dll2::is_detached(Item::node(item)));
                values(owner);
            }
            assert_eq!(values(owner), []);
            drop(Box::from_raw(owner));
        }
        [a, b, c, d].into_iter().for_each(Item::free);
    }

    #[test]
    fn a_node_is_in_one_list_at_most() {
        let owner = &raw mut *Box::leak(Box::new(Dll2Owner::new()));
        let [a, b] = [1, 2].map(Item::boxed);
        // SAFETY: the items and the list live until the end of the test.
        unsafe {
            assert!(!Dll2::add_before(Item::node(a), Item::node(b)), "b is in no list");
            assert!(!Dll2::remove(Item::node(a)));
            assert!(Dll2Owner::add_tail(owner, Item::node(a)));
            assert!(!Dll2Owner::add_tail(owner, Item::node(a)));
            assert!(!Dll2Owner::add_head(owner, Item::node(a)));
            assert!(!Dll2Owner::add_sorted(owner, Item::node(a), |_| true));
            assert!(!Dll2Owner::add_sorted_from_tail(owner, Item::node(a), |_| true));
            assert_eq!(values(owner), [1]);
            drop(Box::from_raw(owner));
        }
        [a, b].into_iter().for_each(Item::free);
    }

    #[test]
    fn a_visitor_may_remove_and_free_its_node() {
        let owner = &raw mut *Box::leak(Box::new(Dll2Owner::new()));
        // SAFETY: the list lives until the end of the test, the items until they are visited.
        unsafe {
            for item in (0..5).map(Item::boxed) {
                assert!(Dll2Owner::add_tail(owner, Item::node(item)));
            }
            let stopped = Dll2Owner::any(owner, |node| {
                let value = Item::value_of(node);
                if value < 3 {
                    Dll2::remove(node);
                    Item::free(Item::of(node));
                }
                value == 3
            });
            assert!(stopped);
            assert_eq!(values(owner), [3, 4]);
            Dll2Owner::any(owner, |node| {
                Dll2::remove(node);
                Item::free(Item::of(node));
                false
            });
            assert_eq!(values(owner), []);
            drop(Box::from_raw(owner));
        }
    }

    proptest! {
            #[test]
            fn sorted_insertion_is_stable_from_either_end(input in proptest::collection::vec(0..8, 0..40)) {
                let mut expected: Vec<(i32, usize)> = input.iter().copied().zip(0..).collect();
                expected.sort_unstable();
                for from_tail in [false, true] {
                    let owner = &raw mut *Box::leak(Box::new(Dll2Owner::new()));
                    let items: Vec<_> = input.iter().map(|&value| Item::boxed(value)).collect();
                    // SAFETY: the items and the list live until the end of the loop.
                    unsafe {
                        for (&item, &value) in items.iter().zip(&input) {
                            let node = Item::node(item);
                            let added = if from_tail {
                                Dll2Owner::add_sorted_from_tail(owner, node, |other| Item::value_of(other) <= value)
    } else {
                                Dll2Owner::add_sorted(owner, node, |other| Item::value_of(other) > value)
    };
    prop_assert!(added);
                            values(owner);
                        }
                        let mut found = Vec::new();
                        Dll2Owner::any(owner, |node| {
                            let position = items.iter().position(|&item| Item::node(item) == node);
                            found.push((Item::value_of(node), position.expect("one of ours")));
                            false
                        });
                        prop_assert_eq!(&found, &expected);
                        drop(Box::from_raw(owner));
                    }
                    items.into_iter().for_each(Item::free);
                }
            }
        }
}
