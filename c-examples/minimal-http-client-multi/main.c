/*
 * minimal-http-client-multi
 *
 * Asks for one URL many times, with several requests under way at once. They
 * share a connection: on HTTP/2 each is a stream of it, on HTTP/1.1 they go one
 * after the other.
 *
 *   build/minimal-http-client-multi -n 10000 -c 100 https://example.com/
 *   build/minimal-http-client-multi --h1 -n 100 http://localhost:7681/
 *
 *   -n COUNT      how many requests (8)
 *   -c COUNT      how many of them at once (8)
 *   --separate    a connection for each request instead
 *   --h1          HTTP/1.1 only
 *   --h2c         HTTP/2 without TLS, which the server must be known to speak
 *   --ca FILE     trust the certificates in FILE, PEM, beside the system's
 *   -k            accept any certificate
 *   --statistics  in the end, say what the library holds
 *   -d LEVELS     log levels to show, 15 shows the informative ones too
 *
 * The URL comes last. The exit code is 0 if all answers came, with status 200.
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>
#if defined(LWS_FERROWS)
#include <ferrows.h>
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libwebsockets wants these for some servers of HTTP/2, and the option below
 * for nginx; ferrows does without. */
#define SERVER_QUIRKS	(LCCSCF_H2_QUIRK_NGHTTP2_END_STREAM | \
			 LCCSCF_H2_QUIRK_OVERFLOWS_TXCR)

/* What is to be done, and what has been. */
static struct {
	struct lws_client_connect_info info;	/* the same for all requests */
	lws_sorted_usec_list_t refill;

	int count, at_once;
	int started, finished, failed;
	unsigned long long received;
} work;

/* One of these comes with every request, zeroed: `user` in the callback. */
struct session {
	unsigned int status;
	int over;
};

/* Starts as many requests as may be under way. */
static void start_requests(lws_sorted_usec_list_t *sul)
{
	(void)sul;

	while (work.started < work.count &&
	       work.started - work.finished < work.at_once) {
		work.started++;
		if (!lws_client_connect_via_info(&work.info)) {
			work.finished++;
			work.failed++;
		}
	}
}

/*
 * The next request waits until lws is done with this one: a timer is due when
 * the loop turns again, and several requests that end in one turn set it once.
 */
static void request_over(int ok)
{
	work.finished++;
	if (!ok)
		work.failed++;

	lws_sul_schedule(work.info.context, 0, &work.refill, start_requests, 1);
}

