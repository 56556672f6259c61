/*
 * A WebSocket server on a poll() loop of its own, whose wsi_logical_close says 1 for what it does not
 * have. Each callback of a WebSocket is one line on stdout:
 *
 *   PROTOCOL REASON wN len=N [text]
 *
 * Protocols (the subprotocol that the client asks for):
 *   http      none: the first of the table
 *   echo      sends back what it gets, piece by piece, from the writeable callback; takes no more
 *             while it has 64 KiB to send
 *   at-once   sends back what it gets from the receive callback
 *   command   does what each message says, see do_command()
 *   refuse    FILTER_PROTOCOL_CONNECTION returns 1
 *   answer    HTTP_CONFIRM_UPGRADE is never 0 for the path /confirm-N: it is N, after a 302 when
 *             that is positive
 *
 * At the end nothing may be alive in the statistics ("VIOLATION: ..." otherwise, and exit code 1).
 * Stdin: "stats" prints the live counts; "wake" asks for a writeable callback of every echo; end of
 * file destroys the context and ends the program.
 *
 *   --tls=CERT,KEY --slots=N --pool=N --ping=SECONDS --hangup=SECONDS --quiet
 *   --at=REASON --do=fail|close|kill-sync|kill-async|destroy|vhost-destroy
 *                     what happens in the first callback of this kind (see NAME below)
 *   --default=PROTOCOL the protocol of clients that ask for none
 *   --extension       the vhost offers permessage-deflate
 */
#define _GNU_SOURCE
#include <libwebsockets.h>
#ifdef LWS_FERROWS
#include <ferrows.h>
#endif

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLE_MAX 8192
#define HIGH_WATER (64 * 1024)

struct piece {
	struct piece *next;
	size_t len;
	int first, final, binary;
	unsigned char data[];
};

struct session {
	struct lws *wsi;
	struct piece *head, **tail;
	size_t waiting;
	size_t big;		/* bytes that the next writeable callback sends */
	unsigned int number;
	unsigned int counted;	/* writeable callbacks */
	int established, paused, closing;
};

static struct lws_context *context;
static struct lws_vhost *vhost;
static int destroying, stopping, violations, quiet;
static unsigned int sessions, slots = TABLE_MAX;
static const char *strike_at = "", *strike;
static int struck;

static struct lws_pollfd table[TABLE_MAX];
static unsigned int used;

static void violation(const char *what)
{
	printf("VIOLATION: %s\n", what);
	violations++;
}

static const char *name_of(enum lws_callback_reasons reason)
{
	switch (reason) {
#define NAME(r) case LWS_CALLBACK_##r: return #r
	NAME(HTTP_CONFIRM_UPGRADE);
	NAME(HTTP_BIND_PROTOCOL);
	NAME(HTTP_DROP_PROTOCOL);
	NAME(FILTER_HTTP_CONNECTION);
	NAME(FILTER_PROTOCOL_CONNECTION);
	NAME(CONFIRM_EXTENSION_OKAY);
	NAME(ADD_HEADERS);
	NAME(ESTABLISHED);
	NAME(RECEIVE);
	NAME(RECEIVE_PONG);
	NAME(SERVER_WRITEABLE);
	NAME(WS_PEER_INITIATED_CLOSE);
	NAME(WS_SERVER_DROP_PROTOCOL);
	NAME(CLOSED);
	NAME(CLOSED_HTTP);
	NAME(TIMER);
	NAME(WSI_DESTROY);
#undef NAME
	default:
		return NULL;
	}
}

static void say(const char *protocol, struct lws *wsi, enum lws_callback_reasons reason,
		const struct session *session, const unsigned char *in, size_t len)
{
	const char *name = name_of(reason);
	size_t n;

	if (quiet || !name)
		return;
	printf("%s %s w%u len=%u", protocol, name, session ? session->number : 0, (unsigned int)len);
	if (reason == LWS_CALLBACK_RECEIVE)
		printf(" %s%s%s rest=%u", lws_is_first_fragment(wsi) ? "F" : "-",
		       lws_is_final_fragment(wsi) ? "L" : "-", lws_frame_is_binary(wsi) ? "B" : "T",
		       (unsigned int)lws_remaining_packet_payload(wsi));
	if (reason == LWS_CALLBACK_WS_PEER_INITIATED_CLOSE && len >= 2)
		printf(" %d", in[0] << 8 | in[1]);
	if ((reason == LWS_CALLBACK_RECEIVE || reason == LWS_CALLBACK_RECEIVE_PONG) && len < 64) {
		putchar(' ');
		for (n = 0; n < len; n++)
			putchar(in[n] >= 32 && in[n] < 127 ? in[n] : '.');
		if (in[len])
			violation("no NUL behind the payload");
	}
	putchar('\n');
}

