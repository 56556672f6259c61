/*
 * Every function of the API, called where programs may call it: with NULLs, about a wsi that is gone, and from
 * inside every callback and every operation of the event loop.
 *
 *   reentry null              each function with NULL and 0
 *   reentry stale             each function that takes a wsi, with one that was freed
 *   reentry places            which places the traffic reaches
 *   reentry matrix FIRST...   the calls with these numbers, at each place in turn
 *
 * api-calls.h is made from the headers and tests/data/api.tsv. Each complaint is a line that starts with "WRONG"; the
 * exit code is 1 if there was one.
 */
#include <libwebsockets.h>
#include <ferrows.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRATCH 4096

/* What the generated calls take their arguments from; all zero for the calls with NULL. */
struct args {
	struct lws *w;
	struct lws_context *cx;
	struct lws_vhost *vh;
	const struct lws_protocols *protocol;
	const char *s;
	char *buf, *end;
	void *pp, *zero, *sul, *pollfd, *info;
	size_t n;
	long long i;
};

struct api {
	const char *name;
	int (*call)(struct args *a);	/* 1: the result is that for NULL */
	int stateful;			/* takes a context, a vhost or a wsi */
	int takes_wsi;
};

static void never(lws_sorted_usec_list_t *sul);
static int live_create_context(struct args *a);
static int live_create_vhost(struct args *a);
static void each_header(const char *name, int len, void *opaque);

/* For a function that takes one and finds no use for it in its format. */
static va_list no_arguments;

#include "api-calls.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- where ---- */

enum place {
	OUTSIDE, SUL, FINALIZE, HEADER_FOREACH,
	OP_INIT_CONTEXT, OP_INIT_PT, OP_LISTEN, OP_ACCEPT, OP_IO, OP_CLOSE, OP_DESTROY_WSI, OP_DESTROY_PT,
	OP_DESTROY_CONTEXT1, OP_DESTROY_CONTEXT2,
	FIRST_REASON
};

static const char *const op_names[] = {
	"outside", "sul", "finalize", "header-foreach", "init_context", "init_pt", "init_vhost_listen_wsi",
	"sock_accept", "io", "wsi_logical_close", "destroy_wsi", "destroy_pt", "destroy_context1",
	"destroy_context2",
};

static const struct { int reason; const char *name; } reasons[] = {
	{ LWS_CALLBACK_FILTER_NETWORK_CONNECTION, "FILTER_NETWORK_CONNECTION" },
	{ LWS_CALLBACK_WSI_CREATE, "WSI_CREATE" },
	{ LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED, "SERVER_NEW_CLIENT_INSTANTIATED" },
	{ LWS_CALLBACK_FILTER_HTTP_CONNECTION, "FILTER_HTTP_CONNECTION" },
	{ LWS_CALLBACK_HTTP_BIND_PROTOCOL, "HTTP_BIND_PROTOCOL" },
	{ LWS_CALLBACK_CHECK_ACCESS_RIGHTS, "CHECK_ACCESS_RIGHTS" },
	{ LWS_CALLBACK_HTTP, "HTTP" },
	{ LWS_CALLBACK_HTTP_BODY, "HTTP_BODY" },
	{ LWS_CALLBACK_HTTP_BODY_COMPLETION, "HTTP_BODY_COMPLETION" },
	{ LWS_CALLBACK_HTTP_WRITEABLE, "HTTP_WRITEABLE" },
	{ LWS_CALLBACK_HTTP_FILE_COMPLETION, "HTTP_FILE_COMPLETION" },
	{ LWS_CALLBACK_ADD_HEADERS, "ADD_HEADERS" },
	{ LWS_CALLBACK_HTTP_DROP_PROTOCOL, "HTTP_DROP_PROTOCOL" },
	{ LWS_CALLBACK_CLOSED_HTTP, "CLOSED_HTTP" },
	{ LWS_CALLBACK_WSI_DESTROY, "WSI_DESTROY" },
	{ LWS_CALLBACK_PROTOCOL_INIT, "PROTOCOL_INIT" },
	{ LWS_CALLBACK_PROTOCOL_DESTROY, "PROTOCOL_DESTROY" },
	{ LWS_CALLBACK_EVENT_WAIT_CANCELLED, "EVENT_WAIT_CANCELLED" },
	{ LWS_CALLBACK_TIMER, "TIMER" },
	{ LWS_CALLBACK_ADD_POLL_FD, "ADD_POLL_FD" },
	{ LWS_CALLBACK_DEL_POLL_FD, "DEL_POLL_FD" },
	{ LWS_CALLBACK_CHANGE_MODE_POLL_FD, "CHANGE_MODE_POLL_FD" },
	{ LWS_CALLBACK_LOCK_POLL, "LOCK_POLL" },
	{ LWS_CALLBACK_UNLOCK_POLL, "UNLOCK_POLL" },
};

