/*
 * minimal-ws-proxy
 *
 * Server and client in one program. Each WebSocket that comes in is joined to one
 * that is made to the upstream server, and what comes from one goes to the other,
 * piece by piece: messages are never there as a whole. If one side takes nothing,
 * the other is not read from, so that little is held for each pair.
 *
 *   build/minimal-ws-server -p 7682             # upstream, a chat
 *   build/minimal-ws-proxy -p 7681 --upstream ws://localhost:7682/
 *                                               # and open http://localhost:7681/
 *   build/minimal-ws-client -p 7681 -n --protocol lws-minimal-proxy --say hello
 *
 *   -p PORT          port to listen on, 0 lets the kernel choose (7681)
 *   -s               over TLS
 *   --upstream URL   ws: or wss: (ws://localhost:7682/)
 *   --protocol NAME  subprotocol to offer it (lws-minimal)
 *   --ca FILE        trust the certificates in FILE, PEM, beside the system's
 *   -k               accept any certificate
 *   --eventlib KIND  "custom": on the event loop of shared/loop.c
 *   -d LEVELS        log levels to show, 15 shows the informative ones too
 *
 * How the pieces wait is in shared/relay.c, how upstream is connected to, and how
 * often that is tried, in shared/ws-client.c.
 */

#include <libwebsockets.h>
#include "program.h"
#include "relay.h"
#include "ws-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The sides of a pair: who came to us, and to whom we went. */
enum side { NEAR, FAR };

struct pair {
	struct lws *wsi[2];		/* while it is established */
	struct relay from[2];		/* what has come from that side */
	struct lws *connecting;		/* to upstream */
	lws_sorted_usec_list_t again;
	uint16_t tries;

	int over;			/* one side has ended; why: */
	enum lws_close_status status;
	unsigned char text[123];
	size_t text_len;
};

/* One for each WebSocket that came in: the callback gets it as `user`. That of the
 * upstream gets the pair itself. */
struct near_session {
	struct pair *pair;
};

static struct ws_client upstream;

static enum side other(enum side side)
{
	return side == NEAR ? FAR : NEAR;
}

/* When neither side is there any more. */
static void free_pair(struct pair *pair)
{
	lws_sul_cancel(&pair->again);
	relay_destroy(&pair->from[NEAR]);
	relay_destroy(&pair->from[FAR]);
	free(pair);
}

/* The first reason is the one that counts. */
static void note_end(struct pair *pair, enum lws_close_status status,
		     const unsigned char *text, size_t len)
{
	if (pair->over)
		return;
	pair->over = 1;
	pair->status = status;
	pair->text_len = len < sizeof(pair->text) ? len : sizeof(pair->text);
	if (len)
		memcpy(pair->text, text, pair->text_len);
}

/* A side has ended, so the other has to: after what has come for it. */
static void ended(struct pair *pair, enum side side)
{
	struct lws *left = pair->wsi[other(side)];

	pair->wsi[side] = NULL;
	if (left) {
		/* Its answer to our CLOSE may be behind much else. */
		lws_rx_flow_control(left, 1);
		lws_callback_on_writable(left);
	} else if (pair->connecting) {
		lws_set_timeout(pair->connecting, PENDING_TIMEOUT_USER_OK,
				LWS_TO_KILL_ASYNC);
	} else {
		free_pair(pair);
	}
}

static void connect_upstream(lws_sorted_usec_list_t *sul);

/* It could not be reached. */
static void try_again(struct pair *pair, const char *why)
{
	pair->connecting = NULL;
	if (!pair->wsi[NEAR]) {
		free_pair(pair);
		return;
	}
	if (!lws_retry_sul_schedule(lws_get_context(pair->wsi[NEAR]), 0,
				    &pair->again, &upstream.policy,
				    connect_upstream, &pair->tries))
		return;

	fprintf(stderr, "upstream: %s\n", why ? why : "no reason given");
	note_end(pair, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, NULL, 0);
	ended(pair, FAR);
}

static void connect_upstream(lws_sorted_usec_list_t *sul)
{
	struct pair *pair = lws_container_of(sul, struct pair, again);

	upstream.info.pwsi = &pair->connecting;
	if (ws_client_open(&upstream, lws_get_context(pair->wsi[NEAR]), pair))
		try_again(pair, "cannot connect");
}

static struct pair *new_pair(struct lws *near_wsi)
{
	struct pair *pair = (struct pair *)calloc(1, sizeof(*pair));

