/*
 * An HTTP server whose event loop misbehaves on request. It watches the library: what it finds
 * wrong is a line "VIOLATION: ..." on stdout and exit code 1.
 *
 * Always watched:
 *   - each successful sock_accept / init_vhost_listen_wsi is matched by exactly one
 *     wsi_logical_close, while the fd is still open (it can be taken out of an epoll set);
 *   - no op for a wsi without an fd or for an fd that was refused;
 *   - WSI_CREATE and WSI_DESTROY, HTTP_BIND_PROTOCOL and HTTP_DROP_PROTOCOL come in pairs, no
 *     callback after WSI_DESTROY;
 *   - lws_service_adjust_timeout does not keep saying 0 while nothing happens;
 *   - no internal error is logged;
 *   - at destroy: no error line, nothing live in the statistics, no fd more than before create.
 *
 * Stdin: "stats" prints the live counts; end of file destroys the context and ends the program.
 *
 *   --fault=A,B,...   see enum fault
 *   --at=REASON       where the callback faults strike (http, body, body-completion, writeable,
 *                     closed, create, destroy, new-client, filter, cancelled, bind, drop, timer)
 *   --tls=CERT,KEY    a second vhost, with TLS
 *   --www=DIR --pool=N --slots=N --refuse-every=N --timeout=SECONDS
 */
#define _GNU_SOURCE
#include <libwebsockets.h>
#ifdef LWS_FERROWS
#include <ferrows.h>
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TABLE_MAX 1024
#define FD_MAX 65536
#define TRACKED_MAX 65536

enum fault {
	CLOSE_SAYS_1,		/* wsi_logical_close always returns 1 */
	UNGUARDED,		/* ... only for an fd that is not in the table */
	LISTEN_REFUSED,		/* init_vhost_listen_wsi returns 1 */
	PIPE_REFUSED,		/* sock_accept returns 1 for the first fd: the event pipe */
	ACCEPT_FORGETS,		/* sock_accept returns 0, and that is all */
	OPS_NULL,		/* no op at all: lws_service() drives */
	OPS_NO_IO,		/* everything but io; lws_service() drives */
	IO_NOTHING,		/* io does nothing; POLLIN and POLLOUT are always subscribed */
	IO_FORGETS,		/* every third io is lost; lws_service_fd gets both bits anyway */
	ONE_BIT,		/* one lws_service_fd call per revents bit */
	EVENTS_ARE_REVENTS,	/* pollfd.events holds what fired, not what is subscribed */
	STALE_FDS,		/* closed fds, bogus fds and NULL go to lws_service_fd */
	SPURIOUS,		/* every fd is said to be readable and writable, every turn */
	NO_REVENTS,		/* lws_service_fd with revents 0, every turn */
	DESTROY_IN_CALLBACK,	/* lws_context_destroy in the callback named by --at */
	DESTROY_IN_ACCEPT,	/* ... in sock_accept of a connection */
	DESTROY_IN_IO,		/* ... in io of a connection */
	DESTROY_IN_CLOSE,	/* ... in wsi_logical_close of a connection */
	VHOST_DESTROY,		/* lws_vhost_destroy of the wsi's vhost in the callback of --at */
	KILL_SYNC_IN_CALLBACK,	/* LWS_TO_KILL_SYNC in the callback of --at */
	KILL_ASYNC_IN_CALLBACK,
	KILL_SYNC_IN_IO,	/* LWS_TO_KILL_SYNC in io of a connection */
	KILL_ASYNC_IN_IO,
	KILL_ASYNC_IN_ACCEPT,
	KILL_SYNC_IN_ACCEPT,
	FAIL_CALLBACK,		/* the callback of --at returns -1 */
	REENTER_IN_CALLBACK,	/* lws_service_fd & co. in every callback */
	REENTER_IN_OPS,		/* ... in every op */
	RXFLOW,			/* rx is paused in HTTP_BODY and resumed by a timer */
	EXTERNAL_POLL,		/* no event library: the table follows the poll callbacks */
	FAULTS
};