#define PLACES (FIRST_REASON + (int)COUNT(reasons))

static const char *place_name(int place)
{
	return place < FIRST_REASON ? op_names[place] : reasons[place - FIRST_REASON].name;
}

/* ---- the state of one run ---- */

static struct lws_context *context;
static struct lws_vhost *vhost;
static struct lws *last_wsi;
static const struct lws_protocols *protocol;
static lws_sorted_usec_list_t timer, spare;
static const struct api *striking;	/* NULL: only look which places are reached */
static int strike_place, strikes, busy;
static int reached[FIRST_REASON + COUNT(reasons)];
static int wrong;
static struct lws *alive[256];
static int alive_count;
static const char *www;
static int port;

static void emit(int level, const char *line)
{
	if (level == LLL_ERR && (strstr(line, "leaked") || strstr(line, "internal error"))) {
		printf("WRONG %s at %s: %s", striking ? striking->name : "-", place_name(strike_place), line);
		wrong = 1;
	}
}

static void complain(const char *what, long is, long should)
{
	printf("WRONG %s at %s: %s: %ld, not %ld\n", striking ? striking->name : "-", place_name(strike_place), what,
	       is, should);
	wrong = 1;
}

/* What user code does at a place, a few times in a run: not while it is already doing it. */
static void strike(int place, struct lws_context *cx, struct lws *wsi)
{
	static char buf[SCRATCH], zero[SCRATCH];
	struct lws_pollfd pollfd;
	struct args a;
	char *p = buf;

	reached[place] = 1;
	if (!striking || place != strike_place || busy || strikes >= 4)
		return;
	strikes++;
	busy = 1;
	memset(buf, 'x', 64);
	buf[64] = '\0';
	memset(zero, 0, sizeof(zero));
	memset(&a, 0, sizeof(a));
	a.cx = cx;
	a.w = wsi ? wsi : last_wsi;
	a.vh = a.w ? lws_get_vhost(a.w) : vhost;
	if (!a.vh)
		a.vh = vhost;
	a.protocol = protocol;
	a.s = "x";
	a.buf = buf;
	a.end = buf + sizeof(buf);
	a.pp = &p;
	a.zero = zero;
	a.sul = &spare;
	memset(&pollfd, 0, sizeof(pollfd));
	pollfd.fd = lws_get_socket_fd(a.w);
	pollfd.events = pollfd.revents = POLLIN | POLLOUT;
	a.pollfd = &pollfd;
	a.n = 4;
	striking->call(&a);
	busy = 0;
}

/* ---- the loop ---- */

static struct pollfd table[64];
static int used;

static int table_find(int fd)
{
	int n;

	for (n = 0; n < used; n++)
		if (table[n].fd == fd)
			return n;
	return -1;
}

static void table_add(int fd)
{
	if (table_find(fd) >= 0 || used == (int)COUNT(table)) {
		complain("fd added twice", fd, -1);
		return;
	}
	table[used].fd = fd;
	table[used].revents = table[used].events = 0;
	used++;
}

