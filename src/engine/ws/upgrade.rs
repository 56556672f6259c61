//! A request becomes a WebSocket, on a server: an upgrade on HTTP/1.1 (RFC 6455 §4.2), an extended CONNECT on HTTP/2
//! (RFC 8441).
//!
//! The program is asked in this order: `HTTP_CONFIRM_UPGRADE` (HTTP/1.1 only, as ever), `HTTP_BIND_PROTOCOL` of the
//! protocol that was chosen, `FILTER_PROTOCOL_CONNECTION`, `CONFIRM_EXTENSION_OKAY`, `ADD_HEADERS`, `ESTABLISHED`. Whoever says no ends it; the
//! client is told so by a status, unless the program has answered by itself.

use std::ffi::CString;
use std::rc::Rc;

use super::{EXTENSION, WsCore};
use crate::engine::connection::Speaks;
use crate::engine::context::Context;
use crate::engine::dispatch::Arg;
use crate::engine::http::Answer;
use crate::engine::reason::Reason;
use crate::engine::respond::{HeadWriter, build_head, status_page};
use crate::engine::vhost::Vhost;
use crate::engine::write::Mode;
use crate::engine::wsi::{Phase, Wsi};
use crate::proto::http::header::HeaderTable;
use crate::proto::http::response::HeaderError;
use crate::proto::http::token::Token;
use crate::proto::ws::Side;
use crate::proto::ws::deflate::Params;
use crate::proto::ws::handshake::{self, Refusal, Upgrade};
use crate::proto::ws::negotiate::negotiate_server;
use crate::proto::ws::settings::Settings;

/// The `:protocol` of an extended CONNECT that opens a WebSocket.
const WEBSOCKET: &[u8] = b"websocket";

/// The `rx_buffer_size` from which on a protocol's messages may be compressed, as in lws.
const SMALLEST_COMPRESSED: usize = 128;

impl Context {
    /// An HTTP/1.1 request asks for an upgrade to WebSocket.
    pub(in crate::engine) fn act_on_upgrade(&self, wsi: &Wsi) -> Answer {
        let Some(ah) = wsi.ah() else { return Answer::Failed };
        if let Some(answer) = self.before_program(wsi, &ah) {
            return answer;
        }
        let asked = c_text(&ah, Token::UPGRADE).unwrap_or_default();
        match self.dispatch(wsi, Reason::HttpConfirmUpgrade, Arg::Numbered(&asked, 0)) {
            ..0 => Answer::Failed,
            0 => self.upgrade(wsi, &ah),
            1.. => {
                if !wsi.http.completed.get() {
                    self.complete_transaction(wsi);
                }
                Answer::Taken
            }
        }
    }

    /// An HTTP/2 request has a `:protocol`.
    pub(in crate::engine) fn act_on_connect(&self, stream: &Wsi) -> Answer {
        let Some(ah) = stream.ah() else { return Answer::Failed };
        if ah.protocol() != Some(WEBSOCKET) {
            return self.answer_status(stream, 501);
        }
        if let Some(answer) = self.before_program(stream, &ah) {
            return answer;
        }
        self.upgrade(stream, &ah)
    }

    /// What is settled before the program hears of it, as for any other request: the vhost, and redirects.
    fn before_program(&self, wsi: &Wsi, ah: &Rc<HeaderTable>) -> Option<Answer> {
        self.choose_vhost(wsi, ah);
        if wsi.with_net(|net| net.redirect_to_tls) == Some(true) {
            return Some(self.redirect_to_tls(wsi, ah));
        }
        self.redirect_by_mount(wsi, ah)
    }

    fn upgrade(&self, wsi: &Wsi, ah: &HeaderTable) -> Answer {
        let asked = match handshake::check(ah, wsi.is_stream()) {
            Ok(asked) => asked,
            Err(refusal) => return self.refuse_upgrade(wsi, refusal),
        };
        let Some(vhost) = wsi.vhost() else { return Answer::Failed };
        let Some(protocol) = choose_protocol(&vhost, &asked.protocols) else {
            let why = "none of the subprotocols is known";
            return self.refuse_upgrade(wsi, Refusal { status: 400, why });
        };
        if !self.bind_protocol(wsi, protocol) {
            return Answer::Failed;
        }
        if !self.program_lets_pass(wsi, ah) {
            return if !wsi.is_open() || wsi.http.headers_sent.get() {
                Answer::Failed
            } else {
                self.refuse_upgrade(wsi, Refusal { status: 403, why: "the protocol's callback refused it" })
            };
        }
        wsi.set_ws(WsCore::new(Side::Server));
        if !self.accept_upgrade(wsi, &vhost, &asked) {
            return Answer::Failed;
        }
        self.establish_ws(wsi);
        Answer::Upgraded
    }

    fn program_lets_pass(&self, wsi: &Wsi, ah: &HeaderTable) -> bool {
        let offered = c_text(ah, Token::PROTOCOL);
        let arg = offered.as_deref().map_or(Arg::Null, |text| Arg::Numbered(text, 0));
        self.dispatch(wsi, Reason::FilterProtocolConnection, arg) == 0
    }