static const char * const fault_names[FAULTS] = {
	"close-says-1", "unguarded", "listen-refused", "pipe-refused", "accept-forgets",
	"ops-null", "ops-no-io", "io-nothing", "io-forgets", "one-bit", "events-are-revents",
	"stale-fds", "spurious", "no-revents", "destroy-in-callback", "destroy-in-accept",
	"destroy-in-io", "destroy-in-close", "vhost-destroy", "kill-sync-in-callback",
	"kill-async-in-callback", "kill-sync-in-io", "kill-async-in-io", "kill-async-in-accept",
	"kill-sync-in-accept", "fail-callback", "reenter-in-callback", "reenter-in-ops", "rxflow",
	"external-poll",
};

struct session {
	struct lws *wsi;
	lws_sorted_usec_list_t resume;
	size_t body;
	size_t to_send;
	int headers_sent;
	int wants_answer;
};

static int faults[FAULTS];
static const char *strike_at = "";
static int strikes;

static struct lws_context *context;
static int created, destroying, stopping, stats_wanted;
static int violations, errors_logged;

/* ---- the watch ---- */

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

static void emit(int level, const char *line)
{
	fputs(line, stderr);
	if (level & LLL_ERR)
		errors_logged++;
	if (strstr(line, "internal error"))
		violation("%.*s", (int)strcspn(line, "\n"), line);
}

/* A wsi that has had WSI_CREATE and not yet WSI_DESTROY. */
struct tracked {
	const struct lws *wsi;
	int bound;
};

static struct tracked tracked[TRACKED_MAX];
static unsigned int tracked_count;

static struct tracked *find_tracked(const struct lws *wsi)
{
	unsigned int n;

	for (n = 0; n < tracked_count; n++)
		if (tracked[n].wsi == wsi)
			return &tracked[n];
	return NULL;
}

static void watch_callback(const struct lws *wsi, enum lws_callback_reasons reason)
{
	struct tracked *t = find_tracked(wsi);

	switch (reason) {
	case LWS_CALLBACK_WSI_CREATE:
		if (t)
			violation("WSI_CREATE twice for %p", (const void *)wsi);
		else if (tracked_count < TRACKED_MAX) {
			tracked[tracked_count].wsi = wsi;
			tracked[tracked_count++].bound = 0;
		}
		break;
	case LWS_CALLBACK_WSI_DESTROY:
		if (!t)
			break; /* a listening one */
		if (t->bound)
			violation("WSI_DESTROY of a wsi bound %d times", t->bound);
		*t = tracked[--tracked_count];
		break;
	case LWS_CALLBACK_HTTP_BIND_PROTOCOL:
		if (t)
			t->bound++;
		break;
	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
		if (t && --t->bound < 0)
			violation("HTTP_DROP_PROTOCOL without HTTP_BIND_PROTOCOL");
		break;
	case LWS_CALLBACK_HTTP:
	case LWS_CALLBACK_HTTP_BODY:
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
	case LWS_CALLBACK_HTTP_WRITEABLE:
	case LWS_CALLBACK_HTTP_FILE_COMPLETION:
	case LWS_CALLBACK_CLOSED_HTTP:
	case LWS_CALLBACK_FILTER_HTTP_CONNECTION:
		if (!t)
			violation("callback %d for a wsi that does not exist", (int)reason);
		break;
	default:
		break;
	}
}

static void print_stats(const char *what, struct lws_context *cx)
{
#ifdef LWS_FERROWS
	struct ferrows_stats s;

	memset(&s, 0, sizeof(s));
	if (ferrows_context_stats(cx, &s, sizeof(s))) {
		violation("ferrows_context_stats failed at %s", what);
		return;
	}
	printf("%s wsi=%llu h2_stream=%llu ah=%llu session=%llu fd=%llu buffered=%llu "
	       "timer=%llu\n", what, (unsigned long long)s.wsi.live,
	       (unsigned long long)s.h2_stream.live, (unsigned long long)s.ah.live,
	       (unsigned long long)s.session.live, (unsigned long long)s.fd.live,
	       (unsigned long long)s.buffered.live, (unsigned long long)s.timer.live);
#else
	(void)cx;
	printf("%s none\n", what);
#endif
}

