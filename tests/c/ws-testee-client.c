/*
 * The client that a WebSocket conformance suite tests: asks the suite's server how many cases there are, goes through
 * them, sending back what it gets, and has the report written.
 *
 *   --port=N           of the suite on this machine
 *   --host=NAME:PORT   of the suite, where it is reached through a proxy on --port
 *   --agent=NAME       the client's name in the report
 *   --tls              over TLS, with any certificate
 *   --h2               over HTTP/2 and TLS
 *   --deflate          offers permessage-deflate
 *   --stream           each piece goes back as it comes, as a fragment; otherwise whole messages
 *   --piece=BYTES      largest frame sent
 *   --default-loop     the library's own loop instead of a poll() loop of the program's
 *
 * Stdout: "cases N", "case N" at the start of each, "done". Exits with 1 when the suite cannot be reached.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "poll-loop.h"
#include "ws-messages.h"

enum step { COUNT, CASES, REPORT, DONE, FAILED };

static struct lws_context *context;
static enum step step;
static const char *agent = "lws", *host;
static unsigned int cases, current;
static int port, tls, h2, streaming;
static size_t most;
static struct ws_messages messages; /* of the one connection that there is at a time */
static lws_sorted_usec_list_t later;

static void connect_to_suite(lws_sorted_usec_list_t *sul)
{
	struct lws_client_connect_info i;
	char path[256], own[32];

	(void)sul;
	if (step == COUNT)
		lws_snprintf(path, sizeof(path), "/getCaseCount");
	else if (step == CASES)
		lws_snprintf(path, sizeof(path), "/runCase?case=%u&agent=%s", current, agent);
	else
		lws_snprintf(path, sizeof(path), "/updateReports?agent=%s", agent);
	if (step == CASES)
		printf("case %u\n", current);

	memset(&i, 0, sizeof(i));
	i.context = context;
	i.address = "127.0.0.1";
	i.port = port;
	i.path = path;
	lws_snprintf(own, sizeof(own), "127.0.0.1:%d", port);
	i.host = host ? host : own;
	i.origin = "localhost";
	i.ietf_version_or_minus_one = -1;
	i.local_protocol_name = "echo";
	if (tls)
		i.ssl_connection = LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
				   LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	if (h2)
		i.alpn = "h2";
	if (!lws_client_connect_via_info(&i))
		step = FAILED;
}

/* A connection is over: the next one. Not from inside its callback. */
static void go_on(void)
{
	ws_messages_clear(&messages);
	if (step == COUNT) {
		if (!cases) {
			puts("no number of cases");
			step = FAILED;
			return;
		}
		step = CASES;
		current = 1;
	} else if (step == CASES && current < cases) {
		current++;
	} else {
		step = step == CASES ? REPORT : DONE;
	}
	if (step != DONE)
		lws_sul_schedule(context, 0, &later, connect_to_suite, 1);
}

static int callback_echo(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)user;
	switch (reason) {
	case LWS_CALLBACK_CLIENT_RECEIVE:
		if (step == COUNT) {
			char number[16] = "";

			memcpy(number, in, len < sizeof(number) ? len : sizeof(number) - 1);
			cases = (unsigned int)atoi(number);
			printf("cases %u\n", cases);
			return 0;
		}
		return ws_messages_take(&messages, wsi, in, len, streaming);
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return ws_messages_send(&messages, wsi, most);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		printf("cannot connect: %.*s\n", in ? (int)len : 0, in ? (const char *)in : "");
		step = FAILED;
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
		go_on();
		return 0;
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{ "echo", callback_echo, 0, 65536, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct lws_extension extensions[] = {
	{ "permessage-deflate", lws_extension_callback_pm_deflate,
	  "permessage-deflate; client_no_context_takeover; client_max_window_bits" },
	{ NULL, NULL, NULL }
};

static const char *value_of(const char *arg, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(arg, name, len) && arg[len] == '=' ? arg + len + 1 : NULL;
}

int main(int argc, char **argv)
{
	struct lws_context_creation_info info;
	int a, default_loop = 0, result = 0;
	const char *v;

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = protocols;
	info.pt_serv_buf_size = 65536;
	info.options = LWS_SERVER_OPTION_VALIDATE_UTF8;
	for (a = 1; a < argc; a++) {
		if ((v = value_of(argv[a], "--port"))) {
			port = atoi(v);
		} else if ((v = value_of(argv[a], "--host"))) {
			host = v;
		} else if ((v = value_of(argv[a], "--agent"))) {
			agent = v;
		} else if (!strcmp(argv[a], "--tls") || !strcmp(argv[a], "--h2")) {
			tls = 1;
			h2 = !strcmp(argv[a], "--h2");
			info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		} else if (!strcmp(argv[a], "--deflate")) {
			info.extensions = extensions;
		} else if (!strcmp(argv[a], "--stream")) {
			streaming = 1;
		} else if ((v = value_of(argv[a], "--piece"))) {
			most = (size_t)atoi(v);
		} else if (!strcmp(argv[a], "--default-loop")) {
			default_loop = 1;
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
	lws_sul_schedule(context, 0, &later, connect_to_suite, 1);
	while (step != DONE && step != FAILED && result >= 0)
		result = default_loop ? lws_service(context, 0) : poll_loop_turn(context);
	ws_messages_clear(&messages);
	lws_context_destroy(context);
	if (step == DONE)
		puts("done");
	return step == DONE ? 0 : 1;
}
