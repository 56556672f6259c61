//! The client side of a connection, and its streams.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ::h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use ::h2::{Reason, RecvStream};
use ::http::Request;
use ::http::header::CONTENT_LENGTH;
use ::http::response::Parts;
use bytes::{Bytes, BytesMut};

use super::ping::Pinger;
use super::pipe::{Gate, MemIo, Pipe};
use super::sender::Sender;
use super::wake::{StreamWaker, WakeQueue};
use super::{Received, STREAM_BUFFER, SendError, is_orderly};
use crate::proto::http::response::parse_length;
use crate::util::byte_queue::{ByteQueue, Spares};

/// What the client announces and bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct H2ClientSettings {
    /// SETTINGS_HEADER_TABLE_SIZE, bytes; `None` leaves the protocol's default.
    pub header_table_size: Option<u32>,
    /// SETTINGS_INITIAL_WINDOW_SIZE, bytes: what a stream may bring before [`H2ClientStream::release`] is called.
    pub initial_window: u32,
    /// The connection's receive window, bytes.
    pub connection_window: u32,
    /// SETTINGS_MAX_FRAME_SIZE, bytes, 16384 to 16777215.
    pub max_frame_size: u32,
    /// SETTINGS_MAX_HEADER_LIST_SIZE, bytes. A response whose head is larger fails.
    pub max_header_list: u32,
}

impl Default for H2ClientSettings {
    /// Windows that a server on this machine does not run dry while a turn of the loop reads: with a stream's at 1 MiB
    /// a download took three times as long at worst. A stream that the program pauses may hold as much in memory.
    fn default() -> Self {
        Self {
            header_table_size: None,
            initial_window: 8 * 1024 * 1024,
            connection_window: 16 * 1024 * 1024,
            max_frame_size: 64 * 1024,
            max_header_list: 16 * 1024,
        }
    }
}

/// What a poll found.
#[derive(Debug)]
pub enum ClientEvent {
    /// [`H2Client::open`] is worth calling: a stream may be opened, or it will say that none can be any more. Comes
    /// once at the start and once after each [`OpenError::Full`].
    Ready,
    /// Nothing more for now.
    Idle,
    /// The connection is over; send the output (it may hold a GOAWAY) and close. The text says why, unless the
    /// end was orderly. Streams that had not ended have failed, and say so when they are polled.
    Closed(Option<String>),
}

/// Why no stream was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The peer takes no more streams at a time, or has not said how many it takes: [`ClientEvent::Ready`] tells when
    /// to try again.
    Full,
    /// The connection takes no streams any more; another one might. What is open on it goes on.
    Closed(String),
    /// The request cannot be sent over HTTP/2.
    BadRequest(String),
}

/// One connection.
///
/// The preface and our SETTINGS are in the output after the first [`H2Client::poll`].
pub struct H2Client {
    state: State,
    pipe: Rc<RefCell<Pipe>>,
    wakes: Arc<WakeQueue>,
    /// Streams that are open, or were dropped since the last poll.
    open: Rc<Cell<usize>>,
    /// The caller is to be told when a stream may be opened.
    tell_ready: bool,
    pinger: Pinger,
}

enum State {
    Open {
        connection: Box<Connection<MemIo, Bytes>>,
        requests: SendRequest<Bytes>,
    },
    /// Why.
    Over(String),
}

/// Streams opened before the peer has said how many it takes. More might be refused, and what was sent of their
/// bodies would be lost; the peer's SETTINGS are usually the first thing it sends.
const STREAMS_BEFORE_SETTINGS: usize = 1;

/// What the h2 crate is told that the peer takes until it has said so itself. No SETTINGS can say this (RFC 9113 §6.5.1),
/// so that another number means they have come.
const NOT_SAID: usize = usize::MAX - 1;

/// Streams given up whose late frames are expected; of others they count as errors, and many errors end the
/// connection.
const RESETS_REMEMBERED: usize = 1024;

/// The frame `go_away` sends: NO_ERROR, and no stream of the peer's was taken (RFC 9113 §6.8).
const GO_AWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

