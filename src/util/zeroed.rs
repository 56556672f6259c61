//! Zeroed memory lent to C: aligned for any type, at a fixed address until dropped.

use std::cell::Cell;

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

#[cfg(test)]
mod tests {
    use super::*;

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
