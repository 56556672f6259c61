//! Driving a connection: what was received becomes events, events become callbacks, and what callbacks wrote
//! leaves in one go.
//!
//! A drive runs rounds until nothing is left to do, the peer takes no more, or the turn's budget is used up; then it
//! flushes once. While it runs, nothing is borrowed over a callback.

use std::rc::Rc;

use bytes::{Buf as _, Bytes};
use http::header::{CONTENT_LENGTH, EXPECT, HeaderName};

use super::close::OnPanic;
use super::connection::{HIGH_WATER, Net, Speaks};
use super::context::Context;
use super::dispatch::Arg;
use super::farewell::Farewell;
use super::ledger::Kind;
use super::reason::Reason;
use super::timer::{SECOND, Timeout, Usec};
use super::wsi::{Phase, Role, StreamCore, Wsi};
use crate::proto::h1;
use crate::proto::h2::{Event, H2Server, H2Stream, Received, STREAM_STATE, StreamIo, StreamWaker};
use crate::proto::http::header::HeaderTable;
use crate::proto::http::method::Method;
use crate::util::slots::Id;

/// Rounds of one connection in one turn, before others get theirs.
const ROUNDS: usize = 64;

/// How long a GET that has not been ended holds back the file it asks for. Clients of libwebsockets never end theirs.
const END_GRACE: Usec = SECOND / 10;

/// Idle time of an HTTP/1 connection between requests, when the vhost does not say.
const KEEPALIVE_H1: u64 = 5 * SECOND;

/// Idle time of an HTTP/2 connection without streams, when the vhost does not say.
const KEEPALIVE_H2: u64 = 31 * SECOND;

/// What one round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something happened: look again.
    Progress,
    /// Nothing to do until the peer, the program or a timer acts.
    Wait,
    /// Output is over the high-water mark.
    Full,
}

impl Context {
    /// Drives a connection as far as it goes in this turn, then flushes it.
    pub(super) fn drive(&self, wsi: &Wsi) {
        let client = wsi.client();
        let is_drivable = || client.as_ref().is_none_or(|client| client.has_connection());
        if wsi.driving.get() || !is_drivable() {
            return;
        }
        wsi.driving.set(true);
        // When it unwinds, the connection is lost: nobody knows where it stopped.
        let _lost = OnPanic(self, || {
            wsi.driving.set(false);
            self.close(wsi);
        });
        let state = wsi.with_net(|net| {
            let drive = match net.speaks {
                Speaks::Unknown => Drive::Nothing,
                Speaks::H2(_) | Speaks::H2Client(_) => Drive::H2,
                Speaks::H1(_) | Speaks::H1Client(_) => Drive::H1,
                Speaks::Ws => Drive::Ws,
            };
            if net.farewell == Farewell::No { drive } else { Drive::Farewell }
        });
        let more = match state {
            None => false,
            Some(Drive::Farewell) => {
                self.close_gently(wsi);
                false
            }
            Some(Drive::Ws) => self.drive_h1(wsi),
            Some(drive) => match (&client, drive) {
                (Some(client), _) => self.drive_client(wsi, client),
                (None, Drive::H2) => self.drive_h2(wsi),
                (None, Drive::H1) => self.drive_h1(wsi),
                (None, _) => false,
            },
        };
        wsi.driving.set(false);
        // A client that was redirected may be connecting anew.
        if wsi.is_open() && is_drivable() {
            let is_ws = wsi.with_net(|net| {
                net.more = more;
                net.is_ws()
            });
            self.flush(wsi);
            if !more && (client.is_none() || is_ws == Some(true)) {
                self.rest(wsi);
            }
        }
        self.reap();
        self.offer_ah();
    }

