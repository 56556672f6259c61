//! A queue of bytes in one piece, whose memory goes back to a pool whenever the queue is empty.
//!
//! Most connections are idle most of the time, and those that are not empty their queues many times a second: memory
//! that were freed and allocated each time would be fetched from the kernel each time, page by page.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

/// Buffers that are not in use, shared by the queues of one thread.
#[derive(Clone, Debug, Default)]
pub struct Spares(Rc<RefCell<Vec<Vec<u8>>>>);

impl Spares {
    /// Buffers kept; a drive of a connection uses two at once, and a nested one two more.
    const KEPT: usize = 4;
    /// Larger buffers are not kept.
    const LARGEST: usize = 512 * 1024;

    fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    fn give(&self, buffer: Vec<u8>) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < Self::KEPT && buffer.len() <= Self::LARGEST {
            kept.push(buffer);
        }
    }
}

/// See the module's text. Reads as the slice of what is in it.
#[derive(Debug, Default)]
pub struct ByteQueue {
    /// Initialised throughout, so that nothing is zeroed twice.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    spares: Option<Spares>,
}

impl ByteQueue {
    /// An empty queue, without memory. (Those made by default have no pool.)
    #[must_use]
    pub fn new(spares: &Spares) -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0, spares: Some(spares.clone()) }
    }

    /// Appends `bytes`.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.commit(bytes.len());
    }

    /// `len` bytes behind the end, of any content, for [`commit`](Self::commit).
    pub fn room(&mut self, len: usize) -> &mut [u8] {
        if let Some(spares) = self.spares.as_ref().filter(|_| self.bytes.is_empty()) {
            self.bytes = spares.take();
        }
        if self.bytes.len() - self.end < len {
            self.make_room(len);
        }
        &mut self.bytes[self.end..self.end + len]
    }

    /// Takes the first `len` bytes of the [`room`](Self::room) into the queue.
    ///
    /// # Panics
    /// When there was not so much room.
    pub fn commit(&mut self, len: usize) {
        assert!(len <= self.bytes.len() - self.end, "room is made before it is used");
        self.end += len;
        if self.start == self.end {
            self.release();
        }
    }

    /// Drops the first `len` bytes.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn advance(&mut self, len: usize) {
        assert!(len <= self.len(), "only what is there can be taken");
        self.start += len;
        if self.start == self.end {
            self.release();
        }
    }

    fn make_room(&mut self, len: usize) {
        // Moved only when that is less work than what was done to make the gap.
        if self.start >= self.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let need = self.end + len;
        if need > self.bytes.len() {
            self.bytes.resize(need.max(2 * self.bytes.len()), 0);
        }
    }

    fn release(&mut self) {
        self.start = 0;
        self.end = 0;
        let buffer = std::mem::take(&mut self.bytes);
        if let Some(spares) = self.spares.as_ref().filter(|_| !buffer.is_empty()) {
            spares.give(buffer);
        }
    }
}

impl Deref for ByteQueue {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

impl Drop for ByteQueue {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_over_appends_and_partial_takes() {
        let mut queue = ByteQueue::default();
        let (mut put, mut taken) = (Vec::new(), Vec::new());
        for round in 0..500_usize {
            let chunk: Vec<u8> = (0..round % 97).map(|i| (i * 7 + round) as u8).collect();
            queue.extend_from_slice(&chunk);
            put.extend_from_slice(&chunk);
            let take = queue.len().min(41);
            taken.extend_from_slice(&queue[..take]);
            queue.advance(take);
            assert_eq!(queue.len() + taken.len(), put.len());
        }
        taken.extend_from_slice(&queue);
        assert_eq!(taken, put);
    }

    #[test]
    fn memory_goes_to_the_next_and_none_is_held_when_empty() {
        let spares = Spares::default();
        let mut first = ByteQueue::new(&spares);
        first.extend_from_slice(&[1; 5000]);
        let at = first.as_ptr();
        first.advance(4999);
        assert_eq!(*first, [1]);
        first.advance(1);
        assert_eq!(first.bytes.capacity(), 0);
        let mut second = ByteQueue::new(&spares);
        second.extend_from_slice(b"x");
        assert_eq!(second.as_ptr(), at);
        drop(second);
        assert_eq!(spares.0.borrow().len(), 1);
    }

    #[test]
    fn what_is_not_committed_is_not_there() {
        let mut queue = ByteQueue::default();
        queue.room(10).fill(7);
        queue.commit(0);
        assert!(queue.is_empty());
        queue.room(10).fill(8);
        queue.commit(3);
        assert_eq!(*queue, [8; 3]);
    }

    #[test]
    fn few_and_no_giants_are_kept() {
        let spares = Spares::default();
        let mut queues: Vec<_> = (0..10).map(|_| ByteQueue::new(&spares)).collect();
        for queue in &mut queues {
            queue.extend_from_slice(&[0; 100]);
        }
        drop(queues);
        assert_eq!(spares.0.borrow().len(), Spares::KEPT);
        spares.0.borrow_mut().clear();
        let mut giant = ByteQueue::new(&spares);
        giant.extend_from_slice(&vec![0; Spares::LARGEST + 1]);
        drop(giant);
        assert!(spares.0.borrow().is_empty());
    }
}
