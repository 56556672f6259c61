/*
 * minimal-ws-server
 *
 * A chat: what one page sends, all pages show. The page comes from a directory
 * over HTTP/1.1 or HTTP/2, and its WebSocket goes the same way: over HTTP/1.1 as
 * an upgraded connection, over HTTP/2 as a stream of the one that is there.
 *
 *   build/minimal-ws-server -p 7681             # and open http://localhost:7681/
 *   build/minimal-ws-server -p 7681 -s          # and open https://localhost:7681/
 *
 *   -p PORT          port to listen on, 0 lets the kernel choose (7681)
 *   -s               over TLS
 *   -v               ask silent clients for a sign of life after 3 s, give them
 *                    up after 10 s; otherwise that takes five minutes
 *   --eventlib KIND  "custom": on the event loop of shared/loop.c
 *   -d LEVELS        log levels to show, 15 shows the informative ones too
 *
 * One message is kept: a client that is slower than the chat misses some.
 * minimal-ws-server-ring keeps more.
 */

#include <libwebsockets.h>
#include "program.h"

#include <string.h>

#define MESSAGE_MAX 4096

/* lws writes the head of a frame into the LWS_PRE bytes before its payload. */
struct message {
	size_t len;
	unsigned char buf[LWS_PRE + MESSAGE_MAX];
};

/* One for each WebSocket: the callback gets it as `user`. */
struct session {
	struct session *next;
	struct lws *wsi;
	unsigned int sent;		/* number of the last message it got */
	struct message incoming;	/* what has come of its own */
};

/* One for each vhost that the protocol is on. */
struct chat {
	struct session *sessions;
	struct message last;
	unsigned int number;		/* of the last message */
};

/* A message comes in pieces. Nonzero if it is too long. */
static int append(struct message *message, int is_first, const void *in,
		  size_t len)
{
	if (is_first)
		message->len = 0;
	if (len > MESSAGE_MAX - message->len)
		return 1;
	memcpy(message->buf + LWS_PRE + message->len, in, len);
	message->len += len;

	return 0;
}

static int callback_chat(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;
	struct chat *chat = (struct chat *)lws_protocol_vh_priv_get(
				lws_get_vhost(wsi), lws_get_protocol(wsi));

	switch (reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
		return !lws_protocol_vh_priv_zalloc(lws_get_vhost(wsi),
				lws_get_protocol(wsi), sizeof(struct chat));

	case LWS_CALLBACK_ESTABLISHED:
		session->wsi = wsi;
		session->sent = chat->number;
		lws_ll_fwd_insert(session, next, chat->sessions);
		break;

	case LWS_CALLBACK_CLOSED:
		lws_ll_fwd_remove(struct session, next, session,
				  chat->sessions);
		break;

	case LWS_CALLBACK_RECEIVE:
		if (append(&session->incoming, lws_is_first_fragment(wsi), in,
			   len)) {
			lws_close_reason(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE,
					 NULL, 0);
			return -1;
		}
		if (!lws_is_final_fragment(wsi))
			break;

		chat->last = session->incoming;
		chat->number++;
		lws_start_foreach_ll(struct session *, each, chat->sessions) {
			lws_callback_on_writable(each->wsi);
		} lws_end_foreach_ll(each, next);
		break;

	/* It also comes without being asked for: there may be nothing to send. */
	case LWS_CALLBACK_SERVER_WRITEABLE:
		if (session->sent == chat->number)
			break;
		session->sent = chat->number;
		if (lws_write(wsi, chat->last.buf + LWS_PRE, chat->last.len,
			      LWS_WRITE_TEXT) < (int)chat->last.len)
			return -1;
		break;

	default:
		break;
	}

	return 0;
}

/* The first is for requests that are not for a WebSocket. */
static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "lws-minimal", callback_chat, sizeof(struct session), 1024, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const lws_retry_bo_t impatient = {
	.secs_since_valid_ping		= 3,
	.secs_since_valid_hangup	= 10,
};

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;

	if (program_init(&info, argc, argv))
		return 1;
	program_listens(&info, argc, argv);
	info.protocols = protocols;
	info.mounts = &program_page;
	if (lws_cmdline_option(argc, argv, "-v"))
		info.retry_and_idle_policy = &impatient;

	return program_run(program_create(&info), NULL);
}
