//! The two directions in memory, and the h2 crate's side of them.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::util::byte_queue::ByteQueue;

/// Plaintext bytes waiting to be sent above which no more frames are produced.
pub const HIGH_WATER: usize = 256 * 1024;

/// The two directions in memory.
pub(super) struct Pipe {
    pub(super) inbound: BytesMut,
    pub(super) outbound: ByteQueue,
    pub(super) eof: bool,
}

/// The h2 crate's side of the pipe.
pub(super) struct MemIo(pub(super) Rc<RefCell<Pipe>>);

impl AsyncRead for MemIo {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.0.borrow_mut();
        let n = pipe.inbound.len().min(buf.remaining());
        if n == 0 && !pipe.eof {
            return Poll::Pending;
        }
        buf.put_slice(&pipe.inbound[..n]);
        pipe.inbound.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MemIo {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.borrow_mut();
        if pipe.outbound.len() >= HIGH_WATER {
            return Poll::Pending;
        }
        pipe.outbound.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.borrow_mut();
        if pipe.outbound.len() >= HIGH_WATER {
            return Poll::Pending;
        }
        let before = pipe.outbound.len();
        for buf in bufs {
            pipe.outbound.extend_from_slice(buf);
        }
        Poll::Ready(Ok(pipe.outbound.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
