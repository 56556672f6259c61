//! Client connections.

use std::ffi::{c_char, c_int};
use std::ptr::{null_mut, slice_from_raw_parts_mut};
use std::rc::Rc;

use super::guard::{guard, guard_whole};
use super::handle::{Held, context, text, vhost, wsi, wsi_cx, wsi_ptr};
use super::retry::policy;
use super::types::lws_client_connect_ssl_connection_flags as flag;
use super::types::*;
use crate::engine::client::{ClientInfo, ClientOptions, Form, Target};
use crate::engine::context::{Context, CreateError};
use crate::engine::timer::SECOND;
use crate::engine::vhost::{Proxy, Vhost};
use crate::engine::ws::client::WebSocketRequest;
use crate::engine::wsi::Wsi;
use crate::proto::tls::Trust;

/// Flags that are honoured.
const HONOURED: u32 = flag::LCCSCF_USE_SSL.c()
    | flag::LCCSCF_ALLOW_SELFSIGNED.c()
    | flag::LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK.c()
    | flag::LCCSCF_ALLOW_EXPIRED.c()
    | flag::LCCSCF_ALLOW_INSECURE.c()
    | flag::LCCSCF_H2_MANUAL_RXFLOW.c()
    | flag::LCCSCF_HTTP_MULTIPART_MIME.c()
    | flag::LCCSCF_HTTP_X_WWW_FORM_URLENCODED.c()
    | flag::LCCSCF_HTTP_NO_FOLLOW_REDIRECT.c()
    | flag::LCCSCF_PIPELINE.c()
    | flag::LCCSCF_H2_PRIOR_KNOWLEDGE.c()
    | flag::LCCSCF_IP_LOW_LATENCY.c()
    | flag::LCCSCF_IP_HIGH_THROUGHPUT.c()
    | flag::LCCSCF_IP_HIGH_RELIABILITY.c()
    | flag::LCCSCF_IP_LOW_COST.c()
    | flag::LCCSCF_CONMON.c()
    | flag::LCCSCF_CACHE_COOKIES.c()
    | flag::LCCSCF_ACCEPT_TLS_DOWNGRADE_REDIRECTS.c();

/// Flags that change nothing here, because what they ask for is how it always is: END_STREAM comes with the head of a request
/// without a body, a server's window may be as large as windows can be, and what can be read is read before anything is
/// written. `LCCSCF_MUXABLE_STREAM` asks for nothing, in lws either.
const WITHOUT_EFFECT: u32 = flag::LCCSCF_MUXABLE_STREAM.c()
    | flag::LCCSCF_H2_QUIRK_NGHTTP2_END_STREAM.c()
    | flag::LCCSCF_H2_QUIRK_OVERFLOWS_TXCR.c()
    | flag::LCCSCF_PRIORITIZE_READS.c();

/// Flags that are refused, and why.
const REFUSED: [(flag, &str, &str); 6] = [
    (flag::LCCSCF_H2_AUTH_BEARER, "LCCSCF_H2_AUTH_BEARER", NO_SECURE_STREAMS),
    (flag::LCCSCF_H2_HEXIFY_AUTH_TOKEN, "LCCSCF_H2_HEXIFY_AUTH_TOKEN", NO_SECURE_STREAMS),
    (
        flag::LCCSCF_WAKE_SUSPEND__VALIDITY,
        "LCCSCF_WAKE_SUSPEND__VALIDITY",
        "timers do not wake a suspended system",
    ),
    (flag::LCCSCF_SECSTREAM_CLIENT, "LCCSCF_SECSTREAM_CLIENT", NO_SECURE_STREAMS),
    (flag::LCCSCF_SECSTREAM_PROXY_LINK, "LCCSCF_SECSTREAM_PROXY_LINK", NO_SECURE_STREAMS),
    (flag::LCCSCF_SECSTREAM_PROXY_ONWARD, "LCCSCF_SECSTREAM_PROXY_ONWARD", NO_SECURE_STREAMS),
];

const NO_SECURE_STREAMS: &str = "there are no secure streams";

/// Bits of the IP type of service (RFC 791 §3.1, RFC 1349) that the flags ask for.
const TYPE_OF_SERVICE: [(flag, u8); 4] = [
    (flag::LCCSCF_IP_LOW_LATENCY, 0x10),
    (flag::LCCSCF_IP_HIGH_THROUGHPUT, 0x08),
    (flag::LCCSCF_IP_HIGH_RELIABILITY, 0x04),
    (flag::LCCSCF_IP_LOW_COST, 0x02),
];

