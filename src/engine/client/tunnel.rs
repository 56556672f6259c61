//! Between the connected socket and the first request: a tunnel through the proxy, TLS, and which HTTP it is to be.

use std::rc::Rc;

use super::{Client, Stage};
use crate::engine::connection::{Net, Speaks};
use crate::engine::context::Context;
use crate::engine::dispatch::Arg;
use crate::engine::reason::Reason;
use crate::engine::vhost::Proxy;
use crate::engine::wsi::Wsi;
use crate::proto::h1::client::{ClientEvent, H1Client, ResponseTo};
use crate::proto::tls::Tls;

impl Context {
    /// The client's socket is connected, to the server or to the proxy.
    pub(super) fn connected(&self, wsi: &Wsi, client: &Rc<Client>) {
        let proxy = wsi.vhost().and_then(|vhost| vhost.proxy.borrow().clone());
        match proxy.filter(|_| !client.target.borrow().address.starts_with('+')) {
            Some(proxy) => self.ask_for_tunnel(wsi, client, &proxy),
            None => self.secure(wsi, client),
        }
        self.schedule(wsi);
    }

    /// Asks the proxy to connect us to the server (RFC 9110 §9.3.6).
    fn ask_for_tunnel(&self, wsi: &Wsi, client: &Client, proxy: &Proxy) {
        let Some(vhost) = wsi.vhost() else { return };
        let target = client.target.borrow();
        let bracketed = if target.address.contains(':') && !target.address.starts_with('[') {
            format!("[{}]", target.address)
        } else {
            target.address.clone()
        };
        let to = format!("{bracketed}:{}", target.port);
        let credentials = proxy
            .credentials
            .as_ref()
            .map(|basic| format!("proxy-authorization: basic {basic}\r\n"))
            .unwrap_or_default();
        wsi.with_net(|net| {
            net.tx.extend_from_slice(
                format!("CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n{credentials}\r\n").as_bytes(),
            );
            let mut parser = H1Client::new(vhost.limits);
            parser.expect(ResponseTo::Connect);
            net.speaks = Speaks::H1Client(Box::new(parser));
        });
        client.stage.set(Stage::Tunnel);
    }

    /// Looks for the proxy's answer; `false` when it has not come.
    pub(super) fn receive_tunnel(&self, wsi: &Wsi, client: &Rc<Client>) -> bool {
        match wsi.with_net(Net::next_answer).flatten() {
            None | Some(Ok(ClientEvent::NeedMore)) => false,
            Some(Ok(ClientEvent::Head(table, info))) => {
                if (200..300).contains(&info.status) {
                    drop(table);
                    self.secure(wsi, client);
                } else {
                    self.fail_client(wsi, format!("the proxy refuses: status {}", info.status));
                }
                true
            }
            Some(Ok(_)) => true,
            Some(Err(bad)) => {
                self.fail_client(wsi, format!("the proxy's answer: {bad}"));
                true
            }
        }
    }

    /// There is a connection to the server itself.
    fn secure(&self, wsi: &Wsi, client: &Rc<Client>) {
        let target = client.target.borrow().clone();
        if !target.tls {
            self.ready_for_requests(wsi, client, client.options.h2_only);
            return;
        }
        // Not encrypted, so not the server's: what follows in TLS must not be taken for the rest of it.
        if wsi.with_net(|net| net.rx.is_empty()) != Some(true) {
            self.fail_client(wsi, "the proxy speaks where only the server may");
            return;
        }
        let Some(vhost) = wsi.vhost() else { return };
        let offered = |name: &&[u8]| !(client.h1_only.get() && *name == b"h2");
        let alpn: Vec<&[u8]> = client.options.alpn.iter().map(Vec::as_slice).filter(offered).collect();
        let Some(tls) = vhost.client_tls.get() else {
            self.fail_client(wsi, "TLS: the vhost was made without LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT");
            return;
        };
        match tls.connect(target.server_name(), &alpn, client.options.trust, &self.spares) {
            Ok(session) => {
                client.stage.set(Stage::Handshake);
                client.start_step();
                wsi.with_net(|net| {
                    net.speaks = Speaks::Unknown;
                    net.tls = Some(Box::new(Tls::Client(session)));
                });
            }
            Err(why) => self.fail_client(wsi, format!("TLS: {why}")),
        }
    }

    /// Whether TLS is there; then the requests may begin.
    pub(super) fn finish_handshake(&self, wsi: &Wsi, client: &Rc<Client>) -> bool {
        let done = wsi.with_net(|net| {
            let tls = net.tls.as_ref()?;
            (!tls.is_handshaking()).then(|| tls.alpn() == Some(b"h2"))
        });
        let Some(is_h2) = done.flatten() else { return false };
        client.end_step(|measured, took| measured.tls_us = took);
        // The certificate has been found good, or forgiven: the program may still think otherwise.
        let objection = self.dispatch(wsi, Reason::OpensslPerformServerCertVerification, Arg::Certificate);
        if objection == 0 {
            self.ready_for_requests(wsi, client, is_h2 || client.options.h2_only);
        } else {
            self.fail_client(wsi, "the protocol's callback refused the server's certificate");
        }
        true
    }

    fn ready_for_requests(&self, wsi: &Wsi, client: &Rc<Client>, is_h2: bool) {
        let Some(vhost) = wsi.vhost() else { return };
        if is_h2 {
            wsi.with_net(|net| net.start_h2_client(&vhost));
            self.become_network(wsi, client);
        } else {
            wsi.with_net(|net| net.speaks = Speaks::H1Client(Box::new(H1Client::new(vhost.limits))));
            self.send_request_h1(wsi, client);
        }
    }
}
