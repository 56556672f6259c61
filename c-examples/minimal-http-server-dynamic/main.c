/*
 * minimal-http-server-dynamic
 *
 * Answers requests in a callback instead of from files:
 *
 *   GET /dyn/NAME            a small page about the request
 *   GET /dyn/lines?count=N   N lines, written a chunk at a time whenever the
 *                            connection can take more; nothing grows with N
 *   POST /dyn/echo           the request body again
 *
 *   build/minimal-http-server-dynamic -p 7681
 *   curl -i http://localhost:7681/dyn/hello
 *   curl http://localhost:7681/dyn/lines?count=100000 | tail -1
 *   curl --http2-prior-knowledge http://localhost:7681/dyn/lines?count=3
 *   curl -d 'some text' http://localhost:7681/dyn/echo
 *
 *   -p PORT    port to listen on, 0 lets the kernel choose (7681)
 *   -d LEVELS  log levels to show, 15 shows the informative ones too
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE	4096
#define LINE_SIZE	24 /* "line 0000000001 of many" and the newline */
#define ECHO_LIMIT	(1024 * 1024)

enum answer { PAGE, LINES, ECHO };

/*
 * One of these comes with every request, zeroed: `user` in the callback. It is
 * lws's memory and goes with the request; what it points to is ours to free,
 * in LWS_CALLBACK_HTTP_DROP_PROTOCOL.
 */
struct session {
	enum answer answer;
	int headers_only;		/* the request is a HEAD */

	char page[256];			/* PAGE */
	size_t page_len;

	unsigned long line, lines;	/* LINES: written so far, and in all */

	unsigned char *body;		/* ECHO: from malloc, LWS_PRE in front */
	size_t body_len, body_sent;
};

static struct lws_context *context;
static volatile sig_atomic_t interrupted;

/*
 * Sends the response headers and asks to be called back to write the body.
 * Returns what the callback has to return: nonzero closes the connection.
 */
static int respond(struct lws *wsi, const struct session *session,
		   lws_filepos_t content_length)
{
	unsigned char buf[LWS_PRE + 1024], *start = buf + LWS_PRE, *p = start,
		      *end = buf + sizeof(buf);

	if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK, "text/plain",
					content_length, &p, end) ||
	    lws_finalize_write_http_header(wsi, start, &p, end))
		return -1;

	if (session->headers_only)
		return lws_http_transaction_completed(wsi) ? -1 : 0;

	lws_callback_on_writable(wsi);

	return 0;
}

/* An error page that lws makes. */
static int refuse(struct lws *wsi, unsigned int status)
{
	if (lws_return_http_status(wsi, status, NULL) ||
	    lws_http_transaction_completed(wsi))
		return -1;

	return 0;
}

/*
 * Writes the next part of a body, that starts at `buf + LWS_PRE`: the room in
 * front is where lws puts the framing. The last part ends the transaction.
 */
static int write_body(struct lws *wsi, unsigned char *buf, size_t len, int last)
{
	if (lws_write(wsi, buf + LWS_PRE, len,
		      last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)len)
		return -1;

	if (last)
		return lws_http_transaction_completed(wsi) ? -1 : 0;

	lws_callback_on_writable(wsi);

	return 0;
}

static int begin(struct lws *wsi, struct session *session)
{
	char *uri, arg[32], peer[64];
	int uri_len, method = lws_http_get_uri_and_method(wsi, &uri, &uri_len);

	if (method == LWSHUMETH_POST) {
		session->answer = ECHO; /* the body comes as LWS_CALLBACK_HTTP_BODY */
		return 0;
	}

	session->headers_only = method == LWSHUMETH_HEAD;
	if (method != LWSHUMETH_GET && !session->headers_only)
		return refuse(wsi, HTTP_STATUS_METHOD_NOT_ALLOWED);

	if (uri_len == 10 && !memcmp(uri, "/dyn/lines", 10)) {
		session->answer = LINES;
		session->lines = 10;
		if (lws_get_urlarg_by_name_safe(wsi, "count", arg,
						sizeof(arg)) > 0)
			session->lines = strtoul(arg, NULL, 10);
		if (!session->lines || session->lines > 100000000)
			return refuse(wsi, HTTP_STATUS_BAD_REQUEST);

		return respond(wsi, session,
			       (lws_filepos_t)session->lines * LINE_SIZE);
	}

	session->answer = PAGE;
	lws_get_peer_simple(wsi, peer, sizeof(peer));
	session->page_len = (size_t)lws_snprintf(session->page,
				sizeof(session->page),
				"path %.*s\nyou are %s\n", uri_len, uri, peer);

	return respond(wsi, session, session->page_len);
}

