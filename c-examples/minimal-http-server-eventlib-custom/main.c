/*
 * minimal-http-server-eventlib-custom
 *
 * An application that already has an event loop, here one around poll(), serves
 * static files and a dynamic resource over TLS with HTTP/2 and HTTP/1.1. The
 * library brings no thread and no loop: through the five operations in the
 * middle of this file it says which descriptors it wants watched, and the
 * application tells it what happened to them. A client connection, to whatever
 * other server, runs on the same loop.
 *
 *   build/minimal-http-server-eventlib-custom -p 7681
 *   curl --http2 --cacert build/certs/localhost.crt https://localhost:7681/
 *   curl --http2 --cacert build/certs/localhost.crt https://localhost:7681/live
 *   build/minimal-http-server-eventlib-custom -p 0 --client https://example.com/
 *   kill -USR1 PID         # prints the statistics
 *
 *   -p PORT            port to listen on, 0 lets the kernel choose (7681)
 *   --interface IFACE  address or interface to listen on (all)
 *   --no-tls           cleartext: HTTP/1.1, and HTTP/2 by prior knowledge
 *   --client URL       ask for URL, and say what came
 *   --ca FILE          for that, trust FILE, PEM, beside the system's
 *   --unguarded        close operation without the check for streams: see below
 *   -d LEVELS          log levels to show, 15 shows the informative ones too
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>
#if defined(LWS_FERROWS)
#include <ferrows.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The makefile gives these as absolute paths, so any directory will do. */
#if !defined(WWW_DIR)
#define WWW_DIR "mount-origin"
#endif
#if !defined(CERT_DIR)
#define CERT_DIR "build/certs"
#endif

/*
 * The application's event loop: a table of descriptors for poll().
 *
 * Rows are appended at the end. A row that is removed gets the descriptor -1,
 * which poll() ignores, and leaves the table between two turns: nothing moves
 * while lws looks at a row.
 */

#define TABLE_ROWS 4096

struct loop {
	struct lws_pollfd row[TABLE_ROWS];
	int rows;
	int stop;
};

static struct lws_pollfd *loop_find(struct loop *loop, int fd)
{
	for (int n = 0; fd >= 0 && n < loop->rows; n++)
		if (loop->row[n].fd == fd)
			return &loop->row[n];

	return NULL;
}

static int loop_add(struct loop *loop, int fd, short events)
{
	if (loop->rows == TABLE_ROWS || loop_find(loop, fd))
		return 1;

	loop->row[loop->rows].fd = fd;
	loop->row[loop->rows].events = events;
	loop->row[loop->rows++].revents = 0;

	return 0;
}

static int loop_remove(struct loop *loop, int fd)
{
	struct lws_pollfd *row = loop_find(loop, fd);

	if (!row)
		return 1;

	row->fd = -1;
	row->revents = 0;

	return 0;
}

