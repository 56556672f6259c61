/*
 * bench-client: many requests over one connection, or one large download.
 *
 *   bench-client PORT PATH COUNT AT_ONCE
 *
 * Asks for https://localhost:PORT/PATH COUNT times, AT_ONCE at a time, over one
 * HTTP/2 connection, and forgets the answers. Prints how many answers and bytes
 * there were; exits with 1 if any is missing. Compiles against ferrows and
 * upstream libwebsockets alike.
 */

#include <libwebsockets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lws_client_connect_info request;
static unsigned long wanted, asked, ended, completed;
static unsigned long long bytes;

static void ask(void)
{
	if (asked == wanted)
		return;

	asked++;
	if (!lws_client_connect_via_info(&request))
		ended++;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason,
		    void *user, void *in, size_t len)
{
	switch (reason) {
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: {
		char buffer[LWS_PRE + 16384], *at = buffer + LWS_PRE;
		int room = sizeof(buffer) - LWS_PRE;

		return lws_http_client_read(wsi, &at, &room) < 0 ? -1 : 0;
	}

	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		bytes += len;
		return 0;

	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		completed++;
		return 0;

	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		fprintf(stderr, "%s\n", in ? (const char *)in : "no reason");
		/* fallthrough */
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		ended++;
		ask();
		lws_cancel_service(lws_get_context(wsi));
		return 0;

	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

static const struct lws_protocols protocols[] = {
	{ "http", callback, 0, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

int main(int argc, char **argv)
{
	struct lws_context_creation_info info;
	struct lws_context *context;
	unsigned long at_once;

	if (argc != 5) {
		fprintf(stderr, "usage: bench-client PORT PATH COUNT AT_ONCE\n");
		return 2;
	}
	wanted = strtoul(argv[3], NULL, 10);
	at_once = strtoul(argv[4], NULL, 10);

	lws_set_log_level(LLL_ERR, NULL);
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	context = lws_create_context(&info);
	if (!context)
		return 1;

	request.context = context;
	request.address = "127.0.0.1";
	request.host = "localhost";
	request.port = atoi(argv[1]);
	request.path = argv[2];
	request.method = "GET";
	request.alpn = "h2";
	request.ssl_connection = LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED |
				 LCCSCF_ALLOW_INSECURE |
				 LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK |
				 LCCSCF_PIPELINE | LCCSCF_MUXABLE_STREAM |
				 LCCSCF_H2_QUIRK_NGHTTP2_END_STREAM;

	while (at_once--)
		ask();
	while (ended < wanted && lws_service(context, 0) >= 0)
		;

	lws_context_destroy(context);
	printf("%lu answers, %llu bytes\n", completed, bytes);

	return completed != wanted;
}
