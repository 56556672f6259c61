//! `struct lws_context_creation_info`, read: into what the engine understands, or into a refusal that names the field.

use std::ffi::{CStr, c_char, c_void};
use std::os::fd::AsRawFd as _;
use std::rc::{Rc, Weak};

use super::blob::Blobs;
use super::callback::CCallback;
use super::client::{alpn_list, parse_proxy};
use super::handle::{CContext, CVhost, LogCx, text};
use super::privileges::Privileges;
use super::retry;
use super::system::System;
use super::types::*;
use crate::engine::client::cookies::Cookies;
use crate::engine::context::{Context, ContextConfig, CreateError};
use crate::engine::system_roots::system_roots;
use crate::engine::timer::SECOND;
use crate::engine::vhost::{
    Listen, PlainOnTls, PrepareListener, Protocol, Proxy, Vhost, VhostConfig, VhostTls,
};
use crate::engine::ws::Compression;
use crate::proto::h2::H2Settings;
use crate::proto::http::cookie_jar::Limits;
use crate::proto::http::header::HeaderLimits;
use crate::proto::http::mount::{Mount, MountKind};
use crate::proto::tls::{self, ClientAuth, ClientOptions, ClientTls, Credentials, LoadRoots, ServerOptions};
use crate::proto::ws::deflate::Params;
use crate::proto::ws::negotiate::{PERMESSAGE_DEFLATE, check_offers, offer};

type Info = lws_context_creation_info;
type Result<T> = std::result::Result<T, CreateError>;

/// The longest list a program may hand over; a longer one is a list without an end.
const LIST_MAX: usize = 4096;

/// Options that change nothing here, because what they ask for is how it always is, or concerns what is always off.
const OPTIONS_WITHOUT_EFFECT: u64 = LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME
    | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT
    | LWS_SERVER_OPTION_SSL_ECDH
    | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX
    | LWS_SERVER_OPTION_VALIDATE_UTF8
    | LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN
    | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND
    | LWS_SERVER_OPTION_H2_JUST_FIX_WINDOW_UPDATE_OVERFLOW
    | LWS_SERVER_OPTION_VH_H2_HALF_CLOSED_LONG_POLL
    | LWS_SERVER_OPTION_NO_LWS_SYSTEM_STATES;

/// Options that are honoured.
const OPTIONS_HONOURED: u64 = LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT
    | LWS_SERVER_OPTION_PEER_CERT_NOT_REQUIRED
    | LWS_SERVER_OPTION_ALLOW_NON_SSL_ON_SSL_PORT
    | LWS_SERVER_OPTION_REDIRECT_HTTP_TO_HTTPS
    | LWS_SERVER_OPTION_ALLOW_HTTP_ON_HTTPS_LISTENER
    | LWS_SERVER_OPTION_DISABLE_IPV6
    | LWS_SERVER_OPTION_EXPLICIT_VHOSTS
    | LWS_SERVER_OPTION_UNIX_SOCK
    | LWS_SERVER_OPTION_STS
    | LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY
    | LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE
    | LWS_SERVER_OPTION_ALLOW_LISTEN_SHARE
    | LWS_SERVER_OPTION_SKIP_PROTOCOL_INIT
    | LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE
    | LWS_SERVER_OPTION_H2_PRIOR_KNOWLEDGE
    | LWS_SERVER_OPTION_JUST_USE_RAW_ORIGIN
    | LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE
    | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;

/// Options that are refused, and what for.
const OPTIONS_REFUSED: [(u64, &str, &str); 11] = [
    (LWS_SERVER_OPTION_LIBEV, "LWS_SERVER_OPTION_LIBEV", NO_EVENT_LIB),
    (LWS_SERVER_OPTION_LIBUV, "LWS_SERVER_OPTION_LIBUV", NO_EVENT_LIB),
    (LWS_SERVER_OPTION_LIBEVENT, "LWS_SERVER_OPTION_LIBEVENT", NO_EVENT_LIB),
    (LWS_SERVER_OPTION_GLIB, "LWS_SERVER_OPTION_GLIB", NO_EVENT_LIB),
    (LWS_SERVER_OPTION_SDEVENT, "LWS_SERVER_OPTION_SDEVENT", NO_EVENT_LIB),
    (LWS_SERVER_OPTION_ULOOP, "LWS_SERVER_OPTION_ULOOP", NO_EVENT_LIB),
    (LWS_SERVER_OPTION_FALLBACK_TO_RAW, "LWS_SERVER_OPTION_FALLBACK_TO_RAW", NO_RAW),
    (LWS_SERVER_OPTION_ONLY_RAW, "LWS_SERVER_OPTION_ONLY_RAW", NO_RAW),
    (
        LWS_SERVER_OPTION_IGNORE_MISSING_CERT,
        "LWS_SERVER_OPTION_IGNORE_MISSING_CERT",
        "a vhost needs its certificate when it is created",
    ),
    (
        LWS_SERVER_OPTION_VHOST_UPG_STRICT_HOST_CHECK,
        "LWS_SERVER_OPTION_VHOST_UPG_STRICT_HOST_CHECK",
        "the Host of an upgrade is not compared with the name of the vhost",
    ),
    (LWS_SERVER_OPTION_SS_PROXY, "LWS_SERVER_OPTION_SS_PROXY", "there are no secure streams"),
];

