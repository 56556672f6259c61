/*
 * A custom event loop without a guard, which misbehaves on request and watches the library: what it finds wrong is a line
 * "VIOLATION: ..." on stdout, and counted.
 *
 *   - each successful sock_accept is matched by exactly one wsi_logical_close, while the fd is still open (it can be taken out
 *     of an epoll set); wsi_logical_close returns 1 for what is not in the table;
 *   - no op for a wsi without an fd or for an fd that was refused;
 *   - WSI_CREATE and WSI_DESTROY come in pairs;
 *   - the loop does not spin: not while something is going on, and there is no turn at all when nothing is;
 *   - at destroy: nothing live in the statistics, no fd more than before create.
 *
 * The program that includes it defines check_ends(), obey() and act(), creates context and vhost between begin() and ready(),
 * and returns what finish() returns. Stdin has a command a line, which obey() gets, but for "settle" ("settled" when nothing
 * lives any more) and "stats". End of file destroys the context and ends the program.
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

/* Checks that everything came to its end: nothing lives. */
static void check_ends(void);
/* A command. */
static void obey(char *line);
/* What a test has struck somewhere. */
static void act(const char *what, struct lws *wsi);
/* What the program does in each turn of the loop, if anything. */
static void (*each_turn)(void);

static struct lws_context *context;
static struct lws_vhost *vhost;
static int created, destroying, settling, violations, fds_before;
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

/* ---- what callbacks and ops do ---- */

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

/* The actions that every program knows; 0 for another. */
static int common_act(const char *what, struct lws *wsi)
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
	else
		return 0;
	return 1;
}

/* ---- commands ---- */

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
		if (!strcmp(buffer, "settle"))
			settling = 1;
		else if (!strcmp(buffer, "stats"))
			print_stats();
		else
			obey(buffer);
		have -= (size_t)(end - buffer);
		memmove(buffer, end, have + 1);
	}
	return 0;
}

/* ---- the loop ---- */

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
	if (used != baseline.fd.live)
		violation("%u fds in the table of an idle loop", used);
	/* what is due early, or was signalled, is over after a turn */
	if (poll(set, used, 0) == 0) {
		timeout = lws_service_adjust_timeout(context, 1000, 0);
		if (timeout < 15)
			violation("an idle loop is to wait %d ms", timeout);
		if (poll(set, used, 15))
			violation("an idle loop has an event");
		check_ends();
		if (tracked_count)
			violation("%u wsi without WSI_DESTROY", tracked_count);
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
		if (each_turn)
			each_turn();
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

/* An argument about the loop; 0 for another. */
static int loop_argument(const char *arg)
{
	const char *v;

	if ((v = value_of(arg, "--refuse")))
		return sscanf(v, "%d-%d", &refuse_from, &refuse_to) == 2;
	if ((v = value_of(arg, "--strike-op"))) {
		char *copy = strdup(v), *at = copy ? strchr(copy, '@') : NULL;

		if (!at)
			return 0;
		*at = '\0';
		strike_op = copy;
		strike_op_at = at + 1;
	} else if (!strcmp(arg, "--spurious"))
		spurious = 1;
	else if (!strcmp(arg, "--one-bit"))
		one_bit = 1;
	else if (!strcmp(arg, "--events-are-revents"))
		events_are_revents = 1;
	else if (!strcmp(arg, "--close-says-1"))
		close_says_1 = 1;
	else
		return 0;
	return 1;
}

/* Before the context is created. */
static void begin(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	lws_set_log_level(LLL_ERR | LLL_WARN | LLL_NOTICE | LLL_INFO, emit);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	fds_before = open_fds();
}

/* Everything is there. */
static void ready(void)
{
	ferrows_context_stats(context, &baseline, sizeof(baseline));
	created = 1;
	puts("ready");
	run();
}

/* Destroys the context; the program's exit code. */
static int finish(void)
{
	int n;

	if (destroying && context)
		violation("the context destroyed inside the service is still there after it");
	if (!destroying)
		puts("destroying");
	destroying = 1;
	lws_context_destroy(context);
	if (context)
		violation("the context is still there after its destruction");
	check_ends();
	if (tracked_count)
		violation("%u wsi without WSI_DESTROY", tracked_count);
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
