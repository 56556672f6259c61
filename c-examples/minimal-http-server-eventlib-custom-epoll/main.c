/*
 * minimal-http-server-eventlib-custom-epoll
 *
 * An application around epoll, with descriptors of its own (signals, a timer,
 * standard input), has lws among them. What happens to the application, a tick
 * every second and each line typed, goes out to all clients that listen to
 * /events.
 *
 * It differs from minimal-http-server-eventlib-custom, which explains the
 * operations, in how it reports an event: there is no table of pollfd's to hand
 * over, so one is made up on the spot for every single bit that fired.
 *
 *   build/minimal-http-server-eventlib-custom-epoll -p 7681
 *   curl -N http://localhost:7681/events
 *   curl -i http://localhost:7681/
 *
 *   -p PORT    port to listen on, 0 lets the kernel choose (7681)
 *   --tls      TLS with the certificate of `make certs`, and HTTP/2 over it
 *   -d LEVELS  log levels to show, 15 shows the informative ones too
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The makefile gives these as absolute paths, so any directory will do. */
#if !defined(WWW_DIR)
#define WWW_DIR "mount-origin"
#endif
#if !defined(CERT_DIR)
#define CERT_DIR "build/certs"
#endif

/*
 * The operations. epoll wants the whole set of events whenever one changes, so
 * the sets are kept here, by descriptor; 0 is a descriptor lws does not have.
 */

#define FD_LIMIT 4096

static uint32_t watched[FD_LIMIT];

/* What lws keeps for us with its service thread. */
struct thread_area {
	int epoll_fd;
	int descriptors;
};

static int op_init_pt(struct lws_context *context, void *foreign_loop, int tsi)
{
	struct thread_area *area = (struct thread_area *)
				lws_evlib_tsi_to_evlib_pt(context, tsi);

	area->epoll_fd = *(int *)foreign_loop;

	return 0;
}

static int op_add(struct lws *wsi)
{
	struct thread_area *area = (struct thread_area *)
				lws_evlib_wsi_to_evlib_pt(wsi);
	struct epoll_event event;
	int fd = lws_get_socket_fd(wsi);

	if (fd < 0 || fd >= FD_LIMIT)
		return 1;

	memset(&event, 0, sizeof(event));
	event.events = EPOLLIN;
	event.data.fd = fd;
	if (epoll_ctl(area->epoll_fd, EPOLL_CTL_ADD, fd, &event))
		return 1;

	/* EPOLLERR is always reported: here it only says "lws has this one" */
	watched[fd] = EPOLLIN | EPOLLERR;
	area->descriptors++;

	return 0;
}

static void op_io(struct lws *wsi, unsigned int flags)
{
	struct thread_area *area = (struct thread_area *)
				lws_evlib_wsi_to_evlib_pt(wsi);
	uint32_t bits = ((flags & LWS_EV_READ) ? (uint32_t)EPOLLIN : 0) |
			((flags & LWS_EV_WRITE) ? (uint32_t)EPOLLOUT : 0);
	struct epoll_event event;
	int fd = lws_get_socket_fd(wsi);

	if (fd < 0 || fd >= FD_LIMIT || !watched[fd])
		return;

	memset(&event, 0, sizeof(event));
	event.data.fd = fd;
	event.events = (flags & LWS_EV_START) ? watched[fd] | bits :
						watched[fd] & ~bits;
	if (event.events == watched[fd])
		return;

	if (epoll_ctl(area->epoll_fd, EPOLL_CTL_MOD, fd, &event))
		perror("EPOLL_CTL_MOD");
	else
		watched[fd] = event.events;
}

