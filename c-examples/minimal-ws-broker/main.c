/*
 * minimal-ws-broker
 *
 * Publishers send messages, subscribers get them. A WebSocket on /publisher is one
 * of the former, any other one of the latter.
 *
 *   build/minimal-ws-broker -p 7681             # and open http://localhost:7681/
 *   build/minimal-ws-client-tx -p 7681 -n       # and a publisher
 *   build/minimal-ws-client-rx -p 7681 -n       # and another subscriber
 *
 *   -p PORT          port to listen on, 0 lets the kernel choose (7681)
 *   -s               over TLS
 *   --eventlib KIND  "custom": on the event loop of shared/loop.c
 *   -d LEVELS        log levels to show, 15 shows the informative ones too
 *
 * Messages are kept as in minimal-ws-server-ring, by shared/broadcast.c.
 */

#include <libwebsockets.h>
#include "broadcast.h"
#include "program.h"

#include <string.h>

/* One for each WebSocket: the callback gets it as `user`. */
struct session {
	int publishing;			/* it sends, and gets nothing */
	struct incoming incoming;
	struct listener listener;
};

/* The headers of the request are there in ESTABLISHED, and are gone after it. */
static int is_for(struct lws *wsi, const char *path)
{
	char uri[64];

	return (lws_hdr_copy(wsi, uri, sizeof(uri), WSI_TOKEN_GET_URI) > 0 ||
		lws_hdr_copy(wsi, uri, sizeof(uri),
			     WSI_TOKEN_HTTP_COLON_PATH) > 0) &&
	       !strcmp(uri, path);
}

static int callback_broker(struct lws *wsi, enum lws_callback_reasons reason,
			   void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;
	struct broadcast *broadcast = (struct broadcast *)
			lws_protocol_vh_priv_get(lws_get_vhost(wsi),
						 lws_get_protocol(wsi));

	switch (reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
		broadcast = (struct broadcast *)lws_protocol_vh_priv_zalloc(
				lws_get_vhost(wsi), lws_get_protocol(wsi),
				sizeof(struct broadcast));
		return !broadcast || broadcast_init(broadcast);

	case LWS_CALLBACK_PROTOCOL_DESTROY:
		if (broadcast)
			broadcast_destroy(broadcast);
		break;

	case LWS_CALLBACK_ESTABLISHED:
		session->publishing = is_for(wsi, "/publisher");
		if (!session->publishing)
			broadcast_join(broadcast, &session->listener, wsi);
		break;

	case LWS_CALLBACK_CLOSED:
		broadcast_leave(broadcast, &session->listener);
		break;

	/* Subscribers have nothing to say. */
	case LWS_CALLBACK_RECEIVE:
		if (!session->publishing)
			break;
		return broadcast_receive(broadcast, &session->incoming, wsi, in,
					 len);

	case LWS_CALLBACK_SERVER_WRITEABLE:
		return broadcast_send(broadcast, &session->listener);

	default:
		break;
	}

	return 0;
}

/* The first is for requests that are not for a WebSocket. */
static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "lws-minimal-broker", callback_broker, sizeof(struct session), 1024, 0,
	  NULL, 0 },
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
