/*
 * An HTTP server that says what the library does to it: every event loop op and every protocol
 * callback is one line on stdout, in the order they come.
 *
 *   CB protocol wN REASON user=y|NULL len=N in=TEXT|ptr|NULL
 *   OP name wN fd=N [START|STOP R|W|RW] [-> result]
 *   -- service fd=N revents=N
 *
 * wN is the N-th distinct wsi pointer seen; w-1 stands for the wsi of a broadcast.
 *
 * The program ends when its stdin reaches end of file (in the modes without an own loop: on
 * SIGTERM), after it has destroyed the context.
 *
 *   --mode=custom|poll|extpoll  own poll table and event library; lws_service(); the same with
 *                               the external poll callbacks printed
 *   --tls=CERT,KEY              PEM files
 *   --www=DIR                   origin of the file mount at "/"
 *   --rxflow                    a WebSocket's first message pauses its rx until a timer runs out
 *   --unguarded                 wsi_logical_close returns 1 for an fd that is not in the table
 *   --pool=N                    max_http_header_pool
 *   --slots=N                   size of the poll table: sock_accept refuses what does not fit
 *   --destroy-wsi               the ops table has destroy_wsi
 *   --context1                  the ops table has destroy_context1
 *   --port=N                    default 0: any
 *   --client=h1|h2|twice|ws     does not listen, but asks the server at --port for "/" on start: over HTTP/1; over
 *                               HTTP/2 on TLS; or twice over HTTP/1, the second time after the first has ended; or for a
 *                               WebSocket, which it leaves when its message comes back
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLE_MAX 256
#define WSI_MAX 65536

enum mode { MODE_CUSTOM, MODE_POLL, MODE_EXTPOLL };

struct session {
	size_t body;
	int headers_sent;
	char filler[56];
};

struct echo {
	size_t len;
	int paused;
	unsigned char kept[LWS_PRE + 1024];
};

static enum mode mode = MODE_CUSTOM;
static int rxflow;
static int unguarded;
static unsigned int slots = TABLE_MAX;

static struct lws_context *context;
static volatile sig_atomic_t stop;

static const char *client;
static int client_port;
static unsigned int connects;
static struct lws *client_wsi;
static lws_sorted_usec_list_t again;

static struct lws_pollfd table[TABLE_MAX];
static unsigned int used;

static const struct lws *seen[WSI_MAX];
static unsigned int seen_count;

/* ---- numbering and printing ---- */

static int number_of(const struct lws *wsi)
{
	unsigned int n;

	for (n = 0; n < seen_count; n++)
		if (seen[n] == wsi)
			return (int)n;
	if (seen_count == WSI_MAX)
		return -2;
	seen[seen_count++] = wsi;
	return (int)seen_count - 1;
}

static const char *reason_name(enum lws_callback_reasons reason)
{
	switch (reason) {
#define NAME(r) case LWS_CALLBACK_##r: return #r
	NAME(PROTOCOL_INIT);
	NAME(PROTOCOL_DESTROY);
	NAME(WSI_CREATE);
	NAME(WSI_DESTROY);
	NAME(WSI_TX_CREDIT_GET);
	NAME(OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS);
	NAME(OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS);
	NAME(OPENSSL_PERFORM_CLIENT_CERT_VERIFICATION);
	NAME(SSL_INFO);
	NAME(SERVER_NEW_CLIENT_INSTANTIATED);
	NAME(HTTP);
	NAME(HTTP_BODY);
	NAME(HTTP_BODY_COMPLETION);
	NAME(HTTP_FILE_COMPLETION);
	NAME(HTTP_WRITEABLE);
	NAME(CLOSED_HTTP);
	NAME(FILTER_HTTP_CONNECTION);
	NAME(ADD_HEADERS);
	NAME(VERIFY_BASIC_AUTHORIZATION);
	NAME(CHECK_ACCESS_RIGHTS);
	NAME(PROCESS_HTML);
	NAME(HTTP_BIND_PROTOCOL);
	NAME(HTTP_DROP_PROTOCOL);
	NAME(HTTP_CONFIRM_UPGRADE);
	NAME(HTTP_PMO);
	NAME(FILTER_NETWORK_CONNECTION);
	NAME(ADD_POLL_FD);
	NAME(DEL_POLL_FD);
	NAME(CHANGE_MODE_POLL_FD);
	NAME(LOCK_POLL);
	NAME(UNLOCK_POLL);
	NAME(GET_THREAD_ID);
	NAME(EVENT_WAIT_CANCELLED);
	NAME(CHILD_CLOSING);
	NAME(TIMER);
	NAME(CLIENT_HTTP_BIND_PROTOCOL);
	NAME(CLIENT_HTTP_DROP_PROTOCOL);
	NAME(CONNECTING);
	NAME(OPENSSL_PERFORM_SERVER_CERT_VERIFICATION);
	NAME(CLIENT_APPEND_HANDSHAKE_HEADER);
	NAME(CLIENT_HTTP_WRITEABLE);
	NAME(CLIENT_FILTER_PRE_ESTABLISH);
	NAME(ESTABLISHED_CLIENT_HTTP);
	NAME(RECEIVE_CLIENT_HTTP);
	NAME(RECEIVE_CLIENT_HTTP_READ);
	NAME(COMPLETED_CLIENT_HTTP);
	NAME(CLOSED_CLIENT_HTTP);
	NAME(CLIENT_CONNECTION_ERROR);
	NAME(FILTER_PROTOCOL_CONNECTION);
	NAME(ESTABLISHED);
	NAME(RECEIVE);
	NAME(RECEIVE_PONG);
	NAME(SERVER_WRITEABLE);
	NAME(WS_PEER_INITIATED_CLOSE);
	NAME(WS_SERVER_DROP_PROTOCOL);
	NAME(CLIENT_ESTABLISHED);
	NAME(CLIENT_WRITEABLE);
	NAME(CLIENT_RECEIVE);
	NAME(WS_CLIENT_DROP_PROTOCOL);
	NAME(CLIENT_CLOSED);
	NAME(CLOSED);
	NAME(VHOST_CERT_AGING);
	NAME(VHOST_CERT_UPDATE);
#undef NAME
	default:
		return NULL;
	}
}