static int op_close(struct lws *wsi)
{
	struct thread_area *area = (struct thread_area *)
				lws_evlib_wsi_to_evlib_pt(wsi);
	int fd = lws_get_socket_fd(wsi);

	/* An HTTP/2 stream has no descriptor: nothing to do. */
	if (fd < 0 || fd >= FD_LIMIT || !watched[fd])
		return 0;

	/* Fails if the descriptor is closed already, which is as good. */
	epoll_ctl(area->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	watched[fd] = 0;
	area->descriptors--;

	return 0;
}

static const struct lws_event_loop_ops ops = {
	.name			= "epoll",
	.init_vhost_listen_wsi	= op_add,
	.init_pt		= op_init_pt,
	.wsi_logical_close	= op_close,
	.sock_accept		= op_add,
	.io			= op_io,
	.evlib_size_pt		= sizeof(struct thread_area),
};

static const lws_plugin_evlib_t evlib = {
	{ "epoll", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC },
	&ops
};

/*
 * Hands lws what epoll reported for one of its descriptors, bit by bit. Any of
 * these calls may close the descriptor, then the rest is of no interest.
 */
static int serve(struct lws_context *context, int fd, uint32_t events)
{
	static const struct {
		uint32_t epoll;
		short poll;
	} bits[] = {
		{ EPOLLIN, LWS_POLLIN },
		{ EPOLLOUT, LWS_POLLOUT },
		{ EPOLLERR | EPOLLHUP, LWS_POLLHUP }, /* last: first read */
	};

	for (size_t n = 0; n < sizeof(bits) / sizeof(bits[0]); n++) {
		struct lws_pollfd pollfd;

		if (!(events & bits[n].epoll) || !watched[fd])
			continue;

		pollfd.fd = fd;
		pollfd.events = pollfd.revents = bits[n].poll;
		if (lws_service_fd(context, &pollfd) < 0)
			return -1;
	}

	return 0;
}

/*
 * The news: only the latest item is kept, a client that is too slow for an item
 * gets the next one.
 */

static struct {
	unsigned long id;
	char text[200];
} news;

struct session {
	unsigned long seen;
};

static int callback_events(struct lws *wsi, enum lws_callback_reasons reason,
			   void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;
	unsigned char buf[LWS_PRE + 512], *start = buf + LWS_PRE, *p = start,
		      *end = buf + sizeof(buf);
	char *uri;
	int uri_len;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		if (lws_http_get_uri_and_method(wsi, &uri, &uri_len) !=
							LWSHUMETH_GET) {
			if (lws_return_http_status(wsi,
					HTTP_STATUS_METHOD_NOT_ALLOWED, NULL))
				return -1;
			return lws_http_transaction_completed(wsi) ? -1 : 0;
		}

		/* The length is not known: HTTP/1.1 ends it by closing. */
		if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK,
						"text/event-stream",
						LWS_ILLEGAL_HTTP_CONTENT_LEN,
						&p, end) ||
		    lws_finalize_write_http_header(wsi, start, &p, end))
			return -1;

		/* It may take any time until there is something to send. */
		lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
		lws_callback_on_writable(wsi);
		return 0;

	case LWS_CALLBACK_HTTP_WRITEABLE:
		if (session->seen == news.id)
			return 0;

		session->seen = news.id;
		p += lws_snprintf((char *)p, lws_ptr_diff_size_t(end, p),
				  "id: %lu\ndata: %s\n\n", news.id, news.text);
		if (lws_write(wsi, start, lws_ptr_diff_size_t(p, start),
			      LWS_WRITE_HTTP) < 0)
			return -1;
		return 0;

	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "events", callback_events, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct lws_http_mount mount_events = {
	.mountpoint		= "/events",
	.origin			= "events",
	.protocol		= "events",
	.origin_protocol	= LWSMPRO_CALLBACK,
	.mountpoint_len		= 7,
};

static const struct lws_http_mount mount_files = {
	.mount_next		= &mount_events,
	.mountpoint		= "/",
	.origin			= WWW_DIR,
	.def			= "index.html",
	.origin_protocol	= LWSMPRO_FILE,
	.mountpoint_len		= 1,
};

static void publish(struct lws_context *context, const char *text)
{
	news.id++;
	lws_strncpy(news.text, text, sizeof(news.text));
	lws_callback_on_writable_all_protocol(context, &protocols[1]);
}

/*
 * The application's own descriptors.
 */

struct app {
	int epoll_fd;
	int signal_fd;
	int timer_fd;
	int stop;
};

