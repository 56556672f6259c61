/*
 * minimal-ws-server-timer
 *
 * A timer for each WebSocket: at each tick the client is told the number. If ticks
 * did not come, a timeout would close the connection.
 *
 *   build/minimal-ws-server-timer -p 7681       # and open http://localhost:7681/
 *
 *   -p PORT          port to listen on, 0 lets the kernel choose (7681)
 *   -s               over TLS
 *   --interval MS    time between ticks (1000)
 *   --eventlib KIND  "custom": on the event loop of shared/loop.c
 *   -d LEVELS        log levels to show, 15 shows the informative ones too
 */

#include <libwebsockets.h>
#include "program.h"

#include <stdlib.h>

/* One for each WebSocket: the callback gets it as `user`. */
struct session {
	unsigned int ticks, sent;
};

static int interval_ms = 1000;

/* The timer goes off once; lws_set_timer_usecs(wsi, -1) would cancel it. */
static void wind_up(struct lws *wsi)
{
	lws_set_timer_usecs(wsi, (lws_usec_t)interval_ms * LWS_US_PER_MS);
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, 30 + interval_ms / 1000);
}

static int send_tick(struct lws *wsi, struct session *session)
{
	unsigned char buf[LWS_PRE + 32];
	int len;

	if (session->sent == session->ticks)
		return 0;
	session->sent = session->ticks;
	len = lws_snprintf((char *)buf + LWS_PRE, 32, "tick %u",
			   session->ticks);

	return lws_write(wsi, buf + LWS_PRE, (size_t)len, LWS_WRITE_TEXT) < len ?
								-1 : 0;
}

static int callback_timer(struct lws *wsi, enum lws_callback_reasons reason,
			  void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;

	(void)in;
	(void)len;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		wind_up(wsi);
		break;

	case LWS_CALLBACK_TIMER:
		session->ticks++;
		wind_up(wsi);
		lws_callback_on_writable(wsi);
		break;

	case LWS_CALLBACK_SERVER_WRITEABLE:
		return send_tick(wsi, session);

	default:
		break;
	}

	return 0;
}

/* The first is for requests that are not for a WebSocket. */
static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "timer", callback_timer, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	const char *option;

	if (program_init(&info, argc, argv))
		return 1;
	program_listens(&info, argc, argv);
	info.protocols = protocols;
	info.mounts = &program_page;
	option = lws_cmdline_option(argc, argv, "--interval");
	if (option)
		interval_ms = atoi(option);

	return program_run(program_create(&info), NULL);
}