static void check_nothing_lives(struct lws_context *cx)
{
#ifdef LWS_FERROWS
	struct ferrows_stats s;

	memset(&s, 0, sizeof(s));
	if (ferrows_context_stats(cx, &s, sizeof(s))) {
		violation("ferrows_context_stats failed in destroy_pt");
		return;
	}
	if (s.wsi.live || s.h2_stream.live || s.ah.live || s.session.live || s.fd.live ||
	    s.buffered.live)
		print_stats("VIOLATION: alive in destroy_pt:", cx);
#else
	(void)cx;
#endif
}

/* ---- the table ---- */

static struct lws_pollfd table[TABLE_MAX];
static unsigned int used, slots = TABLE_MAX, accepts, ios, refuse_every;
static unsigned char taken[FD_MAX];
static int epoll_fd = -1;
static int stale[16];
static unsigned int stale_next;

static int find_fd(int fd)
{
	unsigned int n;

	for (n = 0; n < used; n++)
		if (table[n].fd == fd)
			return (int)n;
	return -1;
}

static void reenter(void);

static int take(struct lws *wsi)
{
	struct epoll_event event;
	int fd = lws_get_socket_fd(wsi);

	if (fd < 0 || fd >= FD_MAX) {
		violation("an fd of %d to accept", fd);
		return 1;
	}
	if (taken[fd])
		violation("fd %d accepted twice", fd);
	memset(&event, 0, sizeof(event));
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		violation("epoll add of fd %d: %s", fd, strerror(errno));
	taken[fd] = 1;
	if (faults[ACCEPT_FORGETS] && created)
		return 0;
	table[used].fd = fd;
	table[used].events = LWS_POLLIN;
	if (faults[IO_NOTHING])
		table[used].events |= LWS_POLLOUT;
	table[used].revents = 0;
	used++;
	return 0;
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

static int op_sock_accept(struct lws *wsi)
{
	accepts++;
	if (faults[PIPE_REFUSED] && accepts == 1)
		return 1;
	if (used >= slots || (refuse_every && created && !(accepts % refuse_every)))
		return 1;
	if (take(wsi))
		return 1;
	if (!created)
		return 0;
	if (faults[REENTER_IN_OPS])
		reenter();
	if (faults[KILL_ASYNC_IN_ACCEPT])
		lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
	if (faults[KILL_SYNC_IN_ACCEPT])
		lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
	if (faults[DESTROY_IN_ACCEPT])
		destroy_once();
	return 0;
}

static int op_init_vhost_listen_wsi(struct lws *wsi)
{
	if (faults[LISTEN_REFUSED])
		return 1;
	return take(wsi);
}

static int is_connection(struct lws *wsi)
{
	return find_tracked(wsi) != NULL;
}

static void op_io(struct lws *wsi, unsigned int flags)
{
	int fd = lws_get_socket_fd(wsi), n = find_fd(fd);
	short events = 0;

	if (fd < 0 || !taken[fd])
		violation("io for fd %d, which was not accepted", fd);
	if (!(flags & LWS_EV_START) == !(flags & LWS_EV_STOP) ||
	    !(flags & (LWS_EV_READ | LWS_EV_WRITE)))
		violation("io with flags %u", flags);
	if (faults[IO_NOTHING] || (faults[IO_FORGETS] && !(++ios % 3)))
		return;

	if (flags & LWS_EV_READ)
		events |= LWS_POLLIN;
	if (flags & LWS_EV_WRITE)
		events |= LWS_POLLOUT;
	if (n >= 0) {
		if (flags & LWS_EV_START)
			table[n].events |= events;
		else
			table[n].events &= (short)~events;
	}

	if (!created || destroying || !is_connection(wsi))
		return;
	if (faults[REENTER_IN_OPS])
		reenter();
	if (faults[KILL_SYNC_IN_IO])
		lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
	if (faults[KILL_ASYNC_IN_IO])
		lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
	if (faults[DESTROY_IN_IO])
		destroy_once();
}

static int op_wsi_logical_close(struct lws *wsi)
{
	int fd = lws_get_socket_fd(wsi), n;

	if (fd < 0 || fd >= FD_MAX || !taken[fd]) {
		violation("wsi_logical_close for fd %d, which was not accepted", fd);
		return faults[UNGUARDED] || faults[CLOSE_SAYS_1];
	}
	if (fcntl(fd, F_GETFD) < 0)
		violation("wsi_logical_close for fd %d, which is closed", fd);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL))
		violation("epoll del of fd %d: %s", fd, strerror(errno));
	taken[fd] = 0;
	stale[stale_next++ % LWS_ARRAY_SIZE(stale)] = fd;
	n = find_fd(fd);
	if (n >= 0)
		table[n] = table[--used];

	if (created && !destroying && faults[REENTER_IN_OPS])
		reenter();
	if (created && faults[DESTROY_IN_CLOSE])
		destroy_once();
	return faults[CLOSE_SAYS_1];
}

