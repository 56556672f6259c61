/*
 * An event loop of the program's own, over poll(): `info.event_lib_custom = &poll_loop`, then
 * poll_loop_turn() again and again. One context in one thread.
 */
#ifndef POLL_LOOP_H
#define POLL_LOOP_H

#include <libwebsockets.h>

#include <errno.h>
#include <poll.h>

#define POLL_LOOP_FDS 8192

static struct lws_pollfd poll_loop_rows[POLL_LOOP_FDS];
static int poll_loop_row_of[POLL_LOOP_FDS]; /* 0: no row, else its number plus one */
static int poll_loop_count;

static int poll_loop_add(struct lws *wsi)
{
	int fd = lws_get_socket_fd(wsi);

	if (fd < 0 || fd >= POLL_LOOP_FDS || poll_loop_row_of[fd] || poll_loop_count == POLL_LOOP_FDS)
		return 1;
	poll_loop_rows[poll_loop_count].fd = fd;
	poll_loop_rows[poll_loop_count].events = LWS_POLLIN;
	poll_loop_rows[poll_loop_count].revents = 0;
	poll_loop_row_of[fd] = ++poll_loop_count;
	return 0;
}

static void poll_loop_io(struct lws *wsi, unsigned int flags)
{
	int fd = lws_get_socket_fd(wsi);
	int bits = ((flags & LWS_EV_READ) ? LWS_POLLIN : 0) | ((flags & LWS_EV_WRITE) ? LWS_POLLOUT : 0);
	struct lws_pollfd *row;

	if (fd < 0 || fd >= POLL_LOOP_FDS || !poll_loop_row_of[fd])
		return;
	row = &poll_loop_rows[poll_loop_row_of[fd] - 1];
	row->events = (short)((flags & LWS_EV_START) ? row->events | bits : row->events & ~bits);
}

/* The row stays until the turn is over: rows do not move while they are walked. */
static int poll_loop_remove(struct lws *wsi)
{
	int fd = lws_get_socket_fd(wsi);

	if (fd < 0 || fd >= POLL_LOOP_FDS || !poll_loop_row_of[fd])
		return 0;
	poll_loop_rows[poll_loop_row_of[fd] - 1].fd = -1;
	poll_loop_rows[poll_loop_row_of[fd] - 1].revents = 0;
	poll_loop_row_of[fd] = 0;
	return 0;
}

static const struct lws_event_loop_ops poll_loop_ops = {
	.name			= "poll-loop",
	.init_vhost_listen_wsi	= poll_loop_add,
	.wsi_logical_close	= poll_loop_remove,
	.sock_accept		= poll_loop_add,
	.io			= poll_loop_io,
};

static const lws_plugin_evlib_t poll_loop = {
	{ "poll-loop", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC },
	&poll_loop_ops
};

/* Waits for events and serves them; negative when the context is to be given up. */
static int poll_loop_turn(struct lws_context *context)
{
	int timeout_ms = lws_service_adjust_timeout(context, 60000, 0), n, kept;
	int ready = poll(poll_loop_rows, (nfds_t)poll_loop_count, timeout_ms);

	if (ready < 0)
		return errno == EINTR ? 0 : -1;
	for (n = 0; n < poll_loop_count && ready; n++) {
		if (!poll_loop_rows[n].revents)
			continue;
		ready--;
		if (lws_service_fd(context, &poll_loop_rows[n]) < 0)
			return -1;
	}
	for (n = kept = 0; n < poll_loop_count; n++)
		if (poll_loop_rows[n].fd >= 0) {
			poll_loop_rows[kept] = poll_loop_rows[n];
			poll_loop_row_of[poll_loop_rows[kept].fd] = kept + 1;
			kept++;
		}
	poll_loop_count = kept;
	return 0;
}

#endif