static void loop_compact(struct loop *loop)
{
	int kept = 0;

	for (int n = 0; n < loop->rows; n++)
		if (loop->row[n].fd >= 0)
			loop->row[kept++] = loop->row[n];

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
 * The dynamic resource: /live tells about the server itself.
 */

struct session {
	size_t len;
	unsigned char body[LWS_PRE + 4096];
};

/* Describes every resource the library holds, as JSON; "null" if it cannot. */
static void statistics_json(const struct lws_context *context, char *buf,
			    size_t size)
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

static int callback_live(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	static unsigned long requests;
	struct session *session = (struct session *)user;

	switch (reason) {
	case LWS_CALLBACK_HTTP: {
		unsigned char headers[LWS_PRE + 1024], *start = headers + LWS_PRE,
			      *p = start, *end = headers + sizeof(headers);
		char statistics[4000], *uri;
		int uri_len;

		if (lws_http_get_uri_and_method(wsi, &uri, &uri_len) !=
							LWSHUMETH_GET) {
			if (lws_return_http_status(wsi,
					HTTP_STATUS_METHOD_NOT_ALLOWED, NULL))
				return -1;
			return lws_http_transaction_completed(wsi) ? -1 : 0;
		}

		statistics_json(lws_get_context(wsi), statistics,
				sizeof(statistics));
		session->len = (size_t)lws_snprintf(
			(char *)session->body + LWS_PRE,
			sizeof(session->body) - LWS_PRE,
			"{\"requests\":%lu,\"statistics\":%s}\n",
			++requests, statistics);

		if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK,
						"application/json",
						session->len, &p, end) ||
		    lws_finalize_write_http_header(wsi, start, &p, end))
			return -1;

		lws_callback_on_writable(wsi);
		return 0;
	}

	case LWS_CALLBACK_HTTP_WRITEABLE:
		if (!session || !session->len)
			break;

		if (lws_write(wsi, session->body + LWS_PRE, session->len,
			      LWS_WRITE_HTTP_FINAL) < 0)
			return -1;

		return lws_http_transaction_completed(wsi) ? -1 : 0;

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

/*
 * The client: it asks once, and says what came of it.
 */

struct answer {
	unsigned int status;
	unsigned long long received;
	int complete;
};

static int callback_client(struct lws *wsi, enum lws_callback_reasons reason,
			   void *user, void *in, size_t len)
{
	struct answer *answer = (struct answer *)user;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		printf("client: failed: %s\n",
		       in ? (const char *)in : "no reason given");
		break;

	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		answer->status = lws_http_client_http_response(wsi);
		break;

	/* HTTP/1: there is something to read, and reading it calls us again... */
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: {
		char buf[LWS_PRE + 4096], *p = buf + LWS_PRE;
		int room = sizeof(buf) - LWS_PRE;

		return lws_http_client_read(wsi, &p, &room) < 0 ? -1 : 0;
	}

	/* ...here, with a piece of the body, as HTTP/2 does at once. */
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		answer->received += len;
		return 0;

	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		answer->complete = 1;
		printf("client: status %u, %llu bytes\n", answer->status,
		       answer->received);
		break;

	/* A connection of HTTP/2 that was kept for more requests has no answer. */
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		if (answer && !answer->complete)
			printf("client: failed: closed before the end\n");
		break;

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

/* What happens after this call the callback is told. */
static void start_client(struct lws_context *context, const char *target)
{
	struct lws_client_connect_info info;
	const char *scheme, *path;
	char url[1024], full_path[1024], host[300];

	memset(&info, 0, sizeof(info));
	lws_strncpy(url, target, sizeof(url));
	if (lws_parse_uri(url, &scheme, &info.address, &info.port, &path)) {
		printf("client: failed: not a URL\n");
		return;
	}
	lws_snprintf(full_path, sizeof(full_path), "/%s",
		     path[0] == '/' ? path + 1 : path);
	lws_snprintf(host, sizeof(host),
		     strchr(info.address, ':') ? "[%s]:%d" : "%s:%d",
		     info.address, info.port);

	info.context		 = context;
	info.path		 = full_path;
	info.host		 = host;
	info.method		 = "GET";
	info.alpn		 = "h2,http/1.1";
	info.local_protocol_name = "client";
	info.keep_warm_secs	 = 1; /* the connection is of no use afterwards */
	info.ssl_connection	 = LCCSCF_H2_QUIRK_NGHTTP2_END_STREAM |
				   LCCSCF_H2_QUIRK_OVERFLOWS_TXCR;
	if (!strcmp(scheme, "https"))
		info.ssl_connection |= LCCSCF_USE_SSL;

	if (!lws_client_connect_via_info(&info))
		printf("client: failed: not even begun\n");
}

static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "live", callback_live, sizeof(struct session), 0, 0, NULL, 0 },
	{ "client", callback_client, sizeof(struct answer), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct lws_http_mount mount_live = {
	.mountpoint		= "/live",
	.origin			= "live",
	.protocol		= "live",
	.origin_protocol	= LWSMPRO_CALLBACK,
	.mountpoint_len		= 5,
};

static const struct lws_http_mount mount_files = {
	.mount_next		= &mount_live,
	.mountpoint		= "/",
	.origin			= WWW_DIR,
	.def			= "index.html",
	.origin_protocol	= LWSMPRO_FILE,
	.mountpoint_len		= 1,
};

/*
 * Signals reach the loop as bytes in a pipe, which is just another row.
 */

static int signal_pipe[2];

static void on_signal(int sig)
{
	unsigned char byte = (unsigned char)sig;
	int saved = errno;

	/* A full pipe means that the loop has signals to look at already. */
	if (write(signal_pipe[1], &byte, 1) < 0)
		errno = saved;
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

		statistics_json(context, statistics, sizeof(statistics));
		printf("descriptors: %d\nstatistics: %s\n", loop->rows,
		       statistics);
	}
}

/*
 * One turn: sleep until something happens, hand it to whom it concerns.
 */
static int loop_turn(struct loop *loop, struct lws_context *context)
{
	/* lws runs its due timers here and tells how long we may sleep. */
	int timeout_ms = lws_service_adjust_timeout(context, 60000, 0);

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

int main(int argc, const char **argv)
{
	static struct loop loop;
	static struct lws_event_loop_ops ops; /* lws keeps pointers to both */
	static lws_plugin_evlib_t evlib;
	void *foreign_loops[1] = { &loop };
	struct lws_context_creation_info info;
	struct lws_context *context;
	const char *option, *scheme = "https";
	int port, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	option = lws_cmdline_option(argc, argv, "-d");
	lws_set_log_level(option ? atoi(option) : LLL_ERR | LLL_WARN, NULL);

	ops.name		  = "poll table";
	ops.init_pt		  = op_init_pt;
	ops.init_vhost_listen_wsi = op_add;
	ops.sock_accept		  = op_add;
	ops.io			  = op_io;
	ops.wsi_logical_close	  = op_close;
	ops.evlib_size_pt	  = sizeof(struct thread_area);
	if (lws_cmdline_option(argc, argv, "--unguarded"))
		ops.wsi_logical_close = op_close_unguarded;
	evlib.hdr.name		  = "poll table";
	evlib.hdr._class	  = "lws_evlib_plugin";
	evlib.hdr.lws_build_hash  = LWS_BUILD_HASH;
	evlib.hdr.api_magic	  = LWS_PLUGIN_API_MAGIC;
	evlib.ops		  = &ops;

	memset(&info, 0, sizeof(info));
	info.event_lib_custom	= &evlib;
	info.foreign_loops	= foreign_loops;
	info.protocols		= protocols;
	info.mounts		= &mount_files;
	info.error_document_404	= "/404.html";
	info.iface		= lws_cmdline_option(argc, argv, "--interface");
	option			= lws_cmdline_option(argc, argv, "-p");
	info.port		= option ? atoi(option) : 7681;
	info.options =
		LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE |
		LWS_SERVER_OPTION_H2_JUST_FIX_WINDOW_UPDATE_OVERFLOW;
	info.client_ssl_ca_filepath = lws_cmdline_option(argc, argv, "--ca");
	if (lws_cmdline_option(argc, argv, "--no-tls")) {
		scheme = "http";
	} else {
		info.ssl_cert_filepath = CERT_DIR "/localhost.crt";
		info.ssl_private_key_filepath = CERT_DIR "/localhost.key";
	}

	if (signals_init(&loop)) {
		fprintf(stderr, "cannot set up the signal pipe\n");
		return 1;
	}

	context = lws_create_context(&info);
	if (!context) {
		fprintf(stderr, "lws_create_context failed\n");
		return 1;
	}

	port = lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default"));
	printf("listening on %s://localhost:%d\n", scheme, port);
	printf("try: curl --http2 --cacert " CERT_DIR "/localhost.crt %s://localhost:%d/live\n",
	       scheme, port);

	option = lws_cmdline_option(argc, argv, "--client");
	if (option)
		start_client(context, option);

	while (!loop.stop && !failed)
		failed = loop_turn(&loop, context);

	lws_context_destroy(context);

	/* What lws added it has removed: only our own pipe is left. */
	loop_compact(&loop);
	if (loop.rows != 1) {
		fprintf(stderr, "%d descriptors left behind\n", loop.rows - 1);
		failed = 1;
	}
	close(signal_pipe[0]);
	close(signal_pipe[1]);

	printf("Completed: %s\n", failed ? "failed" : "OK");

	return failed ? 1 : 0;
}