impl H2Client {
    /// A connection on which nothing has been sent. Output collects in buffers from `spares`.
    #[must_use]
    pub fn new(settings: &H2ClientSettings, spares: &Spares) -> Self {
        let pipe = Rc::new(RefCell::new(Pipe::new(spares, Gate::open())));
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(settings.initial_window)
            .initial_connection_window_size(settings.connection_window)
            .max_frame_size(settings.max_frame_size)
            .max_header_list_size(settings.max_header_list)
            .max_send_buffer_size(STREAM_BUFFER)
            .initial_max_send_streams(NOT_SAID)
            .max_concurrent_reset_streams(RESETS_REMEMBERED);
        if let Some(size) = settings.header_table_size {
            builder.header_table_size(size);
        }
        // It only writes the preface, for which there is room.
        let handshake = pin!(builder.handshake(MemIo(Rc::clone(&pipe))));
        let state = match handshake.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok((requests, connection))) => {
                State::Open { connection: Box::new(connection), requests }
            }
            Poll::Ready(Err(error)) => State::Over(error.to_string()),
            Poll::Pending => State::Over("the preface found no room".into()),
        };
        Self {
            state,
            pipe,
            wakes: Arc::default(),
            open: Rc::default(),
            tell_ready: true,
            pinger: Pinger::default(),
        }
    }

    /// Plaintext from the peer goes in by `fill`, which appends to the buffer it is given.
    pub fn receive<R>(&mut self, fill: impl FnOnce(&mut BytesMut) -> R) -> R {
        fill(&mut self.pipe.borrow_mut().inbound)
    }

    /// The peer sends nothing any more.
    pub fn receive_eof(&mut self) {
        self.pipe.borrow_mut().eof = true;
    }

    /// Moves frames both ways and says what happened; call until it says [`ClientEvent::Idle`] or
    /// [`ClientEvent::Closed`], also after streams were opened, written to or dropped.
    pub fn poll(&mut self) -> ClientEvent {
        let State::Open { connection, .. } = &mut self.state else { return ClientEvent::Closed(None) };
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(connection.as_mut()).poll(&mut cx) {
            Poll::Ready(Ok(())) => self.over(None),
            Poll::Ready(Err(error)) => self.over(Some(&error)),
            Poll::Pending if self.tell_ready && self.room() != Err(OpenError::Full) => {
                self.tell_ready = false;
                ClientEvent::Ready
            }
            Poll::Pending => ClientEvent::Idle,
        }
    }

    /// Sends a request's head; with `end`, there is no body. The stream is counted as open until it is dropped.
    ///
    /// The request's URI must have scheme and authority, and its version be HTTP/2 (`RequestHead::to_h2` makes it so). One
    /// by extended CONNECT is for a peer that takes it: see [`Self::takes_extended_connect`].
    pub fn open(&mut self, request: Request<()>, end: bool) -> Result<H2ClientStream, OpenError> {
        if let Err(error) = self.room() {
            self.tell_ready |= error == OpenError::Full;
            return Err(error);
        }
        let State::Open { requests, .. } = &mut self.state else { return Err(OpenError::Full) };
        let (response, send) =
            requests.send_request(request, end).map_err(|error| OpenError::BadRequest(error.to_string()))?;
        self.open.set(self.open.get() + 1);
        Ok(H2ClientStream {
            id: response.stream_id().as_u32(),
            response: Some(response),
            body: None,
            body_left: None,
            body_ended: false,
            failure: None,
            send: Sender::new(send, end),
            _counted: Counted(Rc::clone(&self.open)),
        })
    }

    /// Whether [`H2Client::open`] would open a stream, or say that the connection takes none any more.
    pub fn may_open(&mut self) -> bool {
        self.room() != Err(OpenError::Full)
    }

    /// Whether the connection takes new streams, now or later: not after the peer's GOAWAY.
    pub fn takes_streams(&mut self) -> bool {
        !matches!(self.room(), Err(OpenError::Closed(_)))
    }

    /// Whether a stream may be opened.
    fn room(&mut self) -> Result<(), OpenError> {
        let requests = match &mut self.state {
            State::Open { requests, .. } => requests,
            State::Over(why) => return Err(OpenError::Closed(why.clone())),
        };
        match requests.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) => Err(OpenError::Closed(error.to_string())),
            // The protocol would take one more than the peer does, and keep it.
            Poll::Ready(Ok(())) if self.open.get() < streams_taken(requests) => Ok(()),
            Poll::Ready(Ok(())) | Poll::Pending => Err(OpenError::Full),
        }
    }

    /// Whether the peer takes requests by extended CONNECT (RFC 8441 §3), which WebSockets are opened with; `None` as long as
    /// its SETTINGS have not come.
    #[must_use]
    pub fn takes_extended_connect(&self) -> Option<bool> {
        match &self.state {
            State::Open { requests, .. } if requests.current_max_send_streams() == NOT_SAID => None,
            State::Open { requests, .. } => Some(requests.is_extended_connect_protocol_enabled()),
            State::Over(_) => Some(false),
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

    /// Ends the connection by our own wish: a GOAWAY without an error is in the output afterwards. Streams that had
    /// not ended fail.
    pub fn go_away(&mut self) {
        if !matches!(self.state, State::Open { .. }) {
            return;
        }
        // What streams have left to say, if there is room for it.
        if !matches!(self.poll(), ClientEvent::Closed(_)) {
            // The h2 crate writes whole frames only, so that the output ends with one.
            self.pipe.borrow_mut().outbound.extend_from_slice(&GO_AWAY);
            self.over(None);
        }
    }

    /// Asks the peer whether it lives, by a PING that the next poll sends; whatever arrives is an answer.
    pub fn ping(&mut self) {
        if let State::Open { connection, .. } = &mut self.state {
            self.pinger.ask(|| connection.ping_pong());
        }
    }

    /// Where this connection's streams report.
    #[must_use]
    pub fn wakes(&self) -> Arc<WakeQueue> {
        Arc::clone(&self.wakes)
    }

    fn over(&mut self, error: Option<&::h2::Error>) -> ClientEvent {
        let why = error.map_or_else(|| "the connection has ended".to_owned(), ToString::to_string);
        self.state = State::Over(why);
        ClientEvent::Closed(error.filter(|error| !is_orderly(error)).map(ToString::to_string))
    }
}

/// Streams that the peer takes at a time, or may be taken to take.
fn streams_taken(requests: &SendRequest<Bytes>) -> usize {
    match requests.current_max_send_streams() {
        NOT_SAID => STREAMS_BEFORE_SETTINGS,
        said => said,
    }
}

/// One of the streams that a connection counts as open.
struct Counted(Rc<Cell<usize>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// One stream, from the client's side. Dropping it before both directions are complete resets it (CANCEL).
pub struct H2ClientStream {
    id: u32,
    /// Until the response's head has come.
    response: Option<ResponseFuture>,
    /// From then on.
    body: Option<RecvStream>,
    /// Bytes of it that its content-length says are to come.
    body_left: Option<u64>,
    body_ended: bool,
    failure: Option<String>,
    send: Sender,
    _counted: Counted,
}

/// The response to a request.
#[derive(Debug)]
pub enum Answer {
    /// Not yet; the waker will tell.
    Pending,
    /// Its head. The body comes from [`H2ClientStream::poll_body`].
    Head(Parts),
    /// There will be none.
    Failed {
        /// Why.
        text: String,
        /// The peer has done nothing with the request, so that it is safe to repeat it on another connection:
        /// `REFUSED_STREAM`, or a GOAWAY that leaves it out (RFC 9113 §8.7).
        refused: bool,
    },
}

impl H2ClientStream {
    /// The stream identifier.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The response's head, past all interim (1xx) ones. Not to be called again when it has been given.
    pub fn poll_response(&mut self, waker: &StreamWaker) -> Answer {
        let Some(response) = &mut self.response else {
            let text = self.failure.clone().unwrap_or_else(|| "the response was taken before".into());
            return Answer::Failed { text, refused: false };
        };
        let waker = waker.waker();
        match Pin::new(response).poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => Answer::Pending,
            Poll::Ready(Ok(response)) => {
                let (parts, body) = response.into_parts();
                let length = parts.headers.get(CONTENT_LENGTH);
                self.body_left = length.and_then(|length| parse_length(length.as_bytes()));
                self.response = None;
                self.body = Some(body);
                Answer::Head(parts)
            }
            Poll::Ready(Err(error)) => {
                self.response = None;
                Answer::Failed { text: self.fail(&error), refused: is_refusal(&error) }
            }
        }
    }

    /// Whether the request has been sent to its end.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.send.is_ended()
    }

    /// Queues body bytes of any size; they leave as credit allows.
    pub fn send_data(&mut self, data: Bytes, end: bool) -> Result<(), SendError> {
        self.send.send_data(data, end)
    }

    /// Whether the program may write more now; if not, the waker tells when.
    pub fn poll_writeable(&mut self, waker: &StreamWaker) -> bool {
        self.send.poll_writeable(waker)
    }

    /// Body bytes that can be sent now without waiting for the peer.
    pub fn tx_credit(&mut self) -> i32 {
        i32::try_from(self.send.credit()).unwrap_or(i32::MAX)
    }

    /// The next piece of the response's body; trailers are passed over.
    ///
    /// A body that is shorter or longer than its content-length ends with [`Received::Reset`], as does one that is
    /// cut off.
    pub fn poll_body(&mut self, waker: &StreamWaker) -> Received {
        if self.body_ended {
            return Received::End;
        }
        let Some(body) = &mut self.body else {
            // Without a head there is no body.
            return if self.failure.is_some() { Received::Reset } else { Received::Pending };
        };
        let waker = waker.waker();
        match body.poll_data(&mut Context::from_waker(&waker)) {
            Poll::Pending => Received::Pending,
            Poll::Ready(Some(Ok(data))) => {
                self.body_left = self.body_left.map(|left| left.saturating_sub(data.len() as u64));
                Received::Data(data)
            }
            // The server had answered in full before we had asked in full, and left: the protocol tells the stream only
            // that it was cut off.
            Poll::Ready(Some(Err(error))) if error.is_io() && self.body_left == Some(0) => {
                self.body_ended = true;
                Received::End
            }
            Poll::Ready(Some(Err(error))) => {
                self.fail(&error);
                Received::Reset
            }
            Poll::Ready(None) => {
                self.body_ended = true;
                Received::End
            }
        }
    }

    /// Why the response or its body failed.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Gives the peer back credit for `len` body bytes.
    pub fn release(&mut self, len: usize) {
        if let Some(body) = &mut self.body {
            // Fails only when the stream is gone, and its credit with it.
            let _ = body.flow_control().release_capacity(len);
        }
    }

    /// Bytes sent since the stream was last found to have credit: no more than those wait for it.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.send.backlog()
    }

    /// Resets the stream.
    pub fn reset(&mut self, reason: Reason) {
        self.send.reset(reason);
    }

    /// Whether the peer has reset the stream; if not, the waker tells when.
    ///
    /// A peer may do so after a complete response, to stop the rest of the request (RFC 9113 §8.1): take the response
    /// first.
    pub fn poll_reset(&mut self, waker: &StreamWaker) -> bool {
        self.send.poll_reset(waker)
    }

    fn fail(&mut self, error: &::h2::Error) -> String {
        let text = error.to_string();
        self.failure = Some(text.clone());
        text
    }
}

/// Whether a stream's error says that the peer has done nothing with the request. A GOAWAY is told only to streams
/// above the last one it takes.
fn is_refusal(error: &::h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM))
}

impl std::fmt::Debug for H2ClientStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("H2ClientStream").field("id", &self.id).finish_non_exhaustive()
    }
}
