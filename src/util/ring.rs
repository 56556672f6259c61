//! A ring of elements of one size, with one head and any number of tails, as `lws_ring` is one.
//!
//! Positions are byte offsets from the start of the memory: [`Ring::head`] is where the next element goes, a tail
//! where its consumer reads on. Tails are kept by their consumers; the ring knows the oldest of them only, behind
//! which the memory is free. One element's place stays free, so that a full ring and an empty one differ.
//!
//! This says where elements are. Copying them is for who has their addresses: [`Ring::insertable`] and
//! [`Ring::consumable`] give ranges of the memory, [`Ring::advance_head`] and [`Ring::retire`] record what was done.

use std::cell::Cell;
use std::ops::Range;

use super::zeroed::Zeroed;

/// The memory and its two positions.
#[derive(Debug)]
pub struct Ring {
    memory: Zeroed,
    size: u32,
    element: u32,
    head: Cell<u32>,
    oldest_tail: Cell<u32>,
}

/// Elements that stand one after the other in the ring, in two parts where it wraps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// From where they begin, up to the end of the memory at most.
    pub first: Range<usize>,
    /// The rest, from the start of the memory; often empty.
    pub second: Range<usize>,
}

impl Span {
    /// Bytes in both parts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A tail that cannot be the oldest: elements up to it were never inserted, or it is inside of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchTail;

impl Ring {
    /// Room for `count` elements of `element` bytes each, of which it holds one less.
    ///
    /// `None` if that is nothing, more than positions can count, or more than there is memory for.
    #[must_use]
    pub fn new(element: usize, count: usize) -> Option<Self> {
        let size = u32::try_from(element.checked_mul(count)?).ok().filter(|size| *size > 0)?;
        let memory = Zeroed::try_new(size as usize)?;
        Some(Self { memory, size, element: element as u32, head: Cell::new(0), oldest_tail: Cell::new(0) })
    }

    /// Where the memory is, for as long as the ring lives. Aligned to 16.
    #[must_use]
    pub fn memory(&self) -> *mut u8 {
        self.memory.as_ptr()
    }

    /// Bytes of memory.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Bytes of one element.
    #[must_use]
    pub fn element(&self) -> u32 {
        self.element
    }

    /// Where the next element goes.
    #[must_use]
    pub fn head(&self) -> u32 {
        self.head.get()
    }

    /// What is behind it has been consumed by all.
    #[must_use]
    pub fn oldest_tail(&self) -> u32 {
        self.oldest_tail.get()
    }

    /// How many elements may be inserted.
    ///
    /// A ring with elements of one byte says that it is full when it has room for one more, as `lws_ring` does.
    #[must_use]
    pub fn free(&self) -> usize {
        let unused = self.size - self.distance(self.oldest_tail.get(), self.head.get());
        match unused.saturating_sub(self.element) {
            0 | 1 => 0,
            bytes => (bytes / self.element) as usize,
        }
    }

    /// How many elements stand between a consumer's tail and the head; none for a tail that is outside of the ring.
    #[must_use]
    pub fn waiting(&self, tail: u32) -> usize {
        if tail >= self.size {
            return 0;
        }
        (self.distance(tail, self.head.get()) / self.element) as usize
    }

    /// The place of the element that the consumer reads next, if there is one.
    #[must_use]
    pub fn next(&self, tail: u32) -> Option<usize> {
        let whole = tail != self.head.get() && tail <= self.size - self.element;
        whole.then_some(tail as usize)
    }

    /// Where the next elements go: `count` of them, or as many as there is room for.
    #[must_use]
    pub fn insertable(&self, count: usize) -> Span {
        self.span(self.head.get(), count.min(self.free()))
    }

    /// Where the elements are that a consumer reads next: `count`, or as many as there are.
    #[must_use]
    pub fn consumable(&self, tail: u32, count: usize) -> Span {
        self.span(tail, count.min(self.waiting(tail)))
    }

    /// The position this many bytes further on.
    #[must_use]
    pub fn after(&self, position: u32, bytes: usize) -> u32 {
        ((position as usize + bytes) % self.size as usize) as u32
    }