    /// What a connection does when there is nothing to do: it is timed, or ends with its peer.
    fn rest(&self, wsi: &Wsi) {
        if !wsi.is_open() {
            return;
        }
        let state = wsi.with_net(|net| {
            if net.farewell != Farewell::No {
                return None;
            }
            if matches!(net.speaks, Speaks::Unknown) && !net.eof {
                return None;
            }
            if let Speaks::H2(h2) = &mut net.speaks
                && net.streams.is_empty()
            {
                h2.shrink();
            }
            Some(Resting {
                eof: net.eof && !net.is_h2(),
                is_ws: net.is_ws(),
                partial: !net.rx.is_empty(),
                sending: net.pending() > 0,
                streams: net.is_h2().then_some(net.streams.len()),
            })
        });
        match state.flatten() {
            // The program will take what has come, in time.
            Some(Resting { eof: true, is_ws: true, partial: true, .. }) if wsi.rx_paused.get() => {
                self.watch_silence(wsi);
            }
            // A peer that has gone is not waited for: what has been answered leaves, the rest ends here.
            Some(Resting { eof: true, .. }) => self.close_gently(wsi),
            Some(Resting { is_ws: true, .. }) => self.rest_ws(wsi),
            // What is leaving is timed as output.
            Some(Resting { streams: Some(0), sending: true, .. }) => self.end_own_timeout(wsi),
            // Each time anew: a connection that is driven is not idle, the peer may be taking a long answer.
            Some(Resting { streams: Some(0), .. }) => {
                self.set_own_timeout(wsi, Timeout::KeepAlive, self.keepalive_of(wsi, KEEPALIVE_H2));
            }
            None => {}
            Some(Resting { streams: Some(_), .. }) => self.watch_silence(wsi),
            Some(resting) => self.rest_h1(wsi, &resting),
        }
    }

    // ---- HTTP/1 ----

    /// Drives HTTP/1, or the WebSocket that has come of it; whether work is left for another turn.
    pub(super) fn drive_h1(&self, wsi: &Wsi) -> bool {
        for _ in 0..ROUNDS {
            let step = self.step_h1(wsi);
            if !wsi.is_open() {
                return false;
            }
            match step {
                Step::Progress => {}
                Step::Wait => return false,
                Step::Full => {
                    self.flush(wsi);
                    if !wsi.is_open() || is_blocked(wsi) {
                        // Work is left also if the socket takes everything the moment it is asked again.
                        return wsi.is_open();
                    }
                }
            }
        }
        true
    }

    fn step_h1(&self, wsi: &Wsi) -> Step {
        match wsi.with_net(|net| (net.farewell, net.is_ws())) {
            Some((Farewell::No, false)) => {}
            Some((Farewell::No, true)) => return self.step_ws(wsi),
            Some(_) | None => return Step::Wait,
        }
        let phase = wsi.http.phase.get();
        if wsi.http.completed.get() && phase == Phase::Answer {
            self.finish_transaction(wsi);
            return Step::Progress;
        }
        let full = is_full(wsi);
        if phase == Phase::Idle && full {
            // Answers that the peer does not take are not added to, however many requests it has sent.
            return Step::Full;
        }
        if matches!(phase, Phase::Idle | Phase::Body) && self.parse_h1(wsi) {
            return Step::Progress;
        }
        if phase != Phase::Idle && self.has_output_work(wsi) {
            if full {
                return Step::Full;
            }
            self.produce(wsi);
            return Step::Progress;
        }
        Step::Wait
    }

    /// Parses one event; `false` when there was none.
    fn parse_h1(&self, wsi: &Wsi) -> bool {
        if self.deliver_held_body(wsi) {
            return true;
        }
        if wsi.http.phase.get() == Phase::Body && wsi.rx_paused.get() && !wsi.http.body_is_unwanted() {
            return false;
        }
        if wsi.http.phase.get() == Phase::Idle && (self.is_silent(wsi) || !self.may_take_ah(wsi)) {
            return false;
        }
        let event = wsi.with_net(Net::parse).flatten();
        match event {
            None | Some(Ok(h1::Event::NeedMore)) => false,
            Some(Ok(h1::Event::Request(table, info))) => {
                self.begin_h1(wsi, table, info);
                true
            }
            Some(Ok(h1::Event::Body(data))) => {
                self.deliver_body(wsi, data);
                true
            }
            Some(Ok(h1::Event::BodyEnd)) => {
                self.body_complete(wsi);
                true
            }
            Some(Err(reject)) => {
                crate::log_info!("{}: request refused: {}", wsi.tag(), reject.reason());
                self.refuse_h1(wsi, reject.status());
                true
            }
        }
    }

