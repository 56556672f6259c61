/*
 * HTTP clients on a custom event loop without a guard, which misbehaves on request. It watches the library: what it finds wrong
 * is a line "VIOLATION: ..." on stdout and exit code 1.
 *
 * Always watched:
 *   - each successful sock_accept is matched by exactly one wsi_logical_close, while the fd is still open (it can be taken out
 *     of an epoll set); wsi_logical_close returns 1 for what is not in the table;
 *   - no op for a wsi without an fd or for an fd that was refused;
 *   - WSI_CREATE and WSI_DESTROY, CLIENT_HTTP_BIND_PROTOCOL and CLIENT_HTTP_DROP_PROTOCOL come in pairs;
 *   - each request comes to one end: NULL and nothing more, one CLIENT_CONNECTION_ERROR, or ESTABLISHED and one CLOSED;
 *     COMPLETED at most once, between these two;
 *   - the loop does not spin: not while something is going on, and there is no turn at all when nothing is;
 *   - at destroy: nothing live in the statistics, no fd more than before create.
 *
 * Stdin, a command a line:
 *   get id=N port=N [KEY=VALUE...]   a request, see make_request
 *   read id=N                        lws_http_client_read what mode=noread left
 *   pause id=N, resume id=N          lws_rx_flow_control
 *   grant id=N                       lws_wsi_tx_credit
 *   kill id=N, kill-sync id=N        lws_set_timeout
 *   settle                           "settled" when nothing lives any more
 *   stats                            the live counts
 * End of file destroys the context and ends the program. What callbacks say is on stdout: "N REASON ...".
 */
#define _GNU_SOURCE
#include <libwebsockets.h>
#include <ferrows.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TABLE_MAX 1024
#define FD_MAX 4096
#define TRACKED_MAX 1024
#define REQUESTS_MAX 1024

struct request {
	int id;
	struct lws *wsi;		/* as the callbacks say */
	struct lws *seat;		/* *pwsi */
	int null, error, established, completed, closed, bound;
	int noread, late, pull, pulling, struck;
	long to_send;
	unsigned long long received;
	char strike[24], at[24], then[80];
};

static struct request requests[REQUESTS_MAX];
static unsigned int request_count;
static int next_id = 100000;

static struct lws_context *context;
static struct lws_vhost *vhost;
static int created, destroying, settling, violations, in_connect;
static unsigned long turns;
static struct ferrows_stats baseline;

static void violation(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	printf("VIOLATION: ");
	vprintf(format, ap);
	putchar('\n');
	va_end(ap);
	violations++;
}

static void emit(int level, const char *line)
{
	fputs(line, stderr);
	if ((level & LLL_ERR) && (strstr(line, "internal error") || strstr(line, "leaked")))
		violation("%.*s", (int)strcspn(line, "\n"), line);
}

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* ---- the table ---- */

static struct lws_pollfd table[TABLE_MAX];
static unsigned int used, accepts;
static unsigned char taken[FD_MAX];
static int epoll_fd = -1;
static int close_says_1, refuse_from, refuse_to, spurious, one_bit, events_are_revents;
static const char *strike_op = "", *strike_op_at = "";
static int op_struck;

static int find_fd(int fd)
{
	unsigned int n;

	for (n = 0; n < used; n++)
		if (table[n].fd == fd)
			return (int)n;
	return -1;
}

static int destroy_once(void)
{
	if (destroying)
		return 0;
	destroying = 1;
	puts("destroying");
	lws_context_destroy(context);
	return 1;
}

static void act(const char *what, struct lws *wsi);

/* What --strike-op=ACTION@OP says, once. */
static void strike_in(const char *op, struct lws *wsi)
{
	if (!created || destroying || op_struck || strcmp(op, strike_op_at))
		return;
	op_struck = 1;
	printf("struck in %s\n", op);
	act(strike_op, wsi);
}

