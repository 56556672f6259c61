//! A type-stable arena: slots never move, are never given back to the allocator before the arena
//! itself, and carry a generation. A stale handle finds `None`; a stale *address* finds a value that
//! is still of its type and says so itself.
//!
//! Chunks double in size behind write-once cells, so growing never moves a slot and needs no `unsafe`.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;

/// Slots of the first chunk; chunk `k` has `FIRST << k`.
const FIRST: u32 = 64;
/// Chunks that a [`Place`] can name, which is enough for 2²⁷ slots and more.
const CHUNKS: usize = 1 << (u32::BITS - OFFSET_BITS);
/// Bits of a [`Place`] that are the offset.
const OFFSET_BITS: u32 = 27;

/// Where a slot is: its chunk in the high bits, its offset there in the low ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Place(u32);

impl Place {
    fn new(chunk: usize, offset: u32) -> Self {
        Self((chunk as u32) << OFFSET_BITS | offset)
    }

    fn chunk(self) -> usize {
        (self.0 >> OFFSET_BITS) as usize
    }

    fn offset(self) -> usize {
        (self.0 & ((1 << OFFSET_BITS) - 1)) as usize
    }
}

/// Names one use of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    place: Place,
    /// Odd, as that of a slot in use.
    generation: u32,
}

impl Id {
    /// The slot's number, stable over its reuse.
    #[must_use]
    pub fn index(self) -> usize {
        FIRST as usize * ((1 << self.place.chunk()) - 1) + self.place.offset()
    }
}

struct Slot<T> {
    /// Goes up when a use begins and when it ends: odd while the slot is in use.
    generation: Cell<u32>,
    value: T,
}

/// The arena; see the module's text.
pub struct Slots<T> {
    chunks: [OnceCell<Box<[Slot<T>]>>; CHUNKS],
    /// Oldest first: a slot is reused as late as possible, so stale pointers have time to be noticed.
    free: RefCell<VecDeque<Place>>,
    live: Cell<usize>,
    /// Chunks made.
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
    /// After 2²⁷ slots.
    pub fn take(&self, make: impl Fn() -> T) -> (Id, &T) {
        let free = self.free.borrow_mut().pop_front();
        let place = free.unwrap_or_else(|| self.grow(make));
        let slot = self.slot(place).expect("free slots lie in made chunks");
        slot.generation.set(slot.generation.get().wrapping_add(1));
        self.live.set(self.live.get() + 1);
        (Id { place, generation: slot.generation.get() }, &slot.value)
    }

    /// Ends the use that `id` names; ignored when it ended before.
    pub fn release(&self, id: Id) {
        if let Some(slot) = self.slot(id.place)
            && slot.generation.get() == id.generation
        {
            slot.generation.set(id.generation.wrapping_add(1));
            self.live.set(self.live.get() - 1);
            self.free.borrow_mut().push_back(id.place);
        }
    }

    /// The value, while the use that `id` names lasts.
    pub fn get(&self, id: Id) -> Option<&T> {
        let slot = self.slot(id.place)?;
        (slot.generation.get() == id.generation).then_some(&slot.value)
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
        let all =
            (0..self.made.get()).flat_map(|chunk| (0..FIRST << chunk).map(move |at| Place::new(chunk, at)));
        all.filter_map(|place| {
            let generation = self.slot(place)?.generation.get();
            (generation % 2 == 1).then_some(Id { place, generation })
        })
        .collect()
    }

    /// Makes another chunk; the first of its slots.
    fn grow(&self, make: impl Fn() -> T) -> Place {
        let chunk = self.made.get();
        let count = FIRST << chunk;
        assert!(count <= 1 << OFFSET_BITS, "more slots than there are names for");
        let fresh = (0..count).map(|_| Slot { generation: Cell::new(0), value: make() }).collect();
        assert!(self.chunks[chunk].set(fresh).is_ok(), "chunks are made once, in order");
        self.made.set(chunk + 1);
        self.free.borrow_mut().extend((1..count).map(|at| Place::new(chunk, at)));
        Place::new(chunk, 0)
    }

    fn slot(&self, place: Place) -> Option<&Slot<T>> {
        self.chunks[place.chunk()].get()?.get(place.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_tile_the_chunks() {
        let slots = Slots::<()>::default();
        let numbers: Vec<usize> = (0..1000).map(|_| slots.take(|| ()).0.index()).collect();
        assert!(numbers.iter().copied().eq(0..1000), "{numbers:?}");
        assert!(slots.snapshot().iter().map(|id| id.index()).eq(0..1000));
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
