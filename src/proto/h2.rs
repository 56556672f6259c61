//! The server side of HTTP/2: the `h2` crate driven over memory.
//!
//! Plaintext goes in with [`H2Server::receive`], requests come out of [`H2Server::poll`], and what is to be
//! sent collects in [`H2Server::output`]. Nothing is polled by a runtime: after any call that may have
//! produced frames (a poll, or a stream's send) call `poll` again until it says [`Event::Idle`], then send the
//! output. While more than [`HIGH_WATER`] bytes wait there, `poll` moves no more: the peer's pace decides.
//!
//! Streams are polled only when woken: each method that can wait takes the stream's [`StreamWaker`], which puts the
//! stream's id on the connection's [`WakeQueue`].

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use ::h2::server::{Builder, Connection, Handshake, SendResponse};
use ::h2::{Reason, RecvStream, SendStream};
use ::http::request::Parts;
use ::http::{Response, StatusCode};
use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proto::http::response::ResponseHead;
use crate::util::byte_queue::{ByteQueue, Spares};
use crate::util::slots::Id;

/// The client connection preface (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Plaintext bytes waiting to be sent above which no more frames are produced.
pub const HIGH_WATER: usize = 256 * 1024;

/// Body bytes one stream may have waiting for credit before it stops being writeable.
const STREAM_BUFFER: usize = 256 * 1024;

/// What the server announces and bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct H2Settings {
    /// SETTINGS_HEADER_TABLE_SIZE, bytes; `None` leaves the protocol's default.
    pub header_table_size: Option<u32>,
    /// SETTINGS_MAX_CONCURRENT_STREAMS.
    pub max_concurrent_streams: u32,
    /// SETTINGS_INITIAL_WINDOW_SIZE, bytes.
    pub initial_window: u32,
    /// The connection's receive window, bytes.
    pub connection_window: u32,
    /// SETTINGS_MAX_FRAME_SIZE, bytes, 16384 to 16777215.
    pub max_frame_size: u32,
    /// SETTINGS_MAX_HEADER_LIST_SIZE, bytes.
    pub max_header_list: u32,
}

impl Default for H2Settings {
    fn default() -> Self {
        Self {
            header_table_size: None,
            max_concurrent_streams: 100,
            initial_window: 256 * 1024,
            connection_window: 1024 * 1024,
            max_frame_size: 16 * 1024,
            max_header_list: 16 * 1024,
        }
    }
}

/// What a poll found.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is received; boxes cost more than the moves"
)]
pub enum Event {
    /// A request; the stream answers it.
    Request(Parts, H2Stream),
    /// Nothing more for now.
    Idle,
    /// The connection is over; send the output (it may hold a GOAWAY) and close. The text says why, unless the
    /// end was orderly.
    Closed(Option<String>),
}

/// One connection.
pub struct H2Server {
    state: State,
    pipe: Rc<RefCell<Pipe>>,
    wakes: Arc<WakeQueue>,
}

enum State {
    Handshaking(Box<Handshake<MemIo, Bytes>>),
    Open(Box<Connection<MemIo, Bytes>>),
    Over,
}

impl H2Server {
    /// A connection on which nothing has been received, not even the preface. Output collects in buffers from `spares`.
    #[must_use]
    pub fn new(settings: &H2Settings, spares: &Spares) -> Self {
        let pipe = Pipe { inbound: BytesMut::new(), outbound: ByteQueue::new(spares), eof: false };
        let pipe = Rc::new(RefCell::new(pipe));
        let mut builder = Builder::new();
        builder
            .max_concurrent_streams(settings.max_concurrent_streams)
            .initial_window_size(settings.initial_window)
            .initial_connection_window_size(settings.connection_window)
            .max_frame_size(settings.max_frame_size)
            .max_header_list_size(settings.max_header_list)
            .max_send_buffer_size(STREAM_BUFFER);
        if let Some(size) = settings.header_table_size {
            builder.header_table_size(size);
        }
        let handshake = builder.handshake(MemIo(Rc::clone(&pipe)));
        Self { state: State::Handshaking(Box::new(handshake)), pipe, wakes: Arc::default() }
    }

    /// Plaintext from the peer goes in by `fill`, which appends to the buffer it is given.
    pub fn receive<R>(&mut self, fill: impl FnOnce(&mut BytesMut) -> R) -> R {
        fill(&mut self.pipe.borrow_mut().inbound)
    }

    /// The peer sends nothing any more.
    pub fn receive_eof(&mut self) {
        self.pipe.borrow_mut().eof = true;
    }

