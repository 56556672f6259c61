/*
 * A client that keeps cookies.
 *
 * cookies [options] URL...   asks for each, one after the other, and prints what came.
 *
 *   --file=PATH     http_nsc_filepath; --items=N, --footprint=N, --payload=N: the http_nsc_heap_max_ members
 *   --off           without LCCSCF_CACHE_COOKIES
 *   --stay          redirects are not followed
 *   --header=TEXT   a cookie header of the program's own
 *   --h2c           HTTP/2 from the start
 *   --wait=MS       go on for so long after each answer
 *
 * Prints "refused" when the context cannot be made.
 */
#include <libwebsockets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *own_header;
static int over, failed;
/* the request that is under way; lws may close the one before late */
static size_t serial;

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	char buf[LWS_PRE + 4096], *at = buf + LWS_PRE;
	int room = sizeof(buf) - LWS_PRE;
	unsigned char **p = (unsigned char **)in;

	(void)user;
	switch ((int)reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return own_header && lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_COOKIE,
				(const unsigned char *)own_header, (int)strlen(own_header), p, *p + len);
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		printf("status %u\n", lws_http_client_http_response(wsi));
		break;
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
		return lws_http_client_read(wsi, &at, &room) < 0 ? -1 : 0;
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		printf("%.*s", (int)len, (const char *)in);
		return 0;
	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		over = 1;
		break;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		if ((size_t)lws_get_opaque_user_data(wsi) != serial)
			break;
		if (!over) {
			printf("failed: %s\n", in ? (const char *)in : "closed");
			failed = 1;
		}
		over = 1;
		break;
	}
	return 0;
}

static const struct lws_protocols protocols[] = {
	{ "http", callback, 0, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static void ask(struct lws_context *context, const char *url, int flags, lws_usec_t wait)
{
	const char *scheme, *address, *path;
	struct lws_client_connect_info info;
	char text[1024], host[256], full[1024];
	lws_usec_t end;
	int port;

	lws_strncpy(text, url, sizeof(text));
	if (lws_parse_uri(text, &scheme, &address, &port, &path))
		exit(2);
	memset(&info, 0, sizeof(info));
	lws_snprintf(full, sizeof(full), "/%s", path[0] == '/' ? path + 1 : path);
	lws_snprintf(host, sizeof(host), "%s:%d", address, port);
	info.context = context;
	info.ssl_connection = flags;
	if (!strcmp(scheme, "https"))
		info.ssl_connection |= LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED;
	info.address = address;
	info.port = port;
	info.path = full;
	info.host = host;
	info.method = "GET";
	info.protocol = "http";
	info.opaque_user_data = (void *)++serial;
	info.alpn = "h2,http/1.1";
	over = 0;
	if (!lws_client_connect_via_info(&info) && !over) {
		printf("failed at once\n");
		failed = over = 1;
	}
	while (!over)
		lws_service(context, 0);
	for (end = lws_now_usecs() + wait; wait && lws_now_usecs() < end;)
		lws_service(context, -1);
	fflush(stdout);
}

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct lws_context *context;
	int flags = LCCSCF_CACHE_COOKIES, n;
	lws_usec_t wait = 0;

	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
	for (n = 1; n < argc && !strncmp(argv[n], "--", 2); n++) {
		const char *value = strchr(argv[n], '=');

		value = value ? value + 1 : "";
		if (!strncmp(argv[n], "--file=", 7))
			info.http_nsc_filepath = value;
		else if (!strncmp(argv[n], "--items=", 8))
			info.http_nsc_heap_max_items = (size_t)atoi(value);
		else if (!strncmp(argv[n], "--footprint=", 12))
			info.http_nsc_heap_max_footprint = (size_t)atoi(value);
		else if (!strncmp(argv[n], "--payload=", 10))
			info.http_nsc_heap_max_payload = (size_t)atoi(value);
		else if (!strncmp(argv[n], "--header=", 9))
			own_header = value;
		else if (!strncmp(argv[n], "--wait=", 7))
			wait = atoi(value) * LWS_US_PER_MS;
		else if (!strcmp(argv[n], "--off"))
			flags &= ~LCCSCF_CACHE_COOKIES;
		else if (!strcmp(argv[n], "--stay"))
			flags |= LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
		else if (!strcmp(argv[n], "--h2c"))
			flags |= LCCSCF_H2_PRIOR_KNOWLEDGE;
		else
			return 2;
	}
	context = lws_create_context(&info);
	if (!context) {
		printf("refused\n");
		return 1;
	}
	for (; n < argc; n++)
		ask(context, argv[n], flags, wait);
	lws_context_destroy(context);
	return failed;
}