/// Connects to a server, and asks `ccinfo.path` of it by `ccinfo.method`. Everything that `ccinfo` points to is copied.
///
/// Returns at once, with the wsi that stands for the request; what becomes of it is told to the callback of the local
/// protocol (`local_protocol_name`, else `protocol`, else the vhost's first): `LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP` or
/// `LWS_CALLBACK_CLIENT_CONNECTION_ERROR`, once. NULL, and NULL in `*pwsi`, when it is over already: it failed, which is
/// logged, or a callback has serviced the loop until it was closed. Nothing follows then. `*pwsi` is set before any callback.
/// On HTTP/2 the request moves to a wsi of its own, which callbacks get, while `*pwsi` stays with the connection.
///
/// Names are looked up without blocking; all addresses are tried, of both families (RFC 8305). Requests with
/// `LCCSCF_PIPELINE` to the same server share a connection: as streams of HTTP/2, one after the other on HTTP/1.
///
/// `method` is any HTTP method; NULL asks for a WebSocket, whose success is `LWS_CALLBACK_CLIENT_ESTABLISHED`. It offers the
/// subprotocols in `protocol`, and only HTTP/1.1 by ALPN unless `alpn` says otherwise; with h2 in it, it goes over HTTP/2 where
/// the server takes WebSockets so (RFC 8441), else by HTTP/1.1 if that is in it, too. "RAW" and "MQTT" are refused, and so is
/// what else in `ccinfo` is not honoured, with a log line that names it. NULL for NULL.
///
/// # Safety
/// `ccinfo` is NULL or zeroed and then filled as its fields say. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_client_connect_via_info(ccinfo: *const lws_client_connect_info) -> *mut lws {
    guard_whole(null_mut(), || {
        // SAFETY: the caller's promise.
        let Some(ccinfo) = (unsafe { ccinfo.as_ref() }) else { return null_mut() };
        let seat = |wsi: Option<&Wsi>| {
            if !ccinfo.pwsi.is_null() {
                // SAFETY: a `pwsi` that is not NULL is writable.
                unsafe { *ccinfo.pwsi = wsi.map_or(null_mut(), wsi_ptr) };
            }
        };
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { context(ccinfo.context) }) else {
            seat(None);
            return null_mut();
        };
        // SAFETY: the caller's promise.
        match unsafe { read(ccinfo, &cx) } {
            Ok(info) => cx.connect_client(info, &seat).map_or(null_mut(), wsi_ptr),
            Err(error) => {
                crate::log_err!("lws_client_connect_via_info: {error}");
                seat(None);
                null_mut()
            }
        }
    })
}

