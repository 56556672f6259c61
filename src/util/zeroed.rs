//! Zeroed memory lent to C: aligned for any type, at a fixed address until dropped.

use std::cell::{Cell, RefCell};

/// A block of zeroed bytes, aligned to 16. Writing through [`Zeroed::as_ptr`] is what it is for.
#[derive(Debug)]
pub struct Zeroed {
    words: Box<[Cell<u128>]>,
    len: usize,
}

impl Zeroed {
    /// `len` zero bytes.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { words: vec![Cell::new(0); len.div_ceil(size_of::<u128>())].into_boxed_slice(), len }
    }

    /// `len` zero bytes, or `None` if there is no memory for them: for sizes that the program chose.
    #[must_use]
    pub fn try_new(len: usize) -> Option<Self> {
        let count = len.div_ceil(size_of::<u128>());
        let mut words = Vec::new();
        words.try_reserve_exact(count).ok()?;
        words.resize(count, Cell::new(0));
        Some(Self { words: words.into_boxed_slice(), len })
    }

    /// The block's address; NULL when it is empty.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        if self.len == 0 { std::ptr::null_mut() } else { self.words.as_ptr().cast_mut().cast() }
    }

    /// Bytes asked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no bytes were asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Small blocks that were given back, for those of their size that are wanted next: nearly always the same few.
#[derive(Debug, Default)]
pub struct ZeroedPool(RefCell<Vec<Zeroed>>);

impl ZeroedPool {
    const KEPT: usize = 4;
    /// Larger blocks are left to the allocator.
    const LARGEST: usize = 1024;

    /// `len` zero bytes.
    #[must_use]
    pub fn take(&self, len: usize) -> Zeroed {
        let mut kept = self.0.borrow_mut();
        match kept.iter().rposition(|block| block.len == len) {
            Some(at) => kept.swap_remove(at),
            None => Zeroed::new(len),
        }
    }

    /// Takes a block back.
    pub fn give(&self, block: Zeroed) {
        if block.len > Self::LARGEST {
            return;
        }
        for word in &block.words {
            word.set(0);
        }
        let mut kept = self.0.borrow_mut();
        if kept.len() == Self::KEPT {
            // The longest there, of a size that may not be wanted any more.
            kept.remove(0);
        }
        kept.push(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_zeroed_and_a_few_are_kept() {
        let pool = ZeroedPool::default();
        let block = pool.take(20);
        block.words.iter().for_each(|word| word.set(u128::MAX));
        let at = block.as_ptr();
        pool.give(block);
        assert_ne!(pool.take(21).as_ptr(), at);
        let again = pool.take(20);
        assert_eq!((again.as_ptr(), again.len()), (at, 20));
        assert!(again.words.iter().all(|word| word.get() == 0));
        for len in 1..10 {
            pool.give(Zeroed::new(len));
        }
        pool.give(Zeroed::new(ZeroedPool::LARGEST + 1));
        let kept: Vec<usize> = pool.0.borrow().iter().map(Zeroed::len).collect();
        assert_eq!(kept, [6, 7, 8, 9]);
    }

    #[test]
    fn aligned_and_null_when_empty() {
        for len in [1, 15, 16, 17, 1000] {
            let block = Zeroed::new(len);
            assert_eq!(block.as_ptr() as usize % 16, 0);
            assert_eq!(block.len(), len);
        }
        assert!(Zeroed::new(0).as_ptr().is_null());
    }
}
