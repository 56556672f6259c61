//! Copies of what is to be sent, in blocks that are used again.
//!
//! A program that writes large bodies makes and drops megabytes of copies; from the allocator, each would be pages new
//! from the kernel.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// Bytes of a block: what an HTTP/2 frame and a TLS record carry.
pub const BLOCK: usize = 16 * 1024;

/// Shorter pieces are left to the allocator.
const SHORT: usize = 4 * 1024;

/// Blocks kept.
const KEPT: usize = 128;

/// Where blocks come from and go back to; the copies may outlive it.
#[derive(Clone, Debug, Default)]
pub struct Blocks(Arc<Mutex<Vec<Box<[u8]>>>>);

impl Blocks {
    /// A copy of `bytes`, of which there are at most [`BLOCK`].
    ///
    /// # Panics
    /// When there are more.
    #[must_use]
    pub fn copy(&self, bytes: &[u8]) -> Bytes {
        if bytes.len() < SHORT {
            return Bytes::copy_from_slice(bytes);
        }
        let spare = self.0.lock().pop();
        let mut memory = spare.unwrap_or_else(|| vec![0; BLOCK].into_boxed_slice());
        memory[..bytes.len()].copy_from_slice(bytes);
        Bytes::from_owner(Block { memory, len: bytes.len(), home: self.clone() })
    }
}

struct Block {
    memory: Box<[u8]>,
    len: usize,
    home: Blocks,
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut kept = self.home.0.lock();
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
        for len in [0, 1, SHORT - 1, SHORT, BLOCK - 1, BLOCK] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            assert_eq!(blocks.copy(&bytes), bytes);
        }
        let copy = blocks.copy(&[1; BLOCK]);
        let (at, half) = (copy.as_ptr(), copy.slice(BLOCK / 2..));
        drop(copy);
        assert!(blocks.0.lock().iter().all(|block| block.as_ptr() != at), "half of it is still in use");
        drop(half);
        assert_eq!(blocks.copy(&[2; SHORT]).as_ptr(), at);
    }

    #[test]
    fn a_bounded_number_is_kept() {
        let blocks = Blocks::default();
        let copies: Vec<_> = (0..KEPT + 10).map(|_| blocks.copy(&[0; BLOCK])).collect();
        drop(copies);
        assert_eq!(blocks.0.lock().len(), KEPT);
    }
}
