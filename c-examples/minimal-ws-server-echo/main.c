/*
 * minimal-ws-server-echo
 *
 * Sends back what comes, messages of any length, piece by piece: nothing is held
 * but what the client has not yet taken, and a client that takes nothing is not
 * read from.
 *
 *   build/minimal-ws-server-echo -p 7681
 *   curl -N --no-progress-meter -T. ws://localhost:7681/      # curl 8.11 and later
 *
 *   -p PORT          port to listen on, 0 lets the kernel choose (7681)
 *   -s               over TLS
 *   -n               without permessage-deflate
 *   -o               end when the first client has left
 *   --eventlib KIND  "custom": on the event loop of shared/loop.c
 *   -d LEVELS        log levels to show, 15 shows the informative ones too
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>
#include "loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !defined(CERT_DIR)
#define CERT_DIR "build/certs"
#endif

#define RING_DEPTH	128

/* In the ring; it owns what it points to, with room for the head of a frame. */
struct piece {
	unsigned char *buf;
	size_t len;
	int flags;			/* for lws_write() */
};

/* One for each WebSocket: the callback gets it as `user`. */
struct session {
	struct lws_ring *ring;
	int stopped;			/* we do not read from it */
	int written;			/* the first in the ring has been */
};

static int only_one, finished;

static void destroy_piece(void *element)
{
	free(((struct piece *)element)->buf);
}

static int receive(struct lws *wsi, struct session *session, const void *in,
		   size_t len)
{
	struct piece piece;

	piece.len = len;
	piece.flags = lws_write_ws_flags(
		lws_frame_is_binary(wsi) ? LWS_WRITE_BINARY : LWS_WRITE_TEXT,
		lws_is_first_fragment(wsi), lws_is_final_fragment(wsi));
	piece.buf = (unsigned char *)malloc(LWS_PRE + len);
	if (!piece.buf)
		return -1;
	memcpy(piece.buf + LWS_PRE, in, len);
	if (!lws_ring_insert(session->ring, &piece, 1)) {
		destroy_piece(&piece);
		return -1;
	}

	/* Stop well before it is full: lws may have more read already. */
	if (!session->stopped && lws_ring_get_count_free_elements(session->ring) <
							RING_DEPTH / 2) {
		session->stopped = 1;
		lws_rx_flow_control(wsi, 0);
	}
	lws_callback_on_writable(wsi);

	return 0;
}

/* libwebsockets may go on reading from a piece that it compresses until it calls
 * again, so only then is that piece destroyed; ferrows has its copy at once. */
static int send_next(struct lws *wsi, struct session *session)
{
	const struct piece *piece;

	if (session->written)
		lws_ring_consume(session->ring, NULL, NULL, 1);
	session->written = 0;

	if (session->stopped && lws_ring_get_count_free_elements(session->ring) >
						RING_DEPTH - RING_DEPTH / 4) {
		session->stopped = 0;
		lws_rx_flow_control(wsi, 1);
	}

	piece = (const struct piece *)lws_ring_get_element(session->ring, NULL);
	if (!piece)
		return 0;
	if (lws_write(wsi, piece->buf + LWS_PRE, piece->len,
		      (enum lws_write_protocol)piece->flags) < (int)piece->len)
		return -1;
	session->written = 1;
	lws_callback_on_writable(wsi);

	return 0;
}

static int callback_echo(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		session->ring = lws_ring_create(sizeof(struct piece), RING_DEPTH,
						destroy_piece);
		return !session->ring;

	case LWS_CALLBACK_CLOSED:
		if (session->ring)
			lws_ring_destroy(session->ring);
		finished = only_one;
		break;

	case LWS_CALLBACK_RECEIVE:
		return receive(wsi, session, in, len);

	case LWS_CALLBACK_SERVER_WRITEABLE:
		return send_next(wsi, session);

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

/* A client that names no protocol gets the first. */
static const struct lws_protocols protocols[] = {
	{ "lws-minimal-server-echo", callback_echo, sizeof(struct session), 4096,
	  0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct lws_extension extensions[] = {
	{
		"permessage-deflate", lws_extension_callback_pm_deflate,
		"permessage-deflate; client_no_context_takeover; client_max_window_bits"
	},
	{ NULL, NULL, NULL }
};

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct lws_context *context;
	const char *option, *scheme = "http";
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	option = lws_cmdline_option(argc, argv, "-d");
	lws_set_log_level(option ? atoi(option) : LLL_ERR | LLL_WARN, NULL);

	memset(&info, 0, sizeof(info));
	info.protocols	= protocols;
	option		= lws_cmdline_option(argc, argv, "-p");
	info.port	= option ? atoi(option) : 7681;
	if (lws_cmdline_option(argc, argv, "-s")) {
		scheme = "https";
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = CERT_DIR "/localhost.crt";
		info.ssl_private_key_filepath = CERT_DIR "/localhost.key";
	}
	if (!lws_cmdline_option(argc, argv, "-n"))
		info.extensions = extensions;
	only_one = lws_cmdline_option(argc, argv, "-o") != NULL;
	info.options |= LWS_SERVER_OPTION_VALIDATE_UTF8 |
		LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE;
	if (loop_init(&info, lws_cmdline_option(argc, argv, "--eventlib")))
		return 1;

	context = lws_create_context(&info);
	if (!context) {
		fprintf(stderr, "lws_create_context failed\n");
		return 1;
	}

	printf("listening on %s://localhost:%d\n", scheme,
	       lws_get_vhost_listen_port(
			lws_get_vhost_by_name(context, "default")));

	failed = loop_run(context, &finished);
	lws_context_destroy(context);
	failed |= loop_end();
	printf("Completed: %s\n", failed ? "failed" : "OK");

	return failed;
}