    /// Moves frames both ways and says what happened; call until it says [`Event::Idle`] or [`Event::Closed`].
    /// Without `accept`, new requests stay where they are until a later call takes them.
    pub fn poll(&mut self, accept: bool) -> Event {
        let mut cx = Context::from_waker(Waker::noop());
        if let State::Handshaking(handshake) = &mut self.state {
            match Pin::new(handshake.as_mut()).poll(&mut cx) {
                Poll::Pending => return Event::Idle,
                Poll::Ready(Ok(connection)) => self.state = State::Open(Box::new(connection)),
                Poll::Ready(Err(error)) => return self.over(Some(&error)),
            }
        }
        let State::Open(connection) = &mut self.state else { return Event::Closed(None) };
        if !accept {
            return match connection.poll_closed(&mut cx) {
                Poll::Pending => Event::Idle,
                Poll::Ready(Ok(())) => self.over(None),
                Poll::Ready(Err(error)) => self.over(Some(&error)),
            };
        }
        match connection.poll_accept(&mut cx) {
            Poll::Pending => Event::Idle,
            Poll::Ready(None) => self.over(None),
            Poll::Ready(Some(Err(error))) => self.over(Some(&error)),
            Poll::Ready(Some(Ok((request, respond)))) => {
                let (parts, body) = request.into_parts();
                Event::Request(parts, H2Stream::new(respond, body))
            }
        }
    }

    /// What is to be sent, oldest first; the caller takes from the front.
    pub fn output<R>(&mut self, take: impl FnOnce(&mut ByteQueue) -> R) -> R {
        take(&mut self.pipe.borrow_mut().outbound)
    }

    /// Bytes in the output.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.pipe.borrow().outbound.len()
    }

    /// Bytes received that have not been looked at: the peer does not take our output, so its frames wait.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.pipe.borrow().inbound.len()
    }

    /// Gives memory back that an idle connection does not need.
    pub fn shrink(&mut self) {
        let mut pipe = self.pipe.borrow_mut();
        if pipe.inbound.is_empty() {
            pipe.inbound = BytesMut::new();
        }
    }

    /// Ends the connection by our own wish: a GOAWAY without an error is in the output afterwards.
    pub fn go_away(&mut self) {
        if let State::Open(connection) = &mut self.state {
            connection.abrupt_shutdown(Reason::NO_ERROR);
            self.poll(false);
        }
    }

    /// Where this connection's streams report.
    #[must_use]
    pub fn wakes(&self) -> Arc<WakeQueue> {
        Arc::clone(&self.wakes)
    }

    fn over(&mut self, error: Option<&::h2::Error>) -> Event {
        self.state = State::Over;
        Event::Closed(error.filter(|error| !is_orderly(error)).map(ToString::to_string))
    }
}

/// Whether the peer ended the connection as it may: GOAWAY with NO_ERROR, or closing the socket.
fn is_orderly(error: &::h2::Error) -> bool {
    error.is_io() || error.reason() == Some(Reason::NO_ERROR)
}

/// One stream, from the server's side. Dropping it before the response is complete resets the stream.
pub struct H2Stream {
    respond: SendResponse<Bytes>,
    send: Option<SendStream<Bytes>>,
    body: Option<RecvStream>,
    /// Bytes sent since the stream was last found to have credit.
    unsettled: usize,
    ended: bool,
}

/// What a stream has received.
pub enum Received {
    /// A piece of the body. Tell [`H2Stream::release`] when it has been consumed.
    Data(Bytes),
    /// The body is complete.
    End,
    /// Nothing yet; the waker will tell.
    Pending,
    /// The peer reset the stream, or the connection failed.
    Reset,
}

/// The stream cannot send: it was reset, ended, or has no headers yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError(pub String);

impl From<::h2::Error> for SendError {
    fn from(error: ::h2::Error) -> Self {
        Self(error.to_string())
    }
}

/// Body bytes up to which a stream that has sent no more is writeable without asking for credit.
const FREE_WRITE: usize = 16 * 1024;

impl H2Stream {
    fn new(respond: SendResponse<Bytes>, body: RecvStream) -> Self {
        let body = (!body.is_end_stream()).then_some(body);
        Self { respond, send: None, body, unsettled: 0, ended: false }
    }

