//! Requests: what to do with one, and what happens when it has been answered. The same for HTTP/1 and HTTP/2.

use std::ffi::CStr;
use std::rc::Rc;

use super::connection::Net;
use super::context::Context;
use super::dispatch::{Arg, UserPtr};
use super::drive::stream_core;
use super::ledger::Kind;
use super::reason::Reason;
use super::timer::Timeout;
use super::vhost::Vhost;
use super::write::Mode;
use super::wsi::{Phase, Role, Wsi};
use crate::proto::http::header::{HeaderTable, Version};
use crate::proto::http::method::Method;
use crate::proto::http::mount::{self, Mount, MountKind};
use crate::proto::http::uri;

/// Bits of a mount's `auth_mask` that are for the library, not for the program.
const AUTH_MODE_MASK: u32 = 0xf000_0000;

/// Bytes of a body that are thrown away after the answer, before the stream is reset.
const DISCARD_MAX: usize = 256 * 1024;

/// What became of the attempt to answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is being dealt with.
    Taken,
    /// There is nothing there.
    Missing,
    /// The connection or stream must go.
    Failed,
    /// It is no request any more: a WebSocket has come of it.
    Upgraded,
}

impl Context {
    /// A request's head has come: decides who answers, and asks for the body if there is one.
    pub(super) fn begin_request(&self, wsi: &Wsi, has_body: bool) {
        self.begin_with(wsi, has_body, |wsi| self.act(wsi));
    }

    /// [`Context::begin_request`], where `act` decides.
    pub(super) fn begin_with(&self, wsi: &Wsi, has_body: bool, act: impl FnOnce(&Wsi) -> Answer) {
        wsi.http.phase.set(Phase::Action);
        if has_body || !wsi.is_stream() {
            self.restart_content_timeout(wsi);
        }
        let answer = act(wsi);
        if !wsi.is_open() || answer == Answer::Upgraded {
            return;
        }
        wsi.http.phase.set(if has_body { Phase::Body } else { Phase::Answer });
        if answer == Answer::Failed {
            self.after_callback(wsi, -1);
            return;
        }
        if has_body {
            self.send_continue(wsi);
        } else if wsi.http.empty_body.get() && !wsi.http.body_is_unwanted() {
            self.body_complete(wsi);
        } else if wsi.deadlines.timeout.get() == Timeout::HttpContent {
            self.set_timeout(wsi, Timeout::None, 0);
        }
    }

