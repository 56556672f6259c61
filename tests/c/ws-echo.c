/*
 * A WebSocket server that sends back what it gets. Its protocols are "echo", "other", and those that lws's own test client
 * speaks: "lws-mirror-protocol", and "dumb-increment-protocol", which sends numbers.
 *
 *   --port=N         default 0: any
 *   --tls=CERT,KEY   PEM files
 *   --deflate        permessage-deflate for those who offer it
 *   --stream         each piece goes back as it comes, as a fragment; otherwise whole messages
 *   --piece=BYTES    largest frame sent
 *   --rx=BYTES       rx_buffer_size
 *   --default-loop   the library's own loop instead of a poll() loop of the program's
 *   --orders         these text messages are obeyed instead: "close CODE TEXT", "drop", "ping TEXT", "send BYTES"
 *   --say            prints the first messages of each connection: "said TEXT"
 *
 * Stdout says "open", "asked to close CODE TEXT", "pong TEXT", "gone". Stdin: "stats" prints the library's
 * statistics as JSON, end of file ends the program.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>
#ifdef LWS_FERROWS
#include <ferrows.h>
#endif

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "poll-loop.h"
#include "ws-messages.h"

struct session {
	struct ws_messages messages;
	unsigned char ping[LWS_PRE + 125];
	size_t ping_len;
	int ping_wanted;
	unsigned int said, number;
};

static struct lws_context *context;
static volatile int stopping, stats_wanted;
static int streaming, orders, say;
static size_t most;

/* ---- orders ---- */

static int is_order(const char *text, size_t len, const char *order)
{
	return len >= strlen(order) && !memcmp(text, order, strlen(order));
}

static int close_as_told(struct lws *wsi, char *text, size_t len)
{
	char line[160], *reason;
	long code;

	if (len >= sizeof(line))
		len = sizeof(line) - 1;
	memcpy(line, text, len);
	line[len] = '\0';
	code = strtol(line, &reason, 10);
	if (*reason == ' ')
		reason++;
	lws_close_reason(wsi, (enum lws_close_status)code, (unsigned char *)reason, strlen(reason));
	return -1;
}

static int send_as_told(struct lws *wsi, struct session *session, const char *text, size_t len)
{
	struct ws_piece *piece = calloc(1, sizeof(*piece));
	char number[24] = "";
	size_t size;

	memcpy(number, text, len < sizeof(number) - 1 ? len : sizeof(number) - 1);
	size = (size_t)strtoull(number, NULL, 10);
	if (!piece)
		return -1;
	piece->first = piece->last = 1;
	piece->buffer = malloc(LWS_PRE + size + 1);
	if (!piece->buffer) {
		free(piece);
		return -1;
	}
	piece->len = size;
	for (size_t n = 0; n < size; n++)
		piece->buffer[LWS_PRE + n] = (unsigned char)('a' + n % 26);
	ws_messages_push(&session->messages, piece);
	lws_callback_on_writable(wsi);
	return 0;
}

/* Positive: it is none. */
static int obey_order(struct lws *wsi, struct session *session, char *text, size_t len)
{
	if (lws_frame_is_binary(wsi) || !lws_is_final_fragment(wsi))
		return 1;
	if (is_order(text, len, "close "))
		return close_as_told(wsi, text + 6, len - 6);
	if (is_order(text, len, "drop"))
		return -1;
	if (is_order(text, len, "send "))
		return send_as_told(wsi, session, text + 5, len - 5);
	if (is_order(text, len, "ping ")) {
		session->ping_len = len - 5 < 125 ? len - 5 : 125;
		memcpy(session->ping + LWS_PRE, text + 5, session->ping_len);
		session->ping_wanted = 1;
		lws_callback_on_writable(wsi);
		return 0;
	}
	return 1;
}

/* ---- the protocol ---- */

static void say_close(const unsigned char *in, size_t len)
{
	if (len < 2)
		puts("asked to close");
	else
		printf("asked to close %d %.*s\n", in[0] << 8 | in[1], (int)len - 2, (const char *)in + 2);
}

static int write_next(struct lws *wsi, struct session *session)
{
	if (session->ping_wanted) {
		session->ping_wanted = 0;
		if (lws_write(wsi, session->ping + LWS_PRE, session->ping_len, LWS_WRITE_PING) < 0)
			return -1;
		lws_callback_on_writable(wsi);
		return 0;
	}
	return ws_messages_send(&session->messages, wsi, most);
}

