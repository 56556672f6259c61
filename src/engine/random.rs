//! Unpredictable bytes, taken from the system many at a time: a WebSocket client masks every frame with four of them
//! (RFC 6455 §5.3), and a system call each would cost more than the frame.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// Bytes taken from the system at a time: masks of 256 frames.
const POOL: usize = 1024;

/// Bytes of the system's that nobody has had yet.
#[derive(Default)]
pub struct Random {
    pool: Box<[u8]>,
    /// How many of them are left, at the end.
    left: usize,
}

impl Random {
    /// The next `N` bytes, at most a pool of them. Fails only where the system has no randomness to give.
    pub fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        const { assert!(N <= POOL) };
        if self.left < N {
            self.refill()?;
        }
        let at = self.pool.len() - self.left;
        self.left -= N;
        let mut taken = [0; N];
        taken.copy_from_slice(&self.pool[at..at + N]);
        // What one frame was masked with is no use to anybody who reads this memory later.
        self.pool[at..at + N].fill(0);
        Ok(taken)
    }

    fn refill(&mut self) -> io::Result<()> {
        if self.pool.is_empty() {
            self.pool = vec![0; POOL].into_boxed_slice();
        }
        self.left = 0;
        let mut filled = 0;
        while filled < POOL {
            match getrandom(&mut self.pool[filled..], GetRandomFlags::empty()) {
                Ok(n) => filled += n,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.left = POOL;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_twice() {
        let mut random = Random::default();
        let mut seen: HashSet<[u8; 16]> = HashSet::new();
        // Over several pools, and in pieces that do not divide one.
        for _ in 0..POOL {
            random.take::<3>().unwrap();
            assert!(seen.insert(random.take().unwrap()));
        }
    }
}
