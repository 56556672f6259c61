/*
 * bench-server: the same requests from any library with the libwebsockets API.
 *
 *   /small   12 bytes, made by a callback
 *   /big     100 000 bytes by a callback, 16 000 with each lws_write()
 *   /whole   100 000 bytes by a callback with a single lws_write(); upstream
 *            cannot do that on HTTP/2, it sends a frame above the limit
 *   /file    whatever file of that name is in the directory
 *
 *   -p PORT      port to listen on, 0 (the default) lets the kernel choose
 *   --tls FILE   PEM file with key and certificate; cleartext without
 *   --www DIR    directory of the files (.)
 *   --poll       a poll() table of our own instead of the library's loop
 *
 * Prints the URL when it is ready, ends on SIGINT and SIGTERM.
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIG_SIZE	100000
#define BIG_STEP	16000
#define FD_LIMIT	16384

enum route { SMALL = 1, BIG, WHOLE };

struct session {
	size_t left;
};

static struct lws_context *context;
static volatile sig_atomic_t interrupted;
static unsigned char body[LWS_PRE + BIG_SIZE];

static int callback_bench(struct lws *wsi, enum lws_callback_reasons reason,
			  void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;
	unsigned char headers[LWS_PRE + 512], *start = headers + LWS_PRE,
		      *p = start, *end = headers + sizeof(headers);
	enum route route;
	size_t step;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		route = (enum route)lws_get_protocol(wsi)->id;
		session->left = route == SMALL ? 12 : BIG_SIZE;
		if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK,
						"text/plain", session->left,
						&p, end) ||
		    lws_finalize_write_http_header(wsi, start, &p, end))
			return -1;
		lws_callback_on_writable(wsi);
		return 0;

	case LWS_CALLBACK_HTTP_WRITEABLE:
		if (!session || !session->left)
			return 0;
		step = session->left;
		if (step > BIG_STEP && lws_get_protocol(wsi)->id == BIG)
			step = BIG_STEP;
		session->left -= step;
		if (lws_write(wsi, body + LWS_PRE, step, session->left ?
			      LWS_WRITE_HTTP : LWS_WRITE_HTTP_FINAL) < 0)
			return -1;
		if (!session->left)
			return lws_http_transaction_completed(wsi) ? -1 : 0;
		lws_callback_on_writable(wsi);
		return 0;

	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "small", callback_bench, sizeof(struct session), 0, SMALL, NULL, 0 },
	{ "big", callback_bench, sizeof(struct session), 0, BIG, NULL, 0 },
	{ "whole", callback_bench, sizeof(struct session), 0, WHOLE, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

/* The file's name has no suffix to guess the type from. */
static const struct lws_protocol_vhost_options any_type = {
	NULL, NULL, "*", "application/octet-stream"
};

static struct lws_http_mount mounts[] = {
	{ .mountpoint = "/", .origin = ".", .extra_mimetypes = &any_type,
	  .origin_protocol = LWSMPRO_FILE, .mountpoint_len = 1 },
	{ .mountpoint = "/small", .origin = "small", .protocol = "small",
	  .origin_protocol = LWSMPRO_CALLBACK, .mountpoint_len = 6 },
	{ .mountpoint = "/big", .origin = "big", .protocol = "big",
	  .origin_protocol = LWSMPRO_CALLBACK, .mountpoint_len = 4 },
	{ .mountpoint = "/whole", .origin = "whole", .protocol = "whole",
	  .origin_protocol = LWSMPRO_CALLBACK, .mountpoint_len = 6 },
};

/*
 * The loop of --poll. Descriptors find their row by `row_of`, so that the cost
 * of many connections is poll()'s alone. Rows do not move during a turn.
 */

static struct lws_pollfd rows[FD_LIMIT];
static int row_of[FD_LIMIT]; /* 0: no row, else its number plus one */
static int row_count;