/* ---- faults ---- */

static int strikes_in(struct lws *wsi, enum lws_callback_reasons reason)
{
	const char *name = name_of(reason);

	if (struck || !strike || !name || strcmp(name, strike_at))
		return 0;
	struck = 1;
	printf("strike %s in %s\n", strike, name);
	if (!strcmp(strike, "fail"))
		return -1;
	if (!strcmp(strike, "close")) {
		lws_close_reason(wsi, LWS_CLOSE_STATUS_POLICY_VIOLATION, (unsigned char *)"struck", 6);
		return -1;
	}
	if (!strcmp(strike, "kill-sync"))
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
	else if (!strcmp(strike, "kill-async"))
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	else if (!strcmp(strike, "vhost-destroy"))
		lws_vhost_destroy(vhost);
	else if (!strcmp(strike, "destroy")) {
		destroying = 1;
		lws_context_destroy(context);
	}
	return 0;
}

/* ---- echo ---- */

static int keep(struct session *session, struct lws *wsi, const void *in, size_t len)
{
	struct piece *piece = malloc(sizeof(*piece) + LWS_PRE + len);

	if (!piece)
		return -1;
	piece->next = NULL;
	piece->len = len;
	piece->first = lws_is_first_fragment(wsi);
	piece->final = lws_is_final_fragment(wsi);
	piece->binary = lws_frame_is_binary(wsi);
	memcpy(piece->data + LWS_PRE, in, len);
	*session->tail = piece;
	session->tail = &piece->next;
	session->waiting += len;
	if (session->waiting > HIGH_WATER && !session->paused) {
		session->paused = 1;
		lws_rx_flow_control(wsi, 0);
	}
	lws_callback_on_writable(wsi);
	return 0;
}

static enum lws_write_protocol flags_of(int binary, int first, int final)
{
	int start = binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;

	return (enum lws_write_protocol)lws_write_ws_flags(start, first, final);
}

static int send_kept(struct session *session, struct lws *wsi)
{
	struct piece *piece = session->head;
	int n;

	if (!piece)
		return 0;
	n = lws_write(wsi, piece->data + LWS_PRE, piece->len,
		      flags_of(piece->binary, piece->first, piece->final));
	if (n != (int)piece->len)
		return -1;
	session->head = piece->next;
	if (!session->head)
		session->tail = &session->head;
	session->waiting -= piece->len;
	free(piece);
	if (session->head)
		lws_callback_on_writable(wsi);
	if (session->paused && session->waiting < HIGH_WATER / 2) {
		session->paused = 0;
		lws_rx_flow_control(wsi, 1);
	}
	return 0;
}

static void forget_kept(struct session *session)
{
	while (session->head) {
		struct piece *piece = session->head;

		session->head = piece->next;
		free(piece);
	}
	session->tail = &session->head;
}

/* ---- commands ---- */

static int reply(struct lws *wsi, const char *text)
{
	unsigned char buf[LWS_PRE + 256];
	size_t len = strlen(text);

	memcpy(buf + LWS_PRE, text, len);
	return lws_write(wsi, buf + LWS_PRE, len, LWS_WRITE_TEXT) == (int)len ? 0 : -1;
}

/* Whether writing in this mode is refused, as text. */
static int reply_refused(struct lws *wsi, enum lws_write_protocol mode, size_t len)
{
	unsigned char buf[LWS_PRE + 256] = { 0 };
	char text[64];

	snprintf(text, sizeof(text), "%d", lws_write(wsi, buf + LWS_PRE, len, mode));
	return reply(wsi, text);
}