/// # Safety
/// As `lws_client_connect_via_info`.
unsafe fn read(ccinfo: &lws_client_connect_info, cx: &Held<'_>) -> Result<ClientInfo, CreateError> {
    // SAFETY: strings are NULL or C strings, by contract; and so below.
    let string = |string| unsafe { text(string) };
    refuse(ccinfo)?;
    let flags = ccinfo.ssl_connection as u32;
    let has = |flag: flag| flags & flag.c() != 0;
    // SAFETY: NULL or a vhost, by contract.
    let vhost = unsafe { vhost(ccinfo.vhost) }
        .or_else(|| default_vhost(cx))
        .ok_or_else(|| CreateError::new("vhost", "NULL", "the context has none"))?;
    let address = string(ccinfo.address)
        .filter(|address| !address.is_empty())
        .ok_or_else(|| CreateError::new("address", "NULL", "nowhere to connect to"))?;
    let is_unix = address.starts_with('+');
    let port = u16::try_from(ccinfo.port)
        .ok()
        .filter(|&port| port != 0 || is_unix)
        .ok_or_else(|| CreateError::new("port", ccinfo.port, "not a TCP port"))?;
    let websocket = websocket(ccinfo, string(ccinfo.protocol))?;
    let method = match string(ccinfo.method) {
        None => "GET".to_owned(),
        Some(method) if method == "RAW" || method == "MQTT" => {
            return Err(CreateError::new("method", method, "only HTTP is spoken"));
        }
        Some(method) => method,
    };
    let path = string(ccinfo.path).filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned());
    let path = if path.starts_with('/') || path == "*" { path } else { format!("/{path}") };
    let local = string(ccinfo.local_protocol_name).or_else(|| string(ccinfo.protocol));
    let options = ClientOptions {
        trust: Trust {
            allow_selfsigned: has(flag::LCCSCF_ALLOW_SELFSIGNED),
            skip_hostname: has(flag::LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK),
            allow_expired: has(flag::LCCSCF_ALLOW_EXPIRED),
            allow_insecure: has(flag::LCCSCF_ALLOW_INSECURE),
        },
        pipeline: has(flag::LCCSCF_PIPELINE),
        h2_only: has(flag::LCCSCF_H2_PRIOR_KNOWLEDGE),
        manual_credit: manual_credit(ccinfo, has(flag::LCCSCF_H2_MANUAL_RXFLOW))?,
        keep_redirects: has(flag::LCCSCF_HTTP_NO_FOLLOW_REDIRECT),
        allow_downgrade: has(flag::LCCSCF_ACCEPT_TLS_DOWNGRADE_REDIRECTS),
        cookies: has(flag::LCCSCF_CACHE_COOKIES),
        form: form(has(flag::LCCSCF_HTTP_MULTIPART_MIME), has(flag::LCCSCF_HTTP_X_WWW_FORM_URLENCODED))?,
        origin: string(ccinfo.origin),
        iface: string(ccinfo.iface),
        alpn: match string(ccinfo.alpn) {
            Some(alpn) => alpn_list(&alpn),
            // Who wants HTTP/2 for one says so: its server may have no WebSockets over it.
            None if websocket.is_some() => alpn_list("http/1.1"),
            None => vhost.client_alpn.clone(),
        },
        websocket,
        keep_warm: u64::from(if ccinfo.keep_warm_secs == 0 { 5 } else { ccinfo.keep_warm_secs }) * SECOND,
        keep_addresses: has(flag::LCCSCF_CONMON),
        tos: TYPE_OF_SERVICE.iter().filter(|(flag, _)| has(*flag)).fold(0, |tos, (_, bits)| tos | bits),
        priority: ccinfo.priority,
    };
    Ok(ClientInfo {
        protocol: local.and_then(|name| vhost.protocol(&name)).unwrap_or(0),
        target: Target {
            // What listens on a unix socket is on this machine, and has no other name.
            host: string(ccinfo.host)
                .unwrap_or_else(|| if is_unix { "localhost".to_owned() } else { address.clone() }),
            address,
            port,
            tls: has(flag::LCCSCF_USE_SSL),
            path,
            method,
        },
        options,
        user: ccinfo.userdata.cast(),
        opaque: ccinfo.opaque_user_data.cast(),
        // SAFETY: NULL or a wsi, by contract.
        parent: unsafe { wsi(ccinfo.parent_wsi) }.map(Wsi::id),
        // SAFETY: NULL or valid with its table, by contract.
        retry: unsafe { policy(ccinfo.retry_and_idle_policy) }.map(Rc::new),
        vhost,
    })
}

/// What a WebSocket is asked for with, when one is.
fn websocket(
    ccinfo: &lws_client_connect_info,
    protocols: Option<String>,
) -> Result<Option<WebSocketRequest>, CreateError> {
    if !ccinfo.method.is_null() {
        return Ok(None);
    }
    let version = ccinfo.ietf_version_or_minus_one;
    if !matches!(version, -1 | 0 | 13) {
        let why = "13 is the only version of WebSocket that is spoken";
        return Err(CreateError::new("ietf_version_or_minus_one", version, why));
    }
    let flags = ccinfo.ssl_connection as u32;
    for (bit, name) in [
        (flag::LCCSCF_HTTP_MULTIPART_MIME, "LCCSCF_HTTP_MULTIPART_MIME"),
        (flag::LCCSCF_HTTP_X_WWW_FORM_URLENCODED, "LCCSCF_HTTP_X_WWW_FORM_URLENCODED"),
    ] {
        if flags & bit.c() != 0 {
            return Err(CreateError::new("ssl_connection", name, "a WebSocket's handshake has no body"));
        }
    }
    Ok(Some(WebSocketRequest { protocols: protocols.unwrap_or_default() }))
}