static int op_sock_accept(struct lws *wsi)
{
	struct epoll_event event;
	int fd = lws_get_socket_fd(wsi);

	if (fd < 0 || fd >= FD_MAX) {
		violation("an fd of %d to accept", fd);
		return 1;
	}
	if (created) {
		accepts++;
		if ((int)accepts >= refuse_from && (int)accepts < refuse_to) {
			puts("refused");
			return 1;
		}
	}
	if (taken[fd])
		violation("fd %d accepted twice", fd);
	memset(&event, 0, sizeof(event));
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		violation("epoll add of fd %d: %s", fd, strerror(errno));
	taken[fd] = 1;
	table[used].fd = fd;
	table[used].events = 0;
	table[used].revents = 0;
	used++;
	strike_in("accept", wsi);
	return 0;
}

static void op_io(struct lws *wsi, unsigned int flags)
{
	int fd = lws_get_socket_fd(wsi), n = find_fd(fd);
	short events = 0;

	if (fd < 0 || !taken[fd]) {
		violation("io for fd %d, which was not accepted", fd);
		return;
	}
	if (flags & LWS_EV_READ)
		events |= LWS_POLLIN;
	if (flags & LWS_EV_WRITE)
		events |= LWS_POLLOUT;
	if (flags & LWS_EV_START)
		table[n].events |= events;
	else
		table[n].events &= (short)~events;
	strike_in("io", wsi);
}

static int op_wsi_logical_close(struct lws *wsi)
{
	int fd = lws_get_socket_fd(wsi), n;

	if (fd < 0 || fd >= FD_MAX || !taken[fd]) {
		violation("wsi_logical_close for fd %d, which was not accepted", fd);
		return 1;
	}
	if (fcntl(fd, F_GETFD) < 0)
		violation("wsi_logical_close for fd %d, which is closed", fd);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL))
		violation("epoll del of fd %d: %s", fd, strerror(errno));
	taken[fd] = 0;
	n = find_fd(fd);
	table[n] = table[--used];
	strike_in("close", wsi);
	return close_says_1;
}

static int op_may_connect(struct lws *wsi)
{
	if (lws_get_socket_fd(wsi) >= 0)
		violation("check_client_connect_ok with fd %d", lws_get_socket_fd(wsi));
	strike_in("may-connect", wsi);
	return 0;
}

static void op_destroy_wsi(struct lws *wsi)
{
	strike_in("destroy", wsi);
}

static void op_destroy_pt(struct lws_context *cx, int tsi)
{
	struct ferrows_stats s;

	(void)tsi;
	memset(&s, 0, sizeof(s));
	if (ferrows_context_stats(cx, &s, sizeof(s)) || s.wsi.live || s.h2_stream.live || s.ah.live ||
	    s.session.live || s.fd.live || s.buffered.live || s.timer.live)
		violation("something lives in destroy_pt");
}

static const struct lws_event_loop_ops ops = {
	.name			= "guardless",
	.sock_accept		= op_sock_accept,
	.io			= op_io,
	.wsi_logical_close	= op_wsi_logical_close,
	.check_client_connect_ok = op_may_connect,
	.destroy_wsi		= op_destroy_wsi,
	.destroy_pt		= op_destroy_pt,
};

static const lws_plugin_evlib_t evlib = {
	.hdr = { "guardless", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC },
	.ops = &ops,
};

/* ---- the requests ---- */

static const struct lws *tracked[TRACKED_MAX];
static unsigned int tracked_count;

static void track(const struct lws *wsi, enum lws_callback_reasons reason)
{
	unsigned int n;

	for (n = 0; n < tracked_count && tracked[n] != wsi; n++)
		;
	if (reason == LWS_CALLBACK_WSI_CREATE) {
		if (n < tracked_count)
			violation("WSI_CREATE twice for %p", (const void *)wsi);
		else if (tracked_count < TRACKED_MAX)
			tracked[tracked_count++] = wsi;
	} else if (n == tracked_count) {
		violation("WSI_DESTROY without WSI_CREATE for %p", (const void *)wsi);
	} else {
		tracked[n] = tracked[--tracked_count];
	}
}