    /// Counts `bytes` written at the head as inserted. They may be parts of elements.
    ///
    /// `false`, and nothing is done, if there is less room than that.
    #[must_use]
    pub fn advance_head(&self, bytes: usize) -> bool {
        let unused = self.size - self.distance(self.oldest_tail.get(), self.head.get());
        let fits = bytes < unused as usize;
        if fits {
            self.head.set(self.after(self.head.get(), bytes));
        }
        fits
    }

    /// Makes `tail` the oldest, without looking at what it leaves behind.
    pub fn skip_to(&self, tail: u32) -> Result<(), NoSuchTail> {
        if tail >= self.size {
            return Err(NoSuchTail);
        }
        self.oldest_tail.set(tail);
        Ok(())
    }

    /// Makes `tail` the oldest; `destroy` is called with the place of each element that it leaves behind, in
    /// their order, before that place is free. It may use the ring.
    pub fn retire(&self, tail: u32, mut destroy: impl FnMut(usize)) -> Result<(), NoSuchTail> {
        let oldest = self.oldest_tail.get();
        if tail >= self.size {
            return Err(NoSuchTail);
        }
        let left_behind = self.distance(oldest, tail);
        if left_behind > self.distance(oldest, self.head.get()) || !left_behind.is_multiple_of(self.element) {
            return Err(NoSuchTail);
        }
        for _ in 0..left_behind / self.element {
            destroy(self.oldest_tail.get() as usize);
            self.oldest_tail.set(self.after(self.oldest_tail.get(), self.element as usize));
        }
        Ok(())
    }

    /// As [`Ring::retire`], of all whole elements: before the ring goes.
    pub fn retire_all(&self, destroy: impl FnMut(usize)) {
        let oldest = self.oldest_tail.get();
        let whole = self.waiting(oldest) * self.element as usize;
        let retired = self.retire(self.after(oldest, whole), destroy);
        debug_assert!(retired.is_ok(), "whole elements end where an element ends");
    }

    /// Bytes from one position forward to the other.
    fn distance(&self, from: u32, to: u32) -> u32 {
        if to >= from { to - from } else { self.size - from + to }
    }

    fn span(&self, start: u32, elements: usize) -> Span {
        let (start, size) = (start as usize, self.size as usize);
        let len = elements * self.element as usize;
        let end = start + len;
        Span { first: start..end.min(size.max(start)), second: 0..end.saturating_sub(size.max(start)) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_that_cannot_be() {
        assert!(Ring::new(0, 4).is_none());
        assert!(Ring::new(4, 0).is_none());
        assert!(Ring::new(usize::MAX, 2).is_none());
        assert!(Ring::new(1 << 16, 1 << 16).is_none());
        assert_eq!(Ring::new(3, 1).unwrap().free(), 0);
    }

    #[test]
    fn one_place_stays_free_and_a_span_wraps() {
        let ring = Ring::new(4, 5).unwrap();
        assert_eq!((ring.free(), ring.waiting(0), ring.next(0)), (4, 0, None));
        assert_eq!(ring.insertable(9), Span { first: 0..16, second: 0..0 });
        assert!(ring.advance_head(16));
        assert_eq!((ring.free(), ring.waiting(0), ring.next(0)), (0, 4, Some(0)));
        assert!(ring.insertable(1).is_empty());
        assert_eq!(ring.retire(12, |_| ()), Ok(()));
        assert_eq!(ring.insertable(9), Span { first: 16..20, second: 0..8 });
        assert!(!ring.advance_head(16), "the head would reach the tail");
        assert!(ring.advance_head(12));
        assert_eq!(ring.consumable(12, 9), Span { first: 12..20, second: 0..8 });
        assert_eq!(ring.consumable(16, 2), Span { first: 16..20, second: 0..4 });
    }

    #[test]
    fn bytes_keep_two_places_free_unless_inserted_at_once() {
        let ring = Ring::new(1, 4).unwrap();
        assert_eq!(ring.free(), 3);
        assert!(ring.advance_head(2));
        assert_eq!(ring.free(), 0);
        assert!(ring.advance_head(1));
        assert_eq!(ring.waiting(0), 3);
    }

    #[test]
    fn tails_that_cannot_be_the_oldest() {
        let ring = Ring::new(4, 5).unwrap();
        assert!(ring.advance_head(10), "two elements and a half");
        let destroyed = Cell::new(0);
        let destroy = |_| destroyed.set(destroyed.get() + 1);
        for tail in [1, 10, 12, 16, 20, u32::MAX] {
            assert_eq!(ring.retire(tail, destroy), Err(NoSuchTail), "{tail}");
        }
        assert_eq!((destroyed.get(), ring.oldest_tail()), (0, 0));
        assert_eq!((ring.waiting(20), ring.next(20), ring.next(18)), (0, None, None));
        assert_eq!(ring.skip_to(20), Err(NoSuchTail));
        ring.retire_all(destroy);
        assert_eq!((destroyed.get(), ring.oldest_tail()), (2, 8));
    }

    #[test]
    fn a_destructor_may_look_at_the_ring() {
        let ring = Ring::new(2, 4).unwrap();
        assert!(ring.advance_head(6));
        let mut seen = Vec::new();
        let retired = ring.retire(6, |at| seen.push((at, ring.waiting(ring.oldest_tail()), ring.free())));
        assert_eq!(retired, Ok(()));
        assert_eq!(seen, [(0, 3, 0), (2, 2, 1), (4, 1, 2)]);
    }

    /// What one step does to the ring and to the model.
    #[derive(Clone, Debug)]
    enum Step {
        Insert(usize),
        Consume { who: usize, count: usize },
        Forget,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..9usize).prop_map(Step::Insert),
            (0..3usize, 0..9usize).prop_map(|(who, count)| Step::Consume { who, count }),
            Just(Step::Forget),
        ];
        proptest::collection::vec(step, 0..200)
    }