static void op_destroy_wsi(struct lws *wsi)
{
	if (find_tracked(wsi))
		violation("destroy_wsi before WSI_DESTROY");
}

static void op_destroy_pt(struct lws_context *cx, int tsi)
{
	(void)tsi;
	check_nothing_lives(cx);
}

static struct lws_event_loop_ops ops = {
	.name			= "faulty",
	.init_vhost_listen_wsi	= op_init_vhost_listen_wsi,
	.sock_accept		= op_sock_accept,
	.io			= op_io,
	.wsi_logical_close	= op_wsi_logical_close,
	.destroy_wsi		= op_destroy_wsi,
	.destroy_pt		= op_destroy_pt,
};

static const lws_plugin_evlib_t evlib = {
	.hdr = { "faulty", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC },
	.ops = &ops,
};

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
	lws_cancel_service(context);
	depth--;
}

/* The table without an event library, as LWS_CALLBACK_ADD_POLL_FD and its kin say it. */
static void follow_external_poll(enum lws_callback_reasons reason, const void *in, size_t len)
{
	const struct lws_pollargs *args = in;
	static int locked;
	int n;

	if (reason == LWS_CALLBACK_LOCK_POLL || reason == LWS_CALLBACK_UNLOCK_POLL) {
		if (locked != (reason == LWS_CALLBACK_UNLOCK_POLL))
			violation("%s", locked ? "LOCK_POLL twice" : "UNLOCK_POLL without LOCK_POLL");
		if (len > 1)
			violation("LOCK_POLL with len %u", (unsigned int)len);
		locked = reason == LWS_CALLBACK_LOCK_POLL;
		return;
	}
	if (args->fd < 0 || args->fd >= FD_MAX || fcntl(args->fd, F_GETFD) < 0) {
		violation("poll callback %d for fd %d", (int)reason, args->fd);
		return;
	}
	n = find_fd(args->fd);
	switch (reason) {
	case LWS_CALLBACK_ADD_POLL_FD:
		if (n >= 0)
			violation("ADD_POLL_FD twice for fd %d", args->fd);
		taken[args->fd] = 1;
		table[used].fd = args->fd;
		table[used].events = (short)args->events;
		table[used].revents = 0;
		used++;
		break;
	case LWS_CALLBACK_DEL_POLL_FD:
		if (n < 0)
			violation("DEL_POLL_FD for fd %d, which was not added", args->fd);
		else
			table[n] = table[--used];
		taken[args->fd] = 0;
		break;
	default:
		if (n < 0)
			violation("CHANGE_MODE_POLL_FD for fd %d, which was not added", args->fd);
		else if (table[n].events != args->prev_events)
			violation("CHANGE_MODE_POLL_FD from %d, but it was %d", args->prev_events,
				  table[n].events);
		if (args->events & ~(LWS_POLLIN | LWS_POLLOUT))
			violation("CHANGE_MODE_POLL_FD to %d", args->events);
		if (n >= 0)
			table[n].events = (short)args->events;
		break;
	}
}

