/*
 * WebSocket clients on a custom event loop without a guard, which watches the library (guardless.h).
 *
 * Beside what is watched there: each WebSocket comes to one end (NULL and nothing more, one CLIENT_CONNECTION_ERROR, or
 * CLIENT_ESTABLISHED and one CLIENT_CLOSED; the last with NULL where a callback has serviced the loop until it was over); it is
 * bound to its protocol and dropped from it once; nothing is received or asked for before it is established and after it is
 * dropped; messages come in pieces that fit together.
 *
 * Stdin, a command a line:
 *   ws id=N port=N [KEY=VALUE...]    a WebSocket, see connect_to
 *   send id=N TYPE TEXT              text, binary, ping, pong; or a message in fragments: start, go-on, end
 *   bulk id=N SIZE                   a binary message of SIZE bytes of a pattern
 *   close id=N CODE [TEXT]           lws_close_reason, and the connection ends; CODE 0: without
 *   pause id=N, resume id=N          lws_rx_flow_control
 *   kill id=N, kill-sync id=N        lws_set_timeout
 *   alive id=N                       lws_validity_confirmed
 *   option id=N NAME [VALUE]         lws_set_extension_option of permessage-deflate
 * What callbacks say is on stdout: "N REASON ...". Beside the arguments about the loop there are --timeout=SECONDS, --ca=FILE,
 * --proxy=ADDRESS, and --deflate, which has permessage-deflate offered; --offer=TEXT says how.
 */
#include "guardless.h"

#define SOCKETS_MAX 1024
#define QUEUE_MAX 64
#define SUMMED (16u << 20)	/* bytes of a message that its checksum is of */

struct message {
	enum lws_write_protocol how;
	size_t len;
	unsigned char *bytes;		/* LWS_PRE before them */
};

struct socket {
	int id;
	struct lws *wsi;		/* as the callbacks say */
	struct lws *seat;		/* *pwsi */
	int null, error, answered, established, closed, bound, over;
	int struck, echo, refuse_ext, in_message;
	int close_code, close_asked;
	unsigned int tries, most_tries;
	unsigned long long received;
	unsigned int sum;
	char header[128], close_text[128], strike[24], at[24], defaults[128];
	char line[512];
	struct message queue[QUEUE_MAX];
	unsigned int queued;
	lws_sorted_usec_list_t again;
	uint16_t retries;
};

static struct socket sockets[SOCKETS_MAX];
static unsigned int socket_count;
static int next_id = 100000;

static const uint32_t delays[] = { 20, 40, 60 };
static lws_retry_bo_t policy = {
	.retry_ms_table = delays, .retry_ms_table_count = 3, .conceal_count = 3, .jitter_percent = 1,
};

static const struct {
	const char *name;
	enum lws_callback_reasons reason;
} names[] = {
	{ "BIND", LWS_CALLBACK_CLIENT_HTTP_BIND_PROTOCOL },
	{ "HTTP_DROP", LWS_CALLBACK_CLIENT_HTTP_DROP_PROTOCOL },
	{ "CONNECTING", LWS_CALLBACK_CONNECTING },
	{ "NEW", LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED },
	{ "CREATE", LWS_CALLBACK_WSI_CREATE },
	{ "DESTROY", LWS_CALLBACK_WSI_DESTROY },
	{ "VERIFY", LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION },
	{ "EXT_OK", LWS_CALLBACK_CLIENT_CONFIRM_EXTENSION_SUPPORTED },
	{ "EXT_DEFAULTS", LWS_CALLBACK_WS_EXT_DEFAULTS },
	{ "APPEND", LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER },
	{ "REDIRECT", LWS_CALLBACK_CLIENT_HTTP_REDIRECT },
	{ "ANSWER", LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP },
	{ "FILTER", LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH },
	{ "ESTABLISHED", LWS_CALLBACK_CLIENT_ESTABLISHED },
	{ "WRITEABLE", LWS_CALLBACK_CLIENT_WRITEABLE },
	{ "RECEIVE", LWS_CALLBACK_CLIENT_RECEIVE },
	{ "PONG", LWS_CALLBACK_CLIENT_RECEIVE_PONG },
	{ "PEER_CLOSE", LWS_CALLBACK_WS_PEER_INITIATED_CLOSE },
	{ "WS_DROP", LWS_CALLBACK_WS_CLIENT_DROP_PROTOCOL },
	{ "CLOSED", LWS_CALLBACK_CLIENT_CLOSED },
	{ "ERROR", LWS_CALLBACK_CLIENT_CONNECTION_ERROR },
};

