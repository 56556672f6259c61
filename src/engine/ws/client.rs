//! The opening handshake of WebSockets from the client's side: over HTTP/1.1 an upgrade (RFC 6455 §4.1), over HTTP/2 an
//! extended CONNECT (RFC 8441 §5).
//!
//! A WebSocket client is an HTTP client as far as the answer's head. Then it is checked here, and the wsi becomes a
//! WebSocket, or fails with a text that says what was wrong. Which HTTP it is to be, ALPN decides. A server that takes
//! HTTP/2 but no WebSockets over it is asked again by HTTP/1.1, where the program lets that be offered.

use std::rc::Rc;

use super::WsCore;
use crate::engine::client::{Client, Stage};
use crate::engine::connection::Speaks;
use crate::engine::context::Context;
use crate::engine::dispatch::Arg;
use crate::engine::reason::Reason;
use crate::engine::wsi::Wsi;
use crate::proto::http::header::HeaderTable;
use crate::proto::http::lines::RequestLines;
use crate::proto::ws::Side;
use crate::proto::ws::handshake::{self, Accepted};

/// What a WebSocket client asks for, beside what any client does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebSocketRequest {
    /// The subprotocols it offers, as the program lists them; empty for none.
    pub protocols: String,
}

/// What was offered in a handshake, to check its answer by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct Offered {
    /// The key, over HTTP/1.
    key: Option<String>,
}

impl Context {
    /// Adds the lines that make a request that of a WebSocket. `None` when that failed.
    pub(in crate::engine) fn ask_for_websocket(
        &self,
        wsi: &Wsi,
        client: &Client,
        asked: &WebSocketRequest,
        is_h2: bool,
        lines: &mut RequestLines,
    ) -> Option<()> {
        let mut key = None;
        if !is_h2 {
            let Ok(random) = self.random.borrow_mut().take() else {
                self.fail_client(wsi, "the system has no randomness for a WebSocket's key");
                return None;
            };
            key = Some(handshake::client_key(random));
        }
        handshake::add_request_lines(lines, key.as_deref(), &asked.protocols, "");
        client.offered.replace(Some(Offered { key }));
        Some(())
    }

    /// The answer to the handshake has come, and is no redirect that is followed.
    pub(in crate::engine) fn websocket_answered(&self, wsi: &Wsi, client: &Rc<Client>) {
        // Whatever it is: the program may want to read its headers.
        if self.dispatch(wsi, Reason::EstablishedClientHttp, Arg::Null) != 0 {
            self.fail_client(wsi, "HS: disallowed by client filter");
            return;
        }
        let (Some(answer), Some(offered)) = (wsi.ah(), client.offered.take()) else {
            self.fail_client(wsi, "HS: the answer is gone");
            return;
        };
        let accepted = match check(&answer, &offered, client) {
            Ok(accepted) => accepted,
            Err(why) => {
                self.fail_client(wsi, why);
                return;
            }
        };
        if self.dispatch(wsi, Reason::ClientFilterPreEstablish, Arg::Null) != 0 {
            self.fail_client(wsi, "HS: Rejected by filter cb");
            return;
        }
        drop(accepted);
        self.become_websocket(wsi, client);
    }

    /// The handshake is good: from here on there are frames.
    fn become_websocket(&self, wsi: &Wsi, client: &Rc<Client>) {
        let mut ws = WsCore::new(Side::Client);
        ws.stage = super::Stage::Open;
        wsi.set_ws(ws);
        if !wsi.is_stream() {
            wsi.with_net(|net| net.speaks = Speaks::Ws);
        }
        client.stage.set(Stage::WebSocket);
        client.established.set(true);
        self.end_own_timeout(wsi);
        self.detach_ah(wsi);
        wsi.http.reset();
        if self.dispatch(wsi, Reason::ClientEstablished, Arg::Null) != 0 {
            // What the callback has refused was never there; what it has closed by itself was.
            if wsi.is_open() {
                client.established.set(false);
            }
            self.fail_client(wsi, "HS: Rejected at CLIENT_ESTABLISHED");
        }
    }
}

/// What the answer has agreed to, or what is wrong with it, in the words that programs know where there are some.
fn check<'a>(answer: &'a HeaderTable, offered: &Offered, client: &Client) -> Result<Accepted<'a>, String> {
    let protocols = client.options.websocket.as_ref().map_or("", |asked| &asked.protocols);
    let status = answer.status();
    match &offered.key {
        _ if status == 401 => return Err("HS: ws upgrade unauthorized".to_owned()),
        Some(_) if status != 101 => return Err(format!("HS: ws upgrade response not 101: {status}")),
        None if !(200..300).contains(&status) => {
            return Err(format!("HS: ws upgrade response not 200: {status}"));
        }
        _ => {}
    }
    let accepted = handshake::check_response(answer, offered.key.as_deref(), protocols)
        .map_err(|why| format!("HS: {why}"))?;
    match accepted.extensions.first() {
        Some(extension) => Err(format!("HS: EXT: unknown ext {:?}", extension.name)),
        None => Ok(accepted),
    }
}