    /// The stream identifier.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.respond.stream_id().as_u32()
    }

    /// Whether a body is still to come.
    #[must_use]
    pub fn expects_body(&self) -> bool {
        self.body.is_some()
    }

    /// Whether the response has been sent to its end.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether the response's headers have been sent.
    #[must_use]
    pub fn has_headers(&self) -> bool {
        self.send.is_some()
    }

    /// Sends `100 Continue`.
    pub fn send_continue(&mut self) -> Result<(), SendError> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::CONTINUE;
        Ok(self.respond.send_informational(response)?)
    }

    /// Sends the response's headers; with `end`, there is no body.
    pub fn send_headers(&mut self, head: ResponseHead, end: bool) -> Result<(), SendError> {
        let mut response = Response::new(());
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        self.send = Some(self.respond.send_response(response, end)?);
        self.ended = end;
        Ok(())
    }

    /// Queues body bytes of any size; they leave as credit allows.
    pub fn send_data(&mut self, data: Bytes, end: bool) -> Result<(), SendError> {
        let send = self.send.as_mut().ok_or_else(|| SendError("body before headers".into()))?;
        if self.ended {
            return Err(SendError("body after the end of the stream".into()));
        }
        self.unsettled += data.len();
        send.send_data(data, end)?;
        self.ended = end;
        Ok(())
    }

    /// Resets the stream.
    pub fn reset(&mut self, reason: Reason) {
        match &mut self.send {
            Some(send) => send.send_reset(reason),
            None => self.respond.send_reset(reason),
        }
        self.ended = true;
    }

    /// Whether the program may write more now; if not, the waker tells when.
    pub fn poll_writeable(&mut self, waker: &StreamWaker) -> bool {
        let Some(send) = &mut self.send else { return true };
        if self.unsettled <= FREE_WRITE || self.ended {
            return true;
        }
        send.reserve_capacity(1);
        if send.capacity() > 0 {
            self.unsettled = 0;
            return true;
        }
        let waker = waker.waker();
        let mut cx = Context::from_waker(&waker);
        // Capacity that comes and is used up at once is told as ready with 0: look again then.
        while let Poll::Ready(news) = send.poll_capacity(&mut cx) {
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

    /// The next piece of the request's body.
    pub fn poll_body(&mut self, waker: &StreamWaker) -> Received {
        let Some(body) = &mut self.body else { return Received::End };
        let waker = waker.waker();
        let mut cx = Context::from_waker(&waker);
        match body.poll_data(&mut cx) {
            Poll::Pending => Received::Pending,
            Poll::Ready(Some(Ok(data))) => Received::Data(data),
            Poll::Ready(Some(Err(_))) => Received::Reset,
            Poll::Ready(None) => {
                self.body = None;
                Received::End
            }
        }
    }

    /// Gives the peer back credit for `len` body bytes.
    pub fn release(&mut self, len: usize) {
        if let Some(body) = &mut self.body {
            // Fails only when the stream is gone, and its credit with it.
            let _ = body.flow_control().release_capacity(len);
        }
    }

    /// Whether the peer has reset the stream; if not, the waker tells when.
    pub fn poll_reset(&mut self, waker: &StreamWaker) -> bool {
        let waker = waker.waker();
        let mut cx = Context::from_waker(&waker);
        match &mut self.send {
            Some(send) => send.poll_reset(&mut cx).is_ready(),
            None => self.respond.poll_reset(&mut cx).is_ready(),
        }
    }
}

/// The streams of one connection that have news.
#[derive(Debug, Default)]
pub struct WakeQueue(Mutex<Vec<Id>>);

impl WakeQueue {
    /// Takes the ids that were woken since the last call, each at least once.
    pub fn take(&self, into: &mut Vec<Id>) {
        into.append(&mut self.0.lock());
    }
}

/// Puts one stream on its connection's [`WakeQueue`]. Made on first use: most streams never wait.
#[derive(Debug)]
pub struct StreamWaker {
    id: Id,
    queue: Arc<WakeQueue>,
    made: std::cell::OnceCell<Arc<Wakeup>>,
}

impl StreamWaker {
    /// The waker of stream `id`.
    #[must_use]
    pub fn new(id: Id, queue: Arc<WakeQueue>) -> Self {
        Self { id, queue, made: std::cell::OnceCell::new() }
    }

    fn waker(&self) -> Waker {
        let wakeup = self.made.get_or_init(|| {
            Arc::new(Wakeup { id: self.id, queue: Arc::clone(&self.queue), queued: AtomicBool::new(false) })
        });
        wakeup.queued.store(false, Ordering::Relaxed);
        Waker::from(Arc::clone(wakeup))
    }
}

#[derive(Debug)]
struct Wakeup {
    id: Id,
    queue: Arc<WakeQueue>,
    queued: AtomicBool,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.queue.0.lock().push(self.id);
        }
    }
}

/// The two directions in memory.
struct Pipe {
    inbound: BytesMut,
    outbound: ByteQueue,
    eof: bool,
}

/// The h2 crate's side of the pipe.
struct MemIo(Rc<RefCell<Pipe>>);

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
