//! A type-stable arena: slots never move, are never given back to the allocator before the arena
//! itself, and carry a generation. A stale handle finds `None`; a stale *address* finds a value that
//! is still of its type and says so itself.
//!
//! Chunks double in size behind write-once cells, so growing never moves a slot and needs no `unsafe`.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;

/// Slots of the first chunk; chunk `k` has `FIRST << k`.
const FIRST: usize = 64;
/// Enough chunks for 2³⁰ slots.
const CHUNKS: usize = 25;

/// Names one use of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    index: u32,
    generation: u32,
}

impl Id {
    /// The slot's number, stable over its reuse.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }
}

struct Slot<T> {
    generation: Cell<u32>,
    live: Cell<bool>,
    value: T,
}

/// The arena; see the module's text.
pub struct Slots<T> {
    chunks: [OnceCell<Box<[Slot<T>]>>; CHUNKS],
    /// Oldest first: a slot is reused as late as possible, so stale pointers have time to be noticed.
    free: RefCell<VecDeque<u32>>,
    live: Cell<usize>,
    made: Cell<usize>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            chunks: [const { OnceCell::new() }; CHUNKS],
            free: RefCell::default(),
            live: Cell::new(0),
            made: Cell::new(0),
        }
    }
}

impl<T> Slots<T> {
    /// Takes a free slot, making a chunk of them with `make` when there is none.
    ///
    /// # Panics
    /// After 2³⁰ slots.
    pub fn take(&self, make: impl Fn() -> T) -> (Id, &T) {
        if self.free.borrow().is_empty() {
            self.grow(make);
        }
        let index = self.free.borrow_mut().pop_front().expect("a chunk was just added");
        let slot = self.slot(index).expect("free indices lie in made chunks");
        slot.live.set(true);
        self.live.set(self.live.get() + 1);
        (Id { index, generation: slot.generation.get() }, &slot.value)
    }

    /// Ends the use that `id` names; ignored when it ended before.
    pub fn release(&self, id: Id) {
        if let Some(slot) = self.slot(id.index)
            && slot.live.get()
            && slot.generation.get() == id.generation
        {
            slot.live.set(false);
            slot.generation.set(id.generation.wrapping_add(1));
            self.live.set(self.live.get() - 1);
            self.free.borrow_mut().push_back(id.index);
        }
    }

    /// The value, while the use that `id` names lasts.
    pub fn get(&self, id: Id) -> Option<&T> {
        let slot = self.slot(id.index)?;
        (slot.live.get() && slot.generation.get() == id.generation).then_some(&slot.value)
    }

    /// Slots in use.
    pub fn len(&self) -> usize {
        self.live.get()
    }

    /// Whether no slot is in use.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids in use, as a snapshot: what a caller does to the arena while walking it is harmless.
    pub fn snapshot(&self) -> Vec<Id> {
        (0..self.made.get() as u32)
            .filter_map(|index| {
                let slot = self.slot(index)?;
                slot.live.get().then(|| Id { index, generation: slot.generation.get() })
            })
            .collect()
    }

    fn grow(&self, make: impl Fn() -> T) {
        let before = self.made.get();
        let (chunk, _) = place(before as u32);
        let fresh: Box<[Slot<T>]> = (0..FIRST << chunk)
            .map(|_| Slot { generation: Cell::new(1), live: Cell::new(false), value: make() })
            .collect();
        let count = fresh.len();
        assert!(self.chunks[chunk].set(fresh).is_ok(), "chunks are made once, in order");
        self.made.set(before + count);
        self.free.borrow_mut().extend(before as u32..(before + count) as u32);
    }

    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        let (chunk, offset) = place(index);
        self.chunks.get(chunk)?.get()?.get(offset)
    }
}

/// Chunk and offset of a slot number.
fn place(index: u32) -> (usize, usize) {
    let scaled = index as usize / FIRST + 1;
    let chunk = scaled.ilog2() as usize;
    (chunk, index as usize - FIRST * ((1 << chunk) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_tile_the_chunks() {
        assert_eq!(place(0), (0, 0));
        assert_eq!(place(63), (0, 63));
        assert_eq!(place(64), (1, 0));
        assert_eq!(place(191), (1, 127));
        assert_eq!(place(192), (2, 0));
    }

    #[test]
    fn stale_ids_find_nothing_and_addresses_stay() {
        let slots = Slots::<Cell<u32>>::default();
        let (a, at) = slots.take(Cell::default);
        let before = std::ptr::from_ref(at);
        at.set(7);
        let ids: Vec<Id> = (0..1000).map(|_| slots.take(Cell::default).0).collect();
        assert!(std::ptr::eq(before, slots.get(a).unwrap()), "growing moved a slot");
        assert_eq!(slots.len(), 1001);
        slots.release(a);
        assert!(slots.get(a).is_none());
        slots.release(a);
        assert_eq!(slots.len(), 1000, "a second release must not count");
        for id in ids {
            slots.release(id);
        }
        assert!(slots.is_empty() && slots.snapshot().is_empty());
    }

    #[test]
    fn reuse_is_late_and_renames() {
        let slots = Slots::<Cell<u32>>::default();
        let (first, _) = slots.take(Cell::default);
        slots.release(first);
        let next = slots.take(Cell::default).0;
        assert_ne!(next.index(), first.index());
        let mut seen = next;
        for _ in 0..FIRST {
            slots.release(seen);
            seen = slots.take(Cell::default).0;
        }
        assert_ne!(seen, first);
    }
}
