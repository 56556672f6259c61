//! What a client asks: the head, and the body that the program writes after it.

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;

use bytes::Bytes;

use super::{Client, ClientStream, Form, Stage};
use crate::engine::connection::Speaks;
use crate::engine::context::Context;
use crate::engine::dispatch::{Arg, HeaderRoom};
use crate::engine::drive::stream_core;
use crate::engine::reason::Reason;
use crate::engine::timer::Timeout;
use crate::engine::write::{Mode, What, WriteError};
use crate::engine::wsi::Wsi;
use crate::proto::h1::client::ResponseTo;
use crate::proto::h2::{OpenError, StreamWaker};
use crate::proto::http::lines::RequestLines;
use crate::proto::http::request::RequestHead;
use crate::util::blocks::BLOCK;

/// Room for the program's own header lines, at least.
const LEAST_ROOM: usize = 4096;

impl Context {
    /// The head of the client's request, with the lines that the program adds; `None` when that failed.
    fn request_head(&self, wsi: &Wsi, client: &Client, is_h2: bool) -> Option<RequestHead> {
        let target = client.target.borrow().clone();
        let scheme = if target.tls { "https" } else { "http" };
        let mut lines = RequestLines::default();
        let redirected = client.redirected_to_get.get();
        if let Some(origin) = &client.options.origin {
            let value = if self.config.raw_origin { origin.clone() } else { format!("{scheme}://{origin}") };
            lines.add("origin", &value);
        }
        match client.options.form {
            Form::Multipart if !redirected => {
                let boundary = self.multipart_boundary(client);
                lines.add("content-type", &format!("multipart/form-data; boundary={boundary}"));
                client.body_pending.set(true);
            }
            Form::UrlEncoded if !redirected => {
                lines.add("content-type", "application/x-www-form-urlencoded");
                client.body_pending.set(true);
            }
            _ => {}
        }
        if let Some(asked) = &client.options.websocket {
            self.ask_for_websocket(wsi, client, asked, is_h2, &mut lines)?;
        } else if !(is_h2 || client.options.pipeline) {
            lines.add("connection", "close");
        }
        let added = self.programs_lines(wsi)?;
        lines.add_text(&added);
        // A request has one cookie header (RFC 6265 §5.4): the program's, if it writes one.
        if client.options.cookies
            && !lines.has("cookie")
            && let Some(cookies) = self.config.cookies.header(&target)
        {
            lines.add("cookie", &cookies);
        }
        if redirected {
            // The program may say so all the same; there is no body to say it of.
            client.body_pending.set(false);
            lines.remove_body_headers();
        }
        let said = lines.body_said();
        let is_safe =
            matches!(target.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "DELETE" | "CONNECT");
        if client.body_pending.get() {
            wsi.http.remaining.set(said.length);
            client.chunked.set(!is_h2 && said.length.is_none());
            if client.chunked.get() && !said.chunked {
                lines.add("transfer-encoding", "chunked");
            }
        } else if !is_safe && said.length.is_none() && !said.chunked {
            lines.add("content-length", "0");
        }
        let lines = match lines.into_bytes() {
            Ok(lines) => lines,
            Err(bad) => {
                self.fail_client(wsi, format!("bad request: {bad}"));
                return None;
            }
        };
        let connect_protocol = (is_h2 && client.options.websocket.is_some()).then_some("websocket");
        Some(RequestHead {
            method: if connect_protocol.is_some() { "CONNECT".to_owned() } else { target.method },
            scheme: scheme.to_owned(),
            authority: target.host,
            path: target.path.into_bytes(),
            lines,
            connect_protocol,
        })
    }

    /// What the program has to add to the head.
    fn programs_lines(&self, wsi: &Wsi) -> Option<Vec<u8>> {
        let mut buffer = self.take_buffer();
        let size = self.config.service_buffer.max(LEAST_ROOM).min(buffer.len());
        let room = Cell::new(HeaderRoom { at: buffer.as_mut_ptr(), room: size });
        let result = self.dispatch(wsi, Reason::ClientAppendHandshakeHeader, Arg::Handshake(&room));
        let used = size - room.get().room;
        let lines = buffer[..used].to_vec();
        self.give_buffer(buffer);
        if result == 0 {
            return Some(lines);
        }
        self.fail_client(wsi, "the protocol's callback refused CLIENT_APPEND_HANDSHAKE_HEADER");
        None
    }

