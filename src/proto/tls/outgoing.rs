//! The queue of ciphertext between rustls and the socket.

use std::io;

use rustls::unbuffered::{EncodeError, EncryptError, InsufficientSizeError};

use super::{ErrorKind, TlsError};
use crate::util::byte_queue::{ByteQueue, Spares};

/// Ciphertext that waits for the socket: contiguous, so that one write takes all of it, and without
/// memory while it is empty, because most connections are idle most of the time.
#[derive(Default)]
pub(super) struct Outgoing(ByteQueue);

/// Why an encoder of rustls has not written.
pub(super) enum Refusal {
    TooSmall(InsufficientSizeError),
    Failed(TlsError),
}

impl Outgoing {
    pub(super) fn new(spares: &Spares) -> Self {
        Self(ByteQueue::new(spares))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Makes room for `additional` bytes at once, in front of a series of [`append`](Self::append)s.
    pub(super) fn reserve(&mut self, additional: usize) {
        self.0.room(additional);
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Lets `encode` append up to `room` bytes; called again with what it needs if it says that this
    /// is too small.
    pub(super) fn append<E: Into<Refusal>>(
        &mut self,
        mut room: usize,
        mut encode: impl FnMut(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), TlsError> {
        loop {
            let result = encode(self.0.room(room)).map_err(Into::into);
            self.0.commit(*result.as_ref().unwrap_or(&0));
            match result {
                Ok(_) => return Ok(()),
                Err(Refusal::TooSmall(size)) if size.required_size > room => {
                    room = size.required_size;
                }
                Err(Refusal::TooSmall(_)) => {
                    return Err(TlsError::new(ErrorKind::Internal, "TLS record larger than its own size"));
                }
                Err(Refusal::Failed(error)) => return Err(error),
            }
        }
    }

    /// Writes until the queue is empty or `out` takes less than it was offered.
    pub(super) fn write_to(&mut self, out: &mut dyn io::Write) -> io::Result<usize> {
        let before = self.len();
        while !self.0.is_empty() {
            match out.write(&self.0) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    let short = taken < self.len();
                    self.0.advance(taken);
                    if short {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(before - self.len())
    }
}

impl From<EncodeError> for Refusal {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(size) => Self::TooSmall(size),
            EncodeError::AlreadyEncoded => {
                Self::Failed(TlsError::new(ErrorKind::Internal, error.to_string()))
            }
        }
    }
}

impl From<EncryptError> for Refusal {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(size) => Self::TooSmall(size),
            EncryptError::EncryptExhausted => Self::Failed(TlsError::new(
                ErrorKind::Internal,
                "the keys of this TLS 1.2 session have encrypted all they may",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most `room` bytes, then would block.
    struct Narrow {
        room: usize,
        taken: Vec<u8>,
    }

    impl io::Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.room);
            if n == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.room -= n;
            self.taken.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn order_is_kept_over_short_writes_and_appends_between_them() {
        let mut queue = Outgoing::default();
        let mut socket = Narrow { room: 0, taken: Vec::new() };
        let mut expected = Vec::new();
        for round in 0..200u32 {
            let chunk: Vec<u8> = (0..round % 97).map(|i| (i * 7 + round) as u8).collect();
            expected.extend_from_slice(&chunk);
            queue.reserve(chunk.len());
            queue.push(&chunk);
            socket.room = 41;
            queue.write_to(&mut socket).unwrap();
            assert_eq!(queue.len() + socket.taken.len(), expected.len());
        }
        socket.room = usize::MAX;
        queue.write_to(&mut socket).unwrap();
        assert_eq!(socket.taken, expected);
    }

    #[test]
    fn a_full_socket_is_no_error_and_a_broken_one_is() {
        struct Broken;
        impl io::Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut queue = Outgoing::default();
        assert_eq!(queue.write_to(&mut Broken).unwrap(), 0);
        queue.push(b"x");
        let mut full = Narrow { room: 0, taken: Vec::new() };
        assert_eq!(queue.write_to(&mut full).unwrap(), 0);
        assert_eq!(queue.write_to(&mut Broken).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn an_encoder_gets_the_room_it_asks_for() {
        let mut queue = Outgoing::default();
        queue.push(b"ab");
        queue
            .append(1, |room| {
                if room.len() < 3 {
                    return Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size: 3 }));
                }
                room[..3].copy_from_slice(b"cde");
                Ok(3)
            })
            .unwrap();
        assert_eq!(*queue.0, *b"abcde");
        let failed = queue.append(1, |_| Err(EncryptError::EncryptExhausted));
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(*queue.0, *b"abcde");
    }
}
