/*
 * minimal-ws-client-echo
 *
 * Sends back to the server what comes from it, messages of any length, piece by
 * piece, and reads no more than the server takes back. It offers the server to
 * compress messages (permessage-deflate).
 *
 *   build/minimal-ws-server-pmd-bulk -p 7681    # sends a large message, wants it back
 *   build/minimal-ws-client-echo -p 7681 -n --protocol lws-minimal-pmd-bulk
 *
 *   -o                    end when the first connection has come to its end; it is
 *                         made again otherwise
 *   -s, --server ADDRESS  name or address of the server (localhost)
 *   -p, --port PORT       its port (7681)
 *   --path PATH           what to ask for (/)
 *   --protocol NAME       subprotocol to offer (lws-minimal-client-echo)
 *   -n, --no-tls          without TLS
 *   --h2                  over HTTP/2 where the server takes WebSockets so, which
 *                         libwebsockets cannot
 *   --ca FILE             trust the certificates in FILE, PEM, beside the system's
 *   -k                    accept any certificate
 *   --eventlib KIND       "custom": on the event loop of shared/loop.c
 *   -d LEVELS             log levels to show, 15 shows the informative ones too
 *
 * How it connects, and when it tries again, is in shared/ws-client.c; the pieces
 * wait in the ring of shared/relay.c.
 */

#include <libwebsockets.h>
#include "relay.h"
#include "ws-client.h"

static struct ws_client client;
static int only_one;

/* Each connection has a relay, from itself to itself. */
static int callback_echo(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	struct relay *relay = (struct relay *)user;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		ws_client_again(&client, wsi, (const char *)in);
		break;

	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		ws_client_established(&client, wsi);
		return relay_init(relay);

	case LWS_CALLBACK_CLIENT_RECEIVE:
		return relay_receive(relay, wsi, wsi, in, len);

	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return relay_send(relay, wsi, wsi);

	case LWS_CALLBACK_CLIENT_CLOSED:
		relay_destroy(relay);
		if (only_one)
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
	{ "echo", callback_echo, sizeof(struct relay), RELAY_PIECE, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct lws_context *context;

	if (program_init(&info, argc, argv))
		return 1;
	info.protocols = protocols;
	info.extensions = program_deflate;	/* it is offered */
	ws_client_options(&client, &info, "lws-minimal-client-echo", argc, argv);
	only_one = lws_cmdline_option(argc, argv, "-o") != NULL;
	client.outcome.failed = only_one;

	context = program_create(&info);
	ws_client_connect(&client, context);

	return program_run(context, &client.outcome);
}