static int op_init_context(struct lws_context *cx, const struct lws_context_creation_info *info)
{
	(void)info;
	strike(OP_INIT_CONTEXT, cx, NULL);
	return 0;
}

static int op_init_pt(struct lws_context *cx, void *loop, int tsi)
{
	(void)loop;
	(void)tsi;
	strike(OP_INIT_PT, cx, NULL);
	return 0;
}

static int op_listen(struct lws *wsi)
{
	table_add(lws_get_socket_fd(wsi));
	strike(OP_LISTEN, lws_get_context(wsi), wsi);
	return 0;
}

static int op_accept(struct lws *wsi)
{
	table_add(lws_get_socket_fd(wsi));
	strike(OP_ACCEPT, lws_get_context(wsi), wsi);
	return 0;
}

static void op_io(struct lws *wsi, unsigned int flags)
{
	int n = table_find(lws_get_socket_fd(wsi));
	short bits = (short)((flags & LWS_EV_READ ? POLLIN : 0) | (flags & LWS_EV_WRITE ? POLLOUT : 0));

	if (n < 0) {
		complain("io of an fd that is not in the table", lws_get_socket_fd(wsi), 0);
		return;
	}
	if (flags & LWS_EV_START)
		table[n].events |= bits;
	else
		table[n].events &= (short)~bits;
	strike(OP_IO, lws_get_context(wsi), wsi);
}

static int op_close(struct lws *wsi)
{
	int n = table_find(lws_get_socket_fd(wsi));

	if (n < 0)
		complain("closed and not in the table", lws_get_socket_fd(wsi), 0);
	else
		table[n] = table[--used];
	strike(OP_CLOSE, lws_get_context(wsi), wsi);
	return 1;
}

static void op_destroy_wsi(struct lws *wsi)
{
	strike(OP_DESTROY_WSI, lws_get_context(wsi), wsi);
}

static void op_destroy_pt(struct lws_context *cx, int tsi)
{
	(void)tsi;
	strike(OP_DESTROY_PT, cx, NULL);
}

static int op_destroy_context1(struct lws_context *cx)
{
	strike(OP_DESTROY_CONTEXT1, cx, NULL);
	return 0;
}

static int op_destroy_context2(struct lws_context *cx)
{
	strike(OP_DESTROY_CONTEXT2, cx, NULL);
	return 0;
}

static const struct lws_event_loop_ops ops = {
	.name = "reentry",
	.init_context = op_init_context,
	.init_pt = op_init_pt,
	.init_vhost_listen_wsi = op_listen,
	.sock_accept = op_accept,
	.io = op_io,
	.wsi_logical_close = op_close,
	.destroy_wsi = op_destroy_wsi,
	.destroy_pt = op_destroy_pt,
	.destroy_context1 = op_destroy_context1,
	.destroy_context2 = op_destroy_context2,
};

static lws_plugin_evlib_t evlib;

/* One turn of a loop that never sleeps; how many events there were. */
static int turn(void)
{
	struct pollfd ready[COUNT(table)];
	int n, count, events = 0;

	if (!context)
		return 0;
	lws_service_adjust_timeout(context, 1, 0);
	count = used;
	memcpy(ready, table, sizeof(ready));
	if (poll(ready, (nfds_t)count, 0) <= 0)
		return 0;
	for (n = 0; n < count && context; n++) {
		struct lws_pollfd pfd;

		if (!ready[n].revents)
			continue;
		if (ready[n].revents & POLLNVAL) {
			complain("a closed fd is in the table", ready[n].fd, 0);
			return 0;
		}
		events++;
		pfd.fd = ready[n].fd;
		pfd.events = ready[n].events;
		pfd.revents = ready[n].revents;
		lws_service_fd(context, &pfd);
	}
	return events;
}