/* ---- the protocol ---- */

static int send_headers(struct lws *wsi, lws_filepos_t length)
{
	unsigned char buf[LWS_PRE + 2048], *start = &buf[LWS_PRE], *p = start,
		      *end = &buf[sizeof(buf) - 1];

	if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK, "text/plain", length, &p, end))
		return 1;
	return lws_finalize_write_http_header(wsi, start, &p, end);
}

static int send_some(struct lws *wsi, struct session *session)
{
	static unsigned char buf[LWS_PRE + 4000];
	size_t n = session->to_send < 4000 ? session->to_send : 4000;

	memset(&buf[LWS_PRE], 'x', n);
	session->to_send -= n;
	if (lws_write(wsi, &buf[LWS_PRE], n,
		      session->to_send ? LWS_WRITE_HTTP : LWS_WRITE_HTTP_FINAL) != (int)n)
		return -1;
	if (session->to_send) {
		lws_callback_on_writable(wsi);
		return 0;
	}
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static void resume_rx(lws_sorted_usec_list_t *sul)
{
	struct session *session = lws_container_of(sul, struct session, resume);

	lws_rx_flow_control(session->wsi, 1);
}

static int ends_with(const char *in, size_t len, const char *tail)
{
	size_t n = strlen(tail);

	return len >= n && !memcmp(in + len - n, tail, n);
}

static int serve(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		 size_t len)
{
	struct session *session = user;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		session->wsi = wsi;
		if (ends_with(in, len, "/hang"))
			return 0;
		if (ends_with(in, len, "/post")) {
			session->wants_answer = 1;
			return 0;
		}
		if (ends_with(in, len, "/dyn"))
			session->to_send = 12;
		else if (ends_with(in, len, "/big"))
			session->to_send = 1000000;
		else
			break;
		session->headers_sent = 1;
		if (send_headers(wsi, session->to_send))
			return 1;
		lws_callback_on_writable(wsi);
		return 0;

	case LWS_CALLBACK_HTTP_BODY:
		session->body += len;
		if (faults[RXFLOW]) {
			lws_rx_flow_control(wsi, 0);
			lws_sul_schedule(context, 0, &session->resume, resume_rx, 1000);
		}
		return 0;

	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		session->to_send = session->body;
		lws_callback_on_writable(wsi);
		return 0;

	case LWS_CALLBACK_HTTP_WRITEABLE:
		if (!session || (!session->headers_sent && !session->wants_answer))
			return 0;
		if (!session->headers_sent) {
			session->headers_sent = 1;
			if (send_headers(wsi, session->to_send))
				return 1;
			lws_callback_on_writable(wsi);
			return 0;
		}
		if (!session->to_send)
			return 0;
		return send_some(wsi, session);

	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
		if (session)
			lws_sul_cancel(&session->resume);
		return 0;

	case LWS_CALLBACK_TIMER:
		return 0;

	default:
		break;
	}
	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static int is_struck(enum lws_callback_reasons reason)
{
	static const struct {
		const char *name;
		enum lws_callback_reasons reason;
	} names[] = {
		{ "http", LWS_CALLBACK_HTTP },
		{ "body", LWS_CALLBACK_HTTP_BODY },
		{ "body-completion", LWS_CALLBACK_HTTP_BODY_COMPLETION },
		{ "writeable", LWS_CALLBACK_HTTP_WRITEABLE },
		{ "closed", LWS_CALLBACK_CLOSED_HTTP },
		{ "create", LWS_CALLBACK_WSI_CREATE },
		{ "destroy", LWS_CALLBACK_WSI_DESTROY },
		{ "new-client", LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED },
		{ "filter", LWS_CALLBACK_FILTER_HTTP_CONNECTION },
		{ "filter-network", LWS_CALLBACK_FILTER_NETWORK_CONNECTION },
		{ "cancelled", LWS_CALLBACK_EVENT_WAIT_CANCELLED },
		{ "bind", LWS_CALLBACK_HTTP_BIND_PROTOCOL },
		{ "drop", LWS_CALLBACK_HTTP_DROP_PROTOCOL },
		{ "file-completion", LWS_CALLBACK_HTTP_FILE_COMPLETION },
		{ "timer", LWS_CALLBACK_TIMER },
		{ "init", LWS_CALLBACK_PROTOCOL_INIT },
	};
	size_t n;

	for (n = 0; n < LWS_ARRAY_SIZE(names); n++)
		if (names[n].reason == reason && !strcmp(names[n].name, strike_at))
			return 1;
	return 0;
}

static int callback_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			 size_t len)
{
	int result;

	watch_callback(wsi, reason);

	if (reason >= LWS_CALLBACK_ADD_POLL_FD && reason <= LWS_CALLBACK_UNLOCK_POLL) {
		if (faults[EXTERNAL_POLL])
			follow_external_poll(reason, in, len);
		return 0;
	}

	if (faults[REENTER_IN_CALLBACK])
		reenter();

	if (reason == LWS_CALLBACK_HTTP && !strcmp(strike_at, "timer"))
		lws_set_timer_usecs(wsi, 1000);

	result = serve(wsi, reason, user, in, len);

	if (!created || destroying || !is_struck(reason))
		return result;

	strikes++;
	if (faults[FAIL_CALLBACK])
		return -1;
	if (faults[KILL_SYNC_IN_CALLBACK])
		lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
	if (faults[KILL_ASYNC_IN_CALLBACK])
		lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
	if (faults[VHOST_DESTROY] && strikes == 1)
		lws_vhost_destroy(lws_get_vhost(wsi));
	if (faults[DESTROY_IN_CALLBACK])
		destroy_once();
	return result;
}