const NO_EVENT_LIB: &str = "that event library is not built in; use info.event_lib_custom";
const NO_RAW: &str = "there are no raw sockets yet";

/// Reads what concerns the whole context.
///
/// # Safety
/// `info` obeys the contract of `lws_create_context`.
pub(super) unsafe fn context_config(info: &Info, event_lib_pt: usize) -> Result<ContextConfig> {
    refuse_options(info.options)?;
    refuse_context_fields(info)?;
    let defaults = ContextConfig::default();
    Ok(ContextConfig {
        timeout: if info.timeout_secs == 0 {
            defaults.timeout
        } else {
            u64::from(info.timeout_secs) * SECOND
        },
        ah_idle: if info.timeout_secs_ah_idle == 0 {
            defaults.ah_idle
        } else {
            u64::from(info.timeout_secs_ah_idle) * SECOND
        },
        max_ah: match either(info.max_http_header_pool, info.max_http_header_pool2) {
            0 => usize::MAX,
            n => n,
        },
        connect_timeout: if info.connect_timeout_secs == 0 {
            defaults.connect_timeout
        } else {
            u64::from(info.connect_timeout_secs) * SECOND
        },
        raw_origin: info.options & LWS_SERVER_OPTION_JUST_USE_RAW_ORIGIN != 0,
        // SAFETY: the caller's promise.
        cookies: unsafe { cookies(info) }?,
        max_fds: if info.fd_limit_per_thread == 0 { usize::MAX } else { info.fd_limit_per_thread as usize },
        service_buffer: if info.pt_serv_buf_size == 0 {
            defaults.service_buffer
        } else {
            info.pt_serv_buf_size as usize
        },
        event_lib_pt,
        // SAFETY: the caller's promise.
        retry: Rc::new(unsafe { retry::context_policy(info.retry_and_idle_policy) }),
        user: info.user.cast(),
        foreign: Box::new(CContext {
            // SAFETY: by contract it is NULL or outlives the context.
            log_cx: unsafe { LogCx::new(info.log_cx) },
            suls: Rc::default(),
            // SAFETY: the caller's promise.
            system: Rc::new(unsafe { System::new(info.system_ops) }?),
            blobs: Blobs::default(),
            explicit_vhosts: info.options & LWS_SERVER_OPTION_EXPLICIT_VHOSTS != 0,
            // SAFETY: the caller's promise.
            privileges: unsafe { Privileges::read(info) }?,
        }),
    })
}

/// The cookies of clients, from their file if there is one.
///
/// # Safety
/// `http_nsc_filepath` is NULL or a C string.
unsafe fn cookies(info: &Info) -> Result<Cookies> {
    let or = |limit: usize, default| if limit == 0 { default } else { limit };
    let defaults = Limits::default();
    let limits = Limits {
        items: or(info.http_nsc_heap_max_items, defaults.items),
        footprint: or(info.http_nsc_heap_max_footprint, defaults.footprint),
        payload: or(info.http_nsc_heap_max_payload, defaults.payload),
    };
    // SAFETY: the caller's promise.
    match unsafe { text(info.http_nsc_filepath) } {
        None => Ok(Cookies::in_memory(limits)),
        Some(path) => Cookies::in_file(&path, limits)
            .map_err(|error| CreateError::new("http_nsc_filepath", path, error)),
    }
}

/// A `u16` field or its later `unsigned int` double, whichever is set.
fn either(short: u16, long: u32) -> usize {
    if short == 0 { long as usize } else { short.into() }
}

fn refuse_options(options: u64) -> Result<()> {
    for (bits, name, why) in OPTIONS_REFUSED {
        if options & bits == bits {
            return Err(CreateError::new("options", name, why));
        }
    }
    let unknown = options & !(OPTIONS_WITHOUT_EFFECT | OPTIONS_HONOURED);
    if unknown == 0 {
        Ok(())
    } else {
        Err(CreateError::new("options", format_args!("{unknown:#x}"), "unknown option bits"))
    }
}

/// One entry of a refusal table: what the field holds, if anything; its name; why it is refused.
type Refusal = (Option<String>, &'static str, &'static str);

fn refuse<const N: usize>(table: [Refusal; N]) -> Result<()> {
    for (value, field, why) in table {
        if let Some(value) = value {
            return Err(CreateError::new(field, value, why));
        }
    }
    Ok(())
}

/// What is not text, or had better not be shown.
fn pointer<T>(pointer: *const T) -> Option<String> {
    function(!pointer.is_null())
}

fn function(is_set: bool) -> Option<String> {
    is_set.then(|| "(set)".to_owned())
}

fn number(number: impl Into<i64>) -> Option<String> {
    Some(number.into()).filter(|&number| number != 0).map(|number| number.to_string())
}