/// What of `ccinfo` cannot be honoured.
fn refuse(ccinfo: &lws_client_connect_info) -> Result<(), CreateError> {
    let flags = ccinfo.ssl_connection as u32;
    for (bit, name, why) in REFUSED {
        if flags & bit.c() != 0 {
            return Err(CreateError::new("ssl_connection", name, why));
        }
    }
    let unknown = flags & !(HONOURED | WITHOUT_EFFECT);
    if unknown != 0 {
        return Err(CreateError::new("ssl_connection", format_args!("{unknown:#x}"), "unknown flags"));
    }
    for (given, field, why) in [
        (!ccinfo.uri_replace_from.is_null(), "uri_replace_from", "answers are not rewritten"),
        (!ccinfo.uri_replace_to.is_null(), "uri_replace_to", "answers are not rewritten"),
        (!ccinfo.seq.is_null(), "seq", "there are no sequencers"),
        (ccinfo.sys_tls_client_cert != 0, "sys_tls_client_cert", "certificates come from the vhost"),
        (!ccinfo.mqtt_cp.is_null(), "mqtt_cp", "there is no MQTT"),
        (!ccinfo.log_cx.is_null(), "log_cx", "single connections have no log context of their own"),
        (ccinfo.priority > 6, "priority", "the highest is 6"),
    ] {
        if given {
            return Err(CreateError::new(field, "set", why));
        }
    }
    Ok(())
}

fn manual_credit(ccinfo: &lws_client_connect_info, manual: bool) -> Result<Option<u64>, CreateError> {
    let field = "manual_initial_tx_credit";
    match u64::try_from(ccinfo.manual_initial_tx_credit) {
        Err(_) => Err(CreateError::new(field, ccinfo.manual_initial_tx_credit, "negative")),
        Ok(0) if !manual => Ok(None),
        Ok(_) if !manual => Err(CreateError::new(
            field,
            ccinfo.manual_initial_tx_credit,
            "only with LCCSCF_H2_MANUAL_RXFLOW in ssl_connection",
        )),
        Ok(credit) => Ok(Some(credit)),
    }
}

fn form(multipart: bool, urlencoded: bool) -> Result<Form, CreateError> {
    match (multipart, urlencoded) {
        (true, true) => Err(CreateError::new(
            "ssl_connection",
            "LCCSCF_HTTP_MULTIPART_MIME | LCCSCF_HTTP_X_WWW_FORM_URLENCODED",
            "a body is one or the other",
        )),
        (true, false) => Ok(Form::Multipart),
        (false, true) => Ok(Form::UrlEncoded),
        (false, false) => Ok(Form::None),
    }
}

/// The protocols of an ALPN list.
pub(super) fn alpn_list(list: &str) -> Vec<Vec<u8>> {
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| name.as_bytes().to_vec())
        .collect()
}

/// The vhost of a client that names none: "default", or else the first.
fn default_vhost(cx: &Context) -> Option<Rc<Vhost>> {
    let vhosts = cx.vhosts();
    let is_default = |vhost: &&Rc<Vhost>| vhost.name == "default";
    vhosts.iter().find(is_default).or_else(|| vhosts.iter().find(|vhost| vhost.name != "system")).cloned()
}

/// Reads what has come of an answer's body into the buffer `*buf` of `*len` bytes, and raises
/// `LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ` about what was read, without any chunk framing. Called in
/// `LWS_CALLBACK_RECEIVE_CLIENT_HTTP`, or later: until then the server waits. What is not read at once is told of again.
///
/// Afterwards `*buf` points behind what was read, and `*len` is 0. Returns 0, also when there is nothing to read; -1 when the
/// connection must go, which the callback returns on, and for NULL. Called outside of a callback, -1 has closed it.
/// On HTTP/2 it reads what came before `lws_rx_flow_control` held the rest back.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `buf` and `len` are NULL or writable, `*buf` has room for `*len` bytes. Service
/// thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_client_read(
    wsi: *mut lws,
    buf: *mut *mut c_char,
    len: *mut c_int,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return -1 };
        // SAFETY: the caller's promise.
        let (Some(at), Some(room)) = (unsafe { buf.as_mut() }, unsafe { len.as_mut() }) else { return -1 };
        let size = usize::try_from(std::mem::take(room)).unwrap_or(0);
        if at.is_null() || size == 0 {
            return -1;
        }
        // SAFETY: the caller's promise.
        let read = cx.read_body(wsi, unsafe { &mut *slice_from_raw_parts_mut(at.cast::<u8>(), size) });
        read.map_or(-1, |n| {
            // SAFETY: within the buffer, or just behind it.
            *at = unsafe { at.add(n) };
            0
        })
    })
}

