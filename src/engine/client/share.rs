//! Several requests over one connection: as streams of HTTP/2, or one after the other on HTTP/1.
//!
//! A connection whose requests may be shared is listed by its context. A request for the same server waits in that
//! connection's queue: until it is known to be HTTP/2 and has a stream to give, or until an HTTP/1 connection has done with
//! the request before. Then the wsi that waited becomes a stream, or takes the connection over.

use std::rc::Rc;

use super::{Client, Stage};
use crate::engine::context::{Context, Ending};
use crate::engine::ledger::Kind;
use crate::engine::timer::Timeout;
use crate::engine::wsi::{Role, Wsi};
use crate::proto::h2::{H2Client, STREAM_STATE};
use crate::util::slots::Id;

impl Context {
    /// Has the client wait for a connection that there is, or will be; `false` when it needs its own.
    pub(super) fn join_connection(&self, wsi: &Wsi, client: &Rc<Client>) -> bool {
        if !client.options.pipeline {
            return false;
        }
        let Some(leader) = self.connection_like(wsi, client) else {
            // A WebSocket has its HTTP/1 connection for itself; one of HTTP/2 is listed when it is known to be that.
            if client.options.websocket.is_none() {
                self.shared.borrow_mut().push(wsi.id());
            }
            return false;
        };
        let Some(leading) = leader.client() else { return false };
        client.stage.set(Stage::Queued);
        client.leader.set(Some(leader.id()));
        leading.queue.borrow_mut().push_back(wsi.id());
        self.schedule(leader);
        true
    }

    /// A connection that a request like this may use.
    fn connection_like(&self, wsi: &Wsi, client: &Client) -> Option<&Wsi> {
        let vhost = wsi.vhost()?;
        let target = client.target.borrow();
        let shared: Vec<_> = self.shared.borrow().clone();
        shared.into_iter().filter_map(|id| self.wsi(id)).find(|&other| {
            let Some(leading) = other.client().filter(|_| other.is_open() && other.id() != wsi.id()) else {
                return false;
            };
            if client.refused_on.get() == Some(other.id()) {
                return false;
            }
            if client.options.websocket.is_some() && (client.h1_only.get() || !takes_websockets(other)) {
                return false;
            }
            let theirs = leading.target.borrow();
            client.options.may_share(&leading.options)
                && (&theirs.address, theirs.port, theirs.tls, &theirs.host)
                    == (&target.address, target.port, target.tls, &target.host)
                && other.vhost().is_some_and(|of| Rc::ptr_eq(&of, &vhost))
        })
    }

    /// Nobody joins this connection any more.
    pub(in crate::engine) fn leave_shared(&self, wsi: &Wsi, client: &Client) {
        if client.options.pipeline {
            self.shared.borrow_mut().retain(|&id| id != wsi.id());
        }
    }

    /// A client wsi goes: from the queue that it waits in, and those that wait for it go elsewhere.
    pub(in crate::engine) fn end_sharing(&self, wsi: &Wsi, client: &Rc<Client>) {
        self.leave_shared(wsi, client);
        if let Some(leading) = client.leader.take().and_then(|id| self.wsi(id)).and_then(Wsi::client) {
            leading.queue.borrow_mut().retain(|&id| id != wsi.id());
        }
        for rival in client.rivals.take() {
            if let Some(rival) = self.wsi(rival) {
                self.close(rival);
            }
        }
        self.orphan_queue(client);
    }

    /// Those that waited for this connection: what has failed for it would fail for them too; otherwise they begin anew.
    pub(super) fn orphan_queue(&self, client: &Client) {
        let never_connected = matches!(
            client.stage.get(),
            Stage::Resolving | Stage::Connecting | Stage::Opening | Stage::Tunnel | Stage::Handshake
        );
        let why = client.failure.borrow().clone();
        for waiting in client.queue.take().into_iter().filter_map(|id| self.wsi(id)) {
            let Some(waiter) = waiting.client().filter(|_| waiting.is_open()) else { continue };
            waiter.leader.set(None);
            match &why {
                // It goes as well, and soon.
                _ if self.ending() != Ending::No => {}
                Some(why) if never_connected => self.fail_client(waiting, why.clone()),
                // The connection was made for it, and not the first one.
                _ if waiting.is_stream() && waiter.retried.replace(true) => {
                    self.fail_client(waiting, "HTTP/2: the server takes no requests");
                }
                _ => self.ask_again(waiting, &waiter),
            }
        }
    }

    // ---- HTTP/1 ----

    /// An HTTP/1 connection has done with its request: the next that waits takes it over. `false` when none does.
    pub(super) fn serve_queue_h1(&self, wsi: &Wsi, client: &Rc<Client>) -> bool {
        // Bytes that nobody asked for: nobody knows what they would answer.
        if wsi.with_net(|net| net.eof || !net.rx.is_empty()) != Some(false) {
            self.close(wsi);
            return true;
        }
        let next = loop {
            let Some(id) = client.queue.borrow_mut().pop_front() else { return false };
            if let Some(next) = self.wsi(id).filter(|next| next.is_open())
                && let Some(of_next) = next.client()
            {
                break (next, of_next);
            }
        };
        let (next, of_next) = next;
        of_next.leader.set(None);
        of_next.reused.set(true);
        of_next.queue.replace(client.queue.take());
        for &id in &*of_next.queue.borrow() {
            if let Some(waiter) = self.wsi(id).and_then(Wsi::client) {
                waiter.leader.set(Some(next.id()));
            }
        }
        self.leave_shared(wsi, client);
        self.shared.borrow_mut().push(next.id());
        if self.hand_over(wsi, next) {
            self.announce_client(next);
            if next.is_open() {
                self.send_request_h1(next, &of_next);
            }
        } else {
            self.fail_client(next, "conn fail: sock accept");
        }
        self.close(wsi);
        true
    }

