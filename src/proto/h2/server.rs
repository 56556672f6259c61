//! The server side of a connection, and its streams.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ::h2::server::{Builder, Connection, Handshake, SendResponse};
use ::h2::{Reason, RecvStream};
use ::http::{Response, StatusCode};
use bytes::{Bytes, BytesMut};

use super::ping::Pinger;
use super::pipe::{Gate, MemIo, Pipe};
use super::sender::Sender;
use super::wake::{StreamWaker, WakeQueue};
use super::{Received, STREAM_BUFFER, SendError, is_orderly};
use crate::proto::h1::Reject;
use crate::proto::http::header::{HeaderLimits, HeaderTable};
use crate::proto::http::response::ResponseHead;
use crate::util::byte_queue::{ByteQueue, Spares};

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
pub enum Event {
    /// A request, or why it is refused; the stream answers it.
    Request(Result<Rc<HeaderTable>, Reject>, H2Stream),
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
    limits: HeaderLimits,
    pinger: Pinger,
}

enum State {
    Handshaking(Box<Handshake<MemIo, Bytes>>),
    Open(Box<Connection<MemIo, Bytes>>),
    Over,
}

impl H2Server {
    /// A connection on which nothing has been received, not even the preface. Requests whose heads exceed `limits` are refused;
    /// output collects in buffers from `spares`.
    #[must_use]
    pub fn new(settings: &H2Settings, limits: HeaderLimits, spares: &Spares) -> Self {
        let pipe = Rc::new(RefCell::new(Pipe::new(spares, Gate::new())));
        let mut builder = Builder::new();
        builder
            .max_concurrent_streams(settings.max_concurrent_streams)
            .initial_window_size(settings.initial_window)
            .initial_connection_window_size(settings.connection_window)
            .max_frame_size(settings.max_frame_size)
            .max_header_list_size(settings.max_header_list)
            .max_send_buffer_size(STREAM_BUFFER)
            .enable_connect_protocol();
        if let Some(size) = settings.header_table_size {
            builder.header_table_size(size);
        }
        let handshake = builder.handshake(MemIo(Rc::clone(&pipe)));
        Self {
            state: State::Handshaking(Box::new(handshake)),
            pipe,
            wakes: Arc::default(),
            limits,
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
            // Requests that are not taken must not hold up what comes behind them.
            self.pipe.borrow_mut().open_gate(usize::MAX);
            return match connection.poll_closed(&mut cx) {
                Poll::Pending => Event::Idle,
                Poll::Ready(Ok(())) => self.over(None),
                Poll::Ready(Err(error)) => self.over(Some(&error)),
            };
        }
        loop {
            self.pipe.borrow_mut().open_gate(1);
            match connection.poll_accept(&mut cx) {
                Poll::Pending if self.pipe.borrow().gate_holds() => {}
                Poll::Pending => return Event::Idle,
                Poll::Ready(None) => return self.over(None),
                Poll::Ready(Some(Err(error))) => return self.over(Some(&error)),
                Poll::Ready(Some(Ok((request, respond)))) => {
                    let (parts, body) = request.into_parts();
                    let head = HeaderTable::from_h2(parts, &self.limits);
                    return Event::Request(head, H2Stream::new(respond, body));
                }
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

    /// Asks the peer whether it lives, by a PING that the next poll sends; whatever arrives is an answer.
    pub fn ping(&mut self) {
        if let State::Open(connection) = &mut self.state {
            self.pinger.ask(|| connection.ping_pong());
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

/// One stream, from the server's side. Dropping it before the response is complete resets the stream.
pub struct H2Stream {
    answer: Answer,
    body: Option<RecvStream>,
}

/// How far the response has come.
enum Answer {
    /// Its head has not been sent.
    Due(SendResponse<Bytes>),
    /// Its head has been sent.
    Begun(Sender),
    /// The stream, of this identifier, was reset instead.
    None(u32),
}

impl H2Stream {
    fn new(respond: SendResponse<Bytes>, body: RecvStream) -> Self {
        let body = (!body.is_end_stream()).then_some(body);
        Self { answer: Answer::Due(respond), body }
    }

    /// The stream identifier.
    #[must_use]
    pub fn id(&self) -> u32 {
        match &self.answer {
            Answer::Due(respond) => respond.stream_id().as_u32(),
            Answer::Begun(sender) => sender.id(),
            Answer::None(id) => *id,
        }
    }

    /// Whether a body is still to come.
    #[must_use]
    pub fn expects_body(&self) -> bool {
        self.body.is_some()
    }

    /// Whether the response has been sent to its end.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        match &self.answer {
            Answer::Due(_) => false,
            Answer::Begun(sender) => sender.is_ended(),
            Answer::None(_) => true,
        }
    }

    /// Whether the response's headers have been sent.
    #[must_use]
    pub fn has_headers(&self) -> bool {
        matches!(self.answer, Answer::Begun(_))
    }

    /// Sends `100 Continue`.
    pub fn send_continue(&mut self) -> Result<(), SendError> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::CONTINUE;
        Ok(self.due()?.send_informational(response)?)
    }

    /// Sends the response's headers; with `end`, there is no body.
    pub fn send_headers(&mut self, head: &ResponseHead, end: bool) -> Result<(), SendError> {
        let mut response = Response::new(());
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers.clone();
        let stream = self.due()?.send_response(response, end)?;
        self.answer = Answer::Begun(Sender::new(stream, end));
        Ok(())
    }

    /// Queues body bytes of any size; they leave as credit allows.
    pub fn send_data(&mut self, data: Bytes, end: bool) -> Result<(), SendError> {
        match &mut self.answer {
            Answer::Begun(sender) => sender.send_data(data, end),
            Answer::Due(_) => Err(SendError("body before headers".into())),
            Answer::None(_) => Err(SendError("the stream was reset".into())),
        }
    }

    /// Body bytes that would leave without waiting for the peer's credit.
    pub fn tx_credit(&mut self) -> i32 {
        self.sender().map_or(0, |sender| i32::try_from(sender.credit()).unwrap_or(i32::MAX))
    }

    /// Bytes sent since the stream was last found to have credit: no more than those wait for it.
    #[must_use]
    pub fn backlog(&self) -> usize {
        match &self.answer {
            Answer::Begun(sender) => sender.backlog(),
            Answer::Due(_) | Answer::None(_) => 0,
        }
    }

    /// Resets the stream.
    pub fn reset(&mut self, reason: Reason) {
        match &mut self.answer {
            Answer::Due(respond) => {
                respond.send_reset(reason);
                self.answer = Answer::None(self.id());
            }
            Answer::Begun(sender) => sender.reset(reason),
            Answer::None(_) => {}
        }
    }

    /// Whether the program may write more now; if not, the waker tells when.
    pub fn poll_writeable(&mut self, waker: &StreamWaker) -> bool {
        self.sender().is_none_or(|sender| sender.poll_writeable(waker))
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

    /// Whether the stream has been reset; if not, the waker tells when.
    pub fn poll_reset(&mut self, waker: &StreamWaker) -> bool {
        match &mut self.answer {
            Answer::Due(respond) => {
                let waker = waker.waker();
                respond.poll_reset(&mut Context::from_waker(&waker)).is_ready()
            }
            Answer::Begun(sender) => sender.poll_reset(waker),
            Answer::None(_) => true,
        }
    }

    fn due(&mut self) -> Result<&mut SendResponse<Bytes>, SendError> {
        match &mut self.answer {
            Answer::Due(respond) => Ok(respond),
            Answer::Begun(_) => Err(SendError("the headers were sent before".into())),
            Answer::None(_) => Err(SendError("the stream was reset".into())),
        }
    }

    fn sender(&mut self) -> Option<&mut Sender> {
        match &mut self.answer {
            Answer::Begun(sender) => Some(sender),
            Answer::Due(_) | Answer::None(_) => None,
        }
    }
}
