//! Copies of what is to be sent, in blocks that are used again.
//!
//! A program that writes large bodies makes and drops megabytes of copies; from the allocator, each would be pages new
//! from the kernel.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

/// Bytes of a block: what an HTTP/2 frame and a TLS record carry.
pub const BLOCK: usize = 16 * 1024;

/// Shorter pieces are left to the allocator, but for the shortest.
const SHORT: usize = 4 * 1024;

/// Pieces up to this size lie side by side in shared memory.
const SCRAP: usize = 256;

/// Bytes of such shared memory. A piece that the peer does not take holds all of it, hence not more.
const SHARED: usize = 4 * 1024;

/// Blocks kept.
const KEPT: usize = 128;

/// Where blocks come from and go back to; the copies may outlive it.
#[derive(Debug, Default)]
pub struct Blocks {
    kept: Arc<Mutex<Vec<Box<[u8]>>>>,
    scraps: RefCell<BytesMut>,
}

impl Blocks {
    /// A copy of `bytes`, of which there are at most [`BLOCK`].
    ///
    /// # Panics
    /// When there are more.
    #[must_use]
    pub fn copy(&self, bytes: &[u8]) -> Bytes {
        self.make(bytes.len(), |place| place.copy_from_slice(bytes))
    }

    /// `len` bytes, at most [`BLOCK`], of what `fill` writes into all of its room.
    ///
    /// # Panics
    /// When they are to be more.
    #[must_use]
    pub fn make(&self, len: usize, fill: impl FnOnce(&mut [u8])) -> Bytes {
        if len <= SCRAP {
            return self.scrap(len, fill);
        }
        if len < SHORT {
            let mut memory = vec![0; len];
            fill(&mut memory);
            return memory.into();
        }
        let spare = self.kept.lock().pop();
        let mut memory = spare.unwrap_or_else(|| vec![0; BLOCK].into_boxed_slice());
        fill(&mut memory[..len]);
        Bytes::from_owner(Block { memory, len, home: Arc::clone(&self.kept) })
    }

    /// For a piece so short, an allocation of its own costs more than the copy.
    fn scrap(&self, len: usize, fill: impl FnOnce(&mut [u8])) -> Bytes {
        let mut scraps = self.scraps.borrow_mut();
        if scraps.capacity() < len && !scraps.try_reclaim(len) {
            *scraps = BytesMut::with_capacity(SHARED);
        }
        scraps.resize(len, 0);
        fill(&mut scraps);
        scraps.split().freeze()
    }
}

struct Block {
    memory: Box<[u8]>,
    len: usize,
    home: Arc<Mutex<Vec<Box<[u8]>>>>,
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut kept = self.home.lock();
        if kept.len() < KEPT {
            kept.push(std::mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_copies_and_blocks_come_back_when_the_last_handle_goes() {
        let blocks = Blocks::default();
        for len in [0, 1, SCRAP, SCRAP + 1, SHORT - 1, SHORT, BLOCK - 1, BLOCK] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            assert_eq!(blocks.copy(&bytes), bytes);
        }
        let copy = blocks.copy(&[1; BLOCK]);
        let (at, half) = (copy.as_ptr(), copy.slice(BLOCK / 2..));
        drop(copy);
        assert!(blocks.kept.lock().iter().all(|block| block.as_ptr() != at), "half of it is still in use");
        drop(half);
        assert_eq!(blocks.copy(&[2; SHORT]).as_ptr(), at);
    }

    #[test]
    fn scraps_share_memory_and_do_not_change() {
        let blocks = Blocks::default();
        let copies: Vec<_> = (0..1000_usize).map(|n| blocks.copy(&[n as u8; 7])).collect();
        assert_eq!(copies[0].as_ptr().wrapping_add(7), copies[1].as_ptr());
        for (n, copy) in copies.iter().enumerate() {
            assert_eq!(copy[..], [n as u8; 7]);
        }
        drop(copies);
        // What nobody holds is used again.
        let mut places: Vec<_> = (0..10_000).map(|_| blocks.copy(b"x").as_ptr()).collect();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() <= SHARED, "{}", places.len());
    }

    #[test]
    fn a_bounded_number_is_kept() {
        let blocks = Blocks::default();
        let copies: Vec<_> = (0..KEPT + 10).map(|_| blocks.copy(&[0; BLOCK])).collect();
        drop(copies);
        assert_eq!(blocks.kept.lock().len(), KEPT);
    }
}