    /// `100 Continue`, when the client waits for it and the answer has not begun.
    fn send_continue(&self, wsi: &Wsi) {
        if wsi.http.headers_sent.get() || wsi.http.completed.get() {
            return;
        }
        if !wsi.http.expects_continue.replace(false) {
            return;
        }
        if stream_core(wsi, |core| core.h2.send_continue()).is_none() {
            wsi.with_net(|net| net.tx.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n"));
        }
    }

    fn act(&self, wsi: &Wsi) -> Answer {
        let Some(ah) = wsi.ah() else { return Answer::Failed };
        self.choose_vhost(wsi, &ah);
        self.ensure_session(wsi);
        if wsi.with_net(|net| net.redirect_to_tls) == Some(true) {
            return self.redirect_to_tls(wsi, &ah);
        }
        if ah.method() == Method::Connect || !ah.path().to_bytes().starts_with(b"/") {
            let code = if ah.method() == Method::Connect { 405 } else { 403 };
            return self.answer_status(wsi, code);
        }
        if self.dispatch(wsi, Reason::FilterHttpConnection, Arg::Text(ah.path())) != 0 {
            return Answer::Failed;
        }
        let Some(vhost) = wsi.vhost() else { return Answer::Failed };
        let path = ah.path().to_bytes();
        let hit = mount::find(&vhost.mounts, path, ah.method(), wsi.is_stream());
        crate::log_info!("{}: {} {}", wsi.tag(), ah.method().as_str(), ah.path().to_string_lossy());
        match hit {
            Some(hit) => self.act_on_mount(wsi, &vhost, hit, &ah),
            None if !self.bind_protocol(wsi, 0) => Answer::Failed,
            None => self.ask_program(wsi, ah.path()),
        }
    }

    /// The redirect that the mount of the request's path asks for, if it does.
    pub(super) fn redirect_by_mount(&self, wsi: &Wsi, ah: &HeaderTable) -> Option<Answer> {
        let vhost = wsi.vhost()?;
        let hit = mount::find(&vhost.mounts, ah.path().to_bytes(), ah.method(), wsi.is_stream())?;
        let location = mount_redirect(&vhost, hit, ah, wsi)?;
        Some(self.answer_redirect(wsi, 301, location.as_bytes()))
    }

    fn act_on_mount(&self, wsi: &Wsi, vhost: &Rc<Vhost>, hit: &Mount, ah: &HeaderTable) -> Answer {
        let path = ah.path();
        let below = below_mount(path, hit);
        if let Some(location) = mount_redirect(vhost, hit, ah, wsi) {
            return self.answer_redirect(wsi, 301, location.as_bytes());
        }
        if let Some(name) = hit.protocol_name() {
            let Some(index) = vhost.protocol(name) else {
                crate::log_err!("{}: mount '{}': no protocol '{name}'", wsi.tag(), hit.mountpoint);
                return Answer::Failed;
            };
            if !self.bind_protocol(wsi, index) {
                return Answer::Failed;
            }
            let access = Arg::Access { path, mask: hit.auth_mask & !AUTH_MODE_MASK };
            match self.dispatch(wsi, Reason::CheckAccessRights, access) {
                0 => {}
                HANDLED_BY_CALLBACK => return Answer::Taken,
                _ => return self.answer_status(wsi, 401),
            }
            if ah.method() == Method::Post {
                return self.ask_program(wsi, below);
            }
        }
        let served =
            if hit.kind == MountKind::File { self.serve_mount(wsi, hit, below) } else { Answer::Missing };
        match served {
            Answer::Missing if hit.protocol.is_some() => self.ask_program(wsi, below),
            Answer::Missing => self.ask_program(wsi, path),
            other => other,
        }
    }

    fn ask_program(&self, wsi: &Wsi, path: &CStr) -> Answer {
        if self.dispatch(wsi, Reason::Http, Arg::Text(path)) == 0 { Answer::Taken } else { Answer::Failed }
    }

    /// A connection shared by vhosts asks each request which one it means.
    pub(super) fn choose_vhost(&self, wsi: &Wsi, ah: &HeaderTable) {
        if self.has_one_vhost() {
            return;
        }
        let Some(now) = wsi.vhost() else { return };
        if let Some(named) = ah.host().and_then(|host| self.vhost_named(&now, host))
            && !Rc::ptr_eq(&named, &now)
            && named.tls.is_some() == now.tls.is_some()
        {
            self.drop_session(wsi);
            wsi.protocol.set(0);
            wsi.bind_vhost(Some(named));
        }
    }

    pub(super) fn redirect_to_tls(&self, wsi: &Wsi, ah: &HeaderTable) -> Answer {
        let Some(host) = ah.host() else { return self.answer_status(wsi, 400) };
        let mut location = b"https://".to_vec();
        location.extend_from_slice(host);
        location.extend_from_slice(uri::encode_path(ah.path().to_bytes()).as_bytes());
        if let Some(query) = ah.query() {
            location.push(b'?');
            location.extend_from_slice(query);
        }
        self.answer_redirect(wsi, 301, &location)
    }

    /// Gives the wsi the session memory of its protocol, zeroed, unless it has some.
    pub(super) fn ensure_session(&self, wsi: &Wsi) {
        if wsi.has_session() || !wsi.user.get().is_null() {
            return;
        }
        let size = wsi
            .vhost()
            .and_then(|vhost| Some(vhost.protocols.get(wsi.protocol.get())?.session_size.get()))
            .unwrap_or(0);
        if size > 0 {
            wsi.set_session(Some(self.sessions.take(size)));
            self.ledger.made(Kind::Session, size);
        }
    }

    /// The wsi's session memory, of at least `size` bytes; NULL when it has less, or none and can have none.
    pub fn session_of_size(&self, wsi: &Wsi, size: usize) -> UserPtr {
        if matches!(wsi.role.get(), Role::Connection | Role::Stream) && wsi.is_open() {
            self.ensure_session(wsi);
        }
        if wsi.session_len() >= size { wsi.user.get() } else { std::ptr::null_mut() }
    }

    /// Binds the wsi to a protocol for this transaction, with fresh session memory; `false` when the program does not want
    /// that, and the connection or stream must go.
    #[must_use]
    pub(super) fn bind_protocol(&self, wsi: &Wsi, index: usize) -> bool {
        if wsi.http.bound.replace(false) {
            self.dispatch(wsi, Reason::HttpDropProtocol, Arg::Null);
        }
        self.drop_session(wsi);
        wsi.user.set(std::ptr::null_mut());
        wsi.protocol.set(index);
        // A wsi that is closing hears of no BIND, and so must not hear of its DROP.
        if !wsi.is_open() {
            return false;
        }
        self.ensure_session(wsi);
        wsi.http.bound.set(true);
        self.dispatch(wsi, Reason::HttpBindProtocol, Arg::Null) == 0
    }

    // ---- producing ----

    /// Whether the answer can go on without the program or the peer.
    pub(super) fn has_output_work(&self, wsi: &Wsi) -> bool {
        wsi.wants_write.get() || wsi.http.file.borrow().is_some()
    }

    /// Produces the next piece of the answer: of the file, or by asking the program.
    pub(super) fn produce(&self, wsi: &Wsi) {
        if wsi.http.file.borrow().is_some() {
            self.send_file_piece(wsi);
            return;
        }
        wsi.wants_write.set(false);
        let result = self.dispatch(wsi, Reason::HttpWriteable, Arg::Null);
        // HTTP/1 has always closed on negative values only, here.
        let fails = if wsi.is_stream() { result != 0 } else { result < 0 };
        self.after_callback(wsi, if fails { -1 } else { 0 });
    }

    /// What a callback's return value and what it did come to.
    pub(super) fn after_callback(&self, wsi: &Wsi, result: i32) {
        if !wsi.is_open() {
            return;
        }
        let received = wsi.http.phase.get() == Phase::Answer;
        if wsi.http.completed.get() && (received || wsi.is_stream()) {
            self.finish_transaction(wsi);
        } else if result != 0 && !(wsi.http.completed.get() && wsi.http.keep_alive.get()) {
            self.abandon(wsi);
        }
    }

    /// The transaction ends here, whatever is still to come of its request.
    fn abandon(&self, wsi: &Wsi) {
        if wsi.is_stream() {
            self.end_stream(wsi);
        } else if wsi.http.phase.get() == Phase::Answer {
            self.close_gently(wsi);
        } else {
            self.close_lingering(wsi);
        }
    }

    /// `lws_http_transaction_completed`: `true` when the connection or stream will close.
    pub fn complete_transaction(&self, wsi: &Wsi) -> bool {
        if !wsi.is_open() || !wsi.has_request() {
            return true;
        }
        wsi.http.completed.set(true);
        wsi.wants_write.set(false);
        if wsi.is_stream() {
            self.mark_ready(wsi);
            return true;
        }
        self.schedule(wsi);
        !wsi.http.keep_alive.get()
    }

    /// The transaction is over and its request fully received: on to the next, or to the end.
    pub(super) fn finish_transaction(&self, wsi: &Wsi) {
        if wsi.is_stream() {
            if !self.awaits_rest_of_body(wsi) {
                self.end_stream(wsi);
            }
            return;
        }
        if !wsi.http.keep_alive.get() {
            self.close_gently(wsi);
            return;
        }
        if !self.bind_protocol(wsi, 0) {
            self.close_gently(wsi);
            return;
        }
        self.detach_ah(wsi);
        wsi.http.reset();
        wsi.wants_write.set(false);
        wsi.rx_paused.set(false);
        wsi.with_net(Net::next_request);
        self.set_timeout(wsi, Timeout::None, 0);
    }

    /// Whether a stream that has been answered stays for a while because its body is still coming.
    ///
    /// A server may reset the stream then (RFC 9113 §8.1), but many clients lose the answer over it. So a modest rest is taken
    /// and thrown away; the reset is for peers that go on and on, or stop.
    fn awaits_rest_of_body(&self, stream: &Wsi) -> bool {
        let rest_may_come = stream.http.phase.get() == Phase::Body
            && stream.http.discarded.get() <= DISCARD_MAX
            && stream.http.remaining.get().is_none_or(|left| left == 0);
        let waits = rest_may_come
            && stream_core(stream, |core| {
                core.h2.has_headers()
                    && (core.h2.is_ended() || core.h2.send_data(bytes::Bytes::new(), true).is_ok())
            }) == Some(true);
        if waits {
            stream.http.ended.set(true);
            if stream.deadlines.timeout.get() == Timeout::None {
                self.set_timeout(stream, Timeout::HttpContent, self.config.timeout);
            }
        }
        waits
    }

    /// Ends a stream: with END_STREAM when its answer is whole, with a reset when it is not.
    fn end_stream(&self, stream: &Wsi) {
        let whole = stream.http.completed.get() && stream.http.remaining.get().is_none_or(|left| left == 0);
        stream_core(stream, |core| {
            if core.h2.is_ended() {
                return;
            }
            if whole && core.h2.has_headers() {
                // Fails only when the peer has reset the stream, and then there is nobody to tell.
                let _ = core.h2.send_data(bytes::Bytes::new(), true);
            } else {
                core.h2.reset(h2::Reason::INTERNAL_ERROR);
            }
        });
        self.close(stream);
    }

    /// Puts a stream where its connection's driver looks, or schedules a connection.
    pub(super) fn mark_ready(&self, wsi: &Wsi) {
        let Some(connection) = self.connection_of(wsi) else { return };
        if wsi.is_stream() {
            let id = wsi.id();
            connection.with_net(|net| {
                if net.ready.last() != Some(&id) {
                    net.ready.push(id);
                }
            });
        }
        self.schedule(connection);
    }

    /// `lws_callback_on_writable`: one HTTP_WRITEABLE, as soon as there is room.
    pub fn callback_on_writable(&self, wsi: &Wsi) {
        if wsi.is_open() && !wsi.wants_write.replace(true) {
            self.mark_ready(wsi);
        }
    }

    /// `lws_rx_flow_control`: takes the body, or leaves it with the peer.
    pub fn rx_flow_control(&self, wsi: &Wsi, enable: bool) {
        if wsi.rx_paused.replace(!enable) == enable {
            // A body that the program will not have does not make the peer late.
            if wsi.http.phase.get() == Phase::Body {
                let why = if enable { Timeout::HttpContent } else { Timeout::None };
                self.set_own_timeout(wsi, why, self.config.timeout);
            }
            // The interest first: scheduling may add to it.
            if !wsi.is_stream() && wsi.with_net(|_| ()).is_some() {
                self.update_interest(wsi);
            }
            self.mark_ready(wsi);
        }
    }

    /// Replaces what callbacks get as `user` by a pointer of the program's own.
    pub fn replace_user(&self, wsi: &Wsi, user: UserPtr) {
        self.drop_session(wsi);
        wsi.user.set(user);
    }

    /// Gives the header table back before the transaction ends.
    pub fn detach_headers(&self, wsi: &Wsi) {
        self.detach_ah(wsi);
    }

    // ---- refusals ----

    /// A request that cannot be parsed: answered, then the connection closes.
    pub(super) fn refuse_h1(&self, wsi: &Wsi, code: u32) {
        let reason = crate::proto::http::status::reason_phrase(code);
        let body = super::respond::status_page(code, "");
        let head = format!(
            "HTTP/1.1 {code} {reason}\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let answered = wsi.http.headers_sent.get();
        wsi.with_net(|net| {
            net.rx.clear();
            if !answered {
                net.tx.extend_from_slice(head.as_bytes());
                net.tx.extend_from_slice(body.as_bytes());
            }
        });
        self.close_lingering(wsi);
    }

    /// A request whose head is unacceptable: answered on its stream.
    pub(super) fn refuse_h2(&self, stream: &Wsi, code: u32) {
        self.answer_status(stream, code);
        self.after_callback(stream, 0);
    }

    /// The library's own answer: a status page, and the end of the transaction.
    pub(super) fn answer_status(&self, wsi: &Wsi, code: u32) -> Answer {
        if self.return_status(wsi, code, "").is_err() {
            return Answer::Failed;
        }
        self.complete_transaction(wsi);
        Answer::Taken
    }

    /// The library's own redirect, and the end of the transaction.
    pub(super) fn answer_redirect(&self, wsi: &Wsi, code: u32, location: &[u8]) -> Answer {
        let Ok(head) = self.redirect_head(wsi, code, location) else { return Answer::Failed };
        if self.write(wsi, &head, Mode::HEADERS_END).is_err() {
            return Answer::Failed;
        }
        self.complete_transaction(wsi);
        Answer::Taken
    }
}

/// What `LWS_CALLBACK_CHECK_ACCESS_RIGHTS` comes to when the callback has answered the request itself
/// (`lws_process_html_args::final`).
pub const HANDLED_BY_CALLBACK: i32 = i32::MIN;

/// The rest of the path below the mountpoint; the whole of it below `/`... minus that slash.
fn below_mount<'a>(path: &'a CStr, hit: &Mount) -> &'a CStr {
    let bytes = path.to_bytes_with_nul();
    let below = bytes.get(hit.mountpoint.len()..).unwrap_or(b"\0");
    CStr::from_bytes_with_nul(below).unwrap_or(c"")
}

/// Redirects that a mount asks for: to its origin, or to itself with the slash that was forgotten.
fn mount_redirect(vhost: &Vhost, hit: &Mount, ah: &HeaderTable, wsi: &Wsi) -> Option<String> {
    let path = ah.path().to_bytes();
    match hit.kind {
        MountKind::RedirHttp => return Some(format!("http://{}", hit.origin)),
        MountKind::RedirHttps => return Some(format!("https://{}", hit.origin)),
        MountKind::Callback | MountKind::Cgi => return None,
        _ => {}
    }
    if hit.mountpoint.len() < 2 || path.len() != hit.mountpoint.len() {
        return None;
    }
    let over_tls = if wsi.is_stream() {
        ah.version() == Version::Http2 && vhost.tls.is_some()
    } else {
        wsi.with_net(|net| net.tls.is_some()) == Some(true)
    };
    let scheme = if over_tls { "https" } else { "http" };
    let host = String::from_utf8_lossy(ah.host()?).into_owned();
    Some(format!("{scheme}://{host}{}/", uri::encode_path(path)))
}
