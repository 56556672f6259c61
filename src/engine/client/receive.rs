//! What a client is answered: heads become callbacks, bodies are handed out as the program takes them.

use std::rc::Rc;

use bytes::{Buf as _, Bytes};

use super::{Client, Stage};
use crate::engine::connection::{HIGH_WATER, Net};
use crate::engine::context::Context;
use crate::engine::dispatch::Arg;
use crate::engine::reason::Reason;
use crate::engine::timer::Timeout;
use crate::engine::wsi::Wsi;
use crate::proto::h1::client::{ClientEvent, ResponseBody};
use crate::proto::h2::{Answer, ClientEvent as H2Event, H2Client, Received};
use crate::proto::http::header::{HeaderTable, Version};
use crate::util::slots::Id;

/// Rounds of one connection in one turn, before others get theirs.
const ROUNDS: usize = 64;

impl Context {
    /// Drives a client's connection as far as it goes; whether work is left for another turn.
    pub(in crate::engine) fn drive_client(&self, wsi: &Wsi, client: &Rc<Client>) -> bool {
        for _ in 0..ROUNDS {
            let progress = match client.stage.get() {
                Stage::Resolving | Stage::Connecting | Stage::Opening | Stage::Queued => return false,
                Stage::Tunnel => self.receive_tunnel(wsi, client),
                Stage::Handshake => self.finish_handshake(wsi, client),
                Stage::Waiting | Stage::Receiving => self.step_client_h1(wsi, client),
                Stage::Idle => self.serve_queue_h1(wsi, client),
                Stage::Network => return self.drive_client_h2(wsi, client),
                Stage::WebSocket => return self.drive_h1(wsi),
            };
            if !wsi.is_open() {
                return false;
            }
            if !progress {
                self.client_at_eof(wsi, client);
                return false;
            }
        }
        true
    }

    /// The peer has ended its side and everything it sent has been looked at.
    fn client_at_eof(&self, wsi: &Wsi, client: &Rc<Client>) {
        if wsi.with_net(|net| net.eof) != Some(true) || client.unread.get() || wsi.rx_paused.get() {
            return;
        }
        let (lost, truncated) =
            wsi.with_net(|net| (net.lost.clone(), net.is_truncated())).unwrap_or_default();
        let cut_off = |how: &str| self.answer_cut_off(wsi, client, lost.as_deref().unwrap_or(how));
        match client.stage.get() {
            Stage::Handshake => cut_off("the server closed the connection during the TLS handshake"),
            Stage::Tunnel => cut_off("the proxy closed the connection"),
            Stage::Idle => self.close(wsi),
            Stage::Waiting if self.ask_lost_again(wsi, client) => {}
            _ => match wsi.with_net(Net::end_of_answers).flatten() {
                Some(Ok(ClientEvent::End)) if lost.is_none() && !truncated => {
                    self.client_complete(wsi, client);
                }
                Some(Ok(ClientEvent::End)) => cut_off("the connection was closed, but its TLS was not"),
                Some(Err(bad)) => cut_off(&bad.to_string()),
                _ => cut_off("the server closed the connection"),
            },
        }
    }

    /// The client's socket, or its TLS, has failed. What came before counts, nothing more will.
    pub(in crate::engine) fn client_lost(&self, wsi: &Wsi) {
        wsi.with_net(|net| {
            net.eof = true;
            net.lost.get_or_insert_with(|| "the connection was lost".to_owned());
        });
        // The alert that says what is wrong with the peer's TLS.
        self.flush_quietly(wsi);
        self.drive(wsi);
        // Not when it has been asked anew on another.
        if wsi.is_open() && wsi.with_net(|net| net.lost.is_some()) == Some(true) {
            self.close(wsi);
        }
    }

    /// What came of the answer is not all of it.
    fn answer_cut_off(&self, wsi: &Wsi, client: &Client, why: &str) {
        crate::log_info!("{}: {why}", wsi.tag());
        client.blame(why);
        self.close(wsi);
    }

    // ---- HTTP/1 ----

