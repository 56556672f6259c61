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

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>
#include "loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The makefile gives these as absolute paths, so any directory will do. */
#if !defined(WWW_DIR)
#define WWW_DIR "mount-origin"
#endif
#if !defined(CERT_DIR)
#define CERT_DIR "build/certs"
#endif

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

static const struct lws_extension extensions[] = {
	{
		"permessage-deflate", lws_extension_callback_pm_deflate,
		"permessage-deflate; client_no_context_takeover; client_max_window_bits"
	},
	{ NULL, NULL, NULL }
};

static const struct lws_http_mount mount_files = {
	.mountpoint		= "/",
	.origin			= WWW_DIR,
	.def			= "chat.html",
	.origin_protocol	= LWSMPRO_FILE,
	.mountpoint_len		= 1,
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
	info.mounts	= &mount_files;
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
	compressible = lws_cmdline_option(argc, argv, "-c") != NULL;
	one_fragment = lws_cmdline_option(argc, argv, "-b") != NULL;
	info.options |=
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

	failed = loop_run(context, NULL);
	lws_context_destroy(context);
	failed |= loop_end();
	printf("Completed: %s\n", failed ? "failed" : "OK");

	return failed;
}