    /// Sends the request of an HTTP/1 connection.
    pub(super) fn send_request_h1(&self, wsi: &Wsi, client: &Rc<Client>) {
        let Some(head) = self.request_head(wsi, client, false) else { return };
        match head.to_h1() {
            Ok(bytes) => {
                let to = match head.method.as_str() {
                    "HEAD" => ResponseTo::Head,
                    _ if client.options.websocket.is_some() => ResponseTo::Upgrade,
                    _ => ResponseTo::Other,
                };
                wsi.with_net(|net| {
                    net.tx.extend_from_slice(&bytes);
                    if let Speaks::H1Client(parser) = &mut net.speaks {
                        parser.expect(to);
                    }
                });
                self.request_sent(wsi, client);
            }
            Err(bad) => self.fail_client(wsi, format!("bad request: {bad}")),
        }
    }

    /// Opens the client's stream with its request; `false` when the connection takes no more of them now.
    pub(super) fn send_request_h2(&self, connection: &Wsi, stream: &Wsi, client: &Rc<Client>) {
        let Some(head) = self.request_head(stream, client, true) else { return };
        // What follows the head of a WebSocket's is its frames.
        let end = !client.body_pending.get() && client.options.websocket.is_none();
        let request = match head.to_h2() {
            Ok(request) => request,
            Err(bad) => {
                self.fail_client(stream, format!("bad request: {bad}"));
                return;
            }
        };
        let opened = connection.with_net(|net| {
            let waker = StreamWaker::new(stream.id(), net.wakes.clone()?);
            Some(net.h2_client()?.open(request, end).map(|h2| ClientStream { h2, waker }))
        });
        match opened.flatten() {
            Some(Ok(opened)) => {
                client.stream.with(|slot| *slot = Some(opened));
                self.request_sent(stream, client);
            }
            Some(Err(OpenError::Full)) => self.fail_client(stream, "HTTP/2: no stream was to be had"),
            Some(Err(OpenError::Closed(why) | OpenError::BadRequest(why))) => {
                self.fail_client(stream, format!("HTTP/2: {why}"));
            }
            None => self.fail_client(stream, "the connection is gone"),
        }
        self.schedule(connection);
    }

    fn request_sent(&self, wsi: &Wsi, client: &Client) {
        client.stage.set(Stage::Waiting);
        client.start_step();
        wsi.http.headers_sent.set(true);
        wsi.http.ended.set(!client.body_pending.get());
        self.set_own_timeout(wsi, Timeout::HttpContent, self.config.timeout);
        if client.body_pending.get() {
            self.callback_on_writable(wsi);
        }
        self.mark_ready(wsi);
    }

    /// `lws_client_http_body_pending`.
    pub fn set_body_pending(&self, wsi: &Wsi, pending: bool) {
        if let Some(client) = wsi.client() {
            client.body_pending.set(pending);
        }
    }

    /// Asks the program for the next piece of the request's body, or of whatever it wants to write.
    pub(super) fn ask_for_body(&self, wsi: &Wsi, client: &Rc<Client>) {
        wsi.wants_write.set(false);
        self.set_own_timeout(wsi, Timeout::HttpContent, self.config.timeout);
        let result = self.dispatch(wsi, Reason::ClientHttpWriteable, Arg::Null);
        if result != 0 {
            client.blame("the protocol's callback ended the request");
            self.close(wsi);
            return;
        }
        let forgot_the_end = !client.body_pending.get() && !wsi.http.ended.get() && !wsi.wants_write.get();
        if wsi.is_open()
            && forgot_the_end
            && let Err(error) = self.write_client(wsi, client, &[], Mode::FINAL)
        {
            self.fail_client(wsi, error.to_string());
        }
    }

