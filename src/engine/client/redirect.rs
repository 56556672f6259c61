//! Redirects: the answer says where to ask instead, and the same wsi does.

use std::borrow::Cow;
use std::rc::Rc;

use super::{Client, Stage, Target};
use crate::engine::context::Context;
use crate::engine::dispatch::Arg;
use crate::engine::ledger::Kind;
use crate::engine::reason::Reason;
use crate::engine::timer::Timeout;
use crate::engine::wsi::{Role, Wsi};
use crate::proto::h2::STREAM_STATE;
use crate::proto::http::token::Token;
use crate::proto::http::url::Url;

/// Redirects that one request follows.
const MOST_REDIRECTS: u32 = 4;

impl Context {
    /// Follows the answer elsewhere, if it says so and that is wanted. `false`: it is an answer like any other.
    pub(super) fn follow_redirect(&self, wsi: &Wsi, client: &Rc<Client>) -> bool {
        let status = client.status.get();
        if client.options.keep_redirects || !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return false;
        }
        let Some(location) = wsi.ah().and_then(|ah| ah.value(Token::HTTP_LOCATION).map(Cow::into_owned))
        else {
            return false;
        };
        match self.redirected(client, status, &location) {
            Ok(target) => {
                let shown = std::ffi::CString::new(location).unwrap_or_default();
                if self.dispatch(wsi, Reason::ClientHttpRedirect, Arg::Numbered(&shown, status.into())) != 0 {
                    self.fail_client(wsi, "the protocol's callback refused the redirect");
                } else if wsi.is_open() {
                    let becomes_get = target.method != client.target.borrow().method;
                    client.target.replace(target);
                    client.redirected_to_get.set(client.redirected_to_get.get() || becomes_get);
                    client.redirects.set(client.redirects.get() + 1);
                    self.ask_again(wsi, client);
                }
            }
            Err(why) => self.fail_client(wsi, why),
        }
        true
    }

    /// Where the redirect leads.
    fn redirected(&self, client: &Client, status: u16, location: &[u8]) -> Result<Target, String> {
        if client.redirects.get() == MOST_REDIRECTS {
            return Err(format!("redirected more than {MOST_REDIRECTS} times"));
        }
        let now = client.target.borrow();
        let location =
            std::str::from_utf8(location).map_err(|_| "redirected to what is no URL".to_owned())?;
        let scheme = if now.tls { "https" } else { "http" };
        let base = Url::parse(&format!("{scheme}://{}{}", now.host, now.path))
            .map_err(|bad| format!("redirected from what is no URL: {bad}"))?;
        let url = base.join(location).map_err(|bad| format!("redirected to '{location}': {bad}"))?;
        let tls = match url.scheme.as_str() {
            "https" => true,
            "http" => false,
            "wss" | "ws" if client.options.websocket.is_some() => url.is_secure(),
            other => return Err(format!("redirected to the scheme '{other}'")),
        };
        if url.is_unix_socket() {
            // A server must not choose among what listens on this machine alone.
            return Err("redirected to a unix socket".to_owned());
        }
        if now.tls && !tls && !client.options.allow_downgrade {
            return Err("redirected from TLS to plain HTTP".to_owned());
        }
        // RFC 9110 §15.4: 303 makes a GET of everything; 301 and 302 of POST, by custom.
        let to_get = match status {
            303 => now.method != "HEAD",
            301 | 302 => now.method == "POST",
            _ => false,
        };
        let host = url.authority();
        let same_server = host == now.host && tls == now.tls;
        let target = Target {
            // By name it may be known only to the program: the same server stays where it was found.
            address: if same_server { now.address.clone() } else { url.host.clone() },
            port: if same_server { now.port } else { url.port },
            tls,
            host,
            path: url.path.clone(),
            method: if to_get { "GET".to_owned() } else { now.method.clone() },
        };
        Ok(target)
    }

    /// The same wsi asks again, over a connection of its own.
    pub(super) fn ask_again(&self, wsi: &Wsi, client: &Rc<Client>) {
        let asked = wsi.http.headers_sent.get();
        if wsi.is_stream() {
            self.leave_connection(wsi);
            self.ledger.freed(Kind::H2Stream, STREAM_STATE);
            wsi.role.set(Role::Connection);
            wsi.parent.set(None);
        } else {
            self.leave_shared(wsi, client);
            let now = self.now();
            wsi.with_fd(|fd| wsi.with_net(|net| net.last_words(fd, now)));
            self.give_up_socket(wsi);
            self.orphan_queue(client);
        }
        self.detach_ah(wsi);
        self.set_timeout(wsi, Timeout::None, 0);
        wsi.http.reset();
        wsi.wants_write.set(false);
        client.forget_answer();
        if asked {
            self.rebind_client_protocol(wsi);
        }
        if wsi.is_open() && !self.join_connection(wsi, client) {
            self.start_connecting(wsi, client);
        }
    }

    /// A request that begins anew finds its protocol's session memory as new as the first time.
    fn rebind_client_protocol(&self, wsi: &Wsi) {
        if wsi.http.bound.replace(false) {
            self.dispatch(wsi, Reason::ClientHttpDropProtocol, Arg::Null);
        }
        if wsi.has_session() {
            self.drop_session(wsi);
            wsi.user.set(std::ptr::null_mut());
        }
        if wsi.is_open() {
            self.bind_client_protocol(wsi);
        }
    }

    /// Begins a request anew whose kept connection was lost before an answer, which may be asked twice (RFC 9110 §9.2.2);
    /// `false` when it may not. Connections that are kept may be lost at any time, so that any number of them may be tried.
    pub(super) fn ask_lost_again(&self, wsi: &Wsi, client: &Rc<Client>) -> bool {
        let idempotent =
            matches!(client.target.borrow().method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE");
        let may = client.reused.get() && idempotent && !client.body_begun.get();
        if may {
            crate::log_info!("{}: lost, asking again", wsi.tag());
            self.ask_again(wsi, client);
        }
        may
    }

    /// Begins a request anew, once and on another connection, that the server has refused without having acted on it
    /// (RFC 9113 §8.7); why not, when it may not.
    pub(super) fn ask_refused_again(&self, stream: &Wsi, client: &Rc<Client>) -> Result<(), &'static str> {
        if client.body_begun.get() {
            return Err("and the request's body has begun, which cannot be had again");
        }
        if client.retried.replace(true) {
            return Err("again, on another connection");
        }
        crate::log_info!("{}: refused, asking again", stream.tag());
        client.refused_on.set(stream.parent.get());
        self.ask_again(stream, client);
        Ok(())
    }
}

impl Client {
    fn forget_answer(&self) {
        self.stage.set(Stage::Resolving);
        self.status.set(0);
        self.complete.set(false);
        self.unread.set(false);
        self.reused.set(false);
        self.held.take();
        self.last_error.take();
        self.failure.take();
        self.body_begun.set(false);
        self.parts_begun.set(false);
        self.credit.set(self.options.manual_credit);
    }
}