/* Until nothing happens any more. */
static void settle(void)
{
	int quiet = 0, turns = 0;

	while (context && quiet < 3 && turns++ < 400) {
		quiet = turn() ? 0 : quiet + 1;
		strike(OUTSIDE, context, NULL);
	}
	if (turns > 400)
		complain("turns of the loop", turns, 400);
}

/* ---- the program ---- */

struct session {
	int to_send;
};

static void never(lws_sorted_usec_list_t *sul)
{
	(void)sul;
}

static void each_header(const char *name, int len, void *opaque)
{
	(void)name;
	(void)len;
	strike(HEADER_FOREACH, context, opaque);
}

static void on_sul(lws_sorted_usec_list_t *sul)
{
	(void)sul;
	strike(SUL, context, NULL);
}

static void on_finalize(struct lws_vhost *vh, void *arg)
{
	(void)vh;
	(void)arg;
	strike(FINALIZE, context, NULL);
}

static int send_head(struct lws *wsi)
{
	unsigned char buf[LWS_PRE + 512], *start = &buf[LWS_PRE], *p = start, *end = &buf[sizeof(buf) - 1];

	return lws_add_http_common_headers(wsi, 200, "text/plain", 12, &p, end) ||
	       lws_finalize_write_http_header(wsi, start, &p, end);
}