    /// Whether nothing has come of the next request. An idle connection holds no buffer.
    fn is_silent(&self, wsi: &Wsi) -> bool {
        wsi.with_net(|net| {
            let silent = net.rx.is_empty();
            if silent {
                net.rx = bytes::BytesMut::new();
            }
            silent
        }) == Some(true)
    }

    fn begin_h1(&self, wsi: &Wsi, table: Rc<HeaderTable>, info: h1::RequestInfo) {
        self.attach_ah(wsi, table);
        wsi.http.keep_alive.set(info.keep_alive);
        wsi.http.expects_continue.set(info.expect_continue);
        wsi.http.empty_body.set(info.body == h1::BodyLength::Length(0));
        let has_body = info.body != h1::BodyLength::None;
        if info.upgrade == Some(h1::Upgrade::WebSocket) {
            self.begin_with(wsi, has_body, |wsi| self.act_on_upgrade(wsi));
        } else {
            self.begin_request(wsi, has_body);
        }
    }

    fn rest_h1(&self, wsi: &Wsi, resting: &Resting) {
        if wsi.http.phase.get() != Phase::Idle {
            return;
        }
        let running = wsi.deadlines.timeout.get();
        if resting.partial {
            // Not anew: a request does not get more time because its bytes come one by one.
            if running != Timeout::Establish {
                self.set_own_timeout(wsi, Timeout::Establish, self.config.ah_idle);
            }
        } else if resting.sending {
            // The answer is still leaving; a peer that does not take it is not idle but stalled.
            self.end_own_timeout(wsi);
        } else if !matches!(running, Timeout::Establish | Timeout::KeepAlive) {
            self.set_own_timeout(wsi, Timeout::KeepAlive, self.keepalive_of(wsi, KEEPALIVE_H1));
        }
    }

    // ---- HTTP/2 ----

    /// Returns whether work is left for another turn.
    fn drive_h2(&self, wsi: &Wsi) -> bool {
        let (eof, mut batch) = ((wsi.with_net(|net| net.eof) == Some(true)), Vec::new());
        if eof {
            wsi.with_net(|net| net.h2().map(H2Server::receive_eof));
        }
        for _ in 0..ROUNDS {
            // First what has ended: it gives header tables to new requests, and may have a reset to send.
            self.reap();
            wsi.with_net(|net| net.reset_due = false);
            if !self.move_frames(wsi) {
                return false;
            }
            self.take_ready(wsi, &mut batch);
            let full = is_full(wsi);
            // What the protocol could not show now waits for credit: it bounds each stream by itself.
            wsi.with_net(|net| net.room = if full { 0 } else { HIGH_WATER });
            if batch.is_empty() && !full {
                // Streams that end here were answered whole, but for those that were given up.
                self.reap();
                if wsi.with_net(|net| net.reset_due) != Some(true) {
                    return false;
                }
                continue;
            }
            for id in batch.drain(..) {
                if let Some(stream) = self.wsi(id).filter(|_| wsi.is_open()) {
                    self.service_stream(wsi, stream);
                }
            }
            if !wsi.is_open() {
                return false;
            }
            if full {
                self.flush(wsi);
                if !wsi.is_open() || is_blocked(wsi) {
                    // The protocol holds more than it could show, also if the socket takes everything the next time.
                    return wsi.is_open();
                }
            }
        }
        self.reap();
        self.move_frames(wsi)
    }