	if (!pair)
		return NULL;
	if (relay_init(&pair->from[NEAR]) || relay_init(&pair->from[FAR])) {
		free_pair(pair);
		return NULL;
	}
	pair->wsi[NEAR] = near_wsi;

	return pair;
}

/* A CLOSE has come; its payload is a status, if it has one, and a text. */
static void note_close(struct pair *pair, const unsigned char *in, size_t len)
{
	if (len < 2)
		note_end(pair, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
	else
		note_end(pair, (enum lws_close_status)(in[0] << 8 | in[1]),
			 in + 2, len - 2);
}

static int send_next(struct pair *pair, enum side side)
{
	struct relay *relay = &pair->from[other(side)];
	struct lws *wsi = pair->wsi[side];

	if (relay_send(relay, pair->wsi[other(side)], wsi))
		return -1;
	if (!pair->over || !relay_is_empty(relay))
		return 0;

	/* Also in the middle of a message that has lost its end. */
	lws_close_reason(wsi, pair->status, pair->text, pair->text_len);

	return -1;
}

static int receive(struct pair *pair, enum side side, const void *in, size_t len)
{
	if (!pair->wsi[other(side)] && pair->over)
		return 0;

	return relay_receive(&pair->from[side], pair->wsi[side],
			     pair->wsi[other(side)], in, len);
}

static int callback_near(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	struct near_session *session = (struct near_session *)user;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		session->pair = new_pair(wsi);
		if (!session->pair)
			return -1;
		/* What comes until upstream is there waits. */
		connect_upstream(&session->pair->again);
		break;

	case LWS_CALLBACK_RECEIVE:
		return receive(session->pair, NEAR, in, len);

	case LWS_CALLBACK_SERVER_WRITEABLE:
		return send_next(session->pair, NEAR);

	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		note_close(session->pair, (const unsigned char *)in, len);
		break;

	case LWS_CALLBACK_CLOSED:
		if (!session->pair)
			break;
		note_end(session->pair, LWS_CLOSE_STATUS_GOINGAWAY, NULL, 0);
		ended(session->pair, NEAR);
		break;

	default:
		break;
	}

	return 0;
}

static int callback_far(struct lws *wsi, enum lws_callback_reasons reason,
			void *user, void *in, size_t len)
{
	struct pair *pair = (struct pair *)user;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		try_again(pair, (const char *)in);
		break;

	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		pair->connecting = NULL;
		pair->wsi[FAR] = wsi;
		lws_callback_on_writable(wsi);
		break;

	case LWS_CALLBACK_CLIENT_RECEIVE:
		return receive(pair, FAR, in, len);

	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return send_next(pair, FAR);

	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		note_close(pair, (const unsigned char *)in, len);
		break;

	case LWS_CALLBACK_CLIENT_CLOSED:
		note_end(pair, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, NULL, 0);
		ended(pair, FAR);
		break;

	default:
		break;
	}

	return 0;
}

static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "lws-minimal-proxy", callback_near, sizeof(struct near_session),
	  RELAY_PIECE, 0, NULL, 0 },
	{ "upstream", callback_far, 0, RELAY_PIECE, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

/* `url` is taken apart in place. Nonzero if it is not one for this. */
static int set_upstream(char *url, const char *protocol, int tls_flags)
{
	const char *scheme, *address, *path;
	static char full_path[1024];
	int port;

	if (lws_parse_uri(url, &scheme, &address, &port, &path) ||
	    (strcmp(scheme, "ws") && strcmp(scheme, "wss")))
		return 1;
	lws_snprintf(full_path, sizeof(full_path), "/%s",
		     path[0] == '/' ? path + 1 : path);
	ws_client_to(&upstream, address, port, full_path,
		     strcmp(scheme, "wss") ? 0 : tls_flags);
	upstream.info.protocol = protocol ? protocol : "lws-minimal";
	upstream.info.local_protocol_name = "upstream";

	return 0;
}

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	static char url[1024];
	const char *option;
	int tls_flags;

	if (program_init(&info, argc, argv))
		return 1;
	program_listens(&info, argc, argv);
	info.protocols = protocols;
	info.mounts = &program_page;
	tls_flags = ws_client_trust(&info, argc, argv);

	option = lws_cmdline_option(argc, argv, "--upstream");
	lws_strncpy(url, option ? option : "ws://localhost:7682/", sizeof(url));
	if (set_upstream(url, lws_cmdline_option(argc, argv, "--protocol"),
			 tls_flags)) {
		fprintf(stderr, "upstream: not the URL of a WebSocket\n");
		return 1;
	}

	return program_run(program_create(&info), NULL);
}