static int callback_client(struct lws *wsi, enum lws_callback_reasons reason,
			   void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		fprintf(stderr, "connection failed: %s\n",
			in ? (const char *)in : "no reason given");
		request_over(0);
		break;

	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		session->status = lws_http_client_http_response(wsi);
		break;

	/* HTTP/1: there is something to read, and reading it calls us again... */
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: {
		char buf[LWS_PRE + 4096], *p = buf + LWS_PRE;
		int room = sizeof(buf) - LWS_PRE;

		return lws_http_client_read(wsi, &p, &room) < 0 ? -1 : 0;
	}

	/* ...here, with a piece of the body, as HTTP/2 does at once. */
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		work.received += len;
		return 0;

	/* The end of the answer. The connection may go on, for other requests. */
	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		session->over = 1;
		request_over(session->status == 200);
		break;

	/* The end of a request in any case. A connection of HTTP/2 has none. */
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		if (session && !session->over) {
			fprintf(stderr, "closed before the end\n");
			session->over = 1;
			request_over(0);
		}
		break;

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static const struct lws_protocols protocols[] = {
	{ "http", callback_client, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

/* As a URL has it: with brackets around an IPv6 address, and without the port
 * that the scheme means anyway. */
static void host_header(char *host, size_t size, const char *address, int port,
			int scheme_port)
{
	int is_ipv6 = strchr(address, ':') != NULL;
	int len = lws_snprintf(host, size, is_ipv6 ? "[%s]" : "%s", address);

	if (port != scheme_port)
		lws_snprintf(host + len, size - (size_t)len, ":%d", port);
}

/* Nonzero if `url` is not one. It is taken apart in place. */
static int target(struct lws_client_connect_info *info, char *url)
{
	static char full_path[1024], host[300];
	const char *scheme, *path;

	if (lws_parse_uri(url, &scheme, &info->address, &info->port, &path) ||
	    (strcmp(scheme, "http") && strcmp(scheme, "https"))) {
		fprintf(stderr, "not the URL of a web page\n");
		return 1;
	}
	if (!strcmp(scheme, "https"))
		info->ssl_connection |= LCCSCF_USE_SSL;

	lws_snprintf(full_path, sizeof(full_path), "/%s",
		     path[0] == '/' ? path + 1 : path);
	host_header(host, sizeof(host), info->address, info->port,
		    info->ssl_connection & LCCSCF_USE_SSL ? 443 : 80);
	info->path = full_path;
	info->host = host;

	return 0;
}

static void print_statistics(const struct lws_context *context)
{
#if defined(LWS_FERROWS)
	char statistics[4000];

	if (ferrows_context_stats_json(context, statistics,
				       sizeof(statistics)) > 0)
		printf("statistics: %s\n", statistics);
#else
	(void)context;
#endif
}

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct lws_context *context;
	const char *option;
	char url[2048];
	lws_usec_t begin;
	int ok;

	setvbuf(stdout, NULL, _IOLBF, 0);
	option = lws_cmdline_option(argc, argv, "-d");
	lws_set_log_level(option ? atoi(option) : LLL_ERR | LLL_WARN, NULL);

	if (argc < 2) {
		fprintf(stderr, "usage: %s [options] URL\n", argv[0]);
		return 1;
	}
	option = lws_cmdline_option(argc, argv, "-n");
	work.count = option ? atoi(option) : 8;
	option = lws_cmdline_option(argc, argv, "-c");
	work.at_once = option ? atoi(option) : 8;

	memset(&info, 0, sizeof(info));
	info.port		= CONTEXT_PORT_NO_LISTEN;
	info.protocols		= protocols;
	info.options		=
		LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		LWS_SERVER_OPTION_H2_JUST_FIX_WINDOW_UPDATE_OVERFLOW;
	info.client_ssl_ca_filepath = lws_cmdline_option(argc, argv, "--ca");

	context = lws_create_context(&info);
	if (!context) {
		fprintf(stderr, "lws_create_context failed\n");
		return 1;
	}

	work.info.context	 = context;
	work.info.method	 = "GET";
	work.info.protocol	 = protocols[0].name;
	work.info.alpn		 = "h2,http/1.1";
	work.info.ssl_connection = SERVER_QUIRKS;
	if (!lws_cmdline_option(argc, argv, "--separate"))
		work.info.ssl_connection |= LCCSCF_PIPELINE;
	if (lws_cmdline_option(argc, argv, "--h1"))
		work.info.alpn = "http/1.1";
	if (lws_cmdline_option(argc, argv, "--h2c"))
		work.info.ssl_connection |= LCCSCF_H2_PRIOR_KNOWLEDGE;
	if (lws_cmdline_option(argc, argv, "-k"))
		work.info.ssl_connection |=
			LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
			LCCSCF_ALLOW_EXPIRED |
			LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	lws_strncpy(url, argv[argc - 1], sizeof(url));
	if (target(&work.info, url)) {
		lws_context_destroy(context);
		return 1;
	}

	begin = lws_now_usecs();
	start_requests(NULL);

	/* The second argument is historical: it waits for as long as it may. */
	while (work.finished < work.count && lws_service(context, 0) >= 0)
		;

	printf("%d requests, %d failed, %llu bytes, %lld ms\n", work.finished,
	       work.failed, work.received,
	       (long long)(lws_now_usecs() - begin) / 1000);
	if (lws_cmdline_option(argc, argv, "--statistics"))
		print_statistics(context);
	lws_context_destroy(context);

	ok = work.finished == work.count && !work.failed;
	printf("Completed: %s\n", ok ? "OK" : "failed");

	return ok ? 0 : 1;
}