static int is_broadcast(enum lws_callback_reasons reason)
{
	return reason == LWS_CALLBACK_PROTOCOL_INIT ||
	       reason == LWS_CALLBACK_PROTOCOL_DESTROY ||
	       reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED;
}

static void print_callback(const char *protocol, const struct lws *wsi,
			   enum lws_callback_reasons reason, const void *user,
			   const void *in, size_t len)
{
	const char *name = reason_name(reason);
	char number[32];

	if (mode != MODE_EXTPOLL &&
	    (reason == LWS_CALLBACK_ADD_POLL_FD || reason == LWS_CALLBACK_DEL_POLL_FD ||
	     reason == LWS_CALLBACK_CHANGE_MODE_POLL_FD || reason == LWS_CALLBACK_LOCK_POLL ||
	     reason == LWS_CALLBACK_UNLOCK_POLL || reason == LWS_CALLBACK_GET_THREAD_ID))
		return;

	if (!name) {
		snprintf(number, sizeof(number), "REASON_%d", (int)reason);
		name = number;
	}
	printf("CB %-8s w%d %s user=%s len=%d in=", protocol,
	       is_broadcast(reason) ? -1 : number_of(wsi), name, user ? "y" : "NULL", (int)len);
	if (!in)
		puts("NULL");
	else if (reason == LWS_CALLBACK_HTTP || reason == LWS_CALLBACK_FILTER_HTTP_CONNECTION ||
		 reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR)
		printf("%.*s\n", (int)len, (const char *)in);
	else
		puts("ptr");
}

/* ---- the client's behaviour ---- */

static void ask(lws_sorted_usec_list_t *sul)
{
	struct lws_client_connect_info info;
	int h2 = !strcmp(client, "h2");

	(void)sul;
	memset(&info, 0, sizeof(info));
	info.context = context;
	info.address = info.host = info.origin = "localhost";
	info.port = client_port;
	info.path = "/";
	info.method = !strcmp(client, "ws") ? NULL : "GET";
	/* lws binds to a protocol only what names one, and delivers no body to anything else */
	info.local_protocol_name = "http";
	info.pwsi = &client_wsi;
	if (!info.method)
		info.protocol = info.local_protocol_name = "echo";
	if (h2) {
		info.ssl_connection = LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
				      LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
		info.alpn = "h2";
	}
	if (connects++)
		puts("-- 2nd connect");
	printf("%sconnect returned %s\n", connects > 1 ? "-- 2nd " : "-- ",
	       lws_client_connect_via_info(&info) ? "wsi" : "NULL");
}

static int client_reads(struct lws *wsi)
{
	char buf[LWS_PRE + 1024], *p = &buf[LWS_PRE];
	int len = sizeof(buf) - LWS_PRE;

	return lws_http_client_read(wsi, &p, &len) < 0 ? -1 : 0;
}