/* Called for every piece of the request body, as it comes in. */
static int collect(struct lws *wsi, struct session *session, const void *in,
		   size_t len)
{
	unsigned char *bigger;

	if (len > ECHO_LIMIT - session->body_len)
		return refuse(wsi, HTTP_STATUS_REQ_ENTITY_TOO_LARGE);

	bigger = (unsigned char *)realloc(session->body, LWS_PRE +
					  session->body_len + len);
	if (!bigger)
		return -1;

	memcpy(bigger + LWS_PRE + session->body_len, in, len);
	session->body = bigger;
	session->body_len += len;

	return 0;
}

/* Called when the connection can take more of the response. */
static int continue_body(struct lws *wsi, struct session *session)
{
	unsigned char buf[LWS_PRE + CHUNK_SIZE + 1];
	size_t len = 0;

	switch (session->answer) {
	case PAGE:
		len = session->page_len;
		memcpy(buf + LWS_PRE, session->page, len);
		return write_body(wsi, buf, len, 1);

	case LINES:
		while (session->line < session->lines &&
		       len + LINE_SIZE <= CHUNK_SIZE)
			len += (size_t)lws_snprintf((char *)buf + LWS_PRE + len,
						    LINE_SIZE + 1,
						    "line %010lu of many\n",
						    ++session->line);
		return write_body(wsi, buf, len,
				  session->line == session->lines);

	case ECHO:
		len = session->body_len - session->body_sent;
		if (len > CHUNK_SIZE)
			len = CHUNK_SIZE;
		memcpy(buf + LWS_PRE,
		       session->body + LWS_PRE + session->body_sent, len);
		session->body_sent += len;
		return write_body(wsi, buf, len,
				  session->body_sent == session->body_len);
	}

	return -1;
}

static int callback_dynamic(struct lws *wsi, enum lws_callback_reasons reason,
			    void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return begin(wsi, session);

	case LWS_CALLBACK_HTTP_BODY:
		return collect(wsi, session, in, len);

	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return respond(wsi, session, session->body_len);

	case LWS_CALLBACK_HTTP_WRITEABLE:
		return continue_body(wsi, session);

	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
		if (session) {
			free(session->body);
			session->body = NULL;
		}
		return 0;

	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "dynamic", callback_dynamic, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct lws_http_mount mount_dynamic = {
	.mountpoint		= "/dyn",
	.origin			= "dynamic",
	.protocol		= "dynamic",
	.origin_protocol	= LWSMPRO_CALLBACK,
	.mountpoint_len		= 4,
};

/* lws_cancel_service() is the one call that is good in a signal handler. */
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

	setvbuf(stdout, NULL, _IOLBF, 0);
	option = lws_cmdline_option(argc, argv, "-d");
	lws_set_log_level(option ? atoi(option) : LLL_ERR | LLL_WARN, NULL);

	memset(&info, 0, sizeof(info));
	info.protocols	= protocols;
	info.mounts	= &mount_dynamic;
	option		= lws_cmdline_option(argc, argv, "-p");
	info.port	= option ? atoi(option) : 7681;

	context = lws_create_context(&info);
	if (!context) {
		fprintf(stderr, "lws_create_context failed\n");
		return 1;
	}

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	printf("listening on http://localhost:%d\n",
	       lws_get_vhost_listen_port(
			lws_get_vhost_by_name(context, "default")));

	/* The second argument is historical: it waits for as long as it may. */
	while (!interrupted && lws_service(context, 0) >= 0)
		;

	lws_context_destroy(context);
	printf("Completed: %s\n", interrupted ? "OK" : "failed");

	return interrupted ? 0 : 1;
}
