//! Copies of what is to be sent, in blocks that are used again.
//!
//! A program that writes large bodies makes and drops megabytes of copies; from the allocator, each would be pages new
//! from the kernel.

use std::cell::RefCell;
use std::io::IoSliceMut;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

/// Bytes of a block: what an HTTP/2 frame and a TLS record carry.
pub const BLOCK: usize = 16 * 1024;

/// Shorter pieces are left to the allocator, but for the shortest.
pub const SHORT: usize = 4 * 1024;

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
        let mut memory = self.take();
        fill(&mut memory[..len]);
        self.lend(memory, len)
    }

    /// What `read` puts into `len` bytes of memory, from the front: it says how many, and is not asked for more. Each piece but
    /// the last is of a whole [`BLOCK`].
    pub fn read<E>(
        &self,
        len: usize,
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> Result<usize, E>,
    ) -> Result<Vec<Bytes>, E> {
        let mut blocks: Vec<_> = (0..len.div_ceil(BLOCK)).map(|_| self.take()).collect();
        let mut room: Vec<_> = blocks
            .iter_mut()
            .enumerate()
            .map(|(at, block)| IoSliceMut::new(&mut block[..BLOCK.min(len - at * BLOCK)]))
            .collect();
        let read = read(&mut room);
        let mut left = *read.as_ref().unwrap_or(&0);
        let mut pieces = Vec::with_capacity(blocks.len());
        for memory in blocks {
            let here = left.min(BLOCK);
            left -= here;
            // Those that were not filled go back.
            let piece = self.lend(memory, here);
            if here > 0 {
                pieces.push(piece);
            }
        }
        read.map(|_| pieces)
    }

    fn take(&self) -> Box<[u8]> {
        let spare = self.kept.lock().pop();
        spare.unwrap_or_else(|| vec![0; BLOCK].into_boxed_slice())
    }

    fn lend(&self, memory: Box<[u8]>, len: usize) -> Bytes {
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
    fn what_is_read_comes_in_blocks_and_the_rest_goes_back() {
        let blocks = Blocks::default();
        for (room, given) in [(1, 0), (1, 1), (BLOCK, 5), (BLOCK + 1, BLOCK), (3 * BLOCK, 2 * BLOCK + 7)] {
            let read = |slices: &mut [IoSliceMut<'_>]| {
                assert_eq!(slices.iter().map(|slice| slice.len()).sum::<usize>(), room);
                for slice in slices {
                    slice.fill(room as u8);
                }
                Ok::<_, ()>(given)
            };
            let pieces = blocks.read(room, read).unwrap();
            assert_eq!(pieces.concat(), vec![room as u8; given]);
            assert!(pieces.iter().rev().skip(1).all(|piece| piece.len() == BLOCK));
            drop(pieces);
        }
        assert_eq!(blocks.read(2 * BLOCK, |_| Err("no")), Err("no"));
        assert_eq!(blocks.kept.lock().len(), 3);
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
