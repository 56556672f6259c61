//! What a WebSocket receives becomes callbacks; and when it is asked to write.

use bytes::{Bytes, BytesMut};

use super::{PieceInfo, Stage, Told, WsCore, reason};
use crate::engine::context::Context;
use crate::engine::dispatch::Arg;
use crate::engine::drive::{Step, is_full, stream_io};
use crate::engine::reason::Reason;
use crate::engine::write::PRE;
use crate::engine::wsi::Wsi;
use crate::proto::h2::Received;
use crate::proto::ws::{Event, Opcode, Piece, Side, Violation};

/// Payload that is handed out before a program that wants to write gets to.
const AHEAD: usize = 64 * 1024;

/// Output that a stream may have waiting for credit before its input is left where it is.
pub(super) const BACKLOG: usize = 256 * 1024;

/// Steps of one stream before others get theirs.
const STEPS: usize = 64;

/// How often a program may write before a WebSocket ends for what its peer did.
const LAST_WRITES: usize = 64;

/// What there was to be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// Something, and it was dealt with.
    Something,
    /// Nothing, or nothing that may be taken now.
    Nothing,
}

/// What has come, and who it is for.
struct Polled {
    side: Side,
    /// Messages go both ways.
    is_open: bool,
    event: Result<Event, Violation>,
}

impl Context {
    /// One step of a WebSocket: something received, or else the program asked to write.
    pub(in crate::engine) fn step_ws(&self, wsi: &Wsi) -> Step {
        let Some((stage, unanswered)) = wsi.with_ws(|ws| (ws.stage, ws.unanswered)) else {
            return Step::Wait;
        };
        if stage == Stage::Over && wsi.is_stream() && self.server_has_ended(wsi) {
            self.close(wsi);
        }
        if matches!(stage, Stage::Handshake | Stage::Over) {
            return Step::Wait;
        }
        let wants_write = || stage == Stage::Open && wsi.wants_write.get();
        let (writeable, swamped) = self.room_of_ws(wsi);
        let turn_to_write = wants_write() && unanswered >= AHEAD;
        // What the peer does not take is not added to, whatever it sends: also answers to its PINGs.
        if !turn_to_write && !swamped && self.receive_ws(wsi) == Taken::Something {
            return Step::Progress;
        }
        if !wsi.is_open() {
            return Step::Wait;
        }
        match (wants_write(), writeable) {
            (true, true) => {
                self.ask_to_write(wsi);
                Step::Progress
            }
            (true, false) => Step::Full,
            (false, _) if swamped => Step::Full,
            (false, _) => Step::Wait,
        }
    }

    /// Whether the program may write more now, and whether so much waits that nothing more is received.
    fn room_of_ws(&self, wsi: &Wsi) -> (bool, bool) {
        if !wsi.is_stream() {
            let full = is_full(wsi);
            return (!full, full);
        }
        let room = self.connection_of(wsi).is_some_and(|net| net.with_net(|net| net.room > 0) == Some(true));
        let (writeable, backlog) =
            stream_io(wsi, |io, waker| (io.poll_writeable(waker), io.backlog())).unwrap_or_default();
        (room && writeable, !room || (!writeable && backlog >= BACKLOG))
    }

    /// Before a WebSocket ends for what its peer did: the program answers what came before that.
    fn let_write(&self, wsi: &Wsi) {
        for _ in 0..LAST_WRITES {
            let is_open = wsi.is_open() && wsi.with_ws(|ws| ws.stage) == Some(Stage::Open);
            if !is_open || !wsi.wants_write.get() || !self.room_of_ws(wsi).0 {
                return;
            }
            self.ask_to_write(wsi);
        }
    }

    /// Raises the writeable callback that was asked for.
    fn ask_to_write(&self, wsi: &Wsi) {
        wsi.wants_write.set(false);
        let side = wsi.with_ws(|ws| {
            ws.unanswered = 0;
            ws.side
        });
        let Some(side) = side else { return };
        let result = self.dispatch(wsi, reason(side, Told::Writeable), Arg::Null);
        self.after_ws_callback(wsi, result);
    }

