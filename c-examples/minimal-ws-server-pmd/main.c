/*
 * minimal-ws-server-pmd
 *
 * The chat of minimal-ws-server with compressed messages: permessage-deflate (RFC
 * 7692), which all it takes is a table with the extension.
 *
 *   build/minimal-ws-server-pmd -p 7681         # and open http://localhost:7681/
 *
 *   -p PORT          port to listen on, 0 lets the kernel choose (7681)
 *   -s               over TLS
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

static const struct lws_http_mount mount_files = {
	.mountpoint		= "/",
	.origin			= WWW_DIR,
	.def			= "chat.html",
	.origin_protocol	= LWSMPRO_FILE,
	.mountpoint_len		= 1,
};

/* With clients that offer it; the text is what our own clients would offer. */
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
	info.mounts	= &mount_files;
	info.extensions	= extensions;
	option		= lws_cmdline_option(argc, argv, "-p");
	info.port	= option ? atoi(option) : 7681;
	if (lws_cmdline_option(argc, argv, "-s")) {
		scheme = "https";
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = CERT_DIR "/localhost.crt";
		info.ssl_private_key_filepath = CERT_DIR "/localhost.key";
	}
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
