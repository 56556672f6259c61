/*
 * minimal-http-server-eventlib-custom
 *
 * An application that already has an event loop, here the one around poll() in
 * shared/loop.c, serves static files and a dynamic resource over TLS with HTTP/2
 * and HTTP/1.1. The library brings no thread and no loop: through five operations
 * it says which descriptors it wants watched, and the application tells it what
 * happened to them. A client connection, to whatever other server, runs on the
 * same loop.
 *
 * shared/loop.c has the loop, the operations, and how they are given to lws:
 * that is the file to copy from. All the programs with WebSockets use it, too.
 * This one shows that nothing above it is different for an application's loop.
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
 *   --unguarded        close operation without the check for streams: see there
 *   -d LEVELS          log levels to show, 15 shows the informative ones too
 */

#include <libwebsockets.h>
#include "loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The makefile gives these as absolute paths, so any directory will do. */
#if !defined(WWW_DIR)
#define WWW_DIR "mount-origin"
#endif
#if !defined(CERT_DIR)
#define CERT_DIR "build/certs"
#endif

/*
 * The dynamic resource: /live tells about the server itself.
 */

struct session {
	size_t len;
	unsigned char body[LWS_PRE + 4096];
};

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

		loop_statistics(lws_get_context(wsi), statistics,
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

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct lws_context *context;
	const char *option, *scheme = "https";
	int port, failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	option = lws_cmdline_option(argc, argv, "-d");
	lws_set_log_level(option ? atoi(option) : LLL_ERR | LLL_WARN, NULL);

	memset(&info, 0, sizeof(info));
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

	/* Puts the loop into info.foreign_loops, and into info.event_lib_custom
	 * how to use it. */
	if (loop_init(&info, lws_cmdline_option(argc, argv, "--unguarded") ?
						"unguarded" : "custom"))
		return 1;

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

	/* Turns of lws_service_adjust_timeout(), poll(), and lws_service_fd() for
	 * each descriptor with events. */
	failed = loop_run(context, NULL);
	lws_context_destroy(context);
	failed |= loop_end();
	printf("Completed: %s\n", failed ? "failed" : "OK");

	return failed ? 1 : 0;
}