static const char *name_of(enum lws_callback_reasons reason)
{
	size_t n;

	for (n = 0; n < LWS_ARRAY_SIZE(names); n++)
		if (names[n].reason == reason)
			return names[n].name;
	return NULL;
}

static void act(const char *what, struct lws *wsi)
{
	if (!common_act(what, wsi))
		violation("unknown action %s", what);
}

/* ---- what is sent ---- */

static void queue_message(struct socket *s, enum lws_write_protocol how, const void *bytes, size_t len)
{
	struct message *m = &s->queue[s->queued];

	if (s->queued == QUEUE_MAX)
		return;
	m->bytes = malloc(LWS_PRE + len + 1);
	if (!m->bytes)
		return;
	m->how = how;
	m->len = len;
	memcpy(m->bytes + LWS_PRE, bytes, len);
	s->queued++;
	if (s->wsi && s->established)
		lws_callback_on_writable(s->wsi);
}

static void forget_messages(struct socket *s)
{
	while (s->queued)
		free(s->queue[--s->queued].bytes);
}

static int write_one(struct socket *s)
{
	struct message m;
	int n;

	if (s->queued) {
		m = s->queue[0];
		memmove(s->queue, s->queue + 1, --s->queued * sizeof(m));
		n = lws_write(s->wsi, m.bytes + LWS_PRE, m.len, m.how);
		free(m.bytes);
		if (n < 0)
			return -1;
		if (n < (int)m.len)
			violation("%d: lws_write of %u bytes returned %d", s->id, (unsigned int)m.len, n);
		if (s->queued || s->close_asked)
			lws_callback_on_writable(s->wsi);
		return 0;
	}
	if (!s->close_asked)
		return 0;
	s->close_asked = 0;
	if (s->close_code)
		lws_close_reason(s->wsi, (enum lws_close_status)s->close_code, (unsigned char *)s->close_text,
				 strlen(s->close_text));
	return -1;
}

/* ---- what is received ---- */

static void receive(struct socket *s, const unsigned char *in, size_t len)
{
	struct lws *wsi = s->wsi;
	int first = lws_is_first_fragment(wsi), last = lws_is_final_fragment(wsi);
	size_t n;

	if (in[len])
		violation("%d: no NUL behind what was received", s->id);
	if (!s->in_message) {
		if (!first)
			violation("%d: a message begins with what is not its first piece", s->id);
		s->received = 0;
		s->sum = 0;
	}
	s->in_message = !last;
	if (last && lws_remaining_packet_payload(wsi))
		violation("%d: a last piece, and %u bytes of its frame to come", s->id,
			  (unsigned int)lws_remaining_packet_payload(wsi));
	for (n = 0; n < len && s->received < SUMMED; n++)
		s->sum = s->sum * 31 + in[n];
	s->received += len;
	if (last)
		printf("%d MESSAGE %s %llu %08x %.*s\n", s->id, lws_frame_is_binary(wsi) ? "binary" : "text",
		       s->received, s->sum, len < 100 && !lws_frame_is_binary(wsi) ? (int)len : 0,
		       (const char *)in);
	if (s->echo)
		queue_message(s, (enum lws_write_protocol)
			      lws_write_ws_flags(lws_frame_is_binary(wsi) ? LWS_WRITE_BINARY : LWS_WRITE_TEXT,
						 first, last), in, len);
}

static void print_bytes(const unsigned char *in, size_t len)
{
	while (len--) {
		if (*in >= ' ' && *in < 127)
			putchar(*in);
		else
			printf("\\%02x", *in);
		in++;
	}
	putchar('\n');
}

