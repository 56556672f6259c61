//! The half of a stream that sends a body.

use std::task::{Context, Poll};

use ::h2::{Reason, SendStream};
use bytes::Bytes;

use super::wake::StreamWaker;
use super::{FREE_WRITE, STREAM_BUFFER, SendError};

/// Sends one body, after the head is sent.
pub(super) struct Sender {
    stream: SendStream<Bytes>,
    /// Bytes sent since the stream was last found to have credit.
    unsettled: usize,
    ended: bool,
}

impl Sender {
    /// With `ended`, the head was all there is.
    pub(super) fn new(stream: SendStream<Bytes>, ended: bool) -> Self {
        Self { stream, unsettled: 0, ended }
    }

    pub(super) fn id(&self) -> u32 {
        self.stream.stream_id().as_u32()
    }

    pub(super) fn backlog(&self) -> usize {
        self.unsettled
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Queues body bytes of any size; they leave as credit allows.
    pub(super) fn send_data(&mut self, data: Bytes, end: bool) -> Result<(), SendError> {
        if self.ended {
            return Err(SendError("body after the end of the stream".into()));
        }
        self.unsettled += data.len();
        self.stream.send_data(data, end)?;
        self.ended = end;
        Ok(())
    }

    /// Whether the program may write more now; if not, the waker tells when.
    pub(super) fn poll_writeable(&mut self, waker: &StreamWaker) -> bool {
        if self.unsettled <= FREE_WRITE || self.ended {
            return true;
        }
        self.stream.reserve_capacity(1);
        if self.stream.capacity() > 0 {
            self.unsettled = 0;
            return true;
        }
        let waker = waker.waker();
        let mut cx = Context::from_waker(&waker);
        // Capacity that comes and is used up at once is told as ready with 0: look again then.
        while let Poll::Ready(news) = self.stream.poll_capacity(&mut cx) {
            match news {
                Some(Ok(0)) => {}
                Some(Ok(_)) => {
                    self.unsettled = 0;
                    return true;
                }
                // Reset or over: the next write will say so.
                Some(Err(_)) | None => return true,
            }
        }
        false
    }

    /// Body bytes that would leave without waiting for the peer's credit.
    pub(super) fn credit(&mut self) -> usize {
        if self.ended {
            return 0;
        }
        // The protocol gives a stream credit only as it asks; what is asked too much is given back.
        self.stream.reserve_capacity(STREAM_BUFFER);
        let credit = self.stream.capacity();
        self.stream.reserve_capacity(usize::from(self.unsettled > FREE_WRITE));
        credit
    }

    /// Whether the peer has reset the stream; if not, the waker tells when.
    pub(super) fn poll_reset(&mut self, waker: &StreamWaker) -> bool {
        let waker = waker.waker();
        self.stream.poll_reset(&mut Context::from_waker(&waker)).is_ready()
    }

    pub(super) fn reset(&mut self, reason: Reason) {
        self.stream.send_reset(reason);
        self.ended = true;
    }
}