fn refuse_context_fields(info: &Info) -> Result<()> {
    refuse([
        (pointer(info.fops), "fops", "files are read from the file system only"),
        (number(info.count_caps), "count_caps", "capabilities are not kept when privileges are dropped"),
        (function(info.early_smd_cb.is_some()), "early_smd_cb", "there is no message distribution"),
        (number(info.smd_ttl_us), "smd_ttl_us", "there is no message distribution"),
        (number(info.smd_queue_depth), "smd_queue_depth", "there is no message distribution"),
    ])
}

/// # Safety
/// The texts are NULL or C strings.
unsafe fn refuse_vhost_fields(info: &Info) -> Result<()> {
    // SAFETY: the caller's promise.
    let string = |string| unsafe { text(string) };
    refuse([
        (pointer(info.token_limits), "token_limits", "use max_http_header_data"),
        (
            pointer(info.reject_service_keywords),
            "reject_service_keywords",
            "requests are not matched against keywords",
        ),
        (string(info.log_filepath), "log_filepath", "there is no access log, as in Debian's build"),
        (string(info.ssl_cipher_list), "ssl_cipher_list", TLS_FIXED),
        (string(info.ecdh_curve), "ecdh_curve", TLS_FIXED),
        (string(info.tls1_3_plus_cipher_list), "tls1_3_plus_cipher_list", TLS_FIXED),
        (number(info.ssl_options_set), "ssl_options_set", NOT_OPENSSL),
        (number(info.ssl_options_clear), "ssl_options_clear", NOT_OPENSSL),
        (
            number(info.simultaneous_ssl_restriction),
            "simultaneous_ssl_restriction",
            "TLS connections are not limited",
        ),
        (
            number(info.simultaneous_ssl_handshake_restriction),
            "simultaneous_ssl_handshake_restriction",
            "TLS handshakes are not limited",
        ),
        (number(info.ssl_info_event_mask), "ssl_info_event_mask", NOT_OPENSSL),
        (string(info.client_ssl_cipher_list), "client_ssl_cipher_list", TLS_FIXED),
        (string(info.client_tls_1_3_plus_cipher_list), "client_tls_1_3_plus_cipher_list", TLS_FIXED),
        (number(info.ssl_client_options_set), "ssl_client_options_set", NOT_OPENSSL),
        (number(info.ssl_client_options_clear), "ssl_client_options_clear", NOT_OPENSSL),
        (pointer(info.provided_client_ssl_ctx), "provided_client_ssl_ctx", NOT_OPENSSL),
        (number(info.bind_iface), "bind_iface", "sockets are bound to addresses, not to devices"),
        (
            number(info.tls_session_timeout),
            "tls_session_timeout",
            "sessions can be resumed for as long as their servers say",
        ),
        (string(info.listen_accept_role), "listen_accept_role", NO_RAW),
        (string(info.listen_accept_protocol), "listen_accept_protocol", NO_RAW),
    ])
}

const TLS_FIXED: &str = "the cipher suites and groups are rustls's and cannot be chosen";
const NOT_OPENSSL: &str = "TLS is not OpenSSL here";

/// Reads a vhost.
///
/// # Safety
/// `info` obeys the contract of `lws_create_vhost`.
pub(super) unsafe fn vhost_config(info: &Info, context: Weak<Context>) -> Result<VhostConfig> {
    refuse_options(info.options)?;
    // SAFETY: the caller's promise.
    unsafe { refuse_vhost_fields(info) }?;
    // SAFETY: every pointer below is NULL or what its field promises, by the contract of the call.
    unsafe {
        let name = text(info.vhost_name).unwrap_or_else(|| "default".to_owned());
        let table = protocol_table(info)?;
        let protocols =
            table.iter().map(|protocol| make_protocol(protocol, info)).collect::<Result<Vec<_>>>()?;
        let listen = listen(info)?;
        let tls = vhost_tls(info)?;
        let client_tls = client_tls(info)?;
        let option = |bits: u64| info.options & bits == bits;
        let iface = (!info.iface.is_null()).then(|| CStr::from_ptr(info.iface).into());
        let finalize = info.finalize.map(|finalize| {
            let arg = info.finalize_arg;
            // The program promised this signature; the vhost's address is its handle.
            let call = move |vhost: &Vhost| finalize(std::ptr::from_ref(vhost).cast_mut().cast(), arg);
            Box::new(call) as Box<dyn Fn(&Vhost)>
        });
        let limits = HeaderLimits {
            max_bytes: match either(info.max_http_header_data, info.max_http_header_data2) {
                0 => HeaderLimits::default().max_bytes,
                n => n,
            },
            ..HeaderLimits::default()
        };
        Ok(VhostConfig {
            listen,
            backlog: libc::SOMAXCONN,
            share_port: option(LWS_SERVER_OPTION_ALLOW_LISTEN_SHARE),
            h2_only: option(LWS_SERVER_OPTION_H2_PRIOR_KNOWLEDGE),
            h2c: true,
            ipv4_only: option(LWS_SERVER_OPTION_DISABLE_IPV6),
            proxy: std::cell::RefCell::new(proxy(info)?),
            client_alpn: text(info.alpn).map(|alpn| alpn_list(&alpn)).unwrap_or_default(),
            sts: tls.is_some() && option(LWS_SERVER_OPTION_STS),
            tls,
            client_tls,
            mounts: mounts(info.mounts, &protocols)?,
            default_protocol: default_protocol(info, &protocols),
            compression: extensions(info)?,
            protocols,
            headers: pairs(info.headers, "headers")?,
            server_string: text(info.server_string),
            error_document_404: text(info.error_document_404),
            security_headers: option(LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE),
            keepalive: u64::try_from(info.keepalive_timeout)
                .ok()
                .filter(|&seconds| seconds > 0)
                .map(|seconds| seconds * SECOND),
            limits,
            h2: h2_settings(&info.http2_settings, &limits)?,
            tcp_keepalive: tcp_keepalive(info),
            retry: retry::policy(info.retry_and_idle_policy).map(Rc::new),
            user: info.user.cast(),
            foreign: Box::new(CVhost {
                context,
                protocols: table,
                log_cx: LogCx::new(info.log_cx),
                iface,
                name: std::ffi::CString::new(name.clone()).unwrap_or_default().into_boxed_c_str(),
                tag: std::cell::OnceCell::new(),
            }),
            name,
            finalize,
            prepare_listener: fast_open(info.fo_listen_queue),
        })
    }
}