static int send_big(struct session *session, struct lws *wsi)
{
	unsigned char *buf = malloc(LWS_PRE + session->big);
	size_t n, len = session->big;
	int sent;

	if (!buf)
		return -1;
	for (n = 0; n < len; n++)
		buf[LWS_PRE + n] = (unsigned char)('a' + n % 26);
	session->big = 0;
	sent = lws_write(wsi, buf + LWS_PRE, len, LWS_WRITE_BINARY);
	free(buf);
	return sent == (int)len ? 0 : -1;
}

static int do_command(struct session *session, struct lws *wsi, char *text, size_t len)
{
	unsigned char buf[LWS_PRE + 128];
	char answer[160];

	text[len] = '\0';	/* as programs do */
	if (!strncmp(text, "close ", 6)) {	/* close CODE TEXT */
		char *reason = strchr(text + 6, ' ');

		reason = reason ? reason + 1 : text + len;
		lws_close_reason(wsi, (enum lws_close_status)atoi(text + 6), (unsigned char *)reason,
				 strlen(reason));
		if (lws_get_close_length(wsi) != (int)(2 + strlen(reason)) ||
		    memcmp(lws_get_close_payload(wsi) + 2, reason, strlen(reason)))
			violation("lws_get_close_payload() is not what lws_close_reason() was given");
		session->closing = 1;
		return -1;
	}
	if (!strcmp(text, "die"))
		return -1;
	if (!strncmp(text, "ping ", 5) || !strncmp(text, "pong ", 5)) {
		memcpy(buf + LWS_PRE, text + 5, len - 5);
		return lws_write(wsi, buf + LWS_PRE, len - 5,
				 text[1] == 'i' ? LWS_WRITE_PING : LWS_WRITE_PONG) == (int)len - 5 ? 0 : -1;
	}
	if (!strncmp(text, "big ", 4)) {	/* one message of so many bytes */
		session->big = (size_t)atol(text + 4);
		lws_callback_on_writable(wsi);
		return 0;
	}
	if (!strcmp(text, "fragments")) {
		memcpy(buf + LWS_PRE, "abc", 3);
		if (lws_write(wsi, buf + LWS_PRE, 1, flags_of(0, 1, 0)) != 1 ||
		    lws_write(wsi, buf + LWS_PRE, 0, LWS_WRITE_PING) != 0)
			return -1;
		memcpy(buf + LWS_PRE, "bc", 2);
		if (lws_write(wsi, buf + LWS_PRE, 1, flags_of(0, 0, 0)) != 1)
			return -1;
		memcpy(buf + LWS_PRE, "c", 1);
		return lws_write(wsi, buf + LWS_PRE, 1, flags_of(0, 0, 1)) == 1 ? 0 : -1;
	}
	if (!strcmp(text, "http-mode"))
		return reply_refused(wsi, LWS_WRITE_HTTP, 5);
	if (!strcmp(text, "no-message"))
		return reply_refused(wsi, LWS_WRITE_CONTINUATION, 5);
	if (!strcmp(text, "long-ping"))
		return reply_refused(wsi, LWS_WRITE_PING, 126);
	if (!strcmp(text, "headers")) {	/* those of the request are gone */
		snprintf(answer, sizeof(answer), "%d", lws_hdr_total_length(wsi, WSI_TOKEN_HOST));
		return reply(wsi, answer);
	}
	if (!strcmp(text, "pause")) {	/* for 200 ms */
		lws_rx_flow_control(wsi, 0);
		lws_set_timer_usecs(wsi, 200 * LWS_US_PER_MS);
		return 0;
	}
	if (!strcmp(text, "writeables")) {
		snprintf(answer, sizeof(answer), "%u", session->counted);
		return reply(wsi, answer);
	}
	if (!strcmp(text, "valid")) {
		lws_validity_confirmed(wsi);
		return reply(wsi, "confirmed");
	}
	if (!strcmp(text, "all")) {
		lws_callback_on_writable_all_protocol(context, lws_get_protocol(wsi));
		return 0;
	}
	if (!strcmp(text, "peer")) {
		char peer[64];

		lws_get_peer_simple(wsi, peer, sizeof(peer));
		return reply(wsi, peer);
	}
	return reply(wsi, "what?");
}

/* ---- callbacks ---- */