    /// The bytes at `place`, by the address that C gets.
    fn places(ring: &Ring, span: &Span) -> Vec<usize> {
        let bytes: Vec<usize> = span.first.clone().chain(span.second.clone()).collect();
        bytes.iter().copied().step_by(ring.element() as usize).collect()
    }

    proptest! {
        /// Three consumers read all that is inserted, each in order; what the slowest has read is destroyed, once.
        #[test]
        fn as_a_queue_with_cursors(element in 2..6usize, count in 1..9usize, steps in steps()) {
            let ring = Ring::new(element, count).unwrap();
            // Serial numbers by place stand for the elements' content.
            let mut content = vec![None; element * count];
            let mut queue: VecDeque<u32> = VecDeque::new();
            let (mut inserted, mut destroyed) = (0_u32, 0_u32);
            let mut tails = [0_u32; 3];
            let mut read = [0_u32; 3];

            for step in steps {
                match step {
                    Step::Insert(wanted) => {
                        let span = ring.insertable(wanted);
                        prop_assert_eq!(span.len(), element * wanted.min(count - 1 - queue.len()));
                        for at in places(&ring, &span) {
                            prop_assert_eq!(content[at].replace(inserted), None, "a place that is in use");
                            queue.push_back(inserted);
                            inserted += 1;
                        }
                        prop_assert!(ring.advance_head(span.len()));
                    }
                    Step::Consume { who, count } => {
                        let span = ring.consumable(tails[who], count);
                        prop_assert_eq!(ring.next(tails[who]).is_some(), read[who] < inserted);
                        for at in places(&ring, &span) {
                            prop_assert_eq!(content[at], Some(read[who]));
                            read[who] += 1;
                        }
                        tails[who] = ring.after(tails[who], span.len());
                    }
                    Step::Forget => {
                        let slowest = (0..3).max_by_key(|who| ring.waiting(tails[*who])).unwrap();
                        let retired = ring.retire(tails[slowest], |at| {
                            assert_eq!(content[at].take(), Some(destroyed));
                            assert_eq!(queue.pop_front(), Some(destroyed));
                            destroyed += 1;
                        });
                        prop_assert_eq!(retired, Ok(()));
                        prop_assert_eq!(destroyed, *read.iter().min().unwrap());
                    }
                }
                prop_assert_eq!(ring.waiting(ring.oldest_tail()), queue.len());
                for who in 0..3 {
                    prop_assert_eq!(ring.waiting(tails[who]), (inserted - read[who]) as usize);
                }
            }
            ring.retire_all(|at| {
                assert_eq!(content[at].take(), Some(destroyed));
                destroyed += 1;
            });
            prop_assert_eq!(destroyed, inserted);
            prop_assert!(content.iter().all(Option::is_none));
        }
    }
}