/// The status of the answer that a client got; 0 before there is one, for anything that is no client, and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_client_http_response(wsi: *mut lws) -> u32 {
    guard(0, || {
        // SAFETY: the caller's promise.
        unsafe { self::wsi(wsi) }.and_then(Wsi::client).map_or(0, |client| client.status.get().into())
    })
}

/// Says whether the client's request has a body still to be sent. Called in `LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER`,
/// nonzero announces one, which is asked for by `LWS_CALLBACK_CLIENT_HTTP_WRITEABLE`; 0 says that what has been written is
/// all of it. A body whose head gives no content-length goes in chunks on HTTP/1. NULL, and what is no client, is ignored.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_client_http_body_pending(wsi: *mut lws, something_left_to_send: c_int) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some((wsi, cx)) = unsafe { wsi_cx(wsi) } {
            cx.set_body_pending(wsi, something_left_to_send != 0);
        }
    });
}

/// Writes the head of a part of the multipart body at `*p`, and moves `*p` behind it: the boundary, the part's `name`, and where
/// they are not NULL its `filename` and `content_type`. NULL for `name` writes the end of the body. Quotes and line ends in
/// the names are written as %22, %0D and %0A (as browsers do).
///
/// 0; nonzero when it does not fit before `end`, and then nothing is written; when the connection was not made with
/// `LCCSCF_HTTP_MULTIPART_MIME`; and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; the texts are NULL or C strings; `*p` up to `end` is writable. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_client_http_multipart(
    wsi: *mut lws,
    name: *const c_char,
    filename: *const c_char,
    content_type: *const c_char,
    p: *mut *mut c_char,
    end: *mut c_char,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return 1 };
        // SAFETY: the caller's promise.
        let (Some(at), Some(client)) = (unsafe { p.as_mut() }, wsi.client()) else { return 1 };
        if client.options.form != Form::Multipart {
            crate::log_err!(
                "{}: lws_client_http_multipart: not made with LCCSCF_HTTP_MULTIPART_MIME",
                wsi.tag()
            );
            return 1;
        }
        // SAFETY: the caller's promise.
        let (name, filename, content_type) = unsafe { (text(name), text(filename), text(content_type)) };
        let part = cx.multipart_part(&client, name.as_deref(), filename.as_deref(), content_type.as_deref());
        let room = (end as usize).saturating_sub(*at as usize);
        if at.is_null() || part.len() > room {
            return 1;
        }
        client.part_begun();
        // SAFETY: it fits.
        unsafe {
            std::ptr::copy_nonoverlapping(part.as_ptr(), at.cast::<u8>(), part.len());
            *at = at.add(part.len());
        }
        0
    })
}

/// 1 when a redirect made a GET of the client's request (RFC 9110 §15.4), whose body must not be sent; else 0. 0 for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_is_redirected_to_get(wsi: *mut lws) -> c_int {
    guard(0, || {
        // SAFETY: the caller's promise.
        let client = unsafe { self::wsi(wsi) }.and_then(Wsi::client);
        client.is_some_and(|client| client.redirected_to_get.get()).into()
    })
}

/// Frees an HTTP/2 client stream from timeouts: the server answers when it likes. Its request has been sent to its end already,
/// if it has no body to come. 0; nonzero for what is no such stream, and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_h2_client_stream_long_poll_rxonly(wsi: *mut lws) -> c_int {
    // SAFETY: the caller's promise.
    guard(1, || unsafe { wsi_cx(wsi) }.is_none_or(|(wsi, cx)| !cx.wait_for_ever(wsi)).into())
}

/// Credit of an HTTP/2 stream, in bytes.
///
/// `peer_to_us` is `LWSTXCR_US_TO_PEER` (0): returns what the peer takes now; `add` is ignored, only the peer can give more.
/// `LWSTXCR_PEER_TO_US` (1), of a client with `LCCSCF_H2_MANUAL_RXFLOW`: `add` more bytes are taken from the server. With `add`
/// 0 returns how many are taken now, else 0. Up to a window's worth may wait in memory: the server is let send that far, and
/// the program is shown what it has granted. 0 for anything else, and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_wsi_tx_credit(wsi: *mut lws, peer_to_us: c_char, add: c_int) -> c_int {
    guard(0, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return 0 };
        if peer_to_us == 0 {
            return cx.credit_to_peer(wsi);
        }
        let now = cx.grant(wsi, u64::try_from(add).unwrap_or(0));
        if add == 0 { now.map_or(0, |credit| c_int::try_from(credit).unwrap_or(c_int::MAX)) } else { 0 }
    })
}