static int established(struct session *session, struct lws *wsi, size_t len)
{
	session->established = 1;
	session->tail = &session->head;
	session->number = ++sessions;
	session->wsi = wsi;
	if (!lws_hdr_total_length(wsi, WSI_TOKEN_HOST))
		violation("no headers in ESTABLISHED");
	if ((len == 1) != (lws_get_network_wsi(wsi) != wsi))
		violation("len of ESTABLISHED says where it is");
	return 0;
}

static int callback_ws(const char *protocol, struct lws *wsi, enum lws_callback_reasons reason,
		       void *user, void *in, size_t len)
{
	struct session *session = user;
	struct lws_process_html_args *args = in;

	say(protocol, wsi, reason, session, in, len);
	if (reason == LWS_CALLBACK_ESTABLISHED)
		established(session, wsi, len);
	if (reason == LWS_CALLBACK_CLOSED && session)
		forget_kept(session);
	if (strikes_in(wsi, reason))
		return -1;

	switch (reason) {
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return !strcmp(protocol, "refuse");

	case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
		return !strcmp(protocol, "command");

	case LWS_CALLBACK_ADD_HEADERS:
		return lws_add_http_header_by_name(wsi, (unsigned char *)"x-added:", (unsigned char *)protocol,
						   (int)strlen(protocol), (unsigned char **)&args->p,
						   (unsigned char *)args->p + args->max_len);

	case LWS_CALLBACK_RECEIVE:
		if (!strcmp(protocol, "echo"))
			return keep(session, wsi, in, len);
		if (!strcmp(protocol, "at-once"))
			return lws_write(wsi, in, len,
					 flags_of(lws_frame_is_binary(wsi), lws_is_first_fragment(wsi),
						  lws_is_final_fragment(wsi))) == (int)len ? 0 : -1;
		if (!strcmp(protocol, "command"))
			return do_command(session, wsi, in, len);
		break;

	case LWS_CALLBACK_SERVER_WRITEABLE:
		session->counted++;
		if (session->closing)
			violation("SERVER_WRITEABLE after the CLOSE");
		if (session->big)
			return send_big(session, wsi);
		return send_kept(session, wsi);

	case LWS_CALLBACK_TIMER:
		lws_rx_flow_control(wsi, 1);
		break;

	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		if (len >= 2 && ((unsigned char *)in)[0] == 4500 >> 8 && ((unsigned char *)in)[1] == (4500 & 0xff))
			return 1;	/* 4500: no answer */
		break;

	default:
		break;
	}
	return 0;
}

static int callback_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			 size_t len)
{
	char path[64] = "";

	if (reason == LWS_CALLBACK_HTTP_CONFIRM_UPGRADE) {
		int n;

		say("http", wsi, reason, NULL, in, len);
		if (user)
			violation("user of HTTP_CONFIRM_UPGRADE");
		if (strcmp(in, "websocket") && strcmp(in, "WebSocket"))
			violation("in of HTTP_CONFIRM_UPGRADE");
		if (strikes_in(wsi, reason))
			return -1;
		lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI);
		n = !strncmp(path, "/confirm", 8) ? atoi(path + 8) : 0;
		if (n > 0) {
			unsigned char buf[LWS_PRE + 512], *p = buf + LWS_PRE;

			if (lws_http_redirect(wsi, 302, (unsigned char *)"/elsewhere", 10, &p,
					      buf + sizeof(buf)) < 0)
				return -1;
		}
		return n;
	}
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_RECEIVE_PONG:
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
	case LWS_CALLBACK_ADD_HEADERS:
	case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
	case LWS_CALLBACK_CLOSED:
		return callback_ws("http", wsi, reason, user, in, len);
	case LWS_CALLBACK_WSI_DESTROY:
	case LWS_CALLBACK_CLOSED_HTTP:
	case LWS_CALLBACK_FILTER_HTTP_CONNECTION:
		say("http", wsi, reason, NULL, in, len);
		if (strikes_in(wsi, reason))
			return -1;
		break;
	default:
		break;
	}
	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

#define PROTOCOL(function, name) \
	static int function(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, \
			    size_t len) \
	{ \
		return callback_ws(name, wsi, reason, user, in, len); \
	}

PROTOCOL(callback_echo, "echo")
PROTOCOL(callback_at_once, "at-once")
PROTOCOL(callback_command, "command")
PROTOCOL(callback_refuse, "refuse")