    /// Says yes, with what the program adds to it; `false` when it cannot be said.
    fn accept_upgrade(&self, wsi: &Wsi, vhost: &Vhost, asked: &Upgrade<'_>) -> bool {
        let name = vhost.protocols.get(wsi.protocol.get()).map_or("", |protocol| &protocol.name);
        let chosen = Some(name).filter(|name| !(asked.protocols.is_empty() || name.is_empty()));
        let compression = self.agree_on_compression(wsi, vhost, asked);
        if let Some((params, _)) = &compression {
            wsi.with_ws(|ws| ws.compress(Settings::new(Side::Server, params.clone())));
        }
        let head = build_head(|head| {
            if let Some(key) = asked.key {
                start_switch(head, key, chosen)?;
            } else {
                self.start_head(wsi, 200, head)?;
                if let Some(chosen) = chosen {
                    head.own_header("sec-websocket-protocol", chosen.as_bytes())?;
                }
            }
            if let Some((_, answer)) = &compression {
                head.own_header("sec-websocket-extensions", answer.as_bytes())?;
            }
            self.offer_headers(wsi, head)?;
            head.end()
        });
        let head = match head {
            Ok(head) if wsi.is_open() => head,
            Ok(_) => return false,
            Err(why) => {
                crate::log_info!("{}: no upgrade: {why:?}", wsi.tag());
                return false;
            }
        };
        if wsi.is_stream() {
            if let Err(error) = self.write_stream_head(wsi, &head, Mode::HEADERS) {
                crate::log_info!("{}: no upgrade: {error}", wsi.tag());
                return false;
            }
            self.mark_ready(wsi);
        } else {
            wsi.with_net(|net| {
                net.tx.extend_from_slice(&head);
                net.speaks = Speaks::Ws;
            });
        }
        wsi.http.phase.set(Phase::Idle);
        true
    }

    /// Compression, if the client offers it, the vhost has it, and the program lets it be; with the answer. lws's clients offer
    /// it for protocols that take small pieces as well, and cannot do it then; such protocols are the same on both ends.
    fn agree_on_compression(
        &self,
        wsi: &Wsi,
        vhost: &Vhost,
        asked: &Upgrade<'_>,
    ) -> Option<(Params, String)> {
        let most = vhost.protocols.get(wsi.protocol.get())?.rx_buffer_size;
        if (1..SMALLEST_COMPRESSED).contains(&most) {
            return None;
        }
        let agreed = negotiate_server(&asked.extensions, &vhost.compression.as_ref()?.params)?;
        let name = Arg::Numbered(EXTENSION, 0);
        (self.dispatch(wsi, Reason::ConfirmExtensionOkay, name) == 0).then_some(agreed)
    }

    /// Says no. The connection ends: what the client takes for frames must not be taken for requests.
    fn refuse_upgrade(&self, wsi: &Wsi, refusal: Refusal) -> Answer {
        crate::log_info!("{}: upgrade refused: {refusal}", wsi.tag());
        wsi.http.keep_alive.set(false);
        let page = status_page(refusal.status.into(), "");
        let head = build_head(|head| {
            let length = Some(page.len() as u64);
            self.common_head(wsi, refusal.status.into(), Some(b"text/html"), length, head)?;
            if refusal.status == 426 {
                head.own_header("sec-websocket-version", handshake::VERSION.as_bytes())?;
                if !wsi.is_stream() {
                    head.own_header("upgrade", WEBSOCKET)?;
                }
            }
            if !wsi.is_stream() {
                let options: &[u8] = if refusal.status == 426 { b"upgrade, close" } else { b"close" };
                head.own_header("connection", options)?;
            }
            head.end()
        });
        let answered = head
            .map_err(Into::into)
            .and_then(|head| self.write(wsi, &head, Mode::HEADERS))
            .and_then(|_| self.write(wsi, page.as_bytes(), Mode::FINAL));
        if answered.is_err() {
            return Answer::Failed;
        }
        self.complete_transaction(wsi);
        Answer::Taken
    }
}

/// The first of the client's subprotocols that the vhost has; its default where the client names none.
fn choose_protocol(vhost: &Vhost, offered: &[&str]) -> Option<usize> {
    if offered.is_empty() {
        return Some(vhost.default_protocol).filter(|&index| index < vhost.protocols.len());
    }
    offered.iter().find_map(|name| vhost.protocol(name))
}

/// The head of a `101 Switching Protocols`, spelt as programs and their tests have come to know it.
fn start_switch(head: &mut HeadWriter<'_>, key: &[u8], chosen: Option<&str>) -> Result<(), HeaderError> {
    let mut text = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
        handshake::accept_key(key)
    );
    if let Some(chosen) = chosen {
        text.push_str("Sec-WebSocket-Protocol: ");
        text.push_str(chosen);
        text.push_str("\r\n");
    }
    let place = head.room().get_mut(..text.len()).ok_or(HeaderError::NoRoom)?;
    place.copy_from_slice(text.as_bytes());
    head.advance(text.len());
    Ok(())
}

/// A header's value as C has it; `None` when it is absent.
fn c_text(ah: &HeaderTable, token: Token) -> Option<CString> {
    CString::new(ah.value(token)?.into_owned()).ok()
}