/// The proxy of the vhost's clients: the program's, or else that of the environment.
///
/// # Safety
/// `http_proxy_address` is NULL or a C string.
unsafe fn proxy(info: &Info) -> Result<Option<Proxy>> {
    let port = u16::try_from(info.http_proxy_port)
        .map_err(|_| CreateError::new("http_proxy_port", info.http_proxy_port, "not a TCP port"))?;
    // SAFETY: the caller's promise.
    let address = unsafe { text(info.http_proxy_address) }.filter(|address| !address.is_empty());
    match address.or_else(|| std::env::var("http_proxy").ok().filter(|proxy| !proxy.is_empty())) {
        Some(address) => parse_proxy(&address, (port != 0).then_some(port)).map(Some),
        None if port != 0 => Err(CreateError::new("http_proxy_port", port, "no http_proxy_address")),
        None => Ok(None),
    }
}

/// TCP fast open with room for `queue` requests; a kernel that has none of it is no reason to refuse.
fn fast_open(queue: i32) -> Option<PrepareListener> {
    if queue == 0 {
        return None;
    }
    Some(Box::new(move |listener| {
        let (queue, size) = (&raw const queue, size_of_val(&queue) as u32);
        // SAFETY: a plain system call on an open socket, with an `int` of the size it says.
        let result = unsafe {
            libc::setsockopt(listener.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_FASTOPEN, queue.cast(), size)
        };
        if result != 0 {
            crate::log_warn!("fo_listen_queue: {}", std::io::Error::last_os_error());
        }
    }))
}

fn tcp_keepalive(info: &Info) -> Option<(u32, u32, u32)> {
    let positive = |n: i32| u32::try_from(n).ok().filter(|&n| n > 0);
    positive(info.ka_time)
        .map(|time| (time, positive(info.ka_probes).unwrap_or(9), positive(info.ka_interval).unwrap_or(75)))
}

/// The program's protocol table, copied and without its terminator; one dummy protocol when there is none.
unsafe fn protocol_table(info: &Info) -> Result<Box<[lws_protocols]>> {
    let mut table = Vec::new();
    // SAFETY: both lists are NULL-terminated by contract.
    unsafe {
        if !info.pprotocols.is_null() {
            while table.len() < LIST_MAX {
                let entry = *info.pprotocols.add(table.len());
                if entry.is_null() {
                    break;
                }
                table.push(*entry);
            }
        } else if !info.protocols.is_null() {
            while table.len() < LIST_MAX && !(*info.protocols.add(table.len())).name.is_null() {
                table.push(*info.protocols.add(table.len()));
            }
        }
    }
    if table.len() == LIST_MAX {
        return Err(CreateError::new(
            "protocols",
            table.len(),
            "the table does not end with LWS_PROTOCOL_LIST_TERM",
        ));
    }
    if table.is_empty() {
        table.push(lws_protocols {
            name: c"http-only".as_ptr(),
            callback: Some(super::http::lws_callback_http_dummy),
            per_session_data_size: 0,
            rx_buffer_size: 0,
            id: 0,
            user: std::ptr::null_mut(),
            tx_packet_size: 0,
        });
    }
    Ok(table.into_boxed_slice())
}