    /// Takes one thing off what has come.
    fn receive_ws(&self, wsi: &Wsi) -> Taken {
        if wsi.rx_paused.get() {
            return Taken::Nothing;
        }
        let Some(Polled { side, is_open, event }) = self.poll_ws(wsi) else { return Taken::Nothing };
        let event = match event {
            Ok(event) => event,
            Err(violation) => {
                self.let_write(wsi);
                if wsi.is_open() {
                    self.violated(wsi, violation);
                }
                return Taken::Something;
            }
        };
        match event {
            Event::NeedMore => return Taken::Nothing,
            Event::Close(frame) => self.peer_closes(wsi, &frame),
            _ if !is_open => {}
            Event::Data(piece) => self.deliver_piece(wsi, side, &piece),
            Event::Ping(payload) => {
                // Programs have come to expect that they are asked to write after an answer that they did not.
                if self.send_control(wsi, Opcode::Pong, &payload).is_ok() {
                    wsi.wants_write.set(true);
                }
            }
            Event::Pong(payload) => self.deliver_pong(wsi, side, &payload),
        }
        Taken::Something
    }

    /// The next event of what has come, for as long as there is one.
    fn poll_ws(&self, wsi: &Wsi) -> Option<Polled> {
        if !wsi.is_stream() {
            return wsi
                .with_net(|net| wsi.with_ws(|ws| self.poll_receiver(wsi, ws, &mut net.rx)))
                .flatten()?;
        }
        loop {
            let (polled, drained) = wsi.with_ws(|ws| {
                let mut rx = std::mem::take(&mut ws.rx);
                let polled = self.poll_receiver(wsi, ws, &mut rx);
                ws.rx = rx;
                (polled, ws.drained)
            })?;
            if polled.is_some() || drained {
                return polled;
            }
            match take_from_stream(wsi) {
                Some(Received::Data(data)) => {
                    wsi.with_ws(|ws| {
                        self.ws_rx.lend(&mut ws.rx);
                        ws.rx.extend_from_slice(&data);
                    });
                }
                Some(Received::Pending) => {
                    wsi.with_ws(|ws| ws.drained = true);
                    return None;
                }
                Some(Received::End) => {
                    self.end_ws_stream(wsi);
                    return None;
                }
                Some(Received::Reset) | None => {
                    self.close(wsi);
                    return None;
                }
            }
        }
    }

    fn poll_receiver(&self, wsi: &Wsi, ws: &mut WsCore, rx: &mut BytesMut) -> Option<Polled> {
        if rx.is_empty() && ws.receiver.is_between_frames() {
            return None;
        }
        let event = ws.receiver.poll(rx, self.rx_chunk(wsi));
        if matches!(event, Ok(Event::NeedMore)) {
            return None;
        }
        Some(Polled { side: ws.side, is_open: ws.stage == Stage::Open, event })
    }

    /// Bytes of payload that a program takes at once.
    fn rx_chunk(&self, wsi: &Wsi) -> usize {
        let of_protocol = wsi
            .with_vhost(|vhost| Some(vhost.protocols.get(wsi.protocol.get())?.rx_buffer_size))
            .flatten()
            .unwrap_or(0);
        if of_protocol > 0 { of_protocol } else { self.config.service_buffer.max(1) }
    }

    fn deliver_piece(&self, wsi: &Wsi, side: Side, piece: &Piece) {
        wsi.with_ws(|ws| {
            ws.piece = PieceInfo::from(piece);
            ws.unanswered += piece.data.len();
        });
        let result = self.with_room_around(&piece.data, |payload| {
            self.dispatch(wsi, reason(side, Told::Receive), payload)
        });
        self.after_ws_callback(wsi, result);
    }

    fn deliver_pong(&self, wsi: &Wsi, side: Side, payload: &Bytes) {
        // A server's program has not heard of empty ones, those that answer the library's own PINGs among them.
        if side == Side::Server && payload.is_empty() {
            return;
        }
        let result =
            self.with_room_around(payload, |payload| self.dispatch(wsi, reason(side, Told::Pong), payload));
        self.after_ws_callback(wsi, result);
    }