    /// Polls the protocol until it is idle, opening the streams it brings; `false` when the connection is over.
    fn move_frames(&self, wsi: &Wsi) -> bool {
        loop {
            let accept = self.may_take_ah(wsi);
            let event = wsi.with_net(|net| Some(net.h2()?.poll(accept))).flatten();
            match event {
                Some(Event::Idle) => return wsi.is_open(),
                Some(Event::Request(head, stream)) => {
                    if wsi.is_open() {
                        self.open_stream(wsi, head, stream);
                        // At once, so that the next request finds this one's memory and not the allocator's.
                        self.reap();
                    }
                }
                Some(Event::Closed(why)) => {
                    match why {
                        Some(why) => {
                            crate::log_info!("{}: HTTP/2: {why}", wsi.tag());
                            self.close_lingering(wsi);
                        }
                        None => self.close_gently(wsi),
                    }
                    return false;
                }
                None => return false,
            }
        }
    }

    fn open_stream(&self, connection: &Wsi, head: Result<Rc<HeaderTable>, h1::Reject>, h2: H2Stream) {
        let Some(vhost) = connection.vhost() else { return };
        let stream = self.new_wsi(Role::Stream);
        let id = stream.id();
        self.ledger.made(Kind::H2Stream, STREAM_STATE);
        stream.parent.set(Some(connection.id()));
        stream.bind_vhost(Some(Rc::clone(&vhost)));
        let is_connect = head.as_ref().is_ok_and(|table| table.protocol().is_some());
        // What follows a CONNECT is no body.
        let has_body = h2.expects_body() && !is_connect;
        if let Ok(table) = &head {
            self.prepare_for_body(stream, table, has_body);
        }
        let joined = connection.with_net(|net| {
            stream.stream_at.set(net.streams.len());
            net.streams.push(id);
            let waker = StreamWaker::new(id, net.wakes.clone()?);
            stream.stream.with(|core| *core = Some(StreamCore { h2, waker }));
            Some(net.streams.len() == 1)
        });
        if joined.flatten() == Some(true) {
            self.end_own_timeout(connection);
        }
        stream.announced.set(true);
        self.dispatch_as(stream, 0, Reason::WsiCreate, Arg::Null);
        match head {
            Ok(table) => {
                self.attach_ah(stream, table);
                if is_connect {
                    self.begin_with(stream, false, |stream| self.act_on_connect(stream));
                } else {
                    self.begin_request(stream, has_body);
                }
            }
            Err(reject) => {
                crate::log_info!("{}: request refused: {}", stream.tag(), reject.reason());
                self.refuse_h2(stream, reject.status());
            }
        }
        // At once: what it writes now leaves with its head.
        self.service_stream(connection, stream);
    }

    /// What the head says about the body of a stream's request.
    fn prepare_for_body(&self, stream: &Wsi, table: &HeaderTable, has_body: bool) {
        let (method, headers) = (table.method(), table.headers());
        if !has_body {
            let is_empty = method == Method::Post && says(headers, &CONTENT_LENGTH, "0");
            stream.http.empty_body.set(is_empty);
            return;
        }
        if matches!(method, Method::Get | Method::Head) && !headers.contains_key(CONTENT_LENGTH) {
            self.set_race_deadline(stream, Some(END_GRACE));
        }
        stream.http.expects_continue.set(says(headers, &EXPECT, "100-continue"));
    }

    pub(super) fn take_ready(&self, wsi: &Wsi, batch: &mut Vec<Id>) {
        wsi.with_net(|net| {
            batch.append(&mut net.ready);
            if let Some(wakes) = &net.wakes {
                wakes.take(batch);
            }
        });
        batch.retain(|&id| self.wsi(id).is_some_and(Wsi::is_open));
    }