static const struct lws_protocols protocols[] = {
	{ "http", callback_http, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static struct lws_http_mount mount_cb = {
	.mountpoint		= "/cb",
	.mountpoint_len		= 3,
	.origin			= "http",
	.origin_protocol	= LWSMPRO_CALLBACK,
};

static struct lws_http_mount mount_www = {
	.mount_next		= &mount_cb,
	.mountpoint		= "/",
	.mountpoint_len		= 1,
	.def			= "index.html",
	.origin_protocol	= LWSMPRO_FILE,
};

/* ---- the loop ---- */

static void service(struct lws_pollfd pfd, short revents)
{
	int n = find_fd(pfd.fd);

	if (n < 0 || destroying)
		return;
	pfd.events = faults[EVENTS_ARE_REVENTS] ? revents : table[n].events;
	if (faults[IO_FORGETS] || faults[IO_NOTHING])
		pfd.events = LWS_POLLIN | LWS_POLLOUT;
	pfd.revents = revents;
	lws_service_fd(context, &pfd);
}

static void service_all_spuriously(short revents)
{
	struct lws_pollfd copy[TABLE_MAX];
	unsigned int n, count = used;

	memcpy(copy, table, count * sizeof(copy[0]));
	for (n = 0; n < count; n++)
		service(copy[n], revents);
}

static void service_strangers(void)
{
	struct lws_pollfd pfd;
	unsigned int n;
	int result;

	for (n = 0; n < LWS_ARRAY_SIZE(stale) && !destroying; n++) {
		if (stale[n] <= 0 || taken[stale[n]])
			continue;
		pfd.fd = stale[n];
		pfd.events = LWS_POLLIN | LWS_POLLOUT;
		pfd.revents = LWS_POLLIN | LWS_POLLHUP;
		result = lws_service_fd(context, &pfd);
		if (result || !pfd.revents)
			violation("service of closed fd %d: result %d, revents %d", stale[n],
				  result, pfd.revents);
	}
	pfd.fd = 9999;
	pfd.events = LWS_POLLIN;
	pfd.revents = LWS_POLLIN;
	if (lws_service_fd(context, &pfd))
		violation("service of an unknown fd is not 0");
	pfd.fd = -1;
	if (lws_service_fd(context, &pfd))
		violation("service of fd -1 is not 0");
#ifdef LWS_FERROWS
	if (lws_service_fd(context, NULL) >= 0)
		violation("service of NULL is not an error");
#endif
}

/* End of file and "stats" on stdin. Returns nonzero to stop. */
static int command(void)
{
	char line[64];
	ssize_t n = read(0, line, sizeof(line) - 1);

	if (n <= 0)
		return 1;
	line[n] = '\0';
	if (strstr(line, "stats"))
		stats_wanted = 1;
	return 0;
}

static void answer_stats(void)
{
	if (!stats_wanted)
		return;
	stats_wanted = 0;
	print_stats("stats", context);
}

static void run_custom_loop(void)
{
	unsigned long idle_turns = 0;

	while (!stopping && !destroying) {
		struct pollfd set[TABLE_MAX + 1];
		unsigned int n, count;
		int fired, timeout = lws_service_adjust_timeout(context, 1000, 0);

		if (destroying)
			break;
		count = used;
		if (faults[SPURIOUS] || faults[NO_REVENTS])
			timeout = timeout < 10 ? timeout : 10;
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
		answer_stats();

		for (n = 0; n < count && !destroying; n++) {
			struct lws_pollfd pfd = { .fd = set[n].fd };
			short revents = set[n].revents;

			if (!revents)
				continue;
			if (revents & POLLNVAL) {
				violation("fd %d is in the table and closed", pfd.fd);
				stopping = 1;
				break;
			}
			if (faults[ONE_BIT]) {
				int bit;

				for (bit = 1; bit < 256; bit <<= 1)
					if (revents & bit)
						service(pfd, (short)bit);
			} else {
				service(pfd, revents);
			}
		}

		if (faults[SPURIOUS] && !destroying)
			service_all_spuriously(LWS_POLLIN | LWS_POLLOUT);
		if (faults[NO_REVENTS] && !destroying)
			service_all_spuriously(0);
		if (faults[STALE_FDS] && !destroying)
			service_strangers();
	}
}

/* Only lws_cancel_service may be called here. */
static void *stdin_thread(void *arg)
{
	(void)arg;
	while (!command())
		lws_cancel_service(context);
	stopping = 1;
	lws_cancel_service(context);
	return NULL;
}

static void run_lws_service(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, stdin_thread, NULL)) {
		violation("no thread");
		return;
	}
	while (!stopping && !destroying && lws_service(context, 0) >= 0)
		answer_stats();
	pthread_join(thread, NULL);
}

