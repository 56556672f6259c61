/*
 * minimal-ws-client-spam
 *
 * Opens many WebSockets, several at once. Each sends a message, waits until it
 * comes back, and closes in order; then the next is opened.
 *
 *   build/minimal-ws-server-echo -p 7681
 *   build/minimal-ws-client-spam -p 7681 -n -l 1000 -c 50
 *
 *   -l LIMIT              how many there are to be (100)
 *   -c COUNT              how many of them at once (10)
 *   --size BYTES          length of the message (64)
 *   -s, --server ADDRESS  name or address of the server (localhost)
 *   -p, --port PORT       its port (7681)
 *   --path PATH           what to ask for (/)
 *   --protocol NAME       subprotocol to offer (lws-minimal-server-echo)
 *   -n, --no-tls          without TLS
 *   --h2                  over HTTP/2 where the server takes WebSockets so, which
 *                         libwebsockets cannot
 *   --ca FILE             trust the certificates in FILE, PEM, beside the system's
 *   -k                    accept any certificate
 *   --eventlib KIND       "custom": on the event loop of shared/loop.c
 *   -d LEVELS             log levels to show, 15 shows the informative ones too
 *
 * With --h2 they share connections. What fails is not tried again. The exit code
 * is 0 if every message came back.
 */

#include <libwebsockets.h>
#include "ws-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ws_client client;
static lws_sorted_usec_list_t refill;
static int limit, at_once, size;
static int tried, open_now, established, returned, failed;
static unsigned char *message, *outgoing;

/* One for each WebSocket, zeroed: the callback gets it as `user`. */
struct session {
	int sent;
	int back;			/* bytes of it */
};

/* Opens as many as may be. */
static void open_more(lws_sorted_usec_list_t *sul)
{
	(void)sul;

	while (open_now < at_once && tried < limit) {
		tried++;
		if (ws_client_open(&client, client.info.context, NULL))
			failed++;
		else
			open_now++;
	}
	if (open_now)
		return;
	client.outcome.failed = returned != limit;
	client.outcome.over = 1;
	/* The loop runs timers before it sleeps. */
	lws_cancel_service(client.info.context);
}

/* Not from the callback of the one that has ended: that may be called from
 * within the opening of it. */
static void one_less(void)
{
	open_now--;
	if (!program_is_ending())
		lws_sul_schedule(client.info.context, 0, &refill, open_more, 1);
}

static int send_message(struct lws *wsi, struct session *session)
{
	if (session->sent)
		return 0;
	session->sent = 1;

	/* lws writes in front of what it is given, and masks it in place. */
	memcpy(outgoing + LWS_PRE, message, (size_t)size);

	return lws_write(wsi, outgoing + LWS_PRE, (size_t)size,
			 LWS_WRITE_TEXT) < size ? -1 : 0;
}

/* Nonzero to close: it is back, or is another. */
static int take_back(struct lws *wsi, struct session *session, const void *in,
		     int len)
{
	if (len > size - session->back ||
	    memcmp(in, message + session->back, (size_t)len)) {
		fprintf(stderr, "another message came back\n");
		return -1;
	}
	session->back += len;
	if (!lws_is_final_fragment(wsi))
		return 0;

	return ws_client_close(wsi);
}

static int callback_spam(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;

	switch (reason) {
	case LWS_CALLBACK_PROTOCOL_DESTROY:
		printf("%d tried, %d established, %d came back, %d failed\n",
		       tried, established, returned, failed);
		break;

	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		fprintf(stderr, "%s\n", in ? (const char *)in : "no reason given");
		failed++;
		one_less();
		break;

	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		established++;
		lws_callback_on_writable(wsi);
		break;

	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return send_message(wsi, session);

	case LWS_CALLBACK_CLIENT_RECEIVE:
		return take_back(wsi, session, in, (int)len);

	case LWS_CALLBACK_CLIENT_CLOSED:
		if (session->back == size)
			returned++;
		else
			failed++;
		one_less();
		break;

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static const struct lws_protocols protocols[] = {
	{ "spam", callback_spam, sizeof(struct session), 4096, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static int make_message(void)
{
	if (size < 0)
		return 1;
	message = (unsigned char *)malloc((size_t)size + 1);
	outgoing = (unsigned char *)malloc(LWS_PRE + (size_t)size);
	if (!message || !outgoing)
		return 1;
	for (int n = 0; n < size; n++)
		message[n] = (unsigned char)('a' + n % 26);

	return 0;
}

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct lws_context *context;
	int result;

	if (program_init(&info, argc, argv))
		return 1;
	info.protocols = protocols;
	ws_client_options(&client, &info, "lws-minimal-server-echo", argc, argv);
	client.info.ssl_connection |= LCCSCF_PIPELINE;
	limit = ws_client_number(argc, argv, "-l", 100);
	at_once = ws_client_number(argc, argv, "-c", 10);
	size = ws_client_number(argc, argv, "--size", 64);
	client.outcome.failed = 1;
	if (make_message()) {
		fprintf(stderr, "no memory for the message\n");
		return 1;
	}

	context = program_create(&info);
	client.info.context = context;
	if (context)
		open_more(&refill);
	result = program_run(context, &client.outcome);
	free(message);
	free(outgoing);

	return result;
}
