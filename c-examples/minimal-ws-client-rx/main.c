/*
 * minimal-ws-client-rx
 *
 * Counts what comes, and says so every second: a subscriber of minimal-ws-broker.
 * It can be slower than what comes: then it does not read.
 *
 *   build/minimal-ws-broker -p 7681
 *   build/minimal-ws-client-tx -p 7681 -n       # somebody has to send
 *   build/minimal-ws-client-rx -p 7681 -n
 *
 *   --rate N              read no more than N messages a second; the server keeps
 *                         the others, or what it does with a slow client
 *   --count N             end when N messages have come
 *   -s, --server ADDRESS  name or address of the server (localhost)
 *   -p, --port PORT       its port (7681)
 *   --path PATH           what to ask for (/)
 *   --protocol NAME       subprotocol to offer (lws-minimal-broker)
 *   -n, --no-tls          without TLS
 *   --h2                  over HTTP/2 where the server takes WebSockets so, which
 *                         libwebsockets cannot
 *   --ca FILE             trust the certificates in FILE, PEM, beside the system's
 *   -k                    accept any certificate
 *   --eventlib KIND       "custom": on the event loop of shared/loop.c
 *   -d LEVELS             log levels to show, 15 shows the informative ones too
 *
 * How it connects, and when it tries again, is in shared/ws-client.c.
 */

#include <libwebsockets.h>
#include "ws-client.h"

#include <stdio.h>

static struct ws_client client;
static struct lws *established;
static lws_sorted_usec_list_t each_second;
static int wanted, rate, stopped;
static int messages, messages_before;
static unsigned long long bytes;

static void print_count(void)
{
	printf("%d messages, %llu bytes\n", messages, bytes);
}

static void tick(lws_sorted_usec_list_t *sul)
{
	if (messages != messages_before)
		print_count();
	messages_before = messages;
	if (stopped && established)
		lws_rx_flow_control(established, 1);
	stopped = 0;
	lws_sul_schedule(client.info.context, 0, sul, tick, LWS_US_PER_SEC);
}

/* Nonzero when that is enough. */
static int count_piece(struct lws *wsi, size_t len)
{
	bytes += len;
	if (!lws_is_final_fragment(wsi))
		return 0;
	messages++;
	if (rate && messages - messages_before >= rate) {
		/* What has been read already may still come. */
		lws_rx_flow_control(wsi, 0);
		stopped = 1;
	}

	return messages == wanted;
}

static int callback_subscriber(struct lws *wsi, enum lws_callback_reasons reason,
			       void *user, void *in, size_t len)
{
	switch (reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
		tick(&each_second);
		break;

	case LWS_CALLBACK_PROTOCOL_DESTROY:
		lws_sul_cancel(&each_second);
		print_count();
		break;

	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		ws_client_again(&client, wsi, (const char *)in);
		break;

	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		ws_client_established(&client, wsi);
		established = wsi;
		break;

	case LWS_CALLBACK_CLIENT_RECEIVE:
		if (count_piece(wsi, len))
			return ws_client_close(wsi);
		break;

	case LWS_CALLBACK_CLIENT_CLOSED:
		established = NULL;
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
	{ "subscriber", callback_subscriber, 0, 4096, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct lws_context *context;

	if (program_init(&info, argc, argv))
		return 1;
	info.protocols = protocols;
	ws_client_options(&client, &info, "lws-minimal-broker", argc, argv);
	rate = ws_client_number(argc, argv, "--rate", 0);
	wanted = ws_client_number(argc, argv, "--count", 0);
	client.outcome.failed = wanted > 0;

	context = program_create(&info);
	ws_client_connect(&client, context);

	return program_run(context, &client.outcome);
}
