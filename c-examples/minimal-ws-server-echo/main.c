/*
 * minimal-ws-server-echo
 *
 * Sends back what comes, messages of any length, piece by piece: nothing is held
 * but what the client has not yet taken, and a client that takes nothing is not
 * read from.
 *
 *   build/minimal-ws-server-echo -p 7681
 *   build/minimal-ws-client -p 7681 -n --protocol lws-minimal-server-echo --say hello
 *
 *   -p PORT          port to listen on, 0 lets the kernel choose (7681)
 *   -s               over TLS
 *   -n               without permessage-deflate
 *   -o               end when the first client has left
 *   --eventlib KIND  "custom": on the event loop of shared/loop.c
 *   -d LEVELS        log levels to show, 15 shows the informative ones too
 *
 * The pieces wait in the ring of shared/relay.c.
 */

#include <libwebsockets.h>
#include "program.h"
#include "relay.h"

static int only_one;
static struct outcome outcome;

/* Each WebSocket has a relay, from itself to itself. */
static int callback_echo(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	struct relay *relay = (struct relay *)user;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		return relay_init(relay);

	case LWS_CALLBACK_CLOSED:
		relay_destroy(relay);
		outcome.over = only_one;
		break;

	case LWS_CALLBACK_RECEIVE:
		return relay_receive(relay, wsi, wsi, in, len);

	case LWS_CALLBACK_SERVER_WRITEABLE:
		return relay_send(relay, wsi, wsi);

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

/* A client that names no protocol gets the first. */
static const struct lws_protocols protocols[] = {
	{ "lws-minimal-server-echo", callback_echo, sizeof(struct relay),
	  RELAY_PIECE, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;

	if (program_init(&info, argc, argv))
		return 1;
	program_listens(&info, argc, argv);
	info.protocols = protocols;
	info.options |= LWS_SERVER_OPTION_VALIDATE_UTF8;
	if (!lws_cmdline_option(argc, argv, "-n"))
		info.extensions = program_deflate;
	only_one = lws_cmdline_option(argc, argv, "-o") != NULL;

	return program_run(program_create(&info), &outcome);
}
