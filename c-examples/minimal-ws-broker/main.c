/*
 * minimal-ws-broker
 *
 * Publishers send messages, subscribers get them. A WebSocket on /publisher is one
 * of the former, any other one of the latter.
 *
 *   build/minimal-ws-broker -p 7681             # and open http://localhost:7681/
 *   websocat ws://localhost:7681/publisher      # or any other client: each line is a message
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

#define MESSAGE_MAX	4096
#define RING_DEPTH	64

/* In the ring; it owns what it points to. lws writes the head of a frame into the
 * LWS_PRE bytes before its payload, so there is room for that, too. */
struct message {
	unsigned char *buf;
	size_t len;
};

/* One for each WebSocket: the callback gets it as `user`. */
struct session {
	struct session *next;
	struct lws *wsi;
	uint32_t tail;			/* how far it is in the ring */
	int lagging;			/* it is being closed */
	int publishing;			/* it sends, and gets nothing */
	size_t len;			/* what has come of its own message */
	unsigned char incoming[MESSAGE_MAX];
};

/* One for each vhost that the protocol is on. */
struct broker {
	struct session *sessions;	/* subscribers */
	struct lws_ring *ring;
};

static void destroy_message(void *element)
{
	free(((struct message *)element)->buf);
}

/* The client has got, or will not get, that many: what nobody needs any more is
 * destroyed. The macro asks all in the list how far they are. */
static void consume(struct broker *broker, struct session *session, size_t count)
{
	lws_ring_consume_and_update_oldest_tail(broker->ring, struct session,
				&session->tail, count, broker->sessions, tail,
				next);
}

static void leave(struct broker *broker, struct session *session)
{
	lws_ll_fwd_remove(struct session, next, session, broker->sessions);
	consume(broker, session, RING_DEPTH);
}

/* The ring is full: those that have yet to get its oldest message must go. */
static void close_lagging(struct broker *broker)
{
	uint32_t oldest = lws_ring_get_oldest_tail(broker->ring);

	lws_start_foreach_ll_safe(struct session *, each, broker->sessions, next) {
		if (each->tail == oldest) {
			/* Not at once: it may be the one we are called for. */
			lws_set_timeout(each->wsi, PENDING_TIMEOUT_LAGGING,
					LWS_TO_KILL_ASYNC);
			each->lagging = 1;
			leave(broker, each);
		}
	} lws_end_foreach_ll_safe(each);
}

static int broadcast(struct broker *broker, const struct session *from)
{
	struct message message;

	if (!lws_ring_get_count_free_elements(broker->ring))
		close_lagging(broker);

	message.len = from->len;
	message.buf = (unsigned char *)malloc(LWS_PRE + message.len);
	if (!message.buf)
		return -1;
	memcpy(message.buf + LWS_PRE, from->incoming, message.len);
	if (!lws_ring_insert(broker->ring, &message, 1)) {
		destroy_message(&message);
		return -1;
	}

	lws_start_foreach_ll(struct session *, each, broker->sessions) {
		lws_callback_on_writable(each->wsi);
	} lws_end_foreach_ll(each, next);

	return 0;
}

/* A message comes in pieces. */
static int receive(struct broker *broker, struct session *session, const void *in,
		   size_t len)
{
	if (lws_is_first_fragment(session->wsi))
		session->len = 0;
	if (len > MESSAGE_MAX - session->len) {
		lws_close_reason(session->wsi,
				 LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
		return -1;
	}
	memcpy(session->incoming + session->len, in, len);
	session->len += len;

	return lws_is_final_fragment(session->wsi) ? broadcast(broker, session) : 0;
}

static int send_next(struct broker *broker, struct session *session)
{
	const struct message *message = (const struct message *)
			lws_ring_get_element(broker->ring, &session->tail);

	if (session->publishing || session->lagging || !message)
		return 0;
	if (lws_write(session->wsi, message->buf + LWS_PRE, message->len,
		      LWS_WRITE_TEXT) < (int)message->len)
		return -1;

	consume(broker, session, 1);
	if (lws_ring_get_element(broker->ring, &session->tail))
		lws_callback_on_writable(session->wsi);

	return 0;
}

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
	struct broker *broker = (struct broker *)lws_protocol_vh_priv_get(
				lws_get_vhost(wsi), lws_get_protocol(wsi));

	switch (reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
		broker = (struct broker *)lws_protocol_vh_priv_zalloc(
				lws_get_vhost(wsi), lws_get_protocol(wsi),
				sizeof(struct broker));
		if (!broker)
			return 1;
		broker->ring = lws_ring_create(sizeof(struct message), RING_DEPTH,
					     destroy_message);
		return !broker->ring;

	case LWS_CALLBACK_PROTOCOL_DESTROY:
		if (broker && broker->ring)
			lws_ring_destroy(broker->ring);
		break;

	case LWS_CALLBACK_ESTABLISHED:
		session->wsi = wsi;
		session->publishing = is_for(wsi, "/publisher");
		if (session->publishing)
			break;
		session->tail = lws_ring_get_oldest_tail(broker->ring);
		lws_ll_fwd_insert(session, next, broker->sessions);
		if (lws_ring_get_element(broker->ring, &session->tail))
			lws_callback_on_writable(wsi);
		break;

	case LWS_CALLBACK_CLOSED:
		if (!session->publishing && !session->lagging)
			leave(broker, session);
		break;

	/* Subscribers have nothing to say; without them nothing is kept. */
	case LWS_CALLBACK_RECEIVE:
		if (!session->publishing || !broker->sessions)
			break;
		return receive(broker, session, in, len);

	case LWS_CALLBACK_SERVER_WRITEABLE:
		return send_next(broker, session);

	default:
		break;
	}

	return 0;
}

/* The first is for requests that are not for a WebSocket. */
static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "lws-minimal-broker", callback_broker, sizeof(struct session), 1024, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
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