    /// One step of an HTTP/1 answer; `false` when there is nothing to do now.
    fn step_client_h1(&self, wsi: &Wsi, client: &Rc<Client>) -> bool {
        // What a WebSocket has to write waits until it is one.
        if wsi.wants_write.get()
            && client.options.websocket.is_none()
            && wsi.with_net(|net| net.pending() < HIGH_WATER && !net.blocked && !net.dead) == Some(true)
        {
            self.ask_for_body(wsi, client);
            return true;
        }
        if client.stage.get() == Stage::Receiving {
            if wsi.rx_paused.get() || client.unread.get() {
                return false;
            }
            if client.held.borrow().has_remaining() {
                self.offer_body(wsi, client);
                return true;
            }
        }
        match wsi.with_net(Net::next_answer).flatten() {
            None | Some(Ok(ClientEvent::NeedMore)) => false,
            Some(Ok(ClientEvent::Informational(_))) => true,
            Some(Ok(ClientEvent::Head(table, info))) => {
                if info.body == ResponseBody::Tunnel && client.options.websocket.is_none() {
                    self.fail_client(wsi, "the server switches to a protocol that nobody asked for");
                    return true;
                }
                wsi.http.keep_alive.set(info.keep_alive);
                self.answered(wsi, client, table);
                true
            }
            Some(Ok(ClientEvent::Body(data))) => {
                self.set_own_timeout(wsi, Timeout::HttpContent, self.config.timeout);
                client.held.replace(data);
                true
            }
            Some(Ok(ClientEvent::End)) => {
                self.client_complete(wsi, client);
                true
            }
            Some(Err(bad)) => {
                self.answer_cut_off(wsi, client, &bad.to_string());
                true
            }
        }
    }

    /// Tells the program that there is a body to read, which it does by [`Context::read_body`].
    fn offer_body(&self, wsi: &Wsi, client: &Rc<Client>) {
        let before = client.held.borrow().len();
        if self.dispatch(wsi, Reason::ReceiveClientHttp, Arg::Null) != 0 {
            self.close(wsi);
            return;
        }
        // It will come for it when it can; until then the peer waits.
        client.unread.set(client.held.borrow().len() == before);
        if client.unread.get() {
            self.end_own_timeout(wsi);
        }
    }

    /// `lws_http_client_read`: copies what has come of the body into `room` and raises
    /// `LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ` about it. The number of bytes; `None` when the wsi must go, which a callback
    /// returns on; outside of one, it goes here.
    pub fn read_body(&self, wsi: &Wsi, room: &mut [u8]) -> Option<usize> {
        let client = wsi.client().filter(|_| wsi.is_open())?;
        let n = {
            let mut held = client.held.borrow_mut();
            let n = held.len().min(room.len()).min(client.granted());
            held.copy_to_slice(&mut room[..n]);
            n
        };
        if n == 0 {
            return Some(0);
        }
        if client.unread.replace(false) {
            self.set_own_timeout(wsi, Timeout::HttpContent, self.config.timeout);
        }
        client.takes(n);
        // More of the body comes then, and on HTTP/2 the peer hears that there is room for it.
        self.mark_ready(wsi);
        if self.dispatch(wsi, Reason::ReceiveClientHttpRead, Arg::Bytes(&room[..n])) == 0 {
            return Some(n);
        }
        if !self.in_user_code() {
            self.close(wsi);
        }
        None
    }

    // ---- both ----

    /// The head of the answer has come.
    fn answered(&self, wsi: &Wsi, client: &Rc<Client>, table: Rc<HeaderTable>) {
        client.status.set(table.status());
        client.end_step(|measured, took| measured.answer_us = took);
        if client.options.cookies {
            self.config.cookies.receive(wsi, &client.target.borrow(), &table);
        }
        self.attach_answer(wsi, table);
        client.stage.set(Stage::Receiving);
        if self.follow_redirect(wsi, client) || !wsi.is_open() {
            return;
        }
        if client.options.websocket.is_some() {
            self.websocket_answered(wsi, client);
            return;
        }
        self.set_own_timeout(wsi, Timeout::HttpContent, self.config.timeout);
        if self.dispatch(wsi, Reason::ClientFilterPreEstablish, Arg::Null) != 0 {
            self.fail_client(wsi, "the protocol's callback refused CLIENT_FILTER_PRE_ESTABLISH");
            return;
        }
        client.established.set(true);
        if self.dispatch(wsi, Reason::EstablishedClientHttp, Arg::Null) != 0 {
            if wsi.is_open() {
                // It never was, then: the program hears of its end as of a failed connect.
                client.established.set(false);
            }
            self.fail_client(wsi, "the protocol's callback refused ESTABLISHED_CLIENT_HTTP");
        }
        self.detach_ah(wsi);
    }