/* ---- life ---- */

static const char *value_of(const char *arg, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(arg, name, len) && arg[len] == '=' ? arg + len + 1 : NULL;
}

static int parse_faults(char *list)
{
	char *name, *save = NULL;
	int n;

	for (name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		for (n = 0; n < FAULTS && strcmp(fault_names[n], name); n++)
			;
		if (n == FAULTS) {
			fprintf(stderr, "unknown fault %s\n", name);
			return 1;
		}
		faults[n] = 1;
	}
	return 0;
}

static void forget_ops(void)
{
	if (faults[OPS_NULL]) {
		memset(&ops, 0, sizeof(ops));
		ops.name = "null";
	}
	if (faults[OPS_NO_IO])
		ops.io = NULL;
}

static int create(const char *www, char *tls, int pool, unsigned int timeout)
{
	struct lws_context_creation_info info;
	struct lws_vhost *plain, *secure = NULL;
	char *key = NULL;

	if (tls) {
		key = strchr(tls, ',');
		if (!key)
			return 1;
		*key++ = '\0';
	}
	mount_www.origin = www;

	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		       LWS_SERVER_OPTION_DISABLE_IPV6;
	info.max_http_header_pool = (unsigned short)pool;
	info.timeout_secs = timeout;
	if (!faults[EXTERNAL_POLL])
		info.event_lib_custom = &evlib;
	info.pcontext = &context;
	context = lws_create_context(&info);
	if (!context) {
		puts("context refused");
		return 0;
	}

	info.port = 0;
	info.protocols = protocols;
	info.mounts = &mount_www;
	info.error_document_404 = "/404.html";
	info.vhost_name = "plain";
	plain = lws_create_vhost(context, &info);
	if (plain && tls) {
		info.vhost_name = "secure";
		info.ssl_cert_filepath = tls;
		info.ssl_private_key_filepath = key;
		secure = lws_create_vhost(context, &info);
	}
	if (!plain || (tls && !secure)) {
		puts("vhost refused");
		return 0;
	}
	printf("plain listening on port %d\n", lws_get_vhost_listen_port(plain));
	if (secure)
		printf("secure listening on port %d\n", lws_get_vhost_listen_port(secure));
	created = 1;
	return 0;
}

