//! The opening handshake of WebSockets from the client's side: over HTTP/1.1 an upgrade (RFC 6455 §4.1), over HTTP/2 an
//! extended CONNECT (RFC 8441 §5).
//!
//! A WebSocket client is an HTTP client as far as the answer's head. Then it is checked here, and the wsi becomes a
//! WebSocket, or fails with a text that says what was wrong. Which HTTP it is to be, ALPN decides. A server that takes
//! HTTP/2 but no WebSockets over it is asked again by HTTP/1.1, where the program lets that be offered.
//!
//! Compression is offered as the vhost's table of extensions has it, unless the program's first protocol returns nonzero for
//! `CLIENT_CONFIRM_EXTENSION_SUPPORTED`. Where the server takes it, the client's protocol may set options of it
//! (`WS_EXT_DEFAULTS`).

use std::rc::Rc;

use super::{EXTENSION, WsCore};
use crate::engine::client::{Client, Stage};
use crate::engine::connection::Speaks;
use crate::engine::context::Context;
use crate::engine::dispatch::Arg;
use crate::engine::reason::Reason;
use crate::engine::wsi::Wsi;
use crate::proto::http::header::HeaderTable;
use crate::proto::http::lines::RequestLines;
use crate::proto::ws::Side;
use crate::proto::ws::deflate::Params;
use crate::proto::ws::handshake;
use crate::proto::ws::negotiate::check_client;
use crate::proto::ws::settings::Settings;

/// Room for the options of an extension, bytes.
const OPTIONS_ROOM: usize = 128;

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
    /// The extensions, as they stand in the header.
    extensions: String,
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
        let extensions = self.extensions_to_offer(wsi)?;
        handshake::add_request_lines(lines, key.as_deref(), &asked.protocols, &extensions);
        client.offered.replace(Some(Offered { key, extensions }));
        Some(())
    }

    /// The extensions that the program wants to be offered; `None` when it has ended the wsi instead.
    fn extensions_to_offer(&self, wsi: &Wsi) -> Option<String> {
        let vhost = wsi.vhost()?;
        let Some(compression) = &vhost.compression else { return Some(String::new()) };
        let name = Arg::Numbered(EXTENSION, 0);
        let result = self.dispatch_as(wsi, 0, Reason::ClientConfirmExtensionSupported, name);
        wsi.is_open().then(|| if result == 0 { compression.offer.clone() } else { String::new() })
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
        let vhost = wsi.vhost();
        let config = vhost.as_ref().and_then(|vhost| Some(&vhost.compression.as_ref()?.params));
        let settings = check(&answer, &offered, client, config)
            .and_then(|agreed| agreed.map(|agreed| self.compression_settings(wsi, agreed)).transpose());
        let settings = match settings {
            Ok(settings) => settings,
            Err(why) => {
                self.fail_client(wsi, why);
                return;
            }
        };
        if self.dispatch(wsi, Reason::ClientFilterPreEstablish, Arg::Null) != 0 {
            self.fail_client(wsi, "HS: Rejected by filter cb");
            return;
        }
        self.become_websocket(wsi, client, settings);
    }

    /// What was agreed on, with what the program has to add.
    fn compression_settings(&self, wsi: &Wsi, agreed: Params) -> Result<Settings, String> {
        let settings = Settings::new(Side::Client, agreed);
        let mut room = [0_u8; OPTIONS_ROOM];
        let arg = Arg::Options { of: EXTENSION, at: room.as_mut_ptr(), len: room.len() };
        if self.dispatch(wsi, Reason::WsExtDefaults, arg) != 0 {
            return Err("HS: EXT: failed setting defaults".to_owned());
        }
        let text = room.split(|&byte| byte == 0).next().unwrap_or_default();
        settings.set_all(text).map_err(|why| {
            crate::log_err!("{}: LWS_CALLBACK_WS_EXT_DEFAULTS: {why}", wsi.tag());
            format!("HS: EXT: failed parsing defaults: {why}")
        })?;
        Ok(settings)
    }

    /// The handshake is good: from here on there are frames.
    fn become_websocket(&self, wsi: &Wsi, client: &Rc<Client>, settings: Option<Settings>) {
        let mut ws = WsCore::new(Side::Client);
        if let Some(settings) = settings {
            ws.compress(settings);
        }
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

/// What compression the answer has agreed to, or what is wrong with it, in the words that programs know where there are some.
/// `config` is what is not negotiated, where the vhost has compression.
fn check(
    answer: &HeaderTable,
    offered: &Offered,
    client: &Client,
    config: Option<&Params>,
) -> Result<Option<Params>, String> {
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
    let config = config.cloned().unwrap_or_default();
    check_client(&accepted.extensions, &offered.extensions, &config).map_err(|why| format!("HS: EXT: {why}"))
}
