/*
 * minimal-http-client-custom-headers
 *
 * Sends headers that the library has never heard of, and shows those that come
 * back. Such headers go by name; the others have numbers (WSI_TOKEN_...).
 *
 *   build/minimal-http-client-custom-headers -H "x-colour: red" https://example.com/
 *   build/minimal-http-client-custom-headers --ask x-served -k https://localhost:7681/
 *
 *   -H HEADER   send "name: value"; may be given several times
 *   --ask NAME  say what the answer has by that name
 *   --h1        HTTP/1.1 only
 *   --h2c       HTTP/2 without TLS, which the server must be known to speak
 *   --ca FILE   trust the certificates in FILE, PEM, beside the system's
 *   -k          accept any certificate
 *   -d LEVELS   log levels to show, 15 shows the informative ones too
 *
 * The URL comes last. The exit code is 0 if all of the answer came, and its
 * status is below 400.
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libwebsockets wants these for some servers of HTTP/2, and the option below
 * for nginx; ferrows does without. */
#define SERVER_QUIRKS	(LCCSCF_H2_QUIRK_NGHTTP2_END_STREAM | \
			 LCCSCF_H2_QUIRK_OVERFLOWS_TXCR)

/* The callback gets it as `user`. */
struct request {
	int argc;			/* the headers to send are in there */
	const char **argv;
	const char *ask;

	unsigned int status;
	int complete, over;
};

/* `end` is behind the room for headers, and `p` where the next one goes. */
static int add_header(struct lws *wsi, const char *header, unsigned char **p,
		      unsigned char *end)
{
	const char *value = strchr(header, ':');
	char name[128];

	if (!value++)
		return -1;

	/* The colon is part of the name. */
	lws_strnncpy(name, header, (size_t)(value - header), sizeof(name));
	while (*value == ' ')
		value++;

	return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
					   (const unsigned char *)value,
					   (int)strlen(value), p, end);
}

static int add_request_headers(struct lws *wsi, const struct request *request,
			       unsigned char **p, unsigned char *end)
{
	for (int n = 1; n < request->argc - 2; n++)
		if (!strcmp(request->argv[n], "-H") &&
		    add_header(wsi, request->argv[n + 1], p, end)) {
			fprintf(stderr, "cannot send \"%s\"\n",
				request->argv[n + 1]);
			return -1;
		}

	return 0;
}

/* `name` is not terminated, and has its colon in it. */
static void print_custom_header(const char *name, int name_len, void *opaque)
{
	struct lws *wsi = (struct lws *)opaque;
	char value[1024];

	if (lws_hdr_custom_copy(wsi, value, sizeof(value), name, name_len) >= 0)
		printf("%.*s %s\n", name_len, name, value);
}

static void print_asked(struct lws *wsi, const char *ask)
{
	char name[128], value[1024];
	int len = lws_snprintf(name, sizeof(name), "%s:", ask);

	if (lws_hdr_custom_copy(wsi, value, sizeof(value), name, len) < 0)
		printf("no %s\n", ask);
	else
		printf("%s is \"%s\"\n", ask, value);
}

static int callback_client(struct lws *wsi, enum lws_callback_reasons reason,
			   void *user, void *in, size_t len)
{
	struct request *request = (struct request *)user;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		fprintf(stderr, "connection failed: %s\n",
			in ? (const char *)in : "no reason given");
		request->over = 1;
		break;

	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return add_request_headers(wsi, request, (unsigned char **)in,
					   *(unsigned char **)in + len);

	/* The headers are there in this callback, and are gone after it. */
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		request->status = lws_http_client_http_response(wsi);
		printf("status %u\n", request->status);
		/* libwebsockets knows these of HTTP/1.1 only. */
		lws_hdr_custom_name_foreach(wsi, print_custom_header, wsi);
		if (request->ask)
			print_asked(wsi, request->ask);
		break;

	/* The body has to be read, if only to get to its end. */
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: {
		char buf[LWS_PRE + 4096], *p = buf + LWS_PRE;
		int room = sizeof(buf) - LWS_PRE;

		return lws_http_client_read(wsi, &p, &room) < 0 ? -1 : 0;
	}

	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		return 0;

	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		request->complete = 1;
		request->over = 1;
		break;

	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		if (!request->complete)
			fprintf(stderr, "closed before the end\n");
		request->over = 1;
		break;

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static const struct lws_protocols protocols[] = {
	{ "http", callback_client, 0, 0, 0, NULL, 0 },
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

/*
 * Nonzero if it fails here and now; what happens later the callback is told.
 * `url` is taken apart in place.
 */
static int start_request(struct lws_context *context, char *url, int flags,
			 const char *alpn, struct request *request)
{
	struct lws_client_connect_info info;
	const char *scheme, *address, *path;
	char full_path[1024], host[300];
	int port;

	if (lws_parse_uri(url, &scheme, &address, &port, &path) ||
	    (strcmp(scheme, "http") && strcmp(scheme, "https"))) {
		fprintf(stderr, "not the URL of a web page\n");
		return 1;
	}
	if (!strcmp(scheme, "https"))
		flags |= LCCSCF_USE_SSL;
	lws_snprintf(full_path, sizeof(full_path), "/%s",
		     path[0] == '/' ? path + 1 : path);
	host_header(host, sizeof(host), address, port,
		    flags & LCCSCF_USE_SSL ? 443 : 80);

	memset(&info, 0, sizeof(info));
	info.context		= context;
	info.address		= address;
	info.port		= port;
	info.ssl_connection	= flags;
	info.path		= full_path;
	info.host		= host;
	info.method		= "GET";
	info.alpn		= alpn;
	info.protocol		= protocols[0].name;
	info.userdata		= request;

	return !lws_client_connect_via_info(&info);
}

int main(int argc, const char **argv)
{
	static struct request request;
	struct lws_context_creation_info info;
	struct lws_context *context;
	const char *option, *alpn = "h2,http/1.1";
	char url[2048];
	int flags = SERVER_QUIRKS, ok;

	setvbuf(stdout, NULL, _IOLBF, 0);
	option = lws_cmdline_option(argc, argv, "-d");
	lws_set_log_level(option ? atoi(option) : LLL_ERR | LLL_WARN, NULL);

	if (argc < 2) {
		fprintf(stderr, "usage: %s [options] URL\n", argv[0]);
		return 1;
	}
	request.argc = argc;
	request.argv = argv;
	request.ask = lws_cmdline_option(argc, argv, "--ask");
	lws_strncpy(url, argv[argc - 1], sizeof(url));
	if (lws_cmdline_option(argc, argv, "--h1"))
		alpn = "http/1.1";
	if (lws_cmdline_option(argc, argv, "--h2c"))
		flags |= LCCSCF_H2_PRIOR_KNOWLEDGE;
	if (lws_cmdline_option(argc, argv, "-k"))
		flags |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
			 LCCSCF_ALLOW_EXPIRED |
			 LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;

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

	if (start_request(context, url, flags, alpn, &request))
		request.over = 1;

	/* The second argument is historical: it waits for as long as it may. */
	while (!request.over && lws_service(context, 0) >= 0)
		;

	lws_context_destroy(context);

	ok = request.complete && request.status < 400;
	printf("Completed: %s\n", ok ? "OK" : "failed");

	return ok ? 0 : 1;
}