    // ---- HTTP/2 ----

    /// The connection is HTTP/2: its own request moves to a stream, before those that waited.
    pub(super) fn become_network(&self, wsi: &Wsi, client: &Rc<Client>) {
        client.stage.set(Stage::Network);
        self.end_own_timeout(wsi);
        let stream = self.new_wsi(Role::Stream);
        let of_stream = Client::new(client.options.clone(), client.target.borrow().clone());
        of_stream.redirects.set(client.redirects.get());
        of_stream.retried.set(client.retried.get());
        of_stream.redirected_to_get.set(client.redirected_to_get.get());
        of_stream.body_pending.set(client.body_pending.get());
        of_stream.measured.replace(client.measured.take());
        stream.set_client(Some(Rc::clone(&of_stream)));
        stream.bind_vhost(wsi.vhost());
        stream.protocol.set(wsi.protocol.get());
        stream.retry.replace(wsi.retry.borrow().clone());
        wsi.move_session_to(stream);
        if let Some(elder) = self.leave_elder(wsi) {
            stream.become_child_of(elder);
        }
        self.make_stream(wsi, stream);
        client.queue.borrow_mut().push_front(stream.id());
        if client.options.pipeline && client.options.websocket.is_some() {
            self.shared.borrow_mut().push(wsi.id());
        }
        of_stream.leader.set(Some(wsi.id()));
        of_stream.stage.set(Stage::Queued);
        // The server may never take a stream.
        self.set_own_timeout(stream, Timeout::HttpContent, self.config.timeout);
    }

    /// Gives streams to those that wait, as long as there are any to be had; whether one was.
    pub(super) fn open_queued(&self, connection: &Wsi, client: &Rc<Client>) -> bool {
        if connection.with_net(|net| net.h2_client().is_some_and(H2Client::takes_streams)) != Some(true) {
            self.leave_shared(connection, client);
            self.orphan_queue(client);
            return false;
        }
        let mut opened = false;
        while connection.is_open()
            && connection.with_net(|net| net.h2_client().is_some_and(H2Client::may_open)) == Some(true)
        {
            let takes_websockets =
                connection.with_net(|net| net.h2_client().and_then(|h2| h2.takes_extended_connect()));
            let takes_websockets = takes_websockets.flatten();
            let Some(id) = self.next_waiting(client, takes_websockets.is_some()) else { break };
            let Some((wsi, waiter)) =
                self.wsi(id).filter(|wsi| wsi.is_open()).and_then(|wsi| Some((wsi, wsi.client()?)))
            else {
                continue;
            };
            waiter.leader.set(None);
            if waiter.options.websocket.is_some() && takes_websockets == Some(false) {
                self.ask_by_h1(wsi, &waiter);
                continue;
            }
            if !wsi.is_stream() {
                wsi.role.set(Role::Stream);
                self.make_stream(connection, wsi);
            }
            self.end_own_timeout(connection);
            self.announce_client(wsi);
            if wsi.is_open() {
                self.send_request_h2(connection, wsi, &waiter);
            }
            opened = true;
        }
        opened
    }

    /// The next in the queue; whether the server takes WebSockets, they wait to be told.
    fn next_waiting(&self, client: &Client, settings_known: bool) -> Option<Id> {
        let mut queue = client.queue.borrow_mut();
        let waits = |id: &Id| {
            let waiter = self.wsi(*id).and_then(Wsi::client);
            !settings_known && waiter.is_some_and(|waiter| waiter.options.websocket.is_some())
        };
        let at = queue.iter().position(|id| !waits(id))?;
        queue.remove(at)
    }

    /// The server takes no WebSockets over HTTP/2: without it then, where the program lets HTTP/1 be offered.
    fn ask_by_h1(&self, wsi: &Wsi, client: &Rc<Client>) {
        let offers_h1 = client.options.alpn.iter().any(|name| name == b"http/1.1");
        if client.target.borrow().tls && offers_h1 && !client.options.h2_only {
            crate::log_info!("{}: no WebSockets over HTTP/2, asking by HTTP/1.1", wsi.tag());
            client.h1_only.set(true);
            self.ask_again(wsi, client);
        } else {
            self.fail_client(wsi, "HS: h2 / ws upgrade unsupported by the server (no extended CONNECT)");
        }
    }

    /// Puts `stream` on its connection's list.
    fn make_stream(&self, connection: &Wsi, stream: &Wsi) {
        self.ledger.made(Kind::H2Stream, STREAM_STATE);
        stream.parent.set(Some(connection.id()));
        let id = stream.id();
        connection.with_net(|net| {
            stream.stream_at.set(net.streams.len());
            net.streams.push(id);
        });
    }
}

/// Whether it is an HTTP/2 connection that WebSockets may be opened on, as far as is known.
fn takes_websockets(wsi: &Wsi) -> bool {
    let told = wsi.with_net(|net| net.h2_client().map(|h2| h2.takes_extended_connect()));
    told.flatten().is_some_and(|takes| takes != Some(false))
}