static void client_ends(void)
{
	if (!strcmp(client, "twice") && connects < 2)
		lws_sul_schedule(context, 0, &again, ask, 10 * LWS_US_PER_MS);
}

/* ---- the server's behaviour ---- */

static int send_headers(struct lws *wsi, lws_filepos_t content_length)
{
	unsigned char buf[LWS_PRE + 2048], *start = &buf[LWS_PRE], *p = start,
		      *end = &buf[sizeof(buf) - 1];

	if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK, "text/plain", content_length, &p, end))
		return 1;
	return lws_finalize_write_http_header(wsi, start, &p, end);
}

static int send_body(struct lws *wsi, const char *text)
{
	unsigned char buf[LWS_PRE + 256];
	size_t len = strlen(text);

	memcpy(&buf[LWS_PRE], text, len);
	if (lws_write(wsi, &buf[LWS_PRE], len, LWS_WRITE_HTTP_FINAL) != (int)len)
		return 1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int callback_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			 size_t len)
{
	struct session *session = user;
	char text[64];

	print_callback("http", wsi, reason, user, in, len);

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		if (len >= 4 && !memcmp((const char *)in + len - 4, "/dyn", 4)) {
			if (send_headers(wsi, 12))
				return 1;
			session->headers_sent = 1;
			lws_callback_on_writable(wsi);
			return 0;
		}
		if (len >= 5 && !memcmp((const char *)in + len - 5, "/post", 5))
			return 0;
		break;

	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		printf("   resp %u\n", lws_http_client_http_response(wsi));
		return 0;

	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
		return client_reads(wsi);

	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		return 0;

	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		client_ends();
		return 0;

	case LWS_CALLBACK_HTTP_BODY:
		session->body += len;
		return 0;

	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		lws_callback_on_writable(wsi);
		return 0;

	case LWS_CALLBACK_HTTP_WRITEABLE:
		if (session && session->headers_sent)
			return send_body(wsi, "hello world\n");
		if (session && session->body) {
			int n = snprintf(text, sizeof(text), "got %u\n", (unsigned int)session->body);

			if (send_headers(wsi, (lws_filepos_t)n))
				return 1;
			return send_body(wsi, text);
		}
		return 0;

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static int callback_echo(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			 size_t len)
{
	struct echo *echo = user;

	print_callback("echo", wsi, reason, user, in, len);

	switch (reason) {
	case LWS_CALLBACK_RECEIVE:
		if (len > sizeof(echo->kept) - LWS_PRE)
			len = sizeof(echo->kept) - LWS_PRE;
		memcpy(echo->kept + LWS_PRE, in, len);
		echo->len = len;
		lws_callback_on_writable(wsi);
		if (rxflow && !echo->paused) {
			echo->paused = 1;
			puts("-- disabling rx");
			lws_rx_flow_control(wsi, 0);
			lws_set_timer_usecs(wsi, 300 * LWS_US_PER_MS);
		}
		return 0;

	case LWS_CALLBACK_SERVER_WRITEABLE:
		if (echo->len && lws_write(wsi, echo->kept + LWS_PRE, echo->len, LWS_WRITE_TEXT) < 0)
			return -1;
		echo->len = 0;
		return 0;

	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		lws_callback_on_writable(wsi);
		return 0;

	case LWS_CALLBACK_CLIENT_WRITEABLE:
		memcpy(echo->kept + LWS_PRE, "hi", 2);
		return lws_write(wsi, echo->kept + LWS_PRE, 2, LWS_WRITE_TEXT) < 0 ? -1 : 0;

	case LWS_CALLBACK_CLIENT_RECEIVE:
		return -1;

	case LWS_CALLBACK_TIMER:
		puts("-- enabling rx");
		lws_rx_flow_control(wsi, 1);
		return 0;

	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{ "http", callback_http, sizeof(struct session), 0, 0, NULL, 0 },
	{ "echo", callback_echo, sizeof(struct echo), 1024, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static struct lws_http_mount mount_cb, mount_www;

static void set_up_mounts(const char *www)
{
	mount_cb.mountpoint = "/cb";
	mount_cb.mountpoint_len = 3;
	mount_cb.origin = "http";
	mount_cb.origin_protocol = LWSMPRO_CALLBACK;

	mount_www.mount_next = &mount_cb;
	mount_www.mountpoint = "/";
	mount_www.mountpoint_len = 1;
	mount_www.origin = www;
	mount_www.def = "index.html";
	mount_www.origin_protocol = LWSMPRO_FILE;
}

/* ---- the event library: a table for poll(), level triggered ---- */

static int find_fd(int fd)
{
	unsigned int n;

	for (n = 0; n < used; n++)
		if (table[n].fd == fd)
			return (int)n;
	return -1;
}

static int op_init_context(struct lws_context *cx, const struct lws_context_creation_info *info)
{
	(void)cx;
	(void)info;
	puts("OP init_context");
	return 0;
}

static int op_init_pt(struct lws_context *cx, void *loop, int tsi)
{
	void **priv = lws_evlib_tsi_to_evlib_pt(cx, tsi);

	printf("OP init_pt loop=%s tsi=%d priv0=%d\n", loop == table ? "y" : "n", tsi,
	       priv ? *priv != NULL : -1);
	if (priv)
		*priv = loop;
	return 0;
}

static int add_wsi(const char *op, struct lws *wsi)
{
	int fd = lws_get_socket_fd(wsi);

	printf("OP %s w%d fd=%d\n", op, number_of(wsi), fd);
	if (find_fd(fd) >= 0) {
		puts("   ALREADY -> 1");
		return 1;
	}
	if (used >= slots) {
		puts("   FULL -> 1");
		return 1;
	}
	table[used].fd = fd;
	table[used].events = LWS_POLLIN;
	table[used].revents = 0;
	used++;
	return 0;
}

static int op_sock_accept(struct lws *wsi)
{
	return add_wsi("sock_accept", wsi);
}

static int op_init_vhost_listen_wsi(struct lws *wsi)
{
	return add_wsi("init_vhost_listen_wsi", wsi);
}

static void op_io(struct lws *wsi, unsigned int flags)
{
	int fd = lws_get_socket_fd(wsi), n = find_fd(fd);
	short events = 0;

	if (flags & LWS_EV_READ)
		events |= LWS_POLLIN;
	if (flags & LWS_EV_WRITE)
		events |= LWS_POLLOUT;

	printf("OP io w%d fd=%d %s %s%s\n", number_of(wsi), fd,
	       flags & LWS_EV_START ? "START" : "STOP", flags & LWS_EV_READ ? "R" : "",
	       flags & LWS_EV_WRITE ? "W" : "");
	if (n < 0) {
		puts("   (no such fd)");
		return;
	}
	if (flags & LWS_EV_START)
		table[n].events |= events;
	else
		table[n].events &= (short)~events;
}

static int op_wsi_logical_close(struct lws *wsi)
{
	int fd = lws_get_socket_fd(wsi), n = find_fd(fd), result = 0;

	if (n >= 0)
		table[n] = table[--used];
	else
		result = unguarded;
	printf("OP wsi_logical_close w%d fd=%d%s -> %d\n", number_of(wsi), fd,
	       n < 0 ? " (no such fd)" : "", result);
	return result;
}

static void op_destroy_wsi(struct lws *wsi)
{
	printf("OP destroy_wsi w%d fd=%d\n", number_of(wsi), lws_get_socket_fd(wsi));
}

static void op_destroy_pt(struct lws_context *cx, int tsi)
{
	(void)cx;
	printf("OP destroy_pt %d\n", tsi);
}

static int op_destroy_context1(struct lws_context *cx)
{
	(void)cx;
	puts("OP destroy_context1");
	return 0;
}

static int op_destroy_context2(struct lws_context *cx)
{
	(void)cx;
	puts("OP destroy_context2");
	return 0;
}

static int op_check_client_connect_ok(struct lws *wsi)
{
	printf("OP check_client_connect_ok w%d\n", number_of(wsi));
	return 0;
}

static struct lws_event_loop_ops ops = {
	.name			= "trace",
	.init_context		= op_init_context,
	.init_pt		= op_init_pt,
	.init_vhost_listen_wsi	= op_init_vhost_listen_wsi,
	.check_client_connect_ok = op_check_client_connect_ok,
	.sock_accept		= op_sock_accept,
	.io			= op_io,
	.wsi_logical_close	= op_wsi_logical_close,
	.destroy_pt		= op_destroy_pt,
	.destroy_context2	= op_destroy_context2,
	.evlib_size_pt		= sizeof(void *),
};

static const lws_plugin_evlib_t evlib = {
	.hdr = { "trace", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC },
	.ops = &ops,
};

/* Stdin at end of file ends the loop; it sits beside the table, lws never hears of it. */
static void run_custom_loop(void)
{
	unsigned long zero_timeouts = 0;

	while (!stop) {
		struct pollfd set[TABLE_MAX + 1];
		unsigned int n, count = used;
		int timeout = lws_service_adjust_timeout(context, 1000, 0);
		char drain[16];

		if (!timeout && (++zero_timeouts == 1000 || zero_timeouts == 100000))
			printf("-- adjust_timeout returned 0 %lu times\n", zero_timeouts);

		for (n = 0; n < count; n++) {
			set[n].fd = table[n].fd;
			set[n].events = table[n].events;
			set[n].revents = 0;
		}
		set[count].fd = 0;
		set[count].events = POLLIN;
		set[count].revents = 0;
		if (poll(set, count + 1, timeout) < 0 && errno != EINTR)
			break;
		if (set[count].revents && read(0, drain, sizeof(drain)) <= 0)
			break;

		for (n = 0; n < count; n++) {
			struct lws_pollfd pfd;
			int slot, result;

			if (!set[n].revents)
				continue;
			/* an earlier one in this turn may have closed it */
			slot = find_fd(set[n].fd);
			if (slot < 0)
				continue;
			pfd = table[slot];
			pfd.revents = set[n].revents;
			printf("-- service fd=%d revents=%d\n", pfd.fd, pfd.revents);
			result = lws_service_fd(context, &pfd);
			if (result)
				printf("   lws_service_fd -> %d\n", result);
		}
	}
}

static void on_sigterm(int sig)
{
	(void)sig;
	stop = 1;
	lws_cancel_service(context);
}

/* NULL when the argument is not --name=VALUE */
static const char *value_of(const char *arg, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(arg, name, len) && arg[len] == '=' ? arg + len + 1 : NULL;
}

int main(int argc, char **argv)
{
	struct lws_context_creation_info info;
	void *loops[1] = { table };
	char *cert = NULL, *key = NULL;
	const char *www = ".", *v;
	int n, pool = 0, port = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);

	for (n = 1; n < argc; n++) {
		if ((v = value_of(argv[n], "--mode"))) {
			mode = !strcmp(v, "custom") ? MODE_CUSTOM :
			       !strcmp(v, "poll") ? MODE_POLL : MODE_EXTPOLL;
		} else if ((v = value_of(argv[n], "--tls"))) {
			cert = strdup(v);
			key = cert ? strchr(cert, ',') : NULL;
			if (!key)
				return 2;
			*key++ = '\0';
		} else if ((v = value_of(argv[n], "--www"))) {
			www = v;
		} else if ((v = value_of(argv[n], "--pool"))) {
			pool = atoi(v);
		} else if ((v = value_of(argv[n], "--slots"))) {
			slots = (unsigned int)atoi(v);
		} else if ((v = value_of(argv[n], "--port"))) {
			port = atoi(v);
		} else if ((v = value_of(argv[n], "--client"))) {
			client = v;
		} else if (!strcmp(argv[n], "--rxflow")) {
			rxflow = 1;
		} else if (!strcmp(argv[n], "--unguarded")) {
			unguarded = 1;
		} else if (!strcmp(argv[n], "--destroy-wsi")) {
			ops.destroy_wsi = op_destroy_wsi;
		} else if (!strcmp(argv[n], "--context1")) {
			ops.destroy_context1 = op_destroy_context1;
		} else {
			fprintf(stderr, "unknown argument %s\n", argv[n]);
			return 2;
		}
	}
	if (slots > TABLE_MAX)
		slots = TABLE_MAX;

	lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
	set_up_mounts(www);

	memset(&info, 0, sizeof(info));
	info.port = client ? CONTEXT_PORT_NO_LISTEN : port;
	info.protocols = protocols;
	info.mounts = &mount_www;
	info.error_document_404 = "/404.html";
	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_IPV6;
	info.max_http_header_pool = (unsigned short)pool;
	info.ssl_cert_filepath = cert;
	info.ssl_private_key_filepath = key;
	if (mode == MODE_CUSTOM) {
		info.event_lib_custom = &evlib;
		info.foreign_loops = loops;
	} else {
		signal(SIGTERM, on_sigterm);
	}

	context = lws_create_context(&info);
	if (!context) {
		puts("-- context creation failed");
		return 1;
	}
	puts("-- context created");
	if (client) {
		client_port = port;
		ask(NULL);
	} else {
		printf("-- listening on port %d\n",
		       lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));
	}

	if (mode == MODE_CUSTOM)
		run_custom_loop();
	else
		while (!stop && lws_service(context, 0) >= 0)
			;

	printf("-- destroying, nf=%u\n", used);
	lws_context_destroy(context);
	printf("-- destroyed, nf=%u\n", used);
	free(cert);
	return 0;
}