unsafe fn make_protocol(protocol: &lws_protocols, info: &Info) -> Result<Protocol> {
    // SAFETY: names are C strings by contract.
    let name = unsafe { text(protocol.name) }.unwrap_or_default();
    if protocol.callback.is_none() {
        return Err(CreateError::new("protocols", name, "the protocol has no callback"));
    }
    // SAFETY: the list obeys its contract.
    let options = unsafe { option_named(info.pvo, &name) }.map(|entry| entry.options.cast_mut().cast());
    let wanted = info.pvo.is_null() || options.is_some();
    Ok(Protocol {
        callback: Box::new(CCallback(protocol.callback)),
        rx_buffer_size: protocol.rx_buffer_size,
        session_size: protocol.per_session_data_size.into(),
        options: options.unwrap_or(std::ptr::null_mut()),
        wants_init: wanted && info.options & LWS_SERVER_OPTION_SKIP_PROTOCOL_INIT == 0,
        initialised: false.into(),
        private: None.into(),
        name,
    })
}

/// The most that a compressed message may inflate to, bytes.
const INFLATED_MAX: u64 = 1 << 30;

/// The draft that RFC 7692 came from. Many programs' tables name it as lws's examples once did; no server takes it any more.
const DEFLATE_FRAME: &str = "deflate-frame";

/// How WebSockets are compressed, if the program's table of extensions says so. It may name nothing else: there is no
/// calling of a program's own extensions.
unsafe fn extensions(info: &Info) -> Result<Option<Compression>> {
    let mut compression = None;
    for at in 0.. {
        // SAFETY: the table ends with an entry without a name, by contract.
        let Some(entry) = (unsafe { info.extensions.wrapping_add(at).as_ref() }) else { break };
        // SAFETY: both are NULL or C strings by contract.
        let (Some(name), own_offer) = (unsafe { (text(entry.name), text(entry.client_offer)) }) else {
            break;
        };
        let own: unsafe extern "C" fn(_, _, _, _, _, _, _) -> _ =
            super::ws::lws_extension_callback_pm_deflate;
        let is_own = entry.callback.is_some_and(|callback| std::ptr::fn_addr_eq(callback, own));
        if name == DEFLATE_FRAME && is_own {
            crate::log_info!("extensions: {name} is left out, permessage-deflate has taken its place");
            continue;
        }
        if name != PERMESSAGE_DEFLATE || !is_own || compression.is_some() {
            let why = "only permessage-deflate with lws_extension_callback_pm_deflate, once";
            return Err(CreateError::new("extensions", name, why));
        }
        let params = Params { max_inflated: Some(INFLATED_MAX), ..Params::default() };
        let offer = own_offer.unwrap_or_else(|| offer(&params));
        check_offers(&offer)
            .map_err(|why| CreateError::new("extensions", &offer, format!("client_offer: {why}")))?;
        compression = Some(Compression { params, offer });
    }
    Ok(compression)
}

/// The protocol that its per-vhost options call the default.
unsafe fn default_protocol(info: &Info, protocols: &[Protocol]) -> usize {
    let is_default = |protocol: &Protocol| {
        // SAFETY: the list obeys its contract.
        unsafe {
            let options = option_named(info.pvo, &protocol.name)?;
            option_named(options.options, "default")
        }
    };
    // The last one counts, as programs have seen it.
    protocols.iter().rposition(|protocol| is_default(protocol).is_some()).unwrap_or(0)
}

/// The entry called `name`; `None` when the list does not have it.
unsafe fn option_named<'a>(
    mut list: *const lws_protocol_vhost_options,
    name: &str,
) -> Option<&'a lws_protocol_vhost_options> {
    // SAFETY: the list is NULL-terminated and its names are C strings, by contract.
    while let Some(entry) = unsafe { list.as_ref() } {
        // SAFETY: as above.
        if unsafe { text(entry.name) }.as_deref() == Some(name) {
            return Some(entry);
        }
        list = entry.next;
    }
    None
}

unsafe fn pairs(
    mut list: *const lws_protocol_vhost_options,
    field: &'static str,
) -> Result<Vec<(String, String)>> {
    let mut out = Vec::new();
    // SAFETY: the list is NULL-terminated and holds C strings, by contract.
    while let Some(entry) = unsafe { list.as_ref() } {
        // SAFETY: as above.
        let (name, value) = unsafe { (text(entry.name), text(entry.value)) };
        out.push((name.unwrap_or_default(), value.unwrap_or_default()));
        if out.len() == LIST_MAX {
            return Err(CreateError::new(field, out.len(), "the list has no end"));
        }
        list = entry.next;
    }
    Ok(out)
}

unsafe fn listen(info: &Info) -> Result<Listen> {
    // SAFETY: C strings by contract.
    let (iface, owner) = unsafe { (text(info.iface), text(info.unix_socket_perms)) };
    let option = |bits: u64| info.options & bits == bits;
    if info.port == CONTEXT_PORT_NO_LISTEN || info.port == CONTEXT_PORT_NO_LISTEN_SERVER {
        return Ok(Listen::No);
    }
    if option(LWS_SERVER_OPTION_UNIX_SOCK) {
        let path = iface.ok_or_else(|| {
            CreateError::new("iface", "NULL", "LWS_SERVER_OPTION_UNIX_SOCK needs the socket's path")
        })?;
        return Ok(Listen::Unix { path, owner });
    }
    let port = u16::try_from(info.port).map_err(|_| CreateError::new("port", info.port, "not a TCP port"))?;
    let v6only =
        option(LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY).then(|| option(LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE));
    Ok(Listen::Tcp { port, iface, ipv4_only: option(LWS_SERVER_OPTION_DISABLE_IPV6), v6only })
}

