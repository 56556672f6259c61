/*
 * minimal-ws-server-pmd-bulk
 *
 * Sends one large message in many fragments to each client, and checks what comes
 * back if the client returns it: text that compresses well, or numbers that do
 * not, with permessage-deflate or without.
 *
 *   build/minimal-ws-server-pmd-bulk -p 7681 -c # and open http://localhost:7681/
 *
 *   -p PORT          port to listen on, 0 lets the kernel choose (7681)
 *   -s               over TLS
 *   -n               without permessage-deflate
 *   -c               text that can be compressed
 *   -b               in one fragment
 *   --eventlib KIND  "custom": on the event loop of shared/loop.c
 *   -d LEVELS        log levels to show, 15 shows the informative ones too
 */

#include <libwebsockets.h>
#include "program.h"

#include <stdio.h>

#define MESSAGE_SIZE	(128 * 1024 + 7)
#define FRAGMENT_SIZE	1024

/* One for each WebSocket: the callback gets it as `user`. */
struct session {
	size_t sent, received;
	uint32_t to_send, to_receive;	/* where the numbers are */
};

static int compressible, one_fragment;

/* The byte at a position of the message. */
static unsigned char next_byte(uint32_t *state, size_t position)
{
	static const char text[] = "All the world is a stage, and all the men "
				   "and women merely players. ";

	if (compressible)
		return (unsigned char)text[position % (sizeof(text) - 1)];
	*state = *state * 1664525u + 1013904223u;

	return (unsigned char)(*state >> 24);
}

static int send_fragment(struct lws *wsi, struct session *session)
{
	static unsigned char buf[LWS_PRE + MESSAGE_SIZE];
	size_t len = one_fragment ? MESSAGE_SIZE : FRAGMENT_SIZE;
	int flags;

	if (session->sent == MESSAGE_SIZE)
		return 0;
	if (len > MESSAGE_SIZE - session->sent)
		len = MESSAGE_SIZE - session->sent;

	flags = lws_write_ws_flags(LWS_WRITE_BINARY, !session->sent,
				   session->sent + len == MESSAGE_SIZE);
	for (size_t n = 0; n < len; n++)
		buf[LWS_PRE + n] = next_byte(&session->to_send,
					     session->sent++);
	if (lws_write(wsi, buf + LWS_PRE, len,
		      (enum lws_write_protocol)flags) < (int)len)
		return -1;
	if (session->sent < MESSAGE_SIZE)
		lws_callback_on_writable(wsi);

	return 0;
}

static int check(struct lws *wsi, struct session *session,
		 const unsigned char *in, size_t len)
{
	for (size_t n = 0; n < len; n++)
		if (session->received == MESSAGE_SIZE ||
		    in[n] != next_byte(&session->to_receive,
				       session->received++)) {
			printf("another message came back\n");
			lws_close_reason(wsi, LWS_CLOSE_STATUS_POLICY_VIOLATION,
					 NULL, 0);
			return -1;
		}
	if (session->received == MESSAGE_SIZE && lws_is_final_fragment(wsi))
		printf("the same message came back\n");

	return 0;
}

static int callback_bulk(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		lws_callback_on_writable(wsi);
		break;

	case LWS_CALLBACK_SERVER_WRITEABLE:
		return send_fragment(wsi, session);

	case LWS_CALLBACK_RECEIVE:
		return check(wsi, session, (const unsigned char *)in, len);

	default:
		break;
	}

	return 0;
}

/* The first is for requests that are not for a WebSocket. */
static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "lws-minimal-pmd-bulk", callback_bulk, sizeof(struct session), 4096, 0,
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
	if (!lws_cmdline_option(argc, argv, "-n"))
		info.extensions = program_deflate;
	compressible = lws_cmdline_option(argc, argv, "-c") != NULL;
	one_fragment = lws_cmdline_option(argc, argv, "-b") != NULL;

	return program_run(program_create(&info), NULL);
}