static int append_header(struct socket *s, unsigned char **p, size_t len)
{
	char *value = strchr(s->header, '=');
	int failed;

	if (!value)
		return 0;
	*value++ = '\0';
	failed = lws_add_http_header_by_name(s->wsi, (unsigned char *)s->header, (unsigned char *)value,
					     (int)strlen(value), p, *p + len);
	value[-1] = '=';
	return failed;
}

/* ---- the callbacks ---- */

static void connect_to(struct socket *s, const char *line);

static void connect_again(lws_sorted_usec_list_t *sul)
{
	struct socket *s = lws_container_of(sul, struct socket, again);
	char line[sizeof(s->line)];

	s->error = s->closed = s->answered = s->established = s->over = 0;
	snprintf(line, sizeof(line), "%s", s->line);
	connect_to(s, line);
}

static void try_again(struct socket *s, struct lws *wsi)
{
	if (destroying || s->tries >= s->most_tries)
		return;
	s->tries++;
	if (lws_retry_sul_schedule_retry_wsi(wsi, &s->again, connect_again, &s->retries))
		printf("%d GIVEN UP\n", s->id);
}

static void end(struct socket *s, const char *what)
{
	if (s->null || s->error || s->closed)
		violation("%d: %s after its end", s->id, what);
	forget_messages(s);
}

static void watch(struct socket *s, enum lws_callback_reasons reason, void *in, size_t len)
{
	int id = s->id;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_HTTP_BIND_PROTOCOL:
		if (s->bound++)
			violation("%d bound twice", id);
		/* bound anew, after a redirect */
		s->over = 0;
		break;
	case LWS_CALLBACK_CLIENT_HTTP_DROP_PROTOCOL:
	case LWS_CALLBACK_WS_CLIENT_DROP_PROTOCOL:
		if (--s->bound)
			violation("%d dropped, bound %d times", id, s->bound);
		s->over = 1;
		break;
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		if (s->answered++)
			violation("%d answered twice", id);
		printf("%d ANSWER %u\n", id, lws_http_client_http_response(s->wsi));
		return;
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		if (!s->answered || s->established++ || s->error)
			violation("%d established twice, after it failed, or without an answer", id);
		break;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		end(s, "CLIENT_CONNECTION_ERROR");
		s->error = 1;
		if (!len || strlen(in) != len)
			violation("%d: CLIENT_CONNECTION_ERROR of length %u", id, (unsigned int)len);
		printf("%d ERROR %s\n", id, len ? (char *)in : "");
		return;
	case LWS_CALLBACK_CLIENT_CLOSED:
		end(s, "CLIENT_CLOSED");
		if (!s->established || !s->over)
			violation("%d closed and never established, or before it was dropped", id);
		s->closed = 1;
		break;
	case LWS_CALLBACK_CLIENT_RECEIVE:
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
	case LWS_CALLBACK_CLIENT_WRITEABLE:
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		if (!s->established || s->over)
			violation("%d: %s before it is established, or after it was dropped", id, name_of(reason));
		if (reason == LWS_CALLBACK_CLIENT_RECEIVE_PONG) {
			printf("%d PONG ", id);
			print_bytes(in, len);
		} else if (reason == LWS_CALLBACK_WS_PEER_INITIATED_CLOSE) {
			printf("%d PEER_CLOSE ", id);
			print_bytes(in, len);
		}
		return;
	case LWS_CALLBACK_CLIENT_HTTP_REDIRECT:
		printf("%d REDIRECT %u %s\n", id, (unsigned int)len, (char *)in);
		return;
	default:
		break;
	}
	printf("%d %s\n", id, name_of(reason));
}

static int serve(struct socket *s, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	switch (reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return append_header(s, in, len);
	case LWS_CALLBACK_CLIENT_CONFIRM_EXTENSION_SUPPORTED:
		if (len || strcmp(in, "permessage-deflate"))
			violation("%d: asked about an extension that there is not", s->id);
		return s->refuse_ext;
	case LWS_CALLBACK_WS_EXT_DEFAULTS:
		if (strcmp(user, "permessage-deflate") || len < 128 || *(char *)in)
			violation("%d: options are asked for in another way", s->id);
		snprintf(in, len, "%s", s->defaults);
		return !strcmp(s->defaults, "none");
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		if (s->queued || s->close_asked)
			lws_callback_on_writable(s->wsi);
		s->retries = 0;
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return write_one(s);
	case LWS_CALLBACK_CLIENT_RECEIVE:
		receive(s, in, len);
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
	case LWS_CALLBACK_CLIENT_CLOSED:
		try_again(s, s->wsi);
		return 0;
	default:
		return 0;
	}
}