static void destroy(void)
{
	unsigned int n;

#ifdef LWS_FERROWS
	if (destroying && context)
		violation("the context destroyed inside the service is still there after it");
#endif
	destroying = 1;
	/* NULLed by pcontext when it went by itself */
	for (n = 0; n < 4 && context; n++)
		lws_context_destroy(context);
	if (context)
		violation("the context is still there after four calls of lws_context_destroy");
}

static void check_the_end(int fds_before, int errors_before)
{
	int n, fds = open_fds();

	if (fds > fds_before)
		violation("%d open fds, %d before", fds, fds_before);
	if (errors_logged > errors_before)
		violation("%d error lines at destroy", errors_logged - errors_before);
	if (tracked_count)
		violation("%u wsi without WSI_DESTROY", tracked_count);
	for (n = 0; n < FD_MAX; n++)
		if (taken[n])
			violation("fd %d was never given back by wsi_logical_close", n);
}

int main(int argc, char **argv)
{
	const char *www = ".", *v;
	char *tls = NULL;
	unsigned int timeout = 0;
	int n, pool = 0, fds_before, errors_before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (n = 1; n < argc; n++) {
		if ((v = value_of(argv[n], "--fault"))) {
			char *list = strdup(v);

			if (!list || parse_faults(list))
				return 2;
			free(list);
		} else if ((v = value_of(argv[n], "--at"))) {
			strike_at = v;
		} else if ((v = value_of(argv[n], "--tls"))) {
			free(tls);
			tls = strdup(v);
		} else if ((v = value_of(argv[n], "--www"))) {
			www = v;
		} else if ((v = value_of(argv[n], "--pool"))) {
			pool = atoi(v);
		} else if ((v = value_of(argv[n], "--timeout"))) {
			timeout = (unsigned int)atoi(v);
		} else if ((v = value_of(argv[n], "--slots"))) {
			slots = (unsigned int)atoi(v);
		} else if ((v = value_of(argv[n], "--refuse-every"))) {
			refuse_every = (unsigned int)atoi(v);
		} else {
			fprintf(stderr, "unknown argument %s\n", argv[n]);
			return 2;
		}
	}
	forget_ops();
	lws_set_log_level(LLL_ERR | LLL_WARN, emit);

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	fds_before = open_fds();
	if (create(www, tls, pool, timeout))
		return 2;
	/* lines about what create refused are due */
	errors_before = errors_logged;

	if (created) {
		if (faults[OPS_NULL] || faults[OPS_NO_IO])
			run_lws_service();
		else
			run_custom_loop();
		if (!destroying && !stopping)
			print_stats("last", context);
		/* what requests provoked is not about the destruction */
		errors_before = errors_logged;
	}
	if (!destroying)
		puts("destroying");
	destroy();
	check_the_end(fds_before, errors_before);
	printf("destroyed, %d strikes, %d violations\n", strikes, violations);
	free(tls);
	close(epoll_fd);
	return violations ? 1 : 0;
}
