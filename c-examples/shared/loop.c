/*
 * An application's event loop around poll(), with lws on it: what a program that
 * has a loop already copies from here is the table, the operations, and the turn.
 *
 * The library brings no thread and no loop: through the five operations below it
 * says which descriptors it wants watched, and the loop tells it what happened to
 * them. A pipe that signals arrive in is beside them, as anything else could be.
 */

#define _POSIX_C_SOURCE 200809L

#include "loop.h"
#if defined(LWS_FERROWS)
#include <ferrows.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * A table of descriptors for poll(), and where in it each descriptor is.
 *
 * Rows are appended at the end. A row that is removed gets the descriptor -1,
 * which poll() ignores, and leaves the table between two turns: nothing moves
 * while lws looks at a row. So there can be more rows than descriptors.
 */

#define FD_LIMIT	8192
#define TABLE_ROWS	(2 * FD_LIMIT)

struct loop {
	struct lws_pollfd row[TABLE_ROWS];
	int rows;
	int descriptors;		/* rows that have not been removed */
	int row_of[FD_LIMIT];		/* plus 1; 0 is "none" */
	int stop;
};

static struct lws_pollfd *loop_find(struct loop *loop, int fd)
{
	if (fd < 0 || fd >= FD_LIMIT || !loop->row_of[fd])
		return NULL;

	return &loop->row[loop->row_of[fd] - 1];
}

static int loop_add(struct loop *loop, int fd, short events)
{
	struct lws_pollfd *row = &loop->row[loop->rows];

	if (fd < 0 || fd >= FD_LIMIT || loop->row_of[fd] ||
	    loop->rows == TABLE_ROWS)
		return 1;

	row->fd = fd;
	row->events = events;
	row->revents = 0;
	loop->row_of[fd] = ++loop->rows;
	loop->descriptors++;

	return 0;
}

static int loop_remove(struct loop *loop, int fd)
{
	struct lws_pollfd *row = loop_find(loop, fd);

	if (!row)
		return 1;

	loop->row_of[fd] = 0;
	loop->descriptors--;
	row->fd = -1;
	row->revents = 0;

	return 0;
}

static void loop_compact(struct loop *loop)
{
	int kept = 0;

	for (int n = 0; n < loop->rows; n++) {
		if (loop->row[n].fd < 0)
			continue;
		loop->row[kept++] = loop->row[n];
		loop->row_of[loop->row[n].fd] = kept;
	}

	loop->rows = kept;
}

/*
 * The operations: how lws uses that loop.
 *
 * lws keeps an area for us in each of its service threads (there is one here),
 * big enough for what evlib_size_pt asked for. It is where the loop given as
 * info.foreign_loops is remembered.
 */

struct thread_area {
	struct loop *loop;
};

static struct loop *loop_of(struct lws *wsi)
{
	return ((struct thread_area *)lws_evlib_wsi_to_evlib_pt(wsi))->loop;
}

static int op_init_pt(struct lws_context *context, void *foreign_loop, int tsi)
{
	struct thread_area *area = (struct thread_area *)
				lws_evlib_tsi_to_evlib_pt(context, tsi);

	area->loop = (struct loop *)foreign_loop;

	return 0;
}

/* A listening socket, an accepted one, a client's, or the pipe that wakes the
 * loop up. Nonzero refuses it, and then lws closes it. */
static int op_add(struct lws *wsi)
{
	return loop_add(loop_of(wsi), lws_get_socket_fd(wsi), POLLIN);
}

static void op_io(struct lws *wsi, unsigned int flags)
{
	struct lws_pollfd *row = loop_find(loop_of(wsi), lws_get_socket_fd(wsi));
	short events = (short)(((flags & LWS_EV_READ) ? POLLIN : 0) |
			       ((flags & LWS_EV_WRITE) ? POLLOUT : 0));

	if (!row)
		return;

	if (flags & LWS_EV_START)
		row->events = (short)(row->events | events);
	else
		row->events = (short)(row->events & ~events);
}

/* An HTTP/2 stream ends like a connection does, but has no descriptor. */
static int op_close(struct lws *wsi)
{
	if (lws_get_socket_fd(wsi) == LWS_SOCK_INVALID)
		return 0;

	return loop_remove(loop_of(wsi), lws_get_socket_fd(wsi));
}

/* The same without the check, as many programs have it. Its 1 for "unknown
 * descriptor" makes libwebsockets keep every stream, and the header table it
 * holds, for ever: after enough requests the server hangs. With ferrows it is
 * harmless. */
static int op_close_unguarded(struct lws *wsi)
{
	return loop_remove(loop_of(wsi), lws_get_socket_fd(wsi));
}

/*
 * Signals reach the loop as bytes in a pipe, which is just another row. lws's own
 * loop does not know that pipe: it is woken up by lws_cancel_service(), the one
 * call that is good in a signal handler.
 */