static const struct lws_protocols protocols[] = {
	{ "http", callback_http, sizeof(struct session), 0, 0, NULL, 0 },
	{ "echo", callback_echo, sizeof(struct session), 1024, 0, NULL, 0 },
	{ "at-once", callback_at_once, sizeof(struct session), 0, 0, NULL, 0 },
	{ "command", callback_command, sizeof(struct session), 0, 0, NULL, 0 },
	{ "refuse", callback_refuse, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct lws_extension extensions[] = {
	{ "permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate" },
	{ NULL, NULL, NULL }
};

/* ---- the event library ---- */

static int find_fd(int fd)
{
	unsigned int n;

	for (n = 0; n < used; n++)
		if (table[n].fd == fd)
			return (int)n;
	return -1;
}

static int op_add(struct lws *wsi)
{
	if (used >= slots || used >= TABLE_MAX)
		return 1;
	table[used].fd = lws_get_socket_fd(wsi);
	table[used].events = LWS_POLLIN;
	table[used].revents = 0;
	used++;
	return 0;
}

static void op_io(struct lws *wsi, unsigned int flags)
{
	int n = find_fd(lws_get_socket_fd(wsi));
	short events = (short)((flags & LWS_EV_READ ? LWS_POLLIN : 0) |
			       (flags & LWS_EV_WRITE ? LWS_POLLOUT : 0));

	if (n < 0) {
		violation("io of an fd that is not in the table");
		return;
	}
	if (flags & LWS_EV_START)
		table[n].events |= events;
	else
		table[n].events &= (short)~events;
}

static int op_logical_close(struct lws *wsi)
{
	int n = find_fd(lws_get_socket_fd(wsi));

	if (n < 0)
		return 1;	/* no guard */
	table[n] = table[--used];
	return 0;
}

static void print_stats(const char *what)
{
#ifdef LWS_FERROWS
	struct ferrows_stats s;

	memset(&s, 0, sizeof(s));
	ferrows_context_stats(context, &s, sizeof(s));
	printf("%s wsi=%llu h2_stream=%llu ah=%llu session=%llu fd=%llu buffered=%llu timer=%llu "
	       "buffered_bytes=%llu\n", what, (unsigned long long)s.wsi.live,
	       (unsigned long long)s.h2_stream.live, (unsigned long long)s.ah.live,
	       (unsigned long long)s.session.live, (unsigned long long)s.fd.live,
	       (unsigned long long)s.buffered.live, (unsigned long long)s.timer.live,
	       (unsigned long long)s.buffered.bytes);
#else
	printf("%s none\n", what);
#endif
}

static void op_destroy_pt(struct lws_context *cx, int tsi)
{
#ifdef LWS_FERROWS
	struct ferrows_stats s;

	memset(&s, 0, sizeof(s));
	ferrows_context_stats(cx, &s, sizeof(s));
	if (s.wsi.live || s.h2_stream.live || s.ah.live || s.session.live || s.fd.live ||
	    s.buffered.live || s.timer.live) {
		violation("alive in destroy_pt");
		print_stats("alive");
	}
#endif
	(void)cx;
	(void)tsi;
	if (used)
		violation("the table is not empty in destroy_pt");
}

static const struct lws_event_loop_ops ops = {
	.name			= "ws-server",
	.init_vhost_listen_wsi	= op_add,
	.sock_accept		= op_add,
	.io			= op_io,
	.wsi_logical_close	= op_logical_close,
	.destroy_pt		= op_destroy_pt,
};

static const lws_plugin_evlib_t evlib = {
	.hdr = { "ws-server", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC },
	.ops = &ops,
};

static int command(void)
{
	char line[64];
	ssize_t n = read(0, line, sizeof(line) - 1);

	if (n <= 0)
		return 1;
	line[n] = '\0';
	if (strstr(line, "stats"))
		print_stats("stats");
	if (strstr(line, "wake"))
		lws_callback_on_writable_all_protocol(context, &protocols[1]);
	return 0;
}

static void run(void)
{
	static struct pollfd set[TABLE_MAX + 1];
	unsigned long idle_turns = 0;

	while (!stopping && !destroying) {
		unsigned int n, count;
		int fired, timeout = lws_service_adjust_timeout(context, 1000, 0);

		if (destroying)
			break;
		count = used;
		for (n = 0; n < count; n++) {
			set[n].fd = table[n].fd;
			set[n].events = table[n].events;
			set[n].revents = 0;
		}
		set[count].fd = 0;
		set[count].events = POLLIN;
		set[count].revents = 0;
		fired = poll(set, count + 1, timeout);
		if (fired < 0 && errno != EINTR)
			break;
		idle_turns = !timeout && !fired ? idle_turns + 1 : 0;
		if (idle_turns == 1000)
			violation("1000 turns without waiting and without an event");
		if (set[count].revents && command())
			break;
		for (n = 0; n < count && !destroying; n++) {
			struct lws_pollfd pfd;
			int at;

			if (!set[n].revents)
				continue;
			at = find_fd(set[n].fd);
			if (at < 0)
				continue;
			pfd = table[at];
			pfd.revents = set[n].revents;
			lws_service_fd(context, &pfd);
		}
	}
}

/* ---- life ---- */

static const char *value_of(const char *arg, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(arg, name, len) && arg[len] == '=' ? arg + len + 1 : NULL;
}

int main(int argc, char **argv)
{
	static lws_retry_bo_t retry;
	static struct lws_protocol_vhost_options is_default = { NULL, NULL, "default", "1" };
	static struct lws_protocol_vhost_options options[5];
	static struct lws_http_mount mount;
	struct lws_context_creation_info info;
	char *cert = NULL, *key = NULL;
	const char *v, *by_default = NULL;
	int n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&info, 0, sizeof(info));
	for (n = 1; n < argc; n++) {
		if ((v = value_of(argv[n], "--tls"))) {
			cert = strdup(v);
			key = cert ? strchr(cert, ',') : NULL;
			if (!key)
				return 2;
			*key++ = '\0';
		} else if ((v = value_of(argv[n], "--slots"))) {
			slots = (unsigned int)atoi(v);
		} else if ((v = value_of(argv[n], "--pool"))) {
			info.max_http_header_pool = (unsigned short)atoi(v);
		} else if ((v = value_of(argv[n], "--ping"))) {
			retry.secs_since_valid_ping = (uint16_t)atoi(v);
			info.retry_and_idle_policy = &retry;
		} else if ((v = value_of(argv[n], "--hangup"))) {
			retry.secs_since_valid_hangup = (uint16_t)atoi(v);
			info.retry_and_idle_policy = &retry;
		} else if ((v = value_of(argv[n], "--at"))) {
			strike_at = v;
		} else if ((v = value_of(argv[n], "--do"))) {
			strike = v;
		} else if ((v = value_of(argv[n], "--default"))) {
			by_default = v;
		} else if (!strcmp(argv[n], "--extension")) {
			info.extensions = extensions;
		} else if (!strcmp(argv[n], "--quiet")) {
			quiet = 1;
		} else {
			fprintf(stderr, "unknown argument %s\n", argv[n]);
			return 2;
		}
	}
	lws_set_log_level(LLL_ERR | LLL_WARN, NULL);

	mount.mountpoint = "/mounted";
	mount.mountpoint_len = 8;
	mount.origin = "http";
	mount.origin_protocol = LWSMPRO_CALLBACK;

	info.port = 0;
	info.protocols = protocols;
	info.mounts = &mount;
	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_IPV6;
	info.ssl_cert_filepath = cert;
	info.ssl_private_key_filepath = key;
	info.event_lib_custom = &evlib;
	if (by_default) {
		for (n = 0; n < 5; n++) {
			options[n].next = n < 4 ? &options[n + 1] : NULL;
			options[n].name = protocols[n].name;
			options[n].value = "";
			if (!strcmp(protocols[n].name, by_default))
				options[n].options = &is_default;
		}
		info.pvo = options;
	}

	context = lws_create_context(&info);
	if (!context)
		return 1;
	vhost = lws_get_vhost_by_name(context, "default");
	printf("listening on port %d\n", lws_get_vhost_listen_port(vhost));
	run();
	if (!destroying)
		lws_context_destroy(context);
	puts("destroyed");
	free(cert);
	return violations ? 1 : 0;
}
