//! How WebSockets end: the exchange of CLOSE frames (RFC 6455 §7), and what happens without it.

use super::drive::take_from_stream;
use super::{Stage, Told, reason};
use crate::engine::context::Context;
use crate::engine::dispatch::Arg;
use crate::engine::drive::stream_io;
use crate::engine::farewell::LINGERING;
use crate::engine::reason::Reason;
use crate::engine::timer::{SECOND, Timeout, Usec};
use crate::engine::wsi::Wsi;
use crate::proto::h2::Received;
use crate::proto::ws::{CloseCode, CloseFrame, Side, Violation};

/// How long the peer's CLOSE is waited for.
const ACK: Usec = 5 * SECOND;

/// The most that fits behind the status of a CLOSE.
pub const MOST_REASON: usize = 123;

impl Context {
    /// `lws_close_reason`: what the CLOSE will say, once the program ends the WebSocket. `false` when it is none.
    pub fn prepare_close(&self, wsi: &Wsi, code: u16, text: &[u8]) -> bool {
        wsi.with_ws(|ws| {
            ws.reason.clear();
            ws.reason.extend_from_slice(&code.to_be_bytes());
            ws.reason.extend_from_slice(&text[..text.len().min(MOST_REASON)]);
        })
        .is_some()
    }

    /// The program ends it: with a CLOSE if it has prepared one, else without.
    pub(super) fn end_ws(&self, wsi: &Wsi) {
        let state = wsi.with_ws(|ws| (ws.stage, ws.reason.clone(), ws.peer_closed));
        let Some((Stage::Open, prepared, peer_closed)) = state else {
            self.leave_ws(wsi, Leaving::Abruptly);
            return;
        };
        let Some((code, text)) = prepared.split_first_chunk::<2>() else {
            self.leave_ws(wsi, Leaving::Abruptly);
            return;
        };
        let code = CloseCode(u16::from_be_bytes(*code));
        if self.say_close(wsi, code, text) && !peer_closed {
            self.await_close(wsi);
        } else {
            self.leave_ws(wsi, Leaving::Agreed);
        }
    }

    /// Sends a CLOSE; `false` when nothing can be sent any more.
    fn say_close(&self, wsi: &Wsi, code: CloseCode, text: &[u8]) -> bool {
        let sendable = code.is_for_the_wire();
        if !sendable && !matches!(code.0, 0 | 1005) {
            crate::log_err!("{}: {} is not a status for a CLOSE, sent without", wsi.tag(), code.0);
        }
        let sent = self.send_close(wsi, sendable.then_some(code), text);
        if let Err(error) = &sent {
            crate::log_info!("{}: CLOSE: {error}", wsi.tag());
        }
        sent.is_ok()
    }

    /// Our CLOSE is on its way. The program is done with it, the peer has its time to answer.
    fn await_close(&self, wsi: &Wsi) {
        wsi.with_ws(|ws| ws.stage = Stage::Closing);
        self.drop_ws_protocol(wsi);
        if !wsi.is_open() {
            return;
        }
        self.set_timeout(wsi, Timeout::CloseAck, ACK);
        // Its answer must not wait behind what the program did not want.
        self.rx_flow_control(wsi, true);
        self.mark_ready(wsi);
    }

    /// The peer's CLOSE has come.
    pub(super) fn peer_closes(&self, wsi: &Wsi, frame: &CloseFrame) {
        let state = wsi.with_ws(|ws| {
            ws.peer_closed = true;
            if ws.side == Side::Client {
                ws.reason = frame.payload.to_vec();
            }
            ws.stage
        });
        if state != Some(Stage::Open) {
            self.leave_ws(wsi, Leaving::Agreed);
            return;
        }
        let result = self.with_room_around(&frame.payload, |payload| {
            self.dispatch(wsi, Reason::WsPeerInitiatedClose, payload)
        });
        if !wsi.is_open() {
            return;
        }
        if result != 0 {
            self.end_ws(wsi);
            return;
        }
        let text = frame.payload.get(2..).unwrap_or_default();
        self.say_close(wsi, frame.code.unwrap_or(CloseCode::NO_STATUS), text);
        self.leave_ws(wsi, Leaving::Agreed);
    }

    /// The peer broke the protocol: it is told so, and nothing more is taken from it.
    pub(super) fn violated(&self, wsi: &Wsi, violation: Violation) {
        crate::log_info!("{}: {violation}", wsi.tag());
        if wsi.with_ws(|ws| ws.stage) == Some(Stage::Open) {
            self.say_close(wsi, violation.code, violation.why.as_bytes());
        }
        self.leave_ws(wsi, Leaving::Abruptly);
    }

    /// Nothing more is said; what has been said leaves, then the connection or stream ends.
    fn leave_ws(&self, wsi: &Wsi, how: Leaving) {
        wsi.with_ws(|ws| ws.stage = Stage::Over);
        self.drop_ws_protocol(wsi);
        if !wsi.is_open() {
            return;
        }
        if wsi.is_stream() {
            self.end_ws_stream(wsi);
            return;
        }
        wsi.with_net(|net| net.rx.clear());
        match how {
            Leaving::Agreed => self.close_gently(wsi),
            Leaving::Abruptly => self.close_lingering(wsi),
        }
    }

    /// A stream's end: ours, where it is not reset. A client's waits for the server's, because a stream that is given up before
    /// is reset, and proxies then throw away what they have not passed on: the CLOSE, and what was said before it.
    pub(super) fn end_ws_stream(&self, stream: &Wsi) {
        stream_io(stream, |io, _| {
            // Fails only when the peer has reset the stream, and then there is nobody to tell.
            if !io.is_ended() {
                let _ = io.send_data(bytes::Bytes::new(), true);
            }
        });
        if stream.client().is_none() || self.server_has_ended(stream) {
            self.close(stream);
            return;
        }
        self.set_timeout(stream, Timeout::Linger, LINGERING);
        self.mark_ready(stream);
    }

    /// Drops what still comes for a client's WebSocket that is over; whether that was the last.
    pub(super) fn server_has_ended(&self, stream: &Wsi) -> bool {
        loop {
            match take_from_stream(stream) {
                Some(Received::Data(_)) => {}
                Some(Received::Pending) => return false,
                Some(Received::End | Received::Reset) | None => return true,
            }
        }
    }

    /// The WebSocket leaves its protocol, once.
    fn drop_ws_protocol(&self, wsi: &Wsi) {
        wsi.wants_write.set(false);
        if let Some(side) = wsi.with_ws(|ws| ws.side)
            && wsi.http.bound.replace(false)
        {
            self.dispatch(wsi, reason(side, Told::Drop), Arg::Null);
        }
    }
}

/// In which way it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// Both ends have said CLOSE: the peer sends nothing more.
    Agreed,
    /// The peer may still be sending.
    Abruptly,
}