    fn service_stream(&self, connection: &Wsi, stream: &Wsi) {
        if !stream.is_open() {
            return;
        }
        if stream.is_ws() {
            self.service_ws_stream(connection, stream);
            return;
        }
        if stream.http.phase.get() == Phase::Body && !self.receive_stream_body(stream) {
            return;
        }
        if stream.http.completed.get() {
            self.finish_transaction(stream);
            return;
        }
        let room = connection.with_net(|net| net.room > 0) == Some(true);
        if room
            && self.may_produce(stream)
            && stream_core(stream, |core| core.h2.poll_writeable(&core.waker)) == Some(true)
        {
            self.produce(stream);
        }
        if !stream.is_open() {
            return;
        }
        if stream.http.completed.get() {
            self.finish_transaction(stream);
            return;
        }
        if stream_core(stream, |core| core.h2.poll_reset(&core.waker)) == Some(true) {
            self.close(stream);
            return;
        }
        let wants = self.may_produce(stream);
        let again = wants && stream_core(stream, |core| core.h2.poll_writeable(&core.waker)) == Some(true);
        self.time_output(stream, wants && !again);
        if again {
            let id = stream.id();
            connection.with_net(|net| {
                net.ready.push(id);
            });
        }
    }

    /// The request's end has had its time to come.
    pub(super) fn give_up_on_end(&self, stream: &Wsi) {
        stream.http.never_ends.set(true);
        self.mark_ready(stream);
    }

    /// A file waits for the end of its request, unless that waits for us: an answer that ends before its request
    /// makes the protocol give the stream up, and what is wrong with the rest of the request goes unnoticed.
    fn may_produce(&self, stream: &Wsi) -> bool {
        let late = stream.http.expects_continue.get() || stream.http.never_ends.get();
        let early = stream.http.phase.get() == Phase::Body && !late;
        self.has_output_work(stream) && !(early && stream.http.file.borrow().is_some())
    }

    /// Takes what has come of the body; `false` when the stream ended over it.
    fn receive_stream_body(&self, stream: &Wsi) -> bool {
        while stream.is_open() && stream.http.phase.get() == Phase::Body {
            if stream.rx_paused.get() && !stream.http.body_is_unwanted() {
                break;
            }
            if self.deliver_held_body(stream) {
                continue;
            }
            match stream_core(stream, |core| core.h2.poll_body(&core.waker)) {
                Some(Received::Data(data)) => self.deliver_body(stream, data),
                Some(Received::End) => self.body_complete(stream),
                Some(Received::Pending) => break,
                Some(Received::Reset) | None => self.close(stream),
            }
        }
        stream.is_open()
    }

    // ---- header tables ----

    /// Whether a request may start: there is a header table for it. If not, the connection waits its turn.
    fn may_take_ah(&self, wsi: &Wsi) -> bool {
        let free = self.ah_is_free();
        if !free {
            let id = wsi.id();
            let mut waiting = self.waiting_for_ah.borrow_mut();
            if !waiting.contains(&id) {
                waiting.push_back(id);
            }
        }
        free
    }

    pub(super) fn ah_is_free(&self) -> bool {
        self.ledger.account(Kind::Ah).live < self.config.max_ah as u64
    }

    fn attach_ah(&self, wsi: &Wsi, table: Rc<HeaderTable>) {
        wsi.http.head_only.set(table.method() == Method::Head);
        self.attach_answer(wsi, table);
    }

    /// The header table becomes the wsi's; also that of an answer which a client got.
    pub(super) fn attach_answer(&self, wsi: &Wsi, table: Rc<HeaderTable>) {
        let bytes = table.memory();
        *wsi.http.ah.borrow_mut() = Some(table);
        wsi.http.ah_bytes.set(bytes);
        self.ledger.made(Kind::Ah, bytes);
    }

    // ---- bodies ----