/// Has a client with `LCCSCF_H2_MANUAL_RXFLOW` take `bump` more bytes from the server: `lws_wsi_tx_credit()`. `sid` is
/// `LWS_H2_STREAM_SID`, or the stream's own number. 0; nonzero for another `sid`, for what grants nothing by hand, and NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_h2_update_peer_txcredit(wsi: *mut lws, sid: u32, bump: c_int) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return 1 };
        let own = sid == u32::MAX || cx.client_stream_id(wsi) == Some(sid);
        let Some(add) = u64::try_from(bump).ok().filter(|_| own) else { return 1 };
        cx.grant(wsi, add).is_none().into()
    })
}

/// Bytes that the server may still send on a client stream with `LCCSCF_H2_MANUAL_RXFLOW`; 0 for anything else, and NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_h2_get_peer_txcredit_estimate(wsi: *mut lws) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { lws_wsi_tx_credit(wsi, 1, 0) }
}

/// Has the clients of a vhost connect through an HTTP proxy: `proxy` is `host:port`, with `user:password@` before it where it
/// wants that, and perhaps `http://` before all. NULL or "" ends it. 0; -1 when it is not of that form, and for NULL.
///
/// # Safety
/// `vhost` is NULL or a vhost of a live context; `proxy` is NULL or a C string. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_set_proxy(vhost: *mut lws_vhost, proxy: *const c_char) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some(vhost) = (unsafe { self::vhost(vhost) }) else { return -1 };
        // SAFETY: the caller's promise.
        let proxy = unsafe { text(proxy) }.filter(|proxy| !proxy.is_empty());
        match proxy.map(|proxy| parse_proxy(&proxy, None)).transpose() {
            Ok(proxy) => {
                vhost.proxy.replace(proxy);
                0
            }
            Err(error) => {
                crate::log_err!("lws_set_proxy: {error}");
                -1
            }
        }
    })
}

/// A proxy as `http_proxy` and `http_proxy_address` say it; `port` is that of `http_proxy_port`.
pub(super) fn parse_proxy(proxy: &str, port: Option<u16>) -> Result<Proxy, CreateError> {
    use base64::Engine as _;
    let bare = proxy.strip_prefix("http://").unwrap_or(proxy);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    let (credentials, place) = match bare.rsplit_once('@') {
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, bare),
    };
    // Without the credentials: errors are logged.
    let wrong = |why: &str| CreateError::new("http_proxy_address", place, why);
    let (host, in_text) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let in_text =
        in_text.map(|text| text.parse::<u16>().map_err(|_| wrong("the port is not a number"))).transpose()?;
    let port = in_text.or(port).filter(|&port| port != 0).ok_or_else(|| wrong("no port"))?;
    if host.is_empty() {
        return Err(wrong("no host"));
    }
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    Ok(Proxy { host: host.to_owned(), port, credentials: credentials.map(encode) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_in_every_form() {
        let proxy = |host: &str, port, credentials: Option<&str>| Proxy {
            host: host.to_owned(),
            port,
            credentials: credentials.map(str::to_owned),
        };
        for (text, port, expected) in [
            ("proxy:3128", None, proxy("proxy", 3128, None)),
            ("http://proxy:3128/", None, proxy("proxy", 3128, None)),
            ("proxy", Some(8080), proxy("proxy", 8080, None)),
            ("proxy:3128", Some(8080), proxy("proxy", 3128, None)),
            ("[::1]:3128", None, proxy("::1", 3128, None)),
            ("u:p@ss@proxy:1", None, proxy("proxy", 1, Some("dTpwQHNz"))),
        ] {
            assert_eq!(parse_proxy(text, port), Ok(expected), "{text}");
        }
        for text in ["proxy", ":80", "proxy:", "proxy:http", "proxy:99999", "proxy:0"] {
            assert!(parse_proxy(text, None).is_err(), "{text}");
        }
        let error = parse_proxy("user:secret@proxy", None).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
