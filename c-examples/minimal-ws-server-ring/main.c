/*
 * minimal-ws-server-ring
 *
 * A chat where nobody misses a message: a ring keeps those that somebody has yet
 * to get, and destroys each when all have got it. A client that falls behind by
 * the whole ring is closed.
 *
 *   build/minimal-ws-server-ring -p 7681        # and open http://localhost:7681/
 *
 *   -p PORT          port to listen on, 0 lets the kernel choose (7681)
 *   -s               over TLS
 *   --eventlib KIND  "custom": on the event loop of shared/loop.c
 *   -d LEVELS        log levels to show, 15 shows the informative ones too
 *
 * The ring, and what it does in each callback, is in shared/broadcast.c.
 */

#include <libwebsockets.h>
#include "broadcast.h"
#include "program.h"

/* The first is for requests that are not for a WebSocket. */
static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "lws-minimal", broadcast_chat, sizeof(struct chatter), 1024, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;

	if (program_init(&info, argc, argv))
		return 1;
	program_listens(&info, argc, argv);
	info.protocols = protocols;
	info.mounts = &program_page;

	return program_run(program_create(&info), NULL);
}