static int signal_pipe[2];
static struct lws_context *volatile to_wake;

static void on_signal(int sig)
{
	unsigned char byte = (unsigned char)sig;
	int saved = errno;

	/* A full pipe means that the loop has signals to look at already. */
	if (write(signal_pipe[1], &byte, 1) < 0)
		errno = saved;
	if (to_wake)
		lws_cancel_service(to_wake);
}

static int signals_init(struct loop *loop)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;

	if (pipe(signal_pipe) ||
	    fcntl(signal_pipe[0], F_SETFL, O_NONBLOCK) ||
	    fcntl(signal_pipe[1], F_SETFL, O_NONBLOCK) ||
	    sigaction(SIGINT, &action, NULL) ||
	    sigaction(SIGTERM, &action, NULL) ||
	    sigaction(SIGUSR1, &action, NULL))
		return 1;

	return loop_add(loop, signal_pipe[0], POLLIN);
}

static void signals_handle(struct loop *loop, const struct lws_context *context)
{
	unsigned char byte;

	while (read(signal_pipe[0], &byte, 1) == 1) {
		char statistics[4000];

		if (byte != SIGUSR1) {
			loop->stop = 1;
			continue;
		}

		loop_statistics(context, statistics, sizeof(statistics));
		printf("descriptors: %d\nstatistics: %s\n",
		       loop->descriptors, statistics);
	}
}

/*
 * One turn: sleep until something happens, hand it to whom it concerns.
 */
static int loop_turn(struct loop *loop, struct lws_context *context)
{
	/* lws runs its due timers here and tells how long we may sleep. */
	int timeout_ms = lws_service_adjust_timeout(context, 60000, 0);

	/* They may have closed something. */
	loop_compact(loop);

	if (poll(loop->row, (nfds_t)loop->rows, timeout_ms) < 0)
		return errno == EINTR ? 0 : -1;

	for (int n = 0; n < loop->rows; n++) {
		struct lws_pollfd *row = &loop->row[n];

		if (!row->revents)
			continue;

		if (row->fd == signal_pipe[0])
			signals_handle(loop, context);
		else if (lws_service_fd(context, row) < 0)
			return -1;
	}

	loop_compact(loop);

	return 0;
}

/*
 * What the examples call. lws keeps pointers to all three of these.
 */

static struct loop the_loop;
static struct lws_event_loop_ops ops;
static lws_plugin_evlib_t evlib;

int loop_init(struct lws_context_creation_info *info, const char *kind)
{
	static void *foreign_loops[1] = { &the_loop };

	if (signals_init(&the_loop)) {
		fprintf(stderr, "cannot set up the signal pipe\n");
		return 1;
	}
	if (!kind || !strcmp(kind, "default"))
		return 0;
	if (strcmp(kind, "custom") && strcmp(kind, "unguarded")) {
		fprintf(stderr, "there is no event loop \"%s\"\n", kind);
		return 1;
	}

	ops.name		  = "poll table";
	ops.init_pt		  = op_init_pt;
	ops.init_vhost_listen_wsi = op_add;
	ops.sock_accept		  = op_add;
	ops.io			  = op_io;
	ops.wsi_logical_close	  = strcmp(kind, "unguarded") ? op_close :
							op_close_unguarded;
	ops.evlib_size_pt	  = sizeof(struct thread_area);

	evlib.hdr.name		  = "poll table";
	evlib.hdr._class	  = "lws_evlib_plugin";
	evlib.hdr.lws_build_hash  = LWS_BUILD_HASH;
	evlib.hdr.api_magic	  = LWS_PLUGIN_API_MAGIC;
	evlib.ops		  = &ops;

	info->event_lib_custom	  = &evlib;
	info->foreign_loops	  = foreign_loops;

	return 0;
}

int loop_run(struct lws_context *context, const int *finished)
{
	int failed = 0;

	if (!evlib.ops)
		to_wake = context;

	for (;;) {
		signals_handle(&the_loop, context);
		if (failed || the_loop.stop || (finished && *finished))
			break;

		/* The second argument of lws_service() is historical: it waits
		 * for as long as it may. */
		failed = evlib.ops ? loop_turn(&the_loop, context) :
				     lws_service(context, 0) < 0;
	}
	to_wake = NULL;

	return failed;
}

int loop_end(void)
{
	/* What lws added it has removed: only our own pipe is left. */
	int left = the_loop.descriptors - 1;

	if (left)
		fprintf(stderr, "%d descriptors left behind\n", left);
	close(signal_pipe[0]);
	close(signal_pipe[1]);

	return left != 0;
}

void loop_statistics(const struct lws_context *context, char *buf, size_t size)
{
#if defined(LWS_FERROWS)
	int len = ferrows_context_stats_json(context, buf, size);

	if (len > 0 && (size_t)len < size)
		return;
#else
	(void)context;
#endif
	lws_strncpy(buf, "null", size);
}