    /// `lws_write` of a client: the request's body.
    pub(in crate::engine) fn write_client(
        &self,
        wsi: &Wsi,
        client: &Rc<Client>,
        bytes: &[u8],
        mode: Mode,
    ) -> Result<(), WriteError> {
        if mode.what != What::Body || !matches!(client.stage.get(), Stage::Waiting | Stage::Receiving) {
            return Err(WriteError::NoRequest);
        }
        if wsi.http.ended.get() {
            // Also the body of what a redirect made a GET: programs that do not ask write it all the same.
            let needless = bytes.is_empty() || client.redirected_to_get.get();
            return if needless { Ok(()) } else { Err(WriteError::RequestOver) };
        }
        client.body_begun.set(client.body_begun.get() || !bytes.is_empty());
        let mut end = mode.end;
        if let Some(promised) = wsi.http.remaining.get() {
            let left = promised.checked_sub(bytes.len() as u64);
            let left = left.ok_or(WriteError::TooMuch { promised, given: bytes.len() })?;
            if end && left > 0 {
                return Err(WriteError::TooLittle { missing: left });
            }
            wsi.http.remaining.set(Some(left));
            end |= left == 0;
        }
        if wsi.is_stream() {
            let pieces = bytes.len().div_ceil(BLOCK).max(1);
            let sent = client.stream.with(|stream| {
                let stream = stream.as_mut()?;
                Some((0..pieces).try_for_each(|at| {
                    let piece = &bytes[at * BLOCK..bytes.len().min((at + 1) * BLOCK)];
                    let piece = if piece.is_empty() { Bytes::new() } else { self.blocks.copy(piece) };
                    stream.h2.send_data(piece, end && at + 1 == pieces)
                }))
            });
            sent.ok_or(WriteError::Gone)??;
        } else {
            wsi.with_net(|net| {
                if !client.chunked.get() {
                    net.tx.extend_from_slice(bytes);
                    return;
                }
                if !bytes.is_empty() {
                    net.tx.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
                    net.tx.extend_from_slice(bytes);
                    net.tx.extend_from_slice(b"\r\n");
                }
                if end {
                    net.tx.extend_from_slice(b"0\r\n\r\n");
                }
            })
            .ok_or(WriteError::Gone)?;
        }
        wsi.http.ended.set(end);
        if end {
            client.body_pending.set(false);
        }
        Ok(())
    }

    /// What delimits the parts of the client's multipart body (RFC 2046 §5.1.1).
    pub fn multipart_boundary(&self, client: &Client) -> String {
        let mut boundary = client.boundary.borrow_mut();
        boundary
            .get_or_insert_with(|| {
                // Unguessable, so that no content can hold it; the hasher's keys come from the system.
                use std::hash::{BuildHasher as _, RandomState};
                format!(
                    "----lws{:016x}{:016x}",
                    RandomState::new().hash_one(1),
                    RandomState::new().hash_one(2)
                )
            })
            .clone()
    }

    /// The head of a part of the client's multipart body; without a name, the end of it (RFC 7578).
    pub fn multipart_part(
        &self,
        client: &Client,
        name: Option<&str>,
        filename: Option<&str>,
        content_type: Option<&str>,
    ) -> Vec<u8> {
        let boundary = self.multipart_boundary(client);
        let Some(name) = name else { return format!("\r\n--{boundary}--\r\n").into_bytes() };
        let between = if client.parts_begun.get() { "\r\n" } else { "" };
        let mut part =
            format!("{between}--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quotable(name));
        if let Some(filename) = filename {
            let _ = write!(part, "; filename=\"{}\"", quotable(filename));
        }
        if let Some(content_type) = content_type {
            let _ = write!(part, "\r\nContent-Type: {}", quotable(content_type));
        }
        part.push_str("\r\n\r\n");
        part.into_bytes()
    }

    /// `lws_h2_client_stream_long_poll_rxonly`: the server may take its time. `false` for what is no client's stream.
    pub fn wait_for_ever(&self, wsi: &Wsi) -> bool {
        let is_ours = wsi.is_open() && wsi.is_stream() && wsi.is_client();
        if is_ours {
            self.set_timeout(wsi, Timeout::Never, 0);
        }
        is_ours
    }

    /// Bytes of body that the peer of a stream takes now; 0 for anything else.
    pub fn credit_to_peer(&self, wsi: &Wsi) -> i32 {
        match wsi.client() {
            Some(client) => {
                client.stream.with(|stream| stream.as_mut().map_or(0, |stream| stream.h2.tx_credit()))
            }
            None => stream_core(wsi, |core| core.h2.tx_credit()).unwrap_or(0),
        }
    }

    /// The number of a client's HTTP/2 stream.
    pub fn client_stream_id(&self, wsi: &Wsi) -> Option<u32> {
        wsi.client()?.stream.with(|stream| stream.as_ref().map(|stream| stream.h2.id()))
    }
}

impl Client {
    /// A part of the multipart body has been begun: the next follows it.
    pub fn part_begun(&self) {
        self.parts_begun.set(true);
    }
}

/// A name that stands between quotes in a header line, as browsers write it (WHATWG HTML, multipart/form-data encoding).
fn quotable(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