static int callback_ws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct socket *s;
	int result;

	if (reason == LWS_CALLBACK_WSI_CREATE || reason == LWS_CALLBACK_WSI_DESTROY)
		track(wsi, reason);
	s = lws_get_opaque_user_data(wsi);
	if (!s || !name_of(reason))
		return 0;
	if (reason != LWS_CALLBACK_WSI_DESTROY)
		s->wsi = wsi;
	watch(s, reason, in, len);
	result = serve(s, reason, user, in, len);
	if (s->wsi == wsi &&
	    (reason == LWS_CALLBACK_WSI_DESTROY || reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR))
		s->wsi = NULL;
	if (destroying || s->struck || strcmp(name_of(reason), s->at))
		return result;
	s->struck = 1;
	printf("%d struck\n", s->id);
	if (!strcmp(s->strike, "fail"))
		return -1;
	if (!strcmp(s->strike, "close")) {
		lws_close_reason(wsi, LWS_CLOSE_STATUS_GOINGAWAY, (unsigned char *)"enough", 6);
		return -1;
	}
	if (!strcmp(s->strike, "write")) {
		unsigned char buffer[LWS_PRE + 3] = { 0 };

		memcpy(buffer + LWS_PRE, "too", 3);
		printf("%d WROTE %d\n", s->id, lws_write(wsi, buffer + LWS_PRE, 3, LWS_WRITE_TEXT));
		return result;
	}
	act(s->strike, wsi);
	return result;
}