static int serve(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	unsigned char buf[LWS_PRE + 16];
	struct session *session = user;

	switch ((int)reason) {
	case LWS_CALLBACK_HTTP:
		lws_hdr_custom_name_foreach(wsi, each_header, wsi);
		session = lws_wsi_user(wsi);
		lws_set_timer_usecs(wsi, 1);
		if (lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0 || (len && strstr(in, "post")))
			return 0;
		break;
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		break;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		if (!session || !session->to_send)
			return 0;
		session->to_send = 0;
		memcpy(&buf[LWS_PRE], "hello world\n", 12);
		if (lws_write(wsi, &buf[LWS_PRE], 12, LWS_WRITE_HTTP_FINAL) != 12)
			return -1;
		return lws_http_transaction_completed(wsi) ? -1 : 0;
	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
	if (send_head(wsi))
		return -1;
	if (session)
		session->to_send = 1;
	lws_callback_on_writable(wsi);
	return 0;
}

/* Each WSI_CREATE has one WSI_DESTROY; that of a listener has no WSI_CREATE, as in lws. */
static void count_wsi(struct lws *wsi, enum lws_callback_reasons reason)
{
	int n;

	if (reason == LWS_CALLBACK_WSI_CREATE && alive_count < (int)COUNT(alive)) {
		alive[alive_count++] = wsi;
		last_wsi = wsi;
	}
	if (reason == LWS_CALLBACK_WSI_DESTROY)
		for (n = 0; n < alive_count; n++)
			if (alive[n] == wsi) {
				alive[n] = alive[--alive_count];
				return;
			}
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct lws_context *cx = lws_get_context(wsi);
	size_t n;

	count_wsi(wsi, reason);
	if (!protocol && reason == LWS_CALLBACK_PROTOCOL_INIT)
		protocol = lws_get_protocol(wsi);
	for (n = 0; n < COUNT(reasons); n++)
		if (reasons[n].reason == (int)reason)
			strike(FIRST_REASON + (int)n, cx, wsi);
	/* the strike may have replaced it, which frees the session memory */
	user = lws_wsi_user(wsi);
	switch ((int)reason) {
	case LWS_CALLBACK_ADD_POLL_FD:
	case LWS_CALLBACK_DEL_POLL_FD:
	case LWS_CALLBACK_CHANGE_MODE_POLL_FD:
	case LWS_CALLBACK_LOCK_POLL:
	case LWS_CALLBACK_UNLOCK_POLL:
		return 0;
	default:
		return serve(wsi, reason, user, in, len);
	}
}

static const struct lws_protocols protocols[] = {
	{ "http", callback, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct lws_http_mount files = {
	.mountpoint = "/files", .mountpoint_len = 6, .origin_protocol = LWSMPRO_FILE, .def = "index.html",
	.protocol = "http",
};

static struct lws_http_mount mounts[2];

static void fill(struct lws_context_creation_info *info)
{
	memset(info, 0, sizeof(*info));
	mounts[0] = files;
	mounts[0].origin = www;
	mounts[0].mount_next = &mounts[1];
	memset(&mounts[1], 0, sizeof(mounts[1]));
	mounts[1].mountpoint = "/cb";
	mounts[1].mountpoint_len = 3;
	mounts[1].origin = "http";
	mounts[1].origin_protocol = LWSMPRO_CALLBACK;
	info->port = 0;
	info->iface = "127.0.0.1";
	info->protocols = protocols;
	info->mounts = mounts;
	info->finalize = on_finalize;
}

/* A second context, inside whatever is going on in the first. */
static int live_create_context(struct args *a)
{
	struct lws_context_creation_info info;
	struct lws_context *second;

	(void)a;
	fill(&info);
	info.finalize = NULL;
	second = lws_create_context(&info);
	if (second) {
		lws_service(second, -1);
		lws_context_destroy(second);
	}
	return 1;
}

static int live_create_vhost(struct args *a)
{
	struct lws_context_creation_info info;

	fill(&info);
	info.vhost_name = "another";
	lws_create_vhost(a->cx, &info);
	return 1;
}

static int create(void)
{
	struct lws_context_creation_info info;

	memset(&timer, 0, sizeof(timer));
	memset(&spare, 0, sizeof(spare));
	fill(&info);
	evlib.ops = &ops;
	info.event_lib_custom = &evlib;
	info.pcontext = &context;
	info.vhost_name = "localhost";
	used = 0;
	vhost = NULL;
	context = lws_create_context(&info);
	vhost = context ? lws_get_vhost_by_name(context, "localhost") : NULL;
	if (!vhost)
		return 1;
	port = lws_get_vhost_listen_port(vhost);
	lws_sul_schedule(context, 0, &timer, on_sul, 1);
	return 0;
}

/* ---- the clients ---- */

static int client(const void *bytes, size_t len)
{
	struct sockaddr_in address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_port = htons((unsigned short)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		/* the strike may have closed the listener */
		close(fd);
		return -1;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (send(fd, bytes, len, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		perror("send");
	return fd;
}

static size_t h2_frame(unsigned char *at, int kind, int flags, int stream, const void *payload, size_t len)
{
	at[0] = 0;
	at[1] = (unsigned char)(len >> 8);
	at[2] = (unsigned char)len;
	at[3] = (unsigned char)kind;
	at[4] = (unsigned char)flags;
	at[5] = at[6] = at[7] = 0;
	at[8] = (unsigned char)stream;
	memcpy(at + 9, payload, len);
	return 9 + len;
}

static size_t h2_request(unsigned char *at, int stream, const char *method, const char *path, int end)
{
	const char *pairs[][2] = {
		{ ":method", method }, { ":scheme", "http" }, { ":path", path }, { ":authority", "localhost" },
		{ "x-custom", "1" },
	};
	unsigned char block[256], *p = block;
	size_t n, m;

	for (n = 0; n < COUNT(pairs); n++) {
		*p++ = 0;
		for (m = 0; m < 2; m++) {
			size_t len = strlen(pairs[n][m]);

			*p++ = (unsigned char)len;
			memcpy(p, pairs[n][m], len);
			p += len;
		}
	}
	return h2_frame(at, 1, end ? 5 : 4, stream, block, (size_t)(p - block));
}

static void traffic(void)
{
	static const char *const h1[] = {
		"GET /cb/get HTTP/1.1\r\nHost: localhost\r\nx-custom: 1\r\n\r\n",
		"POST /cb/post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody",
		"GET /files/index.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /nothing HTTP/1.0\r\n\r\n",
	};
	unsigned char h2[2048], *p = h2;
	int fds[COUNT(h1) + 1], n;
	char sink[4096];

	for (n = 0; n < (int)COUNT(h1); n++)
		fds[n] = client(h1[n], strlen(h1[n]));
	memcpy(p, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	p += 24;
	p += h2_frame(p, 4, 0, 0, "", 0);
	p += h2_request(p, 1, "GET", "/cb/get", 1);
	p += h2_request(p, 3, "POST", "/cb/post", 0);
	p += h2_frame(p, 0, 1, 3, "body", 4);
	p += h2_request(p, 5, "GET", "/files/index.html", 1);
	p += h2_request(p, 7, "GET", "/nothing", 1);
	fds[n++] = client(h2, (size_t)(p - h2));
	settle();
	while (n--)
		if (fds[n] >= 0) {
			while (read(fds[n], sink, sizeof(sink)) > 0)
				;
			close(fds[n]);
		}
	settle();
}

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/* A context's whole life, with `striking` called at `strike_place`. */
static void life(void)
{
	int before = open_fds();

	strikes = alive_count = busy = 0;
	last_wsi = NULL;
	protocol = NULL;
	if (!create()) {
		settle();
		traffic();
	}
	if (context)
		lws_context_destroy(context);
	lws_sul_cancel(&timer);
	lws_sul_cancel(&spare);
	if (context) {
		complain("the context was not destroyed", 1, 0);
		context = NULL;
	}
	if (striking && !strikes)
		complain("calls", 0, 1);
	if (alive_count)
		complain("WSI_CREATE without WSI_DESTROY", alive_count, 0);
	if (used)
		complain("fds in the loop after the end", used, 0);
	if (open_fds() != before)
		complain("open fds after the end", open_fds(), before);
}

static void stale(void)
{
	struct lws *gone;
	struct args a;
	size_t n;

	striking = NULL;
	if (create())
		return;
	settle();
	traffic();
	gone = last_wsi;
	if (!gone || lws_get_socket_fd(gone) != -1) {
		complain("no wsi has been freed", 0, 1);
		return;
	}
	for (n = 0; n < COUNT(apis); n++) {
		if (!apis[n].takes_wsi)
			continue;
		memset(&a, 0, sizeof(a));
		a.w = gone;
		printf("%s\n", apis[n].name);
		if (!apis[n].call(&a)) {
			printf("WRONG %s: not its error value for a wsi that is gone\n", apis[n].name);
			wrong = 1;
		}
	}
	lws_context_destroy(context);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	struct args none;
	size_t n;
	int m;

	setvbuf(stdout, NULL, _IOLBF, 0);
	www = getenv("REENTRY_WWW");
	lws_set_log_level(LLL_ERR | LLL_WARN, emit);
	memset(&none, 0, sizeof(none));
	if (!strcmp(mode, "null"))
		for (n = 0; n < COUNT(apis); n++) {
			printf("%s\n", apis[n].name);
			if (!apis[n].call(&none)) {
				printf("WRONG %s: not its error value for NULL\n", apis[n].name);
				wrong = 1;
			}
			lws_set_log_level(LLL_ERR | LLL_WARN, emit);
		}
	else if (!strcmp(mode, "stale"))
		stale();
	else if (!strcmp(mode, "places")) {
		life();
		for (m = 0; m < PLACES; m++)
			printf("%s %s\n", reached[m] ? "reached" : "WRONG: not reached:", place_name(m));
	} else if (!strcmp(mode, "matrix"))
		for (m = 2; m < argc; m++) {
			striking = &live[atoi(argv[m])];
			for (strike_place = 0; strike_place < PLACES; strike_place++) {
				printf("%s at %s\n", striking->name, place_name(strike_place));
				life();
			}
		}
	else
		return 2;
	printf("done\n");
	return wrong;
}