fn h2_settings(settings: &[u32; 7], limits: &HeaderLimits) -> Result<H2Settings> {
    let mut h2 = H2Settings {
        // Names and per-field overhead count too, and what is over our own limit gets a 431 rather than an error.
        max_header_list: u32::try_from(limits.max_bytes * 2 + limits.max_count * 32).unwrap_or(u32::MAX),
        ..H2Settings::default()
    };
    // The first element says that the others are set; they are indexed by setting.
    if settings[0] == 0 {
        return Ok(h2);
    }
    let bad = |index: usize, why: &str| {
        CreateError::new("http2_settings", format_args!("[{index}] = {}", settings[index]), why)
    };
    h2.header_table_size = Some(settings[1]);
    if settings[2] != 0 {
        return Err(bad(2, "servers do not accept push"));
    }
    h2.max_concurrent_streams = settings[3];
    if settings[4] > i32::MAX as u32 {
        return Err(bad(4, "a window is at most 2147483647"));
    }
    h2.initial_window = settings[4];
    if !(16_384..=16_777_215).contains(&settings[5]) {
        return Err(bad(5, "a frame size is 16384 to 16777215"));
    }
    h2.max_frame_size = settings[5];
    h2.max_header_list = settings[6];
    Ok(h2)
}

unsafe fn mounts(mut list: *const lws_http_mount, protocols: &[Protocol]) -> Result<Vec<Mount>> {
    let mut out = Vec::new();
    // SAFETY: the list is NULL-terminated, by contract.
    while let Some(mount) = unsafe { list.as_ref() } {
        // SAFETY: the members are C strings and lists, by contract.
        let read = unsafe { read_mount(mount) }?;
        if let Some(name) = read.protocol_name()
            && protocols.iter().all(|protocol| protocol.name != name)
        {
            let reason = format!("the vhost has no protocol '{name}'");
            return Err(CreateError::new("mounts", read.mountpoint, reason));
        }
        out.push(read);
        if out.len() == LIST_MAX {
            return Err(CreateError::new("mounts", out.len(), "the list has no end"));
        }
        list = mount.mount_next;
    }
    Ok(out)
}

unsafe fn read_mount(mount: &lws_http_mount) -> Result<Mount> {
    // SAFETY: the members are C strings and lists, by contract.
    unsafe {
        let mountpoint = text(mount.mountpoint)
            .ok_or_else(|| CreateError::new("mounts", "mountpoint NULL", "a mount needs a mountpoint"))?;
        let bad = |why: &str| CreateError::new("mounts", &mountpoint, why);
        if usize::from(mount.mountpoint_len) != mountpoint.len() {
            return Err(bad("mountpoint_len is not the length of mountpoint"));
        }
        let kind = MountKind::from_index(mount.origin_protocol.into())
            .ok_or_else(|| bad("unknown origin_protocol"))?;
        match kind {
            MountKind::Http | MountKind::Https => {
                return Err(bad("origin_protocol: there is no proxy, as in Debian's build"));
            }
            MountKind::Cgi => return Err(bad("origin_protocol: there is no CGI, as in Debian's build")),
            _ => {}
        }
        if !mount.cgienv.is_null() {
            return Err(bad("cgienv: there is no CGI"));
        }
        if !mount.interpret.is_null() {
            return Err(bad("interpret: files are not interpreted"));
        }
        if !mount.basic_auth_login_file.is_null() {
            return Err(bad("basic_auth_login_file: there is no basic authentication yet"));
        }
        let protocol = text(mount.protocol);
        let origin = text(mount.origin);
        if origin.is_none() && !(kind == MountKind::Callback && protocol.is_some()) {
            return Err(bad("origin is NULL"));
        }
        Ok(Mount {
            origin: origin.unwrap_or_default(),
            def: text(mount.def),
            protocol,
            kind,
            cgi_timeout: mount.cgi_timeout,
            cache_max_age: mount.cache_max_age,
            auth_mask: mount.auth_mask,
            cache_reusable: mount.is_cache_reusable(),
            cache_revalidate: mount.is_cache_revalidate(),
            cache_intermediaries: mount.is_cache_intermediaries(),
            extra_mimetypes: pairs(mount.extra_mimetypes, "mounts")?,
            basic_auth_login_file: None,
            mountpoint,
        })
    }
}

// ---- TLS ----

