/*
 * minimal-ws-client-ping
 *
 * Two ways to know that the server is there. The program sends PINGs itself, and
 * says how long their PONGs take; and lws sends one when nothing has come for a
 * while, and closes the connection when nothing comes even so. Then it is made
 * again.
 *
 *   build/minimal-ws-server -p 7681             # any server of WebSockets answers
 *   build/minimal-ws-client-ping -p 7681 -n
 *
 *   --interval MS         time between PINGs of the program, 0 sends none (1000)
 *   -z                    PINGs without payload
 *   --count N             end when N PONGs have come
 *   --silence SECS        so long without a sign of life, and lws sends a PING (3)
 *   --hangup SECS         so long, and lws closes the connection (10)
 *   -s, --server ADDRESS  name or address of the server (localhost)
 *   -p, --port PORT       its port (7681)
 *   --path PATH           what to ask for (/)
 *   --protocol NAME       subprotocol to offer (lws-minimal)
 *   -n, --no-tls          without TLS
 *   --h2                  over HTTP/2 where the server takes WebSockets so, which
 *                         libwebsockets cannot
 *   --ca FILE             trust the certificates in FILE, PEM, beside the system's
 *   -k                    accept any certificate
 *   --eventlib KIND       "custom": on the event loop of shared/loop.c
 *   -d LEVELS             log levels to show, 15 shows the informative ones too
 *
 * How it connects, and when it tries again, is in shared/ws-client.c.
 */

#include <libwebsockets.h>
#include "ws-client.h"

#include <stdio.h>
#include <string.h>

static struct ws_client client;
static int interval_ms, without_payload, wanted, pongs;

/* One for each connection, zeroed: the callback gets it as `user`. */
struct session {
	int due;			/* a PING is to be sent */
};

/* The timer goes off once: it is wound up each time. */
static void wind_up(struct lws *wsi)
{
	if (interval_ms)
		lws_set_timer_usecs(wsi,
				    (lws_usec_t)interval_ms * LWS_US_PER_MS);
}

/* A PING has a payload of 125 bytes at most, and its PONG has the same: here the
 * time at which it was sent. */
static int send_ping(struct lws *wsi, struct session *session)
{
	unsigned char buf[LWS_PRE + 125];
	lws_usec_t now = lws_now_usecs();
	size_t len = without_payload ? 0 : sizeof(now);

	if (!session->due)
		return 0;
	session->due = 0;
	memcpy(buf + LWS_PRE, &now, len);

	return lws_write(wsi, buf + LWS_PRE, len, LWS_WRITE_PING) < (int)len ?
								-1 : 0;
}

/* The answers to lws's own PINGs come here, too. Nonzero when that is enough. */
static int note_pong(const void *in, size_t len)
{
	lws_usec_t sent_at;

	if (len == sizeof(sent_at)) {
		memcpy(&sent_at, in, len);
		printf("PONG after %lld us\n",
		       (long long)(lws_now_usecs() - sent_at));
	} else {
		printf("PONG of %lu bytes\n", (unsigned long)len);
	}

	return ++pongs == wanted;
}

static int callback_ping(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		ws_client_again(&client, wsi, (const char *)in);
		break;

	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		ws_client_established(&client, wsi);
		wind_up(wsi);
		break;

	case LWS_CALLBACK_TIMER:
		session->due = 1;
		lws_callback_on_writable(wsi);
		wind_up(wsi);
		break;

	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return send_ping(wsi, session);

	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		if (note_pong(in, len))
			return ws_client_close(wsi);
		break;

	case LWS_CALLBACK_CLIENT_CLOSED:
		if (wanted && pongs >= wanted)
			ws_client_done(&client);
		else
			ws_client_again(&client, wsi, "closed");
		break;

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static const struct lws_protocols protocols[] = {
	{ "ping", callback_ping, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct lws_context *context;

	if (program_init(&info, argc, argv))
		return 1;
	info.protocols = protocols;
	ws_client_options(&client, &info, "lws-minimal", argc, argv);
	client.policy.secs_since_valid_ping =
		(uint16_t)ws_client_number(argc, argv, "--silence", 3);
	client.policy.secs_since_valid_hangup =
		(uint16_t)ws_client_number(argc, argv, "--hangup", 10);
	interval_ms = ws_client_number(argc, argv, "--interval", 1000);
	without_payload = lws_cmdline_option(argc, argv, "-z") != NULL;
	wanted = ws_client_number(argc, argv, "--count", 0);
	client.outcome.failed = wanted > 0;

	context = program_create(&info);
	ws_client_connect(&client, context);

	return program_run(context, &client.outcome);
}