static int op_add(struct lws *wsi)
{
	int fd = lws_get_socket_fd(wsi);

	if (fd < 0 || fd >= FD_LIMIT || row_of[fd] || row_count == FD_LIMIT)
		return 1;

	rows[row_count].fd = fd;
	rows[row_count].events = LWS_POLLIN;
	rows[row_count].revents = 0;
	row_of[fd] = ++row_count;

	return 0;
}

static void op_io(struct lws *wsi, unsigned int flags)
{
	int fd = lws_get_socket_fd(wsi);
	int bits = ((flags & LWS_EV_READ) ? LWS_POLLIN : 0) |
		   ((flags & LWS_EV_WRITE) ? LWS_POLLOUT : 0);
	struct lws_pollfd *row;

	if (fd < 0 || fd >= FD_LIMIT || !row_of[fd])
		return;

	row = &rows[row_of[fd] - 1];
	row->events = (short)((flags & LWS_EV_START) ? row->events | bits :
						       row->events & ~bits);
}

static int op_close(struct lws *wsi)
{
	int fd = lws_get_socket_fd(wsi);

	if (fd < 0 || fd >= FD_LIMIT || !row_of[fd])
		return 0;

	rows[row_of[fd] - 1].fd = -1;
	rows[row_of[fd] - 1].revents = 0;
	row_of[fd] = 0;

	return 0;
}

static const struct lws_event_loop_ops ops = {
	.name			= "bench",
	.init_vhost_listen_wsi	= op_add,
	.wsi_logical_close	= op_close,
	.sock_accept		= op_add,
	.io			= op_io,
};

static const lws_plugin_evlib_t evlib = {
	{ "bench", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC },
	&ops
};

static int poll_turn(void)
{
	int timeout_ms = lws_service_adjust_timeout(context, 60000, 0), n, kept;
	int ready = poll(rows, (nfds_t)row_count, timeout_ms);

	if (ready < 0)
		return errno == EINTR ? 0 : -1;

	for (n = 0; n < row_count && ready; n++) {
		if (!rows[n].revents)
			continue;
		ready--;
		if (lws_service_fd(context, &rows[n]) < 0)
			return -1;
	}

	for (n = kept = 0; n < row_count; n++)
		if (rows[n].fd >= 0) {
			rows[kept] = rows[n];
			row_of[rows[kept].fd] = kept + 1;
			kept++;
		}
	row_count = kept;

	return 0;
}

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
	lws_cancel_service(context);
}

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct sigaction action;
	const char *option;
	int custom = lws_cmdline_option(argc, argv, "--poll") != NULL;
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	lws_set_log_level(LLL_ERR, NULL);
	memset(body, 'x', sizeof(body));
	memcpy(body + LWS_PRE, "hello world\n", 12);

	option = lws_cmdline_option(argc, argv, "--www");
	if (option)
		mounts[0].origin = option;
	for (size_t n = 0; n + 1 < LWS_ARRAY_SIZE(mounts); n++)
		mounts[n].mount_next = &mounts[n + 1];

	memset(&info, 0, sizeof(info));
	info.protocols		= protocols;
	info.mounts		= mounts;
	info.keepalive_timeout	= 600;
	info.pt_serv_buf_size	= 32 * 1024; /* the best for upstream */
	option			= lws_cmdline_option(argc, argv, "-p");
	info.port		= option ? atoi(option) : 0;
	option			= lws_cmdline_option(argc, argv, "--tls");
	if (option) {
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = option;
		info.ssl_private_key_filepath = option;
	}
	if (custom)
		info.event_lib_custom = &evlib;

	context = lws_create_context(&info);
	if (!context) {
		fprintf(stderr, "lws_create_context failed\n");
		return 1;
	}

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	printf("listening on %s://localhost:%d\n", option ? "https" : "http",
	       lws_get_vhost_listen_port(
			lws_get_vhost_by_name(context, "default")));

	while (!interrupted && !failed)
		failed = custom ? poll_turn() : lws_service(context, 0) < 0;

	lws_context_destroy(context);

	return failed ? 1 : 0;
}