static int callback_echo(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;
	int obeyed;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		puts("open");
		return 0;
	case LWS_CALLBACK_RECEIVE:
		if (say && session->said++ < 20)
			printf("said %.*s\n", (int)len, (const char *)in);
		obeyed = orders ? obey_order(wsi, session, in, len) : 1;
		if (obeyed <= 0)
			return obeyed;
		return ws_messages_take(&session->messages, wsi, in, len, streaming);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return write_next(wsi, session);
	case LWS_CALLBACK_RECEIVE_PONG:
		printf("pong %.*s\n", (int)len, (const char *)in);
		return 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		say_close(in, len);
		return 0;
	case LWS_CALLBACK_CLOSED:
		ws_messages_clear(&session->messages);
		puts("gone");
		return 0;
	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

static int callback_increment(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;
	char text[LWS_PRE + 16];
	int n;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
	case LWS_CALLBACK_TIMER:
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		n = lws_snprintf(text + LWS_PRE, sizeof(text) - LWS_PRE, "%u", session->number++);
		if (lws_write(wsi, (unsigned char *)text + LWS_PRE, (size_t)n, LWS_WRITE_TEXT) < n)
			return -1;
		lws_set_timer_usecs(wsi, 5000);
		return 0;
	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

static struct lws_protocols protocols[] = {
	{ "echo", callback_echo, sizeof(struct session), 65536, 0, NULL, 0 },
	{ "other", callback_echo, sizeof(struct session), 65536, 0, NULL, 0 },
	{ "lws-mirror-protocol", callback_echo, sizeof(struct session), 65536, 0, NULL, 0 },
	{ "dumb-increment-protocol", callback_increment, sizeof(struct session), 10, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct lws_extension extensions[] = {
	{ "permessage-deflate", lws_extension_callback_pm_deflate,
	  "permessage-deflate; client_no_context_takeover; client_max_window_bits" },
	{ "deflate-frame", lws_extension_callback_pm_deflate, "deflate_frame" }, /* as many programs have it */
	{ NULL, NULL, NULL }
};

/* ---- the program ---- */

static void *stdin_thread(void *arg)
{
	char line[64];

	(void)arg;
	while (fgets(line, sizeof(line), stdin)) {
		if (strstr(line, "stats"))
			stats_wanted = 1;
		lws_cancel_service(context);
	}
	stopping = 1;
	lws_cancel_service(context);
	return NULL;
}

static void say_statistics(void)
{
	if (!stats_wanted)
		return;
	stats_wanted = 0;
#ifdef LWS_FERROWS
	{
		char json[4096];

		if (ferrows_context_stats_json(context, json, sizeof(json)) >= 0)
			printf("stats %s\n", json);
	}
#else
	puts("stats {}");
#endif
}

static const char *value_of(const char *arg, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(arg, name, len) && arg[len] == '=' ? arg + len + 1 : NULL;
}

int main(int argc, char **argv)
{
	struct lws_context_creation_info info;
	int a, default_loop = 0, result = 0;
	pthread_t thread;
	char *comma;
	const char *v;

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&info, 0, sizeof(info));
	info.protocols = protocols;
	info.pt_serv_buf_size = 65536;
	info.options = LWS_SERVER_OPTION_VALIDATE_UTF8;
	for (a = 1; a < argc; a++) {
		if ((v = value_of(argv[a], "--port"))) {
			info.port = atoi(v);
		} else if (value_of(argv[a], "--tls")) {
			info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
			info.ssl_cert_filepath = argv[a] + strlen("--tls=");
			comma = strchr(argv[a], ',');
			if (!comma)
				return 2;
			*comma = '\0';
			info.ssl_private_key_filepath = comma + 1;
		} else if (!strcmp(argv[a], "--deflate")) {
			info.extensions = extensions;
		} else if (!strcmp(argv[a], "--stream")) {
			streaming = 1;
		} else if ((v = value_of(argv[a], "--piece"))) {
			most = (size_t)atoi(v);
		} else if ((v = value_of(argv[a], "--rx"))) {
			protocols[0].rx_buffer_size = protocols[1].rx_buffer_size = (size_t)atoi(v);
		} else if (!strcmp(argv[a], "--default-loop")) {
			default_loop = 1;
		} else if (!strcmp(argv[a], "--orders")) {
			orders = 1;
		} else if (!strcmp(argv[a], "--say")) {
			say = 1;
		} else {
			fprintf(stderr, "unknown argument %s\n", argv[a]);
			return 2;
		}
	}
	if (!default_loop)
		info.event_lib_custom = &poll_loop;
	lws_set_log_level(LLL_ERR | LLL_WARN, NULL);

	context = lws_create_context(&info);
	if (!context) {
		puts("context refused");
		return 3;
	}
	printf("listening on port %d\n", lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));

	if (!pthread_create(&thread, NULL, stdin_thread, NULL)) {
		while (!stopping && result >= 0) {
			result = default_loop ? lws_service(context, 0) : poll_loop_turn(context);
			say_statistics();
		}
		pthread_join(thread, NULL);
	}
	lws_context_destroy(context);
	puts("destroyed");
	return result < 0 ? 1 : 0;
}