static const struct lws_protocols protocols[] = {
	{ "client", callback_ws, 24, 0, 0, NULL, 0 },
	{ "chat", callback_ws, 24, 0, 0, NULL, 0 },
	{ "small", callback_ws, 24, 16, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static struct lws_extension extensions[] = {
	{ "permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate; client_max_window_bits" },
	{ "deflate-frame", lws_extension_callback_pm_deflate, "deflate_frame" }, /* as many programs have it */
	{ NULL, NULL, NULL }
};

static const struct {
	const char *name;
	int flag;
} flags[] = {
	{ "tls", LCCSCF_USE_SSL },
	{ "selfsigned", LCCSCF_ALLOW_SELFSIGNED },
	{ "pipeline", LCCSCF_PIPELINE },
	{ "h2", LCCSCF_H2_PRIOR_KNOWLEDGE },
	{ "noredirect", LCCSCF_HTTP_NO_FOLLOW_REDIRECT },
	{ "reads-first", LCCSCF_PRIORITIZE_READS },
	{ "multipart", LCCSCF_HTTP_MULTIPART_MIME },
};

static int flags_of(char *list)
{
	char *save = NULL, *name;
	int all = 0;
	size_t n;

	for (name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		for (n = 0; n < LWS_ARRAY_SIZE(flags) && strcmp(flags[n].name, name); n++)
			;
		if (n == LWS_ARRAY_SIZE(flags))
			violation("unknown flag %s", name);
		else
			all |= flags[n].flag;
	}
	return all;
}

/*
 * KEY=VALUE: id, port, address, host, origin, path, protocol (commas between), local, version, alpn, flags=A,B,
 * header=NAME=VALUE, defaults=OPTIONS (for the extension, + for spaces), retries=N (at most so many), policy=PING:HANGUP
 * (seconds), echo=1, noext=1, then=CODE (close at once), strike=ACTION@REASON.
 */
static void connect_to(struct socket *s, const char *line)
{
	struct lws_client_connect_info info;
	char copy[sizeof(s->line)], *save = NULL, *word;

	memset(&info, 0, sizeof(info));
	snprintf(copy, sizeof(copy), "%s", line);
	info.context = context;
	info.vhost = vhost;
	info.address = "127.0.0.1";
	info.path = "/";
	info.ietf_version_or_minus_one = -1;
	info.retry_and_idle_policy = &policy;
	info.opaque_user_data = s;
	info.pwsi = &s->seat;
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(word, "id"))
			s->id = atoi(value);
		else if (!strcmp(word, "port"))
			info.port = atoi(value);
		else if (!strcmp(word, "address"))
			info.address = value;
		else if (!strcmp(word, "host"))
			info.host = value;
		else if (!strcmp(word, "origin"))
			info.origin = value;
		else if (!strcmp(word, "path"))
			info.path = value;
		else if (!strcmp(word, "protocol"))
			info.protocol = value;
		else if (!strcmp(word, "local"))
			info.local_protocol_name = value;
		else if (!strcmp(word, "version"))
			info.ietf_version_or_minus_one = atoi(value);
		else if (!strcmp(word, "alpn"))
			info.alpn = value;
		else if (!strcmp(word, "flags"))
			info.ssl_connection = flags_of(value);
		else if (!strcmp(word, "header"))
			snprintf(s->header, sizeof(s->header), "%s", value);
		else if (!strcmp(word, "retries"))
			s->most_tries = (unsigned int)atoi(value);
		else if (!strcmp(word, "policy")) {
			policy.secs_since_valid_ping = (uint16_t)atoi(value);
			value = strchr(value, ':');
			policy.secs_since_valid_hangup = (uint16_t)(value ? atoi(value + 1) : 0);
		} else if (!strcmp(word, "echo"))
			s->echo = atoi(value);
		else if (!strcmp(word, "defaults")) {
			snprintf(s->defaults, sizeof(s->defaults), "%s", value);
			for (value = s->defaults; *value; value++)
				if (*value == '+')
					*value = ' ';
		} else if (!strcmp(word, "noext"))
			s->refuse_ext = atoi(value);
		else if (!strcmp(word, "then")) {
			s->close_asked = 1;
			s->close_code = atoi(value);
		} else if (!strcmp(word, "strike"))
			sscanf(value, "%23[^@]@%23s", s->strike, s->at);
		else
			violation("unknown key %s", word);
	}
	s->seat = (struct lws *)(void *)s;
	if (!lws_client_connect_via_info(&info)) {
		s->null = !s->closed;
		printf("%d NULL\n", s->id);
		if (s->error)
			violation("%d: NULL after a callback said so", s->id);
		if (s->seat)
			violation("%d: NULL, but *pwsi is not", s->id);
	} else if (s->seat == (struct lws *)(void *)s || !s->seat) {
		violation("%d: *pwsi was not set", s->id);
	}
}

/* ---- commands ---- */

static struct socket *socket_of(const char *line)
{
	const char *id = strstr(line, "id=");
	unsigned int n;

	for (n = 0; id && n < socket_count; n++)
		if (sockets[n].id == atoi(id + 3))
			return &sockets[n];
	violation("no such socket: %s", line);
	return NULL;
}

static void send_what(struct socket *s, const char *what)
{
	static const struct {
		const char *name;
		int how;
	} kinds[] = {
		{ "text ", LWS_WRITE_TEXT }, { "binary ", LWS_WRITE_BINARY },
		{ "ping ", LWS_WRITE_PING }, { "pong ", LWS_WRITE_PONG },
		{ "start ", LWS_WRITE_TEXT | LWS_WRITE_NO_FIN },
		{ "go-on ", LWS_WRITE_CONTINUATION | LWS_WRITE_NO_FIN }, { "end ", LWS_WRITE_CONTINUATION },
	};
	size_t n;

	for (n = 0; n < LWS_ARRAY_SIZE(kinds); n++)
		if (!strncmp(what, kinds[n].name, strlen(kinds[n].name))) {
			what += strlen(kinds[n].name);
			queue_message(s, (enum lws_write_protocol)kinds[n].how, what, strlen(what));
			return;
		}
	violation("unknown kind: %s", what);
}

