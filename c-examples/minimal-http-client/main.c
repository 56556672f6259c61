/*
 * minimal-http-client
 *
 * Asks for one URL, and says what comes: status, headers, how far the body is.
 * HTTP/2 is spoken where the server does, redirects are followed.
 *
 *   build/minimal-http-client https://example.com/
 *   build/minimal-http-client --ca build/certs/localhost.crt https://localhost:7681/
 *   build/minimal-http-client --post README.md -o echo http://localhost:7681/dyn/echo
 *
 *   -o FILE       write the body to FILE; it is only counted otherwise
 *   --post FILE   send FILE, as the body of a POST
 *   --h1          HTTP/1.1 only
 *   --h2c         HTTP/2 without TLS, which the server must be known to speak
 *   --ca FILE     trust the certificates in FILE, PEM, beside the system's
 *   -k            accept any certificate
 *   --statistics  in the end, say what the library holds
 *   -d LEVELS     log levels to show, 15 shows the informative ones too
 *
 * The URL comes last. The exit code is 0 if all of the answer came, and its
 * status is below 400.
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>
#if defined(LWS_FERROWS)
#include <ferrows.h>
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* libwebsockets wants these for some servers of HTTP/2, and the option below
 * for nginx; ferrows does without. */
#define SERVER_QUIRKS	(LCCSCF_H2_QUIRK_NGHTTP2_END_STREAM | \
			 LCCSCF_H2_QUIRK_OVERFLOWS_TXCR)

#define CHUNK_SIZE	4096
#define PROGRESS_STEP	(16ULL * 1024 * 1024)

/* The callback gets it as `user`. */
struct request {
	FILE *upload;			/* the body we send */
	unsigned long long upload_size, to_send;

	FILE *output;			/* where the body that comes goes */
	unsigned long long received, shown;
	char length[32];		/* how long it will be, if that is known */

	unsigned int status;
	int complete;			/* all of the answer has come */
	int over;			/* nothing more will be heard of it */
};

/* A header that has no number of its own in the API. */
static void print_custom_header(const char *name, int name_len, void *opaque)
{
	char value[1024];

	if (lws_hdr_custom_copy((struct lws *)opaque, value, sizeof(value),
				name, name_len) >= 0)
		printf("%.*s %s\n", name_len, name, value);
}

static void print_headers(struct lws *wsi)
{
	for (int n = 0; n < WSI_TOKEN_COUNT; n++) {
		enum lws_token_indexes token = (enum lws_token_indexes)n;
		const char *name = (const char *)lws_token_to_string(token);
		size_t len = name ? strlen(name) : 0;
		char value[1024];

		/* Others are not headers, but parts of requests, or ":status". */
		if (len < 2 || name[0] == ':' || name[len - 1] != ':')
			continue;

		if (lws_hdr_copy(wsi, value, sizeof(value), token) > 0)
			printf("%s %s\n", name, value);
	}

	lws_hdr_custom_name_foreach(wsi, print_custom_header, wsi);
}

static void print_progress(const struct request *request)
{
	printf("received %llu bytes", request->received);
	if (request->length[0])
		printf(" of %s", request->length);
	printf("\n");
}

/* `end` is behind the room for headers, and `p` where the next one goes. */
static int add_request_headers(struct lws *wsi, struct request *request,
			       unsigned char **p, unsigned char *end)
{
	static const unsigned char type[] = "application/octet-stream";

	if (!request->upload || lws_http_is_redirected_to_get(wsi))
		return 0;

	/* Some redirects have it sent again. */
	rewind(request->upload);
	request->to_send = request->upload_size;

	if (lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, type,
					 sizeof(type) - 1, p, end) ||
	    lws_add_http_header_content_length(wsi, request->to_send, p, end))
		return -1;

	/* A body follows: it is asked for by CLIENT_HTTP_WRITEABLE. */
	if (request->to_send) {
		lws_client_http_body_pending(wsi, 1);
		lws_callback_on_writable(wsi);
	}

	return 0;
}

static int send_body(struct lws *wsi, struct request *request)
{
	unsigned char buf[LWS_PRE + CHUNK_SIZE];
	size_t len;
	int last;

	if (!request->to_send || lws_http_is_redirected_to_get(wsi))
		return 0;

	len = fread(buf + LWS_PRE, 1, CHUNK_SIZE, request->upload);
	if (!len || len > request->to_send) {
		fprintf(stderr, "the file has changed\n");
		return -1;
	}

	request->to_send -= len;
	last = !request->to_send;
	if (last)
		lws_client_http_body_pending(wsi, 0);
	else
		lws_callback_on_writable(wsi);

	return lws_write(wsi, buf + LWS_PRE, len, last ? LWS_WRITE_HTTP_FINAL :
					LWS_WRITE_HTTP) < (int)len ? -1 : 0;
}

static int receive_body(struct request *request, const void *in, size_t len)
{
	if (request->output && fwrite(in, 1, len, request->output) != len) {
		perror("cannot write the body");
		return -1;
	}

	request->received += len;
	if (request->received - request->shown >= PROGRESS_STEP) {
		request->shown = request->received;
		print_progress(request);
	}

	return 0;
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

	case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE:
		return send_body(wsi, request);

	/* The headers are there in this callback, and are gone after it. */
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		request->status = lws_http_client_http_response(wsi);
		lws_hdr_copy(wsi, request->length, sizeof(request->length),
			     WSI_TOKEN_HTTP_CONTENT_LENGTH);
		printf("status %u\n", request->status);
		print_headers(wsi);
		break;

	/* HTTP/1: there is something to read, and reading it calls us again... */
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: {
		char buf[LWS_PRE + CHUNK_SIZE], *p = buf + LWS_PRE;
		int room = CHUNK_SIZE;

		return lws_http_client_read(wsi, &p, &room) < 0 ? -1 : 0;
	}

	/* ...here, with a piece of the body, as HTTP/2 does at once. */
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		return receive_body(request, in, len);

	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		print_progress(request);
		request->complete = 1;
		request->over = 1;
		break;

	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		if (!request->complete)
			fprintf(stderr, "closed before the end, after %llu bytes\n",
				request->received);
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
	info.method		= request->upload ? "POST" : "GET";
	info.alpn		= alpn;
	info.protocol		= protocols[0].name;
	info.userdata		= request;

	return !lws_client_connect_via_info(&info);
}

/* The files named on the command line; nonzero if one cannot be used. */
static int open_files(struct request *request, const char *upload,
		      const char *output)
{
	struct stat status;

	if (upload) {
		request->upload = fopen(upload, "rb");
		if (!request->upload || fstat(fileno(request->upload), &status)) {
			perror(upload);
			return 1;
		}
		request->upload_size = (unsigned long long)status.st_size;
	}

	if (output) {
		request->output = fopen(output, "wb");
		if (!request->output) {
			perror(output);
			return 1;
		}
	}

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
	lws_strncpy(url, argv[argc - 1], sizeof(url));
	if (open_files(&request, lws_cmdline_option(argc, argv, "--post"),
		       lws_cmdline_option(argc, argv, "-o")))
		return 1;
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

	if (lws_cmdline_option(argc, argv, "--statistics"))
		print_statistics(context);
	lws_context_destroy(context);

	ok = request.complete && request.status < 400;
	if (request.output && fclose(request.output)) {
		perror("cannot write the body");
		ok = 0;
	}
	if (request.upload)
		fclose(request.upload);
	printf("Completed: %s\n", ok ? "OK" : "failed");

	return ok ? 0 : 1;
}