static const struct {
	const char *name;
	enum lws_callback_reasons reason;
} names[] = {
	{ "BIND", LWS_CALLBACK_CLIENT_HTTP_BIND_PROTOCOL },
	{ "DROP", LWS_CALLBACK_CLIENT_HTTP_DROP_PROTOCOL },
	{ "CONNECTING", LWS_CALLBACK_CONNECTING },
	{ "NEW", LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED },
	{ "CREATE", LWS_CALLBACK_WSI_CREATE },
	{ "DESTROY", LWS_CALLBACK_WSI_DESTROY },
	{ "VERIFY", LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION },
	{ "APPEND", LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER },
	{ "FILTER", LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH },
	{ "ESTABLISHED", LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP },
	{ "RECEIVE", LWS_CALLBACK_RECEIVE_CLIENT_HTTP },
	{ "READ", LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ },
	{ "WRITEABLE", LWS_CALLBACK_CLIENT_HTTP_WRITEABLE },
	{ "COMPLETED", LWS_CALLBACK_COMPLETED_CLIENT_HTTP },
	{ "REDIRECT", LWS_CALLBACK_CLIENT_HTTP_REDIRECT },
	{ "CLOSED", LWS_CALLBACK_CLOSED_CLIENT_HTTP },
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

static void make_request(char *line);

/* Everything that a loop may call, called where a loop would not. */
static void reenter(void)
{
	static int depth;
	struct lws_pollfd pfd;
	unsigned int n;

	if (depth >= 2 || !created || destroying)
		return;
	depth++;
	lws_service_adjust_timeout(context, 100, 0);
	for (n = 0; n < used && !destroying; n++) {
		pfd = table[n];
		pfd.revents = LWS_POLLIN | LWS_POLLOUT;
		lws_service_fd(context, &pfd);
	}
	lws_service_tsi(context, -1, 0);
	depth--;
}

static void act(const char *what, struct lws *wsi)
{
	if (!strcmp(what, "kill-sync"))
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
	else if (!strcmp(what, "kill-async"))
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	else if (!strcmp(what, "destroy"))
		destroy_once();
	else if (!strcmp(what, "vhost-destroy"))
		lws_vhost_destroy(vhost);
	else if (!strcmp(what, "reenter"))
		reenter();
}

static int read_some(struct lws *wsi)
{
	char buffer[LWS_PRE + 700], *at = buffer + LWS_PRE;
	int len = (int)sizeof(buffer) - LWS_PRE;

	return lws_http_client_read(wsi, &at, &len);
}

static int append_headers(struct lws *wsi, struct request *request, unsigned char **p, size_t len)
{
	char length[24];
	int n = snprintf(length, sizeof(length), "%ld", request->to_send);

	if (!request->to_send)
		return 0;
	if (lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, (unsigned char *)length, n, p,
					 *p + len))
		return -1;
	lws_client_http_body_pending(wsi, 1);
	lws_callback_on_writable(wsi);
	return 0;
}

static int write_some(struct lws *wsi, struct request *request)
{
	static unsigned char buffer[LWS_PRE + 4096];
	size_t n = request->to_send < 4096 ? (size_t)request->to_send : 4096;

	if (!request->to_send)
		return 0;
	if (request->late) {
		request->late = 0;
		printf("%d LATE\n", request->id);
		return 0;
	}
	request->to_send -= (long)n;
	if (!request->to_send)
		lws_client_http_body_pending(wsi, 0);
	if (lws_write(wsi, buffer + LWS_PRE, n, request->to_send ? LWS_WRITE_HTTP : LWS_WRITE_HTTP_FINAL) < 0)
		return -1;
	if (request->to_send)
		lws_callback_on_writable(wsi);
	return 0;
}