static void send_bulk(struct socket *s, size_t size)
{
	unsigned char *bytes = malloc(size + 1);
	size_t n;

	if (!bytes)
		return;
	for (n = 0; n < size; n++)
		bytes[n] = (unsigned char)(n % 251);
	queue_message(s, LWS_WRITE_BINARY, bytes, size);
	free(bytes);
}

static void obey(char *line)
{
	struct socket *s;
	char *rest = strstr(line, "id=");

	if (!strncmp(line, "ws ", 3)) {
		if (socket_count == SOCKETS_MAX) {
			violation("too many sockets");
			return;
		}
		s = &sockets[socket_count++];
		s->id = next_id++;
		snprintf(s->line, sizeof(s->line), "%.500s", line + 3);
		connect_to(s, line + 3);
		return;
	}
	s = socket_of(line);
	rest = rest ? strchr(rest, ' ') : NULL;
	rest = rest ? rest + 1 : line + strlen(line);
	if (!s)
		return;
	if (!strncmp(line, "send ", 5)) {
		send_what(s, rest);
		return;
	}
	if (!strncmp(line, "bulk ", 5)) {
		send_bulk(s, (size_t)atol(rest));
		return;
	}
	if (!s->wsi || s->error || s->closed) {
		printf("gone: %s\n", line);
		return;
	}
	if (!strncmp(line, "close ", 6)) {
		s->close_code = atoi(rest);
		rest = strchr(rest, ' ');
		snprintf(s->close_text, sizeof(s->close_text), "%s", rest ? rest + 1 : "");
		s->close_asked = 1;
		lws_callback_on_writable(s->wsi);
	} else if (!strncmp(line, "pause ", 6))
		lws_rx_flow_control(s->wsi, 0);
	else if (!strncmp(line, "resume ", 7))
		lws_rx_flow_control(s->wsi, 1);
	else if (!strncmp(line, "alive ", 6))
		lws_validity_confirmed(s->wsi);
	else if (!strncmp(line, "option ", 7)) {
		char *value = strchr(rest, ' ');

		if (value)
			*value++ = '\0';
		printf("%d OPTION %d\n", s->id,
		       lws_set_extension_option(s->wsi, "permessage-deflate", rest, value));
	} else if (!strncmp(line, "kill-sync ", 10))
		act("kill-sync", s->wsi);
	else if (!strncmp(line, "kill ", 5))
		act("kill-async", s->wsi);
	else
		violation("unknown command: %s", line);
}

static void check_ends(void)
{
	unsigned int n;

	for (n = 0; n < socket_count; n++) {
		struct socket *s = &sockets[n];

		if (s->null + s->error + s->closed != 1 || s->bound)
			violation("%d ends with NULL %d, error %d, established %d, closed %d, bound %d", s->id,
				  s->null, s->error, s->established, s->closed, s->bound);
		forget_messages(s);
	}
	if (tracked_count)
		violation("%u wsi without WSI_DESTROY", tracked_count);
}

int main(int argc, char **argv)
{
	struct lws_context_creation_info info;
	const char *v;
	int n;

	memset(&info, 0, sizeof(info));
	for (n = 1; n < argc; n++) {
		if ((v = value_of(argv[n], "--timeout")))
			info.timeout_secs = (unsigned int)atoi(v);
		else if ((v = value_of(argv[n], "--ca")))
			info.client_ssl_ca_filepath = v;
		else if ((v = value_of(argv[n], "--proxy")))
			info.http_proxy_address = v;
		else if (!strcmp(argv[n], "--deflate"))
			info.extensions = extensions;
		else if ((v = value_of(argv[n], "--offer"))) {
			info.extensions = extensions;
			extensions[0].client_offer = strcmp(v, "NULL") ? v : NULL;
		} else if (!loop_argument(argv[n])) {
			fprintf(stderr, "unknown argument %s\n", argv[n]);
			return 2;
		}
	}
	begin();
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.event_lib_custom = &evlib;
	info.pcontext = &context;
	context = lws_create_context(&info);
	if (!context)
		return 2;
	info.protocols = protocols;
	vhost = lws_create_vhost(context, &info);
	if (!vhost)
		return 2;
	ready();
	return finish();
}
