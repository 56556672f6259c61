/*
 * minimal-ws-client
 *
 * Opens a WebSocket, says something if it is told to, and shows what comes. A
 * connection that fails, or that the server closes, is made again after a while.
 *
 *   build/minimal-ws-server -p 7681 -s          # the other side, a chat
 *   build/minimal-ws-client -p 7681 --ca build/certs/localhost.crt --say hello
 *
 *   --say TEXT            send this message
 *   --count N             end when N messages have come
 *   -s, --server ADDRESS  name or address of the server (localhost)
 *   -p, --port PORT       its port (7681)
 *   --path PATH           what to ask for (/)
 *   --protocol NAME       subprotocol to offer (lws-minimal)
 *   -n, --no-tls          without TLS
 *   --h2                  over HTTP/2 where the server takes WebSockets so, which
 *                         libwebsockets cannot
 *   --ca FILE             trust the certificates in FILE, PEM, beside the system's
 *   -k                    accept any certificate
 *   --eventlib KIND       "custom": on the event loop of shared/loop.c
 *   -d LEVELS             log levels to show, 15 shows the informative ones too
 *
 * How it connects, and when it tries again, is in shared/ws-client.c. The exit
 * code is 0 if what came was enough, or a signal ended it while nothing was asked
 * for.
 */

#include <libwebsockets.h>
#include "ws-client.h"

#include <stdio.h>
#include <string.h>

#define SAY_MAX 1024

static struct ws_client client;
static const char *to_say;
static int wanted, messages;

/* One for each connection, zeroed: the callback gets it as `user`. */
struct session {
	int said;
	size_t len;			/* what has come of a message */
};

static int say(struct lws *wsi, struct session *session)
{
	/* lws writes the head of the frame in front of the payload. */
	unsigned char buf[LWS_PRE + SAY_MAX];
	size_t len;

	if (!to_say || session->said)
		return 0;
	session->said = 1;
	len = strlen(to_say);
	memcpy(buf + LWS_PRE, to_say, len);

	return lws_write(wsi, buf + LWS_PRE, len, LWS_WRITE_TEXT) < (int)len ?
								-1 : 0;
}

/* A message comes in pieces; it is shown as they come. Nonzero after the last of
 * those that are wanted. */
static int show(struct lws *wsi, struct session *session, const void *in,
		size_t len)
{
	if (lws_is_first_fragment(wsi))
		session->len = 0;
	session->len += len;

	if (!lws_frame_is_binary(wsi))
		fwrite(in, 1, len, stdout);
	if (!lws_is_final_fragment(wsi))
		return 0;
	if (lws_frame_is_binary(wsi))
		printf("%lu bytes", (unsigned long)session->len);
	printf("\n");

	return ++messages == wanted;
}

static int callback_client(struct lws *wsi, enum lws_callback_reasons reason,
			   void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		ws_client_again(&client, wsi, (const char *)in);
		break;

	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		ws_client_established(&client, wsi);
		lws_callback_on_writable(wsi);
		break;

	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return say(wsi, session);

	case LWS_CALLBACK_CLIENT_RECEIVE:
		if (show(wsi, session, in, len))
			return ws_client_close(wsi);
		break;

	case LWS_CALLBACK_CLIENT_CLOSED:
		if (wanted && messages >= wanted)
			ws_client_done(&client);
		else
			ws_client_again(&client, wsi, "closed by the server");
		break;

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static const struct lws_protocols protocols[] = {
	{ "client", callback_client, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct lws_context *context;

	if (program_init(&info, argc, argv))
		return 1;
	info.protocols = protocols;
	ws_client_options(&client, &info, "lws-minimal", argc, argv);
	wanted = ws_client_number(argc, argv, "--count", 0);
	client.outcome.failed = wanted > 0;
	to_say = lws_cmdline_option(argc, argv, "--say");
	if (to_say && strlen(to_say) > SAY_MAX) {
		fprintf(stderr, "that is too much to say\n");
		return 1;
	}

	context = program_create(&info);
	ws_client_connect(&client, context);

	return program_run(context, &client.outcome);
}