static void watch(struct request *request, enum lws_callback_reasons reason, const char *in, size_t len)
{
	int id = request->id;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_HTTP_BIND_PROTOCOL:
		if (request->bound++)
			violation("%d bound twice", id);
		break;
	case LWS_CALLBACK_CLIENT_HTTP_DROP_PROTOCOL:
		if (--request->bound)
			violation("%d dropped, bound %d times", id, request->bound);
		break;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		if (request->null || request->error || request->established)
			violation("%d failed after it was over or established", id);
		request->error = 1;
		if (!len || strlen(in) != len)
			violation("%d: CLIENT_CONNECTION_ERROR of length %u", id, (unsigned int)len);
		printf("%d ERROR %s\n", id, len ? in : "");
		return;
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		if (request->null || request->error || request->established)
			violation("%d established twice, or after it failed", id);
		request->established = 1;
		printf("%d ESTABLISHED %u\n", id, lws_http_client_http_response(request->wsi));
		return;
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		request->received += len;
		/* fallthru */
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
		if (!request->established || request->completed || request->closed)
			violation("%d: %s before or after the answer", id, name_of(reason));
		return;
	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		if (!request->established || request->completed || request->closed)
			violation("%d completed before established, twice, or after its end", id);
		request->completed = 1;
		printf("%d COMPLETED %llu\n", id, request->received);
		return;
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		if (!request->established || request->closed)
			violation("%d closed twice, or never established", id);
		request->closed = 1;
		printf("%d CLOSED %llu\n", id, request->received);
		return;
	case LWS_CALLBACK_CLIENT_HTTP_REDIRECT:
		printf("%d REDIRECT %u %s\n", id, (unsigned int)len, in);
		return;
	default:
		break;
	}
	if (reason != LWS_CALLBACK_CLIENT_HTTP_WRITEABLE)
		printf("%d %s\n", id, name_of(reason));
}

static int serve(struct lws *wsi, struct request *request, enum lws_callback_reasons reason, void *in,
		 size_t len)
{
	switch (reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return append_headers(wsi, request, in, len);
	case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE:
		return write_some(wsi, request);
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
		if (request->noread) {
			printf("%d UNREAD\n", request->id);
			return 0;
		}
		return read_some(wsi);
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		if (request->pull && !request->pulling) {
			request->pulling = 1;
			lws_rx_flow_control(wsi, 0);
		}
		return 0;
	default:
		return 0;
	}
}

static int callback_client(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct request *request;
	int result;

	(void)user;
	if (reason == LWS_CALLBACK_WSI_CREATE || reason == LWS_CALLBACK_WSI_DESTROY)
		track(wsi, reason);
	request = lws_get_opaque_user_data(wsi);
	if (!request || !name_of(reason))
		return 0;
	if (reason != LWS_CALLBACK_WSI_DESTROY)
		request->wsi = wsi;
	watch(request, reason, in, len);
	result = serve(wsi, request, reason, in, len);
	if (request->wsi == wsi &&
	    (reason == LWS_CALLBACK_WSI_DESTROY || reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR))
		request->wsi = NULL;
	if (destroying || request->struck || strcmp(name_of(reason), request->at))
		return result;
	request->struck = 1;
	printf("%d struck\n", request->id);
	if (!strcmp(request->strike, "fail")) {
		/* refused, it never was */
		if (reason == LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP)
			request->established = 0;
		return -1;
	}
	if (!strcmp(request->strike, "connect"))
		make_request(request->then);
	else
		act(request->strike, wsi);
	return result;
}