    /// All of the answer has come.
    fn client_complete(&self, wsi: &Wsi, client: &Rc<Client>) {
        client.complete.set(true);
        self.end_own_timeout(wsi);
        if self.dispatch(wsi, Reason::CompletedClientHttp, Arg::Null) != 0
            || !wsi.is_open()
            || wsi.is_stream()
        {
            self.close(wsi);
            return;
        }
        let whole_request = wsi.http.ended.get();
        if wsi.http.keep_alive.get() && client.options.pipeline && whole_request {
            client.stage.set(Stage::Idle);
            self.set_own_timeout(wsi, Timeout::KeepAlive, client.options.keep_warm);
        } else {
            self.close(wsi);
        }
    }

    // ---- HTTP/2 ----

    fn drive_client_h2(&self, wsi: &Wsi, client: &Rc<Client>) -> bool {
        if wsi.with_net(|net| net.eof) == Some(true) {
            wsi.with_net(|net| net.h2_client().map(H2Client::receive_eof));
        }
        let mut batch = Vec::new();
        for _ in 0..ROUNDS {
            self.reap();
            wsi.with_net(|net| net.reset_due = false);
            match wsi.with_net(|net| Some(net.h2_client()?.poll())).flatten() {
                Some(H2Event::Idle | H2Event::Ready) => {}
                Some(H2Event::Closed(why)) => {
                    self.network_lost(wsi, client, why);
                    return false;
                }
                None => return false,
            }
            let opened = self.open_queued(wsi, client);
            self.take_ready(wsi, &mut batch);
            wsi.with_net(|net| net.room = HIGH_WATER.saturating_sub(net.pending()));
            if batch.is_empty() && !opened {
                self.reap();
                if wsi.with_net(|net| net.reset_due) != Some(true) {
                    self.rest_network(wsi, client);
                    return false;
                }
                continue;
            }
            for id in batch.drain(..) {
                if let Some(stream) = self.wsi(id).filter(|_| wsi.is_open())
                    && let Some(of_stream) = stream.client()
                {
                    self.service_client_stream(wsi, stream, &of_stream);
                }
            }
            if !wsi.is_open() {
                return false;
            }
            if wsi.with_net(|net| net.pending() >= HIGH_WATER) == Some(true) {
                self.flush(wsi);
                if !wsi.is_open() || wsi.with_net(|net| net.blocked) != Some(false) {
                    return wsi.is_open();
                }
            }
        }
        true
    }

    /// A connection without streams is kept warm for a while.
    fn rest_network(&self, wsi: &Wsi, client: &Client) {
        let idle = wsi.with_net(|net| {
            let idle = net.streams.is_empty();
            if idle && let Some(h2) = net.h2_client() {
                h2.shrink();
            }
            idle
        });
        if idle == Some(true) {
            // Where others wait the server takes no streams.
            let (why, after) = if client.queue.borrow().is_empty() {
                (Timeout::KeepAlive, client.options.keep_warm)
            } else {
                (Timeout::HttpContent, self.config.timeout)
            };
            // Not anew, whatever the server sends meanwhile.
            if wsi.deadlines.timeout.get() != why {
                self.set_own_timeout(wsi, why, after);
            }
        } else {
            self.end_own_timeout(wsi);
            self.watch_silence(wsi);
        }
    }

    /// The HTTP/2 connection is over. Requests that the server has not acted on begin again on another.
    fn network_lost(&self, wsi: &Wsi, client: &Rc<Client>, why: Option<String>) {
        let why = wsi
            .with_net(|net| net.lost.clone())
            .flatten()
            .or(why)
            .unwrap_or_else(|| "the server closed the HTTP/2 connection".to_owned());
        crate::log_info!("{}: {why}", wsi.tag());
        let streams: Vec<Id> = wsi.with_net(|net| net.streams.clone()).unwrap_or_default();
        self.leave_shared(wsi, client);
        for stream in streams.into_iter().filter_map(|id| self.wsi(id)) {
            let Some(of_stream) = stream.client().filter(|_| stream.is_open()) else { continue };
            // What has come already is delivered; a stream that failed hears of it by its own poll.
            self.service_client_stream(wsi, stream, &of_stream);
            if stream.is_open() && stream.parent.get() == Some(wsi.id()) {
                of_stream.blame(why.clone());
                self.close(stream);
            }
        }
        self.close(wsi);
    }

