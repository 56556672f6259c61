//! Why a protocol callback is called.

/// Why a protocol callback is called. `in` and `len` are described per reason; where nothing is
/// said about the return value, 0 goes on and nonzero closes the connection (on h2 that stream only).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_callback_reasons {
    /// Server: the WebSocket handshake is complete. `in` is NULL; `len` is 1 for WebSocket over h2, else 0.
    LWS_CALLBACK_ESTABLISHED = 0,
    /// Client: the connection or handshake failed. `in` is NULL or `len` bytes of explanation. No CLOSED follows.
    LWS_CALLBACK_CLIENT_CONNECTION_ERROR = 1,
    /// Client: the server's response headers are here and can still be inspected.
    LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH = 2,
    /// Client: the WebSocket handshake is complete.
    LWS_CALLBACK_CLIENT_ESTABLISHED = 3,
    /// Server: a WebSocket session has ended; `user` is still valid.
    LWS_CALLBACK_CLOSED = 4,
    /// Server: an HTTP connection or h2 stream that was not upgraded has ended.
    LWS_CALLBACK_CLOSED_HTTP = 5,
    /// Server: `in` is `len` bytes of WebSocket payload.
    LWS_CALLBACK_RECEIVE = 6,
    /// Server: a PONG came; `in` is its `len` bytes of payload.
    LWS_CALLBACK_RECEIVE_PONG = 7,
    /// Client: `in` is `len` bytes of WebSocket payload.
    LWS_CALLBACK_CLIENT_RECEIVE = 8,
    /// Client: a PONG came; `in` is its `len` bytes of payload.
    LWS_CALLBACK_CLIENT_RECEIVE_PONG = 9,
    /// Client WebSocket: one write is possible, as `lws_callback_on_writable()` asked.
    LWS_CALLBACK_CLIENT_WRITEABLE = 10,
    /// Server WebSocket: one write is possible; may also come unasked.
    LWS_CALLBACK_SERVER_WRITEABLE = 11,
    /// Server: a request for a callback mount, or one that no mount took. `in` is the path below the mount, `len` its length.
    LWS_CALLBACK_HTTP = 12,
    /// Server: `in` is the next `len` bytes of the request body.
    LWS_CALLBACK_HTTP_BODY = 13,
    /// Server: the request body is complete.
    LWS_CALLBACK_HTTP_BODY_COMPLETION = 14,
    /// Server: the file of `lws_serve_http_file()` has been sent.
    LWS_CALLBACK_HTTP_FILE_COMPLETION = 15,
    /// Server HTTP: one write is possible. On h1 only a negative return closes.
    LWS_CALLBACK_HTTP_WRITEABLE = 16,
    /// A peer connected, nothing was read. `in` is a `struct lws_filter_network_conn_args`; nonzero drops it.
    LWS_CALLBACK_FILTER_NETWORK_CONNECTION = 17,
    /// Server: request headers are complete and available. `in` is the URI, `len` its length.
    LWS_CALLBACK_FILTER_HTTP_CONNECTION = 18,
    /// A connection was accepted (or made, for clients) and has its wsi.
    LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED = 19,
    /// Server: an upgrade to this protocol is asked for. `in` is the protocol's name; nonzero refuses.
    LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION = 20,
    /// Client trust store hook. There is no `SSL_CTX` here: `user` is NULL.
    LWS_CALLBACK_OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS = 21,
    /// Server trust store hook. There is no `SSL_CTX` here: `user` is NULL.
    LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS = 22,
    /// A client's certificate was verified. There is no `X509_STORE_CTX` here: `user` and `in` are NULL.
    LWS_CALLBACK_OPENSSL_PERFORM_CLIENT_CERT_VERIFICATION = 23,
    /// Client: add request headers. `in` is an `unsigned char **` to write at and to advance, `len` the room.
    LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER = 24,
    /// Server: may the extension named by `in` be used? Nonzero refuses it.
    LWS_CALLBACK_CONFIRM_EXTENSION_OKAY = 25,
    /// Client: may the extension named by `in` be offered? Nonzero leaves it out.
    LWS_CALLBACK_CLIENT_CONFIRM_EXTENSION_SUPPORTED = 26,
    /// Once per protocol and virtual host, before anything else. `in` is the vhost's options for the protocol or NULL.
    LWS_CALLBACK_PROTOCOL_INIT = 27,
    /// Once per protocol and virtual host, last of all.
    LWS_CALLBACK_PROTOCOL_DESTROY = 28,
    /// The first callback of a wsi, sent to the vhost's first protocol.
    LWS_CALLBACK_WSI_CREATE = 29,
    /// The last callback of a wsi, sent to the vhost's first protocol. Exactly one for each `LWS_CALLBACK_WSI_CREATE`.
    LWS_CALLBACK_WSI_DESTROY = 30,
    /// Return an id of the calling thread, or 0.
    LWS_CALLBACK_GET_THREAD_ID = 31,
    /// External poll: start to watch. `in` is a `struct lws_pollargs`; nonzero is a failure.
    LWS_CALLBACK_ADD_POLL_FD = 32,
    /// External poll: stop to watch. `in` is a `struct lws_pollargs`.
    LWS_CALLBACK_DEL_POLL_FD = 33,
    /// External poll: watch for other events. `in` is a `struct lws_pollargs`; nonzero is a failure.
    LWS_CALLBACK_CHANGE_MODE_POLL_FD = 34,
    /// External poll: a change of the poll set begins.
    LWS_CALLBACK_LOCK_POLL = 35,
    /// External poll: the change of the poll set is done.
    LWS_CALLBACK_UNLOCK_POLL = 36,
    /// A WebSocket CLOSE came: `in` is two bytes of status, big endian, and a reason, together `len` bytes. Nonzero: do not answer it.
    LWS_CALLBACK_WS_PEER_INITIATED_CLOSE = 38,
    /// Client: the server has agreed to an extension, whose name is in `user`; `in` has `len` bytes of room for a string of options.
    /// See `lws_extension_callback_pm_deflate()`. Nonzero fails the connection.
    LWS_CALLBACK_WS_EXT_DEFAULTS = 39,
    /// CGI: there is something to read or write on a pipe. `in` is a `struct lws_cgi_args`.
    LWS_CALLBACK_CGI = 40,
    /// CGI: the process has ended. `in` is a `struct lws_cgi_args`.
    LWS_CALLBACK_CGI_TERMINATED = 41,
    /// CGI: request body for the process. `in` is a `struct lws_cgi_args`.
    LWS_CALLBACK_CGI_STDIN_DATA = 42,
    /// CGI: the request body is complete.
    LWS_CALLBACK_CGI_STDIN_COMPLETED = 43,
    /// Client HTTP: response headers are here. `lws_http_client_http_response()` gives the status.
    LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP = 44,
    /// Client HTTP: the connection or stream has ended.
    LWS_CALLBACK_CLOSED_CLIENT_HTTP = 45,
    /// Client HTTP: body is waiting; call `lws_http_client_read()`.
    LWS_CALLBACK_RECEIVE_CLIENT_HTTP = 46,
    /// Client HTTP: the response is complete.
    LWS_CALLBACK_COMPLETED_CLIENT_HTTP = 47,
    /// Client HTTP: `in` is `len` bytes of the body, without chunk framing.
    LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ = 48,
    /// A server HTTP wsi is bound to this protocol; `user` is fresh and zeroed.
    LWS_CALLBACK_HTTP_BIND_PROTOCOL = 49,
    /// A server HTTP wsi leaves this protocol; `user` goes away after this.
    LWS_CALLBACK_HTTP_DROP_PROTOCOL = 50,
    /// May this request be served? `in` is a `struct lws_process_html_args` whose `p` is the URI and `len` the `auth_mask` of the mount; nonzero refuses.
    LWS_CALLBACK_CHECK_ACCESS_RIGHTS = 51,
    /// Server-side interpretation of a served file. `in` is a `struct lws_process_html_args`.
    LWS_CALLBACK_PROCESS_HTML = 52,
    /// Add response headers. `in` is a `struct lws_process_html_args`: write at `p`, advance it, mind `max_len`.
    LWS_CALLBACK_ADD_HEADERS = 53,
    /// Generic sessions: fill in the session's information.
    LWS_CALLBACK_SESSION_INFO = 54,
    /// Generic sessions: an event.
    LWS_CALLBACK_GS_EVENT = 55,
    /// The per-mount options of the mount that takes this request.
    LWS_CALLBACK_HTTP_PMO = 56,
    /// Client HTTP: one write of request body is possible.
    LWS_CALLBACK_CLIENT_HTTP_WRITEABLE = 57,
    /// A server's certificate is verified. There is no `X509_STORE_CTX` here: `user` and `in` are NULL.
    LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION = 58,
    /// Raw socket: `in` is `len` bytes.
    LWS_CALLBACK_RAW_RX = 59,
    /// Raw socket: it is closing.
    LWS_CALLBACK_RAW_CLOSE = 60,
    /// Raw socket: one write is possible.
    LWS_CALLBACK_RAW_WRITEABLE = 61,
    /// Raw socket: it was accepted or adopted.
    LWS_CALLBACK_RAW_ADOPT = 62,
    /// Raw file: it was adopted.
    LWS_CALLBACK_RAW_ADOPT_FILE = 63,
    /// Raw file: it is readable; read it yourself.
    LWS_CALLBACK_RAW_RX_FILE = 64,
    /// Raw file: it is writable.
    LWS_CALLBACK_RAW_WRITEABLE_FILE = 65,
    /// Raw file: it is closing.
    LWS_CALLBACK_RAW_CLOSE_FILE = 66,
    /// A TLS event that `ssl_info_event_mask` selected. `in` is a `struct lws_ssl_info`.
    LWS_CALLBACK_SSL_INFO = 67,
    /// To the parent's protocol: child wsi `in` is closing.
    LWS_CALLBACK_CHILD_CLOSING = 69,
    /// CGI: `len` is the process id.
    LWS_CALLBACK_CGI_PROCESS_ATTACH = 70,
    /// The wait for events was cut short by `lws_cancel_service()`; sent to every protocol of every vhost.
    LWS_CALLBACK_EVENT_WAIT_CANCELLED = 71,
    /// A certificate's validity was looked at.
    LWS_CALLBACK_VHOST_CERT_AGING = 72,
    /// The timer of `lws_set_timer_usecs()` ran out.
    LWS_CALLBACK_TIMER = 73,
    /// A vhost's certificate is being renewed.
    LWS_CALLBACK_VHOST_CERT_UPDATE = 74,
    /// Client: the WebSocket session has ended.
    LWS_CALLBACK_CLIENT_CLOSED = 75,
    /// A client HTTP wsi leaves this protocol.
    LWS_CALLBACK_CLIENT_HTTP_DROP_PROTOCOL = 76,
    /// A server WebSocket is bound to this protocol.
    LWS_CALLBACK_WS_SERVER_BIND_PROTOCOL = 77,
    /// A server WebSocket leaves this protocol.
    LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL = 78,
    /// A client WebSocket is bound to this protocol.
    LWS_CALLBACK_WS_CLIENT_BIND_PROTOCOL = 79,
    /// A client WebSocket leaves this protocol.
    LWS_CALLBACK_WS_CLIENT_DROP_PROTOCOL = 80,
    /// A raw socket is bound to this protocol.
    LWS_CALLBACK_RAW_SKT_BIND_PROTOCOL = 81,
    /// A raw socket leaves this protocol.
    LWS_CALLBACK_RAW_SKT_DROP_PROTOCOL = 82,
    /// A raw file is bound to this protocol.
    LWS_CALLBACK_RAW_FILE_BIND_PROTOCOL = 83,
    /// A raw file leaves this protocol.
    LWS_CALLBACK_RAW_FILE_DROP_PROTOCOL = 84,
    /// A client HTTP wsi is bound to this protocol.
    LWS_CALLBACK_CLIENT_HTTP_BIND_PROTOCOL = 85,
    /// Server: the request asks for the upgrade named by `in`. 0 goes on, positive: answered already, negative: hang up.
    LWS_CALLBACK_HTTP_CONFIRM_UPGRADE = 86,
    /// Raw proxy, onward side: `in` is `len` bytes.
    LWS_CALLBACK_RAW_PROXY_CLI_RX = 89,
    /// Raw proxy, accepted side: `in` is `len` bytes.
    LWS_CALLBACK_RAW_PROXY_SRV_RX = 90,
    /// Raw proxy, onward side: it is closing.
    LWS_CALLBACK_RAW_PROXY_CLI_CLOSE = 91,
    /// Raw proxy, accepted side: it is closing.
    LWS_CALLBACK_RAW_PROXY_SRV_CLOSE = 92,
    /// Raw proxy, onward side: one write is possible.
    LWS_CALLBACK_RAW_PROXY_CLI_WRITEABLE = 93,
    /// Raw proxy, accepted side: one write is possible.
    LWS_CALLBACK_RAW_PROXY_SRV_WRITEABLE = 94,
    /// Raw proxy, onward side: connected.
    LWS_CALLBACK_RAW_PROXY_CLI_ADOPT = 95,
    /// Raw proxy, accepted side: accepted.
    LWS_CALLBACK_RAW_PROXY_SRV_ADOPT = 96,
    /// Raw proxy, onward side: bound to this protocol.
    LWS_CALLBACK_RAW_PROXY_CLI_BIND_PROTOCOL = 97,
    /// Raw proxy, accepted side: bound to this protocol.
    LWS_CALLBACK_RAW_PROXY_SRV_BIND_PROTOCOL = 98,
    /// Raw proxy, onward side: leaves this protocol.
    LWS_CALLBACK_RAW_PROXY_CLI_DROP_PROTOCOL = 99,
    /// Raw proxy, accepted side: leaves this protocol.
    LWS_CALLBACK_RAW_PROXY_SRV_DROP_PROTOCOL = 100,
    /// Raw client: the connection is made.
    LWS_CALLBACK_RAW_CONNECTED = 101,
    /// Check credentials: `in` is "user:password". Return 1 to accept, 0 to refuse.
    LWS_CALLBACK_VERIFY_BASIC_AUTHORIZATION = 102,
    /// The peer's transmit credit changed.
    LWS_CALLBACK_WSI_TX_CREDIT_GET = 103,
    /// Client: a redirect to URL `in` with status `len` came; nonzero does not follow it.
    LWS_CALLBACK_CLIENT_HTTP_REDIRECT = 104,
    /// Client: a socket is about to connect. `in` is its fd, cast.
    LWS_CALLBACK_CONNECTING = 105,
    /// MQTT: the wsi exists.
    LWS_CALLBACK_MQTT_NEW_CLIENT_INSTANTIATED = 200,
    /// MQTT: the connection can take work.
    LWS_CALLBACK_MQTT_IDLE = 201,
    /// MQTT: CONNACK came.
    LWS_CALLBACK_MQTT_CLIENT_ESTABLISHED = 202,
    /// MQTT: SUBACK came.
    LWS_CALLBACK_MQTT_SUBSCRIBED = 203,
    /// MQTT: one write is possible.
    LWS_CALLBACK_MQTT_CLIENT_WRITEABLE = 204,
    /// MQTT: a message came.
    LWS_CALLBACK_MQTT_CLIENT_RX = 205,
    /// MQTT: UNSUBACK came.
    LWS_CALLBACK_MQTT_UNSUBSCRIBED = 206,
    /// MQTT: the wsi leaves this protocol.
    LWS_CALLBACK_MQTT_DROP_PROTOCOL = 207,
    /// MQTT: the session has ended.
    LWS_CALLBACK_MQTT_CLIENT_CLOSED = 208,
    /// MQTT: a publish was acknowledged.
    LWS_CALLBACK_MQTT_ACK = 209,
    /// MQTT: a publish must be sent again.
    LWS_CALLBACK_MQTT_RESEND = 210,
    /// MQTT: no UNSUBACK in time.
    LWS_CALLBACK_MQTT_UNSUBSCRIBE_TIMEOUT = 211,
    /// MQTT: no shadow response in time.
    LWS_CALLBACK_MQTT_SHADOW_TIMEOUT = 212,
    /// The first value that is the program's own; the library never sends it.
    LWS_CALLBACK_USER = 1000,
}
c_enum!(lws_callback_reasons);