static int app_watch(const struct app *app, int fd)
{
	struct epoll_event event;

	memset(&event, 0, sizeof(event));
	event.events = EPOLLIN;
	event.data.fd = fd;

	return epoll_ctl(app->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int app_init(struct app *app)
{
	static const struct itimerspec every_second = { { 1, 0 }, { 1, 0 } };
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return 1;

	app->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	app->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	app->timer_fd = timerfd_create(CLOCK_MONOTONIC,
				       TFD_NONBLOCK | TFD_CLOEXEC);
	if (app->epoll_fd < 0 || app->signal_fd < 0 || app->timer_fd < 0 ||
	    timerfd_settime(app->timer_fd, 0, &every_second, NULL) ||
	    app_watch(app, app->signal_fd) || app_watch(app, app->timer_fd))
		return 1;

	/* A file as standard input cannot be waited for: do without. */
	if (app_watch(app, STDIN_FILENO) && errno != EPERM && errno != EBADF)
		return 1;

	return 0;
}

static void app_close(const struct app *app)
{
	close(app->timer_fd);
	close(app->signal_fd);
	close(app->epoll_fd);
}

static void on_timer(const struct app *app, struct lws_context *context)
{
	static unsigned long long ticks;
	uint64_t expirations;
	char text[40];

	if (read(app->timer_fd, &expirations, sizeof(expirations)) !=
							sizeof(expirations))
		return;

	ticks += expirations;
	lws_snprintf(text, sizeof(text), "tick %llu", ticks);
	publish(context, text);
}

static void on_input(const struct app *app, struct lws_context *context)
{
	char line[160];
	ssize_t len = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (len <= 0) {
		epoll_ctl(app->epoll_fd, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
		return;
	}

	line[len] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	publish(context, line);
}

static int app_turn(struct app *app, struct lws_context *context)
{
	struct epoll_event events[64];
	/* The application has no need to wake up by itself, but lws might. */
	int timeout_ms = lws_service_adjust_timeout(context, 60000, 0);
	int count = epoll_wait(app->epoll_fd, events,
			       sizeof(events) / sizeof(events[0]), timeout_ms);

	if (count < 0)
		return errno == EINTR ? 0 : -1;

	for (int n = 0; n < count; n++) {
		int fd = events[n].data.fd;

		if (fd == app->signal_fd)
			app->stop = 1;
		else if (fd == app->timer_fd)
			on_timer(app, context);
		else if (fd == STDIN_FILENO)
			on_input(app, context);
		else if (serve(context, fd, events[n].events))
			return -1;
	}

	return 0;
}

int main(int argc, const char **argv)
{
	struct app app = { -1, -1, -1, 0 };
	void *foreign_loops[1] = { &app.epoll_fd };
	struct lws_context_creation_info info;
	struct lws_context *context;
	struct thread_area *area;
	const char *option, *scheme = "http";
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	option = lws_cmdline_option(argc, argv, "-d");
	lws_set_log_level(option ? atoi(option) : LLL_ERR | LLL_WARN, NULL);

	memset(&info, 0, sizeof(info));
	info.event_lib_custom	= &evlib;
	info.foreign_loops	= foreign_loops;
	info.protocols		= protocols;
	info.mounts		= &mount_files;
	info.error_document_404	= "/404.html";
	option			= lws_cmdline_option(argc, argv, "-p");
	info.port		= option ? atoi(option) : 7681;
	info.options =
		LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE;
	if (lws_cmdline_option(argc, argv, "--tls")) {
		scheme = "https";
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = CERT_DIR "/localhost.crt";
		info.ssl_private_key_filepath = CERT_DIR "/localhost.key";
	}

	if (app_init(&app)) {
		perror("cannot set up the application's descriptors");
		app_close(&app);
		return 1;
	}

	context = lws_create_context(&info);
	if (!context) {
		fprintf(stderr, "lws_create_context failed\n");
		app_close(&app);
		return 1;
	}

	area = (struct thread_area *)lws_evlib_tsi_to_evlib_pt(context, 0);
	printf("listening on %s://localhost:%d\n", scheme,
	       lws_get_vhost_listen_port(
			lws_get_vhost_by_name(context, "default")));
	printf("lws brought %d descriptors\n", area->descriptors);

	while (!app.stop && !failed)
		failed = app_turn(&app, context);

	lws_context_destroy(context); /* and with it, the area */

	for (int fd = 0; fd < FD_LIMIT; fd++)
		if (watched[fd]) {
			fprintf(stderr, "descriptor %d left behind\n", fd);
			failed = 1;
		}
	app_close(&app);

	printf("Completed: %s\n", failed ? "failed" : "OK");

	return failed ? 1 : 0;
}