    /// Hands a piece of the body to the program, in chunks of the service buffer's size.
    fn deliver_body(&self, wsi: &Wsi, mut data: Bytes) {
        let chunk = self.config.service_buffer.saturating_sub(crate::engine::write::PRE).max(1);
        while !data.is_empty() {
            if !wsi.is_open() {
                return;
            }
            if wsi.http.body_is_unwanted() {
                wsi.http.discarded.set(wsi.http.discarded.get().saturating_add(data.len()));
                self.consumed(wsi, data.len());
                return;
            }
            if wsi.rx_paused.get() {
                *wsi.http.held_body.borrow_mut() = data;
                return;
            }
            self.restart_content_timeout(wsi);
            let piece = data.split_to(chunk.min(data.len()));
            let result = self.dispatch(wsi, Reason::HttpBody, Arg::Bytes(&piece));
            self.consumed(wsi, piece.len());
            self.after_callback(wsi, result);
        }
    }

    fn deliver_held_body(&self, wsi: &Wsi) -> bool {
        if wsi.rx_paused.get() && !wsi.http.body_is_unwanted() {
            return false;
        }
        let held = wsi.http.held_body.take();
        if !held.has_remaining() {
            return false;
        }
        self.deliver_body(wsi, held);
        true
    }

    fn consumed(&self, wsi: &Wsi, len: usize) {
        stream_core(wsi, |core| core.h2.release(len));
    }

    /// All of the body has come. An explicitly empty one is told as an empty piece first, and for POST only.
    pub(super) fn body_complete(&self, wsi: &Wsi) {
        wsi.http.phase.set(Phase::Answer);
        self.end_own_timeout(wsi);
        if wsi.http.body_is_unwanted() {
            return;
        }
        if wsi.http.empty_body.get() {
            if wsi.ah().is_none_or(|ah| ah.method() != Method::Post) {
                return;
            }
            let result = self.dispatch(wsi, Reason::HttpBody, Arg::Null);
            self.after_callback(wsi, result);
        }
        if wsi.is_open() && !wsi.http.body_is_unwanted() {
            let result = self.dispatch(wsi, Reason::HttpBodyCompletion, Arg::Null);
            self.after_callback(wsi, result);
        }
    }

    pub(super) fn restart_content_timeout(&self, wsi: &Wsi) {
        self.set_own_timeout(wsi, Timeout::HttpContent, self.config.timeout);
    }
}

/// What a connection has, when it comes to rest.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the connection")]
struct Resting {
    eof: bool,
    is_ws: bool,
    /// Part of a request, or of a WebSocket's frame, has been received.
    partial: bool,
    /// Output waits in memory.
    sending: bool,
    /// Of HTTP/2: how many streams are open.
    streams: Option<usize>,
}

/// Which way a connection is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drive {
    /// It ends.
    Farewell,
    /// Nobody knows yet.
    Nothing,
    H1,
    H2,
    Ws,
}

pub(super) fn is_full(wsi: &Wsi) -> bool {
    wsi.with_net(|net| net.pending() >= HIGH_WATER) == Some(true)
}

fn is_blocked(wsi: &Wsi) -> bool {
    wsi.with_net(|net| net.blocked) != Some(false)
}

/// Whether header `name` has exactly this value.
fn says(headers: &http::HeaderMap, name: &HeaderName, value: &str) -> bool {
    headers.get(name).is_some_and(|said| said == value)
}

/// Opens the protocol's side of a stream, whoever opened it; `None` for anything that is not a live stream.
pub(super) fn stream_io<R>(wsi: &Wsi, work: impl FnOnce(&mut dyn StreamIo, &StreamWaker) -> R) -> Option<R> {
    if !wsi.is_client() {
        return stream_core(wsi, |core| work(&mut core.h2, &core.waker));
    }
    wsi.client()?.stream.with(|core| core.as_mut().map(|core| work(&mut core.h2, &core.waker)))
}

/// Opens the stream's core; `None` for anything that is not a live stream.
pub(super) fn stream_core<R>(wsi: &Wsi, work: impl FnOnce(&mut StreamCore) -> R) -> Option<R> {
    wsi.stream.with(|core| core.as_mut().map(work))
}