unsafe fn vhost_tls(info: &Info) -> Result<Option<VhostTls>> {
    let option = |bits: u64| info.options & bits == bits;
    let from_file = !info.ssl_cert_filepath.is_null();
    if !from_file && info.server_ssl_cert_mem.is_null() {
        if info.port != CONTEXT_PORT_NO_LISTEN && option(LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT)
        {
            return Err(CreateError::new(
                "options",
                "LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT",
                "the vhost has no certificate, so it has no TLS",
            ));
        }
        return Ok(None);
    }
    if !option(LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT) {
        return Err(CreateError::new(
            "options",
            format_args!("{:#x}", info.options),
            "a certificate is given without LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT",
        ));
    }
    // SAFETY: paths are C strings, memory blocks are as long as they say, by contract.
    unsafe {
        let cert = Material::read(
            &[("ssl_cert_filepath", info.ssl_cert_filepath)],
            ("server_ssl_cert_mem", info.server_ssl_cert_mem, info.server_ssl_cert_mem_len),
        )?;
        let key = Material::read(
            &[("ssl_private_key_filepath", info.ssl_private_key_filepath)],
            (
                "server_ssl_private_key_mem",
                info.server_ssl_private_key_mem,
                info.server_ssl_private_key_mem_len,
            ),
        )?;
        let asks_for_certs = option(LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT)
            || option(LWS_SERVER_OPTION_PEER_CERT_NOT_REQUIRED);
        let ca = if asks_for_certs {
            let ca = Material::read(
                &[("ssl_ca_filepath", info.ssl_ca_filepath)],
                ("server_ssl_ca_mem", info.server_ssl_ca_mem, info.server_ssl_ca_mem_len),
            )?;
            needed(ca, "ssl_ca_filepath")?
        } else {
            Material::default()
        };
        let (cert, key) = (needed(cert, "ssl_cert_filepath")?, needed(key, "ssl_private_key_filepath")?);
        let alpn = text(info.alpn);
        let password = text(info.ssl_private_key_password);
        let options = ServerOptions {
            alpn: alpn.as_deref().unwrap_or("h2,http/1.1"),
            client_auth: match (asks_for_certs, option(LWS_SERVER_OPTION_PEER_CERT_NOT_REQUIRED)) {
                (false, _) => ClientAuth::None,
                (true, true) => ClientAuth::Optional { ca: &ca.bytes },
                (true, false) => ClientAuth::Required { ca: &ca.bytes },
            },
            session_tickets: !option(LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE),
            ..ServerOptions::new(credentials(&cert, &key, password.as_deref()))
        };
        let config = tls::server_config(&options).map_err(|error| match error.field {
            tls::Field::Certificate => cert.blame(error.reason),
            tls::Field::PrivateKey => key.blame(error.reason),
            tls::Field::KeyPassword => blame_password("ssl_private_key_password", &key, &error.reason),
            tls::Field::ClientCa => ca.blame(error.reason),
            tls::Field::Alpn => CreateError::new("alpn", text(info.alpn).unwrap_or_default(), error.reason),
            _ => CreateError::new("options", format_args!("{:#x}", info.options), error.reason),
        })?;
        let plain = if option(LWS_SERVER_OPTION_REDIRECT_HTTP_TO_HTTPS) {
            PlainOnTls::Redirect
        } else if option(LWS_SERVER_OPTION_ALLOW_NON_SSL_ON_SSL_PORT)
            || option(LWS_SERVER_OPTION_ALLOW_HTTP_ON_HTTPS_LISTENER)
        {
            PlainOnTls::Serve
        } else {
            PlainOnTls::Refuse
        };
        Ok(Some(VhostTls { config, plain }))
    }
}