    fn service_client_stream(&self, connection: &Wsi, stream: &Wsi, client: &Rc<Client>) {
        if stream.is_open() && client.stage.get() == Stage::Waiting {
            self.receive_answer_h2(stream, client);
        }
        if stream.is_open() && stream.is_ws() {
            self.service_ws_stream(connection, stream);
            return;
        }
        if stream.is_open() && client.stage.get() == Stage::Receiving && stream.is_stream() {
            self.receive_body_h2(stream, client);
        }
        if stream.is_open()
            && stream.is_stream()
            && stream.wants_write.get()
            && client.options.websocket.is_none()
        {
            let room = connection.with_net(|net| net.pending() < HIGH_WATER) == Some(true);
            let writeable =
                || client.stream.with(|slot| slot.as_mut().is_some_and(|of| of.h2.poll_writeable(&of.waker)));
            if !room {
                self.mark_ready(stream);
            } else if writeable() {
                self.ask_for_body(stream, client);
            }
            if stream.is_open() && room && stream.wants_write.get() && writeable() {
                self.mark_ready(stream);
            }
        }
    }

    fn receive_answer_h2(&self, stream: &Wsi, client: &Rc<Client>) {
        let answer = client.stream.with(|slot| slot.as_mut().map(|of| of.h2.poll_response(&of.waker)));
        match answer {
            None | Some(Answer::Pending) => {}
            Some(Answer::Head(parts)) => {
                let content =
                    parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
                let table = HeaderTable::from_response(Version::Http2, parts.status, parts.headers, content);
                self.answered(stream, client, Rc::new(table));
            }
            Some(Answer::Failed { text, refused: true }) => {
                if let Err(why) = self.ask_refused_again(stream, client) {
                    self.fail_client(stream, format!("HTTP/2: refused: {text}, {why}"));
                }
            }
            Some(Answer::Failed { text, refused: false }) => {
                // What the connection died of, HTTP/2 does not know: the server's TLS alert, for one.
                let connection = stream.parent.get().and_then(|id| self.wsi(id));
                let lost = connection.and_then(|connection| connection.with_net(|net| net.lost.clone()));
                self.fail_client(stream, lost.flatten().unwrap_or_else(|| format!("HTTP/2: {text}")));
            }
        }
    }

    fn receive_body_h2(&self, stream: &Wsi, client: &Rc<Client>) {
        while stream.is_open() && !stream.rx_paused.get() && client.credit.get() != Some(0) {
            let held = client.held.take();
            let data = if held.has_remaining() {
                Received::Data(held)
            } else {
                let next = client.stream.with(|slot| slot.as_mut().map(|of| of.h2.poll_body(&of.waker)));
                next.unwrap_or(Received::Reset)
            };
            match data {
                Received::Data(data) => self.deliver_answer(stream, client, data),
                Received::End => {
                    self.client_complete(stream, client);
                    return;
                }
                Received::Pending => return,
                Received::Reset => {
                    self.answer_cut_off(stream, client, "HTTP/2: the server reset the stream");
                    return;
                }
            }
        }
    }

    /// Hands a piece of the body out, in chunks of the service buffer's size and as far as it is granted.
    fn deliver_answer(&self, stream: &Wsi, client: &Rc<Client>, mut data: Bytes) {
        self.set_own_timeout(stream, Timeout::HttpContent, self.config.timeout);
        let chunk = self.config.service_buffer.max(1);
        while !data.is_empty() && stream.is_open() {
            let granted = client.granted();
            if stream.rx_paused.get() || granted == 0 {
                client.held.replace(data);
                self.end_own_timeout(stream);
                return;
            }
            let piece = data.split_to(chunk.min(data.len()).min(granted));
            client.takes(piece.len());
            if self.dispatch(stream, Reason::ReceiveClientHttpRead, Arg::Bytes(&piece)) != 0 {
                self.close(stream);
            }
        }
    }

    /// `lws_wsi_tx_credit` towards us: the program takes `add` bytes more; how many it takes now. `None` where it does not
    /// grant by hand.
    pub fn grant(&self, wsi: &Wsi, add: u64) -> Option<u64> {
        let client = wsi.client()?;
        let credit = client.credit.get()?.saturating_add(add);
        client.credit.set(Some(credit));
        if add > 0 {
            self.mark_ready(wsi);
        }
        Some(credit)
    }
}

impl Client {
    /// Bytes of the body that the program takes before it grants more.
    fn granted(&self) -> usize {
        self.credit.get().map_or(usize::MAX, |credit| usize::try_from(credit).unwrap_or(usize::MAX))
    }

    /// The program takes `len` bytes, of as many as it has granted; an HTTP/2 peer may send as many more.
    fn takes(&self, len: usize) {
        self.credit.set(self.credit.get().map(|credit| credit - len as u64));
        self.stream.with(|slot| slot.as_mut().map(|of| of.h2.release(len)));
    }
}