    /// Shows the program bytes as it has come to expect them: its own to change, `LWS_PRE` bytes before them to use, and a
    /// NUL behind.
    pub(super) fn with_room_around<R>(&self, bytes: &[u8], show: impl FnOnce(Arg<'_>) -> R) -> R {
        let mut buffer = self.take_buffer();
        let size = PRE + bytes.len() + 1;
        if size > buffer.len() {
            self.give_buffer(buffer);
            buffer = vec![0; size].into_boxed_slice();
        }
        let place = &mut buffer[PRE..size];
        place[..bytes.len()].copy_from_slice(bytes);
        place[bytes.len()] = 0;
        let result = show(Arg::Payload { at: place.as_mut_ptr(), len: bytes.len() });
        self.give_buffer(buffer);
        result
    }

    /// What a callback's return value comes to: anything but 0 ends the WebSocket.
    pub(super) fn after_ws_callback(&self, wsi: &Wsi, result: i32) {
        if result != 0 && wsi.is_open() {
            self.end_ws(wsi);
        }
    }

    /// Services a stream that is a WebSocket.
    pub(in crate::engine) fn service_ws_stream(&self, connection: &Wsi, stream: &Wsi) {
        let mut step = Step::Progress;
        // It is here because it was woken, or for something else: it is asked once.
        stream.with_ws(|ws| ws.drained = false);
        for _ in 0..STEPS {
            step = self.step_ws(stream);
            if step != Step::Progress || !stream.is_open() {
                break;
            }
        }
        let drained = stream.with_ws(|ws| {
            self.ws_rx.take_back(&mut ws.rx);
            ws.drained
        });
        if !stream.is_open() {
            return;
        }
        // Who has asked for what comes next has heard of a reset, or will.
        if drained != Some(true) && stream_io(stream, |io, waker| io.poll_reset(waker)) == Some(true) {
            self.close(stream);
            return;
        }
        let id = stream.id();
        let room = connection.with_net(|net| {
            let room = net.room > 0;
            match step {
                // What it asked for meanwhile has been done.
                Step::Wait if net.ready.last() == Some(&id) => {
                    net.ready.pop();
                }
                // One that waits for credit is woken when it comes; for room on the connection nobody wakes it.
                Step::Full if room => {}
                Step::Progress | Step::Full => net.ready.push(id),
                Step::Wait => {}
            }
            room
        });
        self.time_output(stream, step == Step::Full && room == Some(true));
    }

    /// Asks the peer of a connection whether it lives; `false` when that is no WebSocket.
    pub(in crate::engine) fn ping_ws(&self, wsi: &Wsi) -> bool {
        let stage = wsi.with_ws(|ws| ws.stage);
        if stage == Some(Stage::Open)
            && let Err(error) = self.send_control(wsi, Opcode::Ping, &[])
        {
            crate::log_info!("{}: PING: {error}", wsi.tag());
        }
        stage.is_some()
    }

    /// A WebSocket has nothing to do: it holds no buffer, and the peer's silence is watched.
    pub(in crate::engine) fn rest_ws(&self, wsi: &Wsi) {
        wsi.with_net(|net| self.ws_rx.take_back(&mut net.rx));
        self.watch_silence(wsi);
    }

    /// Tells the program that the handshake is complete.
    pub(super) fn establish_ws(&self, wsi: &Wsi) {
        let side = wsi.with_ws(|ws| {
            ws.stage = Stage::Open;
            ws.side
        });
        let Some(side) = side else { return };
        self.end_own_timeout(wsi);
        let over_h2 = usize::from(wsi.is_stream());
        let result = self.dispatch(wsi, reason(side, Told::Established), Arg::Number(over_h2));
        self.detach_ah(wsi);
        wsi.http.reset();
        self.after_ws_callback(wsi, result);
    }

    /// What the program is told of the end of a WebSocket: of its protocol, and of itself.
    pub(in crate::engine) fn ends_of_ws(&self, wsi: &Wsi) -> Option<(Reason, Reason)> {
        wsi.with_ws(|ws| (reason(ws.side, Told::Drop), reason(ws.side, Told::Closed)))
    }
}

/// The next bytes that a stream has received, credited to the peer at once; `None` when it is gone.
pub(super) fn take_from_stream(stream: &Wsi) -> Option<Received> {
    stream_io(stream, |io, waker| {
        let received = io.poll_body(waker);
        if let Received::Data(data) = &received {
            io.release(data.len());
        }
        received
    })
}