/// The client side of a vhost's TLS, which there is with `LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT` only.
///
/// As in lws, a CA file is trusted beside the system's issuers and a CA in memory instead of them; and the members for
/// servers stand in for those for clients on a vhost that is no TLS server.
///
/// # Safety
/// `info` obeys the contract of `lws_create_vhost`.
pub(super) unsafe fn client_tls(info: &Info) -> Result<Option<ClientTls>> {
    let option = |bits: u64| info.options & bits == bits;
    let serves = info.port != CONTEXT_PORT_NO_LISTEN
        && !(info.ssl_cert_filepath.is_null() && info.server_ssl_cert_mem.is_null());
    let or_servers =
        |field, path: *const c_char| if serves { (field, std::ptr::null()) } else { (field, path) };
    // SAFETY: paths are C strings, memory blocks are as long as they say, by contract.
    unsafe {
        if !option(LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT) {
            const WHY: &str = "given without LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT";
            refuse([
                (text(info.client_ssl_ca_filepath), "client_ssl_ca_filepath", WHY),
                (pointer(info.client_ssl_ca_mem), "client_ssl_ca_mem", WHY),
                (text(info.client_ssl_cert_filepath), "client_ssl_cert_filepath", WHY),
                (pointer(info.client_ssl_cert_mem), "client_ssl_cert_mem", WHY),
                (text(info.client_ssl_private_key_filepath), "client_ssl_private_key_filepath", WHY),
                (pointer(info.client_ssl_key_mem), "client_ssl_key_mem", WHY),
                (pointer(info.client_ssl_private_key_password), "client_ssl_private_key_password", WHY),
            ])?;
            return Ok(None);
        }
        let ca = Material::read(
            &[
                ("client_ssl_ca_filepath", info.client_ssl_ca_filepath),
                or_servers("ssl_ca_filepath", info.ssl_ca_filepath),
            ],
            ("client_ssl_ca_mem", info.client_ssl_ca_mem, info.client_ssl_ca_mem_len),
        )?;
        let cert = Material::read(
            &[
                ("client_ssl_cert_filepath", info.client_ssl_cert_filepath),
                or_servers("ssl_cert_filepath", info.ssl_cert_filepath),
            ],
            ("client_ssl_cert_mem", info.client_ssl_cert_mem, info.client_ssl_cert_mem_len),
        )?;
        let key = Material::read(
            &[
                ("client_ssl_private_key_filepath", info.client_ssl_private_key_filepath),
                or_servers("ssl_private_key_filepath", info.ssl_private_key_filepath),
            ],
            ("client_ssl_key_mem", info.client_ssl_key_mem, info.client_ssl_key_mem_len),
        )?;
        let password = text(info.client_ssl_private_key_password);
        let identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (Some(cert), None) => return Err(cert.blame("there is no private key for it")),
            (None, Some(key)) => return Err(key.blame("there is no certificate for it")),
            (None, None) => None,
        };
        let in_memory = ca.as_ref().is_some_and(|ca| ca.field == "client_ssl_ca_mem");
        let system = !option(LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS) && !in_memory;
        let ca = ca.unwrap_or_default();
        if ca.bytes.is_empty() && !ca.field.is_empty() {
            return Err(ca.blame("empty"));
        }
        let options = ClientOptions {
            system_roots: system.then_some(system_roots as LoadRoots),
            credentials: identity.as_ref().map(|(cert, key)| credentials(cert, key, password.as_deref())),
            sessions: match info.tls_session_cache_max {
                _ if option(LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE) => 0,
                0 => ClientOptions::new(&[]).sessions,
                most => most as usize,
            },
            ..ClientOptions::new(&ca.bytes)
        };
        let made = ClientTls::new(&options).map_err(|error| match (error.field, &identity) {
            (tls::Field::ServerCa, _) => ca.blame(error.reason),
            (tls::Field::Certificate, Some((cert, _))) => cert.blame(error.reason),
            (tls::Field::PrivateKey, Some((_, key))) => key.blame(error.reason),
            (tls::Field::KeyPassword, Some((_, key))) => {
                blame_password("client_ssl_private_key_password", key, &error.reason)
            }
            _ => CreateError::new("options", format_args!("{:#x}", info.options), error.reason),
        })?;
        Ok(Some(made))
    }
}

/// A certificate, or a key, and the member that it came from.
#[derive(Default)]
struct Material {
    field: &'static str,
    /// The path, or words in its place.
    shown: String,
    bytes: Vec<u8>,
}

impl Material {
    /// The contents of the first file that is named, or else the block of memory, if there is one.
    ///
    /// # Safety
    /// Paths are NULL or C strings, the block is NULL or as long as it says; without a length, a C string.
    unsafe fn read(
        paths: &[(&'static str, *const c_char)],
        (field, memory, len): (&'static str, *const c_void, u32),
    ) -> Result<Option<Self>> {
        for &(field, path) in paths {
            // SAFETY: the caller's promise.
            let Some(path) = (unsafe { text(path) }) else { continue };
            return match std::fs::read(&path) {
                Ok(bytes) => Ok(Some(Self { field, shown: path, bytes })),
                Err(error) => Err(CreateError::new(field, path, error)),
            };
        }
        if memory.is_null() {
            return Ok(None);
        }
        let memory = memory.cast::<u8>();
        // SAFETY: the caller's promise.
        let bytes = unsafe {
            if len == 0 {
                CStr::from_ptr(memory.cast()).to_bytes()
            } else {
                std::slice::from_raw_parts(memory, len as usize)
            }
        };
        Ok(Some(Self { field, shown: "(memory)".to_owned(), bytes: bytes.to_vec() }))
    }

    fn blame(&self, reason: impl std::fmt::Display) -> CreateError {
        CreateError::new(self.field, &self.shown, reason)
    }
}

/// `material`, or a refusal that names `field`.
fn needed(material: Option<Material>, field: &'static str) -> Result<Material> {
    material
        .ok_or_else(|| CreateError::new(field, "NULL", "needed for TLS, and no memory block is given either"))
}

fn credentials<'a>(cert: &'a Material, key: &'a Material, password: Option<&'a str>) -> Credentials<'a> {
    Credentials { cert_chain: &cert.bytes, private_key: &key.bytes, key_password: password }
}

/// The password itself is nobody's business.
fn blame_password(field: &'static str, key: &Material, reason: &str) -> CreateError {
    let reason = format!("{reason}; {} is '{}'", key.field, key.shown);
    CreateError::new(field, "(not shown)", reason)
}