static const struct lws_protocols protocols[] = {
	{ "client", callback_client, 24, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct {
	const char *name;
	int flag;
} flags[] = {
	{ "tls", LCCSCF_USE_SSL },
	{ "selfsigned", LCCSCF_ALLOW_SELFSIGNED },
	{ "pipeline", LCCSCF_PIPELINE },
	{ "h2", LCCSCF_H2_PRIOR_KNOWLEDGE },
	{ "manual", LCCSCF_H2_MANUAL_RXFLOW },
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
 * KEY=VALUE: id, port, address, host, path, method, alpn, iface, keep (warm, seconds), body (bytes to send), flags=A,B,
 * credit, mode=noread, late (nothing of the body is written when it is first asked for) or pull (of what comes by itself the
 * first is taken, the rest is read when no callback is on the stack), strike=ACTION@REASON; what strike=connect@... asks for comes last, as then=KEY=VALUE;KEY=VALUE...
 */
static void make_request(char *line)
{
	struct lws_client_connect_info info;
	struct request *request = &requests[request_count++];
	char *save = NULL, *word;
	int outer = in_connect;

	memset(&info, 0, sizeof(info));
	request->id = next_id++;
	info.context = context;
	info.vhost = vhost;
	info.address = "127.0.0.1";
	info.path = "/";
	info.method = "GET";
	info.keep_warm_secs = 1;
	info.opaque_user_data = request;
	info.pwsi = &request->seat;
	for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(word, "id"))
			request->id = atoi(value);
		else if (!strcmp(word, "port"))
			info.port = atoi(value);
		else if (!strcmp(word, "address"))
			info.address = value;
		else if (!strcmp(word, "host"))
			info.host = value;
		else if (!strcmp(word, "path"))
			info.path = value;
		else if (!strcmp(word, "method"))
			info.method = value;
		else if (!strcmp(word, "alpn"))
			info.alpn = value;
		else if (!strcmp(word, "iface"))
			info.iface = value;
		else if (!strcmp(word, "keep"))
			info.keep_warm_secs = (uint16_t)atoi(value);
		else if (!strcmp(word, "body"))
			request->to_send = atol(value);
		else if (!strcmp(word, "flags"))
			info.ssl_connection = flags_of(value);
		else if (!strcmp(word, "credit"))
			info.manual_initial_tx_credit = atoi(value);
		else if (!strcmp(word, "mode")) {
			request->noread = !strcmp(value, "noread");
			request->late = !strcmp(value, "late");
			request->pull = !strcmp(value, "pull");
		}
		else if (!strcmp(word, "strike"))
			sscanf(value, "%23[^@]@%23s", request->strike, request->at);
		else if (!strcmp(word, "then")) {
			char *p;

			snprintf(request->then, sizeof(request->then), "%s", value);
			for (p = request->then; *p; p++)
				if (*p == ';')
					*p = ' ';
		} else
			violation("unknown key %s", word);
	}
	in_connect = 1;
	request->seat = (struct lws *)(void *)request;
	if (!lws_client_connect_via_info(&info)) {
		request->null = 1;
		printf("%d NULL\n", request->id);
		if (request->error)
			violation("%d: NULL after a callback said so", request->id);
		/* a callback that serviced the loop may have seen all of the answer */
		if (request->established)
			request->null = 0;
		if (request->seat)
			violation("%d: NULL, but *pwsi is not", request->id);
	} else if (request->seat == (struct lws *)(void *)request || !request->seat) {
		violation("%d: *pwsi was not set", request->id);
	}
	in_connect = outer;
}

/* ---- commands ---- */

static struct request *request_of(const char *line)
{
	const char *id = strstr(line, "id=");
	unsigned int n;

	for (n = 0; id && n < request_count; n++)
		if (requests[n].id == atoi(id + 3))
			return &requests[n];
	violation("no such request: %s", line);
	return NULL;
}

static void print_stats(void)
{
	struct ferrows_stats s;

	memset(&s, 0, sizeof(s));
	ferrows_context_stats(context, &s, sizeof(s));
	printf("stats wsi=%llu h2_stream=%llu ah=%llu session=%llu fd=%llu buffered=%llu timer=%llu\n",
	       (unsigned long long)s.wsi.live, (unsigned long long)s.h2_stream.live,
	       (unsigned long long)s.ah.live, (unsigned long long)s.session.live,
	       (unsigned long long)s.fd.live, (unsigned long long)s.buffered.live,
	       (unsigned long long)s.timer.live);
}

static void obey(char *line)
{
	struct request *request;

	if (!strncmp(line, "get ", 4)) {
		make_request(line + 4);
		return;
	}
	if (!strcmp(line, "settle")) {
		settling = 1;
		return;
	}
	if (!strcmp(line, "stats")) {
		print_stats();
		return;
	}
	request = request_of(line);
	if (!request || !request->wsi) {
		printf("gone: %s\n", line);
		return;
	}
	if (!strncmp(line, "read ", 5)) {
		request->noread = 0;
		read_some(request->wsi);
	} else if (!strncmp(line, "pause ", 6))
		lws_rx_flow_control(request->wsi, 0);
	else if (!strncmp(line, "grant ", 6))
		lws_wsi_tx_credit(request->wsi, LWSTXCR_PEER_TO_US, 10000000);
	else if (!strncmp(line, "resume ", 7))
		lws_rx_flow_control(request->wsi, 1);
	else if (!strncmp(line, "kill-sync ", 10))
		act("kill-sync", request->wsi);
	else if (!strncmp(line, "kill ", 5))
		act("kill-async", request->wsi);
	else
		violation("unknown command: %s", line);
}

/* Returns nonzero at end of file. */
static int commands(void)
{
	static char buffer[65536];
	static size_t have;
	ssize_t n = read(0, buffer + have, sizeof(buffer) - have - 1);
	char *end;

	if (n <= 0)
		return 1;
	have += (size_t)n;
	buffer[have] = '\0';
	while (!destroying && (end = strchr(buffer, '\n'))) {
		*end++ = '\0';
		obey(buffer);
		have -= (size_t)(end - buffer);
		memmove(buffer, end, have + 1);
	}
	return 0;
}

/* ---- the loop ---- */

static void check_ends(void)
{
	unsigned int n;

	for (n = 0; n < request_count; n++) {
		const struct request *r = &requests[n];

		if (r->null + r->error + r->closed != 1 || r->bound)
			violation("%d ends with NULL %d, error %d, established %d, completed %d, closed %d, bound %d",
				  r->id, r->null, r->error, r->established, r->completed, r->closed, r->bound);
	}
	if (tracked_count)
		violation("%u wsi without WSI_DESTROY", tracked_count);
}

/* When all is as it was before any request: a loop that has nothing to do waits. */
static void settle(void)
{
	struct pollfd set[TABLE_MAX];
	struct ferrows_stats s;
	unsigned int n;
	int timeout;

	memset(&s, 0, sizeof(s));
	ferrows_context_stats(context, &s, sizeof(s));
	if (s.wsi.live != baseline.wsi.live || s.fd.live != baseline.fd.live || s.timer.live || s.ah.live ||
	    s.session.live || s.h2_stream.live || s.buffered.live)
		return;
	settling = 0;
	for (n = 0; n < used; n++) {
		set[n].fd = table[n].fd;
		set[n].events = table[n].events;
	}
	if (used != 1)
		violation("%u fds in the table of an idle loop", used);
	/* what is due early, or was signalled, is over after a turn */
	if (poll(set, used, 0) == 0) {
		timeout = lws_service_adjust_timeout(context, 1000, 0);
		if (timeout < 15)
			violation("an idle loop is to wait %d ms", timeout);
		if (poll(set, used, 15))
			violation("an idle loop has an event");
		check_ends();
		printf("settled after %lu turns\n", turns);
		turns = 0;
	} else {
		settling = 1;
	}
}

static void service(int fd, short revents)
{
	struct lws_pollfd pfd = { .fd = fd };
	int at = find_fd(fd);

	if (at < 0 || destroying)
		return;
	pfd.events = events_are_revents ? revents : table[at].events;
	pfd.revents = revents;
	lws_service_fd(context, &pfd);
}

/* What mode=pull left is read, then more of it may come. */
static void pull(void)
{
	unsigned long long before;
	unsigned int n;

	for (n = 0; n < request_count && !destroying; n++) {
		struct request *request = &requests[n];

		if (!request->pulling || !request->wsi)
			continue;
		do {
			before = request->received;
			if (read_some(request->wsi) < 0)
				break;
		} while (request->wsi && request->received != before);
		request->pulling = 0;
		if (request->wsi)
			lws_rx_flow_control(request->wsi, 1);
	}
}

/* Says of every fd what nobody asked about, also of fds that were closed and given out again within the turn. */
static void service_spuriously(const struct pollfd *set, unsigned int count)
{
	unsigned int n;

	for (n = 0; n < count; n++)
		service(set[n].fd, LWS_POLLIN | LWS_POLLOUT);
}

static void run(void)
{
	unsigned long busy = 0;

	while (!destroying) {
		struct pollfd set[TABLE_MAX + 1];
		unsigned int n, count;
		int fired, timeout = lws_service_adjust_timeout(context, 5000, 0);

		if (destroying)
			break;
		pull();
		if (settling)
			settle();
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
		turns++;
		busy = !timeout && !fired ? busy + 1 : 0;
		if (busy == 50)
			violation("50 turns without waiting and without an event");
		if (turns == 100000)
			violation("100000 turns");
		for (n = 0; n < count && !destroying; n++) {
			int bit;

			if (!set[n].revents || find_fd(set[n].fd) < 0)
				continue;
			if (set[n].revents & POLLNVAL) {
				violation("fd %d is in the table and closed", set[n].fd);
				return;
			}
			for (bit = 1; one_bit && bit < 256; bit <<= 1)
				if (set[n].revents & bit)
					service(set[n].fd, (short)bit);
			if (!one_bit)
				service(set[n].fd, set[n].revents);
		}
		if (spurious)
			service_spuriously(set, count);
		if (!destroying && set[count].revents && commands())
			break;
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
	struct lws_context_creation_info info;
	const char *v, *ca = NULL, *proxy = NULL;
	int n, fds_before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&info, 0, sizeof(info));
	for (n = 1; n < argc; n++) {
		if ((v = value_of(argv[n], "--timeout")))
			info.timeout_secs = (unsigned int)atoi(v);
		else if ((v = value_of(argv[n], "--connect-timeout")))
			info.connect_timeout_secs = (unsigned int)atoi(v);
		else if ((v = value_of(argv[n], "--refuse")))
			sscanf(v, "%d-%d", &refuse_from, &refuse_to);
		else if ((v = value_of(argv[n], "--ca")))
			ca = v;
		else if ((v = value_of(argv[n], "--proxy")))
			proxy = v;
		else if ((v = value_of(argv[n], "--strike-op"))) {
			char *copy = strdup(v), *at = copy ? strchr(copy, '@') : NULL;

			if (!at)
				return 2;
			*at = '\0';
			strike_op = copy;
			strike_op_at = at + 1;
		} else if (!strcmp(argv[n], "--spurious"))
			spurious = 1;
		else if (!strcmp(argv[n], "--one-bit"))
			one_bit = 1;
		else if (!strcmp(argv[n], "--events-are-revents"))
			events_are_revents = 1;
		else if (!strcmp(argv[n], "--close-says-1"))
			close_says_1 = 1;
		else {
			fprintf(stderr, "unknown argument %s\n", argv[n]);
			return 2;
		}
	}
	lws_set_log_level(LLL_ERR | LLL_WARN | LLL_NOTICE | LLL_INFO, emit);
	/* the tests say which proxy there is */
	unsetenv("http_proxy");

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	fds_before = open_fds();
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.event_lib_custom = &evlib;
	info.pcontext = &context;
	context = lws_create_context(&info);
	if (!context)
		return 2;
	info.protocols = protocols;
	info.client_ssl_ca_filepath = ca;
	info.http_proxy_address = proxy;
	vhost = lws_create_vhost(context, &info);
	if (!vhost)
		return 2;
	ferrows_context_stats(context, &baseline, sizeof(baseline));
	created = 1;
	puts("ready");
	run();

	if (destroying && context)
		violation("the context destroyed inside the service is still there after it");
	if (!destroying)
		puts("destroying");
	destroying = 1;
	lws_context_destroy(context);
	if (context)
		violation("the context is still there after its destruction");
	check_ends();
	/* a thread that is stuck in a look-up has a descriptor until it returns */
	for (n = 0; n < 1000 && open_fds() > fds_before; n++)
		usleep(10000);
	if (open_fds() > fds_before)
		violation("%d open fds, %d before", open_fds(), fds_before);
	for (n = 0; n < FD_MAX; n++)
		if (taken[n])
			violation("fd %d was never given back by wsi_logical_close", n);
	printf("destroyed, %d violations\n", violations);
	close(epoll_fd);
	return violations ? 1 : 0;
}
